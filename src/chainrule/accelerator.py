"""PyTorch's torch.accelerator, as it answers on a machine without one."""

from __future__ import annotations

from .tensor.devices import device_count, is_available, nothing, refuse


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator, only the CPU.

    >>> import chainrule as cr
    >>> cr.accelerator.current_accelerator() or cr.device("cpu")
    device(type='cpu')
    """


empty_cache = reset_peak_memory_stats = nothing
current_device_index = current_device_idx = current_stream = set_device_index = set_stream = synchronize = refuse

__all__ = ["current_accelerator", "device_count", "is_available"]
