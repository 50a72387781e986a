"""cond, while_loop, fori_loop and scan while a function is staged: from what the user gave to one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, DTypeError, ShapeError
from ..core.pytree import TreeError, TreeSpec, tree_flatten
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .arguments import NUMBERS, as_tensors, lower_value, name_of
from .closure import Converted, convert
from .control_calls import CondCall, ScanCall
from .control_loops import LoopCall

__all__ = ["as_equations", "is_symbolic", "staged_cond", "staged_scan", "staged_while", "tensors_of"]


def as_equations() -> bool:
    """Is control flow to become equations now? (Some who stage want loops unrolled.)"""
    return state.stage is not None and not state.stage.unroll


def is_symbolic(x: Any) -> bool:
    """Is the value known only when the graph runs?"""
    while isinstance(x, Tensor):
        if state.stage is not None:
            state.stage.touch_bottom(x)
        x = x._data
    return hasattr(x, "concrete")


def _converted(function: Callable, *args: Any) -> Converted:
    """A function as a pure one; running it for that leaves no equations."""
    with state.stage.scratch():
        return convert(function, *args, whole=True)


def tensors_of(leaves: list) -> list:
    """Leaves as tensors, numbers too."""
    return [x if isinstance(x, Tensor) else wrap(lower_value(x)) for x in leaves]


def _tensors(tree: Any) -> tuple[list, TreeSpec]:
    leaves, spec = tree_flatten(as_tensors(tree))
    return tensors_of(leaves), spec


def predicate(pred: Any, what: str) -> Any:
    """A predicate as a bool tensor without dimensions."""
    if raw_shape(pred):
        raise ShapeError(
            f"{what}: the predicate must be a scalar, but has shape {raw_shape(pred)}. Write .any() or .all(), or "
            f"where(condition, a, b) for element-by-element choice."
        )
    if not isinstance(pred, Tensor):
        return wrap(np.asarray(bool(pred)))
    return pred if raw_dtype(pred).kind == "b" else pred != 0


# ---- cond -----------------------------------------------------------------------------------------------------------


def staged_cond(pred: Any, true_fn: Callable, false_fn: Callable, operands: tuple) -> Any:
    """`cond` where the predicate is known only when the graph runs: both branches become sub-graphs."""
    pred = predicate(pred, "cond")
    given, spec = tree_flatten(operands)
    moving = [i for i, x in enumerate(given) if isinstance(x, (Tensor, *NUMBERS))]

    def flat(function: Callable) -> Callable:
        def run(*xs: Any) -> Any:
            full = list(given)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            return function(*spec.unflatten(full))

        return run

    xs = [given[i] if isinstance(given[i], Tensor) else wrap(lower_value(given[i])) for i in moving]
    yes, no = _converted(flat(true_fn), *xs), _converted(flat(false_fn), *xs)
    dtypes = _agreed(yes, no, name_of(true_fn), name_of(false_fn))
    n, m = len(yes.consts), len(no.consts)

    def branch(pure: Converted, start: int, stop: int) -> Callable:
        def run(leaves: list) -> list:
            return _cast(pure.call(leaves[start:stop], leaves[n + m :]), dtypes)

        return run

    call = CondCall(branch(yes, 0, n), branch(no, n, n + m), yes.random or no.random)
    return yes.out_spec.unflatten(call.apply([pred, *yes.consts, *no.consts, *xs]))


def _agreed(yes: Converted, no: Converted, first: str, second: str) -> list:
    """The dtypes of the results, after a check that the branches agree; a Python number takes the other's dtype."""
    if yes.out_spec != no.out_spec:
        raise TreeError(
            f"cond: {first} and {second} must return the same structure, but return {yes.out_spec} and {no.out_spec}"
        )
    dtypes = []
    for a, b, path in zip(yes.specs, no.specs, yes.out_spec.paths("the result"), strict=True):
        dtype = b[1] if a[2] and not b[2] else a[1]
        if a[0] != b[0] or (a[1] != b[1] and not (a[2] or b[2])):
            raise ShapeError(
                f"cond: the branches must return the same shapes and dtypes, because which one runs is known only when "
                f"the staged graph runs; {path} is {a[1]}{list(a[0])} from {first}, but {b[1]}{list(b[0])} from "
                f"{second}. Convert one with .to(dtype), .expand(shape) or .reshape(shape)."
            )
        dtypes.append(lower_value(0.0).dtype if a[2] and b[2] and dtype.kind == "f" else dtype)
    return dtypes


def _cast(xs: list, dtypes: list) -> list:
    from ..ops.shape import cast_p

    return [x if raw_dtype(x) == d else cast_p(x, dtype=d) for x, d in zip(xs, dtypes, strict=True)]


# ---- while_loop and scan --------------------------------------------------------------------------------------------


def _carry(first: Any, converted: Callable[[list], Converted]) -> tuple[list, TreeSpec, Converted]:
    """(leaves of the first value, its structure, the converted body); a number takes the dtype the body gives it."""
    numbers = [isinstance(x, NUMBERS) for x in tree_flatten(as_tensors(first))[0]]
    leaves, spec = _tensors(first)
    pure = converted(leaves)
    wanted = [d if was else raw_dtype(x) for x, was, (_, d, _) in zip(leaves, numbers, pure.specs, strict=False)]
    if wanted != [raw_dtype(x) for x in leaves]:
        leaves = _cast(leaves, wanted)
        pure = converted(leaves)
    return leaves, spec, pure


def _checked(leaves: list, spec: TreeSpec, pure: Converted, what: str, whose: str) -> list:
    """The dtypes of the carried value, after a check that the body keeps structure, shapes and dtypes."""
    for x, (shape, dtype, number), path in zip(leaves, pure.specs, spec.paths(whose), strict=False):
        if raw_shape(x) != shape:
            raise ShapeError(f"{what}: {path} has shape {shape}, but the carried value has {raw_shape(x)}")
        if raw_dtype(x) != dtype and not number:
            raise DTypeError(
                f"{what}: {path} has dtype {dtype}, but the carried value has {raw_dtype(x)}; convert the first value "
                f"with .to(...)"
            )
    return [raw_dtype(x) for x in leaves]


def _carried(spec: TreeSpec, tree: Any, what: str, whose: str) -> list:
    try:
        return spec.flatten_up_to(as_tensors(tree), whose)
    except TreeError as error:
        raise TreeError(f"{what}: the structure of what is returned differs from the carried value: {error}") from None


def staged_while(cond_fun: Callable, body_fun: Callable, init_val: Any, what: str = "while_loop") -> Any:
    """`while_loop` whose number of steps is known only when the graph runs."""

    def body_at(leaves: list) -> Converted:
        return _converted(lambda *xs: _carried(spec, body_fun(spec.unflatten(xs)), what, "body_fun's result"), *leaves)

    spec = tree_flatten(as_tensors(init_val))[1]
    leaves, spec, body = _carry(init_val, body_at)
    dtypes = _checked(leaves, spec, body, what, "body_fun's result")
    test = _converted(lambda *xs: predicate(cond_fun(spec.unflatten(xs)), what), *leaves)

    def more(consts: tuple, values: list) -> Any:
        return test.call(consts[0], values)[0]

    def step(consts: tuple, records: list, values: list) -> tuple:
        return _cast(body.call(consts[1], values), dtypes), ()

    flat, tree = tree_flatten(((test.consts, body.consts), [leaves]))
    return spec.unflatten(LoopCall(more, [step], tree, test.random or body.random).apply(flat))


def staged_scan(f: Callable, init: Any, xs: Any, length: int, reverse: bool, what: str = "scan") -> tuple:
    """`scan` as one equation; `length` is known and at least 1."""
    items, x_spec = _tensors(xs)
    y_specs: list[TreeSpec] = []
    spec = tree_flatten(as_tensors(init))[1]

    def step(values: tuple, row: tuple) -> list:
        pair = f(spec.unflatten(values), x_spec.unflatten(row))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise ArgumentTypeError(f"{what}: f must return a pair (carry, y), not {type(pair).__name__}")
        ys, y_spec = tree_flatten(as_tensors(pair[1]))
        y_specs[:] = [y_spec]
        return [*_carried(spec, pair[0], what, "f's carry"), *ys]

    def body_at(leaves: list) -> Converted:
        with state.stage.scratch():
            return convert(step, tuple(leaves), tuple([x[0] for x in items]), whole=True)

    leaves, spec, pure = _carry(init, body_at)
    n = len(leaves)
    dtypes = _checked(leaves, spec, pure, what, "f's carry")
    dtypes += [lower_value(0.0).dtype if number and d.kind == "f" else d for _, d, number in pure.specs[n:]]

    def body(consts: list, values: list, row: list) -> tuple:
        out = _cast(pure.call(consts, [*values, *row]), dtypes)
        return out[:n], out[n:]

    flat, tree = tree_flatten((pure.consts, leaves, items))
    outs = ScanCall(body, tree, length, reverse, pure.random).apply(flat)
    return spec.unflatten(outs[:n]), y_specs[0].unflatten(outs[n:])
