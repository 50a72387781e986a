"""Control flow in a graph: equations that run sub-graphs.

    cond(p, *xs)     then(*xs) if p else orelse(*xs)
    scan(*xs)        carry, y = body(*constants, *carry, *x) for each x along dimension 0; the last carry, and all y
    while(*xs)       passes to and fro over steps whose number is known only at run time, see `run_while`

The sub-graphs see their operands only; they are parameters of the equation, under the names in `graphs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.tape import Spec
from .ir import Graph, GraphFormatError, verify

__all__ = ["FORMS", "Form"]


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A kind of equation with sub-graphs; has those fields of a Primitive that graphs ask for."""

    name: str
    impl: Callable  # (xp, *arrays, **params) -> tuple of arrays
    aval: Callable  # (*specs, **params) -> tuple of Specs; verifies the sub-graphs too
    n_out: int = 0
    effect: str = ""

    def __repr__(self) -> str:
        return f"Form({self.name})"


def _said(what: str, graph: Any, given: Sequence) -> tuple[Spec, ...]:
    """Specs of what a sub-graph gives, after checking it and what it is given."""
    if not isinstance(graph, Graph):
        raise GraphFormatError(f"{what} must be a graph, not {graph!r}")
    wanted = [(v.shape, v.dtype) for v in graph.inputs]
    found = [(tuple(s.shape), np.dtype(s.dtype)) for s in given]
    if wanted != found:
        raise GraphFormatError(f"{what} takes {_types(wanted)}, but is given {_types(found)}")
    verify(graph)
    return tuple(Spec(o.shape, o.dtype) for o in graph.outputs)


def _types(pairs: Sequence) -> str:
    return "(" + ", ".join(f"{dtype.name}{list(shape)}" for shape, dtype in pairs) + ")"


def _same(what: str, a: Sequence, b: Sequence) -> None:
    first, second = [[(tuple(s.shape), np.dtype(s.dtype)) for s in x] for x in (a, b)]
    if first != second:
        raise GraphFormatError(f"{what}: {_types(first)} against {_types(second)}")


# ---- cond ------------------------------------------------------------------------------------------------------------


def _cond_aval(pred: Any, *xs: Any, then: Graph, orelse: Graph) -> tuple:
    if tuple(pred.shape) or np.dtype(pred.dtype).kind != "b":
        raise GraphFormatError(f"cond: the predicate must be bool[], but is {pred.dtype}{tuple(pred.shape)}")
    said = _said("cond: then", then, xs)
    _same("cond: the branches give different types", said, _said("cond: orelse", orelse, xs))
    return said


def run_cond(xp: Any, pred: Any, *xs: Any, then: Graph, orelse: Graph) -> tuple:
    """The branch that `pred` chooses."""
    return (then if pred else orelse).run(*xs)


# ---- scan ------------------------------------------------------------------------------------------------------------


def _scan_aval(*xs: Any, body: Graph, length: int, reverse: bool, n_consts: int, n_carry: int) -> tuple:
    split = n_consts + n_carry
    for x in xs[split:]:
        if tuple(x.shape)[:1] != (length,):
            raise GraphFormatError(f"scan: {length} steps, but an operand of shape {tuple(x.shape)} to go along")
    said = _said("scan: body", body, [*xs[:split], *[Spec(tuple(x.shape)[1:], x.dtype) for x in xs[split:]]])
    carry, ys = said[:n_carry], said[n_carry:]
    _same("scan: the carry changes its type", xs[n_consts:split], carry)
    return (*carry, *[Spec((length, *y.shape), y.dtype) for y in ys])


def run_scan(xp: Any, *xs: Any, body: Graph, length: int, reverse: bool, n_consts: int, n_carry: int) -> tuple:
    """The last carry, and what the steps gave, stacked in the order of the operands."""
    consts, carry, items = xs[:n_consts], xs[n_consts : n_consts + n_carry], xs[n_consts + n_carry :]
    ys = [np.empty((length, *o.shape), o.dtype) for o in body.outputs[n_carry:]]
    for k in range(length - 1, -1, -1) if reverse else range(length):
        out = body.run(*consts, *carry, *[np.asarray(x[k]) for x in items])
        carry = out[:n_carry]
        for whole, y in zip(ys, out[n_carry:], strict=True):
            whole[k] = y
    return (*carry, *ys)


# ---- while -----------------------------------------------------------------------------------------------------------


def _passes(params: dict) -> list[Graph]:
    return [params[f"pass{p}"] for p in range(len(params["states"]))]


def _while_aval(*xs: Any, test: Graph, n_consts: int, states: tuple, **passes: Graph) -> tuple:
    consts, at, seen, said_all = xs[:n_consts], n_consts, [], []
    for p, n in enumerate(states):
        state, at = xs[at : at + n], at + n
        if p == 0:
            said = _said("while: test", test, [*consts, *state])
            if len(said) != 1 or said[0].shape or said[0].dtype.kind != "b":
                raise GraphFormatError("while: test must give one bool[]")
        said = _said(f"while: pass{p}", passes.get(f"pass{p}"), [*consts, *seen, *state])
        _same(f"while: pass{p} changes the type of its state", state, said[:n])
        seen += [*state, *said[n:]]
        said_all += said[:n]
    return tuple(said_all)


def run_while(xp: Any, *xs: Any, test: Graph, n_consts: int, states: tuple, **passes: Graph) -> tuple:
    """Passes to and fro over the same steps; gives the last state of each pass.

    Pass 0 repeats state = pass0(*constants, *state) while test(*constants, *state), and that fixes the number of steps.
    Pass 1 goes back from the last step to the first, pass 2 forth again, and so on. At step k a pass is given, beside
    its own state, what each earlier pass had at step k: the state that it started from, and its further results. A loop
    is one pass, its reverse mode derivative two, the derivative of that four.
    """
    consts, at = xs[:n_consts], n_consts
    records: list[list[tuple]] = []  # for each pass and step: state before the step, and further results
    last: list = []
    for p, n in enumerate(states):
        state, at = xs[at : at + n], at + n
        body, keep, record = passes[f"pass{p}"], p + 1 < len(states), []
        steps = None if p == 0 else len(records[0])
        k = 0
        while bool(test.run(*consts, *state)[0]) if steps is None else k < steps:
            step = k if steps is None or p % 2 == 0 else steps - 1 - k
            out = body.run(*consts, *[a for r in records for a in r[step]], *state)
            if keep:
                record.append((*state, *out[n:]))
            state = out[:n]
            k += 1
        records.append(record[::-1] if p % 2 else record)
        last += state
    return tuple(last)


FORMS = {
    f.name: f
    for f in (
        Form("cond", run_cond, _cond_aval),
        Form("scan", run_scan, _scan_aval),
        Form("while", run_while, _while_aval),
    )
}
