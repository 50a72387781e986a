"""Statistics: variance, norms and covariance."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import is_inexact, numpy_dtype
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .extrema import share
from .kits import elementwise, opaque
from .reductions import (
    ALL_AXES,
    batch_axes,
    canonical_dims,
    count_over,
    finish_out,
    mean_p,
    reduced_shape,
    restore_dims,
    sum,
    sum_p,
    to_float,
    widened,
)
from .shape import broadcast_to_p, cast_p, permute_p, reshape_p

# ---- helpers of the rules -------------------------------------------------------------------------------------------


def _ratio_impl(xp: Any, x: Any, y: Any) -> Any:
    zero = y == 0
    return xp.where(zero, 0, xp.true_divide(x, xp.where(zero, 1, y)))


ratio_p = elementwise(
    "ratio",
    _ratio_impl,
    lambda g, ans, x, y: ratio_p(g, y),
    lambda g, ans, x, y: -ratio_p(g * ans, y),
    notation="{} / {}",
    doc="x / y, and 0 where y is 0.",
)


def _power_impl(xp: Any, x: Any, p: float) -> Any:
    zero = x == 0
    return xp.where(zero, 0, xp.power(xp.where(zero, 1, x), p))


power_or_zero_p = elementwise(
    "power_or_zero",
    _power_impl,
    lambda g, ans, x, p: g * (p * power_or_zero_p(x, p - 1)),
    None,
    notation="{}^{}",
    doc="x to a constant power p, and 0 where x is 0, also for p <= 0.",
)


def real_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of absolute values."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _spec_real(x: Any, *, axes: tuple[int, ...], keepdims: bool, **params: Any) -> Spec:
    return Spec(reduced_shape(tuple(x.shape), axes, keepdims), real_dtype(x.dtype))


def _inner(t: Any, w: Any, dtype: np.dtype, axes: tuple[int, ...], keepdims: bool) -> Any:
    """The real inner product sum(Re(conj(w) t)) over `axes`."""
    if raw_dtype(w).kind == "c":
        return sum_p(cast_p(w.conj() * t, dtype=dtype), axes=axes, keepdims=keepdims)
    return sum_p(w * t, axes=axes, keepdims=keepdims)


# ---- variance and standard deviation --------------------------------------------------------------------------------


def _var_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    w, n = widened(x), count_over(x.shape, axes)
    away = w - xp.add.reduce(w, axis=axes, keepdims=True) / np.float32(n) if n else w
    square = away.real**2 + away.imag**2 if w.dtype.kind == "c" else away * away
    free = n - correction
    total = xp.add.reduce(square, axis=axes, keepdims=keepdims)
    total = total / free if free > 0 else total * float("nan") if n <= 1 else total / np.zeros((), total.dtype)
    return total.astype(real_dtype(x.dtype))


def _slope(x: Any, axes: tuple[int, ...], correction: float) -> Any:
    """Derivative of the variance, halved: the distance from the mean over the degrees of freedom."""
    free = count_over(raw_shape(x), axes) - correction
    return (x - mean_p(x, axes=axes, keepdims=True)) * (1.0 / free if free > 0 else float("nan"))


def _var_vjp(g: Any, ans: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    return 2 * restore_dims(g, raw_shape(x), axes, keepdims) * _slope(x, axes, correction)


def _var_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axes: Any, keepdims: bool, correction: float) -> Any:
    return 2 * _inner(tangents[0], _slope(x, axes, correction), raw_dtype(ans), axes, keepdims)


var_p = opaque(
    "var",
    _var_impl,
    aval=_spec_real,
    vjp=(_var_vjp,),
    jvp=_var_jvp,
    batch=batch_axes,
    notation="var({})",
    doc="Mean squared distance from the mean over `axes`, with n - correction instead of n.",
)


def _std_vjp(g: Any, ans: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    return restore_dims(ratio_p(g, ans), raw_shape(x), axes, keepdims) * _slope(x, axes, correction)


def _std_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axes: Any, keepdims: bool, correction: float) -> Any:
    return ratio_p(_inner(tangents[0], _slope(x, axes, correction), raw_dtype(ans), axes, keepdims), ans)


std_p = opaque(
    "std",
    lambda xp, x, *, axes, keepdims, correction: xp.sqrt(
        _var_impl(xp, x, axes=axes, keepdims=keepdims, correction=correction)
    ),
    aval=_spec_real,
    vjp=(_std_vjp,),
    jvp=_std_jvp,
    batch=batch_axes,
    notation="std({})",
    doc="Square root of the variance over `axes`; its derivative at 0 is 0.",
)


def _spread_arguments(
    input: Any, dim: Any, unbiased: Any, keepdim: Any, correction: Any, axis: Any, keepdims: Any
) -> dict:
    """Parameters of var and std from PyTorch's two ways of calling them."""
    if not is_inexact(raw_dtype(input)):
        raise DTypeError(
            f"std and var only support floating point and complex dtypes, got {raw_dtype(input)}; write x.float()"
        )
    if isinstance(dim, bool):  # var(x, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise ArgumentError("std and var: give either `unbiased` or `correction`, not both")
        correction = 1 if unbiased else 0
    axes = canonical_dims(dim if axis is None else axis, len(raw_shape(input)))
    keep = bool(keepdim if keepdims is None else keepdims)
    return {"axes": axes, "keepdims": keep, "correction": 1 if correction is None else correction}


def var(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: Any = None,
    ddof: float | None = None,
    out: Any = None,
) -> Any:
    """Variance over `dim`: squared distances from the mean, summed and divided by n - correction (default 1).

    `unbiased=False` is correction=0, and `ddof` NumPy's name of correction. Complex input has a real variance.

    >>> import chainrule as cr
    >>> cr.var(cr.tensor([1., 2., 3.]))
    tensor(1.)
    """
    correction = correction if ddof is None else ddof
    return finish_out(out, var_p(input, **_spread_arguments(input, dim, unbiased, keepdim, correction, axis, keepdims)))


def std(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: Any = None,
    ddof: float | None = None,
    out: Any = None,
) -> Any:
    """Standard deviation over `dim`: the square root of `var`. Where it is 0, its gradient is 0.

    Floating or complex dtypes; the result is real, without the dimensions `dim`.

    >>> import chainrule as cr
    >>> cr.std(cr.tensor([1., 2., 3.]))
    tensor(1.)
    """
    correction = correction if ddof is None else ddof
    return finish_out(out, std_p(input, **_spread_arguments(input, dim, unbiased, keepdim, correction, axis, keepdims)))


def _with_mean(prim: Any, input: Any, params: dict) -> tuple:
    return prim(input, **params), mean_p(input, axes=params["axes"], keepdims=params["keepdims"])


def var_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: Any = None,
) -> tuple:
    """(variance, mean) over `dim`; see `var`.

    Floating or complex dtypes; both without the dimensions `dim`.

    >>> import chainrule as cr
    >>> cr.var_mean(cr.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    return _with_mean(var_p, input, _spread_arguments(input, dim, unbiased, keepdim, correction, axis, keepdims))


def std_mean(
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    axis: Any = None,
    keepdims: Any = None,
) -> tuple:
    """(standard deviation, mean) over `dim`; see `std`.

    Floating or complex dtypes; both without the dimensions `dim`.

    >>> import chainrule as cr
    >>> cr.std_mean(cr.tensor([1.0, 3.0]))
    (tensor(1.4142), tensor(2.))
    """
    return _with_mean(std_p, input, _spread_arguments(input, dim, unbiased, keepdim, correction, axis, keepdims))


# ---- norms ----------------------------------------------------------------------------------------------------------


def _norm_impl(xp: Any, x: Any, *, ord: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    w = widened(x)
    if ord == 2:
        square = w.real**2 + w.imag**2 if w.dtype.kind == "c" else w * w
        out = xp.sqrt(xp.add.reduce(square, axis=axes, keepdims=keepdims))
    else:
        size = abs(w)
        if ord == 0:
            out = xp.add.reduce(size != 0, axis=axes, keepdims=keepdims, dtype=size.dtype)
        elif ord == 1:
            out = xp.add.reduce(size, axis=axes, keepdims=keepdims)
        elif abs(ord) == float("inf"):
            out = (xp.maximum if ord > 0 else xp.minimum).reduce(size, axis=axes, keepdims=keepdims)
        else:
            out = xp.add.reduce(size**ord, axis=axes, keepdims=keepdims) ** (1 / ord)
    return out.astype(real_dtype(x.dtype))


def norm_slope(x: Any, ans: Any, ord: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Derivative of the norm by each element; 0 at the origin."""
    ans = restore_dims(ans, raw_shape(x), axes, keepdims)
    if ord == 2:
        return ratio_p(x, cast_p(ans, dtype=raw_dtype(x)))
    size = abs(x)
    direction = ratio_p(x, cast_p(size, dtype=raw_dtype(x)))
    if ord == 1:
        return direction
    if abs(ord) == float("inf"):
        return direction * share(size, ans, axes, True)
    share_of = ratio_p(size, broadcast_to_p(ans, shape=raw_shape(x)))
    return direction * power_or_zero_p(share_of, float(ord - 1))


def _norm_vjp(g: Any, ans: Any, x: Any, *, ord: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    g = restore_dims(g, raw_shape(x), axes, keepdims)
    if ord == 0:
        return cast_p(broadcast_to_p(g * 0, shape=raw_shape(x)), dtype=raw_dtype(x))
    return g * norm_slope(x, ans, ord, axes, keepdims)


def _norm_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, ord: float, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord == 0:
        return None
    return _inner(tangents[0], norm_slope(x, ans, ord, axes, keepdims), raw_dtype(ans), axes, keepdims)


vector_norm_p = opaque(
    "vector_norm",
    _norm_impl,
    aval=_spec_real,
    vjp=(_norm_vjp,),
    jvp=_norm_jvp,
    batch=batch_axes,
    notation="norm({})",
    doc="Vector norm of order `ord` over `axes`; its derivative at the origin is 0.",
    backward_name="LinalgVectorNormBackward0",
)


def norm(
    input: Any,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    out: Any = None,
    dtype: Any = None,
    *,
    axis: Any = None,
    keepdims: Any = None,
) -> Any:
    """Norm of the elements over `dim` (an int, several, or all): (sum |x|^p)^(1/p).

    `p` is a number, inf, -inf, 0 (count of nonzero elements), "fro" (2) or "nuc" (sum of the singular values of
    matrices). Where the norm is 0, its gradient is 0.

    >>> import chainrule as cr
    >>> cr.norm(cr.tensor([3., 4.]))
    tensor(5.)
    """
    dim = dim if axis is None else axis
    keepdim = bool(keepdim if keepdims is None else keepdims)
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    shape = raw_shape(input)
    if p == "nuc":
        from .linalg_norms import matrix_norm

        if dim is None and len(shape) != 2:
            raise ShapeError(f"norm(): p='nuc' without dim needs a matrix, got shape {shape}; name two dims")
        return finish_out(out, matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim))
    if isinstance(p, str) and p != "fro":
        raise ArgumentError(f"norm(): p must be a number, 'fro' or 'nuc', not {p!r}")
    if not is_inexact(raw_dtype(input)):
        raise DTypeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {raw_dtype(input)}; write "
            f"norm(x.float()) or pass dtype"
        )
    ord = 2.0 if p in ("fro", None) else float(p)
    axes = canonical_dims(dim, len(shape))
    if (ord < 0 or ord == float("inf")) and count_over(shape, axes) == 0:
        raise ArgumentError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have "
            f"an identity: shape {shape}"
        )
    return finish_out(out, vector_norm_p(input, ord=ord, axes=axes, keepdims=keepdim))


# ---- covariance -----------------------------------------------------------------------------------------------------


def _variables(name: str, input: Any) -> Any:
    """`input` as a matrix whose rows are variables."""
    shape = raw_shape(input)
    if len(shape) > 2:
        raise ShapeError(
            f"{name}(): expected input to have two or fewer dimensions but got an input with {len(shape)} dimensions: "
            f"shape {shape}"
        )
    x = to_float(input)
    return x if len(shape) == 2 else reshape_p(x, shape=(1, count_over(shape, ALL_AXES[len(shape)])))


def cov(input: Any, *, correction: float = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """Covariance matrix of the rows of `input`, whose columns are observations; a 1-D input is one variable.

    `fweights` counts how often each observation occurs (integers), `aweights` weighs it; n - correction divides.

    >>> import chainrule as cr
    >>> cr.cov(cr.tensor([[0., 2.], [2., 0.]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    x = _variables("cov", input)
    from .indexing import concrete_or_none

    rows, n = raw_shape(x)
    dtype = raw_dtype(x)
    weights = None
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if raw_shape(w) != (n,):
            raise ShapeError(f"cov(): expected {name} to have shape ({n},), one per observation, got {raw_shape(w)}")
        if (name == "fweights") == is_inexact(raw_dtype(w)):
            kind = "integral" if name == "fweights" else "floating point"
            raise DTypeError(f"cov(): expected {name} to have {kind} dtype but got {raw_dtype(w)}")
        known = concrete_or_none(w)
        if known is not None and (known < 0).any():
            raise ArgumentError(f"cov(): {name} cannot be negative, but its least is {known.min()}")
        w = cast_p(w, dtype=dtype)
        weights = w if weights is None else weights * w
    if weights is None:
        average = mean_p(x, axes=(1,), keepdims=True)
        free = n - correction
        scale = 1.0 / free if free > 0 else float("inf")
    else:
        total = sum_p(weights, axes=(0,), keepdims=False)
        average = sum_p(x * weights, axes=(1,), keepdims=True) / total
        if correction == 0 or aweights is None:
            scale = 1 / (total - correction)
        else:
            scale = 1 / (total - correction * sum(weights * cast_p(aweights, dtype=dtype)) / total)
    away = x - average
    other = permute_p(away.conj() if dtype.kind == "c" else away, dims=(1, 0))
    found = ((away if weights is None else away * weights) @ other) * scale
    return reshape_p(found, shape=()) if rows == 1 else found


def corrcoef(input: Any) -> Any:
    """Correlation coefficients of the rows of `input`: covariances divided by both standard deviations.

    >>> import chainrule as cr
    >>> cr.corrcoef(cr.tensor([[0., 2.], [2., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = _variables("corrcoef", input)
    rows, _ = raw_shape(x)
    spread = std_p(x, axes=(1,), keepdims=True, correction=1)
    found = reshape_p(cov(x), shape=(rows, rows)) / spread / permute_p(spread, dims=(1, 0))
    return reshape_p(found, shape=()) if rows == 1 else found


__all__ = ["std", "var", "std_mean", "var_mean", "norm", "cov", "corrcoef"]
METHODS = ("std", "var", "norm", "cov", "corrcoef")
INPLACE = ()
