"""Expressions of the command line: arithmetic and chainrule's functions over named values; nothing else is run."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, wrap

LONGEST = 10_000  # characters
DEEPEST = 300  # levels of nesting; Python's own stack ends at about 1,000
# fmt: off
FUNCTIONS = (
    "abs", "acos", "acosh", "amax", "amin", "asin", "asinh", "atan", "atan2", "atanh", "clamp", "cos", "cosh", "cumsum",
    "det", "digamma", "dot", "einsum", "elu", "erf", "erfc", "exp", "exp2", "expm1", "gelu", "hypot", "inverse",
    "leaky_relu", "lgamma", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp", "logdet", "logsumexp",
    "matmul", "maximum", "mean", "minimum", "mm", "mv", "norm", "outer", "pow", "prod", "reciprocal", "relu", "reshape",
    "rsqrt", "sigmoid", "sign", "silu", "sin", "sinc", "sinh", "softmax", "softplus", "sqrt", "square", "stack", "std",
    "sum", "tan", "tanh", "trace", "transpose", "tril", "triu", "var", "where",
)
# fmt: on
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf}
BINARY: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
}
COMPARE: dict[type, Callable] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def _functions() -> dict[str, Callable]:
    import chainrule
    from chainrule.nn import functional

    found = {n: getattr(chainrule, n, None) or getattr(functional, n, None) for n in FUNCTIONS}
    return {"ln": found["log"], **{n: f for n, f in found.items() if callable(f)}}


class Expression:
    """A parsed expression; `names` are the values it needs, in order of appearance. Calling it computes it.

    >>> Expression("log(x1) + x1*x2 - sin(x2)").names
    ['x1', 'x2']
    """

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.functions = _functions()
        self.at: Callable[[tuple | None], None] = lambda place: None  # told which part is being computed
        if not self.text:
            raise ArgumentError("the expression is empty; write for example 'log(x1) + x1*x2 - sin(x2)'")
        if len(self.text) > LONGEST:
            raise ArgumentError(f"the expression has {len(self.text):,} characters, and {LONGEST:,} are allowed")
        try:
            self.tree = ast.parse(self.text, mode="eval").body
            self.names: list[str] = []
            if _depth(self.tree) > DEEPEST:
                raise RecursionError
            self._check(self.tree)
        except SyntaxError as error:
            place = f" at character {error.offset}" if error.offset else ""
            raise ArgumentError(f"the expression {self.text[:60]!r} cannot be read{place}: {error.msg}") from None
        except (RecursionError, MemoryError, ValueError) as error:
            if isinstance(error, ArgumentError):
                raise
            raise ArgumentError("the expression is nested too deeply or cannot be read") from None

    def _refuse(self, node: ast.AST, why: str) -> ArgumentError:
        part = ast.get_source_segment(self.text, node) or type(node).__name__
        return ArgumentError(f"{part[:60]!r} in the expression: {why}")

    def _check(self, node: ast.AST) -> None:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
                raise self._refuse(node, "only numbers are allowed as constants")
            if isinstance(node.value, int) and abs(node.value) > 2**1000:
                raise self._refuse(node, "this number is too large")
        elif isinstance(node, ast.Name):
            if node.id.startswith("_"):
                raise self._refuse(node, "names must not begin with an underscore")
            if node.id in self.functions and node.id not in CONSTANTS:
                raise self._refuse(node, f"{node.id} is a function; write {node.id}(...)")
            if node.id not in CONSTANTS and node.id not in self.names:
                self.names.append(node.id)
        elif isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            self._check(node.left)
            self._check(node.right)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
            self._check(node.operand)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARE:
            self._check(node.left)
            self._check(node.comparators[0])
        elif isinstance(node, ast.Call):
            self._check_call(node)
        elif isinstance(node, ast.Subscript):
            self._check(node.value)
            self._index(node.slice)
        elif isinstance(node, ast.Attribute) and node.attr == "T":
            self._check(node.value)
        elif isinstance(node, (ast.List, ast.Tuple)):
            for e in node.elts:
                self._check(e)
        else:
            raise self._refuse(node, "only numbers, names, + - * / ** @, indices and chainrule's functions are allowed")

    def _check_call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if isinstance(node.func, ast.Attribute):  # x.sum() is sum(x)
            name = node.func.attr
            self._check(node.func.value)
        if name not in self.functions:
            shown = name if name is not None else "this"
            raise self._refuse(node.func, f"unknown function {shown}; known are {', '.join(sorted(self.functions))}")
        for a in node.args:
            if isinstance(a, ast.Constant) and isinstance(a.value, str) and name == "einsum":
                continue
            self._check(a)
        for k in node.keywords:
            if k.arg is None or not isinstance(_plain(k.value), (int, float, bool, tuple)):
                raise self._refuse(node, "keyword arguments must be plain numbers, True or False")

    def _index(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Tuple):
            return tuple(self._index(e) for e in node.elts)
        if isinstance(node, ast.Slice):
            return slice(*(None if e is None else self._index(e) for e in (node.lower, node.upper, node.step)))
        found = _plain(node)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self._refuse(node, "an index must be a whole number or a slice")
        return found

    def __call__(self, **values: Any) -> Any:
        """The value of the expression."""
        return self._value(self.tree, values)

    def _value(self, node: Any, values: dict[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return float(node.value)
        if isinstance(node, ast.Name):
            return values[node.id] if node.id in values else CONSTANTS[node.id]
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self._value(e, values) for e in node.elts]
        if isinstance(node, ast.Call):
            operands = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id  # type: ignore[union-attr]
            args = [a.value if _is_text(a) else self._value(a, values) for a in [*operands, *node.args]]
            if name in ("reshape", "transpose", "sum", "mean", "softmax", "log_softmax", "logsumexp", "amax", "cumsum"):
                args[1:] = [_whole(a) for a in args[1:]]  # dimensions
            if not any(isinstance(a, (Tensor, list)) for a in args):
                args = [_tensor(a) if isinstance(a, float) else a for a in args]
            return self._run(node, self.functions[name], args, {k.arg: _plain(k.value) for k in node.keywords})
        if isinstance(node, ast.Subscript):
            return self._run(node, operator.getitem, [self._value(node.value, values), self._index(node.slice)])
        if isinstance(node, ast.Attribute):
            return self._run(node, lambda x: x.T, [self._value(node.value, values)])
        if isinstance(node, ast.BinOp):
            args = [self._value(node.left, values), self._value(node.right, values)]
            if isinstance(node.op, ast.Pow) and isinstance(args[1], float) and args[1].is_integer():
                args[1] = int(args[1]) if isinstance(args[0], Tensor) and abs(args[1]) < 2**31 else args[1]
            return self._run(node, BINARY[type(node.op)], args)
        if isinstance(node, ast.Compare):
            args = [self._value(node.left, values), self._value(node.comparators[0], values)]
            return self._run(node, COMPARE[type(node.ops[0])], args)
        value = self._value(node.operand, values)
        return value if isinstance(node.op, ast.UAdd) else self._run(node, operator.neg, [value])

    def _run(self, node: Any, f: Callable, args: list, keywords: dict | None = None) -> Any:
        self.at(("<expression>", None, node.lineno, node.col_offset, node.end_lineno, node.end_col_offset))
        try:
            return f(*args, **(keywords or {}))
        except OverflowError:
            raise self._refuse(node, "the result is too large for a number") from None
        except (ArithmeticError, TypeError, ValueError, IndexError, RuntimeError) as error:
            text = str(error).split(" (at ")[0].split("\n")[0]
            raise self._refuse(node, text or type(error).__name__) from None
        finally:
            self.at(None)


def _depth(node: ast.AST) -> int:
    """Levels of nesting, found without recursion."""
    level, depth = [node], 0
    while level:
        level, depth = [c for n in level for c in ast.iter_child_nodes(n)], depth + 1
    return depth


def _tensor(x: float) -> Any:
    return wrap(np.asarray(x, dtype=np.float64))


def _whole(x: Any) -> Any:
    if isinstance(x, list):
        return [_whole(e) for e in x]
    return int(x) if isinstance(x, float) and x.is_integer() else x


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _plain(node: ast.AST) -> Any:
    """The value of a node that is a plain constant (numbers, True, False, tuples of them), or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _plain(node.operand)
        return -inner if isinstance(inner, (int, float)) else None
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)):
        inner = tuple(_plain(e) for e in node.elts)
        return inner if None not in inner else None
    return None
