"""The Python array API standard over tensors: elementwise functions, statistics, products."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_dtype
from ..ops.examples import EXAMPLES
from .api import cr
from .standard import in_common, result_type, upcast

_UNARY = {
    "abs": "abs", "acos": "acos", "acosh": "acosh", "asin": "asin", "asinh": "asinh", "atan": "atan", "atanh": "atanh",
    "bitwise_invert": "bitwise_not", "conj": "conj", "cos": "cos", "cosh": "cosh", "exp": "exp",
    "imag": "imag", "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan", "log": "log", "log1p": "log1p",
    "log2": "log2", "log10": "log10", "logical_not": "logical_not", "negative": "neg", "positive": "positive",
    "reciprocal": "reciprocal", "sign": "sgn", "signbit": "signbit", "sin": "sin", "sinh": "sinh", "square": "square",
    "sqrt": "sqrt", "tan": "tan", "tanh": "tanh",
}  # fmt: skip
_ROUNDING = ("ceil", "floor", "trunc", "round")
_BINARY = {
    "add": "add", "atan2": "atan2", "bitwise_and": "bitwise_and", "bitwise_left_shift": "bitwise_left_shift",
    "bitwise_or": "bitwise_or", "bitwise_right_shift": "bitwise_right_shift", "bitwise_xor": "bitwise_xor",
    "copysign": "copysign", "divide": "div", "equal": "eq", "floor_divide": "floor_divide", "greater": "gt",
    "greater_equal": "ge", "hypot": "hypot", "less": "lt", "less_equal": "le", "logaddexp": "logaddexp",
    "logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor", "maximum": "maximum",
    "minimum": "minimum", "multiply": "mul", "nextafter": "nextafter", "not_equal": "ne", "pow": "pow",
    "remainder": "remainder", "subtract": "sub",
}  # fmt: skip


def _example(name: str, op: str) -> str:
    call, shown = EXAMPLES[op]
    call = call.replace(f"cr.{op}(", f"cr.array_api.{name}(", 1)
    return f"\n\n    >>> import chainrule as cr\n    >>> {call}\n    {shown}\n    "


def _unary(name: str, op: str) -> Callable:
    def function(x: Tensor, /) -> Tensor:
        return getattr(cr, op)(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of each element, of any shape.{_example(name, op)}"
    return function


def _rounding(name: str) -> Callable:
    def function(x: Tensor, /) -> Tensor:
        if raw_dtype(x).kind == "c":
            return cr.complex(getattr(cr, name)(cr.real(x)), getattr(cr, name)(cr.imag(x)))
        return x * 1 if raw_dtype(x).kind in "iu" else getattr(cr, name)(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"`{name}` of each element, of any shape; integers stay as they are.{_example(name, name)}"
    return function


def _binary(name: str, op: str) -> Callable:
    def function(x1: Any, x2: Any, /) -> Tensor:
        if isinstance(x1, Tensor) and isinstance(x2, Tensor) and raw_dtype(x1) != raw_dtype(x2):
            x1, x2 = in_common((x1, x2))
        elif not isinstance(x1, Tensor):
            x1 = cr.full((), x1, dtype=result_type(x2, x1))
        elif not isinstance(x2, Tensor):
            x2 = cr.full((), x2, dtype=result_type(x1, x2))
        return getattr(cr, op)(x1, x2)

    function.__name__ = function.__qualname__ = name
    text = "`{}` of pairs of elements; shapes broadcast, dtypes of one kind are promoted.{}"
    function.__doc__ = text.format(name, _example(name, op))
    return function


for _name, _op in _UNARY.items():
    globals()[_name] = _unary(_name, _op)
for _name in _ROUNDING:
    globals()[_name] = _rounding(_name)
for _name, _op in _BINARY.items():
    globals()[_name] = _binary(_name, _op)


def expm1(x: Tensor, /) -> Tensor:
    """exp(x) - 1 of each element, of any shape; exact for small x, and the standard's values at complex infinities.

    >>> import chainrule as cr
    >>> cr.array_api.expm1(cr.tensor([0., 1.]))
    tensor([0.0000, 1.7183])
    """
    found = cr.expm1(x)
    if raw_dtype(x).kind == "c":  # NumPy gives nan + nanj there
        found = cr.where(cr.isfinite(cr.real(x)), found, cr.exp(x) - 1)
    return found


def real(x: Tensor, /) -> Tensor:
    """Real part.

    Any shape.

    >>> import chainrule as cr
    >>> cr.array_api.real(cr.tensor([1 + 2j]))
    tensor([1.])
    """
    return cr.real(x) if raw_dtype(x).kind == "c" else x


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Elements kept within bounds, in the dtype of `x`.

    Bounds are numbers or tensors that broadcast.

    >>> import chainrule as cr
    >>> cr.array_api.clip(cr.tensor([1, 5]), 2, 4)
    tensor([2, 4])
    """
    result = x
    for bound, op in ((min, "maximum"), (max, "minimum")):
        if bound is not None:
            limit = bound.to(x.dtype) if isinstance(bound, Tensor) else cr.full((), bound, dtype=x.dtype)
            result = getattr(cr, op)(result, limit)
    return result * 1 if result is x else result


# ---- statistics -----------------------------------------------------------------------------------------------------


def _dims(x: Tensor, axis: Any) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _over(name: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    dims = _dims(x, axis)
    return getattr(cr, name)(x, dims, keepdim=keepdims) if dims else x * 1


def max(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Largest element.

    Over all elements if axis=None; real dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.max(cr.tensor([1, 5]))
    tensor(5)
    """
    return _over("amax", x, axis, keepdims)


def min(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Smallest element.

    Over all elements if axis=None; real dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.min(cr.tensor([1, 5]))
    tensor(1)
    """
    return _over("amin", x, axis, keepdims)


def mean(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Arithmetic mean.

    Over all elements if axis=None; floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.mean(cr.tensor([1.0, 5.0]))
    tensor(3.)
    """
    return _over("mean", x, axis, keepdims)


def sum(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Sum; small integers widen to 64 bits.

    Over all elements if axis=None; any numeric dtype.

    >>> import chainrule as cr
    >>> cr.array_api.sum(cr.tensor([1, 5]))
    tensor(6)
    """
    return _over("sum", x.to(upcast(x, dtype)), axis, keepdims).to(upcast(x, dtype))


def prod(x: Tensor, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """Product; small integers widen to 64 bits.

    Over all elements if axis=None; any numeric dtype.

    >>> import chainrule as cr
    >>> cr.array_api.prod(cr.tensor([2, 5]))
    tensor(10)
    """
    kind = upcast(x, dtype)
    result = x.to(kind)
    for d in sorted((d % builtins.max(x.ndim, 1) for d in _dims(x, axis)), reverse=True):
        result = cr.prod(result, d, keepdim=keepdims)
    return (result * 1 if result is x else result).to(kind)


def std(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Standard deviation.

    Over all elements if axis=None; floating dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.std(cr.tensor([1.0, 5.0]))
    tensor(2.)
    """
    if not _dims(x, axis):
        return cr.sqrt(var(x, axis=axis, correction=correction))
    return cr.std(x, _dims(x, axis), correction=correction, keepdim=keepdims)


def var(x: Tensor, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """Variance.

    Over all elements if axis=None; floating dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.var(cr.tensor([1.0, 5.0]))
    tensor(4.)
    """
    if not _dims(x, axis):
        return (x - x) / (1 - correction)
    return cr.var(x, _dims(x, axis), correction=correction, keepdim=keepdims)


def _cumulative(name: str, x: Tensor, axis: Any, dtype: Any, include_initial: bool, first: int) -> Tensor:
    if axis is None:
        if x.ndim != 1:
            raise ArgumentError(f"{name}: axis may be left out for one dimension only")
        axis = 0
    kind = upcast(x, dtype)
    result = getattr(cr, name)(x.to(kind), axis).to(kind)
    if not include_initial:
        return result
    shape = tuple(1 if i == axis % x.ndim else n for i, n in enumerate(x.shape))
    return cr.cat([cr.full(shape, first, dtype=result.dtype), result], axis)


def cumulative_sum(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running sums.

    The shape stays; with include_initial=True one longer.

    >>> import chainrule as cr
    >>> cr.array_api.cumulative_sum(cr.tensor([1, 2, 3]))
    tensor([1, 3, 6])
    """
    return _cumulative("cumsum", x, axis, dtype, include_initial, 0)


def cumulative_prod(
    x: Tensor, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False
) -> Tensor:
    """Running products.

    The shape stays; with include_initial=True one longer.

    >>> import chainrule as cr
    >>> cr.array_api.cumulative_prod(cr.tensor([1, 2, 3]))
    tensor([1, 2, 6])
    """
    return _cumulative("cumprod", x, axis, dtype, include_initial, 1)


def _truth(name: str, x: Tensor, axis: Any, keepdims: bool) -> Tensor:
    dims = _dims(x, axis)
    flags = x != 0 if raw_dtype(x).kind != "b" else x
    return getattr(cr, name)(flags, dims, keepdim=keepdims) if dims else flags


def all(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Is every element true?

    Any shape and dtype; a bool result.

    >>> import chainrule as cr
    >>> cr.array_api.all(cr.tensor([1, 0]))
    tensor(False)
    """
    return _truth("all", x, axis, keepdims)


def any(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Is some element true?

    Any shape and dtype; a bool result.

    >>> import chainrule as cr
    >>> cr.array_api.any(cr.tensor([1, 0]))
    tensor(True)
    """
    return _truth("any", x, axis, keepdims)


def diff(
    x: Tensor, /, *, axis: int = -1, n: int = 1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along an axis.

    One element fewer for each of `n`.

    >>> import chainrule as cr
    >>> cr.array_api.diff(cr.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    return cr.diff(x, n, axis, prepend, append)


# ---- products -------------------------------------------------------------------------------------------------------


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Matrix product.

    (..., m, k) with (..., k, n), or vectors; numeric dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.matmul(cr.tensor([1, 2]), cr.tensor([3, 4]))
    tensor(11)
    """
    return cr.matmul(*in_common((x1, x2)))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """Last two dimensions swapped.

    (..., m, n) to (..., n, m), any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.matrix_transpose(cr.tensor([[1, 2]]))
    tensor([[1],
            [2]])
    """
    return x.mT


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Sums of products over pairs of axes.

    Numeric dtypes.

    >>> import chainrule as cr
    >>> cr.array_api.tensordot(cr.ones(2, 3), cr.ones(3, 4), axes=1).shape
    torch.Size([2, 4])
    """
    return cr.tensordot(*in_common((x1, x2)), dims=axes if isinstance(axes, int) else tuple(map(list, axes)))


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Sum of conj(x1) x2 over an axis.

    Shapes broadcast; the axis goes.

    >>> import chainrule as cr
    >>> cr.array_api.vecdot(cr.tensor([1, 2]), cr.tensor([3, 4]))
    tensor(11)
    """
    a, b = in_common((x1, x2))
    if a.shape[axis] != b.shape[axis]:
        raise ArgumentError(f"vecdot: axis {axis} has sizes {a.shape[axis]} and {b.shape[axis]}, which must be equal")
    return cr.sum(cr.conj(a) * b, axis).to(a.dtype)


__all__ = [
    *_UNARY, *_ROUNDING, *_BINARY, "expm1", "real", "clip", "max", "min", "mean", "sum", "prod", "std", "var",
    "cumulative_sum", "cumulative_prod", "all", "any", "diff", "matmul", "matrix_transpose", "tensordot", "vecdot",
]  # fmt: skip
