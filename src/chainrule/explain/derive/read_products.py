"""Readings of products of matrices and of linear algebra."""

from __future__ import annotations

from ...graph.ir import Equation
from . import expr as e
from .expr import Expr
from .read import Reader, reading, shape_of


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
    return _contracted(list(xs), [tuple(labels) for labels in ins], tuple(out))


def _contracted(xs: list[Expr], ins: list[tuple], out: tuple) -> Expr:
    """A sum of products over repeated labels; of more than two factors, pairs are multiplied one after the other."""
    if len(xs) > 2:
        for i in range(len(xs)):
            for k in range(len(xs)):
                others = [n for n in range(len(xs)) if n not in (i, k)]
                needed = {*out, *(label for n in others for label in ins[n])}
                kept = tuple(label for label in dict.fromkeys((*ins[i], *ins[k])) if label in needed)
                if i == k or not set(ins[i]) & set(ins[k]) or len(kept) > 2:
                    continue
                try:
                    made = _contracted([xs[i], xs[k]], [ins[i], ins[k]], kept)
                    return _contracted([made, *(xs[n] for n in others)], [kept, *(ins[n] for n in others)], out)
                except ValueError:
                    continue
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
