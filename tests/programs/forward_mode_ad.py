"""Forward-mode tutorial: dual tensors, modules, custom functions with jvp, and func.jvp."""

import numpy as np
import torch
import torch.autograd.forward_ad as fwAD
import torch.func as ft
import torch.nn as nn
from torch.func import functional_call

rng = np.random.default_rng(0)
primal = torch.from_numpy(rng.normal(size=(3, 3)))
tangent = torch.from_numpy(rng.normal(size=(3, 3)))


def fn(x, y):
    return x**2 + y**2


with fwAD.dual_level():
    dual_input = fwAD.make_dual(primal, tangent)
    assert fwAD.unpack_dual(dual_input).tangent is tangent
    plain_tensor = torch.ones(3, 3, dtype=torch.float64)
    dual_output = fn(dual_input, plain_tensor)
    jvp = fwAD.unpack_dual(dual_output).tangent
    print(fwAD.unpack_dual(dual_output).primal)
    print(fwAD.unpack_dual(plain_tensor).tangent)
print(jvp)
assert fwAD.unpack_dual(dual_output).tangent is None

model = nn.Linear(3, 2).double()
for p in model.parameters():
    p.data = torch.from_numpy(rng.normal(size=p.shape))
params = {name: p for name, p in model.named_parameters()}
tangents = {name: torch.from_numpy(rng.normal(size=p.shape)) for name, p in params.items()}
with fwAD.dual_level():
    for name, p in params.items():
        delattr(model, name)
        setattr(model, name, fwAD.make_dual(p, tangents[name]))
    out = model(primal)
    jvp = fwAD.unpack_dual(out).tangent
print(jvp.detach())

model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
for p in model.parameters():
    p.data = torch.from_numpy(rng.normal(size=p.shape))
with fwAD.dual_level():
    dual_params = {n: fwAD.make_dual(p, torch.ones_like(p)) for n, p in model.named_parameters()}
    out = functional_call(model, dual_params, primal)
    print(fwAD.unpack_dual(out).tangent.detach())


class Fn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, foo):
        result = torch.exp(foo)
        ctx.result = result
        return result

    @staticmethod
    def jvp(ctx, gI):
        gO = gI * ctx.result
        del ctx.result
        return gO


fn_ = Fn.apply
primal = torch.from_numpy(rng.normal(size=(4, 4))).requires_grad_()
tangent = torch.from_numpy(rng.normal(size=(4, 4)))
with fwAD.dual_level():
    dual_input = fwAD.make_dual(primal, tangent)
    dual_output = fn_(dual_input)
    jvp = fwAD.unpack_dual(dual_output).tangent
print(jvp.sum())
torch.autograd.gradcheck(
    Fn.apply, (primal,), check_forward_ad=True, check_backward_ad=False, check_undefined_grad=False
)

with fwAD.dual_level():
    x = fwAD.make_dual(torch.tensor(2.0), torch.tensor(1.0))
    y = x.clone()
    y *= 3
    y.sin_()
    z = torch.stack([x, y, x * y])
    z[0] = 5.0
    print(fwAD.unpack_dual(z))

primal0, primal1 = torch.from_numpy(rng.normal(size=(3,))), torch.from_numpy(rng.normal(size=(3,)))
tangent0, tangent1 = torch.ones(3, dtype=torch.float64), torch.arange(3.0).double()
primal_out, tangent_out = ft.jvp(fn, (primal0, primal1), (tangent0, tangent1))
print(primal_out, tangent_out)
out, tan, aux = ft.jvp(lambda x: ((x * x).sum(), {"x": x}), (primal0,), (tangent0,), has_aux=True)
print(out, tan, aux)
