"""Max unpooling, the partial inverse of max pooling, and power-average pooling."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape, wrap
from .pooling import avg_pool, images, single
from .scatter import scatter
from .shape import reshape_p
from .window_geometry import per_dim


def _max_unpool(n: int, input: Any, indices: Any, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Any:
    x, unbatched = images(f"max_unpool{n}d", n, input)
    where = reshape_p(indices, shape=raw_shape(x)) if unbatched else indices
    if raw_shape(where) != raw_shape(x):
        raise ShapeError(
            f"Expected shape of indices to be same as that of the input tensor ({list(raw_shape(input))}) but got "
            f"indices tensor with shape: {list(raw_shape(indices))}"
        )
    kernel = per_dim(kernel, n, "kernel_size")
    stride = kernel if stride is None else per_dim(stride, n, "stride")
    pads = per_dim(padding, n, "padding")
    lead, have = raw_shape(x)[:2], raw_shape(x)[2:]
    size = tuple((m - 1) * s - 2 * p + k for m, k, s, p in zip(have, kernel, stride, pads, strict=True))
    if output_size is not None:
        wanted = tuple(int(m) for m in output_size)[-n:]
        if len(wanted) != n or any(not m - s < w < m + s for m, s, w in zip(size, stride, wanted, strict=True)):
            raise ArgumentError(
                f"invalid output_size {list(wanted)}: it has to lie less than a stride from {list(size)}"
            )
        size = wanted
    flat = scatter(  # windows that overlap may name a place twice: one value stays
        wrap(np.zeros((*lead, prod(size)), raw_dtype(x))),
        -1,
        reshape_p(where, shape=(*lead, prod(have))),
        reshape_p(x, shape=(*lead, prod(have))),
    )
    return single(reshape_p(flat, shape=(*lead, *size)), unbatched)


def max_unpool1d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with the input's values at `indices`, as max_pool1d(..., return_indices=True) gave them.

    Input and int64 indices (N, C, L) or (C, L).

    >>> import chainrule as cr
    >>> cr.nn.functional.max_unpool1d(cr.tensor([[5.0, 7.0]]), cr.tensor([[1, 2]]), 2)
    tensor([[0., 5., 7., 0.]])
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with the input's values at `indices` of the flattened images.

    Input and int64 indices (N, C, H, W) or (C, H, W).

    >>> import chainrule as cr
    >>> cr.nn.functional.max_unpool2d(cr.tensor([[[5.0]]]), cr.tensor([[[3]]]), 2)
    tensor([[[0., 0.],
             [0., 5.]]])
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
) -> Any:
    """Zeros with the input's values at `indices` of the flattened volumes.

    Input and int64 indices (N, C, D, H, W) or (C, D, H, W).

    >>> import chainrule as cr
    >>> cr.nn.functional.max_unpool3d(cr.ones(1, 1, 1, 1), cr.zeros(1, 1, 1, 1, dtype=cr.int64), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


def _lp_pool(n: int, input: Any, p: float, kernel: Any, stride: Any, ceil_mode: bool) -> Any:
    from .arithmetic import pow
    from .comparison import where

    kernel = per_dim(kernel, n, "kernel_size")
    total = avg_pool(n, pow(input, p), kernel, stride, 0, ceil_mode, True, None) * prod(kernel)
    empty = total == 0  # there the root's slope would be infinite
    return where(empty, 0.0, pow(where(empty, 1.0, total), 1.0 / p))


def lp_pool1d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum over windows of input ** p) ** (1 / p), with p = norm_type; NaN where the sum is negative.

    Input (N, C, L) or (C, L) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.lp_pool1d(cr.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum over windows of input ** p) ** (1 / p) of images.

    Input (N, C, H, W) or (C, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.lp_pool2d(cr.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
    """(sum over windows of input ** p) ** (1 / p) of volumes.

    Input (N, C, D, H, W) or (C, D, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.lp_pool3d(cr.ones(1, 2, 2, 2), 3, 2)
    tensor([[[[2.]]]])
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
