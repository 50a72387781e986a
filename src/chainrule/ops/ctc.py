"""Connectionist temporal classification: the likelihood of a label sequence under all its alignments."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_shape
from .comparison import where
from .embedding import known, pick, rows_p
from .exponential import logaddexp
from .losses import reduced
from .padding import pad_p
from .rounding import clamp
from .shape import broadcast_to_p, reshape_p

NEVER = -1e30  # log of the probability of what cannot be; finite, so that no derivative is NaN


def _lengths(x: Any, name: str) -> np.ndarray:
    raw = known(x)
    if raw.dtype.kind not in "iu":
        raise ArgumentError(f"{name} must be integral, got {raw.dtype}")
    return raw.reshape(-1)


def _extended(targets: np.ndarray, lengths: np.ndarray, blank: int) -> np.ndarray:
    """(N, 2 S + 1): blanks between the labels; blanks also behind the end."""
    width = int(lengths.max(initial=0))
    labels = np.full((len(lengths), 2 * width + 1), blank, np.int64)
    start = 0
    for row, n in enumerate(lengths):
        given = targets[row, :n] if targets.ndim == 2 else targets[start : start + n]
        labels[row, 1 : 2 * n : 2] = given
        start += int(n)
    return labels


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the sum, over all alignments of the labels to the steps, of the product of probabilities.

    Args:
        log_probs: (T, N, C), or (T, C) for one sequence. targets: class numbers (N, S), or all after one another.
        input_lengths, target_lengths: how much of each sequence counts. reduction: "mean" divides by the target
            lengths first. zero_infinity: 0 instead of infinity where no alignment exists.

    The derivative is that of this function of log_probs; PyTorch's assumes that log_probs comes out of log_softmax, and
    differs before log_softmax (not after it).

    log_probs (T, N, C) or (T, C), floating; targets (N, S) or all in one row, and lengths, int64.

    >>> import chainrule as cr
    >>> log_probs = cr.log_softmax(cr.zeros(4, 1, 3), 2)
    >>> cr.ctc_loss(log_probs, cr.tensor([[1, 2]]), cr.tensor([4]), cr.tensor([2]), reduction="sum")
    tensor(1.6864)
    """
    shape = raw_shape(log_probs)
    if len(shape) not in (2, 3):
        raise ShapeError(f"log_probs must be (T, N, C) or (T, C), got {list(shape)}")
    single = len(shape) == 2
    if single:
        log_probs = reshape_p(log_probs, shape=(shape[0], 1, shape[1]))
    steps, n, classes = raw_shape(log_probs)
    if not 0 <= blank < classes:
        raise ArgumentError(f"blank must be in label range, got {blank} for {classes} classes")
    given, used = _lengths(input_lengths, "input_lengths"), _lengths(target_lengths, "target_lengths")
    labels = known(targets)
    if single and labels.ndim == 1:
        labels = labels[None]
    for name, found in (("input_lengths", given), ("target_lengths", used)):
        if len(found) != n:
            raise ShapeError(f"{name} must be of size batch_size: expected {n} numbers, got {len(found)}")
    if (given > steps).any() or (given < 0).any():
        raise ArgumentError(f"Expected input_lengths to have value at most {steps}, but got value {int(given.max())}")
    extended = _extended(labels, used, blank)
    width = extended.shape[1]
    skips = np.zeros(extended.shape, bool)  # may the label before the blank in front be followed directly
    skips[:, 2:] = (extended[:, 2:] != blank) & (extended[:, 2:] != extended[:, :-2])
    index = broadcast_to_p(extended, shape=(steps, n, width))
    scores = clamp(pick(log_probs, index), NEVER)
    rows = [reshape_p(rows_p(scores, np.array(t), axis=0), shape=(n, width)) for t in range(steps)]
    begins = (np.arange(width) < 2) & (np.arange(width) < 2 * used[:, None] + 1)
    alpha = where(begins, rows[0], NEVER) if steps else broadcast_to_p(np.array(NEVER), shape=(n, width))
    for t in range(1, steps):
        one = pad_p(alpha, pads=((0, 0), (1, -1)), value=NEVER)
        two = where(skips, pad_p(alpha, pads=((0, 0), (2, -2)), value=NEVER), NEVER) if width > 2 else None
        total = logaddexp(alpha, one)
        total = (total if two is None else logaddexp(total, two)) + rows[t]
        running = t < given
        alpha = total if running.all() else where(running[:, None], total, alpha)
    last = reshape_p(pick(alpha, 2 * used[:, None]), shape=(n,))
    before = reshape_p(pick(alpha, np.maximum(2 * used[:, None] - 1, 0)), shape=(n,))
    loss = -logaddexp(last, where(used > 0, before, NEVER))
    loss = where(loss > -0.5 * NEVER, 0.0 if zero_infinity else inf, loss)
    empty = given == 0
    if empty.any():
        loss = where(empty, np.where((used == 0) | zero_infinity, 0.0, inf), loss)
    if reduction == "mean":
        return reduced(
            loss / np.maximum(used, 1).astype(np.float64 if loss.dtype.itemsize == 8 else np.float32), "mean"
        )
    if reduction == "none":
        return reshape_p(loss, shape=()) if single else loss
    return reduced(loss, reduction)


__all__ = ["ctc_loss"]
METHODS = ()
INPLACE = ()
