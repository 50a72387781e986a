"""Complex numbers. Gradients follow PyTorch: the cotangent of z is the conjugate Wirtinger derivative."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import DTypeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .kits import function_of, opaque, shown_as
from .safe import div0, mul0, zero

__all__ = [
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "imag",
    "is_complex",
    "is_conj",
    "is_floating_point",
    "is_neg",
    "is_signed",
    "polar",
    "real",
    "resolve_conj",
    "resolve_neg",
]
INPLACE = ("conj_physical",)
METHODS = ("angle", "conj", "conj_physical", "is_conj", "is_neg", "is_signed", "resolve_conj", "resolve_neg")
ATTRIBUTES = ("real", "imag")


def _real_dtype(d: np.dtype) -> np.dtype:
    return np.dtype(f"f{d.itemsize // 2}") if d.kind == "c" else d


def _complex_dtype(d: np.dtype) -> np.dtype:
    return np.dtype("c16") if d.itemsize == 8 else np.dtype("c8")


def _unary_batch(prim: Any, args: tuple, b: Any) -> Any:
    return prim(args[0])


def _same(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    return prim(tangents[0])


conj_p = opaque(
    "conj",
    lambda xp, x: xp.conj(x) if x.dtype.kind == "c" else x.copy(),
    lambda x: Spec(x.shape, x.dtype),
    vjp=(lambda g, ans, x: conj_p(g),),
    jvp=_same,
    batch=_unary_batch,
    notation="conj({})",
    doc="Complex conjugate.",
)
real_p = opaque(
    "real",
    lambda xp, x: x.real,
    lambda x: Spec(x.shape, _real_dtype(x.dtype)),
    vjp=(lambda g, ans, x: complex_p(g, zero(g)) if raw_dtype(x).kind == "c" else g,),
    jvp=_same,
    batch=_unary_batch,
    doc="Real part; a view.",
    view=True,
)
imag_p = opaque(
    "imag",
    lambda xp, x: x.imag,
    lambda x: Spec(x.shape, _real_dtype(x.dtype)),
    vjp=(lambda g, ans, x: complex_p(zero(g), g),),
    jvp=_same,
    batch=_unary_batch,
    doc="Imaginary part; a view.",
    view=True,
)


def _complex_impl(xp: Any, re: Any, im: Any) -> Any:
    re, im = xp.broadcast_arrays(re, im)
    out = xp.empty(re.shape, _complex_dtype(re.dtype))
    out.real, out.imag = re, im
    return out


def _complex_jvp(prim: Any, tangents: Any, ans: Any, re: Any, im: Any) -> Any:
    a, b = tangents
    zero = np.zeros((), raw_dtype(re))
    made = prim(zero if a is None else a, zero if b is None else b)
    from .shape import broadcast_to_p

    return made if raw_shape(made) == raw_shape(ans) else broadcast_to_p(made, shape=raw_shape(ans))


def _complex_batch(prim: Any, args: tuple, is_batched: Any) -> Any:
    from .kits import pad_rank

    ndim = max(len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
    return prim(*(pad_rank(a, ndim) if b else a for a, b in zip(args, is_batched, strict=True)))


complex_p = opaque(
    "complex",
    _complex_impl,
    lambda re, im: Spec(np.broadcast_shapes(re.shape, im.shape), _complex_dtype(re.dtype)),
    vjp=(lambda g, ans, re, im: real_p(g), lambda g, ans, re, im: imag_p(g)),
    jvp=_complex_jvp,
    batch=_complex_batch,
    notation="{} + i {}",
    doc="The complex number of a real and an imaginary part.",
    undoes_broadcast=True,
)


def _angle_rule(g: Any, ans: Any, x: Any) -> Any:
    """d angle = (re d im - im d re) / |x|^2; 0 at 0 and for real x."""
    if raw_dtype(x).kind != "c":
        return zero(g)
    re, im = real_p(x), imag_p(x)
    size = re * re + im * im
    return complex_p(mul0(g, div0(-im, size)), mul0(g, div0(re, size)))


def _angle_jvp(prim: Any, tangents: Any, ans: Any, x: Any) -> Any:
    t = tangents[0]
    if raw_dtype(x).kind != "c":
        return zero(t)
    re, im = real_p(x), imag_p(x)
    size = re * re + im * im
    return div0(re * imag_p(t) - im * real_p(t), size)


angle_p = opaque(
    "angle",
    lambda xp, x: (
        xp.angle(x) if x.dtype.kind == "c" else xp.where(xp.isnan(x), x, xp.where(x < 0, math.pi, 0)).astype(x.dtype)
    ),
    lambda x: Spec(x.shape, _real_dtype(x.dtype)),
    vjp=(_angle_rule,),
    jvp=_angle_jvp,
    batch=_unary_batch,
    doc="Argument of a complex number.",
)
angle = function_of(angle_p)


def conj(input: Any) -> Any:
    """Complex conjugate; real tensors are returned as they are.

    >>> import chainrule as cr
    >>> cr.conj(cr.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    return conj_p(input) if raw_dtype(input).kind == "c" else input


conj_physical = conj


def resolve_conj(input: Any) -> Any:
    """The tensor itself: conjugates are always computed here.

    Any shape and dtype.

    >>> import chainrule as cr
    >>> cr.resolve_conj(cr.tensor([1j]).conj())
    tensor([0.-1.j])
    """
    return input


resolve_neg = resolve_conj


def real(input: Any) -> Any:
    """Real part, a view; real tensors are returned as they are.

    >>> import chainrule as cr
    >>> cr.real(cr.tensor([1 + 2j]))
    tensor([1.])
    """
    return real_p(input) if raw_dtype(input).kind == "c" else input


def imag(input: Any) -> Any:
    """Imaginary part, a view.

    A complex tensor of any shape; the result is real.

    >>> import chainrule as cr
    >>> cr.imag(cr.tensor([1 + 2j]))
    tensor([2.])
    """
    if raw_dtype(input).kind != "c":
        raise DTypeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag_p(input)


def complex(real: Any, imag: Any) -> Any:
    """real + i imag, of one floating dtype.

    >>> import chainrule as cr
    >>> cr.complex(cr.tensor([1.0]), cr.tensor([2.0]))
    tensor([1.+2.j])
    """
    a, b = raw_dtype(real), raw_dtype(imag)
    if a.kind != "f" or b.kind != "f":
        raise DTypeError(f"Expected both inputs to be Half, Float or Double tensors but got {a} and {b}")
    if a != b:
        raise DTypeError(f"Expected object of scalar type {a} but got scalar type {b} for second argument")
    return complex_p(real, imag)


@shown_as("PolarBackward0")
def polar(abs: Any, angle: Any) -> Any:
    """abs (cos(angle) + i sin(angle)).

    >>> import chainrule as cr
    >>> cr.polar(cr.tensor([2.0]), cr.tensor([0.0]))
    tensor([2.+0.j])
    """
    from .trigonometric import cos, sin

    return complex(abs * cos(angle), abs * sin(angle))


def is_complex(input: Any) -> bool:
    """Is the dtype a complex one?

    >>> import chainrule as cr
    >>> cr.is_complex(cr.tensor([1j]))
    True
    """
    return raw_dtype(input).kind == "c"


def is_floating_point(input: Any) -> bool:
    """Is the dtype a floating one?

    >>> import chainrule as cr
    >>> cr.is_floating_point(cr.ones(2))
    True
    """
    return raw_dtype(input).kind == "f"


def is_conj(input: Any) -> bool:
    """Is it a conjugate still to be computed? Never: conjugates are computed at once here.

    For a tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.is_conj(cr.tensor([1j]).conj())
    False
    """
    return False


def is_neg(input: Any) -> bool:
    """Is it a negative still to be computed? Never: negatives are computed at once here.

    For a tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.is_neg(cr.tensor([1j]).conj().imag)
    False
    """
    return False


def is_signed(input: Any) -> bool:
    """Can the dtype hold negative numbers?

    For a tensor of any shape.

    >>> import chainrule as cr
    >>> cr.is_signed(cr.tensor([1])), cr.is_signed(cr.tensor([True]))
    (True, False)
    """
    return raw_dtype(input).kind in "ifcV"
