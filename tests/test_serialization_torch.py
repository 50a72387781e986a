"""save and load exchange files with PyTorch, both ways."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
from saving import DTYPES

import chainrule as cr
from chainrule import nn
from chainrule.utils.serialization import SerializationError

# ---- PyTorch ---------------------------------------------------------------------------------------------------------


def torch_module():
    return pytest.importorskip("torch", reason="torch is not installed")


MODULES = {
    "Linear": (lambda m: m.Linear(4, 3), [(2, 4)]),
    "Bilinear": (lambda m: m.Bilinear(4, 3, 2), [(2, 4), (2, 3)]),
    "Conv1d": (lambda m: m.Conv1d(3, 4, 3, padding=1), [(2, 3, 8)]),
    "Conv2d": (lambda m: m.Conv2d(3, 6, 3, stride=2, groups=3), [(2, 3, 8, 8)]),
    "Conv3d": (lambda m: m.Conv3d(2, 3, 2), [(1, 2, 4, 4, 4)]),
    "ConvTranspose2d": (lambda m: m.ConvTranspose2d(3, 4, 3, stride=2), [(2, 3, 5, 5)]),
    "BatchNorm1d": (lambda m: m.BatchNorm1d(4), [(5, 4)]),
    "BatchNorm2d": (lambda m: m.BatchNorm2d(3), [(2, 3, 4, 4)]),
    "InstanceNorm2d": (lambda m: m.InstanceNorm2d(3, affine=True, track_running_stats=True), [(2, 3, 4, 4)]),
    "LayerNorm": (lambda m: m.LayerNorm(4), [(2, 4)]),
    "GroupNorm": (lambda m: m.GroupNorm(2, 4), [(2, 4, 3)]),
    "RMSNorm": (lambda m: m.RMSNorm(4), [(2, 4)]),
    "PReLU": (lambda m: m.PReLU(3), [(2, 3)]),
    "RNN": (lambda m: m.RNN(4, 5, 2, bidirectional=True), [(3, 2, 4)]),
    "LSTM": (lambda m: m.LSTM(4, 5, 2, batch_first=True, proj_size=3), [(2, 3, 4)]),
    "GRU": (lambda m: m.GRU(4, 5), [(3, 2, 4)]),
    "LSTMCell": (lambda m: m.LSTMCell(4, 5), [(2, 4)]),
    "MultiheadAttention": (lambda m: m.MultiheadAttention(8, 2), [(3, 2, 8), (3, 2, 8), (3, 2, 8)]),
    "MultiheadAttention kdim": (lambda m: m.MultiheadAttention(8, 2, kdim=4, vdim=6),
                                [(3, 2, 8), (3, 2, 4), (3, 2, 6)]),
    "TransformerEncoderLayer": (lambda m: m.TransformerEncoderLayer(8, 2, 16), [(3, 2, 8)]),
    "Transformer": (lambda m: m.Transformer(8, 2, 1, 1, 16), [(3, 2, 8), (4, 2, 8)]),
    "Embedding": (lambda m: m.Embedding(7, 4, padding_idx=0), "indices"),
    "EmbeddingBag": (lambda m: m.EmbeddingBag(7, 4, mode="sum"), "indices"),
    "Sequential": (lambda m: m.Sequential(m.Conv2d(3, 4, 3), m.BatchNorm2d(4), m.ReLU(), m.Flatten(), m.Linear(144, 2)),
                   [(2, 3, 8, 8)]),
    "ModuleDict": (lambda m: m.Sequential(m.Linear(4, 4), m.Sequential(m.Linear(4, 2, bias=False))), [(2, 4)]),
}  # fmt: skip


def outputs(model, inputs) -> list[np.ndarray]:
    found = model(*inputs)
    flat = []
    stack = [found]
    while stack:
        x = stack.pop(0)
        if isinstance(x, (tuple, list)):
            stack = [*x, *stack]
        elif x is not None:
            flat.append(np.asarray(x.detach().numpy()))
    return flat


def exchanged(torch, state, folder: Path, to: str, suffix: str):
    """A state_dict written by one library and read by the other."""
    path = folder / f"x.{suffix}"
    if to == "here":
        if suffix == "safetensors":
            from safetensors.torch import save_file

            save_file({k: v.contiguous() for k, v in state.items()}, path)
        else:
            torch.save(state, path, _use_new_zipfile_serialization=suffix != "legacy.pt")
        return cr.load(path)
    cr.save(state, path)
    if suffix == "safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, weights_only=True)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:enable_nested_tensor", "ignore:LSTM with projections")  # torch's own
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("suffix", "to"),
    [("pt", "here"), ("pt", "there"), ("safetensors", "here"), ("safetensors", "there"), ("legacy.pt", "here")],
)
def test_state_dicts_exchange_with_torch(tmp_path, name, suffix, to):
    torch = torch_module()
    build, shapes = MODULES[name]
    cr.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = build(nn).eval(), build(torch.nn).eval()
    rng = np.random.default_rng(0)
    if shapes == "indices":
        arrays = [rng.integers(0, 7, (3, 5))]
    else:
        arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    source, target = (theirs, ours) if to == "here" else (ours, theirs)
    with (torch if to == "here" else cr).no_grad():
        for p in source.parameters():
            p.add_(0.1)
    found = exchanged(torch, source.state_dict(), tmp_path, to, suffix)
    assert set(found) == set(source.state_dict())
    target.load_state_dict(found)
    want = outputs(theirs, [torch.from_numpy(a) for a in arrays])
    got = outputs(ours, [cr.from_numpy(a) for a in arrays])
    assert len(want) == len(got)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "LBFGS"])
@pytest.mark.parametrize("to", ["here", "there"])
def test_optimizer_states_exchange_with_torch(tmp_path, name, to):
    """Three steps by one library, the checkpoint read by the other, three more: as six steps of either."""
    torch = torch_module()
    more = {"SGD": {"momentum": 0.9}, "LBFGS": {"max_iter": 2}}.get(name, {})

    def steps(root, model, made, n) -> None:
        for i in range(n):
            x = root.linspace(-1, 1, 12, dtype=root.float64).reshape(4, 3) * (i + 1)

            def closure(x=x):
                made.zero_grad()
                loss = (model(x) ** 2).mean()
                loss.backward()
                return loss

            made.step(closure)

    def start(root):
        model = root.nn.Linear(3, 2, dtype=root.float64)
        with root.no_grad():
            model.weight.copy_(root.arange(6.0, dtype=root.float64).reshape(2, 3) / 6)
            model.bias.copy_(root.ones(2, dtype=root.float64))
        return model, getattr(root.optim, name)(model.parameters(), lr=0.05, **more)

    first, second = (torch, cr) if to == "here" else (cr, torch)
    model, made = start(first)
    steps(first, model, made, 3)
    checkpoint = {"epoch": 3, "model": model.state_dict(), "optimizer": made.state_dict(), "loss": 0.25}
    if to == "here":
        torch.save(checkpoint, tmp_path / "c.pt")
        found = cr.load(tmp_path / "c.pt")
    else:
        cr.save(checkpoint, tmp_path / "c.pt")
        found = torch.load(tmp_path / "c.pt", weights_only=True)
    assert found["epoch"] == 3 and found["loss"] == 0.25
    again, made_again = start(second)
    again.load_state_dict(found["model"])
    made_again.load_state_dict(found["optimizer"])
    steps(second, again, made_again, 3)
    steps(first, model, made, 3)
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-10)


@pytest.mark.oracle
def test_torch_reads_what_save_writes(tmp_path):
    torch = torch_module()
    base = cr.arange(6.0).reshape(2, 3)
    obj = {
        "dtypes": {name: cr.ones(2, dtype=getattr(cr, name if name != "bool" else "bool")) for name in DTYPES},
        "shared": [base, base.T, base[1], nn.Parameter(cr.ones(2)), cr.ones(2, requires_grad=True)],
        "values": [1, -1, 2**40, 2.5, math.inf, True, None, "text", b"\xff", 1 + 2j, {1}, (1, 2, 3, 4), ()],
        3: OrderedDict(a=[], b={}),
        "names": [cr.float32, cr.Size([2, 3]), cr.device("cpu"), Counter([1])],
    }
    cr.save(obj, tmp_path / "x.pt")
    for mapped in (False, True):
        found = torch.load(tmp_path / "x.pt", weights_only=True, mmap=mapped)
        assert found["values"] == obj["values"] and [type(v) for v in found["values"]] == [
            type(v) for v in obj["values"]
        ]
        for name in DTYPES:
            assert found["dtypes"][name].dtype == getattr(torch, name) and (found["dtypes"][name] == 1).all()
        a, b, c, p, leaf = found["shared"]
        assert a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() == c.untyped_storage().data_ptr()
        assert b.stride() == (1, 3) and c.tolist() == [3, 4, 5]
        assert isinstance(p, torch.nn.Parameter) and p.requires_grad and leaf.requires_grad
        assert found["names"] == [torch.float32, torch.Size([2, 3]), torch.device("cpu"), Counter([1])]
        assert type(found[3]) is OrderedDict


@pytest.mark.oracle
def test_torch_reads_numpy_arrays_where_it_allows_them(tmp_path):
    torch = torch_module()
    arrays = [np.arange(6.0).reshape(2, 3), np.array([True, False]), np.array(["a", "bc"]), np.zeros((0, 2), np.int8)]
    arrays += [np.array(3, ">i4"), np.array([b"xy"]), np.array([1j])]
    cr.save({"arrays": arrays}, tmp_path / "x.pt")
    for found in (torch.load(tmp_path / "x.pt", weights_only=False), cr.load(tmp_path / "x.pt")):
        for a, b in zip(found["arrays"], arrays, strict=True):
            assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=")  # NumPy may change the order of bytes
            assert a.shape == b.shape and (a == b).all()


@pytest.mark.oracle
def test_load_reads_what_torch_writes(tmp_path):
    torch = torch_module()
    base = torch.arange(6.0).reshape(2, 3)
    state = torch.nn.BatchNorm1d(2).state_dict()
    obj = {
        "dtypes": {name: torch.ones(2, dtype=getattr(torch, name)) for name in [*DTYPES, "bfloat16"]},
        "shared": [base, base.T, base[1], torch.nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True)],
        "conj": torch.tensor([1 + 2j]).conj(),
        "values": [
            1,
            2.5,
            "text",
            b"\xff",
            1 + 2j,
            {1},
            frozenset({2}),
            (1,),
            np.float64(2.5),
            np.arange(3),
            bytearray(b"a"),
        ],
        "names": [torch.float32, torch.Size([2, 3]), torch.device("cuda:0")],
        "state": state,
    }
    torch.save(obj, tmp_path / "x.pt")
    found = cr.load(tmp_path / "x.pt")
    for name, t in found["dtypes"].items():
        assert t.dtype == getattr(cr, name) and t.tolist() == [1, 1]
    a, b, c, p, leaf = found["shared"]
    a[1, 0] = 9.0
    assert b[0, 1].item() == c[0].item() == 9.0
    assert isinstance(p, nn.Parameter) and leaf.requires_grad
    assert found["conj"].tolist() == [1 - 2j]
    for x, y in zip(found["values"], obj["values"], strict=True):
        assert type(x) is type(y) and np.array_equal(x, y) if isinstance(y, np.ndarray) else x == y
    assert found["names"] == [cr.float32, cr.Size([2, 3]), cr.device("cpu")]
    assert found["state"]._metadata == state._metadata  # torch's versions of modules are kept
    cr.save(found["state"], tmp_path / "y.pt")


@pytest.mark.oracle
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_load_reads_every_protocol_of_pickle(tmp_path, protocol, zipped):
    torch = torch_module()
    state = {"w": torch.arange(4.0), "n": [1, -5, 2**40, 2.5, "text", (1, 2, 3, 4), {3}], "b": torch.ones(1).bool()}
    torch.save(state, tmp_path / "x.pt", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = cr.load(tmp_path / "x.pt")
    assert found["w"].tolist() == [0, 1, 2, 3] and found["n"] == state["n"] and found["b"].tolist() == [True]
    data = (tmp_path / "x.pt").read_bytes()
    for n in range(0, len(data) - 1, 13):
        (tmp_path / "x.pt").write_bytes(data[:n])
        with pytest.raises(SerializationError):
            cr.load(tmp_path / "x.pt")


@pytest.mark.oracle
def test_whole_torch_modules_are_refused_by_name(tmp_path):
    torch = torch_module()
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pt")
    with pytest.raises(SerializationError, match="torch.nn.modules.linear.Linear, which is not plain data"):
        cr.load(tmp_path / "x.pt")
    torch.save({"s": torch.ones(2, 2).to_sparse()}, tmp_path / "y.pt")
    with pytest.raises(SerializationError, match="_rebuild_sparse_tensor"):
        cr.load(tmp_path / "y.pt")
