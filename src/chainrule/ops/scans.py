"""Scans: running sums, products, extrema and log-sum-exp along one dimension; prod and logsumexp too."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import INT64, category, numpy_dtype
from ..core.errors import ArgumentTypeError, UnsupportedDTypeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .extrema import by_dim, selecting
from .kits import elementwise, linear, opaque
from .reductions import (
    ALL_AXES,
    all_batched,
    batch_axes,
    canonical_dims,
    count_over,
    finish_out,
    reduced_shape,
    restore_dims,
    restored,
    return_type,
    spec_axes,
    sum_p,
    to_float,
    widened,
)
from .shape import canonical_dim, cast_p, reshape_p

ndarray = np.ndarray


def _same(x: Any, *rest: Any, **params: Any) -> Spec:
    return Spec(x.shape, x.dtype)


def _batch(prim: Any, args: Any, is_batched: Any, *, axis: int, **params: Any) -> Any:
    return prim(*all_batched(args, is_batched), axis=axis + 1, **params)


def _part(ndim: int, axis: int, start: int | None, stop: int | None, step: int | None = None) -> tuple:
    """The index that slices one axis."""
    return (*(slice(None),) * axis, slice(start, stop, step))


# ---- two helpers of the rules: shifting by one, and first-order linear recurrences ----------------------------------


def _shift_impl(xp: Any, x: Any, *, axis: int, by: int, fill: str) -> Any:
    out = xp.full(x.shape, float(fill), x.dtype)
    if x.shape[axis]:
        to, source = ((1, None), (None, -1)) if by == 1 else ((None, -1), (1, None))
        out[_part(x.ndim, axis, *to)] = x[_part(x.ndim, axis, *source)]
    return out


shift_p = opaque(
    "shift",
    _shift_impl,
    aval=_same,
    vjp=(lambda g, ans, x, *, axis, by, fill: shift_p(g, axis=axis, by=-by, fill="0"),),
    jvp=lambda prim, tangents, ans, x, *, axis, by, fill: prim(tangents[0], axis=axis, by=by, fill="0"),
    batch=_batch,
    notation="shift({})",
    doc="Move by one place along `axis` (by = 1 or -1); the free place gets the number `fill`.",
)


def _recurrence_loop(a: Any, b: Any, out: Any) -> Any:
    out[:1] = b[:1]
    for k in range(1, len(b)):
        out[k] = b[k] + a[k] * out[k - 1]
    return out


def _recurrence_impl(xp: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    out = xp.empty(b.shape, xp.result_type(a, b))
    a, b, rows = (xp.moveaxis(z, axis, 0)[:: -1 if reverse else 1] for z in (a, b, out))
    n = len(b)
    if n <= 32 or b.size > 256 * n:
        _recurrence_loop(a, b, rows)
        return out
    scale, total, step = xp.array(a), xp.array(b), 1  # s[k] = total[k] + scale[k] s[k - step], with doubling step
    scale[0] = 0
    while step < n:
        total[step:] = total[step:] + scale[step:] * total[:-step]
        scale[step:] = scale[step:] * scale[:-step]
        step *= 2
    if xp.isfinite(total).all():
        rows[...] = total
    else:  # partial products may overflow where the recurrence itself does not
        _recurrence_loop(a, b, rows)
    return out


def _recurrence_joint(g: Any, ans: Any, args: Any, needs: Any, *, axis: int, reverse: bool) -> list:
    by = -1 if reverse else 1
    a, before = (z.conj() if raw_dtype(z).kind == "c" else z for z in (args[0], ans))
    back = recurrence_p(shift_p(a, axis=axis, by=-by, fill="0"), g, axis=axis, reverse=not reverse)
    return [back * shift_p(before, axis=axis, by=by, fill="0") if needs[0] else None, back if needs[1] else None]


def _recurrence_jvp(prim: Any, tangents: Any, ans: Any, a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    drive = tangents[1]
    if tangents[0] is not None:
        term = tangents[0] * shift_p(ans, axis=axis, by=-1 if reverse else 1, fill="0")
        drive = term if drive is None else drive + term
    return prim(a, drive, axis=axis, reverse=reverse)


recurrence_p = opaque(
    "recurrence",
    _recurrence_impl,
    aval=lambda a, b, *, axis, reverse: Spec(b.shape, np.result_type(a.dtype, b.dtype)),
    joint=_recurrence_joint,
    keeps=(0, "ans"),
    jvp=_recurrence_jvp,
    batch=_batch,
    notation="recurrence({}, {})",
    doc="Solve s[k] = a[k] s[k-1] + b[k] along `axis` with s[-1] = 0; from the end if `reverse`.",
)


# ---- sum and product ------------------------------------------------------------------------------------------------


def _accumulated(ufunc: Any, x: Any, axis: int, reverse: bool) -> Any:
    way = _part(x.ndim, axis, None, None, -1)
    w = widened(x)
    out = ufunc.accumulate(w[way] if reverse else w, axis=axis, dtype=w.dtype)
    return restored(out[way] if reverse else out, x)


cumsum_p = linear(
    "cumsum",
    lambda xp, x, *, axis, reverse: _accumulated(xp.add, x, axis, reverse),
    aval=_same,
    transpose=lambda g, ans, x, *, axis, reverse: cumsum_p(g, axis=axis, reverse=not reverse),
    batch=_batch,
    notation="cumsum({})",
    doc="Running sum along `axis`; from the end if `reverse`.",
)


def _cumprod_vjp(g: Any, ans: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """With y[k] = x[k] y[k-1]: the product of the factors before k, times what the factors after k make of g."""
    by = -1 if reverse else 1
    after = recurrence_p(shift_p(x, axis=axis, by=-by, fill="0"), g, axis=axis, reverse=not reverse)
    return shift_p(ans, axis=axis, by=by, fill="1") * after


def _cumprod_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    before = shift_p(ans, axis=axis, by=-1 if reverse else 1, fill="1")
    return recurrence_p(x, tangents[0] * before, axis=axis, reverse=reverse)


cumprod_p = opaque(
    "cumprod",
    lambda xp, x, *, axis, reverse: _accumulated(xp.multiply, x, axis, reverse),
    aval=_same,
    vjp=(_cumprod_vjp,),
    jvp=_cumprod_jvp,
    batch=_batch,
    notation="cumprod({})",
    doc="Running product along `axis`; from the end if `reverse`.",
    holomorphic=True,
)


def other_factors(x: Any, axis: int) -> Any:
    """For each element the product of all the others along `axis`, right also where some are zero."""
    before = shift_p(cumprod_p(x, axis=axis, reverse=False), axis=axis, by=1, fill="1")
    after = shift_p(cumprod_p(x, axis=axis, reverse=True), axis=axis, by=-1, fill="1")
    return before * after


prod_p = opaque(
    "prod",
    lambda xp, x, *, axes, keepdims: restored(
        xp.multiply.reduce(widened(x), axis=axes, keepdims=keepdims, dtype=widened(x).dtype), x
    ),
    aval=spec_axes,
    vjp=(
        lambda g, ans, x, *, axes, keepdims: restore_dims(g, raw_shape(x), axes, keepdims) * other_factors(x, axes[0]),
    ),
    jvp=lambda prim, tangents, ans, x, *, axes, keepdims: sum_p(
        tangents[0] * other_factors(x, axes[0]), axes=axes, keepdims=keepdims
    ),
    batch=batch_axes,
    notation="prod({})",
    doc="Product over one axis.",
    holomorphic=True,
)


# ---- extrema --------------------------------------------------------------------------------------------------------


def _running(ufunc: Any, x: Any, axis: int) -> Any:
    """Index of the last element so far that equals the running extremum; NaN wins."""
    best = ufunc.accumulate(x, axis=axis)
    hit = (x == best) | ((x != x) & (best != best))
    place = np.arange(x.shape[axis], dtype=INT64).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    return np.maximum.accumulate(np.where(hit, place, 0), axis=axis)


def _whole(n: int, **params: Any) -> int:
    return n


cummax_p = selecting(
    "cummax",
    lambda x, axis: _running(np.maximum, x, axis),
    "Running maximum along `axis` and where it is.",
    length=_whole,
)
cummin_p = selecting(
    "cummin",
    lambda x, axis: _running(np.minimum, x, axis),
    "Running minimum along `axis` and where it is.",
    length=_whole,
)


# ---- log-sum-exp ----------------------------------------------------------------------------------------------------


def _exp_difference(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(y.real == -float("inf"), 0, xp.exp(x - y)).astype(x.dtype)


exp_difference_p = elementwise(
    "exp_difference",
    _exp_difference,
    lambda g, ans, x, y: g * ans,
    lambda g, ans, x, y: -(g * ans),
    notation="exp({} - {})",
    doc="exp(x - y) for x <= y, and 0 where y is -inf.",
)


def _logsumexp_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    w = widened(x)
    top = xp.maximum.reduce(w.real, axis=axes, keepdims=True, initial=-float("inf"))
    top = xp.where(abs(top) == float("inf"), 0, top)
    out = xp.log(xp.add.reduce(xp.exp(w - top), axis=axes, keepdims=True)) + top
    return restored(out.reshape(reduced_shape(x.shape, axes, keepdims)), x)


def softmax_weights(x: Any, ans: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """exp(x - logsumexp(x)), the partial derivatives of log-sum-exp; 0 where all elements are -inf."""
    return exp_difference_p(x, restore_dims(ans, raw_shape(x), axes, keepdims))


logsumexp_p = opaque(
    "logsumexp",
    _logsumexp_impl,
    aval=spec_axes,
    vjp=(
        lambda g, ans, x, *, axes, keepdims: (
            restore_dims(g, raw_shape(x), axes, keepdims) * softmax_weights(x, ans, axes, keepdims)
        ),
    ),
    jvp=lambda prim, tangents, ans, x, *, axes, keepdims: sum_p(
        tangents[0] * softmax_weights(x, ans, axes, keepdims), axes=axes, keepdims=keepdims
    ),
    batch=batch_axes,
    notation="log sum exp({})",
    doc="log(sum(exp(x))) over `axes`, without overflow.",
    holomorphic=True,
)


def _logcumsumexp_impl(xp: Any, x: Any, *, axis: int) -> Any:
    if x.dtype.kind != "c":
        return restored(xp.logaddexp.accumulate(widened(x), axis=axis), x)
    top = xp.maximum.reduce(x.real, axis=axis, keepdims=True, initial=-float("inf"))
    top = xp.where(abs(top) == float("inf"), 0, top)
    return (xp.log(xp.add.accumulate(xp.exp(x - top), axis=axis)) + top).astype(x.dtype)


def _logcumsumexp_vjp(g: Any, ans: Any, x: Any, *, axis: int) -> Any:
    """sum of g[i] exp(x[k] - y[i]) over i >= k, as a recurrence with factors exp(y[k] - y[k+1]) <= 1."""
    factors = exp_difference_p(ans, shift_p(ans, axis=axis, by=-1, fill="inf"))
    return exp_difference_p(x, ans) * recurrence_p(factors, g, axis=axis, reverse=True)


def _logcumsumexp_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axis: int) -> Any:
    factors = exp_difference_p(shift_p(ans, axis=axis, by=1, fill="-inf"), ans)
    return recurrence_p(factors, tangents[0] * exp_difference_p(x, ans), axis=axis, reverse=False)


logcumsumexp_p = opaque(
    "logcumsumexp",
    _logcumsumexp_impl,
    aval=_same,
    vjp=(_logcumsumexp_vjp,),
    jvp=_logcumsumexp_jvp,
    batch=_batch,
    notation="log cumsum exp({})",
    doc="log(cumsum(exp(x))) along `axis`, without overflow.",
    holomorphic=True,
)


# ---- functions ------------------------------------------------------------------------------------------------------


def _summed_as(input: Any, dtype: Any) -> Any:
    if dtype is not None:
        return cast_p(input, dtype=numpy_dtype(dtype))
    have = raw_dtype(input)
    return cast_p(input, dtype=INT64) if category(have) < 2 and have != INT64 else input


def prod(
    input: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    out: Any = None,
) -> Any:
    """Product of all elements, or over one dimension. Integers and bool are multiplied as int64.

    Its gradient is the product of the other elements, and so right where some are zero.

    >>> import chainrule as cr
    >>> cr.prod(cr.tensor([1., 2., 3.]))
    tensor(6.)
    """
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    elif category(raw_dtype(input)) < 2 and raw_dtype(input) != INT64:
        input = cast_p(input, dtype=INT64)
    dim = dim if axis is None else axis
    keepdim = bool(keepdim if keepdims is None else keepdims)
    shape = raw_shape(input)
    if dim is not None and not isinstance(dim, (int, np.integer)):
        raise ArgumentTypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}; one at a time")
    if dim is not None and shape:
        return finish_out(out, prod_p(input, axes=(canonical_dim(int(dim), len(shape)),), keepdims=keepdim))
    if dim is not None:
        canonical_dim(int(dim), 0)
    flat = input if len(shape) == 1 else reshape_p(input, shape=(count_over(shape, ALL_AXES[len(shape)]),))
    result = prod_p(flat, axes=(0,), keepdims=False)
    return finish_out(out, reshape_p(result, shape=(1,) * len(shape)) if keepdim and shape else result)


def logsumexp(
    input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None, out: Any = None
) -> Any:
    """log(sum(exp(input))) over `dim` (an int or several), without overflow; -inf for an empty sum.

    Floating or complex dtypes; integers count as the default float.

    >>> import chainrule as cr
    >>> cr.logsumexp(cr.tensor([1000., 1000.]), 0)
    tensor(1000.6932)
    """
    dim = dim if axis is None else axis
    if dim is None:
        raise ArgumentTypeError("logsumexp() missing 1 required positional argument: 'dim'; write logsumexp(x, dim=0)")
    axes = canonical_dims(dim, len(raw_shape(input)))
    kept = bool(keepdim if keepdims is None else keepdims)
    return finish_out(out, logsumexp_p(to_float(input), axes=axes, keepdims=kept))


def cumsum(input: Any, dim: Any = None, *, dtype: Any = None, axis: Any = None, out: Any = None) -> Any:
    """Running sum along `dim`; integers and bool are summed as int64.

    >>> import chainrule as cr
    >>> cr.cumsum(cr.tensor([1., 2., 3.]), 0)
    tensor([1., 3., 6.])
    """
    return finish_out(out, by_dim(_scan(cumsum_p, reverse=False), "cumsum", _summed_as(input, dtype), dim, axis))


def cumprod(input: Any, dim: Any = None, *, dtype: Any = None, axis: Any = None, out: Any = None) -> Any:
    """Running product along `dim`; integers and bool are multiplied as int64. Right gradients where factors are zero.

    >>> import chainrule as cr
    >>> cr.cumprod(cr.tensor([1., 2., 3.]), 0)
    tensor([1., 2., 6.])
    """
    return finish_out(out, by_dim(_scan(cumprod_p, reverse=False), "cumprod", _summed_as(input, dtype), dim, axis))


def logcumsumexp(input: Any, dim: Any = None, *, axis: Any = None, out: Any = None) -> Any:
    """log(cumsum(exp(input))) along `dim`, without overflow; integers become the default float.

    >>> import chainrule as cr
    >>> cr.logcumsumexp(cr.zeros(2), 0)
    tensor([0.0000, 0.6931])
    """
    return finish_out(out, by_dim(_scan(logcumsumexp_p), "logcumsumexp", to_float(input), dim, axis))


def _scan(prim: Any, **params: Any) -> Any:
    return lambda x, axis: prim(x, axis=axis, **params)


cummax_result = return_type("cummax", "values", "indices")
cummin_result = return_type("cummin", "values", "indices")


def cummax(input: Any, dim: Any = None, *, axis: Any = None) -> Any:
    """Running maximum along `dim`: (values, indices); of equal elements the last counts, and NaN is the largest.

    >>> import chainrule as cr
    >>> cr.cummax(cr.tensor([1., 3., 2.]), 0).values
    tensor([1., 3., 3.])
    """
    return _running_extremum(cummax_p, cummax_result, input, dim, axis)


def cummin(input: Any, dim: Any = None, *, axis: Any = None) -> Any:
    """Running minimum along `dim`: (values, indices); of equal elements the last counts, and NaN is the smallest.

    >>> import chainrule as cr
    >>> cr.cummin(cr.tensor([3, 1, 2]), 0).values
    tensor([3, 1, 1])
    """
    return _running_extremum(cummin_p, cummin_result, input, dim, axis)


def _running_extremum(prim: Any, result: Any, input: Any, dim: Any, axis: Any) -> Any:
    if raw_dtype(input).kind == "c":
        raise UnsupportedDTypeError(f"{prim.name} does not support {raw_dtype(input)}: complex numbers have no order")
    return result(*by_dim(_scan(prim, keepdims=True), prim.name, input, dim, axis))


__all__ = ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "logsumexp", "prod"]
METHODS = ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp", "logsumexp", "prod")
INPLACE = ("cumsum", "cumprod")
