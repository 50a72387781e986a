"""Where each box, frame and arrow of a picture goes: frames are laid out from the inside out, each as one piece."""

from __future__ import annotations

from dataclasses import dataclass, field

from .layout import Link, Piece, layered
from .picture import Picture
from .words import CELL, cells, clean

PAD = 12.0  # inside a frame
HEAD = 22.0  # for a frame's title


@dataclass(eq=False)
class Placed:
    """`boxes`, `frames`: (x, y, width, height); `lines`: (points, has an arrow's head, source); the whole `size`."""

    boxes: list[tuple[float, float, float, float]]
    frames: list[tuple[float, float, float, float]]
    lines: list[tuple[list[tuple[float, float]], bool, tuple[int, int]]] = field(default_factory=list)
    size: tuple[float, float] = (0.0, 0.0)


class _Level:
    """One frame (the whole is -1): its pieces are boxes ("box", i), frames ("frame", f), ports ("in" or "out", box)."""

    def __init__(self) -> None:
        self.keys: dict[tuple[str, int], int] = {}
        self.pieces: list[Piece] = []
        self.links: dict[tuple, Link] = {}
        self.length = self.breadth = self.head = 0.0  # `head`: where the pieces begin, across
        self.heads: dict[tuple, tuple[int, int]] = {}


def arranged(picture: Picture, sizes: list[tuple[float, float]], down: bool) -> Placed:
    """The places of everything, for boxes of these (width, height); `down`: the graph flows down, else to the right."""
    frames, boxes = picture.frames, picture.boxes
    paths = []  # the frames around each box, outermost first
    for box in boxes:
        path, f = [], box.frame
        while f >= 0:
            path.append(f)
            f = frames[f].parent
        paths.append([-1, *reversed(path)])
    levels = {f: _Level() for f in range(-1, len(frames))}
    inner: dict[int, dict[tuple[str, int], None]] = {f: {} for f in levels}
    for i in range(len(boxes)):
        for f, deeper in zip(paths[i], [*paths[i][1:], None], strict=True):
            inner[f].setdefault(("box", i) if deeper is None else ("frame", deeper))
    # Each arrow passes out of the frames of its source and into those of its target: a port for every source and frame.
    steps: dict[int, dict[tuple, tuple[int, int]]] = {f: {} for f in levels}
    ports: dict[int, tuple[dict[int, None], dict[int, None]]] = {f: ({}, {}) for f in levels}
    for a, b in picture.arrows:
        shared = 0
        while shared + 1 < min(len(paths[a]), len(paths[b])) and paths[a][shared + 1] == paths[b][shared + 1]:
            shared += 1
        here: tuple[str, int] = ("box", a)
        for f in reversed(paths[a][shared + 1 :]):
            ports[f][1][a] = None
            steps[f].setdefault((here, ("out", a), a), (a, b))
            here = ("frame", f)
        chain = paths[b][shared:]
        for f, deeper in zip(chain, [*chain[1:], None], strict=True):
            target = ("box", b) if deeper is None else ("frame", deeper)
            if f != paths[b][shared]:
                ports[f][0][a] = None
                here = ("in", a)
            steps[f].setdefault((here, target, a), (a, b))
    for f in sorted(levels, reverse=True):  # a frame's number is greater than its parent's
        level = levels[f]
        keys = [*(("in", a) for a in ports[f][0]), *inner[f], *(("out", a) for a in ports[f][1])]
        for k, key in enumerate(keys):
            level.keys[key] = k
            kind, number = key
            if kind == "box":
                w, h = sizes[number]
                piece = Piece(h, w) if down else Piece(w, h)
            elif kind == "frame":
                piece = Piece(levels[number].length, levels[number].breadth)
            else:
                piece = Piece(0.0, 0.0, "first" if kind == "in" else "last")
            level.pieces.append(piece)
        for step, arrow in steps[f].items():
            start, end, a = step
            level.links[step] = Link(
                level.keys[start], level.keys[end], _port(levels, start, "out", a), _port(levels, end, "in", a)
            )
            level.heads[step] = arrow
        length, breadth = layered(level.pieces, list(level.links.values()))
        level.length, level.breadth = length, breadth
        if f >= 0:
            level.head = PAD if down else HEAD
            title = CELL * cells(clean(frames[f].title)) + 16
            level.length += (PAD + HEAD) if down else 2 * PAD
            level.breadth += 2 * PAD if down else PAD + HEAD
            if down:
                level.breadth = max(level.breadth, title)
            else:
                level.length = max(level.length, title)
    placed = Placed([(0.0,) * 4] * len(boxes), [(0.0,) * 4] * len(frames))
    whole = levels[-1]
    placed.size = (whole.breadth, whole.length) if down else (whole.length, whole.breadth)
    origins = {-1: (0.0, 0.0)}
    for f in sorted(levels):
        level = levels[f]
        along, across = origins[f]
        if f >= 0:
            placed.frames[f] = _rect(along, across, level.length, level.breadth, down)
            along, across = along + (HEAD if down else PAD), across + (PAD if down else HEAD)
        for (kind, number), k in level.keys.items():
            p = level.pieces[k]
            corner = (along + p.start, across + p.centre - p.breadth / 2)
            if kind == "frame":
                origins[number] = corner
            elif kind == "box":
                placed.boxes[number] = _rect(*corner, p.length, p.breadth, down)
        for step, link in level.links.items():
            points = [(along + x, across + y) for x, y in link.route]
            if f >= 0 and step[0][0] == "in":
                points.insert(0, (origins[f][0], points[0][1]))
            if f >= 0 and step[1][0] == "out":
                points.append((origins[f][0] + level.length, points[-1][1]))
            if down:
                points = [(y, x) for x, y in points]
            placed.lines.append((points, step[1][0] == "box", level.heads[step]))
    return placed


def _port(levels: dict[int, _Level], key: tuple[str, int], side: str, a: int) -> float:
    """Distance from a piece's centre at which the edge from box `a` meets it."""
    kind, number = key
    if kind != "frame":
        return 0.0
    level = levels[number]
    piece = level.pieces[level.keys[side, a]]
    return piece.centre + level.head - level.breadth / 2


def _rect(along: float, across: float, length: float, breadth: float, down: bool) -> tuple[float, float, float, float]:
    return (across, along, breadth, length) if down else (along, across, length, breadth)
