"""Which memory was really written to, and when, so that backward can refuse saved arrays that changed since.

Every real write (under no_grad, or on tensors that record nothing) notes the memory's owner with a creation number.
A node whose number is smaller saved its arrays before the write. Recording costs nothing; backward compares numbers,
and where a part of the memory was written, whether the saved array has elements in it.
"""

from __future__ import annotations

import warnings
import weakref
from types import CodeType
from typing import Any

import numpy as np

from .errors import ArgumentTypeError, DTypeError, GraphError, InplaceError
from .provenance import describe, here
from .state import next_seq, state
from .value import InferenceTensor, Tensor, Tracer

MOST_REGIONS = 64  # remembered for one owner; beyond them the older half counts as one write to everything


class Region:
    """One write: when, by what, from which line, and where the elements that it changed lie."""

    __slots__ = ("__array_interface__", "code", "lasti", "op", "seq")

    def __init__(self, seq: int, op: str, code: CodeType | None, lasti: int, part: np.ndarray) -> None:
        self.seq, self.op, self.code, self.lasti = seq, op, code, lasti
        self.__array_interface__ = part.__array_interface__  # addresses only: it does not keep the memory alive

    def meets(self, array: np.ndarray) -> bool:
        """Do they share an element? True as well where it would take long to find out."""
        try:
            return np.shares_memory(np.asarray(self), array, max_work=1000)
        except np.exceptions.TooHardError:
            return True


class Write:
    """The last write to one owner of memory; the places of the latest writes, if not to everything."""

    __slots__ = ("code", "count", "lasti", "op", "owner", "regions", "seq")

    def __init__(self, owner: Any) -> None:
        self.seq, self.op, self.code, self.lasti, self.owner, self.count = 0, "", None, 0, owner, 0
        self.regions: list[Region] | None = None  # None: the last write was to everything

    def note(self, seq: int, op: str, code: CodeType | None, lasti: int, part: np.ndarray | None) -> None:
        """Add a write to `part`, or to everything (None)."""
        if part is None:
            self.regions = None
        else:
            if self.regions is None:
                owner = self.owner()
                self.regions = [Region(self.seq, self.op, self.code, self.lasti, owner)] if self.count else []
            self.regions.append(Region(seq, op, code, lasti, part))
            if len(self.regions) > MOST_REGIONS:
                self._shorten()
        self.seq, self.op, self.code, self.lasti, self.count = seq, op, code, lasti, self.count + 1

    def _shorten(self) -> None:
        half = MOST_REGIONS // 2
        last = self.regions[half - 1]
        self.regions[:half] = [Region(last.seq, last.op, last.code, last.lasti, self.owner())]

    def since(self, seq: int, array: np.ndarray) -> Write | Region | None:
        """A write after `seq` that may have changed an element of `array`."""
        if self.seq <= seq:
            return None
        if self.regions is None:
            return self
        return next((r for r in reversed(self.regions) if r.seq > seq and r.meets(array)), None)


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
    owner = array if array.base is None else owner_of(array)
    key = id(owner)
    code, lasti = here(2)
    log.last = seq = next_seq()
    known = _writes.get(key)
    if known is None or known.owner() is not owner:
        known = _writes[key] = Write(weakref.ref(owner, lambda _, key=key: _writes.pop(key, None)))
    if array is owner:
        known.regions = None
        known.seq, known.op, known.code, known.lasti, known.count = seq, op, code, lasti, known.count + 1
    else:
        known.note(seq, op, code, lasti, None if array.size == owner.size else array)


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
    if write is None or write.owner() is not owner:
        return
    later = write.since(node.seq, array)
    if later is not None:
        raise InplaceError(
            "one of the variables needed for gradient computation has been modified by an inplace operation: "
            f"{node.prim.name} saved an array of shape {tuple(array.shape)} at {describe(node.code, node.lasti)}, and "
            f"{later.op} wrote into the same memory at {describe(later.code, later.lasti)}. Write the result to a new "
            f"tensor (for example `y = x + v` instead of `x += v`), or call backward() before the write, or clone() "
            f"what is written to."
        )


def write_out(out: Tensor, result: Tensor, quiet: bool = False) -> Tensor:
    """The `out=` argument of PyTorch's functions: write `result` into `out`, resized with a warning, and return it."""
    if not isinstance(out, Tensor):
        raise ArgumentTypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if isinstance(out, Tracer) or isinstance(result, Tracer):
        raise GraphError(
            "Trying to use forward AD or another transformation with an out= function, that does not support it: "
            "assign the result instead"
        )
    if state.grad_enabled and (out._node is not None or result._node is not None):
        raise DTypeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments "
            "requires grad; assign the result instead"
        )
    if type(out) is InferenceTensor and not state.inference:
        raise GraphError(
            "Inplace update to inference tensor outside InferenceMode is not allowed: write into a clone(), or assign "
            "the result instead of out="
        )
    data = result._data
    if not np.can_cast(data.dtype, out._data.dtype, "same_kind"):
        raise DTypeError(f"result type {data.dtype} can't be cast to the desired output type {out._data.dtype}")
    note_write(out._data, "out=")
    if out._data.shape == data.shape:
        out._data[...] = data
    else:
        if out._data.size and not quiet:
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out._data.shape)}, which "
                f"does not match the required output shape {list(data.shape)}. Write out.resize_(0) before, if the "
                f"memory may be given up, or make `out` of the right shape.",
                UserWarning,
                stacklevel=4,
            )
        out._data = np.array(data, dtype=out._data.dtype)
    return out
