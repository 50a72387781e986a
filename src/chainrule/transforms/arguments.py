"""Arguments of the functional transformations: which are differentiated, as lower values, and how to call again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import default, is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, FunctionError, IntegerInputError, ShapeError
from ..core.pytree import LEAF, TreeSpec, tree_flatten, tree_map
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from .level import below

NUMBERS = (bool, int, float, complex)


def name_of(function: Any) -> str:
    """A function's name for messages."""
    return getattr(function, "__name__", type(function).__name__)


def flatten(tree: Any) -> tuple[list, TreeSpec]:
    """tree_flatten with a short cut for a single tensor."""
    return ([tree], LEAF) if isinstance(tree, Tensor) else tree_flatten(tree)


def as_tensors(tree: Any) -> Any:
    """A tree with its NumPy arrays as tensors; all other leaves stay."""
    if isinstance(tree, Tensor):
        return tree
    if isinstance(tree, (np.ndarray, np.generic)):
        return wrap(np.asarray(tree))
    if isinstance(tree, (tuple, list, dict)):
        return tree_map(lambda x: wrap(np.asarray(x)) if isinstance(x, (np.ndarray, np.generic)) else x, tree)
    return tree


def lower_value(x: Any) -> Any:
    """A tensor, array or number as a value to put under a tracer."""
    if isinstance(x, Tensor):
        return below(x)
    if isinstance(x, np.generic):
        return np.asarray(x)
    if isinstance(x, NUMBERS):
        dtype = default.float if isinstance(x, float) else default.complex if isinstance(x, complex) else None
        return np.asarray(x, dtype)
    return x


def differentiable(x: Any, what: str, path: str) -> Any:
    """The lower value of an input to differentiate by, or the error that says why it cannot be one."""
    if not isinstance(x, (Tensor, np.ndarray, np.generic, *NUMBERS)):
        raise ArgumentTypeError(
            f"{what}: cannot differentiate by {path}, which is of type {type(x).__name__}; it must be a tensor, an "
            f"array or a number. Use argnums to choose other arguments, or take it out of the tree."
        )
    value = lower_value(x)
    if not is_inexact(raw_dtype(value)):
        raise IntegerInputError(
            f"{what}: only Tensors of floating point and complex dtype can require gradients, but {path} has dtype "
            f"{raw_dtype(value)}. Write {_hint(x)}, or {_otherwise(what)}."
        )
    return value


def _otherwise(what: str) -> str:
    return "choose other arguments with argnums" if "(f)" in what else "let the function read it from outside"


def _hint(x: Any) -> str:
    if isinstance(x, Tensor):
        return "x.float() (or x.double())"
    return "x.astype(float)" if isinstance(x, np.ndarray) else f"{float(x)}"


def check_callable(func: Any, what: str) -> None:
    """Refuse what is not a function, such as a function's result."""
    if not callable(func):
        raise ArgumentTypeError(
            f"{what}: expects a function, but got {_told(func)}; write {what}(f)(x) with the function f itself, not "
            f"what it returns"
        )


class Chosen:
    """One call `function(*args, **kwargs)` of which some arguments, given by number or name, are to vary.

    `values` are those arguments, `paths` their names for messages, `call(new)` calls with other values for them.
    """

    __slots__ = ("args", "function", "keys", "kwargs", "single", "values")

    def __init__(self, function: Callable, argnums: Any, args: tuple, kwargs: dict, what: str) -> None:
        self.function = function
        self.args = tuple([as_tensors(a) for a in args])
        self.kwargs = {k: as_tensors(v) for k, v in kwargs.items()} if kwargs else kwargs
        if type(argnums) is int and 0 <= argnums < len(args):
            self.single, self.keys, self.values = True, [argnums], [self.args[argnums]]
            return
        self.single = not isinstance(argnums, (tuple, list))
        wanted: Sequence = (argnums,) if self.single else tuple(argnums)
        if not wanted:
            raise ArgumentError(f"{what}: argnums must be non-empty; it names the arguments to differentiate by")
        self.keys = [self._key(k, args, kwargs, what) for k in wanted]
        if len(set(self.keys)) != len(self.keys):
            raise ArgumentError(f"{what}: argnums elements must be unique, got {argnums}")
        self.values = [self.args[k] if isinstance(k, int) else self.kwargs[k] for k in self.keys]

    def _key(self, key: Any, args: tuple, kwargs: dict, what: str) -> int | str:
        if isinstance(key, str):
            if key in kwargs:
                return key
            try:
                names = list(inspect.signature(self.function).parameters)
            except (TypeError, ValueError):
                names = []
            if key in names and names.index(key) < len(args):
                return names.index(key)
            raise ArgumentError(
                f"{what}: {name_of(self.function)} was called without an argument named {key!r}; its parameters are "
                f"{names}"
            )
        if not isinstance(key, (int, np.integer)) or isinstance(key, bool):
            raise ArgumentTypeError(f"{what}: argnums must be int, str or tuple of these, got {key!r}")
        n = len(args)
        if not -n <= key < n:
            raise ArgumentError(
                f"{what}: Got argnum={key}, but only {n} positional inputs were given to {name_of(self.function)}"
            )
        return int(key) % n

    def paths(self, spec: TreeSpec) -> list[str]:
        """A name for each leaf of the tuple of values."""
        names = [f"argument {k}" if isinstance(k, int) else f"argument {k!r}" for k in self.keys]
        out = []
        for name, child in zip(names, spec.children, strict=True):
            out.extend(child.paths(name))
        return out

    def flat(self, what: str) -> tuple[list, TreeSpec]:
        """(lower values, structure of the tuple of values)."""
        values = self.values
        if len(values) == 1 and isinstance(values[0], Tensor):
            spec = ONE
            leaves: list = values
        else:
            leaves, spec = tree_flatten(tuple(values))
        try:
            fine = all([isinstance(x, Tensor) and is_inexact(raw_dtype(x)) for x in leaves])
        except TypeError:
            fine = False
        if fine:
            return [below(x) for x in leaves], spec
        return [differentiable(x, what, p) for x, p in zip(leaves, self.paths(spec), strict=True)], spec

    def call(self, values: Sequence) -> Any:
        """The function's result with `values` in the chosen places."""
        args, kwargs = list(self.args), self.kwargs
        for key, value in zip(self.keys, values, strict=True):
            if isinstance(key, int):
                args[key] = value
            else:
                kwargs = {**kwargs, key: value}
        return self.function(*args, **kwargs)

    def shaped(self, leaves: Sequence, spec: TreeSpec) -> Any:
        """Leaves (one per leaf of the values) in the structure of the chosen arguments."""
        if spec is ONE:
            return leaves[0] if self.single else tuple(leaves)
        values = spec.unflatten(leaves)
        return values[0] if self.single else values


ONE = TreeSpec(tuple, None, (LEAF,), 1)  # the structure of one chosen tensor


def _told(out: Any) -> str:
    if isinstance(out, Tensor):
        return f"a Tensor of shape {tuple(raw_shape(out))}"
    return f"a tuple of {len(out)}" if isinstance(out, tuple) else type(out).__name__


def with_aux(out: Any, has_aux: bool, what: str, function: Any) -> tuple[Any, Any]:
    """(output, aux) from what the function returned."""
    if not has_aux:
        return out, None
    if not (isinstance(out, tuple) and len(out) == 2):
        raise FunctionError(
            f"{what}: with has_aux=True {name_of(function)} must return a tuple (output, aux), not {_told(out)}"
        )
    return out


def out_leaf(x: Any, what: str, function: Any) -> Any:
    """Check that a result is a tensor, an array or a number."""
    if not isinstance(x, (Tensor, np.ndarray, np.generic, *NUMBERS)):
        raise FunctionError(
            f"{what}: {name_of(function)} must only return Tensors (or containers of them), got type "
            f"{type(x).__name__}. Return other things with has_aux=True."
        )
    return x if isinstance(x, Tensor) else lower_value(x)


def fit(given: Any, like: Any, what: str, path: str) -> Any:
    """A cotangent or tangent given by the user, as a lower value of the shape and dtype of `like`."""
    if not isinstance(given, (Tensor, np.ndarray, np.generic, *NUMBERS)):
        raise ArgumentTypeError(f"{what}: {path} must be a tensor, not {type(given).__name__}")
    value = lower_value(given)
    if raw_shape(value) != raw_shape(like):
        raise ShapeError(
            f"{what}: Trying to set a gradient or tangent that has a different size than that of the original Tensor, "
            f"this is not supported: {path} has shape {raw_shape(value)}, but must have {raw_shape(like)}."
        )
    dtype = raw_dtype(like)
    if is_inexact(dtype) and not is_inexact(raw_dtype(value)) and not isinstance(given, NUMBERS):
        raise IntegerInputError(
            f"{what}: Expected {path} to be floating point or complex, but got: {raw_dtype(value)}. Write its .to("
            f"{dtype})"
        )
    if raw_dtype(value).kind == "c" and dtype.kind != "c":
        raise DTypeError(f"{what}: {path} is complex, but belongs to a value of dtype {dtype}; write its .real")
    if raw_dtype(value) != dtype and is_inexact(dtype):
        from ..ops.shape import cast_p

        value = cast_p(value, dtype=dtype)
    return value


def is_traced(tree: Any) -> bool:
    """Does the tree hold a tracer?"""
    return any(isinstance(x, Tracer) for x in flatten(tree)[0])


def check_holomorphic(what: str, inputs: Sequence, outputs: Sequence) -> None:
    """Refuse holomorphic=True for arguments or results that are not complex."""
    for role, xs in (("arguments", inputs), ("results", outputs)):
        for x in xs:
            if raw_dtype(x).kind != "c":
                raise ArgumentTypeError(
                    f"{what}: holomorphic=True needs complex {role}, but got {raw_dtype(x)}; convert them with "
                    f".to(chainrule.complex64), or leave holomorphic=True out"
                )


def conjugated(tree: Any) -> Any:
    """The gradient of a holomorphic function made its complex derivative: conjugated."""
    from ..ops.complex import conj

    return tree_map(conj, tree)
