"""PyTorch's torch.autograd.functional: Jacobians, Hessians and products with them, on tensors."""

from ..tensor.functional import hessian, hvp, jacobian, jvp, vhp, vjp

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
