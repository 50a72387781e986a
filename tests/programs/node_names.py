"""Names of the nodes behind a result: the class of grad_fn, and the nodes that a loss and a Function print."""

import torch
import torch.nn.functional as F


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


x = torch.tensor([1.0, 2.0], requires_grad=True)
print(type((x + 1).grad_fn).__name__, type(Double.apply(x).grad_fn).__name__)
print(F.mse_loss(x, torch.zeros(2)), F.binary_cross_entropy_with_logits(x, torch.zeros(2)), 1 - x, x.t())
print(type(F.mse_loss(x, torch.zeros(2)).grad_fn.next_functions[0][0]).__name__)
