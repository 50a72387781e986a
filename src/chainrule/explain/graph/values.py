"""Values, shapes and gradients of the nodes of a graph, as far as they are kept or can be computed again."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ...core.dtypes import from_numpy_dtype
from ...core.tape import Accumulate, NodeBase, Select, Spec
from ...core.value import Tensor, raw_shape
from ...ops.broadcasting import unbroadcast
from ...tensor.names import real
from ...tensor.recorded import argument, known_values, plain, unwritten

WORK = 10_000_000  # entries of results that are computed again at most, for one picture


class Values:
    """What is known of each node: `value(n)` an array, or None; `shape(n)` (and `dtype`); `grad(n)`; `stale(n)`."""

    def __init__(self, nodes: list[Any], t: Tensor, names: dict[int, tuple[str, Tensor]]) -> None:
        self.nodes = nodes
        self.known = {k: v for k, v in known_values(nodes, t).items() if isinstance(v, (np.ndarray, tuple))}
        self.specs: dict[int, Any] = {}
        self.grads: dict[int, Any] = {}
        self.written: set[int] = set()  # leaves written to since they were used
        self.work = WORK
        for n in nodes:
            if id(n) in names and id(n) not in self.known:
                data = names[id(n)][1]._data
                if isinstance(data, np.ndarray) and n.prim.n_out == 1 and unwritten(n, data):
                    self.known[id(n)] = data
            for e in n.edges:
                if type(e) is Accumulate:
                    owner = e.owner()
                    if owner is not None and isinstance(owner._data, np.ndarray):
                        self.known.setdefault(id(e), owner._data)
                        if not unwritten(n, owner._data):
                            self.written.add(id(e))

    def complete(self, nodes: list[Any]) -> None:
        """Compute again what was not kept of these nodes (oldest first), or its shape alone where that is dear."""
        for n in nodes:
            if id(n) in self.known:
                continue
            args = [argument(n, i, self.known) for i in range(len(n.edges))]
            spec = self._inferred(n, args)
            if spec is not None:
                self.specs[id(n)] = spec
            outs = spec if isinstance(spec, tuple) else (spec,)
            size = sum(prod(s.shape) for s in outs if s is not None)
            if any(a is None for a in args) or n.prim.kind == "custom" or n.prim.effect or size > self.work:
                continue
            self.work -= size
            try:
                with np.errstate(all="ignore"):
                    found = n.prim.impl(np, *args, **(n.params or {}))
            except Exception:  # a picture is a diagnosis: what cannot be computed again is not shown
                continue
            self.known[id(n)] = tuple(np.asarray(x) for x in found) if isinstance(found, tuple) else np.asarray(found)

    def _inferred(self, n: Any, args: list) -> Any:
        """Spec of a result by the primitive's rule, from values and specs of its arguments."""
        if isinstance(n.ans, tuple):
            return tuple(Spec(tuple(a.shape), a.dtype) for a in n.ans)
        specs = []
        for i, (e, a) in enumerate(zip(n.edges, args, strict=True)):
            if a is None:
                a = n.args[i] if n.args is not None and isinstance(n.args[i], Spec) else None
            if a is None and e is not None:
                a = self.spec(e)
            if a is None and n.shapes is not None:
                a = Spec(n.shapes[i], np.dtype("float32"))
            specs.append(a if a is None or isinstance(a, Spec) or not hasattr(a, "shape") else Spec(a.shape, a.dtype))
        if any(s is None for s in specs):
            known = [s for s in specs if isinstance(s, Spec)]
            if n.prim.kind != "elementwise" or not known:
                return None
            return known[0] if n.shapes is None else Spec(np.broadcast_shapes(*n.shapes), known[0].dtype)
        try:
            return n.prim.aval(*specs, **(n.params or {}))
        except Exception:  # as above
            return None

    def spec(self, edge: Any) -> Any:
        """Shape and dtype of a place on the tape (of a tuple, for an operation with several results), or None."""
        place = real(edge)
        found = self.known.get(id(place), self.specs.get(id(place)))
        if type(edge) is Select and isinstance(found, tuple):
            return found[edge.index]
        return found

    # ---- gradients ---------------------------------------------------------------------------------------------------

    def differentiate(self, t: Tensor, nodes: list[Any]) -> None:
        """Gradients of the number `t` with respect to these nodes (a newest part of the graph, oldest first).

        A gradient is left out where a value that a rule reads is gone, or where a user's hook has changed it.
        """
        if prod(raw_shape(t)) != 1 or t._node is None:
            return
        lost: set[int] = set()
        self._add(t._node, np.ones_like(t._data))
        for n in reversed(nodes):
            g = self.grads.get(id(n))
            if g is None and id(n) not in lost:
                continue
            if n.meta is not None and (n.meta.tensor_hooks or n.meta.prehooks or n.meta.hooks):
                lost.add(id(n))
            pulled = [None] * len(n.edges) if id(n) in lost else self._pulled(n, g)
            for e, c in zip(n.edges, pulled, strict=True):
                if e is not None and c is None:
                    lost.add(id(real(e)))
                elif e is not None:
                    self._add(e, c)
        swept = {id(n) for n in nodes}
        for n in self.nodes:
            if id(n) not in swept:  # what it adds to a gradient is not known
                lost |= {id(real(e)) for e in n.edges if e is not None}
        for key in lost:
            self.grads.pop(key, None)

    def _add(self, edge: Any, c: Any) -> None:
        """A cotangent arrives; of an operation with several results there is a list of them."""
        if type(edge) is Select:
            slots = self.grads.setdefault(id(edge.node), [None] * len(edge.node.ans))
            slots[edge.index] = c if slots[edge.index] is None else slots[edge.index] + c
        else:
            self.grads[id(edge)] = self.grads[id(edge)] + c if id(edge) in self.grads else c

    def _pulled(self, n: NodeBase, g: Any) -> list[Any]:
        """Cotangents of the arguments of a node; None where unknown."""
        needs = tuple(e is not None for e in n.edges)
        kinds, reads_ans = n.prim.reads(len(n.edges), needs)
        args = [argument(n, i, self.known) for i in range(len(n.edges))]
        ans = self.known.get(id(n))
        unknown = [None] * len(args)
        if n.prim.kind == "custom" or (reads_ans and ans is None) or (n.meta is not None and n.meta.hooks):
            return unknown
        for i, (a, kind) in enumerate(zip(args, kinds, strict=True)):
            if a is None and kind == 2:
                return unknown
            if a is None and kind == 1:
                spec = n.args[i] if n.args is not None and isinstance(n.args[i], Spec) else None
                args[i] = spec if spec is not None else self.spec(n.edges[i]) if n.edges[i] is not None else None
                if args[i] is None:
                    return unknown
        params = n.params or {}
        try:
            with np.errstate(all="ignore"):
                if n.prim.joint is not None:
                    found = list(n.prim.joint(g, ans, tuple(args), needs, **params))
                else:
                    found = [n.prim.vjp[i](g, ans, *args, **params) if need else None for i, need in enumerate(needs)]
        except Exception:  # as above
            return unknown
        if any(c is None for c, need in zip(found, needs, strict=True) if need):
            specs = [None if e is None else self.spec(e) for e in n.edges]
            found = [
                np.zeros(s.shape) if c is None and s is not None and not isinstance(s, tuple) else c
                for c, s in zip(found, specs, strict=True)
            ]
        if n.shapes is not None:
            found = [c if c is None else unbroadcast(np.asarray(c), s) for c, s in zip(found, n.shapes, strict=True)]
        return found


# ---- text ------------------------------------------------------------------------------------------------------------

SMALL = 4  # entries of an array that is shown whole
LARGE = 4_000_000  # entries of an array from which on its least and greatest are not looked for


def shown(x: Any) -> str:
    """A number with three decimals; a small array whole; of a larger one shape, least and greatest entry.

    >>> shown(np.array(2.5)), shown(np.array([1.0, 2.0])), shown(np.arange(12.0).reshape(3, 4)), shown(np.ones(9))
    ('2.500', '[1.000, 2.000]', '(3, 4) 0.00 to 11.00', '(9,) all 1.00')
    """
    if isinstance(x, tuple):
        return ", ".join(shown(a) for a in x)
    a, kind = np.asarray(plain(np.asarray(x))), np.asarray(x).dtype
    if a.size == 1 and a.ndim == 0:
        return _number(a[()])
    if 0 < a.size <= SMALL and a.ndim <= 2:
        rows = [f"[{', '.join(_number(v) for v in row)}]" for row in np.atleast_2d(a)]
        return rows[0] if a.ndim == 1 else f"[{', '.join(rows)}]"
    shape = "(" + ", ".join(map(str, a.shape)) + ("," if a.ndim == 1 else "") + ")"
    if a.size == 0 or a.size > LARGE or a.dtype.kind not in "fiu":
        return f"{shape} {dtype_name(kind)}"
    with np.errstate(all="ignore"):
        bad = int(a.size - np.count_nonzero(np.isfinite(a))) if a.dtype.kind == "f" else 0
        if bad:
            return f"{shape} {bad} not finite"
        low, high = a.min(), a.max()
        return f"{shape} all {_short(low)}" if low == high else f"{shape} {_short(low)} to {_short(high)}"


def dtype_name(dtype: Any) -> str:
    """'float32'."""
    return str(from_numpy_dtype(dtype)).removeprefix("torch.")


def _number(v: Any) -> str:
    if isinstance(v, (bool, np.bool_)) or np.asarray(v).dtype.kind not in "fc":
        return str(v)
    size = abs(v)
    return f"{v:.3f}" if size == 0 or 1e-3 <= size < 1e6 or not np.isfinite(size) else f"{v:.3g}"


def _short(v: Any) -> str:
    v = float(v)
    return f"{v:.2f}" if v == 0 or 0.1 <= abs(v) < 1000 else f"{v:.3g}"
