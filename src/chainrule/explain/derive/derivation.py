"""A derivation: its steps and result, as Unicode text and as LaTeX."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.value import Tensor
from . import expr as e
from .check import Argument, Check, matrix
from .differential import Step
from .evaluate import evaluate
from .expr import Expr
from .sharing import definitions, named, shared
from .write import latex_text, unicode_text


@dataclass(frozen=True)
class Swell:
    """Operations in the written-out derivative, and in the derivative program of the engine."""

    symbolic: int
    program: int

    @property
    def ratio(self) -> float:
        """How many times as many operations the formula has."""
        return self.symbolic / max(self.program, 1)

    def __str__(self) -> str:
        return f"{self.symbolic} operations written out, {self.program} in the program: {self.ratio:.3g} times"


@dataclass(frozen=True)
class Derivation:
    """A derivation by one argument: `value` of f, `steps`, `result`, and the numerical `check` they passed."""

    wrt: str
    value: Expr
    steps: tuple[Step, ...]
    result: Expr
    kind: str  # "gradient", "jacobian" or "differential": what the result is
    check: Check
    swell: Swell
    arguments: tuple[Argument, ...]
    assumed: tuple[Expr, ...] = ()  # conditions under which the program's guards against extreme numbers do not act

    @property
    def head(self) -> Expr:
        """The argument as an expression."""
        a = next(a for a in self.arguments if a.name == self.wrt)
        return e.sym(a.name, (1, 1))

    @property
    def text(self) -> str:
        """The derivation in Unicode, a line a step."""
        names = self.shared
        writer = named(names, False)
        lines = [f"f = {writer.text(self.value)}"]
        lines += [f"{'where' if i == 0 else '     '} {n} = {t}" for i, (n, t) in enumerate(definitions(names, False))]
        lines.append("")
        shown = [writer.text(s.expression) for s in self.steps]
        width = min(max(map(len, shown), default=0), 72)
        for i, (line, step) in enumerate(zip(shown, self.steps, strict=True)):
            start = "df = " if i == 0 else "   = "
            if i and line == shown[i - 1]:
                continue
            lines.append(start + (f"{line:<{width}}   [{step.rule}]" if step.rule else line))
        if self.kind != "differential":
            lines += ["", f"{self.symbol} = {writer.text(self.result)}"]
        if self.assumed:
            lines += ["", "assuming " + ", ".join(writer.text(a)[1:-1] for a in self.assumed)]
        return "\n".join(line.rstrip() for line in lines)

    @cached_property
    def shared(self) -> list[tuple[str, Expr]]:
        """Names that the text gives to long expressions that occur again and again."""
        lines = [self.value, *(s.expression for s in self.steps), self.result]
        return shared(lines, {a.name for a in self.arguments})

    @property
    def symbol(self) -> str:
        """What the result is called."""
        name = unicode_text(self.head)
        scalar = self.value.shape == e.SCALAR
        if scalar and next(a for a in self.arguments if a.name == self.wrt).shape == ():
            return f"df/d{name}"
        return f"\u2202f/\u2202{name}" + ("\u1d40" if self.kind == "jacobian" else "")

    @property
    def latex(self) -> str:
        """The derivation as LaTeX's align* environment."""
        names = self.shared
        writer = named(names, True)
        lines = [f"f &= {writer.text(self.value)}"]
        lines += [rf"\text{{where }} {n} &= {t}" for n, t in definitions(names, True)]
        shown = [writer.text(s.expression) for s in self.steps]
        for i, step in enumerate(self.steps):
            rule = f" && \\text{{{_latex_rule(step.rule)}}}" if step.rule else ""
            start = r"\mathrm{d}f" if i == 0 else ""
            if i and shown[i] == shown[i - 1]:
                continue
            lines.append(f"{start} &= {shown[i]}{rule}")
        if self.kind != "differential":
            lines.append(f"{self.latex_symbol} &= {writer.text(self.result)}")
        bare = [writer.text(a).removeprefix(r"\left[").removesuffix(r"\right]") for a in self.assumed]
        lines += [rf"\text{{assuming }} & {condition}" for condition in bare]
        return "\\begin{align*}\n" + " \\\\\n".join(lines) + "\n\\end{align*}"

    @property
    def latex_symbol(self) -> str:
        """What the result is called, in LaTeX."""
        name = latex_text(self.head)
        d = r"\partial " if not self.symbol.startswith("df/") else r"\mathrm{d}"
        turned = r"^{\top}" if self.kind == "jacobian" else ""
        return rf"\frac{{{d}f}}{{{d}{name}{turned}}}"

    def gradient(self, *args: Any) -> np.ndarray:
        """The result's formula evaluated on arrays given as f takes them."""
        if self.kind == "differential":
            raise ArgumentError("the result is a differential, which needs dX too; use chainrule.func.jvp for numbers")
        values: dict[Any, np.ndarray] = {}
        sizes: dict[str, int] = {}
        inside = [a for a in self.arguments if not a.outside]
        if len(args) != len(inside):
            raise ArgumentTypeError(f"gradient() takes {len(inside)} arrays, as f does, got {len(args)}")
        for a, x in zip(inside, args, strict=True):
            x = np.asarray(x.detach() if isinstance(x, Tensor) else x, float)
            sizes.update((n, k) for n, k in zip(a.shape, x.shape, strict=False) if isinstance(n, str) and "-" not in n)
            values[(a.name, a.kind)] = matrix(x)
        for a in self.arguments:
            if a.outside:
                values[(a.name, a.kind)] = matrix(np.asarray(a.example.detach()))
        found = evaluate(self.result, values, sizes)
        own = next((np.shape(x) for a, x in zip(inside, args, strict=True) if a.name == self.wrt), found.shape)
        return found.reshape(own) if found.size == np.prod(own, dtype=int) and self.kind == "gradient" else found

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return self.latex

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text)}</pre>"


class Derivations(tuple):
    """Derivations of one function by several arguments; found by place or by name."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            for d in self:
                if d.wrt == key:
                    return d
            raise ArgumentError(f"no derivation by {key!r}; there are: {', '.join(d.wrt for d in self)}")
        return tuple.__getitem__(self, key)

    @property
    def text(self) -> str:
        """All of them in Unicode."""
        return "\n\n".join(d.text for d in self)

    @property
    def latex(self) -> str:
        """All of them in LaTeX."""
        return "\n".join(d.latex for d in self)

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return self.latex


_RULE_LETTERS = {"\u2299": r"$\odot$", "\u1d40": r"$^{\top}$", "\u207b\u00b9": "$^{-1}$", "\u00b2": "$^2$"}
_RULE_LETTERS |= {"\U0001d7cf": r"$\mathbf{1}$", "\u2202": r"$\partial$", "\u2016": r"$\Vert$", "\u03c3": r"$\sigma$"}
_RULE_LETTERS |= {"^": r"\^{}", "_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "\u221a": r"$\surd$"}
_RULE_LETTERS |= {"\u2298": r"$\oslash$", "\u00b3": "$^3$", "\u2070": "$^0$", "\u207b": "$^-$", "|": "$|$", ">": "$>$"}
_RULE_LETTERS |= {"<": "$<$", "\u03a6": r"$\Phi$", "\u03c6": r"$\varphi$", "\u2264": r"$\leq$", "\u2265": r"$\geq$"}
_RULE_LETTERS |= {"\u2260": r"$\neq$", "\u03c0": r"$\pi$"}


def _latex_rule(rule: str) -> str:
    """A rule's statement as LaTeX text; in one pass, so that what is written is not replaced again."""
    letters = sorted(_RULE_LETTERS, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, letters)), lambda found: _RULE_LETTERS[found[0]], rule)
