"""Two mistakes that PyTorch refuses: changing a value that backward needs, and multiplying matrices of two dtypes."""

import torch


def modified():
    x = torch.ones(2, requires_grad=True)
    y = x.exp()
    y.add_(1)
    y.sum().backward()


def two_dtypes():
    return torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64)


for function in (modified, two_dtypes):
    try:
        function()
    except RuntimeError:
        print(function.__name__, "refused")
    else:
        print(function.__name__, "accepted")
