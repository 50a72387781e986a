"""Dropout and its kin: random zeros in training, nothing otherwise."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .random import uniform
from .shape import cast_p

ALPHA = -1.7580993408473766  # the value that selu takes at minus infinity


def uniform_like(x: Any) -> Any:
    """Uniform random numbers in [0, 1) of the shape and dtype of x."""
    return uniform(raw_shape(x), raw_dtype(x))


def _check(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout probability has to be between 0 and 1, but got {p}")


def _kept(x: Any, p: float, shape: tuple) -> Any:
    """Ones with probability 1 - p, zeros otherwise, in the dtype of x."""
    return cast_p(uniform(shape, raw_dtype(x)) >= p, dtype=raw_dtype(x))


def _dropped(x: Any, p: float, training: bool, inplace: bool, shape: tuple) -> Any:
    _check(p)
    if not training or p == 0.0:
        return x
    y = x * 0.0 if p == 1.0 else x * (_kept(x, p, shape) * (1.0 / (1.0 - p)))
    return x.copy_(y) if inplace else y


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """In training: zero with probability p, else x / (1 - p), so that the mean stays.

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout(cr.ones(2), training=False)
    tensor([1., 1.])
    """
    return _dropped(input, p, training, inplace, raw_shape(input))


def _channels(name: str, input: Any, ndims: tuple, batched: int) -> tuple:
    """Shape of one draw per channel."""
    shape = raw_shape(input)
    if len(shape) not in ndims:
        raise ShapeError(
            f"{name}: Expected {' or '.join(f'{n}D' for n in ndims)} input, but received a {len(shape)}D input"
        )
    lead = 2 if len(shape) >= batched else 1
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of signals (N, C, L) or (C, L)."""
    return _dropped(input, p, training, inplace, _channels("dropout1d", input, (2, 3), 3))


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of images (N, C, H, W); a 3D input is (N, C, L), as in PyTorch."""
    return _dropped(input, p, training, inplace, _channels("dropout2d", input, (3, 4), 3))


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of volumes (N, C, D, H, W) or (C, D, H, W)."""
    return _dropped(input, p, training, inplace, _channels("dropout3d", input, (4, 5), 5))


def _alpha_dropped(x: Any, p: float, training: bool, inplace: bool, shape: tuple) -> Any:
    _check(p)
    if not training or p == 0.0:
        return x
    if p == 1.0:
        y = x * 0.0
    else:
        a = ((1.0 - p) * (1.0 + p * ALPHA * ALPHA)) ** -0.5
        keep = _kept(x, p, shape)
        y = x * (keep * a) + ((1.0 - keep) * (a * ALPHA) - a * ALPHA * p)
    return x.copy_(y) if inplace else y


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean 0 and variance 1: dropped elements get selu's limit, then all are rescaled."""
    return _alpha_dropped(input, p, training, inplace, raw_shape(input))


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """alpha_dropout of whole channels (dimension 1)."""
    shape = raw_shape(input)
    if len(shape) < 2:
        raise ShapeError(f"Feature dropout requires at least 2 dimensions in the input, got {list(shape)}")
    return _alpha_dropped(input, p, training, inplace, (*shape[:2], *(1,) * (len(shape) - 2)))


__all__ = ["dropout", "alpha_dropout", "feature_alpha_dropout"]
METHODS = ()
INPLACE = ()
