"""A character-level transformer learns to write like Python's standard library."""

from __future__ import annotations

import math
import sysconfig
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import nn, optim
from ..core.errors import ArgumentError
from ..core.value import Tensor, wrap
from ..nn import functional as F  # noqa: N812
from ..ops.generators import manual_seed
from ..ops.random import randn
from ..tensor.modes import no_grad
from ..train import fit
from ..utils.data import DataLoader, TensorDataset
from .curves import over_epochs
from .gradients import check_gradients
from .report import Report
from .telling import Teller, next_command

LETTERS = "\n" + "".join(map(chr, range(32, 127)))  # every other character of a file is left out
MODULES = (  # fixed, so that a run learns the same on every day; the last fifth of the text is held out
    *("argparse", "textwrap", "fractions", "statistics", "dataclasses", "functools", "heapq", "bisect", "csv"),
    *("random", "tempfile", "shutil", "zipfile", "configparser", "calendar", "difflib", "string", "queue", "ast"),
)
CONTEXT = 48


class Writer(nn.Module):
    """A transformer over letters that sees only what came before: (n, length) -> (n, length, letters)."""

    def __init__(self, width: int = 64, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.letters = nn.Embedding(len(LETTERS), width)
        self.places = nn.Parameter(0.02 * randn(CONTEXT, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, len(LETTERS))

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        h = self.letters(x) + self.places[:n]
        mask = wrap(np.triu(np.ones((n, n), bool), 1))
        return self.out(self.norm(self.blocks(h, mask=mask)))


def loss_of(output: Tensor, target: Tensor) -> Tensor:
    """Mean cross entropy per letter, in nats."""
    return F.cross_entropy(output.reshape(-1, len(LETTERS)), target.reshape(-1))


def library_text() -> str:
    """The source of MODULES as it is in this Python, without characters beyond ASCII."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    known = set(LETTERS)
    files = [f for f in (folder / f"{name}.py" for name in MODULES) if f.is_file()]
    if len(files) < 5:
        raise ArgumentError(f"the standard library's source is not in {folder}: this Python was installed without it")
    return "".join(c for f in files for c in f.read_text(encoding="utf-8") if c in known)


def numbered(text: str) -> np.ndarray:
    """Letters as their places in LETTERS.

    >>> numbered("a b").tolist()
    [66, 1, 67]
    """
    table = {c: i for i, c in enumerate(LETTERS)}
    return np.array([table[c] for c in text], np.int64)


def stretches(codes: np.ndarray, count: int, rng: np.random.Generator) -> TensorDataset:
    """`count` pieces of CONTEXT letters from chance places, each with the letters that follow it one by one."""
    starts = rng.integers(0, len(codes) - CONTEXT - 1, count)
    rows = codes[starts[:, None] + np.arange(CONTEXT + 1)]
    return TensorDataset(wrap(rows[:, :-1].copy()), wrap(rows[:, 1:].copy()))


def write(model: Writer, start: str, length: int, seed: int, temperature: float = 0.7) -> str:
    """`start`, continued by `length` letters drawn one by one from what the model expects."""
    rng = np.random.default_rng(seed)
    codes = numbered(start).tolist()
    model.eval()
    with no_grad():
        for _ in range(length):
            logits = model(wrap(np.array([codes[-CONTEXT:]])))[0, -1].double().numpy() / temperature
            chances = np.exp(logits - logits.max())
            codes.append(int(rng.choice(len(LETTERS), p=chances / chances.sum())))
    return "".join(LETTERS[c] for c in codes)


def simple_bits(learn: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Bits per letter on `test` of two forecasts by counting: of letters, and of letters after each letter."""
    n = len(LETTERS)
    singles = np.bincount(learn, minlength=n) + 1.0
    pairs = np.ones((n, n)) * 0.1
    np.add.at(pairs, (learn[:-1], learn[1:]), 1)
    after = pairs / pairs.sum(1, keepdims=True)
    return {
        "letters counted": float(-np.log2(singles / singles.sum())[test].mean()),
        "pairs counted": float(-np.log2(after[test[:-1], test[1:]]).mean()),
    }


def run(
    out: str | Path, *, epochs: int | None = None, quick: bool = False, seed: int = 0, tell: Teller | None = None
) -> dict[str, Any]:
    """Train, measure bits per letter on the held-out fifth, and print what the model writes before and after.

    Returns what metrics.json holds.
    """
    tell = tell or Teller()
    started = perf_counter()
    text = library_text()
    codes = numbered(text[:60_000] if quick else text)
    cut = int(0.8 * len(codes))
    learn, test = codes[:cut], codes[cut:]
    epochs = epochs or (2 if quick else 12)
    each = 128 if quick else 3_000
    tell("data", f"{len(codes):,} letters of Python's own library; the last fifth is held out")
    manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = Writer(32, 1, 2) if quick else Writer()
    size = sum(p.numel() for p in model.parameters())
    tell("network", f"a transformer that sees {CONTEXT} letters, {size:,} parameters")
    pieces = stretches(learn, 2, rng)
    checked = check_gradients(model, loss_of, pieces.tensors[0], pieces.tensors[1], entries=2)
    tell("gradients", f"{checked['entries']} of them, in all {checked['tensors']} parameter tensors, agree with")
    tell("", "central differences (float64)")
    start, length = "def ", 60 if quick else 240
    before = write(model, start, length, seed)
    optimizer = optim.AdamW(model.parameters(), 3e-3, weight_decay=1e-2)
    tell("training", f"{epochs} epochs of {each:,} pieces")
    history = fit(
        *(model, DataLoader(stretches(learn, each, rng), batch_size=32, shuffle=True), loss_of, optimizer),
        epochs=epochs,
        validation=DataLoader(stretches(learn, 128, rng), batch_size=128),
        scheduler=optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs),
        clip_norm=1.0,
        progress=tell.progress,
    )
    if not history.rows:
        raise KeyboardInterrupt
    model.eval()
    with no_grad():
        inputs, targets = stretches(test, 128 if quick else 1000, np.random.default_rng(0)).tensors
        bits = float(loss_of(model(inputs), targets)) / math.log(2)
    after = write(model, start, length, seed)
    counted = simple_bits(learn, test)
    result = {
        **{"demo": "text", "bits_per_letter": bits, "bits_by_counting": counted, "before": before, "after": after},
        **{"letters": len(codes), "parameters": size, "epochs": len(history.rows)},
        **{"gradients_checked": checked["entries"], "seed": seed, "seconds": round(perf_counter() - started, 2)},
        "history": history.rows,
    }
    page = write_report(out, result)
    result["report"] = str(page)
    tell("before", repr(before[:70]))
    tell("after", "")
    tell("", after.replace("\n", "\n" + " " * 11))
    tell("bits", f"{bits:.2f} per held-out letter; counting pairs of letters {counted['pairs counted']:.2f}")
    tell("time", f"{perf_counter() - started:.1f} s")
    tell("report", str(page))
    tell("next", f"{next_command()} demo series")
    return result


def write_report(out: str | Path, result: dict[str, Any]) -> Path:
    """Samples, bits per letter and curves as a report folder."""
    report = Report(out, "Python, written by a small transformer", "Learnt letter by letter from Python's own library.")
    report.facts({"bits per letter": result["bits_per_letter"], **result["bits_by_counting"]})
    report.text("Bits per letter on held-out modules: the fewer, the better the next letter was foreseen.")
    report.heading("Before training")
    report.code(result["before"])
    report.heading("After training")
    report.code(result["after"])
    report.heading("How it learned")
    report.figure(
        "curves",
        over_epochs(result["history"], {"loss": {"loss": "training", "val_loss": "validation"}}),
        alt=f"Training and validation loss over {result['epochs']} epochs.",
        caption="Loss in nats per letter.",
    )
    report.table(result["history"], fold="All epochs as a table")
    return report.write(result)
