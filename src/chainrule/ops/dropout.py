"""Dropout and its kin: random zeros in training, nothing otherwise."""

from __future__ import annotations

import warnings
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

    A tensor of any shape and a floating dtype; the result has both.

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout(cr.ones(2), training=False)
    tensor([1., 1.])
    """
    return _dropped(input, p, training, inplace, raw_shape(input))


def _channels(name: str, input: Any, ndims: tuple, batched: int) -> tuple:
    """Shape of one draw per channel; a 2D input of dropout2d and dropout3d is (N, C), with PyTorch's warning."""
    shape = raw_shape(input)
    if len(shape) not in ndims:
        text = f"{name}: Expected {' or '.join(f'{n}D' for n in ndims)} input, but received a {len(shape)}D input"
        if name == "dropout1d" or len(shape) < 2:
            raise ShapeError(text)
        warnings.warn(f"{text}: its elements are dropped one by one; write dropout for that", stacklevel=3)
        return (*shape[:2], *(1,) * (len(shape) - 2))
    lead = 2 if len(shape) >= batched else 1
    return (*shape[:lead], *(1,) * (len(shape) - lead))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of signals (N, C, L) or (C, L).

    Floating dtypes; the result has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout1d(cr.ones(1, 2, 3), 0.5, training=False).shape
    torch.Size([1, 2, 3])
    """
    return _dropped(input, p, training, inplace, _channels("dropout1d", input, (2, 3), 3))


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of images (N, C, H, W); a 3D input is (N, C, L), as in PyTorch.

    Floating dtypes; the result has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout2d(cr.ones(1, 2, 3, 3), 0.5, training=False).shape
    torch.Size([1, 2, 3, 3])
    """
    return _dropped(input, p, training, inplace, _channels("dropout2d", input, (3, 4), 3))


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """dropout of whole channels of volumes (N, C, D, H, W) or (C, D, H, W).

    Floating dtypes; the result has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.dropout3d(cr.ones(1, 2, 3, 3, 3), 0.5, training=False).shape
    torch.Size([1, 2, 3, 3, 3])
    """
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
    """Dropout that keeps mean 0 and variance 1: dropped elements get selu's limit, then all are rescaled.

    Input of any shape and a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.alpha_dropout(cr.tensor([1.0, 2.0]), 0.5, training=False)
    tensor([1., 2.])
    """
    return _alpha_dropped(input, p, training, inplace, raw_shape(input))


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """alpha_dropout of whole channels (dimension 1).

    Input (N, C, ...) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.feature_alpha_dropout(cr.ones(1, 2, 2), 0.5, training=False).shape
    torch.Size([1, 2, 2])
    """
    shape = raw_shape(input)
    if len(shape) < 2:
        raise ShapeError(f"Feature dropout requires at least 2 dimensions in the input, got {list(shape)}")
    return _alpha_dropped(input, p, training, inplace, (*shape[:2], *(1,) * (len(shape) - 2)))


__all__ = ["dropout", "alpha_dropout", "feature_alpha_dropout"]
METHODS = ()
INPLACE = ()
