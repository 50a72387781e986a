"""Bessel and Airy functions; the values come from scipy.special, imported when one is first evaluated.

Derivatives after the NIST Digital Library of Mathematical Functions, sections 9.2, 10.6 and 10.29. Unlike PyTorch's,
these functions are differentiable.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from ..core.dtypes import category, default
from ..core.elementwise import cast_to, require_tensor
from ..core.errors import UnsupportedDTypeError
from ..core.value import raw_dtype
from .kits import opaque, spec_of
from .reductions import finish_out
from .safe import mul0
from .special import i0, i1
from .trigonometric import sinc


def _record(name: str, function: str, rule: Callable, doc: str) -> Any:
    """A record of functions of whole order n, closed under `rule(x, n)`, the derivative; they are 0 at infinity."""

    def impl(xp: Any, x: Any, *, n: int) -> Any:
        from scipy import special

        found = np.asarray(getattr(special, function)(n, x)).astype(x.dtype)
        return np.where(np.isinf(x) & ~np.isnan(found), found.dtype.type(0), found)

    return opaque(
        name,
        impl,
        lambda x, *, n: spec_of(x),
        vjp=(lambda g, ans, x, *, n: mul0(g, rule(x, n)),),
        jvp=lambda prim, tangents, ans, x, *, n: mul0(tangents[0], rule(x, n)),
        batch=lambda prim, args, b, *, n: prim(args[0], n=n),
        doc=doc,
    )


j_p = _record(
    "bessel_j",
    "jv",
    lambda x, n: (j_p(x, n=n - 1) - j_p(x, n=n + 1)) * 0.5 if n else -j_p(x, n=1),
    "Bessel function of the first kind of order n.",
)
y_p = _record(
    "bessel_y",
    "yn",
    lambda x, n: (y_p(x, n=n - 1) - y_p(x, n=n + 1)) * 0.5 if n else -y_p(x, n=1),
    "Bessel function of the second kind of order n.",
)
k_p = _record(
    "bessel_k",
    "kn",
    lambda x, n: (k_p(x, n=n - 1) + k_p(x, n=n + 1)) * -0.5 if n else -k_p(x, n=1),
    "Modified Bessel function of the second kind of order n.",
)
scaled_k_p = _record(
    "bessel_scaled_k",
    "kve",
    lambda x, n: scaled_k_p(x, n=n) - (scaled_k_p(x, n=abs(n - 1)) + scaled_k_p(x, n=n + 1)) * 0.5,
    "exp(x) times the modified Bessel function of the second kind of order n.",
)


def _airy_impl(xp: Any, x: Any, *, n: int) -> Any:
    from scipy import special

    found = np.asarray(special.airy(x)[n]).astype(x.dtype)
    return np.where(np.isposinf(x), found.dtype.type(0), found)


airy_p = opaque(
    "airy",
    _airy_impl,
    lambda x, *, n: spec_of(x),
    vjp=(lambda g, ans, x, *, n: mul0(g, x * airy_p(x, n=0) if n else airy_p(x, n=1)),),
    jvp=lambda prim, tangents, ans, x, *, n: mul0(tangents[0], x * airy_p(x, n=0) if n else airy_p(x, n=1)),
    batch=lambda prim, args, b, *, n: prim(args[0], n=n),
    doc="Airy function Ai, or its derivative for n = 1.",
)


def _function(name: str, prim: Any, n: int, says: str, example: str) -> Callable:
    def op(input: Any, *, out: Any = None) -> Any:
        require_tensor(op.__name__, input)
        dtype = raw_dtype(input)
        if dtype.kind == "c":
            raise UnsupportedDTypeError(f"{name} is not implemented for {dtype}; scipy.special has complex ones")
        x = input if category(dtype) >= 2 else cast_to(input, default.float)
        return finish_out(out, prim(x, n=n))

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"""{says} A tensor of any shape; integers count as the default float.

    >>> import chainrule as cr
    >>> cr.special.{name}(cr.tensor([1.0, 2.0]))
    tensor({example})
    """
    return op


bessel_j0 = _function("bessel_j0", j_p, 0, "Bessel function of the first kind of order 0.", "[0.7652, 0.2239]")
bessel_j1 = _function("bessel_j1", j_p, 1, "Bessel function of the first kind of order 1.", "[0.4401, 0.5767]")
bessel_y0 = _function("bessel_y0", y_p, 0, "Bessel function of the second kind of order 0.", "[0.0883, 0.5104]")
bessel_y1 = _function("bessel_y1", y_p, 1, "Bessel function of the second kind of order 1.", "[-0.7812, -0.1070]")
modified_bessel_k0 = _function("modified_bessel_k0", k_p, 0, "Modified Bessel function K_0.", "[0.4210, 0.1139]")
modified_bessel_k1 = _function("modified_bessel_k1", k_p, 1, "Modified Bessel function K_1.", "[0.6019, 0.1399]")
scaled_modified_bessel_k0 = _function("scaled_modified_bessel_k0", scaled_k_p, 0, "exp(x) K_0(x).", "[1.1445, 0.8416]")
scaled_modified_bessel_k1 = _function("scaled_modified_bessel_k1", scaled_k_p, 1, "exp(x) K_1(x).", "[1.6362, 1.0335]")
airy_ai = _function(
    "airy_ai", airy_p, 0, "Airy function Ai, the solution of y'' = x y that decays.", "[0.1353, 0.0349]"
)
modified_bessel_i0, modified_bessel_i1 = i0, i1


def spherical_bessel_j0(input: Any, *, out: Any = None) -> Any:
    """sin(x) / x, 1 at 0. A tensor of any shape; integers count as the default float.

    >>> import chainrule as cr
    >>> cr.special.spherical_bessel_j0(cr.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    require_tensor("spherical_bessel_j0", input)
    return finish_out(out, sinc(input / pi))


__all__: list[str] = []  # of chainrule.special only
