"""Where the windows of convolution and pooling lie: sizes, padding, and the slices that one window element reads."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ShapeError

Pairs = tuple[tuple[int, int], ...]  # padding before and after each spatial dimension


def per_dim(value: Any, n: int, name: str) -> tuple[int, ...]:
    """An int or a sequence of 1 or n ints as n ints."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * n
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * n
    if len(found) != n:
        raise ShapeError(
            f"expected {name} to be a single integer value or a list of {n} values, but got {name}={found}"
        )
    return found


def window_slices(offset: tuple, stride: tuple, dilation: tuple, out: tuple) -> tuple[slice, ...]:
    """Where kernel element `offset` reads in the padded image, for all output positions."""
    return tuple(
        slice(o * d, o * d + s * (n - 1) + 1, s) for o, s, d, n in zip(offset, stride, dilation, out, strict=True)
    )


def window_counts(size: tuple, kernel: tuple, stride: tuple, padding: Pairs, dilation: tuple) -> tuple[int, ...]:
    """Number of window positions along each dimension."""
    return tuple(
        (n + lo + hi - d * (k - 1) - 1) // s + 1
        for n, k, s, (lo, hi), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def pad_into(buffer: Any, x: Any, padding: Pairs) -> None:
    """Write the spatial dimensions of `x` into the middle of a larger buffer; negative padding crops."""
    inside = [slice(None), slice(None)]
    taken = [slice(None), slice(None)]
    for n, (lo, hi) in zip(x.shape[2:], padding, strict=True):
        inside.append(slice(max(lo, 0), max(lo, 0) + n - max(-lo, 0) - max(-hi, 0)))
        taken.append(slice(max(-lo, 0), n - max(-hi, 0)))
    buffer[tuple(inside)] = x[tuple(taken)]


def crop_from(target: Any, buffer: Any, padding: Pairs) -> None:
    """The transpose of `pad_into`: `target` gets the middle of the buffer, and zeros where padding cropped."""
    inside = [slice(None), slice(None)]
    taken = [slice(None), slice(None)]
    for n, (lo, hi) in zip(target.shape[2:], padding, strict=True):
        inside.append(slice(max(lo, 0), max(lo, 0) + n - max(-lo, 0) - max(-hi, 0)))
        taken.append(slice(max(-lo, 0), n - max(-hi, 0)))
    if any(lo < 0 or hi < 0 for lo, hi in padding):
        target[...] = 0
    target[tuple(taken)] = buffer[tuple(inside)]


def padded_size(size: tuple, padding: Pairs) -> tuple[int, ...]:
    """Spatial size after padding."""
    return tuple(n + lo + hi for n, (lo, hi) in zip(size, padding, strict=True))
