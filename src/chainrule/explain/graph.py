"""A picture of the recorded graph: text, DOT, Mermaid and SVG, laid out in layers."""

from __future__ import annotations

import html
import sys
from dataclasses import dataclass
from typing import Any

from ..core.tape import NodeBase, Select
from ..core.value import Tensor
from ..tensor.why import _known_values, graph_nodes
from .trace import show


@dataclass(frozen=True)
class Picture:
    """`boxes`: label lines, in order of creation; `arrows`: (from, to); `hidden`: how many boxes are left out."""

    boxes: tuple[str, ...]
    arrows: tuple[tuple[int, int], ...]
    hidden: int

    def text(self) -> str:
        """One line a box, with the boxes it was made from."""
        into: dict[int, list[int]] = {}
        for a, b in self.arrows:
            into.setdefault(b, []).append(a)
        lines = [f"[{i}] {s}" + (f" <- {into[i]}" if i in into else "") for i, s in enumerate(self.boxes)]
        return "\n".join(lines + ([f"({self.hidden} earlier boxes hidden)"] if self.hidden else []))

    def dot(self) -> str:
        """The graph for Graphviz."""
        boxes = [s.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for s in self.boxes]
        lines = [f'  n{i} [shape=box, label="{s}"];' for i, s in enumerate(boxes)]
        return "\n".join(["digraph {", *lines, *(f"  n{a} -> n{b};" for a, b in self.arrows), "}"])

    def mermaid(self) -> str:
        """The graph for Mermaid."""
        boxes = [html.escape(s).replace("&", "#").replace("##", "#").replace("\n", " ") for s in self.boxes]
        lines = [f'  n{i}["{s}"]' for i, s in enumerate(boxes)]
        return "\n".join(["graph LR", *lines, *(f"  n{a} --> n{b}" for a, b in self.arrows)])

    def svg(self) -> str:
        """The graph as SVG: a column for each depth, left to right."""
        depth = [0] * len(self.boxes)
        for a, b in sorted(self.arrows, key=lambda e: e[1]):
            depth[b] = max(depth[b], depth[a] + 1)
        wide = 30 + 7 * max(len(s) for s in self.boxes)
        rows: dict[int, int] = {}
        at = []
        for d in depth:
            at.append((20 + d * (wide + 50), 40 + rows.get(d, 0) * 50))
            rows[d] = rows.get(d, 0) + 1
        w, h = 20 + (max(depth) + 1) * (wide + 50), 40 + max(rows.values()) * 50
        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" font-family="monospace" '
            f'font-size="11"><rect width="100%" height="100%" fill="white"/>'
        ]
        for a, b in self.arrows:
            (x, y), (u, v) = at[a], at[b]
            out.append(
                f'<path d="M{x + wide},{y + 15} C{x + wide + 25},{y + 15} {u - 25},{v + 15} {u},{v + 15}" '
                f'fill="none" stroke="#667"/>'
            )
        for s, (x, y) in zip(self.boxes, at, strict=True):
            out.append(
                f'<rect x="{x}" y="{y}" width="{wide}" height="30" rx="4" fill="#eef3ff" stroke="#446"/>'
                f'<text x="{x + 8}" y="{y + 19}">{html.escape(s)}</text>'
            )
        if self.hidden:
            out.append(f'<text x="20" y="20">{self.hidden} earlier boxes hidden</text>')
        return "".join([*out, "</svg>"])

    _repr_svg_ = svg
    __str__ = text
    __repr__ = text


def graph(t: Tensor, limit: int = 200) -> Picture:
    """The recorded graph of `t` with names, values and gradients; the newest `limit` boxes, the rest counted."""
    names: dict[int, tuple[str, Tensor]] = {}
    for name, value in sys._getframe(1).f_locals.items():
        if isinstance(value, Tensor) and value._node is not None:
            names.setdefault(id(value._node), (value._label or name, value))
    if t._node is None:
        return Picture((f"{t._label or ''} {show(t._data)}".strip(),), (), 0)

    def real(e: Any) -> Any:
        return e.node if type(e) is Select else e

    nodes = graph_nodes(t._node)
    known = _known_values(nodes, t)
    places = {id(n): n for n in nodes}
    places |= {id(real(e)): real(e) for n in nodes for e in n.edges if e is not None}
    places.setdefault(id(real(t._node)), real(t._node))
    every = sorted(places.values(), key=lambda n: n.seq)
    kept = every[-limit:]
    index = {id(n): i for i, n in enumerate(kept)}
    boxes, arrows = [], []
    for i, n in enumerate(kept):
        name, owner = names.get(id(n), ("", None))
        if not isinstance(n, NodeBase):
            owner = n.owner() if owner is None else owner
        name = name or (owner._label if owner is not None and owner._label else "")
        value = owner._data if owner is not None else known.get(id(n))
        parts = [name, n.prim.name if isinstance(n, NodeBase) else "leaf"]
        parts += [] if value is None or isinstance(value, tuple) else [show(value)]
        grad = owner.grad if owner is not None and (not isinstance(n, NodeBase) or n.meta is not None) else None
        parts += [] if grad is None else [f"grad {show(grad._data)}"]
        boxes.append(" ".join(p for p in parts if p))
        arrows += [(index[id(real(e))], i) for e in n.edges if e is not None and id(real(e)) in index]
    return Picture(tuple(boxes), tuple(arrows), len(every) - len(kept))
