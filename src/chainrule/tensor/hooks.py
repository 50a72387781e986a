"""Hooks on tensors and nodes, and the graph's public face: next_functions, metadata, saved_tensors_hooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import Any

from ..core.eager import Packed
from ..core.errors import GraphError
from ..core.state import state
from ..core.tape import SHOWN, Accumulate, NodeBase, Select, Spec, shown
from ..core.value import Tensor, wrap
from ..transforms.reverse import call_node, freed

_ids = count()


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook off again, and its flags out of the dicts `flags`."""

    def __init__(self, hooks: dict[int, Any], hook: Any, flags: tuple[dict[int, Any], ...] = ()) -> None:
        self.id = next(_ids)
        self._hooks: dict[int, Any] | None = hooks
        self._flags = flags
        hooks[self.id] = hook
        for flag in flags:
            flag[self.id] = True

    def remove(self) -> None:
        """Take the hook off; doing so twice is harmless."""
        if self._hooks is not None:
            for kept in (self._hooks, *self._flags):
                kept.pop(self.id, None)
            self._hooks = None

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def register_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call `hook(grad)` whenever this tensor's gradient is computed; what it returns, if not None, replaces it."""
    if self._node is None:
        raise GraphError("cannot register a hook on a tensor that doesn't require gradient")
    return RemovableHandle(self._node.needs_meta().tensor_hooks, hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call `hook(tensor)` after each time a gradient was added to this leaf's `.grad`."""
    node = self._node
    if type(node) is not Accumulate:
        raise GraphError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if node.post_hooks is None:
        node.post_hooks = {}
    return RemovableHandle(node.post_hooks, hook)


def _node_register_hook(self: Any, hook: Callable) -> RemovableHandle:
    """Call `hook(grad_inputs, grad_outputs)` after this node's rules ran; a tuple it returns replaces grad_inputs."""
    return RemovableHandle(self.needs_meta().hooks, hook)


def _node_register_prehook(self: Any, hook: Callable) -> RemovableHandle:
    """Call `hook(grad_outputs)` before this node's rules run; a tuple it returns replaces grad_outputs."""
    return RemovableHandle(self.needs_meta().prehooks, hook)


def _next_functions(self: Any) -> tuple:
    """Pairs (node, result number) that this node's cotangents go to; (None, 0) where none flows."""
    found: list[tuple[Any, int]] = []
    for edge in getattr(self, "argument_edges", self.edges):
        if type(edge) is Select:
            found.append((shown(edge.node), edge.index))
        else:
            found.append((shown(edge), 0))
    if found and found[0][0] is None and self.name() in ("RsubBackward1", "PowBackward2"):
        del found[0]  # number - tensor: PyTorch's node does not count the number
    return tuple(found)


def _output_nr(self: Tensor) -> int:
    """Which result of its `grad_fn` this tensor is."""
    return self._node.index if type(self._node) is Select else 0


ARGUMENTS = {"self": 0, "input": 0, "other": 1, "exponent": 1, "mat2": 1, "vec": 1, "weight": 1}


def _saved_value(self: Any, name: str) -> Any:
    """`_saved_self`, `_saved_other`, `_saved_result`: what this node keeps; `_saved_dim` and the like: a parameter."""
    if not name.startswith("_saved_") or not hasattr(self, "prim"):
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
    key = name.removeprefix("_saved_")
    if key in (self.params or {}):
        return self.params[key]
    args, at = self.args, ARGUMENTS.get(key)
    if args is None and (at is not None or key == "result"):
        raise freed(self)
    if key == "result":
        value, edge = self.ans, self
    elif at is not None and at < len(args):
        value, edge = args[at], self.edges[at]
    else:
        value = None
    if type(value) is Packed:
        value = value.get()
    if value is None or type(value) is Spec or isinstance(value, tuple):
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}: it needs and keeps no such value"
        )
    return value if isinstance(value, (bool, int, float, complex)) else as_saved(value, edge)


def as_saved(value: Any, edge: Any) -> Tensor:
    """A saved array as the tensor it was: the leaf itself where it was one, else one of the same place on the tape."""
    owner = edge.owner() if type(edge) is Accumulate else None
    return owner if owner is not None and owner._data is value else wrap(value, edge)


def _metadata(self: Any) -> dict:
    """A dict of the user's own notes on this node."""
    meta = self.needs_meta()
    return meta.notes


def install() -> None:
    """Attach hooks to Tensor and to the tape's node classes."""
    Tensor.register_hook = register_hook  # type: ignore[attr-defined]
    Tensor.register_post_accumulate_grad_hook = register_post_accumulate_grad_hook  # type: ignore[attr-defined]
    for kind in (NodeBase, Accumulate):
        kind.register_hook = _node_register_hook  # type: ignore[attr-defined]
        kind.register_prehook = _node_register_prehook  # type: ignore[attr-defined]
        kind.next_functions = property(_next_functions)  # type: ignore[attr-defined]
        kind.metadata = property(_metadata)  # type: ignore[attr-defined]
    Tensor.output_nr = property(_output_nr)  # type: ignore[attr-defined]
    NodeBase.__call__ = call_node  # type: ignore[attr-defined]
    SHOWN["__getattr__"] = _saved_value
    Accumulate.variable = property(lambda self: self.owner())  # type: ignore[attr-defined]


class saved_tensors_hooks:  # noqa: N801 (PyTorch's name)
    """Within: what the tape saves goes through `pack_hook`, and through `unpack_hook` when backward reads it.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> with cr.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), cr.from_numpy):
    ...     y = x * x
    ...
    >>> y.backward()
    >>> x.grad
    tensor(4.)
    """

    def __init__(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        self.pair = (pack_hook, unpack_hook)

    def __enter__(self) -> None:
        if _disabled.texts:
            raise GraphError(_disabled.texts[-1])
        state.saved_hooks = (*state.saved_hooks, self.pair)
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks = state.saved_hooks[:-1]
        state.refresh()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Keep copies of what the tape saves (in main memory, where it is already), as PyTorch's class of this name.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> with cr.autograd.graph.save_on_cpu():
    ...     y = x * x
    ...
    >>> y.backward()
    >>> x.grad
    tensor(4.)
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t.clone(), lambda t: t)


def _copied(t: Tensor) -> Tensor:
    return t.clone()  # type: ignore[attr-defined]


class allow_mutation_on_saved_tensors(saved_tensors_hooks):  # noqa: N801
    """Within: the tape keeps copies, so that what an operation saved may be written to before backward().

    >>> import chainrule as cr
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> with cr.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * x
    ...     with cr.no_grad():
    ...         x.zero_()
    ...     y.backward()
    tensor(0., requires_grad=True)
    >>> x.grad
    tensor(6.)
    """

    def __init__(self) -> None:
        super().__init__(_copied, lambda t: t)

    def __enter__(self) -> None:
        if any(pack is _copied for pack, _ in state.saved_hooks):
            raise GraphError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()


class _Disabled(threading.local):
    def __init__(self) -> None:
        self.texts: list[str] = []


_disabled = _Disabled()


class disable_saved_tensors_hooks:  # noqa: N801
    """Within: entering saved_tensors_hooks raises RuntimeError with this text; and while some are on, this does.

    >>> import chainrule as cr
    >>> with cr.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     y = cr.ones(2, requires_grad=True) * 2
    """

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        if state.saved_hooks:
            raise GraphError(self.error_message)
        _disabled.texts.append(self.error_message)

    def __exit__(self, *exc: object) -> None:
        _disabled.texts.pop()


class detect_anomaly:  # noqa: N801
    """Within: backward() stops with an error at the first rule that returns NaN, naming the forward line.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> with cr.autograd.detect_anomaly(check_nan=True):
    ...     (x * x).backward()
    >>> x.grad
    tensor(4.)
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = state.anomaly
        state.anomaly = self.check_nan

    def __exit__(self, *exc: object) -> None:
        state.anomaly = self._before


class set_detect_anomaly(detect_anomaly):  # noqa: N801
    """Switch anomaly detection to `mode`, at once; also a context manager.

    >>> import chainrule as cr
    >>> with cr.autograd.set_detect_anomaly(False):
    ...     y = cr.tensor(1.0)
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._before = state.anomaly
        state.anomaly = bool(mode)

    def __enter__(self) -> None:
        pass
