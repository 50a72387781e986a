"""Forward mode on dual tensors by hand. (PyTorch's torch.autograd.forward_ad.)"""

from __future__ import annotations

from typing import NamedTuple

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, GraphError
from ..core.value import Tensor, raw_dtype, raw_shape
from ..transforms.arguments import fit
from ..transforms.forward import Dual, JVPTrace
from ..transforms.level import below, public

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns; `tangent` is None for a tensor without one.

    >>> import chainrule as cr
    >>> with cr.autograd.forward_ad.dual_level():
    ...     dual = cr.autograd.forward_ad.make_dual(cr.tensor(2.0), cr.tensor(1.0))
    ...     print(cr.autograd.forward_ad.unpack_dual(dual).tangent)
    ...
    tensor(1.)
    """

    primal: Tensor
    tangent: Tensor | None


class _DualTrace(JVPTrace):
    forgiving = True  # after the level ends, duals are ordinary values without tangents


_levels: list[_DualTrace] = []


def enter_dual_level() -> int:
    """Open a forward-mode level; returns its number.

    >>> import chainrule as cr
    >>> level = cr.autograd.forward_ad.enter_dual_level()
    >>> cr.autograd.forward_ad.exit_dual_level()
    """
    _levels.append(_DualTrace())
    return len(_levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost level: its tangents are forgotten.

    >>> import chainrule as cr
    >>> level = cr.autograd.forward_ad.enter_dual_level()
    >>> cr.autograd.forward_ad.exit_dual_level()
    """
    if not _levels:
        raise GraphError("Trying to exit a forward AD level but none was entered; write `with dual_level():`")
    if level is not None and level != len(_levels) - 1:
        raise GraphError(f"Trying to exit level {level}, but the innermost forward AD level is {len(_levels) - 1}")
    _levels.pop().alive = False


class dual_level:  # noqa: N801 (PyTorch's name)
    """A forward-mode level, for one with statement; levels may be nested.

    >>> import chainrule as cr
    >>> from chainrule.autograd import forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(cr.tensor(3.0), cr.tensor(1.0))
    ...     print(fwAD.unpack_dual(x * x).tangent)
    tensor(6.)
    """

    def __enter__(self) -> int:
        self.level = enter_dual_level()
        return self.level

    def __exit__(self, *exc: object) -> None:
        exit_dual_level(level=self.level)


def _trace(level: int | None, what: str) -> _DualTrace:
    if not _levels:
        raise GraphError(
            f"{what}: Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            f"enter_dual_level() first: write `with dual_level():`"
        )
    if level is None:
        return _levels[-1]
    if not 0 <= level < len(_levels):
        raise ArgumentError(f"{what}: there is no forward AD level {level}; levels 0 to {len(_levels) - 1} are open")
    return _levels[level]


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with a tangent, for the innermost open level (or the one given).

    Tensor and tangent have one shape and one floating or complex dtype.

    >>> import chainrule as cr
    >>> with cr.autograd.forward_ad.dual_level():
    ...     dual = cr.autograd.forward_ad.make_dual(cr.tensor(2.0), cr.tensor(1.0))
    ...     print(cr.autograd.forward_ad.unpack_dual(dual * dual).tangent)
    ...
    tensor(4.)
    """
    trace = _trace(level, "make_dual")
    if not isinstance(tensor, Tensor) or not is_inexact(raw_dtype(tensor)):
        raise ArgumentError("Expected primal to be floating point or complex tensor, write make_dual(x.float(), t)")
    if type(tensor) is Dual and tensor._trace is trace:
        if tensor._tangent is not None:
            raise GraphError(
                f"Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
                f"{_levels.index(trace)} is not supported. Write unpack_dual(x).primal, or open another level."
            )
        tensor = public(tensor._data)
    if not isinstance(tangent, Tensor):
        raise ArgumentError(f"make_dual: the tangent must be a tensor, not {type(tangent).__name__}")
    if not is_inexact(raw_dtype(tangent)):
        raise ArgumentError("Expected tangent to be floating point or complex tensor, write make_dual(x, t.float())")
    if type(tangent) is Dual and tangent._trace is trace:
        raise GraphError(
            "make_dual: this tangent has a forward gradient at the same level; write unpack_dual(t).primal, or open "
            "another level for derivatives of higher order"
        )
    if raw_shape(tangent) != raw_shape(tensor):
        raise GraphError(
            f"Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(raw_shape(tensor))} while the given forward gradient is of size "
            f"{list(raw_shape(tangent))}."
        )
    value = below(tensor)
    dual = trace.dual(value, fit(tangent, value, "make_dual", "the tangent"))
    dual._given_tangent = tangent  # pyright: ignore[reportAttributeAccessIssue] (unpack_dual returns this very tensor)
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """(primal, tangent) of a dual tensor; the tangent is None where there is none.

    Both have the shape and dtype of the dual tensor.

    >>> import chainrule as cr
    >>> with cr.autograd.forward_ad.dual_level():
    ...     dual = cr.autograd.forward_ad.make_dual(cr.tensor(2.0), cr.tensor(1.0))
    ...     print(cr.autograd.forward_ad.unpack_dual(dual * 3).primal)
    ...
    tensor(6.)
    """
    trace = _trace(level, "unpack_dual") if _levels else None
    if type(tensor) is Dual and (tensor._trace is trace or not tensor._trace.alive):
        alive = tensor._trace.alive
        tangent = tensor._tangent if alive else None
        given = tensor.__dict__.get("_given_tangent")
        if given is not None and tangent is not None and below(given) is tangent:  # not written to since
            return UnpackedDualTensor(public(tensor._data), given)
        return UnpackedDualTensor(public(tensor._data), None if tangent is None else public(tangent))
    return UnpackedDualTensor(tensor, None)
