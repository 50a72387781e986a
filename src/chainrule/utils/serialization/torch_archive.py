"""The zip archive of torch.save: a pickle, and one stored entry for each storage. Written and read without torch."""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np

from . import pickle_writer
from .errors import SerializationError
from .names import STORAGE_OF, from_bytes
from .pickle_reader import Reader, Storage, StorageType

ALIGNMENT = 64  # storages begin at multiples of this, so that they can be mapped into memory
_ITEMSIZE = {"DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "ComplexDoubleStorage": 16}
_ITEMSIZE |= {"ComplexFloatStorage": 8, "LongStorage": 8, "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1}
_ITEMSIZE |= {"ByteStorage": 1, "BoolStorage": 1}
EPOCH = (1980, 1, 1, 0, 0, 0)  # equal objects make equal files


def write(obj: Any, file: BinaryIO, allow_pickle: bool) -> None:
    """Write `obj` as torch.save does; with allow_pickle, objects that are not plain data go through Python's pickle."""
    storages: list[np.ndarray] = []
    try:
        pickled, storages = pickle_writer.write(obj)
    except SerializationError:
        if not allow_pickle:
            raise
        pickled = pickle.dumps(obj, protocol=2)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _entry(archive, "data.pkl", pickled)
        _entry(archive, ".format_version", b"1")
        _entry(archive, "byteorder", sys.byteorder.encode())
        for number, storage in enumerate(storages):
            _entry(archive, f"data/{number}", memoryview(storage.view(np.uint8)))
        _entry(archive, "version", b"3\n")


def _entry(archive: zipfile.ZipFile, name: str, data: Any) -> None:
    info = zipfile.ZipInfo(f"archive/{name}", EPOCH)
    start = archive.fp.tell() + 30 + len(info.filename) + 4  # type: ignore[union-attr]
    gap = -start % ALIGNMENT
    info.extra = b"FB" + struct.pack("<H", gap) + b"Z" * gap
    archive.writestr(info, data)


class _Archive:
    """A zip file whose directory has been checked: stored entries, one of each name, no more than the file holds."""

    def __init__(self, data: bytes) -> None:
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OverflowError, struct.error, NotImplementedError, EOFError) as error:
            raise SerializationError(f"the zip archive is damaged or cut short: {error}") from error
        self.entries: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for info in self.zip.infolist():
            if info.filename in self.entries:
                raise SerializationError(f"the archive holds two entries named {info.filename!r}")
            if info.filename.startswith(("/", "\\")) or ".." in info.filename.split("/"):
                raise SerializationError(f"the archive holds an entry that points outside of it: {info.filename!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
                raise SerializationError(
                    f"the entry {info.filename!r} is compressed or encrypted; archives of torch.save are neither"
                )
            self.entries[info.filename] = info
            total += info.file_size
        if total > len(data):
            raise SerializationError(f"the archive's entries claim {total} bytes, more than the file's {len(data)}")
        pickles = [name for name in self.entries if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise SerializationError("the archive holds no data.pkl, so torch.save did not write it")
        self.root = pickles[0].removesuffix("data.pkl")
        if self.root + "constants.pkl" in self.entries:
            raise SerializationError("the archive is a TorchScript program; only saved tensors can be loaded")

    def read(self, name: str) -> bytes:
        """The bytes of an entry."""
        try:
            return self.zip.read(self.entries[self.root + name])
        except KeyError as error:
            raise SerializationError(f"the archive lacks the entry {name!r}") from error
        except (zipfile.BadZipFile, ValueError, OverflowError, EOFError, NotImplementedError, zlib.error) as error:
            raise SerializationError(f"the entry {name!r} is damaged: {error}") from error


class Storages:
    """Storages by their persistent ids, each read once."""

    def __init__(self, archive: _Archive) -> None:
        self.archive = archive
        self.known: dict[str, tuple[str | None, Storage]] = {}
        order = archive.read("byteorder").strip() if archive.root + "byteorder" in archive.entries else b"little"
        if order not in (b"little", b"big"):
            raise SerializationError(f"the archive has the unknown byte order {order!r}")
        self.little = order == b"little"

    def get(self, pid: Any) -> Storage:
        """The storage of ('storage', class, key, location, number of elements)."""
        kind, key, count = check_pid(pid)
        if key not in self.known:
            self.known[key] = (kind.dtype, self._read(kind, key, count))
        dtype, storage = self.known[key]
        if dtype != kind.dtype:
            raise SerializationError(f"storage {key!r} is used with two element types")
        return storage

    def _read(self, kind: StorageType, key: str, count: int) -> Storage:
        width = _ITEMSIZE[STORAGE_OF[kind.dtype]] if kind.dtype else 1
        data = self.archive.read(f"data/{key}")
        if count * width > len(data):
            raise SerializationError(
                f"storage {key!r} claims {count} elements of {width} bytes, but its entry holds {len(data)} bytes"
            )
        return Storage(from_bytes(bytearray(data[: count * width]), kind.dtype or "uint8", self.little))


def check_pid(pid: Any) -> tuple[StorageType, str, int]:
    """Class, key and number of elements of a persistent id."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], StorageType):
        raise SerializationError("a persistent id does not name a storage")
    if not isinstance(pid[2], str) or type(pid[4]) is not int or pid[4] < 0:
        raise SerializationError("a storage has no key, or an impossible number of elements")
    return pid[1], pid[2], pid[4]


def read(data: bytes, allow_pickle: bool) -> Any:
    """The object in an archive."""
    archive = _Archive(data)
    storages, pickled = Storages(archive), archive.read("data.pkl")
    try:
        return Reader(pickled, storages.get, len(data)).load()
    except SerializationError:
        if not allow_pickle:
            raise
    return _Unpickler(io.BytesIO(pickled), storages).load()


class _Unpickler(pickle.Unpickler):
    """Python's own, for files that the caller trusts; torch's names for tensors still mean ours."""

    def __init__(self, file: BinaryIO, storages: Storages) -> None:
        super().__init__(file)
        self.storages = storages
        self.reader = Reader(b"", storages.get, 0)

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        ours = self.reader.globals.get(full) if module.split(".")[0] == "torch" else None
        return getattr(ours, "call", ours) if ours is not None else super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        return self.storages.get(pid)
