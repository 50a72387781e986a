"""Lazy modules: parameters get their shapes from the first input."""

from __future__ import annotations

from typing import Any

from ..core.errors import GraphError
from ..core.value import raw_shape
from .module import Module
from .parameter import Uninitialized, become, forget_shape


class LazyModuleMixin(Module):
    """Mixin of modules whose tensors get their shapes at the first call.

    A subclass registers UninitializedParameters, and overrides initialize_parameters(*args, **kwargs), which is called
    once with the arguments of the first call, before its hooks, and materializes them. Then the module becomes one of
    `cls_to_become`, where that is not None.

    >>> import chainrule as cr
    >>> class Scale(cr.nn.modules.lazy.LazyModuleMixin, cr.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = cr.nn.UninitializedParameter()
    ...     def initialize_parameters(self, x):
    ...         self.weight.materialize(x.shape[-1])
    ...         cr.nn.init.ones_(self.weight)
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> Scale()(cr.tensor([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.__dict__["_to_infer"] = True

    def has_uninitialized_params(self) -> bool:
        """Are shapes of the module's own tensors still unknown?"""
        return any(isinstance(t, Uninitialized) for t in (*self._parameters.values(), *self._buffers.values()))

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the tensors their shapes, from the arguments of the first call; override it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.__dict__.get("_to_infer"):
            return super().__call__(*args, **kwargs)
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise GraphError(f"module {self._get_name()} has not been fully initialized")
        self.__dict__.pop("_to_infer", None)
        if self.cls_to_become is not None:
            self.__class__ = self.cls_to_become
        return self(*args, **kwargs)


class LazyModule(LazyModuleMixin):
    """A layer that becomes its `full_class` at the first call, when the input's shape is known.

    `full_class` takes the size to be learned first; it is the input's size along `_lazy_axis`.

    It is what LazyLinear and its kin have in common; their parameters have no shape until then.

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
        self.__dict__.update(_lazy_arguments=(args, kwargs), _to_infer=True)
        for tensors in (self._parameters, self._buffers):
            for t in tensors.values():
                if t is not None and 0 in raw_shape(t):
                    forget_shape(t)

    def initialize_parameters(self, input: Any) -> None:
        """Take the shapes from an input; the parameters stay the same objects, so that optimisers keep them."""
        args, kwargs = self.__dict__.pop("_lazy_arguments")
        full = self.full_class(raw_shape(input)[self._lazy_axis], *args, **kwargs)
        for kind in ("_parameters", "_buffers"):
            held = getattr(self, kind)
            for name, new in getattr(full, kind).items():
                old = held[name]
                if isinstance(old, Uninitialized):
                    become(old, new.detach().to(old.dtype))
        own = {"training", "_parameters", "_buffers", *(k for k in full.__dict__ if "_hooks" in k)}
        self.__dict__.update({k: v for k, v in full.__dict__.items() if k not in own})

    @property
    def cls_to_become(self) -> type[Module]:  # type: ignore[override]
        """The class of the module once it knows its shapes."""
        return self.full_class
