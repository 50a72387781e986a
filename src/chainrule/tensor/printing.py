"""How tensors print: digit for digit as PyTorch's do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import BOOL, INT64, default, from_numpy_dtype
from ..core.errors import ArgumentError
from ..core.tape import Accumulate
from ..core.value import InferenceTensor, Tensor, Tracer, raw_shape

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class Options(NamedTuple):
    """What set_printoptions sets."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {"default": Options(), "short": Options(precision=2, edgeitems=2), "full": Options(threshold=math.inf)}


class _Current:
    options = Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors print.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which only the edges are shown (1000).
        edgeitems: elements shown at each edge (3).
        linewidth: characters per line (80).
        profile: "default", "short" or "full": values for all of the above.
        sci_mode: write floats as 1.0000e+00: always (True), never (False), or where they differ much (None).

    >>> import chainrule as cr
    >>> with cr.printoptions(precision=2):
    ...     print(cr.tensor([1.12345]))
    tensor([1.12])
    """
    found = _Current.options
    if profile is not None:
        if profile not in _PROFILES:
            raise ArgumentError(f"profile must be 'default', 'short' or 'full', got {profile!r}")
        found = _PROFILES[profile]
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    found = found._replace(**{k: v for k, v in given.items() if v is not None})
    _Current.options = found._replace(sci_mode=sci_mode)


def get_printoptions() -> dict[str, Any]:
    """The present options, as keyword arguments for set_printoptions.

    >>> import chainrule as cr
    >>> cr.get_printoptions()["precision"]
    4
    """
    return _Current.options._asdict()


@contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """set_printoptions for the duration of a `with` block.

    >>> import chainrule as cr
    >>> with cr.printoptions(precision=2):
    ...     print(cr.tensor([1.23456]))
    tensor([1.23])
    """
    before = _Current.options
    try:
        set_printoptions(**options)
        yield
    finally:
        _Current.options = before


# ---- one number -----------------------------------------------------------------------------------------------------


class Real:
    """How the numbers of one real array are written: width, and plain, fixed or scientific."""

    def __init__(self, shown: np.ndarray, options: Options) -> None:
        self.width = 1
        if shown.dtype.kind in "iub":
            self.style: Callable = str
            if shown.size:
                self.width = max(len(str(v)) for v in shown.ravel().tolist())
            return
        digits = options.precision
        values = shown.astype(np.float64).ravel()
        counted = values[np.isfinite(values) & (values != 0)]
        whole = bool((counted == np.ceil(counted)).all())
        scientific = options.sci_mode
        if counted.size == 0:
            scientific = False
        elif scientific is None:
            size = np.abs(counted)
            low, high = size.min(), size.max()
            scientific = bool(high > 1.0e8 or low < 1.0e-4 or high / low > 1000.0)
        if scientific:
            self.style = lambda v: f"{v:.{digits}e}"
        elif whole:
            self.style = lambda v: f"{v:.0f}." if math.isfinite(v) else f"{v:.0f}"
        else:
            self.style = lambda v: f"{v:.{digits}f}"
        if counted.size:
            self.width = max(len(self.style(v)) for v in counted.tolist())

    def __call__(self, value: Any) -> str:
        return self.style(value).rjust(self.width)


class Complex:
    """How the numbers of a complex array are written: real part, sign, imaginary part, j."""

    def __init__(self, shown: np.ndarray, options: Options) -> None:
        self.real, self.imag = Real(shown.real, options), Real(shown.imag, options)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, value: complex) -> str:
        imag = self.imag(value.imag).lstrip() + "j"
        return self.real(value.real) + ("" if imag[0] in "+-" else "+") + imag


# ---- nested brackets ------------------------------------------------------------------------------------------------


def _edges(data: np.ndarray, items: int) -> np.ndarray:
    """The elements that a summary shows."""
    for axis, n in enumerate(data.shape):
        if n > 2 * items:
            kept = [*range(items), *range(n - items, n)]
            data = np.take(data, kept, axis=axis)
    return data


def _vector(data: np.ndarray, indent: int, brief: bool, number: Any, options: Options) -> str:
    per_line = max(1, (options.linewidth - indent) // (number.width + 2))
    items = options.edgeitems
    if brief and items == 0:
        words = ["..."]
    elif brief and len(data) > 2 * items:
        head, tail = data[:items].tolist(), data[len(data) - items :].tolist()
        words = [*map(number, head), " ...", *map(number, tail)]
    else:
        words = [number(v) for v in data.tolist()]
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)] or [""]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(data: np.ndarray, indent: int, brief: bool, number: Any, options: Options) -> str:
    if data.ndim == 0:
        return number(data.item())
    if data.ndim == 1:
        return _vector(data, indent, brief, number, options)
    items = options.edgeitems
    if brief and len(data) > 2 * items:
        rows = [_nested(data[i], indent + 1, brief, number, options) for i in range(items)]
        rows.append("...")
        rows += [_nested(data[i], indent + 1, brief, number, options) for i in range(len(data) - items, len(data))]
    else:
        rows = [_nested(row, indent + 1, brief, number, options) for row in data]
    return "[" + ("," + "\n" * (data.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def array_text(data: np.ndarray, indent: int = 0) -> str:
    """The nested brackets of an array's values, as PyTorch writes them."""
    options = _Current.options
    if data.size == 0:
        return "[]"
    if (data.dtype.kind == "f" and data.dtype.itemsize == 2) or data.dtype.name == "bfloat16":
        data = data.astype(np.float32)
    brief = data.size > options.threshold
    shown = _edges(data, options.edgeitems) if brief else data
    number = Complex(shown, options) if data.dtype.kind == "c" else Real(shown, options)
    return _nested(data, indent, brief, number, options)


def _joined(text: str, notes: list[str], indent: int) -> str:
    """The values, and what else there is to say, on the same line while it fits."""
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        if length + len(note) + 2 > _Current.options.linewidth:
            text += ",\n" + " " * indent + note
            length = indent + len(note)
        else:
            text += ", " + note
            length += len(note) + 2
    return text + ")"


def _value_text(t: Tensor) -> str:
    """tensor(...) of an eager tensor."""
    prefix = "tensor(" if type(t) in (Tensor, InferenceTensor) else f"{type(t).__name__}("
    data, notes = t._data, []
    if isinstance(data, (np.ndarray, np.generic)):
        data = np.asarray(data)
        usual = (default.float, default.complex, INT64, BOOL)
        if data.size == 0:
            if data.ndim != 1:
                notes.append(f"size={tuple(data.shape)}")
            usual = (default.float,)
        if data.dtype not in usual:
            notes.append(f"dtype={from_numpy_dtype(data.dtype)}")
        text = array_text(data, len(prefix))
    else:  # a symbol, or another library's array
        text = str(data)
    node = t._node
    if type(node) is Accumulate:
        notes.append("requires_grad=True")
    elif node is not None:
        notes.append(f"grad_fn=<{node.name()}>")
    return _joined(prefix + text, notes, len(prefix))


def _tracer_text(t: Tracer) -> str:
    """A value of a running transformation: its kind, its level, and what it stands for."""
    parts = [f"level={t._trace.level}", f"shape={tuple(raw_shape(t))}", f"value={_any_text(t._data)}"]
    if "_tangent" in t.__dict__:
        tangent = t.__dict__["_tangent"]
        parts.append(f"tangent={0 if tangent is None else _any_text(tangent)}")
    text = f"{type(t).__name__}({', '.join(parts)})"
    return text if "\n" not in text else f"{type(t).__name__}(" + ",\n  ".join(parts).replace("\n", "\n  ") + ")"


def _any_text(x: Any) -> str:
    if isinstance(x, Tensor):
        return text_of(x)
    return f"tensor({array_text(np.asarray(x), 7)})" if isinstance(x, (np.ndarray, np.generic)) else str(x)


def text_of(t: Tensor) -> str:
    """repr and str of a tensor."""
    if isinstance(t, Tracer):
        return _tracer_text(t)
    text = _value_text(t)
    return f"Parameter containing:\n{text}" if t._is_param else text


def format_of(self: Tensor, spec: str) -> str:
    """Format a 0-d tensor as its number, and others as they print."""
    if not raw_shape(self) and not isinstance(self, Tracer) and isinstance(self._data, (np.ndarray, np.generic)):
        return format(self.item(), spec)
    if not spec:
        return text_of(self)
    raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__: only 0-d tensors take one")


def install() -> None:
    """Attach printing to Tensor."""
    Tensor.__repr__ = text_of  # type: ignore[method-assign,assignment]
    Tensor.__str__ = text_of  # type: ignore[method-assign,assignment]
    Tensor.__format__ = format_of  # type: ignore[method-assign,assignment]
