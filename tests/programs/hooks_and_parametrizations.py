"""Hooks for activations and gradients, Grad-CAM, parametrizations, pruning, freezing, surgery on modules."""

import copy
from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.parametrize as parametrize
from torch.nn.utils import parametrizations

rng = np.random.default_rng(0)


def tensor(*shape, scale=1.0):
    return torch.from_numpy(rng.normal(0, scale, shape).astype(np.float32))


def refill(model):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(tensor(*p.shape, scale=0.4))
    return model


model = refill(
    nn.Sequential(
        OrderedDict(
            [
                ("conv", nn.Conv2d(1, 3, 3, padding=1)),
                ("relu", nn.ReLU()),
                ("pool", nn.AvgPool2d(2)),
                ("flat", nn.Flatten()),
                ("fc", nn.Linear(12, 2)),
            ]
        )
    )
)
activation, gradients = {}, {}


def get_activation(name):
    def hook(model, input, output):
        activation[name] = output.detach()

    return hook


def get_gradient(name):
    def hook(module, grad_input, grad_output):
        gradients[name] = grad_output[0]

    return hook


handles = [m.register_forward_hook(get_activation(n)) for n, m in model.named_children()]
handles += [model.conv.register_full_backward_hook(get_gradient("conv"))]
x = tensor(2, 1, 4, 4)
out = model(x)
out[:, 1].sum().backward()
for name, value in activation.items():
    print(name, tuple(value.shape), f"{value.mean():.4f} {value.std():.4f}")
weights = gradients["conv"].mean(dim=(2, 3), keepdim=True)
cam = F.relu((weights * activation["conv"]).sum(1))
print("cam", cam / cam.max())
for h in handles:
    h.remove()
activation.clear()
model(x)
print(activation, len(model.conv._forward_hooks))

pre = model.fc.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
doubled = model(x)
pre.remove()
kw = model.fc.register_forward_hook(lambda m, args, kwargs, out: out + 1, with_kwargs=True)
print(torch.allclose(model(x) - 1, model.fc(model[:4](x)) - 1), doubled.sum())
kw.remove()
seen = []
t = (x * 2).requires_grad_()
y = t * 3
y.register_hook(lambda g: seen.append(g.sum().item()) or g * 0.5)
y.retain_grad()
y.sum().backward()
print(seen, t.grad[0, 0, 0], y.grad[0, 0, 0])
p = model.fc.bias
p.register_post_accumulate_grad_hook(lambda p: seen.append(tuple(p.grad.shape)))
model(x).sum().backward()
print(seen)


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


class MatrixExponential(nn.Module):
    def forward(self, X):
        return torch.linalg.matrix_exp(X)


class Skew(nn.Module):
    def forward(self, X):
        A = X.triu(1)
        return A - A.transpose(-1, -2)


layer = nn.Linear(3, 3)
layer.weight.data, layer.bias.data = tensor(3, 3), tensor(3)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(torch.equal(layer.weight, layer.weight.T), layer)
print(dict(layer.named_parameters()).keys(), layer.parametrizations.weight.original.shape)
layer.weight = layer.weight.detach() * 2
opt = torch.optim.SGD(layer.parameters(), lr=0.1)
layer(torch.ones(1, 3)).sum().backward()
opt.step()
print(layer.weight)
with parametrize.cached():
    print(layer.weight is layer.weight)
parametrize.remove_parametrizations(layer, "weight")
print(layer, type(layer).__name__)
ortho = nn.Linear(3, 3)
ortho.weight.data = tensor(3, 3)
parametrize.register_parametrization(ortho, "weight", Skew())
parametrize.register_parametrization(ortho, "weight", MatrixExponential())
print(
    torch.allclose(ortho.weight @ ortho.weight.T, torch.eye(3), atol=1e-5), parametrize.is_parametrized(ortho, "weight")
)
wn = nn.Linear(3, 2)
wn.weight.data, wn.bias.data = tensor(2, 3), tensor(2)
before = wn.weight.clone()
wn = parametrizations.weight_norm(wn, dim=0)
print(torch.allclose(before, wn.weight), sorted(wn.state_dict()), wn(torch.ones(3)))
(wn(torch.ones(3)) ** 2).sum().backward()
print(wn.parametrizations.weight.original0.grad, wn.parametrizations.weight.original1.grad)


class MaskedLinear(nn.Linear):
    """Magnitude pruning with a mask that travels with the state dict."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.register_buffer("mask", torch.ones_like(self.weight))

    def prune(self, amount):
        k = int(amount * self.weight.numel())
        threshold = self.weight.abs().flatten().kthvalue(k).values
        self.mask.copy_((self.weight.abs() > threshold).to(self.mask.dtype))
        return self

    def forward(self, x):
        return F.linear(x, self.weight * self.mask, self.bias)

    def extra_repr(self):
        return super().extra_repr() + f", sparsity={1 - self.mask.mean().item():.2f}"


m = refill(MaskedLinear(4, 3)).prune(0.5)
print(m, m.mask, m(torch.ones(2, 4)))
m(torch.ones(2, 4)).sum().backward()
print((m.weight.grad == 0).sum(), list(m.state_dict()))

backbone = refill(nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)))
for param in backbone.parameters():
    param.requires_grad = False
backbone[3] = refill(nn.Linear(5, 2))
backbone.add_module("tail", nn.LogSoftmax(dim=-1))
frozen = copy.deepcopy(backbone)
opt = torch.optim.Adam(filter(lambda p: p.requires_grad, backbone.parameters()), lr=0.1)
backbone.eval()
for _ in range(3):
    loss = F.nll_loss(backbone(tensor(6, 4)), torch.tensor([0, 1, 0, 1, 0, 1]))
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss, torch.equal(frozen[0].weight, backbone[0].weight), torch.equal(frozen[3].weight, backbone[3].weight))
print(backbone, backbone.training, sum(p.numel() for p in backbone.parameters() if p.requires_grad))
print([n for n, _ in backbone.named_modules()], [tuple(b.shape) for b in backbone.buffers()])
intermediate = nn.Sequential(*list(backbone.children())[:-2])
print(intermediate(torch.ones(1, 4)).shape, backbone.get_submodule("3"), len(list(backbone.modules())))
