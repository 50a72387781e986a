"""Lazy modules: parameters get their shapes from the first input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import GraphError
from ..core.value import wrap
from .module import Module
from .parameter import Buffer, Parameter


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet."""

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        made = Parameter(wrap(np.empty(0, np.float32)), requires_grad)
        made._is_lazy = True
        return made


class UninitializedBuffer(Buffer):
    """A buffer whose shape is not known yet."""

    def __new__(cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True) -> Any:
        made = Buffer(wrap(np.empty(0, np.float32)), persistent=persistent)
        made._is_lazy = True
        return made


class LazyModule(Module):
    """Mixin: becomes its `full_class` at the first call, when the input's shape is known."""

    full_class: type[Module]

    def _hold(self, make: Callable[[Any], Module], names: tuple[str, ...]) -> None:
        Module.__init__(self)
        self.__dict__["_make"] = make
        for name in names:
            self._parameters[name] = UninitializedParameter()

    def has_uninitialized_params(self) -> bool:
        """Are shapes still unknown?"""
        return "_make" in self.__dict__

    def initialize_parameters(self, input: Any) -> None:
        """Take the shapes from an input; the parameters stay the same objects, so that optimisers keep them."""
        full = self.__dict__.pop("_make")(input)
        held = dict(self._parameters)
        hooks = {k: self.__dict__[k] for k in ("_forward_hooks", "_forward_pre_hooks", "training", "_hook_flags")}
        fields = dict(full.__dict__)
        fields.update(hooks)
        for name, p in full._parameters.items():
            old = held.get(name)
            if old is not None and p is not None:
                old.data = p.detach()
                old._is_lazy = False
                full._parameters[name] = old
        self.__dict__.update(fields)
        self.__class__ = self.full_class

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.has_uninitialized_params():
            if not args:
                raise GraphError(f"{type(self).__name__} needs a positional input to learn its shapes from")
            self.initialize_parameters(args[0])
        return self(*args, **kwargs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(uninitialized)"
