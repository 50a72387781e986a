"""Products, powers and functions that work element by element."""

from __future__ import annotations

from fractions import Fraction

from . import matrices, products
from .tree import ONE, SCALAR, Expr, Shape, is_ones, is_zero, num, ones, positive

COMPARISONS = ("gt", "lt", "ge", "le", "eq", "ne")


def had(*factors: Expr) -> Expr:
    """Product element by element."""
    shape = factors[0].shape
    if len(factors) == 1:
        return factors[0]
    if shape == SCALAR:
        return products.mul(*factors)
    if shape[0] == 1:
        return matrices.transpose(had(*(matrices.transpose(f) for f in factors)))
    scalars: list[Expr] = []
    plain: list[Expr] = []
    outer: list[tuple[Expr, Expr]] = []
    for f in products.flat("had", factors):
        if f.shape != shape:
            raise ValueError(f"Hadamard product of sizes {shape} and {f.shape}")
        if is_zero(f):
            return f
        if f.op == "mul":
            scalars.append(products.product_of(f.data[0], f.args[: f.data[1]], ()))
            f = products.product_of(1, (), f.args[f.data[1] :])
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
    signs_taken(gathered)
    plain = [power(base, products.add(*e)) for base, e in gathered.values()]
    plain = sorted((f for f in plain if not is_ones(f)), key=lambda f: f.moving)
    core = None if not plain else plain[0] if len(plain) == 1 else _had(plain, shape)
    if not outer:
        return products.mul(*scalars, core if core is not None else ones(*shape))
    u, v = had(*(a for a, _ in outer)), had(*(b for _, b in outer))
    if core is None:
        return products.mul(*scalars, u, matrices.transpose(v))
    return products.mul(*scalars, matrices.diag(u), core, matrices.diag(v))


def signs_taken(gathered: dict[bytes, list]) -> None:
    """sign(x) |x| = x, sign(x) / |x| = 1 / x, x / |x| = sign(x), in a product given as {digest: [base, exponents]}."""
    for key, (base, exponents) in list(gathered.items()):
        size = gathered.get(Expr("fn", (base,), base.shape, "abs").digest)
        if size is not None and products.add(*exponents) == num(1) and products.add(*size[1]) == num(-1):
            gathered[key] = [fn("sign", base), [num(1)]]
            del gathered[size[0].digest]
    for key, (base, exponents) in list(gathered.items()):
        if base.op != "fn" or base.data != "sign" or products.add(*exponents) != num(1):
            continue
        size = gathered.get(Expr("fn", base.args, base.shape, "abs").digest)
        power_of = None if size is None else products.add(*size[1])
        if size is not None and power_of in (num(1), num(-1)):
            x = base.args[0]
            gathered[size[0].digest] = [size[0], [num(0)]]
            own = gathered.get(x.digest, [x, []])[1]
            gathered[key] = [x, [*own, power_of]]
            gathered.pop(x.digest, None)


def _had(factors: list[Expr], shape: Shape) -> Expr:
    if all(f.op == "T" for f in factors):
        return matrices.transpose(Expr("had", tuple(f.args[0] for f in factors), (shape[1], shape[0])))
    return Expr("had", tuple(factors), shape)


def _rank_one(x: Expr) -> tuple[Expr, Expr] | None:
    """(u, v) of u v^T."""
    if x.op != "mul" or x.data[1]:
        return None
    for k in range(1, len(x.args)):
        if x.args[k].shape[0] == 1:
            return products.mul(*x.args[:k]), matrices.transpose(products.mul(*x.args[k:]))
    return None


def power(x: Expr, exponent: Expr) -> Expr:
    """x to a power, element by element."""
    p = exponent.data if exponent.op == "num" else None
    if p == 1:
        return x
    if p == 0 or is_ones(x):
        return ones(*x.shape)
    if x.op == "fn" and x.data in COMPARISONS and isinstance(p, int) and p > 0:  # it is 0 or 1
        return x
    if x.shape[0] == 1 != x.shape[1]:
        return matrices.transpose(power(matrices.transpose(x), exponent))
    if x.op == "T":
        return matrices.transpose(power(x.args[0], exponent))
    if x.op == "num" and p is not None and isinstance(x.data, (int, Fraction)) and isinstance(p, int) and x.data:
        return num(Fraction(x.data) ** p)
    if isinstance(p, int):
        if x.op == "pow":
            return power(x.args[0], products.mul(x.args[1], exponent))
        if x.op == "mul" and (x.data[0] != 1 or x.data[1]):
            outer = [power(num(x.data[0]), exponent), *(power(s, exponent) for s in x.args[: x.data[1]])]
            chain = x.args[x.data[1] :]
            return products.mul(*outer, *([power(products.product_of(1, (), chain), exponent)] if chain else []))
        if x.op == "fn" and x.data == "exp" and p == -1:
            return fn("exp", products.negative(x.args[0]))
        if x.op == "had":
            return had(*(power(f, exponent) for f in x.args))
        cut = _rank_one(x)
        if cut is not None and x.shape[1] != 1:
            return products.mul(power(cut[0], exponent), matrices.transpose(power(cut[1], exponent)))
    return Expr("pow", (x, exponent), x.shape)


def fn(name: str, *args: Expr) -> Expr:
    """A function applied element by element; softmax and log_softmax work along rows, or on the whole vector."""
    x, shape = args[0], args[0].shape
    if name not in ("softmax", "log_softmax"):
        if shape[0] == 1 != shape[1]:
            return matrices.transpose(fn(name, *(matrices.transpose(a) for a in args)))
        if x.op == "T" and len(args) == 1:
            return matrices.transpose(fn(name, x.args[0]))
    if name == "abs" and positive(x):
        return x
    if name == "gt" and x.op == "fn" and x.data == "relu" and is_zero(args[1]):
        return fn("gt", x.args[0], args[1])
    if name == "sigmoid" and products.split(x)[0] < 0:
        return products.add(ones(*shape), products.negative(fn("sigmoid", products.negative(x))))
    if name == "exp":
        if x.op == "fn" and x.data == "log_softmax":
            return fn("softmax", x.args[0])
        if x.op == "add":
            for lse in (a.args[0] for a in x.args if a.op == "mul" and a.data[0] == -1):
                if lse.op == "lse":
                    spread = ones(*shape) if lse.shape == SCALAR else ones(1, shape[1])
                    whole = products.add(x, products.mul(lse, spread))
                    if whole == lse.args[0]:
                        return fn("softmax", whole)
        if x.op == "num" and x.data == 0:
            return ONE
    return Expr("fn", args, shape, name)
