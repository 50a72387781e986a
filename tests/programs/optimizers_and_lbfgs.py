"""Optimisers written by hand next to the library's, LBFGS with a closure, Rosenbrock, hooks, odd parameter groups."""

import math

import numpy as np
import torch
from torch import nn, optim
from torch.optim import Optimizer

rng = np.random.default_rng(0)


class MyAdam(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                grad = p.grad
                if grad.is_sparse:
                    raise RuntimeError("no sparse gradients")
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                    state["exp_avg_sq"] = torch.zeros_like(p.data)
                exp_avg, exp_avg_sq = state["exp_avg"], state["exp_avg_sq"]
                beta1, beta2 = group["betas"]
                state["step"] += 1
                bias_correction1 = 1 - beta1 ** state["step"]
                bias_correction2 = 1 - beta2 ** state["step"]
                if group["weight_decay"] != 0:
                    grad = grad.add(p, alpha=group["weight_decay"])
                exp_avg.mul_(beta1).add_(grad, alpha=1 - beta1)
                exp_avg_sq.mul_(beta2).addcmul_(grad, grad.conj(), value=1 - beta2)
                denom = (exp_avg_sq.sqrt() / math.sqrt(bias_correction2)).add_(group["eps"])
                p.addcdiv_(exp_avg, denom, value=-group["lr"] / bias_correction1)
        return loss


class Lion(Optimizer):
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.99)):
        super().__init__(params, dict(lr=lr, betas=betas))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in filter(lambda p: p.grad is not None, group["params"]):
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = m.clone().mul_(group["betas"][0]).add(p.grad, alpha=1 - group["betas"][0]).sign_()
                p.add_(update, alpha=-group["lr"])
                m.lerp_(p.grad, 1 - group["betas"][1])


class SAM(Optimizer):
    """Sharpness-aware minimisation around another optimiser."""

    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        super().__init__(params, dict(rho=rho, **kwargs))
        self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups
        self.defaults.update(self.base_optimizer.defaults)

    @torch.no_grad()
    def step(self, closure):
        closure = torch.enable_grad()(closure)
        norm = torch.norm(torch.stack([p.grad.norm(p=2) for g in self.param_groups for p in g["params"]]), p=2)
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old_p"] = p.data.clone()
                p.add_(p.grad * (group["rho"] / (norm + 1e-12)).to(p))
        self.zero_grad()
        closure()
        for group in self.param_groups:
            for p in group["params"]:
                p.data = self.state[p]["old_p"]
        self.base_optimizer.step()
        self.zero_grad()


data = torch.tensor(rng.normal(size=(30, 4)), dtype=torch.float32)
target = (data @ torch.tensor([1.0, -2.0, 0.5, 0.0])).unsqueeze(1) + 0.3


def make():
    model = nn.Sequential(nn.Linear(4, 6), nn.SiLU(), nn.Linear(6, 1))
    state = np.random.default_rng(1)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.from_numpy(state.uniform(-0.5, 0.5, p.shape)))
    return model


runs = {}
for name, build in {
    "mine": lambda p: MyAdam(p, lr=0.02, weight_decay=0.01),
    "torch": lambda p: optim.Adam(p, lr=0.02, weight_decay=0.01),
    "lion": Lion,
    "sgd": lambda p: optim.SGD(p, 0.05, momentum=0.8, dampening=0.1, maximize=False),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, centered=True, momentum=0.5),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
    "adadelta": lambda p: optim.Adadelta(p, rho=0.8),
    "adamax": lambda p: optim.Adamax(p, lr=0.02),
    "nadam": lambda p: optim.NAdam(p, lr=0.02, decoupled_weight_decay=True),
    "radam": lambda p: optim.RAdam(p, lr=0.02),
    "rprop": lambda p: optim.Rprop(p, lr=0.01),
    "asgd": lambda p: optim.ASGD(p, lr=0.05),
}.items():
    model = make()
    optimizer = build(model.parameters())
    for _ in range(8):
        loss = nn.functional.mse_loss(model(data), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    runs[name] = loss.item()
    print(name, loss.item(), next(model.parameters()).norm().item())
    if name in ("mine", "torch", "rmsprop"):
        print(optimizer)
print(abs(runs["mine"] - runs["torch"]) < 1e-6)

model = make()
sam = SAM(model.parameters(), optim.SGD, lr=0.1, momentum=0.9)
for _ in range(5):
    loss = nn.functional.mse_loss(model(data), target)
    loss.backward()
    sam.step(lambda: nn.functional.mse_loss(model(data), target).backward())
print("sam", loss.item())

model = make()
lbfgs = optim.LBFGS(model.parameters(), lr=1, max_iter=10, history_size=5, line_search_fn="strong_wolfe")
calls = []


def closure():
    lbfgs.zero_grad()
    loss = nn.functional.mse_loss(model(data), target)
    loss.backward()
    calls.append(loss.item())
    return loss


for _ in range(3):
    print("lbfgs", lbfgs.step(closure).item(), len(calls))

point = torch.tensor([-1.5, 2.0], dtype=torch.float64, requires_grad=True)
opt = optim.LBFGS([point], lr=0.8, max_iter=4)
for _ in range(4):

    def rosenbrock():
        opt.zero_grad()
        x, y = point
        f = (1 - x) ** 2 + 100 * (y - x**2) ** 2
        f.backward()
        return f

    print(opt.step(rosenbrock).item(), point.tolist())

model = make()
opt = optim.SGD(
    [
        {"params": model[0].parameters(), "lr": 1e-2, "name": "body"},
        {"params": model[2].parameters(), "weight_decay": 0.1},
    ],
    lr=1e-1,
    nesterov=True,
    momentum=0.9,
)
print(opt)
log = []
handle = opt.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
opt.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
nn.functional.mse_loss(model(data), target).backward()
opt.step()
handle.remove()
opt.step()
print(log, list(opt.state_dict()["state"][0]), [g["params"] for g in opt.state_dict()["param_groups"]])
extra = nn.Parameter(torch.zeros(2))
opt.add_param_group({"params": [extra], "lr": 5.0})
print(len(opt.param_groups), opt.param_groups[2]["momentum"], opt.param_groups[2]["lr"])
for bad in (
    lambda: optim.SGD([], lr=0.1),
    lambda: optim.Adam(model.parameters(), lr=-1),
    lambda: optim.SGD(model.parameters(), lr=0.1, nesterov=True),
    lambda: opt.add_param_group({"params": [extra]}),
    lambda: optim.SGD(torch.zeros(3), lr=0.1),
    lambda: optim.Adam([torch.ones(2, requires_grad=True) * 2]),
):
    try:
        bad()
    except Exception as e:
        print(isinstance(e, ValueError), isinstance(e, TypeError), str(e)[:40])
