"""Padding at the borders: constant, reflected, repeated or circular; negative padding crops."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_shape
from .embedding import rows_p
from .kits import opaque

Pairs = tuple[tuple[int, int], ...]


def _pad_impl(xp: Any, x: Any, *, pads: Pairs, value: float) -> Any:
    inside, taken = [], []
    for n, (lo, hi) in zip(x.shape, pads, strict=True):
        kept = max(n - max(-lo, 0) - max(-hi, 0), 0)
        inside.append(slice(max(lo, 0), max(lo, 0) + kept))
        taken.append(slice(max(-lo, 0), max(-lo, 0) + kept))
    y = xp.full(tuple(n + lo + hi for n, (lo, hi) in zip(x.shape, pads, strict=True)), value, x.dtype)
    y[tuple(inside)] = x[tuple(taken)]
    return y


def _opposite(pads: Pairs) -> Pairs:
    return tuple((-lo, -hi) for lo, hi in pads)


pad_p = opaque(
    "pad_constant",
    _pad_impl,
    lambda x, *, pads, value: Spec(tuple(n + lo + hi for n, (lo, hi) in zip(x.shape, pads, strict=True)), x.dtype),
    vjp=(lambda g, ans, x, *, pads, value: pad_p(g, pads=_opposite(pads), value=0),),
    jvp=lambda prim, tangents, ans, x, *, pads, value: prim(tangents[0], pads=pads, value=0),
    batch=lambda prim, args, b, *, pads, value: prim(args[0], pads=((0, 0), *pads), value=value),
    notation="pad({})",
    doc="A constant before and after each dimension; negative counts crop.",
    backward_name="ConstantPadNdBackward0",
)


def _source(n: int, lo: int, hi: int, mode: str) -> np.ndarray:
    """Which element each position of the padded dimension shows."""
    i = np.arange(-lo, n + hi)
    if mode == "replicate":
        return np.clip(i, 0, n - 1)
    if mode == "circular":  # what a negative count crops does not come round again
        start, stop = max(0, -lo), n - max(0, -hi)
        return (i - start) % (stop - start) + start if stop > start else i
    return np.where(i < 0, -i, np.where(i >= n, 2 * (n - 1) - i, i))


def pad(input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Any:
    """Extend `input` at its borders: pad = (before last dim, after last dim, before last but one, ...).

    Args:
        mode: "constant" (with `value`, any dimensions), or "reflect", "replicate", "circular" (the last 1 to 3).

    Raises:
        ShapeError: more padding than the mode allows for the size.

    >>> import chainrule as cr
    >>> cr.nn.functional.pad(cr.tensor([1., 2.]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    shape = raw_shape(input)
    counts = [int(p) for p in pad]
    if len(counts) % 2:
        raise ArgumentError(f"Padding length must be divisible by 2, got {counts}")
    if len(counts) // 2 > len(shape):
        raise ArgumentError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(counts)} and input of dimension {len(shape)}"
        )
    given = list(zip(counts[::2], counts[1::2], strict=True))
    pairs = tuple(reversed([*given, *[(0, 0)] * (len(shape) - len(given))]))
    if any(n + lo + hi < 0 for n, (lo, hi) in zip(shape, pairs, strict=True)):
        raise ShapeError(
            f"The input size {list(shape)}, plus negative padding {counts}, resulted in a negative output size"
        )
    if mode == "constant":
        return pad_p(input, pads=pairs, value=0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise ArgumentError(f"Unrecognised padding mode {mode}; it is constant, reflect, replicate or circular")
    if value not in (None, 0):
        raise ArgumentError(f"Padding mode '{mode}' doesn't take in value argument")
    if len(shape) - len(given) not in (1, 2) or len(given) > 3:
        raise ArgumentError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: mode '{mode}' pads the last "
            f"1 to 3 dimensions after (N,) C, got {len(counts)} numbers for input {list(shape)}"
        )
    if not any(counts):
        return pad_p(input, pads=pairs, value=0)  # a copy, as in the other cases
    x = input
    for axis, (n, (lo, hi)) in enumerate(zip(shape, pairs, strict=True)):
        if lo == hi == 0:
            continue
        limit = n - 1 if mode == "reflect" else n if mode == "circular" else None
        if limit is not None and max(lo, hi) > limit:
            text = "Padding size should be less than the corresponding input dimension, but got: "
            if mode == "circular":
                text = "Padding value causes wrapping around more than once: "
            raise ShapeError(f"{text}padding ({lo}, {hi}) at dimension {axis} of input {list(shape)}")
        if n == 0:
            raise ShapeError(f"Expected a non-empty dimension {axis} to pad, but got input {list(shape)}")
        x = rows_p(x, _source(n, lo, hi, mode), axis=axis)
    return x


__all__ = []
METHODS = ()
INPLACE = ()
