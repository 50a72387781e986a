"""Writes at indices as C loops; and the pieces of an array, which are read in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from ...graph.ir import Equation, Variable
from .c_elements import aligned, c_literal, flat_index, gathered, picked, shifted
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


def _write_at(add: bool) -> Callable[[Writer, Equation], None]:
    """A copy of x with v added, or written, at a key; in order, so that the last of equal indices wins."""

    def rule(w: Writer, e: Equation) -> None:
        from ...ops.keys import selection_shape

        x, v, *arrays = e.operands
        out, key = e.outs[0], e.params["key"]
        name = w.declare(out, out.name)
        index = w.loops(out.shape)
        w.line(f"{_sub(name, index)} = {w.at(x, index)};")
        w.close(index)
        picked_shape = selection_shape(out.shape, key, arrays)
        index = w.loops(picked_shape)
        if arrays:
            place = gathered(w, key, out.shape, arrays, index)
        else:
            place = picked(key, out.shape, index)
        value = w.at(v, aligned(v.shape, index), out.dtype) if isinstance(v, Variable) else c_literal(v, out.dtype)
        w.line(f"{_sub(name, place)} {'+' if add else ''}= {value};")
        w.close(index)

    return rule


def _add_rows(w: Writer, e: Equation) -> None:
    """Zeros with the rows of `values` added at an index array along an axis."""
    values, where = e.operands
    out, axis, n = e.outs[0], e.params["axis"], len(e.operands[1].shape)
    name = w.declare(out, out.name)
    index = w.loops(out.shape)
    w.line(f"{_sub(name, index)} = 0;")
    w.close(index)
    index = w.loops(values.shape)
    place = w.position(where, index[axis : axis + n], out.shape[axis])
    w.line(f"{_sub(name, [*index[:axis], place, *index[axis + n :]])} += {w.at(values, index)};")
    w.close(index)


def _place_along(w: Writer, e: Equation) -> None:
    x, where = e.operands
    out, axis = e.outs[0], e.params["axis"] % len(e.outs[0].shape)
    name = w.declare(out, out.name)
    index = w.loops(out.shape)
    w.line(f"{_sub(name, index)} = 0;")
    w.close(index)
    index = w.loops(x.shape)
    place = w.position(where, aligned(where.shape, index), out.shape[axis])
    w.line(f"{_sub(name, [place if d == axis else i for d, i in enumerate(index)])} += {w.at(x, index)};")
    w.close(index)


def _last_write(w: Writer, e: Equation) -> None:
    """Which of the values written at a key stay: each place remembers who wrote last."""
    out, shape, key = e.outs[0], e.params["shape"], e.params["key"]
    name = w.declare(out, out.name)
    outer = w.block(())
    last = w.local("last")
    static = "static " if prod(shape) > 1 << 13 else ""
    w.statics = w.statics or bool(static)
    w.line(f"{static}int64_t {last}{''.join(f'[{max(n, 1)}]' for n in shape)};")
    for first in (True, False):
        index = w.loops(out.shape)
        place, number = _sub(last, gathered(w, key, shape, e.operands, index)), flat_index(out.shape, index)
        w.line(f"{place} = {number};" if first else f"{_sub(name, index)} = {place} == {number};")
        w.close(index)
    w.end_block(outer)


def _split(w: Writer, e: Equation) -> None:
    """The pieces of an array are read in place."""
    x, dim = e.operands[0], e.params["dim"] % len(e.operands[0].shape)
    start = 0
    for k, out in enumerate(e.outs):
        if e.prim.name == "unbind":
            piece = _at_piece(w, x, dim, str(k), drop=True)
        else:
            piece = _at_piece(w, x, dim, start, drop=False)
            start += out.shape[dim]
        w.elements[out.name] = piece


def _at_piece(w: Writer, x: Any, dim: int, start: Any, drop: bool) -> Callable[[Sequence[str]], Text]:
    if drop:
        return lambda index: w.at(x, [*index[:dim], start, *index[dim:]])
    return lambda index: w.at(x, [*index[:dim], shifted(index[dim], start), *index[dim + 1 :]])


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "index_add": _write_at(True),
    "setitem": _write_at(False),
    "add_rows": _add_rows,
    "place_along": _place_along,
    "last_write": _last_write,
}
PIECES: dict[str, Callable[[Writer, Equation], None]] = {"split": _split, "unbind": _split}
