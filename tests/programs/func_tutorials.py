"""torch.func's tutorials: per-sample gradients, Jacobians and Hessians, ensembles, tangent kernels."""

from functools import partial

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)

rng = np.random.default_rng(0)
torch.manual_seed(0)


def tensor(*shape, scale=1.0):
    return torch.from_numpy((scale * rng.normal(size=shape)).astype(np.float32))


class SimpleCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, 1)
        self.conv2 = nn.Conv2d(4, 4, 3, 1)
        self.fc1 = nn.Linear(16, 8)
        self.fc2 = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = torch.flatten(x, 1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def refill(model, scale=0.3):
    for p in model.parameters():
        p.data.copy_(tensor(*p.shape, scale=scale))
    return model


model = refill(SimpleCNN())
data, targets = tensor(5, 1, 8, 8), torch.tensor([0, 2, 1, 1, 0])


def loss_fn(predictions, targets):
    return F.nll_loss(predictions, targets)


def compute_grad(sample, target):
    loss = loss_fn(model(sample.unsqueeze(0)), target.unsqueeze(0))
    return torch.autograd.grad(loss, list(model.parameters()))


loop = [torch.stack(g) for g in zip(*[compute_grad(data[i], targets[i]) for i in range(5)])]
params = {k: v.detach() for k, v in model.named_parameters()}
buffers = {k: v.detach() for k, v in model.named_buffers()}


def compute_loss(params, buffers, sample, target):
    predictions = functional_call(model, (params, buffers), (sample.unsqueeze(0),))
    return loss_fn(predictions, target.unsqueeze(0))


ft_compute_sample_grad = vmap(grad(compute_loss), in_dims=(None, None, 0, 0))
ft = ft_compute_sample_grad(params, buffers, data, targets)
for a, (name, b) in zip(loop, ft.items()):
    print(name, b.shape, torch.allclose(a, b, atol=3e-3, rtol=1e-5), b.flatten(1).norm(dim=1))
grads, losses = vmap(grad_and_value(compute_loss), (None, None, 0, 0), chunk_size=2)(params, buffers, data, targets)
print(losses, grads["fc2.bias"][0])

weight, bias, x = tensor(4, 4), tensor(4), tensor(4)


def predict(weight, bias, x):
    return F.linear(x, weight, bias).tanh()


unit_vectors = torch.eye(4)
xp = x.clone().requires_grad_()
exp = predict(weight, bias, xp)
rows = torch.stack([torch.autograd.grad(exp, xp, vec, retain_graph=True)[0] for vec in unit_vectors])
_, vjp_fn = vjp(partial(predict, weight, bias), x)
(ft_jacobian,) = vmap(vjp_fn)(unit_vectors)
print(torch.allclose(rows, ft_jacobian), ft_jacobian)
print(jacrev(predict, argnums=2)(weight, bias, x).sub(jacfwd(predict, argnums=2)(weight, bias, x)).abs().max() < 1e-6)
jw, jb = jacrev(predict, argnums=(0, 1))(weight, bias, x)
print(jw.shape, jb.shape, jb.diagonal())
hess_api = hessian(predict, argnums=2)(weight, bias, x)
hess_fwdrev = jacfwd(jacrev(predict, argnums=2), argnums=2)(weight, bias, x)
hess_revrev = jacrev(jacrev(predict, argnums=2), argnums=2)(weight, bias, x)
print(torch.allclose(hess_api, hess_fwdrev, atol=1e-6), torch.allclose(hess_api, hess_revrev, atol=1e-6), hess_api[0])
xs = tensor(3, 4)
print(vmap(jacrev(predict, argnums=2), in_dims=(None, None, 0))(weight, bias, xs).shape)
batch_hess = vmap(hessian(predict, argnums=2), in_dims=(None, None, 0))(weight, bias, xs)
print(batch_hess.shape, batch_hess.sum())


def hvp(f, primals, tangents):
    return jvp(grad(f), primals, tangents)[1]


print(hvp(lambda x: x.sin().sum(), (x,), (torch.ones(4),)))


class SimpleMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 5)
        self.fc2 = nn.Linear(5, 3)

    def forward(self, x):
        x = x.flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


models = [refill(SimpleMLP()) for _ in range(4)]
minibatches = tensor(4, 7, 2, 3)
predictions_loop = [model(minibatch) for model, minibatch in zip(models, minibatches)]
params, buffers = stack_module_state(models)
print({k: (tuple(v.shape), v.requires_grad) for k, v in params.items()}, buffers)
base_model = SimpleMLP()


def fmodel(params, buffers, x):
    return functional_call(base_model, (params, buffers), (x,))


predictions1 = vmap(fmodel)(params, buffers, minibatches)
print(torch.allclose(predictions1, torch.stack(predictions_loop), atol=1e-3, rtol=1e-5), predictions1.sum(0)[0])
predictions2 = vmap(fmodel, in_dims=(0, 0, None))(params, buffers, minibatches[0])
print(predictions2.shape, predictions2.std(0).mean())

net = refill(SimpleMLP())
net_params = {k: v.detach() for k, v in net.named_parameters()}
x1, x2 = tensor(3, 6), tensor(2, 6)


def fnet_single(params, x):
    return functional_call(net, params, (x.unsqueeze(0),)).squeeze(0)


def empirical_ntk_jacobian_contraction(fnet_single, params, x1, x2, compute="full"):
    jac1 = vmap(jacrev(fnet_single), (None, 0))(params, x1)
    jac1 = jac1.values()
    jac1 = [j.flatten(2) for j in jac1]
    jac2 = vmap(jacrev(fnet_single), (None, 0))(params, x2)
    jac2 = [j.flatten(2) for j in jac2.values()]
    einsum_expr = {"full": "Naf,Mbf->NMab", "trace": "Naf,Maf->NM", "diagonal": "Naf,Maf->NMa"}[compute]
    result = torch.stack([torch.einsum(einsum_expr, j1, j2) for j1, j2 in zip(jac1, jac2)])
    return result.sum(0)


def empirical_ntk_ntk_vps(func, params, x1, x2, compute="full"):
    def get_ntk(x1, x2):
        def func_x1(params):
            return func(params, x1)

        def func_x2(params):
            return func(params, x2)

        output, vjp_fn = vjp(func_x1, params)

        def get_ntk_slice(vec):
            vjps = vjp_fn(vec)
            _, jvps = jvp(func_x2, (params,), vjps)
            return jvps

        basis = torch.eye(output.numel(), dtype=output.dtype, device=output.device).view(output.numel(), -1)
        return vmap(get_ntk_slice)(basis)

    result = vmap(vmap(get_ntk, (None, 0)), (0, None))(x1, x2)
    return torch.einsum("NMKK->NM", result) if compute == "trace" else result


full = empirical_ntk_jacobian_contraction(fnet_single, net_params, x1, x2)
vps = empirical_ntk_ntk_vps(fnet_single, net_params, x1, x2)
print(full.shape, torch.allclose(full, vps, atol=1e-5), full[0, 0])
print(empirical_ntk_jacobian_contraction(fnet_single, net_params, x1, x2, "trace"))


def random_or_not(x):
    return x + torch.randn(())


for randomness in ("error", "same", "different"):
    try:
        out = vmap(random_or_not, randomness=randomness)(torch.zeros(3))
        print(randomness, out.unique().numel())
    except RuntimeError as e:
        print(randomness, "RuntimeError", "random" in str(e))
print(
    vmap(lambda a, b: {"dot": a @ b, "pair": (a, b.sum())}, in_dims=(1, 0), out_dims=0)(tensor(4, 2), tensor(2, 4))[
        "dot"
    ].shape
)
