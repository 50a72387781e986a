"""Factorizations: Cholesky, QR, LU, LDL, Householder products; leading dimensions are batches.

Derivatives: I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527; M. Seeger et al.,
Auto-differentiating linear algebra, arXiv:1710.08717; S. Walter and L. Lehmann, Algorithmic differentiation of linear
algebra functions, arXiv:1001.1654.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, LinAlgError, NotDifferentiableError, ShapeError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .contraction import mH, mT, with_dim
from .kits import add_terms, opaque
from .linalg_basic import (
    INT32,
    check_info,
    common,
    eye_like,
    finish_outs,
    matrices,
    over_batch,
    strict,
    triangle,
    triangle_p,
)
from .linalg_systems import solve_triangular_p
from .reductions import finish_out, return_type

# ---- Cholesky --------------------------------------------------------------------------------------------------------

NOT_POSITIVE = (
    "linalg.cholesky: {which}The factorization could not be completed because the input is not positive-definite (the "
    "leading minor of order {order} is not positive-definite)."
)


def _failed_minors(x: np.ndarray) -> np.ndarray:
    from scipy.linalg.lapack import get_lapack_funcs

    (potrf,) = get_lapack_funcs(("potrf",), (x,))
    return np.array([potrf(m, lower=True)[1] for m in over_batch(x)], INT32).reshape(x.shape[:-2])


def _cholesky_impl(xp: Any, x: Any) -> Any:
    try:
        return xp.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        infos = _failed_minors(x)
    flat = infos.reshape(-1)
    at = int(np.flatnonzero(flat)[0]) if flat.any() else 0
    which = f"(Batch element {at}): " if infos.ndim else ""
    raise LinAlgError(NOT_POSITIVE.format(which=which, order=int(flat[at]))) from None


def _cholesky_ex_impl(xp: Any, x: Any) -> Any:
    try:
        return xp.linalg.cholesky(x), xp.zeros(x.shape[:-2], INT32)
    except np.linalg.LinAlgError:
        info = _failed_minors(x)
        bad = (info != 0)[..., None, None]
        found = xp.linalg.cholesky(xp.where(bad, xp.eye(x.shape[-1], dtype=x.dtype), x))
        return xp.where(bad, xp.asarray(xp.nan, x.dtype), found), info


def _phi(x: Any) -> Any:
    """Lower triangle with half the diagonal: X = phi(X) + phi(X)^H for Hermitian X."""
    return triangle_p(x, upper=False, scale=0.5)


def _cholesky_back(g: Any, L: Any) -> Any:
    """gA = (S + S^H) / 2 with S = L^-H phi(L^H gL) L^-1."""
    p = _phi(mH(L) @ triangle(g, upper=False))
    inside = (p + mH(p)) * 0.5
    right = solve_triangular_p(mH(L), inside, upper=True, unit=False)
    return mH(solve_triangular_p(mH(L), mH(right), upper=True, unit=False))


def _cholesky_push(t: Any, L: Any) -> Any:
    """dL = L phi(L^-1 dA L^-H)."""
    t = (t + mH(t)) * 0.5
    right = solve_triangular_p(L, t, upper=False, unit=False)
    return L @ _phi(mH(solve_triangular_p(L, mH(right), upper=False, unit=False)))


cholesky_p = opaque(
    "cholesky",
    _cholesky_impl,
    lambda x: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x: _cholesky_back(g, ans),),
    jvp=lambda prim, tangents, ans, x: _cholesky_push(tangents[0], ans),
    batch=lambda prim, args, b: prim(args[0]),
    notation="cholesky({})",
    doc="Lower triangular L with A = L L^H, of Hermitian positive-definite matrices.",
    backward_name="LinalgCholeskyExBackward0",
)
cholesky_ex_p = opaque(
    "cholesky_ex",
    _cholesky_ex_impl,
    lambda x: (Spec(tuple(x.shape), x.dtype), Spec(tuple(x.shape[:-2]), INT32)),
    vjp=(lambda g, ans, x: _cholesky_back(g[0], ans[0]),),
    jvp=lambda prim, tangents, ans, x: (_cholesky_push(tangents[0], ans[0]), None),
    batch=lambda prim, args, b: prim(args[0]),
    n_out=2,
    notation="cholesky({})",
    doc="As cholesky, with NaN and the order of the failing leading minor instead of an error.",
    backward_name="LinalgCholeskyExBackward0",
)

CholeskyEx = return_type("linalg_cholesky_ex", "L", "info")


def cholesky(A: Any, *, upper: bool = False, out: Any = None) -> Any:
    """Lower triangular L with A = L L^H (or upper triangular U with A = U^H U), for Hermitian positive-definite A.

    Raises:
        LinAlgError: a matrix is not positive definite.

    >>> import chainrule as cr
    >>> cr.linalg.cholesky(cr.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    matrices("linalg.cholesky", A, square=True)
    found = cholesky_p(A)
    return finish_out(out, mH(found) if upper else found)


def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """(L, info): as cholesky, but where it fails NaN and the order of the failing leading minor instead of an error.

    Matrices (..., n, n) of a floating or complex dtype; the order has shape (...) and dtype int32.

    >>> import chainrule as cr
    >>> cr.linalg.cholesky_ex(4 * cr.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    matrices("linalg.cholesky_ex", A, square=True)
    found, info = cholesky_ex_p(A)
    if check_errors:
        check_info(info, "linalg.cholesky_ex: The leading minor of order {} is not positive-definite.")
    return CholeskyEx(mH(found) if upper else found, info)


def old_cholesky(input: Any, upper: bool = False, *, out: Any = None) -> Any:
    """Cholesky factor of positive-definite matrices: torch.cholesky, the older form of linalg.cholesky.

    Matrices (..., n, n) of a floating or complex dtype; with upper=True the factor R of R^H R.

    >>> import chainrule as cr
    >>> cr.cholesky(4 * cr.eye(2))
    tensor([[2., 0.],
            [0., 2.]])
    """
    return cholesky(input, upper=upper, out=out)


old_cholesky.__name__ = old_cholesky.__qualname__ = "cholesky"


def cholesky_solve(B: Any, L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """Solve A X = B with the Cholesky factor L of A (A = L L^H; with `upper`, A = L^H L): (..., n, k), (..., n, n).

    >>> import chainrule as cr
    >>> cr.cholesky_solve(cr.tensor([[4.], [4.]]), cr.tensor([[2., 0.], [0., 1.]]))
    tensor([[1.],
            [4.]])
    """
    matrices("cholesky_solve", B, what="b")
    n = matrices("cholesky_solve", L, square=True)[-1]
    if raw_shape(B)[-2] != n:
        raise ShapeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {n} by {n} but each b matrix is "
            f"{raw_shape(B)[-2]} by {raw_shape(B)[-1]}"
        )
    B, L = common(B, L)
    low = mH(L) if upper else L
    half = solve_triangular_p(low, B, upper=False, unit=False)
    return finish_out(out, solve_triangular_p(mH(low), half, upper=True, unit=False))


def cholesky_inverse(L: Any, upper: bool = False, *, out: Any = None) -> Any:
    """Inverse of A = L L^H (with `upper`, A = L^H L) from its Cholesky factor.

    Factors (..., n, n) of a floating or complex dtype.

    >>> import chainrule as cr
    >>> cr.cholesky_inverse(2 * cr.eye(2))
    tensor([[0.2500, 0.0000],
            [0.0000, 0.2500]])
    """
    n = matrices("cholesky_inverse", L, square=True, what="L")[-1]
    identity = np.broadcast_to(eye_like(L, n), raw_shape(L))
    return finish_out(out, cholesky_solve(identity, L, upper))


# ---- QR --------------------------------------------------------------------------------------------------------------


def _qr_aval(x: Any, *, mode: str) -> tuple:
    *lead, m, n = x.shape
    k = m if mode == "complete" else min(m, n)
    return Spec((*lead, m, k), x.dtype), Spec((*lead, k, n), x.dtype)


def _qr_check(mode: str, ans: Any) -> None:
    m, n = raw_shape(ans[0])[-2], raw_shape(ans[1])[-1]
    if mode == "complete" and m > n:
        raise NotDifferentiableError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols; write mode='reduced'"
        )


def _upper(x: Any) -> Any:
    """T of M = W + T, with W skew-Hermitian and T upper triangular with a real diagonal."""
    return triangle_p(x + mH(x), upper=True, scale=0.5)


def _qr_vjp(g: Any, ans: Any, x: Any, *, mode: str) -> Any:
    """gA = (gQ + Q (T + T^H)) R^-H with T the upper triangle, half its diagonal, of gR R^H - Q^H gQ.

    Wide matrices A = [A1 A2] have R = Q^H A, so that gR gives A the cotangent Q gR, and Q, of A1 alone, A gR^H.
    """
    _qr_check(mode, ans)
    Q, R = ans
    gQ, gR = g
    m, n = raw_shape(Q)[-2], raw_shape(R)[-1]
    direct = None
    if m < n and gR is not None:
        gR = triangle(gR, upper=True)
        direct = Q @ gR
        through = Q @ (R @ mH(gR))
        gQ = through if gQ is None else gQ + through
        gR = None
    square = R[..., :m] if m < n else R
    terms = [] if gR is None else [gR @ mH(R)]
    if gQ is not None:
        terms.append(-(mH(Q) @ gQ))
    t = triangle_p(add_terms(terms), upper=True, scale=0.5)
    inside = Q @ (t + mH(t))
    inside = inside if gQ is None else gQ + inside
    first = mH(solve_triangular_p(square, mH(inside), upper=True, unit=False))
    if m >= n:
        return first
    padded = first @ eye_like(first, m, n)
    return padded if direct is None else padded + direct


def _qr_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, mode: str) -> Any:
    """dQ = B - Q T with B = dA R^-1 and T the upper part of Q^H B; dR = T R, for wide matrices dQ^H Q R + Q^H dA."""
    _qr_check(mode, ans)
    Q, R = ans
    m, n = raw_shape(Q)[-2], raw_shape(R)[-1]
    dx = tangents[0]
    square, first = (R[..., :m], dx[..., :m]) if m < n else (R, dx)
    b = mT(solve_triangular_p(mT(square), mT(first), upper=False, unit=False))
    t = _upper(mH(Q) @ b)
    dQ = b - Q @ t
    return dQ, triangle(mH(dQ) @ (Q @ R) + mH(Q) @ dx, upper=True) if m < n else t @ R


qr_p = opaque(
    "qr",
    lambda xp, x, *, mode: tuple(xp.linalg.qr(x, mode=mode)),
    _qr_aval,
    vjp=(_qr_vjp,),
    jvp=_qr_jvp,
    batch=lambda prim, args, b, *, mode: prim(args[0], mode=mode),
    n_out=2,
    notation="qr({})",
    doc="A = Q R with orthonormal columns of Q and upper triangular R.",
    backward_name="LinalgQrBackward0",
)

QR = return_type("linalg_qr", "Q", "R")
OldQR = return_type("qr", "Q", "R")


def qr(A: Any, mode: str = "reduced", *, out: Any = None) -> Any:
    """(Q, R) with A = Q R: Q has orthonormal columns, R is upper triangular.

    Args:
        mode: "reduced" (Q (..., m, k), R (..., k, n), k = min(m, n)), "complete" (Q square) or "r" (Q empty).

    >>> import chainrule as cr
    >>> cr.linalg.qr(cr.tensor([[0., 1.], [-2., 0.]])).R.abs()
    tensor([[2., 0.],
            [0., 1.]])
    """
    matrices("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    q, r = qr_p(A, mode="reduced" if mode == "r" else mode)
    if mode == "r":
        empty = np.empty(0, raw_dtype(A))
        q = wrap(empty) if isinstance(A, Tensor) else empty
    return finish_outs(out, QR(q, r))


def old_qr(input: Any, some: bool = True, *, out: Any = None) -> Any:
    """(Q, R) with input = Q R: torch.qr, the older form of linalg.qr.

    Matrices (..., m, n) of a floating or complex dtype; with some=False, Q is square.

    >>> import chainrule as cr
    >>> q, r = cr.qr(cr.tensor([[3.0], [4.0]]))
    >>> r.abs()
    tensor([[5.]])
    """
    return finish_outs(out, OldQR(*qr(input, "reduced" if some else "complete")))


old_qr.__name__ = old_qr.__qualname__ = "qr"


def householder_product(input: Any, tau: Any, *, out: Any = None) -> Any:
    """First n columns of H_1 ... H_k, H_i = I - tau_i v_i v_i^H, with v_i below the diagonal of input (..., m, n).

    This is how LAPACK stores Q of A = Q R. tau (..., k), k <= n <= m.

    A (..., m, n) and tau (..., k) with k <= n <= m; floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.linalg.householder_product(cr.eye(2), cr.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    m, n = matrices("torch.linalg.householder_product", input, what="input")[-2:]
    k = raw_shape(tau)[-1] if raw_shape(tau) else 0
    if m < n or n < k:
        raise ShapeError(
            f"torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1], and "
            f"that must be greater than or equal to tau.shape[-1]: got {raw_shape(input)} and {raw_shape(tau)}"
        )
    input, tau = common(input, tau)
    v = strict(input, upper=False) + eye_like(input, m, n)
    product = input * 0 + eye_like(input, m, n)
    for i in reversed(range(k)):
        column = v[..., i : i + 1]
        product = product - with_dim(tau[..., i : i + 1], -1) * (column @ (mH(column) @ product))
    return finish_out(out, product)


def orgqr(input: Any, tau: Any) -> Any:
    """Alias of linalg.householder_product.

    Matrices (..., m, n) and (..., k).

    >>> import chainrule as cr
    >>> cr.orgqr(cr.eye(2), cr.zeros(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return householder_product(input, tau)


# ---- LDL -------------------------------------------------------------------------------------------------------------


def _ldl_impl(xp: Any, x: Any, *, hermitian: bool) -> tuple:
    from scipy.linalg.lapack import get_lapack_funcs

    (factor,) = get_lapack_funcs(("hetrf" if hermitian and x.dtype.kind == "c" else "sytrf",), (x,))
    LD, pivots = xp.empty(x.shape, x.dtype), xp.zeros(x.shape[:-1], INT32)
    info = xp.zeros(x.shape[:-2], INT32)
    n = x.shape[-1]
    for i, m in enumerate(over_batch(x) if n else ()):
        ld, ipiv, code = factor(m, lower=True)
        over_batch(LD)[i], pivots.reshape(-1, n)[i], info.reshape(-1)[i] = ld, ipiv, code
    return xp.tril(LD), pivots, info


ldl_factor_p = opaque(
    "ldl_factor",
    _ldl_impl,
    lambda x, *, hermitian: (
        Spec(tuple(x.shape), x.dtype),
        Spec(tuple(x.shape[:-1]), INT32),
        Spec(tuple(x.shape[:-2]), INT32),
    ),
    vjp=(None,),
    batch=lambda prim, args, b, *, hermitian: prim(args[0], hermitian=hermitian),
    n_out=3,
    notation="ldl({})",
    doc="Compact LDL^T (or LDL^H) factorization of symmetric (Hermitian) matrices, and LAPACK's pivots.",
)

LDLFactor = return_type("linalg_ldl_factor", "LD", "pivots")
LDLFactorEx = return_type("linalg_ldl_factor_ex", "LD", "pivots", "info")


def ldl_factor(A: Any, *, hermitian: bool = False, out: Any = None) -> Any:
    """(LD, pivots): A = L D L^T (L^H with `hermitian`), of the lower triangle, in LAPACK's compact form.

    It has no derivative, as in PyTorch: use linalg.solve to differentiate the solution of a symmetric system.

    Matrices (..., n, n), pivots (..., n) of dtype int32.

    >>> import chainrule as cr
    >>> cr.linalg.ldl_factor(cr.tensor([[4.0, 2.0], [2.0, 3.0]])).LD.tril()
    tensor([[4.0000, 0.0000],
            [0.5000, 2.0000]])
    """
    matrices("torch.linalg.ldl_factor", A, square=True)
    LD, pivots, _ = ldl_factor_p(A, hermitian=bool(hermitian))
    return finish_outs(out, LDLFactor(LD, pivots))


def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """(LD, pivots, info): as ldl_factor, with LAPACK's info.

    Matrices (..., n, n) of a floating or complex dtype; pivots (..., n) and info (...) are int32.

    >>> import chainrule as cr
    >>> cr.linalg.ldl_factor_ex(cr.eye(2)).info
    tensor(0, dtype=torch.int32)
    """
    matrices("torch.linalg.ldl_factor_ex", A, square=True)
    LD, pivots, info = ldl_factor_p(A, hermitian=bool(hermitian))
    if check_errors:
        check_info(info, "torch.linalg.ldl_factor_ex: D[{0},{0}] is zero.")
    return LDLFactorEx(LD, pivots, info)
