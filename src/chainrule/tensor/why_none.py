"""Why is this gradient None? Read off the recorded graph and the log of places where values left it."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy_dtype, is_inexact
from ..core.errors import ArgumentTypeError
from ..core.exits import Exit, exits
from ..core.provenance import describe
from ..core.tape import Accumulate, NodeBase, Select
from ..core.value import Tensor, raw_dtype, raw_shape
from .answer import Answer, Place, Step, answer_at, made_at
from .names import Names, real
from .recorded import grad_of, graph_nodes

HOW = {
    "detach": ("detached", "detach() (or .data)", "use the tensor itself"),
    "no_grad": ("cut by no_grad", "no_grad", "move that line out of no_grad()"),
    "item": ("became a number", "item() or float()", "keep it a tensor"),
    "tolist": ("became a number", "tolist()", "keep it a tensor"),
    "numpy": ("became an array", "numpy()", "stay with tensors; NumPy's functions take them"),
    "tensor": ("copied", "tensor([...]), which copies values", "write stack([...]), which keeps the graph"),
}
INTEGER = "an integer or bool result", "write it with differentiable operations"


def how(e: Exit) -> tuple[str, str, str]:
    """(reason, what it was, cure) of an exit."""
    return HOW.get(e.how) or ("integer result", f"{e.how}, {INTEGER[0]}", INTEGER[1])


def why_none(t: Tensor, loss: Tensor | None = None) -> Answer:
    """Why `t.grad` is None: not a leaf, detached, cut by no_grad, integer dtype, never used, or backward not called.

    The answer prints as a sentence that names the line; it has a picture: `.svg()`, `.save(path)`, or shown by Jupyter.

    Args:
        t: the tensor whose gradient is missing.
        loss: the tensor on which backward() was called, if at hand; then paths from it to `t` are looked for.

    Raises ArgumentTypeError for what is not a tensor.

    >>> import chainrule as cr
    >>> x = cr.tensor([1, 2])
    >>> print(why_none(x))
    grad is None because the tensor has dtype torch.int64, and only floating and complex tensors have gradients. \
Write x.float().requires_grad_() before using it.
    """
    for given in (t, loss):
        if not isinstance(given, Tensor) and (given is not None or given is t):
            raise ArgumentTypeError(f"why_none() takes a Tensor, not {type(given).__name__}")
    names = Names(sys._getframe(1))
    node = t._node
    grad = grad_of(t)
    if grad is not None:
        zero = " and is zero everywhere" if not np.any(grad._data) else ""
        return Answer(
            "has a gradient",
            f"grad is not None: it has shape {raw_shape(grad)}{zero}.",
            place=Place(t, names, node, steps=(_of(t, names),)),
        )
    if not is_inexact(raw_dtype(t)):
        return Answer(
            "integer dtype",
            f"grad is None because the tensor has dtype {from_numpy_dtype(raw_dtype(t))}, and only floating and "
            f"complex tensors have gradients. Write x.float().requires_grad_() before using it.",
            place=Place(t, names, steps=(_of(t, names, mark=True),)),
        )
    if node is None:
        return _not_recorded(t, names)
    if type(node) is not Accumulate:
        maker = real(node)
        return answer_at(
            "not a leaf",
            f"grad is None because the tensor is not a leaf: it was made by {maker.prim.name} at {made_at(maker)}, and "
            f"backward() keeps gradients of leaves only. Call retain_grad() on it before backward(), or use "
            f"autograd.grad(loss, tensor).",
            maker.code,
            maker.lasti,
            maker.prim.name,
            place=Place(t, names, node, maker),
        )
    if loss is not None:
        return _unreached(t, node, loss, names)
    dependents = living(node)
    users = [n for n in dependents if node in n.edges]
    found = _verified(node, dependents)
    if users:
        return _used(t, node, users[-1], found, names)
    if found:
        return _left(t, found[-1], f"used only where its value left the graph, by {how(found[-1])[1]},", names)
    maybe = _between(node, sys.maxsize, everything(node))
    return Answer(
        "never used",
        "grad is None because the tensor was never used in a recorded operation that is still alive, or zero_grad() "
        f"cleared it since the last backward(). Check that the loss depends on it: why_none(t, loss).{_perhaps(maybe)}",
        place=Place(t, names, steps=(_of(t, names, mark=True),)),
    )


# ---- the cases -------------------------------------------------------------------------------------------------------


def _not_recorded(t: Tensor, names: Names, what: str = "the tensor") -> Answer:
    if t._why_cut is None:
        if t._is_param:
            why = "it is a parameter that is frozen, by requires_grad_(False). Write p.requires_grad_() to train it."
        else:
            why = (
                "it was made without requires_grad=True, from tensors that do not require grad either. Write "
                "requires_grad=True when making it, or t.requires_grad_()."
            )
            late = [e for e in exits() if e.code in names.codes] if what == "the tensor" else []
            why += _perhaps(late, 1).replace(" Where", " If it was made of one that does, look where", 1)
        return Answer(
            "does not require grad",
            f"grad is None because {what} does not require grad: {why}",
            place=Place(t, names, steps=(_of(t, names, mark=True),)),
        )
    reason, code, lasti = t._why_cut
    word, _, cure = HOW["detach" if reason == "detach" else "no_grad"]
    steps = (
        Step("op", "what it was made from"),
        Step("result", word, line=describe(code, lasti), mark=True, cut=True),
        _of(t, names),
    )
    return answer_at(
        word,
        f"grad is None because {what} was {word} at {describe(code, lasti)}. If gradients should flow, {cure}.",
        code,
        lasti,
        place=Place(t, names, steps=steps),
    )


def _used(t: Tensor, leaf: Accumulate, user: NodeBase, found: list[Exit], names: Names) -> Answer:
    """Without a loss at hand: the tensor is used by a living operation."""
    place = Place(t, names, user, user)
    if user.args is None:
        return answer_at(
            "cleared",
            f"grad is None although backward() (or autograd.grad(), which does not fill .grad) has gone through "
            f"{user.prim.name} at {made_at(user)}, which uses the tensor: zero_grad() or `.grad = None` cleared it "
            f"since. Read .grad between backward() and zero_grad().",
            user.code,
            user.lasti,
            user.prim.name,
            place=place,
        )
    besides = ""
    if found:
        besides = f" Besides, its value left the graph by {how(found[-1])[1]} at {_at(found[-1])}."
    return answer_at(
        "backward not called",
        f"grad is None although the tensor is used by {user.prim.name} at {made_at(user)}: no backward() has gone "
        f"through that operation (or zero_grad() cleared the gradient since). Call loss.backward() on a result that "
        f"depends on it, or give it here: why_none(t, loss).{besides}",
        user.code,
        user.lasti,
        user.prim.name,
        place=place,
    )


def _unreached(t: Tensor, leaf: Accumulate, loss: Tensor, names: Names) -> Answer:
    root = loss._node
    if root is None:
        inner = _not_recorded(loss, names, "the loss")
        before = [] if loss._why_cut is not None else [e for e in exits() if e.seq > leaf.seq]
        found = _verified(leaf, living(leaf)) or before
        text = f"grad is None because the loss itself is not recorded. For it: {inner.text}"
        if loss._why_cut is None and found:
            text += _perhaps(found)
        return answer_at(
            "loss not recorded", text, *(loss._why_cut[1:] if loss._why_cut else (None, 0)), place=inner.place
        )
    if type(root) is Accumulate:
        if root is leaf:
            return Answer(
                "backward not called",
                "the loss is the tensor itself: call loss.backward().",
                place=Place(t, names, root, steps=(_of(t, names, mark=True),)),
            )
        nodes = []
    else:
        nodes = graph_nodes(root)
    users = [n for n in nodes if leaf in n.edges]
    if users:
        return _reached(t, users, real(root), names)
    last = real(root).seq
    dependents = living(leaf)
    found = [e for e in _verified(leaf, dependents) if e.seq < last]
    if found:
        e = found[-1]
        return _left(t, e, f"cut off from the loss: its value left the graph by {how(e)[1]},", names, loss)
    users = [n for n in dependents if leaf in n.edges]
    if users:
        end = dependents[-1]
        used = f"used by {users[-1].prim.name} at {made_at(users[-1])}"
        further = f" (and on to {end.prim.name} at {made_at(end)})" if end is not users[-1] else ""
        return answer_at(
            "result not used",
            f"grad is None because the tensor is {used}{further}, but the loss does not depend on that result: no "
            f"recorded path leads from the loss to it. Use the result in the loss."
            f"{_perhaps(_between(leaf, last, nodes))}",
            users[-1].code,
            users[-1].lasti,
            users[-1].prim.name,
            place=Place(t, names, end, users[-1], extra=("its result is not used for the loss",)),
        )
    perhaps = _between(leaf, last, nodes)
    middle = [Step("result", "perhaps cut", line=_at(perhaps[-1]), joined=False)] if perhaps else []
    steps = (_of(t, names, mark=True), *middle, _of(loss, names, joined=False))
    return answer_at(
        "perhaps cut" if perhaps else "never used",
        f"grad is None because no recorded path leads from the loss to the tensor: it was never used for it, or the "
        f"path was cut by detach(), no_grad(), item() or an integer result.{_perhaps(perhaps)}",
        *((perhaps[-1].code, perhaps[-1].lasti) if perhaps else (None, 0)),
        place=Place(t, names, root, steps=steps),
    )


def _reached(t: Tensor, users: list, root: NodeBase, names: Names) -> Answer:
    """The loss does depend on the tensor."""
    n = users[-1]
    place = Place(t, names, root, n)
    if root.args is not None:
        text = (
            f"the loss does depend on the tensor, through {n.prim.name} at {made_at(n)}, but backward() was not called "
            f"on it yet: call loss.backward(). (If it was, with retain_graph=True, the gradient was cleared since.)"
        )
        return answer_at("backward not called", text, n.code, n.lasti, n.prim.name, place=place)
    if n.prim.kind == "custom" and n.args is None:
        text = (
            f"grad is None because the backward of {n.prim.name}, applied at {made_at(n)}, returned None for the "
            f"tensor; or zero_grad() cleared the gradient since."
        )
        return answer_at("a rule gave none", text, n.code, n.lasti, n.prim.name, place=place)
    text = (
        f"the loss does depend on the tensor, through {n.prim.name} at {made_at(n)}, and a sweep has gone through: "
        f"zero_grad() or `.grad = None` cleared the gradient since, or it was autograd.grad(), which returns gradients "
        f"and does not fill .grad; or a rule on the way gives no gradient."
    )
    return answer_at("cleared", text, n.code, n.lasti, n.prim.name, place=place)


def _left(t: Tensor, e: Exit, what: str, names: Names, loss: Tensor | None = None) -> Answer:
    """Its value left the graph at a known place."""
    reason, did, cure = how(e)
    steps = [_of(t, names)]
    steps.append(Step("result", did, line=_at(e), mark=True))
    steps.append(Step("constant", "a constant from here on", cut=True) if loss is None else _of(loss, names, cut=True))
    return answer_at(
        reason,
        f"grad is None because the tensor was {what} at {_at(e)}. If gradients should flow, {cure}.",
        e.code,
        e.lasti,
        e.how,
        place=Place(t, names, steps=tuple(steps)),
    )


# ---- helpers ---------------------------------------------------------------------------------------------------------


def everything(leaf: Accumulate) -> list[Any]:
    """All living operations that are younger than a leaf, found among all objects (a diagnosis only).

    By type(x): isinstance() would ask every proxy in the process for its class.
    """
    return [x for x in gc.get_objects() if issubclass(type(x), NodeBase) and x.seq > leaf.seq]


def living(leaf: Accumulate) -> list[Any]:
    """All living operations that depend on a leaf, oldest first."""
    every = everything(leaf)
    reached: set[int] = {id(leaf)}
    found = []
    for n in sorted(every, key=lambda n: n.seq):
        if any(e is not None and id(real(e)) in reached for e in n.edges):
            reached.add(id(n))
            found.append(n)
    return found


def _verified(leaf: Accumulate, dependents: list[Any]) -> list[Exit]:
    """The places where the leaf's value, or that of a living operation that depends on it, left the graph."""
    numbers = {leaf.seq, *(n.seq for n in dependents)}
    return [e for e in exits() if not numbers.isdisjoint(e.nodes)]


def _between(leaf: Accumulate, last: int, nodes: list[Any]) -> list[Exit]:
    """Places where the leaf's value may have left on its way to the loss, whose operations (`nodes`) do not read it."""
    others = {n.seq for n in nodes}
    innocent = {(e.code, e.lasti) for e in exits() if not others.isdisjoint(e.nodes)}  # in earlier rounds too
    found = [e for e in exits() if leaf.seq < e.seq < last and (e.code, e.lasti) not in innocent]
    first = min(others, default=0)
    return [e for e in found if e.seq > first] or found


def _perhaps(found: list[Exit], most: int = 3) -> str:
    """' Values left the graph at ...' for the newest of these places."""
    places: dict[str, str] = {}
    for e in reversed(found):
        if len(places) < most:
            places.setdefault(_at(e), how(e)[1])
    if not places:
        return ""
    listed = "; ".join(f"{place} ({what})" for place, what in places.items())
    return f" Where values left the graph of late: {listed}."


def _at(e: Exit) -> str:
    return describe(e.code, e.lasti)


def _of(t: Tensor, names: Names, **more: Any) -> Step:
    """The box of a tensor."""
    node = t._node
    known = names.places.get(id(real(node))) if node is not None else None
    name = known[0] if known is not None else t._label or names.of_array(t._data)
    if node is None:
        what = f"{from_numpy_dtype(raw_dtype(t))}, does not require grad"
    elif type(node) is Accumulate:
        what = f"leaf, grad is {'None' if t.grad is None else 'there'}"
    else:
        what = f"made by {real(node).prim.name}"
    line = "" if node is None or type(node) is Accumulate else made_at(real(node))
    return Step("leaf" if type(node) is Accumulate else "constant", what, name, line=line, **more)


def where(t: Tensor) -> tuple[str, int, str]:
    """(file name, line number, source text) of the user's line that made this recorded tensor; ('', 0, '') if none.

    >>> import chainrule as cr
    >>> x = cr.tensor(1.0, requires_grad=True)
    >>> len(cr.where_made(x * 2))
    3
    """
    from ..core.provenance import location

    node = t._node
    node = node.node if type(node) is Select else node
    if isinstance(node, NodeBase):
        return location(node.code, node.lasti)
    if t._why_cut is not None:
        return location(*t._why_cut[1:])
    return "", 0, ""
