"""torch.nn.attention: the choice among implementations of scaled dot-product attention, of which there is one."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SDPBackend(enum.IntEnum):
    """PyTorch's names of the implementations; here they all mean the one there is, which is MATH."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict]:
    """Accepted for PyTorch's sake: attention is computed in the same way, whatever is chosen.

    >>> from chainrule.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
    ...     pass
    """
    yield {}


__all__ = ["SDPBackend", "sdpa_kernel"]
