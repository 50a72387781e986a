"""Shape: views and rearrangements. All linear; most share memory with their argument."""

from __future__ import annotations

from math import prod
from operator import index as as_index
from typing import Any

import numpy as np

from ..core import dtypes, elementwise
from ..core.dtypes import F32, F64, numpy_dtype
from ..core.errors import ArgumentTypeError, DimensionError, ShapeError, TracedValueError
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .broadcasting import unbroadcast
from .kits import linear, numpy_names, shown_as

__all__ = [
    "broadcast_to",
    "clone",
    "flatten",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]
METHODS = (
    "broadcast_to",
    "clone",
    "contiguous",
    "expand",
    "expand_as",
    "flatten",
    "permute",
    "ravel",
    "reshape",
    "reshape_as",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
    "view",
    "view_as",
)
INPLACE = ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze")
ndarray = np.ndarray
ATTRIBUTES = ("mT", "mH", "T", "H")


def canonical_dim(dim: int, ndim: int, name: str = "dim") -> int:
    """`dim` counted from the front, or PyTorch's IndexError; 0-d tensors accept -1 and 0."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise DimensionError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim


def _repeated(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    """x under a larger shape, with stride 0 where it is repeated; NumPy's own way takes four times as long."""
    lead = len(shape) - x.ndim
    if lead >= 0 and type(x) is ndarray and (x.dtype is F64 or x.dtype is F32) and x.flags.c_contiguous:
        have = x.shape
        if all([n == m or n == 1 for n, m in zip(have, shape[lead:], strict=True)]):
            kept = [s if n == m else 0 for n, m, s in zip(have, shape[lead:], x.strides, strict=True)]
            out = ndarray(shape, x.dtype, x, 0, (*(0,) * lead, *kept))
            out.flags.writeable = False
            return out
    return xp.broadcast_to(x, shape)


# ---- records --------------------------------------------------------------------------------------------------------

reshape_p = linear(
    "reshape",
    lambda xp, x, *, shape: x.reshape(shape),
    aval=lambda x, *, shape: Spec(shape, x.dtype),
    transpose=lambda g, ans, x, *, shape: reshape_p(g, shape=x.shape),
    batch=lambda prim, args, b, *, shape: prim(args[0], shape=(raw_shape(args[0])[0], *shape)),
    notation="reshape({})",
    doc="Same elements in row-major order under another shape; a view where memory allows.",
    backward_name="ViewBackward0",
    view=True,
)

broadcast_to_p = linear(
    "broadcast_to",
    _repeated,
    aval=lambda x, *, shape: Spec(shape, x.dtype),
    transpose=lambda g, ans, x, *, shape: unbroadcast(g, x.shape),
    batch=lambda prim, args, b, *, shape: prim(
        _lead_ones(args[0], len(shape) + 1), shape=(raw_shape(args[0])[0], *shape)
    ),
    notation="broadcast({})",
    doc="Repeat along new leading dimensions and dimensions of size 1, without copying.",
    backward_name="ExpandBackward0",
    view=True,
)


def _lead_ones(x: Any, ndim: int) -> Any:
    lead, *rest = raw_shape(x)
    return reshape_p(x, shape=(lead, *(1,) * (ndim - 1 - len(rest)), *rest))


def inverse_permutation(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `dims`."""
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


permute_p = linear(
    "permute",
    lambda xp, x, *, dims: x.transpose(dims),
    aval=lambda x, *, dims: Spec(tuple(x.shape[d] for d in dims), x.dtype),
    transpose=lambda g, ans, x, *, dims: permute_p(g, dims=inverse_permutation(dims)),
    batch=lambda prim, args, b, *, dims: prim(args[0], dims=(0, *(d + 1 for d in dims))),
    notation="permute({})",
    doc="Reorder dimensions; a view.",
    view=True,
)


def _cast_impl(xp: Any, x: Any, *, dtype: np.dtype) -> Any:
    if xp.asarray(x).dtype.kind == "c" and dtype.kind != "c" and dtype.kind != "b":
        x = x.real
    return xp.asarray(x).astype(dtype)


cast_p = linear(
    "cast",
    _cast_impl,
    aval=lambda x, *, dtype: Spec(x.shape, dtype),
    transpose=lambda g, ans, x, *, dtype: cast_p(g, dtype=x.dtype),
    batch=lambda prim, args, b, *, dtype: prim(args[0], dtype=dtype),
    notation="{}",
    doc="Convert to another dtype (the real part, from complex to real).",
    backward_name="ToCopyBackward0",
)
elementwise._cast = cast_p

clone_p = linear(
    "clone",
    lambda xp, x: xp.array(x, order="C"),
    aval=lambda x: Spec(x.shape, x.dtype),
    transpose=lambda g, ans, x: g,
    batch=lambda prim, args, b: prim(args[0]),
    notation="{}",
    doc="A copy in new memory, in row-major order.",
)


# ---- functions ------------------------------------------------------------------------------------------------------


def _as_shape(size: Any) -> tuple[int, ...]:
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = size[0]
    try:
        return tuple([as_index(n) for n in size])
    except TypeError as error:
        raise ArgumentTypeError(f"sizes and dimensions must be ints, got {size!r}") from error


def infer_shape(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """Replace a single -1; check the count of elements."""
    if shape.count(-1) > 1:
        raise ShapeError("only one dimension can be inferred (a shape may hold one -1)")
    known = prod(n for n in shape if n != -1)
    if -1 in shape:
        if known == 0 or numel % known:
            raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
        return tuple(numel // known if n == -1 else n for n in shape)
    if known != numel:
        raise ShapeError(f"shape '{list(shape)}' is invalid for input of size {numel}")
    return shape


def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """The same elements, in row-major order, under another shape (one size may be -1); a view where possible.

    >>> import chainrule as cr
    >>> cr.reshape(cr.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    have = raw_shape(input)
    return reshape_p(input, shape=infer_shape(_as_shape(sizes if shape is None else (*sizes, shape)), prod(have)))


def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """Reorder the dimensions: result dimension i is input dimension dims[i].

    >>> import chainrule as cr
    >>> cr.permute(cr.ones(2, 3), (1, 0)).shape
    torch.Size([3, 2])
    """
    given = _as_shape(order if dims is None else (*order, dims))
    ndim = len(raw_shape(input))
    if len(given) != ndim:
        raise ShapeError(
            f"permute(): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(given)}"
        )
    canonical = tuple(canonical_dim(d, ndim) for d in given)
    if len(set(canonical)) != ndim:
        raise ShapeError(f"permute(): duplicate dims are not allowed: {given}")
    return permute_p(input, dims=canonical)


@shown_as("TransposeBackward0")
def transpose(input: Any, dim0: Any = None, dim1: Any = None, *more: int) -> Any:
    """Swap two dimensions; a view.

    NumPy's spelling is taken too: without numbers all dimensions are reversed, and a tuple, or three numbers or more,
    give the order of all.

    >>> import chainrule as cr
    >>> cr.transpose(cr.zeros(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    ndim = len(raw_shape(input))
    if dim1 is None or more:
        if dim0 is None:
            return permute(input, tuple(range(ndim))[::-1])
        if dim1 is None and not isinstance(dim0, (tuple, list)):
            raise ArgumentTypeError(
                "transpose() missing 1 required positional argument: 'dim1'; write transpose(dim0, dim1), or "
                "transpose(order) with a tuple of all dimensions"
            )
        return permute(input, dim0 if dim1 is None else (dim0, dim1, *more))
    a, b = canonical_dim(dim0, ndim), canonical_dim(dim1, ndim)
    if ndim == 0:
        return permute_p(input, dims=())
    dims = list(range(ndim))
    dims[a], dims[b] = dims[b], dims[a]
    return permute_p(input, dims=tuple(dims))


@shown_as("TBackward0")
def t(input: Any) -> Any:
    """Transpose of a matrix; tensors of 0 or 1 dimension are returned as they are.

    >>> import chainrule as cr
    >>> cr.t(cr.tensor([[1, 2]]))
    tensor([[1],
            [2]])
    """
    ndim = len(raw_shape(input))
    if ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D; write x.mT or transpose()")
    return permute_p(input, dims=tuple(reversed(range(ndim))))


def mT(input: Any) -> Any:
    """Transpose of the last two dimensions; a view."""
    ndim = len(raw_shape(input))
    if ndim < 2:
        raise ShapeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {ndim}-D tensor.")
    return permute_p(input, dims=(*range(ndim - 2), ndim - 1, ndim - 2))


def _conjugate(x: Any) -> Any:
    if raw_dtype(x).kind != "c":
        return x
    from .complex import conj

    return conj(x)


def mH(input: Any) -> Any:
    """Conjugate transpose of the last two dimensions."""
    ndim = len(raw_shape(input))
    if ndim < 2:
        raise ShapeError(f"tensor.mH is only supported on matrices or batches of matrices. Got {ndim}-D tensor.")
    return _conjugate(mT(input))


def T(input: Any) -> Any:
    """All dimensions in reverse order; a view."""
    return permute_p(input, dims=tuple(reversed(range(len(raw_shape(input))))))


def H(input: Any) -> Any:
    """Conjugate transpose of a matrix."""
    ndim = len(raw_shape(input))
    if ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor; write x.mH")
    return _conjugate(T(input))


def expand(input: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Any:
    """View with dimensions of size 1 repeated to `sizes`; -1 keeps a size; new dimensions may be added in front."""
    have, want = raw_shape(input), list(_as_shape(sizes if size is None else (size,)))
    extra = len(want) - len(have)
    if extra < 0:
        raise ShapeError(
            f"expand({have}, size={want}): the number of sizes provided ({len(want)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(have)})"
        )
    for i, n in enumerate(have):
        if want[i + extra] == -1:
            want[i + extra] = n
        elif n not in (1, want[i + extra]):
            raise ShapeError(
                f"The expanded size of the tensor ({want[i + extra]}) must match the existing size ({n}) at "
                f"non-singleton dimension {i + extra}.  Target sizes: {want}.  Tensor sizes: {list(have)}"
            )
    if any(n < 0 for n in want):
        raise ShapeError(
            f"expand({have}, size={want}): -1 is not allowed for a new, leading dimension {want.index(-1)}"
        )
    return broadcast_to_p(input, shape=tuple(want))


def broadcast_to(input: Any, size: Any) -> Any:
    """`input` expanded to shape `size`; a view.

    >>> import chainrule as cr
    >>> cr.broadcast_to(cr.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, size)


def expand_as(input: Any, other: Any) -> Any:
    """`input` expanded to the shape of `other`; a view."""
    return expand(input, raw_shape(other))


def view(input: Any, *shape: Any, size: Any = None, dtype: Any = None) -> Any:
    """The same memory under another shape; raises RuntimeError where only a copy could have that shape."""
    if size is not None or dtype is not None:
        shape = (*shape, size if dtype is None else dtype)
    if len(shape) == 1 and isinstance(shape[0], (dtypes.dtype, np.dtype, type)):
        return _view_dtype(input, shape[0])
    have = raw_shape(input)
    wanted = infer_shape(_as_shape(shape), prod(have))
    out = reshape_p(input, shape=wanted)
    a, b = getattr(input, "_data", input), getattr(out, "_data", out)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.size and not np.may_share_memory(a, b):
        raise ShapeError(
            f"view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            f"contiguous subspaces): {have} as {wanted}. Use .reshape(...) instead."
        )
    return out


def _view_dtype(input: Any, dtype: Any) -> Any:
    """The same bytes read as another dtype: a constant to derivatives, save between complex numbers and their parts."""
    want, have = numpy_dtype(dtype), raw_dtype(input)
    if want == have:
        return reshape_p(input, shape=raw_shape(input))
    data = getattr(input, "_data", input)
    if not isinstance(data, np.ndarray):
        raise TracedValueError("view(dtype) reads the bytes of a concrete tensor; inside a transformation write x.to()")
    if want.itemsize != have.itemsize:
        if not data.ndim:
            raise ShapeError(f"self.dim() cannot be 0 to view {have} as {want} (different element sizes)")
        if data.strides[-1] != have.itemsize and data.shape[-1] != 1:
            raise ShapeError(f"self.stride(-1) must be 1 to view {have} as {want} (different element sizes)")
        if data.shape[-1] * have.itemsize % want.itemsize:
            raise ShapeError(f"self.size(-1) must be divisible to view {have} as {want}; the shape is {data.shape}")
    if getattr(input, "_node", None) is not None and have.kind + want.kind in ("fc", "cf"):
        from .views import view_as_complex, view_as_real

        if have.kind == "c":
            parts = view_as_real(input)
            return reshape_p(parts, shape=(*data.shape[:-1], 2 * data.shape[-1]))
        return view_as_complex(reshape_p(input, shape=(*data.shape[:-1], data.shape[-1] // 2, 2)))
    return wrap(data.view(want))


def view_as(input: Any, other: Any) -> Any:
    """The same memory under the shape of `other`."""
    return view(input, raw_shape(other))


def reshape_as(input: Any, other: Any) -> Any:
    """The same elements under the shape of `other`."""
    return reshape(input, raw_shape(other))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Dimensions start_dim to end_dim made one; a view where possible.

    >>> import chainrule as cr
    >>> cr.flatten(cr.zeros(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    shape = raw_shape(input)
    a, b = canonical_dim(start_dim, len(shape)), canonical_dim(end_dim, len(shape))
    if a > b:
        raise ShapeError(f"flatten() has invalid args: start_dim cannot come after end_dim: {start_dim}, {end_dim}")
    if not shape:
        return reshape_p(input, shape=(1,))
    if a == b:
        return input
    return reshape_p(input, shape=(*shape[:a], prod(shape[a : b + 1]), *shape[b + 1 :]))


@numpy_names
def unflatten(input: Any, dim: int, sizes: Any) -> Any:
    """Dimension `dim` split into several of the given sizes (one may be -1); a view.

    >>> import chainrule as cr
    >>> cr.unflatten(cr.arange(4), 0, (2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape))
    given = _as_shape((sizes,))
    if not given:
        raise ShapeError(f"unflatten: sizes must be non-empty, for dimension {d} of size {shape[d]}")
    known = prod(n for n in given if n != -1)
    n = shape[d]
    if given.count(-1) > 1 or (-1 in given and (known == 0 or n % known)) or (-1 not in given and known != n):
        raise ShapeError(
            f"unflatten: Provided sizes {list(given)} don't multiply up to the size of dim {d} ({n}) in the input "
            f"tensor"
        )
    return reshape_p(input, shape=(*shape[:d], *infer_shape(given, n), *shape[d + 1 :]))


def ravel(input: Any) -> Any:
    """All elements in row-major order, as a vector; a view where possible.

    >>> import chainrule as cr
    >>> cr.ravel(cr.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape_p(input, shape=(prod(raw_shape(input)),))


@numpy_names
@shown_as(lambda input, dim=None: "SqueezeBackward0" if dim is None else "SqueezeBackward1")
def squeeze(input: Any, dim: Any = None) -> Any:
    """Without the dimensions of size 1: all, or those of `dim` (an int or several) that have size 1; a view.

    >>> import chainrule as cr
    >>> cr.squeeze(cr.ones(1, 2)).shape
    torch.Size([2])
    """
    shape = raw_shape(input)
    if dim is None:
        drop = {i for i, n in enumerate(shape) if n == 1}
    else:
        given = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
        dims = [canonical_dim(int(d), len(shape)) for d in given]
        if len(set(dims)) != len(dims):
            raise DimensionError(f"dim {dims[0]} appears multiple times in the list of dims")
        drop = {d for d in dims if shape and shape[d] == 1}
    return reshape_p(input, shape=tuple([n for i, n in enumerate(shape) if i not in drop]))


@shown_as("UnsqueezeBackward0")
@numpy_names
def unsqueeze(input: Any, dim: int) -> Any:
    """With a new dimension of size 1 at place `dim` of the result; a view.

    >>> import chainrule as cr
    >>> cr.unsqueeze(cr.ones(2), 0).shape
    torch.Size([1, 2])
    """
    shape = raw_shape(input)
    d = canonical_dim(dim, len(shape) + 1)
    return reshape_p(input, shape=(*shape[:d], 1, *shape[d:]))


swapdims = transpose


def swapaxes(input: Any, axis0: int, axis1: int) -> Any:
    """transpose() under NumPy's name, for any shape; a view.

    >>> import chainrule as cr
    >>> cr.swapaxes(cr.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return transpose(input, axis0, axis1)


def clone(input: Any, *, memory_format: Any = None) -> Any:
    """A copy in new memory; gradients flow through.

    Shape and dtype stay.

    >>> import chainrule as cr
    >>> cr.clone(cr.tensor([1, 2]))
    tensor([1, 2])
    """
    return clone_p(input)


def contiguous(input: Any, memory_format: Any = None) -> Any:
    """The tensor itself if its elements lie in row-major order, else a copy of which they do."""
    data = getattr(input, "_data", input)
    return clone_p(input) if isinstance(data, np.ndarray) and not data.flags.c_contiguous else input


def cast(input: Any, dtype: Any) -> Any:
    """Convert to another dtype, differentiably; the tensor itself if it has that dtype."""
    target = numpy_dtype(dtype)
    return input if isinstance(input, Tensor) and raw_dtype(input) == target else cast_p(input, dtype=target)
