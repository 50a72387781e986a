"""The Program of a recorded tensor, read off the tape; what is not kept there is recomputed, or said to be missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.eager import Packed
from ..core.errors import ArgumentTypeError, GraphError, InplaceError
from ..core.primitive import PRIMITIVES
from ..core.provenance import describe
from ..core.tape import NodeBase, Select, Spec
from ..core.value import Tensor
from ..core.writes import check_unwritten
from ..tensor.why import graph_nodes
from .record import Item, Program, finished, place_of


def of_tensor(t: Tensor, names: dict[str, Any]) -> Program:
    """The Program that made `t`; `names` are the caller's variables."""
    if t._node is None:
        raise ArgumentTypeError(
            "explain.show(t): this tensor was not recorded; make one of its inputs with requires_grad=True, or give a "
            "function and its arguments: explain.show(f, 2.0, 5.0)"
        )
    if not isinstance(t._data, np.ndarray):
        raise ArgumentTypeError("explain.show(t) needs a tensor outside of any transformation")
    items: list[Item] = []
    output = Reader(items, "input", called(names)).read(t)
    output.name = output.name or t._label or ""
    program = Program(items, output, output.name or "result")
    complete(program)
    return finished(program)


def called(names: dict[str, Any]) -> dict[int, tuple[str, Tensor]]:
    """(name, tensor) by identity of the place on the tape, for variables and for parameters of modules among them."""
    found: dict[int, tuple[str, Tensor]] = {}
    for name, value in list(names.items()):
        if isinstance(value, Tensor) and value._node is not None:
            found.setdefault(id(value._node), (value._label or name, value))
        elif hasattr(type(value), "named_parameters"):
            for inner, p in value.named_parameters():
                if p._node is not None:
                    found.setdefault(id(p._node), (f"{name}.{inner}", p))
    return found


class Reader:
    """Adds to `items` what recorded tensors were made of, each operation once; leaves are of the kind `leaf_kind`."""

    def __init__(self, items: list[Item], leaf_kind: str, known: dict[int, tuple[str, Tensor]]) -> None:
        self.items, self.leaf_kind, self.known = items, leaf_kind, known
        self.made: dict[int, Item] = {}
        self.places: dict[int, Any] = {}  # by identity of the item; keeps the places alive, so that ids stay theirs
        self.constants: dict[int, Item] = {}

    def read(self, t: Tensor) -> Item:
        """The item of a recorded tensor."""
        root = t._node
        if id(root) not in self.made:
            for node in graph_nodes(root):
                if id(node) not in self.made:
                    self.add(node, node, self.operation(node))
            if id(root) not in self.made:
                self.add(root, root, None)
        item = self.made[id(root)]
        if item.value is None:
            if item.kind == self.leaf_kind:
                raise GraphError(
                    f"explain.show(): {item.name or 'a tensor'} was written to between two uses; run the whole forward "
                    f"computation again after the write"
                )
            item.value = t._data
        return item

    def add(self, place: Any, user: Any, item: Item | None) -> Item:
        """Put the item of a place into the program; a leaf or one result of several is made here."""
        item = item or (self.chosen(place) if isinstance(place, Select) else self.leaf(place, user))
        self.made[id(place)] = item
        self.places[id(item)] = place
        self.items.append(item)
        return item

    def leaf(self, place: Any, user: Any) -> Item:
        name, owner = self.known.get(id(place), ("", None))
        owner = owner if owner is not None else place.owner()
        value = None if owner is None else owner._data.copy() if user is place else _as_it_was(user, owner._data)
        item = Item(self.leaf_kind, value, name, wants=True)
        item.name = item.name or (owner._label if owner is not None and owner._label else "")
        return item

    def chosen(self, edge: Select) -> Item:
        op = self.made[id(edge.node)]
        value = op.value[edge.index] if isinstance(op.value, tuple) else None
        item = Item("result", value if isinstance(value, np.ndarray) else None, args=(op,), place=op.place, wants=True)
        item.depth, item.index, item.spec = op.depth, edge.index, value
        return item

    def operation(self, node: Any) -> Item:
        args: list[Any] = []
        for i, (edge, value) in enumerate(zip(node.edges, _saved(node), strict=True)):
            if edge is None:
                args.append(_constant(value, node, i, self.constants, self.items))
                continue
            item = self.made.get(id(edge)) or self.add(edge, node, None)  # operations come in the order of creation
            if item.value is None and isinstance(value, np.ndarray):
                item.value = value
            elif item.value is None and isinstance(value, Spec):
                item.spec = value
            args.append(item)
        answer = node.ans.get() if isinstance(node.ans, Packed) else node.ans
        item = Item("op", prim=PRIMITIVES.get(node.prim.name, node.prim), params=node.params or {}, args=tuple(args))
        item.place = place_of(node.code, node.lasti)
        item.depth = 1 + max((a.depth for a in args if isinstance(a, Item)), default=0)
        item.wants = True
        if isinstance(answer, (tuple, np.ndarray)):
            check_unwritten(node, answer)
            item.value = answer
        item.name, owner = self.known.get(id(node), ("", None))
        if item.value is None and owner is not None:
            item.value = _as_it_was(node, owner._data)
        return item

    def name(self, known: dict[int, tuple[str, Tensor]]) -> None:
        """Names for what has none yet."""
        for item in self.made.values():
            item.name = item.name or known.get(id(self.places[id(item)]), ("", None))[0]


def _saved(node: NodeBase) -> list[Any]:
    """What a node saved of its arguments; an error if a backward() has freed what its rules need."""
    if node.args is None:
        kinds, keeps = node.prim.reads(len(node.edges), tuple(e is not None for e in node.edges))
        if any(kinds) or keeps:
            raise GraphError(
                f"explain.show(): backward() freed what {node.prim.name} had saved at "
                f"{describe(node.code, node.lasti)}; call show() before it, or write backward(retain_graph=True)"
            )
        return [None] * len(node.edges)
    found = [a.get() if isinstance(a, Packed) else a for a in node.args]
    for a in found:
        check_unwritten(node, a)
    if any(isinstance(a, np.ndarray) and a.dtype.kind == "c" for a in found):
        raise ArgumentTypeError(f"explain.show() shows real numbers only, and {node.prim.name} saw complex ones")
    return found


def _as_it_was(node: Any, array: np.ndarray) -> np.ndarray | None:
    """A copy of `array`, or None if it was written to since `node` was recorded."""
    try:
        check_unwritten(node, array)
    except InplaceError:
        return None
    return array.copy()


def _constant(value: Any, node: NodeBase, i: int, constants: dict[int, Item], items: list[Item]) -> Any:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, np.ndarray):
        if id(value) not in constants:
            constants[id(value)] = Item("constant", value)
            items.append(constants[id(value)])
        return constants[id(value)]
    shape = node.shapes[i] if node.shapes is not None else ()
    item = Item("constant", spec=value if isinstance(value, Spec) else Spec(shape, np.dtype("float64")))
    items.append(item)
    return item


def complete(program: Program) -> None:
    """Recompute results that nothing saved, and recover constants of sums; the rest stays unknown and is said so."""
    recovered = False
    for item in program.items:
        if item.kind != "op" or item.prim is None:
            continue
        prim = item.prim
        unknown = [a for a in item.args if isinstance(a, Item) and a.value is None]
        if not unknown and item.value is None and not prim.effect and prim.n_out == 1:
            raws = [a.value if isinstance(a, Item) else a for a in item.args]
            item.value = np.asarray(prim.impl(np, *raws, **item.params))
        elif len(unknown) == 1 and unknown[0].kind == "constant" and isinstance(item.value, np.ndarray):
            number = _addend(item, unknown[0])
            if number is not None:
                item.args = tuple(number if a is unknown[0] else a for a in item.args)
                recovered = True
    used = {id(a) for item in program.items for a in item.args}
    program.items = [i for i in program.items if i.kind != "constant" or id(i) in used]
    missing = [i for i in program.items if i.value is None]
    for item in missing:
        item.spec = item.spec if item.spec is not None else Spec((), np.dtype("float64"))
    if recovered:
        program.notes.append("Numbers added to values are not kept by the tape; they were read off the results.")
    if missing:
        program.frozen.append(f"the tape did not keep {len(missing)} of the values (give show() the function instead)")


def _addend(item: Item, unknown: Item) -> float | None:
    """The number c of `x + c`, `x - c` or `c - x`, if one short decimal gives the recorded result exactly."""
    assert item.prim is not None
    known = next((a for a in item.args if a is not unknown), None)
    x = known.value if isinstance(known, Item) else known
    if item.prim.name not in ("add", "sub") or x is None or np.size(x) == 0 or not is_inexact(item.value.dtype):
        return None
    first = item.args[0] is unknown
    with np.errstate(all="ignore"):
        if item.prim.name == "add":
            guess = np.ravel(item.value - x)[0]
        else:
            guess = np.ravel(item.value + x if first else x - item.value)[0]
        for digits in range(1, 8):
            c = float(f"{guess:.{digits}g}")
            raws = [c if a is unknown else x for a in item.args]
            if np.array_equal(np.asarray(item.prim.impl(np, *raws)), item.value):
                return c
    return None
