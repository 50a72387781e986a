"""The source text of an implementation, with all that it calls, as functions that need nothing but NumPy and SciPy."""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import inspect
import symtable
import sys
import textwrap
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ...core.errors import ChainruleError
from ...core.primitive import Primitive
from ...core.value import raw_dtype, raw_shape
from .literals import MODULES, LiftError, array_text, text_or_none

_REPLACED = {
    raw_shape: "def {name}(x):\n    return np.shape(x)",
    raw_dtype: "def {name}(x):\n    return np.asarray(x).dtype",
}


class Helpers:
    """The helper definitions of one emitted file, each before those that need it when the module is loaded."""

    def __init__(self, taken: set[str]) -> None:
        self.definitions: list[str] = []
        self.imports: set[str] = set()
        self._names: dict[Any, str] = {}
        self._taken = {"np", *taken}
        self._keep: list[Any] = []  # objects whose ids are keys above

    def implementation(self, prim: Primitive) -> str:
        """The name of a helper that does what the operation's `impl` does; it takes the arrays and parameters."""
        return self._implementation(prim.impl, prim.name, prim.doc)

    def _implementation(self, impl: Any, wanted: str, doc: str) -> str:
        impl = inspect.unwrap(impl)
        if not isinstance(impl, FunctionType):
            raise LiftError(f"its implementation is a {type(impl).__name__}")
        key = ("implementation", id(impl))
        if key not in self._names:
            self._keep.append(impl)
            self._names[key] = self._function(impl, wanted, key, first=False, doc=doc)
        return self._names[key]

    def written(self, name: str, text: str) -> str:
        """A helper whose text is given, with {name} for its name; the name it got."""
        if ("written", name) not in self._names:
            free = self._names["written", name] = self._free(name)
            self.definitions.append(text.format(name=free))
        return self._names["written", name]

    def _free(self, wanted: str) -> str:
        name, k = wanted, 2
        while name in self._taken or hasattr(builtins, name):
            name, k = f"{wanted}_{k}", k + 1
        self._taken.add(name)
        return name

    def _value(self, x: Any, wanted: str) -> str:
        """Text that means `x` in the emitted file."""
        literal = text_or_none(x)
        if literal is not None:
            if isinstance(x, ModuleType) and x is not np:
                self.imports.add(x.__name__)
            elif "." in literal and literal.split(".")[0] in ("scipy", *MODULES):
                self.imports.add(literal.rpartition(".")[0])
            return literal
        if isinstance(x, functools._lru_cache_wrapper):
            x = x.__wrapped__
        if id(x) in self._names:
            return self._names[id(x)]
        self._keep.append(x)
        if isinstance(x, type) and issubclass(x, ChainruleError):
            base = next(b for b in x.__mro__ if b.__module__ == "builtins")
            return base.__name__ if base is not Exception else "ValueError"
        if isinstance(x, Primitive):
            return self.implementation(x)
        if isinstance(x, FunctionType):
            if x in _REPLACED:
                return self.written(x.__name__, _REPLACED[x])
            return self._function(x, wanted, id(x))
        if isinstance(x, type) and x.__module__.startswith("chainrule.ops"):
            return self._class(x, wanted)
        if isinstance(x, (dict, tuple, list)):
            name = self._names[id(x)] = self._free(wanted)
            if isinstance(x, dict):
                items = [f"{self._value(k, 'key')}: {self._value(v, f'{wanted}_{k}')}" for k, v in x.items()]
                body = "{" + ", ".join(items) + "}"
            else:
                body = "(" + "".join(self._value(v, wanted + "_item") + ", " for v in x) + ")"
            self.definitions.append(f"{name} = {body}")
            return name
        if isinstance(x, np.ndarray) and x.size <= 4096 and x.dtype.kind in "biufc":
            name = self._names[id(x)] = self._free(wanted)
            self.definitions.append(f"{name} = {array_text(x)}")
            return name
        raise LiftError(f"it uses {wanted}, a {type(x).__name__}")

    def _function(self, found: FunctionType, wanted: str, key: Any, first: bool = True, doc: str = "") -> str:
        """Define a function; without its `first` parameter, the array module, if that is False."""
        if not found.__module__.startswith("chainrule"):
            raise LiftError(f"it calls {found.__qualname__} of {found.__module__}")
        if found.__module__.startswith(
            ("chainrule.core.eager", "chainrule.core.elementwise", "chainrule.core.value", "chainrule.tensor")
        ):
            raise LiftError(f"it calls {found.__module__}.{found.__qualname__}")
        name = self._names[key] = self._free(wanted)
        node = _tree(found)
        if isinstance(node, ast.Lambda):
            node = ast.FunctionDef(name, node.args, [ast.Return(node.body)], [])
        node.name, node.decorator_list = name, []
        if doc and ast.get_docstring(node) is None:
            node.body.insert(0, ast.Expr(ast.Constant(doc)))
        modules = {}
        if not first:
            positional = node.args.posonlyargs or node.args.args
            if not positional:
                raise LiftError("its implementation takes the array module by *args")
            modules = {positional.pop(0).arg: "np"}
        text = self._plain(node, found.__globals__, dict(inspect.getclosurevars(found).nonlocals), modules)
        self.definitions.append(text)
        return name

    def _class(self, found: type, wanted: str) -> str:
        name = self._names[id(found)] = self._free(wanted)
        node: Any = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
        if node.decorator_list or any(isinstance(n, ast.AnnAssign) for n in node.body):
            raise LiftError(f"it uses the class {found.__name__}, a dataclass")
        node.name = name
        self.definitions.append(self._plain(node, vars(sys.modules[found.__module__]), {}, {}))
        return name

    def _plain(self, node: Any, known: dict, scope: dict, modules: dict[str, str]) -> str:
        """The text of a definition with its free names replaced by names of the emitted file."""
        node = ast.fix_missing_locations(_Plain(known, scope).visit(node))
        if modules and _assigned(node) & (modules.keys() | {"np"}):
            raise LiftError("it gives the array module another name")
        renames = dict(modules)
        for free in sorted(_free_names(node) - modules.keys()):
            if free in scope:
                renames[free] = self._value(scope[free], free)
            elif free in known:
                renames[free] = self._value(known[free], free)
            elif not hasattr(builtins, free):
                raise LiftError(f"the name {free} is not found")
        clash = _assigned(node) & ({v.partition(".")[0] for k, v in renames.items() if v != k} | renames.keys())
        if clash:
            raise LiftError(f"the name {clash.pop()} means two things in it")
        return ast.unparse(ast.fix_missing_locations(_Rename(renames).visit(node)))


def _free_names(node: ast.AST) -> set[str]:
    """Names that a definition reads from its module."""
    found: set[str] = set()

    def look(table: symtable.SymbolTable) -> None:
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            if symbol.is_global() or (top and symbol.is_referenced() and not symbol.is_assigned()):
                found.add(symbol.get_name())
        for child in table.get_children():
            look(child)

    look(symtable.symtable(ast.unparse(node), "lifted", "exec"))
    defined = getattr(node, "name", "")
    return found - {defined}


def _assigned(node: ast.AST) -> set[str]:
    """Names that some scope inside a definition binds."""
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    found |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    inner = [n for n in ast.walk(node) if n is not node]
    return found | {n.name for n in inner if isinstance(n, (ast.FunctionDef, ast.ExceptHandler)) and n.name}


@cache
def _module_tree(filename: str) -> ast.Module:
    with open(filename, encoding="utf-8") as file:
        return ast.parse(file.read())


def _tree(found: FunctionType) -> Any:
    """A fresh syntax tree of a function or lambda: the node whose code starts where the function's does."""
    code = found.__code__
    if found.__name__ != "<lambda>":
        node = ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
        if not isinstance(node, ast.FunctionDef) or node.name != found.__name__:
            raise LiftError("its source file has changed since it was imported")
        return node
    first = {(line, column) for line, _, column, _ in code.co_positions() if line is not None and column}
    nodes = [n for n in ast.walk(_module_tree(code.co_filename)) if isinstance(n, ast.Lambda)]
    names = tuple(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    fits = []
    for n in nodes:
        body = n.body
        inside = [
            p
            for p in first
            if (body.lineno, body.col_offset) <= p and p <= (body.end_lineno or 0, body.end_col_offset or 0)
        ]
        if tuple(a.arg for a in [*n.args.args, *n.args.kwonlyargs]) == names and len(inside) == len(first):
            fits.append(n)
    if not fits:
        raise LiftError("its source text is not found")
    smallest = min(fits, key=lambda n: ((n.end_lineno or 0) - n.lineno, (n.end_col_offset or 0) - n.col_offset))
    return ast.parse(ast.unparse(smallest), mode="eval").body


class _Plain(ast.NodeTransformer):
    """Without annotations, casts and examples; imports from chainrule become names to be lifted."""

    def __init__(self, names: dict, scope: dict) -> None:
        self.names, self.scope = names, scope

    def visit_arg(self, node: ast.arg) -> Any:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.generic_visit(node)
        node.returns = None
        _first_line_only(node)
        node.body = node.body or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        self.generic_visit(node)
        _first_line_only(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign([node.target], node.value)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> Any:
        if not node.level and not (node.module or "").startswith("chainrule"):
            return node
        package = self.names["__package__"] or self.names["__name__"].rpartition(".")[0]
        module = importlib.import_module("." * node.level + (node.module or ""), package)
        for a in node.names:
            found = getattr(module, a.name, None)
            self.scope[a.asname or a.name] = sys.modules[f"{module.__name__}.{a.name}"] if found is None else found
        return None

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "cast":
            from typing import cast as typing_cast

            if self.names.get("cast") is typing_cast:
                return node.args[1]
        return node


def _first_line_only(node: Any) -> None:
    """Cut a docstring down to its first paragraph."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        first.value.value = inspect.cleandoc(first.value.value).split("\n\n")[0].replace("\n", " ")


class _Rename(ast.NodeTransformer):
    """Free names replaced, and branches left out that a replaced constant never takes."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> Any:
        new = self.names.get(node.id)
        return node if new is None or new == node.id else ast.parse(new, mode="eval").body

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node
