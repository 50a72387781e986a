"""chainrule demo: three networks trained on real data."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ..demos.telling import Teller
from .common import UsageError, add_command, print_json, whole_above_zero

EXAMPLES = """  chainrule demo digits                      a convolutional network reads handwritten digits
  chainrule demo digits --data mnist/        your own: MNIST-format files, or a folder of pictures per class
  chainrule demo text                        a transformer learns to write Python, letter by letter
  chainrule demo series                      a recurrent network forecasts a recording of brain waves
  chainrule demo digits --quick --json       small and for programs
"""


def add_parser(commands: Any) -> None:
    """Add `demo` to the command line."""
    parser = add_command(commands, "demo", "train a network on real data and write a report", EXAMPLES)
    parser.add_argument("name", choices=("digits", "text", "series"))
    parser.add_argument("--data", metavar="FOLDER", help="digits: MNIST-format files, or a folder per class")
    parser.add_argument("--out", metavar="FOLDER", help="where the report goes (default: chainrule-demo/NAME)")
    parser.add_argument("--epochs", type=whole_above_zero, help="passes over the data (default: by the demo)")
    parser.add_argument("--limit", type=whole_above_zero, help="digits: learn from at most so many pictures")
    parser.add_argument("--quick", action="store_true", help="a small run of a few seconds")
    parser.add_argument("--seed", type=int, default=0, help="decides weights and order (default: 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON, and nothing else")


def run(args: argparse.Namespace) -> int:
    """Run the demo of that name."""
    options = {}
    if args.name == "digits":
        options = {"data": args.data, "limit": args.limit}
    elif args.data or args.limit:
        raise UsageError("--data and --limit belong to the demo digits")
    if args.seed < 0:
        raise UsageError(f"--seed must be at least 0, got {args.seed}")
    out = Path(args.out or Path("chainrule-demo") / args.name)
    if out.is_file():
        raise UsageError(f"--out {out} is a file; name a folder")
    tell = Teller(sys.stderr if args.json else None, quiet=args.json)
    module = import_module(f"chainrule.demos.{args.name}")
    result = module.run(out, epochs=args.epochs, quick=args.quick, seed=args.seed, tell=tell, **options)
    if args.json:
        print_json(result)
    return 0
