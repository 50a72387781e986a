"""What a module does with its state and hooks: state_dict, load_state_dict, and the registration of hooks."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ..core.errors import ArgumentTypeError, GraphError
from ..core.value import Tensor, raw_shape
from ..tensor.hooks import RemovableHandle
from ..tensor.modes import no_grad
from .parameter import Parameter


class _IncompatibleKeys(namedtuple("_IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What load_state_dict found missing in the given dict, and what it did not know."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


class ModuleState:
    """The part of Module that registers hooks, and saves and restores state."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args, output) after forward; what it returns, if not None, replaces the output."""
        handle = RemovableHandle(self._forward_hooks, hook)
        self._hook_flags[handle.id] = {"with_kwargs": with_kwargs, "always_call": always_call}
        if prepend:
            self._forward_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; what it returns, if not None, replaces the arguments."""
        handle = RemovableHandle(self._forward_pre_hooks, hook)
        self._hook_flags[handle.id] = {"with_kwargs": with_kwargs}
        if prepend:
            self._forward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) when gradients of the inputs are known."""
        handle = RemovableHandle(self._backward_hooks, hook)
        if prepend:
            self._backward_hooks.move_to_end(handle.id, last=False)
        return handle

    register_backward_hook = register_full_backward_hook

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_output) when gradients of the outputs are known."""
        handle = RemovableHandle(self._backward_pre_hooks, hook)
        if prepend:
            self._backward_pre_hooks.move_to_end(handle.id, last=False)
        return handle

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, local_metadata) after state_dict() was made."""
        return RemovableHandle(self._state_dict_hooks, hook)

    _register_state_dict_hook = register_state_dict_post_hook

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, prefix, keep_vars) before state_dict() is made."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, ...) before the module's own entries are loaded."""
        return RemovableHandle(self._load_state_dict_pre_hooks, hook)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, incompatible_keys) after load_state_dict."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)

    # ---- state -------------------------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """OrderedDict of dotted names to parameters and persistent buffers, sharing memory, detached."""
        if args:
            destination = args[0]
            prefix = args[1] if len(args) > 1 else prefix
        if destination is None:
            destination = OrderedDict()
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        for name, p in self._parameters.items():
            if p is not None:
                destination[prefix + name] = p if keep_vars else p.detach()
        for name, b in self._buffers.items():
            if b is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = b if keep_vars else b.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + "_extra_state"] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._state_dict_hooks.values():
            found = hook(self, destination, prefix, {})
            destination = destination if found is None else found
        return destination

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy entries of a state_dict into this module; nothing changes if a name or shape does not fit.

        Returns (missing_keys, unexpected_keys); with strict=True either raises a RuntimeError that lists them all.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        missing: list[str] = []
        errors: list[str] = []
        copies: list[tuple[Any, str, str, Any, Any]] = []
        known: set[str] = set()
        state = OrderedDict(state_dict)
        for path, module in self.named_modules(remove_duplicate=False):
            prefix = f"{path}." if path else ""
            for hook in module._load_state_dict_pre_hooks.values():
                hook(module, state, prefix, {}, strict, missing, [], errors)
            if type(module)._load_from_state_dict is not ModuleState._load_from_state_dict:
                module._load_from_state_dict(state, prefix, {}, strict, missing, [], errors)
            if type(module).set_extra_state is not ModuleState.set_extra_state:
                key = prefix + "_extra_state"
                known.add(key)
                if key in state:
                    copies.append((module, "extra", "", None, state[key]))
                elif strict:
                    missing.append(key)
            for kind in ("_parameters", "_buffers"):
                for name, own in getattr(module, kind).items():
                    key = prefix + name
                    if own is None or (kind == "_buffers" and name in module._non_persistent_buffers_set):
                        continue
                    known.add(key)
                    if key not in state:
                        missing.append(key)
                        continue
                    given = state[key]
                    if not isinstance(given, Tensor):
                        given = _foreign(given, key)
                    lazy = getattr(own, "_is_lazy", False)
                    if raw_shape(given) == (1,) and raw_shape(own) == ():
                        given = given[0]  # type: ignore[index]
                    if not lazy and raw_shape(given) != raw_shape(own):
                        errors.append(
                            f"size mismatch for {key}: copying a param with shape torch.Size({list(raw_shape(given))}) "
                            f"from checkpoint, the shape in current model is torch.Size({list(raw_shape(own))})."
                        )
                        continue
                    copies.append((module, kind, name, own, given))
        unexpected = [k for k in state if k not in known]
        if strict:
            if unexpected:
                keys = ", ".join(f'"{k}"' for k in unexpected)
                errors.insert(0, f"Unexpected key(s) in state_dict: {keys}. ")
            if missing:
                keys = ", ".join(f'"{k}"' for k in missing)
                errors.insert(0, f"Missing key(s) in state_dict: {keys}. ")
        if errors:
            joined = "\n\t".join(errors)
            raise GraphError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{joined}")
        with no_grad():
            for module, kind, name, own, given in copies:
                if kind == "extra":
                    module.set_extra_state(given)
                elif assign:
                    new = Parameter(given, own.requires_grad) if kind == "_parameters" else given
                    getattr(module, kind)[name] = new
                elif getattr(own, "_is_lazy", False):
                    own.data = given.detach().clone().to(own.dtype)
                    own._is_lazy = False
                else:
                    own.copy_(given)
        result = _IncompatibleKeys(missing, unexpected)
        for module in self.modules():
            for hook in module._load_state_dict_post_hooks.values():
                hook(module, result)
        return result

    def _load_from_state_dict(
        self,
        state_dict: dict,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing: list,
        unexpected: list,
        errors: list,
    ) -> None:
        """Override to rewrite entries of `state_dict` (a copy) before they are loaded."""

    def get_extra_state(self) -> Any:
        """Extra state for state_dict; override together with set_extra_state."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")


def _foreign(value: Any, key: str) -> Any:
    """A tensor from another library's array or tensor."""
    import numpy as np

    from ..core.value import wrap

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        raise GraphError(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
            f"checkpoint but received {type(value)}"
        )
    return wrap(np.asarray(value))
