"""Products of matrices and einsum as C loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...graph.ir import Equation, Variable
from .c_elements import PRODUCT, aligned
from .literals import LiftError
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


def _product(factors: Sequence[Text]) -> str:
    """The product of expressions; ones are left out."""
    kept = [f for f in factors if f not in ("1.0", "1.0f", "1")]
    return " * ".join(f.at(PRODUCT + (k > 0)) for k, f in enumerate(kept)) or str(factors[0])


def _total(w: Writer, shape: Sequence[int], outer: list[str], target: str) -> tuple[list[str], Callable[[str], None]]:
    """Loops that add up a term: their index, and what to call with the term, which also closes all loops."""
    if all(n == 1 for n in shape):

        def once(term: str) -> None:
            w.line(f"{target} = {term};")
            w.end_block(outer)

        return ["0"] * len(shape), once
    acc = w.local("total")
    w.line(f"double {acc} = 0;")
    inner = w.loops(shape, prefix=outer)

    def end(term: str) -> None:
        w.line(f"{acc} += {term};")
        w.close(inner)
        w.line(f"{target} = {acc};")
        w.end_block(outer)

    return inner, end


def _matmul(w: Writer, e: Equation) -> None:
    x, y = e.operands[:2]
    a, b, out = x.shape, y.shape, e.outs[0]
    rows, cols = len(a) > 1, len(b) > 1
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    batch = index[: len(out.shape) - rows - cols]
    i = [index[len(batch)]] if rows else []
    j = [index[-1]] if cols else []
    (k,), end = _total(w, [a[-1]], index, _sub(name, index))
    left = w.at(x, [*aligned(a[:-2], batch), *(["0"] if rows and a[-2] == 1 else i), k])
    right = w.at(y, [*aligned(b[:-2], batch), k, *(["0"] if cols and b[-1] == 1 else j)])
    end(_product([left, right]))


def _linear(w: Writer, e: Equation) -> None:
    x, weight, *bias = e.operands
    out = e.outs[0]
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    acc = w.local("total")
    first = w.at(bias[0], aligned(bias[0].shape, index)) if bias and isinstance(bias[0], Variable) else "0"
    w.line(f"double {acc} = {first};")
    (k,) = w.loops([x.shape[-1]], prefix=index)
    o = index[-1]
    w.line(f"{acc} += {_product([w.at(x, [*index[:-1], k]), w.at(weight, [o, k])])};")
    w.close([k])
    w.line(f"{_sub(name, index)} = {acc};")
    w.end_block(index)


def _contract(w: Writer, e: Equation) -> None:
    """An einsum: loops over the result's labels, and inside them over the others."""
    ins, labels, sizes = e.params["spec"]
    out = e.outs[0]
    if len(set(labels)) != len(labels):
        raise LiftError("an einsum with a label twice in its result")
    size = dict(enumerate(sizes)) if not isinstance(sizes, dict) else sizes
    name = w.declare(out, out.name)
    index = w.block(out.shape)
    rest = list(dict.fromkeys(a for some in ins for a in some if a not in labels))
    inner, end = _total(w, [size[a] for a in rest], index, _sub(name, index))
    of = {**dict(zip(labels, index, strict=True)), **dict(zip(rest, inner, strict=True))}
    factors = [
        w.at(o, ["0" if n == 1 else of[a] for a, n in zip(some, o.shape, strict=True)])
        for o, some in zip(e.operands, ins, strict=True)
    ]
    end(_product(factors))


def _lstm(w: Writer, e: Equation) -> None:
    """Hidden states, cells and activated gates (input, forget, cell, output) at every step."""
    gates, h0, c0, weight = e.operands
    if len(weight.shape) != 2:
        raise LiftError("a weight for each example")
    size = h0.shape[-1]
    hs, cs, acts = (w.declare(o, e.outs[0].name) for o in e.outs)
    (t,) = w.block([gates.shape[0]])
    batch = w.loops(gates.shape[1:-1], prefix=[t])

    def before(name: str, first: Variable, i: str) -> str:
        """The state before the step."""
        start = w.at(first, [*batch, i])
        return str(start) if t == "0" else f"({t} ? {_sub(name, [f'{t} - 1', *batch, i])} : {start.at(2)})"

    outer = [t, *batch]
    (k,) = w.loops([4 * size], prefix=outer)
    total = w.local("total")
    w.line(f"double {total} = {w.at(gates, [*outer, k])};")
    (i,) = w.loops([size], prefix=[*outer, k])
    w.line(f"{total} += {before(hs, h0, i)} * {w.at(weight, [k, i]).at(PRODUCT + 1)};")
    w.close([i])
    is_cell = f"{k} / {size} == 2" if size > 1 else f"{k} == 2"
    w.line(f"{_sub(acts, [*outer, k])} = {is_cell} ? tanh({total}) : {w.function('sigmoid')}({total});")
    w.close([k])
    (i,) = w.block([size], prefix=outer)
    into, forget, cell, out = (_sub(acts, [*outer, i if g == 0 else f"{g * size} + {i}"]) for g in range(4))
    w.line(f"{_sub(cs, [*outer, i])} = {forget} * {before(cs, c0, i)} + {into} * {cell};")
    w.line(f"{_sub(hs, [*outer, i])} = {out} * tanh({_sub(cs, [*outer, i])});")
    w.end_block([i])
    w.close(batch)
    w.end_block([t])


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "matmul": _matmul,
    "mm": _matmul,
    "linear": _linear,
    "contract": _contract,
    "lstm": _lstm,
}
