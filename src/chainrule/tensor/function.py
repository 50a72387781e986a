"""autograd.Function: an operation with a derivative of the user's own."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.eager import check_saved
from ..core.errors import GraphError, InplaceError, NotDifferentiableError
from ..core.provenance import here
from ..core.state import next_seq, state
from ..core.tape import Accumulate, Node, Select, Spec
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape, wrap
from .modes import enable_grad, no_grad

ndarray = np.ndarray


class FunctionCtx:
    """What forward leaves for backward: saved tensors, flags, and any attributes of the user's."""

    def __init__(self) -> None:
        self._to_save: tuple = ()
        self._to_save_forward: tuple = ()
        self._dirty: tuple = ()
        self._non_differentiable: tuple = ()
        self._materialize = True
        self._saved: tuple | None = None
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
        if self._to_save_forward:
            return self._to_save_forward
        return self._to_save

    saved_variables = saved_tensors


class _FunctionRecord:
    """The part of a Primitive that the reverse sweep asks for, for one call of a Function."""

    __slots__ = ("backward_name", "cls", "ctx", "joint", "n_in", "n_saved", "name", "saved_outputs")
    vjp: tuple = ()
    kind = "custom"
    n_out = 0
    holomorphic = False
    view = False

    def reads(self, n_args: int, needs: tuple) -> tuple:
        return (2,) * n_args if self.n_saved else (0,) * n_args, bool(self.saved_outputs)


class Function:
    """Base of operations with a hand-written derivative.

    Override `forward(ctx, *args)` (or `forward(*args)` with `setup_context(ctx, inputs, output)`) and
    `backward(ctx, *grad_outputs)`, both static methods, and call `YourFunction.apply(*args)`.

    >>> import chainrule as cr
    >>> class Double(cr.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> Double.apply(x).backward()
    >>> x.grad
    tensor(2.)
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The operation itself; runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
        """With a forward that takes no ctx: save what backward needs."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Cotangents of the inputs (None where there is none), one per argument of forward."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Tangents of the outputs from tangents of the inputs (None where there is none)."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: tuple, *args: Any) -> Any:
        """(outputs, out_dims) for arguments with a batch dimension."""
        raise NotImplementedError("vmap is not implemented")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward and record it with backward as its derivative."""
        if any(isinstance(a, Tracer) for a in args):
            from .function_transforms import apply_traced

            return apply_traced(cls, args, kwargs)
        return run(cls, args, kwargs)


def separate_context(cls: type[Function]) -> bool:
    """Does the class use the style with setup_context?"""
    return cls.setup_context is not Function.setup_context


def call_forward(cls: type[Function], ctx: Any, args: tuple, kwargs: dict) -> Any:
    """forward, in either style, without recording."""
    with no_grad():
        if separate_context(cls):
            output = cls.forward(*args, **kwargs)
            cls.setup_context(ctx, args, output)
            return output
        return cls.forward(ctx, *args, **kwargs)


def run(cls: type[Function], args: tuple, kwargs: dict) -> Any:
    """apply() on plain tensors."""
    ctx = FunctionCtx()
    ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._node is not None for a in args)
    recorded = state.grad_enabled and any(ctx.needs_input_grad)
    edges = tuple(a._node if isinstance(a, Tensor) else None for a in args)
    output = call_forward(cls, ctx, args, kwargs)
    single = not isinstance(output, (tuple, list))
    outputs = (output,) if single else tuple(output)
    for out in outputs:
        if out is not None and single and not isinstance(out, Tensor):
            raise TypeError(
                f"{cls.__name__}.forward: expected Tensor or tuple of Tensor for output, got {type(out).__name__}"
            )
    dirty = {id(t) for t in ctx._dirty}
    if recorded:
        for t in ctx._dirty:
            if type(t._node) is Accumulate:
                raise InplaceError("a leaf Variable that requires grad is being used in an in-place operation.")
    inputs = {id(a) for a in args if isinstance(a, Tensor)}
    fresh = tuple(
        o if not isinstance(o, Tensor) or id(o) in dirty else wrap(o._data) if id(o) in inputs or recorded else o
        for o in outputs
    )
    if recorded:
        record(cls, ctx, edges, outputs, fresh)
    return fresh[0] if single else fresh


def record(cls: type[Function], ctx: FunctionCtx, edges: tuple, outputs: tuple, fresh: tuple) -> None:
    """Put one call on the tape; `fresh` are the tensors to return, `outputs` those that forward returned."""
    cut = {id(t) for t in ctx._non_differentiable}
    position = {id(o): i for i, o in enumerate(outputs) if isinstance(o, Tensor)}
    prim = new_object(_FunctionRecord)
    prim.name = cls.__name__
    prim.backward_name = f"{cls.__name__}Backward"
    prim.cls, prim.ctx, prim.n_in, prim.n_saved = cls, ctx, len(edges), len(ctx._to_save)
    saved_raw, saved_edges, saved_outputs = [], [], {}
    for k, t in enumerate(ctx._to_save):
        check_saved(t, cls.__name__)
        if t is not None and id(t) in position and t._node is None:
            saved_outputs[k] = position[id(t)]
            saved_raw.append(None)
            saved_edges.append(None)
        else:
            saved_raw.append(None if t is None else t._data)
            saved_edges.append(None if t is None else t._node)
    ctx._to_save = ()
    prim.saved_outputs = saved_outputs
    prim.joint = functools.partial(_joint, prim)
    node = new_object(Node)
    node.prim = prim
    node.args = (*(None for _ in edges), *saved_raw)
    specs = tuple(
        Spec(raw_shape(o), raw_dtype(o)) if isinstance(o, Tensor) else Spec((), np.dtype("f4")) for o in fresh
    )
    kept = set(saved_outputs.values())
    node.ans = tuple(o._data if i in kept else s for i, (o, s) in enumerate(zip(fresh, specs, strict=True)))
    node.params, node.shapes, node.meta = None, None, None
    node.edges = (*edges, *saved_edges)
    node.seq = next_seq()
    node.code, node.lasti = here(3)
    for i, (given, out) in enumerate(zip(outputs, fresh, strict=True)):
        if isinstance(out, Tensor) and id(given) not in cut and is_inexact(raw_dtype(out)):
            out._node = Select(node, i)
        elif isinstance(out, Tensor):
            out._node = None


def _joint(prim: _FunctionRecord, g: list, ans: tuple, args: tuple, needs: tuple, **params: Any) -> list:
    """Call the user's backward in the sweep: on tensors, recording only under create_graph."""
    ctx, cls = prim.ctx, prim.cls
    create = any(isinstance(x, Tensor) for x in g)
    saved = []
    for k in range(prim.n_saved):
        value = ans[prim.saved_outputs[k]] if k in prim.saved_outputs else args[prim.n_in + k]
        saved.append(value if value is None or isinstance(value, Tensor) else wrap(value))
    grads: list[Any] = []
    for x, out in zip(g, ans, strict=True):
        if x is None:
            grads.append(wrap(np.zeros(out.shape, raw_dtype(out))) if ctx._materialize else None)
        else:
            grads.append(x if isinstance(x, Tensor) else wrap(np.asarray(x) if isinstance(x, np.generic) else x))
    ctx._saved = tuple(saved)
    try:
        with enable_grad() if create else no_grad():
            found = cls.backward(ctx, *grads)
    finally:
        ctx._saved = None
    found = found if isinstance(found, tuple) else (found,)
    n = prim.n_in
    if len(found) < n or any(f is not None for f in found[n:]):
        raise GraphError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {n}, got "
            f"{len(found)}): return one for each argument of forward, None where there is none"
        )
    results: list[Any] = []
    for c, need in zip(found[:n], needs[:n], strict=True):
        if not need or c is None:
            results.append(None)
        elif isinstance(c, Tensor):
            results.append(c if create or isinstance(c, Tracer) else c._data)
        else:
            results.append(wrap(np.asarray(c)) if create else np.asarray(c))
    return results + [None] * (len(needs) - n)


def once_differentiable(backward: Callable) -> Callable:
    """For a backward that cannot be recorded: differentiating through it raises instead of being wrong."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *grads: Any) -> Any:
        with no_grad():
            found = backward(ctx, *grads)
        sources = [t for t in (*grads, *ctx.saved_tensors) if isinstance(t, Tensor) and t._node is not None]
        if not state.grad_enabled or not sources:
            return found
        single = not isinstance(found, tuple)
        outs: Sequence[Any] = (found,) if single else found
        blocked = tuple(_NoSecond.apply(o, *sources) if isinstance(o, Tensor) else o for o in outs)
        return blocked[0] if single else blocked

    return wrapper


class _NoSecond(Function):
    @staticmethod
    def forward(ctx: Any, value: Any, *grads: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise NotDifferentiableError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


class InplaceFunction(Function):
    """PyTorch's old name for a Function that may write in place."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace
