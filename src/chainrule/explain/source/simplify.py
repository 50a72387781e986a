"""A staged graph made short for a reader, with the same numbers: constants computed, repetitions merged.

Nothing here reassociates: every kept equation computes what it computed, to the bit (the sign of a zero aside).
"""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

import numpy as np

from ...core.primitive import PRIMITIVES
from ...core.tape import Spec
from ...graph.ir import Equation, Graph, Variable

_LARGEST = 1 << 20  # elements of a constant that may be computed when the text is written


class _Simplifier:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.constants: dict[str, np.ndarray] = {}
        self.variables: dict[str, Variable] = {}
        self.same: dict[str, Any] = {}  # name of a dropped variable -> what stands for it
        self.kept: list[Equation] = []
        self.made: dict[str, Equation] = {}  # by name of its only result
        self.known: dict[Any, tuple[Variable, ...]] = {}
        for v, array in graph.constants.items():
            self.same[v.name] = self.constant(array)

    def now(self, o: Any) -> Any:
        while isinstance(o, Variable) and o.name in self.same:
            o = self.same[o.name]
        return o

    def value(self, o: Any) -> Any:
        """The array or number of an operand that is known, or None."""
        return self.constants.get(o.name) if isinstance(o, Variable) else o

    def number(self, o: Any) -> Any:
        """The number that all elements of a known operand are, or None."""
        v = self.value(o)
        if not isinstance(v, np.ndarray):
            return v
        if v.size == 0 or v.dtype.kind not in "biufc":
            return None
        first = v.flat[0]
        return first if v.size == 1 or (v == first).all() else None

    def constant(self, array: np.ndarray) -> Variable:
        key = ("constant", array.shape, array.dtype.str, array.tobytes())
        if key not in self.known:
            v = Variable(f"k{len(self.variables)}", array.shape, array.dtype)
            self.constants[v.name], self.variables[v.name] = array, v
            self.known[key] = (v,)
        return self.known[key][0]

    # ---- one equation -------------------------------------------------------------------------------------------

    def folded(self, e: Equation) -> bool:
        """Computed now, if all operands are known and the results are not large."""
        values = [self.value(o) for o in e.operands]
        if e.prim.effect or any(v is None for v in values) or sum(prod(o.shape) for o in e.outs) > _LARGEST:
            return False
        try:
            with np.errstate(all="ignore"):
                found = e.prim.impl(np, *values, **e.params)
        except Exception:
            return False  # the text will raise it
        for o, r in zip(e.outs, found if e.prim.n_out != 1 else (found,), strict=True):
            self.same[o.name] = self.constant(np.asarray(r))
        return True

    def alias(self, e: Equation) -> Any:
        """The operand that the only result of `e` equals, or None."""
        (out,), name = e.outs, e.prim.name
        first = e.operands[0] if e.operands else None
        fits = [o for o in e.operands if isinstance(o, Variable) and (o.shape, o.dtype) == (out.shape, out.dtype)]
        if name in ("stop_gradient", "clone", "reshape", "broadcast_to", "cast", "conj") and first in fits:
            return first if name != "conj" or out.dtype.kind != "c" else None
        if name == "permute" and e.params["dims"] == tuple(range(len(out.shape))):
            return first
        if name == "getitem" and first in fits and all(k == (None, None, None) for k in e.params["key"]):
            return first
        if name in ("mul", "div") and len(e.operands) == 2 and out.dtype.kind == "f":
            x, y = e.operands
            if self.number(y) == 1 and x in fits:
                return x
            if name == "mul" and self.number(x) == 1 and y in fits:
                return y
        return None

    def rewritten(self, e: Equation) -> Equation:
        """The same value by a simpler operation."""
        name, (out, *_) = e.prim.name, e.outs
        if name in ("mul0", "mul00", "div0"):  # the guard against 0 * inf is for cotangents that can be zero
            g, f = e.operands
            a, b = self.number(g), self.number(f)
            sure = _finite(a) and a != 0
            if name != "div0" and (_finite(b) and (name == "mul0" or b != 0)):
                sure = True
            if name == "div0" and b is not None and _finite(b) and b != 0:
                sure = True
            if sure:
                return self.like(e, "div" if name == "div0" else "mul", e.operands, {})
        if name == "mul" and out.dtype.kind == "f":
            x, y = e.operands
            for a, b in ((x, y), (y, x)):
                if isinstance(b, Variable) and b.shape == out.shape and self.number(a) == -1:
                    return self.like(e, "neg", (b,), {})
        if name == "mul" and out.dtype.kind == "f":
            for a, b in (e.operands, e.operands[::-1]):
                if isinstance(b, Variable) and b.dtype == out.dtype and self.number(a) == 1:
                    return self.like(e, "broadcast_to", (b,), {"shape": out.shape})
        inner = self.made.get(e.operands[0].name) if e.operands and isinstance(e.operands[0], Variable) else None
        if inner is not None and inner.prim.name == name and len(inner.operands) == 1:
            if name in ("reshape", "broadcast_to"):
                return self.like(e, name, inner.operands, e.params)
            if name == "permute":
                before, after = inner.params["dims"], e.params["dims"]
                return self.like(e, name, inner.operands, {"dims": tuple(before[d] for d in after)})
            if name == "neg":
                return self.like(e, "clone", inner.operands, {})
        if inner is not None and {name, inner.prim.name} == {"reshape", "broadcast_to"}:
            x = inner.operands[0]  # one number, in any shape
            if isinstance(x, Variable) and not x.shape:
                return self.like(e, "broadcast_to", (x,), {"shape": out.shape})
        if e.prim.kind == "elementwise" and len(e.operands) > 1:
            return self.unbroadcast(e)
        return e

    def unbroadcast(self, e: Equation) -> Equation:
        """Operands as numbers or smaller arrays where NumPy's broadcasting gives the same result."""
        operands = list(e.operands)
        for i, o in enumerate(operands):
            if not isinstance(o, Variable) or not o.shape:
                continue
            number, inner = self.number(o), self.made.get(o.name)
            if number is not None:
                smaller: Any = self.constant(np.asarray(number, o.dtype))
            elif inner is not None and (inner.prim.name == "broadcast_to" or _only_ones_in_front(inner)):
                smaller = inner.operands[0]
            else:
                continue
            tried = [*operands[:i], smaller, *operands[i + 1 :]]
            shapes = [t.shape for t in tried if isinstance(t, Variable)]
            if np.broadcast_shapes(*shapes) == e.outs[0].shape:
                operands = tried
        return e if operands == list(e.operands) else self.like(e, e.prim.name, tuple(operands), e.params)

    def like(self, e: Equation, name: str, operands: tuple, params: dict) -> Equation:
        """Another operation with the same result, or `e` if the rules of shape and dtype do not agree."""
        prim = PRIMITIVES[name]
        said = prim.aval(*[Spec(o.shape, o.dtype) if isinstance(o, Variable) else o for o in operands], **params)
        if (tuple(said.shape), np.dtype(said.dtype)) != (e.outs[0].shape, e.outs[0].dtype):
            return e
        return Equation(e.outs, prim, operands, params, e.code, e.lasti)

    # ---- all of them --------------------------------------------------------------------------------------------

    def run(self) -> tuple[Graph, dict[str, Any]]:
        for e in self.graph.equations:
            self.add(Equation(e.outs, e.prim, tuple(self.now(o) for o in e.operands), e.params, e.code, e.lasti))
        outputs = tuple(self.now(o) for o in self.graph.outputs)
        constants = {self.variables[name]: a for name, a in self.constants.items()}
        graph = Graph(self.graph.inputs, self.kept, outputs, constants).without_dead_code()
        return _without_kept_dims(graph), self.same

    def add(self, e: Equation) -> None:
        if e.prim.effect:
            self.kept.append(e)
            return
        if self.folded(e):
            return
        if len(e.outs) == 1 and e.prim.n_out == 1:
            for _ in range(4):
                stands = self.alias(e)
                if stands is not None:
                    self.same[e.outs[0].name] = stands
                    return
                e, before = self.rewritten(e), e
                if e is before:
                    break
        key = (e.prim.name, tuple(o.name if isinstance(o, Variable) else (type(o), repr(o)) for o in e.operands))
        key = (*key, repr(sorted(e.params.items(), key=lambda item: item[0])))
        if key in self.known:
            self.same.update({o.name: k for o, k in zip(e.outs, self.known[key], strict=True)})
            return
        self.known[key] = e.outs
        self.kept.append(e)
        if len(e.outs) == 1:
            self.made[e.outs[0].name] = e


def _only_ones_in_front(e: Equation) -> bool:
    """Is it a reshape that only adds dimensions that broadcasting would add?"""
    if e.prim.name != "reshape":
        return False
    old, new = e.operands[0].shape, e.outs[0].shape
    return len(new) >= len(old) and new == (1,) * (len(new) - len(old)) + old


def _finite(a: Any) -> bool:
    return a is not None and bool(np.isfinite(a))


def uses(graph: Graph) -> Counter[str]:
    """How often each variable is read."""
    read = Counter(o.name for e in graph.equations for o in e.operands if isinstance(o, Variable))
    read.update(o.name for o in graph.outputs if isinstance(o, Variable))
    return read


def _without_kept_dims(graph: Graph) -> Graph:
    """A sum with keepdims=True that is only read by a reshape that drops those dimensions becomes one without."""
    read, kept = uses(graph), []
    made = {e.outs[0].name: e for e in graph.equations}
    dropped: set[str] = set()
    for e in graph.equations:
        o = e.operands[0] if e.operands else None
        inner = made.get(o.name) if e.prim.name == "reshape" and isinstance(o, Variable) else None
        if inner is not None and inner.params.get("keepdims") is True and "axes" in inner.params and read[o.name] == 1:
            axes = {a % len(o.shape) for a in inner.params["axes"]}
            if e.outs[0].shape == tuple(n for i, n in enumerate(o.shape) if i not in axes):
                dropped.add(o.name)
                params = {**inner.params, "keepdims": False}
                e = Equation(e.outs, inner.prim, inner.operands, params, inner.code, inner.lasti)
        kept.append(e)
    kept = [e for e in kept if e.outs[0].name not in dropped]
    return Graph(graph.inputs, kept, graph.outputs, graph.constants)


def simplified(graph: Graph) -> tuple[Graph, dict[str, Any]]:
    """The graph without what a reader does not need, and what stands for each dropped variable."""
    return _Simplifier(graph).run()
