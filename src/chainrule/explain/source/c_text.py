"""The C99 text of a program: one function of plain loops over arrays, with nothing to link but libm."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.errors import NotDifferentiableError
from ...graph.ir import Equation, Variable
from . import c_arithmetic, c_linalg, c_loops, c_products, c_sorting, c_windows, c_writes
from .c_elements import MAPS, VIEWS, Index, c_literal, c_type
from .literals import LiftError
from .numpy_spelling import Text
from .numpy_text import inlined
from .program import Names, Program, identifier
from .simplify import uses

_WORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true
false NAN INFINITY signbit isnan isinf isfinite main j0 j1 jn y0 y1 yn gamma index abs labs llabs fabs fabsf rint rintf
at free malloc exit div rand time"""
RESERVED = {*_WORDS.split(), *(n + f for n in c_arithmetic.RULES for f in ("", "f")), *c_arithmetic.FUNCTIONS}
_LOOPS = {**c_loops.RULES, **c_products.RULES, **c_writes.RULES, **c_windows.RULES}
_LOOPS |= {**c_linalg.RULES, **c_sorting.RULES}
COVERED = frozenset({*VIEWS, *MAPS, *c_arithmetic.RULES, *_LOOPS, *c_writes.PIECES})  # names of operations
_LARGE = 1 << 14  # bytes; larger intermediate arrays are static
_LONGEST = 200  # characters of an expression within another


class Writer:
    """Gathers the lines of the function; elements of results are asked of it by index."""

    def __init__(self, program: Program) -> None:
        self.program, self.graph = program, program.graph
        self.names = Names(program, RESERVED)
        self.taken = {*self.names.taken, *(identifier(t, self.names.reserved) for t in program.targets.values())}
        self.inline = inlined(program)
        self.reader = {o.name: e for e in self.graph.equations for o in e.operands if isinstance(o, Variable)}
        self.read = uses(self.graph)
        self.outputs = {o.name for o in self.graph.outputs if isinstance(o, Variable)}
        self.elements: dict[str, Any] = {}  # by variable: index -> Text
        self.used: set[str] = set()  # own functions
        self.constants: list[str] = []
        self.body: list[str] = []
        self.depth = 1
        self.results: dict[str, str] = {}  # variables written at once where the caller wants them: their names
        self.statics = False
        self.declared: list[str] = []
        self._said = ("", False)
        for v in self.graph.inputs:
            c_type(v.dtype)
            self.store(v, self.names.of[v.name])
        for v, array in self.graph.constants.items():
            self.constant(v, array)

    # ---- elements -----------------------------------------------------------------------------------------------

    def store(self, v: Variable, name: str) -> None:
        """The variable is the C variable `name` from now on."""
        shape = v.shape

        def element(index: Index) -> Text:
            return Text(name + "".join(f"[{i}]" for i, _ in zip(index, shape, strict=True)))

        self.elements[v.name] = element

    def constant(self, v: Variable, array: np.ndarray) -> None:
        """A constant: a number where it is one, else a table."""
        first = array.flat[0] if array.size else array.dtype.type(0)
        if array.size <= 1 or (array == first).all():
            self.elements[v.name] = lambda index: c_literal(first, v.dtype)
            return
        made: list[str] = []

        def element(index: Index) -> Text:
            if not made:
                made.append(self.names.free(f"C{len(self.constants) + 1}"))
                dims = "".join(f"[{n}]" for n in v.shape)
                self.constants.append(f"static const {c_type(v.dtype)} {made[0]}{dims} = {_braces(array)};")
            return Text(made[0] + "".join(f"[{i}]" for i in index))

        self.elements[v.name] = element

    def at(self, o: Any, index: Index, like: np.dtype | None = None) -> Text:
        """The element of an operand at an index, one C expression for each dimension."""
        if isinstance(o, Variable):
            return self.elements[o.name](list(index))
        return c_literal(o, like if like is not None else np.dtype(np.float64))

    def position(self, where: Any, index: Index, n: int) -> str:
        """An element of an array of indices as an index into n: negative ones count from the end."""
        value = self.graph.constants.get(where)
        i = self.at(where, index)
        if value is not None and value.size and value.min() >= 0:
            return str(i)
        self.used.add("at")
        return f"at({i}, {n})"

    def function(self, name: str) -> str:
        """One of our own small functions, which the text then has."""
        self.used.add(name)
        return name

    def expression(self, e: Equation, index: Index) -> Text:
        """The element of an elementwise result."""
        if e.prim.name in VIEWS:
            return VIEWS[e.prim.name](self, e, index)
        if e.prim.name in MAPS:
            return MAPS[e.prim.name](self, e, index)
        arrays = [o for o in e.operands if isinstance(o, Variable)]
        like = next((o.dtype for o in arrays if o.dtype.kind == "f"), arrays[0].dtype if arrays else e.outs[0].dtype)
        if like.kind in "iub" and any(isinstance(o, float) for o in e.operands):
            like = np.dtype(np.float64)
        operands = []
        for o in e.operands:
            shape = o.shape if isinstance(o, Variable) else ()
            last = list(index)[len(index) - len(shape) :]
            where = ["0" if n == 1 else i for n, i in zip(shape, last, strict=True)]
            operands.append(self.at(o, where, like))
        return c_arithmetic.RULES[e.prim.name](self, e, operands)

    # ---- lines --------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Append one line at the present depth."""
        self.body.append("    " * self.depth + text)

    def loops(self, shape: Sequence[int], prefix: Sequence[str] = (), avoid: Sequence[str] = ()) -> list[str]:
        """Open a loop for each dimension that is not 1; the index. Close them with `close`."""
        free = (n for n in ("i", "j", "k", "l", "m", "n", "p", "q", *(f"i{k}" for k in range(1, 99))))
        found = []
        for n in shape:
            if n == 1:
                found.append("0")
                continue
            i = next(x for x in free if x not in self.taken and x not in prefix and x not in avoid)
            found.append(i)
            self.line(f"for (int {i} = 0; {i} < {n}; {i}++) {{")
            self.depth += 1
        return found

    def local(self, wanted: str) -> str:
        """A name for a variable of a block of its own."""
        while wanted in self.taken or wanted in c_arithmetic.FUNCTIONS:
            wanted += "_"
        return wanted

    def block(self, shape: Sequence[int], prefix: Sequence[str] = ()) -> list[str]:
        """Loops, or a block in braces if there is none, for variables of their own. Close it with `end_block`."""
        index = self.loops(shape, prefix)
        if all(i == "0" for i in index):
            self.line("{")
            self.depth += 1
        return index

    def end_block(self, index: Sequence[str]) -> None:
        """Close what `block` opened."""
        if all(i == "0" for i in index):
            self.depth -= 1
            self.line("}")
        else:
            self.close(index)

    def close(self, index: Sequence[str]) -> None:
        """Close the loops that gave an index."""
        for i in reversed(index):
            if i != "0":
                self.depth -= 1
                self.line("}")
        self._compact(len([i for i in index if i != "0"]))

    def _compact(self, n: int) -> None:
        """Loops around one statement are written without braces."""
        if not n or len(self.body) < 2 * n + 1:
            return
        heads, inside, tails = self.body[-2 * n - 1 : -n - 1], self.body[-n - 1], self.body[-n:]
        plain = all(h.lstrip().startswith("for (") and h.endswith("{") for h in heads)
        if plain and all(t.strip() == "}" for t in tails) and inside.endswith(";"):
            self.body[-2 * n - 1 :] = [*(h[:-2] for h in heads), inside]

    def declare(self, v: Variable, first: str, initial: str = "") -> str:
        """Name a variable and declare it; array results of the function are written where the caller wants them."""
        name = self.names.give(v.name, first)
        self.taken.add(name)
        if first == v.name:
            self.said(v.name)
        if v.name in self.outputs:
            self.results[v.name] = name
            if not v.shape:
                self.elements[v.name] = lambda index: Text(f"(*{name})")
                return f"*{name}"
        else:
            self.declared.append(name)
            static = "static " if prod(v.shape) * v.dtype.itemsize > _LARGE else ""
            self.statics = self.statics or bool(static)
            dims = "".join(f"[{max(n, 1)}]" for n in v.shape)
            self.line(f"{static}{c_type(v.dtype)} {name}{dims}{initial};")
        self.store(v, name)
        return name

    def comment(self, e: Equation) -> None:
        """Say which of the user's lines a statement comes from, and for an adjoint, of what."""
        note = self.program.notes[e.outs[0].name]
        if (note.where, bool(note.step)) != self._said:
            self._said = (note.where, bool(note.step))
            self.body.append("")
            self.line(f"/* {'backward through ' if note.step else ''}{_plain(note.where)} */")

    def said(self, variable: str) -> None:
        """What a statement of the sweep computes, as a comment before it."""
        if self.program.notes[variable].step:
            self.line(f"/* {_plain(self.names.meaning(variable))} */")

    # ---- the whole ----------------------------------------------------------------------------------------------

    def text(self) -> str:
        for e in self.graph.equations:
            try:
                for v in e.outs:
                    c_type(v.dtype)
                self.equation(e)
            except LiftError as error:
                because = f" ({error})" if str(error) else ""
                raise NotDifferentiableError(
                    f"explain.source(): {e.prim.name} at {e.where()} has no C text{because}; write language='numpy'"
                ) from error
        results = self.finish()
        read = self.names_read()
        for name in self.declared:
            if name not in read:
                self.line(f"(void) {name};  /* not needed for these shapes */")
        return self.assemble(results)

    def names_read(self) -> set[str]:
        """The names that the lines so far read, rather than only declare or write."""
        write = re.compile(r"(?:\w+ )*\w+((?:\[[^=]*\])*)(?: [-+*/]?= |;)")
        found: set[str] = set()
        for line in self.body:
            text = line.strip()
            if not text.startswith("/*"):
                head = write.match(text)
                found.update(re.findall(r"\w+", head[1] + text[head.end() :] if head else text))
        return found

    def equation(self, e: Equation) -> None:
        """Write the statement of an equation, or keep it as an expression for its reader."""
        name, out = e.prim.name, e.outs[0]
        if name in _LOOPS:
            self.comment(e)
            _LOOPS[name](self, e)
            return
        if name not in VIEWS and name not in MAPS and name not in c_arithmetic.RULES:
            if name in c_writes.PIECES:
                c_writes.PIECES[name](self, e)
                return
            raise LiftError
        if out.name not in self.outputs and self.may_stay(e):
            trial = self.trial(e)
            if trial is not None and len(trial) <= _LONGEST:
                self.elements[out.name] = lambda index: self.expression(e, index)
                return
        self.store_operands(e)
        self.comment(e)
        self.pointwise(e)

    def trial(self, e: Equation) -> Text | None:
        """The expression at some index; None if it must be a statement of its own."""
        try:
            return self.expression(e, [f"i{k}" if n != 1 else "0" for k, n in enumerate(e.outs[0].shape)])
        except c_arithmetic.RepeatedError:
            return None

    def may_stay(self, e: Equation) -> bool:
        """Is the result written inside its reader's loops? Views always, arithmetic if each element is read once."""
        if e.prim.name in VIEWS:
            return True
        out, reader = e.outs[0], self.reader.get(e.outs[0].name)
        if reader is None or out.name not in self.inline or self.read[out.name] != 1:
            return False
        if reader.prim.name in c_loops.ONCE:
            return True
        if reader.prim.name in MAPS:
            return reader.prim.name in ("embed", "pad_constant", "cat", "stack", "tril", "triu", "embed_diagonal")
        return reader.prim.name in c_arithmetic.RULES and prod(out.shape) >= prod(reader.outs[0].shape)

    def store_operands(self, e: Equation) -> None:
        """Store what the expression writes twice."""
        while True:
            try:
                self.expression(e, [f"i{k}" for k, _ in enumerate(e.outs[0].shape)])
                return
            except c_arithmetic.RepeatedError:
                inner = next((d for d in self.graph.equations if d.outs[0].name == e.operands[0].name), None)
                if inner is None or inner.outs[0].name in self.names.of:
                    raise LiftError("its operand cannot be stored") from None
                self.comment(inner)
                self.pointwise(inner)

    def pointwise(self, e: Equation) -> None:
        """One loop nest that writes each element of the result."""
        v = e.outs[0]
        if not v.shape and v.name not in self.outputs:
            text = self.expression(e, [])
            name = self.names.give(v.name)
            self.taken.add(name)
            self.said(v.name)
            self.line(f"const {c_type(v.dtype)} {name} = {text};")
            self.declared.append(name)
            self.store(v, name)
            return
        name = self.declare(v, v.name)
        index = self.loops(v.shape)
        self.line(f"{name}{''.join(f'[{i}]' for i in index)} = {self.expression(e, index)};")
        self.close(index)

    def finish(self) -> list[tuple[str, Variable | None, np.dtype]]:
        """The results: what the function's last parameters are called. Those not yet in place are copied there."""
        found: list[tuple[str, Variable | None, np.dtype]] = []
        placed: set[str] = set()
        copies = []
        for k, o in enumerate(self.graph.outputs):
            if isinstance(o, Variable) and o.name in self.results and o.name not in placed:
                placed.add(o.name)
                found.append((self.results[o.name], o, o.dtype))
                continue
            dtype = o.dtype if isinstance(o, Variable) else np.asarray(o).dtype
            name = self.names.free("result" if len(self.graph.outputs) == 1 else f"result{k + 1}")
            found.append((name, o if isinstance(o, Variable) else None, dtype))
            copies.append((name, o, dtype))
        if copies:
            self.body.append("")
        for name, o, dtype in copies:
            if isinstance(o, Variable) and o.shape:
                index = self.loops(o.shape)
                self.line(f"{name}{''.join(f'[{i}]' for i in index)} = {self.at(o, index)};")
                self.close(index)
            else:
                self.line(f"*{name} = {self.at(o, [], dtype)};")
        return found

    def assemble(self, results: list[tuple[str, Variable | None, np.dtype]]) -> str:
        """The file: comment, includes, tables, own functions, and the function."""
        takes = [(self.names.of[v.name], v) for v in self.graph.inputs]
        parameters = [f"{'const ' if v.shape else ''}{_declared(name, v.shape, v.dtype)}" for name, v in takes]
        for name, v, dtype in results:
            shape = () if v is None else v.shape
            parameters.append(_declared(name, shape, dtype) if shape else f"{c_type(dtype)} *{name}")
        head = ["/* Written by chainrule.explain.source: C99, link with -lm.", " *", " * Reads:"]
        head += [f" *   {name}: {_shape(v.shape, v.dtype)}" for name, v in takes] or [" *   nothing"]
        head += [" * Writes (no array may overlap another):"]
        for name, v, dtype in results:
            known = v is not None and v.name in self.program.notes and self.program.notes[v.name].step
            about = f", {_plain(self.names.meaning(v.name))}" if v is not None and known else ""
            head.append(f" *   {name}: {_shape(() if v is None else v.shape, dtype)}{about}")
        head += [" * Arrays are contiguous, the last index fastest."]
        head += (
            [" * Large intermediate arrays are static: do not call it from two threads at once."]
            if self.statics
            else []
        )
        own = c_arithmetic.functions(self.used)
        signature = f"void {self.program.name}("
        inside = ", ".join(parameters) or "void"
        if len(signature) + len(inside) > 108:
            inside = "\n    " + ",\n    ".join(parameters)
        body = self.body[1:] if self.body[:1] == [""] else self.body
        every = "\n".join([*self.constants, *own, *parameters, *self.body])
        wanted = {
            "math": "",
            "stdbool": r"\b(bool|true|false)\b",
            "stdint": r"int\d+_t\b|INT64",
            "stdlib": r"\bllabs\b",
        }
        includes = [f"#include <{header}.h>" for header, word in wanted.items() if re.search(word, every)]
        parts = ["\n".join([*head, " */"]), "\n".join(includes), "\n".join(self.constants), *own]
        return "\n\n".join([*(p for p in parts if p), "\n".join([f"{signature}{inside})", "{", *body, "}"])]) + "\n"


def _declared(name: str, shape: tuple[int, ...], dtype: np.dtype) -> str:
    return f"{c_type(dtype)} {name}{''.join(f'[{max(n, 1)}]' for n in shape)}"


def _shape(shape: tuple[int, ...], dtype: np.dtype) -> str:
    return c_type(dtype) + "".join(f"[{n}]" for n in shape)


def _braces(array: np.ndarray) -> str:
    if array.ndim == 0:
        return str(c_literal(array[()], array.dtype))
    return "{" + ", ".join(map(_braces, array)) + "}"


def _plain(text: str) -> str:
    """Text that may stand in a C comment."""
    return text.encode("ascii", "backslashreplace").decode().replace("*/", "* /").replace("/*", "/ *")


def write(program: Program) -> str:
    """The C text of a program."""
    try:
        return Writer(program).text()
    except LiftError as error:  # an argument or a result
        raise NotDifferentiableError(f"explain.source(): {error}; write language='numpy'") from error
