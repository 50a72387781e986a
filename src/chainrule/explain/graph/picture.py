"""Picture: boxes, arrows and frames, ready to be written as text, SVG, DOT or Mermaid."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError


@dataclass(frozen=True)
class Box:
    """One box of a picture: a value and the operation that made it.

    `kind`: "leaf", "constant", "op", "module" (a module's call, closed), "more" (what is hidden), or "result".
    `args`: of an operation its arguments, in order: numbers of boxes, and texts. `line`: the user's source line.
    `note` (drawn for a module; else a tooltip) and `extra` (drawn): more to say. `module`: the module call that an
    operation is the whole of. `frame`: number of the frame that it is in, or -1. `count`: how many operations it stands
    for. `mark`: drawn as the place that the picture is about.
    """

    kind: str
    name: str = ""
    op: str = ""
    value: str = ""
    grad: str = ""
    args: tuple = ()
    line: str = ""
    note: str = ""
    module: str = ""
    extra: tuple[str, ...] = ()
    frame: int = -1
    count: int = 1
    mark: bool = False


@dataclass(frozen=True)
class Frame:
    """A frame around boxes: a module's call, open. `parent`: number of the frame around it, or -1."""

    title: str
    parent: int = -1


@dataclass(frozen=True)
class Picture:
    """A graph as a picture; Jupyter shows it, `save` writes it to a file, `print` prints it as text.

    `boxes` in order of the computation; `arrows`: (from, to); `frames` around boxes; `hidden`: how many operations
    and leaves of the graph have no box of their own; `notes`: what the reader should know.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]
    frames: tuple[Frame, ...] = ()
    hidden: int = 0
    notes: tuple[str, ...] = ()
    title: str = "graph"
    direction: str = "auto"
    theme: str = "auto"
    cut: tuple[tuple[int, int], ...] = field(default=())  # arrows along which no gradient flows

    def text(self) -> str:
        """A line for each box: name, operation and its arguments, value, gradient, source line."""
        from .text import text

        return text(self)

    def dot(self) -> str:
        """The graph for Graphviz."""
        from .text import dot

        return dot(self)

    def mermaid(self) -> str:
        """The graph for Mermaid."""
        from .text import mermaid

        return mermaid(self)

    def svg(self, theme: str | None = None, direction: str | None = None) -> str:
        """The graph as SVG. `theme`: "auto" (as the reader's system has it), "light" or "dark"; `direction`: "right",
        "down", or "auto" (right, unless that would be very wide)."""
        from .svg import svg

        theme, direction = theme or self.theme, direction or self.direction
        if theme not in ("auto", "light", "dark"):
            raise ArgumentError(f"explain.graph: theme must be 'auto', 'light' or 'dark', not {theme!r}")
        if direction not in ("auto", "right", "down"):
            raise ArgumentError(f"explain.graph: direction must be 'auto', 'right' or 'down', not {direction!r}")
        return svg(self, theme, direction)

    def save(self, path: Any) -> Path:
        """Write the picture to a file, in the form that its ending says: .svg, .dot (.gv), .mmd, .html or .txt.

        Returns the path. Raises ArgumentError for another ending.
        """
        path = Path(path)
        forms = {
            ".svg": self.svg,
            ".dot": self.dot,
            ".gv": self.dot,
            ".mmd": self.mermaid,
            ".mermaid": self.mermaid,
            ".txt": self.text,
            ".html": self._page,
        }
        if path.suffix.lower() not in forms:
            raise ArgumentError(
                f"cannot save a picture as {path.name!r}: the ending must be one of {', '.join(forms)}; for PNG, open "
                f"the .svg in a browser or give it to a converter"
            )
        path.write_text(forms[path.suffix.lower()]() + "\n", encoding="utf-8")
        return path

    def _page(self) -> str:
        from .svg import page

        return page(self)

    def _repr_svg_(self) -> str:
        return self.svg()

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__
