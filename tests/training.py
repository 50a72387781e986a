"""What the tests of training share: small data from every kind of loader, one way to run fit, comparison to the bit."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.optim import lr_scheduler
from chainrule.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, WeightedRandomSampler

pytest.importorskip("safetensors", reason="safetensors is not installed")
SOURCE = str(Path(__file__).parent.parent / "src")


def table(rows: int = 22, seed: int = 0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, 4)).astype(np.float32)
    return cr.tensor(x), cr.tensor((x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0))


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


class Noisy(Dataset):
    """Draws from every source of random numbers there is, one of its own included."""

    def __init__(self) -> None:
        self.x, self.y = table()
        self.own = np.random.default_rng(7)
        self.other = random.Random(7)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i):
        noise = self.own.standard_normal(4) + np.random.standard_normal(4) + random.gauss(0, 1) + self.other.random()
        return self.x[i] + cr.tensor(noise, dtype=cr.float32) * 0.01 + 0.01 * cr.randn(4), self.y[i]


class Stream(IterableDataset):
    def __iter__(self):
        x, y = table()
        for i in np.random.permutation(len(x)):
            yield x[int(i)], y[int(i)]


def loaders() -> dict:
    x, y = table()
    data = TensorDataset(x, y)
    return {
        "shuffled": lambda: DataLoader(data, batch_size=4, shuffle=True),
        "own generator": lambda: DataLoader(data, 4, shuffle=True, generator=cr.Generator().manual_seed(3)),
        "workers": lambda: DataLoader(data, 4, shuffle=True, num_workers=2),
        "weighted": lambda: DataLoader(data, 4, sampler=WeightedRandomSampler(np.arange(1.0, 23.0), 22)),
        "noisy": lambda: DataLoader(Noisy(), 4, shuffle=True),
        "stream": lambda: DataLoader(Stream(), 4),
        "list": lambda: [(x[i : i + 4].numpy(), y[i : i + 4].numpy()) for i in range(0, 22, 4)],
    }


def schedulers() -> dict:
    return {
        "none": lambda o: None,
        "per epoch": lambda o: lr_scheduler.StepLR(o, 1, 0.5),
        "plateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5),
        "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 0.1, total_steps=40),
        "sequence": lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LambdaLR(o, lambda e: 0.5), lr_scheduler.MultiStepLR(o, [1, 2])], [1]
        ),
    }


class StopAt(train.Callback):
    def __init__(self, step: int) -> None:
        self.at = step

    def on_step_end(self, run) -> None:
        if run.step == self.at:
            run.stop("test", at_once=True)


def go(folder, data="shuffled", scheduler="per epoch", optimizer="Adam", callbacks=(), epochs=3, **more):
    cr.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    model = network()
    made = getattr(optim, optimizer)(model.parameters(), lr=0.02)
    x, y = table(10, seed=1)
    history = train.fit(
        model,
        loaders()[data](),
        nn.CrossEntropyLoss(),
        made,
        epochs=epochs,
        validation=DataLoader(TensorDataset(x, y), 4),
        metrics={"accuracy": train.accuracy},
        scheduler=schedulers()[scheduler](made),
        checkpoint=folder,
        callbacks=callbacks,
        **more,
    )
    return model, made, history


def plain(history) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]


def tensors(x) -> list[np.ndarray]:
    if isinstance(x, dict):
        return [a for v in x.values() for a in tensors(v)]
    if isinstance(x, (list, tuple)):
        return [a for v in x for a in tensors(v)]
    return [np.asarray(x._data if isinstance(x, cr.Tensor) else x)] if not isinstance(x, (str, type(None))) else []


def same(a, b) -> None:
    for one, other in zip(tensors(a), tensors(b), strict=True):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


PROGRAM = """
import sys, time, numpy as np, chainrule as cr
from chainrule import nn
cr.manual_seed(0)
x = cr.randn(40, 4)
data = cr.utils.data.DataLoader(cr.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), 4, shuffle=True, num_workers=2)
model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
slow = cr.train.Call(on_step_end=lambda run: (print(run.step, flush=True), time.sleep(float(sys.argv[2]))))
history = cr.train.fit(model, data, nn.MSELoss(), cr.optim.Adam(model.parameters()), epochs=3, checkpoint=sys.argv[1],
                       resume=True, callbacks=[slow])
print(history.stopped, [w.hex() for w in model[0].weight.detach().double().reshape(-1).tolist()])
"""
