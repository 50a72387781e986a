"""Convolution and pooling as C loops over images, channels, positions and kernel elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...graph.ir import Equation
from .c_elements import PRODUCT, c_type, scaled
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


def _times(x: Text, y: Text) -> str:
    return f"{x.at(PRODUCT)} * {y.at(PRODUCT + 1)}"


def _seen(w: Writer, place: Sequence[str], element: Sequence[str], e: Equation, size: Sequence[int]) -> list[str]:
    """Declare the image index that a kernel element sees from a position; go on to the next one if it is padding."""
    p, names, outside = e.params, [], []
    dilation = p.get("dilation", (1,) * len(size))
    for d, (i, k, n) in enumerate(zip(place, element, size, strict=True)):
        lo, hi = p["padding"][d]
        at = scaled(i, p["stride"][d], -lo)
        offset = scaled(k, dilation[d], 0)
        text = at if offset == "0" else offset if at == "0" else f"{at} + {offset}"
        name = w.local("rst"[d])
        w.line(f"const int {name} = {text};")
        outside += [f"{name} < 0"] if lo > 0 else []
        outside += [f"{name} >= {n}"] if hi > 0 else []
        names.append(name)
    if outside:
        w.line(f"if ({' || '.join(outside)}) continue;")
    return names


def _inner(w: Writer, shape: Sequence[int], outer: Sequence[str]) -> list[str]:
    """Loops over kernel elements or positions; if there is none to go on in, a loop that runs once."""
    index = w.loops(shape, prefix=outer)
    if all(i == "0" for i in index):
        w.line("do {")
        w.depth += 1
    return index


def _end_inner(w: Writer, index: Sequence[str]) -> None:
    if all(i == "0" for i in index):
        w.depth -= 1
        w.line("} while (0);")
    else:
        w.close(index)


def _group(channel: str, per_group: int, inner: str, of_group: int, groups: int) -> str:
    """The channel of the other side: `inner` of the group to which `channel` belongs."""
    if groups == 1:
        return inner
    start = channel if per_group == 1 else f"{channel} / {per_group}"
    return scaled(start if start.isidentifier() else f"({start})", of_group, 0) + (
        "" if inner == "0" else f" + {inner}"
    )


def _conv(w: Writer, e: Equation) -> None:
    """Each output: the sum over channels and kernel elements of image times kernel, and the bias."""
    x, kernel, *bias = e.operands
    out, groups = e.outs[0], e.params["groups"]
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    n, o, *place = index
    total = w.local("total")
    w.line(f"double {total} = {w.at(bias[0], [o]) if bias else 0};")
    c, *element = inner = _inner(w, kernel.shape[1:], index)
    seen = _seen(w, place, element, e, x.shape[2:])
    channel = _group(o, kernel.shape[0] // groups, c, kernel.shape[1], groups)
    w.line(f"{total} += {_times(w.at(x, [n, channel, *seen]), w.at(kernel, [o, c, *element]))};")
    _end_inner(w, inner)
    w.line(f"{_sub(name, index)} = {total};")
    w.end_block(index)


def _zeros(w: Writer, e: Equation) -> str:
    out = e.outs[0]
    name = w.declare(out, out.name)
    index = w.loops(out.shape)
    w.line(f"{_sub(name, index)} = 0;")
    w.close(index)
    return name


def _conv_input_grad(w: Writer, e: Equation) -> None:
    """Each output's cotangent, times the kernel, is added where the kernel saw the image."""
    g, kernel = e.operands
    groups = e.params["groups"]
    name = _zeros(w, e)
    index = w.loops(g.shape)
    n, o, *place = index
    c, *element = inner = _inner(w, kernel.shape[1:], index)
    seen = _seen(w, place, element, e, e.params["size"])
    channel = _group(o, kernel.shape[0] // groups, c, kernel.shape[1], groups)
    w.line(f"{_sub(name, [n, channel, *seen])} += {_times(w.at(g, index), w.at(kernel, [o, c, *element]))};")
    _end_inner(w, inner)
    w.close(index)


def _conv_weight_grad(w: Writer, e: Equation) -> None:
    """Each kernel element: the sum over images and positions of cotangent times what the element saw."""
    g, x = e.operands
    out, groups = e.outs[0], e.params["groups"]
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    o, c, *element = index
    total = w.local("total")
    w.line(f"double {total} = 0;")
    n, *place = inner = _inner(w, [g.shape[0], *g.shape[2:]], index)
    seen = _seen(w, place, element, e, x.shape[2:])
    channel = _group(o, out.shape[0] // groups, c, out.shape[1], groups)
    w.line(f"{total} += {_times(w.at(g, [n, o, *place]), w.at(x, [n, channel, *seen]))};")
    _end_inner(w, inner)
    w.line(f"{_sub(name, index)} = {total};")
    w.end_block(index)


def _number(element: Sequence[str], kernel: Sequence[int]) -> str:
    """The number of a kernel element in row-major order."""
    from .c_elements import flat_index

    return flat_index(tuple(kernel), element)


def _max_pool(w: Writer, e: Equation) -> None:
    """The maximum of each window, and the number of the window's element that it is; padding is -infinity."""
    x, out = e.operands[0], e.outs[0]
    value, winner = (w.declare(o, out.name) for o in e.outs)
    index = w.block(out.shape)
    best, where = w.local("best"), w.local("winner")
    w.line(f"{c_type(x.dtype)} {best} = -INFINITY;")
    w.line(f"int {where} = 0;")
    inner = _inner(w, e.params["kernel"], index)
    seen = _seen(w, index[2:], inner, e, x.shape[2:])
    element = w.at(x, [*index[:2], *seen])
    w.line(f"if ({element} > {best}) {where} = {_number(inner, e.params['kernel'])};")
    w.line(f"{best} = {w.function('maximum')}({best}, {element});")
    _end_inner(w, inner)
    w.line(f"{_sub(value, index)} = {best};")
    w.line(f"{_sub(winner, index)} = {where};")
    w.end_block(index)


def _winners_place(w: Writer, e: Equation, winner: Text, place: Sequence[str]) -> list[str]:
    """The image index of a window's winning element."""
    kernel, after, names = e.params["kernel"], 1, []
    for d in range(len(kernel) - 1, -1, -1):
        part = winner.at(PRODUCT) if after == 1 else f"{winner.at(PRODUCT)} / {after}"
        local = "0" if kernel[d] == 1 else part if d == 0 else f"({part}) % {kernel[d]}"
        after *= kernel[d]
        at = scaled(place[d], e.params["stride"][d], -e.params["padding"][d][0])
        step = e.params["dilation"][d]
        names.append(f"{at} + {local if step == 1 else f'({local}) * {step}'}" if local != "0" else at)
    return names[::-1]


def _spread_to_winner(w: Writer, e: Equation) -> None:
    """Each window's value is added to the element that was the window's maximum."""
    g, winner = e.operands
    name = _zeros(w, e)
    index = w.loops(g.shape)
    place = _winners_place(w, e, w.at(winner, index), index[2:])
    w.line(f"{_sub(name, [*index[:2], *place])} += {w.at(g, index)};")
    w.close(index)


def _winner_index(w: Writer, e: Equation) -> None:
    """The position in the flattened image of each window's maximum."""
    from .c_elements import flat_index

    winner, out = e.operands[0], e.outs[0]
    name = w.declare(out, out.name)
    index = w.loops(out.shape)
    place = [f"({p})" for p in _winners_place(w, e, w.at(winner, index), index[2:])]
    w.line(f"{_sub(name, index)} = {flat_index(tuple(e.params['size']), place)};")
    w.close(index)


def _window_sum(w: Writer, e: Equation) -> None:
    x, out = e.operands[0], e.outs[0]
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    total = w.local("total")
    w.line(f"double {total} = 0;")
    inner = _inner(w, e.params["kernel"], index)
    seen = _seen(w, index[2:], inner, e, x.shape[2:])
    w.line(f"{total} += {w.at(x, [*index[:2], *seen])};")
    _end_inner(w, inner)
    w.line(f"{_sub(name, index)} = {total};")
    w.end_block(index)


def _window_spread(w: Writer, e: Equation) -> None:
    g = e.operands[0]
    name = _zeros(w, e)
    index = w.loops(g.shape)
    inner = _inner(w, e.params["kernel"], index)
    seen = _seen(w, index[2:], inner, e, e.params["size"])
    w.line(f"{_sub(name, [*index[:2], *seen])} += {w.at(g, index)};")
    _end_inner(w, inner)
    w.close(index)


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "conv": _conv,
    "conv_bias": _conv,
    "conv_input_grad": _conv_input_grad,
    "conv_weight_grad": _conv_weight_grad,
    "max_pool": _max_pool,
    "spread_to_winner": _spread_to_winner,
    "winner_index": _winner_index,
    "window_sum": _window_sum,
    "window_spread": _window_spread,
}
