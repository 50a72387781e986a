"""A running transformation as a level: what is active inside it, and what stands under its values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.eager import bind
from ..core.errors import TracedValueError
from ..core.primitive import Primitive
from ..core.provenance import describe as place
from ..core.provenance import here
from ..core.state import state
from ..core.value import Tensor, Trace, Tracer, new_object, raw_dtype, raw_shape, wrap

TRACER_FIELDS = ("_trace", "_tangent", "_slot")  # what tracers hold beside a tensor's own fields


def below(x: Any) -> Any:
    """The value to put under a tracer: the raw array of a tensor that records nothing, else `x` itself."""
    if type(x) is Tensor and x._node is None and state.stage is None:
        return x._data
    return x


def public(x: Any) -> Any:
    """A value as users see it: raw arrays become tensors."""
    if isinstance(x, Tensor):
        return x
    return wrap(np.asarray(x) if isinstance(x, (np.generic, bool, int, float, complex)) else x)


def zeros_like_raw(x: Any) -> Any:
    """Zeros of a value's shape and dtype, as a raw array."""
    return np.zeros(raw_shape(x), raw_dtype(x))


def ones_like_raw(x: Any) -> Any:
    """Ones of a value's shape and dtype, as a raw array."""
    return np.ones(raw_shape(x), raw_dtype(x))


_Size: Any = None  # the class of a tensor's shape, asked of a tensor when first needed


def size_of(shape: Any) -> Any:
    """A shape as users see it: torch.Size."""
    global _Size
    if _Size is None:
        _Size = type(wrap(np.empty(())).shape)
    return shape if type(shape) is _Size else _Size(shape)


def escaped(what: str, prim: Primitive) -> TracedValueError:
    """The error for a tracer that is used after its transformation has ended."""
    code, lasti = here(3)
    return TracedValueError(
        f"{prim.name} at {place(code, lasti)} uses a value that escaped from {what}: it was made inside a function "
        f"being transformed, kept in an outer variable or attribute, and used after the transformation had ended. "
        f"Return it from the function instead (with has_aux=True beside the result)."
    )


class Level(Trace):
    """A trace that is active inside a with statement; recording is on inside, whatever it was outside.

    As in PyTorch, no_grad() inside a function being transformed is respected, and one around the transformation
    concerns only what encloses it: lower values are computed under the recording mode of the caller.
    """

    transparent = True  # concrete values may be looked at, by Python's if and print
    forgiving = False

    frees = False  # do tensors outside that were written to go back one level when the trace ends?
    lowered: dict | None = None  # id -> (object, its value as a tracer), of tensors freed from this trace

    def __init__(self) -> None:
        super().__init__()
        self.outer = state.grad_enabled

    def __enter__(self) -> Any:
        self.outer = state.grad_enabled
        state.set_grad(True)
        return self

    def __exit__(self, *exc: object) -> None:
        state.set_grad(self.outer)
        self.alive = False
        if self.taken is not None and self.frees:
            self.free_taken()

    def free_taken(self) -> None:
        """Let tensors that the function wrote traced values into, and that outlive it, hold the values one level down.

        So a module's running statistics, or an outer buffer, end up with what was written, as without the
        transformation. What the function returns is still known by its traced value: see `traced`.
        """
        self.lowered = {}
        for t in [r() for r in self.taken or ()]:
            if t is None or not isinstance(t, Tracer) or t._trace is not self:
                continue
            twin = new_object(type(t))
            twin.__dict__.update(t.__dict__)
            twin._data, twin._node = t._data, t._node
            self.lowered[id(t)] = t, twin
            value = t._data if isinstance(t._data, Tensor) else wrap(t._data)
            for name in TRACER_FIELDS:
                t.__dict__.pop(name, None)
                if name in value.__dict__:
                    t.__dict__[name] = value.__dict__[name]
            t.__class__ = type(value)
            t._data, t._node = value._data, value._node
            if isinstance(t, Tracer):
                t._trace.took(t)

    def traced(self, out: Any) -> Any:
        """A result of the function as the tracer that it was inside."""
        return out if self.lowered is None or id(out) not in self.lowered else self.lowered[id(out)][1]

    def lower(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply the primitive one level down, under the caller's recording mode."""
        if self.outer or not state.grad_enabled:
            return bind(prim, args, params)
        state.set_grad(False)
        try:
            return bind(prim, args, params)
        finally:
            state.set_grad(True)
