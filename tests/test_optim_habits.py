"""Optimisers and schedules: complex parameters, steps to differentiate through, hooks of all, warnings."""

import pickle
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CyclicLR,
    ExponentialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from chainrule.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

torch = pytest.importorskip("torch")

METHODS = {
    "SGD": {"lr": 0.1, "momentum": 0.9},
    "Adam": {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "Adamax": {"lr": 0.1},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.1},
    "Adagrad": {"lr": 0.1, "initial_accumulator_value": 0.5},
    "Adadelta": {"lr": 1.0},
    "RMSprop": {"lr": 0.1, "centered": True, "momentum": 0.5},
    "Rprop": {"lr": 0.1},
    "ASGD": {"lr": 0.1},
    "LBFGS": {"lr": 0.5, "max_iter": 3},
}


def path_of(m, name, steps=8):
    start = np.array([1.0 + 2.0j, -0.5 + 0.3j, 0.2 - 1.0j])
    p = m.tensor(start).requires_grad_()
    optimizer = getattr(m.optim, name)([p], **METHODS[name])

    def closure():
        optimizer.zero_grad()
        loss = ((p - (0.3 - 0.1j)).abs() ** 2).sum() + (p.real**3).sum() * 0.01
        loss.backward()
        return loss

    path = []
    for _ in range(steps):
        optimizer.step(closure)
        path.append(p.detach().numpy().copy())
    return np.array(path), optimizer


@pytest.mark.parametrize("name", METHODS)
def test_complex_parameters_move_as_in_torch(name):
    """Their real and imaginary parts have second moments of their own; a product of complex gradients has no size."""
    (ours, optimizer), (expected, other) = path_of(cr, name), path_of(torch, name)
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-9)
    state, theirs = optimizer.state_dict()["state"][0], other.state_dict()["state"][0]
    for key, value in theirs.items():
        if isinstance(value, torch.Tensor) and value.dtype.is_complex:
            assert str(state[key].dtype) == "complex128" or "complex128" in str(state[key].dtype)
            np.testing.assert_allclose(state[key].numpy(), value.numpy(), rtol=1e-6, atol=1e-9)


def test_adagrad_starts_complex_sums_in_both_parts():
    p = cr.zeros(2, dtype=cr.complex64, requires_grad=True)
    optimizer = cr.optim.Adagrad([p], initial_accumulator_value=0.5)
    assert optimizer.state[p]["sum"].tolist() == [0.5 + 0.5j] * 2


DIFFERENTIABLE = ["SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "RMSprop", "ASGD"]


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_differentiable_step_passes_gradients_on(name):
    """Two steps: the second uses the state that the first left."""

    def after(start):
        p = start.clone()
        settings = {k: v for k, v in METHODS[name].items() if k != "amsgrad"}
        optimizer = getattr(cr.optim, name)([p], differentiable=True, **settings)
        for _ in range(2):
            p.grad = start * start + 0.5  # any function of the start
            optimizer.step()
        return p

    start = cr.tensor([0.7, 1.3], dtype=cr.float64, requires_grad=True)
    assert after(start).requires_grad
    assert cr.autograd.gradcheck(after, (start,))


def test_a_non_leaf_is_refused_unless_it_keeps_its_gradient():
    w = cr.ones(2, requires_grad=True) * 2
    with pytest.raises(ValueError, match="non-leaf"):
        cr.optim.SGD([w])
    w.retain_grad()
    assert cr.optim.SGD([w]).param_groups[0]["params"][0] is w


def test_hooks_of_all_optimisers():
    seen = []
    before = register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append(("before", type(o).__name__)))
    after = register_optimizer_step_post_hook(lambda o, args, kwargs: seen.append(("after", type(o).__name__)))
    try:
        cr.optim.SGD([cr.zeros(1, requires_grad=True)]).step()
        cr.optim.Adam([cr.zeros(1, requires_grad=True)]).step()
    finally:
        before.remove()
        after.remove()
    cr.optim.SGD([cr.zeros(1, requires_grad=True)]).step()
    assert seen == [("before", "SGD"), ("after", "SGD"), ("before", "Adam"), ("after", "Adam")]


def test_a_pre_hook_returns_nothing_or_two_things():
    optimizer = cr.optim.SGD([cr.zeros(1, requires_grad=True)])
    optimizer.register_step_pre_hook(lambda *given: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_a_parameter_given_twice_is_warned_of():
    p = cr.zeros(1, requires_grad=True)
    with pytest.warns(UserWarning, match="a parameter group with duplicate parameters"):
        cr.optim.SGD([p, p])


def test_lbfgs_takes_a_zero_gradient():
    p = cr.zeros(2, requires_grad=True)
    optimizer = cr.optim.LBFGS([p], tolerance_grad=-1.0)

    def closure():
        optimizer.zero_grad()
        loss = (p * 0).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure)) == 0


def sgd(lr=1.0, **settings):
    return cr.optim.SGD([cr.zeros(1, requires_grad=True)], lr=lr, **settings)


def test_an_epoch_given_to_step_is_deprecated():
    optimizer = sgd()
    schedule = ExponentialLR(optimizer, gamma=0.5)
    optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter .* deprecated"):
        schedule.step(3)
    assert schedule.get_last_lr() == [0.125]
    with pytest.warns(UserWarning, match="epoch parameter .* deprecated"):
        ReduceLROnPlateau(optimizer).step(1.0, 2)


def test_schedules_in_sequence_do_not_warn_of_epochs():
    optimizer = sgd()
    schedule = SequentialLR(optimizer, [ConstantLR(optimizer, 0.1, 2), ExponentialLR(optimizer, 0.5)], [2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            optimizer.step()
            schedule.step()
    assert schedule.get_last_lr() == [0.25]


def test_a_step_replaced_after_the_schedule_is_warned_of():
    optimizer = sgd()
    schedule = StepLR(optimizer, 1)
    old = optimizer.step
    optimizer.step = lambda *args: old(*args)
    optimizer.step()
    with pytest.warns(UserWarning, match="has been overridden"):
        schedule.step()


def test_the_order_of_steps_is_explained_with_an_address():
    with pytest.warns(UserWarning, match="how-to-adjust-learning-rate"):
        StepLR(sgd(), 1).step()


def test_a_learning_rate_in_a_tensor_keeps_its_place():
    lr = cr.tensor(1.0)
    optimizer = sgd(lr=lr)
    schedule = ChainedScheduler([ExponentialLR(optimizer, 0.5), StepLR(optimizer, 2, 0.1)])
    rates = []
    for _ in range(3):
        optimizer.step()
        schedule.step()
        rates.append(round(float(lr), 6))
    assert optimizer.param_groups[0]["lr"] is lr
    assert rates == [0.5, 0.025, 0.0125]
    assert float(optimizer.param_groups[0]["initial_lr"]) == 1.0


class Fading:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor**x


def test_cyclic_rates_are_saved_with_the_state_of_their_scale_function():
    def made(factor):
        return CyclicLR(sgd(momentum=0.9), 0.1, 1.0, step_size_up=2, scale_fn=Fading(factor))

    schedule = made(0.5)
    state = schedule.state_dict()
    assert state["_scale_fn_custom"] == {"factor": 0.5} and "_scale_fn_ref" not in state
    other = made(0.9)
    other.load_state_dict(pickle.loads(pickle.dumps(state)))
    assert other.scale_fn(2) == 0.25
    plain = CyclicLR(sgd(momentum=0.9), 0.1, 1.0, mode="triangular2")
    again = CyclicLR(sgd(momentum=0.9), 0.1, 1.0)
    again.load_state_dict(plain.state_dict())
    assert plain.state_dict()["_scale_fn_custom"] is None and again.scale_fn(3) == 0.25


def test_a_long_cyclic_run_does_not_overflow():
    schedule = CyclicLR(sgd(momentum=0.9), 0.1, 1.0, step_size_up=2, mode="exp_range", gamma=0.99)
    schedule.last_epoch = 5001
    assert schedule.get_lr()[0] == pytest.approx(0.1)


def test_swa_rates_one_for_each_group():
    with pytest.raises(ValueError, match="swa_lr must have the same length"):
        cr.optim.swa_utils.SWALR(sgd(), swa_lr=[1.0, 0.1])


def test_adamw_refuses_what_it_does_not_know():
    with pytest.raises(TypeError):
        cr.optim.AdamW([cr.zeros(1, requires_grad=True)], decoupled_weight_decay=False)


SCHEDULES = {
    "LambdaLR": lambda L, o: L.LambdaLR(o, lambda e: 0.9**e),
    "StepLR": lambda L, o: L.StepLR(o, 2),
    "CosineAnnealingWarmRestarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 2, 2),
    "CyclicLR": lambda L, o: L.CyclicLR(o, 0.01, 0.1, 2),
    "OneCycleLR": lambda L, o: L.OneCycleLR(o, 0.1, 10),
    "OneCycleLR in three phases": lambda L, o: L.OneCycleLR(o, 0.1, 10, three_phase=True, anneal_strategy="linear"),
    "ReduceLROnPlateau": lambda L, o: L.ReduceLROnPlateau(o, patience=0),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_state_is_laid_out_as_torchs_and_goes_on_from_it(name):
    def run(m, state=None, steps=3):
        optimizer = m.optim.SGD([m.zeros(1).requires_grad_()], lr=0.1, momentum=0.9)
        schedule = SCHEDULES[name](m.optim.lr_scheduler, optimizer)
        if state is not None:
            optimizer.load_state_dict(state[1])
            schedule.load_state_dict(state[0])
        rates = []
        for _ in range(steps):
            optimizer.step()
            schedule.step(*([1.0] if name == "ReduceLROnPlateau" else []))
            rates.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        return schedule.state_dict(), optimizer.state_dict(), rates

    ours, theirs = run(cr), run(torch)
    assert set(ours[0]) == set(theirs[0])
    assert set(ours[1]["param_groups"][0]) == set(theirs[1]["param_groups"][0])
    np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-9)
    np.testing.assert_allclose(run(cr, theirs)[2], run(torch, theirs)[2], rtol=1e-9)
