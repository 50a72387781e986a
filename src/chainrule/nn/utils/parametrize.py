"""Parametrizations: a parameter computed from others every time it is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ...core.errors import ArgumentError, GraphError
from ...core.value import Tensor, raw_shape
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in order, and the original parameter(s) they start from.

    `original`, the tensor itself holding the last right_inverse's result, or where that returns several, `original0`,
    `original1` ... With unsafe=False, the parametrized tensor must have the original's shape and dtype.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(2, 2))
    >>> type(layer.parametrizations.weight).__name__
    'ParametrizationList'
    """

    def __init__(self, modules: list[Module], original: Any, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        value = self._inverse(original, strict=False)
        self.is_tensor = isinstance(value, Tensor)
        self.ntensors = 1 if self.is_tensor else len(value)
        if not self.is_tensor:
            for i, v in enumerate(value):
                self._register(f"original{i}", Parameter(v.detach()) if isinstance(original, Parameter) else v)
                getattr(self, f"original{i}").requires_grad_(original.requires_grad)
            self._check(original)
            return
        if value.dtype != original.dtype:
            raise ArgumentError(
                "When `right_inverse` outputs one tensor, it may not change the dtype: "
                f"{original.dtype} became {value.dtype}"
            )
        before = original.detach()
        self._register("original", original)
        original.data = value.detach()
        try:
            self._check(before)
        except Exception:
            original.data = before
            raise

    def _register(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self.register_parameter(name, value)
        else:
            self.register_buffer(name, value)

    def _inverse(self, value: Any, strict: bool) -> Any:
        """`value` through all right_inverses, last first: a tensor or a sequence of them."""
        from ...tensor.modes import no_grad

        with no_grad():
            for module in reversed(list(self._modules.values())):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)  # type: ignore[union-attr]
                    except NotImplementedError:
                        if strict:
                            raise
                elif strict:
                    raise GraphError(
                        f"parametrization {type(module)} does not implement right_inverse, so that nothing can be "
                        "assigned to the parametrized tensor"
                    )
        if isinstance(value, Tensor):
            return value
        if not isinstance(value, (tuple, list)):
            raise ArgumentError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got "
                f"{type(value).__name__}"
            )
        for i, v in enumerate(value):
            if not isinstance(v, Tensor):
                raise ArgumentError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got element "
                    f"{i} of the sequence with type {type(v).__name__}."
                )
        return value

    def _check(self, before: Any) -> None:
        if not self.unsafe:
            _agree(self(), before)

    def forward(self) -> Any:
        first, *others = self._modules.values()
        if self.is_tensor:
            x = first(self.original)  # type: ignore[misc]
        else:
            x = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))  # type: ignore[misc]
        for module in others:
            x = module(x)  # type: ignore[misc]
        return x

    def right_inverse(self, value: Any) -> None:
        """Set the original so that the parametrized tensor becomes `value`."""
        found = self._inverse(value, strict=True)
        if isinstance(found, Tensor) != self.is_tensor or (not self.is_tensor and len(found) != self.ntensors):
            kind = "a tensor" if self.is_tensor else f"a sequence of tensors of length {self.ntensors}"
            got = "a tensor" if isinstance(found, Tensor) else f"a sequence of length {len(found)}"
            raise ArgumentError(f"'right_inverse' must return {kind}. Got {got}.")
        held = [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]
        for own, new in zip(held, [found] if self.is_tensor else found, strict=True):
            if new.dtype != own.dtype:
                raise ArgumentError(f"'right_inverse' gave dtype {new.dtype} for an original of dtype {own.dtype}")
            own.data = new.detach()


def _agree(found: Any, before: Any) -> None:
    """Check that a parametrization's result may stand for the tensor `before`."""
    if not isinstance(found, Tensor):
        raise ArgumentError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    for what, new, old in (("dtype", found.dtype, before.dtype), ("shape", raw_shape(found), raw_shape(before))):
        if new != old:
            raise ArgumentError(
                f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is "
                f"enabled. {old} became {new}"
            )


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
        held = module.parametrizations[tensor_name]
        if not unsafe:
            before = getattr(module, tensor_name)
            found = parametrization(before)
            _agree(found, before)
            if hasattr(parametrization, "right_inverse"):
                _agree_back(parametrization, found, before, tensor_name)
        held.append(parametrization)
        held.unsafe |= unsafe
        return module
    if tensor_name not in module._parameters and tensor_name not in module._buffers:
        raise ValueError(
            f"Module '{type(module).__name__}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    original = getattr(module, tensor_name)
    held = ParametrizationList([parametrization], original, unsafe)
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


def _agree_back(parametrization: Any, found: Any, before: Any, tensor_name: str) -> None:
    """Check that right_inverse leads back to a tensor like the one that it was `before`."""
    try:
        back = parametrization.right_inverse(found)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ArgumentError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for what, new, old in (("dtype", back.dtype, before.dtype), ("shape", raw_shape(back), raw_shape(before))):
        if new != old:
            raise ArgumentError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as "
                f"module.{tensor_name}, unless the `unsafe` flag is enabled: {new}, not {old}"
            )


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
    if held.is_tensor:
        original = held.original
        if leave_parametrized:
            original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not len(module.parametrizations):
        del module._modules["parametrizations"]
        module.__class__ = type(module)._unparametrized
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module` (of one tensor, or of all) and copies of their originals.

    The parametrizations themselves are shared. Returns to_module.

    >>> import chainrule as cr
    >>> layer, other = cr.nn.utils.parametrizations.weight_norm(cr.nn.Linear(2, 2)), cr.nn.Linear(2, 2)
    >>> _ = transfer_parametrizations_and_params(layer, other)
    >>> bool((other.weight == layer.weight).all())
    True
    """
    names = (
        [] if not is_parametrized(from_module) else [tensor_name] if tensor_name else list(from_module.parametrizations)
    )
    for name in names:
        source = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=True)
        held = to_module.parametrizations[name]
        for key in ("original",) if source.is_tensor else [f"original{i}" for i in range(source.ntensors)]:
            getattr(held, key).data = getattr(source, key).detach().clone()
    return to_module


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
