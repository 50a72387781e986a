"""Gather and scatter under PyTorch's names: all are reads, writes and additions at index arrays (see indexing)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, IndexingError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape
from ..core.writes import write_out
from .indexing import fitted, getitem, getitem_p, index_add_p, index_p, index_reduce_p, set_item, setitem_p
from .keys import FULL, concrete_or_none, parse_key, selection_shape
from .kits import broadcast_shapes, numpy_names, shown_as
from .shape import broadcast_to_p, canonical_dim, cast_p, clone, reshape_p

__all__ = [
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_select",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take",
    "take_along_dim",
]
METHODS = tuple(__all__)
INPLACE = (
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "put",
    "scatter",
    "scatter_add",
    "scatter_reduce",
)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _index(index: Any, name: str) -> Any:
    """An index argument as a tensor or array of integers."""
    if not isinstance(index, Tensor) and not hasattr(index, "__chainrule_raw__"):
        if not isinstance(index, (np.ndarray, np.generic, list, tuple, int)) or isinstance(index, bool):
            raise ArgumentTypeError(f"{name}(): argument 'index' must be Tensor, not {type(index).__name__}")
        index = np.asarray(index)
        index = index.astype(np.int64) if index.size == 0 else index
    if raw_dtype(index).kind not in "iu":
        raise IndexingError(
            f"{name}(): Expected dtype int32/int64 for index, but got {raw_dtype(index)}; write index.long()"
        )
    return index


def _check_bounds(index: Any, size: int, dim: int, name: str, negative: bool = False) -> None:
    """Raise IndexError where a known index is outside of a dimension."""
    known = concrete_or_none(index)
    if known is None or not known.size:
        return
    low, high = int(known.min()), int(known.max())
    if low < (-size if negative else 0) or high >= size:
        bad = high if high >= size else low
        raise IndexingError(f"{name}(): index {bad} is out of bounds for dimension {dim} with size {size}")


def _vector(index: Any, size: int, dim: int, name: str) -> Any:
    index = _index(index, name)
    shape = raw_shape(index)
    if len(shape) > 1:
        raise IndexingError(f"{name}(): Index is supposed to be a vector, but got dim: {len(shape)} with shape {shape}")
    _check_bounds(index, size, dim, name)
    return index if shape else reshape_p(index, shape=(1,))


def _vector_key(dim: int) -> tuple:
    return (*(FULL,) * dim, "a")


def same_dtype(input: Any, source: Any, name: str) -> None:
    if raw_dtype(input) != raw_dtype(source):
        raise DTypeError(
            f"{name}(): self and source expected to have the same dtype, but got (self) {raw_dtype(input)} and "
            f"(source) {raw_dtype(source)}; write source.to(x.dtype)"
        )


def _lifted(input: Any, shape: tuple[int, ...]) -> Any:
    """0-d tensors as vectors of one element, as PyTorch's index functions take them."""
    return input if shape else reshape_p(input, shape=(1,))


def grid_of(index: Any, dim: int) -> list:
    """Index arrays that name, for each element of `index`, its own place with dimension `dim` replaced by it."""
    shape = raw_shape(index)
    ndim = len(shape)
    found = [np.arange(n).reshape(*(1,) * i, n, *(1,) * (ndim - 1 - i)) for i, n in enumerate(shape)]
    found[dim] = index
    return found


def _along(input: Any, dim: int, index: Any, src: Any, name: str) -> tuple[Any, int, Any, tuple]:
    """Checked arguments of gather and scatter: (input, dim, index, shape), of at least 1 dimension."""
    index = _index(index, name)
    shape, ishape = raw_shape(input), raw_shape(index)
    d = canonical_dim(dim, len(shape))
    empty = prod(ishape) == 0
    x, i = _lifted(input, shape), _lifted(index, ishape)
    if empty and name == "gather":
        return x, d, i, raw_shape(x)
    if max(len(shape), 1) != max(len(ishape), 1) and not empty:
        raise ShapeError(
            f"Index tensor must have the same number of dimensions as {'input' if name == 'gather' else 'self'} "
            f"tensor: {name}() got index of shape {ishape} for a tensor of shape {shape}"
        )
    for k, (n, m) in enumerate(zip(raw_shape(i), raw_shape(x), strict=False)):
        if k != d and n > m and not empty:
            raise ShapeError(
                f"Size does not match at dimension {k} expected index {list(ishape)} to be no larger than self "
                f"{list(shape)} apart from dimension {d}"
            )
    if src is not None and not empty:
        sshape = raw_shape(src)
        if max(len(sshape), 1) != max(len(ishape), 1) or any(a > b for a, b in zip(ishape, sshape, strict=False)):
            raise ShapeError(
                f"Expected index {list(ishape)} to be no larger than src {list(sshape)}: {name}() needs one value of "
                f"src for each index"
            )
    _check_bounds(i, raw_shape(x)[d], d, name)
    return x, d, i, raw_shape(x)


def _corner(src: Any, shape: tuple[int, ...]) -> Any:
    """The part of `src` that an index of `shape` uses."""
    have = raw_shape(src)
    src = _lifted(src, have)
    return src if raw_shape(src) == shape else getitem(src, tuple([slice(n) for n in shape]))


# ---- gather, scatter -------------------------------------------------------------------------------------------------


@shown_as("GatherBackward0")
@numpy_names
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Any:
    """out[i, j, ..] = input[index[i, j, ..], j, ..] for dim 0, and so on; the result has index's shape.

    Raises IndexError for indices out of [0, size), RuntimeError where shapes do not fit.

    >>> import chainrule as cr
    >>> cr.gather(cr.tensor([[1, 2], [3, 4]]), 1, cr.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    x, d, i, shape = _along(input, dim, index, None, "gather")
    if prod(raw_shape(i)) == 0:
        found = reshape_p(x, shape=(prod(raw_shape(x)),))[:0].reshape(raw_shape(index))
        return found if out is None else write_out(out, found)
    found = index_p(x, *grid_of(i, d), key=("a",) * len(shape))
    found = found if raw_shape(index) else reshape_p(found, shape=())
    return found if out is None else write_out(out, found)


@numpy_names
def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Any:
    """gather() after broadcasting input and indices against each other, but for `dim`; flattened without dim.

    Indices are int64; the result has the dtype of `input`.

    >>> import chainrule as cr
    >>> cr.take_along_dim(cr.tensor([[5, 6]]), cr.tensor([[1, 0]]), dim=1)
    tensor([[6, 5]])
    """
    indices = _index(indices, "take_along_dim")
    if dim is None:
        flat = reshape_p(input, shape=(prod(raw_shape(input)),))
        found = take(flat, reshape_p(indices, shape=(prod(raw_shape(indices)),)))
        return found if out is None else write_out(out, found)
    shape, ishape = raw_shape(input), raw_shape(indices)
    if len(shape) != len(ishape):
        raise ShapeError(
            f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(ishape)} dimensions for indices"
        )
    d = canonical_dim(dim, len(shape))
    common = broadcast_shapes((*shape[:d], 1, *shape[d + 1 :]), (*ishape[:d], 1, *ishape[d + 1 :]))
    x = broadcast_to_p(input, shape=(*common[:d], shape[d], *common[d + 1 :]))
    i = broadcast_to_p(indices, shape=(*common[:d], ishape[d], *common[d + 1 :]))
    _check_bounds(i, shape[d], d, "take_along_dim", negative=True)
    found = index_p(x, *grid_of(i, d), key=("a",) * len(shape))
    return found if out is None else write_out(out, found)


@shown_as("ScatterBackward0")
@numpy_names
def scatter(input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Any:
    """A copy of `input` with src[i, j, ..] written at [index[i, j, ..], j, ..] for dim 0, and so on.

    `src` is a tensor or a number (also given as `value`). With reduce="add" or "multiply" values are combined with
    what is there. Where an index repeats, the last value stays.

    >>> import chainrule as cr
    >>> cr.scatter(cr.zeros(3), 0, cr.tensor([2, 0]), cr.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    given = value if src is None else src
    if given is None:
        raise ArgumentTypeError("scatter(): needs a tensor or a number: write scatter(dim, index, src)")
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise ArgumentError(f"reduce argument must be either add or multiply, not {reduce!r}")
        if not isinstance(given, Tensor):
            given = broadcast_to_p(np.asarray(given).astype(raw_dtype(input)), shape=raw_shape(index))
        if reduce == "add":
            return scatter_add(input, dim, index, given)
        return scatter_reduce(input, dim, index, given, "prod")
    tensor = hasattr(given, "shape")
    if tensor and raw_shape(given) == () and raw_shape(index) != ():
        tensor = False
    if tensor:
        same_dtype(input, given, "scatter")
    x, d, i, shape = _along(input, dim, index, given if tensor else None, "scatter")
    if prod(raw_shape(i)) == 0:
        return clone(input)
    v = _corner(given, raw_shape(i)) if tensor else number_for(given, x)
    return _restored(setitem_p(x, v, *grid_of(i, d), key=("a",) * len(shape)), input)


def _restored(out: Any, input: Any) -> Any:
    shape = raw_shape(input)
    return out if raw_shape(out) == shape else reshape_p(out, shape=shape)


def number_for(value: Any, x: Any) -> Any:
    """A number or 0-d tensor in the dtype of `x`."""
    if hasattr(value, "shape") and raw_shape(value) == () and isinstance(value, Tensor):
        return cast_to(value, raw_dtype(x))
    found = np.asarray(value)
    if found.dtype.kind == "c" and raw_dtype(x).kind != "c":
        raise DTypeError(f"value cannot be converted to type {raw_dtype(x)} without overflow: it is complex")
    return found.astype(raw_dtype(x))


@shown_as("ScatterAddBackward0")
@numpy_names
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """A copy of `input` with src[i, j, ..] added at [index[i, j, ..], j, ..] for dim 0, and so on.

    `index` (int64) and `src` have as many dimensions as `input`; `src` has its dtype.

    >>> import chainrule as cr
    >>> cr.scatter_add(cr.zeros(3), 0, cr.tensor([0, 0, 2]), cr.ones(3))
    tensor([2., 0., 1.])
    """
    same_dtype(input, src, "scatter_add")
    x, d, i, shape = _along(input, dim, index, src, "scatter_add")
    if prod(raw_shape(i)) == 0:
        return clone(input)
    v = _corner(src, raw_shape(i))
    return _restored(index_add_p(x, v, *grid_of(i, d), key=("a",) * len(shape)), input)


@shown_as("ScatterReduceBackward0")
@numpy_names
def scatter_reduce(input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A copy of `input` where each place that `index` names holds the sum, product, mean, maximum or minimum of the
    values of `src` that belong there, and of what was there if `include_self`.

    `reduce`: "sum", "prod", "mean", "amax", "amin". Equal extrema share the gradient.

    `index` (int64) and `src` have as many dimensions as `input`; `src` has its dtype.

    >>> import chainrule as cr
    >>> cr.scatter_reduce(cr.zeros(2), 0, cr.tensor([0, 0]), cr.tensor([1.0, 2.0]), reduce="sum")
    tensor([3., 0.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ArgumentError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r} (scatter_reduce)"
        )
    same_dtype(input, src, "scatter_reduce")
    x, d, i, shape = _along(input, dim, index, src, "scatter_reduce")
    if prod(raw_shape(i)) == 0:
        return clone(input)
    if raw_dtype(x).kind == "b":  # as numbers 0 and 1
        small = scatter_reduce(
            cast_p(input, dtype=np.dtype(np.uint8)),
            dim,
            index,
            cast_p(src, dtype=np.dtype(np.uint8)),
            reduce,
            include_self=include_self,
        )
        return cast_p(small, dtype=raw_dtype(x))
    v, grid, key = _corner(src, raw_shape(i)), grid_of(i, d), ("a",) * len(shape)
    if reduce in ("amax", "amin"):
        out = index_reduce_p(x, v, *grid, key=key, how=reduce, include_self=bool(include_self))
    elif reduce == "prod":
        start = x if include_self else setitem_p(x, 1, *grid, key=key)
        out = start * _products(v, i, d, shape[d], shape)
    else:
        out = index_add_p(x if include_self else setitem_p(x, 0, *grid, key=key), v, *grid, key=key)
        if reduce == "mean":
            first = np.full(shape, 1 if include_self else 0, np.int64)
            count: Any = index_add_p(first, np.ones((), np.int64), *grid, key=key)
            if not include_self:
                count = count + (count == 0)
            out = out / cast_p(count, dtype=raw_dtype(x)) if is_inexact(raw_dtype(x)) else out // count
    return _restored(out, input)


def _products(v: Any, index: Any, dim: int, size: int, shape: tuple[int, ...]) -> Any:
    """Of the elements of `v`, the product of those that `index` sends to each place along `dim`; 1 where none is.

    Every pair of place and element is looked at, so that derivatives are right at zeros too.
    """
    from .comparison import where

    ishape = raw_shape(v)
    ndim = len(ishape)
    places = np.arange(size).reshape(*(1,) * dim, size, *(1,) * (ndim - dim))
    split = (*ishape[:dim], 1, *ishape[dim:])
    here = reshape_p(index, shape=split) == places
    found = where(here, reshape_p(v, shape=split), 1)
    first, n = (FULL,) * (dim + 1), ishape[dim]
    while n > 1:  # pairs of halves; an odd last one is multiplied in by itself
        half = n // 2
        pairs = getitem_p(found, key=(*first, (0, half, None))) * getitem_p(found, key=(*first, (half, 2 * half, None)))
        if n % 2:
            last = getitem_p(found, key=(*first, (n - 1, n, None)))
            head = getitem_p(pairs, key=(*first, (0, 1, None))) * last
            pairs = setitem_p(pairs, head, key=(*first, (0, 1, None)))
        found, n = pairs, half
    part = (*ishape[:dim], size, *ishape[dim + 1 :])
    found = reshape_p(found, shape=part)
    if part == shape:
        return found
    ones = broadcast_to_p(np.ones((), raw_dtype(v)), shape=shape)
    return setitem_p(ones, found, key=tuple([(0, n, None) for n in part]))


# ---- index_* ---------------------------------------------------------------------------------------------------------


@shown_as("IndexSelectBackward0")
@numpy_names
def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Any:
    """The slices of dimension `dim` that a vector of indices names, in its order.

    >>> import chainrule as cr
    >>> cr.index_select(cr.tensor([5, 6, 7]), 0, cr.tensor([2, 0]))
    tensor([7, 5])
    """
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape))
    x = _lifted(input, shape)
    i = _vector(index, raw_shape(x)[d], d, "index_select")
    found = index_p(x, i, key=_vector_key(d))
    found = found if shape else reshape_p(found, shape=())
    return found if out is None else write_out(out, found)


def _written(input: Any, dim: int, index: Any, source: Any, name: str) -> tuple[Any, Any, Any, int]:
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape))
    x, v = _lifted(input, shape), _lifted(source, raw_shape(source))
    full = raw_shape(x)
    i = _vector(index, full[d], d, name)
    wanted = (*full[:d], raw_shape(i)[0], *full[d + 1 :])
    if raw_shape(v) != wanted:
        raise ShapeError(
            f"{name}(): Number of indices and source slices must match, and source/destination slices must have same "
            f"sizes: source has shape {list(raw_shape(source))}, expected {list(wanted)}"
        )
    same_dtype(x, v, name)
    return x, i, v, d


@numpy_names
def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Any:
    """A copy of `input` with alpha times the slices of `source` added to the slices that `index` names.

    `source` has the shape of `input`, but for the size of `dim`, and its dtype; `index` is 1-D, int32 or int64.

    >>> import chainrule as cr
    >>> cr.index_add(cr.zeros(3), 0, cr.tensor([0, 0]), cr.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    x, i, v, d = _written(input, dim, index, source, "index_add")
    return _restored(index_add_p(x, v if alpha == 1 else v * alpha, i, key=_vector_key(d)), input)


@shown_as("IndexCopyBackward0")
def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """A copy of `input` with the slices that `index` names replaced by those of `source`.

    `source` has the shape of `input`, but for the size of `dim`, and its dtype; `index` is 1-D, int64.

    >>> import chainrule as cr
    >>> cr.index_copy(cr.zeros(3), 0, cr.tensor([2, 0]), cr.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    x, i, v, d = _written(input, dim, index, source, "index_copy")
    return _restored(setitem_p(x, v, i, key=_vector_key(d)), input)


@shown_as("IndexFillBackward0")
def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """A copy of `input` with one number (or 0-d tensor) in all slices that `index` names.

    >>> import chainrule as cr
    >>> cr.index_fill(cr.zeros(3), 0, cr.tensor([2, 0]), 5.0)
    tensor([5., 0., 5.])
    """
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape))
    x = _lifted(input, shape)
    if hasattr(value, "shape") and raw_shape(value) != ():
        raise ShapeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {len(raw_shape(value))} "
            f"dimension(s)."
        )
    i = _vector(index, raw_shape(x)[d], d, "index_fill")
    return _restored(setitem_p(x, number_for(value, x), i, key=_vector_key(d)), input)


@shown_as("IndexPutBackward0")
def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """`input[indices] = values` as a new tensor; with `accumulate`, values are added, also where an index repeats.

    >>> import chainrule as cr
    >>> cr.index_put(cr.zeros(3), (cr.tensor([0, 2]),), cr.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    key = tuple([slice(None) if i is None else i for i in indices])
    same_dtype(input, values, "Index put")
    if not accumulate:
        return set_item(input, key, values)
    static, arrays = parse_key(key, raw_shape(input))
    v = fitted(values, selection_shape(raw_shape(input), static, arrays))
    return index_add_p(input, v, *arrays, key=static)


@shown_as("TakeBackward0")
def take(input: Any, index: Any) -> Any:
    """Elements of `input`, seen as a vector, at the given positions; the result has index's shape.

    >>> import chainrule as cr
    >>> cr.take(cr.tensor([[5, 6], [7, 8]]), cr.tensor([0, 3]))
    tensor([5, 8])
    """
    index = _index(index, "take")
    n = prod(raw_shape(input))
    _check_bounds(index, n, 0, "take", negative=True)
    return index_p(reshape_p(input, shape=(n,)), index, key=("a",))


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Any:
    """A copy of `input` with the elements of `source` written (or added) at positions in it seen as a vector.

    >>> import chainrule as cr
    >>> cr.put(cr.zeros(3), cr.tensor([0, 2]), cr.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    index = _index(index, "put")
    shape = raw_shape(input)
    n, count = prod(shape), prod(raw_shape(index))
    same_dtype(input, source, "put")
    if prod(raw_shape(source)) != count:
        raise ShapeError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{prod(raw_shape(source))}, index.numel() = {count}"
        )
    _check_bounds(index, n, 0, "put", negative=True)
    flat, i, v = reshape_p(input, shape=(n,)), reshape_p(index, shape=(count,)), reshape_p(source, shape=(count,))
    return reshape_p((index_add_p if accumulate else setitem_p)(flat, v, i, key=("a",)), shape=shape)
