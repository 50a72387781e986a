"""root, fixed_point and linear solves while a function is staged: the same searches, as loops of the graph.

A graph cannot raise, so a search that does not converge gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.value import raw_dtype, raw_shape
from .batch import BatchTrace
from .control import scan, while_loop
from .func import jvp
from .level import public

__all__ = ["iterate", "newton", "row_by_row", "solve_dense"]


def _flat(leaves: Sequence) -> Any:
    from ..ops.joining import cat

    return cat([public(x).reshape(-1) for x in leaves], 0)


def _norm(leaves: Sequence) -> Any:
    return _flat(leaves).abs().max()


def _large(leaves: Sequence) -> float:
    """A first step size that no tolerance accepts."""
    return float(np.finfo(raw_dtype(leaves[0])).max) / 4


def _checked(converged: Any, x: Sequence) -> list:
    from ..ops.comparison import where

    return [where(converged, v, float("nan")) for v in x]


def row_by_row(function: Callable, consts: Sequence, b: Sequence) -> list:
    """function(consts, b) for each example of a batch."""
    n = len(consts)
    return list(scan(lambda carry, xs: (carry, list(function(xs[:n], xs[n:]))), None, [*consts, *b])[1])


def solve_dense(matvec: Callable, b: Sequence) -> list:
    """x with matvec(x) = b, by the matrix."""
    from ..ops.joining import cat
    from ..ops.linalg_systems import solve

    shapes = [raw_shape(x) for x in b]
    sizes = [prod(s) for s in shapes]
    n = sum(sizes)
    trace, rows, at = BatchTrace(n), [], 0
    for x, shape, size in zip(b, shapes, sizes, strict=True):
        rows.append(trace.batched(np.eye(n, dtype=raw_dtype(x))[:, at : at + size].reshape(n, *shape)))
        at += size
    with trace:
        found = matvec(rows)
    matrix = cat([public(trace.whole(f)).reshape(n, -1) for f in found], 1).mT
    x = solve(matrix, _flat(b))
    parts, at = [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        parts.append(x[at : at + size].reshape(shape))
        at += size
    return parts


def iterate(residual: Callable, x: Sequence, limit: float, max_iter: int) -> list:
    """fixed_point's search: x - residual(x) again and again."""

    def accepted(size: Any, xs: Sequence) -> Any:
        return size <= limit * _norm(xs).clamp(min=1.0)

    def going(held: tuple) -> Any:
        xs, size, k = held
        return ~accepted(size, xs) & size.isfinite() & (k < max_iter)

    def step(held: tuple) -> tuple:
        xs, _, k = held
        r = residual(xs)
        return [a - b for a, b in zip(xs, r, strict=True)], _norm(r), k + 1

    xs, size, _ = while_loop(going, step, (list(x), _norm(x) * 0 + _large(x), 0))
    return _checked(accepted(size, xs) & size.isfinite(), xs)


def newton(residual: Callable, x: Sequence, limit: float, max_iter: int) -> list:
    """root's search: Newton's method, with steps halved until the residual falls."""
    from ..ops.comparison import where

    def tried(xs: Sequence, step: Sequence, length: Any) -> tuple:
        new = [a - s * length for a, s in zip(xs, step, strict=True)]
        return new, _norm(residual(new)), length

    def going(held: tuple) -> Any:
        _, size, moved, k = held
        return (size > limit) & moved & (k < max_iter)

    def step(held: tuple) -> tuple:
        xs, size, _, k = held
        direction = solve_dense(lambda v: jvp(residual, (list(xs),), (list(v),))[1], residual(xs))
        new, now, _ = while_loop(
            lambda t: ~(t[1] < size) & (t[2] >= 1e-8),
            lambda t: tried(xs, direction, t[2] / 2),
            tried(xs, direction, _norm(xs) * 0 + 1.0),
        )
        better = now < size
        return [where(better, a, b) for a, b in zip(new, xs, strict=True)], where(better, now, size), better, k + 1

    size = _norm(residual(list(x)))
    xs, size, _, _ = while_loop(going, step, (list(x), size, size.isfinite(), 0))
    return _checked(size <= limit * 100, xs)
