"""Answer: what why_none and why_nan say, with the operation and its line, and a picture of the place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.provenance import describe, location
from ..core.value import Tensor
from .names import Names


@dataclass(frozen=True)
class Step:
    """One box of a picture that tells a story: `cut`, no gradient goes back from it to the step before."""

    kind: str
    op: str
    name: str = ""
    value: str = ""
    line: str = ""
    mark: bool = False
    cut: bool = False
    joined: bool = True


@dataclass(frozen=True)
class Place:
    """What the picture of an answer shows: the operations around `node` in the graph of `root`, or else the `steps`."""

    tensor: Tensor
    names: Names
    root: Any = None
    node: Any = None
    steps: tuple[Step, ...] = ()
    extra: tuple[str, ...] = ()  # lines for the box of `node`


@dataclass(frozen=True)
class Answer:
    """An explanation: `reason` is a short keyword, `text` the sentence; where known, the operation and its line.

    Printed it is the text; in Jupyter, and by `svg()`, `picture()` and `save(path)`, there is a picture of the place:
    the few operations around it with their values and lines, the one that the text is about marked.
    """

    reason: str
    text: str
    op: str = ""
    filename: str = ""
    line: int = 0
    source: str = ""
    inputs: tuple = ()
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __contains__(self, part: str) -> bool:
        return part in self.text

    def picture(self) -> Any:
        """The picture of the place, as an explain.graph Picture."""
        from ..explain.graph.place import picture_of

        return picture_of(self)

    def svg(self, theme: str | None = None) -> str:
        """The picture as SVG; `theme`: "auto", "light" or "dark"."""
        return self.picture().svg(theme)

    def save(self, path: Any) -> Path:
        """Write the picture to a file in the form of its ending (.svg, .html, .txt, .dot, .mmd); returns the path."""
        return self.picture().save(path)

    def _repr_html_(self) -> str:
        return self.svg()


def answer_at(reason: str, text: str, code: Any, lasti: int, op: str = "", inputs: tuple = (), **more: Any) -> Answer:
    """An answer about a recorded position."""
    filename, line, source = location(code, lasti)
    return Answer(reason, text, op, filename, line, source, inputs, **more)


def made_at(node: Any) -> str:
    """'train.py:12: `y = x * w`' of a node."""
    return describe(node.code, node.lasti)
