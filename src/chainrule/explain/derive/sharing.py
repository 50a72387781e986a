"""Long expressions that occur again and again get a name: "where H = tanh(X W)"."""

from __future__ import annotations

from collections import Counter

from .expr import SCALAR, Expr
from .write import LIMIT, Writer

LONG = 72  # letters of a line that is shortened
SHORTEST = 10  # letters of an expression that is worth a name
WORTHWHILE = 60  # letters saved by one more name where all lines are short enough
MOST = 12  # names in one derivation

_LETTERS = {"softmax": "P", "sigmoid": "P", "add": "R", "inv": "M", "exp": "E", "had": "G"}


def shared(lines: list[Expr], taken: set[str]) -> list[tuple[str, Expr]]:
    """Names for what repeats in lines that are too long, each defined in terms of those before it.

    `taken` are names in use. What is differentiated stands as it is, apart from what does not move.
    """
    found: list[tuple[str, Expr]] = []
    if any(x.size > LIMIT for x in lines):
        return []
    while len(found) < MOST:
        writer = named(found, False)
        fits = max((len(writer.text(x)) for x in lines), default=0) <= LONG
        if fits and not found:
            break
        best, gain = _best(lines, [x for _, x in found], writer)
        if best is None or (fits and gain < WORTHWHILE):
            break
        name = _name(best, taken | {n for n, _ in found})
        found.append((name, best))
    return sorted(found, key=lambda pair: pair[1].size)


def named(found: list[tuple[str, Expr]], latex: bool, but: str = "") -> Writer:
    """A writer that uses these names, except the one that is being defined."""
    writer = Writer(latex)
    for name, x in found:
        if name != but:
            writer.call(x, name)
    return writer


def definitions(found: list[tuple[str, Expr]], latex: bool) -> list[tuple[str, str]]:
    """(Name, what it stands for), written."""
    return [(Writer(latex).name(name), named(found, latex, name).text(x)) for name, x in found]


def _best(lines: list[Expr], have: list[Expr], writer: Writer) -> tuple[Expr | None, int]:
    """What saves most letters if it is written by name wherever it stands, and how many."""
    counts: Counter[Expr] = Counter()
    known, whole = set(have), set(lines)
    for line in [*lines, *have]:
        stack = list(line.args) if line in known else [line]
        while stack:
            x = stack.pop()
            if x in known:
                continue
            if not x.moving and x.op in ("add", "fn", "had", "inv", "lse") and x.shape != SCALAR and x not in whole:
                counts[x] += 1
            stack += x.args
    gains = [((n - 1) * (len(writer.text(x)) - 2), len(writer.text(x)), x) for x, n in counts.items() if n > 1]
    gains = [g for g in gains if g[1] >= SHORTEST]
    if not gains:
        return None, 0
    gain, _, best = max(gains, key=lambda g: g[:2])
    return best, gain


def _name(x: Expr, taken: set[str]) -> str:
    """A letter that is free: small for a vector."""
    first = _LETTERS.get(str(x.data) if x.op == "fn" else x.op, "H")
    for letter in first + "HGKQRTUVZSPEM":
        letter = letter.lower() if x.shape[1] == 1 else letter
        if letter not in taken:
            return letter
    return next(f"H{i}" for i in range(1, 100) if f"H{i}" not in taken)
