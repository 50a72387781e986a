"""Activation functions, element by element or over one dimension."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ..core.dtypes import category, default, numpy_dtype
from ..core.eager import elementwise_call
from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .comparison import where
from .exponential import exp, sigmoid
from .hyperbolic import tanh
from .kits import elementwise, function_of, opaque
from .reductions import sum_p
from .shape import canonical_dim, cast_p, reshape_p
from .special import ndtr

# ---- records: one argument, and numbers that shape the function --------------------------------------------------


def _logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _soft(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def _gelu_impl(xp: Any, x: Any) -> Any:
    from scipy.special import ndtr as cdf

    return x * cdf(x)


relu_p = elementwise(
    "relu",
    lambda xp, x: xp.maximum(x, 0),
    lambda g, ans, x: g * (ans > 0),
    notation="relu({})",
    doc="max(x, 0), element by element.",
    fast=lambda x: np.maximum(x, 0),
)
leaky_relu_p = elementwise(
    "leaky_relu",
    lambda xp, x, slope: xp.where(x > 0, x, x * slope),
    lambda g, ans, x, slope: where(x > 0, g, g * slope),
    None,
    doc="x where positive, slope x elsewhere.",
)
prelu_p = elementwise(
    "prelu",
    lambda xp, x, w: xp.where(x > 0, x, x * w),
    lambda g, ans, x, w: where(x > 0, g, g * w),
    lambda g, ans, x, w: where(x > 0, 0.0, g * x),
    doc="x where positive, w x elsewhere.",
    backward_name="PreluKernelBackward0",
)
hardtanh_p = elementwise(
    "hardtanh",
    lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    lambda g, ans, x, low, high: where((x > low) & (x < high), g, 0.0),
    None,
    None,
    doc="x limited to [low, high].",
)
elu_p = elementwise(
    "elu",
    lambda xp, x, alpha, scale, rate: xp.where(x > 0, x * scale, xp.expm1(xp.minimum(x, 0) * rate) * (alpha * scale)),
    lambda g, ans, x, alpha, scale, rate: where(x > 0, g * scale, g * (ans * rate + alpha * scale * rate)),
    None,
    None,
    None,
    doc="scale x where positive, scale alpha (exp(rate x) - 1) elsewhere.",
)
gelu_p = elementwise(
    "gelu",
    _gelu_impl,
    lambda g, ans, x: g * (ndtr(x) + x * exp(x * x * -0.5) * (1.0 / sqrt(2.0 * pi))),
    doc="x times the normal distribution function of x.",
)


def _gelu_tanh_impl(xp: Any, x: Any) -> Any:
    return x * 0.5 * (1 + xp.tanh(x * (1 + x * x * 0.044715) * sqrt(2 / pi)))


def _gelu_tanh_partial(g: Any, ans: Any, x: Any) -> Any:
    xx = x * x
    t = tanh(x * (1.0 + xx * 0.044715) * sqrt(2.0 / pi))
    return g * ((1.0 + t) * 0.5 + x * (1.0 - t * t) * (1.0 + xx * (3.0 * 0.044715)) * sqrt(0.5 / pi))


gelu_tanh_p = elementwise(
    "gelu_tanh",
    _gelu_tanh_impl,
    _gelu_tanh_partial,
    doc="x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, which approximates gelu.",
    backward_name="GeluBackward0",
)


def _silu_partial(g: Any, ans: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + ans * (1.0 - s))


silu_p = elementwise("silu", lambda xp, x: x * _logistic(xp, x), _silu_partial, doc="x / (1 + exp(-x)).")


def _mish_partial(g: Any, ans: Any, x: Any) -> Any:
    t = tanh(softplus_p(x, 1.0, 20.0))
    return g * (t + x * (1.0 - t * t) * sigmoid(x))


mish_p = elementwise("mish", lambda xp, x: x * xp.tanh(_soft(xp, x)), _mish_partial, doc="x tanh(log(1 + exp(x))).")
softplus_p = elementwise(
    "softplus",
    lambda xp, x, beta, threshold: xp.where(x * beta > threshold, x, _soft(xp, x * beta) / beta),
    lambda g, ans, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)),
    None,
    None,
    doc="log(1 + exp(beta x)) / beta; x itself where beta x is above the threshold.",
)
log_sigmoid_p = elementwise(
    "log_sigmoid",
    lambda xp, x: -_soft(xp, -x),
    lambda g, ans, x: g * sigmoid(-x),
    notation="logsigmoid({})",
    doc="log(1 / (1 + exp(-x))).",
)
softsign_p = elementwise(
    "softsign",
    lambda xp, x: x / (1 + xp.abs(x)),
    lambda g, ans, x: g / ((1.0 + abs(x)) * (1.0 + abs(x))),
    doc="x / (1 + |x|).",
    backward_name="DivBackward0",
)
tanhshrink_p = elementwise(
    "tanhshrink",
    lambda xp, x: x - xp.tanh(x),
    lambda g, ans, x: g * ((x - ans) * (x - ans)),
    doc="x - tanh(x).",
    backward_name="SubBackward0",
)
softshrink_p = elementwise(
    "softshrink",
    lambda xp, x, lambd: xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0)),
    lambda g, ans, x, lambd: where((x > lambd) | (x < -lambd), g, 0.0),
    None,
    doc="x moved towards zero by lambda, and zero where |x| is at most lambda.",
)
hardshrink_p = elementwise(
    "hardshrink",
    lambda xp, x, lambd: xp.where((x >= -lambd) & (x <= lambd), xp.zeros_like(x), x),
    lambda g, ans, x, lambd: where((x >= -lambd) & (x <= lambd), 0.0, g),
    None,
    doc="x, and zero where |x| is at most lambda.",
)
threshold_p = elementwise(
    "threshold",
    lambda xp, x, threshold, value: xp.where(x <= threshold, xp.asarray(value, x.dtype), x),
    lambda g, ans, x, threshold, value: where(x <= threshold, 0.0, g),
    None,
    None,
    doc="x where above the threshold, value elsewhere.",
)
hardsigmoid_p = elementwise(
    "hardsigmoid",
    lambda xp, x: xp.minimum(xp.maximum(x + 3, 0), 6) / 6,
    lambda g, ans, x: where((x > -3.0) & (x < 3.0), g / 6.0, 0.0),
    doc="x/6 + 1/2 limited to [0, 1].",
)
hardswish_p = elementwise(
    "hardswish",
    lambda xp, x: x * (xp.minimum(xp.maximum(x + 3, 0), 6) / 6),
    lambda g, ans, x: where(x >= 3.0, g, where(x > -3.0, g * (x / 3.0 + 0.5), 0.0)),
    doc="x hardsigmoid(x).",
)

# ---- records: over one dimension -----------------------------------------------------------------------------------


def _softmax_impl(xp: Any, x: Any, *, axis: int, safe: bool) -> Any:
    if not x.size:
        return x.copy()
    top = x.max(axis=axis, keepdims=True)
    if safe:
        top = xp.where(top == -np.inf, 0, top)
    y = xp.subtract(x, top)
    xp.exp(y, out=y)
    total = xp.add.reduce(y, axis=axis, keepdims=True)
    if safe:
        total = xp.where(total == 0, 1, total)
    y /= total
    return y


def _softmax_rule(g: Any, ans: Any, axis: int) -> Any:
    h = g * ans
    return h - ans * sum_p(h, axes=(axis,), keepdims=True)


softmax_p = opaque(
    "softmax",
    _softmax_impl,
    lambda x, *, axis, safe: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x, *, axis, safe: _softmax_rule(g, ans, axis),),
    jvp=lambda prim, tangents, ans, x, *, axis, safe: _softmax_rule(tangents[0], ans, axis),
    batch=lambda prim, args, b, *, axis, safe: prim(args[0], axis=axis + 1, safe=safe),
    notation="softmax({})",
    doc="exp(x) divided by its sum along `axis`; with `safe`, zero where all x are minus infinity.",
)


def _log_softmax_impl(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.size:
        return x.copy()
    y = xp.subtract(x, x.max(axis=axis, keepdims=True))
    y -= xp.log(xp.add.reduce(xp.exp(y), axis=axis, keepdims=True))
    return y


log_softmax_p = opaque(
    "log_softmax",
    _log_softmax_impl,
    lambda x, *, axis: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x, *, axis: g - exp(ans) * sum_p(g, axes=(axis,), keepdims=True),),
    jvp=lambda prim, tangents, ans, x, *, axis: (
        tangents[0] - sum_p(exp(ans) * tangents[0], axes=(axis,), keepdims=True)
    ),
    batch=lambda prim, args, b, *, axis: prim(args[0], axis=axis + 1),
    notation="log_softmax({})",
    doc="Logarithm of softmax along `axis`.",
)

# ---- functions -----------------------------------------------------------------------------------------------------


def _apply(prim: Any, inplace: bool, input: Any, *numbers: float) -> Any:
    result = elementwise_call(prim, (input, *numbers), "float")
    return input.copy_(result) if inplace else result


relu = function_of(
    relu_p,
    "numeric",
    doc="""max(x, 0), element by element.

    >>> import chainrule as cr
    >>> cr.relu(cr.tensor([-1., 2.]))
    tensor([0., 2.])
    """,
)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6)."""
    return _apply(hardtanh_p, inplace, input, 0.0, 6.0)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """max(x, 0) + negative_slope min(x, 0)."""
    return _apply(leaky_relu_p, inplace, input, negative_slope)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(x, 0) + min(0, alpha (exp(x) - 1))."""
    return _apply(elu_p, inplace, input, alpha, 1.0, 1.0)


def selu(input: Any, inplace: bool = False) -> Any:
    """scale (max(x, 0) + min(0, alpha (exp(x) - 1))) with the self-normalising alpha 1.6733 and scale 1.0507."""
    return _apply(elu_p, inplace, input, 1.6732632423543772, 1.0507009873554805, 1.0)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1))."""
    if alpha == 0:
        raise ArgumentError("ZeroDivisionError: celu: alpha cannot be 0 for CELU")
    return _apply(elu_p, inplace, input, alpha, 1.0, 1.0 / alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x times the normal distribution function of x; approximate="tanh" replaces that by a formula with tanh.

    >>> import chainrule as cr
    >>> cr.nn.functional.gelu(cr.tensor([0., 1.]))
    tensor([0.0000, 0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return _apply(gelu_p if approximate == "none" else gelu_tanh_p, False, input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x / (1 + exp(-x)), also called swish."""
    return _apply(silu_p, inplace, input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x tanh(log(1 + exp(x)))."""
    return _apply(mish_p, inplace, input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    return _apply(softplus_p, False, input, float(beta), float(threshold))


def logsigmoid(input: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return _apply(log_sigmoid_p, False, input)


def softsign(input: Any) -> Any:
    """x / (1 + |x|)."""
    return _apply(softsign_p, False, input)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x)."""
    return _apply(tanhshrink_p, False, input)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x - lambd above lambd, x + lambd below -lambd, 0 between."""
    if lambd < 0:
        raise ArgumentError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return _apply(softshrink_p, False, input, lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, 0 elsewhere."""
    return _apply(hardshrink_p, False, input, lambd)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x limited to [min_val, max_val]; the derivative is 0 at both ends."""
    if min_val > max_val:
        raise ArgumentError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _apply(hardtanh_p, inplace, input, min_val, max_val)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x / 6 + 1 / 2 limited to [0, 1]."""
    return _apply(hardsigmoid_p, inplace, input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x hardsigmoid(x)."""
    return _apply(hardswish_p, inplace, input)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, value elsewhere."""
    result = elementwise_call(threshold_p, (input, threshold, value), "numeric")
    return input.copy_(result) if inplace else result


def prelu(input: Any, weight: Any) -> Any:
    """max(x, 0) + weight min(x, 0), with one weight, or one for each channel (dimension 1)."""
    shape, w = raw_shape(input), raw_shape(weight)
    if len(w) > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {len(w)}")
    count = w[0] if w else 1
    if count != 1:
        channels = shape[1] if len(shape) > 1 else 1
        if not shape:
            raise ShapeError(f"Not allow zero-dim input tensor: prelu with {count} weights got {list(shape)}")
        if channels != count:
            raise ShapeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {count} and channel "
                f"size = {channels}."
            )
    weight = reshape_p(weight, shape=(count, *(1,) * (len(shape) - 2)) if len(shape) > 1 else (1,) * len(shape))
    return elementwise_call(prelu_p, (input, weight), "float")


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Any:
    """leaky_relu with random slopes, uniform in [lower, upper), in training, and with their mean otherwise."""
    if lower > upper:
        raise ArgumentError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    from .dropout import uniform_like

    result = elementwise_call(prelu_p, (input, uniform_like(input) * (upper - lower) + lower), "float")
    return input.copy_(result) if inplace else result


def glu(input: Any, dim: int = -1) -> Any:
    """a sigmoid(b), where a and b are the two halves of the input along `dim`."""
    from .embedding import rows_p

    shape = raw_shape(input)
    if not shape:
        raise ShapeError("glu does not support 0-dimensional tensors, got shape ()")
    axis = canonical_dim(dim, len(shape))
    n = shape[axis]
    if n % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {axis} is size {n}")
    lead = reshape_p(input, shape=(*shape[:axis], 2, n // 2, *shape[axis + 1 :]))
    a, b = (rows_p(lead, np.array(i), axis=axis) for i in (0, 1))
    return a * sigmoid(b)


def _softmax_arguments(name: str, input: Any, dim: Any, axis: Any, dtype: Any) -> tuple[Any, int, tuple]:
    """The floating input with at least one dimension, the canonical dimension, and the shape wanted back."""
    dim = axis if dim is None else dim
    shape = raw_shape(input)
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    elif category(raw_dtype(input)) < 2:
        input = cast_p(input, dtype=default.float)
    if dim is None:
        dim = 0 if len(shape) in (0, 1, 3) else 1
    place = canonical_dim(int(dim), len(shape))
    return (input if shape else reshape_p(input, shape=(1,))), place, shape


def softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """exp(x) divided by its sum along `dim`.

    >>> import chainrule as cr
    >>> cr.softmax(cr.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x, place, shape = _softmax_arguments("softmax", input, dim, axis, dtype)
    y = softmax_p(x, axis=place, safe=False)
    return y if shape else reshape_p(y, shape=())


def softmin(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """softmax(-x)."""
    return softmax(-input, dim, _stacklevel, dtype, axis=axis)


def log_softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """Logarithm of softmax along `dim`: x - log(sum(exp(x)))."""
    x, place, shape = _softmax_arguments("log_softmax", input, dim, axis, dtype)
    y = log_softmax_p(x, axis=place)
    return y if shape else reshape_p(y, shape=())


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """softmax((logits + Gumbel noise) / tau): a differentiable draw from the categorical distribution.

    With `hard` the result is one-hot, and its derivative that of the soft draw.
    """
    from .comparison import eq
    from .dropout import uniform_like
    from .exponential import log
    from .extrema import amax

    noise = -log(-log(uniform_like(logits) + float(np.finfo(raw_dtype(logits)).tiny)))
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    still = soft.detach()
    first = eq(still, amax(still, dim, True))
    return cast_p(first, dtype=raw_dtype(logits)) - still + soft


__all__ = ["relu", "softmax", "log_softmax", "prelu", "hardshrink", "celu", "selu", "rrelu", "threshold"]
METHODS = ("relu", "softmax", "log_softmax", "prelu", "hardshrink")
INPLACE = ("relu",)
