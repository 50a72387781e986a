"""Equations of a staged graph read as matrix expressions: one reading per primitive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...core.errors import NotDifferentiableError
from ...graph.ir import Equation, Variable
from . import expr as e
from .expr import Dim, Expr, Shape

NEAR = 4  # primes for names of sizes are farther apart than that
READ: dict[str, Callable] = {}  # primitive name -> reading(reader, equation, operands) -> expression, or several


class Sizes:
    """Which staged sizes stand for names: each name is staged as a large prime, so that counts are recognised."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names

    def dim(self, n: int) -> Dim:
        """A size or its name; a size that is a little less than a named one is n-1, n-2 ..."""
        n = int(n)
        if n in self.names or not self.names or n < min(self.names) - NEAR:
            return self.names.get(n, n)
        near = next((f"{s}-{m - n}" for m, s in self.names.items() if 0 < m - n < NEAR), "")
        if not near:
            raise ValueError("a size that is made of several named ones has no name; give example arrays instead")
        return near

    def number(self, x: Any) -> Expr:
        """A number; one made of named sizes, such as 2 / (m n), is spelled with their names."""
        value = float(x)
        known = [(n, e.dim(s)) for n, s in self.names.items()]
        known += [(n - k, e.add(e.dim(s), e.num(-k))) for n, s in self.names.items() for k in range(1, NEAR)]
        known += [(n * k, e.mul(e.dim(s), e.dim(t))) for n, s in self.names.items() for k, t in self.names.items()]
        for n, spelled in known:
            for ratio, made in ((value / n, spelled), (value * n, e.power(spelled, e.num(-1)))):
                near = Fraction(ratio).limit_denominator(12) if abs(ratio) < 100 else Fraction(0)
                if near and abs(float(near) - ratio) < 1e-12 * abs(ratio):
                    return e.mul(e.num(near), made)
        return e.num(x if isinstance(x, (int, float)) else value)


def matrix_shape(shape: Sequence[int], sizes: Sizes) -> Shape:
    """The matrix that an array is read as: a vector is a column."""
    if len(shape) > 2:
        raise ValueError(f"an array of shape {tuple(shape)} is not a matrix")
    rows, columns = (*shape, 1, 1)[:2]
    return sizes.dim(rows), sizes.dim(columns)


class Reader:
    """Expressions of a graph's variables, and the reading of one equation after the other."""

    def __init__(self, sizes: Sizes, outer: Reader | None = None) -> None:
        self.sizes, self.inside = sizes, outer is not None  # `inside`: of a rule of the engine
        self.known: dict[str, Expr] = {}
        self.guards: list[Expr] = [] if outer is None else outer.guards

    def assume(self, condition: Expr, holds: bool) -> Expr:
        """A comparison that only guards the program against its numbers' limits, taken as decided; it is noted."""
        opposite = {"gt": "le", "le": "gt", "ge": "lt", "lt": "ge", "eq": "ne", "ne": "eq"}
        noted = condition if holds else e.fn(opposite[condition.data], *condition.args)
        if noted not in self.guards:
            self.guards.append(noted)
        return e.ones(*condition.shape) if holds else e.zero(condition.shape)

    def operand(self, x: Any) -> Expr:
        return self.known[x.name] if isinstance(x, Variable) else self.sizes.number(x)

    def constant(self, array: np.ndarray, name: str) -> Expr:
        """A constant array: a number, ones, an identity, or a name."""
        shape = matrix_shape(array.shape, self.sizes)
        if array.size and (array == array.flat[0]).all():
            return e.mul(self.sizes.number(array.flat[0].item()), e.ones(*shape))
        if array.ndim == 2 and array.shape[0] == array.shape[1] and (array == np.eye(len(array))).all():
            return e.eye(shape[0])
        return e.sym(name, shape)

    def read(self, equation: Equation) -> Any:
        """The expression of an equation's result (several of several), kept under their names."""
        reading = READ.get(equation.prim.name)
        try:
            if reading is None:
                if equation.prim.kind != "elementwise":
                    raise ValueError("it has no form in matrix calculus")
                reading = _elementwise
            made = reading(self, equation, [self.operand(o) for o in equation.operands])
        except ValueError as error:
            raise NotDifferentiableError(
                f"explain.derive(): {equation.prim.name} at {equation.where()} cannot be derived symbolically: "
                f"{error}. explain.trace(f, *args) shows its derivative in numbers"
            ) from None
        results = made if isinstance(made, tuple) else (made,)
        for out, value in zip(equation.outs, results, strict=True):
            if value is not None:
                self.known[out.name] = value
        return made

    def spread(self, x: Expr, have: Sequence[int], want: Sequence[int]) -> Expr:
        """`x`, an array of shape `have`, broadcast to the array shape `want`."""
        rows, columns = matrix_shape(want, self.sizes)
        if x.shape == (rows, columns) and (len(have) == len(want) or x.shape == e.SCALAR):
            return x
        if x.shape == e.SCALAR:
            return e.mul(x, e.ones(rows, columns))
        if len(want) == 1:
            raise ValueError(f"broadcasting {tuple(have)} to {tuple(want)}")
        if len(have) == 1:
            return e.mul(e.ones(rows, 1), e.transpose(x))
        if x.shape[0] == 1 != rows:
            x = e.mul(e.ones(rows, 1), x)
        return e.mul(x, e.ones(1, columns)) if x.shape[1] == 1 != columns else x

    def spread_all(self, eq: Equation, operands: list[Expr]) -> list[Expr]:
        want = eq.outs[0].shape
        return [self.spread(x, shape_of(o), want) for x, o in zip(operands, eq.operands, strict=True)]


def shape_of(operand: Any) -> tuple[int, ...]:
    """Array shape of an equation's operand."""
    return operand.shape if isinstance(operand, Variable) else ()


def reading(*names: str) -> Callable:
    """Register the reading of primitives."""

    def register(function: Callable) -> Callable:
        READ.update(dict.fromkeys(names, function))
        return function

    return register


def _elementwise(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    names = {"log_sigmoid": "logsigmoid", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
    return e.fn(names.get(eq.prim.name, eq.prim.name), *r.spread_all(eq, xs))
