"""Rows reduced by an index, and norms of slices."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .comparison import where
from .distance import p_norm
from .scatter import scatter_reduce
from .shape import broadcast_to_p, canonical_dim, reshape_p

__all__ = ["index_reduce", "norm_except_dim", "renorm"]
METHODS = ("index_reduce", "renorm")
INPLACE = ("index_reduce", "renorm")

HOW = ("prod", "mean", "amax", "amin")


def index_reduce(input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Any:
    """A copy of `input` whose slice index[k] holds the "prod", "mean", "amax" or "amin" of slices k of `source`.

    With `include_self` what was there counts too. `index` is 1-D, int32 or int64; `source` has the shape of `input`
    but for the size of `dim`, and its dtype.

    >>> import chainrule as cr
    >>> cr.index_reduce(cr.ones(2), 0, cr.tensor([1, 1]), cr.tensor([2.0, 3.0]), "prod")
    tensor([1., 6.])
    """
    if reduce not in HOW:
        raise ArgumentError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    shape, dims = raw_shape(source), len(raw_shape(input))
    d = canonical_dim(dim, dims)
    if len(raw_shape(index)) > 1 or (shape and raw_shape(index) and raw_shape(index)[0] != shape[d]):
        raise ShapeError(
            f"index_reduce(): Number of indices {raw_shape(index)} should be equal to the size of dimension {dim} of "
            f"source, of shape {shape}"
        )
    lined = reshape_p(index, shape=tuple(-1 if i == d else 1 for i in range(dims))) if dims else index
    spread = broadcast_to_p(lined, shape=shape) if shape else reshape_p(lined, shape=())
    return scatter_reduce(input, d, spread, source, reduce, include_self=include_self)


def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Any:
    """Each slice along `dim` scaled down so that its p-norm is at most `maxnorm`.

    For 2 or more dimensions, floating or complex dtypes; the result has the shape and dtype of `input`.

    >>> import chainrule as cr
    >>> cr.renorm(cr.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    if p <= 0:
        raise ArgumentError(f"renorm: non-positive-norm not supported, got p={p}")
    if maxnorm < 0:
        raise ArgumentError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    dims = len(raw_shape(input))
    if dims < 2:
        raise ShapeError(f"renorm: input needs at least 2 dimensions, got {dims} dimensions")
    if not is_inexact(raw_dtype(input)):
        raise DTypeError(f"renorm: expected a floating or complex tensor, got {raw_dtype(input)}; write x.float()")
    d = canonical_dim(dim, dims)
    norms = p_norm(input, p, tuple(i for i in range(dims) if i != d), True)
    return input * where(norms > maxnorm, maxnorm / (norms + 1e-7), 1.0)


def norm_except_dim(v: Any, pow: float = 2, dim: int = 0) -> Any:
    """The p-norm, p = `pow`, over all dimensions but `dim`, which keep size 1; of all of them for dim=-1 (0-d).

    Floating or complex dtypes; the result is real.

    >>> import chainrule as cr
    >>> cr.norm_except_dim(cr.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0)
    tensor([[5.],
            [1.]])
    """
    dims = len(raw_shape(v))
    if dim == -1:
        return p_norm(v, pow, tuple(range(dims)), False)
    d = canonical_dim(dim, dims)
    return p_norm(v, pow, tuple(i for i in range(dims) if i != d), True)
