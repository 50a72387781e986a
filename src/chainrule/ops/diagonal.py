"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import numpy_dtype
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, DimensionError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape, wrap
from ..core.writes import write_out
from .kits import linear, shown_as
from .shape import canonical_dim, reshape_p

__all__ = [
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "trace",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
]
METHODS = (
    "diag",
    "diag_embed",
    "diagflat",
    "diagonal",
    "diagonal_scatter",
    "trace",
    "tril",
    "triu",
    "fill_diagonal",
)
INPLACE = ("tril", "triu", "fill_diagonal")


def _diagonal_impl(xp: Any, x: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    found = x.diagonal(offset, dim1, dim2)
    if x.flags.writeable:
        found.flags.writeable = True  # NumPy marks it read-only; a view here may be written to
    return found


def _length(m: int, n: int, offset: int) -> int:
    return max(min(m, n - offset) if offset >= 0 else min(m + offset, n), 0)


def _diagonal_shape(shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> tuple[int, ...]:
    rest = [n for i, n in enumerate(shape) if i not in (dim1, dim2)]
    return (*rest, _length(shape[dim1], shape[dim2], offset))


def _embed_impl(xp: Any, g: Any, *, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    out = xp.zeros(shape, g.dtype)
    _diagonal_impl(xp, out, offset=offset, dim1=dim1, dim2=dim2)[...] = g
    return out


embed_diagonal_p = linear(
    "embed_diagonal",
    _embed_impl,
    aval=lambda g, *, shape, offset, dim1, dim2: Spec(shape, g.dtype),
    transpose=lambda g, ans, x, *, shape, offset, dim1, dim2: diagonal_p(g, offset=offset, dim1=dim1, dim2=dim2),
    batch=lambda prim, args, b, *, shape, offset, dim1, dim2: prim(
        args[0], shape=(raw_shape(args[0])[0], *shape), offset=offset, dim1=dim1 + 1, dim2=dim2 + 1
    ),
    notation="diag({})",
    doc="Zeros of `shape` with the argument on a diagonal: the transpose of diagonal.",
    backward_name="DiagEmbedBackward0",
)

diagonal_p = linear(
    "diagonal",
    _diagonal_impl,
    aval=lambda x, *, offset, dim1, dim2: Spec(_diagonal_shape(x.shape, offset, dim1, dim2), x.dtype),
    transpose=lambda g, ans, x, *, offset, dim1, dim2: embed_diagonal_p(
        g, shape=tuple(x.shape), offset=offset, dim1=dim1, dim2=dim2
    ),
    batch=lambda prim, args, b, *, offset, dim1, dim2: prim(args[0], offset=offset, dim1=dim1 + 1, dim2=dim2 + 1),
    notation="diagonal({})",
    doc="The elements x[.., i, i + offset, ..] of two dimensions, as a new last dimension; a view.",
    view=True,
)

tril_p = linear(
    "tril",
    lambda xp, x, *, diagonal: xp.tril(x, diagonal),
    aval=lambda x, *, diagonal: Spec(x.shape, x.dtype),
    transpose=lambda g, ans, x, *, diagonal: tril_p(g, diagonal=diagonal),
    batch=lambda prim, args, b, *, diagonal: prim(args[0], diagonal=diagonal),
    notation="tril({})",
    doc="Lower triangles of matrices: zero above a diagonal.",
)

triu_p = linear(
    "triu",
    lambda xp, x, *, diagonal: xp.triu(x, diagonal),
    aval=lambda x, *, diagonal: Spec(x.shape, x.dtype),
    transpose=lambda g, ans, x, *, diagonal: triu_p(g, diagonal=diagonal),
    batch=lambda prim, args, b, *, diagonal: prim(args[0], diagonal=diagonal),
    notation="triu({})",
    doc="Upper triangles of matrices: zero below a diagonal.",
)


# ---- functions -------------------------------------------------------------------------------------------------------


def _two_dims(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    a, b = canonical_dim(dim1, ndim), canonical_dim(dim2, ndim)
    if a == b:
        raise ArgumentError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return a, b


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of dimensions dim1 and dim2, moved to the end; a view. Positive offsets lie above.

    >>> import chainrule as cr
    >>> cr.diagonal(cr.arange(4).reshape(2, 2))
    tensor([0, 3])
    """
    a, b = _two_dims(dim1, dim2, len(raw_shape(input)))
    return diagonal_p(input, offset=int(offset), dim1=a, dim2=b)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Square matrices with the last dimension of `input` on a diagonal; dim1 and dim2 are theirs in the result.

    >>> import chainrule as cr
    >>> cr.diag_embed(cr.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    shape = raw_shape(input)
    if not shape:
        raise DimensionError("diag_embed needs a tensor of at least 1 dimension, got a 0-d one")
    a, b = _two_dims(dim1, dim2, len(shape) + 1)
    n = shape[-1] + abs(int(offset))
    full = list(shape[:-1])
    for d in sorted((a, b)):
        full.insert(d, n)
    return embed_diagonal_p(input, shape=tuple(full), offset=int(offset), dim1=a, dim2=b)


def diag(input: Any, diagonal: int = 0) -> Any:
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal.

    >>> import chainrule as cr
    >>> cr.diag(cr.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    shape = raw_shape(input)
    if len(shape) == 1:
        return diag_embed(input, diagonal)
    if len(shape) == 2:
        from .shape import clone

        return clone(diagonal_p(input, offset=int(diagonal), dim1=0, dim2=1))
    raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {len(shape)}D; write diagonal() or diag_embed()")


def diagflat(input: Any, offset: int = 0) -> Any:
    """The matrix with all elements of `input`, in row-major order, on a diagonal.

    >>> import chainrule as cr
    >>> cr.diagflat(cr.tensor([[1, 2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = 1
    for size in raw_shape(input):
        n *= size
    return diag_embed(reshape_p(input, shape=(n,)), offset)


@shown_as("TraceBackward0")
def trace(input: Any) -> Any:
    """Sum of the diagonal of a matrix.

    >>> import chainrule as cr
    >>> cr.trace(cr.eye(3))
    tensor(3.)
    """
    from .reductions import sum

    if len(raw_shape(input)) != 2:
        raise ShapeError(
            f"trace: expected a matrix, but got tensor with dim {len(raw_shape(input))}; for a batch write "
            f"x.diagonal(dim1=-2, dim2=-1).sum(-1)"
        )
    return sum(diagonal_p(input, offset=0, dim1=0, dim2=1))


def _needs_matrix(input: Any, name: str) -> None:
    if len(raw_shape(input)) < 2:
        raise ShapeError(f"{name}: input tensor must have at least 2 dimensions, got shape {raw_shape(input)}")


def tril(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """The lower triangles of matrices: zero above the given diagonal.

    >>> import chainrule as cr
    >>> cr.tril(cr.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    _needs_matrix(input, "tril")
    found = tril_p(input, diagonal=int(diagonal))
    return found if out is None else write_out(out, found)


def triu(input: Any, diagonal: int = 0, *, out: Any = None) -> Any:
    """The upper triangles of matrices: zero below the given diagonal.

    >>> import chainrule as cr
    >>> cr.triu(cr.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _needs_matrix(input, "triu")
    found = triu_p(input, diagonal=int(diagonal))
    return found if out is None else write_out(out, found)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Any:
    """Row and column numbers, shape (2, n), of the lower triangle of a row by col matrix.

    >>> import chainrule as cr
    >>> cr.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    if row < 0 or col < 0:
        raise ArgumentError(f"row and col must be non-negative, got {row} and {col}")
    found = np.stack(np.tril_indices(row, offset, col))
    return wrap(found.astype(np.int64 if dtype is None else numpy_dtype(dtype)))


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Any:
    """Row and column numbers, shape (2, n), of the upper triangle of a row by col matrix.

    >>> import chainrule as cr
    >>> cr.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    if row < 0 or col < 0:
        raise ArgumentError(f"row and col must be non-negative, got {row} and {col}")
    found = np.stack(np.triu_indices(row, offset, col))
    return wrap(found.astype(np.int64 if dtype is None else numpy_dtype(dtype)))


@shown_as("DiagonalScatterBackward0")
def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """A copy of `input` with `src` written on a diagonal.

    The shape of `src` is that of the diagonal; the result has the shape and dtype of `input`.

    >>> import chainrule as cr
    >>> cr.diagonal_scatter(cr.zeros(2, 2), cr.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    from .comparison import where

    shape = raw_shape(input)
    a, b = _two_dims(dim1, dim2, len(shape))
    wanted = _diagonal_shape(shape, offset, a, b)
    if raw_shape(src) != wanted:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = {list(raw_shape(src))}, slice size = "
            f"{list(wanted)}"
        )
    place: dict[str, Any] = {"shape": shape, "offset": int(offset), "dim1": a, "dim2": b}
    on = embed_diagonal_p(np.ones(wanted, bool), **place)
    return where(on, embed_diagonal_p(cast_to(src, raw_dtype(input)), **place), input)


def fill_diagonal(input: Any, fill_value: Any, wrap: bool = False) -> Any:
    """A copy of `input` with one number on its main diagonal; with `wrap`, tall matrices begin anew below."""
    from .indexing import setitem_p

    shape = raw_shape(input)
    if len(shape) < 2:
        raise ShapeError(f"dimensions must larger than 1, got shape {shape}")
    if len(shape) > 2 and len(set(shape)) != 1:
        raise ShapeError(f"all dimensions of input must be of equal length, got shape {shape}")
    flags = np.zeros(shape, bool)
    np.fill_diagonal(flags, True, wrap=wrap)
    places = flags.nonzero()
    return setitem_p(input, np.asarray(fill_value).astype(raw_dtype(input)), *places, key=("b",) * len(shape))
