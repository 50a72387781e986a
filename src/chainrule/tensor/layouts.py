"""Layouts and memory formats: names for how elements may lie in memory. Here they are dense."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, ShapeError
from ..core.value import Tensor, raw_shape
from ..ops.shape import permute

__all__ = [
    "channels_last", "channels_last_3d", "contiguous_format", "layout", "memory_format", "preserve_format", "strided",
]  # fmt: skip


class _Name:
    """A constant that prints as PyTorch's does; there is one object for each name."""

    _known: dict[str, Any]

    def __new__(cls, name: str) -> Any:
        return cls._known.setdefault(name, super().__new__(cls))

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return type(self), (self.name,)


class layout(_Name):  # noqa: N801 (PyTorch's name)
    """How a tensor keeps its elements; `strided`, the only one here, is dense memory seen through strides.

    >>> import chainrule as cr
    >>> cr.zeros(2).layout
    torch.strided
    """

    _known: dict[str, Any] = {}  # noqa: RUF012


class memory_format(_Name):  # noqa: N801 (PyTorch's name)
    """In which order the dimensions lie in memory: contiguous_format, channels_last, channels_last_3d, preserve_format.

    >>> import chainrule as cr
    >>> cr.ones(1, 3, 2, 2).to(memory_format=cr.channels_last).stride()
    (12, 1, 6, 3)
    """

    _known: dict[str, Any] = {}  # noqa: RUF012


strided = layout("strided")
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
ORDERS = {"channels_last": (0, 2, 3, 1), "channels_last_3d": (0, 2, 3, 4, 1)}  # dimensions from the slowest on


def in_format(self: Tensor, form: Any, contiguous: Any) -> Tensor:
    """This tensor with its elements in the order of `form`; itself where they are. `contiguous` makes rows of them."""
    if form is None or form is preserve_format:
        return self
    if not isinstance(form, memory_format):
        raise ArgumentTypeError(f"memory_format must be torch.memory_format, not {type(form).__name__}")
    if form is contiguous_format:
        return contiguous(self)
    order = ORDERS[form.name]
    if len(raw_shape(self)) != len(order):
        raise ShapeError(f"required rank {len(order)} tensor to use {form.name} format, got shape {raw_shape(self)}")
    if is_in_format(self, form):
        return self
    return permute(contiguous(permute(self, order)), tuple(int(i) for i in np.argsort(order)))


def is_in_format(self: Tensor, form: Any) -> bool:
    """Do the elements lie without gaps in the order of `form`?"""
    raw = self._data
    if not isinstance(raw, np.ndarray):
        return True
    if form is None or form is contiguous_format:
        return raw.flags.c_contiguous
    order = ORDERS.get(getattr(form, "name", ""))
    if order is None:
        raise ArgumentTypeError(f"is_contiguous: memory_format must not be {form}; write channels_last or leave it out")
    return raw.ndim == len(order) and raw.transpose(order).flags.c_contiguous


def install() -> None:
    """Attach the attribute to Tensor."""
    rows = Tensor.contiguous  # type: ignore[attr-defined]

    def contiguous(self: Tensor, memory_format: Any = contiguous_format) -> Tensor:
        return rows(self) if memory_format is contiguous_format else in_format(self, memory_format, rows)

    contiguous.__doc__ = rows.__doc__
    Tensor.contiguous = contiguous  # type: ignore[attr-defined]
    Tensor.layout = property(lambda self: strided, doc="torch.strided: dense memory.")  # type: ignore[attr-defined]
