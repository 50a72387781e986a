"""The NumPy text of a program: natural spellings, and the implementation's own text as a helper for the rest."""

from __future__ import annotations

from typing import Any

from ...core.errors import NotDifferentiableError
from ...graph.ir import Equation, Variable
from .lift import MODULES, Helpers, LiftError, array_text, literal
from .program import Program

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@", "mm": "@"}
_INFIX |= {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_SAME = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sinh", "cosh", "tanh", "sin", "cos", "tan")
_SAME += ("hypot", "isnan", "isinf", "isfinite", "isreal", "logical_not", "logical_and", "logical_or", "logical_xor")
_SAME += ("maximum", "minimum", "fmax", "fmin", "where", "floor", "ceil", "trunc", "signbit", "copysign", "nextafter")
_CALLS = {n: f"np.{n}" for n in (*_SAME, "deg2rad", "rad2deg", "conj", "real", "imag")}
_CALLS |= {"asin": "np.arcsin", "acos": "np.arccos", "atan": "np.arctan", "atan2": "np.arctan2"}
_CALLS |= {"asinh": "np.arcsinh", "acosh": "np.arccosh", "atanh": "np.arctanh"}


def spelled(e: Equation, operands: list[str]) -> str | None:
    """The natural NumPy expression of an equation, or None."""
    name, params = e.prim.name, e.params
    if any(isinstance(o, Variable) and o.dtype.itemsize == 2 and o.dtype.kind in "fV" for o in (*e.operands, *e.outs)):
        return None  # half precision: the implementation widens
    arrays = [o for o in e.operands if isinstance(o, Variable)]
    if name in _INFIX and len(operands) == 2 and arrays and arrays[0].dtype.kind in "fi":
        return f"{operands[0]} {_INFIX[name]} {operands[1]}"
    if name in _CALLS and arrays and (name == "where" or all(o.dtype.kind in "fib" for o in arrays)):
        return f"{_CALLS[name]}({', '.join(operands)})"
    x = operands[0] if operands else ""
    if name == "neg" and arrays:
        return f"-{x}"
    if name == "square" and arrays[0].dtype.kind == "f":
        return f"{x} * {x}"
    if name == "relu":
        return f"np.maximum({x}, 0)"
    if name == "reshape":
        return f"np.reshape({x}, {literal(params['shape'])})"
    if name == "broadcast_to":
        return f"np.broadcast_to({x}, {literal(params['shape'])})"
    if name == "permute":
        return f"np.transpose({x}, {literal(params['dims'])})"
    if name == "sum" and arrays[0].dtype == e.outs[0].dtype:
        keep = ", keepdims=True" if params["keepdims"] else ""
        return f"np.add.reduce({x}, axis={literal(params['axes'])}{keep})"
    return None


def _operand(o: Any, names: dict[str, str]) -> str:
    if isinstance(o, Variable):
        return names[o.name]
    text = literal(o)
    return f"({text})" if text.startswith("-") else text


def write(program: Program) -> str:
    """The module text: imports, constants, helpers, and one function."""
    graph, helpers = program.graph, Helpers()
    names, constants, body = dict(program.names), [], []
    for i, (variable, array) in enumerate(graph.constants.items()):
        text = array_text(array)
        if array.ndim == 0:
            names[variable.name] = literal(array[()])
        else:
            names[variable.name] = f"CONSTANT_{i + 1}"
            constants.append(f"CONSTANT_{i + 1} = {text}")
    note = ""
    for e, what in zip(graph.equations, program.notes, strict=True):
        try:
            operands = [_operand(o, names) for o in e.operands]
            text = spelled(e, operands)
            if text is None:
                arrays = [
                    f"np.asarray({t})" if isinstance(o, Variable) and not o.shape else t
                    for o, t in zip(e.operands, operands, strict=True)
                ]
                named = [f"{k}={literal(v)}" for k, v in e.params.items()]
                called = helpers.function(e.prim.impl, f"{e.prim.name}_op")
                text = f"{called}({', '.join(['np', *arrays, *named])})"
        except LiftError as error:
            raise NotDifferentiableError(
                f"explain.source(): {e.prim.name} at {e.where()} has no stand-alone NumPy text: {error}"
            ) from error
        if what != note:
            body.append(f"    # {what}".encode("ascii", "backslashreplace").decode())
            note = what
        outs = ", ".join(names[o.name] for o in e.outs) + ("," if e.prim.n_out != 1 and len(e.outs) == 1 else "")
        body.append(f"    {outs} = {text}")
    inputs = ", ".join(names[v.name] for v in graph.inputs)
    shapes = [f"    {names[v.name]}: {v.dtype.name}{list(v.shape)}" for v in graph.inputs]
    outputs = [f"np.asarray({_operand(o, names)})" for o in graph.outputs]
    result = outputs[0] if len(outputs) == 1 else "(" + "".join(o + ", " for o in outputs) + ")"
    used = [m for m in MODULES if any(f"{m}." in d for d in helpers.definitions)]
    head = [*(f"import {m}" for m in used), *([""] if used else []), "import numpy as np", ""]
    parts = [*head, *constants, *(["\n" + d + "\n" for d in helpers.definitions]), ""]
    doc = ['    """Written by chainrule.explain.source. Arguments:', "", *shapes, '    """']
    return "\n".join([*parts, f"def {program.name}({inputs}):", *doc, *body, f"    return {result}", ""])
