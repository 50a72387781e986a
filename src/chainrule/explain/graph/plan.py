"""The level of detail of a picture: which operations get a box of their own, and which are counted only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...core.tape import Accumulate
from ...tensor.names import Names, memory_of
from .fold import Run, flat, folded
from .modules import Group
from .picture import Frame

CROWD = 8  # leaves of one operation from which on most are hidden, where the picture is too large


@dataclass(eq=False)
class Unit:
    """What becomes one box: an operation, a closed module call, or what is hidden."""

    kind: str
    nodes: list[Any]
    frame: int
    title: str = ""
    rounds: int = 0


@dataclass(eq=False)
class Crowd:
    """Leaves (their keys) that have one box together."""

    keys: list[Any]


@dataclass(eq=False)
class Plan:
    """The units and frames of one level of detail, and the leaves with the units that use them."""

    names: Names
    units: list[Unit] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    home: dict[int, int] = field(default_factory=dict)  # id of a node -> number of its unit
    leaves: dict[Any, tuple[Any, list[int]]] = field(default_factory=dict)  # key -> (leaf or constant, users)

    def visible(self) -> dict[Any, tuple[Any, list[int]]]:
        """Leaves with a box of their own: all but the parameters and constants inside of one closed box."""
        return {key: (leaf, users) for key, (leaf, users) in self.leaves.items() if self.is_visible(leaf, users)}

    def is_visible(self, leaf: Any, users: list[int]) -> bool:
        kind = self.units[users[0]].kind
        if len(users) > 1 or kind == "op":
            return True
        if isinstance(leaf, Accumulate):
            owner = leaf.owner()
            return kind == "module" and owner is not None and not owner._is_param
        return kind == "module" and is_variable(self.names.of_array(leaf))


def key_of(leaf: Any) -> Any:
    """What makes a leaf or constant the same box: a constant is the same in another shape."""
    return memory_of(leaf) if isinstance(leaf, np.ndarray) else id(leaf)


def is_variable(name: str) -> bool:
    """Is it the name of a variable, not of a module's buffer or an entry of a list?"""
    return bool(name) and "." not in name and "[" not in name


def fitting(tree: Group, limit: int, depth: int | None, expand: tuple[str, ...], names: Names) -> Plan:
    """The most detailed plan with no more than `limit` boxes: modules closed, then loops folded, then the rest cut."""
    deepest = _deepest(tree)
    depths = (list(range(deepest, 0, -1)) or [0]) if depth is None else [depth]
    plan = _planned(tree, deepest if depth is None else depth, expand, names)
    for d in depths:
        plan = _planned(tree, d, expand, names)
        if _size(plan) <= limit:
            return plan
    small = folded(tree)
    for d in [*depths, *([0] if depth is None else [])]:
        plan = _planned(small, d, expand, names)
        _uncrowd(plan)
        if _size(plan) <= limit:
            return plan
    return _cut(plan, limit)


def _deepest(tree: Group) -> int:
    found, stack = 0, [tree]
    while stack:
        group = stack.pop()
        inner = [i for i in group.items if isinstance(i, Group)]
        if inner:
            found = max(found, group.depth + 2)
        stack += inner
    return found


def _size(plan: Plan) -> int:
    return len(plan.units) + len(plan.visible())


def _planned(tree: Group, depth: int, expand: tuple[str, ...], names: Names) -> Plan:
    plan = Plan(names)
    _visit(plan, tree.items, -1, depth, _opened(tree, expand))
    find_leaves(plan)
    return plan


def _opened(tree: Group, expand: tuple[str, ...]) -> set[int]:
    """Ids of the groups that `expand` names, by their path or its end, and of those around them."""
    found: set[int] = set()
    stack: list[tuple[list, str, tuple[int, ...]]] = [(tree.items, "", ())] if expand else []
    while stack:
        items, path, around = stack.pop()
        for item in items:
            if isinstance(item, Run):
                stack.append(([*item.first, *item.between, *item.last], path, around))
            elif isinstance(item, Group):
                here = f"{path}.{item.name}"
                if any(here.endswith(f".{e}") for e in expand):
                    found.update((*around, id(item)))
                stack.append((item.items, here, (*around, id(item))))
    return found


def _visit(plan: Plan, items: list, frame: int, depth: int, opened: set[int]) -> None:
    for item in items:
        if isinstance(item, Run):
            _visit(plan, item.first, frame, depth, opened)
            plan.units.append(Unit("more", list(flat(item.between)), frame, rounds=item.rounds - 2))
            _visit(plan, item.last, frame, depth, opened)
        elif isinstance(item, Group):
            inner = list(flat(item.items))
            is_open = item.depth < depth or id(item) in opened
            if len(inner) == 1 and is_open:
                plan.units.append(Unit("op", inner, frame, item.title))
            elif is_open:
                plan.frames.append(Frame(item.title, frame))
                _visit(plan, item.items, len(plan.frames) - 1, depth, opened)
            else:
                plan.units.append(Unit("module", inner, frame, item.title))
        else:
            plan.units.append(Unit("op", [item], frame))


def find_leaves(plan: Plan) -> None:
    plan.home = {id(n): k for k, u in enumerate(plan.units) for n in u.nodes}
    plan.leaves = {}
    for k, unit in enumerate(plan.units):
        for n in unit.nodes:
            for i, e in enumerate(n.edges):
                leaf: Any = e if type(e) is Accumulate else None
                if e is None and n.args is not None and isinstance(n.args[i], np.ndarray) and n.args[i].ndim:
                    leaf = n.args[i]
                if leaf is not None:
                    users = plan.leaves.setdefault(key_of(leaf), (leaf, []))[1]
                    if not users or users[-1] != k:
                        users.append(k)


def _uncrowd(plan: Plan) -> None:
    """Where one operation has many leaves of its own, keep the first few and count the rest in one box."""
    own: dict[int, list[Any]] = {}
    for key, (_, users) in plan.leaves.items():
        if len(users) == 1 and plan.units[users[0]].kind == "op":
            own.setdefault(users[0], []).append(key)
    for k, keys in own.items():
        if len(keys) > CROWD:
            crowd = keys[CROWD // 2 :]
            for key in crowd:
                del plan.leaves[key]
            plan.leaves[id(plan.units[k])] = (Crowd(crowd), [k])


def _cut(plan: Plan, limit: int) -> Plan:
    """The newest units that fit; all older ones become one box."""
    keep, leaves = 0, set()
    users: dict[int, list[Any]] = {}
    for key, (_, of) in plan.leaves.items():
        for k in of:
            users.setdefault(k, []).append(key)
    for k in range(len(plan.units) - 1, -1, -1):
        leaves |= set(users.get(k, ())) if plan.units[k].kind == "op" else set()
        if keep + 1 + len(leaves) > max(limit - 1, 1):
            break
        keep += 1
    cut = len(plan.units) - max(keep, 1)
    earlier = Unit("more", [n for u in plan.units[:cut] for n in u.nodes], -1)
    made = Plan(plan.names, [earlier, *plan.units[cut:]] if cut else plan.units, plan.frames)
    find_leaves(made)
    _uncrowd(made)
    return made
