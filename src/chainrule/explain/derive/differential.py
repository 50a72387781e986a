"""The differential of a staged function by the engine's own forward rules, and the trace tricks that bring out dX."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from ...core.errors import NotDifferentiableError
from ...core.state import state
from ...core.tape import Spec
from ...graph.ir import Equation, Graph, Variable
from ...graph.stage import StageTrace
from . import expr as e
from .expr import Expr
from .read import Reader

# ---- one rule, on expressions ----------------------------------------------------------------------------------------


class _RuleTrace(StageTrace):
    """Stages one rule on fresh symbols; no tensor of the user's can be met in it."""

    def __init__(self) -> None:
        super().__init__(outside={})


def push(reader: Reader, equation: Equation, tangents: dict[int, Expr]) -> Any:
    """The primitive's own jvp rule, run on the expressions of one equation: the differential of its result."""
    prim, trace, inner = equation.prim, _RuleTrace(), Reader(reader.sizes, reader)
    if prim.jvp is None:
        raise refused(equation, "it has no derivative")

    def given(variable: Variable, spelled: Expr) -> Any:
        symbol = trace.new_input(Spec(variable.shape, variable.dtype), ("arg", 0))
        inner.known[symbol.variable.name] = spelled
        return symbol

    args = [given(o, reader.known[o.name]) if isinstance(o, Variable) else o for o in equation.operands]
    answers = tuple(given(o, reader.known.get(o.name, e.zero(e.SCALAR))) for o in equation.outs)
    moved = tuple(
        given(o, tangents[i]) if i in tangents and isinstance(o, Variable) else None
        for i, o in enumerate(equation.operands)
    )
    state.stage = trace
    state.refresh()
    try:
        found = prim.jvp(prim, moved, answers[0] if prim.n_out == 1 else answers, *args, **equation.params)
    finally:
        state.stage = None
        state.refresh()
    for k, (variable, array) in enumerate(trace.constants.items()):
        inner.known[variable.name] = inner.constant(array, f"K{k}")
    try:
        for step in trace.equations:
            inner.read(step)
    except NotDifferentiableError as error:
        raise refused(equation, f"its derivative uses {str(error).split(': ', 1)[1].split(' at ')[0]}") from None

    def spelled(value: Any, out: Variable) -> Expr | None:
        if value is None:
            return None
        x = inner.operand(trace.operand(value))
        return gathered(reader.spread(x, getattr(value, "shape", ()), out.shape))

    values = found if prim.n_out != 1 else (found,)
    return [spelled(v, o) for v, o in zip(values, equation.outs, strict=True)]


def gathered(x: Expr) -> Expr:
    """dX - A . dX as (1 - A) . dX: one factor for the differential that every term of a sum has."""
    if x.op != "add":
        return x
    rests: list[Expr] = []
    atoms: set[Expr] = set()
    for term in x.args:
        number, core = e.split(term)
        factors = core.args if core.op == "had" or (core.op == "mul" and core.data[1] == len(core.args)) else (core,)
        moving = [f for f in factors if f.op == "d"]
        rest = [f for f in factors if f.op != "d"]
        if len(moving) != 1 or any(f.moving for f in rest):
            return x
        atoms.update(moving)
        rests.append(e.mul(e.num(number), e.had(*rest) if rest else e.ones(*x.shape)))
    return e.had(e.add(*rests), *atoms) if len(atoms) == 1 else x


def refused(equation: Equation, why: str) -> NotDifferentiableError:
    """The error for an operation that has no derivative in matrix calculus."""
    return NotDifferentiableError(
        f"explain.derive(): {equation.prim.name} at {equation.where()} cannot be derived symbolically: {why}. "
        f"explain.trace(f, *args) shows its derivative in numbers"
    )


# ---- the steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line of a derivation: the differential so far, the rule that gave it, whose it is, and the user's line."""

    expression: Expr
    rule: str
    primitive: str = ""
    line: str = ""

    def __str__(self) -> str:
        return f"{self.expression!r}    [{self.rule}]"


RULES = {
    "add": "d(X + Y) = dX + dY",
    "sub": "d(X - Y) = dX - dY",
    "neg": "d(-X) = -dX",
    "mm": "d(X Y) = dX Y + X dY",
    "matmul": "d(X Y) = dX Y + X dY",
    "linear": "d(X W\u1d40 + b) = dX W\u1d40 + X dW\u1d40 + db",
    "permute": "d(X\u1d40) = (dX)\u1d40",
    "inv": "d(X\u207b\u00b9) = -X\u207b\u00b9 dX X\u207b\u00b9",
    "solve": "d(A\u207b\u00b9 B) = A\u207b\u00b9 (dB - dA A\u207b\u00b9 B)",
    "det": "d det(X) = det(X) tr(X\u207b\u00b9 dX)",
    "logdet": "d ln|X| = tr(X\u207b\u00b9 dX)",
    "slogdet": "d ln|X| = tr(X\u207b\u00b9 dX)",
    "diagonal": "diag is linear",
    "sum": "a sum is linear: d(\U0001d7cf\u1d40 x) = \U0001d7cf\u1d40 dx",
    "mean": "a mean is linear",
    "contract": "d(X Y) = dX Y + X dY",
    "softmax": "p = softmax(z): dp = (diag(p) - p p\u1d40) dz",
    "log_softmax": "d log_softmax(z) = dz - \U0001d7cf softmax(z)\u1d40 dz",
    "logsumexp": "d logsumexp(z) = softmax(z)\u1d40 dz",
    "squared_error": "d\u2016x - y\u2016\u00b2 = 2 (x - y)\u1d40 (dx - dy)",
}
RULES["cross_entropy"] = "d cross_entropy(z, y) = (softmax(z) - onehot(y))\u1d40 dz, row by row"
RULES["getitem"] = RULES["select"] = "a part of x is linear: d(x[i]) = (dx)[i]"
RULES["standardize"] = "z = (x - mean(x)) / s: dz = (dx - mean(dx) - z mean(z dx)) / s"
RULES["abs"] = "d|u| = sign(u) du"
RULES["vector_norm"] = "d\u2016x\u2016 = x\u1d40 dx / \u2016x\u2016"
RULES["var"] = "the distances from the mean sum to 0, so that d mean drops out"
HADAMARD = "d(X \u2299 Y) = dX \u2299 Y + X \u2299 dY"
_ONES = "\U0001d7cf\u1d40"
SHAPES = {"reshape", "broadcast_to", "cast", "clone", "select", "stop_gradient"}


def rule_of(equation: Equation, reader: Reader) -> str:
    """The rule's statement; that of a function is found by running its rule on a letter."""
    name = equation.prim.name
    if name in ("mul", "div"):
        scalar = all(reader.operand(o).shape == e.SCALAR for o in equation.operands)
        if name == "mul":
            return "d(x y) = y dx + x dy" if scalar else HADAMARD
        return "d(x / y) = dx / y - x dy / y\u00b2"
    if name in RULES:
        return RULES[name]
    if equation.prim.kind == "elementwise":
        return _on_letters(equation, reader)
    return "linear" if name in SHAPES else f"the rule of {name}"


def _on_letters(equation: Equation, reader: Reader) -> str:
    letters = iter("uvwst")
    inner = Reader(reader.sizes, Reader(reader.sizes))
    operands: list[Any] = []
    for o in equation.operands:
        number = isinstance(o, Variable) and o.shape == () and reader.known[o.name].op == "num"
        if number:
            operands.append(reader.known[o.name].data)
        elif isinstance(o, Variable):
            v = Variable(next(letters), (), o.dtype)
            inner.known[v.name] = e.sym(v.name, e.SCALAR)
            operands.append(v)
        else:
            operands.append(o)
    out = Variable("answer", (), equation.outs[0].dtype)
    small = Equation((out,), equation.prim, tuple(operands), equation.params, equation.code, equation.lasti)
    made = inner.read(small)
    tangents = {
        i: e.differential(inner.known[o.name], "d" + o.name) for i, o in enumerate(operands) if isinstance(o, Variable)
    }
    (found,) = push(inner, small, tangents)
    where = "" if reader.known[equation.outs[0].name].shape == e.SCALAR else ", element by element"
    return f"{e.differential(made, 'answer')!r} = {found!r}{where}"


def differentiate(graph: Graph, reader: Reader, wrt: str) -> tuple[list[Step], list[tuple[str, Expr]]]:
    """The differential of the graph's result by d of the input `wrt`, one equation after the other from the end.

    Also what each rule gave for the differential of which variable, in the order of the computation.
    """
    moving = {wrt}
    for eq in graph.equations:
        if eq.prim.cut:
            continue
        if any(isinstance(o, Variable) and o.name in moving for o in eq.operands):
            moving.update(o.name for o in eq.outs)
    out = graph.outputs[0]
    if not isinstance(out, Variable) or out.name not in moving:
        return [Step(e.zero(reader.operand(out).shape), "the result does not depend on it")], []
    now = e.differential(reader.known[out.name], out.name)
    steps, pushed = [Step(now, "")], []
    shown = repr(now) if now.size < 500 else ""
    for eq in reversed(graph.equations):
        keys = [o.name for o in eq.outs if o.name in now.atoms]
        if not keys:
            continue
        tangents = {
            i: e.differential(reader.known[o.name], o.name)
            for i, o in enumerate(eq.operands)
            if isinstance(o, Variable) and o.name in moving
        }
        found = push(reader, eq, tangents)
        for o, made in zip(eq.outs, found, strict=True):
            if o.name in now.atoms:
                pushed.insert(0, (o.name, e.zero(reader.known[o.name].shape) if made is None else made))
                now = e.substitute(now, o.name, pushed[0][1])
        for key in {o.name for o in eq.operands if isinstance(o, Variable)} & now.atoms:
            now = collect(now, key)
        text = repr(now) if now.size < 500 else ""
        if text != shown or not text:
            rule = rule_of(eq, reader)
            if eq.prim.kind == "elementwise" and text.count(_ONES) < shown.count(_ONES):
                rule += f", {_ONES} (x \u2299 y) = x\u1d40 y"
            steps.append(Step(now, rule, eq.prim.name, eq.where()))
        else:  # it reads the same, but may be about an earlier variable
            steps[-1] = replace(steps[-1], expression=now)
        shown = text
    return steps, pushed


def collect(x: Expr, key: str) -> Expr:
    """Gather the terms of a sum with one number d v as a factor: a dv + b dv = (a + b) dv."""
    if x.op != "add" or x.shape != e.SCALAR:
        return x
    inside: list[Expr] = []
    kept: list[Expr | None] = []
    atom: Expr | None = None
    for term in x.args:
        _, product = e.split(term)
        factors = product.args[: product.data[1]] if product.op == "mul" else (product,)
        hit = next((f for f in factors if f.op == "d" and f.data == key), None)
        if hit is None:
            kept.append(term)
        else:
            if atom is None:
                kept.append(None)  # the gathered term stands where the first of them stood
            atom = hit
            inside.append(e.substitute(term, key, e.ONE))
    if atom is None or len(inside) == 1:
        return x
    total = e.mul(e.add(*inside), atom)
    return e.add(*(total if term is None else term for term in kept))


# ---- bringing out dX -------------------------------------------------------------------------------------------------

TRICKS = {
    "number": "a = tr a",
    "transpose": "tr A\u1d40 = tr A",
    "linear": "tr(A + B) = tr A + tr B",
    "cyclic": "tr(A B) = tr(B A)",
    "hadamard": "tr(A\u1d40 (B \u2299 C)) = tr((A \u2299 B)\u1d40 C)",
    "diag": "tr(A\u1d40 diag(v)) = diag(A)\u1d40 v",
    "gather": "a dx + b dx = (a + b) dx",
    "definition": "df = tr((\u2202f/\u2202X)\u1d40 dX)",
}


def bring_out(start: Expr, key: str) -> tuple[Expr, list[Step]]:
    """(G, steps) with start = tr(G^T dX), for a number `start` that is linear in the atom `key`."""
    pending: list[tuple[Expr, Expr]] = [(e.ONE, start)]
    done: Expr | None = None
    steps: list[Step] = []
    while pending:
        cotangent, x = pending.pop(0)
        if x.op == "d":
            done = cotangent if done is None else e.add(done, cotangent)
            continue
        pairs, trick = _move(cotangent, x, key)
        pending = pairs + pending
        if trick:
            shown = [e.tr(e.mul(e.transpose(c), y)) for c, y in pending]
            if done is not None:
                atom = _atom(start, key)
                shown.insert(0, e.tr(e.mul(e.transpose(done), atom)))
            now = e.add(*shown)
            if repr(now) != repr(steps[-1].expression if steps else start):
                steps.append(Step(now, TRICKS[trick]))
    assert done is not None
    return done, steps


def _atom(x: Expr, key: str) -> Expr:
    """The atom d X itself."""
    if x.op == "d":
        return x
    return _atom(next(a for a in x.args if key in a.atoms), key)


def _move(c: Expr, x: Expr, key: str) -> tuple[list[tuple[Expr, Expr]], str]:
    """tr(C^T x) as a sum of tr(C'^T x') with simpler x', and the trick used."""
    inside = [a for a in x.args if key in a.atoms]
    if x.op == "add":
        moving = [a for a in x.args if key in a.atoms]
        return [(c, a) for a in moving], "linear" if len(moving) > 1 else ""
    if len(inside) != 1:
        raise NotDifferentiableError("explain.derive(): the differential is not linear in dX")
    (y,) = inside
    others = [a for a in x.args if a is not y]
    if x.op == "T":
        return [(e.transpose(c), y)], "transpose"
    if x.op == "tr":
        return [(e.mul(c, e.eye(y.shape[0])), y)], ""
    if x.op == "had":
        return [(e.had(c, *others), y)], "hadamard"
    if x.op == "diag":
        return [(e.diagonal(c), y)], "diag"
    if x.op == "diagonal":
        return [(e.diag(c), y)], "diag"
    if x.op == "mul":
        n, count = x.data
        at = next(i for i, a in enumerate(x.args) if a is y)
        scalars = [a for i, a in enumerate(x.args[:count]) if i != at]
        chain = x.args[count:]
        if at < count:
            whole = e.tr(e.mul(e.transpose(c), *chain)) if chain else c
            return [(e.mul(e.num(n), *scalars, whole), y)], ""
        left, right = chain[: at - count], chain[at - count + 1 :]
        back = [e.transpose(a) for a in reversed(left)], [e.transpose(a) for a in reversed(right)]
        return [(e.mul(e.num(n), *scalars, *back[0], c, *back[1]), y)], "cyclic" if right else "number"
    raise NotDifferentiableError(f"explain.derive(): {x.op} of a differential")


def jacobian_of(x: Expr, key: str) -> Expr:
    """J with x = J dx, for a column x that is linear in the column dx."""
    if x.op == "d":
        return e.eye(x.shape[0])
    if x.shape == e.SCALAR:
        return e.transpose(bring_out(x, key)[0])
    inside = [a for a in x.args if key in a.atoms]
    if x.op == "add":
        return e.add(*(jacobian_of(a, key) for a in inside))
    (y,) = inside
    if x.op == "had":
        return e.mul(e.diag(e.had(*(a for a in x.args if a is not y))), jacobian_of(y, key))
    if x.op == "mul":
        n, count = x.data
        at = next(i for i, a in enumerate(x.args) if a is y)
        chain = x.args[count:]
        scalars = [a for i, a in enumerate(x.args[:count]) if i != at]
        if at < count:
            return e.mul(e.num(n), *scalars, *chain, jacobian_of(y, key))
        if y.shape[1] == 1 and at == len(x.args) - 1:
            return e.mul(e.num(n), *scalars, *chain[:-1], jacobian_of(y, key))
        if y.shape[0] == 1:  # u (dx)^T A: not a column times
            pass
    if x.op == "diagonal" or x.op == "T" or x.op == "mul":
        raise NotDifferentiableError("explain.derive(): this Jacobian is not a product of matrices")
    raise NotDifferentiableError(f"explain.derive(): {x.op} of a differential")


# ---- at the end ------------------------------------------------------------------------------------------------------


def factored(x: Expr) -> Expr:
    """The sums inside an expression with common first or last factors of their terms taken out."""
    if not x.args or x.op == "d" or x.size > 2000:
        return x
    x = e.rebuild(x, (factored(a) for a in x.args))
    if x.op == "mul":
        x = e.rebuild(x, map(_without_number, x.args))
    if x.op in ("add", "had", "mul") and x.shape != e.SCALAR and x.size < 200:
        flat = e.expanded(x)
        x = flat if flat.size < x.size else x
    if x.op != "add" or x.shape == e.SCALAR:
        return x
    best = x
    for last in (True, False):
        groups: dict[bytes, list[Expr]] = {}
        for term in x.args:
            chain = term.args[term.data[1] :] if term.op == "mul" else (term,)
            groups.setdefault(chain[-1 if last else 0].digest, []).append(term)
        if max(len(g) for g in groups.values()) < 2:
            continue
        terms: list[Expr] = []
        split_off = any(len(g) > 1 and any(map(_ends, g)) for g in groups.values())
        for group in groups.values():
            chains = [t.args[t.data[1] :] if t.op == "mul" else (t,) for t in group]
            common = chains[0][-1 if last else 0]
            alone = any(len(c) == 1 for c in chains) and "inv" in (common.op, common.args[0].op if common.args else "")
            if len(group) == 1 or common.op == "eye" or alone or all(len(c) == 1 for c in chains):
                terms += group
                continue
            inner: list[Expr] = []
            for term, chain in zip(group, chains, strict=True):
                front = (e.num(term.data[0]), *term.args[: term.data[1]]) if term.op == "mul" else ()
                rest = chain[:-1] if last else chain[1:]
                one = common.shape[0] if last else common.shape[1]
                inner.append(e.mul(*front, *(rest or (e.eye(one),))))
            if any(i.shape == e.SCALAR for i in inner):
                terms += group
                continue
            total = _without_number(factored(e.add(*inner)))
            terms.append(e.mul(total, common) if last else e.mul(common, total))
        made = e.add(*terms)
        if made.size < best.size or (made.size == best.size and made.op == "mul" and not split_off):
            best = made
    return _turned_sum(_common_number(best))


def _ends(term: Expr) -> bool:
    """Has a term one matrix only, so that the identity is left where it is taken out?"""
    rest = e.split(term)[1]
    return rest.op != "mul" or len(rest.args) - rest.data[1] == 1


def _common_number(x: Expr, whole: bool = False) -> Expr:
    """(1/m) A - (1/m) B = (1/m) (A - B), for a factor that all terms have; of `whole` numbers too if asked for."""
    if x.op != "add" or x.shape == e.SCALAR:
        return x
    parts = [e.split(t) for t in x.args]
    number, same = abs(parts[0][0]), all(abs(n) == abs(parts[0][0]) for n, _ in parts)
    number = number if same and (whole or isinstance(number, Fraction)) else 1
    number = -number if whole and all(n < 0 for n, _ in parts) else number
    scalars = [r.args[: r.data[1]] if r.op == "mul" else () for _, r in parts]
    shared = [a for a in scalars[0] if a.op == "pow" and a.args[0].op == "dim" and all(a in s for s in scalars)]
    outer = e.mul(e.num(number), *shared)
    if outer == e.ONE:
        return x
    return e.mul(outer, e.add(*(e.mul(e.power(outer, e.num(-1)), t) for t in x.args)))


def _without_number(x: Expr) -> Expr:
    """A factor that is a sum, or the transpose of one, with the number that all its terms have in front."""
    return e.transpose(_common_number(x.args[0], True)) if x.op == "T" else _common_number(x, True)


def _turned_sum(x: Expr) -> Expr:
    """A^T - B^T = (A - B)^T, where every term is the transpose of something that is none."""
    number, inner = e.split(x)
    scalars = inner.args[: inner.data[1]] if inner.op == "mul" else ()
    core = inner.args[-1] if inner.op == "mul" and len(inner.args) == len(scalars) + 1 else inner
    if core.op != "add" or not all(e.split(t)[1].op == "T" for t in core.args):
        return x
    return e.mul(e.num(number), *scalars, e.transpose(e.add(*map(e.transpose, core.args))))
