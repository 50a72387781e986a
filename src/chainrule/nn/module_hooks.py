"""Full backward hooks: identity operations around a module that see the gradients of its inputs and outputs."""

from __future__ import annotations

from typing import Any

from ..core.value import Tensor
from ..tensor.function import Function


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
                    grads = replaced = found if isinstance(found, tuple) else (found,)
            return replaced

        return self._wrap(args, on_inputs)

    def leave(self, result: Any) -> Any:
        """The module's outputs (a tensor, or a list or tuple), with the hooks waiting on their gradients."""
        single = isinstance(result, Tensor)
        if not single and not isinstance(result, (tuple, list)):
            return result
        values = (result,) if single else tuple(result)

        def on_outputs(grads: tuple) -> tuple | None:
            replaced = None
            for hook in self.pre_hooks:
                found = hook(self.module, grads)
                if found is not None:
                    grads = replaced = found if isinstance(found, tuple) else (found,)
            self.grad_output = grads
            if not self.has_inputs:
                for hook in self.hooks:
                    hook(self.module, (None,) * self.inputs, grads)
            return replaced

        wrapped = self._wrap(values, on_outputs)
        if single:
            return wrapped[0]
        return type(result)(*wrapped) if hasattr(result, "_fields") else type(result)(wrapped)
