"""NumPy's functions on tensors: np.sum(t, axis=0), np.linalg.solve(A, t), np.concatenate ... (`__array_function__`).

Each door has NumPy's argument names and meaning, and is made of our ops, so it is differentiable where they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.value import Tensor
from .api import no_door

DOORS: dict[Any, Callable] = {}


def door(*functions: Any) -> Callable:
    """Register the counterpart of one or more NumPy functions."""

    def register(function: Callable) -> Callable:
        for f in functions:
            DOORS[f] = function
        return function

    return register


def named(path: str) -> Any:
    """A NumPy function by its dotted name, or None where this NumPy has none."""
    found: Any = np
    for part in path.split("."):
        found = getattr(found, part, None)
    return found


def array_function(self: Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's protocol for functions: the counterpart made of our ops.

    Raises:
        NoDoorError (TypeError): there is none; the message names the nearest op. Nothing is copied to NumPy silently.
    """
    if not all(issubclass(t, (Tensor, np.ndarray)) for t in types):
        return NotImplemented
    found = DOORS.get(func)
    if found is None:
        place = getattr(func, "__module__", "numpy") or "numpy"
        raise no_door(f"{place}.{getattr(func, '__name__', func)}")
    return found(*args, **kwargs)


from . import counting, linear, making, polynomials, reducing, sets, shaping  # noqa: E402, F401  (they register their doors)
