"""Expressions evaluated on NumPy, for the check of every step, and their size counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.primitive import PRIMITIVES
from ...tensor.methods import load_all
from .expr import Expr

_NAMES = {"logsigmoid": "log_sigmoid", "arcsin": "asin", "arccos": "acos", "arctan": "atan"}


CONDITION = 1e8  # of a matrix whose inverse or determinant tells anything


def _regular(x: np.ndarray) -> np.ndarray:
    """The matrix itself, if numbers computed of its inverse can be compared."""
    if not np.isfinite(x).all() or np.linalg.cond(x) > CONDITION:
        raise np.linalg.LinAlgError("singular, or nearly so")
    return x


def size_of(n: Any, sizes: dict[str, int]) -> int:
    """A size, a named one, or one that is written n-1."""
    if isinstance(n, int):
        return n
    name, _, less = n.partition("-")
    return sizes[name] - int(less or 0)


def evaluate(x: Expr, values: dict[Any, np.ndarray], sizes: dict[str, int]) -> np.ndarray:
    """The matrix of an expression, given those of its atoms and what the named sizes are."""
    done: dict[int, np.ndarray] = {}

    def size(n: Any) -> int:
        return size_of(n, sizes)

    def of(x: Expr) -> np.ndarray:
        if id(x) not in done:
            done[id(x)] = np.asarray(visit(x))
        return done[id(x)]

    def visit(x: Expr) -> Any:
        rows, columns = size(x.shape[0]), size(x.shape[1])
        if x.op in ("sym", "d"):
            return values[x.data]
        if x.op in ("num", "dim"):
            return np.full((1, 1), float(x.data if x.op == "num" else sizes[x.data]))
        if x.op in ("ones", "zero"):
            return np.full((rows, columns), float(x.op == "ones"))
        if x.op == "eye":
            return np.eye(rows)
        if x.op == "unit":
            at = size(x.data)
            return np.eye(rows)[:, at - 1 : at]
        if x.op == "rows":
            return np.eye(columns)[size(x.data) : size(x.data) + rows]
        xs = [of(a) for a in x.args]
        if x.op == "onehot":
            return np.eye(columns)[xs[0].astype(int).ravel()]
        if x.op == "add":
            return np.sum(xs, axis=0)
        if x.op == "mul":
            made = np.full((1, 1), float(x.data[0]))
            for s in xs[: x.data[1]]:
                made = made * s
            chain = xs[x.data[1] :]
            return made * np.linalg.multi_dot(chain) if len(chain) > 1 else made * chain[0] if chain else made
        if x.op == "had":
            return np.prod(np.stack(xs), axis=0)
        if x.op == "pow":
            return np.power(xs[0], xs[1])
        if x.op == "fn":
            return _function(x.data, xs)
        if x.op == "lse":
            return np.log(np.exp(xs[0]).sum(axis=0 if columns == xs[0].shape[1] == 1 else 1, keepdims=True))
        return _MATRIX[x.op](xs[0])

    return of(x)


_MATRIX: dict[str, Any] = {
    "T": lambda x: x.T,
    "inv": lambda x: np.linalg.inv(_regular(x)),
    "tr": lambda x: np.trace(x).reshape(1, 1),
    "det": lambda x: np.linalg.det(x).reshape(1, 1),
    "logdet": lambda x: np.linalg.slogdet(_regular(x))[1].reshape(1, 1),
    "diag": lambda x: np.diag(x[:, 0]),
    "diagonal": lambda x: np.diag(x)[:, None],
}


_OWN: dict[str, Any] = {
    "softplus": lambda x: np.logaddexp(0, x),
    "Phi": lambda x: 0.5 + 0.5 * np.asarray(_erf(x * 0.5**0.5)),
    "phi": lambda x: np.exp(-x * x / 2) / (2 * np.pi) ** 0.5,
}


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return erf(x)


def _function(name: str, xs: list[np.ndarray]) -> Any:
    if name in ("softmax", "log_softmax"):
        x = xs[0]
        axis = 0 if x.shape[1] == 1 else 1
        y = np.exp(x - x.max(axis=axis, keepdims=True))
        y = y / y.sum(axis=axis, keepdims=True)
        return y if name == "softmax" else np.log(y)
    if name in _OWN:
        return _OWN[name](*xs)
    name = _NAMES.get(name, name)
    if name not in PRIMITIVES:
        load_all()
    return PRIMITIVES[name].impl(np, *xs)
