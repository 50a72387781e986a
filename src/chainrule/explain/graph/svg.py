"""Pictures as SVG."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from .arrange import Placed, arranged
from .picture import Box, Picture
from .text import notes, text
from .words import CELL, cells, clean, for_xml

LINE = 17.0  # height of a line of text
LABEL = 40  # cells of one line in a box at most
NOTE = 92  # characters of a line of the notes below
MARGIN = 14.0
WIDE = 1000.0  # a picture wider than this flows down instead, if that makes it less wide

_LIGHT = """.crg{background:#fff}
.crg text{fill:#1d2433}.crg .dim{fill:#5b6575}.crg .num{fill:#1f4b99}.crg .grad{fill:#a3360d}.crg .bold{font-weight:600}
.crg .box{fill:#f7f9fd;stroke:#8a97ad}.crg .leaf{fill:#e8f5e6;stroke:#5f9a5a}
.crg .constant{fill:#f4f4f4;stroke:#9a9a9a;stroke-dasharray:4 3}.crg .module{fill:#f3ecfb;stroke:#8a63b8}
.crg .more{fill:#fff;stroke:#8a97ad;stroke-dasharray:2 3}.crg .pill{fill:#dfe8fb;stroke:#5d7fc4}
.crg .frame{fill:#8a63b8;fill-opacity:.05;stroke:#8a63b8;stroke-opacity:.55}
.crg .line{fill:none;stroke:#7a8699}.crg .head{fill:#7a8699}.crg .cut{stroke:#c62828;stroke-dasharray:5 4}
.crg .over{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
.crg .mark{stroke:#c62828;stroke-width:3}"""
_DARK = """.crg{background:#15181e}
.crg text{fill:#e4e8ef}.crg .dim{fill:#9aa5b5}.crg .num{fill:#9cc0ff}.crg .grad{fill:#ffb08a}
.crg .box{fill:#1e232c;stroke:#66748a}.crg .leaf{fill:#1b2e1f;stroke:#6aa866}
.crg .constant{fill:#24272c;stroke:#80868f}.crg .module{fill:#2a2236;stroke:#a585d0}
.crg .more{fill:#15181e;stroke:#66748a}.crg .pill{fill:#223354;stroke:#6f93dd}
.crg .frame{fill:#a585d0;fill-opacity:.07;stroke:#a585d0}
.crg .line{stroke:#8893a5}.crg .head{fill:#8893a5}.crg .cut{stroke:#ff6b6b}
.crg .over{stroke:#15181e}.crg .mark{stroke:#ff6b6b}"""


@dataclass(frozen=True)
class _Shape:
    """How one box looks: rows of (text, class), the text of its operation's pill, and its sizes."""

    rows: tuple[tuple[str, str], ...]
    pill: str
    body: tuple[float, float]
    width: float
    height: float


def svg(picture: Picture, theme: str, direction: str) -> str:
    """The picture as an SVG element, with its title, a description, and tooltips that name the source lines."""
    down = direction == "down"
    shapes = [shape_of(b, down) for b in picture.boxes]
    placed = arranged(picture, [(s.width, s.height) for s in shapes], down)
    if direction == "auto" and placed.size[0] > WIDE:
        other = [shape_of(b, True) for b in picture.boxes]
        found = arranged(picture, [(s.width, s.height) for s in other], True)
        if found.size[0] < placed.size[0]:
            shapes, placed, down = other, found, True
    below = notes(picture)
    said = [line for n in below for line in textwrap.wrap(clean(n), NOTE, break_on_hyphens=False)]
    width = max(placed.size[0], *(CELL * cells(n) for n in said), 60.0) + 2 * MARGIN
    height = placed.size[1] + 2 * MARGIN + LINE * len(said) + (6 if said else 0)
    media = "@media (prefers-color-scheme:dark)"
    style = _LIGHT + {"light": "", "dark": _DARK}.get(theme, f"{media}{{{_DARK}}}")
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="crg" role="img" aria-label="{for_xml(picture.title)}" '
        f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'style="max-width:none" font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="12">',
        f"<title>{for_xml(picture.title)}</title><desc>{_described(picture)}</desc>"
        f"<style>{style.replace(chr(10), '')}</style>",
        f'<rect class="back" width="{width:.0f}" height="{height:.0f}" fill="none"/>'
        f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">',
    ]
    for x, y, w, h in placed.frames:
        out.append(f'<rect class="frame" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="8"/>')
    out += _lines(picture, placed, down)
    for (x, y, _, _), frame in zip(placed.frames, picture.frames, strict=True):
        out.append(_text(x + 8, y + 15, clean(frame.title), "dim over"))
    for i, (x, y, w, _) in enumerate(placed.boxes):
        out.append(_box(picture.boxes[i], shapes[i], x, y, w, down))
    y = placed.size[1] + LINE
    for note in said:
        out.append(_text(0, y, note, "dim"))
        y += LINE
    return "".join([*out, "</g></svg>"])


def page(picture: Picture) -> str:
    """A page with the picture and its text."""
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>{for_xml(picture.title)}</title>'
        f"<style>:root{{color-scheme:light dark}}body{{font-family:sans-serif}}</style><body>{picture.svg()}"
        f"<details><summary>As text</summary><pre>{for_lines(text(picture))}</pre></details></body></html>"
    )


def for_lines(block: str) -> str:
    """Several lines, each escaped, in one line of source."""
    return "&#10;".join(for_xml(line) for line in block.split("\n"))


def _described(picture: Picture) -> str:
    lines = text(picture).split("\n")
    rest = [f"... {len(lines) - 40} more lines"] if len(lines) > 40 else []
    return for_lines("\n".join([*lines[:40], *rest]))


def shape_of(box: Box, down: bool) -> _Shape:
    """What a box holds, and how large that makes it."""
    rows: list[tuple[str, str]] = []
    pill = ""
    if box.kind == "op":
        pill = clean(box.op, LABEL)
        if box.module:
            rows.append((clean(box.module, LABEL), "dim"))
        if box.name:
            rows.append((clean(box.name, LABEL), "bold"))
    else:
        head = {"leaf": "", "constant": ""}.get(box.kind, clean(box.op, LABEL))
        if head:
            rows.append((head, "dim" if box.kind == "more" else "bold"))
        if box.name or box.kind in ("leaf", "constant"):
            rows.append((clean(box.name or box.op, LABEL), "bold" if box.name and box.kind != "module" else "dim"))
        if box.kind == "module" and box.note:
            rows += [(clean(part, LABEL), "dim") for part in box.note.split(", ")]
    if box.value:
        rows.append((clean(box.value, LABEL), "dim" if box.kind == "more" else "num"))
    if box.grad:
        rows.append((clean(f"grad {box.grad}", LABEL), "grad"))
    for extra in box.extra:
        rows.append((clean(extra, 60), "dim"))
    body = (max((cells(r) for r, _ in rows), default=0) * CELL + 16, len(rows) * LINE + 8) if rows else (0.0, 0.0)
    if not pill:
        return _Shape(tuple(rows), "", body, *body)
    w = cells(pill) * CELL + 18
    gap = 14.0 if rows else 0.0
    if down:
        return _Shape(tuple(rows), pill, body, max(w, body[0]), 24 + gap + body[1])
    return _Shape(tuple(rows), pill, body, w + gap + body[0], max(24.0, body[1]))


def _box(box: Box, shape: _Shape, x: float, y: float, w: float, down: bool) -> str:
    mark = " mark" if box.mark else ""
    tip = "\n".join(p for p in (box.name, box.note or box.op, box.line) if p)
    out = [f"<g><title>{for_lines(tip)}</title>"]
    bw, bh = shape.body
    bx, by = x, y
    if shape.pill:
        pw = cells(shape.pill) * CELL + 18
        px = x + (w - pw) / 2 if down else x
        py = y if down else y + (shape.height - 24) / 2
        if shape.rows:
            if down:
                bx, by = x + (w - bw) / 2, y + 38
                out.append(_arrow([(x + w / 2, py + 24), (x + w / 2, by)], True))
            else:
                bx, by = x + pw + 14, y + (shape.height - bh) / 2
                out.append(_arrow([(x + pw, py + 12), (bx, py + 12)], False))
        out.append(
            f'<rect class="pill{mark}" x="{px:.1f}" y="{py:.1f}" width="{pw:.1f}" height="24" rx="12"/>'
            + _text(px + 9, py + 16, shape.pill, "")
        )
    if shape.rows:
        kind = {"op": "box", "result": "box"}.get(box.kind, box.kind)
        if not shape.pill:
            bx = x + (w - bw) / 2
        out.append(
            f'<rect class="{kind}{mark if not shape.pill else ""}" x="{bx:.1f}" y="{by:.1f}" width="{bw:.1f}" '
            f'height="{bh:.1f}" rx="{12 if box.kind == "leaf" else 4}"/>'
        )
        for k, (row, style) in enumerate(shape.rows):
            out.append(_text(bx + 8, by + 17 + k * LINE, row, style))
    return "".join([*out, "</g>"])


def _text(x: float, y: float, words: str, style: str) -> str:
    """One line of text; with characters beyond ASCII, of fixed width, since fonts differ there."""
    fixed = "" if words.isascii() else f' textLength="{cells(words) * CELL:.1f}" lengthAdjust="spacingAndGlyphs"'
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{fixed} xml:space="preserve">{for_xml(words)}</text>'


def _lines(picture: Picture, placed: Placed, down: bool) -> list[str]:
    cut = set(picture.cut)
    out = []
    for points, head, arrow in placed.lines:
        out.append(_arrow(points, down, head, arrow in cut))
    return out


def _arrow(points: list[tuple[float, float]], down: bool, head: bool = True, cut: bool = False) -> str:
    """A line through the points: straight along, curved where it changes its lane; with a head at its end."""
    if head:
        (x, y) = points[-1]
        points = [*points[:-1], (x, y - 6) if down else (x - 6, y)]
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x, y), (u, v) in zip(points, points[1:], strict=False):
        if abs((u - x) if down else (v - y)) < 0.05:
            path.append(f"L{u:.1f} {v:.1f}")
        elif down:
            path.append(f"C{x:.1f} {(y + v) / 2:.1f} {u:.1f} {(y + v) / 2:.1f} {u:.1f} {v:.1f}")
        else:
            path.append(f"C{(x + u) / 2:.1f} {y:.1f} {(x + u) / 2:.1f} {v:.1f} {u:.1f} {v:.1f}")
    line = f'<path class="line{" cut" if cut else ""}" d="{"".join(path)}"/>'
    if not head:
        return line
    u, v = points[-1]
    tip = f"M{u - 4:.1f} {v:.1f}h8l-4 6z" if down else f"M{u:.1f} {v - 4:.1f}v8l6 -4z"
    return f'{line}<path class="head" d="{tip}"/>'
