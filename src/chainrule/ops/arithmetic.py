"""Arithmetic: + - * / powers and their kin, element by element."""

from __future__ import annotations

import cmath
import math
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, INT64, category, is_inexact, result_dtype
from ..core.elementwise import cast_to, elementwise_call, require_tensor
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, UnsupportedDTypeError
from ..core.value import Tensor, raw_dtype
from ..core.writes import write_out
from .kits import elementwise, function_of, only_for, shown_as
from .safe import div0, mul0, zero
from .shape import cast_p

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


def inverse(xp: Any, x: Any) -> Any:
    """1 / x; of complex numbers as a quotient, which NumPy's reciprocal differs from at 0 and infinity."""
    return xp.reciprocal(x) if x.dtype.kind == "f" else xp.true_divide(xp.ones((), x.dtype), x)


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
    lambda g, ans, x: mul0(g, x + x),
    notation="{}^2",
    doc="Square, element by element.",
    backward_name="PowBackward0",
    fast=np.square,
)
reciprocal_p = elementwise(
    "reciprocal",
    inverse,
    lambda g, ans, x: -mul0(mul0(g, ans), ans),
    notation="1 / {}",
    doc="1 / x, element by element.",
    fast=np.reciprocal,
)


def _pow_base(g: Any, ans: Any, x: Any, y: Any) -> Any:
    """y x^(y - 1), and 0 where y is 0."""
    if isinstance(y, (int, float)):
        return zero(g) if y == 0 else mul0(g, pow_p(x, y - 1)) * y
    return mul0(mul0(g, y), pow_p(x, y - 1))


def _log_of(x: Any, into_complex: bool) -> Any:
    """log of a Python number, 0 for 0: the powers of 0 do not change with the exponent."""
    if x == 0:
        return 0.0
    if into_complex:
        return cmath.log(x)
    return math.log(x) if x > 0 else math.nan


def _pow_exponent(g: Any, ans: Any, x: Any, y: Any) -> Any:
    """x^y log(x), and 0 where x is 0 and y is not negative."""
    from .exponential import log

    if isinstance(x, (int, float, complex)):
        if x == 0 and not isinstance(y, complex) and raw_dtype(y).kind != "c":
            from .comparison import where

            return mul0(g, where(y < 0, -math.inf, 0.0))
        return mul0(mul0(g, ans), _log_of(x, raw_dtype(ans).kind == "c"))
    at_zero = (x == 0) if isinstance(y, complex) or raw_dtype(y).kind == "c" else (x == 0) & (y >= 0)
    return mul0(mul0(g, ans), log(x + cast_p(at_zero, dtype=raw_dtype(x))))


def _pow_impl(xp: Any, x: Any, y: Any) -> Any:
    """Small whole exponents by products, square roots by sqrt; integers stay integers."""
    if isinstance(y, (int, float)) and not isinstance(x, (int, float)):
        if x.dtype.kind in "fc":
            if y == 2:
                return xp.multiply(x, x)
            if y == 3:
                return xp.multiply(xp.multiply(x, x), x)
            if y == 4:
                square = xp.multiply(x, x)
                return xp.multiply(square, square)
            if y == 0.5:
                return xp.sqrt(x)
        elif y < 0:
            raise ArgumentError("Integers to negative integer powers are not allowed. Write x.float() ** y")
    dtype = xp.result_type(x, y)
    if dtype.kind == "b":
        return xp.logical_or(x, xp.logical_not(y))
    if dtype.kind == "i" and xp.any(xp.less(y, 0)):
        x, negative = xp.asarray(x, dtype), xp.less(y, 0)
        inverse = xp.where(x == 1, 1, xp.where(x == -1, 1 - 2 * (y & 1), 0))  # 1 / x rounded towards 0
        return xp.where(negative, inverse, xp.power(x, xp.where(negative, 0, y))).astype(dtype)
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


def _whole_division(ufunc: Any) -> Any:
    """The implementation by a ufunc, refusing what has no integer result."""

    def impl(xp: Any, x: Any, y: Any) -> Any:
        kind = xp.result_type(x, y).kind
        if kind == "b":
            raise UnsupportedDTypeError(
                "division with remainder is not implemented for bool; convert with x.int() first"
            )
        if kind in "iu" and not xp.all(y):
            raise ArgumentError("ZeroDivisionError: integer division or remainder by 0; convert with x.float() first")
        return ufunc(x, y)

    return impl


def _trunc_quotient(x: Any, y: Any) -> Any:
    """The quotient rounded towards 0; exact for integers of any size."""
    dtype = np.result_type(x, y)
    if dtype.kind not in "iu":
        return np.trunc(np.true_divide(x, y)).astype(dtype, copy=False)
    quotient = np.floor_divide(x, y)
    return quotient + ((np.remainder(x, y) != 0) & (quotient < 0)).astype(dtype)


floor_divide_p = elementwise(
    "floor_divide",
    _whole_division(np.floor_divide),
    None,
    None,
    notation="{} // {}",
    doc="floor(x / y).",
)
floor_quotient_p = elementwise(
    "floor_quotient",
    _whole_division(np.floor_divide),
    lambda g, ans, x, y: zero(g),
    lambda g, ans, x, y: zero(g),
    notation="floor({} / {})",
    doc="floor(x / y), with gradient 0.",
    backward_name="DivBackward0",
)
trunc_divide_p = elementwise(
    "trunc_divide",
    _whole_division(_trunc_quotient),
    lambda g, ans, x, y: zero(g),
    lambda g, ans, x, y: zero(g),
    notation="trunc({} / {})",
    doc="x / y rounded towards zero, with gradient 0.",
    backward_name="DivBackward0",
)
remainder_p = elementwise(
    "remainder",
    _whole_division(np.remainder),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -mul0(g, floor_quotient_p(x, y)),
    notation="{} mod {}",
    doc="x - y floor(x / y): the sign of y.",
    fast=np.remainder,
)
fmod_p = elementwise(
    "fmod",
    _whole_division(np.fmod),
    lambda g, ans, x, y: g,
    lambda g, ans, x, y: -mul0(g, trunc_divide_p(x, y)),
    notation="fmod({}, {})",
    doc="x - y trunc(x / y): the sign of x.",
    fast=np.fmod,
)


def _no_bool(args: tuple) -> None:
    """Refuse a subtraction in which a tensor, or both operands, are bool."""
    if any(isinstance(x, Tensor) for x in args):
        are = [isinstance(x, bool) or (isinstance(x, Tensor) and raw_dtype(x) == BOOL) for x in args]
        if all(are):
            raise DTypeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
                "`logical_xor()` operator instead."
            )
        if any(are):
            raise DTypeError(
                "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a "
                "mask, use the `~` or `logical_not()` operator instead; to count, convert with x.int()."
            )


sub_p._cache["operands"] = _no_bool
only_for(pow_p, "iufc")
add_op = function_of(add_p)
sub_op = function_of(sub_p)
div_op = function_of(div_p, "float")
mul = multiply = function_of(mul_p)
square_op = function_of(square_p, "numeric")
reciprocal = function_of(reciprocal_p)
floor_divide = function_of(floor_divide_p)
fmod = function_of(fmod_p)
remainder = function_of(remainder_p)
neg_op = function_of(neg_p, "numeric")
pow_op = function_of(pow_p)


def neg(input: Any, *, out: Any = None) -> Any:
    """Negative; bool has none.

    >>> import chainrule as cr
    >>> cr.neg(cr.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """
    if isinstance(input, Tensor) and raw_dtype(input) == BOOL:
        raise DTypeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return neg_op(input, out=out)


neg.prim = neg_p  # type: ignore[attr-defined]
negative = neg


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    """alpha other, in the dtype that `input` and `other` have together."""
    if isinstance(alpha, Tensor) or not (isinstance(input, Tensor) or isinstance(other, Tensor)):
        return mul(other, alpha)
    dtype = result_dtype((input, other))
    if isinstance(alpha, bool) and dtype != BOOL:
        raise DTypeError("Boolean alpha only supported for Boolean results. Write alpha=1, or leave it out")
    if isinstance(alpha, float) and not is_inexact(dtype):
        raise DTypeError(
            f"For integral input tensors, argument alpha must not be a floating point number: got {alpha} for {dtype}. "
            f"Write x.float(), or an integer"
        )
    if isinstance(alpha, complex) and dtype.kind != "c":
        raise DTypeError(
            f"For non-complex input tensors, argument alpha must not be a complex number: got {alpha} for {dtype}"
        )
    if dtype == BOOL:
        return other if alpha else mul(other, False)
    return mul(cast_to(other, dtype), alpha) if isinstance(other, Tensor) else other * alpha


def _older_order(name: str, factor: Any, *tensors: Any) -> tuple:
    """The factor and the tensors of PyTorch's older spelling, in which the factor stands first: x.add_(-lr, grad)."""
    number = not isinstance(factor, Tensor) and np.ndim(factor) == 0
    if number and len(tensors) == (2 if name.startswith("addc") else 1) and isinstance(tensors[-1], Tensor):
        return factor, *tensors
    given = ", ".join(type(x).__name__ for x in (factor, *tensors))
    right = f"x.{name}(y, z, value=c)" if name.startswith("addc") else f"x.{name}(y, alpha=c)"
    raise ArgumentTypeError(f"{name}() got too many positional arguments after the first: {given}. Write {right}")


def add(input: Any, other: Any, *older: Any, alpha: Any = 1, out: Any = None) -> Any:
    """input + alpha other.

    Tensors or numbers whose shapes broadcast; the result has the promoted dtype.

    >>> import chainrule as cr
    >>> cr.add(cr.tensor([1, 2]), 0.5)
    tensor([1.5000, 2.5000])
    """
    if older:
        alpha, other = _older_order("add", other, *older)
    return add_op(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha), out=out)


def sub(input: Any, other: Any, *older: Any, alpha: Any = 1, out: Any = None) -> Any:
    """input - alpha other; not for bool.

    >>> import chainrule as cr
    >>> cr.sub(cr.tensor([1.0, 2.0]), 3, alpha=2)
    tensor([-5., -4.])
    """
    if older:
        alpha, other = _older_order("sub", other, *older)
    return sub_op(input, other if alpha == 1 and alpha is not True else _scaled(input, other, alpha), out=out)


add.prim, sub.prim = add_p, sub_p  # type: ignore[attr-defined]
subtract = sub


@shown_as("RsubBackward0")
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha input.

    Tensors or numbers whose shapes broadcast; the result has the promoted dtype.

    >>> import chainrule as cr
    >>> cr.rsub(cr.tensor([1.0, 2.0]), 3)
    tensor([2., 1.])
    """
    return sub(other, input, alpha=alpha)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Any = None) -> Any:
    """input / other, integers as floats; rounding_mode "trunc" or "floor" rounds the quotient and keeps integers.

    >>> import chainrule as cr
    >>> cr.div(cr.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return div_op(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise ArgumentError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    prim = floor_quotient_p if rounding_mode == "floor" else trunc_divide_p
    res = elementwise_call(prim, (input, other), "numeric")
    return res if out is None else write_out(out, res)


div.prim = div_p  # type: ignore[attr-defined]
divide = true_divide = div


def square(input: Any, *, out: Any = None) -> Any:
    """input times itself; bool becomes int64.

    >>> import chainrule as cr
    >>> cr.square(cr.tensor([3, -2]))
    tensor([9, 4])
    """
    return square_op(_counted(input), out=out)


square.prim = square_p  # type: ignore[attr-defined]


def _counted(x: Any) -> Any:
    """bool as int64, other values as they are."""
    return cast_to(x, INT64) if isinstance(x, Tensor) and raw_dtype(x) == BOOL else x


def pow(input: Any, exponent: Any, *, out: Any = None) -> Any:
    """input to the power exponent. Integer tensors keep their dtype and take no negative Python number as exponent.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.0, 3.0], requires_grad=True)
    >>> (x**2).sum().backward()
    >>> x.grad
    tensor([0., 6.])
    """
    kind = exponent.__class__
    if (kind is int or kind is float) and isinstance(input, Tensor):
        dtype = raw_dtype(input)
        if dtype.kind in "fc":
            if exponent == 2:
                return square_op(input, out=out)
            if exponent == 0.5:
                from .exponential import sqrt

                return sqrt(input, out=out)
            if exponent == -1:
                return reciprocal(input, out=out)
            if out is None and (kind is int or dtype.kind != "c"):
                return pow_p(input, exponent)  # no promotion to be found out
        elif kind is int:
            if exponent < 0 and dtype.kind in "iub":
                raise ArgumentError("Integers to negative integer powers are not allowed. Write x.float() ** y")
            input = _counted(input)
    elif exponent is True and isinstance(input, Tensor) and raw_dtype(input) == BOOL:
        exponent, input = 1, _counted(input)
        return write_out(out, cast_to(pow_op(input, 1), BOOL)) if out is not None else cast_to(pow_op(input, 1), BOOL)
    return pow_op(input, exponent, out=out)


def float_power(input: Any, exponent: Any) -> Any:
    """input to the power exponent, in float64 (complex128 for complex operands).

    >>> import chainrule as cr
    >>> cr.float_power(cr.tensor([2, 3]), 2)
    tensor([4., 9.], dtype=torch.float64)
    """
    wide = np.dtype("c16" if category(result_dtype((input, exponent))) == 3 else "f8")
    return pow(cast_to(input, wide), cast_to(exponent, wide))


def positive(input: Any) -> Any:
    """The tensor itself; bool has no sign.

    >>> import chainrule as cr
    >>> cr.positive(cr.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    require_tensor("positive", input)
    if raw_dtype(input) == BOOL:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return input


@shown_as("AddcmulBackward0")
def addcmul(input: Any, tensor1: Any, tensor2: Any, *older: Any, value: Any = 1) -> Any:
    """input + value tensor1 tensor2.

    >>> import chainrule as cr
    >>> cr.addcmul(cr.ones(2), cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0]))
    tensor([4., 9.])
    """
    if older:
        value, tensor1, tensor2 = _older_order("addcmul", tensor1, tensor2, *older)
    product = mul(tensor1, tensor2)
    return add_op(input, product if value == 1 else mul(product, value))


@shown_as("AddcdivBackward0")
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *older: Any, value: Any = 1) -> Any:
    """input + value tensor1 / tensor2.

    >>> import chainrule as cr
    >>> cr.addcdiv(cr.ones(2), cr.tensor([1.0, 2.0]), cr.tensor([2.0, 2.0]), value=2)
    tensor([2., 3.])
    """
    if older:
        value, tensor1, tensor2 = _older_order("addcdiv", tensor1, tensor2, *older)
    quotient = div_op(tensor1, tensor2)
    return add_op(input, quotient if value == 1 else mul(quotient, value))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input).

    Shapes broadcast; one floating or complex dtype.

    >>> import chainrule as cr
    >>> cr.lerp(cr.tensor([0.0, 1.0]), cr.tensor([10.0, 11.0]), 0.5)
    tensor([5., 6.])
    """
    if not isinstance(weight, (int, float)) or abs(weight) < 0.5:
        return add_op(input, mul(weight, sub_op(end, input)))
    return sub_op(end, mul(sub_op(end, input), 1 - weight))
