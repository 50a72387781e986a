"""A Tensor that remembers how it was made: `creators` and `creation_op`.

>>> a = Tensor(2)
>>> b = a * 3
>>> c = a + 2
>>> d = b + 4
>>> e = c * d
>>> e.backward()
>>> e, a.grad
(Tensor(40.0), array(22.))
>>> e.creators, e.creation_op
([Tensor(4.0), Tensor(10.0)], 'mul')
"""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr

from .remember import Remembering


class Tensor(Remembering):
    """An array (float64) with `data`, `grad` (None before backward), `creators` and `creation_op`."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, label: str = "") -> None:
        super().__init__(cr.tensor(np.array(data, np.float64), requires_grad=requires_grad), label=label)

    @property
    def data(self) -> np.ndarray:
        """The values."""
        return self.tensor.detach().numpy()

    @property
    def grad(self) -> np.ndarray | None:
        """What backward() brought here, or None."""
        grad = self.tensor.grad
        return None if grad is None else grad.detach().numpy()

    @property
    def creators(self) -> list[Tensor] | None:
        """The tensors that this one was made of, in the order of the operation; None for one made by the user."""
        return list(self.operands) or None

    @property
    def creation_op(self) -> str | None:
        """Name of the operation that made this tensor; None for one made by the user."""
        return self.operation or None

    def __repr__(self) -> str:
        return f"Tensor({self.data.tolist()})"

    def __add__(self, other: Any) -> Tensor:
        return self._apply("add", cr.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return self._apply("add", cr.add, other, self)

    def __sub__(self, other: Any) -> Tensor:
        return self._apply("sub", cr.sub, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return self._apply("sub", cr.sub, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return self._apply("mul", cr.mul, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return self._apply("mul", cr.mul, other, self)

    def __neg__(self) -> Tensor:
        return self._apply("neg", cr.neg, self)

    __array_ufunc__ = None  # an ndarray on the left leaves the operation to us

    def mm(self, other: Any) -> Tensor:
        """Matrix product A B, with dA = g B^T and dB = A^T g."""
        return self._apply("mm", cr.matmul, self, other)

    __matmul__ = mm

    def transpose(self) -> Tensor:
        """A^T."""
        return self._apply("transpose", lambda x: cr.transpose(x, 0, 1), self)
