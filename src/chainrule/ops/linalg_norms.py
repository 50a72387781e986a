"""Norms and condition numbers, ranks, pseudo-inverses and least squares; leading dimensions are batches.

Derivative of the pseudo-inverse: G. H. Golub and V. Pereyra, The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate, SIAM J. Numer. Anal. 10, 1973.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import INT64, is_inexact, numpy_dtype
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .broadcasting import unbroadcast
from .contraction import mH, with_dim
from .extrema import amax, amin
from .kits import add_terms, broadcast_shapes, numpy_names, opaque
from .linalg_basic import batch_lead, common, inv_ex_p, matrices, real_of, real_part, unbroadcast_up
from .linalg_spectral import diagonal_of, rows, svd_p, svdvals_p
from .reductions import canonical_dims, finish_out, return_type, sum_p
from .shape import canonical_dim, cast_p, permute_p, reshape_p
from .statistics import vector_norm_p

INF = float("inf")

# ---- norms -----------------------------------------------------------------------------------------------------------


@numpy_names
def vector_norm(
    x: Any, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """(sum |x|^ord)^(1/ord) over `dim` (an int, several, or all); inf, -inf and 0 (count of nonzeros) too.

    Floating or complex dtypes; the result is real, in `dtype` if that is given.

    >>> import chainrule as cr
    >>> cr.linalg.vector_norm(cr.tensor([[3., 4.], [6., 8.]]), dim=1)
    tensor([ 5., 10.])
    """
    if dtype is not None:
        x = cast_p(x, dtype=numpy_dtype(dtype))
    if not is_inexact(raw_dtype(x)):
        raise DTypeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {raw_dtype(x)}; write "
            f"x.float()"
        )
    if isinstance(ord, str):
        raise ArgumentError(f"linalg.vector_norm: ord must be a number, not {ord!r}; matrix_norm takes 'fro' and 'nuc'")
    shape = raw_shape(x)
    axes = canonical_dims(dim, len(shape))
    if (ord < 0 or ord == INF) and 0 in [shape[a] for a in axes]:
        raise ShapeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have "
            f"an identity: shape {shape}"
        )
    return finish_out(out, vector_norm_p(x, ord=float(ord), axes=axes, keepdims=bool(keepdim)))


def matrix_norm(
    A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None, out: Any = None
) -> Any:
    """Norm of the matrices in two dimensions.

    Args:
        ord: "fro" (Frobenius), "nuc" (sum of singular values), inf, -inf (largest, smallest row sum of absolute
            values), 1, -1 (column sum), 2, -2 (largest, smallest singular value).

    >>> import chainrule as cr
    >>> cr.linalg.matrix_norm(cr.tensor([[3., 0.], [0., 4.]]), "nuc")
    tensor(7.)
    """
    if dtype is not None:
        A = cast_p(A, dtype=numpy_dtype(dtype))
    shape = matrices("linalg.matrix_norm", A)
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    row, column = (canonical_dim(d, len(shape)) for d in dim)
    if row == column:
        raise ArgumentError(f"linalg.matrix_norm: dims must be different. Got ({row}, {column})")
    if ord not in ("fro", "nuc", INF, -INF, 1, -1, 2, -2):
        raise ArgumentError(f"linalg.matrix_norm: Order {ord} not supported.")
    if ord == "fro":
        return finish_out(out, vector_norm_p(A, ord=2.0, axes=tuple(sorted((row, column))), keepdims=bool(keepdim)))
    if ord in (1, -1, INF, -INF):
        over, then = (column, row) if abs(ord) == INF else (row, column)
        sums = vector_norm_p(A, ord=1.0, axes=(over,), keepdims=True)
        best = (amax if ord > 0 else amin)(sums, then, True)
    else:
        last = (*(d for d in range(len(shape)) if d not in (row, column)), row, column)
        s = svdvals_p(A if last == tuple(range(len(shape))) else permute_p(A, dims=last))
        if ord == "nuc":
            best = sum_p(s, axes=(len(shape) - 2,), keepdims=False)
        else:
            best = (amax if ord > 0 else amin)(s, -1)
    want = tuple(1 if i in (row, column) else n for i, n in enumerate(shape))
    if not keepdim:
        want = tuple(n for i, n in enumerate(shape) if i not in (row, column))
    return finish_out(out, best if raw_shape(best) == want else reshape_p(best, shape=want))


@numpy_names
def norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, out: Any = None, dtype: Any = None) -> Any:
    """Vector norm, or matrix norm if `ord` is given and `dim` names two dimensions (or A is a matrix).

    Without `ord` the 2-norm of all elements (over `dim`).

    >>> import chainrule as cr
    >>> cr.linalg.norm(cr.tensor([[1., 1.], [1., 1.]]))
    tensor(2.)
    """
    ndim = len(raw_shape(A))
    if ord is not None:
        if dim is None and ndim not in (1, 2):
            raise ShapeError(
                f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {ndim}D of shape "
                f"{raw_shape(A)}"
            )
        if (isinstance(dim, (tuple, list)) and len(dim) == 2) or (dim is None and ndim == 2):
            return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
        if isinstance(ord, str):
            raise ArgumentError(f"linalg.norm: ord={ord!r} is a matrix norm, and needs two dimensions; got dim={dim}")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


def cond(A: Any, p: Any = None, *, out: Any = None) -> Any:
    """Condition number: norm(A, p) norm(A^-1, p); for p None or 2 the ratio of extreme singular values, -2 its inverse.

    Singular matrices have condition number inf.

    >>> import chainrule as cr
    >>> cr.linalg.cond(cr.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
    matrices("linalg.cond", A)
    if p is None or p in (2, -2):
        s = svdvals_p(A)
        top, low = amax(s, -1), amin(s, -1)
        return finish_out(out, low / top if p == -2 else top / low)
    if p not in ("fro", "nuc", INF, -INF, 1, -1):
        raise ArgumentError(f"linalg.cond got an invalid norm type: {p}")
    matrices(f"linalg.cond({p})", A, square=True)
    inverse, info = inv_ex_p(A)
    found = matrix_norm(A, p) * matrix_norm(inverse, p)
    singular = cast_p(cast_p(info, dtype=np.dtype(bool)), dtype=raw_dtype(found))
    return finish_out(out, _or_infinite(found, singular))


or_infinite_p = opaque(
    "or_infinite",
    lambda xp, x, flag: xp.where(flag != 0, xp.asarray(xp.inf, x.dtype), x),
    lambda x, flag: Spec(broadcast_shapes(tuple(x.shape), tuple(flag.shape)), x.dtype),
    vjp=(lambda g, ans, x, flag: g * (1 - flag), None),
    jvp=lambda prim, tangents, ans, x, flag: None if tangents[0] is None else tangents[0] * (1 - flag),
    batch=batch_lead,
    notation="{}",
    doc="The first argument, or infinity where the second is not 0.",
)


def _or_infinite(x: Any, flag: Any) -> Any:
    return or_infinite_p(x, flag)


# ---- rank, pseudo-inverse, least squares -----------------------------------------------------------------------------


def _tolerances(name: str, A: Any, atol: Any, rtol: Any) -> tuple[float, float]:
    """(absolute, relative) cut for singular values; by default max(m, n) times the precision."""
    m, n = raw_shape(A)[-2:]
    numbers = [None if t is None else float(t) for t in (atol, rtol)]
    eps = float(np.finfo(raw_dtype(A)).eps) * max(m, n)
    if numbers[1] is None:
        numbers[1] = eps if not numbers[0] else 0.0
    return (numbers[0] or 0.0), numbers[1]


def _rank_impl(xp: Any, x: Any, *, atol: float, rtol: float, hermitian: bool) -> Any:
    if 0 in x.shape[-2:]:
        return xp.zeros(x.shape[:-2], INT64)
    s = xp.abs(xp.linalg.eigvalsh(x)) if hermitian else xp.linalg.svd(x, compute_uv=False)
    cut = xp.maximum(atol, rtol * s.max(-1, keepdims=True))
    return xp.asarray(xp.count_nonzero(s > cut, axis=-1), INT64)


matrix_rank_p = opaque(
    "matrix_rank",
    _rank_impl,
    lambda x, **params: Spec(tuple(x.shape[:-2]), INT64),
    vjp=(None,),
    batch=lambda prim, args, b, **params: prim(args[0], **params),
    notation="rank({})",
    doc="Number of singular values above max(atol, rtol times the largest).",
)


def _rank_by_tensors(A: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """Ranks with one tolerance for each matrix: tensors that broadcast with the batch."""
    from .linalg_spectral import eigvalsh, svdvals

    m, n = raw_shape(A)[-2:]
    sizes = abs(eigvalsh(A)) if hermitian else svdvals(A)
    largest = sizes.amax(-1) if m and n else A.real.new_zeros(raw_shape(A)[:-2])
    if rtol is None:
        rtol = 0.0 if atol is not None else _tolerances("linalg.matrix_rank", A, None, None)[1]
    cut = largest * rtol
    cut = cut if atol is None else (cut + 0 * atol).clamp(min=atol)
    return (with_dim(cut, -1) < sizes).sum(-1)


def matrix_rank(
    A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """Number of singular values (with `hermitian`, of absolute eigenvalues) above max(atol, rtol * largest), as int64.

    >>> import chainrule as cr
    >>> cr.linalg.matrix_rank(cr.ones(3, 3))
    tensor(1)
    """
    matrices("linalg.matrix_rank", A, square=hermitian)
    atol, rtol = atol if tol is None else tol, 0.0 if tol is not None else rtol
    if any(isinstance(t, Tensor) and raw_shape(t) for t in (atol, rtol)):
        return finish_out(out, _rank_by_tensors(A.detach(), atol, rtol, hermitian))
    atol, rtol = _tolerances("linalg.matrix_rank", A, atol, rtol)
    return finish_out(out, matrix_rank_p(A, atol=atol, rtol=rtol, hermitian=bool(hermitian)))


def _pinv_impl(xp: Any, x: Any, *, atol: float, rtol: float, hermitian: bool) -> Any:
    if 0 in x.shape[-2:]:
        return xp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
    if hermitian:
        s, u = xp.linalg.eigh(x)
        vh = xp.conj(xp.swapaxes(u, -1, -2))
    else:
        u, s, vh = xp.linalg.svd(x, full_matrices=False)
    size = xp.abs(s)
    keep = size > xp.maximum(atol, rtol * size.max(-1, keepdims=True))
    inverse = xp.where(keep, 1 / xp.where(keep, s, 1), 0).astype(s.dtype)
    return xp.conj(xp.swapaxes(vh, -1, -2)) @ (inverse[..., None] * xp.conj(xp.swapaxes(u, -1, -2)))


def _pinv_back(g: Any, p: Any, x: Any) -> Any:
    """-P^H g P^H + (I - A P) g^H P P^H + P^H P g^H (I - P A), at constant rank."""
    ph, gh = mH(p), mH(g)
    left, right = gh @ p @ ph, ph @ p @ gh
    return -(ph @ g @ ph) + (left - x @ (p @ left)) + (right - (right @ p) @ x)


def _pinv_push(t: Any, p: Any, x: Any) -> Any:
    """dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P."""
    ph, th = mH(p), mH(t)
    left, right = p @ ph @ th, th @ ph @ p
    return -(p @ t @ p) + (left - (left @ x) @ p) + (right - p @ (x @ right))


pinv_p = opaque(
    "pinv",
    _pinv_impl,
    lambda x, **params: Spec((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype),
    vjp=(lambda g, ans, x, *, atol, rtol, hermitian: _pinv_back(g, ans, x),),
    jvp=lambda prim, tangents, ans, x, **params: _pinv_push(tangents[0], ans, x),
    batch=lambda prim, args, b, **params: prim(args[0], **params),
    notation="{}^+",
    doc="Moore-Penrose pseudo-inverse; singular values up to max(atol, rtol times the largest) count as 0.",
    backward_name="LinalgPinvBackward0",
)


def pinv(
    A: Any, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None, out: Any = None
) -> Any:
    """Moore-Penrose pseudo-inverse of (..., m, n): (..., n, m). Its derivative is that at constant rank.

    >>> import chainrule as cr
    >>> cr.linalg.pinv(cr.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    matrices("linalg.pinv", A, square=hermitian)
    atol, rtol = _tolerances("linalg.pinv", A, atol, rtol if rcond is None else rcond)
    return finish_out(out, pinv_p(A, atol=atol, rtol=rtol, hermitian=bool(hermitian)))


def pinverse(input: Any, rcond: float = 1e-15) -> Any:
    """Pseudo-inverse: torch.pinverse, the older form of linalg.pinv.

    Matrices (..., m, n) of a floating or complex dtype; the result is (..., n, m).

    >>> import chainrule as cr
    >>> cr.pinverse(cr.tensor([[2.0], [0.0]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rcond)


def _lstsq_impl(xp: Any, a: Any, b: Any, *, rcond: float) -> tuple:
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, n = a.shape[-2:]
    k = min(m, n)
    X = xp.zeros((*lead, n, b.shape[-1]), b.dtype)
    rank, s = xp.zeros(lead, INT64), xp.zeros((*lead, k), real_of(a.dtype))
    for i in np.ndindex(*lead):
        left, right = np.broadcast_to(a, (*lead, m, n))[i], np.broadcast_to(b, (*lead, *b.shape[-2:]))[i]
        X[i], _, rank[i], s[i] = xp.linalg.lstsq(left, right, rcond=rcond)
    return X, rank, s


def _lstsq_aval(a: Any, b: Any, *, rcond: float) -> tuple:
    lead = broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    k = min(a.shape[-2:])
    return Spec((*lead, a.shape[-1], b.shape[-1]), b.dtype), Spec(lead, INT64), Spec((*lead, k), real_of(a.dtype))


def _lstsq_joint(g: Any, ans: Any, args: tuple, needs: tuple, *, rcond: float) -> list:
    """The solution is A^+ B; the singular values have their own rule."""
    a, b = args
    found: list[list] = [[], []]
    if g[0] is not None:
        p = pinv_p(a, atol=0.0, rtol=rcond, hermitian=False)
        if needs[0]:
            found[0].append(unbroadcast(_pinv_back(g[0] @ mH(b), p, a), raw_shape(a)))
        if needs[1]:
            found[1].append(unbroadcast(mH(p) @ g[0], raw_shape(b)))
    if g[2] is not None and needs[0]:
        u, _, vh = svd_p(a, full=False)
        found[0].append(unbroadcast((u * rows(g[2])) @ vh, raw_shape(a)))
    return [add_terms(terms) if terms else None for terms in found]


def _lstsq_jvp(prim: Any, tangents: Any, ans: Any, a: Any, b: Any, *, rcond: float) -> Any:
    p = pinv_p(a, atol=0.0, rtol=rcond, hermitian=False)
    terms, ds = [], None
    if tangents[0] is not None:
        terms.append(_pinv_push(tangents[0], p, a) @ b)
        u, _, vh = svd_p(a, full=False)
        ds = unbroadcast_up(real_part(diagonal_of(mH(u) @ tangents[0] @ mH(vh))), raw_shape(ans[2]))
    if tangents[1] is not None:
        terms.append(p @ tangents[1])
    return unbroadcast_up(add_terms(terms), raw_shape(ans[0])), None, ds


lstsq_p = opaque(
    "lstsq",
    _lstsq_impl,
    _lstsq_aval,
    joint=_lstsq_joint,
    keeps=("all",),
    jvp=_lstsq_jvp,
    batch=batch_lead,
    n_out=3,
    notation="{}^+ {}",
    doc="Solution of least norm of min |A X - B|, the rank of A and its singular values.",
    backward_name="LinalgLstsqBackward0",
)

Lstsq = return_type("linalg_lstsq", "solution", "residuals", "rank", "singular_values")
DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(A: Any, B: Any, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """(solution, residuals, rank, singular_values) of min |A X - B|: A (..., m, n), B (..., m, k) or (..., m).

    The solution of least norm, whatever the rank. Residuals (squared, summed over rows) are given where m > n and all
    A have full rank, and the driver is not "gelsy"; singular values for the drivers "gelsd" and "gelss"; else empty.

    >>> import chainrule as cr
    >>> cr.linalg.lstsq(cr.tensor([[1.], [1.]]), cr.tensor([[1.], [3.]])).solution.round()
    tensor([[2.]])
    """
    from .indexing import concrete_or_none

    a, b = matrices("torch.linalg.lstsq", A), raw_shape(B)
    if driver is not None and driver not in DRIVERS:
        raise ArgumentError(f"torch.linalg.lstsq: parameter `driver` should be one of {DRIVERS}, got {driver}")
    vector = len(b) == 1 or (len(b) == len(a) - 1 and b == a[:-1])
    if not b or b[-1 if vector else -2] != a[-2]:
        raise ShapeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size(-{1 if vector else 2}): got {a} and {b}"
        )
    A, B = common(A, B)
    B = with_dim(B, -1) if vector else B
    given = driver or "gelsy"
    cut = float(np.finfo(raw_dtype(A)).eps) * max(a[-2:]) if rcond is None else float(rcond)
    X, rank, s = lstsq_p(A, B, rcond=cut)
    empty = lambda dtype: wrap(np.empty(0, dtype)) if isinstance(X, Tensor) else np.empty(0, dtype)
    residuals: Any = empty(real_of(raw_dtype(A)))
    ranks = concrete_or_none(rank)
    if a[-2] > a[-1] and given != "gelsy" and (ranks is None or (ranks == a[-1]).all()):
        size = vector_norm_p(A @ X - B, ord=2.0, axes=(len(raw_shape(X)) - 2,), keepdims=False)
        residuals = size * size
    return Lstsq(
        reshape_p(X, shape=raw_shape(X)[:-1]) if vector else X,
        residuals,
        empty(INT64) if given == "gels" else rank,
        s if given in ("gelsd", "gelss") else empty(real_of(raw_dtype(A))),
    )
