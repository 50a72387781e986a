"""torch.utils.benchmark: Timer measures a statement, Measurement holds what it found."""

from __future__ import annotations

import textwrap
import timeit
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Measurement", "Timer"]
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


@dataclass
class Measurement:
    """Times of a statement: `raw_times` in seconds, each of `number_per_run` executions.

    >>> from chainrule.utils.benchmark import Measurement
    >>> m = Measurement(number_per_run=10, raw_times=[0.02, 0.04], stmt="f(x)")
    >>> m.mean, m.times
    (0.003, [0.002, 0.004])
    """

    number_per_run: int
    raw_times: list[float]
    stmt: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    num_threads: int = 1
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> list[float]:
        """Seconds of one execution, for each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """Seconds of one execution, the mean of the measurements."""
        return float(np.mean(self.times))

    @property
    def median(self) -> float:
        """Seconds of one execution, the median of the measurements."""
        return float(np.median(self.times))

    @property
    def iqr(self) -> float:
        """The distance of the quartiles of the measurements, in seconds."""
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(high - low)

    def __repr__(self) -> str:
        unit, name = next(((u, n) for u, n in _UNITS if self.median >= u), _UNITS[-1])
        count = len(self.raw_times)
        lines = [
            f"<{type(self).__module__}.{type(self).__qualname__} object at {hex(id(self))}>",
            ": ".join(x for x in (self.label or self.stmt, self.sub_label) if x),
            *([self.description] if self.description else []),
            f"  {'Median: ' if count > 1 else ''}{self.median / unit:.2f} {name}",
            *([f"  IQR:    {self.iqr / unit:.2f} {name}"] if count > 1 else []),
            f"  {count} measurement{'s' * (count > 1)}, {self.number_per_run} runs "
            f"{'per measurement' if count > 1 else ''}, {self.num_threads} thread{'s' * (self.num_threads > 1)}",
        ]
        return "\n".join(lines)


class Timer:
    """Measure `stmt`, Python code that sees the names in `globals`, what `setup` makes, and the library as `torch`.

    Raises:
        NotImplementedError: another language than Python.

    >>> from chainrule.utils.benchmark import Timer
    >>> m = Timer("x * x", setup="x = 3").timeit(100)
    >>> m.number_per_run, len(m.times), m.mean > 0
    (100, 1, True)
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: str = "python",
    ) -> None:
        if str(language).lower() not in ("python", "py", "language.python"):
            raise NotImplementedError(f"Timer measures Python code, not {language!r}")
        import chainrule

        names = {"torch": chainrule, **(globals or {})}
        setup = "\n".join((textwrap.dedent(global_setup), textwrap.dedent(setup)))
        self._timer = timeit.Timer(textwrap.dedent(stmt), setup, timer=timer, globals=names)
        self._about: dict[str, Any] = dict(stmt=stmt, label=label, sub_label=sub_label, description=description)
        self._about["num_threads"] = num_threads

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """Run the statement `number` times, after a short warm-up, as one measurement."""
        self._timer.timeit(max(number // 100, 2))
        return Measurement(number, [self._timer.timeit(number)], **self._about)

    def blocked_autorange(self, callback: Callable | None = None, min_run_time: float = 0.2) -> Measurement:
        """Measurements of so many runs each that reading the clock costs nothing, for `min_run_time` seconds in all."""
        number, taken = 1, 0.0
        while (taken := self._timer.timeit(number)) < min_run_time / 1000 and number < 10**9:
            number *= 10
        times = [taken]
        while sum(times) < min_run_time:
            times.append(self._timer.timeit(number))
            if callback is not None:
                callback(number, times[-1])
        return Measurement(number, times, **self._about)
