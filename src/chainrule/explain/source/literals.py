"""Values as Python text that means the same, to the bit, in a file that imports nothing but NumPy."""

from __future__ import annotations

import base64
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

MODULES = ("functools", "itertools", "math", "operator")  # of the standard library, imported where used
_LONG = 1024  # elements; longer arrays are written as base64


class LiftError(Exception):
    """A piece of an implementation has no stand-alone text; the reason is the message."""


def dtype_name(dtype: np.dtype) -> str:
    """NumPy's name of a dtype, as in np.float64."""
    if dtype.kind == "V":
        raise LiftError("NumPy has no bfloat16")
    return "bool_" if dtype.kind == "b" else dtype.name


def array_text(x: np.ndarray) -> str:
    """A Python expression for an array, exact to the bit."""
    name = f"np.{dtype_name(x.dtype)}"
    if 0 in x.shape or (x.size > 1 and not x.any() and not np.signbit(x.real).any()):
        return f"np.zeros({x.shape}, dtype={name})"
    if x.size > 1 and (x == x.flat[0]).all() and x.flat[0] != 0:
        value = number_text(x.flat[0])
        return f"np.ones({x.shape}, dtype={name})" if x.flat[0] == 1 else f"np.full({x.shape}, {value}, dtype={name})"
    if x.size > _LONG or (x.dtype.kind == "c" and not np.isfinite(x).all()):
        packed = base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()
        return f'np.frombuffer(base64.b64decode("{packed}"), dtype={name}).reshape({x.shape})'
    body = repr(x.tolist())
    if x.dtype == np.float32:  # the shortest digits, if they mean the same
        short = np.array2string(
            x, separator=", ", threshold=sys.maxsize, floatmode="unique", max_line_width=sys.maxsize
        )
        short = " ".join(short.split())
        if not any(w in short for w in ("nan", "inf")) and (np.float32(eval(short, {})) == x).all():
            body = short
    return f"np.array({body.replace('nan', 'np.nan').replace('inf', 'np.inf')}, dtype={name})"


def number_text(x: Any) -> str:
    """A Python number that NumPy rounds to `x`."""
    if isinstance(x, np.float32) and np.isfinite(x):
        short = repr(float(str(x)))
        return short if np.float32(float(short)) == x else repr(float(x))
    x = x.item() if isinstance(x, (np.generic, np.ndarray)) else x
    return text_or_none(x) or repr(x)


def text_or_none(x: Any) -> str | None:
    """A value as Python text; None where it has none by itself."""
    if x is np:
        return "np"
    if isinstance(x, ModuleType):
        return x.__name__ if x.__name__ in MODULES or x.__name__.startswith("scipy.") else None
    if isinstance(x, (np.floating, np.integer, np.bool_, np.complexfloating)):
        return f"np.{dtype_name(x.dtype)}({text_or_none(x.item())})"
    if x is None or x is Ellipsis or isinstance(x, (bool, int, str, bytes)):
        return "Ellipsis" if x is Ellipsis else repr(x)
    if isinstance(x, complex):
        return repr(x) if np.isfinite(x) else f"complex({text_or_none(x.real)}, {text_or_none(x.imag)})"
    if isinstance(x, float):
        if x == x and abs(x) != float("inf"):
            return repr(x)
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    if isinstance(x, np.dtype):
        return f"np.dtype(np.{dtype_name(x)})"
    if isinstance(x, slice):
        return f"slice({text_or_none(x.start)}, {text_or_none(x.stop)}, {text_or_none(x.step)})"
    if type(x) in (tuple, list):
        parts = [text_or_none(v) for v in x]
        if None in parts:
            return None
        inside = ", ".join(map(str, parts)) + ("," if len(parts) == 1 and type(x) is tuple else "")
        return f"({inside})" if type(x) is tuple else f"[{inside}]"
    if isinstance(x, np.ufunc):
        return f"np.{x.__name__}" if getattr(np, x.__name__, None) is x else _scipys(x)
    if isinstance(x, type) and x.__module__ == "numpy":
        return f"np.{x.__name__}"
    if isinstance(x, type) and x.__module__ == "builtins":
        return x.__name__
    module, name = getattr(x, "__module__", "") or "", getattr(x, "__name__", "")
    if module in MODULES and getattr(sys.modules[module], name, None) is x:
        return f"{module}.{name}"
    if name and module.split(".")[0] in ("numpy", "scipy") and (isinstance(x, FunctionType) or callable(x)):
        for prefix, root in (("np", np), ("np.linalg", np.linalg), ("np.lib.stride_tricks", np.lib.stride_tricks)):
            if getattr(root, name, None) is x:
                return f"{prefix}.{name}"
        if module.startswith("numpy.") and getattr(sys.modules.get(module), name, None) is x and "._" not in module:
            return f"np{module[5:]}.{name}"
        return _scipys(x)
    return None


def _scipys(x: Any) -> str | None:
    for module in ("scipy.special", "scipy.linalg"):
        if getattr(sys.modules.get(module), x.__name__, None) is x:
            return f"{module}.{x.__name__}"
    return None


def literal(x: Any) -> str:
    """A parameter as Python text; LiftError where it has none."""
    text = text_or_none(x)
    if text is None:
        raise LiftError(f"a parameter of type {type(x).__name__} has no text")
    return text
