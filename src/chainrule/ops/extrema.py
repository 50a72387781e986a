"""Extrema: largest and smallest elements, where they are, and picking elements along a dimension by index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.errors import ArgumentError, ArgumentTypeError, DimensionError, DTypeError, UnsupportedDTypeError
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .kits import opaque
from .reductions import (
    ALL_AXES,
    all_batched,
    batch_axes,
    canonical_dims,
    count_over,
    finish_out,
    reduced_shape,
    restore_dims,
    return_type,
    spec_axes,
    sum_p,
)
from .shape import canonical_dim, reshape_p

# ---- picking by index, and its transpose ----------------------------------------------------------------------------


def _with_length(shape: tuple[int, ...], axis: int, n: int) -> tuple[int, ...]:
    return (*shape[:axis], n, *shape[axis + 1 :])


def _batch_along(prim: Any, args: Any, is_batched: Any, *, axis: int, **params: Any) -> Any:
    return prim(*all_batched(args, is_batched), axis=axis + 1, **params)


pick_p = opaque(
    "pick_along",
    lambda xp, x, index, *, axis: xp.take_along_axis(x, index, axis),
    aval=lambda x, index, *, axis: Spec(index.shape, x.dtype),
    vjp=(lambda g, ans, x, index, *, axis: place_p(g, index, axis=axis, size=x.shape[axis]), None),
    jvp=lambda prim, tangents, ans, x, index, *, axis: prim(tangents[0], index, axis=axis),
    batch=_batch_along,
    notation="pick({}, {})",
    doc="out[.., k, ..] = x[.., index[.., k, ..], ..] along `axis`; the other sizes agree.",
)


def _place_impl(xp: Any, x: Any, index: Any, *, axis: int, size: int) -> Any:
    out = xp.zeros(_with_length(x.shape, axis, size), x.dtype)
    if x.shape[axis] == 1:
        xp.put_along_axis(out, index, x, axis)
    else:
        place = [xp.arange(n).reshape(-1, *(1,) * (x.ndim - 1 - i)) for i, n in enumerate(x.shape)]
        place[axis] = index
        xp.add.at(out, tuple(place), x)
    return out


place_p = opaque(
    "place_along",
    _place_impl,
    aval=lambda x, index, *, axis, size: Spec(_with_length(tuple(x.shape), axis, size), x.dtype),
    vjp=(lambda g, ans, x, index, *, axis, size: pick_p(g, index, axis=axis), None),
    jvp=lambda prim, tangents, ans, x, index, *, axis, size: prim(tangents[0], index, axis=axis, size=size),
    batch=_batch_along,
    notation="place({}, {})",
    doc="Add the elements of x to zeros of length `size` at `index` along `axis`: the transpose of pick.",
)


def selecting(
    name: str,
    choose: Callable,
    doc: str,
    *,
    backward_name: str = "",
    length: Callable | None = None,
    value: Callable | None = None,
) -> Primitive:
    """A record with results (values, indices): `choose(x, axis, **params)` says which elements along `axis`.

    Its gradient goes to the chosen elements. `length(n, **params)` is how many are chosen of n (default one), and
    `value(x, axis)` a shorter way to them.
    """

    def sizes(shape: Any, axis: int, keepdims: bool, params: dict) -> tuple[int, ...]:
        n = length(shape[axis], **params) if length else 1
        kept = _with_length(tuple(shape), axis, n)
        return kept if keepdims else kept[:axis] + kept[axis + 1 :]

    def impl(xp: Any, x: Any, *, axis: int, keepdims: bool, **params: Any) -> tuple:
        index = choose(x, axis, **params)
        values = value(x, axis) if value else xp.take_along_axis(x, index, axis)
        return (values, index) if keepdims else (values.squeeze(axis), index.squeeze(axis))

    def aval(x: Any, *, axis: int, keepdims: bool, **params: Any) -> tuple:
        shape = sizes(x.shape, axis, keepdims, params)
        return Spec(shape, x.dtype), Spec(shape, INT64)

    def vjp(g: Any, ans: Any, x: Any, *, axis: int, keepdims: bool, **params: Any) -> Any:
        where = restore_dims(ans[1], x.shape, (axis,), keepdims)
        return place_p(restore_dims(g[0], x.shape, (axis,), keepdims), where, axis=axis, size=x.shape[axis])

    def jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axis: int, keepdims: bool, **params: Any) -> tuple:
        picked = pick_p(tangents[0], restore_dims(ans[1], raw_shape(x), (axis,), keepdims), axis=axis)
        return picked if keepdims else reshape_p(picked, shape=raw_shape(ans[0])), None

    def batch(prim: Any, args: Any, is_batched: Any, *, axis: int, **params: Any) -> Any:
        return prim(args[0], axis=axis + 1, **params)

    return opaque(
        name, impl, aval, vjp=(vjp,), jvp=jvp, batch=batch, n_out=2, doc=doc, backward_name=backward_name,
        notation=f"{name}({{}})",
    )  # fmt: skip


def by_dim(function: Callable, name: str, input: Any, dim: Any, axis: Any = None) -> Any:
    """`function(input, axis)` for a canonical axis; a 0-d tensor counts as one with a single element."""
    dim = dim if axis is None else axis
    if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)):
        if dim is None:
            raise ArgumentTypeError(f"{name}() missing 1 required positional argument: 'dim'; write {name}(x, dim=0)")
        raise ArgumentTypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    shape = raw_shape(input)
    d = canonical_dim(int(dim), len(shape))
    if shape:
        return function(input, d)
    found = function(reshape_p(input, shape=(1,)), 0)
    if isinstance(found, tuple):
        return tuple(reshape_p(f, shape=()) for f in found)
    return reshape_p(found, shape=())


def nonempty(name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Raise PyTorch's IndexError if a reduction without identity meets a dimension of size 0."""
    for d in axes:
        if shape and shape[d] == 0:
            raise DimensionError(
                f"{name}(): Expected reduction dim {d} to have non-zero size. The input has shape {shape}; test "
                f"x.numel() first"
            )


def ordered(name: str, input: Any) -> None:
    """Refuse complex input."""
    if raw_dtype(input).kind == "c":
        raise UnsupportedDTypeError(
            f"{name}() is not implemented for {raw_dtype(input)}: complex numbers have no order; write {name}(x.abs())"
        )


# ---- records --------------------------------------------------------------------------------------------------------


def _ties_impl(xp: Any, x: Any, best: Any, *, axes: tuple[int, ...]) -> Any:
    hit = (x == best) | ((x != x) & (best != best))
    return (hit / xp.maximum(xp.count_nonzero(hit, axis=axes, keepdims=True), 1)).astype(x.dtype)


ties_p = opaque(
    "ties",
    _ties_impl,
    aval=lambda x, best, *, axes: Spec(x.shape, x.dtype),
    vjp=(lambda g, ans, x, best, *, axes: None, lambda g, ans, x, best, *, axes: None),  # constant almost everywhere
    jvp=lambda prim, tangents, ans, x, best, *, axes: None,
    batch=batch_axes,
    notation="ties({}, {})",
    doc="1/n at the n elements over `axes` that equal `best` (or are NaN like it), 0 elsewhere.",
)


def share(x: Any, ans: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """How the derivative of a selected value is shared among the elements equal to it."""
    return ties_p(x, restore_dims(ans, raw_shape(x), axes, keepdims), axes=axes)


def _share_vjp(g: Any, ans: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return restore_dims(g, raw_shape(x), axes, keepdims) * share(x, ans, axes, keepdims)


def _share_jvp(prim: Any, tangents: Any, ans: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return sum_p(tangents[0] * share(x, ans, axes, keepdims), axes=axes, keepdims=keepdims)


def evenly(name: str, impl: Callable, doc: str, backward_name: str = "") -> Primitive:
    """A record that reduces `axes` to one of the elements; its gradient is shared by all elements equal to it."""
    return opaque(
        name, impl, spec_axes, vjp=(_share_vjp,), jvp=_share_jvp, batch=batch_axes, doc=doc, notation=f"{name}({{}})",
        backward_name=backward_name,
    )  # fmt: skip


def _largest(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return xp.maximum.reduce(x, axis=axes, keepdims=keepdims)


def _smallest(xp: Any, x: Any, *, axes: tuple[int, ...], keepdims: bool) -> Any:
    return xp.minimum.reduce(x, axis=axes, keepdims=keepdims)


amax_p = evenly("amax", _largest, "Largest element over `axes`.")
amin_p = evenly("amin", _smallest, "Smallest element over `axes`.")
max_all_p = evenly("max", _largest, "Largest element of all.", "MaxBackward1")
min_all_p = evenly("min", _smallest, "Smallest element of all.", "MinBackward1")
max_p = selecting(
    "max_along",
    lambda x, axis: np.argmax(x, axis=axis, keepdims=True).astype(INT64, copy=False),
    "Largest element along `axis` and where it is first.",
    backward_name="MaxBackward0",
    value=lambda x, axis: np.maximum.reduce(x, axis, keepdims=True),
)
min_p = selecting(
    "min_along",
    lambda x, axis: np.argmin(x, axis=axis, keepdims=True).astype(INT64, copy=False),
    "Smallest element along `axis` and where it is first.",
    backward_name="MinBackward0",
    value=lambda x, axis: np.minimum.reduce(x, axis, keepdims=True),
)


def _arg_record(name: str, doc: str) -> Primitive:
    return opaque(
        name,
        lambda xp, x, *, axis, keepdims: xp.asarray(getattr(xp, name)(x, axis=axis, keepdims=keepdims), INT64),
        lambda x, *, axis, keepdims: Spec(reduced_shape(x.shape, (axis,), keepdims), INT64),
        vjp=(None,),
        batch=_batch_along,
        notation=f"{name}({{}})",
        doc=doc,
    )


argmax_p = _arg_record("argmax", "Index of the first largest element along `axis`; NaN is the largest.")
argmin_p = _arg_record("argmin", "Index of the first smallest element along `axis`; NaN is the smallest.")


# ---- functions ------------------------------------------------------------------------------------------------------

max_result = return_type("max", "values", "indices")
min_result = return_type("min", "values", "indices")
aminmax_result = return_type("aminmax", "min", "max")


def _reduce_some(prim: Primitive, input: Any, dim: Any, keepdim: Any) -> Any:
    name, shape = prim.name, raw_shape(input)
    ordered(name, input)
    axes = canonical_dims(dim, len(shape))
    if 0 in shape:
        if dim is None or dim == ():
            raise ArgumentError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
                f"with the 'dim' argument."
            )
        nonempty(name, shape, axes)
    return prim(input, axes=axes, keepdims=bool(keepdim))


def _extremum(name: str, everywhere: Primitive, along: Primitive, result: type, args: Any, keepdim: Any) -> Any:
    input, dim, other = args
    if isinstance(dim, (Tensor, np.ndarray)):
        dim, other = None, dim
    if other is not None:
        from . import comparison

        return getattr(comparison, f"{name}imum")(input, other)
    if dim is None:
        return _reduce_some(everywhere, input, None, False)
    ordered(name, input)

    def reduce(x: Any, axis: int) -> Any:
        nonempty(name, raw_shape(x), (axis,))
        return along(x, axis=axis, keepdims=bool(keepdim))

    return result(*by_dim(reduce, name, input, dim))


def max(
    input: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    out: Any = None,
) -> Any:
    """Largest element: `max(x)` of all, `max(x, dim)` as (values, indices) along `dim`, `max(x, y)` by elements.

    NaN counts as the largest. The gradient of max(x) is shared by equal elements; that of max(x, dim) goes to the
    element at the index.

    Raises:
        DimensionError: the dimension has size 0.

    >>> import chainrule as cr
    >>> cr.max(cr.tensor([[1., 4.], [3., 2.]]), 1)
    torch.return_types.max(
    values=tensor([4., 3.]),
    indices=tensor([1, 0]))
    """
    args = (input, dim if axis is None else axis, other)
    found = _extremum("max", max_all_p, max_p, max_result, args, keepdim if keepdims is None else keepdims)
    return _written(out, found)


def min(
    input: Any,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    out: Any = None,
) -> Any:
    """Smallest element: `min(x)` of all, `min(x, dim)` as (values, indices) along `dim`, `min(x, y)` by elements.

    NaN counts as the smallest. The gradient of min(x) is shared by equal elements; that of min(x, dim) goes to the
    element at the index.

    >>> import chainrule as cr
    >>> cr.min(cr.tensor([3, 1, 2]))
    tensor(1)
    """
    args = (input, dim if axis is None else axis, other)
    found = _extremum("min", min_all_p, min_p, min_result, args, keepdim if keepdims is None else keepdims)
    return _written(out, found)


def _written(out: Any, found: Any) -> Any:
    if isinstance(out, (tuple, list)):
        return type(found)(*(finish_out(o, f) for o, f in zip(out, found, strict=True)))
    return finish_out(out, found)


def amax(
    input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None, out: Any = None
) -> Any:
    """Largest element over `dim` (an int, several, or all); its gradient is shared by equal elements.

    >>> import chainrule as cr
    >>> cr.amax(cr.tensor([[1., 4.], [3., 2.]]), (0, 1))
    tensor(4.)
    """
    dim = dim if axis is None else axis
    return finish_out(out, _reduce_some(amax_p, input, dim, keepdim if keepdims is None else keepdims))


def amin(
    input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None, out: Any = None
) -> Any:
    """Smallest element over `dim` (an int, several, or all); its gradient is shared by equal elements.

    >>> import chainrule as cr
    >>> cr.amin(cr.tensor([[1, 4], [2, 3]]), dim=0)
    tensor([1, 3])
    """
    dim = dim if axis is None else axis
    return finish_out(out, _reduce_some(amin_p, input, dim, keepdim if keepdims is None else keepdims))


def aminmax(input: Any, *, dim: Any = None, keepdim: bool = False, axis: Any = None) -> Any:
    """Smallest and largest element, of all or along `dim`: (min, max).

    >>> import chainrule as cr
    >>> cr.aminmax(cr.tensor([3, 1, 2]))
    torch.return_types.aminmax(
    min=tensor(1),
    max=tensor(3))
    """
    ordered("aminmax", input)
    shape, dim = raw_shape(input), dim if axis is None else axis
    if dim is None:
        axes = ALL_AXES[len(shape)]
        if 0 in shape:
            raise ArgumentError(
                f"aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity: {shape}"
            )
    else:
        axes = canonical_dims(int(dim), len(shape))
        nonempty("aminmax", shape, axes)
    return aminmax_result(*(p(input, axes=axes, keepdims=bool(keepdim)) for p in (amin_p, amax_p)))


def _arg_of(prim: Primitive, input: Any, dim: Any, keepdim: Any) -> Any:
    name, shape = prim.name, raw_shape(input)
    ordered(name, input)
    if raw_dtype(input).kind == "b":
        raise DTypeError(f"{name}(): does not support bool input; write {name}(x.int())")
    if dim is not None:

        def find(x: Any, axis: int) -> Any:
            nonempty(name, raw_shape(x), (axis,))
            return prim(x, axis=axis, keepdims=bool(keepdim))

        return by_dim(find, name, input, dim)
    n = count_over(shape, ALL_AXES[len(shape)])
    if n == 0:
        raise DimensionError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0: shape {shape}")
    found = prim(reshape_p(input, shape=(n,)), axis=0, keepdims=False)
    return reshape_p(found, shape=(1,) * len(shape)) if keepdim and shape else found


def argmax(input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None) -> Any:
    """Index of the first largest element along `dim`, or in the flattened tensor; NaN counts as the largest.

    >>> import chainrule as cr
    >>> cr.argmax(cr.tensor([[1., 4.], [3., 2.]]), dim=0)
    tensor([1, 0])
    """
    return _arg_of(argmax_p, input, dim if axis is None else axis, keepdim if keepdims is None else keepdims)


def argmin(input: Any, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None) -> Any:
    """Index of the first smallest element along `dim`, or in the flattened tensor; NaN counts as the smallest.

    >>> import chainrule as cr
    >>> cr.argmin(cr.tensor([3, 1, 2]))
    tensor(1)
    """
    return _arg_of(argmin_p, input, dim if axis is None else axis, keepdim if keepdims is None else keepdims)


__all__ = ["max", "min", "amax", "amin", "aminmax", "argmax", "argmin"]
METHODS = ("max", "min", "amax", "amin", "aminmax", "argmax", "argmin")
INPLACE = ()
