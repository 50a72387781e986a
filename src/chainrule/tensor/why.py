"""Why is this gradient None, or NaN? Answers read off the recorded graph, naming operations and source lines."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy_dtype, is_inexact
from ..core.errors import ArgumentTypeError
from ..core.provenance import describe, location
from ..core.state import state
from ..core.tape import Accumulate, Link1, Link2, Node, NodeBase, Pair, Select
from ..core.value import Tensor, raw_dtype, raw_shape
from ..transforms.reverse import sweep

ndarray = np.ndarray


@dataclass(frozen=True)
class Answer:
    """An explanation: `reason` is a short keyword, `text` the sentence; where known, the operation and its line."""

    reason: str
    text: str
    op: str = ""
    filename: str = ""
    line: int = 0
    source: str = ""
    inputs: tuple = ()

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __contains__(self, part: str) -> bool:
        return part in self.text


def where(t: Tensor) -> tuple[str, int, str]:
    """(file name, line number, source text) of the user's line that made this recorded tensor; ('', 0, '') if none."""
    node = t._node
    node = node.node if type(node) is Select else node
    if isinstance(node, NodeBase):
        return location(node.code, node.lasti)
    if t._why_cut is not None:
        return location(*t._why_cut[1:])
    return "", 0, ""


def _at(reason: str, text: str, code: Any, lasti: int, op: str = "", inputs: tuple = ()) -> Answer:
    filename, line, source = location(code, lasti)
    return Answer(reason, text, op, filename, line, source, inputs)


def why_none(t: Tensor, loss: Tensor | None = None) -> Answer:
    """Why `t.grad` is None: not a leaf, detached, cut by no_grad, integer dtype, never used, or backward not called.

    Args:
        t: the tensor whose gradient is missing.
        loss: the tensor on which backward() was called, if at hand; then paths from it to `t` are looked for.

    >>> import chainrule as cr
    >>> x = cr.tensor([1, 2])
    >>> print(why_none(x))
    grad is None because the tensor has dtype torch.int64, and only floating and complex tensors have gradients. \
Write x.float().requires_grad_() before using it.
    """
    if not isinstance(t, Tensor):
        raise ArgumentTypeError(f"why_none() takes a Tensor, not {type(t).__name__}")
    node = t._node
    if t.grad is not None:
        return Answer("has a gradient", f"grad is not None: it has shape {raw_shape(t.grad)}.")
    if not is_inexact(raw_dtype(t)):
        return Answer(
            "integer dtype",
            f"grad is None because the tensor has dtype {from_numpy_dtype(raw_dtype(t))}, and only floating and "
            f"complex tensors have gradients. Write x.float().requires_grad_() before using it.",
        )
    if node is None:
        return _why_not_recorded(t)
    if type(node) is not Accumulate:
        maker = node.node if type(node) is Select else node
        return _at(
            "not a leaf",
            f"grad is None because the tensor is not a leaf: it was made by {maker.prim.name} at "
            f"{describe(maker.code, maker.lasti)}, and backward() keeps gradients of leaves only. Call retain_grad() "
            f"on it before backward(), or use autograd.grad(loss, tensor).",
            maker.code,
            maker.lasti,
            maker.prim.name,
        )
    if loss is not None:
        return _why_unreached(t, node, loss)
    user = _user_of(node)
    if user is not None:
        return _at(
            "backward not called",
            f"grad is None although the tensor is used by {user.prim.name} at {describe(user.code, user.lasti)}: no "
            f"backward() has gone through that operation (or zero_grad() cleared the gradient since). Call "
            f"loss.backward() on a result that depends on it, or give it here: why_none(t, loss).",
            user.code,
            user.lasti,
            user.prim.name,
        )
    if node.cut is not None:
        return _at(
            "cut by no_grad",
            f"grad is None because the tensor was used only while recording was off: no_grad at {describe(*node.cut)}. "
            f"Move that line out of no_grad() if gradients should flow through it.",
            *node.cut,
        )
    return Answer(
        "never used",
        "grad is None because the tensor was never used in a recorded operation that is still alive, or zero_grad() "
        "cleared it since the last backward(). Check that the loss depends on it: why_none(t, loss).",
    )


def _why_not_recorded(t: Tensor) -> Answer:
    if t._why_cut is None:
        return Answer(
            "does not require grad",
            "grad is None because the tensor does not require grad: it was made without requires_grad=True, from "
            "tensors that do not require grad either. Write requires_grad=True when making it, or t.requires_grad_().",
        )
    reason, code, lasti = t._why_cut
    word = "detached" if reason == "detach" else "cut by no_grad"
    cure = "use the tensor itself" if reason == "detach" else "move that line out of no_grad()"
    return _at(
        word,
        f"grad is None because the tensor was {word} at {describe(code, lasti)}. If gradients should flow, {cure}.",
        code,
        lasti,
    )


def _why_unreached(t: Tensor, leaf: Accumulate, loss: Tensor) -> Answer:
    if loss._node is None:
        inner = _why_not_recorded(loss)
        return Answer(
            "loss not recorded", f"grad is None because the loss itself is not recorded. For it: {inner.text}"
        )
    for node in graph_nodes(loss._node):
        if leaf in getattr(node, "edges", ()):
            return _at(
                "backward not called",
                f"the loss does depend on the tensor, through {node.prim.name} at {describe(node.code, node.lasti)}: "
                f"call loss.backward(); or a rule on the way gives no gradient.",
                node.code,
                node.lasti,
                node.prim.name,
            )
    extra = f" It was last used with recording off, at {describe(*leaf.cut)}." if leaf.cut is not None else ""
    return Answer(
        "never used",
        f"grad is None because no recorded path leads from the loss to the tensor: it was never used for it, or the "
        f"path was cut by detach(), no_grad(), item() or an integer result.{extra}",
    )


def _user_of(leaf: Accumulate) -> NodeBase | None:
    """Some living node that reads this leaf, found through the garbage collector's lists (a diagnosis only)."""
    for holder in gc.get_referrers(leaf):
        if isinstance(holder, (Link1, Link2, Pair)):
            return holder
        if type(holder) is tuple:
            for node in gc.get_referrers(holder):
                if isinstance(node, Node) and node.edges is holder:
                    return node
    return None


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


# ---- NaN -------------------------------------------------------------------------------------------------------------


def _finite(x: Any) -> bool:
    if isinstance(x, (ndarray, np.generic)) and x.dtype.kind in "fc":
        return bool(np.isfinite(x).all())
    return not isinstance(x, float) or (x == x and abs(x) != float("inf"))


def _summary(x: Any) -> str:
    if not isinstance(x, (ndarray, np.generic)):
        return repr(x)
    x = np.asarray(x)
    if x.size <= 6:
        return np.array2string(x, precision=4, separator=", ").replace("\n", "")
    if x.dtype.kind not in "fiu":
        return f"array of shape {x.shape}"
    notes = [f"min {np.nanmin(x):.4g}", f"max {np.nanmax(x):.4g}"]
    zeros, bad = int((x == 0).sum()), int((~np.isfinite(x)).sum())
    notes += [f"{zeros} zeros"] if zeros else []
    notes += [f"{bad} not finite"] if bad else []
    return f"array of shape {x.shape}, {', '.join(notes)}"


def _kind(x: Any) -> str:
    return "NaN" if bool(np.isnan(x).any()) else "Inf"


class _FoundBad(Exception):  # noqa: N818 (control flow, never seen by users)
    def __init__(self, node: Node, argnum: int, ct: Any, result: Any, args: tuple) -> None:
        self.node, self.argnum, self.ct, self.result, self.args_ = node, argnum, ct, result, args


def why_nan(t: Tensor) -> Answer:
    """The first operation, forward or backward, that made a NaN or Inf out of finite values, with line and inputs.

    Args:
        t: the loss (or any recorded tensor), before backward() freed its graph; nothing is changed.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 0.0], requires_grad=True)
    >>> print(why_nan((x.log() * 0).sum()).op)
    log
    """
    if not isinstance(t, Tensor):
        raise ArgumentTypeError(f"why_nan() takes a Tensor, not {type(t).__name__}")
    node = t._node
    if node is None or type(node) is Accumulate:
        if not _finite(t._data):
            return Answer("given", f"the tensor itself holds {_kind(t._data)} and no recorded operation made it.")
        if t.grad is not None and not _finite(t.grad._data):
            return Answer("backward", "t.grad is not finite. Call why_nan(loss) on the loss, before backward().")
        return Answer("finite", "the tensor is finite and no recorded operation made it.")
    nodes = graph_nodes(node)
    freed = [n for n in nodes if n.args is None]
    known = _known_values(nodes, t)
    for n in nodes:
        args = [_argument(n, i, known) for i in range(len(n.edges))]
        out = known.get(id(n))
        if out is None and not any(a is None for a in args) and n.prim.kind != "custom":
            out = n.prim.impl(np, *args, **(n.params or {}))
            known[id(n)] = out
        outs = out if isinstance(out, tuple) else (out,)
        bad = next((o for o in outs if o is not None and not _finite(o)), None)
        if bad is not None:
            return _forward_answer(n, args, bad)
    if freed:
        return Answer(
            "freed",
            f"no operation whose values are still known made one; backward() has freed what {freed[0].prim.name} at "
            f"{describe(freed[0].code, freed[0].lasti)} had saved. Run the forward computation again and call "
            f"why_nan(loss) before backward(), or use backward(retain_graph=True).",
        )
    return _backward_answer(t)


def _known_values(nodes: list[Node], t: Tensor) -> dict[int, Any]:
    """Results of operations as far as the tape holds them: saved answers, and saved arguments of later operations."""
    known: dict[int, Any] = {id(t._node): t._data}
    for n in nodes:
        if n.ans is not None and not isinstance(n.ans, tuple):
            known[id(n)] = n.ans
        for a, e in zip(n.args or (), n.edges, strict=False):
            if isinstance(a, ndarray) and e is not None:
                known.setdefault(id(e), a)
    return known


def _argument(n: Node, i: int, known: dict[int, Any]) -> Any:
    """Argument `i` of a node if it is known, else None."""
    saved = n.args[i] if n.args is not None else None
    if (saved is not None and not hasattr(saved, "dtype")) or isinstance(saved, (ndarray, np.generic)):
        return saved
    edge = n.edges[i]
    if edge is None:
        return None
    if type(edge) is Accumulate:
        owner = edge.owner()
        return None if owner is None else owner._data
    if type(edge) is Select:
        out = known.get(id(edge.node))
        return out[edge.index] if isinstance(out, tuple) else known.get(id(edge))
    return known.get(id(edge))


def _forward_answer(n: Node, args: list, bad: Any) -> Answer:
    seen = tuple(a for a in args if a is not None)
    if not all(_finite(a) for a in seen):
        text = (
            f"{_kind(bad)} was already in the input of {n.prim.name} at {describe(n.code, n.lasti)}, the first "
            f"operation that met it: input {'; '.join(map(_summary, seen))}. Check the data and parameters."
        )
        return _at("given", text, n.code, n.lasti, n.prim.name, seen)
    text = (
        f"forward: {n.prim.name} at {describe(n.code, n.lasti)} made {_kind(bad)} out of finite values: input "
        f"{'; '.join(map(_summary, seen)) or 'not kept'}, result {_summary(bad)}."
    )
    return _at("forward", text, n.code, n.lasti, n.prim.name, seen)


def _backward_answer(t: Tensor) -> Answer:
    def check(node: Node, g: Any, c: Any, i: int, args: tuple) -> None:
        if isinstance(c, (ndarray, np.generic)) and not _finite(c) and (isinstance(g, list) or _finite(g)):
            raise _FoundBad(node, i, g, c, args)

    before = state.anomaly
    state.anomaly = check  # type: ignore[assignment]
    try:
        sweep([(t._node, np.ones(raw_shape(t), raw_dtype(t)))], retain=True)
    except _FoundBad as found:
        n = found.node
        seen = tuple(a for a in found.args_ if isinstance(a, (ndarray, np.generic, float, int)))
        text = (
            f"backward: the derivative of {n.prim.name} (forward at {describe(n.code, n.lasti)}) with respect to "
            f"argument {found.argnum} made {_kind(found.result)} out of finite values: saved "
            f"{'; '.join(map(_summary, seen)) or 'only the result'}, incoming gradient {_summary(found.ct)}, outgoing "
            f"{_summary(found.result)}."
        )
        return _at("backward", text, n.code, n.lasti, n.prim.name, seen)
    finally:
        state.anomaly = before
    return Answer("finite", "every value and every gradient is finite, forward and backward.")
