"""Masks, and writes to slices: masked_fill and its kin, nonzero, select_scatter, one_hot."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..core.writes import write_out
from .indexing import index_p, setitem_p
from .keys import FULL, concrete, concrete_or_none, selection_shape
from .kits import broadcast_shapes, shown_as
from .scatter import grid_of, number_for, same_dtype
from .shape import broadcast_to_p, canonical_dim, clone, reshape_p

__all__ = [
    "argwhere",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "select_scatter",
    "slice_scatter",
]
METHODS = tuple(__all__)
INPLACE = ("masked_fill", "masked_scatter")


def _mask(mask: Any, name: str) -> Any:
    if not isinstance(mask, Tensor) and not hasattr(mask, "__chainrule_raw__"):
        mask = np.asarray(mask)
    if raw_dtype(mask).kind != "b":
        raise DTypeError(
            f"{name} only supports boolean masks, but got mask with dtype {raw_dtype(mask)}; write mask.bool()"
        )
    return mask


@shown_as("MaskedFillBackward0")
def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`value` (a number or 0-d tensor) where the mask is true, `input` elsewhere.

    >>> import chainrule as cr
    >>> cr.masked_fill(cr.ones(2), cr.tensor([True, False]), 0.0)
    tensor([0., 1.])
    """
    from .comparison import where

    mask = _mask(mask, "masked_fill")
    if hasattr(value, "shape") and raw_shape(value) != ():
        raise ShapeError(
            f"masked_fill only supports a 0-dimensional value tensor, but got tensor with {len(raw_shape(value))} "
            f"dimension(s)."
        )
    broadcast_shapes(raw_shape(input), raw_shape(mask))
    return where(mask, number_for(value, input), input)


@shown_as("MaskedSelectBackward0")
def masked_select(input: Any, mask: Any, *, out: Any = None) -> Any:
    """The elements of `input` where the mask is true, as a vector; both are broadcast first.

    >>> import chainrule as cr
    >>> cr.masked_select(cr.tensor([1, 2, 3]), cr.tensor([True, False, True]))
    tensor([1, 3])
    """
    mask = _mask(mask, "masked_select")
    shape = broadcast_shapes(raw_shape(input), raw_shape(mask))
    known = concrete(mask, "masked_select", "Write where(mask, x, 0), which keeps the shape.")
    places = np.broadcast_to(known, shape).nonzero() if shape else (np.arange(int(known)),)
    x = broadcast_to_p(input, shape=shape or (1,))
    found = index_p(x, *places, key=("b",) * len(places))
    return found if out is None else write_out(out, found)


@shown_as("MaskedScatterBackward0")
def masked_scatter(input: Any, mask: Any, source: Any) -> Any:
    """A copy of `input` with the elements of `source`, in order, where the mask is true.

    >>> import chainrule as cr
    >>> cr.masked_scatter(cr.zeros(3), cr.tensor([True, False, True]), cr.tensor([5.0, 6.0]))
    tensor([5., 0., 6.])
    """
    from .comparison import where
    from .scans import cumsum

    mask = _mask(mask, "masked_scatter")
    same_dtype(input, source, "masked_scatter")
    shape = broadcast_shapes(raw_shape(input), raw_shape(mask))
    count = prod(raw_shape(source))
    full = broadcast_to_p(mask, shape=shape)
    known = concrete_or_none(full)
    if known is not None:
        needed = int(known.sum())
        if needed > count:
            raise ShapeError(f"masked_scatter: expected source to have at least {needed} elements, but it has {count}")
        if count == 0:
            return clone(broadcast_to_p(input, shape=shape))
        order: Any = np.maximum(np.cumsum(known) - 1, 0).reshape(shape) % count
    else:
        flat = reshape_p(full, shape=(prod(shape),))
        order = reshape_p((cumsum(flat, 0) + (count - 1)) % count, shape=shape)  # one less, counted round
    values = index_p(reshape_p(source, shape=(count,)), order, key=("a",))
    return where(full, values, input)


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Indices of the elements that are not zero: shape (n, ndim), or with `as_tuple` one vector per dimension.

    >>> import chainrule as cr
    >>> cr.nonzero(cr.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    """
    known = concrete(input, "nonzero", "Write where(x != 0, a, b), which keeps the shape.")
    if as_tuple:
        found = known.nonzero() if known.ndim else (np.arange(int(bool(known))),)
        return tuple([wrap(a) for a in found])
    return wrap(np.argwhere(known) if known.ndim else np.zeros((int(bool(known)), 0), np.int64))


def argwhere(input: Any) -> Any:
    """Indices of the elements that are not zero, shape (n, ndim).

    >>> import chainrule as cr
    >>> cr.argwhere(cr.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    """
    return nonzero(input)


@shown_as("SelectScatterBackward0")
def select_scatter(input: Any, src: Any, dim: int, index: int) -> Any:
    """A copy of `input` with `src` at one index of one dimension.

    >>> import chainrule as cr
    >>> cr.select_scatter(cr.zeros(2, 2), cr.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    shape = raw_shape(input)
    d, i = canonical_dim(dim, len(shape)), int(index)
    wanted = (*shape[:d], *shape[d + 1 :])
    if not shape or not -shape[d] <= i < shape[d]:
        raise IndexingError(f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}")
    if raw_shape(src) != wanted:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = {list(raw_shape(src))}, slice size = "
            f"{list(wanted)}"
        )
    return setitem_p(input, cast_to(src, raw_dtype(input)), key=(*(FULL,) * d, i))


@shown_as("SliceScatterBackward0")
def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Any:
    """A copy of `input` with `src` written over input[start:end:step] of one dimension.

    >>> import chainrule as cr
    >>> cr.slice_scatter(cr.zeros(4), cr.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape))
    key = (*(FULL,) * d, (start, end, step))
    if step <= 0:
        raise ArgumentError(f"slice step must be positive, got {step}")
    wanted = selection_shape(shape, key, ())
    if raw_shape(src) != wanted:
        raise ShapeError(
            f"expected src to have a size equal to the slice of self. src size = {list(raw_shape(src))}, slice size = "
            f"{list(wanted)}"
        )
    return setitem_p(input, cast_to(src, raw_dtype(input)), key=key)


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """A new last dimension of size `num_classes` with 1 at the place that the integer names, 0 elsewhere (int64).

    Without num_classes there are as many as the largest integer needs.

    int64 in any shape (...), int64 out (..., num_classes); by default the largest integer plus 1.

    >>> import chainrule as cr
    >>> cr.nn.functional.one_hot(cr.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    if raw_dtype(tensor) != np.int64:
        raise DTypeError(f"one_hot is only applicable to index tensor of type LongTensor, got {raw_dtype(tensor)}")
    shape = raw_shape(tensor)
    known = concrete_or_none(tensor)
    if num_classes == -1:
        known = concrete(tensor, "one_hot", "Pass num_classes.")
        if not known.size:
            raise ArgumentError("Can not infer total number of classes from empty tensor.")
        num_classes = int(known.max()) + 1
    if num_classes < 1 and prod(shape):
        raise ArgumentError("num_classes should be positive")
    if known is not None and known.size:
        if known.min() < 0:
            raise ArgumentError(f"Class values must be non-negative, got {int(known.min())}.")
        if known.max() >= num_classes:
            raise ArgumentError(
                f"Class values must be smaller than num_classes, got {int(known.max())} of {num_classes}."
            )
    zeros = broadcast_to_p(np.zeros((), np.int64), shape=(*shape, num_classes))
    index = reshape_p(tensor, shape=(*shape, 1))
    return setitem_p(zeros, 1, *grid_of(index, len(shape)), key=("a",) * (len(shape) + 1))
