"""The algebra of matrix expressions in one namespace; every operation keeps what it makes simple.

Every expression is a matrix: a vector (n,) is a column, a number is 1 by 1. Expressions are equal if their digests are;
sums and Hadamard products are equal in any order, a number to its own transpose, traces under cyclic permutation.
"""

from __future__ import annotations

from .elements import fn, had, power
from .matrices import det, diag, diagonal, inverse, logdet, lse, tr, transpose
from .products import add, mul, negative, split
from .rewrite import expanded, rebuild, substitute
from .tree import (
    ONE,
    SCALAR,
    ZERO,
    Dim,
    Expr,
    Shape,
    differential,
    dim,
    eye,
    is_ones,
    is_zero,
    num,
    onehot,
    ones,
    positive,
    rows_of,
    sym,
    unit,
    zero,
)

__all__ = [
    "ONE",
    "SCALAR",
    "ZERO",
    "Dim",
    "Expr",
    "Shape",
    "add",
    "det",
    "diag",
    "diagonal",
    "differential",
    "dim",
    "expanded",
    "eye",
    "fn",
    "had",
    "inverse",
    "is_ones",
    "is_zero",
    "logdet",
    "lse",
    "mul",
    "negative",
    "num",
    "onehot",
    "ones",
    "positive",
    "power",
    "rebuild",
    "rows_of",
    "split",
    "substitute",
    "sym",
    "tr",
    "transpose",
    "unit",
    "zero",
]
