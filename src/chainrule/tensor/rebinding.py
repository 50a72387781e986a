"""Functional updates: a tensor object takes over new values, node and all, and all that shares its memory follows.

Views are made again from their base, a write to a view reaches the base, and a tensor on the other side of a detach()
gets the values but keeps its own place in the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import eager
from ..core.errors import InplaceError
from ..core.provenance import describe, here
from ..core.state import state
from ..core.tape import Node
from ..core.value import Memory, Tensor, Tracer, raw_shape, wrap
from ..core.writes import times_written

ndarray = np.ndarray


def forbidden_view(target: Tensor, name: str) -> InplaceError:
    """The error for a recorded write through a view of which it is not clear what it should mean."""
    if target._view_kind in ("several", "custom"):
        maker = target.grad_fn  # type: ignore[attr-defined]
        which = getattr(target._node, "index", 0)
        text = f"Output {which} of {maker.name()} is a view" if maker is not None else "This tensor is a view"
        if target._view_kind == "custom":
            return InplaceError(
                f"{text} and is being modified inplace. This view was created inside a custom Function (or because an "
                f"input was returned as-is), and {name} would override the custom backward of the Function. Write "
                f"y = y.clone() before {name}, or return a clone() from forward."
            )
        return InplaceError(
            f"{text} and is being modified inplace. This view is the output of a function that returns "
            "multiple views. Such functions do not allow the output views to be modified inplace. You should replace "
            "the inplace operation by an out-of-place one, or index the base: `base[i]`."
        )
    mode = target._view_kind
    there = "with grad mode enabled" if mode == "no_grad" else "in normal mode"
    return InplaceError(
        f"A view was created in {mode} mode and is being modified inplace {there} by {name}. Given that this use case "
        f"is ambiguous and error-prone, it is forbidden. Move both the view and the inplace operation inside the "
        f"{mode} block, or both outside of it."
    )


KEPT = ("_base", "_replay", "_views", "_alias", "_view_kind", "_rebinds", "_label")  # of the object, whatever it holds


def become(target: Tensor, result: Tensor, keep_node: bool = False) -> None:
    """Let the object `target` stand for `result`: payload, node, and if need be the kind of value."""
    trace = getattr(result, "_trace", None)
    if trace is not None and trace is not getattr(target, "_trace", None):
        trace.took(target)
    if type(target) is not type(result) and (isinstance(target, Tracer) or isinstance(result, Tracer)):
        kept = {k: v for k, v in target.__dict__.items() if k in KEPT}
        target.__class__ = type(result)
        target.__dict__.clear()
        target.__dict__.update({k: v for k, v in result.__dict__.items() if k not in KEPT[:5]})
        target.__dict__.update(kept)
    elif isinstance(target, Tracer):
        for field, value in result.__dict__.items():
            if field not in KEPT:
                target.__dict__[field] = value
    target._data = result._data
    if not keep_node:
        _keep_retaining(target._node, result._node)
        target._node = result._node


def _keep_retaining(old: Any, new: Any) -> None:
    """After a write, retain_grad() is about the tensor's new value: move it from the old place on the tape."""
    meta = getattr(old, "meta", None)
    if meta is not None and meta.retain is not None and new is not None and new is not old:
        new.needs_meta().retain, meta.retain = meta.retain, None


def rebind(target: Tensor, result: Tensor, name: str) -> None:
    """A functional update: `target` takes over `result`; its base and all live views follow."""
    stage = state.stage
    if target._view_kind is not None and state.grad_enabled and not isinstance(target, Tracer):
        raise forbidden_view(target, name)
    quiet = not state.grad_enabled and not isinstance(result, Tracer)  # staged no_grad: values change, nodes stay
    root = target if target._base is None else target._base
    if stage is not None:
        stage.touch(target)
        stage.touch(root)
    new = result if root is target else _written_back(root, target._replay or (), result, name)
    before = root._data
    arrays = type(new) is Tensor and type(before) is type(new._data) is ndarray and before.shape == new._data.shape
    if arrays and not before.flags.c_contiguous:  # the same layout, so that the same views of it are views
        data = np.empty_like(before)
        data[...] = new._data
        new._data = data
    shared = _shared_values(root, new, name)
    root._rebinds += 1 + times_written(before)
    become(root, new, keep_node=quiet)
    for other, value in shared:
        written = times_written(other._data)
        if other is root:
            root._data = value._data  # the same values, where the others have theirs
        else:
            become(other, value, keep_node=True)
            other._rebinds += 1 + written
            _refresh_views(other, quiet=True)
    _refresh_views(root, quiet)


def _shared_values(root: Tensor, new: Tensor, name: str) -> list[tuple[Tensor, Tensor]]:
    """The tensors that share `root`'s memory across a detach(), with the values that they get when it becomes `new`."""
    if root._alias is None:
        return []
    memory, replay = root._alias
    value = eager._stop(new)
    found = []
    if replay:
        value = _written_back(_whole(memory, name), replay, value, name)
    for other in [m for m in (ref() for ref in memory.members) if m is not None]:
        if other is root and not replay:
            continue
        there = _replayed(value, other._alias[1])
        foreign = type(there) is not type(other) or getattr(there, "_trace", None) is not getattr(other, "_trace", None)
        if other is not root and isinstance(other, Tracer) and (foreign or _would_lose(other)):
            raise InplaceError(
                f"{name} writes into the memory of a tensor that is being transformed, through a detached one. "
                f"Write `y = x.detach().clone()` first and {name} into `y`."
            )
        if state.stage is not None:
            state.stage.touch(other)
        if other is not root or type(there) is type(root) is Tensor:
            found.append((other, there))
    if type(value._data) is ndarray:
        memory.raw = value._data
    return found


def _would_lose(other: Tracer) -> bool:
    """Does this value carry derivatives besides its own node, which new values in its memory would not have?"""
    value: Any = other
    while isinstance(value, Tensor):
        if getattr(value, "_tangent", None) is not None or (value is not other and value._node is not None):
            return True
        value = value._data
    return False


def _whole(memory: Memory, name: str) -> Tensor:
    """What is in shared memory now, outside of the graph."""
    for other in [m for m in (ref() for ref in memory.members) if m is not None]:
        if not other._alias[1]:
            return eager._stop(other)
    if memory.raw is None:
        raise InplaceError(f"{name} writes into a detached view of a tensor that is gone. Write into a clone().")
    return wrap(memory.raw)


def _replayed(value: Any, replay: tuple) -> Any:
    """The view of `value` that `replay` describes."""
    for prim, params, index in replay:
        value = eager.bind(prim, (value,), params)
        if index is not None:
            value = value[index]
    return value


def live_views(root: Tensor) -> list[Tensor]:
    return [v for v in (ref() for ref in root._views or ()) if v is not None]


def _refresh_views(root: Tensor, quiet: bool) -> None:
    """Make every live view of `root` again from its present value."""
    for view in live_views(root):
        if state.stage is not None:
            state.stage.touch(view)
        value = _replayed(root, view._replay or ())
        made_by = getattr(view._node, "node", None)  # of a view that a user's Function returned: its place there
        become(view, value, keep_node=quiet)
        if not quiet and made_by is not None and made_by.prim.kind == "custom" and view._node is not None:
            view._node = _stale(view._node, made_by.name())


class _StaleRecord:
    """The rule of a view from a custom Function after its base changed: there is none, and it says so."""

    n_out, vjp, kind, holomorphic, view = 0, (), "custom", False, False

    def __init__(self, name: str) -> None:
        self.name, self.backward_name = name, name

    def reads(self, n_args: int, needs: tuple) -> tuple:
        return (0,) * n_args, False

    def joint(self, g: Any, ans: Any, args: tuple, needs: tuple) -> list:
        raise InplaceError(
            f"An output of {self.name} is a view and its base or another view of its base has been modified inplace. "
            "This view was created inside a custom Function (or because an input was returned as-is), whose backward "
            "knows nothing of the write. Return a clone() from forward, or write into a clone() of the base."
        )


def _stale(edge: Any, name: str) -> Node:
    node = eager.new_object(Node)
    node.prim, node.args, node.ans, node.params = _StaleRecord(name), (None,), None, None
    node.edges, node.shapes, node.meta, node.seq = (edge,), None, None, eager.next_seq()
    node.code, node.lasti = here(2)
    return node


def _written_back(root: Tensor, replay: tuple, new: Tensor, name: str) -> Tensor:
    """`root` with the elements that the view `replay` shows replaced by those of `new`."""
    from ..ops.indexing import set_item
    from ..ops.shape import reshape_p

    shape = raw_shape(root)
    size = int(np.prod(shape, dtype=np.int64))
    positions: Any = np.arange(size).reshape(shape)
    for prim, params, index in replay:
        if prim.kind != "linear" or prim.name in ("real", "imag", "view_as_real", "view_as_complex", "conj"):
            code, lasti = here(2)
            raise InplaceError(
                f"{name} at {describe(code, lasti)} writes through a view made by {prim.name}, whose elements are not "
                f"elements of its base. Write the new value to the base instead, for example `z = complex(re, im)`."
            )
        positions = prim.impl(np, positions, **params)
        if index is not None:
            positions = positions[index]
    flat = np.asarray(positions).reshape(-1)
    if flat.size == size and np.array_equal(flat, np.arange(size)):  # the view shows all of its base, in order
        return reshape_p(new, shape=shape)
    if flat.size > 1 and np.unique(flat).size != flat.size:
        raise InplaceError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            f"Please clone() the tensor before performing {name}."
        )
    values = reshape_p(new, shape=(flat.size,))
    return reshape_p(set_item(reshape_p(root, shape=(size,)), flat, values), shape=shape)
