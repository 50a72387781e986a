"""Comparisons, logic, choices between two tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import BOOL, F32, F64, result_dtype
from ..core.eager import bind
from ..core.elementwise import cast_to, elementwise_call
from ..core.errors import ArgumentError, DTypeError, UnsupportedDTypeError
from ..core.exits import left
from ..core.state import special
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .kits import documented, elementwise, function_of

__all__ = [
    "allclose",
    "eq",
    "equal",
    "fmax",
    "fmin",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "maximum",
    "minimum",
    "ne",
    "not_equal",
    "where",
]
ndarray, asarray = np.ndarray, np.asarray
METHODS = tuple(n for n in __all__ if n != "where")
INPLACE = (
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
)


def _comparison(name: str, sign: str, ufunc: Any) -> Any:
    prim = elementwise(
        name, lambda xp, x, y: ufunc(x, y), None, None, out="bool", notation="{} " + sign + " {}", doc=f"x {sign} y."
    )
    op = function_of(prim)
    ordered = name not in ("eq", "ne")

    def compare(input: Any, other: Any, *, out: Any = None) -> Any:
        if type(input) is Tensor and out is None and not special.on:
            x = input._data
            dtype = x.dtype
            if dtype is F32 or dtype is F64:  # the usual cases, at once
                y, node = other, None
                if type(other) is Tensor:
                    y, node = other._data, other._node
                if type(y) is float or type(y) is int or (type(y) is ndarray and y.dtype is dtype):
                    try:
                        ans = asarray(ufunc(x, y))
                    except ValueError:
                        return op(input, other)  # which says what does not broadcast
                    if input._node is not None or node is not None:
                        left(name, (input._node, node))
                    return wrap(ans)
        if other is None or isinstance(other, str):
            return NotImplemented if ordered else (name == "ne")
        if ordered and (isinstance(other, complex) or raw_dtype(input).kind == "c" or raw_dtype(other).kind == "c"):
            raise UnsupportedDTypeError(f'"{name}" not implemented for complex numbers, which have no order')
        return op(input, other, out=out)

    compare.__name__ = compare.__qualname__ = name
    compare.prim = prim  # type: ignore[attr-defined]
    return documented(compare, f"input {sign} other, element by element.", 2, "numeric", "the result is bool")


eq = _comparison("eq", "==", np.equal)
ne = not_equal = _comparison("ne", "!=", np.not_equal)
lt = less = _comparison("lt", "<", np.less)
le = less_equal = _comparison("le", "<=", np.less_equal)
gt = greater = _comparison("gt", ">", np.greater)
ge = greater_equal = _comparison("ge", ">=", np.greater_equal)


def _real_only(name: str, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedDTypeError(f"{name} does not support complex inputs. Test x.real or x.imag")
    return x


def _test(name: str, function: Any, doc: str) -> Any:
    return function_of(elementwise(name, function, None, out="bool", doc=doc), "none")


isnan = _test("isnan", lambda xp, x: xp.isnan(x), "Is it NaN?")
isinf = _test("isinf", lambda xp, x: xp.isinf(x), "Is it infinite?")
isfinite = _test("isfinite", lambda xp, x: xp.isfinite(x), "Is it neither NaN nor infinite?")
isposinf = _test("isposinf", lambda xp, x: xp.isinf(x) & (_real_only("isposinf", x) > 0), "Is it +inf?")
isneginf = _test("isneginf", lambda xp, x: xp.isinf(x) & (_real_only("isneginf", x) < 0), "Is it -inf?")
isreal = _test("isreal", lambda xp, x: xp.isreal(x), "Is the imaginary part 0?")
logical_not = _test("logical_not", lambda xp, x: xp.logical_not(x), "Is it 0?")
logical_and = function_of(
    elementwise("logical_and", lambda xp, x, y: xp.logical_and(x, y), None, None, out="bool", doc="Are both not 0?")
)
logical_or = function_of(
    elementwise("logical_or", lambda xp, x, y: xp.logical_or(x, y), None, None, out="bool", doc="Is one of them not 0?")
)
logical_xor = function_of(
    elementwise(
        "logical_xor", lambda xp, x, y: xp.logical_xor(x, y), None, None, out="bool", doc="Is just one of them not 0?"
    )
)


def _share(g: Any, wins: Any, ties: Any) -> Any:
    """g where this operand wins, half of it at ties, else 0."""
    return where_p(wins, g, where_p(ties, g * 0.5, 0.0))


def _extremum(name: str, ufunc: Any, first_wins: Any, second_wins: Any, doc: str, ties: str) -> Any:
    even = ties is EVEN

    def impl(xp: Any, x: Any, y: Any) -> Any:
        if xp.result_type(x, y).kind == "c":
            raise UnsupportedDTypeError(f"{name} does not support complex inputs, which have no order")
        return ufunc(x, y)

    prim = elementwise(
        name,
        impl,
        lambda g, ans, x, y: _share(g, first_wins(x, y), x == y) if even else where_p(first_wins(x, y), g, 0.0),
        lambda g, ans, x, y: _share(g, second_wins(x, y), x == y) if even else where_p(second_wins(x, y), g, 0.0),
        doc=doc,
        fast=ufunc,
    )
    return function_of(prim, doc=f"{doc} {ties}")


EVEN, FIRST = "Ties share the gradient evenly.", "At ties the first gets the gradient."

maximum = _extremum(
    "maximum",
    np.maximum,
    lambda x, y: (x > y) | (x != x),
    lambda x, y: (y > x) | ((y != y) & (x == x)),
    "The larger one; NaN wins.",
    EVEN,
)
minimum = _extremum(
    "minimum",
    np.minimum,
    lambda x, y: (x < y) | (x != x),
    lambda x, y: (y < x) | ((y != y) & (x == x)),
    "The smaller one; NaN wins.",
    EVEN,
)
fmax = _extremum(
    "fmax",
    np.fmax,
    lambda x, y: (x >= y) | (y != y),
    lambda x, y: (y > x) | ((x != x) & (y == y)),
    "The larger one; NaN loses.",
    FIRST,
)
fmin = _extremum(
    "fmin",
    np.fmin,
    lambda x, y: (x <= y) | (y != y),
    lambda x, y: (y < x) | ((x != x) & (y == y)),
    "The smaller one; NaN loses.",
    FIRST,
)

where_p = elementwise(
    "where",
    lambda xp, c, x, y: xp.where(c, x, y),
    None,
    lambda g, ans, c, x, y: where_p(c, g, 0.0),
    lambda g, ans, c, x, y: where_p(c, 0.0, g),
    notation="where({}, {}, {})",
    doc="x where the condition holds, else y.",
    holomorphic=False,
)


def where(condition: Any, input: Any = None, other: Any = None, *, x: Any = None, y: Any = None) -> Any:
    """input where condition holds, else other; with the condition alone, the indices where it holds.

    The gradient goes to the branch taken, and the other branch gets exactly 0, also through operations whose derivative
    is infinite there.

    Shapes broadcast; the condition is bool; the result has the promoted dtype.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.0, 4.0], requires_grad=True)
    >>> cr.where(x > 0, x.sqrt(), x).sum().backward()
    >>> x.grad
    tensor([1.0000, 0.2500])
    """
    input, other = (x if input is None else input), (y if other is None else other)
    if input is None and other is None:
        from .masks import nonzero

        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise ArgumentError("where() takes a condition alone, or a condition and two values")
    kind = raw_dtype(condition)
    if type(input) is Tensor and kind is BOOL:
        dtype = input._data.dtype
        if dtype is F32 or dtype is F64:  # no promotion to be found out
            fits = other._data.dtype is dtype if type(other) is Tensor else type(other) is float or type(other) is int
            if fits:
                return bind(where_p, (condition, input, other), {})
    if kind.kind != "b":
        if kind != np.uint8:
            raise DTypeError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {kind}")
        condition = condition != 0
    dtype = result_dtype((input, other))
    values = []
    for v in (input, other):
        v = cast_to(v, dtype)
        values.append(np.asarray(v, dtype) if isinstance(v, (bool, int, float, complex)) else v)
    return elementwise_call(where_p, (condition, *values), "none")


def _where_method(self: Any, condition: Any, other: Any) -> Any:
    """This tensor where the condition holds, else other; see `where`."""
    return where(condition, self, other)


Tensor.where = _where_method  # type: ignore[attr-defined]


def isclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    """|input - other| <= atol + rtol |other|, element by element.

    >>> import chainrule as cr
    >>> cr.isclose(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    from .rounding import abs

    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise ArgumentError(f"isclose(): {name} must be greater than or equal to zero, but got {tolerance}")
    dtype = result_dtype((input, other))
    a, b = (
        np.asarray(x, dtype) if isinstance(x, (bool, int, float, complex)) else cast_to(x, dtype)
        for x in (input, other)
    )
    close = eq(a, b)
    if equal_nan:
        close = close | (isnan(a) & isnan(b))
    if dtype.kind == "b":
        return close
    return close | (isfinite(b) & (abs(a - b) <= atol + rtol * abs(b)))


def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Are all elements close?

    >>> import chainrule as cr
    >>> cr.allclose(cr.ones(2), cr.ones(2) + 1e-9)
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


def equal(input: Any, other: Any) -> bool:
    """Have two tensors the same shape and elements?

    >>> import chainrule as cr
    >>> cr.equal(cr.ones(2), cr.ones(2))
    True
    """
    return raw_shape(input) == raw_shape(other) and bool(eq(input, other).all())
