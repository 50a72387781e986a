"""Histograms and counts of values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import F32, F64, INT64, is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .extrema import pick_p
from .keys import concrete
from .kits import opaque
from .reductions import ALL_AXES, all_batched, count_over, finish_out, return_type
from .shape import cast_p, reshape_p


def _batch_lead(prim: Any, args: Any, is_batched: Any, *, lead: int, **params: Any) -> Any:
    return prim(*all_batched(args, is_batched), lead=lead + 1, **params)


def _limits(x: Any, low: float, high: float, margin: float) -> tuple[float, float]:
    """The range of a histogram: the data's if none is given, with a margin on both sides where it would be empty."""
    if low == high and x.size:
        low, high = x.min(), x.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"range of [{low}, {high}] is not finite; remove inf and NaN first, or give min and max")
    return (low - margin, high + margin) if low == high else (low, high)


def _histc_impl(xp: Any, x: Any, *, bins: int, low: float, high: float, lead: int) -> Any:
    out = xp.zeros((*x.shape[:lead], bins), x.dtype)
    for k in np.ndindex(x.shape[:lead]):
        row = x[k]
        out[k] = xp.histogram(row[row == row], bins, _limits(row, low, high, 1.0))[0]
    return out


histc_p = opaque(
    "histc",
    _histc_impl,
    aval=lambda x, *, bins, low, high, lead: Spec((*x.shape[:lead], bins), x.dtype),
    vjp=(None,),
    batch=_batch_lead,
    notation="histc({})",
    doc="Counts of elements in equal bins between `low` and `high`; the first `lead` dimensions are a batch.",
)


def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0, *, out: Any = None) -> Any:
    """Counts of elements in `bins` equal bins between `min` and `max` (of the data, if they are equal), in its dtype.

    >>> import chainrule as cr
    >>> cr.histc(cr.tensor([1., 2., 1.]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if not is_inexact(raw_dtype(input)) or raw_dtype(input).kind == "c":
        raise DTypeError(f"histc() is not implemented for {raw_dtype(input)}; write histc(x.float(), ...) or bincount")
    if bins <= 0:
        raise ArgumentError(f"torch.histc(): bins must be > 0, got {bins}")
    if min > max:
        raise ArgumentError(f"torch.histc(): max must be larger than min, got min {min} and max {max}")
    return finish_out(out, histc_p(input, bins=int(bins), low=float(min), high=float(max), lead=0))


def _histogram_impl(
    xp: Any, x: Any, *more: Any, bins: int, range: tuple | None, density: bool, weighted: bool, lead: int
) -> tuple:
    edges = more[0] if bins == 0 else None
    weights = more[-1] if weighted else None
    n = bins or edges.shape[-1] - 1
    hist, places = xp.zeros((*x.shape[:lead], n), x.dtype), xp.zeros((*x.shape[:lead], n + 1), x.dtype)
    for k in np.ndindex(x.shape[:lead]):
        span = _limits(x[k], *(range or (0.0, 0.0)), 0.5) if bins else None
        how = {"range": span, "density": density, "weights": None if weights is None else weights[k]}
        hist[k], places[k] = xp.histogram(x[k], bins or edges[k], **how)
    return hist, places


def _histogram_spec(x: Any, *more: Any, bins: int, lead: int, **params: Any) -> tuple:
    n = bins or more[0].shape[-1] - 1
    return Spec((*x.shape[:lead], n), x.dtype), Spec((*x.shape[:lead], n + 1), x.dtype)


histogram_p = opaque(
    "histogram",
    _histogram_impl,
    aval=_histogram_spec,
    vjp=(None, None, None),
    batch=_batch_lead,
    n_out=2,
    notation="histogram({})",
    doc="(counts, edges) of elements in bins, equal ones or between given edges; `lead` dimensions are a batch.",
)
histogram_result = return_type("histogram", "hist", "bin_edges")


def histogram(input: Any, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts of elements in bins, or sums of their `weight`: (hist, bin_edges).

    `bins` is their number, in `range` (a pair; default the data's), or a 1-D tensor of edges. With `density` the
    histogram's integral is 1.

    >>> import chainrule as cr
    >>> cr.histogram(cr.tensor([1., 2., 1.]), bins=2).hist
    tensor([2., 1.])
    """
    if not is_inexact(raw_dtype(input)) or raw_dtype(input).kind == "c":
        raise DTypeError(f"histogram() is not implemented for {raw_dtype(input)}; write histogram(x.float(), ...)")
    n = count_over(raw_shape(input), ALL_AXES[len(raw_shape(input))])
    args = [reshape_p(input, shape=(n,))]
    if isinstance(bins, (int, np.integer)):
        if bins <= 0:
            raise ArgumentError(f"torch.histogramdd(): bins must be > 0, got {bins}")
    elif hasattr(bins, "shape"):
        if len(raw_shape(bins)) != 1 or raw_shape(bins)[0] < 2:
            raise ShapeError(f"histogram(): edges of bins must be 1-D with at least two entries, got {raw_shape(bins)}")
        args.append(bins)
        bins = 0
    else:
        raise ArgumentTypeError(f"histogram(): argument 'bins' must be int or Tensor, not {type(bins).__name__}")
    if weight is not None:
        if raw_shape(weight) != raw_shape(input):
            raise ShapeError(f"histogram(): weight has shape {raw_shape(weight)}, but input has {raw_shape(input)}")
        args.append(reshape_p(weight, shape=(n,)))
    span = None if range is None else (float(range[0]), float(range[1]))
    found = histogram_p(*args, bins=int(bins), range=span, density=bool(density), weighted=weight is not None, lead=0)
    return histogram_result(*found)


def _bincount_impl(xp: Any, x: Any, *weights: Any, size: int) -> Any:
    out = xp.zeros((*x.shape[:-1], size), weights[0].dtype if weights else INT64)
    for k in np.ndindex(x.shape[:-1]):
        if weights:
            xp.add.at(out[k], x[k], weights[0][k])
        else:
            out[k] = xp.bincount(x[k], minlength=size)
    return out


bincount_p = opaque(
    "bincount",
    _bincount_impl,
    aval=lambda x, *weights, size: Spec((*x.shape[:-1], size), weights[0].dtype if weights else INT64),
    joint=lambda g, ans, args, needs, *, size: [None, *(pick_p(g, args[0], axis=args[0].ndim - 1) for _ in args[1:])],
    keeps=(0,),
    jvp=lambda prim, tangents, ans, x, *weights, size: prim(x, tangents[1], size=size) if weights else None,
    batch=lambda prim, args, is_batched, *, size: prim(*all_batched(args, is_batched), size=size),
    notation="bincount({})",
    doc="How often each of 0 .. size-1 occurs in the last dimension, or the sum of its weights.",
)


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number 0, 1, 2 ... occurs in a 1-D tensor of non-negative integers, or the sum of its `weights`.

    The result has max(input) + 1 entries, at least `minlength`; its size depends on the values, so they have to be
    known (not staged or batched). Gradients flow to `weights`.

    >>> import chainrule as cr
    >>> cr.bincount(cr.tensor([0, 1, 1, 3]))
    tensor([1, 2, 0, 1])
    """
    if is_inexact(raw_dtype(input)):
        raise UnsupportedDTypeError(
            f"bincount() is not implemented for {raw_dtype(input)}; it counts integers: write x.long()"
        )
    if minlength < 0:
        raise ArgumentError(f"minlength should be >= 0, got {minlength}")
    shape = raw_shape(input)
    values = concrete(input, "bincount", "Write one_hot(x, n).sum(0), or zeros(n).scatter_add(0, x, weights).")
    if len(shape) != 1 or (values.size and values.min() < 0):
        raise ArgumentError(f"bincount only supports 1-d non-negative integral inputs. Got shape {shape}")
    size = max(int(values.max()) + 1 if values.size else 0, int(minlength))
    input = cast_p(input, dtype=INT64)
    if weights is None:
        return bincount_p(input, size=size)
    if raw_shape(weights) != shape:
        raise ShapeError(f"weights should be 1-d and have the same length as input: {raw_shape(weights)}, {shape}")
    if raw_dtype(weights).kind != "c" and raw_dtype(weights) != F32:
        weights = cast_p(weights, dtype=F64)
    return bincount_p(input, weights, size=size)


__all__ = ["histc", "histogram", "bincount"]
METHODS = ("histc", "histogram", "bincount")
INPLACE = ()
