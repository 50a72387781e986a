"""NumPy's products, linear algebra and Fourier transforms on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.value import raw_dtype
from .api import NO_VALUE, cr, no_door, tensor_of, write_result
from .functions import door, named


def _pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands of a product, in one dtype."""
    x, y = tensor_of(a), tensor_of(b)
    if raw_dtype(x) == raw_dtype(y):
        return x, y
    kind = cr.result_type(x, y)
    return x.to(kind), y.to(kind)


def _inexact(a: Any) -> Any:
    x = tensor_of(a)
    return x.to(np.float64) if raw_dtype(x).kind in "biu" else x


@door(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    x, y = _pair(a, b)
    if x.ndim == 0 or y.ndim == 0:
        result = x * y
    elif y.ndim <= 2:
        result = cr.matmul(x, y)
    else:
        result = cr.tensordot(x, y, dims=([x.ndim - 1], [y.ndim - 2]))
    return write_result(out, result, "dot")


@door(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    x, y = _pair(a, b)
    return cr.vdot(x.reshape(-1), y.reshape(-1))


@door(np.inner)
def inner(a: Any, b: Any) -> Any:
    x, y = _pair(a, b)
    return cr.inner(x, y)


@door(np.outer, named("linalg.outer"))
def outer(a: Any, b: Any, out: Any = None) -> Any:
    x, y = _pair(a, b)
    x, y = (v if v.ndim == 1 else v.reshape(-1) for v in (x, y))
    return write_result(out, cr.outer(x, y), "outer")


@door(np.tensordot, named("linalg.tensordot"))
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = _pair(a, b)
    if not isinstance(axes, int):
        axes = tuple([d] if isinstance(d, int) else list(d) for d in axes)
    return cr.tensordot(x, y, dims=axes)


@door(np.einsum)
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **_: Any) -> Any:
    first, *rest = operands
    if not isinstance(first, str):
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

        def term(indices: Any) -> str:
            return "".join("..." if i is Ellipsis else letters[i] for i in indices)

        given = list(operands)
        output = "->" + term(given.pop()) if len(given) % 2 else ""
        rest = given[::2]
        first = ",".join(term(i) for i in given[1::2]) + output
    parts = [tensor_of(x) for x in rest]
    kind = cr.result_type(*parts) if len(parts) > 1 else parts[0].dtype
    return write_result(out, cr.einsum(first, *[p.to(kind) for p in parts]), "einsum")


@door(np.kron)
def kron(a: Any, b: Any) -> Any:
    return cr.kron(tensor_of(a), tensor_of(b))


@door(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = _pair(a, b)
    x, y = cr.movedim(x, axisa, -1), cr.movedim(y, axisb, -1)
    if x.shape[-1] == 2 and y.shape[-1] == 2:
        return x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    return cr.movedim(cr.linalg.cross(x, y, dim=-1), -1, axisc)


@door(named("linalg.cross"))
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return cr.linalg.cross(*_pair(x1, x2), dim=axis)


@door(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    result = cr.diagonal(tensor_of(a), offset, axis1, axis2).sum(-1)
    return write_result(out, result if dtype is None else result.to(dtype), "trace")


@door(named("linalg.trace"))
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)


@door(named("linalg.matmul"))
def matmul(x1: Any, x2: Any, /) -> Any:
    return cr.matmul(*_pair(x1, x2))


@door(named("linalg.vecdot"))
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x, y = _pair(x1, x2)
    return (cr.conj(x) * y).sum(axis)


@door(named("linalg.matrix_transpose"), named("matrix_transpose"))
def matrix_transpose(x: Any, /) -> Any:
    return tensor_of(x).mT


def _convolution(a: Any, v: Any, mode: str, flip: bool) -> Any:
    x, w = _pair(a, v)
    if x.shape[0] < w.shape[0]:
        x, w, swapped = w, x, not flip
    else:
        swapped = False
    n, m = x.shape[0], w.shape[0]
    kernel = w.flip(0) if flip else cr.conj(w)
    full = cr.conv1d(x.reshape(1, 1, n), kernel.reshape(1, 1, m), padding=m - 1).reshape(-1)
    if swapped:
        full = full.flip(0)
    if mode == "full":
        return full
    if mode == "valid":
        return full[m - 1 : n]
    start = (m - 1) // 2 if not swapped else m // 2
    return full[start : start + n]


@door(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    return _convolution(a, v, mode, True)


@door(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    return _convolution(a, v, mode, False)


# ---- linalg ---------------------------------------------------------------------------------------------------------


def _plain(name: str) -> Any:
    def call(a: Any, /, *args: Any, **kwargs: Any) -> Any:
        return getattr(cr.linalg, name)(_inexact(a), *args, **kwargs)

    return call


for _name in ("inv", "det", "slogdet", "eig", "eigvals", "svdvals", "matrix_power", "tensorinv"):
    if named(f"linalg.{_name}") is not None:
        door(named(f"linalg.{_name}"))(_plain(_name))


@door(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    return cr.linalg.eigh(_inexact(a), UPLO)


@door(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return cr.linalg.eigvalsh(_inexact(a), UPLO)


@door(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    A, y = _pair(_inexact(a), _inexact(b))
    if y.ndim == 1:
        return cr.linalg.solve(A, y.unsqueeze(-1)).squeeze(-1)
    return cr.linalg.solve(A, y) if y.ndim != A.ndim - 1 else cr.linalg.solve(A, y.expand(*A.shape[:-2], *y.shape[-2:]))


@door(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    return cr.linalg.tensorsolve(*_pair(_inexact(a), _inexact(b)), dims=axes)


@door(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return cr.linalg.cholesky(_inexact(a), upper=upper)


@door(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode == "raw":
        raise no_door("numpy.linalg.qr", "with mode='raw'")
    found = cr.linalg.qr(_inexact(a), mode=mode)
    return found[1] if mode == "r" else found


@door(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if not compute_uv:
        return cr.linalg.svdvals(_inexact(a))
    return cr.linalg.svd(_inexact(a), full_matrices=full_matrices)


@door(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = NO_VALUE) -> Any:
    tolerance = rcond if rtol is NO_VALUE else rtol
    return cr.linalg.pinv(_inexact(a), rtol=1e-15 if tolerance is None and rtol is NO_VALUE else tolerance)


@door(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    return cr.linalg.matrix_rank(_inexact(A), atol=tol, rtol=rtol, hermitian=hermitian)


@door(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    return cr.linalg.cond(_inexact(x), p)


@door(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = _inexact(x)
    if axis is None and ord is not None and x.ndim not in (1, 2):
        raise ValueError("Improper number of dimensions to norm.")
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    return cr.linalg.norm(x, ord, axis, keepdim=keepdims)


@door(named("linalg.vector_norm"))
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return cr.linalg.vector_norm(_inexact(x), ord, axis, keepdim=keepdims)


@door(named("linalg.matrix_norm"))
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return cr.linalg.matrix_norm(_inexact(x), ord, keepdim=keepdims)


@door(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    A, y = _pair(_inexact(a), _inexact(b))
    column = y.unsqueeze(-1) if y.ndim == 1 else y
    found = cr.linalg.lstsq(A, column)
    x = found.solution.squeeze(-1) if y.ndim == 1 else found.solution
    m, n = A.shape
    rank = cr.linalg.matrix_rank(A)
    gap = column - cr.matmul(A, found.solution)
    enough = m > n and int(rank) == n
    residuals = (cr.abs(gap) ** 2).sum(0) if enough else cr.zeros(0, dtype=x.dtype)
    return x, residuals, int(rank), cr.linalg.svdvals(A)


@door(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    return write_result(out, cr.linalg.multi_dot([tensor_of(a) for a in arrays]), "multi_dot")


# ---- fft ------------------------------------------------------------------------------------------------------------


def _fft1(name: str) -> Any:
    def transform(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
        return write_result(out, getattr(cr.fft, name)(_inexact(a), n, axis, norm), name)

    return transform


def _fftn(name: str) -> Any:
    def transform(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
        if axes is None and name.endswith("2"):
            axes = (-2, -1)
        return write_result(out, getattr(cr.fft, name)(_inexact(a), s, axes, norm), name)

    return transform


for _name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
    door(getattr(np.fft, _name))(_fft1(_name))
for _name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
    door(getattr(np.fft, _name))(_fftn(_name))


@door(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    return cr.fft.fftshift(tensor_of(x), axes)


@door(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    return cr.fft.ifftshift(tensor_of(x), axes)
