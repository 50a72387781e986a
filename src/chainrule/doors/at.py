"""JAX's updates without writing: x.at[index].set(v), .add(v), .multiply(v) ... give a new tensor; x stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.value import Tensor
from .api import cr, tensor_of


class Places:
    """What `x.at` is: index it to say which elements the update is about."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __getitem__(self, index: Any) -> Place:
        return Place(self._tensor, index)

    def __repr__(self) -> str:
        return f"Places({self._tensor!r})"


class Place:
    """Elements of a tensor, `x.at[index]`; each method gives a new tensor of x's shape and dtype, differentiably.

    Where an index occurs several times, `add`, `subtract`, `multiply`, `divide`, `min` and `max` use all the values,
    and `set` one of them. Values broadcast to the shape of `x[index]`. An index out of range raises IndexError.

    >>> import chainrule as cr
    >>> x = cr.zeros(3)
    >>> x.at[1].set(5.0), x.at[cr.tensor([0, 0])].add(1.0), x
    (tensor([0., 5., 0.]), tensor([2., 0., 0.]), tensor([0., 0., 0.]))
    """

    __slots__ = ("_index", "_tensor")

    def __init__(self, tensor: Tensor, index: Any) -> None:
        self._tensor, self._index = tensor, index

    def _updated(self, update: Callable, values: Any) -> Tensor:
        """`update(flat, places, values)` of the tensor with one dimension, reshaped."""
        x = self._tensor
        places = cr.arange(x.numel()).reshape(tuple(x.shape))[self._index]
        v = cr.broadcast_to(tensor_of(values).to(x.dtype), tuple(places.shape))
        return update(x.reshape(-1), places.reshape(-1), v.reshape(-1)).reshape(tuple(x.shape))

    def _reduced(self, values: Any, how: str) -> Tensor:
        return self._updated(lambda x, i, v: cr.scatter_reduce(x, 0, i, v, how), values)

    def get(self) -> Tensor:
        """The elements: `x[index]`."""
        return self._tensor[self._index]

    def set(self, values: Any) -> Tensor:
        """With the elements replaced."""
        return self._updated(lambda x, i, v: cr.scatter(x, 0, i, v), values)

    def add(self, values: Any) -> Tensor:
        """With `values` added to the elements."""
        return self._updated(lambda x, i, v: cr.scatter_add(x, 0, i, v), values)

    def subtract(self, values: Any) -> Tensor:
        """With `values` subtracted from the elements."""
        return self.add(-tensor_of(values))

    def multiply(self, values: Any) -> Tensor:
        """With the elements multiplied by `values`."""
        return self._reduced(values, "prod")

    mul = multiply

    def divide(self, values: Any) -> Tensor:
        """With the elements divided by `values`."""
        return self._tensor / Place(cr.ones_like(self._tensor), self._index).multiply(values)

    def power(self, values: Any) -> Tensor:
        """With the elements raised to the powers `values`."""
        return self.set(cr.pow(self.get(), tensor_of(values)))

    def min(self, values: Any) -> Tensor:
        """With the smaller of the elements and `values`."""
        return self._reduced(values, "amin")

    def max(self, values: Any) -> Tensor:
        """With the larger of the elements and `values`."""
        return self._reduced(values, "amax")

    def apply(self, function: Callable) -> Tensor:
        """With a function of the elements in their place."""
        return self.set(function(self.get()))
