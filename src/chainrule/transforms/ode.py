"""odeint: solutions of ordinary differential equations, differentiable through the steps or by the adjoint equation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from ..core.pytree import tree_flatten
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .arguments import as_tensors
from .batch import pile
from .calls import VJPCall
from .closure import convert
from .func import vjp
from .implicit_calls import concrete
from .level import public, zeros_like_raw

__all__ = ["odeint"]

# Dormand and Prince's pair of orders 5 and 4 (J. Comput. Appl. Math. 6, 1980).
_C = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_A = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_B = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0)
_E = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def _sum(y: Any, h: Any, weights: Sequence[float], ks: Sequence) -> Any:
    """y + h times the weighted sum of the slopes."""
    total = None
    for w, k in zip(weights, ks, strict=False):
        if w:
            term = k * w
            total = term if total is None else total + term
    return y if total is None else y + total * h


def _step(f: Callable, t: Any, h: Any, y: list, first: list) -> tuple[list, list, list]:
    """(y after the step, slope there, slopes of the stages)."""
    ks = [first]
    for c, row in zip(_C[1:], _A[1:], strict=True):
        ys = [_sum(v, h, row, [k[i] for k in ks]) for i, v in enumerate(y)]
        ks.append(f(t + h * c, ys))
    return ys, ks[-1], ks  # the last stage is at the new point (first same as last)


def _error(ks: list, h: float, y: list, new: list, rtol: float, atol: float) -> float:
    """The estimated error against the tolerance: at most 1 is accepted. Looks at values only."""
    total, count = 0.0, 0
    for i, (a, b) in enumerate(zip(y, new, strict=True)):
        e = 0.0
        for w, k in zip(_E, ks, strict=True):
            if w:
                e = e + w * np.asarray(concrete(k[i]))
        scale = atol + rtol * np.maximum(np.abs(concrete(a)), np.abs(concrete(b)))
        q = np.asarray(h * e / scale)
        total += float(np.sum(np.abs(q) ** 2))
        count += q.size
    return (total / max(count, 1)) ** 0.5


def _first_step(f0: list, y: list, rtol: float, atol: float) -> float:
    d0 = max(float(np.max(np.abs(concrete(v)) / (atol + rtol * np.abs(concrete(v))), initial=0.0)) for v in y)
    d1 = max(
        float(np.max(np.abs(concrete(k)) / (atol + rtol * np.abs(concrete(v))), initial=0.0))
        for k, v in zip(f0, y, strict=True)
    )
    return 1e-6 if d0 < 1e-5 or d1 < 1e-5 else 0.01 * d0 / d1


def _solve(f: Callable, y: list, times: list, rtol: float, atol: float, max_steps: int) -> list[list]:
    """Values at each time; `times` may be tensors, and their derivatives enter through the steps that end there."""
    out = [y]
    t: Any = times[0]
    slope = f(t, y)
    span = abs(float(concrete(times[-1])) - float(concrete(times[0])))
    size = min(_first_step(slope, y, rtol, atol), span) or span
    steps = 0
    for end in times[1:]:
        goal = float(concrete(end))
        sign = 1.0 if goal >= float(concrete(t)) else -1.0
        while True:
            now = float(concrete(t))
            left = abs(goal - now)
            if left == 0.0:
                break
            last = size >= left * (1 - 1e-12)
            if not last and size <= 1e-14 * max(abs(now), 1e-300):
                raise GraphError(
                    f"odeint: the step size fell to {size:.3g} at t = {now:.6g}; the equation is too stiff here"
                )
            h = (end - t) if last else sign * size
            new, later, ks = _step(f, t, h, y, slope)
            error = _error(ks, float(concrete(h)), y, new, rtol, atol)
            steps += 1
            if steps > max_steps:
                raise GraphError(f"odeint: more than {max_steps} steps; loosen rtol and atol or raise max_steps")
            factor = 5.0 if error == 0 else min(5.0, max(0.2, 0.9 * error**-0.2)) if np.isfinite(error) else 0.1
            if not error <= 1.0:
                size = abs(float(concrete(h))) * min(factor, 0.9)
                continue
            y, slope = new, later
            if last:
                t = end
                size = max(size, left * factor)
                break
            # Where a step ends inside the interval is a choice of the integrator, not a function of the data.
            t = t + h if isinstance(t, Tensor) else now + h
            size = min(size * factor, span)
        out.append(y)
    return out


def odeint(
    func: Callable,
    y0: Any,
    t: Any,
    *args: Any,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    method: str = "dopri5",
    adjoint: bool = False,
    max_steps: int = 100_000,
) -> Any:
    """Solve dy/dt = func(t, y, *args) from y(t[0]) = y0; the values at all times in `t`, stacked along dimension 0.

    Args:
        func: takes a scalar tensor t, a tree y and `args`, and returns a tree like y.
        t: increasing or decreasing times, a tensor or a sequence; derivatives by the times are right too.
        rtol, atol: tolerances of the adaptive Runge-Kutta method (Dormand and Prince, order 5).
        adjoint: differentiate in reverse mode by integrating the adjoint equation backwards, with memory that does not
            grow with the number of steps, instead of through the steps.

    Raises:
        GraphError: too many steps, or a step size of zero (a stiff equation).

    >>> import chainrule as cr
    >>> cr.func.odeint(lambda t, y: -y, cr.tensor(1.0), [0.0, 1.0], rtol=1e-5, atol=1e-6)
    tensor([1.0000, 0.3679])
    """
    if method != "dopri5":
        raise ArgumentError(f"odeint: method must be 'dopri5', got {method!r}")
    leaves, spec = tree_flatten(as_tensors(y0))
    leaves = [x if isinstance(x, Tensor) else wrap(np.asarray(x, float)) for x in leaves]
    times = _times(t)
    if len(times) < 1:
        raise ArgumentError("odeint: t needs at least one time")
    steps = np.diff([float(np.max(concrete(s))) for s in times])
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise ArgumentError("odeint: the times must be strictly increasing or decreasing")
    dtype = raw_dtype(leaves[0])

    def slope(t: Any, y: list, given: tuple) -> list:
        t = t if isinstance(t, Tensor) else wrap(np.asarray(t, dtype))
        found = spec.flatten_up_to(as_tensors(func(t, spec.unflatten(y), *given)), "odeint: func's result")
        for k, v, path in zip(found, y, spec.paths("func's result"), strict=True):
            if raw_shape(k) != raw_shape(v):
                raise ShapeError(
                    f"odeint: {path} is the slope of a value of shape {raw_shape(v)}, but has shape {raw_shape(k)}; "
                    f"return one slope per element, for example with .expand(...) or .reshape(...)"
                )
        return found

    if adjoint:
        rows = _by_adjoint(slope, leaves, times, as_tensors(args), rtol, atol, max_steps)
    else:
        given = as_tensors(args)
        found = _solve(lambda t, y: slope(t, y, given), leaves, times, rtol, atol, max_steps)
        rows = [public(pile([public(v) for v in column])) for column in zip(*found, strict=True)]
    return spec.unflatten(rows)


def _times(t: Any) -> list:
    t = as_tensors(t)
    if isinstance(t, Tensor):
        return [t[i] for i in range(raw_shape(t)[0])] if _linked(t) else list(map(float, concrete(t)))
    if not isinstance(t, (list, tuple)):
        raise ArgumentTypeError(f"odeint: t must be a tensor or a sequence of times, got {type(t).__name__}")
    return [s if isinstance(s, Tensor) and _linked(s) else float(concrete(s)) for s in t]


def _linked(t: Tensor) -> bool:
    return t._node is not None or type(t) is not Tensor


def _by_adjoint(slope: Callable, y0: list, times: list, args: tuple, rtol: float, atol: float, max_steps: int) -> list:
    """The solution as one operation whose pullback integrates da/dt = -a^T df/dy backwards."""
    given, arg_spec = tree_flatten(args)
    moving = [i for i, x in enumerate(given) if isinstance(x, Tensor)]
    n = len(y0)
    dtype = raw_dtype(y0[0])

    def with_args(theta: Sequence) -> tuple:
        full = list(given)
        for i, v in zip(moving, theta, strict=True):
            full[i] = v
        return arg_spec.unflatten(full)

    zero = wrap(np.asarray(float(concrete(times[0])), dtype))
    pure = convert(lambda t, y, theta: slope(t, y, with_args(theta)), zero, y0, [given[i] for i in moving])
    consts = pure.consts
    at = [s if isinstance(s, Tensor) else wrap(np.asarray(s, dtype)) for s in times]
    m = len(at)

    def f(t: Any, y: Sequence, theta: Sequence) -> list:
        t = t if isinstance(t, Tensor) else wrap(np.asarray(t, dtype))
        return pure.call(theta[: len(consts)], [t, *y, *theta[len(consts) :]])

    def run(leaves: list) -> list:
        y, ts, theta = leaves[:n], leaves[n : n + m], leaves[n + m :]
        found = _solve(lambda t, v: f(t, v, theta), y, list(ts), rtol, atol, max_steps)
        return [public(pile([public(v) for v in column])) for column in zip(*found, strict=True)]

    def forward(leaves: list) -> tuple[list, list]:
        outs = run(leaves)
        return outs, [*outs, *leaves[n:]]

    def backward(residuals: list, cts: list, needs: tuple) -> list:
        ys, ts, theta = residuals[:n], residuals[n : n + m], residuals[n + m :]
        k = len(theta)

        def augmented(t: Any, state: list) -> list:
            y, a = state[:n], state[n : 2 * n]
            t = t if isinstance(t, Tensor) else wrap(np.asarray(t, dtype))
            out, pullback = vjp(lambda v, p: f(t, v, p), list(y), list(theta))
            dy, dp = pullback([-c for c in a])
            return [*out, *dy, *dp]

        a = [c[m - 1] for c in cts]
        grads = [public(zeros_like_raw(p)) for p in theta]
        dts: list[Any] = [None] * m
        for i in range(m - 1, 0, -1):
            y = [v[i] for v in ys]
            dts[i] = _inner(f(ts[i], y, theta), [c[i] for c in cts])
            state = [*y, *a, *grads]
            state = _solve(augmented, state, [ts[i], ts[i - 1]], rtol, atol, max_steps)[-1]
            a = [v + c[i - 1] for v, c in zip(state[n : 2 * n], cts, strict=True)]
            grads = list(state[2 * n : 2 * n + k])
        start = [v[0] for v in ys]
        before = [v - c[0] for v, c in zip(a, cts, strict=True)]
        dts[0] = -_inner(f(ts[0], start, theta), before)
        return [*a, *dts, *grads]

    call = VJPCall("odeint", run, forward, backward)
    return call.apply([*y0, *at, *consts, *[given[i] for i in moving]])


def _inner(xs: Sequence, ys: Sequence) -> Any:
    total = None
    for x, y in zip(xs, ys, strict=True):
        term = (x * y).sum()
        total = term if total is None else total + term
    return total
