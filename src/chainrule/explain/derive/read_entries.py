"""Readings of what works element by element, and of shapes and parts of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph.ir import Equation
from . import expr as e
from .expr import Expr
from .read import Reader, matrix_shape, reading, shape_of


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


TINY, HUGE = 1e-5, 15.0  # constants of numerical guards: below the one at any place, beyond the other inside a rule


def _constant(x: Expr) -> float | None:
    """The number that every element is."""
    number, rest = e.split(x)
    return 0.0 if e.is_zero(x) else float(number) if e.is_ones(rest) else None


@reading("gt", "lt", "ge", "le", "eq", "ne")
def _compare(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = r.spread_all(eq, xs)
    name, c = eq.prim.name, _constant(y)
    made = e.fn(name, x, y)
    if name in ("eq", "ne") and x == y:  # is it a number at all?
        return e.ones(*x.shape) if name == "eq" else e.zero(x.shape)
    if r.inside and c is None and name in ("eq", "ne"):
        return r.assume(made, name == "ne")
    if c is None or _constant(x) is not None:
        return made
    if (0 < abs(c) < TINY and e.positive(x)) or (c == 0 and e.positive(x)):
        return r.assume(made, name in ("gt", "ge", "ne"))
    if name in ("eq", "ne") and c < 0 and getattr(eq.operands[0], "dtype", np.dtype(float)).kind in "iu":
        return r.assume(made, name == "ne")  # labels that say "ignore this one"
    if r.inside and c == 0 and name in ("eq", "ne"):
        return r.assume(made, name == "ne")
    if r.inside and abs(c) > HUGE:
        return r.assume(made, (name in ("gt", "ge")) == (c < 0))
    return made


@reading("bitwise_and", "logical_and")
def _and(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.had(*r.spread_all(eq, xs))


@reading("bitwise_or", "logical_or")
def _or(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = r.spread_all(eq, xs)
    return e.add(x, y, e.negative(e.had(x, y)))


@reading("bitwise_not", "logical_not")
def _not(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.add(e.ones(*xs[0].shape), e.negative(xs[0]))


@reading("clamp_min")
def _clamp_min(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, y = r.spread_all(eq, xs)
    c = _constant(y)
    if c is not None and 0 < c < TINY and e.positive(x):
        r.assume(e.fn("gt", x, y), True)
        return x
    return e.fn("clamp_min", x, y)


@reading("softplus")
def _softplus(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, beta, threshold = xs
    limit = _constant(threshold)
    if limit is None or limit < HUGE:
        raise ValueError(f"softplus that is linear from {HUGE:g} on is read, or later")
    return e.mul(e.power(beta, e.num(-1)), e.fn("softplus", e.mul(beta, x)))


@reading("gelu")
def _gelu(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.had(xs[0], e.fn("Phi", xs[0]))


@reading("gelu_slope")
def _gelu_slope(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.add(e.fn("Phi", xs[0]), e.had(xs[0], e.fn("phi", xs[0])))


@reading("where")
def _where(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    c, x, y = r.spread_all(eq, xs)
    return e.add(e.had(c, x), e.had(e.add(e.ones(*c.shape), e.negative(c)), y))


@reading("cast", "clone", "stop_gradient")
def _same(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return xs[0]


@reading("pick_along")
def _pick(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, labels = xs
    if eq.params["axis"] != 1 or eq.outs[0].shape[1] != 1:
        raise ValueError("one entry of each row is read, not several")
    return e.mul(e.had(e.onehot(labels, x.shape[1]), x), e.ones(x.shape[1], 1))


# ---- shapes ----------------------------------------------------------------------------------------------------------


@reading("getitem")
def _getitem(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, key = shape_of(eq.operands[0]), eq.params["key"]
    steps = [slice(*k) if type(k) is tuple else k for k in key]
    kept = [k for k in steps if k is not None]
    if len(kept) < len(steps) and any(k != slice(None) for k in kept):
        raise ValueError("a part of an array with a new dimension at once; take one after the other")
    if len(kept) < len(steps):
        return _reshape(r, eq, xs)
    x, rows = xs[0], 0
    for axis, k in enumerate(kept):
        part = _part(r, k, have[axis])
        if axis == 0:
            x, rows = (x if part is None else e.mul(part, x)), int(isinstance(k, int))
        elif part is not None:
            x = e.mul(x, e.transpose(part))
    return e.transpose(x) if rows and x.shape[0] == 1 else x


def _part(r: Reader, k: Any, size: int) -> Expr | None:
    """The matrix that takes x[k] out of a column x; None for all of it."""
    if isinstance(k, int):
        return e.transpose(_unit(r, k, size))
    start, stop, step = k.indices(size)
    if step != 1:
        raise ValueError("only parts of an array that are taken in steps of 1 have a form in matrix calculus")
    if (start, stop) == (0, size):
        return None
    return e.rows_of(r.sizes.dim(start), r.sizes.dim(max(stop - start, 0)), r.sizes.dim(size))


def _unit(r: Reader, k: int, size: int) -> Expr:
    return e.unit(k % size + 1 if k >= 0 or size not in r.sizes.names else r.sizes.dim(k % size + 1), r.sizes.dim(size))


@reading("embed")
def _embed(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    x, want, key = xs[0], eq.params["shape"], eq.params["key"]
    steps = [slice(*k) if type(k) is tuple else k for k in key]
    if None in steps:
        return _reshape(r, eq, xs)
    if len(want) == 2 and isinstance(steps[0], int):
        x = e.transpose(x)
    for axis, k in enumerate(steps):
        part = _part(r, k, want[axis])
        if part is not None:
            x = e.mul(e.transpose(part), x) if axis == 0 else e.mul(x, part)
    return x


@reading("reshape")
def _reshape(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, want = shape_of(eq.operands[0]), eq.outs[0].shape
    shape = matrix_shape(want, r.sizes)
    if (xs[0].shape == shape and 1 in shape) or have == want:
        return xs[0]
    if 1 in shape and xs[0].shape == (shape[1], shape[0]):
        return e.transpose(xs[0])
    raise ValueError(f"reshaping {have} to {want} mixes rows and columns")


@reading("stack")
def _stack(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    if len(eq.outs[0].shape) > 2:
        raise ValueError("a stack of matrices is no matrix")
    column = [e.mul(e.unit(i + 1, len(xs)), e.transpose(x)) for i, x in enumerate(xs)]
    made = e.add(*column)
    return e.transpose(made) if eq.params["dim"] == 1 else made


@reading("broadcast_to")
def _broadcast(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return r.spread(xs[0], shape_of(eq.operands[0]), eq.outs[0].shape)


@reading("permute")
def _permute(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    return e.transpose(xs[0]) if tuple(eq.params["dims"]) == (1, 0) else xs[0]


@reading("select")
def _select(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    have, at, axis = shape_of(eq.operands[0]), eq.params["index"], eq.params["dim"]
    row = e.transpose(_unit(r, at, have[axis]))
    if axis == 0:
        return e.transpose(e.mul(row, xs[0])) if len(have) == 2 else e.mul(row, xs[0])
    return e.mul(xs[0], e.transpose(row))
