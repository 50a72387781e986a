"""A Wasserstein GAN with gradient penalty learns points on a ring: the penalty differentiates a gradient."""

import math
import os

import chainrule as torch
from chainrule import nn

steps = 400 if os.environ.get("CHAINRULE_SMALL") else 1500
torch.manual_seed(0)


def real(n):
    """n points on a ring of radius 2, with a little noise."""
    angle = 2 * math.pi * torch.rand(n)
    return 2 * torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * torch.randn(n, 2)


def network(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs)
    )


def gradient_penalty(critic, x, y):
    """Mean of (|d critic / d point| - 1)^2 at points between real and made ones."""
    share = torch.rand(len(x), 1)
    between = (share * x + (1 - share) * y).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def distance_from_ring(generator):
    with torch.no_grad():
        return (generator(torch.randn(1000, 2)).norm(dim=1) - 2).abs().mean().item()


generator, critic = network(2, 2), network(2, 1)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
c_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
before = distance_from_ring(generator)
print(f"before   mean distance of made points from the ring {before:.3f}")

for step in range(1, steps + 1):
    for _ in range(3):
        x, fake = real(128), generator(torch.randn(128, 2)).detach()
        penalty = gradient_penalty(critic, x, fake)
        wasserstein = critic(x).mean() - critic(fake).mean()
        c_optimizer.zero_grad()
        (-wasserstein + 1.0 * penalty).backward()
        c_optimizer.step()
    g_optimizer.zero_grad()
    (-critic(generator(torch.randn(128, 2))).mean()).backward()
    g_optimizer.step()
    if step % (steps // 4) == 0:
        after = distance_from_ring(generator)
        print(f"step {step:4d}   distance from the ring {after:.3f}   estimated distance {wasserstein.item():.3f}")

assert after < before / 2, "made points should have moved to the ring"
