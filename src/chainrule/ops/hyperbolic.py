"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import raw_dtype
from .kits import elementwise, function_of
from .safe import div0, mul0

__all__ = ["acosh", "arccosh", "arcsinh", "arctanh", "asinh", "atanh", "cosh", "sinh", "tanh"]
METHODS = INPLACE = tuple(__all__)


def _sqrt(x: Any) -> Any:
    from .exponential import sqrt

    return sqrt(x)


sinh_p = elementwise(
    "sinh", lambda xp, x: xp.sinh(x), lambda g, ans, x: mul0(g, cosh(x)), doc="Hyperbolic sine.", fast=np.sinh
)
cosh_p = elementwise(
    "cosh", lambda xp, x: xp.cosh(x), lambda g, ans, x: mul0(g, sinh(x)), doc="Hyperbolic cosine.", fast=np.cosh
)
tanh_p = elementwise(
    "tanh",
    lambda xp, x: xp.tanh(x),
    lambda g, ans, x: g - g * (ans * ans),
    doc="Hyperbolic tangent.",
    fast=np.tanh,
)
asinh_p = elementwise(
    "asinh",
    lambda xp, x: xp.arcsinh(x),
    lambda g, ans, x: div0(g, _sqrt(x * x + 1)),
    doc="Inverse hyperbolic sine.",
    fast=np.arcsinh,
)


def _acosh_rule(g: Any, ans: Any, x: Any) -> Any:
    """g / sqrt(x^2 - 1); complex numbers need the product of two roots, for its branch."""
    if raw_dtype(x).kind == "c":
        return div0(div0(g, _sqrt(x - 1)), _sqrt(x + 1))
    return div0(g, _sqrt(x * x - 1))


acosh_p = elementwise(
    "acosh",
    lambda xp, x: xp.arccosh(x),
    _acosh_rule,
    doc="Inverse hyperbolic cosine.",
    fast=np.arccosh,
)
atanh_p = elementwise(
    "atanh",
    lambda xp, x: xp.arctanh(x),
    lambda g, ans, x: div0(g, 1 - x * x),
    doc="Inverse hyperbolic tangent.",
    fast=np.arctanh,
)
sinh, cosh, tanh = map(function_of, (sinh_p, cosh_p, tanh_p))
asinh, acosh, atanh = map(function_of, (asinh_p, acosh_p, atanh_p))
arcsinh, arccosh, arctanh = asinh, acosh, atanh
