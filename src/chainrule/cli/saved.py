"""A model folder: weights.safetensors, model.json with all else that is needed, and the report. No pickle."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from .. import nn
from ..core.errors import ChainruleError
from ..core.value import wrap
from ..nn import functional as F  # noqa: N812
from ..tensor.modes import no_grad
from ..utils.serialization import load, save
from .columns import encode
from .common import TableError, UsageError

FORMAT = 1


def network(sizes: list[int]) -> nn.Sequential:
    """Linear layers of these sizes with relu between them, as MLPRegressor and MLPClassifier make them.

    >>> len(network([4, 8, 2]))
    3
    """
    layers: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def check_target_folder(folder: Path, force: bool = False) -> None:
    """Raise UsageError if writing a model into `folder` would hide or replace files of another kind."""
    if folder.is_file():
        raise UsageError(f"--out {folder} is a file; name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "model.json").exists() and not force:
        raise UsageError(f"--out {folder} holds other files; name a new folder")


def write(folder: Path, model: nn.Module, description: dict[str, Any], report: Path) -> None:
    """Write the model beside `folder` first and then put it there, so that it is whole or as it was.

    report: a folder with the report, moved to folder/report.
    """
    fresh = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        save(model.state_dict(), fresh / "weights.safetensors")
        text = json.dumps({"format": FORMAT, **description}, indent=2, ensure_ascii=False)
        (fresh / "model.json").write_text(text + "\n", encoding="utf-8")
        shutil.move(report, fresh / "report")
        if folder.exists():
            old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
            folder.rename(old)
            fresh.rename(folder)
            shutil.rmtree(old)
        else:
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


class SavedModel:
    """A model folder that was read: `description` is model.json, `model` the network with its weights."""

    def __init__(self, path: str) -> None:
        folder = Path(path)
        if not (folder / "model.json").is_file():
            there = "holds no model.json" if folder.is_dir() else "is not a folder"
            raise UsageError(f"{path} {there}: name the folder that `chainrule fit` wrote (such as houses-model)")
        try:
            self.description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
            if self.description["format"] != FORMAT:
                raise TableError(f"{path} was written in format {self.description['format']}; this reads {FORMAT}")
            self.model = network([int(n) for n in self.description["layers"]])
            self.target, self.task = self.description["target"], self.description["task"]
            self.columns = self.description["columns"]
            self.model.load_state_dict(load(folder / "weights.safetensors"))
        except TableError:
            raise
        except (OSError, ValueError, KeyError, TypeError, ChainruleError) as error:
            seen = f"{type(error).__name__}: {error}"
            raise TableError(f"{path} is damaged ({seen}). Run `chainrule fit` again") from error
        self.model.eval()

    def predict(self, frame: Any) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
        """(predictions, probabilities (n, classes) or None for numbers, notes) for a table of texts."""
        features, notes = encode(frame, self.columns)
        with no_grad():
            outputs = self.model(wrap(features))
            if self.task == "regression":
                values = outputs.double().numpy()[:, 0]
                return values * self.description["spread"] + self.description["mean"], None, notes
            chances = F.softmax(outputs, 1).numpy()
        return np.array(self.description["classes"], object)[chances.argmax(1)], chances, notes
