"""How each operation is written in a trace table: what a rule does to formulas, and what the user wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from .trace_formula import (
    DOT,
    TIMES,
    Atom,
    Formula,
    Term,
    as_atom,
    latex_text,
    leaf,
    negative,
    number,
    of_atom,
    plus,
    raised,
    times,
)

_LATEX_NAMES = {"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "ln", "max", "min", "det"}
_SPELLED = {"log": "ln", "sgn": "sign", "gelu_slope": "gelu'", "sinc_slope": "sinc'"}
_SPELLED |= {"eq": "=", "ne": "\u2260", "lt": "<", "le": "\u2264", "gt": ">", "ge": "\u2265"}
_COMPARE = {"=": "=", "\u2260": r"\neq", "<": "<", "\u2264": r"\leq", ">": ">", "\u2265": r"\geq"}


def call(name: str, parts: list[Formula], array: bool, more: str = "") -> Formula:
    """A function of formulas; `more` is what else it was told, such as a dimension."""
    name = _SPELLED.get(name, name)
    if name in _COMPARE and len(parts) == 2:
        a, b = map(as_atom, parts)
        return of_atom(Atom(f"[{a.text} {name} {b.text}]", rf"[{a.latex} {_COMPARE[name]} {b.latex}]", array))
    if name == "abs":
        return leaf(f"|{parts[0].text}|", rf"\left|{parts[0].latex}\right|", array)
    if name == "sqrt":
        return leaf(f"\u221a{as_atom(parts[0]).held().text}", rf"\sqrt{{{parts[0].latex}}}", array)
    inner = ", ".join([*(p.text for p in parts), *([more] if more else [])])
    told = rf"\text{{{latex_text(more)}}}"
    within = ", ".join([*(p.latex for p in parts), *([told] if more else [])])
    return leaf(f"{name}({inner})", rf"{latex_name(name)}\left({within}\right)", array)


def latex_name(name: str) -> str:
    """A function's name in LaTeX."""
    return "\\" + name if name in _LATEX_NAMES else r"\operatorname{" + name.replace("_", r"\_") + "}"


def transposed(x: Formula) -> Formula:
    """x^T; twice is none."""
    scale, a = _apart(x)
    if a.text.endswith("\u1d40") and a.bare:
        made = Atom(a.text[:-1], a.latex.removesuffix(r"^{\top}"), True)
    else:
        a = a.held()
        made = Atom(a.text + "\u1d40", (f"{{{a.latex}}}" if "^" in a.latex else a.latex) + r"^{\top}", True)
    return times(scale, of_atom(made))


def product(x: Formula, y: Formula, array: bool) -> Formula:
    """The matrix product; numbers in it move to the front."""
    (s, a), (t, b) = _apart(x), _apart(y)
    a, b = a.held(), b.held()
    return times(s, t, leaf(f"{a.text} {b.text}", f"{a.latex} {b.latex}", array))


def _apart(x: Formula) -> tuple[Formula, Atom]:
    """(Numbers, array) of a formula."""
    if len(x.terms) != 1:
        return number(1), as_atom(x)
    term = x.terms[0]
    arrays = tuple((a, k) for a, k in term.factors if a.array)
    scale = Formula((Term(term.number, tuple((a, k) for a, k in term.factors if not a.array)),))
    if not arrays:
        return number(1), as_atom(x)
    return scale, as_atom(Formula((Term(Fraction(1), arrays),), True))


_ALIAS = {"mul0": "mul", "mul00": "mul", "div0": "div", "ratio": "div", "power_or_zero": "pow", "mm": "matmul"}


def key_text(key: tuple, arrays: Sequence[str] = ()) -> str:
    """An index as it is written between brackets; `arrays` are the index arrays in it."""
    queue = iter(arrays)

    def one(k: Any) -> str:
        k = slice(*k) if type(k) is tuple else k
        if isinstance(k, slice):
            parts = ["" if v is None else str(v) for v in (k.start, k.stop, k.step)]
            return ":".join(parts if k.step not in (None, 1) else parts[:2])
        return next(queue, "\u00b7") if isinstance(k, str) else str(k)

    return ", ".join(map(one, key))


def spelled(prim: Any, parts: list[Formula], shapes: list[tuple[int, ...]], params: dict, shape: tuple) -> Formula:
    """What a primitive does to formulas of arrays with these shapes; `shape` is that of its result."""
    array = shape != ()
    name = _ALIAS.get(prim.name, prim.name)
    if name == "mul" and len(shapes) == 2 and _outer(shapes):
        return product(parts[0], parts[1] if len(shapes[1]) == 2 else transposed(parts[1]), True)
    if name in _ARITHMETIC and len(parts) == _ARITHMETIC[name][0]:
        return replace(_ARITHMETIC[name][1](*parts), array=array)
    if name == "pow":
        exponent = parts[1].terms
        if not exponent or (len(exponent) == 1 and not exponent[0].factors and shapes[1] == ()):
            k = exponent[0].number if exponent else Fraction(0)
            if isinstance(k, Fraction):
                return replace(raised(parts[0], int(k)), array=array) if k else number(1)
        base, up = as_atom(parts[0]).held(), as_atom(parts[1])
        base = replace(base, bare=False).held() if base.power else base
        return of_atom(Atom(f"{base.text}^{up.held().text}", f"{{{base.latex}}}^{{{up.latex}}}", array, power=True))
    if name in _SHAPED:
        made = _SHAPED[name](parts, shapes, params, shape)
        if made is not None:
            return made
    return call(name, parts, array, told(shapes, params))


def _outer(shapes: list[tuple[int, ...]]) -> bool:
    """A column times a row, broadcast."""
    a, b = shapes
    return len(a) == 2 and a[1] == 1 < a[0] and b[-1:] > (1,) and b in ((b[-1],), (1, b[-1]))


def told(shapes: list[tuple[int, ...]], params: dict) -> str:
    """Parameters a reader needs: the dimension something works along, if there are several, and indices."""
    if "key" in params and not any(isinstance(k, str) for k in params["key"]):
        return f"[{key_text(params['key'])}]"
    if not shapes or len(shapes[0]) < 2:
        return ""
    for word in ("dim", "axis", "axes", "dims"):
        value = params.get(word)
        value = value[0] if isinstance(value, tuple) and len(value) == 1 else value
        if isinstance(value, int):
            return f"dim={value}"
        if word == "dims" and isinstance(value, tuple):
            return f"dims={value}"
    return ""


def _reshaped(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    have = shapes[0]
    if [n for n in have if n != 1] != [n for n in shape if n != 1]:
        return call("reshape", parts, True, str(shape))
    turned = (len(have), len(shape)) in ((1, 2), (2, 1)) and (shape[:1] if len(have) == 1 else have[:1]) == (1,)
    if turned and max(have, default=1) > 1:
        return transposed(parts[0])
    return replace(parts[0], array=parts[0].array)


def _broadcast(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    if np.prod(shapes[0], dtype=int) == 1 and not parts[0].array:
        return times(parts[0], ones()) if shape != () else parts[0]
    return call("broadcast", parts, True, str(shape))


def ones() -> Formula:
    """All ones, in whatever shape is needed."""
    return leaf("\U0001d7cf", r"\mathbf{1}", True)


def _permuted(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    return transposed(parts[0]) if tuple(params["dims"]) == (1, 0) else None


def _matmul(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    left = transposed(parts[0]) if len(shapes[0]) == 1 else parts[0]
    return product(left, parts[1], shape != ())


def _indexed(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    key = params["key"] if "key" in params else (*(slice(None),) * params["dim"], params["index"])
    if shape == shapes[0] and len(parts) == 1 and all(isinstance(k, (tuple, slice)) for k in key):
        return parts[0]
    base, arrays = as_atom(parts[0]).held(), [as_atom(p) for p in parts[1:]]
    at, latex = key_text(key, [a.text for a in arrays]), key_text(key, [a.latex for a in arrays])
    return leaf(f"{base.text}[{at}]", rf"{base.latex}\left[{latex}\right]", shape != ())


def _summed(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    axes = params.get("axes", ())
    if not axes:
        return parts[0]
    over = told(shapes, params) if len(axes) < len(shapes[0]) else ""
    return _kept("sum", parts, shapes, params, shape, over)


def _kept(name: str, parts: list[Formula], shapes: list, params: dict, shape: tuple, over: str) -> Formula:
    """A function that takes dimensions away: the result is a column, a row that is kept is its transpose."""
    made = call(name, parts, shape != () and max(shape) > 1, over)
    row = params.get("keepdims") and len(shapes[0]) == 2 and shape[0] == 1 < shape[1]
    return transposed(made) if row else made


def _averaged(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    over = told(shapes, params) if len(params.get("axes", ())) < len(shapes[0]) else ""
    return _kept("mean", parts, shapes, params, shape, over)


def _linear(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    x, w, *bias = parts
    made = product(w, x, True) if len(shapes[0]) == 1 else product(x, transposed(w), True)
    return plus(made, *bias)


def _inverted(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    a = as_atom(parts[0]).held()
    return leaf(f"{a.text}\u207b\u00b9", f"{{{a.latex}}}^{{-1}}", True)


def _solved(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    inverse = _inverted(parts, shapes, params, shape)
    return None if inverse is None else product(inverse, parts[1], True)


def _residual(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    return plus(call("softmax", parts[:1], True), negative(call("onehot", parts[1:], True)))


def _exp_difference(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    return call("exp", [plus(parts[0], negative(parts[1]))], shape != ())


def _where(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    condition = parts[0].terms
    if not condition:
        return parts[2]
    return parts[1] if not condition[0].factors else None


def _contracted(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    ins, out, *_ = params["spec"]
    if len(parts) == 1 and len(ins[0]) == 2 and len(set(ins[0])) == 1 and len(out) < 2:
        return call("diag" if out else "tr", parts, shape != ())
    if len(parts) == 2 and all(len(labels) == len(set(labels)) == 2 for labels in ins):
        (i, j), (k, m) = ins
        straight, turned = (k, m) in ((j, i), (i, j)), (k, m) == (i, j)
        if not out and straight:
            return call("tr", [product(transposed(parts[0]) if turned else parts[0], parts[1], True)], False)
        if j == k and tuple(out) == (i, m):
            return product(parts[0], parts[1], True)
    letters: dict = {}
    written = [
        "".join(letters.setdefault(i, chr(ord("i") + len(letters) % 18)) for i in labels) for labels in (*ins, out)
    ]
    spec = f"{','.join(written[:-1])}->{written[-1]}"
    return call("einsum", [leaf(spec, rf"\text{{{spec}}}"), *parts], shape != ())


def _same(parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula | None:
    return parts[0]


_ARITHMETIC: dict[str, tuple[int, Any]] = {
    "add": (2, plus),
    "sub": (2, lambda a, b: plus(a, negative(b))),
    "neg": (1, negative),
    "mul": (2, times),
    "div": (2, lambda a, b: times(a, raised(b, -1))),
    "square": (1, lambda a: raised(a, 2)),
    "rsqrt": (1, lambda a: raised(call("sqrt", [a], a.array), -1)),
    "reciprocal": (1, lambda a: raised(a, -1)),
}
_SHAPED: dict[str, Any] = {
    "reshape": _reshaped,
    "broadcast_to": _broadcast,
    "permute": _permuted,
    "matmul": _matmul,
    "select": _indexed,
    "getitem": _indexed,
    "index": _indexed,
    "sum": _summed,
    "mean": _averaged,
    "linear": _linear,
    "inv": _inverted,
    "solve": _solved,
    "softmax_residual": _residual,
    "exp_difference": _exp_difference,
    "where": _where,
    "contract": _contracted,
    "clone": _same,
    "cast": _same,
    "stop_gradient": _same,
}


# ---- one operation as the user wrote it ------------------------------------------------------------------------------


def literal(prim: Any, parts: list[Formula], shapes: list, params: dict, shape: tuple) -> Formula:
    """One operation on symbols and numbers, nothing gathered: x + x stays a sum, x x a product."""
    name = _ALIAS.get(prim.name, prim.name)
    array = shape != ()
    if name in ("add", "sub", "mul", "div") and len(parts) == 2:
        a, b = (as_atom(p) for p in parts)
        if name == "mul" and _is_number(parts[1]):
            a, b = b, a
        if name == "mul":
            a, b = a.held(), b.held()
            both = parts[0].array and parts[1].array
            return leaf(a.text + (TIMES if both else " ") + b.text, a.latex + (DOT if both else " ") + b.latex, array)
        if name == "div":
            a, b = a.held(), b.held()
            return leaf(f"{a.text} / {b.text}", rf"\frac{{{a.latex}}}{{{b.latex}}}", array)
        minus = (name == "sub") != b.text.startswith("-")
        text, latex = b.text.removeprefix("-"), b.latex.removeprefix("-")
        return leaf(f"{a.text} {'-' if minus else '+'} {text}", f"{a.latex} {'-' if minus else '+'} {latex}", array)
    if name in ("cast", "clone", "stop_gradient"):
        word = str(np.dtype(params["dtype"])) if "dtype" in params else {"stop_gradient": "stop"}.get(name, name)
        return call(word, parts, array)
    if name == "reshape" and shapes[0] != shape:
        return call(name, parts, array, str(shape))
    return spelled(prim, parts, shapes, params, shape)


def _is_number(x: Formula) -> bool:
    return all(not t.factors for t in x.terms)
