"""NumPy's functions that make, copy, write, map and save, on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.value import Tensor, raw_dtype, raw_shape
from .api import cr, operand, tensor_of, write_result
from .functions import door, named

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


@door(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> tuple:
    rows, columns = raw_shape(arr)
    return tuple(cr.tril_indices(rows, columns, k))


@door(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> tuple:
    rows, columns = raw_shape(arr)
    return tuple(cr.triu_indices(rows, columns, k))


@door(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    at, result = operand(x), 0
    for c in cr.unbind(tensor_of(p)):
        result = result * at + c
    return result


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
