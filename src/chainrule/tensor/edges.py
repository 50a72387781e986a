"""Places on the tape (GradientEdge), and hooks that wait for the gradients of several of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from ..core.errors import ArgumentError, GraphError
from ..core.tape import Select, Spec, shown
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..core.writes import note_write
from ..transforms.reverse import leading_to, sweep
from .hooks import RemovableHandle, register_hook


class GradientEdge(NamedTuple):
    """Where a tensor's cotangent arrives: result `output_nr` of `node`. backward() and grad() take it for a tensor.

    Unlike the tensor, it goes on meaning the same value when the tensor is written to, and does not hold its memory.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> cr.autograd.graph.get_gradient_edge(x * x).node.name()
    'MulBackward0'
    """

    node: Any
    output_nr: int
    ownership_token: Any = None


class _Token:
    """What an edge knows of its tensor: its place on the tape, shape and dtype."""

    __slots__ = ("place", "spec")

    def __init__(self, place: Any, spec: Spec) -> None:
        self.place, self.spec = place, spec


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place on the tape of a tensor that requires grad.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> edge = cr.autograd.graph.get_gradient_edge(y)
    >>> y = y.exp()
    >>> cr.autograd.grad(y, edge)[0] == y
    tensor(True)
    """
    place = tensor._node
    if place is None:
        raise GraphError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    spec = Spec(raw_shape(tensor), raw_dtype(tensor))
    if type(place) is Select:
        return GradientEdge(shown(place.node), place.index, _Token(place, spec))
    return GradientEdge(shown(place), 0, _Token(place, spec))


def place_of(x: Any) -> Any:
    """The place on the tape of a tensor or an edge; None if it has none."""
    if isinstance(x, Tensor):
        return x._node
    if x.ownership_token is not None:
        return x.ownership_token.place
    if isinstance(getattr(x.node, "ans", None), tuple):
        raise ArgumentError("of a node with several results, write get_gradient_edge(tensor) for GradientEdge(...)")
    return x.node


def spec_of(x: Any) -> Spec | None:
    """Shape and dtype of the value at a tensor or an edge, where known."""
    if isinstance(x, Tensor):
        return Spec(raw_shape(x), raw_dtype(x))
    return None if x.ownership_token is None else x.ownership_token.spec


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable, *, mode: str = "all"
) -> RemovableHandle | _SeveralHandles:
    """Call `fn` when the gradients of several tensors are there.

    mode "all": `fn(gradients)`, once per backward, after those that are computed in it all are (None for the others).
    mode "any": `fn(gradient)` with the first of them.

    >>> import chainrule as cr
    >>> a, b = cr.ones(2, requires_grad=True)
    >>> handle = cr.autograd.graph.register_multi_grad_hook([a, b], print)
    >>> (a * 2 + b * 3).backward()
    [tensor(2.), tensor(3.)]
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    _Runs.watched = True
    places = [t._node for t in tensors]
    lock = threading.Lock()
    running: WeakKeyDictionary[Run, list] = WeakKeyDictionary()  # gradients so far, and how many are to come

    def hook(i: int) -> Callable:
        def arrived(g: Tensor) -> None:
            run = runs.stack[-1]
            with lock:
                entry = running.get(run)
                if entry is None:
                    waits = 1 if mode == "any" else sum(run.reaches(place) for place in places)
                    entry = running[run] = [[None] * len(places), waits]
                entry[0][i] = g
                entry[1] -= 1
                ready = entry[1] == 0
            if ready:
                fn(g if mode == "any" else entry[0])

        return arrived

    return _SeveralHandles([register_hook(t, hook(i)) for i, t in enumerate(tensors)])


class Run:
    """One backward() or grad() under way, for those who ask what it will reach."""

    def __init__(self, roots: Sequence[tuple[Any, Any]], wanted: dict[int, Any] | None) -> None:
        self.roots, self.wanted = roots, wanted
        self.found: set[int] | None = None

    def reaches(self, place: Any) -> bool:
        """Will a cotangent for this place on the tape be computed?"""
        if self.found is None:
            found, stack = set(), [node for node, _ in self.roots]
            while stack:
                node = stack.pop()
                if id(node) not in found:
                    found.add(id(node))
                    stack.extend(e for e in ((node.node,) if type(node) is Select else node.edges) if e is not None)
            self.found = found if self.wanted is None else found & leading_to(self.roots, self.wanted)
        return id(place) in self.found


class _Runs(threading.local):
    watched = False  # does anybody ask?

    def __init__(self) -> None:
        self.stack: list[Run] = []


runs = _Runs()


def run_sweep(
    roots: Sequence[tuple[Any, Any]],
    *,
    retain: bool,
    create: bool,
    wanted: dict[int, Any] | None,
    lift: Callable[[Any, Any], Any] = wrap,
) -> tuple:
    """The reverse sweep, noted as under way if hooks on several tensors may ask about it."""
    if not _Runs.watched:
        return sweep(roots, retain=retain, create=create, wanted=wanted, lift=lift)
    runs.stack.append(Run(roots, wanted))
    try:
        return sweep(roots, retain=retain, create=create, wanted=wanted, lift=lift)
    finally:
        runs.stack.pop()


class _SeveralHandles:
    """One handle for hooks on several tensors."""

    def __init__(self, handles: list[RemovableHandle]) -> None:
        self.handles = handles

    def remove(self) -> None:
        """Take the hooks off."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _SeveralHandles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Count a write to a tensor's memory that happened behind the tape's back, for example from C.

    >>> import chainrule as cr
    >>> x = cr.zeros(2)
    >>> cr.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        note_write(t._data, "increment_version")
