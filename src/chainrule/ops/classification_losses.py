"""Losses of classification: likelihoods of classes, and margins between their scores."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import INT64
from ..core.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .activations import logsigmoid, relu, softplus_p
from .comparison import ne, where
from .embedding import concrete, pick, place, rows_p
from .exponential import exp, log
from .kits import opaque, shown_as
from .losses import reduced, spelled
from .reductions import sum_p
from .rounding import clamp
from .shape import broadcast_to_p, cast_p, permute_p, reshape_p
from .softmax import log_softmax_p, softmax_p

# ---- cross-entropy of class numbers, fused -----------------------------------------------------------------------


def _out_of_bounds(raw: np.ndarray, classes: int, ignore: int) -> None:
    """Raise IndexError for a class number that does not exist."""
    bad = raw[((raw < 0) | (raw >= classes)) & (raw != ignore)]
    if bad.size:
        raise IndexingError(f"Target {int(bad.flat[0])} is out of bounds. There are {classes} classes, from 0.")


def _cross_entropy_impl(xp: Any, x: Any, target: Any, *, ignore: int) -> Any:
    _out_of_bounds(target, x.shape[1], ignore)
    top = x.max(axis=1, keepdims=True) if x.size else x[:, :1]
    y = x - top
    chosen = xp.take_along_axis(y, xp.where(target == ignore, 0, target)[:, None], axis=1)[:, 0]
    loss = xp.log(xp.add.reduce(xp.exp(y, out=y), axis=1)) - chosen
    return xp.where(target == ignore, xp.zeros((), x.dtype), loss)


def _residual_impl(xp: Any, x: Any, target: Any, *, ignore: int) -> Any:
    y = x - x.max(axis=1, keepdims=True)
    xp.exp(y, out=y)
    y /= xp.add.reduce(y, axis=1, keepdims=True)
    kept = target != ignore
    if kept.all():
        y[xp.arange(len(y)), target] -= 1
        return y
    rows = xp.flatnonzero(kept)
    y[rows, target[rows]] -= 1
    y[~kept] = 0
    return y


def _residual_rule(g: Any, x: Any, target: Any, ignore: int) -> Any:
    p = softmax_p(x, axis=1, safe=False)
    h = g * reshape_p(ne(target, ignore), shape=(*raw_shape(target), 1)) * p
    return h - p * sum_p(h, axes=(1,), keepdims=True)


def _fold_rows(prim: Any, args: tuple, is_batched: Any, **params: Any) -> Any:
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    x, target = (
        a if b else broadcast_to_p(a, shape=(size, *raw_shape(a))) for a, b in zip(args, is_batched, strict=True)
    )
    n, c = raw_shape(x)[1:]
    y = prim(reshape_p(x, shape=(size * n, c)), reshape_p(target, shape=(size * n,)), **params)
    return reshape_p(y, shape=(size, n, *raw_shape(y)[1:]))


cross_entropy_p = opaque(
    "cross_entropy",
    _cross_entropy_impl,
    lambda x, target, *, ignore: Spec((x.shape[0],), x.dtype),
    vjp=(
        lambda g, ans, x, target, *, ignore: (
            reshape_p(g, shape=(*raw_shape(g), 1)) * softmax_residual_p(x, target, ignore=ignore)
        ),
        None,
    ),
    jvp=lambda prim, tangents, ans, x, target, *, ignore: sum_p(
        tangents[0] * softmax_residual_p(x, target, ignore=ignore), axes=(1,), keepdims=False
    ),
    batch=_fold_rows,
    notation="cross_entropy({}, {})",
    doc="log(sum(exp(x))) - x[target] of each row, and 0 where the target is to be ignored.",
    backward_name="NllLossBackward0",
)

softmax_residual_p = opaque(
    "softmax_residual",
    _residual_impl,
    lambda x, target, *, ignore: Spec(tuple(x.shape), x.dtype),
    vjp=(lambda g, ans, x, target, *, ignore: _residual_rule(g, x, target, ignore), None),
    jvp=lambda prim, tangents, ans, x, target, *, ignore: _residual_rule(tangents[0], x, target, ignore),
    batch=_fold_rows,
    notation="(softmax({}) - onehot({}))",
    doc="softmax(x) minus the one-hot target of each row, and 0 where the target is to be ignored.",
)


# ---- functions ---------------------------------------------------------------------------------------------------


def _check_classes(input: Any, target: Any, weight: Any) -> None:
    x, t = raw_shape(input), raw_shape(target)
    if not x:
        raise ShapeError("cross_entropy: input must be (C), (N, C) or (N, C, d1, ...), got shape ()")
    if len(x) > 1 and t and x[0] != t[0]:
        raise ShapeError(f"Expected input batch_size ({x[0]}) to match target batch_size ({t[0]}).")
    if (len(x) == 1 and t != ()) or (len(x) > 1 and (x[0], *x[2:]) != t):
        raise ShapeError(
            f"size mismatch (got input: {list(x)}, target: {list(t)}): for input (N, C, d1, ...) the class numbers "
            f"must have shape (N, d1, ...)"
        )
    if raw_dtype(target).kind not in "iu":
        raise DTypeError(f"expected scalar type Long but found {raw_dtype(target)}; write target.long()")
    classes = x[0] if len(x) == 1 else x[1]
    if weight is not None and raw_shape(weight) != (classes,):
        raise ShapeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
            f"shape: {list(raw_shape(weight))}"
        )


def _classes_last(x: Any) -> Any:
    n = len(raw_shape(x))
    return x if n <= 2 else permute_p(x, dims=(0, *range(2, n), 1))


def _nll(log_p: Any, target: Any, weight: Any, ignore: int, reduction: str) -> Any:
    """-weight[target] log_p[target], with the classes in the last dimension of log_p."""
    shape = raw_shape(target)
    raw = concrete(target)
    if raw is not None:
        _out_of_bounds(raw, raw_shape(log_p)[-1], ignore)
        if weight is None and not (raw == ignore).any():
            return reduced(-reshape_p(pick(log_p, reshape_p(target, shape=(*shape, 1))), shape=shape), reduction)
    kept = ne(target, ignore)
    index = where(kept, target, 0)
    picked = reshape_p(pick(log_p, reshape_p(index, shape=(*shape, 1))), shape=shape)
    if weight is None:
        loss, total = where(kept, -picked, 0.0), cast_p(kept, dtype=raw_dtype(log_p))
    else:
        w = rows_p(weight, index, axis=0)
        loss, total = where(kept, -picked * w, 0.0), where(kept, w, 0.0)
    if reduction == "mean":
        return reduced(loss, "sum") / reduced(total, "sum")
    return reduced(loss, reduction)


@shown_as("NllLossBackward0")
def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """-weight[target] input[target] of log-probabilities (N, C, ...) and class numbers (N, ...); a weighted mean.

    Raises:
        IndexingError: a class number is not in [0, C) and not `ignore_index`.

    Log-probabilities are floating, class numbers int64.

    >>> import chainrule as cr
    >>> cr.nn.functional.nll_loss(cr.tensor([[-0.1, -2.4], [-1.2, -0.4]]), cr.tensor([0, 1]))
    tensor(0.2500)
    """
    reduction = spelled(reduction, size_average, reduce)
    _check_classes(input, target, weight)
    return _nll(_classes_last(input), target, weight, ignore_index, reduction)


@shown_as("NllLossBackward0")
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    ignore_index: int = -100,
    reduce: Any = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-sum over classes of target probability times log softmax(input).

    Args:
        input: scores (C), (N, C) or (N, C, d1, ...). target: class numbers (N, d1, ...), or probabilities like input.
        weight: factors of the classes; the mean is then weighted. ignore_index: rows with this number do not count.
        label_smoothing: share of the target probability that is spread evenly over all classes.

    >>> import chainrule as cr
    >>> cr.nn.functional.cross_entropy(cr.zeros(2, 4), cr.tensor([1, 3]))
    tensor(1.3863)
    """
    reduction = spelled(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    shape = raw_shape(input)
    soft = raw_shape(target) == shape and raw_dtype(target).kind == "f"
    if soft:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    _check_classes(input, target, weight)
    last = _classes_last(input)
    if weight is None and not label_smoothing:
        rows = prod(raw_shape(target))
        flat = last if len(shape) == 2 else reshape_p(last, shape=(rows, raw_shape(last)[-1]))
        numbers = target if len(raw_shape(target)) == 1 else reshape_p(target, shape=(rows,))
        loss = cross_entropy_p(flat, numbers, ignore=ignore_index)
        if reduction == "none":
            return reshape_p(loss, shape=raw_shape(target))
        if reduction != "mean":
            return reduced(loss, reduction)
        raw = concrete(numbers)
        if raw is not None and not (raw == ignore_index).any():
            return reduced(loss, "mean")
        counted = cast_p(ne(numbers, ignore_index), dtype=raw_dtype(input))
        return reduced(loss, "sum") / reduced(counted, "sum")
    log_p = log_softmax_p(last, axis=len(shape) - 1)
    if not label_smoothing:
        return _nll(log_p, target, weight, ignore_index, reduction)
    sharp = _nll(log_p, target, weight, ignore_index, "none")
    kept = ne(target, ignore_index)
    spread = -log_p if weight is None else -log_p * weight
    spread = where(kept, sum_p(spread, axes=(len(shape) - 1,), keepdims=False), 0.0)
    loss = sharp * (1.0 - label_smoothing) + spread * (label_smoothing / raw_shape(last)[-1])
    if reduction != "mean":
        return reduced(loss, reduction)
    if weight is None:
        total = cast_p(kept, dtype=raw_dtype(input))
    else:
        total = where(kept, rows_p(weight, where(kept, target, 0), axis=0), 0.0)
    return reduced(loss, "sum") / reduced(total, "sum")


def _soft_cross_entropy(input: Any, target: Any, weight: Any, reduction: str, smoothing: float) -> Any:
    """Cross-entropy with target probabilities, classes in dimension 1 (or 0)."""
    shape = raw_shape(input)
    axis = 0 if len(shape) == 1 else 1
    if smoothing:
        target = target * (1.0 - smoothing) + smoothing / shape[axis]
    log_p = log_softmax_p(input, axis=axis)
    if weight is not None:
        log_p = log_p * reshape_p(weight, shape=(shape[axis], *(1,) * (len(shape) - axis - 1)))
    loss = -sum_p(log_p * target, axes=(axis,), keepdims=False)
    if reduction == "mean":
        return reduced(loss, "sum") / max(prod(shape) // max(shape[axis], 1), 1)
    return reduced(loss, reduction)


def _same_size(name: str, input: Any, target: Any) -> None:
    if raw_shape(input) != raw_shape(target):
        raise ArgumentError(
            f"Using a target size ({raw_shape(target)}) that is different to the input size ({raw_shape(input)}) is "
            f"deprecated. Please ensure they have the same size. ({name})"
        )


@shown_as("BinaryCrossEntropyBackward0")
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """-(target log(input) + (1 - target) log(1 - input)) weight, with logarithms not below -100.

    `input` and `target` have one shape and lie in [0, 1], in a floating dtype; the mean is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.binary_cross_entropy(cr.tensor([0.5, 0.9]), cr.tensor([1.0, 1.0]))
    tensor(0.3993)
    """
    reduction = spelled(reduction, size_average, reduce)
    _same_size("binary_cross_entropy", input, target)
    raw = concrete(input)
    if raw is not None and raw.size and not ((raw >= 0) & (raw <= 1)).all():
        raise ArgumentError("all elements of input should be between 0 and 1; write binary_cross_entropy_with_logits")
    # log is taken of 1 where it would be below -100, so that no infinite derivative is multiplied by zero
    tiny = 3.720075976020836e-44
    below, above = input <= tiny, 1.0 - input <= tiny
    log_p = where(below, -100.0, log(where(below, 1.0, input)))
    log_q = where(above, -100.0, log(where(above, 1.0, 1.0 - input)))
    loss = (target - 1.0) * log_q - target * log_p
    return reduced(loss if weight is None else loss * weight, reduction)


@shown_as("BinaryCrossEntropyWithLogitsBackward0")
def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """-(pos_weight target log(s) + (1 - target) log(1 - s)) weight, where s = sigmoid(input), without overflow.

    `input` (any real numbers) and `target` have one shape and a floating dtype; the mean is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.binary_cross_entropy_with_logits(cr.tensor([0.0, 2.0]), cr.tensor([1.0, 1.0]))
    tensor(0.4100)
    """
    reduction = spelled(reduction, size_average, reduce)
    if raw_shape(input) != raw_shape(target):
        raise ArgumentError(f"Target size ({raw_shape(target)}) must be the same as input size ({raw_shape(input)})")
    loss = (1.0 - target) * input
    if pos_weight is None:
        loss = loss - logsigmoid(input)
    else:
        loss = loss - ((pos_weight - 1.0) * target + 1.0) * logsigmoid(input)
    return reduced(loss if weight is None else loss * weight, reduction)


def kl_div(
    input: Any,
    target: Any,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """target (log(target) - input) of log-probabilities `input`; "batchmean" divides the sum by the first size.

    Shapes broadcast; floating dtypes; the mean or sum is 0-d.

    >>> import chainrule as cr
    >>> p, q = cr.tensor([[0.5, 0.5]]), cr.tensor([[0.25, 0.75]])
    >>> cr.nn.functional.kl_div(q.log(), p, reduction="batchmean")
    tensor(0.1438)
    """
    reduction = spelled(reduction, size_average, reduce)
    if log_target:
        loss = exp(target) * (target - input)
    else:
        positive = target > 0
        loss = where(positive, target * log(where(positive, target, 1.0)), 0.0) - target * input
    if reduction == "batchmean":
        size = raw_shape(input)
        return reduced(loss, "sum") / (size[0] if size else 1)
    return reduced(loss, reduction)


def _rows_of_scores(name: str, input: Any, target: Any, wide: bool) -> tuple[Any, Any, bool]:
    """(N, C) scores and their targets; a single vector gets N = 1."""
    x, t = raw_shape(input), raw_shape(target)
    wanted = (x if wide else x[:-1]) if len(x) in (1, 2) else None
    if wanted is None or (t != wanted and not (len(x) == 1 and not wide and t == (1,))):
        raise ShapeError(f"inconsistent target size: {list(t)} for input of size {list(x)} in {name}")
    if len(x) == 2:
        return input, target, False
    return reshape_p(input, shape=(1, *x)), reshape_p(target, shape=(1, x[0]) if wide else (1,)), True


@shown_as("MultiMarginLossBackward0")
def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """sum over i != t of max(0, margin - x[t] + x[i])^p weight[t] / C.

    x is (N, C) or (C), floating; target (N) or 0-d, int64; a value per row unless reduced.

    >>> import chainrule as cr
    >>> cr.nn.functional.multi_margin_loss(cr.tensor([[0.1, 0.2, 0.9]]), cr.tensor([2]))
    tensor(0.1667)
    """
    reduction = spelled(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ArgumentError(f"only p == 1 and p == 2 supported, got {p}")
    x, t, single = _rows_of_scores("multi_margin_loss", input, target, False)
    n, classes = raw_shape(x)
    raw = concrete(t)
    if raw is not None and raw.size and (raw.min() < 0 or raw.max() >= classes):
        raise IndexingError(
            f"target out of range: {int(raw.max() if raw.max() >= classes else raw.min())} of {classes}"
        )
    if weight is not None and raw_shape(weight) != (classes,):
        raise ShapeError(f"inconsistent weight size, expected {classes} but got {list(raw_shape(weight))}")
    column = reshape_p(t, shape=(n, 1))
    z = relu(margin - pick(x, column) + x)
    z = z if p == 1 else z * z
    z = where(ne(column, np.arange(classes)), z, 0.0)
    if weight is not None:
        z = z * rows_p(weight, column, axis=0)
    loss = sum_p(z, axes=(1,), keepdims=False) / classes
    return reduced(reshape_p(loss, shape=()) if single else loss, reduction)


@shown_as("MultilabelMarginLossBackward0")
def multilabel_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """sum over targets j, others i, of max(0, 1 - (x[j] - x[i])) / C; a row of targets ends at its first -1.

    x and target are (N, C) or (C), x floating and target int64; a value per row unless reduced.

    >>> import chainrule as cr
    >>> cr.nn.functional.multilabel_margin_loss(cr.tensor([[0.1, 0.2, 0.9]]), cr.tensor([[2, -1, -1]]))
    tensor(0.1667)
    """
    reduction = spelled(reduction, size_average, reduce)
    from .scans import cumprod

    x, t, single = _rows_of_scores("multilabel_margin_loss", input, target, True)
    n, classes = raw_shape(x)
    dtype = raw_dtype(x)
    listed = cumprod(cast_p(t >= 0, dtype=dtype), 1)
    index = clamp(t, 0, classes - 1)
    is_target = cast_p(place(listed, cast_p(index, dtype=INT64), classes) > 0, dtype=dtype)
    targets = reshape_p(pick(x, index), shape=(n, classes, 1))
    z = relu(1.0 - targets + reshape_p(x, shape=(n, 1, classes)))
    z = z * reshape_p(listed, shape=(n, classes, 1)) * reshape_p(1.0 - is_target, shape=(n, 1, classes))
    loss = sum_p(z, axes=(1, 2), keepdims=False) / classes
    return reduced(reshape_p(loss, shape=()) if single else loss, reduction)


def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """Mean over classes of -(target logsigmoid(x) + (1 - target) logsigmoid(-x)) weight.

    x and target have one shape (N, C) and a floating dtype; a value per row unless reduced.

    >>> import chainrule as cr
    >>> cr.nn.functional.multilabel_soft_margin_loss(cr.tensor([[0.0, 2.0]]), cr.tensor([[1.0, 0.0]]))
    tensor(1.4100)
    """
    reduction = spelled(reduction, size_average, reduce)
    loss = softplus_p(-input, 1.0, 700.0) * target + softplus_p(input, 1.0, 700.0) * (1.0 - target)
    if weight is not None:
        loss = loss * weight
    axis = len(raw_shape(input)) - 1
    loss = sum_p(loss, axes=(axis,), keepdims=False) / raw_shape(input)[axis]
    return reduced(loss, reduction)


__all__ = []
METHODS = ()
INPLACE = ()
