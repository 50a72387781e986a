"""Tables of vectors: embedding and embedding_bag, and the gather and scatter of whole rows that they are made of."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DTypeError, IndexingError, ShapeError
from ..core.state import state
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .extrema import pick_p, place_p
from .kits import elementwise, opaque, shown_as
from .shape import broadcast_to_p, permute_p, reshape_p

# ---- records --------------------------------------------------------------------------------------------------------


def _rows_impl(xp: Any, table: Any, index: Any, *, axis: int) -> Any:
    return xp.take(table, index, axis=axis)


def _rows_aval(table: Any, index: Any, *, axis: int) -> Spec:
    return Spec((*table.shape[:axis], *index.shape, *table.shape[axis + 1 :]), table.dtype)


def _add_rows_impl(xp: Any, values: Any, index: Any, *, axis: int, size: int) -> Any:
    k = index.ndim
    order = (*range(axis, axis + k), *range(axis), *range(axis + k, values.ndim))
    rest = tuple(values.shape[i] for i in order[k:])
    flat = values.transpose(order).reshape(index.size, prod(rest))
    total = xp.zeros((size, flat.shape[1]), values.dtype)
    if index.size:
        where = index.reshape(-1)
        where = xp.where(where < 0, where + size, where)
        order = xp.argsort(where, kind="stable")
        ordered = where[order]
        starts = xp.flatnonzero(xp.concatenate([[True], ordered[1:] != ordered[:-1]]))
        total[ordered[starts]] = xp.add.reduceat(flat[order], starts, axis=0, dtype=values.dtype)
    return xp.moveaxis(total.reshape(size, *rest), 0, axis)


def _add_rows_aval(values: Any, index: Any, *, axis: int, size: int) -> Spec:
    return Spec((*values.shape[:axis], size, *values.shape[axis + len(index.shape) :]), values.dtype)


def _first_tangent(prim: Any, tangents: Any, ans: Any, x: Any, index: Any, **params: Any) -> Any:
    return None if tangents[0] is None else prim(tangents[0], index, **params)


def _shifted(index: Any, batched: bool, batch: int, size: int) -> Any:
    """Indices into `batch` tables of `size` rows laid end to end; negative ones count from each table's end."""
    lead = raw_shape(index)[1:] if batched else raw_shape(index)
    offsets = np.arange(batch).reshape(batch, *(1,) * len(lead)) * size
    return index + offsets


def _batch_rows(prim: Any, args: tuple, is_batched: Any, *, axis: int) -> Any:
    table, index = args
    if not is_batched[1]:
        return prim(table, index, axis=axis + 1)
    if not is_batched[0]:
        found = prim(table, index, axis=axis)
        ndim = len(raw_shape(found))
        return found if not axis else permute_p(found, dims=(axis, *range(axis), *range(axis + 1, ndim)))
    b, *shape = raw_shape(table)
    front = permute_p(table, dims=(0, axis + 1, *range(1, axis + 1), *range(axis + 2, len(shape) + 1)))
    n, *rest = raw_shape(front)[1:]
    found = prim(reshape_p(front, shape=(b * n, *rest)), _shifted(index, True, b, n), axis=0)
    k = len(raw_shape(index)) - 1
    ndim = len(raw_shape(found))
    return permute_p(found, dims=(0, *range(k + 1, k + 1 + axis), *range(1, k + 1), *range(k + 1 + axis, ndim)))


def _batch_add_rows(prim: Any, args: tuple, is_batched: Any, *, axis: int, size: int) -> Any:
    values, index = args
    if not is_batched[1]:
        return prim(values, index, axis=axis + 1, size=size)
    b = raw_shape(index)[0]
    if not is_batched[0]:
        values = broadcast_to_p(values, shape=(b, *raw_shape(values)))
    k, ndim = len(raw_shape(index)) - 1, len(raw_shape(values))
    moved = permute_p(values, dims=(0, *range(axis + 1, axis + 1 + k), *range(1, axis + 1), *range(axis + 1 + k, ndim)))
    total = prim(moved, _shifted(index, True, b, size), axis=0, size=b * size)
    total = reshape_p(total, shape=(b, size, *raw_shape(total)[1:]))
    return permute_p(total, dims=(0, *range(2, axis + 2), 1, *range(axis + 2, len(raw_shape(total)))))


rows_p = opaque(
    "rows",
    _rows_impl,
    _rows_aval,
    vjp=(lambda g, ans, x, index, *, axis: add_rows_p(g, index, axis=axis, size=x.shape[axis]), None),
    jvp=_first_tangent,
    batch=_batch_rows,
    notation="{}[{}]",
    doc="Slices along `axis` by their numbers; the index may have any shape.",
    backward_name="EmbeddingBackward0",
)

add_rows_p = opaque(
    "add_rows",
    _add_rows_impl,
    _add_rows_aval,
    vjp=(lambda g, ans, x, index, *, axis, size: rows_p(g, index, axis=axis), None),
    jvp=_first_tangent,
    batch=_batch_add_rows,
    notation="add_rows({}, {})",
    doc="Sums of the slices that carry equal numbers: the transpose of taking slices.",
    backward_name="EmbeddingDenseBackwardBackward0",
)


def pick(x: Any, index: Any) -> Any:
    """Elements along the last dimension by their numbers, which are given for each position before it."""
    return pick_p(x, index, axis=len(raw_shape(x)) - 1)


def place(values: Any, index: Any, size: int) -> Any:
    """Zeros (.., size) with the values added at the given positions of the last dimension: the transpose of picking."""
    return place_p(values, index, axis=len(raw_shape(values)) - 1, size=size)


scaled_grad_p = elementwise(
    "scaled_grad",
    lambda xp, x, factor: x + xp.zeros_like(factor, dtype=x.dtype),
    lambda g, ans, x, factor: g * factor,
    None,
    notation="{}",
    doc="The first argument as it is, whose derivative is multiplied by the second.",
    backward_name="EmbeddingBackward0",
)


# ---- functions ------------------------------------------------------------------------------------------------------


def check_index(index: Any, size: int, what: str = "index") -> None:
    """Raise IndexError where a concrete index is out of range [0, size)."""
    raw = concrete(index)
    if raw is not None and raw.size:
        low, high = int(raw.min()), int(raw.max())
        if low < 0 or high >= size:
            raise IndexingError(
                f"{what} out of range in self: {low if low < 0 else high} is not in [0, {size}), the rows of the table"
            )


def concrete(x: Any) -> np.ndarray | None:
    """The array under a tensor or tracer (with all its batch dimensions), or None while it is being staged."""
    while isinstance(x, Tensor):
        x = x._data
    return x if isinstance(x, (np.ndarray, np.generic)) else None


def known(x: Any) -> np.ndarray:
    """The array under a tensor, or the error that says that it has no value while a function is being staged."""
    while isinstance(x, Tensor):
        x = x._data
    return np.asarray(x)


def renormalise(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows that are looked up and longer than `max_norm` down to it, in place and unrecorded."""
    table, used = known(weight), known(index)
    from ..core.writes import note_write

    used = np.unique(used)
    norms = np.linalg.norm(table[used], ord=norm_type, axis=-1, keepdims=True)
    long = norms[:, 0] > max_norm
    if long.any():
        note_write(table, "embedding_renorm_")
        table[used[long]] *= (max_norm / (norms[long] + 1e-7)).astype(table.dtype)


def _integral(index: Any, name: str) -> None:
    if raw_dtype(index).kind not in "iu":
        raise DTypeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{raw_dtype(index)} instead (while checking arguments for {name}); write index.long()"
        )


def _padding_row(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(f"Padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
    return padding_idx + rows if padding_idx < 0 else padding_idx


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """Rows of `weight` (V, D) by their numbers: the result is (*input.shape, D).

    Args:
        padding_idx: this row receives no gradient. max_norm: longer rows are first scaled down, in place.
        scale_grad_by_freq: divide a row's gradient by how often its number occurs. sparse: gradients are dense anyway.

    Raises:
        IndexingError: a number is not in [0, V). DTypeError: the numbers are not integers.

    >>> import chainrule as cr
    >>> cr.nn.functional.embedding(cr.tensor([1, 0]), cr.tensor([[0., 1.], [2., 3.]]))
    tensor([[2., 3.],
            [0., 1.]])
    """
    _integral(input, "embedding")
    if len(raw_shape(weight)) != 2:
        raise ShapeError(f"'weight' must be 2-D, but got size {list(raw_shape(weight))}")
    rows = raw_shape(weight)[0]
    check_index(input, rows)
    row = _padding_row(padding_idx, rows)
    if max_norm is not None:
        renormalise(weight, input, max_norm, norm_type)
    found = rows_p(weight, input, axis=0)
    if not state.grad_enabled or (row is None and not scale_grad_by_freq):
        return found
    factor = None
    flat = (*raw_shape(input), 1)
    if row is not None:
        from .comparison import ne

        factor = reshape_p(ne(input, row), shape=flat)
    if scale_grad_by_freq:
        ones = np.ones(raw_shape(input), raw_dtype(weight))
        counts = rows_p(add_rows_p(ones, input, axis=0, size=rows), input, axis=0)
        share = reshape_p(1.0 / counts, shape=flat)
        factor = share if factor is None else share * factor
    return scaled_grad_p(found, factor)


@shown_as("EmbeddingBagBackward0")
def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sum, mean or maximum of the embeddings in each bag: (bags, D).

    Args:
        input: (bags, n), every bag of n numbers; or (n,), with `offsets` (bags,) saying where each bag begins.
        per_sample_weights: factors of the embeddings, shaped like input (mode "sum" only).
        padding_idx: numbers that count as absent. include_last_offset: the last offset is the end of the last bag.

    Empty bags give zeros.

    Indices (bags, n), or 1-D with `offsets` where bags begin, are integers; the table (V, D) is floating.

    >>> import chainrule as cr
    >>> cr.nn.functional.embedding_bag(cr.tensor([[0, 2]]), cr.tensor([[1.0, 0.0], [5.0, 5.0], [3.0, 4.0]]))
    tensor([[2., 2.]])
    """
    _integral(input, "embedding_bag")
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"mode has to be one of sum, mean or max, got {mode!r}")
    if per_sample_weights is not None:
        if mode != "sum":
            raise ArgumentError(
                f"embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
                f"(got mode='{mode}')"
            )
        if raw_shape(per_sample_weights) != raw_shape(input):
            raise ShapeError(
                f"embedding_bag: If per_sample_weights ({list(raw_shape(per_sample_weights))}) is not None, then it "
                f"must have the same shape as the input ({list(raw_shape(input))})"
            )
    shape = raw_shape(input)
    if len(shape) == 2:
        if offsets is not None:
            raise ArgumentError(
                "if input is 2D, then offsets has to be None, as input is treated as bags of equal length"
            )
        bags, width = shape
        bag_of = np.repeat(np.arange(bags), width)
        input = reshape_p(input, shape=(bags * width,))
        if per_sample_weights is not None:
            per_sample_weights = reshape_p(per_sample_weights, shape=(bags * width,))
    elif len(shape) == 1:
        if offsets is None:
            raise ArgumentError("offsets has to be a 1D Tensor but got None; give the beginning of each bag")
        starts = known(offsets)
        if starts.ndim != 1:
            raise ShapeError(f"offsets has to be a 1D Tensor, got shape {starts.shape}")
        if starts.size and starts[0] != 0:
            raise ArgumentError(
                f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {int(starts[0])}"
            )
        if starts.size and starts[-1] > shape[0]:
            raise ArgumentError(f"offsets[-1] can not be greater than input's length {shape[0]}, got {int(starts[-1])}")
        bags = len(starts) - bool(include_last_offset)
        bag_of = np.searchsorted(starts[:bags], np.arange(shape[0]), side="right") - 1
    else:
        raise ShapeError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {len(shape)}")
    found = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    row = _padding_row(padding_idx, raw_shape(weight)[0])
    if mode == "max":
        return _bag_maximum(found, input, bag_of, bags, row)
    keep: Any = np.ones(raw_shape(input), raw_dtype(weight))
    if row is not None:
        from .comparison import ne

        keep = keep * ne(input, row)
        found = found * reshape_p(keep, shape=(*raw_shape(input), 1))
    if per_sample_weights is not None:
        found = found * reshape_p(per_sample_weights, shape=(*raw_shape(input), 1))
    total = add_rows_p(found, bag_of, axis=0, size=bags)
    if mode == "sum":
        return total
    from .comparison import maximum

    counts = maximum(add_rows_p(keep, bag_of, axis=0, size=bags), 1.0)
    return total / reshape_p(counts, shape=(bags, 1))


def _bag_maximum(found: Any, index: Any, bag_of: np.ndarray, bags: int, row: int | None) -> Any:
    """Maximum over each bag of the rows `found`; bags without members give zeros."""
    from .comparison import where
    from .extrema import max as maximum_over

    keep = np.ones(len(bag_of), bool)
    if row is not None:
        raw = known(index)
        if raw.ndim != 1:
            raise ArgumentError("embedding_bag: mode='max' with padding_idx cannot be vectorised over the numbers")
        keep = raw != row
    members = [np.flatnonzero((bag_of == b) & keep) for b in range(bags)]
    width = max((len(m) for m in members), default=0)
    if not width:
        return add_rows_p(found * 0.0, bag_of, axis=0, size=bags)
    table = np.array([np.resize(m, width) if len(m) else np.zeros(width, np.int64) for m in members]).reshape(
        bags, width
    )
    values, _ = maximum_over(rows_p(found, table, axis=0), 1)
    filled = np.array([len(m) > 0 for m in members]).reshape(bags, 1)
    return values if filled.all() else where(filled, values, 0.0)


__all__ = ["embedding", "embedding_bag"]
METHODS = ()
INPLACE = ()
