"""PyTorch's torch.backends: settings of libraries that are not used here; none is available."""

from . import cudnn, mps

__all__ = ["cudnn", "mps"]
