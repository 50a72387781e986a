"""Closure conversion: a function that reads outer tensors becomes a pure function of them and its arguments.

The function runs once on a recorder, which notes every primitive that its arguments reach, and every outer tensor that
takes part. Outer tensors enter by value, however they were computed, so derivatives reach back through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.eager import bind
from ..core.primitive import Primitive
from ..core.pytree import tree_flatten
from ..core.state import state
from ..core.value import Tensor, Tracer, new_object
from .arguments import as_tensors, lower_value
from .tape import Level, _size, below, escaped, public

__all__ = ["Converted", "convert"]


class Noted(Tracer):
    """A value that a recorder follows; `_slot` is its place in the recording."""

    __slots__ = ()

    shape = property(lambda self: _size(self._data.shape))  # type: ignore[assignment]


class Equation(NamedTuple):
    """One noted step: `n` results (0: a single one) from slot `first` on; `prim` is None for a whole function."""

    function: Callable
    operands: list[tuple[str, Any]]  # ("slot" | "const" | "literal", which)
    first: int
    n: int
    prim: Primitive | None
    params: dict | None


class Recorder(Level):
    """Notes the primitives that its values reach."""

    name = "closure conversion"

    def __init__(self) -> None:
        super().__init__()
        self.slots = 0
        self.equations: list[Equation] = []
        self.consts: list[Any] = []
        self._known: dict[int, int] = {}

    def noted(self, value: Any) -> Noted:
        """A new value of this recording."""
        t = new_object(Noted)
        t._trace = self
        t._data = value
        t._node = None
        t._slot = self.slots
        self.slots += 1
        return t

    def _operand(self, a: Any) -> tuple[str, Any]:
        if isinstance(a, Noted) and a._trace is self:
            return "slot", a._slot
        if isinstance(a, Tensor) and (isinstance(a, Tracer) or a._node is not None or state.stage is not None):
            if id(a) not in self._known:
                self._known[id(a)] = len(self.consts)
                self.consts.append(a)
            return "const", self._known[id(a)]
        return "literal", below(a)

    def _result(self, function: Callable, args: Sequence, values: Any, prim: Any = None, params: Any = None) -> Any:
        operands = [self._operand(a) for a in args]
        multiple = isinstance(values, tuple)
        outs = [self.noted(v) for v in (values if multiple else (values,))]
        first = outs[0]._slot if outs else self.slots
        self.equations.append(Equation(function, operands, first, len(outs) if multiple else 0, prim, params))
        return tuple(outs) if multiple else outs[0]

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive one level down and note it."""
        if not self.alive:
            raise escaped(self.name, prim)
        values = [a._data if isinstance(a, Noted) and a._trace is self else below(a) for a in args]
        ans = self.lower(prim, tuple(values), params)
        return self._result(lambda *xs: bind(prim, xs, params), args, ans, prim, params)

    def note(self, function: Callable, args: Sequence) -> Any:
        """Apply a whole function (one with a derivative of its own) one level down and note it as one step."""
        values = [public(a._data) if isinstance(a, Noted) and a._trace is self else a for a in args]
        ans = function(*values)
        ans = tuple(below(a) for a in ans) if isinstance(ans, (tuple, list)) else below(ans)
        return self._result(function, args, ans)


class Converted:
    """A pure function `call(consts, leaves) -> leaves of the result`, with `consts` the outer tensors it read."""

    __slots__ = ("consts", "equations", "n_in", "out_spec", "outs")

    def __init__(self, recorder: Recorder, n_in: int, outs: list, out_spec: Any) -> None:
        self.consts, self.equations, self.n_in = recorder.consts, recorder.equations, n_in
        self.outs, self.out_spec = outs, out_spec

    def call(self, consts: Sequence, leaves: Sequence) -> list:
        """Run the recording on other values."""
        slots: dict[int, Any] = dict(enumerate(leaves))

        def value(operand: tuple[str, Any]) -> Any:
            kind, what = operand
            return slots[what] if kind == "slot" else consts[what] if kind == "const" else what

        for e in self.equations:
            ans = e.function(*[public(x) if hasattr(x, "shape") else x for x in map(value, e.operands)])
            if e.n:
                slots.update(zip(range(e.first, e.first + e.n), ans, strict=True))
            else:
                slots[e.first] = ans
        return [public(value(o)) for o in self.outs]


def convert(function: Callable, *args: Any) -> Converted:
    """Closure-convert `function`, a function of pytrees, at example arguments."""
    leaves, spec = tree_flatten(as_tensors(args))
    recorder = Recorder()
    inputs = [recorder.noted(lower_value(x)) for x in leaves]
    with recorder:
        out = function(*spec.unflatten(inputs))
    outs, out_spec = tree_flatten(as_tensors(out))
    return Converted(recorder, len(leaves), [recorder._operand(o) for o in outs], out_spec)
