"""load: files that are damaged, or made to harm, give one clear error, at once."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saving import SUFFIXES, same

import chainrule as cr
from chainrule.utils.serialization import SerializationError

# ---- hostile and damaged files ---------------------------------------------------------------------------------------


def archive(path: Path, pickled: bytes, more: dict | None = None, compress: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compress) as z:
        for name, data in {"archive/data.pkl": pickled, "archive/version": b"3\n", **(more or {})}.items():
            z.writestr(name, data)
    return path


class Evil:
    def __init__(self, function, *args) -> None:
        self.made = function, args

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_no_code_is_run_from_a_file(tmp_path, protocol):
    mark = tmp_path / "ran"
    for evil in (
        Evil(os.system, f"touch {mark}"),
        Evil(eval, f"open({str(mark)!r}, 'w')"),
        Evil(getattr, "text", "upper"),
    ):
        pickled = pickle.dumps({"w": evil}, protocol)
        for path in (archive(tmp_path / "x.pt", pickled), tmp_path / "y.pt"):
            if path.name == "y.pt":
                path.write_bytes(pickled)
            with pytest.raises(SerializationError):
                cr.load(path)
    assert not mark.exists()


def test_the_refused_name_is_said(tmp_path):
    pickled = pickle.dumps({"w": Evil(os.system, "true")}, 2)
    with pytest.raises(SerializationError, match=r"x.pt: the file names posix.system, which is not plain data"):
        cr.load(archive(tmp_path / "x.pt", pickled))


OPS = {
    "no end": b"\x80\x02}",
    "empty": b"",
    "empty stack": b"\x80\x02.",
    "pop of nothing": b"\x80\x02000.",
    "mark only": b"\x80\x02(.",
    "no mark": b"\x80\x02t.",
    "unknown memo": b"\x80\x02h\x05.",
    "unknown op": b"\x80\x02\xff.",
    "cut string": b"\x80\x02X\xff\xff\xff\x7fab.",
    "long string": b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fab.",
    "long int": b"\x80\x02\x8b\xff\xff\xff\x7fab.",
    "bytes": b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "dict of one": b"\x80\x02}(K\x01u.",
    "list key": b"\x80\x02}]K\x01s.",
    "append to dict": b"\x80\x02}K\x01a.",
    "set to list": b"\x80\x02]K\x01K\x02s.",
    "reduce a number": b"\x80\x02K\x01)R.",
    "build a number": b"\x80\x02K\x01}b.",
    "reduce without tuple": b"\x80\x02ccollections\nOrderedDict\nK\x01R.",
    "a name": b"\x80\x02ccollections\nOrderedDict\n.",
    "a name within": b"\x80\x02]ctorch\nFloatStorage\na.",
    "mark within": b"\x80\x02(]1.",
    "class attribute": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "number of zeros": b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    "self": b"\x80\x02]q\x00h\x00a.",
    "self by dict": b"\x80\x02}q\x00K\x01h\x00s.",
    "persistent": b"\x80\x02K\x01Q.",
    "text persistent": b"P1\n.",
    "extension": b"\x80\x02\x82\x01.",
    "buffer": b"\x80\x05\x97.",
    "huge text int": b"I" + b"9" * 10000 + b"\n.",
    "dtype": b"\x80\x02cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R.",
    "record dtype": b"\x80\x02cnumpy\ndtype\nX\x0a\x00\x00\x00f8,f8,(9)f\x85R.",
}


@pytest.mark.parametrize("name", OPS)
def test_malformed_pickles(tmp_path, name):
    with pytest.raises(SerializationError):
        cr.load(archive(tmp_path / "x.pt", OPS[name]))


def limited(function) -> None:
    """Ends, by an error and within 50 MB, whatever the file claims; pytest's own limit of time is the other bound."""
    tracemalloc.start()
    try:
        with pytest.raises(SerializationError):
            function()
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def doubling(n: int, opener: bytes) -> bytes:
    """A pickle of n levels, each holding the level before twice."""
    parts = [b"\x80\x02", opener, b"q\x00"]
    for i in range(n):
        get = b"h" + bytes([i])
        parts.append(b"(" + get + get + (b"t" if opener == b")" else b"l") + b"q" + bytes([i + 1]))
    return b"".join([*parts, b"."])


def test_pickles_that_unfold_without_end(tmp_path):
    limited(lambda: cr.load(archive(tmp_path / "a.pt", doubling(100, b")"))))
    limited(lambda: cr.load(archive(tmp_path / "b.pt", doubling(100, b"]"))))
    key = doubling(60, b")")[:-1] + b"q\x64}h\x64K\x01s."  # as a key, it would be hashed
    limited(lambda: cr.load(archive(tmp_path / "c.pt", key)))
    limited(lambda: cr.load(archive(tmp_path / "d.pt", b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".")))
    copies = b"\x80\x02X\x40\x42\x0f\x00" + b"a" * 1_000_000 + b"q\x00X\x06\x00\x00\x00latin1q\x010"
    copies += b"(c_codecs\nencode\nq\x020" + b"h\x02h\x00h\x01\x86R" * 5000 + b"l."
    limited(lambda: cr.load(archive(tmp_path / "e.pt", copies)))


def tensor_pickle(size, stride, offset=0, numel=4, kind="FloatStorage", metadata=b"") -> bytes:
    def number(n):
        data = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(data)]) + data

    def numbers(values):
        return b"(" + b"".join(number(n) for n in values) + b"t"

    out = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n" + kind.encode()
    out += b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number(numel) + b"tQ" + number(offset) + numbers(size)
    return out + numbers(stride) + b"\x89ccollections\nOrderedDict\n)R" + metadata + b"tR."


@pytest.mark.parametrize(
    "change",
    [
        {"size": (5,)},
        {"offset": 1},
        {"offset": -1},
        {"offset": 2**70},
        {"stride": (2,)},
        {"stride": (-1,)},
        {"stride": (2**62,)},
        {"size": (-4,)},
        {"size": (2**62, 2**62), "stride": (0, 0)},
        {"size": (2, 2), "stride": (1,)},
        {"size": (1,) * 100, "stride": (1,) * 100},
        {"numel": 2**40},
        {"numel": -1},
        {"kind": "DoubleStorage"},
        {"kind": "QInt8Storage"},
        {"size": (2**40,), "stride": (0,), "metadata": b"}X\x04\x00\x00\x00conj\x88s"},
    ],
    ids=str,
)
def test_tensors_that_do_not_fit_their_storage(tmp_path, change):
    given = {"size": (4,), "stride": (1,), **change}
    path = archive(tmp_path / "x.pt", tensor_pickle(**given), {"archive/data/0": bytes(16)})
    limited(lambda: cr.load(path))


def test_the_tensor_that_fits_loads(tmp_path):
    path = archive(
        tmp_path / "x.pt", tensor_pickle((2, 2), (1, 2)), {"archive/data/0": np.arange(4, dtype="f4").tobytes()}
    )
    assert cr.load(path).tolist() == [[0, 2], [1, 3]]
    path = archive(
        tmp_path / "y.pt", tensor_pickle((2,), (1,), numel=4, kind="BoolStorage"), {"archive/data/0": b"\x02\0\0\0"}
    )
    assert cr.load(path).tolist() == [True, False]
    with pytest.raises(SerializationError, match="lacks the entry 'data/0'"):
        cr.load(archive(tmp_path / "z.pt", tensor_pickle((4,), (1,))))


def test_archives_that_are_bombs_or_point_elsewhere(tmp_path):
    good = b"\x80\x02N."
    bomb = archive(tmp_path / "a.pt", good, {"archive/data/0": bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(SerializationError, match="compressed"):
        cr.load(bomb)
    for name in ("../evil", "/etc/passwd", "archive/../../x"):
        with pytest.raises(SerializationError, match="points outside"):
            cr.load(archive(tmp_path / "b.pt", good, {name: b""}))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "c.pt", "w") as z:
        for _ in range(2):
            z.writestr("archive/data.pkl", good)
    with pytest.raises(SerializationError, match="two entries"):
        cr.load(tmp_path / "c.pt")
    with zipfile.ZipFile(tmp_path / "d.pt", "w") as z:
        z.writestr("word/document.xml", b"")
    with pytest.raises(SerializationError, match="holds no data.pkl"):
        cr.load(tmp_path / "d.pt")


def header(content, body: bytes = b"", length: int | None = None) -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(data) if length is None else length) + data + body


F4 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        b"\x00" * 8,
        header({}, length=2**63),
        header({}, length=99_999_999),
        header(b"[" * 100_000),
        header(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        header(b"{}x"),
        header(b"[]"),
        header(b"\xff\xfe"),
        header({"a": F4}, b"123"),
        header({"a": F4}, b"12345"),
        header({"a": {**F4, "shape": [2]}}, b"1234"),
        header({"a": {**F4, "shape": [-1]}}, b"1234"),
        header({"a": {**F4, "shape": [2**62, 2**62]}}, b"1234"),
        header({"a": {**F4, "data_offsets": [4, 0]}}, b"1234"),
        header({"a": {**F4, "data_offsets": [0, 2**60]}}, b"1234"),
        header({"a": {**F4, "dtype": "F7"}}, b"1234"),
        header({"a": F4, "b": F4}, b"1234"),
        header({"a": 3}, b""),
        header({"__metadata__": 3}, b""),
        header({"__metadata__": {"a": 3}}, b""),
        header(b'{"a":' + json.dumps(F4).encode() + b',"a":' + json.dumps(F4).encode() + b"}", b"1234"),
        header({"__metadata__": {"chainrule": "{}"}}),
        header({"__metadata__": {"chainrule": "{}", "chainrule.sha256": ""}}),
    ],
)
def test_malformed_safetensors(tmp_path, data):
    (tmp_path / "x.safetensors").write_bytes(data)
    limited(lambda: cr.load(tmp_path / "x.safetensors"))


def described(tree, layout=None, version=1) -> bytes:
    """A file with a right checksum and any description, as someone who means harm would write it."""
    from chainrule.utils.serialization.safetensors_file import _checksum

    text = tree if isinstance(tree, str) else json.dumps({"version": version, "tree": tree, "layout": layout or {}})
    body = np.zeros(2, np.float32)
    sums = _checksum(text, {"a": ("float32", (2,), body.view(np.uint8))})
    return header(
        {
            "__metadata__": {"chainrule": text, "chainrule.sha256": sums},
            "a": {**F4, "shape": [2], "data_offsets": [0, 8]},
        },
        body.tobytes(),
    )


@pytest.mark.parametrize(
    ("tree", "layout"),
    [
        ({"tensor": "b"}, {}),
        ({"tensor": ["a"]}, {}),
        ({"ndarray": 3}, {}),
        ({"code": "print(1)"}, {}),
        ({"dict": 3}, {}),
        ({"dict": [3]}, {}),
        ({"dict": [[[1], 2]]}, {}),
        ({"dict": [["a", 1], ["a", 2]]}, {}),
        ({"set": [[1]]}, {}),
        ({"size": ["x"]}, {}),
        ({"complex": [[], 1]}, {}),
        ({"complex": [{"tensor": "a"}, 1]}, {}),
        ({"bytes": "?"}, {}),
        ({"bytearray": 3}, {}),
        ({"float": "1"}, {}),
        ({"dtype": "object"}, {}),
        ({}, {}),
        ({"tensor": "a"}, {"a": {"storage": 0, "offset": 2**40, "strides": [1]}}),
        ({"tensor": "a"}, {"a": {"storage": 0, "offset": 0, "strides": [2**40]}}),
        ({"tensor": "a"}, {"a": {"storage": 0, "offset": -1, "strides": [1]}}),
        ({"tensor": "a"}, {"a": {"storage": 0, "offset": 0, "strides": [1, 1]}}),
        ({"tensor": "a"}, {"a": {"storage": "x", "offset": 0, "strides": [1]}}),
        ({"tensor": "a"}, {"a": {"dtype": "int8"}}),
        ({"tensor": "a"}, {"a": 3}),
        ({"tensor": "a"}, {"b": {"storage": 0, "offset": 0, "strides": [1]}}),
        ("[" * 100_000, None),
        ("3", None),
    ],
    ids=str,
)
def test_malicious_descriptions(tmp_path, tree, layout):
    (tmp_path / "x.safetensors").write_bytes(described(tree, layout))
    limited(lambda: cr.load(tmp_path / "x.safetensors"))


def test_the_description_that_fits_loads(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(described({"tuple": [{"tensor": "a"}, 3]}))
    assert cr.load(tmp_path / "x.safetensors")[1] == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_or_changed_files_never_give_wrong_values(tmp_path, suffix):
    rng = np.random.default_rng(0)
    obj = {"w": cr.arange(50.0), "n": [1, {"b": (2.5, "text")}], "o": OrderedDict(x=cr.ones(3, dtype=cr.int16))}
    path = tmp_path / f"x.{suffix}"
    cr.save(obj, path)
    data = path.read_bytes()
    refused = 0
    for n in range(0, len(data), 7):
        path.write_bytes(data[:n])
        with pytest.raises(SerializationError):
            cr.load(path)
    for i in range(600):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        if i % 3 == 0:
            changed[rng.integers(len(data))] = int(rng.integers(256))
        path.write_bytes(changed)
        try:
            found = cr.load(path)
        except SerializationError as error:
            refused += 1
            assert "cannot load" in str(error)
        else:
            same(obj, found)  # padding, or a part of the zip directory that says nothing
    assert refused > 300


@given(data=st.binary(max_size=60))
@settings(max_examples=300, deadline=None, database=None)
def test_random_pickles_give_plain_data_or_the_error(data):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("archive/data.pkl", b"\x80\x02" + data + b".")
    file.seek(0)
    try:
        cr.load(file)
    except SerializationError:
        pass


def test_changed_pickles_give_plain_data_or_the_error():
    """Without the archive's own checksums, as someone who means harm would write it."""
    rng = np.random.default_rng(0)
    file = io.BytesIO()
    cr.save({"m": OrderedDict(a=cr.ones(2, 3), u=cr.ones(2, dtype=cr.uint16)), "l": [1, (2, 3, 4, 5), {6}]}, file)
    with zipfile.ZipFile(file) as z:
        entries = {name: z.read(name) for name in z.namelist()}
    pickled = entries.pop("archive/data.pkl")
    for _ in range(500):
        data = bytearray(pickled)
        at, other = rng.integers(2, len(data), 2)
        kind = rng.integers(3)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            del data[at : at + 4]
        else:
            data[at:at] = data[other : other + 9]
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as z:
            for name, content in {"archive/data.pkl": bytes(data), **entries}.items():
                z.writestr(name, content)
        made.seek(0)
        try:
            cr.load(made)
        except SerializationError:
            pass
