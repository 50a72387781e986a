"""The Python array API standard over tensors: shapes, joining, rearranging."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError
from ..core.value import Tensor
from .api import cr
from .standard import in_common


def broadcast_arrays(*arrays: Tensor) -> list[Tensor]:
    """All arrays, broadcast against one another.

    Any dtypes, which stay.

    >>> import chainrule as cr
    >>> [a.shape for a in cr.array_api.broadcast_arrays(cr.ones(2, 1), cr.ones(3))]
    [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    return list(cr.broadcast_tensors(*arrays))


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """`x` repeated to `shape`.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.broadcast_to(cr.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return cr.broadcast_to(x, tuple(shape))


def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Arrays joined along an axis; flattened first if axis=None.

    Dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.concat([cr.tensor([1]), cr.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    parts = in_common(arrays)
    return cr.cat([p.reshape((-1,)) for p in parts]) if axis is None else cr.cat(parts, axis)


def expand_dims(x: Tensor, /, axis: Any = 0) -> Tensor:
    """A dimension of size 1 inserted at `axis`.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.expand_dims(cr.tensor([1, 2]), axis=0)
    tensor([[1, 2]])
    """
    return x.unsqueeze(axis)


def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """Elements in reverse order along the axes (default: all).

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.flip(cr.tensor([1, 2]))
    tensor([2, 1])
    """
    dims = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return cr.flip(x, dims)


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Axes moved to other places.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.moveaxis(cr.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return cr.movedim(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """Axes reordered.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.permute_dims(cr.ones(2, 3), (1, 0)).shape
    torch.Size([3, 2])
    """
    return cr.permute(x, tuple(axes))


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element repeated.

    Any dtype; `repeats` is an int or a tensor of ints.

    >>> import chainrule as cr
    >>> cr.array_api.repeat(cr.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    return cr.repeat_interleave(x, repeats, dim=axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The same elements under another shape.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.reshape(cr.tensor([1, 2]), (2, 1))
    tensor([[1],
            [2]])
    """
    found = x.reshape(tuple(shape))
    if copy is False and not found.is_contiguous() and found.numel() and found.data_ptr() != x.data_ptr():
        raise ArgumentError("reshape: this shape cannot be had without a copy; leave out copy=False")
    return found.clone() if copy else found


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved around in a circle.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.roll(cr.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    if isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return cr.roll(x, shift, axis)


def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """Without the given dimensions of size 1.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.squeeze(cr.ones(1, 2), 0).shape
    torch.Size([2])
    """
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for d in axes:
        if -x.ndim <= d < x.ndim and x.shape[d] != 1:
            raise ArgumentError(f"squeeze: axis {d} has size {x.shape[d]}, not 1")
    return cr.squeeze(x, axes) if axes else x


def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Arrays joined along a new axis.

    Arrays of one shape; dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.stack([cr.tensor([1]), cr.tensor([2])])
    tensor([[1],
            [2]])
    """
    return cr.stack(in_common(arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """The whole array repeated.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.array_api.tile(cr.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    return cr.tile(x, tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple:
    """The slices along an axis.

    Any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.unstack(cr.tensor([1, 2]))
    (tensor(1), tensor(2))
    """
    return tuple(cr.unbind(x, axis))
