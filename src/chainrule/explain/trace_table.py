"""The tables of a trace as objects, text, Markdown, LaTeX and HTML."""

from __future__ import annotations

import html
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from .trace_formula import latex_text

WIDEST = 120  # columns of text within which tables stand side by side
LONGEST = 200  # rows of one table that are written out; the objects have them all
SHOWN = 6  # entries of an array that are written out


def show(x: Any) -> str:
    """A number with three decimals; of an array its entries if they are few, or shape, least and greatest entry."""
    a = np.asarray(x)
    if a.ndim == 0:
        text = f"{a[()]:.3f}" if a.dtype.kind in "fc" else str(a[()])
        return text.removeprefix("-") if text == "-0.000" else text
    if a.dtype.kind in "fiubc" and 0 < a.size <= SHOWN and a.ndim <= 2:
        return f"[{', '.join(show(v) for v in a)}]"
    return f"{a.shape}" if a.size == 0 or a.dtype.kind not in "fiu" else f"{a.shape} [{a.min():.3g}, {a.max():.3g}]"


@dataclass(frozen=True)
class Row:
    """One step: its table ('forward', 'tangent x1', 'adjoint'), symbol, formula and value, and both in LaTeX."""

    table: str
    symbol: str
    formula: str
    value: Any
    latex_symbol: str = ""
    latex_formula: str = ""


class TraceTable:
    """The tables of one trace: `rows` has them all, in the order of the computation; `table` gives one of them.

    Printed, or shown in a notebook, the forward trace stands beside the tangent trace of each input, and the adjoint
    trace, in the order of the reverse sweep, below.
    """

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows

    def table(self, name: str) -> list[Row]:
        """The rows of one table: 'forward', 'tangent x1' (by the input's name), 'adjoint'. ArgumentError: no such."""
        found = [r for r in self.rows if r.table == name]
        if not found and name != "constants":
            raise ArgumentError(f"this trace has no table {name!r}; it has: {', '.join(self.tables)}")
        return found

    @property
    def tables(self) -> list[str]:
        """Names of the tables."""
        return list(dict.fromkeys(r.table for r in self.rows))

    # ---- in words ----------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """All tables as plain text."""
        blocks = {name: _block(name, self.table(name)) for name in self.tables}
        beside = [b for name, b in blocks.items() if name not in ("adjoint", "constants")]
        lines: list[str] = []
        for group in _packed(beside):
            lines += [*([""] if lines else []), *_beside(group)]
        for name in ("adjoint", "constants"):
            if name in blocks:
                lines += ["", *blocks[name]]
        return "\n".join(line.rstrip() for line in lines)

    def markdown(self) -> str:
        """Two Markdown tables: the forward trace with the tangents beside it, and the adjoint trace."""
        parts = []
        for heads, rows in self._grids():
            lines = [f"| {' | '.join(map(_markdown, heads))} |", "|" + "---|" * len(heads)]
            lines += [f"| {' | '.join(_markdown(c.plain) for c in row)} |" for row in rows]
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    def latex(self) -> str:
        """Two LaTeX tabulars, in plain ASCII but for the user's own names; needs no package but amsmath."""
        parts = []
        for heads, rows in self._grids():
            lines = [rf"\begin{{tabular}}{{{'l' * len(heads)}}}", " & ".join(map(latex_text, heads)) + r" \\ \hline"]
            lines += [" & ".join(c.latex for c in row) + r" \\" for row in rows]
            parts.append("\n".join([*lines, r"\end{tabular}"]))
        return "\n\n".join(parts)

    def html(self) -> str:
        """Two HTML tables."""
        parts = []
        for heads, rows in self._grids():
            head = "".join(f'<th scope="col">{html.escape(h)}</th>' for h in heads)
            body = "".join("<tr>" + "".join(f"<td>{html.escape(c.plain)}</td>" for c in row) + "</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return self.html()

    def _grids(self) -> list[tuple[list[str], list[list[_Cell]]]]:
        """(heads, rows of cells): the forward trace with all tangents, the adjoints, the constants."""
        forward = [n for n in self.tables if n not in ("adjoint", "constants")]
        grids = [self._grid(forward)]
        grids += [self._grid([n]) for n in ("adjoint", "constants") if n in self.tables]
        return grids

    def _grid(self, names: list[str]) -> tuple[list[str], list[list[_Cell]]]:
        heads = [h for n in names for h in (n, "formula", "value")]
        columns = [_shortened(self.table(n)) for n in names]
        rows = []
        for entries in zip(*columns, strict=True):
            cells: list[_Cell] = []
            for r in entries:
                if isinstance(r, str):
                    cells += [_Cell("..."), _Cell(r), _Cell("")]
                else:
                    value = show(r.value)
                    number = value.replace("nan", r"\mathrm{nan}").replace("inf", r"\infty")
                    plain = np.ndim(r.value) or np.asarray(r.value).dtype.kind not in "iufc"
                    latex = latex_text(value) if plain else f"${number}$"
                    cells += [_Cell(r.symbol, f"${r.latex_symbol}$"), _Cell(r.formula, f"${r.latex_formula}$")]
                    cells.append(_Cell(value, latex))
            rows.append(cells)
        return heads, rows

    def __repr__(self) -> str:
        return self.text()


class _Cell:
    def __init__(self, plain: str, latex: str = "") -> None:
        self.plain, self.latex = plain, latex or latex_text(plain)


def _markdown(s: str) -> str:
    for c in "\\|*_[]`":
        s = s.replace(c, "\\" + c)
    return s.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- plain text ------------------------------------------------------------------------------------------------------


def _wide(s: str) -> int:
    return sum(not unicodedata.combining(c) for c in s)  # a bar over a letter takes no place of its own


def _pad(s: str, width: int) -> str:
    return s + " " * (width - _wide(s))


def _shortened(rows: list[Row]) -> list[Row | str]:
    """All rows, or the first and the last with a count between."""
    if len(rows) <= LONGEST:
        return list(rows)
    half = LONGEST // 2
    return [*rows[:half], f"{len(rows) - 2 * half} rows", *rows[-half:]]


def _block(name: str, rows: list[Row]) -> list[str]:
    shown = _shortened(rows)
    seen = [r for r in shown if isinstance(r, Row)]
    first, second = max(_wide(r.symbol) for r in seen), max(_wide(r.formula) for r in seen)
    lines = [name]
    for r in shown:
        if isinstance(r, str):
            lines.append(f"  ... {r}")
        else:
            lines.append(f"  {_pad(r.symbol, first)} = {_pad(r.formula, second)} = {show(r.value)}")
    return lines


def _packed(blocks: list[list[str]]) -> list[list[list[str]]]:
    """Blocks in groups that fit beside each other."""
    groups: list[list[list[str]]] = []
    room = 0
    for b in blocks:
        need = max(map(_wide, b)) + 3
        if not groups or need > room:
            groups.append([])
            room = WIDEST + 3
        groups[-1].append(b)
        room -= need
    return groups


def _beside(blocks: list[list[str]]) -> list[str]:
    widths = [max(map(_wide, b)) for b in blocks]
    return [" | ".join(_pad(line, w) for line, w in zip(row, widths, strict=True)) for row in zip(*blocks, strict=True)]
