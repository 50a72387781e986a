"""Tensor(...), FloatTensor(...) and their kin: how tensors were made and named before there were dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import as_dtype, default, from_numpy_dtype, numpy_dtype, set_default_dtype
from ..core.errors import ArgumentTypeError, ShapeError
from ..core.value import Tensor, raw_dtype, wrap
from .attributes import Size
from .data import check_device, converted_data

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "set_default_tensor_type",
]  # fmt: skip


def made(what: str, kind: np.dtype, args: tuple) -> Tensor:
    """The tensor meant by what(2, 3), what([1, 2]), what(array) or what(tensor); sizes alone leave the values open."""
    if not args or isinstance(args[0], (int, np.integer, Size)):
        size = args[0] if len(args) == 1 and isinstance(args[0], Size) else args or (0,)
        for i, n in enumerate(size):
            if isinstance(n, bool) or not isinstance(n, (int, np.integer)):
                raise ArgumentTypeError(
                    f"{what}(): argument 'size' failed to unpack the object at pos {i + 1}: a size must be an int, "
                    f"got {type(n).__name__}. For a tensor of these values write tensor([...])"
                )
            if n < 0:
                raise ShapeError(f"{what}: Trying to create tensor with negative dimension {n}: {list(size)}")
        return wrap(np.empty(tuple(size), kind))
    if len(args) > 1:
        raise ArgumentTypeError(f"{what}() takes sizes, or one sequence, array or tensor, not {len(args)} of them")
    data = args[0]
    if isinstance(data, Tensor):
        if what != "Tensor" and raw_dtype(data) != kind:
            raise ArgumentTypeError(
                f"{what}: expected a tensor of {from_numpy_dtype(kind)} (got {data.dtype}); write x.to("
                f"{from_numpy_dtype(kind)}) to convert it"
            )
        return data.detach()
    if isinstance(data, (float, complex, str)) or not (hasattr(data, "__len__") or hasattr(data, "__array__")):
        raise ArgumentTypeError(
            f"{what}(): data must be a sequence (got {type(data).__name__}); for a tensor of one number write tensor(x)"
        )
    return wrap(converted_data(list(data) if isinstance(data, range) else data, kind, None, what))


class Kind(type):
    """The type of FloatTensor and its kin; every tensor of its dtype is an instance."""

    dtype: Any

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor) and raw_dtype(instance) == cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        check_device(device)
        return made(cls.__name__, numpy_dtype(cls.dtype), args)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _kind(name: str, dtype_name: str) -> Kind:
    dtype = as_dtype(dtype_name)
    doc = f"""A tensor of {dtype}: from sizes, a sequence, an array or a tensor. New code writes tensor(..., dtype=...).

    >>> import chainrule as cr
    >>> cr.{name}(2, 3).shape, cr.{name}([1]).dtype
    (torch.Size([2, 3]), {dtype})
    """
    return Kind(name, (), {"dtype": dtype, "__doc__": doc, "__module__": "chainrule"})


FloatTensor = _kind("FloatTensor", "float32")
DoubleTensor = _kind("DoubleTensor", "float64")
HalfTensor = _kind("HalfTensor", "float16")
BFloat16Tensor = _kind("BFloat16Tensor", "bfloat16")
LongTensor = _kind("LongTensor", "int64")
IntTensor = _kind("IntTensor", "int32")
ShortTensor = _kind("ShortTensor", "int16")
CharTensor = _kind("CharTensor", "int8")
ByteTensor = _kind("ByteTensor", "uint8")
BoolTensor = _kind("BoolTensor", "bool")
_BY_NAME = {kind.__name__: kind for kind in (FloatTensor, DoubleTensor, HalfTensor, BFloat16Tensor)}


def set_default_tensor_type(t: Any) -> None:
    """Make the dtype of `t`, such as DoubleTensor or 'torch.DoubleTensor', the default. (New: set_default_dtype.)

    >>> import chainrule as cr
    >>> cr.set_default_tensor_type(cr.DoubleTensor)
    >>> cr.tensor(1.0).dtype
    torch.float64
    >>> cr.set_default_tensor_type("torch.FloatTensor")
    """
    if isinstance(t, str):
        short = t.rpartition(".")[2]
        if short not in _BY_NAME or ".cuda." in t:
            raise ArgumentTypeError(f"invalid type: {t!r}; write set_default_dtype(chainrule.float64)")
        t = _BY_NAME[short]
    set_default_dtype(t.dtype if isinstance(t, Kind) else t)


def _new_tensor(cls: type, *args: Any, device: Any = None) -> Any:
    check_device(device)
    if cls is Tensor:
        return made("Tensor", default.float, args)
    return object.__new__(cls, *args)


def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this one's dtype from sizes or a sequence. (New code writes new_empty or new_tensor.)"""
    return made("new", raw_dtype(self), args)


def install() -> None:
    """Let Tensor(...) be called, and attach `new`."""
    Tensor.__new__ = staticmethod(_new_tensor)  # pyright: ignore[reportAttributeAccessIssue]
    Tensor.new = new  # pyright: ignore[reportAttributeAccessIssue]
