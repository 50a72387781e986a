"""Averages of a model's parameters over time: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np

from ..core.value import Tensor, wrap
from ..nn.module import Module
from ..tensor.modes import no_grad
from .lr_decay import LRScheduler, per_group
from .optimizer import Optimizer

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def get_ema_avg_fn(decay: float = 0.999) -> Callable:
    """The update decay * average + (1 - decay) * parameter.

    For two tensors of one shape, and the number of models before.

    >>> import chainrule as cr
    >>> cr.optim.swa_utils.get_ema_avg_fn(0.5)(cr.tensor(1.0), cr.tensor(3.0), 1)
    tensor(2.)
    """
    return lambda average, value, n: decay * average + (1 - decay) * value


def get_swa_avg_fn() -> Callable:
    """The update of a plain mean over `n` earlier models.

    For two tensors of one shape.

    >>> import chainrule as cr
    >>> cr.optim.swa_utils.get_swa_avg_fn()(cr.tensor(1.0), cr.tensor(3.0), 1)
    tensor(2.)
    """
    return lambda average, value, n: average + (value - average) / (n + 1)


def _multi(function: Callable) -> Callable:
    def update(averages: list, values: list, n: Any) -> None:
        for average, value in zip(averages, values, strict=True):
            average.copy_(function(average, value, n))

    return update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable:
    """get_ema_avg_fn on lists, in place.

    The lists hold tensors of the same shapes.

    >>> import chainrule as cr
    >>> a = [cr.tensor(1.0)]
    >>> cr.optim.swa_utils.get_ema_multi_avg_fn(0.5)(a, [cr.tensor(3.0)], 1)
    >>> a
    [tensor(2.)]
    """
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")
    return _multi(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable:
    """get_swa_avg_fn on lists, in place.

    The lists hold tensors of the same shapes.

    >>> import chainrule as cr
    >>> a = [cr.tensor(1.0)]
    >>> cr.optim.swa_utils.get_swa_multi_avg_fn()(a, [cr.tensor(3.0)], 1)
    >>> a
    [tensor(2.)]
    """
    return _multi(get_swa_avg_fn())


class AveragedModel(Module):
    """A copy of `model` whose parameters are running averages; call update_parameters(model) as training goes on.

    Parameters keep their shapes and dtypes. Izmailov et al. 2018.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> average = cr.optim.swa_utils.AveragedModel(model)
    >>> average.update_parameters(model)
    >>> average.n_averaged
    tensor(1)
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable | None = None,
        multi_avg_fn: Callable | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", wrap(np.array(0, np.int64)))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def _state(self, model: Module) -> list[Tensor]:
        values = list(model.parameters())
        return values + list(model.buffers()) if self.use_buffers else values

    def update_parameters(self, model: Module) -> None:
        """Take `model`'s present parameters into the average."""
        own, new = self._state(self.module), [v.detach() for v in self._state(model)]  # type: ignore[attr-defined]
        n = int(self.n_averaged)
        with no_grad():
            if n == 0:
                for a, v in zip(own, new, strict=True):
                    a.copy_(v)  # type: ignore[attr-defined]
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn([a.detach() for a in own], new, self.n_averaged)  # type: ignore[attr-defined]
            else:
                update = self.avg_fn or get_swa_avg_fn()
                for a, v in zip(own, new, strict=True):
                    a.copy_(update(a.detach(), v, self.n_averaged))  # type: ignore[attr-defined]
            if not self.use_buffers:
                for a, b in zip(self.module.buffers(), model.buffers(), strict=True):
                    a.copy_(b.detach())
            self.n_averaged.add_(1)


def update_bn(loader: Iterable, model: Module, device: Any = None) -> None:
    """Recompute the running statistics of batch norm layers over a loader.

    The loader gives tensors, or sequences that begin with one, in the shape that the model takes.

    >>> import chainrule as cr
    >>> model = cr.nn.BatchNorm1d(1)
    >>> cr.optim.swa_utils.update_bn([cr.tensor([[1.0], [3.0]])], model)
    >>> model.running_mean
    tensor([2.])
    """
    layers = [m for m in model.modules() if hasattr(m, "running_mean") and m.running_mean is not None]
    if not layers:
        return
    momenta = [m.momentum for m in layers]
    training = model.training
    model.train()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
    with no_grad():
        for batch in loader:
            model(batch[0] if isinstance(batch, (list, tuple)) else batch)
    for m, momentum in zip(layers, momenta, strict=True):
        m.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """Anneals every group's rate to swa_lr over anneal_epochs, and keeps it there.

    >>> import chainrule as cr
    >>> optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=1.0)
    >>> schedule = cr.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=1)
    >>> optimizer.step()
    >>> schedule.step()
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for target, group in zip(per_group(swa_lr, optimizer, "swa_lr"), optimizer.param_groups, strict=True):
            group["swa_lr"] = target
        self.anneal_epochs, self.anneal_strategy = anneal_epochs, anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _anneal(self, t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2 if self.anneal_strategy == "cos" else t

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._anneal(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._anneal(max(0, min(1, step / max(1, self.anneal_epochs))))
        rates = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
