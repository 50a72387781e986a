"""What one call of an autograd.Function leaves behind: its place on the tape, and the `ctx` that its rules share."""

from __future__ import annotations

from typing import Any

from ..core.eager import Packed
from ..core.errors import GraphError
from ..core.tape import Node, Select
from ..core.value import Tensor
from ..transforms.reverse import freed
from .hooks import as_saved


class FunctionNode(Node):
    """The place on the tape of one call of a Function: saved tensors, and whatever else forward left in its `ctx`."""

    __slots__ = ("__weakref__",)

    @property
    def saved_tensors(self) -> tuple:
        """What forward gave to save_for_backward; an error once backward freed it."""
        prim, args, ans = self.prim, self.args, self.ans
        if args is None:
            if prim.n_saved:
                raise freed(self)
            return ()
        found = []
        for k in range(prim.n_saved):
            i = prim.saved_outputs.get(k)
            value = args[prim.n_in + k] if i is None else ans[i]
            edge = self.edges[prim.n_in + k] if i is None else Select(self, i)
            if type(value) is Packed:
                value = value.get()
            found.append(value if value is None or isinstance(value, Tensor) else as_saved(value, edge))
        return tuple(found)

    @property
    def argument_edges(self) -> tuple:
        """Where the cotangents of forward's tensors go."""
        return tuple([e for e, given in zip(self.edges, self.prim.given, strict=False) if given is not None])

    def __getattr__(self, name: str) -> Any:
        if name == "prim":
            raise AttributeError(name)
        return getattr(self.prim.ctx, name)


class FunctionCtx:
    """What forward leaves for backward: saved tensors, flags, and any attributes of the user's."""

    def __init__(self) -> None:
        self._to_save: tuple = ()
        self._to_save_forward: tuple = ()
        self._dirty: tuple = ()
        self._non_differentiable: tuple = ()
        self._materialize = True
        self._materialize_non_diff_grads = True
        self._saved: tuple | None = None
        self._place: Any = None  # weak reference to the FunctionNode once there is one
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Save tensors (inputs, outputs or others; None allowed) for backward's `ctx.saved_tensors`."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}; keep "
                    f"other values as attributes: ctx.value = ..."
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Save tensors for `jvp`'s `ctx.saved_tensors`."""
        self._to_save_forward = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Say which inputs forward changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Say which outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Should backward get zeros (True, the default) or None for outputs without a gradient?"""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple:
        """The tensors given to save_for_backward."""
        if self._saved is not None:
            return self._saved
        if self._place is not None:
            node = self._place()
            if node is None:
                raise GraphError(
                    "Trying to backward through the graph a second time (or directly access saved tensors after they "
                    "have already been freed): the graph that this ctx belongs to is gone. Keep the result alive."
                )
            return node.saved_tensors
        if self._to_save_forward:
            return self._to_save_forward
        return self._to_save

    saved_variables = saved_tensors


class FunctionRecord:
    """The part of a Primitive that the reverse sweep asks for, for one call of a Function."""

    __slots__ = (
        "backward_name",
        "cls",
        "ctx",
        "cut",
        "given",
        "joint",
        "n_in",
        "n_saved",
        "name",
        "saved_edges",
        "saved_outputs",
    )
    vjp: tuple = ()
    kind = "custom"
    n_out = 0
    holomorphic = False
    view = False

    def reads(self, n_args: int, needs: tuple) -> tuple:
        return (2,) * n_args if self.n_saved else (0,) * n_args, bool(self.saved_outputs)
