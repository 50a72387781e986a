"""associative_scan: all partial results of an associative function, in logarithmic depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.pytree import TreeError, tree_flatten
from ..core.value import Tensor, raw_shape
from .arguments import as_tensors
from .control import check_functions

__all__ = ["associative_scan"]


def associative_scan(fn: Callable, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results x0, fn(x0, x1), fn(fn(x0, x1), x2) ... of an associative function, in logarithmic depth.

    `fn` takes and returns pytrees like `elems`, with any size along `axis`, which it must treat as a batch dimension.

    >>> import chainrule as cr
    >>> cr.func.associative_scan(lambda a, b: a * b, cr.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([ 1.,  2.,  6., 24.])
    """
    from ..ops.shape import canonical_dim

    check_functions("associative_scan", fn=fn)
    leaves, spec = tree_flatten(as_tensors(elems))
    if not leaves:
        return elems
    axes = [canonical_dim(axis, len(raw_shape(x))) for x in leaves]
    sizes = {raw_shape(x)[a] if raw_shape(x) else None for x, a in zip(leaves, axes, strict=True)}
    if len(sizes) != 1 or None in sizes:
        raise ArgumentError(f"associative_scan: all elements need the same size along axis {axis}, got sizes {sizes}")

    def cut(xs: list, key: slice) -> list:
        return [x[(*[slice(None)] * a, key)] for x, a in zip(xs, axes, strict=True)]

    def combine(left: list, right: list) -> list:
        found = as_tensors(fn(spec.unflatten(left), spec.unflatten(right)))
        try:
            flat = spec.flatten_up_to(found, "fn's result")
        except TreeError as error:
            raise TreeError(f"associative_scan: fn must return a tree like its arguments: {error}") from None
        for x, new, path in zip(left, flat, spec.paths("fn's result"), strict=True):
            if not isinstance(new, Tensor) or raw_shape(new) != raw_shape(x):
                got = f"has shape {raw_shape(new)}" if isinstance(new, Tensor) else f"is {type(new).__name__}"
                raise ShapeError(
                    f"associative_scan: {path} {got}, but its arguments have shape {raw_shape(x)}; fn must treat "
                    f"dimension {axis} as a batch of elements"
                )
        return flat

    def prefix(xs: list) -> list:
        n = raw_shape(xs[0])[axes[0]]
        if n < 2:
            return xs
        pairs = combine(cut(xs, slice(0, n - 1, 2)), cut(xs, slice(1, n, 2)))
        odd = prefix(pairs)
        if n > 2:
            before = cut(odd, slice(0, -1)) if n % 2 == 0 else odd
            later = combine(before, cut(xs, slice(2, n, 2)))
            even = [_joined([a, b], d) for a, b, d in zip(cut(xs, slice(0, 1)), later, axes, strict=True)]
        else:
            even = cut(xs, slice(0, 1))
        return [_interleaved(e, o, d) for e, o, d in zip(even, odd, axes, strict=True)]

    if reverse:
        leaves = [_flipped(x, a) for x, a in zip(leaves, axes, strict=True)]
    out = prefix(leaves)
    if reverse:
        out = [_flipped(x, a) for x, a in zip(out, axes, strict=True)]
    return spec.unflatten(out)


def _flipped(x: Any, dim: int) -> Any:
    return x[(*[slice(None)] * dim, np.arange(raw_shape(x)[dim] - 1, -1, -1))]


def _joined(parts: list, dim: int) -> Any:
    from ..ops.joining import cat

    return cat(parts, dim)


def _interleaved(even: Any, odd: Any, dim: int) -> Any:
    """e0 o0 e1 o1 ... along `dim`; there may be one more of `even`."""
    from ..ops.joining import stack
    from ..ops.shape import reshape_p

    n = raw_shape(odd)[dim]
    shape = list(raw_shape(odd))
    head = even[(*[slice(None)] * dim, slice(0, n))]
    shape[dim] = 2 * n
    mixed = reshape_p(stack([head, odd], dim + 1), shape=tuple(shape))
    if raw_shape(even)[dim] > n:
        return _joined([mixed, even[(*[slice(None)] * dim, slice(n, n + 1))]], dim)
    return mixed
