"""Random numbers inside vmap: which vmaps are running in this thread, and what each says about randomness.

A draw without tensor arguments (rand, randn ...) does not meet a batched value, so it asks here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from .errors import ArgumentError
from .provenance import describe, here
from .state import state


class _Running(threading.local):
    """The vmaps that are running in this thread, the outermost first; each has size, randomness and batched()."""

    stack: tuple[Any, ...] = ()


running = _Running()


def random_error(name: str) -> ArgumentError:
    """The error for drawing random numbers inside vmap without saying how."""
    code, lasti = here(3)
    return ArgumentError(
        f"vmap: called random operation while in randomness error mode: {name} at {describe(code, lasti)}. Please "
        f"either use the 'same' or 'different' randomness flags on vmap or perform the randomness operation out of vmap"
    )


def drawn(name: str, draw: Callable[[tuple], Any], shape: tuple) -> Any:
    """Random numbers of `shape` by `draw(shape)`, which makes a tensor.

    Inside vmap with randomness="different", one draw for each example, as a batched tensor; with "same", one draw for
    all; with "error" this raises.
    """
    if state.recorder is not None:
        return state.recorder.draw(lambda: drawn(name, draw, shape))
    levels = []
    for trace in running.stack:
        if trace.randomness == "error":
            raise random_error(name)
        if trace.randomness == "different":
            levels.append(trace)
    if not levels:
        return draw(tuple(shape))
    value = draw((*[t.size for t in levels], *shape))
    for trace in levels:  # the outermost batch dimension is in front, and belongs to the lowest level
        value = trace.batched(value)
    return value
