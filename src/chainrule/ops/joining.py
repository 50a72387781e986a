"""Joining and splitting: cat, stack, split, chunk, unbind and their kin."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import result_dtype
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, ArgumentTypeError, DimensionError, ShapeError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from ..core.writes import write_out
from .indexing import getitem_p, select_p
from .keys import FULL, concrete
from .kits import broadcast_shapes, numpy_names, opaque
from .shape import broadcast_to_p, canonical_dim, reshape_p

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_tensors",
    "cat",
    "chunk",
    "column_stack",
    "concat",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "row_stack",
    "split",
    "split_with_sizes",
    "stack",
    "tensor_split",
    "unbind",
    "vsplit",
    "vstack",
]
METHODS = (
    "split",
    "split_with_sizes",
    "chunk",
    "tensor_split",
    "hsplit",
    "vsplit",
    "dsplit",
    "unbind",
)
INPLACE = ()


def _slice(x: Any, dim: int, start: int, stop: int) -> Any:
    return getitem_p(x, key=(*(FULL,) * dim, (start, stop, None)))


def _pieces(sizes: Any) -> list[tuple[int, int]]:
    ends = list(accumulate(sizes))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _cat_joint(g: Any, ans: Any, args: tuple, needs: Any, *, dim: int) -> list:
    spans = _pieces([a.shape[dim] for a in args])
    return [_slice(g, dim, *span) if need else None for span, need in zip(spans, needs, strict=True)]


def _zeros(like: Any) -> Any:
    return broadcast_to_p(np.zeros((), raw_dtype(like)), shape=raw_shape(like))


def _cat_jvp(prim: Any, tangents: Any, ans: Any, *args: Any, dim: int) -> Any:
    return prim(*(_zeros(a) if t is None else t for t, a in zip(tangents, args, strict=True)), dim=dim)


def _all_batched(args: tuple, is_batched: Any) -> list:
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    return [a if b else broadcast_to_p(a, shape=(size, *raw_shape(a))) for a, b in zip(args, is_batched, strict=True)]


cat_p = opaque(
    "cat",
    lambda xp, *xs, dim: xp.concatenate(xs, axis=dim),
    lambda *xs, dim: Spec((*xs[0].shape[:dim], sum(x.shape[dim] for x in xs), *xs[0].shape[dim + 1 :]), xs[0].dtype),
    joint=_cat_joint,
    keeps=(),
    jvp=_cat_jvp,
    batch=lambda prim, args, b, *, dim: prim(*_all_batched(args, b), dim=dim + 1),
    notation="cat({})",
    doc="Join along an existing dimension.",
)
stack_p = opaque(
    "stack",
    lambda xp, *xs, dim: xp.stack(xs, axis=dim),
    lambda *xs, dim: Spec((*xs[0].shape[:dim], len(xs), *xs[0].shape[dim:]), xs[0].dtype),
    joint=lambda g, ans, args, needs, *, dim: [
        select_p(g, dim=dim, index=i) if need else None for i, need in enumerate(needs)
    ],
    keeps=(),
    jvp=_cat_jvp,
    batch=lambda prim, args, b, *, dim: prim(*_all_batched(args, b), dim=dim + 1),
    notation="stack({})",
    doc="Join along a new dimension.",
)


def _split_joint(g: Any, ans: Any, args: tuple, needs: Any, *, sizes: tuple[int, ...], dim: int) -> list:
    return [cat_p(*(_zeros(a) if c is None else c for c, a in zip(g, ans, strict=True)), dim=dim)]


split_p = opaque(
    "split",
    lambda xp, x, *, sizes, dim: tuple(x[(slice(None),) * dim + (slice(a, b),)] for a, b in _pieces(sizes)),
    lambda x, *, sizes, dim: tuple(Spec((*x.shape[:dim], n, *x.shape[dim + 1 :]), x.dtype) for n in sizes),
    joint=_split_joint,
    keeps=(),
    jvp=lambda prim, tangents, ans, x, **params: prim(tangents[0], **params),
    batch=lambda prim, args, b, *, sizes, dim: prim(args[0], sizes=sizes, dim=dim + 1),
    notation="split({})",
    doc="Consecutive pieces along a dimension; views.",
    n_out=0,
    view=True,
)


def _unbind_joint(g: Any, ans: Any, args: tuple, needs: Any, *, dim: int) -> list:
    return [stack_p(*(_zeros(a) if c is None else c for c, a in zip(g, ans, strict=True)), dim=dim)]


unbind_p = opaque(
    "unbind",
    lambda xp, x, *, dim: tuple(x[(*(slice(None),) * dim, i, ...)] for i in range(x.shape[dim])),
    lambda x, *, dim: tuple(Spec((*x.shape[:dim], *x.shape[dim + 1 :]), x.dtype) for _ in range(x.shape[dim])),
    joint=_unbind_joint,
    keeps=(),
    jvp=lambda prim, tangents, ans, x, **params: prim(tangents[0], **params),
    batch=lambda prim, args, b, *, dim: prim(args[0], dim=dim + 1),
    notation="unbind({})",
    doc="The slices along a dimension; views.",
    n_out=0,
    view=True,
)


# ---- functions -------------------------------------------------------------------------------------------------------


def gathered(tensors: Any, name: str) -> list:
    if isinstance(tensors, Tensor) or not isinstance(tensors, (list, tuple)):
        kind = type(tensors).__name__
        raise ArgumentTypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {kind}")
    values = list(tensors)
    if not values:
        raise ArgumentError(f"{name} expects a non-empty TensorList")
    for i, t in enumerate(values):
        if not isinstance(t, (Tensor, np.ndarray, np.generic)) and not hasattr(t, "__chainrule_raw__"):
            kind = type(t).__name__
            raise ArgumentTypeError(f"expected Tensor as element {i} in argument 0, but got {kind}")
    first = raw_dtype(values[0])
    if any(raw_dtype(t) != first for t in values):
        dtype = result_dtype(values)
        values = [cast_to(t, dtype) for t in values]
    return values


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None, out: Any = None) -> Any:
    """Join tensors along an existing dimension; other sizes must agree. (Empty 1-d tensors are skipped.)

    >>> import chainrule as cr
    >>> cr.cat([cr.ones(1, 2), cr.zeros(1, 2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    values = gathered(tensors, "cat")
    kept = [t for t in values if raw_shape(t) != (0,)] or values[:1]
    shape = raw_shape(kept[0])
    if not shape:
        raise ShapeError("zero-dimensional tensor (at position 0) cannot be concatenated; use stack()")
    d = canonical_dim(dim if axis is None else axis, len(shape))
    for i, t in enumerate(kept):
        have = raw_shape(t)
        if len(have) != len(shape):
            raise ShapeError(f"Tensors must have same number of dimensions: got {len(shape)} and {len(have)}")
        for k, (a, b) in enumerate(zip(shape, have, strict=True)):
            if k != d and a != b:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {a} but got size {b} for "
                    f"tensor number {i} in the list."
                )
    found = cat_p(*kept, dim=d)
    return found if out is None else write_out(out, found)


concat = concatenate = cat


def stack(tensors: Any, dim: int = 0, *, axis: int | None = None, out: Any = None) -> Any:
    """Join tensors of one shape along a new dimension.

    >>> import chainrule as cr
    >>> cr.stack([cr.tensor([1, 2]), cr.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    values = gathered(tensors, "stack")
    shape = raw_shape(values[0])
    for i, t in enumerate(values):
        if raw_shape(t) != shape:
            raise ShapeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(raw_shape(t))}"
                f" at entry {i}"
            )
    found = stack_p(*values, dim=canonical_dim(dim if axis is None else axis, len(shape) + 1))
    return found if out is None else write_out(out, found)


def grown(t: Any, n: int) -> Any:
    """`t` with dimensions of size 1 added until there are `n` (at most 3)."""
    shape = raw_shape(t)
    if len(shape) >= n:
        return t
    if n < 3:
        return reshape_p(t, shape=(*(1,) * (n - len(shape)), *shape))
    return reshape_p(t, shape=(1, *shape, 1) if len(shape) == 1 else (*shape, 1) if len(shape) == 2 else (1, 1, 1))


def _at_least(tensors: Any, n: int, name: str) -> list:
    return [grown(t, n) for t in gathered(tensors, name)]


def hstack(tensors: Any) -> Any:
    """Join along dimension 1 (0 for vectors).

    >>> import chainrule as cr
    >>> cr.hstack([cr.tensor([1, 2]), cr.tensor([3])])
    tensor([1, 2, 3])
    """
    values = _at_least(tensors, 1, "hstack")
    return cat(values, 0 if len(raw_shape(values[0])) == 1 else 1)


def vstack(tensors: Any) -> Any:
    """Join along dimension 0, vectors as rows.

    >>> import chainrule as cr
    >>> cr.vstack([cr.tensor([1, 2]), cr.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return cat(_at_least(tensors, 2, "vstack"), 0)


row_stack = vstack


def dstack(tensors: Any) -> Any:
    """Join along dimension 2.

    >>> import chainrule as cr
    >>> cr.dstack([cr.tensor([1, 2]), cr.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return cat(_at_least(tensors, 3, "dstack"), 2)


def column_stack(tensors: Any) -> Any:
    """Join along dimension 1, vectors as columns.

    >>> import chainrule as cr
    >>> cr.column_stack([cr.tensor([1, 2]), cr.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    values = gathered(tensors, "column_stack")
    return cat([reshape_p(t, shape=(prod(raw_shape(t)), 1)) if len(raw_shape(t)) < 2 else t for t in values], 1)


def split(tensor: Any, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> tuple:
    """Consecutive pieces of one size (the last may be smaller), or of given sizes; views.

    >>> import chainrule as cr
    >>> cr.split(cr.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if split_size is not None:  # the method's name for it
        split_size_or_sections = split_size
    shape = raw_shape(tensor)
    if not shape:
        raise ShapeError("split expects at least a 1-dimensional tensor")
    d = canonical_dim(dim, len(shape))
    n = shape[d]
    if isinstance(split_size_or_sections, (int, np.integer)):
        size = int(split_size_or_sections)
        if size < 0 or (size == 0 and n):
            raise ArgumentError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = tuple(min(size, n - i) for i in range(0, n, size)) if size and n else (n,)
    else:
        sizes = tuple(int(s) for s in split_size_or_sections)
        if sum(sizes) != n or any(s < 0 for s in sizes):
            raise ShapeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
                f"but got split_sizes={list(sizes)}"
            )
    return split_p(tensor, sizes=sizes, dim=d)


def split_with_sizes(tensor: Any, split_sizes: Any, dim: int = 0) -> tuple:
    """Consecutive pieces of given sizes; views.

    >>> import chainrule as cr
    >>> cr.split_with_sizes(cr.arange(5), [1, 4])
    (tensor([0]), tensor([1, 2, 3, 4]))
    """
    return split(tensor, tuple(split_sizes), dim)


@numpy_names
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple:
    """At most `chunks` pieces of equal size (the last may be smaller); views.

    >>> import chainrule as cr
    >>> cr.chunk(cr.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise ArgumentError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    shape = raw_shape(input)
    if not shape:
        raise ShapeError("chunk expects at least a 1-dimensional tensor")
    n = shape[canonical_dim(dim, len(shape))]
    size = -(-n // chunks)
    return split(input, size, dim) if size else split(input, (0,) * chunks, dim)


@numpy_names
def tensor_split(input: Any, indices_or_sections: Any, dim: int = 0) -> tuple:
    """Pieces as NumPy's array_split makes them: a number of pieces, or the indices to cut at.

    A tensor of 1 or more dimensions and any dtype; the pieces are views.

    >>> import chainrule as cr
    >>> cr.tensor_split(cr.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    shape = raw_shape(input)
    if not shape:
        raise ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = canonical_dim(dim, len(shape))
    n = shape[d]
    given = indices_or_sections
    if isinstance(given, Tensor):
        given = concrete(given, "tensor_split", "Pass the indices as Python ints.").tolist()
    if isinstance(given, (int, np.integer)):
        if given <= 0:
            raise ArgumentError(f"number of sections must be larger than 0, got {given}")
        small, extra = divmod(n, int(given))
        sizes = (small + 1,) * extra + (small,) * (int(given) - extra)
        return split_p(input, sizes=sizes, dim=d)
    cuts = [0, *[min(max(i + n if i < 0 else i, 0), n) for i in given], n]
    if cuts == sorted(cuts):
        return split_p(input, sizes=tuple([b - a for a, b in pairwise(cuts)]), dim=d)
    return tuple([_slice(input, d, a, max(a, b)) for a, b in pairwise(cuts)])


def _even_split(name: str, input: Any, given: Any, dim: int) -> tuple:
    n = raw_shape(input)[dim]
    if isinstance(given, (int, np.integer)) and given > 0 and n % given:
        raise ShapeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {n} is not "
            f"divisible by the split_size {given}! Write tensor_split for pieces of different sizes."
        )
    return tensor_split(input, given, dim)


def hsplit(input: Any, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 1 (0 for vectors); a number of pieces must divide the size.

    >>> import chainrule as cr
    >>> cr.hsplit(cr.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    if not raw_shape(input):
        raise ShapeError(
            "torch.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!"
        )
    return _even_split("hsplit", input, indices_or_sections, 0 if len(raw_shape(input)) == 1 else 1)


def vsplit(input: Any, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 0; a number of pieces must divide the size.

    For tensors of 2 or more dimensions and any dtype; the pieces are views.

    >>> import chainrule as cr
    >>> cr.vsplit(cr.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    if len(raw_shape(input)) < 2:
        raise ShapeError(
            f"torch.vsplit requires a tensor with at least 2 dimension, but got a tensor with {len(raw_shape(input))} "
            f"dimensions!"
        )
    return _even_split("vsplit", input, indices_or_sections, 0)


def dsplit(input: Any, indices_or_sections: Any) -> tuple:
    """tensor_split along dimension 2; a number of pieces must divide the size.

    For tensors of 3 or more dimensions and any dtype; the pieces are views.

    >>> import chainrule as cr
    >>> [piece.shape for piece in cr.dsplit(cr.ones(1, 2, 4), 2)]
    [torch.Size([1, 2, 2]), torch.Size([1, 2, 2])]
    """
    if len(raw_shape(input)) < 3:
        raise ShapeError(
            f"torch.dsplit requires a tensor with at least 3 dimension, but got a tensor with {len(raw_shape(input))} "
            f"dimensions!"
        )
    return _even_split("dsplit", input, indices_or_sections, 2)


@numpy_names
def unbind(input: Any, dim: int = 0) -> tuple:
    """The slices along a dimension, without it; views.

    >>> import chainrule as cr
    >>> cr.unbind(cr.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    shape = raw_shape(input)
    if not shape:
        raise DimensionError("unbind: Dimension specified as 0 but tensor has no dimensions")
    return unbind_p(input, dim=canonical_dim(dim, len(shape)))


def broadcast_tensors(*tensors: Any) -> tuple:
    """All tensors expanded to their common shape; views.

    >>> import chainrule as cr
    >>> cr.broadcast_tensors(cr.ones(2, 1), cr.ones(3))[0].shape
    torch.Size([2, 3])
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    shape = broadcast_shapes(*(raw_shape(t) for t in given))
    return tuple([broadcast_to_p(t, shape=shape) for t in given])


def _atleast(tensors: tuple, n: int) -> Any:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    found = tuple([grown(t, n) for t in given])
    return found[0] if given is tensors and len(tensors) == 1 else found


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors as vectors of one element; a tuple of results for several tensors.

    >>> import chainrule as cr
    >>> cr.atleast_1d(cr.tensor(1.0))
    tensor([1.])
    """
    return _atleast(tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """Tensors of fewer than 2 dimensions as a matrix with one row.

    >>> import chainrule as cr
    >>> cr.atleast_2d(cr.tensor(1.0))
    tensor([[1.]])
    """
    return _atleast(tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """Tensors of fewer than 3 dimensions with dimensions of size 1 added; a vector becomes (1, n, 1).

    >>> import chainrule as cr
    >>> cr.atleast_3d(cr.tensor(1.0)).shape
    torch.Size([1, 1, 1])
    """
    return _atleast(tensors, 3)
