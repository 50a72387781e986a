"""Samples of shapes, views, rearrangements and diagonals."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case, layouts

INTS = np.arange(6).reshape(2, 3)
FLAGS = INTS % 2 == 0


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def each(rng, *rest, **kwargs):
    """Every layout, an integer, a boolean and a complex array, with the same further arguments."""
    found = [Sample((a, *rest), kwargs) for a in layouts(rng)]
    return [
        *found,
        Sample((INTS, *rest), kwargs),
        Sample((FLAGS, *rest), kwargs),
        Sample((cplx(rng, 3, 2), *rest), kwargs),
    ]


def on(shape, *arguments, **kwargs):
    """One real array of a shape, with each tuple of further arguments."""

    def samples(rng):
        (x,) = arrays(rng, shape)
        back = (slice(None, None, -1),) * len(shape)
        more = [x.astype(np.float32), cplx(rng, *shape), x[(*back, ...)]]
        first = arguments[0] if arguments else ()
        return [Sample((x, *a), kwargs) for a in arguments] + [Sample((a, *first), kwargs) for a in more]

    return samples


def matrices(rng):
    return [Sample((a,)) for a in (*arrays(rng, (2, 3), (4, 2, 3), (0, 2)), cplx(rng, 3, 2), INTS)]


X23 = np.ones((2, 3))
RANGE = "Dimension out of range"


case(
    "reshape",
    lambda rng: [*on((2, 3, 4), ((6, 4),), ((-1,),), ((2, -1, 2),))(rng), *each(rng, (-1,))[:3], *each(rng, (-1,))[4:]],
    Bad((X23, (4, 2)), RuntimeError, "is invalid for input of size 6"),
    Bad((X23, (-1, -1)), RuntimeError, "only one dimension can be inferred"),
)
case(
    "view",
    on((2, 6), (2, 3, 2), ((2, 2, -1),), (2, 6), (1, 2, 6)),
    Bad((X23, 7), RuntimeError, "is invalid for input of size 6"),
    Bad((X23.T, 6), RuntimeError, "view size is not compatible"),
    method=True,
)
case("view_as", lambda rng: [Sample(tuple(arrays(rng, (2, 6), (2, 3, 2))))], method=True)
case("reshape_as", lambda rng: [Sample(tuple(arrays(rng, (2, 6), (4, 3))))], method=True)
case(
    "flatten",
    lambda rng: [*each(rng), *on((2, 3, 4), (1,), (0, 1), (-2, -1), (1, 1))(rng)],
    Bad((X23, 1, 0), RuntimeError, "start_dim cannot come after end_dim"),
    Bad((X23, 2), IndexError, RANGE),
)
case(
    "unflatten",
    on((2, 12), (1, (3, 4)), (-1, (3, -1)), (0, (1, 2))),
    Bad((X23, 1, (2, 2)), RuntimeError, "don't multiply up"),
)
case("ravel", each)
case(
    "squeeze",
    lambda rng: [*each(rng), *on((1, 3, 1, 2), (), (0,), (-2,), (1,), ((0, 2),))(rng)],
    Bad((X23, 2), IndexError, RANGE),
)
case("unsqueeze", lambda rng: [*each(rng, 0), *on((2, 3), (1,), (2,), (-1,))(rng)], Bad((X23, 3), IndexError, RANGE))
case(
    "permute",
    on((2, 3, 4), ((2, 0, 1),), ((0, -1, 1),)),
    Bad((X23, (0,)), RuntimeError, "number of dimensions"),
    Bad((X23, (0, 0)), RuntimeError, "permute.*dup"),
)
for name in ("transpose", "swapaxes", "swapdims"):
    case(name, on((2, 3, 4), (0, 1), (-1, 0), (1, 1)), Bad((X23, 0, 2), IndexError, RANGE))
case(
    "t",
    lambda rng: [Sample((a,)) for a in arrays(rng, (), (3,), (2, 3))],
    Bad((np.ones((1, 2, 3)),), RuntimeError, "t\\(\\) expects a tensor with <= 2 dimensions"),
)
case("adjoint", matrices)
case(
    "broadcast_to",
    on((3, 1), ((3, 4),), ((2, 3, 1),), ((2, -1, 4),)),
    Bad((X23, (2, 4)), RuntimeError, "must match the existing size"),
    Bad((X23, (3,)), RuntimeError, "greater or equal"),
)
case("expand", on((3, 1), (3, 4), ((2, 3, 5),), (-1, 2), (0, 3, 1)), method=True)
case("expand_as", lambda rng: [Sample(tuple(arrays(rng, (3, 1), (2, 3, 4))), grad=(0,))], method=True)
case("clone", each)
case("contiguous", each, method=True)
case(
    "detach",
    lambda rng: [Sample((a,), grad=False) for a in layouts(rng)],
)
case(
    "movedim",
    on((2, 3, 4), (0, 2), (-1, 0), ((0, 1), (1, 2)), ((0, 1), (2, 0))),
    Bad((X23, (0, 1), (0,)), RuntimeError, "Invalid source or destination"),
    Bad((X23, (0, 0), (0, 1)), RuntimeError, "repeated dim in `source`"),
)
case("moveaxis", on((2, 3, 4), (0, 2)))
case(
    "flip",
    lambda rng: [*on((2, 3, 4), ((0,),), ((-1, 0),), ((0, 1, 2),))(rng), Sample((INTS, (1,)))],
    Bad((X23, (0, 0)), RuntimeError, "appears multiple times"),
)
case("fliplr", on((2, 3), ()), Bad((np.ones(3),), RuntimeError, "must be >= 2-d"))
case("flipud", on((2, 3), ()), Bad((np.ones(()),), RuntimeError, "must be >= 1-d"))
case(
    "roll",
    lambda rng: [*on((3, 4), (1,), (-2, 1), ((1, 2), (0, 1)), ((5,), (0,)))(rng), Sample((INTS, 1))],
    Bad((X23, (1, 2), 0), RuntimeError, "shifts and dimensions must align"),
)
case(
    "rot90",
    on((2, 3, 2), (), (2,), (3,), (-1, (0, 2)), (4, (1, 2)), (1, (2, 1))),
    Bad((X23, 1, (0, 0)), RuntimeError, "rotation dims to be different"),
)
case(
    "narrow",
    on((4, 3), (0, 1, 2), (-1, -2, 1), (0, 4, 0)),
    Bad((X23, 0, 1, 2), RuntimeError, "exceeds dimension size"),
    Bad((X23, 0, 3, 0), IndexError, RANGE),
)
case(
    "select",
    on((4, 3), (0, 1), (-1, -2), (0, -4)),
    Bad((X23, 1, 3), IndexError, "out of range for tensor of size"),
)
case(
    "as_strided",
    on((3, 4), ((2, 2), (1, 2)), ((2, 3), (3, 1), 1), ((3, 3), (2, 1)), ((0, 2), (1, 1)), ((), ())),
    Bad((X23, (4, 2), (2, 1)), RuntimeError, "out of bounds for storage"),
    Bad((X23, (4,), (2, 1)), RuntimeError, "mismatch in length"),
)
case(
    "unfold",
    lambda rng: [*on((2, 7), (1, 3, 2), (-1, 2, 1), (0, 1, 1), (1, 2, 4))(rng), Sample((*arrays(rng, ()), 0, 1, 1))],
    Bad((X23, 1, 4, 1), RuntimeError, "maximum size for tensor"),
    Bad((X23, 1, 2, 0), RuntimeError, "must be > 0"),
    method=True,
)
case(
    "view_as_real",
    lambda rng: [Sample((cplx(rng, 2, 3),)), Sample((cplx(rng),)), Sample((cplx(rng, 2, 3).T,))],
    Bad((X23,), RuntimeError, "only supported for complex"),
)
case(
    "view_as_complex",
    lambda rng: [*[Sample((a,)) for a in arrays(rng, (3, 2), (2,))], Sample((np.ones((2, 0, 2)),), torch=False)],
    Bad((X23,), RuntimeError, "last dimension of size 2"),
)


# ---- diagonals ----------------------------------------


def squares(rng):
    (x,) = arrays(rng, (3, 4))
    found = [Sample((x,)), Sample((x, 1)), Sample((x, -2)), Sample((x, 5)), Sample((x.T,)), Sample((INTS,))]
    return [*found, Sample((cplx(rng, 3, 3),)), Sample((x[:0],))]


def vectors(rng):
    (x,) = arrays(rng, (3,))
    return [Sample((x,)), Sample((x, 1)), Sample((x, -2)), Sample((x[::-1],)), Sample((INTS[0],)), Sample((x[:0], 1))]


case(
    "diag",
    lambda rng: [*squares(rng), *vectors(rng)],
    Bad((np.ones((1, 2, 3)),), RuntimeError, "Supports 1D or 2D tensors"),
)
case("diagflat", lambda rng: [*vectors(rng), Sample((*arrays(rng, (2, 2)), 1)), Sample(tuple(arrays(rng, ())))])
case(
    "diagonal",
    lambda rng: [*squares(rng), *on((2, 3, 4), (0, 0, 2), (1, -1, 0), (-1, 1, 2))(rng)],
    Bad((X23, 0, 1, 1), RuntimeError, "cannot be identical"),
    Bad((np.ones(3),), IndexError, RANGE),
)
case("diag_embed", lambda rng: [*vectors(rng), *on((2, 3), (), (1,), (-1, 0, 2), (0, 2, 0))(rng)])
case(
    "trace",
    lambda rng: [s for s in squares(rng) if len(s.args) == 1],
    Bad((np.ones(3),), RuntimeError, "expected a matrix"),
)
for name in ("tril", "triu"):
    case(
        name,
        lambda rng: [*squares(rng), *on((2, 3, 3), (), (1,), (-1,))(rng), Sample((FLAGS,))],
        Bad((np.ones(3),), RuntimeError, "at least 2 dimensions"),
    )
    case(
        name + "_indices",
        lambda rng: [Sample((3, 4)), Sample((4, 2, 1)), Sample((2, 3, -1)), Sample((0, 2))],
        Bad((-1, 2), RuntimeError, "non-negative"),
    )
case(
    "diagonal_scatter",
    lambda rng: [
        Sample(tuple(arrays(rng, (3, 4), (3,)))),
        Sample((*arrays(rng, (3, 4), (2,)), 2)),
        Sample((*arrays(rng, (2, 3, 3), (3, 2)), 0, 0, 2)),
    ],
    Bad((X23, np.ones(3)), RuntimeError, "expected src to have a size equal to the slice"),
)
case(
    "fill_diagonal_",
    lambda rng: [
        Sample((*arrays(rng, (3, 4)), 2.0)),
        Sample((*arrays(rng, (5, 2)), 2.0, True)),
        Sample((*arrays(rng, (3, 3, 3)), -1.0)),
        Sample((INTS, 7)),
    ],
    Bad((np.ones(3), 1.0), RuntimeError, "dimensions must larger than 1"),
    method=True,
)
case("unsqueeze_", on((2, 3), (0,), (-1,)), method=True)
case("squeeze_", on((1, 3), (0,), (), (1,)), method=True)
case("t_", on((2, 3), ()), method=True)
case("transpose_", on((2, 3), (0, 1)), method=True)
case("tril_", on((3, 3), (), (1,)), method=True)
case("triu_", on((3, 3), (), (-1,)), method=True)
case(
    "ops.views.stop_gradient_p",  # what detach() is inside a transformation
    lambda rng: [Sample((a,), grad=False) for a in layouts(rng)],
    torch=None,
    reference=lambda x: x,
)
