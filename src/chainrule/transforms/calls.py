"""One call with a derivative rule of its own, as flat functions, at whatever levels its arguments belong to.

A call is peeled one level at a time: the topmost level that the arguments belong to applies the rule, and what it
computes one level down is again a call with the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.drawing import running
from ..core.dtypes import is_inexact
from ..core.errors import GraphError
from ..core.provenance import here
from ..core.state import next_seq, state
from ..core.tape import Accumulate, Node, Select, Spec
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape, wrap
from .batch import Batched, BatchTrace
from .forward import JVPTrace
from .level import below, public, zeros_like_raw
from .tape import Tape, TapeTrace

__all__ = ["Call", "JVPCall", "Rule", "VJPCall", "attach", "check_closure", "over_batch", "top_trace"]

# ---- putting a rule on a tape ---------------------------------------------------------------------------------------


class Rule:
    """The part of a Primitive that the reverse sweep asks for, for one call with a derivative of its own."""

    __slots__ = ("backward_name", "joint", "keeps_ans", "name")
    vjp: tuple = ()
    kind = "custom"
    n_out = 0
    holomorphic = False
    view = False
    effect = ""

    def __init__(self, name: str, joint: Callable, keeps_ans: bool) -> None:
        self.name, self.backward_name, self.joint, self.keeps_ans = name, f"{name}Backward", joint, keeps_ans

    def reads(self, n_args: int, needs: tuple) -> tuple:
        """Everything that was saved is read."""
        return (2,) * n_args, self.keeps_ans


def top_trace(leaves: Sequence) -> Any:
    """The highest trace among the leaves, or None."""
    top = None
    for x in leaves:
        if isinstance(x, Tracer) and (top is None or x._trace.level > top.level):
            top = x._trace
    return top


def edge_of(x: Any, level: Any) -> Any:
    """Where a value's cotangent goes on the tape of `level` (None: the eager tape)."""
    if level is None:
        return x._node if type(x) is Tensor else None
    return x._node if isinstance(x, Tracer) and x._trace is level else None


def value_at(x: Any, level: Any) -> Any:
    """What a value is one level below `level` (below the eager level: its raw array)."""
    if level is None:
        return x._data if type(x) is Tensor else x
    if isinstance(x, Tracer) and x._trace is level:
        return x._data
    return below(x)


def attach(
    name: str, level: Any, inputs: Sequence, saved: Sequence, outs: Sequence, pull: Callable, keep: Any = ()
) -> list:
    """Outputs at `level` that lead, by one node, to `inputs`.

    `outs` are lower values. `pull(cts, saved_values, needs, ans)` gets the cotangents (None where zero), the values of
    `saved` (tensors of `level`) and the outputs numbered in `keep` (Specs for the others), lower values or, under
    create_graph, lifted ones; it returns one cotangent per input.
    """
    n = len(inputs)

    def joint(g: list, ans: tuple, args: tuple, needs: tuple, **params: Any) -> list:
        found = pull(g, args[n:], needs[:n], ans)
        # views of arrays: the user may hold one, or have returned it twice, so that it is not the sweep's own
        return [*[c[...] if type(c) is np.ndarray else c for c in found], *[None] * (len(args) - n)]

    node = new_object(Node)
    node.prim = Rule(name, joint, bool(keep))
    node.args = (*[None] * n, *[value_at(s, level) for s in saved])
    node.ans = tuple([o if i in keep else Spec(raw_shape(o), raw_dtype(o)) for i, o in enumerate(outs)])
    node.params, node.shapes, node.meta = None, None, None
    node.edges = (*[edge_of(x, level) for x in inputs], *[edge_of(s, level) for s in saved])
    node.seq = next_seq()
    node.code, node.lasti = here(3)
    results = []
    for i, o in enumerate(outs):
        edge = Select(node, i) if is_inexact(raw_dtype(o)) else None
        results.append(wrap(_array(o), edge) if level is None else level.lift(o, edge))
    return results


def _array(o: Any) -> Any:
    return np.asarray(o) if isinstance(o, (np.generic, bool, int, float, complex)) else o


def check_closure(name: str, start: int, outs: Sequence, inputs: Sequence, level: Any) -> None:
    """Refuse a custom rule whose function differentiably reads more than its arguments: that gradient would be lost."""
    known = {id(edge_of(x, level)) for x in inputs}
    seen: set[int] = set()
    stack = [edge_of(o, level) for o in outs]
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen or id(node) in known:
            continue
        seen.add(id(node))
        if type(node) is Select and node.seq > start:
            stack.append(node.node)
        elif type(node) is not Accumulate and node.seq > start:
            stack.extend(node.edges)
        elif node.seq <= start:
            raise lost_closure(name)


def lost_closure(name: str) -> GraphError:
    """The error for a custom rule around a function that differentiably reads an outer variable."""
    return GraphError(
        f"{name}: the function uses a tensor that requires grad from an outer variable; the custom rule gives no "
        f"derivative for it, so its gradient would be lost. Pass it as an argument, or use its .detach()."
    )


# ---- one call, as flat functions ------------------------------------------------------------------------------------


class Call:
    """Flat functions of one call: `run(leaves) -> outs`; the rule is in the subclass."""

    def __init__(self, name: str, run: Callable, busy: list | None = None) -> None:
        self.name, self.run = name, run
        self.busy = [] if busy is None else busy  # levels at which the rule's own code is running just now

    def apply(self, leaves: list) -> list:
        """The outputs, with the rule applied at the topmost level that the leaves belong to."""
        top = top_trace(leaves)
        recorder = state.recorder
        if recorder is not None and (top is None or top.level <= recorder.level):
            return list(recorder.note(lambda *xs: tuple(self.apply(list(xs))), leaves))
        if any(level is top for level in self.busy):
            return self.run(leaves)
        if top is None:
            recorded = state.grad_enabled and any(edge_of(x, None) is not None for x in leaves)
            return self.taped(None, leaves) if recorded else self.run(leaves)
        if isinstance(top, TapeTrace):
            if state.grad_enabled and any(edge_of(x, top) is not None for x in leaves):
                return self.taped(top, leaves)
            return [top.lift(below(o), None) for o in self.apply([public_leaf(value_at(x, top)) for x in leaves])]
        if isinstance(top, JVPTrace):
            return self.pushed(top, leaves)
        if isinstance(top, BatchTrace):
            flags = [type(x) is Batched and x._trace is top for x in leaves]
            outs = self.vectorised(top, flags).apply([public_leaf(value_at(x, top)) for x in leaves])
            return [top.batched(below(o)) for o in outs]
        return list(top.note(lambda *xs: tuple(self.apply(list(xs))), leaves))

    def lower_outs(self, level: Any, leaves: list) -> list:
        """Lower values of the outputs, where enclosing levels see the custom rule too."""
        values = [public_leaf(value_at(x, level)) for x in leaves]
        outs = self.run(values) if level is None else self.apply(values)
        for o in outs:
            if level is None:
                closed = edge_of(o, None) is not None
            else:
                closed = isinstance(o, Tracer) and o._trace.level >= level.level
            if closed:
                raise lost_closure(self.name)
        return [value_at(o, None) if level is None else below(o) for o in outs]

    def pushed(self, trace: JVPTrace, leaves: list) -> list:
        """The outputs with their tangents."""
        pairs = [trace.split(x) if isinstance(x, Tensor) else (x, None) for x in leaves]
        primals = [public_leaf(p) for p, _ in pairs]
        tangents = [t for _, t in pairs]
        if not state.grad_enabled or all(t is None for t in tangents):
            return [trace.dual(below(o), None) for o in self.apply(primals)]
        outs, moved = self.push(trace, primals, tangents)
        return [
            trace.dual(o, t if t is not None and is_inexact(raw_dtype(o)) else None)
            for o, t in zip(outs, moved, strict=True)
        ]

    def taped(self, level: Any, leaves: list) -> list:
        raise NotImplementedError  # abstract

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        raise NotImplementedError  # abstract

    def vectorised(self, trace: BatchTrace, flags: list) -> Call:
        raise NotImplementedError  # abstract


def public_leaf(v: Any) -> Any:
    """A lower array as a tensor; anything else as it is."""
    return public(v) if hasattr(v, "shape") else v


def run_on_batches(trace: BatchTrace, function: Callable, flags: Sequence, *lists: Sequence) -> tuple[BatchTrace, Any]:
    """(trace, results of it) of a function of one example run on lists of lower values, batched where `flags` say."""
    inner = BatchTrace(trace.size, trace.randomness)
    given = [[inner.batched(below(x)) if b else x for x, b in zip(xs, flags, strict=True)] for xs in lists]
    around = running.stack
    running.stack = tuple(t for t in around if t is not trace)  # `inner` stands for it
    try:
        with inner:
            return inner, function(*given)
    finally:
        running.stack = around


def over_batch(trace: BatchTrace, function: Callable, flags: Sequence, *lists: Sequence) -> list:
    """`function` of one example run on whole batches: lists of lower values with the batch dimension in front."""
    inner, outs = run_on_batches(trace, function, flags, *lists)
    return [public(inner.whole(o)) if isinstance(o, Tensor) or hasattr(o, "shape") else o for o in outs]


class VJPCall(Call):
    """A call with `forward(leaves) -> (outs, residuals)` and `backward(residuals, cts, needs) -> cotangents`."""

    def __init__(
        self, name: str, run: Callable, forward: Callable, backward: Callable, busy: list | None = None
    ) -> None:
        super().__init__(name, run, busy)
        self.forward, self.backward = forward, backward

    def taped(self, level: Any, leaves: list) -> list:
        start = next_seq()
        self.busy.append(level)  # forward may call the function itself: that is not another application of the rule
        try:
            outs, residuals = self.forward(leaves)
        finally:
            self.busy.pop()
        check_closure(self.name, start, outs, leaves, level)
        below_traced = level is not None and any(
            isinstance(value_at(x, level), Tensor) and not _plain(value_at(x, level)) for x in leaves
        )
        lower = self.lower_outs(level, leaves) if below_traced else [value_at(o, level) for o in outs]
        position = {id(o): j for j, o in enumerate(outs) if isinstance(o, Tensor)}
        given = {id(x) for x in leaves}
        from_outs = {i: position[id(r)] for i, r in enumerate(residuals) if id(r) in position and id(r) not in given}
        slots = [i for i, r in enumerate(residuals) if isinstance(r, Tensor) and i not in from_outs]

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            plain = level is None and not any(isinstance(c, Tensor) for c in (*cts, *saved))
            full = list(residuals_static)
            for i, s in zip(slots, saved, strict=True):
                full[i] = public(s)
            for i, j in from_outs.items():
                full[i] = public(ans[j])
            zeros = [
                None if c is not None else wrap(np.zeros(s.shape, s.dtype)) for c, s in zip(cts, specs, strict=True)
            ]
            seeds = [public(c) if z is None else z for c, z in zip(cts, zeros, strict=True)]
            if not plain:
                found = self.backward(full, seeds, needs)
                return [None if c is None else below(c) for c in found]
            before = state.grad_enabled
            state.set_grad(False)
            try:
                found = self.backward(full, seeds, needs)
            finally:
                state.set_grad(before)
            return [None if c is None else value_at(c, None) for c in found]

        residuals_static = [None if isinstance(r, Tensor) else r for r in residuals]
        specs = [Spec(raw_shape(o), raw_dtype(o)) for o in lower]
        return attach(self.name, level, leaves, [residuals[i] for i in slots], lower, pull, set(from_outs.values()))

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        outs, residuals = self.forward(primals)
        lower = [below(o) for o in (self.apply(primals) if any(not _plain(p) for p in primals) else outs)]
        tape = Tape([zeros_like_raw(o) for o in lower])
        needs = tuple(t is not None for t in tangents)
        pulled = tape.record(self.backward, residuals, list(tape.inputs), needs)
        roots = []
        for c, t in zip(pulled, tangents, strict=True):
            node = None if c is None or t is None else tape.split(c)[1]
            if node is not None:
                roots.append((node, t))
        return lower, tape.pull(roots, retain=False)

    def vectorised(self, trace: BatchTrace, flags: list) -> Call:
        sizes: list[int] = []

        def forward(leaves: list) -> tuple[list, list]:
            def both(xs: list) -> list:
                outs, residuals = self.forward(xs)
                sizes[:] = [len(outs)]
                return [*outs, *residuals]

            found = over_batch(trace, both, flags, leaves)
            return found[: sizes[0]], found[sizes[0] :]

        def backward(residuals: list, cts: list, needs: tuple) -> list:
            inner = BatchTrace(trace.size, trace.randomness)
            lifted = [inner.batched(below(r)) if isinstance(r, Tensor) else r for r in residuals]
            with inner:
                found = self.backward(lifted, [inner.batched(below(c)) for c in cts], needs)
            return [None if c is None else _summed(inner, c, b) for c, b in zip(found, flags, strict=True)]

        run = lambda leaves: over_batch(trace, self.run, flags, leaves)  # noqa: E731
        return VJPCall(self.name, run, forward, backward, self.busy)


def _plain(x: Any) -> bool:
    """Neither traced nor recorded?"""
    return not isinstance(x, Tensor) or (type(x) is Tensor and x._node is None)


def _summed(trace: BatchTrace, c: Any, batched: bool) -> Any:
    """The cotangent of an argument; one that all examples share gets the sum over the examples."""
    from ..ops.reductions import sum_p

    whole = trace.whole(c)
    return public(whole if batched else sum_p(whole, axes=(0,), keepdims=False))


class JVPCall(Call):
    """A call with `rule(primals, tangents) -> (outs, tangents of outs)`."""

    def __init__(self, name: str, run: Callable, rule: Callable) -> None:
        super().__init__(name, run)
        self.rule = rule

    def taped(self, level: Any, leaves: list) -> list:
        lower = self.lower_outs(level, leaves)
        slots = [i for i, x in enumerate(leaves) if isinstance(x, Tensor)]
        live = [i for i in slots if is_inexact(raw_dtype(leaves[i]))]

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            plain = level is None and not any(isinstance(c, Tensor) for c in (*cts, *saved))
            primals = list(static)
            for i, s in zip(slots, saved, strict=True):
                primals[i] = public(s)
            before = state.grad_enabled
            if plain:
                state.set_grad(False)
            try:
                tape = Tape([zeros_like_raw(primals[i]) for i in live])
                tangents: list = [_zero_tangent(p) for p in primals]
                for i, t in zip(live, tape.inputs, strict=True):
                    tangents[i] = t
                moved = tape.record(self.rule, primals, tangents)[1]
                roots = []
                for m, c in zip(moved, cts, strict=True):
                    node = None if m is None or c is None else tape.split(m)[1]
                    if node is not None:
                        roots.append((node, c))
                found = tape.pull(roots, retain=False)
            finally:
                state.set_grad(before)
            results: list = [None] * len(leaves)
            for i, c in zip(live, found, strict=True):
                results[i] = c._data if plain and type(c) is Tensor else c
            return results

        static = [None if isinstance(x, Tensor) else x for x in leaves]
        return attach(self.name, level, leaves, [leaves[i] for i in slots], lower, pull)

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        given = [_zero_tangent(p) if t is None else public(t) for p, t in zip(primals, tangents, strict=True)]
        outs, moved = self.rule(primals, given)
        if any(not _plain(p) for p in primals):
            outs = self.apply(primals)
        return [below(o) for o in outs], [None if t is None else below(t) for t in moved]

    def vectorised(self, trace: BatchTrace, flags: list) -> Call:
        def rule(primals: list, tangents: list) -> tuple[list, list]:
            n = 0

            def both(xs: list, ts: list) -> list:
                nonlocal n
                outs, moved = self.rule(xs, ts)
                n = len(outs)
                full = [public(zeros_like_raw(o)) if t is None else t for o, t in zip(outs, moved, strict=True)]
                return [*outs, *full]

            found = over_batch(trace, both, flags, primals, tangents)
            return found[:n], found[n:]

        return JVPCall(self.name, lambda leaves: over_batch(trace, self.run, flags, leaves), rule)


def _zero_tangent(p: Any) -> Any:
    return public(zeros_like_raw(p)) if hasattr(p, "shape") else 0.0
