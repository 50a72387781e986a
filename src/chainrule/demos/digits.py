"""Handwritten digits: a small convolutional network, trained on real pictures, and a report of how well it reads."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from .. import nn, optim
from ..core.value import Tensor, wrap
from ..nn import functional as F  # noqa: N812
from ..ops.generators import manual_seed
from ..ops.joining import stack
from ..ops.random import rand
from ..tensor.modes import no_grad
from ..train import fit
from ..utils.data import DataLoader, TensorDataset
from ..utils.packages import need
from .curves import counts_table, over_epochs, picture_grid
from .gradients import check_gradients
from .images import Pictures, load_pictures
from .report import Report
from .telling import Teller, next_command

EPOCHS = 30  # for the digits of scikit-learn; larger sets of pictures take fewer, see `epochs_for`


class Wobble(nn.Module):
    """While training, each picture turned, shifted and scaled a little, by chance; otherwise the pictures as they are.

    degrees: largest turn. shift: largest shift, in pixels. scale: largest change of size, as a share.
    """

    def __init__(self, degrees: float = 10.0, shift: float = 1.0, scale: float = 0.1) -> None:
        super().__init__()
        self.degrees, self.shift, self.scale = degrees, shift, scale

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        n, _, height, width = x.shape
        turn, size = np.radians(self.degrees) * _around(n), 1 + self.scale * _around(n)
        across, down = 2 * self.shift / width * _around(n), 2 * self.shift / height * _around(n)
        rows = [size * turn.cos(), -size * turn.sin(), across, size * turn.sin(), size * turn.cos(), down]
        grid = F.affine_grid(stack(rows, 1).reshape(n, 2, 3), x.shape, align_corners=False)
        return F.grid_sample(x, grid, align_corners=False)


def _around(n: int) -> Tensor:
    return 2 * rand(n) - 1


def network(height: int, width: int, classes: int) -> nn.Sequential:
    """Two convolutions with batch normalisation, then two linear layers: (n, 1, height, width) -> (n, classes).

    >>> tuple(network(8, 8, 10)(rand(2, 1, 8, 8)).shape)
    (2, 10)
    """
    first_pool = 2 if min(height, width) >= 16 else 1  # large pictures are halved once more
    left = (height // first_pool // 2) * (width // first_pool // 2)
    return nn.Sequential(
        Wobble(),
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(first_pool)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * left, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, classes)),
    )


def accuracy(output: Tensor, target: Tensor) -> float:
    """Share of rows whose largest entry is at the target's place."""
    return float((output.argmax(1) == target).float().mean())


def epochs_for(pictures: int) -> int:
    """Epochs that bring a good result without waiting: 30 for the small set, fewer for more pictures, at least 3."""
    return max(3, min(EPOCHS, 45_000 // pictures))


def run(
    out: str | Path,
    data: str | Path | None = None,
    *,
    epochs: int | None = None,
    quick: bool = False,
    limit: int | None = None,
    seed: int = 0,
    tell: Teller | None = None,
) -> dict[str, Any]:
    """Check gradients, train, test on held-out pictures, and write the report into the folder `out`.

    The held-out fifth never changes and is looked at once, after training; nothing is chosen by it. A tenth of the rest
    is kept aside to draw the validation curves. `seed` decides the weights and the order of the pictures.

    Args:
        data: see `load_pictures`. quick: 300 pictures and 3 epochs, to see that everything works.

    Returns what metrics.json holds.
    """
    tell = tell or Teller()
    started = perf_counter()
    pictures = load_pictures(data, limit or (300 if quick else None))
    split = need("sklearn.model_selection", "the split").train_test_split
    count = len(pictures.train)
    kept = max(1, round(0.1 * count))
    learn, watch = split(np.arange(count), test_size=kept, random_state=seed)
    epochs = epochs or (3 if quick else epochs_for(count))
    tell("data", pictures.source)
    tell("", f"{len(learn):,} to learn from, {len(watch):,} to watch, {len(pictures.test):,} held out")

    manual_seed(seed)
    model = network(*pictures.train.shape[2:], len(pictures.names))
    loss = nn.CrossEntropyLoss()
    size = sum(p.numel() for p in model.parameters())
    tell("network", f"two convolutions and two linear layers, {size:,} parameters")
    checked = check_gradients(model, loss, wrap(pictures.train[:4]), wrap(pictures.train_labels[:4]))
    tell("gradients", f"{checked['entries']} of them, in all {checked['tensors']} parameter tensors, agree with")
    tell("", "central differences (float64)")

    batches = _loader(pictures.train[learn], pictures.train_labels[learn], shuffle=True)
    seen = _loader(pictures.train[watch], pictures.train_labels[watch])
    optimizer = optim.AdamW(model.parameters(), 4e-3, weight_decay=1e-2)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    tell("training", f"{epochs} epochs")
    began = perf_counter()
    history = fit(
        *(model, batches, loss, optimizer),
        epochs=epochs,
        validation=seen,
        metrics={"accuracy": accuracy},
        scheduler=scheduler,
        progress=tell.progress,
    )
    trained = perf_counter() - began
    if not history.rows:  # stopped before the first epoch was done
        raise KeyboardInterrupt

    chances = predict(model, pictures.test)
    said = chances.argmax(1)
    right = int((said == pictures.test_labels).sum())
    result = {
        "demo": "digits",
        "data": pictures.source,
        "accuracy": right / len(said),
        "right": right,
        "held_out": len(said),
        "epochs": len(history.rows),
        "parameters": size,
        "gradients_checked": checked["entries"],
        "seed": seed,
        "seconds_training": round(trained, 2),
        "seconds": round(perf_counter() - started, 2),
        "history": history.rows,
    }
    page = write_report(out, model, pictures, chances, result)
    result["report"] = str(page)
    tell("accuracy", f"{result['accuracy']:.2%} of the held-out pictures: {right} of {len(said)} right")
    tell("time", f"{trained:.1f} s of training, {perf_counter() - started:.1f} s in all")
    tell("report", str(page))
    tell("next", f"{next_command()} demo text")
    return result


def _loader(images: np.ndarray, labels: np.ndarray, shuffle: bool = False) -> DataLoader:
    return DataLoader(TensorDataset(wrap(images), wrap(labels)), batch_size=64, shuffle=shuffle)


def predict(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Probabilities of the classes, (n, classes), in evaluation mode."""
    model.eval()
    with no_grad():
        parts = (wrap(images[i : i + 256]) for i in range(0, len(images), 256))
        return np.concatenate([F.softmax(model(part), 1).numpy() for part in parts])


def write_report(
    out: str | Path, model: nn.Module, pictures: Pictures, chances: np.ndarray, result: dict[str, Any]
) -> Path:
    """Curves, confusion matrix, misread pictures and first weights as a report folder; returns the page's path."""
    names, labels, said = pictures.names, pictures.test_labels, chances.argmax(1)
    report = Report(out, "Handwritten digits, read by a small network", pictures.source)
    wrong = np.flatnonzero(said != labels)
    report.facts(
        {
            "held-out accuracy": f"{result['accuracy']:.2%}",
            "right": f"{result['right']} of {result['held_out']}",
            "epochs": result["epochs"],
            "training": f"{result['seconds_training']:.1f} s",
            "parameters": f"{result['parameters']:,}",
            "gradients checked": result["gradients_checked"],
        }
    )
    report.text(
        "The held-out pictures were not used for training, nor to choose when to stop: they were read once, at the "
        "end. Before training, gradients of every parameter tensor were compared with central differences."
    )
    rows = result["history"]
    report.heading("How it learned")
    report.figure(
        "curves",
        over_epochs(
            rows,
            {
                "loss": {"loss": "training", "val_loss": "validation"},
                "accuracy": {"accuracy": "training", "val_accuracy": "validation"},
            },
        ),
        alt=f"Loss and accuracy over {len(rows)} epochs; the last training loss is {rows[-1]['loss']:.3f}.",
        caption="Training pictures are turned and shifted by chance and pass dropout, so they are harder than the "
        "validation pictures.",
    )
    report.table(rows, fold="All epochs as a table")
    report.heading("What it mixes up")
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (labels, said), 1)
    report.figure(
        "confusion",
        counts_table(counts, names),
        alt=f"Confusion matrix: {result['right']} of {len(labels)} on the diagonal. " + _pairs(counts, names),
        caption="Each row is a class as it is, each column what the network said.",
        size=(5.5, 5.2),
    )
    report.heading("The misread pictures" if len(wrong) else "No picture was misread; the least certain ones")
    order = np.argsort(chances[np.arange(len(labels)), labels])  # the worst first
    show = order[np.isin(order, wrong)][:24] if len(wrong) else order[:4]
    titles = [f"{names[labels[i]]}, said {names[said[i]]} ({chances[i, said[i]]:.0%})" for i in show]
    report.figure(
        "misclassified",
        picture_grid([pictures.test[i, 0] for i in show], titles, 4),
        alt="Held-out pictures with what they are and what the network said: " + "; ".join(titles),
        caption="What it is, what the network said, and how sure it was."
        + (f" The first 24 of {len(wrong)}." if len(wrong) > 24 else ""),
        size=(6, 1.7 * -(-len(show) // 4)),
    )
    report.heading("What the first layer looks for")
    kernels = next(m for m in model.modules() if isinstance(m, nn.Conv2d)).weight.detach().numpy()[:, 0]
    limit = float(np.abs(kernels).max())
    report.figure(
        "weights",
        picture_grid(list(kernels), [""] * len(kernels), 8, cmap="RdBu_r", vmin=-limit, vmax=limit),
        alt=f"The {len(kernels)} kernels of the first convolution, 3 x 3 weights each, red above zero and blue below.",
        caption="The kernels of the first convolution: red weights are above zero, blue ones below.",
        size=(6, 0.85 * -(-len(kernels) // 8)),
    )
    return report.write(result)


def _pairs(counts: np.ndarray, names: list[str]) -> str:
    mixed = [(int(n), i, j) for (i, j), n in np.ndenumerate(counts) if i != j and n]
    return "; ".join(f"{names[i]} taken for {names[j]} {n} times" for n, i, j in sorted(mixed, reverse=True)[:6])
