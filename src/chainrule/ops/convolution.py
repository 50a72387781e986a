"""Convolution in one to three dimensions, and its two transposes, which are closed under differentiation.

If y = conv(x, w): the cotangent of x is input_grad(g, w), that of w is weight_grad(g, x), and the derivatives of these
two are again convolutions of the same three kinds. Each runs as matrix products over a buffer of shifted copies
("columns"), a few images at a time so that the buffer stays in cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .kits import add_terms, bilinear, opaque, shown_as
from .reductions import sum_p
from .shape import broadcast_to_p, permute_p, reshape_p
from .window_columns import ALL, Columns
from .window_geometry import Pairs, crop_from, padded_size, per_dim, window_counts

# ---- implementations ------------------------------------------------------------------------------------------------


def _conv_impl(
    xp: Any, x: Any, w: Any, bias: Any = None, *, stride: tuple, padding: Pairs, dilation: tuple, groups: int
) -> Any:
    n, o, kernel = x.shape[0], w.shape[0], w.shape[2:]
    out = window_counts(x.shape[2:], kernel, stride, padding, dilation)
    columns = Columns(xp, x.shape, x.dtype, kernel, out, stride, padding, dilation, groups, o)
    matrix = w.reshape(groups, o // groups, -1)
    y = xp.empty((n, o, *out), xp.result_type(x, w))
    column = None if bias is None else bias.reshape(o, *(1,) * len(out))
    for part, matrices in columns.matrices(x):
        m = len(matrices)
        target = y[part].reshape(m, groups, o // groups, -1) if columns.positions == out and m else None
        found = columns.cropped(xp.matmul(matrix, matrices, out=target).reshape(m, o, -1))
        if column is not None:
            xp.add(found, column, out=y[part])
        elif target is None:
            y[part] = found
    return y


def _input_grad_impl(
    xp: Any, g: Any, w: Any, *, size: tuple, stride: tuple, padding: Pairs, dilation: tuple, groups: int
) -> Any:
    n, o, *out = g.shape
    c, kernel = w.shape[1] * groups, w.shape[2:]
    matrix = w.reshape(groups, o // groups, -1).swapaxes(-1, -2)
    dtype = xp.result_type(g, w)
    result = xp.empty((n, c, *size), dtype)
    columns = Columns(xp, result.shape, dtype, kernel, tuple(out), stride, padding, dilation, groups, o)
    cols, matrices = columns.buffer(columns.step)
    flat, image = columns.images(columns.step, clear=False)
    for start in range(0, n, columns.step):
        part = slice(start, start + columns.step)
        spread = columns.spread(g[part], groups)
        m = len(spread)
        xp.matmul(matrix, spread, out=matrices[:m])
        flat[...] = 0
        for offset, shifted in columns.shifts(flat[:m], image[:m]):
            shifted += cols[(slice(m), ALL, *offset)].reshape(shifted.shape)
        crop_from(result[part], image[:m], padding)
    return result


def _weight_grad_impl(
    xp: Any, g: Any, x: Any, *, kernel: tuple, stride: tuple, padding: Pairs, dilation: tuple, groups: int
) -> Any:
    o, *out = g.shape[1:]
    columns = Columns(xp, x.shape, x.dtype, kernel, tuple(out), stride, padding, dilation, groups, o)
    total = xp.zeros((groups, o // groups, columns.shape[1]), xp.result_type(g, x))
    for part, matrices in columns.matrices(x):
        total += xp.matmul(columns.spread(g[part], groups), matrices.swapaxes(-1, -2)).sum(0)
    return total.reshape(o, x.shape[1] // groups, *kernel)


# ---- batching: a batch of weights is a batch of groups --------------------------------------------------------------


def _fold_first(prim: Primitive, a: Any, b: Any, params: dict) -> Any:
    """Only the images (or their cotangents) are batched: fold the batch into them."""
    size, n, *rest = raw_shape(a)
    y = prim(reshape_p(a, shape=(size * n, *rest)), b, **params)
    return reshape_p(y, shape=(size, n, *raw_shape(y)[1:]))


def _all_batched(args: tuple, is_batched: Any) -> tuple[list, int]:
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    return [
        a if b else broadcast_to_p(a, shape=(size, *raw_shape(a))) for a, b in zip(args, is_batched, strict=True)
    ], size


def _images_to_groups(x: Any) -> Any:
    """(B, N, C, ...) to (N, B C, ...)."""
    b, n, c, *rest = raw_shape(x)
    swapped = permute_p(x, dims=(1, 0, *range(2, 3 + len(rest))))
    return reshape_p(swapped, shape=(n, b * c, *rest))


def _groups_to_images(y: Any, size: int) -> Any:
    """(N, B C, ...) to (B, N, C, ...)."""
    n, c, *rest = raw_shape(y)
    split = reshape_p(y, shape=(n, size, c // size, *rest))
    return permute_p(split, dims=(1, 0, *range(2, 3 + len(rest))))


def _weights_to_groups(w: Any) -> Any:
    b, o, *rest = raw_shape(w)
    return reshape_p(w, shape=(b * o, *rest))


def _batch_conv(prim: Primitive, args: tuple, is_batched: Any, *, groups: int, **params: Any) -> Any:
    if not is_batched[1]:
        return _fold_first(prim, *args, {"groups": groups, **params})
    (x, w), size = _all_batched(args, is_batched)
    return _groups_to_images(prim(_images_to_groups(x), _weights_to_groups(w), groups=groups * size, **params), size)


def _batch_weight_grad(prim: Primitive, args: tuple, is_batched: Any, *, groups: int, **params: Any) -> Any:
    (g, x), size = _all_batched(args, is_batched)
    w = prim(_images_to_groups(g), _images_to_groups(x), groups=groups * size, **params)
    o, *rest = raw_shape(w)
    return reshape_p(w, shape=(size, o // size, *rest))


# ---- records --------------------------------------------------------------------------------------------------------


def _conv_aval(
    x: Any, w: Any, bias: Any = None, *, stride: tuple, padding: Pairs, dilation: tuple, groups: int
) -> Spec:
    out = window_counts(tuple(x.shape[2:]), tuple(w.shape[2:]), stride, padding, dilation)
    return Spec((x.shape[0], w.shape[0], *out), np.result_type(x.dtype, w.dtype))


def _input_grad_aval(g: Any, w: Any, *, size: tuple, groups: int, **params: Any) -> Spec:
    return Spec((g.shape[0], w.shape[1] * groups, *size), np.result_type(g.dtype, w.dtype))


def _weight_grad_aval(g: Any, x: Any, *, kernel: tuple, groups: int, **params: Any) -> Spec:
    return Spec((g.shape[1], x.shape[1] // groups, *kernel), np.result_type(g.dtype, x.dtype))


conv_p = bilinear(
    "conv",
    _conv_impl,
    _conv_aval,
    lambda g, ans, x, w, **params: conv_input_grad_p(g, w, size=tuple(x.shape[2:]), **params),
    lambda g, ans, x, w, **params: conv_weight_grad_p(g, x, kernel=tuple(w.shape[2:]), **params),
    _batch_conv,
    notation="conv({}, {})",
    doc="Cross-correlation of images (N, C, ...) with kernels (O, C / groups, ...).",
    backward_name="ConvolutionBackward0",
)

conv_input_grad_p = bilinear(
    "conv_input_grad",
    _input_grad_impl,
    _input_grad_aval,
    lambda g, ans, x, w, *, size, **params: conv_p(g, w, **params),
    lambda g, ans, x, w, *, size, **params: conv_weight_grad_p(x, g, kernel=tuple(w.shape[2:]), **params),
    _batch_conv,
    notation="conv_transpose({}, {})",
    doc="Transpose of the convolution in its images: transposed convolution.",
    backward_name="ConvolutionBackward0",
)

conv_weight_grad_p = bilinear(
    "conv_weight_grad",
    _weight_grad_impl,
    _weight_grad_aval,
    lambda g, ans, y, x, *, kernel, **params: conv_p(x, g, **params),
    lambda g, ans, y, x, *, kernel, **params: conv_input_grad_p(y, g, size=tuple(x.shape[2:]), **params),
    _batch_weight_grad,
    notation="conv_weight({}, {})",
    doc="Transpose of the convolution in its kernels.",
    backward_name="ConvolutionBackward0",
)


def _column(b: Any, ndim: int) -> Any:
    """A bias (O,) ready to broadcast against (N, O, ...)."""
    return reshape_p(b, shape=(raw_shape(b)[0], *(1,) * (ndim - 2)))


def _conv_bias_jvp(prim: Primitive, tangents: Any, ans: Any, x: Any, w: Any, b: Any, **params: Any) -> Any:
    tx, tw, tb = tangents
    terms = [] if tx is None else [conv_p(tx, w, **params)]
    if tw is not None:
        terms.append(conv_p(x, tw, **params))
    if tb is not None:
        shape = raw_shape(ans)
        terms.append(broadcast_to_p(_column(tb, len(shape)), shape=shape))
    return add_terms(terms)


def _batch_conv_bias(prim: Primitive, args: tuple, is_batched: Any, **params: Any) -> Any:
    x, w, b = args
    if is_batched[0] or is_batched[1]:
        y = conv_p.batch(conv_p, (x, w), is_batched[:2], **params)
    else:
        y = conv_p(x, w, **params)
    ndim = len(raw_shape(x)) - bool(is_batched[0])
    if not is_batched[2]:
        return y + _column(b, ndim)
    return y + reshape_p(b, shape=(raw_shape(b)[0], 1, raw_shape(b)[1], *(1,) * (ndim - 2)))


conv_bias_p = opaque(
    "conv_bias",
    _conv_impl,
    _conv_aval,
    vjp=(
        lambda g, ans, x, w, b, **params: conv_input_grad_p(g, w, size=tuple(x.shape[2:]), **params),
        lambda g, ans, x, w, b, **params: conv_weight_grad_p(g, x, kernel=tuple(w.shape[2:]), **params),
        lambda g, ans, x, w, b, **params: sum_p(g, axes=(0, *range(2, len(raw_shape(g)))), keepdims=False),
    ),
    jvp=_conv_bias_jvp,
    batch=_batch_conv_bias,
    notation="conv({}, {}) + {}",
    doc="Convolution with a bias for each kernel, added while the result is in cache.",
    backward_name="ConvolutionBackward0",
    holomorphic=True,
)


# ---- functions ------------------------------------------------------------------------------------------------------


def _checked(name: str, n: int, input: Any, weight: Any, bias: Any, groups: int, transposed: bool) -> bool:
    """Check shapes as PyTorch does; is the input a single image without batch dimension?"""
    x, w = raw_shape(input), raw_shape(weight)
    if len(x) not in (n + 1, n + 2):
        raise ShapeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of size: {list(x)}"
        )
    if len(w) != n + 2:
        raise ShapeError(
            f"{name}: weight should have {n + 2} dimensions (out, in / groups, kernel), got size {list(w)}"
        )
    if raw_dtype(input) != raw_dtype(weight):
        raise DTypeError(
            f"Input type ({raw_dtype(input)}) and weight type ({raw_dtype(weight)}) should be the same; "
            f"write input.to(weight.dtype)"
        )
    if groups < 1:
        raise ArgumentError("non-positive groups is not supported")
    if w[0] % groups:
        raise ShapeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size {list(w)} instead"
        )
    channels = x[-n - 1]
    expected = w[0] if transposed else w[1] * groups
    if channels != expected:
        kind = "transposed=1" if transposed else f"groups={groups}"
        raise ShapeError(
            f"Given {kind}, weight of size {list(w)}, expected input{list(x)} to have {expected} channels, but got "
            f"{channels} channels instead"
        )
    outputs = w[1] * groups if transposed else w[0]
    if bias is not None and raw_shape(bias) != (outputs,):
        raise ShapeError(
            f"Given weight of size {list(w)}, expected bias to be 1-dimensional with {outputs} elements, but got bias "
            f"of size {list(raw_shape(bias))} instead"
        )
    return len(x) == n + 1


def _conv(
    name: str, n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:
    single = _checked(name, n, input, weight, bias, groups, False)
    stride, dilation = per_dim(stride, n, "stride"), per_dim(dilation, n, "dilation")
    kernel = raw_shape(weight)[2:]
    if any(s < 1 for s in stride):
        raise ArgumentError(f"non-positive stride is not supported, got stride={stride}")
    if any(d < 1 for d in dilation):
        raise ArgumentError(f"dilation should be greater than zero, got dilation={dilation}")
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError("padding='same' is not supported for strided convolutions; give the padding as numbers")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pairs = tuple((t // 2, t - t // 2) for t in totals)
    elif isinstance(padding, str):
        if padding != "valid":
            raise ArgumentError(f"Invalid padding string: '{padding}'; write 'same', 'valid' or numbers")
        pairs = ((0, 0),) * n
    else:
        pairs = tuple((p, p) for p in per_dim(padding, n, "padding"))
        if any(p < 0 for p, _ in pairs):
            raise ArgumentError("negative padding is not supported")
    x = reshape_p(input, shape=(1, *raw_shape(input))) if single else input
    whole = padded_size(raw_shape(x)[2:], pairs)
    if any(m < d * (k - 1) + 1 for m, d, k in zip(whole, dilation, kernel, strict=True)):
        seen = " x ".join(map(str, whole))
        wide = " x ".join(str(d * (k - 1) + 1) for d, k in zip(dilation, kernel, strict=True))
        raise ShapeError(
            f"Calculated padded input size per channel: ({seen}). Kernel size: ({wide}). Kernel size can't be greater "
            f"than actual input size"
        )
    if bias is None:
        y = conv_p(x, weight, stride=stride, padding=pairs, dilation=dilation, groups=groups)
    else:
        y = conv_bias_p(x, weight, bias, stride=stride, padding=pairs, dilation=dilation, groups=groups)
    return reshape_p(y, shape=raw_shape(y)[1:]) if single else y


def _conv_transpose(
    name: str,
    n: int,
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    extra: Any,
    groups: int,
    dilation: Any,
) -> Any:
    single = _checked(name, n, input, weight, bias, groups, True)
    stride, dilation = per_dim(stride, n, "stride"), per_dim(dilation, n, "dilation")
    pads, extra = per_dim(padding, n, "padding"), per_dim(extra, n, "output_padding")
    kernel = raw_shape(weight)[2:]
    if any(s < 1 for s in stride):
        raise ArgumentError(f"non-positive stride is not supported, got stride={stride}")
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ArgumentError(
            f"output padding must be smaller than either stride or dilation, but got output_padding {extra}, stride "
            f"{stride}, dilation {dilation}"
        )
    x = reshape_p(input, shape=(1, *raw_shape(input))) if single else input
    size = tuple(
        (m - 1) * s - 2 * p + d * (k - 1) + e + 1
        for m, s, p, d, k, e in zip(raw_shape(x)[2:], stride, pads, dilation, kernel, extra, strict=True)
    )
    if any(m < 1 for m in size):
        raise ShapeError(
            f"{name}: calculated output size {size} is too small for input of size {list(raw_shape(input))}"
        )
    pairs = tuple((p, p - e) for p, e in zip(pads, extra, strict=True))
    y = conv_input_grad_p(x, weight, size=size, stride=stride, padding=pairs, dilation=dilation, groups=groups)
    if bias is not None:
        y = y + _column(bias, n + 2)
    return reshape_p(y, shape=raw_shape(y)[1:]) if single else y


def conv1d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """y[n, o, l] = bias[o] + sum_{c, k} weight[o, c, k] input[n, c, l stride + k dilation - padding].

    Args:
        input: (N, C, L), or (C, L) for a single signal. weight: (O, C / groups, K). bias: (O,) or None.
        padding: an int, a tuple, "same" or "valid".

    Raises:
        ShapeError: channels do not fit, or the kernel is larger than the padded input.

    >>> import chainrule as cr
    >>> cr.conv1d(cr.tensor([[[1., 2., 3.]]]), cr.tensor([[[1., 1.]]]))
    tensor([[[3., 5.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation of images (N, C, H, W) with kernels (O, C / groups, kH, kW); as conv1d otherwise.

    Floating or complex dtypes, the same for all.

    >>> import chainrule as cr
    >>> cr.conv2d(cr.ones(1, 1, 3, 3), cr.ones(1, 1, 2, 2), padding=1).shape
    torch.Size([1, 1, 4, 4])
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation of volumes (N, C, D, H, W) with kernels (O, C / groups, kD, kH, kW); as conv1d otherwise.

    Floating or complex dtypes, the same for all.

    >>> import chainrule as cr
    >>> cr.conv3d(cr.ones(1, 1, 3, 3, 3), cr.ones(2, 1, 2, 2, 2)).shape
    torch.Size([1, 2, 2, 2, 2])
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@shown_as("ConvolutionBackward0")
def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of conv1d in its input: (N, C, L) with weight (C, O / groups, K) to (N, O, L').

    L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.

    Floating or complex dtypes, the same for all.

    >>> import chainrule as cr
    >>> cr.conv_transpose1d(cr.tensor([[[1.0, 2.0]]]), cr.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return _conv_transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@shown_as("ConvolutionBackward0")
def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of conv2d in its input; see conv_transpose1d.

    (N, C, H, W) with (C, O / groups, kH, kW); floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.conv_transpose2d(cr.ones(1, 1, 2, 2), cr.ones(1, 3, 2, 2), stride=2).shape
    torch.Size([1, 3, 4, 4])
    """
    return _conv_transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


@shown_as("ConvolutionBackward0")
def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """The transpose of conv3d in its input; see conv_transpose1d.

    (N, C, D, H, W) with (C, O / groups, kD, kH, kW); floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.conv_transpose3d(cr.ones(1, 1, 2, 2, 2), cr.ones(1, 1, 2, 2, 2), stride=2).shape
    torch.Size([1, 1, 4, 4, 4])
    """
    return _conv_transpose(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups, dilation
    )


__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]
METHODS = ()
INPLACE = ()
