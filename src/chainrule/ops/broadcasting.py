"""Broadcasting is undone here and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import raw_shape

ndarray = np.ndarray


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """The cotangent of an operand of `shape` that was broadcast, from the cotangent `g` of the broadcast result."""
    have = raw_shape(g)
    if have == shape:
        return g
    from .reductions import sum_p
    from .shape import broadcast_to_p, reshape_p

    extra = len(have) - len(shape)
    if extra < 0 or any(n not in (1, m) for m, n in zip(have[extra:], shape, strict=True)):
        return broadcast_to_p(g, shape=shape)  # a rule returned a cotangent smaller than its operand (a constant)
    lead = tuple(range(extra))
    axes = lead + tuple(i + extra for i, n in enumerate(shape) if n == 1 and have[i + extra] != 1)
    if type(g) is ndarray:
        return np.add.reduce(g, axis=axes, keepdims=True).reshape(shape)
    g = sum_p(g, axes=axes, keepdims=True) if axes else g
    if raw_shape(g) != shape:
        g = reshape_p(g, shape=shape)
    small = raw_shape(g)
    return g if small == shape else broadcast_to_p(g, shape=shape)
