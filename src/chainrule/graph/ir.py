"""The graph: equations in single-assignment form, printed as text, verified, and run on NumPy. (text.py parses it.)

    graph(x0: float32[3], x1: float32[]) {
      v0: float32[3] = mul(x0, x1)
      v1: float32[] = sum(v0; axes=(0,), keepdims=False)
      return v1
    }

Operands are names, Python numbers, or constants c0, c1 ... listed before the equations. Control flow (forms.py) is an
equation whose sub-graphs follow it, each with names of its own:

    v2: float32[] = cond(v0, x1)
      then graph(x0: float32[]) {
        return x0
      }
      orelse graph(x0: float32[]) {
        v0: float32[] = neg(x0)
        return v0
      }
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from ..core.errors import ChainruleError
from ..core.provenance import describe
from ..core.tape import Spec


class GraphFormatError(ChainruleError, ValueError):
    """A graph, or its text, breaks the rules of the form.

    >>> import chainrule as cr
    >>> issubclass(cr.graph.GraphFormatError, Exception)
    True
    """


@dataclass(frozen=True, slots=True)
class Variable:
    """A value of the graph: its name, shape and dtype."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype.name}[{','.join(map(str, self.shape))}]"


@dataclass(slots=True)
class Equation:
    """outs = prim(operands; params). Operands are Variables or Python numbers; `prim` is a Primitive or a Form.

    >>> import chainrule as cr
    >>> graph = cr.graph.stage(lambda x: x * 2, cr.ones(3)).graph
    >>> graph.equations[0].prim.name
    'mul'
    """

    outs: tuple[Variable, ...]
    prim: Any
    operands: tuple[Any, ...]
    params: dict[str, Any]
    code: CodeType | None = None
    lasti: int = 0

    def __str__(self) -> str:
        operands = ", ".join(o.name if isinstance(o, Variable) else repr(o) for o in self.operands)
        graphs = self.graphs
        params = ", ".join(f"{k}={_show(v)}" for k, v in self.params.items() if k not in graphs)
        outs = ", ".join(map(str, self.outs)) + ("," if len(self.outs) == 1 and self.prim.n_out != 1 else "")
        line = f"{outs} = {self.prim.name}({operands}{'; ' + params if params else ''})"
        blocks = [f"{name} {graph}".replace("\n", "\n  ") for name, graph in graphs.items()]
        return "\n  ".join([line, *blocks])

    @property
    def graphs(self) -> dict[str, Graph]:
        """The sub-graphs of control flow, by name."""
        return {k: v for k, v in self.params.items() if isinstance(v, Graph)}

    @property
    def effect(self) -> str:
        """ "random" if the equation, or one in a sub-graph, draws random numbers."""
        return self.prim.effect or next((e.effect for g in self.graphs.values() for e in g.equations if e.effect), "")

    def where(self) -> str:
        """The user's line that this equation comes from."""
        return describe(self.code, self.lasti)


@dataclass(slots=True)
class Graph:
    """A staged function. `run` evaluates it on NumPy arrays.

    >>> import chainrule as cr
    >>> graph = cr.graph.stage(lambda x: x * 2, cr.ones(3)).graph
    >>> len(graph.inputs), len(graph.outputs)
    (1, 1)
    """

    inputs: tuple[Variable, ...]
    equations: list[Equation]
    outputs: tuple[Any, ...]
    constants: dict[Variable, np.ndarray] = field(default_factory=dict)
    _plan: list | None = None

    def __str__(self) -> str:
        lines = [f"graph({', '.join(map(str, self.inputs))}) {{"]
        lines += [f"  const {v} = {_literal(a)}" for v, a in self.constants.items()]
        lines += [f"  {e}".replace("\n", "\n  ") for e in self.equations]
        results = ", ".join(o.name if isinstance(o, Variable) else repr(o) for o in self.outputs)
        return "\n".join([*lines, f"  return {results}", "}"])

    def run(self, *arrays: Any) -> tuple:
        """Evaluate on NumPy arrays, in order; values are dropped after their last use."""
        if len(arrays) != len(self.inputs):
            raise GraphFormatError(f"the graph takes {len(self.inputs)} arrays, got {len(arrays)}")
        env: dict[str, Any] = {v.name: a for v, a in self.constants.items()}
        for variable, array in zip(self.inputs, arrays, strict=True):
            if array.shape != variable.shape or array.dtype != variable.dtype:
                raise GraphFormatError(
                    f"input {variable} was given an array of shape {array.shape} and dtype {array.dtype}; stage the "
                    f"function again for other shapes"
                )
            env[variable.name] = array
        if self._plan is None:
            self._plan = _last_uses(self)
        for equation, dead in zip(self.equations, self._plan, strict=True):
            operands = [env[o.name] if isinstance(o, Variable) else o for o in equation.operands]
            result = equation.prim.impl(np, *operands, **equation.params)
            if equation.prim.n_out == 1:
                env[equation.outs[0].name] = result if type(result) is np.ndarray else np.asarray(result)
            else:
                for out, r in zip(equation.outs, result, strict=True):
                    env[out.name] = np.asarray(r)
            for name in dead:
                del env[name]
        return tuple(env[o.name] if isinstance(o, Variable) else np.asarray(o) for o in self.outputs)

    def without_dead_code(self) -> Graph:
        """The same graph without equations whose results are never used (random draws stay)."""
        live = {o.name for o in self.outputs if isinstance(o, Variable)}
        kept = []
        for e in reversed(self.equations):
            if e.effect or any(o.name in live for o in e.outs):
                kept.append(e)
                live.update(o.name for o in e.operands if isinstance(o, Variable))
        constants = {v: a for v, a in self.constants.items() if v.name in live}
        return Graph(self.inputs, kept[::-1], self.outputs, constants)


def _last_uses(graph: Graph) -> list[tuple[str, ...]]:
    keep = {o.name for o in graph.outputs if isinstance(o, Variable)}
    plan: list[tuple[str, ...]] = []
    for e in reversed(graph.equations):
        names = {o.name for o in e.operands if isinstance(o, Variable)} | {o.name for o in e.outs}
        dead = tuple(n for n in names if n not in keep)
        keep |= names
        plan.append(dead)
    return plan[::-1]


# ---- verifier --------------------------------------------------------------------------------------------------------


def verify(graph: Graph) -> None:
    """Check single assignment, definition before use, and every equation's shapes and dtypes against its aval rule.

    >>> import chainrule as cr
    >>> cr.graph.verify(cr.graph.stage(lambda x: x * 2, cr.ones(3)).graph)
    """
    known: dict[str, Variable] = {}

    def define(v: Variable, what: str) -> None:
        if v.name in known:
            raise GraphFormatError(f"{v.name} is assigned twice (second time by {what})")
        known[v.name] = v

    for v in graph.inputs:
        define(v, "the inputs")
    for v, array in graph.constants.items():
        define(v, "the constants")
        if array.shape != v.shape or array.dtype != v.dtype:
            raise GraphFormatError(f"constant {v} holds an array of shape {array.shape} and dtype {array.dtype}")
    for e in graph.equations:
        for o in e.operands:
            if isinstance(o, Variable) and known.get(o.name) != o:
                raise GraphFormatError(f"{o} is used before it is assigned, or with another type, in: {e}")
        specs = [Spec(o.shape, o.dtype) if isinstance(o, Variable) else o for o in e.operands]
        said = e.prim.aval(*specs, **e.params)
        said = said if isinstance(said, tuple) else (said,)
        if len(said) != len(e.outs):
            raise GraphFormatError(f"{e.prim.name} gives {len(said)} results, the equation names {len(e.outs)}: {e}")
        for spec, out in zip(said, e.outs, strict=True):
            if tuple(spec.shape) != out.shape or np.dtype(spec.dtype) != out.dtype:
                raise GraphFormatError(
                    f"the rule of {e.prim.name} says {spec.dtype}{tuple(spec.shape)}, the equation {out}: {e}"
                )
            define(out, str(e))
    for o in graph.outputs:
        if isinstance(o, Variable) and known.get(o.name) != o:
            raise GraphFormatError(f"output {o} is not assigned")


# ---- text ------------------------------------------------------------------------------------------------------------


def _show(value: Any) -> str:
    if isinstance(value, np.dtype):
        return f"dtype({value.name})"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_show, value)) + ("," if len(value) == 1 else "") + ")"
    if value is Ellipsis:
        return "Ellipsis"
    if isinstance(value, (np.integer, np.floating, np.bool_)):
        return repr(value.item())
    return repr(value)


def _literal(array: np.ndarray) -> str:
    if array.size <= 8 and array.dtype.kind in "biu":
        return repr(array.tolist())
    return f"base64:{base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()}"
