"""Lazy modules: parameters get their shapes from the first input."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import GraphError
from ..core.value import raw_shape, wrap
from .module import Module
from .parameter import Buffer, Parameter


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet.

    `materialize(shape, dtype)` gives it memory.

    >>> import chainrule as cr
    >>> isinstance(cr.nn.LazyLinear(2).weight, cr.nn.UninitializedParameter)
    False
    """

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        made = Parameter(wrap(np.empty(0, np.float32)), requires_grad)
        made._is_lazy = True
        return made


class UninitializedBuffer(Buffer):
    """A buffer whose shape is not known yet.

    `materialize(shape, dtype)` gives it memory.

    >>> import chainrule as cr
    >>> isinstance(cr.nn.LazyBatchNorm1d().running_mean, cr.nn.UninitializedBuffer)
    False
    """

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        made = Buffer(wrap(np.empty(0, np.float32)), persistent=persistent)
        made._is_lazy = True
        return made


class LazyModule(Module):
    """Mixin: becomes its `full_class` at the first call, when the input's shape is known.

    `full_class` takes the size to be learned first; it is the input's size along `_lazy_axis`.

    It is what LazyLinear and its kin have in common; its parameters have no shape until then.

    >>> import chainrule as cr
    >>> layer = cr.nn.LazyLinear(2)
    >>> isinstance(layer, cr.nn.LazyModule), layer(cr.ones(1, 3)).shape, type(layer).__name__
    (True, torch.Size([1, 2]), 'Linear')
    """

    full_class: type[Module]
    _lazy_axis = -1

    def _hold(self, *args: Any, **kwargs: Any) -> None:
        """Build the module with size 0, and mark the tensors whose shapes that leaves unknown."""
        self.full_class.__init__(self, 0, *args, **kwargs)
        self.__dict__["_lazy_arguments"] = (args, kwargs)
        for tensors in (self._parameters, self._buffers):
            for t in tensors.values():
                if t is not None and 0 in raw_shape(t):
                    t._is_lazy = True

    def has_uninitialized_params(self) -> bool:
        """Are shapes still unknown?"""
        return "_lazy_arguments" in self.__dict__

    def initialize_parameters(self, input: Any) -> None:
        """Take the shapes from an input; the parameters stay the same objects, so that optimisers keep them."""
        args, kwargs = self.__dict__.pop("_lazy_arguments")
        full = self.full_class(raw_shape(input)[self._lazy_axis], *args, **kwargs)
        for kind in ("_parameters", "_buffers"):
            held = getattr(self, kind)
            for name, new in getattr(full, kind).items():
                old = held[name]
                if old is not None and getattr(old, "_is_lazy", False):
                    old.data = new.detach().to(old.dtype)
                    old._is_lazy = False
        own = {"training", "_parameters", "_buffers", *(k for k in full.__dict__ if k.endswith(("_hooks", "_flags")))}
        self.__dict__.update({k: v for k, v in full.__dict__.items() if k not in own})
        self.__class__ = self.full_class

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.has_uninitialized_params():
            if not args:
                raise GraphError(f"{type(self).__name__} needs a positional input to learn its shapes from")
            self.initialize_parameters(args[0])
        return self(*args, **kwargs)
