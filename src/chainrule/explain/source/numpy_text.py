"""The NumPy text of a program: natural spellings, and the implementation's own text as a helper for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import NotDifferentiableError
from ...graph.ir import Equation, Variable
from .lift import Helpers
from .literals import LiftError, array_text, number_text, text_or_none
from .numpy_spelling import ATOM, Text, spelled
from .program import Names, Program, identifier
from .simplify import uses

_INLINE = 72  # characters of an expression that may become part of another one
_SHORT = 50  # characters of a constant that is written where it is used
_LONGEST = 92  # characters of a statement, if it can be split
_SHORT_VIEW = 8  # characters of a view that is written wherever it is read
VIEWS = ("permute", "reshape", "broadcast_to", "getitem", "select", "neg", "cast")


def inlined(program: Program) -> set[str]:
    """Variables that may be written inside the one equation that reads them: no name of the user's is lost by it.

    That is a step within one line of the user's, or within one step of the sweep; and views, wherever they are.
    """
    graph, found = program.graph, set()
    read = uses(graph)
    reader = {o.name: e for e in graph.equations for o in e.operands if isinstance(o, Variable)}
    for e in graph.equations:
        (out, *more), user = e.outs, reader.get(e.outs[0].name)
        if more or e.prim.n_out != 1 or read[out.name] != 1 or user is None or e.prim.effect:
            continue
        note, outer = program.notes[out.name], program.notes[user.outs[0].name]
        if out.name in program.targets and not note.step:
            continue
        same = note.step == outer.step and (bool(note.step) or note.where == outer.where)
        if same or e.prim.name in VIEWS:
            found.add(out.name)
    return found


def write(program: Program) -> str:
    """The module text: imports, constants, helpers, and one function."""
    return _Writer(program).text()


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program, self.graph = program, program.graph
        self.names = Names(program, {"np"})
        self.inline = inlined(program)
        self.texts: dict[str, Text] = {v.name: Text(self.names.of[v.name]) for v in self.graph.inputs}
        self.constants: list[str] = []
        self.waiting: dict[str, Equation] = {}  # written inside others
        self.said = ("", False)  # what the last comment said
        self.body: list[str] = []
        read = uses(self.graph)
        self.copied: set[str] = set()  # variables that share the memory of an argument or a constant
        for v, array in self.graph.constants.items():
            text = array_text(array) if array.ndim else ""
            if read[v.name] == 1 and text.startswith(("np.zeros", "np.ones", "np.full")):
                self.texts[v.name] = Text(text)
            elif array.ndim:
                name = self.names.free(f"C{len(self.constants) + 1}")
                self.constants.append(f"{name} = {text}")
                self.texts[v.name] = Text(name)
        self.helpers = Helpers({*self.names.taken, *map(identifier, program.targets.values())})

    def operand(self, o: Any, e: Equation, typed: bool) -> Text:
        """An operand of an equation; a number is written without its dtype unless `typed`."""
        if not isinstance(o, Variable):
            text = text_or_none(o)
            return Text(str(text), ATOM if not str(text).startswith("-") else 8)
        if o.name in self.texts:
            return self.texts[o.name]
        value = self.graph.constants[o][()]
        others = [p for p in e.operands if isinstance(p, Variable) and p not in self.graph.constants]
        weak = any(p.dtype == o.dtype for p in others) or o.dtype == e.outs[0].dtype == np.float64
        if not typed and weak and e.prim.kind == "elementwise":
            text = number_text(value)
            return Text(text, 8 if text.startswith("-") else ATOM)
        return Text(str(text_or_none(value)))

    def expression(self, e: Equation) -> Text:
        text = spelled(e, [self.operand(o, e, typed=False) for o in e.operands], self.helpers)
        if text is not None:
            return text
        operands = [self.operand(o, e, typed=True) for o in e.operands]
        arrays = [
            f"np.asarray({t})" if isinstance(o, Variable) and not o.shape else str(t)
            for o, t in zip(e.operands, operands, strict=True)
        ]
        named = []
        for k, v in e.params.items():
            value = text_or_none(v)
            if value is None:
                raise LiftError(f"its parameter {k} is a {type(v).__name__}")
            named.append(f"{k}={value}")
        return Text(f"{self.helpers.implementation(e.prim)}({', '.join([*arrays, *named])})")

    def text(self) -> str:
        for e in self.graph.equations:
            found = self.found(e)
            view = e.prim.name in ("permute", "getitem", "select") and len(found) <= _SHORT_VIEW
            keep = e.outs[0].name in self.program.targets or e.outs[0] in self.graph.outputs
            if (e.outs[0].name in self.inline and len(found) <= _INLINE) or (view and not keep):
                self.texts[e.outs[0].name] = found
                self.waiting[e.outs[0].name] = e
                continue
            while len(found) > _LONGEST:
                parts = [o.name for o in e.operands if isinstance(o, Variable) and o.name in self.waiting]
                longest = max(parts, key=lambda name: len(self.texts[name]), default="")
                if not longest or len(self.texts[longest]) < _SHORT // 2:
                    break
                self.statement(self.waiting.pop(longest), self.texts[longest])
                found = self.found(e)
            self.statement(e, found)
        inputs = ", ".join(self.names.of[v.name] for v in self.graph.inputs)
        results = [self.result(o) for o in self.graph.outputs]
        result = results[0] if len(results) == 1 else f"({', '.join(results)})"
        if any("base64." in text for text in (*self.constants, *self.helpers.definitions)):
            self.helpers.imports.add("base64")
        imports = [*(f"import {m}" for m in sorted(self.helpers.imports)), "import numpy as np"]
        parts = ["\n".join(sorted(imports)), "\n".join(self.constants), *self.helpers.definitions]
        function = [f"def {self.program.name}({inputs}):", *self.doc(), *self.body, f"    return {result}"]
        return "\n\n\n".join(p for p in [*parts, "\n".join(function)] if p) + "\n"

    def found(self, e: Equation) -> Text:
        """The expression of an equation, or the error that names the operation and the user's line."""
        try:
            if e.prim.effect:
                raise LiftError("it draws random numbers; draw them outside and pass them as an argument")
            return self.expression(e)
        except LiftError as error:
            raise NotDifferentiableError(
                f"explain.source(): {e.prim.name} at {e.where()} has no stand-alone NumPy text: {error}"
            ) from error

    def statement(self, e: Equation, found: Text) -> None:
        """Append an assignment, under a comment with the user's line."""
        note = self.program.notes[e.outs[0].name]
        if (note.where, bool(note.step)) != self.said:
            self.said = (note.where, bool(note.step))
            self.body.append(f"    # {'backward through ' if note.step else ''}{_ascii(note.where)}")
        outs = [self.names.give(o.name, e.outs[0].name) for o in e.outs]
        self.texts.update({o.name: Text(n) for o, n in zip(e.outs, outs, strict=True)})
        left = ", ".join(outs) + ("," if e.prim.n_out != 1 and len(outs) == 1 else "")
        line = f"    {left} = {found}"
        what = self.names.meaning(e.outs[0].name) if note.step else ""
        what = f"# {_ascii(what)}" if what else ""
        if what and len(line) + len(what) > 112:
            self.body.append(f"    {what}")
            what = ""
        self.body.append(f"{line}  {what}".rstrip())
        if e.prim.name == "broadcast_to":
            self.copied.add(e.outs[0].name)

    def result(self, o: Any) -> str:
        """An output as an array that is the caller's own."""
        if not isinstance(o, Variable):
            return f"np.asarray({text_or_none(o)})"
        if o in self.graph.constants and not o.shape:
            return f"np.asarray({text_or_none(self.graph.constants[o][()])})"
        text = self.texts[o.name]
        if o in self.graph.constants:
            return f"{text}.copy()"
        if o in self.graph.inputs or o.name in self.copied:
            return f"np.array({text})"
        return f"np.asarray({text})" if not o.shape else str(text)

    def doc(self) -> list[str]:
        """The docstring: arguments and results with their dtypes and shapes."""

        def typed(o: Any) -> str:
            return f"{o.dtype.name}{list(o.shape)}" if isinstance(o, Variable) else type(o).__name__

        taken = [f"        {self.names.of[v.name]}: {typed(v)}" for v in self.graph.inputs]
        given = ", ".join(typed(o) for o in self.graph.outputs)
        args = ["    Args:", *taken, ""] if taken else []
        return [
            '    """Written by chainrule.explain.source.',
            "",
            *args,
            f"    Returns: {given or 'nothing'}",
            '    """',
        ]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()
