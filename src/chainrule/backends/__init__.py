"""PyTorch's torch.backends: settings of libraries that are not used here; none is available."""

from . import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]
