"""dtypes under PyTorch's names, interchangeable with NumPy's, and PyTorch's rules of type promotion."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ArgumentTypeError, DTypeError
from .value import Tensor, raw_dtype


class dtype:  # noqa: N801 (PyTorch's name)
    """A tensor's element type; prints as PyTorch's do and is accepted wherever NumPy takes a dtype.

    >>> import chainrule as cr
    >>> x = cr.zeros(2)
    >>> x.dtype, x.dtype.is_floating_point, x.dtype.itemsize
    (torch.float32, True, 4)
    """

    __slots__ = ("is_complex", "is_floating_point", "is_signed", "itemsize", "name")

    def __init__(self, name: str, kind: str, itemsize: int) -> None:
        self.name, self.itemsize = name, itemsize
        self.is_floating_point, self.is_complex = kind == "f", kind == "c"
        self.is_signed = kind in "ifc"

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype (NumPy itself looks for this attribute)."""
        return _NUMPY.get(self.name) or _load_bfloat16()

    numpy = dtype

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple:
        return as_dtype, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict) -> dtype:
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, dtype):
            return self is other
        if not isinstance(other, (np.dtype, type, str)):  # np.dtype(None) is float64, and a dict would be a record type
            return NotImplemented
        try:
            return self.dtype == np.dtype(other)
        except (TypeError, ValueError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.dtype)

    def to_complex(self) -> dtype:
        """The complex dtype of the same precision."""
        return {"float64": complex128, "complex128": complex128}.get(self.name, complex64)

    def to_real(self) -> dtype:
        """The real dtype of the same precision."""
        return {"complex128": float64, "complex64": float32}.get(self.name, self)


_TABLE = "float64:f8 float32:f4 float16:f2 complex64:c8 complex128:c16 int64:i8 int32:i4 int16:i2 int8:i1 uint8:u1"
_TABLE += " uint16:u2 uint32:u4 uint64:u8 bool:b1"
_NUMPY: dict[str, np.dtype] = {}
_OURS: dict[np.dtype, dtype] = {}
for _entry in _TABLE.split():
    _name, _code = _entry.split(":")
    _NUMPY[_name] = np.dtype(_code)
    _OURS[_NUMPY[_name]] = dtype(_name, _code[0], int(_code[1:]))

float64, float32, float16 = (_OURS[_NUMPY[n]] for n in ("float64", "float32", "float16"))
complex64, complex128 = (_OURS[_NUMPY[n]] for n in ("complex64", "complex128"))
int64, int32, int16, int8 = (_OURS[_NUMPY[n]] for n in ("int64", "int32", "int16", "int8"))
uint8, uint16, uint32, uint64 = (_OURS[_NUMPY[n]] for n in ("uint8", "uint16", "uint32", "uint64"))
bool_ = _OURS[_NUMPY["bool"]]
bfloat16 = dtype("bfloat16", "f", 2)

_BY_NAME = {d.name: d for d in (*_OURS.values(), bfloat16)}
_BY_NAME.update(double=float64, float=float32, half=float16, cfloat=complex64, cdouble=complex128)
_BY_NAME.update(long=int64, int=int32, short=int16)
_PYTHON = {bool: bool_, int: int64, float: float64, complex: complex128}

F32, F64 = _NUMPY["float32"], _NUMPY["float64"]
INT64, BOOL = _NUMPY["int64"], _NUMPY["bool"]


def bfloat16_in_use() -> bool:
    """Has a bfloat16 tensor been made? NumPy computes with it and numbers in float32, so results may need a cast."""
    return "bfloat16" in _NUMPY


def _load_bfloat16() -> np.dtype:
    try:
        import ml_dtypes
    except ImportError as error:
        raise DTypeError(
            "bfloat16 needs the package ml_dtypes, because NumPy has no such type; write `pip install ml_dtypes`, "
            "or use float16 or float32"
        ) from error
    found = np.dtype(ml_dtypes.bfloat16)
    _NUMPY["bfloat16"] = found
    _OURS[found] = bfloat16
    return found


class _Default:
    """The default floating dtype (float32, as in PyTorch), and the complex one that goes with it."""

    float = F32
    complex = _NUMPY["complex64"]


default = _Default()


def set_default_dtype(d: Any) -> None:
    """Set the dtype that Python floats get; `d` is float16, bfloat16, float32 or float64.

    >>> import chainrule as cr
    >>> cr.set_default_dtype(cr.float64)
    >>> cr.tensor(1.0).dtype
    torch.float64
    >>> cr.set_default_dtype(cr.float32)
    """
    found = as_dtype(d)
    if not found.is_floating_point:
        raise DTypeError(f"set_default_dtype: only floating-point types are allowed, got {found}")
    default.float = found.dtype
    default.complex = found.to_complex().dtype


def get_default_dtype() -> dtype:
    """The dtype that Python floats get.

    >>> import chainrule as cr
    >>> cr.get_default_dtype()
    torch.float32
    """
    return from_numpy_dtype(default.float)


def as_dtype(d: Any) -> dtype:
    """Our dtype for one of ours, NumPy's, a Python type (as NumPy reads it) or a name."""
    if isinstance(d, dtype):
        return d
    if isinstance(d, str):
        name = d.removeprefix("torch.").removeprefix("chainrule.")
        if name in _BY_NAME:
            return _BY_NAME[name]
    if isinstance(d, type) and d in _PYTHON:
        return _PYTHON[d]
    try:
        return from_numpy_dtype(np.dtype(d))
    except TypeError as error:
        raise ArgumentTypeError(
            f"dtype must be a chainrule, NumPy or Python type such as chainrule.float32, not {d!r}"
        ) from error


def numpy_dtype(d: Any) -> np.dtype:
    """NumPy's dtype for anything `as_dtype` takes."""
    return as_dtype(d).dtype


def from_numpy_dtype(d: np.dtype) -> dtype:
    """Our dtype object for NumPy's; raises DTypeError for those that tensors cannot hold."""
    try:
        return _OURS[d]
    except KeyError:
        pass
    if d.name == "bfloat16":
        _load_bfloat16()
        return bfloat16
    native = d.newbyteorder("=")
    if native in _OURS:
        return _OURS[native]
    raise DTypeError(
        f"a tensor cannot hold NumPy dtype {d}; it holds floats, complex numbers, integers and bool. "
        f"Convert first, for example with `array.astype(np.float32)`"
    )


def is_inexact(d: np.dtype) -> bool:
    """Is it a floating or complex type, so that gradients can flow?"""
    return d.kind in "fc" or d.name == "bfloat16"


_CATEGORIES = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}


def category(d: np.dtype) -> int:
    """0 bool, 1 integer, 2 floating, 3 complex."""
    return _CATEGORIES.get(d.kind, 2)


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """PyTorch's promotion of two array dtypes: the higher category wins, within one category NumPy's rule."""
    if a == b:
        return a
    ca, cb = category(a), category(b)
    if ca < cb:
        a, b, ca, cb = b, a, cb, ca
    if cb < 2 and ca >= 2:
        return a
    if ca == 3 and cb == 2:
        wide = a.itemsize == 16 or (b.itemsize == 8)
        return _NUMPY["complex128" if wide else "complex64"]
    if "bfloat16" in (a.name, b.name):
        other = b if a.name == "bfloat16" else a
        return F32 if other.itemsize == 2 else other
    found = np.promote_types(a, b)
    if ca == 1 and found.kind == "f":
        return INT64  # uint64 with a signed type: NumPy would leave the integers
    return found


def _combine(high: np.dtype | None, low: np.dtype | None) -> np.dtype | None:
    """PyTorch's priority of dimensioned over 0-d over Python operands: the lower counts only by its category."""
    if high is None or low is None:
        return low if high is None else high
    ch, cl = category(high), category(low)
    if ch == 3:
        return high
    if ch == 2:
        if cl == 3:
            return _NUMPY["complex128" if high.itemsize == 8 else "complex64"]
        return high
    if ch == 0 or cl >= 2:
        return promote(high, low)
    return high


def result_dtype(args: Any) -> np.dtype:
    """NumPy dtype in which an operation on `args` (tensors, arrays, Python numbers) is done, by PyTorch's rules."""
    dims: np.dtype | None = None
    zero: np.dtype | None = None
    number: np.dtype | None = None
    for x in args:
        if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):  # np.float64 is a float
            if isinstance(x, bool):
                d = BOOL
            elif isinstance(x, int):
                d = INT64
            elif isinstance(x, float):
                d = default.float
            else:
                d = default.complex
            number = d if number is None else promote(number, d)
            continue
        d = raw_dtype(x)
        if isinstance(x, np.generic):  # a NumPy scalar counts as a 0-d tensor
            zero = d if zero is None else promote(zero, d)
        elif x.ndim if isinstance(x, Tensor) else getattr(x, "ndim", 0):
            dims = d if dims is None else promote(dims, d)
        else:
            zero = d if zero is None else promote(zero, d)
    found = _combine(dims, _combine(zero, number))
    assert found is not None
    return found


def result_type(*args: Any) -> dtype:
    """The dtype that arithmetic between `args` gives.

    >>> import chainrule as cr
    >>> cr.result_type(cr.tensor([1, 2]), 1.0)
    torch.float32
    """
    for a in args:
        if isinstance(a, (str, list, tuple, dict, type(None))):
            raise DTypeError(f"result_type(): an argument must be a Tensor or a number, not {type(a).__name__}")
    return from_numpy_dtype(result_dtype([as_dtype(a).dtype.type(0) if isinstance(a, dtype) else a for a in args]))


def promote_types(type1: Any, type2: Any) -> dtype:
    """The smallest dtype that arithmetic between two dtypes gives.

    >>> import chainrule as cr
    >>> cr.promote_types(cr.int64, cr.float16)
    torch.float16
    """
    return from_numpy_dtype(promote(numpy_dtype(type1), numpy_dtype(type2)))


def can_cast(from_: Any, to: Any) -> bool:
    """May a value of dtype `from_` be cast to `to` without leaving its category (PyTorch's rule)?

    Any two dtypes.

    >>> import chainrule as cr
    >>> cr.can_cast(cr.int64, cr.float32), cr.can_cast(cr.float32, cr.int64)
    (True, False)
    """
    a = numpy_dtype(from_) if not isinstance(from_, Tensor) else raw_dtype(from_)
    b = numpy_dtype(to)
    return category(a) <= category(b)


class finfo:  # noqa: N801
    """Limits of a floating dtype: bits, eps, max, min, tiny, smallest_normal, resolution, dtype.

    >>> import chainrule as cr
    >>> cr.finfo(cr.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: Any = None) -> None:
        self._dtype = get_default_dtype() if type is None else as_dtype(type)
        if not (self._dtype.is_floating_point or self._dtype.is_complex):
            raise DTypeError(f"finfo() takes a floating-point dtype, got {self._dtype}; for integers use iinfo")
        if self._dtype is bfloat16:
            import ml_dtypes

            info: Any = ml_dtypes.finfo(self._dtype.dtype)
        else:
            info = np.finfo(self._dtype.dtype)
        self.bits = int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(f"{float(info.resolution):g}")
        self.dtype = self._dtype.to_real() if self._dtype.is_complex else self._dtype

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self._dtype == other._dtype

    def __hash__(self) -> int:
        return hash(self._dtype)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self._dtype.name})"
        )


class iinfo:  # noqa: N801
    """Limits of an integer dtype: bits, max, min, dtype.

    >>> import chainrule as cr
    >>> cr.iinfo(cr.int8).max
    127
    """

    def __init__(self, type: Any) -> None:
        self.dtype = as_dtype(type)
        if self.dtype.is_floating_point or self.dtype.is_complex or self.dtype is bool_:
            raise DTypeError(f"iinfo() takes an integer dtype, got {self.dtype}; for floats use finfo")
        info = np.iinfo(self.dtype.dtype)
        self.bits, self.max, self.min = int(info.bits), int(info.max), int(info.min)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype.name})"
