"""Control flow while a function is staged: one equation with sub-graphs, whose derivatives are such equations again.

What is known only when the graph runs (a predicate, a number of steps) cannot be asked for, so the functions given are
closure-converted and kept as functions of trees. A call with them is peeled one level at a time (calls.py): each level
derives from them the functions of another call, and beneath the lowest level they are staged as sub-graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.dtypes import is_inexact
from ..core.errors import GraphError
from ..core.pytree import tree_flatten
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .batch import Batched, BatchTrace
from .calls import Call, run_on_batches, top_trace, value_at
from .func import jvp, vjp
from .level import below, public, zeros_like_raw

__all__ = [
    "FormCall", "added", "alive", "cut", "donated", "donor_of", "filled", "flags_of", "handed", "live", "on_batches",
    "paired", "pulled", "pushed", "rebatched", "rows", "specs_of", "whole_value",
]  # fmt: skip


# ---- derivatives of functions of trees ------------------------------------------------------------------------------


def live(leaves: Sequence) -> list[int]:
    """Which leaves have derivatives: those of floating or complex dtype."""
    return [i for i, x in enumerate(leaves) if is_inexact(raw_dtype(x))]


def alive(tree: Any) -> list:
    """The leaves of a tree that have derivatives."""
    leaves = tree_flatten(tree)[0]
    return [leaves[i] for i in live(leaves)]


def _of_moving(function: Callable, args: tuple, at: Sequence[int]) -> tuple[Callable, list]:
    """`function` as a function of the leaves numbered `at` of its arguments, and those leaves."""
    leaves, spec = tree_flatten(args)

    def run(moving: Sequence) -> Any:
        full = list(leaves)
        for i, x in zip(at, moving, strict=True):
            full[i] = x
        return function(*spec.unflatten(full))

    return run, [leaves[i] for i in at]


def pushed(function: Callable, args: tuple, tangents: list) -> tuple[Any, list]:
    """(result, tangents of its live leaves) from the tangents of the live leaves of `args`."""
    run, moving = _of_moving(function, args, live(tree_flatten(args)[0]))
    out, moved = jvp(run, (moving,), (list(tangents),))
    flat = tree_flatten(out)[0]
    moved = tree_flatten(moved)[0]
    return out, [moved[i] for i in live(flat)]


def pulled(function: Callable, args: tuple, at: Sequence[int], cts: list) -> list:
    """Cotangents of the leaves numbered `at` of `args`, from those of the live leaves of the result (None: zero)."""
    run, moving = _of_moving(function, args, at)
    wanted = [i for i, c in enumerate(cts) if c is not None]
    if not moving or not wanted:
        return [public(zeros_like_raw(x)) for x in moving]

    def outs(moving: list) -> list:
        found = alive(run(moving))
        return [found[i] for i in wanted]

    return list(vjp(outs, moving)[1]([cts[i] for i in wanted])[0])


def specs_of(leaves: Sequence) -> list[Spec]:
    """Shapes and dtypes."""
    return [Spec(raw_shape(x), raw_dtype(x)) for x in leaves]


def cut(items: Sequence, *sizes: int) -> list[list]:
    """`items` in parts of these sizes, and the rest."""
    parts, at = [], 0
    for n in sizes:
        parts.append(list(items[at : at + n]))
        at += n
    return [*parts, list(items[at:])]


def added(a: Sequence, b: Sequence) -> list:
    return [x + y for x, y in zip(a, b, strict=True)]


def filled(cts: Sequence, like: Sequence) -> list:
    """Cotangents of the live ones among `like`, zeros for None."""
    return [public(zeros_like_raw(like[i]) if cts[i] is None else cts[i]) for i in live(like)]


def handed(found: dict[int, Any], n: int, level: Any, others: Sequence) -> list:
    """Cotangents by place as the sweep of `level` wants them: raw where the eager sweep runs on raw values."""
    plain = level is None and not any(isinstance(o, Tensor) for o in others)
    return [None if i not in found else value_at(found[i], None) if plain else below(found[i]) for i in range(n)]


class FormCall(Call):
    """What the calls share: `self.run` adds the equation; batches go by `over`."""

    random = False  # do the functions draw random numbers?

    def apply(self, leaves: list) -> list:
        top = top_trace(leaves)
        if isinstance(top, BatchTrace):
            return self.over(top, leaves)
        return super().apply(leaves)

    def over(self, trace: BatchTrace, leaves: list) -> list:
        raise NotImplementedError  # abstract

    def differentiable(self) -> None:
        """Refuse random numbers: computing a step again for its derivative would draw others."""
        if self.random:
            raise GraphError(
                f"{self.name}: a staged {self.name} that draws random numbers has no derivative, since its steps are "
                f"computed again for it. Draw the numbers before, and pass them as operands or xs."
            )


def flags_of(trace: BatchTrace, leaves: Sequence) -> list[bool]:
    return [type(x) is Batched and x._trace is trace for x in leaves]


def whole_value(trace: BatchTrace, x: Any, batched: bool) -> Any:
    """The value of a leaf below `trace`; with the batch dimension in front if `batched`."""
    return public(trace.whole(x)) if batched else x


def on_batches(trace: BatchTrace, function: Callable, flags: Sequence, leaves: Sequence, want: Any = None) -> tuple:
    """(results, which are batched) of a function of one example on whole batches; `want` flags those that must be."""
    inner, outs = run_on_batches(trace, function, flags, leaves)
    found = [type(o) is Batched and o._trace is inner for o in outs]
    if want is not None:
        found = [a or b for a, b in zip(found, want, strict=True)]
    return [public(inner.whole(o)) if b else o for o, b in zip(outs, found, strict=True)], found


def rows(mask: Any, a: Any, b: Any) -> Any:
    """a where the mask of the examples holds, else b, for whole batches."""
    from ..ops.comparison import where

    return where(mask.reshape((-1,) + (1,) * (len(raw_shape(a)) - 1)), a, b)


def donor_of(mask: Any) -> Any:
    """The number of the first example inside the mask."""
    from ..ops.extrema import argmax
    from ..ops.shape import cast_p

    return argmax(cast_p(mask, dtype=raw_dtype(0)), 0)


def donated(mask: Any, donor: Any, x: Any) -> Any:
    """A whole batch where examples outside of the mask are replaced by the donor."""
    return rows(mask, x, x[donor].expand(raw_shape(x)))


def rebatched(trace: BatchTrace, outs: Sequence, flags: Sequence) -> list:
    return [trace.batched(below(o)) if b else o for o, b in zip(outs, flags, strict=True)]


def paired(found: Sequence) -> tuple[list, list]:
    """(lower outs, lower tangents or None) from outs followed by the tangents of the live ones."""
    n = next(k for k in range(len(found) + 1) if k + len(live(found[:k])) == len(found))
    outs = [below(o) for o in found[:n]]
    moved: list = [None] * n
    for i, t in zip(live(outs), found[n:], strict=True):
        moved[i] = below(t)
    return outs, moved
