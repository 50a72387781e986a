"""Which arrays share memory, and where each lies in its storage, so that sharing survives a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import SerializationError


@dataclass(frozen=True)
class Place:
    """Where an array lies: storage number, first element, shape and strides, all in elements."""

    storage: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def extent(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements from the first to the last one, both counted; 0 if there are none."""
    if 0 in shape:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


def contiguous_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides, in elements, of a row-major array."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def _address(a: np.ndarray) -> int:
    return a.__array_interface__["data"][0]


def _regular(a: np.ndarray) -> bool:
    """Can it be described by whole, non-negative strides?"""
    return a.size > 0 and a.dtype.isnative and all(s >= 0 and s % a.itemsize == 0 for s in a.strides)


def _own(a: np.ndarray) -> np.ndarray:
    """The elements as a flat array of their own, in the machine's byte order."""
    return np.array(a, dtype=a.dtype.newbyteorder("="), order="C").reshape(-1)


def place(arrays: list[np.ndarray]) -> tuple[list[np.ndarray], list[Place]]:
    """Flat storages that hold all arrays, and the place of each array in them.

    Arrays of one dtype whose memory overlaps share a storage. What is kept between their elements is at most four times
    their own size; arrays spread more thinly are copied one by one.
    """
    storages: list[np.ndarray] = []
    places: list[Place | None] = [None] * len(arrays)
    spans = []
    for i, a in enumerate(arrays):
        if _regular(a):
            n = extent(a.shape, [s // a.itemsize for s in a.strides])
            spans.append((_address(a), _address(a) + n * a.itemsize, i))
    for cluster in _clusters(sorted(spans)):
        low, high = cluster[0][0], max(c[1] for c in cluster)
        held = [arrays[i] for _, _, i in cluster]
        size = held[0].itemsize
        fits = all(a.dtype == held[0].dtype and (_address(a) - low) % size == 0 for a in held)
        most = held[0].nbytes if len(held) == 1 else 4 * sum(a.nbytes for a in held)
        if not fits or high - low > most:
            continue
        whole = np.lib.stride_tricks.as_strided(held[0], ((high - low) // size,), (size,))
        for (start, _, i), a in zip(cluster, held, strict=True):
            places[i] = Place(len(storages), (start - low) // size, a.shape, tuple(s // size for s in a.strides))
        storages.append(np.array(whole))
    for i, a in enumerate(arrays):
        if places[i] is None:
            places[i] = Place(len(storages), 0, a.shape, contiguous_strides(a.shape))
            storages.append(_own(a))
    return storages, [p for p in places if p is not None]


def _clusters(spans: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    """Spans of memory, sorted, in groups that overlap."""
    found: list[list[tuple[int, int, int]]] = []
    end = -1
    for span in spans:
        if found and span[0] < end:
            found[-1].append(span)
        else:
            found.append([span])
        end = max(end, span[1])
    return found


def view(storage: np.ndarray, offset: object, shape: object, strides: object, what: str) -> np.ndarray:
    """The array at a place in a flat storage; refuses places that do not lie within it."""
    for name, value in (("size", shape), ("stride", strides)):
        if not isinstance(value, (tuple, list)) or any(type(n) is not int or n < 0 for n in value):
            raise SerializationError(f"{what} has {name} {value!r}; sizes and strides are non-negative whole numbers")
    assert isinstance(shape, (tuple, list)) and isinstance(strides, (tuple, list))
    if type(offset) is not int or offset < 0:
        raise SerializationError(f"{what} has offset {offset!r}; an offset is a non-negative whole number")
    if len(shape) != len(strides) or len(shape) > 32:
        raise SerializationError(f"{what} has {len(shape)} sizes and {len(strides)} strides (at most 32 of each)")
    need = offset + extent(shape, strides)
    if 0 in shape:
        need = 0
        offset = min(offset, storage.size)
    if need > storage.size:
        raise SerializationError(
            f"{what}, of shape {list(shape)}, strides {list(strides)} and offset {offset}, needs {need} elements, but "
            f"its storage holds {storage.size}: the file is damaged or was made to harm"
        )
    try:
        steps = tuple(s * storage.itemsize for s in strides)
        made = np.lib.stride_tricks.as_strided(storage[offset:], tuple(shape), steps)
    except (ValueError, OverflowError) as error:
        raise SerializationError(f"{what} has an impossible shape {list(shape)}: {error}") from error
    return made
