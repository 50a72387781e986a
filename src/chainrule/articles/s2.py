"""A scalar Value with data, grad, label, op and prev, after micrograd.

>>> a, b = Value(-2.0, label="a"), Value(3.0, label="b")
>>> f = (a * b) * (a + b)
>>> f.backward()
>>> f, a.grad, b.grad
(Value(data=-6.0), -3.0, -8.0)
"""

from __future__ import annotations

from typing import Any

import chainrule as cr

from .remember import Remembering


class Value(Remembering):
    """A number that remembers what it was made of. `grad` is 0.0 until backward() brings one."""

    __slots__ = ()

    def __init__(self, data: float, label: str = "") -> None:
        super().__init__(cr.tensor(float(data), dtype=cr.float64, requires_grad=True), label=label)

    @property
    def data(self) -> float:
        """The number."""
        return self.tensor.item()

    @data.setter
    def data(self, number: float) -> None:
        if self.operands:
            raise ValueError(
                f"{self!r} was computed, by {self.op!r}; set the data of a value that was not, and recompute"
            )
        self.tensor.data = cr.tensor(float(number), dtype=cr.float64)

    @property
    def grad(self) -> float:
        """Derivative of the value that backward() was called on, by this one."""
        grad = self.tensor.grad
        return 0.0 if grad is None else grad.item()

    @grad.setter
    def grad(self, number: float) -> None:
        self.tensor.grad = cr.tensor(float(number), dtype=cr.float64) if number else None

    @property
    def op(self) -> str:
        """The operation that made this value; '' for one made by the user."""
        return self.operation

    @property
    def prev(self) -> tuple[Value, ...]:
        """The values this one was made of."""
        return self.operands

    _op, _prev = op, prev  # micrograd's spelling

    def __repr__(self) -> str:
        return f"Value(data={self.data})"

    def __add__(self, other: Any) -> Value:
        return self._apply("+", cr.add, self, other)

    def __radd__(self, other: Any) -> Value:
        return self._apply("+", cr.add, other, self)

    def __sub__(self, other: Any) -> Value:
        return self._apply("-", cr.sub, self, other)

    def __rsub__(self, other: Any) -> Value:
        return self._apply("-", cr.sub, other, self)

    def __mul__(self, other: Any) -> Value:
        return self._apply("*", cr.mul, self, other)

    def __rmul__(self, other: Any) -> Value:
        return self._apply("*", cr.mul, other, self)

    def __truediv__(self, other: Any) -> Value:
        return self._apply("/", cr.div, self, other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._apply("/", cr.div, other, self)

    def __pow__(self, other: Any) -> Value:
        return self._apply("**", cr.pow, self, other)

    def __rpow__(self, other: Any) -> Value:
        return self._apply("**", cr.pow, other, self)

    def __neg__(self) -> Value:
        return self._apply("neg", cr.neg, self)

    def __float__(self) -> float:
        return self.data

    def tanh(self) -> Value:
        """Hyperbolic tangent; its derivative is 1 - tanh^2. Large arguments give 1."""
        return self._apply("tanh", cr.tanh, self)

    def exp(self) -> Value:
        """e to this power."""
        return self._apply("exp", cr.exp, self)

    def log(self) -> Value:
        """Natural logarithm."""
        return self._apply("log", cr.log, self)

    def relu(self) -> Value:
        """max(0, x)."""
        return self._apply("relu", cr.relu, self)

    def sigmoid(self) -> Value:
        """1 / (1 + e^-x)."""
        return self._apply("sigmoid", cr.sigmoid, self)
