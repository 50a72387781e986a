"""The three demos at small size, their reports, and the readers of pictures."""

from __future__ import annotations

import gzip
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")

from chainrule import nn
from chainrule.cli import main
from chainrule.core.errors import ArgumentError
from chainrule.demos.gradients import check_gradients
from chainrule.demos.images import load_pictures, read_idx


@pytest.mark.parametrize("name", ["digits", "text", "series"])
def test_demo_at_small_size_writes_a_report(tmp_path, capsys, name):
    out = tmp_path / "report"
    assert main(["demo", name, "--quick", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "gradients" in said and "next" in said and str(out / "index.html") in said
    assert json.loads((out / "metrics.json").read_text())["demo"] == name
    page = (out / "index.html").read_text()
    linked = re.findall(r'(?:src|srcset|href)="([^"]+)"', page)
    assert linked and all((out / link).is_file() for link in linked)
    assert len(re.findall(r'<img [^>]*alt="[^"]{20,}"', page)) == page.count("<img")
    assert 'name="viewport"' in page and "prefers-color-scheme: dark" in page


def test_demo_json_is_all_that_is_printed(tmp_path, capsys):
    assert main(["demo", "digits", "--quick", "--epochs", "1", "--json", "--out", str(tmp_path / "r")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["epochs"] == 1 and 0 <= result["accuracy"] <= 1


@pytest.mark.slow
def test_digits_are_read_to_98_percent(tmp_path, capsys):
    assert main(["demo", "digits", "--json", "--out", str(tmp_path / "r")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["accuracy"] >= 0.98 and result["held_out"] == 359


def test_the_same_seed_gives_the_same_network(tmp_path, capsys):
    losses = []
    for run in "ab":
        assert main(["demo", "digits", "--quick", "--json", "--seed", "3", "--out", str(tmp_path / run)]) == 0
        losses.append([row["loss"] for row in json.loads(capsys.readouterr().out)["history"]])
    assert losses[0] == losses[1]


def test_check_gradients_names_the_parameter(monkeypatch):
    import chainrule as cr

    class Wrong(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, x):
            return Wrong.apply(self.inner(x))

    with pytest.raises(ArgumentError, match=r"inner\.weight is wrong"):
        check_gradients(Model(), nn.MSELoss(), cr.randn(3, 2), cr.randn(3, 2).double())


# ---- pictures --------------------------------------------------------------------------------------------------------


def idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def mnist(folder: Path, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (n, 8, 8), np.uint8), (np.arange(n) % 4).astype(np.uint8)
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images))
        (folder / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return images, labels


def test_mnist_files_plain_and_compressed(tmp_path):
    images, labels = mnist(tmp_path)
    found = load_pictures(tmp_path)
    np.testing.assert_array_equal(found.train[:, 0], (images / 255).astype(np.float32))
    np.testing.assert_array_equal(found.test_labels, labels)
    assert found.names == ["0", "1", "2", "3"]


def test_demo_on_own_pictures(tmp_path, capsys):
    mnist(tmp_path)
    out = str(tmp_path / "r")
    assert main(["demo", "digits", "--data", str(tmp_path), "--epochs", "1", "--out", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held_out"] == 40


@pytest.mark.parametrize("parted", [False, True])
def test_a_folder_of_pictures_per_class(tmp_path, parted):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for part in ("train", "test") if parted else ("",):
        for k, name in enumerate(["cat", "dog"]):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(10):
                picture = image.fromarray(np.full((40, 60), 100 * k + i, np.uint8))
                picture.save(tmp_path / part / name / f"{i}.png")
    found = load_pictures(tmp_path)
    assert found.names == ["cat", "dog"] and found.train.shape[2:] == (19, 28)
    assert (found.train[found.train_labels == 1] > 0.3).all() and (found.test[found.test_labels == 0] < 0.1).all()


def test_damaged_or_missing_pictures_are_named(tmp_path):
    with pytest.raises(ArgumentError, match="not there"):
        load_pictures(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="0 class folders"):
        load_pictures(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte"
    file.write_bytes(idx(np.zeros((3, 8, 8), np.uint8))[:-5])
    with pytest.raises(ArgumentError, match="announces 3 x 8 x 8"):
        read_idx(file)
    with pytest.raises(ArgumentError, match="no labels beside it"):
        load_pictures(tmp_path)
    file.write_bytes(b"hello")
    with pytest.raises(ArgumentError, match="not an idx file"):
        read_idx(file)
    (tmp_path / "b").mkdir()
    for name in ("x", "y"):
        (tmp_path / "b" / name).mkdir()
        (tmp_path / "b" / name / "a.png").write_bytes(b"not a picture")
    with pytest.raises(ArgumentError, match="not a picture"):
        load_pictures(tmp_path / "b")
