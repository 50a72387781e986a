"""Samples of scans and of sorting."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from .reductions import EMPTY, EQUAL, FLAGS, HOLES, INF, INTS, NAN, WRONG_DIM, apart, cplx, spread
from .table import Bad, Sample, arrays, case, layouts

# ---- scans ----------------------------------------------------------------------------------------------------------


def running(rng):
    (x,) = arrays(rng, (2, 3, 4))
    found = [Sample((a, -1)) for a in layouts(rng)] + [Sample((x, d)) for d in (0, 1)]
    return [*found, Sample((x,), {"axis": 1}), Sample((cplx(rng, 3, 2), 0)), Sample((EMPTY, 0))]


def sums(rng):
    return [*running(rng), Sample((INTS, 1)), Sample((FLAGS, 0)), Sample((INTS, 0), {"dtype": cr.float64})]


def products(rng):
    (x,) = arrays(rng, (4, 3), low=0.4)
    one, two = x.copy(), x.copy()
    one[1, 2] = one[0, 0] = one[3, 1] = 0
    two[1:3, 1] = two[0, 0] = two[3, 0] = 0
    (long,) = arrays(rng, (70,), low=0.7, high=1.3)
    long[40] = 0
    return [*sums(rng), *(Sample((a, d)) for a in (one, two) for d in (0, 1)), Sample((long, 0))]


NO_DIM = Bad((np.ones(2),), TypeError, "missing 1 required positional argument: 'dim'")
case("cumsum", sums, WRONG_DIM, NO_DIM)
case("cumprod", products, WRONG_DIM, NO_DIM)


def logs(rng):
    (x,) = arrays(rng, (3, 4))
    hole = x.copy()
    hole[0, 1] = hole[1, 0] = -INF
    found = [Sample((a, -1)) for a in layouts(rng)] + [Sample((x, 0)), Sample((cplx(rng, 2, 3), 1))]
    return [*found, Sample((hole, 1), grad=False), Sample((x * 300, 1)), Sample((arrays(rng, (60,))[0], 0))]


case("logcumsumexp", logs, WRONG_DIM, NO_DIM)


def extremes(rng):
    x = spread(rng, 3, 4)
    found = [Sample((a, -1)) for a in apart(rng)] + [Sample((x, 0)), Sample((EMPTY, 0)), Sample((EMPTY, 1))]
    return [*found, *(Sample((a, d), grad=False) for a in (EQUAL, HOLES, INTS) for d in (0, 1))]


COMPLEX = Bad((np.ones(2, complex), 0), RuntimeError, "complex")
case("cummax", extremes, WRONG_DIM, NO_DIM, COMPLEX)
case("cummin", extremes, WRONG_DIM, NO_DIM, COMPLEX)


# ---- order ----------------------------------------------------------------------------------------------------------


def orders(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a,)) for a in apart(rng)]
    found += [Sample((x, d), {"descending": up}) for d in (0, 1) for up in (True, False)]
    plain = (EQUAL, HOLES, INTS, FLAGS)
    found += [Sample((a,), {"descending": up, "stable": True}, grad=False) for a in plain for up in (True, False)]
    return [*found, Sample((EMPTY, 0))]


case("sort", orders, WRONG_DIM, Bad((np.ones(2, complex),), RuntimeError, "complex"))
case("argsort", lambda rng: [Sample(s.args, s.kwargs, grad=False) for s in orders(rng)], WRONG_DIM)
case("msort", lambda rng: [Sample((a,)) for a in apart(rng)] + [Sample((INTS,))])


def largest(rng):
    x = spread(rng, 2, 3, 4)
    found = [
        Sample((x, 2)),
        Sample((x, 1, 0)),
        Sample((x, 2, 1, False)),
        Sample((x, 0)),
        Sample((x, 4, -1, True, True)),
    ]
    return [*found, Sample((INTS, 2)), Sample((x[0, 0, 0].reshape(()), 1)), Sample((x[::-1, :, ::-1], 2))]


case("topk", largest, Bad((np.ones((2, 3)), 4), RuntimeError, "selected index k out of range"))


def kth(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((x, 2)), Sample((x, 1, 0)), Sample((x, 3, 1, True)), Sample((x[0, 0, 0].reshape(()), 1))]
    return [*found, Sample((INTS, 2, 0)), Sample((x.T, 2))]


case(
    "kthvalue",
    kth,
    Bad((np.ones((2, 3)), 4), RuntimeError, "selected number k out of range for dimension 1"),
    Bad((EMPTY, 1, 0), IndexError, "non-zero size"),
)


# ---- places in sorted sequences, and sets ---------------------------------------------------------------------------

EDGES = np.array([0.0, 1.0, 1.0, 2.5])


def insertions(rng):
    (x,) = arrays(rng, (2, 3), low=-1, high=4)
    rows = np.sort(rng.uniform(0, 3, (2, 5)), -1)
    found = [Sample((EDGES, a), grad=False) for a in (x, EDGES, x[0, 0].reshape(()), x[:0])]
    found += [
        Sample((EDGES, EDGES), how, grad=False) for how in ({"right": True}, {"side": "right"}, {"out_int32": True})
    ]
    found += [Sample((rows, x), grad=False), Sample((rows, x), {"right": True}, grad=False)]
    shuffled = np.array([2, 0, 1, 3])
    undo = Sample((EDGES[np.argsort(shuffled)], x), {"sorter": shuffled}, grad=False)
    return [*found, undo, Sample((np.array([1, 3, 5]), np.array([0, 3, 9])))]


case(
    "searchsorted",
    insertions,
    Bad((np.ones((2, 3)), np.ones((3, 3))), RuntimeError, "must match"),
    Bad((EDGES, EDGES), RuntimeError, "opposites", {"side": "left", "right": True}),
    Bad((EDGES, EDGES), RuntimeError, "side can only be", {"side": "up"}),
)


def buckets(rng):
    (x,) = arrays(rng, (2, 3), low=-1, high=4)
    found = [Sample((a, EDGES), {"right": r}, grad=False) for a in (x, EDGES, x[:0]) for r in (True, False)]
    return [*found, Sample((np.array([1, 4]), np.array([1, 3, 5]))), Sample((2.0, EDGES), grad=False)]


case("bucketize", buckets, Bad((EDGES, np.ones((2, 2))), RuntimeError, "must be 1 dimension"))


def members(rng):
    few = np.array([1, 4])
    found = [Sample((INTS, few)), Sample((INTS, few), {"invert": True}), Sample((few, INTS)), Sample((INTS, 3))]
    return [*found, Sample((EQUAL, np.array([3.0])), grad=False), Sample((1, few)), Sample((INTS[:0], few))]


case("isin", members)


def different(rng):
    rows = np.array([[1, 2], [3, 1], [1, 2], [1, 2]])
    both = {"return_inverse": True, "return_counts": True}
    found = [Sample((a,), k, grad=False, vmap=False) for a in (rows, EQUAL, FLAGS, rows[:0]) for k in ({}, both)]
    found += [Sample((rows,), {"dim": d, **k}, vmap=False) for d in (0, 1, -1) for k in ({}, both)]
    return [*found, Sample((np.array([1.0, NAN, NAN]),), grad=False, vmap=False)]


case("unique", different, Bad((np.ones(2),), IndexError, "Dimension out of range", {"dim": 1}))
case("unique_consecutive", different, Bad((np.ones(2),), IndexError, "Dimension out of range", {"dim": 1}))
