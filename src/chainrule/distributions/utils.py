"""What distributions share: parameters made tensors and broadcast, probabilities and logits, values computed once."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from ..core.dtypes import from_numpy_dtype, get_default_dtype
from ..core.errors import ArgumentTypeError
from ..core.value import Tensor, raw_dtype
from ..ops.joining import broadcast_tensors
from ..ops.softmax import softmax
from ..tensor.creation import tensor
from ..tensor.modes import enable_grad

__all__ = ["broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits"]


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
    import numpy as np

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


def one_of(probs: Any, logits: Any) -> None:
    """Exactly one of the two is given."""
    if (probs is None) == (logits is None):
        from ..core.errors import ArgumentError

        raise ArgumentError("Either `probs` or `logits` must be specified, but not both.")
