"""PyTorch's torch.xpu, as it answers on a machine without Intel's graphics processor."""

from .tensor.devices import device_count, is_available, is_initialized, manual_seed, nothing, refuse

manual_seed_all = manual_seed
empty_cache = synchronize = nothing
current_device = get_device_name = get_device_properties = set_device = refuse

__all__ = ["device_count", "is_available", "is_initialized", "manual_seed", "manual_seed_all"]
