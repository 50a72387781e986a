"""Rematerialisation: run a function without keeping what its derivative reads, and compute that again when asked.

Every value that a node would save is handed to a frame instead, at whatever level it is recorded. The first value that
a sweep asks for makes the frame run the function again, in the same random state, and collect them all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from math import prod
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError, GraphError
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape
from .batch import generator_state, rewind

UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def in_bytes(budget: Any) -> int | None:
    """A memory budget in bytes, from an int or text such as '200MB' or '1.5GiB'.

    >>> in_bytes("1.5KB")
    1500
    """
    if budget is None or isinstance(budget, int):
        return budget
    text = str(budget).strip().upper().replace(" ", "")
    number = text.rstrip("BIKMG")
    unit = text[len(number) :] or "B"
    try:
        return int(float(number) * UNITS[unit])
    except (KeyError, ValueError):
        raise ArgumentError(f"budget must be bytes or text such as '200MB' or '1GiB', got {budget!r}") from None


@dataclass(frozen=True)
class SavedValue:
    """What a policy is asked about: the `index`-th value that the derivative of the function would keep.

    `op` is the operation that made it ("leaf" for parameters and inputs, "constant" off the tape), `saved_by` the one
    whose derivative reads it.
    """

    index: int
    shape: tuple[int, ...]
    dtype: Any
    op: str = ""
    saved_by: str = ""

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return prod(self.shape) * self.dtype.itemsize


PRODUCTS = {"mm", "matmul", "linear", "conv", "conv_bias"}  # dear to compute again

POLICIES: dict[str, Callable[[SavedValue], bool]] = {
    "nothing": lambda saved: False,
    "everything": lambda saved: True,
    "small": lambda saved: saved.nbytes <= 4096,
    "products": lambda saved: saved.op in PRODUCTS,
}


class _Handle:
    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class _EnoughError(Exception):
    """Raised inside a recomputation once all that was asked for is there."""


class Frame:
    """One checkpointed call."""

    def __init__(
        self,
        function: Callable,
        args: tuple,
        kwargs: dict,
        policy: Any,
        budget: Any,
        preserve_rng: bool,
        check: bool,
        contexts: Callable | None,
        early_stop: bool,
    ) -> None:
        self.function, self.args, self.kwargs, self.check = function, args, kwargs, check
        self.first, self.again = (nullcontext(), nullcontext()) if contexts is None else contexts()
        self.early_stop = early_stop
        if isinstance(policy, str):
            if policy not in POLICIES:
                raise ArgumentError(f"checkpoint: policy must be one of {list(POLICIES)} or a function, got {policy!r}")
            policy = POLICIES[policy]
        elif policy is not None and not callable(policy):
            raise ArgumentTypeError(f"checkpoint: policy must be text or a function, got {type(policy).__name__}")
        self.policy, self.budget = policy, in_bytes(budget)
        self.kept: OrderedDict[int, Any] = OrderedDict()
        self.held = 0
        self.specs: list[SavedValue] = []
        self.found: dict[int, Any] = {}
        self.rng = generator_state() if preserve_rng else None

    def run(self) -> Any:
        """The first call."""
        with _Hooks(self.pack, self.unpack), self.first:
            return self.function(*self.args, **self.kwargs)

    def pack(self, t: Tensor) -> Any:
        saved = SavedValue(len(self.specs), raw_shape(t), raw_dtype(t), *state.saving)
        self.specs.append(saved)
        wanted = self.policy(saved) if self.policy is not None else self.budget is not None
        if wanted:
            self.kept[saved.index] = t
            self.held += saved.nbytes
            while self.budget is not None and self.held > self.budget and self.kept:
                # Dropping the earliest keeps the recomputation short: it stops at the last value that is missing.
                index, _ = self.kept.popitem(last=False)
                self.held -= self.specs[index].nbytes
        return _Handle(saved.index)

    def unpack(self, handle: _Handle) -> Any:
        index = handle.index
        if index in self.kept:
            return self.kept[index]
        if index not in self.found:
            self.recompute()
        try:
            return self.found.pop(index)
        except KeyError:
            raise self.mismatch(f"value {index} of {len(self.specs)} was not computed again") from None

    def recompute(self) -> None:
        """Run the function again and collect the values that were not kept."""
        missing = [s.index for s in self.specs if s.index not in self.kept]
        last = missing[-1]
        count = 0

        def collect(t: Tensor) -> Any:
            nonlocal count
            index = count
            count += 1
            if index <= last and index not in self.kept:
                before = self.specs[index]
                if self.check and (raw_shape(t) != before.shape or raw_dtype(t) != before.dtype):
                    raise self.mismatch(
                        f"value {index} had shape {before.shape} and dtype {before.dtype}, and has {raw_shape(t)} and "
                        f"{raw_dtype(t)} now"
                    )
                self.found[index] = t
            if index >= last and self.early_stop:
                raise _EnoughError
            return t

        now = generator_state() if self.rng is not None else None
        enabled = state.grad_enabled
        state.set_grad(True)
        try:
            if self.rng is not None:
                rewind(self.rng)
            with _Hooks(collect, lambda t: t), self.again:
                self.function(*self.args, **self.kwargs)
        except _EnoughError:
            pass
        finally:
            state.set_grad(enabled)
            if now is not None:
                rewind(now)

    def mismatch(self, reason: str) -> GraphError:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return GraphError(
            f"checkpoint: Recomputed values for the following tensors have different metadata than during the forward "
            f"pass: {reason}. {name} must do the same each time it is called with the same arguments; values that "
            f"change between calls (counters, Python's random module) must be arguments."
        )


class _Hooks:
    """The innermost saved-value hooks, for one with statement."""

    def __init__(self, pack: Callable, unpack: Callable) -> None:
        self.pair = (pack, unpack)

    def __enter__(self) -> None:
        self.before = state.saved_hooks
        state.saved_hooks = (*self.before, self.pair)
        state.refresh()

    def __exit__(self, *exc: object) -> None:
        state.saved_hooks = self.before
        state.refresh()


def rematerialised(
    function: Callable,
    args: tuple,
    kwargs: dict | None = None,
    *,
    policy: Any = None,
    budget: Any = None,
    preserve_rng: bool = True,
    check: bool = True,
    contexts: Callable | None = None,
    early_stop: bool = True,
) -> Any:
    """`function(*args, **kwargs)`, with what its derivative reads computed again when the derivative is."""
    if not state.grad_enabled:
        return function(*args, **(kwargs or {}))
    return Frame(function, args, kwargs or {}, policy, budget, preserve_rng, check, contexts, early_stop).run()
