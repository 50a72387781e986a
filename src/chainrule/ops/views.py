"""More views and rearrangements: detach, movedim, flips and rolls, windows, strides, real views of complex numbers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core import eager
from ..core.eager import register_alias
from ..core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from ..core.exits import left
from ..core.state import state
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .indexing import getitem_p, select_p
from .keys import FULL
from .kits import linear, numpy_names, opaque, shown_as
from .shape import canonical_dim, mH, permute_p, reshape_p

__all__ = [
    "adjoint",
    "as_strided",
    "detach",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "movedim",
    "narrow",
    "roll",
    "rot90",
    "select",
    "view_as_complex",
    "view_as_real",
]
METHODS = (
    "adjoint",
    "as_strided",
    "detach",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "movedim",
    "narrow",
    "roll",
    "rot90",
    "select",
    "unfold",
)
INPLACE = ()


# ---- records --------------------------------------------------------------------------------------------------------

stop_gradient_p = opaque(
    "stop_gradient",
    lambda xp, x: x[...] if isinstance(x, np.ndarray) else xp.asarray(x),
    lambda x: Spec(x.shape, x.dtype),
    vjp=(lambda g, ans, x: None,),
    jvp=lambda prim, tangents, ans, x: None,
    batch=lambda prim, args, b: prim(args[0]),
    notation="stop({})",
    doc="The same values, through which no gradient flows; shares memory.",
    cut=True,
)
eager._stop = stop_gradient_p

flip_p = linear(
    "flip",
    lambda xp, x, *, dims: xp.array(xp.flip(x, dims), order="C"),
    aval=lambda x, *, dims: Spec(x.shape, x.dtype),
    transpose=lambda g, ans, x, *, dims: flip_p(g, dims=dims),
    batch=lambda prim, args, b, *, dims: prim(args[0], dims=tuple([d + 1 for d in dims])),
    notation="flip({})",
    doc="Elements in reverse order along dimensions.",
)

roll_p = linear(
    "roll",
    lambda xp, x, *, shifts, dims: xp.roll(x, shifts, dims),
    aval=lambda x, *, shifts, dims: Spec(x.shape, x.dtype),
    transpose=lambda g, ans, x, *, shifts, dims: roll_p(g, shifts=tuple([-s for s in shifts]), dims=dims),
    batch=lambda prim, args, b, *, shifts, dims: prim(args[0], shifts=shifts, dims=tuple([d + 1 for d in dims])),
    notation="roll({})",
    doc="Elements shifted along dimensions; what leaves at one end comes in at the other.",
)


def _strided_view(x: np.ndarray, size: tuple, stride: tuple, offset: int) -> np.ndarray:
    """A view of a contiguous array by sizes, and steps in elements."""
    if 0 in size:
        return np.zeros(size, x.dtype)
    item = x.itemsize
    return np.ndarray(size, x.dtype, x, offset * item, tuple([s * item for s in stride]))


def _as_strided_impl(xp: Any, x: Any, *, size: tuple, stride: tuple, offset: int) -> Any:
    return _strided_view(xp.ascontiguousarray(x), size, stride, offset)


def _strided_add_impl(xp: Any, g: Any, *, shape: tuple, size: tuple, stride: tuple, offset: int) -> Any:
    out = xp.zeros(prod(shape), g.dtype)
    places = _strided_view(xp.arange(out.size), size, stride, offset)
    xp.add.at(out, places.reshape(-1), xp.asarray(g).reshape(-1))
    return out.reshape(shape)


def _strided_batch(x: Any, size: tuple, stride: tuple, offset: int, numel: int) -> dict[str, Any]:
    return {"size": (raw_shape(x)[0], *size), "stride": (numel, *stride), "offset": offset}


strided_add_p = linear(
    "strided_add",
    _strided_add_impl,
    aval=lambda g, *, shape, size, stride, offset: Spec(shape, g.dtype),
    transpose=lambda g, ans, x, *, shape, size, stride, offset: as_strided_p(
        g, size=size, stride=stride, offset=offset
    ),
    batch=lambda prim, args, b, *, shape, size, stride, offset: prim(
        args[0], shape=(raw_shape(args[0])[0], *shape), **_strided_batch(args[0], size, stride, offset, prod(shape))
    ),
    notation="strided_add({})",
    doc="Zeros of `shape` with the argument added where as_strided reads: its transpose.",
)

as_strided_p = linear(
    "as_strided",
    _as_strided_impl,
    aval=lambda x, *, size, stride, offset: Spec(size, x.dtype),
    transpose=lambda g, ans, x, *, size, stride, offset: strided_add_p(
        g, shape=tuple(x.shape), size=size, stride=stride, offset=offset
    ),
    batch=lambda prim, args, b, *, size, stride, offset: prim(
        args[0], **_strided_batch(args[0], size, stride, offset, prod(raw_shape(args[0])[1:]))
    ),
    notation="as_strided({})",
    doc="Element (i, j, ..) is number offset + i stride[0] + j stride[1] + .. in row-major order.",
    view=True,
)


def _windows(n: int, size: int, step: int) -> int:
    return (n - size) // step + 1


def _unfold_impl(xp: Any, x: Any, *, dim: int, size: int, step: int) -> Any:
    shape = (*x.shape[:dim], _windows(x.shape[dim], size, step), *x.shape[dim + 1 :], size)
    if x.flags.c_contiguous:
        steps = [prod(x.shape[i + 1 :]) for i in range(x.ndim)]
        return _strided_view(x, shape, (*steps[:dim], steps[dim] * step, *steps[dim + 1 :], steps[dim]), 0)
    windows = xp.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows[(*(slice(None),) * dim, slice(None, None, step))]


def _fold_impl(xp: Any, g: Any, *, dim: int, step: int, shape: tuple) -> Any:
    out = xp.zeros(shape, g.dtype)
    count = g.shape[dim]
    for k in range(g.shape[-1]):
        out[(*(slice(None),) * dim, slice(k, k + (count - 1) * step + 1, step))] += g[..., k]
    return out


fold_windows_p = linear(
    "fold_windows",
    _fold_impl,
    aval=lambda g, *, dim, step, shape: Spec(shape, g.dtype),
    transpose=lambda g, ans, x, *, dim, step, shape: unfold_p(g, dim=dim, size=x.shape[-1], step=step),
    batch=lambda prim, args, b, *, dim, step, shape: prim(
        args[0], dim=dim + 1, step=step, shape=(raw_shape(args[0])[0], *shape)
    ),
    notation="fold({})",
    doc="Windows added up where they came from: the transpose of unfold.",
)

unfold_p = linear(
    "unfold",
    _unfold_impl,
    aval=lambda x, *, dim, size, step: Spec(
        (*x.shape[:dim], _windows(x.shape[dim], size, step), *x.shape[dim + 1 :], size), x.dtype
    ),
    transpose=lambda g, ans, x, *, dim, size, step: fold_windows_p(g, dim=dim, step=step, shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, dim, size, step: prim(args[0], dim=dim + 1, size=size, step=step),
    notation="unfold({})",
    doc="Windows of a dimension, every `step` elements; the windows' elements are a new last dimension.",
    view=True,
)


def _half(d: np.dtype) -> np.dtype:
    return np.dtype(f"f{d.itemsize // 2}")


def _double(d: np.dtype) -> np.dtype:
    return np.dtype(f"c{d.itemsize * 2}")


view_as_real_p = linear(
    "view_as_real",
    lambda xp, x: x[..., None].view(_half(x.dtype)),
    aval=lambda x: Spec((*x.shape, 2), _half(x.dtype)),
    transpose=lambda g, ans, x: view_as_complex_p(g),
    batch=lambda prim, args, b: prim(args[0]),
    notation="view_as_real({})",
    doc="Real and imaginary parts as a last dimension of size 2; a view.",
    view=True,
)

view_as_complex_p = linear(
    "view_as_complex",
    lambda xp, x: (x if x.strides[-1] == x.itemsize else xp.ascontiguousarray(x)).view(_double(x.dtype))[..., 0],
    aval=lambda x: Spec(x.shape[:-1], _double(x.dtype)),
    transpose=lambda g, ans, x: view_as_real_p(g),
    batch=lambda prim, args, b: prim(args[0]),
    notation="view_as_complex({})",
    doc="Complex numbers from a last dimension of real and imaginary parts; a view.",
    view=True,
)


# ---- functions ------------------------------------------------------------------------------------------------------


def detach(input: Any) -> Any:
    """The same memory outside of the graph: no gradient flows through.

    Shape and dtype stay.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0], requires_grad=True)
    >>> (x * 2).detach().requires_grad
    False
    """
    if type(input) is not Tensor:
        out = stop_gradient_p(input)
        if isinstance(input, Tensor):
            register_alias(out, input)
        return out
    out = wrap(input._data if state.stage is None else state.stage.lift(input))
    register_alias(out, input)
    out._why_cut = ("detach", *left("detach", (input._node,)))
    return out


@numpy_names
def select(input: Any, dim: int, index: Any) -> Any:
    """The slice at one index of one dimension, without it; a view.

    >>> import chainrule as cr
    >>> cr.select(cr.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
    """
    shape = raw_shape(input)
    if not shape:
        raise DimensionError("select() cannot be applied to a 0-dim tensor.")
    d, i = canonical_dim(dim, len(shape)), int(index)
    if not -shape[d] <= i < shape[d]:
        raise DimensionError(f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}")
    return select_p(input, dim=d, index=i)


@numpy_names
def narrow(input: Any, dim: int, start: Any, length: int) -> Any:
    """`length` elements of dimension `dim` from `start` on; a view.

    >>> import chainrule as cr
    >>> cr.narrow(cr.arange(4), 0, 1, 2)
    tensor([1, 2])
    """
    shape = raw_shape(input)
    if not shape:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    d, begin = canonical_dim(dim, len(shape)), int(start)
    n = shape[d]
    if length < 0:
        raise ArgumentError(f"narrow(): length must be non-negative, got {length}")
    if not -n <= begin <= n:
        raise DimensionError(f"Dimension out of range: start (expected to be in range of [{-n}, {n}], but got {begin})")
    begin += n if begin < 0 else 0
    if begin + length > n:
        raise ShapeError(f"start ({begin}) + length ({length}) exceeds dimension size ({n}).")
    return getitem_p(input, key=(*(FULL,) * d, (begin, begin + int(length), None)))


def movedim(input: Any, source: Any, destination: Any) -> Any:
    """Dimensions `source` (one or several) moved to places `destination`, the others in order; a view.

    >>> import chainrule as cr
    >>> cr.movedim(cr.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    ndim = len(raw_shape(input))
    given = [(d,) if isinstance(d, (int, np.integer)) else tuple(d) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(given[0])} dims) should contain the same "
            f"number of dims as destination ({list(given[1])} dims)"
        )
    src, dst = [[canonical_dim(int(d), ndim) for d in dims] for dims in given]
    for dims, name in ((src, "source"), (dst, "destination")):
        if len(set(dims)) != len(dims):
            raise ShapeError(f"movedim: repeated dim in `{name}` ({dims})")
    if ndim == 0:
        return permute_p(input, dims=())
    order: list[int] = [-1] * ndim
    for a, b in zip(src, dst, strict=True):
        order[b] = a
    rest = iter([d for d in range(ndim) if d not in src])
    return permute_p(input, dims=tuple([next(rest) if d < 0 else d for d in order]))


moveaxis = movedim


def adjoint(input: Any) -> Any:
    """Conjugate transpose of the last two dimensions.

    >>> import chainrule as cr
    >>> cr.adjoint(cr.tensor([[1j, 2.0]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    return mH(input)


def flip(input: Any, *positions: Any, dims: Any = None, axis: Any = None) -> Any:
    """Elements in reverse order along `dims`, given as numbers or one sequence (a copy, as in PyTorch).

    >>> import chainrule as cr
    >>> cr.flip(cr.tensor([[1, 2], [3, 4]]), dims=(0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    given = positions[0] if len(positions) == 1 and isinstance(positions[0], (tuple, list)) else positions
    named = dims if axis is None else axis
    if named is not None:
        given = (named,) if isinstance(named, int) else named
    ndim = len(raw_shape(input))
    canonical = [canonical_dim(int(d), ndim) for d in given]
    if len(set(canonical)) != len(canonical):
        raise ShapeError(f"dim {canonical[0]} appears multiple times in the list of dims")
    return flip_p(input, dims=tuple(sorted(canonical)) if ndim else ())


def fliplr(input: Any) -> Any:
    """Columns in reverse order.

    A tensor of 2 or more dimensions and any dtype.

    >>> import chainrule as cr
    >>> cr.fliplr(cr.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if len(raw_shape(input)) < 2:
        raise ShapeError(f"Input must be >= 2-d, got shape {raw_shape(input)}")
    return flip_p(input, dims=(1,))


def flipud(input: Any) -> Any:
    """Rows in reverse order.

    >>> import chainrule as cr
    >>> cr.flipud(cr.tensor([1, 2]))
    tensor([2, 1])
    """
    if len(raw_shape(input)) < 1:
        raise ShapeError(f"Input must be >= 1-d, got shape {raw_shape(input)}")
    return flip_p(input, dims=(0,))


@shown_as("RollBackward0")
def roll(input: Any, shifts: Any, dims: Any = None, *, axis: Any = None) -> Any:
    """Elements shifted by `shifts` along `dims`, round the ends; without dims, along the flattened tensor.

    >>> import chainrule as cr
    >>> cr.roll(cr.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    dims = axis if dims is None else dims
    moves = (shifts,) if isinstance(shifts, (int, np.integer)) else tuple(shifts)
    shape = raw_shape(input)
    if dims is None or dims == ():
        if len(moves) != 1:
            raise ShapeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:0")
        flat = reshape_p(input, shape=(prod(shape),))
        return reshape_p(roll_p(flat, shifts=(int(moves[0]),), dims=(0,)), shape=shape)
    given = (dims,) if isinstance(dims, (int, np.integer)) else tuple(dims)
    if len(given) != len(moves):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(moves)}, dims:{len(given)}")
    if given and not shape:
        raise DimensionError(f"roll: Dimension specified as {given[0]} but tensor has no dimensions")
    canonical = tuple([canonical_dim(int(d), len(shape)) for d in given])
    return roll_p(input, shifts=tuple([int(s) for s in moves]), dims=canonical)


@shown_as("Rot90Backward0")
def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """The plane of two dimensions turned k times by 90 degrees, from the first towards the second.

    >>> import chainrule as cr
    >>> cr.rot90(cr.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = len(raw_shape(input))
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {ndim}")
    a, b = [canonical_dim(int(d), ndim) for d in dims]
    if a == b:
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    k %= 4
    order = list(range(ndim))
    order[a], order[b] = b, a
    if k == 1:
        return permute_p(flip_p(input, dims=(b,)), dims=tuple(order))
    if k == 3:
        return flip_p(permute_p(input, dims=tuple(order)), dims=(b,))
    return flip_p(input, dims=tuple(sorted((a, b))) if k else ())


def _owner(x: Any) -> tuple[Any, int]:
    """The tensor that stands for x's memory, and where x starts in it."""
    data = getattr(x, "_data", None)
    if type(x) is not Tensor or type(data) is not np.ndarray:
        return x, 0
    base = x._base
    if type(base) is Tensor and type(base._data) is np.ndarray and base._data.flags.c_contiguous:
        step = data.__array_interface__["data"][0] - base._data.__array_interface__["data"][0]
        if base._data.dtype == data.dtype and 0 <= step < max(base._data.nbytes, 1):
            return base, step // data.itemsize
    return x, 0


def as_strided(input: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """Element (i, j, ..) is number storage_offset + i stride[0] + j stride[1] + .. of `input` in row-major order.

    For a contiguous tensor that is a view; of a view of one, that is a view of its base by steps in the base's memory,
    as in PyTorch (with the offset of the view itself by default). Other tensors that are not contiguous are copied.

    >>> import chainrule as cr
    >>> cr.as_strided(cr.arange(4), (2, 2), (1, 1))
    tensor([[0, 1],
            [1, 2]])
    """
    sizes, steps = tuple([int(n) for n in size]), tuple([int(s) for s in stride])
    input, start = _owner(input)
    offset, numel = int(start if storage_offset is None else storage_offset), prod(raw_shape(input))
    if len(sizes) != len(steps):
        raise ShapeError(f"mismatch in length of strides and shape: {len(steps)} strides, {len(sizes)} sizes")
    if any(s < 0 for s in steps) or any(n < 0 for n in sizes) or offset < 0:
        raise ArgumentError(f"as_strided: sizes, strides and offset must not be negative: {sizes}, {steps}, {offset}")
    last = offset + sum([(n - 1) * s for n, s in zip(sizes, steps, strict=True)])
    if 0 not in sizes and last >= numel:
        raise ShapeError(
            f"setStorage: sizes {list(sizes)}, strides {list(steps)}, storage offset {offset} are out of bounds for "
            f"storage of {numel} elements"
        )
    return as_strided_p(input, size=sizes, stride=steps, offset=offset)


def unfold(input: Any, dimension: int, size: int, step: int) -> Any:
    """All windows of `size` elements of a dimension, one every `step`; their elements are a new last dimension."""
    shape = raw_shape(input)
    d = canonical_dim(dimension, len(shape))
    x = input if shape else reshape_p(input, shape=(1,))
    n = raw_shape(x)[d]
    if not 0 <= size <= n:
        raise ShapeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise ArgumentError(f"step is {step} but must be > 0")
    out = unfold_p(x, dim=d, size=int(size), step=int(step))
    return out if shape else reshape_p(out, shape=(size,))


def view_as_real(input: Any) -> Any:
    """Real and imaginary parts of complex numbers as a last dimension of size 2; a view.

    >>> import chainrule as cr
    >>> cr.view_as_real(cr.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if raw_dtype(input).kind != "c":
        raise DTypeError(f"view_as_real is only supported for complex tensors, got {raw_dtype(input)}")
    return view_as_real_p(input)


def view_as_complex(input: Any) -> Any:
    """Complex numbers from a last dimension of size 2, real and imaginary parts; a view.

    >>> import chainrule as cr
    >>> cr.view_as_complex(cr.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    shape, dtype = raw_shape(input), raw_dtype(input)
    if dtype not in (np.float32, np.float64):
        raise DTypeError(f"view_as_complex is only supported for half, float and double tensors, but got {dtype}")
    if not shape or shape[-1] != 2:
        raise ShapeError(f"Tensor must have a last dimension of size 2, got shape {shape}")
    return view_as_complex_p(input)
