"""Uninitialised parameters in the default dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import default, numpy_dtype
from ..core.value import wrap


def empty(*shape: int, dtype: Any = None) -> Any:
    """A tensor to be initialised by its module."""
    return wrap(np.zeros(shape, default.float if dtype is None else numpy_dtype(dtype)))


def full(value: float, *shape: int, dtype: Any = None) -> Any:
    """A tensor of one value."""
    return wrap(np.full(shape, value, default.float if dtype is None else numpy_dtype(dtype)))
