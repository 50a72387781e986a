"""Matrix expressions with sizes that may be names, and the algebra that keeps them simple as they are built.

Every expression is a matrix: a vector (n,) is a column, a number is 1 by 1. Expressions are equal if their digests are;
sums and Hadamard products are equal in any order, a number to its own transpose, traces under cyclic permutation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from hashlib import blake2b
from typing import Any

Dim = int | str
Shape = tuple[Dim, Dim]
SCALAR: Shape = (1, 1)


class Expr:
    """One expression: operation, arguments, what else belongs to it (`data`), and its two sizes."""

    __slots__ = ("args", "atoms", "data", "digest", "moving", "op", "shape", "size")

    def __init__(self, op: str, args: tuple[Expr, ...], shape: Shape, data: Any = None) -> None:
        self.op, self.args, self.shape, self.data = op, args, shape, data
        self.size: int = 1 + sum(a.size for a in args)
        own = frozenset({data}) if op in ("sym", "d") else frozenset()
        self.atoms: frozenset = own.union(*(a.atoms for a in args)) if op != "d" else own
        self.moving: bool = op == "d" or any(a.moving for a in args)  # is there a differential in it?
        digests = [a.digest for a in args]
        if op in ("add", "had"):
            digests.sort()
        elif op == "mul":
            digests[: data[1]] = sorted(digests[: data[1]])
        self.digest = _digest(op, shape, data, digests)
        if op == "mul" and shape == SCALAR and data[1] < len(args):
            back = [transpose(a).digest for a in reversed(args[data[1] :])]
            self.digest = min(self.digest, _digest(op, shape, data, digests[: data[1]] + back))
        elif op == "tr" and args[0].op == "mul":
            chain = args[0].args[args[0].data[1] :]
            turns = [[a.digest for a in (*chain[i:], *chain[:i])] for i in range(len(chain))]
            other = [transpose(a) for a in reversed(chain)]
            turns += [[a.digest for a in (*other[i:], *other[:i])] for i in range(len(chain))]
            self.digest = min(_digest(op, shape, args[0].data, t) for t in turns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expr) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        from .write import unicode_text

        return unicode_text(self)


def _digest(op: str, shape: Shape, data: Any, parts: list[bytes]) -> bytes:
    h = blake2b(repr((op, shape, data)).encode(), digest_size=16)
    for p in parts:
        h.update(p)
    return h.digest()


# ---- leaves ----------------------------------------------------------------------------------------------------------


def exact(x: Any) -> Any:
    """A float as an int or a simple fraction where it is one exactly."""
    if isinstance(x, (int, Fraction)):
        return int(x) if isinstance(x, bool) or Fraction(x).denominator == 1 else x
    if x != x or x in (float("inf"), -float("inf")):
        return x
    near = Fraction(x).limit_denominator(1000)
    if float(near) == x:
        return int(near) if near.denominator == 1 else near
    return float(x)


def num(x: Any) -> Expr:
    """A number."""
    return Expr("num", (), SCALAR, exact(x))


ZERO, ONE = num(0), num(1)


def zero(shape: Shape) -> Expr:
    """A matrix of zeros."""
    return ZERO if shape == SCALAR else Expr("zero", (), shape)


def sym(name: str, shape: Shape, kind: str = "") -> Expr:
    """A named matrix; `kind` is "symmetric" or "probability" (rows, or the vector, sum to one)."""
    return Expr("sym", (), shape, (name, kind))


def dim(n: Dim) -> Expr:
    """A size as a number."""
    return num(n) if isinstance(n, int) else Expr("dim", (), SCALAR, n)


def differential(x: Expr, key: Any) -> Expr:
    """The differential d x as one atom; `key` tells it from others."""
    return Expr("d", (x,), x.shape, key)


def ones(rows: Dim, columns: Dim) -> Expr:
    """All ones; a matrix of them is written as the product of two vectors."""
    if rows == 1 and columns == 1:
        return ONE
    if rows == 1 or columns == 1:
        return Expr("ones", (), (rows, columns))
    return mul(ones(rows, 1), ones(1, columns))


def eye(n: Dim) -> Expr:
    """The identity matrix."""
    return ONE if n == 1 else Expr("eye", (), (n, n))


def unit(i: int, n: Dim) -> Expr:
    """The i-th unit vector, counted from 1."""
    return Expr("unit", (), (n, 1), i)


def is_zero(x: Expr) -> bool:
    """Is it the number or matrix zero?"""
    return x.op == "zero" or (x.op == "num" and x.data == 0)


def is_ones(x: Expr) -> bool:
    """Is every element one?"""
    if x.op == "mul":
        return x.data == (1, 0) and len(x.args) == 2 and all(a.op == "ones" for a in x.args)
    return x.op == "ones" or (x.op == "num" and x.data == 1)


# ---- sums ------------------------------------------------------------------------------------------------------------


def split(x: Expr) -> tuple[Any, Expr]:
    """(number, rest) of a product."""
    if x.op == "num":
        return x.data, ONE
    if x.op == "mul" and x.data[0] != 1:
        return x.data[0], _product(1, x.args[: x.data[1]], x.args[x.data[1] :])
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
            return had(s, other)
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


def _flat(op: str, xs: Iterable[Expr]) -> list[Expr]:
    return [y for x in xs for y in (x.args if x.op == op else (x,))]


def negative(x: Expr) -> Expr:
    """-x; a sum changes the sign of each term."""
    return add(*(mul(num(-1), t) for t in x.args)) if x.op == "add" else mul(num(-1), x)


# ---- products --------------------------------------------------------------------------------------------------------


def _product(number: Any, scalars: Iterable[Expr], chain: Iterable[Expr]) -> Expr:
    """The node for factors that are in normal form already."""
    scalars, chain = tuple(scalars), tuple(chain)
    if chain and chain[0].shape[0] == 1 == chain[-1].shape[1] and scalars:
        scalars, chain = (*scalars, _product(1, (), chain)), ()
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
                scalars.append(_product(1, (), inner))
            else:
                chain += inner
        elif f.shape == SCALAR:
            scalars.append(f)
        else:
            chain.append(f)
    n, more, chain = _chain(chain)
    number, scalars = number * n, scalars + more
    n, scalars = _powers(scalars)
    made = _product(exact(number * n), scalars, chain or ([eye(shape[0])] if shape != SCALAR else []))
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
            n, rest = split(piece[0] if len(piece) == 1 else _product(1, (), piece))
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
        flat = [transpose(x) for x in reversed(flat)]
    return number, scalars, flat


def _pair(x: Expr, y: Expr) -> Expr | None:
    """A simpler form of x y, or None."""
    if x.op == "eye":
        return y
    if y.op == "eye":
        return x
    if (x.op == "inv" and x.args[0] == y) or (y.op == "inv" and y.args[0] == x):
        return eye(x.shape[0])
    if x.op == "ones" and y.op == "ones" and x.shape[1] == y.shape[0] != 1:
        return dim(x.shape[1])
    if x.op == "diag" and y.op == "diag":
        return diag(had(x.args[0], y.args[0]))
    if x.op == "diag" and y.shape[1] == 1:
        return had(x.args[0], y)
    if y.op == "diag" and x.shape[0] == 1:
        return transpose(had(y.args[0], transpose(x)))
    if x.op == "ones" and x.shape[0] == 1 and y.shape[1] == 1:
        if y.op == "diagonal":
            return tr(y.args[0])
        if y.op == "sym" and y.data[1] == "probability":
            return ONE
        if y.op == "fn" and y.data == "softmax":
            return ONE
        pairs = _factors(y)
        if pairs is not None:
            return mul(transpose(pairs[0]), pairs[1])
    if x.op == "T" and x.shape[0] == 1 and y.shape[1] == 1:
        divided = [f.args[0] for f in (x.args[0].args if x.args[0].op == "had" else (x.args[0],)) if _below(f)]
        if any(f in divided for f in (y.args if y.op == "had" else (y,))):
            return mul(ones(1, x.shape[1]), had(x.args[0], y))  # (a / b)^T b = 1^T a
    rows = (x.op == "sym" and x.data[1] == "probability") or (x.op == "fn" and x.data == "softmax")
    if rows and y.op == "ones" and y.shape[1] == 1 and 1 not in x.shape:  # each row sums to one
        return ones(x.shape[0], 1)
    return None


def _below(x: Expr) -> bool:
    return x.op == "pow" and x.args[1] == num(-1)


def _triple(x: Expr, y: Expr, z: Expr) -> Expr | None:
    """1^T (A . B) 1 = tr(A^T B)."""
    if x.op == z.op == "ones" and x.shape[0] == 1 == z.shape[1] and y.shape[0] != 1 != y.shape[1]:
        pairs = _factors(y)
        if pairs is not None:
            return tr(mul(transpose(pairs[0]), pairs[1]))
    return None


def _factors(y: Expr) -> tuple[Expr, Expr] | None:
    """(a, b) of a Hadamard product or an elementwise square."""
    if y.op == "pow" and y.args[1] == num(2):
        return y.args[0], y.args[0]
    if y.op == "had":
        return (had(*y.args[:-1]), y.args[-1]) if y.moving else (y.args[0], had(*y.args[1:]))
    return None


def _powers(scalars: list[Expr]) -> tuple[Any, list[Expr]]:
    """Gather equal bases of a commutative product: (number, factors)."""
    number: Any = 1
    found: dict[bytes, list] = {}
    for s in scalars:
        base, exponent = (s.args[0], s.args[1]) if s.op == "pow" else (s, ONE)
        entry = found.setdefault(base.digest, [base, []])
        entry[1].append(exponent)
    kept: list[Expr] = []
    for base, exponents in found.values():
        made = power(base, add(*exponents))
        n, rest = split(made)
        number = number * n
        if rest.op == "mul":
            kept += [rest] if rest.data[1] == 0 else rest.args
        elif rest.op != "num":
            kept.append(rest)
    return number, sorted(kept, key=lambda s: s.moving)


# ---- elementwise -----------------------------------------------------------------------------------------------------


def had(*factors: Expr) -> Expr:
    """Product element by element."""
    shape = factors[0].shape
    if len(factors) == 1:
        return factors[0]
    if shape == SCALAR:
        return mul(*factors)
    if shape[0] == 1:
        return transpose(had(*(transpose(f) for f in factors)))
    scalars: list[Expr] = []
    plain: list[Expr] = []
    outer: list[tuple[Expr, Expr]] = []
    for f in _flat("had", factors):
        if f.shape != shape:
            raise ValueError(f"Hadamard product of sizes {shape} and {f.shape}")
        if is_zero(f):
            return f
        if f.op == "mul":
            scalars.append(_product(f.data[0], f.args[: f.data[1]], ()))
            f = _product(1, (), f.args[f.data[1] :])
        if is_ones(f):
            continue
        cut = _rank_one(f) if shape[1] != 1 and not f.moving else None
        if cut is not None:
            outer.append(cut)
        else:
            plain += f.args if f.op == "had" else (f,)
    gathered: dict[bytes, list] = {}
    for f in plain:
        base, exponent = (f.args[0], f.args[1]) if f.op == "pow" else (f, ONE)
        gathered.setdefault(base.digest, [base, []])[1].append(exponent)
    plain = [power(base, add(*e)) for base, e in gathered.values()]
    plain = sorted((f for f in plain if not is_ones(f)), key=lambda f: f.moving)
    core = None if not plain else plain[0] if len(plain) == 1 else _had(plain, shape)
    if not outer:
        return mul(*scalars, core if core is not None else ones(*shape))
    u, v = had(*(a for a, _ in outer)), had(*(b for _, b in outer))
    if core is None:
        return mul(*scalars, u, transpose(v))
    return mul(*scalars, diag(u), core, diag(v))


def _had(factors: list[Expr], shape: Shape) -> Expr:
    if all(f.op == "T" for f in factors):
        return transpose(Expr("had", tuple(f.args[0] for f in factors), (shape[1], shape[0])))
    return Expr("had", tuple(factors), shape)


def _rank_one(x: Expr) -> tuple[Expr, Expr] | None:
    """(u, v) of u v^T."""
    if x.op != "mul" or x.data[1]:
        return None
    for k in range(1, len(x.args)):
        if x.args[k].shape[0] == 1:
            return mul(*x.args[:k]), transpose(mul(*x.args[k:]))
    return None


def power(x: Expr, exponent: Expr) -> Expr:
    """x to a power, element by element."""
    p = exponent.data if exponent.op == "num" else None
    if p == 1:
        return x
    if p == 0 or is_ones(x):
        return ones(*x.shape)
    if x.shape[0] == 1 != x.shape[1]:
        return transpose(power(transpose(x), exponent))
    if x.op == "T":
        return transpose(power(x.args[0], exponent))
    if x.op == "num" and p is not None and isinstance(x.data, (int, Fraction)) and isinstance(p, int) and x.data:
        return num(Fraction(x.data) ** p)
    if isinstance(p, int):
        if x.op == "pow":
            return power(x.args[0], mul(x.args[1], exponent))
        if x.op == "mul" and (x.data[0] != 1 or x.data[1]):
            outer = [power(num(x.data[0]), exponent), *(power(s, exponent) for s in x.args[: x.data[1]])]
            chain = x.args[x.data[1] :]
            return mul(*outer, *([power(_product(1, (), chain), exponent)] if chain else []))
        if x.op == "fn" and x.data == "exp" and p == -1:
            return fn("exp", negative(x.args[0]))
        cut = _rank_one(x)
        if cut is not None and x.shape[1] != 1:
            return mul(power(cut[0], exponent), transpose(power(cut[1], exponent)))
    return Expr("pow", (x, exponent), x.shape)


def fn(name: str, *args: Expr) -> Expr:
    """A function applied element by element; softmax and log_softmax work along rows, or on the whole vector."""
    x, shape = args[0], args[0].shape
    if name not in ("softmax", "log_softmax"):
        if shape[0] == 1 != shape[1]:
            return transpose(fn(name, *(transpose(a) for a in args)))
        if x.op == "T" and len(args) == 1:
            return transpose(fn(name, x.args[0]))
    if name == "gt" and x.op == "fn" and x.data == "relu" and is_zero(args[1]):
        return fn("gt", x.args[0], args[1])
    if name == "sigmoid" and split(x)[0] < 0:
        return add(ones(*shape), negative(fn("sigmoid", negative(x))))
    if name == "exp":
        if x.op == "fn" and x.data == "log_softmax":
            return fn("softmax", x.args[0])
        if x.op == "add":
            for lse in (a.args[0] for a in x.args if a.op == "mul" and a.data[0] == -1):
                if lse.op == "lse":
                    whole = add(x, mul(lse, ones(shape[0], shape[1])))
                    if whole == lse.args[0]:
                        return fn("softmax", whole)
        if x.op == "num" and x.data == 0:
            return ONE
    return Expr("fn", args, shape, name)


# ---- matrices --------------------------------------------------------------------------------------------------------

_TURNED: dict[str, Callable[[Expr], Expr]] = {
    "T": lambda x: x.args[0],
    "ones": lambda x: ones(x.shape[1], x.shape[0]),
    "zero": lambda x: zero((x.shape[1], x.shape[0])),
    "eye": lambda x: x,
    "diag": lambda x: x,
    "mul": lambda x: _product(
        x.data[0], x.args[: x.data[1]], [transpose(a) for a in reversed(x.args[x.data[1] :])]
    ),
}


def transpose(x: Expr) -> Expr:
    """Transpose; inside a product, and outside of sums unless it disappears there."""
    if x.shape == SCALAR or (x.op == "sym" and x.data[1] == "symmetric"):
        return x
    if x.op in _TURNED:
        return _TURNED[x.op](x)
    turned = Expr("T", (x,), (x.shape[1], x.shape[0]))
    if x.op == "add" and all(t.shape[0] != 1 != t.shape[1] for t in x.args):
        pushed = Expr("add", tuple(transpose(t) for t in x.args), turned.shape)
        return pushed if pushed.size < turned.size else turned
    if x.op == "inv" and transpose(x.args[0]).op != "T":
        return inverse(transpose(x.args[0]))
    return turned


def inverse(x: Expr) -> Expr:
    """Inverse of a square matrix."""
    if x.shape == SCALAR:
        return power(x, num(-1))
    if x.op in ("inv", "eye"):
        return x.args[0] if x.op == "inv" else x
    if x.op == "T":
        return transpose(inverse(x.args[0]))
    if x.op == "diag":
        return diag(power(x.args[0], num(-1)))
    if x.op == "mul" and (x.data[0] != 1 or x.data[1]):
        outer = [power(a, num(-1)) for a in (num(x.data[0]), *x.args[: x.data[1]])]
        return mul(*outer, inverse(_product(1, (), x.args[x.data[1] :])))
    if x.op == "mul" and all(a.shape == x.shape for a in x.args):
        return mul(*(inverse(a) for a in reversed(x.args)))
    return Expr("inv", (x,), x.shape)


def tr(x: Expr) -> Expr:
    """Trace."""
    if x.shape == SCALAR:
        return x
    if x.op == "T":
        return tr(x.args[0])
    if x.op == "eye":
        return dim(x.shape[0])
    if is_zero(x):
        return ZERO
    if x.op == "add":
        return add(*(tr(t) for t in x.args))
    if x.op == "diag":
        return mul(ones(1, x.shape[0]), x.args[0])
    if x.op == "mul":
        chain = x.args[x.data[1] :]
        if x.data != (1, 0):
            return mul(num(x.data[0]), *x.args[: x.data[1]], tr(_product(1, (), chain)))
        for k in range(1, len(chain)):
            if chain[k].shape[0] == 1:
                return mul(*chain[k:], *chain[:k])
    return Expr("tr", (x,), SCALAR)


def det(x: Expr) -> Expr:
    """Determinant."""
    if x.shape == SCALAR:
        return x
    return det(x.args[0]) if x.op == "T" else Expr("det", (x,), SCALAR)


def logdet(x: Expr) -> Expr:
    """Logarithm of the determinant's absolute value."""
    return logdet(x.args[0]) if x.op == "T" else Expr("logdet", (x,), SCALAR)


def diag(v: Expr) -> Expr:
    """The diagonal matrix of a column."""
    if v.shape == SCALAR:
        return v
    if v.op == "ones":
        return eye(v.shape[0])
    if v.op == "mul" and (v.data[0] != 1 or v.data[1]):
        outer = (num(v.data[0]), *v.args[: v.data[1]])
        return mul(*outer, diag(_product(1, (), v.args[v.data[1] :])))
    return Expr("diag", (v,), (v.shape[0], v.shape[0]))


def diagonal(x: Expr) -> Expr:
    """The diagonal of a square matrix as a column."""
    if x.shape == SCALAR:
        return x
    if x.op == "T":
        return diagonal(x.args[0])
    if x.op == "eye":
        return ones(x.shape[0], 1)
    return x.args[0] if x.op == "diag" else Expr("diagonal", (x,), (x.shape[0], 1))


def lse(x: Expr) -> Expr:
    """log(sum(exp(x))) of a vector, or of each row."""
    return Expr("lse", (x,), SCALAR if x.shape[1] == 1 else (x.shape[0], 1))


def rebuild(x: Expr, args: Iterable[Expr]) -> Expr:
    """The same operation on other arguments."""
    args = tuple(args)
    if x.op == "mul":
        return mul(num(x.data[0]), *args)
    if x.op == "fn":
        return fn(x.data, *args)
    if x.op in _MADE:
        return _MADE[x.op](*args)
    return x


def expanded(x: Expr) -> Expr:
    """Hadamard products (products, of numbers) of sums multiplied out, everywhere outside of functions."""
    if x.op == "add":
        return add(*(expanded(a) for a in x.args))
    if x.op not in ("had", "mul"):
        return x
    number = x.data[0] if x.op == "mul" else 1
    args = [expanded(a) for a in x.args]
    for i, a in enumerate(args):
        if a.op == "add" and (x.op == "had" or x.shape == SCALAR == a.shape or i >= x.data[1]):
            join = had if x.op == "had" else mul
            made = add(*(mul(num(number), join(*args[:i], t, *args[i + 1 :])) for t in a.args))
            return expanded(made) if made.op == "add" else made
    return rebuild(x, args)


_MADE: dict[str, Callable[..., Expr]] = {
    "add": add,
    "had": had,
    "pow": power,
    "T": transpose,
    "inv": inverse,
    "tr": tr,
    "det": det,
    "logdet": logdet,
    "diag": diag,
    "diagonal": diagonal,
    "lse": lse,
}


def substitute(x: Expr, key: Any, value: Expr, memo: dict | None = None) -> Expr:
    """`x` with the atom `key` replaced."""
    memo = {} if memo is None else memo
    if key not in x.atoms:
        return x
    if x.op in ("sym", "d"):
        return value
    if x.digest not in memo:
        memo[x.digest] = rebuild(x, (substitute(a, key, value, memo) for a in x.args))
    return memo[x.digest]
