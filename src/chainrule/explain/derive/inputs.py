"""What a function reads besides its arguments, under the names that the function's body has for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from ...core.value import Tensor


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
