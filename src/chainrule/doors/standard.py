"""The Python array API standard over tensors: data types, creation, shapes, searching and sets."""

from __future__ import annotations

import operator
from collections import namedtuple
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import as_dtype, dtype, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.value import Tensor, raw_dtype
from ..tensor.attributes import CPU, concrete
from ..tensor.creation import check_device
from .api import cr

# ---- data types -----------------------------------------------------------------------------------------------------

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_REAL = ("float32", "float64")
_COMPLEX = ("complex64", "complex128")
KINDS = {
    "bool": ("bool",),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _REAL,
    "complex floating": _COMPLEX,
    "numeric": _SIGNED + _UNSIGNED + _REAL + _COMPLEX,
}


def _dtype_of(x: Any) -> dtype:
    return x.dtype if isinstance(x, Tensor) else as_dtype(x)


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """`x` in another dtype; a new tensor even if it has that dtype, unless copy=False.

    Any shape.

    >>> import chainrule as cr
    >>> cr.array_api.astype(cr.tensor([1, 2]), cr.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    check_device(device)
    if raw_dtype(x).kind == "c" and numpy_dtype(dtype).kind in "fiu":
        raise ArgumentTypeError(f"astype: a complex tensor cannot become {as_dtype(dtype)}; take real(x) first")
    return x.to(dtype, copy=copy)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Does promotion of `from_` with `to` give `to`?

    Dtypes, or a tensor first.

    >>> import chainrule as cr
    >>> cr.array_api.can_cast(cr.int8, cr.int16)
    True
    """
    a, b = _dtype_of(from_), as_dtype(to)
    same_kind = dtypes.category(a.dtype) == dtypes.category(b.dtype) or (a.is_floating_point and b.is_complex)
    return same_kind and dtypes.promote_types(a, b) == b


def finfo(type: Any, /) -> Any:
    """Limits of a floating dtype, or of a tensor's.

    >>> import chainrule as cr
    >>> cr.array_api.finfo(cr.float32).eps
    1.1920928955078125e-07
    """
    return dtypes.finfo(_dtype_of(type))


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype, or of a tensor's.

    >>> import chainrule as cr
    >>> cr.array_api.iinfo(cr.int8).max
    127
    """
    return dtypes.iinfo(_dtype_of(type))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Is `dtype` of a kind: a dtype, a name such as "integral" or "real floating", or one of a tuple of these?

    >>> import chainrule as cr
    >>> cr.array_api.isdtype(cr.int8, "integral")
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ArgumentError(f"isdtype: unknown kind {kind!r}; write one of {', '.join(KINDS)}")
        found = as_dtype(dtype)
        if kind in ("real floating", "numeric") and found.is_floating_point:
            return True
        return found.name in KINDS[kind]
    return as_dtype(dtype) == as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> dtype:
    """The dtype that promotion of all operands gives; the number of dimensions plays no part, unlike PyTorch's rule.

    >>> import chainrule as cr
    >>> cr.array_api.result_type(cr.int8, cr.uint8)
    torch.int16
    """
    strong = [_dtype_of(x) for x in arrays_and_dtypes if not isinstance(x, (bool, int, float, complex))]
    if not strong:
        raise ArgumentError("result_type: at least one argument must be an array or a dtype")
    found = strong[0]
    for d in strong[1:]:
        found = dtypes.promote_types(found, d)
    for x in arrays_and_dtypes:
        if isinstance(x, (bool, int, float, complex)):
            found = dtypes.result_type(cr.zeros(1, dtype=found), x)
    return found


def upcast(x: Tensor, dtype: Any) -> Any:
    """The dtype in which sums and products are done: small integers widen."""
    if dtype is not None:
        return dtype
    have = raw_dtype(x)
    if have.kind == "u":
        return dtypes.uint64
    return dtypes.int64 if have.kind in "ib" else x.dtype


# ---- creation -------------------------------------------------------------------------------------------------------


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor from numbers, nested sequences, buffers or tensors; tensors keep their place in the graph.

    Shape and dtype of the data, unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.array_api.asarray([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    if isinstance(obj, Tensor):
        if dtype is not None and numpy_dtype(dtype) != raw_dtype(obj):
            if copy is False:
                raise ArgumentError(f"asarray: another dtype ({as_dtype(dtype)}) cannot be had without a copy")
            return obj.to(dtype)
        return obj.clone() if copy else obj
    if isinstance(obj, (bytes, bytearray, memoryview)):
        obj = np.asarray(memoryview(obj))
    if dtype is None and isinstance(obj, int) and not isinstance(obj, bool) and 2**63 <= obj < 2**64:
        dtype = dtypes.uint64
    return cr.asarray(obj, dtype=dtype, copy=copy)


def _shape(shape: Any) -> tuple[int, ...]:
    return (operator.index(shape),) if not isinstance(shape, (tuple, list)) else tuple(shape)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step ... before `stop`; empty where the sign of `step` leads away from it.

    One dimension; the default dtypes unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.array_api.arange(3)
    tensor([0, 1, 2])
    """
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ArgumentError("arange: step must be nonzero")
    whole = all(isinstance(v, int) for v in (start, stop, step))
    if (stop - start) * step < 0:
        return cr.zeros(0, dtype=dtype or (dtypes.int64 if whole else None), device=device)
    return cr.arange(start, stop, step, dtype=dtype, device=device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Uninitialised values.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.empty((2, 3)).shape
    torch.Size([2, 3])
    """
    return cr.empty(_shape(shape), dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Uninitialised values, shaped like `x`.

    Its shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.empty_like(cr.ones(2)).shape
    torch.Size([2])
    """
    return cr.empty_like(x, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on diagonal `k`, zeros elsewhere.

    A matrix in the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.array_api.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device)
    kind = dtypes.default.float if dtype is None else numpy_dtype(dtype)
    return cr.from_numpy(np.eye(n_rows, n_cols, k, dtype=kind))


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor sharing memory with any object that has `__dlpack__`.

    Its shape and dtype.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.array_api.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    return cr.from_dlpack(x, device=device, copy=copy)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`fill_value` everywhere.

    The dtype is the number's default unless given.

    >>> import chainrule as cr
    >>> cr.array_api.full((2,), 7)
    tensor([7, 7])
    """
    if dtype is None and isinstance(fill_value, int) and not isinstance(fill_value, bool) and fill_value >= 2**63:
        dtype = dtypes.uint64
    return cr.full(_shape(shape), fill_value, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`fill_value` everywhere, shaped like `x`.

    Its shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.full_like(cr.ones(2), 7)
    tensor([7., 7.])
    """
    return cr.full_like(x, fill_value, dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` evenly spaced values from `start` to `stop`, which is left out if endpoint=False.

    One dimension; the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.array_api.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    if num < 0:
        raise ArgumentError(f"linspace: num must be non-negative, got {num}")
    kind = dtypes.default.complex if isinstance(start + stop, complex) else dtypes.default.float
    kind = kind if dtype is None else numpy_dtype(dtype)
    return cr.from_numpy(np.linspace(start, stop, num, endpoint=endpoint).astype(kind))


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> list[Tensor]:
    """Coordinate grids of one-dimensional arrays.

    Any dtypes, which stay.

    >>> import chainrule as cr
    >>> cr.array_api.meshgrid(cr.tensor([1, 2]), cr.tensor([3]))[0]
    tensor([[1, 2]])
    """
    if not arrays:
        return []
    kind = result_type(*arrays)
    if any(a.dtype != kind for a in arrays):
        raise ArgumentError("meshgrid: all arrays must have one dtype")
    return list(cr.meshgrid(*arrays, indexing=indexing))


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones.

    Any shape; the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.array_api.ones(2)
    tensor([1., 1.])
    """
    return cr.ones(_shape(shape), dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones, shaped like `x`.

    Its shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.ones_like(cr.zeros(2))
    tensor([1., 1.])
    """
    return cr.ones_like(x, dtype=dtype, device=device)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The part on and below diagonal `k`.

    Matrices (..., m, n) of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.tril(cr.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return cr.tril(x, k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The part on and above diagonal `k`.

    Matrices (..., m, n) of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.triu(cr.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return cr.triu(x, k)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros.

    Any shape; the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.array_api.zeros(2)
    tensor([0., 0.])
    """
    return cr.zeros(_shape(shape), dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros, shaped like `x`.

    Its shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.zeros_like(cr.ones(2))
    tensor([0., 0.])
    """
    return cr.zeros_like(x, dtype=dtype, device=device)


# ---- shapes ---------------------------------------------------------------------------------------------------------


def in_common(arrays: Any) -> list[Tensor]:
    """Arrays in the dtype that promotion gives."""
    kind = result_type(*arrays)
    return [a.to(kind) for a in arrays]


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """All arrays, broadcast against one another.

    Any dtypes, which stay.

    >>> import chainrule as cr
    >>> [a.shape for a in cr.array_api.broadcast_arrays(cr.ones(2, 1), cr.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    return list(cr.broadcast_tensors(*arrays))


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated to `shape`.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.broadcast_to(cr.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return cr.broadcast_to(x, tuple(shape))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Arrays joined along an axis; flattened first if axis=None.

    Dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.concat([cr.tensor([1]), cr.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    parts = in_common(arrays)
    return cr.cat([p.reshape((-1,)) for p in parts]) if axis is None else cr.cat(parts, axis)


def expand_dims(x: Tensor, /, axis: Any = 0) -> Tensor:
    """A dimension of size 1 inserted at `axis`.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.expand_dims(cr.tensor([1, 2]), axis=0)
    tensor([[1, 2]])
    """
    return x.unsqueeze(axis)


def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """Elements in reverse order along the axes (default: all).

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.flip(cr.tensor([1, 2]))
    tensor([2, 1])
    """
    dims = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return cr.flip(x, dims)


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Axes moved to other places.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.moveaxis(cr.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return cr.movedim(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """Axes reordered.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.permute_dims(cr.ones(2, 3), (1, 0)).shape
    torch.Size([3, 2])
    """
    return cr.permute(x, tuple(axes))


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element repeated.

    Any dtype; `repeats` is an int or a tensor of ints.

    >>> import chainrule as cr
    >>> cr.array_api.repeat(cr.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    return cr.repeat_interleave(x, repeats, dim=axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The same elements under another shape.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.reshape(cr.tensor([1, 2]), (2, 1))
    tensor([[1],
            [2]])
    """
    found = x.reshape(tuple(shape))
    if copy is False and not found.is_contiguous() and found.numel() and found.data_ptr() != x.data_ptr():
        raise ArgumentError("reshape: this shape cannot be had without a copy; leave out copy=False")
    return found.clone() if copy else found


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved around in a circle.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.roll(cr.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    if isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return cr.roll(x, shift, axis)


def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """Without the given dimensions of size 1.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.squeeze(cr.ones(1, 2), 0).shape
    torch.Size([2])
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for d in axes:
        if -x.ndim <= d < x.ndim and x.shape[d] != 1:
            raise ArgumentError(f"squeeze: axis {d} has size {x.shape[d]}, not 1")
    return cr.squeeze(x, axes) if axes else x


def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Arrays joined along a new axis.

    Arrays of one shape; dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.stack([cr.tensor([1]), cr.tensor([2])])
    tensor([[1],
            [2]])
    """
    return cr.stack(in_common(arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The whole array repeated.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.tile(cr.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return cr.tile(x, tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple:
    """The slices along an axis.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.unstack(cr.tensor([1, 2]))
    (tensor(1), tensor(2))
    """
    return tuple(cr.unbind(x, axis))


# ---- choosing, searching, sets --------------------------------------------------------------------------------------


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Slices of `x` along an axis at the given positions.

    Indices are 1-D integers; any dtype of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.take(cr.tensor([5, 6, 7]), cr.tensor([2, 0]))
    tensor([7, 5])
    """
    if axis is None and x.ndim != 1:
        raise ArgumentError("take: axis may be left out for one dimension only")
    dim = 0 if axis is None else axis % x.ndim
    return x[(*(slice(None),) * dim, indices)]


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements of `x` at positions given for each place along an axis.

    Indices are integers, in as many dimensions as `x`.

    >>> import chainrule as cr
    >>> cr.array_api.take_along_axis(cr.tensor([[5, 6]]), cr.tensor([[1]]))
    tensor([[6]])
    """
    return cr.take_along_dim(x, indices, axis)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest element.

    int64; over all elements if axis=None.

    >>> import chainrule as cr
    >>> cr.array_api.argmax(cr.tensor([1, 3, 2]))
    tensor(1)
    """
    if axis is None and keepdims:
        return cr.argmax(x.reshape((-1,))).reshape((1,) * x.ndim)
    return cr.argmax(x, axis, keepdim=keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest element.

    int64; over all elements if axis=None.

    >>> import chainrule as cr
    >>> cr.array_api.argmin(cr.tensor([1, 3, 0]))
    tensor(2)
    """
    if axis is None and keepdims:
        return cr.argmin(x.reshape((-1,))).reshape((1,) * x.ndim)
    return cr.argmin(x, axis, keepdim=keepdims)


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Number of elements that are not zero.

    int64, of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.count_nonzero(cr.tensor([0, 5, 7]))
    tensor(2)
    """
    dims = tuple(range(x.ndim)) if axis is None else axis
    return (x != 0).to(dtypes.int64) if dims == () else cr.sum(x != 0, dims, keepdim=keepdims)


def nonzero(x: Tensor, /) -> tuple:
    """Positions of the elements that are not zero, one array per dimension.

    int64, of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.nonzero(cr.tensor([0, 5, 7]))
    (tensor([1, 2]),)
    """
    if x.ndim == 0:
        raise ArgumentError("nonzero: needs at least one dimension")
    return tuple(cr.nonzero(x, as_tuple=True))


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Any = None) -> Tensor:
    """Where the elements of `x2` belong in the sorted `x1`.

    int64, in the shape of `x2`.

    >>> import chainrule as cr
    >>> cr.array_api.searchsorted(cr.tensor([1, 3, 5]), cr.tensor([4]))
    tensor([2])
    """
    return cr.searchsorted(x1, x2, side=side, sorter=sorter)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """x1 where the condition holds, else x2.

    Shapes broadcast; the condition is bool, the other dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.where(cr.tensor([True, False]), cr.tensor([1, 2]), 0)
    tensor([1, 0])
    """
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        x1, x2 = in_common((x1, x2))
    elif isinstance(x1, Tensor):
        x2 = cr.full((), x2, dtype=result_type(x1, x2))
    elif isinstance(x2, Tensor):
        x1 = cr.full((), x1, dtype=result_type(x2, x1))
    return cr.where(condition, x1, x2)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Elements in order along an axis.

    Real dtypes; the shape stays.

    >>> import chainrule as cr
    >>> cr.array_api.sort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return cr.sort(x, axis, descending, stable=stable)[0]


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Positions that put the elements in order along an axis.

    int64, in the shape of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.argsort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return cr.argsort(x, axis, descending, stable=stable)


UniqueAll = namedtuple("UniqueAll", "values indices inverse_indices counts")
UniqueCounts = namedtuple("UniqueCounts", "values counts")
UniqueInverse = namedtuple("UniqueInverse", "values inverse_indices")


def unique_all(x: Tensor, /) -> UniqueAll:
    """Distinct values (each NaN is one), where each first stands, which one each element is, and how many there are.

    Any shape and real dtype; positions and counts are int64.

    >>> import chainrule as cr
    >>> cr.array_api.unique_all(cr.tensor([3, 1, 3])).values
    tensor([1, 3])
    """
    data = concrete(x, "unique_all()")
    _, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    where_first, which = cr.from_numpy(first.astype(np.int64)), inverse.reshape(data.shape).astype(np.int64)
    values = x.reshape((-1,))[where_first]
    return UniqueAll(values, where_first, cr.from_numpy(which), cr.from_numpy(counts.astype(np.int64)))


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Distinct values and how many there are of each.

    Any shape and real dtype.

    >>> import chainrule as cr
    >>> cr.array_api.unique_counts(cr.tensor([3, 1, 3])).counts
    tensor([1, 2])
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Distinct values, and which one each element is.

    Any shape and real dtype; the second is int64 in the shape of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.unique_inverse(cr.tensor([3, 1, 3])).inverse_indices
    tensor([1, 0, 1])
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """Distinct values.

    Any shape and real dtype; the result is 1-D.

    >>> import chainrule as cr
    >>> cr.array_api.unique_values(cr.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    return unique_all(x).values


# ---- inspection -----------------------------------------------------------------------------------------------------


class Info:
    """What the namespace offers: devices, dtypes and capabilities."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and data-dependent shapes work; at most 64 dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Any:
        """The CPU."""
        return CPU

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """What Python numbers become."""
        check_device(device)
        return {
            "real floating": as_dtype(dtypes.default.float),
            "complex floating": as_dtype(dtypes.default.complex),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def devices(self) -> list:
        """The CPU."""
        return [CPU]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtype]:
        """The dtypes by name, all or of one kind."""
        check_device(device)
        kinds = ("bool", "numeric") if kind is None else kind if isinstance(kind, tuple) else (kind,)
        return {name: as_dtype(name) for k in kinds for name in KINDS[k]}


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """What the namespace offers.

    >>> import chainrule as cr
    >>> cr.array_api.__array_namespace_info__().default_dtypes()["real floating"]
    torch.float32
    """
    return Info()
