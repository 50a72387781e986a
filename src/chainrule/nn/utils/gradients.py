"""Clipping of gradients, and parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, GraphError
from ...core.value import Tensor, raw_shape, wrap
from ...tensor.modes import no_grad


def _with_gradients(parameters: Any) -> list[Any]:
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    return [p for p in given if p.grad is not None]


def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """The norm of all tensors as if they were one vector."""
    from ...ops.joining import stack
    from ...ops.statistics import norm

    values = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not values:
        return wrap(np.array(0.0, np.float32))
    with no_grad():
        total = norm(stack([norm(t.detach(), norm_type) for t in values]), norm_type)  # type: ignore[attr-defined]
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise GraphError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            f"clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            f"`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scale gradients by max_norm / total_norm where that is less than 1."""
    scale = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    with no_grad():
        for p in _with_gradients(parameters):
            p.grad.mul_(scale.to(p.grad.dtype))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale all gradients so that their total norm is at most max_norm; returns the norm before."""
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm([p.grad for p in _with_gradients(given)], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(given, max_norm, total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient entry to [-clip_value, clip_value]."""
    with no_grad():
        for p in _with_gradients(parameters):
            p.grad.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters as one vector."""
    from ...ops.joining import cat

    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give parameters the values of one vector."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        n = p.numel()
        if start + n > raw_shape(vec)[0]:
            raise ArgumentError(f"the vector has {raw_shape(vec)[0]} entries, fewer than the parameters")
        p.data = vec[start : start + n].reshape(p.shape).detach().clone()  # type: ignore[index]
        start += n
