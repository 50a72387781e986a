"""Control flow as functions: cond, while_loop, fori_loop, scan, map.

They run Python's own control flow on concrete predicates, so that every step is recorded where derivatives are asked
for, whatever the length. Where a predicate is batched (vmap), all examples run until the last is done and each keeps
the result of its own branch; examples that do not take part are computed on the operands of one that does, so that no
NaN or overflow of a branch not taken can reach a value or a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.pytree import TreeError, TreeSpec, tree_flatten, tree_map
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .arguments import NUMBERS, as_tensors, lower_value, name_of
from .batch import Batched, pile
from .control_staged import as_equations, is_symbolic, staged_cond, staged_scan, staged_while, tensors_of
from .level import public
from .remat import rematerialised

__all__ = ["cond", "fori_loop", "map", "scan", "while_loop"]


# ---- predicates -----------------------------------------------------------------------------------------------------


class Predicate:
    """The concrete truth of a predicate: one bool, or one for each example of the vmaps that it depends on."""

    __slots__ = ("raw", "traces", "value")

    def __init__(self, value: Any, what: str) -> None:
        raw, traces = _stripped(value)
        if not isinstance(raw, (np.ndarray, np.generic, bool, int, float)):
            if not hasattr(raw, "concrete"):
                kind = type(value).__name__
                raise ArgumentTypeError(f"{what}: the predicate must be a bool or a bool tensor, not {kind}")
            raw = raw.concrete(what)
        raw = np.asarray(raw)
        if raw.ndim != len(traces):
            raise ShapeError(
                f"{what}: the predicate must be a scalar, but has shape {raw.shape[len(traces) :]}. Write .any() or "
                f".all(), or where(condition, a, b) for element-by-element choice."
            )
        self.value, self.raw, self.traces = value, raw.astype(bool), traces

    @property
    def any(self) -> bool:
        return bool(self.raw.any())

    @property
    def all(self) -> bool:
        return bool(self.raw.all())

    def negated(self) -> Predicate:
        other = object.__new__(Predicate)
        other.value, other.raw, other.traces = self.value, ~self.raw, self.traces
        return other

    def safe(self, x: Any, negate: bool = False) -> Any:
        """`x`, with the examples for which the predicate is false replaced by one for which it is true."""
        if not isinstance(x, Tensor):
            return x
        raw, traces = _stripped(x)
        if not traces or not isinstance(raw, np.ndarray):
            return x
        lane = dict(zip(self.traces, np.unravel_index(int(np.argmax(self.raw)), self.raw.shape), strict=True))
        donor = wrap(np.asarray(raw[tuple(int(lane.get(t, 0)) for t in traces)]))
        return _where(self.value, donor, x) if negate else _where(self.value, x, donor)


def _stripped(value: Any) -> tuple[Any, list]:
    """(raw array, traces of its leading batch dimensions in order)."""
    traces = []
    while isinstance(value, Tensor):
        if isinstance(value, Batched):
            traces.append(value._trace)
        value = value._data
    return value, traces[::-1]


def _where(condition: Any, a: Any, b: Any) -> Any:
    from ..ops.comparison import where

    return where(condition, a, b)


def _select(p: Predicate, new: list, old: list) -> list:
    """`new` where the predicate holds, else `old`, leaf by leaf; a leaf that did not change stays itself."""
    out = []
    for n, o in zip(new, old, strict=True):
        same = n is o or (not isinstance(n, Tensor) and not isinstance(o, Tensor) and n == o)
        out.append(o if same else _where(p.value, public(n), public(o)))
    return out


def _like(spec: TreeSpec, leaves: list, tree: Any, what: str, whose: str) -> list:
    """Leaves of `tree`, checked to have the structure, shapes and dtypes of a carried value."""
    try:
        found = spec.flatten_up_to(as_tensors(tree), whose)
    except TreeError as error:
        raise TreeError(f"{what}: the structure of what is returned differs from the carried value: {error}") from None
    for new, old, path in zip(found, leaves, spec.paths(whose), strict=True):
        if not isinstance(new, (Tensor, *NUMBERS)):
            raise ArgumentTypeError(f"{what}: {path} must be a tensor or number, but is {type(new).__name__}")
        if raw_shape(new) != raw_shape(old):
            raise ShapeError(f"{what}: {path} has shape {raw_shape(new)}, but the carried value has {raw_shape(old)}")
        if isinstance(new, Tensor) and isinstance(old, Tensor) and raw_dtype(new) != raw_dtype(old):
            raise ArgumentTypeError(
                f"{what}: {path} has dtype {raw_dtype(new)}, but the carried value has {raw_dtype(old)}; "
                f"convert the first value with .to(...)"
            )
    return found


# ---- functions ------------------------------------------------------------------------------------------------------


def check_functions(what: str, **functions: Any) -> None:
    """Refuse what is not a function where one is expected."""
    for name, function in functions.items():
        if not callable(function):
            raise ArgumentTypeError(f"{what}: {name} must be a function, got {type(function).__name__}")


def cond(pred: Any, true_fn: Callable, false_fn: Callable, *args: Any, operands: Any = ()) -> Any:
    """true_fn(*operands) if pred else false_fn(*operands).

    Args:
        pred: a bool or scalar bool tensor; under vmap it may differ between examples.
        args, operands: what the branches are called with (either way of writing). Both must return the same structure.

    >>> import chainrule as cr
    >>> x = cr.tensor(-2.0)
    >>> cr.func.cond(x.sum() > 0, lambda x: x, lambda x: x * x, x)
    tensor(4.)
    """
    if not isinstance(operands, (tuple, list)):
        raise ArgumentTypeError(
            f"cond: operands must be a tuple, got {type(operands).__name__}; write operands=(x,), or the arguments "
            f"after the branches"
        )
    check_functions("cond", true_fn=true_fn, false_fn=false_fn)
    given = as_tensors((*args, *operands))
    if as_equations() and is_symbolic(pred):
        return staged_cond(pred, true_fn, false_fn, given)
    p = Predicate(pred, "cond")
    if not p.traces:
        return (true_fn if p.all else false_fn)(*given)
    if p.all:
        return true_fn(*given)
    if not p.any:
        return false_fn(*given)
    leaves, spec = tree_flatten(given)
    yes = true_fn(*spec.unflatten([p.safe(x) for x in leaves]))
    no = false_fn(*spec.unflatten([p.negated().safe(x, negate=True) for x in leaves]))
    flat, out_spec = tree_flatten(as_tensors(yes))
    try:
        other = out_spec.flatten_up_to(as_tensors(no), "result")
    except TreeError as error:
        names = f"{name_of(true_fn)} and {name_of(false_fn)}"
        raise TreeError(f"cond: {names} return different structures: {error}") from None
    for a, b, path in zip(flat, other, out_spec.paths("the result"), strict=True):
        if raw_shape(a) != raw_shape(b):
            raise ShapeError(
                f"cond: under vmap both branches must return the same shapes; {path} has shape {raw_shape(a)} from "
                f"{name_of(true_fn)}, but {raw_shape(b)} from {name_of(false_fn)}"
            )
    return out_spec.unflatten(_select(p, flat, other))


def while_loop(cond_fun: Callable, body_fun: Callable, init_val: Any, *, checkpoint: int | bool = False) -> Any:
    """Repeat val = body_fun(val) while cond_fun(val).

    `val` is any pytree; its structure, shapes and dtypes stay. The length may depend on data, in reverse mode too: each
    step is recorded, or with `checkpoint=k` only every k-th value is kept (True: each) and steps are computed again.

    >>> import chainrule as cr
    >>> cr.func.while_loop(lambda x: (x < 100).all(), lambda x: x * 3, cr.tensor(2.0))
    tensor(162.)
    """
    check_functions("while_loop", cond_fun=cond_fun, body_fun=body_fun)
    leaves, spec = tree_flatten(as_tensors(init_val))
    steps = 1 if checkpoint is True else int(checkpoint)
    if steps < 0:
        raise ArgumentError(f"while_loop: checkpoint must be False, True or a number of steps, got {checkpoint}")
    if as_equations():
        with state.stage.scratch():
            symbolic = is_symbolic(cond_fun(spec.unflatten(tensors_of(leaves))))
        if symbolic:
            return staged_while(cond_fun, body_fun, init_val)

    def advance(limit: int | None, *xs: Any) -> tuple[list, bool]:
        values, done = list(xs), 0
        while limit is None or done < limit:
            p = Predicate(cond_fun(spec.unflatten(values)), "while_loop")
            if not p.any:
                return values, True
            if p.all:
                values = _like(spec, values, body_fun(spec.unflatten(values)), "while_loop", "body_fun's result")
            else:
                safe = [p.safe(x) for x in values]
                new = _like(spec, values, body_fun(spec.unflatten(safe)), "while_loop", "body_fun's result")
                values = [
                    _where(p.value, public(n), public(v)) if n is not s else v
                    for n, s, v in zip(new, safe, values, strict=True)
                ]
            done += 1
        return values, False

    if not steps:
        return spec.unflatten(advance(None, *leaves)[0])
    finished = False
    while not finished:
        leaves, finished = rematerialised(advance, (steps, *leaves))
    return spec.unflatten(leaves)


def fori_loop(lower: Any, upper: Any, body_fun: Callable, init_val: Any, *, checkpoint: int | bool = False) -> Any:
    """Repeat val = body_fun(i, val) for i = lower .. upper - 1.

    The bounds are ints or scalar integer tensors (under vmap they may differ between examples; `i` is then a tensor).

    >>> import chainrule as cr
    >>> cr.func.fori_loop(0, 3, lambda i, x: x + i, cr.tensor(10.0))
    tensor(13.)
    """
    check_functions("fori_loop", body_fun=body_fun)
    for bound in (lower, upper):
        if is_inexact(raw_dtype(bound)):
            raise ArgumentTypeError(f"fori_loop: the bounds must be integers, got {bound} of dtype {raw_dtype(bound)}")
    (low, low_traces), (high, high_traces) = _stripped(lower), _stripped(upper)
    if low_traces or high_traces or is_symbolic(lower) or is_symbolic(upper):
        start = public(np.asarray(lower)) if not isinstance(lower, Tensor) else lower

        def more(pair: tuple) -> Any:
            return pair[0] < upper

        def body(pair: tuple) -> tuple:
            return pair[0] + 1, body_fun(pair[0], pair[1])

        return while_loop(more, body, (start, init_val), checkpoint=checkpoint)[1]
    first, last = int(low), int(high)
    if as_equations() and first < last:
        i = np.arange(first, last)
        return staged_scan(lambda v, i: (body_fun(i, v), None), init_val, i, i.size, False, "fori_loop")[0]
    leaves, spec = tree_flatten(as_tensors(init_val))

    def run(start: int, stop: int, *xs: Any) -> list:
        values = list(xs)
        for i in range(start, stop):
            values = _like(spec, values, body_fun(i, spec.unflatten(values)), "fori_loop", "body_fun's result")
        return values

    steps = 1 if checkpoint is True else int(checkpoint)
    if not steps:
        return spec.unflatten(run(first, last, *leaves))
    for start in range(first, last, steps):
        leaves = rematerialised(run, (start, min(start + steps, last), *leaves))
    return spec.unflatten(leaves)


def scan(
    f: Callable,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    *,
    checkpoint: int | bool = False,
) -> tuple:
    """(carry, stacked ys) from carry, y = f(carry, x) for each x along dimension 0 of `xs`.

    Args:
        init: first carry, any pytree; f keeps its structure, shapes and dtypes.
        xs: pytree of tensors with a common size in dimension 0, or None (then give `length`).
        reverse: go from the last x to the first; ys keep the order of xs.
        checkpoint: keep the carry of every k-th step only (True: of each) and compute the steps again in reverse mode.

    >>> import chainrule as cr
    >>> cr.func.scan(lambda c, x: (c + x, c), cr.tensor(0.0), cr.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 1., 3.]))
    """
    return _scan(f, init, xs, length, reverse, checkpoint, "scan")


def _scan(f: Callable, init: Any, xs: Any, length: Any, reverse: bool, checkpoint: Any, what: str) -> tuple:
    check_functions(what, f=f)
    items, x_spec = tree_flatten(as_tensors(xs))
    sizes = {raw_shape(x)[0] if raw_shape(x) else None for x in items}
    if None in sizes:
        raise ShapeError(f"{what}: every tensor in xs needs a dimension 0; use 0-d ones as outer variables instead")
    if length is not None:
        sizes.add(int(length))
    if len(sizes) != 1:
        raise ArgumentError(f"{what}: xs and length must agree on one number of steps, got {sorted(sizes) or 'none'}")
    n = sizes.pop()
    leaves, spec = tree_flatten(as_tensors(init))
    first: list[tuple[TreeSpec, list]] = []  # structure and shapes of y

    def step(i: int, values: list) -> tuple[list, list]:
        pair = f(spec.unflatten(values), x_spec.unflatten([x[i] for x in items_now]))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentTypeError(f"{what}: f must return a pair (carry, y), not {type(pair).__name__}")
        y, y_spec = tree_flatten(as_tensors(pair[1]))
        y = [_row(v, what) for v in y]
        shapes = [tuple(raw_shape(v)) for v in y]
        if first and first[0] != (y_spec, shapes):
            raise ShapeError(
                f"{what}: every step must return a y of the same structure and shapes, to be stacked; one gave shapes "
                f"{first[0][1]} in {first[0][0]}, a later one {shapes} in {y_spec}"
            )
        first[:] = [(y_spec, shapes)]
        return _like(spec, values, pair[0], what, "f's carry"), y

    def run(order: range, m: int, *given: Any) -> tuple[list, list]:
        nonlocal items_now
        values, items_now = list(given[:m]), list(given[m:])
        ys = []
        for i in order:
            values, y = step(i, values)
            ys.append(y)
        return values, ys

    items_now = items
    if n == 0:
        empty = [wrap(np.zeros(raw_shape(x)[1:], raw_dtype(x))) for x in items]
        example = f(init, x_spec.unflatten(empty))[1]
        return init, tree_map(lambda y: wrap(np.zeros((0, *raw_shape(y)), raw_dtype(y))), as_tensors(example))
    if as_equations():
        return staged_scan(f, init, xs, n, reverse, what)
    order = range(n - 1, -1, -1) if reverse else range(n)
    steps = 1 if checkpoint is True else int(checkpoint)
    if not steps:
        leaves, ys = run(order, len(leaves), *leaves, *items)
    else:
        ys = []
        for start in range(0, n, steps):
            leaves, more = rematerialised(run, (order[start : start + steps], len(leaves), *leaves, *items))
            ys.extend(more)
    if reverse:
        ys.reverse()
    stacked = [_stacked(list(column)) for column in zip(*ys, strict=True)]
    return spec.unflatten(leaves), first[0][0].unflatten(stacked)


def _row(y: Any, what: str) -> Any:
    if not isinstance(y, (Tensor, *NUMBERS)):
        raise ArgumentTypeError(f"{what}: the function must return tensors or numbers, got {type(y).__name__}")
    return y if isinstance(y, Tensor) else wrap(lower_value(y))


def _stacked(values: list) -> Tensor:
    return public(pile([public(v) for v in values]))


def map(f: Callable, xs: Any, *, batch_size: int | None = None) -> Any:
    """Stacked f(x) for each x along dimension 0 of `xs`, one after the other, or `batch_size` at a time by vmap.

    >>> import chainrule as cr
    >>> cr.func.map(lambda x: x * x, cr.tensor([1.0, 2.0, 3.0]))
    tensor([1., 4., 9.])
    """
    if batch_size is not None:
        from .vectorise import vmap

        return vmap(f, chunk_size=batch_size)(xs)
    check_functions("map", f=f)
    return _scan(lambda carry, x: (carry, f(x)), None, xs, None, False, False, "map")[1]
