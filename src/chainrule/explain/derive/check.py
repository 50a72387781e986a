"""Every step and the result of a derivation compared with the engine's numbers, at several sizes and points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import ChainruleError, GraphError
from ...core.value import Tensor, wrap
from ...tensor.autograd import grad
from ...tensor.creation import tensor
from .evaluate import evaluate, size_of
from .expr import Expr


@dataclass(frozen=True)
class Argument:
    """One input of the function: its name, array shape with names for sizes, assumption, and what is known of it."""

    name: str
    shape: tuple[int | str, ...]
    kind: str = ""
    example: Any = None  # the user's array, or the closed-over tensor
    outside: bool = False  # a tensor that the function reads without being passed it


@dataclass(frozen=True)
class Check:
    """What was compared: the number of points and steps, and the largest relative difference from the engine."""

    points: int
    steps: int
    difference: float

    def __str__(self) -> str:
        return f"checked against the engine at {self.points} points: difference {self.difference:.1e}"


def draw(argument: Argument, sizes: dict[str, int], rng: np.random.Generator, way: int) -> np.ndarray:
    """A sample: normal, positive, or (square matrices) positive definite, one way after the other."""
    shape = tuple(size_of(n, sizes) for n in argument.shape)
    if argument.kind == "probability":
        x = rng.uniform(0.2, 1.0, shape)
        return x / x.sum(axis=-1, keepdims=True)
    if argument.kind == "positive":
        return rng.uniform(0.3, 2.0, shape)
    square = len(shape) == 2 and shape[0] == shape[1]
    if square and (way == 2 or argument.kind == "symmetric"):
        x = rng.normal(size=shape)
        return x @ x.T / shape[0] + np.eye(shape[0])
    if way == 0:
        return np.asarray(rng.normal(size=shape))
    return np.asarray(rng.uniform(0.3, 0.9, shape) + (1.5 * np.eye(shape[0]) if square else 0.0))


def matrix(x: Any) -> np.ndarray:
    """An array as the matrix it is read as."""
    x = np.asarray(x, float)
    return x.reshape((*x.shape, 1, 1)[:2])


def compare(
    f: Callable,
    arguments: list[Argument],
    wrt: str,
    key: str,
    value: Expr,
    pushed: list[tuple[str, Expr]],
    differentials: list[Expr],
    gradient: Expr | None,
) -> Check:
    """Raise GraphError unless the value, every step's differential and the gradient are what the engine computes."""
    rng = np.random.default_rng(0)
    named = sorted({n.partition("-")[0] for a in arguments for n in a.shape if isinstance(n, str)})
    worst, points = 0.0, 0
    for trial in range(12):
        sizes = {n: 2 + (i + trial) % (len(named) + 2) for i, n in enumerate(named)}
        try:
            found = _one(f, arguments, wrt, key, value, pushed, differentials, gradient, sizes, rng, trial % 3)
        except np.linalg.LinAlgError:  # a matrix of this sample has no inverse to compare
            found = None
        if found is None:
            continue
        worst, points = max(worst, found), points + 1
        if not worst < 1e-6:
            raise GraphError(
                f"explain.derive(): the derivation by {wrt} differs from the engine's gradient by {worst:.1e} "
                f"(relative), so it is not shown; if f uses sizes or values of its arguments as Python numbers, give "
                f"example arrays instead of shapes"
            )
        if points == 3:
            break
    if not points:
        raise GraphError(
            "explain.derive(): f is not finite at any sample drawn, so that the derivation cannot be checked; give "
            "example arrays at which it is: derive(f, a, X)"
        )
    return Check(points, len(differentials), worst)


def _one(
    f: Callable, arguments: list[Argument], wrt: str, key: str, value: Expr, pushed: list[tuple[str, Expr]],
    differentials: list[Expr], gradient: Expr | None, sizes: dict[str, int], rng: np.random.Generator, way: int,
) -> float | None:  # fmt: skip
    values: dict[Any, np.ndarray] = {}
    given: list[Any] = []
    target: Any = None
    for a in arguments:
        if a.example is not None:
            x = a.example if isinstance(a.example, Tensor) else np.asarray(a.example)
        else:
            x = draw(a, sizes, rng, way)
        data = np.asarray(x._data if isinstance(x, Tensor) else x)
        if not a.outside:
            x = tensor(np.array(data, np.float64) if data.dtype.kind == "f" else data)
            given.append(x)
        values[(a.name, a.kind)] = matrix(data)
        if a.name == wrt:
            target = x
    with np.errstate(all="ignore"):
        try:
            target.requires_grad_(True)
            out = f(*given)
            out = out if isinstance(out, Tensor) else wrap(np.asarray(out, float))
            u = np.ones(out.shape) if not out.shape else rng.normal(size=out.shape)
            total = (out * wrap(u)).sum()
            engine = wrap(np.zeros(target.shape))  # f may not depend on it at all
            if total.requires_grad:
                (engine,) = grad(total, target, allow_unused=True, materialize_grads=True)
        except (ChainruleError, np.linalg.LinAlgError):
            return None
        direction = rng.normal(size=target.shape)
        values[key] = matrix(direction)
        for name, moved in pushed:
            values[name] = evaluate(moved, values, sizes)
        value_seen = evaluate(value, values, sizes)
        want, slope = out.detach().numpy(), float((engine.detach().numpy() * direction).sum())
        if not (np.isfinite(want).all() and np.isfinite(slope)):
            return None
        worst = _difference(value_seen, matrix(want))
        for d in differentials:
            seen = float((evaluate(d, values, sizes) * matrix(u)).sum())
            worst = max(worst, _difference(np.array(seen), np.array(slope)))
        if gradient is not None:
            worst = max(worst, _difference(evaluate(gradient, values, sizes), matrix(engine.detach().numpy())))
    return worst


def _difference(seen: np.ndarray, want: np.ndarray) -> float:
    """Largest difference, relative to the size of what is wanted; infinite where it is not a number."""
    if seen.shape != want.shape:
        return float("inf")
    if not want.size:
        return 0.0
    d = float(np.abs(seen - want).max() / (1.0 + np.abs(want).max()))
    return d if d == d else float("inf")
