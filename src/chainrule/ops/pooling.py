"""Pooling over windows: maxima, means and p-norms, fixed or adaptive in window size, and the inverse of maxima."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .embedding import pick
from .kits import linear, opaque, shown_as
from .shape import broadcast_to_p, reshape_p
from .window_geometry import crop_from, pad_into, padded_size, per_dim, window_slices

ALL = slice(None)


def _padded(xp: Any, x: Any, padding: tuple, fill: float) -> Any:
    if not any(lo or hi for lo, hi in padding):
        return x
    buffer = xp.full((*x.shape[:2], *padded_size(x.shape[2:], padding)), fill, x.dtype)
    pad_into(buffer, x, padding)
    return buffer


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


# ---- maxima ---------------------------------------------------------------------------------------------------------
# `winner` is the number of the window element that is the maximum, the first one among equals, as in PyTorch. The
# cotangent goes to the winner alone, by `spread`, whose transpose picks the winner's element.
def _max_pool_impl(
    xp: Any, x: Any, *, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, out: tuple
) -> Any:
    x = _padded(xp, x, padding, _lowest(x.dtype))
    winner = xp.zeros((*x.shape[:2], *out), xp.uint8 if prod(kernel) <= 256 else xp.int32)
    best = None
    for number, offset in enumerate(product(*map(range, kernel))):
        part = x[(ALL, ALL, *window_slices(offset, stride, dilation, out))]
        if best is None:
            best = xp.array(part)
        else:
            xp.copyto(winner, number, where=part > best)
            xp.maximum(best, part, out=best)
    return best, winner


def _max_pool_aval(x: Any, *, kernel: tuple, out: tuple, **params: Any) -> tuple:
    shape = (*x.shape[:2], *out)
    return Spec(shape, x.dtype), Spec(shape, np.dtype(np.uint8 if prod(kernel) <= 256 else np.int32))


def _spread_impl(
    xp: Any,
    g: Any,
    winner: Any,
    *,
    size: tuple,
    kernel: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    out: tuple,
) -> Any:
    whole = padded_size(size, padding)
    apart = all(s >= d * (k - 1) + 1 for s, d, k in zip(stride, dilation, kernel, strict=True))
    covered = apart and all(s == k and n * k == m for s, k, n, m in zip(stride, kernel, out, whole, strict=True))
    image = (xp.empty if covered else xp.zeros)((*g.shape[:2], *whole), g.dtype)
    for number, offset in enumerate(product(*map(range, kernel))):
        part = image[(ALL, ALL, *window_slices(offset, stride, dilation, out))]
        if apart:
            xp.multiply(g, winner == number, out=part)
        else:
            xp.add(part, g, out=part, where=winner == number)
    if whole == tuple(size):
        return image
    result = xp.empty((*g.shape[:2], *size), g.dtype)
    crop_from(result, image, padding)
    return result


def _gathered(x: Any, winner: Any, *, size: tuple, **params: Any) -> Any:
    """Of each window the element that was the window's maximum: the transpose of `spread`."""
    lead, out = raw_shape(winner)[:2], raw_shape(winner)[2:]
    index = winner_index_p(winner, size=size, **params)
    flat = reshape_p(x, shape=(*lead, prod(size)))
    return reshape_p(pick(flat, reshape_p(index, shape=(*lead, prod(out)))), shape=(*lead, *out))


def _fold(prim: Any, args: tuple, is_batched: Any, **params: Any) -> Any:
    """The batch rule of all window operations: the batch joins the images."""
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    folded = []
    for a, b in zip(args, is_batched, strict=True):
        a = a if b else broadcast_to_p(a, shape=(size, *raw_shape(a)))
        folded.append(reshape_p(a, shape=(size * raw_shape(a)[1], *raw_shape(a)[2:])))
    found = prim(*folded, **params)

    def split(y: Any) -> Any:
        return reshape_p(y, shape=(size, raw_shape(y)[0] // size if size else 0, *raw_shape(y)[1:]))

    return tuple(split(y) for y in found) if isinstance(found, tuple) else split(found)


def _max_pool_pull(g: Any, ans: Any, args: tuple, needs: Any, **params: Any) -> list:
    size = tuple(args[0].shape[2:])
    return [None if g[0] is None else spread_p(g[0], ans[1], size=size, **params)]


def _max_pool_push(prim: Any, tangents: Any, ans: Any, x: Any, **params: Any) -> tuple:
    return _gathered(tangents[0], ans[1], size=tuple(raw_shape(x)[2:]), **params), None


def _linear_in_first(prim: Any, tangents: Any, ans: Any, x: Any, winner: Any, **params: Any) -> Any:
    return None if tangents[0] is None else prim(tangents[0], winner, **params)


max_pool_p = opaque(
    "max_pool",
    _max_pool_impl,
    _max_pool_aval,
    joint=_max_pool_pull,
    keeps=("ans",),
    jvp=_max_pool_push,
    batch=_fold,
    n_out=2,
    notation="max_pool({})",
    doc="Maximum over windows of images (N, C, ...), and the number of the window element that is the maximum.",
    backward_name="MaxPool2DWithIndicesBackward0",
)
spread_p = opaque(
    "spread_to_winner",
    _spread_impl,
    lambda g, winner, *, size, **params: Spec((*g.shape[:2], *size), g.dtype),
    vjp=(lambda g, ans, x, winner, **params: _gathered(g, winner, **params), None),
    jvp=_linear_in_first,
    batch=_fold,
    notation="spread({}, {})",
    doc="Add each window's value to the element that was the window's maximum.",
)


def _winner_index_impl(
    xp: Any, winner: Any, *, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, out: tuple
) -> Any:
    index = xp.zeros(winner.shape, xp.int64)
    for axis, local in enumerate(xp.unravel_index(winner.astype(xp.int64), kernel)):
        ramp = xp.arange(out[axis]) * stride[axis] - padding[axis][0]
        ramp = ramp.reshape(-1, *(1,) * (len(kernel) - 1 - axis))
        index = index * size[axis] + ramp + local * dilation[axis]
    return index


winner_index_p = opaque(
    "winner_index",
    _winner_index_impl,
    lambda winner, **params: Spec(tuple(winner.shape), np.dtype(np.int64)),
    batch=_fold,
    notation="index({})",
    doc="Position in the flattened image of each window's maximum.",
)


# ---- sums -----------------------------------------------------------------------------------------------------------
def _window_sum_impl(xp: Any, x: Any, *, size: tuple, kernel: tuple, stride: tuple, padding: tuple, out: tuple) -> Any:
    x = _padded(xp, x, padding, 0)
    total = xp.zeros((*x.shape[:2], *out), x.dtype)
    ones = (1,) * len(kernel)
    for offset in product(*map(range, kernel)):
        total += x[(ALL, ALL, *window_slices(offset, stride, ones, out))]
    return total


def _window_spread_impl(
    xp: Any, g: Any, *, size: tuple, kernel: tuple, stride: tuple, padding: tuple, out: tuple
) -> Any:
    image = xp.zeros((*g.shape[:2], *padded_size(size, padding)), g.dtype)
    ones = (1,) * len(kernel)
    for offset in product(*map(range, kernel)):
        image[(ALL, ALL, *window_slices(offset, stride, ones, out))] += g
    if image.shape[2:] == tuple(size):
        return image
    result = xp.empty((*g.shape[:2], *size), g.dtype)
    crop_from(result, image, padding)
    return result


window_sum_p = linear(
    "window_sum",
    _window_sum_impl,
    aval=lambda x, *, out, **params: Spec((*x.shape[:2], *out), x.dtype),
    transpose=lambda g, ans, x, **params: window_spread_p(g, **params),
    batch=_fold,
    notation="window_sum({})",
    doc="Sum over windows of images (N, C, ...).",
    backward_name="AvgPool2DBackward0",
)
window_spread_p = linear(
    "window_spread",
    _window_spread_impl,
    aval=lambda g, *, size, **params: Spec((*g.shape[:2], *size), g.dtype),
    transpose=lambda g, ans, x, **params: window_sum_p(g, **params),
    batch=_fold,
    notation="window_spread({})",
    doc="Add each value to all elements of its window: the transpose of the sum over windows.",
)


# ---- functions ------------------------------------------------------------------------------------------------------
def images(name: str, n: int, input: Any) -> tuple[Any, bool]:
    """The input with a batch dimension, and whether it had none."""
    shape = raw_shape(input)
    if len(shape) not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}() Expected {n + 1}D or {n + 2}D input tensor (without or with batch dimension), but got size "
            f"{list(shape)}"
        )
    return (input, False) if len(shape) == n + 2 else (reshape_p(input, shape=(1, *shape)), True)


def single(y: Any, unbatched: bool) -> Any:
    """The result without the batch dimension that `images` added."""
    return reshape_p(y, shape=raw_shape(y)[1:]) if unbatched else y


def _geometry(
    name: str, size: tuple, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[tuple, tuple, tuple, tuple, tuple]:
    """Kernel, stride, padding pairs (with what ceil_mode adds at the end), dilation and output size."""
    n = len(size)
    kernel = per_dim(kernel, n, "kernel_size")
    stride = kernel if stride is None or stride == [] or stride == () else per_dim(stride, n, "stride")
    pads, dilation = per_dim(padding, n, "padding"), per_dim(dilation, n, "dilation")
    if any(k < 1 for k in kernel) or any(s < 1 for s in stride):
        raise ArgumentError(f"{name}: kernel size and stride should be greater than zero, got {kernel} and {stride}")
    if any(p < 0 or p > (d * (k - 1) + 1) // 2 for p, k, d in zip(pads, kernel, dilation, strict=True)):
        raise ArgumentError(
            f"pad should be at most half of effective kernel size, but got pad={pads}, kernel_size={kernel} and "
            f"dilation={dilation}"
        )
    pairs, out = [], []
    for m, k, s, p, d in zip(size, kernel, stride, pads, dilation, strict=True):
        free = m + 2 * p - d * (k - 1) - 1
        count = (free + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= m + p:
            count -= 1
        if count < 1:
            raise ShapeError(
                f"{name}: Given input size {size}, the calculated output size is too small: kernel {kernel}, stride "
                f"{stride}, padding {pads}, dilation {dilation}"
            )
        out.append(count)
        pairs.append((p, max(p, (count - 1) * s + d * (k - 1) + 1 - m - p)))
    return kernel, stride, tuple(pairs), dilation, tuple(out)


def _max_pool(
    n: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    name = f"max_pool{n}d"
    x, unbatched = images(name, n, input)
    size = raw_shape(x)[2:]
    kernel, stride, pairs, dilation, out = _geometry(name, size, kernel, stride, padding, dilation, ceil_mode)
    params = {"kernel": kernel, "stride": stride, "padding": pairs, "dilation": dilation, "out": out}
    values, winner = max_pool_p(x, **params)
    values = single(values, unbatched)
    if not indices:
        return values
    return values, single(winner_index_p(winner, size=tuple(size), **params), unbatched)


@shown_as("SqueezeBackward1")
def max_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum over windows of `kernel_size` elements, `stride` apart (default: the kernel size); also (C, L) inputs.

    With `return_indices` the pair (values, positions of the maxima in the input).

    >>> import chainrule as cr
    >>> cr.nn.functional.max_pool1d(cr.tensor([[1., 3., 2., 0.]]), 2)
    tensor([[3., 2.]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum over windows of images (N, C, H, W) or (C, H, W); indices count in the flattened image.

    Real dtypes; indices are int64.

    >>> import chainrule as cr
    >>> cr.max_pool2d(cr.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Maximum over windows of volumes (N, C, D, H, W) or (C, D, H, W).

    Real dtypes.

    >>> import chainrule as cr
    >>> cr.max_pool3d(cr.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def avg_pool(
    n: int,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_padding: bool,
    divisor: int | None,
) -> Any:
    """Means over windows in the last `n` dimensions."""
    name = f"avg_pool{n}d"
    x, unbatched = images(name, n, input)
    size = tuple(raw_shape(x)[2:])
    kernel, stride, pairs, _, out = _geometry(name, size, kernel, stride, padding, 1, ceil_mode)
    if divisor is not None and divisor == 0:
        raise ArgumentError("divisor must be not zero")
    total = window_sum_p(x, size=size, kernel=kernel, stride=stride, padding=pairs, out=out)
    if divisor is not None:
        return single(total / divisor, unbatched)
    counts = np.ones(out)
    exact = True
    for axis, (m, k, s, (p, _hi)) in enumerate(zip(size, kernel, stride, pairs, strict=True)):
        pad = per_dim(padding, n, "padding")[axis]
        begin = np.arange(out[axis]) * s - p
        end = np.minimum(begin + k, m + pad)
        length = end - begin if count_padding else np.minimum(end, m) - np.maximum(begin, 0)
        exact = exact and bool((length == k).all())
        counts = counts * length.reshape(-1, *(1,) * (n - 1 - axis))
    mean = total / prod(kernel) if exact else total / counts.astype(raw_dtype(x))
    return single(mean, unbatched)


@shown_as("SqueezeBackward1")
def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """Mean over windows of `kernel_size` elements; padding counts as zeros unless `count_include_pad` is False.

    Input (N, C, L) or (C, L) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.avg_pool1d(cr.tensor([[1.0, 3.0, 5.0, 7.0]]), 2)
    tensor([[2., 6.]])
    """
    return avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@shown_as("AvgPool2DBackward0")
def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Mean over windows of images; `divisor_override` replaces the number of elements.

    Input (N, C, H, W) or (C, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.avg_pool2d(cr.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@shown_as("AvgPool3DBackward0")
def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """Mean over windows of volumes; see avg_pool2d.

    Input (N, C, D, H, W) or (C, D, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.avg_pool3d(cr.ones(1, 2, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


__all__ = ["max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d"]
METHODS = ()
INPLACE = ()
