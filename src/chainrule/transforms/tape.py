"""Functional reverse mode at one level: TapeTrace records on values one level down, `sweep` runs the cotangents.

What a node saves are lower values (raw arrays, tensors, or tracers of enclosing transformations), so the rules compute
on those, and a derivative of a derivative needs nothing special. Tensors that record nothing are taken as their raw
arrays: rules then run at NumPy's speed.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import _getframe
from typing import Any

import numpy as np

from ..core.dtypes import F32, F64, is_inexact
from ..core.eager import Packed, bind, conjugate_twin, maker
from ..core.elementwise import binary_plans, scalars64
from ..core.primitive import SPEC, VALUE, Primitive
from ..core.provenance import user_frame
from ..core.state import next_seq, special, state
from ..core.tape import Accumulate, Link1, Link2, Node, Pair, Select, Spec
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape, wrap
from .level import Level, below, escaped, public, size_of
from .reverse import sweep

ndarray = np.ndarray
ONE64 = np.ones(())
ONE64.flags.writeable = False
REFUSALS = (ValueError, TypeError, IndexError, OverflowError)  # how an implementation refuses its operands


def one(dtype: np.dtype) -> Any:
    """The cotangent of a scalar result: 1, as a raw array that is not to be written to."""
    return ONE64 if dtype is F64 else np.ones((), dtype)


class Taped(Tracer):
    """A value recorded by a TapeTrace: `_data` one level down, `_node` its place on the trace's tape."""

    __slots__ = ()

    shape = property(lambda self: size_of(self._data.shape))  # type: ignore[assignment]


class TapeTrace(Level):
    """Reverse mode at one level."""

    name = "grad or vjp"
    frees = True

    def leaf(self, value: Any) -> Taped:
        """An input to differentiate by."""
        t = new_object(Taped)
        t._trace = self
        t._data = value
        t._node = Accumulate(t)
        return t

    def lift(self, value: Any, edge: Any) -> Taped:
        """A lower value as one of this trace's, at a place on its tape."""
        t = new_object(Taped)
        t._trace = self
        t._data = value
        t._node = edge
        return t

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive to the lower values and record one node."""
        if not self.alive:
            raise escaped(self.name, prim)
        if not special.on:
            plans = prim._cache.get("plans")
            if plans is None:
                plans = prim._cache["plans"] = plans_of(prim)
            if plans:
                if len(plans) == 1:
                    return self._one(prim, args[0], params, plans[0])
                return self._two(prim, *args, plans)
        raws, edges, lifted, inner = [], [], False, None
        staging = state.stage is not None
        for a in args:
            kind = type(a)
            if kind is Taped and a._trace is self:
                edges.append(a._node)
                a = a._data
                kind = type(a)
            else:
                edges.append(None)
                if kind is Tensor and a._node is None and not staging:
                    a = a._data
                    kind = ndarray
            if kind is not ndarray and isinstance(a, Tensor):
                lifted = True
                if kind is not Tensor and isinstance(a, Tracer) and (inner is None or a._trace.level > inner.level):
                    inner = a._trace
            raws.append(a)
        enabled = state.grad_enabled
        plain = not staging and state.profile is None
        if not lifted and plain:
            try:
                ans = prim.impl(np, *raws, **params)
            except REFUSALS:
                ans = bind(prim, tuple(raws), params)  # raises the error that names the operation and the line
        elif self.outer or not enabled:
            if inner is not None and plain and not prim.view:
                ans = inner.process(prim, tuple(raws), params)  # what bind would do
            else:
                ans = bind(prim, tuple(raws), params)
        else:
            ans = self.lower(prim, tuple(raws), params)
        recorded = enabled and edges.count(None) < len(edges)
        if prim.n_out == 1:
            return self.lift(ans, self._node(prim, raws, edges, params, ans) if recorded and not prim.cut else None)
        if not recorded or not any([is_inexact(raw_dtype(a)) for a in ans]):
            return tuple([self.lift(a, None) for a in ans])
        if prim.holomorphic and raw_dtype(ans[0]).kind == "c":
            prim = conjugate_twin(prim)
        node = make_node(prim, raws, edges, params, tuple(ans))
        return tuple([self.lift(a, Select(node, i) if is_inexact(raw_dtype(a)) else None) for i, a in enumerate(ans)])

    def _one(self, prim: Primitive, x: Any, params: dict, plan: tuple) -> Any:
        """`process` for one operand while no mode is on: the same in less time."""
        edge = None
        kind = type(x)
        if kind is Taped and x._trace is self:
            edge = x._node
            x = x._data
            kind = type(x)
        if kind is Taped and self.outer and not prim.view:
            ans = x._trace.process(prim, (x,), params)
        elif isinstance(x, Tensor):
            ans = self.lower(prim, (x,), params)
        else:
            try:
                ans = prim.impl(np, x, **params) if params else prim.impl(np, x)
            except REFUSALS:
                ans = bind(prim, (x,), params)  # raises the error that names the operation and the line
        t = new_object(Taped)
        t._trace = self
        t._data = ans
        t._node = None
        if edge is None:
            return t
        bottom = _bottom(ans)
        dtype = bottom.dtype
        if dtype is not F64 and dtype is not F32:
            t._node = self._node(prim, (x,), (edge,), params, ans)
            return t
        keep, keep_ans = plan
        t._node = node = new_object(Link1)
        node.x = x if keep == VALUE else Spec(_bottom(x).shape, dtype) if keep == SPEC else None
        node.ans = ans if keep_ans else None
        node.edge = edge
        node.params = params
        node.prim = prim
        node.meta = None
        node.seq = next_seq()
        frame = user_frame(_getframe(3))
        node.code = frame.f_code
        node.lasti = frame.f_lasti
        return t

    def _two(self, prim: Primitive, x: Any, y: Any, plans: tuple) -> Any:
        """`process` for arithmetic on two operands while no mode is on: the same in less time."""
        first = second = inner = None
        kind = type(x)
        if kind is Taped and x._trace is self:
            first = x._node
            x = x._data
            kind = type(x)
        usual = True
        if kind is Taped:
            inner = x._trace
        elif kind is Tensor and x._node is None:
            x = x._data
        elif isinstance(x, Tensor):
            usual = False
        kind = type(y)
        if kind is Taped and y._trace is self:
            second = y._node
            y = y._data
            kind = type(y)
        if kind is Taped:
            if inner is None or inner.level < y._trace.level:
                inner = y._trace
        elif kind is Tensor and y._node is None:
            y = y._data
        elif kind is float:
            if inner is None and prim.fast is not None and x.dtype is F64:
                y = scalars64.get(y, y)  # NumPy is quicker with a 0-d array than with a number
        elif isinstance(y, Tensor):
            usual = False
        if inner is None and usual:
            try:
                ans = prim.impl(np, x, y)
            except REFUSALS:
                ans = bind(prim, (x, y), {})
        elif usual and self.outer:
            ans = inner.process(prim, (x, y), {})
        else:
            ans = self.lower(prim, (x, y), {})
        t = new_object(Taped)
        t._trace = self
        t._data = ans
        t._node = None
        if first is None and second is None:
            return t
        bottom = ans if type(ans) is ndarray else _bottom(ans)
        dtype = bottom.dtype
        if dtype is not F64 and dtype is not F32:
            t._node = self._node(prim, (x, y), (first, second), {}, ans)
            return t
        shape = bottom.shape
        a = x.shape if type(x) is ndarray else _shape(x)
        b = y.shape if type(y) is ndarray else _shape(y)
        node: Any
        if a == shape and b == shape and (first is None or second is None):
            t._node = node = new_object(Link2)
            node.index = 0 if second is None else 1
            node.edge = first if second is None else second
            keep_x, keep_y, keep_ans = plans[node.index]
        else:
            keep_x, keep_y, keep_ans = plans[0 if second is None else 1 if first is None else 2]
            t._node = node = new_object(Pair)
            node.first = first
            node.second = second
            node.shapes = None if a == shape and b == shape else (a, b)
        node.x = x if keep_x else None
        node.y = y if keep_y else None
        node.ans = ans if keep_ans else None
        node.prim = prim
        node.meta = None
        node.seq = next_seq()
        frame = user_frame(_getframe(3))
        node.code = frame.f_code
        node.lasti = frame.f_lasti
        return t

    def _node(self, prim: Primitive, raws: Sequence, edges: Sequence, params: dict, ans: Any) -> Any:
        """The node of a recorded operation with one result; None if its dtype has no derivatives."""
        dtype = raw_dtype(ans)
        if dtype is not F64 and dtype is not F32:
            if not is_inexact(dtype):
                return None
            if prim.holomorphic and dtype.kind == "c":
                prim = conjugate_twin(prim)
        return make_node(prim, raws, edges, params, ans)


def plans_of(prim: Primitive) -> tuple:
    """What the short ways of recording keep of a primitive's operands; () if it is recorded the general way.

    Of one operand: ((kind, ans),). Of two, by which of them need a cotangent: ((x, y, ans), ...) as `binary_plans`.
    """
    if prim.n_out != 1 or prim.joint is not None or prim.cut or prim.effect or None in prim.vjp:
        return ()
    if len(prim.vjp) == 1:
        (kind,), keep_ans = prim.reads(1, (True,))
        return ((kind, keep_ans),)
    if len(prim.vjp) != 2 or not prim.undoes_broadcast:
        return ()
    if any([SPEC in prim.reads(2, needs)[0] for needs in ((True, False), (False, True), (True, True))]):
        return ()
    return binary_plans(prim)


def make_node(prim: Primitive, raws: Sequence, edges: Sequence, params: dict, ans: Any) -> Any:
    """A node that holds what the rules of the needed arguments read of the lower values."""
    n = len(raws)
    node: Any
    if n == 1 and type(ans) is not tuple and prim.joint is None and prim.vjp[0] is not None and not state.saved_hooks:
        (kind,), keep_ans = prim.reads(1, (True,))
        node = new_object(Link1)
        node.x, node.edge, node.params = _kept(raws[0], kind), edges[0], params
        node.ans = ans if keep_ans else None
    elif n == 2 and not params and type(ans) is not tuple and _in_pairs(prim) and not state.saved_hooks:
        x, y = raws
        (first, second), keep_ans = prim.reads(2, (edges[0] is not None, edges[1] is not None))
        node = new_object(Pair)
        node.x, node.y = _kept(x, first), _kept(y, second)
        node.first, node.second = edges
        node.shapes = None
        if prim.undoes_broadcast:
            shape, a, b = _shape(ans), _shape(x), _shape(y)
            if a != shape or b != shape:
                node.shapes = (a, b)
        node.ans = ans if keep_ans else None
    else:
        node = _general_node(prim, raws, edges, params, ans)
    node.prim = prim
    node.seq = next_seq()
    frame = user_frame(_getframe(2))
    node.code, node.lasti = frame.f_code, frame.f_lasti
    node.meta = None
    if state.saved_hooks:
        pack(node)
    return node


def _bottom(x: Any) -> Any:
    """The raw array under all levels of reverse mode, or else the value of another kind that is there."""
    while type(x) is Taped:
        x = x._data
    return x


def _shape(x: Any) -> tuple[int, ...]:
    x = _bottom(x)
    return x.shape if type(x) is ndarray else () if type(x) is float or type(x) is int else raw_shape(x)


def _in_pairs(prim: Primitive) -> bool:
    return prim.joint is None and None not in prim.vjp


def _general_node(prim: Primitive, raws: Sequence, edges: Sequence, params: dict, ans: Any) -> Node:
    multiple = type(ans) is tuple
    kinds, keep_ans = prim.reads(len(raws), tuple([e is not None for e in edges]))
    node = new_object(Node)
    node.args = tuple([_kept(r, k) for r, k in zip(raws, kinds, strict=True)])
    node.edges, node.params, node.shapes = tuple(edges), params, None
    if prim.undoes_broadcast and len(raws) > 1:
        shapes = tuple([raw_shape(r) for r in raws])
        shape = raw_shape(ans)
        if any([s != shape for s in shapes]):
            node.shapes = shapes
    node.ans = ans if keep_ans else tuple([Spec(raw_shape(a), raw_dtype(a)) for a in ans]) if multiple else None
    return node


def _kept(x: Any, kind: int) -> Any:
    """What a node keeps of an argument: itself, its shape and dtype, or nothing; numbers stay."""
    if kind == VALUE:
        return x
    if kind == SPEC:
        return Spec(raw_shape(x), raw_dtype(x)) if hasattr(x, "shape") else x
    return None if type(x) is ndarray or hasattr(x, "shape") else x


def pack(node: Node) -> None:
    """Hand what a node saved to the innermost saved_tensors_hooks (checkpoint uses them at every level)."""
    hooks = state.saved_hooks
    do, undo = hooks[-1]

    def found(handle: Any) -> Tensor:  # Packed takes off one tensor; what it must give is the lower value
        return wrap(below(undo(handle)))

    node.needs_meta().packed = True
    state.saved_hooks = ()
    state.refresh()
    try:
        args = list(node.args or ())
        for i, (a, edge) in enumerate(zip(args, node.edges, strict=False)):
            if _is_array(a):
                state.saving = (maker(edge), node.prim.name)
                args[i] = Packed(do(public(a)), found)
        node.args = tuple(args)
        if _is_array(node.ans):
            state.saving = (node.prim.name, node.prim.name)
            node.ans = Packed(do(public(node.ans)), found)
    finally:
        state.saving = ("", "")
        state.saved_hooks = hooks
        state.refresh()


def _is_array(a: Any) -> bool:
    return isinstance(a, (ndarray, Tensor))


class Tape:
    """One recorded run of a function: its inputs as tracers, and pullbacks through it.

    `values` are the lower values of the inputs. Use `record(function)` once, then `pull(roots)`.
    """

    __slots__ = ("inputs", "trace")

    def __init__(self, values: Sequence) -> None:
        self.trace = TapeTrace()
        self.inputs = [self.trace.leaf(v) for v in values]

    def record(self, function: Any, *args: Any) -> Any:
        """`function(*args)` with the trace active."""
        with self.trace:
            return function(*args)

    def split(self, out: Any) -> tuple[Any, Any]:
        """(lower value, node or None) of an output."""
        out = self.trace.traced(out)
        if type(out) is Taped and out._trace is self.trace:
            return out._data, out._node
        return below(out), None

    def pull(self, roots: Sequence[tuple[Any, Any]], retain: bool) -> list:
        """Cotangents of the inputs (None: zero) from pairs (node, cotangent), all lower values."""
        trace = self.trace
        revived = not trace.alive
        if revived:  # recomputation under checkpoint runs the function again inside the sweep
            trace.alive = True
        try:
            leaves = sweep(roots, retain=retain)[1]
        finally:
            if revived:
                trace.alive = False
        return [leaves.get(x._node) for x in self.inputs]


def own_arrays(cts: Sequence, foreign: Sequence = ()) -> list:
    """Cotangents as tensors of their own: no two share an array, and all can be written to."""
    seen = {id(f) for f in foreign}
    out = []
    for c in cts:
        if type(c) is ndarray:
            if id(c) in seen or not c.flags.writeable:
                c = c.copy()
            seen.add(id(c))
        out.append(public(c))
    return out
