"""Sums and matrix products, kept simple as they are built."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import elements, matrices
from .tree import ONE, SCALAR, Expr, Shape, dim, exact, eye, is_zero, num, ones, zero


def split(x: Expr) -> tuple[Any, Expr]:
    """(number, rest) of a product."""
    if x.op == "num":
        return x.data, ONE
    if x.op == "mul" and x.data[0] != 1:
        return x.data[0], product_of(1, x.args[: x.data[1]], x.args[x.data[1] :])
    return 1, x


def add(*terms: Expr) -> Expr:
    """Sum; like terms are gathered, in the order of their first appearance."""
    shape = terms[0].shape
    gathered: dict[bytes, list] = {}
    for term in _terms(terms):
        if term.shape != shape:
            raise ValueError(f"sum of sizes {shape} and {term.shape}")
        number, rest = split(term)
        gathered.setdefault(rest.digest, [0, rest])[0] += number
    kept = [mul(num(n), rest) for n, rest in gathered.values() if n != 0]
    kept = [t for t in kept if not is_zero(t)]
    if not kept:
        return zero(shape)
    return _logistic(kept, shape) or (kept[0] if len(kept) == 1 else Expr("add", tuple(kept), shape))


def _logistic(terms: list[Expr], shape: Shape) -> Expr | None:
    """p - p^2 as s (1 - s), the usual form of the logistic function's derivative, where p is s or 1 - s."""
    for i, term in enumerate(terms):
        number, square = split(term)
        if number != -1 or square.op != "pow" or square.args[1] != num(2) or len(terms) not in (2, 3):
            continue
        p, rest = square.args[0], [*terms[:i], *terms[i + 1 :]]
        if p != (rest[0] if len(rest) == 1 else Expr("add", tuple(rest), shape)):
            continue
        s = p if p.op == "fn" else split(p.args[-1])[1]
        other = Expr("add", (ones(*shape), mul(num(-1), s)), shape)
        if s.op == "fn" and s.data == "sigmoid" and p in (s, other):
            return elements.had(s, other)
    return None


def _terms(given: Iterable[Expr]) -> list[Expr]:
    """The terms of a sum; a sum that occurs more than once in it stays one term, n times."""
    times: dict[bytes, list] = {}
    for x in given:
        number, rest = split(x) if x.op == "mul" else (1, x)
        times.setdefault(rest.digest, [0, rest])[0] += number
    found: list[Expr] = []
    for number, rest in times.values():
        if rest.op == "add" and abs(number) == 1:
            found += rest.args if number == 1 else negative(rest).args
        elif number:
            found.append(mul(num(number), rest))
    return found or [zero(rest.shape) for _, rest in list(times.values())[:1]]


def flat(op: str, xs: Iterable[Expr]) -> list[Expr]:
    return [y for x in xs for y in (x.args if x.op == op else (x,))]


def negative(x: Expr) -> Expr:
    """-x; a sum changes the sign of each term."""
    return add(*(mul(num(-1), t) for t in x.args)) if x.op == "add" else mul(num(-1), x)


# ---- products --------------------------------------------------------------------------------------------------------


def product_of(number: Any, scalars: Iterable[Expr], chain: Iterable[Expr]) -> Expr:
    """The node for factors that are in normal form already."""
    scalars, chain = tuple(scalars), tuple(chain)
    if chain and chain[0].shape[0] == 1 == chain[-1].shape[1] and scalars:
        scalars, chain = (*scalars, product_of(1, (), chain)), ()
    if not chain and len(scalars) == 1 and scalars[0].op == "mul" and scalars[0].data == (1, 0):
        scalars, chain = (), scalars[0].args
    if number == 0:
        return zero((chain[0].shape[0], chain[-1].shape[1]) if chain else SCALAR)
    if number == 1 and len(scalars) + len(chain) == 1:
        return (*scalars, *chain)[0]
    if not scalars and not chain:
        return num(number)
    shape = (chain[0].shape[0], chain[-1].shape[1]) if chain else SCALAR
    return Expr("mul", (*scalars, *chain), shape, (number, len(scalars)))


def mul(*factors: Expr) -> Expr:
    """Product of numbers and matrices; numbers move to the front, what cancels is dropped."""
    number: Any = 1
    scalars: list[Expr] = []
    chain: list[Expr] = []
    ends: list[Expr] = [f for f in factors if f.shape != SCALAR]
    shape: Shape = (ends[0].shape[0], ends[-1].shape[1]) if ends else SCALAR
    for f in factors:
        if is_zero(f):
            return zero(shape)
        if f.op == "num":
            number = number * f.data
        elif f.op == "mul":
            number = number * f.data[0]
            scalars += f.args[: f.data[1]]
            inner = f.args[f.data[1] :]
            if inner and f.shape == SCALAR:
                scalars.append(product_of(1, (), inner))
            else:
                chain += inner
        elif f.shape == SCALAR:
            scalars.append(f)
        else:
            chain.append(f)
    n, more, chain = _chain(chain)
    number, scalars = number * n, scalars + more
    n, scalars = _powers(scalars)
    made = product_of(exact(number * n), scalars, chain or ([eye(shape[0])] if shape != SCALAR else []))
    return made


def _chain(given: list[Expr]) -> tuple[Any, list[Expr], list[Expr]]:
    """Simplify a product of matrices: (number, numbers split off, the factors left)."""
    if any(x.shape == SCALAR for x in given):
        raise ValueError("a number in a chain of matrices")
    chain: list[Expr] = []
    number, scalars = 1, []
    for x in given:
        chain.append(x)
        while len(chain) > 1:
            made = _pair(chain[-2], chain[-1])
            if made is None and len(chain) > 2:
                made3 = _triple(*chain[-3:])
                if made3 is not None:
                    chain[-3:] = [made3]
                    made = made3
                    break
            if made is None:
                break
            chain[-2:] = [made]
    # cut where the inner size is 1: pieces that are 1 by 1 are numbers
    pieces: list[list[Expr]] = [[]]
    for x in chain:
        if pieces[-1] and pieces[-1][-1].shape[1] == 1:
            pieces.append([])
        pieces[-1].append(x)
    left: list[Expr] = []
    again = False
    for piece in pieces:
        if not piece:
            continue
        if len(pieces) == 1 and len(piece) > 1:
            left += piece
            continue
        shape = (piece[0].shape[0], piece[-1].shape[1])
        if shape == SCALAR:
            n, rest = split(piece[0] if len(piece) == 1 else product_of(1, (), piece))
            number *= n
            if rest.op != "num":
                scalars.append(rest)
        else:
            left += piece
    flat: list[Expr] = []
    for x in left:
        if x.op == "mul":
            again = True
            number *= x.data[0]
            scalars += x.args[: x.data[1]]
            flat += x.args[x.data[1] :]
        elif x.op == "eye":
            again = again or len(left) > 1
            if len(left) == 1:
                flat.append(x)
        elif x.shape == SCALAR:
            n, rest = split(x)
            number *= n
            if rest.op != "num":
                scalars.append(rest)
        else:
            flat.append(x)
    if again and flat:
        n, more, flat = _chain(flat)
        return number * n, scalars + more, flat
    scalar = len(flat) > 1 and flat[0].shape[0] == 1 == flat[-1].shape[1]
    if scalar and flat[-1].op == "ones" != flat[0].op:  # 1^T x rather than x^T 1
        flat = [matrices.transpose(x) for x in reversed(flat)]
    return number, scalars, flat


def _pair(x: Expr, y: Expr) -> Expr | None:
    """A simpler form of x y, or None."""
    if x.op == "eye":
        return y
    if y.op == "eye":
        return x
    if _inverses(x, y):
        return eye(x.shape[0])
    if x.op == "T" and x.args[0].op == y.op == "unit" and {type(x.args[0].data), type(y.data)} == {int}:
        return num(int(x.args[0].data == y.data))
    if x.op == "rows" and y.op == "T" and x == y.args[0]:
        return eye(x.shape[0])
    if x.op == "rows" and y.op == "ones":
        return ones(x.shape[0], y.shape[1])
    if x.op == "T" and y.op == "T" and _inverses(x.args[0], y.args[0]):
        return eye(x.shape[0])
    if x.op == "ones" and y.op == "ones" and x.shape[1] == y.shape[0] != 1:
        return dim(x.shape[1])
    if x.op == "diag" and y.op == "diag":
        return matrices.diag(elements.had(x.args[0], y.args[0]))
    if x.op == "diag" and y.shape[1] == 1:
        return elements.had(x.args[0], y)
    if y.op == "diag" and x.shape[0] == 1:
        return matrices.transpose(elements.had(y.args[0], matrices.transpose(x)))
    if x.op == "ones" and x.shape[0] == 1 and y.shape[1] == 1:
        if y.op == "diagonal":
            return matrices.tr(y.args[0])
        if y.op == "sym" and y.data[1] == "probability":
            return ONE
        if y.op == "fn" and y.data == "softmax":
            return ONE
        pairs = _factors(y)
        if pairs is not None:
            return mul(matrices.transpose(pairs[0]), pairs[1])
    if x.op == "T" and x.shape[0] == 1 and y.shape[1] == 1:
        divided = [f.args[0] for f in (x.args[0].args if x.args[0].op == "had" else (x.args[0],)) if _below(f)]
        if any(f in divided for f in (y.args if y.op == "had" else (y,))):
            return mul(ones(1, x.shape[1]), elements.had(x.args[0], y))  # (a / b)^T b = 1^T a
    rows = x.op == "onehot" or (x.op == "sym" and x.data[1] == "probability") or (x.op == "fn" and x.data == "softmax")
    if rows and y.op == "ones" and y.shape[1] == 1 and 1 not in x.shape:  # each row sums to one
        return ones(x.shape[0], 1)
    return None


def _inverses(x: Expr, y: Expr) -> bool:
    return (x.op == "inv" and x.args[0] == y) or (y.op == "inv" and y.args[0] == x)


def _below(x: Expr) -> bool:
    return x.op == "pow" and x.args[1] == num(-1)


def _triple(x: Expr, y: Expr, z: Expr) -> Expr | None:
    """1^T (A . B) 1 = matrices.tr(A^T B)."""
    if x.op == z.op == "ones" and x.shape[0] == 1 == z.shape[1] and y.shape[0] != 1 != y.shape[1]:
        pairs = _factors(y)
        if pairs is not None:
            return matrices.tr(mul(matrices.transpose(pairs[0]), pairs[1]))
    return None


def _factors(y: Expr) -> tuple[Expr, Expr] | None:
    """(a, b) of a Hadamard product or an elementwise square."""
    if y.op == "pow" and y.args[1] == num(2):
        return y.args[0], y.args[0]
    if y.op == "had":
        return (elements.had(*y.args[:-1]), y.args[-1]) if y.moving else (y.args[0], elements.had(*y.args[1:]))
    return None


def _powers(scalars: list[Expr]) -> tuple[Any, list[Expr]]:
    """Gather equal bases of a commutative product: (number, factors)."""
    number: Any = 1
    found: dict[bytes, list] = {}
    for s in scalars:
        base, exponent = (s.args[0], s.args[1]) if s.op == "pow" else (s, ONE)
        entry = found.setdefault(base.digest, [base, []])
        entry[1].append(exponent)
    elements.signs_taken(found)
    kept: list[Expr] = []
    for base, exponents in found.values():
        made = elements.power(base, add(*exponents))
        n, rest = split(made)
        number = number * n
        if rest.op == "mul":
            kept += [rest] if rest.data[1] == 0 else rest.args
        elif rest.op != "num":
            kept.append(rest)
    return number, sorted(kept, key=lambda s: s.moving)
