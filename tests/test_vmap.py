"""vmap: agreement with a loop, dimensions, nesting, randomness, fallback, errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_func import X, close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.core.primitive import PRIMITIVES
from chainrule.core.tape import Spec
from chainrule.ops.kits import opaque

A = np.random.default_rng(0).normal(size=(5, 3))


def test_in_dims_and_out_dims():
    b = np.random.default_rng(1).normal(size=(3, 5, 2))
    close(F.vmap(lambda x: x * 2, in_dims=1, out_dims=2)(t(b)), np.moveaxis(b * 2, 1, 2))
    close(F.vmap(lambda x: x * 2, in_dims=-1, out_dims=-1)(t(b)), b * 2)
    close(F.vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))(t(A), t(X)), A @ X)
    out = F.vmap(
        lambda d, y: {"s": d["a"] + y, "c": y}, in_dims=({"a": 1, "b": None}, None), out_dims={"s": 1, "c": None}
    )({"a": t(A), "b": 7}, t(np.ones(5)))
    close(out["s"], A + 1)
    close(out["c"], np.ones(5))


def test_unmapped_results_are_repeated():
    close(F.vmap(lambda x: t(3.0))(t(X)), [3, 3, 3])
    close(F.vmap(lambda x: 2.0)(t(X)), [2, 2, 2])


def test_shapes_seen_inside_are_those_of_one_example():
    def g(x):
        assert tuple(x.shape) == (3,) and x.ndim == x.dim() == 1 and len(x) == x.numel() == 3 and x.size(0) == 3
        a, b, c = x
        return a + b + c

    close(F.vmap(g)(t(A)), A.sum(1))


def test_nested_and_mixed_with_derivatives():
    close(F.vmap(F.vmap(lambda a, b: (a * b).sum(), (0, None)), (None, 0))(t(A), t(A)), A @ A.T)
    g = lambda w, a: (w * a).sin().sum()  # noqa: E731
    per_sample = F.vmap(F.grad(g), (None, 0))(t(X), t(A))
    close(per_sample, A * np.cos(A * X))
    close(F.grad(lambda w: F.vmap(g, (None, 0))(w, t(A)).sum())(t(X)), (A * np.cos(A * X)).sum(0))
    close(F.vmap(F.hessian(lambda x: g(t(X), x)))(t(A)), [np.diag(-(X**2) * np.sin(a * X)) for a in A])
    _, moved = F.jvp(lambda w: F.vmap(F.grad(g), (None, 0))(w, t(A)), (t(X),), (t([1.0, 0, 0]),))
    close(moved[:, 0], -(A[:, 0] ** 2) * np.sin(A[:, 0] * X[0]))


def test_chunks_give_the_same():
    whole = F.vmap(lambda x: (x * x, x.sum()), out_dims=(1, 0))(t(A))
    for n in (1, 2, 5, 9):
        parts = F.vmap(lambda x: (x * x, x.sum()), out_dims=(1, 0), chunk_size=n)(t(A))
        close(parts[0], whole[0])
        close(parts[1], whole[1])


def test_in_place_writes_on_batched_values():
    def g(x):
        y = x * 1.0
        y[0] = x[1] * 10.0
        y += 1.0
        return y

    want = A.copy()
    want[:, 0] = 10 * A[:, 1]
    close(F.vmap(g)(t(A)), want + 1)


def test_empty_batch():
    assert tuple(F.vmap(lambda x: x * 2)(t(np.zeros((0, 3)))).shape) == (0, 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(0, 3), st.integers(0, 10**6))
def test_vmap_equals_the_loop(n, m, seed):
    x = np.random.default_rng(seed).normal(size=(n, m))
    g = lambda x: (x.sin() * x.sum()).exp() + x  # noqa: E731
    close(F.vmap(g)(t(x)), np.stack([g(t(row)).numpy() for row in x]))


def _unbatched():
    name = "test_without_batch_rule"
    if name in PRIMITIVES:
        return PRIMITIVES[name]
    return opaque(
        name,
        lambda xp, x, y: xp.cumsum(x) * y,
        lambda x, y: Spec(x.shape, x.dtype),
        vjp=(None, None),
    )


def test_a_primitive_without_batch_rule_loops_and_warns():
    prim = _unbatched()
    with pytest.warns(UserWarning, match="test_without_batch_rule"):
        out = F.vmap(lambda x: prim(x, t(X)))(t(A))
    close(out, np.cumsum(A, 1) * X)
    with pytest.warns(UserWarning, match="test_without_batch_rule"):
        out = F.vmap(F.vmap(lambda x: prim(x, t(X))))(t(np.stack([A, A])))
    close(out[1], np.cumsum(A, 1) * X)


def test_randomness_is_explicit():
    x = t(np.zeros(4))
    with pytest.raises(RuntimeError, match="randomness error mode"):
        F.vmap(lambda x: x + cr.rand(3))(x)
    same = F.vmap(lambda x: x + cr.rand(3), randomness="same")(x).numpy()
    assert np.all(same == same[0])
    different = F.vmap(lambda x: x + cr.rand(3), randomness="different")(x).numpy()
    assert len(np.unique(different)) == 12
    with pytest.raises(ValueError, match="Only allowed values for randomness"):
        F.vmap(lambda x: x, randomness="some")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.vmap(lambda x, y: x)(t(X), t([1.0, 2.0])),
            ValueError,
            r"got sizes \[3, 2\].*argument \[1\] of shape",
        ),
        (lambda: F.vmap(lambda x: x if x > 0 else -x)(t(X)), RuntimeError, r"data-dependent.*where\(condition"),
        (lambda: F.vmap(lambda x: x.sum().item())(t(A)), RuntimeError, "concrete value"),
        (lambda: F.vmap(lambda x: x, in_dims=3)(t(A)), ValueError, "in_dim=3"),
        (lambda: F.vmap(lambda x: x, in_dims=None)(t(A)), ValueError, "at least one input must be mapped"),
        (lambda: F.vmap(lambda x, y: x, in_dims=(0,))(t(A), t(A)), ValueError, "1 elements, but 2 arguments"),
        (lambda: F.vmap(lambda x, y: x)(t(A), 3.0), ValueError, "please use None"),
        (lambda: F.vmap(lambda x: x, out_dims=5)(t(A)), ValueError, "out_dim 5"),
        (lambda: F.vmap(lambda x: x, out_dims=None)(t(A)), ValueError, "out_dim is None"),
        (lambda: F.vmap(lambda x: "a")(t(A)), TypeError, "must only return Tensors"),
        (lambda: F.vmap(lambda: 1)(), ValueError, "no inputs"),
        (lambda: F.vmap(lambda x: x, chunk_size=0), ValueError, "chunk_size"),
    ],
)
def test_errors_say_what_and_what_to_write(call, error, message):
    with pytest.raises(error, match=message):
        call()
