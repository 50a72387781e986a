"""The command line: chainrule fit, predict, demo, check, explain, info; also `python -m chainrule`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from ..core.errors import ChainruleError
from .common import UsageError

COMMANDS = ("fit", "predict", "demo", "check", "info")  # a module each, with add_parser(commands) and run(args) -> int
EXAMPLES = """examples:
  chainrule demo digits                     train a small network on handwritten digits
  chainrule fit houses.csv --target price   learn a column of a table from the others
  chainrule predict houses-model new.csv    fill that column in for a new table
  chainrule check model.py:loss --at 0.5    compare a function's gradient with differences
  chainrule info                            versions and optional packages
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    from .. import __version__

    top = argparse.ArgumentParser(
        prog="chainrule",
        description="Automatic differentiation for Python, from the command line.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f".{name}", __name__)
        module.add_parser(commands)
        commands.choices[name].set_defaults(run=module.run)
    if find_spec("chainrule.viewer.command"):
        from ..viewer import command

        command.add_parser(commands)
        commands.choices["explain"].set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 asked for wrongly, 130 stopped with Ctrl-C.

    >>> main(["info", "--nonsense"])  # the sentence about it goes to standard error
    2
    """
    top = parser()
    try:
        args = top.parse_args(argv)
    except SystemExit as stop:  # --help, --version, or a wrong option: argparse has printed what there is to say
        return stop.code if isinstance(stop.code, int) else 2
    if args.command is None:
        top.print_help()
        return 2
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except UsageError as error:
        print(f"chainrule {args.command}: {error}", file=sys.stderr)
        return 2
    except (ChainruleError, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output has gone, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        print(f"chainrule {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nchainrule {args.command}: stopped", file=sys.stderr)
        return 130
