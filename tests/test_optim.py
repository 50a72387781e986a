"""Optimisers and schedules: trajectories and rates equal torch's, state is saved and restored."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from helpers import raw, rng_of

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import lr_scheduler, swa_utils

# ---- trajectories ----------------------------------------------------------------------------------------------------

SETTINGS: dict[str, list[dict]] = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.3},
        {"lr": 0.01, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.1},
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1},
        {"lr": 0.1, "amsgrad": True},
        {"lr": 0.1, "amsgrad": True, "weight_decay": 0.2, "decoupled_weight_decay": True},
        {"lr": 0.1, "maximize": True},
    ],
    "AdamW": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}, {"lr": 0.1, "maximize": True}],
    "Adamax": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "betas": (0.5, 0.8)}, {"lr": 0.1, "maximize": True}],
    "NAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.5, 0.9)},
    ],
    "Adagrad": [{"lr": 0.1}, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "weight_decay": 0.1}, {"maximize": True}],
    "RMSprop": [
        {"lr": 0.1},
        {"lr": 0.1, "centered": True, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "alpha": 0.8},
        {"lr": 0.1, "momentum": 0.5, "centered": True, "maximize": True},
    ],
    "Rprop": [{"lr": 0.1}, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.2)}, {"lr": 0.1, "maximize": True}],
    "ASGD": [{"lr": 0.1}, {"lr": 0.1, "t0": 5, "lambd": 0.01, "weight_decay": 0.1, "alpha": 0.5}],
    "Adafactor": [{"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.1, "d": 2.0, "beta2_decay": -0.5}, {"maximize": True}],
    "LBFGS": [
        {"line_search_fn": "strong_wolfe", "max_iter": 2},
        {"max_iter": 3},
        {"max_iter": 4, "history_size": 2, "lr": 0.5},
        {"max_iter": 4, "line_search_fn": "strong_wolfe"},
        {"max_iter": 6, "max_eval": 5, "tolerance_grad": 1e-3},
    ],
    "SparseAdam": [],
    "Muon": [],
}
RUNS = [(name, i) for name, rows in SETTINGS.items() for i in range(len(rows))]
A = rng_of("optim").normal(size=(4, 3))


def start(lib):
    """Parameters of several shapes; the last one never gets a gradient."""
    rng = rng_of("start")
    values = [rng.normal(size=(3, 2)), rng.normal(size=(2,)), rng.normal(size=()), rng.normal(size=(2, 2))]
    return [lib.tensor(v, requires_grad=True) for v in values]


def loss_of(lib, params):
    w, b, c, _ = params
    y = (lib.tensor(A) @ w + b).tanh()
    return (y * y).sum() + ((w - c) ** 2).mean() + (c - 0.3) ** 4 + 0.1 * (b**4).sum()


def train(lib, optimizer, params, steps: int, schedule=None) -> list[np.ndarray]:
    """Parameters after each step."""

    def closure():
        optimizer.zero_grad()
        loss = loss_of(lib, params)
        loss.backward()
        return loss

    path = []
    for _ in range(steps):
        optimizer.step(closure)
        if schedule is not None:
            schedule.step()
        path.append(np.concatenate([raw(p).ravel() for p in params]))
    return path


def made(lib, name: str, i: int):
    params = start(lib)
    given = params
    if i == 1 and name != "LBFGS":  # groups with settings of their own
        given = [{"params": params[:2]}, {"params": params[2:], "lr": 0.05}]
    return params, getattr(lib.optim, name)(given, **SETTINGS[name][i])


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "i"), RUNS)
def test_trajectory_agrees_with_torch(name, i):
    torch = pytest.importorskip("torch")
    params, ours = made(cr, name, i)
    params_t, theirs = made(torch, name, i)
    if name != "Adafactor":
        assert repr(ours) == repr(theirs)
    got, want = train(cr, ours, params, 20), train(torch, theirs, params_t, 20)
    rtol = 1e-6 if name in ("ASGD", "NAdam") else 1e-10  # torch keeps some of their coefficients in float32
    for step, (a, b) in enumerate(zip(got, want, strict=True)):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=f"step {step}")
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == other.keys()
    assert [sorted(g) for g in mine["param_groups"]] == [sorted(g) for g in other["param_groups"]]
    assert sorted(mine["state"]) == sorted(other["state"])
    for k, state in other["state"].items():
        assert set(mine["state"][k]) == set(state) - {"al"}  # al: torch's scratch list
        for field, value in state.items():
            if name != "LBFGS" and hasattr(value, "shape"):
                assert raw(mine["state"][k][field]).shape == tuple(value.shape), field
                np.testing.assert_allclose(raw(mine["state"][k][field]), raw(value), rtol=1e-5, err_msg=field)


@pytest.mark.parametrize(("name", "i"), RUNS)
def test_a_restored_optimizer_continues_the_same_path(name, i):
    params, first = made(cr, name, i)
    train(cr, first, params, 5)
    state = pickle.loads(pickle.dumps(first.state_dict()))
    copied = [p.detach().clone().requires_grad_() for p in params]
    given = copied if len(first.param_groups) == 1 else [{"params": copied[:2]}, {"params": copied[2:]}]
    second = getattr(optim, name)(given)
    second.load_state_dict(state)
    for a, b in zip(train(cr, first, params, 5), train(cr, second, copied, 5), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_torchs_optimizer_state_can_be_loaded(name):
    torch = pytest.importorskip("torch")
    params_t, theirs = made(torch, name, 1)
    train(torch, theirs, params_t, 5)
    params, ours = made(cr, name, 1)
    with cr.no_grad():
        for p, q in zip(params, params_t, strict=True):
            p.copy_(cr.tensor(raw(q)))
    ours.load_state_dict(theirs.state_dict())
    for a, b in zip(train(cr, ours, params, 5), train(torch, theirs, params_t, 5), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0}])
def test_muon_agrees(options):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        w = lib.tensor(rng_of("muon").normal(size=(4, 3)), requires_grad=True)
        optimizer = lib.optim.Muon([w], lr=0.05, **options)
        for _ in range(5):
            optimizer.zero_grad()
            ((lib.tensor(A) @ w.mT - 1) ** 2).sum().backward()
            optimizer.step()
        found.append(raw(w))
    np.testing.assert_allclose(found[0], found[1], atol=0.02)  # torch iterates in bfloat16


@pytest.mark.oracle
def test_every_torch_optimizer_and_schedule_is_there():
    torch = pytest.importorskip("torch")
    names = {n for n, v in vars(torch.optim).items() if isinstance(v, type) and issubclass(v, torch.optim.Optimizer)}
    assert {n for n in names if not hasattr(optim, n)} <= {"SparseAdam"}  # there are no sparse tensors
    assert names - set(SETTINGS) <= {"Optimizer"}
    assert [n for n in torch.optim.lr_scheduler.__all__ if not hasattr(lr_scheduler, n)] == []


@pytest.mark.oracle
def test_optimizer_errors_are_torchs():
    torch = pytest.importorskip("torch")
    cases = [
        lambda lib, o: o.SGD([], lr=0.1),
        lambda lib, o: o.SGD([lib.ones(1)], lr=-1),
        lambda lib, o: o.SGD([lib.ones(1)], lr=0.1, momentum=-1),
        lambda lib, o: o.SGD([lib.ones(1)], lr=0.1, nesterov=True),
        lambda lib, o: o.Adam([lib.ones(1)], betas=(1.0, 0.9)),
        lambda lib, o: o.Adam([lib.ones(1)], eps=-1),
        lambda lib, o: o.Adam([lib.ones(1, requires_grad=True) * 2]),
        lambda lib, o: o.RMSprop([lib.ones(1)], alpha=-1),
        lambda lib, o: o.SGD([3]),
        lambda lib, o: o.SGD({lib.ones(1)}) if False else o.SGD([{"params": {lib.ones(1)}}]),
        lambda lib, o: o.LBFGS([{"params": [lib.ones(1)]}, {"params": [lib.ones(2)]}]),
        lambda lib, o: (lambda p: o.SGD([{"params": [p]}, {"params": [p]}]))(lib.ones(1)),
        lambda lib, o: o.SGD([lib.ones(1)]).load_state_dict({"state": {}, "param_groups": []}),
        lambda lib, o: o.Muon([lib.ones(1)]),
    ]
    for i, act in enumerate(cases):
        with pytest.raises(Exception) as theirs:
            act(torch, torch.optim)
        with pytest.raises(type(theirs.value)) as ours:
            act(cr, optim)
        want, got = str(theirs.value), str(ours.value)
        assert got[:25] == want[:25], (i, got, want)


def test_groups_hooks_and_names():
    model, log = nn.Linear(2, 1), []
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    extra = cr.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": extra, "lr": 1.0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 1.0]
    optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))
    extra.grad = cr.ones(1)
    optimizer.step()
    assert extra.item() == -1
    assert log == ["pre", "post"]
    optimizer.zero_grad(set_to_none=False)
    assert extra.grad.item() == 0
    optimizer.zero_grad()
    assert extra.grad is None
    assert repr(copy.deepcopy(optimizer)) == repr(optimizer)


def test_step_does_not_record_and_needs_no_closure():
    w = cr.ones(2, requires_grad=True)
    optimizer = optim.Adam([w], lr=0.1)
    assert optimizer.step(lambda: 5) == 5
    w.sum().backward()
    assert optimizer.step() is None
    assert w.is_leaf
    assert w.requires_grad
    assert all(not t.requires_grad for t in optimizer.state[w].values())


# ---- schedules -------------------------------------------------------------------------------------------------------

SCHEDULES = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda t: 0.9**t),
    "LambdaLR list": lambda s, o: s.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.9 + 0.01 * t),
    "StepLR": lambda s, o: s.StepLR(o, 4, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 8, 8, 20], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 6),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.2, 0.9, 7),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.85),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 12, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 7, 0.01),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "CosineAnnealingWarmRestarts 1": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, 6),
    "CyclicLR 2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], 3, mode="triangular2"),
    "CyclicLR exp": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 4, mode="exp_range", gamma=0.9),
    "CyclicLR fn": lambda s, o: s.CyclicLR(
        o, 0.01, 0.1, 4, scale_fn=lambda x: 1 / x, scale_mode="cycle", cycle_momentum=False
    ),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.3, total_steps=31),
    "OneCycleLR 3": lambda s, o: s.OneCycleLR(
        o, [0.3, 0.1], epochs=8, steps_per_epoch=4, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 4), s.ExponentialLR(o, 0.9), s.StepLR(o, 3)], [5, 15]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]),
    "ReduceLROnPlateau": lambda s, o: s.ReduceLROnPlateau(o, patience=2, cooldown=1, min_lr=[1e-3, 1e-4]),
    "ReduceLROnPlateau max": lambda s, o: s.ReduceLROnPlateau(
        o, "max", 0.5, patience=1, threshold=0.1, threshold_mode="abs"
    ),
    "SWALR": None,
    "SWALR linear": None,
}


def schedule_of(lib, key: str, optimizer):
    if key == "SWALR":
        return lib.optim.swa_utils.SWALR(optimizer, [0.05, 0.2], anneal_epochs=6)
    if key == "SWALR linear":
        return lib.optim.swa_utils.SWALR(optimizer, 0.05, anneal_epochs=9, anneal_strategy="linear")
    return SCHEDULES[key](lib.optim.lr_scheduler, optimizer)


def two_groups(lib, adam: bool):
    groups = [{"params": [lib.ones(1)]}, {"params": [lib.ones(1)], "lr": 0.4}]
    return lib.optim.Adam(groups, lr=0.1) if adam else lib.optim.SGD(groups, lr=0.1, momentum=0.9)


def rates(optimizer, schedule, steps: int) -> list:
    found = []
    for t in range(steps):
        momenta = [g.get("momentum", g.get("betas")) for g in optimizer.param_groups]
        found.append(
            ([float(g["lr"]) for g in optimizer.param_groups], momenta, [float(r) for r in schedule.get_last_lr()])
        )
        optimizer.step()
        if "Plateau" in type(schedule).__name__:
            schedule.step([5, 4, 3, 3, 3.01, 3, 2.99, 1, 1, 1][t % 10])
        else:
            schedule.step()
    return found


@pytest.mark.oracle
@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("key", SCHEDULES)
def test_rates_agree_with_torch(key, adam):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        optimizer = two_groups(lib, adam)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(rates(optimizer, schedule_of(lib, key, optimizer), 30))
    for t, (a, b) in enumerate(zip(*found, strict=True)):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, err_msg=f"epoch {t}")


@pytest.mark.parametrize("key", SCHEDULES)
def test_a_restored_schedule_continues(key):
    optimizer = two_groups(cr, False)
    schedule = schedule_of(cr, key, optimizer)
    rates(optimizer, schedule, 7)
    saved = pickle.loads(pickle.dumps((optimizer.state_dict(), schedule.state_dict())))
    again = two_groups(cr, False)
    other = schedule_of(cr, key, again)
    again.load_state_dict(saved[0])
    other.load_state_dict(saved[1])
    assert rates(again, other, 10) == rates(optimizer, schedule, 10)


@pytest.mark.oracle
def test_resuming_from_last_epoch_agrees():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        p = [{"params": [lib.ones(1)], "lr": 0.05, "initial_lr": 0.1}]
        optimizer = lib.optim.SGD(p, lr=0.1)
        s = lib.optim.lr_scheduler
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            row = [s.CosineAnnealingLR(optimizer, 10, last_epoch=4).get_last_lr()[0]]
            row += [s.ExponentialLR(optimizer, 0.9, last_epoch=4).get_last_lr()[0]]
        found.append(row)
    np.testing.assert_allclose(*found, rtol=1e-12)
    with pytest.raises(KeyError, match="param 'initial_lr' is not specified"):
        lr_scheduler.StepLR(optim.SGD([cr.ones(1)], lr=0.1), 1, last_epoch=2)


def test_schedule_errors():
    o = optim.SGD([cr.ones(1)], lr=0.1)
    for match, act in {
        "is not an Optimizer": lambda: lr_scheduler.StepLR(3, 1),
        "Expected 1 lr_lambdas": lambda: lr_scheduler.LambdaLR(o, [abs, abs]),
        "You must define either total_steps": lambda: lr_scheduler.OneCycleLR(o, 0.1),
        "T_0": lambda: lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
        "Factor should be < 1": lambda: lr_scheduler.ReduceLROnPlateau(o, factor=1.5),
        "must support momentum": lambda: lr_scheduler.CyclicLR(optim.Adagrad([cr.ones(1)]), 0.1, 0.2),
    }.items():
        with pytest.raises((ValueError, TypeError), match=match):
            act()


# ---- averages --------------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["swa", "ema", "buffers"])
def test_averaged_models_agree(kind):
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        swa = lib.optim.swa_utils
        model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3)).double()
        rng = rng_of("swa")
        with lib.no_grad():
            for p in model.parameters():
                p.copy_(lib.tensor(rng.normal(size=tuple(p.shape))))
        options = {"ema": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.7)}, "buffers": {"use_buffers": True}}
        averaged = swa.AveragedModel(model, **options.get(kind, {}))
        data = [lib.tensor(rng.normal(size=(5, 2))) for _ in range(4)]
        for x in data:
            model(x)
            with lib.no_grad():
                for p in model.parameters():
                    p.add_(lib.tensor(rng.normal(size=tuple(p.shape))))
            averaged.update_parameters(model)
        values = [raw(v).copy() for v in averaged.state_dict().values()]
        swa.update_bn(data, averaged)
        found.append([values, [raw(v) for v in averaged.state_dict().values()], raw(averaged(data[0]))])
        keys = list(averaged.state_dict())
        found[-1].append(keys)
    assert found[0].pop() == found[1].pop()
    for a, b in zip(*found, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def test_training_a_model_lowers_the_loss():
    cr.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    x = cr.linspace(-2, 2, 40).reshape(-1, 1)
    y = x.sin()
    optimizer = optim.AdamW(model.parameters(), lr=0.05)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 250)
    average = swa_utils.AveragedModel(model)
    for _ in range(250):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
    assert loss.item() < 5e-3
    assert math.isclose(optimizer.param_groups[0]["lr"], 0, abs_tol=1e-12)
    assert int(average.n_averaged) == 250


def test_step_hooks_run_once_where_a_subclass_overrides_step():
    class Mine(cr.optim.SGD):
        def step(self, closure=None):
            log.append("step")
            return super().step(closure)

    log = []
    p = cr.ones(2, requires_grad=True)
    for kind in (Mine, cr.optim.LBFGS):
        optimizer = kind([p], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: log.append(args[0] is o))
        optimizer.register_step_post_hook(lambda o, args, kwargs: log.append("post"))

        def closure(optimizer=optimizer):
            optimizer.zero_grad()
            loss = (p * p).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
    assert log == [True, "step", "post", True, "post"]


def test_schedule_that_moves_before_its_optimizer_warns():
    optimizer = cr.optim.SGD([cr.ones(2, requires_grad=True)], lr=0.1)
    schedule = cr.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        schedule.step()
    schedule.step()  # only the first
    other = cr.optim.SGD([cr.ones(2, requires_grad=True)], lr=0.1)
    schedule = cr.optim.lr_scheduler.ExponentialLR(other, 0.5)
    other.step()
    schedule.step()


def test_schedule_may_ask_whether_step_called_it():
    class Asking(cr.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            asked.append(self._get_lr_called_within_step)
            return [group["lr"] for group in self.optimizer.param_groups]

    asked = []
    schedule = Asking(cr.optim.SGD([cr.ones(2, requires_grad=True)], lr=0.1))
    schedule.get_lr()
    assert asked == [True, False]
