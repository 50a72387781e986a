"""Derivatives of solutions, by the implicit function theorem: custom_linear_solve, root, fixed_point.

How a solution is found does not matter to its derivative: it follows from the equation that the solution satisfies, by
one linear solve with the equation's Jacobian (or its transpose). Every order and mode follows, because the solution of
the linear equation is differentiated in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, GraphError, ShapeError
from ..core.pytree import tree_flatten
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from .arguments import NUMBERS, as_tensors, differentiable, name_of
from .batch import Batched, BatchTrace
from .calls import Call, attach, over_batch, top_trace, value_at
from .closure import convert
from .forward import JVPTrace
from .func import jvp, linear_run, vjp
from .tape import below, public, zeros_like_raw

__all__ = ["custom_linear_solve", "fixed_point", "root"]


@dataclass(frozen=True)
class Linear:
    """A linear map A(consts), its transpose, and how to solve with each; all on lists of tensors."""

    matvec: Callable  # (consts, v) -> A v
    transposed: Callable  # (consts, v) -> A^T v
    solve: Callable  # (consts, b) -> x with A x = b, on tensors that are neither traced nor recorded
    solve_transposed: Callable

    @property
    def T(self) -> Linear:  # noqa: N802
        """The transposed map."""
        return Linear(self.transposed, self.matvec, self.solve_transposed, self.solve)

    def batched(self, trace: BatchTrace, n: int) -> Linear:
        """The map on whole batches: every list gets a dimension 0."""

        def mapped(function: Callable) -> Callable:
            def whole(consts: Sequence, v: Sequence) -> list:
                return over_batch(
                    trace, lambda xs: list(function(xs[:n], xs[n:])), [True] * (n + len(v)), [*consts, *v]
                )

            return whole

        return Linear(
            mapped(self.matvec), mapped(self.transposed), one_by_one(self.solve), one_by_one(self.solve_transposed)
        )


def one_by_one(function: Callable) -> Callable:
    """`function(consts, b)` for each example of a batch, results stacked."""

    def each(consts: Sequence, b: Sequence) -> list:
        size = raw_shape([*consts, *b][0])[0]
        rows = [function([_row(c, k) for c in consts], [_row(x, k) for x in b]) for k in range(size)]
        return [wrap(np.stack([np.asarray(concrete(r[j])) for r in rows])) for j in range(len(rows[0]))]

    return each


def _row(x: Any, k: int) -> Any:
    return wrap(np.asarray(concrete(x)[k]))


def concrete(x: Any) -> Any:
    """The raw array at the bottom of a value."""
    while isinstance(x, Tensor):
        x = x._data
    return x


class _Implicit(Call):
    """A call whose batches are run on whole batches, shared arguments repeated."""

    def apply(self, leaves: list) -> list:
        top = top_trace(leaves)
        if isinstance(top, BatchTrace):
            whole = [public(top.whole(x)) for x in leaves]
            return [top.batched(below(o)) for o in self.on_batches(top).apply(whole)]
        return super().apply(leaves)

    def on_batches(self, trace: BatchTrace) -> Call:
        raise NotImplementedError  # abstract


def _handed(cts: Sequence, level: Any, others: Sequence) -> list:
    """Cotangents as the sweep of `level` wants them: raw where the eager sweep runs on raw arrays."""
    plain = level is None and not any(isinstance(o, Tensor) for o in others)
    return [None if c is None else value_at(c, None) if plain else below(c) for c in cts]


def _full(given: Sequence, like: Sequence) -> list:
    """Cotangents or tangents with zeros for None, as tensors."""
    return [public(zeros_like_raw(o) if c is None else c) for c, o in zip(given, like, strict=True)]


class SolveCall(_Implicit):
    """x with A(consts) x = b, of leaves [*consts, *b]."""

    def __init__(self, linear: Linear, n: int) -> None:
        super().__init__("linear_solve", lambda leaves: list(linear.solve(leaves[:n], leaves[n:])))
        self.linear, self.n = linear, n

    def taped(self, level: Any, leaves: list) -> list:
        lower, n = self.lower_outs(level, leaves), self.n

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            values = [public(s) for s in saved]
            consts = values[:n]
            lam = SolveCall(self.linear.T, n).apply([*consts, *_full(cts, lower)])
            grads: list = [None] * n
            if any(needs[:n]):
                x = [public(a) for a in ans]
                pullback = vjp(lambda c: list(self.linear.matvec(c, x)), consts)[1]
                grads = [-c for c in pullback(list(lam))[0]]
            return _handed([*grads, *lam], level, (*cts, *saved))

        return attach(self.name, level, leaves, leaves, lower, pull, range(len(lower)))

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        n = self.n
        x = self.apply(primals)
        given = _full(tangents, primals)
        b = given[n:]
        if any(t is not None for t in tangents[:n]):
            moved = jvp(lambda c: list(self.linear.matvec(c, x)), (primals[:n],), (given[:n],))[1]
            b = [r - m for r, m in zip(b, moved, strict=True)]
        return [below(v) for v in x], [below(v) for v in self.apply([*primals[:n], *b])]

    def on_batches(self, trace: BatchTrace) -> Call:
        return SolveCall(self.linear.batched(trace, self.n), self.n)


class RootCall(_Implicit):
    """x with F(theta, x) = 0, of leaves theta."""

    def __init__(self, name: str, residual: Callable, find: Callable) -> None:
        super().__init__(name, find)
        self.residual = residual

    def linear(self, n: int) -> Linear:
        """The Jacobian dF/dx, with consts [*theta, *x]."""

        def matvec(consts: Sequence, v: Sequence) -> list:
            theta, x = list(consts[:n]), list(consts[n:])
            return jvp(lambda y: list(self.residual(theta, y)), (x,), (list(v),))[1]

        def transposed(consts: Sequence, v: Sequence) -> list:
            theta, x = list(consts[:n]), list(consts[n:])
            return vjp(lambda y: list(self.residual(theta, y)), x)[1](list(v))[0]

        return Linear(
            matvec,
            transposed,
            lambda consts, b: dense_solve(lambda v: matvec(consts, v), b),
            lambda consts, b: dense_solve(lambda v: transposed(consts, v), b),
        )

    def taped(self, level: Any, leaves: list) -> list:
        lower, n = self.lower_outs(level, leaves), len(leaves)
        linear = self.linear(n)

        def pull(cts: list, saved: tuple, needs: tuple, ans: tuple) -> list:
            theta = [public(s) for s in saved]
            x = [public(a) for a in ans]
            lam = SolveCall(linear.T, n + len(x)).apply([*theta, *x, *_full(cts, lower)])
            pullback = vjp(lambda t: list(self.residual(t, x)), theta)[1]
            return _handed([-c for c in pullback(list(lam))[0]], level, (*cts, *saved))

        return attach(self.name, level, leaves, leaves, lower, pull, range(len(lower)))

    def push(self, trace: JVPTrace, primals: list, tangents: list) -> tuple[list, list]:
        x = self.apply(primals)
        n = len(primals)
        moved = jvp(lambda t: list(self.residual(t, x)), (primals,), (_full(tangents, primals),))[1]
        found = SolveCall(self.linear(n), n + len(x)).apply([*primals, *x, *[-m for m in moved]])
        return [below(v) for v in x], [below(v) for v in found]

    def on_batches(self, trace: BatchTrace) -> Call:
        def residual(theta: Sequence, x: Sequence) -> list:
            n = len(theta)
            return over_batch(
                trace, lambda xs: list(self.residual(xs[:n], xs[n:])), [True] * (n + len(x)), [*theta, *x]
            )

        find = one_by_one(lambda theta, _: self.run(theta))
        return _BatchedRoot(self, trace, residual, lambda leaves: find(leaves, []))


class _BatchedRoot(RootCall):
    """Many equations at once: the Jacobian is block-diagonal, so each block is solved by itself."""

    def __init__(self, one: RootCall, trace: BatchTrace, residual: Callable, find: Callable) -> None:
        super().__init__(one.name, residual, find)
        self.one, self.trace = one, trace

    def linear(self, n: int) -> Linear:
        return _ByExample(self.one.linear(n), self.trace)


class _ByExample(Linear):
    """A block-diagonal map over the examples of a batch."""

    def __init__(self, one: Linear, trace: BatchTrace) -> None:
        def mapped(function: Callable) -> Callable:
            def whole(consts: Sequence, v: Sequence) -> list:
                n = len(consts)
                flags = [True] * (n + len(v))
                return over_batch(trace, lambda xs: list(function(xs[:n], xs[n:])), flags, [*consts, *v])

            return whole

        super().__init__(
            mapped(one.matvec), mapped(one.transposed), one_by_one(one.solve), one_by_one(one.solve_transposed)
        )


# ---- solving, on plain values ---------------------------------------------------------------------------------------


def _vector(leaves: Sequence) -> np.ndarray:
    return np.concatenate([np.asarray(concrete(x)).reshape(-1) for x in leaves])


def _leaves(vector: np.ndarray, like: Sequence) -> list:
    out, start = [], 0
    for x in like:
        shape = raw_shape(x)
        n = int(np.prod(shape, dtype=np.int64))
        out.append(wrap(vector[start : start + n].reshape(shape).astype(raw_dtype(x))))
        start += n
    return out


def dense_solve(matvec: Callable, b: Sequence, limit: int = 2000) -> list:
    """x with matvec(x) = b: by the matrix up to `limit` unknowns, by GMRES above."""
    right = _vector(b)
    n = right.size
    if n <= limit:
        trace = BatchTrace(n)
        basis, rows = np.eye(n, dtype=right.dtype), []
        start = 0
        for x in b:
            shape = raw_shape(x)
            size = int(np.prod(shape, dtype=np.int64))
            rows.append(trace.batched(basis[:, start : start + size].reshape(n, *shape)))
            start += size
        with trace:
            found = matvec(rows)
        columns = [np.asarray(concrete(trace.whole(f))).reshape(n, -1) for f in found]
        matrix = np.concatenate(columns, axis=1).T
        try:
            return _leaves(np.linalg.solve(matrix, right), b)
        except np.linalg.LinAlgError:
            raise GraphError(
                "the implicit function theorem does not apply here: the Jacobian of the equation is singular at the "
                "solution, so the solution has no derivative"
            ) from None
    from scipy.sparse.linalg import LinearOperator, gmres

    operator = LinearOperator((n, n), matvec=lambda v: _vector(matvec(_leaves(v, b))), dtype=right.dtype)
    found, failed = gmres(operator, right, rtol=1e-10, atol=0.0, maxiter=10 * n)
    if failed:
        raise GraphError(f"GMRES did not converge on the {n} linear equations of an implicit derivative")
    return _leaves(found, b)


# ---- functions ------------------------------------------------------------------------------------------------------


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
    plain = [wrap(np.array(concrete(x))) if isinstance(x, Tensor) else wrap(np.asarray(x, float)) for x in start]
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


def _layers(x: Any) -> list:
    out = []
    while isinstance(x, Tensor):
        out.append(x)
        x = x._data
    return out


def _norm(leaves: Sequence) -> float:
    v = _vector(leaves)
    return float(np.max(np.abs(v))) if v.size else 0.0


def root(f: Callable, x0: Any, *args: Any, tol: float | None = None, max_iter: int = 100) -> Any:
    """x with f(x, *args) = 0, by Newton's method with halved steps, differentiable by the implicit function theorem.

    Args:
        f: takes a tree like `x0` and returns one of the same shapes.
        args: what the solution depends on; outer tensors that `f` reads count too.
        tol: largest absolute residual accepted (default: 1e-10 for float64, 1e-5 for float32).

    Raises:
        GraphError: no convergence, or a singular Jacobian.

    >>> import chainrule as cr
    >>> cr.func.grad(lambda a: cr.func.root(lambda x, a: x * x - a, cr.tensor(1.0), a))(cr.tensor(4.0))
    tensor(0.2500)
    """

    def find(residual: Callable, x: list) -> list:
        limit = _tolerance(x, tol)
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
