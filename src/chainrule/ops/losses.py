"""Losses of regression: distances between predictions and targets, reduced to one number."""

from __future__ import annotations

from math import log as log_of
from math import pi
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, is_inexact, result_dtype
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, ShapeError, UnsupportedDTypeError
from ..core.provenance import warn
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .comparison import minimum, where
from .distance import pairwise_distance
from .exponential import exp, log
from .kits import add_terms, opaque, shown_as
from .reductions import mean_p, sum_p
from .shape import broadcast_to_p, reshape_p

# ---- shared ------------------------------------------------------------------------------------------------------


def reduced(loss: Any, reduction: str) -> Any:
    """The loss of each element as it is, its mean, or its sum."""
    if reduction == "none":
        return loss
    axes = tuple(range(len(raw_shape(loss))))
    if reduction == "mean":
        return mean_p(loss, axes=axes, keepdims=False)
    if reduction == "sum":
        return sum_p(loss, axes=axes, keepdims=False)
    raise ArgumentError(f"{reduction} is not a valid value for reduction; it is 'none', 'mean' or 'sum'")


def spelled(reduction: str, size_average: Any, reduce: Any) -> str:
    """The reduction that a call names, maybe by PyTorch's old spellings `size_average` and `reduce`, which win."""
    if size_average is None and reduce is None:
        return reduction
    reduction = "none" if reduce is not None and not reduce else "sum" if size_average in (False, 0) else "mean"
    warn(f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.")
    return reduction


def _paired(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Both operands in their common shape, with PyTorch's warning if they differ."""
    a, b = raw_shape(input), raw_shape(target)
    if BOOL in (raw_dtype(input), raw_dtype(target)):  # differences count True as 1
        dtype = result_dtype((input, target))
        input, target = cast_to(input, dtype), cast_to(target, dtype)
    if a == b:
        return input, target
    try:
        shape = np.broadcast_shapes(a, b)
    except ValueError:
        raise ShapeError(
            f"{name}: The size of tensor a {list(a)} must match the size of tensor b {list(b)}; input and target need "
            f"the same shape"
        ) from None
    warn(
        f"Using a target size ({b}) that is different to the input size ({a}). This will likely lead to incorrect "
        f"results due to broadcasting. Please ensure they have the same size.",
    )
    return tuple(x if raw_shape(x) == shape else broadcast_to_p(x, shape=shape) for x in (input, target))  # type: ignore


# ---- squared error, fused ----------------------------------------------------------------------------------------


def _squared_error_impl(xp: Any, x: Any, y: Any, *, count: int) -> Any:
    d = xp.subtract(x, y).reshape(-1)
    return xp.dot(d, d) / d.dtype.type(count)


def _batch_squared_error(prim: Any, args: tuple, is_batched: Any, *, count: int) -> Any:
    d = args[0] - args[1]
    shape = raw_shape(d)
    return sum_p(d * d, axes=tuple(range(1, len(shape))), keepdims=False) / count


def _squared_error_jvp(prim: Any, tangents: Any, ans: Any, x: Any, y: Any, *, count: int) -> Any:
    d = x - y
    terms = [t * d for t in (tangents[0], None if tangents[1] is None else -tangents[1]) if t is not None]
    total = add_terms(terms)
    return sum_p(total, axes=tuple(range(len(raw_shape(d)))), keepdims=False) * (2.0 / count)


squared_error_p = opaque(
    "squared_error",
    _squared_error_impl,
    lambda x, y, *, count: Spec((), x.dtype),
    vjp=(
        lambda g, ans, x, y, *, count: (x - y) * (g * (2.0 / count)),
        lambda g, ans, x, y, *, count: (y - x) * (g * (2.0 / count)),
    ),
    jvp=_squared_error_jvp,
    batch=_batch_squared_error,
    notation="sum(({} - {})^2)",
    doc="Sum of squared differences, divided by `count`.",
    backward_name="MseLossBackward0",
)


@shown_as("MseLossBackward0")
def mse_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """(input - target)^2, its mean or its sum.

    Shapes broadcast; floating dtypes; the mean or sum is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.mse_loss(cr.tensor([1., 2.]), cr.tensor([0., 0.]))
    tensor(2.5000)
    """
    reduction = spelled(reduction, size_average, reduce)
    if reduction in ("mean", "sum") and weight is None and type(input) is type(target) is Tensor:
        x, y = input._data, target._data
        if x.shape == y.shape and x.dtype is y.dtype and x.size and x.dtype.kind == "f":
            return squared_error_p(input, target, count=x.size if reduction == "mean" else 1)
    input, target = _paired("mse_loss", input, target)
    if not is_inexact(result_dtype((input, target))):
        raise UnsupportedDTypeError(
            f'"mse_cpu" not implemented for {raw_dtype(input)} and {raw_dtype(target)}; write mse_loss(x.float(), y)'
        )
    d = input - target
    loss = d * d
    return _weighted(loss, weight, reduction)


def _weighted(loss: Any, weight: Any, reduction: str) -> Any:
    if weight is None:
        return reduced(loss, reduction)
    loss = loss * weight
    if reduction != "mean":
        return reduced(loss, reduction)
    full = weight if raw_shape(weight) == raw_shape(loss) else broadcast_to_p(weight, shape=raw_shape(loss))
    return reduced(loss, "sum") / reduced(full, "sum")


# ---- functions ---------------------------------------------------------------------------------------------------


def l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", weight: Any = None
) -> Any:
    """|input - target|, its mean or its sum.

    Shapes broadcast; the mean or sum is 0-d, in the promoted dtype.

    >>> import chainrule as cr
    >>> cr.nn.functional.l1_loss(cr.tensor([1.0, 4.0]), cr.zeros(2))
    tensor(2.5000)
    """
    reduction = spelled(reduction, size_average, reduce)
    input, target = _paired("l1_loss", input, target)
    return _weighted(abs(input - target), weight, reduction)


@shown_as("SmoothL1LossBackward0")
def smooth_l1_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """d^2 / (2 beta) where d = |input - target| < beta, d - beta / 2 elsewhere.

    Shapes broadcast; floating dtypes; the mean or sum is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.smooth_l1_loss(cr.tensor([0.5, 3.0]), cr.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    reduction = spelled(reduction, size_average, reduce)
    if beta < 0:
        raise ArgumentError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    input, target = _paired("smooth_l1_loss", input, target)
    if beta == 0:
        return reduced(abs(input - target), reduction)
    d = abs(input - target)
    return reduced(where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), reduction)


@shown_as("HuberLossBackward0")
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Any:
    """d^2 / 2 where d = |input - target| <= delta, delta (d - delta / 2) elsewhere.

    Shapes broadcast; floating dtypes; the mean or sum is 0-d. Huber 1964.

    >>> import chainrule as cr
    >>> cr.nn.functional.huber_loss(cr.tensor([0.5, 3.0]), cr.zeros(2), reduction="none")
    tensor([0.1250, 2.5000])
    """
    if delta <= 0:
        raise ArgumentError(f"huber_loss does not support non-positive values for delta, got {delta}")
    input, target = _paired("huber_loss", input, target)
    d = abs(input - target)
    return _weighted(where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta), weight, reduction)


def _relu(x: Any) -> Any:
    from .activations import relu

    return relu(x)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: Any = None,
    eps: float = 1e-8,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """exp(input) - target input (input is a log rate), or input - target log(input + eps); `full` adds log(target!).

    Shapes broadcast; floating dtypes; the mean or sum is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.poisson_nll_loss(cr.tensor([0.0, 0.0]), cr.tensor([0.0, 3.0]))
    tensor(1.)
    """
    reduction = spelled(reduction, size_average, reduce)
    loss = exp(input) - target * input if log_input else input - target * log(input + eps)
    if full:
        big = target > 1
        safe = where(big, target, 2.0)
        stirling = safe * log(safe) - safe + 0.5 * log(safe * (2 * pi))
        loss = loss + where(big, stirling, 0.0)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Any:
    """(log(v) + (input - target)^2 / v) / 2 with v = max(var, eps); `full` adds log(2 pi) / 2.

    The limit eps does not cut the gradient by var.

    Floating dtypes; var has the input's shape, or size 1 last.

    >>> import chainrule as cr
    >>> cr.nn.functional.gaussian_nll_loss(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([2.0]))
    tensor(1.3466)
    """
    from .embedding import concrete

    if isinstance(var, (int, float)):
        if var < 0:
            raise ArgumentError("var has negative entry/entries")
        var = np.full(raw_shape(input), var, raw_dtype(input))
    else:
        shape, have = raw_shape(input), raw_shape(var)
        if have != shape:
            if have == shape[:-1]:
                var = reshape_p(var, shape=(*have, 1))
            elif len(have) != len(shape) or [h for h, n in zip(have, shape, strict=True) if h != n] != [1]:
                raise ArgumentError(f"var is of incorrect size: {list(have)} for input of size {list(shape)}")
        raw = concrete(var)
        if raw is not None and (raw < 0).any():
            raise ArgumentError("var has negative entry/entries")
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"{reduction} is not valid")
    held = var + where(var < eps, eps - _detached(var), 0.0)
    d = input - target
    loss = (log(held) + d * d / held) * 0.5
    if full:
        loss = loss + 0.5 * log_of(2 * pi)
    return reduced(loss, reduction)


def _detached(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """input where target is 1, max(0, margin - input) where target is -1.

    Shapes broadcast; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.functional.hinge_embedding_loss(cr.tensor([0.5, 0.5]), cr.tensor([1.0, -1.0]), reduction="none")
    tensor([0.5000, 0.5000])
    """
    reduction = spelled(reduction, size_average, reduce)
    loss = where(target != 1, _relu(margin - input), 0.0) + where(target != -1, input, 0.0)
    return reduced(loss, reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """max(0, -target (input1 - input2) + margin).

    One shape for all three; floating dtypes; target is 1 or -1.

    >>> import chainrule as cr
    >>> cr.nn.functional.margin_ranking_loss(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([1.0]))
    tensor(2.)
    """
    reduction = spelled(reduction, size_average, reduce)
    if len({len(raw_shape(x)) for x in (input1, input2, target)}) != 1:
        raise ShapeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{list(raw_shape(input1))}, input2: {list(raw_shape(input2))}, target: {list(raw_shape(target))} "
        )
    return reduced(_relu(-target * (input1 - input2) + margin), reduction)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1; rows of (N, D) or one vector.

    Floating inputs; target (N) or 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.cosine_embedding_loss(cr.tensor([[1.0, 0.0]]), cr.tensor([[0.0, 2.0]]), cr.tensor([1.0]))
    tensor(1.)
    """
    reduction = spelled(reduction, size_average, reduce)
    shape = raw_shape(input1)
    if len(raw_shape(target)) not in (0, 1):
        raise ShapeError(f"0D or 1D target tensor expected, multi-target not supported, got {list(raw_shape(target))}")
    if not len(shape) == len(raw_shape(input2)) == len(raw_shape(target)) + 1:
        raise ShapeError(
            f"{len(raw_shape(target))}D target tensor expects {len(raw_shape(target)) + 1}D input tensors, but found "
            f"inputs with sizes {list(shape)} and {list(raw_shape(input2))}."
        )
    axes = (len(shape) - 1,)
    eps = 1e-12
    dot = sum_p(input1 * input2, axes=axes, keepdims=False)
    sizes = (sum_p(input1 * input1, axes=axes, keepdims=False) + eps) * (
        sum_p(input2 * input2, axes=axes, keepdims=False) + eps
    )
    cosine = dot / sizes**0.5
    loss = where(target == 1, 1.0 - cosine, 0.0) + where(target == -1, _relu(cosine - margin), 0.0)
    return reduced(loss, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: Any = None,
    reduce: Any = None,
    reduction: str = "mean",
) -> Any:
    """max(0, |anchor - positive| - |anchor - negative| + margin), with norms of order p over the last dimension.

    With `swap` the negative's distance is the smaller of those from the anchor and from the positive.

    Floating tensors (N, D) or (D). Balntas et al. 2016.

    >>> import chainrule as cr
    >>> a, p, n = cr.zeros(1, 2), cr.tensor([[3.0, 4.0]]), cr.tensor([[0.0, 2.0]])
    >>> cr.nn.functional.triplet_margin_loss(a, p, n)
    tensor(4.0000)
    """

    reduction = spelled(reduction, size_average, reduce)

    def distance(a: Any, b: Any) -> Any:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap, reduction=reduction
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for any distance d.

    Floating tensors of shapes that the distance takes; by default pairwise_distance.

    >>> import chainrule as cr
    >>> a, p, n = cr.zeros(1, 2), cr.tensor([[3.0, 4.0]]), cr.tensor([[0.0, 2.0]])
    >>> taxi = lambda x, y: (x - y).abs().sum(-1)
    >>> cr.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=taxi)
    tensor(6.)
    """
    if margin <= 0:
        raise ArgumentError(f"margin must be greater than 0, got {margin}")
    dims = [len(raw_shape(x)) for x in (anchor, positive, negative)]
    if len(set(dims)) != 1:
        raise ShapeError(
            f"The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(_relu(near - far + margin), reduction)


@shown_as("SoftMarginLossBackward0")
def soft_margin_loss(
    input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Any:
    """log(1 + exp(-target input)), target being 1 or -1.

    Input and target of one shape, floating; the mean or sum is 0-d.

    >>> import chainrule as cr
    >>> cr.nn.functional.soft_margin_loss(cr.tensor([0.0, 2.0]), cr.tensor([1.0, 1.0]))
    tensor(0.4100)
    """
    reduction = spelled(reduction, size_average, reduce)
    from .activations import softplus_p

    input, target = _paired("soft_margin_loss", input, target)
    return reduced(softplus_p(-target * input, 1.0, 700.0), reduction)


__all__ = []
METHODS = ()
INPLACE = ()
