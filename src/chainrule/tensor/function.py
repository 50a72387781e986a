"""autograd.Function: an operation with a derivative of the user's own."""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.eager import check_saved, pack_saved
from ..core.elementwise import cast_to
from ..core.errors import GraphError, InplaceError, NotDifferentiableError, ShapeError
from ..core.provenance import here
from ..core.state import next_seq, state
from ..core.tape import Accumulate, Select, Spec
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape, wrap
from ..ops.broadcasting import unbroadcast
from .function_context import FunctionCtx, FunctionNode, FunctionRecord
from .hooks import as_saved
from .modes import enable_grad, no_grad
from .rebinding import rebind

ndarray = np.ndarray


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
    _backward_cls: type = FunctionNode

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        names = {"__slots__": (), "__module__": cls.__module__, "_forward_cls": cls}
        cls._backward_cls = type(f"{cls.__name__}Backward", (FunctionNode,), names)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self).__name__} should not be instantiated. Methods on autograd functions are all static: write "
            f"{type(self).__name__}.apply(...)",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: the way to call a function is `apply`, on the class."""
        raise GraphError(
            "Legacy autograd function with non-static forward method is deprecated. Write forward and backward as "
            f"static methods (@staticmethod, with ctx in the place of self) and call {type(self).__name__}.apply(...)."
        )

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
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name for `backward`; override one of the two."""
        raise NotImplementedError  # a default: `rule_of` says what is missing

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


def rule_of(cls: type[Function]) -> Callable:
    """The user's rule for reverse mode, under whichever of its two names."""
    if cls.vjp is Function.vjp:
        return cls.backward
    if cls.backward is not Function.backward:
        raise GraphError(
            "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement "
            "one of them."
        )
    return cls.vjp


def with_defaults(cls: type[Function], args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """All arguments of forward by position, default values included, for setup_context's `inputs`."""
    try:
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return args, kwargs
    bound.apply_defaults()
    return bound.args, bound.kwargs


def call_forward(cls: type[Function], ctx: Any, args: tuple, kwargs: dict) -> Any:
    """forward, in either style, without recording."""
    with no_grad():
        if separate_context(cls):
            output = cls.forward(*args, **kwargs)
            cls.setup_context(ctx, args, output)
            return output
        return cls.forward(ctx, *args, **kwargs)


def run(cls: type[Function], args: tuple, kwargs: dict, ctx: FunctionCtx | None = None) -> Any:
    """apply() on plain tensors, with a new context or the one given."""
    ctx = FunctionCtx() if ctx is None else ctx
    if separate_context(cls):
        args, kwargs = with_defaults(cls, args, kwargs)
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
    inputs = {id(a) for a in args if isinstance(a, Tensor)}
    dirty = _dirty(ctx, args, outputs, recorded)
    made: dict[int, Any] = {}
    for o in outputs:
        if id(o) not in made:
            made[id(o)] = _result(o, id(o) in inputs, recorded) if isinstance(o, Tensor) and id(o) not in dirty else o
    fresh = tuple(made[id(o)] for o in outputs)
    if recorded:
        record(cls, ctx, args, edges, outputs, fresh)
    for o in fresh:
        if isinstance(o, Tensor) and o._base is not None and id(o) not in dirty and state.grad_enabled:
            o._view_kind = "custom" if single else "several"
    return fresh[0] if single else fresh


def _dirty(ctx: FunctionCtx, args: tuple, outputs: tuple, recorded: bool) -> set[int]:
    """Ids of the inputs that forward wrote to, after the checks that a recorded write asks for."""
    inputs = {id(a) for a in args if isinstance(a, Tensor)}
    returned = {id(o) for o in outputs}
    for t in ctx._dirty:
        if id(t) not in inputs:
            warnings.warn(
                "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no need "
                "to pass it to mark_dirty().",
                UserWarning,
                stacklevel=4,
            )
            continue
        if id(t) not in returned:
            raise InplaceError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that "
                "are modified inplace must all be outputs of the Function."
            )
        if not recorded:
            continue
        if type(t._node) is Accumulate:
            raise InplaceError("a leaf Variable that requires grad is being used in an in-place operation.")
        if t._base is not None and len(outputs) > 1:
            raise InplaceError(
                "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot "
                "return more than one Tensor: write into a clone(), or return one result."
            )
    return {id(t) for t in ctx._dirty if id(t) in inputs}


def _result(out: Tensor, is_input: bool, recorded: bool) -> Tensor:
    """The tensor to hand out for one that forward returned: itself, or a view if it is an argument of apply()."""
    if is_input:
        with no_grad():
            return out.view(raw_shape(out))  # type: ignore[attr-defined]
    if recorded and (out._node is not None or type(out) is not Tensor):
        return wrap(out._data)
    out.__dict__.pop("_why_cut", None)
    return out


def record(cls: type[Function], ctx: FunctionCtx, args: tuple, edges: tuple, outputs: tuple, fresh: tuple) -> None:
    """Put one call on the tape; `fresh` are the tensors to return, `outputs` those that forward returned."""
    cut = {id(t) for t in ctx._non_differentiable}
    position = {id(o): i for i, o in enumerate(outputs) if isinstance(o, Tensor)}
    prim = new_object(FunctionRecord)
    prim.name = cls.__name__
    prim.backward_name = f"{cls.__name__}Backward"
    prim.cls, prim.ctx, prim.n_in, prim.n_saved = cls, ctx, len(edges), len(ctx._to_save)
    prim.given = tuple((raw_shape(a), raw_dtype(a)) if isinstance(a, Tensor) else None for a in args)
    prim.cut = tuple(
        bool(id(o) in cut or not is_inexact(raw_dtype(o))) if isinstance(o, Tensor) else None for o in outputs
    )  # None: not a tensor
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
    prim.saved_outputs, prim.saved_edges = saved_outputs, tuple(saved_edges)
    prim.joint = functools.partial(_joint, prim)
    node = new_object(cls._backward_cls)
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
    if state.saved_hooks:
        pack_saved(node)
    ctx._place = weakref.ref(node)
    done: dict[int, int] = {}
    for i, (given, out) in enumerate(zip(outputs, fresh, strict=True)):
        if not isinstance(out, Tensor):
            continue
        if id(out) in done:  # the same tensor twice: its cotangent arrives at the first place
            continue
        done[id(out)] = i
        place = None if prim.cut[i] is not False else Select(node, i)
        if any(given is t for t in ctx._dirty) and (out._base is not None or out._views):
            rebind(out, wrap(out._data, place), f"{cls.__name__}.apply")
        else:
            out._node = place


def _joint(prim: FunctionRecord, g: list, ans: tuple, args: tuple, needs: tuple, **params: Any) -> list:
    """Call the user's backward in the sweep: on tensors, recording only under create_graph."""
    ctx, cls = prim.ctx, prim.cls
    rule = rule_of(cls)
    create = any(isinstance(x, Tensor) for x in g)
    saved = []
    for k, edge in enumerate(prim.saved_edges):
        value = ans[prim.saved_outputs[k]] if k in prim.saved_outputs else args[prim.n_in + k]
        saved.append(value if value is None or isinstance(value, Tensor) else as_saved(value, edge))
    grads: list[Any] = []
    for x, out, cut in zip(g, ans, prim.cut, strict=True):
        if x is not None:
            grads.append(x if isinstance(x, Tensor) else wrap(np.asarray(x) if isinstance(x, np.generic) else x))
        elif cut is None or not ctx._materialize or (cut and not ctx._materialize_non_diff_grads):
            grads.append(None)
        else:
            grads.append(wrap(np.zeros(out.shape, raw_dtype(out))))
    ctx._saved = tuple(saved)
    try:
        with enable_grad() if create else no_grad():
            found = rule(ctx, *grads)
    finally:
        ctx._saved = None
    found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    n = prim.n_in
    if len(found) < n or any(f is not None for f in found[n:]):
        raise GraphError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {n}, got "
            f"{len(found)}): return one for each argument of forward, None where there is none"
        )
    results: list[Any] = []
    for i, (c, need) in enumerate(zip(found[:n], needs[:n], strict=True)):
        if not need or c is None:
            results.append(None)
            continue
        if isinstance(c, Tensor):
            c = c if create or isinstance(c, Tracer) else c._data
        else:
            c = wrap(np.asarray(c)) if create else np.asarray(c)
        results.append(_fitted(c, prim, i))
    return results + [None] * (len(needs) - n)


def _fitted(c: Any, prim: FunctionRecord, i: int) -> Any:
    """A cotangent that backward returned, in the shape and dtype of the argument it belongs to."""
    shape, dtype = prim.given[i]
    have = raw_shape(c)
    if have != shape:
        if len(have) < len(shape) or any(a not in (b, 1) for a, b in zip(shape[::-1], have[::-1], strict=False)):
            raise ShapeError(
                f"Function {prim.backward_name} returned an invalid gradient at index {i} - got {list(have)} but "
                f"expected shape compatible with {list(shape)}, that of the argument"
            )
        c = unbroadcast(c, shape)
    if raw_dtype(c) != dtype:
        if raw_dtype(c).kind == "c" and dtype.kind != "c":
            c = c.real
        c = cast_to(c, dtype) if isinstance(c, Tensor) else np.asarray(c, dtype)
    return c[...] if type(c) is ndarray else c  # a view: the user may hold the array, or have returned it twice


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
        super().__init__()
        self.inplace = inplace
