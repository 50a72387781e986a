"""Singular values and eigenvalues, with their vectors; leading dimensions are batches.

Derivatives: J. Townsend, Differentiating the singular value decomposition, 2016; M. B. Giles, An extended collection of
matrix derivative results, Oxford 2008, section 3.1; C. Boeddeker et al., On the computation of complex-valued
gradients, arXiv:1701.00392. Vectors are defined up to a sign (a phase, if complex), and up to a rotation where values
are equal: only losses that do not depend on that choice have a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, LinAlgError, NotDifferentiableError
from ..core.tape import Spec
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from .contraction import conj, mH
from .einsum import contract
from .kits import add_terms, opaque
from .linalg_basic import finish_outs, like, matrices, real_of, real_part
from .reductions import finish_out, return_type
from .shape import reshape_p

# ---- shared ----------------------------------------------------------------------------------------------------------


def rows(v: Any) -> Any:
    """Vectors (..., n) as columns' factors (..., 1, n)."""
    shape = raw_shape(v)
    return reshape_p(v, shape=(*shape[:-1], 1, shape[-1]))


def columns(v: Any) -> Any:
    """Vectors (..., n) as rows' factors (..., n, 1)."""
    return reshape_p(v, shape=(*raw_shape(v), 1))


def diagonal_of(x: Any) -> Any:
    """Diagonals of square matrices."""
    return contract("...ii->...i", x)


def diagonal_matrix(v: Any) -> Any:
    """Diagonal matrices."""
    return contract("...i->...ii", v)


def _gap_ratio_impl(xp: Any, m: Any, gap: Any) -> Any:
    off = 1 - xp.eye(m.shape[-1], dtype=real_of(m.dtype))
    size = xp.abs(m).max(axis=(-2, -1), keepdims=True, initial=0)
    nothing = (gap == 0) & (xp.abs(m) <= 64 * m.shape[-1] * xp.finfo(m.dtype).eps * size)
    return xp.where((off == 0) | nothing, 0, m / xp.where((off == 0) | nothing, 1, gap)).astype(m.dtype)


def _gap_batch(prim: Any, args: Any, is_batched: Any) -> Any:
    from .reductions import all_batched

    return prim(*all_batched(args, is_batched))


gap_ratio_p = opaque(
    "gap_ratio",
    _gap_ratio_impl,
    lambda m, gap: Spec(tuple(m.shape), m.dtype),
    vjp=(
        lambda g, ans, m, gap: gap_ratio_p(g, conj(gap)),
        lambda g, ans, m, gap: like(-gap_ratio_p(g * conj(ans), conj(gap)), gap),
    ),
    jvp=lambda prim, tangents, ans, m, gap: add_terms(
        ([prim(tangents[0], gap)] if tangents[0] is not None else [])
        + ([-prim(ans * tangents[1], gap)] if tangents[1] is not None else [])
    ),
    batch=_gap_batch,
    notation="{} / {}",
    doc="Quotient beside the diagonal, 0 on it and where both the gap and, up to rounding, the numerator are 0.",
)


def gaps(v: Any) -> Any:
    """Differences v_j - v_i."""
    return rows(v) - columns(v)


def _check_phase(name: str, *products: Any) -> None:
    """Refuse a cotangent that depends on the phase of complex vectors: Im diag(V^H gV) must sum to 0."""
    found = []
    for p in products:
        p = p._data if type(p) is Tensor else p
        if type(p) is not np.ndarray:
            return  # traced: the numbers are not known
        found.append(p)
    if not found or found[0].dtype.kind != "c" or not found[0].size:
        return
    turn = np.imag(sum(np.diagonal(p, axis1=-2, axis2=-1) for p in found))
    size = max(1.0, float(max(np.abs(p).max() for p in found)))
    if np.abs(turn).max() > np.finfo(found[0].dtype).eps ** 0.25 * size:
        raise NotDifferentiableError(
            f"{name}_backward: The vectors in the complex case are specified up to multiplication by e^{{i phi}}. The "
            f"specified loss function depends on this quantity, so it is ill-defined. Write a loss that does not, for "
            f"example one of abs(V) or V @ V.mH."
        )


# ---- singular values -------------------------------------------------------------------------------------------------


def _converged(name: str, call: Any) -> Any:
    try:
        return call()
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"{name}: The algorithm failed to converge because the input matrix is ill-conditioned or contains "
            f"non-finite values ({error})"
        ) from None


def _svd_aval(x: Any, *, full: bool) -> tuple:
    *lead, m, n = x.shape
    k = min(m, n)
    u, v = (m, n) if full else (k, k)
    return Spec((*lead, m, u), x.dtype), Spec((*lead, k), real_of(x.dtype)), Spec((*lead, v, n), x.dtype)


def _thin(ans: Any, full: bool) -> tuple:
    u, s, vh = ans
    k = raw_shape(s)[-1]
    return (u[..., :k], s, vh[..., :k, :]) if full else (u, s, vh)


def _svd_vjp(g: Any, ans: Any, x: Any, *, full: bool) -> Any:
    """Townsend's equations; with E_ij = s_j^2 - s_i^2 and skew(X) = X - X^H the part inside the two bases is

    (skew(U^H gU) / E) S + S (skew(V^H gV) / E) + diag(gS), and i Im diag(U^H gU - V^H gV) / (2 S) for phases.
    """
    gu, gs, gvh = g
    u, s, vh = _thin(ans, full)
    m, n, k = raw_shape(u)[-2], raw_shape(vh)[-1], raw_shape(s)[-1]
    if gu is None and gvh is None:
        return None if gs is None else (u * rows(gs)) @ vh
    inside = [] if gs is None else [diagonal_matrix(gs)]
    gap = gaps(s) * (rows(s) + columns(s))
    turns, beside = [], []
    if gu is not None:
        if raw_shape(gu)[-1] > k:  # the vectors beyond stay orthogonal: dU2 = -U dU^H U2
            beside.append(-(ans[0][..., k:] @ ((mH(gu[..., k:]) @ u) / rows(s)) @ vh))
            gu = gu[..., :k]
        p = mH(u) @ gu
        inside.append(gap_ratio_p(p - mH(p), gap) * rows(s))
        turns.append(p)
        if m > k:
            beside.append(((gu - u @ p) / rows(s)) @ vh)
    if gvh is not None:
        if raw_shape(gvh)[-2] > k:
            beside.append(-((u / rows(s)) @ (vh @ mH(gvh[..., k:, :])) @ ans[2][..., k:, :]))
            gvh = gvh[..., :k, :]
        q = vh @ mH(gvh)
        inside.append(gap_ratio_p(q - mH(q), gap) * columns(s))
        turns.append(q)
        if n > k:
            beside.append(u @ ((gvh - mH(q) @ vh) / columns(s)))
    if raw_dtype(u).kind == "c":
        _check_phase("svd", *turns)
        around = [diagonal_of(t - mH(t)) for t in turns]
        turned = around[0] - around[1] if len(around) == 2 else -around[0] if gu is None else around[0]
        inside.append(diagonal_matrix(turned / (4 * s)))
    return add_terms([u @ add_terms(inside) @ vh, *beside])


def _svd_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, full: bool) -> Any:
    from .joining import cat

    u, s, vh = _thin(ans, full)
    dx, k = tangents[0], raw_shape(s)[-1]
    p = mH(u) @ dx @ mH(vh)
    gap = gaps(s) * (rows(s) + columns(s))
    left, right = p * rows(s), columns(s) * p
    wu, wv = gap_ratio_p(left + mH(left), gap), gap_ratio_p(right + mH(right), gap)
    if raw_dtype(u).kind == "c":
        turn = diagonal_matrix(diagonal_of(p - mH(p)) / (4 * s))
        wu, wv = wu + turn, wv - turn
    du, dvh = u @ wu, mH(wv) @ vh
    if raw_shape(u)[-2] > k:
        du = du + (dx @ mH(vh) - u @ p) / rows(s)
    if raw_shape(vh)[-1] > k:
        dvh = dvh + (mH(u) @ dx - p @ vh) / columns(s)
    if raw_shape(ans[0])[-1] > k:
        du = cat([du, -(u @ (mH(du) @ ans[0][..., k:]))], -1)
    if raw_shape(ans[2])[-2] > k:
        dvh = cat([dvh, -((ans[2][..., k:, :] @ mH(dvh)) @ vh)], -2)
    return du, real_part(diagonal_of(p)), dvh


svd_p = opaque(
    "svd",
    lambda xp, x, *, full: tuple(_converged("linalg.svd", lambda: xp.linalg.svd(x, full_matrices=full))),
    _svd_aval,
    vjp=(_svd_vjp,),
    jvp=_svd_jvp,
    batch=lambda prim, args, b, *, full: prim(args[0], full=full),
    n_out=3,
    notation="svd({})",
    doc="Singular value decomposition A = U diag(S) V^H.",
    backward_name="LinalgSvdBackward0",
)


def _svdvals_rule(x: Any, factor: Any) -> Any:
    u, _, vh = svd_p(x, full=False)
    return factor(u, vh)


svdvals_p = opaque(
    "svdvals",
    lambda xp, x: _converged("linalg.svdvals", lambda: xp.linalg.svd(x, compute_uv=False)),
    lambda x: Spec((*x.shape[:-2], min(x.shape[-2:])), real_of(x.dtype)),
    vjp=(lambda g, ans, x: _svdvals_rule(x, lambda u, vh: (u * rows(g)) @ vh),),
    jvp=lambda prim, tangents, ans, x: _svdvals_rule(
        x, lambda u, vh: real_part(diagonal_of(mH(u) @ tangents[0] @ mH(vh)))
    ),
    batch=lambda prim, args, b: prim(args[0]),
    notation="svdvals({})",
    doc="Singular values in descending order; dS = Re diag(U^H dA V).",
    backward_name="LinalgSvdBackward0",
)

SVD = return_type("linalg_svd", "U", "S", "Vh")
OldSVD = return_type("svd", "U", "S", "V")
Eig = return_type("linalg_eig", "eigenvalues", "eigenvectors")
Eigh = return_type("linalg_eigh", "eigenvalues", "eigenvectors")


def svd(A: Any, full_matrices: bool = True, *, driver: str | None = None, out: Any = None) -> Any:
    """(U, S, Vh) with A = U diag(S) Vh: S real, descending; U and Vh unitary (their first columns and rows, reduced).

    Gradients through U and Vh are defined for losses that do not depend on their signs (phases), nor, with
    full_matrices, on the choice of the vectors beyond the first min(m, n), which are an arbitrary basis.
    `driver` is accepted for PyTorch's sake; it chooses among CUDA's algorithms.

    >>> import chainrule as cr
    >>> cr.linalg.svd(cr.tensor([[0., 2.], [1., 0.]])).S
    tensor([2., 1.])
    """
    matrices("linalg.svd", A)
    return finish_outs(out, SVD(*svd_p(A, full=bool(full_matrices))))


def old_svd(input: Any, some: bool = True, compute_uv: bool = True, *, out: Any = None) -> Any:
    """(U, S, V) with input = U diag(S) V^H: torch.svd, which has V where linalg.svd has its conjugate transpose.

    Matrices (..., m, n) of a floating or complex dtype; S has min(m, n) real values, largest first.

    >>> import chainrule as cr
    >>> cr.svd(cr.tensor([[3.0, 0.0], [0.0, -4.0]])).S
    tensor([4., 3.])
    """
    matrices("svd", input, what="input")
    if not compute_uv:
        *lead, m, n = raw_shape(input)
        unused = [wrap(np.zeros((*lead, i, i), raw_dtype(input))) for i in (m, n)]
        return finish_outs(out, OldSVD(unused[0], svdvals_p(input), unused[1]))
    u, s, vh = svd_p(input, full=not some)
    return finish_outs(out, OldSVD(u, s, mH(vh)))


old_svd.__name__ = old_svd.__qualname__ = "svd"


def svdvals(A: Any, *, driver: str | None = None, out: Any = None) -> Any:
    """Singular values in descending order (..., min(m, n)). Their gradient exists unless they are equal and used apart.

    >>> import chainrule as cr
    >>> cr.linalg.svdvals(cr.tensor([[0., 2.], [1., 0.]]))
    tensor([2., 1.])
    """
    matrices("linalg.svdvals", A)
    return finish_out(out, svdvals_p(A))


# ---- Hermitian matrices ----------------------------------------------------------------------------------------------


def _eigh_vjp(g: Any, ans: Any, x: Any, *, lower: bool) -> Any:
    """gA = V (diag(gL) + (V^H gV) / E) V^H with E_ij = l_j - l_i, and 0 on the diagonal of the quotient."""
    values, v = ans
    if g[1] is None:
        return None if g[0] is None else (v * rows(g[0])) @ mH(v)
    p = mH(v) @ g[1]
    _check_phase("linalg_eigh", p)
    skew = (p - mH(p)) * 0.5  # the part that a rotation of V can have
    inside = gap_ratio_p(skew, gaps(values))
    return v @ (inside if g[0] is None else inside + diagonal_matrix(g[0])) @ mH(v)


def _eigh_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, lower: bool) -> Any:
    values, v = ans
    p = mH(v) @ tangents[0] @ v
    p = (p + mH(p)) * 0.5
    return real_part(diagonal_of(p)), v @ gap_ratio_p(p, gaps(values))


eigh_p = opaque(
    "eigh",
    lambda xp, x, *, lower: tuple(_converged("linalg.eigh", lambda: xp.linalg.eigh(x, UPLO="L" if lower else "U"))),
    lambda x, *, lower: (Spec(tuple(x.shape[:-1]), real_of(x.dtype)), Spec(tuple(x.shape), x.dtype)),
    vjp=(_eigh_vjp,),
    jvp=_eigh_jvp,
    batch=lambda prim, args, b, *, lower: prim(args[0], lower=lower),
    n_out=2,
    notation="eigh({})",
    doc="Eigenvalues, ascending, and orthonormal eigenvectors of Hermitian matrices, from one triangle.",
    backward_name="LinalgEighBackward0",
)


def _eigvalsh_rule(x: Any, lower: bool, factor: Any) -> Any:
    return factor(eigh_p(x, lower=lower)[1])


eigvalsh_p = opaque(
    "eigvalsh",
    lambda xp, x, *, lower: _converged("linalg.eigvalsh", lambda: xp.linalg.eigvalsh(x, UPLO="L" if lower else "U")),
    lambda x, *, lower: Spec(tuple(x.shape[:-1]), real_of(x.dtype)),
    vjp=(lambda g, ans, x, *, lower: _eigvalsh_rule(x, lower, lambda v: (v * rows(g)) @ mH(v)),),
    jvp=lambda prim, tangents, ans, x, *, lower: _eigvalsh_rule(
        x, lower, lambda v: real_part(diagonal_of(mH(v) @ tangents[0] @ v))
    ),
    batch=lambda prim, args, b, *, lower: prim(args[0], lower=lower),
    notation="eigvalsh({})",
    doc="Eigenvalues of Hermitian matrices, ascending; dL = Re diag(V^H dA V).",
    backward_name="LinalgEighBackward0",
)


def _lower(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO} in {name}")
    return UPLO in "Ll"


def eigh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """(eigenvalues, eigenvectors) of Hermitian matrices, of which the lower ("L") or upper ("U") triangle is read.

    Eigenvalues are real and ascending, eigenvectors are the columns of a unitary matrix. Gradients through the vectors
    are defined for losses that do not depend on their signs (phases).

    >>> import chainrule as cr
    >>> cr.linalg.eigh(cr.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    matrices("linalg.eigh", A, square=True)
    return finish_outs(out, Eigh(*eigh_p(A, lower=_lower("linalg.eigh", UPLO))))


def eigvalsh(A: Any, UPLO: str = "L", *, out: Any = None) -> Any:
    """Eigenvalues of Hermitian matrices, ascending; see eigh.

    >>> import chainrule as cr
    >>> cr.linalg.eigvalsh(cr.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    matrices("linalg.eigvalsh", A, square=True)
    return finish_out(out, eigvalsh_p(A, lower=_lower("linalg.eigvalsh", UPLO)))


# ---- general matrices ------------------------------------------------------------------------------------------------


def _complex(d: np.dtype) -> np.dtype:
    return d if d.kind == "c" else np.dtype(f"c{2 * d.itemsize}")


def _finite(name: str, x: np.ndarray) -> None:
    if not np.isfinite(x).all():
        raise LinAlgError(f"{name}: input tensor should not contain infs or NaNs (shape {x.shape})")


def _eig_impl(xp: Any, x: Any) -> tuple:
    _finite("linalg.eig", x)
    values, vectors = _converged("linalg.eig", lambda: xp.linalg.eig(x))
    return values.astype(_complex(x.dtype), copy=False), vectors.astype(_complex(x.dtype), copy=False)


def _inverse_times(v: Any, b: Any) -> Any:
    from .linalg_systems import solve_p

    return solve_p(v, b)


def _eig_vjp(g: Any, ans: Any, x: Any) -> Any:
    """gA = V^-H (diag(gL) + (V^H gV - V^H V diag(Re V^H gV)) / conj(E)) V^H with E_ij = l_j - l_i.

    The subtracted term is that of normalisation: the columns of V have length 1.
    """
    values, v = ans
    terms = [] if g[0] is None else [diagonal_matrix(g[0])]
    if g[1] is not None:
        p = mH(v) @ g[1]
        _check_phase("linalg_eig", p)
        diag = diagonal_of(p)
        p = p - mH(v) @ (v * rows((diag + conj(diag)) * 0.5))
        terms.append(gap_ratio_p(p, conj(gaps(values))))
    return like(_inverse_times(mH(v), add_terms(terms) @ mH(v)), x) if terms else None


def _eig_jvp(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    values, v = ans
    p = _inverse_times(v, like(tangents[0], v) @ v)
    dv = v @ gap_ratio_p(p, gaps(values))
    diag = diagonal_of(mH(v) @ dv)
    return diagonal_of(p), dv - v * rows((diag + conj(diag)) * 0.5)


eig_p = opaque(
    "eig",
    _eig_impl,
    lambda x: (Spec(tuple(x.shape[:-1]), _complex(x.dtype)), Spec(tuple(x.shape), _complex(x.dtype))),
    vjp=(_eig_vjp,),
    jvp=_eig_jvp,
    batch=lambda prim, args, b: prim(args[0]),
    n_out=2,
    notation="eig({})",
    doc="Complex eigenvalues and eigenvectors of length 1 of square matrices.",
    backward_name="LinalgEigBackward0",
)


def _eigvals_impl(xp: Any, x: Any) -> Any:
    _finite("linalg.eigvals", x)
    return _converged("linalg.eigvals", lambda: xp.linalg.eigvals(x)).astype(_complex(x.dtype), copy=False)


eigvals_p = opaque(
    "eigvals",
    _eigvals_impl,
    lambda x: Spec(tuple(x.shape[:-1]), _complex(x.dtype)),
    vjp=(None,),
    batch=lambda prim, args, b: prim(args[0]),
    notation="eigvals({})",
    doc="Complex eigenvalues of square matrices; where a derivative may be asked for, eig is used instead.",
)


def eig(A: Any, *, out: Any = None) -> Any:
    """(eigenvalues, eigenvectors) of square matrices: A V = V diag(L), both complex, columns of V of length 1.

    Gradients through the vectors are defined for distinct eigenvalues and losses that do not depend on phases.

    >>> import chainrule as cr
    >>> cr.linalg.eig(cr.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([2.+0.j, 1.+0.j])
    """
    matrices("linalg.eig", A, square=True)
    return finish_outs(out, Eig(*eig_p(A)))


def eigvals(A: Any, *, out: Any = None) -> Any:
    """Complex eigenvalues of square matrices, in no particular order.

    (..., n, n) to (..., n), complex64 or complex128.

    >>> import chainrule as cr
    >>> cr.linalg.eigvals(cr.tensor([[2.0, 1.0], [0.0, 2.0]]))
    tensor([2.+0.j, 2.+0.j])
    """
    matrices("linalg.eigvals", A, square=True)
    recorded = isinstance(A, Tensor) and (A._node is not None or isinstance(A, Tracer))
    return finish_out(out, eig_p(A)[0] if recorded else eigvals_p(A))  # dL = diag(V^-1 dA V) needs the vectors
