"""Samples of statistics, histograms, and calculus on samples."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from .reductions import EMPTY, EQUAL, HOLES, INF, INTS, WRONG_DIM, apart, cplx, spread, with_nan
from .table import Bad, Sample, arrays, case, layouts

# ---- variance and norms ---------------------------------------------------------------------------------------------


def spreads(rng):
    (x,) = arrays(rng, (2, 3, 4))
    found = [Sample((a,)) for a in layouts(rng) if a.size > 1]
    found += [Sample((x, d)) for d in (0, -1, (0, 2))] + [Sample((x, 1, False)), Sample((x, 1, True, True))]
    found += [Sample((x, False)), Sample((x,), {"dim": (0, 1), "correction": 3, "keepdim": True})]
    found += [Sample((x, 1), {"correction": 0}), Sample((cplx(rng, 3, 2), 0)), Sample((x.astype(np.float32),))]
    return [*found, Sample((x[0, 0, 0].reshape(()),), grad=False), Sample((x[:0], 0), grad=False)]


WHOLE = Bad((INTS,), RuntimeError, "std and var only support floating point")
for _name in ("var", "std", "var_mean", "std_mean"):
    case(_name, spreads, WRONG_DIM, WHOLE)


def norms(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a,)) for a in apart(rng)]
    found += [Sample((x, p)) for p in (0, 1, 2, 3, 1.5, 0.5, -1, INF, -INF, "fro")]
    found += [Sample((x, p, d)) for p in (1, 2, 3, INF) for d in (1, (0, 2))]
    found += [Sample((x, 2, 1, True)), Sample((x,), {"dim": 0}), Sample((x, "fro", (0, 1)))]
    found += [Sample((cplx(rng, 2, 3), p, 1)) for p in (1, 2, 3, INF)]
    found += [Sample((x[0], "nuc")), Sample((x.astype(np.float32), 2), {"dtype": cr.float64})]
    return [*found, Sample((np.zeros(3),), grad=False), Sample((EMPTY, 2, 0))]


case(
    "norm",
    norms,
    Bad((np.ones((2, 3)), 2, 2), IndexError, "Dimension out of range"),
    Bad((INTS,), RuntimeError, "Expected a floating point or complex tensor"),
    Bad((EMPTY, INF), RuntimeError, "does not have an identity"),
    Bad((np.ones(2), "big"), ValueError, "p must be a number"),
)


# ---- medians, modes, quantiles --------------------------------------------------------------------------------------


def medians(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a, *d)) for a in apart(rng) for d in ((), (-1,))]
    found += [Sample((x, 0)), Sample((x, 1, True)), Sample((INTS,)), Sample((INTS, 1)), Sample((EMPTY,), grad=False)]
    return [*found, *(Sample((a, *d), grad=False) for a in (HOLES, with_nan(rng)[:2]) for d in ((), (1,)))]


for _name in ("median", "nanmedian"):
    case(_name, medians, WRONG_DIM, Bad((EMPTY, 0), IndexError, "non-zero size"))


def modes(rng):
    often = np.array([[1.0, 2.0, 2.0, 3.0, 1.0], [5.0, 5.0, 4.0, 4.0, 4.0]])
    found = [Sample((often, *d), grad=False) for d in ((), (0,), (1, True))]
    return [*found, Sample((spread(rng, 3, 4), 0), grad=False), Sample((INTS,))]


case("mode", modes, WRONG_DIM, Bad((EMPTY, 0), IndexError, "non-zero size"))


def quantiles(rng):
    x = spread(rng, 2, 3, 5)
    q = np.array([0.11, 0.47, 0.83])
    found = [Sample((a, 0.37)) for a in apart(rng) if a.ndim]
    found += [Sample((x, 0.3, d)) for d in (0, 1, -1)] + [Sample((x, q, 1)), Sample((x, q))]
    found += [Sample((x, q, 1, True)), Sample((x, 0.3, None, True)), Sample((x, q[1].reshape(()), 2), grad=(0,))]
    ways = ("linear", "lower", "higher", "midpoint", "nearest")
    found += [Sample((x, q, 2), {"interpolation": way}, grad=(0, 1) if way == "linear" else (0,)) for way in ways]
    found += [Sample((HOLES, 0.4, d), grad=False) for d in (None, 0, 1)] + [Sample((with_nan(rng), q, 1), grad=False)]
    return [*found, Sample((EQUAL, 0.5), grad=False), Sample((x, 0.0)), Sample((x, 1.0, 1))]


for _name in ("quantile", "nanquantile"):
    case(
        _name,
        quantiles,
        Bad((np.ones(2), 1.5), RuntimeError, "must be in the range"),
        Bad((INTS, 0.5), RuntimeError, "must be either float or double"),
        Bad((EMPTY, 0.5), RuntimeError, "must be non-empty"),
        Bad((np.ones(2), np.ones((1, 1))), RuntimeError, "scalar or 1D"),
        Bad((np.ones(2), 0.5), RuntimeError, "interpolation must be one of", {"interpolation": "cubic"}),
    )


# ---- covariance -----------------------------------------------------------------------------------------------------


def covariances(rng):
    (x, w) = arrays(rng, (3, 5), (5,))
    often, weight = np.array([1, 2, 1, 3, 1]), np.abs(w) + 0.3
    found = [Sample((a,)) for a in (x, x[0], x.T, x[:, ::-1])] + [Sample((x,), {"correction": 0}), Sample((INTS,))]
    found += [Sample((x,), {"fweights": often}), Sample((x,), {"aweights": weight})]
    found += [Sample((x,), {"fweights": often, "aweights": weight, "correction": c}) for c in (0, 1)]
    return [*found, Sample((cplx(rng, 2, 4),))]


case(
    "cov",
    covariances,
    Bad((np.ones((2, 2, 2)),), RuntimeError, "two or fewer dimensions"),
    Bad((np.ones((2, 3)),), RuntimeError, "fweights", {"fweights": np.array([1, 2])}),
    Bad((np.ones((2, 3)),), RuntimeError, "integral dtype", {"fweights": np.ones(3)}),
)


def correlations(rng):
    (x,) = arrays(rng, (3, 5))
    return [Sample((a,)) for a in (x, x.T, x[:, ::-1], x[0], cplx(rng, 2, 4))] + [Sample((INTS,))]


case("corrcoef", correlations, Bad((np.ones((2, 2, 2)),), RuntimeError, "two or fewer dimensions"))


# ---- histograms -----------------------------------------------------------------------------------------------------


def equal_bins(rng):
    (x,) = arrays(rng, (3, 4))
    found = [Sample((a,), k, grad=False) for a in (x, x.astype(np.float32)) for k in ({}, {"bins": 5})]
    return [*found, Sample((x, 4, -1, 1), grad=False), Sample((np.ones(3), 3), grad=False)]


case(
    "histc",
    equal_bins,
    Bad((INTS,), RuntimeError, "not implemented"),
    Bad((np.ones(2), 0), RuntimeError, "bins must be > 0"),
    Bad((np.ones(2), 3, 2, 1), RuntimeError, "max must be larger"),
)


def any_bins(rng):
    x, w = arrays(rng, (3, 4), (3, 4))
    edges = np.array([-2.0, -0.5, 0.0, 1.3])
    found = [
        Sample((x, 4), grad=False),
        Sample((x, 3), {"range": (-1.0, 1.5)}, grad=False),
        Sample((x, edges), grad=False),
    ]
    found += [Sample((x, edges), {"weight": np.abs(w), "density": d}, grad=False) for d in (True, False)]
    return [*found, Sample((x, 4), {"density": True}, grad=False)]


case(
    "histogram",
    any_bins,
    Bad((INTS, 3), RuntimeError, "not implemented"),
    Bad((np.ones(2), 0), RuntimeError, "bins must be > 0"),
    Bad((np.ones(2), 3), RuntimeError, "weight has shape", {"weight": np.ones(3)}),
)


def tallies(rng):
    x = np.array([0, 3, 1, 3])
    (w,) = arrays(rng, (4,))
    found = [Sample((x,), vmap=False), Sample((x,), {"minlength": 7}, vmap=False), Sample((x[:0],), vmap=False)]
    return [*found, Sample((x, w), vmap=False), Sample((x, INTS.reshape(-1)[:4], 6), vmap=False)]


case(
    "bincount",
    tallies,
    Bad((np.array([-1, 2]),), RuntimeError, "non-negative"),
    Bad((INTS,), RuntimeError, "only supports 1-d"),
    Bad((np.ones(2),), RuntimeError, "counts integers"),
    Bad((np.array([1, 2]), np.ones(3)), RuntimeError, "same length"),
)


# ---- calculus on samples --------------------------------------------------------------------------------------------


def differences(rng):
    x, more = arrays(rng, (3, 5), (3, 2))
    found = [Sample((x, *a)) for a in ((), (2,), (1, 0), (0,), (2, 0), (5, 0))]
    found += [Sample((x,), {"prepend": more, "append": more}), Sample((x, 2, 1, more)), Sample((x.T[::-1],))]
    return [*found, Sample((INTS,)), Sample((INTS > 2,)), Sample((cplx(rng, 4),)), Sample((x[:0], 1, 0))]


case(
    "diff",
    differences,
    Bad((np.array(1.0),), RuntimeError, "at least one-dimensional"),
    Bad((np.ones(3), -1), RuntimeError, "order must be non-negative"),
)


def integrals(rng):
    y, x = arrays(rng, (3, 4), (3, 4))
    found = [Sample((a,)) for a in (y, y[0], y[:, :1], y.T, y[::-1, ::-1])]
    found += [Sample((y,), {"dx": 0.5}), Sample((y,), {"dim": 0}), Sample((y, x)), Sample((y, x[0]))]
    return [*found, Sample((y, x[:, 0].copy()), {"dim": 0}), Sample((y, x), {"dim": 0})]


for _name in ("trapezoid", "cumulative_trapezoid"):
    case(
        _name,
        integrals,
        Bad((np.ones(3), np.ones(4)), RuntimeError, "one `x` value for each sample point"),
        Bad((np.ones(3), np.ones(3)), TypeError, "both x and dx", {"dx": 1.0}),
    )


def slopes(rng):
    x = arrays(rng, (4, 5))[0]
    points, others = np.array([0.0, 0.7, 1.1, 2.5]), np.array([0.0, 0.3, 1.4, 2.0, 3.1])
    found = [Sample((a,)) for a in (x, x[0], x.T, x[::-1, ::-1])]
    found += [Sample((x,), {"dim": d, "edge_order": e}) for d in (0, 1, (0, 1), (1,)) for e in (1, 2)]
    found += [Sample((x,), {"spacing": s}) for s in (0.5, (0.5, 2.0))]
    found += [Sample((x,), {"spacing": (points, others), "edge_order": e}, vmap=False) for e in (1, 2)]
    return [*found, Sample((x,), {"spacing": (others,), "dim": 1}, vmap=False), Sample((INTS,))]


case(
    "gradient",
    slopes,
    Bad((np.ones(1),), RuntimeError, "at least edge_order"),
    Bad((np.ones(3),), RuntimeError, "edge_order=1 and edge_order=2", {"edge_order": 3}),
    Bad((np.ones((3, 3)),), RuntimeError, "expected spacing", {"spacing": (1.0,)}),
)
