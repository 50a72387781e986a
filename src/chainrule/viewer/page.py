"""One self-contained HTML page of a Program: the engine's numbers are embedded, and nothing is loaded from anywhere."""

from __future__ import annotations

import html
import json
import linecache
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.primitive import PRIMITIVES
from ..core.value import Tensor, Tracer
from .layout import layered
from .record import Item, NotFollowedError, Program, of_function
from .spell import number, params_of, pulled, trees
from .tape import of_tensor

WHOLE = 4096  # entries of an array that the page carries whole; of a larger one it shows a preview
BUDGET = 400_000  # numbers on a page; beyond, only small arrays are carried whole
SMALL = 64
PREVIEW = 32  # rows and columns of a preview at most
AROUND = 60  # source lines shown of one function at most

_FOLDER = Path(__file__).parent
ARITHMETIC = (
    *("arrays.js", "special.js", "numbers.js", "indexing.js", "choosing.js", "windows.js", "layers.js", "linalg.js"),
    *("ops.js", "engine.js"),
)  # what recomputes, without any elements of the page
SCRIPTS = (*ARITHMETIC, "formula.js", "graph.js", "heat.js", "model.js", "tools.js", "source.js", "table.js", "page.js")


@dataclass(frozen=True)
class Page:
    """The page as text; `save(path)`, `open()` in the browser, or shown by Jupyter."""

    html: str
    title: str

    def save(self, path: Any) -> Path:
        """Write the page to `path` (UTF-8) and return the path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path

    def open(self) -> Path:
        """Write the page to a temporary file, open the browser on it, and return the file's path."""
        import tempfile
        import webbrowser

        handle, name = tempfile.mkstemp(prefix="chainrule-", suffix=".html")
        os.close(handle)
        path = self.save(name)
        webbrowser.open(path.as_uri())
        return path

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{html.escape(self.title)}" srcdoc="{html.escape(self.html)}" '
            f'style="width:100%;height:720px;border:0" sandbox="allow-scripts"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Page {self.title!r}: {len(self.html):,} characters of HTML; .save(path) or .open()>"


def page(f: Any, *args: Any, **kwargs: Any) -> Page:
    """The page of the function `f` at these arguments, or of a recorded tensor `f`, without opening it.

    Numbers and lists become float64; arrays and tensors keep their dtype; dicts and tuples of them are gone through;
    other arguments (a module, a string) are handed on. Parameters that the function uses have their gradients. Errors:
    ArgumentTypeError for what is neither a function nor a recorded tensor, or gives no tensor; ArgumentError for a
    result that is not one number; GraphError where backward() has freed the graph.

    >>> import chainrule as cr
    >>> from chainrule.viewer import page
    >>> page(lambda x1, x2: cr.log(x1) + x1 * x2 - cr.sin(x2), 2.0, 5.0).title
    '<lambda>'
    """
    return build(_program(f, args, kwargs, sys._getframe(1).f_locals))


def show(f: Any, *args: Any, **kwargs: Any) -> Page:
    """Open the page of a function at these arguments, or of a recorded tensor, in the browser; in Jupyter, display it.

    The page walks through the computation forward and backward, one operation at a time, with the rule of each; inputs
    can be edited. Arguments and errors are those of `chainrule.viewer.page`, which makes the page and does not open it.

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> explain.show(lambda x1, x2: cr.log(x1) + x1 * x2, x1=2.0, x2=5.0)  # doctest: +SKIP
    """
    made = build(_program(f, args, kwargs, sys._getframe(1).f_locals))
    if not _in_jupyter():
        print(f"chainrule: {made.title}: {made.open()}")
    return made


def _in_jupyter() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def _program(f: Any, args: tuple, kwargs: dict, names: dict) -> Program:
    if isinstance(f, Tensor):
        if isinstance(f, Tracer) or args or kwargs:
            raise ArgumentTypeError("explain.show(t) takes one recorded tensor, or a function and its arguments")
        return of_tensor(f, names)
    if not callable(f):
        raise ArgumentTypeError(f"explain.show() takes a function or a recorded tensor, not {type(f).__name__}")
    try:
        return of_function(f, args, kwargs)
    except NotFollowedError as error:  # of parameters only: what it recorded on the tape is shown
        if isinstance(error.result, Tensor) and error.result._node is not None:
            return of_tensor(error.result, names)
        raise


# ---- the data of the page -------------------------------------------------------------------------------------------


class _Rules:
    """Trees of rules, each kept once."""

    def __init__(self) -> None:
        self.trees: list[Any] = []
        self.known: dict[str, int] = {}
        self.ops: set[str] = set()

    def number(self, tree: Any) -> int | None:
        if tree is None:
            return None
        key = json.dumps(tree)
        if key not in self.known:
            self.known[key] = len(self.trees)
            self.trees.append(tree)
            self._collect(tree)
        return self.known[key]

    def _collect(self, tree: Any) -> None:
        stack = list(tree["steps"]) if isinstance(tree, dict) and "steps" in tree else [tree]
        while stack:
            t = stack.pop()
            if isinstance(t, list):
                self.ops.add(t[0])
                stack += t[2]


def data_of(program: Program) -> dict[str, Any]:
    """All that the page shows, ready for JSON."""
    items = program.items
    index = {id(item): i for i, item in enumerate(items)}
    adjoint: dict[int, np.ndarray] = {id(program.output): np.ones_like(program.output.value)}
    slots: dict[int, list] = {}
    rules, backward = _Rules(), []
    rule_numbers: dict[int, list] = {}
    for item in reversed(items):
        g: Any = adjoint.get(id(item))
        if item.kind == "result":
            parent = item.args[0]
            size = len(parent.value) if isinstance(parent.value, tuple) else item.index + 1
            slots.setdefault(id(parent), [None] * size)[item.index] = g
            continue
        if item.kind != "op":
            continue
        g = slots.get(id(item)) if isinstance(item.value, tuple) else g
        if g is None or (isinstance(g, list) and all(e is None for e in g)) or not item.wants:
            continue
        found = pulled(item, g)
        spelled = trees(item, g)
        rule_numbers[id(item)] = [rules.number(t) for t in spelled]
        terms = []
        for i, (a, c) in enumerate(zip(item.args, found, strict=False)):
            if c is None:
                continue
            before = adjoint.get(id(a))
            adjoint[id(a)] = c if before is None else before + c
            terms.append({"arg": i, "to": index[id(a)], "value": c})
        backward.append({"node": index[id(item)], "terms": terms})
    budget = sum(np.size(i.value) for i in items if isinstance(i.value, np.ndarray))
    whole = WHOLE if budget * 3 <= BUDGET else SMALL
    sources = _Sources(program)
    layer, place, bends = layered([[index[id(a)] for a in i.args if isinstance(a, Item)] for i in items])
    symbols = _symbols(items)
    nodes = []
    for k, item in enumerate(items):
        prim = item.prim
        known = isinstance(item.value, np.ndarray)
        node: dict[str, Any] = {
            "kind": item.kind,
            "sub": symbols[k],
            "name": item.name,
            "args": [index[id(a)] if isinstance(a, Item) else {"lit": _literal(a)} for a in item.args],
            "value": array(item.value, whole) if known else None,
            "shape": [] if isinstance(item.value, tuple) else list(item.shape),
            "dtype": item.value.dtype.name if known else "",
            "wants": item.wants,
            "place": sources.add(item.place),
            "at": [layer[k], place[k]],
        }
        if prim is not None:
            node |= {"op": prim.name, "params": params_of(item.params), "rules": rule_numbers.get(id(item), [])}
            node["several"] = isinstance(item.value, tuple)
        if item.kind == "result":
            node["index"] = item.index
        nodes.append(node)
    for step in backward:
        for term in step["terms"]:
            term["value"] = array(term["value"], whole)
    if any(isinstance(n["value"], dict) and "preview" in n["value"] for n in nodes):
        program.frozen.append("some arrays are too large for the page to carry whole")
    used = {n["op"] for n in nodes if "op" in n} | rules.ops
    return {
        "title": program.title,
        "nodes": nodes,
        "output": index[id(program.output)],
        "backward": backward,
        "rules": rules.trees,
        "ops": {name: _op(name) for name in sorted(used)},
        "sources": sources.blocks,
        "bends": [[a, b, points] for (a, b), points in bends.items()],
        "notes": program.notes,
        "frozen": program.frozen,
    }


def _op(name: str) -> dict[str, str]:
    prim = PRIMITIVES.get(name)
    notation = prim.notation if prim is not None and isinstance(prim.notation, str) else ""
    return {"notation": notation, "doc": prim.doc if prim is not None else ""}


def _literal(x: Any) -> Any:
    try:
        return number(x)
    except Exception:
        return {"text": type(x).__name__}


def _symbols(items: list[Item]) -> list[str]:
    """Subscripts as in the tables of explain.trace: leaves end at 0, operations count from 1."""
    leaves = sum(i.kind not in ("op", "result") for i in items)
    found, leaf, step = [], -leaves, 0
    for item in items:
        if item.kind in ("op", "result"):
            step += 1
            found.append(str(step))
        else:
            leaf += 1
            found.append(str(leaf))
    return found


def array(a: np.ndarray, whole: int = WHOLE) -> dict[str, Any]:
    """An array for JSON: all its entries, or a preview with the least and greatest of them."""
    a = np.asarray(a)
    if a.size <= whole:
        return {"shape": list(a.shape), "data": [number(v) for v in a.ravel()]}
    table = a.reshape(-1, a.shape[-1])
    rows = np.linspace(0, table.shape[0] - 1, min(PREVIEW, table.shape[0])).astype(int)
    columns = np.linspace(0, table.shape[1] - 1, min(PREVIEW, table.shape[1])).astype(int)
    part = table[np.ix_(rows, columns)]
    found = {"shape": list(a.shape), "preview": list(part.shape), "data": [number(v) for v in part.ravel()]}
    return found | {"low": number(a.min()), "high": number(a.max())}


class _Sources:
    """Blocks of source text, one for each function that ran an operation."""

    def __init__(self, program: Program) -> None:
        self.blocks: list[dict[str, Any]] = []
        self.known: dict[Any, int | None] = {}
        self.places = [i.place for i in program.items if i.place is not None]
        self.text = program.text

    def add(self, place: tuple | None) -> list | None:
        """[block, line, column, end line, end column] of a place; None where there is no text."""
        if place is None:
            return None
        file, code, line, column, end, last = place
        key = code if code is not None else file
        if key not in self.known:
            self.known[key] = self._block(file, code)
        block = self.known[key]
        if block is None:
            return None
        if code is not None and column is not None:  # columns count UTF-8 bytes
            column, last = (self._characters(file, n, c) for n, c in ((line, column), (end, last)))
        return [block, line, column, end, last]

    def _characters(self, file: str, line: int, column: int) -> int:
        return len(linecache.getline(file, line).encode()[:column].decode(errors="ignore"))

    def _block(self, file: str, code: Any) -> int | None:
        if code is None:
            lines, start = [self.text], 1
        else:
            used = [p[2] for p in self.places if p[1] is code]
            start = code.co_firstlineno if code.co_name != "<module>" else min(used)
            last = max(used)
            if code.co_name != "<module>":
                last = max(line for _, _, line in code.co_lines() if line is not None)
            if last - start > AROUND:
                start = max(start, min(used) - 3)
            last = min(last, start + 40 * AROUND)
            lines = [linecache.getline(file, n).rstrip("\n") for n in range(start, last + 1)]
            while lines and not lines[-1].strip():
                lines.pop()
        if not any(lines):
            return None
        self.blocks.append(
            {"file": os.path.basename(file) if code is not None else "the expression", "start": start, "lines": lines}
        )
        return len(self.blocks) - 1


# ---- the page itself ------------------------------------------------------------------------------------------------


def embedded(data: Any) -> str:
    """JSON that is safe inside a script element: no "<", "&" or line separators occur in it."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def build(program: Program) -> Page:
    """The page of a program."""
    data = data_of(program)
    parts = {
        "TITLE": html.escape(program.title),
        "STYLE": (_FOLDER / "page.css").read_text(encoding="utf-8"),
        "DATA": embedded(data),
        "SCRIPT": "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    text = (_FOLDER / "page.html").read_text(encoding="utf-8")
    pieces = text.split("@@")  # text, NAME, text, NAME, ... text
    for i in range(1, len(pieces), 2):
        pieces[i] = parts[pieces[i]]
    return Page("".join(pieces), program.title)
