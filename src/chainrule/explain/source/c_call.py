"""Compile a C text with the system's compiler and call it on arrays."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentTypeError, ChainruleError, ShapeError

Typed = tuple[tuple[int, ...], np.dtype]


def compiled(text: str, name: str, takes: Sequence[Typed], gives: Sequence[Typed]) -> Callable:
    """The function `name` of a C text, taking and returning arrays of the given shapes and dtypes."""
    return bound(library([text]), name, takes, gives)


def library(texts: Sequence[str], flags: Sequence[str] = ("-O2",)) -> ctypes.CDLL:
    """C texts compiled together with the compiler's `flags`, and loaded."""
    compiler = next((found for c in ("cc", "gcc", "clang") if (found := shutil.which(c))), None)
    if compiler is None:
        raise ChainruleError("explain.source(): no C compiler (cc, gcc or clang) is on the path; save() the text")
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, f"text{k}.c") for k, _ in enumerate(texts)]
        for path, text in zip(files, texts, strict=True):
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
        made = os.path.join(folder, "text.so")
        command = [compiler, "-std=c99", *flags, "-shared", "-fPIC", "-o", made, *files, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ChainruleError(f"explain.source(): {compiler} does not compile the text:\n{done.stderr}")
        return ctypes.CDLL(made)


def bound(made: ctypes.CDLL, name: str, takes: Sequence[Typed], gives: Sequence[Typed]) -> Callable:
    """A function of a library, from arrays to new arrays."""
    run = getattr(made, name)
    run.restype = None

    def call(*arrays: Any) -> Any:
        if len(arrays) != len(takes):
            raise ArgumentTypeError(f"{name}() takes {len(takes)} arrays, got {len(arrays)}")
        passed, keep = [], []
        for k, (given, (shape, dtype)) in enumerate(zip(arrays, takes, strict=True)):
            if np.shape(given) != shape:
                raise ShapeError(f"{name}(): argument {k + 1} has shape {np.shape(given)}; the text is for {shape}")
            a = np.ascontiguousarray(given, dtype=dtype)
            keep.append(a)
            passed.append(np.ctypeslib.as_ctypes_type(dtype)(a.item()) if not shape else ctypes.c_void_p(a.ctypes.data))
        results = [np.empty(shape, dtype) for shape, dtype in gives]
        run(*passed, *(ctypes.c_void_p(r.ctypes.data) for r in results))
        return results[0] if len(results) == 1 else tuple(results)

    return call
