"""Patches of images as columns and back (unfold, fold), and elements moved between channels and pixels."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_shape
from .kits import linear, shown_as
from .pooling import _fold as batch_of_images
from .shape import permute_p, reshape_p
from .window_geometry import crop_from, pad_into, padded_size, per_dim, window_counts, window_slices

# ---- records --------------------------------------------------------------------------------------------------------


def _patches_impl(
    xp: Any, x: Any, *, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, out: tuple
) -> Any:
    n, c = x.shape[:2]
    if any(lo or hi for lo, hi in padding):
        buffer = xp.zeros((n, c, *padded_size(size, padding)), x.dtype)
        pad_into(buffer, x, padding)
        x = buffer
    cols = xp.empty((n, c, *kernel, *out), x.dtype)
    for offset in product(*map(range, kernel)):
        where = window_slices(offset, stride, dilation, out)
        cols[(slice(None), slice(None), *offset)] = x[(slice(None), slice(None), *where)]
    return cols.reshape(n, c * prod(kernel), prod(out))


def _unpatches_impl(
    xp: Any, cols: Any, *, size: tuple, kernel: tuple, stride: tuple, padding: tuple, dilation: tuple, out: tuple
) -> Any:
    n, c = cols.shape[0], cols.shape[1] // prod(kernel)
    cols = cols.reshape(n, c, *kernel, *out)
    image = xp.zeros((n, c, *padded_size(size, padding)), cols.dtype)
    for offset in product(*map(range, kernel)):
        where = window_slices(offset, stride, dilation, out)
        image[(slice(None), slice(None), *where)] += cols[(slice(None), slice(None), *offset)]
    result = xp.empty((n, c, *size), cols.dtype)
    crop_from(result, image, padding)
    return result


patches_p = linear(
    "patches",
    _patches_impl,
    aval=lambda x, *, kernel, out, **params: Spec((x.shape[0], x.shape[1] * prod(kernel), prod(out)), x.dtype),
    transpose=lambda g, ans, x, **params: unpatches_p(g, **params),
    batch=batch_of_images,
    notation="unfold({})",
    doc="Windows of images as columns (N, C prod(kernel), windows).",
    backward_name="Im2ColBackward0",
)

unpatches_p = linear(
    "unpatches",
    _unpatches_impl,
    aval=lambda x, *, size, kernel, **params: Spec((x.shape[0], x.shape[1] // prod(kernel), *size), x.dtype),
    transpose=lambda g, ans, x, **params: patches_p(g, **params),
    batch=batch_of_images,
    notation="fold({})",
    doc="Images as the sum of windows given as columns: the transpose of taking windows.",
    backward_name="Col2ImBackward0",
)


# ---- functions ------------------------------------------------------------------------------------------------------


def _window_params(name: str, size: tuple, kernel: Any, dilation: Any, padding: Any, stride: Any) -> dict:
    kernel, stride = per_dim(kernel, 2, "kernel_size"), per_dim(stride, 2, "stride")
    dilation = per_dim(dilation, 2, "dilation")
    pairs = tuple((p, p) for p in per_dim(padding, 2, "padding"))
    if any(v < 1 for v in (*kernel, *stride, *dilation)):
        raise ArgumentError(f"{name}: kernel_size, stride and dilation should be greater than zero")
    out = window_counts(size, kernel, stride, pairs, dilation)
    if any(m < 1 for m in out):
        raise ShapeError(
            f"Given input with spatial size {size}, kernel_size={kernel}, dilation={dilation}, padding={pairs}, "
            f"stride={stride}, calculated shape of the array of sliding blocks as {out}, but its components must be at "
            f"least one."
        )
    return {"size": size, "kernel": kernel, "stride": stride, "padding": pairs, "dilation": dilation, "out": out}


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Windows of images (N, C, H, W) as columns (N, C kH kW, windows); without batch dimension likewise.

    >>> import chainrule as cr
    >>> cr.nn.functional.unfold(cr.ones(1, 2, 3, 3), 2).shape
    torch.Size([1, 8, 4])
    """
    shape = raw_shape(input)
    if len(shape) not in (3, 4):
        raise ShapeError(f"Expected 3D or 4D (batch mode) tensor for input, but got: {list(shape)}")
    x = input if len(shape) == 4 else reshape_p(input, shape=(1, *shape))
    y = patches_p(x, **_window_params("unfold", tuple(shape[-2:]), kernel_size, dilation, padding, stride))
    return y if len(shape) == 4 else reshape_p(y, shape=raw_shape(y)[1:])


@shown_as("Col2ImBackward0")
def fold(input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Images (N, C, H, W) as the sum of their windows, given as columns (N, C kH kW, windows): unfold's transpose.

    Floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.nn.functional.fold(cr.ones(1, 4, 4), (3, 3), (2, 2))
    tensor([[[[1., 2., 1.],
              [2., 4., 2.],
              [1., 2., 1.]]]])
    """
    shape = raw_shape(input)
    if len(shape) not in (2, 3):
        raise ShapeError(f"Expected 2D or 3D (batch mode) tensor for input, but got: {list(shape)}")
    params = _window_params("fold", per_dim(output_size, 2, "output_size"), kernel_size, dilation, padding, stride)
    depth, windows = prod(params["kernel"]), prod(params["out"])
    if shape[-2] % depth:
        raise ShapeError(
            f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={shape[-2]} and kernel_size={params['kernel']}."
        )
    if shape[-1] != windows:
        raise ShapeError(
            f"Given output_size={params['size']}, kernel_size={params['kernel']}, expected size of input's dimension 2 "
            f"to match the calculated number of sliding blocks {windows}, but got input.size(2)={shape[-1]}."
        )
    y = unpatches_p(input if len(shape) == 3 else reshape_p(input, shape=(1, *shape)), **params)
    return y if len(shape) == 3 else reshape_p(y, shape=raw_shape(y)[1:])


@shown_as("PixelShuffleBackward0")
def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Channels to pixels: (.., C r^2, H, W) to (.., C, H r, W r).

    Any dtype.

    >>> import chainrule as cr
    >>> cr.pixel_shuffle(cr.arange(4).reshape(1, 4, 1, 1), 2)
    tensor([[[[0, 1],
              [2, 3]]]])
    """
    shape, r = raw_shape(input), int(upscale_factor)
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if r < 1:
        raise ArgumentError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, c, h, w = shape
    if c % (r * r):
        raise ShapeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    k = len(lead)
    x = reshape_p(input, shape=(*lead, c // (r * r), r, r, h, w))
    x = permute_p(x, dims=(*range(k + 1), k + 3, k + 1, k + 4, k + 2))
    return reshape_p(x, shape=(*lead, c // (r * r), h * r, w * r))


@shown_as("PixelUnshuffleBackward0")
def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Pixels to channels: (.., C, H r, W r) to (.., C r^2, H, W).

    Any dtype.

    >>> import chainrule as cr
    >>> cr.pixel_unshuffle(cr.arange(4).reshape(1, 1, 2, 2), 2).flatten()
    tensor([0, 1, 2, 3])
    """
    shape, r = raw_shape(input), int(downscale_factor)
    if len(shape) < 3:
        raise ShapeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if r < 1:
        raise ArgumentError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, c, h, w = shape
    for name, m in (("height", h), ("width", w)):
        if m % r:
            raise ShapeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but {name}={m} is not divisible "
                f"by {r}"
            )
    k = len(lead)
    x = reshape_p(input, shape=(*lead, c, h // r, r, w // r, r))
    x = permute_p(x, dims=(*range(k + 1), k + 2, k + 4, k + 1, k + 3))
    return reshape_p(x, shape=(*lead, c * r * r, h // r, w // r))


@shown_as("ChannelShuffleBackward0")
def channel_shuffle(input: Any, groups: int) -> Any:
    """Interleave groups of channels: channel g C/groups + i becomes channel i groups + g.

    Input (N, C, ...) of any dtype.

    >>> import chainrule as cr
    >>> cr.channel_shuffle(cr.arange(4).reshape(1, 4, 1, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    shape = raw_shape(input)
    if len(shape) < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(shape)}")
    n, c, *rest = shape
    if groups < 1 or c % groups:
        raise ShapeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    x = reshape_p(input, shape=(n, groups, c // groups, *rest))
    return reshape_p(permute_p(x, dims=(0, 2, 1, *range(3, 3 + len(rest)))), shape=shape)


__all__ = ["pixel_shuffle", "pixel_unshuffle", "channel_shuffle"]
METHODS = ()
INPLACE = ()
