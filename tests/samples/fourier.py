"""Samples of Fourier transforms and window functions."""

from __future__ import annotations

import numpy as np

import chainrule as cr

from .table import Bad, Sample, arrays, case

NORMS = ("backward", "ortho", "forward")


def cplx(rng, *shape):
    a, b = arrays(rng, shape, shape)
    return a + 1j * b


def lines(kind):
    """Samples of transforms over one dimension: `kind` is "complex", "real" or "half" (a half spectrum)."""

    def samples(rng):
        make = (lambda *s: arrays(rng, s)[0]) if kind == "real" else (lambda *s: cplx(rng, *s))
        x = make(3, 4)
        found = [Sample((x,)), Sample((x, 5)), Sample((x, 3)), Sample((x,), {"dim": 0}), Sample((x, 6, 0))]
        found += [Sample((x,), {"norm": norm}) for norm in NORMS] + [Sample((x, 5), {"norm": norm}) for norm in NORMS]
        found += [
            Sample((x.T[::-1],)),
            Sample((x[:0],), grad=False, torch=False),
            Sample((make(1), 1)),
            Sample((make(2, 5),)),
        ]
        low = np.complex64 if kind != "real" else np.float32
        found.append(Sample((x.astype(low),)))
        if kind != "half":
            found += [Sample((np.array([1, 2, 3]),))]
        if kind == "complex":
            found += [Sample((arrays(rng, (2, 5))[0],)), Sample((arrays(rng, (4,))[0].astype(np.float32), 6))]
        return found

    return samples


NO_POINTS = Bad((np.ones(3), 0), RuntimeError, r"Invalid number of data points \(0\)")
WRONG_DIM = Bad((np.ones(3), None, 1), IndexError, "Dimension out of range")
WRONG_NORM = Bad((np.ones(3),), RuntimeError, "Invalid normalization mode", {"norm": "half"})
NOT_REAL = Bad((np.ones(3) * 1j,), RuntimeError, "expects a real input tensor")

for name, kind in (
    ("fft", "complex"),
    ("ifft", "complex"),
    ("rfft", "real"),
    ("ihfft", "real"),
    ("irfft", "half"),
    ("hfft", "half"),
):
    case(f"fft.{name}", lines(kind), NO_POINTS, WRONG_DIM, WRONG_NORM, *([NOT_REAL] if kind == "real" else []))


def planes(kind, several):
    """Samples of transforms over two, or (`several`) any number of dimensions."""

    def samples(rng):
        make = (lambda *s: arrays(rng, s)[0]) if kind == "real" else (lambda *s: cplx(rng, *s))
        x = make(2, 3, 4)
        found = [Sample((x,)), Sample((x, (5, 3))), Sample((x,), {"dim": (0, 2)}), Sample((x,), {"dim": (2, 0)})]
        found += [Sample((x,), {"norm": norm}) for norm in NORMS] + [Sample((x, (2, 5), (0, 1)), {"norm": "ortho"})]
        found += [Sample((x.transpose(2, 1, 0)[::-1],))]
        if several:
            found += [Sample((x,), {"dim": (1,)}), Sample((make(5),)), Sample((x, (2, -1)), {"dim": (1, 2)})]
        return found

    return samples


TWICE = Bad((np.ones((3, 3)),), RuntimeError, "FFT dims must be unique", {"dim": (0, 0)})
UNEQUAL = Bad((np.ones((3, 3)), (2,)), RuntimeError, "must have the same length", {"dim": (0, 1)})
for name, kind in (
    ("fft", "complex"),
    ("ifft", "complex"),
    ("rfft", "real"),
    ("ihfft", "real"),
    ("irfft", "half"),
    ("hfft", "half"),
):
    case(f"fft.{name}2", planes(kind, False), TWICE)
    case(f"fft.{name}n", planes(kind, True), TWICE, UNEQUAL, WRONG_NORM)


def shifts(rng):
    x, odd = arrays(rng, (3, 4), (5,))
    return [
        Sample((x,)),
        Sample((x, 0)),
        Sample((x, (0, 1))),
        Sample((odd,)),
        Sample((cplx(rng, 2, 3), 1)),
        Sample((np.arange(4),)),
    ]


for name in ("fftshift", "ifftshift"):
    case(f"fft.{name}", shifts, Bad((np.ones(3), 1), IndexError, "Dimension out of range"))
for name in ("fftfreq", "rfftfreq"):
    case(
        f"fft.{name}",
        lambda rng: [Sample((n, d)) for n in (1, 4, 5) for d in (1.0, 0.5)] + [Sample((4,), {"dtype": cr.float64})],
    )

# ---- windows --------------------------------------------------------------------------------------------------------


def windows(rng):
    found = [Sample((n, p)) for n in (0, 1, 2, 5, 8) for p in (True, False)]
    return [*found, Sample((7,), {"dtype": cr.float64})]


NEGATIVE = Bad((-1,), RuntimeError, "non-negative window_length")
NOT_FLOATING = Bad((3,), RuntimeError, "floating point dtypes", {"dtype": cr.int64})
for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window"):
    case(name, windows, NEGATIVE, NOT_FLOATING)


def short_times(rng):
    x, w = arrays(rng, (2, 12), (6,))
    found = [Sample((x, 4), {"return_complex": True}), Sample((x[0], 6, 2), {"return_complex": True, "window": w})]
    found += [Sample((x, 6), {"return_complex": True, "normalized": True, "center": False, "hop_length": 3})]
    found += [Sample((x, 5), {"return_complex": True, "onesided": False, "pad_mode": "constant"})]
    found += [
        Sample((x, 8), {"return_complex": True, "win_length": 6, "window": w}),
        Sample((x, 4), {"return_complex": False}),
    ]
    return [*found, Sample((cplx(rng, 10), 4))]


case(
    "stft",
    short_times,
    Bad((np.ones(8), 4), RuntimeError, "return_complex"),
    Bad((np.ones(8), 4), RuntimeError, "win_length", {"window": np.ones(3), "return_complex": True}),
    Bad((np.ones((2, 2, 8)), 4), RuntimeError, "1D or 2D"),
    Bad((np.ones(8), 4, -1), RuntimeError, "hop_length > 0", {"return_complex": True}),
)


def back_from_short_times(rng):
    w = np.abs(arrays(rng, (4,))[0]) + 0.5
    x = cplx(rng, 2, 3, 5)
    found = [Sample((x, 4)), Sample((x[0], 4, 2)), Sample((x, 4), {"window": w}), Sample((x, 4), {"normalized": True})]
    found += [Sample((x, 4), {"length": n}) for n in (3, 4, 9)] + [Sample((x, 4), {"center": False, "hop_length": 3})]
    return [
        *found,
        Sample((cplx(rng, 4, 5), 4), {"onesided": False}),
        Sample((cplx(rng, 4, 5), 4), {"return_complex": True}),
    ]


case(
    "istft",
    back_from_short_times,
    Bad((np.ones((3, 5)), 4), RuntimeError, "complex-valued input"),
    Bad((np.ones((3, 5)) * 1j, 6), RuntimeError, "frequency dimension"),
    Bad((np.ones((3, 5)) * 1j, 4), RuntimeError, "window overlap add min", {"window": np.zeros(4)}),
)
