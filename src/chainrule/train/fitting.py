"""fit: training that can be watched, stopped and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from . import arguments, random_state
from .callbacks import EarlyStopping, SaveBest
from .checkpoints import Checkpoints, read, step_of
from .history import History
from .log_files import HistoryFiles, TensorBoard
from .progress import make as make_progress
from .run import Run


def fit(
    model: Any,
    data: Any,
    loss: Any,
    optimizer: Any,
    *,
    epochs: int,
    validation: Any = None,
    metrics: Any = None,
    scheduler: Any = None,
    schedule_every: str | None = None,
    callbacks: Any = (),
    accumulate: int = 1,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    monitor: str | None = None,
    mode: str | None = None,
    restore_best: bool = True,
    checkpoint: Any = None,
    checkpoint_steps: int | None = None,
    keep: int = 3,
    resume: Any = False,
    log: Any = None,
    progress: bool | None = None,
    compute: Any = None,
) -> History:
    """Train `model` to minimise the mean of loss(model(input), target) over `data`; returns the History.

    Ctrl-C stops at the end of the running step, writes a checkpoint, and fit returns; a second Ctrl-C raises
    KeyboardInterrupt at once. A run that is resumed from a checkpoint, also from one in the middle of an epoch,
    computes bit for bit what the run that was never stopped computes: the checkpoint holds model, optimiser, schedules,
    callbacks, history, place in the data, and the state of every generator of random numbers that the data, the
    samplers, the model and the global functions draw from. (The epoch's batches that are done are read again and passed
    over.)

    Args:
        model: a Module.
        data: a DataLoader, or any iterable of batches (input, target) that begins anew each time; several inputs as
            (a, b, target) or ((a, b), target), named ones as ({"name": a}, target).
        loss: a function of (output, target) to a tensor of one number, the mean over the batch.
        optimizer: an optimiser of the model's parameters. LBFGS gets the closure that it needs.
        epochs: how many passes over the data in all, those before a resume included.
        validation: batches on which loss and metrics are computed after each epoch, as val_loss ...
        metrics: dict of names and functions of (output, target) to a number; means over rows are shown and kept.
        scheduler: one or more of optim.lr_scheduler, moved once an epoch (OneCycleLR and CyclicLR: after each step), or
            as schedule_every="epoch" or "step" says. ReduceLROnPlateau watches the monitored column.
        callbacks: Callback objects.
        accumulate: batches per step; their gradients are averaged.
        clip_norm, clip_value: bounds for the norm of all gradients together, and for each entry.
        patience: stop after so many epochs without an improvement by more than min_delta, and, with restore_best, give
            the model the weights of its best epoch.
        monitor: the column that says what is best; val_loss if there is validation, else loss. mode: "min" or "max",
            known from the name for losses, errors, accuracies and scores.
        checkpoint: a folder for checkpoints: after each epoch, after every `checkpoint_steps` steps, and when stopped;
            the last `keep` stay. The best weights are in best.safetensors.
        resume: True goes on from the last good checkpoint in the folder (from the start if there is none); damaged ones
            are named in a CheckpointWarning and passed over. Or the path of one checkpoint.
        log: a folder for history.csv, history.jsonl and TensorBoard's event files.
        progress: True or False; None shows a bar in a terminal and nothing elsewhere.
        compute: replaces the forward pass: a function of (model, batch) to the loss, or to (loss, output, target).

    Raises:
        ArgumentError, ArgumentTypeError: something does not fit; nothing was trained.
        NonFiniteError: the loss or a gradient became NaN or infinite; says which operation made it, and where.
        SerializationError: resume, and all checkpoints are damaged.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(0)
    >>> x = cr.linspace(-1, 1, 32).reshape(32, 1)
    >>> data = cr.utils.data.DataLoader(cr.utils.data.TensorDataset(x, 3 * x + 1), batch_size=8, shuffle=True)
    >>> model = cr.nn.Linear(1, 1)
    >>> history = fit(model, data, cr.nn.MSELoss(), cr.optim.SGD(model.parameters(), lr=0.3), epochs=20)
    >>> history["loss"][-1] < 1e-6, len(history)
    (True, 20)
    """
    epochs = arguments.whole("epochs", epochs, 1)
    arguments.model_and_optimizer(model, optimizer)
    length = arguments.batches("data", data, epochs, compute is None)
    if validation is not None:
        arguments.batches("validation", validation, epochs, compute is None)
    metrics = arguments.functions(loss, metrics, compute)
    history = History(*arguments.watched(monitor, mode, metrics, validation is not None))
    run = Run(model, data, loss, optimizer, epochs, history)
    run.length, run.validation, run.metrics, run.compute = length, validation, metrics, compute
    run.schedules = arguments.schedules(scheduler, optimizer, schedule_every)
    run.accumulate = arguments.whole("accumulate", accumulate, 1)
    run.clip_norm = arguments.positive("clip_norm", clip_norm)
    run.clip_value = arguments.positive("clip_value", clip_value)
    run.callbacks = arguments.listeners(callbacks)
    if min_delta < 0:
        raise ArgumentError(f"fit: min_delta must not be negative, got {min_delta}")
    if patience is not None:
        stopping = EarlyStopping(arguments.whole("patience", patience, 1), min_delta, restore_best)
        run.callbacks.insert(0, stopping)  # first, so that the others see the best weights when the run ends
    if checkpoint_steps is not None:
        run.checkpoint_steps = arguments.whole("checkpoint_steps", checkpoint_steps, 1)
    found = _checkpoints(run, checkpoint, resume, arguments.whole("keep", keep, 1))
    if log is not None:
        run.callbacks += [HistoryFiles(log), TensorBoard(log)]
    run.sources = random_state.find(data=data, validation=validation, model=model, loss=loss, callbacks=run.callbacks)
    run.progress = make_progress(progress)
    if found is not None:
        run.resume(*found)
    return run.go()


def _checkpoints(run: Run, folder: Any, resume: Any, keep: int) -> tuple[Path, dict[str, Any]] | None:
    """Prepare the folder; what to resume from, if anything."""
    if folder is None:
        if resume is True or run.checkpoint_steps:
            name = "resume=True" if resume is True else "checkpoint_steps"
            raise ArgumentError(f"fit: {name} needs the folder of the checkpoints: checkpoint='runs/name'")
    else:
        run.checkpoints = Checkpoints(folder, keep)
        run.callbacks.append(SaveBest(Path(folder) / "best.safetensors"))
    if resume is not False and resume is not True and resume is not None:
        state = read(Path(resume))
        later = (
            [] if run.checkpoints is None else [p.name for p in run.checkpoints.paths() if step_of(p) > state["step"]]
        )
        if later:
            raise ArgumentError(
                f"fit: the folder {str(folder)!r} holds later checkpoints than {resume} ({', '.join(later)}), from "
                f"which the next resume=True would go on. Delete them, or give another folder"
            )
        return Path(resume), state
    if run.checkpoints is None:
        return None
    if resume is True:
        return run.checkpoints.newest()
    if run.checkpoints.paths():
        raise ArgumentError(
            f"fit: the folder {str(folder)!r} holds checkpoints of another run. Write resume=True to go on with it, "
            f"give another folder, or delete this one"
        )
    return None
