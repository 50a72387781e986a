"""Keys of x[key]: parsing, their static part, and the shapes they select.

A key has a static part, a hashable tuple that is a parameter of the primitives, and index arrays, which are positional
arguments. In the static part an int stands for itself, (start, stop, step) for a slice, None for a new dimension, and a
letter for the next index array: "a" an integer array, whose entries may repeat, "b" one of the arrays that list where a
mask is true, which never repeat, "z" the same for a mask without dimensions, which indexes a new dimension.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from operator import index as as_index
from typing import Any

import numpy as np

from ..core.errors import IndexingError, ShapeError, TracedValueError
from ..core.provenance import describe, here
from ..core.state import state
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape

ndarray = np.ndarray
FULL = (None, None, None)  # the slice `:`


# ---- values that must be known ---------------------------------------------------------------------------------------


def concrete_or_none(x: Any) -> ndarray | None:
    """The ndarray under a value, or None while it is being vectorised or staged."""
    while isinstance(x, Tensor):
        if isinstance(x, Tracer) and not getattr(x._trace, "transparent", False):
            return None
        x = x._data if state.stage is None else state.stage.lift(x)
    if isinstance(x, ndarray):
        return x
    return None if hasattr(x, "__chainrule_raw__") else np.asarray(x)


def concrete(x: Any, what: str, instead: str) -> ndarray:
    """The ndarray under a value, or an error that says what to write where its numbers are not known."""
    found = concrete_or_none(x)
    if found is None:
        code, lasti = here(2)
        raise TracedValueError(
            f"{what} at {describe(code, lasti)}: the shape of the result depends on the numbers in a tensor of shape "
            f"{raw_shape(x)}, which are not known while the function is vectorised or staged. {instead}"
        )
    return found


# ---- keys ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def basic_key(key: tuple) -> tuple:
    """NumPy's key for a static part without arrays; the final ellipsis keeps 0-d results views."""
    return (*[slice(*t) if type(t) is tuple else t for t in key], Ellipsis)


def numpy_key(key: tuple, arrays: Any) -> tuple:
    """The key for NumPy that a static part and index arrays stand for."""
    if not arrays:
        return basic_key(key)
    queue = iter(arrays)
    return tuple([slice(*t) if type(t) is tuple else next(queue) if type(t) is str else t for t in key])


def target_of(x: ndarray, key: tuple) -> ndarray:
    """`x` with the new dimensions that masks without dimensions index."""
    if "z" not in key:
        return x
    return x[tuple([None if t == "z" else slice(None) for t in key if t is not None])]


def slice_bound(x: Any) -> int | None:
    if x is None or type(x) is int:
        return x
    try:
        return as_index(x)
    except TracedValueError:
        raise
    except TypeError as error:
        raise IndexingError(
            f"slice indices must be integers or None or have an __index__ method, got {type(x).__name__}"
        ) from error


def _array_entry(part: Any) -> Any:
    """An index that is not an int, slice, None or Ellipsis, as an array or tensor of integers or bool."""
    if not (isinstance(part, (Tensor, ndarray, np.generic)) or hasattr(part, "__chainrule_raw__")):
        if isinstance(part, list) and any(isinstance(p, Tensor) for p in part):
            part = [concrete(p, "indexing", "Use an index tensor instead of a list of tensors.") for p in part]
        try:
            found = np.asarray(part)
        except (TypeError, ValueError):
            found = np.asarray(None)
        part = found.astype(np.int64) if found.size == 0 and found.dtype.kind == "f" else found
    kind = raw_dtype(part).kind
    if kind == "O" or kind in "SU":
        raise IndexingError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte tensors are valid indices; an index "
            f"of another type was given: {part!r}"
        )
    if kind not in "iub":
        raise IndexingError(
            f"tensors used as indices must be long, int, byte or bool tensors, but one has dtype {raw_dtype(part)}; "
            f"write x[i.long()], or round() first"
        )
    return part


def byte_mask(part: Tensor) -> Any:
    """A tensor of uint8 as the mask that PyTorch takes it for; others as they are."""
    if raw_dtype(part) != np.uint8:
        return part
    warnings.warn(
        "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead: it is taken for a "
        "mask. For numbers write x[i.long()].",
        UserWarning,
        stacklevel=2,
    )
    return concrete(part, "indexing with a mask of uint8", "Write where(mask != 0, x, 0).") != 0


def _entry(part: Any) -> Any:
    kind = type(part)
    if kind is int or part is None or part is Ellipsis:
        return part
    if kind is slice:
        return (slice_bound(part.start), slice_bound(part.stop), slice_bound(part.step))
    if isinstance(part, np.integer):
        return int(part)
    if kind is float or isinstance(part, (float, complex, np.inexact)):
        raise IndexingError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte tensors are valid indices (got "
            f"{kind.__name__} {part!r}); write int(i)"
        )
    found = _array_entry(byte_mask(part) if isinstance(part, Tensor) else part)
    if raw_shape(found) == () and raw_dtype(found).kind in "iu":
        number = concrete_or_none(found)
        return found if number is None else int(number)
    return found


def _consumes(entry: Any) -> int:
    """How many dimensions of the tensor an entry indexes."""
    if entry is None or entry is Ellipsis:
        return 0
    if type(entry) is int or type(entry) is tuple or raw_dtype(entry).kind != "b":
        return 1
    return len(raw_shape(entry))


def parse_key(key: Any, shape: tuple[int, ...]) -> tuple[tuple, list]:
    """(static part, index arrays) of a key into a tensor of `shape`.

    Raises IndexError for what cannot index, for too many indices, and for ints out of bounds.
    """
    entries = [_entry(p) for p in (key if isinstance(key, tuple) else (key,))]
    ndim = len(shape)
    used = sum([_consumes(e) for e in entries])
    if used > ndim:
        if ndim == 0:
            raise IndexingError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
            )
        raise IndexingError(f"too many indices for tensor of dimension {ndim}: {used} were given for shape {shape}")
    if sum([e is Ellipsis for e in entries]) > 1:
        raise IndexingError("an index can only have a single ellipsis ('...')")
    static: list[Any] = []
    arrays: list[Any] = []
    dim = 0
    for e in entries:
        kind = type(e)
        if e is None:
            static.append(None)
        elif e is Ellipsis:
            static.extend([FULL] * (ndim - used))
            dim += ndim - used
        elif kind is int:
            if not -shape[dim] <= e < shape[dim]:
                raise IndexingError(f"index {e} is out of bounds for dimension {dim} with size {shape[dim]}")
            static.append(e)
            dim += 1
        elif kind is tuple:
            if e[2] == 0:
                raise ShapeError("slice step cannot be zero; it may be any other integer")
            static.append(e)
            dim += 1
        elif raw_dtype(e).kind == "b":
            mask_shape = raw_shape(e)
            n = len(mask_shape)
            if tuple(shape[dim : dim + n]) != mask_shape:
                raise IndexingError(
                    f"The shape of the mask {list(mask_shape)} at index {dim} does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {dim}"
                )
            mask = concrete(e, "indexing with a boolean mask", "Write where(mask, x, 0), which keeps the shape.")
            static.extend("b" * n or "z")
            arrays.extend(mask.nonzero() if n else (np.arange(int(mask)),))
            dim += n
        else:
            static.append("a")
            arrays.append(e)
            dim += 1
    return tuple(static), arrays


def dims_before(key: tuple) -> int:
    """How many dimensions of the result stand before those of the index arrays: NumPy moves these to the front if
    slices or None separate them."""
    before = first = 0
    blocks, inside = 0, False
    for t in key:
        if type(t) is str or type(t) is int:
            if not inside:
                blocks += 1
                if blocks == 1:
                    first = before
            inside = True
        else:
            inside = False
            before += 1
    return first if blocks == 1 else 0


def selection_shape(shape: tuple[int, ...], key: tuple, arrays: Any) -> tuple[int, ...]:
    """Shape of x[key] for x of `shape`."""
    out: list[int] = []
    dim = 0
    for t in key:
        if t is None:
            out.append(1)
            continue
        if t == "z":
            continue
        if type(t) is tuple:
            out.append(len(range(*slice(*t).indices(shape[dim]))))
        dim += 1
    out.extend(shape[dim:])
    if not arrays:
        return tuple(out)
    try:
        picked = np.broadcast_shapes(*[raw_shape(a) for a in arrays])
    except ValueError as error:
        raise IndexingError(
            "shape mismatch: indexing tensors could not be broadcast together with shapes "
            + ", ".join(str(list(raw_shape(a))) for a in arrays)
        ) from error
    at = dims_before(key)
    return (*out[:at], *picked, *out[at:])


def explained(error: IndexError, shape: tuple[int, ...]) -> IndexingError:
    text = str(error).replace("axis", "dimension").replace("indexing arrays", "indexing tensors")
    return IndexingError(f"{text}; the tensor has shape {tuple(shape)}")
