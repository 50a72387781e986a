"""PyTorch's torch.autograd.gradcheck: derivatives against differences."""

from ..tensor.gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
