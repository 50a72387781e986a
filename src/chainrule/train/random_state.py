"""Every source of random numbers that a run can draw from: found, read and put back."""

from __future__ import annotations

import random
import types
from typing import Any

import numpy as np

from ..core.value import Tensor
from ..ops.generators import Generator, default_generator

SOURCES = (Generator, np.random.Generator, np.random.RandomState, random.Random)
_OPAQUE = (Tensor, np.ndarray, np.generic, str, bytes, int, float, complex, type, types.ModuleType, types.FunctionType)
DEPTH, WIDTH = 40, 1000  # how far to look into objects, and how long lists may be to be looked into


def find(**roots: Any) -> dict[str, Any]:
    """The global sources, and the generators kept anywhere in the given objects, by their paths.

    >>> sorted(find(data=[Generator()]))
    ['chainrule', 'data.0', 'numpy', 'python']
    """
    found: dict[str, Any] = {"chainrule": default_generator, "numpy": np.random, "python": random}
    seen = {id(default_generator)}
    stack = [(name, root, 0) for name, root in reversed(roots.items())]
    while stack:
        path, x, depth = stack.pop()
        if id(x) in seen or x is None or isinstance(x, _OPAQUE):
            continue
        seen.add(id(x))
        if isinstance(x, SOURCES):
            found[path] = x
        elif depth < DEPTH:
            stack.extend((f"{path}.{key}", value, depth + 1) for key, value in _parts(x))
    return found


def _parts(x: Any) -> list[tuple[Any, Any]]:
    if isinstance(x, dict):
        return list(x.items()) if len(x) <= WIDTH else []
    if isinstance(x, (list, tuple, set, frozenset)):
        return list(enumerate(x)) if len(x) <= WIDTH else []
    if isinstance(x, types.MethodType):
        return [("self", x.__self__)]
    held = getattr(x, "__dict__", None)
    return list(held.items()) if isinstance(held, dict) else []


def capture(sources: dict[str, Any]) -> dict[str, Any]:
    """The states of all sources, as plain data."""
    states: dict[str, Any] = {}
    for name, source in sources.items():
        if isinstance(source, Generator):
            states[name] = source.get_state()
        elif isinstance(source, np.random.Generator):
            states[name] = source.bit_generator.state
        elif isinstance(source, random.Random) or source is random:
            states[name] = source.getstate()
        else:
            states[name] = source.get_state(legacy=False)
    return states


def restore(sources: dict[str, Any], states: dict[str, Any]) -> None:
    """Put states back."""
    for name, source in sources.items():
        if name not in states:
            continue
        if isinstance(source, np.random.Generator):
            source.bit_generator.state = states[name]
        elif isinstance(source, random.Random) or source is random:
            source.setstate(states[name])
        else:
            source.set_state(states[name])
