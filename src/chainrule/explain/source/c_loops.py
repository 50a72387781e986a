"""Operations that read many elements for one of the result, as C loops: reductions, scans, norms, losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ...graph.ir import Equation, Variable
from .c_elements import CHOICE, PRODUCT, SUM, aligned, c_type
from .literals import LiftError
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


def _axes(e: Equation) -> list[int]:
    ndim = len(e.operands[0].shape)
    axes = e.params.get("axes", e.params.get("axis"))
    return sorted(a % ndim for a in ((axes,) if isinstance(axes, int) else axes)) if ndim else []


class _Reduction:
    """Loops over what is kept, and inside them over what is reduced."""

    def __init__(self, w: Writer, e: Equation, out: Variable, name: str) -> None:
        self.w, self.e, self.name = w, e, name
        shape, self.axes = e.operands[0].shape, _axes(e)
        kept = e.params.get("keepdims", False)
        outer = [n if i not in self.axes else 1 for i, n in enumerate(shape)]
        self.outer = w.block(outer)
        self.inner: list[str] = []
        self.shape = shape
        self.count = prod(shape[a] for a in self.axes)
        place = self.outer if kept else [i for d, i in enumerate(self.outer) if d not in self.axes]
        self.target = _sub(name, place) if out.shape else name

    def index(self) -> list[str]:
        """The operand's index inside the inner loops."""
        found = list(self.outer)
        for a, i in zip(self.axes, self.inner, strict=True):
            found[a] = i
        return found

    def begin(self) -> list[str]:
        """Open the inner loops; the operand's index."""
        self.inner = self.w.loops([self.shape[a] for a in self.axes], prefix=self.outer)
        return self.index()

    def end(self) -> None:
        """Close the inner loops."""
        self.w.close(self.inner)

    def done(self) -> None:
        """Close the outer loops."""
        self.w.end_block(self.outer)


def _real(e: Equation) -> None:
    if e.operands[0].dtype.kind not in "fiub":
        raise LiftError("complex numbers have no C text")


def _fold(initial: str, step: str, end: str = "{acc}") -> Callable[[Writer, Equation], None]:
    """A reduction: the accumulator's first value, what each element does, and the result; {n} is the count."""

    def rule(w: Writer, e: Equation) -> None:
        _real(e)
        out = e.outs[0]
        name = w.declare(out, out.name)
        r = _Reduction(w, e, out, name)
        if r.count == 0 and "{n}" in end:
            w.line(f"{r.target} = NAN;")
            r.done()
            return
        whole = e.operands[0].dtype.kind != "f"
        kind = "int64_t" if whole and "{n}" not in end else "double"
        acc = w.local("total")
        w.line(f"{kind} {acc} = {initial};")
        x = w.at(e.operands[0], r.begin())
        w.line(step.format(acc=acc, x=x.at(SUM), raw=x, p=x.at(PRODUCT + 1), c=x.at(CHOICE + 1)) + ";")
        r.end()
        w.line(f"{r.target} = {end.format(acc=acc, n=r.count)};")
        r.done()

    return rule


def _extreme(sign: str) -> Callable[[Writer, Equation], None]:
    def rule(w: Writer, e: Equation) -> None:
        _real(e)
        out = e.outs[0]
        name = w.declare(out, out.name)
        r = _Reduction(w, e, out, name)
        best = w.local("best")
        first = ["0" if a in r.axes else i for a, i in enumerate(r.outer)]
        w.line(f"{c_type(out.dtype)} {best} = {w.at(e.operands[0], first)};")
        x = w.at(e.operands[0], r.begin())
        nan = f" || {x.at(SUM)} != {x.at(SUM)}" if out.dtype.kind == "f" else ""
        w.line(f"if ({x.at(SUM)} {sign} {best}{nan}) {best} = {x};")
        r.end()
        w.line(f"{r.target} = {best};")
        r.done()

    return rule


def _extreme_along(sign: str, values: bool) -> Callable[[Writer, Equation], None]:
    """The place of the largest or smallest element along an axis, and with `values` that element too."""

    def rule(w: Writer, e: Equation) -> None:
        _real(e)
        x_of, shape = e.operands[0], e.operands[0].shape
        if e.params.get("axis") is None:
            raise LiftError("the place in a flattened array")
        axis = e.params["axis"] % max(len(shape), 1)
        names = [w.declare(o, e.outs[0].name) for o in e.outs]
        outer = w.block([1 if d == axis else n for d, n in enumerate(shape)])
        best = w.local("best")
        w.line(f"int {best} = 0;")
        (i,) = w.loops([shape[axis]], prefix=outer) if shape[axis] != 1 else ("0",)
        here, there = ([place if d == axis else o for d, o in enumerate(outer)] for place in (i, best))
        x, y = w.at(x_of, here), w.at(x_of, there)
        nan = f" || ({x.at(SUM)} != {x.at(SUM)} && {y.at(SUM)} == {y.at(SUM)})" if x_of.dtype.kind == "f" else ""
        w.line(f"if ({x.at(SUM)} {sign} {y.at(SUM)}{nan}) {best} = {i};")
        w.close([i])
        place = ["0" if d == axis else o for d, o in enumerate(outer)]
        place = place if e.params["keepdims"] else [o for d, o in enumerate(place) if d != axis]
        if values:
            w.line(f"{_sub(names[0], place)} = {w.at(x_of, there)};")
        w.line(f"{_sub(names[-1], place)} = {best};")
        w.end_block(outer)

    return rule


def _logsumexp(w: Writer, e: Equation) -> None:
    out = e.outs[0]
    name = w.declare(out, out.name)
    r = _Reduction(w, e, out, name)
    top, total = w.local("top"), w.local("total")
    w.line(f"double {top} = -INFINITY, {total} = 0;")
    x = w.at(e.operands[0], r.begin())
    w.line(f"{top} = fmax({top}, {x});")
    r.end()
    w.line(f"if (isinf({top})) {top} = 0;")
    x = w.at(e.operands[0], r.begin())
    w.line(f"{total} += exp({x.at(SUM)} - {top});")
    r.end()
    w.line(f"{r.target} = log({total}) + {top};")
    r.done()


def _softmax(w: Writer, e: Equation) -> None:
    """softmax and log_softmax along an axis."""
    out, x_of, log = e.outs[0], e.operands[0], e.prim.name == "log_softmax"
    name = w.declare(out, out.name)
    if not out.shape:
        w.line(f"{name} = {0 if log else 1};")
        return
    axis, n = e.params["axis"] % len(out.shape), out.shape[e.params["axis"]]
    outer = w.block([1 if d == axis else m for d, m in enumerate(out.shape)])
    top, total = w.local("top"), w.local("total")

    def inside() -> tuple[list[str], Text, str]:
        found = w.loops([n], prefix=outer)
        index = [found[0] if d == axis else o for d, o in enumerate(outer)]
        return found, w.at(x_of, index), _sub(name, index)

    w.line(f"double {top} = -INFINITY, {total} = 0;")
    loop, x, _ = inside()
    w.line(f"{top} = fmax({top}, {x});")
    w.close(loop)
    if e.params.get("safe"):
        w.line(f"if ({top} == -INFINITY) {top} = 0;")
    loop, x, y = inside()
    w.line(f"{total} += exp({x.at(SUM)} - {top});" if log else f"{total} += {y} = exp({x.at(SUM)} - {top});")
    w.close(loop)
    if e.params.get("safe"):
        w.line(f"if ({total} == 0) {total} = 1;")
    loop, x, y = inside()
    w.line(f"{y} = {x.at(SUM)} - {top} - log({total});" if log else f"{y} /= {total};")
    w.close(loop)
    w.end_block(outer)


def _scan(step: str) -> Callable[[Writer, Equation], None]:
    def rule(w: Writer, e: Equation) -> None:
        _real(e)
        out = e.outs[0]
        name = w.declare(out, out.name)
        if not out.shape:
            w.line(f"{name} = {w.at(e.operands[0], [])};")
            return
        axis, n = e.params["axis"] % len(out.shape), out.shape[e.params["axis"]]
        outer = w.block([1 if d == axis else m for d, m in enumerate(out.shape)])
        acc = w.local("total")
        kind = "double" if out.dtype.kind == "f" else "int64_t"
        w.line(f"{kind} {acc} = {dict(add='0', mul='1', lse='-INFINITY')[step]};")
        (i,) = w.loops([n], prefix=outer)
        place = f"{n - 1} - {i}" if e.params.get("reverse") and n > 1 else i
        index = [place if d == axis else o for d, o in enumerate(outer)]
        x = w.at(e.operands[0], index)
        if step == "lse":
            w.line(f"{acc} = {w.function('logaddexp')}({acc}, {x});")
        else:
            w.line(f"{acc} {'+' if step == 'add' else '*'}= {x};")
        w.line(f"{_sub(name, index)} = {acc};")
        w.close([i])
        w.end_block(outer)

    return rule


def _moments(root: bool) -> Callable[[Writer, Equation], None]:
    """Variance and standard deviation, in two passes."""

    def rule(w: Writer, e: Equation) -> None:
        _real(e)
        out = e.outs[0]
        name = w.declare(out, out.name)
        r = _Reduction(w, e, out, name)
        free = r.count - e.params["correction"]
        if r.count == 0:
            w.line(f"{r.target} = NAN;")
            r.done()
            return
        mean, total = w.local("mean"), w.local("total")
        w.line(f"double {mean} = 0, {total} = 0;")
        w.line(f"{mean} += {w.at(e.operands[0], r.begin())};")
        r.end()
        w.line(f"{mean} /= {r.count};")
        x = w.at(e.operands[0], r.begin())
        w.line(f"{total} += ({x} - {mean}) * ({x} - {mean});")
        r.end()
        value = f"{total} / {free}" if free > 0 else "NAN" if r.count <= 1 else f"{total} / 0.0"
        w.line(f"{r.target} = {f'sqrt({value})' if root else value};")
        r.done()

    return rule


def _standardize(w: Writer, e: Equation) -> None:
    """(x - mean) rstd, mean, and rstd = 1 / sqrt(variance + eps)."""
    y, mean, rstd = (w.declare(o, e.outs[0].name) for o in e.outs)
    r = _Reduction(w, e, e.outs[1], mean)
    place = [i if e.outs[1].shape[d] != 1 else "0" for d, i in enumerate(r.outer)]
    m, s = _sub(mean, place), _sub(rstd, place)
    total, square = w.local("total"), w.local("square")
    w.line(f"double {total} = 0, {square} = 0;")
    w.line(f"{total} += {w.at(e.operands[0], r.begin())};")
    r.end()
    w.line(f"{m} = {total} / {max(r.count, 1)};")
    x = w.at(e.operands[0], r.begin())
    w.line(f"{square} += ({x} - {m}) * ({x} - {m});")
    r.end()
    w.line(f"{s} = 1 / sqrt({square} / {max(r.count, 1)} + {e.params['eps']!r});")
    index = r.begin()
    w.line(f"{_sub(y, index)} = ({w.at(e.operands[0], index)} - {m}) * {s};")
    r.end()
    r.done()


def _norm(w: Writer, e: Equation) -> None:
    order = e.params["ord"]
    if order == 2:
        _fold("0", "{acc} += {p} * {p}", "sqrt({acc})")(w, e)
    elif order == 1:
        _fold("0", "{acc} += fabs({raw})")(w, e)
    elif order == float("inf"):
        _fold("0", "{acc} = fmax({acc}, fabs({raw}))")(w, e)
    elif order == -float("inf"):
        _fold("INFINITY", "{acc} = fmin({acc}, fabs({raw}))")(w, e)
    elif order == 0:
        _fold("0", "{acc} += {x} != 0")(w, e)
    else:
        _fold("0", f"{{acc}} += pow(fabs({{raw}}), {order!r})", f"pow({{acc}}, {1 / order!r})")(w, e)


def _squared_error(w: Writer, e: Equation) -> None:
    x, y = e.operands
    out = e.outs[0]
    name = w.declare(out, out.name)
    shape = np.broadcast_shapes(x.shape, y.shape)
    acc, d = w.local("total"), w.local("difference")
    outer = w.block(())
    w.line(f"double {acc} = 0;")
    index = w.loops(shape)
    left, right = w.at(x, aligned(x.shape, index)), w.at(y, aligned(y.shape, index))
    w.line(f"const double {d} = {left.at(SUM)} - {right.at(SUM + 1)};")
    w.line(f"{acc} += {d} * {d};")
    w.close(index)
    w.line(f"{name} = {acc} / {e.params['count']};")
    w.end_block(outer)


def _cross_entropy(w: Writer, e: Equation) -> None:
    """cross_entropy: the loss of each row; softmax_residual: softmax(x) - onehot(target) for each row."""
    x, target = e.operands
    out, classes, residual = e.outs[0], x.shape[1], e.prim.name == "softmax_residual"
    if len(x.shape) != 2:
        raise LiftError("classes of more than rows")
    name = w.declare(out, out.name)
    (i,) = w.block([x.shape[0]])
    top, total = w.local("top"), w.local("total")
    w.line(f"double {top} = -INFINITY, {total} = 0;")
    (k,) = w.loops([classes], prefix=[i])
    w.line(f"{top} = fmax({top}, {w.at(x, [i, k])});")
    w.close([k])
    (k,) = w.loops([classes], prefix=[i])
    w.line(f"{total} += exp({w.at(x, [i, k]).at(SUM)} - {top});")
    w.close([k])
    wanted = w.at(target, [i])
    if residual:
        (k,) = w.loops([classes], prefix=[i])
        value = f"exp({w.at(x, [i, k]).at(SUM)} - {top}) / {total} - ({wanted} == {k})"
        w.line(f"{_sub(name, [i, k])} = {wanted} == {e.params['ignore']} ? 0 : {value};")
        w.close([k])
    else:
        chosen = w.at(x, [i, w.position(target, [i], classes)])
        w.line(
            f"{_sub(name, [i])} = {wanted} == {e.params['ignore']} ? 0 : log({total}) + {top} - {chosen.at(SUM + 1)};"
        )
    w.end_block([i])


def _recurrence(w: Writer, e: Equation) -> None:
    """s[k] = b[k] + a[k] s[k - 1] along an axis."""
    a, b = e.operands
    out, axis = e.outs[0], e.params["axis"] % len(e.outs[0].shape)
    name = w.declare(out, out.name)
    n = out.shape[axis]
    outer = w.block([1 if d == axis else m for d, m in enumerate(out.shape)])
    acc = w.local("total")
    w.line(f"double {acc} = 0;")
    (i,) = w.loops([n], prefix=outer)
    place = f"{n - 1} - {i}" if e.params["reverse"] and n > 1 else i
    index = [place if d == axis else o for d, o in enumerate(outer)]
    term = f"{w.at(a, aligned(a.shape, index)).at(PRODUCT)} * {acc}"
    w.line(f"{acc} = {w.at(b, aligned(b.shape, index)).at(SUM)}" + ("" if i == "0" else f" + ({i} ? {term} : 0)") + ";")
    w.line(f"{_sub(name, index)} = {acc};")
    w.close([i])
    w.end_block(outer)


def _ties(w: Writer, e: Equation) -> None:
    """One where x is the best along the axes, divided by how many are."""
    x, best = e.operands
    out = e.outs[0]
    name = w.declare(out, out.name)
    r = _Reduction(w, Equation((out,), e.prim, (x,), {**e.params, "keepdims": True}), out, name)
    count = w.local("count")
    w.line(f"int {count} = 0;")

    def hit(index: list[str]) -> str:
        a, b = w.at(x, index).at(SUM), w.at(best, aligned(best.shape, index)).at(SUM)
        return f"({a} == {b} || ({a} != {a} && {b} != {b}))"

    w.line(f"{count} += {hit(r.begin())};")
    r.end()
    index = r.begin()
    w.line(f"{_sub(name, index)} = {count} ? {hit(index)} / ({c_type(out.dtype)}) {count} : 0;")
    r.end()
    r.done()


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "sum": _fold("0", "{acc} += {raw}"),
    "mean": _fold("0", "{acc} += {raw}", "{acc} / {n}"),
    "prod": _fold("1", "{acc} *= {raw}"),
    "nansum": _fold("0", "{acc} += {x} == {x} ? {c} : 0"),
    "all": _fold("1", "{acc} = {acc} && {p}"),
    "any": _fold("0", "{acc} = {acc} || {p}"),
    "count_nonzero": _fold("0", "{acc} += {x} != 0"),
    "amax": _extreme(">"),
    "amin": _extreme("<"),
    "max": _extreme(">"),
    "min": _extreme("<"),
    "max_along": _extreme_along(">", True),
    "min_along": _extreme_along("<", True),
    "argmax": _extreme_along(">", False),
    "argmin": _extreme_along("<", False),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "cumsum": _scan("add"),
    "cumprod": _scan("mul"),
    "logcumsumexp": _scan("lse"),
    "var": _moments(False),
    "std": _moments(True),
    "standardize": _standardize,
    "vector_norm": _norm,
    "squared_error": _squared_error,
    "cross_entropy": _cross_entropy,
    "softmax_residual": _cross_entropy,
    "ties": _ties,
    "recurrence": _recurrence,
}
ONCE = {"sum", "mean", "prod", "cumsum", "cumprod"}  # read each element of the operand once
