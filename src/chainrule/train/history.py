"""The history of a run: one row of numbers per epoch, and which epoch was best."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ArgumentError


class History:
    """What `fit` returns: `rows`, a list of dicts with epoch, loss, metrics, val_..., lr and seconds.

    Attributes:
        rows: one dict per finished epoch.
        monitor: the column that decides which epoch is best; `mode` is "min" or "max".
        best_epoch, best: the best epoch's number and its monitored value; None before the first.
        stopped: why the run ended: "finished", "early stopping", "interrupted", or a callback's reason; None while it
            goes on.
        checkpoint: path of the last checkpoint, or None.

    >>> history = History("loss", "min")
    >>> history.add({"epoch": 1, "loss": 0.5}), history.add({"epoch": 2, "loss": 0.25})
    (True, True)
    >>> history["loss"], history.best_epoch
    ([0.5, 0.25], 2)
    """

    def __init__(self, monitor: str = "loss", mode: str = "min") -> None:
        self.rows: list[dict[str, Any]] = []
        self.monitor, self.mode = monitor, mode
        self.best_epoch: int | None = None
        self.best: float | None = None
        self.stopped: str | None = None
        self.checkpoint: Any = None

    @property
    def interrupted(self) -> bool:
        """Was the run stopped by Ctrl-C?"""
        return self.stopped == "interrupted"

    @property
    def columns(self) -> list[str]:
        """Names of all columns, in order of appearance."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def better(self, value: float, than: float | None, by: float = 0.0) -> bool:
        """Is a value of the monitored column better than another, by more than `by`? NaN never is."""
        if math.isnan(value):
            return False
        return than is None or (value < than - by if self.mode == "min" else value > than + by)

    def add(self, row: dict[str, Any]) -> bool:
        """Append a row; returns whether it is the best so far."""
        self.rows.append(row)
        value = row.get(self.monitor)
        if value is None or not self.better(value, self.best):
            return False
        self.best, self.best_epoch = value, row["epoch"]
        return True

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Any:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """A column by its name, as a list; a row by its number."""
        if not isinstance(key, str):
            return self.rows[key]
        if self.rows and key not in self.columns:
            raise ArgumentError(f"the history has no column {key!r}; it has {', '.join(self.columns)}")
        return [row.get(key) for row in self.rows]

    def __repr__(self) -> str:
        if not self.rows:
            return f"History(no epochs{f', {self.stopped}' if self.stopped else ''})"
        names = self.columns
        shown = self.rows if len(self.rows) <= 20 else [*self.rows[:10], None, *self.rows[-10:]]
        table = [names] + [[""] * len(names) if r is None else [_cell(r.get(n)) for n in names] for r in shown]
        widths = [max(len(line[i]) for line in table) for i in range(len(names))]
        lines = []
        for line, row in zip(table, [None, *shown], strict=True):
            text = "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
            if line is not table[0] and row is None:
                text = "..."
            lines.append(text + ("  <- best" if row is not None and row["epoch"] == self.best_epoch else ""))
        end = f"best epoch {self.best_epoch}: {self.monitor} {_cell(self.best)}" if self.best_epoch else ""
        return "\n".join([*lines, "; ".join(part for part in (self.stopped, end) if part)])

    def state_dict(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return {"rows": self.rows, "best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what state_dict() gave."""
        self.rows = [dict(row) for row in state["rows"]]
        self.best, self.best_epoch = state["best"], state["best_epoch"]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
