"""Linear systems: A X = B with general and with triangular matrices A; leading dimensions are batches.

Derivatives: M. B. Giles, An extended collection of matrix derivative results, Oxford 2008, section 2.3.1.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import LinAlgError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_shape
from .broadcasting import unbroadcast
from .contraction import mH, mT, with_dim
from .kits import add_terms, broadcast_shapes, opaque
from .linalg_basic import (
    INT32,
    batch_lead,
    check_info,
    common,
    first_failure,
    matrices,
    over_batch,
    triangle_p,
    unbroadcast_up,
    zero_pivots,
)
from .reductions import finish_out, return_type
from .shape import broadcast_to_p, canonical_dim, permute_p, reshape_p

SolveEx = return_type("linalg_solve_ex", "result", "info")


def _solve_impl(xp: Any, a: Any, b: Any) -> Any:
    if b.ndim < 2:
        raise ShapeError(f"linalg.solve: B must be a batch of matrices here, got shape {b.shape}")
    try:
        return xp.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        text = "The solver failed because the input matrix is singular."
        raise LinAlgError("torch.linalg.solve: " + first_failure(zero_pivots(a), text)) from None


def _solve_aval(a: Any, b: Any, **params: Any) -> Spec:
    return Spec((*broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2])), *b.shape[-2:]), b.dtype)


def _solve_joint(g: Any, ans: Any, args: tuple, needs: tuple) -> list:
    a, b = args
    right = solve_p(mH(a), g)
    return [
        unbroadcast(-(right @ mH(ans)), raw_shape(a)) if needs[0] else None,
        unbroadcast(right, b.shape) if needs[1] else None,
    ]


def _solve_jvp(prim: Any, tangents: Any, ans: Any, a: Any, b: Any) -> Any:
    terms = [tangents[1]] if tangents[1] is not None else []
    if tangents[0] is not None:
        terms.append(-(tangents[0] @ ans))
    return unbroadcast_up(prim(a, add_terms(terms)), raw_shape(ans))


solve_p = opaque(
    "solve",
    _solve_impl,
    _solve_aval,
    joint=_solve_joint,
    keeps=(0, "ans"),
    jvp=_solve_jvp,
    batch=batch_lead,
    notation="{}^-1 {}",
    doc="Solve A X = B for the matrices X; dX = A^-1 (dB - dA X).",
    backward_name="LinalgSolveExBackward0",
)


def _solve_ex_impl(xp: Any, a: Any, b: Any) -> tuple:
    info = xp.zeros(a.shape[:-2], INT32)
    try:
        return xp.linalg.solve(a, b), info
    except np.linalg.LinAlgError:
        info = zero_pivots(a)
        bad = (info != 0)[..., None, None]
        found = xp.linalg.solve(xp.where(bad, xp.eye(a.shape[-1], dtype=a.dtype), a), b)
        return xp.where(bad, xp.asarray(xp.nan, found.dtype), found), info


def _solve_ex_batch(prim: Any, args: Any, is_batched: Any) -> tuple:
    result, info = batch_lead(prim, args, is_batched)
    shape = raw_shape(args[0])[:-2]
    if is_batched[0]:
        return result, reshape_p(info, shape=shape)
    return result, broadcast_to_p(info, shape=(raw_shape(result)[0], *shape))


solve_ex_p = opaque(
    "solve_ex",
    _solve_ex_impl,
    lambda a, b: (_solve_aval(a, b), Spec(tuple(a.shape[:-2]), INT32)),
    joint=lambda g, ans, args, needs: _solve_joint(g[0], ans[0], args, needs),
    keeps=(0, "ans"),
    jvp=lambda prim, tangents, ans, a, b: (_solve_jvp(solve_p, tangents, ans[0], a, b), None),
    batch=_solve_ex_batch,
    n_out=2,
    notation="{}^-1 {}",
    doc="Solve A X = B (NaN where A is singular), and the number of the pivot that is zero (0: none).",
    backward_name="LinalgSolveExBackward0",
)


def _system(name: str, A: Any, B: Any, left: bool) -> tuple[Any, Any, bool]:
    """(A, B as matrices, was B a vector) of A X = B; of the transposed system if not `left`."""
    a = matrices(name, A, square=True)
    b = raw_shape(B)
    A, B = common(A, B)
    vector = len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])
    if vector and not left:
        raise ShapeError(f"{name}: Vector broadcasting of the left hand side is not supported for left=False: {a}, {b}")
    if not b:
        raise ShapeError(f"{name}: B must be a vector or a matrix, got a 0-d tensor for A of shape {a}")
    if b[-1 if vector else (-2 if left else -1)] != a[-1]:
        raise ShapeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a[-2]}x{a[-1]} and {'x'.join(map(str, b[-2:]))})"
        )
    B = with_dim(B, -1) if vector else B
    return (A, B, vector) if left else (mT(A), mT(B), vector)


def _solution(X: Any, vector: bool, left: bool) -> Any:
    return reshape_p(X, shape=raw_shape(X)[:-1]) if vector else X if left else mT(X)


def solve(A: Any, B: Any, *, left: bool = True, out: Any = None) -> Any:
    """Solve A X = B for X (X A = B if not `left`): A (..., n, n), B (..., n, k), or (..., n) for vectors.

    Raises:
        LinAlgError: a matrix is singular.

    >>> import chainrule as cr
    >>> cr.linalg.solve(cr.tensor([[2., 0.], [0., 4.]]), cr.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    A, B, vector = _system("linalg.solve", A, B, left)
    return finish_out(out, _solution(solve_p(A, B), vector, left))


def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """(result, info): as solve, but singular matrices give NaN and an info other than 0 instead of an error.

    A (..., n, n), B (..., n) or (..., n, k), floating or complex; info is int32.

    >>> import chainrule as cr
    >>> cr.linalg.solve_ex(2 * cr.eye(2), cr.ones(2))[0]
    tensor([0.5000, 0.5000])
    """
    A, B, vector = _system("linalg.solve_ex", A, B, left)
    result, info = solve_ex_p(A, B)
    if check_errors:
        check_info(info, "torch.linalg.solve_ex: The solver failed because the input matrix is singular.")
    return SolveEx(_solution(result, vector, left), info)


def _trsm_impl(xp: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    from scipy.linalg.blas import get_blas_funcs

    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    out = xp.empty((*lead, *b.shape[-2:]), b.dtype)
    if not out.size:
        return out
    (trsm,) = get_blas_funcs(("trsm",), (a, b))
    a = over_batch(xp.broadcast_to(a, (*lead, *a.shape[-2:])))
    b = over_batch(xp.broadcast_to(b, out.shape))
    for found, m, right in zip(over_batch(out), a, b, strict=True):
        found[...] = trsm(1, m, right, lower=not upper, diag=unit)
    return out


def _trsm_joint(g: Any, ans: Any, args: tuple, needs: tuple, *, upper: bool, unit: bool) -> list:
    a, b = args
    right = solve_triangular_p(mH(a), g, upper=not upper, unit=unit)
    found: list[Any] = [None, unbroadcast(right, b.shape) if needs[1] else None]
    if needs[0]:
        found[0] = unbroadcast(triangle_p(-(right @ mH(ans)), upper=upper, scale=0.0 if unit else 1.0), raw_shape(a))
    return found


def _trsm_jvp(prim: Any, tangents: Any, ans: Any, a: Any, b: Any, *, upper: bool, unit: bool) -> Any:
    terms = [tangents[1]] if tangents[1] is not None else []
    if tangents[0] is not None:
        terms.append(-(triangle_p(tangents[0], upper=upper, scale=0.0 if unit else 1.0) @ ans))
    return unbroadcast_up(prim(a, add_terms(terms), upper=upper, unit=unit), raw_shape(ans))


solve_triangular_p = opaque(
    "solve_triangular",
    _trsm_impl,
    _solve_aval,
    joint=_trsm_joint,
    keeps=(0, "ans"),
    jvp=_trsm_jvp,
    batch=batch_lead,
    notation="{}^-1 {}",
    doc="Solve A X = B with one triangle of A (with a diagonal of ones if `unit`); dX = A^-1 (dB - dA X).",
    backward_name="LinalgSolveTriangularBackward0",
)


def solve_triangular(
    A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False, out: Any = None
) -> Any:
    """Solve A X = B (X A = B if not `left`) with the upper or lower triangle of A; B (..., n, k).

    A zero on the diagonal gives inf and NaN, not an error. With `unitriangular` the diagonal counts as ones.

    >>> import chainrule as cr
    >>> cr.linalg.solve_triangular(cr.tensor([[1., 1.], [9., 2.]]), cr.tensor([[3.], [2.]]), upper=True)
    tensor([[2.],
            [1.]])
    """
    matrices("linalg.solve_triangular", A, square=True)
    if len(raw_shape(B)) < 2:
        raise ShapeError(
            f"linalg.solve_triangular: The input tensor B must have at least 2 dimensions, got {raw_shape(B)}; write "
            f"B[:, None] for a vector"
        )
    A, B, _ = _system("linalg.solve_triangular", A, B, left)
    X = solve_triangular_p(A, B, upper=bool(upper) if left else not upper, unit=bool(unitriangular))
    return finish_out(out, X if left else mT(X))


def tensorsolve(A: Any, B: Any, dims: Any = None, *, out: Any = None) -> Any:
    """Solve tensordot(A, X, X.ndim) = B for X; `dims` of A are moved to its end first.

    Floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.linalg.tensorsolve(2 * cr.eye(4).reshape(2, 2, 4), cr.ones(2, 2))
    tensor([0.5000, 0.5000, 0.5000, 0.5000])
    """
    a, b = raw_shape(A), raw_shape(B)
    if dims is not None:
        last = [canonical_dim(d, len(a)) for d in dims]
        A = permute_p(A, dims=(*(i for i in range(len(a)) if i not in last), *last))
        a = raw_shape(A)
    rest = a[len(b) :]
    if prod(rest) != prod(b):
        raise ShapeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {prod(rest)} != {prod(b)}: shapes {a} and {b}"
        )
    found = solve(reshape_p(A, shape=(prod(b), prod(rest))), reshape_p(B, shape=(prod(b),)))
    return finish_out(out, reshape_p(found, shape=rest))
