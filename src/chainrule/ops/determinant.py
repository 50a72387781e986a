"""Determinants: det, slogdet, logdet of square matrices; leading dimensions are batches."""

from __future__ import annotations

from typing import Any

from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .broadcasting import unbroadcast
from .contraction import conj, mH, mT
from .einsum import contract
from .kits import add_terms, broadcast_shapes, opaque
from .linalg_basic import batch_lead, finish_outs, inv_p, like, matrices, real_of, real_part, unbroadcast_up
from .reductions import finish_out, return_type
from .shape import reshape_p


def _products_without(s: Any, xp: Any) -> Any:
    """For each i the product of all s but s[i], without dividing."""
    one = xp.ones_like(s[..., :1])
    before = xp.cumprod(xp.concatenate([one, s[..., :-1]], -1), -1)
    after = xp.cumprod(xp.concatenate([one, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def _svd_frame(xp: Any, x: Any) -> Any:
    """(conj(U), S, conj(V^H), det(U) det(V^H)): cofactors of A = U S V^H are det(U V^H) conj(U) cof(S) conj(V^H)."""
    u, s, vh = xp.linalg.svd(x)
    return xp.conj(u), s, xp.conj(vh), (xp.linalg.det(u) * xp.linalg.det(vh))[..., None, None]


def _cofactor_impl(xp: Any, x: Any) -> Any:
    if x.shape[-1] == 0:
        return xp.array(x)
    u, s, vh, sign = _svd_frame(xp, x)
    return (u * _products_without(s, xp)[..., None, :]) @ vh * sign


def _cofactor_tangent_impl(xp: Any, x: Any, t: Any) -> Any:
    """Derivative of the cofactors of x in direction t, exact for singular matrices too.

    In the frame of the SVD x is diagonal, and with P_ij the product of all singular values but i and j the derivative
    in direction E has the diagonal P diag(E) and, beside it, -P_ij E_ji.
    """
    n = x.shape[-1]
    if n == 0:
        return xp.array(t)
    u, s, vh, sign = _svd_frame(xp, x)
    eye = xp.eye(n, dtype=s.dtype)
    rows = s[..., None, :] * (1 - eye) + eye
    pairs = _products_without(rows, xp) * (1 - eye)
    e = xp.swapaxes(u, -1, -2) @ t @ xp.swapaxes(vh, -1, -2)
    diagonal = (pairs @ xp.diagonal(e, axis1=-2, axis2=-1)[..., None])[..., 0]
    moved = diagonal[..., None, :] * eye - pairs * xp.swapaxes(e, -1, -2)
    return u @ moved @ vh * sign


def _third_det(g: Any, x: Any, t: Any) -> Any:
    """D^3 det(x)[t, g, .], by the inverse B of x: from d det = det tr(B dA) and dB = -B dA B."""
    b = inv_p(x)
    bt, bg = b @ t, b @ g
    tr_t, tr_g, tr_tg = (contract("...ii->...", m) for m in (bt, bg, bt @ bg))
    both = _column(tr_t * tr_g - tr_tg) * b - _column(tr_t) * (bg @ b) - _column(tr_g) * (bt @ b)
    return _column(det_p(x)) * mT(both + bt @ bg @ b + bg @ bt @ b)


def _column(v: Any) -> Any:
    """Numbers (...) as matrices (..., 1, 1)."""
    return reshape_p(v, shape=(*raw_shape(v), 1, 1))


def _cofactor_aval(x: Any, t: Any = None) -> Spec:
    lead = tuple(x.shape[:-2]) if t is None else broadcast_shapes(tuple(x.shape[:-2]), tuple(t.shape[:-2]))
    return Spec((*lead, *x.shape[-2:]), x.dtype)


def _cofactor_by_x(g: Any, ans: Any, x: Any, t: Any = None) -> Any:
    """The second derivative of det is a symmetric bilinear form, so that its transpose is itself."""
    return unbroadcast(cofactor_p(x, g) if t is None else _third_det(g, x, t), raw_shape(x))


def _cofactor_jvp(prim: Any, tangents: Any, ans: Any, x: Any, t: Any = None) -> Any:
    if t is None:
        return prim(x, tangents[0])
    terms = [] if tangents[0] is None else [_third_det(tangents[0], x, t)]
    return unbroadcast_up(add_terms(terms + ([] if tangents[1] is None else [prim(x, tangents[1])])), raw_shape(ans))


cofactor_p = opaque(
    "cofactor",
    lambda xp, x, t=None: _cofactor_impl(xp, x) if t is None else _cofactor_tangent_impl(xp, x, t),
    _cofactor_aval,
    vjp=(_cofactor_by_x, lambda g, ans, x, t: unbroadcast(cofactor_p(x, g), t.shape)),
    jvp=_cofactor_jvp,
    batch=batch_lead,
    notation="cof({})",
    doc="Cofactor matrix C, for which d det(A) = sum(C dA), or its derivative in the direction of a second argument.",
    holomorphic=True,
)  # found by the SVD, so right for singular matrices too
det_p = opaque(
    "det",
    lambda xp, x: xp.asarray(xp.linalg.det(x)),
    lambda x: Spec(tuple(x.shape[:-2]), x.dtype),
    vjp=(lambda g, ans, x: _column(g) * cofactor_p(x),),
    jvp=lambda prim, tangents, ans, x: contract("...ij,...ij->...", tangents[0], cofactor_p(x)),
    batch=lambda prim, args, b: prim(args[0]),
    notation="det({})",
    doc="Determinant of square matrices; d det(A) = sum(C dA) with the cofactors C.",
    backward_name="LinalgDetBackward0",
    holomorphic=True,
)


def det(A: Any, *, out: Any = None) -> Any:
    """Determinant of a square matrix, or of each of a batch (..., n, n). Its gradient is right for singular ones too.

    >>> import chainrule as cr
    >>> cr.linalg.det(cr.tensor([[2., 1.], [0., 3.]]))
    tensor(6.)
    """
    matrices("linalg.det", A, square=True)
    return finish_out(out, det_p(A))


def _slogdet_vjp(g: Any, ans: Any, x: Any) -> Any:
    """For L = Re(conj(g_s) s) + g_l l: h A^-H with h = g_l - i Im(conj(g_s) s), as ds = i s Im tr(A^-1 dA)."""
    h = g[1]
    if g[0] is not None and raw_dtype(x).kind == "c":
        z = conj(g[0]) * ans[0]
        turn = (conj(z) - z) * 0.5
        h = turn if h is None else h + turn
    return None if h is None else like(_column(h) * mH(inv_p(x)), x)


def _slogdet_jvp(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    t = contract("...ij,...ji->...", inv_p(x), tangents[0])
    turned = ans[0] * (t - conj(t)) * 0.5 if raw_dtype(x).kind == "c" else None
    return turned, real_part(t)


slogdet_p = opaque(
    "slogdet",
    lambda xp, x: tuple(xp.linalg.slogdet(x)),
    lambda x: (Spec(tuple(x.shape[:-2]), x.dtype), Spec(tuple(x.shape[:-2]), real_of(x.dtype))),
    vjp=(_slogdet_vjp,),
    jvp=_slogdet_jvp,
    batch=lambda prim, args, b: prim(args[0]),
    n_out=2,
    notation="slogdet({})",
    doc="Sign of the determinant and logarithm of its absolute value; d log|det A| = Re tr(A^-1 dA).",
    backward_name="LinalgSlogdetBackward0",
)


def _logdet_impl(xp: Any, x: Any) -> Any:
    sign, size = xp.linalg.slogdet(x)
    return xp.asarray(xp.log(sign) + size, x.dtype)


logdet_p = opaque(
    "logdet",
    _logdet_impl,
    lambda x: Spec(tuple(x.shape[:-2]), x.dtype),
    vjp=(lambda g, ans, x: _column(g) * mT(inv_p(x)),),
    jvp=lambda prim, tangents, ans, x: contract("...ij,...ji->...", inv_p(x), tangents[0]),
    batch=lambda prim, args, b: prim(args[0]),
    notation="log det({})",
    doc="Logarithm of the determinant: NaN where it is negative, -inf where zero; d log det A = tr(A^-1 dA).",
    backward_name="LogdetBackward0",
    holomorphic=True,
)

Slogdet = return_type("linalg_slogdet", "sign", "logabsdet")


def slogdet(A: Any, *, out: Any = None) -> Any:
    """(sign, logabsdet) of square matrices (..., n, n): det(A) = sign exp(logabsdet).

    >>> import chainrule as cr
    >>> cr.linalg.slogdet(cr.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    matrices("linalg.slogdet", A, square=True)
    return finish_outs(out, Slogdet(*slogdet_p(A)))


def logdet(input: Any) -> Any:
    """Logarithm of the determinant of square matrices; NaN where it is negative and -inf where it is zero.

    (..., n, n) to (...); real for real matrices, complex for complex ones.

    >>> import chainrule as cr
    >>> cr.logdet(2 * cr.eye(2))
    tensor(1.3863)
    """
    matrices("logdet", input, square=True, what="input")
    return logdet_p(input)
