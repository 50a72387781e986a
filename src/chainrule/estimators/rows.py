"""The samples of a data set, as a model takes them: batches of rows, dense or sparse, of a table or of sequences."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length

from .. import from_numpy
from ..core.errors import ArgumentError


@dataclass
class Rows:
    """Samples: a table (n, features), dense or sparse, or padded sequences (n, longest, features).

    `step` is set where a table's columns are sequences written out, `step` columns for each time step. `lengths` is set
    where sequences differ in length; what lies beyond a sequence's length is padding.
    """

    values: Any
    step: int | None = None
    lengths: np.ndarray | None = None

    def __len__(self) -> int:
        return self.values.shape[0]

    def take(self, rows: Any) -> Rows:
        """The samples with these numbers, or in this slice."""
        return Rows(self.values[rows], self.step, None if self.lengths is None else self.lengths[rows])

    def inputs(self, dtype: Any) -> tuple:
        """What the model is called with: one tensor, and the lengths if there are any."""
        values = self.values.toarray() if sparse.issparse(self.values) else self.values
        if self.lengths is not None:
            values = values[:, : self.lengths.max()]
        elif self.step is not None:
            values = values.reshape(len(values), -1, self.step)
        tensor = from_numpy(np.array(values, dtype=dtype))
        return (tensor,) if self.lengths is None else (tensor, self.lengths.tolist())


def is_list_of_sequences(X: Any) -> bool:
    """Whether X is a list of (length, features) arrays, which may differ in length."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if not isinstance(X, (list, tuple)) or not X or sparse.issparse(X[0]):
        return False
    return (np.ndim(X[0]) if isinstance(X[0], (list, tuple)) else getattr(X[0], "ndim", 0)) == 2


def pad(X: Any, dtype: Any) -> Rows:
    """A list of (length, features) arrays as one array (n, longest, features), checked: finite and equally wide."""
    found = [check_array(x, dtype=dtype, ensure_min_samples=1, input_name=f"X[{i}]") for i, x in enumerate(X)]
    widths = sorted({x.shape[1] for x in found})
    if len(widths) > 1:
        raise ArgumentError(
            f"X: sequences of {', '.join(map(str, widths))} features per step cannot be mixed; every sequence must be "
            f"of shape (its own length, {widths[0]}), for example"
        )
    lengths = np.array([len(x) for x in found])
    values = np.zeros((len(found), lengths.max(), widths[0]), np.result_type(*found))
    for row, x in zip(values, found, strict=True):
        row[: len(x)] = x
    return Rows(values, lengths=None if (lengths == lengths[0]).all() else lengths)


def check_weights(sample_weight: Any, n: int) -> np.ndarray:
    """One float64 weight of at least 0 per sample, at least one above 0; ones if None, and a number counts for all."""
    if sample_weight is None:
        return np.ones(n)
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise ArgumentError(f"sample_weight must be 1D, one number per sample; got the shape {weights.shape}")
    check_consistent_length(weights, np.empty(n))
    if (weights < 0).any():
        raise ArgumentError("sample_weight must not be negative; leave a sample out by giving it the weight 0")
    if not weights.any():
        raise ArgumentError("sample_weight: all weights are zero; at least one sample must have a weight above zero")
    return weights
