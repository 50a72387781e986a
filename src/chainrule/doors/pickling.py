"""Copies: pickle, copy.copy and copy.deepcopy of tensors."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ..core.errors import GraphError, TracedValueError
from ..core.tape import Accumulate
from ..core.value import Tensor, Tracer, wrap
from ..tensor.attributes import concrete

PRIVATE = {"_grad", "_base", "_replay", "_views", "_rebinds", "_why_cut", "_inference"}  # of this object, not copied
PRIVATE |= {"_alias", "_view_kind"}


def _extras(t: Tensor) -> dict[str, Any]:
    """What users (and nn) have set on the tensor object."""
    return {k: v for k, v in t.__dict__.items() if k not in PRIVATE}


def rebuild(cls: type, data: np.ndarray, requires_grad: bool) -> Tensor:
    """A leaf tensor from pickled parts."""
    made = wrap(data)
    if cls is not Tensor and not cls._inference:  # a copy is a normal tensor
        made.__class__ = cls
    if requires_grad:
        made._node = Accumulate(made)
    return made


def _no_tracers(t: Tensor, what: str) -> None:
    if isinstance(t, Tracer):
        raise TracedValueError(
            f"{what} of a value inside a transformation ({type(t).__name__}): it has no values of its own to copy. "
            f"Write x.clone()"
        )


def reduce_ex(self: Tensor, protocol: Any) -> tuple:
    """Pickle values, requires_grad and attributes; what is recorded stays behind, and so does `.grad`."""
    _no_tracers(self, "pickling")
    data = np.asarray(concrete(self, "pickling"))
    return rebuild, (type(self), data, self._node is not None), _extras(self) or None


def set_state(self: Tensor, state: dict[str, Any]) -> None:
    """Restore the attributes that were pickled."""
    self.__dict__.update(state)


def shallow_copy(self: Tensor) -> Tensor:
    """Another tensor object with the same memory and the same place in the graph (a leaf becomes a leaf of its own)."""
    _no_tracers(self, "copy.copy()")
    made = rebuild(type(self), self._data, type(self._node) is Accumulate)
    if not isinstance(made._node, Accumulate):
        made._node = self._node
    made.__dict__.update(_extras(self))
    return made


def deep_copy(self: Tensor, memo: dict) -> Tensor:
    """A leaf with its own memory, its gradient copied too.

    Raises:
        GraphError: the tensor was computed from others.
    """
    if id(self) in memo:
        return memo[id(self)]
    _no_tracers(self, "copy.deepcopy()")
    if self._node is not None and type(self._node) is not Accumulate:
        raise GraphError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, this tensor was computed and then kept in it: write "
            "x.detach() where it is kept, or x.clone() instead of deepcopy"
        )
    data = concrete(self, "copy.deepcopy()")
    made = rebuild(type(self), np.array(data, order="K"), self._node is not None)
    memo[id(self)] = made
    grad = self.grad
    if grad is not None:
        made.grad = copy.deepcopy(grad, memo)
    made.__dict__.update(copy.deepcopy(_extras(self), memo))
    return made
