"""Broadcasting is undone here and nowhere else."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..core.primitive import PRIMITIVES
from ..core.value import raw_shape

ndarray = np.ndarray


@lru_cache(maxsize=4096)
def summed_axes(have: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes of `have` along which an operand of `shape` was repeated; None if it was not broadcast to `have`."""
    extra = len(have) - len(shape)
    if extra < 0 or any(n not in (1, m) for m, n in zip(have[extra:], shape, strict=True)):
        return None
    return (*range(extra), *(i + extra for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1))


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an operand of `shape` that was broadcast, from the cotangent `g` of the broadcast result."""
    have = raw_shape(g)
    if have == shape:
        return g
    axes = summed_axes(have, shape)
    if axes is None:  # a rule returned a cotangent smaller than its operand (a constant)
        return PRIMITIVES["broadcast_to"](g, shape=shape)
    if type(g) is ndarray:
        return np.add.reduce(g, axis=axes).reshape(shape)
    if axes:
        leading = len(have) - len(shape) == len(axes) and axes[-1] == len(axes) - 1
        g = PRIMITIVES["sum"](g, axes=axes, keepdims=not leading)
    if raw_shape(g) != shape:
        g = PRIMITIVES["reshape"](g, shape=shape)
    return g
