"""Plain data: what may be saved without pickle, and the checks that keep it finite (depth, cycles, size, keys)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import SerializationError

MAX_DEPTH = 150  # containers within containers
MAX_VALUES = 10**8  # values after shared containers are written out one by one
SCALARS = (str, bytes, int, float, complex, bool, type(None))
CONTAINERS = (dict, list, tuple, set, frozenset)
KINDS = "tensors, dicts, lists, tuples, sets, strings, bytes, numbers, None, dtypes, devices and NumPy arrays"


def members(container: Any) -> Any:
    """The values in a container (of a dict, not the keys)."""
    return container.values() if isinstance(container, dict) else container


def check_key(key: Any, depth: int = 0) -> None:
    """Refuse keys that are not plain, or so deeply nested that hashing them takes long."""
    if isinstance(key, SCALARS):
        return
    if type(key) in (tuple, frozenset) and depth < 2 and len(key) <= 100:
        for part in key:
            check_key(part, depth + 1)
        return
    raise SerializationError(
        f"a key of a dict (or a member of a set) is a {type(key).__name__}; keys are strings, numbers, bytes, None or "
        f"short tuples of these"
    )


def check_nesting(root: Any, leaf: Callable[[Any], None] = lambda x: None) -> None:
    """Refuse containers that hold themselves, are nested too deeply, or unfold into too much; never recurses.

    `leaf` is called with every value that is not a container, and may raise.
    """
    if not isinstance(root, CONTAINERS):
        leaf(root)
        return
    sizes: dict[int, int] = {}
    is_open = {id(root)}
    stack: list[list] = [[root, iter(members(root)), 1]]
    while stack:
        top = stack[-1]
        for child in top[1]:
            if not isinstance(child, CONTAINERS):
                leaf(child)
                top[2] += 1
                continue
            if id(child) in is_open:
                raise SerializationError(f"a {type(child).__name__} contains itself, which has no plain form")
            if id(child) in sizes:
                top[2] += sizes[id(child)]
                continue
            if len(stack) >= MAX_DEPTH:
                raise SerializationError(f"containers are nested more than {MAX_DEPTH} deep")
            is_open.add(id(child))
            stack.append([child, iter(members(child)), 1])
            break
        else:
            stack.pop()
            is_open.discard(id(top[0]))
            sizes[id(top[0])] = top[2]
            if stack:
                stack[-1][2] += top[2]
            if top[2] > MAX_VALUES:
                raise SerializationError(f"shared containers unfold into more than {MAX_VALUES} values")


def plain_number(x: np.generic) -> Any:
    """A NumPy scalar as the Python number of the same value."""
    return x.item()


def refused(x: Any, path: str) -> SerializationError:
    """The error for an object that is not plain data; `path` says where it was found."""
    kind = type(x)
    where = path or "the object"
    text = f"save: {where} is a {kind.__module__}.{kind.__qualname__}, which is not plain data ({KINDS})."
    if hasattr(x, "state_dict"):
        text += " Save its state instead: write .state_dict() there, and load_state_dict() after load()."
    elif isinstance(x, CONTAINERS):
        base = next(c.__name__ for c in (OrderedDict, Counter, *CONTAINERS) if isinstance(x, c))
        text += f" Convert it: write {base}(...) around it."
    elif callable(x):
        text += " Functions and classes are code: keep them in the program, and save the numbers."
    return SerializationError(f"{text} Or pass allow_pickle=True to save and load, for files that only you read.")
