"""Writes in place: real where nothing is recorded, functional updates rebound into the same tensor where it is.

A functional update computes new values, and the tensor object takes them over, node and all. What the tape saved of the
old values stays as it was, so gradients stay right. Views follow: a write to a view updates its base, and every live
view of the base is made again from it, so that all see the same memory, as in PyTorch.
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import elementwise
from ..core.dtypes import F32, F64, category, from_numpy_dtype
from ..core.errors import ArgumentTypeError, DTypeError, IndexingError, InplaceError, ShapeError
from ..core.state import special, state
from ..core.tape import Accumulate
from ..core.value import InferenceTensor, Tensor, Tracer, raw_dtype, raw_shape, wrap
from ..core.writes import note_write, owner_of, times_written
from ..ops.examples import in_place_doc
from ..ops.keys import byte_mask
from .data import converted
from .rebinding import become, forbidden_view, live_views, rebind

ndarray = np.ndarray
_BASIC = {int, slice, type(...), type(None)}  # keys that give views


def inplace_form(name: str, function: Callable) -> Callable:
    """The method `name_` that stores `function`'s result in its first argument."""
    label = name + "_"
    prim = getattr(function, "prim", None)
    ufunc = getattr(prim, "fast", None)

    if isinstance(ufunc, np.ufunc):

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            # The hot path of optimisers: nothing is recorded, dtypes fit; the ufunc writes where the tensor lies.
            if not kwargs and len(args) <= 1 and type(self) is Tensor:
                x = self._data
                other = args[0] if args else None
                mode = state.mode if special.on else 0
                quiet = mode == 1 or (self._node is None and not mode)
                plain = type(x) is ndarray and (x.dtype is F32 or x.dtype is F64) and x.flags.writeable
                mine = self._base is None or (self._view_kind is None and not _is_leaf_view(self))
                if quiet and plain and mine and (x.flags.forc or not _overlaps(x)):
                    if not args:
                        note_write(x, label)
                        ufunc(x, out=x)
                        return self
                    kind = type(other)
                    if kind is Tensor and (mode or other._node is None):
                        y = other._data
                        if y.dtype is x.dtype and (y.shape == x.shape or (y.size == 1 and y.ndim <= x.ndim)):
                            note_write(x, label)
                            ufunc(x, y, out=x)
                            return self
                    elif kind is float or kind is int:
                        note_write(x, label)
                        ufunc(x, other, out=x)
                        return self
            return store(self, function(self, *args, **kwargs), label)

    else:

        def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            return store(self, function(self, *args, **kwargs), label)

    method.__name__ = method.__qualname__ = label
    method.__doc__ = in_place_doc(name)
    return method


def _is_leaf_view(x: Tensor) -> bool:
    """Is `x` a view of a leaf that requires grad, at a time when that matters?"""
    return state.grad_enabled and x._base is not None and type(x._base._node) is Accumulate


def is_recorded(x: Any) -> bool:
    """Does `x` take part in recording, here or in a transformation?"""
    return isinstance(x, Tensor) and (x._node is not None or isinstance(x, Tracer))


def check_leaf(target: Tensor, name: str) -> None:
    """Refuse a recorded write to a leaf that requires grad, or to a view of one."""
    if type(target) is InferenceTensor and not state.inference:
        raise InplaceError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            f"normal tensor before doing inplace update: write `x = x.clone()` before {name}."
        )
    if not state.grad_enabled:
        return
    base = target._base
    if base is not None and base._node is not None and target._view_kind in ("no_grad", "inference"):
        raise forbidden_view(target, name)
    if type(target._node) is Accumulate:
        raise InplaceError(
            f"a leaf Variable that requires grad is being used in an in-place operation. {name} would change it while "
            f"recording. Write `with chainrule.no_grad():` around the update, or make a new tensor with the result."
        )
    if base is not None and type(base._node) is Accumulate:
        raise InplaceError(
            f"a view of a leaf Variable that requires grad is being used in an in-place operation. {name} would "
            f"change the leaf while recording. Write `with chainrule.no_grad():`, or clone() the leaf first."
        )


def store(target: Tensor, result: Any, name: str) -> Tensor:
    """Make `target` hold `result`, as an operation named `name` written in place would."""
    if not isinstance(target, Tensor):
        raise ArgumentTypeError(f"{name} writes into a Tensor, not {type(target).__name__}")
    check_leaf(target, name)
    if result is target:
        return target
    if result._replay is not None and (result._base is target or result._base is target._base is not None):
        return _reshape_in_place(target, result, name)
    shape, dtype = raw_shape(target), raw_dtype(target)
    if raw_shape(result) != shape:
        raise ShapeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(raw_shape(result))}: {name} "
            f"cannot enlarge the tensor it writes to. Write `x = x.{name.rstrip('_')}(...)`"
        )
    have = raw_dtype(result)
    if have != dtype:
        if category(have) > category(dtype):
            raise DTypeError(
                f"result type {_type_name(have)} can't be cast to the desired output type {_type_name(dtype)}: {name} "
                f"keeps the dtype of the tensor it writes to. Convert it first, for example with x.float()."
            )
        result = elementwise._cast(result, dtype=dtype)
    if state.grad_enabled and target._node is not None and not is_recorded(result):
        from ..ops.indexing import set_item

        result = set_item(target, ..., result)  # a recorded tensor stays recorded, although its gradient is zero
    recorded = state.grad_enabled and (is_recorded(target) or is_recorded(result))
    if not recorded and not isinstance(target, Tracer) and not isinstance(result, Tracer) and state.stage is None:
        write(target, result._data, name)
        return target
    rebind(target, result, name)
    return target


def write(target: Tensor, value: Any, name: str, key: Any = ...) -> None:
    """Really write `value` into the tensor's memory."""
    data = target._data
    if not isinstance(data, ndarray):
        data[key] = value  # another array library's array
        return
    if not data.flags.writeable or (data.size > 1 and not data.flags.c_contiguous and _overlaps(data)):
        part = _part(data, key)
        if part is not None:  # of an expanded tensor, a part in which every element has a place of its own
            note_write(part, name)
            part[...] = value
            return
        raise InplaceError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            f"location, or its memory is read-only. Please clone() the tensor before performing {name}."
        )
    note_write(data if key is ... else _region(data, key), name)
    try:
        data[key] = value
    except IndexError as error:
        raise IndexingError(f"{name}: {error}; the tensor has shape {tuple(data.shape)}") from error
    except ValueError as error:
        raise ShapeError(f"{name}: shape mismatch: {error}; the tensor has shape {tuple(data.shape)}") from error


def _region(data: ndarray, key: Any) -> ndarray:
    """The elements that a write at `key` may change, as a view: all, unless the key is made of integers and slices."""
    keys = key if isinstance(key, tuple) else (key,)
    if all(type(k) in _BASIC for k in keys):
        with contextlib.suppress(IndexError):  # the write itself says what is wrong
            return data[keys if ... in keys else (*keys, ...)]
    return data


def _part(data: ndarray, key: Any) -> ndarray | None:
    """The elements at a key without index arrays as memory to write to; None if there is none, or two share a place."""
    owner = owner_of(data)
    if key is ... or not owner.flags.writeable or not owner.flags.c_contiguous:
        return None
    start = data.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    whole = ndarray(data.shape, data.dtype, owner, start, data.strides)
    keys = key if isinstance(key, tuple) else (key,)
    part = whole[keys if any(k is ... for k in keys if not isinstance(k, ndarray)) else (*keys, ...)]
    return part if np.may_share_memory(part, owner) and not _overlaps(part) else None


def _overlaps(data: ndarray) -> bool:
    """Do two elements lie at one place? Exact for strides that nest, as those of slices of an array do."""
    reach = data.itemsize
    for step, n in sorted([(abs(s), n) for s, n in zip(data.strides, data.shape, strict=True) if n > 1]):
        if step < reach:
            return True
        reach = step * (n - 1) + reach
    return False


def _reshape_in_place(target: Tensor, result: Tensor, name: str) -> Tensor:
    """t_, squeeze_ and the like: the tensor shows the same memory in another shape."""
    check_leaf(target, name)
    others = [v for v in live_views(target) if v is not result]
    if others:
        raise InplaceError(
            f"{name} would change the shape of a tensor of which {len(others)} views are alive. Write "
            f"`y = x.{name.rstrip('_')}(...)` instead."
        )
    leaf = type(target._node) is Accumulate  # then nothing is recorded, and it stays one
    if not leaf and not state.grad_enabled and is_recorded(target) and not is_recorded(result):
        raise InplaceError(
            f"{name} without recording would take the tensor out of the graph that it was computed in. Write "
            f"`y = x.detach().{name.rstrip('_')}(...)`, or move {name} out of the no_grad block."
        )
    if state.stage is not None:
        state.stage.touch(target)
    become(target, result, keep_node=leaf)
    if target._base is None:
        target._views = None
        if target._alias is not None:
            memory, replay = target._alias
            target._alias = memory, (*replay, *(result._replay or ()))
    else:
        target._replay = result._replay
    target._rebinds += 1
    return target


def _type_name(d: np.dtype) -> str:
    names = {"float64": "Double", "float32": "Float", "int64": "Long", "int32": "Int", "complex64": "ComplexFloat"}
    names.update(complex128="ComplexDouble", int16="Short", int8="Char", uint8="Byte", float16="Half", bool="Bool")
    return names.get(from_numpy_dtype(d).name, d.name)


# ---- methods ---------------------------------------------------------------------------------------------------------


def raw_key(key: Any) -> Any:
    """An index with tensors replaced by their arrays, for NumPy."""
    if isinstance(key, Tensor):
        data = key._data
        if data.dtype == np.uint8:
            return byte_mask(key)
        return data if data.dtype.kind in "b" or data.ndim or data.dtype.kind not in "iu" else operator.index(data)
    if isinstance(key, tuple):
        return tuple(raw_key(k) for k in key)
    if isinstance(key, list):
        return [raw_key(k) for k in key]
    return key


def _has_tracer(key: Any) -> bool:
    if isinstance(key, (tuple, list)):
        return any(_has_tracer(k) for k in key)
    return isinstance(key, Tracer)


def set_item_method(self: Tensor, key: Any, value: Any) -> None:
    """x[key] = value, differentiably where `x` or `value` is recorded; really writing where not."""
    recorded = state.grad_enabled and (is_recorded(self) or is_recorded(value))
    general = recorded or isinstance(self, Tracer) or isinstance(value, Tracer) or _has_tracer(key)
    if not general and state.stage is None:
        check_leaf(self, "setitem")
        raw = value._data if isinstance(value, Tensor) else value
        have = getattr(raw, "dtype", None)
        if have is not None and category(have) > category(raw_dtype(self)) and have.kind == "c":
            raise DTypeError("setitem: a complex value can't be stored in a real tensor; write x = x.to(complex64)")
        if have is None and ((type(raw) is int and raw_dtype(self).kind in "iu") or type(raw) is complex):
            raw = converted(np.asarray(raw), raw_dtype(self))
        write(self, raw, "setitem", _numpy_key(self, key))
        return
    from ..ops.indexing import set_item

    check_leaf(self, "setitem")
    rebind(self, set_item(self, key, value), "setitem")


def _numpy_key(self: Tensor, key: Any) -> Any:
    found = raw_key(key)
    for part in found if isinstance(found, tuple) else (found,):
        if isinstance(part, float) or (isinstance(part, ndarray) and part.dtype.kind in "fc" and part.size):
            raise IndexingError("tensors used as indices must be long, int, byte or bool tensors, not floating ones")
    return found


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Write `src`, broadcast and cast, into this tensor."""
    from ..ops.shape import broadcast_to_p, cast_p, clone

    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src))
    if raw_dtype(src) != raw_dtype(self):
        src = cast_p(src, dtype=raw_dtype(self))
    if raw_shape(src) != raw_shape(self):
        src = broadcast_to_p(src, shape=raw_shape(self))
    recorded = state.grad_enabled and (is_recorded(self) or is_recorded(src))
    if recorded or src._base is not None:  # an update takes over memory: not the source's, nor what both share
        src = clone(src)
    return store(self, src, "copy_")


def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value everywhere.

    A number, or a 0-d tensor; shape and dtype stay.

    >>> import chainrule as cr
    >>> cr.zeros(2).fill_(7.0)
    tensor([7., 7.])
    """
    if not isinstance(value, Tensor):
        if not (is_recorded(self) and state.grad_enabled) and state.stage is None and not isinstance(self, Tracer):
            check_leaf(self, "fill_")
            write(self, value, "fill_")
            return self
        return store(self, wrap(np.full(raw_shape(self), value, raw_dtype(self))), "fill_")
    from ..ops.shape import broadcast_to_p, clone

    if raw_shape(value) != ():
        raise ShapeError(
            f"fill_ only supports 0-dimension value tensor but got tensor with {len(raw_shape(value))} dims"
        )
    value = elementwise.cast_to(value, raw_dtype(self))
    return store(self, clone(broadcast_to_p(value, shape=raw_shape(self))), "fill_")


def zero_(self: Tensor) -> Tensor:
    """Write zeros everywhere.

    Shape and dtype stay.

    >>> import chainrule as cr
    >>> cr.ones(2).zero_()
    tensor([0., 0.])
    """
    return fill_(self, 0)


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor from the graph: it becomes a leaf that requires no grad.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True) * 3
    >>> x.detach_().requires_grad
    False
    """
    if self._base is not None and self._node is not None:
        raise InplaceError(
            "Can't detach views in-place. Use detach() instead. If you are using chunk or split, call detach() on each."
        )
    self._node = None
    if isinstance(self, Tracer):
        if isinstance(self._data, Tensor):
            self._data = self._data.detach()  # type: ignore[attr-defined]
        if "_tangent" in self.__dict__:
            self._tangent = None  # type: ignore[attr-defined]
    return self


def version(self: Tensor) -> int:
    """How many times this tensor, or its base, was written to in place."""
    root = self if self._base is None else self._base
    return root._rebinds + times_written(root._data)


def is_inference(self: Tensor) -> bool:
    """Was the tensor made in inference mode?"""
    return self._inference


def install() -> None:
    """Attach the writing methods to Tensor."""
    for function in (copy_, fill_, zero_, detach_):
        setattr(Tensor, function.__name__, function)
    Tensor.__setitem__ = set_item_method  # type: ignore[attr-defined]
    Tensor.is_inference = is_inference  # type: ignore[attr-defined]
    Tensor._version = property(version)  # type: ignore[attr-defined]
    Tensor._is_view = lambda self: self._base is not None  # type: ignore[attr-defined]
