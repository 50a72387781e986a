"""Products and quotients in which a zero cotangent stays zero.

A branch that was not taken sends the cotangent 0. If the local derivative there is infinite or NaN, 0 times it would be
NaN and spoil the sum; here it is 0. So `where(x > 0, sqrt(x), x)` has gradient 1 at 0. Rules whose local derivative can
be infinite at a representable point use these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .kits import elementwise


def _mul0(xp: Any, g: Any, f: Any) -> Any:
    out = xp.multiply(g, f)
    if type(out) is np.ndarray and not np.isfinite(out).all() or type(out) is not np.ndarray and not np.isfinite(out):
        out = xp.where(xp.equal(g, 0), xp.zeros_like(out), out)
    return out


def _div0(xp: Any, g: Any, d: Any) -> Any:
    out = xp.true_divide(g, d)
    if type(out) is np.ndarray and not np.isfinite(out).all() or type(out) is not np.ndarray and not np.isfinite(out):
        out = xp.where(xp.equal(g, 0), xp.zeros_like(out), out)
    return out


mul0 = elementwise(
    "mul0",
    _mul0,
    lambda g, ans, x, y: mul0(g, y),
    lambda g, ans, x, y: g * x,
    notation="{} {}",
    doc="x y, and 0 where x is 0 whatever y is.",
)
div0 = elementwise(
    "div0",
    _div0,
    lambda g, ans, x, y: div0(g, y),
    lambda g, ans, x, y: -div0(mul0(g, ans), y),
    notation="{} / {}",
    doc="x / y, and 0 where x is 0 whatever y is.",
)
