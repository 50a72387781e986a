"""Batches: their input and target, their number of rows, and means of numbers over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.value import Tensor, raw_shape
from ..utils.data import default_convert


def input_and_target(batch: Any) -> tuple[Any, Any]:
    """The two parts of a batch (x, target); of a longer one, all but the last part are inputs."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        seen = f"a {type(batch).__name__}" + (f" of {len(batch)} parts" if isinstance(batch, (tuple, list)) else "")
        raise ArgumentTypeError(
            f"fit: data gave {seen}, but a batch is a pair (input, target). Give pairs, or pass "
            f"compute=lambda model, batch: (loss, output, target), which may take a batch apart as it likes"
        )
    parts = [default_convert(part) for part in batch]
    return (parts[0] if len(parts) == 2 else tuple(parts[:-1])), parts[-1]


def called(model: Any, x: Any) -> Any:
    """The model's output for an input, a tuple or list of inputs, or a dict of named inputs."""
    if isinstance(x, dict):
        return model(**x)
    return model(*x) if isinstance(x, (tuple, list)) else model(x)


def rows(*values: Any) -> int:
    """The number of rows of the first array with any; 1 if there is none."""
    for x in values:
        if isinstance(x, (Tensor, np.ndarray)):
            if raw_shape(x):
                return raw_shape(x)[0]
        elif isinstance(x, (tuple, list, dict)):
            inner = rows(*(x.values() if isinstance(x, dict) else x))
            if inner != 1:
                return inner
    return 1


class Means:
    """Means of named numbers, weighted by rows.

    >>> means = Means(); means.add("loss", 1.0, 3); means.add("loss", 5.0, 1); means.results()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.weights: dict[str, int] = {}

    def add(self, name: str, value: float, weight: int) -> None:
        """Count a value `weight` times."""
        self.sums[name] = self.sums.get(name, 0.0) + value * weight
        self.weights[name] = self.weights.get(name, 0) + weight

    def results(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / max(self.weights[name], 1) for name, total in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Sums and weights."""
        return {"sums": self.sums, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what state_dict() gave."""
        self.sums, self.weights = dict(state["sums"]), dict(state["weights"])


def accuracy(output: Any, target: Any) -> float:
    """The share of rows whose largest output is the target class; for one output per row, of equal signs (logits).

    Args:
        output: (rows, classes), or (rows,) or (rows, 1) logits of class 1.
        target: (rows,) class numbers, or (rows, classes) probabilities; (rows,) or (rows, 1) of 0 and 1.

    >>> import chainrule as cr
    >>> accuracy(cr.tensor([[2.0, 1.0], [0.0, 3.0]]), cr.tensor([0, 0]))
    0.5
    """
    a, b = (np.asarray(x.detach()._data if isinstance(x, Tensor) else x) for x in (output, target))
    if a.ndim < 2 or a.shape[1] == 1:
        return float(np.mean((a.reshape(-1) > 0) == (b.reshape(-1) > 0.5)))
    if b.shape == a.shape:
        b = b.argmax(1)
    return float(np.mean(a.argmax(1) == b))
