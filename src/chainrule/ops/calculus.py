"""Calculus on samples: differences, gradients on grids, and the trapezoid rule."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, DimensionError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .kits import numpy_names
from .reductions import canonical_dims, sum, to_float
from .scans import cumsum
from .shape import canonical_dim, clone, reshape_p


def _slice(x: Any, dim: int, start: int | None, stop: int | None) -> Any:
    return x[(*(slice(None),) * dim, slice(start, stop))]


def _numeric_or(name: str, kind: type | tuple, value: Any) -> bool:
    if isinstance(value, kind):
        return True
    if not hasattr(value, "shape"):
        raise ArgumentTypeError(f"{name} must be a number or a tensor, not {type(value).__name__}")
    return False


@numpy_names
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The n-th forward difference along `dim`: x[i+1] - x[i], repeated n times.

    `prepend` and `append` are joined to the input first. For bool the difference is `!=`.

    >>> import chainrule as cr
    >>> cr.diff(cr.tensor([1., 4., 9.]))
    tensor([3., 5.])
    """
    shape = raw_shape(input)
    if not shape:
        raise ShapeError("diff expects input to be at least one-dimensional, got a tensor of 0 dimensions")
    if n < 0:
        raise ArgumentError(f"order must be non-negative but got {n}")
    dim = canonical_dim(dim, len(shape))
    if n == 0:
        return clone(input)
    if prepend is not None or append is not None:
        from .joining import cat

        input = cat([x for x in (prepend, input, append) if x is not None], dim)
    if n >= raw_shape(input)[dim]:
        return _slice(input, dim, 0, 0)
    for _ in range(n):
        low, high = _slice(input, dim, None, -1), _slice(input, dim, 1, None)
        input = high != low if raw_dtype(input).kind == "b" else high - low
    return input


def _panels(name: str, y: Any, x: Any, dx: Any, dim: int) -> Any:
    """Areas of the trapezoids between neighbouring samples along `dim`."""
    if x is not None and dx is not None:
        raise ArgumentTypeError(f"{name}() got both x and dx; give the points or their distance")
    y = to_float(y)
    shape = raw_shape(y)
    low, high = _slice(y, dim, None, -1), _slice(y, dim, 1, None)
    if x is None:
        return (low + high) * (0.5 * (1 if dx is None else dx))
    points = raw_shape(x)
    if len(points) == 1:
        if points[0] != shape[dim]:
            raise ShapeError(
                f"{name}: There must be one `x` value for each sample point: x has {points[0]}, y has {shape[dim]} "
                f"along dim {dim}"
            )
        step = reshape_p(
            _slice(x, 0, 1, None) - _slice(x, 0, None, -1), shape=(points[0] - 1, *(1,) * (len(shape) - 1 - dim))
        )
    else:
        along = dim + len(points) - len(shape)
        if along < 0 or points[along] != shape[dim]:
            raise ShapeError(f"{name}: There must be one `x` value for each sample point: shapes {points} and {shape}")
        step = _slice(x, along, 1, None) - _slice(x, along, None, -1)
    return (low + high) * step * 0.5


def _along(name: str, y: Any, dim: int) -> int:
    if not raw_shape(y):
        raise DimensionError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    return canonical_dim(dim, len(raw_shape(y)))


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """Integral of samples `y` along `dim` by the trapezoid rule, at points `x` (or at distance `dx`, default 1).

    The result has the shape of `y` without `dim`; numeric dtypes.

    >>> import chainrule as cr
    >>> cr.trapezoid(cr.tensor([1., 2., 3.]))
    tensor(4.)
    """
    dim = _along("trapezoid", y, dim)
    if raw_shape(y)[dim] == 0:
        return sum(to_float(y), dim)
    return sum(_panels("trapezoid", y, x, dx, dim), dim)


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Any:
    """Integrals of samples `y` from the first to each later one along `dim` by the trapezoid rule.

    The result is one shorter along `dim`; numeric dtypes.

    >>> import chainrule as cr
    >>> cr.cumulative_trapezoid(cr.tensor([1., 2., 3.]))
    tensor([1.5000, 4.0000])
    """
    dim = _along("cumulative_trapezoid", y, dim)
    if raw_shape(y)[dim] == 0:
        return to_float(y)
    return cumsum(_panels("cumulative_trapezoid", y, x, dx, dim), dim)


def _slopes(y: Any, spacing: Any, dim: int, edge_order: int) -> Any:
    """Derivative of samples along one dim: second order inside, one-sided at the ends."""
    from .joining import cat

    n, rest = raw_shape(y)[dim], (1,) * (len(raw_shape(y)) - 1 - dim)

    def at(start: int, stop: int | None) -> Any:
        return _slice(y, dim, start, stop)

    if isinstance(spacing, (int, float)):
        inner = (at(2, None) - at(0, -2)) * (0.5 / spacing)
        if edge_order == 1:
            first, last = (at(1, 2) - at(0, 1)) * (1 / spacing), (at(n - 1, n) - at(n - 2, n - 1)) * (1 / spacing)
        else:
            first = (at(0, 1) * -1.5 + at(1, 2) * 2 + at(2, 3) * -0.5) * (1 / spacing)
            last = (at(n - 1, n) * 1.5 + at(n - 2, n - 1) * -2 + at(n - 3, n - 2) * 0.5) * (1 / spacing)
        return cat([first, inner, last], dim)
    step = spacing[1:] - spacing[:-1]

    def part(start: int, stop: int | None) -> Any:
        piece = step[start:stop]
        return reshape_p(piece, shape=(raw_shape(piece)[0], *rest))

    left, right = part(0, -1), part(1, None)  # distances to both neighbours of the inner points
    inner = (
        at(2, None) * (left / (right * (left + right)))
        + at(1, -1) * ((right - left) / (left * right))
        - at(0, -2) * (right / (left * (left + right)))
    )
    a, z = part(0, 1), part(n - 2, None)
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / a, (at(n - 1, n) - at(n - 2, n - 1)) / z
    else:
        b, w = part(1, 2), part(n - 3, n - 2)
        first = (
            at(1, 2) * ((a + b) / (a * b)) - at(0, 1) * ((2 * a + b) / (a * (a + b))) - at(2, 3) * (a / (b * (a + b)))
        )
        last = (
            at(n - 3, n - 2) * (z / (w * (w + z)))
            - at(n - 2, n - 1) * ((z + w) / (w * z))
            + at(n - 1, n) * ((2 * z + w) / (z * (w + z)))
        )
    return cat([first, inner, last], dim)


def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple:
    """Derivatives of samples on a grid along each `dim` (default all).

    Central differences inside, one-sided ones at the ends. `spacing` is the distance of the samples (a number, or
    one per dim) or a sequence of 1-D tensors of coordinates. `edge_order` 1 or 2 is the order of accuracy at the
    ends. Returns a tuple with one tensor per dim.

    >>> import chainrule as cr
    >>> cr.gradient(cr.tensor([1., 4., 9., 16.]))
    (tensor([3., 4., 6., 7.]),)
    """
    shape = raw_shape(input)
    if edge_order not in (1, 2):
        raise ArgumentError(f"torch.gradient only supports edge_order=1 and edge_order=2, got {edge_order}")
    if dim is None:
        dims = tuple(range(len(shape)))
    else:
        canonical_dims(dim, len(shape))
        dims = tuple(canonical_dim(d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim))
    spacing = 1 if spacing is None else spacing
    spacings = [spacing] * len(dims) if isinstance(spacing, (int, float)) else list(spacing)
    if len(spacings) != len(dims):
        raise ArgumentError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list with one entry for each of the "
            f"{len(dims)} dims, but got {len(spacings)}"
        )
    for d, s in zip(dims, spacings, strict=True):
        if shape[d] < edge_order + 1:
            raise ShapeError(
                f"torch.gradient expected each dimension size to be at least edge_order+1 = {edge_order + 1}, got "
                f"{shape}"
            )
        if not isinstance(s, (int, float)) and raw_shape(s) != (shape[d],):
            raise ShapeError(
                f"torch.gradient expected each coordinate tensor to be 1-D with one entry per sample: dim {d} has "
                f"{shape[d]} samples, got coordinates of shape {raw_shape(s)}"
            )
    x = to_float(input)
    return tuple(_slopes(x, s, d, edge_order) for d, s in zip(dims, spacings, strict=True))


__all__ = ["diff", "trapezoid", "cumulative_trapezoid", "gradient"]
METHODS = ("diff",)
INPLACE = ()
