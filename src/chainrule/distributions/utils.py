"""What distributions share: parameters made tensors and broadcast, probabilities and logits, values computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy_dtype, get_default_dtype
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.value import Tensor, raw_dtype, wrap
from ..ops.joining import broadcast_tensors, cat
from ..ops.softmax import softmax
from ..tensor.creation import tensor
from ..tensor.modes import enable_grad

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors of one shape; numbers get the dtype of the tensors among the values, or the default float."""
    for x in values:
        if not isinstance(x, (Tensor, int, float)):
            raise ArgumentTypeError(
                f"Input arguments must all be instances of Number or Tensor, got {type(x).__name__}; write tensor(...)"
            )
    dtypes = [x.dtype for x in values if isinstance(x, Tensor)]
    kind = dtypes[0] if dtypes else get_default_dtype()
    return tuple(broadcast_tensors(*(x if isinstance(x, Tensor) else tensor(x, dtype=kind) for x in values)))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1 by the dtype's rounding unit, so that their logits are finite."""
    eps = float(np.finfo(from_numpy_dtype(raw_dtype(probs)).dtype).eps)
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """softmax(logits) over the last dimension, or sigmoid(logits)."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """log probs, or log(probs / (1 - probs))."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if is_binary else p.log()


class lazy_property:  # noqa: N801 (PyTorch's name)
    """A method whose value is computed on first access and then kept as a plain attribute."""

    def __init__(self, wrapped: Callable) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # pyright: ignore[reportArgumentType]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        instance.__dict__[self.wrapped.__name__] = value
        return value


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Matrices whose lower triangles, from the diagonal `diag` down, hold the last dimension of `vec`, row by row.

    >>> vec_to_tril_matrix(cr.tensor([1.0, 2.0, 3.0]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    length = vec.shape[-1]
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * length + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    rows, columns = np.tril_indices(n, diag)
    place = np.full((n, n), length)
    place[rows, columns] = np.arange(len(rows))
    padded = cat([vec, vec.new_zeros(*vec.shape[:-1], 1)], -1)
    return padded[..., wrap(place)]


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The lower triangles of matrices, from the diagonal `diag` down, row by row; inverse of vec_to_tril_matrix.

    >>> tril_matrix_to_vec(cr.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = np.tril_indices(n, diag)
    return mat[..., wrap(rows), wrap(columns)]


def one_of(probs: Any, logits: Any) -> None:
    """Exactly one of the two is given."""
    if (probs is None) == (logits is None):
        raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")
