"""Linear algebra: inverses, powers and exponentials of matrices. Leading dimensions are batches.

Derivatives: M. B. Giles, An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation, Oxford 2008. Complex cotangents follow PyTorch's convention, so that transposes become conjugate
transposes.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import F32, is_inexact, promote
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, DTypeError, LinAlgError, ShapeError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..core.writes import write_out
from .contraction import matmul, mH, with_dim
from .einsum import contract
from .kits import linear, opaque, pad_rank
from .products import product_of
from .reductions import finish_out, return_type
from .shape import broadcast_to_p, cast_p, reshape_p

INT32 = np.dtype("int32")

# ---- shared by all factorizations -----------------------------------------------------------------------------------

_TORCH_NAMES = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}


def matrices(name: str, x: Any, square: bool = False, what: str = "A") -> tuple[int, ...]:
    """Shape of `x` after PyTorch's checks: at least 2-D, floating or complex, square if asked for."""
    shape, dtype = raw_shape(x), raw_dtype(x)
    if len(shape) < 2:
        raise ShapeError(
            f"{name}: The input tensor {what} must have at least 2 dimensions. Got shape {shape}; write {what}[None] "
            f"for a row"
        )
    if not is_inexact(dtype):
        raise DTypeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {_TORCH_NAMES.get(dtype.name, dtype)}; "
            f"write {what}.float()"
        )
    if dtype.itemsize == 2:
        raise DTypeError(f"{name}: Low precision dtypes not supported. Got {dtype}; write {what}.float()")
    if square and shape[-1] != shape[-2]:
        raise ShapeError(
            f"{name}: {what} must be batches of square matrices, but they are {shape[-2]} by {shape[-1]} matrices"
        )
    return shape


def common(*operands: Any) -> list:
    """Operands in one dtype."""
    dtype = raw_dtype(operands[0])
    for x in operands[1:]:
        dtype = promote(dtype, raw_dtype(x))
    return [cast_to(x, dtype) for x in operands]


def batch_lead(prim: Any, args: Any, is_batched: Any, **params: Any) -> Any:
    """Batching of an operation on leading dimensions that broadcast: align the ranks of the examples."""
    ndim = max(len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
    return prim(*(pad_rank(a, ndim) if b else a for a, b in zip(args, is_batched, strict=True)), **params)


def eye_like(x: Any, n: int, m: int | None = None) -> np.ndarray:
    """The constant identity matrix in x's dtype."""
    return np.eye(n, m, dtype=raw_dtype(x))


def real_part(x: Any) -> Any:
    """Real part of a complex value, in its real dtype."""
    dtype = raw_dtype(x)
    return cast_p(x, dtype=np.dtype(f"f{dtype.itemsize // 2}")) if dtype.kind == "c" else x


def real_of(dtype: np.dtype) -> np.dtype:
    """The real dtype of the same precision."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def like(g: Any, x: Any) -> Any:
    """A cotangent in its argument's dtype: the real part, if that is real."""
    return cast_to(g, raw_dtype(x))


def finish_outs(out: Any, found: Any) -> Any:
    """Several results, written into the tensors of `out` if that is given."""
    return found if out is None else type(found)(*(write_out(o, f) for o, f in zip(out, found, strict=True)))


def unbroadcast_up(x: Any, shape: tuple) -> Any:
    """A tangent broadcast to the shape of its answer."""
    return x if raw_shape(x) == shape else broadcast_to_p(x, shape=shape)


def first_failure(infos: Any, text: str) -> str:
    """PyTorch's wording of LAPACK's `info`: which matrix of the batch, which element or leading minor."""
    flat = np.asarray(infos).reshape(-1)
    at = int(np.flatnonzero(flat)[0])
    which = f"(Batch element {at}): " if np.asarray(infos).ndim else ""
    return which + text.format(int(flat[at]))


def over_batch(x: Any) -> Any:
    """The matrices of a batch, one after the other."""
    return x.reshape((prod(x.shape[:-2]), *x.shape[-2:]))


def zero_pivots(x: np.ndarray) -> np.ndarray:
    """For each matrix the number (from 1) of the first pivot of its LU factorization that is zero, or 0."""
    from scipy.linalg.lapack import get_lapack_funcs

    (getrf,) = get_lapack_funcs(("getrf",), (x,))
    return np.array([getrf(m)[2] for m in over_batch(x)], INT32).reshape(x.shape[:-2])


triangle_p = linear(
    "triangle",
    lambda xp, x, *, upper, scale: (
        (xp.triu(x, 1) if upper else xp.tril(x, -1))
        + (x * xp.eye(*x.shape[-2:], dtype=x.dtype) * scale if scale else 0)
    ),
    aval=lambda x, *, upper, scale: Spec(tuple(x.shape), x.dtype),
    transpose=lambda g, ans, x, *, upper, scale: triangle_p(g, upper=upper, scale=scale),
    batch=lambda prim, args, b, *, upper, scale: prim(args[0], upper=upper, scale=scale),
    notation="triangle({})",
    doc="Upper or lower triangle of matrices, their diagonal multiplied by `scale`.",
)


def strict(x: Any, upper: bool) -> Any:
    """The triangle without its diagonal."""
    return triangle_p(x, upper=upper, scale=0.0)


def triangle(x: Any, upper: bool) -> Any:
    """The triangle with its diagonal."""
    return triangle_p(x, upper=upper, scale=1.0)


# ---- inverse --------------------------------------------------------------------------------------------------------


def _inv_impl(xp: Any, x: Any) -> Any:
    try:
        return xp.linalg.inv(x)
    except np.linalg.LinAlgError:
        text = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is "
        text += "singular."
        raise LinAlgError("linalg.inv: " + first_failure(zero_pivots(x), text)) from None


def _same(x: Any, **params: Any) -> Spec:
    return Spec(tuple(x.shape), x.dtype)


inv_p = opaque(
    "inv",
    _inv_impl,
    _same,
    vjp=(lambda g, ans, x: -(mH(ans) @ g @ mH(ans)),),
    jvp=lambda prim, tangents, ans, x: -(ans @ tangents[0] @ ans),
    batch=lambda prim, args, b: prim(args[0]),
    notation="{}^-1",
    doc="Inverse of square matrices; d(A^-1) = -A^-1 dA A^-1.",
    backward_name="LinalgInvExBackward0",
)


def _inv_ex_impl(xp: Any, x: Any) -> Any:
    info = xp.zeros(x.shape[:-2], INT32)
    try:
        return xp.linalg.inv(x), info
    except np.linalg.LinAlgError:
        info = zero_pivots(x)
        fixed = xp.where(info[..., None, None] != 0, xp.eye(x.shape[-1], dtype=x.dtype), x)
        return xp.where(info[..., None, None] != 0, xp.asarray(xp.nan, x.dtype), xp.linalg.inv(fixed)), info


inv_ex_p = opaque(
    "inv_ex",
    _inv_ex_impl,
    lambda x: (Spec(tuple(x.shape), x.dtype), Spec(tuple(x.shape[:-2]), INT32)),
    vjp=(lambda g, ans, x: -(mH(ans[0]) @ g[0] @ mH(ans[0])),),
    jvp=lambda prim, tangents, ans, x: (-(ans[0] @ tangents[0] @ ans[0]), None),
    batch=lambda prim, args, b: prim(args[0]),
    n_out=2,
    notation="{}^-1",
    doc="Inverse of square matrices (NaN where singular), and the number of the pivot that is zero (0: none).",
    backward_name="LinalgInvExBackward0",
)

InvEx = return_type("linalg_inv_ex", "inverse", "info")


def inv(A: Any, *, out: Any = None) -> Any:
    """Inverse of a square matrix, or of each of a batch (..., n, n).

    Raises:
        LinAlgError: a matrix is singular.

    >>> import chainrule as cr
    >>> cr.linalg.inv(cr.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    matrices("linalg.inv", A, square=True)
    return finish_out(out, inv_p(A))


inverse = inv


def check_info(info: Any, text: str) -> None:
    """Raise LinAlgError if LAPACK failed for a matrix (`check_errors=True`)."""
    from .indexing import concrete_or_none

    found = concrete_or_none(info)
    if found is not None and found.any():
        raise LinAlgError(first_failure(found, text))


def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """(inverse, info): as inv, but singular matrices give NaN and an info other than 0 instead of an error.

    Square matrices (..., n, n); info has shape (...) and dtype int32.

    >>> import chainrule as cr
    >>> cr.linalg.inv_ex(2 * cr.eye(2))[1]
    tensor(0, dtype=torch.int32)
    """
    matrices("linalg.inv_ex", A, square=True)
    inverse, info = inv_ex_p(A)
    if check_errors:
        check_info(info, "linalg.inv_ex: The diagonal element {} is zero, the input matrix is singular.")
    return InvEx(inverse, info)


# ---- powers and exponentials ----------------------------------------------------------------------------------------


def _blocks(a: Any, e: Any) -> Any:
    """[[A, E], [0, A]]."""
    n = raw_shape(a)[-1]
    eye, corner = eye_like(a, 2), np.array([[0, 1], [0, 0]], raw_dtype(a))
    whole = contract("ab,...ij->...aibj", eye, a) + contract("ab,...ij->...aibj", corner, e)
    return reshape_p(whole, shape=(*raw_shape(whole)[:-4], 2 * n, 2 * n))


def _exp_slope(a: Any, e: Any) -> Any:
    """Derivative of the matrix exponential at A in direction E: the upper right block of exp([[A, E], [0, A]]).

    Source: N. J. Higham, Functions of Matrices, SIAM 2008, theorem 3.6.
    """
    n = raw_shape(a)[-1]
    return matrix_exp_p(_blocks(a, e))[..., :n, n:]


def _matrix_exp_impl(xp: Any, x: Any) -> Any:
    from scipy.linalg import expm

    return expm(x).astype(x.dtype, copy=False) if x.size else xp.array(x)


matrix_exp_p = opaque(
    "matrix_exp",
    _matrix_exp_impl,
    _same,
    vjp=(lambda g, ans, x: _exp_slope(mH(x), g),),
    jvp=lambda prim, tangents, ans, x: _exp_slope(x, tangents[0]),
    batch=lambda prim, args, b: prim(args[0]),
    notation="exp({})",
    doc="Matrix exponential; its derivative is a block of a larger exponential.",
    backward_name="LinalgMatrixExpBackward0",
)


def matrix_exp(A: Any) -> Any:
    """Matrix exponential sum_k A^k / k! of square matrices (..., n, n).

    >>> import chainrule as cr
    >>> cr.linalg.matrix_exp(cr.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    dtype = raw_dtype(A) if hasattr(A, "dtype") else None
    if dtype is not None and dtype.itemsize == 2 and is_inexact(dtype):
        return cast_p(matrix_exp(cast_p(A, dtype=F32)), dtype=dtype)
    matrices("linalg.matrix_exp", A, square=True)
    return matrix_exp_p(A)


def matrix_power(A: Any, n: int, *, out: Any = None) -> Any:
    """Product of n factors A, by repeated squaring; negative n multiplies inverses; n = 0 gives the identity.

    A (..., n, n), floating or complex; the result has its shape and dtype.

    >>> import chainrule as cr
    >>> cr.linalg.matrix_power(cr.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    shape = raw_shape(A)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        raise ShapeError(f"linalg.matrix_power: A must be batches of square matrices, but has shape {shape}")
    if n < 0:
        return matrix_power(inv(A), -n, out=out)
    if n == 0:
        identity = np.array(np.broadcast_to(eye_like(A, shape[-1]), shape))
        return finish_out(out, wrap(identity) if isinstance(A, Tensor) else identity)
    result, square = None, A
    while n:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        square = square @ square if n else square
    return finish_out(out, result * 1 if result is A else result)


def multi_dot(tensors: Any, *, out: Any = None) -> Any:
    """Product of two or more matrices in the cheapest order; the first and the last may be vectors.

    >>> import chainrule as cr
    >>> cr.linalg.multi_dot([cr.ones(2), cr.ones(2, 3), cr.ones(3)])
    tensor(6.)
    """
    given = list(tensors)
    if len(given) < 2:
        raise ArgumentError(f"multi_dot(): expected at least 2 tensors but got {len(given)}")
    shapes = [raw_shape(m) for m in given]
    for i, s in enumerate(shapes):
        allowed = (1, 2) if i in (0, len(shapes) - 1) else (2,)
        if len(s) not in allowed:
            text = "must be 1D or 2D" if len(allowed) == 2 else "must be 2D"
            raise ShapeError(f"multi_dot(): tensor {i} {text} but got {len(s)}D: shape {s}")
    if len(given) == 2:
        return finish_out(out, matmul(given[0], given[1]))
    if len(shapes[0]) == 1:
        given[0] = with_dim(given[0], -2)
    if len(shapes[-1]) == 1:
        given[-1] = with_dim(given[-1], -1)
    product = product_of(given)
    ends = raw_shape(product)
    shape = (*(ends[:1] if len(shapes[0]) == 2 else ()), *(ends[1:] if len(shapes[-1]) == 2 else ()))
    return finish_out(out, product if shape == raw_shape(product) else reshape_p(product, shape=shape))


# ---- rearranged inverses, Vandermonde matrices ----------------------------------------------------------------------


def tensorinv(A: Any, ind: int = 2, *, out: Any = None) -> Any:
    """Inverse with respect to tensordot: of A's first `ind` dimensions against the others, as square matrices.

    Floating or complex dtypes.

    >>> import chainrule as cr
    >>> cr.linalg.tensorinv(cr.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    shape = raw_shape(A)
    if ind <= 0:
        raise ArgumentError(f"Expected a strictly positive integer for 'ind', got {ind}")
    rows, columns = prod(shape[:ind]), prod(shape[ind:])
    if rows != columns:
        raise ShapeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns} != {rows}: shape {shape}, ind {ind}"
        )
    found = inv(reshape_p(A, shape=(rows, columns)))
    return finish_out(out, reshape_p(found, shape=(*shape[ind:], *shape[:ind])))


def vander(x: Any, N: int | None = None) -> Any:
    """Vandermonde matrices (..., n, N) with elements x_i ** j.

    >>> import chainrule as cr
    >>> cr.linalg.vander(cr.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [1, 2, 4],
            [1, 3, 9]])
    """
    from .scans import cumprod_p

    shape = raw_shape(x)
    if not shape:
        raise ShapeError("linalg.vander: The input tensor must have at least one dimension, got a 0-d tensor")
    count = shape[-1] if N is None else int(N)
    if N is not None and count <= 1:
        raise ArgumentError(f"linalg.vander: N must be greater than 1, got {N}")
    dtype = raw_dtype(x)
    x = cast_to(x, np.dtype("int64")) if not is_inexact(dtype) else x
    later = (np.arange(count) > 0).astype(raw_dtype(x))
    factors = with_dim(x, -1) * later + (1 - later).astype(raw_dtype(x))
    return cumprod_p(factors, axis=len(shape), reverse=False)


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """Diagonals of the matrices in the dimensions `dim1` and `dim2`; a view.

    Any dtype; the diagonal is the last dimension of the result.

    >>> import chainrule as cr
    >>> cr.linalg.diagonal(cr.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    from .diagonal import diagonal as of_tensor

    return of_tensor(A, offset, dim1, dim2)
