"""Trigonometric functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .kits import elementwise, function_of
from .safe import div0, mul0

__all__ = [
    "acos",
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "asin",
    "atan",
    "atan2",
    "cos",
    "deg2rad",
    "hypot",
    "rad2deg",
    "sin",
    "sinc",
    "tan",
]
METHODS = INPLACE = tuple(__all__)

sin_p = elementwise("sin", lambda xp, x: xp.sin(x), lambda g, ans, x: g * cos(x), doc="Sine.", fast=np.sin)
cos_p = elementwise("cos", lambda xp, x: xp.cos(x), lambda g, ans, x: -(g * sin(x)), doc="Cosine.", fast=np.cos)
tan_p = elementwise(
    "tan", lambda xp, x: xp.tan(x), lambda g, ans, x: g + g * (ans * ans), doc="Tangent.", fast=np.tan
)
asin_p = elementwise(
    "asin", lambda xp, x: xp.arcsin(x), lambda g, ans, x: div0(g, _sqrt(1 - x * x)), doc="Arc sine.", fast=np.arcsin
)
acos_p = elementwise(
    "acos", lambda xp, x: xp.arccos(x), lambda g, ans, x: -div0(g, _sqrt(1 - x * x)), doc="Arc cosine.", fast=np.arccos
)
atan_p = elementwise(
    "atan", lambda xp, x: xp.arctan(x), lambda g, ans, x: div0(g, x * x + 1), doc="Arc tangent.", fast=np.arctan
)
atan2_p = elementwise(
    "atan2",
    lambda xp, x, y: xp.arctan2(x, y),
    lambda g, ans, x, y: mul0(g, _over(y, x * x + y * y)),
    lambda g, ans, x, y: mul0(g, _over(-x, x * x + y * y)),
    doc="Angle of the point (other, input).",
    fast=np.arctan2,
)
hypot_p = elementwise(
    "hypot",
    lambda xp, x, y: xp.hypot(x, y),
    lambda g, ans, x, y: g * div0(x, ans),
    lambda g, ans, x, y: g * div0(y, ans),
    doc="sqrt(x^2 + y^2); its gradient at the origin is 0.",
    fast=np.hypot,
)


def _sqrt(x: Any) -> Any:
    from .exponential import sqrt

    return sqrt(x)


def _over(x: Any, d: Any) -> Any:
    """x / d, and 0 where x is 0 (the gradient of atan2 at the origin)."""
    return div0(x, d)


def _sinc(xp: Any, x: Any) -> Any:
    return xp.sinc(x).astype(x.dtype)


def _sinc_rule(g: Any, ans: Any, x: Any) -> Any:
    """d sinc = (cos(pi x) - sinc(x)) / x, and its Taylor series -pi^2 x / 3 + pi^4 x^3 / 30 near 0."""
    from .comparison import where
    from .rounding import abs

    small = abs(x) < 1e-2
    safe = where(small, x * 0 + 1, x)
    p = math.pi
    series = x * (-(p**2) / 3 + x * x * (p**4 / 30 - x * x * (p**6 / 840)))
    return g * where(small, series, (cos(safe * p) - sinc(safe)) / safe)


sinc_p = elementwise("sinc", _sinc, _sinc_rule, doc="sin(pi x) / (pi x), 1 at 0.")
deg2rad_p = elementwise(
    "deg2rad", lambda xp, x: xp.deg2rad(x), lambda g, ans, x: g * (math.pi / 180), doc="Degrees to radians."
)
rad2deg_p = elementwise(
    "rad2deg", lambda xp, x: xp.rad2deg(x), lambda g, ans, x: g * (180 / math.pi), doc="Radians to degrees."
)

sin, cos, tan = map(function_of, (sin_p, cos_p, tan_p))
asin, acos, atan = map(function_of, (asin_p, acos_p, atan_p))
arcsin, arccos, arctan = asin, acos, atan
atan2 = arctan2 = function_of(atan2_p, "float")
hypot = function_of(hypot_p, "float")
sinc, deg2rad, rad2deg = map(function_of, (sinc_p, deg2rad_p, rad2deg_p))
