"""The ways to differentiate, side by side: by hand, by differences, symbolically, and automatically in both modes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .core.errors import ArgumentError, ArgumentTypeError
from .core.value import Tensor, wrap
from .transforms.closure import Converted, convert
from .transforms.func import jacfwd, jacrev
from .transforms.implicit_calls import concrete

__all__ = ["Comparison", "Row", "compare"]


@dataclass(frozen=True)
class Row:
    """One way to differentiate: its derivative, error, work and time; `note` says what is special, or why it failed.

    >>> import chainrule as cr
    >>> cr.methods.compare(lambda x: x * x, (3.0,))["reverse mode"].value.tolist()
    [[6.0]]
    """

    method: str
    value: np.ndarray | None
    error: float = np.nan  # largest error relative to the largest reference entry
    operations: int = 0  # primitives evaluated (symbolic: operations of the derivative's expression)
    seconds: float = np.nan
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """The table that `compare` makes; printing shows it, `plot` draws the error of differences against their step.

    >>> import chainrule as cr
    >>> len(cr.methods.compare(lambda x: x * x, (3.0,), manual=lambda x: 2 * x).rows) > 3
    True
    """

    rows: tuple[Row, ...]
    reference: np.ndarray
    reference_by: str
    function: Callable = field(repr=False)
    at: np.ndarray = field(repr=False)

    def __getitem__(self, method: str) -> Row:
        for row in self.rows:
            if row.method == method:
                return row
        raise KeyError(f"{method!r}; the methods are {[r.method for r in self.rows]}")

    def __str__(self) -> str:
        lines = [f"{'method':<16}{'derivative':<34}{'error':>10}{'operations':>12}{'time':>12}  note"]
        for r in self.rows:
            shown = "-" if r.value is None else _short(r.value)
            error = "-" if r.value is None else f"{r.error:.1e}"
            spent = "-" if np.isnan(r.seconds) else f"{r.seconds * 1e6:.0f} us"
            lines.append(f"{r.method:<16}{shown:<34}{error:>10}{r.operations:>12}{spent:>12}  {r.note}".rstrip())
        lines.append(f"errors against the {self.reference_by} derivative, relative to its largest entry")
        return "\n".join(lines)

    __repr__ = __str__

    def step_errors(self, steps: Sequence[float] | None = None) -> dict[str, np.ndarray]:
        """Errors of forward, central and complex differences for each step size: the V of truncation and round-off."""
        sizes = np.logspace(-16, 0, 33) if steps is None else np.asarray(steps, float)
        out: dict[str, np.ndarray] = {"step": sizes}
        for name, differences in (("forward", _forward), ("central", _central), ("complex step", _complex_step)):
            try:
                found = [_error(differences(self.function, self.at, h), self.reference) for h in sizes]
            except Exception:  # the function does not take complex numbers
                continue
            out[name] = np.array(found)
        return out

    def plot(self, ax: Any = None, steps: Sequence[float] | None = None) -> Any:
        """Draw the errors of differences against the step size with matplotlib; returns the axes."""
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        errors = self.step_errors(steps)
        sizes = errors.pop("step")
        for name, found in errors.items():
            ax.loglog(sizes, np.maximum(found, 1e-18), label=name)
        for row in self.rows:
            if row.method in ("forward mode", "reverse mode") and row.value is not None:
                ax.axhline(max(row.error, 1e-18), linestyle="--", linewidth=1, color="gray")
        ax.set_xlabel("step size")
        ax.set_ylabel("relative error")
        ax.legend()
        return ax


def _short(v: np.ndarray) -> str:
    flat = v.reshape(-1)
    shown = ", ".join(f"{x:.6g}" for x in flat[:3])
    return f"[{shown}{', ...' if flat.size > 3 else ''}]"


def _error(value: np.ndarray, reference: np.ndarray) -> float:
    scale = float(np.max(np.abs(reference), initial=0.0)) or 1.0
    return float(np.max(np.abs(value - reference), initial=0.0)) / scale


def _evaluate(f: Callable, x: np.ndarray) -> Any:
    return np.asarray(concrete(f(wrap(x)))).reshape(-1)


def _differences(f: Callable, x: np.ndarray, column: Callable) -> np.ndarray:
    columns = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = 1.0
        columns.append(column(e.reshape(x.shape)))
    return np.stack(columns, axis=-1)


def _forward(f: Callable, x: np.ndarray, h: float = 2**-26) -> np.ndarray:
    y = _evaluate(f, x)
    return _differences(f, x, lambda e: (_evaluate(f, x + h * e) - y) / h)


def _central(f: Callable, x: np.ndarray, h: float = 6e-6) -> np.ndarray:
    return _differences(f, x, lambda e: (_evaluate(f, x + h * e) - _evaluate(f, x - h * e)) / (2 * h))


def _complex_step(f: Callable, x: np.ndarray, h: float = 1e-30) -> np.ndarray:
    return _differences(f, x, lambda e: _evaluate(f, x + 1j * h * e).imag / h)


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    found = run()
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        spent.append(time.perf_counter() - start)
    return found, float(np.median(spent))


def _symbols(pure: Converted, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(symbols of the inputs, expressions of the outputs), by running the recorded primitives on sympy objects."""
    import sympy as sp

    table: dict[str, Callable] = {
        n: getattr(sp, n) for n in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan")
    }
    table |= {n: getattr(sp, n) for n in ("asinh", "acosh", "atanh", "erf", "sqrt", "gamma", "loggamma")}
    table |= {
        "abs": sp.Abs,
        "cast": lambda v: v,
        "reciprocal": lambda v: 1 / v,
        "rsqrt": lambda v: 1 / sp.sqrt(v),
        "square": lambda v: v**2,
        "sigmoid": lambda v: 1 / (1 + sp.exp(-v)),
        "log1p": lambda v: sp.log(1 + v),
        "expm1": lambda v: sp.exp(v) - 1,
        "log2": lambda v: sp.log(v, 2),
        "log10": lambda v: sp.log(v, 10),
    }

    def exact(v: Any) -> Any:
        raw = np.asarray(concrete(v))
        if raw.dtype.kind not in "fiu":
            return raw
        return np.vectorize(lambda q: sp.nsimplify(q, rational=True) if q == q else sp.nan, otypes=[object])(raw)

    inputs = np.array([sp.Symbol(f"x{i + 1}") for i in range(x.size)], object).reshape(x.shape)
    slots: dict[int, Any] = {0: inputs}
    for e in pure.equations:
        values = [slots[w] if k == "slot" else exact(pure.consts[w] if k == "const" else w) for k, w in e.operands]
        if e.prim is None:
            raise ArgumentError("a function with a derivative of its own")
        if e.prim.name in table:
            ans = np.vectorize(table[e.prim.name], otypes=[object])(values[0])
        else:
            try:
                ans = e.prim.impl(np, *values, **(e.params or {}))
            except Exception:
                raise ArgumentError(f"{e.prim.name} has no symbolic form here") from None
        results = ans if e.n else (ans,)
        for i, r in enumerate(results):
            slots[e.first + i] = np.asarray(r, object)
    outs = [slots[w] if k == "slot" else exact(w) for k, w in pure.outs]
    return inputs.reshape(-1), np.asarray(outs[0], object).reshape(-1)


def _symbolic(pure: Converted, x: np.ndarray) -> tuple[np.ndarray, int, int]:
    """(derivative to 50 digits as float64, operations of the function, operations of the derivative)."""
    import sympy as sp

    inputs, outs = _symbols(pure, x)
    place = {s: sp.Rational(float(v)) for s, v in zip(inputs, x.reshape(-1), strict=True)}
    rows, grown = [], 0
    for y in outs:
        row = []
        for s in inputs:
            d = sp.diff(y, s)
            grown += int(sp.count_ops(d))
            row.append(float(sp.N(d.subs(place), 50)))
        rows.append(row)
    return np.array(rows), sum(int(sp.count_ops(y)) for y in outs), grown


def compare(f: Callable, at: Any, *, manual: Callable | None = None) -> Comparison:
    """Differentiate `f` at a point in every way, and say what each costs and how wrong it is.

    Args:
        f: a function of numbers, f(x1, x2 ...), if `at` is a tuple of numbers; or of one array.
        at: the point, in float64.
        manual: the derivative written by hand, with f's arguments, returning the gradient (or Jacobian).

    The rows are: manual (if given), forward, central, complex step, symbolic (where sympy is installed and knows the
    operations; its operations are those of the expression, so that expression swell shows), forward mode, reverse mode.
    Errors are against the symbolic derivative at 50 digits, or the reverse mode where there is none.

    >>> import chainrule as cr
    >>> table = compare(lambda x, y: x * y + x, at=(2.0, 5.0))
    >>> table["reverse mode"].value.tolist()
    [[6.0, 2.0]]
    """
    if not callable(f):
        raise ArgumentTypeError(f"methods.compare: expects a function, but got {type(f).__name__}")
    try:
        spread = isinstance(at, (tuple, list)) and all(np.ndim(concrete(v)) == 0 for v in at)
        x = np.array([float(concrete(v)) for v in at]) if spread else np.array(concrete(at), float)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"methods.compare: at must be a number, a tuple of numbers, or an array, got {at!r}"
        ) from None

    def g(v: Tensor) -> Any:
        return f(*[v[i] for i in range(x.size)]) if spread else f(v)

    pure = convert(g, wrap(x))
    work = len(pure.equations)
    n = x.size
    found: list[tuple[str, Any, int, float, str]] = []

    def attempt(name: str, run: Callable[[], Any], operations: int, note: str = "") -> None:
        try:
            value, seconds = _timed(run)
        except Exception as error:
            found.append((name, None, 0, np.nan, f"not possible: {str(error).splitlines()[0][:60]}"))
            return
        found.append((name, np.asarray(value, float).reshape(-1, n), operations, seconds, note))

    def automatic(transform: Callable) -> tuple[Callable, int]:
        count = len(convert(transform(g), wrap(x)).equations)
        return lambda: concrete(transform(g)(wrap(x))), count

    if manual is not None:
        by_hand = lambda: concrete(manual(*[float(v) for v in x]) if spread else manual(x))  # noqa: E731
        attempt("manual", lambda: np.array(by_hand(), float), 0)
    attempt("forward", lambda: _forward(g, x), (n + 1) * work, "step 1.5e-08")
    attempt("central", lambda: _central(g, x), 2 * n * work, "step 6e-06")
    attempt("complex step", lambda: _complex_step(g, x), n * work, "step 1e-30")
    reference, by = None, "reverse-mode"
    try:
        start = time.perf_counter()
        reference, size, grown = _symbolic(pure, x)
        by = "symbolic 50-digit"
        note = f"{size} operations in f, {grown} in its derivatives"
        found.append(("symbolic", reference, grown, time.perf_counter() - start, note))
    except ImportError:
        found.append(("symbolic", None, 0, np.nan, "not possible: sympy is not installed"))
    except ArgumentError as error:
        found.append(("symbolic", None, 0, np.nan, f"not possible: {error}"))
    for name, transform in (("forward mode", jacfwd), ("reverse mode", jacrev)):
        run, count = automatic(transform)
        attempt(name, run, count)
    if reference is None:
        reference = next(value for name, value, *_ in found if name == "reverse mode")
    if reference is None:
        raise ArgumentError("compare: the function cannot be differentiated; its rows say why")
    rows = tuple(
        Row(name, value, np.nan if value is None else _error(value, reference), operations, seconds, note)
        for name, value, operations, seconds, note in found
    )
    return Comparison(rows, reference, by, g, x)
