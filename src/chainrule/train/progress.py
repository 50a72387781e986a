"""What a run shows: a bar in a terminal, one line per epoch elsewhere if asked for, otherwise nothing."""

from __future__ import annotations

import sys
import time
from typing import Any

from ..utils.packages import MissingPackageError, need


class Quiet:
    """Shows nothing; the base of the others."""

    def start(self, run: Any) -> None:
        """The run begins."""

    def step(self, run: Any) -> None:
        """A step was made."""

    def epoch(self, run: Any) -> None:
        """An epoch has ended; run.row holds its numbers."""

    def stop(self) -> None:
        """The run has ended, or failed."""


def values(row: dict[str, Any]) -> str:
    """The numbers of a row in a line: loss 0.25  accuracy 0.9."""
    parts = [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items() if k not in _OTHER]
    return "  ".join(parts)


_OTHER = ("epoch", "seconds", "lr")


def line(run: Any) -> str:
    """A finished epoch in a line."""
    width = len(str(run.epochs))
    return f"epoch {run.epoch:{width}d}/{run.epochs}  {values(run.row)}  {run.row['seconds']:.1f} s"


def duration(seconds: float) -> str:
    """Seconds as 1:02:03 or 2:03.

    >>> duration(3723), duration(123)
    ('1:02:03', '2:03')
    """
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class Lines(Quiet):
    """One line per epoch, on stderr."""

    def epoch(self, run: Any) -> None:
        print(line(run), file=sys.stderr, flush=True)


class Bar(Quiet):
    """A bar for the present epoch, with loss, metrics, batches per second and the time left for the whole run."""

    def __init__(self) -> None:
        console, rich = need("rich.console", "a progress bar"), need("rich.progress", "a progress bar")
        self.bar = rich.Progress(
            rich.TextColumn("{task.description}"),
            rich.BarColumn(bar_width=24),
            rich.TextColumn("{task.fields[text]}"),
            console=console.Console(stderr=True),
            transient=True,
        )
        self.task: Any = None
        self.shown = self.begun = 0.0
        self.done = 0  # batches of this process

    def start(self, run: Any) -> None:
        self.begun = time.monotonic()
        self.task = self.bar.add_task("", total=run.length, text="")
        self.bar.start()

    def step(self, run: Any) -> None:
        self.done += run.last_count
        now = time.monotonic()
        if now - self.shown < 0.1:
            return
        self.shown = now
        rate = self.done / max(now - self.begun, 1e-9)
        of = f"/{run.length}" if run.length else ""
        text = f"{run.batch}{of}  {values(run.means.results())}  {rate:.3g} batches/s"
        if run.length:
            left = run.length * (run.epochs - run.epoch + 1) - run.batch
            text += f"  {duration(left / max(rate, 1e-9))} left"
        self.bar.update(
            self.task,
            completed=run.batch,
            total=run.length,
            description=f"epoch {run.epoch}/{run.epochs}",
            text=text,
        )

    def epoch(self, run: Any) -> None:
        self.bar.console.print(line(run), highlight=False)

    def stop(self) -> None:
        self.bar.stop()


def make(wanted: bool | None) -> Quiet:
    """What fits `progress=`: True always shows something, False nothing, None a bar in a terminal only."""
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        return Quiet()
    if not sys.stderr.isatty():
        return Lines()
    try:
        return Bar()
    except MissingPackageError:
        return Lines()
