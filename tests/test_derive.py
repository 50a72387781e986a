"""explain.derive: golden derivations, every identity of matrix calculus, and random programs against the engine."""

# ruff: noqa: RUF001  (the golden formulas are written with mathematical letters)
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError, GraphError, NotDifferentiableError
from chainrule.explain import derive
from chainrule.explain.derive import expr as e
from chainrule.explain.derive.evaluate import evaluate

F = cr.nn.functional
GOLDEN = Path(__file__).parent / "golden" / "derive"
DATA = {"X": "m n", "w": "n", "y": "m"}
SQUARE = {"X": "n n"}
SAME = {"X": "m n", "Y": "m n"}
NETWORK = {"X": "n p", "W1": "p h", "b1": "h", "W2": "h q", "b2": "q", "Y": "n q"}


def logistic(X, w, y):
    p = cr.sigmoid(X @ w)
    return -(y * cr.log(p) + (1 - y) * cr.log(1 - p)).sum()


def network(activation):
    def loss(X, W1, b1, W2, b2, Y):
        return ((activation(X @ W1 + b1) @ W2 + b2 - Y) ** 2).sum()

    return loss


def article(w1, w2, w3, w4, a):
    b, c = w1 * a, w2 * a
    return 10 - (w3 * b + w4 * c)


# name: (function, arguments of derive, result)
CASES = {
    "exponential": (
        lambda a, X, b: a @ cr.exp(X @ b),
        {"wrt": "X", "shapes": {"a": "m", "X": "m n", "b": "n"}},
        "(a ⊙ exp(X b)) bᵀ",
    ),
    "least_squares": (lambda X, w, y: ((X @ w - y) ** 2).sum(), {"wrt": "w", "shapes": DATA}, "2 Xᵀ (X w - y)"),
    "mean_squares": (lambda X, w, y: F.mse_loss(X @ w, y), {"wrt": "w", "shapes": DATA}, "(2/m) Xᵀ (X w - y)"),
    "norm_squares": (lambda X, w, y: cr.linalg.norm(X @ w - y) ** 2, {"wrt": "w", "shapes": DATA}, "2 Xᵀ (X w - y)"),
    "ridge": (
        lambda X, w, y, lam: ((X @ w - y) ** 2).sum() + lam * (w @ w),
        {"wrt": "w", "shapes": DATA},
        "2 Xᵀ (X w - y) + 2 λ w",
    ),
    "logistic": (logistic, {"wrt": "w", "shapes": DATA}, "Xᵀ (σ(X w) - y)"),
    "logistic_from_logits": (
        lambda X, w, y: F.binary_cross_entropy_with_logits(X @ w, y, reduction="sum"),
        {"wrt": "w", "shapes": DATA},
        "Xᵀ (σ(X w) - y)",
    ),
    "logdet": (lambda X: cr.logdet(X), {"shapes": SQUARE}, "X⁻ᵀ"),
    "logdet_symmetric": (lambda X: cr.logdet(X), {"shapes": SQUARE, "symmetric": ["X"]}, "X⁻¹"),
    "slogdet": (lambda X: cr.linalg.slogdet(X)[1], {"shapes": SQUARE}, "X⁻ᵀ"),
    "det": (lambda X: cr.linalg.det(X), {"shapes": SQUARE}, "det(X) X⁻ᵀ"),
    "trace": (lambda X: cr.trace(X), {"shapes": SQUARE}, "I"),
    "trace_axb": (
        lambda A, X, B: cr.trace(A @ X @ B),
        {"wrt": "X", "shapes": {"A": "p m", "X": "m n", "B": "n p"}},
        "Aᵀ Bᵀ",
    ),
    "trace_quadratic": (
        lambda A, X: cr.trace(X.T @ A @ X),
        {"wrt": "X", "shapes": {"A": "m m", "X": "m n"}},
        "(A + Aᵀ) X",
    ),
    "trace_inverse": (
        lambda A, X: cr.trace(A @ cr.linalg.inv(X)),
        {"wrt": "X", "shapes": {"A": "n n", "X": "n n"}},
        "-X⁻ᵀ Aᵀ X⁻ᵀ",
    ),
    "quadratic": (lambda A, x: x @ A @ x, {"wrt": "x", "shapes": {"A": "n n", "x": "n"}}, "(A + Aᵀ) x"),
    "quadratic_symmetric": (
        lambda A, x: x @ A @ x,
        {"wrt": "x", "shapes": {"A": "n n", "x": "n"}, "symmetric": ["A"]},
        "2 A x",
    ),
    "frobenius": (lambda X: (X * X).sum(), {"shapes": {"X": "m n"}}, "2 X"),
    "norm": (lambda X: cr.linalg.norm(X), {"shapes": {"X": "m n"}}, "(1/‖X‖_F) X"),
    "sum": (lambda x: x.sum(), {"shapes": {"x": "n"}}, "𝟏"),
    "sum_of_matrix": (lambda X: X.sum(), {"shapes": {"X": "m n"}}, "𝟏 𝟏ᵀ"),
    "cross_entropy": (
        lambda z, y: -(y * cr.log_softmax(z, 0)).sum(),
        {"wrt": "z", "shapes": {"z": "n", "y": "n"}, "probability": ["y"]},
        "softmax(z) - y",
    ),
    "cross_entropy_in_full": (
        lambda z, y: -(y * cr.log(cr.softmax(z, 0))).sum(),
        {"wrt": "z", "shapes": {"z": "n", "y": "n"}, "probability": ["y"]},
        "softmax(z) - y",
    ),
    "cross_entropy_by_logsumexp": (
        lambda z, y: cr.logsumexp(z, 0) - y @ z,
        {"wrt": "z", "shapes": {"z": "n", "y": "n"}},
        "softmax(z) - y",
    ),
    "cross_entropy_of_rows": (
        lambda X, W, Y: -(Y * cr.log_softmax(X @ W, 1)).sum(),
        {"wrt": "W", "shapes": {"X": "m n", "W": "n k", "Y": "m k"}, "probability": ["Y"]},
        "Xᵀ (softmax(X W) - Y)",
    ),
    "softmax": (lambda z: cr.softmax(z, 0), {"shapes": {"z": "n"}}, "diag(softmax(z)) - softmax(z) softmax(z)ᵀ"),
    "hessian": (lambda X, w, y: ((X @ w - y) ** 2).sum(), {"wrt": "w", "shapes": DATA, "order": 2}, "2 Xᵀ X"),
    "hessian_logistic": (
        lambda X, w, y: F.binary_cross_entropy_with_logits(X @ w, y, reduction="sum"),
        {"wrt": "w", "shapes": DATA, "order": 2},
        "Xᵀ diag(σ(X w) ⊙ (𝟏 - σ(X w))) X",
    ),
    "variance": (lambda x: cr.var(x), {"shapes": {"x": "n"}}, "(2/(n - 1)) (x - (𝟏ᵀ x/n) 𝟏)"),
    "layer_norm": (lambda x: F.layer_norm(x, x.shape), {"shapes": {"x": "n"}}, None),
    "network_tanh": (network(cr.tanh), {"wrt": ["W1", "b1", "W2", "b2"], "shapes": NETWORK}, None),
    "network_relu": (network(cr.relu), {"wrt": ["W1", "b1", "W2", "b2"], "shapes": NETWORK}, None),
    "network_sigmoid": (network(cr.sigmoid), {"wrt": ["W1", "b1", "W2", "b2"], "shapes": NETWORK}, None),
    "article_s36": (article, {}, None),
    "scalar": (lambda x1, x2: cr.log(x1) + x1 * x2 - cr.sin(x2), {"wrt": "x1"}, "1/x₁ + x₂"),
    "scalar_second": (lambda x1, x2: cr.log(x1) + x1 * x2 - cr.sin(x2), {"wrt": "x2"}, "x₁ - cos(x₂)"),
    "quotient": (lambda x: cr.sin(x) / x, {}, None),
    "power": (lambda x: x**3 + 2 * cr.sqrt(x), {}, "3 x² + 1/√x"),
    # the identities: differentials of functions whose values are matrices
    "identity_sum": (lambda X, Y: X + Y, {"wrt": "X", "shapes": SAME}, "dX"),
    "identity_difference": (lambda X, Y: X - Y, {"wrt": "Y", "shapes": SAME}, "-dY"),
    "identity_product_left": (lambda X, Y: X @ Y, {"wrt": "X", "shapes": {"X": "m k", "Y": "k n"}}, "dX Y"),
    "identity_product_right": (lambda X, Y: X @ Y, {"wrt": "Y", "shapes": {"X": "m k", "Y": "k n"}}, "X dY"),
    "identity_transpose": (lambda X: X.T, {"shapes": {"X": "m n"}}, "(dX)ᵀ"),
    "identity_inverse": (lambda X: cr.linalg.inv(X), {"shapes": SQUARE}, "-X⁻¹ dX X⁻¹"),
    "identity_hadamard": (lambda X, Y: X * Y, {"wrt": "X", "shapes": SAME}, "Y ⊙ dX"),
    "identity_function": (lambda X: cr.sigmoid(X), {"shapes": {"X": "m n"}}, "σ(X) ⊙ (𝟏 - σ(X)) ⊙ dX"),
    "identity_tanh": (lambda X: cr.tanh(X), {"shapes": {"X": "m n"}}, "(𝟏 - tanh(X)^⊙2) ⊙ dX"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_derivation_reads_as_its_golden_text(name, request):
    f, arguments, result = CASES[name]
    d = derive(f, **arguments)
    if result is not None:
        assert repr(d.result) == result
    shown = f"{d.text}\n\n{d.latex}\n"
    path = GOLDEN / f"{name}.txt"
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_every_step_was_checked(name):
    f, arguments, _ = CASES[name]
    made = derive(f, **arguments)
    for d in made if isinstance(made, tuple) else (made,):
        assert d.check.points == 3
        assert d.check.steps >= len(d.steps)
        assert d.check.difference < 1e-9


def test_steps_name_the_rule_the_primitive_and_the_line():
    d = derive(lambda a, X, b: a @ cr.exp(X @ b), wrt="X", shapes={"a": "m", "X": "m n", "b": "n"})
    rules = [s.rule for s in d.steps]
    assert "d(X Y) = dX Y + X dY" in rules
    assert "tr(Aᵀ (B ⊙ C)) = tr((A ⊙ B)ᵀ C)" in rules
    assert "tr(A B) = tr(B A)" in rules
    assert [s.primitive for s in d.steps][1:4] == ["matmul", "exp", "matmul"]
    assert "test_derive.py" in d.steps[1].line


def test_jacobian_layout_is_the_transpose():
    shapes = {"a": "m", "X": "m n", "b": "n"}
    d = derive(lambda a, X, b: a @ cr.exp(X @ b), wrt="X", shapes=shapes, layout="jacobian")
    assert repr(d.result) == "b (a ⊙ exp(X b))ᵀ"
    assert d.symbol == "∂f/∂Xᵀ"


TRICKS = [
    ("tr A^T = tr A", lambda A, B, C, s: (e.tr(e.transpose(A)), e.tr(A))),
    ("linearity", lambda A, B, C, s: (e.tr(e.add(A, e.mul(s, B))), e.add(e.tr(A), e.mul(s, e.tr(B))))),
    ("tr AB = tr BA", lambda A, B, C, s: (e.tr(e.mul(A, B)), e.tr(e.mul(B, A)))),
    ("a = tr a", lambda A, B, C, s: (s, e.tr(s))),
    (
        "Hadamard",
        lambda A, B, C, s: (
            e.tr(e.mul(e.transpose(A), e.had(B, C))),
            e.tr(e.mul(e.transpose(e.had(A, B)), C)),
        ),
    ),
]


@pytest.mark.parametrize(("name", "sides"), TRICKS, ids=[n for n, _ in TRICKS])
def test_trace_tricks_are_identities(name, sides):
    rng = np.random.default_rng(1)
    A, B, C = (e.sym(n, ("n", "n")) for n in "ABC")
    values = {(n, ""): rng.normal(size=(4, 4)) for n in "ABC"} | {("s", ""): np.array([[0.7]])}
    left, right = sides(A, B, C, e.sym("s", (1, 1)))
    np.testing.assert_allclose(evaluate(left, values, {"n": 4}), evaluate(right, values, {"n": 4}), rtol=1e-12)


def test_the_gradient_can_be_called():
    rng = np.random.default_rng(0)
    X, w, y = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=5)
    d = derive(lambda X, w, y: ((X @ w - y) ** 2).sum(), wrt="w", shapes=DATA)
    np.testing.assert_allclose(d.gradient(X, w, y), 2 * X.T @ (X @ w - y))


def test_examples_give_numbers_for_sizes_and_closures_give_names():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 3)), cr.tensor(rng.normal(size=6))
    d = derive(lambda w: ((X @ w - y) ** 2).mean(), np.ones(3))
    assert repr(d.result) == "(1/3) Xᵀ (X w - y)"


def test_parameters_of_a_module_are_found():
    layer = cr.nn.Linear(3, 2).double()
    d = derive(lambda X: (layer(X) ** 2).sum(), wrt="layer.weight", shapes={"X": "n 3"})
    assert repr(d.result) == "2 (layer.weight Xᵀ + layer.bias 𝟏ᵀ) X"


def logistic_map(x, times):
    for _ in range(times):
        x = 4 * x * (1 - x)
    return x


def test_expression_swell_is_measured():
    swells = [derive(lambda x: logistic_map(x, k)).swell for k in range(1, 8)]
    programs = [s.program for s in swells]
    assert set(np.diff(programs)) == {programs[1] - programs[0]}  # the program grows by as much each time
    assert swells[6].symbolic > 3.5 * swells[5].symbolic > 10 * swells[4].symbolic  # the formula four times
    assert swells[6].ratio > 100
    assert "symbols)" in derive(lambda x: logistic_map(x, 8)).text  # and is not written out any more


def test_a_chain_of_squares_stays_readable():
    assert repr(derive(lambda x: x**2 * cr.exp(-x)).result) == "2 exp(-x) x - x² exp(-x)"


def test_operations_without_a_form_are_named_with_their_line():
    cases = {
        "sort": lambda x: cr.sort(x)[0].sum(),
        "index": lambda x: x[[0, 1]].sum(),
        "cumsum": lambda x: cr.cumsum(x, 0).sum(),
    }
    for name, f in cases.items():
        with pytest.raises(NotDifferentiableError, match=rf"{name} at test_derive.py:\d+.*explain\.trace"):
            derive(f, shapes={"x": "n"})
    with pytest.raises(NotDifferentiableError, match="conv"):
        derive(lambda x, k: F.conv1d(x[None, None], k[None, None]).sum(), np.ones(5), np.ones(2), wrt="x")


def test_wrong_arguments_are_explained():
    with pytest.raises(ArgumentError, match="no argument 'Z'"):
        derive(lambda X: X.sum(), shapes={"Z": "m"})
    with pytest.raises(ArgumentError, match="no input 'Z'"):
        derive(lambda X: X.sum(), wrt="Z")
    with pytest.raises(ArgumentError, match="layout"):
        derive(lambda X: X.sum(), layout="up")
    with pytest.raises(ArgumentError, match="two dimensions"):
        derive(lambda X: X.sum(), shapes={"X": "a b c"})
    with pytest.raises(NotDifferentiableError, match="asks for the value"):
        derive(lambda x: x if x > 0 else -x)


def test_a_function_of_nothing_that_moves_has_derivative_zero():
    assert repr(derive(lambda x, y: y * 2, wrt="x").result) == "0"


def test_a_formula_that_disagrees_with_the_engine_is_refused(monkeypatch):
    from chainrule.explain.derive import read

    monkeypatch.setitem(read.READ, "sin", lambda r, eq, xs: e.fn("cos", xs[0]))
    with pytest.raises(GraphError, match="differs from the engine"):
        derive(lambda x: cr.sin(x) * x)


def test_hostile_names_are_escaped():
    d = derive(lambda x: x.mean(), shapes={"x": ["<script>_&"]})
    assert "<script>" not in d._repr_html_()
    assert r"\_\&" in d.latex


def test_latex_has_balanced_braces():
    for path in GOLDEN.glob("*.txt"):
        latex = path.read_text(encoding="utf-8").split("\\begin{align*}")[1]
        assert latex.count("{") - latex.count("\\{") == latex.count("}") - latex.count("\\}"), path.name
        assert latex.count(r"\left") == latex.count(r"\right"), path.name
        assert r"\^{}{" not in latex, path.name
        assert not re.search(r"[^\x00-\x7f]", latex), path.name


# ---- random programs -------------------------------------------------------------------------------------------------

UNARY = [cr.exp, cr.tanh, cr.sigmoid, cr.sin, cr.relu, lambda x: x * x, lambda x: -x, lambda x: 2 * x + 1, cr.cos]
UNARY += [lambda x: cr.softmax(x, -1), lambda x: cr.log(x * x + 1), lambda x: x - x.mean(), cr.abs]


def random_program(rng):
    """A function of A (m, n), B (n, m), v (n), s () that ends in a number, from operations drawn at random."""
    choices = rng.integers(0, 10**6, 8)

    def f(A, B, v, s):
        pool = {"mn": [A, B.T], "n": [v, B @ (A @ v)], "m": [A @ v], "": [s, v @ v], "nn": [B @ A, A.T @ A]}
        for c in choices:
            kinds = list(pool)
            kind = kinds[c % len(kinds)]
            x, y = (pool[kind][(c // k) % len(pool[kind])] for k in (7, 11))
            what = (c // 13) % 7
            if what < 3:
                op = UNARY[(c // 17) % len(UNARY)]
                new = op(x) if kind or op is not UNARY[9] else cr.tanh(x)
            elif what == 3:
                new = x * y
            elif what == 4:
                new = x - y * pool[""][-1]
            elif what == 5 and kind == "nn":
                new = x @ y
            elif what == 5 and kind == "mn":
                new = (x + v) * pool["m"][-1][:, None]
            else:
                new = x / (1.5 + y * y)
            pool[kind].append(new)
        total = pool[""][-1]
        for kind in ("mn", "n", "m"):
            total = total + pool[kind][-1].sum()
        return total + cr.trace(pool["nn"][-1])

    return f


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_agree_with_backward(seed):
    rng = np.random.default_rng(seed)
    f = random_program(rng)
    name = ["A", "B", "v", "s"][seed % 4]
    d = derive(f, wrt=name, shapes={"A": "m n", "B": "n m", "v": "n"})
    arrays = {"A": rng.normal(size=(2, 3)), "B": rng.normal(size=(3, 2)), "v": rng.normal(size=3), "s": np.array(0.4)}
    arrays = {k: a * 0.5 for k, a in arrays.items()}
    tensors = {k: cr.tensor(a, requires_grad=True) for k, a in arrays.items()}
    f(**tensors).backward()
    engine = tensors[name].grad
    wanted = np.zeros_like(arrays[name]) if engine is None else engine.numpy()  # None: it does not depend on it
    np.testing.assert_allclose(d.gradient(*arrays.values()), wanted, rtol=1e-8, atol=1e-9)
