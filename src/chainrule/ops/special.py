"""Special functions; the values come from scipy.special, which is imported when one is first evaluated.

Derivatives after Abramowitz and Stegun (1964) and the NIST Digital Library of Mathematical Functions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, NotDifferentiableError, UnsupportedDTypeError
from ..core.value import Tensor
from .kits import elementwise, function_of, opaque, shown_as, spec_of
from .safe import mul0, mul00

__all__ = [
    "digamma",
    "dist",
    "erf",
    "erfc",
    "erfinv",
    "i0",
    "igamma",
    "igammac",
    "lgamma",
    "mvlgamma",
    "polygamma",
]
METHODS = ("digamma", "dist", "erf", "erfc", "erfinv", "i0", "igamma", "igammac", "lgamma", "mvlgamma")
INPLACE = ("mvlgamma", "digamma", "erf", "erfc", "erfinv", "i0", "igamma", "igammac", "lgamma")


def _scipy(name: str) -> Any:
    """An implementation by scipy.special's function of that name, in the operands' own dtype."""

    def impl(xp: Any, *args: Any) -> Any:
        from scipy import special

        dtype = np.result_type(*(a.dtype for a in args if hasattr(a, "dtype")))
        return np.asarray(getattr(special, name)(*args)).astype(dtype)

    return impl


def _exp(x: Any) -> Any:
    from .exponential import exp

    return exp(x)


def _gamma_function(x: Any) -> Any:
    return _exp(lgamma(x))


ROOT = math.sqrt(math.pi)

erf_p = elementwise("erf", _scipy("erf"), lambda g, ans, x: g * (_exp(-x * x) * (2 / ROOT)), doc="Error function.")
erfc_p = elementwise("erfc", _scipy("erfc"), lambda g, ans, x: g * (_exp(-x * x) * (-2 / ROOT)), doc="1 - erf(x).")
erfinv_p = elementwise(
    "erfinv", _scipy("erfinv"), lambda g, ans, x: mul0(g, _exp(mul00(ans, ans)) * (ROOT / 2)), doc="Inverse of erf."
)
erfcx_p = elementwise(
    "erfcx",
    _scipy("erfcx"),
    lambda g, ans, x: mul0(g, mul00(ans, x) * 2 - 2 / ROOT),
    doc="exp(x^2) erfc(x).",
    backward_name="SpecialErfcxBackward0",
)


def _log_gamma(xp: Any, x: Any) -> Any:
    found = _scipy("gammaln")(xp, x)
    return xp.where(x == -xp.inf, xp.asarray(xp.inf, found.dtype), found) if x.dtype.kind == "f" else found


lgamma_p = elementwise("lgamma", _log_gamma, lambda g, ans, x: mul0(g, digamma(x)), doc="log |gamma(x)|.")
digamma_p = elementwise(
    "digamma", _scipy("psi"), lambda g, ans, x: mul0(g, polygamma(1, x)), doc="d log gamma(x) / dx."
)


def _polygamma_impl(xp: Any, x: Any, *, n: int) -> Any:
    from scipy import special

    return np.asarray(special.polygamma(n, x)).astype(x.dtype)


polygamma_p = opaque(
    "polygamma",
    _polygamma_impl,
    lambda x, *, n: spec_of(x),
    vjp=(lambda g, ans, x, *, n: mul0(g, polygamma_p(x, n=n + 1)),),
    jvp=lambda prim, tangents, ans, x, *, n: mul0(tangents[0], polygamma_p(x, n=n + 1)),
    batch=lambda prim, args, b, *, n: prim(args[0], n=n),
    doc="n-th derivative of digamma.",
)


def _two(name: str, impl: str, first: Any, second: Any, doc: str) -> Any:
    return elementwise(name, _scipy(impl), first, second, doc=doc)


def _igamma_density(g: Any, a: Any, x: Any) -> Any:
    from .exponential import xlogy

    return mul0(g, _exp(xlogy(a - 1, x) - x - lgamma(a)))


def _no_derivative(name: str) -> Any:
    def rule(g: Any, ans: Any, a: Any, x: Any) -> Any:
        raise NotDifferentiableError(
            f"the derivative for '{name}: input' is not implemented: it has no closed form. Detach the first argument."
        )

    return rule


igamma_p = _two(
    "igamma",
    "gammainc",
    _no_derivative("igamma"),
    lambda g, ans, a, x: _igamma_density(g, a, x),
    "Lower regularised incomplete gamma function.",
)
igammac_p = _two(
    "igammac",
    "gammaincc",
    _no_derivative("igammac"),
    lambda g, ans, a, x: -_igamma_density(g, a, x),
    "Upper regularised incomplete gamma function.",
)
zeta_p = _two(
    "zeta",
    "zeta",
    _no_derivative("zeta"),
    lambda g, ans, s, q: g * (-s * zeta(s + 1, q)),
    "Hurwitz zeta function, the sum of (q + k)^-s over k >= 0.",
)


def _bessel(name: str, function: str, rule: Any, doc: str) -> Any:
    """A record of Bessel functions of whole order n, closed under `rule(x, n)`, the derivative."""

    def impl(xp: Any, x: Any, *, n: int) -> Any:
        from scipy import special

        found = np.asarray(getattr(special, function)(n, x)).astype(x.dtype)
        limit = 0 if function == "ive" else np.abs(x) if n % 2 == 0 else x
        return np.where(np.isinf(x), limit, found)

    return opaque(
        name,
        impl,
        lambda x, *, n: spec_of(x),
        vjp=(lambda g, ans, x, *, n: mul0(g, rule(x, n)),),
        jvp=lambda prim, tangents, ans, x, *, n: mul0(tangents[0], rule(x, n)),
        batch=lambda prim, args, b, *, n: prim(args[0], n=n),
        doc=doc,
    )


def _scaled_rule(x: Any, n: int) -> Any:
    from .rounding import sgn

    neighbours = 2 * i1e(x) if n == 0 else ive_p(x, n=n - 1) + ive_p(x, n=n + 1)
    return neighbours * 0.5 - sgn(x) * ive_p(x, n=n)


iv_p = _bessel(
    "iv",
    "iv",
    lambda x, n: (iv_p(x, n=n - 1) + iv_p(x, n=n + 1)) * 0.5 if n else i1(x),
    "Modified Bessel function of the first kind of order n.",
)
ive_p = _bessel("ive", "ive", _scaled_rule, "exp(-|x|) times the modified Bessel function of order n.")
i0_p = elementwise("i0", _scipy("i0"), lambda g, ans, x: mul0(g, i1(x)), doc="Modified Bessel function of order 0.")
i1_p = elementwise(
    "i1",
    _scipy("i1"),
    lambda g, ans, x: mul0(g, (i0(x) + iv_p(x, n=2)) * 0.5),
    doc="Modified Bessel function of order 1.",
    backward_name="SpecialI1Backward0",
)


def _i0e_rule(g: Any, ans: Any, x: Any) -> Any:
    from .rounding import sgn

    return g * (i1e(x) - sgn(x) * ans)


def _i1e_rule(g: Any, ans: Any, x: Any) -> Any:
    from .rounding import sgn

    return g * ((i0e(x) + ive_p(x, n=2)) * 0.5 - sgn(x) * ans)


i0e_p = elementwise("i0e", _scipy("i0e"), _i0e_rule, doc="exp(-|x|) i0(x).", backward_name="SpecialI0EBackward0")
i1e_p = elementwise("i1e", _scipy("i1e"), _i1e_rule, doc="exp(-|x|) i1(x).", backward_name="SpecialI1EBackward0")
ndtr_p = elementwise(
    "ndtr",
    _scipy("ndtr"),
    lambda g, ans, x: g * (_exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))),
    doc="Normal distribution function.",
)
ndtri_p = elementwise(
    "ndtri",
    _scipy("ndtri"),
    lambda g, ans, x: mul0(g, _exp(mul00(ans, ans) * 0.5) * math.sqrt(2 * math.pi)),
    doc="Inverse of the normal distribution function.",
    backward_name="SpecialNdtriBackward0",
)


def _hazard(xp: Any, x: Any) -> Any:
    from scipy import special

    return (math.sqrt(2 / math.pi) / special.erfcx(x * -math.sqrt(0.5))).astype(x.dtype)


hazard_p = elementwise(
    "normal_hazard",
    _hazard,
    lambda g, ans, x: -mul0(mul0(g, ans), x + ans),
    doc="Density of the normal distribution over its distribution function (the inverse Mills ratio of -x).",
)
log_ndtr_p = elementwise(
    "log_ndtr",
    _scipy("log_ndtr"),
    lambda g, ans, x: mul0(g, hazard_p(x)),
    doc="log of ndtr(x).",
    backward_name="SpecialLogNdtrBackward0",
)


def _entr(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        raise UnsupportedDTypeError("entr is not implemented for complex numbers")
    found = -x * xp.log(x)
    return xp.where(x > 0, found, xp.where(x == 0, xp.zeros_like(found), xp.where(x < 0, -xp.inf, x))).astype(x.dtype)


def _entr_rule(g: Any, ans: Any, x: Any) -> Any:
    from .exponential import log

    return mul0(g, -log(x) - 1)


entr_p = elementwise(
    "entr", _entr, _entr_rule, doc="-x log(x), 0 at 0, -inf below.", backward_name="SpecialEntrBackward0"
)

erf, erfc, erfinv, erfcx = map(function_of, (erf_p, erfc_p, erfinv_p, erfcx_p))
lgamma = gammaln = function_of(lgamma_p)
digamma = psi = function_of(digamma_p)
igamma, igammac, zeta = (function_of(p, "float") for p in (igamma_p, igammac_p, zeta_p))
gammainc, gammaincc = igamma, igammac
i0, i1, i0e, i1e = map(function_of, (i0_p, i1_p, i0e_p, i1e_p))
ndtr, ndtri, log_ndtr, entr = map(function_of, (ndtr_p, ndtri_p, log_ndtr_p, entr_p))


def polygamma(n: int, input: Any) -> Any:
    """n-th derivative of the digamma function.

    A tensor of any shape; integers count as the default float.

    >>> import chainrule as cr
    >>> cr.polygamma(1, cr.tensor([1.0]))
    tensor([1.6449])
    """
    from ..core.dtypes import category, default
    from ..core.elementwise import cast_to
    from ..core.value import raw_dtype

    if n < 0:
        raise ArgumentError("polygamma(n, x) does not support negative n.")
    if category(raw_dtype(input)) < 2:
        input = cast_to(input, default.float)
    return digamma(input) if n == 0 else polygamma_p(input, n=int(n))


def _polygamma_method(self: Any, n: int) -> Any:
    """n-th derivative of the digamma function at every element."""
    return polygamma(n, self)


Tensor.polygamma = _polygamma_method  # type: ignore[attr-defined]


def mvlgamma(input: Any, p: int) -> Any:
    """log of the multivariate gamma function of dimension p.

    >>> import chainrule as cr
    >>> cr.mvlgamma(cr.tensor([3.0]), 2)
    tensor([1.5502])
    """
    total = input * 0 + p * (p - 1) / 4 * math.log(math.pi)
    for i in range(p):
        total = total + lgamma(input - i / 2)
    return total


multigammaln = mvlgamma


@shown_as("DistBackward0")
def dist(input: Any, other: Any, p: float = 2) -> Any:
    """p-norm of input - other.

    Shapes broadcast; floating or complex dtypes; the result is 0-d and real.

    >>> import chainrule as cr
    >>> cr.dist(cr.tensor([0.0, 3.0]), cr.tensor([4.0, 0.0]))
    tensor(5.)
    """
    from .statistics import norm

    return norm(input - other, p)
