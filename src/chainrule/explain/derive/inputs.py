"""A function's arguments, marked so that detach() is noted, and what it reads besides, by the names it has for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.primitive import PRIMITIVES
from ...core.pytree import tree_map
from ...core.state import state
from ...core.value import Tensor, Trace, Tracer, wrap


class _Marked(Tracer):
    __slots__ = ()


class _Marking(Trace):
    """Passes every primitive on. Among its values, detach() and no_grad() leave a stop_gradient behind."""

    transparent = True

    def box(self, value: Any) -> _Marked:
        t = object.__new__(_Marked)
        t._data, t._node, t._trace = value if isinstance(value, Tensor) else wrap(value), None, self
        return t

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        found = prim(*[a._data if self.owns(a) else a for a in args], **params)
        stopped = not state.grad_enabled and not prim.cut
        results = [PRIMITIVES["stop_gradient"](r) if stopped else r for r in (found if prim.n_out != 1 else (found,))]
        boxes = tuple(map(self.box, results))
        return boxes if prim.n_out != 1 else boxes[0]


def marking(f: Callable) -> Callable:
    """The same function, whose equations say where no derivative flows."""

    def marked(*args: Any) -> Any:
        trace = _Marking()
        found = f(*map(trace.box, args))
        return tree_map(lambda x: x._data if trace.owns(x) else x, found)

    return marked


def _seen(f: Callable) -> dict:
    try:
        seen = inspect.getclosurevars(inspect.unwrap(f))
    except TypeError:
        return {}
    return {**seen.globals, **seen.nonlocals}


def names_outside(f: Callable) -> dict[int, str]:
    """Names, by identity, of tensors in a function's closure and globals, and of the parameters of modules there."""
    found: dict[int, str] = {}
    for name, x in _seen(f).items():
        if isinstance(x, Tensor):
            found[id(x)] = name
        elif callable(getattr(x, "named_parameters", None)):
            found.update((id(p), f"{name}.{key}") for key, p in x.named_parameters())
    return found


def names_of_arrays(f: Callable) -> list[tuple[str, np.ndarray]]:
    """NumPy arrays in a function's closure and globals, with their names."""
    return [(name, x) for name, x in _seen(f).items() if isinstance(x, np.ndarray)]
