"""Modules: agreement with torch, registration, state, hooks, containers, text, copies."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest
from helpers import raw, rng_of

import chainrule as cr
from chainrule import nn

# ---- the table: name, how to make the module from torch.nn or chainrule.nn, its inputs ------------------------------
# An input is a shape (uniform values in +-1), or an array. Integer arrays stay integers.

MODULES: dict[str, tuple] = {}


def module(text: str, *inputs, train: bool = True) -> None:
    """`text` is Python: the constructor without `nn.`"""
    key = text
    while key in MODULES:
        key += "'"
    MODULES[key] = (text, inputs, train)


ids = np.array([[1, 2, 4], [4, 0, 2]])
causal = np.triu(np.ones((4, 4), bool), 1)

module("Identity(1, a=2)", (2, 3))
module("Linear(3, 4)", (5, 3))
module("Linear(3, 4, bias=False)", (2, 5, 3))
module("Linear(3, 2)", (3,))
module("Bilinear(3, 4, 2)", (5, 3), (5, 4))
module("Bilinear(3, 4, 2, bias=False)", (5, 3), (5, 4))
module("Flatten()", (2, 3, 4))
module("Flatten(0, 1)", (2, 3, 4))
module("Unflatten(1, (2, 3))", (2, 6))
for text in (
    "Threshold(0.1, 20)",
    "ReLU()",
    "ReLU(inplace=False)",
    "ReLU6()",
    "RReLU(0.1, 0.3)",
    "Hardtanh()",
    "Hardtanh(-0.5, 0.25)",
    "Sigmoid()",
    "Hardsigmoid()",
    "Tanh()",
    "SiLU()",
    "Mish()",
    "Hardswish()",
    "ELU()",
    "ELU(0.5)",
    "CELU(0.7)",
    "SELU()",
    "GLU()",
    "GLU(0)",
    "GELU()",
    "GELU('tanh')",
    "Hardshrink()",
    "Hardshrink(0.2)",
    "Softshrink(0.3)",
    "Tanhshrink()",
    "LeakyReLU()",
    "LeakyReLU(0.2)",
    "LogSigmoid()",
    "Softplus()",
    "Softplus(2, 1)",
    "Softsign()",
    "Softmin(1)",
    "Softmax(dim=1)",
    "LogSoftmax(dim=0)",
    "PReLU()",
    "PReLU(6)",
    "Dropout(0.3)",
    "AlphaDropout(0.3)",
):
    module(text, (4, 6), train=not text.startswith(("RReLU", "Dropout", "Alpha")))
module("Softmax2d()", (2, 3, 4, 4))
for n, size in ((1, (9,)), (2, (8, 7)), (3, (5, 6, 5))):
    x = (2, 4, *size)
    module(f"Conv{n}d(4, 6, 3)", x)
    module(f"Conv{n}d(4, 6, 3, stride=2, padding=1, groups=2, bias=False)", x)
    module(f"Conv{n}d(4, 4, 3, padding='same', dilation=2)", x)
    module(f"Conv{n}d(4, 2, 2, padding='valid')", x[1:])
    for mode in ("reflect", "replicate", "circular"):
        module(f"Conv{n}d(4, 2, 3, padding=1, padding_mode='{mode}')", x)
    module(f"Conv{n}d(4, 2, 4, padding='same', padding_mode='circular')", x)
    module(f"ConvTranspose{n}d(4, 3, 3)", x)
    module(f"ConvTranspose{n}d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)", x)
    module(f"ConvTranspose{n}d(4, 2, 2, dilation=2, bias=False)", x)
    module(f"MaxPool{n}d(2)", x)
    module(f"MaxPool{n}d(3, 2, 1, return_indices=True)", x)
    module(f"MaxPool{n}d(2, 2, ceil_mode=True)", x)
    module(f"AvgPool{n}d(2)", x)
    module(f"AvgPool{n}d(3, 2, 1, count_include_pad=False)", x)
    module(f"LPPool{n}d(2, 2)", np.abs(rng_of("lp", n).normal(size=x)) + 0.1)
    module(f"AdaptiveAvgPool{n}d(3)", x)
    module(f"AdaptiveMaxPool{n}d(3)", x)
    module(f"AdaptiveMaxPool{n}d(2, return_indices=True)", x)
    module(f"BatchNorm{n}d(4)", x)
    module(f"BatchNorm{n}d(4)", x, train=False)
    module(f"BatchNorm{n}d(4, momentum=None)", x)
    module(f"BatchNorm{n}d(4, affine=False, track_running_stats=False, eps=1e-3)", x)
    module(f"InstanceNorm{n}d(4)", x)
    module(f"InstanceNorm{n}d(4, affine=True, track_running_stats=True)", x)
    module(f"InstanceNorm{n}d(4)", x[1:])
    module(f"ConstantPad{n}d(1, 3.5)", x)
    module(f"Dropout{n}d(0.5)", x, train=False)
    for kind in ("Zero", "Reflection", "Replication", "Circular"):
        module(f"{kind}Pad{n}d(2)", x)
module("BatchNorm1d(3)", (5, 3))
module("AvgPool2d((2, 3), stride=1, divisor_override=5)", (2, 3, 6, 6))
module("AdaptiveAvgPool2d((None, 2))", (2, 3, 6, 5))
module("AdaptiveAvgPool2d(1)", (2, 3, 6, 5))
module("ZeroPad2d((1, 0, 2, 1))", (2, 3, 4, 5))
module("LayerNorm(4)", (3, 4))
module("LayerNorm((3, 4), eps=1e-3)", (2, 3, 4))
module("LayerNorm(4, elementwise_affine=False)", (2, 3, 4))
module("LayerNorm(4, bias=False)", (2, 3, 4))
module("RMSNorm(4)", (2, 3, 4))
module("RMSNorm(4, eps=1e-3, elementwise_affine=False)", (2, 3, 4))
module("GroupNorm(2, 4)", (3, 4, 5))
module("GroupNorm(4, 4, affine=False)", (3, 4, 5, 2))
module("LocalResponseNorm(2)", (2, 5, 4, 4))
module("LocalResponseNorm(3, alpha=0.1, beta=0.5, k=2.0)", (2, 5, 4))
module("FeatureAlphaDropout(0.5)", (2, 3, 4), train=False)
module("Embedding(5, 3)", ids)
module("Embedding(5, 3, padding_idx=2)", ids)
module("Embedding(5, 3, padding_idx=-1, scale_grad_by_freq=True)", ids)
module("EmbeddingBag(5, 3)", ids)
module("EmbeddingBag(5, 3, mode='sum', padding_idx=2)", ids)
module("EmbeddingBag(5, 3, mode='max')", ids)
module("EmbeddingBag(5, 3, mode='sum')", ids.reshape(-1), np.array([0, 2, 2]))
module("Upsample(scale_factor=2)", (2, 3, 4))
module("Upsample(size=(5, 7), mode='bilinear')", (2, 3, 4, 4))
module("Upsample(scale_factor=(2, 3), mode='bicubic', align_corners=True)", (2, 3, 4, 4))
module("Upsample(scale_factor=2.0, mode='trilinear')", (1, 2, 3, 3, 2))
module("Upsample(size=9, mode='linear')", (2, 3, 4))
module("UpsamplingNearest2d(scale_factor=2)", (2, 3, 4, 4))
module("UpsamplingBilinear2d(size=(6, 7))", (2, 3, 4, 4))
module("PixelShuffle(2)", (2, 8, 3, 3))
module("PixelUnshuffle(2)", (2, 2, 4, 6))
module("ChannelShuffle(2)", (2, 6, 3, 3))
module("Fold((4, 5), (2, 2))", (2, 12, 12))
module("Unfold((2, 3), dilation=1, padding=1, stride=2)", (2, 3, 5, 6))
module("CosineSimilarity(dim=1)", (3, 4), (3, 4))
module("PairwiseDistance(p=2)", (3, 4), (3, 4))
module("PairwiseDistance(p=1, keepdim=True)", (3, 4), (3, 4))
for kind in ("RNN", "LSTM", "GRU"):
    module(f"{kind}Cell(3, 4)", (2, 3))
    module(f"{kind}Cell(3, 4, bias=False)", (3,))
    module(f"{kind}(3, 4)", (5, 2, 3))
    module(f"{kind}(3, 4, num_layers=2, batch_first=True, bidirectional=True)", (2, 5, 3))
    module(f"{kind}(3, 4, bias=False)", (5, 3))
module("RNNCell(3, 4, nonlinearity='relu')", (2, 3), (2, 4))
module("GRUCell(3, 4)", (2, 3), (2, 4))
module("RNN(3, 4, nonlinearity='relu')", (5, 2, 3), (1, 2, 4))
module("RNN(3, 4, 1, 'relu')", (5, 2, 3))
module("GRU(3, 4, 2)", (5, 2, 3), (2, 2, 4))
module("LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True)", (5, 2, 3))
module("LSTM(3, 4, dropout=0.5, num_layers=2)", (5, 2, 3), train=False)
for extra in ("", ", bias=False", ", add_bias_kv=True, add_zero_attn=True"):
    module(f"MultiheadAttention(4, 2{extra})", (3, 2, 4), (5, 2, 4), (5, 2, 4))
module("MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)", (2, 3, 4), (2, 5, 3), (2, 5, 5))
module("MultiheadAttention(4, 2)", (3, 4), (5, 4), (5, 4))
layer = "d_model=4, nhead=2, dim_feedforward=6, dropout=0.0"
for extra in ("", ", batch_first=True, norm_first=True, activation='gelu'", ", bias=False"):
    module(f"TransformerEncoderLayer({layer}{extra})", (4, 4, 4))
    module(f"TransformerDecoderLayer({layer}{extra})", (4, 4, 4), (4, 4, 4))
module(f"TransformerEncoderLayer({layer})", (4, 2, 4), causal)
module(f"TransformerEncoder(nn.TransformerEncoderLayer({layer}), 2, nn.LayerNorm(4))", (4, 2, 4), train=False)
module(f"TransformerDecoder(nn.TransformerDecoderLayer({layer}), 2)", (4, 2, 4), (3, 2, 4), causal)
module("Transformer(4, 2, 1, 2, 6, 0.0)", (3, 2, 4), (4, 2, 4))
module("Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))", (2, 1, 4, 4))

# ---- losses ---------------------------------------------------------------------------------------------------------

R = rng_of("losses")
p3 = R.uniform(0.1, 0.9, (4, 3))
signs = np.where(R.uniform(size=(4, 3)) > 0.5, 1.0, -1.0)
sign1 = np.array([1.0, -1.0, 1.0, -1.0])
classes = np.array([0, 2, 1, 2])
w3 = "w([0.5, 2.0, 1.5])"
for red in ("mean", "sum", "none"):
    r = f"reduction='{red}'"
    module(f"L1Loss({r})", (4, 3), (4, 3))
    module(f"MSELoss({r})", (4, 3), (4, 3))
    module(f"NLLLoss({r}, weight={w3})", (4, 3), classes)
    module(f"NLLLoss({r}, ignore_index=2)", (4, 3), classes)
    module(f"CrossEntropyLoss({r})", (4, 3), classes)
    module(f"CrossEntropyLoss({r}, weight={w3}, label_smoothing=0.2, ignore_index=2)", (4, 3), classes)
    module(f"CrossEntropyLoss({r})", (4, 3), p3 / p3.sum(1, keepdims=True))
    module(f"CrossEntropyLoss({r})", (2, 3, 4), np.array([[0, 1, 2, 0], [2, 1, 0, 0]]))
    module(f"PoissonNLLLoss({r})", (4, 3), p3 * 4)
    module(f"PoissonNLLLoss({r}, log_input=False, full=True)", p3, p3 * 4)
    module(f"GaussianNLLLoss({r})", (4, 3), (4, 3), p3)
    module(f"GaussianNLLLoss({r}, full=True)", (4, 3), (4, 3), p3)
    module(f"KLDivLoss({r})", np.log(p3), p3)
    module(f"KLDivLoss({r}, log_target=True)", np.log(p3), np.log(p3[::-1]))
    module(f"BCELoss({r})", p3, p3[::-1].copy())
    module(f"BCELoss({r}, weight={w3})", p3, p3[::-1].copy())
    module(f"BCEWithLogitsLoss({r})", (4, 3), p3)
    module(f"BCEWithLogitsLoss({r}, weight={w3}, pos_weight={w3})", (4, 3), p3)
    module(f"HingeEmbeddingLoss({r}, margin=0.7)", (4, 3), signs)
    module(f"MultiLabelMarginLoss({r})", (2, 4), np.array([[3, 0, -1, 1], [1, -1, 0, 2]]))
    module(f"SmoothL1Loss({r})", (4, 3), (4, 3))
    module(f"SmoothL1Loss({r}, beta=0.3)", (4, 3), (4, 3))
    module(f"HuberLoss({r}, delta=0.4)", (4, 3), (4, 3))
    module(f"SoftMarginLoss({r})", (4, 3), signs)
    module(f"MultiLabelSoftMarginLoss({r})", (4, 3), (signs > 0) * 1.0)
    module(f"MultiLabelSoftMarginLoss({r}, weight={w3})", (4, 3), (signs > 0) * 1.0)
    module(f"CosineEmbeddingLoss({r}, margin=0.1)", (4, 3), (4, 3), sign1)
    module(f"MarginRankingLoss({r}, margin=0.1)", (4,), (4,), sign1)
    module(f"MultiMarginLoss({r})", (4, 3), classes)
    module(f"MultiMarginLoss({r}, p=2, margin=0.5, weight={w3})", (4, 3), classes)
    module(f"TripletMarginLoss({r})", (4, 3), (4, 3), (4, 3))
    module(f"TripletMarginLoss({r}, p=1, swap=True, margin=0.5)", (4, 3), (4, 3), (4, 3))
    module(f"TripletMarginWithDistanceLoss({r}, swap=True)", (4, 3), (4, 3), (4, 3))
    module(
        f"CTCLoss({r})",
        np.log(R.dirichlet(np.ones(5), (7, 2))),
        np.array([[1, 2, 2], [3, 4, 1]]),
        np.array([7, 6]),
        np.array([3, 2]),
    )
module("KLDivLoss(reduction='batchmean')", np.log(p3), p3)
module("AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6], div_value=2.0)", (5, 8), np.array([0, 3, 9, 5, 2]))
module("AdaptiveLogSoftmaxWithLoss(8, 10, [4], head_bias=True)", (4, 8), np.array([0, 3, 9, 5]))


def made(library, text: str):
    """The module of a table row, in float64."""
    names = {"nn": library.nn, "w": lambda v: library.tensor(v, dtype=library.float64)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval("nn." + text, names).double()


def flat(out) -> list:
    if isinstance(out, (list, tuple)):
        return [x for o in out for x in flat(o)]
    return [] if out is None else [out]


def arrays(text: str, inputs: tuple) -> list[np.ndarray]:
    rng = rng_of(text)
    return [rng.uniform(-1, 1, x) if isinstance(x, tuple) else np.array(x) for x in inputs]


def as_inputs(library, values: list[np.ndarray]) -> list:
    """Tensors; floating ones require grad, except targets that a loss may not be differentiated by."""
    made = []
    for i, a in enumerate(values):
        t = library.tensor(a)
        if a.dtype.kind == "f" and i == 0:
            t.requires_grad_()
        made.append(t)
    return made


def fill_parameters(torch, model, key: str) -> None:
    """Values that no parameter starts with, so that a parameter left out would show."""
    rng = rng_of("parameters", key)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.uniform(-0.6, 0.6, tuple(p.shape))))
        for name, b in model.named_buffers():
            if "running_mean" in name:
                b.copy_(torch.tensor(rng.uniform(-0.3, 0.3, tuple(b.shape))))


def close(got, want, what: str, rtol: float = 1e-10) -> None:
    a, b = raw(got), raw(want)
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, err_msg=what)


@pytest.mark.oracle
@pytest.mark.parametrize("key", MODULES)
def test_module_agrees_with_torch(key):
    torch = pytest.importorskip("torch")
    text, inputs, train = MODULES[key]
    theirs, ours = made(torch, text), made(cr, text)
    fill_parameters(torch, theirs, text)
    assert repr(ours) == repr(theirs)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    for name, value in ours.state_dict().items():
        assert raw(value).shape == tuple(state[name].shape), name
        assert raw(value).dtype == raw(state[name]).dtype, name
    assert str(ours.load_state_dict(state)) == "<All keys matched successfully>"
    theirs.train(train)
    ours.train(train)
    values = arrays(text, inputs)
    xs, ys = as_inputs(cr, values), as_inputs(torch, values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got, want = flat(ours(*xs)), flat(theirs(*ys))
    assert len(got) == len(want)
    cts = [rng_of("ct", text, i).uniform(0.5, 1.5, raw(w).shape) for i, w in enumerate(want)]
    total_got = total_want = None
    for i, (a, b, ct) in enumerate(zip(got, want, cts, strict=True)):
        close(a, b, f"output {i}")
        assert a.requires_grad == b.requires_grad, f"output {i}"
        if b.requires_grad:
            x, y = (a * cr.tensor(ct)).sum(), (b * torch.tensor(ct)).sum()
            total_got = x if total_got is None else total_got + x
            total_want = y if total_want is None else total_want + y
    for name, b in theirs.named_buffers():
        close(dict(ours.named_buffers())[name], b, name)
    if total_want is None:
        return
    total_got.backward()
    total_want.backward()
    loose = text.startswith(("Hardsigmoid", "CELU"))  # torch computes these with float32 constants
    for i, (x, y) in enumerate(zip(xs, ys, strict=True)):
        if y.grad is not None and not text.startswith("CTC"):  # torch's is only right below a log_softmax
            close(x.grad, y.grad, f"gradient of input {i}", 1e-7 if loose else 1e-9)
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None), name
        if q.grad is not None:
            close(p.grad, q.grad, f"gradient of {name}", 1e-9)


@pytest.mark.oracle
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_ctc_loss_agrees_below_log_softmax(reduction):
    torch = pytest.importorskip("torch")
    _, values, _ = MODULES["CTCLoss(reduction='mean')"]
    found = []
    for lib in (cr, torch):
        x, *rest = as_inputs(lib, [np.array(v) for v in values])
        loss = lib.nn.CTCLoss(reduction=reduction)(lib.nn.functional.log_softmax(x * 2, -1), *rest)
        loss.sum().backward()
        found.append(x.grad)
    close(*found, "gradient", 1e-9)


@pytest.mark.parametrize("key", MODULES)
def test_module_copies_and_pickles(key):
    text, inputs, _ = MODULES[key]
    model = made(cr, text).eval()
    values = [cr.tensor(a) for a in arrays(text, inputs)]
    want = flat(model(*values))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert repr(other) == repr(model)
        assert all(a is not b for a, b in zip(other.parameters(), model.parameters(), strict=True))
        assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in other.parameters())
        for a, b in zip(flat(other(*values)), want, strict=True):
            assert np.array_equal(raw(a), raw(b), equal_nan=True)


@pytest.mark.oracle
def test_every_torch_module_is_there_or_known_to_be_absent():
    torch = pytest.importorskip("torch")
    names = {n for n, v in vars(torch.nn).items() if isinstance(v, type) and issubclass(v, torch.nn.Module)}
    absent = {n for n in names if not hasattr(nn, n)}
    other = {"Container", "LinearCrossEntropyLoss"}
    assert absent <= other
    tested = {text.split("(")[0] for text, _, _ in MODULES.values()} | {"Module", "SyncBatchNorm", "CrossMapLRN2d"}
    containers = {
        "DataParallel",
        "ModuleList",
        "ModuleDict",
        "ParameterList",
        "ParameterDict",
        "NLLLoss2d",
        "RNNBase",
        "RNNCellBase",
    }
    unpools = {f"MaxUnpool{n}d" for n in (1, 2, 3)}
    lazy = {n for n in names if n.startswith("Lazy")}
    fractional = {f"FractionalMaxPool{n}d" for n in (2, 3)}
    assert names - absent - tested - containers - unpools - lazy - fractional == set()


@pytest.mark.oracle
@pytest.mark.parametrize("n", [2, 3])
def test_fractional_pooling_is_torchs_for_the_same_samples(n):
    torch = pytest.importorskip("torch")
    rng = rng_of("fractional", n)
    a, drawn = rng.normal(size=(2, 3, *[7] * n)), rng.uniform(size=(2, 3, n))
    found = []
    for lib in (cr, torch):
        pool = getattr(lib.nn, f"FractionalMaxPool{n}d")(
            2, output_size=4, return_indices=True, _random_samples=lib.tensor(drawn)
        )
        found.append([raw(x) for x in pool(lib.tensor(a))])
    for ours, theirs in zip(*found, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.oracle
@pytest.mark.parametrize("n", [1, 2, 3])
def test_unpooling_undoes_pooling(n):
    torch = pytest.importorskip("torch")
    a = rng_of("unpool", n).normal(size=(2, 3, *[6] * n))
    found = []
    for lib in (cr, torch):
        pool = getattr(lib.nn, f"MaxPool{n}d")(2, return_indices=True)
        unpool = getattr(lib.nn, f"MaxUnpool{n}d")(2)
        x = lib.tensor(a, requires_grad=True)
        y = unpool(*pool(x))
        (y * y).sum().backward()
        found.append((y, x.grad, repr(unpool)))
    close(found[0][0], found[1][0], "values")
    close(found[0][1], found[1][1], "gradient")
    assert found[0][2] == found[1][2]


@pytest.mark.oracle
def test_attention_masks_agree():
    torch = pytest.importorskip("torch")
    rng = rng_of("masks")
    q, k = rng.normal(size=(4, 2, 6)), rng.normal(size=(4, 2, 6))
    padding = np.array([[False, False, False, True], [False, False, True, True]])
    theirs, ours = made(torch, "MultiheadAttention(6, 3)"), made(cr, "MultiheadAttention(6, 3)")
    ours.load_state_dict(theirs.state_dict())
    options = itertools.product((None, padding), (None, causal, np.where(causal, -np.inf, 0.0)), (True, False))
    for pad, mask, weights in options:
        if pad is not None and mask is not None and mask.dtype != bool:
            pad = np.where(pad, -np.inf, 0.0)
        kinds = [{"average_attn_weights": True}, {"average_attn_weights": False}] if weights else [{}]
        for kind in kinds:
            found = []
            for lib, model in ((cr, ours), (torch, theirs)):
                given = {"key_padding_mask": pad, "attn_mask": mask}
                given = {n: None if v is None else lib.tensor(v) for n, v in given.items()}
                found.append(model(lib.tensor(q), lib.tensor(k), lib.tensor(k), need_weights=weights, **given, **kind))
            close(found[0][0], found[1][0], "output")
            if weights:
                close(found[0][1], found[1][1], "weights")
            else:
                assert found[0][1] is None


# ---- packed sequences ------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.parametrize("lengths", [(5, 3, 1), (2, 5, 3)])
def test_packed_sequences_agree(kind, lengths):
    torch = pytest.importorskip("torch")
    a = rng_of("packed").normal(size=(5, 3, 2))
    text = f"{kind}(2, 3, num_layers=2, bidirectional=True)"
    theirs, ours = made(torch, text), made(cr, text)
    ours.load_state_dict(theirs.state_dict())
    found = []
    for lib, model in ((cr, ours), (torch, theirs)):
        utils = lib.nn.utils.rnn
        x = lib.tensor(a, requires_grad=True)
        packed = utils.pack_padded_sequence(x, list(lengths), enforce_sorted=lengths[0] == 5)
        out, state = model(packed)
        padded, sizes = utils.pad_packed_sequence(out, total_length=6, padding_value=0.5)
        total = (padded * padded).sum() + sum((s * s * s).sum() for s in flat(state))
        total.backward()
        found.append([packed.data, packed.batch_sizes, padded, sizes, *flat(state), x.grad])
        found[-1] += [p.grad for p in model.parameters()]
        if lengths[0] != 5:
            found[-1] += [packed.sorted_indices, packed.unsorted_indices]
    for i, (a, b) in enumerate(zip(*found, strict=True)):
        close(a, b, str(i), 1e-9)


@pytest.mark.oracle
def test_padding_helpers_agree():
    torch = pytest.importorskip("torch")
    parts = [np.arange(n * 2.0).reshape(n, 2) for n in (2, 4, 1)]
    found = []
    for lib in (cr, torch):
        u = lib.nn.utils.rnn
        xs = [lib.tensor(p) for p in parts]
        packed = u.pack_sequence(xs, enforce_sorted=False)
        found.append(
            [
                u.pad_sequence(xs),
                u.pad_sequence(xs, batch_first=True, padding_value=-1.0),
                u.pad_sequence(xs, padding_side="left"),
                packed.data,
                packed.batch_sizes,
                *u.unpack_sequence(packed),
                *u.unpad_sequence(u.pad_sequence(xs), lib.tensor([2, 4, 1])),
            ]
        )
    for a, b in zip(*found, strict=True):
        close(a, b, "padding")
    with pytest.raises(RuntimeError, match="must be sorted in decreasing order"):
        cr.nn.utils.rnn.pack_padded_sequence(cr.ones(3, 2, 1), [1, 3])


# ---- registration and traversal --------------------------------------------------------------------------------------


def net(lib=cr):
    class Net(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = lib.nn.Linear(2, 3)
            self.b = lib.nn.Sequential(lib.nn.ReLU(), lib.nn.Linear(3, 1, bias=False))
            self.scale = lib.nn.Parameter(lib.ones(()))
            self.register_buffer("count", lib.zeros(1))
            self.register_buffer("scratch", lib.zeros(1), persistent=False)
            self.tied = self.a
            self.none = None

        def forward(self, x):
            return self.b(self.a(x)) * self.scale

    return Net()


@pytest.mark.oracle
def test_traversal_agrees():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        m = net(lib)
        lists = [
            [n for n, _ in m.named_parameters()],
            [n for n, _ in m.named_parameters(prefix="p", recurse=False)],
            [n for n, _ in m.named_parameters(remove_duplicate=False)],
            [n for n, _ in m.named_buffers()],
            [n for n, _ in m.named_modules()],
            [n for n, _ in m.named_modules(prefix="p", remove_duplicate=False)],
            [n for n, _ in m.named_children()],
            list(m.state_dict()),
            list(m.state_dict(prefix="x.")),
            repr(m),
            [n for n in dir(m) if n in ("a", "scale", "count")],
            sum(p.numel() for p in m.parameters()),
        ]
        found.append(lists)
    for a, b in zip(*found, strict=True):
        assert a == b


ERRORS = {
    "dotted parameter": (lambda m, lib: m.register_parameter("a.b", None), KeyError),
    "empty parameter": (lambda m, lib: m.register_parameter("", None), KeyError),
    "taken": (lambda m, lib: m.register_parameter("a", None), KeyError),
    "taken buffer": (lambda m, lib: m.register_buffer("forward", None), KeyError),
    "tensor for parameter": (lambda m, lib: setattr(m, "scale", lib.ones(())), TypeError),
    "number for module": (lambda m, lib: setattr(m, "a", 3), TypeError),
    "number for buffer": (lambda m, lib: setattr(m, "count", 3), TypeError),
    "not a module": (lambda m, lib: m.add_module("x", 3), TypeError),
    "no attribute": (lambda m, lib: m.nothing, AttributeError),
    "no submodule": (lambda m, lib: m.get_submodule("b.5"), AttributeError),
    "not parameter": (lambda m, lib: m.get_parameter("count"), AttributeError),
    "not buffer": (lambda m, lib: m.get_buffer("scale"), AttributeError),
    "train mode": (lambda m, lib: m.train(1), ValueError),
    "integer dtype": (lambda m, lib: m.to(lib.int64), TypeError),
    "missing forward": (lambda m, lib: lib.nn.Module()(1), NotImplementedError),
    "missing key": (lambda m, lib: m.load_state_dict({}), RuntimeError),
    "unexpected key": (lambda m, lib: m.load_state_dict({**m.state_dict(), "q": lib.ones(1)}), RuntimeError),
    "size": (lambda m, lib: m.load_state_dict({**m.state_dict(), "a.weight": lib.ones(1, 2)}), RuntimeError),
    "sizes": (
        lambda m, lib: m.load_state_dict({"a.weight": lib.ones(4, 2), "b.1.weight": lib.ones(1), "z": lib.ones(1)}),
        RuntimeError,
    ),
    "not a dict": (lambda m, lib: m.load_state_dict([1]), TypeError),
    "heads": (lambda m, lib: lib.nn.MultiheadAttention(5, 2), AssertionError),
    "groups": (lambda m, lib: lib.nn.Conv2d(3, 4, 1, groups=2), ValueError),
    "padding mode": (lambda m, lib: lib.nn.Conv2d(3, 4, 1, padding="all"), ValueError),
    "strided same": (lambda m, lib: lib.nn.Conv2d(3, 4, 3, padding="same", stride=2), ValueError),
    "dropout": (lambda m, lib: lib.nn.Dropout(2), ValueError),
    "group norm": (lambda m, lib: lib.nn.GroupNorm(2, 3), ValueError),
    "batch norm": (lambda m, lib: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)), ValueError),
    "index": (lambda m, lib: lib.nn.Sequential()[0], IndexError),
    "list index": (lambda m, lib: lib.nn.ModuleList([m])[1], IndexError),
    "grad of int": (lambda m, lib: lib.nn.Parameter(lib.tensor([1])), (RuntimeError, TypeError)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("key", ERRORS)
def test_errors_are_torchs(key):
    torch = pytest.importorskip("torch")
    act, kind = ERRORS[key]
    with pytest.raises(kind) as theirs:
        act(net(torch), torch)
    with pytest.raises(kind) as ours:
        act(net(), cr)
    want = str(theirs.value).strip().split("\n")
    for line in want if "load" in want[0] else want[:1]:
        words = line.strip().rstrip(".").split(" (")[0].split(", but")[0].split("; ")[0]
        if key not in ("grad of int", "size of heads", "heads", "list index", "index", "batch norm", "padding mode"):
            assert words.strip("'") in str(ours.value)


def test_load_changes_nothing_on_error():
    model = net()
    before = {k: raw(v).copy() for k, v in model.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"size mismatch for b\.1\.weight"):
        model.load_state_dict({k: v + 1 if k != "b.1.weight" else cr.ones(7) for k, v in before.items()})
    for k, v in model.state_dict().items():
        assert np.array_equal(raw(v), before[k])
    found = model.load_state_dict({"a.weight": cr.ones(3, 2), "more": 1}, strict=False)
    assert found.unexpected_keys == ["more"]
    assert "a.bias" in found.missing_keys
    assert model.a.weight.sum().item() == 6


def test_load_by_assignment_keeps_the_given_tensors():
    model = nn.Linear(2, 1)
    given = {"weight": cr.ones(1, 2, dtype=cr.float64), "bias": cr.zeros(1, dtype=cr.float64)}
    model.load_state_dict(given, assign=True)
    assert isinstance(model.weight, nn.Parameter)
    assert model.weight.dtype == cr.float64
    given["weight"].mul_(2)
    assert model.weight.sum().item() == 4


def test_parameters_buffers_and_attributes():
    m = nn.Module()
    m.x = nn.Buffer(cr.ones(2))
    m.y = nn.Buffer(cr.ones(2), persistent=False)
    assert list(m.state_dict()) == ["x"]
    assert [n for n, _ in m.named_buffers()] == ["x", "y"]
    m.w = nn.Parameter(cr.ones(2))
    m.w = None
    assert m.w is None
    assert list(m.parameters()) == []
    m.w = nn.Parameter(cr.ones(2), requires_grad=False)
    assert not m.w.requires_grad
    m.w = nn.Linear(1, 1)
    assert [n for n, _ in m.named_parameters()] == ["w.weight", "w.bias"]
    del m.w
    assert not hasattr(m, "w")
    assert isinstance(nn.Parameter(cr.ones(1)), cr.Tensor)
    assert not isinstance(cr.ones(1), nn.Parameter)
    assert repr(nn.Parameter(cr.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"

    class Early(nn.Module):
        def __init__(self):
            self.a = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign module before Module.__init__\(\) call"):
        Early()


def test_modes_dtypes_and_apply():
    m = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    assert m.eval() is m
    assert not any(x.training for x in m.modules())
    weight = m[0].weight
    weight.grad = cr.ones(2, 2)
    m.double()
    assert m[0].weight is weight
    assert weight.dtype == weight.grad.dtype == cr.float64
    assert m[2].num_batches_tracked.dtype == cr.int64
    assert m.to(cr.float32)[0].weight.dtype == cr.float32
    assert m.half()[0].weight.dtype == cr.float16
    assert m.float().to("cpu")[0].bias.dtype == cr.float32
    m.requires_grad_(False)
    assert not any(p.requires_grad for p in m.parameters())
    seen = []
    m.apply(lambda x: seen.append(type(x).__name__))
    assert seen == ["Linear", "Dropout", "BatchNorm1d", "Sequential"]
    m.requires_grad_(True)
    m.train()(cr.ones(4, 2)).sum().backward()
    m.zero_grad(set_to_none=False)
    assert weight.grad.abs().sum().item() == 0
    m.zero_grad()
    assert weight.grad is None


# ---- hooks -----------------------------------------------------------------------------------------------------------


@pytest.mark.oracle
def test_hooks_agree():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        log = []
        m = lib.nn.Linear(2, 2).double()
        with lib.no_grad():
            m.weight.copy_(lib.tensor([[1.0, 2.0], [3.0, 4.0]]))
            m.bias.zero_()
        m.register_forward_pre_hook(lambda mod, args, log=log: log.append("pre1"))
        m.register_forward_pre_hook(lambda mod, args, log=log: (args[0] * 2,), prepend=True)
        m.register_forward_pre_hook(lambda mod, a, kw: (a, kw), with_kwargs=True)
        m.register_forward_hook(lambda mod, args, out, log=log: log.append(out.tolist()))
        m.register_forward_hook(lambda mod, args, kw, out: out + 1, with_kwargs=True)
        m.register_full_backward_pre_hook(lambda mod, go, log=log: log.append(("pre", go[0].tolist())))
        m.register_full_backward_hook(
            lambda mod, gi, go, log=log: log.append(("in", gi[0].tolist(), "out", go[0].tolist()))
        )
        gone = m.register_forward_hook(lambda mod, args, out, log=log: log.append("gone"))
        gone.remove()
        x = lib.tensor([[1.0, -1.0]], dtype=lib.float64, requires_grad=True)
        y = m(x)
        (y * y).sum().backward()
        found.append([log, y.tolist(), x.grad.tolist(), m.weight.grad.tolist()])
    assert found[0] == found[1]


@pytest.mark.oracle
def test_full_backward_hook_can_replace_gradients():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):
        m = lib.nn.Sequential(lib.nn.Tanh(), lib.nn.ReLU())
        m[1].register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
        m[0].register_full_backward_hook(lambda mod, gi, go: (gi[0] * 10,))
        x = lib.tensor([0.5, 1.0], requires_grad=True)
        m(x).sum().backward()
        found.append(x.grad)
    close(*found, "gradient", 1e-6)


@pytest.mark.oracle
def test_full_backward_hooks_see_every_argument():
    torch = pytest.importorskip("torch")
    found = []
    for lib in (cr, torch):

        class Two(lib.nn.Module):
            def forward(self, x, n, y):
                return x * y * n, y.detach(), y * 2

        log, m = [], Two()

        def hook(mod, gi, go, log=log):
            log.append([[None if g is None else g.tolist() for g in part] for part in (gi, go)])

        m.register_full_backward_hook(hook)
        x, y = lib.tensor([2.0], requires_grad=True), lib.tensor([3.0], requires_grad=True)
        a, _, c = m(x, 5, y)
        (a + c).sum().backward()
        lin = lib.nn.Linear(1, 1, bias=False)
        lin.register_full_backward_hook(hook)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lin(lib.ones(1)).sum().backward()
        found.append([log, x.grad.tolist(), y.grad.tolist()])
    assert found[0] == found[1]


def test_state_dict_hooks_and_extra_state():
    class Extra(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = 3

        def get_extra_state(self):
            return {"n": self.n}

        def set_extra_state(self, state):
            self.n = state["n"]

    m, log = nn.Sequential(Extra()), []
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append("pre"))
    m.register_state_dict_post_hook(lambda mod, state, prefix, meta: log.append("post"))
    m.register_load_state_dict_pre_hook(lambda mod, state, prefix, *rest: log.append("load"))
    m.register_load_state_dict_post_hook(lambda mod, keys: log.append("loaded"))
    state = m.state_dict()
    assert state == {"0._extra_state": {"n": 3}}
    m[0].n = 5
    m.load_state_dict(state)
    assert m[0].n == 3
    assert log == ["pre", "post", "load", "loaded"]


def test_global_hooks():
    seen = []
    handle = nn.module.register_module_forward_hook(lambda m, args, out: seen.append(type(m).__name__))
    try:
        nn.Sequential(nn.ReLU())(cr.ones(1))
    finally:
        handle.remove()
    nn.ReLU()(cr.ones(1))
    assert seen == ["ReLU", "Sequential"]


# ---- containers ------------------------------------------------------------------------------------------------------

CONTAINERS = {
    "sequential": lambda n, t: n.Sequential(n.ReLU(), n.Linear(2, 3)),
    "named": lambda n, t: n.Sequential(OrderedDict(a=n.ReLU(), b=n.Tanh())),
    "slice": lambda n, t: n.Sequential(n.ReLU(), n.Tanh(), n.Sigmoid())[1:],
    "append": lambda n, t: n.Sequential(n.ReLU()).append(n.Tanh()).extend([n.Sigmoid()]).insert(1, n.GELU()),
    "delete": lambda n, t: _deleted(n.Sequential(n.ReLU(), n.Tanh(), n.Sigmoid())),
    "sum": lambda n, t: n.Sequential(n.ReLU()) + n.Sequential(n.Tanh()),
    "nested": lambda n, t: n.Sequential(n.Sequential(n.ReLU(), n.Sequential()), n.ModuleList([n.Tanh()])),
    "list": lambda n, t: n.ModuleList([n.Linear(1, 2), n.ReLU()]),
    "repeated": lambda n, t: n.ModuleList([n.Linear(1, 2) for _ in range(4)] + [n.ReLU()]),
    "list slice": lambda n, t: n.ModuleList([n.Linear(1, i) for i in range(1, 4)])[:2],
    "list sum": lambda n, t: n.ModuleList([n.ReLU()]) + n.ModuleList([n.Tanh()]),
    "dict": lambda n, t: n.ModuleDict({"x": n.Linear(1, 2), "y": n.ReLU()}),
    "dict pairs": lambda n, t: n.ModuleDict([("x", n.Linear(1, 2)), ("y", n.ReLU())]),
    "parameters": lambda n, t: n.ParameterList([t.ones(2, 3), n.Parameter(t.ones(1))]),
    "parameter dict": lambda n, t: n.ParameterDict({"a": t.ones(2), "b": n.Parameter(t.ones(1, 1))}),
    "empty": lambda n, t: n.Sequential(),
    "encoder": lambda n, t: n.TransformerEncoder(n.TransformerEncoderLayer(4, 2, 8), 3, enable_nested_tensor=False),
}


def _deleted(m):
    del m[1]
    return m


@pytest.mark.oracle
@pytest.mark.parametrize("key", CONTAINERS)
def test_containers_agree(key):
    torch = pytest.importorskip("torch")
    ours, theirs = CONTAINERS[key](nn, cr), CONTAINERS[key](torch.nn, torch)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if hasattr(theirs, "__len__"):
        assert len(ours) == len(theirs)
        assert [type(m).__name__ for m in ours] == [
            type(m).__name__ if isinstance(m, (str, torch.nn.Module)) else "Tensor" for m in theirs
        ]
    assert repr(copy.deepcopy(ours)) == repr(ours)
    assert list(pickle.loads(pickle.dumps(ours)).state_dict()) == list(ours.state_dict())


def test_container_methods():
    d = nn.ModuleDict({"a": nn.ReLU()})
    d["b"] = nn.Tanh()
    assert list(d.keys()) == ["a", "b"]
    assert "a" in d
    assert isinstance(d.pop("a"), nn.ReLU)
    d.clear()
    assert len(d) == 0
    s = nn.Sequential(nn.ReLU(), nn.Tanh())
    s[0] = nn.Sigmoid()
    assert isinstance(s[-2], nn.Sigmoid)
    assert isinstance(s.pop(0), nn.Sigmoid)
    p = nn.ParameterList([cr.ones(2)])
    p += [cr.zeros(3)]
    p[0] = cr.zeros(1)
    assert [x.shape[0] for x in p] == [1, 3]
    assert all(isinstance(x, nn.Parameter) for x in p)
    assert [x.shape[0] for x in p[1:]] == [3]
    q = nn.ParameterDict({"a": cr.ones(1)})
    assert q.get("z") is None
    assert isinstance(q["a"], nn.Parameter)
    assert [k for k, _ in q.items()] == ["a"]
    del q["a"]
    assert len(q) == 0


# ---- lazy modules ----------------------------------------------------------------------------------------------------

LAZY = {
    "LazyLinear(3)": (4, 5),
    "LazyLinear(3, bias=False)": (4, 5),
    "LazyBatchNorm1d()": (4, 5),
    "LazyBatchNorm2d(eps=1e-3)": (4, 5, 2, 2),
    "LazyBatchNorm3d(affine=False)": (4, 5, 2, 2, 2),
    "LazyInstanceNorm1d()": (4, 5, 3),
    "LazyInstanceNorm2d(affine=True)": (4, 5, 3, 3),
    "LazyInstanceNorm3d()": (4, 5, 3, 3, 3),
    **{f"LazyConv{n}d(3, 2)": (4, 5, *[6] * n) for n in (1, 2, 3)},
    **{f"LazyConvTranspose{n}d(3, 2, stride=2)": (4, 5, *[6] * n) for n in (1, 2, 3)},
    "Sequential(nn.LazyConv2d(3, 2), nn.Flatten(), nn.LazyLinear(2))": (2, 1, 4, 4),
}


@pytest.mark.oracle
@pytest.mark.parametrize("text", LAZY)
def test_lazy_modules_agree(text):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = eval("nn." + text, {"nn": nn}), eval("nn." + text, {"nn": torch.nn})
    assert repr(ours) == repr(theirs)
    handed = list(ours.parameters())
    assert len(handed) == len(list(theirs.parameters()))
    a = rng_of(text).normal(size=LAZY[text]).astype(np.float32)
    ours(cr.tensor(a))
    theirs(torch.tensor(a))
    assert [p is q for p, q in zip(ours.parameters(), handed, strict=True)] == [True] * len(handed)
    assert repr(ours) == repr(theirs)
    assert {k: raw(v).shape for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict(theirs.state_dict())
    close(ours.eval()(cr.tensor(a)), theirs.eval()(torch.tensor(a)), text, 1e-5)


def test_lazy_modules_load_copy_and_convert():
    x = cr.ones(2, 4)
    full, lazy = nn.Linear(4, 3), nn.LazyLinear(3)
    assert lazy.has_uninitialized_params()
    lazy.load_state_dict(full.state_dict())
    assert np.array_equal(raw(lazy(x)), raw(full(x)))
    assert type(lazy) is nn.Linear
    assert lazy.in_features == 4
    for other in (copy.deepcopy(nn.LazyLinear(3)), pickle.loads(pickle.dumps(nn.LazyLinear(3)))):
        assert other(x).shape == (2, 3)
    assert nn.LazyLinear(3).double()(x.double()).dtype == cr.float64
    seen = []
    hooked = nn.LazyLinear(3)
    hooked.register_forward_hook(lambda m, args, out: seen.append(out.shape))
    hooked.eval()(x)
    assert seen == [(2, 3)]
    assert not hooked.training
    optimizer = cr.optim.SGD(nn.LazyLinear(1).parameters(), lr=0.1)
    assert len(optimizer.param_groups[0]["params"]) == 2
    assert isinstance(nn.UninitializedParameter(), nn.Parameter)


def test_random_modules_draw_in_training_only():
    cr.manual_seed(0)
    x = cr.rand(400, 20, 5) * 2 - 1
    for layer, share in ((nn.Dropout(0.3), 0.3), (nn.Dropout1d(0.4), 0.4), (nn.RReLU(0.2, 0.4), 0)):
        y = layer(x)
        assert abs((y == 0).float().mean().item() - share) < 0.02
        assert not np.array_equal(raw(layer(x)), raw(y))
        layer.eval()
        assert np.array_equal(raw(layer(x)), raw(layer(x)))
    normal = cr.randn(400, 100)
    y = nn.AlphaDropout(0.3)(normal)
    assert abs(y.mean().item()) < 0.02
    assert abs(y.std().item() - 1) < 0.02
    for text, inputs, _ in MODULES.values():  # everything runs in float32, in training mode
        model = eval("nn." + text, {"nn": nn, "w": cr.tensor})
        xs = [cr.tensor(a.astype(np.float32) if a.dtype.kind == "f" else a) for a in arrays(text, inputs)]
        assert all(o.dtype == cr.float32 for o in flat(model(*xs)) if o.is_floating_point()), text
