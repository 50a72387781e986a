"""PyTorch's torch.mps, as it answers on a machine without Apple's graphics processor."""

from .tensor.devices import device_count, is_available, manual_seed, nothing

empty_cache = synchronize = nothing

__all__ = ["device_count", "is_available", "manual_seed"]
