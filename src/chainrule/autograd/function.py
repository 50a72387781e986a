"""PyTorch's torch.autograd.function: derivatives that the user writes."""

from ..tensor.function import Function, FunctionCtx, InplaceFunction, once_differentiable

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
