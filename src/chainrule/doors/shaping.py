"""NumPy's rearrangements on tensors: reshape, transpose, concatenate, split, repeat, pad ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import raw_dtype
from .api import cr, no_door, tensor_of, values_of, write_result
from .functions import door, named


def _row_major(order: str, what: str) -> None:
    if order not in ("C", "A", "K"):
        raise no_door(what, f"with order={order!r}; transpose first")


@door(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    _row_major(order, "numpy.reshape")
    size = newshape if shape is None else shape
    found = tensor_of(a).reshape(size if isinstance(size, (tuple, list)) else (size,))
    return found.clone() if copy else found


@door(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    _row_major(order, "numpy.ravel")
    return tensor_of(a).reshape(-1)


@door(np.transpose, named("permute_dims"))
def transpose(a: Any, axes: Any = None) -> Any:
    x = tensor_of(a)
    return cr.permute(x, tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


@door(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    return cr.transpose(tensor_of(a), axis1, axis2)


@door(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    return cr.movedim(tensor_of(a), source, destination)


@door(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    x = tensor_of(a)
    axis, start = axis % x.ndim, start + x.ndim if start < 0 else start
    return cr.movedim(x, axis, start - 1 if axis < start else start)


@door(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    x = tensor_of(a)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    total = x.ndim + len(axes)
    for d in sorted(d % total if -total <= d < total else d for d in axes):
        x = x.unsqueeze(d)
    return x


@door(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    x = tensor_of(a)
    if axis is None:
        return cr.squeeze(x)
    for d in (axis,) if isinstance(axis, int) else axis:
        if x.shape[d] != 1:
            raise ArgumentError(
                f"cannot select an axis to squeeze out which has size not equal to one: {axis} of {x.shape}"
            )
    return cr.squeeze(x, axis)


@door(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return cr.broadcast_to(tensor_of(array), (shape,) if isinstance(shape, int) else tuple(shape))


@door(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple:
    parts = [np.asarray(a) if _beyond_tensors(a) else tensor_of(a) for a in args]
    shape = np.broadcast_shapes(*(tuple(p.shape) for p in parts))
    return tuple((np.broadcast_to if isinstance(p, np.ndarray) else cr.broadcast_to)(p, shape) for p in parts)


def _beyond_tensors(a: Any) -> bool:
    """Whether a is None or text, or holds such: matplotlib's bar() broadcasts them beside its numbers."""
    if isinstance(a, np.ndarray):
        return a.dtype.kind not in "biufc"
    return a is None or isinstance(a, str) or (isinstance(a, (list, tuple)) and any(map(_beyond_tensors, a)))


def _in_common(arrays: Any, dtype: Any = None) -> list:
    """A sequence of tensors in one dtype."""
    parts = [tensor_of(a) for a in arrays]
    kind = dtype if dtype is not None else cr.result_type(*parts) if len(parts) > 1 else parts[0].dtype
    return [p.to(kind) for p in parts]


@door(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    parts = _in_common(arrays, dtype)
    if axis is None:
        parts, axis = [p.reshape(-1) for p in parts], 0
    return write_result(out, cr.cat(parts, axis), "concatenate")


if named("concat") is not None and named("concat") is not np.concatenate:
    door(named("concat"))(concatenate)


@door(np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return write_result(out, cr.stack(_in_common(arrays, dtype), axis), "stack")


def _stacked(name: str) -> Any:
    def join(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        return getattr(cr, name)(_in_common(tup, dtype))

    return join


for _name in ("vstack", "hstack", "dstack", "column_stack"):
    door(getattr(np, _name))(_stacked(_name))


@door(np.block)
def block(arrays: Any) -> Any:
    def depth(x: Any) -> int:
        return 1 + max(map(depth, x)) if isinstance(x, list) else 0

    levels = depth(arrays)

    def join(x: Any, level: int) -> Any:
        if not isinstance(x, list):
            return x if isinstance(x, list) else tensor_of(x)
        parts = [join(y, level + 1) for y in x]
        ndim = max([levels, *[p.ndim for p in parts]])
        parts = [p.reshape((*(1,) * (ndim - p.ndim), *p.shape)) for p in parts]
        return cr.cat(_in_common(parts), level - levels)

    return join(arrays, 0)


@door(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    if axis is None:
        return concatenate([ravel(arr), ravel(values)])
    return concatenate([arr, values], axis)


def _sections(x: Any, given: Any, axis: int) -> Any:
    return given if isinstance(given, int) else tuple(int(i) for i in given)


@door(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    x = tensor_of(ary)
    if isinstance(indices_or_sections, int) and x.shape[axis] % indices_or_sections:
        raise ArgumentError("array split does not result in an equal division; write np.array_split")
    return list(cr.tensor_split(x, _sections(x, indices_or_sections, axis), axis))


@door(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list:
    x = tensor_of(ary)
    return list(cr.tensor_split(x, _sections(x, indices_or_sections, axis), axis))


def _split_along(axis: int) -> Any:
    def cut(ary: Any, indices_or_sections: Any) -> list:
        x = tensor_of(ary)
        return split(x, indices_or_sections, 0 if axis == 1 and x.ndim == 1 else axis)

    return cut


door(np.vsplit)(_split_along(0))
door(np.hsplit)(_split_along(1))
door(np.dsplit)(_split_along(2))


@door(named("unstack"))
def unstack(x: Any, /, *, axis: int = 0) -> tuple:
    return tuple(cr.unbind(tensor_of(x), axis))


@door(np.tile)
def tile(A: Any, reps: Any) -> Any:
    return cr.tile(tensor_of(A), (reps,) if isinstance(reps, int) else tuple(reps))


@door(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    count = repeats if isinstance(repeats, int) else tensor_of(repeats)
    return cr.repeat_interleave(tensor_of(a), count, dim=axis)


@door(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is not None and isinstance(axis, int) != isinstance(shift, int):
        axis = (axis,) * len(shift) if isinstance(axis, int) else tuple(axis)
        shift = (shift,) * len(axis) if isinstance(shift, int) else tuple(shift)
    return cr.roll(tensor_of(a), shift, axis)


@door(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    x = tensor_of(m)
    return cr.flip(x, tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis))


@door(np.fliplr)
def fliplr(m: Any) -> Any:
    return cr.fliplr(tensor_of(m))


@door(np.flipud)
def flipud(m: Any) -> Any:
    return cr.flipud(tensor_of(m))


@door(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    return cr.rot90(tensor_of(m), k, tuple(axes))


def _at_least(name: str) -> Any:
    def lift(*arys: Any) -> Any:
        found = tuple(getattr(cr, name)(tensor_of(a)) for a in arys)
        return found[0] if len(found) == 1 else found

    return lift


for _name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    door(getattr(np, _name))(_at_least(_name))


@door(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    return cr.diag(tensor_of(v), k)


@door(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return cr.diagflat(tensor_of(v), k)


@door(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return cr.diagonal(tensor_of(a), offset, axis1, axis2)


@door(named("linalg.diagonal"))
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return cr.diagonal(tensor_of(x), offset, -2, -1)


@door(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    return cr.tril(tensor_of(m), k)


@door(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    return cr.triu(tensor_of(m), k)


@door(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    v = tensor_of(x)
    n = v.shape[0] if N is None else N
    powers = cr.arange(n, dtype=v.dtype) if n else cr.zeros(0, dtype=v.dtype)
    return v.unsqueeze(-1) ** (powers if increasing else powers.flip(0))


@door(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple:
    if sparse:
        raise no_door("numpy.meshgrid", "with sparse=True")
    return tuple(cr.meshgrid(*[tensor_of(x).reshape(-1) for x in xi], indexing=indexing))


@door(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    x = tensor_of(array)
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(i, pad_width.get(i - x.ndim, (0, 0))) for i in range(x.ndim)]
    widths = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
    if mode == "constant":
        values = np.broadcast_to(np.asarray(options.pop("constant_values", 0), dtype=object), (x.ndim, 2)).tolist()
    if options:
        raise no_door("numpy.pad", f"with {next(iter(options))}=")
    for axis, (before, after) in enumerate(widths):
        if mode == "constant":
            parts = [x]
            for n, value, place in ((before, values[axis][0], 0), (after, values[axis][1], len(parts) + 1)):
                shape = tuple(n if i == axis else s for i, s in enumerate(x.shape))
                parts.insert(place, cr.full(shape, value, dtype=x.dtype))
            x = cr.cat(parts, axis)
            continue
        n = x.shape[axis]
        places = np.pad(np.arange(n), (before, after), mode=mode) if mode in _BY_INDEX else None
        if places is None:
            raise no_door("numpy.pad", f"with mode={mode!r}")
        x = cr.index_select(x, axis, cr.as_tensor(places))
    return x


_BY_INDEX = ("edge", "reflect", "symmetric", "wrap")  # modes that only repeat elements


@door(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    shape = (new_shape,) if isinstance(new_shape, int) else tuple(new_shape)
    x = tensor_of(a).reshape(-1)
    size = int(np.prod(shape))
    if x.shape[0] == 0:
        return cr.zeros(shape, dtype=x.dtype)
    return cr.tile(x, (-(-size // x.shape[0]),))[:size].reshape(shape)


@door(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    x = tensor_of(filt)
    used = np.nonzero(values_of(x, "np.trim_zeros"))
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis)]
    keys = [slice(None)] * x.ndim
    for a in axes:
        first, last = (int(used[a].min()), int(used[a].max()) + 1) if len(used[a]) else (0, 0)
        whole = not len(used[a])
        keys[a] = slice(first if "f" in trim.lower() else 0, last if whole or "b" in trim.lower() else x.shape[a])
    return x[tuple(keys)]


@door(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    x = tensor_of(a)
    shown = values_of(x, "np.real_if_close")
    return cr.real(x) if shown.dtype.kind == "c" and np.isrealobj(np.real_if_close(shown, tol)) else x


@door(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x = tensor_of(arr)
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    kept = np.delete(np.arange(x.shape[axis]), obj if not hasattr(obj, "numpy") else obj.numpy())
    return cr.index_select(x, axis, cr.as_tensor(kept))


@door(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    x = tensor_of(arr)
    x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
    v = tensor_of(values).to(x.dtype)
    n = x.shape[axis]
    places = np.atleast_1d(obj if not hasattr(obj, "numpy") else obj.numpy())
    if np.ndim(obj) == 0 and v.ndim == x.ndim:
        count = v.shape[axis]
        order = np.insert(np.arange(n), int(places[0]), np.arange(n, n + count))
    else:
        count = max(len(places), v.shape[0] if v.ndim == 1 and x.ndim == 1 else 1)
        order = np.insert(np.arange(n), obj if np.ndim(obj) else int(places[0]), np.arange(n, n + count))
    if np.ndim(obj) == 0 and 0 < v.ndim < x.ndim:
        v = v.unsqueeze(axis)
    shape = tuple(count if i == axis % x.ndim else s for i, s in enumerate(x.shape))
    return cr.index_select(cr.cat([x, cr.broadcast_to(v, shape)], axis), axis, cr.as_tensor(order))


@door(np.real)
def real(val: Any) -> Any:
    x = tensor_of(val)
    return cr.real(x) if raw_dtype(x).kind == "c" else x


@door(np.imag)
def imag(val: Any) -> Any:
    x = tensor_of(val)
    return cr.imag(x) if raw_dtype(x).kind == "c" else cr.zeros_like(x)


@door(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    found = cr.angle(tensor_of(z))
    return cr.rad2deg(found) if deg else found


@door(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    t = tensor_of(x)
    sizes = (window_shape,) if isinstance(window_shape, int) else tuple(window_shape)
    axes = tuple(range(t.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    for size, d in zip(sizes, axes, strict=True):
        t = t.unfold(d, size, 1)
    return t
