"""torch.signal.windows: window functions of M samples, computed by scipy.signal.windows.

Every function returns a 1-D tensor of M samples in `dtype` (default: the default float); `sym=False` gives the
periodic window, for spectra. F. J. Harris, On the use of windows for harmonic analysis with the discrete Fourier
transform, 1978.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..core.dtypes import default, numpy_dtype
from ..core.errors import ArgumentError, DTypeError
from ..core.value import Tensor, wrap


def _window(name: str, M: int, sym: bool, options: dict, *shape: Any, **named: Any) -> Tensor:
    """scipy's window `name` as a tensor; `options` are PyTorch's dtype, layout, device and requires_grad."""
    from scipy.signal import windows

    dtype = numpy_dtype(options["dtype"]) if options.get("dtype") is not None else default.float
    if dtype.kind != "f":
        raise DTypeError(f"{name} expects floating point dtypes, got: {options['dtype']}")
    if M < 0:
        raise ArgumentError(f"{name} requires non-negative window length, got M={M}")
    values = getattr(windows, name)(M, *shape, sym=sym, **named) if M else np.empty(0)
    made = wrap(np.asarray(values, np.float64).astype(dtype))
    unknown = set(options) - {"dtype", "layout", "device", "requires_grad"}
    if unknown:
        raise TypeError(f"{name}() got an unexpected keyword argument '{sorted(unknown)[0]}'")
    return made.requires_grad_() if options.get("requires_grad") else made


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The triangle 1 - |2 n / (M - 1) - 1|: (M,).

    >>> bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", M, sym, options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1)): (M,).

    >>> blackman(3).round(decimals=4).abs()
    tensor([0., 1., 0.])
    """
    return _window("blackman", M, sym, options)


def cosine(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """sin(pi (n + 0.5) / M): (M,).

    >>> cosine(2)
    tensor([0.7071, 0.7071])
    """
    return _window("cosine", M, sym, options)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-|n - center| / tau): (M,); the centre is the middle, and may be chosen only where sym is False.

    >>> exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ArgumentError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ArgumentError("Center must be None for symmetric windows")
    return _window("exponential", M, sym, options, center, tau)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Tensor:
    """exp(-((n - middle) / std)^2 / 2): (M,).

    >>> gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ArgumentError(f"Standard deviation must be positive, got: {std} instead.")
    return _window("gaussian", M, sym, options, std)


def general_cosine(M: int, *, a: Iterable, sym: bool = True, **options: Any) -> Tensor:
    """The sum of (-1)^i a[i] cos(2 pi i n / (M - 1)): (M,).

    >>> general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = list(a)
    if not coefficients:
        raise ArgumentError("Coefficients cannot be empty")
    return _window("general_cosine", M, sym, options, coefficients)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / (M - 1)): (M,).

    >>> general_hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _window("general_hamming", M, sym, options, alpha)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """0.54 - 0.46 cos(2 pi n / (M - 1)): (M,).

    >>> hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _window("hamming", M, sym, options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """(1 - cos(2 pi n / (M - 1))) / 2: (M,).

    >>> hann(4, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann", M, sym, options)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Tensor:
    """I0(beta sqrt(1 - (2 n / (M - 1) - 1)^2)) / I0(beta): (M,).

    >>> kaiser(3, beta=0.0)
    tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ArgumentError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", M, sym, options, beta)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Tensor:
    """The four-term cosine window of least side lobes, after Nuttall (1981): (M,).

    >>> nuttall(3).round(decimals=4)
    tensor([4.0000e-04, 1.0000e+00, 4.0000e-04])
    """
    return _window("nuttall", M, sym, options)


__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]
