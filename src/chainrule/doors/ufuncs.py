"""NumPy's ufuncs on tensors: np.sin(t), np.add(array, t), array * t, np.add.reduce(t) ... (`__array_ufunc__`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import numpy_dtype
from ..core.errors import ArgumentTypeError, IndexingError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .api import NO_VALUE, cr, no_door, operand, tensor_of, values_of, write_result

# ufunc name -> name of the op, where they differ; the rest is looked up under the ufunc's own name
RENAMED = {
    "true_divide": "div", "mod": "remainder", "power": "pow", "fabs": "abs", "invert": "bitwise_not",
    "bitwise_invert": "bitwise_not", "rint": "round", "conjugate": "conj", "degrees": "rad2deg",
    "radians": "deg2rad", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift", "arctan2": "atan2",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
    "gammaln": "lgamma", "psi": "digamma",
}  # fmt: skip
SAME = {
    "add", "subtract", "multiply", "divide", "floor_divide", "negative", "positive", "float_power", "remainder",
    "fmod", "absolute", "sign", "exp", "exp2", "log", "log2", "log10", "expm1", "log1p", "sqrt", "square",
    "reciprocal", "gcd", "lcm", "sin", "cos", "tan", "sinh", "cosh", "tanh", "hypot", "deg2rad", "rad2deg",
    "bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or", "logical_xor", "logical_not", "maximum",
    "minimum", "fmax", "fmin", "isfinite", "isinf", "isnan", "signbit", "copysign", "nextafter", "ldexp", "floor",
    "ceil", "trunc", "heaviside", "logaddexp", "logaddexp2", "matmul", "erf", "erfc", "erfinv", "logit", "xlogy",
}  # fmt: skip
SPECIAL = {
    "expit", "entr", "erfcx", "i0", "i0e", "i1", "i1e", "log_ndtr", "ndtr", "ndtri", "xlog1py", "zeta", "gammainc",
    "gammaincc",
}  # fmt: skip
REDUCTIONS = {
    "add": "sum", "multiply": "prod", "maximum": "amax", "minimum": "amin", "logical_and": "all", "logical_or": "any",
    "logaddexp": "logsumexp",
}  # fmt: skip
IDENTITIES = {"add": 0, "multiply": 1, "logical_and": True, "logical_or": False}
SCANS = {"add": "cumsum", "multiply": "cumprod", "maximum": "cummax", "minimum": "cummin", "logaddexp": "logcumsumexp"}


def _cbrt(x: Any) -> Any:
    return cr.sign(x) * cr.pow(cr.abs(x), 1 / 3)


def _divmod(x: Any, y: Any) -> tuple:
    return cr.floor_divide(x, y), cr.remainder(x, y)


def _modf(x: Any) -> tuple:
    return cr.frac(x), cr.trunc(x)


def _vecdot(x: Any, y: Any) -> Any:
    return (cr.conj(x) * y).sum(-1)


def _matvec(x: Any, y: Any) -> Any:
    return cr.matmul(x, y.unsqueeze(-1)).squeeze(-1)


def _vecmat(x: Any, y: Any) -> Any:
    return cr.matmul(cr.conj(x).unsqueeze(-2), y).squeeze(-2)


def _sign(x: Any) -> Any:
    return cr.sgn(x) if raw_dtype(x).kind == "c" else cr.sign(x)


def _gamma_sign(x: Any) -> Any:
    return cr.where((x < 0) & (cr.floor(x).remainder(2) == 1), -1.0, 1.0)


def _gamma(x: Any) -> Any:
    return _gamma_sign(x) * cr.exp(cr.lgamma(x))


def _betaln(a: Any, b: Any) -> Any:
    a, b = tensor_of(a), tensor_of(b)
    return cr.lgamma(a) + cr.lgamma(b) - cr.lgamma(a + b)


def _beta(a: Any, b: Any) -> Any:
    a, b = tensor_of(a), tensor_of(b)
    return _gamma_sign(a) * _gamma_sign(b) * _gamma_sign(a + b) * cr.exp(_betaln(a, b))


def _rel_entr(x: Any, y: Any) -> Any:
    x, y = tensor_of(x), tensor_of(y)
    edge = cr.where((x == 0) & (y >= 0), 0.0, np.inf)
    return cr.where((x > 0) & (y > 0), x * cr.log(x / y), edge)


def _kl_div(x: Any, y: Any) -> Any:
    return _rel_entr(x, y) - x + y


def _huber(delta: Any, r: Any) -> Any:
    delta, r = tensor_of(delta), tensor_of(r)
    size = cr.abs(r)
    return cr.where(delta < 0, np.inf, cr.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta)))


def _pseudo_huber(delta: Any, r: Any) -> Any:
    delta, r = tensor_of(delta), tensor_of(r)
    return delta * delta * (cr.sqrt(1 + cr.square(r / delta)) - 1)


COMPOSED: dict[str, Callable] = {
    "cbrt": _cbrt, "divmod": _divmod, "modf": _modf, "vecdot": _vecdot, "matvec": _matvec, "vecmat": _vecmat,
    "sign": _sign, "gamma": _gamma, "beta": _beta, "betaln": _betaln, "rel_entr": _rel_entr, "kl_div": _kl_div,
    "huber": _huber, "pseudo_huber": _pseudo_huber, "exp10": lambda x: cr.pow(10.0, x),
    "log_expit": lambda x: cr.nn.functional.logsigmoid(x), "_zeta": lambda x, q: cr.special.zeta(x, q),
    "frexp": lambda x: tuple(cr.frexp(x)),
}  # fmt: skip


def counterpart(name: str) -> Callable | None:
    """The op that computes what the ufunc `name` computes."""
    if name in COMPOSED:
        return COMPOSED[name]
    if name in RENAMED:
        return getattr(cr, RENAMED[name])
    if name in SAME:
        return getattr(cr, name)
    if name in SPECIAL:
        return getattr(cr.special, name)
    return None


def _foreign(x: Any) -> bool:
    """Does `x` belong to another library that wants a say?"""
    if isinstance(x, (Tensor, np.ndarray, np.generic)):
        return isinstance(x, np.ndarray) and type(x).__array_ufunc__ is not np.ndarray.__array_ufunc__
    return hasattr(type(x), "__array_ufunc__")


_used: dict[np.ufunc, Callable] = {}  # the ops of ufuncs that were called: the short way for the next call


def _wrapped(x: Any) -> Tensor | None:
    """A plain array as a tensor; None for what the long way has to look at."""
    return wrap(x) if type(x) is np.ndarray else None


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for ufuncs: the op of the same meaning, recorded as always.

    Raises:
        NoDoorError (TypeError): the ufunc has no counterpart; the message names the nearest op.
    """
    if method == "__call__" and not kwargs and ufunc in _used:
        args = [x if isinstance(x, Tensor) or type(x) in (float, int) else _wrapped(x) for x in inputs]
        if all([x is not None for x in args]):
            return _used[ufunc](*args)
    if any(_foreign(x) for x in inputs):
        return NotImplemented
    name = ufunc.__name__
    op = counterpart(name)
    if op is None:
        library = "numpy" if getattr(np, name, None) is ufunc else "scipy.special"
        raise no_door(f"{library}.{name}")
    _used[ufunc] = op
    out = kwargs.pop("out", None)
    if method == "__call__":
        return _call(name, op, inputs, out, kwargs)
    if method == "reduce":
        return write_result(out, _reduce(name, op, *inputs, **kwargs), f"np.{name}.reduce")
    if method == "accumulate":
        return write_result(out, _accumulate(name, *inputs, **kwargs), f"np.{name}.accumulate")
    if method == "reduceat":
        return write_result(out, _reduceat(name, op, *inputs, **kwargs), f"np.{name}.reduceat")
    if method == "outer":
        a, b = map(tensor_of, inputs)
        a = a.reshape((*a.shape, *(1,) * b.ndim))
        return _call(name, op, (a, b), out, kwargs)
    if method == "at" and name in ("add", "subtract"):
        target, index, value = inputs
        value = value if name == "add" else -tensor_of(value)
        keys = index if isinstance(index, tuple) else (index,)
        if not isinstance(target, Tensor):
            raise no_door("numpy.add.at", "the target is an array; make it a tensor")
        target.index_put_(tuple(tensor_of(k) for k in keys), tensor_of(value).to(target.dtype), accumulate=True)
        return None
    raise no_door(f"numpy.{name}.{method}")


def _call(name: str, op: Callable, inputs: tuple, out: Any, kwargs: dict) -> Any:
    where, dtype = kwargs.pop("where", True), kwargs.pop("dtype", None)
    for harmless in ("casting", "order", "subok"):
        kwargs.pop(harmless, None)
    if kwargs:
        raise no_door(f"numpy.{name}", f"with the argument {next(iter(kwargs))}")
    args = [operand(x) for x in inputs]
    if dtype is not None:
        args = [tensor_of(x).to(dtype) for x in args]
    result = op(*args)
    if where is not True:
        if out is None:
            raise ArgumentTypeError(
                f"np.{name}(..., where=mask) without out= leaves elements undefined; write chainrule.where(mask, a, b)"
            )
        before = out[0] if isinstance(out, tuple) else out
        result = cr.where(tensor_of(where).to(bool), result, tensor_of(before))
    if isinstance(result, tuple) and out is not None:
        return tuple(write_result(o, r, f"np.{name}") for o, r in zip(out, result, strict=True))
    return write_result(out, result, f"np.{name}")


def _reduce(
    name: str,
    op: Callable,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: bool = False,
    initial: Any = NO_VALUE,
    where: Any = True,
) -> Any:
    if name not in REDUCTIONS:
        raise no_door(f"numpy.{name}.reduce")
    return reduction(REDUCTIONS[name], array, axis, dtype, keepdims, initial, where, op, IDENTITIES.get(name))


def reduction(
    function: str,
    array: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = NO_VALUE,
    where: Any = True,
    combine: Any = None,
    identity: Any = None,
) -> Any:
    """A reduction with NumPy's arguments: `initial` is combined in, elements outside `where` count as `identity`."""
    x = tensor_of(array)
    if dtype is not None:
        x = x.to(numpy_dtype(dtype))
    if where is not True and where is not NO_VALUE:
        if identity is None:
            if initial is NO_VALUE:
                raise ArgumentTypeError(f"{function} with where= needs initial=, for what an empty selection gives")
            identity = initial
        x = cr.where(tensor_of(where).to(bool), x, identity)
    if function in ("all", "any"):
        x = x.to(bool)
    keep = False if keepdims is NO_VALUE else bool(keepdims)
    dims = tuple(range(x.ndim)) if axis is None else axis
    if function == "prod" and isinstance(dims, tuple):
        result = x
        for d in sorted((d % max(x.ndim, 1) for d in dims), reverse=True):
            result = cr.prod(result, d, keepdim=keep)
        if not dims:
            result = x * 1
    elif dims == ():
        result = x.to(bool) if function in ("all", "any") else x * 1
    else:
        result = getattr(cr, function)(x, dims, keepdim=keep)
    return result if initial is NO_VALUE else combine(result, initial)


def _reduceat(name: str, op: Callable, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    x, starts = tensor_of(array), [int(i) for i in values_of(indices, f"np.{name}.reduceat").tolist()]
    length = x.shape[axis]
    if not all(0 <= i < length for i in starts):
        raise IndexingError(f"np.{name}.reduceat: the indices {starts} must lie in 0 .. {length - 1}")
    ends = [*starts[1:], length]
    parts = [cr.narrow(x, axis, i, max(j - i, 1)) for i, j in zip(starts, ends, strict=True)]
    return cr.stack([_reduce(name, op, part, axis, dtype) for part in parts], axis)


def _accumulate(name: str, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    if name not in SCANS:
        raise no_door(f"numpy.{name}.accumulate")
    x = tensor_of(array)
    if dtype is not None:
        x = x.to(numpy_dtype(dtype))
    if raw_shape(x) == ():
        raise ArgumentTypeError(f"np.{name}.accumulate: cannot accumulate on a 0-d tensor; write x.reshape(1)")
    result = getattr(cr, SCANS[name])(x, axis)
    return result[0] if isinstance(result, tuple) else result
