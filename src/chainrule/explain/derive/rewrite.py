"""Expressions rebuilt: with other arguments, multiplied out, or with an atom replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from . import elements, matrices, products
from .tree import SCALAR, Expr, num


def rebuild(x: Expr, args: Iterable[Expr]) -> Expr:
    """The same operation on other arguments."""
    args = tuple(args)
    if x.op == "mul":
        return products.mul(num(x.data[0]), *args)
    if x.op == "fn":
        return elements.fn(x.data, *args)
    if x.op in _MADE:
        return _MADE[x.op](*args)
    return x


def expanded(x: Expr) -> Expr:
    """Hadamard products (products, of numbers) of sums multiplied out, everywhere outside of functions."""
    if x.op == "add":
        return products.add(*(expanded(a) for a in x.args))
    if x.op not in ("had", "mul"):
        return x
    number = x.data[0] if x.op == "mul" else 1
    args = [expanded(a) for a in x.args]
    for i, a in enumerate(args):
        if a.op == "add" and (x.op == "had" or x.shape == SCALAR == a.shape or i >= x.data[1]):
            join = elements.had if x.op == "had" else products.mul
            made = products.add(*(products.mul(num(number), join(*args[:i], t, *args[i + 1 :])) for t in a.args))
            return expanded(made) if made.op == "add" else made
    return rebuild(x, args)


_MADE: dict[str, Callable[..., Expr]] = {
    "add": products.add,
    "had": elements.had,
    "pow": elements.power,
    "T": matrices.transpose,
    "inv": matrices.inverse,
    "tr": matrices.tr,
    "det": matrices.det,
    "logdet": matrices.logdet,
    "diag": matrices.diag,
    "diagonal": matrices.diagonal,
    "lse": matrices.lse,
}


def substitute(x: Expr, key: Any, value: Expr, memo: dict | None = None) -> Expr:
    """`x` with the atom `key` replaced."""
    memo = {} if memo is None else memo
    if key not in x.atoms:
        return x
    if x.op in ("sym", "d"):
        return value
    if x.digest not in memo:
        memo[x.digest] = rebuild(x, (substitute(a, key, value, memo) for a in x.args))
    return memo[x.digest]
