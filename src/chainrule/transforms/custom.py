"""Derivative rules of the user's own: custom_vjp (a forward and a backward function) and custom_jvp (a tangent rule).

Both hold under every transformation and nesting; how is in calls.py.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from ..core.provenance import describe, here
from ..core.pytree import TreeSpec, tree_flatten
from ..core.value import Tensor, raw_shape
from .arguments import NUMBERS, as_tensors, flatten, name_of
from .calls import Call, JVPCall, VJPCall, public_leaf
from .level import public

__all__ = ["custom_jvp", "custom_vjp"]


class _Custom:
    """What custom_vjp and custom_jvp share: arguments by position, static ones apart, and flat functions."""

    def __init__(self, function: Callable, nondiff_argnums: Any = ()) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.busy: list = []
        self.nondiff = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def _positional(self, args: tuple, kwargs: dict) -> tuple:
        if not kwargs:
            try:
                bound = inspect.signature(self.function).bind(*args)
            except (TypeError, ValueError):
                return args
            bound.apply_defaults()
            return bound.args
        bound = inspect.signature(self.function).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise ArgumentTypeError(f"{name_of(self.function)}: keyword-only arguments cannot have a custom derivative")
        return bound.args

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = self._positional(args, kwargs)
        for i in self.nondiff:
            if not -len(args) <= i < len(args):
                name = name_of(self.function)
                raise ArgumentError(f"{name}: nondiff_argnums holds {i}, but there are {len(args)} arguments")
        fixed = sorted(i % len(args) for i in self.nondiff) if args else []
        static = [args[i] for i in fixed]
        moving = [i for i in range(len(args)) if i not in fixed]
        leaves, spec = tree_flatten(tuple(as_tensors(args[i]) for i in moving))
        specs: dict[str, TreeSpec] = {}

        def run(xs: list) -> list:
            full: list = list(args)
            for i, x in zip(moving, spec.unflatten(xs), strict=True):
                full[i] = x
            outs, specs["out"] = flatten(self.function(*full))
            return outs

        call = self._call(run, args, static, moving, spec, specs)
        outs = call.apply(leaves)
        return specs["out"].unflatten([public_leaf(o) for o in outs])

    def _call(self, run: Callable, args: tuple, static: list, moving: list, spec: TreeSpec, specs: dict) -> Call:
        raise NotImplementedError  # abstract


def custom_vjp(function: Callable | None = None, *, nondiff_argnums: Any = ()) -> Any:
    """Give a function a reverse-mode rule of its own: decorate it, then `f.defvjp(forward, backward)`.

    `forward(*args) -> (output, residuals)` and `backward(*nondiff_args, residuals, ct) -> tuple of cotangents`, one per
    argument that is not in `nondiff_argnums` (None: zero). Forward mode uses the transpose of `backward`. The rule
    holds for both modes, vmap and every order (`forward` and `backward` are themselves differentiated).

    Raises:
        GraphError: the function differentiably reads an outer variable, or cotangents are wrong in number.
        ShapeError: a cotangent's shape is not its argument's; the message names the argument.

    >>> import chainrule as cr
    >>> @cr.func.custom_vjp
    ... def clipped(x):
    ...     return x * x
    >>> clipped.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x * g * 0.5,))
    >>> cr.func.grad(clipped)(cr.tensor(3.0))
    tensor(3.)
    """
    if function is None:
        return functools.partial(custom_vjp, nondiff_argnums=nondiff_argnums)
    return CustomVJP(function, nondiff_argnums)


class CustomVJP(_Custom):
    """A function with a reverse-mode rule of its own; see `custom_vjp`."""

    forward: Callable | None = None
    backward: Callable | None = None

    def defvjp(self, forward: Callable, backward: Callable) -> None:
        """Set the rule: `forward(*args) -> (output, residuals)`, `backward(residuals, ct) -> cotangents`."""
        self.forward, self.backward = forward, backward

    def _call(self, run: Callable, args: tuple, static: list, moving: list, spec: TreeSpec, specs: dict) -> Call:
        name = name_of(self.function)
        if self.forward is None or self.backward is None:
            raise GraphError(f"No VJP defined for custom_vjp function {name}; write {name}.defvjp(forward, backward)")
        first, second = self.forward, self.backward
        names = _argument_names(self.function, moving)
        given = tree_flatten(tuple(as_tensors(args[i]) for i in moving))[0]
        shapes = [raw_shape(x) if hasattr(x, "shape") else None for x in given]

        def forward(xs: list) -> tuple[list, list]:
            full = list(args)
            for i, x in zip(moving, spec.unflatten(xs), strict=True):
                full[i] = x
            pair = first(*full)
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ArgumentTypeError(
                    f"custom_vjp {name}: the forward function {name_of(first)} must return a pair (output, residuals), "
                    f"not {type(pair).__name__}"
                )
            outs, specs["out"] = flatten(pair[0])
            residuals, specs["residuals"] = tree_flatten(pair[1])
            return outs, residuals

        def backward(residuals: list, cts: list, needs: tuple) -> list:
            found = second(*static, specs["residuals"].unflatten(residuals), specs["out"].unflatten(cts))
            return _collected(name, name_of(second), found, spec, names, shapes)

        return VJPCall(name, run, forward, backward, self.busy)


def _argument_names(function: Callable, moving: list) -> list[str]:
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return [f"argument {i}" + (f" ({names[i]!r})" if i < len(names) else "") for i in moving]


def _collected(name: str, backward: str, found: Any, spec: TreeSpec, names: list[str], shapes: list) -> list:
    """The user's cotangents, flat, after checks that name the argument."""
    n = len(spec.children)
    if not isinstance(found, (tuple, list)):
        found = (found,)
    if len(found) != n:
        raise GraphError(
            f"custom_vjp {name}: the backward function {backward} must return a tuple of {n} cotangents, one for each "
            f"of {', '.join(names)}; it returned {len(found)}"
        )
    out: list = []
    for c, child, label in zip(found, spec.children, names, strict=True):
        part = [None] * child.num_leaves if c is None else child.flatten_up_to(as_tensors(c), f"cotangent of {label}")
        for x, path in zip(part, child.paths(""), strict=True):
            want = shapes[len(out)]
            if x is not None and not isinstance(x, (Tensor, np.ndarray, np.generic, *NUMBERS)):
                raise ArgumentTypeError(
                    f"custom_vjp {name}: the backward function {backward} returned a {type(x).__name__} as the "
                    f"cotangent of {label}{path}; return a tensor, or None for zero"
                )
            if x is not None and want is not None and raw_shape(x) != want:
                raise ShapeError(
                    f"custom_vjp {name}: the backward function {backward} returned a cotangent of shape {raw_shape(x)} "
                    f"for {label}{path}, which has shape {want}"
                )
            out.append(x if x is None or isinstance(x, Tensor) else public(x))
    return out


def custom_jvp(function: Callable | None = None, *, nondiff_argnums: Any = ()) -> Any:
    """Give a function a forward-mode rule of its own: decorate it, then `f.defjvp(rule)` or `f.defjvps(*rules)`.

    `rule(*nondiff_args, primals, tangents) -> (output, tangent of output)`, linear in the tangents; reverse mode is its
    transpose. `defjvps(rule0, rule1 ...)` takes one `rule_i(tangent_i, ans, *primals)` per argument (None: zero).

    >>> import chainrule as cr
    >>> @cr.func.custom_jvp
    ... def square(x):
    ...     return x * x
    >>> @square.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return x * x, 2 * x * t
    >>> cr.func.grad(square)(cr.tensor(3.0))
    tensor(6.)
    """
    if function is None:
        return functools.partial(custom_jvp, nondiff_argnums=nondiff_argnums)
    return CustomJVP(function, nondiff_argnums)


class CustomJVP(_Custom):
    """A function with a forward-mode rule of its own; see `custom_jvp`."""

    rule: Callable | None = None

    def defjvp(self, rule: Callable) -> Callable:
        """Set the rule; returns it, so that this can decorate."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable | None) -> None:
        """Set one rule per argument, whose terms are added."""

        def rule(primals: tuple, tangents: tuple) -> tuple:
            ans = self(*primals)
            terms = [r(t, ans, *primals) for r, t in zip(rules, tangents, strict=True) if r is not None]
            total = terms[0] if terms else ans * 0
            for term in terms[1:]:
                total = total + term
            return ans, total

        self.rule = rule

    def _call(self, run: Callable, args: tuple, static: list, moving: list, spec: TreeSpec, specs: dict) -> Call:
        name = name_of(self.function)
        given = self.rule
        if given is None:
            raise GraphError(f"No JVP defined for custom_jvp function {name} using defjvp; write {name}.defjvp(rule)")

        def rule(primals: list, tangents: list) -> tuple[list, list]:
            pair = given(*static, spec.unflatten(primals), spec.unflatten(tangents))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ArgumentTypeError(
                    f"custom_jvp {name}: the rule must return a pair (output, tangent), not {type(pair).__name__}"
                )
            outs, specs["out"] = flatten(pair[0])
            moved = specs["out"].flatten_up_to(pair[1], "the output's tangent")
            for o, t, path in zip(outs, moved, specs["out"].paths("the output"), strict=True):
                if t is not None and raw_shape(t) != raw_shape(o):
                    code, lasti = here(2)
                    raise ShapeError(
                        f"custom_jvp {name}: the rule returned a tangent of shape {raw_shape(t)} for {path}, which has "
                        f"shape {raw_shape(o)}; called at {describe(code, lasti)}"
                    )
            return outs, moved

        return JVPCall(name, run, rule)
