"""Settings that PyTorch programs make and read. They change nothing here, for reasons that each docstring states."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import numpy_dtype
from ..core.errors import ArgumentError
from ..core.value import Tensor, wrap
from .attributes import CPU, device

__all__ = [
    "frombuffer", "get_default_device", "get_deterministic_debug_mode", "get_device", "get_float32_matmul_precision",
    "get_num_interop_threads", "is_deterministic_algorithms_warn_only_enabled", "is_inference", "is_storage",
    "is_warn_always_enabled", "set_deterministic_debug_mode", "set_float32_matmul_precision", "set_flush_denormal",
    "set_num_interop_threads", "set_warn_always", "to_dlpack",
]  # fmt: skip

_settings: dict[str, Any] = {"precision": "highest", "warn": False, "debug": 0, "interop": 1}


def get_default_device() -> device:
    """Where new tensors live: the CPU.

    >>> import chainrule as cr
    >>> cr.get_default_device()
    device(type='cpu')
    """
    return CPU


def get_device(input: Tensor) -> int:
    """-1: a tensor, of any shape and dtype, lives on the CPU.

    >>> import chainrule as cr
    >>> cr.get_device(cr.ones(2))
    -1
    """
    return -1


def set_float32_matmul_precision(precision: str) -> None:
    """Kept for get_float32_matmul_precision: products of float32 matrices always have full precision on the CPU.

    >>> import chainrule as cr
    >>> cr.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise ArgumentError(f"precision must be 'highest', 'high' or 'medium', not {precision!r}")
    _settings["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What set_float32_matmul_precision was given.

    >>> import chainrule as cr
    >>> cr.get_float32_matmul_precision()
    'highest'
    """
    return _settings["precision"]


def set_flush_denormal(mode: bool) -> bool:
    """False: NumPy keeps denormal numbers, and they cannot be flushed to zero.

    >>> import chainrule as cr
    >>> cr.set_flush_denormal(True)
    False
    """
    return False


def set_num_interop_threads(n: int) -> None:
    """Kept for get_num_interop_threads: operations run one after another.

    >>> import chainrule as cr
    >>> cr.set_num_interop_threads(1)
    """
    if n <= 0:
        raise ArgumentError(f"set_num_interop_threads expects a positive integer, got {n}")
    _settings["interop"] = n


def get_num_interop_threads() -> int:
    """What set_num_interop_threads was given.

    >>> import chainrule as cr
    >>> cr.get_num_interop_threads()
    1
    """
    return _settings["interop"]


def set_warn_always(mode: bool) -> None:
    """Kept for is_warn_always_enabled: warnings follow Python's warning filters.

    >>> import chainrule as cr
    >>> cr.set_warn_always(False)
    """
    _settings["warn"] = bool(mode)


def is_warn_always_enabled() -> bool:
    """What set_warn_always was given.

    >>> import chainrule as cr
    >>> cr.is_warn_always_enabled()
    False
    """
    return _settings["warn"]


def set_deterministic_debug_mode(mode: int | str) -> None:
    """Kept for get_deterministic_debug_mode: all is deterministic anyway. `mode` is default, warn, error, or 0 to 2.

    >>> import chainrule as cr
    >>> cr.set_deterministic_debug_mode("default")
    """
    names = ("default", "warn", "error")
    if mode not in (*names, 0, 1, 2):
        raise ArgumentError(f"invalid value of debug_mode, expected one of {names} or 0, 1, 2, but got {mode!r}")
    _settings["debug"] = names.index(mode) if isinstance(mode, str) else int(mode)


def get_deterministic_debug_mode() -> int:
    """What set_deterministic_debug_mode was given, as a number.

    >>> import chainrule as cr
    >>> cr.get_deterministic_debug_mode()
    0
    """
    return _settings["debug"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """False: there is nothing to warn of, as every operation is deterministic.

    >>> import chainrule as cr
    >>> cr.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return False


def is_inference(input: Tensor) -> bool:
    """Was the tensor, of any shape and dtype, made in inference mode?

    >>> import chainrule as cr
    >>> with cr.inference_mode():
    ...     x = cr.ones(2)
    >>> cr.is_inference(x)
    True
    """
    return input.is_inference()  # type: ignore[attr-defined]


def is_storage(obj: Any) -> bool:
    """Is the object the storage of a tensor?

    >>> import chainrule as cr
    >>> cr.is_storage(cr.ones(2).untyped_storage()), cr.is_storage(cr.ones(2))
    (True, False)
    """
    from .storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-D tensor of `dtype` that shares the memory of any object with Python's buffer protocol.

    `count` elements (all for -1) from byte `offset` on. Memory that may not be written to raises an error at a write.

    >>> import chainrule as cr
    >>> cr.frombuffer(bytearray(b"abc"), dtype=cr.uint8)
    tensor([97, 98, 99], dtype=torch.uint8)
    """
    kind = numpy_dtype(dtype)
    length = memoryview(buffer).nbytes
    if not length or not count:
        raise ArgumentError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ArgumentError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0 and (length - offset) % kind.itemsize:
        raise ArgumentError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({kind.itemsize})"
        )
    if count > 0 and offset + count * kind.itemsize > length:
        raise ArgumentError(
            f"requested buffer length ({count} * {kind.itemsize} bytes) after offset ({offset} bytes) must not be "
            f"greater than actual buffer length ({length} bytes)"
        )
    made = wrap(np.frombuffer(buffer, kind, count, offset))
    return made.requires_grad_() if requires_grad else made  # type: ignore[attr-defined]


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the tensor's memory, of any shape and dtype, for from_dlpack of another library.

    >>> import chainrule as cr
    >>> type(cr.to_dlpack(cr.ones(2))).__name__
    'PyCapsule'
    """
    return tensor.__dlpack__()  # type: ignore[attr-defined]
