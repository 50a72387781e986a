"""PyTorch's torch.testing: assert_close, which compares tensors and structures of them, and make_tensor."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .core.dtypes import as_dtype, finfo, is_inexact, promote
from .core.errors import ArgumentError, ArgumentTypeError
from .core.value import Tensor, raw_dtype
from .ops.generators import default_generator
from .tensor.attributes import concrete
from .tensor.data import as_tensor, check_device, finish, tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]

# (rtol, atol) where none are given; exact for all other dtypes
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raise AssertionError unless |actual - expected| <= atol + rtol |expected| everywhere.

    Tensors, arrays, numbers, and sequences and mappings of them; shapes and dtypes have to be equal too (dtypes unless
    check_dtype=False). Tolerances are those of the dtype, as PyTorch's: 1.3e-6 and 1e-5 for float32, 1e-7 twice for
    float64, 0 for integers. `msg` replaces the message, or is a function of it.

    Raises:
        AssertionError: what differs, where the largest differences are, and what was allowed.
        ValueError: only one of `rtol` and `atol` is given.
        TypeError: objects that cannot be compared.

    >>> import chainrule as cr
    >>> cr.testing.assert_close(cr.tensor([1.0, 2.0]), cr.tensor([1.0, 2.0 + 1e-7]))
    """
    if (rtol is None) != (atol is None):
        given, other = ("rtol", "atol") if atol is None else ("atol", "rtol")
        raise ArgumentError(
            f"Both 'rtol' and 'atol' must be either specified or unspecified, but got no {other}: write {other}= too, "
            f"or leave out {given}="
        )
    settings = (rtol, atol, equal_nan, check_dtype, check_stride, allow_subclasses)
    found = _difference(actual, expected, "", settings)
    if found is not None:
        raise AssertionError(found if msg is None else msg(found) if callable(msg) else msg)


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """assert_close without a check of dtypes, with NaNs equal and wider tolerances: PyTorch's older spelling.

    Tensors, or what tensor() takes. Tolerances, unless given: 1e-3 twice for float16, 1e-4 and 1e-5 for float32, 1e-5
    and 1e-8 for float64, those of assert_close otherwise.

    Raises:
        AssertionError: what differs.

    >>> import chainrule as cr
    >>> cr.testing.assert_allclose(cr.tensor([1.0, float("nan")]), [1.00001, float("nan")])
    """
    actual = actual if isinstance(actual, Tensor) else tensor(actual)
    expected = expected if isinstance(expected, Tensor) else tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        wide = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}
        pairs = [wide.get(raw_dtype(t).name, TOLERANCES.get(raw_dtype(t).name, (0.0, 0.0))) for t in (actual, expected)]
        rtol, atol = max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def _difference(actual: Any, expected: Any, place: str, settings: tuple) -> str | None:
    """What is not close, in words; None if all is."""
    text = isinstance(actual, str) or isinstance(expected, str)
    if isinstance(actual, Mapping) and isinstance(expected, Mapping):
        if actual.keys() != expected.keys():
            return (
                f"The keys of the mappings do not match:\nMissing keys in the actual mapping: "
                f"{sorted(expected.keys() - actual.keys(), key=str)}\nAdditional keys in the actual mapping: "
                f"{sorted(actual.keys() - expected.keys(), key=str)}{_at(place)}"
            )
        pairs = [(actual[k], expected[k], f"{place}[{k!r}]") for k in actual]
    elif isinstance(actual, Sequence) and isinstance(expected, Sequence) and not text:
        if len(actual) != len(expected):
            return f"The length of the sequences mismatch: {len(actual)} != {len(expected)}{_at(place)}"
        pairs = [(a, b, f"{place}[{i}]") for i, (a, b) in enumerate(zip(actual, expected, strict=True))]
    elif actual is None or expected is None:
        return None if actual is expected else f"None mismatch: {actual} is not {expected}{_at(place)}"
    else:
        return _leaf(actual, expected, place, settings)
    for a, b, where in pairs:
        found = _difference(a, b, where, settings)
        if found is not None:
            return found
    return None


def _at(place: str) -> str:
    return f"\n\nThe failure occurred for item {place}" if place else ""


def _leaf(actual: Any, expected: Any, place: str, settings: tuple) -> str | None:
    numbers = (bool, int, float, complex, np.number, np.bool_)
    arrays = (Tensor, np.ndarray)
    scalar = isinstance(actual, numbers) and isinstance(expected, numbers)
    allowed = settings[5] or type(actual) is type(expected)
    if not (scalar or (isinstance(actual, arrays) and isinstance(expected, arrays))) or not allowed:
        raise ArgumentTypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}; compare "
            f"tensors with tensors and numbers with numbers{_at(place)}"
        )
    if scalar:
        return _scalars(actual, expected, place, settings)
    a, b = as_tensor(actual), as_tensor(expected)
    if a.shape != b.shape:
        return f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.{_at(place)}"
    if settings[3] and a.dtype != b.dtype:
        return f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}.{_at(place)}"
    if settings[4] and a.stride() != b.stride():
        return f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}.{_at(place)}"
    return _arrays(concrete(a, "assert_close()"), concrete(b, "assert_close()"), place, settings)


def _tolerances(a: np.dtype, b: np.dtype, settings: tuple) -> tuple[float, float]:
    if settings[0] is not None:
        return settings[0], settings[1]
    pairs = [TOLERANCES.get(d.name, (0.0, 0.0)) for d in (a, b)]
    return max(pair[0] for pair in pairs), max(pair[1] for pair in pairs)


def _scalars(actual: Any, expected: Any, place: str, settings: tuple) -> str | None:
    actual, expected = (x.item() if isinstance(x, np.generic) else x for x in (actual, expected))
    if settings[3] and type(actual) is not type(expected):
        kinds = f"{type(actual)} != {type(expected)}"
        return f"The (d)types do not match: {kinds}.{_at(place)}"
    kinds = {float: "float64", complex: "complex128"}
    dtypes = [np.dtype(kinds.get(type(x), "int64")) for x in (actual, expected)]
    return _numbers(actual, expected, _tolerances(*dtypes, settings), place, settings)


def _numbers(actual: Any, expected: Any, tolerances: tuple[float, float], place: str, settings: tuple) -> str | None:
    rtol, atol = tolerances
    if actual == expected or (settings[2] and actual != actual and expected != expected):
        return None
    difference = abs(actual - expected)
    finite = cmath.isfinite(actual) and cmath.isfinite(expected)
    if finite and difference <= atol + rtol * abs(expected):
        return None
    relative = difference / abs(expected) if expected else float("inf")
    exact = rtol == atol == 0
    lines = [f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}."]
    lines.append(f"Absolute difference: {difference}" + ("" if exact else f" (up to {atol} allowed)"))
    lines.append(f"Relative difference: {relative}" + ("" if exact else f" (up to {rtol} allowed)"))
    return "\n".join(lines) + _at(place)


def _arrays(a: np.ndarray, b: np.ndarray, place: str, settings: tuple) -> str | None:
    rtol, atol = _tolerances(a.dtype, b.dtype, settings)
    common = promote(a.dtype, b.dtype)
    wide = np.dtype("complex128") if common.kind == "c" else np.dtype("float64") if is_inexact(common) else common
    if wide.kind == "b":
        wide = np.dtype("int8")
    a, b = a.astype(wide), b.astype(wide)
    if not a.shape:
        return _numbers(a.item(), b.item(), (rtol, atol), place, settings)
    with np.errstate(all="ignore"):
        difference = np.abs(a - b) if wide.kind in "fc" else np.where(a > b, a - b, b - a)
        fine = (a == b) | (np.isfinite(difference) & (difference <= atol + rtol * np.abs(b)))
        if settings[2]:
            fine |= (a != a) & (b != b)
        if fine.all():
            return None
        relative = difference / np.abs(b)
    wrong, exact = ~fine, rtol == atol == 0
    lines = [f"Tensor-likes are not {'equal' if exact else 'close'}!\n"]
    lines.append(f"Mismatched elements: {wrong.sum()} / {wrong.size} ({100 * wrong.mean():.1f}%)")
    for name, values, limit in (("absolute", difference, atol), ("relative", relative, rtol)):
        where = np.unravel_index(int(np.argmax(np.where(wrong, np.nan_to_num(values, nan=np.inf), -1))), wrong.shape)
        index = tuple(int(i) for i in where)
        at = f" at index {index}" if index else ""
        allowed = "" if exact else f" (up to {limit} allowed)"
        lines.append(f"Greatest {name} difference: {values[where]}{at}{allowed}")
    return "\n".join(lines) + _at(place)


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = "cpu",
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random values, uniform in [low, high): by default [-9, 9), [0, 10) for unsigned integers, 0 or 1 for bool.

    `noncontiguous` leaves gaps in memory; `exclude_zero` replaces zeros by the smallest positive value of the dtype.

    >>> import chainrule as cr
    >>> cr.testing.make_tensor((2, 3), dtype=cr.float64, low=0, high=1).shape
    torch.Size([2, 3])
    """
    check_device(device)
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)
    kind = as_dtype(dtype).dtype
    least, most = {"b": (0, 2), "u": (0, 10), "i": (-9, 10)}.get(kind.kind, (-9, 9))
    low, high = least if low is None else low, most if high is None else high
    if not low < high:
        raise ArgumentError(f"make_tensor() requires low < high, got low={low} and high={high}")
    draw = default_generator.draw
    if is_inexact(kind):
        values = draw(lambda g: g.uniform(low, high, sizes))
        if kind.kind == "c":
            values = values + 1j * draw(lambda g: g.uniform(low, high, sizes))
    else:
        values = draw(lambda g: g.integers(int(low), max(int(np.ceil(high)), int(low) + 1), sizes))
    data = np.asarray(values).astype(kind)
    if exclude_zero:
        data[data == 0] = finfo(as_dtype(kind).to_real()).tiny if is_inexact(kind) else 1
    if noncontiguous and data.size > 1:
        data = np.repeat(data, 2, -1)[..., ::2]
    return finish(data, requires_grad and is_inexact(kind))
