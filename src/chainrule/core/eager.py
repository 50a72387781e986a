"""The eager call path: run a primitive on raw arrays and, if a gradient may be asked for, record one Node.

`bind` is the general path; rules call the same functions on raw arrays (backward) and on tensors or tracers (higher
order, other transformations). The hot path of elementwise operations is in elementwise.py.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from sys import _getframe
from typing import Any

import numpy as np

from . import primitive as primitive_module
from .dtypes import F32, F64, is_inexact
from .errors import ArgumentError, ChainruleError, GraphError, ShapeError, UnsupportedDTypeError
from .exits import left
from .primitive import SPEC, VALUE, Primitive
from .provenance import describe, here, last, user_frame
from .state import next_seq, special, state
from .tape import Accumulate, Light, Link1, Node, Select, Spec
from .value import InferenceTensor, Memory, Tensor, Tracer, new_object, raw_shape, wrap
from .writes import times_written

ndarray = np.ndarray
ONE = (True,)
asarray = np.asarray


def bind(prim: Primitive, args: tuple, params: dict) -> Any:
    """Apply a primitive to tensors, tracers, symbols or raw arrays; raw arrays in, raw arrays out."""
    if special.on:
        if state.mode == 2:
            return bind_general(prim, args, params)
    elif len(args) == 1 and type(args[0]) is Tensor and prim.n_out == 1:
        return bind_one(prim, args[0], params)
    raws, edges, lifted, recorded = [], [], False, False
    for x in args:
        if type(x) is Tensor:
            raws.append(x._data)
            edge = x._node
            edges.append(edge)
            lifted = True
            if edge is not None:
                recorded = True
        elif isinstance(x, Tensor):
            if len(args) == 1 and isinstance(x, Tracer) and not special.on and not prim.view:
                return x._trace.process(prim, args, params)
            return bind_general(prim, args, params)
        else:
            raws.append(x)
            edges.append(None)
    try:
        ans = prim.impl(np, *raws, **params)
    except ChainruleError:
        raise
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise operand_error(prim, raws, params, error) from error
    if not lifted:
        return ans
    return finish(prim, args, raws, edges, params, ans, recorded and state.mode == 0)


primitive_module._bind = bind


def bind_one(prim: Primitive, input: Tensor, params: dict) -> Any:
    """`bind` for one tensor and one result while no mode is on: the same in less time."""
    x = input._data
    try:
        ans = prim.impl(np, x, **params)
    except ChainruleError:
        raise
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        raise operand_error(prim, (x,), params, error) from error
    edge = input._node
    if type(ans) is not ndarray or (edge is not None and (prim.cut or prim.joint is not None)):
        return finish(prim, (input,), (x,), (edge,), params, ans, edge is not None)
    out = new_object(Tensor)
    out._data = ans
    out._node = None
    if edge is not None:
        dtype = ans.dtype
        if dtype is not F32 and dtype is not F64:
            return finish(prim, (input,), (x,), (edge,), params, ans, True)
        (kind,), keep_ans = prim.reads(1, ONE)
        out._node = node = new_object(Link1)
        node.prim = prim
        node.x = x if kind == VALUE else Spec(x.shape, x.dtype) if kind == SPEC else None
        node.ans = ans if keep_ans else None
        node.edge = edge
        node.params = params
        node.meta = None
        node.seq = next_seq()
        frame = _getframe(2)
        code = frame.f_code
        if code is not last.code:
            frame = user_frame(frame)
            last.code = code = frame.f_code
        node.code = code
        node.lasti = frame.f_lasti
    if prim.view and is_alias(ans, x):
        register_view(out, input, prim, params)
    return out


def finish(prim: Primitive, args: Any, raws: Any, edges: Any, params: dict, ans: Any, recorded: bool) -> Any:
    """Wrap raw results as tensors, recording a node if `recorded`."""
    if prim.n_out == 1:
        if type(ans) is not ndarray and isinstance(ans, (np.generic, int, float, complex)):
            ans = asarray(ans)
        out = new_object(Tensor)
        out._data = ans
        out._node = (
            make_node(prim, raws, edges, params, ans) if recorded and not prim.cut and is_inexact(ans.dtype) else None
        )
        if prim.view and len(raws) == 1 and is_alias(ans, raws[0]):
            register_view(out, args[0], prim, params)
        elif out._node is None and state.grad_enabled is False:
            note_cut(out, edges)
        elif recorded and out._node is None:
            left(prim.name, edges, 4)
        return out
    ans = tuple(asarray(a) if isinstance(a, (np.generic, int, float)) else a for a in ans)
    outs = tuple(wrap(a) for a in ans)
    if state.grad_enabled is False and not prim.view:
        for out in outs:
            note_cut(out, edges)
    if recorded and any(is_inexact(a.dtype) for a in ans):
        node = make_node(prim, raws, edges, params, ans)
        for i, out in enumerate(outs):
            if is_inexact(out._data.dtype):
                out._node = Select(node, i)
    if prim.view and len(raws) == 1:
        for i, out in enumerate(outs):
            if is_alias(out._data, raws[0]):
                register_view(out, args[0], prim, params, i)
    return outs


def note_cut(out: Tensor, edges: Any) -> None:
    """Remember why and where recording stopped, for why_none; a result of inference mode becomes one in kind."""
    if state.inference and state.stage is None:
        out.__class__ = InferenceTensor
    for e in edges:
        if e is not None:
            out._why_cut = ("no_grad", *left("no_grad", edges, 4))
            return


def make_node(prim: Primitive, raws: Any, edges: Any, params: dict, ans: Any) -> Node | Link1:
    """A node for the tape, holding only what the rules of the needed arguments read."""
    multiple = prim.n_out != 1
    first = ans[0] if multiple else ans
    if prim.holomorphic and first.dtype.kind == "c":
        prim = conjugate_twin(prim)
    kinds, keep_ans = prim.reads(len(raws), tuple([e is not None for e in edges]))
    args = (
        [
            r if k == VALUE or not isinstance(r, ndarray) else Spec(r.shape, r.dtype) if k == SPEC else None
            for r, k in zip(raws, kinds, strict=True)
        ]
        if state.stage is None
        else raws
    )
    if len(raws) == 1 and not multiple and prim.joint is None and not state.saved_hooks:
        node: Any = new_object(Link1)
        node.x = args[0]
        node.edge = edges[0]
    else:
        node = new_object(Node if keep_ans or VALUE in kinds else Light)
        node.args = tuple(args)
        node.edges = tuple(edges)
        node.shapes = None
        if prim.undoes_broadcast:
            shape = ans.shape
            for r in raws:
                if raw_shape(r) != shape:
                    node.shapes = tuple([raw_shape(r) for r in raws])
                    break
    node.prim = prim
    node.ans = ans if keep_ans else tuple(Spec(a.shape, a.dtype) for a in ans) if multiple else None
    node.params = params
    node.seq = next_seq()
    frame = _getframe(2)
    code = frame.f_code
    if code is not last.code:
        frame = user_frame(frame)
        last.code = code = frame.f_code
    node.code, node.lasti = code, frame.f_lasti
    node.meta = None
    if state.saved_hooks:
        pack_saved(node)
    return node


def pack_saved(node: Node) -> None:
    """Hand what the node saved to the innermost saved_tensors_hooks; unpacked when backward reads it."""
    pack, unpack = state.saved_hooks[-1]
    node.needs_meta().packed = True
    depth = state.saved_hooks
    state.saved_hooks = ()
    state.refresh()

    def packed(a: ndarray, like: Any = None) -> Packed:
        before = times_written(a)
        handle = pack(wrap(a))
        if times_written(a) != before:
            raise GraphError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can "
                "not be modified by in-place operations: return a new tensor, for example x + 1 instead of x.add_(1)."
            )
        return Packed(handle, unpack, like)

    try:
        args = list(node.args or ())
        for i, (a, edge) in enumerate(zip(args, node.edges, strict=False)):
            if isinstance(a, ndarray):
                state.saving = (maker(edge), node.prim.name)
                args[i] = packed(a)
        node.args = tuple(args)
        state.saving = (node.prim.name, node.prim.name)
        if isinstance(node.ans, ndarray):
            node.ans = packed(node.ans)
        elif isinstance(node.ans, tuple):
            node.ans = tuple([packed(a, a) if isinstance(a, ndarray) else a for a in node.ans])
    finally:
        state.saving = ("", "")
        state.saved_hooks = depth
        state.refresh()


def maker(edge: Any) -> str:
    """Name of the operation that made a value with this place on the tape; "leaf" or, off the tape, "constant"."""
    if edge is None:
        return "constant"
    if type(edge) is Accumulate:
        return "leaf"
    return (edge.node if type(edge) is Select else edge).prim.name


class Packed:
    """A saved array in the form that a user's pack hook gave it."""

    __slots__ = ("dtype", "handle", "shape", "unpack")

    def __init__(self, handle: Any, unpack: Callable, like: Any = None) -> None:
        self.handle, self.unpack = handle, unpack
        if like is not None:  # one of several results, whose shape has to stay known
            self.shape, self.dtype = like.shape, like.dtype

    def get(self) -> Any:
        found = self.unpack(self.handle)
        return found._data if isinstance(found, Tensor) else found


def bind_general(prim: Primitive, args: tuple, params: dict) -> Any:
    """The path for tracers, staging, saved-tensor hooks, profiles and subclasses of Tensor."""
    profile = state.profile
    if profile is None:
        return _bind_general(prim, args, params)
    profile.begin("forward", prim.name, *here(2))
    try:
        return _bind_general(prim, args, params)
    finally:
        profile.end()


def _bind_general(prim: Primitive, args: tuple, params: dict) -> Any:
    top = state.recorder
    if top is not None and not prim.effect and not any(isinstance(x, Tensor) for x in args):
        top = None
    for x in args:
        if isinstance(x, Tracer) and (top is None or x._trace.level > top.level):
            top = x._trace
        elif isinstance(x, Tensor) and x._is_lazy:
            check_initialized(prim)
    if top is not None:
        out = top.process(prim, args, params)
        if prim.view and len(args) == 1:
            for i, o in enumerate(out if isinstance(out, tuple) else (out,)):
                if isinstance(o, Tracer):
                    register_view(o, args[0], prim, params, i if isinstance(out, tuple) else None)
        return out
    stage = state.stage
    lifted = any(isinstance(x, Tensor) for x in args)
    if stage is not None:
        raws = [stage.lift(x) if isinstance(x, Tensor) else x for x in args]
        if lifted or any(stage.is_symbol(x) for x in raws) or prim.effect:
            ans = stage.process(prim, tuple(raws), params)
        else:
            ans = prim.impl(np, *raws, **params)
    else:
        raws = [x._data if isinstance(x, Tensor) else x for x in args]
        try:
            ans = prim.impl(np, *raws, **params)
        except ChainruleError:
            raise
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            raise operand_error(prim, raws, params, error) from error
    if not lifted:
        return ans
    edges = [x._node if isinstance(x, Tensor) else None for x in args]
    recorded = state.grad_enabled and any(e is not None for e in edges)
    if recorded and any(type(x) is InferenceTensor for x in args):
        kinds, _ = prim.reads(len(args), tuple([e is not None for e in edges]))
        for x, kind in zip(args, kinds, strict=True):
            if kind == VALUE:
                check_saved(x, prim.name)
    return finish(prim, args, raws, edges, params, ans, recorded)


def check_initialized(prim: Primitive) -> None:
    """Refuse to compute with a lazy module's tensor before it has values; only its dtype may change."""
    if prim.name != "cast":
        code, lasti = here(3)
        raise ArgumentError(
            f"Attempted to use an uninitialized parameter in {prim.name} at {describe(code, lasti)}. A lazy module's "
            f"tensors get their shapes from its first input: call the module with a batch first."
        )


def check_saved(x: Any, name: str) -> None:
    """Refuse to save a tensor of inference mode for a gradient."""
    if type(x) is InferenceTensor:
        code, lasti = here(2)
        raise GraphError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            f"computation tracked by autograd. {name} at {describe(code, lasti)} needs one of shape {raw_shape(x)}. "
            "Write x.clone() to get a normal tensor, or use no_grad() instead of inference_mode()."
        )


# ---- views ----------------------------------------------------------------------------------------------------------


def is_alias(ans: Any, source: Any) -> bool:
    """Does a view primitive's answer share memory with its argument? (Symbols of a view always count as one.)"""
    if type(ans) is not ndarray:
        return True
    if ans is source:
        return True
    base = ans.base
    return base is not None and (base is source or base is getattr(source, "base", None))


def register_view(out: Tensor, source: Tensor, prim: Primitive, params: dict, index: int | None = None) -> None:
    """Let `source`'s root know of a view, so that a functional write to either reaches the other."""
    root = source._base
    if root is None:
        root = source
        out._replay = ((prim, params, index),)
    else:
        out._replay = (*(source._replay or ()), (prim, params, index))
    out._base = root
    if type(source) is InferenceTensor:
        out.__class__ = InferenceTensor
    kind = source._view_kind
    if kind is None and not state.grad_enabled:
        kind = "inference" if state.inference else "no_grad"
    if kind is None and index is not None:
        kind = "several"
    if kind is not None:
        out._view_kind = kind
    views = root._views
    if views is None:
        root._views = [weakref.ref(out)]
    else:
        views.append(weakref.ref(out))
        if len(views) >= 64 and len(views) & (len(views) - 1) == 0:  # at powers of two: drop the dead
            views[:] = [v for v in views if v() is not None]


def register_alias(out: Tensor, source: Tensor) -> None:
    """Let `out`, a detached `source`, and all that shares their memory know of one another."""
    root = source._base
    if root is None:
        root = source
    if type(source) is InferenceTensor:
        out.__class__ = InferenceTensor
    found = root._alias
    if found is None:
        found = root._alias = Memory(root._data if type(root._data) is ndarray else None), ()
        found[0].members.append(weakref.ref(root))
    memory, replay = found
    out._alias = memory, (*replay, *(source._replay or ()))
    memory.members[:] = [m for m in memory.members if m() is not None]
    memory.members.append(weakref.ref(out))


_stop: Any = None  # the `stop_gradient` primitive; ops/ sets it


def conjugate_twin(prim: Primitive) -> Primitive:
    """The same primitive with rules for complex cotangents: PyTorch's convention, conj(rule(conj(ct)))."""
    twin = prim._cache.get("conjugate")
    if twin is None:

        def conjugated(rule: Callable) -> Callable:
            def conjugate_rule(ct: Any, ans: Any, *args: Any, **params: Any) -> Any:
                return rule(ct.conj(), ans, *args, **params).conj()

            conjugate_rule.reads_like = rule  # type: ignore[attr-defined]
            return conjugate_rule

        twin = new_object(Primitive)
        for name in Primitive.__slots__:
            object.__setattr__(twin, name, getattr(prim, name))
        object.__setattr__(twin, "vjp", tuple(r and conjugated(r) for r in prim.vjp))
        object.__setattr__(twin, "_cache", {})
        prim._cache["conjugate"] = twin
    return twin


# ---- errors ----------------------------------------------------------------------------------------------------------


def operand_error(prim: Primitive, raws: Any, params: dict, error: Exception) -> Exception:
    """The error for operands that an implementation refused: operation, shapes and dtypes seen, line, and reason."""
    arrays = [r for r in raws if hasattr(r, "shape")]
    seen = ", ".join(f"{tuple(r.shape)} {r.dtype}" for r in arrays)
    code, lasti = here(2)
    place = f" at {describe(code, lasti)}"
    if isinstance(error, (ValueError, IndexError)) and prim.undoes_broadcast and len(arrays) >= 2:
        a, b = tuple(arrays[0].shape), tuple(arrays[1].shape)
        for i in range(1, min(len(a), len(b)) + 1):
            if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
                dim = max(len(a), len(b)) - i
                return ShapeError(
                    f"{prim.name}: The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                    f"non-singleton dimension {dim}: shapes {a} and {b} do not broadcast{place}. Reshape one, for "
                    f"example with `b.unsqueeze(dim)` or `b[:, None]`, so that sizes are equal or 1 from the right."
                )
    kind = {IndexError: IndexError, OverflowError: OverflowError}.get(type(error))
    text = f"{prim.name}: {error} (operands: {seen}; arguments: {params}){place}"
    if kind is not None:
        return kind(text)
    return UnsupportedDTypeError(text) if isinstance(error, TypeError) else ShapeError(text)
