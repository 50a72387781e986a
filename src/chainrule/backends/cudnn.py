"""torch.backends.cudnn: flags that programs set; they change nothing."""

from ..tensor.devices import is_available

enabled = benchmark = deterministic = allow_tf32 = False
__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available"]
