"""Distances and similarities between vectors."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact, result_dtype
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .arithmetic import pow
from .comparison import where
from .embedding import rows_p
from .exponential import sqrt
from .extrema import amax
from .kits import shown_as
from .reductions import sum_p
from .rounding import clamp
from .shape import canonical_dim, cast_p


def safe_root(x: Any, p: float) -> Any:
    """x ** (1 / p) for x >= 0, with derivative 0 (not infinity) at 0."""
    positive = x > 0
    guarded = where(positive, x, 1.0)
    return where(positive, sqrt(guarded) if p == 2 else pow(guarded, 1.0 / p), 0.0)


def p_norm(x: Any, p: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    """(sum |x|^p)^(1/p) over `axes`; p may be 0 (count of nonzeros) and infinity. The derivative at 0 is 0."""
    axes = axes if raw_shape(x) else ()  # a single number is its own only element along dim 0
    size = abs(x) if p != 2 or raw_dtype(x).kind == "c" else x
    if p == 2:
        return safe_root(sum_p(size * size, axes=axes, keepdims=keepdims), 2)
    if p == inf:
        return amax(size, axes, keepdims)
    if p == 1:
        return sum_p(size, axes=axes, keepdims=keepdims)
    if p == 0:
        return sum_p(cast_p(size > 0, dtype=raw_dtype(size)), axes=axes, keepdims=keepdims)
    positive = size > 0
    powers = where(positive, pow(where(positive, size, 1.0), p), 0.0)
    return safe_root(sum_p(powers, axes=axes, keepdims=keepdims), p)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along `dim`; x1 and x2 broadcast.

    Floating dtypes; `dim` goes from the broadcast shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.cosine_similarity(cr.tensor([1., 0.]), cr.tensor([1., 1.]), dim=0)
    tensor(0.7071)
    """
    from .shape import broadcast_to_p

    shape = np.broadcast_shapes(raw_shape(x1), raw_shape(x2))
    axes = (canonical_dim(dim, len(shape)),)
    dtype = result_dtype((x1, x2))
    x1, x2 = (x if is_inexact(raw_dtype(x)) else cast_to(x, dtype) for x in (x1, x2))
    x1, x2 = (x if raw_shape(x) == shape else broadcast_to_p(x, shape=shape) for x in (x1, x2))
    first, second = (x / clamp(p_norm(x, 2, axes, True), eps) for x in (x1, x2))
    return sum_p(first * second, axes=axes if shape else (), keepdims=False)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """|x1 - x2 + eps| in the norm of order p, along the last dimension.

    (N, D) and (N, D), or (D) and (D); the result is (N) or 0-d, (N, 1) with keepdim=True. Floating dtypes.

    >>> import chainrule as cr
    >>> cr.pairwise_distance(cr.tensor([[3.0, 4.0]]), cr.zeros(1, 2), eps=0.0)
    tensor([5.])
    """
    difference = x1 - x2 + eps
    ndim = len(raw_shape(difference))
    if not ndim:
        raise ShapeError("pairwise_distance: expected vectors (..., D), got shape ()")
    return p_norm(difference, p, (ndim - 1,), keepdim)


@shown_as("PdistBackward0")
def pdist(input: Any, p: float = 2.0) -> Any:
    """Distances between all pairs of rows i < j of an (N, M) matrix, in the order (0,1), (0,2), ... : N (N-1) / 2.

    The result is 1-D of N (N - 1) / 2 elements, in the dtype of the input.

    >>> import chainrule as cr
    >>> cr.pdist(cr.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    shape = raw_shape(input)
    if len(shape) != 2:
        raise ShapeError(f"pdist only supports 2D tensors, got: {len(shape)}D")
    if p < 0:
        raise ArgumentError(f"pdist only supports non-negative p values, got {p}")
    first, second = np.triu_indices(shape[0], 1)
    return p_norm(rows_p(input, first, axis=0) - rows_p(input, second, axis=0), p, (1,), False)


__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]
METHODS = ()
INPLACE = ()
