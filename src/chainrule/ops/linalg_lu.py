"""LU factorization with row exchanges, A = P L U, and solving with it; leading dimensions are batches.

Derivative: with A square, dL = L tril(M, -1) and dU = triu(M) U for M = L^-1 P^T dA U^-1 (S. Walter and L. Lehmann,
arXiv:1001.1654). Tall and wide matrices are extended to square ones by columns or rows of the identity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .contraction import mH, mT
from .kits import opaque
from .linalg_basic import INT32, check_info, common, eye_like, finish_outs, matrices, over_batch, strict, triangle
from .linalg_systems import solve_triangular_p
from .reductions import finish_out, return_type


def _lu_impl(xp: Any, x: Any) -> tuple:
    from scipy.linalg.lapack import get_lapack_funcs

    (getrf,) = get_lapack_funcs(("getrf",), (x,))
    *lead, m, n = x.shape
    LU, info = xp.array(x), xp.zeros(tuple(lead), INT32)
    pivots = xp.zeros((*lead, min(m, n)), INT32)
    if x.size:
        for i, matrix in enumerate(over_batch(x)):
            lu, piv, code = getrf(matrix)
            over_batch(LU)[i], pivots.reshape(-1, min(m, n))[i], info.reshape(-1)[i] = lu, piv + 1, code
    return LU, pivots, info


def _lu_aval(x: Any) -> tuple:
    *lead, m, n = x.shape
    return Spec((*lead, m, n), x.dtype), Spec((*lead, min(m, n)), INT32), Spec(tuple(lead), INT32)


def _permutation_impl(xp: Any, pivots: Any, *, size: int, dtype: np.dtype) -> Any:
    *lead, k = pivots.shape
    flat = pivots.reshape(-1, k) if k else pivots.reshape(int(np.prod(lead)), 0)
    order = np.tile(np.arange(size), (len(flat), 1))
    for p, some in zip(flat, order, strict=True):
        for i, j in enumerate(p - 1):
            some[i], some[j] = some[j], some[i]
    P = np.zeros((len(flat), size, size), dtype)
    np.put_along_axis(P, order[:, None, :], 1, axis=1)
    return P.reshape((*lead, size, size))


permutation_p = opaque(
    "pivots_permutation",
    _permutation_impl,
    lambda pivots, *, size, dtype: Spec((*pivots.shape[:-1], size, size), dtype),
    vjp=(None,),
    batch=lambda prim, args, b, *, size, dtype: prim(args[0], size=size, dtype=dtype),
    notation="P({})",
    doc="Permutation matrices P, with A = P L U, of LAPACK's row exchanges (counted from 1).",
)


def _square(x: Any, size: int) -> Any:
    """`x` in the upper left corner of a square matrix of zeros."""
    m, n = raw_shape(x)[-2:]
    if m < size:
        x = eye_like(x, size, m) @ x
    return x if n == size else x @ eye_like(x, n, size)


def _corner(x: Any, m: int, n: int) -> Any:
    return x if raw_shape(x)[-2:] == (m, n) else x[..., :m, :n]


def _factors(LU: Any) -> tuple:
    """(L, U) extended to square matrices, from the compact form."""
    m, n = raw_shape(LU)[-2:]
    size = max(m, n)
    full = _square(LU, size)
    rest = np.diag((np.arange(size) >= min(m, n)).astype(raw_dtype(LU)))
    return strict(full, upper=False) + eye_like(LU, size), triangle(full, upper=True) + rest


def _lu_vjp(g: Any, ans: Any, x: Any) -> Any:
    m, n = raw_shape(ans[0])[-2:]
    L, U = _factors(ans[0])
    full = _square(g[0], max(m, n))
    gM = strict(mH(L) @ strict(full, upper=False), upper=False)
    gM = gM + triangle(triangle(full, upper=True) @ mH(U), upper=True)
    left = solve_triangular_p(mH(L), gM, upper=True, unit=True)
    both = mH(solve_triangular_p(U, mH(left), upper=True, unit=False))
    return permutation_p(ans[1], size=m, dtype=raw_dtype(ans[0])) @ _corner(both, m, n)


def _lu_jvp(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    m, n = raw_shape(ans[0])[-2:]
    L, U = _factors(ans[0])
    P = permutation_p(ans[1], size=m, dtype=raw_dtype(ans[0]))
    full = _square(mT(P) @ tangents[0], max(m, n))
    left = solve_triangular_p(L, full, upper=False, unit=True)
    M = mT(solve_triangular_p(mT(U), mT(left), upper=False, unit=False))
    dL, dU = L @ strict(M, upper=False), triangle(M, upper=True) @ U
    return _corner(strict(dL, upper=False) + triangle(dU, upper=True), m, n), None, None


lu_factor_p = opaque(
    "lu_factor",
    _lu_impl,
    _lu_aval,
    vjp=(_lu_vjp,),
    jvp=_lu_jvp,
    batch=lambda prim, args, b: prim(args[0]),
    n_out=3,
    notation="lu({})",
    doc="Compact LU factorization with row exchanges, the exchanges (from 1), and the number of a zero pivot.",
    backward_name="LinalgLuFactorExBackward0",
)

LU = return_type("linalg_lu", "P", "L", "U")
LUFactor = return_type("linalg_lu_factor", "LU", "pivots")
LUFactorEx = return_type("linalg_lu_factor_ex", "LU", "pivots", "info")


def _pivoting(name: str, A: Any, pivot: bool) -> None:
    matrices(name, A)
    if not pivot:
        raise ArgumentError(f"{name}: LU without pivoting is not implemented on the CPU; write pivot=True")


def lu_factor(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """(LU, pivots): L (its unit diagonal is not stored) and U in one matrix, and row exchanges counted from 1.

    Raises:
        LinAlgError: a pivot is zero, so that the factors cannot solve.

    Matrices (..., m, n) of a floating or complex dtype.

    >>> import chainrule as cr
    >>> cr.linalg.lu_factor(cr.tensor([[0.0, 2.0], [1.0, 3.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    _pivoting("linalg.lu_factor", A, pivot)
    found, pivots, info = lu_factor_p(A)
    check_info(
        info,
        "torch.linalg.lu_factor: U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If "
        "you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
        "linalg.lu_factor_ex(A, pivot)",
    )
    return finish_outs(out, LUFactor(found, pivots))


def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """(LU, pivots, info): as lu_factor, with the number of a zero pivot (0: none) instead of an error.

    Matrices (..., m, n) of a floating or complex dtype.

    >>> import chainrule as cr
    >>> cr.linalg.lu_factor_ex(cr.ones(2, 2)).info
    tensor(2, dtype=torch.int32)
    """
    _pivoting("linalg.lu_factor_ex", A, pivot)
    found, pivots, info = lu_factor_p(A)
    if check_errors:
        check_info(info, "torch.linalg.lu_factor_ex: U[{0},{0}] is zero.")
    return LUFactorEx(found, pivots, info)


def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """(P, L, U) from the compact form of lu_factor.

    LU is (..., m, n), the pivots (..., min(m, n)) of dtype int32; P, L, U have the dtype of LU.

    >>> import chainrule as cr
    >>> P, L, U = cr.lu_unpack(*cr.linalg.lu_factor(cr.tensor([[0.0, 2.0], [1.0, 3.0]])))
    >>> U
    tensor([[1., 3.],
            [0., 2.]])
    """
    m, n = matrices("lu_unpack", LU_data, what="LU_data")[-2:]
    k = min(m, n)
    low, up = _corner(LU_data, m, k), _corner(LU_data, k, n)
    L = strict(low, upper=False) + eye_like(low, m, k)
    return LU(permutation_p(LU_pivots, size=m, dtype=raw_dtype(LU_data)), L, triangle(up, upper=True))


def lu(A: Any, *, pivot: bool = True, out: Any = None) -> Any:
    """(P, L, U) with A = P L U: a permutation, a lower triangle with a unit diagonal and an upper triangle.

    A (..., m, n), floating or complex; P is (..., m, m), L (..., m, k), U (..., k, n) with k = min(m, n).

    >>> import chainrule as cr
    >>> cr.linalg.lu(cr.tensor([[0., 1.], [2., 4.]])).U
    tensor([[2., 4.],
            [0., 1.]])
    """
    _pivoting("linalg.lu", A, pivot)
    found, pivots, _ = lu_factor_p(A)
    return finish_outs(out, lu_unpack(found, pivots))


def old_lu(A: Any, pivot: bool = True, get_infos: bool = False) -> Any:
    """(LU, pivots) or (LU, pivots, infos): torch.lu, the older form of linalg.lu_factor.

    Matrices (..., m, n) of a floating or complex dtype; pivots are int32.

    >>> import chainrule as cr
    >>> cr.lu(cr.tensor([[0.0, 2.0], [1.0, 3.0]]))[0]
    tensor([[1., 3.],
            [0., 2.]])
    """
    found = lu_factor_ex(A, pivot=pivot)
    return tuple(found) if get_infos else tuple(found[:2])


old_lu.__name__ = old_lu.__qualname__ = "lu"


def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False, out: Any = None) -> Any:
    """Solve A X = B (A^H X = B with `adjoint`; X A = B if not `left`) with A = P L U from lu_factor.

    B is (..., n, k), LU (..., n, n), pivots (..., n) of dtype int32; the result has the shape of B.

    >>> import chainrule as cr
    >>> factors = cr.linalg.lu_factor(cr.tensor([[0., 1.], [2., 4.]]))
    >>> cr.linalg.lu_solve(*factors, cr.tensor([[1.], [6.]]))
    tensor([[1.],
            [1.]])
    """
    n = matrices("torch.linalg.lu_solve", LU, square=True, what="LU")[-1]
    b = matrices("torch.linalg.lu_solve", B, what="B")
    if b[-2 if left else -1] != n:
        raise ShapeError(f"linalg.lu_solve: Incompatible shapes of A and B for the equation AX = B ({n}x{n} and {b})")
    LU, B = common(LU, B)
    if not left:
        return finish_out(out, mH(lu_solve(LU, pivots, mH(B), adjoint=not adjoint)))
    P = permutation_p(pivots, size=n, dtype=raw_dtype(LU))
    if adjoint:
        half = solve_triangular_p(mH(LU), B, upper=False, unit=False)
        return finish_out(out, P @ solve_triangular_p(mH(LU), half, upper=True, unit=True))
    half = solve_triangular_p(LU, mT(P) @ B, upper=False, unit=True)
    return finish_out(out, solve_triangular_p(LU, half, upper=True, unit=False))


def old_lu_solve(b: Any, LU_data: Any, LU_pivots: Any, *, out: Any = None) -> Any:
    """Solve A x = b with the factors of A: torch.lu_solve, the older form of linalg.lu_solve.

    b is (..., n, k), the factors (..., n, n), pivots (..., n) of dtype int32.

    >>> import chainrule as cr
    >>> cr.lu_solve(cr.ones(2, 1), *cr.linalg.lu_factor(2 * cr.eye(2)))
    tensor([[0.5000],
            [0.5000]])
    """
    return lu_solve(LU_data, LU_pivots, b, out=out)


old_lu_solve.__name__ = old_lu_solve.__qualname__ = "lu_solve"
