"""Samples of the second names of elementwise operations, and of tests of dtype and sameness."""

from __future__ import annotations

import numpy as np

from .elementwise import FLAGS, INTS, NO_FIT, NO_ORDER, SPECIAL, away, cplx, one, two
from .table import CASES, Bad, Sample, arrays, case, layouts

SAME_AS = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "clip": "clamp",
    "conj_physical": "conj",
    "divide": "div",
    "fix": "trunc",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "special.digamma": "digamma",
    "special.erf": "erf",
    "special.erfc": "erfc",
    "special.erfinv": "erfinv",
    "special.exp2": "exp2",
    "special.expit": "sigmoid",
    "special.expm1": "expm1",
    "special.gammainc": "igamma",
    "special.gammaincc": "igammac",
    "special.gammaln": "lgamma",
    "special.i0": "i0",
    "special.log1p": "log1p",
    "special.logit": "logit",
    "special.psi": "digamma",
    "special.round": "round",
    "special.sinc": "sinc",
    "special.xlogy": "xlogy",
    "subtract": "sub",
    "true_divide": "div",
}
for _alias, _name in SAME_AS.items():
    if _alias not in CASES:
        case(_alias, lambda rng, name=_name: CASES[name].samples(rng)[:6])

case("clamp_min", two(apart=True, numbers=(0.01,)), NO_FIT, NO_ORDER)
case("clamp_max", two(apart=True, numbers=(0.01,)), NO_FIT, NO_ORDER)
case("mvlgamma", lambda rng: [Sample((away(a, 0) + 5, 3)) for a in layouts(rng)[:4]])
case("special.multigammaln", lambda rng: [Sample((arrays(rng, (2, 3), low=3, high=5)[0], 2))])
case("Tensor.polygamma", lambda rng: [Sample((arrays(rng, (3,), low=0.4)[0], n)) for n in (1, 2)])
case("Tensor.less_", lambda rng: [Sample((INTS, 2), grad=False)])
case("allclose", lambda rng: [Sample((a, a[:5]), grad=False, vmap=False) for a in (SPECIAL[:5], np.ones((2, 5)))])
case("equal", lambda rng: [Sample((INTS, a), grad=False, vmap=False) for a in (INTS, INTS + 1, np.zeros(3, int))])
for _name in ("is_complex", "is_conj", "is_floating_point", "is_neg", "is_signed"):
    case(_name, lambda rng: [Sample((a,), grad=False) for a in (INTS, FLAGS, np.ones(2), cplx(rng, 2))])
for _name in ("resolve_conj", "resolve_neg"):
    case(_name, one(-2, 2, True, True, False), torch=_name)


def eps_of_logit(rng):
    inside, outside = np.array([0.2, 0.5, 0.7]), np.array([-0.5, 0.03, 0.99, 1.5])
    return [Sample((inside, 0.1)), Sample((outside, 0.1)), Sample((SPECIAL, 1e-3), grad=False)]


case("Tensor.logit", eps_of_logit)
case(
    "Tensor.round",
    lambda rng: [Sample((arrays(rng, (5,), low=-99, high=99)[0],), {"decimals": d}) for d in (2, -1)],
)
case(
    "Tensor.sign",
    lambda rng: [Sample((INTS,), grad=False)],
    Bad((cplx(np.random.default_rng(0), 2),), RuntimeError, "sgn"),
)
case("Tensor.signbit", lambda rng: [Sample((INTS,), grad=False)], Bad((np.ones(2) * 1j,), RuntimeError, "complex"))
case("Tensor.isposinf", lambda rng: [Sample((SPECIAL,), grad=False)], Bad((np.ones(2) * 1j,), RuntimeError, "complex"))
case(
    "Tensor.gcd",
    lambda rng: [Sample((INTS, np.array([2, 3, 4])), grad=False)],
    Bad((FLAGS, FLAGS), RuntimeError, "(?i)bool"),
)
case("Tensor.floor_divide", lambda rng: [Sample((INTS, 2), grad=False)], Bad((FLAGS, FLAGS), RuntimeError, "(?i)bool"))
case("Tensor.positive", lambda rng: [Sample((INTS,), grad=False)], Bad((FLAGS,), RuntimeError, "bool"))
case("Tensor.neg", lambda rng: [Sample((INTS,), grad=False)], Bad((FLAGS,), RuntimeError, "bool"))
case("Tensor.sigmoid", lambda rng: [Sample((np.array([-800.0, 800.0, 0.0]),))])
case("Tensor.exp", lambda rng: [Sample((SPECIAL,), grad=False)])
