"""What a demo says while it runs: a word and a sentence per line, flushed at once."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO


class Teller:
    """Prints `word  sentence` lines in two columns to a stream (standard output if none is given).

    quiet: print nothing, and show no progress bar. `progress` is what train.fit's argument of that name gets.
    """

    def __init__(self, stream: TextIO | None = None, quiet: bool = False) -> None:
        self.stream = stream
        self.quiet = quiet
        self.progress: bool | None = False if quiet else None

    def __call__(self, word: str, sentence: Any = "") -> None:
        if not self.quiet:
            print(f"{word:<10} {sentence}".rstrip(), file=self.stream or sys.stdout, flush=True)


def next_command() -> str:
    """How this user can call the command line: `chainrule` if that is found, or else the Python that runs, with -m."""
    here = Path(sys.executable)
    found = shutil.which("chainrule")
    if found and Path(found).parent == here.parent:
        return "chainrule"
    try:
        shown = os.path.relpath(here)
    except ValueError:  # another drive
        shown = str(here)
    return f"{shown if len(shown) < len(str(here)) else here} -m chainrule"
