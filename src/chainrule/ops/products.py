"""Products over several dimensions or of several factors, distances between points, and cross products."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_shape
from ..core.writes import write_out
from .contraction import check_ranks, matmul, mismatch, promoted, with_dim
from .einsum import contract_p
from .kits import bilinear as bilinear_kit
from .kits import broadcast_shapes, shown_as
from .reductions import all_batched, sum_p
from .shape import broadcast_to_p, canonical_dim, reshape_p

# ---- several dimensions, several factors -----------------------------------------------------------------------------


def inner(input: Any, other: Any, *, out: Any = None) -> Any:
    """Sum of products over the last dimension of both: result dimensions are input's others, then other's others.

    >>> import chainrule as cr
    >>> cr.inner(cr.tensor([1, 2, 3]), cr.tensor([0, 2, 1]))
    tensor(7)
    """
    a, b = raw_shape(input), raw_shape(other)
    if not a or not b:
        result = input * other
    elif a[-1] != b[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    else:
        result = tensordot(input, other, ([-1], [-1]))
    return result if out is None else write_out(out, result)


def tensordot(a: Any, b: Any, dims: Any = 2, out: Any = None) -> Any:
    """Sum of products over pairs of dimensions: `dims` = (of a, of b), or the number of a's last and b's first ones.

    >>> import chainrule as cr
    >>> cr.tensordot(cr.ones(2, 3, 4), cr.ones(4, 3), dims=([2, 1], [0, 1]))
    tensor([12., 12.])
    """
    sa, sb = raw_shape(a), raw_shape(b)
    if isinstance(dims, (int, np.integer)):
        if dims < 0:
            raise ArgumentError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(sa), len(sb)):
            raise ArgumentError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims} for {sa} and {sb}")
        da, db = list(range(len(sa) - dims, len(sa))), list(range(dims))
    else:
        pairs = dims.tolist() if hasattr(dims, "tolist") else dims
        da, db = ([int(d) for d in (some if isinstance(some, (list, tuple)) else [some])] for some in pairs)
    if len(da) != len(db):
        raise ShapeError(f"both dimension lists should have same length: got {da} and {db}")
    da, db = [canonical_dim(d, len(sa)) for d in da], [canonical_dim(d, len(sb)) for d in db]
    la, lb = list(range(len(sa))), list(range(len(sa), len(sa) + len(sb)))
    for i, j in zip(da, db, strict=True):
        if sa[i] != sb[j] and 1 not in (sa[i], sb[j]):
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {sa[i]} in dim {i} and second has size "
                f"{sb[j]} in dim {j}: shapes {sa} and {sb}"
            )
        lb[j] = la[i]
    a, b = promoted(a, b)
    sizes = dict(zip(lb, sb)) | {label: n for label, n in zip(la, sa) if n != 1 or label not in lb}
    rest = [i for i in la if i not in da] + [label for j, label in enumerate(lb) if j not in db]
    pairs = []
    for x, labels, shape in ((a, la, sa), (b, lb, sb)):
        kept = [n == sizes[label] for label, n in zip(labels, shape, strict=True)]
        some = tuple(n for n, k in zip(shape, kept, strict=True) if k)
        pairs.append((x if all(kept) else reshape_p(x, shape=some), tuple(q for q, k in zip(labels, kept) if k)))
    every = tuple(sizes.get(label, 1) for label in range(len(sa) + len(sb)))
    (x, xl), (y, yl) = pairs
    result = contract_p(x, y, spec=((xl, yl), tuple(rest), every))
    return result if out is None else write_out(out, result)


def cheapest_order(sizes: tuple[int, ...]) -> list[list[int]]:
    """split[i][j]: after which matrix to cut the product of matrices i..j, so that few multiplications are needed.

    Matrix i has shape (sizes[i], sizes[i + 1]). Source: Cormen et al., Introduction to Algorithms, 15.2.
    """
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            found = [(cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i][j], split[i][j] = min(found)
    return split


def product_of(matrices: Any) -> Any:
    """Product of matrices, in the cheapest order."""
    shapes = [raw_shape(m) for m in matrices]
    for a, b in pairwise(shapes):
        if a[1] != b[0]:
            raise mismatch(a, b)
    return _between(matrices, cheapest_order((*(s[0] for s in shapes), shapes[-1][1])), 0, len(matrices) - 1)


def _between(matrices: Any, split: list[list[int]], i: int, j: int) -> Any:
    """Product of matrices i..j."""
    if i == j:
        return matrices[i]
    k = split[i][j]
    return matmul(_between(matrices, split, i, k), _between(matrices, split, k + 1, j))


def chain_matmul(*matrices: Any, out: Any = None) -> Any:
    """Product of matrices, multiplied in the order that needs the fewest multiplications.

    >>> import chainrule as cr
    >>> cr.chain_matmul(cr.eye(2), cr.ones(2, 3), cr.ones(3, 1))
    tensor([[3.],
            [3.]])
    """
    if not matrices:
        raise ArgumentError("chain_matmul(): Expected one or more matrices; write chain_matmul(a, b, c)")
    for m in matrices:
        check_ranks("chain_matmul", "Tensor dimension is not 2", (m, 2))
    result = product_of(list(matrices))
    return result if out is None else write_out(out, result)


# ---- distances and cross products ------------------------------------------------------------------------------------


@shown_as("CdistBackward0")
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """p-norm distances between all rows of x1 (..., n, d) and x2 (..., m, d): (..., n, m). The derivative at 0 is 0.

    >>> import chainrule as cr
    >>> cr.cdist(cr.tensor([[0., 0.]]), cr.tensor([[3., 4.], [0., 1.]]))
    tensor([[5., 1.]])
    """
    from .statistics import vector_norm_p

    a, b = raw_shape(x1), raw_shape(x2)
    for name, s in (("X1", a), ("X2", b)):
        if len(s) < 2:
            raise ShapeError(f"cdist only supports at least 2D tensors, {name} got: {len(s)}D of shape {s}")
    if a[-1] != b[-1]:
        raise ShapeError(f"X1 and X2 must have the same number of columns. X1: {a[-1]} X2: {b[-1]}")
    if p < 0:
        raise ArgumentError(f"cdist only supports non-negative p values, got {p}")
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ArgumentError(f"{compute_mode} is not a valid value for compute_mode; write one of {modes}")
    x1, x2 = promoted(x1, x2)
    away = with_dim(x1, -2) - reshape_p(x2, shape=(*b[:-2], 1, *b[-2:]))
    n = len(raw_shape(away))
    if 0 in raw_shape(away):
        return sum_p(away, axes=(n - 1,), keepdims=False)
    return vector_norm_p(away, ord=float(p), axes=(n - 1,), keepdims=False)


def _cross_batch(prim: Any, args: Any, is_batched: Any, *, axis: int) -> Any:
    return prim(*all_batched(args, is_batched), axis=axis + 1)


cross_p = bilinear_kit(
    "cross",
    lambda xp, x, y, *, axis: xp.cross(x, y, axis=axis),
    lambda x, y, *, axis: Spec(tuple(x.shape), x.dtype),
    lambda g, ans, x, y, *, axis: cross_p(y, g, axis=axis),
    lambda g, ans, x, y, *, axis: cross_p(g, x, axis=axis),
    _cross_batch,
    notation="{} x {}",
    doc="Cross product of vectors along `axis`, of size 3.",
    backward_name="LinalgCrossBackward0",
)


def linalg_cross(input: Any, other: Any, *, dim: int = -1, axis: int | None = None, out: Any = None) -> Any:
    """Cross product of vectors along `dim`, which has size 3; the other dimensions broadcast.

    >>> import chainrule as cr
    >>> cr.linalg.cross(cr.tensor([1., 0., 0.]), cr.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    a, b = raw_shape(input), raw_shape(other)
    if len(a) != len(b):
        raise ShapeError(f"linalg.cross: inputs must have the same number of dimensions: got {a} and {b}")
    at = canonical_dim(dim if axis is None else axis, len(a))
    if not a or a[at] != 3 or b[at] != 3:
        raise ShapeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got shapes {a} and {b}")
    shape = broadcast_shapes(a, b)
    x, y = (v if raw_shape(v) == shape else broadcast_to_p(v, shape=shape) for v in promoted(input, other))
    result = cross_p(x, y, axis=at)
    return result if out is None else write_out(out, result)


def cross(input: Any, other: Any, dim: int | None = None, *, axis: int | None = None, out: Any = None) -> Any:
    """Cross product of vectors along `dim` (default: the first dimension of size 3).

    >>> import chainrule as cr
    >>> cr.cross(cr.tensor([1.0, 0.0, 0.0]), cr.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    dim = dim if axis is None else axis
    if dim is None:
        shape = broadcast_shapes(raw_shape(input), raw_shape(other))
        dim = next((i for i, n in enumerate(shape) if n == 3), None)
        if dim is None:
            raise ShapeError(f"no dimension of size 3 in input: shape {shape}")
    return linalg_cross(input, other, dim=dim, out=out)


__all__ = ["inner", "tensordot", "chain_matmul", "cdist", "cross"]
METHODS = ("inner", "cross")
INPLACE = ()
