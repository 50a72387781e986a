"""Ctrl-C as a wish: noted at once, granted at the next step boundary."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupts:
    """While it is open, the first SIGINT sets `requested`; the second raises KeyboardInterrupt as usual.

    Only in the main thread, and only where Python's own handler is in force: a program's own handler stays.
    """

    def __init__(self) -> None:
        self.requested = False
        self.installed = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self.installed = True
        return self

    def __exit__(self, *error: Any) -> None:
        if self.installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: Any) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
