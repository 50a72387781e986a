"""Ledger of bytes that the recorded graph holds for backward, by source line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.provenance import describe
from ..core.value import Tensor
from ..tensor.why import graph_nodes


@dataclass(frozen=True)
class Ledger:
    """Rows of (bytes, source line), largest first; an array saved twice counts once, where it was first saved."""

    rows: tuple[tuple[int, str], ...]

    @property
    def total(self) -> int:
        """Sum of the bytes."""
        return sum(size for size, _ in self.rows)

    def text(self) -> str:
        """The ledger as plain text."""
        lines = [f"{size:>12,}  {line}" for size, line in self.rows]
        return "\n".join([*lines, f"{self.total:>12,}  total bytes held for backward"])

    __str__ = text
    __repr__ = text


def memory(loss: Tensor) -> Ledger:
    """Bytes of the arrays saved for the backward pass of `loss`, by the source line that saved them."""
    seen: set[int] = set()
    held: dict[str, int] = {}
    for n in graph_nodes(loss._node) if loss._node is not None else ():
        ans = n.ans if isinstance(n.ans, tuple) else (n.ans,)
        for a in (*(n.args or ()), *ans):
            if isinstance(a, np.ndarray):
                owner: Any = a
                while isinstance(owner.base, np.ndarray):
                    owner = owner.base
                if id(owner) not in seen:
                    seen.add(id(owner))
                    place = describe(n.code, n.lasti)
                    held[place] = held.get(place, 0) + owner.nbytes
    return Ledger(tuple(sorted(((b, p) for p, b in held.items()), reverse=True)))
