"""Activations made of straight pieces: clipped, shrunk or replaced beside a threshold."""

from __future__ import annotations

from typing import Any

from ..core.elementwise import elementwise_call
from ..core.errors import ArgumentError, DTypeError
from ..core.value import Tensor, raw_dtype
from .activations import apply
from .comparison import where
from .kits import elementwise

hardtanh_p = elementwise(
    "hardtanh",
    lambda xp, x, low, high: xp.minimum(xp.maximum(x, low), high),
    lambda g, ans, x, low, high: where((x > low) & (x < high), g, 0.0),
    None,
    None,
    doc="x limited to [low, high].",
)
tanhshrink_p = elementwise(
    "tanhshrink",
    lambda xp, x: x - xp.tanh(x),
    lambda g, ans, x: g * ((x - ans) * (x - ans)),
    doc="x - tanh(x).",
    backward_name="SubBackward0",
)
softshrink_p = elementwise(
    "softshrink",
    lambda xp, x, lambd: xp.where(x > lambd, x - lambd, xp.where(x < -lambd, x + lambd, x * 0)),
    lambda g, ans, x, lambd: where((x > lambd) | (x < -lambd), g, 0.0),
    None,
    doc="x moved towards zero by lambda, and zero where |x| is at most lambda.",
)
hardshrink_p = elementwise(
    "hardshrink",
    lambda xp, x, lambd: xp.where((x >= -lambd) & (x <= lambd), xp.zeros_like(x), x),
    lambda g, ans, x, lambd: where((x >= -lambd) & (x <= lambd), 0.0, g),
    None,
    doc="x, and zero where |x| is at most lambda.",
)
threshold_p = elementwise(
    "threshold",
    lambda xp, x, threshold, value: xp.where(x <= threshold, xp.asarray(value, x.dtype), x),
    lambda g, ans, x, threshold, value: where(x <= threshold, 0.0, g),
    None,
    None,
    doc="x where above the threshold, value elsewhere.",
)
hardsigmoid_p = elementwise(
    "hardsigmoid",
    lambda xp, x: xp.minimum(xp.maximum(x + 3, 0), 6) / 6,
    lambda g, ans, x: where((x > -3.0) & (x < 3.0), g / 6.0, 0.0),
    doc="x/6 + 1/2 limited to [0, 1].",
)
hardswish_p = elementwise(
    "hardswish",
    lambda xp, x: x * (xp.minimum(xp.maximum(x + 3, 0), 6) / 6),
    lambda g, ans, x: where(x >= 3.0, g, where(x > -3.0, g * (x / 3.0 + 0.5), 0.0)),
    doc="x hardsigmoid(x).",
)


def relu6(input: Any, inplace: bool = False) -> Any:
    """min(max(x, 0), 6).

    Input of any shape and a real dtype; the result has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.relu6(cr.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


def tanhshrink(input: Any) -> Any:
    """x - tanh(x).

    Input of any shape; the result has its shape, and its dtype if that is floating or complex.

    >>> import chainrule as cr
    >>> cr.nn.functional.tanhshrink(cr.tensor([0.0, 1.0]))
    tensor([0.0000, 0.2384])
    """
    return apply(tanhshrink_p, False, input)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """x - lambd above lambd, x + lambd below -lambd, 0 between.

    Input of any shape and a floating dtype; the output has both. A negative `lambd` raises RuntimeError.

    >>> import chainrule as cr
    >>> cr.nn.functional.softshrink(cr.tensor([-1.0, 0.2, 1.0]))
    tensor([-0.5000,  0.0000,  0.5000])
    """
    if lambd < 0:
        raise ArgumentError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    return apply(softshrink_p, False, input, lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Any:
    """x where |x| > lambd, 0 elsewhere.

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.hardshrink(cr.tensor([-1.0, 0.2]))
    tensor([-1.,  0.])
    """
    return apply(hardshrink_p, False, input, lambd)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """x limited to [min_val, max_val]; the derivative is 0 at both ends.

    Input of any shape; the result has its shape and dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.hardtanh(cr.tensor([-3.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """
    if min_val > max_val:
        raise ArgumentError(f"min_val cannot be greater than max_val, got {min_val} and {max_val}")
    kind = raw_dtype(input).kind if isinstance(input, Tensor) else "f"
    if kind == "b":
        raise DTypeError("Bool inputs not supported for hardtanh; write x.float()")
    if kind in "iu":
        if kind == "u" and min_val < 0:
            raise DTypeError("cannot do hardtanh on an unsigned type with negative limits; write x.int()")
        result = elementwise_call(hardtanh_p, (input, int(min_val), int(max_val)), "numeric")
        return input.copy_(result) if inplace else result
    return apply(hardtanh_p, inplace, input, min_val, max_val)


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """x / 6 + 1 / 2 limited to [0, 1].

    Input of any shape and a floating dtype; the output has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.hardsigmoid(cr.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """
    return apply(hardsigmoid_p, inplace, input)


def hardswish(input: Any, inplace: bool = False) -> Any:
    """x hardsigmoid(x).

    Input of any shape and a floating dtype; the output has both. Howard et al. 2019.

    >>> import chainrule as cr
    >>> cr.nn.functional.hardswish(cr.tensor([-4.0, 1.0]))
    tensor([-0.0000, 0.6667])
    """
    return apply(hardswish_p, inplace, input)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """x where x > threshold, value elsewhere.

    Input of any shape and a real dtype; the result has both.

    >>> import chainrule as cr
    >>> cr.threshold(cr.tensor([-1.0, 2.0]), 0.5, 9.0)
    tensor([9., 2.])
    """
    result = elementwise_call(threshold_p, (input, threshold, value), "numeric")
    return input.copy_(result) if inplace else result


__all__ = ["hardshrink", "threshold"]
METHODS = ("hardshrink",)
INPLACE = ()
