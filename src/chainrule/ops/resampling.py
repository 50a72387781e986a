"""Resampling of images: interpolate, grid_sample and affine_grid, as weighted sums of gathered elements."""

from __future__ import annotations

import operator
from itertools import product
from math import floor, prod
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .embedding import pick, rows_p
from .kits import add_terms, shown_as
from .shape import broadcast_to_p, cast_p, permute_p, reshape_p

# ---- one dimension at a time ----------------------------------------------------------------------------------------


def weighted_taps(x: Any, axis: int, index: np.ndarray, weights: np.ndarray) -> Any:
    """y[.., j, ..] = sum_k weights[k, j] x[.., index[k, j], ..] along `axis`."""
    tail = (1,) * (len(raw_shape(x)) - 1 - axis)
    return add_terms(
        [rows_p(x, i, axis=axis) * w.reshape(-1, *tail) for i, w in zip(index, weights, strict=True) if w.any()]
        or [rows_p(x, index[0], axis=axis) * 0.0]
    )


def _step(size: int, out: int, scale: float | None, align: bool) -> float:
    """Distance in the input between neighbours of the output."""
    if align:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / scale if scale else size / out


def cubic(t: Any, a: float) -> list:
    """The four weights of cubic convolution at fraction t after the second of four neighbours."""

    def near(s: Any) -> Any:
        return ((a + 2.0) * s - (a + 3.0)) * s * s + 1.0

    def far(s: Any) -> Any:
        return ((a * s - 5.0 * a) * s + 8.0 * a) * s - 4.0 * a

    return [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]


def _nearest(size: int, out: int, scale: float | None, exact: bool) -> np.ndarray:
    step = np.float32(_step(size, out, scale, False))
    source = np.floor((np.arange(out, dtype=np.float32) + np.float32(0.5 if exact else 0)) * step)
    return np.minimum(source.astype(np.int64), size - 1)


def _linear_taps(size: int, out: int, scale: float | None, align: bool) -> tuple[np.ndarray, np.ndarray]:
    step, j = _step(size, out, scale, align), np.arange(out)
    source = j * step if align else np.maximum((j + 0.5) * step - 0.5, 0.0)
    low = np.minimum(source.astype(np.int64), size - 1)
    t = np.clip(source - low, 0.0, 1.0)
    return np.stack([low, np.minimum(low + 1, size - 1)]), np.stack([1 - t, t])


def _cubic_taps(size: int, out: int, scale: float | None, align: bool) -> tuple[np.ndarray, np.ndarray]:
    step, j = _step(size, out, scale, align), np.arange(out)
    source = j * step if align else (j + 0.5) * step - 0.5
    low = np.floor(source)
    index = np.clip(low.astype(np.int64) + np.arange(-1, 3)[:, None], 0, size - 1)
    return index, np.stack(cubic(source - low, -0.75))


def _smooth_taps(size: int, out: int, scale: float | None, align: bool, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Taps of the filter widened to the step, so that shrinking averages (antialias)."""
    step = _step(size, out, scale, align)
    wide = max(step, 1.0)
    support = (1.0 if order == 1 else 2.0) * wide
    center = step * (np.arange(out) + 0.5)
    begin = np.maximum((center - support + 0.5).astype(np.int64), 0)
    end = np.minimum((center + support + 0.5).astype(np.int64), size)
    index = begin + np.arange(int((end - begin).max(initial=1)))[:, None]
    distance = np.abs((index - center + 0.5) / wide)
    if order == 1:
        weights = np.maximum(1 - distance, 0)
    else:
        near = (1.5 * distance - 2.5) * distance * distance + 1.0
        far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
        weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    weights = np.where(index < end, weights, 0)
    return np.minimum(index, end - 1), weights / weights.sum(0)


_MODES = {"nearest": 0, "nearest-exact": 0, "area": 0, "linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Images (N, C, ...) in another spatial size, given as `size` or as factors `scale_factor`.

    Args:
        mode: "nearest", "nearest-exact" and "area" for 1 to 3 spatial dimensions, "linear" for 1, "bilinear" and
            "bicubic" for 2, "trilinear" for 3.
        align_corners: the centres of the corner elements stay where they are (linear and cubic modes).
        antialias: widen the filter when shrinking ("bilinear" and "bicubic").

    >>> import chainrule as cr
    >>> cr.nn.functional.interpolate(cr.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    shape = raw_shape(input)
    n = len(shape) - 2
    if mode not in _MODES or n not in (1, 2, 3) or _MODES[mode] not in (0, n + 2):
        raise ArgumentError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {len(shape)}D) for the modes: nearest | "
            f"linear | bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if align_corners is not None and _MODES[mode] == 0:
        raise ArgumentError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError("Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor")
    have = shape[2:]
    scales: tuple = (None,) * n
    if size is not None and scale_factor is not None:
        raise ArgumentError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = size if isinstance(size, (tuple, list)) or np.ndim(size) else (size,) * n
        try:
            out = tuple(operator.index(m) for m in sizes)
        except TypeError:
            kinds = [type(m).__name__ for m in sizes]
            raise ArgumentTypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got size "
                f"with types {kinds}"
            ) from None
        if len(out) != n:
            raise ShapeError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(have)} and output size of {list(out)}"
            )
        if recompute_scale_factor:
            raise ArgumentError("recompute_scale_factor is not meaningful with an explicit size.")
    elif scale_factor is not None:
        factors = (float(scale_factor),) * n if np.ndim(scale_factor) == 0 else tuple(float(f) for f in scale_factor)
        if len(factors) != n:
            raise ShapeError(
                f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(have)} and scale_factor of shape {list(factors)}"
            )
        out = tuple(floor(m * f) for m, f in zip(have, factors, strict=True))
        scales = (None,) * n if recompute_scale_factor else factors
    else:
        raise ArgumentError("either size or scale_factor should be defined")
    if any(m < 1 for m in (*have, *out)):
        raise ShapeError(
            f"Input and output sizes should be greater than 0, but got input (sizes: {list(have)}) and output (sizes: "
            f"{list(out)})"
        )
    if mode == "area":
        from .adaptive_pooling import _adaptive_avg

        return _adaptive_avg(n, input, out)
    align, x, dtype = bool(align_corners), input, raw_dtype(input)
    for axis in range(n):
        args = have[axis], out[axis], scales[axis]
        if mode.startswith("nearest"):
            x = rows_p(x, _nearest(*args, mode == "nearest-exact"), axis=2 + axis)
            continue
        if have[axis] == out[axis] and (align or scales[axis] in (None, 1.0)):
            continue
        if antialias:
            index, weights = _smooth_taps(*args, align, 1 if mode == "bilinear" else 3)
        else:
            index, weights = (_cubic_taps if mode == "bicubic" else _linear_taps)(*args, align)
        x = weighted_taps(x, 2 + axis, index, weights.astype(dtype))
    return x


# ---- at given places ------------------------------------------------------------------------------------------------


def _floor_index(c: Any) -> Any:
    """The largest whole number not above c, as int64; no derivative flows."""
    whole = cast_p(c, dtype=INT64)
    return whole - cast_p(c < cast_p(whole, dtype=raw_dtype(c)), dtype=INT64)


def _reflected(c: Any, low: float, span: float) -> Any:
    """Fold the line back and forth onto [low, low + span]."""
    from .comparison import where

    if span <= 0:
        return c * 0.0
    t = c - low
    t = where(t < 0, -t, t)
    turns = _floor_index(t / span)
    rest = t - cast_p(turns, dtype=raw_dtype(c)) * span
    half = _floor_index(cast_p(turns, dtype=raw_dtype(c)) / 2)
    return where(turns - half * 2 > 0, span - rest, rest) + low


def _inside(c: Any, size: int, mode: str, align: bool) -> Any:
    """Coordinates moved into the image by the padding mode ("zeros" leaves them)."""
    from .rounding import clamp

    if mode == "zeros":
        return c
    if mode == "reflection":
        c = _reflected(c, 0.0, size - 1.0) if align else _reflected(c, -0.5, float(size))
    return clamp(c, 0, size - 1)


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Any:
    """Values of images (N, C, H, W) at the places (x, y) in `grid` (N, H', W', 2), where -1 and 1 are the borders.

    Volumes (N, C, D, H, W) take grids (N, D', H', W', 3). `mode`: "bilinear", "nearest", "bicubic" (images only);
    `padding_mode` outside of the borders: "zeros", "border" (the nearest element), "reflection".

    Input and grid have one floating dtype.

    >>> import chainrule as cr
    >>> image = cr.arange(4.0).reshape(1, 1, 2, 2)
    >>> cr.nn.functional.grid_sample(image, cr.zeros(1, 1, 1, 2), align_corners=True)
    tensor([[[[1.5000]]]])
    """
    x, places = raw_shape(input), raw_shape(grid)
    n = len(x) - 2
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ArgumentError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            f"nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if n not in (2, 3) or len(places) != n + 2:
        raise ShapeError(
            f"grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input "
            f"with sizes {list(x)} and grid with sizes {list(places)}"
        )
    if x[0] != places[0]:
        raise ShapeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(x)} and "
            f"grid with sizes {list(places)}"
        )
    if places[-1] != n:
        raise ShapeError(
            f"grid_sampler(): expected grid to have size {n} in last dimension, but got grid with sizes {list(places)}"
        )
    if mode == "bicubic" and n == 3:
        raise ArgumentError("grid_sampler(): bicubic interpolation only supports 4D input")
    align, size, batch, channels = bool(align_corners), x[2:], x[0], x[1]
    out = places[1:-1]
    points = prod(out)
    flat = reshape_p(grid, shape=(batch, points, n))
    coordinates = []
    for axis in range(n):
        c = reshape_p(rows_p(flat, np.array([n - 1 - axis]), axis=2), shape=(batch, points))
        m = size[axis]
        c = (c + 1.0) * ((m - 1) / 2.0) if align else ((c + 1.0) * float(m) - 1.0) / 2.0
        coordinates.append(c if mode == "bicubic" else _inside(c, m, padding_mode, align))
    taps = [_taps_at(c, m, mode, padding_mode, align) for c, m in zip(coordinates, size, strict=True)]
    image = reshape_p(input, shape=(batch, channels, prod(size)))
    terms = []
    for corner in product(*taps):
        where, weight = 0, None
        for (index, w), m in zip(corner, size, strict=True):
            where = where * m + index
            weight = w if weight is None else weight * w
        where = broadcast_to_p(reshape_p(where, shape=(batch, 1, points)), shape=(batch, channels, points))
        terms.append(pick(image, where) * reshape_p(weight, shape=(batch, 1, points)))
    return reshape_p(add_terms(terms), shape=(batch, channels, *out))


def _taps_at(c: Any, size: int, mode: str, padding: str, align: bool) -> list:
    """Pairs (index, weight) of the neighbours along one dimension; neighbours outside have weight zero."""
    from .rounding import clamp

    dtype = raw_dtype(c)
    if mode == "nearest":
        low = _floor_index(c + 0.5)
        tie = (cast_p(low, dtype=dtype) - c >= 0.5) & (low - _floor_index(cast_p(low, dtype=dtype) / 2) * 2 > 0)
        candidates: list = [(low - cast_p(tie, dtype=INT64), None)]  # halves go to the even neighbour
    else:
        low = _floor_index(c)
        t = c - cast_p(low, dtype=dtype)
        weights = [1.0 - t, t] if mode == "bilinear" else cubic(t, -0.75)
        first = 0 if mode == "bilinear" else -1
        candidates = [(low + (first + k), w) for k, w in enumerate(weights)]
    found = []
    for index, weight in candidates:
        if mode == "bicubic" and padding != "zeros":
            index = cast_p(_inside(cast_p(index, dtype=dtype), size, padding, align), dtype=INT64)
        valid = cast_p((index >= 0) & (index < size), dtype=dtype)
        found.append((clamp(index, 0, size - 1), valid if weight is None else weight * valid))
    return found


@shown_as("AffineGridGeneratorBackward0")
def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """Places theta (x, y, 1) for grid_sample: theta (N, 2, 3) and size (N, C, H, W) give (N, H, W, 2); 3-d likewise.

    Floating dtypes. Jaderberg et al. 2015.

    >>> import chainrule as cr
    >>> theta = cr.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> cr.nn.functional.affine_grid(theta, (1, 1, 2, 2), align_corners=True)[0, :, :, 0]
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    from .contraction import matmul

    size = tuple(int(m) for m in size)
    n = len(size) - 2
    if n not in (2, 3) or raw_shape(theta) != (size[0], n, n + 1):
        raise ShapeError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {list(size)}. "
            f"Got {list(raw_shape(theta))}."
        )
    if raw_dtype(theta).kind != "f":
        raise ArgumentError(f"Expected theta to have floating point type, but got {raw_dtype(theta)}")
    axes = []
    for m in reversed(size[2:]):
        ramp = np.linspace(-1.0, 1.0, m) if m > 1 else np.zeros(1)
        axes.append(ramp if align_corners else ramp * ((m - 1) / m))
    grids = np.meshgrid(*reversed(axes), indexing="ij")
    base = np.stack([*reversed(grids), np.ones(size[2:])], -1).reshape(-1, n + 1).astype(raw_dtype(theta))
    grid = matmul(base, permute_p(theta, dims=(0, 2, 1)))
    return reshape_p(grid, shape=(size[0], *size[2:], n))


__all__ = []
METHODS = ()
INPLACE = ()
