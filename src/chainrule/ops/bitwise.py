"""Bits of integers, and greatest common divisors."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import result_dtype
from ..core.errors import UnsupportedDTypeError
from ..core.value import raw_dtype
from .kits import TYPE_NAMES, documented, elementwise, function_of

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "gcd",
    "lcm",
]
METHODS = INPLACE = tuple(__all__)


def _op(name: str, function: Any, sign: str = "") -> Any:
    notation = "{} " + sign + " {}" if sign else name + "({}, {})"
    op = function_of(elementwise(name, function, None, None, notation=notation, doc=f"{name} of integers."))

    on_bits = sign in ("&", "|", "^")
    takes = "integers and bool" if on_bits else "integers"

    def integers_only(input: Any, other: Any, *, out: Any = None) -> Any:
        kinds = raw_dtype(input).kind + raw_dtype(other).kind
        if "f" in kinds or "c" in kinds or (kinds == "bb" and not on_bits):
            kernel = f"{name.replace('bitwise_left_', 'l').replace('bitwise_right_', 'r')}_cpu"
            seen = result_dtype((input, other)).name
            raise UnsupportedDTypeError(f'"{kernel}" not implemented for {TYPE_NAMES[seen]!r}; {name} works on {takes}')
        return op(input, other, out=out)

    integers_only.__name__ = integers_only.__qualname__ = name
    return documented(integers_only, f"{name} of {takes}, element by element.", 2, "numeric")


bitwise_and = _op("bitwise_and", lambda xp, x, y: xp.bitwise_and(x, y), "&")
bitwise_or = _op("bitwise_or", lambda xp, x, y: xp.bitwise_or(x, y), "|")
bitwise_xor = _op("bitwise_xor", lambda xp, x, y: xp.bitwise_xor(x, y), "^")
bitwise_left_shift = _op("bitwise_left_shift", lambda xp, x, y: xp.left_shift(x, y), "<<")
bitwise_right_shift = _op("bitwise_right_shift", lambda xp, x, y: xp.right_shift(x, y), ">>")
gcd = _op("gcd", lambda xp, x, y: xp.gcd(x, y))
lcm = _op("lcm", lambda xp, x, y: xp.lcm(x, y))
_not = function_of(
    elementwise("bitwise_not", lambda xp, x: xp.invert(x), None, notation="~{}", doc="Every bit flipped."), "none"
)


def bitwise_not(input: Any, *, out: Any = None) -> Any:
    """Every bit flipped; logical not for bool.

    >>> import chainrule as cr
    >>> cr.bitwise_not(cr.tensor([0, 5]))
    tensor([-1, -6])
    """
    if raw_dtype(input).kind in "fc":
        raise UnsupportedDTypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return _not(input, out=out)
