"""NumPy's sets, polynomials, index functions and segment sums on tensors: NumPy's values, right gradients."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

V = np.array([0.7, 0.2, 0.9, 0.4, 0.7])
W = np.array([0.4, 0.5, 0.2])
M = np.random.default_rng(0).uniform(0.2, 0.9, (3, 4))
BAD = np.where(M > 0.7, np.nan, M)
TURNS = np.array([0.1, 3.0, -3.0, -2.9, 3.1, 9.0])

CALLS = {
    "unique": (lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True), V),
    "unique axis": (lambda x: np.unique(x[[1, 0, 1]], axis=0), M),
    "union1d": (np.union1d, V, W),
    "intersect1d": (lambda x, y: np.intersect1d(x, y, return_indices=True), V, W),
    "setdiff1d": (np.setdiff1d, V, W),
    "setxor1d": (np.setxor1d, V, W),
    "polyval": (np.polyval, W, V),
    "polyadd": (np.polyadd, V, W),
    "polysub": (np.polysub, W, V),
    "polymul": (np.polymul, V, W),
    "polydiv": (np.polydiv, V, W),
    "polydiv by longer": (np.polydiv, W, V),
    "polyder": (lambda p: np.polyder(p, 2), V),
    "polyint": (lambda p: np.polyint(p, 2, k=[0.5, 2.0]), V),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), M[0], M[1]),
    "polyfit weights": (lambda x, y, w: np.polyfit(x, y, 1, w=w), M[0], M.T[:, :2].copy(), M[2]),
    "roots": (lambda p: np.sort(np.abs(np.roots(p))), W),
    "roots zeros": (lambda p: np.roots(np.concatenate([np.zeros(1), p, np.zeros(2)])).real, np.array([1.0, -3, 1])),
    "poly": (np.poly, V),
    "unwrap": (np.unwrap, TURNS),
    "unwrap period": (lambda x: np.unwrap(x, axis=0, period=0.4), M),
    "trim_zeros": (lambda x: np.trim_zeros(x), np.array([0, 0, 1.5, 0, 2, 0])),
    "trim_zeros front": (lambda x: np.trim_zeros(x, "f"), np.array([0, 0, 1.5, 0, 2, 0])),
    "sort_complex": (lambda x: np.sort_complex(x).real, W),
    "real_if_close": (lambda x: np.real_if_close(x + 0j), V),
    "logspace": (lambda a, b: np.logspace(a, b, 4, base=2.0), V, V[::-1].copy()),
    "geomspace": (lambda a, b: np.geomspace(a, b, 5, endpoint=False), V, W[0]),
    "geomspace negative": (lambda a: np.geomspace(-a, -100.0, 4), W[1]),
    "nancumsum": (lambda x: np.nancumsum(x, axis=1), BAD),
    "nancumprod": (np.nancumprod, BAD),
    "nanargmax": (lambda x: np.nanargmax(x, axis=1), BAD),
    "nanargmin": (np.nanargmin, BAD),
    "lexsort": (lambda a, b: np.lexsort((a, b)), V, np.round(V)),
    "ix_": (lambda x: x[np.ix_([2, 0], [True, False, True, True])], M),
    "unravel_index": (lambda x: np.unravel_index(np.argmax(x), (3, 4)), M),
    "ravel_multi_index": (lambda x: np.ravel_multi_index((np.argmax(x, 0) // 2, np.argmin(x, 0)), (3, 4)), M),
    "diag_indices_from": (lambda x: x[np.diag_indices_from(x)], M[:, :3].copy()),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 1]), M),
    "frexp": (lambda x: np.frexp(x)[0], M),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 2, 1, 3], axis=1), M),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [0, 3]), V),
    "maximum.reduceat": (lambda x: np.maximum.reduceat(x, np.array([1, 3])), V),
}


def flat(result):
    return [x for r in result for x in flat(r)] if isinstance(result, (tuple, list)) else [result]


def values(x):
    return x.detach().numpy() if isinstance(x, cr.Tensor) else np.asarray(x)


@pytest.mark.parametrize("name", CALLS)
def test_value_is_numpys_and_gradient_is_right(name):
    function, *arrays = CALLS[name]
    tensors = [cr.tensor(a, requires_grad=True) for a in arrays]
    found, expected = flat(function(*tensors)), flat(function(*arrays))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, cr.Tensor) and values(a).shape == np.shape(b)
        np.testing.assert_allclose(values(a), b, rtol=1e-9, atol=1e-12)
    smooth = [i for i, y in enumerate(found) if y.requires_grad]
    if not smooth:
        assert all(np.asarray(y).dtype.kind in "iu" for y in expected)
        return
    weights = {i: np.random.default_rng(i).standard_normal(np.shape(expected[i])) for i in smooth}
    loss = sum((found[i] * cr.tensor(w)).sum() for i, w in weights.items())
    grads = cr.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
    steps = [np.random.default_rng(9 + i).standard_normal(np.shape(a)) for i, a in enumerate(arrays)]
    steps = [np.where(np.isin(a, (0, np.nan)), 0, s) for a, s in zip(arrays, steps, strict=True)]
    if name.startswith(("unique", "union1d", "intersect1d", "setdiff1d", "setxor1d")):
        return selection_is_right(function, arrays, grads, weights)
    slope = sum(np.nansum(values(g) * s) for g, s in zip(grads, steps, strict=True))

    def at(t):
        outs = flat(function(*[a + t * s for a, s in zip(arrays, steps, strict=True)]))
        return sum(np.sum(outs[i] * w) for i, w in weights.items())

    np.testing.assert_allclose(slope, (at(1e-6) - at(-1e-6)) / 2e-6, rtol=2e-4, atol=1e-6)


def selection_is_right(function, arrays, grads, weights):
    """Equal elements: the weight of each kept value reaches exactly one of its places."""
    kept = dict(zip(np.ravel(flat(function(*arrays))[0]).tolist(), np.ravel(weights[0]).tolist(), strict=False))
    got: dict[float, float] = {}
    for a, g in zip(arrays, grads, strict=True):
        for v, part in zip(np.ravel(a).tolist(), np.ravel(values(g)).tolist(), strict=True):
            got[v] = got.get(v, 0.0) + part
    if len(kept) == np.size(flat(function(*arrays))[0]):
        assert {v: p for v, p in got.items() if p} == pytest.approx(kept)


def test_functions_that_write():
    t = cr.tensor(M, requires_grad=True)
    written = {}
    for name, x in (("numpy", M.copy()), ("tensor", t * 1)):
        np.put_along_axis(x, np.argmax(M, axis=1)[:, None], 7.0, axis=1)
        np.place(x, M < 0.4, [1.0, 2.0])
        np.putmask(x, M > 0.85, np.array([-1.0, -2.0, -3.0]))
        np.subtract.at(x, (np.array([0, 0]), np.array([1, 1])), 0.25)
        written[name] = x
    np.testing.assert_array_equal(values(written["tensor"]), written["numpy"])
    written["tensor"].sum().backward()
    changed = written["numpy"] != M
    changed[0, 1] = (M[0] == M[0].max())[1] or M[0, 1] < 0.4 or M[0, 1] > 0.85
    np.testing.assert_array_equal(values(t.grad), ~changed)


def test_an_array_of_tensors_says_what_keeps_the_gradient():
    a = cr.tensor(1.0, requires_grad=True)
    for build in (lambda: np.array([a, a]), lambda: np.r_[a, 0.0], lambda: np.full(3, a), lambda: np.asarray(a)):
        with pytest.raises(RuntimeError, match="np.stack.*np.concatenate"):
            build()


def test_the_standards_expm1_and_solve():
    xp, inf, nan = cr.array_api, float("inf"), float("nan")
    z = xp.expm1(cr.tensor([complex(inf, 0), complex(-inf, inf), complex(nan, 0), complex(1e-20, 0)]))
    np.testing.assert_array_equal(z.numpy(), np.array([complex(inf, 0), -1, complex(nan, 0), 1e-20], "complex64"))
    a, b = np.random.default_rng(0).standard_normal((2, 1, 3, 3)), np.ones((4, 3, 2))
    solved = xp.linalg.solve(cr.tensor(a), cr.tensor(b))
    np.testing.assert_allclose(solved.numpy(), np.linalg.solve(a, b[None]))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16"])
def test_reductions_of_other_dtypes(dtype):
    a = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    for f in (np.argmax, np.argmin, np.any, np.all, np.nanmax, np.nanmin, np.nanargmax, np.max):
        found, expected = f(cr.tensor(a), axis=1), f(a, axis=1)
        assert values(found).dtype == expected.dtype
        np.testing.assert_array_equal(values(found), expected)
