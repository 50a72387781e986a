"""Per-thread modes. `mode` is one integer so that the hot path of every op makes a single test.

0  record (the default)
1  do not record (no_grad, inference_mode)
2  take the general path: staging or saved-tensor hooks are active

Reading a thread-local costs four times as much as reading a module-level slot, so the hot path first asks `special.on`,
the number of threads that are in any mode but 0, and looks at its own thread's mode only if there is one.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

RECORD, NO_GRAD, GENERAL = 0, 1, 2


class _Special:
    __slots__ = ("lock", "on")

    def __init__(self) -> None:
        self.on = 0
        self.lock = threading.Lock()


special = _Special()


class State(threading.local):
    """Modes of the current thread; change them through the methods, which keep `mode` and `special` in step."""

    def __init__(self) -> None:
        self.mode: int = RECORD
        self.grad_enabled: bool = True
        self.inference: bool = False
        self.stage = None  # the staging trace of graph/, if one is running
        self.recorder: Any = None  # while staging: what notes the body of a loop or branch, whatever its operands
        self.saved_hooks: tuple = ()  # stack of (pack, unpack)
        self.saving: tuple[str, str] = ("", "")  # while pack runs: (operation that made the value, that which keeps it)
        self.anomaly: bool = False
        self.profile: Any = None  # explain.profile's record while one is taken

    def refresh(self) -> None:
        """Recompute `mode` after any other field changed."""
        before = self.mode
        if self.stage is not None or self.saved_hooks or self.profile is not None:
            self.mode = GENERAL
        else:
            self.mode = RECORD if self.grad_enabled else NO_GRAD
        if (before == RECORD) != (self.mode == RECORD):
            with special.lock:
                special.on += 1 if before == RECORD else -1

    def set_grad(self, enabled: bool) -> None:
        """Switch recording on or off."""
        enabled = enabled and not self.inference  # inference mode wins
        if enabled != self.grad_enabled:
            self.grad_enabled = enabled
            if self.mode != GENERAL:  # as refresh() would do
                self.mode = RECORD if enabled else NO_GRAD
                with special.lock:
                    special.on += -1 if enabled else 1


state = State()

_counter = count(1)
next_seq = _counter.__next__  # creation numbers order nodes and writes; shared by all threads
