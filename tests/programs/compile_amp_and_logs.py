"""torch.compile as decorator and call, autocast and GradScaler on the CPU, devices, dtypes, printing, small habits."""

import argparse
import copy
import sys
import time
from collections import OrderedDict, defaultdict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.init as init
from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--no-accel", action="store_true")
args = parser.parse_args([])
use_cuda = not args.no_accel and torch.cuda.is_available()
device = torch.device("cuda" if use_cuda else "cpu")
kwargs = {"num_workers": 1, "pin_memory": True} if use_cuda else {}
torch.set_num_threads(1)
torch.set_printoptions(precision=4, sci_mode=False)
print(device, kwargs, torch.get_num_threads(), isinstance(device, torch.device), device == torch.device("cpu"))


@torch.compile(backend="eager")
def fused(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(x) + torch.cos(y) * x.pow(2)


@torch.compile(backend="eager", fullgraph=True, dynamic=False)
def gelu(x):
    return 0.5 * x * (1.0 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3)))


rng = np.random.default_rng(0)


def tensor(*shape) -> Tensor:
    return torch.from_numpy(rng.normal(size=shape)).to(torch.float32)


class Residual(nn.Module):
    factor: float

    def __init__(self, dims: list[int], act: nn.Module | None = None) -> None:
        super().__init__()
        self.factor = 0.5
        self.layers = nn.ModuleDict(
            OrderedDict((f"fc{i}", nn.Linear(a, b)) for i, (a, b) in enumerate(zip(dims, dims[1:])))
        )
        self.act = act or nn.Mish()
        self.scales = nn.ParameterDict({k: nn.Parameter(torch.ones(1)) for k in self.layers})
        self.register_buffer("steps", torch.tensor(0), persistent=False)
        self.register_parameter("unused", None)

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        seen = {}
        self.steps += 1
        for name, layer in self.layers.items():
            x = self.scales[name] * self.act(layer(x)) + self.factor * x
            seen[name] = x
        return x, seen


x, y = tensor(3), tensor(3)
eager = torch.sin(x) + torch.cos(y) * x**2
print(torch.allclose(fused(x, y), eager), torch.allclose(gelu(x), F.gelu(x, approximate="tanh"), atol=1e-6))
model = Residual([4, 4, 4])
with torch.no_grad():
    for p in model.parameters():
        p.copy_(tensor(*p.shape) * 0.3)
print(model)
compiled = torch.compile(model, backend="eager")
data, target = tensor(5, 4), tensor(5, 4)
opt = torch.optim.AdamW(compiled.parameters(), lr=args.lr)
scaler = torch.amp.GradScaler("cpu", enabled=False)
start = time.perf_counter()
for step in range(4):
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=False):
        out, seen = compiled(data)
        loss = F.mse_loss(out, target)
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    total = nn.utils.clip_grad_norm_(model.parameters(), 1.0, norm_type=2)
    scaler.step(opt)
    scaler.update()
    opt.zero_grad()
    print(
        step, f"{loss:.5f}" if loss.dim() == 0 and not loss.requires_grad else round(loss.item(), 5), total, list(seen)
    )
print(time.perf_counter() > start, model.steps, "steps" in model.state_dict(), scaler.get_scale(), scaler.is_enabled())
print(list(model.state_dict()), model.unused, "unused" in dict(model.named_parameters()))

half = nn.Linear(4, 2).to(torch.float64).half().float().double()
print(half.weight.dtype, next(half.parameters()).device, half.to(device, torch.float32).bias.dtype)
b16 = torch.ones(2, 2, dtype=torch.bfloat16)
print(
    b16,
    (b16 * 1.5).dtype,
    (b16.float() + 1).dtype,
    b16.to(torch.int8),
    torch.finfo(torch.bfloat16).eps,
    torch.iinfo(torch.int8).max,
)
print(
    torch.promote_types(torch.int32, torch.float16),
    (torch.ones(1, dtype=torch.int32) / 2).dtype,
    torch.result_type(x, 1.0),
)
print(
    torch.tensor([True]) + 1,
    torch.tensor(3) // 2,
    torch.tensor(-7) % 3,
    torch.tensor(7.5).int(),
    torch.tensor([1, 2]) ** -1.0,
)
print(
    torch.tensor([[1e-8, 1.0], [2.0, 1234567.0]]),
    torch.tensor([1e10, 1.0]),
    torch.tensor([]),
    torch.zeros(0, 3),
    torch.arange(1001),
)
print(
    torch.tensor(float("inf")),
    torch.tensor([float("nan"), -1.0]),
    torch.tensor([1 + 2j]),
    torch.zeros(2, 1, 2),
    torch.tensor("a" == "a"),
)
print(
    nn.Parameter(torch.zeros(2)),
    nn.Parameter(torch.ones(1), requires_grad=False),
    torch.randn(2, requires_grad=True).shape,
)
print(nn.ParameterList([nn.Parameter(torch.zeros(2, 3))]), nn.ModuleList([nn.ReLU(), nn.Conv1d(1, 2, 3, dilation=2)]))
print(
    nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8, momentum=0.01), nn.LeakyReLU(0.1, True)
    )
)
print(
    nn.LSTM(3, 4, batch_first=True, dropout=0.1, num_layers=2),
    nn.Embedding(5, 2, padding_idx=0),
    nn.Upsample(scale_factor=2),
)
print(
    nn.CrossEntropyLoss(),
    nn.Dropout(0.3, inplace=True),
    nn.MaxPool2d((2, 3), stride=1),
    nn.LayerNorm((4, 2), eps=1e-6),
    nn.Identity(3),
)
print(
    torch.Size([2, 3]).numel(),
    x.size(),
    x.size(0),
    data.shape[-1],
    data.stride(),
    data.T.is_contiguous(),
    data.element_size(),
    data.nbytes,
)
print(
    str(torch.float32),
    torch.float32 == data.dtype,
    data.type(),
    repr(data.device),
    data.is_cuda,
    data.ndim,
    data.nelement(),
)

meters: dict[str, list[float]] = defaultdict(list)
for i in range(3):
    meters["loss"].append(i / 2)
print({k: float(np.mean(v)) for k, v in meters.items()}, file=sys.stdout)


class Warmup(LRScheduler):
    def __init__(self, optimizer, warmup: int, last_epoch: int = -1):
        self.warmup = warmup
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        return [base * min(1.0, (self.last_epoch + 1) / self.warmup) for base in self.base_lrs]


opt = torch.optim.SGD(model.parameters(), lr=args.lr)
sched = Warmup(opt, 3)
rates = []
for _ in range(4):
    rates.append(sched.get_last_lr()[0])
    opt.step()
    sched.step()
print(rates)


def count(model: nn.Module) -> int | str:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


twin = copy.deepcopy(model).eval().requires_grad_(False)
print(
    count(model),
    count(twin),
    twin.training,
    all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters())),
)
for m in twin.modules():
    if isinstance(m, nn.Linear):
        init.constant_(m.weight, 0.25)
        init.eye_(m.weight)
        init.zeros_(m.bias)
print(twin(torch.ones(1, 4))[0], init.calculate_gain("leaky_relu", 0.2))
t1, t2 = torch.ones(2, 3), torch.arange(3.0)
print(
    torch.einsum("ij,j->i", t1, t2),
    t1 @ t2,
    torch.tensordot(t1, t2, dims=1),
    torch.addmv(torch.ones(2), t1, t2),
    t1.matmul(t2),
)
a, (b, c) = t2[0], t2[1:].split(1)
print(
    a,
    b,
    c,
    [*map(float, t2)],
    torch.is_tensor(a),
    torch.is_floating_point(a),
    torch.stack((a, b[0], c[0])),
    max(t2),
    sorted(t2.tolist()),
)
torch.set_printoptions(profile="default")
