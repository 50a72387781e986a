"""nn.utils and nn.init: clipping, vectors, parametrizations, fusion, and the spread of initial values."""

from __future__ import annotations

import copy
import math
import pickle
import warnings

import numpy as np
import pytest
from helpers import raw, rng_of

import chainrule as cr
from chainrule import nn
from chainrule.nn import init
from chainrule.nn.utils import parametrizations, parametrize


def close(a, b, rtol: float = 1e-10) -> None:
    assert raw(a).shape == raw(b).shape
    assert raw(a).dtype == raw(b).dtype
    np.testing.assert_allclose(raw(a), raw(b), rtol=rtol, atol=rtol)


def same_layers(torch, text: str):
    """The same module of both libraries, in float64, with the same weights."""
    theirs, ours = (eval("nn." + text, {"nn": lib.nn}).double() for lib in (torch, cr))
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


# ---- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.5, math.inf, 0.0])
@pytest.mark.parametrize("most", [0.5, 1e6])
def test_clipping_by_norm_agrees(norm_type, most):
    torch = pytest.importorskip("torch")
    grads = [rng_of("clip", i).normal(size=s) for i, s in enumerate([(2, 3), (4,), ()])]
    found = []
    for lib in (cr, torch):
        params = [lib.zeros(g.shape, dtype=lib.float64, requires_grad=True) for g in grads]
        for p, g in zip(params, grads, strict=True):
            p.grad = lib.tensor(g)
        params.append(lib.zeros(2, requires_grad=True))
        total = lib.nn.utils.clip_grad_norm_(params, most, norm_type)
        found.append([total, *(p.grad for p in params[:3])])
    for a, b in zip(*found, strict=True):
        close(a, b)


@pytest.mark.oracle
def test_other_gradient_helpers_agree():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        u = lib.nn.utils
        p = lib.zeros(3, dtype=lib.float64, requires_grad=True)
        p.grad = lib.tensor([-3.0, 0.2, 5.0], dtype=lib.float64)
        row = [u.get_total_norm([p.grad, p.grad])]
        u.clip_grad_value_([p], 1.0)
        row.append(p.grad.clone())
        u.clip_grads_with_norm_(p, 0.1, lib.tensor(2.0, dtype=lib.float64))
        row.append(p.grad)
        layer = lib.nn.Linear(2, 2).double()
        u.vector_to_parameters(lib.arange(6.0, dtype=lib.float64), layer.parameters())
        row += [layer.weight, layer.bias, u.parameters_to_vector(layer.parameters())]
        found.append(row)
    for a, b in zip(*found, strict=True):
        close(a, b)
    p = cr.zeros(1, requires_grad=True)
    p.grad = cr.tensor([math.inf])
    with pytest.raises(RuntimeError, match="is non-finite, so it cannot be clipped"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert nn.utils.clip_grad_norm_([cr.ones(1)], 1.0).item() == 0


# ---- parametrizations ------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("text", ["Linear(3, 4)", "Conv2d(3, 4, 2)", "ConvTranspose1d(3, 4, 2)"])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_agrees(text, dim):
    torch = pytest.importorskip("torch")
    ours, theirs = same_layers(torch, text)
    x = rng_of("wn").normal(size={"L": (5, 3), "C": (2, 3, 4, 4)}[text[0]] if "T" not in text else (2, 3, 5))
    found = []
    for lib, m in ((cr, ours), (torch, theirs)):
        lib.nn.utils.parametrizations.weight_norm(m, dim=dim)
        out = m(lib.tensor(x))
        (out * out).sum().backward()
        found.append([out, m.weight, *(p.grad for p in m.parameters())])
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours).split("(")[0] == repr(theirs).split("(")[0]
    for a, b in zip(*found, strict=True):
        close(a, b)


@pytest.mark.oracle
@pytest.mark.parametrize("text", ["Linear(3, 4)", "Conv2d(3, 4, 2)", "ConvTranspose1d(3, 4, 2)"])
def test_spectral_norm_agrees(text):
    torch = pytest.importorskip("torch")
    ours, theirs = same_layers(torch, text)
    x = rng_of("sn").normal(size={"L": (5, 3), "C": (2, 3, 4, 4)}[text[0]] if "T" not in text else (2, 3, 5))
    for lib, m in ((cr, ours), (torch, theirs)):
        lib.nn.utils.parametrizations.spectral_norm(m, n_power_iterations=2)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    found = []
    for lib, m in ((cr, ours), (torch, theirs)):
        row = []
        for mode in (True, True, False):
            m.train(mode)
            m.zero_grad()
            out = m(lib.tensor(x))
            (out * out).sum().backward()
            row += [out, *(p.grad.clone() for p in m.parameters()), *m.buffers()]
        found.append(row)
    for a, b in zip(*found, strict=True):
        close(a, b, 1e-9)


def test_spectral_norm_converges_to_norm_one():
    m = parametrizations.spectral_norm(nn.Linear(5, 4), n_power_iterations=50)
    m(cr.ones(1, 5))
    assert abs(np.linalg.norm(raw(m.weight), 2) - 1) < 1e-4


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
def test_orthogonal_stays_orthogonal(shape):
    m = nn.Linear(shape[1], shape[0]).double()
    parametrizations.orthogonal(m)
    optimizer = cr.optim.SGD(m.parameters(), lr=0.1)
    before = raw(m.weight).copy()
    for _ in range(3):
        optimizer.zero_grad()
        (m(cr.ones(2, shape[1], dtype=cr.float64)) ** 3).sum().backward()
        optimizer.step()
    w = raw(m.weight)
    gram = w.T @ w if shape[0] >= shape[1] else w @ w.T
    np.testing.assert_allclose(gram, np.eye(min(shape)), atol=1e-10)
    assert np.abs(w - before).max() > 1e-3


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, a):
        return a.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, a):
        return a / 2


def test_parametrize():
    m = nn.Linear(3, 3)
    parametrize.register_parametrization(m, "weight", Symmetric())
    assert parametrize.is_parametrized(m)
    assert parametrize.is_parametrized(m, "weight")
    assert not parametrize.is_parametrized(m, "bias")
    assert np.array_equal(raw(m.weight), raw(m.weight).T)
    assert [n for n, _ in m.named_parameters()] == ["bias", "parametrizations.weight.original"]
    before = raw(m.weight).copy()
    parametrize.register_parametrization(m, "weight", Doubled())
    np.testing.assert_allclose(raw(m.weight), 2 * before, rtol=1e-6)
    m.weight = cr.eye(3) * 4
    np.testing.assert_allclose(raw(m.weight), 4 * np.eye(3))
    other = copy.deepcopy(m)
    np.testing.assert_allclose(raw(other.weight), raw(m.weight))
    with cr.no_grad():
        other.parametrizations.weight.original.zero_()
    assert raw(m.weight).max() == 4
    assert type(m).__name__ == "ParametrizedLinear"
    with pytest.raises(RuntimeError, match="Serialization of parametrized modules"):
        pickle.dumps(m)
    parametrize.remove_parametrizations(m, "weight")
    assert type(m) is nn.Linear
    assert isinstance(m.weight, nn.Parameter)
    np.testing.assert_allclose(raw(m.weight), 4 * np.eye(3))
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(m, "weight")
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element"):
        parametrize.register_parametrization(m, "nothing", Symmetric())
    with parametrize.cached():
        assert m(cr.ones(1, 3)).shape == (1, 3)


def test_removal_can_keep_the_original():
    m = nn.Linear(2, 2)
    parametrize.register_parametrization(m, "weight", Doubled())
    with cr.no_grad():
        m.parametrizations.weight.original.fill_(3.0)
    parametrize.remove_parametrizations(m, "weight", leave_parametrized=False)
    assert m.weight.tolist() == [[3, 3], [3, 3]]


@pytest.mark.oracle
@pytest.mark.parametrize("text", ["Conv2d(3, 4, 2)", "Conv1d(3, 4, 2, bias=False)", "Linear(3, 4)"])
def test_fusion_agrees(text):
    torch = pytest.importorskip("torch")
    ours, theirs = same_layers(torch, text)
    n = {"Conv2d": 2, "Conv1d": 1, "Linear": 1}[text.split("(")[0]]
    norm, norm_t = same_layers(torch, f"BatchNorm{n}d(4)")
    x = rng_of("fuse").normal(size=(6, 3, *[5] * ("Conv" in text) * n))
    norm(ours(cr.tensor(x)))
    norm_t(theirs(torch.tensor(x)))
    fuse = "fuse_linear_bn_eval" if "Linear" in text else "fuse_conv_bn_eval"
    fused = getattr(nn.utils, fuse)(ours.eval(), norm.eval())
    fused_t = getattr(torch.nn.utils, fuse)(theirs.eval(), norm_t.eval())
    close(fused(cr.tensor(x)), fused_t(torch.tensor(x)))
    close(fused(cr.tensor(x)), norm(ours(cr.tensor(x))))


# ---- initial values --------------------------------------------------------------------------------------------------

SHAPE = (40, 30, 3, 3)
FAN_IN, FAN_OUT = 270, 360
SPREADS = {
    "uniform_(t, -1, 3)": (1, 4 / math.sqrt(12)),
    "normal_(t, 2, 0.5)": (2, 0.5),
    "trunc_normal_(t)": (0, 0.8796),
    "trunc_normal_(t, 1, 2, 0, 2)": (1, 0.5658),
    "constant_(t, 0.3)": (0.3, 0),
    "ones_(t)": (1, 0),
    "zeros_(t)": (0, 0),
    "xavier_uniform_(t)": (0, math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "xavier_normal_(t, gain=2)": (0, 2 * math.sqrt(2 / (FAN_IN + FAN_OUT))),
    "kaiming_uniform_(t)": (0, math.sqrt(2 / FAN_IN)),
    "kaiming_uniform_(t, a=math.sqrt(5))": (0, math.sqrt(1 / 3 / FAN_IN)),
    "kaiming_normal_(t, mode='fan_out', nonlinearity='relu')": (0, math.sqrt(2 / FAN_OUT)),
}


@pytest.mark.parametrize("text", SPREADS)
def test_initial_spread(text):
    cr.manual_seed(1)
    t = nn.Parameter(cr.empty(SHAPE, dtype=cr.float64))
    found = eval("init." + text, {"init": init, "t": t, "math": math})
    assert found is t
    assert t.requires_grad
    assert t.is_leaf
    mean, deviation = SPREADS[text]
    assert abs(raw(t).mean() - mean) < max(0.03 * deviation, 1e-12)
    assert abs(raw(t).std() - deviation) < max(0.03 * deviation, 1e-12)
    cr.manual_seed(1)
    again = eval("init." + text, {"init": init, "t": cr.empty(SHAPE, dtype=cr.float64), "math": math})
    assert np.array_equal(raw(again), raw(t))


@pytest.mark.oracle
def test_fixed_initial_values_agree():
    torch = pytest.importorskip("torch")
    for act in (
        lambda lib: lib.nn.init.eye_(lib.empty(3, 4)),
        lambda lib: lib.nn.init.dirac_(lib.empty(4, 2, 3)),
        lambda lib: lib.nn.init.dirac_(lib.empty(4, 2, 3, 4), groups=2),
        *(
            lambda lib, k=k: lib.tensor(lib.nn.init.calculate_gain(k))
            for k in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
        ),
        lambda lib: lib.tensor(lib.nn.init.calculate_gain("leaky_relu", 0.3)),
    ):
        close(act(cr), act(torch), 1e-6)
    for act, kind in (
        (lambda lib: lib.nn.init.eye_(lib.empty(3)), ValueError),
        (lambda lib: lib.nn.init.dirac_(lib.empty(3, 3)), ValueError),
        (lambda lib: lib.nn.init.calculate_gain("nothing"), ValueError),
        (lambda lib: lib.nn.init.xavier_uniform_(lib.empty(3)), ValueError),
        (lambda lib: lib.nn.init.kaiming_normal_(lib.empty(3, 2), mode="fan"), ValueError),
        (lambda lib: lib.nn.init.orthogonal_(lib.empty(3)), ValueError),
    ):
        with pytest.raises(kind) as theirs:
            act(torch)
        with pytest.raises(kind) as ours:
            act(cr)
        assert str(ours.value).startswith(str(theirs.value)[:40])


@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (3, 2, 2)])
def test_orthogonal_and_sparse_values(shape):
    w = raw(init.orthogonal_(cr.empty(shape, dtype=cr.float64), gain=2)).reshape(shape[0], -1)
    gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, 4 * np.eye(min(w.shape)), atol=1e-12)
    s = raw(init.sparse_(cr.empty(20, 5), 0.3))
    assert ((s == 0).sum(0) == 6).all()


@pytest.mark.oracle
@pytest.mark.parametrize(
    "text", ["Linear(60, 50)", "Conv2d(8, 16, 3)", "ConvTranspose2d(8, 16, 3)", "LSTM(20, 30)", "Embedding(50, 40)",
             "Bilinear(20, 20, 20)", "MultiheadAttention(32, 4)", "Transformer(16, 2, 1, 1, 64)"],
)  # fmt: skip
def test_modules_start_with_torchs_spread(text):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cr.manual_seed(1)
        torch.manual_seed(1)
        ours, theirs = (eval("nn." + text, {"nn": lib.nn}) for lib in (cr, torch))
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if q.numel() > 400 or q.std() == 0:
            assert raw(p).std() == pytest.approx(q.std().item(), rel=0.1, abs=1e-12), name
            assert raw(p).mean() == pytest.approx(q.mean().item(), abs=0.1 * q.std().item() + 1e-12), name


def test_parametrized_tensors_are_kept_within_cached():
    class Twice(cr.nn.Module):
        def forward(self, x):
            calls.append(1)
            return x * 2

    calls = []
    layer = cr.nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Twice())
    calls.clear()
    with parametrize.cached():
        with parametrize.cached():
            assert layer.weight is layer.weight
        assert len(calls) == 1
        (layer.weight * layer.weight).sum().backward()
        assert len(calls) == 1
    assert layer.weight is not layer.weight
    assert layer.parametrizations.weight.original.grad.allclose(8 * layer.parametrizations.weight.original)
