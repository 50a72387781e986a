"""Derivatives of solutions, by the implicit function theorem: custom_linear_solve, root, fixed_point.

How a solution is found does not matter to its derivative: it follows from the equation that the solution satisfies, by
one linear solve with the equation's Jacobian (or its transpose). Every order and mode follows, because the solution of
the linear equation is differentiated in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, GraphError, ShapeError
from ..core.pytree import tree_flatten
from ..core.state import state
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from .arguments import NUMBERS, as_tensors, differentiable, name_of
from .batch import Batched
from .closure import convert
from .func import jvp, linear_run, vjp
from .implicit_calls import Linear, RootCall, SolveCall, concrete, dense_solve, vector_of
from .implicit_staged import iterate, newton
from .level import public, zeros_like_raw

__all__ = ["custom_linear_solve", "fixed_point", "root"]


def custom_linear_solve(
    matvec: Callable,
    b: Any,
    solve: Callable | None = None,
    transpose_solve: Callable | None = None,
    symmetric: bool = False,
) -> Any:
    """x with matvec(x) = b, differentiable by `b` and by every tensor that `matvec` reads.

    Args:
        matvec: linear function from trees like `b` to trees like `b`.
        solve: solve(matvec, b) -> x, by any means; default: the matrix, or GMRES for more than 2000 unknowns.
        transpose_solve: the same for the transpose; with `symmetric`, `solve` serves.

    >>> import chainrule as cr
    >>> a = cr.tensor([2.0, 4.0])
    >>> cr.func.grad(lambda a: cr.func.custom_linear_solve(lambda x: a * x, cr.tensor([1.0, 1.0])).sum())(a)
    tensor([-0.2500, -0.0625])
    """
    leaves, spec = tree_flatten(as_tensors(b))
    pure = convert(matvec, b)
    if [raw_shape(o) for o in pure.call(pure.consts, leaves)] != [raw_shape(x) for x in leaves]:
        raise ShapeError(f"custom_linear_solve: {name_of(matvec)} must map trees like b to trees like b")
    given = [public(zeros_like_raw(x)) for x in leaves]
    flat = lambda xs: pure.call(pure.consts, xs)  # noqa: E731
    linear_run(flat, (given,), "custom_linear_solve", "Use root for it.", name_of(matvec))
    if symmetric:
        transpose_solve = transpose_solve or solve

    def apply(consts: Sequence, v: Sequence) -> list:
        return pure.call(consts, v)

    def transposed(consts: Sequence, v: Sequence) -> list:
        zeros = [public(zeros_like_raw(x)) for x in v]
        return vjp(lambda xs: pure.call(consts, xs), zeros)[1](list(v))[0]

    def by(user: Callable | None, function: Callable) -> Callable:
        def run(consts: Sequence, right: Sequence) -> list:
            if user is None:
                return dense_solve(lambda v: function(consts, v), right)
            found = user(lambda x: spec.unflatten(function(consts, spec.flatten_up_to(x))), spec.unflatten(right))
            flat = spec.flatten_up_to(as_tensors(found), "custom_linear_solve: solve's result")
            return [_solution(x, like) for x, like in zip(flat, right, strict=True)]

        return run

    linear = Linear(apply, transposed, by(solve, apply), by(transpose_solve, transposed))
    outs = SolveCall(linear, len(pure.consts)).apply([*pure.consts, *leaves])
    return spec.unflatten(outs)


def _solution(x: Any, like: Any) -> Any:
    """What a user's solve returned, as a constant: its derivative is that of the equation."""
    while isinstance(x, Tensor) and (isinstance(x, Tracer) or x._node is not None):
        if type(x) is Batched:
            raise GraphError(
                "custom_linear_solve: solve uses a tensor that vmap maps over from an outer variable, but it is called "
                "for one example at a time; use the matvec that it is given, or leave solve out"
            )
        x = x._data if isinstance(x, Tracer) else wrap(x._data)
    if not hasattr(x, "shape") or raw_shape(x) != raw_shape(like):
        got = raw_shape(x) if hasattr(x, "shape") else type(x).__name__
        raise ShapeError(f"custom_linear_solve: solve must return x shaped like b, {raw_shape(like)}, not {got}")
    return public(x)


def _implicit(name: str, f: Callable, x0: Any, args: tuple, residual_of: Callable, find: Callable) -> Any:
    """Solution of residual_of(f(x, *args), x) = 0, differentiable by `args` and by what `f` reads."""
    start, spec = tree_flatten(as_tensors(x0))
    given, arg_spec = tree_flatten(as_tensors(args))
    moving = [i for i, x in enumerate(given) if isinstance(x, Tensor)]
    for x, path in zip(start, spec.paths("x0"), strict=True):
        if isinstance(x, Tensor):
            differentiable(x, name, path)
    plain = [_plain(x) for x in start]
    if any(type(t).__name__ == "Batched" for x in start for t in _layers(x)):
        raise ArgumentError(
            f"{name}: the first guess x0 cannot be mapped over by vmap; give one that serves all examples"
        )

    def value(leaves: Sequence, x: Sequence) -> list:
        full = list(given)
        for i, v in zip(moving, leaves, strict=True):
            full[i] = v
        out = f(spec.unflatten(x), *arg_spec.unflatten(full))
        found = spec.flatten_up_to(as_tensors(out), f"{name}: the function's result")
        for new, old, path in zip(found, x, spec.paths("the function's result"), strict=True):
            if not isinstance(new, (Tensor, *NUMBERS)) or raw_shape(new) != raw_shape(old):
                got = raw_shape(new) if isinstance(new, Tensor) else type(new).__name__
                raise ShapeError(f"{name}: {path} must have the shape of the unknown, {raw_shape(old)}, but is {got}")
        return found

    example = [given[i] for i in moving]
    pure = convert(lambda xs, theta: value(theta, xs), plain, example)
    n = len(pure.consts)

    def residual(theta: Sequence, x: Sequence) -> list:
        if n:  # outer tensors take part: as noted at the first guess
            out = pure.call(theta[:n], [*x, *theta[n:]])
        else:
            out = value(theta, x)
        return residual_of(out, list(x))

    def search(theta: Sequence) -> list:
        with np.errstate(all="ignore"):  # a search that runs away says so itself
            return find(lambda x: residual(theta, x), plain)

    call = RootCall(name, residual, search)
    return spec.unflatten(call.apply([*pure.consts, *example]))


def _plain(x: Any) -> Tensor:
    """The first guess without derivatives."""
    if not isinstance(x, Tensor):
        return wrap(np.asarray(x, float))
    if state.stage is not None:
        state.stage.touch_bottom(x)
        while isinstance(x, Tensor):
            x = x._data
        return wrap(x)
    return wrap(np.array(concrete(x)))


def _layers(x: Any) -> list:
    out = []
    while isinstance(x, Tensor):
        out.append(x)
        x = x._data
    return out


def _norm(leaves: Sequence) -> float:
    v = vector_of(leaves)
    return float(np.max(np.abs(v))) if v.size else 0.0


def root(f: Callable, x0: Any, *args: Any, tol: float | None = None, max_iter: int = 100) -> Any:
    """x with f(x, *args) = 0, by Newton's method with halved steps, differentiable by the implicit function theorem.

    Args:
        f: takes a tree like `x0` and returns one of the same shapes.
        args: what the solution depends on; outer tensors that `f` reads count too.
        tol: largest absolute residual accepted (default: 1e-10 for float64, 1e-5 for float32).

    Raises:
        GraphError: no convergence, or a singular Jacobian. (In a staged function, which cannot raise, NaN.)

    >>> import chainrule as cr
    >>> cr.func.grad(lambda a: cr.func.root(lambda x, a: x * x - a, cr.tensor(1.0), a))(cr.tensor(4.0))
    tensor(0.2500)
    """

    def find(residual: Callable, x: list) -> list:
        limit = _tolerance(x, tol)
        if state.stage is not None:
            return newton(residual, x, limit, max_iter)
        r = residual(x)
        size = _norm(r)
        for _ in range(max_iter):
            if size <= limit:
                return x
            try:
                step = dense_solve(lambda v, x=x: jvp(residual, (x,), (list(v),))[1], r)
            except GraphError:
                break
            length = 1.0
            while True:
                new = [a - s * length for a, s in zip(x, step, strict=True)]
                r = residual(new)
                now = _norm(r)
                if now < size or length < 1e-8:
                    break
                length /= 2
            if not now < size:
                break
            x, size = new, now
        if size <= limit * 100:
            return x
        raise GraphError(f"root: no convergence, the residual is still {size:.3g} (tol {limit:.3g}); give a better x0")

    return _implicit("root", f, x0, args, lambda out, x: out, find)


def fixed_point(f: Callable, x0: Any, *args: Any, tol: float | None = None, max_iter: int = 10000) -> Any:
    """x with x = f(x, *args), by iteration from `x0`, differentiable by the implicit function theorem.

    Memory does not grow with the number of iterations: derivatives need the solution only.

    >>> import chainrule as cr
    >>> cr.func.fixed_point(lambda x, a: (x + a / x) / 2, cr.tensor(1.0), cr.tensor(4.0))
    tensor(2.)
    """

    def find(residual: Callable, x: list) -> list:
        limit = _tolerance(x, tol)
        if state.stage is not None:
            return iterate(residual, x, limit, max_iter)
        for _ in range(max_iter):
            r = residual(x)
            x = [a - b for a, b in zip(x, r, strict=True)]
            size = _norm(r)
            if not np.isfinite(size):
                break
            if size <= limit * max(1.0, _norm(x)):
                return x
        raise GraphError(
            f"fixed_point: no convergence in {max_iter} iterations, the last step was {size:.3g}; tol {limit:.3g}"
        )

    return _implicit("fixed_point", f, x0, args, lambda out, x: [a - b for a, b in zip(x, out, strict=True)], find)


def _tolerance(x: Sequence, tol: float | None) -> float:
    if tol is not None:
        return tol
    return 1e-10 if all(raw_dtype(v).itemsize >= 8 for v in x) else 1e-5
