"""The source text of an implementation, with all that it calls, as functions that need nothing but NumPy and SciPy."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import sys
import textwrap
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ...core.errors import ChainruleError
from ...core.primitive import Primitive

MODULES = ("functools", "itertools", "math", "operator")  # of the standard library, imported where used


class LiftError(Exception):
    """A piece of the implementation has no stand-alone text; the reason is the message."""


class Helpers:
    """The helper definitions of one emitted file: `text` in order of need, `imports` beside NumPy."""

    def __init__(self) -> None:
        self.definitions: list[str] = []
        self._names: dict[int, str] = {}
        self._taken: set[str] = {"np"}
        self._keep: list[Any] = []  # objects whose ids are keys above

    def function(self, found: Any, wanted: str) -> str:
        """The name of a helper that does what the Python function `found` does; it takes np as its first argument."""
        return self._value(found, wanted)

    def _free(self, wanted: str) -> str:
        name, k = wanted, 2
        while name in self._taken:
            name, k = f"{wanted}_{k}", k + 1
        self._taken.add(name)
        return name

    def _value(self, x: Any, wanted: str) -> str:
        """Text that means `x` in the emitted file."""
        literal = _literal(x)
        if literal is not None:
            return literal
        if id(x) in self._names:
            return self._names[id(x)]
        self._keep.append(x)
        if isinstance(x, type) and issubclass(x, ChainruleError):
            base = next(b for b in x.__mro__ if b.__module__ == "builtins")
            return base.__name__ if base is not Exception else "ValueError"
        if isinstance(x, Primitive):
            inner = self._value(x.impl, x.name)
            name = self._names[id(x)] = self._free(f"{x.name}_of")
            self.definitions.append(f"def {name}(*args, **params):\n    return {inner}(np, *args, **params)")
            return name
        if isinstance(x, FunctionType):
            return self._function(x, wanted)
        if isinstance(x, (dict, tuple, list)):
            name = self._names[id(x)] = self._free(wanted)
            if isinstance(x, dict):
                items = [f"{self._value(k, 'key')}: {self._value(v, wanted + '_' + str(k))}" for k, v in x.items()]
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

    def _function(self, found: FunctionType, wanted: str) -> str:
        if not found.__module__.startswith("chainrule"):
            module = found.__module__
            if module.split(".")[0] in ("numpy", "scipy", "math"):
                raise LiftError(f"it uses {module}.{found.__qualname__}")
            raise LiftError(f"it calls {found.__qualname__} of {module}")
        if found.__module__.startswith(("chainrule.core.eager", "chainrule.core.value", "chainrule.tensor")):
            raise LiftError(f"it calls {found.__module__}.{found.__qualname__}")
        name = self._names[id(found)] = self._free(wanted.lstrip("_"))
        node = _tree(found)
        scope = dict(inspect.getclosurevars(found).nonlocals)
        local = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        local |= {a.arg for n in ast.walk(node) if isinstance(n, ast.arguments) for a in _arguments(n)}
        local |= {n.name for n in ast.walk(node) if isinstance(n, ast.FunctionDef)}
        node = _Plain(found.__globals__, scope, local).visit(node)
        renames = {}
        for free in sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - local):
            if free in scope:
                renames[free] = self._value(scope[free], free)
            elif free in found.__globals__:
                renames[free] = self._value(found.__globals__[free], free)
            elif not hasattr(builtins, free) and free not in _imported(node):
                raise LiftError(f"the name {free} is not found")
        node = _Rename(renames).visit(node)
        if isinstance(node, ast.Lambda):
            node = ast.FunctionDef(name, node.args, [ast.Return(node.body)], [])
        assert isinstance(node, ast.FunctionDef)
        node.name, node.decorator_list, node.returns = name, [], None
        self.definitions.append(ast.unparse(ast.fix_missing_locations(node)))
        return name


def _arguments(a: ast.arguments) -> list[ast.arg]:
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs]
    return every + [x for x in (a.vararg, a.kwarg) if x is not None]


def _imported(tree: ast.AST) -> set[str]:
    nodes = [n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))]
    return {(a.asname or a.name).split(".")[0] for n in nodes for a in n.names}


def array_text(x: np.ndarray) -> str:
    """A Python expression for an array, exact to the bit."""
    with np.errstate(all="ignore"):
        body = repr(x.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    text = f"np.array({body}, dtype=np.{_dtype_name(x.dtype)})"
    return text if 0 not in x.shape else f"np.zeros({x.shape}, dtype=np.{_dtype_name(x.dtype)})"


def _dtype_name(dtype: np.dtype) -> str:
    if dtype.kind == "V":
        raise LiftError("NumPy has no bfloat16")
    return "bool_" if dtype.kind == "b" else dtype.name


def _literal(x: Any) -> str | None:
    if x is np:
        return "np"
    if isinstance(x, ModuleType):
        return x.__name__ if x.__name__ in MODULES else None
    if isinstance(x, (np.floating, np.integer, np.bool_, np.complexfloating)):
        return f"np.{_dtype_name(x.dtype)}({_literal(x.item())})"
    if x is None or x is Ellipsis or isinstance(x, (bool, int, str, bytes, complex)):
        return "Ellipsis" if x is Ellipsis else repr(x)
    if isinstance(x, float):
        return repr(x) if x == x and abs(x) != float("inf") else f"float('{x}')"
    if isinstance(x, np.dtype):
        return f"np.dtype(np.{_dtype_name(x)})"
    if isinstance(x, slice):
        return f"slice({_literal(x.start)}, {_literal(x.stop)}, {_literal(x.step)})"
    if type(x) in (tuple, list):
        parts = [_literal(v) for v in x]
        if None in parts:
            return None
        return "(" + "".join(f"{p}, " for p in parts).rstrip(" ") + ")" if x else "()"
    if isinstance(x, np.ufunc):
        return f"np.{x.__name__}" if getattr(np, x.__name__, None) is x else None
    if isinstance(x, type) and x.__module__ == "numpy":
        return f"np.{x.__name__}"
    if isinstance(x, type) and x.__module__ == "builtins":
        return x.__name__
    module, name = getattr(x, "__module__", ""), getattr(x, "__name__", "")
    if module in MODULES and getattr(sys.modules[module], name, None) is x:
        return f"{module}.{name}"
    if getattr(np, name, None) is x and name:
        return f"np.{name}"
    return None


def literal(x: Any) -> str:
    """A parameter as Python text; LiftError where it has none."""
    text = _literal(x)
    if text is None:
        raise LiftError(f"a parameter of type {type(x).__name__} has no text")
    return text


@cache
def _module_tree(filename: str) -> ast.Module:
    with open(filename, encoding="utf-8") as file:
        return ast.parse(file.read())


def _tree(found: FunctionType) -> Any:
    """A fresh syntax tree of a function or lambda: the node whose code starts where the function's does."""
    code = found.__code__
    if found.__name__ != "<lambda>":
        return ast.parse(textwrap.dedent(inspect.getsource(found))).body[0]
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
    """Without annotations and casts; imports from chainrule become names to be lifted."""

    def __init__(self, names: dict, scope: dict, local: set[str]) -> None:
        self.names, self.scope, self.local = names, scope, local

    def visit_arg(self, node: ast.arg) -> Any:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        self.generic_visit(node)
        node.returns = None
        node.body = node.body or [ast.Pass()]
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
            name = a.asname or a.name
            self.scope[name] = getattr(module, a.name, None) or sys.modules[f"{module.__name__}.{a.name}"]
            self.local.discard(name)
        return None

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "cast" and node.func.id not in self.local:
            from typing import cast as typing_cast

            if self.names.get("cast") is typing_cast:
                return node.args[1]
        return node


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> Any:
        new = self.names.get(node.id)
        return node if new is None or new == node.id else ast.parse(new, mode="eval").body
