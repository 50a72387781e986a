"""Indexing: x[key] and the functional x[key] = v, with NumPy's keys.

A key has a static part, a hashable tuple that is a parameter of the primitives, and index arrays, which are positional
arguments. In the static part an int stands for itself, (start, stop, step) for a slice, None for a new dimension, and a
letter for the next index array: "a" an integer array, whose entries may repeat, "b" one of the arrays that list where a
mask is true, which never repeat, "z" the same for a mask without dimensions, which indexes a new dimension.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from operator import index as as_index
from typing import Any

import numpy as np

from ..core.eager import bind, cast_to
from ..core.errors import DTypeError, IndexingError, ShapeError, TracedValueError
from ..core.provenance import describe, here
from ..core.state import state
from ..core.tape import Spec
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape
from .broadcasting import unbroadcast
from .kits import add_terms, linear, opaque, pad_rank
from .shape import broadcast_to_p, permute_p, reshape_p

__all__: list[str] = []
METHODS = ("__getitem__",)
INPLACE = ()

ndarray = np.ndarray
FULL = (None, None, None)  # the slice `:`
INDEX_ARGUMENTS = tuple(range(1, 65))  # what joint rules read: all index arrays


# ---- values that must be known ----------------------------------------------------------------------------------------


def concrete_or_none(x: Any) -> ndarray | None:
    """The ndarray under a value, or None while it is being vectorised or staged."""
    while isinstance(x, Tensor):
        if isinstance(x, Tracer) and not getattr(x._trace, "transparent", False):
            return None
        x = x._data if state.stage is None else state.stage.lift(x)
    if isinstance(x, ndarray):
        return x
    return None if hasattr(x, "__chainrule_raw__") else np.asarray(x)


def concrete(x: Any, what: str, instead: str) -> ndarray:
    """The ndarray under a value, or an error that says what to write where its numbers are not known."""
    found = concrete_or_none(x)
    if found is None:
        code, lasti = here(2)
        raise TracedValueError(
            f"{what} at {describe(code, lasti)}: the shape of the result depends on the numbers in a tensor of shape "
            f"{raw_shape(x)}, which are not known while the function is vectorised or staged. {instead}"
        )
    return found


# ---- keys -------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def _basic(key: tuple) -> tuple:
    """NumPy's key for a static part without arrays; the final ellipsis keeps 0-d results views."""
    return (*[slice(*t) if type(t) is tuple else t for t in key], Ellipsis)


def numpy_key(key: tuple, arrays: Any) -> tuple:
    """The key for NumPy that a static part and index arrays stand for."""
    if not arrays:
        return _basic(key)
    queue = iter(arrays)
    return tuple([slice(*t) if type(t) is tuple else next(queue) if type(t) is str else t for t in key])


def _target(x: ndarray, key: tuple) -> ndarray:
    """`x` with the new dimensions that masks without dimensions index."""
    if "z" not in key:
        return x
    return x[tuple([None if t == "z" else slice(None) for t in key if t is not None])]


def _bound(x: Any) -> int | None:
    if x is None or type(x) is int:
        return x
    try:
        return as_index(x)
    except TypeError as error:
        raise IndexingError(
            f"slice indices must be integers or None or have an __index__ method, got {type(x).__name__}"
        ) from error


def _array_entry(part: Any) -> Any:
    """An index that is not an int, slice, None or Ellipsis, as an array or tensor of integers or bool."""
    if not (isinstance(part, (Tensor, ndarray, np.generic)) or hasattr(part, "__chainrule_raw__")):
        if isinstance(part, list) and any(isinstance(p, Tensor) for p in part):
            part = [concrete(p, "indexing", "Use an index tensor instead of a list of tensors.") for p in part]
        try:
            found = np.asarray(part)
        except (TypeError, ValueError):
            found = np.asarray(None)
        part = found.astype(np.int64) if found.size == 0 and found.dtype.kind == "f" else found
    kind = raw_dtype(part).kind
    if kind == "O" or kind in "SU":
        raise IndexingError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte tensors are valid indices; an index "
            f"of another type was given: {part!r}"
        )
    if kind not in "iub":
        raise IndexingError(
            f"tensors used as indices must be long, int, byte or bool tensors, but one has dtype {raw_dtype(part)}; "
            f"write x[i.long()], or round() first"
        )
    return part


def _entry(part: Any) -> Any:
    kind = type(part)
    if kind is int or part is None or part is Ellipsis:
        return part
    if kind is slice:
        return (_bound(part.start), _bound(part.stop), _bound(part.step))
    if isinstance(part, np.integer):
        return int(part)
    if kind is float or isinstance(part, (float, complex, np.inexact)):
        raise IndexingError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte tensors are valid indices (got "
            f"{kind.__name__} {part!r}); write int(i)"
        )
    found = _array_entry(part)
    if raw_shape(found) == () and raw_dtype(found).kind in "iu":
        number = concrete_or_none(found)
        return found if number is None else int(number)
    return found


def _consumes(entry: Any) -> int:
    """How many dimensions of the tensor an entry indexes."""
    if entry is None or entry is Ellipsis:
        return 0
    if type(entry) is int or type(entry) is tuple or raw_dtype(entry).kind != "b":
        return 1
    return len(raw_shape(entry))


def parse_key(key: Any, shape: tuple[int, ...]) -> tuple[tuple, list]:
    """(static part, index arrays) of a key into a tensor of `shape`.

    Raises IndexError for what cannot index, for too many indices, and for ints out of bounds.
    """
    entries = [_entry(p) for p in (key if isinstance(key, tuple) else (key,))]
    ndim = len(shape)
    used = sum([_consumes(e) for e in entries])
    if used > ndim:
        if ndim == 0:
            raise IndexingError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
            )
        raise IndexingError(f"too many indices for tensor of dimension {ndim}: {used} were given for shape {shape}")
    if sum([e is Ellipsis for e in entries]) > 1:
        raise IndexingError("an index can only have a single ellipsis ('...')")
    static: list[Any] = []
    arrays: list[Any] = []
    dim = 0
    for e in entries:
        kind = type(e)
        if e is None:
            static.append(None)
        elif e is Ellipsis:
            static.extend([FULL] * (ndim - used))
            dim += ndim - used
        elif kind is int:
            if not -shape[dim] <= e < shape[dim]:
                raise IndexingError(f"index {e} is out of bounds for dimension {dim} with size {shape[dim]}")
            static.append(e)
            dim += 1
        elif kind is tuple:
            if e[2] == 0:
                raise ShapeError("slice step cannot be zero; it may be any other integer")
            static.append(e)
            dim += 1
        elif raw_dtype(e).kind == "b":
            mask_shape = raw_shape(e)
            n = len(mask_shape)
            if tuple(shape[dim : dim + n]) != mask_shape:
                raise IndexingError(
                    f"The shape of the mask {list(mask_shape)} at index {dim} does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {dim}"
                )
            mask = concrete(e, "indexing with a boolean mask", "Write where(mask, x, 0), which keeps the shape.")
            static.extend("b" * n or "z")
            arrays.extend(mask.nonzero() if n else (np.arange(int(mask)),))
            dim += n
        else:
            static.append("a")
            arrays.append(e)
            dim += 1
    return tuple(static), arrays


def _layout(key: tuple) -> int:
    """How many dimensions of the result stand before those of the index arrays: NumPy moves these to the front if
    slices or None separate them."""
    before = first = 0
    blocks, inside = 0, False
    for t in key:
        if type(t) is str or type(t) is int:
            if not inside:
                blocks += 1
                if blocks == 1:
                    first = before
            inside = True
        else:
            inside = False
            before += 1
    return first if blocks == 1 else 0


def selection_shape(shape: tuple[int, ...], key: tuple, arrays: Any) -> tuple[int, ...]:
    """Shape of x[key] for x of `shape`."""
    out: list[int] = []
    dim = 0
    for t in key:
        if t is None:
            out.append(1)
            continue
        if t == "z":
            continue
        if type(t) is tuple:
            out.append(len(range(*slice(*t).indices(shape[dim]))))
        dim += 1
    out.extend(shape[dim:])
    if not arrays:
        return tuple(out)
    try:
        picked = np.broadcast_shapes(*[raw_shape(a) for a in arrays])
    except ValueError as error:
        raise IndexingError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(raw_shape(a))) for a in arrays)
        ) from error
    at = _layout(key)
    return (*out[:at], *picked, *out[at:])


def _explained(error: IndexError, shape: tuple[int, ...]) -> IndexingError:
    text = str(error).replace("axis", "dimension").replace("indexing arrays", "indexing tensors")
    return IndexingError(f"{text}; the tensor has shape {tuple(shape)}")


# ---- basic keys: views --------------------------------------------------------------------------------------------------


def _embed_impl(xp: Any, g: Any, *, key: tuple, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, g.dtype)
    out[_basic(key)] = g
    return out


embed_p = linear(
    "embed",
    _embed_impl,
    aval=lambda g, *, key, shape: Spec(shape, g.dtype),
    transpose=lambda g, ans, x, *, key, shape: getitem_p(g, key=key),
    batch=lambda prim, args, b, *, key, shape: prim(
        args[0], key=(FULL, *key), shape=(raw_shape(args[0])[0], *shape)
    ),
    notation="embed({})",
    doc="Zeros of `shape` with the argument written at a key of ints and slices: the transpose of x[key].",
)

getitem_p = linear(
    "getitem",
    lambda xp, x, *, key: x[_basic(key)],
    aval=lambda x, *, key: Spec(selection_shape(x.shape, key, ()), x.dtype),
    transpose=lambda g, ans, x, *, key: embed_p(g, key=key, shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, key: prim(args[0], key=(FULL, *key)),
    notation="{}[...]",
    doc="The elements at a key of ints, slices and None; a view.",
    backward_name="SliceBackward0",
    view=True,
)


def _select_key(dim: int, index: int) -> tuple:
    return (*(FULL,) * dim, index)


select_p = linear(
    "select",
    lambda xp, x, *, dim, index: x[_basic(_select_key(dim, index))] if dim else x[index, ...],
    aval=lambda x, *, dim, index: Spec((*x.shape[:dim], *x.shape[dim + 1 :]), x.dtype),
    transpose=lambda g, ans, x, *, dim, index: embed_p(g, key=_select_key(dim, index), shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, dim, index: prim(args[0], dim=dim + 1, index=index),
    notation="{}[i]",
    doc="The slice at one index of one dimension; a view.",
    view=True,
)


# ---- keys with index arrays ---------------------------------------------------------------------------------------------


def _read(x: Any, arrays: Any, key: tuple) -> Any:
    return index_p(x, *arrays, key=key) if arrays else getitem_p(x, key=key)


def _index_impl(xp: Any, x: Any, *arrays: Any, key: tuple) -> Any:
    try:
        found = _target(x, key)[numpy_key(key, arrays)]
    except IndexError as error:
        raise _explained(error, x.shape) from error
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
    at = _layout(key)
    if not at or not n:
        return out
    ndim = len(raw_shape(out))
    return permute_p(out, dims=(0, *range(1 + n, 1 + n + at), *range(1, 1 + n), *range(1 + n + at, ndim)))


def _from_place(v: Any, batched: bool, key: tuple, n: int, ndim: int) -> Any:
    """A value to be written, of rank up to `ndim` per example, laid out as a batched key selects."""
    shape = raw_shape(v)
    at = _layout(key)
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
    if not is_batched[0]:
        x = broadcast_to_p(x, shape=(size, *raw_shape(x)))
    batched, arrays, n = _batched_key(arrays, is_batched[1:], key, size)
    return _to_place(prim(x, *arrays, key=batched), key, n)


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
    target, where = _target(out, key), numpy_key(key, arrays)
    try:
        if "a" not in key:
            target[where] += v
            return out
        rows = _linear_positions(out.shape, key, arrays)
        if rows is None:
            xp.add.at(target, where, v)
            return out
    except IndexError as error:
        raise _explained(error, x.shape) from error
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


def _setitem_impl(xp: Any, x: Any, v: Any, *arrays: Any, key: tuple) -> Any:
    out = xp.array(x)
    target, where = _target(out, key), numpy_key(key, arrays)
    try:
        target[where] = v
    except IndexError as error:
        raise _explained(error, x.shape) from error
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
    target, where = _target(base, key), numpy_key(key, arrays)
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
    target, where = _target(out, key), numpy_key(key, arrays)
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
    from .shape import cast_p

    dtype = raw_dtype(ans)
    won_x = cast_p(x == ans, dtype=dtype)
    if not include_self:
        won_x = setitem_p(won_x, 0, *arrays, key=key)
        untouched = setitem_p(_zeros(raw_shape(ans), ans) + 1, 0, *arrays, key=key)
        won_x = won_x + untouched * (1 - won_x)
    won_v = cast_p(v == index_p(ans, *arrays, key=key), dtype=dtype)
    return won_x, won_v, index_add_p(won_x, won_v, *arrays, key=key)


def _reduce_joint(
    g: Any, ans: Any, args: tuple, needs: Any, *, key: tuple, how: str, include_self: bool
) -> list:
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


# ---- functions ----------------------------------------------------------------------------------------------------------


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
        bounds = (_bound(key.start), _bound(key.stop), _bound(key.step))
        if bounds[2] != 0:
            return bind(getitem_p, (x,), {"key": (bounds,)})
    static, arrays = parse_key(key, raw_shape(x))
    if arrays:
        return bind(index_p, (x, *arrays), {"key": static})
    return bind(getitem_p, (x,), {"key": static})


def __getitem__(self: Any, key: Any) -> Any:  # noqa: N807 (becomes the method)
    """x[key], with NumPy's keys."""
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


def _fitted(value: Any, wanted: tuple[int, ...]) -> Any:
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
    if isinstance(mask, Tensor) or hasattr(mask, "__chainrule_raw__"):
        if raw_dtype(mask).kind == "b" and concrete_or_none(mask) is None:
            return _set_where(x, mask, value)
    static, arrays = parse_key(key, shape)
    return setitem_p(x, _fitted(value, selection_shape(shape, static, arrays)), *arrays, key=static)


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
                f"numbers are not known while the function is vectorised or staged. Write masked_scatter(x, mask, values)"
            )
        value = reshape_p(value, shape=sizes[len(sizes) - len(rest) :])
    return where(reshape_p(mask, shape=(*have, *(1,) * len(rest))), value, x)
