"""What root, fixed_point and custom_linear_solve are made of: calls whose derivatives are linear solves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import GraphError
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .batch import BatchTrace
from .calls import Call, attach, over_batch, top_trace, value_at
from .forward import JVPTrace
from .func import jvp, vjp
from .implicit_staged import row_by_row, solve_dense
from .level import below, public, zeros_like_raw

__all__ = ["Linear", "RootCall", "SolveCall", "concrete", "dense_solve"]


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
        if state.stage is not None:
            return row_by_row(function, consts, b)
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
    return x.concrete("a solver") if hasattr(x, "__chainrule_raw__") else x


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


def vector_of(leaves: Sequence) -> np.ndarray:
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
    if state.stage is not None:
        return solve_dense(matvec, b)
    right = vector_of(b)
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

    operator = LinearOperator((n, n), matvec=lambda v: vector_of(matvec(_leaves(v, b))), dtype=right.dtype)
    found, failed = gmres(operator, right, rtol=1e-10, atol=0.0, maxiter=10 * n)
    if failed:
        raise GraphError(f"GMRES did not converge on the {n} linear equations of an implicit derivative")
    return _leaves(found, b)
