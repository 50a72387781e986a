"""The table's row types. A family's module calls `case(...)` once per public operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Arguments of one call. NumPy arrays (also inside lists and tuples) become tensors; all else is passed on."""

    args: tuple
    kwargs: dict = field(default_factory=dict)
    grad: bool = True  # check derivatives by its floating arguments (False at kinks, for integer results)
    torch: bool = True  # compare with torch (False where conventions differ; the case's `reference` then decides)
    second: bool = True  # check second derivatives
    vmap: bool = True  # may be vectorised over its first array argument
    forward: bool = True  # forward mode must agree


@dataclass(frozen=True)
class Bad:
    """A call that must raise, and leave everything as it was."""

    args: tuple
    error: type[BaseException]
    match: str
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class OpCase:
    """All samples of one public operation, such as 'sin' or 'linalg.inv' or 'nn.functional.relu'."""

    name: str
    samples: Callable[[np.random.Generator], list[Sample]]
    bad: tuple[Bad, ...] = ()
    torch: str | None = ""  # dotted name below torch; "": the same name; None: torch has no such function
    reference: Callable | None = None  # NumPy function of the same arguments
    rtol: float = 1e-6  # relative tolerance of values in float64 against torch and reference
    method: bool = False  # call it as a method of its first argument

    @property
    def torch_name(self) -> str | None:
        return self.name if self.torch == "" else self.torch


CASES: dict[str, OpCase] = {}


def case(name: str, samples: Callable[[np.random.Generator], list[Sample]], *bad: Bad, **fields: Any) -> OpCase:
    """Register the samples of one operation."""
    if name in CASES:
        raise ValueError(f"samples of {name!r} are given twice")
    CASES[name] = found = OpCase(name, samples, bad, **fields)
    return found


def arrays(
    rng: np.random.Generator, *shapes: tuple, low: float = -2.0, high: float = 2.0, dtype: Any = np.float64
) -> list[np.ndarray]:
    """Uniform random arrays in [low, high)."""
    return [np.asarray(rng.uniform(low, high, s)).astype(dtype) for s in shapes]


def layouts(
    rng: np.random.Generator, low: float = -2.0, high: float = 2.0, dtype: Any = np.float64
) -> list[np.ndarray]:
    """The layouts every elementwise op meets: 0-d, vector, matrix, empty, transposed, strided, negative strides."""
    base = rng.uniform(low, high, (4, 6)).astype(dtype)
    return [base[0, 0].copy().reshape(()), base[0].copy(), base, base[:0], base.T, base[::2, 1::2], base[::-1, ::-1]]
