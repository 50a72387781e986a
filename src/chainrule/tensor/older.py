"""Top-level names that PyTorch keeps from earlier versions, beside nn.functional's and creation's newer ones."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_dtype, wrap
from ..ops import activations, clipped_activations, resampling
from ..ops import dropout as dropouts
from ..ops.calculus import trapezoid
from ..ops.histograms import histogram
from ..ops.padding import pad
from ..ops.reductions import return_type
from .attributes import concrete
from .creation import empty, float_dtype, number, written
from .data import check_device, finish

__all__ = [
    "alpha_dropout", "alpha_dropout_", "celu_", "constant_pad_nd", "dropout", "dropout_", "empty_permuted",
    "feature_alpha_dropout", "feature_alpha_dropout_", "feature_dropout", "feature_dropout_", "fill", "grid_sampler",
    "histogramdd", "newaxis", "range", "rrelu_", "selu_", "threshold_", "trapz",
]  # fmt: skip

newaxis = None
Histogramdd = return_type("histogramdd", "hist", "bin_edges")


def _in_place(name: str, function: Callable, example: str) -> Callable:
    def op(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"""In-place form of `{name[:-1]}`: written into the tensor, of any shape and a floating dtype.

    >>> import chainrule as cr
    >>> cr.{name}(cr.tensor([0.5]){example})
    tensor([0.5{"254" if name == "selu_" else "000"}])
    """
    return op


celu_ = _in_place("celu_", activations.celu, "")
selu_ = _in_place("selu_", activations.selu, "")
rrelu_ = _in_place("rrelu_", activations.rrelu, "")
threshold_ = _in_place("threshold_", clipped_activations.threshold, ", 0.25, 2.0")


def _trained(name: str, function: Callable, channels: bool) -> tuple[Callable, Callable]:
    shape = "(N, C, ...)" if channels else "any shape"

    def op(input: Any, p: float, train: bool) -> Any:
        return function(input, p, train)

    def op_(input: Tensor, p: float, train: bool) -> Tensor:
        return function(input, p, train, inplace=True)

    for made, title, sign in ((op, "for an input", ""), (op_, "written into the input", "_")):
        made.__name__ = made.__qualname__ = name + sign
        made.__doc__ = f"""nn.functional.{function.__name__} {title} of {shape} and a floating dtype, if `train`.

    >>> import chainrule as cr
    >>> cr.{name}{sign}(cr.ones(1, 2, 1), 0.5, train=False).flatten()
    tensor([1., 1.])
    """
    return op, op_


dropout, dropout_ = _trained("dropout", dropouts.dropout, False)
alpha_dropout, alpha_dropout_ = _trained("alpha_dropout", dropouts.alpha_dropout, False)
feature_dropout, feature_dropout_ = _trained("feature_dropout", dropouts.dropout2d, True)
feature_alpha_dropout, feature_alpha_dropout_ = _trained("feature_alpha_dropout", dropouts.feature_alpha_dropout, True)


def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor with the shape and dtype of `input` and one value, a number or a 0-d tensor, everywhere.

    >>> import chainrule as cr
    >>> cr.fill(cr.zeros(2), 7)
    tensor([7., 7.])
    """
    return input.clone().fill_(value)  # type: ignore[attr-defined]


def constant_pad_nd(input: Any, pad_: Sequence[int], value: float = 0) -> Any:
    """nn.functional.pad with a constant: widths (left, right, top, bottom ...) from the last dimension on, any dtype.

    >>> import chainrule as cr
    >>> cr.constant_pad_nd(cr.ones(1), (1, 1), 3.0)
    tensor([3., 1., 3.])
    """
    return pad(input, pad_, "constant", value)


def trapz(y: Any, x: Any = None, *, dx: float = 1, dim: int = -1) -> Any:
    """The older name of `trapezoid`: the integral of samples `y`, whose shape loses `dim`.

    >>> import chainrule as cr
    >>> cr.trapz(cr.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return trapezoid(y, x, dim=dim) if x is not None else trapezoid(y, dx=dx, dim=dim)


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Any:
    """nn.functional.grid_sample of images (N, C, H, W) with its modes as numbers, counted in the order it names them.

    >>> import chainrule as cr
    >>> cr.grid_sampler(cr.ones(1, 1, 2, 2), cr.zeros(1, 1, 1, 2), 0, 0, True)
    tensor([[[[1.]]]])
    """
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    padding = ("zeros", "border", "reflection")[padding_mode]
    return resampling.grid_sample(input, grid, mode, padding, align_corners)


def range(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step ... up to and including `end`, 1-D in the default float or `dtype`. New code writes arange.

    >>> import chainrule as cr
    >>> cr.range(1, 4)
    tensor([1., 2., 3., 4.])
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    start, end, step = (number(v, "range()") for v in (start, end, step))
    if step == 0:
        raise ArgumentError("step must be nonzero")
    if (end - start) * step < 0:
        raise ArgumentError(f"upper bound and lower bound inconsistent with step sign: range({start}, {end}, {step})")
    count = int((end - start) / step) + 1
    data = (start + step * np.arange(count, dtype=np.float64)).astype(float_dtype(dtype))
    return written(out, finish(data, requires_grad))


def empty_permuted(size: Any, physical_layout: Any, **options: Any) -> Tensor:
    """Uninitialised memory of shape `size` whose dimensions lie in memory in the order `physical_layout`.

    In the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.empty_permuted((2, 3), (1, 0)).stride()
    (1, 2)
    """
    sizes, order = tuple(size), tuple(physical_layout)
    if sorted(order) != list(builtins.range(len(sizes))):
        raise ArgumentError(f"Duplicate or missing dimensions in physical_layout {order} for size {sizes}")
    made = empty([sizes[i] for i in order], **options)
    return made.permute([order.index(i) for i in builtins.range(len(sizes))])  # type: ignore[attr-defined]


def histogramdd(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts of points in boxes, or sums of their `weight`: (hist, bin_edges), for points (..., d) in d dimensions.

    `bins` is their number in each dimension, or one number, or the edges. Floating dtypes; no derivative.

    >>> import chainrule as cr
    >>> cr.histogramdd(cr.tensor([[0.0, 0.0], [1.0, 1.0]]), bins=[2, 2]).hist
    tensor([[1., 0.],
            [0., 1.]])
    """
    points = concrete(input, "histogramdd()")
    points = points.reshape(-1, points.shape[-1])
    d = points.shape[1]
    sizes = [bins] * d if isinstance(bins, int) else list(bins)
    if len(sizes) != d:
        raise ArgumentError(f"histogramdd: the size of bins ({len(sizes)}) must be the innermost size of input ({d})")
    spans = [None] * d if range is None else list(zip(range[::2], range[1::2], strict=True))
    edges = []
    for column, size, span in zip(points.T, sizes, spans, strict=True):
        found = histogram(wrap(column), size, range=span)
        edges.append(found.bin_edges)
    weights = None if weight is None else concrete(weight, "histogramdd()").reshape(-1).astype(np.float64)
    at = [np.asarray(e._data, np.float64) for e in edges]
    counts, _ = np.histogramdd(points, at, weights=weights, density=density)
    return Histogramdd(wrap(counts.astype(raw_dtype(input))), tuple(edges))
