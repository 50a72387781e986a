"""NumPy's functions that make, copy, write, map and save, on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape
from .api import cr, operand, tensor_of, values_of, write_result
from .functions import door, named
from .shaping import resize

# ---- making, copying, writing ---------------------------------------------------------------------------------------


def _like(name: str) -> Any:
    def make(
        a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *, device: Any = None
    ) -> Any:
        if shape is not None:
            kind = raw_dtype(a) if dtype is None else dtype
            return getattr(cr, name.removesuffix("_like"))(shape, dtype=kind, device=device)
        return getattr(cr, name)(tensor_of(a), dtype=dtype, device=device)

    return make


for _name in ("zeros_like", "ones_like", "empty_like"):
    door(getattr(np, _name))(_like(_name))


@door(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **_: Any
) -> Any:
    kind = raw_dtype(a) if dtype is None else dtype
    return cr.full(raw_shape(a) if shape is None else shape, fill_value, dtype=kind)


@door(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return tensor_of(a).clone()


@door(named("astype"))
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return tensor_of(x).to(dtype, copy=copy)


@door(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    a, b = tensor_of(start), tensor_of(stop)
    kind = cr.promote_types(cr.result_type(a, b), cr.get_default_dtype())
    step = (b - a).to(kind) / max(num - 1 if endpoint else num, 1)
    places = cr.arange(num, dtype=kind).reshape((num, *(1,) * step.ndim))
    result = cr.movedim(a.to(kind) + places * step, 0, axis)
    result = result if dtype is None else result.to(dtype)
    return (result, step) if retstep else result


@door(np.logspace)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    power = linspace(start, stop, num, endpoint, axis=axis)
    result = cr.pow(operand(base), power)
    return result if dtype is None else result.to(dtype)


@door(np.geomspace)
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    a, b = cr.broadcast_tensors(tensor_of(start), tensor_of(stop))
    part = linspace(cr.zeros_like(b / a), cr.ones_like(b / a), num, endpoint, axis=axis)
    result = a.unsqueeze(axis) * cr.pow((b / a).unsqueeze(axis), part)
    return result if dtype is None else result.to(dtype)


@door(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not isinstance(dst, Tensor):
        write_result(dst, tensor_of(src), "copyto")
        return
    value = tensor_of(src).to(dst.dtype)
    if where is not True:
        value = cr.where(tensor_of(where).to(bool), value, dst)
    write_result(dst, value * 1 if value is dst else value, "copyto")


@door(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if not isinstance(a, Tensor):
        raise ArgumentTypeError("np.fill_diagonal: the array to fill must be a tensor, if the value is one")
    a.fill_diagonal_(val, wrap=wrap)


@door(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    index = tensor_of(ind).reshape(-1)
    values = tensor_of(v).to(a.dtype).reshape(-1)
    if values.shape[0] != index.shape[0]:
        values = cr.tile(values, (-(-index.shape[0] // values.shape[0]),))[: index.shape[0]]
    a.put_(index, values)


def _written(arr: Any, name: str) -> Any:
    if not isinstance(arr, Tensor):
        raise ArgumentTypeError(f"np.{name}: the array to write into must be a tensor, if the values or indices are")
    return arr


@door(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    into, index = _written(arr, "put_along_axis"), tensor_of(indices)
    if axis is None:
        into, axis = into.view(-1), 0
    along = axis % into.ndim
    shape = tuple(index.shape[i] if i == along else n for i, n in enumerate(into.shape))
    index = cr.broadcast_to(index, shape)
    into.scatter_(axis, index, cr.broadcast_to(tensor_of(values).to(into.dtype), tuple(index.shape)))


@door(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    into, where = _written(arr, "place"), tensor_of(mask).to(bool)
    into[where] = resize(vals, int(where.sum())).to(into.dtype)


@door(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    into, where = _written(a, "putmask"), tensor_of(mask).to(bool)
    into[where] = resize(values, tuple(into.shape)).to(into.dtype)[where]


@door(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> tuple:
    rows, columns = raw_shape(arr)
    return tuple(cr.tril_indices(rows, columns, k))


@door(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> tuple:
    rows, columns = raw_shape(arr)
    return tuple(cr.triu_indices(rows, columns, k))


@door(np.diag_indices_from)
def diag_indices_from(arr: Any) -> tuple:
    if len(set(arr.shape)) > 1 or arr.ndim < 2:
        raise ShapeError(f"np.diag_indices_from: needs two or more dimensions of one length, got {tuple(arr.shape)}")
    return (cr.arange(arr.shape[0]),) * arr.ndim


@door(np.ix_)
def ix_(*args: Any) -> tuple:
    axes = [tensor_of(a) for a in args]
    axes = [a.nonzero().reshape(-1) if raw_dtype(a).kind == "b" else a for a in axes]
    return tuple(a.reshape((1,) * i + (-1,) + (1,) * (len(axes) - i - 1)) for i, a in enumerate(axes))


@door(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple:
    found = np.unravel_index(values_of(indices, "np.unravel_index"), shape, order)
    return tuple(tensor_of(i) for i in found)


@door(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    places = tuple(values_of(i, "np.ravel_multi_index") for i in multi_index)
    return tensor_of(np.ravel_multi_index(places, dims, mode, order))


@door(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    x = tensor_of(a)
    for axis in (axes,) if isinstance(axes, int) else axes:
        y = tensor_of(func(x, axis))
        x = y if y.ndim == x.ndim else y.unsqueeze(axis)
    return x


@door(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    x = cr.movedim(tensor_of(arr), axis, -1)
    lead = tuple(x.shape[:-1])
    rows = [tensor_of(func1d(row, *args, **kwargs)) for row in cr.unbind(x.reshape((-1, x.shape[-1])))]
    result = cr.stack(rows).reshape((*lead, *rows[0].shape))
    return cr.movedim(
        result, tuple(range(len(lead), result.ndim)), tuple(range(axis % x.ndim, axis % x.ndim + rows[0].ndim))
    )


# ---- text and files -------------------------------------------------------------------------------------------------


def _values(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def _by_values(function: Any) -> Any:
    """Functions that only read: they get the array itself (an error while it requires grad)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_values, args), **{k: _values(v) for k, v in kwargs.items()})

    return call


for _f in (np.save, np.savez, np.savez_compressed, np.savetxt):
    door(_f)(_by_values(_f))


@door(np.array_repr)
def array_repr(arr: Any, *args: Any, **kwargs: Any) -> str:
    return repr(arr)


@door(np.array_str, np.array2string)
def array_str(a: Any, *args: Any, **kwargs: Any) -> str:
    return str(a)
