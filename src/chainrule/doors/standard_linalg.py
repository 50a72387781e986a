"""The Python array API standard's linalg extension over tensors."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..core.value import Tensor
from .api import cr
from .standard import in_common, upcast
from .standard_math import matmul, matrix_transpose, tensordot, vecdot

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip

EighResult = namedtuple("EighResult", "eigenvalues eigenvectors")
QRResult = namedtuple("QRResult", "Q R")
SlogdetResult = namedtuple("SlogdetResult", "sign logabsdet")
SVDResult = namedtuple("SVDResult", "U S Vh")


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """L with x = L L^H (or U with x = U^H U)."""
    return cr.linalg.cholesky(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """Vector product of three-element vectors."""
    return cr.linalg.cross(*cr.broadcast_tensors(*in_common((x1, x2))), dim=axis)


def det(x: Tensor, /) -> Tensor:
    """Determinant."""
    return cr.linalg.det(x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """Diagonal of the last two dimensions."""
    return cr.diagonal(x, offset, -2, -1)


def eigh(x: Tensor, /) -> EighResult:
    """Eigenvalues and eigenvectors of a Hermitian matrix."""
    return EighResult(*cr.linalg.eigh(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of a Hermitian matrix."""
    return cr.linalg.eigvalsh(x)


def inv(x: Tensor, /) -> Tensor:
    """Inverse."""
    return cr.linalg.inv(x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """Norm of the matrices in the last two dimensions."""
    if ord is None:
        ord = "fro"
    return cr.linalg.matrix_norm(x, ord, keepdim=keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """x multiplied n times by itself."""
    return cr.linalg.matrix_power(x, n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Number of singular values above `rtol` times the largest."""
    return cr.linalg.matrix_rank(x, rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """All products of an element of `x1` with one of `x2`."""
    return cr.outer(*in_common((x1, x2)))


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """Moore-Penrose inverse."""
    if isinstance(rtol, Tensor) and rtol.ndim:  # a tolerance for each matrix
        U, S, Vh = cr.linalg.svd(x, False)
        cutoff = rtol.unsqueeze(-1) * (cr.amax(S, -1, keepdim=True) if S.shape[-1] else S)
        kept = cutoff < S
        inverse = cr.where(kept, 1 / cr.where(kept, S, 1.0), 0.0)
        return cr.matmul(cr.conj(Vh).mT * inverse.unsqueeze(-2), cr.conj(U).mT)
    return cr.linalg.pinv(x, rtol=rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QRResult:
    """x = Q R with Q orthonormal and R triangular."""
    return QRResult(*cr.linalg.qr(x, mode))


def slogdet(x: Tensor, /) -> SlogdetResult:
    """Sign and logarithm of the absolute value of the determinant."""
    return SlogdetResult(*cr.linalg.slogdet(x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """z with x1 z = x2; x2 is a vector only if it has one dimension."""
    a, b = in_common((x1, x2))
    if b.ndim == 1:
        return cr.linalg.solve(a, b.unsqueeze(-1)).squeeze(-1)
    if b.ndim == a.ndim - 1:  # linalg.solve would take this for a stack of vectors
        stack = np.broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
        b = cr.broadcast_to(b, (*stack, *b.shape[-2:]))
    return cr.linalg.solve(a, b)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVDResult:
    """x = U diag(S) Vh."""
    return SVDResult(*cr.linalg.svd(x, full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """Singular values, the largest first."""
    return cr.linalg.svdvals(x)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """Sum over a diagonal of the last two dimensions."""
    kind = upcast(x, dtype)
    return cr.sum(diagonal(x, offset=offset).to(kind), -1).to(kind)


def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """Norm of vectors, over one axis, several or all."""
    if axis == ():
        return (x != 0).to(cr.abs(x).dtype) if ord == 0 else cr.abs(x)
    return cr.linalg.vector_norm(x, ord, axis, keepdim=keepdims)
