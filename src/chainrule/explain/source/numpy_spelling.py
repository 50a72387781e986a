"""How a NumPy programmer writes an operation: infix operators, ufuncs, indexing; None where there is no such way."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from ...graph.ir import Equation, Variable
from .lift import Helpers
from .literals import dtype_name, text_or_none

ATOM, POWER, UNARY, PRODUCT, SUM, COMPARE = 10, 9, 8, 7, 6, 4


class Text(str):
    """An expression and how tightly its outermost operator binds."""

    level: int

    def __new__(cls, text: str, level: int = ATOM) -> Text:
        made = super().__new__(cls, text)
        made.level = level
        return made

    def at(self, level: int) -> str:
        """The expression, in parentheses if it binds more loosely than `level`."""
        return str(self) if self.level >= level else f"({self})"


INFIX = {"add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT)}
INFIX |= {n: ("@", PRODUCT) for n in ("matmul", "mm")}
INFIX |= {"eq": ("==", COMPARE), "ne": ("!=", COMPARE), "lt": ("<", COMPARE), "le": ("<=", COMPARE)}
INFIX |= {"gt": (">", COMPARE), "ge": (">=", COMPARE)}
_SAME = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sinh", "cosh", "tanh", "sin", "cos")
_SAME += ("hypot", "isnan", "isinf", "isfinite", "isreal", "logical_not", "logical_and", "logical_or", "logical_xor")
_SAME += ("maximum", "minimum", "fmax", "fmin", "where", "floor", "ceil", "trunc", "signbit", "copysign", "nextafter")
_CALLS = {n: f"np.{n}" for n in (*_SAME, "deg2rad", "rad2deg", "real", "imag", "abs", "sign", "logaddexp")}
_CALLS |= {"asin": "np.arcsin", "acos": "np.arccos", "atan": "np.arctan", "atan2": "np.arctan2", "tan": "np.tan"}
_CALLS |= {"asinh": "np.arcsinh", "acosh": "np.arccosh", "atanh": "np.arctanh"}
_CALLS |= {"clamp_min": "np.maximum", "clamp_max": "np.minimum"}
_REDUCTIONS = {"sum": "np.sum", "amax": "np.max", "amin": "np.min", "max": "np.max", "min": "np.min"}
_HELPERS = {
    "mul0": 'def {name}(g, f):\n    """g * f, and 0 where g is 0, even if f is infinite."""\n'
    "    return np.where(g == 0, 0, g * f)",
    "mul00": 'def {name}(g, f):\n    """g * f, and 0 where one of them is 0, even if the other is infinite."""\n'
    "    return np.where((g == 0) | (f == 0), 0, g * f)",
    "ratio": 'def {name}(x, y):\n    """x / y, and 0 where y is 0."""\n'
    "    return np.where(y == 0, 0, x / np.where(y == 0, 1, y))",
    "add_at": 'def {name}(x, key, v):\n    """A copy of x with v added at a key, as often as an index is in it."""\n'
    "    out = x.copy()\n    np.add.at(out, key, v)\n    return out",
    "set_at": 'def {name}(x, key, v):\n    """A copy of x with v written at a key."""\n'
    "    out = x.copy()\n    out[key] = v\n    return out",
    "embed": 'def {name}(g, shape, key):\n    """Zeros of a shape with g written at a key."""\n'
    "    out = np.zeros(shape, g.dtype)\n    out[key] = g\n    return out",
    "div0": 'def {name}(g, d):\n    """g / d, and 0 where g is 0, even if d is 0 too."""\n'
    "    return np.where(g == 0, 0, g / d)",
}


def spelled(e: Equation, operands: list[Text], helpers: Helpers) -> Text | None:
    """The natural NumPy expression of an equation, or None."""
    name = e.prim.name
    arrays = [o for o in e.operands if isinstance(o, Variable)]
    if any(o.dtype.itemsize == 2 and o.dtype.kind in "fV" for o in (*arrays, *e.outs)) or not arrays:
        return None  # half precision: the implementation widens
    kinds = {o.dtype.kind for o in arrays}
    if name in INFIX and len(operands) == 2 and kinds <= set("fi") and _numbers_fit(e):
        sign, level = INFIX[name]
        strict = 1 if level == COMPARE else 0
        return Text(f"{operands[0].at(level + strict)} {sign} {operands[1].at(level + 1)}", level)
    if name in _CALLS and (name == "where" or kinds <= set("fi")) and (name not in ("abs", "sign") or "f" in kinds):
        if name in ("real", "imag"):
            return None
        return Text(f"{_CALLS[name]}({', '.join(operands)})")
    if name == "embed" and arrays[0].shape and e.params["key"]:
        call = helpers.written("embed", _HELPERS["embed"])
        return Text(f"{call}({operands[0]}, {e.params['shape']}, np.s_[{key_text(e.params['key'], [])}])")
    if name in ("index_add", "setitem") and e.outs[0].shape and "z" not in e.params["key"]:
        call = "set_at" if name == "setitem" else "add_at"
        key = key_text(e.params["key"], list(operands[2:]))
        key = key if e.params["key"] == ("a",) else f"np.s_[{key}]"
        return Text(f"{helpers.written(call, _HELPERS[call])}({operands[0]}, {key}, {operands[1]})")
    if name in ("mul0", "mul00", "div0", "ratio") and kinds == {"f"} and _numbers_fit(e):
        return Text(f"{helpers.written(name, _HELPERS[name])}({', '.join(operands)})")
    if name in _REDUCTIONS and arrays[0].dtype == e.outs[0].dtype and kinds == {"f"}:
        return _reduction(_REDUCTIONS[name], operands[0], e)
    rule = _RULES.get(name)
    return rule(e, operands) if rule is not None else None


def _numbers_fit(e: Equation) -> bool:
    """NumPy gives the equation's dtype by itself: no Python float among integer arrays."""
    whole = all(o.dtype.kind == "i" for o in e.operands if isinstance(o, Variable))
    return (
        not (whole and any(isinstance(o, float) for o in e.operands))
        and len({o.dtype for o in e.operands if isinstance(o, Variable)}) == 1
    )


def _reduction(call: str, x: Text, e: Equation) -> Text:
    axes, ndim = e.params["axes"], len(e.operands[0].shape)
    keep = ", keepdims=True" if e.params["keepdims"] else ""
    if not axes:
        return Text(f"{call}({x}, axis=(){keep})")
    if len(axes) == ndim and not keep:
        return Text(f"{call}({x})")
    return Text(f"{call}({x}, axis={axes[0] if len(axes) == 1 else text_or_none(tuple(axes))}{keep})")


def _permute(e: Equation, operands: list[Text]) -> Text:
    dims, x = e.params["dims"], operands[0]
    n = len(dims)
    if n >= 2 and dims == tuple(range(n))[::-1]:
        return Text(f"{x.at(ATOM)}.T")
    if n >= 2 and dims == (*range(n - 2), n - 1, n - 2):
        return Text(f"np.swapaxes({x}, -1, -2)")
    return Text(f"np.transpose({x}, {dims})")


def _reshape(e: Equation, operands: list[Text]) -> Text:
    shape = e.params["shape"]
    return Text(f"{operands[0].at(ATOM)}.reshape({', '.join(map(str, shape)) if shape else '()'})")


def key_text(key: tuple, arrays: list[Any]) -> str:
    """The inside of the brackets of x[...]; trailing full slices are left out."""
    queue, parts = iter(arrays), []
    for k in key:
        if isinstance(k, tuple):
            start, stop, step = ("" if v is None else str(v) for v in k)
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        elif isinstance(k, str):
            parts.append(str(next(queue)))
        else:
            parts.append(str(k))
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return ", ".join(parts) or "..."


def _getitem(e: Equation, operands: list[Text]) -> Text | None:
    if not e.operands[0].shape:
        return None
    return Text(f"{operands[0].at(ATOM)}[{key_text(e.params['key'], [])}]")


def _index(e: Equation, operands: list[Text]) -> Text | None:
    if "z" in e.params["key"] or not e.outs[0].shape:
        return None
    return Text(f"{operands[0].at(ATOM)}[{key_text(e.params['key'], operands[1:])}]")


def _select(e: Equation, operands: list[Text]) -> Text:
    key = ((None, None, None),) * e.params["dim"] + (e.params["index"],)
    return Text(f"{operands[0].at(ATOM)}[{key_text(key, [])}]")


def _cast(e: Equation, operands: list[Text]) -> Text | None:
    if e.operands[0].dtype.kind == "c":
        return None
    if not e.operands[0].shape:
        return Text(f"np.{dtype_name(e.params['dtype'])}({operands[0]})")
    return Text(f"{operands[0].at(ATOM)}.astype(np.{dtype_name(e.params['dtype'])})")


def _square(e: Equation, operands: list[Text]) -> Text | None:
    if e.outs[0].dtype.kind != "f":
        return None
    x = operands[0]
    return Text(f"{x} * {x}", PRODUCT) if x.isidentifier() else Text(f"np.square({x})")


def _pow(e: Equation, operands: list[Text]) -> Text | None:
    y = e.operands[1]
    if e.outs[0].dtype.kind != "f" or not isinstance(y, (int, float)) or y not in (2, 3, 4, 0.5):
        return None
    x = operands[0]
    if y == 0.5:
        return Text(f"np.sqrt({x})")
    if y == 2:
        return _square(e, operands)
    if not x.isidentifier():
        return None
    return Text(f"{x} * {x} * {x}", PRODUCT) if y == 3 else Text(f"({x} * {x}) * ({x} * {x})", PRODUCT)


def _mean(e: Equation, operands: list[Text]) -> Text | None:
    axes, x = e.params["axes"], e.operands[0]
    if x.dtype.kind != "f" or not axes or 0 in [x.shape[a] for a in axes]:
        return None
    return _reduction("np.mean", operands[0], e)


def _joined(call: str) -> Callable[[Equation, list[Text]], Text | None]:
    def rule(e: Equation, operands: list[Text]) -> Text | None:
        if any(not isinstance(o, Variable) for o in e.operands):
            return None
        return Text(f"{call}([{', '.join(operands)}], axis={e.params['dim']})")

    return rule


def _cumsum(e: Equation, operands: list[Text]) -> Text | None:
    if e.outs[0].dtype.kind != "f" or not e.outs[0].shape:
        return None
    axis = e.params["axis"]
    if e.params["reverse"]:
        return Text(f"np.flip(np.cumsum(np.flip({operands[0]}, {axis}), axis={axis}), {axis})")
    return Text(f"np.cumsum({operands[0]}, axis={axis})")


def _contract(e: Equation, operands: list[Text]) -> Text | None:
    """A product of matrices where it is one, else einsum."""
    ins, out, _ = e.params["spec"]
    labels = sorted({a for some in ins for a in some})
    if len(labels) > 26 or len(set(out)) < len(out) or not set(out) <= set(labels) or e.outs[0].dtype.kind != "f":
        return None
    if len(ins) == 2 and [len(set(some)) for some in (*ins, out)] == [2, 2, 2]:
        (x, y), inner = operands, set(ins[0]) & set(ins[1])
        if len(inner) == 1 and not inner & set(out):
            (k,) = inner
            left = x.at(PRODUCT) if ins[0][1] == k else f"{x.at(ATOM)}.T"
            right = y.at(PRODUCT + 1) if ins[1][0] == k else f"{y.at(ATOM)}.T"
            made = Text(f"{left} @ {right}", PRODUCT)
            return made if out[0] in ins[0] else Text(f"({made}).T")
    letter = dict(zip(labels, "ijklmnopqrstuvwxyzabcdefgh", strict=False))
    spec = ",".join("".join(letter[a] for a in some) for some in ins) + "->" + "".join(letter[a] for a in out)
    return Text(f'np.einsum("{spec}", {", ".join(operands)}, optimize=True)')


def _moment(call: str) -> Callable[[Equation, list[Text]], Text | None]:
    """np.var or np.std."""

    def rule(e: Equation, operands: list[Text]) -> Text | None:
        x, axes, correction = e.operands[0], e.params["axes"], e.params["correction"]
        if x.dtype.kind != "f" or not axes or prod(x.shape[a] for a in axes) <= correction:
            return None
        found = _reduction(call, operands[0], e)
        return Text(f"{found[:-1]}, ddof={text_or_none(correction)})") if correction else found

    return rule


def _linalg(name: str) -> Callable[[Equation, list[Text]], Text]:
    return lambda e, operands: Text(f"np.linalg.{name}({', '.join(operands)})")


def _extreme_along(name: str) -> Callable[[Equation, list[Text]], Text | None]:
    """The extreme element along an axis, and its place."""

    def rule(e: Equation, operands: list[Text]) -> Text | None:
        if e.operands[0].dtype.kind != "f" or not e.operands[0].shape or not operands[0].isidentifier():
            return None
        rest = f"({operands[0]}, axis={e.params['axis']}{', keepdims=True' if e.params['keepdims'] else ''})"
        return Text(f"np.{name}{rest}, np.arg{name}{rest}", 0)

    return rule


def _triangle(call: str) -> Callable[[Equation, list[Text]], Text]:
    def rule(e: Equation, operands: list[Text]) -> Text:
        offset = e.params["diagonal"]
        return Text(f"{call}({operands[0]}, {offset})" if offset else f"{call}({operands[0]})")

    return rule


def _linear(e: Equation, operands: list[Text]) -> Text | None:
    shape, out = e.operands[0].shape, e.outs[0]
    if not shape or out.dtype.kind != "f" or (len(operands) > 2 and not isinstance(e.operands[2], Variable)):
        return None
    x, w, *bias = operands
    if len(shape) != 2:
        x = Text(f"{x.at(ATOM)}.reshape({prod(shape[:-1])}, {shape[-1]})")
    found = Text(f"{x.at(PRODUCT)} @ {w.at(ATOM)}.T", PRODUCT)
    if bias:
        found = Text(f"{found} + {bias[0].at(PRODUCT)}", SUM)
    return found if len(shape) == 2 else Text(f"({found}).reshape({', '.join(map(str, out.shape))})")


_RULES: dict[str, Callable[[Equation, list[Text]], Text | None]] = {
    "neg": lambda e, x: Text(f"-{x[0].at(UNARY)}", UNARY),
    "square": _square,
    "pow": _pow,
    "relu": lambda e, x: Text(f"np.maximum({x[0]}, 0)"),
    "reciprocal": lambda e, x: Text(f"1 / {x[0].at(UNARY)}", PRODUCT) if e.outs[0].dtype.kind == "f" else None,
    "rsqrt": lambda e, x: Text(f"1 / np.sqrt({x[0]})", PRODUCT) if e.outs[0].dtype.kind == "f" else None,
    "reshape": _reshape,
    "broadcast_to": lambda e, x: Text(f"np.broadcast_to({x[0]}, {text_or_none(e.params['shape'])})"),
    "permute": _permute,
    "getitem": _getitem,
    "index": _index,
    "select": _select,
    "cast": _cast,
    "mean": _mean,
    "cat": _joined("np.concatenate"),
    "stack": _joined("np.stack"),
    "cumsum": _cumsum,
    "tril": _triangle("np.tril"),
    "triu": _triangle("np.triu"),
    "linear": _linear,
    "rows": lambda e, x: Text(f"np.take({x[0]}, {x[1]}, axis={e.params['axis']})"),
    "leaky_relu": lambda e, x: (
        Text(f"np.where({x[0]} > 0, {x[0]}, {x[0]} * {x[1].at(UNARY)})")
        if x[0].isidentifier() and e.outs[0].dtype.kind == "f"
        else None
    ),
    "contract": _contract,
    "var": _moment("np.var"),
    "std": _moment("np.std"),
    **{n: _linalg(n) for n in ("det", "slogdet", "inv", "solve", "cholesky")},
    "max_along": _extreme_along("max"),
    "min_along": _extreme_along("min"),
    "sigmoid": lambda e, x: (
        Text(f"1 / (1 + np.exp(-{x[0].at(UNARY)}))", PRODUCT) if e.outs[0].dtype.kind == "f" else None
    ),
    "clone": lambda e, x: Text(f"{x[0].at(ATOM)}.copy()"),
}
