"""A run of train.fit that is stopped, by whatever, goes on as if it had never been stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from training import PROGRAM, SOURCE, StopAt, go, loaders, network, plain, same, schedulers, table

import chainrule as cr
from chainrule import nn, optim, train
from chainrule.optim import lr_scheduler
from chainrule.utils.data import DataLoader, Dataset


@pytest.fixture(autouse=True)
def interrupts():
    """Ctrl-C interrupts, also where the tests were started in the background and inherited that it does not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stopped_and_resumed(tmp_path, step: int, **more) -> None:
    model, made, history = go(tmp_path / "whole", **more)
    go(tmp_path / "parts", callbacks=[StopAt(step)], **more)
    cr.manual_seed(99)  # whatever happens between must not matter
    again, made_again, resumed = go(tmp_path / "parts", resume=True, **more)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())
    same(made.state_dict(), made_again.state_dict())
    assert history.best_epoch == resumed.best_epoch and history.stopped == resumed.stopped


@pytest.mark.parametrize("data", [name for name in loaders() if name != "workers"])
@pytest.mark.parametrize("step", [1, 6, 8])
def test_resumed_run_is_the_same_bit_for_bit(tmp_path, data, step):
    stopped_and_resumed(tmp_path, step, data=data)


def test_resumed_run_with_workers_is_the_same(tmp_path):
    stopped_and_resumed(tmp_path, 8, data="workers")


@pytest.mark.parametrize("scheduler", schedulers())
@pytest.mark.parametrize("step", [4, 12])
def test_resumed_run_goes_on_with_its_schedule(tmp_path, scheduler, step):
    stopped_and_resumed(tmp_path, step, scheduler=scheduler)


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "RMSprop", "Adagrad", "NAdam", "Rprop", "LBFGS"])
def test_resumed_run_goes_on_with_its_optimizer(tmp_path, optimizer):
    stopped_and_resumed(tmp_path, 8, optimizer=optimizer)


@pytest.mark.parametrize("step", range(1, 7))
def test_resumed_run_with_accumulation_clipping_and_patience_is_the_same(tmp_path, step):
    stopped_and_resumed(tmp_path, step, data="noisy", accumulate=4, clip_norm=0.5, clip_value=0.1, patience=1, epochs=4)


def test_many_stops_are_as_none(tmp_path):
    model, _, history = go(tmp_path / "whole", "noisy")
    for step in range(2, 18, 3):
        go(tmp_path / "parts", "noisy", callbacks=[StopAt(step)], resume=True)
    again, _, resumed = go(tmp_path / "parts", "noisy", resume=True)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())


def test_a_finished_run_that_is_resumed_with_more_epochs_goes_on(tmp_path):
    model, _, history = go(tmp_path / "whole", epochs=4)
    go(tmp_path / "parts", epochs=2)
    again, _, resumed = go(tmp_path / "parts", epochs=4, resume=True)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())
    assert len(go(tmp_path / "parts", epochs=4, resume=True)[2]) == 4  # nothing left to do


def test_hidden_buffers_are_resumed(tmp_path):
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 3)
            self.register_buffer("calls", cr.zeros(()), persistent=False)

        def forward(self, x):
            if self.training:
                self.calls.add_(1)
            return self.inner(x) * (1 + 0.01 * self.calls)

    def once(folder, **more):
        cr.manual_seed(0)
        model = Counting()
        train.fit(
            model, loaders()["list"](), nn.CrossEntropyLoss(), optim.SGD(model.parameters(), 0.1), epochs=2,
            checkpoint=folder, **more,
        )  # fmt: skip
        return model

    whole = once(tmp_path / "a")
    once(tmp_path / "b", callbacks=[StopAt(4)])
    parts = once(tmp_path / "b", resume=True)
    assert whole.calls.item() == parts.calls.item() == 12
    same(whole.state_dict(), parts.state_dict())


# ---- interrupts ------------------------------------------------------------------------------------------------------


class Interrupt(train.Callback):
    """Sends Ctrl-C to this process at a step."""

    def __init__(self, step: int) -> None:
        self.at = step

    def on_step_end(self, run) -> None:
        if run.step == self.at:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_stops_with_a_checkpoint_and_says_how_to_go_on(tmp_path, capsys):
    model, _, history = go(tmp_path / "whole", patience=5)
    _, _, stopped = go(tmp_path / "parts", callbacks=[Interrupt(8)], patience=5)
    assert stopped.interrupted and stopped.checkpoint.name == "checkpoint-000008.safetensors"
    text = capsys.readouterr().err
    assert "interrupted" in text and "checkpoint-000008" in text and "resume=True" in text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    again, _, resumed = go(tmp_path / "parts", resume=True, patience=5)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())


def test_ctrl_c_in_validation_loses_nothing(tmp_path):
    class Once(Dataset):
        fired = False

        def __init__(self) -> None:
            self.x, self.y = table(10)

        def __len__(self) -> int:
            return 10

        def __getitem__(self, i):
            if Once.fired is None:
                Once.fired = True
                signal.raise_signal(signal.SIGINT)
            return self.x[i] + cr.randn(4), self.y[i]

    def once(folder, **more):
        cr.manual_seed(0)
        model = network()
        data = loaders()["shuffled"]()
        made = optim.Adam(model.parameters())
        history = train.fit(
            model,
            data,
            nn.CrossEntropyLoss(),
            made,
            epochs=2,
            validation=DataLoader(Once(), 4),
            checkpoint=folder,
            **more,
        )
        return model, history

    whole, history = once(tmp_path / "a")
    Once.fired = None
    _, stopped = once(tmp_path / "b")
    assert stopped.interrupted and len(stopped) == 0
    again, resumed = once(tmp_path / "b", resume=True)
    assert plain(history) == plain(resumed)
    same(whole.state_dict(), again.state_dict())


def test_second_ctrl_c_raises(tmp_path):
    def twice(run):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "c", callbacks=[train.Call(on_step_end=twice)])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_fit_works_in_a_thread(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(go(tmp_path / "c")))
    thread.start()
    thread.join()
    assert found[0][2].stopped == "finished"


def test_kill_int_from_outside_and_resume(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": SOURCE}

    def start(folder, pause):
        command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / folder), pause]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )

    whole = start("whole", "0").communicate()[0].splitlines()[-1]
    running = start("parts", "0.05")
    assert running.stdout is not None
    while running.stdout.readline().strip() != "13":
        assert running.poll() is None
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0 and "interrupted" in out.splitlines()[-1], err
    assert "resume=True" in err and "Traceback" not in err
    assert start("parts", "0").communicate()[0].splitlines()[-1] == whole


# ---- damaged checkpoints ---------------------------------------------------------------------------------------------


def damage(path: Path, how: str) -> None:
    data = path.read_bytes()
    flipped = bytearray(data)
    flipped[-9] ^= 1
    path.write_bytes(
        {"truncated": data[: len(data) // 2], "empty": b"", "flipped": bytes(flipped), "text": b"hello"}[how]
    )


@pytest.mark.parametrize("how", ["truncated", "empty", "flipped", "text"])
def test_a_damaged_checkpoint_is_refused_by_name_and_the_last_good_one_used(tmp_path, how):
    model, _, history = go(tmp_path / "whole")
    go(tmp_path / "parts", epochs=2)
    last = sorted((tmp_path / "parts").glob("checkpoint-*"))[-1]
    damage(last, how)
    with pytest.warns(train.CheckpointWarning, match=f"{last.name} is refused: cannot load"):
        again, _, resumed = go(tmp_path / "parts", resume=True)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())


def test_only_damaged_checkpoints_are_an_error(tmp_path):
    go(tmp_path / "c")
    for path in (tmp_path / "c").glob("checkpoint-*"):
        damage(path, "truncated")
    with (
        pytest.warns(train.CheckpointWarning),
        pytest.raises(train.SerializationError, match="all 3 checkpoints in .* are damaged"),
    ):
        go(tmp_path / "c", resume=True)


def test_resume_from_one_checkpoint_by_its_path(tmp_path):
    model, _, history = go(tmp_path / "whole")
    early = sorted((tmp_path / "whole").glob("checkpoint-*"))[0]
    again, _, resumed = go(tmp_path / "other", resume=early)
    assert plain(history) == plain(resumed)
    same(model.state_dict(), again.state_dict())
    with pytest.raises(ValueError, match="holds later checkpoints"):
        go(tmp_path / "whole", resume=early)
    with pytest.raises(FileNotFoundError):
        go(tmp_path / "other", resume=tmp_path / "nowhere.safetensors")
    (tmp_path / "x.safetensors").write_bytes((tmp_path / "whole" / "best.safetensors").read_bytes())
    with pytest.raises(train.SerializationError, match="is no checkpoint of fit"):
        go(tmp_path / "new", resume=tmp_path / "x.safetensors")


def test_what_a_killed_process_left_is_removed(tmp_path):
    go(tmp_path / "c", epochs=1)
    left = tmp_path / "c" / ".checkpoint-000006.safetensors.abc.part"
    left.write_bytes(b"half")
    go(tmp_path / "c", resume=True)
    assert not left.exists()


def test_another_runs_checkpoints_are_not_overwritten(tmp_path):
    go(tmp_path / "c")
    with pytest.raises(ValueError, match="holds checkpoints of another run. Write resume=True"):
        go(tmp_path / "c")


def test_a_checkpoint_of_another_model_is_refused_and_changes_nothing(tmp_path):
    go(tmp_path / "c", epochs=1, scheduler="none")
    x, y = table()
    frozen = network()
    one_weight = optim.SGD([frozen[0].weight], 0.1)
    other = nn.Linear(4, 3)
    for model, made, text in (
        (other, optim.SGD(other.parameters(), 0.1), "Missing key"),
        (frozen, one_weight, "doesn't match the size of optimizer's group"),
    ):
        before = [p.detach().numpy().copy() for p in model.parameters()]
        with pytest.raises((RuntimeError, ValueError), match=text) as info:
            train.fit(model, [(x, y)], nn.CrossEntropyLoss(), made, epochs=2, checkpoint=tmp_path / "c", resume=True)
        assert "is of another model or optimiser" in info.value.__notes__[0]
        same(before, [p.detach().numpy() for p in model.parameters()])


def test_less_data_than_before_is_an_error(tmp_path):
    go(tmp_path / "c", "list", callbacks=[StopAt(5)])
    cr.manual_seed(0)
    model = network()
    made = optim.Adam(model.parameters())
    with pytest.raises(cr.train.ResumeError, match="after batch 5 of epoch 1, but data now gives only 3 batches"):
        train.fit(
            model, loaders()["list"]()[:3], nn.CrossEntropyLoss(), made, epochs=2, checkpoint=tmp_path / "c",
            scheduler=lr_scheduler.StepLR(made, 1), resume=True,
        )  # fmt: skip
