"""Methods with a rate of its own for every entry: Adagrad, Adadelta, RMSprop, Rprop; and averaged SGD."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import raw_dtype, raw_shape, wrap
from .optimizer import Optimizer, check, counter, number, zeros_like


def _full_like(p: Any, value: complex) -> Any:
    return wrap(np.full(raw_shape(p), value, raw_dtype(p)))


class Adagrad(Optimizer):
    """p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(sum of g^2) + eps) (Duchi et al. 2011).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Adagrad([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("lr_decay value", lr_decay, lr_decay >= 0)
        check("weight_decay value", weight_decay, weight_decay >= 0)
        check("initial_accumulator_value value", initial_accumulator_value, initial_accumulator_value >= 0)
        check("epsilon value", eps, eps >= 0)
        defaults = dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay, maximize=maximize)
        defaults |= dict(initial_accumulator_value=initial_accumulator_value, foreach=foreach)
        super().__init__(params, defaults | dict(differentiable=differentiable, fused=fused))
        for group in self.param_groups:
            first = group["initial_accumulator_value"]
            for p in group["params"]:
                both = complex(first, first) if raw_dtype(p).kind == "c" else first
                self.state[p].update(step=counter(), sum=_full_like(p, both))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        state["step"].add_(1)
        step = number(state["step"])
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        state["sum"].add_(g * g)
        rate = group["lr"] / (1 + (step - 1) * group["lr_decay"])
        p.sub_((g / (state["sum"].sqrt() + group["eps"])).mul_(rate))


class Adadelta(Optimizer):
    """Steps scaled by the ratio of running RMS of past steps and of gradients (Zeiler 2012).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Adadelta([p], lr=10.0)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9684])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("rho value", rho, 0 <= rho <= 1)
        check("epsilon value", eps, eps >= 0)
        check("weight_decay value", weight_decay, weight_decay >= 0)
        defaults = dict(lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable)
        super().__init__(params, defaults | dict(foreach=foreach, differentiable=differentiable))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=counter(), square_avg=zeros_like(p), acc_delta=zeros_like(p))
        state["step"].add_(1)
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        state["square_avg"].mul_(rho).add_(g * g * (1 - rho))
        delta = (state["acc_delta"] + eps).sqrt() / (state["square_avg"] + eps).sqrt() * g
        state["acc_delta"].mul_(rho).add_(delta * delta * (1 - rho))
        p.sub_(delta * group["lr"])


class RMSprop(Optimizer):
    """p <- p - lr g / (sqrt(running mean of g^2) + eps), optionally centred and with momentum (Hinton 2012).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.RMSprop([p], lr=0.01)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("epsilon value", eps, eps >= 0)
        check("momentum value", momentum, momentum >= 0)
        check("weight_decay value", weight_decay, weight_decay >= 0)
        check("alpha value", alpha, alpha >= 0)
        defaults = dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay)
        defaults |= dict(capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable)
        super().__init__(params, defaults)

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=counter(), square_avg=zeros_like(p))
            if group["momentum"] > 0:
                state["momentum_buffer"] = zeros_like(p)
            if group["centered"]:
                state["grad_avg"] = zeros_like(p)
        state["step"].add_(1)
        alpha = group["alpha"]
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        state["square_avg"].mul_(alpha).add_(g * g * (1 - alpha))
        mean_square = state["square_avg"]
        if group["centered"]:
            state["grad_avg"].mul_(alpha).add_(g * (1 - alpha))
            mean_square = mean_square - state["grad_avg"] * state["grad_avg"]
        move = g / (mean_square.sqrt() + group["eps"])
        if group["momentum"] > 0:
            move = state["momentum_buffer"].mul_(group["momentum"]).add_(move)
        p.sub_(move * group["lr"])


class Rprop(Optimizer):
    """Steps that grow while the gradient keeps its sign and shrink when it turns (Riedmiller and Braun 1993).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Rprop([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple = (0.5, 1.2),
        step_sizes: tuple = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("eta values", f"{etas[0]}, {etas[1]}", 0 < etas[0] < 1 < etas[1])
        defaults = dict(lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize)
        super().__init__(params, defaults | dict(differentiable=differentiable, capturable=capturable))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=counter(), prev=zeros_like(p), step_size=_full_like(p, group["lr"]))
        state["step"].add_(1)
        shrink, grow = group["etas"]
        turn = (g * state["prev"]).sign()
        factor = turn.clamp(min=0) * (grow - 1.0) - turn.clamp(max=0) * (shrink - 1.0) + 1.0
        state["step_size"].copy_((state["step_size"] * factor).clamp(*group["step_sizes"]))
        g = g * (turn >= 0)
        p.sub_(g.sign() * state["step_size"])
        state["prev"].copy_(g)


class ASGD(Optimizer):
    """SGD with an average `ax` of the parameters over time (Polyak and Juditsky 1992).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.ASGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check("learning rate", lr, lr >= 0)
        check("weight_decay value", weight_decay, weight_decay >= 0)
        defaults = dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach)
        super().__init__(
            params, defaults | dict(maximize=maximize, differentiable=differentiable, capturable=capturable)
        )

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        if not state:
            state.update(step=counter(), ax=zeros_like(p))
            state["eta"] = wrap(np.array(group["lr"], np.float64))
            state["mu"] = wrap(np.array(1.0, np.float64))
        state["step"].add_(1)
        step, eta, mu = number(state["step"]), number(state["eta"]), number(state["mu"])
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        p.mul_(1 - group["lambd"] * eta)
        p.sub_(g * eta)
        average = state["ax"]
        average.add_((p - average) * mu)
        state["eta"].fill_(group["lr"] / ((1 + group["lambd"] * group["lr"] * step) ** group["alpha"]))
        state["mu"].fill_(1 / max(1, step - group["t0"]))
