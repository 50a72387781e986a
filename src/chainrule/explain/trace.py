"""The evaluation tables of a function: forward values, a tangent column per input, and the adjoints of the sweep."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentTypeError, NotDifferentiableError
from ..core.value import Tensor, Trace, Tracer, raw_shape, wrap
from ..ops.broadcasting import unbroadcast
from .derive.inputs import names_of_arrays, names_outside
from .trace_formula import Formula, latex_word, leaf, number, symbol, times
from .trace_notation import call, literal, ones, spelled
from .trace_table import Row, TraceTable, show

_PLAIN = str.maketrans("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089", "0123456789")
LONGEST = 72  # letters of a formula

__all__ = ["Row", "TraceTable", "pull", "raw", "show", "trace"]


def raw(x: Any) -> Any:
    """The array under all wrappings."""
    if isinstance(x, (_Item, _Constant)):
        return x.value
    while isinstance(x, Tensor):
        x = x._data
    return x


# ---- recording -------------------------------------------------------------------------------------------------------


class _Item:
    """One value of the trace. A tensor that is written to stands for another item afterwards; the item stays."""

    def __init__(self, value: Any, depth: int, wants: bool) -> None:
        self.value = np.asarray(value)
        self.depth = depth
        self.wants = wants  # does a derivative flow through it?
        self.at = 0  # its number: v_at


class _Constant:
    """An array that f read besides its arguments, as it was then."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.array = raw(source)  # kept alive, and known by its identity
        self.value = np.array(self.array)

    def same(self, source: Any) -> bool:
        """Is it this constant that is read again, unchanged?"""
        return raw(source) is self.array and np.array_equal(
            self.array, self.value, equal_nan=self.value.dtype.kind == "f"
        )


class _Recorded(Tracer):
    __slots__ = ()
    item: _Item


@dataclass(frozen=True)
class _Step:
    prim: Any
    args: tuple  # items, constants and numbers
    params: dict
    outs: tuple[_Item, ...]

    @property
    def level(self) -> int:
        return self.outs[0].depth

    @property
    def several(self) -> bool:
        return self.prim.n_out != 1

    @property
    def values(self) -> list:
        return [raw(a) for a in self.args]

    @property
    def answer(self) -> Any:
        return tuple(o.value for o in self.outs) if self.several else self.outs[0].value

    @property
    def needs(self) -> tuple[bool, ...]:
        return tuple(isinstance(a, _Item) and a.wants for a in self.args)


class _Recorder(Trace):
    """Writes down every primitive applied to its values."""

    transparent = True  # Python's if and while may look at values: the tables are those of one point

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[_Step] = []
        self.constants: dict[int, _Constant] = {}

    def operand(self, x: Any) -> Any:
        """What a step notes of an argument."""
        if self.owns(x):
            return x.item
        a = raw(x)
        if not isinstance(a, np.ndarray):
            return a
        known = self.constants.get(id(a))
        if known is None or not known.same(x):
            known = self.constants[id(a)] = _Constant(x)
        return known

    def box(self, item: _Item) -> _Recorded:
        t = object.__new__(_Recorded)
        t._data, t._node, t._trace, t.item = wrap(item.value), None, self, item
        return t

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        given = tuple(map(self.operand, args))
        answer = prim.impl(np, *map(raw, given), **params)
        own = [a for a in given if isinstance(a, _Item)]
        depth, wanted = 1 + max(a.depth for a in own), not prim.cut and any(a.wants for a in own)
        answers = tuple(answer) if prim.n_out != 1 else (answer,)
        outs = tuple(_Item(a, depth, wanted and is_inexact(np.asarray(a).dtype)) for a in answers)
        self.steps.append(_Step(prim, given, params, outs))
        boxes = tuple(map(self.box, outs))
        return boxes if prim.n_out != 1 else boxes[0]


# ---- spelling --------------------------------------------------------------------------------------------------------


class _Word(Tracer):
    __slots__ = ()
    formula: Formula


class _Speller(Trace):
    """Runs a rule on values that write down what is done to them."""

    transparent = False

    def word(self, formula: Formula, value: Any) -> Any:
        t = object.__new__(_Word)
        t._data, t._node, t._trace, t.formula = wrap(np.asarray(value)), None, self, formula
        return t

    def said(self, x: Any) -> Formula:
        if self.owns(x):
            return x.formula
        a = np.asarray(raw(x))
        if a.ndim and not (a.size and (a == a.flat[0]).all()):
            raise ValueError("a constant array has no short spelling")
        return times(number(a.flat[0]), ones()) if a.ndim else number(a[()])

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        answer = prim.impl(np, *[raw(a) for a in args], **params)
        parts, shapes = [self.said(a) for a in args], [raw_shape(raw(a)) for a in args]
        if prim.n_out == 1:
            if np.asarray(answer).dtype == bool and np.size(answer) and np.all(answer == np.ravel(answer)[0]):
                return self.word(number(int(np.ravel(answer)[0])), answer)  # as it is at this point
            return self.word(spelled(prim, parts, shapes, params, raw_shape(answer)), answer)
        whole = call(prim.name, parts, True)
        return tuple(
            self.word(leaf(f"{whole.text}[{i}]", rf"{whole.latex}\left[{i}\right]", raw_shape(a) != ()), a)
            for i, a in enumerate(answer)
        )


class _Symbols:
    """Which symbol stands for which value, and how rules are spelled with them."""

    def __init__(self, names: dict[int, str], arrays: list[tuple[str, np.ndarray]]) -> None:
        self.names, self.arrays = names, arrays
        self.constants: dict[_Constant, Formula] = {}

    def of(self, x: Any, mark: str = "") -> Formula:
        """The symbol of a value; a number is written as it is, and a constant array gets a name."""
        if isinstance(x, _Item):
            return leaf(*symbol(x.at, mark), x.value.shape != ())
        a = raw(x)
        name = self.names.get(id(x.source)) if isinstance(x, _Constant) else None
        if not isinstance(x, _Constant) or (name is None and not a.shape):
            return number(a)
        if x not in self.constants:
            taken = [f.text for f in self.constants.values()]
            name = name or next((n for n, y in self.arrays if y is x.array), "")
            if not name or name in taken:
                name = next(c for k in range(len(taken) + 1) if (c := symbol(k + 1)[0].replace("v", "c")) not in taken)
            at = name[1:].translate(_PLAIN)
            latex = latex_word(name) if name.isascii() else f"c_{{{at}}}"
            self.constants[x] = leaf(name, latex, a.shape != ())
        return self.constants[x]

    def forward(self, step: _Step) -> list[Formula]:
        """One formula for each result."""
        parts, shapes = [self.of(a) for a in step.args], [raw_shape(raw(a)) for a in step.args]
        if not step.several:
            return [literal(step.prim, parts, shapes, step.params, raw_shape(step.answer))]
        whole = call(step.prim.name, parts, True)
        return [leaf(f"{whole.text}[{i}]", rf"{whole.latex}\left[{i}\right]", True) for i in range(len(step.outs))]

    def words(self, step: _Step) -> tuple[_Speller, list, Any]:
        """(speller, arguments, answer) of a step for its rules."""
        sp = _Speller()

        def given(a: Any) -> Any:
            return sp.word(self.of(a), raw(a)) if isinstance(a, _Item) or raw_shape(raw(a)) else raw(a)

        answers = tuple(sp.word(self.of(o), raw(o)) for o in step.outs)
        return sp, [given(a) for a in step.args], answers if step.several else answers[0]

    def tangent(self, step: _Step) -> list[Formula]:
        """How the tangents of the results come from those of the arguments."""
        moving = [a for a, need in zip(step.args, step.needs, strict=True) if need]
        try:
            sp, args, ans = self.words(step)
            tangents = tuple(
                sp.word(self.of(a, "dot"), raw(a)) if need else None
                for a, need in zip(step.args, step.needs, strict=True)
            )
            made = step.prim.jvp(step.prim, tangents, ans, *args, **step.params)
            said = [number(0) if m is None else sp.said(m) for m in (made if step.several else (made,))]
            return [_not_too_long(f) for f in said]
        except Exception:  # a rule may do what only arrays can; then it is named, not spelled
            return [_sum_of(self.partial(o, a, False) for a in _once(moving)) for o in step.outs]

    def adjoint(self, step: _Step, gs: list) -> list[Formula | None]:
        """What each argument's adjoint receives from those of the results, `gs` (None where there is none)."""
        outs = [o for o, g in zip(step.outs, gs, strict=True) if g is not None]
        try:
            sp, args, ans = self.words(step)
            bars = [None if g is None else sp.word(self.of(o, "bar"), g) for o, g in zip(step.outs, gs, strict=True)]
            made = pull(step.prim, step.needs, bars if step.several else bars[0], ans, args, step.params)
            shaped = [
                None if m is None else unbroadcast(m, raw_shape(raw(a))) for m, a in zip(made, step.args, strict=True)
            ]
            return [None if m is None else _not_too_long(sp.said(m)) for m in shaped]
        except Exception:  # as above
            return [
                _sum_of(self.partial(o, a, True) for o in outs) if need else None
                for a, need in zip(step.args, step.needs, strict=True)
            ]

    def partial(self, out: Any, a: Any, back: bool) -> Formula:
        """The adjoint of a result times its derivative, or the derivative times the argument's tangent."""
        y, x = self.of(out), self.of(a)
        d = leaf(f"\u2202{y.text}/\u2202{x.text}", rf"\frac{{\partial {y.latex}}}{{\partial {x.latex}}}")
        parts = (self.of(out, "bar"), d) if back else (d, self.of(a, "dot"))
        return leaf(" ".join(p.text for p in parts), r" ".join(p.latex for p in parts), True)


def _not_too_long(f: Formula) -> Formula:
    if len(f.text) > LONGEST:
        raise ValueError("a formula of this length explains nothing")
    return f


def _once(values: list) -> list:
    return list({id(v): v for v in values}.values())


def _sum_of(parts: Any) -> Formula:
    parts = list(parts)
    return leaf(" + ".join(p.text for p in parts), " + ".join(p.latex for p in parts), True) if parts else number(0)


def pull(prim: Any, needs: tuple[bool, ...], g: Any, ans: Any, args: Any, params: dict) -> list:
    """The cotangents of the arguments that need one, by the engine's own rule; None where nothing flows."""
    if prim.joint is not None:
        found = list(prim.joint(g, ans, tuple(args), needs, **params))
        return [c if need else None for c, need in zip(found, needs, strict=True)]
    found = []
    for i, need in enumerate(needs):
        rule = prim.vjp[i] if need and i < len(prim.vjp) else None
        if need and rule is None:
            raise NotDifferentiableError(
                f"the derivative for '{prim.name}' with respect to argument {i} is not implemented, because it does "
                f"not exist or is zero almost everywhere; write x.detach() where the value should be a constant"
            )
        found.append(None if rule is None else rule(g, ans, *args, **params))
    return found


# ---- the tables ------------------------------------------------------------------------------------------------------


def trace(f: Callable, *args: Any) -> TraceTable:
    """The forward evaluation trace of f at `args`, the tangent trace of each input, and the adjoint trace.

    Inputs end at v0 (two are v-1 and v0), and steps are numbered from v1 on, those that need nothing but inputs first,
    as on paper; each result of an operation with several has a number of its own. v' is the tangent by one input, moved
    by 1 in every entry; the adjoint trace is the reverse sweep, a row for every contribution as it arrives, seeded with
    ones. The formulas are what the engine's rules do, written down by running them; a rule that cannot be written down
    is shown as a partial derivative. Between arrays, a dot in a circle is the product element by element.

    Args:
        f: a function of tensors that returns one tensor. Tensors it reads besides are constants, under their names.
        args: numbers (or lists of them, taken as float64), arrays or tensors. Integer arrays, such as indices, have no
            derivative.

    Returns:
        A `TraceTable`: rows as objects, `text()`, `markdown()`, `latex()`, `html()`.

    Raises:
        ArgumentTypeError: f does not return one tensor that was computed from a floating-point argument.

    Source: A. G. Baydin, B. A. Pearlmutter, A. A. Radul and J. M. Siskind, Automatic Differentiation in Machine
    Learning: a Survey, JMLR 18 (2018), tables 2 and 3.

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> t = explain.trace(lambda x1, x2: cr.log(x1) + x1 * x2 - cr.sin(x2), 2.0, 5.0)
    >>> for row in t.table("adjoint")[-4:]:
    ...     print(row.symbol, "=", row.formula, "=", round(float(row.value), 3))
    v\u0304\u2080 = v\u0304\u2083 cos(v\u2080) = -0.284
    v\u0304\u208b\u2081 = v\u0304\u2082 v\u2080 = 5.0
    v\u0304\u2080 = v\u0304\u2080 + v\u0304\u2082 v\u208b\u2081 = 1.716
    v\u0304\u208b\u2081 = v\u0304\u208b\u2081 + v\u0304\u2081 / v\u208b\u2081 = 5.5
    """
    rec = _Recorder()
    values = [_given(a) for a in args]
    ins = [_Item(v, 0, is_inexact(v.dtype)) for v in values]
    returned = f(*map(rec.box, ins))
    if not rec.owns(returned):
        kind = type(returned).__name__
        raise ArgumentTypeError(
            f"explain.trace(): f must return one tensor computed from its arguments, not {kind}; of several results "
            f"trace one at a time, such as lambda *a: f(*a)[0]"
        )
    result = returned.item
    if not result.wants:
        raise ArgumentTypeError(
            "explain.trace(): the result of f does not depend on a floating-point argument in a way that has a "
            "derivative; give floats (integer arrays are taken as constants), and do not detach them"
        )
    steps = sorted(rec.steps, key=lambda s: s.level)
    for at, t in enumerate([*ins, *(o for s in steps for o in s.outs)], start=1 - len(ins)):
        t.at = at
    names = _input_names(f, len(ins))
    symbols = _Symbols(names_outside(f), names_of_arrays(f))
    rows = _forward(symbols, names, ins, steps)
    for k, t in enumerate(ins):
        if t.wants:
            rows += _tangents(symbols, names, ins, steps, k)
    rows += _adjoints(symbols, steps, result)
    for x, formula in symbols.constants.items():
        rows.append(Row("constants", formula.text, "constant", x.value, formula.latex, r"\text{constant}"))
    return TraceTable(tuple(rows))


def _given(a: Any) -> np.ndarray:
    v = np.asarray(raw(a))
    if not isinstance(a, (Tensor, np.ndarray)) and v.dtype.kind in "biu":
        return v.astype(np.float64)
    if v.dtype.kind not in "biufc":
        raise ArgumentTypeError(f"explain.trace(): arguments are numbers, arrays or tensors, not {type(a).__name__}")
    return v


def _input_names(f: Callable, count: int) -> list[str]:
    """The names of f's parameters, or x1, x2 ... where there are none."""
    try:
        given = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        given = ()
    own = [p.name for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return own + [f"x{i + 1}" for i in range(len(own), count)]


def _row(table: str, sym: Formula, formula: Formula, value: Any) -> Row:
    return Row(table, sym.text, formula.text, value, sym.latex, formula.latex)


def _forward(symbols: _Symbols, names: list[str], ins: list, steps: list[_Step]) -> list[Row]:
    rows = [_row("forward", symbols.of(t), leaf(n, latex_word(n)), raw(t)) for t, n in zip(ins, names, strict=True)]
    for step in steps:
        for out, formula in zip(step.outs, symbols.forward(step), strict=True):
            rows.append(_row("forward", symbols.of(out), formula, raw(out)))
    return rows


def _tangents(symbols: _Symbols, names: list[str], ins: list, steps: list[_Step], k: int) -> list[Row]:
    table = f"tangent {names[k]}"
    tangent: dict[int, Any] = {id(ins[k]): np.ones_like(raw(ins[k]))}
    rows = []
    for t, n in zip(ins, names, strict=True):
        dotted = leaf(f"{n}'", rf"\dot{{{latex_word(n)}}}") if t.wants else number(0)
        rows.append(_row(table, symbols.of(t, "dot"), dotted, tangent.get(id(t), _still(t))))
    for step in steps:
        wanted = any(o.wants for o in step.outs)
        formulas = symbols.tangent(step) if wanted else [number(0)] * len(step.outs)
        moved = tuple(tangent.get(id(a)) for a in step.args)
        found: Any = None
        if wanted and any(t is not None for t in moved):
            if step.prim.jvp is None:
                raise NotDifferentiableError(f"explain.trace(): {step.prim.name} has no forward derivative")
            found = step.prim.jvp(step.prim, moved, step.answer, *step.values, **step.params)
        found = found if step.several and found is not None else [found] * len(step.outs)
        for out, formula, value in zip(step.outs, formulas, found, strict=True):
            if value is not None and out.wants:
                tangent[id(out)] = np.asarray(value)
            value = tangent.get(id(out), _still(out))
            rows.append(_row(table, symbols.of(out, "dot"), formula if out.wants else number(0), value))
    return rows


def _still(x: _Item) -> np.ndarray:
    """The tangent of what does not move."""
    a = raw(x)
    return np.zeros(a.shape, a.dtype if is_inexact(a.dtype) else np.float64)


def _adjoints(symbols: _Symbols, steps: list[_Step], result: _Item) -> list[Row]:
    adjoint: dict[int, Any] = {id(result): np.ones_like(raw(result))}
    seed = leaf("seed", r"\text{seed}")
    rows = [_row("adjoint", symbols.of(result, "bar"), seed, adjoint[id(result)])]
    for step in reversed(steps):
        gs = [adjoint.get(id(o)) if o.wants else None for o in step.outs]
        if all(g is None for g in gs):
            continue
        pulled = pull(step.prim, step.needs, gs if step.several else gs[0], step.answer, step.values, step.params)
        for a, c, formula in zip(step.args, pulled, symbols.adjoint(step, gs), strict=True):
            if c is None:
                continue
            c = np.asarray(unbroadcast(np.asarray(c), raw_shape(raw(a))))
            before, sym = adjoint.get(id(a)), symbols.of(a, "bar")
            adjoint[id(a)] = c if before is None else before + c
            assert formula is not None
            rows.append(_row("adjoint", sym, formula if before is None else _added(sym, formula), adjoint[id(a)]))
    return rows


def _added(sym: Formula, term: Formula) -> Formula:
    """What arrived before plus one more contribution."""

    def joined(a: str, b: str) -> str:
        return f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}"

    return leaf(joined(sym.text, term.text), joined(sym.latex, term.latex))
