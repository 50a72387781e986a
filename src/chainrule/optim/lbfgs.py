"""L-BFGS with an optional strong Wolfe line search (Nocedal and Wright 2006, chapters 3 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.value import Tensor, raw_shape, wrap
from ..tensor.modes import enable_grad, no_grad
from .optimizer import Optimizer, check

Array = np.ndarray


def cubic_minimum(
    x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None
) -> float:
    """The minimiser, within bounds, of the cubic through two points with values f and slopes g."""
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if x1 <= x2:
        found = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        found = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(found, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Array]],
    t: float,
    d: Array,
    f: float,
    g: Array,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    most: int = 25,
) -> tuple[float, Array, float, int]:
    """A step t along d with f(t) <= f + c1 t slope and |slope(t)| <= -c2 slope: (f(t), gradient, t, evaluations)."""
    d_norm = float(np.abs(d).max())
    f_new, g_new = evaluate(t)
    count, slope_new = 1, float(g_new @ d)
    t_prev, f_prev, g_prev, slope_prev = 0.0, f, g, slope
    done, step = False, 0
    bracket: list[float] = []
    while step < most:
        if f_new > f + c1 * t * slope or (step > 1 and f_new >= f_prev):
            bracket, values, grads, slopes = [t_prev, t], [f_prev, f_new], [g_prev, g_new], [slope_prev, slope_new]
            break
        if abs(slope_new) <= -c2 * slope:
            bracket, values, grads, slopes, done = [t], [f_new], [g_new], [slope_new], True
            break
        if slope_new >= 0:
            bracket, values, grads, slopes = [t_prev, t], [f_prev, f_new], [g_prev, g_new], [slope_prev, slope_new]
            break
        low, high = t + 0.01 * (t - t_prev), t * 10
        before = t
        t = cubic_minimum(t_prev, f_prev, slope_prev, t, f_new, slope_new, (low, high))
        t_prev, f_prev, g_prev, slope_prev = before, f_new, g_new, slope_new
        f_new, g_new = evaluate(t)
        count += 1
        slope_new = float(g_new @ d)
        step += 1
    if step == most:
        bracket, values, grads, slopes = [0.0, t], [f, f_new], [g, g_new], [slope, slope_new]
    stalled = False
    low, high = (0, 1) if values[0] <= values[-1] else (1, 0)
    while not done and step < most:
        if abs(bracket[1] - bracket[0]) * d_norm < tolerance:
            break
        t = cubic_minimum(bracket[0], values[0], slopes[0], bracket[1], values[1], slopes[1])
        margin = 0.1 * (max(bracket) - min(bracket))
        if min(max(bracket) - t, t - min(bracket)) < margin:
            if stalled or t >= max(bracket) or t <= min(bracket):
                nearer_top = abs(t - max(bracket)) < abs(t - min(bracket))
                t = max(bracket) - margin if nearer_top else min(bracket) + margin
                stalled = False
            else:
                stalled = True
        else:
            stalled = False
        f_new, g_new = evaluate(t)
        count += 1
        slope_new = float(g_new @ d)
        step += 1
        if f_new > f + c1 * t * slope or f_new >= values[low]:
            bracket[high], values[high], grads[high], slopes[high] = t, f_new, g_new, slope_new
            low, high = (0, 1) if values[0] <= values[1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (bracket[high] - bracket[low]) >= 0:
                bracket[high], values[high], grads[high], slopes[high] = (
                    bracket[low],
                    values[low],
                    grads[low],
                    slopes[low],
                )
            bracket[low], values[low], grads[low], slopes[low] = t, f_new, g_new, slope_new
    best = low if len(bracket) > 1 else 0
    return values[best], grads[best], bracket[best], count


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last `history_size` changes of gradient; step(closure) makes up to max_iter.

    Parameters of any shape and one dtype, floating or complex (as pairs of reals). Nocedal and Wright 2006, chapter 7.

    >>> import chainrule as cr
    >>> p = cr.tensor([3.0], requires_grad=True)
    >>> optimizer = cr.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    ...
    >>> _ = optimizer.step(closure)
    >>> p.detach()
    tensor([1.])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        defaults = dict(lr=lr, max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval)
        defaults |= dict(tolerance_grad=tolerance_grad, tolerance_change=tolerance_change, history_size=history_size)
        super().__init__(params, defaults | dict(line_search_fn=line_search_fn))
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def state_dict(self) -> dict[str, Any]:
        """As Optimizer.state_dict; directions and gradients are tensors there, as in PyTorch."""
        found = super().state_dict()
        return found | {"state": _converted(found["state"], lambda x: wrap(x) if isinstance(x, Array) else x)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As Optimizer.load_state_dict, also of a state_dict of PyTorch's."""
        super().load_state_dict(state_dict)
        for p, held in self.state.items():
            self.state[p] = _converted(held, _plain)

    def _gradient(self) -> Array:
        parts = [
            _reals(np.zeros(raw_shape(p), p._data.dtype) if p.grad is None else p.grad._data) for p in self._params
        ]
        return np.concatenate(parts)

    def _move(self, t: float, d: Array) -> None:
        start = 0
        with no_grad():
            for p in self._params:
                paired = p._data.dtype.kind == "c"
                n = p._data.size * (2 if paired else 1)
                move = t * d[start : start + n]
                p.add_(wrap((move.view(np.result_type(move, np.complex64)) if paired else move).reshape(p._data.shape)))
                start += n

    def step(self, closure: Callable | None = None) -> Any:
        """Minimise the closure's loss; returns the loss at the start."""
        if closure is None:
            raise TypeError("LBFGS.step() needs a closure that clears the gradients, computes the loss, and returns it")

        def compute() -> Any:
            with enable_grad():
                return closure()

        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = compute()
        loss = float(first)
        evals = 1
        state["func_evals"] += 1
        g = self._gradient()
        if np.abs(g).max() <= group["tolerance_grad"]:
            return first
        d, t = state.get("d"), state.get("t")
        old_dirs, old_stps, ro = state.get("old_dirs"), state.get("old_stps"), state.get("ro")
        scale, before, loss_before = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")
        n = 0
        while n < group["max_iter"]:
            n += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, old_dirs, old_stps, ro, scale = -g, [], [], [], 1.0
            else:
                y, s = g - before, d * t
                ys = float(y @ s)
                if ys > 1e-10:
                    if len(old_dirs) == group["history_size"]:
                        for held in (old_dirs, old_stps, ro):
                            held.pop(0)
                    old_dirs.append(y)
                    old_stps.append(s)
                    ro.append(1.0 / ys)
                    scale = ys / float(y @ y)
                d = _two_loops(g, old_dirs, old_stps, ro, scale)
            before, loss_before = g.copy(), loss
            t = group["lr"] / max(1.0, float(np.abs(g).sum())) if state["n_iter"] == 1 else group["lr"]
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [p._data.copy() for p in self._params]

                def evaluate(step: float, start: list = start, d: Array = d) -> tuple[float, Array]:
                    self._move(step, d)
                    value = float(compute())
                    found = self._gradient()
                    with no_grad():
                        for p, x in zip(self._params, start, strict=True):
                            p.copy_(wrap(x))
                    return value, found

                loss, g, t, used = strong_wolfe(evaluate, t, d, loss, g, slope, most=group["max_eval"] - evals)
                self._move(t, d)
                flat = np.abs(g).max() <= group["tolerance_grad"]
            else:
                self._move(t, d)
                flat = False
                if n != group["max_iter"]:
                    loss = float(compute())
                    g = self._gradient()
                    flat = np.abs(g).max() <= group["tolerance_grad"]
                    used = 1
            evals += used
            state["func_evals"] += used
            if n == group["max_iter"] or evals >= group["max_eval"] or flat:
                break
            if np.abs(d * t).max() <= group["tolerance_change"]:
                break
            if abs(loss - loss_before) < group["tolerance_change"]:
                break
        state.update(d=d, t=t, old_dirs=old_dirs, old_stps=old_stps, ro=ro, H_diag=scale)
        state.update(prev_flat_grad=before, prev_loss=loss_before)
        return first


def _converted(x: Any, change: Callable) -> Any:
    """`change` applied to all leaves of nested dicts and lists."""
    if isinstance(x, dict):
        return {k: _converted(v, change) for k, v in x.items()}
    return [_converted(v, change) for v in x] if isinstance(x, list) else change(x)


def _plain(x: Any) -> Any:
    """A tensor as an array, one number as a float."""
    if not isinstance(x, Tensor):
        return x
    return np.array(x._data) if raw_shape(x) else float(x._data)


def _reals(x: Array) -> Array:
    """All entries in one row; a complex one as its two parts."""
    row = x.reshape(-1)
    return row.view(row.real.dtype) if row.dtype.kind == "c" else row


def _two_loops(g: Array, ys: list[Array], ss: list[Array], ro: list[float], scale: float) -> Array:
    """-H g, with H the inverse Hessian estimate of the stored pairs (two-loop recursion)."""
    q = -g
    weights = [0.0] * len(ys)
    for i in reversed(range(len(ys))):
        weights[i] = float(ss[i] @ q) * ro[i]
        q = q - weights[i] * ys[i]
    d = q * scale
    for i in range(len(ys)):
        d = d + ss[i] * (weights[i] - float(ys[i] @ d) * ro[i])
    return d
