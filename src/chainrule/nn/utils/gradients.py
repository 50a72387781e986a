"""Clipping of gradients, and parameters as one vector."""

from __future__ import annotations

import warnings
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
    """The norm of all tensors as if they were one vector.

    Tensors of any shapes; the norm is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.utils.get_total_norm([cr.tensor([3.0]), cr.tensor([4.0])])
    tensor(5.)
    """
    from ...ops.joining import stack
    from ...ops.statistics import norm

    values = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not values:
        return wrap(np.array(0.0, np.float32))
    with no_grad():
        total = norm(stack([norm(t.detach(), norm_type) for t in values]), norm_type)  # type: ignore[attr-defined]
    if error_if_nonfinite and not np.isfinite(total.item()):
        raise GraphError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it cannot "
            f"be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            f"`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Scale gradients by max_norm / total_norm where that is less than 1.

    Parameters of any shape; total_norm is 0-d.

    >>> import chainrule as cr
    >>> p = cr.zeros(2, requires_grad=True)
    >>> p.grad = cr.tensor([3.0, 4.0])
    >>> cr.nn.utils.clip_grads_with_norm_([p], 1.0, cr.tensor(5.0))
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
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
    """Scale all gradients so that their total norm is at most max_norm; returns the norm before.

    Parameters of any shape; the norm is a 0-d tensor. Pascanu et al. 2013.

    >>> import chainrule as cr
    >>> p = cr.zeros(2, requires_grad=True)
    >>> p.grad = cr.tensor([3.0, 4.0])
    >>> cr.nn.utils.clip_grad_norm_([p], max_norm=1.0), p.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm([p.grad for p in _with_gradients(given)], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(given, max_norm, total)
    return total


def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient entry to [-clip_value, clip_value].

    Parameters of any shape.

    >>> import chainrule as cr
    >>> p = cr.zeros(2, requires_grad=True)
    >>> p.grad = cr.tensor([3.0, -0.5])
    >>> cr.nn.utils.clip_grad_value_([p], 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    with no_grad():
        for p in _with_gradients(parameters):
            p.grad.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """All parameters as one vector.

    Tensors of any shapes and one dtype.

    >>> import chainrule as cr
    >>> cr.nn.utils.parameters_to_vector([cr.tensor([[1.0]]), cr.tensor([2.0, 3.0])])
    tensor([1., 2., 3.])
    """
    from ...ops.joining import cat

    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give parameters the values of one vector.

    The vector is 1-D, with as many elements as all parameters together.

    >>> import chainrule as cr
    >>> p = cr.nn.Parameter(cr.zeros(2))
    >>> cr.nn.utils.vector_to_parameters(cr.tensor([1.0, 2.0]), [p])
    >>> p.tolist()
    [1.0, 2.0]
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        n = p.numel()
        if start + n > raw_shape(vec)[0]:
            raise ArgumentError(f"the vector has {raw_shape(vec)[0]} entries, fewer than the parameters")
        p.data = vec[start : start + n].reshape(p.shape).detach().clone()  # type: ignore[index]
        start += n


def clip_grad_norm(parameters: Any, max_norm: float, norm_type: float = 2.0, **options: Any) -> Any:
    """The older name of clip_grad_norm_: gradients of parameters of any shape, scaled in place.

    >>> import chainrule as cr, warnings
    >>> p = cr.zeros(2, requires_grad=True)
    >>> p.grad = cr.tensor([3.0, 4.0])
    >>> with warnings.catch_warnings(action="ignore"):
    ...     cr.nn.utils.clip_grad_norm([p], 1.0)
    tensor(5.)
    """
    text = "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`."
    warnings.warn(text, FutureWarning, stacklevel=2)
    return clip_grad_norm_(parameters, max_norm, norm_type, **options)


def skip_init(module_class: type, *args: Any, **kwargs: Any) -> Any:
    """A module whose parameters have their shapes and dtypes, but values that mean nothing: to be loaded or set.

    >>> import chainrule as cr
    >>> cr.nn.utils.skip_init(cr.nn.Linear, 3, 2).weight.shape
    torch.Size([2, 3])
    """
    return module_class(*args, **kwargs)
