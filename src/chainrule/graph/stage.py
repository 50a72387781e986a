"""Stage a function: run it once on symbols beneath the tape, so that forward, backward and update are one graph.

Tensors that exist before and are read or written without being passed (parameters, buffers, optimiser state, `.grad`)
are found as they are touched, and become inputs and outputs of the graph.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, GraphError
from ..core.primitive import PRIMITIVES
from ..core.provenance import here
from ..core.pytree import tree_flatten, tree_unflatten
from ..core.state import state
from ..core.tape import Accumulate, Spec
from ..core.value import Tensor, Tracer, wrap
from ..core.writes import note_write
from .forms import FORMS
from .ir import Equation, Graph, Variable, verify
from .symbol import Symbol

ndarray = np.ndarray


class StageTrace:
    """The equations so far, and what outside tensors they read and write."""

    unroll = False  # write out loops and chosen branches instead of making equations with sub-graphs

    def __init__(self, outside: dict | None = None) -> None:
        self.equations: list[Equation] = []
        self.count = 0  # variables assigned by equations so far
        self.place: tuple | None = None  # the user's line of the equation in work, where it is replayed from elsewhere
        self.inputs: list[Variable] = []
        self.constants: dict[Variable, ndarray] = {}
        self._constant_of: dict[int, Symbol] = {}
        self._keep: list[Any] = []  # arrays whose ids are keys above must stay alive
        if outside is None:
            outside = {id(o): o for o in gc.get_objects() if issubclass(type(o), Tensor)}
        self.outside = outside
        self.tensors: dict[int, tuple[Tensor, ndarray, Symbol]] = {}  # touched: (tensor, its array, input symbol)
        self._before: dict[int, tuple] = {}  # of those: class, place on the tape, further fields
        self.leaves: dict[int, tuple[Accumulate, Any, Symbol | None]] = {}  # touched: (leaf, its grad, input symbol)
        self.sources: list[tuple[str, Any]] = []  # per input: ("arg", k) | ("data", tensor) | ("grad", leaf)

    def new_input(self, array: Any, source: tuple[str, Any]) -> Symbol:
        """A further input of the graph, shaped like `array`."""
        variable = Variable(f"x{len(self.inputs)}", tuple(array.shape), array.dtype)
        self.inputs.append(variable)
        self.sources.append(source)
        return Symbol(self, variable)

    def is_symbol(self, x: Any) -> bool:
        """Is `x` a symbol of a staging trace?"""
        return isinstance(x, Symbol)

    def touch(self, t: Tensor) -> None:
        """Make an outside tensor, at its first use, hold an input symbol instead of its array."""
        data = t._data
        if isinstance(t, Tracer) or isinstance(data, Symbol) or id(t) not in self.outside or id(t) in self.tensors:
            return
        symbol = self.new_input(data, ("data", t))
        self.tensors[id(t)] = (t, data, symbol)
        self._before[id(t)] = (type(t), t._node, dict(t.__dict__))
        t._data = symbol

    def touch_bottom(self, t: Any) -> None:
        """Touch the tensor beneath any tracers."""
        while isinstance(t, Tracer):
            t = t._data
        if isinstance(t, Tensor):
            self.touch(t)

    def touch_leaf(self, leaf: Accumulate) -> None:
        """The same for the gradient of a leaf."""
        if id(leaf) in self.leaves:
            return
        grad = leaf.grad
        if grad is None or isinstance(grad._data, Symbol) or id(grad) not in self.outside:
            self.leaves[id(leaf)] = (leaf, grad, None)
            return
        symbol = self.new_input(grad._data, ("grad", leaf))
        self.leaves[id(leaf)] = (leaf, grad, symbol)
        leaf.grad = wrap(symbol)

    def lift(self, t: Tensor) -> Any:
        """The raw value of a tensor inside this trace."""
        self.touch(t)
        return t._data

    def operand(self, x: Any) -> Any:
        """An equation's operand: a variable, a constant, or a Python number."""
        if isinstance(x, Symbol):
            if x.stage is not self:
                raise GraphError("a value of an earlier staging was kept and is used in another one; return it instead")
            return x.variable
        if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):
            return x
        return self.constant(x).variable

    def constant(self, x: Any) -> Symbol:
        """A symbol for an array known at staging time (copied, so that later writes do not reach the graph)."""
        known = self._constant_of.get(id(x))
        if known is None and isinstance(x, ndarray) and x.size > 1 and not any(x.strides):
            one = self.constant(np.array(x[(0,) * x.ndim]))  # a broadcast number: keep the number
            known = self._constant_of[id(x)] = self.process(PRIMITIVES["broadcast_to"], (one,), {"shape": x.shape})
            self._keep.append(x)
        if known is None:
            array = np.array(x)
            variable = Variable(f"c{len(self.constants)}", array.shape, array.dtype)
            self.constants[variable] = array
            known = self._constant_of[id(x)] = Symbol(self, variable)
            self._keep.append(x)
        return known

    def process(self, prim: Any, raws: tuple, params: dict) -> Any:
        """Add one equation; returns a symbol, or a tuple of them."""
        specs = [Spec(tuple(r.shape), r.dtype) if hasattr(r, "shape") else r for r in raws]
        said = prim.aval(*specs, **params)
        specs_out = said if isinstance(said, tuple) else (said,)
        n = self.count
        outs = tuple(Variable(f"v{n + i}", tuple(s.shape), np.dtype(s.dtype)) for i, s in enumerate(specs_out))
        self.count = n + len(outs)
        code, lasti = self.place or here(3)
        self.equations.append(Equation(outs, prim, tuple(self.operand(r) for r in raws), dict(params), code, lasti))
        symbols = tuple(Symbol(self, v) for v in outs)
        return symbols if isinstance(said, tuple) else symbols[0]

    # ---- control flow ---------------------------------------------------------------------------------------------

    @contextmanager
    def scratch(self) -> Iterator[None]:
        """Equations added inside are thrown away: they only tell shapes and dtypes."""
        n, known = len(self.equations), dict(self._constant_of)
        try:
            yield
        finally:
            del self.equations[n:]
            self._constant_of = known
        written = [t for t, _, _ in self.tensors.values() if isinstance(t, Tracer)]
        written += [leaf for leaf, _, _ in self.leaves.values() if isinstance(leaf.grad, Tracer)]
        if written:
            raise self.unseen(written[0])

    def unseen(self, t: Any) -> GraphError:
        """The error for a body that reaches for a tensor from outside in a way that its sub-graph cannot follow."""
        what = "the gradient of a tensor" if isinstance(t, Accumulate) else f"a tensor of shape {self._shape(t)}"
        return GraphError(
            f"the body of a staged cond, scan, while_loop or fori_loop writes to {what} from outside (or a custom "
            f"derivative in it reads one); what a body changes must be in its carry. Pass the tensor as an argument or "
            f"in the carry, and return its new value."
        )

    def _shape(self, t: Tensor) -> tuple:
        return self.tensors[id(t)][1].shape if id(t) in self.tensors else tuple(t.shape)

    def subgraph(self, function: Callable, specs: Sequence) -> Graph:
        """The graph of `function`, from lists of tensors to lists of tensors, at these shapes and dtypes.

        Raises:
            GraphError: it writes to a tensor from outside, whose new value could not leave the sub-graph.
        """
        inner = StageTrace(self.outside)
        given = [wrap(inner.new_input(s, ("arg", i))) for i, s in enumerate(specs)]
        recording = state.grad_enabled
        state.stage = inner
        state.set_grad(False)
        try:
            outs = function(given)
            outputs = [inner.constant(o).variable if not isinstance(o, Variable) else o for o in map(inner.raw, outs)]
            read = [t for t, _, _ in inner.tensors.values()] + [leaf for leaf, _, _ in inner.leaves.values()]
            if read:
                raise self.unseen(read[0])
        finally:
            state.stage = self
            state.set_grad(recording)
            inner.restore()
        return Graph(tuple(inner.inputs), inner.equations, tuple(outputs), inner.constants).without_dead_code()

    def raw(self, x: Any) -> Any:
        """The variable of a tensor, or what is no variable of this trace: an array or number."""
        raw = self.lift(x) if isinstance(x, Tensor) else x
        return self.operand(raw) if isinstance(raw, Symbol) else raw

    def control(self, name: str, operands: Sequence, graphs: dict[str, Graph], **params: Any) -> list[Tensor]:
        """Add one equation of control flow; its results as tensors."""
        raws = [self.lift(x) if isinstance(x, Tensor) else np.asarray(x) for x in operands]
        raws = [x if isinstance(x, Symbol) else self.constant(x) for x in raws]
        found = self.process(FORMS[name], tuple(raws), {**params, **graphs})
        return [wrap(s) for s in found]

    def restore(self) -> None:
        """Give every touched tensor and leaf back what it held."""
        for t, data, _ in self.tensors.values():
            kind, node, fields = self._before[id(t)]
            if type(t) is not kind:  # written to with a value of a transformation that an exception ended
                t.__class__ = kind
                t._node = node
                t.__dict__.clear()
                t.__dict__.update(fields)
            t._data = data
        for leaf, grad, _ in self.leaves.values():
            leaf.grad = grad


class Staged:
    """A staged function: call it on new data; `graph` is its text form and equations.

    >>> import chainrule as cr
    >>> staged = cr.graph.stage(lambda x: x * 2, cr.ones(3))
    >>> staged(cr.tensor([1.0, 2.0, 3.0]))
    tensor([2., 4., 6.])
    """

    def __init__(
        self, graph: Graph, sources: list, effects: list, in_tree: Any, out_tree: Any, out_kinds: list
    ) -> None:
        self.graph = graph
        self.sources, self.effects = sources, effects
        self._in_tree, self._out_tree, self._out_kinds = in_tree, out_tree, out_kinds

    def __str__(self) -> str:
        return str(self.graph)

    @property
    def reads(self) -> list[Tensor]:
        """Tensors that the function reads without being passed."""
        return [t for kind, t in self.sources if kind == "data"]

    @property
    def writes(self) -> list[Tensor]:
        """Tensors that the function writes to without being passed."""
        return [t for kind, t, _ in self.effects if kind == "data"]

    def __call__(self, *args: Any) -> Any:
        leaves, tree = tree_flatten(args)
        if tree != self._in_tree:
            raise ArgumentTypeError(f"the function was staged for arguments {self._in_tree}, and called with {tree}")
        arrays = []
        for kind, source in self.sources:
            if kind == "arg":
                arrays.append(_array(leaves[source]))
            elif kind == "data":
                arrays.append(source._data)
            else:
                arrays.append(source.grad._data)
        results = self.graph.run(*arrays)
        n = len(self._out_kinds)
        outs = [wrap(np.asarray(r)) for r in results[:n]]
        self._apply(results[n:], leaves)
        return tree_unflatten(
            self._out_tree, [o if k else o.item() for o, k in zip(outs, self._out_kinds, strict=True)]
        )

    run = __call__

    def _apply(self, values: tuple, leaves: list) -> None:
        """Write back what the function wrote: data of tensors and arguments, gradients of leaves."""
        for (kind, target, has_value), value in zip(self.effects, _padded(self.effects, values), strict=True):
            if kind == "grad":
                target.grad = wrap(np.array(value)) if has_value else None
                continue
            tensor = target if kind == "data" else leaves[target]
            data = tensor._data if isinstance(tensor, Tensor) else tensor
            note_write(data, "a staged function")
            data[...] = value


def _padded(effects: list, values: tuple) -> list:
    queue = iter(values)
    return [next(queue) if has_value else None for _, _, has_value in effects]


def _array(x: Any) -> ndarray:
    return x._data if isinstance(x, Tensor) else np.asarray(x)


def stage(function: Callable, *args: Any, unroll: bool = False) -> Staged:
    """Stage `function` for arguments shaped like `args` (tensors or arrays, in any nesting of tuples, lists, dicts).

    cond, scan, while_loop, fori_loop and map become equations with sub-graphs; with `unroll`, loops of known length are
    written out step by step, and the others refused.

    The function runs once, on symbols; nothing is computed and no outside tensor changes. State that an optimiser makes
    at its first step has to exist already: run one step eagerly first.

    Raises:
        TracedValueError: the function asks for a concrete value (a Python branch, item()).
        GraphError: a tensor made inside outlives the function otherwise than by being returned.

    >>> import chainrule as cr
    >>> print(stage(lambda x: (x * 2).sum(), cr.ones(3)))
    graph(x0: float32[3]) {
      v0: float32[3] = mul(x0, 2)
      v1: float32[] = sum(v0; axes=(0,), keepdims=False)
      return v1
    }
    """
    if state.stage is not None:
        raise GraphError("stage() inside a staged function: call the inner function directly")
    trace = StageTrace()
    trace.unroll = unroll
    staged = _record(trace, function, args)
    _check_escaped(trace)
    return staged


def _record(trace: StageTrace, function: Callable, args: tuple) -> Staged:
    """Run `function` on symbols and gather the graph; leaves every outside tensor as it was."""
    leaves, in_tree = tree_flatten(args)
    placeholders: list[Any] = []
    holders: list[tuple[int, Tensor, Symbol]] = []
    for k, leaf in enumerate(leaves):
        if not isinstance(leaf, (Tensor, ndarray, np.generic, bool, int, float, complex)):
            placeholders.append(leaf)
            continue
        symbol = trace.new_input(_array(leaf), ("arg", k))
        holder = wrap(symbol)
        if isinstance(leaf, Tensor) and leaf._node is not None:
            holder._node = Accumulate(holder)
        placeholders.append(holder)
        holders.append((k, holder, symbol))
    state.stage = trace
    state.refresh()
    try:
        result = function(*tree_unflatten(in_tree, placeholders))
        out_leaves, out_tree = tree_flatten(result)
        outputs = [trace.operand(trace.lift(o) if isinstance(o, Tensor) else o) for o in out_leaves]
        effects: list[tuple[str, Any, bool]] = []
        for k, holder, symbol in holders:
            if holder._data is not symbol:
                effects.append(("arg", k, True))
                outputs.append(trace.operand(holder._data))
        for t, _, symbol in trace.tensors.values():
            if t._data is not symbol:
                effects.append(("data", t, True))
                outputs.append(trace.operand(t._data))
        for leaf, before, symbol in list(trace.leaves.values()):
            now = leaf.grad
            if now is None:
                if before is not None:
                    effects.append(("grad", leaf, False))
            elif now is not before and now._data is not symbol:
                effects.append(("grad", leaf, True))
                outputs.append(trace.operand(trace.lift(now)))
    finally:
        state.stage = None
        state.refresh()
        trace.restore()
    kinds = [isinstance(o, Tensor) for o in out_leaves]
    graph = Graph(tuple(trace.inputs), trace.equations, tuple(outputs), trace.constants).without_dead_code()
    verify(graph)
    return Staged(graph, trace.sources, effects, in_tree, out_tree, kinds)


def _check_escaped(trace: StageTrace) -> None:
    """Refuse tensors that still hold symbols of this trace: their values were never computed."""

    def held() -> list[Tensor]:
        tensors = [o for o in gc.get_objects() if issubclass(type(o), Tensor)]  # isinstance would touch proxies
        return [t for t in tensors if isinstance(getattr(t, "_data", None), Symbol) and t._data.stage is trace]

    if held():
        gc.collect()  # only reference cycles of the user's own may have held them
        left = held()
        if left:
            raise GraphError(
                f"{len(left)} tensors made inside the staged function outlive it without being returned, such as "
                f"{left[0]._data}: they would have no value. State that is made at the first call, such as momentum "
                f"buffers, must exist before: call the function once, then stage it."
            )
