"""A network solves a boundary value problem: u'' = -pi^2 sin(pi x), u(0) = u(1) = 0, by derivatives of its input."""

import math
import os

import chainrule as torch
from chainrule import nn

steps = 300 if os.environ.get("CHAINRULE_SMALL") else 2000
torch.manual_seed(0)

model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
x = torch.linspace(0, 1, 64).unsqueeze(1).requires_grad_()
ends = torch.tensor([[0.0], [1.0]])


def derivative(y, x):
    """dy/dx for each row, itself differentiable."""
    (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return slope


def worst_error():
    """The largest distance from the solution, sin(pi x)."""
    with torch.no_grad():
        return (model(x) - torch.sin(math.pi * x)).abs().max().item()


before = worst_error()
print(f"before   largest error {before:.4f}")
for step in range(1, steps + 1):
    u = model(x)
    residual = derivative(derivative(u, x), x) + math.pi**2 * torch.sin(math.pi * x)
    loss = (residual**2).mean() + 100 * (model(ends) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % (steps // 5) == 0:
        print(f"step {step:4d}   loss {loss.item():9.4f}   largest error {worst_error():.4f}")

assert worst_error() < before / 5, "the network should approach sin(pi x)"
