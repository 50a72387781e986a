"""Transpose, inverse, trace, determinants and diagonals."""

from __future__ import annotations

from collections.abc import Callable

from . import elements, products
from .tree import SCALAR, ZERO, Expr, dim, eye, is_zero, num, ones, zero

_TURNED: dict[str, Callable[[Expr], Expr]] = {
    "T": lambda x: x.args[0],
    "ones": lambda x: ones(x.shape[1], x.shape[0]),
    "zero": lambda x: zero((x.shape[1], x.shape[0])),
    "eye": lambda x: x,
    "diag": lambda x: x,
    "mul": lambda x: products.product_of(
        x.data[0], x.args[: x.data[1]], [transpose(a) for a in reversed(x.args[x.data[1] :])]
    ),
}


def transpose(x: Expr) -> Expr:
    """Transpose; inside a product, and outside of sums unless it disappears there."""
    if x.shape == SCALAR or (x.op == "sym" and x.data[1] == "symmetric"):
        return x
    if x.op in _TURNED:
        return _TURNED[x.op](x)
    if x.op == "add" and x.shape[0] == 1:  # a row: the transpose of a column, never the other way round
        return products.add(*map(transpose, x.args))
    turned = Expr("T", (x,), (x.shape[1], x.shape[0]))
    if x.op == "add" and all(t.shape[0] != 1 != t.shape[1] for t in x.args):
        pushed = Expr("add", tuple(transpose(t) for t in x.args), turned.shape)
        return pushed if pushed.size < turned.size else turned
    if x.op == "inv" and transpose(x.args[0]).op != "T":
        return inverse(transpose(x.args[0]))
    return turned


def inverse(x: Expr) -> Expr:
    """Inverse of a square matrix."""
    if x.shape == SCALAR:
        return elements.power(x, num(-1))
    if x.op in ("inv", "eye"):
        return x.args[0] if x.op == "inv" else x
    if x.op == "T":
        return transpose(inverse(x.args[0]))
    if x.op == "diag":
        return diag(elements.power(x.args[0], num(-1)))
    if x.op == "mul" and (x.data[0] != 1 or x.data[1]):
        outer = [elements.power(a, num(-1)) for a in (num(x.data[0]), *x.args[: x.data[1]])]
        return products.mul(*outer, inverse(products.product_of(1, (), x.args[x.data[1] :])))
    if x.op == "mul" and all(a.shape == x.shape for a in x.args):
        return products.mul(*(inverse(a) for a in reversed(x.args)))
    return Expr("inv", (x,), x.shape)


def tr(x: Expr) -> Expr:
    """Trace."""
    if x.shape == SCALAR:
        return x
    if x.op == "T":
        return tr(x.args[0])
    if x.op == "eye":
        return dim(x.shape[0])
    if is_zero(x):
        return ZERO
    if x.op == "add":
        return products.add(*(tr(t) for t in x.args))
    if x.op == "diag":
        return products.mul(ones(1, x.shape[0]), x.args[0])
    if x.op == "mul":
        chain = x.args[x.data[1] :]
        if x.data != (1, 0):
            return products.mul(num(x.data[0]), *x.args[: x.data[1]], tr(products.product_of(1, (), chain)))
        for k in range(1, len(chain)):
            if chain[k].shape[0] == 1:
                return products.mul(*chain[k:], *chain[:k])
    return Expr("tr", (x,), SCALAR)


def det(x: Expr) -> Expr:
    """Determinant."""
    if x.shape == SCALAR:
        return x
    return det(x.args[0]) if x.op == "T" else Expr("det", (x,), SCALAR)


def logdet(x: Expr) -> Expr:
    """Logarithm of the determinant's absolute value."""
    return logdet(x.args[0]) if x.op == "T" else Expr("logdet", (x,), SCALAR)


def diag(v: Expr) -> Expr:
    """The diagonal matrix of a column."""
    if v.shape == SCALAR:
        return v
    if v.op == "ones":
        return eye(v.shape[0])
    if v.op == "mul" and (v.data[0] != 1 or v.data[1]):
        outer = (num(v.data[0]), *v.args[: v.data[1]])
        return products.mul(*outer, diag(products.product_of(1, (), v.args[v.data[1] :])))
    return Expr("diag", (v,), (v.shape[0], v.shape[0]))


def diagonal(x: Expr) -> Expr:
    """The diagonal of a square matrix as a column."""
    if x.shape == SCALAR:
        return x
    if x.op == "T":
        return diagonal(x.args[0])
    if x.op == "eye":
        return ones(x.shape[0], 1)
    return x.args[0] if x.op == "diag" else Expr("diagonal", (x,), (x.shape[0], 1))


def lse(x: Expr) -> Expr:
    """log(sum(exp(x))) of a vector, or of each row."""
    return Expr("lse", (x,), SCALAR if x.shape[1] == 1 else (x.shape[0], 1))
