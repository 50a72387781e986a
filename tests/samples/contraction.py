"""Samples of products of vectors, matrices and tensors."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case

INTS = np.array([[3, 0, 2], [5, 1, 4]])


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def pairs(rng, *shapes):
    return [Sample(tuple(arrays(rng, a, b))) for a, b in shapes]


def views(rng, n, k, m):
    """Matrices in every layout: transposed, strided, reversed."""
    a, b = arrays(rng, (2 * k, n), (m, 2 * k))
    return [Sample((a[::2].T, b[:, ::2].T)), Sample((a[:k].T[::-1], b.T[k - 1 :: -1]))]


def products(rng):
    found = pairs(
        rng,
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((3,), (5, 3, 4)),
        ((5, 2, 3), (3,)),
        ((2, 1, 2, 3), (4, 3, 1)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
    )
    found += [*views(rng, 2, 3, 4), Sample((INTS, INTS.T)), Sample((cplx(rng, 2, 3), cplx(rng, 3, 2)))]
    (x,) = arrays(rng, (3, 2), dtype=np.float32)
    mixed = Sample((x.T, arrays(rng, (3, 2))[0]), torch=False, grad=False)  # dtypes are promoted, torch raises
    return [*found, Sample((x.T, x)), mixed, Sample((cplx(rng, 4, 2, 3), cplx(rng, 3)))]


UNEQUAL = Bad((np.ones((2, 3)), np.ones((4, 5))), RuntimeError, r"cannot be multiplied \(2x3 and 4x5\)")
case(
    "matmul",
    products,
    UNEQUAL,
    Bad((np.ones(3), np.ones(4)), RuntimeError, "inconsistent tensor size"),
    Bad((np.ones((2, 3)), np.ones(4)), RuntimeError, "size mismatch"),
    Bad((np.array(1.0), np.ones(4)), RuntimeError, "at least 1D"),
    Bad((np.ones((2, 2, 3)), np.ones((2, 4, 2))), RuntimeError, "first two dimensions of batch2"),
    Bad((np.ones((2, 2, 3)), np.ones((3, 3, 2))), RuntimeError, "broadcast"),
)
case(
    "mm",
    lambda rng: [*pairs(rng, ((2, 3), (3, 4)), ((0, 3), (3, 1))), *views(rng, 3, 2, 2), Sample((INTS, INTS.T))],
    UNEQUAL,
    Bad((np.ones(3), np.ones((3, 2))), RuntimeError, "self must be a matrix"),
    Bad((np.ones((3, 3)), np.ones(3)), RuntimeError, "mat2 must be a matrix"),
)
case(
    "bmm",
    lambda rng: [
        *pairs(rng, ((2, 2, 3), (2, 3, 4)), ((0, 2, 3), (0, 3, 1))),
        Sample((cplx(rng, 2, 2, 3), cplx(rng, 2, 3, 1))),
    ],
    Bad((np.ones((2, 3)), np.ones((3, 2))), RuntimeError, "must be a 3D tensor"),
    Bad((np.ones((2, 2, 3)), np.ones((2, 4, 2))), RuntimeError, "first two dimensions of batch2"),
)
case(
    "mv",
    lambda rng: [
        *pairs(rng, ((2, 3), (3,)), ((0, 3), (3,))),
        Sample((cplx(rng, 2, 3), cplx(rng, 3))),
        Sample((INTS, INTS[0])),
    ],
    Bad((np.ones((2, 3)), np.ones((3, 2))), RuntimeError, "vector expected"),
    Bad((np.ones((2, 3)), np.ones(2)), RuntimeError, "size mismatch"),
)
NOT_VECTORS = Bad((np.ones((2, 3)), np.ones(3)), RuntimeError, "1D tensors expected")
UNEQUAL_VECTORS = Bad((np.ones(3), np.ones(2)), RuntimeError, "inconsistent tensor size")


def vectors(rng):
    x, y = arrays(rng, (8,), (4,))
    found = [Sample((x[::2], y)), Sample((x[3::-1], y)), Sample((y[:0], y[:0]))]
    return [*found, Sample((cplx(rng, 3), cplx(rng, 3))), Sample((INTS[0], INTS[1]))]


case("dot", vectors, NOT_VECTORS, UNEQUAL_VECTORS)
case("vdot", vectors, NOT_VECTORS, UNEQUAL_VECTORS)
case(
    "linalg.vecdot",
    lambda rng: [
        *vectors(rng)[:-1],
        *pairs(rng, ((2, 3), (2, 3)), ((4, 1, 3), (2, 3))),
        Sample((cplx(rng, 3, 2), cplx(rng, 3, 2)), {"dim": 0}),
    ],
    Bad((np.ones((2, 3)), np.ones((2, 4))), RuntimeError, "broadcast"),
)
case(
    "inner",
    lambda rng: [
        *vectors(rng),
        *pairs(rng, ((2, 3), (4, 3)), ((2, 2, 3), (3,)), ((), (2, 3)), ((), ())),
    ],
    Bad((np.ones((2, 3)), np.ones((2, 4))), RuntimeError, "last dimension must match"),
)


def all_pairs(rng):
    found = pairs(rng, ((2,), (3,)), ((0,), (3,)))
    return [*found, Sample((cplx(rng, 2), cplx(rng, 3))), Sample((INTS[0], INTS[1, ::-1]))]


NOT_1D = Bad((np.ones((2, 3)), np.ones(3)), RuntimeError, "Expected 1-D argument self, but got 2-D")
case("outer", all_pairs, NOT_1D)
case("ger", all_pairs, NOT_1D)


# ---- products with a sum --------------------------------------------------------------------------------------------


def with_sum(*shapes):
    def samples(rng):
        found = [Sample(tuple(arrays(rng, *shapes))), Sample(tuple(arrays(rng, *shapes)), {"beta": 0.5, "alpha": -2.0})]
        found.append(Sample(tuple(arrays(rng, shapes[0][-1:], *shapes[1:])), {"beta": 2}))
        found.append(Sample(tuple(cplx(rng, *s) for s in shapes)))
        nan = [np.full(shapes[0], np.nan), *arrays(rng, *shapes[1:])]
        return [*found, Sample(tuple(nan), {"beta": 0}, grad=(1, 2))]

    return samples


WIDE = "does not expand"
case(
    "addmm",
    with_sum((2, 4), (2, 3), (3, 4)),
    Bad((np.ones((5, 2, 2)), np.ones((2, 2)), np.ones((2, 2))), RuntimeError, WIDE),
)
case("addmv", with_sum((2,), (2, 3), (3,)), Bad((np.ones((2, 2)), np.ones((2, 2)), np.ones(2)), RuntimeError, WIDE))
case("addr", with_sum((2, 4), (2,), (4,)), Bad((np.ones((2, 4)), np.ones((2, 1)), np.ones(4)), RuntimeError, "1-D"))
case(
    "addbmm",
    with_sum((2, 4), (5, 2, 3), (5, 3, 4)),
    Bad((np.ones(4), np.ones((2, 3)), np.ones((3, 4))), RuntimeError, "3D"),
)
case(
    "baddbmm",
    with_sum((5, 2, 4), (5, 2, 3), (5, 3, 4)),
    Bad((np.ones(4), np.ones((2, 3)), np.ones((3, 4))), RuntimeError, "3D"),
)


def affine(rng):
    found = [Sample(tuple(arrays(rng, a, (4, 3), (4,)))) for a in ((2, 3), (3,), (2, 5, 3), (0, 3))]
    found += [Sample(tuple(arrays(rng, a, (4, 3)))) for a in ((2, 3), (3,), (2, 2, 3))]
    found += [Sample((cplx(rng, 2, 3), cplx(rng, 4, 3), cplx(rng, 4))), Sample(tuple(arrays(rng, (2, 3), (3,))))]
    x, w, b = arrays(rng, (3, 2), (3, 4), (8,))
    return [*found, Sample((x.T, w.T, b[::-2])), Sample(tuple(a.astype(np.float32) for a in (x.T, w.T, b[:4])))]


TRANSPOSED = Bad((np.ones((2, 3)), np.ones((4, 5))), RuntimeError, r"cannot be multiplied \(2x3 and 5x4\)")
case("nn.functional.linear", affine, TRANSPOSED)


def twice_linear(rng):
    found = [Sample(tuple(arrays(rng, (*lead, 2), (*lead, 3), (4, 2, 3), (4,)))) for lead in ((5,), (), (2, 3))]
    return [*found, Sample(tuple(arrays(rng, (5, 2), (5, 3), (4, 2, 3))))]


case(
    "bilinear",
    lambda rng: twice_linear(rng)[:3],
    Bad((np.ones((2, 2)), np.ones((3, 3)), np.ones((1, 2, 3)), np.ones(1)), RuntimeError, "batch dimensions"),
    Bad((np.ones((2, 2)), np.ones((2, 3)), np.ones((1, 3, 3)), np.ones(1)), RuntimeError, "weight size"),
)
case("nn.functional.bilinear", twice_linear)

# ---- einsum ---------------------------------------------------------------------------------------------------------

EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("ba,cb", (2, 3), (4, 2)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("ij->ji", (2, 3)),
    ("ij->", (2, 3)),
    ("ij->j", (2, 3)),
    ("i,i->", (3,), (3,)),
    ("i,j->ij", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    ("...ij,...jk->...ik", (2, 1, 2, 3), (4, 3, 2)),
    ("...i,...i", (2, 3), (3,)),
    ("i...->...", (2, 3, 2)),
    ("...ii->...i", (2, 3, 3)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 3)),
    ("bn,anm,bm->ba", (2, 3), (4, 3, 2), (2, 2)),
    ("iij,jk->k", (2, 2, 3), (3, 2)),
    ("ij,k->i", (2, 3), (4,)),
    ("i,ij,jkl,l->k", (2,), (2, 3), (3, 4, 2), (2,)),
    ("ij,ij->i", (2, 1), (2, 3)),
    ("a b , b c -> a c", (2, 3), (3, 2)),
    ("aB,Bc", (2, 3), (3, 2)),
    (",ij->ij", (), (2, 3)),
    ("ij,jk->ik", (0, 3), (3, 2)),
    ("ij,jk->ik", (2, 0), (0, 2)),
    ("i,i,i->i", (3,), (3,), (3,)),
]


def sums_of_products(rng):
    found = [Sample((eq, *arrays(rng, *shapes))) for eq, *shapes in EQUATIONS]
    x, y = arrays(rng, (2, 3), (3, 4))
    found += [Sample((x, [0, 1], y, [1, 2], [0, 2])), Sample((x, [0, 1], y, [1, 2])), Sample((x, [..., 1], [1, ...]))]
    found += [Sample(("ij,jk->ik", [x, y])), Sample(("ij,kj->ik", INTS, INTS)), Sample(("ij,kj", x.T[::-1].T, x))]
    return [*found, Sample(("ij,jk,ki->j", cplx(rng, 2, 3), cplx(rng, 3, 2), cplx(rng, 2, 2)))]


ONE = np.ones((2, 3))
case(
    "einsum",
    sums_of_products,
    Bad(("ij,jk->ik", ONE), RuntimeError, "fewer operands were provided"),
    Bad(("ij", ONE, ONE), RuntimeError, "more operands were provided"),
    Bad(("ijk", ONE), RuntimeError, "number of subscripts"),
    Bad(("ij,ij", ONE, ONE.T), RuntimeError, "does not broadcast with previously seen size"),
    Bad(("ii", ONE), RuntimeError, "is repeated for operand 0"),
    Bad(("ij->k", ONE), RuntimeError, "does not appear in the equation"),
    Bad(("ij->ii", ONE), RuntimeError, "more than once in the output"),
    Bad(("i1", ONE), RuntimeError, "must be in"),
    Bad(("i.j", ONE), RuntimeError, "not part of any ellipsis"),
    Bad(("ij",), RuntimeError, "at least one operand"),
)


def dotted(rng):
    a, b = arrays(rng, (2, 3, 4), (4, 3, 2))
    found = [Sample((a, b), {"dims": d}) for d in (0, 1, ([2, 1], [0, 1]), ([0, -1], [-1, 0]))]
    found += [Sample((a, np.moveaxis(b, 0, 1)[::-1], 2)), Sample((cplx(rng, 2, 3), cplx(rng, 3, 2), 1))]
    return found


case(
    "tensordot",
    dotted,
    Bad((ONE, ONE, 1), RuntimeError, "contracted dimensions need to match"),
    Bad((ONE, ONE, 3), RuntimeError, "tensordot expects dims"),
    Bad((ONE, ONE, -1), RuntimeError, "dims >= 0"),
    Bad((ONE, ONE, ([0], [0, 1])), RuntimeError, "same length"),
)


def chains(rng):
    shapes = ((2, 5), (5, 3), (3, 4), (4, 2))
    return [Sample(tuple(arrays(rng, *shapes[:n]))) for n in (1, 2, 3, 4)] + [Sample((cplx(rng, 2, 2),) * 2)]


case("chain_matmul", chains, UNEQUAL, Bad((np.ones(3), np.ones(3)), RuntimeError, "dimension is not 2"))
case(
    "linalg.multi_dot",
    lambda rng: (
        [Sample((list(s.args),)) for s in chains(rng)[1:]]
        + [
            Sample((arrays(rng, (2,), (2, 3), (3, 4), (4,)),)),
            Sample((arrays(rng, (2,), (2, 3)),)),
            Sample((arrays(rng, (2,), (2,)),)),
        ]
    ),
    Bad(([np.ones((2, 2))],), RuntimeError, "at least 2"),
    Bad(([np.ones((2, 2)), np.ones((2, 2, 2)), np.ones((2, 2))],), RuntimeError, "2D"),
)


def distances(rng):
    found = [Sample(tuple(arrays(rng, (3, 2), (4, 2))), {"p": p}) for p in (2.0, 1.0, 3.0, 1.5, float("inf"))]
    found += [Sample(tuple(arrays(rng, (2, 3, 2), (2, 4, 2)))), Sample(tuple(arrays(rng, (2, 1, 3, 2), (4, 3, 2))))]
    (x,) = arrays(rng, (3, 2))
    same = Sample((x, x[::-1].copy()), grad=False, second=False)
    found += [same, Sample(tuple(arrays(rng, (0, 2), (3, 2)))), Sample(tuple(arrays(rng, (2, 0), (3, 0))))]
    return [*found, Sample(tuple(arrays(rng, (3, 2), (4, 2))), {"p": 0.0}, grad=False)]


case(
    "cdist",
    distances,
    Bad((np.ones(3), np.ones((2, 3))), RuntimeError, "at least 2D"),
    Bad((ONE, ONE.T), RuntimeError, "same number of columns"),
    Bad((ONE, ONE, -1.0), RuntimeError, "non-negative p"),
)


def crosses(rng):
    found = pairs(rng, ((3,), (3,)), ((2, 3), (2, 3)), ((0, 3), (0, 3)))
    return [*found, Sample((cplx(rng, 2, 3), cplx(rng, 2, 3))), Sample((INTS, INTS[::-1]))]


SHORT = Bad((np.ones((2, 4)), np.ones((2, 4))), RuntimeError, "size 3|length 3")
case(
    "cross", lambda rng: [*crosses(rng), *(Sample((x, y), {"dim": 0}) for x, y in [arrays(rng, (3, 2), (3, 2))])], SHORT
)
case("linalg.cross", lambda rng: [*crosses(rng), *pairs(rng, ((4, 1, 3), (1, 2, 3)))], SHORT)
