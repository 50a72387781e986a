"""What the tests of save and load share."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

pytest.importorskip("safetensors", reason="safetensors is not installed")
SUFFIXES = ["pt", "safetensors"]
DTYPES = ["float64", "float32", "float16", "complex64", "complex128", "int64", "int32", "int16", "int8", "uint8"]
DTYPES += ["uint16", "uint32", "uint64", "bool"]


def same(a, b) -> None:
    """Equal in type, structure, bits, layout and in what requires grad."""
    assert type(a) is type(b), (a, b)
    if isinstance(a, cr.Tensor):
        x, y = a._data, b._data
        assert x.dtype == y.dtype and x.shape == y.shape
        assert x.tobytes() == y.tobytes()
        assert a.requires_grad == b.requires_grad and isinstance(a, nn.Parameter) == isinstance(b, nn.Parameter)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    elif isinstance(a, dict):
        assert list(a) == list(b) and [type(k) for k in a] == [type(k) for k in b]
        for k in a:
            same(a[k], b[k])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, float):
        assert struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    else:
        assert a == b
