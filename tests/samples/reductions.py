"""Samples of reductions and extrema."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from .table import Bad, Sample, arrays, case, layouts

NAN, INF = float("nan"), float("inf")
INTS = np.array([[3, 0, 2], [5, 1, 4]])
FLAGS = np.array([[True, False, True], [False, False, True]])
BYTES = np.array([[1, 0, 3], [0, 0, 0]], np.uint8)


def spread(rng, *shape):
    """Different values, well apart, so that no step of a difference changes their order."""
    n = int(np.prod(shape, dtype=int))
    return (rng.permutation(n) * 0.37 - 0.15 * n + 0.011).reshape(shape)


def apart(rng):
    """The layouts, of well separated values."""
    base = spread(rng, 4, 6)
    return [base[0, 0].copy().reshape(()), base[0].copy(), base, base.T, base[::2, 1::2], base[::-1, ::-1]]


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def totals(rng):
    (x,) = arrays(rng, (2, 3, 4))
    found = [Sample((a,)) for a in layouts(rng)]
    found += [Sample((x, d)) for d in (0, -1, (0, 2), (-2,))]
    found += [Sample((x,), {"dim": 1, "keepdim": True}), Sample((x,), {"axis": 1, "keepdims": True})]
    found += [Sample((x[:0], 0)), Sample((x[:0], 1)), Sample((x[0, 0, 0].reshape(()), 0)), Sample((cplx(rng, 2, 3), 1))]
    return [*found, Sample((x.astype(np.float32),), {"dtype": cr.float64})]


def sums(rng):
    return [*totals(rng), *(Sample((a,)) for a in (INTS, FLAGS, BYTES)), Sample((INTS.astype(np.int32), 1))]


def means(rng):
    return [*totals(rng), Sample((INTS, 1), {"dtype": cr.float64})]


WRONG_DIM = Bad((np.ones((2, 3)), 2), IndexError, "Dimension out of range")
TWICE = Bad((np.ones((2, 3)), (0, -2)), RuntimeError, "appears multiple times")

case("sum", sums, WRONG_DIM, TWICE)
case("mean", means, WRONG_DIM, TWICE, Bad((INTS,), RuntimeError, "could not infer output dtype"))


def with_nan(rng):
    x = spread(rng, 3, 4)
    x[0, 1] = x[2] = NAN
    return x


def nansums(rng):
    x = with_nan(rng)
    found = [Sample((a,)) for a in layouts(rng)]
    return [
        *found,
        *(Sample((x, d), grad=False) for d in (None, 0, 1, (0, 1))),
        Sample((x,), {"dim": 1, "keepdim": True}),
    ]


case("nansum", lambda rng: [*nansums(rng), Sample((INTS, 0)), Sample((FLAGS,))], WRONG_DIM)
case("nanmean", nansums, WRONG_DIM, Bad((INTS,), RuntimeError, "expected input to have floating point"))


def products(rng):
    (x,) = arrays(rng, (3, 4), low=0.4)
    one, two = x.copy(), x.copy()
    one[1, 2] = 0
    two[1, 1:3] = two[0, 0] = 0
    found = [Sample((a,)) for a in (x, one, two, x[0], x[0, 0].reshape(()), x[:0], x.T, x[::-1, ::2])]
    found += [Sample((a, d)) for a in (x, one, two) for d in (0, -1)]
    found += [Sample((x,), {"dim": 0, "keepdim": True}), Sample((cplx(rng, 2, 3), 1)), Sample((cplx(rng, 2),))]
    return [*found, Sample((INTS,)), Sample((FLAGS, 1)), Sample((x.astype(np.float32), 0), {"dtype": cr.float64})]


case("prod", products, WRONG_DIM, Bad((np.ones((2, 3)), (0, 1)), TypeError, "must be int"))


def truths(rng):
    x = rng.choice([0.0, 1.5], (2, 3, 4))
    found = [Sample((a, *d), grad=False) for a in (x, INTS, FLAGS, BYTES) for d in ((), (1,))]
    found += [Sample((x, (0, 2)), grad=False), Sample((x, 1, True), grad=False), Sample((x[:0],), grad=False)]
    return [*found, Sample((np.array([NAN, 0.0]),), grad=False), Sample((cplx(rng, 2),), grad=False)]


case("all", truths, WRONG_DIM)
case("any", truths, WRONG_DIM)


def counts(rng):
    x = rng.choice([0.0, 1.5], (2, 3, 4))
    return [Sample((x, *d), grad=False) for d in ((), (1,), ((0, -1),))] + [Sample((INTS,)), Sample((FLAGS, 0))]


case("count_nonzero", counts, WRONG_DIM)


def logsums(rng):
    (x,) = arrays(rng, (2, 3, 4))
    hole = x.copy()
    hole[0, 1, 2] = hole[1, 0] = -INF
    found = [Sample((a, -1)) for a in layouts(rng) if a.size]
    found += [Sample((x, d)) for d in (0, (0, 2))] + [Sample((x, 1, True)), Sample((x[:0], 1)), Sample((INTS, 0))]
    found += [Sample((hole, (1, 2)), grad=False), Sample((hole, 2), grad=False), Sample((x[:0], 0), grad=False)]
    return [*found, Sample((x * 400, 1)), Sample((cplx(rng, 2, 3), 1))]


case("logsumexp", logsums, WRONG_DIM, Bad((np.ones(2),), TypeError, "missing 1 required positional argument: 'dim'"))


# ---- extrema --------------------------------------------------------------------------------------------------------

EQUAL = np.array([[1.0, 3.0, 3.0], [3.0, 0.0, 1.0]])
HOLES = np.array([[1.0, NAN, 3.0], [NAN, NAN, 1.0]])
EMPTY = np.ones((0, 3))


def extrema(rng, many):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a,)) for a in apart(rng)]
    found += [Sample((x, d)) for d in (0, -1, *(((0, 2), ()) if many else ()))]
    found += [Sample((x,), {"dim": 1, "keepdim": True}), Sample((x[0, 0, 0].reshape(()), -1)), Sample((EMPTY, 1))]
    plain = (EQUAL, HOLES, INTS, FLAGS, BYTES)
    found += [Sample((a, *d), grad=False) for a in plain for d in ((), (1,))]
    return found


def whole_or_pair(rng):
    x = spread(rng, 2, 3)
    return [*extrema(rng, False), Sample((x, x[::-1].copy() + 0.13))]


NOTHING = "Expected reduction dim to be specified for input.numel() == 0"
NO_SIZE = "Expected reduction dim 0 to have non-zero size"
COMPLEX = Bad((np.ones(2, complex),), RuntimeError, "complex")
for _name in ("max", "min"):
    case(
        _name,
        whole_or_pair,
        WRONG_DIM,
        Bad((EMPTY,), RuntimeError, NOTHING),
        Bad((EMPTY, 0), IndexError, NO_SIZE),
        Bad((INTS, (0, 1)), TypeError, "must be int"),
        COMPLEX,
    )
    _bad = (WRONG_DIM, TWICE, Bad((EMPTY,), RuntimeError, NOTHING), Bad((EMPTY, 0), IndexError, NO_SIZE), COMPLEX)
    case(f"a{_name}", lambda rng: extrema(rng, True), *_bad)


def both(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a,)) for a in apart(rng)] + [Sample((x,), {"dim": d}) for d in (0, -1)]
    return [
        *found,
        Sample((x,), {"dim": 1, "keepdim": True}),
        *(Sample((a,), grad=False) for a in (EQUAL, HOLES, INTS)),
    ]


case("aminmax", both, Bad((EMPTY,), RuntimeError, "no identity"), Bad((EMPTY,), IndexError, NO_SIZE, {"dim": 0}))


def places(rng):
    x = spread(rng, 2, 3, 4)
    found = [Sample((a, *d), grad=False) for a in (*apart(rng), EQUAL, HOLES, INTS) for d in ((), (-1,))]
    return [*found, Sample((x, 1, True), grad=False), Sample((x,), {"keepdim": True}, grad=False)]


for _name in ("argmax", "argmin"):
    case(
        _name,
        places,
        WRONG_DIM,
        Bad((EMPTY,), IndexError, NOTHING),
        Bad((EMPTY, 0), IndexError, NO_SIZE),
        Bad((FLAGS,), RuntimeError, "does not support bool"),
    )
