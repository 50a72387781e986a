"""Windows of images as the columns of matrices, a few images at a time so that the buffer stays in cache."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from .window_geometry import Pairs, pad_into, padded_size, window_slices

ALL = slice(None)
CHUNK_BYTES = 1 << 21  # size of the column buffer that still fits a core's cache


def chunk_length(n: int, bytes_each: int) -> int:
    """How many images go through the column buffer at a time."""
    return max(1, min(n, CHUNK_BYTES // max(bytes_each, 1)))


class Columns:
    """Shifted copies of padded images, some images at a time: `of(x)` is (m, groups, depth, positions).

    With stride 1 the positions can be those of whole rows of the padded image, `wide` many, of which those beyond the
    output are not used: a shift is then one run of memory instead of a short one for each row. `spread` writes values
    at the output's positions, zeros at the others, and `cropped` takes the output's.
    """

    def __init__(
        self,
        xp: Any,
        shape: tuple,
        dtype: np.dtype,
        kernel: tuple,
        out: tuple,
        stride: tuple,
        padding: Pairs,
        dilation: tuple,
        groups: int,
        outputs: int,
    ) -> None:
        n, c, *size = shape
        self.xp, self.channels, self.size = xp, c, padded_size(tuple(size), padding)
        self.kernel, self.out, self.stride, self.padding, self.dilation = kernel, out, stride, padding, dilation
        self.pointwise = all(k == 1 for k in kernel) and all(s == 1 for s in stride)
        self.plain = self.size == tuple(size) and not any(lo for lo, _ in padding)
        wide = (*out[:1], *self.size[1:])
        pays = c * prod(kernel) >= 4 * outputs and 0 < prod(wide) <= 1.4 * prod(out)  # saved copies against added ones
        self.is_wide = pays and not self.pointwise and all(s == 1 for s in stride)
        self.positions = wide if self.is_wide else out
        self.shape = (groups, c // groups * prod(kernel), prod(self.positions))
        self.step = chunk_length(n, c * prod(kernel) * prod(self.positions) * dtype.itemsize)
        self.strides = tuple(prod(self.size[i + 1 :]) for i in range(len(out)))
        reach = sum((k - 1) * d * s for k, d, s in zip(kernel, dilation, self.strides, strict=True))
        self.flat = max(reach + prod(self.positions), prod(self.size)) if self.is_wide else prod(self.size)
        self.dtype = dtype

    def images(self, m: int, clear: bool = True) -> tuple[Any, Any]:
        """A buffer for m padded images: flat, and as images that share its memory."""
        flat = (self.xp.zeros if clear else self.xp.empty)((m, self.channels, self.flat), self.dtype)
        return flat, flat[:, :, : prod(self.size)].reshape(m, self.channels, *self.size)

    def shifts(self, flat: Any, image: Any) -> Any:
        """Pairs (kernel element, what it sees of the images at all positions)."""
        for offset in product(*map(range, self.kernel)):
            if self.is_wide:
                start = sum(o * d * s for o, d, s in zip(offset, self.dilation, self.strides, strict=True))
                yield offset, flat[:, :, start : start + prod(self.positions)]
            else:
                where = window_slices(offset, self.stride, self.dilation, self.out)
                yield offset, image[(ALL, ALL, *where)]

    def buffer(self, m: int) -> tuple[Any, Any]:
        """A buffer for the columns of m images, by kernel element and as matrices."""
        per_shift = (prod(self.positions),) if self.is_wide else self.out
        cols = self.xp.empty((m, self.channels, *self.kernel, *per_shift), self.dtype)
        return cols, cols.reshape(m, *self.shape)

    def matrices(self, x: Any) -> Any:
        """The columns of all images, `step` at a time: pairs (slice, matrices)."""
        if not self.pointwise:
            cols, matrices = self.buffer(self.step)
        if self.is_wide or not self.plain:
            flat, image = self.images(self.step)
        for start in range(0, len(x), self.step):
            part = slice(start, start + self.step)
            seen = x[part]
            m = len(seen)
            if self.is_wide or not self.plain:
                pad_into(image[:m], seen, self.padding)
                seen = image[:m]
            if self.pointwise:
                yield part, seen.reshape(m, *self.shape)
                continue
            for offset, shifted in self.shifts(flat[:m] if self.is_wide else None, seen):
                cols[(slice(m), ALL, *offset)] = shifted
            yield part, matrices[:m]

    def cropped(self, y: Any) -> Any:
        """(m, O, positions) as (m, O, *out)."""
        y = y.reshape(*y.shape[:2], *self.positions)
        return y[(ALL, ALL, *map(slice, self.out))] if self.is_wide else y

    def spread(self, g: Any, groups: int) -> Any:
        """(m, O, *out) as (m, groups, O / groups, positions)."""
        m, o = g.shape[:2]
        if self.is_wide and self.positions != self.out:
            wide = self.xp.zeros((m, o, *self.positions), g.dtype)
            wide[(ALL, ALL, *map(slice, self.out))] = g
            g = wide
        return g.reshape(m, groups, o // groups, prod(self.positions))
