"""torch.multiprocessing: Python's own multiprocessing, and PyTorch's `spawn`. Tensors go to processes as pickles.

>>> import chainrule as cr
>>> cr.multiprocessing.get_context("spawn").get_start_method()
'spawn'
"""

from __future__ import annotations

import multiprocessing as _standard
from collections.abc import Callable
from typing import Any

from .core.errors import ArgumentError, ArgumentTypeError, ChainruleError

__all__ = [*_standard.__all__, "ProcessRaisedException", "spawn"]


def __getattr__(name: str) -> Any:
    if name not in _standard.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(__all__))}")
    return getattr(_standard, name)


class ProcessRaisedException(ChainruleError, RuntimeError):  # noqa: N818 (PyTorch's name)
    """A process that `spawn` started ended with an error.

    >>> import chainrule as cr
    >>> issubclass(cr.multiprocessing.ProcessRaisedException, RuntimeError)
    True
    """


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> list | None:
    """Run `fn(i, *args)` in `nprocs` processes, i from 0 on; wait for them, or return them if `join` is false.

    Any picklable arguments, tensors of any shape and dtype among them.

    Raises:
        ArgumentTypeError (TypeError): `fn` is not a function.
        ArgumentError (ValueError): `nprocs` is negative.
        ProcessRaisedException (RuntimeError): a process did not end well; the others are stopped.

    >>> import chainrule as cr
    >>> cr.multiprocessing.spawn(print, nprocs=0)
    """
    if not callable(fn):
        raise ArgumentTypeError(
            f"spawn() takes a function, not {type(fn).__name__}; write spawn(f, args=(...), nprocs=2)"
        )
    if nprocs < 0:
        raise ArgumentError(f"spawn(): nprocs counts processes and cannot be {nprocs}")
    context = _standard.get_context(start_method)
    running: list[Any] = [context.Process(target=fn, args=(i, *args), daemon=daemon) for i in range(nprocs)]
    for process in running:
        process.start()
    if not join:
        return running
    for i, process in enumerate(running):
        process.join()
        if process.exitcode:
            for other in running[i + 1 :]:
                other.terminate()
            raise ProcessRaisedException(f"process {i} of {nprocs} ended with exit code {process.exitcode}; see above")
    return None
