"""Plain data as the pickle that torch.save writes: names of torch's functions are only text here, torch is not needed.

The operations used are those that torch.load(weights_only=True) accepts; format: Python's pickletools.
"""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from ...core.dtypes import dtype
from ...core.value import Tensor
from ...tensor.attributes import Size, concrete, device
from .names import STORAGE_OF, name_of
from .placing import Place, place
from .plain import check_key, check_nesting, plain_number, refused


def tensors_in(obj: Any) -> list[Tensor]:
    """All tensors in nested plain data, each once, in order."""
    found: dict[int, Tensor] = {}
    seen: set[int] = set()
    stack = [obj]
    while stack:
        x = stack.pop()
        if isinstance(x, Tensor):
            found.setdefault(id(x), x)
        elif isinstance(x, (dict, list, tuple)) and id(x) not in seen:
            seen.add(id(x))
            stack.extend(reversed(list(x.values() if isinstance(x, dict) else x)))
    return list(found.values())


def write(obj: Any) -> tuple[bytes, list[np.ndarray]]:
    """The pickle of `obj`, and the flat storages that its tensors refer to by number.

    Raises SerializationError for what is not plain data, saying where it is.
    """
    check_nesting(obj)
    held = tensors_in(obj)
    storages, places = place([concrete(t, "save()") for t in held])
    writer = _Writer({id(t): p for t, p in zip(held, places, strict=True)}, storages)
    writer.put(obj, "")
    return b"\x80\x02" + b"".join(writer.parts) + b".", storages


class _Writer:
    """Appends operations to `parts`; what was written before is recalled from the memo."""

    def __init__(self, places: dict[int, Place], storages: list[np.ndarray]) -> None:
        self.parts: list[bytes] = []
        self.places, self.storages = places, storages
        self.memo: dict[Any, int] = {}

    def put(self, x: Any, path: str) -> None:
        """Write one value."""
        kind = type(x)
        if x is None or kind is bool:
            self.parts.append(b"N" if x is None else b"\x88" if x else b"\x89")
        elif kind is int:
            self._int(x)
        elif kind is float:
            self.parts.append(b"G" + struct.pack(">d", x))
        elif kind is str:
            self._text(x)
        elif isinstance(x, np.generic):
            self.put(plain_number(x), path)
        elif (id(x), kind) in self.memo:
            self._recall((id(x), kind))
        else:
            self._object(x, kind, path)
            if kind is not bytes and kind is not complex:  # those may be short-lived, so that an id may come again
                self._memoize((id(x), kind))

    def _object(self, x: Any, kind: type, path: str) -> None:
        if isinstance(x, Tensor):
            self._tensor(x)
        elif kind is list:
            self.parts.append(b"](")
            self._each(x, path)
            self.parts.append(b"e")
        elif kind is tuple:
            self._tuple(x, path)
        elif kind is dict:
            self.parts.append(b"}(")
            self._pairs(x, path)
            self.parts.append(b"u")
        elif kind is OrderedDict:
            self._global("collections", "OrderedDict")
            self.parts.append(b")R(")
            self._pairs(x, path)
            self.parts.append(b"u")
            if vars(x).keys() == {"_metadata"}:  # a state_dict's versions
                self.put(vars(x), f"{path}.__dict__")
                self.parts.append(b"b")
        elif kind is Counter:
            self._call("collections", "Counter", (dict(x),), path)
        elif kind in (set, frozenset):
            for member in x:
                check_key(member)
            self._call("builtins", kind.__name__, (list(x),), path)
        elif kind is complex:
            self._call("builtins", "complex", (x.real, x.imag), path)
        elif kind is bytes:
            self._call("_codecs", "encode", (x.decode("latin1"), "latin1"), path)
        elif kind is bytearray:
            self._call("builtins", "bytearray", (bytes(x),), path)
        elif kind is Size:
            self._call("torch", "Size", (tuple(x),), path)
        elif kind is dtype:
            self._global("torch", x.name)
        elif kind is device:
            self._call("torch", "device", (str(x),), path)
        elif kind is np.ndarray and x.dtype.kind in "biufcSU":
            self._array(x, path)
        else:
            raise refused(x, path)

    # ---- containers --------------------------------------------------------------------------------------------------

    def _each(self, items: Any, path: str) -> None:
        for i, item in enumerate(items):
            self.put(item, f"{path}[{i}]")

    def _pairs(self, items: dict, path: str) -> None:
        for key, value in items.items():
            check_key(key)
            self.put(key, path)
            self.put(value, f"{path}[{key!r}]")

    def _tuple(self, items: tuple, path: str) -> None:
        if not items:
            self.parts.append(b")")
        elif len(items) <= 3:
            self._each(items, path)
            self.parts.append((b"\x85", b"\x86", b"\x87")[len(items) - 1])
        else:
            self.parts.append(b"(")
            self._each(items, path)
            self.parts.append(b"t")

    # ---- leaves ------------------------------------------------------------------------------------------------------

    def _int(self, x: int) -> None:
        if 0 <= x < 256:
            self.parts.append(b"K" + bytes([x]))
        elif -(2**31) <= x < 2**31:
            self.parts.append(b"J" + struct.pack("<i", x))
        else:
            data = x.to_bytes(x.bit_length() // 8 + 1, "little", signed=True)
            head = b"\x8a" + bytes([len(data)]) if len(data) < 256 else b"\x8b" + struct.pack("<i", len(data))
            self.parts.append(head + data)

    def _text(self, x: str) -> None:
        if x in self.memo:
            self._recall(x)
            return
        data = x.encode("utf-8", "surrogatepass")
        self.parts.append(b"X" + struct.pack("<I", len(data)) + data)
        self._memoize(x)

    def _memoize(self, key: Any) -> None:
        n = self.memo[key] = len(self.memo)
        self.parts.append(b"q" + bytes([n]) if n < 256 else b"r" + struct.pack("<I", n))

    def _recall(self, key: Any) -> None:
        n = self.memo[key]
        self.parts.append(b"h" + bytes([n]) if n < 256 else b"j" + struct.pack("<I", n))

    def _global(self, module: str, name: str) -> None:
        self.parts.append(f"c{module}\n{name}\n".encode("ascii"))

    def _call(self, module: str, name: str, args: tuple, path: str) -> None:
        self._global(module, name)
        self._tuple(args, path)
        self.parts.append(b"R")

    def _storage(self, number: int) -> None:
        storage = self.storages[number]
        name = STORAGE_OF.get(name_of(storage.dtype))
        self.parts.append(b"(")
        self._text("storage")
        self._global(*(("torch", name) if name else ("torch.storage", "UntypedStorage")))
        self._text(str(number))
        self._text("cpu")
        self._int(storage.size if name else storage.nbytes)
        self.parts.append(b"tQ")

    def _tensor(self, t: Tensor) -> None:
        at = self.places[id(t)]
        typed = name_of(self.storages[at.storage].dtype)
        if t._is_param:
            self._global("torch._utils", "_rebuild_parameter")
        self._global("torch._utils", "_rebuild_tensor_v2" if typed in STORAGE_OF else "_rebuild_tensor_v3")
        self.parts.append(b"(")
        self._storage(at.storage)
        self._int(at.offset)
        self._tuple(at.shape, "")
        self._tuple(at.strides, "")
        self.parts.append(b"\x88" if t._node is not None and not t._is_param else b"\x89")
        self._hooks()
        if typed not in STORAGE_OF:
            self._global("torch", typed)
        self.parts.append(b"tR")
        if t._is_param:
            self.parts.append(b"\x88" if t._node is not None else b"\x89")
            self._hooks()
            self.parts.append(b"\x87R")

    def _hooks(self) -> None:
        self._global("collections", "OrderedDict")
        self.parts.append(b")R")

    def _array(self, x: np.ndarray, path: str) -> None:
        """As NumPy pickles it: an empty array, then its state."""
        d = x.dtype
        self._global("numpy._core.multiarray", "_reconstruct")
        self._global("numpy", "ndarray")
        self._tuple((0,), path)
        self.put(b"b", path)
        self.parts.append(b"\x87R(")
        self._int(1)
        self._tuple(x.shape, path)
        self._call("numpy", "dtype", (d.str[1:], False, True), path)
        state = (3, d.str[0], None, None, None, *((d.itemsize, d.itemsize // 4) if d.kind == "U" else (-1, -1)), 0)
        if d.kind == "S":
            state = (3, "|", None, None, None, d.itemsize, 1, 0)
        elif d.kind == "U":
            state = (3, d.str[0], None, None, None, d.itemsize, 4, 0)
        self._tuple(state, path)
        self.parts.append(b"b\x89")
        self.put(x.tobytes(), path)
        self.parts.append(b"tb")
