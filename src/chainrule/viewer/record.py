"""What the page shows of a computation: a Program of Items, recorded by running a function or read off the tape."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.primitive import Primitive
from ..core.provenance import user_frame
from ..core.tape import Spec
from ..core.value import Tensor, Trace, Tracer, raw_shape, wrap

LIMIT = 5000  # items that a page shows at most; of a larger computation the newest


@dataclass(eq=False)
class Item:
    """One value: an input, parameter or constant, the result of an operation, or one of several results ("result").

    `args` are Items and plain numbers; `value` is None where it is not known; `wants`: a gradient flows through it.
    An operation with several results has a tuple as its value, and a "result" Item for each of them.
    """

    kind: str
    value: Any = None
    name: str = ""
    prim: Primitive | None = None
    params: dict = field(default_factory=dict)
    args: tuple = ()
    place: tuple | None = None  # (file, code object or None, line, column, end line, end column)
    wants: bool = False
    depth: int = 0
    index: int = 0
    spec: Any = None  # shape and dtype where the value is not known

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return tuple((self.value if self.value is not None else self.spec).shape)


@dataclass(eq=False)
class Program:
    """Items in the order of the computation, the last of them reached from inputs; `notes` are for the reader."""

    items: list[Item]
    output: Item
    title: str
    notes: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)  # reasons why values may not be edited
    text: str = ""  # the expression, where there is no source file
    hidden: int = 0


def plain(x: Any) -> Any:
    """The array or number under a tensor or tracer."""
    while isinstance(x, Tensor):
        x = x._data
    return x


_POSITIONS: dict[Any, list] = {}


def place_of(code: Any, lasti: int) -> tuple | None:
    """(file, code, line, column, end line, end column) of an instruction; columns are None where unknown."""
    if code is None:
        return None
    if code not in _POSITIONS:
        if len(_POSITIONS) > 4096:
            _POSITIONS.clear()
        _POSITIONS[code] = list(code.co_positions())
    found = _POSITIONS[code]
    line, end, column, last = found[lasti // 2] if 0 <= lasti // 2 < len(found) else (None, None, None, None)
    return (code.co_filename, code, line or code.co_firstlineno, column, end, last)


class NotFollowedError(ArgumentTypeError):
    """A function gave something that is not computed from its arguments; `result` is what it gave."""

    def __init__(self, text: str, result: Any) -> None:
        super().__init__(text)
        self.result = result


# ---- by running a function ------------------------------------------------------------------------------------------


class _Box(Tracer):
    __slots__ = ()
    item: Item


class Recorder(Trace):
    """The trace that writes down every primitive that is applied to its boxes."""

    def __init__(self) -> None:
        from .tape import Reader

        super().__init__()
        self.items: list[Item] = []
        self.reader = Reader(self.items, "parameter", {})
        self.constants: dict[int, tuple[Any, Item]] = {}  # by identity; the value is kept alive beside its item
        self.names: dict[int, str] = {}  # user's variable names, by identity of the Item
        self.place: tuple | None = None  # set from outside where there is no Python line (expressions)
        self.reads: list[tuple | None] = []

    @property
    def transparent(self) -> bool:
        """Python may read a value (bool, float, item): that is noted, because an edit could lead elsewhere."""
        frame = user_frame(sys._getframe(1))
        self.reads.append(place_of(frame.f_code, frame.f_lasti))
        return True

    def box(self, item: Item, value: Any) -> _Box:
        """A tracer for `item`, which joins the program."""
        out = object.__new__(_Box)
        out._data, out._node, out._trace, out.item = wrap(value), None, self, item
        if item.kind != "op" or not isinstance(item.value, tuple):
            self.items.append(item)
        return out

    def leaf(self, value: np.ndarray, name: str, kind: str = "input") -> _Box:
        """An input of the program."""
        return self.box(Item(kind, value, name, wants=is_inexact(value.dtype)), value)

    def operand(self, x: Any) -> Any:
        """The Item of an argument, or the plain number that it is."""
        if self.owns(x):
            return x.item
        raw = plain(x)
        if not isinstance(raw, np.ndarray):
            return raw
        if isinstance(x, Tensor) and x._node is not None:  # parameters, and what was computed of them alone
            return self.reader.read(x)
        if raw.ndim == 0:
            return raw.item()
        known = self.constants.get(id(x))
        if known is None:
            item = Item("constant", raw.copy(), getattr(x, "_label", None) or "")
            self.items.append(item)
            known = self.constants[id(x)] = (x, item)
        return known[1]

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        frame = user_frame(sys._getframe(1))
        self.learn_names(frame)
        raws = [plain(a) for a in args]
        answer = prim.impl(np, *raws, **params)
        operands = tuple(self.operand(a) for a in args)
        of_items = [a for a in operands if isinstance(a, Item)]
        several = prim.n_out != 1
        answers = tuple(np.asarray(a) for a in answer) if several else (np.asarray(answer),)
        if any(a.dtype.kind == "c" for a in answers):
            raise ArgumentTypeError(
                f"explain.show() shows real numbers only, and {prim.name} gave a complex result; use explain.trace()"
            )
        item = Item("op", prim=prim, params=params, args=operands)
        item.value = answers if several else answers[0]
        item.place = self.place or place_of(frame.f_code, frame.f_lasti)
        item.depth = 1 + max((a.depth for a in of_items), default=0)
        item.wants = not prim.cut and any(a.wants for a in of_items) and any(is_inexact(a.dtype) for a in answers)
        if not several:
            return self.box(item, answers[0])
        self.items.append(item)
        outs = []
        for i, value in enumerate(answers):
            one = Item("result", value, args=(item,), place=item.place, depth=item.depth, index=i)
            one.wants = item.wants and is_inexact(value.dtype)
            outs.append(self.box(one, value))
        return tuple(outs)

    def learn_names(self, frame: FrameType) -> None:
        """Take the user's variable names of boxes and constants from the frame that is running."""
        for name, value in frame.f_locals.items():
            if isinstance(value, _Box):
                self.names.setdefault(id(value.item), name)

    def name_constants(self, scopes: list[dict]) -> None:
        """Names of constants and of modules' parameters, from the variables of the user's function."""
        from .tape import called

        for scope in scopes:
            self.reader.name(called(scope))
            found = {id(v): name for name, v in list(scope.items()) if isinstance(v, (Tensor, np.ndarray))}
            for value, item in self.constants.values():
                item.name = item.name or found.get(id(value), "")


def boxed(rec: Recorder, value: Any, name: str) -> Any:
    """An argument with its numbers as inputs of the program: Python numbers and lists of them become float64.

    Arrays and tensors keep their dtype; dicts, lists and tuples are gone through; anything else is handed on as it is.
    """
    raw = plain(value)
    if isinstance(raw, (np.ndarray, np.generic)):
        array = np.array(raw)
        if array.dtype.kind not in "fiub":
            raise ArgumentTypeError(f"explain.show() shows real numbers only, and {name} has dtype {array.dtype}")
        return rec.leaf(array, name)
    if isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return rec.leaf(np.asarray(raw, dtype=np.float64), name)
    if isinstance(raw, dict):
        return {k: boxed(rec, v, f"{name}.{k}") for k, v in raw.items()}
    if type(raw) not in (list, tuple):
        return raw
    try:
        return rec.leaf(np.asarray(raw, dtype=np.float64), name)
    except (TypeError, ValueError):  # not numbers alone, or in rows of different lengths
        return type(raw)([boxed(rec, v, f"{name}[{i}]") for i, v in enumerate(raw)])


def of_function(
    f: Callable, args: tuple, kwargs: dict, recorder: Recorder | None = None, title: str | None = None
) -> Program:
    """The Program of `f` at these arguments: `f` is run once."""
    from .tape import complete

    rec = recorder or Recorder()
    title = title or getattr(f, "__name__", type(f).__name__)
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except TypeError as error:
        raise ArgumentTypeError(f"explain.show(): {title}: {error}") from None
    except ValueError:
        bound = None
    names = list(inspect.signature(f).parameters) if bound is not None else []
    positional = [boxed(rec, v, names[i] if i < len(names) else f"x{i + 1}") for i, v in enumerate(args)]
    result = f(*positional, **{name: boxed(rec, v, name) for name, v in kwargs.items()})
    if not rec.owns(result):
        raise NotFollowedError(
            f"explain.show(): {title} must give one tensor computed from its arguments, and it gave "
            f"{type(result).__name__}",
            result,
        )
    inner = inspect.unwrap(f)
    closure = inspect.getclosurevars(inner) if inspect.isfunction(inner) else None
    scopes = [dict(zip(names, args, strict=False)) | kwargs]
    scopes += [dict(closure.nonlocals), dict(closure.globals)] if closure is not None else [{"model": f}]
    rec.name_constants(scopes)
    program = Program(rec.items, result.item, title)
    complete(program)
    for item in program.items:
        if item.kind in ("op", "result"):
            item.name = item.name or rec.names.get(id(item), "")
    for read in rec.reads[:1]:
        line = f" at line {read[2]}" if read is not None else ""
        program.frozen.append(
            f"the function reads a number{line} with Python (if, float, item), so an edit could lead elsewhere"
        )
    return finished(program)


# ---- what both ways share -------------------------------------------------------------------------------------------


def finished(program: Program) -> Program:
    """Checked, without what the output does not depend on, sorted by depth, cut to LIMIT items."""
    shape = raw_shape(program.output.value)
    if shape != () and np.prod(shape) != 1:
        raise ArgumentError(
            f"the result has shape {shape}, and the page follows the gradient of one number; reduce it first, for "
            f"example with .sum()"
        )
    needed, stack = {id(program.output)}, [program.output]
    while stack:
        for a in stack.pop().args:
            if isinstance(a, Item) and id(a) not in needed:
                needed.add(id(a))
                stack.append(a)
    inputs = {id(i) for i in program.items if i.kind == "input"}
    for item in program.items:  # all results of a needed operation are shown
        if item.kind == "result" and id(item.args[0]) in needed:
            needed.add(id(item))
    kept = [i for i in program.items if id(i) in needed or id(i) in inputs]
    kept.sort(key=lambda i: i.depth)
    if len(kept) > LIMIT:
        program.hidden = len(kept) - LIMIT
        kept = _newest(kept, program)
    program.items = kept
    return program


def _newest(items: list[Item], program: Program) -> list[Item]:
    """The newest items; what they take from older ones stands in as a constant called "earlier"."""
    shown = items[-LIMIT:]
    inside = {id(i) for i in shown}
    outside: dict[int, Item] = {}
    for item in shown:
        for a in item.args:
            if isinstance(a, Item) and id(a) not in inside and id(a) not in outside:
                spec = a.spec if a.value is None or isinstance(a.value, tuple) else Spec(a.value.shape, a.value.dtype)
                value = None if isinstance(a.value, tuple) else a.value
                outside[id(a)] = Item("earlier", value, a.name, wants=a.wants, spec=spec, depth=item.depth - 1)
        item.args = tuple(outside.get(id(a), a) if isinstance(a, Item) else a for a in item.args)
    program.notes.append(f"{program.hidden} earlier values are not shown; the page holds the newest {LIMIT}.")
    program.frozen.append("earlier operations are not on the page")
    return [*outside.values(), *shown]
