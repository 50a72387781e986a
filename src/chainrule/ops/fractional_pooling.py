"""Fractional max pooling: windows at pseudo-random places, so that sizes may shrink by any ratio (Graham 2014)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .extrema import max as max_along
from .random import rand
from .scatter import gather
from .shape import reshape


def _starts(samples: np.ndarray, size: int, out: int, kernel: int) -> np.ndarray:
    """First positions of the windows along one dimension, (batch, channels, out); the last window ends at the end."""
    if out == 1:
        return np.full((*samples.shape, 1), size - kernel)
    alpha = (size - kernel) / (out - 1)
    i = np.arange(out - 1)
    first = ((i + samples[..., None]) * alpha).astype(np.int64) - (samples[..., None] * alpha).astype(np.int64)
    return np.concatenate([first, np.full((*samples.shape, 1), size - kernel)], -1)


def _per_dim(name: str, value: Any, n: int, what: str, kind: type) -> tuple:
    found = (value,) * n if isinstance(value, (int, float, np.number)) else tuple(value)
    if len(found) != n:
        raise ArgumentError(f"{name}: {what} must either be a single number or a tuple of {n}, got {value!r}")
    return tuple(kind(v) for v in found)


def _fractional(
    n: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, return_indices: bool, samples: Any
) -> Any:
    name = f"fractional_max_pool{n}d"
    shape = raw_shape(input)
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D tensor, but got {list(shape)}")
    if (output_size is None) == (output_ratio is None):
        raise ArgumentError(f"{name} requires specifying either an output_size or an output_ratio, and not both")
    size = shape[-n:]
    kernel = _per_dim(name, kernel_size, n, "kernel_size", int)
    if output_size is None:
        ratio = _per_dim(name, output_ratio, n, "output_ratio", float)
        if not all(0 < r < 1 for r in ratio):
            raise ArgumentError(f"{name}: output_ratio must be between 0 and 1 (got {output_ratio})")
        out = tuple(int(m * r) for m, r in zip(size, ratio, strict=True))
    else:
        out = _per_dim(name, output_size, n, "output_size", int)
    for m, o, k in zip(size, out, kernel, strict=True):
        if o < 1 or o + k - 1 > m:
            raise ShapeError(f"{name}: pool size {kernel} and output size {out} are too large for the input {size}")
    lead = shape[:-n]
    planes = (1, *lead) if len(shape) == n + 1 else lead
    if samples is None:
        samples = rand(*planes, n, dtype=raw_dtype(input))
    drawn = np.asarray(samples._data if isinstance(samples, Tensor) else samples).reshape(*planes, n)
    order = range(n) if n == 3 else reversed(range(n))  # PyTorch's order of the samples: (W, H), but (T, H, W)
    flat: Any = np.zeros((*planes, *(1,) * n, *(1,) * n), np.int64)
    for d, which in zip(range(n), order, strict=True):
        at = _starts(drawn[..., which], size[d], out[d], kernel[d])
        along = at.reshape(*planes, *(out[d] if e == d else 1 for e in range(n)), *(1,) * n)
        step = np.arange(kernel[d]).reshape(*(kernel[d] if e == d else 1 for e in range(n)))
        flat = flat * size[d] + along + step
    windows = np.broadcast_to(flat, (*planes, *out, *kernel)).reshape(*lead, prod(out), prod(kernel))
    index = wrap(np.ascontiguousarray(windows.reshape(*lead, prod(out) * prod(kernel))))
    taken = reshape(gather(reshape(input, (*lead, prod(size))), -1, index), (*lead, *out, prod(kernel)))
    best, place = max_along(taken, -1)
    if not return_indices:
        return best
    return best, gather(wrap(windows.reshape(*lead, *out, prod(kernel))), -1, place.unsqueeze(-1)).squeeze(-1)


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Maxima of windows of `kernel_size` at pseudo-random places of images ((N,) C, H, W); (..., out H, out W).

    Give `output_size`, or `output_ratio` in (0, 1). With `return_indices` also the places of the maxima in the
    flattened image. `_random_samples` (N, C, 2), uniform in [0, 1), fix the places. Raises ValueError for wrong
    arguments. (Graham 2014, Fractional max-pooling.)

    >>> import chainrule as cr
    >>> cr.nn.functional.fractional_max_pool2d(cr.rand(1, 1, 7, 7), 2, output_ratio=0.6).shape
    torch.Size([1, 1, 4, 4])
    """
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """fractional_max_pool2d for volumes ((N,) C, T, H, W); `_random_samples` (N, C, 3).

    >>> import chainrule as cr
    >>> cr.nn.functional.fractional_max_pool3d(cr.rand(1, 1, 5, 5, 5), 2, output_size=3).shape
    torch.Size([1, 1, 3, 3, 3])
    """
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


__all__: tuple[str, ...] = ()
METHODS: tuple[str, ...] = ()
INPLACE: tuple[str, ...] = ()
