"""One element of a result as a C expression of elements of the operands: arithmetic, and index maps without loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...graph.ir import Equation
from .literals import LiftError
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer

ATOM, UNARY, PRODUCT, SUM, RELATION, EQUALITY, AND, OR, CHOICE = 10, 8, 7, 6, 5, 4, 3, 2, 1
Index = Sequence[str]

TYPES = {"float64": "double", "float32": "float", "bool": "bool", "uint8": "uint8_t"}
TYPES |= {f"int{n}": f"int{n}_t" for n in (8, 16, 32, 64)}


def c_type(dtype: np.dtype) -> str:
    """The C type of an array's elements."""
    if dtype.name not in TYPES:
        raise LiftError(f"C has no standard type for {dtype.name}")
    return TYPES[dtype.name]


def c_literal(x: Any, dtype: np.dtype) -> Text:
    """A number as a C literal of a dtype."""
    if dtype.kind == "b":
        return Text("true" if x else "false")
    if dtype.kind in "iu":
        x = int(x)
        if dtype.itemsize == 8 and abs(x) >= 1 << 31:
            return Text(f"INT64_C({x})") if x > -(1 << 63) else Text("INT64_MIN")
        return Text(str(x), ATOM if x >= 0 else UNARY)
    if np.isnan(x):
        return Text("NAN")
    if np.isinf(x):
        return Text("INFINITY" if x > 0 else "-INFINITY", ATOM if x > 0 else UNARY)
    text = repr(float(str(np.float32(x)))) if dtype.itemsize == 4 else repr(float(x))
    if dtype.itemsize == 4 and np.float32(float(text)) != np.float32(x):
        text = repr(float(np.float32(x)))
    return Text(text + ("f" if dtype.itemsize == 4 else ""), ATOM if np.copysign(1, x) > 0 else UNARY)


# ---- index maps: the element of a result is one element of the operand, or a fixed number ----------------------


def shifted(index: str, by: int) -> str:
    """index + by, simplified."""
    try:
        return str(int(index) + by)
    except ValueError:
        pass
    if by == 0:
        return index
    return f"{index} + {by}" if by > 0 else f"{index} - {-by}"


def scaled(index: str, by: int, plus: int) -> str:
    """plus + by * index, simplified."""
    if by == 1:
        return shifted(index, plus)
    try:
        return str(int(index) * by + plus)
    except ValueError:
        pass
    inside = index if index.isidentifier() else f"({index})"
    if by == -1:
        return f"{plus} - {inside}"
    return shifted(f"{by} * {inside}", plus)


def aligned(shape: tuple[int, ...], index: Index) -> list[str]:
    """The index into an operand of `shape` that broadcasting gives."""
    last = index[len(index) - len(shape) :]
    return ["0" if n == 1 else i for n, i in zip(shape, last, strict=True)]


def flat_index(shape: tuple[int, ...], index: Index) -> str:
    """The position in row-major order."""
    total = "0"
    for n, i in zip(shape, index, strict=True):
        inside = total if total.isidentifier() or total.isdigit() else f"({total})"
        head = "" if total == "0" else f"{inside} * {n}" if n != 1 else inside
        total = i if not head else head if i == "0" else f"{head} + {i}"
    return total


def split_index(position: str, shape: tuple[int, ...]) -> list[str]:
    """The index of a position in row-major order."""
    found, after = [], 1
    inside = position if position.isidentifier() or position.isdigit() else f"({position})"
    for axis in range(len(shape) - 1, -1, -1):
        n = shape[axis]
        part = inside if after == 1 else f"{inside} / {after}"
        found.append("0" if n <= 1 else part if axis == 0 or not any(m > 1 for m in shape[:axis]) else f"{part} % {n}")
        after *= max(n, 1)
    return found[::-1]


def reshaped(old: tuple[int, ...], new: tuple[int, ...], index: Index) -> list[str]:
    """The index into an array of shape `old` for an index into its reshape to `new`."""
    found: list[str] = []
    i = j = 0
    while i < len(old) or j < len(new):  # split both shapes into runs of equal size
        a, b, ni, nj = 1, 1, i, j
        while ni < len(old) or nj < len(new):
            if a <= b and ni < len(old) and (a < b or a == b == 1 or nj == len(new)):
                a, ni = a * old[ni], ni + 1
            elif nj < len(new):
                b, nj = b * new[nj], nj + 1
            else:
                a, ni = a * old[ni], ni + 1
            if a == b and a != 1:
                break
        run_old, run_new, run_index = old[i:ni], new[j:nj], index[j:nj]
        big_old, big_new = [n for n in run_old if n != 1], [n for n in run_new if n != 1]
        if len(big_new) <= 1 and len(big_old) <= 1:
            whole = next((k for k, n in zip(run_index, run_new, strict=True) if n != 1), "0")
            found += ["0" if n == 1 else whole for n in run_old]
        else:
            found += split_index(flat_index(tuple(run_new), run_index), tuple(run_old))
        i, j = ni, nj
    return found


def slice_of(key: tuple, n: int) -> range:
    """The positions that a slice selects of n."""
    return range(n)[slice(*key)]


def picked(key: tuple, shape: tuple[int, ...], index: Index) -> list[str]:
    """The index into x for an index into x[key], for ints, slices and None."""
    found, queue, dim = [], list(index), 0
    for k in key:
        if k is None:
            queue.pop(0)
        elif isinstance(k, int):
            found.append(str(k % shape[dim]))
            dim += 1
        else:
            r = slice_of(k, shape[dim])
            found.append(scaled(queue.pop(0), r.step, r.start))
            dim += 1
    return found + queue


def _known(condition: str) -> bool | None:
    """Does a comparison of two numbers hold? None if it is not one."""
    if condition == "0":
        return False
    a, sign, b = condition.split(" ", 2) if condition.count(" ") == 2 else ("", "", "")
    if not a.isdigit() or not b.lstrip("-").isdigit():
        return None
    x, y = int(a), int(b)
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y}[sign]


def chosen(conditions: list[str], inside: Text, outside: Text) -> Text:
    """inside where all the conditions hold, else outside."""
    open_ones = [c for c in conditions if _known(c) is not True]
    if any(_known(c) is False for c in open_ones):
        return outside
    if not open_ones:
        return inside
    return Text(f"{' && '.join(open_ones)} ? {inside.at(OR)} : {outside.at(CHOICE)}", CHOICE)


def written(key: tuple, shape: tuple[int, ...], index: Index) -> tuple[list[str], list[str]]:
    """For out[key] = g: when an element of out is written, and the index into g."""
    conditions: list[str] = []
    found: list[str] = []
    dim = 0
    for k in key:
        if k is None:
            found.append("0")
            continue
        i, n = index[dim], shape[dim]
        dim += 1
        if isinstance(k, int):
            conditions += [] if n == 1 else [f"{i} == {k % n}"]
            continue
        r = slice_of(k, n)
        if not len(r):
            return ["0"], found
        if r.step < 0:
            raise LiftError("a slice with a negative step is written to")
        if r.start > 0:
            conditions.append(f"{i} >= {r.start}")
        if r.step == 1:
            if r.stop < n:
                conditions.append(f"{i} < {r.stop}")
            found.append(shifted(i, -r.start))
            continue
        moved = shifted(i, -r.start)
        inside = moved if moved.isidentifier() else f"({moved})"
        if r[-1] + r.step < n:
            conditions.append(f"{i} <= {r[-1]}")
        conditions.append(f"{inside} % {r.step} == 0")
        found.append(f"{inside} / {r.step}")
    return conditions, found + list(index[dim:])


def _zero(e: Equation) -> Text:
    return c_literal(0, e.outs[0].dtype)


def _reshape(w: Writer, e: Equation, index: Index) -> Text:
    return w.at(e.operands[0], reshaped(e.operands[0].shape, e.outs[0].shape, index))


def _permute(w: Writer, e: Equation, index: Index) -> Text:
    inner = [""] * len(index)
    for i, d in zip(index, e.params["dims"], strict=True):
        inner[d] = i
    return w.at(e.operands[0], inner)


def _flip(w: Writer, e: Equation, index: Index) -> Text:
    dims = {d % len(index) for d in e.params["dims"]}
    shape = e.outs[0].shape
    return w.at(e.operands[0], [scaled(i, -1, shape[d] - 1) if d in dims else i for d, i in enumerate(index)])


def _select(w: Writer, e: Equation, index: Index) -> Text:
    dim, n = e.params["dim"], e.operands[0].shape[e.params["dim"]]
    return w.at(e.operands[0], [*index[:dim], str(e.params["index"] % n), *index[dim:]])


def _embed(w: Writer, e: Equation, index: Index) -> Text:
    conditions, inner = written(e.params["key"], e.params["shape"], index)
    return chosen(conditions, w.at(e.operands[0], inner) if "0" not in conditions else _zero(e), _zero(e))


def _pad(w: Writer, e: Equation, index: Index) -> Text:
    conditions, inner = [], []
    for i, (lo, hi), n in zip(index, e.params["pads"], e.operands[0].shape, strict=True):
        conditions += [f"{i} >= {lo}"] if lo > 0 else []
        conditions += [f"{i} < {n + lo}"] if hi > 0 else []
        inner.append(shifted(i, -lo))
    return chosen(conditions, w.at(e.operands[0], inner), c_literal(e.params["value"], e.outs[0].dtype))


def _cat(w: Writer, e: Equation, index: Index) -> Text:
    dim, start, parts = e.params["dim"] % len(index), 0, []
    for o in e.operands:
        n = o.shape[dim]
        if n:
            inner = [*index[:dim], shifted(index[dim], -start), *index[dim + 1 :]]
            parts.append((f"{index[dim]} < {start + n}", w.at(o, inner)))
        start += n
    return _one_of(parts)


def _stack(w: Writer, e: Equation, index: Index) -> Text:
    dim = e.params["dim"] % len(index)
    inner = [*index[:dim], *index[dim + 1 :]]
    return _one_of([(f"{index[dim]} == {k}", w.at(o, inner)) for k, o in enumerate(e.operands)])


def _one_of(parts: list[tuple[str, Text]]) -> Text:
    found = parts[-1][1]
    for condition, text in reversed(parts[:-1]):
        found = Text(f"{condition} ? {text.at(OR)} : {found.at(CHOICE)}", CHOICE)
    return found


def _diagonal(w: Writer, e: Equation, index: Index) -> Text:
    ndim = len(e.operands[0].shape)
    offset, a, b = e.params["offset"], e.params["dim1"] % ndim, e.params["dim2"] % ndim
    queue = list(index[:-1])
    place = {a: shifted(index[-1], max(-offset, 0)), b: shifted(index[-1], max(offset, 0))}
    return w.at(e.operands[0], [place[d] if d in place else queue.pop(0) for d in range(ndim)])


def _embed_diagonal(w: Writer, e: Equation, index: Index) -> Text:
    ndim = len(index)
    offset, a, b = e.params["offset"], e.params["dim1"] % ndim, e.params["dim2"] % ndim
    rest = [i for d, i in enumerate(index) if d not in (a, b)]
    along = shifted(index[a], -max(-offset, 0))
    return chosen([f"{index[b]} == {shifted(index[a], offset)}"], w.at(e.operands[0], [*rest, along]), _zero(e))


def _triangle(sign: str) -> Callable[[Writer, Equation, Index], Text]:
    def rule(w: Writer, e: Equation, index: Index) -> Text:
        limit = shifted(index[-2], e.params["diagonal"])
        return chosen([f"{index[-1]} {sign} {limit}"], w.at(e.operands[0], index), _zero(e))

    return rule


def _index(w: Writer, e: Equation, index: Index) -> Text:
    return w.at(e.operands[0], gathered(w, e.params["key"], e.operands[0].shape, e.operands[1:], index))


def gathered(w: Writer, key: tuple, shape: tuple[int, ...], arrays: Sequence[Any], index: Index) -> list[str]:
    """The index into x for an index into x[key] with integer arrays."""
    from ...ops.keys import dims_before

    if "z" in key:
        raise LiftError("it indexes with a mask without dimensions")
    picked_shape = np.broadcast_shapes(*[a.shape for a in arrays])
    at, n = dims_before(key), len(picked_shape)
    here, others = list(index[at : at + n]), [*index[:at], *index[at + n :]]
    found, queue, dim = [], list(arrays), 0
    for k in key:
        if k is None:
            others.pop(0)
            continue
        size = shape[dim]
        dim += 1
        if isinstance(k, str):
            where = queue.pop(0)
            found.append(w.position(where, aligned(where.shape, here), size))
        elif isinstance(k, int):
            found.append(str(k % size))
        else:
            r = slice_of(k, size)
            found.append(scaled(others.pop(0), r.step, r.start))
    return found + others


def _shift(w: Writer, e: Equation, index: Index) -> Text:
    axis, by = e.params["axis"] % len(index), e.params["by"]
    n, i = e.outs[0].shape[axis], index[axis]
    inner = [shifted(i, -by) if d == axis else j for d, j in enumerate(index)]
    condition = f"{i} >= {by}" if by > 0 else f"{i} < {n + by}"
    return chosen([condition], w.at(e.operands[0], inner), c_literal(float(e.params["fill"]), e.outs[0].dtype))


def _strict_triangle(w: Writer, e: Equation, index: Index) -> Text:
    """A triangle without its diagonal, which is scaled."""
    i, j, scale = index[-2], index[-1], e.params["scale"]
    x = w.at(e.operands[0], index)
    on = Text(f"{x.at(PRODUCT)} * {c_literal(scale, e.outs[0].dtype)}", PRODUCT) if scale else _zero(e)
    return chosen([f"{j} {'>' if e.params['upper'] else '<'} {i}"], x, chosen([f"{i} == {j}"], on, _zero(e)))


def _fit(w: Writer, e: Equation, index: Index) -> Text:
    shape = e.operands[0].shape
    conditions = [f"{i} < {m}" for i, m, n in zip(index, shape, e.outs[0].shape, strict=True) if m < n]
    return chosen(conditions, w.at(e.operands[0], index), _zero(e))


def _rows(w: Writer, e: Equation, index: Index) -> Text:
    table, where = e.operands
    axis, n = e.params["axis"], len(where.shape)
    place = w.position(where, index[axis : axis + n], table.shape[axis])
    return w.at(table, [*index[:axis], place, *index[axis + n :]])


def _pick_along(w: Writer, e: Equation, index: Index) -> Text:
    x, where = e.operands
    axis = e.params["axis"] % len(index)
    place = w.position(where, aligned(where.shape, index), x.shape[axis])
    return w.at(x, [place if d == axis else "0" if n == 1 else i for d, (i, n) in enumerate(zip(index, x.shape))])


def _roll(w: Writer, e: Equation, index: Index) -> Text:
    inner = list(index)
    for shift, d in zip(e.params["shifts"], e.params["dims"], strict=True):
        n = e.outs[0].shape[d]
        back = -shift % n if n else 0
        inner[d] = f"({shifted(index[d], back)}) % {n}" if back else index[d]
    return w.at(e.operands[0], inner)


VIEWS: dict[str, Callable[[Writer, Equation, Index], Text]] = {
    "reshape": _reshape,
    "permute": _permute,
    "broadcast_to": lambda w, e, index: w.at(e.operands[0], aligned(e.operands[0].shape, index)),
    "getitem": lambda w, e, index: w.at(e.operands[0], picked(e.params["key"], e.operands[0].shape, index)),
    "select": _select,
    "flip": _flip,
    "diagonal": _diagonal,
    "clone": lambda w, e, index: w.at(e.operands[0], index),
    "stop_gradient": lambda w, e, index: w.at(e.operands[0], index),
}
MAPS: dict[str, Callable[[Writer, Equation, Index], Text]] = {
    "embed": _embed,
    "pad_constant": _pad,
    "cat": _cat,
    "stack": _stack,
    "embed_diagonal": _embed_diagonal,
    "tril": _triangle("<="),
    "triu": _triangle(">="),
    "index": _index,
    "rows": _rows,
    "pick_along": _pick_along,
    "roll": _roll,
    "shift": _shift,
    "triangle": _strict_triangle,
    "fit": _fit,
}
