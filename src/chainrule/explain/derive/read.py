"""Equations of a staged graph read as matrix expressions: one reading per primitive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...core.errors import NotDifferentiableError
from ...graph.ir import Equation, Variable
from ...ops.indexing import basic_key
from . import expr as e
from .expr import Dim, Expr, Shape

READ: dict[str, Callable] = {}  # primitive name -> reading(reader, equation, operands) -> expression, or several


class Sizes:
    """Which staged sizes stand for names: each name is staged as a large prime, so that counts are recognised."""

    def __init__(self, names: dict[int, str]) -> None:
        self.names = names

    def dim(self, n: int) -> Dim:
        """A size or its name."""
        return self.names.get(int(n), int(n))

    def number(self, x: Any) -> Expr:
        """A number; one made of named sizes, such as 2 / (m n), is spelled with their names."""
        value = float(x)
        known = [(n, e.dim(s)) for n, s in self.names.items()]
        known += [(n - 1, e.add(e.dim(s), e.num(-1))) for n, s in self.names.items()]
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

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.known: dict[str, Expr] = {}

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


# ---- elementwise -----------------------------------------------------------------------------------------------------


@reading("add")
def _add(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.add(*r.spread_all(eq, xs))


@reading("sub")
def _sub(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = r.spread_all(eq, xs)
    return e.add(x, e.negative(y))


@reading("neg")
def _neg(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.negative(xs[0])


@reading("mul", "mul0", "mul00")
def _mul(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.had(*r.spread_all(eq, xs))


@reading("div", "div0", "ratio")
def _div(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = xs[0], e.power(xs[1], e.num(-1))
    return e.had(*r.spread_all(eq, [x, y]))


@reading("abs", "sgn", "sign")
def _sign(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.fn("abs" if eq.prim.name == "abs" else "sign", xs[0])


@reading("square")
def _square(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.power(xs[0], e.num(2))


@reading("reciprocal")
def _reciprocal(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.power(xs[0], e.num(-1))


@reading("sqrt")
def _sqrt(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.power(xs[0], e.num(0.5))


@reading("rsqrt")
def _rsqrt(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.power(xs[0], e.num(-0.5))


@reading("pow", "power_or_zero")
def _pow(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = xs
    if y.shape == e.SCALAR:
        return e.power(r.spread(x, shape_of(eq.operands[0]), eq.outs[0].shape), y)
    return e.fn("pow", *r.spread_all(eq, xs))


@reading("exp_difference")
def _exp_difference(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.fn("exp", _sub(r, eq, xs))


@reading("xlogy")
def _xlogy(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = r.spread_all(eq, xs)
    return e.had(x, e.fn("log", y))


@reading("where")
def _where(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    c, x, y = r.spread_all(eq, xs)
    return e.add(e.had(c, x), e.had(e.add(e.ones(*c.shape), e.negative(c)), y))


@reading("cast", "clone", "stop_gradient")
def _same(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return xs[0]


# ---- shapes ----------------------------------------------------------------------------------------------------------


@reading("getitem")
def _getitem(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    if np.prod(eq.outs[0].shape) != np.prod(shape_of(eq.operands[0])):
        raise ValueError("a part of an array has no form in matrix calculus, only x[i] with a number i has")
    if any(isinstance(k, slice) and k.step not in (None, 1) for k in basic_key(eq.params["key"])):
        raise ValueError("a reversed array has no form in matrix calculus")
    return _reshape(r, eq, xs)


@reading("reshape")
def _reshape(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, want = shape_of(eq.operands[0]), eq.outs[0].shape
    shape = matrix_shape(want, r.sizes)
    if (xs[0].shape == shape and 1 in shape) or have == want:
        return xs[0]
    if 1 in shape and xs[0].shape == (shape[1], shape[0]):
        return e.transpose(xs[0])
    raise ValueError(f"reshaping {have} to {want} mixes rows and columns")


@reading("broadcast_to")
def _broadcast(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return r.spread(xs[0], shape_of(eq.operands[0]), eq.outs[0].shape)


@reading("permute")
def _permute(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.transpose(xs[0]) if tuple(eq.params["dims"]) == (1, 0) else xs[0]


@reading("select")
def _select(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, at, axis = shape_of(eq.operands[0]), eq.params["index"], eq.params["dim"]
    row = e.transpose(e.unit(at % have[axis] + 1, r.sizes.dim(have[axis])))
    if axis == 0:
        return e.transpose(e.mul(row, xs[0])) if len(have) == 2 else e.mul(row, xs[0])
    return e.mul(xs[0], e.transpose(row))


# ---- sums ------------------------------------------------------------------------------------------------------------


def _sum_over(r: Reader, eq: Equation, x: Expr, axes: tuple, keepdims: bool) -> Expr:
    have = shape_of(eq.operands[0])
    if x.shape == e.SCALAR or not axes:
        return x
    if len(axes) == len(have):
        return e.mul(e.ones(1, x.shape[0]), x, *([e.ones(x.shape[1], 1)] if x.shape[1] != 1 else []))
    if axes == (1,):
        return e.mul(x, e.ones(x.shape[1], 1)) if x.shape[1] != 1 else x
    row = e.mul(e.ones(1, x.shape[0]), x) if x.shape[0] != 1 else x
    return row if keepdims else e.transpose(row)


def _count(r: Reader, eq: Equation, axes: tuple) -> Expr:
    have = shape_of(eq.operands[0])
    return e.mul(e.ONE, *(e.dim(r.sizes.dim(have[a])) for a in axes))


@reading("sum")
def _sum(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return _sum_over(r, eq, xs[0], tuple(eq.params["axes"]), eq.params["keepdims"])


@reading("mean")
def _mean(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    axes = tuple(eq.params["axes"])
    return e.mul(e.power(_count(r, eq, axes), e.num(-1)), _sum_over(r, eq, xs[0], axes, eq.params["keepdims"]))


@reading("squared_error")
def _squared_error(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    square = e.power(e.add(xs[0], e.negative(xs[1])), e.num(2))
    total = _sum_over(r, eq, square, tuple(range(len(shape_of(eq.operands[0])))), False)
    return e.mul(e.power(r.sizes.number(eq.params["count"]), e.num(-1)), total)


@reading("var")
def _var(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    axes, keep = tuple(eq.params["axes"]), eq.params["keepdims"]
    n = _count(r, eq, axes)
    have = shape_of(eq.operands[0])
    mean = e.mul(e.power(n, e.num(-1)), _sum_over(r, eq, xs[0], axes, True))
    square = e.power(e.add(xs[0], e.negative(r.spread(mean, _kept(have, axes), have))), e.num(2))
    free = e.add(n, e.num(-eq.params["correction"]))
    return e.mul(e.power(free, e.num(-1)), _sum_over(r, eq, square, axes, keep))


@reading("std")
def _std(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.power(_var(r, eq, xs), e.num(0.5))


def _kept(have: tuple, axes: tuple) -> tuple:
    return tuple(1 if i in axes else n for i, n in enumerate(have))


@reading("standardize")
def _standardize(r: Reader, eq: Equation, xs: list[Expr]) -> tuple:
    x, axes, have = xs[0], tuple(eq.params["axes"]), shape_of(eq.operands[0])
    over = e.power(_count(r, eq, axes), e.num(-1))
    mean = e.mul(over, _sum_over(r, eq, x, axes, True))
    away = e.add(x, e.negative(r.spread(mean, _kept(have, axes), have)))
    spread = e.mul(over, _sum_over(r, eq, e.power(away, e.num(2)), axes, True))
    moved = e.add(spread, e.mul(e.num(eq.params["eps"]), e.ones(*spread.shape)))
    inverse = e.power(moved, e.num(-0.5))
    return e.had(away, r.spread(inverse, _kept(have, axes), have)), mean, inverse


@reading("vector_norm")
def _norm(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    axes, have = tuple(eq.params["axes"]), shape_of(eq.operands[0])
    if eq.params.get("ord", eq.params.get("p")) != 2 or len(axes) != len(have):
        raise ValueError("only the Euclidean norm of a whole array is read")
    return e.power(_sum_over(r, eq, e.power(xs[0], e.num(2)), axes, False), e.num(0.5))


# ---- rows of probabilities -------------------------------------------------------------------------------------------


def _rows(name: str, r: Reader, eq: Equation, x: Expr, axis: int) -> Expr:
    have = shape_of(eq.operands[0])
    if len(have) == 1:
        return e.fn(name, x) if name != "lse" else e.lse(x)
    if 1 in have:
        raise ValueError(f"{name} of an array of shape {have}; give it as a vector")
    if axis == 1:
        return e.fn(name, x) if name != "lse" else e.lse(x)
    return e.transpose(e.fn(name, e.transpose(x))) if name != "lse" else e.lse(e.transpose(x))


@reading("softmax", "log_softmax")
def _softmax(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return _rows(eq.prim.name, r, eq, xs[0], eq.params["axis"])


@reading("logsumexp")
def _logsumexp(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, axes = shape_of(eq.operands[0]), tuple(eq.params["axes"])
    if len(axes) != 1:
        raise ValueError("logsumexp over several dimensions")
    made = _rows("lse", r, eq, xs[0], axes[0])
    return e.transpose(made) if len(have) == 2 and axes[0] == 0 and eq.params["keepdims"] else made


# ---- products and linear algebra -------------------------------------------------------------------------------------


@reading("mm", "matmul")
def _matmul(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    a, b = (shape_of(o) for o in eq.operands)
    x, y = xs
    if len(a) == 1:
        made = e.mul(e.transpose(x), y)
        return made if len(b) == 1 else e.transpose(made)
    return e.mul(x, y)


@reading("linear")
def _linear(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    made = e.mul(xs[0], e.transpose(xs[1]))
    if len(shape_of(eq.operands[0])) == 1:
        made = e.mul(xs[1], xs[0])
    if len(xs) == 2:
        return made
    return e.add(made, r.spread(xs[2], shape_of(eq.operands[2]), eq.outs[0].shape))


@reading("contract")
def _contract(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    ins, out, _ = eq.params["spec"]
    if len(xs) == 1:
        return _turned(xs[0], ins[0], out)
    if len(xs) == 2:
        (x, y), (a, b) = xs, ins
        if not a or not b:
            scale, rest, labels = (x, y, b) if not a else (y, x, a)
            return e.mul(scale, _turned(rest, labels, out))
        if len(set(a)) == len(a) and len(set(b)) == len(b):
            if not out and len(a) == 2 and tuple(b) == tuple(a)[::-1]:
                return e.tr(e.mul(y, x) if x.moving else e.mul(x, y))
            if set(a) == set(b) and (not out or set(out) == set(a)):
                y = _turned(y, b, a)
                if not out:
                    x, y = (y, x) if x.moving else (x, y)
                    return e.mul(e.transpose(x), y) if len(a) == 1 else e.tr(e.mul(e.transpose(x), y))
                return _turned(e.had(x, y), a, out)
            common = set(a) & set(b)
            if (len(common) == 1 and not common & set(out)) or (not common and len(a) == len(b) == 1):
                left = x if len(a) == 1 and not common else _last(x, a, common)
                right = e.transpose(y) if not common else e.transpose(_last(y, b, common))
                labels = tuple(i for i in (*a, *b) if i not in common)
                if set(labels) == set(out):
                    made = e.mul(left, right)
                    return made if (len(labels) == 2 and labels == tuple(out)) or (len(a) == 2 and len(
                        labels) == 1) else e.transpose(made)  # fmt: skip
    raise ValueError("this contraction is not a product of matrices")


def _last(x: Expr, labels: tuple, common: set) -> Expr:
    """`x` as a matrix whose columns carry the common label; a vector as a row."""
    if len(labels) == 1:
        return e.transpose(x)
    return x if labels[1] in common else e.transpose(x)


def _turned(x: Expr, labels: tuple, out: tuple) -> Expr:
    """One operand rearranged: transposed, its trace or diagonal taken, summed, or put on a diagonal."""
    labels, out = tuple(labels), tuple(out)
    if labels == out:
        return x
    if len(labels) == 2 and labels[0] == labels[1]:
        x, labels = (e.tr(x), ()) if not out else (e.diagonal(x), labels[:1])
    if labels == out:
        return x
    if len(out) == 2 and out[0] == out[1] and labels == out[:1]:
        return e.diag(x)
    if len(labels) == 2 and out == labels[::-1]:
        return e.transpose(x)
    raise ValueError("this contraction is not a product of matrices")


@reading("inv")
def _inv(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.inverse(xs[0])


@reading("solve")
def _solve(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.mul(e.inverse(xs[0]), xs[1])


@reading("det")
def _det(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.det(xs[0])


@reading("logdet")
def _logdet(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.logdet(xs[0])


@reading("slogdet")
def _slogdet(r: Reader, eq: Equation, xs: list[Expr]) -> tuple:
    return e.fn("sign", e.det(xs[0])), e.logdet(xs[0])


@reading("cofactor")
def _cofactor(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    if len(xs) != 1:
        raise ValueError("second derivatives of a determinant")
    return e.mul(e.det(xs[0]), e.transpose(e.inverse(xs[0])))


@reading("diagonal")
def _diagonal(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    if eq.params["offset"] or xs[0].shape[0] != xs[0].shape[1]:
        raise ValueError("only the main diagonal of a square matrix is read")
    return e.diagonal(xs[0])


@reading("embed_diagonal")
def _embed(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    if eq.params["offset"] or len(eq.outs[0].shape) != 2:
        raise ValueError("only the main diagonal of a square matrix is read")
    return e.diag(xs[0])
