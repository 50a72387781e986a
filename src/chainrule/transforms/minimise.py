"""minimize: scipy.optimize.minimize over pytrees, with exact derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, FunctionError
from ..core.pytree import broadcast_prefix, tree_flatten
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .arguments import as_tensors, differentiable, name_of
from .func import value_and_grad
from .implicit_calls import concrete
from .jacobian import hessian, hvp

__all__ = ["MinimizeResult", "minimize"]

NO_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
USES_PRODUCT = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
USES_HESSIAN = {"dogleg", "trust-exact"}


@dataclass(frozen=True)
class MinimizeResult:
    """What `minimize` found: `x` in the structure of x0, the value `fun` there, and how it went.

    Values keep their shapes and dtypes.

    >>> import chainrule as cr
    >>> found = cr.func.minimize(lambda x: ((x - 1) ** 2).sum(), cr.zeros(2))
    >>> found.success
    True
    """

    x: Any
    fun: float
    jac: Any
    success: bool
    status: int
    message: str
    nit: int
    nfev: int
    raw: Any


def minimize(
    fun: Callable,
    x0: Any,
    args: tuple = (),
    method: str | None = None,
    *,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    options: dict | None = None,
    callback: Callable | None = None,
) -> MinimizeResult:
    """Minimise a scalar function of any pytree by one of scipy.optimize's methods.

    Args:
        fun: fun(x, *args) -> scalar tensor, x a tree like `x0`.
        method: scipy's name, such as "BFGS", "L-BFGS-B", "Newton-CG", "trust-exact"; default as in scipy. Gradient and,
            where the method uses it, Hessian or Hessian-vector product are exact.
        bounds: a pair (low, high) for everything, or a tree of pairs that matches x0; None in a pair: unbounded.
        constraints, tol, options, callback: as in scipy (constraints and callback get the flat vector).

    >>> import chainrule as cr
    >>> found = cr.func.minimize(lambda p: ((p["a"] - 3.0) * (p["a"] - 3.0)).sum(), {"a": cr.tensor([0.0])})
    >>> round(found.x["a"].item(), 4)
    3.0
    """
    from scipy import optimize

    leaves, spec = tree_flatten(as_tensors(x0))
    values = [
        np.asarray(concrete(differentiable(x, "minimize", p))) for x, p in zip(leaves, spec.paths("x0"), strict=True)
    ]
    start = np.concatenate([v.reshape(-1) for v in values]).astype(float)

    def tree(vector: np.ndarray) -> Any:
        out, at = [], 0
        for v in values:
            out.append(wrap(vector[at : at + v.size].reshape(v.shape).astype(v.dtype)))
            at += v.size
        return spec.unflatten(out)

    def flat(found: Any) -> np.ndarray:
        parts = [np.asarray(concrete(g)).reshape(-1) for g in spec.flatten_up_to(found)]
        return np.concatenate(parts).astype(float)

    both = value_and_grad(lambda x: _scalar(fun, fun(x, *args)))

    def evaluate(vector: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(tree(vector))
        return float(concrete(value)), flat(gradient)

    kind = (method or "").lower()
    given: dict[str, Any] = {"jac": True}
    target: Callable = evaluate
    if kind in NO_GRADIENT:
        given = {}
        target = lambda vector: float(concrete(fun(tree(vector), *args)))  # noqa: E731
    elif kind in USES_PRODUCT:
        given["hessp"] = lambda vector, p: flat(hvp(lambda x: fun(x, *args), (tree(vector),), (tree(p),))[0])
    elif kind in USES_HESSIAN:

        def matrix(vector: np.ndarray) -> np.ndarray:
            def of_vector(v: Tensor) -> Any:
                parts, at = [], 0
                for x in values:
                    parts.append(v[at : at + x.size].reshape(x.shape))
                    at += x.size
                return fun(spec.unflatten(parts), *args)

            return np.asarray(concrete(hessian(of_vector)(wrap(vector.astype(raw_dtype(values[0]))))), float)

        given["hess"] = matrix
    if bounds is not None:
        given["bounds"] = _bounds(bounds, spec, values)
    found = optimize.minimize(
        target, start, method=method, tol=tol, options=options, callback=callback, constraints=constraints, **given
    )
    slope = found.get("grad") if kind == "trust-constr" else found.get("jac")  # its jac is that of the constraints
    jac = tree(np.asarray(slope)) if slope is not None and kind not in NO_GRADIENT else None
    return MinimizeResult(
        tree(found.x),
        float(found.fun),
        jac,
        bool(found.success),
        int(found.status),
        str(found.message),
        int(getattr(found, "nit", 0)),
        int(getattr(found, "nfev", 0)),
        found,
    )


def _scalar(fun: Callable, value: Any) -> Any:
    if not isinstance(value, Tensor) or raw_shape(value):
        got = f"a tensor of shape {tuple(raw_shape(value))}" if isinstance(value, Tensor) else type(value).__name__
        raise FunctionError(
            f"minimize: {name_of(fun)} must return a scalar tensor, but returned {got}; write its .sum()"
        )
    return value


def _bounds(bounds: Any, spec: Any, values: list) -> list[tuple]:
    """A pair for each element."""

    def is_pair(b: Any) -> bool:
        return isinstance(b, tuple) and len(b) == 2 and all(not isinstance(v, (tuple, dict)) for v in b)

    if is_pair(bounds):
        pairs = [bounds] * len(values)
    else:
        try:
            pairs = spec.flatten_up_to(bounds, "bounds")
        except ValueError:
            pairs = broadcast_prefix(bounds, spec.unflatten(values), "bounds")
    out: list[tuple] = []
    for pair, v in zip(pairs, values, strict=True):
        if not is_pair(pair):
            raise ArgumentError(f"minimize: bounds must be pairs (low, high), got {pair!r}")
        low, high = [
            [None] * prod(v.shape) if b is None else np.broadcast_to(np.asarray(concrete(b)), raw_shape(v)).reshape(-1)
            for b in pair
        ]
        out.extend(zip(low, high, strict=True))
    return out
