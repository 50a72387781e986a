"""PyTorch's torch.autograd.grad_mode: the switches of recording."""

from ..tensor.modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
