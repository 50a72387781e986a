"""Activation functions, element by element or over one dimension."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from ..core.dtypes import F32, F64
from ..core.elementwise import elementwise_call
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .comparison import where
from .exponential import exp, sigmoid
from .hyperbolic import tanh
from .kits import elementwise, function_of, only_for, shown_as
from .shape import canonical_dim, reshape_p


# ---- records: one argument, and numbers that shape the function --------------------------------------------------
def _logistic(xp: Any, x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    if x.dtype.kind == "c":
        return 1 / (1 + xp.exp(-x))
    small = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _soft(xp: Any, x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


# Phi(x) = (1 + tanh(x q(x^2))) / 2: q fitted in the least-maximum sense to atanh(2 Phi(x) - 1) / x up to |x| = 5.6,
# where Phi is 0 or 1 in single precision. The error of x Phi(x) is below 1e-7, as is that of single precision itself.
_Q = (1.80564125e-09, -1.33447478e-07, 3.96912617e-06, -5.52402771e-05, -3.31296057e-05, 3.63342830e-02, 7.97884216e-01)
_BLOCK = 1 << 14  # elements that stay in the cache from one step to the next


def _gelu32(xp: Any, x: Any, slope: bool) -> Any:
    """x Phi(x), or its derivative Phi(x) + x phi(x), in single precision."""
    flat = xp.ascontiguousarray(x).reshape(-1)
    result = xp.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        part, p = flat[start : start + _BLOCK], result[start : start + _BLOCK]
        squares = part * part
        u = xp.minimum(squares, np.float32(31.36))
        xp.multiply(u, np.float32(_Q[0]), out=p)
        for c in _Q[1:-1]:
            p += np.float32(c)
            p *= u
        p += np.float32(_Q[-1])
        p *= part
        xp.tanh(p, out=p)
        p += np.float32(1)
        p *= np.float32(0.5)
        if slope:
            squares *= np.float32(-0.5)
            xp.exp(squares, out=squares)
            squares *= part
            squares *= np.float32(1 / sqrt(2 * pi))
            p += squares
        else:
            p *= part
    return result.reshape(x.shape)


def _gelu_impl(xp: Any, x: Any) -> Any:
    if x.dtype == np.float32:
        return _gelu32(xp, x, False)
    from scipy.special import ndtr

    return (x * ndtr(x)).astype(x.dtype, copy=False)


def _gelu_slope_impl(xp: Any, x: Any) -> Any:
    if x.dtype == np.float32:
        return _gelu32(xp, x, True)
    from scipy.special import ndtr

    return (ndtr(x) + x * xp.exp(x * x * -0.5) * (1 / sqrt(2 * pi))).astype(x.dtype, copy=False)


ZERO32, ZERO64 = np.zeros((), F32), np.zeros((), F64)  # NumPy takes half as long with an array as with a number


def _positive(x: Any) -> Any:
    """x > 0"""
    return x > (ZERO32 if x.dtype is F32 else ZERO64) if type(x) is np.ndarray else x > 0


relu_p = elementwise(
    "relu",
    lambda xp, x: xp.maximum(x, 0),
    lambda g, ans, x: g * _positive(ans),
    notation="relu({})",
    doc="max(x, 0), element by element.",
    fast=lambda x: np.maximum(x, ZERO32 if x.dtype is F32 else ZERO64),
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
    lambda g, ans, x: g * gelu_slope_p(x),
    doc="x times the normal distribution function of x.",
)
gelu_slope_p = elementwise(
    "gelu_slope",
    _gelu_slope_impl,
    lambda g, ans, x: g * (2.0 - x * x) * exp(x * x * -0.5) * (1.0 / sqrt(2.0 * pi)),
    doc="Derivative of gelu: the normal distribution function plus x times the normal density.",
    backward_name="GeluBackwardBackward0",
)


def _gelu_tanh_impl(xp: Any, x: Any) -> Any:
    y = x * 0.5 * (1 + xp.tanh(x * (1 + x * x * 0.044715) * sqrt(2 / pi)))
    return y if y.dtype == x.dtype else y.astype(x.dtype)  # NumPy computes with bfloat16 and numbers in float32


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


# ---- functions -----------------------------------------------------------------------------------------------------
def apply(prim: Any, inplace: bool, input: Any, *numbers: float) -> Any:
    """The activation of `input`, in new memory or written into it."""
    if hasattr(input, "dtype") and raw_dtype(input).kind == "c" and prim.name not in ("silu", "tanhshrink"):
        raise DTypeError(f"{prim.name} is not implemented for {raw_dtype(input)}; apply it to x.real and x.imag")
    result = elementwise_call(prim, (input, *numbers), "float")
    return input.copy_(result) if inplace else result


only_for(relu_p, "iuf", hint="; write x.float(), or relu(x.real) for complex numbers")
relu = function_of(
    relu_p,
    "numeric",
    doc="""max(x, 0), element by element.

    >>> import chainrule as cr
    >>> cr.relu(cr.tensor([-1., 2.]))
    tensor([0., 2.])
    """,
)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """max(x, 0) + negative_slope min(x, 0).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.leaky_relu(cr.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return apply(leaky_relu_p, inplace, input, negative_slope)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(x, 0) + min(0, alpha (exp(x) - 1)).

    Input of any shape and a floating dtype; the output has both. Clevert et al. 2015.

    >>> import chainrule as cr
    >>> cr.nn.functional.elu(cr.tensor([-1.0, 1.0]))
    tensor([-0.6321,  1.0000])
    """
    return apply(elu_p, inplace, input, alpha, 1.0, 1.0)


def selu(input: Any, inplace: bool = False) -> Any:
    """scale (max(x, 0) + min(0, alpha (exp(x) - 1))) with the self-normalising alpha 1.6733 and scale 1.0507.

    Input of any shape and a floating dtype; the output has both. Klambauer et al. 2017.

    >>> import chainrule as cr
    >>> cr.selu(cr.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return apply(elu_p, inplace, input, 1.6732632423543772, 1.0507009873554805, 1.0)


@shown_as("CeluBackward0")
def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """max(x, 0) + min(0, alpha (exp(x / alpha) - 1)).

    Input of any shape and a floating dtype; the output has both. `alpha` is where the negative side levels off (at
    -alpha).

    >>> import chainrule as cr
    >>> cr.celu(cr.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise ArgumentError("ZeroDivisionError: celu: alpha cannot be 0 for CELU")
    return apply(elu_p, inplace, input, alpha, 1.0, 1.0 / alpha)


def gelu(input: Any, approximate: str = "none") -> Any:
    """x times the normal distribution function of x; approximate="tanh" replaces that by a formula with tanh.

    A tensor of any shape and a floating dtype; the result has both. Hendrycks and Gimpel 2016.

    >>> import chainrule as cr
    >>> cr.nn.functional.gelu(cr.tensor([0., 1.]))
    tensor([0.0000, 0.8413])
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"approximate argument must be either none or tanh, got {approximate!r}")
    return apply(gelu_p if approximate == "none" else gelu_tanh_p, False, input)


def silu(input: Any, inplace: bool = False) -> Any:
    """x / (1 + exp(-x)), also called swish.

    Input of any shape, floating or complex dtype; the result has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.silu(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """
    return apply(silu_p, inplace, input)


def mish(input: Any, inplace: bool = False) -> Any:
    """x tanh(log(1 + exp(x))).

    Input of any shape and a floating dtype; the output has both. Misra 2019.

    >>> import chainrule as cr
    >>> cr.nn.functional.mish(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """
    return apply(mish_p, inplace, input)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.softplus(cr.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    return apply(softplus_p, False, input, float(beta), float(threshold))


def logsigmoid(input: Any) -> Any:
    """log(1 / (1 + exp(-x))).

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.logsigmoid(cr.tensor([0.0, 2.0]))
    tensor([-0.6931, -0.1269])
    """
    return apply(log_sigmoid_p, False, input)


def softsign(input: Any) -> Any:
    """x / (1 + |x|).

    Input of any shape; the result has its shape, and its dtype if that is floating or complex.

    >>> import chainrule as cr
    >>> cr.nn.functional.softsign(cr.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    if hasattr(input, "dtype") and raw_dtype(input).kind == "c":  # |x| is not holomorphic: its own rule must speak
        return input / (abs(input) + 1)
    return apply(softsign_p, False, input)


def prelu(input: Any, weight: Any) -> Any:
    """max(x, 0) + weight min(x, 0), with one weight, or one for each channel (dimension 1).

    >>> import chainrule as cr
    >>> cr.prelu(cr.tensor([-2.0, 3.0]), cr.tensor([0.1]))
    tensor([-0.2000,  3.0000])
    """
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
    """leaky_relu with random slopes, uniform in [lower, upper), in training, and with their mean otherwise.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.rrelu(cr.tensor([-4.8, 1.0]), lower=0.25, upper=0.75)
    tensor([-2.4000,  1.0000])
    """
    if lower > upper:
        raise ArgumentError(f"Lower bound should be less than or equal to the upper bound, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    from .dropout import uniform_like

    result = elementwise_call(prelu_p, (input, uniform_like(input) * (upper - lower) + lower), "float")
    return input.copy_(result) if inplace else result


@shown_as("GluBackward0")
def glu(input: Any, dim: int = -1) -> Any:
    """a sigmoid(b), where a and b are the two halves of the input along `dim`.

    The size of `dim` must be even and is halved; floating dtypes. Dauphin et al. 2016.

    >>> import chainrule as cr
    >>> cr.nn.functional.glu(cr.tensor([1.0, 2.0, 0.0, 100.0]))
    tensor([0.5000, 2.0000])
    """
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


__all__ = ["relu", "prelu", "celu", "selu", "rrelu"]
METHODS = ("relu", "prelu")
INPLACE = ("relu",)
