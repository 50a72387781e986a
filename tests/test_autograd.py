"""autograd: the sweep, accumulation, graph retention, switches, hooks, custom functions, checks."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule import autograd


def leaf(*values, dtype=cr.float64):
    return cr.tensor(values if len(values) > 1 else values[0], dtype=dtype, requires_grad=True)


def test_a_reused_value_sums_over_its_paths():
    a = leaf(2.0)
    e = (a + 2) * (a * 3 + 4)
    e.backward()
    assert a.grad.item() == 22.0


def test_incoming_cotangent_and_accumulated_grad_are_kept_apart():
    a = leaf(1.0)
    b = a * 1
    b.retain_grad()
    f = b + b
    f.backward()
    assert a.grad.item() == 2.0 and b.grad.item() == 2.0


def test_gradients_accumulate_over_calls():
    x = leaf(3.0)
    for _ in range(3):
        (x * x).backward()
    assert x.grad.item() == 18.0


def test_second_backward_through_freed_graph_names_the_operation_and_line():
    x = leaf(2.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match=r"second time.*mul.*test_autograd.py"):
        y.backward()


def test_second_backward_with_retain_graph_accumulates():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8.0


def test_grad_leaves_dot_grad_alone_and_refuses_unused():
    x, z = leaf(2.0), leaf(1.0)
    (g,) = autograd.grad(x**2, x)
    assert g.item() == 4.0 and x.grad is None
    with pytest.raises(RuntimeError, match="allow_unused"):
        autograd.grad(x * 2, [x, z])
    assert autograd.grad(x * 2, [x, z], allow_unused=True)[1] is None
    assert autograd.grad(x * 2, [x, z], materialize_grads=True)[1].item() == 0.0


def test_grad_with_respect_to_an_intermediate_and_its_source():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    gx, gy = autograd.grad(z, [x, y])
    assert gx.item() == 12.0 and gy.item() == 3.0


def test_results_of_one_call_do_not_share_memory():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]


def test_third_derivative():
    x = leaf(0.7)
    y = cr.tanh(x)
    for _ in range(3):
        (y,) = autograd.grad(y, x, create_graph=True)
    t = np.tanh(0.7)
    s = 1 - t * t
    assert y.item() == pytest.approx(-2 * s * (s - 2 * t * t), rel=1e-12)


def test_backward_of_a_vector_needs_a_gradient_of_its_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"scalar outputs.*\(2,\)"):
        (x * x).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * x).backward(cr.ones(3, dtype=cr.float64))
    (x * x).backward(cr.tensor([1.0, 10.0], dtype=cr.float64))
    assert x.grad.tolist() == [2.0, 40.0]


def test_backward_of_something_not_recorded_says_so():
    with pytest.raises(RuntimeError, match="does not require grad"):
        cr.ones(1).backward()
    x = leaf(1.0)
    with cr.no_grad():
        y = x * 2
    with pytest.raises(RuntimeError, match=r"cut by no_grad at test_autograd.py:\d+: `y = x \* 2`"):
        y.backward()


def test_backward_inputs_accumulates_only_there():
    x, y = leaf(1.0), leaf(2.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 2.0 and y.grad is None


@pytest.mark.parametrize("n", [1_000_000])
def test_a_long_chain_needs_no_recursion(n):
    x = leaf(1.0)
    y = x
    for _ in range(n):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_value_reused_many_times_costs_one_visit():
    x = leaf(1.0)
    y = x * 1.0
    total = y
    for _ in range(10_000):
        total = total + y
    total.backward()
    assert x.grad.item() == 10_001.0


def test_doubling_sixty_times_is_linear_work():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad.item() == 2.0**60


def test_a_tape_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones(100))
        data = weakref.ref(x._data)
        y = cr.tanh(x * x + 1).sum()
        node = y.grad_fn
        kept = weakref.ref(x)
        del x, y, node
        assert kept() is None and data() is None
    finally:
        gc.enable()


def test_a_backward_leaves_no_cycles():
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones(3))
        y = (x * x).sum()
        (g,) = autograd.grad(y, x, create_graph=True)
        kept = weakref.ref(y)
        del y, g
        assert kept() is None
    finally:
        gc.enable()


def test_no_grad_as_context_decorator_and_generator():
    x = leaf(1.0)

    @cr.no_grad()
    def f():
        return x * 2

    @cr.no_grad
    def g():
        yield x * 2

    with cr.no_grad():
        assert not (x * 2).requires_grad
        with cr.enable_grad():
            assert (x * 2).requires_grad
    assert not f().requires_grad and not next(g()).requires_grad and (x * 2).requires_grad
    cr.set_grad_enabled(False)
    try:
        assert not cr.is_grad_enabled()
    finally:
        cr.set_grad_enabled(True)


def test_modes_are_restored_after_an_exception():
    with pytest.raises(ZeroDivisionError), cr.no_grad():
        raise ZeroDivisionError
    assert cr.is_grad_enabled()


def test_modes_belong_to_their_thread():
    import threading

    seen = []
    with cr.no_grad():
        t = threading.Thread(target=lambda: seen.append(cr.is_grad_enabled()))
        t.start()
        t.join()
    assert seen == [True]


def test_tensor_hook_replaces_the_gradient_and_can_be_removed():
    x = leaf(3.0)
    handle = x.register_hook(lambda g: g * 10)
    (x * 2).backward()
    assert x.grad.item() == 20.0
    handle.remove()
    x.grad = None
    (x * 2).backward()
    assert x.grad.item() == 2.0


def test_hook_on_an_intermediate():
    x = leaf(3.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    (y * 5).backward()
    assert seen == [5.0] and x.grad.item() == 10.0


def test_post_accumulate_hook_sees_the_gradient():
    x = leaf(3.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).backward()
    assert seen == [2.0]


def test_node_hooks():
    x = leaf(3.0)
    y = x * 2
    seen = []
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi[0].item(), go[0].item())))
    y.grad_fn.register_prehook(lambda go: (go[0] * 3,))
    y.backward()
    assert seen == [(6.0, 3.0)] and x.grad.item() == 6.0


def test_grad_fn_names_and_edges():
    x = leaf(3.0)
    y = x * 2 + 1
    assert y.grad_fn.name() == "AddBackward0"
    (parent, index), *_ = y.grad_fn.next_functions
    assert parent.name() == "MulBackward0" and index == 0
    assert parent.next_functions[0][0].name() == "AccumulateGrad"
    assert parent.next_functions[0][0].variable is x


def test_saved_tensors_hooks_pack_and_unpack():
    x = leaf(3.0)
    packed = []

    def pack(t):
        packed.append(t)
        return t.numpy().copy()

    with autograd.graph.saved_tensors_hooks(pack, lambda a: cr.from_numpy(a)):
        y = x * x
    y.backward()
    assert len(packed) == 2 and x.grad.item() == 6.0


class Cube(autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


def test_function_first_and_second_derivative():
    x = leaf(2.0)
    (g,) = autograd.grad(Cube.apply(x), x, create_graph=True)
    assert g.item() == 12.0
    (h,) = autograd.grad(g, x)
    assert h.item() == 12.0
    assert autograd.gradcheck(Cube.apply, (leaf(1.0, 2.0),)) and autograd.gradgradcheck(Cube.apply, (leaf(1.0, 2.0),))


def test_function_with_setup_context_saved_output_and_two_results():
    class ExpPair(autograd.Function):
        @staticmethod
        def forward(x, k):
            return cr.exp(x), x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]
            ctx.save_for_backward(output[0])
            ctx.mark_non_differentiable(output[1])

        @staticmethod
        def backward(ctx, g, g_other):
            (y,) = ctx.saved_tensors
            return g * y, None

    x = leaf(0.5, 1.0)
    y, other = ExpPair.apply(x, 3)
    assert not other.requires_grad
    (g,) = autograd.grad(y.sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), np.exp([0.5, 1.0]))
    (h,) = autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), np.exp([0.5, 1.0]))


def test_function_needs_input_grad_and_wrong_number_of_gradients():
    class Two(autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            assert ctx.needs_input_grad == (True, False)
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="expected 2, got 1"):
        Two.apply(leaf(1.0), cr.tensor(2.0, dtype=cr.float64)).backward()


def test_function_mark_dirty():
    class AddOne(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf(1.0)
    y = x * 2
    z = AddOne.apply(y)
    assert z is y
    z.backward()
    assert x.grad.item() == 10.0


def test_once_differentiable_refuses_a_second_derivative():
    class Square(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @autograd.function.once_differentiable
        def backward(ctx, g):
            return 2 * ctx.saved_tensors[0] * g

    x = leaf(3.0)
    (g,) = autograd.grad(Square.apply(x), x, create_graph=True)
    assert g.item() == 6.0
    with pytest.raises(RuntimeError, match="once_differentiable"):
        g.backward()


def test_gradcheck_catches_a_wrong_rule_and_names_the_argument():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y, g * y

    with pytest.raises(RuntimeError, match="with respect to input 1"):
        autograd.gradcheck(Wrong.apply, (leaf(1.0, 2.0), leaf(3.0, 5.0)))
    assert autograd.gradcheck(Wrong.apply, (leaf(1.0, 2.0), leaf(3.0, 5.0)), raise_exception=False) is False


def test_gradcheck_complex():
    x = cr.tensor([1 + 2j, -0.5 + 0.3j], dtype=cr.complex128, requires_grad=True)
    assert autograd.gradcheck(lambda x: x * x, (x,))


def test_detect_anomaly_names_the_forward_line():
    class Bad(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * float("nan")

    x = leaf(1.0)
    y = Bad.apply(x)
    with pytest.raises(RuntimeError, match="BadBackward.*nan"), autograd.detect_anomaly():
        y.backward()


def test_integer_tensors_cannot_require_grad():
    with pytest.raises(RuntimeError, match="floating point and complex"):
        cr.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match="floating point and complex"):
        cr.tensor([1, 2]).requires_grad_()


def test_grad_setter_checks_type_and_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError):
        x.grad = 3
    with pytest.raises(RuntimeError, match="different size"):
        x.grad = cr.ones(3, dtype=cr.float64)
    assert x.grad is None


def test_nodes_are_of_classes_with_pytorchs_names():
    x = cr.ones(2, 2, requires_grad=True)
    y = (x * 2 + x).sum(0).mean()
    names = []
    node = y.grad_fn
    while node is not None:
        names.append(type(node).__name__)
        node = node.next_functions[0][0] if node.next_functions else None
    assert names == ["MeanBackward0", "SumBackward1", "AddBackward0", "MulBackward0", "AccumulateGrad"]
    y.backward()
    assert x.grad.tolist() == [[1.5, 1.5], [1.5, 1.5]]
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x.t()", "TBackward0"),
        ("x.transpose(0, 1)", "TransposeBackward0"),
        ("x.unsqueeze(0)", "UnsqueezeBackward0"),
        ("x[:, 0]", "SelectBackward0"),
        ("x[0:1]", "SliceBackward0"),
        ("x @ x[0]", "MvBackward0"),
        ("F.linear(x, x)", "MmBackward0"),
        ("F.linear(x, x, x[0])", "AddmmBackward0"),
        ("F.mse_loss(x, 2 * x)", "MseLossBackward0"),
        ("F.cross_entropy(x, cr.tensor([0, 1]))", "NllLossBackward0"),
        ("F.layer_norm(x, (2,), x[0], x[1])", "NativeLayerNormBackward0"),
        ("x.masked_fill(x > 0, 0.0)", "MaskedFillBackward0"),
        ("x.squeeze(0)", "SqueezeBackward1"),
    ],
)
def test_composites_bear_pytorchs_names(text, name):
    x = cr.ones(2, 2, requires_grad=True)
    before = type(x.exp().grad_fn).__name__
    assert type(eval(text, {"x": x, "cr": cr, "F": cr.nn.functional}).grad_fn).__name__ == name
    assert before == type(x.exp().grad_fn).__name__ == "ExpBackward0"
