"""Which memory was really written to, and when, so that backward can refuse saved arrays that changed since.

Every real write (under no_grad, or on tensors that record nothing) notes the memory's owner with a creation number.
A node whose number is smaller saved its arrays before the write. Recording costs nothing; backward compares numbers.
"""

from __future__ import annotations

import weakref
from types import CodeType
from typing import Any

import numpy as np

from .errors import InplaceError
from .provenance import describe, here
from .state import next_seq


class Write:
    """The last write to one owner of memory."""

    __slots__ = ("code", "count", "lasti", "op", "owner", "seq")

    def __init__(self, seq: int, op: str, code: CodeType | None, lasti: int, owner: Any) -> None:
        self.seq, self.op, self.code, self.lasti, self.owner, self.count = seq, op, code, lasti, owner, 1


class _Log:
    last = 0  # creation number of the newest write anywhere


log = _Log()
_writes: dict[int, Write] = {}


def owner_of(array: np.ndarray) -> np.ndarray:
    """The array at the end of the chain of bases: the one that stands for the memory."""
    base = array.base
    while isinstance(base, np.ndarray):
        array, base = base, base.base
    return array


def note_write(array: Any, op: str) -> None:
    """Remember that `op` is writing into `array`'s memory now, and from which user line."""
    if not isinstance(array, np.ndarray):
        return
    owner = owner_of(array)
    key = id(owner)
    code, lasti = here(2)
    log.last = seq = next_seq()
    known = _writes.get(key)
    if known is not None and known.owner() is owner:
        known.seq, known.op, known.code, known.lasti, known.count = seq, op, code, lasti, known.count + 1
    else:
        _writes[key] = Write(seq, op, code, lasti, weakref.ref(owner, lambda _, key=key: _writes.pop(key, None)))


def last_write(array: Any) -> Write | None:
    """The last logged write to the memory of `array`, if there was one."""
    if type(array) is not np.ndarray:
        return None
    owner = owner_of(array)
    write = _writes.get(id(owner))
    return write if write is not None and write.owner() is owner else None


def times_written(array: Any) -> int:
    """How often `array`'s memory was really written to."""
    owner = owner_of(array) if isinstance(array, np.ndarray) else None
    write = _writes.get(id(owner))
    return 0 if write is None or write.owner() is not owner else write.count


def check_unwritten(node: Any, array: Any) -> None:
    """Raise InplaceError if `array`, saved by `node`, was written to since."""
    if type(array) is not np.ndarray:
        return
    owner = owner_of(array)
    write = _writes.get(id(owner))
    if write is not None and write.seq > node.seq and write.owner() is owner:
        raise InplaceError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"{node.prim.name} saved an array of shape {tuple(array.shape)} at {describe(node.code, node.lasti)}, and "
            f"{write.op} wrote into the same memory at {describe(write.code, write.lasti)}. Write the result to a new "
            f"tensor (for example `y = x + v` instead of `x += v`), or call backward() before the write, or clone() "
            f"what is written to."
        )
