"""The reverse sweep: one iterative engine for eager backward(), autograd.grad, and the functional transformations.

Nodes are visited in falling creation number, so each exactly once, after all cotangents for it have arrived. Without
`create_graph` the rules run on what the nodes saved as it is (raw arrays); with it, on tensors, so that they record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ..core.dtypes import bfloat16_in_use, is_inexact
from ..core.eager import Packed
from ..core.errors import GraphError, NotDifferentiableError
from ..core.primitive import VALUE
from ..core.provenance import describe
from ..core.state import state
from ..core.tape import FREED, Accumulate, Link1, Link2, Node, Pair, Select, Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..core.writes import check_unwritten, log
from ..ops.broadcasting import unbroadcast

ndarray = np.ndarray


def sweep(
    roots: Sequence[tuple[Any, Any]],
    *,
    retain: bool = False,
    create: bool = False,
    wanted: dict[int, Any] | None = None,
    lift: Callable[[Any, Any], Any] = wrap,
) -> tuple[dict[int, Any], dict[Accumulate, Any], set[int]]:
    """Propagate cotangents from `roots`, pairs of (node, cotangent), to the leaves.

    With `wanted` (id of node -> node) only paths to those nodes are followed and their cotangents are captured.
    Returns (captured cotangents by id of node, cotangents of the leaves, seq of leaves whose array is ours alone).
    """
    useful = None if wanted is None else leading_to(roots, wanted)
    heap: list[tuple[int, Any]] = []
    pending: dict[int, Any] = {}
    leaves: dict[Accumulate, Any] = {}
    owned: set[int] = set()  # creation numbers whose pending cotangent is an array nobody else holds
    captured: dict[int, Any] = {}
    anomaly, profile = state.anomaly, state.profile

    for node, ct in roots:
        if useful is not None and id(node) not in useful:
            continue
        if type(node) is Accumulate:
            leaves[node] = leaves[node] + ct if node in leaves else ct
            continue
        seq = node.seq
        if seq in pending:
            pending[seq] = pending[seq] + ct
        else:
            pending[seq] = ct
            heappush(heap, (-seq, node))

    node = None  # the newest node with a pending cotangent `g` may be held here, outside of heap and pending
    simple = useful is None and not create and not anomaly and profile is None
    written = log.last
    while True:
        if node is None:
            if not heap:
                break
            seq, node = heappop(heap)
            g = pending.pop(-seq)
        kind = type(node)
        if simple and (kind is Link2 or kind is Link1) and node.meta is None:  # a link of a chain: one way on
            ans = node.ans
            if ans is FREED:
                _after_free(node)
                ans = None
            if node.seq < written:
                _check_all_unwritten(node, node.args or (), ans)
            if kind is Link1:
                x = node.x
                rule = node.prim.vjp[0]
                if rule is None:
                    raise _no_rule(node, 0)
                params = node.params
                c = rule(g, ans, x, **params) if params else rule(g, ans, x)
                if not retain:
                    node.ans = FREED
                    if type(x) is ndarray:
                        node.x = None
                if c is None:
                    node = None
                    continue
            else:
                c = node.prim.vjp[node.index](g, ans, node.x, node.y)
                if not retain:
                    node.x = node.y = None
                    node.ans = FREED
            edge = node.edge
            if type(edge) is Accumulate:
                _arrived(edge, c, c is not g, leaves, pending, heap, owned)
                node = None
            elif not heap or edge.seq > -heap[0][0]:  # nothing that waits is newer: go on there at once
                node, g = edge, c
            elif edge.seq in pending:
                _arrived(edge, c, c is not g, leaves, pending, heap, owned)
                node = None
            else:
                pending[edge.seq] = c
                heappush(heap, (-edge.seq, edge))
                node = None
            continue
        if simple and kind is Pair and node.meta is None:  # two ways on
            x, y, ans = node.x, node.y, node.ans
            if ans is FREED:
                _after_free(node)
                ans = None
            if node.seq < written:
                _check_all_unwritten(node, (x, y), ans)
            rules, shapes, first, second = node.prim.vjp, node.shapes, node.first, node.second
            if not retain:
                node.x = node.y = None
                node.ans = FREED
            a = b = node = None
            if first is not None:
                a = rules[0](g, ans, x, y)
                if a is None:
                    first = None
                elif shapes is not None and a.shape != shapes[0]:
                    a = unbroadcast(a, shapes[0])
            if second is not None:
                b = rules[1](g, ans, x, y)
                if b is not None and shapes is not None and b.shape != shapes[1]:
                    b = unbroadcast(b, shapes[1])
                if b is None:
                    second = None
                elif first is second:
                    a, second = a + b, None
                elif type(second) is Accumulate or second.seq in pending or (heap and second.seq < -heap[0][0]):
                    _arrived(second, b, b is not g, leaves, pending, heap, owned)
                else:
                    node = second
            if first is None:
                pass
            elif type(first) is Accumulate or first.seq in pending or (heap and first.seq < -heap[0][0]):
                _arrived(first, a, a is not g, leaves, pending, heap, owned)
            elif node is None:
                node, g = first, a
                continue
            elif first.seq > second.seq:
                _arrived(second, b, b is not g, leaves, pending, heap, owned)
                node, g = first, a
                continue
            else:
                _arrived(first, a, a is not g, leaves, pending, heap, owned)
            g = b
            continue
        seq = node.seq
        meta = node.meta
        if meta is not None:
            g = _visit(node, g, create, lift)
        if wanted is not None and id(node) in wanted:
            captured[id(node)] = g
            if not _continues(node, useful):
                node = None
                continue
        if type(node) is Select:
            parent = node.node
            slots = pending.get(parent.seq)
            if slots is None:
                slots = pending[parent.seq] = [None] * len(parent.ans)
                heappush(heap, (-parent.seq, parent))
            slots[node.index] = g if slots[node.index] is None else slots[node.index] + g
            node = None
            continue
        if meta is not None and meta.prehooks:
            g = run_prehooks(meta, g, create)
        prim, args, ans, params, edges, shapes = node.prim, node.args, node.ans, node.params, node.edges, node.shapes
        if args is None:
            args, ans = _after_free(node)
        if seq < written:
            _check_all_unwritten(node, args, ans)
        if profile is not None:
            profile.begin("backward", prim.name, node.code, node.lasti)
        if create or (meta is not None and meta.packed):
            args, ans = _lifted(node, args, ans, lift if create else None)
        if not retain:
            if kind is Node and type(ans) is not tuple:
                node.args = node.ans = None
            else:
                node.free()
        rules = prim.vjp
        results = None
        if prim.joint is not None or (meta is not None and meta.hooks):
            needs = tuple([e is not None and (useful is None or id(e) in useful) for e in edges])
            results = _all_results(node, g, ans, args, needs, params or {}, shapes, lift if create else wrap)
        this = node
        node = None
        i = -1
        for edge in edges:
            i += 1
            if edge is None or (useful is not None and id(edge) not in useful):
                continue
            if results is not None:
                c = results[i]
                if c is None:
                    continue
            else:
                rule = rules[i]
                if rule is None:
                    raise _no_rule(this, i)
                if params:
                    c = rule(g, ans, *args, **params)
                elif len(args) == 2:
                    c = rule(g, ans, args[0], args[1])
                else:
                    c = rule(g, ans, *args)
                if c is None:
                    continue
            if shapes is not None and c.shape != shapes[i]:
                c = unbroadcast(c, shapes[i])
            if anomaly:
                anomaly(this, g, c, i, args) if callable(anomaly) else _check_finite(this, g, c, i)
            if not heap and node is None and type(edge) is not Accumulate:
                node, held = edge, c
                continue
            if node is not None and node is not edge:  # something else is held: back to the general bookkeeping
                pending[node.seq] = held
                heappush(heap, (-node.seq, node))
                node = None
            if node is edge:
                held = held + c
                continue
            if type(edge) is Accumulate:
                if edge not in leaves:
                    leaves[edge] = c
                    if c is not g and type(c) is ndarray and c.base is None:
                        owned.add(edge.seq)
                    continue
            elif edge.seq not in pending:
                pending[edge.seq] = c
                heappush(heap, (-edge.seq, edge))
                continue
            _arrived(edge, c, c is not g, leaves, pending, heap, owned)
        if profile is not None:
            profile.end()
        if node is not None:
            g = held
    if bfloat16_in_use():
        for leaf, ct in leaves.items():
            like = getattr(leaf.owner(), "_data", None)
            if type(ct) is type(like) is ndarray and ct.dtype != like.dtype:
                leaves[leaf] = ct.astype(like.dtype)
    for leaf, ct in leaves.items():
        if leaf.meta is not None:
            leaves[leaf] = _visit(leaf, ct, create, lift)
            owned.discard(leaf.seq)  # a hook may have kept it, or returned an array that the user holds
        if wanted is not None and id(leaf) in wanted:
            captured[id(leaf)] = leaves[leaf]
    return captured, leaves, owned


def _arrived(
    edge: Any, c: Any, fresh: bool, leaves: dict, pending: dict[int, Any], heap: list, owned: set[int]
) -> None:
    """Add cotangent `c` to what is waiting at `edge`, in place where the sum is an array of the sweep's own."""
    s = edge.seq
    leaf = type(edge) is Accumulate
    prev = leaves.get(edge) if leaf else pending.get(s)
    if prev is None:
        if leaf:
            leaves[edge] = c
            if fresh and type(c) is ndarray and c.base is None:
                owned.add(s)
        else:
            pending[s] = c
            heappush(heap, (-s, edge))
    elif s in owned and type(c) is ndarray and prev.shape:
        prev += c
    else:
        total = prev + c
        if leaf:
            leaves[edge] = total
        else:
            pending[s] = total
        if type(total) is ndarray:
            owned.add(s)


def _check_all_unwritten(node: Any, args: tuple, ans: Any) -> None:
    for saved in args:
        check_unwritten(node, saved)
    for saved in ans if isinstance(ans, tuple) else (ans,):
        check_unwritten(node, saved)


def _continues(node: Any, useful: set[int] | None) -> bool:
    """Does a path to another wanted node go on from here?"""
    if useful is None or type(node) is Accumulate:
        return False
    edges = (node.node,) if type(node) is Select else node.edges
    return any(e is not None and id(e) in useful for e in edges)


def leading_to(roots: Sequence[tuple[Any, Any]], wanted: dict[int, Any]) -> set[int]:
    """Ids of the nodes from which a wanted node can be reached (iterative depth-first search)."""
    useful: set[int] = set(wanted)
    lowest = min((n.seq for n in wanted.values()), default=0)
    seen: set[int] = set()
    stack: list[tuple[Any, bool]] = [(node, False) for node, _ in roots]
    while stack:
        node, done = stack.pop()
        key = id(node)
        edges = (node.node,) if type(node) is Select else node.edges
        if done:
            if any(e is not None and id(e) in useful for e in edges):
                useful.add(key)
            continue
        if key in seen or (node.seq < lowest and type(node) is not Select):
            continue
        seen.add(key)
        stack.append((node, True))
        for e in edges:
            if e is not None and id(e) not in seen:
                stack.append((e, False))
    return useful


def _visit(node: Any, g: Any, create: bool, lift: Callable[[Any, Any], Any]) -> Any:
    """Run the hooks on the cotangent of a node's result; keep it if retain_grad() asked for it."""
    meta = node.meta
    for hook in list(meta.tensor_hooks.values()):
        new = _call_hook(hook, g, create)
        g = g if new is None else new
    if meta.retain is not None:
        kept = g if isinstance(g, Tensor) else wrap(g if type(g) is not ndarray else g.copy())
        before = meta.retain[0]
        meta.retain[0] = kept if before is None else before + kept
    return g


def run_prehooks(meta: Any, g: Any, create: bool) -> Any:
    """Let the hooks before a node's rules replace its cotangents: one, or a list of one for each of its results."""
    single = not isinstance(g, list)
    before = state.grad_enabled
    state.set_grad(create)
    try:
        for hook in list(meta.prehooks.values()):
            new = hook(tuple(_as_tensor(x) for x in ([g] if single else g)))
            if new is None:
                continue
            new = list(new) if isinstance(new, (tuple, list)) else [new]
            old = [g] if single else g
            g = [o if n is None else _unwrap(n, o) for n, o in zip(new, old, strict=True)]
            g = g[0] if single else g
    finally:
        state.set_grad(before)
    return g


def run_posthooks(meta: Any, results: list, g: Any, create: bool) -> list:
    """Let the hooks after a node's rules replace the cotangents that go on from it."""
    outer = tuple(_as_tensor(x) for x in (g if isinstance(g, list) else [g]))
    before = state.grad_enabled
    state.set_grad(create)
    try:
        for hook in list(meta.hooks.values()):
            new = hook(tuple(_as_tensor(x) for x in results), outer)
            if new is not None:
                new = new if isinstance(new, (tuple, list)) else (new,)
                results = [old if n is None else _unwrap(n, old) for n, old in zip(new, results, strict=True)]
    finally:
        state.set_grad(before)
    return results


def _unwrap(new: Any, like: Any) -> Any:
    """A hook's result in the form (raw or tensor) of the cotangent it replaces."""
    if isinstance(new, Tensor) and not isinstance(like, Tensor):
        return new._data
    return new


def _call_hook(hook: Callable, g: Any, create: bool) -> Any:
    before = state.grad_enabled
    state.set_grad(create)
    try:
        new = hook(g if isinstance(g, Tensor) else wrap(g))
    finally:
        state.set_grad(before)
    if new is None or isinstance(new, tuple):
        return new
    if not isinstance(new, Tensor):
        raise TypeError(f"a gradient hook must return a Tensor or None, not {type(new).__name__}")
    if raw_shape(new) != raw_shape(g):
        raise GraphError(
            f"hook has changed the size of value: the gradient has shape {raw_shape(g)}, the hook "
            f"returned {raw_shape(new)}"
        )
    return _unwrap(new, g)


def _all_results(
    node: Node, g: Any, ans: Any, args: tuple, needs: tuple, params: dict, shapes: Any, lift: Callable
) -> list:
    """Cotangents for all needed arguments at once: joint rules, and nodes with hooks."""
    prim = node.prim
    if prim.joint is not None:
        results = list(prim.joint(g, ans, args, needs, **params))
    else:
        results = []
        for i, need in enumerate(needs):
            if not need:
                results.append(None)
                continue
            if prim.vjp[i] is None:
                raise _no_rule(node, i)
            c = prim.vjp[i](g, ans, *args, **params)
            results.append(unbroadcast(c, shapes[i]) if shapes is not None and c is not None else c)
    if node.meta is not None and node.meta.hooks:
        create = any(isinstance(x, Tensor) for x in (g if isinstance(g, list) else [g]))
        given = getattr(prim, "given", None)  # of a user's Function: its hooks see what belongs to tensors
        places = range(len(results)) if given is None else [i for i, at in enumerate(given) if at is not None]
        new = run_posthooks(node.meta, [results[i] for i in places], g, create)
        for i, c in zip(places, new, strict=True):
            results[i] = c[...] if type(c) is ndarray else c  # a hook may have kept it: not the sweep's own
    return results


def call_node(node: Any, *cotangents: Any) -> Any:
    """The cotangents of a node's arguments for those of its results: what the sweep does there. (`y.grad_fn(g)`.)"""
    n = len(node.ans) if isinstance(node.ans, tuple) else 1
    if len(cotangents) != n:
        raise TypeError(f"{node.name()} expected {n} arguments, got {len(cotangents)} instead")
    args, ans = (node.args, node.ans) if node.args is not None else _after_free(node)
    create = state.grad_enabled
    args, ans = _lifted(node, args, ans, wrap if create else None)
    cts = [c if create or not isinstance(c, Tensor) else c._data for c in cotangents]
    needs = tuple([e is not None for e in node.edges])
    g = cts if isinstance(node.ans, tuple) else cts[0]
    results = _all_results(node, g, ans, args, needs, node.params or {}, node.shapes, wrap)
    given = getattr(node.prim, "given", None)
    results = results if given is None else [c for c, at in zip(results, given, strict=False) if at is not None]
    found = tuple([_as_tensor(c) for c in results])
    return found[0] if len(found) == 1 else found


def _as_tensor(x: Any) -> Any:
    return x if x is None or isinstance(x, Tensor) else wrap(x)


def _lifted(node: Node, args: tuple, ans: Any, lift: Callable | None) -> tuple[tuple, Any]:
    """Saved values unpacked from user hooks and, for create_graph, as tensors that lead on into the graph."""

    def value(a: Any, edge: Any) -> Any:
        if type(a) is Packed:
            a = a.get()
        if lift is None or a is None or type(a) is Spec or isinstance(a, (bool, int, float, complex)):
            return a
        return lift(a, edge if is_inexact(raw_dtype(a)) else None)  # integer results have no place in the graph

    new_args = tuple(value(a, e) for a, e in zip(args, node.edges, strict=True))
    if isinstance(ans, tuple):
        return new_args, tuple(value(a, Select(node, i)) for i, a in enumerate(ans))
    return new_args, value(ans, node)


def _after_free(node: Node) -> tuple[tuple, Any]:
    """Saved values of a node that an earlier backward freed: fine if it had none, else the error that says so."""
    kinds, keep_ans = node.prim.reads(len(node.edges), tuple(e is not None for e in node.edges))
    if keep_ans or (VALUE in kinds if isinstance(node, Link1) else any(kinds)):
        raise freed(node)
    args = (node.x,) if isinstance(node, Link1) else (None,) * len(node.edges)
    return args, node.ans if isinstance(node.ans, tuple) else None


def freed(node: Any) -> GraphError:
    """The error for asking a node for what it saved, after a backward that freed it."""
    return GraphError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
        f"been freed): {node.prim.name}, recorded at {describe(node.code, node.lasti)}, freed what it had saved when "
        "backward() went through it. Specify retain_graph=True in the first backward() or grad(), or run the forward "
        "computation again."
    )


def _no_rule(node: Node, i: int) -> NotDifferentiableError:
    return NotDifferentiableError(
        f"the derivative for '{node.prim.name}' with respect to argument {i} is not implemented, because it does not "
        f"exist or is zero almost everywhere; recorded at {describe(node.code, node.lasti)}. Write x.detach() where "
        f"the value should be a constant."
    )


def _check_finite(node: Node, g: Any, c: Any, i: int) -> None:
    """detect_anomaly: the first rule that makes a NaN stops the sweep and names the forward line."""
    raw = c
    while isinstance(raw, Tensor):
        raw = raw._data
    if isinstance(raw, (ndarray, np.generic)) and raw.dtype.kind in "fc" and np.isnan(raw).any():
        raise GraphError(
            f"Function '{node.name()}' returned nan values in its {i}th output. The forward operation was "
            f"{node.prim.name} at {describe(node.code, node.lasti)}."
        )
