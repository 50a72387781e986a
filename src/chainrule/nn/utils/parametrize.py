"""Parametrizations: a parameter computed from others every time it is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ...core.errors import GraphError
from ...core.value import raw_shape
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in order, and the original parameter(s) they start from.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(2, 2))
    >>> type(layer.parametrizations.weight).__name__
    'ParametrizationList'
    """

    def __init__(self, modules: list[Module], original: Any, unsafe: bool = False) -> None:
        super().__init__(modules)
        value = original
        for module in reversed(modules):
            if hasattr(module, "right_inverse"):
                value = module.right_inverse(value)
        self.ntensors = 1
        self.is_tensor = not isinstance(value, (tuple, list))
        if self.is_tensor:
            self._add("original", value, original)
        else:
            self.ntensors = len(value)
            for i, v in enumerate(value):
                self._add(f"original{i}", v, original)

    def _add(self, name: str, value: Any, like: Any) -> None:
        if isinstance(like, Parameter):
            if isinstance(value, Parameter):
                self.register_parameter(name, value)
            else:
                self.register_parameter(name, Parameter(value.detach(), like.requires_grad))
        else:
            self.register_buffer(name, value)

    def forward(self) -> Any:
        first = list(self._modules.values())
        if self.is_tensor:
            x = first[0](self.original)
        else:
            x = first[0](*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in first[1:]:
            x = module(x)
        return x

    def right_inverse(self, value: Any) -> None:
        """Set the original so that the parametrized tensor becomes `value`."""
        from ...tensor.modes import no_grad

        with no_grad():
            for module in reversed(list(self._modules.values())):
                if hasattr(module, "right_inverse"):
                    value = module.right_inverse(value)
            if self.is_tensor:
                self.original.copy_(value)
            else:
                for i, v in enumerate(value):
                    getattr(self, f"original{i}").copy_(v)


class _Cache:
    """Parametrized tensors computed within `cached()`."""

    depth = 0
    values: ClassVar[dict[tuple[int, str], Any]] = {}


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Has the module (or this tensor of it) a parametrization?

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(2, 2))
    >>> cr.nn.utils.parametrize.is_parametrized(layer, "weight")
    True
    """
    found = module._modules.get("parametrizations")
    return found is not None and (len(found) > 0 if tensor_name is None else tensor_name in found)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Compute `module.tensor_name` as parametrization(original) from now on; several stack up.

    >>> import chainrule as cr
    >>> class Positive(cr.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    ...
    >>> layer = cr.nn.utils.parametrize.register_parametrization(cr.nn.Linear(2, 2), "weight", Positive())
    >>> bool((layer.weight > 0).all())
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        module.parametrizations[tensor_name].append(parametrization)
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{type(module).__name__}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    held = ParametrizationList([parametrization], original)
    if not unsafe and raw_shape(held()) != raw_shape(original):
        raise ValueError(
            f"Registering a parametrization may not change the shape of the tensor, unless `unsafe` flag is enabled. "
            f"{raw_shape(original)} became {raw_shape(held())}"
        )
    delattr(module, tensor_name)
    if "parametrizations" not in module._modules:
        base = type(module)
        fields = {"_unparametrized": base, "__reduce_ex__": _no_pickle, "__deepcopy__": _deep_copy}
        made = type(f"Parametrized{base.__name__}", (base,), fields)
        module.__class__ = made
        module._modules["parametrizations"] = ModuleDict()

    def read(self: Any) -> Any:
        if not _Cache.depth:
            return self._modules["parametrizations"][tensor_name]()
        key = id(self), tensor_name
        if key not in _Cache.values:
            _Cache.values[key] = self._modules["parametrizations"][tensor_name]()
        return _Cache.values[key]

    def write(self: Any, value: Any) -> None:
        _Cache.values.pop((id(self), tensor_name), None)
        self._modules["parametrizations"][tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(read, write))
    module.parametrizations[tensor_name] = held
    return module


def _no_pickle(self: Module, protocol: Any) -> Any:
    raise GraphError(
        "Serialization of parametrized modules is only supported through state_dict(): their classes are made at run "
        "time. Save state_dict(), or call remove_parametrizations first"
    )


def _deep_copy(self: Module, memo: dict) -> Module:
    """A copy whose class is its own, so that removing a parametrization here leaves the copy alone."""
    cls = type(self)
    made = object.__new__(type(cls.__name__, cls.__bases__, dict(cls.__dict__)))
    memo[id(self)] = made
    for name, value in self.__dict__.items():
        made.__dict__[name] = copy.deepcopy(value, memo)
    return made


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make the tensor a plain parameter again, with its present value or its original one.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(2, 2))
    >>> layer = cr.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    >>> sorted(dict(layer.named_parameters()))
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    held = module.parametrizations[tensor_name]
    value = held().detach() if leave_parametrized else held.original
    trained = any(p.requires_grad for p in held.parameters(recurse=False))
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    module.register_parameter(tensor_name, value if isinstance(value, Parameter) else Parameter(value, trained))
    if not len(module.parametrizations):
        del module._modules["parametrizations"]
        module.__class__ = type(module)._unparametrized
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class without its parametrizations.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(2, 2))
    >>> cr.nn.utils.parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return getattr(type(module), "_unparametrized", type(module))


@contextmanager
def cached() -> Iterator[None]:
    """Within the block, each parametrized tensor is computed once and kept; writing to it computes it anew.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.weight_norm(cr.nn.Linear(2, 2))
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values.clear()
