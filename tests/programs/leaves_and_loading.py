"""Recent recipes: optimiser steps in backward, visualised gradients, leaves, loading tips, devices as contexts."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

rng = np.random.default_rng(0)


def refill(model, scale=0.3):
    for p in model.parameters():
        p.data = torch.from_numpy(rng.normal(0, scale, p.shape)).to(p.dtype)
    return model


def tensor(*shape):
    return torch.from_numpy(rng.normal(size=shape)).float()


model = refill(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
optimizer_dict = {p: torch.optim.Adam([p], lr=0.05, foreach=False) for p in model.parameters()}


def optimizer_hook(parameter) -> None:
    optimizer_dict[parameter].step()
    optimizer_dict[parameter].zero_grad()


for p in model.parameters():
    p.register_post_accumulate_grad_hook(optimizer_hook)
x, y = tensor(6, 4), torch.tensor([0, 1, 1, 0, 1, 0])
for _ in range(4):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    print("in backward", loss.item(), [p.grad is None for p in model.parameters()])


def fc_layer(in_size, out_size, norm_layer):
    return nn.Sequential(nn.Linear(in_size, out_size), norm_layer(out_size), nn.Sigmoid())


class Net(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x.flatten(1))


def hook_forward(module_name, grads, hook_backward):
    def hook(module, args, output):
        output.register_hook(hook_backward(module_name, grads))

    return hook


def hook_backward(module_name, grads):
    def hook(grad):
        grads.append((module_name, grad))

    return hook


for norm in (nn.Identity, nn.BatchNorm1d):
    net = refill(Net(*[fc_layer(6, 6, norm) for _ in range(4)], nn.Linear(6, 3)), 0.5)
    grads = []
    handles = [
        m.register_forward_hook(hook_forward(n, grads, hook_backward))
        for n, m in net.named_modules()
        if isinstance(m, nn.Linear)
    ]
    F.cross_entropy(net(tensor(10, 2, 3)), torch.arange(10) % 3).backward()
    print([(n, f"{g.abs().mean():.2e}") for n, g in grads])
    for h in handles:
        h.remove()

x = torch.ones(1, 3)
W, b = torch.ones(3, 2, requires_grad=True), torch.ones(1, 2, requires_grad=True)
y = torch.ones(1, 2)
z = (x @ W) + b
y_pred = F.relu(z)
loss = F.mse_loss(y_pred, y)
print(x.is_leaf, W.is_leaf, z.is_leaf, loss.is_leaf, x.requires_grad, z.requires_grad)
z.retain_grad()
y_pred.retain_grad()
loss.retain_grad()
loss.backward()
print(W.grad, b.grad, z.grad, loss.grad)
w2 = torch.ones(2, requires_grad=True)
w3 = w2.detach().clone().requires_grad_(True)
print(w2.clone().is_leaf, w3.is_leaf, (w2 * 1).data.is_leaf, w2.view(1, 2).is_leaf, w2.detach().is_leaf)


class SomeModule(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.linears = nn.ModuleList([nn.Linear(size, size) for _ in range(3)])

    def forward(self, x):
        for lin in self.linears:
            x = lin(x)
        return x


m = refill(SomeModule(5))
torch.save(m.state_dict(), "checkpoint.pth")
state_dict = torch.load("checkpoint.pth", mmap=True, weights_only=True)
with torch.device("cpu"):
    fresh = SomeModule(5)
    t = torch.zeros(2)
print(
    fresh.load_state_dict(state_dict, assign=True), t.device, torch.equal(fresh(x.new_ones(1, 5)), m(x.new_ones(1, 5)))
)
skipped = torch.nn.utils.skip_init(nn.Linear, 3, 2)
print(skipped, skipped.weight.shape)
for k, v in state_dict.items():
    state_dict[k] = v + 1
m.load_state_dict({f"{k}": v for k, v in state_dict.items()})
print(m.linears[0].bias - fresh.linears[0].bias)
torch.set_default_device("cpu")
print(torch.get_default_device(), torch.ones(1).device)
subset = {k.removeprefix("linears.0."): v for k, v in m.state_dict().items() if k.startswith("linears.0.")}
one = nn.Linear(5, 5)
print(
    one.load_state_dict(subset),
    list(subset),
    type(m.state_dict()).__name__,
    m.state_dict()["linears.0.bias"].requires_grad,
)
print(m.state_dict(prefix="model.").keys(), [k for k, _ in m.named_parameters(prefix="net", recurse=True)][:2])
