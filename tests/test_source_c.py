"""explain.source in C: the text compiles without warnings, stands alone, and gives the engine's numbers."""

from __future__ import annotations

import shutil
import subprocess
import warnings

import helpers as h
import numpy as np
import pytest
from test_source_table import few_objects, value_and_gradient

import chainrule as cr
from chainrule.core.errors import NotDifferentiableError, ShapeError, TracedValueError
from chainrule.explain import source
from chainrule.explain.source import c_call, c_text

__all__ = ["few_objects"]  # a fixture
needs_compiler = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler is on the path"
)
STRICT = ("-O0", "-Wall", "-Werror", "-fsanitize=bounds", "-fsanitize-undefined-trap-on-error")
F = cr.nn.functional


def s0(a, b_scale):
    """S0: e = (3 a + 4) (a + 2), with the 3 an argument."""
    b = a * b_scale
    c = a + 2
    d = b + 4
    return c * d


def s1_out(x):
    y = x + 2
    z = y * y * 3
    return z.mean()


def s1_loss(w, b, x, y):
    pred = w * x + b
    return F.mse_loss(pred, y)


def s2(a, b):
    d = a * b
    e = a + b
    return cr.tanh(d * e)


def s3_loss(w1, b1, w2, b2, x, y):
    h1 = cr.relu(x @ w1 + b1)
    pred = h1 @ w2 + b2
    return ((pred - y) ** 2).sum()


def s3_trace(X, a, b):
    return a @ cr.exp(X @ b)


def s4(x1, x2):
    return cr.log(x1) + x1 * x2 - cr.sin(x2)


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def attention(q, k, v):
    weights = cr.softmax(q @ k.transpose(-1, -2) / 2.0, dim=-1)
    return (weights @ v).square().sum()


def classifier(w, b, x, target):
    return F.cross_entropy(F.gelu(F.layer_norm(x, (4,))) @ w + b, target)


def lookup(table, index):
    return cr.cumsum(table[index].sum(1), 0).logsumexp(0)


TARGET, INDEX = np.array([0, 2, 1]), np.array([0, -1, 2, 0])
CASES = {
    "S0": (cr.func.grad(s0), [(), ()]),
    "S1 out": (cr.func.grad(s1_out), [(2, 2)]),
    "S1 regression": (cr.func.grad(s1_loss, argnums=(0, 1)), [(1,), (1,), (100, 1), (100, 1)]),
    "S2": (cr.func.grad(s2, argnums=(0, 1)), [(), ()]),
    "S3 network": (
        cr.func.grad(s3_loss, argnums=(0, 1, 2, 3)),
        [(2, 5), (1, 5), (5, 1), (1, 1), (100, 2), (100, 1)],
    ),
    "S3 identity": (cr.func.grad(s3_trace), [(3, 2), (3,), (2,)]),
    "S4 value": (s4, [(), ()]),
    "S4": (cr.func.grad(s4, argnums=(0, 1)), [(), ()]),
    "hessian": (cr.func.hessian(rosenbrock), [(4,)]),
    "attention": (cr.func.grad(attention, argnums=(0, 1, 2)), [(2, 3, 4), (2, 5, 4), (2, 5, 4)]),
    "classifier": (cr.func.grad(classifier, argnums=(0, 1, 2)), [(4, 3), (3,), (3, 4), TARGET]),
    "lookup": (cr.func.grad(lookup), [(3, 4), INDEX]),
}


def arrays_of(shapes, dtype):
    rng = np.random.default_rng(0)
    return [s if isinstance(s, np.ndarray) else rng.uniform(0.2, 2, s).astype(dtype) for s in shapes]


@needs_compiler
@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_c_gives_the_engines_numbers(dtype):
    made = []
    for k, (f, shapes) in enumerate(CASES.values()):
        arrays = arrays_of(shapes, dtype)
        made.append((f, arrays, source(f, *map(cr.tensor, arrays), language="c", name=f"f{k}")))
    library = c_call.library([text for _, _, text in made], STRICT)
    for name, (f, arrays, text) in zip(CASES, made, strict=True):
        want, got = f(*map(cr.tensor, arrays)), c_call.bound(library, text.name, text._takes, text._gives)(*arrays)
        want, got = (v if isinstance(v, tuple) else (v,) for v in (want, got))
        for g, w in zip(got, want, strict=True):
            h.assert_close(g, w, 1e-12 if dtype == "float64" else 2e-5, name)


@needs_compiler
def test_function_compiles_and_checks_shapes():
    run = source(cr.func.grad(s4), cr.tensor(2.0), cr.tensor(5.0), language="c").function()
    assert run(np.float32(2), np.float32(5)) == 5.5
    with pytest.raises(ShapeError, match=r"argument 1 has shape \(2,\)"):
        run(np.ones(2), np.float32(5))


@needs_compiler
def test_c_program_stands_alone(tmp_path):
    text = source(cr.func.grad(s3_trace), *map(cr.ones, [(3, 2), (3,), (2,)]), language="c", name="gradient")
    main = "#include <stdio.h>\nint main(void) { float X[3][2] = {{1, 1}, {1, 1}, {1, 1}}, a[3] = {1, 1, 1}, b[2] = "
    main += '{1, 1}, d[3][2]; gradient((const float (*)[2]) X, a, b, d); printf("%.4f", d[2][1]); return 0; }\n'
    (tmp_path / "alone.c").write_text(text + main)
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))))
    strict = ["-std=c99", "-pedantic-errors", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *strict, "alone.c", "-o", "alone", "-lm"], cwd=tmp_path, check=True)
    done = subprocess.run(["./alone"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "7.3891"


def test_c_text_is_readable():
    arrays = [cr.ones(*s) for s in CASES["S3 network"][1]]
    text = source(cr.func.grad(s3_loss), *arrays, language="c")
    assert "const double" not in text and "float d_w1[2][5])" in text
    assert "/* test_source_c.py:" in text and "`h1 = cr.relu(x @ w1 + b1)` */" in text
    assert "/* adjoint of x @ w1 + b1 */" in text and "d_w1: float[2][5], adjoint of w1" in text
    assert "pred[i][0] = " in text


def test_uncovered_operation_is_named_with_its_line():
    with pytest.raises(NotDifferentiableError, match=r"svdvals at test_source_c.py:.*write language='numpy'"):
        source(lambda x: cr.linalg.svdvals(x).sum(), cr.eye(3), language="c")
    with pytest.raises(NotDifferentiableError, match=r"complex64"):
        source(lambda x: cr.fft.fft(x).abs().sum(), cr.ones(3), language="c")
    with pytest.raises(NotDifferentiableError, match="C has no standard type for complex128; write language='numpy'"):
        source(lambda x: x * 2, cr.tensor([1j], dtype=cr.complex128), language="c")


def sample_texts(cases, only=None):
    """(case, number, sample, arrays, results, text) of the samples that C covers."""
    for case in cases:
        for number, sample in list(h.each(case))[:only]:
            leaves = h.leaves_of(sample)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                f = value_and_gradient(case, sample, leaves, h.wanted(sample, leaves))
                given = [h.wrap(a) for a in leaves]
                want = f(*given)
                try:
                    text = source(f, *given, name=f"{case.name.replace('.', '_')}_{number}", language="c")
                except (NotDifferentiableError, TracedValueError):
                    continue
            yield case, number, sample, leaves, want, text


def check(cases, only=None):
    made = list(sample_texts(cases, only))
    library = c_call.library([m[-1] for m in made], STRICT)
    for case, number, sample, leaves, want, text in made:
        with h.naming(case, number, sample):
            got = c_call.bound(library, text.name, text._takes, text._gives)(*leaves)
            for g, w in zip(got if isinstance(got, tuple) else (got,), want, strict=True):
                h.assert_close(g, w, 1e-10 if h.raw(w).dtype == np.float64 else 1e-5)
    return len(made)


@needs_compiler
def test_samples_of_some_operations():
    assert check(h.ALL_CASES[5::48], only=1) > 5


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("start", range(16))
def test_samples_of_every_operation(start):
    assert check(h.ALL_CASES[start::16], only=6) > 40


def test_covered_operations_are_operations():
    assert set(cr.core.primitive.PRIMITIVES) >= c_text.COVERED and len(c_text.COVERED) > 150


def test_comments_and_names_cannot_break_the_text():
    def f(double, i):
        exp = double * i  # */ int x; /*
        return cr.exp(exp)

    text = source(f, cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0]), language="c", name="log")
    assert "* / int x; / *" in text and text.count("*/") == text.count("/*")
    assert "void log_(const float double_[2], const float i[2], float result[2])" in text
    assert "exp_[j] = double_[j] * i[j];" in text


def test_large_intermediate_arrays_are_not_on_the_stack():
    text = source(lambda x: cr.exp(cr.exp(x) @ x), cr.ones(100, 100), language="c")
    assert "static float v1[100][100];" in text and "do not call it from two threads at once" in text


@needs_compiler
def test_matrices_with_small_pivots():
    """Elimination chooses the largest pivot; determinants of singular matrices have derivatives."""
    a, b = np.array([[1e-20, 1.0], [1.0, 1.0]]), np.array([[1.0], [2.0]])
    solve = source(cr.linalg.solve, cr.tensor(a), cr.tensor(b), language="c").function()
    np.testing.assert_allclose(solve(a, b), np.linalg.solve(a, b), rtol=1e-12)
    singular = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 5.0]])
    gradient = cr.func.grad(cr.linalg.det)
    got = source(gradient, cr.tensor(singular), language="c").function()(singular)
    np.testing.assert_allclose(got, gradient(cr.tensor(singular)).numpy(), atol=1e-12)


@needs_compiler
def test_results_that_are_read_again():
    def f(x, y):
        total = (x * y).sum()
        return total, F.silu(total), F.leaky_relu(-total), x, 3.0, F.silu(x + y).sum()

    x, y = np.array([1.0, 2.0]), np.array([3.0, -4.0])
    got = source(f, cr.tensor(x), cr.tensor(y), language="c").function()(x, y)
    for g, w in zip(got, f(cr.tensor(x), cr.tensor(y)), strict=True):
        np.testing.assert_allclose(g, h.raw(w), rtol=1e-14)
