"""A function staged as equations, each with what it is for: what the texts are written from."""

from __future__ import annotations

import ast
import inspect
import keyword
import linecache
import re
import sys
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import GraphError
from ...core.provenance import describe, location
from ...core.pytree import tree_flatten
from ...core.state import next_seq, state
from ...core.value import Tensor
from ...graph.ir import Equation, Graph, Variable
from ...graph.stage import Staged, StageTrace, _check_escaped, _record
from ...graph.symbol import Symbol
from .simplify import simplified


@dataclass(frozen=True)
class Note:
    """What an equation is for: a value of the user's line, or a step of the reverse sweep over an operation."""

    where: str  # the user's line
    piece: str  # the user's expression of which it is the value, or whose derivative's rule it belongs to; may be ""
    op: str  # name of the operation
    step: int = 0  # 0: a forward value, else the number of the sweep's step


@dataclass(frozen=True)
class Program:
    """The simplified graph; by name of an equation's first result, its note, and what adjoint it is."""

    name: str
    graph: Graph
    inputs: list[str]  # names of the arguments
    notes: dict[str, Note]
    targets: dict[str, str]  # variable -> the user's name of it
    adjoints: dict[str, str]  # variable -> the variable whose adjoint it is
    parts: dict[str, str]  # variable -> the variable to whose adjoint it is a contribution
    whole: set[str]  # variables that are the value of a whole expression of the user's


class _Notes(StageTrace):
    """A staging that hears from the sweep, as a profile does, for which operation it works."""

    unroll = True

    def __init__(self) -> None:
        super().__init__()
        self.notes: dict[str, Note] = {}
        self.adjoints: dict[str, str] = {}
        self.parts: dict[str, str] = {}
        self._open: list[Note | None] = []
        self._seqs: list[int] = []  # creation numbers at the begin of each operation: its node was made after it
        self._made: list[list[Equation]] = []  # per operation, its equations
        self._steps = 0
        self._at_leaf: dict[Any, str] = {}  # the latest sum at each leaf

    def process(self, prim: Any, raws: tuple, params: dict) -> Any:
        result = super().process(prim, raws, params)
        e = self.equations[-1]
        if self._made:
            self._made[-1].append(e)
        step = next((n for n in reversed(self._open) if n is not None), None)
        note = step or Note(e.where(), piece(e.code, e.lasti), prim.name)
        self.notes[e.outs[0].name] = note
        return result

    def equation_of(self, node: Any) -> Equation | None:
        """The equation that a node of the tape records."""
        i = bisect_left(self._seqs, node.seq) - 1
        made = self._made[i] if i >= 0 else []
        return next((e for e in made if e.prim.name == node.prim.name), made[-1] if made else None)

    def begin(self, phase: str, op: str, code: Any, lasti: int) -> None:
        """An operation begins, or the sweep's step for one."""
        if phase != "backward":
            if not self._open or self._open[-1] is not None:
                self._seqs.append(next_seq())
                self._made.append([])
            self._open.append(None)
            return
        self._steps += 1
        frame = sys._getframe(1).f_locals
        found = self.equation_of(frame["node"])
        if found is None:
            self._open.append(Note(describe(code, lasti), piece(code, lasti), op, self._steps))
            return
        base = self.notes[found.outs[0].name]
        self._open.append(Note(base.where, piece(found.code, found.lasti), op, self._steps))
        g = frame["g"]
        for ct, out in zip(g if isinstance(g, list) else [g], found.outs, strict=False):
            self.adjoint(ct, out.name)

    def end(self) -> None:
        """The operation that began last ends."""
        if self._open.pop() is None:
            return
        leaves = sys._getframe(1).f_locals["leaves"]
        for leaf, ct in leaves.items():
            owner, v = _variable(leaf.owner()), _variable(ct)
            if owner is None or v is None:
                continue
            before = self._at_leaf.get(leaf, v.name)
            if before != v.name and self.adjoints.get(before) == owner.name:
                self.parts[before] = self.adjoints.pop(before)
            self._at_leaf[leaf] = v.name
            self.adjoint(ct, owner.name)

    def adjoint(self, ct: Any, of: str) -> None:
        """The value `ct` is the adjoint of the variable `of`, if no better is known."""
        v = _variable(ct)
        if v is not None:
            self.adjoints.setdefault(v.name, of)


def _variable(x: Any) -> Variable | None:
    while isinstance(x, Tensor):
        x = x._data
    return x.variable if isinstance(x, Symbol) else None


def program(f: Callable, args: tuple, name: str) -> Program:
    """Stage `f` at `args`, simplify the graph, and find names."""
    if state.stage is not None:
        raise GraphError("explain.source() inside a staged function: call it outside")
    exact = StageTrace()
    exact.unroll = True
    staged = _record(exact, f, args)
    _check_escaped(exact)
    if staged.effects:
        raise GraphError(
            "explain.source(): the function writes to tensors that it does not return; write the function so that it "
            "returns what it computes, for example with func.grad instead of backward(), and call eval() on modules "
            "that update buffers"
        )
    trace = _noted(f, args)
    match = _matching(trace, exact)
    notes: dict[str, Note] = {}
    for e in exact.equations:
        first = match.get(e.outs[0].name)
        found = None if first is None else trace.notes.get(first)
        notes[e.outs[0].name] = found or Note(e.where(), piece(e.code, e.lasti), e.prim.name)
    back = {}
    for mine, theirs in match.items():
        back.setdefault(theirs, mine)
    graph, same = simplified(staged.graph)
    last: dict[tuple, str] = {}
    targets: dict[str, str] = {}
    for e in exact.equations:
        if notes[e.outs[0].name].step == 0 and len(e.outs) == 1:
            last[e.code, e.lasti] = e.outs[0].name
    for e in exact.equations:
        target = _target(e) if last.get((e.code, e.lasti)) == e.outs[0].name else None
        stands = _standing(e.outs[0].name, same)
        if target and stands is not None:
            targets.setdefault(stands, target)
    alive = {o.name for e in graph.equations for o in e.outs}

    def renamed(hints: dict[str, str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for ct, of in hints.items():
            stands, whose = (_standing(back[n], same) if n in back else None for n in (ct, of))
            if stands in alive and notes[stands].step and whose is not None:
                found.setdefault(stands, whose)
        return found

    whole = {_standing(name, same) or "" for name in last.values()}
    adjoints, parts = renamed(trace.adjoints), renamed(trace.parts)
    for e in graph.equations:
        if e.prim.name == "add" and e.outs[0].name in adjoints:
            for o in e.operands:
                if isinstance(o, Variable) and o.name in alive and o.name not in adjoints and notes[o.name].step:
                    parts.setdefault(o.name, adjoints[e.outs[0].name])
    return Program(name, graph, _inputs(f, args, staged), notes, targets, adjoints, parts, whole)


def _noted(f: Callable, args: tuple) -> _Notes:
    """Stage `f` once more, listening to the sweep. (Listening makes the sweep add cotangents in another order.)"""
    trace, before = _Notes(), state.profile
    state.profile = trace
    state.refresh()
    try:
        _record(trace, f, args)
    finally:
        state.profile = before
        state.refresh()
    return trace


def _matching(theirs: StageTrace, mine: StageTrace) -> dict[str, str]:
    """Variables of one staging that are those of another, sums in any order: name in `mine` -> name in `theirs`."""
    names: dict[int, str] = {}
    for trace, note in ((theirs, lambda key, name: names.setdefault(key, name)), (mine, None)):
        keys: dict[str, int] = {v.name: hash(("input", i)) for i, v in enumerate(trace.inputs)}
        keys |= {v.name: hash((v.shape, v.dtype.str, a.tobytes())) for v, a in trace.constants.items()}
        for e in trace.equations:
            operands = tuple(keys[o.name] if isinstance(o, Variable) else hash((type(o), o)) for o in e.operands)
            key = hash((e.prim.name, operands, repr(sorted(e.params.items()))))
            if e.prim.name == "add":
                key = sum(operands)
            keys.update({o.name: key + i for i, o in enumerate(e.outs)})
        if note is not None:
            for name, key in keys.items():
                note(key, name)
    return {name: names[key] for name, key in keys.items() if key in names}


def _standing(name: str, same: dict[str, Any]) -> str | None:
    """The variable that stands for a dropped one; None if a number does."""
    while name in same:
        o = same[name]
        if not isinstance(o, Variable):
            return None
        name = o.name
    return name


def identifier(text: str, reserved: frozenset[str] | set[str] = frozenset({"np"})) -> str:
    """The nearest name that a language allows."""
    text = re.sub(r"\W", "_", text, flags=re.ASCII)
    text = text if text and not text[0].isdigit() else f"v_{text}"
    return text + "_" if keyword.iskeyword(text) or text in reserved else text


def _inputs(f: Callable, args: tuple, staged: Staged) -> list[str]:
    """Names of the graph's inputs: parameters of `f`, the user's names of other tensors."""
    try:
        found = inspect.signature(getattr(f, "forward", f)).parameters.values()
        parameters = [p.name for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    except (TypeError, ValueError):
        parameters = []
    owner: list[str] = []
    for i, a in enumerate(args):
        leaves = tree_flatten(a)[0]
        stem = parameters[i] if i < len(parameters) else f"x{i + 1}"
        if isinstance(a, dict) and len(leaves) == len(a):
            owner += [f"{stem}_{k}" for k in a]
        else:
            owner += [stem] if len(leaves) == 1 else [f"{stem}_{k}" for k in range(len(leaves))]
    outside = _outside(f)
    names: list[str] = []
    for kind, source in staged.sources:
        known = getattr(source, "_label", None) or outside.get(id(source))
        names.append(owner[source] if kind == "arg" else known or f"outside{len(names) - len(owner) + 1}")
    return names


def _outside(f: Callable) -> dict[int, str]:
    """Names of tensors that `f` reads from outside, by id: variables, and parameters and buffers of modules."""
    inner = inspect.unwrap(f)
    seen: dict[str, Any] = {"parameter": getattr(inner, "__self__", inner)}
    if inspect.isfunction(inner):
        try:
            around = inspect.getclosurevars(inner)
        except ValueError:  # a variable around it has no value yet
            return {}
        seen |= {**around.globals, **around.nonlocals}
    names: dict[int, str] = {}
    for name, value in seen.items():
        if isinstance(value, Tensor):
            names.setdefault(id(value), name)
        elif hasattr(value, "named_parameters") and not isinstance(value, type):
            for part, tensor in (*value.named_parameters(), *value.named_buffers()):
                names.setdefault(id(tensor), f"{name}_{part}")
    return names


class Names:
    """Names for what a text assigns: the user's own, d_x for the adjoint of x, else v1, v2 ... and t1, t2 ..."""

    def __init__(self, program: Program, reserved: set[str]) -> None:
        self.program, self.reserved = program, reserved
        self.taken = {program.name, *reserved}
        self.of: dict[str, str] = {}
        self._op = {name: note.op for name, note in program.notes.items() if not note.step}
        self._counts = {"v": 0, "t": 0}
        self._results = {o.name for o in program.graph.outputs if isinstance(o, Variable)}
        for variable, wanted in zip(program.graph.inputs, program.inputs, strict=True):
            self.of[variable.name] = self.free(wanted)

    def free(self, wanted: str) -> str:
        """An unused name like `wanted`."""
        wanted = identifier(wanted, self.reserved)
        name, k = wanted, 2
        while name in self.taken:
            name, k = f"{wanted}_{k}", k + 1
        self.taken.add(name)
        return name

    def give(self, variable: str, first: str = "") -> str:
        """Name a variable; `first` is the equation's first result, which has the note."""
        p, note = self.program, self.program.notes[first or variable]
        whose = p.adjoints.get(variable) or p.parts.get(variable)
        if variable in p.targets and not note.step:
            name = self.free(p.targets[variable])
        elif whose is not None:
            stem = f"d_{self.of[whose]}" if whose in self.of else f"d_{self._op.get(whose, 'out')}"
            name = self.free(stem if variable in p.adjoints else f"{stem}_part")
        elif variable in self._results:
            name = self.free("result")
        else:
            letter = "t" if note.step else "v"
            self._counts[letter] += 1
            name = self.free(f"{letter}{self._counts[letter]}")
        self.of[variable] = name
        return name

    def meaning(self, variable: str, first: str = "") -> str:
        """What a variable is, in words, for a comment."""
        p, note = self.program, self.program.notes[first or variable]
        if not note.step:
            return note.piece
        whose = p.adjoints.get(variable) or p.parts.get(variable)
        if whose is None:
            return f"for the derivative of {note.op}"
        about = p.notes.get(whose)
        said = self.of.get(whose) or (about.piece if about is not None and whose in p.whole else "")
        what = "adjoint of " + (said or f"the result of {self._op.get(whose, 'it')}")
        return what if variable in p.adjoints else f"part of the {what}"


def piece(code: Any, lasti: int) -> str:
    """The user's expression at an instruction, if it is on one line."""
    if code is None:
        return ""
    line, end_line, start, end = list(code.co_positions())[lasti // 2]
    if line is None or line != end_line or start is None:
        return ""
    return linecache.getline(code.co_filename, line).encode()[start:end].decode(errors="replace").strip()


def _target(e: Equation) -> str | None:
    """`h` of the user's line `h = tanh(...)`, if the equation is the outermost operation of that line."""
    text = location(e.code, e.lasti)[2]
    try:
        (statement,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Name) or e.code is None:
        return None
    positions = list(e.code.co_positions())
    _, _, start, end = positions[e.lasti // 2]
    value = statement.value
    if start is None or end is None or end - start != (value.end_col_offset or 0) - value.col_offset:
        return None
    return target.id
