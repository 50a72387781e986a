"""Names of element types in files: PyTorch's storage classes, and safetensors' codes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ...core.dtypes import as_dtype
from .errors import SerializationError

STORAGE_OF = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
}  # uint16, uint32 and uint64 have none: PyTorch writes them as UntypedStorage
DTYPE_OF = {storage: name for name, storage in STORAGE_OF.items()}
DTYPES = (*STORAGE_OF, "uint16", "uint32", "uint64")
SAFE_CODES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def name_of(d: np.dtype) -> str:
    """Our name of a NumPy dtype."""
    return as_dtype(d).name


def from_bytes(data: Any, dtype_name: str, little: bool = True) -> np.ndarray:
    """A flat array of the elements in `data` (a bytearray, whose memory it shares where it can)."""
    if dtype_name == "bool":
        return np.frombuffer(data, np.uint8) != 0  # any byte may stand in a file, but not in a bool array
    d = as_dtype(dtype_name).dtype
    found = np.frombuffer(data, np.uint16 if dtype_name == "bfloat16" else d)
    if not little:
        found = found.byteswap()
    return found.view(d) if dtype_name == "bfloat16" else found


def array_dtype(text: Any) -> np.dtype:
    """The dtype of a saved NumPy array, from text like '<f8'; only numbers, bool and fixed-length text."""
    try:
        if isinstance(text, str) and re.fullmatch(r"[<>|=]?[?biufcSU]\d{0,9}", text):
            return np.dtype(text)
    except TypeError:
        pass
    raise SerializationError(f"{str(text)[:50]!r} is not the dtype of an array of numbers")
