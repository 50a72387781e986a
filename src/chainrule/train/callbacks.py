"""Callbacks: what is called as a run goes on, and those that come with the package."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError


class Callback:
    """Base of callbacks: override the hooks that are wanted. `run` is the running `Run`.

    Useful fields of `run`: model, optimizer, epoch (1, 2 ...), epochs, batch (batches done in this epoch), step
    (optimiser steps in all), loss (of the last step), row (the epoch's numbers, in on_epoch_end), history, midway (in
    on_fit_end: is there more to do after a resume?). `run.stop(why)` ends the run after this epoch,
    `run.stop(why, at_once=True)` after this step, with a checkpoint.

    >>> class Shout(Callback):
    ...     def on_epoch_end(self, run):
    ...         print(f"epoch {run.epoch} done")
    """

    def on_fit_start(self, run: Any) -> None:
        """Before the first (or first resumed) epoch."""

    def on_epoch_start(self, run: Any) -> None:
        """Before an epoch's first batch; not called again when an epoch is resumed in its middle."""

    def on_step_end(self, run: Any) -> None:
        """After each step of the optimiser."""

    def on_epoch_end(self, run: Any) -> None:
        """After validation, when run.row and run.history hold the epoch's numbers."""

    def on_checkpoint(self, run: Any, path: Path) -> None:
        """After a checkpoint was written."""

    def on_fit_end(self, run: Any) -> None:
        """When the run has ended, for whatever reason; run.history.stopped says which."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of this callback, as plain data."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what state_dict() gave."""


HOOKS = ("on_fit_start", "on_epoch_start", "on_step_end", "on_epoch_end", "on_checkpoint", "on_fit_end")


class Call(Callback):
    """Calls plain functions: Call(on_epoch_end=lambda run: print(run.row)).

    >>> import chainrule as cr
    >>> call = cr.train.Call(on_epoch_end=lambda run: print(run.row))
    """

    def __init__(self, **hooks: Callable) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise ArgumentError(f"Call: there is no hook {name!r}; the hooks are {', '.join(HOOKS)}")
            if not callable(function):
                raise ArgumentTypeError(f"Call: {name} is a {type(function).__name__}, not a function")
            setattr(self, name, function)


class EarlyStopping(Callback):
    """Stops when the monitored column has not become better for `patience` epochs in a row.

    `fit(patience=...)` makes one. With restore_best the model gets its best weights back when the run ends.

    >>> import chainrule as cr
    >>> stop = cr.train.EarlyStopping(patience=3)
    """

    def __init__(self, patience: int, min_delta: float = 0.0, restore_best: bool = True) -> None:
        self.patience, self.min_delta, self.restore_best = patience, min_delta, restore_best
        self.best: float | None = None
        self.bad_epochs = 0
        self.weights: Any = None

    def on_fit_start(self, run: Any) -> None:
        if self.bad_epochs >= self.patience:  # resumed after it had stopped
            run.stop("early stopping")

    def on_epoch_end(self, run: Any) -> None:
        history = run.history
        value = run.row[history.monitor]
        if self.restore_best and history.best_epoch == run.epoch:
            self.weights = copied(run.model.state_dict())
        if history.better(value, self.best, self.min_delta):
            self.best, self.bad_epochs = value, 0
            return
        self.bad_epochs += 1
        if self.bad_epochs >= self.patience:
            run.stop("early stopping")

    def on_fit_end(self, run: Any) -> None:
        if self.weights is not None and not run.midway:
            run.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "bad_epochs": self.bad_epochs, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.bad_epochs = state["best"], state["bad_epochs"]
        self.weights = state["weights"] if self.restore_best else None


class SaveBest(Callback):
    """Writes the model's weights to `path` whenever the monitored column is at its best.

    >>> import chainrule as cr
    >>> import tempfile, os
    >>> best = cr.train.SaveBest(os.path.join(tempfile.mkdtemp(), "best.pt"))
    """

    def __init__(self, path: Any) -> None:
        self.path = Path(path)

    def on_epoch_end(self, run: Any) -> None:
        from ..utils.serialization import save

        if run.history.best_epoch == run.epoch:
            save(run.model.state_dict(), self.path)


class TimeLimit(Callback):
    """Stops at the end of the first step after `seconds`; the run can be resumed from its checkpoint.

    >>> import chainrule as cr
    >>> limit = cr.train.TimeLimit(60.0)
    """

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ArgumentError(f"TimeLimit: seconds must be positive, got {seconds}")
        self.seconds, self.started = seconds, 0.0

    def on_fit_start(self, run: Any) -> None:
        self.started = time.monotonic()

    def on_step_end(self, run: Any) -> None:
        if time.monotonic() - self.started > self.seconds:
            run.stop("time limit", at_once=True)


def copied(state: Any) -> Any:
    """A state_dict whose tensors have memory of their own."""
    return type(state)((k, v.detach().clone() if hasattr(v, "detach") else v) for k, v in state.items())
