"""fit's arguments, checked before anything is trained."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.value import Tensor
from ..nn.module import Module
from ..optim.lr_scheduler import CyclicLR, LRScheduler, OneCycleLR, ReduceLROnPlateau
from ..optim.optimizer import Optimizer, parameters
from ..utils.data import Dataset, IterableDataset
from .callbacks import Callback

PAIRS = "write DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)"
_LARGER = ("acc", "f1", "auc", "r2", "precision", "recall", "score")  # names of which larger is better
_SMALLER = ("loss", "error", "mse", "mae", "rmse", "perplexity", "nll")


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`."""
    try:
        found = operator.index(value)
    except TypeError:
        raise ArgumentTypeError(f"fit: {name} must be a whole number, got {value!r}") from None
    if isinstance(value, bool) or found < least:
        raise ArgumentError(f"fit: {name} must be at least {least}, got {value!r}")
    return found


def positive(name: str, value: Any) -> float | None:
    """A positive number, or None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ArgumentTypeError(f"fit: {name} must be a positive number, got {value!r}")
    if not value > 0:
        raise ArgumentError(f"fit: {name} must be a positive number, got {value!r}")
    return float(value)


def model_and_optimizer(model: Any, optimizer: Any) -> None:
    """A module, and an optimiser that moves some of its parameters."""
    if not isinstance(model, Module):
        raise ArgumentTypeError(f"fit: model must be a nn.Module, got {type(model).__name__}")
    if isinstance(optimizer, type):
        raise ArgumentTypeError(f"fit: optimizer is a class; write {optimizer.__name__}(model.parameters(), lr=...)")
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(
            f"fit: optimizer must be one such as optim.Adam(model.parameters()), got {type(optimizer).__name__}"
        )
    own = {id(p) for p in model.parameters()}
    if not any(id(p) in own for p in parameters(optimizer.param_groups)):
        raise ArgumentError(
            "fit: the optimizer holds none of the model's parameters, so nothing would be learned. Make it from this "
            "model, after the model: optim.Adam(model.parameters())"
        )


def batches(name: str, data: Any, epochs: int, pairs: bool) -> int | None:
    """Something that gives batches (pairs, or anything) each time it is iterated; how many, if that is known."""
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        raise ArgumentTypeError(
            f"fit: {name} is a dataset, which gives single samples; write DataLoader({name}, batch_size=32, "
            f"shuffle=True)"
        )
    several = pairs and isinstance(data, (tuple, list)) and len(data) > 0
    if isinstance(data, (Tensor, np.ndarray)) or (several and all(isinstance(x, (Tensor, np.ndarray)) for x in data)):
        raise ArgumentTypeError(f"fit: {name} gives arrays, not batches (input, target); {PAIRS}")
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise ArgumentTypeError(
            f"fit: {name} must be a DataLoader or an iterable of batches (input, target), got {type(data).__name__}"
        )
    if epochs > 1 and hasattr(data, "__next__"):
        raise ArgumentTypeError(
            f"fit: {name} is an iterator, which gives its batches only once, but there are {epochs} epochs. Give a "
            f"DataLoader, a list, or an object whose __iter__ begins anew"
        )
    try:
        n = len(data)
    except TypeError:
        return None
    if n == 0:
        raise ArgumentError(f"fit: {name} has no batches; check its length, batch_size and drop_last")
    return n


def functions(loss: Any, metrics: Any, compute: Any) -> dict[str, Any]:
    """The metrics as a dict; the loss and the step are functions."""
    if compute is not None and not callable(compute):
        raise ArgumentTypeError(f"fit: compute must be a function of (model, batch), got {type(compute).__name__}")
    if compute is None and not callable(loss):
        raise ArgumentTypeError(
            f"fit: loss must be a function of (output, target) such as nn.MSELoss(), got {type(loss).__name__}"
        )
    if isinstance(loss, type):
        raise ArgumentTypeError(f"fit: loss is a class; write {loss.__name__}()")
    if metrics is not None and not isinstance(metrics, Mapping):
        raise ArgumentTypeError(
            f"fit: metrics must be a dict of names and functions, such as {{'accuracy': train.accuracy}}, got "
            f"{type(metrics).__name__}"
        )
    for name, function in (metrics or {}).items():
        if not isinstance(name, str) or not callable(function):
            raise ArgumentTypeError(f"fit: metrics[{name!r}] is a {type(function).__name__}, not a function")
        if name in ("epoch", "loss", "lr", "seconds") or name.startswith("val_"):
            raise ArgumentError(f"fit: a metric cannot be called {name!r}; the history has a column of that name")
    return dict(metrics or {})


def watched(monitor: Any, mode: Any, metrics: dict, validation: bool) -> tuple[str, str]:
    """The column to watch, and whether "min" or "max" is better."""
    names = ["loss", *metrics]
    names += [f"val_{name}" for name in names] if validation else []
    found = ("val_loss" if validation else "loss") if monitor is None else monitor
    if found not in names:
        hint = " (give validation= for val_ columns)" if str(found).startswith("val_") and not validation else ""
        raise ArgumentError(f"fit: monitor={found!r} is no column of the history; it has {', '.join(names)}{hint}")
    if mode is None:
        words = found.lower()
        if any(word in words for word in _SMALLER):
            mode = "min"
        elif any(word in words for word in _LARGER):
            mode = "max"
        else:
            raise ArgumentError(f"fit: is a larger {found!r} better? Write mode='max', or mode='min'")
    if mode not in ("min", "max"):
        raise ArgumentError(f"fit: mode must be 'min' or 'max', got {mode!r}")
    return found, mode


def schedules(given: Any, optimizer: Any, every: Any) -> list[tuple[Any, bool]]:
    """The schedulers, each with whether it moves after every step rather than after every epoch."""
    if every not in (None, "epoch", "step"):
        raise ArgumentError(f"fit: schedule_every must be 'epoch' or 'step', got {every!r}")
    found = []
    for s in given if isinstance(given, (list, tuple)) else [] if given is None else [given]:
        if not isinstance(s, LRScheduler):
            raise ArgumentTypeError(f"fit: scheduler must be one of optim.lr_scheduler, got {type(s).__name__}")
        if s.optimizer is not optimizer:
            raise ArgumentError("fit: the scheduler belongs to another optimizer than the one given")
        per_step = isinstance(s, (OneCycleLR, CyclicLR)) if every is None else every == "step"
        if isinstance(s, ReduceLROnPlateau):
            per_step = False  # it watches a number that is known once an epoch
        found.append((s, per_step))
    return found


def listeners(callbacks: Any) -> list[Callback]:
    """The callbacks as a list."""
    found = [callbacks] if isinstance(callbacks, Callback) else list(callbacks or ())
    for c in found:
        if not isinstance(c, Callback):
            kind = c.__name__ if isinstance(c, type) else type(c).__name__
            hint = f"; write {kind}()" if isinstance(c, type) else "; write train.Call(on_epoch_end=function)"
            raise ArgumentTypeError(f"fit: callbacks must be Callback objects, got {kind}{hint}")
    return found
