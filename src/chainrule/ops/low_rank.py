"""Top-level linear algebra with no place in linalg: vander, geqrf, ormqr, low-rank factors, two matrix norms, frexp."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, ShapeError, UnsupportedDTypeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .comparison import where
from .contraction import matmul, mH
from .exponential import ldexp, log2
from .linalg_basic import finish_outs, matrices
from .linalg_basic import vander as powers
from .linalg_factor import householder_product, qr
from .linalg_norms import matrix_norm, vector_norm
from .linalg_spectral import svd
from .random import randn
from .reductions import finish_out, mean, return_type
from .rounding import floor
from .shape import cast, cast_p
from .views import flip

__all__ = ["frexp", "frobenius_norm", "geqrf", "nuclear_norm", "ormqr", "pca_lowrank", "svd_lowrank", "vander"]
METHODS = ("frexp", "geqrf", "ormqr")

Frexp = return_type("frexp", "mantissa", "exponent")
Geqrf = return_type("geqrf", "a", "tau")


def frexp(input: Any, *, out: Any = None) -> Any:
    """(mantissa, exponent) with input = mantissa 2^exponent and 1/2 <= |mantissa| < 1; zeros, inf and NaN stay, with 0.

    A floating tensor of any shape; the exponent is int32 and constant to gradients.

    >>> import chainrule as cr
    >>> cr.frexp(cr.tensor([8.0, 0.25])).exponent
    tensor([ 4, -1], dtype=torch.int32)
    """
    if not is_inexact(raw_dtype(input)) or raw_dtype(input).kind == "c":
        raise UnsupportedDTypeError(f"torch.frexp() only supports floating-point dtypes, not {raw_dtype(input)}")
    still = input.detach() if isinstance(input, Tensor) else input
    size = abs(still)
    plain = (size > 0) & (size < float("inf"))
    whole = np.dtype(np.int32)
    exponent = cast(floor(log2(where(plain, size, 1.0))), whole) + 1
    part = abs(ldexp(where(plain, still, 0.5), -exponent))  # log2 rounds: put right what it may have missed
    exponent = exponent + cast(part >= 1, whole) - cast(part < 0.5, whole)
    exponent = cast_p(where(plain, exponent, 0), dtype=whole)
    return finish_outs(out, Frexp(ldexp(input, -exponent), exponent))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The Vandermonde matrix (n, N) with columns x^(N-1) ... x^0, or x^0 ... x^(N-1) if `increasing`.

    x is 1-D, of any numeric dtype.

    >>> import chainrule as cr
    >>> cr.vander(cr.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if len(raw_shape(x)) != 1:
        raise ShapeError(f"x must be a one-dimensional tensor, got {len(raw_shape(x))} dimensions")
    made = powers(x, N) if N is None or N > 0 else None
    if made is None:
        return wrap(np.zeros((raw_shape(x)[0], 0), raw_dtype(x)))
    return made if increasing else flip(made, (1,))


def geqrf(input: Any, *, out: Any = None) -> Any:
    """(a, tau): A = Q R as LAPACK keeps it: R on and above the diagonal of a, Householder vectors below it.

    Matrices (..., m, n) of a floating or complex dtype, tau (..., min(m, n)). No derivative, as in PyTorch; linalg.qr
    has one.

    >>> import chainrule as cr
    >>> cr.geqrf(cr.eye(2)).tau
    tensor([0., 0.])
    """
    *lead, m, n = matrices("geqrf", input, what="input")
    from scipy.linalg.lapack import get_lapack_funcs

    data = input.detach()._data if isinstance(input, Tensor) else input
    (factor,) = get_lapack_funcs(("geqrf",), (data,))
    a, tau = np.empty_like(data), np.empty((*lead, min(m, n)), data.dtype)
    for k in np.ndindex(*lead):
        a[k], tau[k] = factor(data[k])[:2] if m and n else (data[k], tau[k])
    return finish_outs(out, Geqrf(wrap(a), wrap(tau)))


def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False, *, out: Any = None) -> Any:
    """Q C for C = `other` and the square Q that geqrf stores in (input, tau); C Q unless `left`, Q^H if `transpose`.

    input (..., m, k), tau (..., k), floating or complex dtypes.

    >>> import chainrule as cr
    >>> a, tau = cr.geqrf(cr.tensor([[3.0, 0.0], [4.0, 5.0]]))
    >>> cr.ormqr(a, tau, cr.eye(2)).abs()
    tensor([[0.6000, 0.8000],
            [0.8000, 0.6000]])
    """
    m, n = matrices("ormqr", input, what="input")[-2:]
    if n < m:  # householder_product gives as many columns as its input has
        from .padding import pad

        input = pad(input, (0, m - n))
    q = householder_product(input[..., :m], tau)
    q = mH(q) if transpose else q
    return finish_out(out, matmul(q, other) if left else matmul(other, q))


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Any:
    """(U, S, V) with U diag(S) V^H near A - M, of rank q, by random projection (Halko et al. 2009, algorithm 5.1).

    Matrices (..., m, n) of a floating or complex dtype; U (..., m, q), S (..., q), V (..., n, q).

    >>> import chainrule as cr
    >>> cr.svd_lowrank(2 * cr.eye(3), q=2)[1].round()
    tensor([2., 2.])
    """
    *_, m, n = matrices("svd_lowrank", A)
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if not 0 <= q <= min(m, n):
        raise ArgumentError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    A = A if M is None else A - M
    tall = m >= n
    B = A if tall else mH(A)
    basis = qr(matmul(B, cast(randn(min(m, n), q), raw_dtype(A)))).Q
    for _ in range(niter):
        basis = qr(matmul(B, qr(matmul(mH(B), basis)).Q)).Q
    U, S, Vh = svd(matmul(mH(basis), B), full_matrices=False)
    U, V = matmul(basis, U), mH(Vh)
    return (U, S, V) if tall else (V, S, U)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """svd_lowrank of A with the mean of each column taken away: (U, S, V), V's columns the principal directions.

    Matrices (..., m, n) of a floating dtype; q is min(6, m, n) unless given.

    >>> import chainrule as cr
    >>> cr.pca_lowrank(cr.tensor([[1.0, 0.0], [-1.0, 0.0]]), q=1)[1]
    tensor([1.4142])
    """
    m, n = matrices("pca_lowrank", A)[-2:]
    q = min(6, m, n) if q is None else q
    if niter < 0:
        raise ArgumentError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - mean(A, -2, keepdim=True) if center else A, q, niter)


def nuclear_norm(input: Any, dim: Any = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The sum of the singular values of a matrix, or of the matrices in two dimensions `dim`.

    Floating or complex dtypes; the result is real.

    >>> import chainrule as cr
    >>> cr.nuclear_norm(cr.tensor([[3.0, 0.0], [0.0, -4.0]]))
    tensor(7.)
    """
    if dim is None and len(raw_shape(input)) != 2:
        raise ShapeError(f"nuclear_norm: expected a tensor with 2 dimensions, got {len(raw_shape(input))} dimensions")
    return finish_out(out, matrix_norm(input, "nuc", (-2, -1) if dim is None else tuple(dim), keepdim))


def frobenius_norm(input: Any, dim: Any, keepdim: bool = False, *, out: Any = None) -> Any:
    """The square root of the sum of squares over `dim` (an int or two; all for ()).

    Floating or complex dtypes; the result is real.

    >>> import chainrule as cr
    >>> cr.frobenius_norm(cr.tensor([[3.0, 4.0]]), (0, 1))
    tensor(5.)
    """
    return vector_norm(input, 2, None if dim == () or dim == [] else dim, keepdim, out=out)
