"""The Python array API standard over tensors: data types, promotion, inspection."""

from __future__ import annotations

from typing import Any

from ..core import dtypes
from ..core.dtypes import as_dtype, dtype, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.value import Tensor, raw_dtype
from ..tensor.attributes import CPU
from ..tensor.creation import check_device
from .api import cr

# ---- data types -----------------------------------------------------------------------------------------------------

_SIGNED = ("int8", "int16", "int32", "int64")
_UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
_REAL = ("float32", "float64")
_COMPLEX = ("complex64", "complex128")
KINDS = {
    "bool": ("bool",),
    "signed integer": _SIGNED,
    "unsigned integer": _UNSIGNED,
    "integral": _SIGNED + _UNSIGNED,
    "real floating": _REAL,
    "complex floating": _COMPLEX,
    "numeric": _SIGNED + _UNSIGNED + _REAL + _COMPLEX,
}


def _dtype_of(x: Any) -> dtype:
    return x.dtype if isinstance(x, Tensor) else as_dtype(x)


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """`x` in another dtype; a new tensor even if it has that dtype, unless copy=False.

    Any shape.

    >>> import chainrule as cr
    >>> cr.array_api.astype(cr.tensor([1, 2]), cr.float64)
    tensor([1., 2.], dtype=torch.float64)
    """
    check_device(device)
    if raw_dtype(x).kind == "c" and numpy_dtype(dtype).kind in "fiu":
        raise ArgumentTypeError(f"astype: a complex tensor cannot become {as_dtype(dtype)}; take real(x) first")
    return x.to(dtype, copy=copy)


def can_cast(from_: Any, to: Any, /) -> bool:
    """Does promotion of `from_` with `to` give `to`?

    Dtypes, or a tensor first.

    >>> import chainrule as cr
    >>> cr.array_api.can_cast(cr.int8, cr.int16)
    True
    """
    a, b = _dtype_of(from_), as_dtype(to)
    same_kind = dtypes.category(a.dtype) == dtypes.category(b.dtype) or (a.is_floating_point and b.is_complex)
    return same_kind and dtypes.promote_types(a, b) == b


def finfo(type: Any, /) -> Any:
    """Limits of a floating dtype, or of a tensor's.

    >>> import chainrule as cr
    >>> cr.array_api.finfo(cr.float32).eps
    1.1920928955078125e-07
    """
    return dtypes.finfo(_dtype_of(type))


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype, or of a tensor's.

    >>> import chainrule as cr
    >>> cr.array_api.iinfo(cr.int8).max
    127
    """
    return dtypes.iinfo(_dtype_of(type))


def isdtype(dtype: Any, kind: Any) -> bool:
    """Is `dtype` of a kind: a dtype, a name such as "integral" or "real floating", or one of a tuple of these?

    >>> import chainrule as cr
    >>> cr.array_api.isdtype(cr.int8, "integral")
    True
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)
    if isinstance(kind, str):
        if kind not in KINDS:
            raise ArgumentError(f"isdtype: unknown kind {kind!r}; write one of {', '.join(KINDS)}")
        found = as_dtype(dtype)
        if kind in ("real floating", "numeric") and found.is_floating_point:
            return True
        return found.name in KINDS[kind]
    return as_dtype(dtype) == as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> dtype:
    """The dtype that promotion of all operands gives; the number of dimensions plays no part, unlike PyTorch's rule.

    >>> import chainrule as cr
    >>> cr.array_api.result_type(cr.int8, cr.uint8)
    torch.int16
    """
    strong = [_dtype_of(x) for x in arrays_and_dtypes if not isinstance(x, (bool, int, float, complex))]
    if not strong:
        raise ArgumentError("result_type: at least one argument must be an array or a dtype")
    found = strong[0]
    for d in strong[1:]:
        found = dtypes.promote_types(found, d)
    for x in arrays_and_dtypes:
        if isinstance(x, (bool, int, float, complex)):
            found = dtypes.result_type(cr.zeros(1, dtype=found), x)
    return found


def upcast(x: Tensor, dtype: Any) -> Any:
    """The dtype in which sums and products are done: small integers widen."""
    if dtype is not None:
        return dtype
    have = raw_dtype(x)
    if have.kind == "u":
        return dtypes.uint64
    return dtypes.int64 if have.kind in "ib" else x.dtype


def in_common(arrays: Any) -> list[Tensor]:
    """Arrays in the dtype that promotion gives."""
    kind = result_type(*arrays)
    return [a.to(kind) for a in arrays]


# ---- inspection -----------------------------------------------------------------------------------------------------


class Info:
    """What the namespace offers: devices, dtypes and capabilities."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean indexing and data-dependent shapes work; at most 64 dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Any:
        """The CPU."""
        return CPU

    def default_dtypes(self, *, device: Any = None) -> dict[str, dtype]:
        """What Python numbers become."""
        check_device(device)
        return {
            "real floating": as_dtype(dtypes.default.float),
            "complex floating": as_dtype(dtypes.default.complex),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def devices(self) -> list:
        """The CPU."""
        return [CPU]

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, dtype]:
        """The dtypes by name, all or of one kind."""
        check_device(device)
        kinds = ("bool", "numeric") if kind is None else kind if isinstance(kind, tuple) else (kind,)
        return {name: as_dtype(name) for k in kinds for name in KINDS[k]}


def __array_namespace_info__() -> Info:  # noqa: N807 (the standard's name)
    """What the namespace offers.

    >>> import chainrule as cr
    >>> cr.array_api.__array_namespace_info__().default_dtypes()["real floating"]
    torch.float32
    """
    return Info()
