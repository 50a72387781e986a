"""Exponentials, logarithms, roots and the logistic function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .kits import elementwise, function_of
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

exp_p = elementwise("exp", lambda xp, x: xp.exp(x), lambda g, ans, x: g * ans, doc="e to the power x.", fast=np.exp)
exp2_p = elementwise(
    "exp2", lambda xp, x: xp.exp2(x), lambda g, ans, x: g * ans * math.log(2), doc="2 to the power x.", fast=np.exp2
)
expm1_p = elementwise(
    "expm1", lambda xp, x: xp.expm1(x), lambda g, ans, x: g * (ans + 1), doc="exp(x) - 1.", fast=np.expm1
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
    "log1p", lambda xp, x: xp.log1p(x), lambda g, ans, x: div0(g, x + 1), doc="log(1 + x).", fast=np.log1p
)
sqrt_p = elementwise(
    "sqrt", lambda xp, x: xp.sqrt(x), lambda g, ans, x: div0(g, ans + ans), doc="Square root.", fast=np.sqrt
)
rsqrt_p = elementwise(
    "rsqrt",
    lambda xp, x: xp.true_divide(xp.ones((), x.dtype), xp.sqrt(x)),
    lambda g, ans, x: mul0(g, ans * ans * ans * -0.5),
    notation="1 / sqrt({})",
    doc="1 / sqrt(x).",
)


def _sigmoid(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return 1 / (1 + xp.exp(-x))
    e = xp.exp(-xp.abs(x))
    one = xp.ones((), x.dtype)
    return xp.where(x >= 0, one, e) / (one + e)


sigmoid_p = elementwise("sigmoid", _sigmoid, lambda g, ans, x: g * (ans - ans * ans), doc="1 / (1 + exp(-x)).")
logaddexp_p = elementwise(
    "logaddexp",
    lambda xp, x, y: xp.logaddexp(x, y),
    lambda g, ans, x, y: mul0(g, exp(_difference(x, ans))),
    lambda g, ans, x, y: mul0(g, exp(_difference(y, ans))),
    doc="log(exp(x) + exp(y)).",
    fast=np.logaddexp,
)
logaddexp2_p = elementwise(
    "logaddexp2",
    lambda xp, x, y: xp.logaddexp2(x, y),
    lambda g, ans, x, y: mul0(g, exp2(_difference(x, ans))),
    lambda g, ans, x, y: mul0(g, exp2(_difference(y, ans))),
    doc="log2(2^x + 2^y).",
    fast=np.logaddexp2,
)


def _difference(x: Any, ans: Any) -> Any:
    """x - ans, with -inf in place of (-inf) - (-inf), so that its exponential is 0."""
    from .rounding import nan_to_num

    return nan_to_num(x - ans, nan=-math.inf, posinf=math.inf, neginf=-math.inf)


def _logit(xp: Any, x: Any) -> Any:
    return xp.log(x) - xp.log1p(-x)


logit_p = elementwise("logit", _logit, lambda g, ans, x: div0(g, x - x * x), doc="log(x / (1 - x)).")


def _xlogy(xp: Any, x: Any, y: Any) -> Any:
    found = x * xp.log(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(found), found)


xlogy_p = elementwise(
    "xlogy",
    _xlogy,
    lambda g, ans, x, y: mul0(g, log(y)),
    lambda g, ans, x, y: div0(g * x, y),
    notation="{} log({})",
    doc="x log(y), and 0 where x is 0.",
)


def _xlog1py(xp: Any, x: Any, y: Any) -> Any:
    found = x * xp.log1p(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(found), found)


xlog1py_p = elementwise(
    "xlog1py",
    _xlog1py,
    lambda g, ans, x, y: mul0(g, log1p(y)),
    lambda g, ans, x, y: div0(g * x, y + 1),
    notation="{} log1p({})",
    doc="x log(1 + y), and 0 where x is 0.",
)

exp, exp2, expm1 = map(function_of, (exp_p, exp2_p, expm1_p))
log, log2, log10, log1p = map(function_of, (log_p, log2_p, log10_p, log1p_p))
sqrt, rsqrt, sigmoid = map(function_of, (sqrt_p, rsqrt_p, sigmoid_p))
logaddexp, logaddexp2 = map(function_of, (logaddexp_p, logaddexp2_p))
xlogy, xlog1py = function_of(xlogy_p, "float arrays"), function_of(xlog1py_p, "float arrays")
_logit_op = function_of(logit_p)


def logit(input: Any, eps: float | None = None, *, out: Any = None) -> Any:
    """log(x / (1 - x)), with x clamped to [eps, 1 - eps] if eps is given."""
    if eps is not None:
        from .rounding import clamp

        input = clamp(input, eps, 1 - eps)
    return _logit_op(input, out=out)


def ldexp(input: Any, other: Any) -> Any:
    """input times 2 to the power other."""
    from .arithmetic import mul, pow

    return mul(input, pow(2.0, other))
