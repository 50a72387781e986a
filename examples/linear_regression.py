"""A line fitted by gradient descent: the PyTorch program, with its import line changed."""

import numpy as np

import chainrule as torch
from chainrule import nn

np.random.seed(0)
X = np.random.rand(100, 1)
Y = 2 + 3 * X + 0.1 * np.random.randn(100, 1)
x, y = torch.from_numpy(X).float(), torch.from_numpy(Y).float()

w = torch.tensor([1.0], requires_grad=True)
b = torch.tensor([1.0], requires_grad=True)
loss_fn = nn.MSELoss()

for epoch in range(1, 1001):
    loss = loss_fn(x * w + b, y)
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        b -= 0.01 * b.grad
    w.grad.zero_()
    b.grad.zero_()
    if epoch % 100 == 0:
        print(f"epoch {epoch:4d}   loss {loss.item():.4f}")

print(f"y = {w.item():.4f} x + {b.item():.4f}   (the data were made with y = 3 x + 2, and noise)")
