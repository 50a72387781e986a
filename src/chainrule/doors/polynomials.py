"""NumPy's polynomials on tensors of coefficients, the highest power first: values, products, fits, roots ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import raw_dtype
from .api import cr, no_door, operand, tensor_of, values_of
from .functions import door
from .linear import convolve


@door(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    at, result = operand(x), 0
    for c in cr.unbind(tensor_of(p)):
        result = result * at + c
    return result


def _aligned(a1: Any, a2: Any) -> list:
    """Both with as many coefficients: zeros go before the shorter."""
    both = [cr.atleast_1d(tensor_of(a)) for a in (a1, a2)]
    longest = max(len(p) for p in both)
    return [cr.cat([cr.zeros(longest - len(p), dtype=p.dtype), p]) for p in both]


@door(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    a, b = _aligned(a1, a2)
    return a + b


@door(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    a, b = _aligned(a1, a2)
    return a - b


@door(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return convolve(a1, a2)


@door(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple:
    rest, by = cr.atleast_1d(tensor_of(u)), cr.atleast_1d(tensor_of(v))
    kind = cr.result_type(rest, by, cr.get_default_dtype())
    rest, by = rest.to(kind), by.to(kind)
    quotient = []
    while len(rest) >= len(by):
        quotient.append(rest[0] / by[0])
        step = rest[: len(by)] - quotient[-1] * by
        rest = cr.cat([step[1:], rest[len(by) :]])
    used = np.flatnonzero(values_of(rest, "np.polydiv"))
    rest = rest[used[0] :] if len(used) else cr.zeros(1, dtype=kind)
    return cr.stack(quotient) if quotient else cr.zeros(1, dtype=kind), rest


@door(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ArgumentError(f"np.polyder: the order m must be 0 or more, got {m}")
    p = tensor_of(p)
    for _ in range(m):
        p = p[:-1] * tensor_of(np.arange(len(p) - 1, 0, -1))
    return p


@door(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    if m < 0:
        raise ArgumentError(f"np.polyint: the order m must be 0 or more, got {m}")
    p = tensor_of(p)
    constants = cr.broadcast_to(tensor_of(0 if k is None else k), (m,)) if m else ()
    for c in constants:
        body = p / tensor_of(np.arange(len(p), 0, -1))
        p = cr.cat([body, c.reshape(1).to(body.dtype)])
    return p


@door(np.polyfit)
def polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: bool = False) -> Any:
    if full or cov:
        raise no_door("numpy.polyfit", "with full=True or cov=True")
    x, y = tensor_of(x), tensor_of(y)
    kind = cr.result_type(x, y, cr.get_default_dtype())
    x, y = x.to(kind), y.to(kind)
    left, right = cr.vander(x, deg + 1), y
    if w is not None:
        weights = tensor_of(w).to(kind)
        left = left * weights.unsqueeze(1)
        right = right * (weights.unsqueeze(1) if y.ndim == 2 else weights)
    scale = cr.sqrt((left * left).sum(0))
    columns = right if y.ndim == 2 else right.unsqueeze(1)
    found = cr.linalg.lstsq(left / scale, columns, rcond=rcond).solution / scale.unsqueeze(1)
    return found if y.ndim == 2 else found.squeeze(1)


@door(np.roots)
def roots(p: Any) -> Any:
    p = cr.atleast_1d(tensor_of(p))
    used = np.flatnonzero(values_of(p, "np.roots"))
    if not len(used):
        return cr.zeros(0, dtype=p.dtype)
    zeros = len(p) - 1 - used[-1]  # one root at 0 for each zero at the end
    p = p[used[0] : used[-1] + 1]
    p = p if raw_dtype(p).kind in "fc" else p.to(np.float64)
    n = len(p) - 1
    below = tensor_of(np.eye(n, k=-1)[1:]).to(p.dtype)
    found = cr.linalg.eigvals(cr.cat([(-p[1:] / p[0]).unsqueeze(0), below])) if n else p[1:]
    return cr.cat([found, cr.zeros(int(zeros), dtype=found.dtype)]) if zeros else found


@door(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    zeros = cr.atleast_1d(tensor_of(seq_of_zeros))
    if zeros.ndim == 2:
        zeros = cr.linalg.eigvals(zeros)
    result = cr.ones(1, dtype=zeros.dtype)
    for z in cr.unbind(zeros):
        result = cr.cat([result, result[:1] * 0]) - cr.cat([result[:1] * 0, z * result])
    return result
