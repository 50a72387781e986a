"""PyTorch's format before version 1.6: pickles one after another, then the storages' bytes. Read only."""

from __future__ import annotations

import io
import pickle
from typing import Any

from ...core.dtypes import as_dtype
from .errors import SerializationError
from .names import from_bytes
from .pickle_reader import Reader, Storage
from .torch_archive import check_pid

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle in such a file


class _Late:
    """Storages whose bytes follow the pickle: made with zeros, and filled at the end."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.known: dict[str, tuple[str, Storage]] = {}

    def get(self, pid: Any) -> Storage:
        """The storage of ('storage', class, key, location, number of elements, view)."""
        kind, key, count = check_pid(pid)
        if kind.dtype is None or (len(pid) > 5 and pid[5] is not None):
            raise SerializationError("the file uses views of storages, which PyTorch no longer writes")
        if key not in self.known:
            width = as_dtype(kind.dtype).itemsize
            self.limit -= count * width
            if self.limit < 0:
                raise SerializationError(f"storage {key!r} claims more bytes than the file has")
            self.known[key] = (kind.dtype, Storage(from_bytes(bytearray(count * width), kind.dtype)))
        dtype, storage = self.known[key]
        if dtype != kind.dtype or storage.data.size != count:
            raise SerializationError(f"storage {key!r} is described in two ways")
        return storage


def read(data: bytes, allow_pickle: bool) -> Any:
    """The object in a file of that format; a plain pickle only with allow_pickle."""
    file, late = io.BytesIO(data), _Late(len(data))

    def one() -> Any:
        return Reader(file, late.get, len(data)).load()

    try:
        first = one()
    except SerializationError as error:
        first = error
    if first != MAGIC:
        if allow_pickle:
            return pickle.loads(data)
        raise SerializationError(
            "the file is a pickle, and no file of torch.save. If you trust whoever wrote it, pass allow_pickle=True"
        )
    if one() != 1001:
        raise SerializationError("the file is of an unknown version of PyTorch's old format")
    info = one()
    if isinstance(info, dict) and info.get("little_endian") is False:
        raise SerializationError("the file comes from a big-endian machine; save it again with a newer PyTorch")
    found, keys = one(), one()
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(late.known):
        raise SerializationError("the file's list of storages does not fit its contents")
    for key in keys:
        dtype, storage = late.known[key]
        count = int.from_bytes(file.read(8), "little")
        raw = file.read(storage.data.nbytes)
        if count != storage.data.size or len(raw) != storage.data.nbytes:
            raise SerializationError(f"storage {key!r} is cut short")
        storage.data[...] = from_bytes(bytearray(raw), dtype)
    return found
