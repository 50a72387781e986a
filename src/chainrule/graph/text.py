"""Graphs read back from their text: the inverse of str(graph)."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.primitive import PRIMITIVES
from ..tensor.methods import load_all
from .forms import FORMS
from .ir import Equation, Graph, GraphFormatError, Variable

_TYPED = re.compile(r"(\w+): (\w+)\[([\d,]*)\]")


def _dtype_named(name: str) -> np.dtype:
    if name == "bfloat16":
        from ..core.dtypes import numpy_dtype

        return numpy_dtype("bfloat16")
    return np.dtype(name)


def _variables(text: str) -> tuple[Variable, ...]:
    found = []
    for name, dtype, shape in _TYPED.findall(text):
        found.append(Variable(name, tuple(int(n) for n in shape.split(",") if n), _dtype_named(dtype)))
    return tuple(found)


def _value(node: ast.expr) -> Any:
    """A parameter's value from its syntax tree."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dtype":
        argument = node.args[0]
        assert isinstance(argument, ast.Name)
        return _dtype_named(argument.id)
    if isinstance(node, ast.Tuple):
        return tuple(_value(e) for e in node.elts)
    if isinstance(node, ast.Name) and node.id == "Ellipsis":
        return Ellipsis
    if isinstance(node, ast.Name) and node.id in ("inf", "nan"):
        return float(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Name):
        return -_value(node.operand)
    try:
        return ast.literal_eval(node)
    except ValueError as error:
        raise GraphFormatError(f"{ast.unparse(node)} is not a literal: this graph cannot be read back") from error


def parse(text: str) -> Graph:
    """The graph that a text describes; the inverse of str(graph).

    >>> import chainrule as cr
    >>> graph = cr.graph.stage(lambda x: x * 2, cr.ones(3)).graph
    >>> str(cr.graph.parse(str(graph))) == str(graph)
    True
    """
    lines = iter([line.strip() for line in text.strip().splitlines() if line.strip()])
    first = next(lines, "")
    graph = _graph(first, lines)
    extra = next(lines, None)
    if extra is not None:
        raise GraphFormatError(f"there is text after the graph's last '}}': {extra}")
    return graph


def _graph(first: str, lines: Iterator[str]) -> Graph:
    """The graph whose head is `first` and whose other lines come next."""
    if not first.startswith("graph("):
        raise GraphFormatError(f"a graph's text begins with 'graph(' and ends with '}}', not with: {first[:60]}")
    inputs = _variables(first)
    names = {v.name: v for v in inputs}
    constants: dict[Variable, np.ndarray] = {}
    equations: list[Equation] = []
    outputs: Sequence[Any] = ()
    for line in lines:
        block = re.match(r"(\w+) (graph\(.*)", line)
        if line == "}":
            return Graph(inputs, equations, tuple(outputs), constants)
        if block is not None:
            if not equations:
                raise GraphFormatError(f"a sub-graph follows its equation, but there is none before: {line}")
            equations[-1].params[block[1]] = _graph(block[2], lines)
        elif line.startswith("const "):
            head, _, literal = line[6:].partition(" = ")
            (v,) = _variables(head)
            if literal.startswith("base64:"):
                array = np.frombuffer(base64.b64decode(literal[7:]), v.dtype).reshape(v.shape).copy()
            else:
                array = np.array(ast.literal_eval(literal), v.dtype).reshape(v.shape)
            constants[v] = array
            names[v.name] = v
        elif line.startswith("return"):
            outputs = _operands(line[6:].strip(), names)
        else:
            equations.append(_parse_equation(line, names))
    raise GraphFormatError("a graph's text begins with 'graph(' and ends with '}'; the last '}' is missing")


def _operands(text: str, names: dict[str, Variable]) -> tuple:
    if not text:
        return ()
    tree = ast.parse(f"({text},)", mode="eval").body
    assert isinstance(tree, ast.Tuple)
    found = []
    for e in tree.elts:
        if isinstance(e, ast.Name) and e.id not in ("inf", "nan"):
            if e.id not in names:
                raise GraphFormatError(f"{e.id} is used before it is assigned, in: {text}")
            found.append(names[e.id])
        else:
            found.append(_value(e))
    return tuple(found)


def _parse_equation(line: str, names: dict[str, Variable]) -> Equation:
    head, sep, body = line.partition(" = ")
    match = re.fullmatch(r"(\w+)\((.*)\)", body)
    if not sep or match is None:
        raise GraphFormatError(f"not an equation: {line}")
    name, inside = match.groups()
    if name not in PRIMITIVES and name not in FORMS:
        load_all()
    prim = PRIMITIVES.get(name) or FORMS.get(name)
    if prim is None:
        raise GraphFormatError(f"unknown primitive {name!r} in: {line}")
    operands, _, params = inside.partition("; ")
    tree = ast.parse(f"f({params})", mode="eval").body
    assert isinstance(tree, ast.Call)
    values = {k.arg: _value(k.value) for k in tree.keywords if k.arg is not None}
    outs = _variables(head)
    given = _operands(operands, names)
    names.update({v.name: v for v in outs})
    return Equation(outs, prim, given, values)
