"""Rounding, signs, absolute values and clamping."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import F32, F64
from ..core.eager import bind
from ..core.elementwise import cast_to, elementwise_call, require_tensor
from ..core.errors import ArgumentError, UnsupportedDTypeError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype
from ..core.writes import write_out
from .kits import elementwise, function_of, only_for, opaque, spec_of
from .safe import mul0, zero

__all__ = [
    "abs",
    "absolute",
    "ceil",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "copysign",
    "fix",
    "floor",
    "frac",
    "heaviside",
    "nan_to_num",
    "nextafter",
    "round",
    "sgn",
    "sign",
    "signbit",
    "trunc",
]
METHODS = tuple(__all__)
INPLACE = tuple(n for n in METHODS if n != "signbit")


def _zero(g: Any, ans: Any, x: Any) -> Any:
    return zero(g)


def _sign_impl(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedDTypeError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use chainrule.sgn instead."
        )
    return x.copy() if x.dtype.kind == "b" else xp.sign(x)


def _integers_kept(function: Any) -> Any:
    """Integers are already rounded."""
    return lambda xp, x: x.copy() if x.dtype.kind in "biu" else function(xp, x)


floor_p = elementwise(
    "floor", _integers_kept(lambda xp, x: xp.floor(x)), _zero, doc="Largest integer <= x.", fast=np.floor
)
ceil_p = elementwise(
    "ceil", _integers_kept(lambda xp, x: xp.ceil(x)), _zero, doc="Smallest integer >= x.", fast=np.ceil
)
trunc_p = elementwise(
    "trunc", _integers_kept(lambda xp, x: xp.trunc(x)), _zero, doc="x rounded towards 0.", fast=np.trunc
)
round_p = elementwise(
    "round",
    _integers_kept(lambda xp, x: xp.rint(x)),
    _zero,
    doc="Nearest integer, halves to the even one.",
    fast=np.rint,
)
sign_p = elementwise("sign", _sign_impl, _zero, doc="-1, 0 or 1; NaN of NaN.")


def _abs_rule(g: Any, ans: Any, x: Any) -> Any:
    return mul0(g, sgn(x))


def _abs_jvp(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    if raw_dtype(x).kind != "c":
        return mul0(tangents[0], sgn(x))
    from .complex import real

    return real(sgn(x).conj() * tangents[0])


abs_p = opaque(
    "abs",
    lambda xp, x: x.copy() if x.dtype.kind == "b" else xp.abs(x),
    lambda x: _real_spec(x),
    vjp=(_abs_rule,),
    jvp=_abs_jvp,
    batch=lambda prim, args, b: prim(args[0]),
    notation="|{}|",
    doc="Absolute value; its gradient at 0 is 0.",
    undoes_broadcast=True,
    fast=np.abs,
)


def _real_spec(x: Any) -> Any:
    dtype = np.dtype(f"f{x.dtype.itemsize // 2}") if x.dtype.kind == "c" else x.dtype
    return Spec(x.shape, dtype)


def _sgn_impl(xp: Any, x: Any) -> Any:
    return x.copy() if x.dtype.kind == "b" else xp.sign(x)


def _sgn_rule(g: Any, ans: Any, x: Any) -> Any:
    """Zero for real x; (g - ans real(conj(ans) g)) / |x| for complex x, 0 at 0."""
    if raw_dtype(x).kind != "c":
        return zero(g)
    from .complex import real
    from .safe import div0
    from .shape import cast_p

    size = cast_p(abs(x), dtype=raw_dtype(x))
    part = cast_p(real(ans.conj() * g), dtype=raw_dtype(x))
    tangential = (g - ans * part) * cast_p(abs(ans), dtype=raw_dtype(x))
    return div0(tangential, size)


sgn_p = elementwise("sgn", _sgn_impl, _sgn_rule, holomorphic=False, doc="x / |x|, 0 at 0.")


def _signbit(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedDTypeError("signbit is not implemented for complex tensors. Test x.real or x.imag")
    return xp.signbit(x) if x.dtype.kind == "f" else x < 0


signbit_p = elementwise(
    "signbit",
    _signbit,
    None,
    out="bool",
    doc="Is the sign bit set?",
)


def _copysign_rule(g: Any, ans: Any, x: Any, y: Any) -> Any:
    return g * sign(x) * sign(ans)


copysign_p = elementwise(
    "copysign",
    lambda xp, x, y: xp.copysign(x, y),
    _copysign_rule,
    lambda g, ans, x, y: zero(g),
    doc="|x| with the sign of y.",
    fast=np.copysign,
)
nextafter_p = elementwise(
    "nextafter",
    lambda xp, x, y: xp.nextafter(x, y),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: zero(g),
    doc="Next float towards y.",
    fast=np.nextafter,
)
frac_p = elementwise(
    "frac",
    lambda xp, x: xp.subtract(x, xp.trunc(x)) if x.dtype.kind == "f" else xp.zeros_like(x),
    lambda g, ans, x: g,
    doc="x - trunc(x), with x's gradient.",
)
heaviside_p = elementwise(
    "heaviside", lambda xp, x, y: xp.heaviside(x, y).astype(x.dtype), None, None, doc="0, y or 1 by the sign of x."
)


def _nan_to_num_impl(xp: Any, x: Any, *, nan: float, posinf: Any, neginf: Any) -> Any:
    return xp.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf) if x.dtype.kind in "fc" else x.copy()


def _finite_mask(g: Any, x: Any) -> Any:
    from .comparison import isfinite, where_p

    return where_p(isfinite(x), g, 0.0)


nan_to_num_p = opaque(
    "nan_to_num",
    _nan_to_num_impl,
    lambda x, **params: spec_of(x),
    vjp=(lambda g, ans, x, *, nan, posinf, neginf: _finite_mask(g, x),),
    jvp=lambda prim, tangents, ans, x, **params: _finite_mask(tangents[0], x),
    batch=lambda prim, args, b, **params: prim(args[0], **params),
    doc="NaN and infinities replaced by numbers.",
)


def _clamp_impl(xp: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.minimum(xp.maximum(x, low), high).astype(x.dtype, copy=False)


clamp_p = elementwise(
    "clamp",
    _clamp_impl,
    lambda g, ans, x, low, high: _masked(g, (x >= low) & (x <= high)),
    lambda g, ans, x, low, high: _masked(g, (x < low) & (low < high)),
    lambda g, ans, x, low, high: _masked(g, (x > high) | (low > high)),
    doc="x limited to [low, high]; the gradient passes on both boundaries.",
)
clamp_min_p = elementwise(
    "clamp_min",
    lambda xp, x, low: xp.maximum(x, low),
    lambda g, ans, x, low: _masked(g, x >= low),
    lambda g, ans, x, low: _masked(g, x < low),
    doc="x, at least low.",
)
clamp_max_p = elementwise(
    "clamp_max",
    lambda xp, x, high: xp.minimum(x, high),
    lambda g, ans, x, high: _masked(g, x <= high),
    lambda g, ans, x, high: _masked(g, x > high),
    doc="x, at most high.",
)


def _masked(g: Any, mask: Any) -> Any:
    from .comparison import where_p

    return where_p(mask, g, 0.0)


for _prim in (floor_p, ceil_p, trunc_p, round_p):
    only_for(_prim, "iuf", f"{_prim.name}_vml_cpu")
only_for(nextafter_p, "f", "nextafter_cpu")
floor, ceil, trunc = (function_of(p, "numeric") for p in (floor_p, ceil_p, trunc_p))
fix = trunc
sign, sgn, signbit = (function_of(p, "numeric") for p in (sign_p, sgn_p, signbit_p))
_round = function_of(round_p, "numeric")
frac = function_of(frac_p, "numeric")
copysign = function_of(copysign_p, "float")
nextafter, heaviside = function_of(nextafter_p), function_of(heaviside_p)
abs = absolute = function_of(abs_p, "numeric")


def round(input: Any, *, decimals: int = 0, out: Any = None) -> Any:
    """x to the nearest multiple of 10^-decimals, halves to the even one; its gradient is 0.

    A tensor of any shape and a real dtype; both stay.

    >>> import chainrule as cr
    >>> cr.round(cr.tensor([0.5, 1.5, 2.55]))
    tensor([0., 2., 3.])
    """
    if decimals == 0:
        return _round(input, out=out)
    scale, dtype = 10.0 ** builtin_abs(decimals), raw_dtype(input)
    if dtype.kind in "biu":
        if decimals > 0:
            return _round(input, out=out)
        return cast_to(_round(cast_to(input, np.dtype("f8")) / scale) * scale, dtype)
    res = _round(input * scale) / scale if decimals > 0 else _round(input / scale) * scale
    return res if out is None else write_out(out, res)


def builtin_abs(n: int) -> int:
    """Python's abs, which this module's name hides."""
    return -n if n < 0 else n


def nan_to_num(input: Any, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """NaN replaced by `nan`, infinities by `posinf` and `neginf` (default: the largest finite values).

    A tensor of any shape; shape and dtype stay.

    >>> import chainrule as cr
    >>> cr.nan_to_num(cr.tensor([1.0, cr.nan]))
    tensor([1., 0.])
    """
    require_tensor("nan_to_num", input)
    return nan_to_num_p(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


NUMBERS = (int, float)


def clamp(input: Any, min: Any = None, max: Any = None, *, out: Any = None) -> Any:
    """x limited to [min, max]; either may be left out, numbers or tensors.

    >>> import chainrule as cr
    >>> cr.clamp(cr.tensor([-2., 0.5, 3.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if type(input) is Tensor and type(min) in NUMBERS and type(max) in NUMBERS and out is None:
        dtype = input._data.dtype
        if dtype is F32 or dtype is F64:  # no promotion to be found out
            return bind(clamp_p, (input, min, max), {})
    require_tensor("clamp", input)
    if any(x is not None and raw_dtype(x).kind == "c" for x in (input, min, max)):
        raise UnsupportedDTypeError("clamp is not supported for complex types")
    if min is None and max is None:
        raise ArgumentError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if max is None:
        res = elementwise_call(clamp_min_p, (input, min), "numeric")
    elif min is None:
        res = elementwise_call(clamp_max_p, (input, max), "numeric")
    else:
        res = elementwise_call(clamp_p, (input, min, max), "numeric")
    return res if out is None else write_out(out, res)


clip = clamp


def clamp_min(input: Any, min: Any) -> Any:
    """x, at least min.

    Shapes broadcast; the result has the promoted dtype.

    >>> import chainrule as cr
    >>> cr.clamp_min(cr.tensor([1.0, 5.0]), 2.0)
    tensor([2., 5.])
    """
    return clamp(input, min)


def clamp_max(input: Any, max: Any) -> Any:
    """x, at most max.

    Shapes broadcast; the result has the promoted dtype.

    >>> import chainrule as cr
    >>> cr.clamp_max(cr.tensor([1.0, 5.0]), 2.0)
    tensor([1., 2.])
    """
    return clamp(input, None, max)
