"""The Python array API standard over tensors: making tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.dtypes import as_dtype, numpy_dtype
from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_dtype
from ..tensor.creation import check_device
from .api import cr
from .standard import result_type


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
