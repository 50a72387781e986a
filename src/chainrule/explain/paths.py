"""Every path of the chain rule from a result to an input, with its contribution to the gradient."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.eager import Packed
from ..core.errors import ArgumentError, ArgumentTypeError, GraphError
from ..core.tape import Accumulate, NodeBase, Select
from ..core.value import Tensor
from ..core.writes import check_unwritten
from ..ops.broadcasting import unbroadcast
from ..tensor.names import Names, assigned, real
from ..tensor.recorded import graph_nodes
from .trace import pull
from .trace_table import show

FOLLOWED = 50_000  # contributions of arrays that are computed at most
WIDEST = 2000  # of them at one operation
WRITTEN = 8  # values of one path that are written out


@dataclass(frozen=True, eq=False)
class Path:
    """One path from the result to the input.

    `names` are the values on it (the user's names, or the operations that gave them), `ops` the operations followed,
    `factors` the local derivatives along it if all values on it are numbers, `contribution` their product.
    """

    names: tuple[str, ...]
    ops: tuple[str, ...]
    factors: tuple[Any, ...] | None
    contribution: Any

    @property
    def norm(self) -> float:
        """The contribution's size: absolute value, or Euclidean norm of an array."""
        return _norm(self.contribution)

    def text(self) -> str:
        """Names, local derivatives and contribution in one line."""
        names = self.names
        if len(names) > WRITTEN:
            names = (*names[: WRITTEN // 2], f"({len(names) - WRITTEN + 1} more)", *names[1 - WRITTEN // 2 :])
        way = " \u2192 ".join(names)
        if np.ndim(self.contribution):
            return f"{way}: norm {self.norm:.4g}, shape {np.shape(self.contribution)}"
        if self.factors is None or not 1 < len(self.factors) <= WRITTEN:
            return f"{way}: {_number(self.contribution)}"
        product = " \u00b7 ".join(map(_factor, self.factors))
        return f"{way}: {product} = {_number(self.contribution)}"

    __str__ = __repr__ = text


@dataclass(frozen=True, eq=False)
class Paths:
    """The paths from a result to an input, the largest contribution first.

    `found` are those asked for, of `total`; `gradient` is the sum over all of them. `exact` says whether no path that
    is not in `found` can be larger than one that is (with arrays and very many paths, some were left out on the way).
    """

    found: tuple[Path, ...]
    total: int
    gradient: Any
    exact: bool

    def __iter__(self) -> Iterator[Path]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def text(self) -> str:
        """One line a path, and the sum."""
        if not self.total:
            return "no path: the gradient is zero"
        lines = [p.text() for p in self.found]
        rest = self.total - len(self.found)
        if rest:
            how = "" if self.exact else "; the largest of those followed are shown"
            lines.append(f"and {rest:,} more path{'s' if rest > 1 else ''}{how}")
        size = self.gradient
        shown = f"norm {_norm(size):.4g}, shape {np.shape(size)}" if np.ndim(size) else _number(size)
        lines.append(f"sum of all {self.total:,}: {shown}" if self.total > 1 else f"the gradient: {shown}")
        return "\n".join(lines)

    __str__ = __repr__ = text


def _norm(x: Any) -> float:
    return float(np.linalg.norm(np.ravel(x)))


def _number(x: Any) -> str:
    small = np.asarray(x).dtype.kind == "f" and 0 < abs(x) < 5e-4
    return f"{float(x):.3g}" if small else show(x)


def _factor(x: Any) -> str:
    return f"({_number(x)})" if _number(x).startswith("-") else _number(x)


def paths(e: Tensor, a: Tensor, limit: int = 20) -> Paths:
    """The paths from `e` back to `a`, each with the product of local derivatives along it; they sum to the gradient.

    All paths are counted, however many there are, but only the `limit` largest are found: for numbers exactly, since a
    path can only be among the largest if its beginnings are among the largest that lead to the same value; for arrays
    (compared by norm) exactly as long as there are not too many to follow. Of an array `e`, the sum of its entries is
    taken. Hooks are not run.

    Args:
        e: a result, recorded, whose backward() has not freed its graph.
        a: a tensor that it was computed from, with requires_grad=True or itself recorded.
        limit: how many paths to return.

    Raises:
        ArgumentTypeError: one of the two is not a recorded tensor.
        GraphError: backward() freed what a rule needs; InplaceError: it was overwritten.

    Source: F. L. Bauer, Computational Graphs and Rounding Error, SIAM J. Numer. Anal. 11 (1974).

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> a = cr.tensor(2.0, requires_grad=True)
    >>> b = a * 3
    >>> c, d = a + 2, b + 4
    >>> e = c * d
    >>> explain.paths(e, a)
    e \u2192 d \u2192 b \u2192 a: 4.000 \u00b7 1.000 \u00b7 3.000 = 12.000
    e \u2192 c \u2192 a: 10.000 \u00b7 1.000 = 10.000
    sum of all 2: 22.000
    """
    for what, t in (("e", e), ("a", a)):
        if not isinstance(t, Tensor) or t._node is None:
            raise ArgumentTypeError(
                f"explain.paths(e, a): {what} is not a recorded tensor; make `a` with requires_grad=True and compute "
                f"`e` from it outside of no_grad()"
            )
    if limit < 1:
        raise ArgumentError(f"explain.paths: limit must be at least 1, not {limit}")
    root, target = e._node, a._node
    nodes = graph_nodes(real(root))
    ways = _ways(nodes, target)
    total = _count(ways, root, target)
    if not total:
        return Paths((), 0, np.zeros(a.shape, a._data.dtype), True)
    walk = _Walk(target, ways, limit, total, len(nodes))
    walk.arrive(root, [(np.ones_like(e._data), None)], np.ones_like(e._data))
    for n in reversed(nodes):
        if n is not target and id(n) in walk.waiting:
            walk.visit(n)
    names = Names(sys._getframe(1))
    kept = _largest([entry for group in walk.waiting.get(id(target), []) for entry in group[1]], limit)
    found = tuple(_path(c, way, root, target, names, a) for c, way in kept)
    return Paths(found, total, walk.sums[id(target)], walk.exact)


def _ways(nodes: list, target: Any) -> dict[int, int]:
    """How many paths lead from each node to the target."""
    ways: dict[int, int] = {}
    for n in nodes:
        if n is not target:
            ways[id(n)] = sum(_count(ways, x, target) for x in n.edges if x is not None)
    return ways


def _count(ways: dict[int, int], place: Any, target: Any) -> int:
    return 1 if place is target else ways.get(id(real(place)), 0)


class _Walk:
    """Contributions on their way down: the largest ones at each node, with the way they came, and their sum."""

    def __init__(self, target: Any, ways: dict[int, int], limit: int, total: int, size: int) -> None:
        self.target, self.ways, self.limit, self.total = target, ways, limit, total
        self.width = max(limit, min(WIDEST, FOLLOWED // size))
        self.waiting: dict[int, list] = {}  # id of a node -> [(slot, [(contribution, way)])]
        self.sums: dict[Any, Any] = {}
        self.exact = True

    def arrive(self, place: Any, entries: list, total: Any) -> None:
        """Contributions for one value; of several results of an operation, `slot` says which."""
        slot = place.index if type(place) is Select and place is not self.target else None
        node = place if slot is None else place.node
        key = (id(node), slot) if slot is not None else id(node)
        self.sums[key] = self.sums[key] + total if key in self.sums else total
        groups = self.waiting.setdefault(id(node), [])
        for known, held in groups:
            if known == slot:
                held += entries
                return
        groups.append((slot, list(entries)))

    def visit(self, n: NodeBase) -> None:
        """Let what waits at a node pass through it."""
        args, ans = _saved(n)
        groups = self.waiting.pop(id(n))
        needs = tuple(x is not None and _count(self.ways, x, self.target) > 0 for x in n.edges)
        for slot, entries in groups:
            total = self.sums.pop(id(n) if slot is None else (id(n), slot))

            def through(g: Any, slot: Any = slot) -> list:
                if slot is not None:
                    g = [g if i == slot else None for i in range(len(n.ans))]  # type: ignore[arg-type]
                found = pull(n.prim, needs, g, ans, args, n.params or {})
                if n.shapes is None:
                    return found
                return [None if c is None else unbroadcast(c, s) for c, s in zip(found, n.shapes, strict=True)]

            numbers = np.ndim(total) == 0 and total.dtype.kind == "f"
            units = through(np.ones_like(total)) if numbers else [None] * len(needs)
            numbers = numbers and all(np.ndim(u) == 0 for u in units if u is not None)
            kept = _largest(entries, self.limit if numbers else self.width)
            self.exact = self.exact and (numbers or len(kept) == len(entries))
            pulled = [units if numbers else through(c) for c, _ in kept]
            for i, c in enumerate(through(total)):
                if c is None:
                    continue
                place = n.edges[i]
                on = [
                    (g * p[i] if numbers else p[i], (way, n, place, p[i] if numbers else None))
                    for (g, way), p in zip(kept, pulled, strict=True)
                ]
                self.arrive(place, on, np.asarray(c))


def _largest(entries: list, count: int) -> list:
    """The entries of largest norm, in the order of their arrival where equal."""
    return sorted(entries, key=lambda entry: -_norm(entry[0]))[:count]


def _saved(n: Any) -> tuple[list, Any]:
    """The arguments and the result that a node's rules read."""
    args, ans = n.args, n.ans
    if args is None:
        kinds, reads_ans = n.prim.reads(len(n.edges), tuple(x is not None for x in n.edges))
        if reads_ans or any(kinds):
            raise GraphError(
                f"explain.paths(): backward() freed what {n.name()} saved; call it before backward(), or use "
                f"backward(retain_graph=True)"
            )
        args, ans = [None] * len(n.edges), n.ans if isinstance(n.ans, tuple) else None
    for x in (*args, *(ans if isinstance(ans, tuple) else (ans,))):
        check_unwritten(n, x)
    unpacked = [x.get() if isinstance(x, Packed) else x for x in args]
    return unpacked, ans.get() if isinstance(ans, Packed) else ans


def _path(contribution: Any, way: Any, root: Any, target: Any, names: Names, a: Tensor) -> Path:
    ops, places, factors = [], [], []
    while way is not None:
        way, n, place, factor = way
        ops.append(n.prim.name)
        places.append(place)
        factors.append(factor)
    called = [_name(p, names) for p in [root, *reversed(places)]]
    if places and called[-1] in ("leaf", "tensor"):
        called[-1] = a._label or called[-1]
    known = None if any(f is None for f in factors) else tuple(reversed(factors))
    return Path(tuple(called), tuple(reversed(ops)), known, contribution)


def _name(place: Any, names: Names) -> str:
    """The user's name for a value, or the operation that gave it."""
    node = real(place)
    if id(node) in names.places:
        return names.places[id(node)][0]
    if type(node) is Accumulate:
        owner = node.owner()
        return getattr(owner, "_label", None) or "leaf"
    return assigned(node.code, node.lasti) or node.prim.name
