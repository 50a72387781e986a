"""Products of vectors, matrices and batches of them, and what is made of these products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import F32, is_inexact, result_dtype
from ..core.eager import bind
from ..core.elementwise import cast_to, product
from ..core.errors import ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from ..core.writes import write_out
from .broadcasting import unbroadcast
from .einsum import conj, einsum
from .kits import add_terms, broadcast_shapes, opaque, pad_rank, shown_as
from .kits import bilinear as bilinear_kit
from .reductions import sum_p
from .shape import broadcast_to_p, canonical_dim, permute_p, reshape_p

ndarray = np.ndarray

# ---- matmul ----------------------------------------------------------------------------------------------------------


def mT(x: Any) -> Any:
    """Transpose of the last two dimensions."""
    if type(x) is ndarray:
        return x.T if x.ndim == 2 else x.swapaxes(-1, -2)
    n = len(raw_shape(x))
    return permute_p(x, dims=(*range(n - 2), n - 1, n - 2))


def mH(x: Any) -> Any:
    """Conjugate transpose of the last two dimensions."""
    return conj(mT(x))


def with_dim(x: Any, dim: int) -> Any:
    """`x` with a new dimension of size 1 at `dim`, which counts from the back (-1 or -2) in the result."""
    shape = raw_shape(x)
    at = len(shape) + 1 + dim
    return reshape_p(x, shape=(*shape[:at], 1, *shape[at:]))


def mismatch(a: tuple, b: tuple) -> ShapeError:
    """PyTorch's error for operands of matmul that do not fit."""
    if not a or not b:
        text = f"both arguments to matmul need to be at least 1D, but they are {len(a)}D and {len(b)}D"
        return ShapeError(f"{text}: shapes {a} and {b}. Write x * y to multiply by a number")
    if len(a) == len(b) == 1:
        return ShapeError(
            f"inconsistent tensor size, expected tensor [{a[0]}] and src [{b[0]}] to have the same number of elements, "
            f"but got {a[0]} and {b[0]} elements respectively"
        )
    if len(b) == 1 and len(a) == 2:
        return ShapeError(f"size mismatch, got input ({a[0]}), mat ({a[0]}x{a[1]}), vec ({b[0]})")
    if len(a) <= 2 and len(b) <= 2:
        m = (1, *a) if len(a) == 1 else a
        return ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({m[0]}x{m[1]} and {b[0]}x{b[1]}). The inner sizes must be "
            f"equal: transpose one operand, for example y.T"
        )
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        return ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{', '.join(map(str, (*a[:-2], a[-1])))}] "
            f"but got: [{', '.join(map(str, (*b[:-2], inner)))}] in matmul of shapes {a} and {b}"
        )
    return ShapeError(f"matmul: batch dimensions of shapes {a} and {b} do not broadcast together")


def _matmul_impl(xp: Any, x: Any, y: Any) -> Any:
    dtype = x.dtype
    try:
        if dtype.itemsize == 2 and is_inexact(dtype):  # half precision: sums in float32
            return xp.matmul(x.astype(F32), y.astype(F32)).astype(dtype)
        return xp.matmul(x, y)
    except ValueError:
        raise mismatch(x.shape, y.shape) from None


def _matmul_aval(x: Any, y: Any) -> Spec:
    a, b = tuple(x.shape), tuple(y.shape)
    if not a or not b or a[-1] != (b[-2] if len(b) > 1 else b[0]):
        raise mismatch(a, b)
    lead = broadcast_shapes(a[:-2], b[:-2])
    return Spec((*lead, *a[-2:-1], *(b[-1:] if len(b) > 1 else ())), np.result_type(x.dtype, y.dtype))


def _matmul_lhs(g: Any, ans: Any, x: Any, y: Any) -> Any:
    nx, ny = len(x.shape), len(raw_shape(y))
    if nx == 2 and ny == 2:
        return g @ mT(y)
    if ny == 1:
        return unbroadcast(g * y if nx == 1 else with_dim(g, -1) * y, x.shape)
    return unbroadcast(g @ mT(y) if nx > 1 else reshape_p(y @ with_dim(g, -1), shape=raw_shape(y)[:-1]), x.shape)


def _matmul_rhs(g: Any, ans: Any, x: Any, y: Any) -> Any:
    nx, ny = len(raw_shape(x)), len(y.shape)
    if nx == 2 and ny == 2:
        return mT(x) @ g
    if nx == 1:
        return unbroadcast(g * x if ny == 1 else with_dim(x, -1) * with_dim(g, -2), y.shape)
    if ny == 1:
        return unbroadcast(reshape_p(mT(x) @ with_dim(g, -1), shape=(*raw_shape(x)[:-2], y.shape[0])), y.shape)
    return unbroadcast(mT(x) @ g, y.shape)


def _matmul_batch(prim: Any, args: Any, is_batched: Any) -> Any:
    x, y = args
    nx, ny = (len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
    x = with_dim(x, -2) if nx == 1 else x
    y = with_dim(y, -1) if ny == 1 else y
    ndim = max(nx, ny, 2)
    out = prim(*(pad_rank(a, ndim) if b else a for a, b in zip((x, y), is_batched, strict=True)))
    shape = raw_shape(out)
    if ny == 1:
        shape = shape[:-1]
    if nx == 1:
        shape = (*shape[:-2], *shape[-1:]) if ny > 1 else shape[:-1]
    return out if shape == raw_shape(out) else reshape_p(out, shape=shape)


matmul_p = bilinear_kit(
    "matmul",
    _matmul_impl,
    _matmul_aval,
    _matmul_lhs,
    _matmul_rhs,
    _matmul_batch,
    notation="{} {}",
    doc="Matrix product of the last two dimensions; leading dimensions broadcast; vectors as in NumPy.",
    backward_name="MmBackward0",
)


def _mm_impl(xp: Any, x: Any, y: Any) -> Any:
    return x.dot(y) if type(x) is ndarray and x.dtype.itemsize > 2 else _matmul_impl(xp, x, y)


def _mm_lhs(g: Any, ans: Any, x: Any, y: Any) -> Any:
    return g.dot(y.T) if type(g) is ndarray and type(y) is ndarray else mm_p(g, mT(y))


def _mm_rhs(g: Any, ans: Any, x: Any, y: Any) -> Any:
    return x.T.dot(g) if type(g) is ndarray and type(x) is ndarray else mm_p(mT(x), g)


mm_p = bilinear_kit(
    "mm",
    _mm_impl,
    _matmul_aval,
    _mm_lhs,
    _mm_rhs,
    lambda prim, args, b: matmul_p(*args),
    notation="{} {}",
    doc="Product of two matrices.",
)


def promoted(*operands: Any) -> list:
    dtype = result_dtype(operands)
    return [cast_to(x if hasattr(x, "shape") else np.asarray(x), dtype) for x in operands]


def matmul(input: Any, other: Any, *, out: Any = None) -> Any:
    """Matrix product over the last dimension of `input` and the last but one of `other`.

    Vectors count as a row (left) or a column (right), and their dimension is dropped from the result; leading ones
    broadcast: (..., n, k) @ (..., k, m) -> (..., n, m). dtypes are promoted to a common one (PyTorch raises instead).

    Raises:
        RuntimeError: inner sizes differ, or batch dimensions do not broadcast.

    >>> import chainrule as cr
    >>> cr.matmul(cr.tensor([[1., 2.], [3., 4.]]), cr.tensor([1., 1.]))
    tensor([3., 7.])
    """
    x, y = promoted(input, other)
    a, b = raw_shape(x), raw_shape(y)
    if not a or not b:
        raise mismatch(a, b)
    if len(a) == len(b) == 2:
        if a[1] != b[0]:
            raise mismatch(a, b)
        result = mm_p(x, y)
    else:
        result = matmul_p(x, y)
    return result if out is None else write_out(out, result)


MATMUL_NAMES = {(1, 1): "DotBackward0", (2, 1): "MvBackward0", (1, 2): "SqueezeBackward4", (2, 2): "MmBackward0"}


def _matmul_name(input: Any, other: Any, out: Any = None) -> str:
    return MATMUL_NAMES.get((len(raw_shape(input)), len(raw_shape(other))), "UnsafeViewBackward0")


matmul = product(mm_p, shown_as(_matmul_name)(matmul))


def check_ranks(name: str, needed: str, *pairs: tuple[Any, int]) -> None:
    """Check numbers of dimensions: `needed` is PyTorch's text of what the operands must be."""
    shapes = [raw_shape(x) for x, _ in pairs]
    for shape, (_, n) in zip(shapes, pairs, strict=True):
        if len(shape) != n:
            raise ShapeError(f"{name}: {needed}; got shapes {' and '.join(map(str, shapes))}. Write matmul for others")


def mm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """Matrix product (n, k) x (k, m) -> (n, m); no broadcasting.

    >>> import chainrule as cr
    >>> cr.mm(cr.tensor([[1., 2.]]), cr.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    check_ranks("mm", "self must be a matrix", (input, 2))
    check_ranks("mm", "mat2 must be a matrix", (mat2, 2))
    return matmul(input, mat2, out=out)


@shown_as("BmmBackward0")
def bmm(input: Any, mat2: Any, *, out: Any = None) -> Any:
    """Matrix products of two batches: (b, n, k) x (b, k, m) -> (b, n, m); no broadcasting.

    >>> import chainrule as cr
    >>> cr.bmm(cr.ones(2, 1, 3), cr.ones(2, 3, 1)).shape
    torch.Size([2, 1, 1])
    """
    check_ranks("bmm", "batch1 must be a 3D tensor", (input, 3))
    check_ranks("bmm", "batch2 must be a 3D tensor", (mat2, 3))
    a, b = raw_shape(input), raw_shape(mat2)
    if a[0] != b[0] or a[2] != b[1]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: "
            f"[{b[0]}, {b[1]}]."
        )
    return matmul(input, mat2, out=out)


@shown_as("MvBackward0")
def mv(input: Any, vec: Any, *, out: Any = None) -> Any:
    """Product of a matrix (n, k) and a vector (k,): (n,).

    >>> import chainrule as cr
    >>> cr.mv(cr.eye(2), cr.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    a, b = raw_shape(input), raw_shape(vec)
    check_ranks("mv", f"vector + matrix @ vector expected, got {len(b)}, {len(a)}, {len(b)}", (input, 2), (vec, 1))
    return matmul(input, vec, out=out)


@shown_as("DotBackward0")
def dot(input: Any, tensor: Any, *, out: Any = None) -> Any:
    """Sum of the products of two vectors' elements, without conjugation.

    >>> import chainrule as cr
    >>> cr.dot(cr.tensor([2, 3]), cr.tensor([2, 1]))
    tensor(7)
    """
    a, b = raw_shape(input), raw_shape(tensor)
    check_ranks("dot", f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors", (input, 1), (tensor, 1))
    return matmul(input, tensor, out=out)


@shown_as("VdotBackward0")
def vdot(input: Any, other: Any, *, out: Any = None) -> Any:
    """Inner product of two vectors, with the first one conjugated.

    >>> import chainrule as cr
    >>> cr.vdot(cr.tensor([1j, 1.0]), cr.tensor([1j, 2.0]))
    tensor(3.+0.j)
    """
    a, b = raw_shape(input), raw_shape(other)
    check_ranks("vdot", f"1D tensors expected, but got {len(a)}D and {len(b)}D tensors", (input, 1), (other, 1))
    return matmul(conj(input), other, out=out)


def vecdot(x: Any, y: Any, *, dim: int = -1, axis: int | None = None, out: Any = None) -> Any:
    """Inner products sum(conj(x) y) over one dimension; the others broadcast.

    The result has the broadcast shape without `dim`, and the promoted dtype.

    >>> import chainrule as cr
    >>> cr.linalg.vecdot(cr.tensor([[1.0, 2.0], [3.0, 4.0]]), cr.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    x, y = promoted(x, y)
    shape = broadcast_shapes(raw_shape(x), raw_shape(y))
    product = conj(x) * y
    result = sum_p(product, axes=(canonical_dim(dim if axis is None else axis, len(shape)),), keepdims=False)
    return result if out is None else write_out(out, result)


def outer(input: Any, vec2: Any, *, out: Any = None) -> Any:
    """All products of two vectors' elements: result[i, j] = input[i] vec2[j].

    >>> import chainrule as cr
    >>> cr.outer(cr.tensor([1., 2.]), cr.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    for name, x in (("self", input), ("vec2", vec2)):
        if len(raw_shape(x)) != 1:
            raise ShapeError(f"outer: Expected 1-D argument {name}, but got {len(raw_shape(x))}-D of {raw_shape(x)}")
    x, y = promoted(input, vec2)
    result = with_dim(x, -1) * y
    return result if out is None else write_out(out, result)


ger = outer

# ---- linear: x W^T + b as one operation ------------------------------------------------------------------------------


def _rows(x: Any) -> Any:
    """All but the last dimension as one."""
    shape = raw_shape(x)
    if len(shape) == 2:
        return x
    n = 1
    for size in shape[:-1]:
        n *= size
    return reshape_p(x, shape=(n, shape[-1]))


def _linear_impl(xp: Any, x: Any, w: Any, b: Any = None) -> Any:
    a = x.shape
    if not a or a[-1] != w.shape[1]:
        rows = (int(np.prod(a[:-1])), a[-1]) if a else (1, 1)
        raise mismatch(rows, w.shape[::-1])
    flat = x if len(a) == 2 else x.reshape((int(np.prod(a[:-1])), a[-1]))
    y = _matmul_impl(xp, flat, w.T)
    if b is not None:
        y = xp.add(y, b, out=y) if b.shape == w.shape[:1] else y + b
    return y if len(a) == 2 else y.reshape((*a[:-1], w.shape[0]))


def _linear_aval(x: Any, w: Any, b: Any = None) -> Spec:
    a = tuple(x.shape)
    if not a or a[-1] != w.shape[1]:
        raise mismatch((int(np.prod(a[:-1])), a[-1]) if a else (1, 1), tuple(w.shape)[::-1])
    return Spec((*a[:-1], w.shape[0]), x.dtype)


def _linear_jvp(prim: Any, tangents: Any, ans: Any, x: Any, w: Any, b: Any = None) -> Any:
    terms = [prim(tangents[0], w)] if tangents[0] is not None else []
    if tangents[1] is not None:
        terms.append(prim(x, tangents[1]))
    if b is not None and tangents[2] is not None:
        terms.append(broadcast_to_p(tangents[2], shape=raw_shape(ans)))
    return add_terms(terms)


def _linear_batch(prim: Any, args: Any, is_batched: Any) -> Any:
    if not any(is_batched[1:]):
        return prim(*args)
    out = _matmul_batch(matmul_p, (args[0], mT(args[1])), is_batched[:2])
    if len(args) == 2:
        return out
    return out + (pad_rank(args[2], len(raw_shape(out)) - any(is_batched[:2])) if is_batched[2] else args[2])


LINEAR_NAMES = {(2, 2): "MmBackward0", (2, 3): "AddmmBackward0", (3, 2): "UnsafeViewBackward0"}


def _linear_name(node: Any) -> str:
    x = node.edges and node.args and node.args[0]
    rank = len(raw_shape(x)) if x is not None else 2
    return LINEAR_NAMES.get((rank, len(node.edges)), "ViewBackward0")


linear_p = opaque(
    "linear",
    _linear_impl,
    _linear_aval,
    vjp=(
        lambda g, ans, x, w, b=None: g @ w if len(x.shape) == 2 else reshape_p(_rows(g) @ w, shape=x.shape),
        lambda g, ans, x, w, b=None: mT(_rows(g)) @ _rows(x),
        lambda g, ans, x, w, b: unbroadcast(g, b.shape),
    ),
    jvp=_linear_jvp,
    batch=_linear_batch,
    notation="{} {}^T",
    doc="x W^T + b over the last dimension of x.",
    backward_name=_linear_name,
    holomorphic=True,
)


def linear(input: Any, weight: Any, bias: Any = None) -> Any:
    """input @ weight.T + bias over the last dimension: (..., in), (out, in), (out,) -> (..., out).

    >>> import numpy as np
    >>> linear(np.ones((1, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, 0.0]))
    array([[3.5, 7. ]])
    """
    args = (input, weight) if bias is None else (input, weight, bias)
    dtype = raw_dtype(input)
    if any([raw_dtype(a) != dtype for a in args]):
        args = tuple(promoted(*args))
    if len(raw_shape(weight)) == 2:
        return bind(linear_p, args, {})
    if len(raw_shape(weight)) != 1:
        raise ShapeError(f"linear(): weight must have shape (out, in) or (in,), got {raw_shape(weight)}")
    product = matmul(args[0], args[1])
    return product if bias is None else product + args[2]


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """y_o = sum_ij x1_i W_oij x2_j + b_o: (..., in1), (..., in2), (out, in1, in2), (out,) -> (..., out).

    Floating dtypes; the bias may be None.

    >>> import chainrule as cr
    >>> cr.bilinear(cr.tensor([1.0, 2.0]), cr.tensor([3.0]), cr.ones(1, 2, 1))
    tensor([9.])
    """
    a, b, w = raw_shape(input1), raw_shape(input2), raw_shape(weight)
    if a[:-1] != b[:-1]:
        raise ShapeError(f"bilinear(): input batch dimensions do not match: got {a} and {b}")
    if len(w) != 3 or a[-1:] != w[1:2] or b[-1:] != w[2:]:
        raise ShapeError(
            f"bilinear(): input1 size does not match weight size: got {a} and {b} for a weight of shape {w}, which "
            f"must be (out, in1, in2)"
        )
    result = einsum("...i,oij,...j->...o", input1, weight, input2)
    return result if bias is None else result + bias


# ---- products with a sum ---------------------------------------------------------------------------------------------


def _blend(input: Any, product: Any, beta: Any, alpha: Any, out: Any) -> Any:
    """beta input + alpha product; with beta 0 the input, NaN included, does not count."""
    if raw_dtype(product).kind in "iub" and raw_dtype(input).kind in "iub":
        alpha, beta = int(alpha), int(beta)  # whole numbers stay whole
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        shape = broadcast_shapes(raw_shape(input), raw_shape(product))
        result = product if shape == raw_shape(product) else broadcast_to_p(product, shape=shape)
    else:
        result = (input if beta == 1 else input * beta) + product
    if raw_shape(result) != raw_shape(product):
        raise ShapeError(
            f"The expanded size of the tensor must match the existing size: input of shape {raw_shape(input)} does not "
            f"expand to the product's shape {raw_shape(product)}"
        )
    return result if out is None else write_out(out, result)


@shown_as("AddmmBackward0")
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (mat1 @ mat2), for matrices; `input` broadcasts.

    >>> import chainrule as cr
    >>> cr.addmm(cr.zeros(2, 2), cr.eye(2), cr.ones(2, 2), alpha=2)
    tensor([[2., 2.],
            [2., 2.]])
    """
    check_ranks("addmm", "mat1 must be a matrix", (mat1, 2))
    check_ranks("addmm", "mat2 must be a matrix", (mat2, 2))
    return _blend(input, matmul(mat1, mat2), beta, alpha, out)


@shown_as("AddmvBackward0")
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (mat @ vec).

    input (n) or what broadcasts to it, mat (n, m), vec (m); one numeric dtype.

    >>> import chainrule as cr
    >>> cr.addmv(cr.ones(2), cr.eye(2), cr.tensor([1.0, 2.0]))
    tensor([2., 3.])
    """
    return _blend(input, mv(mat, vec), beta, alpha, out)


@shown_as("AddrBackward0")
def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha outer(vec1, vec2).

    input (n, m) or what broadcasts to it, vec1 (n), vec2 (m); dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.addr(cr.zeros(2, 2), cr.tensor([1.0, 2.0]), cr.tensor([3.0, 4.0]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    return _blend(input, outer(vec1, vec2), beta, alpha, out)


@shown_as("BaddbmmBackward0")
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha (batch1 @ batch2), for batches of matrices; `input` broadcasts.

    >>> import chainrule as cr
    >>> cr.baddbmm(cr.zeros(3, 2, 2), cr.ones(3, 2, 1), cr.ones(3, 1, 2)).shape
    torch.Size([3, 2, 2])
    """
    return _blend(input, bmm(batch1, batch2), beta, alpha, out)


@shown_as("AddbmmBackward0")
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1, out: Any = None) -> Any:
    """beta input + alpha times the sum over the batch of batch1 @ batch2.

    input (n, p) or what broadcasts to it, batch1 (b, n, m), batch2 (b, m, p); one numeric dtype.

    >>> import chainrule as cr
    >>> cr.addbmm(cr.zeros(2, 2), cr.ones(3, 2, 1), cr.ones(3, 1, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    product = bmm(batch1, batch2)
    return _blend(input, sum_p(product, axes=(0,), keepdims=False), beta, alpha, out)


# fmt: off
__all__ = [
    "matmul", "mm", "bmm", "mv", "dot", "vdot", "outer", "ger", "addmm", "addmv", "addr", "addbmm", "baddbmm",
    "bilinear", "einsum",
]
METHODS = (
    "matmul", "mm", "bmm", "mv", "dot", "vdot", "outer", "ger", "addmm", "addmv", "addr", "addbmm", "baddbmm",
)
# fmt: on
INPLACE = ("addmm", "addmv", "addr", "addbmm", "baddbmm")
