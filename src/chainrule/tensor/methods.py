"""Tensor's methods and operators, attached from the ops themselves.

An op module says with METHODS which of its functions are methods, with INPLACE which also have a form with a trailing
underscore, and with ATTRIBUTES which are properties (x.mT). Families that few programs need are imported when one of
their names is first used; ops/later.py knows the names.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from threading import RLock
from types import ModuleType
from typing import Any

from ..core.value import Tensor
from ..ops.later import LATER
from . import outs
from .inplace import inplace_form

ROOT = __package__.rpartition(".")[0]
OPS = f"{__package__.rpartition('.')[0]}.ops."


def attach(module: ModuleType) -> None:
    """Give Tensor the methods, in-place methods and properties that an op module declares."""
    for name in getattr(module, "METHODS", ()):
        setattr(Tensor, name, getattr(module, name))
    for name in getattr(module, "INPLACE", ()):
        setattr(Tensor, name + "_", inplace_form(name, getattr(module, name)))
    for name in getattr(module, "ATTRIBUTES", ()):
        function = getattr(module, name)
        setattr(Tensor, name, property(function, doc=function.__doc__))


def attach_families() -> None:
    """attach() for every op module that is loaded."""
    for name in sorted(name for name in sys.modules if name.startswith(OPS)):
        attach(sys.modules[name])


FUNCTIONS_IN_PLACE = (
    "abs acos acosh addmv arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil celu clamp clamp_max "
    "clamp_min clip conj_physical cos cosh deg2rad detach erf erfc exp exp2 expm1 fill fix floor frac gcd i0 index_put "
    "lcm ldexp log log10 log1p log2 logit nan_to_num neg negative rad2deg reciprocal relu round rsqrt selu sigmoid sin "
    "sinc sinh sqrt square tan tanh trunc xlogy zero"
)


def attach_functions(namespace: dict[str, Any]) -> None:
    """Put those in-place methods that PyTorch also has as functions (`torch.relu_(x)`) into a namespace."""
    for name in FUNCTIONS_IN_PLACE.split():
        method = vars(Tensor).get(name + "_")
        if method is not None and not isinstance(method, Later):
            namespace[name + "_"] = method


# ---- families that are imported later -------------------------------------------------------------------------------

_lock = RLock()
_loaded: set[str] = set()


class Later:
    """Stands in Tensor for a method or property whose family is not imported yet, and imports it when asked for."""

    __slots__ = ("family", "name")

    def __init__(self, family: str, name: str) -> None:
        self.family, self.name = family, name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        load(self.family)
        return getattr(owner if instance is None else instance, self.name)


def attach_later() -> None:
    """Let Tensor know of the methods and properties of all families that are imported later."""
    for family, (_, methods) in LATER.items():
        for name in methods.split():
            setattr(Tensor, name, Later(family, name))


def load(family: str) -> None:
    """Import a family: its methods become Tensor's, its public names those of the namespace `chainrule`."""
    with _lock:
        if family in _loaded:
            return
        module = import_module(f"{ROOT}.{family}")
        attach(module)
        names = LATER[family][0].split()
        found = {name: getattr(module, name) if hasattr(module, name) else getattr(Tensor, name) for name in names}
        outs.attach(found)
        vars(sys.modules[ROOT]).update(found)
        _loaded.add(family)


def family_of(name: str) -> str | None:
    """The family, imported or not, that `name` in the namespace `chainrule` belongs to."""
    return next((family for family, (names, _) in LATER.items() if name in names.split()), None)


def load_all() -> None:
    """Import all operations, so that every primitive is registered and every name is in its place."""
    for module in pkgutil.iter_modules(import_module(OPS[:-1]).__path__):
        import_module(OPS + module.name)
    for family in LATER:
        load(family)


def swapped(function: Any) -> Any:
    """`other op self` for a binary op: Python calls it when the left operand does not know tensors."""

    def reflected(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return reflected
