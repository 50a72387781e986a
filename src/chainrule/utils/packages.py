"""Optional packages, imported where they are used, with an error that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.errors import ChainruleError


class MissingPackageError(ChainruleError, ImportError):
    """An optional package is not installed."""


def need(module: str, purpose: str, extra: str = "learn") -> Any:
    """The module of that name; MissingPackageError, which names the extra, if its package is not installed.

    >>> need("json", "reading numbers").dumps([1, 2])
    '[1, 2]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise MissingPackageError(
            f"{purpose} needs the package {package}, which is not installed: pip install 'chainrule[{extra}]'"
        ) from error
