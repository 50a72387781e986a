"""Every path of the chain rule from a result to an input, with its contribution to the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.eager import Packed
from ..core.errors import ArgumentTypeError
from ..core.tape import NodeBase
from ..core.value import Tensor
from ..tensor.why import graph_nodes
from .trace import pull, show, unbroadcast

EXAMINED = 2000  # paths that are followed at most


@dataclass(frozen=True)
class Paths:
    """`found`: (operations from the result down, contribution), largest norm first; `total` paths exist."""

    found: tuple[tuple[tuple[str, ...], Any], ...]
    total: int
    examined: int

    def text(self) -> str:
        """One line a path: its operations and its contribution (for arrays the norm)."""
        lines = []
        for names, c in self.found:
            size = show(c) if np.ndim(c) == 0 else f"norm {np.linalg.norm(c):.4g}, shape {np.shape(c)}"
            lines.append(f"{' > '.join(names) or 'itself'}: {size}")
        rest = self.total - len(self.found)
        if rest:
            lines.append(f"and {rest} more paths (largest of {self.examined} examined)")
        return "\n".join(lines)

    __str__ = text
    __repr__ = text


def paths(e: Tensor, a: Tensor, limit: int = 20) -> Paths:
    """The paths from `e` to `a` with the product of local derivatives along each; all of them sum to the gradient."""
    root, target = e._node, a._node
    if root is None or target is None:
        raise ArgumentTypeError("explain.paths(e, a): both must be recorded; make `a` with requires_grad=True")
    ways: dict[int, int] = {id(target): 1}
    nodes = graph_nodes(root)
    for n in nodes:
        if n is not target:
            ways[id(n)] = sum(ways.get(id(x), 0) for x in n.edges if x is not None)
    total = ways.get(id(root), 0)
    found: list = []
    stack: list = [(root, (), np.ones_like(e._data))] if total else []
    while stack and len(found) < EXAMINED:
        n, names, g = stack.pop()
        if n is target:
            found.append((names, g))
            continue
        if not isinstance(n, NodeBase) or n.prim.n_out != 1:
            raise ArgumentTypeError("explain.paths() does not follow operations with several results")
        if n.args is None:
            raise ArgumentTypeError(
                f"explain.paths(): backward() freed what {n.name()} saved; call it before, or use "
                f"backward(retain_graph=True)"
            )
        args = [x.get() if isinstance(x, Packed) else x for x in n.args]
        ans = n.ans.get() if isinstance(n.ans, Packed) else n.ans
        for i, x in enumerate(n.edges):
            if x is not None and ways.get(id(x)):
                c = pull(n.prim, i, g, ans, args, n.params or {})
                if c is not None:
                    c = unbroadcast(c, n.shapes[i]) if n.shapes is not None else c
                    stack.append((x, (*names, n.prim.name), c))
    found.sort(key=lambda p: -float(np.linalg.norm(np.ravel(p[1]))))
    return Paths(tuple(found[:limit]), total, len(found))
