"""Optimizer: parameter groups, state, hooks; each method says in `_update` how one parameter moves."""

from __future__ import annotations

import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import wraps
from itertools import chain
from typing import Any, Self

import numpy as np

from ..core.errors import ArgumentTypeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..ops.views import view_as_complex, view_as_real
from ..tensor.hooks import RemovableHandle
from ..tensor.modes import enable_grad, set_grad_enabled

required = object()  # PyTorch's marker for a default that has to be given
_every_pre_hooks: OrderedDict = OrderedDict()  # the step hooks of all optimisers
_every_post_hooks: OrderedDict = OrderedDict()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) before each step of every optimizer.

    >>> import chainrule as cr
    >>> from chainrule.optim.optimizer import register_optimizer_step_pre_hook
    >>> handle = register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print(type(optimizer).__name__))
    >>> cr.optim.SGD([cr.zeros(1, requires_grad=True)]).step()
    SGD
    >>> handle.remove()
    """
    return RemovableHandle(_every_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """Call hook(optimizer, args, kwargs) after each step of every optimizer.

    >>> import chainrule as cr
    >>> from chainrule.optim.optimizer import register_optimizer_step_post_hook
    >>> handle = register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("moved"))
    >>> cr.optim.SGD([cr.zeros(1, requires_grad=True)]).step()
    moved
    >>> handle.remove()
    """
    return RemovableHandle(_every_post_hooks, hook)


def zeros_like(p: Tensor) -> Tensor:
    """State of a parameter's shape and dtype, all zero."""
    return wrap(np.zeros(raw_shape(p), raw_dtype(p)))


def counter(value: float = 0.0) -> Tensor:
    """A number kept as a 0-d tensor, so that it is part of state_dict and of a staged step."""
    return wrap(np.array(value, np.float32))


def number(t: Any) -> Any:
    """A counter's value: a Python float, or while the step is staged or differentiated, a float64 tensor."""
    if isinstance(t, Tensor) and t.requires_grad:
        return t.double()  # type: ignore[attr-defined]
    data = t._data if isinstance(t, Tensor) else t
    return float(data) if isinstance(data, (np.ndarray, np.generic, float, int)) else t.double()


def check(name: str, value: Any, fits: bool) -> None:
    """PyTorch's error for a setting out of range."""
    if not fits:
        raise ValueError(f"Invalid {name}: {value}")


def _with_hooks(step: Callable) -> Callable:
    """A step() that runs the step hooks, also where a subclass overrides it; once where it calls its base's."""

    @wraps(step)
    def run(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if self._stepping:
            return step(self, *args, **kwargs)
        self._stepping = True
        try:
            given: tuple = (self, *args)
            for hook in chain(list(_every_pre_hooks.values()), list(self._pre_hooks.values())):
                found = hook(self, given, kwargs)
                if found is not None:
                    if not isinstance(found, tuple) or len(found) != 2:
                        raise RuntimeError(
                            f"{step.__qualname__} must return None or a tuple of (new_args, new_kwargs) from a step "
                            f"pre-hook, but got {found}"
                        )
                    given, kwargs = found
            result = step(*given, **kwargs)
            for hook in chain(list(self._post_hooks.values()), list(_every_post_hooks.values())):
                hook(self, given, kwargs)
            self._opt_called = True
            return result
        finally:
            self._stepping = False

    return run


class Optimizer:
    """Base of all optimisers: `params` is an iterable of tensors, of (name, tensor) pairs, or of dicts (groups).

    >>> import chainrule as cr
    >>> class Plain(cr.optim.Optimizer):
    ...     @cr.no_grad()
    ...     def step(self, closure=None):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 p -= group["lr"] * p.grad
    ...
    >>> p = cr.tensor([1.0], requires_grad=True)
    >>> optimizer = Plain([p], {"lr": 0.1})
    >>> (p * p).sum().backward()
    >>> optimizer.step()
    >>> p.detach()
    tensor([0.8000])
    """

    _pre_hooks: OrderedDict
    _post_hooks: OrderedDict
    _state_dict_pre_hooks: OrderedDict
    _state_dict_post_hooks: OrderedDict
    _load_pre_hooks: OrderedDict
    _load_post_hooks: OrderedDict
    _stepping = False  # inside of step(): a base's step() runs no hooks of its own
    _opt_called = False  # has step() been called? Schedulers ask

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "step" in cls.__dict__:
            cls.step = _with_hooks(cls.__dict__["step"])

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        # Not in __init__: optimisers around another one (lookahead) often leave that out.
        self._pre_hooks, self._post_hooks = OrderedDict(), OrderedDict()
        self._state_dict_pre_hooks, self._state_dict_post_hooks = OrderedDict(), OrderedDict()
        self._load_pre_hooks, self._load_post_hooks = OrderedDict(), OrderedDict()
        return self

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got a Tensor; "
                "write [tensor]"
            )
        self.state: defaultdict[Any, dict] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {k}: {group[k]}\n" for k in sorted(group) if k != "params")
        return text + ")"

    def __getstate__(self) -> dict:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with settings of their own."""
        if not isinstance(param_group, dict):
            raise ArgumentTypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise ArgumentTypeError("optimizer parameters need to be organized in ordered collections, not in a set")
        params = list(params)
        if params and isinstance(params[0], tuple):
            param_group["param_names"] = [name for name, _ in params]
            params = [p for _, p in params]
        for p in params:
            if not isinstance(p, Tensor):
                raise ArgumentTypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
                )
            if not (self.defaults.get("differentiable") or p.is_leaf or p.retains_grad):  # type: ignore[attr-defined]
                raise ValueError("can't optimize a non-leaf Tensor")
        if len({id(p) for p in params}) != len(params):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters: each of them is moved several times "
                "by one step",
                UserWarning,
                stacklevel=3,
            )
        param_group["params"] = params
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        known = {id(p) for group in self.param_groups for p in group["params"]}
        if any(id(p) in known for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    p.grad.zero_()

    @_with_hooks
    def step(self, closure: Callable | None = None) -> Any:
        """Move every parameter that has a gradient; `closure`, if given, computes the loss anew and returns it."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with set_grad_enabled(bool(self.defaults.get("differentiable"))):
            for group in self.param_groups:
                self._update_group(group)
        return loss

    def _update_group(self, group: dict[str, Any]) -> None:
        maximize, tracked = group.get("maximize", False), self.defaults.get("differentiable")
        for p in group["params"]:
            g = p.grad
            if g is None:
                continue
            g, state = -g if maximize else g, self.state[p]
            if tracked:  # the state before the step is part of the computation: leave it as it was
                state.update({k: v.clone() if isinstance(v, Tensor) else v for k, v in state.items()})
            if raw_dtype(p).kind == "c":
                self._update_complex(p, g, state, group)
            else:
                self._update(p, g, state, group)

    def _update_complex(self, p: Any, g: Any, state: dict, group: dict[str, Any]) -> None:
        """A complex parameter moves as its real and imaginary parts do, each with a state of its own."""
        parts = {k: _as_real(v) for k, v in state.items()}
        self._update(view_as_real(p), view_as_real(g), parts, group)
        shape = (*raw_shape(p), 2)
        for k, v in parts.items():
            if k not in state:
                whole = isinstance(v, Tensor) and raw_shape(v) == shape
                state[k] = view_as_complex(v) if whole else v

    def _update(self, p: Tensor, g: Tensor, state: dict, group: dict[str, Any]) -> None:
        raise NotImplementedError  # abstract: each method's own

    # ---- hooks -------------------------------------------------------------------------------------------------------

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) before each step."""
        return RemovableHandle(self._pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call hook(optimizer, args, kwargs) after each step."""
        return RemovableHandle(self._post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) before state_dict() is made."""
        return _registered(self._state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) after state_dict() was made."""
        return _registered(self._state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer, state_dict) before it is loaded."""
        return _registered(self._load_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(optimizer) after a state_dict was loaded."""
        return _registered(self._load_post_hooks, hook, prepend)

    # ---- state -------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """{"state": per parameter number, "param_groups": settings with parameter numbers}."""
        for hook in self._state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            packed = {k: v for k, v in group.items() if k != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items() if v}
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in self._state_dict_post_hooks.values():
            new = hook(self, found)
            found = found if new is None else new
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over settings and state that state_dict() gave for the same parameter groups."""
        self._opt_called = True  # elsewhere, before its state was saved
        given = dict(state_dict)
        for hook in self._load_pre_hooks.values():
            new = hook(self, given)
            given = given if new is None else new
        saved = deepcopy(given["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(s["params"]) != len(g["params"]) for s, g in zip(saved, self.param_groups, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        ids = chain.from_iterable(s["params"] for s in saved)
        params = chain.from_iterable(g["params"] for g in self.param_groups)
        by_number = dict(zip(ids, params, strict=True))
        state: defaultdict[Any, dict] = defaultdict(dict)
        for k, v in given["state"].items():
            if k in by_number:
                p = by_number[k]
                state[p] = {name: _restored(name, value, p) for name, value in v.items()}
            else:
                state[k] = deepcopy(v)
        for group, s in zip(self.param_groups, saved, strict=True):
            params_here = group["params"]
            group.update(s)
            group["params"] = params_here
        self.state = state
        for hook in self._load_post_hooks.values():
            hook(self)


def _registered(hooks: OrderedDict, hook: Callable, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _as_real(x: Any) -> Any:
    return view_as_real(x) if isinstance(x, Tensor) and raw_dtype(x).kind == "c" else x


_COUNTERS = {"step", "mu_product", "eta", "mu"}  # numbers with a precision of their own


def _restored(name: str, value: Any, p: Tensor) -> Any:
    if hasattr(value, "detach") and not isinstance(value, Tensor):
        value = wrap(value.detach().cpu().numpy().copy())
    if isinstance(value, Tensor):
        data = np.array(value._data)
        if name not in _COUNTERS and data.dtype.kind == "f" and raw_dtype(p).kind == "f":
            data = data.astype(raw_dtype(p))
        return wrap(data)
    if isinstance(value, list):
        return [_restored(name, v, p) for v in value]
    return deepcopy(value)


def parameters(groups: Iterable[dict[str, Any]]) -> list[Tensor]:
    """All parameters of all groups."""
    return [p for group in groups for p in group["params"]]
