"""The Python array API standard's fft extension over tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.value import Tensor
from .api import cr

_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_MANY = ("fftn", "ifftn", "rfftn", "irfftn")
__all__ = [*_ONE, *_MANY, "fftfreq", "rfftfreq", "fftshift", "ifftshift"]


def _one(name: str) -> Callable:
    def transform(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return getattr(cr.fft, name)(x, n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`{name}` along one axis."
    return transform


def _many(name: str) -> Callable:
    def transform(x: Tensor, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
        return getattr(cr.fft, name)(x, s, axes, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`{name}` along several axes (default: all)."
    return transform


for _name in _ONE:
    globals()[_name] = _one(_name)
for _name in _MANY:
    globals()[_name] = _many(_name)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of the n values of fft, with sample spacing d."""
    return cr.fft.fftfreq(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of the n // 2 + 1 values of rfft, with sample spacing d."""
    return cr.fft.rfftfreq(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Frequency zero moved to the middle."""
    return cr.fft.fftshift(x, axes)


def ifftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """The inverse of fftshift."""
    return cr.fft.ifftshift(x, axes)
