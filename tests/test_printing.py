"""Tensors print as PyTorch's do, character for character."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr


def random_array(rng: np.random.Generator) -> np.ndarray:
    """An array of any dtype, shape and spread of magnitudes that printing may meet."""
    shape = tuple(int(n) for n in rng.integers(0, 8, rng.integers(0, 4)))
    if rng.random() < 0.15:
        shape = ((2000,), (40, 50), (3, 400), (5, 7, 40), (1, 1, 1200))[rng.integers(5)]
    kind = rng.choice(["f4", "f8", "f2", "i8", "i4", "u1", "b1", "c8", "c16"])
    if kind == "b1":
        return rng.random(shape) < 0.5
    if kind in ("i8", "i4", "u1"):
        high = int(rng.choice([2, 10, 127] if kind == "u1" else [2, 100, 10**6]))
        return rng.integers(0 if kind == "u1" else -high, high, shape).astype(kind)

    def reals() -> np.ndarray:
        x = rng.standard_normal(shape) * 10.0 ** rng.choice([-6, -3, 0, 1, 4])
        style = rng.integers(5)
        if style == 0:
            x = np.round(x)
        elif style == 1:
            x = x * 10.0 ** rng.integers(-5, 6, shape)
        elif style == 2 and x.size:
            bad = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0], shape)
            x = np.where(rng.random(shape) < 0.3, bad, x)
        elif style == 3:
            x = np.zeros(shape)
        return x

    with np.errstate(over="ignore", invalid="ignore"):
        return (reals() + 1j * reals() if kind[0] == "c" else np.asarray(reals())).astype(kind)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(300))
def test_random_tensors_print_as_in_torch(seed):
    torch = pytest.importorskip("torch")
    a = random_array(np.random.default_rng(seed))
    ours, theirs = cr.tensor(a), torch.tensor(a)
    assert repr(ours) == repr(theirs)
    if a.dtype.kind in "fc":
        assert repr(ours.requires_grad_()) == repr(theirs.requires_grad_())


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(40))
def test_options_act_as_in_torch(seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1000 + seed)
    options = {
        "precision": int(rng.integers(0, 8)),
        "threshold": int(rng.integers(0, 40)),
        "edgeitems": int(rng.integers(1, 4)),
        "linewidth": int(rng.integers(20, 120)),
        "sci_mode": (None, True, False)[rng.integers(3)],
    }
    a = random_array(rng)
    torch.set_printoptions(**options)
    try:
        expected = repr(torch.tensor(a))
    finally:
        torch.set_printoptions(profile="default")
    with cr.printoptions(**options):
        assert repr(cr.tensor(a)) == expected
    assert cr.get_printoptions()["precision"] == 4


def test_dtype_is_shown_unless_usual():
    assert repr(cr.tensor([1.0])) == "tensor([1.])"
    assert repr(cr.tensor([1.0], dtype=cr.float64)) == "tensor([1.], dtype=torch.float64)"
    assert repr(cr.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(cr.tensor([1, 2], dtype=cr.int32)) == "tensor([1, 2], dtype=torch.int32)"
    assert repr(cr.zeros(0, 3)) == "tensor([], size=(0, 3))"
    assert repr(cr.zeros(0, dtype=cr.int64)) == "tensor([], dtype=torch.int64)"


def test_default_dtype_decides_what_is_usual():
    cr.set_default_dtype(cr.float64)
    try:
        assert repr(cr.tensor([1.5])) == "tensor([1.5000])"
        assert repr(cr.tensor([1.5], dtype=cr.float32)) == "tensor([1.5000], dtype=torch.float32)"
    finally:
        cr.set_default_dtype(cr.float32)


def test_place_in_the_graph_is_shown():
    x = cr.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    assert repr(cr.nn.Parameter(cr.ones(1))) == "Parameter containing:\ntensor([1.], requires_grad=True)"


def test_format_of_a_number_and_of_more():
    assert f"{cr.tensor(3.14159):.2f}" == "3.14"
    assert f"{cr.tensor(7):>4d}" == "   7"
    assert f"{cr.ones(2)}" == "tensor([1., 1.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{cr.ones(2):.2f}"


def test_values_inside_transformations_print():
    seen = []

    def f(x):
        seen.append(repr(x))
        seen.append(f"{x}")
        return (x * x).sum()

    x = cr.tensor([1.0, 2.0])
    cr.func.grad(f)(x)
    cr.func.jvp(f, (x,), (x,))
    cr.func.vmap(f)(x)
    assert all("level=" in text and "tensor(" in text for text in seen)


def test_profiles():
    cr.set_printoptions(profile="short")
    try:
        assert repr(cr.tensor([1.23456])) == "tensor([1.23])"
        cr.set_printoptions(profile="full")
        assert "..." not in repr(cr.zeros(1001))
    finally:
        cr.set_printoptions(profile="default")
    with pytest.raises(ValueError, match="profile"):
        cr.set_printoptions(profile="tiny")


def test_tensors_made_in_inference_mode_print_as_tensors():
    with cr.inference_mode():
        assert repr(cr.ones(2) * 2) == "tensor([2., 2.])"
