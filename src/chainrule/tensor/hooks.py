"""Hooks on tensors and nodes, and the graph's public face: next_functions, metadata, saved_tensors_hooks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from ..core.errors import GraphError
from ..core.state import state
from ..core.tape import Accumulate, NodeBase, Select, shown
from ..core.value import Tensor

_ids = count()


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook off again."""

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.id = next(_ids)
        self._hooks: dict[int, Any] | None = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook off; doing so twice is harmless."""
        if self._hooks is not None:
            self._hooks.pop(self.id, None)
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
    for edge in getattr(self, "edges", ()):
        if type(edge) is Select:
            found.append((shown(edge.node), edge.index))
        else:
            found.append((shown(edge), 0))
    return tuple(found)


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
    Accumulate.variable = property(lambda self: self.owner())  # type: ignore[attr-defined]


class saved_tensors_hooks:  # noqa: N801 (PyTorch's name)
    """Within: what the tape saves goes through `pack_hook`, and through `unpack_hook` when backward reads it."""

    def __init__(self, pack_hook: Callable, unpack_hook: Callable) -> None:
        self.pair = (pack_hook, unpack_hook)

    def __enter__(self) -> None:
        state.saved_hooks = (*state.saved_hooks, self.pair)
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks = state.saved_hooks[:-1]
        state.refresh()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Keep copies of what the tape saves (in main memory, where it is already), as PyTorch's class of this name."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda t: t.clone(), lambda t: t)


class disable_saved_tensors_hooks:  # noqa: N801
    """Within: entering saved_tensors_hooks has no effect."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self._before = state.saved_hooks
        state.saved_hooks = ()
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks = self._before
        state.refresh()


class detect_anomaly:  # noqa: N801
    """Within: backward() stops with an error at the first rule that returns NaN, naming the forward line."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        self._before = state.anomaly
        state.anomaly = self.check_nan

    def __exit__(self, *exc: object) -> None:
        state.anomaly = self._before


class set_detect_anomaly(detect_anomaly):  # noqa: N801
    """Switch anomaly detection to `mode`, at once; also a context manager."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(check_nan)
        self._before = state.anomaly
        state.anomaly = bool(mode)

    def __enter__(self) -> None:
        pass
