"""`where` gives no NaN from the branch not taken: reverse and forward mode, first and second order."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.func import grad, jvp

INF = float("inf")
NAN = float("nan")
s = cr.special

# f and points where its value or derivative is infinite or NaN
BRANCHES = {
    "sqrt": (cr.sqrt, 0, -1, INF),
    "rsqrt": (cr.rsqrt, 0, -1, INF),
    "log": (cr.log, 0, -1, INF),
    "log2": (cr.log2, 0, -1),
    "log10": (cr.log10, 0, -1),
    "log1p": (cr.log1p, -1, -2),
    "1 / x": (lambda x: 1 / x, 0),
    "x / x^2": (lambda x: x / (x * x), 0),
    "reciprocal": (cr.reciprocal, 0),
    "x^0.5": (lambda x: x**0.5, 0, -1),
    "x^-1.5": (lambda x: x**-1.5, 0, -1),
    "x^3": (lambda x: x**3, 1e160),
    "x^7": (lambda x: x**7, 0, 1e160),
    "x^t": (lambda x: x ** (x * 0 + 0.5), 0, -1),
    "(-1)^x": (lambda x: (x * 0 - 1) ** x, 0.5),
    "2^x": (lambda x: 2.0**x, 1e4),
    "square of NaN": (cr.square, NAN),
    "abs of NaN": (cr.abs, NAN),
    "exp": (cr.exp, 1000),
    "exp2": (cr.exp2, 2000),
    "expm1": (cr.expm1, 1000),
    "sinh": (cr.sinh, 1000),
    "cosh": (cr.cosh, 1000),
    "asin": (cr.asin, 1, -1, 2),
    "acos": (cr.acos, 1, -1, 2),
    "atanh": (cr.atanh, 1, -1, 2),
    "acosh": (cr.acosh, 1, 0, -1, -3),
    "atan2": (lambda x: cr.atan2(x, x), 0),
    "hypot": (lambda x: cr.hypot(x, x), 0),
    "erfinv": (cr.erfinv, 1, -1, 2),
    "erfcx": (s.erfcx, -30, -100),
    "logit": (cr.logit, 0, 1, 2, -1),
    "xlogy": (lambda x: cr.xlogy(x, x), 0, -1),
    "xlog1py": (lambda x: s.xlog1py(x, x), -1, -2),
    "ndtri": (s.ndtri, 0, 1, 2),
    "log_ndtr": (s.log_ndtr, -1e200, 1e200),
    "entr": (s.entr, 0, -1),
    "lgamma": (cr.lgamma, 0, -1, -2),
    "digamma": (cr.digamma, 0, -1),
    "polygamma": (lambda x: cr.polygamma(1, x), 0, -1),
    "i0": (cr.i0, 1000),
    "i1": (s.i1, 1000),
    "igamma": (lambda x: cr.igamma(x.detach() * 0 + 0.5, x), 0, -1),
    "logaddexp": (lambda x: cr.logaddexp(x, x), INF, -INF),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_the_other_branch_decides_alone(name):
    f, *points = BRANCHES[name]

    def h(x):
        return cr.where(cr.tensor(False), f(x), 3 * x)

    for point in points:
        x = cr.tensor(float(point), dtype=cr.float64, requires_grad=True)
        (first,) = cr.autograd.grad(h(x), x, create_graph=True)
        assert first.item() == 3, f"gradient at {point}"
        (second,) = cr.autograd.grad(first, x, allow_unused=True) if first.requires_grad else (None,)
        assert second is None or second.item() == 0, f"second derivative at {point}"
        at, one = x.detach(), cr.tensor(1.0, dtype=cr.float64)
        assert jvp(h, (at,), (one,))[1].item() == 3, f"forward mode at {point}"
        assert grad(grad(h))(at).item() == 0, f"grad of grad at {point}"
        assert jvp(grad(h), (at,), (one,))[1].item() == 0, f"forward over reverse at {point}"


def test_masked_data_that_is_not_there():
    target = cr.tensor([1.0, NAN, 3.0])
    guess = cr.tensor([0.0, 0.0, 0.0], requires_grad=True)
    cr.where(cr.isnan(target), 0.0, (guess - target) ** 2).sum().backward()
    assert guess.grad.tolist() == [-2, 0, -6]
