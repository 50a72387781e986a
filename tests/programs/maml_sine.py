"""MAML for sine waves: by create_graph over functional weights, by torch.func, and its first-order cousin."""

import math
from collections import OrderedDict

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

rng = np.random.default_rng(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            OrderedDict(
                [
                    ("l1", nn.Linear(1, 10)),
                    ("r", nn.ReLU()),
                    ("l2", nn.Linear(10, 10)),
                    ("a", nn.Tanh()),
                    ("l3", nn.Linear(10, 1)),
                ]
            )
        )

    def forward(self, x):
        return self.net(x)

    def argforward(self, x, weights):
        x = F.linear(x, weights[0], weights[1])
        x = F.relu(x)
        x = F.linear(x, weights[2], weights[3]).tanh()
        return F.linear(x, weights[4], weights[5])


class SineTask:
    def __init__(self):
        self.a, self.b = rng.uniform(0.1, 5.0), rng.uniform(0, math.pi)

    def sample_data(self, size=1):
        x = torch.from_numpy(rng.uniform(-5.0, 5.0, (size, 1))).float()
        return x, self.a * torch.sin(x - self.b)


model = Net()
for p in model.parameters():
    p.data = torch.from_numpy(rng.normal(0, 0.4, p.shape)).float()
print(model)
weights = list(model.parameters())
criterion = nn.MSELoss()
meta_optimiser = torch.optim.Adam(weights, 1e-2)
tasks = [SineTask() for _ in range(3)]


def inner_loop(task, first_order):
    temp_weights = [w.clone() for w in weights]
    x, y = task.sample_data(5)
    for _ in range(2):
        loss = criterion(model.argforward(x, temp_weights), y) / 5
        grads = torch.autograd.grad(loss, temp_weights, create_graph=not first_order)
        temp_weights = [w - 0.1 * g for w, g in zip(temp_weights, grads)]
    x, y = task.sample_data(5)
    return criterion(model.argforward(x, temp_weights), y) / 5


for iteration in range(1, 6):
    metaloss = 0
    for task in tasks:
        metaloss += inner_loop(task, first_order=iteration == 5)
    metagrads = torch.autograd.grad(metaloss, weights)
    for w, g in zip(weights, metagrads):
        w.grad = g
    meta_optimiser.step()
    print(f"{iteration}: {metaloss.item() / 3:.5f}", sum(g.abs().sum() for g in metagrads))

params = dict(model.named_parameters())
x1, y1, x2, y2 = (torch.stack(t) for t in zip(*[(*t.sample_data(5), *t.sample_data(5)) for t in tasks]))


def get_loss_for_task(x1, y1, x2, y2):
    def inner_loss(params, x1, y1):
        return F.mse_loss(functional_call(model, params, (x1,)), y1)

    grads = grad(inner_loss)(params, x1, y1)
    new_params = {k: params[k] - grads[k] * 0.01 for k in params}
    return inner_loss(new_params, x2, y2)


for _ in range(3):
    inner_losses = vmap(get_loss_for_task)(x1, y1, x2, y2)
    loss2 = inner_losses.mean()
    meta_optimiser.zero_grad()
    loss2.backward()
    meta_optimiser.step()
    print(inner_losses.detach(), model.net.l1.weight.grad.norm())


class LearnedRate(nn.Module):
    """Learn the rate of the inner loop, too."""

    def __init__(self):
        super().__init__()
        self.log_lr = nn.ParameterList([nn.Parameter(torch.tensor(-3.0)) for _ in weights])


rates = LearnedRate()
print(rates)
opt = torch.optim.SGD(rates.parameters(), lr=0.5)
fixed = [w.detach() for w in weights]
for _ in range(3):
    w = [f.clone().requires_grad_() for f in fixed]
    gs = torch.autograd.grad(criterion(model.argforward(x1[0], w), y1[0]), w, create_graph=True)
    w = [a - lr.exp() * g for a, g, lr in zip(w, gs, rates.log_lr)]
    loss = criterion(model.argforward(x2[0], w), y2[0])
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(loss.item(), [round(p.item(), 4) for p in rates.log_lr])
