"""Window functions, and short-time Fourier transforms with them."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from ..core.dtypes import default, is_inexact, numpy_dtype
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape, wrap
from .fourier import fft, fit_p, ifft, irfft, rfft
from .kits import linear
from .shape import broadcast_to_p, permute_p, reshape_p

# ---- windows --------------------------------------------------------------------------------------------------------


def _window(name: str, length: int, periodic: bool, shape: Any, options: dict) -> Any:
    """`shape` of the positions 0..n-1 and n - 1, in a tensor; a periodic window drops the last of one more position."""
    if length < 0:
        raise ArgumentError(f"{name} requires non-negative window_length, got window_length={length}")
    dtype = options.get("dtype")
    made = default.float if dtype is None else numpy_dtype(dtype)
    if not is_inexact(made) or made.kind == "c":
        raise DTypeError(f"{name} expects floating point dtypes, got: {dtype}; write dtype=chainrule.float32")
    n = length + 1 if periodic else length
    values = np.ones(length) if length <= 1 else shape(np.arange(n, dtype=np.float64), n - 1)[:length]
    found = wrap(values.astype(made))
    return found.requires_grad_() if options.get("requires_grad") else found


def hann_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """w_k = 1/2 - 1/2 cos(2 pi k / (N - 1)); periodic windows are those of N + 1 without the last value.

    Options of every window: dtype (default float32), requires_grad.

    >>> import chainrule as cr
    >>> cr.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return hamming_window(window_length, periodic, 0.5, 0.5, **options)


def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, **options: Any
) -> Any:
    """w_k = alpha - beta cos(2 pi k / (N - 1)).

    A 1-D tensor of `window_length` elements in the default float, or `dtype`; periodic unless periodic=False.

    >>> import chainrule as cr
    >>> cr.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    cosine = lambda k, m: alpha - beta * np.cos(2 * pi * k / m)
    return _window("hamming_window", window_length, periodic, cosine, options)


def blackman_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """w_k = 0.42 - 0.5 cos(2 pi k / (N - 1)) + 0.08 cos(4 pi k / (N - 1)).

    A 1-D tensor of `window_length` elements in the default float, or `dtype`; periodic unless periodic=False.

    >>> import chainrule as cr
    >>> cr.blackman_window(4).abs()
    tensor([1.3878e-17, 3.4000e-01, 1.0000e+00, 3.4000e-01])
    """
    cosines = lambda k, m: 0.42 - 0.5 * np.cos(2 * pi * k / m) + 0.08 * np.cos(4 * pi * k / m)
    return _window("blackman_window", window_length, periodic, cosines, options)


def bartlett_window(window_length: int, periodic: bool = True, **options: Any) -> Any:
    """Triangle: w_k = 1 - |2 k / (N - 1) - 1|.

    A 1-D tensor of `window_length` elements in the default float, or `dtype`; periodic unless periodic=False.

    >>> import chainrule as cr
    >>> cr.bartlett_window(5, periodic=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett_window", window_length, periodic, lambda k, m: 1 - np.abs(2 * k / m - 1), options)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, **options: Any) -> Any:
    """w_k = I0(beta sqrt(1 - (2 k / (N - 1) - 1)^2)) / I0(beta), with the modified Bessel function I0.

    A 1-D tensor of `window_length` elements in the default float, or `dtype`; periodic unless periodic=False.

    >>> import chainrule as cr
    >>> cr.kaiser_window(3, periodic=False, beta=2.0)
    tensor([0.4387, 1.0000, 0.4387])
    """
    bessel = lambda k, m: np.i0(beta * np.sqrt(np.maximum(0, 1 - (2 * k / m - 1) ** 2))) / np.i0(beta)
    return _window("kaiser_window", window_length, periodic, bessel, options)


# ---- frames ---------------------------------------------------------------------------------------------------------

frames_p = linear(
    "frames",
    lambda xp, x, *, size, hop: xp.array(xp.lib.stride_tricks.sliding_window_view(x, size, axis=-1)[..., ::hop, :]),
    aval=lambda x, *, size, hop: Spec((*x.shape[:-1], (x.shape[-1] - size) // hop + 1, size), x.dtype),
    transpose=lambda g, ans, x, *, size, hop: overlap_p(g, length=x.shape[-1], hop=hop),
    batch=lambda prim, args, b, *, size, hop: prim(args[0], size=size, hop=hop),
    notation="frames({})",
    doc="Stretches of `size` elements, `hop` apart, of the last dimension.",
    backward_name="UnfoldBackward0",
)


def _overlap_impl(xp: Any, x: Any, *, length: int, hop: int) -> Any:
    y = xp.zeros((*x.shape[:-2], length), x.dtype)
    size = x.shape[-1]
    for t in range(x.shape[-2]):
        y[..., t * hop : t * hop + size] += x[..., t, :]
    return y


overlap_p = linear(
    "overlap_add",
    _overlap_impl,
    aval=lambda x, *, length, hop: Spec((*x.shape[:-2], length), x.dtype),
    transpose=lambda g, ans, x, *, length, hop: fit_p(frames_p(g, size=x.shape[-1], hop=hop), shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, length, hop: prim(args[0], length=length, hop=hop),
    notation="overlap({})",
    doc="Sum of frames at their places `hop` apart: the transpose of taking frames.",
    backward_name="UnfoldBackwardBackward0",
)

# ---- short-time Fourier transforms ----------------------------------------------------------------------------------


def _swap(x: Any) -> Any:
    n = len(raw_shape(x))
    return permute_p(x, dims=(*range(n - 2), n - 1, n - 2))


def _framing(name: str, n_fft: int, hop: Any, win: Any, window: Any, dtype: Any) -> tuple[int, Any]:
    """(hop length, window of n_fft elements), after PyTorch's checks."""
    hop = n_fft // 4 if hop is None else int(hop)
    win = n_fft if win is None else int(win)
    if n_fft <= 0:
        raise ArgumentError(f"{name}: expected n_fft > 0, but got n_fft={n_fft}")
    if hop <= 0:
        raise ArgumentError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < win <= n_fft:
        raise ArgumentError(f"{name}: expected 0 < win_length <= n_fft, but got win_length={win} and n_fft={n_fft}")
    if window is None:
        window = np.ones(win, dtype)
    elif raw_shape(window) != (win,):
        raise ShapeError(
            f"{name}: expected a 1D window tensor of size equal to win_length={win}, but got window with size "
            f"{list(raw_shape(window))}"
        )
    if win < n_fft:
        from .padding import pad_p

        left = (n_fft - win) // 2
        window = pad_p(window, pads=((left, n_fft - win - left),), value=0)
    return hop, window


def stft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Any:
    """Fourier transforms of the windowed stretches of n_fft samples, hop_length apart: (..., L) -> (..., freq, frames).

    Args:
        hop_length: distance of frames (default n_fft // 4); win_length: size of the window (default n_fft).
        center: pad by n_fft // 2 at both ends (by `pad_mode`), so that frame t is centred at sample t hop_length.
        normalized: divide by sqrt(n_fft). onesided: only frequencies that are not negative (default for real input).
        return_complex: True for a complex result, False for real and imaginary parts in a last dimension of size 2.

    >>> import chainrule as cr
    >>> cr.stft(cr.ones(8), 4, return_complex=True).shape
    torch.Size([3, 9])
    """
    shape, dtype = raw_shape(input), raw_dtype(input)
    if len(shape) not in (1, 2) or not is_inexact(dtype):
        raise ShapeError(f"stft: expected a 1D or 2D tensor of floating values, got shape {shape} of {dtype}")
    hop, window = _framing("stft", n_fft, hop_length, win_length, window, dtype)
    complex_input = dtype.kind == "c" or raw_dtype(window).kind == "c"
    if return_complex is None:
        if not complex_input:
            raise ArgumentError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release; write return_complex=True"
            )
        return_complex = True
    onesided = not complex_input if onesided is None else onesided
    if onesided and complex_input:
        raise ArgumentError("Cannot have onesided output if window or input is complex; write onesided=False")
    x = input if len(shape) == 2 else reshape_p(input, shape=(1, *shape))
    if center:
        from .padding import pad

        half = n_fft // 2
        if pad_mode == "reflect" and half >= shape[-1]:
            raise ShapeError(
                f"stft: padding of {half} by reflection needs a longer signal than {shape[-1]} samples; write "
                f"pad_mode='constant' or center=False"
            )
        lead = raw_shape(x)[0]
        padded = pad(reshape_p(x, shape=(lead, 1, shape[-1])), (half, half), pad_mode)
        x = reshape_p(padded, shape=(lead, raw_shape(padded)[-1]))
    if raw_shape(x)[-1] < n_fft:
        raise ShapeError(f"stft: expected 0 < n_fft <= {raw_shape(x)[-1]}, but got n_fft={n_fft} for input {shape}")
    frames = frames_p(x, size=n_fft, hop=hop) * window
    norm = "ortho" if normalized else "backward"
    found = _swap(rfft(frames, norm=norm) if onesided else fft(frames, norm=norm))
    found = found if len(shape) == 2 else reshape_p(found, shape=raw_shape(found)[1:])
    if return_complex:
        return found
    from .views import view_as_real

    return view_as_real(found)


def istft(
    input: Any,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Any = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Any:
    """Inverse of stft, by least squares: overlapping frames are added and divided by the sum of squared windows.

    Args:
        input: complex (..., freq, frames). length: number of samples wanted. Others as in stft.

    Raises:
        RuntimeError: the windows leave samples uncovered, so that they cannot be found.

    >>> import chainrule as cr
    >>> x = cr.tensor([1., 2., 3., 4., 5., 6., 7., 8.])
    >>> cr.istft(cr.stft(x, 4, return_complex=True), 4).round()
    tensor([1., 2., 3., 4., 5., 6., 7., 8.])
    """
    from .indexing import concrete_or_none

    shape, dtype = raw_shape(input), raw_dtype(input)
    if dtype.kind != "c":
        raise DTypeError(
            f"istft requires a complex-valued input tensor matching the output from stft with return_complex=True, got "
            f"{dtype}"
        )
    if len(shape) not in (2, 3) or 0 in shape:
        raise ShapeError(f"istft: expected a tensor with 2 or 3 dimensions that is not empty, got {shape}")
    onesided = shape[-2] != n_fft if onesided is None else onesided
    if shape[-2] != (n_fft // 2 + 1 if onesided else n_fft):
        raise ShapeError(
            f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft "
            f"({n_fft // 2 + 1 if onesided else n_fft}), but got {shape[-2]}"
        )
    if onesided and return_complex:
        raise ArgumentError("Cannot have onesided output if window or input is complex; write onesided=False")
    if window is not None and raw_dtype(window).kind == "c" and not return_complex:
        raise ArgumentError("Complex windows are incompatible with return_complex=False; write return_complex=True")
    real = np.dtype(f"f{dtype.itemsize // 2}")
    hop, window = _framing("istft", n_fft, hop_length, win_length, window, dtype if return_complex else real)
    norm = "ortho" if normalized else "backward"
    spectra = _swap(input)
    if return_complex:
        frames = ifft(spectra, norm=norm)
    else:
        frames = irfft(spectra if onesided else spectra[..., : n_fft // 2 + 1], n_fft, norm=norm)
    count = shape[-1]
    full = n_fft + hop * (count - 1)
    signal = overlap_p(frames * window, length=full, hop=hop)
    weights = broadcast_to_p(window * window, shape=(count, n_fft))
    envelope = overlap_p(weights, length=full, hop=hop)
    start = n_fft // 2 if center else 0
    stop = full if length is None and not center else full - n_fft // 2 if length is None else min(start + length, full)
    signal, envelope = signal[..., start:stop], envelope[start:stop]
    known = concrete_or_none(envelope)
    if known is not None and known.size and np.abs(known).min() <= 1e-11:
        raise ArgumentError(
            f"istft: window overlap add min: 0. Some samples are covered by no window (hop_length={hop}, "
            f"n_fft={n_fft}); write center=True, or a window without zeros"
        )
    signal = signal / envelope
    if length is not None and raw_shape(signal)[-1] < length:
        signal = fit_p(signal, shape=(*raw_shape(signal)[:-1], length))
    return signal


__all__ = ["stft", "istft", "hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"]
METHODS = ("stft", "istft")
INPLACE = ()
