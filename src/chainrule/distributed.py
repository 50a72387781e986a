"""PyTorch's torch.distributed, as it answers in a program of one process: there are no process groups."""

from __future__ import annotations

from typing import Any

from .core.errors import DeviceError


def is_available() -> bool:
    """False: there are no process groups.

    >>> import chainrule as cr
    >>> cr.distributed.is_available()
    False
    """
    return False


def is_initialized() -> bool:
    """False: there is no process group.

    >>> import chainrule as cr
    >>> cr.distributed.is_initialized()
    False
    """
    return False


def get_rank(group: Any = None) -> int:
    """0: the only process.

    >>> import chainrule as cr
    >>> cr.distributed.get_rank(), cr.distributed.get_world_size()
    (0, 1)
    """
    return 0


def get_world_size(group: Any = None) -> int:
    """1: the number of processes."""
    return 1


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Raises DeviceError, a RuntimeError: there are no process groups."""
    raise DeviceError(
        "init_process_group: chainrule runs in one process and has no process groups. Start the script without "
        "torchrun, or ask chainrule.distributed.is_available() first."
    )


all_reduce = all_gather = broadcast = barrier = reduce = destroy_process_group = init_process_group

__all__ = ["get_rank", "get_world_size", "init_process_group", "is_available", "is_initialized"]
