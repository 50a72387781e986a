"""Saved-tensor hooks, checkpointing, walking the graph, leaf and retain rules, anomalies, Jacobians and products."""

import os
import uuid

import numpy as np
import torch
import torch.nn as nn
from torch.autograd.functional import hessian, hvp, jacobian, vhp
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

rng = np.random.default_rng(0)


def tensor(*shape):
    return torch.from_numpy(rng.normal(size=shape))


def pack_hook(x):
    packed.append(tuple(x.shape))
    return x.numpy().copy() if not x.requires_grad else x.detach().numpy().copy()


packed = []
a, b = tensor(5).requires_grad_(), tensor(5).requires_grad_()
with torch.autograd.graph.saved_tensors_hooks(pack_hook, torch.from_numpy):
    y = (a * b).sum()
y.backward()
print(torch.equal(a.grad, b), packed)


class SelfDeletingTempFile:
    def __init__(self):
        self.name = str(uuid.uuid4())

    def __del__(self):
        os.remove(self.name)


def save(tensor):
    temp_file = SelfDeletingTempFile()
    torch.save(tensor, temp_file.name)
    return temp_file


with torch.autograd.graph.saved_tensors_hooks(save, lambda f: torch.load(f.name)):
    x = tensor(3).requires_grad_()
    y = x.pow(2).exp()
files = len([f for f in os.listdir(".") if f.count("-") == 4])
y.sum().backward()
del y
print(files > 0, len([f for f in os.listdir(".") if f.count("-") == 4]), torch.allclose(x.grad, 2 * x * (x**2).exp()))
try:
    graph = torch.autograd.graph
    with graph.disable_saved_tensors_hooks("not here"), graph.saved_tensors_hooks(lambda x: x, lambda x: x):
        pass
except RuntimeError as e:
    print(str(e)[:30])

block = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 4)).double()
for p in block.parameters():
    p.data = tensor(*p.shape)
inp = tensor(2, 4).requires_grad_()
results = []
for use in (False, True):
    torch.manual_seed(1)
    out = checkpoint(block, inp, use_reentrant=False) if use else block(inp)
    inp.grad = None
    out.sum().backward()
    results.append((out.detach(), inp.grad.clone()))
print(all(torch.equal(p, q) for p, q in zip(*results)))
block.eval()
inp.grad = None
(checkpoint_sequential(list(block.children()), 2, inp, use_reentrant=False)).sum().backward()
print(inp.grad)

x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * 2
z = (y**2).mean()
print(x.is_leaf, y.is_leaf, z.requires_grad, x.grad_fn, y.detach().requires_grad, z.grad_fn.name())
print(z.grad_fn.next_functions[0][0].name(), [n is not None for n, _ in z.grad_fn.next_functions])
y.retain_grad()
z.backward(retain_graph=True)
z.backward()
print(x.grad, y.grad, y.retains_grad, x.retains_grad)
try:
    z.backward()
except RuntimeError as e:
    print(str(e)[:56])
try:
    (x * 2).backward()
except RuntimeError as e:
    print(str(e)[:54])
try:
    x.add_(1)
except RuntimeError as e:
    print(str(e)[:74])
try:
    torch.tensor([1, 2], requires_grad=True)
except RuntimeError as e:
    print(str(e)[:66])
try:
    w = torch.ones(2, requires_grad=True)
    v = w.exp()
    torch.ones(2).backward()
except RuntimeError as e:
    print(str(e)[:70])
with torch.no_grad():
    print((x * 2).requires_grad, torch.is_grad_enabled())
    with torch.enable_grad():
        print((x * 2).requires_grad)


@torch.no_grad()
def doubler(x):
    return x * 2


with torch.set_grad_enabled(True):
    print(doubler(x).requires_grad, torch.is_inference_mode_enabled())
calls = []
h = (x**3).sum()
h.grad_fn.register_hook(lambda gi, go: calls.append([tuple(t.shape) for t in (*gi, *go) if t is not None]))
h.grad_fn.register_prehook(lambda go: calls.append("pre"))
h.backward()
print(calls, x.grad)
x.grad = None
acc = torch.zeros(2)
for i in range(3):
    ((x - i) ** 2).sum().backward()
    acc += x.grad
print(acc, x.grad)
x.grad.zero_()
x.data.mul_(2)
with torch.no_grad():
    x -= 0.5 * torch.ones(2)
print(x, x._version >= 1, x.grad)
buffer = torch.zeros(4)
buffer[1:3] = x * 3
buffer[0] = x[0] ** 2
buffer.mul_(torch.tensor([0.5, 1.0, -1.0, 2.0]))
buffer[1:].add_(torch.tensor([1.0, 2.0, 3.0]))
buffer.sum().backward()
print(buffer.detach(), x.grad)
try:
    with torch.autograd.detect_anomaly(check_nan=True):
        torch.sqrt(torch.tensor([-1.0], requires_grad=True)).sum().backward()
except RuntimeError as e:
    print(str(e)[:48])


def f(x, y):
    return (x.sin() * y).sum(0) + x[0] * y


x, y = tensor(3), tensor(3)
jx, jy = jacobian(f, (x, y))
print(jx, jy.diagonal(), jacobian(f, (x, y), vectorize=True)[0].shape)
energy = lambda x: (x[:-1] * x[1:].exp()).sum()  # noqa: E731
H = hessian(energy, x)
v = tensor(3)
print(H, torch.allclose(hvp(energy, x, v)[1], H @ v), torch.allclose(vhp(energy, x, v)[1], v @ H))
print(hessian(lambda a, b: (a * b**2).sum(), (x, y))[1][1].diagonal())
print(jacobian(energy, x.requires_grad_(), create_graph=True).requires_grad)
out = (x.requires_grad_() * torch.arange(3.0)).cumsum(0)
rows = torch.autograd.grad(out, x, torch.eye(3).double(), is_grads_batched=True)[0]
print(rows)
g1, g2 = torch.autograd.grad(x.prod(), [x, y.requires_grad_()], allow_unused=True)
print(g1, g2, torch.autograd.grad(x.sum(), [x, y], allow_unused=True, materialize_grads=True)[1])


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0]))

    def forward(self, x):
        return (self.w * x).sum().tanh()


model, damping = Tiny(), 0.1
loss = (model(torch.tensor([0.3, 0.4])) - 1) ** 2
(g,) = torch.autograd.grad(loss, model.w, create_graph=True)


def Hv(v):
    return torch.autograd.grad(g, model.w, v, retain_graph=True)[0] + damping * v


solution, r = torch.zeros(2), g.detach().clone()
p = r.clone()
for _ in range(2):
    Ap = Hv(p)
    alpha = r.dot(r) / p.dot(Ap)
    solution += alpha * p
    new = r - alpha * Ap
    p, r = new + (new.dot(new) / r.dot(r)) * p, new
print(solution, torch.allclose(Hv(solution), g.detach(), atol=1e-4))
