"""What the commands share: their errors, near names, output for programs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from ..core.errors import ChainruleError
from ..demos.report import plain


class UsageError(ChainruleError):
    """The command line asks for something that is not there or makes no sense: exit code 2."""


class TableError(ChainruleError, ValueError):
    """A table or a saved model cannot be used as it is: exit code 1."""


def near(name: str, names: Iterable[str]) -> str:
    """A sentence with the names that look most like `name`, or with the first few of all.

    >>> near("prise", ["price", "size"])
    "Did you mean 'price'?"
    """
    names = list(names)
    found = get_close_matches(name, names, 3, 0.6)
    found = found or [n for n in names if n.strip().lower() == name.strip().lower()]
    if found:
        return f"Did you mean {' or '.join(map(repr, found))}?"
    return f"There are: {', '.join(map(repr, names[:12]))}{' ...' if len(names) > 12 else ''}."


def print_json(value: Any) -> None:
    """`value` as indented JSON on standard output."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))


def whole_above_zero(text: str) -> int:
    """An argument that must be 1, 2, 3 ..."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return value


def add_command(commands: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """A subcommand whose --help ends with examples."""
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
