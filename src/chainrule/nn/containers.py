"""Modules that hold modules or parameters: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, groupby
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.value import Tensor
from .module import Module
from .parameter import Parameter


def _index(n: int, idx: Any) -> int:
    i = operator.index(idx)
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of range")
    return i % n if n else i


def _times(n: Any) -> int:
    if not isinstance(n, int):
        raise ArgumentTypeError(f"unsupported operand type(s) for *: 'Sequential' and {type(n)}")
    if n <= 0:
        raise ArgumentError(f"Non-positive multiplication factor {n} for Sequential")
    return n


class _Listed(Module):
    """What Sequential and ModuleList share: numbered children."""

    def _renumber(self, modules: Iterable[Module]) -> None:
        self.__dict__["_modules"] = {str(i): m for i, m in enumerate(modules)}

    def __getitem__(self, idx: Any) -> Any:
        values = list(self._modules.values())
        if isinstance(idx, slice):
            if isinstance(self, Sequential):
                return type(self)(OrderedDict(list(self._modules.items())[idx]))
            return type(self)(values[idx])
        return values[_index(len(values), idx)]

    def __setitem__(self, idx: Any, module: Any) -> None:
        setattr(self, list(self._modules)[_index(len(self._modules), idx)], module)

    def __delitem__(self, idx: Any) -> None:
        values = list(self._modules.values())
        del values[idx if isinstance(idx, slice) else _index(len(values), idx)]
        self._renumber(values)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def append(self, module: Any) -> Any:
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index: int, module: Any) -> Any:
        """Put a module before position `index`."""
        if not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        values = list(self._modules.values())
        n = len(values)
        if not -n <= index <= n:
            raise IndexError(f"Index out of range: {index}")
        values.insert(index, module)
        self._renumber(values)
        return self

    def extend(self, modules: Any) -> Any:
        """Add several modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{type(self).__name__}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for m in list(modules):
            self.append(m)
        return self

    def pop(self, key: Any) -> Any:
        """Take one module out and return it."""
        found = self[key]
        del self[key]
        return found


class Sequential(_Listed):
    """Modules applied one after another; given in order or as an OrderedDict of names.

    >>> import chainrule as cr
    >>> model = cr.nn.Sequential(cr.nn.Linear(2, 3), cr.nn.ReLU())
    >>> model(cr.ones(4, 2)).shape
    torch.Size([4, 3])
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def __add__(self, other: Any) -> Sequential:
        return Sequential(*self, *other)

    def __iadd__(self, other: Any) -> Sequential:
        return self.extend(other)

    def __mul__(self, times: int) -> Sequential:
        return Sequential(*(list(self) * _times(times)))

    __rmul__ = __mul__

    def __imul__(self, times: int) -> Sequential:
        return self.extend(list(self) * (_times(times) - 1))


class ModuleList(_Listed):
    """A list of modules, all registered.

    Their parameters are those of the module that holds the list.

    >>> import chainrule as cr
    >>> layers = cr.nn.ModuleList([cr.nn.Linear(2, 2), cr.nn.ReLU()])
    >>> len(layers), len(list(layers.parameters()))
    (2, 2)
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __iadd__(self, modules: Any) -> Any:
        return self.extend(modules)

    def __add__(self, other: Any) -> ModuleList:
        return ModuleList(chain(self, other))

    def __repr__(self) -> str:
        texts = [repr(m) for m in self]
        if not texts:
            return f"{type(self).__name__}()"
        lines, i = [], 0
        for text, group in groupby(texts):  # equal neighbours share a line
            n = len(list(group))
            text = text.replace("\n", "\n  ")
            lines.append(f"({i}): {text}" if n == 1 else f"({i}-{i + n - 1}): {n} x {text}")
            i += n
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """A dict of modules, all registered.

    Their parameters are those of the module that holds the dict.

    >>> import chainrule as cr
    >>> d = cr.nn.ModuleDict({"a": cr.nn.ReLU()})
    >>> d["a"](cr.tensor([-1.0]))
    tensor([0.])
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Any) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove all."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Take one module out and return it."""
        return self._modules.pop(key)

    def keys(self) -> Any:
        """The names."""
        return self._modules.keys()

    def items(self) -> Any:
        """(name, module) pairs."""
        return self._modules.items()

    def values(self) -> Any:
        """The modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Add modules from a mapping or from (name, module) pairs."""
        for name, module in modules.items() if isinstance(modules, (Mapping, ModuleDict)) else modules:
            self[name] = module


def _registered(value: Any) -> Any:
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


class ParameterList(Module):
    """A list of parameters (tensors become Parameters), all registered.

    Values are tensors of any shape and dtype.

    >>> import chainrule as cr
    >>> weights = cr.nn.ParameterList([cr.zeros(2), cr.zeros(3)])
    >>> [w.shape for w in weights]
    [torch.Size([2]), torch.Size([3])]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return ParameterList([self[i] for i in range(*idx.indices(len(self)))])
        return getattr(self, str(_index(len(self), idx)))

    def __setitem__(self, idx: int, value: Any) -> None:
        setattr(self, str(_index(len(self), idx)), _registered(value))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter(self[i] for i in range(len(self)))

    def append(self, value: Any) -> ParameterList:
        """Add a parameter at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Any) -> ParameterList:
        """Add several parameters at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in values:
            self.append(value)
        return self

    __iadd__ = extend

    def __repr__(self) -> str:
        return _listing(type(self).__name__, [f"({i}): {_described(p)}" for i, p in enumerate(self)])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dict of parameters (tensors become Parameters), all registered.

    Values are tensors of any shape and dtype.

    >>> import chainrule as cr
    >>> d = cr.nn.ParameterDict({"a": cr.zeros(2)})
    >>> d["a"].requires_grad
    True
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._keys[key] = None
        setattr(self, key, _registered(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def keys(self) -> Any:
        """The names."""
        return self._keys.keys()

    def values(self) -> Any:
        """The parameters."""
        return [self[k] for k in self._keys]

    def items(self) -> Any:
        """(name, parameter) pairs."""
        return [(k, self[k]) for k in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of that name, or `default`."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of that name; where there is none, `default` is added."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Remove all."""
        for key in list(self._keys):
            del self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take the last parameter out and return (name, parameter)."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(self.items())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict with `default` under every name."""
        return ParameterDict((key, default) for key in keys)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._keys)

    def __or__(self, other: Any) -> ParameterDict:
        made = self.copy()
        made.update(other)
        return made

    def __ror__(self, other: Any) -> ParameterDict:
        made = ParameterDict(other)
        made.update(self)
        return made

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def pop(self, key: str) -> Any:
        """Take one parameter out and return it."""
        found = self[key]
        del self[key]
        return found

    def update(self, parameters: Any) -> None:
        """Add parameters from a mapping or from (name, value) pairs; those of a plain dict sorted by name."""
        if not isinstance(parameters, (Iterable, ParameterDict)):
            raise TypeError(
                "ParameterDict.update should be called with an iterable of key/value pairs, but got "
                f"{type(parameters).__name__}"
            )
        if isinstance(parameters, (OrderedDict, ParameterDict)):
            parameters = parameters.items()
        elif isinstance(parameters, Mapping):
            parameters = sorted(parameters.items())  # as PyTorch does: optimisers count parameters in this order
        for name, value in parameters:
            self[name] = value

    def __repr__(self) -> str:
        return _listing(type(self).__name__, [f"({k}): {_described(p, typed=True)}" for k, p in self.items()])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")


def _described(p: Any, typed: bool = False) -> str:
    if not isinstance(p, Tensor):
        return f"Object of type: {type(p).__name__}"
    kind = "Parameter" if isinstance(p, Parameter) else "Tensor"
    dtype = p.type() if typed else p.dtype  # type: ignore[attr-defined]
    return f"{kind} containing: [{dtype} of size {'x'.join(map(str, p.shape))}]"  # type: ignore[attr-defined]


def _listing(name: str, lines: list[str]) -> str:
    if len(lines) < 2:  # as PyTorch does
        return f"{name}(  {lines[0]})" if lines else f"{name}()"
    return f"{name}(\n" + "\n".join("    " + line for line in lines) + "\n)"
