"""softmax and its kin: exponentials divided by their sum, over one dimension."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import category, default, numpy_dtype
from ..core.errors import UnsupportedDTypeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .exponential import exp
from .kits import opaque
from .reductions import sum_p
from .shape import canonical_dim, cast_p, reshape_p

# ---- records ---------------------------------------------------------------------------------------------------------


def _softmax_impl(xp: Any, x: Any, *, axis: int, safe: bool) -> Any:
    if not x.size:
        return x.copy()
    top = x.max(axis=axis, keepdims=True)
    if safe:
        top = xp.where(top == -np.inf, 0, top)
    y = xp.subtract(x, top)
    xp.exp(y, out=y)
    total = xp.add.reduce(y, axis=axis, keepdims=True)
    if safe:
        total = xp.where(total == 0, 1, total)
    y /= total
    return y


def _softmax_rule(g: Any, ans: Any, axis: int) -> Any:
    h = g * ans
    return h - ans * sum_p(h, axes=(axis,), keepdims=True)


softmax_p = opaque(
    "softmax",
    _softmax_impl,
    lambda x, *, axis, safe: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x, *, axis, safe: _softmax_rule(g, ans, axis),),
    jvp=lambda prim, tangents, ans, x, *, axis, safe: _softmax_rule(tangents[0], ans, axis),
    batch=lambda prim, args, b, *, axis, safe: prim(args[0], axis=axis + 1, safe=safe),
    notation="softmax({})",
    doc="exp(x) divided by its sum along `axis`; with `safe`, zero where all x are minus infinity.",
)


def _log_softmax_impl(xp: Any, x: Any, *, axis: int) -> Any:
    if not x.size:
        return x.copy()
    y = xp.subtract(x, x.max(axis=axis, keepdims=True))
    y -= xp.log(xp.add.reduce(xp.exp(y), axis=axis, keepdims=True))
    return y


log_softmax_p = opaque(
    "log_softmax",
    _log_softmax_impl,
    lambda x, *, axis: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x, *, axis: g - exp(ans) * sum_p(g, axes=(axis,), keepdims=True),),
    jvp=lambda prim, tangents, ans, x, *, axis: (
        tangents[0] - sum_p(exp(ans) * tangents[0], axes=(axis,), keepdims=True)
    ),
    batch=lambda prim, args, b, *, axis: prim(args[0], axis=axis + 1),
    notation="log_softmax({})",
    doc="Logarithm of softmax along `axis`.",
)

# ---- functions -------------------------------------------------------------------------------------------------------


def _softmax_arguments(name: str, input: Any, dim: Any, axis: Any, dtype: Any) -> tuple[Any, int, tuple]:
    """The floating input with at least one dimension, the canonical dimension, and the shape wanted back."""
    dim = axis if dim is None else dim
    shape = raw_shape(input)
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    elif category(raw_dtype(input)) < 2:
        input = cast_p(input, dtype=default.float)
    if raw_dtype(input).kind == "c":
        raise UnsupportedDTypeError(f"{name} is not implemented for {raw_dtype(input)}: complex numbers have no order")
    if dim is None:
        dim = 0 if len(shape) in (0, 1, 3) else 1
    place = canonical_dim(int(dim), len(shape))
    return (input if shape else reshape_p(input, shape=(1,))), place, shape


def softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """exp(x) divided by its sum along `dim`.

    The result has the input's shape, and its floating dtype or `dtype`.

    >>> import chainrule as cr
    >>> cr.softmax(cr.tensor([0., 0.]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x, place, shape = _softmax_arguments("softmax", input, dim, axis, dtype)
    y = softmax_p(x, axis=place, safe=False)
    return y if shape else reshape_p(y, shape=())


def softmin(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """softmax(-x).

    The result has the input's shape and floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.softmin(cr.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-input, dim, _stacklevel, dtype, axis=axis)


def log_softmax(
    input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None, *, axis: int | None = None
) -> Any:
    """Logarithm of softmax along `dim`: x - log(sum(exp(x))).

    The result has the input's shape and floating dtype.

    >>> import chainrule as cr
    >>> cr.log_softmax(cr.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    """
    x, place, shape = _softmax_arguments("log_softmax", input, dim, axis, dtype)
    y = log_softmax_p(x, axis=place)
    return y if shape else reshape_p(y, shape=())


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    """softmax((logits + Gumbel noise) / tau): a differentiable draw from the categorical distribution.

    With `hard` the result is one-hot, and its derivative that of the soft draw.

    The result has the shape and floating dtype of `logits`. Jang et al. 2016.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(0)
    >>> cr.nn.functional.gumbel_softmax(cr.zeros(2, 3), hard=True).sum(-1)
    tensor([1., 1.])
    """
    from .comparison import eq
    from .dropout import uniform_like
    from .exponential import log
    from .extrema import amax

    noise = -log(-log(uniform_like(logits) + float(np.finfo(raw_dtype(logits)).tiny)))
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    still = soft.detach()
    first = eq(still, amax(still, dim, True))
    return cast_p(first, dtype=raw_dtype(logits)) - still + soft


__all__ = ["softmax", "log_softmax"]
METHODS = ("softmax", "log_softmax")
INPLACE = ()
