"""Matrix expressions with sizes that may be names: the tree, and its leaves.

Every expression is a matrix: a vector (n,) is a column, a number is 1 by 1. Expressions are equal if their digests are;
sums and Hadamard products are equal in any order, a number to its own transpose, traces under cyclic permutation.
"""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b
from typing import Any

from . import matrices, products

Dim = int | str
Shape = tuple[Dim, Dim]
SCALAR: Shape = (1, 1)


class Expr:
    """One expression: operation, arguments, what else belongs to it (`data`), and its two sizes."""

    __slots__ = ("args", "atoms", "data", "digest", "moving", "op", "shape", "size")

    def __init__(self, op: str, args: tuple[Expr, ...], shape: Shape, data: Any = None) -> None:
        self.op, self.args, self.shape, self.data = op, args, shape, data
        self.size: int = 1 + sum(a.size for a in args)
        own = frozenset({data}) if op in ("sym", "d") else frozenset()
        self.atoms: frozenset = own.union(*(a.atoms for a in args)) if op != "d" else own
        self.moving: bool = op == "d" or any(a.moving for a in args)  # is there a differential in it?
        digests = [a.digest for a in args]
        if op in ("add", "had"):
            digests.sort()
        elif op == "mul":
            digests[: data[1]] = sorted(digests[: data[1]])
        self.digest = _digest(op, shape, data, digests)
        if op == "mul" and shape == SCALAR and data[1] < len(args):
            back = [matrices.transpose(a).digest for a in reversed(args[data[1] :])]
            self.digest = min(self.digest, _digest(op, shape, data, digests[: data[1]] + back))
        elif op == "tr" and args[0].op == "mul":
            chain = args[0].args[args[0].data[1] :]
            turns = [[a.digest for a in (*chain[i:], *chain[:i])] for i in range(len(chain))]
            other = [matrices.transpose(a) for a in reversed(chain)]
            turns += [[a.digest for a in (*other[i:], *other[:i])] for i in range(len(chain))]
            self.digest = min(_digest(op, shape, args[0].data, t) for t in turns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        from .write import unicode_text

        return unicode_text(self)


def _digest(op: str, shape: Shape, data: Any, parts: list[bytes]) -> bytes:
    h = blake2b(repr((op, shape, data)).encode(), digest_size=16)
    for p in parts:
        h.update(p)
    return h.digest()


# ---- leaves ----------------------------------------------------------------------------------------------------------


def exact(x: Any) -> Any:
    """A float as an int or a simple fraction where it is one exactly."""
    if isinstance(x, (int, Fraction)):
        return int(x) if isinstance(x, bool) or Fraction(x).denominator == 1 else x
    if x != x or x in (float("inf"), -float("inf")):
        return x
    near = Fraction(x).limit_denominator(1000)
    if float(near) == x:
        return int(near) if near.denominator == 1 else near
    return float(x)


def num(x: Any) -> Expr:
    """A number."""
    return Expr("num", (), SCALAR, exact(x))


ZERO, ONE = num(0), num(1)


def zero(shape: Shape) -> Expr:
    """A matrix of zeros."""
    return ZERO if shape == SCALAR else Expr("zero", (), shape)


def sym(name: str, shape: Shape, kind: str = "") -> Expr:
    """A named matrix; `kind` is "symmetric" or "probability" (rows, or the vector, sum to one)."""
    return Expr("sym", (), shape, (name, kind))


def dim(n: Dim) -> Expr:
    """A size as a number."""
    if isinstance(n, str) and "-" in n:
        name, less = n.split("-")
        return products.add(dim(name), num(-int(less)))
    return num(n) if isinstance(n, int) else Expr("dim", (), SCALAR, n)


def differential(x: Expr, key: Any) -> Expr:
    """The differential d x as one atom; `key` tells it from others."""
    return Expr("d", (x,), x.shape, key)


def ones(rows: Dim, columns: Dim) -> Expr:
    """All ones; a matrix of them is written as the product of two vectors."""
    if rows == 1 and columns == 1:
        return ONE
    if rows == 1 or columns == 1:
        return Expr("ones", (), (rows, columns))
    return products.mul(ones(rows, 1), ones(1, columns))


def eye(n: Dim) -> Expr:
    """The identity matrix."""
    return ONE if n == 1 else Expr("eye", (), (n, n))


def unit(i: Dim, n: Dim) -> Expr:
    """The i-th unit vector, counted from 1."""
    return ONE if n == 1 else Expr("unit", (), (n, 1), i)


def rows_of(start: Dim, count: Dim, n: Dim) -> Expr:
    """Rows of the identity matrix: with it, x[start:start + count] of a column is a product."""
    return Expr("rows", (), (count, n), start)


def is_zero(x: Expr) -> bool:
    """Is it the number or matrix zero?"""
    return x.op == "zero" or (x.op == "num" and x.data == 0)


def onehot(labels: Expr, classes: Dim) -> Expr:
    """The matrix with a row of the identity for each label."""
    return Expr("onehot", (labels,), (labels.shape[0], classes))


def positive(x: Expr) -> bool:
    """Is it positive wherever it is not an exception: a norm, a square, a size, a function that has no other values?"""
    if x.op == "num":
        return x.data > 0
    if x.op in ("dim", "ones") or (x.op == "sym" and x.data[1] in ("probability", "positive")):
        return True
    if x.op == "pow":
        return positive(x.args[0]) or (x.args[1].op == "num" and x.args[1].data % 2 == 0)
    if x.op == "fn":
        return x.data in ("exp", "sigmoid", "softmax", "abs", "softplus", "cosh")
    if x.op == "add":  # 1 - p
        positives = {"sigmoid", "softmax"}
        minus = [a.args[-1] for a in x.args if a.op == "mul" and a.data == (-1, 0) and len(a.args) == 1]
        rest = [a for a in x.args if not (a.op == "mul" and a.data[0] == -1)]
        one = len(rest) == 1 and is_ones(rest[0]) and len(minus) == 1 and len(x.args) == 2
        return all(map(positive, x.args)) or (one and minus[0].op == "fn" and minus[0].data in positives)
    if x.op in ("mul", "had", "tr"):
        square = x.op == "mul" and x.data[0] > 0 and x.data[1] == 0 and len(x.args) == 2
        product = x.args[0] if x.op == "tr" else x
        same = len(product.args) == 2 and product.args[0].op == "T" and product.args[0].args[0] == product.args[1]
        return ((square or x.op == "tr") and same) or (
            x.op != "tr" and all(map(positive, x.args)) and (x.op == "had" or x.data[0] > 0)
        )
    return False


def is_ones(x: Expr) -> bool:
    """Is every element one?"""
    if x.op == "mul":
        return x.data == (1, 0) and len(x.args) == 2 and all(a.op == "ones" for a in x.args)
    return x.op == "ones" or (x.op == "num" and x.data == 1)
