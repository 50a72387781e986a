"""Checkpointing: trade computation for memory. (PyTorch's torch.utils.checkpoint.)"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..transforms.remat import SavedValue, rematerialised

__all__ = ["SavedValue", "checkpoint", "checkpoint_sequential", "set_checkpoint_early_stop"]


def checkpoint(
    function: Callable | None = None,
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    context_fn: Callable | None = None,
    early_stop: bool | None = None,
    debug: bool = False,
    policy: Any = None,
    budget: Any = None,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)` that keeps its arguments only; backward computes the rest again.

    Results and gradients are those of the plain call, random operations included. Works under every transformation.

    Args:
        use_reentrant: accepted for PyTorch's sake; there is one way here, and it has no restrictions.
        preserve_rng_state: replay the random state when computing again.
        determinism_check: "default" compares shapes and dtypes of the recomputed values, "none" does not.
        context_fn: returns two context managers, for the first call and for the computation in backward.
        early_stop: let that computation end (by an exception inside `function`) once it has what is needed; see
            `set_checkpoint_early_stop`.
        debug: accepted; a mismatch always says which value differs.
        policy: which values to keep after all: "nothing" (default), "small", "products" (results of matrix products
            and convolutions), "everything", or a function from SavedValue (index, shape, dtype, nbytes, op, saved_by)
            to bool, for example `lambda saved: saved.op == "tanh"`.
        budget: keep values up to this much memory ("200MB", or bytes), the latest first.

    Without a function, `checkpoint(policy=..., budget=...)` is a decorator.

    >>> import chainrule as cr
    >>> from chainrule.utils.checkpoint import checkpoint
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> checkpoint(lambda x: x * x * x, x).backward()
    >>> x.grad
    tensor(27.)
    """
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"determinism_check should be one of ['default', 'none'], got {determinism_check!r}")
    options = {
        "policy": policy,
        "budget": budget,
        "preserve_rng": preserve_rng_state,
        "check": determinism_check == "default",
        "contexts": context_fn,
        "early_stop": _early_stop[-1] if early_stop is None else early_stop,
    }
    if function is None:

        def decorate(inner: Callable) -> Callable:
            @functools.wraps(inner)
            def checkpointed(*args: Any, **kwargs: Any) -> Any:
                return rematerialised(inner, args, kwargs, **options)

            return checkpointed

        return decorate
    return rematerialised(function, args, kwargs, **options)


_early_stop = [True]


class set_checkpoint_early_stop:  # noqa: N801 (PyTorch's name)
    """Within: checkpointed functions are computed again to their end, or (True, the default) as far as needed.

    >>> import chainrule as cr
    >>> from chainrule.utils.checkpoint import checkpoint, set_checkpoint_early_stop
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> with set_checkpoint_early_stop(False):
    ...     y = checkpoint(cr.exp, x)
    """

    def __init__(self, enable: bool) -> None:
        self.enable = enable

    def __enter__(self) -> None:
        _early_stop.append(self.enable)

    def __exit__(self, *exc: object) -> None:
        _early_stop.pop()


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run a sequence of functions (or a Sequential) in `segments` parts, all but the last checkpointed.

    >>> import chainrule as cr
    >>> from chainrule.utils.checkpoint import checkpoint_sequential
    >>> checkpoint_sequential([lambda x: x * 2] * 4, 2, cr.tensor(1.0))
    tensor(16.)
    """
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ArgumentError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    layers = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not layers:
        raise ArgumentError("checkpoint_sequential: there are no functions to run")
    if segments < 1:
        raise ArgumentError(f"checkpoint_sequential: segments must be at least 1, got {segments}")

    def run(start: int, stop: int, x: Any) -> Any:
        for layer in layers[start:stop]:
            x = layer(*x) if isinstance(x, tuple) else layer(x)
        return x

    size = max(len(layers) // segments, 1)
    start = 0
    while start + size < len(layers) and start // size < segments - 1:
        input = rematerialised(functools.partial(run, start, start + size), (input,), preserve_rng=preserve)
        start += size
    return run(start, len(layers), input)
