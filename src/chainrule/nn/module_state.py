"""What a module does with its state and hooks: state_dict, load_state_dict, and the registration of hooks."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from functools import partial
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
    _version: int = 1

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args, output) after forward; what it returns, if not None, replaces the output."""
        flags = (self._forward_hooks_with_kwargs,) * with_kwargs + (self._forward_hooks_always_called,) * always_call
        return _first(self._forward_hooks, RemovableHandle(self._forward_hooks, hook, flags), prepend)

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; what it returns, if not None, replaces the arguments."""
        flags = (self._forward_pre_hooks_with_kwargs,) * with_kwargs
        return _first(self._forward_pre_hooks, RemovableHandle(self._forward_pre_hooks, hook, flags), prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) when gradients of the inputs are known."""
        return _first(self._backward_hooks, RemovableHandle(self._backward_hooks, hook), prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old name of register_full_backward_hook."""
        return self.register_full_backward_hook(hook)

    def register_full_backward_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_output) when gradients of the outputs are known."""
        return _first(self._backward_pre_hooks, RemovableHandle(self._backward_pre_hooks, hook), prepend)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, local_metadata) after state_dict() was made; it must return None."""
        return RemovableHandle(self._state_dict_hooks, hook, (self._state_dict_hooks_public,))

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        """As register_state_dict_post_hook; what the hook returns, if not None, replaces the state_dict."""
        if any(hook is self._state_dict_hooks.get(key) for key in self._state_dict_hooks_public):
            raise GraphError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return RemovableHandle(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, prefix, keep_vars) before state_dict() is made."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook: Callable, with_module: bool = False) -> RemovableHandle:
        """Call hook(state_dict, prefix, local_metadata, strict, missing, unexpected, errors) before loading."""
        flags = (self._load_state_dict_pre_hooks_with_module,) * with_module
        return RemovableHandle(self._load_state_dict_pre_hooks, hook, flags)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, ...) before the module's own entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(module, incompatible_keys) after load_state_dict; it may change the two lists in place."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)

    # ---- state -------------------------------------------------------------------------------------------------------

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """OrderedDict of dotted names to parameters and persistent buffers, sharing memory, detached.

        Its attribute `_metadata` holds, for the dotted name of every module, the version of its layout.
        """
        if args:
            destination = args[0]
            prefix = args[1] if len(args) > 1 else prefix
            keep_vars = args[2] if len(args) > 2 else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for key, hook in self._state_dict_hooks.items():
            found = hook(self, destination, prefix, local_metadata)
            if found is not None:
                if key in self._state_dict_hooks_public:
                    raise GraphError("state_dict post-hook must return None")
                destination = found
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the module's own entries, not those of its submodules, into `destination`; may be overridden."""
        for name, p in self._parameters.items():
            if p is not None:
                destination[prefix + name] = p if keep_vars else p.detach()
        for name, b in self._buffers.items():
            if b is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = b if keep_vars else b.detach()
        if type(self).get_extra_state is not ModuleState.get_extra_state:
            destination[prefix + "_extra_state"] = self.get_extra_state()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy entries of a state_dict into this module; nothing changes if a name or shape does not fit.

        Returns (missing_keys, unexpected_keys); with strict=True either raises a RuntimeError that lists them all.
        With assign=True the given tensors themselves become the parameters and buffers.
        """
        if not isinstance(state_dict, Mapping):
            raise ArgumentTypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        loading = _Loading()
        result = _IncompatibleKeys([], [])
        hooked: list[Any] = []
        metadata = getattr(state_dict, "_metadata", None) or {}
        state = OrderedDict(state_dict)
        if hasattr(state_dict, "_metadata"):
            state._metadata = metadata  # type: ignore[attr-defined]

        def check() -> None:
            errors = list(loading)
            if strict:
                for what, keys in (("Missing", result.missing_keys), ("Unexpected", result.unexpected_keys)):
                    if keys:
                        listed = ", ".join(f'"{k}"' for k in keys)
                        errors.insert(
                            what == "Unexpected" and bool(result.missing_keys),
                            f"{what} key(s) in state_dict: {listed}. ",
                        )
            if errors:
                joined = "\n\t".join(errors)
                raise GraphError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{joined}")

        def call_hooks() -> None:
            for module in hooked:
                for hook in list(module._load_state_dict_post_hooks.values()):
                    if hook(module, result) is not None:
                        raise AssertionError(
                            "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return "
                            "new values, if incompatible_keys need to be modified, it should be done inplace."
                        )

        self._gather(state, "", metadata, assign, result, loading, hooked)
        if loading or (strict and any(result)):  # the hooks may forgive keys
            call_hooks()
            check()
            loading.finish()
        else:
            loading.finish()
            call_hooks()
            check()
        return result

    def _gather(
        self, state: Any, prefix: str, metadata: Any, assign: bool, result: Any, loading: Any, hooked: list[Any]
    ) -> None:
        """Let the module and all below it take their entries, and list those with hooks, children first."""
        local = dict(metadata.get(prefix[:-1], {}))
        if assign:
            local["assign_to_params_buffers"] = True
        self._load_from_state_dict(state, prefix, local, True, *result, loading)
        for name, child in self._modules.items():
            if child is not None:
                inner = f"{prefix}{name}."
                own = OrderedDict((k, v) for k, v in state.items() if k.startswith(inner))
                child._gather(own, inner, metadata, assign, result, loading, hooked)
        if self._load_state_dict_post_hooks:
            hooked.append(self)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list,
        unexpected_keys: list,
        error_msgs: list,
    ) -> None:
        """Load the module's own entries, those at `prefix`; override it to rename entries, or to load others.

        Names that are not found are added to missing_keys, names nobody knows to unexpected_keys, what does not fit to
        error_msgs. During load_state_dict the values are copied at its end, if everything fits.
        """
        for key, hook in list(self._load_state_dict_pre_hooks.items()):
            given = (self,) if key in self._load_state_dict_pre_hooks_with_module else ()
            hook(*given, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        loading = error_msgs if isinstance(error_msgs, _Loading) else _Loading()
        before = len(loading)
        assign = local_metadata.get("assign_to_params_buffers", False)
        known = set()
        for kind in ("_parameters", "_buffers"):
            for name, own in getattr(self, kind).items():
                key = prefix + name
                if own is None or (kind == "_buffers" and name in self._non_persistent_buffers_set):
                    continue
                known.add(name)
                if key in state_dict:
                    loading.add(self, kind, name, own, state_dict[key], key, assign)
                elif strict:
                    missing_keys.append(key)
        extra = prefix + "_extra_state"
        if type(self).set_extra_state is not ModuleState.set_extra_state:
            known.add("_extra_state")
            if extra in state_dict:
                loading.work.append(partial(self.set_extra_state, state_dict[extra]))
            elif strict:
                missing_keys.append(extra)
        if strict:
            for key in state_dict:
                if key.startswith(prefix):
                    first, dot, _ = key[len(prefix) :].partition(".")
                    if first not in (self._modules if dot else known):
                        unexpected_keys.append(key)
        if loading is not error_msgs:  # called outside load_state_dict
            error_msgs.extend(loading[before:])
            loading.finish()

    def get_extra_state(self) -> Any:
        """Extra state for state_dict; override together with set_extra_state."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state gave."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")


class _Loading(list):
    """The error messages of one load_state_dict, and the copies to be made at its end if there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.work: list[Callable[[], Any]] = []

    def add(self, module: Any, kind: str, name: str, own: Any, given: Any, key: str, assign: bool) -> None:
        """Plan to load `given` into `own`, the tensor of this name, or say why it does not fit."""
        if not isinstance(given, Tensor):
            found = _foreign(given)
            if found is None:
                self.append(
                    f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from '
                    f"checkpoint but received {type(given)}"
                )
                return
            given = found
        lazy = getattr(own, "_is_lazy", False)
        if getattr(given, "_is_lazy", False):
            if not lazy:
                self.append(f"{key}: the shape of an uninitialized parameter of the checkpoint is not known")
            return
        if raw_shape(given) == (1,) and raw_shape(own) == () and not lazy:
            given = given[0]  # type: ignore[index]
        if not lazy and raw_shape(given) != raw_shape(own):
            self.append(
                f"size mismatch for {key}: copying a param with shape torch.Size({list(raw_shape(given))}) "
                f"from checkpoint, the shape in current model is torch.Size({list(raw_shape(own))})."
            )
        else:
            self.work.append(partial(_load_one, module, kind, name, own, given, assign))

    def finish(self) -> None:
        """Make the copies."""
        with no_grad():
            for act in self.work:
                act()


def _load_one(module: Any, kind: str, name: str, own: Any, given: Any, assign: bool) -> None:
    if assign:
        if kind == "_parameters":
            given = given if isinstance(given, Parameter) else Parameter(given, own.requires_grad)
            given.requires_grad_(own.requires_grad)  # type: ignore[attr-defined]
        getattr(module, kind)[name] = given
    elif getattr(own, "_is_lazy", False):
        own.materialize(raw_shape(given))
        own.copy_(given)
    else:
        own.copy_(given)


def _first(hooks: OrderedDict, handle: RemovableHandle, prepend: bool) -> RemovableHandle:
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _foreign(value: Any) -> Any:
    """A tensor from another library's array or tensor; None for anything else."""
    import numpy as np

    from ..core.value import wrap

    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return wrap(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic, float, int)) else None
