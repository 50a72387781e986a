"""NumPy's sets on tensors: the elements that are kept are selected, so gradients flow to where they were."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from .api import cr, tensor_of, values_of
from .functions import door, named


@door(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: Any = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    x = tensor_of(ar)
    _, index, inverse, counts = np.unique(values_of(x, "np.unique"), True, True, True, axis, equal_nan=equal_nan)
    kept = x.reshape(-1)[index] if axis is None else cr.index_select(x, axis, tensor_of(index))
    asked = ((return_index, index), (return_inverse, inverse), (return_counts, counts))
    extra = [tensor_of(found) for wanted, found in asked if wanted]
    return (kept, *extra) if extra else kept


UniqueAll = namedtuple("UniqueAll", "values indices inverse_indices counts")
UniqueCounts = namedtuple("UniqueCounts", "values counts")
UniqueInverse = namedtuple("UniqueInverse", "values inverse_indices")


@door(named("unique_values"))
def unique_values(x: Any) -> Any:
    return unique(x, equal_nan=False)


@door(named("unique_counts"))
def unique_counts(x: Any) -> Any:
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False))


@door(named("unique_inverse"))
def unique_inverse(x: Any) -> Any:
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False))


@door(named("unique_all"))
def unique_all(x: Any) -> Any:
    return UniqueAll(*unique(x, True, True, True, equal_nan=False))


@door(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: Any = None
) -> Any:
    return cr.isin(tensor_of(element), tensor_of(test_elements), assume_unique=assume_unique, invert=invert)


@door(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return unique(cr.cat([tensor_of(ar1).reshape(-1), tensor_of(ar2).reshape(-1)]))


@door(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    a, b = tensor_of(ar1).reshape(-1), tensor_of(ar2).reshape(-1)
    raw = [values_of(x, "np.intersect1d") for x in (a, b)]
    _, here, there = np.intersect1d(*raw, assume_unique=assume_unique, return_indices=True)
    return (a[here], tensor_of(here), tensor_of(there)) if return_indices else a[here]


@door(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    a = tensor_of(ar1).reshape(-1) if assume_unique else unique(ar1)
    return a[isin(a, ar2, invert=True)]


@door(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    a, b = tensor_of(ar1).reshape(-1), tensor_of(ar2).reshape(-1)
    return unique(cr.cat([setdiff1d(a, b), setdiff1d(b, a)]))
