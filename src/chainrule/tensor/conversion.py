"""Tensor.to and its short forms: other dtypes and devices."""

from __future__ import annotations

import warnings
from typing import Any

from ..core import dtypes
from ..core.dtypes import as_dtype, from_numpy_dtype, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError, DeviceError
from ..core.value import Tensor, raw_dtype
from ..ops.shape import cast, contiguous
from .attributes import CPU
from .attributes import device as device_type
from .creation import check_device
from .layouts import in_format
from .legacy import Kind

_TYPE_NAMES = {
    "float64": "Double", "float32": "Float", "float16": "Half", "bfloat16": "BFloat16", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte",
    "uint16": "UInt16", "uint32": "UInt32", "uint64": "UInt64", "bool": "Bool",
}  # fmt: skip
_BY_TYPE_NAME = {f"{short}Tensor": name for name, short in _TYPE_NAMES.items()}


def _converted(self: Tensor, dtype: Any, copy: bool) -> Tensor:
    target = numpy_dtype(dtype)
    have = raw_dtype(self)
    if have == target:
        return self.clone() if copy else self
    if have.kind == "c" and target.kind not in "cb":
        warnings.warn("Casting complex values to real discards the imaginary part", UserWarning, stacklevel=3)
    return cast(self, target)


def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This tensor as another dtype, differentiably; itself if nothing changes and copy=False.

    Forms: to(dtype), to(device, dtype), to(other), each with non_blocking, copy, memory_format.

    >>> import chainrule as cr
    >>> cr.tensor([1.5]).to(cr.int64), cr.ones(1).to(cr.zeros(1, dtype=cr.float64))
    (tensor([1]), tensor([1.], dtype=torch.float64))
    """
    dtype, device, other = kwargs.pop("dtype", None), kwargs.pop("device", None), kwargs.pop("other", None)
    copy = kwargs.pop("copy", False)
    kwargs.pop("non_blocking", None)
    form = kwargs.pop("memory_format", None)
    if form is not None:
        made = to(self, *args, dtype=dtype, device=device, other=other, copy=copy, **kwargs)
        return in_format(made, form, contiguous)
    if kwargs:
        raise ArgumentTypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags = []
    for x in args:
        if isinstance(x, bool):
            flags.append(x)
        elif isinstance(x, Tensor):
            other = x
        elif x is None:
            continue
        elif isinstance(x, device_type) or (isinstance(x, str) and x.partition(":")[0] in ("cpu", "cuda", "meta")):
            device = x
        elif isinstance(x, int):
            raise DeviceError(f"to({x}): there is no accelerator here; write to('cpu')")
        elif isinstance(x, str) and x not in dtypes._BY_NAME and x.removeprefix("torch.") not in dtypes._BY_NAME:
            device = device_type(x)  # raises: neither a dtype nor a device
        else:
            dtype = x
    if len(flags) > 1:
        copy = flags[1]
    check_device(device)
    if other is not None:
        dtype = other.dtype
    if dtype is None:
        return self.clone() if copy else self
    return _converted(self, dtype, copy)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """PyTorch's name of the tensor's type, or, with `dtype`, the tensor converted."""
    if dtype is None:
        return f"torch.{_TYPE_NAMES[from_numpy_dtype(raw_dtype(self)).name]}Tensor"
    if isinstance(dtype, str):
        short = dtype.rpartition(".")[2]
        if short in _BY_TYPE_NAME and ".cuda." not in dtype:
            return _converted(self, _BY_TYPE_NAME[short], False)
        if short not in dtypes._BY_NAME:
            raise ArgumentError(f"invalid type: {dtype!r}; write a dtype such as chainrule.float64")
    return _converted(self, as_dtype(dtype.dtype if isinstance(dtype, Kind) else dtype), False)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This tensor in the dtype of `other`."""
    return _converted(self, other.dtype, False)


def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """This tensor: it already lives in main memory."""
    return self


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Refused: tensors live on the CPU.

    Raises:
        DeviceError: always.
    """
    raise DeviceError(
        "chainrule was not built with CUDA enabled: its tensors live on the CPU. Leave .cuda() out, or write "
        ".to(device) with device = 'cpu'"
    )


def to_device(self: Tensor, device: Any, /, *, stream: Any = None) -> Tensor:
    """This tensor on `device` (the Array API's name); only the CPU exists."""
    check_device(device)
    return self


def _short(name: str, dtype: Any) -> Any:
    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return _converted(self, dtype, False)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"This tensor as {dtype}."
    return method


_SHORT = {
    "double": "float64", "float": "float32", "half": "float16", "bfloat16": "bfloat16", "long": "int64", "int": "int32",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def get_device(self: Tensor) -> int:
    """-1, the number of the CPU among accelerators."""
    return -1


def install() -> None:
    """Attach the methods to Tensor."""
    for name, target in _SHORT.items():
        setattr(Tensor, name, _short(name, target if target == "bfloat16" else as_dtype(target)))
    for name, function in (
        ("to", to), ("type", type_), ("type_as", type_as), ("cpu", cpu), ("cuda", cuda), ("to_device", to_device)
    ):  # fmt: skip
        setattr(Tensor, name, function)
    for name in ("is_cuda", "is_mps", "is_xpu"):
        setattr(Tensor, name, property(lambda self: False, doc="False: tensors live on the CPU."))
    Tensor.is_cpu = property(lambda self: True, doc="True: tensors live on the CPU.")  # type: ignore[attr-defined]
    Tensor.get_device = get_device  # type: ignore[attr-defined]
    Tensor.device = property(lambda self: CPU, doc="Where the tensor lives.")  # type: ignore[attr-defined]
