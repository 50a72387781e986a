"""Logs of a run in a folder: history.csv, history.jsonl, and event files for TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from ..utils.packages import need
from ..utils.serialization import write_atomically
from .callbacks import Callback


class HistoryFiles(Callback):
    """Writes history.csv and history.jsonl, anew after every epoch, so that they always agree with the history."""

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder)

    def on_epoch_end(self, run: Any) -> None:
        rows, table = run.history.rows, io.StringIO(newline="")
        writer = csv.DictWriter(table, run.history.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.folder / "history.csv", table.getvalue().encode())
        lines = "".join(json.dumps({k: _json(v) for k, v in row.items()}) + "\n" for row in rows)
        write_atomically(self.folder / "history.jsonl", lines.encode())


def _json(value: Any) -> Any:
    """NaN and infinities, which JSON lacks, as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


class TensorBoard(Callback):
    """Writes event files: the loss after each step as step/loss, and each epoch's numbers, all against the step."""

    def __init__(self, folder: Any) -> None:
        self.folder = Path(folder)
        self.writer: Any = None
        self.make = need("tensorboardX", "an event file for TensorBoard (log=...)").SummaryWriter

    def on_fit_start(self, run: Any) -> None:
        purge = run.step + 1 if run.step else None  # what a resumed run does again replaces what was written before
        self.writer = self.make(str(self.folder), purge_step=purge)

    def on_step_end(self, run: Any) -> None:
        self.writer.add_scalar("step/loss", run.loss, run.step)

    def on_epoch_end(self, run: Any) -> None:
        for name, value in run.row.items():
            if isinstance(value, (int, float)):
                self.writer.add_scalar(f"epoch/{name}", value, run.step)
        self.writer.flush()

    def on_fit_end(self, run: Any) -> None:
        if self.writer is not None:
            self.writer.close()
            self.writer = None
