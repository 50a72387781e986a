"""Reductions: sums, means, truth and counts over dimensions."""

from __future__ import annotations

from collections import namedtuple
from math import prod
from sys import _getframe
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, F32, F64, INT64, category, default, is_inexact, numpy_dtype
from ..core.eager import note_cut
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError
from ..core.provenance import KNOWN_USER, user_frame
from ..core.state import next_seq, special, state
from ..core.tape import Link1, Spec
from ..core.value import Tensor, new_object, raw_dtype, raw_shape
from ..core.writes import write_out
from .examples import EXAMPLES
from .kits import linear, opaque
from .shape import broadcast_to_p, canonical_dim, cast_p, reshape_p

# ---- shared by all reductions ---------------------------------------------------------------------------------------

ndarray = np.ndarray
asarray = np.asarray
SCALARS = (np.float32, np.float64)
ALL_AXES = tuple(tuple(range(n)) for n in range(65))


def reduced_shape(shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """Shape after reducing `axes`."""
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def restore_dims(g: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced value with its reduced dimensions back as size 1, ready to broadcast against `shape`."""
    return g if keepdims or not axes else reshape_p(g, shape=reduced_shape(shape, axes, True))


def canonical_dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Sorted non-negative dims from None (all), an int or a sequence; repeated ones raise as in PyTorch."""
    if dim is None or (isinstance(dim, (tuple, list)) and len(dim) == 0):
        return ALL_AXES[ndim]
    if type(dim) is int:
        return (canonical_dim(dim, ndim),) if ndim else ()
    if not isinstance(dim, (int, np.integer, tuple, list)):
        raise ArgumentTypeError(f"argument 'dim' must be an int, a tuple of ints or None, not {type(dim).__name__}")
    given = (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    dims = [canonical_dim(int(d), ndim) for d in given]
    if len(set(dims)) != len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise ArgumentError(f"dim {twice} appears multiple times in the list of dims {tuple(given)}; name each once")
    return tuple(sorted(dims)) if ndim else ()


def count_over(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """Number of elements that are reduced to one."""
    n = 1
    for a in axes:
        n *= shape[a]
    return n


def shifted(axes: tuple[int, ...]) -> tuple[int, ...]:
    """`axes` of one example as axes of a batch, whose dimension 0 is the batch."""
    return tuple(a + 1 for a in axes)


def all_batched(args: Any, is_batched: Any) -> list:
    """All arguments with batch dimension 0; those without one are repeated along it."""
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    made = []
    for a, b in zip(args, is_batched, strict=True):
        if not b:
            shape = raw_shape(a)
            a = broadcast_to_p(reshape_p(a, shape=(1, *shape)), shape=(size, *shape))
        made.append(a)
    return made


def batch_axes(prim: Any, args: Any, is_batched: Any, *, axes: tuple[int, ...], **params: Any) -> Any:
    """The batching rule of every record with a parameter `axes`."""
    return prim(*all_batched(args, is_batched), axes=shifted(axes), **params)


def spec_axes(x: Any, *, axes: tuple[int, ...], keepdims: bool, **params: Any) -> Spec:
    """The abstract rule of a reduction that keeps the dtype."""
    return Spec(reduced_shape(x.shape, axes, keepdims), x.dtype)


def widened(x: Any) -> Any:
    """Half-precision arrays in float32, in which sums over them are done."""
    return x.astype(F32) if x.dtype.itemsize == 2 and is_inexact(x.dtype) else x


def restored(out: Any, x: Any) -> Any:
    """A result in x's dtype again after `widened`."""
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def finish_out(out: Any, result: Any) -> Any:
    """The result, written into `out` if one is given."""
    return result if out is None else write_out(out, result)


def to_float(x: Any) -> Any:
    """Integers and bool in the default floating dtype; other values as they are."""
    return x if is_inexact(raw_dtype(x)) else cast_p(x, dtype=default.float)


RETURN_TYPES: dict[str, type] = {}


def _rebuild(name: str, values: tuple) -> Any:
    return RETURN_TYPES[name](*values)


def return_type(name: str, *fields: str) -> type:
    """A namedtuple that prints as PyTorch's torch.return_types do."""

    def text(self: Any) -> str:
        inside = ",\n".join(f"{f}={v!r}" for f, v in zip(fields, self, strict=True))
        return f"torch.return_types.{name}(\n{inside})"

    body = {"__slots__": (), "__repr__": text, "__reduce__": lambda self: (_rebuild, (name, tuple(self)))}
    RETURN_TYPES[name] = made = type(name, (namedtuple(name, fields),), body)
    return made


# ---- sum and mean ---------------------------------------------------------------------------------------------------


def spread(g: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced value repeated over the reduced axes: the transpose of a sum."""
    kind = type(g)
    if (kind is ndarray or kind in SCALARS) and prod(shape) <= 4096:
        out = np.empty(shape, g.dtype)  # raw and small: filling an array is cheaper than making a view
        out[...] = g if keepdims or not g.shape else g.reshape(reduced_shape(shape, axes, True))
        return out
    return broadcast_to_p(restore_dims(g, shape, axes, keepdims), shape=shape)


def _sum_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    if x.dtype.itemsize == 2 and is_inexact(x.dtype):
        return xp.add.reduce(x, axis=axes, keepdims=keepdims, dtype=F32).astype(x.dtype)
    return xp.add.reduce(x, axis=axes, keepdims=keepdims, dtype=x.dtype)


def _over_all(name: str) -> Any:
    """PyTorch's name of a reduction's node: number 0 over all dimensions, number 1 over some."""

    def text(node: Any) -> str:
        shape = getattr(getattr(node, "x", None), "shape", None)
        return f"{name}Backward{int(shape is not None and len(node.params['axes']) < len(shape))}"

    return text


sum_p = linear(
    "sum",
    _sum_impl,
    aval=spec_axes,
    transpose=lambda g, ans, x, *, axes, keepdims: spread(g, x.shape, axes, keepdims),
    batch=batch_axes,
    notation="sum({})",
    doc="Sum over `axes`.",
    backward_name=_over_all("Sum"),
)


def mean_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    """Sum divided by count; NaN if there is nothing to average."""
    shape, n = x.shape, 1
    for a in axes:
        n *= shape[a]
    if n == 0:
        return xp.full(reduced_shape(shape, axes, keepdims), float("nan"), x.dtype)
    if x.dtype.itemsize == 2:
        return (xp.add.reduce(x, axis=axes, keepdims=keepdims, dtype=F32) / n).astype(x.dtype)
    return xp.add.reduce(x, axis=axes, keepdims=keepdims) / n


mean_p = linear(
    "mean",
    mean_impl,
    aval=spec_axes,
    transpose=lambda g, ans, x, *, axes, keepdims: spread(
        g / (count_over(x.shape, axes) or 1), x.shape, axes, keepdims
    ),
    batch=batch_axes,
    notation="mean({})",
    doc="Arithmetic mean over `axes`.",
    backward_name=_over_all("Mean"),
)


add_reduce = np.add.reduce


def plain_axes(x: Any, dim: Any) -> tuple[int, ...] | None:
    """The axes to reduce if the short way may be taken: eager, float32 or float64, over all or over one dimension."""
    dtype = x.dtype
    if (dtype is F32 or dtype is F64) and not (special.on and state.mode == 2):
        n = len(x.shape)
        if dim is None:
            return ALL_AXES[n]
        if type(dim) is int and -n <= dim < n:
            return (dim if dim >= 0 else dim + n,)
    return None


def totalled(prim: Any, input: Tensor, x: Any, ans: Any, axes: tuple[int, ...], keepdims: bool) -> Tensor:
    """What `bind` does, for a linear reduction whose answer is known: wrap it, and record a node if it is asked for."""
    if type(ans) is not ndarray:
        ans = asarray(ans)
    res = new_object(Tensor)
    res._data = ans
    edge = input._node
    if edge is None:
        res._node = None
        if special.on and state.mode:
            note_cut(res, ())
        return res
    if special.on and state.mode:
        res._node = None
        note_cut(res, (edge,))
        return res
    res._node = node = new_object(Link1)
    node.prim = prim
    node.x = spec = new_object(Spec)
    spec.shape = x.shape
    spec.dtype = x.dtype
    node.params = {"axes": axes, "keepdims": keepdims}
    node.edge = edge
    node.ans = node.meta = None
    node.seq = next_seq()
    frame = _getframe(2)
    if frame.f_code.co_filename not in KNOWN_USER:
        frame = user_frame(frame)
    node.code = frame.f_code
    node.lasti = frame.f_lasti
    return res


def sum(
    input: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    out: Any = None,
) -> Any:
    """Sum over `dim` (an int, several, or all). Integers and bool are summed as int64.

    >>> import chainrule as cr
    >>> cr.sum(cr.tensor([[1., 2.], [3., 4.]]), dim=0)
    tensor([4., 6.])
    """
    if type(input) is Tensor and dtype is None and axis is None and keepdims is None and out is None:
        x = input._data
        axes = plain_axes(x, dim)
        if axes is not None:
            return totalled(sum_p, input, x, add_reduce(x, axes, None, None, keepdim), axes, keepdim)
    shape = raw_shape(input)
    axes = canonical_dims(dim if axis is None else axis, len(shape))
    have = raw_dtype(input)
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    elif category(have) < 2 and have != INT64:
        input = cast_p(input, dtype=INT64)
    result = sum_p(input, axes=axes, keepdims=bool(keepdim if keepdims is None else keepdims))
    return result if out is None else write_out(out, result)


def mean(
    input: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    out: Any = None,
) -> Any:
    """Arithmetic mean over `dim` (an int, several, or all); the mean of nothing is NaN. Integers need `dtype`.

    >>> import chainrule as cr
    >>> cr.mean(cr.tensor([[1., 2.], [3., 4.]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    if type(input) is Tensor and dtype is None and axis is None and keepdims is None and out is None:
        x = input._data
        axes = plain_axes(x, dim)
        if axes is not None and x.size:
            total = add_reduce(x, axes, None, None, keepdim)
            return totalled(mean_p, input, x, total / (x.size // total.size), axes, keepdim)
    shape = raw_shape(input)
    axes = canonical_dims(dim if axis is None else axis, len(shape))
    if dtype is not None:
        if not is_inexact(numpy_dtype(dtype)):
            raise DTypeError(
                f"mean(): could not infer output dtype. Optional dtype must be either a floating point or complex "
                f"dtype. Got: {dtype}"
            )
        input = cast_p(input, dtype=numpy_dtype(dtype))
    elif not is_inexact(raw_dtype(input)):
        raise DTypeError(
            f"mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {raw_dtype(input)}; write x.float().mean() or mean(x, dtype=chainrule.float32)"
        )
    result = mean_p(input, axes=axes, keepdims=bool(keepdim if keepdims is None else keepdims))
    return result if out is None else write_out(out, result)


def _nansum_impl(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return restored(xp.add.reduce(widened(xp.where(x == x, x, 0)), axis=axes, keepdims=keepdims), x)


nansum_p = opaque(
    "nansum",
    _nansum_impl,
    aval=spec_axes,
    vjp=(
        lambda g, ans, x, *, axes, keepdims: (
            restore_dims(g, raw_shape(x), axes, keepdims) * cast_p(x == x, dtype=raw_dtype(x))
        ),
    ),
    jvp=lambda prim, tangents, ans, x, *, axes, keepdims: sum_p(
        tangents[0] * cast_p(x == x, dtype=raw_dtype(x)), axes=axes, keepdims=keepdims
    ),
    batch=batch_axes,
    notation="nansum({})",
    doc="Sum over `axes` of the elements that are not NaN.",
)


def nansum(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None, keepdims: Any = None
) -> Any:
    """Sum over `dim` with NaN counted as 0.

    A tensor of any shape and a real dtype; integers sum to int64.

    >>> import chainrule as cr
    >>> cr.nansum(cr.tensor([1., cr.nan, 2.]))
    tensor(3.)
    """
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    dim = dim if axis is None else axis
    keepdim = bool(keepdim if keepdims is None else keepdims)
    if not is_inexact(raw_dtype(input)):
        return sum(input, dim, keepdim, dtype=dtype)
    return nansum_p(input, axes=canonical_dims(dim, len(raw_shape(input))), keepdims=keepdim)


def nanmean(
    input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None, keepdims: Any = None
) -> Any:
    """Arithmetic mean over `dim` of the elements that are not NaN; NaN if there are none.

    >>> import chainrule as cr
    >>> cr.nanmean(cr.tensor([1.0, cr.nan, 3.0]))
    tensor(2.)
    """
    if dtype is not None:
        input = cast_p(input, dtype=numpy_dtype(dtype))
    if not is_inexact(raw_dtype(input)):
        raise DTypeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {raw_dtype(input)}; write "
            f"x.float().nanmean() or nanmean(x, dtype=chainrule.float32)"
        )
    axes = canonical_dims(dim if axis is None else axis, len(raw_shape(input)))
    keepdim = bool(keepdim if keepdims is None else keepdims)
    count = count_nonzero_p(input == input, axes=axes, keepdims=keepdim)
    return nansum_p(input, axes=axes, keepdims=keepdim) / cast_p(count, dtype=raw_dtype(input))


# ---- truth and counts -----------------------------------------------------------------------------------------------


def _truth(x: Any, out: Any) -> Any:
    return out.astype(x.dtype) if x.dtype == np.uint8 else out


def _truth_spec(x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Spec:
    return Spec(reduced_shape(x.shape, axes, keepdims), x.dtype if x.dtype == np.uint8 else BOOL)


all_p = opaque(
    "all",
    lambda xp, x, *, axes, keepdims: _truth(x, xp.logical_and.reduce(x, axis=axes, keepdims=keepdims)),
    aval=_truth_spec,
    vjp=(None,),
    batch=batch_axes,
    notation="all({})",
    doc="Are all elements over `axes` nonzero? uint8 stays uint8.",
)
any_p = opaque(
    "any",
    lambda xp, x, *, axes, keepdims: _truth(x, xp.logical_or.reduce(x, axis=axes, keepdims=keepdims)),
    aval=_truth_spec,
    vjp=(None,),
    batch=batch_axes,
    notation="any({})",
    doc="Is any element over `axes` nonzero? uint8 stays uint8.",
)
count_nonzero_p = opaque(
    "count_nonzero",
    lambda xp, x, *, axes, keepdims: xp.asarray(xp.count_nonzero(x, axis=axes, keepdims=keepdims), INT64),
    aval=lambda x, *, axes, keepdims: Spec(reduced_shape(x.shape, axes, keepdims), INT64),
    vjp=(None,),
    batch=batch_axes,
    notation="count({} /= 0)",
    doc="Number of nonzero elements over `axes`.",
)


def _truth_of(prim: Any) -> Any:
    def op(
        input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None, out: Any = None
    ) -> Any:
        axes = canonical_dims(dim if axis is None else axis, len(raw_shape(input)))
        return finish_out(out, prim(input, axes=axes, keepdims=bool(keepdim if keepdims is None else keepdims)))

    op.__name__ = op.__qualname__ = prim.name
    op.__module__ = "chainrule"
    call, shown = EXAMPLES[prim.name]
    op.__doc__ = f"""{prim.doc}

    `dim` is an int, several, or all; a tensor of any shape and dtype, a bool result (uint8 for uint8).

    >>> import chainrule as cr
    >>> {call}
    {shown}
    """
    return op


all = _truth_of(all_p)
any = _truth_of(any_p)


def count_nonzero(input: Any, dim: Any = None, *, axis: Any = None) -> Any:
    """Number of nonzero elements over `dim` (an int, several, or all), as int64.

    >>> import chainrule as cr
    >>> cr.count_nonzero(cr.tensor([0, 5, 7]))
    tensor(2)
    """
    axes = canonical_dims(dim if axis is None else axis, len(raw_shape(input)))
    return count_nonzero_p(input, axes=axes, keepdims=False)


__all__ = ["sum", "mean", "all", "any", "count_nonzero", "nansum", "nanmean"]
METHODS = ("sum", "mean", "all", "any", "count_nonzero", "nansum", "nanmean")
INPLACE = ()
