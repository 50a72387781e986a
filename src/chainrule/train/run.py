"""One run of training: epochs of steps, with all that makes it repeatable kept in one state."""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, ChainruleError
from ..core.value import Tensor, raw_shape
from ..nn.utils.gradients import clip_grad_norm_, clip_grad_value_
from ..optim.lbfgs import LBFGS
from ..optim.lr_scheduler import ReduceLROnPlateau
from ..optim.optimizer import parameters
from ..tensor.modes import no_grad
from . import random_state
from .batches import Means, called, input_and_target, rows
from .checkpoints import Checkpoints
from .history import History
from .interrupts import Interrupts
from .nonfinite import bad_gradient, bad_loss
from .progress import Quiet
from .resuming import load_state, state_of

END = object()


class ResumeError(ChainruleError, RuntimeError):
    """The data ended before the place at which the run is to go on.

    >>> import chainrule as cr
    >>> issubclass(cr.train.ResumeError, Exception)
    True
    """


class Run:
    """The state of a run, as callbacks see it.

    >>> import chainrule as cr
    >>> model, seen = cr.nn.Linear(1, 1), []
    >>> watch = cr.train.Call(on_epoch_end=lambda run: seen.append(run.epoch))
    >>> data, optimizer = [(cr.ones(2, 1), cr.ones(2, 1))], cr.optim.SGD(model.parameters(), lr=0.1)
    >>> _ = cr.train.fit(model, data, cr.nn.MSELoss(), optimizer, epochs=2, callbacks=[watch], progress=False)
    >>> len(seen)
    2
    """

    def __init__(self, model: Any, data: Any, loss: Any, optimizer: Any, epochs: int, history: History) -> None:
        self.model, self.data, self.loss_function, self.optimizer, self.epochs = model, data, loss, optimizer, epochs
        self.history = history
        self.validation: Any = None
        self.metrics: dict[str, Any] = {}
        self.compute: Any = None
        self.schedules: list[tuple[Any, bool]] = []
        self.callbacks: list[Any] = []
        self.accumulate, self.clip_norm, self.clip_value = 1, None, None
        self.checkpoints: Checkpoints | None = None
        self.checkpoint_steps: int | None = None
        self.progress = Quiet()
        self.length: int | None = None
        self.epoch, self.batch, self.step = 1, 0, 0
        self.loss = math.nan
        self.row: dict[str, Any] = {}
        self.means = Means()
        self.seconds = 0.0  # of this epoch, before it was resumed
        self.last_count = 0  # batches of the last step
        self.midway = False
        self.sources: dict[str, Any] = {}
        self.random_at_start: dict[str, Any] = {}
        self.random_now: dict[str, Any] | None = None  # to be put back when the batches already done were passed over
        self._stop: str | None = None
        self._at_once = False

    def stop(self, why: str, *, at_once: bool = False) -> None:
        """End the run after this epoch; with at_once after this step, with a checkpoint to resume from."""
        self._stop, self._at_once = why, self._at_once or at_once

    # ---- the run -----------------------------------------------------------------------------------------------------

    def go(self) -> History:
        """Train until all epochs are done or something stops the run."""
        self.params = parameters(self.optimizer.param_groups)
        was_training = self.model.training
        self.history.stopped = "failed"
        started = False
        try:
            with Interrupts() as self.interrupts:
                self.progress.start(self)
                started = True
                self._tell("on_fit_start")
                while self.epoch <= self.epochs and self._stop is None:
                    if not self._epoch():
                        self.midway = True
                        break
                self.history.stopped = self._stop or "finished"
        except KeyboardInterrupt as error:
            if self.history.checkpoint is not None:
                error.add_note(f"the last checkpoint is {self.history.checkpoint}; go on with fit(..., resume=True)")
            raise
        finally:
            self.midway = self.midway or self.history.stopped == "failed"
            self.model.train(was_training)
            if started:
                self._tell("on_fit_end")
            self.progress.stop()
        if self.midway:
            self._announce()
        return self.history

    def _tell(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *args)

    def _announce(self) -> None:
        where = f"after step {self.step}, in epoch {self.epoch} of {self.epochs}"
        if self.history.checkpoint is None:
            text = "Nothing was saved: give fit a folder, checkpoint='runs/name', to be able to go on later."
        else:
            text = f"Saved {self.history.checkpoint}. To go on, call fit with the same arguments and resume=True."
        print(f"fit: stopped ({self.history.stopped}) {where}. {text}", file=sys.stderr)

    def _wants_to_stop(self) -> bool:
        if self.interrupts.requested:
            self.stop("interrupted", at_once=True)
        return self._at_once

    def _epoch(self) -> bool:
        """One epoch, or what is left of it; False if the run is to stop in its midst."""
        began = time.monotonic() - self.seconds
        if self.batch == 0:
            if self.random_now is not None:  # resumed between two epochs
                random_state.restore(self.sources, self.random_now)
                self.random_now = None
            self.random_at_start = random_state.capture(self.sources)
            self.means = Means()
            self._tell("on_epoch_start")
        else:
            random_state.restore(self.sources, self.random_at_start)
        self.model.train()
        iterator = iter(self.data)
        try:
            self._pass_over(iterator)
            while self._step(iterator):
                self.seconds = time.monotonic() - began
                self._after_step()
                if self._wants_to_stop():
                    self._save()
                    return False
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        if self.batch == 0:
            raise ArgumentError(f"fit: data gave no batches in epoch {self.epoch}")
        if not self._validated():
            return False
        self._finish_epoch(time.monotonic() - began)
        return True

    def _pass_over(self, iterator: Iterator) -> None:
        """Take the batches that were trained on before the run was stopped, then the random state of that moment."""
        for done in range(self.batch):
            if next(iterator, END) is END:
                raise ResumeError(
                    f"fit: the checkpoint was made after batch {self.batch} of epoch {self.epoch}, but data now gives "
                    f"only {done} batches. Resume with the same data and batch size"
                )
        if self.random_now is not None:
            random_state.restore(self.sources, self.random_now)
            self.random_now = None

    def _finish_epoch(self, seconds: float) -> None:
        self.row = {"epoch": self.epoch, **self.means.results()}
        self.row |= {"lr": float(self.optimizer.param_groups[0]["lr"]), "seconds": seconds}
        for schedule, per_step in self.schedules:
            if isinstance(schedule, ReduceLROnPlateau):
                schedule.step(self.row[self.history.monitor])
            elif not per_step:
                schedule.step()
        self.history.add(self.row)
        self._tell("on_epoch_end")
        self.progress.epoch(self)
        self.epoch, self.batch, self.seconds = self.epoch + 1, 0, 0.0
        if self._wants_to_stop():
            self._stop = self._stop or "interrupted"
        self._save()
        self.midway = self._at_once and self.epoch <= self.epochs

    # ---- steps -------------------------------------------------------------------------------------------------------

    def _step(self, iterator: Iterator) -> bool:
        """One step of the optimiser, from up to `accumulate` batches; False if there are no more."""
        self.optimizer.zero_grad()
        held: list[Any] = []
        total = 0.0
        for _ in range(self.accumulate):
            batch = next(iterator, END)
            if batch is END:
                break
            held.append(batch)
            total += self._forward_backward(batch)
            if not isinstance(self.optimizer, LBFGS):
                held[-1] = batch if len(held) == 1 else None  # kept only to explain a bad gradient
        if not held:
            return False
        self._prepare_gradients(held)
        if isinstance(self.optimizer, LBFGS):
            self.optimizer.step(lambda: self._closure(held))
        else:
            self.optimizer.step()
        self.last_count = len(held)
        self.batch += len(held)
        self.step += 1
        self.loss = total / len(held)
        return True

    def _forward_backward(self, batch: Any, count: bool = True) -> float:
        loss, output, target, n = self.evaluate(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise bad_loss(self, loss, value)
        loss.backward()
        if count:
            self._count("", value, output, target, n)
        return value

    def evaluate(self, batch: Any) -> tuple[Any, Any, Any, int]:
        """Loss, output, target and number of rows of a batch."""
        if self.compute is not None:
            found = self.compute(self.model, batch)
            loss, output, target = found if isinstance(found, tuple) and len(found) == 3 else (found, None, None)
            n = rows(target, output, batch)
        else:
            x, target = input_and_target(batch)
            output = called(self.model, x)
            loss, n = self.loss_function(output, target), rows(target, x)
        if not isinstance(loss, Tensor) or (raw_shape(loss) and loss.numel() != 1):  # type: ignore[attr-defined]
            seen = f"of shape {list(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            raise ArgumentTypeError(f"fit: the loss is {seen}, but it must be a tensor of one number; add .mean()")
        if raw_shape(loss):
            loss = loss.reshape(())  # type: ignore[attr-defined]
        return loss, output, target, n

    def _count(self, prefix: str, loss: float, output: Any, target: Any, n: int) -> None:
        self.means.add(f"{prefix}loss", loss, n)
        if self.metrics and output is None:
            raise ArgumentTypeError("fit: compute must return (loss, output, target) for metrics to be computed")
        with no_grad():
            for name, function in self.metrics.items():
                self.means.add(f"{prefix}{name}", float(function(_detached(output), target)), n)

    def _prepare_gradients(self, held: list[Any]) -> None:
        """The mean over the accumulated batches, checked to be finite, clipped."""
        n = len(held)
        for p in self.params:
            g = p.grad
            if g is None:
                continue
            if not math.isfinite(np.add.reduce(g._data, None)) and not np.isfinite(g._data).all():
                raise bad_gradient(self, p, held)
            if n > 1:
                with no_grad():
                    g.div_(n)
        if self.clip_value is not None:
            clip_grad_value_(self.params, self.clip_value)
        if self.clip_norm is not None:
            clip_grad_norm_(self.params, self.clip_norm)

    def _closure(self, held: list[Any]) -> Any:
        """What L-BFGS asks for: gradients anew, and the mean loss."""
        self.optimizer.zero_grad()
        total = sum(self._forward_backward(batch, count=False) for batch in held)
        self._prepare_gradients(held)
        return total / len(held)

    def _after_step(self) -> None:
        for schedule, per_step in self.schedules:
            if per_step:
                schedule.step()
        self._tell("on_step_end")
        self.progress.step(self)
        if self.checkpoint_steps and self.step % self.checkpoint_steps == 0:
            self._save()

    def _validated(self) -> bool:
        """Validate; an interrupt goes back to the end of the last step, so that a resumed run validates as a whole."""
        if self.validation is None:
            return True
        before, means = random_state.capture(self.sources), self.means.state_dict()
        means = {"sums": dict(means["sums"]), "weights": dict(means["weights"])}
        self.model.eval()
        with no_grad():
            for batch in self.validation:
                loss, output, target, n = self.evaluate(batch)
                self._count("val_", float(loss), output, target, n)
                if self._wants_to_stop():
                    random_state.restore(self.sources, before)
                    self.means.load_state_dict(means)
                    self._save()
                    return False
        if "val_loss" not in self.means.sums:
            raise ArgumentError("fit: validation gave no batches")
        return True

    # ---- checkpoints -------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if self.checkpoints is None:
            return
        path = self.checkpoints.save(state_of(self))
        self.history.checkpoint = path
        self._tell("on_checkpoint", path)

    def resume(self, path: Path, state: dict[str, Any]) -> None:
        """Take over a checkpoint's state."""
        missing = load_state(self, path, state)
        self.history.checkpoint = path
        if missing:
            from .checkpoints import CheckpointWarning

            warnings.warn(
                f"checkpoint {path} holds the state of random generators that are not there now "
                f"({', '.join(missing)}): the resumed run will not be the same as one that was never stopped",
                CheckpointWarning,
                stacklevel=3,
            )


def _detached(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.detach()  # type: ignore[attr-defined]
    return type(x)(_detached(v) for v in x) if type(x) in (tuple, list) else x
