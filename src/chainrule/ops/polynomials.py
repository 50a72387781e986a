"""Orthogonal polynomials by their recurrences (NIST Digital Library of Mathematical Functions, section 18.9).

Unlike PyTorch's, they are differentiable in x, to any order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import category, default
from ..core.elementwise import cast_to
from ..core.errors import ArgumentTypeError, UnsupportedDTypeError
from ..core.value import Tensor, raw_dtype, raw_shape
from .comparison import where
from .keys import concrete
from .reductions import finish_out
from .shape import broadcast_to_p


def _family(name: str, first: Callable, step: Callable, says: str, example: str, shifted: bool = False) -> Callable:
    """p_0 = 1, p_1 = first(x), p_(k+1) = step(x, k, p_k, p_(k-1)); 0 for negative n."""

    def op(input: Any, n: Any, *, out: Any = None) -> Any:
        if not isinstance(input, (Tensor, np.ndarray)):
            if not isinstance(n, Tensor):
                raise ArgumentTypeError(f"{name}() needs a tensor: x, n, or both")
            input = n * 0 + input
        dtype = raw_dtype(input)
        if dtype.kind == "c":
            raise UnsupportedDTypeError(f"{name} is not implemented for {dtype}")
        x = input if category(dtype) >= 2 else cast_to(input, default.float)
        x = x * 2 - 1 if shifted else x
        orders = concrete(n, name, "The order has to be known.") if hasattr(n, "shape") else np.asarray(n)
        orders = np.trunc(orders).astype(np.int64)
        shape = np.broadcast_shapes(raw_shape(x), orders.shape)
        x = x if raw_shape(x) == shape else broadcast_to_p(x, shape=shape)
        before, now = x * 0, x * 0 + 1
        result = where(orders == 0, now, before) if orders.ndim or orders == 0 else before
        for k in range(int(orders.max(initial=0))):
            before, now = now, first(x) if k == 0 else step(x, k, now, before)
            result = where(orders == k + 1, now, result) if orders.ndim else now
        return finish_out(out, result)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"""{says} of order n, a number or a tensor of whole numbers, at x; the shapes of both broadcast.

    The result has the floating dtype of x (integers count as the default float); 0 where n is negative.

    >>> import chainrule as cr
    >>> cr.special.{name}(cr.tensor([0.5, 2.0]), 3)
    tensor({example})
    """
    return op


def _chebyshev(x: Any, k: int, p: Any, q: Any) -> Any:
    return x * p * 2 - q


chebyshev_polynomial_t = _family(
    "chebyshev_polynomial_t", lambda x: x, _chebyshev, "Chebyshev polynomial T", "[-1., 26.]"
)
chebyshev_polynomial_u = _family(
    "chebyshev_polynomial_u", lambda x: x * 2, _chebyshev, "Chebyshev polynomial U", "[-1., 56.]"
)
chebyshev_polynomial_v = _family(
    "chebyshev_polynomial_v", lambda x: x * 2 - 1, _chebyshev, "Chebyshev polynomial V", "[-1., 41.]"
)
chebyshev_polynomial_w = _family(
    "chebyshev_polynomial_w", lambda x: x * 2 + 1, _chebyshev, "Chebyshev polynomial W", "[-1., 71.]"
)
shifted_chebyshev_polynomial_t = _family(
    "shifted_chebyshev_polynomial_t", lambda x: x, _chebyshev, "Chebyshev polynomial T of 2 x - 1,", "[-0., 99.]", True
)
shifted_chebyshev_polynomial_u = _family(
    "shifted_chebyshev_polynomial_u",
    lambda x: x * 2,
    _chebyshev,
    "Chebyshev polynomial U of 2 x - 1,",
    "[ -0., 204.]",
    True,
)
shifted_chebyshev_polynomial_v = _family(
    "shifted_chebyshev_polynomial_v",
    lambda x: x * 2 - 1,
    _chebyshev,
    "Chebyshev polynomial V of 2 x - 1,",
    "[  1., 169.]",
    True,
)
shifted_chebyshev_polynomial_w = _family(
    "shifted_chebyshev_polynomial_w",
    lambda x: x * 2 + 1,
    _chebyshev,
    "Chebyshev polynomial W of 2 x - 1,",
    "[ -1., 239.]",
    True,
)
hermite_polynomial_h = _family(
    "hermite_polynomial_h",
    lambda x: x * 2,
    lambda x, k, p, q: (x * p - q * k) * 2,
    "Physicists' Hermite polynomial H",
    "[-5., 40.]",
)
hermite_polynomial_he = _family(
    "hermite_polynomial_he",
    lambda x: x,
    lambda x, k, p, q: x * p - q * k,
    "Probabilists' Hermite polynomial He",
    "[-1.3750,  2.0000]",
)
laguerre_polynomial_l = _family(
    "laguerre_polynomial_l",
    lambda x: 1 - x,
    lambda x, k, p, q: ((2 * k + 1 - x) * p - q * k) / (k + 1),
    "Laguerre polynomial L",
    "[-0.1458, -0.3333]",
)
legendre_polynomial_p = _family(
    "legendre_polynomial_p",
    lambda x: x,
    lambda x, k, p, q: (x * p * (2 * k + 1) - q * k) / (k + 1),
    "Legendre polynomial P",
    "[-0.4375, 17.0000]",
)

__all__: list[str] = []  # of chainrule.special only
