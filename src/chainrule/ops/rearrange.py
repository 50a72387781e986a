"""Repeating and combining: repeat, tile, Kronecker products, block matrices, grids and combinations."""

from __future__ import annotations

from itertools import combinations as choices
from itertools import combinations_with_replacement
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape, wrap
from .arithmetic import mul
from .indexing import getitem, index_p, setitem_p
from .joining import gathered, grown, stack
from .keys import FULL, concrete
from .kits import numpy_names, shown_as
from .shape import broadcast_to_p, canonical_dim, clone, reshape_p

__all__ = [
    "block_diag",
    "cartesian_prod",
    "combinations",
    "kron",
    "meshgrid",
    "repeat_interleave",
    "tile",
]
METHODS = ("repeat", "repeat_interleave", "tile", "kron")
INPLACE = ()


@shown_as("RepeatBackward0")
def repeat(input: Any, *counts: Any, repeats: Any = None, axis: int | None = None) -> Any:
    """Copies laid side by side, repeats[i] times along dimension i (new dimensions come in front).

    With `axis` it is NumPy's: each element along that dimension comes `repeats` times (`repeat_interleave` here).

    >>> import chainrule as cr
    >>> cr.arange(2).repeat(2, 2)
    tensor([[0, 1, 0, 1],
            [0, 1, 0, 1]])
    """
    given = counts if repeats is None else (*counts, repeats)
    if axis is not None:
        each = given[0] if len(given) == 1 else given
        return repeat_interleave(input, np.asarray(each) if isinstance(each, (tuple, list)) else each, axis)
    given = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    times, shape = tuple([int(r) for r in given]), raw_shape(input)
    if len(times) < len(shape):
        raise ShapeError(
            f"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: {len(times)} "
            f"counts for shape {shape}"
        )
    if any(r < 0 for r in times):
        raise ArgumentError(f"repeat: counts must not be negative, got {times}")
    shape = (1,) * (len(times) - len(shape)) + shape
    final = tuple([r * n for r, n in zip(times, shape, strict=True)])
    if all(r == 1 for r in times):
        return clone(reshape_p(input, shape=final))
    paired = tuple([n for size in shape for n in (1, size)])
    spread = tuple([n for pair in zip(times, shape, strict=True) for n in pair])
    out = reshape_p(broadcast_to_p(reshape_p(input, shape=paired), shape=spread), shape=final)
    return out if getattr(out, "_base", None) is None else clone(out)  # a copy, also where a view would do


@shown_as("RepeatBackward0")
def tile(input: Any, *counts: Any, dims: Any = None) -> Any:
    """repeat(), with missing leading counts taken as 1.

    A tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.tile(cr.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    given = counts if dims is None else (*counts, dims)
    given = given[0] if len(given) == 1 and isinstance(given[0], (tuple, list)) else given
    return repeat(input, (1,) * (len(raw_shape(input)) - len(given)) + tuple(given))


@numpy_names
def repeat_interleave(input: Any, repeats: Any = None, dim: int | None = None, *, output_size: Any = None) -> Any:
    """Each element (or each slice along `dim`) repeated in place, `repeats` times each.

    `repeats` is an int or one count per slice. With counts alone, the indices 0, 1, .. repeated so often.

    >>> import chainrule as cr
    >>> cr.repeat_interleave(cr.tensor([5, 7]), 2)
    tensor([5, 5, 7, 7])
    """
    if repeats is None:
        counts = concrete(input, "repeat_interleave", "Pass the counts as Python ints.")
        return wrap(np.repeat(np.arange(len(counts)), counts))
    if dim is None:
        input, dim = reshape_p(input, shape=(prod(raw_shape(input)),)), 0
    d = canonical_dim(dim, len(raw_shape(input)))
    n = raw_shape(input)[d]
    counts = concrete(repeats, "repeat_interleave", "Pass the counts as Python ints.")
    if (counts < 0).any():
        raise ArgumentError("repeats can not be negative")
    if counts.ndim and counts.size not in (1, n):
        raise ShapeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
            f"input.size({d}) = {n}"
        )
    picks = np.repeat(np.arange(n), counts)
    return index_p(input, picks, key=(*(FULL,) * d, "a"))


@shown_as("UnsafeViewBackward0")
def kron(input: Any, other: Any) -> Any:
    """Kronecker product: blocks input[i, j] * other.

    Sizes multiply, dimension by dimension from the last; dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.kron(cr.tensor([1, 2]), cr.tensor([1, 10]))
    tensor([ 1, 10,  2, 20])
    """
    a, b = raw_shape(input), raw_shape(other)
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    left = reshape_p(input, shape=tuple([n for size in a for n in (size, 1)]))
    right = reshape_p(other, shape=tuple([n for size in b for n in (1, size)]))
    return reshape_p(mul(left, right), shape=tuple([m * n for m, n in zip(a, b, strict=True)]))


@shown_as("BlockDiagBackward0")
def block_diag(*tensors: Any) -> Any:
    """The block matrix with the given matrices on its diagonal, zeros elsewhere; vectors are rows, numbers 1 by 1.

    >>> import chainrule as cr
    >>> cr.block_diag(cr.ones(1, 2), cr.tensor([[3.0]]))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    given = [wrap(np.zeros((1, 0), np.float32))] if not tensors else gathered(list(tensors), "block_diag")
    blocks = []
    for i, t in enumerate(given):
        if len(raw_shape(t)) > 2:
            raise ShapeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {len(raw_shape(t))} "
                f"dimensions"
            )
        blocks.append(grown(t, 2))
    sizes = [raw_shape(t) for t in blocks]
    shape = (sum([m for m, _ in sizes]), sum([n for _, n in sizes]))
    out: Any = wrap(np.zeros(shape, raw_dtype(blocks[0])))
    row = column = 0
    for t, (m, n) in zip(blocks, sizes, strict=True):
        out = setitem_p(out, t, key=((row, row + m, None), (column, column + n, None)))
        row, column = row + m, column + n
    return out


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple:
    """Grids of coordinates from vectors: result k has vector k along dimension k and repeats it along the others.

    `indexing="xy"` swaps the first two dimensions, as in plots; the default is "ij".

    >>> import chainrule as cr
    >>> cr.meshgrid(cr.tensor([1, 2]), cr.tensor([3, 4]), indexing="ij")
    (tensor([[1, 1],
            [2, 2]]), tensor([[3, 4],
            [3, 4]]))
    """
    given = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else list(tensors)
    if indexing not in (None, "ij", "xy"):
        raise ArgumentError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in given:
        if len(raw_shape(t)) > 1:
            raise ShapeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got shape {raw_shape(t)}"
            )
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[0], given[1] = given[1], given[0]
    sizes = tuple([prod(raw_shape(t)) for t in given])
    n = len(given)
    grids = []
    for k, t in enumerate(given):
        line = reshape_p(t, shape=(*(1,) * k, sizes[k], *(1,) * (n - 1 - k)))
        grids.append(broadcast_to_p(line, shape=sizes))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Any:
    """All combinations of one element of each vector, in lexicographic order, as rows.

    >>> import chainrule as cr
    >>> cr.cartesian_prod(cr.tensor([1, 2]), cr.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for t in given:
        if len(raw_shape(t)) != 1:
            raise ShapeError(f"Expect a 1D vector, but got shape {list(raw_shape(t))}")
    if len(given) == 1:
        return given[0]
    count = prod([raw_shape(t)[0] for t in given])
    return stack([reshape_p(g, shape=(count,)) for g in meshgrid(*given)], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Any:
    """All combinations of `r` elements of a vector, as rows.

    >>> import chainrule as cr
    >>> cr.combinations(cr.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    shape = raw_shape(input)
    if len(shape) != 1:
        raise ShapeError(f"Expect a 1D vector, but got shape {list(shape)}")
    if r < 0:
        raise ArgumentError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return getitem(input, slice(0, 0))
    rows = list((combinations_with_replacement if with_replacement else choices)(range(shape[0]), r))
    return index_p(input, np.array(rows, np.int64).reshape(len(rows), r), key=("a",))
