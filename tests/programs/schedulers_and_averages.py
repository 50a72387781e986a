"""Every scheduler for a few epochs, chained and resumed, averaged weights, and what they print."""

import warnings

import numpy as np
import torch
from torch import nn
from torch.optim import SGD, Adam, lr_scheduler
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

rng = np.random.default_rng(0)


def small():
    model = nn.Linear(2, 1)
    model.weight.data, model.bias.data = torch.tensor([[0.5, -0.3]]), torch.tensor([0.1])
    return model


MAKERS = {
    "StepLR": lambda o: lr_scheduler.StepLR(o, step_size=2, gamma=0.1),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, milestones=[2, 4], gamma=0.5),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, factor=0.5, total_iters=3),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=4),
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lr_lambda=[lambda e: 0.95**e, lambda e: e // 2]),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lr_lambda=lambda e: 0.8),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=5, eta_min=0.001),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, total_iters=5, power=2.0),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=2, mode="triangular2"),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, steps_per_epoch=2, epochs=5),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o,
        [lr_scheduler.LinearLR(o, 0.1, total_iters=2), lr_scheduler.CosineAnnealingLR(o, 5)],
        milestones=[2],
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, 0.1, 2), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
}
for name, make in MAKERS.items():
    model = small()
    optimizer = SGD([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.05}], lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for _epoch in range(7):
        rates.append([round(r, 8) for r in scheduler.get_last_lr()])
        optimizer.zero_grad()
        model(torch.ones(3, 2)).pow(2).mean().backward()
        optimizer.step()
        scheduler.step()
    print(name, rates, optimizer.param_groups[0]["momentum"], model.weight)
    if name not in ("LambdaLR", "SequentialLR", "ChainedScheduler", "MultiplicativeLR", "OneCycleLR", "CyclicLR"):
        print({k: v for k, v in sorted(scheduler.state_dict().items()) if "step_count" not in k})

optimizer = Adam(small().parameters(), lr=0.1)
plateau = lr_scheduler.ReduceLROnPlateau(optimizer, "min", patience=1, factor=0.3, cooldown=1, min_lr=1e-3)
for loss in (1.0, 0.9, 0.95, 0.95, 0.95, 0.7, 0.7, 0.7, 0.7, 0.7):
    plateau.step(loss)
    print(optimizer.param_groups[0]["lr"], plateau.num_bad_epochs, plateau.best, plateau.get_last_lr())

optimizer = SGD(small().parameters(), lr=0.1)
first = lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
for _ in range(3):
    optimizer.step()
    first.step()
again = SGD(small().parameters(), lr=0.1)
again.load_state_dict(optimizer.state_dict())
second = lr_scheduler.CosineAnnealingLR(again, T_max=10)
second.load_state_dict(first.state_dict())
for o, s in ((optimizer, first), (again, second)):
    o.step()
    s.step()
    print(s.last_epoch, s.get_last_lr(), o.param_groups[0]["lr"])
print(optimizer)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    late = lr_scheduler.ExponentialLR(SGD(small().parameters(), lr=0.1), 0.9)
    late.step()
print(len(caught), str(caught[0].message)[:60])

model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
for p in model.parameters():
    p.data = torch.from_numpy(rng.normal(size=p.shape)).float()
x, y = torch.from_numpy(rng.normal(size=(16, 2))).float(), torch.from_numpy(rng.normal(size=(16, 1))).float()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=4)
swa_model = AveragedModel(model)
ema_model = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = SGD(model.parameters(), lr=0.1)
scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
swa_scheduler = SWALR(optimizer, anneal_strategy="linear", anneal_epochs=3, swa_lr=0.05)
for epoch in range(8):
    for input, target in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(input), target).backward()
        optimizer.step()
        ema_model.update_parameters(model)
    if epoch > 3:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    else:
        scheduler.step()
    print(epoch, optimizer.param_groups[0]["lr"], nn.functional.mse_loss(model(x), y).item())
update_bn(loader, swa_model)
print(swa_model.n_averaged, ema_model.n_averaged, swa_model.module[1].running_mean, swa_model(x)[:3])
print(ema_model.module[0].weight, list(swa_model.state_dict())[:3])
print(swa_model)
