"""A value that remembers its operands: the base of the articles' classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from chainrule import Tensor


class Remembering:
    """A chainrule tensor, the values it was made of, and the name of the operation that made it.

    Intermediate values keep their gradients too, as the articles show them, and backward() may be called again: then
    gradients add up, as everywhere in chainrule.
    """

    __slots__ = ("__weakref__", "label", "operands", "operation", "tensor")

    def __init__(self, tensor: Tensor, operands: tuple = (), operation: str = "", label: str = "") -> None:
        self.tensor = tensor
        self.operands = operands
        self.operation = operation
        self.label = label
        if tensor.requires_grad and not tensor.is_leaf:
            tensor.retain_grad()

    @classmethod
    def _made(cls, tensor: Tensor, operands: tuple = (), operation: str = "") -> Any:
        made = cls.__new__(cls)
        Remembering.__init__(made, tensor, operands, operation)
        return made

    @classmethod
    def _lift(cls, x: Any) -> Any:
        """`x` as a value of this class; numbers and arrays become constants, which get no gradient."""
        return x if isinstance(x, cls) else cls._made(cr.tensor(np.asarray(x, np.float64)))

    @classmethod
    def _apply(cls, operation: str, function: Callable, *given: Any) -> Any:
        """A new value, by `function` of the operands' tensors."""
        operands = tuple(cls._lift(x) for x in given)
        return cls._made(function(*(x.tensor for x in operands)), operands, operation)

    def backward(self, gradient: Any = None) -> None:
        """Gradients of this value, times `gradient` (ones if left out), added to `.grad` of all it was made of."""
        if gradient is None:
            seed = cr.ones_like(self.tensor)
        else:
            seed = gradient.tensor if isinstance(gradient, Remembering) else cr.tensor(np.asarray(gradient, np.float64))
        self.tensor.backward(seed.detach(), retain_graph=True)

    def ancestors(self) -> list:
        """This value and all it was made of, each once, operands before results."""
        order: list = []
        seen: set[int] = set()
        stack: list[tuple[Any, bool]] = [(self, False)]
        while stack:
            value, done = stack.pop()
            if done:
                order.append(value)
            elif id(value) not in seen:
                seen.add(id(value))
                stack.append((value, True))
                stack.extend((x, False) for x in reversed(value.operands) if id(x) not in seen)
        return order
