"""while_loop as a call with derivatives and batches of its own, each again such a call (see control_trees.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.pytree import TreeSpec, tree_flatten
from ..core.state import state
from ..core.tape import Spec
from .batch import BatchTrace
from .calls import attach
from .control_trees import (
    FormCall,
    added,
    alive,
    cut,
    donated,
    donor_of,
    filled,
    flags_of,
    handed,
    live,
    on_batches,
    paired,
    pulled,
    pushed,
    rebatched,
    rows,
    specs_of,
    whole_value,
)
from .forward import JVPTrace
from .level import public, zeros_like_raw

__all__ = ["LoopCall"]


class LoopCall(FormCall):
    """Passes to and fro over steps whose number `test` fixes at run time (graph/forms.py, run_while).

    Leaves are those of the tree (consts, [state of each pass]); results are those of the last state of each pass.
    `passes[p](consts, records, state)` gives (state, more), where `records` holds, for each earlier pass, the pair of
    the state that it had before this step and its `more`.

    A loop is a single pass. Its reverse mode derivative goes forth once more and then back, with the cotangents of the
    state and the sums for the constants as the state on the way back: two passes. In general a derivative appends one
    backward pass for each pass, the last one's first.
    """

    def __init__(self, test: Callable, passes: Sequence[Callable], spec: TreeSpec, random: bool) -> None:
        super().__init__("while_loop", self.emit)
        self.test, self.passes, self.spec, self.random = test, tuple(passes), spec, random

    def emit(self, leaves: list) -> list:
        """The equation."""
        stage = state.stage
        consts_spec, states_spec = self.spec.children
        n = consts_spec.num_leaves
        sizes = [c.num_leaves for c in states_spec.children]
        at, seen, record_specs = n, [], []
        graphs = {}
        for p, (function, size) in enumerate(zip(self.passes, sizes, strict=True)):
            state_spec = states_spec.children[p]
            own = specs_of(leaves[at : at + size])
            at += size
            if p == 0:

                def test(given: list, spec: Any = state_spec) -> list:
                    return [self.test(consts_spec.unflatten(given[:n]), spec.unflatten(given[n:]))]

                graphs["test"] = stage.subgraph(test, [*specs_of(leaves[:n]), *own])
            more_spec: list = []

            def body(given: list, function: Any = function, spec: Any = state_spec, told: list = more_spec) -> list:
                records, rest = [], given[n:]
                for before, more in record_specs:
                    a, b, rest = cut(rest, before.num_leaves, more.num_leaves)
                    records.append((before.unflatten(a), more.unflatten(b)))
                out, more = function(consts_spec.unflatten(given[:n]), records, spec.unflatten(rest))
                flat, found = tree_flatten(more)
                told[:] = [found]
                return [*tree_flatten(out)[0], *flat]

            graph = graphs[f"pass{p}"] = stage.subgraph(body, [*specs_of(leaves[:n]), *seen, *own])
            seen += [*own, *[Spec(o.shape, o.dtype) for o in graph.outputs[size:]]]
            record_specs.append((state_spec, more_spec[0]))
        return stage.control("while", leaves, graphs, n_consts=n, states=tuple(sizes))

    def again(self, test: Callable, passes: Sequence, consts: Any, states: list) -> list[list]:
        """Results of a derived loop, for each pass."""
        leaves, spec = tree_flatten((consts, states))
        found = LoopCall(test, passes, spec, False).apply(leaves)
        return cut(found, *[c.num_leaves for c in spec.children[1].children])[:-1]

    def taped(self, level: Any, leaves: list) -> list:
        self.differentiable()
        lower, m = self.lower_outs(level, leaves), len(self.passes)

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            values = [public(s) for s in saved]
            consts, states = self.spec.unflatten(values)
            n = self.spec.children[0].num_leaves
            moving = [i for i in live(values[:n]) if needs[i]]
            sums = [public(zeros_like_raw(values[i])) for i in moving]
            backward, starts, at = [], [], 0
            for p, s in enumerate(states):
                k = len(tree_flatten(s)[0])
                starts.append((filled(cts[at : at + k], lower[at : at + k]), sums))
                backward.append(self.backward(p, moving))
                at += k
            found = self.again(self.test, [*self.passes, *backward[::-1]], consts, [*states, *starts[::-1]])
            lams, totals = [], sums
            for p in range(m):
                k = len(starts[p][0])
                part = found[2 * m - 1 - p]
                lams += part[:k]
                totals = part[k:] if p == 0 else added(totals, part[k:])
            at_states = [n + i for i in live(values[n:])]
            places = dict(zip([*moving, *at_states], [*totals, *lams], strict=True))
            return handed(places, len(values), level, (*cts, *saved))

        return attach(self.name, level, leaves, leaves, lower, pull)

    def backward(self, p: int, moving: list[int]) -> Callable:
        """The pass that takes cotangents back through pass `p`, as one of a loop where it is number 2 m - 1 - p."""
        m = len(self.passes)

        def back(consts: Any, records: list, held: Any) -> tuple:
            lam, sums = held
            before = records[p][0]
            seen = records[:p]
            sizes = [len(alive(part)) for record in seen for part in record]
            n, total = len(tree_flatten(consts)[0]), 0
            # Later passes read this one's state and results at this step, and left their cotangents for them.
            extra_state, extra_more = None, None
            for q in range(p + 1, m):
                left = records[2 * m - 1 - q][1]
                a, b = left[2 * p], left[2 * p + 1]
                extra_state = a if extra_state is None else added(extra_state, a)
                extra_more = b if extra_more is None else added(extra_more, b)
            args = (consts, seen, before)
            leaves = tree_flatten(args)[0]
            at = [*moving, *[i for i in live(leaves) if i >= n]]
            extra_more = extra_more if extra_more is not None else [None] * len(alive(records[p][1]))
            found = pulled(self.passes[p], args, at, [*lam, *extra_more])
            dconsts, rest = cut(found, len(moving))
            total = sum(sizes)
            dseen, dstate = rest[:total], rest[total:]
            if extra_state is not None:
                dstate = added(dstate, extra_state)
            return (dstate, added(sums, dconsts)), cut(dseen, *sizes)[:-1]

        return back

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        self.differentiable()
        consts, states = self.spec.unflatten(primals)
        n = self.spec.children[0].num_leaves
        sizes = [c.num_leaves for c in self.spec.children[1].children]
        parts = [filled(t, p) for t, p in zip(cut(tangents, n, *sizes), cut(primals, n, *sizes), strict=True)]

        def forth(function: Callable) -> Callable:
            def run(pair: Any, records: list, held: Any) -> tuple:
                (c, dc), (s, ds) = pair, held
                seen = [(before[0], more[0]) for before, more in records]
                moves = [t for before, more in records for t in (*before[1], *more[1])]
                (out, more), moved = pushed(function, (c, seen, s), [*dc, *moves, *ds])
                k = len(alive(out))
                return (out, moved[:k]), (more, moved[k:])

            return run

        def test(pair: Any, state: Any) -> Any:
            return self.test(pair[0], state[0])

        starts = list(zip(states, parts[1:-1], strict=True))
        found = self.again(test, [forth(f) for f in self.passes], (consts, parts[0]), starts)
        outs, moved = [], []
        for part in found:
            a, b = paired(part)
            outs += a
            moved += b
        return outs, moved

    def over(self, trace: BatchTrace, leaves: list) -> list:
        n, spec = self.spec.children[0].num_leaves, self.spec
        flags = flags_of(trace, leaves)

        def mapped(function: Callable, told: list, want: Any, *trees: Any) -> tuple[Any, list]:
            """(result, its flags) of a function of one example on whole batches; `told`: which leaves are batched."""
            given, tree = tree_flatten(trees)
            out_spec: list = []

            def one(xs: list) -> list:
                outs, found = tree_flatten(function(*tree.unflatten(xs)))
                out_spec[:] = [found]
                return outs

            outs, found = on_batches(trace, one, told, given, want)
            return out_spec[0].unflatten(outs), found

        def lower() -> tuple:
            return spec.unflatten([whole_value(trace, x, b) for x, b in zip(leaves, flags, strict=True)])

        def masked() -> bool:
            """Do the examples differ in their number of steps?"""
            consts, states = lower()
            k = n + len(tree_flatten(states[0])[0])
            with state.stage.scratch():
                return mapped(self.test, flags[:k], None, consts, states[0])[1][0]

        def settle() -> tuple[bool, list]:
            """Make a state batched where a step makes it so; (mask needed?, for each pass flags of its results)."""
            at, records, told, wants = n, [], [], []
            for p, function in enumerate(self.passes):
                k = spec.children[1].children[p].num_leaves
                while True:
                    if p == 0 and masked():
                        flags[n:] = [True] * (len(flags) - n)
                    consts, states = lower()
                    with state.stage.scratch():
                        given = [*flags[:n], *told, *flags[at : at + k]]
                        (_, more), found = mapped(function, given, None, consts, records, states[p])
                    now = [a or b for a, b in zip(flags[at : at + k], found, strict=False)]
                    if now == flags[at : at + k]:
                        break
                    flags[at : at + k] = now
                wants.append([*now, *found[k:]])
                records.append((states[p], more))
                told += wants[-1]
                at += k
            return all(flags[n:]) and masked(), wants

        mask, wants = settle()
        held = [w[: c.num_leaves] for w, c in zip(wants, spec.children[1].children, strict=True)]

        def going(consts: Any, first: Any) -> Any:
            return mapped(self.test, [*flags[:n], *held[0]], None, consts, first)[0]

        def whole(p: int, function: Callable) -> Callable:
            told = [*flags[:n], *[f for w in wants[:p] for f in w], *held[p]]

            def run(consts: Any, records: list, state: Any) -> tuple:
                if not mask:
                    return mapped(function, told, wants[p], consts, records, state)[0]
                active = going(consts, records[0][0] if records else state)
                donor = donor_of(active)
                given, tree = tree_flatten((records, state))
                safe = [donated(active, donor, x) if b else x for x, b in zip(given, told[n:], strict=True)]
                (out, more), _ = mapped(function, told, wants[p], consts, *tree.unflatten(safe))
                new, out_spec = tree_flatten(out)
                kept = [rows(active, a, b) for a, b in zip(new, tree_flatten(state)[0], strict=True)]
                return out_spec.unflatten(kept), more

            return run

        def test(consts: Any, first: Any) -> Any:
            return going(consts, first).any() if mask else going(consts, first)

        passes = [whole(p, f) for p, f in enumerate(self.passes)]
        outs = LoopCall(test, passes, spec, self.random).apply(tree_flatten(lower())[0])
        return rebatched(trace, outs, flags[n:])
