"""PyTorch's torch.amp: autocast and GradScaler, which change nothing here."""

from .tensor.devices import GradScaler, autocast

__all__ = ["GradScaler", "autocast"]
