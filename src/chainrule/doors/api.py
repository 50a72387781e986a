"""What the doors share: chainrule's public functions by name, looked up when called, and operands as tensors."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, ChainruleError
from ..core.value import Tensor, wrap

ndarray = np.ndarray
ROOT = __package__.rpartition(".")[0]
NO_VALUE = np._NoValue  # NumPy's default of keepdims, initial and where


class NoDoorError(ChainruleError, TypeError):
    """A NumPy function that has no counterpart here."""


class _Api:
    """chainrule's public namespace; the doors stand beside it, so its functions are found when they are called."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.modules[ROOT], name)


cr = _Api()


def tensor_of(x: Any) -> Any:
    """A tensor from a tensor, array, list or number (a list may hold tensors, which are stacked)."""
    if isinstance(x, Tensor):
        return x
    if isinstance(x, (ndarray, np.generic)):
        return wrap(np.asarray(x))
    if isinstance(x, (list, tuple)) and any(isinstance(y, Tensor) for y in flat(x)):
        return cr.stack([tensor_of(y) for y in x])
    if isinstance(x, (list, tuple, range, bool, int, float, complex)):
        return wrap(np.asarray(x))
    return cr.as_tensor(x)


def flat(x: Any) -> list:
    """The leaves of nested lists and tuples."""
    if isinstance(x, (list, tuple)):
        return [leaf for y in x for leaf in flat(y)]
    return [x]


def values_of(x: Any, what: str) -> ndarray:
    """The values alone, for what has no gradient: orders, masks, indices."""
    from ..tensor.attributes import concrete

    return np.asarray(concrete(x, what)) if isinstance(x, Tensor) else np.asarray(x)


def operand(x: Any) -> Any:
    """An operand of an elementwise op: Python numbers stay numbers, so that they do not change the dtype."""
    return x if isinstance(x, (Tensor, bool, int, float, complex)) and not isinstance(x, np.generic) else tensor_of(x)


def nearest(name: str) -> str:
    """A sentence that names the public functions most like `name`."""
    root = sys.modules[ROOT]
    known = {n: n for n in dir(root) if callable(getattr(root, n, None)) and not n.startswith("_")}
    for space in ("linalg", "fft", "special"):
        try:
            module = getattr(root, space)
        except (AttributeError, ImportError):
            continue
        known.update({n: f"{space}.{n}" for n in dir(module) if not n.startswith("_") and n not in known})
    import difflib

    short = name.rpartition(".")[2]
    found = difflib.get_close_matches(short, known, n=2, cutoff=0.5) or difflib.get_close_matches(short, known, 1, 0.0)
    return "the nearest is " + " or ".join(f"{ROOT}.{known[n]}" for n in found)


def no_door(name: str, why: str = "") -> NoDoorError:
    """The error for a NumPy function without a counterpart."""
    reason = f" ({why})" if why else ""
    return NoDoorError(
        f"{name} does not work on tensors{reason}: it has no differentiable counterpart here; {nearest(name)}. To "
        f"compute without gradients, write x.detach().numpy()"
    )


def write_result(out: Any, result: Any, name: str) -> Any:
    """NumPy's `out=`: store `result` in a tensor or an array and return it."""
    if out is None:
        return result
    if isinstance(out, tuple):
        if len(out) != 1:
            raise no_door(name, "several results into out=")
        out = out[0]
    if isinstance(out, Tensor):
        from ..tensor.inplace import store

        if tuple(out.shape) != tuple(result.shape):
            result = cr.broadcast_to(result, tuple(out.shape))
        return store(out, result, name)
    if result.requires_grad:
        raise ArgumentTypeError(
            f"{name}: out= is a NumPy array, but the result requires grad, which an array cannot record. Write "
            f"`a = a + t` instead of `a += t`, or make `out` a tensor"
        )
    np.copyto(out, result.numpy(), casting="same_kind")
    return out
