"""torch.backends.mps: not available."""

from ..tensor.devices import is_available

is_built = is_available
__all__ = ["is_available", "is_built"]
