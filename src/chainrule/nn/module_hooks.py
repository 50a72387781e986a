"""Calling a module with its hooks, and the hooks of all modules at once.

Backward hooks are identity operations around the module that see the gradients of its inputs and outputs.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.errors import GraphError
from ..core.value import Tensor
from ..tensor.function import Function
from ..tensor.hooks import RemovableHandle


class _Global(NamedTuple):
    """A hook of all modules."""

    kind: str
    hook: Callable
    with_kwargs: bool = False
    always_call: bool = False


global_hooks: OrderedDict[int, _Global] = OrderedDict()
_registration_hooks: OrderedDict[int, _Global] = OrderedDict()


def on_registration(kind: str, module: Any, name: str, value: Any) -> Any:
    """What is to be registered on a module under this name: `value`, or what a registration hook makes of it."""
    for entry in _registration_hooks.values():
        if entry.kind == kind:
            found = entry.hook(module, name, value)
            if found is not None:
                value = found
    return value


class HookedCall:
    """One call of a module that has hooks, or while there are hooks of all modules."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.result: Any = None
        self.called: set[int] = set()  # forward hooks

    def run(self, args: tuple, kwargs: dict) -> Any:
        """The module's result, with every hook in its turn."""
        self.args, self.kwargs = args, kwargs
        try:
            return self._run()
        except Exception:
            for key, hook, with_kwargs, always_call in self._forward_hooks():
                if always_call and key not in self.called:
                    try:
                        self._after(hook, with_kwargs)
                    except Exception as e:
                        warnings.warn(
                            "module forward hook with ``always_call=True`` raised an exception that was silenced as "
                            f"another error was raised in forward: {e}",
                            stacklevel=4,
                        )
            raise

    def _run(self) -> Any:
        module = self.module
        pre = [(g.hook, g.with_kwargs) for g in global_hooks.values() if g.kind == "forward_pre"]
        flags = module._forward_pre_hooks_with_kwargs
        for hook, with_kwargs in (*pre, *((h, k in flags) for k, h in module._forward_pre_hooks.items())):
            if with_kwargs:
                found = hook(module, self.args, self.kwargs)
                if found is not None:
                    if not isinstance(found, tuple) or len(found) != 2:
                        raise GraphError(
                            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {found}."
                        )
                    self.args, self.kwargs = found
            else:
                found = hook(module, self.args)
                if found is not None:
                    self.args = found if isinstance(found, tuple) else (found,)
        back = None
        every = list(global_hooks.values())
        hooks = [*(g.hook for g in every if g.kind == "backward"), *module._backward_hooks.values()]
        pre_hooks = [*(g.hook for g in every if g.kind == "backward_pre"), *module._backward_pre_hooks.values()]
        if hooks or pre_hooks:
            back = BackwardHook(module, hooks, pre_hooks)
            self.args = back.enter(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for key, hook, with_kwargs, _ in self._forward_hooks():
            self.called.add(key)
            self._after(hook, with_kwargs)
        return self.result if back is None else back.leave(self.result)

    def _forward_hooks(self) -> list[tuple[int, Callable, bool, bool]]:
        """(key, hook, with_kwargs, always_call) of the hooks to be called after forward, in their order."""
        kwargs, always = self.module._forward_hooks_with_kwargs, self.module._forward_hooks_always_called
        return [
            *((k, g.hook, g.with_kwargs, g.always_call) for k, g in global_hooks.items() if g.kind == "forward"),
            *((k, hook, k in kwargs, k in always) for k, hook in self.module._forward_hooks.items()),
        ]

    def _after(self, hook: Callable, with_kwargs: bool) -> None:
        given = (self.args, self.kwargs) if with_kwargs else (self.args,)
        found = hook(self.module, *given, self.result)
        if found is not None:
            self.result = found


class _Around(Function):
    """Identity on several tensors at once, so that their gradients arrive together."""

    @staticmethod
    def forward(ctx: Any, callback: Any, *tensors: Any) -> Any:
        ctx.callback = callback
        ctx.set_materialize_grads(False)
        return tuple(t.detach() for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        found = ctx.callback(grads)
        return (None, *(grads if found is None else found))


class BackwardHook:
    """One call of a module: `enter` wraps its inputs, `leave` its outputs."""

    def __init__(self, module: Any, hooks: list, pre_hooks: list) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_output: tuple | None = None  # until the gradients of the outputs have arrived

    def _wrap(self, values: tuple, callback: Any) -> tuple:
        """`values` with an identity around those that carry gradients; `callback` sees all, None for the others."""
        places = [i for i, v in enumerate(values) if isinstance(v, Tensor) and v._node is not None]
        if not places:
            return values

        def on_gradients(grads: tuple) -> tuple | None:
            every: list[Any] = [None] * len(values)
            for i, g in zip(places, grads, strict=True):
                every[i] = g
            found = callback(tuple(every))
            return None if found is None else tuple(found[i] for i in places)

        out = list(values)
        for i, w in zip(places, _Around.apply(on_gradients, *(values[i] for i in places)), strict=True):
            out[i] = w
        return tuple(out)

    def enter(self, args: tuple) -> tuple:
        """The module's arguments, with the hooks waiting on their gradients."""
        self.inputs = len(args)
        self.has_inputs = any(isinstance(a, Tensor) and a._node is not None for a in args)

        def on_inputs(grads: tuple) -> tuple | None:
            replaced, grad_output = None, self.grad_output
            if grad_output is None:  # a second derivative, that reaches the inputs without passing the outputs
                return None
            self.grad_output = None
            for hook in self.hooks:
                found = hook(self.module, grads, grad_output)
                if found is not None:
                    grads = replaced = _checked(found, len(grads), "hook", "grad_input")
            return replaced

        return self._wrap(args, on_inputs)

    def leave(self, result: Any) -> Any:
        """The module's outputs (a tensor, or a list or tuple), with the hooks waiting on their gradients."""
        single = isinstance(result, Tensor)
        if not single and not isinstance(result, (tuple, list)):
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received "
                f"{type(result)}",
                stacklevel=5,
            )
            return result
        values = (result,) if single else tuple(result)

        def on_outputs(grads: tuple) -> tuple | None:
            replaced = None
            for hook in self.pre_hooks:
                found = hook(self.module, grads)
                if found is not None:
                    grads = replaced = _checked(found, len(grads), "pre hook", "grad_output")
            self.grad_output = grads
            if not self.has_inputs:
                for hook in self.hooks:
                    found = hook(self.module, (None,) * self.inputs, grads)
                    if found is not None and not (isinstance(found, tuple) and all(g is None for g in found)):
                        raise GraphError(
                            "Backward hook for Modules where no input requires gradient should always return None or "
                            "None for all gradients."
                        )
            return replaced

        wrapped = self._wrap(values, on_outputs)
        if single:
            return wrapped[0]
        return type(result)(*wrapped) if hasattr(result, "_fields") else type(result)(wrapped)


def _checked(found: Any, expected: int, which: str, what: str) -> tuple:
    """What a backward hook returned, as a tuple with a gradient for each one it was given."""
    grads = found if isinstance(found, tuple) else (found,)
    if len(grads) != expected:
        raise GraphError(
            f"Backward {which} returned an invalid number of {what}, got {len(grads)}, but expected {expected}"
        )
    return grads


def _everywhere(kind: str, *settings: Any) -> RemovableHandle:
    return RemovableHandle(global_hooks, _Global(kind, *settings))


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call hook(module, args, output) after the forward of every module."""
    return _everywhere("forward", hook, with_kwargs, always_call)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, args) before the forward of every module."""
    return _everywhere("forward_pre", hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, grad_input, grad_output) when the gradients of any module's inputs are known."""
    return _everywhere("backward", hook)


register_module_backward_hook = register_module_full_backward_hook


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, grad_output) when the gradients of any module's outputs are known."""
    return _everywhere("backward_pre", hook)


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, name, buffer) when a buffer is registered; what it returns, if not None, is taken instead."""
    return RemovableHandle(_registration_hooks, _Global("buffer", hook))


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, name, submodule) when one is registered; what it returns, if not None, is taken instead."""
    return RemovableHandle(_registration_hooks, _Global("module", hook))


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """Call hook(module, name, parameter) when one is registered; what it returns, if not None, is taken instead."""
    return RemovableHandle(_registration_hooks, _Global("parameter", hook))
