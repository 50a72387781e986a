"""Vectorisation at one level: a Batched value stands for one example of many; the batch dimension of `_data` is 0."""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np

from ..core.drawing import random_error, running
from ..core.eager import bind
from ..core.errors import TracedValueError
from ..core.primitive import Primitive
from ..core.provenance import describe, here
from ..core.state import state
from ..core.value import Tensor, Tracer, new_object, raw_shape
from .level import Level, below, escaped, size_of

RANDOMNESS = ("error", "same", "different")


class Batched(Tracer):
    """One example of a batch: `shape` and the rest describe the example, `_data` holds all of them."""

    __slots__ = ()

    shape = property(lambda self: size_of(self._data.shape[1:]))  # type: ignore[assignment]
    ndim = property(lambda self: len(self._data.shape) - 1)  # type: ignore[assignment]

    def dim(self) -> int:
        """Number of dimensions of the example."""
        return len(self._data.shape) - 1

    ndimension = dim

    def numel(self) -> int:
        """Number of elements of the example."""
        return prod(self._data.shape[1:])

    nelement = numel

    def __len__(self) -> int:
        if len(self._data.shape) < 2:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[1]

    def __iter__(self) -> Any:
        if len(self._data.shape) < 2:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(self._data.shape[1])])  # type: ignore[index]

    def __bool__(self) -> bool:
        code, lasti = here(2)
        raise TracedValueError(
            f"vmap: bool() of a batched tensor at {describe(code, lasti)}: every example may take another branch, so "
            f"data-dependent control flow by Python's if, while, and, or is not possible. Write "
            f"where(condition, a, b), or func.cond, func.while_loop, func.scan."
        )


class BatchTrace(Level):
    """vmap at one level, over `size` examples."""

    name = "vmap"
    transparent = False

    def __init__(self, size: int, randomness: str = "error") -> None:
        super().__init__()
        self.size, self.randomness = size, randomness

    def __enter__(self) -> Any:
        self.outer = state.grad_enabled
        running.stack = (*running.stack, self)
        return self

    def __exit__(self, *exc: object) -> None:
        running.stack = tuple(t for t in running.stack if t is not self)
        state.set_grad(self.outer)
        self.alive = False

    def batched(self, value: Any) -> Batched:
        """A value of this trace; `value` is one level down with the batch dimension in front."""
        t = new_object(Batched)
        t._trace = self
        t._data = value
        t._node = None
        return t

    def whole(self, out: Any) -> Any:
        """The lower value of an output with its batch dimension in front (repeated if it has none)."""
        if type(out) is Batched and out._trace is self:
            return out._data
        return repeat(below(out), self.size)

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive's batch rule to the lower values."""
        if not self.alive:
            raise escaped(self.name, prim)
        values, is_batched = [], []
        for a in args:
            if isinstance(a, Tensor):
                if type(a) is Batched and a._trace is self:
                    values.append(a._data)
                    is_batched.append(True)
                    continue
                if type(a) is Tensor and a._node is None and state.stage is None:
                    a = a._data
            values.append(a)
            is_batched.append(False)
        if prim.effect == "random":
            ans = self.draw(prim, values, is_batched, params)
        elif prim.batch is not None:
            ans = prim.batch(prim, values, is_batched, **params)
        else:
            warnings.warn(
                f"vmap: there is no batch rule for '{prim.name}'; falling back to a loop over the {self.size} examples",
                UserWarning,
                stacklevel=4,
            )
            ans = loop(prim, values, is_batched, params, self.size)
        if prim.n_out == 1:
            t = new_object(Batched)
            t._trace = self
            t._data = ans
            t._node = None
            return t
        return tuple([self.batched(a) for a in ans])

    def draw(self, prim: Primitive, values: list, is_batched: list, params: dict) -> Any:
        """A primitive that draws random numbers, by the randomness that vmap was given."""
        if self.randomness == "error":
            raise random_error(prim.name)
        if self.randomness == "different":
            if prim.batch is not None:
                return prim.batch(prim, values, is_batched, **params)
            return loop(prim, values, is_batched, params, self.size)
        return loop(prim, values, is_batched, params, self.size, same=True)


def first(x: Any, i: int) -> Any:
    """Element `i` along dimension 0 of a lower value."""
    return x[i]


def pile(values: list) -> Any:
    """Stack lower values along a new dimension 0."""
    if not any(isinstance(v, Tensor) for v in values) and state.stage is None:
        return np.stack([np.asarray(v) for v in values])
    from ..ops.joining import stack

    return stack([v if isinstance(v, Tensor) else _tensor(v) for v in values], 0)


def _tensor(x: Any) -> Any:
    from .level import public

    return public(x)


def loop(prim: Primitive, values: list, is_batched: list, params: dict, size: int, same: bool = False) -> Any:
    """The answer for each example, one after the other; `same` rewinds the generator before each."""
    results = []
    rng = generator_state() if same else None
    for i in range(size):
        if rng is not None:
            rewind(rng)
        example = tuple([first(v, i) if b else v for v, b in zip(values, is_batched, strict=True)])
        results.append(bind(prim, example, params))
    if not results:
        specs = prim.aval(*[_example_spec(v, b) for v, b in zip(values, is_batched, strict=True)], **params)
        if prim.n_out == 1:
            return np.zeros((0, *specs.shape), specs.dtype)
        return tuple(np.zeros((0, *s.shape), s.dtype) for s in specs)
    if prim.n_out == 1:
        return pile(results)
    return tuple(pile(list(column)) for column in zip(*results, strict=True))


def _example_spec(v: Any, batched: bool) -> Any:
    from ..core.tape import Spec
    from ..core.value import raw_dtype

    shape = raw_shape(v)
    return Spec(shape[1:] if batched else shape, raw_dtype(v))


def generator_state() -> Any:
    """State of the default random generator, or None while there is none."""
    try:
        from ..ops.random import get_rng_state
    except ImportError:
        return None
    return get_rng_state()


def rewind(found: Any) -> None:
    """Put the default random generator back into a state."""
    from ..ops.random import set_rng_state

    set_rng_state(found)


def repeat(x: Any, size: int) -> Any:
    """A lower value with a new leading dimension along which it repeats."""
    from ..ops.shape import broadcast_to_p

    if not isinstance(x, Tensor) and not hasattr(x, "shape"):
        x = np.asarray(x)
    return broadcast_to_p(x, shape=(size, *raw_shape(x)))


def to_front(x: Any, dim: int) -> Any:
    """Move dimension `dim` of a lower value to the front."""
    if dim == 0:
        return x
    from ..ops.shape import permute_p

    ndim = len(raw_shape(x))
    return permute_p(x, dims=(dim, *[d for d in range(ndim) if d != dim]))


def from_front(x: Any, dim: int) -> Any:
    """Move the leading dimension of a lower value to place `dim`."""
    if dim == 0:
        return x
    from ..ops.shape import permute_p

    order = list(range(1, len(raw_shape(x))))
    order.insert(dim, 0)
    return permute_p(x, dims=tuple(order))
