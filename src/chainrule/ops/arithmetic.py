"""Arithmetic: + - * / powers and their kin, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import BOOL, category, result_dtype
from ..core.eager import cast_to, require_tensor, write_out
from ..core.errors import ArgumentError, DTypeError
from ..core.value import Tensor, raw_dtype
from .kits import elementwise, function_of
from .safe import div0, mul0

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "lerp",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "rsub",
    "square",
    "sub",
    "subtract",
    "true_divide",
]
METHODS = tuple(n for n in __all__ if n not in ("rsub",))
INPLACE = tuple(n for n in METHODS if n != "positive")

add_p = elementwise(
    "add",
    lambda xp, x, y: xp.add(x, y),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: g,
    notation="{} + {}",
    doc="Sum of two tensors, element by element.",
    fast=np.add,
)
sub_p = elementwise(
    "sub",
    lambda xp, x, y: xp.subtract(x, y),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g,
    notation="{} - {}",
    doc="Difference of two tensors, element by element.",
    fast=np.subtract,
)
mul_p = elementwise(
    "mul",
    lambda xp, x, y: xp.multiply(x, y),
    lambda g, ans, x, y: g * y,
    lambda g, ans, x, y: g * x,
    notation="{} {}",
    doc="Product of two tensors, element by element.",
    fast=np.multiply,
)
div_p = elementwise(
    "div",
    lambda xp, x, y: xp.true_divide(x, y),
    lambda g, ans, x, y: div0(g, y),
    lambda g, ans, x, y: -div0(mul0(g, ans), y),
    notation="{} / {}",
    doc="Quotient of two tensors, element by element.",
    fast=np.true_divide,
)
neg_p = elementwise(
    "neg", lambda xp, x: xp.negative(x), lambda g, ans, x: -g, notation="-{}", doc="Negative.", fast=np.negative
)
square_p = elementwise(
    "square",
    lambda xp, x: xp.multiply(x, x),
    lambda g, ans, x: g * (x + x),
    notation="{}^2",
    doc="Square, element by element.",
    backward_name="PowBackward0",
    fast=np.square,
)
reciprocal_p = elementwise(
    "reciprocal",
    lambda xp, x: xp.true_divide(xp.ones((), x.dtype), x),
    lambda g, ans, x: -mul0(g, ans * ans),
    notation="1 / {}",
    doc="1 / x, element by element.",
)


def _pow_base(g: Any, ans: Any, x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)):
        if y == 0:
            return g * 0
        return mul0(g, pow(x, y - 1) * y) if y < 1 else g * (pow(x, y - 1) * y)
    return mul0(g * y, pow(x, y - 1))


def _pow_exponent(g: Any, ans: Any, x: Any, y: Any) -> Any:
    from .exponential import log

    return mul0(g * ans, log(x + (x == 0)))


def _pow_impl(xp: Any, x: Any, y: Any) -> Any:
    if isinstance(y, int) and not isinstance(y, bool) and y < 0 and x.dtype.kind in "iu":
        raise ArgumentError("Integers to negative integer powers are not allowed.")
    return xp.power(x, y)


pow_p = elementwise(
    "pow",
    _pow_impl,
    _pow_base,
    _pow_exponent,
    notation="{}^{}",
    doc="x to the power y, element by element.",
    backward_name="PowBackward0",
)


def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    return xp.floor_divide(x, y)


floor_divide_p = elementwise(
    "floor_divide",
    _floor_divide,
    None,
    None,
    notation="{} // {}",
    doc="floor(x / y).",
    fast=np.floor_divide,
)
trunc_divide_p = elementwise(
    "trunc_divide",
    lambda xp, x, y: xp.trunc(xp.true_divide(x, y)).astype(xp.result_type(x, y)),
    None,
    None,
    notation="trunc({} / {})",
    doc="x / y rounded towards zero.",
)
remainder_p = elementwise(
    "remainder",
    lambda xp, x, y: xp.remainder(x, y),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g * floor(x / y),
    notation="{} mod {}",
    doc="x - y floor(x / y): the sign of y.",
    fast=np.remainder,
)
fmod_p = elementwise(
    "fmod",
    lambda xp, x, y: xp.fmod(x, y),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -g * trunc(x / y),
    notation="fmod({}, {})",
    doc="x - y trunc(x / y): the sign of x.",
    fast=np.fmod,
)

add_op = function_of(add_p)
sub_op = function_of(sub_p)
div_op = function_of(div_p, "float")
mul = multiply = function_of(mul_p)
square = function_of(square_p, "numeric")
reciprocal = function_of(reciprocal_p)
floor_divide = function_of(floor_divide_p)
fmod = function_of(fmod_p)
remainder = function_of(remainder_p)
neg_op = function_of(neg_p, "numeric")
pow_op = function_of(pow_p)


def neg(input: Any, *, out: Any = None) -> Any:
    """Negative; bool has none."""
    if isinstance(input, Tensor) and raw_dtype(input) == BOOL:
        raise DTypeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
            "`~` or `logical_not()` operator instead."
        )
    return neg_op(input, out=out)


neg.prim = neg_p  # type: ignore[attr-defined]
negative = neg


def add(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input + alpha other."""
    return add_op(input, other if alpha == 1 else mul(other, alpha), out=out)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
    """input - alpha other; not for bool."""
    for x in (input, other):
        if isinstance(x, bool) or (isinstance(x, Tensor) and raw_dtype(x) == BOOL):
            if all(isinstance(v, bool) or raw_dtype(v) == BOOL for v in (input, other)):
                raise DTypeError(
                    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                    "`logical_xor()` operator instead."
                )
            break
    return sub_op(input, other if alpha == 1 else mul(other, alpha), out=out)


add.prim, sub.prim = add_p, sub_p  # type: ignore[attr-defined]
subtract = sub


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha input."""
    return sub(other, input, alpha=alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """input / other; rounding_mode "trunc" or "floor" rounds the quotient."""
    if rounding_mode is None:
        return div_op(input, other, out=out)
    if rounding_mode == "floor":
        return floor_divide(input, other, out=out)
    if rounding_mode != "trunc":
        raise ArgumentError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    dtype = result_dtype((input, other))
    res = trunc_divide_p(cast_to(input, dtype), cast_to(other, dtype))
    return res if out is None else write_out(out, res)


div.prim = div_p  # type: ignore[attr-defined]
divide = true_divide = div


def floor(x: Any) -> Any:
    from .rounding import floor

    return floor(x)


def trunc(x: Any) -> Any:
    from .rounding import trunc

    return trunc(x)


def _is_integer(x: Any) -> bool:
    return not isinstance(x, (int, float)) and category(raw_dtype(x)) < 2


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """input to the power exponent. Integer tensors keep their dtype and take no negative integer powers."""
    if exponent.__class__ is int or (exponent.__class__ is float and not _is_integer(input)):
        if exponent == 2:
            return square(input, out=out)
        if exponent == 1 and not isinstance(input, Tensor):
            return input
        if exponent == 0.5 and isinstance(input, Tensor):
            from .exponential import sqrt

            return sqrt(input, out=out)
        if exponent == -1 and not isinstance(input, (int, float)) and raw_dtype(input).kind in "fc":
            return reciprocal(input, out=out)
    return pow_op(input, exponent, out=out)


def float_power(input: Any, exponent: Any) -> Any:
    """input to the power exponent, in float64 (complex128 for complex operands)."""
    wide = np.dtype("c16" if category(result_dtype((input, exponent))) == 3 else "f8")
    return pow(cast_to(input, wide), cast_to(exponent, wide))


def positive(input: Any) -> Any:
    """The tensor itself; bool has no sign."""
    require_tensor("positive", input)
    if raw_dtype(input) == BOOL:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return input


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value tensor1 tensor2."""
    product = mul(tensor1, tensor2)
    return add_op(input, product if value == 1 else mul(product, value))


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value tensor1 / tensor2."""
    quotient = div_op(tensor1, tensor2)
    return add_op(input, quotient if value == 1 else mul(quotient, value))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input)."""
    if not isinstance(weight, (int, float)) or abs(weight) < 0.5:
        return add_op(input, mul(weight, sub_op(end, input)))
    return sub_op(end, mul(sub_op(end, input), 1 - weight))


