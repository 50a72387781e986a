"""Module: a tree of parameters, buffers and submodules with a forward function."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any
from weakref import ref

from ..core.errors import ArgumentTypeError, GraphError
from ..core.state import next_seq
from ..core.value import Tensor
from ..tensor.modes import no_grad
from .calls import note as note_call
from .module_hooks import (  # noqa: F401
    HookedCall,
    global_hooks,
    on_registration,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from .module_state import ModuleState
from .parameter import Buffer, Parameter

_FIELDS = ("_parameters", "_buffers", "_modules")


class Module(ModuleState):
    """Base of all models. Assigning Parameters, Buffers and Modules as attributes registers them.

    >>> import chainrule as cr
    >>> class Line(cr.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.w = cr.nn.Parameter(cr.ones(1))
    ...     def forward(self, x):
    ...         return self.w * x
    >>> [name for name, _ in Line().named_parameters()]
    ['w']
    """

    training: bool
    dump_patches = False
    call_super_init = False  # True: __init__ passes its arguments on to the next class, for mixins after Module

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_modules", {})
        put(self, "_non_persistent_buffers_set", set())
        put(self, "_forward_hooks", OrderedDict())
        put(self, "_forward_pre_hooks", OrderedDict())
        put(self, "_forward_hooks_with_kwargs", OrderedDict())
        put(self, "_forward_hooks_always_called", OrderedDict())
        put(self, "_forward_pre_hooks_with_kwargs", OrderedDict())
        put(self, "_backward_hooks", OrderedDict())
        put(self, "_backward_pre_hooks", OrderedDict())
        put(self, "_state_dict_hooks", OrderedDict())
        put(self, "_state_dict_hooks_public", {})
        put(self, "_state_dict_pre_hooks", OrderedDict())
        put(self, "_load_state_dict_pre_hooks", OrderedDict())
        put(self, "_load_state_dict_pre_hooks_with_module", {})
        put(self, "_load_state_dict_post_hooks", OrderedDict())
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; override it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before = next_seq()
        if not (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or global_hooks
        ):
            result = self.forward(*args, **kwargs)
        else:
            result = self._call_with_hooks(args, kwargs)
        note_call((before, next_seq(), ref(self)))
        return result

    def _call_with_hooks(self, args: tuple, kwargs: dict) -> Any:
        return HookedCall(self).run(args, kwargs)

    # ---- registration ------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        fields = self.__dict__
        kind = None
        if isinstance(value, Parameter):
            kind = "_parameters"
        elif isinstance(value, Module):
            kind = "_modules"
        elif isinstance(value, Buffer):
            kind = "_buffers"
        if kind is not None:
            if kind not in fields:
                what = {"_parameters": "parameters", "_modules": "module", "_buffers": "buffer"}[kind]
                raise AttributeError(
                    f"cannot assign {what} before Module.__init__() call; write super().__init__() first"
                )
            self._forget(name, fields, kind)
            if kind == "_buffers":
                self.register_buffer(name, value, getattr(value, "_persistent", True))
            elif kind == "_parameters":
                self.register_parameter(name, value)
            else:
                fields["_modules"][name] = on_registration("module", self, name, value)
            return
        for kind in _FIELDS:
            registered = fields.get(kind)
            if registered is not None and name in registered:
                if value is not None and not (kind == "_buffers" and isinstance(value, Tensor)):
                    wanted = {
                        "_parameters": "torch.nn.Parameter",
                        "_modules": "torch.nn.Module",
                        "_buffers": "torch.Tensor",
                    }
                    raise TypeError(
                        f"cannot assign '{_kind_of(value)}' as {'child ' * (kind == '_modules')}{kind[1:-1]} '{name}' "
                        f"({wanted[kind]} or None expected)"
                    )
                registered[name] = value
                return
        object.__setattr__(self, name, value)

    def _forget(self, name: str, fields: dict, keep: str) -> None:
        """Drop what has this name, unless it is of kind `keep`, where it is replaced in its place."""
        for kind in _FIELDS:
            if kind in fields and kind != keep:
                fields[kind].pop(name, None)
        fields.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        try:
            return fields["_parameters"][name]
        except KeyError:
            pass
        for kind in ("_buffers", "_modules"):
            registered = fields.get(kind)
            if registered is not None and name in registered:
                return registered[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for kind in _FIELDS:
            if name in self.__dict__.get(kind, ()):
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        own = {*dir(type(self)), *self.__dict__, *self._parameters, *self._buffers, *self._modules}
        return sorted(k for k in own if not k[:1].isdigit())

    def __setstate__(self, fields: dict) -> None:
        Module.__init__(self)
        self.__dict__.update(fields)

    def _check_name(self, name: str, what: str, own: dict) -> None:
        if not isinstance(name, str):
            raise ArgumentTypeError(f"{what} name should be a string. Got {type(name).__name__}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in own:
            raise KeyError(f"attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Any) -> None:
        """Add a parameter, or None, under a name."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "parameter", self._parameters)
        if param is not None:
            if not isinstance(param, Parameter):
                raise ArgumentTypeError(
                    f"cannot assign '{type(param).__name__}' object to parameter '{name}' (torch.nn.Parameter or None "
                    f"required)"
                )
            if param.grad_fn is not None:
                raise GraphError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be leaves."
                )
        self._parameters[name] = on_registration("parameter", self, name, param)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Add a tensor (or None) that is state but not trained; non-persistent ones stay out of state_dict."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = on_registration("buffer", self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a submodule (or None) under a name."""
        if module is not None and not isinstance(module, Module):
            raise ArgumentTypeError(f"{type(module).__name__} is not a Module subclass")
        self._check_name(name, "module", self._modules)
        self._modules[name] = on_registration("module", self, name, module)

    register_module = add_module

    # ---- lookup and traversal ----------------------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Module:
        """The submodule at a dotted path; '' is the module itself."""
        found: Any = self
        for part in target.split(".") if target else ():
            if not hasattr(found, part):
                raise AttributeError(f"{type(found).__name__} has no attribute `{part}`")
            found = getattr(found, part)
            if not isinstance(found, Module):
                raise AttributeError(f"`{part}` is not an nn.Module")
        return found

    def set_submodule(self, target: str, module: Module) -> None:
        """Replace the submodule at a dotted path."""
        if not target:
            raise ValueError("Cannot set the submodule without a target name!")
        parent, _, name = target.rpartition(".")
        setattr(self.get_submodule(parent), name, module)

    def get_parameter(self, target: str) -> Any:
        """The parameter at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        found = getattr(module, name)
        if not isinstance(found, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Any:
        """The buffer at a dotted path."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return module._buffers[name]

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of the module itself and all below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + ("." if prefix else "") + name, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """The module itself and all below it."""
        for _, module in self.named_modules():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) of the direct submodules."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The direct submodules."""
        for _, module in self.named_children():
            yield module

    def _named_members(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in getattr(module, kind).items():
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield path + ("." if path else "") + name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(dotted name, parameter), each parameter once."""
        return self._named_members("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """All parameters, each once."""
        for _, p in self.named_parameters(recurse=recurse):
            yield p

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(dotted name, buffer), each buffer once."""
        return self._named_members("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """All buffers, each once."""
        for _, b in self.named_buffers(recurse=recurse):
            yield b

    # ---- modes and conversion ----------------------------------------------------------------------------------------

    def apply(self, fn: Callable) -> Any:
        """Call `fn` on every submodule, then on the module itself; returns the module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Switch to training mode (dropout drops, batch norm uses the batch); returns the module."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Switch to evaluation mode; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Let gradients flow to all parameters, or stop; returns the module."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters."""
        for p in self.parameters():
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    p.grad = p.grad.detach().clone().zero_()

    def _apply(self, fn: Callable, recurse: bool = True) -> Any:
        """Replace the data of every parameter, gradient and buffer by fn(data)."""
        for module in self.children() if recurse else ():
            module._apply(fn)
        for p in self._parameters.values():
            if p is not None:
                with no_grad():
                    gradient = p.grad
                    p.grad = None
                    p.data = fn(p.detach())
                    if gradient is not None:
                        p.grad = fn(gradient)
        for name, b in self._buffers.items():
            if b is not None:
                self._buffers[name] = fn(b)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert parameters and buffers: to(dtype), to(device, dtype), to(tensor); integers keep their dtype."""
        from ..core.dtypes import as_dtype, dtype

        unknown = kwargs.keys() - {"device", "dtype", "non_blocking", "memory_format"}
        if unknown:
            raise ArgumentTypeError(f"Module.to() got an unexpected keyword argument '{min(unknown)}'")
        if len(args) > 1 and isinstance(args[1], bool) and not isinstance(args[0], (dtype, Tensor)):
            raise ArgumentTypeError("Module.to(): after the device comes the dtype; write non_blocking=True")
        target = kwargs.get("dtype")
        for a in args:
            if isinstance(a, dtype):
                target = a
            elif isinstance(a, Tensor):
                target = a.dtype  # type: ignore[attr-defined]
        if target is not None:
            target = as_dtype(target)
            if not (target.is_floating_point or target.is_complex):
                raise TypeError(
                    f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={target}"
                )
        devices = [a for a in args if not isinstance(a, (dtype, Tensor, bool))]

        def convert(t: Any) -> Any:
            for d in devices:
                t = t.to(d)
            return t.to(target) if target is not None and (t.is_floating_point() or t.is_complex()) else t

        return self._apply(convert)

    def _cast(self, name: str) -> Any:
        return self._apply(lambda t: getattr(t, name)() if t.is_floating_point() else t)

    def float(self) -> Any:
        """float32 parameters and buffers."""
        return self._cast("float")

    def double(self) -> Any:
        """float64 parameters and buffers."""
        return self._cast("double")

    def half(self) -> Any:
        """float16 parameters and buffers."""
        return self._cast("half")

    def bfloat16(self) -> Any:
        """bfloat16 parameters and buffers."""
        return self._cast("bfloat16")

    def type(self, dst_type: Any) -> Any:
        """Parameters and buffers in another dtype."""
        return self._apply(lambda t: t.to(dst_type))

    def cuda(self, device: Any = None) -> Any:
        """The same as to("cuda")."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Any:
        """Everything here lives on the CPU."""
        return self

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Give parameters and buffers new memory with whatever values are there; returns the module."""
        return self._apply(lambda t: t.new_empty(t.shape, device=device), recurse)

    def share_memory(self) -> Any:
        """The module itself, with a warning: processes that are given it get copies (see Tensor.share_memory_)."""
        return self._apply(lambda t: t.share_memory_())

    # ---- text --------------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """The arguments shown in the module's repr; override it."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = [f"({name}): " + _indent(repr(module)) for name, module in self._modules.items()]
        lines = extra_lines + child_lines
        if not lines:
            return f"{self._get_name()}()"
        if len(extra_lines) == 1 and not child_lines:
            return f"{self._get_name()}({extra_lines[0]})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"


def _kind_of(value: Any) -> str:
    """PyTorch's name of a value's type, as in 'torch.FloatTensor'."""
    return value.type() if isinstance(value, Tensor) else type(value).__name__  # type: ignore[attr-defined]


def _indent(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *("  " + line for line in rest)])
