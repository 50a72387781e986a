"""Indexing: x[key] and the functional x[key] = v, with NumPy's keys (see keys for how they are represented)."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.eager import bind, register_view
from ..core.elementwise import cast_to
from ..core.errors import DTypeError, IndexingError, ShapeError, TracedValueError
from ..core.state import special
from ..core.tape import Spec
from ..core.value import Tensor, new_object, raw_dtype, raw_shape
from .broadcasting import unbroadcast
from .keys import (
    FULL,
    basic_key,
    concrete_or_none,
    dims_before,
    explained,
    ndarray,
    numpy_key,
    parse_key,
    selection_shape,
    slice_bound,
    target_of,
)
from .kits import add_terms, linear, opaque, pad_rank
from .shape import broadcast_to_p, cast_p, permute_p, reshape_p

__all__: list[str] = []
METHODS = ("__getitem__",)
INPLACE = ()

INDEX_ARGUMENTS = tuple(range(1, 65))  # what joint rules read: all index arrays


# ---- basic keys: views -----------------------------------------------------------------------------------------------


def _embed_impl(xp: Any, g: Any, *, key: tuple, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, g.dtype)
    out[basic_key(key)] = g
    return out


embed_p = linear(
    "embed",
    _embed_impl,
    aval=lambda g, *, key, shape: Spec(shape, g.dtype),
    transpose=lambda g, ans, x, *, key, shape: getitem_p(g, key=key),
    batch=lambda prim, args, b, *, key, shape: prim(args[0], key=(FULL, *key), shape=(raw_shape(args[0])[0], *shape)),
    notation="embed({})",
    doc="Zeros of `shape` with the argument written at a key of ints and slices: the transpose of x[key].",
)


def _getitem_name(node: Any) -> str:
    """PyTorch applies a key from left to right, full slices left out: the name is that of the last step."""
    steps = [k for k in node.params["key"] if k != FULL]
    last = steps[-1] if steps else FULL
    return "UnsqueezeBackward0" if last is None else "SelectBackward0" if isinstance(last, int) else "SliceBackward0"


getitem_p = linear(
    "getitem",
    lambda xp, x, *, key: x[basic_key(key)],
    aval=lambda x, *, key: Spec(selection_shape(x.shape, key, ()), x.dtype),
    transpose=lambda g, ans, x, *, key: embed_p(g, key=key, shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, key: prim(args[0], key=(FULL, *key)),
    notation="{}[...]",
    doc="The elements at a key of ints, slices and None; a view.",
    backward_name=_getitem_name,
    view=True,
)


def _select_key(dim: int, index: int) -> tuple:
    return (*(FULL,) * dim, index)


select_p = linear(
    "select",
    lambda xp, x, *, dim, index: x[basic_key(_select_key(dim, index))] if dim else x[index, ...],
    aval=lambda x, *, dim, index: Spec((*x.shape[:dim], *x.shape[dim + 1 :]), x.dtype),
    transpose=lambda g, ans, x, *, dim, index: embed_p(g, key=_select_key(dim, index), shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, dim, index: prim(args[0], dim=dim + 1, index=index),
    notation="{}[i]",
    doc="The slice at one index of one dimension; a view.",
    view=True,
)


# ---- keys with index arrays ------------------------------------------------------------------------------------------


def _read(x: Any, arrays: Any, key: tuple) -> Any:
    return index_p(x, *arrays, key=key) if arrays else getitem_p(x, key=key)


def _index_impl(xp: Any, x: Any, *arrays: Any, key: tuple) -> Any:
    try:
        found = target_of(x, key)[numpy_key(key, arrays)]
    except IndexError as error:
        raise explained(error, x.shape) from error
    return xp.asarray(found)


def _zeros(shape: tuple[int, ...], like: Any) -> Any:
    """Zeros of a shape, in the dtype of `like`, without memory of their own."""
    return broadcast_to_p(np.zeros((), raw_dtype(like)), shape=tuple(shape))


def _batched_key(arrays: Any, flags: Any, key: tuple, size: int) -> tuple[tuple, list, int]:
    """The key for arrays with a batch dimension in front: its static part, index arrays, and their dimensions."""
    if not arrays:
        return (FULL, *key), [], 0
    n = max([len(raw_shape(a)) - f for a, f in zip(arrays, flags, strict=True)])
    padded = [pad_rank(a, n) if f else a for a, f in zip(arrays, flags, strict=True)]
    return ("b", *key), [np.arange(size).reshape(size, *(1,) * n), *padded], n


def _size_of(args: Any, is_batched: Any) -> int:
    return next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)


def _to_place(out: Any, key: tuple, n: int) -> Any:
    """Move the `n` dimensions of batched index arrays from the front to where one example has them."""
    at = dims_before(key)
    if not at or not n:
        return out
    ndim = len(raw_shape(out))
    return permute_p(out, dims=(0, *range(1 + n, 1 + n + at), *range(1, 1 + n), *range(1 + n + at, ndim)))


def _from_place(v: Any, batched: bool, key: tuple, n: int, ndim: int) -> Any:
    """A value to be written, of rank up to `ndim` per example, laid out as a batched key selects."""
    shape = raw_shape(v)
    at = dims_before(key)
    if batched:
        v = pad_rank(v, ndim)
    elif at and n and len(shape) < ndim and shape:
        v = reshape_p(v, shape=(*(1,) * (ndim - len(shape)), *shape))
    if not at or not n or not shape:
        return v
    dims = (*range(at, at + n), *range(at), *range(at + n, ndim))
    return permute_p(v, dims=(0, *[d + 1 for d in dims]) if batched else dims)


def _index_batch(prim: Any, args: tuple, is_batched: Any, *, key: tuple) -> Any:
    size = _size_of(args, is_batched)
    x, *arrays = args
    batched, arrays, n = _batched_key(arrays, is_batched[1:], key, size)
    if is_batched[0]:
        return _to_place(prim(x, *arrays, key=batched), key, n)
    out, at = prim(x, *arrays[1:], key=key), dims_before(key)  # one tensor, read at the indices of all examples
    rest = [d for d in range(len(raw_shape(out))) if d != at]
    return permute_p(out, dims=(at, *rest)) if at else out


def _write_batch(prim: Any, args: tuple, is_batched: Any, *, key: tuple, **params: Any) -> Any:
    size = _size_of(args, is_batched)
    x, v, *arrays = args
    shape = raw_shape(x)[1:] if is_batched[0] else raw_shape(x)
    if not is_batched[0]:
        x = broadcast_to_p(x, shape=(size, *shape))
    flags = is_batched[2:]
    one = [Spec(raw_shape(a)[f:], None) for a, f in zip(arrays, flags, strict=True)]
    ndim = len(selection_shape(shape, key, one))
    batched, arrays, n = _batched_key(arrays, flags, key, size)
    return prim(x, _from_place(v, is_batched[1], key, n, ndim), *arrays, key=batched, **params)


index_p = opaque(
    "index",
    _index_impl,
    lambda x, *arrays, key: Spec(selection_shape(x.shape, key, arrays), x.dtype),
    joint=lambda g, ans, args, needs, *, key: [
        index_add_p(_zeros(args[0].shape, g), g, *args[1:], key=key),
        *[None] * (len(args) - 1),
    ],
    keeps=INDEX_ARGUMENTS,
    jvp=lambda prim, tangents, ans, x, *arrays, key: prim(tangents[0], *arrays, key=key),
    batch=_index_batch,
    notation="{}[{}]",
    doc="The elements at a key with integer arrays or masks, as NumPy picks them.",
)


def _linear_positions(shape: tuple[int, ...], key: tuple, arrays: Any) -> tuple[ndarray, int] | None:
    """Row numbers (broadcast) of a key made of arrays alone, and the size of a row; None for other keys."""
    if any([t not in ("a", "b") for t in key]):
        return None
    total: Any = 0
    for n, a in zip(shape, arrays, strict=False):
        a = np.asarray(a).astype(np.int64, copy=False)
        if a.size and (a.min() < -n or a.max() >= n):
            return None  # NumPy's own indexing will say so
        total = total * n + np.where(a < 0, a + n, a)
    return total, prod(shape[len(key) :])


def _index_add_impl(xp: Any, x: Any, v: Any, *arrays: Any, key: tuple) -> Any:
    out = xp.array(x, order="C")
    target, where = target_of(out, key), numpy_key(key, arrays)
    try:
        if "a" not in key:
            target[where] += v
            return out
        rows = _linear_positions(out.shape, key, arrays)
        if rows is None:
            xp.add.at(target, where, v)
            return out
    except IndexError as error:
        raise explained(error, x.shape) from error
    position, row = rows
    if out.ndim > len(key):  # one index per element: NumPy adds fastest so
        position = position[..., None] * row + np.arange(row)
    v = xp.broadcast_to(v, selection_shape(out.shape, key, arrays))
    xp.add.at(out.reshape(-1), position.reshape(-1), v.reshape(-1))
    return out


def _index_add_joint(g: Any, ans: Any, args: tuple, needs: Any, *, key: tuple) -> list:
    found: list[Any] = [g if needs[0] else None, *[None] * (len(args) - 1)]
    if needs[1]:
        found[1] = unbroadcast(_read(g, args[2:], key), tuple(args[1].shape))
    return found


def _index_add_jvp(prim: Any, tangents: Any, ans: Any, x: Any, v: Any, *arrays: Any, key: tuple) -> Any:
    tx, tv = tangents[:2]
    if tv is None:
        return tx
    return prim(_zeros(raw_shape(ans), ans) if tx is None else tx, tv, *arrays, key=key)


index_add_p = opaque(
    "index_add",
    _index_add_impl,
    lambda x, v, *arrays, key: Spec(x.shape, x.dtype),
    joint=_index_add_joint,
    keeps=INDEX_ARGUMENTS[1:],
    jvp=_index_add_jvp,
    batch=_write_batch,
    notation="{} + {} at {}",
    doc="A copy of x with v added at a key; where an index repeats, all that belongs there is added.",
)


def _in_order(key: tuple, arrays: Any) -> Any:
    """Index arrays laid out so that NumPy writes in row-major order, if an index may repeat."""
    if "a" not in key:
        return arrays
    return [np.asarray(a, order="C") for a in (np.broadcast_arrays(*arrays) if len(arrays) > 1 else arrays)]


def _setitem_impl(xp: Any, x: Any, v: Any, *arrays: Any, key: tuple) -> Any:
    out = xp.array(x, order="C")
    target, where = target_of(out, key), numpy_key(key, _in_order(key, arrays))
    try:
        target[where] = xp.asarray(v, order="C")
    except IndexError as error:
        raise explained(error, x.shape) from error
    return out


def _setitem_joint(g: Any, ans: Any, args: tuple, needs: Any, *, key: tuple) -> list:
    found: list[Any] = [None] * len(args)
    arrays = args[2:]
    if needs[0]:
        found[0] = setitem_p(g, 0, *arrays, key=key)
    if needs[1]:
        taken = _read(g, arrays, key)
        if "a" in key:  # of values written to the same place, the last one stays
            from .comparison import where

            taken = where(last_write_p(*arrays, key=key, shape=tuple(args[0].shape)), taken, 0)
        found[1] = unbroadcast(taken, tuple(args[1].shape))
    return found


def _setitem_jvp(prim: Any, tangents: Any, ans: Any, x: Any, v: Any, *arrays: Any, key: tuple) -> Any:
    tx, tv = tangents[:2]
    tx = _zeros(raw_shape(ans), ans) if tx is None else tx
    return prim(tx, 0 if tv is None else tv, *arrays, key=key)


setitem_p = opaque(
    "setitem",
    _setitem_impl,
    lambda x, v, *arrays, key: Spec(x.shape, x.dtype),
    joint=_setitem_joint,
    keeps=INDEX_ARGUMENTS[1:],
    jvp=_setitem_jvp,
    batch=_write_batch,
    notation="{} with {} written",
    doc="A copy of x with v written at a key; where an index repeats, the last value stays.",
    backward_name="CopySlices",
)


def _last_write_impl(xp: Any, *arrays: Any, key: tuple, shape: tuple[int, ...]) -> Any:
    base = xp.zeros(shape, xp.int64)
    target, where = target_of(base, key), numpy_key(key, _in_order(key, arrays))
    size = selection_shape(shape, key, arrays)
    order = xp.arange(prod(size)).reshape(size)
    target[where] = order
    return target[where] == order


def _last_write_batch(prim: Any, args: tuple, is_batched: Any, *, key: tuple, shape: tuple[int, ...]) -> Any:
    size = _size_of(args, is_batched)
    batched, arrays, n = _batched_key(args, is_batched, key, size)
    return _to_place(prim(*arrays, key=batched, shape=(size, *shape)), key, n)


last_write_p = opaque(
    "last_write",
    _last_write_impl,
    lambda *arrays, key, shape: Spec(selection_shape(shape, key, arrays), np.dtype(bool)),
    batch=_last_write_batch,
    notation="last_write({})",
    doc="Which of the values written at a key into an array of `shape` stay: where an index repeats, the last one.",
)


def _reduce_impl(xp: Any, x: Any, v: Any, *arrays: Any, key: tuple, how: str, include_self: bool) -> Any:
    out = xp.array(x)
    target, where = target_of(out, key), numpy_key(key, arrays)
    if not include_self:
        if out.dtype.kind == "f" or out.dtype.name == "bfloat16":
            worst: Any = -np.inf if how == "amax" else np.inf
        else:
            info = np.iinfo(out.dtype)
            worst = info.min if how == "amax" else info.max
        target[where] = worst
    (xp.maximum if how == "amax" else xp.minimum).at(target, where, v)
    return out


def _reduce_shares(ans: Any, x: Any, v: Any, arrays: Any, key: tuple, include_self: bool) -> tuple:
    """Which entries of x and of v attain the extremum, and how many share each place of it."""
    dtype = raw_dtype(ans)
    won_x = cast_p(x == ans, dtype=dtype)
    if not include_self:
        won_x = setitem_p(won_x, 0, *arrays, key=key)
        untouched = setitem_p(_zeros(raw_shape(ans), ans) + 1, 0, *arrays, key=key)
        won_x = won_x + untouched * (1 - won_x)
    won_v = cast_p(v == index_p(ans, *arrays, key=key), dtype=dtype)
    return won_x, won_v, index_add_p(won_x, won_v, *arrays, key=key)


def _reduce_joint(g: Any, ans: Any, args: tuple, needs: Any, *, key: tuple, how: str, include_self: bool) -> list:
    x, v, *arrays = args
    won_x, won_v, count = _reduce_shares(ans, x, v, arrays, key, include_self)
    share = g / count
    found: list[Any] = [share * won_x if needs[0] else None, *[None] * (len(args) - 1)]
    if needs[1]:
        found[1] = unbroadcast(index_p(share, *arrays, key=key) * won_v, raw_shape(v))
    return found


def _reduce_jvp(
    prim: Any, tangents: Any, ans: Any, x: Any, v: Any, *arrays: Any, key: tuple, how: str, include_self: bool
) -> Any:
    won_x, won_v, count = _reduce_shares(ans, x, v, arrays, key, include_self)
    terms = []
    if tangents[0] is not None:
        terms.append(tangents[0] * won_x)
    if tangents[1] is not None:
        terms.append(index_add_p(_zeros(raw_shape(ans), ans), tangents[1] * won_v, *arrays, key=key))
    return add_terms(terms) / count


index_reduce_p = opaque(
    "index_reduce",
    _reduce_impl,
    lambda x, v, *arrays, key, how, include_self: Spec(x.shape, x.dtype),
    joint=_reduce_joint,
    keeps=("all", "ans"),
    jvp=_reduce_jvp,
    batch=_write_batch,
    notation="reduce({}, {}, {})",
    doc="A copy of x with, at each place that a key names, the extremum of what is there and all of v that belongs "
    "there; equal ones share the gradient.",
    backward_name="ScatterReduceBackward0",
)


# ---- functions -------------------------------------------------------------------------------------------------------


def getitem(x: Any, key: Any) -> Any:
    """x[key]: a view for ints, slices, None and Ellipsis; the elements picked, copied, for masks and integer arrays.

    Masks and arrays mix with the rest as in NumPy; negative steps are allowed. Raises IndexError for what is out of
    bounds or cannot index.

    >>> import chainrule as cr
    >>> cr.arange(6).reshape(2, 3)[:, [0, -1]]
    tensor([[0, 2],
            [3, 5]])
    """
    kind = type(key)
    if kind is int:
        shape = raw_shape(x)
        if shape and -shape[0] <= key < shape[0]:
            return bind(select_p, (x,), {"dim": 0, "index": key})
    elif kind is slice and raw_shape(x):
        bounds = (slice_bound(key.start), slice_bound(key.stop), slice_bound(key.step))
        if bounds[2] != 0:
            return bind(getitem_p, (x,), {"key": (bounds,)})
    static, arrays = parse_key(key, raw_shape(x))
    if arrays:
        return bind(index_p, (x, *arrays), {"key": static})
    return bind(getitem_p, (x,), {"key": static})


def __getitem__(self: Any, key: Any) -> Any:  # noqa: N807 (becomes the method)
    """x[key], with NumPy's keys."""
    if type(key) is int and type(self) is Tensor and self._node is None and not special.on:
        data = self._data  # a row of data: nothing to record
        if data.ndim and -data.shape[0] <= key < data.shape[0]:
            row = new_object(Tensor)
            row._data = data[key, ...]
            row._node = None
            register_view(row, self, select_p, {"dim": 0, "index": key})
            return row
    return getitem(self, key)


def _value_for(value: Any, x: Any) -> Any:
    """A value to be written into `x`, in its dtype."""
    dtype = raw_dtype(x)
    if not isinstance(value, Tensor) and not hasattr(value, "shape"):
        value = np.asarray(value)
    if raw_dtype(value).kind == "c" and dtype.kind != "c":
        raise DTypeError(
            f"value cannot be converted to type {dtype} without overflow: it is complex. Write x.to(complex64), or "
            f"value.real"
        )
    if isinstance(value, (ndarray, np.generic)):
        return np.asarray(value).astype(dtype)
    return cast_to(value, dtype)


def fitted(value: Any, wanted: tuple[int, ...]) -> Any:
    """A value that broadcasts to the selection, without the further leading 1s that NumPy lets go."""
    have = raw_shape(value)
    extra = max(len(have) - len(wanted), 0)
    ok = all(n == 1 for n in have[:extra])
    rest = have[extra:]
    if not ok or any(n not in (1, m) for n, m in zip(reversed(rest), reversed(wanted), strict=False)):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape "
            f"{list(wanted)}"
        )
    return reshape_p(value, shape=rest) if extra else value


def set_item(x: Any, key: Any, value: Any) -> Any:
    """`x` with `value`, broadcast and cast, written at `key`: the functional form of x[key] = value."""
    shape = raw_shape(x)
    value = _value_for(value, x)
    mask = key[0] if isinstance(key, tuple) and len(key) == 1 else key
    array = isinstance(mask, Tensor) or hasattr(mask, "__chainrule_raw__")
    if array and raw_dtype(mask).kind == "b" and concrete_or_none(mask) is None:
        return _set_where(x, mask, value)
    static, arrays = parse_key(key, shape)
    return setitem_p(x, fitted(value, selection_shape(shape, static, arrays)), *arrays, key=static)


def _set_where(x: Any, mask: Any, value: Any) -> Any:
    """x[mask] = value for a mask whose numbers are not known: a choice between two tensors of x's shape."""
    from .comparison import where

    shape, have = raw_shape(x), raw_shape(mask)
    rest = shape[len(have) :]
    if shape[: len(have)] != have:
        raise IndexingError(
            f"The shape of the mask {list(have)} at index 0 does not match the shape of the indexed tensor "
            f"{list(shape)} at index 0"
        )
    sizes = raw_shape(value)
    if len(sizes) > len(rest):
        if any(n != 1 for n in sizes[: len(sizes) - len(rest)]):
            raise TracedValueError(
                f"x[mask] = values, with values of shape {sizes}: how many there must be depends on the mask, whose "
                f"numbers are not known while the function is vectorised or staged. Write x.masked_scatter(mask, v)"
            )
        value = reshape_p(value, shape=sizes[len(sizes) - len(rest) :])
    return where(reshape_p(mask, shape=(*have, *(1,) * len(rest))), value, x)
