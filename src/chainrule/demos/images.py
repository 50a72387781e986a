"""Pictures with classes: scikit-learn's digits, a folder of MNIST-format files, or a folder with a folder per class."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import ArgumentError
from ..utils.packages import need

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm"}
LARGEST_SIDE = 28  # larger pictures of an image folder are shrunk to this: the network is small


@dataclass
class Pictures:
    """Grey pictures and their classes, split into training and held-out ones.

    train, test: float32 in [0, 1], shape (n, 1, height, width). train_labels, test_labels: int64, indices into `names`.
    """

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    names: list[str]
    source: str


def load_pictures(path: str | Path | None = None, limit: int | None = None) -> Pictures:
    """Digits of scikit-learn (`path` None), or a folder of MNIST-format idx files, or an image folder.

    Args:
        path: folder with `*images-idx3-ubyte*` and `*labels-idx1-ubyte*` files (plain or .gz; those with `train` and
            with `t10k` or `test` in their names are the two parts), or a folder with one folder of pictures per class
            (or `train` and `test` folders of such).
        limit: keep at most so many training pictures, and a quarter as many held-out ones, chosen by chance.

    What comes without a part to test on is split by a fixed rule: one fifth of each class is held out.
    Raises ArgumentError for a folder that holds neither, and for files that are damaged or do not fit together.
    """
    if path is None:
        found = _sklearn_digits()
    else:
        folder = Path(path)
        if not folder.is_dir():
            kind = "a file; give the folder it is in" if folder.exists() else "not there"
            raise ArgumentError(f"--data {folder}: that is {kind}. {_EXPECTED}")
        found = _idx_folder(folder) or _image_folder(folder)
    return _limited(found, limit) if limit else found


_EXPECTED = (
    "Expected is a folder with MNIST-format files (train-images-idx3-ubyte, train-labels-idx1-ubyte, also .gz), or "
    "one with a folder of pictures per class (digits/0/a.png, digits/1/b.png ...)."
)


def _sklearn_digits() -> Pictures:
    pixels, labels = need("sklearn.datasets", "the digits").load_digits(return_X_y=True)
    images = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    return _split(images, labels, [str(d) for d in range(10)], "1,797 handwritten digits of scikit-learn, 8 x 8 pixels")


def _split(images: np.ndarray, labels: np.ndarray, names: list[str], source: str) -> Pictures:
    """One fifth of each class held out, always the same fifth."""
    labels = np.asarray(labels, np.int64)
    counts = np.bincount(labels, minlength=len(names))
    if counts.min() < 2:
        few = names[int(counts.argmin())]
        raise ArgumentError(f"class {few!r} has {counts.min()} picture: at least 2 are needed, to learn and to test")
    split = need("sklearn.model_selection", "the split").train_test_split
    held = max(len(names), round(0.2 * len(labels)))
    train, test, a, b = split(images, labels, test_size=held, stratify=labels, random_state=0)
    return Pictures(train, a, test, b, names, source)


def _limited(p: Pictures, limit: int) -> Pictures:
    rng = np.random.default_rng(0)
    a = rng.permutation(len(p.train))[:limit]
    b = rng.permutation(len(p.test))[: max(limit // 4, len(p.names))]
    return Pictures(p.train[a], p.train_labels[a], p.test[b], p.test_labels[b], p.names, p.source)


# ---- MNIST's format --------------------------------------------------------------------------------------------------


def read_idx(path: str | Path) -> np.ndarray:
    """The array in a file of MNIST's idx format, plain or compressed by gzip.

    Layout: two zero bytes, a byte for the type, a byte for the number of axes, each length as a big-endian 32-bit
    number, then the values (http://yann.lecun.com/exdb/mnist). Raises ArgumentError for anything else.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ArgumentError(f"{path} cannot be read: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not 1 <= data[3] <= 8:
        raise ArgumentError(f"{path} is not an idx file: it begins with {data[:4].hex(' ') or 'nothing'}")
    axes, dtype = data[3], np.dtype(IDX_TYPES[data[2]])
    if len(data) < 4 + 4 * axes:
        raise ArgumentError(f"{path} is cut off within its heading; fetch it again")
    shape = struct.unpack(f">{axes}I", data[4 : 4 + 4 * axes])
    expected = dtype.itemsize
    for length in shape:
        expected *= length
    values = data[4 + 4 * axes :]
    if len(values) != expected:
        raise ArgumentError(
            f"{path} announces {' x '.join(map(str, shape))} values ({expected} bytes) but holds {len(values)} bytes: "
            f"it is damaged; fetch it again"
        )
    return np.frombuffer(values, dtype).reshape(shape)


def _idx_folder(folder: Path) -> Pictures | None:
    files = sorted(f for f in folder.iterdir() if f.is_file() and "idx" in f.name.lower())
    images = [f for f in files if "idx3" in f.name.lower()]
    if not images:
        return None
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for file in images:
        wanted = file.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
        partner = next((f for f in (folder / wanted, folder / f"{wanted}.gz") if f.exists()), None)
        if partner is None:
            raise ArgumentError(f"{file} has no labels beside it: expected {wanted} or {wanted}.gz in {folder}")
        pixels, labels = read_idx(file), read_idx(partner)
        if pixels.ndim != 3 or labels.ndim != 1 or len(pixels) != len(labels):
            raise ArgumentError(
                f"{file.name} has the shape {pixels.shape} and {partner.name} the shape {labels.shape}: expected are "
                f"(n, height, width) and (n,) with one n"
            )
        if not len(labels):
            raise ArgumentError(f"{file} holds no pictures")
        part = "test" if "t10k" in file.name or "test" in file.name else "train"
        if part not in parts:  # the first of several, in the order of their names
            scale = np.iinfo(pixels.dtype).max if pixels.dtype.kind in "iu" else 1
            scaled = (pixels / scale).astype(np.float32)[:, None]
            parts[part] = scaled, labels.astype(np.int64)
    known = np.unique(np.concatenate([labels for _, labels in parts.values()]))
    names = [str(k) for k in known]
    found = {part: (pixels, np.searchsorted(known, labels)) for part, (pixels, labels) in parts.items()}
    shape = " x ".join(map(str, next(iter(found.values()))[0].shape[2:]))
    source = f"{sum(len(k) for _, k in found.values()):,} pictures of {folder}, {shape} pixels"
    if len(found) == 2:
        (a, a_labels), (b, b_labels) = found["train"], found["test"]
        if a.shape[2:] != b.shape[2:]:
            raise ArgumentError(f"{folder}: training pictures are {a.shape[2:]} pixels, test pictures {b.shape[2:]}")
        return Pictures(a, a_labels, b, b_labels, names, source)
    return _split(*next(iter(found.values())), names, source)


# ---- a folder per class ----------------------------------------------------------------------------------------------


def _classes(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _image_folder(folder: Path) -> Pictures:
    names = _classes(folder)
    parted = {"train", "test"} <= set(names)
    if parted:
        names = _classes(folder / "train")
        extra = sorted(set(_classes(folder / "test")) - set(names))
        if extra:
            raise ArgumentError(f"{folder / 'test' / extra[0]} is a class that {folder / 'train'} does not have")
    if len(names) < 2:
        raise ArgumentError(f"--data {folder} holds {len(names)} class folders. {_EXPECTED}")
    where = [folder / "train", folder / "test"] if parted else [folder]
    listed = [[(file, k) for k, name in enumerate(names) for file in _pictures_in(part / name)] for part in where]
    size = _size_of(listed[0][0][0]) if listed[0] else (1, 1)
    loaded = []
    for part, files in zip(where, listed):
        if not files:
            raise ArgumentError(f"{part} holds no pictures ({', '.join(sorted(PICTURES))})")
        loaded.append((np.stack([_read_picture(f, size) for f, _ in files])[:, None], np.array([k for _, k in files])))
    total = sum(len(k) for _, k in loaded)
    source = f"{total:,} pictures of {folder}, {size[0]} x {size[1]} pixels, in {len(names)} classes"
    if parted:
        (a, a_labels), (b, b_labels) = loaded
        return Pictures(a, a_labels, b, b_labels, names, source)
    return _split(*loaded[0], names, source)


def _pictures_in(folder: Path) -> list[Path]:
    return sorted(f for f in folder.glob("*") if f.suffix.lower() in PICTURES) if folder.is_dir() else []


def _open(file: Path):
    image = need("PIL.Image", "reading pictures")
    try:
        with image.open(file) as opened:
            return opened.convert("L")
    except (OSError, ValueError, SyntaxError, image.DecompressionBombError) as error:
        raise ArgumentError(f"{file} is not a picture that can be read: {error}") from error


def _size_of(file: Path) -> tuple[int, int]:
    """(height, width) that all pictures get: those of the first, shrunk to LARGEST_SIDE."""
    width, height = _open(file).size
    shrink = min(1.0, LARGEST_SIDE / max(width, height))
    return max(4, round(height * shrink)), max(4, round(width * shrink))


def _read_picture(file: Path, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(_open(file).resize(size[::-1]), np.float32) / 255
