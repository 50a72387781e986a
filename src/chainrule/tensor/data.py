"""Tensors from data: numbers, nested sequences, arrays, and other libraries' arrays."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, INT64, as_dtype, default, from_numpy_dtype, is_inexact, numpy_dtype, promote
from ..core.errors import ArgumentError, ArgumentTypeError, DeviceError, DTypeError
from ..core.exits import left
from ..core.state import state
from ..core.value import InferenceTensor, Tensor, Tracer, raw_dtype, raw_shape, wrap
from .attributes import concrete
from .attributes import device as device_type

__all__ = ["tensor", "as_tensor", "asarray", "from_numpy", "from_dlpack"]

ndarray = np.ndarray
NUMBERS = {bool, int, float, complex}
_SUPPORTED = (
    "float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and "
    "bool."
)


# ---- shared checks --------------------------------------------------------------------------------------------------


def check_device(device: Any) -> None:
    """Accept only the CPU."""
    if device is None or device == "cpu":
        return
    found = device_type(device) if not isinstance(device, device_type) else device
    if found.type != "cpu":
        raise DeviceError(
            f"device {str(found)!r} is not available: chainrule was not built with CUDA enabled and its tensors live "
            f"in main memory. Write device='cpu', or leave it out"
        )


def finish(data: Any, requires_grad: bool) -> Tensor:
    """A leaf tensor around new data."""
    made = data if isinstance(data, Tensor) else wrap(data)
    if state.inference and type(made) is Tensor and state.stage is None:
        made.__class__ = InferenceTensor
    if requires_grad:
        if not is_inexact(raw_dtype(made)):
            raise DTypeError(
                "Only Tensors of floating point and complex dtype can require gradients; this one would hold "
                f"{from_numpy_dtype(raw_dtype(made))}. Give dtype=chainrule.float32, or write the numbers as floats"
            )
        made.requires_grad_()
    return made


def number(x: Any, what: str) -> Any:
    """A Python number from a number or a one-element tensor."""
    if isinstance(x, Tensor):
        return concrete(x, what).item()
    return x.item() if isinstance(x, (np.generic, ndarray)) else x


def dtype_of_number(x: Any) -> np.dtype:
    """What a Python number becomes in a tensor."""
    if isinstance(x, np.generic):
        return numpy_dtype(x.dtype)
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INT64
    return default.complex if isinstance(x, complex) else default.float


# ---- from data ------------------------------------------------------------------------------------------------------


def check_array(a: ndarray) -> ndarray:
    """An array that a tensor can hold, or the error that says why not."""
    if isinstance(a, np.ma.MaskedArray):
        raise ArgumentTypeError("a tensor cannot hold a masked array; write tensor(a.filled(value))")
    if not a.dtype.isnative:
        raise ArgumentError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported. Write a.astype(a.dtype.newbyteorder('='))"
        )
    try:
        from_numpy_dtype(a.dtype)
    except DTypeError:
        raise ArgumentTypeError(
            f"can't convert np.ndarray of type numpy.{a.dtype.type.__name__}. The only supported types are: "
            + _SUPPORTED
        ) from None
    return a if type(a) is ndarray else np.asarray(a)


def _is_sequence(x: Any) -> bool:
    if isinstance(x, (list, tuple, range)):
        return True
    if isinstance(x, (ndarray, Tensor)):
        return bool(raw_shape(x))
    if isinstance(x, (np.generic, str, bytes, dict, set, frozenset)):
        return False
    return hasattr(x, "__len__") and hasattr(x, "__getitem__")


def _scan(data: Any, dim: int, dtypes: set, held: list) -> tuple[int, ...]:
    """Shape of nested sequences; collects the types of numbers in `dtypes` and whether tensors are among them."""
    kinds = set(map(type, data))
    if kinds <= NUMBERS:
        dtypes |= kinds
        return (len(data),)
    first: tuple[int, ...] | None = None
    nested: bool | None = None
    for x in data:
        if isinstance(x, Tensor):
            held.append(x)
            if math.prod(raw_shape(x)) != 1:
                raise ArgumentError(
                    "only one element tensors can be converted to Python scalars; to join tensors of shape "
                    f"{raw_shape(x)} write chainrule.stack(list)"
                )
            dtypes.add(raw_dtype(x))
            here: tuple[int, ...] | None = ()
        elif isinstance(x, np.generic):
            dtypes.add(check_array(np.asarray(x)).dtype)
            here = ()
        elif isinstance(x, ndarray):
            dtypes.add(check_array(x).dtype)
            here = x.shape
        elif _is_sequence(x):
            if nested is False:
                raise ArgumentTypeError(f"'{type(x).__name__}' object cannot be interpreted as a number")
            here = _scan(x, dim + 1, dtypes, held)
        else:
            if nested:
                raise ArgumentTypeError(f"not a sequence: {type(x).__name__} stands beside sequences at dim {dim + 1}")
            _check_number(x)
            dtypes.add(type(x) if type(x) in NUMBERS else dtype_of_number(x))
            here = ()
        if first is None:
            first, nested = here, bool(here)
        elif here != first:
            for d, (a, b) in enumerate(zip(first, here, strict=False)):
                if a != b:
                    raise ArgumentError(f"expected sequence of length {a} at dim {dim + 1 + d} (got {b})")
            raise ArgumentTypeError(f"not a sequence: nesting is uneven at dim {dim + 1 + min(len(first), len(here))}")
    return (len(data), *(first or ()))


def _check_number(x: Any) -> None:
    if isinstance(x, (bool, int, float, complex)):
        return
    if isinstance(x, (str, bytes)):
        raise ArgumentError(f"too many dimensions '{type(x).__name__}': text cannot be held in a tensor")
    raise DTypeError(f"Could not infer dtype of {type(x).__name__}; a tensor holds numbers and bool")


def _without_tensors(x: Any) -> Any:
    if isinstance(x, Tensor):
        if x._node is not None and not isinstance(x, Tracer):
            warnings.warn(
                "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior: the gradient "
                "is lost.\nConsider using tensor.detach() first, or chainrule.stack(list) to keep it.",
                UserWarning,
                stacklevel=5,
            )
            left("tensor", (x._node,))
        return concrete(x, "tensor()").item()
    return [_without_tensors(y) for y in x] if isinstance(x, (list, tuple)) else x


def _from_sequence(data: Any, dtype: np.dtype | None) -> ndarray:
    found: set = set()
    held: list = []
    shape = _scan(data, 0, found, held)
    if held:
        data = _without_tensors(data)
    if dtype is None:
        dtype = default.float
        known = [dtype_of_number(d()) if isinstance(d, type) else d for d in found]
        if known:
            dtype = known[0]
            for d in known[1:]:
                dtype = promote(dtype, d)
    try:
        natural = np.array(data) if found else np.zeros(shape)
    except OverflowError as error:
        raise ArgumentError(f"Overflow when unpacking long long: {error}") from error
    return converted(natural, dtype).reshape(shape)


def converted(a: ndarray, dtype: np.dtype) -> ndarray:
    """Python's numbers as `dtype`, refusing what does not fit."""
    if a.dtype == object or (a.dtype == np.uint64 and dtype.kind == "i"):
        if dtype.kind not in "fc":
            raise ArgumentError("Overflow when unpacking long long: an integer does not fit 64 bits")
        return a.astype(dtype)
    if a.dtype.kind == "c" and dtype.kind not in "cb":
        raise ArgumentTypeError(f"must be real number, not complex, to make a tensor of {from_numpy_dtype(dtype)}")
    if dtype.kind in "iu" and a.dtype.kind in "iuf" and a.size and a.dtype != dtype:
        info = np.iinfo(dtype)
        low = info.min if dtype.kind == "i" else -info.max
        small, large = a.min().item(), a.max().item()
        if not (low <= small and large <= info.max):
            raise DTypeError(f"value cannot be converted to type {from_numpy_dtype(dtype).name} without overflow")
        if a.dtype.kind == "f" and small < 0:
            a = a.astype(np.int64)
    return np.array(a, dtype=dtype, order="C")


def converted_data(data: Any, dtype: np.dtype | None, copy: bool | None, name: str) -> Any:
    """An ndarray with the values of any data but a Tensor; `copy` None: only where needed, False: never."""
    if isinstance(data, ndarray) or (hasattr(data, "__array__") and not isinstance(data, (np.generic, type))):
        array = check_array(data if isinstance(data, ndarray) else np.asarray(data))
        if copy is False and dtype is not None and dtype != array.dtype:
            raise ArgumentError(f"{name}: can't alias data of {array.dtype} as {dtype}; leave out copy=False")
        if dtype is None or dtype == array.dtype:
            return np.array(array) if copy else array
        if array.dtype.kind == "c" and dtype.kind not in "cb":
            array = array.real
        return array.astype(dtype)
    if copy is False:
        raise ArgumentError(f"{name}: can't alias a {type(data).__name__}; leave out copy=False")
    if isinstance(data, (np.generic, bool, int, float, complex)):
        if isinstance(data, np.generic):
            check_array(np.asarray(data))
        elif isinstance(data, int) and not isinstance(data, bool) and dtype is None and not -(2**63) <= data < 2**63:
            raise ArgumentError("Overflow when unpacking long long: the integer does not fit 64 bits")
        return converted(np.asarray(data), dtype_of_number(data) if dtype is None else dtype)
    if isinstance(data, (str, bytes)):
        raise ArgumentTypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not _is_sequence(data):
        if hasattr(data, "__dlpack__"):
            return check_array(np.from_dlpack(data))
        raise DTypeError(f"Could not infer dtype of {type(data).__name__}; a tensor holds numbers and bool")
    return _from_sequence(data, dtype)


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of `data`: a number, nested sequences of numbers, or an array.

    Args:
        dtype: default: Python floats become the default float (float32), ints int64; arrays keep theirs.
        device: 'cpu' or None.
        requires_grad: record what is computed from it.

    Raises:
        ArgumentError (ValueError): nested sequences of unequal lengths, or an integer beyond 64 bits.
        ArgumentTypeError (TypeError): text, dates and other data that are not numbers.

    >>> import chainrule as cr
    >>> cr.tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    check_device(device)
    target = None if dtype is None else numpy_dtype(dtype)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        from ..ops.shape import cast

        made = data.detach().clone()
        return finish(made if target is None else cast(made, target), requires_grad)
    return finish(converted_data(data, target, True, "tensor"), requires_grad)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory with arrays; a tensor is returned as it is, with its place in the graph.

    Any shape; the dtype is that of the data unless `dtype` is given.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> a = np.zeros(2)
    >>> t = cr.as_tensor(a)
    >>> a[0] = 5
    >>> t
    tensor([5., 0.], dtype=torch.float64)
    """
    check_device(device)
    target = None if dtype is None else numpy_dtype(dtype)
    if isinstance(data, Tensor):
        from ..ops.shape import cast

        return data if target is None else cast(data, target)
    return wrap(converted_data(data, target, None, "as_tensor"))


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """`obj` as a tensor outside of any graph, sharing memory where it can (copy=None) or must (copy=False).

    Any shape; the dtype is that of the data unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.asarray([1, 2])
    tensor([1, 2])
    """
    check_device(device)
    target = None if dtype is None else numpy_dtype(dtype)
    if not isinstance(obj, Tensor):
        return finish(converted_data(obj, target, copy, "asarray"), requires_grad)
    from ..ops.shape import cast_p

    if target is not None and target != raw_dtype(obj):
        if copy is False:
            raise ArgumentError(f"asarray: can't alias a tensor of {obj.dtype} as {as_dtype(dtype)}")
        return finish(cast_p(obj.detach(), dtype=target), requires_grad)
    if copy:
        return finish(obj.detach().clone(), requires_grad)
    return obj if requires_grad == (obj._node is not None) else finish(obj.detach(), requires_grad)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares memory with a NumPy array.

    >>> import chainrule as cr, numpy as np
    >>> a = np.zeros(2)
    >>> t = cr.from_numpy(a)
    >>> a[0] = 7
    >>> t
    tensor([7., 0.], dtype=torch.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(ndarray).__name__}); write chainrule.tensor(data)")
    return wrap(check_array(ndarray))


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor that shares memory with any object that has `__dlpack__` (torch, jax, NumPy, CuPy on the CPU ...).

    The shape and dtype are the object's.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.], dtype=torch.float64)
    """
    check_device(device)
    if isinstance(ext_tensor, Tensor):
        made = ext_tensor.detach()
        return made.clone() if copy else made
    if not hasattr(ext_tensor, "__dlpack__"):
        raise ArgumentTypeError(f"from_dlpack() takes an object with __dlpack__, not {type(ext_tensor).__name__}")
    kind, _ = ext_tensor.__dlpack_device__()
    if int(kind) not in (1, 3):  # kDLCPU and pinned host memory
        raise DeviceError(f"from_dlpack: the object lives on DLPack device type {int(kind)}; move it to the CPU first")
    array = np.from_dlpack(ext_tensor)
    return wrap(check_array(np.array(array) if copy else array))
