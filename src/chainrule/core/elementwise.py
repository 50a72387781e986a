"""Elementwise operations: the public function of a record, with PyTorch's promotion and a hot path.

`unary`, `binary` and `product` make the hot paths: one flat Python call for float32 and float64.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import _getframe
from typing import Any

import numpy as np

from .dtypes import F32, F64, category, default, result_dtype
from .eager import bind, note_cut, operand_error
from .errors import ArgumentTypeError
from .primitive import VALUE, Primitive
from .provenance import last, user_frame
from .state import next_seq, special, state
from .tape import Link1, Link2, Pair
from .value import Tensor, new_object, raw_dtype
from .writes import write_out

ndarray = np.ndarray
asarray = np.asarray

# ---- numbers as arrays -----------------------------------------------------------------------------------------------

scalars32: dict[float, ndarray] = {}
scalars64: dict[float, ndarray] = {}


def scalar_array(value: float, dtype: np.dtype) -> Any:
    """A Python number as a 0-d array, kept for next time: NumPy takes half as long with it as with the number."""
    cache = scalars32 if dtype is F32 else scalars64
    if value == 0 or value != value:  # -0.0 equals 0.0 as a key, NaN not even itself
        return value
    if len(cache) >= 1024:
        cache.clear()
    found = asarray(value).astype(dtype)
    found.flags.writeable = False
    cache[value] = found
    return found


# ---- promotion -------------------------------------------------------------------------------------------------------


def cast_to(x: Any, dtype: np.dtype) -> Any:
    """`x` in another dtype, differentiably; Python numbers become Python numbers of the right kind."""
    if isinstance(x, Tensor) or hasattr(x, "shape"):
        return x if raw_dtype(x) == dtype else _cast(x, dtype=dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = int(x)
        return x if info.min <= x <= info.max else asarray(x).astype(dtype)
    return x


_cast: Any = None  # the `cast` primitive; ops/ sets it, because kits stand below it


def elementwise_call(prim: Primitive, args: tuple, promotes: str) -> Any:
    """Promote the operands by PyTorch's rules and apply an elementwise primitive.

    `promotes`: "float" turns integers and bool into the default float, "numeric" keeps them, "none" keeps dtypes;
    "float arrays" also turns Python numbers into 0-d arrays, for implementations that apply functions to operands.
    """
    if promotes != "float arrays":
        top = trace_of_floats(args)
        if top is not None:
            return top.process(prim, args, {})
    for x in args:
        if not (
            isinstance(x, (Tensor, ndarray, np.generic, bool, int, float, complex)) or hasattr(x, "__chainrule_raw__")
        ):
            raise wrong_type(prim, args, x)
    check = prim._cache.get("operands")
    if check is not None:
        check(args)
    if not any(isinstance(x, Tensor) for x in args):
        return bind(prim, args, {})  # rules on raw arrays: NumPy's own promotion, operands already fit
    dtype = result_dtype(args)
    if promotes != "numeric" and promotes != "none" and category(dtype) < 2:
        dtype = default.float
    if promotes != "none":
        args = tuple([cast_to(x, dtype) for x in args])
    if promotes == "float arrays" or dtype.kind == "V":  # V: bfloat16, beside which NumPy takes numbers for float32
        args = tuple([asarray(x, dtype) if isinstance(x, (bool, int, float, complex)) else x for x in args])
    return bind(prim, args, {})


def trace_of_floats(args: tuple) -> Any:
    """The innermost trace among operands that all have one floating dtype or are numbers: nothing to promote."""
    top = dtype = None
    for x in args:
        kind = type(x)
        if kind is float or kind is int:
            continue
        while kind is not ndarray:
            if kind is not Tensor:
                trace = getattr(x, "_trace", None)
                if trace is None:
                    if not isinstance(x, Tensor):
                        break
                elif top is None or trace.level > top.level:
                    top = trace
            x = x._data
            kind = type(x)
        found = getattr(x, "dtype", None)
        if dtype is None and (found is F32 or found is F64):
            dtype = found
        elif found is not dtype or dtype is None:
            return None
    recorder = state.recorder
    return top if top is None or recorder is None or top.level > recorder.level else None


def require_tensor(name: str, x: Any) -> None:
    """Raise the TypeError of `name` unless `x` is a tensor, an array or a number."""
    if not (isinstance(x, (Tensor, ndarray, np.generic, bool, int, float, complex)) or hasattr(x, "__chainrule_raw__")):
        raise ArgumentTypeError(
            f"{name}(): argument 'input' must be Tensor, not {type(x).__name__}; write chainrule.tensor(...)"
        )


def wrong_type(prim: Primitive, args: tuple, x: Any) -> ArgumentTypeError:
    """The TypeError for an operand that is neither tensor, array nor number."""
    position = next(i for i, a in enumerate(args) if a is x)
    name = ("input", "other", "third")[min(position, 2)]
    kind = type(x).__name__
    hint = f"chainrule.tensor({kind} ...)" if isinstance(x, (list, tuple)) else "a tensor, a NumPy array or a number"
    return ArgumentTypeError(f"{prim.name}(): argument '{name}' must be Tensor, not {kind}; write {hint}")


def unary(prim: Primitive, promotes: str = "float") -> Callable:
    """The public function of an elementwise primitive with one argument."""
    ufunc = prim.fast if prim.vjp[0] is not None else None  # without a rule: the general path, which says so
    keep_x: bool | None = None  # what the rule reads; found at the first recorded call
    keep_ans = False

    def op(input: Any, *, out: Any = None) -> Any:
        nonlocal keep_x, keep_ans
        if type(input) is Tensor and out is None:
            x = input._data
            dtype = x.dtype
            mode = state.mode if special.on else 0
            if (dtype is F32 or dtype is F64) and mode != 2 and ufunc is not None:
                ans = ufunc(x)
                if type(ans) is not ndarray:
                    ans = asarray(ans)
                res = new_object(Tensor)
                res._data = ans
                edge = input._node
                if edge is None or mode:
                    res._node = None
                    if mode:
                        note_cut(res, (edge,))
                    return res
                if keep_x is None:
                    kinds, keep_ans = prim.reads(1, (True,))
                    keep_x = kinds[0] == VALUE
                res._node = node = new_object(Link1)
                node.prim = prim
                node.x = x if keep_x else None
                node.ans = ans if keep_ans else None
                node.edge = edge
                node.params = node.meta = None
                node.seq = next_seq()
                frame = _getframe(1)
                code = frame.f_code
                if code is not last.code:
                    frame = user_frame(frame)
                    last.code = code = frame.f_code
                node.code = code
                node.lasti = frame.f_lasti
                return res
        res = elementwise_call(prim, (input,), promotes)
        return res if out is None else write_out(out, res)

    return op


def binary(prim: Primitive, promotes: str = "numeric") -> Callable:
    """The public function of an elementwise primitive with two arguments."""
    ufunc = prim.fast if all(r is not None for r in prim.vjp) else None
    plans: tuple | None = None  # what the rules read, by which arguments need gradients; found at the first call

    def op(input: Any, other: Any, *, out: Any = None) -> Any:
        nonlocal plans
        mode = state.mode if special.on else 0
        if type(input) is Tensor and mode != 2 and out is None:
            x = input._data
            dtype = x.dtype
            if (dtype is F32 or dtype is F64) and ufunc is not None:
                shapes = None
                if type(other) is Tensor:
                    y = other._data
                    fits = y.dtype is dtype
                    second = other._node
                    shape = x.shape
                    if shape != y.shape:
                        shapes = (shape, y.shape)
                elif type(other) is float or type(other) is int:
                    fits = True
                    second = None
                    y = (scalars32 if dtype is F32 else scalars64).get(other)
                    if y is None:
                        y = scalar_array(other, dtype)
                elif type(other) is ndarray and other.dtype is dtype:  # NumPy's own, a constant
                    fits = True
                    second = None
                    y = other
                    shape = x.shape
                    if shape != y.shape:
                        shapes = (shape, y.shape)
                else:
                    fits = False
                if fits:
                    try:
                        ans = ufunc(x, y)
                    except ValueError as error:
                        raise operand_error(prim, (x, y), {}, error) from error
                    if type(ans) is not ndarray:
                        ans = asarray(ans)
                    res = new_object(Tensor)
                    res._data = ans
                    first = input._node
                    if (first is None and second is None) or mode:
                        res._node = None
                        if mode:
                            note_cut(res, (first, second))
                        return res
                    if plans is None:
                        plans = binary_plans(prim)
                    if shapes is None and (second is None or first is None):
                        res._node = node = new_object(Link2)
                        if second is None:
                            keep_x, keep_y, keep_ans = plans[0]
                            node.edge = first
                            node.index = 0
                        else:
                            keep_x, keep_y, keep_ans = plans[1]
                            node.edge = second
                            node.index = 1
                    else:
                        keep_x, keep_y, keep_ans = plans[0 if second is None else 1 if first is None else 2]
                        res._node = node = new_object(Pair)
                        node.first = first
                        node.second = second
                        node.shapes = shapes
                    node.x = x if keep_x else None
                    node.y = y if keep_y else None
                    node.prim = prim
                    node.ans = ans if keep_ans else None
                    node.meta = None
                    node.seq = next_seq()
                    frame = _getframe(1)
                    code = frame.f_code
                    if code is not last.code:
                        frame = user_frame(frame)
                        last.code = code = frame.f_code
                    node.code = code
                    node.lasti = frame.f_lasti
                    return res
        res = elementwise_call(prim, (input, other), promotes)
        return res if out is None else write_out(out, res)

    return op


def product(prim: Primitive, general: Callable) -> Callable:
    """The public function of a matrix product: one flat call for two float32 or float64 matrices, else `general`."""
    plans: tuple | None = None

    def op(input: Any, other: Any, *, out: Any = None) -> Any:
        nonlocal plans
        mode = state.mode if special.on else 0
        if type(input) is not Tensor or type(other) is not Tensor or mode == 2 or out is not None:
            return general(input, other, out=out)
        x = input._data
        y = other._data
        dtype = x.dtype
        if not (dtype is F32 or dtype is F64) or y.dtype is not dtype or x.ndim != 2 or y.ndim != 2:
            return general(input, other)
        try:
            ans = x.dot(y)
        except ValueError:
            return general(input, other)  # which says what does not fit
        res = new_object(Tensor)
        res._data = ans
        first = input._node
        second = other._node
        if (first is None and second is None) or mode:
            res._node = None
            if mode:
                note_cut(res, (first, second))
            return res
        if plans is None:
            plans = binary_plans(prim)
        if first is not None and second is not None:
            keep_x, keep_y, keep_ans = plans[2]
            res._node = node = new_object(Pair)
            node.first = first
            node.second = second
            node.shapes = None
        else:
            res._node = node = new_object(Link2)
            if second is None:
                keep_x, keep_y, keep_ans = plans[0]
                node.edge = first
                node.index = 0
            else:
                keep_x, keep_y, keep_ans = plans[1]
                node.edge = second
                node.index = 1
        node.x = x if keep_x else None
        node.y = y if keep_y else None
        node.prim = prim
        node.ans = ans if keep_ans else None
        node.meta = None
        node.seq = next_seq()
        frame = _getframe(1)
        code = frame.f_code
        if code is not last.code:
            frame = user_frame(frame)
            last.code = code = frame.f_code
        node.code = code
        node.lasti = frame.f_lasti
        return res

    op.__name__ = op.__qualname__ = general.__name__
    op.__doc__ = general.__doc__
    op.__module__ = general.__module__
    return op


def binary_plans(prim: Primitive) -> tuple:
    """What a binary primitive keeps, (x, y, ans), if only the first, only the second, or both need gradients."""
    plans = []
    for needs in ((True, False), (False, True), (True, True)):
        kinds, keep_ans = prim.reads(2, needs)
        plans.append((kinds[0] == VALUE, kinds[1] == VALUE, keep_ans))
    return tuple(plans)
