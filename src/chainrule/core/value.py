"""Tensor: the value users hold. Tracer: a value of one running transformation, wrapping a value one level down.

A Tensor's payload `_data` is raw: an ndarray (or CuPy array), or a Symbol while graph/ stages a function. `_node` is
its place in the tape: None (no gradient flows), an Accumulate (a leaf that requires grad) or a Node (a recorded
result). Methods and operators are attached by the tensor layer from one table, because they are the ops themselves.
"""

from __future__ import annotations

from itertools import count
from typing import Any
from weakref import ref

import numpy as np

ndarray = np.ndarray
new_object = object.__new__


class Tensor:
    """An n-dimensional array that remembers how it was made.

    Any shape and dtype; made by `tensor`, the factories and the operations; `Tensor(2, 3)` is PyTorch's old way.

    >>> import chainrule as cr
    >>> x = cr.tensor([[1.0, 2.0]])
    >>> x.shape, x.dtype, x.requires_grad
    (torch.Size([1, 2]), torch.float32, False)
    """

    __module__ = __package__.partition(".")[0]  # shown as the public name, as PyTorch's is
    __slots__ = ("__dict__", "__weakref__", "_data", "_node")
    __array_priority__ = 1000.0  # `array * tensor` asks the tensor

    # Rarely used attributes live in the instance dict and default here, so that making a Tensor costs two stores.
    _grad: Any = None  # .grad of a tensor that does not require grad
    _base: Tensor | None = None  # whose memory this is a view of
    _replay: tuple | None = None  # how a view follows from `_base`: ((primitive, params), ...)
    _views: list | None = None  # weak references to live views of this tensor
    _alias: tuple | None = None  # (Memory, replay): which tensors share this memory across a detach(), and how
    _view_kind: str | None = None  # of a view, why it may not be written to: "no_grad" | "inference" | "several"
    _rebinds: int = 0  # how often it took over other values in place
    _label: str | None = None
    _is_param: bool = False
    _why_cut: tuple | None = None  # (reason, code, offset) where recording stopped
    _inference: bool = False
    _is_lazy: bool = False  # of a lazy module, and without values yet

    _data: Any
    _node: Any


class InferenceTensor(Tensor):
    """A result of inference_mode: outside of it, it may be read, but neither written to nor saved for a gradient.

    A class of its own, so that the test costs nothing where no such tensor occurs.
    """

    __slots__ = ()
    _inference = True


class Memory:
    """What tensors on the two sides of a detach() share: the present values, and weak references to the tensors."""

    __slots__ = ("members", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw = raw  # not the tensor: a detached one must not keep alive the graph that made its values
        self.members: list = []


class Trace:
    """One running transformation. `process` gives the meaning of a primitive for this trace's tracers."""

    _levels = count(1)
    name = "a transformation"
    taken: list | None = None  # weak references to tensors that a write of this trace's values made into tracers

    def __init__(self) -> None:
        self.level = next(Trace._levels)
        self.alive = True

    def took(self, target: Tensor) -> None:
        """Note that a write has turned a tensor of the user's into a tracer of this trace."""
        if self.taken is None:
            self.taken = []
        self.taken.append(ref(target))

    def process(self, prim: Any, args: tuple, params: dict) -> Any:
        raise NotImplementedError  # abstract

    def owns(self, value: Any) -> bool:
        """Is `value` a tracer of this very trace?"""
        return isinstance(value, Tracer) and value._trace is self


class Tracer(Tensor):
    """A value inside a transformation; `_data` is the value it stands for, one level down.

    Subclasses add no slots, so that an eager tensor that is written to with a traced value can become a tracer
    (`buffer[i] = traced`); their further fields live in the instance dict.
    """

    __slots__ = ()

    _trace: Trace


def traces(x: Any) -> list[Trace]:
    """The running transformations that a value belongs to, the innermost first."""
    found = []
    while isinstance(x, Tensor):
        if isinstance(x, Tracer):
            found.append(x._trace)
        x = x._data
    return found


def wrap(data: Any, node: Any = None) -> Tensor:
    """A Tensor around raw data."""
    t = new_object(Tensor)
    t._data = data
    t._node = node
    return t


def raw_shape(x: Any) -> tuple[int, ...]:
    """Shape of an ndarray, Symbol, Tensor, tracer or Python number."""
    try:
        shape = x._data.shape if type(x) is Tensor else x.shape
    except AttributeError:
        shape = np.shape(x)
    return tuple(shape)


def raw_dtype(x: Any) -> np.dtype:
    """NumPy dtype of an ndarray, Symbol, Tensor, tracer or Python number."""
    while isinstance(x, Tensor):
        x = x._data
    try:
        return x.dtype
    except AttributeError:
        if isinstance(x, (list, tuple, dict, str)):
            from .errors import ArgumentTypeError

            kind = type(x).__name__
            hint = f"write chainrule.tensor({kind} ...)" if isinstance(x, (list, tuple)) else "a tensor holds numbers"
            raise ArgumentTypeError(f"expected a Tensor or a number, not {kind}; {hint}") from None
        return np.result_type(x)
