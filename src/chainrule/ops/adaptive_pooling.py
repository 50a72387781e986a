"""Adaptive pooling: maxima and means over windows whose size follows from the wanted size of the result."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .embedding import pick, place
from .kits import opaque, shown_as
from .pooling import images, single
from .resampling import weighted_taps
from .shape import reshape_p


def _target(name: str, output_size: Any, size: tuple) -> tuple[int, ...]:
    """The wanted size; None keeps a dimension."""
    n = len(size)
    given = (output_size,) * n if output_size is None or isinstance(output_size, (int, np.integer)) else output_size
    if len(given) == 1:
        given = tuple(given) * n
    if len(given) != n:
        raise ArgumentError(f"{name}: output_size must have {n} numbers, got {output_size}")
    found = tuple(m if k is None else int(k) for m, k in zip(size, given, strict=True))
    if any(k < 0 for k in found) or any(m == 0 for m in size):
        raise ArgumentError(f"{name}: sizes must be positive, got input {size} and output_size {found}")
    return found


def _windows(size: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    """Beginning and end of each window."""
    i = np.arange(out)
    return i * size // max(out, 1), -(-(i + 1) * size // max(out, 1))


def _taps(size: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (K, out) of each window's elements, repeating its last one, and whether they count."""
    begin, end = _windows(size, out)
    k = int((end - begin).max(initial=1))
    index = begin + np.arange(k)[:, None]
    return np.minimum(index, end - 1), index < end


def _adaptive_avg(n: int, input: Any, output_size: Any) -> Any:
    name = f"adaptive_avg_pool{n}d"
    x, unbatched = images(name, n, input)
    size = tuple(raw_shape(x)[2:])
    out = _target(name, output_size, size)
    if out and all(k and m % k == 0 for m, k in zip(size, out, strict=True)):
        from .reductions import mean_p

        split = [f for m, k in zip(size, out, strict=True) for f in (k, m // k)]
        y = reshape_p(x, shape=(*raw_shape(x)[:2], *split))
        return single(mean_p(y, axes=tuple(range(3, 3 + 2 * n, 2)), keepdims=False), unbatched)
    for axis in range(n):
        index, counts = _taps(size[axis], out[axis])
        weights = counts / np.maximum(counts.sum(0), 1)
        x = weighted_taps(x, 2 + axis, index, weights.astype(raw_dtype(x)))
    return single(x, unbatched)


def _window_max_impl(xp: Any, x: Any, index: Any) -> Any:
    spread = xp.take(x, index, axis=-1)  # (..., positions, window)
    local = spread.argmax(-1)
    values = xp.take_along_axis(spread, local[..., None], -1)[..., 0]
    return values, xp.take_along_axis(xp.broadcast_to(index, spread.shape), local[..., None], -1)[..., 0]


def _batch_window_max(prim: Any, args: tuple, is_batched: Any) -> Any:
    return prim(*args)  # the index of the windows is a constant of the geometry, never batched


window_max_p = opaque(
    "window_max",
    _window_max_impl,
    lambda x, index: (
        Spec((*x.shape[:-1], index.shape[0]), x.dtype),
        Spec((*x.shape[:-1], index.shape[0]), np.dtype(np.int64)),
    ),
    joint=lambda g, ans, args, needs: [
        None if g[0] is None else place(g[0], ans[1], args[0].shape[-1]),
        None,
    ],
    keeps=("ans",),
    jvp=lambda prim, tangents, ans, x, index: (pick(tangents[0], ans[1]), None),
    batch=_batch_window_max,
    n_out=2,
    notation="window_max({}, {})",
    doc="Maximum along the last dimension of each listed set of positions, and the position of the first maximum.",
    backward_name="AdaptiveMaxPool2DBackward0",
)


def _adaptive_max(n: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{n}d"
    x, unbatched = images(name, n, input)
    size = tuple(raw_shape(x)[2:])
    out = _target(name, output_size, size)
    index = np.zeros((1,) * (2 * n), np.int64)
    for axis in range(n):
        taps, _ = _taps(size[axis], out[axis])
        shape = [1] * (2 * n)
        shape[axis], shape[n + axis] = out[axis], len(taps)
        index = index * size[axis] + taps.T.reshape(shape)
    index = index.reshape(prod(out), -1)
    lead = raw_shape(x)[:2]
    values, where = window_max_p(reshape_p(x, shape=(*lead, prod(size))), index)
    values = single(reshape_p(values, shape=(*lead, *out)), unbatched)
    return (values, single(reshape_p(where, shape=(*lead, *out)), unbatched)) if return_indices else values


@shown_as("SqueezeBackward1")
def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Mean over windows i from floor(i L / L') to ceil((i + 1) L / L'), so that the result has length L' = output_size.

    >>> import chainrule as cr
    >>> cr.nn.functional.adaptive_avg_pool1d(cr.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[2., 1.]])
    """
    return _adaptive_avg(1, input, output_size)


@shown_as("AdaptiveAvgPool2DBackward0")
def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Mean over windows of images, so that the result has size `output_size` (None keeps a dimension).

    Input (N, C, H, W) or (C, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.adaptive_avg_pool2d(cr.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _adaptive_avg(2, input, output_size)


@shown_as("AdaptiveAvgPool3DBackward0")
def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Mean over windows of volumes, so that the result has size `output_size`.

    Input (N, C, D, H, W) or (C, D, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.adaptive_avg_pool3d(cr.ones(1, 2, 4, 4, 4), (2, 1, 1)).shape
    torch.Size([1, 2, 2, 1, 1])
    """
    return _adaptive_avg(3, input, output_size)


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maximum over the windows of adaptive_avg_pool1d.

    Input (N, C, L) or (C, L), result (N, C, output_size); with return_indices=True also the int64 positions.

    >>> import chainrule as cr
    >>> cr.adaptive_max_pool1d(cr.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[5., 3.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maximum over the windows of adaptive_avg_pool2d; indices count in the flattened image.

    Input (N, C, H, W) or (C, H, W) of a floating dtype; indices are int64.

    >>> import chainrule as cr
    >>> cr.nn.functional.adaptive_max_pool2d(cr.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maximum over the windows of adaptive_avg_pool3d.

    Input (N, C, D, H, W) or (C, D, H, W) of a floating dtype; indices are int64.

    >>> import chainrule as cr
    >>> cr.nn.functional.adaptive_max_pool3d(cr.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _adaptive_max(3, input, output_size, return_indices)


__all__ = ["adaptive_avg_pool1d", "adaptive_max_pool1d"]
METHODS = ()
INPLACE = ()
