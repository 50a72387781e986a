"""The doors between tensors and the rest of the NumPy world: its protocols, DLPack, the array API, copies, `x.at`."""

from __future__ import annotations

from typing import Any

from ..core.value import Tensor
from . import interop, pickling


def array_ufunc(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    """NumPy's protocol for ufuncs; imports the doors when first used."""
    from . import ufuncs

    Tensor.__array_ufunc__ = ufuncs.array_ufunc  # type: ignore[attr-defined]
    return ufuncs.array_ufunc(self, *args, **kwargs)


def array_function(self: Tensor, *args: Any) -> Any:
    """NumPy's protocol for functions; imports the doors when first used."""
    from . import functions

    Tensor.__array_function__ = functions.array_function  # type: ignore[attr-defined]
    return functions.array_function(self, *args)


def at(self: Tensor) -> Any:
    """JAX's updates without writing: `x.at[index].set(values)` is a new tensor, and x stays as it is.

    Also `add`, `subtract`, `multiply`, `divide`, `power`, `min`, `max`, `apply` and `get`; all are differentiable.

    >>> import chainrule as cr
    >>> cr.tensor([1.0, 2.0, 3.0]).at[1:].multiply(10.0)
    tensor([ 1., 20., 30.])
    """
    from .at import Places

    return Places(self)


def install() -> None:
    """Attach the protocols to Tensor."""
    Tensor.at = property(at)  # type: ignore[attr-defined]
    for name, function in (
        ("__array_ufunc__", array_ufunc),
        ("__array_function__", array_function),
        ("__array__", interop.array),
        ("__dlpack__", interop.dlpack),
        ("__dlpack_device__", interop.dlpack_device),
        ("__array_namespace__", interop.array_namespace),
        ("__reduce_ex__", pickling.reduce_ex),
        ("__setstate__", pickling.set_state),
        ("__copy__", pickling.shallow_copy),
        ("__deepcopy__", pickling.deep_copy),
    ):
        setattr(Tensor, name, function)
