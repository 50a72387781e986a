"""PyTorch's torch.autograd.variable: tensors under the name that they had before version 0.4."""

from ..core.value import Tensor


class _AnyTensor(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_AnyTensor):
    """A tensor of the same values: programs from before PyTorch 0.4 wrap their tensors in it; every tensor is one.

    >>> x = Variable(cr.ones(2), requires_grad=True)
    >>> x, isinstance(x, Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:  # pyright: ignore
        return data.detach().requires_grad_(requires_grad)


__all__ = ["Variable"]
