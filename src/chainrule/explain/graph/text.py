"""Pictures as text, as DOT for Graphviz and as Mermaid."""

from __future__ import annotations

from collections.abc import Callable

from .picture import Box, Picture
from .words import cells, clean, for_dot, for_mermaid, padded

WIDE = 44  # cells of one column of the text at most


def text(picture: Picture) -> str:
    """A line for each box; what is in a frame is indented below the frame's title."""
    names = calls(picture)
    rows: list[tuple[str, ...]] = []
    shown: list[int] = []
    for i, box in enumerate(picture.boxes):
        path, f = [], box.frame
        while f >= 0:
            path.append(f)
            f = picture.frames[f].parent
        path.reverse()
        if box.frame != (shown[-1] if shown else -1) and path != shown:
            same = 0
            while same < min(len(path), len(shown)) and path[same] == shown[same]:
                same += 1
            for k in range(same, len(path)):
                rows.append(("  " * k + clean(picture.frames[path[k]].title) + ":",))
            shown = path
        indent = "  " * len(path)
        line = clean(box.line, 60)
        mark = "  <--" if box.mark else ""
        what = expression(box, names, WIDE)
        label = f"{indent}{names[i]} = {what}" if box.kind != "more" else f"{indent}{what}"
        rows.append((label, clean(box.value, WIDE), f"grad {clean(box.grad, WIDE)}" if box.grad else "", line + mark))
    widths = [max((cells(r[k]) for r in rows if len(r) > 1), default=0) for k in range(3)]
    lines = []
    for row in rows:
        if len(row) == 1:
            lines.append(row[0])
        else:
            parts = [padded(row[k], widths[k]) for k in range(3) if widths[k]]
            lines.append("  ".join([*parts, row[3]]).rstrip())
    return "\n".join([*lines, *(f"({note})" for note in notes(picture))])


def notes(picture: Picture) -> list[str]:
    """What is said below the picture."""
    hidden = f"{picture.hidden:,} operations and leaves are not drawn one by one" if picture.hidden else ""
    return [*([hidden] if hidden else []), *picture.notes]


def calls(picture: Picture) -> list[str]:
    """A name for each box: the user's; a number is added to one that is used twice; v1, v2 ... for the rest."""
    taken: dict[str, int] = {}
    for box in picture.boxes:
        if box.name:
            taken[clean(box.name)] = taken.get(clean(box.name), 0) + 1
    often: dict[str, int] = {}
    names, n = [], 0
    for box in picture.boxes:
        name = clean(box.name, 32)
        if name and taken[clean(box.name)] > 1:
            often[name] = often.get(name, 0) + 1
            name = f"{name}#{often[name]}"
        elif not name and box.kind != "more":
            n += 1
            name = f"v{n}"
        elif not name:
            name = "..."
        names.append(name)
    return names


def expression(box: Box, names: list[str], limit: int = 0) -> str:
    """'mul(a, 3)'."""
    if box.kind == "more":
        return clean(box.op)
    if box.kind in ("leaf", "constant", "result"):
        return clean(box.op or box.kind)
    op = clean(box.op, 40)
    if box.kind == "op":
        op = op.split("(")[0]
    args: list[str] = []
    for a in box.args:
        word = names[a] if isinstance(a, int) else a
        if word != "..." or args[-1:] != ["..."]:
            args.append(word)
    if len(args) > 6:
        args[6:] = [f"... {len(args) - 6:,} more"]
    return clean(f"{op}({', '.join(args)})", limit)


_DOT = {
    "leaf": 'shape=box, style="rounded,filled", fillcolor="#e3f4e1"',
    "constant": 'shape=box, style="dashed"',
    "op": 'shape=box, style="filled", fillcolor="#eef3ff"',
    "module": 'shape=box3d, style="filled", fillcolor="#f3ebfb"',
    "more": 'shape=box, style="dashed,rounded"',
    "result": "shape=box",
}


def dot(picture: Picture) -> str:
    """The graph for Graphviz, with a cluster for each frame."""
    lines = [f'digraph "{for_dot(picture.title)}" {{', '  node [fontname="monospace", fontsize=11];', "  rankdir=LR;"]

    def node(i: int) -> str:
        parts = [for_dot(p, 60) for p in parts_of(picture.boxes[i])]
        extra = ', color="#c62828", penwidth=3' if picture.boxes[i].mark else ""
        return f'n{i} [{_DOT[picture.boxes[i].kind]}{extra}, label="' + "\\n".join(parts) + '"];'

    lines += _nested(
        picture,
        node,
        lambda f: f'subgraph cluster_{f} {{ label="{for_dot(picture.frames[f].title)}"; color="#8884";',
        "}",
    )
    dashed = set(picture.cut)
    lines += [f"  n{a} -> n{b}" + (" [style=dashed];" if (a, b) in dashed else ";") for a, b in picture.arrows]
    lines += [f"  // {clean(note)}" for note in notes(picture)]
    return "\n".join([*lines, "}"])


_MERMAID = {
    "leaf": ("([", "])"),
    "constant": ("[/", "/]"),
    "op": ("[", "]"),
    "module": ("[[", "]]"),
    "more": ("{{", "}}"),
    "result": ("[", "]"),
}


def mermaid(picture: Picture) -> str:
    """The graph for Mermaid, with a subgraph for each frame."""

    def node(i: int) -> str:
        a, b = _MERMAID[picture.boxes[i].kind]
        parts = [for_mermaid(p, 60) for p in parts_of(picture.boxes[i])]
        return f'n{i}{a}"' + "<br/>".join(parts) + f'"{b}'

    lines = ["flowchart LR"]
    lines += _nested(picture, node, lambda f: f'subgraph f{f}["{for_mermaid(picture.frames[f].title)}"]', "end")
    dashed = set(picture.cut)
    lines += [f"  n{a} {'-.->' if (a, b) in dashed else '-->'} n{b}" for a, b in picture.arrows]
    marked = [i for i, box in enumerate(picture.boxes) if box.mark]
    lines += [f"  style n{i} stroke:#c62828,stroke-width:3px" for i in marked]
    lines += [f"  %% {for_mermaid(note)}" for note in notes(picture)]
    return "\n".join(lines)


def parts_of(box: Box) -> list[str]:
    """The lines of a box."""
    head = f"{box.name} = {box.op}" if box.name and box.kind in ("op", "module") else box.name or box.op
    extra = box.note if box.kind == "module" else ""
    return [p for p in (head, extra, box.value, f"grad {box.grad}" if box.grad else "") if p]


def _nested(picture: Picture, node: Callable[[int], str], begin: Callable[[int], str], end: str) -> list[str]:
    """Lines of all boxes, those in a frame between its `begin` and `end`."""
    inside: dict[int, list[int]] = {}
    for i, box in enumerate(picture.boxes):
        inside.setdefault(box.frame, []).append(i)
    children: dict[int, list[int]] = {}
    for f, frame in enumerate(picture.frames):
        children.setdefault(frame.parent, []).append(f)
    lines: list[str] = []
    stack: list[tuple[int, int, bool]] = [(-1, 1, False)]
    while stack:
        f, depth, done = stack.pop()
        if done:
            lines.append("  " * (depth - 1) + end)
            continue
        if f >= 0:
            lines.append("  " * (depth - 1) + begin(f))
            stack.append((f, depth, True))
        lines += ["  " * depth + node(i) for i in inside.get(f, ())]
        stack += [(c, depth + 1, False) for c in reversed(children.get(f, ()))]
    return lines
