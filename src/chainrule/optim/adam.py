"""Adam and its kin: first and second moments of the gradient."""

from __future__ import annotations

from typing import Any

from .optimizer import Optimizer, check, counter, number, zeros_like


def _check_common(lr: Any, betas: tuple, eps: float, weight_decay: float) -> None:
    check("learning rate", lr, lr >= 0)
    check("epsilon value", eps, eps >= 0)
    check("beta parameter at index 0", betas[0], 0 <= betas[0] < 1)
    check("beta parameter at index 1", betas[1], 0 <= betas[1] < 1)
    check("weight_decay value", weight_decay, weight_decay >= 0)


class _Moments(Optimizer):
    """State and moments shared by the family."""

    def _begin(self, p: Any, g: Any, state: dict, group: dict[str, Any], second: str = "exp_avg_sq") -> Any:
        """Step number, after making state at the first step; adds plain weight decay to the gradient."""
        if not state:
            state["step"] = counter()
            state["exp_avg"] = zeros_like(p)
            state[second] = zeros_like(p)
            if group.get("amsgrad"):
                state["max_exp_avg_sq"] = zeros_like(p)
        state["step"].add_(1)
        return number(state["step"])

    def _moments(self, g: Any, state: dict, group: dict[str, Any]) -> None:
        b1, b2 = group["betas"]
        state["exp_avg"].mul_(b1).add_(g * (1 - b1))
        state["exp_avg_sq"].mul_(b2).add_(g * g * (1 - b2))


class Adam(_Moments):
    """Adam (Kingma and Ba 2015), with weight decay added to the gradient unless decoupled_weight_decay.

    p <- p - lr mhat / (sqrt(vhat) + eps), with the bias-corrected moments mhat and vhat.

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Adam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        _check_common(lr, betas, eps, weight_decay)
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize)
        defaults |= dict(foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused)
        defaults["decoupled_weight_decay"] = decoupled_weight_decay or self.decoupled
        super().__init__(params, defaults)

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        step = self._begin(p, g, state, group)
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        if decay:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                g = g + p * decay
        self._moments(g, state, group)
        second = state["exp_avg_sq"]
        if group["amsgrad"]:
            highest = state["max_exp_avg_sq"]
            highest.copy_(highest.maximum(second))
            second = highest
        correction1, correction2 = 1 - b1**step, 1 - b2**step
        denominator = (second.sqrt() / correction2**0.5).add_(group["eps"])
        p.sub_((state["exp_avg"] / denominator).mul_(lr / correction1))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.AdamW([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8990])
    """

    decoupled = True

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        more: dict[str, Any] = dict(maximize=maximize, foreach=foreach, capturable=capturable, fused=fused)
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, differentiable=differentiable, **more)


class Adamax(_Moments):
    """Adam with the infinity norm in place of the second moment (Kingma and Ba 2015, section 7).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.Adamax([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_common(lr, betas, eps, weight_decay)
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach)
        super().__init__(params, defaults | dict(differentiable=differentiable, capturable=capturable))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        step = self._begin(p, g, state, group, "exp_inf")
        b1, b2 = group["betas"]
        if group["weight_decay"]:
            g = g + p * group["weight_decay"]
        state["exp_avg"].mul_(b1).add_(g * (1 - b1))
        highest = state["exp_inf"]
        highest.copy_((highest * b2).maximum(g.abs() + group["eps"]))
        p.sub_((state["exp_avg"] / highest).mul_(group["lr"] / (1 - b1**step)))


class NAdam(_Moments):
    """Adam with Nesterov momentum (Dozat 2016).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.NAdam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8944])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_common(lr, betas, eps, weight_decay)
        check("momentum_decay value", momentum_decay, momentum_decay >= 0)
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults |= dict(decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach)
        super().__init__(params, defaults | dict(capturable=capturable, differentiable=differentiable))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        step = self._begin(p, g, state, group)
        if "mu_product" not in state:
            state["mu_product"] = counter(1.0)
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        if decay:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                g = g + p * decay
        mu = b1 * (1 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = b1 * (1 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        state["mu_product"].mul_(mu)
        product = number(state["mu_product"])
        self._moments(g, state, group)
        denominator = (state["exp_avg_sq"] / (1 - b2**step)).sqrt() + group["eps"]
        p.sub_((g / denominator).mul_(lr * (1 - mu) / (1 - product)))
        p.sub_((state["exp_avg"] / denominator).mul_(lr * mu_next / (1 - product * mu_next)))


class RAdam(_Moments):
    """Adam with a rectified adaptive rate (Liu et al. 2020).

    Parameters of any shape, floating or complex.

    >>> import chainrule as cr
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = cr.optim.RAdam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_common(lr, betas, eps, weight_decay)
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach)
        defaults |= dict(decoupled_weight_decay=decoupled_weight_decay, capturable=capturable)
        super().__init__(params, defaults | dict(differentiable=differentiable))

    def _update(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        step = self._begin(p, g, state, group)
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        if decay:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                g = g + p * decay
        self._moments(g, state, group)
        correction2 = 1 - b2**step
        mean = state["exp_avg"] / (1 - b1**step)
        longest = 2 / (1 - b2) - 1
        length = longest - 2 * step * b2**step / correction2
        if length > 5:
            top = (length - 4) * (length - 2) * longest
            rectified = (top / ((longest - 4) * (longest - 2) * length)) ** 0.5
            mean = mean * (rectified * correction2**0.5) / (state["exp_avg_sq"].sqrt() + group["eps"])
        p.sub_(mean * lr)
