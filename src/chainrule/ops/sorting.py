"""Sorting: order along a dimension, the largest k, ranks, and sets of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import INT64, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError, TracedValueError, UnsupportedDTypeError
from ..core.provenance import describe, here
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .extrema import by_dim, nonempty, ordered, pick_p, selecting
from .kits import opaque
from .reductions import ALL_AXES, all_batched, count_over, finish_out, return_type
from .shape import canonical_dim, cast_p, reshape_p

# ---- order ----------------------------------------------------------------------------------------------------------


def _order(x: Any, axis: int, descending: bool = False) -> Any:
    """Indices that sort along `axis`, equal elements in their order; NaN counts as the largest."""
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    back = (*(slice(None),) * axis, slice(None, None, -1))
    return (x.shape[axis] - 1 - np.argsort(x[back], axis=axis, kind="stable"))[back]


def _take(index: Any, axis: int, start: int, stop: int) -> Any:
    return index[(*(slice(None),) * axis, slice(start, stop))]


def _largest_first(x: Any, axis: int, k: int, largest: bool) -> Any:
    return _take(_order(x, axis, largest), axis, 0, k)


sort_p = selecting(
    "sort",
    lambda x, axis, descending: _order(x, axis, descending),
    "Elements in order along `axis`, and where they were.",
    length=lambda n, **params: n,
)
topk_p = selecting(
    "topk",
    _largest_first,
    "The k largest (or smallest) elements along `axis`, in order, and where they are.",
    length=lambda n, k, **params: k,
)
kthvalue_p = selecting(
    "kthvalue",
    lambda x, axis, k: _take(_order(x, axis), axis, k - 1, k),
    "The k-th smallest element along `axis` (k from 1), and where it is.",
)


def _median_index(x: Any, axis: int, ignore_nan: bool) -> Any:
    order, nan = _order(x, axis), x != x
    if ignore_nan:
        left = x.shape[axis] - np.count_nonzero(nan, axis=axis, keepdims=True)
        return np.take_along_axis(order, np.maximum(left - 1, 0) // 2, axis)
    middle = (x.shape[axis] - 1) // 2
    index = _take(order, axis, middle, middle + 1)
    return np.where(nan.any(axis=axis, keepdims=True), np.argmax(nan, axis=axis, keepdims=True), index)


median_along_p = selecting(
    "median_along",
    lambda x, axis: _median_index(x, axis, False),
    "The lower median along `axis`, and where it is; NaN if there is one.",
    backward_name="MedianBackward1",
)
nanmedian_along_p = selecting(
    "nanmedian_along",
    lambda x, axis: _median_index(x, axis, True),
    "The lower median along `axis` of the elements that are not NaN, and where it is.",
    backward_name="NanmedianBackward1",
)


def _mode_index(x: Any, axis: int) -> Any:
    order = np.moveaxis(_order(x, axis), axis, -1)
    runs = np.take_along_axis(np.moveaxis(x, axis, -1), order, -1)
    place = np.arange(runs.shape[-1])
    starts = np.ones(runs.shape, bool)
    starts[..., 1:] = runs[..., 1:] != runs[..., :-1]
    length = place - np.maximum.accumulate(np.where(starts, place, 0), axis=-1)
    best = np.argmax(length, axis=-1, keepdims=True)  # the end of the first longest run
    return np.moveaxis(np.take_along_axis(order, best, -1), -1, axis)


mode_p = selecting("mode", _mode_index, "The most frequent element along `axis` (the smallest of them), and where.")

sort_result = return_type("sort", "values", "indices")
topk_result = return_type("topk", "values", "indices")
kthvalue_result = return_type("kthvalue", "values", "indices")


def sort(
    input: Any,
    dim: Any = -1,
    descending: bool = False,
    *,
    stable: bool = False,
    axis: Any = None,
    out: Any = None,
) -> Any:
    """Elements in ascending order along `dim`: (values, indices). Equal elements keep their order; NaN is the largest.

    >>> import chainrule as cr
    >>> cr.sort(cr.tensor([3., 1., 2.]))
    torch.return_types.sort(
    values=tensor([1., 2., 3.]),
    indices=tensor([1, 2, 0]))
    """
    if raw_dtype(input).kind == "c":
        raise UnsupportedDTypeError(
            f"Sort does not support complex dtypes, got {raw_dtype(input)}; sort x.real or x.abs()"
        )
    found = by_dim(_along(sort_p, descending=bool(descending)), "sort", input, dim, axis)
    if out is not None:
        found = tuple(finish_out(o, f) for o, f in zip(out, found, strict=True))
    return sort_result(*found)


def _along(prim: Any, **params: Any) -> Any:
    return lambda x, axis: prim(x, axis=axis, keepdims=True, **params)


def argsort(input: Any, dim: Any = -1, descending: bool = False, *, stable: bool = False, axis: Any = None) -> Any:
    """Indices that sort `input` along `dim`; equal elements keep their order.

    >>> import chainrule as cr
    >>> cr.argsort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return sort(input, dim, descending, axis=axis)[1]


def msort(input: Any) -> Any:
    """Elements in ascending order along dimension 0.

    >>> import chainrule as cr
    >>> cr.msort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return sort(input, 0)[0]


def topk(
    input: Any, k: int, dim: Any = -1, largest: bool = True, sorted: bool = True, *, axis: Any = None, out: Any = None
) -> Any:
    """The `k` largest (or smallest) elements along `dim`, in order: (values, indices).

    >>> import chainrule as cr
    >>> cr.topk(cr.tensor([3., 1., 2.]), 2).values
    tensor([3., 2.])
    """
    ordered("topk", input)

    def choose(x: Any, axis: int) -> Any:
        n = raw_shape(x)[axis]
        if not 0 <= k <= n:
            raise ArgumentError(f"selected index k out of range: k = {k}, but dimension {axis} has {n} elements")
        return topk_p(x, axis=axis, keepdims=True, k=int(k), largest=bool(largest))

    k = int(k)
    found = by_dim(choose, "topk", input, dim, axis)
    if out is not None:
        found = tuple(finish_out(o, f) for o, f in zip(out, found, strict=True))
    return topk_result(*found)


def kthvalue(
    input: Any, k: int, dim: Any = -1, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None
) -> Any:
    """The `k`-th smallest element along `dim`, counted from 1: (values, indices).

    >>> import chainrule as cr
    >>> cr.kthvalue(cr.tensor([3., 1., 2.]), 2).values
    tensor(2.)
    """
    ordered("kthvalue", input)
    keepdim = bool(keepdim if keepdims is None else keepdims)

    def choose(x: Any, axis: int) -> Any:
        n = raw_shape(x)[axis]
        nonempty("kthvalue", raw_shape(x), (axis,))
        if not 1 <= k <= n:
            raise ArgumentError(f"kthvalue(): selected number k out of range for dimension {axis}: k = {k} of {n}")
        return kthvalue_p(x, axis=axis, keepdims=keepdim, k=int(k))

    return kthvalue_result(*by_dim(choose, "kthvalue", input, dim, axis))


# ---- places in sorted sequences -------------------------------------------------------------------------------------


def _searchsorted_impl(xp: Any, edges: Any, x: Any, *, right: bool) -> Any:
    side = "right" if right else "left"
    if edges.ndim == 1:
        return xp.asarray(xp.searchsorted(edges, x, side), INT64)
    n = count_over(edges.shape, ALL_AXES[edges.ndim - 1])
    rows, values = edges.reshape(n, edges.shape[-1]), x.reshape(n, x.shape[-1])
    out = xp.empty(values.shape, INT64)
    for row, value, place in zip(rows, values, out, strict=True):
        place[...] = xp.searchsorted(row, value, side)
    return out.reshape(x.shape)


def _searchsorted_batch(prim: Any, args: Any, is_batched: Any, *, right: bool) -> Any:
    edges, x = args
    if not is_batched[0] and len(raw_shape(edges)) == 1:
        return prim(edges, x, right=right)
    edges, x = all_batched(args, is_batched)
    shape = raw_shape(x)
    if len(raw_shape(edges)) == 2:  # one sequence per example, for values of any shape
        flat = reshape_p(x, shape=(shape[0], count_over(shape[1:], ALL_AXES[len(shape) - 1])))
        return reshape_p(prim(edges, flat, right=right), shape=shape)
    return prim(edges, x, right=right)


searchsorted_p = opaque(
    "searchsorted",
    _searchsorted_impl,
    aval=lambda edges, x, *, right: Spec(x.shape, INT64),
    vjp=(None, None),
    batch=_searchsorted_batch,
    notation="searchsorted({}, {})",
    doc="How many elements of each sorted sequence are less than (with `right`: at most) the value.",
)


def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
    out: Any = None,
) -> Any:
    """Where `input` would be inserted into sequences sorted along their last dimension, as int64.

    `sorted_sequence` has one dimension, or the leading sizes of `input`. With `right` (or side="right") after equal
    elements, else before them. `sorter` holds indices that sort an unsorted sequence.

    >>> import chainrule as cr
    >>> cr.searchsorted(cr.tensor([1, 3, 5]), cr.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise ArgumentError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ArgumentError("torch.searchsorted(): side and right can't be set to opposites, got side left, right True")
    if sorter is not None:
        sorted_sequence = pick_p(sorted_sequence, sorter, axis=len(raw_shape(sorted_sequence)) - 1)
    if not hasattr(input, "shape"):
        input = wrap(np.asarray(input, raw_dtype(sorted_sequence) if isinstance(input, int) else None))
    edges, values = raw_shape(sorted_sequence), raw_shape(input)
    if len(edges) != 1 and (not values or edges[:-1] != values[:-1]):
        raise ShapeError(
            f"torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(edges)} and input value "
            f"tensor {list(values)}"
        )
    found = searchsorted_p(sorted_sequence, input, right=bool(right) or side == "right")
    return finish_out(out, cast_p(found, dtype=numpy_dtype("int32")) if out_int32 else found)


def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False, out: Any = None) -> Any:
    """Number i of the bucket of each element between sorted `boundaries`: boundaries[i-1] < x <= boundaries[i].

    With `right`, boundaries[i-1] <= x < boundaries[i].

    >>> import chainrule as cr
    >>> cr.bucketize(cr.tensor([0., 2., 9.]), cr.tensor([1., 2., 3.]))
    tensor([0, 1, 3])
    """
    if len(raw_shape(boundaries)) != 1:
        n = len(raw_shape(boundaries))
        raise ShapeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({n})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


# ---- sets -----------------------------------------------------------------------------------------------------------


def _isin_impl(xp: Any, x: Any, test: Any, *, invert: bool, lead: int) -> Any:
    if not lead:
        return xp.isin(x, test, invert=invert)
    out = xp.empty(x.shape, bool)
    for k in np.ndindex(x.shape[:lead]):
        out[k] = xp.isin(x[k], test[k], invert=invert)
    return out


def _isin_batch(prim: Any, args: Any, is_batched: Any, *, invert: bool, lead: int) -> Any:
    if not is_batched[1] and not lead:
        return prim(*args, invert=invert, lead=0)
    return prim(*all_batched(args, is_batched), invert=invert, lead=lead + 1)


isin_p = opaque(
    "isin",
    _isin_impl,
    aval=lambda x, test, *, invert, lead: Spec(x.shape, np.dtype(bool)),
    vjp=(None, None),
    batch=_isin_batch,
    notation="isin({}, {})",
    doc="Is each element one of the test elements? The first `lead` dimensions are a batch.",
)


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Is each element one of `test_elements` (with `invert`: none of them)? bool, shaped like `elements`.

    >>> import chainrule as cr
    >>> cr.isin(cr.tensor([1, 2, 3]), cr.tensor([3, 1]))
    tensor([ True, False,  True])
    """
    elements, test_elements = (x if hasattr(x, "shape") else wrap(np.asarray(x)) for x in (elements, test_elements))
    return isin_p(elements, test_elements, invert=bool(invert), lead=0)


def _no_shape(name: str) -> Any:
    """A rule that says why the operation cannot be staged or batched."""

    def refuse(*args: Any, **params: Any) -> Any:
        code, lasti = here(2)
        raise TracedValueError(
            f"{name}() at {describe(code, lasti)}: the shape of the result depends on the values, so it can be neither "
            f"staged nor batched; call it outside of the transformed function"
        )

    return refuse


def _unique_impl(xp: Any, x: Any, *, dim: int | None) -> tuple:
    values, inverse, counts = xp.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    shape = x.shape if dim is None else (x.shape[dim],)
    return values, inverse.reshape(shape).astype(INT64, copy=False), counts.astype(INT64, copy=False)


def _consecutive_impl(xp: Any, x: Any, *, dim: int | None) -> tuple:
    rows = x.reshape(-1) if dim is None else xp.moveaxis(x, dim, 0)
    n = len(rows)
    starts = xp.ones(n, bool)
    if n > 1:
        starts[1:] = (rows[1:] != rows[:-1]).reshape(n - 1, -1).any(axis=1)
    first = xp.flatnonzero(starts)
    values = rows[first] if dim is None else xp.moveaxis(rows[first], 0, dim)
    inverse = (xp.cumsum(starts) - 1).astype(INT64, copy=False)
    counts = xp.diff(xp.append(first, n)).astype(INT64, copy=False)
    return values, inverse.reshape(x.shape) if dim is None else inverse, counts


unique_p = opaque(
    "unique",
    _unique_impl,
    _no_shape("unique"),
    vjp=(None,),
    batch=_no_shape("unique"),
    n_out=3,
    notation="unique({})",
    doc="Different elements (or slices along `dim`) in order, where each went, and how often each occurs.",
    backward_name="Unique2Backward0",
)
unique_consecutive_p = opaque(
    "unique_consecutive",
    _consecutive_impl,
    _no_shape("unique_consecutive"),
    vjp=(None,),
    batch=_no_shape("unique_consecutive"),
    n_out=3,
    notation="unique_consecutive({})",
    doc="The first element (or slice along `dim`) of each run of equal ones, where each went, and lengths of runs.",
)


def _some_of(found: Any, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = found
    wanted = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return wanted if len(wanted) > 1 else values


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Different elements of `input`, or slices along `dim`, in ascending order.

    Returns values, or a tuple (values, inverse, counts) of those asked for; `inverse` says which value each element
    became, `counts` how often each value occurs. The shape depends on the values, so there is no gradient, and the
    function cannot be staged or batched.

    >>> import chainrule as cr
    >>> cr.unique(cr.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    found = unique_p(input, dim=_slices_of("unique", input, dim))
    return _some_of(found, return_inverse, return_counts)


def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first element (or slice along `dim`) of every run of equal ones; results as those of `unique`.

    >>> import chainrule as cr
    >>> cr.unique_consecutive(cr.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    found = unique_consecutive_p(input, dim=_slices_of("unique_consecutive", input, dim))
    return _some_of(found, return_inverse, return_counts)


def _slices_of(name: str, input: Any, dim: int | None) -> int | None:
    if not isinstance(input, (Tensor, np.ndarray)):
        raise ArgumentTypeError(f"{name}(): argument 'input' must be Tensor, not {type(input).__name__}")
    return None if dim is None else canonical_dim(int(dim), len(raw_shape(input)))


__all__ = [
    "sort",
    "argsort",
    "msort",
    "topk",
    "kthvalue",
    "searchsorted",
    "bucketize",
    "isin",
    "unique",
    "unique_consecutive",
]
METHODS = ("sort", "argsort", "msort", "topk", "kthvalue", "unique", "unique_consecutive")
INPLACE = ()
