"""Ledger of bytes that the recorded graph holds for backward, by source line."""

from __future__ import annotations

import html
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.provenance import location
from ..core.tape import Accumulate
from ..core.value import Tensor
from ..core.writes import owner_of
from ..tensor.names import real
from ..tensor.recorded import graph_nodes

LEAVES = "parameters and other leaves, which exist in any case"


@dataclass(frozen=True)
class MemoryRow:
    """What one source line holds: bytes, number of arrays, the operations that saved them, and the line."""

    bytes: int
    arrays: int
    ops: tuple[str, ...]
    file: str
    line: int
    text: str

    @property
    def place(self) -> str:
        """File and line number, and the source text."""
        if not self.file:
            return self.text
        return f"{os.path.basename(self.file)}:{self.line}" + (f"  {self.text}" if self.text else "")


@dataclass(frozen=True)
class Ledger:
    """`rows` of the lines that hold memory, largest first; `leaves`, the row of what would exist without a graph too.

    An array that several operations saved counts once, where it was saved first; a view counts as the whole array that
    it keeps alive.
    """

    rows: tuple[MemoryRow, ...]
    leaves: MemoryRow

    @property
    def total(self) -> int:
        """All bytes that the graph refers to, leaves included."""
        return self.held + self.leaves.bytes

    @property
    def held(self) -> int:
        """Bytes that are freed with the graph."""
        return sum(r.bytes for r in self.rows)

    def text(self, limit: int = 30) -> str:
        """The ledger as plain text, its `limit` largest rows."""
        lines = [f"{'bytes':>14} {'share':>6} {'arrays':>7}  line"]
        for r in self.rows[:limit]:
            lines.append(f"{r.bytes:>14,} {self._share(r):>6} {r.arrays:>7}  {r.place}  [{', '.join(r.ops)}]")
        if len(self.rows) > limit:
            rest = self.rows[limit:]
            size, arrays = sum(r.bytes for r in rest), sum(r.arrays for r in rest)
            lines.append(f"{size:>14,} {size / self.held:>6.1%} {arrays:>7}  in {len(rest)} more lines")
        lines.append(f"{self.held:>14,} {'':>6} {sum(r.arrays for r in self.rows):>7}  bytes held for backward")
        if self.leaves.arrays:
            lines.append(f"{self.leaves.bytes:>14,} {'':>6} {self.leaves.arrays:>7}  {LEAVES}")
        return "\n".join(lines)

    def _share(self, row: MemoryRow) -> str:
        return f"{row.bytes / self.held:.1%}" if self.held else ""

    __str__ = __repr__ = text

    def _repr_html_(self) -> str:
        heads = ("bytes", "share", "arrays", "line", "operations")
        rows = [(f"{r.bytes:,}", self._share(r), str(r.arrays), r.place, ", ".join(r.ops)) for r in self.rows]
        rows.append((f"{self.held:,}", "", str(sum(r.arrays for r in self.rows)), "held for backward", ""))
        rows += [(f"{self.leaves.bytes:,}", "", str(self.leaves.arrays), LEAVES, "")] if self.leaves.arrays else []
        head = "".join(f'<th scope="col">{h}</th>' for h in heads)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def memory(loss: Tensor) -> Ledger:
    """Bytes of the arrays that the graph of `loss` keeps for its backward pass, by the line of the user's program.

    What a line of the user's program did inside of a library counts as that line. After backward() nothing is held but
    with retain_graph=True. Raises ArgumentTypeError for what is not a recorded tensor.

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> x = cr.ones(1000, requires_grad=True)
    >>> loss = (x.exp() * x).sum()
    >>> ledger = explain.memory(loss)
    >>> ledger.held, ledger.leaves.bytes, ledger.rows[0].ops
    (4000, 4000, ('exp',))
    """
    if not isinstance(loss, Tensor) or loss._node is None:
        raise ArgumentTypeError(
            "explain.memory(loss): takes a tensor that was computed from something with requires_grad=True, outside of "
            "no_grad()"
        )
    nodes = graph_nodes(real(loss._node))
    leaves = {id(owner_of(x)): x for n in nodes for x in _leaf_arrays(n)}
    seen: set[int] = set()
    held: dict[tuple, list] = {}
    known = [0, 0]
    for n in nodes:
        for a in _arrays(n):
            owner = owner_of(a)
            if id(owner) in seen:
                continue
            seen.add(id(owner))
            if id(owner) in leaves:
                known[0] += owner.nbytes
                known[1] += 1
                continue
            entry = held.setdefault(location(n.code, n.lasti), [0, 0, {}])
            entry[0] += owner.nbytes
            entry[1] += 1
            entry[2][n.prim.name] = None
    rows = [
        MemoryRow(size, arrays, tuple(ops), file, line, text if file else "an unknown line")
        for (file, line, text), (size, arrays, ops) in held.items()
    ]
    rows.sort(key=lambda r: (-r.bytes, r.file, r.line))
    return Ledger(tuple(rows), MemoryRow(known[0], known[1], (), "", 0, LEAVES))


def _arrays(n: Any) -> list[np.ndarray]:
    """The arrays that a node saved."""
    saved = (*(n.args or ()), *(n.ans if isinstance(n.ans, tuple) else (n.ans,)))
    plain = (x._data if isinstance(x, Tensor) else x for x in saved)
    return [x for x in plain if isinstance(x, np.ndarray)]


def _leaf_arrays(n: Any) -> list[np.ndarray]:
    """The values of the leaves that a node's arguments are."""
    owners = [e.owner() for e in n.edges if type(e) is Accumulate]
    return [t._data for t in owners if t is not None and isinstance(t._data, np.ndarray)]
