"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from ..core.value import Tensor
from .optimizer import Optimizer, check


class SGD(Optimizer):
    """p <- p - lr v, with v = momentum v + (1 - dampening) g and, for nesterov, g + momentum v in place of v.

    >>> import chainrule as cr
    >>> w = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).sum().backward(); optimizer.step(); w
    tensor([0.8000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("momentum value", momentum, momentum >= 0)
        check("weight_decay value", weight_decay, weight_decay >= 0)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov)
        defaults |= dict(maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(params, defaults)

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        if momentum:
            buffer: Tensor | None = state.get("momentum_buffer")
            if buffer is None:
                state["momentum_buffer"] = buffer = g.clone()  # type: ignore[attr-defined]
            else:
                buffer.mul_(momentum)  # type: ignore[attr-defined]
                buffer.add_(g if group["dampening"] == 0 else g * (1 - group["dampening"]))  # type: ignore[attr-defined]
            g = g + buffer * momentum if group["nesterov"] else buffer
        p.sub_(g * group["lr"])
