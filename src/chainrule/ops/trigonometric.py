"""Trigonometric functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .kits import elementwise, function_of, opaque, spec_of
from .safe import div0, mul0, mul00

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
    "tan", lambda xp, x: xp.tan(x), lambda g, ans, x: mul0(g, mul00(ans, ans) + 1), doc="Tangent.", fast=np.tan
)
asin_p = elementwise(
    "asin",
    lambda xp, x: xp.arcsin(x),
    lambda g, ans, x: div0(g, _sqrt(1 - x * x)),
    doc="Arc sine.",
    fast=np.arcsin,
)
acos_p = elementwise(
    "acos",
    lambda xp, x: xp.arccos(x),
    lambda g, ans, x: -div0(g, _sqrt(1 - x * x)),
    doc="Arc cosine.",
    fast=np.arccos,
)
atan_p = elementwise(
    "atan", lambda xp, x: xp.arctan(x), lambda g, ans, x: div0(g, x * x + 1), doc="Arc tangent.", fast=np.arctan
)
atan2_p = elementwise(
    "atan2",
    lambda xp, x, y: xp.arctan2(x, y),
    lambda g, ans, x, y: _turn(g, y, hypot(x, y)),
    lambda g, ans, x, y: _turn(g, -x, hypot(x, y)),
    doc="Angle of the point (other, input).",
    fast=np.arctan2,
)
hypot_p = elementwise(
    "hypot",
    lambda xp, x, y: xp.hypot(x, y),
    lambda g, ans, x, y: mul0(g, div0(x, ans)),
    lambda g, ans, x, y: mul0(g, div0(y, ans)),
    doc="sqrt(x^2 + y^2); its gradient at the origin is 0.",
    fast=np.hypot,
)


def _sqrt(x: Any) -> Any:
    from .exponential import sqrt

    return sqrt(x)


def _turn(g: Any, across: Any, radius: Any) -> Any:
    """g across / radius^2 without squares that overflow; 0 at the origin."""
    return div0(mul0(g, div0(across, radius)), radius)


def _sinc(xp: Any, x: Any) -> Any:
    return xp.sinc(x).astype(x.dtype)


def _sinc_slope(xp: Any, x: Any, *, n: int) -> Any:
    """pi^n times the n-th derivative s_n of sin(u) / u at u = pi x.

    u s_n + n s_(n-1) = sin(u + n pi / 2) gives it from the lower ones for |u| > n; the Taylor series does below.
    """
    wide = x.astype(xp.result_type(x, xp.float32)) if x.dtype.itemsize == 2 else x
    u = wide * math.pi
    small = xp.abs(u) <= max(1, n)
    far = xp.where(small, 1, u)
    value = xp.sin(far) / far
    for k in range(1, n + 1):
        value = (xp.sin(far + k * math.pi / 2) - k * value) / far
    near, series, k = xp.where(small, u, 0), 0, (n + 1) // 2
    first = k
    while k - first < 12 + 2 * n:
        series = series + near ** (2 * k - n) * ((-1) ** k / (math.factorial(2 * k - n) * (2 * k + 1)))
        k += 1
    return (xp.where(small, series, value) * math.pi**n).astype(x.dtype)


sinc_slope_p = opaque(
    "sinc_slope",
    _sinc_slope,
    lambda x, *, n: spec_of(x),
    vjp=(lambda g, ans, x, *, n: mul0(g, sinc_slope_p(x, n=n + 1)),),
    jvp=lambda prim, tangents, ans, x, *, n: mul0(tangents[0], prim(x, n=n + 1)),
    batch=lambda prim, args, is_batched, *, n: prim(args[0], n=n),
    holomorphic=True,
    doc="n-th derivative of sinc.",
)
sinc_p = elementwise("sinc", _sinc, lambda g, ans, x: mul0(g, sinc_slope_p(x, n=1)), doc="sin(pi x) / (pi x), 1 at 0.")
deg2rad_p = elementwise(
    "deg2rad",
    lambda xp, x: xp.deg2rad(x),
    lambda g, ans, x: g * (math.pi / 180),
    doc="Degrees to radians.",
    backward_name="Deg2RadBackward0",
    fast=np.deg2rad,
)
rad2deg_p = elementwise(
    "rad2deg",
    lambda xp, x: xp.rad2deg(x),
    lambda g, ans, x: g * (180 / math.pi),
    doc="Radians to degrees.",
    backward_name="Rad2DegBackward0",
    fast=np.rad2deg,
)

sin, cos, tan = map(function_of, (sin_p, cos_p, tan_p))
asin, acos, atan = map(function_of, (asin_p, acos_p, atan_p))
arcsin, arccos, arctan = asin, acos, atan
atan2 = arctan2 = function_of(atan2_p, "float")
hypot = function_of(hypot_p, "float")
sinc, deg2rad, rad2deg = map(function_of, (sinc_p, deg2rad_p, rad2deg_p))
