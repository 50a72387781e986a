"""The articles' numbers, under the articles' names, and every bug of theirs that we must not have."""

from __future__ import annotations

import gc
import math
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.articles import s0, s2, s3, s4

# ---- S0: a Tensor that knows its creators ---------------------------------------------------------------------------


def s0_graph():
    a = s0.Tensor(2)
    b = a * 3
    c = a + 2
    d = b + 4
    return a, b, c, d, c * d


def test_s0_values():
    assert [float(t.data) for t in s0_graph()] == [2, 6, 4, 10, 40]


def test_s0_gradients_of_all_values_sum_over_paths():
    a, b, c, d, e = s0_graph()
    assert all(t.grad is None for t in (a, b, c, d, e))
    e.backward()
    assert [float(t.grad) for t in (e, d, c, b, a)] == [1, 4, 10, 4, 22]


def test_s0_a_tensor_knows_its_creators():
    a, _, _, _, e = s0_graph()
    assert (float(e.creators[0].data), float(e.creators[1].data), e.creation_op) == (4, 10, "mul")
    assert a.creators is None and a.creation_op is None


def test_s0_backward_seeds_one_or_what_is_given_and_constants_get_nothing():
    x, k = s0.Tensor([1.0, 2.0]), s0.Tensor([5.0, 5.0], requires_grad=False)
    y = x * k
    y.backward()
    assert x.grad.tolist() == [5, 5] and k.grad is None
    x = s0.Tensor([1.0, 2.0])
    (x * 3).backward(np.array([1.0, 10.0]))
    assert x.grad.tolist() == [3, 30]


def test_s0_matrix_product_and_transpose():
    rng = np.random.default_rng(0)
    A, B, g = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    a, b = s0.Tensor(A), s0.Tensor(B)
    a.mm(b).transpose().backward(g)
    np.testing.assert_allclose(a.grad, g.T @ B.T)
    np.testing.assert_allclose(b.grad, A.T @ g.T)


def test_s0_minus_and_negative_in_any_number_of_dimensions():
    for shape in ((), (3,), (2, 3), (2, 3, 4)):
        x, y = s0.Tensor(np.full(shape, 2.0)), s0.Tensor(np.full(shape, 5.0))
        z = -(x - y)
        z.backward()
        assert (z.data == 3).all() and (x.grad == -1).all() and (y.grad == 1).all()


def test_s0_broadcasting_is_undone():
    a, C = s0.Tensor([2, 2, 3]), s0.Tensor([[1, 2, 3], [2, 3, 4], [3, 4, 5]])
    d = a * C
    d.backward(np.ones((3, 3)))
    assert d.data.tolist() == [[2, 4, 9], [4, 6, 12], [6, 8, 15]]
    assert a.grad.tolist() == [6, 9, 12]
    assert C.grad.tolist() == [[2, 2, 3]] * 3


def test_s0_the_incoming_cotangent_is_passed_on_not_the_sum_so_far():
    a = s0.Tensor(1.0)
    b = a * 1
    (b + b).backward()
    assert float(a.grad) == 2  # the article: 3


def test_s0_a_true_gradient_of_minus_one_stays():
    a = s0.Tensor(1.0)
    (-a).backward()
    assert float(a.grad) == -1  # the article: +1


def test_s0_python_numbers_and_arrays_are_operands_on_both_sides():
    a = s0.Tensor(2.0)
    y = 1 + 3 * a - (10 - a) + np.float64(1) * a
    y.backward()
    assert float(y.data) == 1 and float(a.grad) == 5
    row = s0.Tensor([1.0, 2.0])
    (np.array([3.0, 4.0]) * row).backward()
    assert row.grad.tolist() == [3, 4]


def test_s0_many_paths_take_linear_time_and_no_recursion():
    a = s0.Tensor(1.0)
    x = a
    for _ in range(60):  # 2**60 paths
        x = x + x
    x.backward()
    assert float(a.grad) == 2.0**60
    a = x = s0.Tensor(1.0)
    for _ in range(5000):
        x = x + 1
    x.backward()
    assert float(a.grad) == 1


# ---- S1: PyTorch's names --------------------------------------------------------------------------------------------


def test_s1_printed_graph_and_gradient():
    x = cr.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    out = z.mean()
    assert repr(y.grad_fn).startswith("<AddBackward0") and repr(z.grad_fn).startswith("<MulBackward0")
    assert out.item() == 27
    out.backward()
    assert str(x.grad) == "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])"


def test_s1_gradients_accumulate_until_cleared():
    w = cr.tensor([1.0], requires_grad=True)
    for expected in (2.0, 4.0, 6.0):
        (w * 2).backward()
        assert w.grad.item() == expected
    w.grad.zero_()
    (w * 2).backward()
    assert w.grad.item() == 2
    optimizer = cr.optim.SGD([w], lr=0.1)
    optimizer.zero_grad()
    assert w.grad is None or w.grad.item() == 0


def test_s1_a_custom_function():
    class Square(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    x = cr.tensor([3.0, 4.0], requires_grad=True)
    Square.apply(x).sum().backward()
    assert x.grad.tolist() == [6, 8]


def test_s1_the_linear_regression_program():
    import chainrule as torch
    from chainrule import nn

    np.random.seed(0)
    X = np.random.rand(100, 1)
    Y = 2 + 3 * X + 0.1 * np.random.randn(100, 1)
    X_tensor, Y_tensor = torch.from_numpy(X).float(), torch.from_numpy(Y).float()
    w = torch.tensor([1.0], requires_grad=True)
    b = torch.tensor([1.0], requires_grad=True)
    loss_fn = nn.MSELoss()
    lr, losses = 0.01, []
    for epoch in range(1000):
        loss = loss_fn(X_tensor * w + b, Y_tensor)
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
        w.grad.zero_()
        b.grad.zero_()
        if (epoch + 1) % 100 == 0:
            losses.append(round(loss.item(), 4))
    assert losses == [0.1273, 0.0782, 0.0620, 0.0497, 0.0404, 0.0332, 0.0277, 0.0235, 0.0203, 0.0179]
    assert w.item() == pytest.approx(2.68684983, abs=1e-5) and b.item() == pytest.approx(2.17771578, abs=1e-5)


# ---- S2: a scalar Value ---------------------------------------------------------------------------------------------


def s2_graph():
    a, b, c, f = (s2.Value(x, label=n) for x, n in ((2.0, "a"), (-3.0, "b"), (10.0, "c"), (-2.0, "f")))
    e = a * b
    d = e + c
    L = d * f
    e.label, d.label, L.label = "e", "d", "L"
    return a, b, c, d, e, f, L


def test_s2_values_labels_and_predecessors():
    a, b, _, d, e, f, L = s2_graph()
    assert (e.data, d.data, L.data) == (-6, 4, -8)
    assert repr(L) == "Value(data=-8.0)" and L.op == L._op == "*" and L.prev == L._prev == (d, f)
    assert [v.label for v in L.ancestors()] == ["a", "b", "e", "c", "d", "f", "L"]
    assert a.op == "" and a.prev == () and e.prev == (a, b)


def test_s2_gradients():
    values = a, b, c, d, e, f, L = s2_graph()
    assert [v.grad for v in values] == [0] * 7
    L.backward()
    assert [v.grad for v in (L, d, f, c, e, a, b)] == [1, -2, 4, -2, -2, 6, -4]


def test_s2_one_value_feeding_two():
    a, b = s2.Value(-2.0), s2.Value(3.0)
    f = (a * b) * (a + b)
    f.backward()
    assert (f.data, a.grad, b.grad) == (-6, -3, -8)


def test_s2_the_operations_a_user_expects():
    functions = {
        "tanh": (lambda v: v.tanh(), 1 - math.tanh(0.7) ** 2),
        "exp": (lambda v: v.exp(), math.exp(0.7)),
        "log": (lambda v: v.log(), 1 / 0.7),
        "relu": (lambda v: v.relu(), 1.0),
        "sigmoid": (lambda v: v.sigmoid(), math.exp(-0.7) / (1 + math.exp(-0.7)) ** 2),
        "**": (lambda v: v**3, 3 * 0.7**2),
        "/": (lambda v: 2 / v, -2 / 0.7**2),
        "-": (lambda v: 1 - v - 2, -1.0),
        "2**": (lambda v: 2**v, math.log(2) * 2**0.7),
    }
    for name, (f, expected) in functions.items():
        v = s2.Value(0.7)
        f(v).backward()
        assert v.grad == pytest.approx(expected, rel=1e-12), name


def test_s2_tanh_of_large_numbers():
    for x in (400.0, -400.0, 1e300):
        v = s2.Value(x)
        y = v.tanh()
        y.backward()
        assert (y.data, v.grad) == (math.copysign(1, x), 0)  # the article: OverflowError


def test_s2_ten_thousand_operations():
    v = y = s2.Value(1.0)
    for _ in range(10_000):
        y = y * 1.0
    y.backward()
    assert v.grad == 1  # the article: RecursionError
    del y


def test_s2_a_second_backward_accumulates():
    a, *_, L = s2_graph()
    L.backward()
    L.backward()
    assert a.grad == 12  # the article: 24


def test_s2_memory_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        *_, L = s2_graph()
        L.backward()
        watch = weakref.ref(L.prev[0])
        del L, _
        assert watch() is None
    finally:
        gc.enable()


def test_s2_a_value_can_be_trained():
    w = s2.Value(0.0)
    for _ in range(100):
        loss = (w - 3.0) ** 2
        w.grad = 0.0
        loss.backward()
        w.data += -0.1 * w.grad
    assert w.data == pytest.approx(3.0, abs=1e-6)
    with pytest.raises(ValueError, match="was computed"):
        loss.data = 1.0


# ---- S3: matrix calculus --------------------------------------------------------------------------------------------


@pytest.fixture
def square():
    rng = np.random.default_rng(3)
    return rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(3, 3)), rng.normal(size=(3, 3))


def test_s3_two_layouts(square):
    X, dX, A = square
    f = lambda X: (cr.tensor(A) * X.sin()).sum()  # noqa: E731
    G = s3.gradient_matrix(f, X)
    assert s3.differential(f, X, dX) == pytest.approx(np.trace(G.T @ dX), rel=1e-12)
    np.testing.assert_array_equal(s3.jacobian_layout(f, X), G.T)


DIFFERENTIALS = {
    "d(X + Y) = dX + dY": (lambda X, A: X + 2 * X, lambda X, dX, A: dX + 2 * dX),
    "d(X - Y) = dX - dY": (lambda X, A: X - A * X, lambda X, dX, A: dX - A * dX),
    "d(XY) = dX Y + X dY": (
        lambda X, A: (X @ A) @ (A @ X),
        lambda X, dX, A: (dX @ A) @ (A @ X) + (X @ A) @ (A @ dX),
    ),
    "d(X^T) = (dX)^T": (lambda X, A: X.mT, lambda X, dX, A: dX.T),
    "d tr X = tr dX": (lambda X, A: X.trace(), lambda X, dX, A: np.trace(dX)),
    "d X^-1 = -X^-1 dX X^-1": (
        lambda X, A: cr.linalg.inv(X),
        lambda X, dX, A: -np.linalg.inv(X) @ dX @ np.linalg.inv(X),
    ),
    "d det X = det X tr(X^-1 dX)": (
        lambda X, A: cr.linalg.det(X),
        lambda X, dX, A: np.linalg.det(X) * np.trace(np.linalg.inv(X) @ dX),
    ),
    "d(X . Y) = dX . Y + X . dY": (lambda X, A: (X * A) * X, lambda X, dX, A: dX * A * X + X * A * dX),
    "d s(X) = s'(X) . dX": (lambda X, A: X.tanh(), lambda X, dX, A: (1 - np.tanh(X) ** 2) * dX),
}


@pytest.mark.parametrize("rule", DIFFERENTIALS)
def test_s3_differential_rule(rule, square):
    X, dX, A = square
    f, expected = DIFFERENTIALS[rule]
    np.testing.assert_allclose(s3.differential(lambda X: f(X, cr.tensor(A)), X, dX), expected(X, dX, A), rtol=1e-10)


def test_s3_trace_tricks(square):
    A, B, C = (cr.tensor(m) for m in square)
    a = cr.tensor([[2.5]])
    assert a.trace() == a.item()
    close = lambda x, y: x.item() == pytest.approx(y.item(), rel=1e-12)  # noqa: E731
    assert close(A.mT.trace(), A.trace())
    assert close((2 * A + 3 * B).trace(), 2 * A.trace() + 3 * B.trace())
    assert close((A @ B).trace(), (B @ A).trace())
    assert close((A.mT @ (B * C)).trace(), ((A * B).mT @ C).trace())


def test_s3_gradient_of_a_exp_Xb(square):
    X, A, _ = square
    a, b = A[:, :1], A[:, 1:2]
    found = s3.gradient_matrix(lambda X: (cr.tensor(a).mT @ (X @ cr.tensor(b)).exp()).sum(), X)
    np.testing.assert_allclose(found, (a * np.exp(X @ b)) @ b.T, rtol=1e-12)


def test_s3_reused_leaf():
    x, y = s3.Matrix([[1.0]]), s3.Matrix([[2.0]])
    z = (y + x) * x
    z.backward()
    assert (z.data.item(), x.grad.item(), y.grad.item()) == (3, 4, 1)


def test_s3_two_branches():
    w1, w2, w3, w4, a = (s3.Matrix([[v]]) for v in (2.0, 3.0, 5.0, 7.0, 11.0))
    b, c = w1 * a, w2 * a
    L = 10 - (w3 * b + w4 * c)
    L.backward()
    assert w1.grad.item() == -5 * 11 and a.grad.item() == -(5 * 2 + 7 * 3)


def test_s3_concat_passes_the_other_through_and_has_gradients():
    x, y = s3.Matrix([[1.0, 2.0]]), s3.Matrix([[3.0, 4.0]])
    assert s3.concat(None, x) is x and s3.concat(x, None) is x
    z = s3.concat(x, y)  # the article: crashes
    (z * np.array([[1.0, 2.0], [3.0, 4.0]])).backward()
    assert z.data.tolist() == [[1, 2], [3, 4]]
    assert x.grad.tolist() == [[1, 2]] and y.grad.tolist() == [[3, 4]]
    wide = s3.concat(x, y, axis=1)
    assert wide.data.tolist() == [[1, 2, 3, 4]]


def test_s3_operations_and_broadcasting():
    x, bias = s3.Matrix([[1.0, -2.0], [3.0, 4.0]]), s3.Matrix([[10.0, -1.0]])
    y = ((x @ x.T) * x - (-x)).relu() + bias
    y.sum().backward()
    X = x.data
    inner = (X @ X.T) * X + X
    m = (inner > 0).astype(float)
    g = m * X
    np.testing.assert_allclose(x.grad, m * (X @ X.T) + g @ X + g.T @ X + m)
    assert bias.grad.tolist() == [[2, 2]]


def network_of_s3(lib, w1, w2, b1, b2, x, y):
    return (((x @ w1 + b1).relu() @ w2 + b2 - y) ** 2).sum()


@pytest.mark.oracle
def test_s3_network_gradients_are_torchs():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    weights = [rng.uniform(-1, 1, s) for s in ((2, 5), (5, 1), (1, 5), (1, 1))]
    x = rng.uniform(-math.pi, math.pi, (100, 2))
    y = np.sin(x[:, :1]) + np.cos(x[:, 1:])
    found = {}
    for lib in (cr, torch):
        leaves = [lib.tensor(w, requires_grad=True) for w in weights]
        network_of_s3(lib, *leaves, lib.tensor(x), lib.tensor(y)).backward()
        found[lib] = [w.grad.numpy() for w in leaves]
    for ours, theirs in zip(found[cr], found[torch], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_s3_network_gradients_are_differences():
    rng = np.random.default_rng(0)
    weights = [rng.uniform(-1, 1, s) for s in ((2, 5), (5, 1), (1, 5), (1, 1))]
    x = rng.uniform(-math.pi, math.pi, (100, 2))
    y = np.sin(x[:, :1]) + np.cos(x[:, 1:])
    leaves = [cr.tensor(w, requires_grad=True) for w in weights]
    network_of_s3(cr, *leaves, cr.tensor(x), cr.tensor(y)).backward()

    def loss(ws):
        return ((np.maximum(x @ ws[0] + ws[2], 0) @ ws[1] + ws[3] - y) ** 2).sum()

    for i, leaf in enumerate(leaves):
        way = rng.normal(size=weights[i].shape)
        up, down = ([w + s * 1e-6 * way if k == i else w for k, w in enumerate(weights)] for s in (1, -1))
        assert (leaf.grad.numpy() * way).sum() == pytest.approx((loss(up) - loss(down)) / 2e-6, rel=1e-6)


def test_s3_cost_does_not_double_with_each_shared_node():
    ran = []

    class Counted(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x + x

        @staticmethod
        def backward(ctx, g):
            ran.append(1)
            return 2 * g

    x = y = cr.tensor(1.0, requires_grad=True)
    for _ in range(30):
        y = Counted.apply(y) + y
    y.backward()
    assert len(ran) == 30 and x.grad.item() == pytest.approx(3.0**30)


# ---- S4: Op, Node, Executor -----------------------------------------------------------------------------------------


def of_s4(lib):
    return lambda x1, x2: lib.log(x1) + x1 * x2 - lib.sin(x2)


EXACT = (1 / 2 + 5, 2 - math.cos(5))


def test_s4_four_ways_agree():
    f = of_s4(cr)
    assert s4.reverse(f, 2.0, 5.0) == pytest.approx(EXACT, rel=1e-14)
    assert s4.forward(f, 2.0, 5.0) == pytest.approx(EXACT, rel=1e-14)
    assert s4.numerical(of_s4(math), 2.0, 5.0) == pytest.approx(EXACT, rel=1e-7)


def test_s4_eager_nodes_are_evaluated_as_they_are_made():
    x1, x2 = s4.variable(2.0, "x1"), s4.variable(5.0, "x2")
    v1, v2, v3 = s4.ln(x1), x1 * x2, s4.sin(x2)
    v4 = v1 + v2
    v5 = v4 - v3
    trace = [v.value for v in (v1, v2, v3, v4, v5)]
    assert [round(v, 3) for v in trace] == [0.693, 10, -0.959, 10.693, 11.652]
    assert s4.Executor(v5).gradients(x1, x2) == pytest.approx(EXACT)
    assert (v5.grad, v4.grad, v1.grad, v2.grad, v3.grad) == (1, 1, 1, 1, -1)


def test_s4_lazy_graph_has_no_values_and_runs_again_and_again():
    x1, x2 = s4.placeholder("x1"), s4.placeholder("x2")
    unused = x1 * x2 * x2
    y = s4.ln(x1) + x1 * x2 - s4.sin(x2)
    assert y.value is None and unused.value is None
    run = s4.Executor(y)
    assert unused not in run.order and len(run.order) == 7  # pruned: x1, x2 and five operations
    position = {node: i for i, node in enumerate(run.order)}
    assert all(position[x] < position[n] for n in run.order for x in n.inputs)
    assert round(run({x1: 2.0, x2: 5.0}), 3) == 11.652
    assert [round(g, 3) for g in run.gradients(x1, x2)] == [5.5, 1.716]
    assert run({x1: 1.0, x2: 0.0}) == 0
    assert run.gradients(x1, x2) == [1, 0]
    assert unused.value is None


def test_s4_needs_values_for_its_inputs():
    x1, x2 = s4.placeholder("x1"), s4.placeholder("x2")
    run = s4.Executor(x1 + x2)
    with pytest.raises(ValueError, match="no values yet"):
        run.gradients(x1)
    with pytest.raises(ValueError, match="no value for the input x2"):
        run({x1: 1.0})


def test_s4_ops_are_stateless():
    assert s4.mul.compute(3.0, 4.0).item() == 12 and s4.mul.gradient(2.0, 3.0, 4.0) == [8, 6]
    assert s4.sub.gradient(1.0, 3.0, 4.0) == [1, -1] and s4.add.gradient(1.0, 3.0, 4.0) == [1, 1]
    assert s4.identity.compute(3.0).item() == 3 and s4.identity.gradient(5.0, 3.0) == [5]
    assert s4.ln.gradient(1.0, 4.0) == [0.25] and s4.sin.gradient(1.0, 0.0) == [1]
    with pytest.raises(TypeError, match="Mul takes 2 inputs"):
        s4.mul(s4.variable(1.0))


def test_s4_a_shared_intermediate_is_propagated_once():
    x = s4.variable(3.0)
    shared = x + 1
    assert s4.Executor(shared * shared).gradients(x) == [8]  # the article: 16


def test_s4_a_second_gradients_does_not_accumulate():
    x = s4.placeholder("x")
    run = s4.Executor(x * x)
    run({x: 3.0})
    assert run.gradients(x) == run.gradients(x) == [6]
    assert x.grad == 6


def test_s4_long_chains_need_no_recursion():
    x = y = s4.placeholder("x")
    for _ in range(5000):
        y = y + 1
    run = s4.Executor(y)
    assert run({x: 1.0}) == 5001 and run.gradients(x) == [1]
