"""Draws from gamma distributions as quantiles of uniform draws, so that they are functions of their parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from .kits import elementwise

__all__: list[str] = []  # for chainrule.distributions; not public names

STEP = 1e-3  # of the relative finite difference below: its error, step^4 / 30, is then that of rounding, 1e-15 / step


def _quantile(a: Any, u: Any) -> np.ndarray:
    """x with P(Gamma(a, 1) <= x) = u, by way of the nearer tail."""
    from scipy.special import gammainccinv, gammaincinv

    return np.where(u < 0.5, gammaincinv(a, u), gammainccinv(a, 1 - u))


def _quantile_impl(xp: Any, a: Any, u: Any) -> Any:
    return _quantile(np.asarray(a, np.float64), np.asarray(u)).astype(np.asarray(a).dtype)


def _slope_impl(xp: Any, a: Any, u: Any) -> Any:
    a64, u = np.asarray(a, np.float64), np.asarray(u)
    h = STEP * a64
    with np.errstate(all="ignore"):  # draws that underflow to 0 have slope 0
        near, far = (np.log(_quantile(a64 + k * h, u)) - np.log(_quantile(a64 - k * h, u)) for k in (1, 2))
        x = _quantile(a64, u)
        slope = np.where(x > 0, x * (8 * near - far) / (12 * h), 0.0)
    return slope.astype(np.asarray(a).dtype)


def _refused(g: Any, ans: Any, a: Any, u: Any) -> Any:
    from ..core.errors import NotDifferentiableError

    raise NotDifferentiableError(
        "the derivative for '_standard_gamma_grad' is not implemented: a gamma draw can be differentiated once"
    )


gamma_quantile_slope_p = elementwise(
    "gamma_quantile_slope",
    _slope_impl,
    _refused,
    None,
    doc="d/da of the u-quantile of Gamma(a, 1), by differences of order four of its logarithm.",
)
gamma_quantile_p = elementwise(
    "gamma_quantile",
    _quantile_impl,
    lambda g, ans, a, u: g * gamma_quantile_slope_p(a, u),
    None,
    doc="The u-quantile of Gamma(a, 1).",
    backward_name="StandardGammaBackward0",
)
