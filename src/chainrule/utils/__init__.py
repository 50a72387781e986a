"""Utilities beside the models: data loading, checkpointing, saving and loading; imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("benchmark", "checkpoint", "data", "dlpack", "packages", "serialization", "tensorboard"):
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["checkpoint", "data", "serialization"]
