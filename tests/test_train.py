"""train.fit: what it computes, what it keeps and shows, and what it says to wrong arguments."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from training import PROGRAM, SOURCE, StopAt, go, same, table

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.utils.data import TensorDataset

# ---- what fit computes -----------------------------------------------------------------------------------------------


def test_fit_is_the_plain_loop():
    x, y = table()
    batches = [(x[i : i + 5], y[i : i + 5]) for i in range(0, 22, 5)]
    cr.manual_seed(0)
    a, b = nn.Linear(4, 3), nn.Linear(4, 3)
    b.load_state_dict(a.state_dict())
    loss = nn.CrossEntropyLoss()
    made = optim.SGD(a.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(3):
        total = 0.0
        for p, t in batches:
            made.zero_grad()
            value = loss(a(p), t)
            value.backward()
            made.step()
            total += value.item() * len(t)
        losses.append(total / 22)
    history = train.fit(b, batches, loss, optim.SGD(b.parameters(), lr=0.1, momentum=0.9), epochs=3)
    same(a.state_dict(), b.state_dict())
    assert history["loss"] == losses
    assert history.columns == ["epoch", "loss", "lr", "seconds"] and history["epoch"] == [1, 2, 3]


def test_accumulated_equal_batches_are_one_large_batch():
    x, y = table(20)
    cr.manual_seed(0)
    a = nn.Linear(4, 3).double()
    b = nn.Linear(4, 3).double()
    b.load_state_dict(a.state_dict())
    x = x.double()
    loss = nn.CrossEntropyLoss()
    train.fit(a, [(x, y)], loss, optim.SGD(a.parameters(), 0.1), epochs=3)
    parts = [(x[i : i + 5], y[i : i + 5]) for i in range(0, 20, 5)]
    train.fit(b, parts, loss, optim.SGD(b.parameters(), 0.1), epochs=3, accumulate=4)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12)


def test_clipping_bounds_the_step():
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    data = [(cr.ones(1, 1) * 100, cr.ones(1, 1) * 1e6)]
    train.fit(model, data, nn.MSELoss(), optim.SGD(model.parameters(), lr=1.0), epochs=1, clip_norm=0.5)
    assert abs(abs(model.weight.item() - before) - 0.5) < 1e-4
    before = model.weight.item()
    train.fit(model, data, nn.MSELoss(), optim.SGD(model.parameters(), lr=1.0), epochs=1, clip_value=0.25)
    assert abs(abs(model.weight.item() - before) - 0.25) < 1e-4


def test_early_stopping_gives_back_the_best_weights():
    model = nn.Linear(1, 1, bias=False)
    with cr.no_grad():
        model.weight.fill_(0.0)
    data = [(cr.ones(1, 1), cr.ones(1, 1))]
    target = [(cr.ones(1, 1), cr.ones(1, 1) * 0.5)]  # training passes it, on its way to 1
    seen = []
    watch = train.Call(on_epoch_end=lambda run: seen.append(run.model.weight.item()))
    history = train.fit(
        model, data, nn.MSELoss(), optim.SGD(model.parameters(), 0.05), epochs=100, validation=target, patience=3,
        callbacks=[watch],
    )  # fmt: skip
    assert history.stopped == "early stopping"
    assert len(history) == history.best_epoch + 3
    assert model.weight.item() == seen[history.best_epoch - 1] != seen[-1]


def test_validation_neither_trains_nor_records(tmp_path):
    modes = []

    class Watch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 3)

        def forward(self, x):
            modes.append((self.training, cr.is_grad_enabled()))
            return self.inner(x)

    x, y = table()
    model = Watch().eval()
    train.fit(model, [(x, y)], nn.CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1), epochs=1, validation=[(x, y)])
    assert modes == [(True, True), (False, False)]
    assert model.training is False  # as it was


def test_inputs_by_position_and_by_name():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(cr.ones(1))

        def forward(self, a, b):
            return self.w * a + b

    a, b, t = cr.ones(3, 1), cr.ones(3, 1), cr.zeros(3, 1)
    rows = []
    for batch in ((a, b, t), ((a, b), t), ({"b": b, "a": a}, t)):
        model = Two()
        rows.append(train.fit(model, [batch], nn.MSELoss(), optim.SGD(model.parameters(), 0.1), epochs=2)["loss"])
    assert rows[0] == rows[1] == rows[2]


def test_compute_replaces_the_forward_pass():
    model = nn.Linear(2, 2)
    data = [cr.randn(5, 2) for _ in range(3)]

    def rebuild(model, x):
        out = model(x)
        return ((out - x) ** 2).mean(), out, x

    mae = {"mae": lambda out, x: (out - x).abs().mean()}
    history = train.fit(
        model, data, None, optim.Adam(model.parameters(), 0.05), epochs=20, compute=rebuild, metrics=mae
    )
    assert history["loss"][-1] < history["loss"][0] and history["mae"][-1] < history["mae"][0]


def test_lbfgs_gets_its_closure():
    x = cr.linspace(-1, 1, 20).reshape(20, 1)
    model = nn.Linear(1, 1)
    made = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    history = train.fit(model, [(x, 3 * x + 1)], nn.MSELoss(), made, epochs=3)
    assert history["loss"][-1] < 1e-8


# ---- callbacks, history and logs -------------------------------------------------------------------------------------


def test_hooks_are_called_in_order(tmp_path):
    calls = []
    hooks = {name: (lambda *args, name=name: calls.append(name)) for name in train.callbacks.HOOKS}
    model = nn.Linear(4, 3)
    x, y = table()
    train.fit(
        model, [(x, y)] * 2, nn.CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1), epochs=1,
        callbacks=[train.Call(**hooks)], checkpoint=tmp_path / "c",
    )  # fmt: skip
    epoch = ["on_epoch_start", "on_step_end", "on_step_end", "on_epoch_end", "on_checkpoint"]
    assert calls == ["on_fit_start", *epoch, "on_fit_end"]
    with pytest.raises(ValueError, match="no hook 'on_monday'"):
        train.Call(on_monday=print)


def test_history_is_a_table(tmp_path):
    _, _, history = go(tmp_path / "c")
    text = repr(history)
    assert text.splitlines()[0].split()[:3] == ["epoch", "loss", "accuracy"]
    assert "<- best" in text and "finished; best epoch" in text
    assert history["val_loss"] == [row["val_loss"] for row in history.rows]
    with pytest.raises(ValueError, match="no column 'speed'; it has epoch, loss"):
        history["speed"]


def test_logs_hold_the_history_also_after_a_resume(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    folder = tmp_path / "log"
    go(tmp_path / "c", callbacks=[StopAt(8)], log=folder)
    _, _, history = go(tmp_path / "c", resume=True, log=folder)
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["loss"]) for r in rows] == history["loss"] and [int(r["epoch"]) for r in rows] == [1, 2, 3]
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert lines == history.rows
    assert len(list(folder.glob("events.out.tfevents.*"))) >= 1
    assert not list(folder.glob("*.part"))


def test_last_checkpoints_and_best_weights_are_kept(tmp_path):
    model, _, history = go(tmp_path / "c", epochs=5, keep=2, checkpoint_steps=2, patience=50)
    names = sorted(p.name for p in (tmp_path / "c").iterdir())
    assert names == ["best.safetensors", "checkpoint-000028.safetensors", "checkpoint-000030.safetensors"]
    assert history.checkpoint == tmp_path / "c" / names[-1]
    same(cr.load(tmp_path / "c" / "best.safetensors"), model.state_dict())  # patience gives them back at the end


def test_quiet_when_not_a_terminal_and_lines_when_asked(tmp_path, capsys):
    go(tmp_path / "a")
    assert capsys.readouterr() == ("", "")
    go(tmp_path / "b", progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[0].startswith("epoch 1/3  loss") and "val_accuracy" in lines[0]


def test_time_limit_stops_with_a_checkpoint(tmp_path, capsys):
    _, _, history = go(tmp_path / "c", callbacks=[train.TimeLimit(1e-9)])
    assert history.stopped == "time limit" and history.checkpoint.name == "checkpoint-000001.safetensors"
    assert "resume=True" in capsys.readouterr().err


# ---- errors ----------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_is_explained(tmp_path):
    model = nn.Linear(1, 1)
    x = cr.tensor([[1.0], [-1.0]])

    def bad(output, target):
        return ((output * 0 + target).log()).mean()

    made = optim.SGD(model.parameters(), 0.1)
    with pytest.raises(train.NonFiniteError, match=r"the loss is nan in epoch 1, batch 2") as info:
        train.fit(model, [(x, x.abs()), (x, x)], bad, made, epochs=1)
    assert "log at" in str(info.value) and "test_train.py" in str(info.value)


def test_a_gradient_that_is_not_finite_is_explained_and_no_step_made():
    model = nn.Linear(1, 1, bias=False)
    before = model.weight.item()
    with pytest.raises(train.NonFiniteError, match=r"the gradient of weight is not finite") as info:
        train.fit(
            model, [(cr.zeros(2, 1), cr.zeros(2, 1))], lambda out, t: (out * out).sqrt().sum(),
            optim.SGD(model.parameters(), 0.1), epochs=1,
        )  # fmt: skip
    assert "sqrt" in str(info.value)
    assert model.weight.item() == before


def pairs():
    x, y = table()
    return [(x, y)]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"epochs": 0}, ValueError, "epochs must be at least 1"),
        ({"epochs": 2.5}, TypeError, "epochs must be a whole number"),
        ({"accumulate": 0}, ValueError, "accumulate must be at least 1"),
        ({"clip_norm": -1}, ValueError, "clip_norm must be a positive number"),
        ({"clip_value": "1"}, TypeError, "clip_value must be a positive number"),
        ({"patience": 0}, ValueError, "patience must be at least 1"),
        ({"min_delta": -1}, ValueError, "min_delta must not be negative"),
        ({"monitor": "val_loss"}, ValueError, "no column of the history; it has loss .give validation="),
        ({"metrics": {"speed": len}, "monitor": "speed"}, ValueError, "is a larger 'speed' better"),
        ({"mode": "maximum"}, ValueError, "mode must be 'min' or 'max'"),
        ({"metrics": [len]}, TypeError, "metrics must be a dict"),
        ({"metrics": {"loss": len}}, ValueError, "a metric cannot be called 'loss'"),
        ({"model": len}, TypeError, "model must be a nn.Module"),
        ({"loss": "mse"}, TypeError, "loss must be a function"),
        ({"loss": nn.MSELoss}, TypeError, "loss is a class; write MSELoss()"),
        ({"optimizer": optim.SGD}, TypeError, "optimizer is a class; write SGD"),
        ({"optimizer": optim.SGD(nn.Linear(1, 1).parameters())}, ValueError, "holds none of the model's parameters"),
        ({"scheduler": 3}, TypeError, "scheduler must be one of"),
        ({"schedule_every": "day"}, ValueError, "schedule_every must be"),
        ({"callbacks": [print]}, TypeError, "callbacks must be Callback objects"),
        ({"callbacks": [train.TimeLimit]}, TypeError, r"write TimeLimit\(\)"),
        ({"data": []}, ValueError, "data has no batches"),
        ({"data": table()}, TypeError, "DataLoader.TensorDataset"),
        ({"data": TensorDataset(*table())}, TypeError, "is a dataset, which gives single samples"),
        ({"data": iter(pairs())}, TypeError, "gives its batches only once"),
        ({"data": 3}, TypeError, "must be a DataLoader or an iterable"),
        ({"data": [cr.zeros(2, 2), 3]}, TypeError, "a batch is a pair"),
        ({"resume": True}, ValueError, "resume=True needs the folder"),
        ({"checkpoint_steps": 5}, ValueError, "checkpoint_steps needs the folder"),
        ({"checkpoint": __file__}, ValueError, "is a file; give the name of a folder"),
        ({"loss": lambda out, t: out}, TypeError, "must be a tensor of one number; add .mean"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_trained(change, error, text):
    model = nn.Linear(4, 3)
    before = [p.detach().numpy().copy() for p in model.parameters()]
    made = optim.SGD(model.parameters(), 0.1)
    given = {"model": model, "data": pairs(), "loss": nn.CrossEntropyLoss(), "optimizer": made, "epochs": 2, **change}
    positional = [given.pop(name) for name in ("model", "data", "loss", "optimizer")]
    with pytest.raises(error, match=text):
        train.fit(*positional, **given)
    same(before, [p.detach().numpy() for p in model.parameters()])


def test_the_bar_shows_loss_metrics_rate_and_time_left():
    pty = pytest.importorskip("pty", reason="a terminal needs a POSIX system")
    pytest.importorskip("rich", reason="rich is not installed")
    program = PROGRAM.replace("num_workers=2", "num_workers=0").replace("print(run.step, flush=True), ", "")
    script = program.replace("callbacks=[slow]", "callbacks=[slow], metrics={'mae': lambda a, b: (a - b).abs().mean()}")
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(script)
        ours, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": SOURCE, "COLUMNS": "140", "TERM": "xterm"}
        command = [sys.executable, str(path), f"{folder}/c", "0.05"]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
        os.close(theirs)
        seen = b""
        began = time.monotonic()
        while time.monotonic() - began < 60:
            try:
                part = os.read(ours, 4096)
            except OSError:
                break
            if not part:
                break
            seen += part
        running.wait()
        os.close(ours)
    text = seen.decode(errors="replace")
    for part in ("epoch 1/3", "loss", "mae", "batches/s", "left", "epoch 3/3"):
        assert part in text, part
