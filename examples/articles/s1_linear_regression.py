"""S1: a PyTorch program with only its import line changed: a line fitted by gradient descent."""

import numpy as np

import chainrule as torch
from chainrule import nn

np.random.seed(0)
X = np.random.rand(100, 1)
Y = 2 + 3 * X + 0.1 * np.random.randn(100, 1)
X_tensor = torch.from_numpy(X).float()
Y_tensor = torch.from_numpy(Y).float()

w = torch.tensor([1.0], requires_grad=True)
b = torch.tensor([1.0], requires_grad=True)
loss_fn = nn.MSELoss()
lr = 0.01

for epoch in range(1000):
    loss = loss_fn(X_tensor * w + b, Y_tensor)
    loss.backward()
    with torch.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
    w.grad.zero_()
    b.grad.zero_()
    if (epoch + 1) % 100 == 0:
        print(f"Epoch {epoch + 1}: loss {loss.item():.4f}")

print("w", w.item(), "b", b.item())
