"""Elementwise operations as C expressions, with small static functions for those that C's operators do not say."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...graph.ir import Equation, Variable
from . import c_linalg, c_sorting
from .c_elements import ATOM, EQUALITY, PRODUCT, RELATION, SUM, UNARY, c_literal, c_type
from .literals import LiftError
from .numpy_spelling import Text

if TYPE_CHECKING:
    from .c_text import Writer

FUNCTIONS = {
    "mul0": (
        "/* g f, and 0 where g is 0, even if f is infinite */\n"
        "static double mul0(double g, double f) { return g == 0 ? 0 : g * f; }"
    ),
    "mul00": (
        "/* g f, and 0 where one of them is 0, even if the other is infinite */\n"
        "static double mul00(double g, double f) { return g == 0 || f == 0 ? 0 : g * f; }"
    ),
    "div0": (
        "/* g / d, and 0 where g is 0, even if d is 0 too */\n"
        "static double div0(double g, double d) { return g == 0 ? 0 : g / d; }"
    ),
    "ratio": (
        "/* x / y, and 0 where y is 0 */\nstatic double ratio(double x, double y) { return y == 0 ? 0 : x / y; }"
    ),
    "power_or_zero": (
        "/* x^p, and 0 where x is 0 */\n"
        "static double power_or_zero(double x, double p) { return x == 0 ? 0 : pow(x, p); }"
    ),
    "maximum": (
        "/* the larger one; NaN if one of them is */\n"
        "static double maximum(double x, double y) { return x >= y || isnan(x) ? x : y; }"
    ),
    "minimum": (
        "/* the smaller one; NaN if one of them is */\n"
        "static double minimum(double x, double y) { return x <= y || isnan(x) ? x : y; }"
    ),
    "larger": "static int64_t larger(int64_t x, int64_t y) { return x >= y ? x : y; }",
    "smaller": "static int64_t smaller(int64_t x, int64_t y) { return x <= y ? x : y; }",
    "sign": "static double sign(double x) { return isnan(x) ? x : (x > 0) - (x < 0); }",
    "sigmoid": "static double sigmoid(double x) { return 1 / (1 + exp(-x)); }",
    "softplus": (
        "/* log(1 + exp(x)) without overflow */\n"
        "static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }"
    ),
    "softplus_beta": (
        "/* log(1 + exp(b x)) / b; x itself where b x is above the threshold */\n"
        "static double softplus_beta(double x, double b, double threshold) {\n"
        "    return x * b > threshold ? x : softplus(x * b) / b;\n}"
    ),
    "logaddexp": (
        "/* log(exp(x) + exp(y)) without overflow */\n"
        "static double logaddexp(double x, double y) {\n"
        "    if (x == y) return x + log(2.0);\n"
        "    return x > y ? x + log1p(exp(y - x)) : y + log1p(exp(x - y));\n}"
    ),
    "xlogy": "static double xlogy(double x, double y) { return x == 0 && !isnan(y) ? 0 : x * log(y); }",
    "xlog1py": "static double xlog1py(double x, double y) { return x == 0 && !isnan(y) ? 0 : x * log1p(y); }",
    "normal_cdf": "static double normal_cdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }",
    "gelu_slope": (
        "/* the derivative of x Phi(x) */\n"
        "static double gelu_slope(double x) {\n"
        "    return normal_cdf(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794;\n}"
    ),
    "gelu_tanh": (
        "static double gelu_tanh(double x) {\n"
        "    return x * 0.5 * (1 + tanh(x * (1 + x * x * 0.044715) * 0.79788456080286535588));\n}"
    ),
    "square": "static double square(double x) { return x * x; }",
    "floored_mod": (
        "/* the remainder with the sign of the divisor */\n"
        "static double floored_mod(double x, double y) {\n"
        "    double r = fmod(x, y);\n"
        "    return r == 0 ? copysign(0, y) : (r < 0) != (y < 0) ? r + y : r;\n}"
    ),
    "floored_quotient": (
        "/* the whole number of times that y goes into x, rounded down */\n"
        "static double floored_quotient(double x, double y) {\n"
        "    if (y == 0) return x / y;\n"
        "    return floor((x - floored_mod(x, y)) / y + 0.5);\n}"
    ),
    "heaviside": "static double heaviside(double x, double y) { return isnan(x) ? x : x == 0 ? y : x > 0; }",
    "entr": (
        "/* -x log(x) */\n"
        "static double entr(double x) { return x > 0 ? -x * log(x) : x == 0 ? 0 : x < 0 ? -INFINITY : x; }"
    ),
    "logaddexp2": (
        "/* log2(2^x + 2^y) without overflow */\n"
        "static double logaddexp2(double x, double y) {\n"
        "    if (x == y) return x + 1;\n"
        "    return x > y ? x + log2(1 + exp2(y - x)) : y + log2(1 + exp2(x - y));\n}"
    ),
    "at": (
        "/* an index that counts from the end if it is negative */\n"
        "static int64_t at(int64_t i, int64_t n) { return i < 0 ? i + n : i; }"
    ),
    "sinc": (
        "/* sin(pi x) / (pi x) */\n"
        "static double sinc(double x) {\n"
        "    const double u = 3.14159265358979323846 * x;\n"
        "    return u == 0 ? 1 : sin(u) / u;\n}"
    ),
    "exp_difference": (
        "/* exp(x - y), and 0 where y is -infinity */\n"
        "static double exp_difference(double x, double y) { return y == -INFINITY ? 0 : exp(x - y); }"
    ),
}
FUNCTIONS |= {**c_linalg.FUNCTIONS, **c_sorting.FUNCTIONS}
_NEEDS: dict[str, tuple[str, ...]] = {
    **c_linalg.NEEDS,
    "floored_quotient": ("floored_mod",),
    "softplus_beta": ("softplus",),
    "gelu_slope": ("normal_cdf",),
}

Rule = Callable[["Writer", Equation, list[Text]], Text]


def _infix(sign: str, level: int) -> Rule:
    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        if e.outs[0].dtype.kind == "b" and level > RELATION:
            raise LiftError("arithmetic with truth values")
        return Text(f"{x[0].at(level)} {sign} {x[1].at(level + 1)}", level)

    return rule


def libm(name: str) -> Rule:
    """A function of <math.h>, in the precision of the result."""

    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        dtypes = {o.dtype for o in e.operands if isinstance(o, Variable)}
        single = e.outs[0].dtype.name == "float32" and dtypes == {e.outs[0].dtype}
        return Text(f"{name}{'f' if single else ''}({', '.join(x)})")

    return rule


def _own(name: str) -> Rule:
    return lambda w, e, x: Text(f"{w.function(name)}({', '.join(x)})")


def _bits(sign: str) -> Rule:
    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        return Text(f"({x[0].at(ATOM)} {sign} {x[1].at(ATOM)})")

    return rule


def _extreme(real: str, whole: str) -> Rule:
    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        return Text(f"{w.function(real if e.outs[0].dtype.kind == 'f' else whole)}({x[0]}, {x[1]})")

    return rule


def _clamp(w: Writer, e: Equation, x: list[Text]) -> Text:
    pair = ("maximum", "minimum") if e.outs[0].dtype.kind == "f" else ("larger", "smaller")
    low, high = w.function(pair[0]), w.function(pair[1])
    return Text(f"{high}({low}({x[0]}, {x[1]}), {x[2]})")


def _square(w: Writer, e: Equation, x: list[Text]) -> Text:
    if simple(x[0]):
        return Text(f"{x[0]} * {x[0]}", PRODUCT)
    return Text(f"{w.function('square')}({x[0]})") if e.outs[0].dtype.kind == "f" else _infix("*", PRODUCT)(w, e, x * 2)


def simple(x: Text) -> bool:
    """May it be written twice? A name, a number, or an element of an array."""
    return (x.level == ATOM and "(" not in x) or re.fullmatch(r"\(\*\w+\)|-[\w.]+", x) is not None


def _pow(w: Writer, e: Equation, x: list[Text]) -> Text:
    y = e.operands[1]
    if e.outs[0].dtype.kind != "f":
        raise LiftError("a whole number to a power")
    if isinstance(y, (int, float)):
        if y == 2:
            return _square(w, e, x)
        if y == 0.5:
            return libm("sqrt")(w, e, x[:1])
        if y in (3, 4) and simple(x[0]):
            return Text(" * ".join([x[0]] * int(y)), PRODUCT)
    return libm("pow")(w, e, x)


def _cast(w: Writer, e: Equation, x: list[Text]) -> Text:
    to = e.params["dtype"]
    if to.kind == "b":
        return Text(f"{x[0].at(EQUALITY + 1)} != 0", EQUALITY)
    return Text(f"({c_type(to)}) {x[0].at(UNARY)}", UNARY)


def _where(w: Writer, e: Equation, x: list[Text]) -> Text:
    return Text(f"{x[0].at(2)} ? {x[1].at(2)} : {x[2].at(1)}", 1)


def _choice(text: str) -> Rule:
    """A text with the operands {0}, {1} ..., the first of them more than once."""

    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        if not simple(x[0]):
            raise RepeatedError
        return Text(text.format(*(t.at(ATOM) for t in x)), 1 if "?" in text else PRODUCT)

    return rule


class RepeatedError(Exception):
    """The rule repeats its operand, which must be stored first."""


def _reciprocal(text: str) -> Rule:
    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        inner = libm("sqrt")(w, e, x) if text == "rsqrt" else x[0]
        return Text(f"1 / {inner.at(UNARY)}", PRODUCT)

    return rule


def _abs(w: Writer, e: Equation, x: list[Text]) -> Text:
    if e.operands[0].dtype.kind == "f":
        return libm("fabs")(w, e, x)
    return Text(f"llabs({x[0]})") if e.operands[0].dtype.kind == "i" else x[0]


def _round(w: Writer, e: Equation, x: list[Text]) -> Text:
    return x[0] if e.operands[0].dtype.kind in "biu" else libm("rint")(w, e, x)


def _whole(name: str) -> Rule:
    return lambda w, e, x: x[0] if e.operands[0].dtype.kind in "biu" else libm(name)(w, e, x)


def _one_more(name: str, also: str) -> Rule:
    """x times a function of x."""

    def rule(w: Writer, e: Equation, x: list[Text]) -> Text:
        if not simple(x[0]):
            raise RepeatedError
        return Text(f"{x[0]} * {also.format(w.function(name), x[0])}", PRODUCT)

    return rule


RULES: dict[str, Rule] = {
    "add": _infix("+", SUM),
    "sub": _infix("-", SUM),
    "mul": _infix("*", PRODUCT),
    "div": _infix("/", PRODUCT),
    "eq": _infix("==", EQUALITY),
    "ne": _infix("!=", EQUALITY),
    "lt": _infix("<", RELATION),
    "le": _infix("<=", RELATION),
    "gt": _infix(">", RELATION),
    "ge": _infix(">=", RELATION),
    "neg": lambda w, e, x: Text(f"-{x[0].at(UNARY + 1)}", UNARY),
    "logical_not": lambda w, e, x: Text(f"!{x[0].at(UNARY)}", UNARY),
    "logical_and": lambda w, e, x: Text(f"({x[0].at(EQUALITY)} && {x[1].at(EQUALITY)})"),
    "logical_or": lambda w, e, x: Text(f"({x[0].at(EQUALITY)} || {x[1].at(EQUALITY)})"),
    "logical_xor": lambda w, e, x: Text(f"!{x[0].at(UNARY)} != !{x[1].at(UNARY)}", EQUALITY),
    "bitwise_and": _bits("&"),
    "bitwise_or": _bits("|"),
    "bitwise_xor": _bits("^"),
    "bitwise_not": lambda w, e, x: Text(f"{'!' if e.outs[0].dtype.kind == 'b' else '~'}{x[0].at(UNARY)}", UNARY),
    "square": _square,
    "pow": _pow,
    "reciprocal": _reciprocal("reciprocal"),
    "rsqrt": _reciprocal("rsqrt"),
    "where": _where,
    "cast": _cast,
    "abs": _abs,
    "sign": lambda w, e, x: _own("sign")(w, e, x),
    "round": _round,
    "floor": _whole("floor"),
    "ceil": _whole("ceil"),
    "trunc": _whole("trunc"),
    "relu": lambda w, e, x: _extreme("maximum", "larger")(w, e, [x[0], Text("0")]),
    "maximum": _extreme("maximum", "larger"),
    "minimum": _extreme("minimum", "smaller"),
    "clamp": _clamp,
    "hardtanh": _clamp,
    "clamp_min": _extreme("maximum", "larger"),
    "clamp_max": _extreme("minimum", "smaller"),
    "isnan": lambda w, e, x: Text(f"isnan({x[0]})") if e.operands[0].dtype.kind == "f" else Text("false"),
    "isinf": lambda w, e, x: Text(f"isinf({x[0]})") if e.operands[0].dtype.kind == "f" else Text("false"),
    "isfinite": lambda w, e, x: Text(f"isfinite({x[0]})") if e.operands[0].dtype.kind == "f" else Text("true"),
    "signbit": lambda w, e, x: Text(f"signbit((double) {x[0].at(UNARY)}) != 0", EQUALITY),
    "leaky_relu": _choice("{0} > 0 ? {0} : {0} * {1}"),
    "prelu": _choice("{0} > 0 ? {0} : {0} * {1}"),
    "threshold": _choice("{0} <= {1} ? {2} : {0}"),
    "hardshrink": _choice("{0} >= -{1} && {0} <= {1} ? 0 : {0}"),
    "softshrink": _choice("{0} > {1} ? {0} - {1} : {0} < -{1} ? {0} + {1} : 0 * {0}"),
    "elu": _choice("{0} > 0 ? {0} * {2} : expm1({0} * {3}) * ({1} * {2})"),
    "softsign": _choice("{0} / (1 + fabs({0}))"),
    "sigmoid": _own("sigmoid"),
    "silu": _one_more("sigmoid", "{0}({1})"),
    "mish": _one_more("softplus", "tanh({0}({1}))"),
    "gelu": _one_more("normal_cdf", "{0}({1})"),
    "ndtr": _own("normal_cdf"),
    "softplus": _own("softplus_beta"),
    "log_sigmoid": lambda w, e, x: Text(f"-{w.function('softplus')}(-{x[0].at(UNARY + 1)})", UNARY),
    "deg2rad": lambda w, e, x: Text(f"{x[0].at(PRODUCT)} * {c_literal(np.pi / 180, e.outs[0].dtype)}", PRODUCT),
    "rad2deg": lambda w, e, x: Text(f"{x[0].at(PRODUCT)} * {c_literal(180 / np.pi, e.outs[0].dtype)}", PRODUCT),
    "sgn": lambda w, e, x: _own("sign")(w, e, x),
    "tanhshrink": _choice("{0} - tanh({0})"),
    "hardsigmoid": lambda w, e, x: Text(f"{_six(w, x[0])} / 6", PRODUCT),
    "hardswish": lambda w, e, x: Text(f"{x[0].at(PRODUCT)} * ({_six(w, x[0])} / 6)", PRODUCT),
    "frac": _choice("{0} - trunc({0})"),
    "heaviside": _own("heaviside"),
    "sinc": _own("sinc"),
    "isposinf": lambda w, e, x: Text(f"{x[0].at(EQUALITY)} == INFINITY", EQUALITY),
    "isneginf": lambda w, e, x: Text(f"{x[0].at(EQUALITY)} == -INFINITY", EQUALITY),
    "floor_divide": lambda w, e, x: _floats(e) or _own("floored_quotient")(w, e, x),
    "floor_quotient": lambda w, e, x: _floats(e) or Text(f"floor({x[0].at(PRODUCT)} / {x[1].at(UNARY)})"),
    "trunc_divide": lambda w, e, x: _floats(e) or Text(f"trunc({x[0].at(PRODUCT)} / {x[1].at(UNARY)})"),
    "remainder": lambda w, e, x: _floats(e) or _own("floored_mod")(w, e, x),
    "fmod": lambda w, e, x: _floats(e) or libm("fmod")(w, e, x),
    "logit": _choice("log({0}) - log1p(-{0})"),
}
_LIBM = "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh"
RULES |= {
    n: libm(n) for n in (*_LIBM.split(), "hypot", "erf", "erfc", "lgamma", "fmax", "fmin", "copysign", "nextafter")
}
_OWN = "entr logaddexp2 mul0 mul00 div0 ratio power_or_zero logaddexp xlogy xlog1py gelu_slope gelu_tanh exp_difference"
RULES |= {n: _own(n) for n in _OWN.split()}


def _six(w: Writer, x: Text) -> str:
    """x + 3 between 0 and 6."""
    return f"{w.function('minimum')}({w.function('maximum')}({x.at(SUM)} + 3, 0), 6)"


def _floats(e: Equation) -> None:
    if e.outs[0].dtype.kind != "f":
        raise LiftError("the remainder of whole numbers")


def functions(used: set[str]) -> list[str]:
    """The definitions of the functions used, each after those it calls."""
    every = used | {inner for name in used for inner in _NEEDS.get(name, ())}
    return [text for name, text in FUNCTIONS.items() if name in every]
