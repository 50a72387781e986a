"""Jacobians by differences and by the two modes of differentiation, entry by entry: what gradcheck compares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .autograd import grad

ndarray = np.ndarray


def as_tuple(x: Any) -> tuple:
    """`x` as a tuple: of one, if it is no sequence."""
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def inexact(outputs: tuple) -> list[Tensor]:
    """Those of a function's results that could have a derivative."""
    return [o for o in outputs if isinstance(o, Tensor) and is_inexact(raw_dtype(o))]


def _bare(t: Tensor) -> ndarray:
    raw: Any = t
    while isinstance(raw, Tensor):
        raw = raw._data
    return np.asarray(raw)


def _values(func: Callable, inputs: tuple, like: list[Tensor]) -> list[ndarray]:
    """The flattened results at perturbed inputs, which have to be of the shapes and dtypes of the unperturbed ones."""
    outs = inexact(as_tuple(func(*inputs)))
    for what, of in (("shape", raw_shape), ("dtype", raw_dtype)):
        if [of(o) for o in outs] != [of(o) for o in like]:
            raise AssertionError(f"Expected `func` to return outputs with the same {what} when inputs are perturbed")
    return [np.array(_bare(o)).reshape(-1) for o in outs]


def numerical(func: Callable, inputs: tuple, k: int, eps: float, like: list[Tensor]) -> list[ndarray]:
    """For input `k`: per result, the derivatives (entry of the input, direction, entry of the result).

    Directions are 1 and, for a complex input, i: central differences of step `eps`.
    """
    x = inputs[k]._data
    was = x.copy()
    units = (1.0, 1j) if x.dtype.kind == "c" else (1.0,)
    found: list[list[ndarray]] = []
    try:
        for index in np.ndindex(x.shape):
            for unit in units:
                x[index] = was[index] + eps * unit
                up = _values(func, inputs, like)
                x[index] = was[index] - eps * unit
                down = _values(func, inputs, like)
                x[index] = was[index]
                found.append([(u - d) / (2 * eps) for u, d in zip(up, down, strict=True)])
    finally:
        x[...] = was
    shape = (x.size, len(units), -1)
    return [
        np.stack([f[j] for f in found]).reshape(shape) if found and o.numel() else np.zeros((x.size, len(units), 0))
        for j, o in enumerate(like)
    ]


def directional(func: Callable, inputs: tuple, k: int, eps: float, like: list[Tensor], u: ndarray) -> list[ndarray]:
    """Per result, the derivative along `u` of a real input `k`, by one central difference."""
    x = inputs[k]._data
    was = x.copy()
    try:
        x[...] = was + eps * u
        up = _values(func, inputs, like)
        x[...] = was - eps * u
        down = _values(func, inputs, like)
    finally:
        x[...] = was
    return [(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)]


def seeds(out: Tensor) -> Iterator[tuple[int, complex, ndarray]]:
    """(entry, unit, cotangent) for all entries of a result; units are 1 and, of a complex result, i first."""
    shape, dtype = raw_shape(out), raw_dtype(out)
    for unit in (1j, 1.0) if dtype.kind == "c" else (1.0,):
        for entry in range(out.numel()):
            seed = np.zeros(out.numel(), dtype)
            seed[entry] = unit
            yield entry, unit, seed.reshape(shape)


def reverse(output: Tensor, x: Tensor, seed: Any) -> ndarray:
    """The cotangent of `x` for the cotangent `seed` of `output`; zero where no path leads from one to the other."""
    found = grad(output, x, wrap(seed), retain_graph=True, allow_unused=True)[0]
    return np.zeros(raw_shape(x), raw_dtype(x)) if found is None else np.array(_bare(found))


def forward(func: Callable, inputs: tuple, checked: list[int], k: int, tangent: ndarray) -> list[ndarray]:
    """Tangents of the inexact results for one of input `k`, flattened (zeros where there is none); none is recorded."""
    from .forward_ad import dual_level, make_dual, unpack_dual

    full: list[Any] = [x.detach() if i in checked else x for i, x in enumerate(inputs)]  # type: ignore[attr-defined]
    with dual_level():
        for i in checked:
            zero = np.zeros(raw_shape(full[i]), raw_dtype(full[i]))
            full[i] = make_dual(full[i], wrap(tangent if i == k else zero))
        pairs = [unpack_dual(o) for o in inexact(as_tuple(func(*full)))]
    return [
        (np.zeros(raw_shape(p.primal), raw_dtype(p.primal)) if p.tangent is None else _bare(p.tangent)).reshape(-1)
        for p in pairs
    ]


def expected(derivatives: ndarray, entry: int, unit: complex) -> ndarray:
    """What reverse mode should return for the seed `unit` at one entry: the gradient of Re(conj(unit) out[entry])."""
    parts = np.real(np.conj(unit) * derivatives[:, :, entry])
    return parts[:, 0] + 1j * parts[:, 1] if parts.shape[1] == 2 else parts[:, 0]
