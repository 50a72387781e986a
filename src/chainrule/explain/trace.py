"""The evaluation tables of a function: forward values, a tangent column per input, and the adjoints of the sweep."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.value import Tensor as _Tensor
from ..core.value import Trace, Tracer, raw_shape, wrap

_SUB = str.maketrans("-0123456789", "\u208b\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089")


def show(x: Any) -> str:
    """A number with three decimals; of an array shape, least and greatest entry."""
    a = np.asarray(x)
    if a.ndim == 0:
        return f"{a[()]:.3f}" if a.dtype.kind in "fc" else str(a[()])
    return f"{a.shape}" if a.size == 0 or a.dtype.kind not in "fiu" else f"{a.shape} [{a.min():.3g}, {a.max():.3g}]"


@dataclass(frozen=True)
class Row:
    """One step: which table ('forward', 'tangent x1', 'adjoint'), symbol, formula and value."""

    table: str
    symbol: str
    formula: str
    value: Any


@dataclass(frozen=True)
class TraceTable:
    """The rows of all tables, in the order of the computation."""

    rows: tuple[Row, ...]

    def table(self, name: str) -> list[Row]:
        """The rows of one table."""
        return [r for r in self.rows if r.table == name]

    def _tables(self) -> list[str]:
        return list(dict.fromkeys(r.table for r in self.rows))

    def text(self) -> str:
        """All tables as plain text."""
        width = max(len(r.formula) for r in self.rows)
        lines = []
        for name in self._tables():
            lines.append(name)
            lines += [f"  {r.symbol:<5} = {r.formula:<{width}} = {show(r.value)}" for r in self.table(name)]
        return "\n".join(lines)

    def markdown(self) -> str:
        """All tables as one Markdown table."""
        body = [
            f"| {r.table} | {r.symbol} | {r.formula.replace('|', chr(92) + '|')} | {show(r.value)} |" for r in self.rows
        ]
        return "\n".join(["| table | symbol | formula | value |", "|---|---|---|---|", *body])

    def latex(self) -> str:
        """All tables as a LaTeX tabular (Unicode symbols: for XeLaTeX or LuaLaTeX)."""

        def esc(s: str) -> str:
            table = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", **{c: "\\" + c for c in "_&%#{}$"}}
            return "".join(table.get(c, c) for c in s)

        body = [" & ".join(map(esc, (r.table, r.symbol, r.formula, show(r.value)))) + r" \\" for r in self.rows]
        return "\n".join([r"\begin{tabular}{llll}", *body, r"\end{tabular}"])

    def _repr_html_(self) -> str:
        cells = ((r.table, r.symbol, r.formula, show(r.value)) for r in self.rows)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in cells)
        return f"<table><tr><th>table</th><th>symbol</th><th>formula</th><th>value</th></tr>{body}</table>"

    __str__ = text
    __repr__ = text


class _Recorded(Tracer):
    __slots__ = ()


class _Recorder(Trace):
    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple] = []

    def box(self, raw: Any, level: int) -> Any:
        t = object.__new__(_Recorded)
        t._data, t._node, t._trace, t.depth = wrap(np.asarray(raw)), None, self, level
        return t

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        raws = [_raw(a) for a in args]
        ans = prim.impl(np, *raws, **params)
        level = 1 + max(a.depth for a in args if self.owns(a))
        if prim.n_out != 1:
            raise ArgumentTypeError(f"explain.trace() does not follow {prim.name}, which has several results")
        out = self.box(ans, level)
        self.steps.append((level, prim, args, params, out, raws))
        return out


class _Word(Tracer):
    __slots__ = ()
    said: tuple[str, int]


class _Speller(Trace):
    """Runs a rule on values that write down what is done to them: (text, strength of its weakest operator)."""

    def word(self, said: tuple[str, int], value: Any) -> Any:
        t = object.__new__(_Word)
        t._data, t._node, t._trace, t.said = wrap(np.asarray(value)), None, self, said
        return t

    def say(self, x: Any) -> tuple[str, int]:
        if self.owns(x):
            return x.said
        raw = np.asarray(_raw(x))
        if raw.ndim and not (raw.size and (raw == raw.flat[0]).all()):
            raise ValueError("a constant array has no short spelling")
        number = f"{raw.flat[0]:.4g}" if raw.dtype.kind in "fiub" else str(raw.flat[0])
        return number, 1 if number.startswith("-") else 4

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        said = [self.say(a) for a in args]
        answer = prim.impl(np, *[_raw(a) for a in args], **params)
        return self.word(_joined(prim, said), answer)


def _joined(prim: Any, said: list[tuple[str, int]]) -> tuple[str, int]:
    def at(i: int, least: int) -> str:
        return said[i][0] if said[i][1] >= least else f"({said[i][0]})"

    match prim.name, len(said):
        case ("mul" | "mul0"), 2:
            one = [i for i in (0, 1) if said[i][0] == "1"]
            return said[1 - one[0]] if one else (f"{at(0, 2)} {at(1, 3)}", 2)
        case ("div" | "div0"), 2:
            return f"{at(0, 2)} / {at(1, 3)}", 2
        case "add", 2:
            if said[1][0].startswith("-"):
                return f"{at(0, 1)} - {said[1][0][1:]}", 1
            return f"{at(0, 1)} + {at(1, 2)}", 1
        case "sub", 2:
            return f"{at(0, 1)} - {at(1, 2)}", 1
        case "neg", 1:
            return f"-{at(0, 2)}", 1
    return f"{prim.name}({', '.join(t for t, _ in said)})", 4


def _plus(a: str, b: str) -> str:
    return f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}"


def _spelled(rule: Callable, otherwise: str) -> str:
    """What `rule(speller)` writes down; `otherwise` where a rule does what only arrays can."""
    speller = _Speller()
    try:
        return speller.say(rule(speller))[0]
    except Exception:  # a rule may look into its arrays; then it is named, not spelled
        return otherwise


def _raw(x: Any) -> Any:
    while isinstance(x, _Tensor):
        x = x._data
    return x


def _formula(prim: Any, names: list[str]) -> str:
    if isinstance(prim.notation, str) and prim.notation.count("{}") == len(names):
        return prim.notation.format(*names)
    return f"{prim.name}({', '.join(names)})"


def unbroadcast(c: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent back to the shape of its argument."""
    c = np.asarray(c)
    if c.shape == shape:
        return c
    c = c.sum(axis=tuple(range(c.ndim - len(shape))))
    wide = tuple(i for i, n in enumerate(shape) if n == 1 and c.shape[i] != 1)
    return np.broadcast_to(c.sum(axis=wide, keepdims=True) if wide else c, shape)


def pull(prim: Any, i: int, g: Any, ans: Any, args: Any, params: dict) -> Any:
    """The cotangent of argument `i` by the engine's own rule, or None."""
    if prim.joint is not None:
        return prim.joint(g, ans, tuple(args), tuple(k == i for k in range(len(args))), **params)[i]
    rule = prim.vjp[i] if i < len(prim.vjp) else None
    return None if rule is None else rule(g, ans, *args, **params)


def trace(f: Callable, *args: Any) -> TraceTable:
    """Forward evaluation trace, tangent trace per input and adjoint trace of `f` at `args`, by the engine's rules.

    Inputs are numbered up to v0 (with two: v-1, v0). An array input is moved by ones in every entry for its tangent
    table. Operations with several results raise ArgumentTypeError. Steps
    of equal depth are numbered together, as on paper.
    """
    rec = _Recorder()
    raws = [np.asarray(_raw(a)) for a in args]
    ins = [rec.box(a if a.dtype.kind in "fc" else a.astype(np.float64), 0) for a in raws]
    result = f(*ins)
    if not rec.owns(result):
        raise ArgumentTypeError("explain.trace(): f must return one tensor computed from its arguments")
    steps = sorted(rec.steps, key=lambda s: s[0])
    name = {id(t): "v" + str(i - len(ins) + 1).translate(_SUB) for i, t in enumerate(ins)}
    name |= {id(s[4]): "v" + str(i + 1).translate(_SUB) for i, s in enumerate(steps)}
    rows = [Row("forward", name[id(t)], f"x{i + 1}", _raw(t)) for i, t in enumerate(ins)]

    def spell(a: Any) -> str:
        return name[id(a)] if rec.owns(a) else show(_raw(a)) if isinstance(_raw(a), np.ndarray) else str(a)

    for _, prim, given, _, out, _ in steps:
        rows.append(Row("forward", name[id(out)], _formula(prim, [spell(a) for a in given]), _raw(out)))
    for k in range(len(ins)):
        tangent = {id(t): np.ones_like(_raw(t)) if i == k else None for i, t in enumerate(ins)}
        for i, t in enumerate(ins):
            rows.append(Row(f"tangent x{k + 1}", name[id(t)] + "'", f"x{i + 1}'", np.full_like(_raw(t), i == k)))
        for _, prim, given, params, out, values in steps:
            ts = tuple(tangent[id(a)] if rec.owns(a) else None for a in given)
            got = None
            if prim.jvp is not None and any(t is not None for t in ts):
                got = prim.jvp(prim, ts, _raw(out), *values, **params)
            tangent[id(out)] = got
            used = ", ".join(dict.fromkeys(name[id(a)] + "'" for a in given if rec.owns(a)))
            value = np.zeros_like(_raw(out)) if got is None else got
            formula = f"{prim.name}'({used})"
            if prim.jvp is not None and used:

                def rule(sp: Any, prim: Any = prim, given: Any = given, params: Any = params, out: Any = out) -> Any:
                    def say(a: Any, mark: str = "") -> Any:
                        return sp.word((name[id(a)] + mark, 4), _raw(a))

                    tangents = tuple(say(a, "'") if rec.owns(a) else None for a in given)
                    plain = [say(a) if rec.owns(a) else _raw(a) for a in given]
                    return prim.jvp(prim, tangents, say(out), *plain, **params)

                formula = _spelled(rule, formula)
            rows.append(Row(f"tangent x{k + 1}", name[id(out)] + "'", formula, value))
    adjoint = {id(result): np.ones_like(_raw(result))}
    rows.append(Row("adjoint", name[id(result)] + "\u0304", "seed", adjoint[id(result)]))
    for _, prim, given, params, out, values in reversed(steps):
        g = adjoint.get(id(out))
        if g is None:
            continue
        for i, a in enumerate(given):
            c = pull(prim, i, g, _raw(out), values, params) if rec.owns(a) else None
            if c is None:
                continue
            c = unbroadcast(c, raw_shape(_raw(a)))
            before = adjoint.get(id(a))
            adjoint[id(a)] = c if before is None else before + c
            s = name[id(a)] + "\u0304"
            term = f"{name[id(out)]}\u0304 \u2202{name[id(out)]}/\u2202{name[id(a)]}"

            def back(sp: Any, prim=prim, given=given, params=params, out=out, i=i, g=g) -> Any:
                plain = [sp.word((name[id(b)], 4), _raw(b)) if rec.owns(b) else _raw(b) for b in given]
                bar = sp.word((name[id(out)] + "\u0304", 4), g)
                return pull(prim, i, bar, sp.word((name[id(out)], 4), _raw(out)), plain, params)

            term = _spelled(back, term)
            rows.append(Row("adjoint", s, term if before is None else _plus(s, term), adjoint[id(a)]))
    return TraceTable(tuple(rows))
