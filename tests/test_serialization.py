"""save and load: exact round trips, and what is not plain data."""

from __future__ import annotations

import io
import math
import os
import sys
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saving import DTYPES, SUFFIXES, same

import chainrule as cr
from chainrule import nn, optim
from chainrule.core.value import wrap
from chainrule.utils.serialization import SerializationError


def round_trip(obj, path):
    cr.save(obj, path)
    return cr.load(path)


# ---- round trips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_of_every_dtype_and_shape(tmp_path, suffix, name, shape):
    rng = np.random.default_rng(0)
    data = (rng.standard_normal(shape) * 3 + 1j * (name.startswith("complex"))).astype(complex)
    d = np.dtype(name)
    t = cr.from_numpy(np.asarray(data if d.kind == "c" else np.abs(data.real), dtype=d).copy())
    same({"t": t}, round_trip({"t": t}, tmp_path / f"x.{suffix}"))
    same(t, round_trip(t, tmp_path / f"y.{suffix}"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bfloat16(tmp_path, suffix):
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    t = cr.randn(5, 3).to(cr.bfloat16)
    same([t, t[0, 0], t[:0]], round_trip([t, t[0, 0], t[:0]], tmp_path / f"x.{suffix}"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nested_plain_data(tmp_path, suffix):
    obj = {
        "model": OrderedDict(
            a=cr.ones(2), b=nn.Parameter(cr.zeros(2)), c=nn.Parameter(cr.ones(1), requires_grad=False)
        ),
        "leaf": cr.ones(2, requires_grad=True),
        1: (1, (2.5, [None, True, False]), ()),
        (1, "a"): [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1e308],
        None: {True: 1},
        2.5: [2**31, -(2**31), 2**63, -(2**70), 255, 256, 3 + 1j, complex(math.inf, -0.0)],
        "text": ["", "\u00e9\u4e2d\U0001f600", 'quote " \\ \n \0', b"\x00\xff", bytearray(b"ab")],
        "sets": [{1, 2}, frozenset({"x"}), Counter({2: 3, 1: 1})],
        "torch": [cr.float16, cr.Size([1, 2]), cr.device("cpu")],
        "array": [np.arange(6.0).reshape(2, 3), np.array([True]), np.zeros((0, 2), np.int8), np.array(3)],
        "empty": [[], {}, OrderedDict(), set()],
    }
    same(obj, round_trip(obj, tmp_path / f"x.{suffix}"))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(obj=PLAIN)
@settings(max_examples=60, deadline=None, database=None)
def test_any_plain_data(tmp_path_factory, suffix, obj):
    path = tmp_path_factory.getbasetemp() / f"plain.{suffix}"

    def norm(x):  # -0.0 and nan within complex numbers, compared by their text
        return repr(x)

    assert norm(round_trip(obj, path)) == norm(obj)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_layouts_keep_their_values(tmp_path, suffix):
    base = np.arange(24.0).reshape(4, 6)
    for a in (base.T, base[::-1], base[:, ::2], base[1:, 2], np.broadcast_to(base[0], (3, 6)), base.astype(">f8")):
        found = round_trip(
            {"a": cr.Tensor.detach(cr.from_numpy(np.array(base)))} | {"b": wrap(a)}, tmp_path / f"x.{suffix}"
        )
        assert found["b"].tolist() == a.tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_shared_memory_stays_shared(tmp_path, suffix):
    base = cr.arange(12.0).reshape(3, 4)
    obj = {"whole": base, "row": base[1], "turned": base.T, "again": base, "other": cr.arange(12.0).reshape(3, 4)}
    found = round_trip(obj, tmp_path / f"x.{suffix}")
    same(obj, found)
    found["row"][0] = 100.0
    assert found["whole"][1, 0].item() == found["turned"][0, 1].item() == 100.0
    assert found["again"] is found["whole"]
    assert found["other"][1, 0].item() == 4.0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_small_part_of_a_large_tensor_makes_a_small_file(tmp_path, suffix):
    cr.save({"row": cr.zeros(1000, 1000)[3], "column": cr.zeros(1000, 1000)[:, 3]}, tmp_path / f"x.{suffix}")
    assert (tmp_path / f"x.{suffix}").stat().st_size < 20_000


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["Adam", "SGD", "Adagrad", "RMSprop", "Rprop", "NAdam", "LBFGS", "Adafactor"])
def test_optimizer_states(tmp_path, suffix, name):
    model = nn.Linear(3, 2)
    more = {"momentum": 0.9} if name == "SGD" else {}
    made = getattr(optim, name)(model.parameters(), **more)

    def closure():
        made.zero_grad()
        loss = (model(cr.ones(4, 3)) ** 2).sum()
        loss.backward()
        return loss

    made.step(closure)
    state = made.state_dict()
    found = round_trip({"optimizer": state, "epoch": 3}, tmp_path / f"x.{suffix}")
    same({"optimizer": state, "epoch": 3}, found)
    getattr(optim, name)(model.parameters(), **more).load_state_dict(found["optimizer"])


def test_equal_objects_make_equal_files(tmp_path):
    for i in "ab":
        cr.save({"w": cr.ones(3), "n": [1, 2]}, tmp_path / f"{i}.pt")
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_file_objects_and_places(tmp_path):
    file = io.BytesIO()
    cr.save({"w": cr.ones(3)}, file)
    for place in (None, "cpu", cr.device("cpu"), lambda storage, location: storage, {"cuda:0": "cpu"}):
        file.seek(0)
        assert cr.load(file, place, weights_only=True)["w"].tolist() == [1, 1, 1]
    file.seek(0)
    with pytest.raises(RuntimeError, match="cuda"):
        cr.load(file, map_location="cuda")
    (tmp_path / "a").mkdir()
    cr.save(cr.ones(2), str(tmp_path / "a" / "b" / "new.pth"))  # folders are made
    with open(tmp_path / "a" / "b" / "new.pth", "rb") as opened:
        assert cr.load(opened).tolist() == [1, 1]
    with pytest.raises(FileNotFoundError):
        cr.load(tmp_path / "nowhere.pt")
    for bad in (3, None):
        with pytest.raises(TypeError, match="takes a path or a file object"):
            cr.load(bad)
        with pytest.raises(TypeError, match="takes a path or a file object"):
            cr.save({}, bad)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_save_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"x.{suffix}"
    cr.save({"n": 1}, path)
    with pytest.raises(SerializationError):
        cr.save({"n": object()}, path)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        cr.save({"n": 2}, path)
    monkeypatch.undo()
    assert cr.load(path) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


# ---- what is not plain data ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_objects_are_refused_with_what_to_write_instead(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    with pytest.raises(SerializationError, match=r"\['model'\] is a chainrule.nn.*Linear.*write .state_dict"):
        cr.save({"model": nn.Linear(2, 2)}, path)
    with pytest.raises(SerializationError, match="Functions and classes are code"):
        cr.save({"f": len}, path)
    with pytest.raises(SerializationError, match="contains itself"):
        loop: list = []
        loop.append(loop)
        cr.save(loop, path)
    with pytest.raises(SerializationError, match="nested more than"):
        deep: list = []
        for _ in range(5000):
            deep = [deep]
        cr.save(deep, path)

    class Odd(dict):
        pass

    with pytest.raises(SerializationError, match=r"write dict\(...\) around it"):
        cr.save({"d": Odd()}, path)
    assert not path.exists()


def test_whole_modules_only_with_allow_pickle(tmp_path):
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    path = tmp_path / "model.pt"
    cr.save(model, path, allow_pickle=True)
    with pytest.raises(SerializationError, match="allow_pickle=True; if it is yours, save model.state_dict"):
        cr.load(path)
    with pytest.raises(SerializationError):
        cr.load(path, weights_only=False)
    again = cr.load(path, allow_pickle=True)
    same(dict(model.state_dict()), dict(again.state_dict()))
    with pytest.raises(SerializationError, match="use a path that ends in .pt"):
        cr.save(model, tmp_path / "model.safetensors", allow_pickle=True)
    with pytest.raises(ValueError, match="contradict"):
        cr.load(path, weights_only=True, allow_pickle=True)


def test_a_missing_package_is_named_with_what_to_install(tmp_path, monkeypatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"safetensors, which is not installed: pip install 'chainrule\[learn\]'"):
        cr.save({"w": cr.ones(1)}, tmp_path / "x.safetensors")
    cr.save({"w": cr.ones(1)}, tmp_path / "x.pt")  # needs no package
    assert cr.load(tmp_path / "x.pt")["w"].item() == 1
