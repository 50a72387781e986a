"""Other libraries' ways in and out: `__array__`, DLPack, `__array_namespace__`."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ChainruleError, GraphError
from ..core.value import Tensor
from ..tensor.attributes import concrete, refuse_to_lose
from .api import ROOT

KEEPING = (
    "To keep the gradient, do not build NumPy arrays from tensors: np.array([a, b]), np.r_[a, b] and array.dot(b) copy "
    "values, while np.stack([a, b]), np.concatenate([a, b]) and array @ b record. (SciPy's functions of arrays take "
    "tensors where the environment has SCIPY_ARRAY_API=1.)"
)


class ExportError(ChainruleError, BufferError, RuntimeError):
    """A tensor cannot be handed over through DLPack."""


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """The values as an ndarray, sharing memory unless another dtype or a copy is asked for.

    Raises:
        GraphError: the tensor requires grad or carries a tangent; an array would lose it.
    """
    try:
        refuse_to_lose(self, "numpy()")
    except GraphError as error:
        raise GraphError(f"{error} {KEEPING}") from None
    data = np.asarray(concrete(self, "conversion to a NumPy array"))
    if dtype is not None and np.dtype(dtype) != data.dtype:
        if copy is False:
            raise ArgumentError(f"Unable to avoid copy while creating an array of {np.dtype(dtype)} from {data.dtype}")
        return data.astype(dtype)
    return np.array(data) if copy else data


def dlpack(
    self: Tensor, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
) -> Any:
    """A DLPack capsule of this tensor's memory.

    Raises:
        ExportError (BufferError): the tensor requires grad, or another device is asked for.
    """
    try:
        refuse_to_lose(self, "__dlpack__()")
    except GraphError as error:
        raise ExportError(f"Can't export tensors that require gradient, use tensor.detach(): {error}") from None
    if dl_device is not None and tuple(map(int, dl_device)) != (1, 0):
        raise ExportError(f"Can't export a tensor in main memory to DLPack device {tuple(dl_device)}")
    data = np.asarray(concrete(self, "__dlpack__()"))
    if copy or not data.dtype.isnative or any(s % data.itemsize for s in data.strides):
        data = np.array(data)
    if max_version is None:
        return data.__dlpack__(stream=stream)
    return data.__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


def dlpack_device(self: Tensor) -> tuple[int, int]:
    """DLPack's name of the CPU: (kDLCPU, 0)."""
    return (1, 0)


def array_namespace(self: Tensor, *, api_version: str | None = None) -> Any:
    """The namespace of the Python array API standard over tensors."""
    namespace = importlib.import_module(f"{ROOT}.array_api")
    if api_version is not None and api_version not in namespace.SUPPORTED_VERSIONS:
        raise ArgumentError(
            f"array API version {api_version!r} is not supported; write one of "
            + ", ".join(namespace.SUPPORTED_VERSIONS)
        )
    return namespace
