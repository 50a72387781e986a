"""A recurrent layer over all of its time steps as one record: eager programs pay per step, not per gate."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .hyperbolic import tanh
from .joining import cat_p, stack_p
from .kits import opaque
from .reductions import sum_p
from .shape import broadcast_to_p, permute_p, reshape_p


def _lstm_impl(xp: Any, gates: Any, h0: Any, c0: Any, w: Any) -> tuple:
    size = h0.shape[-1]
    halves = xp.full(4 * size, 0.5, gates.dtype)  # sigmoid(x) = tanh(x / 2) / 2 + 1 / 2: one tanh for all four gates
    halves[2 * size : 3 * size] = 1
    shift = xp.where(halves == 1, 0, 0.5).astype(gates.dtype)
    given = gates * halves
    w_t = xp.swapaxes(w * halves[:, None], -1, -2).copy()
    acts = xp.empty_like(given)
    hs = xp.empty((*gates.shape[:-1], size), gates.dtype)
    cs = xp.empty_like(hs)
    h, c = h0, c0
    for t in range(gates.shape[0]):
        a = acts[t]
        xp.matmul(h, w_t, out=a)
        a += given[t]
        xp.tanh(a, out=a)
        a *= halves
        a += shift
        xp.multiply(a[..., size : 2 * size], c, out=cs[t])
        cs[t] += a[..., :size] * a[..., 2 * size : 3 * size]
        c, h = cs[t], hs[t]
        xp.tanh(c, out=h)
        h *= a[..., 3 * size :]
    return hs, cs, acts


def _lstm_aval(gates: Any, h0: Any, c0: Any, w: Any) -> tuple:
    size = h0.shape[-1]
    if tuple(w.shape[-2:]) != (4 * size, size) or gates.shape[-1] != 4 * size:
        raise ShapeError(f"lstm: gates {tuple(gates.shape)} and weight {tuple(w.shape)} do not fit a state of {size}")
    states = Spec((*gates.shape[:-1], size), gates.dtype)
    return states, states, Spec(tuple(gates.shape), gates.dtype)


def _gate(acts: Any, k: int, size: int) -> Any:
    """Gate number k of (..., 4 H): input, forget, cell, output."""
    return acts[..., k * size : (k + 1) * size]


def _delayed(first: Any, states: Any) -> Any:
    """The states before each step: `first`, then all but the last."""
    return cat_p(first[None], states[:-1], dim=0)


def _slopes(acts: Any, size: int) -> Any:
    """Derivative of each activated gate by what goes into its sigmoid or tanh."""
    i, f, z, o = (_gate(acts, k, size) for k in range(4))
    return cat_p(i * (1 - i), f * (1 - f), 1 - z * z, o * (1 - o), dim=len(raw_shape(acts)) - 1)


def _sum_of(*terms: Any) -> Any:
    """The sum of those that are not None (zero)."""
    total = None
    for term in terms:
        total = term if total is None else total if term is None else total + term
    return total


def _swapped(x: Any) -> Any:
    """The transpose of the last two dimensions."""
    n = len(raw_shape(x))
    return permute_p(x, dims=(*range(n - 2), n - 1, n - 2))


def _lstm_pull(g: Any, ans: Any, args: tuple, needs: Any) -> list:
    hs, cs, acts = ans
    _, h0, c0, w = args
    g_h, g_c, g_acts = g
    size, last = raw_shape(hs)[-1], len(raw_shape(hs)) - 1
    i, f, z, o = (_gate(acts, k, size) for k in range(4))
    tanh_c, slopes = tanh(cs), _slopes(acts, size)
    reach = cat_p(z, _delayed(c0, cs), i, tanh_c, dim=last) * slopes  # of c by the first three gates, of h by the last
    keep = o * (1 - tanh_c * tanh_c)
    nothing = broadcast_to_p(np.zeros((), raw_dtype(hs)), shape=raw_shape(hs)[1:])
    d_gates: list[Any] = [None] * raw_shape(hs)[0]
    dh = dc = None
    for t in reversed(range(len(d_gates))):
        dh = _sum_of(dh, None if g_h is None else g_h[t])
        dc = _sum_of(dc, None if g_c is None else g_c[t], None if dh is None else dh * keep[t])
        by_c, by_h = (nothing if p is None else p for p in (dc, dh))
        d = cat_p(by_c, by_c, by_c, by_h, dim=last - 1) * reach[t]
        if g_acts is not None:
            d = d + g_acts[t] * slopes[t]
        d_gates[t] = d
        dh = d @ w
        dc = None if dc is None else dc * f[t]
    d_all = stack_p(*d_gates, dim=0)
    return [d_all, dh, dc, _lstm_weight(d_all, _delayed(h0, hs), w) if needs[3] else None]


def _lstm_weight(d_gates: Any, before: Any, w: Any) -> Any:
    """Cotangent of the weight: the outer products of all steps, in one product if all share the weight."""
    if len(raw_shape(w)) == 2:
        rows = prod(raw_shape(before)[:-1])
        flat = [reshape_p(x, shape=(rows, raw_shape(x)[-1])) for x in (d_gates, before)]
        return _swapped(flat[0]) @ flat[1]
    return sum_p(_swapped(d_gates) @ before, axes=(0,), keepdims=False)


def _lstm_push(prim: Any, tangents: Any, ans: Any, gates: Any, h0: Any, c0: Any, w: Any) -> tuple:
    hs, cs, acts = ans
    d_given, dh, dc, dw = tangents
    size = raw_shape(hs)[-1]
    tanh_c, slopes = tanh(cs), _slopes(acts, size)
    before, c_before = _delayed(h0, hs), _delayed(c0, cs)
    w_t = _swapped(w)
    through_w = None if dw is None else before @ _swapped(dw)
    zero = broadcast_to_p(np.zeros((), raw_dtype(hs)), shape=raw_shape(hs)[1:])
    zeros = broadcast_to_p(np.zeros((), raw_dtype(hs)), shape=raw_shape(acts)[1:])
    rows: tuple[list, list, list] = ([], [], [])
    for t in range(raw_shape(hs)[0]):
        d = _sum_of(*(None if x is None else x[t] for x in (d_given, through_w)), None if dh is None else dh @ w_t)
        d = zeros if d is None else d * slopes[t]
        di, df, dz, do = (_gate(d, k, size) for k in range(4))
        i, f, z, o = (_gate(acts[t], k, size) for k in range(4))
        dc = df * c_before[t] + di * z + i * dz + f * (zero if dc is None else dc)
        dh = do * tanh_c[t] + o * (1 - tanh_c[t] * tanh_c[t]) * dc
        for row, x in zip(rows, (dh, dc, d), strict=True):
            row.append(x)
    return tuple(stack_p(*row, dim=0) for row in rows)


def _lstm_batch(prim: Any, args: tuple, is_batched: Any) -> tuple:
    n = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    gates, h0, c0, w = (
        a if b or (k == 3 and not is_batched[3]) else broadcast_to_p(a, shape=(n, *raw_shape(a)))
        for k, (a, b) in enumerate(zip(args, is_batched, strict=True))
    )
    if is_batched[3] and len(raw_shape(args[3])) == 3 < len(raw_shape(gates)) - 1:  # inner batches that share a weight
        lead = raw_shape(gates)[2:-2]
        w = reshape_p(w, shape=(n, *(1,) * len(lead), *raw_shape(w)[1:]))
        w = broadcast_to_p(w, shape=(n, *lead, *raw_shape(w)[-2:]))
    out = prim(_moved(gates, 0, 1), h0, c0, w)
    return tuple(_moved(x, 1, 0) for x in out)


def _moved(x: Any, source: int, to: int) -> Any:
    """Exchange of two dimensions."""
    dims = list(range(len(raw_shape(x))))
    dims[source], dims[to] = dims[to], dims[source]
    return permute_p(x, dims=tuple(dims))


lstm_p = opaque(
    "lstm",
    _lstm_impl,
    _lstm_aval,
    joint=_lstm_pull,
    keeps=("ans", 1, 2, 3),
    jvp=_lstm_push,
    batch=_lstm_batch,
    n_out=3,
    notation="lstm({})",
    doc="Hidden states, cells and activated gates (input, forget, cell, output) of an LSTM at every step, from the "
    "input's part of the gates (time, ..., batch, 4 H), the first h and c (..., batch, H), and h's weight (4 H, H).",
    backward_name="MkldnnRnnLayerBackward0",
)


def lstm(gates: Any, h0: Any, c0: Any, weight: Any) -> tuple[Any, Any, Any]:
    """Hidden states, cells and activated gates of a long short-term memory at each of its time steps.

    gates: the input's part with all biases, (time, ..., batch, 4 H), in the order input, forget, cell, output;
    h0, c0: (..., batch, H); weight: (..., 4 H, H). All of one floating dtype, which the results have. With
    (i, f, z, o) = (sigmoid, sigmoid, tanh, sigmoid) of gates_t + h_{t-1} weight^T: c_t = f c_{t-1} + i z and
    h_t = o tanh(c_t) (Hochreiter and Schmidhuber 1997; Gers et al. 2000). Raises ShapeError where the sizes do not fit.

    >>> import chainrule as cr
    >>> from chainrule.ops.recurrence import lstm
    >>> hs, cs, _ = lstm(cr.zeros(5, 1, 8), cr.zeros(1, 2), cr.ones(1, 2), cr.zeros(8, 2))
    >>> cs[:, 0, 0]
    tensor([0.5000, 0.2500, 0.1250, 0.0625, 0.0312])
    """
    return lstm_p(gates, h0, c0, weight)


__all__: tuple[str, ...] = ()
METHODS: tuple[str, ...] = ()
INPLACE: tuple[str, ...] = ()
