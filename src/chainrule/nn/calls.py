"""The log of module calls: for pictures, which operations a module's call recorded.

A call is logged as the creation numbers of the tape before and after it, with a weak reference to the module; the log
holds the newest LENGTH calls, so that it costs a fraction of a microsecond a call and a bounded amount of memory.
"""

from __future__ import annotations

from collections import deque
from typing import Any

LENGTH = 20_000

_log: deque[tuple[int, int, Any]] = deque(maxlen=LENGTH)
note = _log.append  # note((number before, number after, weakref.ref(module)))


def logged(first: int, last: int) -> list[tuple[int, int, Any]]:
    """(start, end, module) of the calls that ended after number `first` and began before `last`; of living modules."""
    found = []
    for start, end, ref in list(_log):
        if end > first and start < last:
            module = ref()
            if module is not None:
                found.append((start, end, module))
    return found
