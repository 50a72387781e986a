"""Attention: scaled dot products of queries and keys, softmax, and sums of values."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape
from .comparison import where
from .contraction import linear, matmul
from .dropout import dropout
from .embedding import rows_p
from .joining import cat
from .padding import pad_p
from .reductions import mean_p
from .shape import broadcast_to_p, permute_p, reshape_p
from .softmax import softmax_p

MINUS = float("-inf")


def _swapped(x: Any) -> Any:
    n = len(raw_shape(x))
    return permute_p(x, dims=(*range(n - 2), n - 1, n - 2))


def _repeat_heads(x: Any, times: int) -> Any:
    """Every head `times` times, one after the other (dimension -3)."""
    *lead, h, length, d = raw_shape(x)
    x = reshape_p(x, shape=(*lead, h, 1, length, d))
    x = broadcast_to_p(x, shape=(*lead, h, times, length, d))
    return reshape_p(x, shape=(*lead, h * times, length, d))


def _scores(query: Any, key: Any, attn_mask: Any, is_causal: bool, scale: float | None) -> Any:
    """softmax of the scaled and masked products; rows without any key are zero."""
    factor = 1.0 / sqrt(raw_shape(query)[-1]) if scale is None else scale
    scores = matmul(query * factor, _swapped(key))
    safe = attn_mask is not None
    if is_causal:
        n, m = raw_shape(scores)[-2:]
        scores = scores + np.triu(np.full((n, m), MINUS, raw_dtype(scores)), 1)
    if attn_mask is not None:
        if raw_dtype(attn_mask).kind == "b":
            scores = where(attn_mask, scores, MINUS)
        else:
            scores = scores + attn_mask
    return softmax_p(scores, axis=len(raw_shape(scores)) - 1, safe=safe)


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(query key^T scale + mask) value, with queries (.., L, E), keys (.., S, E) and values (.., S, Ev).

    Args:
        attn_mask: bool (True takes part) or numbers to add, broadcastable to (.., L, S). scale: 1 / sqrt(E) if None.
        is_causal: position i sees positions up to i. enable_gqa: fewer heads (dimension -3) of keys than of queries.

    >>> import chainrule as cr
    >>> q = cr.ones(1, 2, 4)
    >>> cr.nn.functional.scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 4])
    """
    shapes = [raw_shape(x) for x in (query, key, value)]
    if any(len(s) < 2 for s in shapes):
        raise ShapeError(f"Expected query, key, and value to all be at least 2 dimensional, but got {shapes}")
    if shapes[0][-1] != shapes[1][-1]:
        raise ShapeError(
            f"query and key must have the same last size to be multiplied, but got {shapes[0]} and {shapes[1]}"
        )
    if is_causal and attn_mask is not None:
        raise ArgumentError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        heads = shapes[0][-3]
        if heads % shapes[1][-3] or heads % shapes[2][-3]:
            raise ShapeError(
                f"Number of heads in key and value must divide the number of heads in query, but got {shapes[1][-3]} "
                f"and {shapes[2][-3]} for {heads}"
            )
        key, value = _repeat_heads(key, heads // shapes[1][-3]), _repeat_heads(value, heads // shapes[2][-3])
    weights = _scores(query, key, attn_mask, is_causal, scale)
    if dropout_p > 0.0:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)


# ---- several heads -----------------------------------------------------------------------------------------------


def _rows_between(x: Any, begin: int, end: int) -> Any:
    return None if x is None else rows_p(x, np.arange(begin, end), axis=0)


def _project(query: Any, key: Any, value: Any, w: Any, b: Any, separate: tuple | None) -> list:
    """Queries, keys and values through their linear maps, stacked in `w` or given one by one."""
    e = raw_shape(query)[-1]
    parts = [_rows_between(w, i * e, (i + 1) * e) for i in range(3)] if separate is None else separate
    biases = [_rows_between(b, i * e, (i + 1) * e) for i in range(3)]
    return [linear(x, p, c) for x, p, c in zip((query, key, value), parts, biases, strict=True)]


def _additive(mask: Any, dtype: Any) -> Any:
    """A bool mask (True is left out) as numbers to add."""
    if mask is None or raw_dtype(mask).kind != "b":
        return mask
    return where(mask, np.array(MINUS, dtype), np.array(0.0, dtype))


def _with_column(x: Any, value: float = 0) -> Any:
    """One more key at the end of the last dimension of a mask."""
    return None if x is None else pad_p(x, pads=(*(((0, 0),) * (len(raw_shape(x)) - 1)), (0, 1)), value=value)


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention of `num_heads` heads: (result, weights or None); query (L, N, E) or (L, E), key and value (S, N, E).

    Args:
        in_proj_weight: (3 E, E) for queries, keys and values, or the three by themselves with
            `use_separate_proj_weight`. key_padding_mask: (N, S), True or -inf leaves a key out.
        attn_mask: (L, S) or (N heads, L, S), True or -inf leaves a pair out. bias_k, bias_v: one more key and value.
        static_k, static_v: projected keys and values (N heads, S, E / heads) to use instead.

    Floating dtypes, the same for all; this is the function that nn.MultiheadAttention calls.

    >>> import chainrule as cr
    >>> x, w, none = cr.ones(3, 1, 4), cr.ones(12, 4), None
    >>> attend = cr.nn.functional.multi_head_attention_forward
    >>> out, weights = attend(x, x, x, 4, 2, w, none, none, none, False, 0.0, cr.eye(4), none)
    >>> out.shape, weights.shape
    (torch.Size([3, 1, 4]), torch.Size([1, 3, 3]))
    """
    single = len(raw_shape(query)) == 2
    if len(raw_shape(query)) not in (2, 3):
        raise ShapeError(
            f"query should be unbatched 2D or batched 3D tensor but received {len(raw_shape(query))}-D query tensor"
        )
    if single:
        query, key, value = (reshape_p(x, shape=(raw_shape(x)[0], 1, raw_shape(x)[1])) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = reshape_p(key_padding_mask, shape=(1, *raw_shape(key_padding_mask)))
    length, n, e = raw_shape(query)
    if e != embed_dim_to_check:
        raise ShapeError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {e}")
    if e % num_heads:
        raise ArgumentError(f"embed_dim {e} not divisible by num_heads {num_heads}")
    if raw_shape(key)[:2] != raw_shape(value)[:2]:
        raise ShapeError(
            f"key's sequence and batch dims {raw_shape(key)[:2]} do not match value's {raw_shape(value)[:2]}"
        )
    if is_causal and attn_mask is None:
        raise ArgumentError("Need attn_mask if specifying the is_causal hint.")
    head = e // num_heads
    dtype = raw_dtype(query)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias, separate)
    attn_mask, key_padding_mask = _additive(attn_mask, dtype), _additive(key_padding_mask, dtype)
    if attn_mask is not None and len(raw_shape(attn_mask)) == 2:
        attn_mask = reshape_p(attn_mask, shape=(1, *raw_shape(attn_mask)))
    source = raw_shape(key)[0]
    if attn_mask is not None and raw_shape(attn_mask) not in ((1, length, source), (n * num_heads, length, source)):
        raise ShapeError(
            f"The shape of the attn_mask is {raw_shape(attn_mask)}, but should be {(length, source)} or "
            f"{(n * num_heads, length, source)}."
        )
    if bias_k is not None and bias_v is not None:
        k = cat([k, broadcast_to_p(bias_k, shape=(1, n, e))], 0)
        v = cat([v, broadcast_to_p(bias_v, shape=(1, n, e))], 0)
        attn_mask, key_padding_mask = _with_column(attn_mask), _with_column(key_padding_mask)

    def heads(x: Any) -> Any:
        return permute_p(reshape_p(x, shape=(raw_shape(x)[0], n * num_heads, head)), dims=(1, 0, 2))

    q = heads(q)
    k = heads(k) if static_k is None else static_k
    v = heads(v) if static_v is None else static_v
    if add_zero_attn:
        k, v = (pad_p(x, pads=((0, 0), (0, 1), (0, 0)), value=0) for x in (k, v))
        attn_mask, key_padding_mask = _with_column(attn_mask), _with_column(key_padding_mask)
    source = raw_shape(k)[1]
    if key_padding_mask is not None:
        if raw_shape(key_padding_mask) != (n, source):
            raise ShapeError(
                f"expecting key_padding_mask shape of {(n, source)}, but got {raw_shape(key_padding_mask)}"
            )
        padding = broadcast_to_p(reshape_p(key_padding_mask, shape=(n, 1, 1, source)), shape=(n, num_heads, 1, source))
        padding = reshape_p(padding, shape=(n * num_heads, 1, source))
        attn_mask = padding if attn_mask is None else attn_mask + padding
    weights = _scores(q, k, attn_mask, False, None)
    dropped = dropout(weights, dropout_p) if training and dropout_p > 0.0 else weights
    joined = reshape_p(permute_p(matmul(dropped, v), dims=(1, 0, 2)), shape=(length, n, e))
    result = linear(joined, out_proj_weight, out_proj_bias)
    if single:
        result = reshape_p(result, shape=(length, e))
    if not need_weights:
        return result, None
    weights = reshape_p(dropped, shape=(n, num_heads, length, source))
    if average_attn_weights:
        weights = mean_p(weights, axes=(1,), keepdims=False)
    return result, reshape_p(weights, shape=raw_shape(weights)[1:]) if single else weights


__all__ = []
METHODS = ()
INPLACE = ()
