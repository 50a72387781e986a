"""Symbols: raw values without numbers. Tensors hold them while a function is staged, so the tape works as always."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import TracedValueError
from ..core.primitive import PRIMITIVES
from ..core.provenance import describe, here
from .ir import Variable


class Symbol:
    """A value of the graph being staged; has a shape and a dtype, and operators that add equations."""

    __slots__ = ("dtype", "shape", "stage", "variable")
    __array_ufunc__ = None  # so that `ndarray * symbol` comes to __rmul__
    __chainrule_raw__ = True

    def __init__(self, stage: Any, variable: Variable) -> None:
        self.stage, self.variable = stage, variable
        self.shape, self.dtype = variable.shape, variable.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    def __repr__(self) -> str:
        return f"Symbol({self.variable})"

    def __len__(self) -> int:
        return self.shape[0]

    def conj(self) -> Any:
        """Complex conjugate; real symbols are returned as they are."""
        return PRIMITIVES["conj"](self) if self.dtype.kind == "c" else self

    def __getitem__(self, key: Any) -> Any:
        from ..ops.indexing import getitem

        return getitem(self, key)

    def concrete(self, what: str) -> np.ndarray:
        """There is no number here: raise the error that says so, at the user's line."""
        code, lasti = here(2)
        raise TracedValueError(
            f"{what} at {describe(code, lasti)} needs a concrete value, but the function is staged and this "
            f"value of shape {self.shape} is known only when the graph runs. Write where(condition, a, b), cond, scan "
            f"or while_loop instead of Python's if and while, and read numbers outside of the staged function."
        )

    def __bool__(self) -> bool:
        return bool(self.concrete("a Python branch"))

    def __float__(self) -> float:
        return float(self.concrete("float()"))

    def __int__(self) -> int:
        return int(self.concrete("int()"))

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        return self.concrete("conversion to a NumPy array")


def _operator(name: str, reflected: bool = False) -> Any:
    if reflected:
        return lambda self, other: PRIMITIVES[name](other, self)
    return lambda self, *others: PRIMITIVES[name](self, *others)


_OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "matmul": "matmul"}
_OPERATORS |= {"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor"}
for _dunder, _name in _OPERATORS.items():
    setattr(Symbol, f"__{_dunder}__", _operator(_name))
    setattr(Symbol, f"__r{_dunder}__", _operator(_name, reflected=True))
for _name in ("eq", "ne", "lt", "le", "gt", "ge", "neg"):
    setattr(Symbol, f"__{_name}__", _operator(_name))
Symbol.__invert__ = _operator("bitwise_not")  # type: ignore[attr-defined]
Symbol.__abs__ = _operator("abs")  # type: ignore[attr-defined]
Symbol.__hash__ = object.__hash__  # type: ignore[method-assign]
