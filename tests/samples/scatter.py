"""Samples of gather, scatter and their kin."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case, layouts

X = np.ones((3, 4))
J = np.array([[0, 2, 1, 2], [2, 2, 0, 1]])  # repeats in columns; an index along dimension 0 of X
ONCE = np.array([[0, 2, 1, 2], [1, 0, 2, 0]])  # no repeats within a column
VECTOR = np.array([2, 0])
TWICE = np.array([1, 0, 1])
NONE = np.zeros((0, 4), np.int64)
FLOATS = np.array([0.0, 1.0])


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def gathers(rng):
    (x,) = arrays(rng, (3, 4))
    return [
        Sample((x, 0, J)),
        Sample((x, 0, J[:, :2])),
        Sample((x, 1, np.array([[3, 0], [1, 1], [0, 0]]))),
        Sample((x, -1, np.array([[3, 0, 3, 3, 2]]))),
        Sample((x[::-1, ::2], 0, J[:, :2])),
        Sample((x[0], 0, np.array([3, 3, 0]))),
        Sample((x[0, 0].reshape(()), 0, np.array(0))),
        Sample((x, 0, NONE)),
        Sample((cplx(rng, 3, 4), 0, J)),
        Sample((np.arange(12).reshape(3, 4), 0, J)),
    ]


case(
    "gather",
    gathers,
    Bad((X, 0, J + 1), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    Bad((X, 0, J - 1), IndexError, "index -1 is out of bounds"),
    Bad((X, 0, VECTOR), RuntimeError, "same number of dimensions"),
    Bad((X, 0, X), IndexError, "Expected dtype int32/int64 for index"),
    Bad((X, 1, np.zeros((4, 1), np.int64)), RuntimeError, "Size does not match at dimension 0"),
    Bad((X, 2, J), IndexError, "Dimension out of range"),
)
case(
    "take_along_dim",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), J, 0)),
        Sample((*arrays(rng, (3, 4)), np.array([[3], [-1], [0]]), 1)),
        Sample((*arrays(rng, (1, 4)), np.array([[0, 1], [2, 3], [0, 0]]), 1)),
        Sample((*arrays(rng, (3, 4)), np.array([5, 0, 11]))),
    ],
    Bad((X, VECTOR, 0), RuntimeError, "same number of dimensions"),
    Bad((X, J + 1, 0), IndexError, "out of bounds"),
)
case(
    "scatter",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 0, ONCE, *arrays(rng, (2, 4)))),
        Sample((*arrays(rng, (3, 4)), 0, ONCE[:, :2], *arrays(rng, (3, 4)))),
        Sample((*arrays(rng, (3, 4)), 1, ONCE[:, :3], *arrays(rng, (2, 3)))),
        Sample((*arrays(rng, (3, 4)), 0, J, 2.5)),
        Sample((*arrays(rng, (3, 4)), 0, J), {"value": 2.5}),
        Sample((*arrays(rng, (3, 4)), 0, J, *arrays(rng, (2, 4))), torch=False),  # the last value stays
        Sample((*arrays(rng, (4,)), 0, VECTOR, *arrays(rng, (2,)))),
        Sample((*arrays(rng, ()), 0, np.array(0), *arrays(rng, ()))),
        Sample((*arrays(rng, (3, 4)), 0, NONE, *arrays(rng, (0, 4)))),
        Sample((*arrays(rng, (3, 4)), 0, J, *arrays(rng, (2, 4))), {"reduce": "add"}),
        Sample((*arrays(rng, (3, 4)), 0, J, *arrays(rng, (2, 4))), {"reduce": "multiply"}),
        Sample((cplx(rng, 3, 4), 0, ONCE, cplx(rng, 2, 4))),
        Sample((np.arange(12).reshape(3, 4), 0, J, 7)),
    ],
    Bad((X, 0, J + 1, X), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    Bad((X, 0, J, X[:1]), RuntimeError, "to be no larger than src"),
    Bad((X, 0, J, X.astype(np.float32)), RuntimeError, "same dtype"),
    Bad((X, 0, J, X), RuntimeError, "reduce argument must be", {"reduce": "no"}),
    Bad((X, 0, J), TypeError, "needs a tensor or a number"),
)
case(
    "scatter_add",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 0, J, *arrays(rng, (2, 4)))),
        Sample((*arrays(rng, (3, 4)), 0, J[:, :2], *arrays(rng, (3, 4)))),
        Sample((*arrays(rng, (3, 2)), -1, J[:, :2] % 2, *arrays(rng, (2, 2)))),
        Sample((*arrays(rng, (4,)), 0, np.array([1, 1, 3]), *arrays(rng, (3,)))),
        Sample((*arrays(rng, ()), 0, np.array(0), *arrays(rng, ()))),
        Sample((*arrays(rng, (3, 4)), 0, NONE, *arrays(rng, (0, 4)))),
        Sample((np.arange(12).reshape(3, 4), 0, J, np.arange(8).reshape(2, 4))),
        Sample((cplx(rng, 3, 4), 0, J, cplx(rng, 2, 4))),
    ],
    Bad((X, 0, J + 1, X), IndexError, "out of bounds for dimension 0 with size 3"),
    Bad((X, 0, J, X[:1]), RuntimeError, "to be no larger than src"),
)


def spread(rng, *shape):
    n = int(np.prod(shape, dtype=int))
    return (rng.permutation(n) * 0.37 - 0.15 * n + 0.011).reshape(shape)


def reductions(rng):
    found = []
    for how in ("sum", "prod", "mean", "amax", "amin"):
        for keep in (True, False):
            x, v = spread(rng, 3, 4), spread(rng, 2, 4) + 0.1
            found.append(Sample((x, 0, J, v, how), {"include_self": keep}))
        found.append(Sample((spread(rng, 4), 0, np.array([1, 1, 3]), spread(rng, 3) + 0.1, how)))
        found.append(Sample((np.arange(12).reshape(3, 4), 0, J, np.arange(8).reshape(2, 4), how)))
    zeros = np.array([[0.0, 2.0, 0.0, 1.5], [0.5, 0.0, 3.0, 0.0]])
    found.append(Sample((spread(rng, 3, 4), 0, J, zeros, "prod"), second=False))
    found.append(Sample((spread(rng, 3, 4), 0, J[:, :2], spread(rng, 3, 4) + 0.1, "prod")))
    return found


case(
    "scatter_reduce",
    reductions,
    Bad((X, 0, J, X, "median"), RuntimeError, "reduce argument must be either sum, prod, mean, amax or amin"),
)
case(
    "index_select",
    lambda rng: [
        *[Sample((a, 0, np.array([0, 2, 0]))) for a in arrays(rng, (4,), (3, 2), (3, 2, 2))],
        Sample((*arrays(rng, (3, 4)), -1, np.array([3, 3, 0]))),
        Sample((*arrays(rng, (3, 4)), 1, np.zeros(0, np.int64))),
        Sample((*arrays(rng, ()), 0, np.array([0]))),
        Sample((np.arange(12).reshape(3, 4)[::-1], 0, np.array([0, 2]))),
        Sample((cplx(rng, 3, 2), 0, np.array([1, 1]))),
    ],
    Bad((X, 0, np.array([3])), IndexError, "out of bounds for dimension 0 with size 3"),
    Bad((X, 0, J), IndexError, "Index is supposed to be a vector"),
    Bad((X, 0, FLOATS), IndexError, "Expected dtype int32/int64"),
)
case(
    "index_add",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 0, TWICE, *arrays(rng, (3, 4)))),
        Sample((*arrays(rng, (3, 4)), 1, TWICE, *arrays(rng, (3, 3))), {"alpha": 2.5}),
        Sample((*arrays(rng, (4,)), 0, TWICE, *arrays(rng, (3,)))),
        Sample((*arrays(rng, (2, 4, 2)), -2, TWICE, *arrays(rng, (2, 3, 2)))),
        Sample((np.arange(12).reshape(3, 4), 0, TWICE, np.arange(12).reshape(3, 4))),
    ],
    Bad((X, 0, TWICE, X[:2]), RuntimeError, "source/destination slices must have same"),
    Bad((X, 0, TWICE + 2, X), IndexError, "out of bounds for dimension 0 with size 3"),
    Bad((X, 0, TWICE, X.astype(np.float32)), RuntimeError, "same dtype"),
)
case(
    "index_copy",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 0, VECTOR, *arrays(rng, (2, 4)))),
        Sample((*arrays(rng, (3, 4)), -1, VECTOR, *arrays(rng, (3, 2)))),
        Sample((*arrays(rng, (3, 4)), 0, TWICE, *arrays(rng, (3, 4))), torch=False),
        Sample((*arrays(rng, (4,)), 0, VECTOR, *arrays(rng, (2,)))),
    ],
    Bad((X, 0, VECTOR, X), RuntimeError, "Number of indices and source slices must match"),
)
case(
    "index_fill",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 0, VECTOR, 2.5)),
        Sample((*arrays(rng, (3, 4)), -1, TWICE, -1)),
        Sample((*arrays(rng, (3, 4)), 0, VECTOR, *arrays(rng, ()))),
        Sample((np.arange(12).reshape(3, 4), 0, VECTOR, 7)),
    ],
    Bad((X, 0, VECTOR, FLOATS), RuntimeError, "only supports a 0-dimensional value tensor"),
    Bad((X, 0, VECTOR + 1, 0.0), IndexError, "out of bounds"),
)
case(
    "index_put",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), (VECTOR,), *arrays(rng, (2, 4)))),
        Sample((*arrays(rng, (3, 4)), (VECTOR, np.array([1, 3])), *arrays(rng, (2,)))),
        Sample((*arrays(rng, (3, 4)), (VECTOR,), *arrays(rng, ()))),
        Sample((*arrays(rng, (3, 4)), (TWICE,), *arrays(rng, (3, 4)), True)),
        Sample((*arrays(rng, (3, 4)), (TWICE, np.array([1, 3, 1])), *arrays(rng, (3,))), {"accumulate": True}),
        Sample((*arrays(rng, (3, 4)), (np.array([True, False, True]),), *arrays(rng, (2, 4))), vmap=False),
        Sample((*arrays(rng, (3, 4)), (np.array([True, False, True]),), *arrays(rng, (2, 4)), True), vmap=False),
    ],
    Bad((X, (VECTOR,), np.ones(3)), RuntimeError, "shape mismatch: value tensor of shape \\[3\\]"),
    Bad((X, (VECTOR + 1,), np.ones(4)), IndexError, "out of bounds for dimension 0 with size 3"),
)
case(
    "take",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), J)),
        Sample((*arrays(rng, (3, 4)), np.array([11, -1, 0, 0]))),
        Sample((arrays(rng, (3, 4))[0].T, np.array(5))),
        Sample((*arrays(rng, ()), np.array([0, 0]))),
    ],
    Bad((X, np.array([12])), IndexError, "out of bounds"),
    Bad((X, FLOATS), IndexError, "Expected dtype int32/int64"),
)
case(
    "put",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), np.array([11, -2, 0]), *arrays(rng, (3,)))),
        Sample((*arrays(rng, (3, 4)), J, *arrays(rng, (4, 2)), True)),
        Sample((*arrays(rng, (3, 4)), TWICE, *arrays(rng, (3,))), torch=False),
    ],
    Bad((X, VECTOR, np.ones(3)), RuntimeError, "same number of elements"),
    Bad((X, VECTOR + 11, np.ones(2)), IndexError, "out of bounds"),
)


def masks(rng, *rest):
    found = [Sample((a, np.asarray(a > 0), *rest)) for a in layouts(rng)]
    (x,) = arrays(rng, (3, 4))
    return [
        *found,
        Sample((x, x[0] > 0, *rest)),
        Sample((x[:1], x > 0, *rest)),
        Sample((cplx(rng, 2, 2), x[:2, :2] > 0, *rest)),
    ]


case(
    "masked_fill",
    lambda rng: [
        *masks(rng, 2.5),
        *masks(rng, *arrays(rng, ()))[:3],
        Sample((*arrays(rng, (2, 2)), np.array([True, False]), float("-inf")), grad=False),
        Sample((np.arange(4), np.arange(4) > 2, 9)),
    ],
    Bad((X, J, 0.0), RuntimeError, "only supports boolean masks"),
    Bad((X, X > 0, FLOATS), RuntimeError, "0-dimensional value tensor"),
    Bad((X, np.array([True, False]), 0.0), RuntimeError, "do not broadcast"),
)
case(
    "masked_select",
    lambda rng: [Sample(s.args, vmap=False) for s in masks(rng)],
    Bad((X, J), RuntimeError, "only supports boolean masks"),
)
case(
    "masked_scatter",
    lambda rng: (
        [Sample((*s.args, *arrays(rng, (6, 4)))) for s in masks(rng)[:-1] if s.args[0].size]
        + [Sample((*arrays(rng, (3, 4)), np.array([True, False, True, False]), *arrays(rng, (6,))))]
    ),
    Bad((X, X > 0, np.ones(3)), RuntimeError, "expected source to have at least 12 elements"),
    Bad((X, X > 0, np.ones(12, np.float32)), RuntimeError, "same dtype"),
)
for name in ("nonzero", "argwhere"):
    case(
        name, lambda rng: [Sample((np.asarray(a > 0),), vmap=False) for a in layouts(rng)] + [Sample((J,), vmap=False)]
    )
case(
    "Tensor.nonzero",
    lambda rng: [Sample((np.asarray(a > 0),), {"as_tuple": True}, vmap=False) for a in layouts(rng)],
)
case(
    "select_scatter",
    lambda rng: [
        Sample((*arrays(rng, (3, 4), (4,)), 0, 1)),
        Sample((*arrays(rng, (3, 4), (3,)), -1, -2)),
        Sample((*arrays(rng, (3,), ()), 0, 2)),
    ],
    Bad((X, np.ones(3), 0, 1), RuntimeError, "expected src to have a size equal to the slice"),
    Bad((X, np.ones(4), 0, 3), IndexError, "out of range"),
)
case(
    "slice_scatter",
    lambda rng: [
        Sample((*arrays(rng, (4, 3), (2, 3)), 0, 1, 3)),
        Sample(tuple(arrays(rng, (4, 3), (4, 2))), {"dim": 1, "end": 2}),
        Sample((*arrays(rng, (4, 3), (2, 3)), 0, None, None, 2)),
        Sample(tuple(arrays(rng, (4, 3), (4, 3)))),
        Sample((*arrays(rng, (4, 3), (1, 3)), 0, -1)),
    ],
    Bad((X, X, 0, 1), RuntimeError, "expected src to have a size equal to the slice"),
)
case(
    "nn.functional.one_hot",
    lambda rng: [Sample((VECTOR,), vmap=False), Sample((J, 4)), Sample((np.array(1), 3)), Sample((NONE, 3))],
    Bad((VECTOR, 2), RuntimeError, "smaller than num_classes"),
    Bad((VECTOR - 1, 3), RuntimeError, "non-negative"),
    Bad((FLOATS, 3), RuntimeError, "index tensor"),
    Bad((NONE,), RuntimeError, "empty tensor"),
)
V = np.array([[0.5, -1.0, 2.0, 3.0], [1.0, 1.5, -2.0, 0.25]])
case("index_add_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, VECTOR, V))], method=True)
case("index_copy_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, VECTOR, V))], method=True)
case("index_fill_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, VECTOR, 1.5))], method=True)
case("index_put_", lambda rng: [Sample((*arrays(rng, (3, 4)), (VECTOR,), V))], method=True)
case("masked_fill_", lambda rng: [Sample((*arrays(rng, (3, 4)), J[:1] > 0, 1.5))], method=True)
case("masked_scatter_", lambda rng: [Sample((*arrays(rng, (3, 4)), J[:1] > 1, V))], method=True)
case("scatter_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, ONCE, V))], method=True)
case("scatter_add_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, J, V))], method=True)
case("scatter_reduce_", lambda rng: [Sample((*arrays(rng, (3, 4)), 0, J, V, "amax"))], method=True)
case("put_", lambda rng: [Sample((*arrays(rng, (3, 4)), VECTOR, V[0, :2].copy()))], method=True)
