"""explain.source: the text runs on NumPy alone and gives the engine's numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.explain import source


def network(w, b, x):
    h = cr.tanh(x @ w + b)
    return cr.nn.functional.softmax(h, dim=1).log().sum()


def polynomial(x):
    return (x * x * x + cr.sin(x)).sum()


def pooled(x):
    return cr.nn.functional.max_pool2d(x, 2).sum() + x.logsumexp(3).sum() + cr.special.erf(x).mean()


CASES = {
    "polynomial": (polynomial, [(5,)]),
    "gradient": (cr.func.grad(polynomial), [(5,)]),
    "second": (cr.func.grad(lambda x: cr.func.grad(polynomial)(x).sum()), [(5,)]),
    "network": (cr.func.grad(network, argnums=(0, 1)), [(3, 4), (4,), (2, 3)]),
    "pooled": (cr.func.grad(pooled), [(1, 1, 4, 4)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_text_gives_the_same_numbers(name, dtype):
    f, shapes = CASES[name]
    rng = np.random.default_rng(0)
    first, second = ([rng.uniform(0.2, 2, s).astype(dtype) for s in shapes] for _ in range(2))
    run = source(f, *map(cr.tensor, first)).function()
    for arrays in (first, second):
        want, got = f(*map(cr.tensor, arrays)), run(*arrays)
        want, got = (v if isinstance(v, tuple) else (v,) for v in (want, got))
        for w, g in zip(want, got, strict=True):
            assert g.dtype == w.numpy().dtype and g.shape == tuple(w.shape)
            np.testing.assert_array_equal(g, w.numpy())


def test_text_stands_alone(tmp_path):
    text = source(cr.func.grad(network), cr.ones(3, 4), cr.ones(4), cr.ones(2, 3), name="gradient")
    assert "chainrule." not in text.replace("chainrule.explain.source", "")
    text.save(tmp_path / "alone.py")
    code = "import sys; sys.modules['chainrule'] = None; import numpy as np, alone; "
    code += "print(alone.gradient(np.ones((3, 4), 'f'), np.ones(4, 'f'), np.ones((2, 3), 'f')).shape)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(3, 4)"


def test_users_names_and_lines_are_in_the_text():
    text = source(cr.func.grad(network), cr.ones(3, 4), cr.ones(4), cr.ones(2, 3))
    assert "def network(w, b, x):" in text and "    h = np.tanh(" in text
    assert "backward through test_source.py" in text and "# adjoint of x @ w + b" in text


def test_another_language_is_an_error():
    with pytest.raises(ValueError, match="language"):
        source(polynomial, cr.ones(3), language="fortran")


def test_a_reader_can_follow_the_text():
    """No multiplication by ones, no needless transposes and copies; the user's names; the adjoints'."""
    text = source(cr.func.grad(network, argnums=(0, 1)), cr.ones(3, 4), cr.ones(4), cr.ones(2, 3))
    body = text[text.index('    """\n') + 8 :].splitlines()
    assert body == [
        "    # test_source.py:16: `h = cr.tanh(x @ w + b)`",
        "    h = np.tanh(x @ w + b)",
        "    # test_source.py:17: `return cr.nn.functional.softmax(h, dim=1).log().sum()`",
        "    v1 = softmax(h, axis=1, safe=False)",
        "    # backward through test_source.py:17: `return cr.nn.functional.softmax(h, dim=1).log().sum()`",
        "    d_v1 = 1.0 / v1  # adjoint of v1",
        "    t1 = d_v1 * v1  # for the derivative of softmax",
        "    d_h = t1 - v1 * np.sum(t1, axis=1, keepdims=True)  # adjoint of h",
        "    # backward through test_source.py:16: `h = cr.tanh(x @ w + b)`",
        "    d_add = d_h - d_h * (h * h)  # adjoint of x @ w + b",
        "    d_b = np.sum(d_add, axis=0)  # adjoint of b",
        "    d_w = x.T @ d_add  # adjoint of w",
        "    return (d_w, d_b)",
    ]


def test_sums_of_adjoints_keep_the_sweeps_order():
    """The notes come from a second staging; the numbers are those of the first."""

    def f(x):
        y = x * x
        return (y * x + cr.sin(x) + y.exp()).sum()

    x = np.linspace(-1, 1, 200)
    for g in (cr.func.grad(f), cr.func.grad(lambda x: cr.func.grad(f)(x).sum())):
        np.testing.assert_array_equal(source(g, cr.tensor(x)).function()(x), g(cr.tensor(x)).numpy())


def test_guard_against_zero_times_infinity_stays():
    f = cr.func.grad(lambda x: cr.where(x > 0, cr.sqrt(x), 0.0).sum())
    x = np.array([0.0, 4.0])
    with np.errstate(all="ignore"):
        got = source(f, cr.tensor(x)).function()(x)
    np.testing.assert_array_equal(got, [0.0, 0.25])
    np.testing.assert_array_equal(got, f(cr.tensor(x)).numpy())


def test_outside_tensors_have_the_users_names():
    model, scale = cr.nn.Linear(3, 2), cr.tensor(0.5)

    def loss(x):
        return (model(x) * scale).sum()

    text = source(cr.func.grad(loss), cr.ones(4, 3))
    assert "def loss(x, model_weight, " in text and "scale" in text[: text.index(")")]
    assert "def linear(input, parameter_weight, parameter_bias):" in source(model, cr.ones(4, 3))


def test_names_that_would_hide_others_are_changed():
    def f(np, softmax):
        lambda_ = cr.softmax(np, 0)
        return (lambda_ * softmax).sum()

    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    text = source(f, cr.tensor(x), cr.tensor(y))
    assert "def f(np_, softmax):" in text
    np.testing.assert_array_equal(text.function()(x, y), f(cr.tensor(x), cr.tensor(y)).numpy())


def test_results_are_the_callers_own():
    run = source(lambda x: (x, cr.zeros(2), x.sum()), cr.ones(2)).function()
    x = np.ones(2, np.float32)
    for _ in range(2):
        same, constant, total = run(x)
        assert constant.tolist() == [0, 0] and total.shape == () and isinstance(total, np.ndarray)
        same += 1
        constant += 1
    assert x.tolist() == [1, 1]


def test_function_that_writes_outside_is_refused():
    w = cr.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"writes to tensors that it does not return.*func\.grad"):
        source(lambda x: (w * x).sum().backward(), cr.ones(2))


def test_long_tables_are_packed():
    table = np.random.default_rng(0).normal(size=(40, 40))
    f = lambda x: (x * cr.tensor(table)).sum(1)  # noqa: E731
    text = source(f, cr.tensor(table))
    assert "import base64\nimport numpy as np\n" in text and len(text) < 20000
    np.testing.assert_array_equal(text.function()(table), (table * table).sum(1))
