"""Adafactor (Shazeer and Stern 2018) and Muon (Jordan et al. 2024)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import raw_shape, wrap
from .optimizer import Optimizer, check, counter, number, zeros_like


class Adafactor(Optimizer):
    """Second moments kept as row and column means; steps relative to the parameter's own size, and clipped.

    Parameters of any shape, floating. Shazeer and Stern 2018.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Adafactor([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> bool(p < 1)
    True
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        if not beta2_decay <= 0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        check("weight_decay value", weight_decay, weight_decay >= 0)
        if not d >= 1:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        defaults = dict(lr=lr, beta2_decay=beta2_decay, eps=eps, d=d, weight_decay=weight_decay)
        super().__init__(params, defaults | dict(foreach=foreach, maximize=maximize))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        shape = raw_shape(p)
        factored = len(shape) > 1
        if not state:
            state["step"] = counter()
            if factored:
                state["row_var"] = wrap(np.zeros((*shape[:-1], 1), p._data.dtype))
                state["col_var"] = wrap(np.zeros((*shape[:-2], 1, shape[-1]), p._data.dtype))
            else:
                state["variance"] = zeros_like(p)
        state["step"].add_(1)
        step = number(state["step"])
        eps1, eps2 = group["eps"]
        eps1 = float(np.finfo(p._data.dtype).eps) if eps1 is None else eps1
        keep = step ** group["beta2_decay"]
        rho = min(group["lr"], 1 / step**0.5)
        size = float((p.detach() * p.detach()).sum()) ** 0.5 / (p.numel() ** 0.5)
        alpha = max(eps2, size) * rho
        if group["weight_decay"]:
            p.mul_(1 - group["lr"] * group["weight_decay"])
        square = g * g
        if factored:
            row = square.mean(-1, keepdim=True)
            state["row_var"].copy_(state["row_var"] + (row - state["row_var"]) * keep)
            column = square.mean(-2, keepdim=True)
            state["col_var"].copy_(state["col_var"] + (column - state["col_var"]) * keep)
            mean = state["row_var"].mean(-2, keepdim=True).clamp(min=eps1)
            variance = state["row_var"] @ state["col_var"] / mean
        else:
            state["variance"].copy_(state["variance"] + (square - state["variance"]) * keep)
            variance = state["variance"].clone()
        update = variance.clamp(min=eps1 * eps1).rsqrt() * g
        norm = float((update * update).sum()) ** 0.5
        p.sub_(update * (alpha / max(1.0, norm / (update.numel() ** 0.5 * group["d"]))))


class Muon(Optimizer):
    """Momentum whose matrix is replaced by the nearest orthogonal one, through Newton-Schulz iterations; 2-D only.

    Parameters are matrices, floating. Jordan 2024.

    >>> import chainrule as cr
    >>> p = cr.eye(2).requires_grad_()
    >>> optimizer = cr.optim.Muon([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> bool(p[0, 0] < 1)
    True
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov, eps=eps)
        defaults |= dict(ns_coefficients=ns_coefficients, ns_steps=ns_steps, adjust_lr_fn=adjust_lr_fn)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if len(raw_shape(p)) != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        if not state:
            state["momentum_buffer"] = zeros_like(p)
        momentum, lr = group["momentum"], group["lr"]
        buffer = state["momentum_buffer"]
        buffer.copy_(buffer + (g - buffer) * (1 - momentum))
        update = g + (buffer - g) * momentum if group["nesterov"] else buffer
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = raw_shape(p)
        if group["adjust_lr_fn"] == "match_rms_adamw":
            rate = lr * 0.2 * max(rows, columns) ** 0.5
        else:
            rate = lr * max(1, rows / columns) ** 0.5
        p.mul_(1 - lr * group["weight_decay"])
        p.sub_(update * rate)


def orthogonalized(x: Any, coefficients: tuple, steps: int, eps: float) -> Any:
    """Approximately U V^T for x = U S V^T, by a quintic Newton-Schulz iteration (in x's own precision)."""
    a, b, c = coefficients
    tall = raw_shape(x)[0] > raw_shape(x)[1]
    y = x.mT if tall else x
    y = y / ((y * y).sum() ** 0.5).clamp(min=eps)
    for _ in range(steps):
        gram = y @ y.mT
        y = a * y + (b * gram + c * (gram @ gram)) @ y
    return y.mT if tall else y
