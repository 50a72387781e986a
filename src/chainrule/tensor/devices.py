"""What programs ask about devices and precision: there is one device, the CPU, and values keep the dtype they have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError, DeviceError

_settings: dict[str, Any] = {"threads": None, "deterministic": False}


def is_available() -> bool:
    """False: chainrule computes on the CPU.

    >>> import chainrule as cr
    >>> cr.device("cuda" if cr.cuda.is_available() else "cpu")
    device(type='cpu')
    """
    return False


def device_count() -> int:
    """0: there is no accelerator.

    >>> import chainrule as cr
    >>> cr.cuda.device_count()
    0
    """
    return 0


def is_initialized() -> bool:
    """False: there is nothing to initialize.

    >>> import chainrule as cr
    >>> cr.cuda.is_initialized()
    False
    """
    return False


def manual_seed(seed: int) -> None:
    """Nothing: the generator of the CPU is `chainrule.manual_seed`'s.

    >>> import chainrule as cr
    >>> cr.cuda.manual_seed(0)
    """


def nothing(*args: Any, **kwargs: Any) -> None:
    """Nothing: there is no accelerator to wait for or to clean up."""


def refuse(*args: Any, **kwargs: Any) -> Any:
    """Raises DeviceError, a RuntimeError: there is no such device."""
    raise DeviceError(
        "chainrule was not built with CUDA enabled: its tensors live on the CPU. Write device='cpu', or "
        "'cuda' if torch.cuda.is_available() else 'cpu'."
    )


class autocast:  # noqa: N801 (PyTorch's name)
    """Accepted for PyTorch's sake: values keep their dtype, so results are those of full precision.

    A context manager and a decorator, with torch.autocast's arguments.

    >>> import chainrule as cr
    >>> with cr.autocast("cpu", dtype=cr.bfloat16):
    ...     (cr.ones(1) / 3).dtype
    torch.float32
    """

    def __init__(
        self, device_type: str = "cpu", dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device_type, self.dtype, self.enabled = device_type, dtype, enabled

    def __enter__(self) -> autocast:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


class GradScaler:
    """Accepted for PyTorch's sake: full precision needs no scaling, so the scale is 1 and every step is made.

    >>> import chainrule as cr
    >>> scaler = cr.GradScaler()
    >>> scaler.scale(cr.tensor(2.0)), scaler.get_scale()
    (tensor(2.), 1.0)
    """

    def __init__(self, device: str = "cpu", *args: Any, enabled: bool = True, **kwargs: Any) -> None:
        self._enabled = enabled

    def scale(self, outputs: Any) -> Any:
        """`outputs` as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients are not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """optimizer.step()."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Nothing: the scale stays 1."""

    def get_scale(self) -> float:
        """1.0"""
        return 1.0

    def is_enabled(self) -> bool:
        """Was it asked to scale?"""
        return self._enabled

    def state_dict(self) -> dict:
        """Empty: there is no state."""
        return {}

    def load_state_dict(self, state_dict: dict) -> None:
        """Nothing to load."""


def is_autocast_enabled(device_type: str = "cpu") -> bool:
    """False: values keep their dtype.

    >>> import chainrule as cr
    >>> cr.is_autocast_enabled()
    False
    """
    return False


def compile(model: Any = None, **options: Any) -> Any:
    """`model` as it is: there is no compiler yet, and it runs eagerly. Also a decorator, with or without arguments.

    >>> import chainrule as cr
    >>> cr.compile(lambda x: x + 1)(cr.tensor(1.0))
    tensor(2.)
    """
    return (lambda inner: inner) if model is None else model


def get_num_threads() -> int:
    """Threads of the linear algebra library: what set_num_threads was given, or the number of processors.

    >>> import chainrule as cr
    >>> cr.get_num_threads() >= 1
    True
    """
    import os

    return _settings["threads"] or os.cpu_count() or 1


def set_num_threads(n: int) -> None:
    """Ask the linear algebra library for `n` threads, where threadpoolctl (which scikit-learn brings) is installed.

    >>> import chainrule as cr
    >>> cr.set_num_threads(cr.get_num_threads())
    """
    if type(n) is not int or n < 1:
        raise ArgumentError(f"set_num_threads expects a positive integer, got {n!r}")
    _settings["threads"] = n
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    _settings["limits"] = threadpool_limits(limits=n)


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Every operation here is deterministic already; the setting is kept for are_deterministic_algorithms_enabled.

    >>> import chainrule as cr
    >>> cr.use_deterministic_algorithms(True)
    >>> cr.are_deterministic_algorithms_enabled()
    True
    >>> cr.use_deterministic_algorithms(False)
    """
    _settings["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled() -> bool:
    """What use_deterministic_algorithms was given.

    >>> import chainrule as cr
    >>> cr.are_deterministic_algorithms_enabled()
    False
    """
    return _settings["deterministic"]


def set_default_device(device: Any) -> None:
    """Accepts the CPU; other devices are refused with DeviceError.

    >>> import chainrule as cr
    >>> cr.set_default_device("cpu")
    """
    if device is not None and str(device).split(":")[0] not in ("cpu", "device(type='cpu')"):
        refuse()
