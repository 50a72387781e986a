"""Exponentials, logarithms, roots and the logistic function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import default, is_inexact
from ..core.elementwise import cast_to
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .arithmetic import inverse
from .kits import elementwise, function_of, opaque, pad_rank
from .safe import div0, mul0

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "ldexp",
    "log",
    "log10",
    "log1p",
    "log2",
    "logaddexp",
    "logaddexp2",
    "logit",
    "rsqrt",
    "sigmoid",
    "sqrt",
    "xlog1py",
    "xlogy",
]
METHODS = tuple(n for n in __all__ if n != "xlog1py")
INPLACE = tuple(n for n in METHODS if n not in ("logaddexp", "logaddexp2"))

exp_p = elementwise(
    "exp", lambda xp, x: xp.exp(x), lambda g, ans, x: mul0(g, ans), doc="e to the power x.", fast=np.exp
)
exp2_p = elementwise(
    "exp2",
    lambda xp, x: xp.exp2(x),
    lambda g, ans, x: mul0(g, ans) * math.log(2),
    doc="2 to the power x.",
    fast=np.exp2,
)
expm1_p = elementwise(
    "expm1", lambda xp, x: xp.expm1(x), lambda g, ans, x: mul0(g, ans + 1), doc="exp(x) - 1.", fast=np.expm1
)
log_p = elementwise("log", lambda xp, x: xp.log(x), lambda g, ans, x: div0(g, x), doc="Natural logarithm.", fast=np.log)
log2_p = elementwise(
    "log2", lambda xp, x: xp.log2(x), lambda g, ans, x: div0(g, x * math.log(2)), doc="Base-2 logarithm.", fast=np.log2
)
log10_p = elementwise(
    "log10",
    lambda xp, x: xp.log10(x),
    lambda g, ans, x: div0(g, x * math.log(10)),
    doc="Base-10 logarithm.",
    fast=np.log10,
)
log1p_p = elementwise(
    "log1p",
    lambda xp, x: xp.log1p(x),
    lambda g, ans, x: div0(g, x + 1),
    doc="log(1 + x).",
    fast=np.log1p,
    backward_name="Log1PBackward0",
)
sqrt_p = elementwise(
    "sqrt", lambda xp, x: xp.sqrt(x), lambda g, ans, x: div0(g, ans + ans), doc="Square root.", fast=np.sqrt
)
rsqrt_p = elementwise(
    "rsqrt",
    lambda xp, x: inverse(xp, xp.sqrt(x)),
    lambda g, ans, x: div0(mul0(g, ans), x) * -0.5,
    notation="1 / sqrt({})",
    doc="1 / sqrt(x).",
)


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)); where exp overflows to inf the answer is the right 0."""
    t = np.negative(x)
    if not t.ndim:
        return np.reciprocal(np.exp(t) + t.dtype.type(1))
    np.exp(t, out=t)
    np.add(t, t.dtype.type(1), out=t)
    return np.reciprocal(t, out=t)


sigmoid_p = elementwise(
    "sigmoid",
    lambda xp, x: _sigmoid(x),
    lambda g, ans, x: g * (ans - ans * ans),
    doc="1 / (1 + exp(-x)).",
    fast=_sigmoid,
)


def _logaddexp(xp: Any, x: Any, y: Any) -> Any:
    if xp.result_type(x, y).kind != "c":
        return xp.logaddexp(x, y)
    top = xp.maximum(xp.real(x), xp.real(y))
    return top + xp.log(xp.exp(x - top) + xp.exp(y - top))


logaddexp_p = elementwise(
    "logaddexp",
    _logaddexp,
    lambda g, ans, x, y: g * sigmoid(_difference(x, y)),
    lambda g, ans, x, y: g * sigmoid(_difference(y, x)),
    doc="log(exp(x) + exp(y)).",
    fast=np.logaddexp,
)
logaddexp2_p = elementwise(
    "logaddexp2",
    lambda xp, x, y: xp.logaddexp2(x, y),
    lambda g, ans, x, y: g * sigmoid(_difference(x, y) * math.log(2)),
    lambda g, ans, x, y: g * sigmoid(_difference(y, x) * math.log(2)),
    doc="log2(2^x + 2^y).",
    fast=np.logaddexp2,
)


def aligned(args: Any, is_batched: Any) -> list:
    """Operands whose batch dimension 0 stays in front when they broadcast against each other."""
    ndim = max(len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
    return [pad_rank(a, ndim) if b else a for a, b in zip(args, is_batched, strict=True)]


def _difference(x: Any, y: Any) -> Any:
    """x - y, and 0 for equal infinities, which share the gradient evenly."""
    from .comparison import where_p

    difference = x - y
    return where_p((difference != difference) & (x == y), 0.0, difference)


def _logit(xp: Any, x: Any) -> Any:
    return xp.log(x) - xp.log1p(-x)


def _logit_rule(g: Any, ans: Any, x: Any) -> Any:
    """g / (x (1 - x)), NaN outside of [0, 1]."""
    if raw_dtype(x).kind == "c":
        return div0(g, x * (1 - x))
    from .comparison import where

    return div0(g, where((x < 0) | (x > 1), math.nan, x * (1 - x)))


logit_p = elementwise("logit", _logit, _logit_rule, doc="log(x / (1 - x)).")


def _unless(g: Any, mask: Any) -> Any:
    """g, and 0 where the mask holds."""
    from .comparison import where_p

    return where_p(mask, 0.0, g)


def _xlogy(xp: Any, x: Any, y: Any) -> Any:
    found = x * xp.log(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(found), found)


xlogy_p = elementwise(
    "xlogy",
    _xlogy,
    lambda g, ans, x, y: mul0(_unless(g, (x == 0) & (y <= 0)), log(y)),
    lambda g, ans, x, y: div0(mul0(g, x), y),
    notation="{} log({})",
    doc="x log(y), and 0 where x is 0.",
)


def _xlog1py(xp: Any, x: Any, y: Any) -> Any:
    found = x * xp.log1p(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(found), found)


xlog1py_p = elementwise(
    "xlog1py",
    _xlog1py,
    lambda g, ans, x, y: mul0(_unless(g, (x == 0) & (y <= -1)), log1p(y)),
    lambda g, ans, x, y: div0(mul0(g, x), y + 1),
    notation="{} log1p({})",
    doc="x log(1 + y), and 0 where x is 0.",
    backward_name="SpecialXlog1PyBackward0",
)

exp, exp2, expm1 = map(function_of, (exp_p, exp2_p, expm1_p))
log, log2, log10, log1p = map(function_of, (log_p, log2_p, log10_p, log1p_p))
sqrt, rsqrt, sigmoid = map(function_of, (sqrt_p, rsqrt_p, sigmoid_p))
logaddexp, logaddexp2 = map(function_of, (logaddexp_p, logaddexp2_p))
xlogy, xlog1py = function_of(xlogy_p, "float arrays"), function_of(xlog1py_p, "float arrays")
_logit_op = function_of(logit_p)


def logit(input: Any, eps: float | None = None, *, out: Any = None) -> Any:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if eps is given.

    A tensor of any shape; integers count as the default float.

    >>> import chainrule as cr
    >>> cr.logit(cr.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    if eps is not None:
        from .rounding import clamp

        input = clamp(input, eps, 1 - eps)
    return _logit_op(input, out=out)


ldexp_p = opaque(
    "ldexp",
    lambda xp, x, n: xp.ldexp(x, n),
    lambda x, n: Spec(np.broadcast_shapes(x.shape, n.shape), x.dtype),
    vjp=(lambda g, ans, x, n: ldexp_p(g, n), None),
    jvp=lambda prim, tangents, ans, x, n: prim(tangents[0], n),
    batch=lambda prim, args, is_batched: prim(*aligned(args, is_batched)),
    notation="{} 2^{}",
    doc="x times 2 to the whole number n, without overflow on the way.",
    undoes_broadcast=True,
)


def ldexp(input: Any, other: Any) -> Any:
    """input times 2 to the power other; integers become floats.

    >>> import chainrule as cr
    >>> cr.ldexp(cr.tensor([1.5, -2.0]), cr.tensor([1, 3]))
    tensor([  3., -16.])
    """
    from .arithmetic import mul, pow

    if isinstance(input, Tensor) and isinstance(other, Tensor):
        dtype, whole = raw_dtype(input), raw_dtype(other).kind in "biu"
        if whole and dtype.kind in "biuf":
            value = input if dtype.kind == "f" else cast_to(input, default.float)
            return ldexp_p(value, cast_to(other, np.dtype("int32")))
        if whole and is_inexact(dtype):
            return mul(input, cast_to(pow(2.0, other), np.empty(0, dtype).real.dtype if dtype.kind == "c" else dtype))
    return mul(input, pow(2.0, other))
