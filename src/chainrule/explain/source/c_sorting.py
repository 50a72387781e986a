"""Order along an axis in C: sorting, the k largest, medians, running extremes. NaN counts as the largest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...graph.ir import Equation

if TYPE_CHECKING:
    from .c_text import Writer

FUNCTIONS = {
    "before": """\
/* is x before y in ascending order, NaN last? */
static bool before(double x, double y) { return x < y || (isnan(y) && !isnan(x)); }""",
}


def _sub(name: str, index: Sequence[str]) -> str:
    return name + "".join(f"[{i}]" for i in index)


class _Along:
    """The loops over all axes but one, and the results' elements there."""

    def __init__(self, w: Writer, e: Equation) -> None:
        self.w, self.e, self.x = w, e, e.operands[0]
        self.axis = e.params["axis"] % max(len(self.x.shape), 1)
        self.n = self.x.shape[self.axis] if self.x.shape else 1
        self.names = [w.declare(o, e.outs[0].name) for o in e.outs]
        self.outer = w.block([1 if d == self.axis else n for d, n in enumerate(self.x.shape)])

    def at(self, place: str) -> str:
        """The element of the operand at a place along the axis."""
        return str(self.w.at(self.x, [place if d == self.axis else i for d, i in enumerate(self.outer)]))

    def write(self, place: str, index: str) -> None:
        """The value at `index`, and `index`, are the results at `place`."""
        kept = self.e.params.get("keepdims", True)
        where = [place if d == self.axis else i for d, i in enumerate(self.outer) if kept or d != self.axis]
        self.w.line(f"{_sub(self.names[0], where if self.x.shape else [])} = {self.at(index)};")
        self.w.line(f"{_sub(self.names[1], where if self.x.shape else [])} = {index};")

    def order(self, descending: bool) -> str:
        """Declare and fill the indices that sort: insertion, so equal elements keep their order."""
        w, order, i, k = self.w, self.w.local("order"), self.w.local("i_"), self.w.local("k_")
        test = f"{w.function('before')}({self.at(i)}, {self.at(f'{order}[{k} - 1]')})"
        if descending:
            test = f"{w.function('before')}({self.at(f'{order}[{k} - 1]')}, {self.at(i)})"
        w.line(f"int {order}[{max(self.n, 1)}];")
        w.line(f"for (int {i} = 0; {i} < {self.n}; {i}++) {{")
        w.line(f"    int {k} = {i};")
        w.line(f"    for (; {k} > 0 && {test}; {k}--) {order}[{k}] = {order}[{k} - 1];")
        w.line(f"    {order}[{k}] = {i};")
        w.line("}")
        return order

    def done(self) -> None:
        """Close the loops."""
        self.w.end_block(self.outer)


def _sort(w: Writer, e: Equation) -> None:
    """sort and topk."""
    along = _Along(w, e)
    order = along.order(e.params["descending"] if e.prim.name == "sort" else e.params["largest"])
    (k,) = w.loops([e.params.get("k", along.n)], prefix=along.outer)
    along.write(k, f"{order}[{k}]")
    w.close([k])
    along.done()


def _kth(w: Writer, e: Equation) -> None:
    along = _Along(w, e)
    order = along.order(False)
    along.write("0", f"{order}[{e.params['k'] - 1}]")
    along.done()


def _median(w: Writer, e: Equation) -> None:
    """The lower median; NaN if there is one (median_along), or of what is not NaN (nanmedian_along)."""
    along = _Along(w, e)
    order, place = along.order(False), w.local("place")
    i = w.local("i_")
    w.line(f"int {place} = {along.n};")
    w.line(f"for (int {i} = {along.n - 1}; {i} >= 0; {i}--)")
    if e.prim.name == "median_along":
        w.line(f"    if ({along.at(i)} != {along.at(i)}) {place} = {i};")
        w.line(f"if ({place} == {along.n}) {place} = {order}[{(along.n - 1) // 2}];")
    else:
        w.line(f"    if ({along.at(i)} != {along.at(i)}) {place}--;")
        w.line(f"{place} = {order}[{place} > 0 ? ({place} - 1) / 2 : 0];")
    along.write("0", place)
    along.done()


def _running(sign: str) -> Callable[[Writer, Equation], None]:
    """The extreme so far, the last one among equals."""

    def rule(w: Writer, e: Equation) -> None:
        along = _Along(w, e)
        best = w.local("best")
        w.line(f"int {best} = 0;")
        (i,) = w.loops([along.n], prefix=along.outer)
        here, top = along.at(i), along.at(best)
        nan = f" || {here} != {here}" if along.x.dtype.kind == "f" else ""
        w.line(f"if ({here} {sign} {top}{nan}) {best} = {i};")
        along.write(i, best)
        w.close([i])
        along.done()

    return rule


RULES: dict[str, Callable[[Writer, Equation], None]] = {
    "sort": _sort,
    "topk": _sort,
    "kthvalue": _kth,
    "median_along": _median,
    "nanmedian_along": _median,
    "cummax": _running(">="),
    "cummin": _running("<="),
}
