"""Normalisation: subtract a mean, divide by a standard deviation, over batches, layers, groups or instances."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, ShapeError, TracedValueError
from ..core.state import state
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape, traces
from .distance import p_norm
from .exponential import rsqrt
from .kits import add_terms, opaque, shown_as
from .reductions import mean_p, reduced_shape
from .shape import broadcast_to_p, canonical_dim, reshape_p

# ---- record ---------------------------------------------------------------------------------------------------------


def _standardize_impl(xp: Any, x: Any, *, axes: tuple, eps: float) -> Any:
    count = max(prod(x.shape[a] for a in axes), 1)
    mean = xp.add.reduce(x, axis=axes, keepdims=True) / count
    y = x - mean
    variance = xp.add.reduce(xp.square(y), axis=axes, keepdims=True) / count
    rstd = 1 / xp.sqrt(variance + eps)
    y *= rstd
    return y, mean.astype(x.dtype, copy=False), rstd.astype(x.dtype, copy=False)


def _standardize_aval(x: Any, *, axes: tuple, eps: float) -> tuple:
    small = Spec(reduced_shape(tuple(x.shape), axes, True), x.dtype)
    return Spec(tuple(x.shape), x.dtype), small, small


def _standardize_pull(g: Any, ans: Any, args: tuple, needs: Any, *, axes: tuple, eps: float) -> list:
    y, _, rstd = ans
    shape = raw_shape(y)
    count = max(prod(shape[a] for a in axes), 1)
    terms = []
    if g[0] is not None:
        rest = mean_p(g[0], axes=axes, keepdims=True) + y * mean_p(g[0] * y, axes=axes, keepdims=True)
        terms.append((g[0] - rest) * rstd)
    if g[1] is not None:
        terms.append(broadcast_to_p(g[1] / count, shape=shape))
    if g[2] is not None:
        terms.append(y * (g[2] * rstd * rstd / -count))
    return [add_terms(terms) if terms else None]


def _standardize_push(prim: Any, tangents: Any, ans: Any, x: Any, *, axes: tuple, eps: float) -> tuple:
    y, _, rstd = ans
    t = tangents[0]
    mean = mean_p(t, axes=axes, keepdims=True)
    along = mean_p(t * y, axes=axes, keepdims=True)
    return (t - mean - y * along) * rstd, mean, -(rstd * rstd) * along


standardize_p = opaque(
    "standardize",
    _standardize_impl,
    _standardize_aval,
    joint=_standardize_pull,
    keeps=("ans",),
    jvp=_standardize_push,
    batch=lambda prim, args, b, *, axes, eps: prim(args[0], axes=tuple(a + 1 for a in axes), eps=eps),
    n_out=3,
    notation="standardize({})",
    doc="((x - mean) / sqrt(variance + eps), mean, 1 / sqrt(variance + eps)) over `axes`, variance divided by n.",
    backward_name="NativeLayerNormBackward0",
)


# ---- functions ------------------------------------------------------------------------------------------------------


def _affine(y: Any, weight: Any, bias: Any, shape: tuple) -> Any:
    """y weight + bias, with weight and bias reshaped to `shape`."""
    if weight is not None:
        y = y * (weight if raw_shape(weight) == shape else reshape_p(weight, shape=shape))
    if bias is not None:
        y = y + (bias if raw_shape(bias) == shape else reshape_p(bias, shape=shape))
    return y


def _floating(name: str, x: Any) -> None:
    if raw_dtype(x).kind in "iub":
        raise DTypeError(f"{name} is not implemented for integers ({raw_dtype(x)}); write input.float()")


def _check_normalized(shape: tuple, normalized_shape: Any, weight: Any, bias: Any) -> tuple[int, ...]:
    given = (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else normalized_shape
    wanted = tuple(int(n) for n in given)
    if not wanted:
        raise ArgumentError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and raw_shape(value) != wanted:
            raise ShapeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(raw_shape(value))} and normalized_shape = {list(wanted)}"
            )
    if len(shape) < len(wanted) or shape[len(shape) - len(wanted) :] != wanted:
        stars = ", ".join(["*", *map(str, wanted)])
        raise ShapeError(
            f"Given normalized_shape={list(wanted)}, expected input with shape [{stars}], but got input of "
            f"size{list(shape)}"
        )
    return wanted


@shown_as("NativeLayerNormBackward0")
def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias, over the last dimensions, which have shape `normalized_shape`.

    >>> import chainrule as cr
    >>> cr.nn.functional.layer_norm(cr.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    _floating("LayerNorm", input)
    shape = raw_shape(input)
    wanted = _check_normalized(shape, normalized_shape, weight, bias)
    y, _, _ = standardize_p(input, axes=tuple(range(len(shape) - len(wanted), len(shape))), eps=eps)
    return _affine(y, weight, bias, wanted)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    """x / sqrt(mean(x^2) + eps) weight, over the last dimensions; eps is the dtype's epsilon if None.

    The result has the input's shape and floating dtype.

    >>> import chainrule as cr
    >>> cr.rms_norm(cr.tensor([3.0, 4.0]), (2,))
    tensor([0.8485, 1.1314])
    """
    _floating("rms_norm", input)
    shape = raw_shape(input)
    wanted = _check_normalized(shape, normalized_shape, weight, None)
    eps = float(np.finfo(raw_dtype(input)).eps) if eps is None else eps
    axes = tuple(range(len(shape) - len(wanted), len(shape)))
    y = input * rsqrt(mean_p(input * input, axes=axes, keepdims=True) + eps)
    return _affine(y, weight, None, wanted)


def _check_batch(size: tuple) -> None:
    if size[0] * prod(size[2:]) == 1:
        raise ArgumentError(f"Expected more than 1 value per channel when training, got input size {list(size)}")


def _check_channels(name: str, size: tuple, **given: Any) -> None:
    for kind, value in given.items():
        if value is not None and raw_shape(value) != (size[1],):
            raise ShapeError(
                f"{kind} should contain {size[1]} elements not {prod(raw_shape(value))}: {name} of input {list(size)}"
            )


def _update(running: Any, new: Any, momentum: float) -> None:
    """running = (1 - momentum) running + momentum new, in place and unrecorded."""
    outer = traces(running)
    if any([trace.name == "vmap" and trace not in outer for trace in traces(new)]):
        raise TracedValueError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in "
            "place, were not batched: vmap cannot write one statistic for many examples. Use a module without running "
            "statistics (GroupNorm, or track_running_stats=False), or call .eval() before."
        )
    before = state.grad_enabled
    state.set_grad(False)
    try:
        running.copy_(running * (1.0 - momentum) + new.detach() * momentum)
    finally:
        state.set_grad(before)


@shown_as("NativeBatchNormBackward0")
def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x - mean) / sqrt(variance + eps) weight + bias for each channel (dimension 1) of the batch.

    In training mean and variance are the batch's, and the running ones, if given, move towards them by `momentum`
    (the unbiased variance, in place); otherwise they are the running ones.

    Floating dtypes; the result has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.batch_norm(cr.tensor([[1.0], [3.0]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    _floating("batch_norm", input)
    size = raw_shape(input)
    if len(size) < 2:
        raise ShapeError(f"batch_norm: expected at least 2D input (N, C, ...), got {len(size)}D of size {list(size)}")
    _check_channels("batch_norm", size, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    column = (size[1], *(1,) * (len(size) - 2))
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("Expected running_mean and running_var to be defined when training=False")
        scale = rsqrt(running_var + eps)
        if weight is not None:
            scale = scale * weight
        shift = -(running_mean * scale)
        if bias is not None:
            shift = shift + bias
        return input * reshape_p(scale, shape=column) + reshape_p(shift, shape=column)
    _check_batch(size)
    y, mean, rstd = standardize_p(input, axes=(0, *range(2, len(size))), eps=eps)
    if running_mean is not None or running_var is not None:
        count = size[0] * prod(size[2:])
        if count:  # an empty batch leaves them alone
            _update_stats(running_mean, running_var, mean, rstd, eps, momentum, count, (size[1],))
    return _affine(y, weight, bias, column)


def _update_stats(
    running_mean: Any, running_var: Any, mean: Any, rstd: Any, eps: float, momentum: float, count: int, shape: tuple
) -> None:
    mean, rstd = mean.detach(), rstd.detach()
    if running_mean is not None:
        _update(running_mean, reshape_p(mean, shape=shape), momentum)
    if running_var is not None:
        variance = (1.0 / (rstd * rstd) - eps) * (count / max(count - 1, 1))
        _update(running_var, reshape_p(variance, shape=shape), momentum)


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """batch_norm of each image by itself: mean and variance are over the spatial dimensions of one channel.

    Input (N, C, ...) of a floating dtype; the result has its shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.instance_norm(cr.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    _floating("instance_norm", input)
    size = raw_shape(input)
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if len(size) < 3:
        raise ShapeError(f"instance_norm: expected input (N, C, spatial ...), got size {list(size)}")
    if prod(size[2:]) == 1:
        raise ArgumentError(f"Expected more than 1 spatial element when training, got input size {list(size)}")
    _check_channels("instance_norm", size, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    y, mean, rstd = standardize_p(input, axes=tuple(range(2, len(size))), eps=eps)
    if running_mean is not None or running_var is not None:
        mean, rstd = mean.detach(), rstd.detach()
        count = prod(size[2:])
        if running_mean is not None:
            average = mean_p(reshape_p(mean, shape=size[:2]), axes=(0,), keepdims=False)
            _update(running_mean, average, momentum)
        if running_var is not None:
            variance = (1.0 / (rstd * rstd) - eps) * (count / max(count - 1, 1))
            _update(running_var, mean_p(reshape_p(variance, shape=size[:2]), axes=(0,), keepdims=False), momentum)
    return _affine(y, weight, bias, (size[1], *(1,) * (len(size) - 2)))


@shown_as("NativeGroupNormBackward0")
def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Mean and variance over groups of channels of each image: channels are split into `num_groups` groups.

    Input (N, C, ...) of a floating dtype; the result has its shape. Wu and He 2018.

    >>> import chainrule as cr
    >>> cr.group_norm(cr.tensor([[1.0, 3.0, 5.0, 5.0]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    _floating("group_norm", input)
    size = raw_shape(input)
    if len(size) < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {len(size)}")
    if num_groups <= 0 or size[1] % num_groups:
        raise ShapeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {list(size)} "
            f"and num_groups={num_groups}"
        )
    _check_channels("group_norm", size, weight=weight, bias=bias)
    _check_batch((size[0] * size[1] // num_groups, num_groups, *size[2:]))
    split = reshape_p(input, shape=(size[0], num_groups, prod(size[1:]) // num_groups))
    y, _, _ = standardize_p(split, axes=(2,), eps=eps)
    return _affine(reshape_p(y, shape=size), weight, bias, (size[1], *(1,) * (len(size) - 2)))


def local_response_norm(input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    """x / (k + alpha / size * sum of x^2 over `size` neighbouring channels) ** beta.

    Input (N, C, ...) of a floating dtype; the result has its shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.local_response_norm(cr.ones(1, 2, 1), 2, alpha=2.0, beta=1.0)
    tensor([[[0.5000],
             [0.3333]]])
    """
    from .arithmetic import pow
    from .pooling import window_sum_p

    shape = raw_shape(input)
    if len(shape) < 3:
        raise ShapeError(f"Expected 3D or higher dimensionality input (got {len(shape)} dimensions)")
    if not prod(shape):
        return input * 1.0
    pads = ((size // 2, (size - 1) // 2), (0, 0))
    plane = (shape[1], prod(shape[2:]))
    squares = reshape_p(input * input, shape=(shape[0], 1, *plane))
    total = window_sum_p(squares, size=plane, kernel=(size, 1), stride=(1, 1), padding=pads, out=plane)
    return input / pow(reshape_p(total, shape=shape) * (alpha / size) + k, beta)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """x / max(norm of order p along `dim`, eps).

    The result has the input's shape and floating or complex dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.normalize(cr.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    from ..core.writes import write_out
    from .rounding import clamp

    ndim = len(raw_shape(input))
    given = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    axes = tuple(sorted(canonical_dim(int(d), ndim) for d in given))
    result = input / clamp(p_norm(input, p, axes, True), eps)
    return result if out is None else write_out(out, result)


__all__ = ["batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"]
METHODS = ()
INPLACE = ()
