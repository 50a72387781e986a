"""Medians, modes and quantiles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import F32, F64, INT64
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape, wrap
from .extrema import by_dim, evenly, nonempty, ordered, pick_p
from .kits import opaque
from .reductions import (
    ALL_AXES,
    count_over,
    finish_out,
    mean_p,
    reduced_shape,
    return_type,
    to_float,
)
from .shape import canonical_dim, cast_p, permute_p, reshape_p
from .sorting import median_along_p, mode_p, nanmedian_along_p, sort_p

# ---- median, mode, quantiles ----------------------------------------------------------------------------------------


def _median_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return _middle(xp, x, axes, keepdims, False)


def _nanmedian_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return _middle(xp, x, axes, keepdims, True)


def _middle(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool, ignore_nan: bool) -> Any:
    """The lower median over the last axes, which is all that is asked for."""
    lead = x.shape[: x.ndim - len(axes)]
    rows = xp.sort(x.reshape(*lead, count_over(x.shape, axes)), axis=-1)
    n = rows.shape[-1]
    left = n - xp.count_nonzero(rows != rows, axis=-1, keepdims=True)
    place = xp.maximum(left - 1, 0) // 2 if ignore_nan else xp.where(left < n, n - 1, (n - 1) // 2)
    return xp.take_along_axis(rows, place, -1).reshape(reduced_shape(x.shape, axes, keepdims))


median_p = evenly("median", _median_impl, "The lower median of all elements; NaN if there is one.")
nanmedian_p = evenly("nanmedian", _nanmedian_impl, "The lower median of all elements that are not NaN.")
median_result = return_type("median", "values", "indices")
nanmedian_result = return_type("nanmedian", "values", "indices")
mode_result = return_type("mode", "values", "indices")


def _median(name: str, everywhere: Any, along: Any, result: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    ordered(name, input)
    shape = raw_shape(input)
    if dim is not None:

        def choose(x: Any, axis: int) -> Any:
            nonempty(name, raw_shape(x), (axis,))
            return along(x, axis=axis, keepdims=bool(keepdim))

        return result(*by_dim(choose, name, input, dim))
    if 0 in shape:
        return mean_p(to_float(input), axes=ALL_AXES[len(shape)], keepdims=False)  # NaN
    return everywhere(input, axes=ALL_AXES[len(shape)], keepdims=False)


def median(input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None) -> Any:
    """Median of all elements, or (values, indices) along `dim`; the lower of the two middle ones. NaN if there is one.

    >>> import chainrule as cr
    >>> cr.median(cr.tensor([4., 1., 3., 2.]))
    tensor(2.)
    """
    dim, keepdim = (dim if axis is None else axis), (keepdim if keepdims is None else keepdims)
    return _median("median", median_p, median_along_p, median_result, input, dim, keepdim)


def nanmedian(input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None) -> Any:
    """Median, without the elements that are NaN, of all elements, or (values, indices) along `dim`.

    >>> import chainrule as cr
    >>> cr.nanmedian(cr.tensor([1.0, cr.nan, 3.0]))
    tensor(1.)
    """
    dim, keepdim = (dim if axis is None else axis), (keepdim if keepdims is None else keepdims)
    return _median("nanmedian", nanmedian_p, nanmedian_along_p, nanmedian_result, input, dim, keepdim)


def mode(input: Any, dim: Any = -1, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None) -> Any:
    """The most frequent element along `dim`, the smallest of them, and where it is last: (values, indices).

    >>> import chainrule as cr
    >>> cr.mode(cr.tensor([1., 2., 2., 3., 1.])).values
    tensor(1.)
    """
    ordered("mode", input)
    keepdim = bool(keepdim if keepdims is None else keepdims)

    def choose(x: Any, axis: int) -> Any:
        nonempty("mode", raw_shape(x), (axis,))
        return mode_p(x, axis=axis, keepdims=keepdim)

    return mode_result(*by_dim(choose, "mode", input, dim, axis))


_ROUNDING = {"floor": np.floor, "ceil": np.ceil, "nearest": np.rint}

round_index_p = opaque(
    "round_index",
    lambda xp, x, *, how: xp.asarray(_ROUNDING[how](x)).astype(INT64),
    aval=lambda x, *, how: Spec(x.shape, INT64),
    vjp=(None,),
    batch=lambda prim, args, b, *, how: prim(args[0], how=how),
    notation="{}",
    doc="Nearby whole numbers (floor, ceil or nearest) as int64 indices.",
)


def _ranks_impl(xp: Any, rows: Any, *, ignore_nan: bool) -> tuple:
    n, last = rows.shape[-1], rows[..., -1:]
    if ignore_nan:
        count = xp.count_nonzero(rows == rows, axis=-1, keepdims=True)
        return xp.zeros(last.shape, rows.dtype), xp.maximum(count - 1, 0).astype(rows.dtype)
    nan = last != last
    return xp.where(nan, n - 1, 0).astype(rows.dtype), xp.where(nan, 0, n - 1).astype(rows.dtype)


def _ranks_spec(rows: Any, *, ignore_nan: bool) -> tuple:
    spec = Spec((*rows.shape[:-1], 1), rows.dtype)
    return spec, spec


ranks_p = opaque(
    "ranks",
    _ranks_impl,
    aval=_ranks_spec,
    vjp=(lambda g, ans, rows, *, ignore_nan: None,),  # constant almost everywhere
    jvp=lambda prim, tangents, ans, rows, *, ignore_nan: (None, None),
    batch=lambda prim, args, b, *, ignore_nan: prim(args[0], ignore_nan=ignore_nan),
    n_out=2,
    notation="ranks({})",
    doc="(first, span) of sorted rows, so that quantile q has rank first + q span; a NaN is taken if one decides.",
)


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore_nan: bool) -> Any:
    have, shape = raw_dtype(input), raw_shape(input)
    if have not in (F32, F64):
        raise DTypeError(f"{name}() input tensor must be either float or double dtype, got {have}; write x.float()")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ArgumentError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if isinstance(q, (int, float)):
        if not 0 <= q <= 1:
            raise ArgumentError(f"{name}() q must be in the range [0, 1] but got {q}")
        q = wrap(np.asarray(q, have))
    elif not hasattr(q, "shape"):
        raise ArgumentTypeError(f"{name}(): argument 'q' must be a tensor or a number, not {type(q).__name__}")
    if raw_dtype(q) != have:
        raise DTypeError(f"{name}() q tensor must be same dtype as the input tensor: {raw_dtype(q)} and {have}")
    many = raw_shape(q)
    if len(many) > 1:
        raise ShapeError(f"{name}() q must be a scalar or 1D tensor, got shape {many}")
    if 0 in shape:
        raise ArgumentError(f"{name}() input tensor must be non-empty, got shape {shape}")
    if dim is None:
        kept, lead = (1,) * len(shape), ()
        rows = reshape_p(input, shape=(count_over(shape, ALL_AXES[len(shape)]),))
        position = 0
    else:
        position = canonical_dim(int(dim), len(shape))
        others = [i for i in range(len(shape)) if i != position]
        kept, lead = reduced_shape(shape, (position,), True), tuple(shape[i] for i in others)
        rows = permute_p(input, dims=(*others, position)) if shape else reshape_p(input, shape=(1,))
    axis = len(lead)
    rows, _ = sort_p(rows, axis=axis, keepdims=True, descending=False)
    first, span = ranks_p(rows, ignore_nan=ignore_nan)
    rank = first + span * reshape_p(q, shape=(count_over(many, ALL_AXES[len(many)]),))
    found = _interpolated(rows, rank, axis, interpolation)
    found = permute_p(found, dims=(axis, *range(axis)))  # the quantiles first
    return reshape_p(found, shape=(*many, *(kept if keepdim else lead)))


def _interpolated(rows: Any, rank: Any, axis: int, interpolation: str) -> Any:
    """Elements of sorted rows at fractional ranks."""
    if interpolation == "nearest":
        return pick_p(rows, round_index_p(rank, how="nearest"), axis=axis)
    low = round_index_p(rank, how="floor")
    if interpolation == "lower":
        return pick_p(rows, low, axis=axis)
    above = pick_p(rows, round_index_p(rank, how="ceil"), axis=axis)
    if interpolation == "higher":
        return above
    below = pick_p(rows, low, axis=axis)
    if interpolation == "midpoint":
        return below + (above - below) * 0.5
    return below + (above - below) * (rank - cast_p(low, dtype=raw_dtype(rank)))


def quantile(
    input: Any,
    q: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    axis: Any = None,
    out: Any = None,
) -> Any:
    """Values below which a part `q` (a number in [0, 1], or a 1-D tensor of them) of the elements lie, along `dim`.

    Between two elements by `interpolation`: linear, lower, higher, midpoint or nearest. NaN if there is one. With a
    1-D `q` the quantiles are the first dimension of the result. Gradients flow to `input` and `q`.

    >>> import chainrule as cr
    >>> cr.quantile(cr.tensor([1., 2., 3., 4.]), 0.5)
    tensor(2.5000)
    """
    dim = dim if axis is None else axis
    return finish_out(out, _quantile("quantile", input, q, dim, bool(keepdim), interpolation, False))


def nanquantile(
    input: Any,
    q: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    axis: Any = None,
    out: Any = None,
) -> Any:
    """`quantile` of the elements that are not NaN; NaN where all are.

    >>> import chainrule as cr
    >>> cr.nanquantile(cr.tensor([1.0, cr.nan, 3.0]), 0.5)
    tensor(2.)
    """
    dim = dim if axis is None else axis
    return finish_out(out, _quantile("nanquantile", input, q, dim, bool(keepdim), interpolation, True))


__all__ = ["median", "nanmedian", "mode", "quantile", "nanquantile"]
METHODS = ("median", "nanmedian", "mode", "quantile", "nanquantile")
INPLACE = ()
