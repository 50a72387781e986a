"""Products and quotients in which a zero cotangent stays zero.

A branch that was not taken sends the cotangent 0. If the local derivative there is infinite or NaN, 0 times it would be
NaN and spoil the sum; here it is 0. So `where(x > 0, sqrt(x), x)` has gradient 1 at 0, and `where(x < 9, exp(x), x)`
has gradient 1 at 1000. The rule for rules: where a local derivative can be infinite or NaN at a finite point, start
from the cotangent and multiply by one factor after the other with `mul0` and `div0`; then second and higher
derivatives, which differentiate these products, keep the promise too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import F32, F64
from ..core.elementwise import trace_of_floats
from ..core.primitive import Primitive
from ..core.value import raw_dtype
from .kits import elementwise

ndarray = np.ndarray
INF = float("inf")


def _finite(out: Any) -> bool:
    """Is every element finite? A huge finite one may count as not: then the long way gives the same result."""
    if type(out) is ndarray:
        if out.dtype is F64 or out.dtype is F32:
            flat = out if out.ndim == 1 else out.ravel("K")
            return abs(flat.dot(flat)) < INF  # the sum of squares, in one pass
        return bool(np.isfinite(out).all())
    return bool(abs(out) < INF)


def _mul0(xp: Any, g: Any, f: Any) -> Any:
    out = xp.multiply(g, f)
    return out if _finite(out) else xp.where(xp.equal(g, 0), 0, out)


def _mul00(xp: Any, g: Any, f: Any) -> Any:
    out = xp.multiply(g, f)
    return out if _finite(out) else xp.where(xp.equal(g, 0) | xp.equal(f, 0), 0, out)


def _div0(xp: Any, g: Any, d: Any) -> Any:
    out = xp.true_divide(g, d)
    return out if _finite(out) else xp.where(xp.equal(g, 0), 0, out)


mul0_p = elementwise(
    "mul0",
    _mul0,
    lambda g, ans, x, y: mul0(g, y),
    lambda g, ans, x, y: mul00(g, x),
    notation="{} {}",
    doc="x y, and 0 where x is 0 whatever y is.",
)
mul00_p = elementwise(
    "mul00",
    _mul00,
    lambda g, ans, x, y: mul00(g, y),
    lambda g, ans, x, y: mul00(g, x),
    notation="{} {}",
    doc="x y, and 0 where one of them is 0 whatever the other is.",
)
div0_p = elementwise(
    "div0",
    _div0,
    lambda g, ans, x, y: div0(g, y),
    lambda g, ans, x, y: -div0(mul00(g, ans), y),
    notation="{} / {}",
    doc="x / y, and 0 where x is 0 whatever y is.",
)


def _alike(x: Any, y: Any) -> tuple[Any, Any]:
    """The operands, a real one made complex if the other is: the cotangent that comes back to it is then real again."""
    if isinstance(y, (int, float)):
        return x, y
    a, b = raw_dtype(x), raw_dtype(y)
    if (a.kind == "c") == (b.kind == "c"):
        return x, y
    from .shape import cast_p

    return (x, cast_p(y, dtype=a)) if a.kind == "c" else (cast_p(x, dtype=b), y)


def _function(prim: Primitive, impl: Any) -> Any:
    def function(x: Any, y: Any) -> Any:
        if type(x) is ndarray and type(y) is ndarray:  # in backward(): no need to look for tensors
            return impl(np, x, y)
        top = trace_of_floats((x, y))
        return prim(*_alike(x, y)) if top is None else top.process(prim, (x, y), {})

    function.__name__ = function.__qualname__ = prim.name
    function.__doc__ = prim.doc
    return function


mul0 = _function(mul0_p, _mul0)
mul00 = _function(mul00_p, _mul00)
div0 = _function(div0_p, _div0)


def zero(g: Any) -> Any:
    """Zeros of g's shape and dtype, also where g is infinite or NaN."""
    return mul00(g, 0)
