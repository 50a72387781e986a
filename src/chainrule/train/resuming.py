"""The whole state of a run as plain data, and back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, ChainruleError
from ..core.value import Tensor
from ..nn.module import Module
from . import random_state
from .callbacks import copied
from .checkpoints import CheckpointWarning

_SIMPLE = (Tensor, str, bytes, int, float, complex, type(None))


def only_plain(x: Any) -> Any:
    """A state without the functions and objects in it, which a schedule made anew has of its own."""
    if isinstance(x, dict):
        return type(x)({k: only_plain(v) for k, v in x.items() if _plain(v)})
    if type(x) in (list, tuple):
        return type(x)(only_plain(v) for v in x)
    return x


def _plain(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(_plain(v) for v in x)
    return isinstance(x, (*_SIMPLE, dict)) or hasattr(x, "dtype")


def _hidden_buffers(model: Any) -> dict[str, Any]:
    """Buffers that state_dict leaves out, but that a resumed run needs."""
    known = model.state_dict()
    return {name: b.detach() for name, b in model.named_buffers() if name not in known}


def state_of(run: Any) -> dict[str, Any]:
    """All that a resumed run needs, as plain data."""
    return {
        "epoch": run.epoch,
        "batch": run.batch,
        "step": run.step,
        "accumulate": run.accumulate,
        "seconds": run.seconds,
        "model": run.model.state_dict(),
        "hidden_buffers": _hidden_buffers(run.model),
        "loss": run.loss_function.state_dict() if isinstance(run.loss_function, Module) else None,
        "optimizer": run.optimizer.state_dict(),
        "schedulers": [only_plain(s.state_dict()) for s, _ in run.schedules],
        "callbacks": [[type(c).__name__, c.state_dict()] for c in run.callbacks],
        "history": run.history.state_dict(),
        "means": run.means.state_dict(),
        "random": random_state.capture(run.sources),
        "random_at_start": run.random_at_start,
    }


def load_state(run: Any, path: Path, state: dict[str, Any]) -> list[str]:
    """Put a checkpoint's state into a run; returns the names of random generators that are missing now."""
    if state["batch"] and state["accumulate"] != run.accumulate:
        raise ArgumentError(
            f"fit: {path} was made in the middle of an epoch with accumulate={state['accumulate']}, now it is "
            f"{run.accumulate}. Resume with the same"
        )
    if len(state["schedulers"]) != len(run.schedules):
        raise ArgumentError(
            f"fit: {path} was made with {len(state['schedulers'])} schedulers, now there are {len(run.schedules)}"
        )
    before = copied(run.model.state_dict())
    try:
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
        if isinstance(run.loss_function, Module) and state["loss"] is not None:
            run.loss_function.load_state_dict(state["loss"])
    except (ChainruleError, ValueError, KeyError) as error:
        run.model.load_state_dict(before)
        error.add_note(f"the checkpoint {path} is of another model or optimiser; give fit another folder")
        raise
    buffers = dict(run.model.named_buffers())
    for name, value in state["hidden_buffers"].items():
        if name in buffers:
            buffers[name].data = value.detach().clone()
    for (schedule, _), saved in zip(run.schedules, state["schedulers"], strict=True):
        schedule.load_state_dict(saved)
    _load_callbacks(run, path, state["callbacks"])
    run.history.load_state_dict(state["history"])
    run.means.load_state_dict(state["means"])
    run.epoch, run.batch, run.step, run.seconds = state["epoch"], state["batch"], state["step"], state["seconds"]
    run.random_at_start = state["random_at_start"]
    run.random_now = state["random"]
    return [name for name in state["random"] if name not in run.sources]


def _load_callbacks(run: Any, path: Path, saved: list) -> None:
    """Each callback gets the state of the next saved one of its class."""
    left = list(saved)
    for callback in run.callbacks:
        found = next((i for i, (name, _) in enumerate(left) if name == type(callback).__name__), None)
        if found is not None:
            callback.load_state_dict(left.pop(found)[1])
    lost = [name for name, state in left if state]
    if lost:
        warnings.warn(
            f"checkpoint {path} holds the state of callbacks that are not there now: {', '.join(lost)}",
            CheckpointWarning,
            stacklevel=5,
        )
