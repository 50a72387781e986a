"""Reading the tape: all operations behind a result, and the values of them that it holds."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.eager import Packed
from ..core.errors import InplaceError
from ..core.tape import Accumulate, Link1, Link2, Node, NodeBase, Pair, Select
from ..core.value import Tensor
from ..core.writes import check_unwritten

ndarray = np.ndarray


def graph_nodes(root: Any) -> list[Any]:
    """All Nodes reachable from `root`, oldest first."""
    seen, found, stack = {id(root)}, [], [root]
    while stack:
        node = stack.pop()
        if isinstance(node, NodeBase):
            found.append(node)
        for e in (node.node,) if type(node) is Select else getattr(node, "edges", ()):
            if e is not None and id(e) not in seen:
                seen.add(id(e))
                stack.append(e)
    return sorted(found, key=lambda n: n.seq)


def grad_of(t: Tensor) -> Any:
    """t.grad as a tensor or None, of a tensor that is not a leaf what retain_grad() kept; without a warning."""
    node = t._node
    if node is None:
        return t._grad
    if type(node) is Accumulate:
        return node.grad
    return node.meta.retain[0] if node.meta is not None and node.meta.retain is not None else None


def unwritten(node: Any, array: Any) -> bool:
    """Does `array` still hold what it held when `node` was recorded?"""
    try:
        check_unwritten(node, array)
    except InplaceError:
        return False
    return True


def plain(x: Any) -> Any:
    """An array as NumPy's own functions take it: bfloat16, which they do not know, as float32."""
    if isinstance(x, (ndarray, np.generic)) and x.dtype.kind == "V" and is_inexact(x.dtype):
        return x.astype(np.float32)
    return x


def known_values(nodes: list[Any], t: Tensor) -> dict[int, Any]:
    """Results of operations as far as the tape holds them: saved answers, and saved arguments of later operations.

    An array that was written to since is not one.
    """
    known: dict[int, Any] = {id(t._node): t._data}
    for n in nodes:
        answer = n.ans.get() if isinstance(n.ans, Packed) else n.ans
        if isinstance(answer, ndarray) and unwritten(n, answer):
            known[id(n)] = answer
        for a, e in zip(n.args or (), n.edges, strict=False):
            if isinstance(a, ndarray) and e is not None and id(e) not in known and unwritten(n, a):
                known[id(e)] = a
    return known


def argument(n: Any, i: int, known: dict[int, Any]) -> Any:
    """Argument `i` of a node if it is known, else None; what was written to since is not known."""
    saved = n.args[i] if n.args is not None else None
    if isinstance(saved, Packed):
        return saved.get()
    if (saved is not None and not hasattr(saved, "dtype")) or isinstance(saved, (ndarray, np.generic)):
        return saved if unwritten(n, saved) else None
    edge = n.edges[i]
    if edge is None:
        return None
    if type(edge) is Accumulate:
        owner = edge.owner()
        return owner._data if owner is not None and unwritten(n, owner._data) else None
    if type(edge) is Select:
        out = known.get(id(edge.node))
        return out[edge.index] if isinstance(out, tuple) else known.get(id(edge))
    return known.get(id(edge))


def user_of(leaf: Accumulate) -> NodeBase | None:
    """Some living node that reads this leaf, found through the garbage collector's lists (a diagnosis only)."""
    for holder in gc.get_referrers(leaf):
        if isinstance(holder, (Link1, Link2, Pair)):
            return holder
        if type(holder) is tuple:
            for node in gc.get_referrers(holder):
                if isinstance(node, Node) and node.edges is holder:
                    return node
    return None
