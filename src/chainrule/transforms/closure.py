"""Closure conversion: a function that reads outer tensors becomes a pure function of them and its arguments.

The function runs once on a recorder, which notes every primitive that its arguments reach, and every outer tensor that
takes part. Outer tensors enter by value, however they were computed, so derivatives reach back through them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core.eager import bind
from ..core.primitive import Primitive
from ..core.provenance import here
from ..core.pytree import tree_flatten
from ..core.state import state
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape
from .arguments import NUMBERS, as_tensors, lower_value
from .level import TRACER_FIELDS, Level, below, escaped, public, size_of

__all__ = ["Converted", "convert"]


class Noted(Tracer):
    """A value that a recorder follows; `_slot` is its place in the recording."""

    __slots__ = ()

    shape = property(lambda self: size_of(self._data.shape))  # type: ignore[assignment]


class Equation(NamedTuple):
    """One noted step: `n` results (0: a single one) from slot `first` on; `prim` is None for a whole function."""

    function: Callable
    operands: list[tuple[str, Any]]  # ("slot" | "const" | "literal", which)
    first: int
    n: int
    prim: Primitive | None
    params: dict | None
    place: tuple  # the user's line, as a code object and offset


class Recorder(Level):
    """Notes the primitives that its values reach."""

    name = "closure conversion"

    def __init__(self) -> None:
        super().__init__()
        self.slots = 0
        self.equations: list[Equation] = []
        self.consts: list[Any] = []
        self.random = False  # does it draw random numbers?
        self.before: Any = None  # the recorder around this one
        self._known: dict[tuple, int] = {}

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
            if state.stage is not None:
                state.stage.touch_bottom(a)
            now = _snapshot(a)  # it may be written to later, and is then another value
            key = type(a), id(a._data), id(a._node), *[id(v) for v in now.__dict__.values()]
            if key not in self._known:
                self._known[key] = len(self.consts)
                self.consts.append(now)
            return "const", self._known[key]
        return "literal", below(a)

    def _result(self, function: Callable, args: Sequence, values: Any, prim: Any = None, params: Any = None) -> Any:
        operands = [self._operand(a) for a in args]
        multiple = isinstance(values, tuple)
        outs = [self.noted(v) for v in (values if multiple else (values,))]
        first = outs[0]._slot if outs else self.slots
        n = len(outs) if multiple else 0
        self.equations.append(Equation(function, operands, first, n, prim, params, here(2)))
        return tuple(outs) if multiple else outs[0]

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive one level down and note it."""
        if not self.alive:
            raise escaped(self.name, prim)
        values = [a._data if isinstance(a, Noted) and a._trace is self else below(a) for a in args]
        self.random = self.random or prim.effect == "random"
        ans = self.outside(lambda: self.lower(prim, tuple(values), params))
        return self._result(lambda *xs: bind(prim, xs, params), args, ans, prim, params)

    def outside(self, function: Callable) -> Any:
        """`function()`, without noting what it does."""
        inside = state.recorder
        state.recorder = self.before
        try:
            return function()
        finally:
            state.recorder = inside

    def draw(self, function: Callable) -> Any:
        """Note random numbers that `function()` draws, so that each run of the recording draws anew."""
        self.random = True
        return self._result(function, (), below(self.outside(function)))

    def note(self, function: Callable, args: Sequence) -> Any:
        """Apply a whole function (one with a derivative of its own) one level down and note it as one step."""
        values = [public(a._data) if isinstance(a, Noted) and a._trace is self else a for a in args]
        ans = self.outside(lambda: function(*values))
        ans = tuple(below(a) for a in ans) if isinstance(ans, (tuple, list)) else below(ans)
        return self._result(function, args, ans)


def _snapshot(x: Tensor) -> Tensor:
    """The present value of a tensor, whatever is written to it later."""
    twin = new_object(type(x))
    twin._data, twin._node = x._data, x._node
    for name in TRACER_FIELDS:
        if name in x.__dict__:
            twin.__dict__[name] = x.__dict__[name]
    return twin


class Converted:
    """A pure function `call(consts, leaves) -> leaves of the result`, with `consts` the outer tensors it read.

    `specs` are (shape, dtype, is it a Python number?) of the result's leaves.
    """

    __slots__ = ("consts", "equations", "n_in", "out_spec", "outs", "random", "specs")

    def __init__(self, recorder: Recorder, n_in: int, outs: list, out_spec: Any) -> None:
        self.consts, self.equations, self.n_in = recorder.consts, recorder.equations, n_in
        self.random, self.out_spec = recorder.random, out_spec
        self.specs = [(raw_shape(o), raw_dtype(o), isinstance(o, NUMBERS)) for o in outs]
        self.outs = [recorder._operand(o) for o in outs]

    def call(self, consts: Sequence, leaves: Sequence) -> list:
        """Run the recording on other values."""
        slots: dict[int, Any] = dict(enumerate(leaves))

        def value(operand: tuple[str, Any]) -> Any:
            kind, what = operand
            return slots[what] if kind == "slot" else consts[what] if kind == "const" else what

        stage = state.stage
        for e in self.equations:
            if stage is not None:
                stage.place = e.place
            ans = e.function(*[public(x) if hasattr(x, "shape") else x for x in map(value, e.operands)])
            if e.n:
                slots.update(zip(range(e.first, e.first + e.n), ans, strict=True))
            else:
                slots[e.first] = ans
        if stage is not None:
            stage.place = None
        return [public(value(o)) for o in self.outs]


def convert(function: Callable, *args: Any, whole: bool = False) -> Converted:
    """Closure-convert `function`, a function of pytrees, at example arguments.

    What it computes from outer tensors only, and random numbers that it draws, are constants of the recording; or with
    `whole` computed and drawn anew in each run.
    """
    leaves, spec = tree_flatten(as_tensors(args))
    recorder = Recorder()
    inputs = [recorder.noted(lower_value(x)) for x in leaves]
    if whole:
        recorder.name = "the body of a staged loop or branch"
    recorder.before = state.recorder
    state.recorder = recorder if whole else None
    try:
        with recorder:
            out = function(*spec.unflatten(inputs))
    finally:
        state.recorder = recorder.before
    outs, out_spec = tree_flatten(as_tensors(out))
    return Converted(recorder, len(leaves), outs, out_spec)
