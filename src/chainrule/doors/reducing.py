"""NumPy's reductions, scans and statistics on tensors."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import raw_dtype
from .api import NO_VALUE, cr, no_door, tensor_of, write_result
from .functions import door, named
from .ufuncs import reduction


def _flat_or(x: Any, axis: Any) -> tuple[Any, int]:
    """`x` and an axis, where None means all elements in order."""
    x = tensor_of(x)
    return (x.reshape(-1), 0) if axis is None else (x, axis)


def _combined(function: str, identity: Any, combine: str) -> Any:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        op = getattr(cr, combine)
        return write_result(out, reduction(function, a, axis, dtype, keepdims, initial, where, op, identity), function)

    return reduce


door(np.sum)(_combined("sum", 0, "add"))
door(np.prod)(_combined("prod", 1, "mul"))


def _extreme(function: str, combine: str) -> Any:
    def reduce(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
    ) -> Any:
        def op(x: Any, y: Any) -> Any:
            return getattr(cr, combine)(x, tensor_of(y).to(x.dtype))

        return write_result(out, reduction(function, a, axis, None, keepdims, initial, where, op), function)

    return reduce


door(np.max, np.amax)(_extreme("amax", "maximum"))
door(np.min, np.amin)(_extreme("amin", "minimum"))


def _truth(function: str, identity: bool) -> Any:
    def reduce(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True) -> Any:
        return write_result(
            out, reduction(function, a, axis, None, keepdims, NO_VALUE, where, None, identity), function
        )

    return reduce


door(np.all)(_truth("all", True))
door(np.any)(_truth("any", False))


def _keep(keepdims: Any) -> bool:
    return False if keepdims is NO_VALUE else bool(keepdims)


def _mean_of(a: Any, axis: Any, dtype: Any, keepdims: Any, where: Any) -> Any:
    x = tensor_of(a)
    if dtype is not None:
        x = x.to(dtype)
    elif raw_dtype(x).kind in "biu":
        x = x.to(np.float64)
    if where is True or where is NO_VALUE:
        return cr.mean(x, axis, keepdim=_keep(keepdims))
    mask = cr.broadcast_to(tensor_of(where).to(bool), tuple(x.shape))
    dims = tuple(builtins.range(x.ndim)) if axis is None else axis
    total = cr.sum(cr.where(mask, x, 0), dims, keepdim=_keep(keepdims))
    return total / cr.sum(mask, dims, keepdim=_keep(keepdims))


@door(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    return write_result(out, _mean_of(a, axis, dtype, keepdims, where), "mean")


def _spread(function: str) -> Any:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        ddof: float = 0,
        keepdims: Any = False,
        *,
        where: Any = True,
        mean: Any = None,
        correction: Any = NO_VALUE,
    ) -> Any:
        x = tensor_of(a)
        if dtype is not None:
            x = x.to(dtype)
        elif raw_dtype(x).kind in "biu":
            x = x.to(np.float64)
        if where is not True and where is not NO_VALUE:
            raise no_door(f"numpy.{function}", "with where=")
        minus = ddof if correction is NO_VALUE else correction
        result = getattr(cr, function)(x, axis, correction=minus, keepdim=_keep(keepdims))
        return write_result(out, result, function)

    return reduce


door(np.std)(_spread("std"))
door(np.var)(_spread("var"))


@door(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    x = tensor_of(a)
    if weights is None:
        result = _mean_of(x, axis, None, keepdims, True)
        total: Any = x.numel() / builtins.max(result.numel(), 1)
        return (result, cr.full_like(result, total)) if returned else result
    w = tensor_of(weights)
    if w.ndim == 1 and x.ndim > 1 and isinstance(axis, int):
        w = w.reshape(tuple(-1 if i == axis % x.ndim else 1 for i in builtins.range(x.ndim)))
    w = cr.broadcast_to(w, tuple(x.shape))
    dims = tuple(builtins.range(x.ndim)) if axis is None else axis
    total = cr.sum(w, dims, keepdim=_keep(keepdims))
    result = cr.sum(x * w, dims, keepdim=_keep(keepdims)) / total
    return (result, total) if returned else result


@door(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    x = tensor_of(a)
    dims = tuple(builtins.range(x.ndim)) if axis is None else axis
    keep = _keep(keepdims)
    return write_result(out, cr.amax(x, dims, keepdim=keep) - cr.amin(x, dims, keepdim=keep), "ptp")


def _position(function: str) -> Any:
    def reduce(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        x = tensor_of(a)
        x = x.to(np.uint8) if raw_dtype(x).kind == "b" else x  # the first True, or False
        if axis is None and _keep(keepdims):
            found = getattr(cr, function)(x.reshape(-1)).reshape((1,) * x.ndim)
        else:
            found = getattr(cr, function)(x, axis, keepdim=_keep(keepdims))
        return write_result(out, found, function)

    return reduce


door(np.argmax)(_position("argmax"))
door(np.argmin)(_position("argmin"))


def _nan_position(function: str, worst: float) -> Any:
    def reduce(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        x = tensor_of(a)
        if raw_dtype(x).kind == "f":
            missing = cr.isnan(x)
            if bool(cr.any(cr.all(missing, tuple(builtins.range(x.ndim)) if axis is None else axis))):
                raise ArgumentError(f"np.nan{function}: All-NaN slice encountered")
            x = cr.where(missing, worst, x)
        return _position(function)(x, axis, out, keepdims=keepdims)

    return reduce


door(np.nanargmax)(_nan_position("argmax", -float("inf")))
door(np.nanargmin)(_nan_position("argmin", float("inf")))


def _scan(function: str, instead_of_nan: Any = None) -> Any:
    def scan(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        x, dim = _flat_or(a, axis)
        if instead_of_nan is not None and raw_dtype(x).kind in "fc":
            x = cr.where(cr.isnan(x), instead_of_nan, x)
        if dtype is not None:
            x = x.to(dtype)
        return write_result(out, getattr(cr, function)(x, dim), function)

    return scan


door(np.cumsum)(_scan("cumsum"))
door(np.cumprod)(_scan("cumprod"))
door(np.nancumsum)(_scan("cumsum", 0))
door(np.nancumprod)(_scan("cumprod", 1))


def _cumulative(function: str) -> Any:
    def scan(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False) -> Any:
        x = tensor_of(x)
        axis = 0 if axis is None and x.ndim == 1 else axis
        if axis is None:
            raise no_door(f"numpy.{function}", "of several dimensions needs axis=")
        result = _scan("cumsum" if function == "cumulative_sum" else "cumprod")(x, axis, dtype)
        if include_initial:
            shape = tuple(1 if i == axis % x.ndim else n for i, n in enumerate(x.shape))
            first = cr.full(shape, 0 if function == "cumulative_sum" else 1, dtype=result.dtype)
            result = cr.cat([first, result], axis)
        return write_result(out, result, function)

    return scan


for _name in ("cumulative_sum", "cumulative_prod"):
    if named(_name) is not None:
        door(named(_name))(_cumulative(_name))


# ---- ignoring NaN ---------------------------------------------------------------------------------------------------


def _without_nan(function: str, fill: Any) -> Any:
    def reduce(
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = NO_VALUE,
        where: Any = True,
    ) -> Any:
        x = tensor_of(a)
        if raw_dtype(x).kind in "fc":
            x = cr.where(cr.isnan(x), fill, x)
        combine = {"sum": "add", "prod": "mul"}[function]
        found = reduction(function, x, axis, dtype, keepdims, initial, where, getattr(cr, combine), fill)
        return write_result(out, found, f"nan{function}")

    return reduce


door(np.nansum)(_without_nan("sum", 0))
door(np.nanprod)(_without_nan("prod", 1))


def _nan_extreme(function: str, worst: float) -> Any:
    def reduce(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = False, initial: Any = NO_VALUE, where: Any = True
    ) -> Any:
        x = tensor_of(a)
        dims = tuple(builtins.range(x.ndim)) if axis is None else axis
        if raw_dtype(x).kind in "biu":
            return write_result(out, getattr(cr, function)(x, dims, keepdim=_keep(keepdims)), function)
        missing = cr.isnan(x)
        found = getattr(cr, function)(cr.where(missing, worst, x), dims, keepdim=_keep(keepdims))
        none = cr.all(missing, dims, keepdim=_keep(keepdims))
        return write_result(out, cr.where(none, float("nan"), found), function)

    return reduce


door(np.nanmax)(_nan_extreme("amax", -float("inf")))
door(np.nanmin)(_nan_extreme("amin", float("inf")))


@door(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, *, where: Any = True
) -> Any:
    return write_result(out, _mean_of(a, axis, dtype, keepdims, ~cr.isnan(tensor_of(a))), "nanmean")


def _nan_spread(root: bool) -> Any:
    def reduce(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = False, **_: Any
    ) -> Any:
        x = tensor_of(a)
        present = ~cr.isnan(x)
        dims = tuple(builtins.range(x.ndim)) if axis is None else axis
        centre = (
            _mean_of(x, axis, dtype, True, present) if axis is not None else _mean_of(x, None, dtype, False, present)
        )
        deviation = cr.where(present, x - centre, 0)
        n = cr.sum(present, dims, keepdim=_keep(keepdims))
        result = cr.sum(cr.abs(deviation) ** 2, dims, keepdim=_keep(keepdims)) / (n - ddof)
        return write_result(out, cr.sqrt(result) if root else result, "nanvar")

    return reduce


door(np.nanvar)(_nan_spread(False))
door(np.nanstd)(_nan_spread(True))

# ---- order statistics -----------------------------------------------------------------------------------------------


def _quantiles(function: str, scale: float) -> Any:
    def reduce(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = False,
        *,
        weights: Any = None,
        interpolation: Any = None,
    ) -> Any:
        if weights is not None:
            raise no_door(f"numpy.{function}", "with weights=")
        x = tensor_of(a)
        if raw_dtype(x).kind in "biu":
            x = x.to(np.float64)
        levels = tensor_of(q).to(x.dtype) / scale
        keep = _keep(keepdims)
        if isinstance(axis, tuple):
            x, axis, squeezed = _together(x, axis)
        else:
            squeezed = None
        result = getattr(cr, function)(x, levels, axis, keep and squeezed is None, interpolation=method)
        if keep and squeezed is not None:
            result = result.reshape((*levels.shape, *squeezed))
        return write_result(out, result, function)

    return reduce


def _together(x: Any, axes: tuple) -> tuple[Any, int, tuple]:
    """Several axes moved to the end and joined; and the shape that keepdims gives."""
    dims = sorted(d % x.ndim for d in axes)
    rest = [d for d in builtins.range(x.ndim) if d not in dims]
    kept = tuple(1 if d in dims else n for d, n in enumerate(x.shape))
    return cr.permute(x, (*rest, *dims)).reshape((*[x.shape[d] for d in rest], -1)), -1, kept


door(np.quantile)(_quantiles("quantile", 1))
door(np.percentile)(_quantiles("quantile", 100))
door(np.nanquantile)(_quantiles("nanquantile", 1))
door(np.nanpercentile)(_quantiles("nanquantile", 100))


def _median(function: str) -> Any:
    def reduce(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Any:
        return _quantiles(function, 1)(a, 0.5, axis, out, keepdims=keepdims)

    return reduce


door(np.median)(_median("quantile"))
door(np.nanmedian)(_median("nanquantile"))


@door(np.cov)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    x = _variables(m, y, rowvar, dtype)
    minus = ddof if ddof is not None else 0 if bias else 1
    f = None if fweights is None else tensor_of(fweights)
    w = None if aweights is None else tensor_of(aweights)
    return cr.cov(x, correction=minus, fweights=f, aweights=w)


def _variables(m: Any, y: Any, rowvar: bool, dtype: Any = None) -> Any:
    parts = []
    for v in (m, y):
        if v is None:
            continue
        v = tensor_of(v)
        v = v.to(np.float64) if raw_dtype(v).kind in "biu" else v
        parts.append(v.T if v.ndim == 2 and not rowvar and v.shape[0] != 1 else v)
    x = parts[0] if len(parts) == 1 else cr.cat([cr.atleast_2d(p) for p in parts], 0)
    return x if dtype is None else x.to(dtype)


@door(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None, **_: Any) -> Any:
    return cr.corrcoef(_variables(x, y, rowvar, dtype))


# ---- differences and integrals --------------------------------------------------------------------------------------


@door(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    x = tensor_of(a)

    def edge(v: Any) -> Any:
        if v is NO_VALUE or v is None:
            return None
        v = tensor_of(v).to(x.dtype)
        return v if v.ndim else cr.broadcast_to(v, tuple(1 if i == axis % x.ndim else s for i, s in enumerate(x.shape)))

    return cr.diff(x, n, axis, edge(prepend), edge(append))


@door(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    x = cr.diff(tensor_of(ary).reshape(-1))
    parts = [p if p is x else tensor_of(p).to(x.dtype).reshape(-1) for p in (to_begin, x, to_end) if p is not None]
    return cr.cat(parts)


@door(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    x = tensor_of(f)
    dims = tuple(builtins.range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    spacing: Any = 1
    if len(varargs) == 1 and not np.ndim(varargs[0]) and len(dims) > 1:
        spacing = varargs[0]
    elif varargs:
        spacing = [v if not np.ndim(v) else tensor_of(v) for v in varargs]
        if all(not hasattr(v, "shape") for v in spacing):
            spacing = spacing[0] if len(spacing) == 1 else spacing
        else:
            spacing = tuple(spacing)
    found = cr.gradient(x, spacing=spacing, dim=dims, edge_order=edge_order)
    return found[0] if len(dims) == 1 else tuple(found)


@door(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    x, half = cr.movedim(tensor_of(p), axis, -1), period / 2
    jump = cr.diff(x)
    turned = cr.remainder(jump + half, period) - half
    turned = cr.where((turned == -half) & (jump > 0), half, turned)
    change = cr.where(cr.abs(jump) < (half if discont is None else max(discont, half)), 0, turned - jump)
    return cr.movedim(cr.cat([x[..., :1], x[..., 1:] + cr.cumsum(change, -1)], -1), -1, axis)


@door(named("trapezoid"), *([named("trapz")] if named("trapz") else []))
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    if x is None:
        return cr.trapezoid(tensor_of(y), dx=dx, dim=axis)
    return cr.trapezoid(tensor_of(y), tensor_of(x), dim=axis)
