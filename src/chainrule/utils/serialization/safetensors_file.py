"""safetensors files: tensors through the library of that name, nested data and a checksum in the file's metadata."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from ...core.value import Tensor, wrap
from ...tensor.attributes import concrete
from ..packages import need
from .errors import SerializationError
from .names import SAFE_CODES, from_bytes, name_of
from .pickle_reader import leaf_of
from .placing import contiguous_strides, extent, place, view
from .plain import check_nesting
from .tree import Names, decode, encode

TREE, CHECKSUM = "chainrule", "chainrule.sha256"
MAX_HEADER = 100_000_000  # the library's own limit


def _library() -> Any:
    need("safetensors.numpy", "a file in the safetensors format (any path that does not end in .pt)")
    return need("safetensors", "a file in the safetensors format")


# ---- writing ---------------------------------------------------------------------------------------------------------


def write(obj: Any) -> bytes:
    """The file's bytes. A dict of names and tensors is written under those names, for any reader of the format."""
    check_nesting(obj)
    names = Names()
    tree = encode(obj, names)
    held = [(name, concrete(x, "save()") if isinstance(x, Tensor) else x) for name, x in names.held.values()]
    storages, places = place([a for _, a in held])
    users = [0] * len(storages)
    for p in places:
        users[p.storage] += 1
    records, arrays = {}, {}
    for (name, a), p in zip(held, places, strict=True):
        data, record = _flat(a), {}
        if a.dtype == np.complex128:
            record["dtype"] = "complex128"
        if users[p.storage] > 1 or p.strides != contiguous_strides(p.shape):
            record |= {"storage": p.storage, "offset": p.offset, "strides": list(p.strides)}
        if record:
            records[name] = record
        arrays[name] = data
    text = json.dumps({"version": 1, "tree": tree, "layout": records}, separators=(",", ":"), allow_nan=False)
    if len(text) > MAX_HEADER // 2:
        raise SerializationError(
            f"save: the lists, numbers and strings of the object take {len(text)} bytes, more than the header of a "
            f"safetensors file may; keep long lists of numbers in tensors"
        )
    sums = {n: (name_of(a.dtype), a.shape, a.reshape(-1).view(np.uint8)) for n, a in arrays.items()}
    metadata = {"format": "pt", TREE: text, CHECKSUM: _checksum(text, sums)}
    return bytes(_library().numpy.save(arrays, metadata))


def _flat(a: np.ndarray) -> np.ndarray:
    """Contiguous, in the machine's byte order; complex128, which the format lacks, as pairs of float64."""
    made = np.array(a, dtype=a.dtype.newbyteorder("="), order="C")
    return made.reshape(-1).view(np.float64).reshape(*a.shape, 2) if a.dtype == np.complex128 else made


def _checksum(text: str, arrays: dict[str, Any]) -> str:
    """SHA-256 of the description and of all tensors' names, dtypes, shapes and bytes."""
    found = hashlib.sha256(text.encode("ascii", "replace"))
    for name in sorted(arrays):
        kind, shape, data = arrays[name]
        found.update(f"\0{name}\0{kind}\0{list(shape)}\0".encode())
        found.update(data)
    return found.hexdigest()


# ---- reading ---------------------------------------------------------------------------------------------------------


def _no_duplicates(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [k for k, _ in pairs]
        twice = next(k for k in names if names.count(k) > 1)
        raise SerializationError(f"the header holds the name {twice!r} twice")
    return found


def check_header(data: bytes) -> dict:
    """The header, after checking its length, its JSON and that every tensor lies within the file."""
    if len(data) < 8:
        raise SerializationError(f"the file has {len(data)} bytes: it is cut short, or no safetensors file")
    n = int.from_bytes(data[:8], "little")
    if n > MAX_HEADER or n > len(data) - 8:
        raise SerializationError(
            f"the header claims {n} bytes, but the file has {len(data)}: it is cut short, or no safetensors file"
        )
    try:
        header = json.loads(data[8 : 8 + n].decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        if isinstance(error, SerializationError):
            raise
        raise SerializationError(f"the header is not JSON: {error}") from error
    if not isinstance(header, dict):
        raise SerializationError("the header is not a JSON object")
    for name, record in header.items():
        ends = record.get("data_offsets") if isinstance(record, dict) and name != "__metadata__" else None
        if isinstance(ends, list) and len(ends) == 2 and type(ends[1]) is int and ends[1] > len(data) - 8 - n:
            raise SerializationError(
                f"tensor {name!r} claims bytes up to {ends[1]}, but the file holds {len(data) - 8 - n}: it is cut short"
            )
    return header


def read(data: bytes) -> Any:
    """The object in a file: what save() was given, or a dict of names and tensors for files of other programs."""
    header = check_header(data)
    library = _library()
    try:
        found = dict(library.deserialize(data))
    except (library.SafetensorError, ValueError, TypeError, OverflowError) as error:
        raise SerializationError(f"the file is damaged, or no safetensors file: {error}") from error
    metadata = header.get("__metadata__") or {}
    arrays = {name: _array(name, record) for name, record in found.items()}
    text = metadata.get(TREE)
    if text is None and CHECKSUM not in metadata:
        return {name: wrap(arrays[name]) for name in header if name != "__metadata__"}
    sums = {n: (SAFE_CODES[record["dtype"]], record["shape"], record["data"]) for n, record in found.items()}
    if text is None or _checksum(text, sums) != metadata.get(CHECKSUM):
        raise SerializationError("the checksum does not fit the contents: the file is damaged")
    try:
        description = json.loads(text, object_pairs_hook=_no_duplicates)
        return _Objects(description["layout"], arrays).build(description["tree"])
    except SerializationError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, IndexError) as error:
        raise SerializationError(f"the description of the contents is malformed: {error!r}") from error


def _array(name: str, record: dict) -> np.ndarray:
    code = record["dtype"]
    if code not in SAFE_CODES:
        raise SerializationError(f"tensor {name!r} has elements of type {code}, which a tensor cannot hold")
    flat = from_bytes(bytearray(record["data"]), SAFE_CODES[code])
    return flat.reshape(record["shape"])


class _Objects:
    """Tensors by their names, put back into shared storages where the file says so."""

    def __init__(self, layout: dict, arrays: dict[str, np.ndarray]) -> None:
        self.arrays, self.made = dict(arrays), {}
        groups: dict[int, list[tuple[str, dict]]] = {}
        for name, record in layout.items():
            if "dtype" in record:
                self.arrays[name] = self._as_complex(name, record["dtype"])
            if "storage" in record:
                groups.setdefault(int(record["storage"]), []).append((name, record))
        for members in groups.values():
            self._share(members)

    def _as_complex(self, name: str, kind: Any) -> np.ndarray:
        a = self.arrays[name]
        if kind != "complex128" or a.dtype != np.float64 or a.ndim == 0 or a.shape[-1] != 2:
            raise SerializationError(f"tensor {name!r} is described with an element type that does not fit it")
        return a.reshape(-1).view(np.complex128).reshape(a.shape[:-1])

    def _share(self, members: list[tuple[str, dict]]) -> None:
        """One storage for all members, as large as they reach."""
        values = [self.arrays[name] for name, _ in members]
        count = 0
        for a, (name, record) in zip(values, members, strict=True):
            offset, strides = record["offset"], record["strides"]
            numbers = [offset, *strides]
            if any(type(n) is not int or n < 0 for n in numbers) or len(strides) != a.ndim:
                raise SerializationError(f"tensor {name!r} is described with an impossible place in memory")
            count = max(count, offset + extent(a.shape, strides))
        if count > 4 * sum(a.size for a in values) or len({a.dtype for a in values}) > 1:
            raise SerializationError(f"tensors {[n for n, _ in members][:4]} are described with an impossible storage")
        storage = np.zeros(count, values[0].dtype)
        for a, (name, record) in zip(values, members, strict=True):
            shared = view(storage, record["offset"], list(a.shape), record["strides"], f"tensor {name!r}")
            shared[...] = a
            self.arrays[name] = shared

    def build(self, tree: Any) -> Any:
        """The whole object."""
        found = decode(tree, self._leaf)
        check_nesting(found)
        return found

    def _leaf(self, record: dict) -> Any:
        if "ndarray" in record:
            return self.arrays[record["ndarray"]]
        name = record["tensor"]
        if name not in self.made:
            grad = record.get("parameter", record.get("grad", False))
            self.made[name] = leaf_of(self.arrays[name], grad, "parameter" in record)
        return self.made[name]
