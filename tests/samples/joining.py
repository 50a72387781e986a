"""Samples of joining, splitting, repeating and combining."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case

X23 = np.ones((2, 3))
INTS = np.arange(6).reshape(2, 3)


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def cats(rng):
    x, y, z, e, v = arrays(rng, (2, 3), (1, 3), (2, 2), (0, 3), (0,))
    return [
        Sample(([x, y],)),
        Sample(((x, y, x[::-1]), 0)),
        Sample(([x, z], 1)),
        Sample(([x, z[:, ::-1]], -1)),
        Sample(([x],)),
        Sample(([e, x],)),
        Sample(([v, x],)),
        Sample(([x, INTS],)),
        Sample(([INTS, INTS], 1)),
        Sample(([cplx(rng, 2, 2), z],)),
        Sample(([x.astype(np.float32), x],)),
    ]


def bad_cats(name):
    return (
        Bad(([X23, np.ones((2, 2))],), RuntimeError, "Sizes of tensors must match except in dimension 0"),
        Bad(([X23, np.ones(3)],), RuntimeError, "same number of dimensions"),
        Bad(([],), RuntimeError, "non-empty TensorList"),
        Bad((X23,), TypeError, "must be tuple of Tensors, not Tensor"),
        Bad(([X23, X23], 2), IndexError, "Dimension out of range"),
        Bad(([np.ones(()), np.ones(())],), RuntimeError, "zero-dimensional tensor"),
    )


for name in ("cat", "concat", "concatenate"):
    case(name, cats, *bad_cats(name))


def same(rng):
    x, y = arrays(rng, (2, 3), (2, 3))
    return x, y.T.copy().T


case(
    "stack",
    lambda rng: [
        *[Sample((list(same(rng)), d)) for d in (0, 1, 2, -1)],
        Sample((arrays(rng, (), ()),)),
        Sample(([INTS, *arrays(rng, (2, 3))],)),
        Sample((arrays(rng, (0, 2), (0, 2)), 1)),
    ],
    Bad(([X23, np.ones(3)],), RuntimeError, "stack expects each tensor to be equal size"),
    Bad(([],), RuntimeError, "non-empty TensorList"),
)
LISTS = {
    "hstack": [((2, 3), (2, 1)), ((3,), (2,)), ((), (2,))],
    "vstack": [((2, 3), (1, 3)), ((3,), (2, 3)), ((), (2, 1))],
    "row_stack": [((2, 3), (3,))],
    "dstack": [((2, 3), (2, 3)), ((3,), (3,)), ((2, 3, 1), (2, 3, 2)), ((), ())],
    "column_stack": [((3,), (3, 2)), ((3,), (3,)), ((), ())],
}
for name, shapes in LISTS.items():
    case(name, lambda rng, shapes=shapes: [Sample((arrays(rng, *s),)) for s in shapes])
case(
    "split",
    lambda rng: [
        *[Sample((*arrays(rng, (5, 3)), *a)) for a in ((2,), (2, 1), ([1, 4],), ([2, 0, 1], 1), (7,), ([3], -1))],
        Sample((INTS, 1)),
        Sample((cplx(rng, 3, 2), [1, 2])),
        Sample((arrays(rng, (6, 4))[0][::-2, ::-1], 2)),
    ],
    Bad((X23, [1, 2]), RuntimeError, "sum exactly to 2"),
    Bad((X23, -1), RuntimeError, "non-negative"),
    Bad((np.ones(()), 1), RuntimeError, "at least a 1-dimensional tensor"),
)
case(
    "split_with_sizes",
    lambda rng: [Sample((*arrays(rng, (5, 3)), [1, 4]))],
    Bad((X23, [3]), RuntimeError, "sum exactly"),
)
case(
    "chunk",
    lambda rng: [Sample((*arrays(rng, (5, 3)), *a)) for a in ((2,), (3, 1), (4,), (7,), (1,))],
    Bad((X23, 0), RuntimeError, "greater than 0"),
)
case(
    "tensor_split",
    lambda rng: [
        Sample((*arrays(rng, (5, 3)), *a))
        for a in ((2,), (3,), ((1, 3),), ((2,), 1), (7,), ((-1,),), ((3, 1),), ((9,),), ((-9, 2),))
    ],
    Bad((X23, 0), RuntimeError, "larger than 0"),
)
case(
    "hsplit",
    lambda rng: [Sample((*arrays(rng, (4, 6)), *a)) for a in ((2,), ((1, 4),))] + [Sample((*arrays(rng, (4,)), 2))],
    Bad((X23, 2), RuntimeError, "not divisible by the split_size"),
)
case(
    "vsplit",
    lambda rng: [Sample((*arrays(rng, (4, 6)), *a)) for a in ((2,), ((1, 3),))],
    Bad((np.ones(3), 3), RuntimeError, "2"),
)
case(
    "dsplit",
    lambda rng: [Sample((*arrays(rng, (2, 3, 4)), *a)) for a in ((2,), ((1, 3),))],
    Bad((X23, 3), RuntimeError, "3"),
)
case(
    "unbind",
    lambda rng: [
        *[Sample((*arrays(rng, (2, 3)), d)) for d in (0, 1, -1)],
        Sample((INTS,)),
        Sample((*arrays(rng, (3,)),)),
        Sample((arrays(rng, (4, 6))[0][::2, ::-3], 1)),
    ],
    Bad((np.ones(()),), IndexError, "no dimensions"),
)
case(
    "broadcast_tensors",
    lambda rng: [Sample(tuple(arrays(rng, (3, 1), (4,)))), Sample(tuple(arrays(rng, (), (2, 1, 3), (2, 1))))],
    Bad((X23, np.ones(2)), RuntimeError, "do not broadcast"),
)
for n in (1, 2, 3):
    case(
        f"atleast_{n}d",
        lambda rng: [
            *[Sample((a,)) for a in arrays(rng, (), (3,), (2, 3), (2, 1, 2), (1, 2, 1, 2))],
            Sample(tuple(arrays(rng, (), (3,)))),
            Sample((arrays(rng, (2,), (3, 1)),)),
        ],
    )
case(
    "repeat",
    lambda rng: [
        *[Sample((*arrays(rng, (2, 3)), *a)) for a in ((2, 1), (1, 3), ((2, 1, 2),), (1, 1), (0, 2))],
        Sample((*arrays(rng, ()), 3)),
        Sample((INTS, 2, 2)),
    ],
    Bad((X23, 2), RuntimeError, "Number of dimensions of repeat dims"),
    method=True,
)
case(
    "tile",
    lambda rng: [Sample((*arrays(rng, (2, 3)), a)) for a in ((2,), (2, 1), (2, 1, 2), (1, 1))],
)
case(
    "repeat_interleave",
    lambda rng: [
        *[Sample((*arrays(rng, (2, 3)), *a)) for a in ((2,), (2, 0), (3, -1), (0, 1))],
        Sample((*arrays(rng, (2, 3)), np.array([2, 0, 1]), 1), vmap=False),
        Sample((np.array([2, 0, 3]),), vmap=False),
        Sample((INTS, 2, 1)),
    ],
    Bad((X23, np.array([1, 2]), 1), RuntimeError, "must have the same size as input along dim"),
    Bad((X23, -1), RuntimeError, "can not be negative"),
)
case(
    "kron",
    lambda rng: [
        Sample(tuple(arrays(rng, (2, 3), (2, 2)))),
        Sample(tuple(arrays(rng, (3,), (2, 2)))),
        Sample(tuple(arrays(rng, (2, 1, 3), (2,)))),
        Sample((INTS, INTS)),
        Sample((cplx(rng, 2, 2), cplx(rng, 1, 2))),
    ],
)
case(
    "block_diag",
    lambda rng: [
        Sample(tuple(arrays(rng, (2, 3), (1, 2), (2,), ()))),
        Sample(tuple(arrays(rng, (2, 2)))),
        Sample((INTS, *arrays(rng, (2, 1)))),
        Sample(()),
    ],
    Bad((np.ones((1, 2, 3)),), RuntimeError, "2 or fewer dimensions"),
)
case(
    "meshgrid",
    lambda rng: [
        Sample(tuple(arrays(rng, (3,), (2,))), {"indexing": "ij"}),
        Sample(tuple(arrays(rng, (3,), (2,), (4,))), {"indexing": "xy"}),
        Sample(tuple(arrays(rng, (), (2,))), {"indexing": "ij"}),
        Sample(tuple(arrays(rng, (2,))), {"indexing": "xy"}),
        Sample((arrays(rng, (3,), (2,)),), {"indexing": "ij"}),
    ],
    Bad((X23,), RuntimeError, "Expected 0D or 1D tensor"),
    Bad((np.ones(2),), RuntimeError, "indexing must be one of", {"indexing": "no"}),
)
case(
    "cartesian_prod",
    lambda rng: [
        Sample(tuple(arrays(rng, (3,), (2,)))),
        Sample(tuple(arrays(rng, (3,)))),
        Sample(tuple(arrays(rng, (2,), (0,), (1,)))),
    ],
    Bad((X23, np.ones(2)), RuntimeError, "Expect a 1D vector"),
)
case(
    "combinations",
    lambda rng: [
        Sample((*arrays(rng, (4,)),)),
        Sample((*arrays(rng, (4,)), 3)),
        Sample((*arrays(rng, (3,)), 2, True)),
        Sample((*arrays(rng, (2,)), 3)),
        Sample((*arrays(rng, (2,)), 1)),
        Sample((*arrays(rng, (2,)), 0)),
    ],
    Bad((X23,), RuntimeError, "Expect a 1D vector"),
)
