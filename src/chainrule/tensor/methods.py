"""Tensor's methods and operators, attached from the ops themselves.

An op module says with METHODS which of its functions are methods, with INPLACE which also have a form with a trailing
underscore, and with ATTRIBUTES which are properties (x.mT). There is no second list.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..core.value import Tensor
from .inplace import inplace_form

OPS = f"{__package__.rpartition('.')[0]}.ops."


def attach(module: ModuleType) -> None:
    """Give Tensor the methods, in-place methods and properties that an op module declares."""
    for name in getattr(module, "METHODS", ()):
        setattr(Tensor, name, getattr(module, name))
    for name in getattr(module, "INPLACE", ()):
        setattr(Tensor, name + "_", inplace_form(name, getattr(module, name)))
    for name in getattr(module, "ATTRIBUTES", ()):
        function = getattr(module, name)
        setattr(Tensor, name, property(function, doc=function.__doc__))


def attach_families() -> None:
    """attach() for every op module that is loaded."""
    for name in sorted(name for name in sys.modules if name.startswith(OPS)):
        attach(sys.modules[name])


FUNCTIONS_IN_PLACE = (
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil celu clamp clamp_max "
    "clamp_min clip conj_physical cos cosh deg2rad detach erf erfc exp exp2 expm1 fill fix floor frac gcd i0 index_put "
    "lcm ldexp log log10 log1p log2 logit nan_to_num neg negative rad2deg reciprocal relu round rsqrt selu sigmoid sin "
    "sinc sinh sqrt square tan tanh trunc xlogy zero"
)


def attach_functions(namespace: dict[str, Any]) -> None:
    """Put those in-place methods that PyTorch also has as functions (`torch.relu_(x)`) into a namespace."""
    for name in FUNCTIONS_IN_PLACE.split():
        method = getattr(Tensor, name + "_", None)
        if method is not None:
            namespace[name + "_"] = method


def swapped(function: Any) -> Any:
    """`other op self` for a binary op: Python calls it when the left operand does not know tensors."""

    def reflected(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return reflected
