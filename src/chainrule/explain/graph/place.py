"""The picture of an answer of why_none or why_nan: the few operations around the place, that place marked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...core.tape import Accumulate
from ...tensor.answer import Answer, Place
from ...tensor.names import real
from ...tensor.recorded import grad_of, graph_nodes
from .draw import Writer
from .picture import Box, Picture
from .plan import Plan, Unit, find_leaves
from .values import Values

AROUND = 2  # operations before the place and after it, along each path
MOST = 16  # operations at most


def picture_of(answer: Answer) -> Picture:
    """The place that an answer is about, with the answer below it."""
    place = answer.place
    if place is None:
        return Picture((Box("result", op=answer.reason),), (), title=f"Why: {answer.reason}", notes=(answer.text,))
    made = _neighbourhood(place) if place.node is not None else _story(place)
    return replace(made, title=f"Why: {answer.reason}", notes=(answer.text, *made.notes))


def _story(place: Place) -> Picture:
    boxes, arrows, cut = [], [], []
    for i, step in enumerate(place.steps):
        said = step.op if step.name and step.kind in ("leaf", "constant") else ""
        extra = tuple(x for x in (said, step.line) if x)
        boxes.append(Box(step.kind, step.name, step.op, step.value, line=step.line, extra=extra, mark=step.mark))
        if i and step.joined:
            arrows.append((i - 1, i))
            if step.cut:
                cut.append((i - 1, i))
    return Picture(tuple(boxes), tuple(arrows), cut=tuple(cut))


def _neighbourhood(place: Place) -> Picture:
    root = place.root if not isinstance(place.root, Accumulate) else place.node
    nodes = graph_nodes(real(root))
    kept = _around(nodes, real(place.node))
    first, last = kept[0].seq, kept[-1].seq
    chosen = {id(n) for n in kept}
    earlier = [n for n in nodes if n.seq < first]
    later = [n for n in nodes if n.seq > last and id(n) not in chosen]
    plan = Plan(place.names)
    plan.units += [Unit("more", earlier, -1)] if earlier else []
    plan.units += [Unit("op", [n], -1) for n in kept]
    plan.units += [Unit("more", later, -1)] if later else []
    find_leaves(plan)
    values = Values(nodes, place.tensor, place.names.places)
    values.complete(nodes if len(nodes) <= 1000 else kept)
    grads = "kept" if grad_of(place.tensor) is not None else "none"
    writer = Writer(plan, values, place.names, place.tensor, grads)
    made = writer.picture([])
    number = writer.number[plan.home[id(real(place.node))]]
    boxes = []
    for i, box in enumerate(made.boxes):
        extra = (box.line,) if box.kind == "op" else ()
        if i == number:
            box = replace(box, mark=True)
            extra = (*place.extra, *extra)
        boxes.append(replace(box, extra=extra))
    return replace(made, boxes=tuple(boxes), hidden=0)


def _around(nodes: list[Any], node: Any) -> list[Any]:
    """The operations near `node`, oldest first."""
    after: dict[int, list[Any]] = {}
    for n in nodes:
        for e in n.edges:
            if e is not None and not isinstance(e, Accumulate):
                after.setdefault(id(real(e)), []).append(n)
    kept = {id(node): node}
    for upward in (True, False):
        front = [node]
        for _ in range(AROUND):
            found = []
            for n in front:
                near = (
                    [real(e) for e in n.edges if e is not None and not isinstance(e, Accumulate)]
                    if upward
                    else after.get(id(n), ())
                )
                for m in near:
                    if id(m) not in kept and len(kept) < (MOST // 2 if upward else MOST):
                        kept[id(m)] = m
                        found.append(m)
            front = found
    return sorted(kept.values(), key=lambda n: n.seq)
