"""NumPy's searching, sorting, comparing, choosing and asking on tensors; and saving."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import Tensor, raw_dtype, raw_shape
from .api import NO_VALUE, cr, no_door, operand, tensor_of, values_of, write_result
from .functions import door

# ---- choosing -------------------------------------------------------------------------------------------------------


@door(np.where)
def where(condition: Any, x: Any = NO_VALUE, y: Any = NO_VALUE, /) -> Any:
    mask = tensor_of(condition)
    if x is NO_VALUE:
        return nonzero(mask)
    return cr.where(mask.to(bool), operand(x), operand(y))


@door(np.clip)
def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **_: Any
) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    bounds = [None if v is None else operand(v) for v in (low, high)]
    if any(isinstance(v, Tensor) for v in bounds):  # one kind of bound for both
        bounds = [None if v is None else tensor_of(v) for v in bounds]
    x = tensor_of(a)
    return write_result(out, x * 1 if bounds == [None, None] else cr.clamp(x, *bounds), "clip")


@door(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    result = operand(default)
    for mask, value in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = cr.where(tensor_of(mask).to(bool), operand(value), result)
    return result


@door(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    t = tensor_of(x)
    masks = [tensor_of(m).to(bool) for m in (condlist if isinstance(condlist, (list, tuple)) else [condlist])]
    values = [f(t, *args, **kw) if callable(f) else f for f in funclist]
    result: Any = cr.zeros_like(t)
    if len(values) == len(masks) + 1:
        result = result + values.pop()
    for mask, value in zip(masks, values, strict=True):
        result = cr.where(mask, operand(value), result)
    return result


@door(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    index = tensor_of(a)
    parts = cr.broadcast_tensors(index, *[tensor_of(c) for c in choices])
    stacked = cr.stack(list(parts[1:]))
    return write_result(out, cr.take_along_dim(stacked, parts[0].unsqueeze(0), 0).squeeze(0), "choose")


@door(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x, index = tensor_of(a), tensor_of(indices)
    if mode != "raise":
        raise no_door("numpy.take", f"with mode={mode!r}")
    if axis is None:
        return write_result(out, x.reshape(-1)[index], "take")
    return write_result(out, x[(*(slice(None),) * (axis % x.ndim), index)], "take")


@door(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    return cr.take_along_dim(tensor_of(arr), tensor_of(indices), axis)


@door(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    x = tensor_of(a)
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    places = cr.nonzero(tensor_of(condition).to(bool)).reshape(-1)
    return write_result(out, cr.index_select(x, axis, places), "compress")


@door(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return compress(tensor_of(condition).reshape(-1), arr)


@door(np.interp)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    if period is not None:
        raise no_door("numpy.interp", "with period=")
    at, knots, values = tensor_of(x), tensor_of(xp), tensor_of(fp)
    last = knots.shape[0] - 1
    place = cr.clamp(cr.searchsorted(knots.detach(), at.detach().to(knots.dtype), right=True) - 1, 0, max(last - 1, 0))
    if last == 0:
        found = values[place] + at * 0
    else:
        x0, x1, y0, y1 = knots[place], knots[place + 1], values[place], values[place + 1]
        found = y0 + (y1 - y0) / (x1 - x0) * (at - x0)
    found = cr.where(at < knots[0], values[0] if left is None else operand(left), found)
    return cr.where(at > knots[-1], values[-1] if right is None else operand(right), found)


# ---- sorting and searching ------------------------------------------------------------------------------------------


@door(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    x = tensor_of(a)
    return cr.sort(x.reshape(-1))[0] if axis is None else cr.sort(x, axis)[0]


@door(np.argsort)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    x = tensor_of(a)
    return cr.argsort(x.reshape(-1), stable=True) if axis is None else cr.argsort(x, axis, stable=True)


@door(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    if isinstance(keys, (list, tuple)):
        keys = [values_of(k, "np.lexsort") for k in keys]
    else:
        keys = values_of(keys, "np.lexsort")
    return tensor_of(np.lexsort(keys, axis))


@door(np.sort_complex)
def sort_complex(a: Any) -> Any:
    x = tensor_of(a)
    order = tensor_of(np.argsort(values_of(x, "np.sort_complex"), -1, kind="stable"))
    return cr.take_along_dim(x if raw_dtype(x).kind == "c" else x.to(np.complex128), order, -1)


@door(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    return sort(a, axis)


@door(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    return argsort(a, axis)


@door(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    order = None if sorter is None else tensor_of(sorter)
    return cr.searchsorted(tensor_of(a), tensor_of(v), side=side, sorter=order)


@door(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    edges, at = tensor_of(bins), tensor_of(x)
    if edges.shape[0] > 1 and bool(edges[0] > edges[-1]):
        return edges.shape[0] - cr.searchsorted(edges.flip(0), at, right=right)
    return cr.searchsorted(edges, at, right=not right)


@door(np.nonzero)
def nonzero(a: Any) -> tuple:
    return tuple(cr.nonzero(tensor_of(a), as_tuple=True))


@door(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return nonzero(tensor_of(a).reshape(-1))[0]


@door(np.argwhere)
def argwhere(a: Any) -> Any:
    return cr.argwhere(tensor_of(a))


@door(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    x = tensor_of(a)
    return cr.sum(x != 0, tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


@door(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    return cr.bincount(tensor_of(x), None if weights is None else tensor_of(weights), minlength)


@door(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple:
    edges = bins if isinstance(bins, int) else tensor_of(bins)
    w = None if weights is None else tensor_of(weights)
    options = {} if range is None else {"range": tuple(map(float, range))}
    found = cr.histogram(tensor_of(a), edges, weight=w, density=bool(density), **options)
    return tuple(found)


@door(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple:
    points = tensor_of(sample) if hasattr(sample, "shape") else cr.stack([tensor_of(s) for s in sample], -1)
    per_axis = [bins] * points.shape[-1] if isinstance(bins, int) else bins
    edges = [b if isinstance(b, int) else tensor_of(b).to(points.dtype) for b in per_axis]
    limits = None if range is None else [float(end) for pair in range for end in pair]
    w = None if weights is None else tensor_of(weights)
    return tuple(cr.histogramdd(points, edges, range=limits, weight=w, density=bool(density)))


@door(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple:
    if not isinstance(bins, int) and len(bins) not in (1, 2):  # the edges of both axes
        bins = [bins, bins]
    elif not isinstance(bins, int) and len(bins) == 1:
        bins = [bins[0], bins[0]]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, *edges


# ---- comparing and asking -------------------------------------------------------------------------------------------


@door(np.isclose)
def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    x, y = tensor_of(a), tensor_of(b)
    kind = cr.result_type(x, y)
    return cr.isclose(x.to(kind), y.to(kind), rtol=rtol, atol=atol, equal_nan=equal_nan)


@door(np.allclose)
def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return bool(cr.all(isclose(a, b, rtol, atol, equal_nan)))


@door(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    x, y = tensor_of(a1), tensor_of(a2)
    if tuple(x.shape) != tuple(y.shape):
        return False
    same = x == y
    if equal_nan:
        same = same | (cr.isnan(x) & cr.isnan(y))
    return bool(cr.all(same))


@door(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    try:
        return bool(cr.all(tensor_of(a1) == tensor_of(a2)))
    except ValueError:
        return False


@door(np.shape)
def shape(a: Any) -> tuple:
    return tuple(raw_shape(tensor_of(a)))


@door(np.ndim)
def ndim(a: Any) -> int:
    return len(raw_shape(tensor_of(a)))


@door(np.size)
def size(a: Any, axis: Any = None) -> int:
    dims = raw_shape(tensor_of(a))
    return int(np.prod(dims)) if axis is None else dims[axis]


@door(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return np.result_type(*[raw_dtype(x) if isinstance(x, Tensor) else x for x in arrays_and_dtypes])


@door(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(raw_dtype(from_) if isinstance(from_, Tensor) else from_, to, casting)


@door(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return raw_dtype(x).kind == "c"


@door(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return raw_dtype(x).kind != "c"


@door(np.iscomplex)
def iscomplex(x: Any) -> Any:
    t = tensor_of(x)
    return cr.imag(t) != 0 if raw_dtype(t).kind == "c" else cr.zeros_like(t, dtype=bool)


def _asked(name: str) -> Any:
    def ask(x: Any, out: Any = None) -> Any:
        return write_result(out, getattr(cr, name)(tensor_of(x)), name)

    return ask


for _name in ("isreal", "isneginf", "isposinf", "sinc", "i0"):
    door(getattr(np, _name))(_asked(_name))
door(np.fix)(_asked("trunc"))


@door(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    return write_result(out, cr.round(tensor_of(a), decimals=decimals), "round")


@door(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return cr.nan_to_num(tensor_of(x), nan, posinf, neginf)


def _memory(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


@door(np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    return np.shares_memory(_memory(a), _memory(b), max_work)


@door(np.may_share_memory)
def may_share_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    return np.may_share_memory(_memory(a), _memory(b), max_work)
