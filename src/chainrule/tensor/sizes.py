"""Questions about sizes, and the functions that follow from shapes and places alone."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..ops.kits import broadcast_shapes as common_shape
from ..ops.masks import nonzero
from ..ops.reductions import sum_p
from ..ops.shape import reshape_p
from .attributes import Size, concrete

__all__ = [
    "broadcast_shapes", "is_distributed", "is_nonzero", "is_same_size", "nonzero_static", "typename", "unravel_index",
]  # fmt: skip


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes (tuples, or ints for one dimension) have after broadcasting.

    >>> import chainrule as cr
    >>> cr.broadcast_shapes((2, 1), (3,), 1)
    torch.Size([2, 3])
    """
    return Size(common_shape(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes]))


def is_nonzero(input: Tensor) -> bool:
    """Is the only element of the tensor, of any dtype, not zero?

    >>> import chainrule as cr
    >>> cr.is_nonzero(cr.tensor([0.0]))
    False
    """
    return bool(input)


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Have both tensors the same shape?

    >>> import chainrule as cr
    >>> cr.is_same_size(cr.ones(2), cr.ones(2, 1))
    False
    """
    return raw_shape(input) == raw_shape(other)


def is_distributed(self: Tensor) -> bool:
    """False: a tensor, of any shape, lives in one process.

    >>> import chainrule as cr
    >>> cr.is_distributed(cr.ones(2))
    False
    """
    return False


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` rows of nonzero(input), int64 of shape (size, dimensions), filled up with `fill_value`.

    >>> import chainrule as cr
    >>> cr.nonzero_static(cr.tensor([1, 0, 2]), size=3)
    tensor([[ 0],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise ArgumentError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    places = concrete(nonzero(input), "nonzero_static()")[:size]
    rows = np.full((size, places.shape[1]), fill_value, np.int64)
    rows[: len(places)] = places
    return wrap(rows)


def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """The sum over the dimensions that broadcasting `size` to this tensor's shape would repeat.

    Raises:
        ShapeError: `size` does not broadcast to the tensor's shape.
    """
    target = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)
    have = raw_shape(self)
    lead = len(have) - len(target)
    if lead < 0 or any(t not in (1, h) for t, h in zip(target, have[lead:], strict=True)):
        raise ShapeError(f"size {list(target)} is not expandable to size {list(have)}.")
    axes = (*range(lead), *(lead + i for i, t in enumerate(target) if t == 1 and have[lead + i] != 1))
    return reshape_p(sum_p(self, axes=axes, keepdims=False), shape=target) if axes else self


def typename(obj: Any) -> str:
    """PyTorch's name of a tensor's type, or the name of any other object's.

    >>> import chainrule as cr
    >>> cr.typename(cr.ones(2)), cr.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, Tensor):
        return obj.type()  # type: ignore[attr-defined]
    kind = obj if isinstance(obj, type) or hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", "") or ""
    return kind.__qualname__ if module in ("", "builtins", "__builtin__") else f"{module}.{kind.__qualname__}"


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The positions, one int64 tensor for each dimension of `shape`, of elements given by their flat numbers.

    >>> import chainrule as cr
    >>> cr.unravel_index(cr.tensor([4, 1]), (2, 3))
    (tensor([1, 0]), tensor([1, 1]))
    """
    if not isinstance(indices, Tensor):
        raise ArgumentTypeError(f"unravel_index(): indices must be Tensor, not {type(indices).__name__}")
    if raw_dtype(indices).kind not in "iu":
        raise DTypeError(f"expected 'indices' to be integer, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if any(n < 0 for n in sizes):
        raise ArgumentError(f"'shape' cannot have negative values, but got {sizes}")
    flat, found = indices, []
    for i, n in enumerate(sizes):
        step = prod(sizes[i + 1 :])
        found.append(((flat // step) % n).to(INT64) if step * n else flat.to(INT64))
    return tuple(found)


def install() -> None:
    """Attach the methods to Tensor."""
    for function in (is_distributed, is_nonzero, is_same_size, nonzero_static, sum_to_size):
        setattr(Tensor, function.__name__, function)
