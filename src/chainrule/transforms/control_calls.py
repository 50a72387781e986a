"""cond and scan as calls with derivatives and batches of their own, each again such a call (see control_trees.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.pytree import TreeSpec, tree_flatten
from ..core.state import state
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .batch import BatchTrace, to_front
from .calls import attach, over_batch
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
from .level import below, public, zeros_like_raw

__all__ = ["CondCall", "ScanCall"]


# ---- cond -----------------------------------------------------------------------------------------------------------


class CondCall(FormCall):
    """One of two functions of a list of leaves; leaves of the call: [predicate, *leaves]."""

    def __init__(self, then: Callable, orelse: Callable, random: bool) -> None:
        super().__init__("cond", self.emit)
        self.then, self.orelse, self.random = then, orelse, random

    def emit(self, leaves: list) -> list:
        """The equation."""
        stage, specs = state.stage, specs_of(leaves[1:])
        graphs = {"then": stage.subgraph(self.then, specs), "orelse": stage.subgraph(self.orelse, specs)}
        return stage.control("cond", leaves, graphs)

    def taped(self, level: Any, leaves: list) -> list:
        self.differentiable()
        lower, n = self.lower_outs(level, leaves), len(leaves) - 1

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            values = [public(s) for s in saved]
            at = [i for i in live(values[1:]) if needs[i + 1]]

            def back(function: Callable) -> Callable:
                return lambda given: pulled(lambda *xs: function(list(xs)), tuple(given[:n]), at, given[n:])

            call = CondCall(back(self.then), back(self.orelse), False)
            found = call.apply([*values, *filled(cts, lower)])
            return handed({i + 1: c for i, c in zip(at, found, strict=True)}, n + 1, level, (*cts, *saved))

        return attach(self.name, level, leaves, leaves, lower, pull)

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        self.differentiable()
        n = len(primals) - 1
        given = filled(tangents[1:], primals[1:])

        def forth(function: Callable) -> Callable:
            def run(xs: list) -> list:
                out, moved = pushed(lambda *xs: function(list(xs)), tuple(xs[:n]), xs[n:])
                return [*out, *moved]

            return run

        found = CondCall(forth(self.then), forth(self.orelse), False).apply([*primals, *given])
        return paired(found)

    def over(self, trace: BatchTrace, leaves: list) -> list:
        flags = flags_of(trace, leaves)
        xs = [whole_value(trace, x, b) for x, b in zip(leaves, flags, strict=True)]
        mask, given, own = xs[0], xs[1:], flags[1:]
        if flags[0]:
            outs = []
            for function, m in ((self.then, mask), (self.orelse, ~mask)):
                donor = donor_of(m)
                safe = [donated(m, donor, x) if b else x for x, b in zip(given, own, strict=True)]
                outs.append(over_batch(trace, function, own, safe))
            return [trace.batched(below(rows(mask, a, b))) for a, b in zip(*outs, strict=True)]
        with state.stage.scratch():
            either = [on_batches(trace, f, own, given)[1] for f in (self.then, self.orelse)]
        want = [a or b for a, b in zip(*either, strict=True)]

        def whole(function: Callable) -> Callable:
            return lambda given: on_batches(trace, function, own, given, want)[0]

        outs = CondCall(whole(self.then), whole(self.orelse), self.random).apply(xs)
        return rebatched(trace, outs, want)


# ---- scan -----------------------------------------------------------------------------------------------------------


class ScanCall(FormCall):
    """carry, y = function(consts, carry, x) along dimension 0 of xs; leaves are those of the tree (consts, carry, xs).

    Results are the leaves of the last carry and of the stacked y.
    """

    def __init__(self, function: Callable, spec: TreeSpec, length: int, reverse: bool, random: bool) -> None:
        super().__init__("scan", self.emit)
        self.function, self.spec, self.length, self.reverse, self.random = function, spec, length, reverse, random
        self.sizes = [c.num_leaves for c in spec.children[:2]]

    def emit(self, leaves: list) -> list:
        """The equation."""
        stage = state.stage
        consts, carry, items = cut(leaves, *self.sizes)
        specs = specs_of([*consts, *carry]) + [Spec(raw_shape(x)[1:], raw_dtype(x)) for x in items]
        body = stage.subgraph(lambda given: tree_flatten(self.function(*self.spec.unflatten(given)))[0], specs)
        numbers = {"n_consts": len(consts), "n_carry": len(carry)}
        return stage.control("scan", leaves, {"body": body}, length=self.length, reverse=self.reverse, **numbers)

    def again(self, function: Callable, tree: tuple, reverse: bool) -> list:
        """Results of a derived scan."""
        leaves, spec = tree_flatten(tree)
        return ScanCall(function, spec, self.length, reverse, False).apply(leaves)

    def taped(self, level: Any, leaves: list) -> list:
        self.differentiable()
        n_carry = self.sizes[1]

        def tracked(consts: Any, carry: Any, x: Any) -> tuple:
            """A step that also gives the carry it started from."""
            out, y = self.function(consts, carry, x)
            return out, (y, tree_flatten(carry)[0])

        call = ScanCall(tracked, self.spec, self.length, self.reverse, False)
        lower = call.lower_outs(level, leaves)
        split = len(lower) - n_carry  # results of the user's, then the carries
        carry_spec = self.spec.children[1]

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            values = [public(s) for s in saved]
            consts, carry, xs = self.spec.unflatten(values)
            carries = [public(a) for a in ans[split:]]
            n_consts, n_xs = self.sizes[0], len(values) - sum(self.sizes)
            of_consts = [i for i in range(n_consts) if needs[i] and i in live(values)]
            of_carry = [n_consts + i for i in live(values[n_consts : n_consts + n_carry])]
            of_xs = [i for i in live(values) if i >= len(values) - n_xs and needs[i]]
            at = [*of_consts, *of_carry, *of_xs]
            ys = [cts[i] for i in live(lower) if n_carry <= i < split]
            met = [k for k, c in enumerate(ys) if c is not None]
            through = [cts[i] for i in live(lower) if i >= split]  # none before the second derivative
            through = [] if all(c is None for c in through) else filled(cts[split:], lower[split:])

            def back(consts: Any, held: Any, item: Any) -> tuple:
                (lam, gamma), (x, start, dys, dstart) = held, item
                full: list = [None] * len(ys)
                for k, c in zip(met, dys, strict=True):
                    full[k] = c
                found = pulled(self.function, (consts, carry_spec.unflatten(start), x), at, [*lam, *full])
                dconsts, dcarry, dxs = cut(found, len(of_consts), len(of_carry))
                return (added(dcarry, dstart) if dstart else dcarry, added(gamma, dconsts)), dxs

            first = (filled(cts[:n_carry], lower[:n_carry]), [public(zeros_like_raw(values[i])) for i in of_consts])
            items = (xs, carries, [public(ys[k]) for k in met], through)
            found = self.again(back, (consts, first, items), not self.reverse)
            lam, gamma, dxs = cut(found, len(of_carry), len(of_consts))
            places = dict(zip([*of_carry, *of_consts, *of_xs], [*lam, *gamma, *dxs], strict=True))
            return handed(places, len(values), level, (*cts, *saved))

        outs = attach(self.name, level, leaves, leaves, lower, pull, range(split, len(lower)))
        return outs[:split]

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        self.differentiable()
        trees = self.spec.unflatten(primals)
        parts = [filled(t, p) for t, p in zip(cut(tangents, *self.sizes), cut(primals, *self.sizes), strict=True)]

        def forth(*pairs: Any) -> tuple:
            (carry, y), moved = pushed(self.function, tuple(p for p, _ in pairs), [t for _, ts in pairs for t in ts])
            n = len(alive(carry))
            return (carry, moved[:n]), (y, moved[n:])

        found = self.again(forth, tuple(zip(trees, parts, strict=True)), self.reverse)
        n = self.sizes[1]
        m = n + len(live(found[:n]))
        (carry, moved), (ys, moved_ys) = paired(found[:m]), paired(found[m:])
        return [*carry, *ys], [*moved, *moved_ys]

    def over(self, trace: BatchTrace, leaves: list) -> list:
        flags, out_spec = flags_of(trace, leaves), None
        start, split = self.sizes[0], sum(self.sizes)

        def step(given: list) -> list:
            nonlocal out_spec
            outs, out_spec = tree_flatten(self.function(*self.spec.unflatten(given)))
            return outs

        while True:  # a carry is batched if a step makes it so
            xs = [whole_value(trace, x, b) for x, b in zip(leaves, flags, strict=True)]
            for i in range(split, len(xs)):
                xs[i] = public(to_front(below(xs[i]), 1)) if flags[i] else xs[i]
            with state.stage.scratch():
                found = on_batches(trace, step, flags, [*xs[:split], *[x[0] for x in xs[split:]]])[1]
            carried = [a or b for a, b in zip(flags[start:split], found, strict=False)]
            if carried == flags[start:split]:
                break
            flags[start:split] = carried
        want = [*carried, *found[len(carried) :]]

        def whole(*trees: Any) -> Any:
            outs, _ = on_batches(trace, step, flags, tree_flatten(trees)[0], want)
            return out_spec.unflatten(outs)  # type: ignore[union-attr]

        outs = ScanCall(whole, self.spec, self.length, self.reverse, self.random).apply(xs)
        for i in range(len(carried), len(outs)):
            outs[i] = public(to_front(below(outs[i]), 1)) if want[i] else outs[i]
        return rebatched(trace, outs, want)
