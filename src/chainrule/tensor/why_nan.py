"""Why is this value NaN? The first operation that made one is looked for, forward and then backward."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.provenance import describe
from ..core.state import state
from ..core.tape import Accumulate, Node
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..core.writes import last_write
from ..transforms.reverse import sweep
from .answer import Answer, Place, Step, answer_at, made_at
from .names import Names, real
from .recorded import argument, graph_nodes, known_values, plain
from .why_none import living

ndarray = np.ndarray


def _finite(x: Any) -> bool:
    x = plain(x)
    if isinstance(x, (ndarray, np.generic)) and x.dtype.kind in "fc":
        return bool(np.isfinite(x).all())
    return not isinstance(x, float) or (x == x and abs(x) != float("inf"))


def _summary(x: Any) -> str:
    if isinstance(x, list):  # cotangents of several results
        return "; ".join(_summary(g) for g in x if g is not None)
    if not isinstance(x, (ndarray, np.generic)):
        return repr(x)
    x = np.asarray(plain(x))
    if not x.ndim:
        return str(x[()])
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
    return "NaN" if bool(np.isnan(plain(x)).any()) else "Inf"


def why_nan(t: Tensor) -> Answer:
    """The first operation, forward or backward, that made a NaN or Inf out of finite values, with line and inputs.

    Only what reaches `t`, or the gradient of a leaf, counts: an Inf that a mask needs is no fault. No value or gradient
    is changed; hooks on the way of the gradients are run. The answer prints as a sentence; it has a picture: `.svg()`,
    `.save(path)`, or shown by Jupyter.

    Args:
        t: the loss (or any recorded tensor), before backward() freed its graph; or a leaf with such a gradient, if what
            was computed from it is still there.

    Raises ArgumentTypeError for what is not a tensor.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 0.0], requires_grad=True)
    >>> print(why_nan((x.log() * 0).sum()).op)
    log
    """
    if not isinstance(t, Tensor):
        raise ArgumentTypeError(f"why_nan() takes a Tensor, not {type(t).__name__}")
    names = Names(sys._getframe(1))
    if t._node is None or type(t._node) is Accumulate:
        return _of_leaf(t, names)
    nodes = graph_nodes(t._node)
    known = known_values(nodes, t)
    for n in nodes:
        named = names.places.get(id(n))
        if named is not None and n.prim.n_out == 1:
            known.setdefault(id(n), named[1]._data)
    if not _finite(t._data):
        return _forward(t, nodes, known, names)
    freed = [n for n in nodes if n.args is None]
    if freed:
        return answer_at(
            "freed",
            f"{_name(t, names)}is finite, and backward() has freed what {freed[0].prim.name} at {made_at(freed[0])} "
            f"had saved, so the gradients cannot be followed any more. Run the forward computation again and call "
            f"why_nan(loss) before backward(), or use backward(retain_graph=True).",
            freed[0].code,
            freed[0].lasti,
            freed[0].prim.name,
            place=Place(t, names, t._node, freed[0]),
        )
    return _backward(t, t._node, names)


# ---- a leaf ----------------------------------------------------------------------------------------------------------


def _name(t: Tensor, names: Names) -> str:
    """'`w` ', if the tensor is a variable."""
    known = names.places.get(id(real(t._node))) if t._node is not None else None
    name = known[0] if known is not None else t._label or names.of_array(t._data)
    return f"`{name}` " if name else "the tensor "


def _of_leaf(t: Tensor, names: Names) -> Answer:
    place = Place(t, names, steps=(Step("leaf", "leaf", _name(t, names).strip(" `"), _summary(t._data), mark=True),))
    if not _finite(t._data):
        write = last_write(t._data)
        if write is not None:
            text = (
                f"{_name(t, names)}itself holds {_kind(t._data)}: {write.op} wrote it last, at "
                f"{describe(write.code, write.lasti)}. Look at what was written: why_nan(loss) on the loss of the step "
                f"before, or the gradient and the learning rate."
            )
            return answer_at("given", text, write.code, write.lasti, write.op, place=place)
        text = f"{_name(t, names)}itself holds {_kind(t._data)}, and no recorded operation made it. Check the data."
        return Answer("given", text, place=place)
    if t.grad is not None and not _finite(t.grad._data):
        later = living(t._node) if t._node is not None else []
        for n in reversed(later):
            if n.prim.n_out == 1 and all(m.args is not None for m in graph_nodes(n)):
                result = argument_of(n)
                if result is not None:
                    found = why_nan_at(result, n, names)
                    if found.reason != "finite":
                        return found
        return Answer(
            "backward",
            f"the gradient of {_name(t, names)}is not finite, and the computation that gave it is gone. Run it again "
            f"and call why_nan(loss) on the loss, before backward().",
            place=place,
        )
    return Answer("finite", f"{_name(t, names)}is finite, and so is its gradient where it has one.", place=place)


def argument_of(n: Any) -> Tensor | None:
    """A tensor for the result of a node, with its value computed again from what is saved."""
    nodes = graph_nodes(n)
    known: dict[int, Any] = {}
    for m in nodes:
        if isinstance(m.ans, (ndarray, tuple)):
            known[id(m)] = m.ans
        for a, e in zip(m.args or (), m.edges, strict=False):
            if isinstance(a, ndarray) and e is not None:
                known.setdefault(id(e), a)
    for m in nodes:
        _compute(m, known)
    value = known.get(id(n))
    return wrap(np.asarray(value), n) if isinstance(value, (ndarray, np.generic)) else None


def why_nan_at(t: Tensor, node: Any, names: Names) -> Answer:
    """why_nan of a recorded tensor, with names found before."""
    nodes = graph_nodes(node)
    return _forward(t, nodes, known_values(nodes, t), names) if not _finite(t._data) else _backward(t, node, names)


# ---- forward ---------------------------------------------------------------------------------------------------------


def _compute(n: Any, known: dict[int, Any]) -> list[Any]:
    """Arguments of a node as far as known; its result is computed again if it was not kept."""
    args = [argument(n, i, known) for i in range(len(n.edges))]
    if id(n) not in known and all(a is not None for a in args) and n.prim.kind != "custom" and not n.prim.effect:
        try:
            with np.errstate(all="ignore"):
                known[id(n)] = n.prim.impl(np, *args, **(n.params or {}))
        except Exception:  # a diagnosis: what cannot be computed again stays unknown
            return args
    return args


def _forward(t: Tensor, nodes: list[Any], known: dict[int, Any], names: Names) -> Answer:
    """The result is not finite: which operation began it?"""
    arguments = {id(n): _compute(n, known) for n in nodes}
    bad = {id(n) for n in nodes if _worst(known.get(id(n))) is not None}
    relevant = {id(real(t._node))}
    for n in reversed(nodes):
        if id(n) in relevant:
            relevant |= {id(real(e)) for e in n.edges if e is not None and (id(real(e)) in bad or id(e) not in known)}
    chain = [n for n in nodes if id(n) in relevant and id(n) in bad]
    first = chain[0]
    args = arguments[id(first)]
    clean = all(_finite(a) for a in args if a is not None) and all(_finite(p) for p in (first.params or {}).values())
    if clean and any(a is None for a in args):
        return _lost(t, first, nodes, known, names)
    if clean:
        return _made(t, first, args, known, names)
    if _worst(known[id(first)]) == "Inf" and _constant_is_bad(first, args):  # a mask of -inf, say: meant to be there
        for n in chain[1:]:
            inputs = arguments[id(n)]
            if _worst(known.get(id(n))) == "NaN" and not any(_worst(a) == "NaN" for a in inputs):
                return _made(t, n, inputs, known, names, origin=first)
    return _given(t, first, args, names)


def _worst(x: Any) -> str | None:
    """'NaN', 'Inf', or None if all is finite or unknown."""
    kinds = [
        _kind(a)
        for a in (x if isinstance(x, tuple) else (x,))
        if isinstance(a, (ndarray, np.generic)) and not _finite(a)
    ]
    return "NaN" if "NaN" in kinds else kinds[0] if kinds else None


def _constant_is_bad(n: Any, args: list[Any]) -> bool:
    constants = [a for a, e in zip(args, n.edges, strict=True) if e is None]
    return not all(_finite(a) for a in (*constants, *(n.params or {}).values()))


def _made(t: Tensor, n: Any, args: list, known: dict, names: Names, origin: Any = None) -> Answer:
    seen = tuple(a for a in args if a is not None)
    outs = known[id(n)] if isinstance(known[id(n)], tuple) else (known[id(n)],)
    bad = next(o for o in outs if not _finite(o))
    before = "finite values" if origin is None else f"the Inf that {origin.prim.name} at {made_at(origin)} put there"
    missing = "" if len(seen) == len(args) else " (and what was not kept)"
    text = (
        f"forward: {n.prim.name} at {made_at(n)} made {_kind(bad)} out of {before}: input "
        f"{'; '.join(map(_summary, seen)) or 'not kept'}{missing if seen else ''}, result {_summary(bad)}."
        f"{_advice(n.prim.name, seen)}"
    )
    place = Place(t, names, t._node, n, extra=(f"made {_kind(bad)} here",))
    return answer_at("forward", text, n.code, n.lasti, n.prim.name, seen, place=place)


RISKY = {"log", "log2", "log10", "log1p", "div", "reciprocal", "sqrt", "rsqrt", "pow", "exp", "acos", "asin", "atanh"}


def _lost(t: Tensor, n: Any, nodes: list, known: dict, names: Names) -> Answer:
    """What went into the first operation that is known to be bad was not kept."""
    before = [m for m in nodes if m.seq < n.seq and id(m) not in known]
    risky = [f"{m.prim.name} at {made_at(m)}" for m in before if m.prim.name in RISKY][:3]
    kind = _worst(known[id(n)])
    text = (
        f"forward: {kind} is in the result of {n.prim.name} at {made_at(n)}, made there or before: what went in is not "
        f"known any more, because no rule needs it, backward() freed it or its tensor is gone. "
    )
    if "softmax" in n.prim.name:
        text += "A softmax over numbers that are all -inf is NaN: is a whole row masked? "
    if risky:
        text += f"Suspects are {', '.join(risky)}. "
    text += "Run the forward computation again and call why_nan(loss) before backward()."
    place = Place(t, names, t._node, n, extra=(f"{kind} here or before",))
    return answer_at("lost", text, n.code, n.lasti, n.prim.name, place=place)


def _given(t: Tensor, n: Any, args: list, names: Names) -> Answer:
    seen = tuple(a for a in args if a is not None)
    i = next((i for i, a in enumerate(args) if a is not None and not _finite(a)), None)
    kind, whose = _worst(args[i]) if i is not None else "Inf", ""
    if i is not None:
        edge = n.edges[i]
        known = names.places.get(id(real(edge))) if edge is not None else None
        name = known[0] if known is not None else names.of_array(args[i]) if isinstance(args[i], ndarray) else ""
        whose = f", `{name}`" if name else ""
        owner = edge.owner() if type(edge) is Accumulate else None
        write = last_write(owner._data) if owner is not None else None
        if write is not None:
            whose += f" (last written by {write.op} at {describe(write.code, write.lasti)})"
    text = (
        f"{kind or 'NaN'} was already in the input of {n.prim.name} at {made_at(n)}, the first operation that met it"
        f"{whose}: input {'; '.join(map(_summary, seen))}. Check the data and parameters."
    )
    place = Place(t, names, t._node, n, extra=("its input was not finite",))
    return answer_at("given", text, n.code, n.lasti, n.prim.name, seen, place=place)


def _advice(op: str, inputs: tuple) -> str:
    """What to write instead, for the usual cases."""
    low = min((float(np.min(a)) for a in inputs if isinstance(a, (ndarray, np.generic)) and np.size(a) and
               np.asarray(a).dtype.kind in "fiu"), default=1.0)  # fmt: skip
    if op in ("log", "log2", "log10") and low <= 0:
        return " The logarithm needs positive numbers: write log(x + eps), x.clamp(min=eps).log() or log_softmax."
    if op in ("div", "reciprocal"):
        return " A denominator is zero or tiny: write x / (y + eps), or where(y == 0, 0, x / where(y == 0, 1, y))."
    if op in ("sqrt", "rsqrt") and low < 0:
        return " The root needs numbers that are not negative: write x.clamp(min=0).sqrt()."
    if op in ("exp", "exp2", "expm1", "cosh", "sinh"):
        return " It overflowed: subtract the maximum first, or use logsumexp, softmax or softplus."
    return ""


# ---- backward --------------------------------------------------------------------------------------------------------


def _backward(t: Tensor, node: Any, names: Names) -> Answer:
    """The result is finite: does a rule make a gradient that is not, and does it reach a leaf?"""
    found: list[tuple] = []

    def check(node: Node, g: Any, c: Any, i: int, args: tuple) -> None:
        if (
            not found
            and isinstance(c, (ndarray, np.generic))
            and not _finite(c)
            and (isinstance(g, list) or _finite(g))
        ):
            found.append((node, i, g, c, args))

    kept = [
        (n.meta, list(n.meta.retain)) for n in graph_nodes(node) if n.meta is not None and n.meta.retain is not None
    ]
    before = state.anomaly
    state.anomaly = check  # type: ignore[assignment]
    try:
        with np.errstate(all="ignore"):
            _, leaves, _ = sweep([(node, np.ones(raw_shape(t), raw_dtype(t)))], retain=True)
    finally:
        state.anomaly = before
        for meta, retained in kept:
            meta.retain[:] = retained
    spoilt = [leaf for leaf, ct in leaves.items() if not _finite(getattr(ct, "_data", ct))]
    if not spoilt or not found:
        return Answer("finite", "every value and every gradient is finite, forward and backward.",
                      place=Place(t, names, node, real(node)))  # fmt: skip
    n, i, g, c, args = found[0]
    seen = tuple(a for a in args if isinstance(a, (ndarray, np.generic, float, int)))
    reached = [names.places[id(leaf)][0] for leaf in spoilt if id(leaf) in names.places]
    whose = f" It reaches the gradient of {', '.join(f'`{name}`' for name in reached[:3])}." if reached else ""
    text = (
        f"backward: the derivative of {n.prim.name} (forward at {made_at(n)}) with respect to argument {i} made "
        f"{_kind(c)} out of finite values: saved {'; '.join(map(_summary, seen)) or 'only the result'}, incoming "
        f"gradient {_summary(g)}, outgoing {_summary(c)}.{whose}{_cure(n.prim.name)}"
    )
    extra = (f"incoming gradient {_summary(g)}", f"outgoing gradient {_summary(c)}")
    return answer_at("backward", text, n.code, n.lasti, n.prim.name, seen, place=Place(t, names, node, n, extra=extra))


def _cure(op: str) -> str:
    """What to write instead, for the usual cases."""
    if op in ("sqrt", "pow", "norm", "vector_norm", "std", "reciprocal", "log", "div", "acos", "asin", "cdist"):
        return (
            f" The derivative of {op} is infinite there: keep its argument away from that point, as in {op}(x + eps)."
        )
    return ""
