"""Matrix expressions as text, in Unicode and in LaTeX."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from .expr import SCALAR, Expr, dim, is_ones, is_zero, mul, negative, num, power, split, transpose
from .expr import add as e_add

LIMIT = 3000  # nodes; a larger expression is not written out
_SUPER = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_SUB = str.maketrans("0123456789", "\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089")
_LETTERS = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
_GREEK = dict(
    zip(
        _LETTERS.split(),
        "\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8\u03ba\u03bb\u03bc\u03bd\u03be\u03c1\u03c3\u03c4\u03c6\u03c7\u03c8\u03c9",
        strict=True,
    )
)
_KNOWN = {math.log(2): ("ln 2", r"\ln 2"), math.log(10): ("ln 10", r"\ln 10"), math.pi: ("\u03c0", r"\pi ")}
_KNOWN[2 * math.pi] = ("2\u03c0", r"2\pi ")
_COMPARE = {"gt": (">", ">"), "lt": ("<", "<"), "ge": ("\u2265", r"\geq"), "le": ("\u2264", r"\leq"), "eq": ("=", "=")}
_COMPARE["ne"] = ("\u2260", r"\neq")
_SPELLED = {"sigmoid": ("\u03c3", r"\sigma"), "log": ("ln", r"\ln")}
_SPELLED |= {"Phi": ("\u03a6", r"\Phi"), "phi": ("\u03c6", r"\varphi")}
_LATEX_NAMES = {"exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"}
_SPECIAL = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", **{c: "\\" + c for c in "_&%#{}$"}}

ADD, HAD, MUL, NEG, ATOM = 1, 2, 2, 2, 9  # how tightly a form binds


class Writer:
    """One way of writing; `form` gives (text, how tightly it binds)."""

    def __init__(self, latex: bool) -> None:
        self.latex = latex
        self.names: dict[bytes, tuple[str, int]] = {}
        self.called: dict[bytes, tuple[str, int]] = {}  # what has a name of its own

    def pick(self, text: str, latex: str) -> str:
        return latex if self.latex else text

    def call(self, x: Expr, name: str) -> None:
        """Write the expression by a name from now on."""
        self.called[x.digest] = (self.name(name), ATOM)
        self.names = dict(self.called)

    def text(self, x: Expr) -> str:
        """The whole expression."""
        if x.size > LIMIT:
            return self.pick(f"\u2026 ({x.size} symbols)", rf"\dots\ (\text{{{x.size} symbols}})")
        self.names = dict(self.called)  # equal expressions of two lines may be written in different orders
        return self.form(x)[0]

    def wrapped(self, x: Expr, tight: int) -> str:
        text, binds = self.form(x)
        return text if binds > tight else self.paren(text)

    def paren(self, text: str) -> str:
        return self.pick(f"({text})", rf"\left({text}\right)")

    def form(self, x: Expr) -> tuple[str, int]:
        """Text and tightness, kept for expressions that occur again."""
        if x.digest not in self.names:
            self.names[x.digest] = getattr(self, "on_" + x.op.lower())(x)
        return self.names[x.digest]

    # ---- leaves

    def number(self, n: Any) -> str:
        if isinstance(n, Fraction):
            return self.pick(f"{n.numerator}/{n.denominator}", rf"\frac{{{n.numerator}}}{{{n.denominator}}}")
        if n in _KNOWN:
            return _KNOWN[n][self.latex]
        return str(n) if isinstance(n, int) else f"{n:.6g}"

    def on_num(self, x: Expr) -> tuple[str, int]:
        n = x.data
        if n < 0:
            return "-" + self.number(-n), ADD
        return self.number(n), ATOM if isinstance(n, int) or self.latex or not isinstance(n, Fraction) else MUL

    def name(self, name: str) -> str:
        match = re.fullmatch(r"([^\W\d_]+)_?(\d*)", name)
        if match is None:
            return self.pick(name, r"\mathrm{" + "".join(_SPECIAL.get(c, c) for c in name) + "}")
        stem, digits = match.groups()
        stem = "lambda" if stem == "lam" else stem
        if stem in _GREEK:
            stem = self.pick(_GREEK[stem], "\\" + stem + (" " if not digits else ""))
        elif len(stem) > 1:
            stem = self.pick(stem, rf"\mathrm{{{stem}}}")
        return stem + (self.pick(digits.translate(_SUB), f"_{{{digits}}}") if digits else "")

    def on_sym(self, x: Expr) -> tuple[str, int]:
        return self.name(x.data[0]), ATOM

    def on_dim(self, x: Expr) -> tuple[str, int]:
        return self.name(x.data), ATOM

    def on_d(self, x: Expr) -> tuple[str, int]:
        d = self.pick("d", r"\mathrm{d}")
        text, binds = self.form(x.args[0])
        if x.args[0].op == "sym" or x.args[0].digest in self.called:
            return f"{d}{text}", ATOM
        return (f"{d} {text}" if binds == ATOM and x.args[0].op == "fn" else f"{d}{self.paren(text)}"), ATOM

    def on_ones(self, x: Expr) -> tuple[str, int]:
        one = self.pick("\U0001d7cf", r"\mathbf{1}")
        return (one if x.shape[1] == 1 else self.raised(one, "T")), ATOM

    def on_zero(self, x: Expr) -> tuple[str, int]:
        return "0", ATOM

    def on_eye(self, x: Expr) -> tuple[str, int]:
        return "I", ATOM

    def on_unit(self, x: Expr) -> tuple[str, int]:
        return "e" + self.index(x.data), ATOM

    def index(self, i: Any) -> str:
        """A subscript; a name in it stands as it is."""
        return self.pick(str(i).translate(_SUB) if isinstance(i, int) else f"_{i}", f"_{{{i}}}")

    def on_rows(self, x: Expr) -> tuple[str, int]:
        return "I" + self.slice(x), ATOM

    def slice(self, x: Expr) -> str:
        """The part of an array that rows of the identity take out, as Python writes it."""
        start, count, size = x.data, *x.shape
        whole = e_add(dim(start), dim(count)) == dim(size)
        stop = "" if whole else unicode_text(e_add(dim(start), dim(count))).replace(" ", "")
        return self.pick(f"[{start or ''}:{stop}]", rf"_{{[{start or ''}:{stop}]}}")

    # ---- sums and products

    def on_add(self, x: Expr) -> tuple[str, int]:
        text = ""
        terms = list(x.args)
        first = next((t for t in terms if split(t)[0] > 0), terms[0])
        if all(split(t)[0] < 0 for t in terms):
            return "-" + self.paren(self.on_add(negative(x))[0]), ADD
        if split(terms[0])[0] < 0 and first is not terms[0]:  # begin with a positive term
            terms.remove(first)
            terms.insert(0, first)
        for i, term in enumerate(terms):
            n, rest = split(term)
            minus = n < 0
            shown = _product(-n, rest) if minus else term
            one = is_ones(rest) and rest.op == "mul"
            if one:  # a matrix of ones beside other matrices
                body = self.pick("\U0001d7cf", r"\mathbf{1}")
                body = body if abs(n) == 1 else f"{self.number(abs(n))} {body}"
            else:
                body = self.wrapped(shown, ADD)
            text += (" - " if minus else " + ") + body if i else ("-" if minus else "") + body
        return text, ADD

    def on_mul(self, x: Expr) -> tuple[str, int]:
        n, scalars, chain = x.data[0], x.args[: x.data[1]], x.args[x.data[1] :]
        if n < 0:
            return "-" + self.wrapped(_product(-n, split(x)[1]), ADD), ADD
        below = [s for s in scalars if _inverse(s)]
        above = [s for s in scalars if not _inverse(s)]
        if isinstance(n, Fraction):
            top, bottom = n.numerator, n.denominator
        else:
            top, bottom = n, 1
        upper = [] if top == 1 else [self.number(top)]
        lower = [] if bottom == 1 else [self.number(bottom)]
        flipped = [power(s.args[0], num(-s.args[1].data)) for s in below]
        lower += [self.paren(self.factor(s)) if self.open(s) and not self.latex else self.factor(s) for s in flipped]
        held = bool(chain) and x.shape != SCALAR and not lower
        upper += [self.paren(self.factor(s)) if held and self.open(s) else self.factor(s) for s in above]
        quotient = ""
        if lower:
            if self.latex:
                alone = len(below) == 1 and bottom == 1
                under = self.form(flipped[0])[0] if alone else " ".join(lower)
                inside = chain if x.shape == SCALAR else ()
                over = " ".join([*upper, *self.matrices(inside)]) or "1"
                chain = () if inside else chain
                quotient = rf"\frac{{{over}}}{{{under}}}"
            else:
                under = lower[0] if len(lower) == 1 else "(" + " ".join(lower) + ")"
                if x.shape == SCALAR and chain:
                    upper += self.matrices(chain)
                    chain = ()
                quotient = f"{' '.join(upper) or '1'}/{under}"
        elif upper:
            quotient = " ".join(upper)
        rest = self.matrices(chain)
        if lower and rest and not self.latex:
            quotient = f"({quotient})"
        if not quotient and len(rest) == 1 and len(chain) == 2 and self.part(chain):
            return rest[0], ATOM
        return " ".join([quotient, *rest] if quotient else rest), MUL

    def open(self, s: Expr) -> bool:
        """Is it a number made of matrices, such as x^T y, that reads as a part of the product after it?"""
        return s.op == "mul" and s.data == (1, 0) and not self.norm(s.args) and len(self.matrices(s.args)) > 1

    def factor(self, s: Expr) -> str:
        return self.wrapped(s, ADD) if s.op == "mul" else self.wrapped(s, MUL)

    def matrices(self, chain: tuple[Expr, ...]) -> list[str]:
        norm = self.norm(chain)
        if norm:
            return [norm]
        parts: list[str] = []
        i = 0
        while i < len(chain):
            taken = self.part(chain[i : i + 2])
            if taken:
                parts.append(taken)
                i += 2
                continue
            k = i
            while k + 1 < len(chain) and chain[k + 1] == chain[i]:
                k += 1
            text = self.wrapped(chain[i], MUL)
            if k > i:
                raisable = chain[i].op not in ("T", "inv")
                text = self.raised(text if raisable else self.paren(text), str(k - i + 1))
            parts.append(text)
            i = k + 1
        return parts

    def part(self, pair: tuple[Expr, ...]) -> str:
        """An element or a part of a vector: e_i^T x is x_i, and I[1:] x is x[1:]."""
        if len(pair) != 2 or pair[1].op != "sym" or pair[1].shape[1] != 1:
            return ""
        name = self.form(pair[1])[0]
        if pair[0].op == "T" and pair[0].args[0].op == "unit" and name[-1:].isalpha():
            return name + self.index(pair[0].args[0].data)
        return name + self.slice(pair[0]) if pair[0].op == "rows" else ""

    def norm(self, chain: tuple[Expr, ...]) -> str:
        """The squared norm that a product x^T x is."""
        if len(chain) == 2 and chain[0].op == "T" and chain[0].args[0] == chain[1] and chain[1].shape[1] == 1:
            return self.bars(chain[1], "")
        if len(chain) == 4 and chain[2].op == "rows" and mul(*chain[:2]) == transpose(mul(*chain[2:])):
            return self.bars(mul(*chain[2:]), "")
        return ""

    def squared(self, x: Expr) -> bool:
        """Is it a squared norm alone?"""
        if x.op == "tr":
            x = x.args[0]
        pair = x.op == "mul" and x.data == (1, 0) and len(x.args) == 2 and x.args[0].op == "T"
        return pair and x.args[0].args[0] == x.args[1]

    def bars(self, x: Expr, sub: str) -> str:
        inner = self.form(x)[0]
        return self.pick(f"\u2016{inner}\u2016{sub}\u00b2", rf"\left\Vert {inner}\right\Vert{sub}^{{2}}")

    def on_had(self, x: Expr) -> tuple[str, int]:
        above = [f for f in x.args if not _inverse(f)]
        below = [power(f.args[0], num(-f.args[1].data)) for f in x.args if _inverse(f)]
        sign = self.pick(" \u2299 ", r" \odot ")
        text = sign.join(self.wrapped(f, MUL) for f in above) or self.pick("\U0001d7cf", r"\mathbf{1}")
        over = self.pick(" \u2298 ", r" \oslash ")
        return text + "".join(over + self.wrapped(f, MUL) for f in below), HAD

    def on_pow(self, x: Expr) -> tuple[str, int]:
        base, exponent = x.args
        p = exponent.data if exponent.op == "num" else None
        if p not in (None, 1, Fraction(1, 2)) and p > 0 and (2 * p) % 1 == 0 and self.squared(base):
            power_of = self.pick(str(int(2 * p)).translate(_SUPER), f"^{{{int(2 * p)}}}")
            inner = self.form(base)[0]
            return inner.removesuffix("\u00b2").removesuffix("^{2}") + power_of, ATOM
        if p == Fraction(1, 2):
            inner = self.form(base)[0]
            for square, norm in (("\u2016\u00b2", "\u2016"), ("\u2016_F\u00b2", "\u2016_F"), (r"\Vert^{2}", r"\Vert"),
                                 (r"\Vert_F^{2}", r"\Vert_F")):  # fmt: skip
                if self.squared(base) and inner.endswith(square):
                    return inner.removesuffix(square) + norm, ATOM
            return self.pick(f"\u221a{inner if self.form(base)[1] == ATOM else self.paren(inner)}",
                             rf"\sqrt{{{inner}}}"), ATOM  # fmt: skip
        if _inverse(x):
            under = power(base, num(-exponent.data))
            if x.shape == SCALAR:
                return (rf"\frac{{1}}{{{self.form(under)[0]}}}", ATOM) if self.latex else (
                    f"1/{self.wrapped(under, MUL)}", MUL)  # fmt: skip
            one = self.pick("\U0001d7cf \u2298 ", r"\mathbf{1} \oslash ")
            return one + self.wrapped(under, MUL), HAD
        inside, binds = self.form(base)
        plain = (
            base.op in ("sym", "d", "dim", "num")
            or base.digest in self.called
            or (base.op == "fn" and base.data not in _COMPARE)
        )
        inside = inside if binds == ATOM and plain else self.paren(inside)
        own = base.op == "fn" and base.digest not in self.called
        if own and len(base.args) == 1 and isinstance(p, int) and p > 1 and x.shape == SCALAR:
            head = _function_name(base.data, self.latex)
            argument = self.paren(self.form(base.args[0])[0])
            return self.raised(head, str(p)) + argument, ATOM
        if x.shape != SCALAR:
            raised = self.form(exponent)[0]
            raised = raised if self.latex or re.fullmatch(r"\w+", raised) else f"({raised})"
            return self.pick(f"{inside}^\u2299{raised}", rf"{inside}^{{\odot {raised}}}"), ATOM
        return self.raised(inside, self.form(exponent)[0] if p is None or isinstance(p, Fraction) else str(p)), ATOM

    def raised(self, base: str, exponent: str) -> str:
        if self.latex:
            exponent = r"\top" if exponent == "T" else exponent
            return f"{base}^{{{exponent}}}"
        if exponent == "T":
            return base + "\u1d40"
        if re.fullmatch(r"-?\d+", exponent):
            return base + exponent.translate(_SUPER)
        return f"{base}^{exponent}" if re.fullmatch(r"\w+", exponent) else f"{base}^({exponent})"

    # ---- functions and matrices

    def on_fn(self, x: Expr) -> tuple[str, int]:
        parts = [self.form(a)[0] for a in x.args]
        for i, a in enumerate(x.args[1:], start=1):
            number, rest = split(a)
            parts[i] = self.number(number) if is_ones(rest) else "0" if is_zero(a) else parts[i]
        if x.data in _COMPARE:
            sign = _COMPARE[x.data][self.latex]
            text = f"{parts[0]} {sign} {parts[1]}"
            return self.pick(f"[{text}]", rf"\left[{text}\right]"), ATOM
        if x.data == "abs":
            return self.pick(f"|{parts[0]}|", rf"\left|{parts[0]}\right|"), ATOM
        return _function_name(x.data, self.latex) + self.paren(", ".join(parts)), ATOM

    def on_lse(self, x: Expr) -> tuple[str, int]:
        return self.pick("logsumexp", r"\operatorname{logsumexp}") + self.paren(self.form(x.args[0])[0]), ATOM

    def on_onehot(self, x: Expr) -> tuple[str, int]:
        return self.pick("onehot", r"\operatorname{onehot}") + self.paren(self.form(x.args[0])[0]), ATOM

    def on_t(self, x: Expr) -> tuple[str, int]:
        inner = x.args[0]
        if inner.op == "inv":
            text, binds = self.form(inner.args[0])
            return (text if binds == ATOM else self.paren(text)) + self.pick("\u207b\u1d40", r"^{-\top}"), ATOM
        text, binds = self.form(inner)
        atomic = binds == ATOM and inner.op not in ("d", "pow")
        return self.raised(text if atomic else self.paren(text), "T"), ATOM

    def on_inv(self, x: Expr) -> tuple[str, int]:
        text, binds = self.form(x.args[0])
        atomic = binds == ATOM and (x.args[0].op == "sym" or x.args[0].digest in self.called)
        return self.raised(text if atomic else self.paren(text), "-1"), ATOM

    def on_tr(self, x: Expr) -> tuple[str, int]:
        inner = x.args[0]
        if inner.op == "mul" and len(inner.args) == 2 and inner.data == (1, 0):
            a, b = inner.args
            if a.op == "T" and a.args[0] == b:
                return self.bars(b, self.pick("_F", "_F")), ATOM
        return self.pick("tr", r"\operatorname{tr}") + self.paren(self.form(inner)[0]), ATOM

    def on_det(self, x: Expr) -> tuple[str, int]:
        return self.pick("det", r"\det") + self.paren(self.form(x.args[0])[0]), ATOM

    def on_logdet(self, x: Expr) -> tuple[str, int]:
        inner = self.form(x.args[0])[0]
        return self.pick(f"ln|{inner}|", rf"\ln\left|{inner}\right|"), ATOM

    def on_diag(self, x: Expr) -> tuple[str, int]:
        return self.pick("diag", r"\operatorname{diag}") + self.paren(self.form(x.args[0])[0]), ATOM

    on_diagonal = on_diag


def _function_name(name: str, latex: bool) -> str:
    if name in _SPELLED:
        return _SPELLED[name][latex]
    if not latex:
        return name
    return "\\" + name if name in _LATEX_NAMES else r"\operatorname{" + name.replace("_", r"\_") + "}"


def _inverse(x: Expr) -> bool:
    """Is it a power with a negative number as exponent?"""
    return x.op == "pow" and x.args[1].op == "num" and x.args[1].data < 0


def _product(n: Any, rest: Expr) -> Expr:
    return mul(num(n), rest)


def unicode_text(x: Expr) -> str:
    """The expression in Unicode, on one line."""
    return Writer(False).text(x)


def latex_text(x: Expr) -> str:
    """The expression in LaTeX."""
    return Writer(True).text(x)
