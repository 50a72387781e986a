"""Python's operators on tensors. Hot ones are the op functions themselves, so that `x * y` is one Python call."""

from __future__ import annotations

from typing import Any

from ..core.elementwise import binary
from ..core.primitive import renamed
from ..core.value import Tensor
from ..ops.arithmetic import pow_p, sub_p
from .methods import swapped

_BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
_COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
_UNARY = {"neg": "neg", "abs": "abs", "invert": "bitwise_not", "pos": "positive"}


def attach_operators(functions: dict[str, Any], hot: dict[str, Any]) -> None:
    """Set the operator methods of Tensor from public functions by name; `hot` has the bare forms of some of them."""
    for dunder, name in _BINARY.items():
        function = hot.get(name, functions[name])
        setattr(Tensor, f"__{dunder}__", function)
        setattr(Tensor, f"__r{dunder}__", function if name in ("add", "mul") else swapped(function))
        if hasattr(Tensor, name + "_"):
            setattr(Tensor, f"__i{dunder}__", getattr(Tensor, name + "_"))
    for dunder, prim, shown in (("sub", sub_p, "RsubBackward1"), ("pow", pow_p, "PowBackward2")):
        setattr(Tensor, f"__r{dunder}__", swapped(binary(renamed(prim, shown))))  # PyTorch's names for number op tensor
    for name in _COMPARE:
        setattr(Tensor, f"__{name}__", functions[name])
    for dunder, name in _UNARY.items():
        setattr(Tensor, f"__{dunder}__", functions[name])
    Tensor.__hash__ = object.__hash__  # type: ignore[method-assign]
