"""From the tape to a Picture: which operations get a box of their own, and what is written in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...core.provenance import describe
from ...core.tape import Accumulate, NodeBase, Select, Spec
from ...core.value import Tensor, raw_shape
from ...tensor.names import Names, assigned, real
from ...tensor.recorded import argument, grad_of, plain
from .modules import grouped
from .picture import Box, Frame, Picture
from .plan import Crowd, Plan, Unit, fitting, is_variable, key_of
from .values import Values, dtype_name, shown

ENTRIES = 30_000_000  # entries of values in a graph through which gradients are computed again at most
ALL = 5000  # operations of which values and gradients are computed again at most


def drawn(
    t: Tensor,
    nodes: list[Any],
    names: Names,
    limit: int,
    depth: int | None,
    expand: tuple[str, ...],
    gradients: bool | None,
    direction: str = "auto",
    theme: str = "auto",
) -> Picture:
    """The picture of the graph of `t`, whose operations are `nodes`, oldest first."""
    if not nodes:
        return Picture((_alone(t, names),), (), title="Graph of one tensor", direction=direction, theme=theme)
    tree = grouped(nodes, names.modules)
    plan = fitting(tree, limit, depth, expand, names)
    shown_nodes = [n for u in plan.units for n in u.nodes if u.kind != "more"]
    values = Values(nodes, t, names.places)
    values.complete(nodes if len(nodes) <= ALL else sorted(shown_nodes, key=lambda n: n.seq))
    notes: list[str] = []
    after = any(leaf.grad is not None for leaf, _ in plan.leaves.values() if isinstance(leaf, Accumulate))
    after = after or any(_kept(n) is not None for n in nodes)
    if gradients or (gradients is None and after):
        first = min((n.seq for n in shown_nodes), default=0)
        recent = nodes if len(nodes) <= ALL else [n for n in nodes if n.seq >= first]
        if len(recent) <= ALL and sum(np.size(values.known.get(id(n), 0)) for n in recent) <= ENTRIES:
            values.differentiate(t, recent)
        else:
            notes.append("Gradients of values in between are not computed for so large a graph; use retain_grad().")
    writer = Writer(plan, values, names, t, "none" if gradients is False else "all" if gradients else "kept")
    return replace(writer.picture(notes), direction=direction, theme=theme)


def _alone(t: Tensor, names: Names) -> Box:
    """The box of a tensor that no recorded operation made."""
    name = names.of_array(t._data) or t._label or ""
    grad = "" if grad_of(t) is None else shown(grad_of(t)._data)
    return Box("leaf" if t._node is not None else "constant", name, "leaf", shown(t._data), grad, note=_spec(t._data))


def _kept(n: Any) -> Any:
    """The gradient that retain_grad() kept."""
    return n.meta.retain[0] if n.meta is not None and n.meta.retain is not None else None


# ---- boxes -----------------------------------------------------------------------------------------------------------


class Writer:
    """Writes the boxes of a plan. `grads`: "none", "kept" (only after a backward()) or "all"."""

    def __init__(self, plan: Plan, values: Values, names: Names, t: Tensor, grads: str) -> None:
        self.plan, self.values, self.names, self.t, self.grads = plan, values, names, t, grads
        self.boxes: list[Box] = []
        self.number: dict[Any, int] = {}  # of the box: by unit number, or by ("leaf", id)
        self.begins: dict[int, int] = {}  # number of the first unit in each frame
        self.last: dict[tuple, str] = {}  # operation that made the result of each of the user's instructions
        for n in values.nodes:
            self.last[n.code, n.lasti] = n.prim.name
        self.used: dict[int, set[int]] = {}  # of operations with several results, which are used
        for e in (t._node, *(e for n in values.nodes for e in n.edges)):
            if type(e) is Select:
                self.used.setdefault(id(e.node), set()).add(e.index)
        self.mismatch = False
        self.stale = False
        self.crowded = 0  # leaves without a box of their own

    def picture(self, notes: list[str]) -> Picture:
        plan = self.plan
        waiting: dict[int, list] = {}
        for key, (leaf, users) in plan.visible().items():
            frame = -1 if self.is_input(leaf) else self.common([plan.units[u].frame for u in users])
            waiting.setdefault(self.first(users[0], frame), []).append((key, leaf, frame))
        arrows: dict[tuple[int, int], None] = {}
        for k, unit in enumerate(plan.units):
            for key, leaf, frame in waiting.get(k, ()):
                self.number["leaf", key] = len(self.boxes)
                self.boxes.append(replace(self.leaf(leaf), frame=frame))
            self.number[k] = len(self.boxes)
            self.boxes.append(self.unit(unit, k))
            for n in unit.nodes:
                for i, e in enumerate(n.edges):
                    source = self.source(n, i, e)
                    if source is not None and source != self.number[k]:
                        arrows[source, self.number[k]] = None
            crowd = self.number.get(("leaf", id(unit)))
            if crowd is not None:
                arrows[crowd, self.number[k]] = None
        if self.mismatch:
            notes.append(
                "A leaf's .grad is not the derivative of this result: it was accumulated, cleared or changed since."
            )
        if self.stale:
            notes.append("(changed): this leaf was written to after it was used; its value is the present one.")
        gone = [u for u in plan.units if u.kind == "op" and u.nodes[0].args is None]
        if any(id(u.nodes[0]) not in self.values.known for u in gone):
            notes.append(
                "backward() has freed some of the values. To see all, draw the graph before it, or write "
                "backward(retain_graph=True)."
            )
        drawn_ops = sum(1 for u in plan.units if u.kind == "op")
        total = sum(len(u.nodes) for u in plan.units)
        name = self.named(real(self.t._node)) or "result"
        frames, boxes = self.used_frames()
        hidden = total - drawn_ops + self.crowded
        return Picture(tuple(boxes), tuple(arrows), frames, hidden, tuple(notes), f"Graph of {name}")

    def used_frames(self) -> tuple[tuple[Frame, ...], list[Box]]:
        """Frames with something in them, numbered anew."""
        used: set[int] = set()
        for b in self.boxes:
            f = b.frame
            while f >= 0 and f not in used:
                used.add(f)
                f = self.plan.frames[f].parent
        order = {-1: -1} | {f: i for i, f in enumerate(sorted(used))}
        frames = tuple(replace(self.plan.frames[f], parent=order[self.plan.frames[f].parent]) for f in sorted(used))
        return frames, [replace(b, frame=order[b.frame]) for b in self.boxes]

    def is_input(self, leaf: Any) -> bool:
        """Is it a tensor of the user's that is handed to the modules, not a parameter or constant of theirs?"""
        if isinstance(leaf, Accumulate):
            owner = leaf.owner()
            return owner is not None and not owner._is_param
        return isinstance(leaf, np.ndarray) and is_variable(self.names.of_array(leaf))

    def path(self, f: int) -> list[int]:
        """The frames around and with `f`, from the outermost."""
        found = [f]
        while f >= 0:
            f = self.plan.frames[f].parent
            found.append(f)
        return found[::-1]

    def first(self, k: int, frame: int) -> int:
        """Number of the unit before which a leaf of `frame` stands that unit `k` uses: no frame is interrupted."""
        if not self.begins:
            for j in range(len(self.plan.units) - 1, -1, -1):
                self.begins.update(dict.fromkeys(self.path(self.plan.units[j].frame), j))
        inner = self.path(self.plan.units[k].frame)
        at = inner.index(frame) + 1
        return self.begins[inner[at]] if at < len(inner) else k

    def common(self, frames: list[int]) -> int:
        """The innermost frame around all of these."""
        paths = [self.path(f) for f in set(frames)]
        shared = -1
        for step in zip(*paths, strict=False):
            if len(set(step)) > 1:
                break
            shared = step[0]
        return shared

    def source(self, n: Any, i: int, e: Any) -> int | None:
        """Number of the box that argument `i` of a node comes from."""
        if e is None:
            array = n.args[i] if n.args is not None else None
            return self.number.get(("leaf", key_of(array))) if isinstance(array, np.ndarray) else None
        if type(e) is Accumulate:
            return self.number.get(("leaf", id(e)))
        home = self.plan.home.get(id(real(e)))
        return None if home is None else self.number.get(home)

    # ---- contents ----------------------------------------------------------------------------------------------------

    def named(self, n: Any) -> str:
        """The user's name of a node's result."""
        known = self.names.places.get(id(n))
        if known is not None:
            return known[0]
        note = n.meta.notes.get("label", "") if n.meta is not None else ""
        if not isinstance(n, NodeBase):
            owner = n.owner()
            return (owner._label or note) if owner is not None else note
        if note or self.last.get((n.code, n.lasti)) != n.prim.name:  # inside of a function of several operations
            return note
        return assigned(n.code, n.lasti)

    def leaf(self, leaf: Any) -> Box:
        if isinstance(leaf, Crowd):
            self.number.update(dict.fromkeys((("leaf", key) for key in leaf.keys), len(self.boxes)))
            self.crowded += len(leaf.keys)
            return Box("more", op=f"... {len(leaf.keys):,} more leaves", count=len(leaf.keys))
        if isinstance(leaf, np.ndarray):
            return Box("constant", self.names.of_array(leaf), "constant", shown(leaf), note=_spec(leaf))
        value = self.values.known.get(id(leaf))
        text = "" if value is None else shown(value)
        if id(leaf) in self.values.written:
            self.stale = True
            text += " (changed)"
        grad = ""
        own = leaf.grad._data if leaf.grad is not None else None
        found = self.values.grads.get(id(leaf))
        if self.grads == "kept" and own is not None:
            grad = shown(own)
            if found is not None and not _close(own, found):
                self.mismatch = True
        elif self.grads == "all" and found is not None:
            grad = shown(found)
        return Box("leaf", self.named(leaf), "leaf", text, grad, note="" if value is None else _spec(value))

    def unit(self, unit: Unit, k: int) -> Box:
        if unit.kind == "more":
            return self.more(unit)
        if unit.kind == "module":
            return self.module(unit, k)
        n = unit.nodes[0]
        args, constants = [], False
        for i, e in enumerate(n.edges):
            source = self.source(n, i, e)
            if source is not None:
                args.append(source)
            elif e is None:
                args.append(self.constant(n, i))
                constants = constants or args[-1] != "constant"
            else:
                args.append("...")
        op = n.prim.name
        if constants:
            op += "(" + ", ".join(a if isinstance(a, str) and a != "..." else "\u00b7" for a in args) + ")"
        params = ", ".join(f"{key}={value!r}"[:60] for key, value in (n.params or {}).items())
        value, grad = self.contents(n)
        note = "; ".join(x for x in (f"{n.prim.name}({params})" if params else "", self.spec_of(n)) if x)
        name = self.named(n)
        line = describe(n.code, n.lasti)
        return Box("op", name, op, value, grad, tuple(args), line, note, unit.title, frame=unit.frame)

    def contents(self, n: Any) -> tuple[str, str]:
        """Value and gradient of a node, as text."""
        known = self.values.known.get(id(n))
        spec = self.values.specs.get(id(n))
        found = known if known is not None else spec
        if isinstance(found, tuple):
            found = tuple([x for i, x in enumerate(found) if i in self.used.get(id(n), ())])
        value = " and ".join((shown if known is not None else _spec)(x) for x in _each(found))
        kept = _kept(n)
        found = self.values.grads.get(id(n))
        if isinstance(found, list):
            found = next((g for g in found if g is not None), None) if sum(g is not None for g in found) == 1 else None
        if self.grads == "none" or (kept is None and found is None):
            return value, ""
        return value, shown(kept._data if kept is not None and self.grads == "kept" else found)

    def spec_of(self, n: Any) -> str:
        known = self.values.known.get(id(n), self.values.specs.get(id(n)))
        return ", ".join(_spec(s) for s in _each(known))

    def constant(self, n: Any, i: int) -> str:
        """An argument that needs no gradient and has no box: a number where it is known."""
        found = argument(n, i, self.values.known)
        if found is None:
            found = self.addend(n, i)
        if found is None or np.ndim(found) or isinstance(found, Spec):
            return "constant"
        value = found.item() if isinstance(found, (np.ndarray, np.generic)) else found
        return f"{value:g}" if isinstance(value, float) else str(value)

    def addend(self, n: Any, i: int) -> float | None:
        """The number c of `x + c`, `x - c`, `c * x` ..., which the tape does not keep, if a short decimal fits."""
        answer = self.values.known.get(id(n))
        x = argument(n, 1 - i, self.values.known) if len(n.edges) == 2 else None
        guesses = {
            "add": lambda y, x: y - x,
            "sub": lambda y, x: y + x if i == 0 else x - y,
            "mul": lambda y, x: y / x,
            "div": lambda y, x: y * x if i == 0 else x / y,
        }
        if n.prim.name not in guesses or not isinstance(answer, np.ndarray) or x is None or not answer.size:
            return None
        with np.errstate(all="ignore"):
            guess = np.ravel(guesses[n.prim.name](answer, x))[0]
            if answer.dtype.kind != "f" or not np.isfinite(guess):
                return None
            for digits in range(1, 8):
                c = np.asarray(float(f"{guess:.{digits}g}"), answer.dtype)
                if np.array_equal(n.prim.impl(np, c, x) if i == 0 else n.prim.impl(np, x, c), answer):
                    return float(c)
        return None

    def inside(self, unit: Unit) -> str:
        """How many parameters a closed box holds, numbers in them, and the norm of their gradients."""
        held = {id(e): e for n in unit.nodes for e in n.edges if type(e) is Accumulate}
        leaves = [e for key, e in held.items() if ("leaf", key) not in self.number]
        numbers = sum(int(np.prod(raw_shape(o))) for e in leaves if (o := e.owner()) is not None)
        if not leaves:
            return ""
        text = f", {_count(len(leaves), 'parameter')} ({numbers:,} numbers)"
        grads = [plain(e.grad._data) for e in leaves if e.grad is not None]
        if grads and self.grads != "none":
            norm = np.sqrt(sum(float(np.square(np.abs(g.astype(np.float64))).sum()) for g in grads))
            text += f", gradient norm {norm:.3g}"
        return text

    def module(self, unit: Unit, k: int) -> Box:
        outs = self.outputs(k)
        value, grad = self.contents(outs[0]) if len(outs) == 1 else ("", "")
        note = _count(len(unit.nodes), "operation") + self.inside(unit)
        name = self.named(outs[0]) if len(outs) == 1 else ""
        line = describe(unit.nodes[-1].code, unit.nodes[-1].lasti)
        sources = dict.fromkeys(
            s
            for n in unit.nodes
            for i, e in enumerate(n.edges)
            if (s := self.source(n, i, e)) is not None and s != self.number[k]
        )
        return Box(
            "module",
            name,
            unit.title,
            value,
            grad,
            tuple(sources),
            line,
            note,
            frame=unit.frame,
            count=len(unit.nodes),
        )

    def outputs(self, k: int) -> list[Any]:
        """Nodes of a unit whose result is used outside of it."""
        if not hasattr(self, "_outputs"):
            self._outputs: dict[int, dict[int, Any]] = {}
            home = self.plan.home
            for j, unit in enumerate(self.plan.units):
                for n in unit.nodes:
                    for e in n.edges:
                        if e is not None and type(e) is not Accumulate:
                            i = home.get(id(real(e)))
                            if i is not None and i != j:
                                self._outputs.setdefault(i, {})[id(real(e))] = real(e)
            root = real(self.t._node)
            if id(root) in home:
                self._outputs.setdefault(home[id(root)], {})[id(root)] = root
        return list(self._outputs.get(k, {}).values())

    def more(self, unit: Unit) -> Box:
        counts: dict[str, int] = {}
        for n in unit.nodes:
            counts[n.prim.name] = counts.get(n.prim.name, 0) + 1
        often = sorted(counts.items(), key=lambda c: -c[1])
        what = ", ".join(f"{name} {c:,}" for name, c in often[:4]) + (", ..." if len(often) > 4 else "")
        op = f"... {_count(len(unit.nodes), 'more operation')}"
        if unit.rounds and len(unit.nodes) > unit.rounds:
            op += f" in {unit.rounds:,} rounds"
        sources = dict.fromkeys(
            s for n in unit.nodes for i, e in enumerate(n.edges) if (s := self.source(n, i, e)) is not None
        )
        return Box("more", "", op, what, args=tuple(sources), note=what, frame=unit.frame, count=len(unit.nodes))


def _each(x: Any) -> tuple:
    """The results of an operation with one or several, as far as known."""
    return tuple(a for a in (x if isinstance(x, tuple) else (x,)) if a is not None)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _spec(x: Any) -> str:
    """'(3, 4) float32' of an array or Spec."""
    shape = tuple(x.shape)
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''}) {dtype_name(x.dtype)}"


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True))
