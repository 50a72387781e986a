"""A function staged as equations with good names: what the NumPy text is written from."""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import GraphError
from ...core.provenance import describe, location
from ...core.state import state
from ...core.tape import NodeBase
from ...graph.ir import Equation, Graph, Variable
from ...graph.stage import Staged, StageTrace, _check_escaped, _record

_RESERVED = {"np", "math"}


@dataclass(frozen=True)
class Program:
    """The graph without repetitions, the name of each variable, and per equation what it is for."""

    name: str
    graph: Graph
    names: dict[str, str]
    notes: list[str]  # per equation
    staged: Staged


class _SourceTrace(StageTrace):
    """A staging that remembers which operation's rule made each equation."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, str] = {}  # by name of the first result of an equation of the sweep: what it is for

    def process(self, prim: Any, raws: tuple, params: dict) -> Any:
        result = super().process(prim, raws, params)
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_name == "sweep" and frame.f_code.co_filename.endswith("reverse.py"):
                node = frame.f_locals.get("node")
                known = isinstance(node, NodeBase)
                said = (
                    f"derivative of {node.prim.name}, {describe(node.code, node.lasti)}" if known else "reverse sweep"
                )
                self.of[self.equations[-1].outs[0].name] = said
                break
            if frame.f_code.co_name == "_record":
                break
            frame = frame.f_back
        return result


def program(f: Callable, args: tuple, name: str) -> Program:
    """Stage `f` at `args`, merge equal equations, and find names."""
    if state.stage is not None:
        raise GraphError("explain.source() inside a staged function: call it outside")
    trace = _SourceTrace()
    staged = _record(trace, f, args)
    _check_escaped(trace)
    if staged.effects:
        raise GraphError(
            "explain.source(): the function writes to tensors that it does not return; write the function so that it "
            "returns what it computes, for example with func.grad instead of backward()"
        )
    graph = _merged(staged.graph)
    notes = [trace.of.get(e.outs[0].name) or f"{e.prim.name}, {e.where()}" for e in graph.equations]
    return Program(name, graph, _names(f, args, staged, graph, trace), notes, staged)


def _merged(graph: Graph) -> Graph:
    """Common subexpressions computed once; what nobody reads dropped."""
    same: dict[str, Any] = {}
    known: dict[Any, tuple[Variable, ...]] = {}
    kept: list[Equation] = []

    def now(o: Any) -> Any:
        return same.get(o.name, o) if isinstance(o, Variable) else o

    for e in graph.equations:
        operands = tuple(now(o) for o in e.operands)
        key = (e.prim.name, tuple(o.name if isinstance(o, Variable) else (type(o), repr(o)) for o in operands))
        key = (*key, repr(sorted(e.params.items(), key=lambda item: item[0])))
        if key in known and not e.prim.effect:
            same.update({o.name: k for o, k in zip(e.outs, known[key], strict=True)})
            continue
        known[key] = e.outs
        kept.append(Equation(e.outs, e.prim, operands, e.params, e.code, e.lasti))
    outputs = tuple(now(o) for o in graph.outputs)
    return Graph(graph.inputs, kept, outputs, graph.constants).without_dead_code()


def _identifier(text: str) -> str:
    text = re.sub(r"\W", "_", text, flags=re.ASCII)
    text = text if text and not text[0].isdigit() else f"v_{text}"
    return text + "_" if keyword.iskeyword(text) or text in _RESERVED else text


def _names(f: Callable, args: tuple, staged: Staged, graph: Graph, trace: _SourceTrace) -> dict[str, str]:
    """Names for the variables: parameters of `f`, targets of the user's assignments, d_ for cotangents, else t1 ..."""
    taken: set[str] = set()
    names: dict[str, str] = {}

    def give(variable: str, wanted: str) -> None:
        wanted = _identifier(wanted)
        name, k = wanted, 2
        while name in taken:
            name, k = f"{wanted}_{k}", k + 1
        taken.add(name)
        names[variable] = name

    try:
        parameters = [p.name for p in inspect.signature(f).parameters.values() if p.kind != p.VAR_POSITIONAL]
    except (TypeError, ValueError):
        parameters = []
    from ...core.pytree import tree_flatten

    owner: list[str] = []
    for i, a in enumerate(args):
        count = len(tree_flatten(a)[0])
        stem = parameters[i] if i < len(parameters) else f"x{i + 1}"
        owner += [stem] if count == 1 else [f"{stem}_{k}" for k in range(count)]
    for variable, (kind, source) in zip(graph.inputs, staged.sources, strict=True):
        label = "" if kind != "data" else (source._label or "")
        give(variable.name, owner[source] if kind == "arg" else label or f"parameter{len(taken) + 1}")
    last: dict[tuple, Equation] = {}
    for e in graph.equations:
        if trace.of.get(e.outs[0].name) is None:
            last[(e.code, e.lasti if _target(e) else None)] = e
    for e in graph.equations:
        swept = e.outs[0].name in trace.of
        target = _target(e) if not swept and last.get((e.code, e.lasti)) is e else None
        for out in e.outs:
            give(out.name, target or (f"d_{e.prim.name}" if swept else "t"))
    return names


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
