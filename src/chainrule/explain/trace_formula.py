"""Formulas of trace tables: sums of products of powers, in Unicode and in LaTeX.

A formula gathers equal factors and equal terms, keeps the order in which its factors first appear, puts numbers first,
and takes out what all terms of a sum have in common, as one does by hand.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

_SUB = str.maketrans("-0123456789", "\u208b\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089")
_SUPER = str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
_KNOWN = {math.log(n): (f"ln {n}", rf"\ln {n}") for n in range(2, 21)} | {math.pi: ("\u03c0", r"\pi")}
TIMES, DOT = " \u2299 ", r" \odot "


@dataclass(frozen=True)
class Atom:
    """One factor, written in Unicode and in LaTeX; `array` unless it is a number.

    `bare`: it needs no parentheses as a factor; `power`: it needs them below an exponent.
    """

    text: str
    latex: str
    array: bool = False
    bare: bool = True
    power: bool = False

    def held(self) -> Atom:
        """In parentheses, if it needs them beside a factor or below an exponent."""
        return self if self.bare else Atom(f"({self.text})", rf"\left({self.latex}\right)", self.array)


@dataclass(frozen=True)
class Term:
    """A number times powers of factors."""

    number: Any  # Fraction or float
    factors: tuple[tuple[Atom, Any], ...] = ()


@dataclass(frozen=True)
class Formula:
    """A sum of terms."""

    terms: tuple[Term, ...]
    array: bool = False

    @property
    def text(self) -> str:
        """In Unicode."""
        return _sum(self, False)

    @property
    def latex(self) -> str:
        """In LaTeX, for math mode."""
        return _sum(self, True)


# ---- making them -----------------------------------------------------------------------------------------------------


def leaf(text: str, latex: str, array: bool = False) -> Formula:
    """A symbol, or anything that is written as it is."""
    return of_atom(Atom(text, latex, array))


def of_atom(atom: Atom) -> Formula:
    """One factor as a formula."""
    return Formula((Term(Fraction(1), ((atom, Fraction(1)),)),), atom.array)


def number(x: Any) -> Formula:
    """A number; integers stay exact."""
    x = x.item() if isinstance(x, (np.generic, np.ndarray)) else x
    if isinstance(x, complex):
        text = "i" if x == 1j else f"({x.real:.4g} {'-' if x.imag < 0 else '+'} {abs(x.imag):.4g} i)"
        return leaf(text, text)
    if x in _KNOWN:
        return leaf(*_KNOWN[x])
    if not math.isfinite(x):
        word = "nan" if x != x else "\u221e" if x > 0 else "-\u221e"
        return of_atom(
            Atom(word, word.replace("\u221e", r"\infty").replace("nan", r"\mathrm{nan}"), bare=x == x and x > 0)
        )
    exact = Fraction(int(x)) if float(x).is_integer() and abs(x) < 2**53 else float(x)
    return Formula((Term(exact),) if x else ())


def plus(*parts: Formula) -> Formula:
    """Sum; equal terms are gathered."""
    found: dict[tuple, Term] = {}
    for part in parts:
        for t in part.terms:
            before = found.get(t.factors)
            found[t.factors] = t if before is None else replace(t, number=before.number + t.number)
    return Formula(tuple(t for t in found.values() if t.number != 0), any(p.array for p in parts))


def negative(x: Formula) -> Formula:
    """Every sign changed."""
    return replace(x, terms=tuple(replace(t, number=-t.number) for t in x.terms))


def _single(x: Formula) -> Term:
    """A formula as one term: what all terms of a sum have in common, times the rest of it as one factor."""
    if len(x.terms) == 1:
        return x.terms[0]
    common, rest = _common(x)
    return Term(Fraction(1), ((as_atom(x), Fraction(1)),)) if common is None else times(common, rest).terms[0]


def as_atom(x: Formula) -> Atom:
    """A whole formula as one factor."""
    if len(x.terms) == 1 and x.terms[0].number == 1 and len(x.terms[0].factors) == 1 and x.terms[0].factors[0][1] == 1:
        return x.terms[0].factors[0][0]
    plain = not x.terms or (len(x.terms) == 1 and not x.terms[0].factors and x.terms[0].number > 0)
    return Atom(x.text, x.latex, x.array, plain)


def times(*parts: Formula) -> Formula:
    """Product, element by element where the factors are arrays; equal factors are gathered as powers."""
    value: Any = Fraction(1)
    powers: dict[Atom, Any] = {}
    for part in parts:
        if not part.terms:
            return replace(part, array=any(p.array for p in parts))
        term = _single(part)
        value = value * term.number
        for atom, exponent in term.factors:
            powers[atom] = powers.get(atom, 0) + exponent
    kept = tuple((a, k) for a, k in powers.items() if k != 0)
    if not isinstance(value, Fraction) and value.is_integer():
        value = Fraction(int(value))
    return Formula((Term(value, kept),), any(p.array for p in parts))


def raised(x: Formula, exponent: int) -> Formula:
    """An integer power."""
    if not x.terms:
        return x if exponent > 0 else of_atom(Atom(f"0{str(exponent).translate(_SUPER)}", f"0^{{{exponent}}}"))
    term = _single(x)
    return Formula((Term(term.number**exponent, tuple((a, k * exponent) for a, k in term.factors)),), x.array)


# ---- writing them ----------------------------------------------------------------------------------------------------


def _sum(x: Formula, latex: bool) -> str:
    if not x.terms:
        return "0"
    if len(x.terms) == 1:
        factors = x.terms[0].factors
        if x.terms[0].number == 1 and len(factors) == 1 and factors[0][1] == 1:
            return factors[0][0].latex if latex else factors[0][0].text
        return _term(x.terms[0], latex)
    common, rest = _common(x)
    if common is not None:
        return _term(times(common, rest).terms[0], latex)
    terms = sorted(x.terms, key=lambda t: t.number < 0) if x.terms[0].number < 0 else x.terms
    out = _term(terms[0], latex)
    for t in terms[1:]:
        minus = t.number < 0
        out += (" - " if minus else " + ") + _term(replace(t, number=-t.number) if minus else t, latex)
    return out


def _common(x: Formula) -> tuple[Formula | None, Formula]:
    """(What every term has as a factor, what is left of the sum)."""
    shared: list[tuple[Atom, Any]] = []
    for atom, k in x.terms[0].factors:
        powers = [dict(t.factors).get(atom, 0) for t in x.terms]
        if all(p > 0 for p in powers) or all(p < 0 for p in powers):
            shared.append((atom, min(powers) if k > 0 else max(powers)))
    if not shared:
        return None, x
    took = Formula((Term(Fraction(1), tuple(shared)),), any(a.array for a, _ in shared))
    left = [times(Formula((t,), x.array), raised(took, -1)) for t in x.terms]
    return took, replace(plus(*left), array=x.array)


def _term(t: Term, latex: bool) -> str:
    top, bottom = (t.number, 1) if not isinstance(t.number, Fraction) else (t.number.numerator, t.number.denominator)
    sign, top = ("-", -top) if top < 0 else ("", top)
    above = [(a, k) for a, k in t.factors if k > 0]
    below = [(a, -k) for a, k in t.factors if k < 0]
    over = _product(above, top, latex)
    if not below and bottom == 1:
        return sign + over
    under = _product(below, bottom, latex)
    if latex:
        whole = len(above) == 1 and top == 1 and above[0][1] == 1 and not above[0][0].bare
        over = above[0][0].latex if whole else over
        lone = len(below) == 1 and bottom == 1 and below[0][1] == 1
        return rf"{sign}\frac{{{over}}}{{{below[0][0].latex if lone else under}}}"
    return f"{sign}{over} / {under if len(below) + (bottom != 1) == 1 else f'({under})'}"


def _product(factors: list[tuple[Atom, Any]], value: Any, latex: bool) -> str:
    shown = [] if value == 1 and factors else [shown_number(value)]
    shown += [_power(a, k, latex) for a, k in factors if not a.array]
    arrays = [_power(a, k, latex) for a, k in factors if a.array]
    if arrays:
        joined = (DOT if latex else TIMES).join(arrays)
        shown.append(joined)
    return " ".join(shown)


def _power(a: Atom, k: Any, latex: bool) -> str:
    held = a.held()
    if k == 1:
        return held.latex if latex else held.text
    held = replace(a, bare=False).held() if a.power else held
    return f"{{{held.latex}}}^{{{k}}}" if latex else held.text + str(k).translate(_SUPER)


def shown_number(x: Any) -> str:
    """A number with four digits."""
    return str(x) if isinstance(x, (int, Fraction)) else f"{x:.4g}"


# ---- symbols and words -----------------------------------------------------------------------------------------------


def symbol(i: int, mark: str = "") -> tuple[str, str]:
    """v with a subscript, plain, with a prime (tangent) or a bar (adjoint): in Unicode and in LaTeX."""
    sub = str(i).translate(_SUB)
    if mark == "bar":
        return f"v\u0304{sub}", rf"\bar{{v}}_{{{i}}}"
    if mark == "dot":
        return f"v{sub}'", rf"\dot{{v}}_{{{i}}}"
    return f"v{sub}", f"v_{{{i}}}"


def latex_word(name: str) -> str:
    """A user's variable name in math mode: x1 with a subscript, longer names upright."""
    found = re.fullmatch(r"([A-Za-z])_?(\d+)", name)
    if found:
        return f"{found[1]}_{{{found[2]}}}"
    return name if re.fullmatch("[A-Za-z]", name) else rf"\mathrm{{{latex_text(name)}}}"


def latex_text(s: str) -> str:
    """Words in LaTeX, outside of math mode."""
    table = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", **{c: "\\" + c for c in "_&%#{}$"}}
    return "".join(table.get(c, c) for c in s)
