"""Readings of sums, means, norms and of what makes rows of probabilities."""

from __future__ import annotations

from ...graph.ir import Equation
from . import expr as e
from .expr import Expr
from .read import Reader, reading, shape_of


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
    axes, p, keep = tuple(eq.params["axes"]), eq.params["ord"], eq.params["keepdims"]
    if not 0 < p < float("inf"):
        raise ValueError(f"the norm of order {p:g} has no derivative as a formula")
    power = e.power(xs[0], e.num(2)) if p == 2 else e.power(e.fn("abs", xs[0]), e.num(p))
    return e.power(_sum_over(r, eq, power, axes, keep), e.power(e.num(p), e.num(-1)))


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


@reading("cross_entropy")
def _cross_entropy(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    z, labels = xs
    logs = e.had(e.onehot(labels, z.shape[1]), e.fn("log_softmax", z))
    return e.negative(e.mul(logs, e.ones(z.shape[1], 1)))


@reading("softmax_residual")
def _softmax_residual(r: Reader, eq: Equation, xs: list[Expr]) -> Expr:
    z, labels = xs
    return e.add(e.fn("softmax", z), e.negative(e.onehot(labels, z.shape[1])))
