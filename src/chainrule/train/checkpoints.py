"""A folder of checkpoints: written whole, checked when read, the last few kept."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError
from ..utils.serialization import SerializationError, load, save

FORMAT = 1
_NAME = re.compile(r"checkpoint-(\d{6,})\.safetensors")


class CheckpointWarning(UserWarning):
    """A checkpoint was refused, or a resumed run cannot be the same as the one that was stopped.

    >>> import chainrule as cr
    >>> issubclass(cr.train.CheckpointWarning, UserWarning)
    True
    """


class Checkpoints:
    """The files checkpoint-<step>.safetensors of a folder; at most `keep` of them stay."""

    def __init__(self, folder: Any, keep: int) -> None:
        self.folder, self.keep = Path(folder), keep
        if self.folder.exists() and not self.folder.is_dir():
            raise ArgumentError(f"fit: checkpoint={str(folder)!r} is a file; give the name of a folder")
        for left in self.folder.glob(".checkpoint-*.part"):  # of a process that was killed while it wrote
            left.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """All checkpoints, the oldest first."""
        return sorted((p for p in self.folder.glob("checkpoint-*") if _NAME.fullmatch(p.name)), key=step_of)

    def save(self, state: dict[str, Any]) -> Path:
        """Write a checkpoint, then remove the oldest ones."""
        path = self.folder / f"checkpoint-{state['step']:06d}.safetensors"
        save({"format": FORMAT, **state}, path)
        for old in self.paths()[: -self.keep]:
            if old != path:
                old.unlink(missing_ok=True)
        return path

    def newest(self) -> tuple[Path, dict[str, Any]] | None:
        """The last good checkpoint; None if there are none. Damaged ones are named in warnings.

        Raises SerializationError if there are checkpoints and all are damaged.
        """
        paths = self.paths()
        for path in reversed(paths):
            try:
                return path, read(path)
            except (SerializationError, OSError) as error:
                warnings.warn(f"checkpoint {path} is refused: {error}", CheckpointWarning, stacklevel=4)
        if paths:
            raise SerializationError(
                f"all {len(paths)} checkpoints in {self.folder} are damaged. Delete them (or the folder) to start anew"
            )
        return None


def step_of(path: Path) -> int:
    """The step in a checkpoint's name."""
    found = _NAME.fullmatch(path.name)
    return int(found[1]) if found else -1


def read(path: Path) -> dict[str, Any]:
    """One checkpoint, checked to be one."""
    state = load(path)
    if not isinstance(state, dict) or "format" not in state or "step" not in state:
        raise SerializationError(f"{path} is no checkpoint of fit()")
    if state["format"] != FORMAT:
        raise SerializationError(f"{path} is a checkpoint of format {state['format']}; this version reads {FORMAT}")
    return state
