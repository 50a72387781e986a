"""torch.utils.dlpack: arrays that pass between libraries without a copy."""

from __future__ import annotations

from typing import Any

from ..tensor.data import from_dlpack


def to_dlpack(tensor: Any) -> Any:
    """A DLPack capsule of the tensor's memory, for another library's from_dlpack; shape and dtype go with it.

    Raises BufferError for a tensor that requires grad.

    >>> import chainrule as cr
    >>> type(to_dlpack(cr.ones(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()


__all__ = ["from_dlpack", "to_dlpack"]
