"""A neural ODE: a network learns the law of motion of a damped pendulum from a noisy path, through the solver."""

import os

import chainrule as torch
from chainrule import nn
from chainrule.func import odeint

steps = 80 if os.environ.get("CHAINRULE_SMALL") else 400
torch.manual_seed(0)


def pendulum(t, y):
    """The true law: the angle changes by the speed, the speed by gravity and friction."""
    angle, speed = y[..., 0], y[..., 1]
    return torch.stack([speed, -torch.sin(angle) - 0.2 * speed], dim=-1)


times = torch.linspace(0, 6, 40)
start = torch.tensor([1.5, 0.0])
with torch.no_grad():
    path = odeint(pendulum, start, times, rtol=1e-6, atol=1e-7)
    seen = path + 0.02 * torch.randn_like(path)

network = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)


def law(t, y):
    return network(y)


def solve(start, times):
    return odeint(law, start, times, rtol=1e-4, atol=1e-5)


first = None
for step in range(1, steps + 1):
    pieces = torch.randint(0, 30, (16,))  # short pieces of the path are easier to fit than all of it
    predicted = solve(seen[pieces], times[:10])
    wanted = torch.stack([seen[pieces + i] for i in range(10)])
    loss = ((predicted - wanted) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    first = loss.item() if first is None else first
    if step % (steps // 5) == 0:
        print(f"step {step:4d}   loss {loss.item():.5f}")

with torch.no_grad():
    error = (solve(start, times) - path).abs().max().item()
    # a swing from another angle tests the law that was learned, not the path
    other = torch.tensor([1.0, 0.0])
    unseen = (solve(other, times) - odeint(pendulum, other, times)).abs().max().item()
print(f"largest error along the path {error:.3f}, along a swing never seen {unseen:.3f} (angles up to 1.5)")
assert loss.item() < first / 20, "the law of motion should have been learned"
