"""The Python array API standard over tensors: choosing, searching, sorting, sets."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ..core import dtypes
from ..core.errors import ArgumentError
from ..core.value import Tensor
from ..tensor.attributes import concrete
from .api import cr
from .standard import in_common, result_type


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Slices of `x` along an axis at the given positions.

    Indices are 1-D integers; any dtype of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.take(cr.tensor([5, 6, 7]), cr.tensor([2, 0]))
    tensor([7, 5])
    """
    if axis is None and x.ndim != 1:
        raise ArgumentError("take: axis may be left out for one dimension only")
    dim = 0 if axis is None else axis % x.ndim
    return x[(*(slice(None),) * dim, indices)]


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Elements of `x` at positions given for each place along an axis.

    Indices are integers, in as many dimensions as `x`.

    >>> import chainrule as cr
    >>> cr.array_api.take_along_axis(cr.tensor([[5, 6]]), cr.tensor([[1]]))
    tensor([[6]])
    """
    return cr.take_along_dim(x, indices, axis)


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the largest element.

    int64; over all elements if axis=None.

    >>> import chainrule as cr
    >>> cr.array_api.argmax(cr.tensor([1, 3, 2]))
    tensor(1)
    """
    if axis is None and keepdims:
        return cr.argmax(x.reshape((-1,))).reshape((1,) * x.ndim)
    return cr.argmax(x, axis, keepdim=keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Position of the smallest element.

    int64; over all elements if axis=None.

    >>> import chainrule as cr
    >>> cr.array_api.argmin(cr.tensor([1, 3, 0]))
    tensor(2)
    """
    if axis is None and keepdims:
        return cr.argmin(x.reshape((-1,))).reshape((1,) * x.ndim)
    return cr.argmin(x, axis, keepdim=keepdims)


def count_nonzero(x: Tensor, /, *, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Number of elements that are not zero.

    int64, of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.count_nonzero(cr.tensor([0, 5, 7]))
    tensor(2)
    """
    dims = tuple(range(x.ndim)) if axis is None else axis
    return (x != 0).to(dtypes.int64) if dims == () else cr.sum(x != 0, dims, keepdim=keepdims)


def nonzero(x: Tensor, /) -> tuple:
    """Positions of the elements that are not zero, one array per dimension.

    int64, of any dtype.

    >>> import chainrule as cr
    >>> cr.array_api.nonzero(cr.tensor([0, 5, 7]))
    (tensor([1, 2]),)
    """
    if x.ndim == 0:
        raise ArgumentError("nonzero: needs at least one dimension")
    return tuple(cr.nonzero(x, as_tuple=True))


def searchsorted(x1: Tensor, x2: Tensor, /, *, side: str = "left", sorter: Any = None) -> Tensor:
    """Where the elements of `x2` belong in the sorted `x1`.

    int64, in the shape of `x2`.

    >>> import chainrule as cr
    >>> cr.array_api.searchsorted(cr.tensor([1, 3, 5]), cr.tensor([4]))
    tensor([2])
    """
    return cr.searchsorted(x1, x2, side=side, sorter=sorter)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """x1 where the condition holds, else x2.

    Shapes broadcast; the condition is bool, the other dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.array_api.where(cr.tensor([True, False]), cr.tensor([1, 2]), 0)
    tensor([1, 0])
    """
    if isinstance(x1, Tensor) and isinstance(x2, Tensor):
        x1, x2 = in_common((x1, x2))
    elif isinstance(x1, Tensor):
        x2 = cr.full((), x2, dtype=result_type(x1, x2))
    elif isinstance(x2, Tensor):
        x1 = cr.full((), x1, dtype=result_type(x2, x1))
    return cr.where(condition, x1, x2)


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Elements in order along an axis.

    Real dtypes; the shape stays.

    >>> import chainrule as cr
    >>> cr.array_api.sort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    return cr.sort(x, axis, descending, stable=stable)[0]


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Positions that put the elements in order along an axis.

    int64, in the shape of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.argsort(cr.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return cr.argsort(x, axis, descending, stable=stable)


UniqueAll = namedtuple("UniqueAll", "values indices inverse_indices counts")
UniqueCounts = namedtuple("UniqueCounts", "values counts")
UniqueInverse = namedtuple("UniqueInverse", "values inverse_indices")


def unique_all(x: Tensor, /) -> UniqueAll:
    """Distinct values (each NaN is one), where each first stands, which one each element is, and how many there are.

    Any shape and real dtype; positions and counts are int64.

    >>> import chainrule as cr
    >>> cr.array_api.unique_all(cr.tensor([3, 1, 3])).values
    tensor([1, 3])
    """
    data = concrete(x, "unique_all()")
    _, first, inverse, counts = np.unique(
        data, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    where_first, which = cr.from_numpy(first.astype(np.int64)), inverse.reshape(data.shape).astype(np.int64)
    values = x.reshape((-1,))[where_first]
    return UniqueAll(values, where_first, cr.from_numpy(which), cr.from_numpy(counts.astype(np.int64)))


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Distinct values and how many there are of each.

    Any shape and real dtype.

    >>> import chainrule as cr
    >>> cr.array_api.unique_counts(cr.tensor([3, 1, 3])).counts
    tensor([1, 2])
    """
    found = unique_all(x)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Distinct values, and which one each element is.

    Any shape and real dtype; the second is int64 in the shape of `x`.

    >>> import chainrule as cr
    >>> cr.array_api.unique_inverse(cr.tensor([3, 1, 3])).inverse_indices
    tensor([1, 0, 1])
    """
    found = unique_all(x)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Tensor, /) -> Tensor:
    """Distinct values.

    Any shape and real dtype; the result is 1-D.

    >>> import chainrule as cr
    >>> cr.array_api.unique_values(cr.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    return unique_all(x).values
