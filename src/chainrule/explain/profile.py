"""Where the time goes: by operation and by line of the user's program, forward and backward."""

from __future__ import annotations

import json
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.provenance import location
from ..core.state import state

FORWARD, BACKWARD = "forward", "backward"


@dataclass(frozen=True)
class ProfileRow:
    """All calls of one operation from one line in one phase; `seconds` in total, without the operations within."""

    phase: str
    op: str
    file: str
    line: int
    text: str
    calls: int
    seconds: float


class Profile:
    """The times of a program's operations; printing it shows the table, `save` writes a Chrome trace.

    Taken by `explain.profile`. What runs outside of operations (Python itself, data loading, what NumPy does for a
    library's own bookkeeping, other threads) is in `seconds`, the time of the whole, and in no row.
    """

    def __init__(self) -> None:
        self.events: list[tuple] = []  # (phase, op, code, offset, start, seconds, seconds without what is within)
        self.result: Any = None
        self.seconds = 0.0
        self._open: list[list] = []
        self._started = 0.0

    # ---- called by the engine while the profile is taken -------------------------------------------------------------

    def begin(self, phase: str, op: str, code: Any, offset: int) -> None:
        """An operation begins; what it calls until `end` is its own, as are a rule's own operations."""
        if self._open and self._open[-1][0] == BACKWARD:
            self._settle()
        frame = sys._getframe(1) if phase == BACKWARD else None
        self._open.append([phase, op, code, offset, perf_counter(), 0.0, frame])

    def end(self) -> None:
        """The operation that began last ends."""
        if self._open[-1][0] == BACKWARD:
            self._settle()
        phase, op, code, offset, start, within, _ = self._open.pop()
        took = perf_counter() - start
        if any(outer[0] == BACKWARD for outer in self._open):  # an operation of a rule: it counts as the rule
            return
        if self._open:
            self._open[-1][5] += took
        self.events.append((phase, op, code, offset, start - self._started, took, took - within))

    def _settle(self) -> None:
        """Forget rules that an error ended: those whose sweep is not running any more."""
        while self._open and self._open[-1][0] == BACKWARD:
            frame = sys._getframe(2)
            while frame is not None and frame is not self._open[-1][6]:
                frame = frame.f_back
            if frame is not None:
                return
            self._open.pop()

    # ---- reading it --------------------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[ProfileRow]:
        """The table, longest first."""
        sums: dict[tuple, list] = defaultdict(lambda: [0, 0.0])
        for phase, op, code, offset, _, _, own in self.events:
            found = sums[phase, op, *location(code, offset)]
            found[0] += 1
            found[1] += own
        rows = [ProfileRow(*key, calls, seconds) for key, (calls, seconds) in sums.items()]
        return sorted(rows, key=lambda r: -r.seconds)

    def table(self, limit: int = 30) -> str:
        """The `limit` longest rows as text."""
        if limit < 1:
            raise ArgumentError(f"explain.profile(): table(limit) shows at least one row, not {limit}")
        rows = self.rows
        total = sum(r.seconds for r in rows)
        lines = [f"{'time':>10} {'share':>6} {'calls':>7}  {'phase':<9}{'operation':<20}line"]
        for r in rows[:limit]:
            place = f"{Path(r.file).name}:{r.line}" + (f"  {r.text}" if r.text else "")
            share = r.seconds / total if total else 0.0
            lines.append(f"{_time(r.seconds):>10} {share:>6.1%} {r.calls:>7}  {r.phase:<9}{r.op:<20}{place}")
        if len(rows) > limit:
            rest = sum(r.seconds for r in rows[limit:])
            share, calls = rest / total if total else 0.0, sum(r.calls for r in rows[limit:])
            lines.append(f"{_time(rest):>10} {share:>6.1%} {calls:>7}  in {len(rows) - limit} more rows")
        by_phase = {p: sum(r.seconds for r in rows if r.phase == p) for p in (FORWARD, BACKWARD)}
        lines.append(
            f"operations {_time(total)} (forward {_time(by_phase[FORWARD])}, backward {_time(by_phase[BACKWARD])}) of "
            f"{_time(self.seconds)} in all"
        )
        return "\n".join(lines)

    __str__ = __repr__ = table

    def trace(self) -> dict:
        """The events in Chrome's trace format: complete events ("X"), times in microseconds from the start."""
        thread = threading.get_ident()
        events = []
        for phase, op, code, offset, start, took, _ in self.events:
            file, line, text = location(code, offset)
            events.append(
                {
                    "name": op,
                    "cat": phase,
                    "ph": "X",
                    "ts": start * 1e6,
                    "dur": took * 1e6,
                    "pid": 1,
                    "tid": thread,
                    "args": {"line": f"{file}:{line}", "text": text},
                }
            )
        return {"traceEvents": events, "displayTimeUnit": "ms"}

    def save(self, path: Any) -> None:
        """Write the events as a Chrome trace file (JSON), for chrome://tracing or Perfetto."""
        Path(path).write_text(json.dumps(self.trace()), encoding="utf-8")

    # ---- taking it ---------------------------------------------------------------------------------------------------

    def __enter__(self) -> Profile:
        if state.profile is not None:
            raise ArgumentError("explain.profile(): a profile is being taken already; take one at a time")
        self._started = perf_counter()
        state.profile = self
        state.refresh()
        return self

    def __exit__(self, *exc: object) -> None:
        state.profile = None
        state.refresh()
        self._open.clear()
        self.seconds += perf_counter() - self._started


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds * 1e6:.1f} us"


def profile(function: Callable | None = None, *args: Any, **kwargs: Any) -> Profile:
    """The time of each operation by source line, of `function(*args, **kwargs)` or of a with statement.

    Operations are timed one by one on the general path of the engine, so small ones take longer than without the
    profile: compare rows with each other. Nothing is slowed while no profile is taken. Backward rows bear the line of
    the forward operation. Raises TypeError if `function` cannot be called.

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> x = cr.ones(100, requires_grad=True)
    >>> with explain.profile() as p:
    ...     (x * x).sum().backward()
    >>> sorted({(row.phase, row.op) for row in p.rows})
    [('backward', 'mul'), ('backward', 'sum'), ('forward', 'mul'), ('forward', 'sum')]
    """
    made = Profile()
    if function is None:
        return made
    if not callable(function):
        raise ArgumentTypeError(f"explain.profile(): takes a function and its arguments, not {type(function).__name__}")
    with made:
        made.result = function(*args, **kwargs)
    return made
