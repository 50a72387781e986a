"""Nested plain data as JSON, with the tensors left out and referred to by name."""

from __future__ import annotations

import base64
import math
from collections import Counter, OrderedDict
from typing import Any

import numpy as np

from ...core.dtypes import as_dtype, dtype
from ...core.value import Tensor
from ...tensor.attributes import Size, device
from .errors import SerializationError
from .names import DTYPES
from .plain import check_key, plain_number, refused

# JSON has no tuples, no keys but strings, no complex numbers: what it lacks is written as {"kind": content}.
MAPPINGS: dict[str, Any] = {"dict": dict, "ordered": OrderedDict, "counter": Counter}
SEQUENCES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "size": Size}
_KIND = {v: k for k, v in (MAPPINGS | SEQUENCES).items()}


class Names:
    """Gives every tensor and array a name of its own: the path of keys that leads to it."""

    def __init__(self) -> None:
        self.held: dict[int, tuple[str, Any]] = {}
        self.taken: set[str] = set()

    def of(self, x: Any, path: tuple[str, ...]) -> str:
        """The name of a tensor; the same one if it was met before."""
        if id(x) not in self.held:
            wanted = ".".join(path).encode("utf-8", "replace").decode("utf-8") or "tensor"
            wanted = "tensor" if wanted == "__metadata__" else wanted
            name, n = wanted, 1
            while name in self.taken:
                n += 1
                name = f"{wanted}#{n}"
            self.taken.add(name)
            self.held[id(x)] = (name, x)
        return self.held[id(x)][0]


def encode(x: Any, names: Names, path: tuple[str, ...] = ()) -> Any:
    """`x` as JSON values; raises SerializationError for what is not plain data."""
    kind = type(x)
    if x is None or kind in (bool, int, str):
        return x
    if kind is float:
        return x if math.isfinite(x) else {"float": repr(x)}
    if isinstance(x, Tensor):
        made = {"tensor": names.of(x, path)}
        if x._is_param:
            made["parameter"] = x._node is not None
        elif x._node is not None:
            made["grad"] = True
        return made
    if isinstance(x, np.generic):
        return encode(plain_number(x), names, path)
    if kind is list:
        return [encode(v, names, (*path, str(i))) for i, v in enumerate(x)]
    if kind in (set, frozenset):
        for v in x:
            check_key(v)
    if kind in SEQUENCES.values():
        return {_KIND[kind]: [encode(v, names, (*path, str(i))) for i, v in enumerate(x)]}
    if kind in MAPPINGS.values():
        for key in x:
            check_key(key)
        pairs = [[encode(k, names), encode(v, names, (*path, str(k)))] for k, v in x.items()]
        return {_KIND[kind]: pairs}
    if kind is complex:
        return {"complex": [encode(x.real, names), encode(x.imag, names)]}
    if kind in (bytes, bytearray):
        return {kind.__name__: base64.b64encode(x).decode("ascii")}
    if kind is dtype:
        return {"dtype": x.name}
    if kind is device:
        return {"device": str(x)}
    if kind is np.ndarray and x.dtype.kind in "biufc" and x.dtype.isnative and x.dtype.itemsize <= 16:
        return {"ndarray": names.of(x, path)}
    raise refused(x, "".join(f"[{p!r}]" for p in path))


def decode(x: Any, tensors: Any) -> Any:
    """The value that `encode` wrote; `tensors(record)` gives the tensor or array of a record."""
    if isinstance(x, list):
        return [decode(v, tensors) for v in x]
    if not isinstance(x, dict):
        return x
    if "tensor" in x or "ndarray" in x:
        return tensors(x)
    if len(x) != 1:
        raise SerializationError(f"the file describes a value of unknown kind: {sorted(map(str, x))[:5]}")
    kind, content = next(iter(x.items()))
    if kind in MAPPINGS or kind in SEQUENCES:
        if not isinstance(content, list):
            raise SerializationError(f"the file describes a {kind} that is not a list")
        values = [decode(v, tensors) for v in content]
        if kind in SEQUENCES:
            if kind in ("set", "frozenset"):
                for v in values:
                    check_key(v)
            if kind == "size" and any(type(n) is not int for n in values):
                raise SerializationError("the file describes a size that holds something other than whole numbers")
            return SEQUENCES[kind](values)
        made = MAPPINGS[kind]()
        for pair in values:
            if not isinstance(pair, list) or len(pair) != 2:
                raise SerializationError(f"the file describes a {kind} with an entry that is not a pair")
            check_key(pair[0])
            if pair[0] in made:
                raise SerializationError(f"the file describes a {kind} with the key {pair[0]!r} twice")
            made[pair[0]] = pair[1]
        return made
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "complex" and isinstance(content, list) and len(content) == 2:
        parts = [decode(v, tensors) for v in content]
        if all(isinstance(v, (int, float)) for v in parts):
            return complex(*parts)
    if kind in ("bytes", "bytearray") and isinstance(content, str):
        return {"bytes": bytes, "bytearray": bytearray}[kind](base64.b64decode(content, validate=True))
    if kind == "dtype" and content in DTYPES:
        return as_dtype(content)
    if kind == "device":
        return device("cpu")
    raise SerializationError(f"the file describes a value of unknown kind {kind!r}")
