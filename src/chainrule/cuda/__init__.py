"""PyTorch's torch.cuda, as it answers on a machine without an accelerator."""

from ..tensor.devices import device_count, is_available, is_initialized, manual_seed, nothing, refuse
from . import amp

manual_seed_all = manual_seed
empty_cache = synchronize = ipc_collect = init = reset_peak_memory_stats = nothing
current_device = get_device_name = get_device_properties = set_device = Stream = Event = refuse
is_bf16_supported = is_available


def memory_allocated(device: object = None) -> int:
    """0 bytes."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated

__all__ = ["amp", "device_count", "is_available", "is_initialized", "manual_seed", "manual_seed_all"]
