"""save and load: which format a path means, and files that are whole or not there."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from ...tensor.data import check_device
from . import safetensors_file, torch_archive
from .errors import SerializationError

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".tar")


def write_atomically(path: Any, data: Any) -> None:
    """Write a file that is either whole or, if anything fails, as it was before: write beside it, sync, rename."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp's files are private; this one gets what open() would give
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power, where the system can."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _is_torch(path: Any) -> bool:
    return os.fspath(path).lower().endswith(TORCH_SUFFIXES)


def save(
    obj: Any,
    f: Any,
    *,
    allow_pickle: bool = False,
    pickle_protocol: int | None = None,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Save tensors and plain data nested in dicts, lists, tuples: a state_dict, or a whole checkpoint.

    The path's ending chooses the format. `.pt`, `.pth`, `.bin`, `.ckpt`, `.tar` (and a file object) give PyTorch's zip
    format: `torch.load(path, weights_only=True)` reads the file. Every other path gives a safetensors file, readable by
    that library under the dict's own keys, with nested data and a checksum in its metadata. The file is written beside
    the path and renamed at the end, so it is whole or not there.

    Args:
        obj: tensors, dicts, OrderedDicts, lists, tuples, sets, strings, bytes, numbers, None, dtypes, NumPy arrays,
            nested. What shares memory still does after load(). NumPy's scalars become Python numbers.
        f: a path, or a file object opened for writing bytes.
        allow_pickle: allow any Python object, by pickle (in PyTorch's format only). Such a file can run code when it is
            loaded: share state_dicts instead.
        pickle_protocol, _use_new_zipfile_serialization: accepted for PyTorch's sake, without effect.

    Raises:
        SerializationError: something in `obj` is not plain data; nothing is written.

    >>> import chainrule as cr, io
    >>> file = io.BytesIO()
    >>> cr.save({"epoch": 3, "w": cr.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> cr.load(file)
    {'epoch': 3, 'w': tensor([1., 1.])}
    """
    if hasattr(f, "write"):
        made = io.BytesIO()
        torch_archive.write(obj, made, allow_pickle)
        f.write(made.getvalue())
        return
    if not isinstance(f, (str, os.PathLike)):
        raise ArgumentTypeError(f"save() takes a path or a file object to write to, not {type(f).__name__}")
    if _is_torch(f):
        made = io.BytesIO()
        torch_archive.write(obj, made, allow_pickle)
        write_atomically(f, made.getbuffer())
        return
    try:
        data = safetensors_file.write(obj)
    except SerializationError as error:
        if allow_pickle:
            raise SerializationError(
                f"{error} (a safetensors file holds plain data only: for allow_pickle, use a path that ends in .pt)"
            ) from error
        raise
    write_atomically(f, data)


def load(
    f: Any,
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    encoding: str = "utf-8",
    allow_pickle: bool = False,
) -> Any:
    """Load what save() or torch.save wrote; nothing that a file says is run.

    The format is read off the contents. Files of torch.save are read by a machine of our own that can build containers,
    numbers, strings and tensors only; every other name in them is refused. Files of other programs in the safetensors
    format give a dict of names and tensors.

    Args:
        f: a path, or a file object opened for reading bytes.
        map_location: accepted for PyTorch's sake; tensors always come to the CPU.
        weights_only, mmap, encoding: accepted for PyTorch's sake; loading is as safe with any of their values.
        allow_pickle: also run the pickle of a file that is not plain data. It can then do anything to your computer:
            only for files whose writer you trust.

    Raises:
        SerializationError: the file is cut short, damaged, hostile, of another kind, or holds more than plain data.
        OSError: the file cannot be read.

    >>> import chainrule as cr, io
    >>> file = io.BytesIO()
    >>> cr.save([cr.arange(3)], file)
    >>> cr.load(io.BytesIO(file.getvalue()))
    [tensor([0, 1, 2])]
    """
    _check_location(map_location)
    if weights_only and allow_pickle:
        raise ArgumentError("load: weights_only=True and allow_pickle=True contradict each other; leave one out")
    if hasattr(f, "read"):
        data, name = f.read(), getattr(f, "name", "the file object")
        if not isinstance(data, (bytes, bytearray)):
            raise ArgumentTypeError("load() needs a file opened for bytes: write open(path, 'rb')")
    elif isinstance(f, (str, os.PathLike)):
        data, name = Path(f).read_bytes(), os.fspath(f)
    else:
        raise ArgumentTypeError(f"load() takes a path or a file object to read from, not {type(f).__name__}")
    try:
        return _parse(bytes(data), allow_pickle)
    except SerializationError as error:
        raise SerializationError(f"cannot load {name}: {error}") from error
    except MemoryError as error:
        raise SerializationError(f"cannot load {name}: it needs more memory than there is") from error


def _check_location(map_location: Any) -> None:
    places = map_location.values() if isinstance(map_location, dict) else [map_location]
    for place in places:
        if place is not None and not callable(place):
            check_device(place)


def _parse(data: bytes, allow_pickle: bool) -> Any:
    if not data:
        raise SerializationError("the file is empty")
    if data.startswith(b"PK"):
        return torch_archive.read(data, allow_pickle)
    if data.startswith(b"\x80") and data[8:9] != b"{":  # safetensors: eight bytes of length, then JSON
        from .legacy import read

        return read(data, allow_pickle)
    return safetensors_file.read(data)
