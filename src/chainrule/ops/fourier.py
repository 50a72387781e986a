"""Discrete Fourier transforms. All are linear; complex cotangents follow PyTorch's convention, so that the transpose of
a transform is its conjugate transpose: the transform of the other direction, scaled.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import default, is_inexact, numpy_dtype
from ..core.errors import ArgumentError, DimensionError, DTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape, wrap
from .einsum import conj
from .kits import linear
from .reductions import canonical_dims, finish_out
from .shape import canonical_dim, cast_p

# ---- records --------------------------------------------------------------------------------------------------------

OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}  # the transpose's normalisation


def _shifted(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + 1 for a in axes)


def _complex_of(dtype: np.dtype) -> np.dtype:
    return dtype if dtype.kind == "c" else np.dtype("c16" if dtype.itemsize == 8 else "c8")


def _real_of(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _c2c_impl(xp: Any, x: Any, *, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    from scipy import fft

    if not x.size:
        return xp.array(x)
    return (fft.ifftn if inverse else fft.fftn)(x, axes=axes, norm=norm)


c2c_p = linear(
    "fft",
    _c2c_impl,
    aval=lambda x, **params: Spec(tuple(x.shape), x.dtype),
    transpose=lambda g, ans, x, *, axes, inverse, norm: c2c_p(g, axes=axes, inverse=not inverse, norm=OTHER[norm]),
    batch=lambda prim, args, b, *, axes, inverse, norm: prim(args[0], axes=_shifted(axes), inverse=inverse, norm=norm),
    notation="fft({})",
    doc="Fourier transform of complex values over `axes`, forward or inverse.",
    backward_name="FftC2CBackward0",
)


def _r2c_impl(xp: Any, x: Any, *, axis: int, norm: str) -> Any:
    from scipy import fft

    if not x.size:
        return xp.zeros(_halved(x.shape, axis), _complex_of(x.dtype))
    return fft.rfft(x, axis=axis, norm=norm)


def _halved(shape: tuple, axis: int) -> tuple:
    return tuple(n // 2 + 1 if i == axis else n for i, n in enumerate(shape))


def _both_halves(x: Any, axis: int, n: int, divide: bool) -> Any:
    """Half spectra times the number of times that each frequency occurs in the whole (or divided by it): 1 or 2."""
    count = np.full(n // 2 + 1, 2.0)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    factor = (1 / count if divide else count).astype(_real_of(raw_dtype(x)))
    return x * factor.reshape([-1 if i == axis else 1 for i in range(len(raw_shape(x)))])


r2c_p = linear(
    "rfft",
    _r2c_impl,
    aval=lambda x, *, axis, norm: Spec(_halved(tuple(x.shape), axis), _complex_of(x.dtype)),
    transpose=lambda g, ans, x, *, axis, norm: c2r_p(
        _both_halves(g, axis, x.shape[axis], True), axis=axis, n=x.shape[axis], norm=OTHER[norm]
    ),
    batch=lambda prim, args, b, *, axis, norm: prim(args[0], axis=axis + 1, norm=norm),
    notation="rfft({})",
    doc="Fourier transform of real values over one axis: the half with frequencies that are not negative.",
    backward_name="FftR2CBackward0",
)


def _c2r_impl(xp: Any, x: Any, *, axis: int, n: int, norm: str) -> Any:
    from scipy import fft

    if not x.size:
        return xp.zeros(tuple(n if i == axis else m for i, m in enumerate(x.shape)), _real_of(x.dtype))
    return fft.irfft(x, n=n, axis=axis, norm=norm)


c2r_p = linear(
    "irfft",
    _c2r_impl,
    aval=lambda x, *, axis, n, norm: Spec(
        tuple(n if i == axis else m for i, m in enumerate(x.shape)), _real_of(x.dtype)
    ),
    transpose=lambda g, ans, x, *, axis, n, norm: _both_halves(r2c_p(g, axis=axis, norm=OTHER[norm]), axis, n, False),
    batch=lambda prim, args, b, *, axis, n, norm: prim(args[0], axis=axis + 1, n=n, norm=norm),
    notation="irfft({})",
    doc="Inverse transform of half spectra (n // 2 + 1 values over one axis) to n real values.",
    backward_name="FftC2RBackward0",
)


def _fit_impl(xp: Any, x: Any, *, shape: tuple[int, ...]) -> Any:
    y = xp.zeros(shape, x.dtype)
    part = tuple(slice(0, min(m, n)) for m, n in zip(x.shape, shape, strict=True))
    y[part] = x[part]
    return y


fit_p = linear(
    "fit",
    _fit_impl,
    aval=lambda x, *, shape: Spec(shape, x.dtype),
    transpose=lambda g, ans, x, *, shape: fit_p(g, shape=tuple(x.shape)),
    batch=lambda prim, args, b, *, shape: prim(args[0], shape=(raw_shape(args[0])[0], *shape)),
    notation="fit({})",
    doc="The leading elements along every dimension, cut or padded with zeros to `shape`.",
    backward_name="ConstantPadNdBackward0",
)

roll_p = linear(
    "fftshift",
    lambda xp, x, *, shifts, axes: xp.roll(x, shifts, axes) if axes else xp.array(x),
    aval=lambda x, **params: Spec(tuple(x.shape), x.dtype),
    transpose=lambda g, ans, x, *, shifts, axes: roll_p(g, shifts=tuple(-s for s in shifts), axes=axes),
    batch=lambda prim, args, b, *, shifts, axes: prim(args[0], shifts=shifts, axes=_shifted(axes)),
    notation="roll({})",
    doc="Cyclic shift along `axes`.",
    backward_name="RollBackward0",
)

# ---- arguments ------------------------------------------------------------------------------------------------------


def _norm(norm: Any) -> str:
    if norm is None:
        return "backward"
    if norm not in OTHER:
        raise ArgumentError(f'Invalid normalization mode: "{norm}"; write "backward", "ortho" or "forward"')
    return norm


def _real(name: str, x: Any) -> Any:
    dtype = raw_dtype(x)
    if dtype.kind == "c":
        kind = "ComplexFloat" if dtype.itemsize == 8 else "ComplexDouble"
        raise DTypeError(f"{name} expects a real input tensor, but got {kind}; write {name}(x.real)")
    return _wide(x) if is_inexact(dtype) else cast_p(x, dtype=default.float)


def _wide(x: Any) -> Any:
    return cast_p(x, dtype=np.dtype("f4")) if raw_dtype(x).itemsize == 2 else x


def _complex(x: Any) -> Any:
    dtype = raw_dtype(x)
    if dtype.kind == "c":
        return x
    return cast_p(x, dtype=_complex_of(dtype if is_inexact(dtype) else default.float))


def _points(n: Any) -> int:
    if n < 1:
        raise ArgumentError(f"Invalid number of data points ({n}) specified; write n >= 1")
    return int(n)


def _fitted(x: Any, sizes: dict[int, int]) -> Any:
    have = raw_shape(x)
    shape = tuple(sizes.get(i, n) for i, n in enumerate(have))
    for i in sizes:
        _points(shape[i])
    return x if shape == have else fit_p(x, shape=shape)


def _one(x: Any, dim: int, name: str) -> int:
    shape = raw_shape(x)
    if not shape:
        raise DimensionError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    return canonical_dim(dim, len(shape))


def _several(x: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], dict[int, int]]:
    """(axes in the order given, sizes asked for), after PyTorch's checks."""
    ndim = len(raw_shape(x))
    sizes = None if s is None else [int(n) for n in ((s,) if isinstance(s, int) else s)]
    if dim is None:
        if sizes is not None and len(sizes) > ndim:
            raise ShapeError(f"Got shape with {len(sizes)} values but input tensor only has {ndim} dimensions.")
        axes = tuple(range(ndim)) if sizes is None else tuple(range(ndim - len(sizes), ndim))
    else:
        axes = tuple(canonical_dim(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim))
        if len(set(axes)) != len(axes):
            raise ArgumentError(f"FFT dims must be unique: got {tuple(dim)}")
        if sizes is not None and len(sizes) != len(axes):
            raise ShapeError(
                f"When given, dim and shape arguments must have the same length: got {len(axes)} and {len(sizes)}"
            )
    return axes, {} if sizes is None else {a: n for a, n in zip(axes, sizes, strict=True) if n != -1}


def _c2c(x: Any, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    return c2c_p(x, axes=axes, inverse=inverse, norm=norm) if axes else x


# ---- one dimension --------------------------------------------------------------------------------------------------


def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """Fourier transform y_k = sum_j x_j exp(-2 pi i j k / n) over one dimension, cut or padded with zeros to n.

    Args:
        norm: "backward" (no factor, and 1/n for the inverse), "ortho" (1/sqrt(n) for both) or "forward" (1/n).

    >>> import chainrule as cr
    >>> cr.fft.fft(cr.tensor([1., 0., 0.])).real
    tensor([1., 1., 1.])
    """
    return fftn(input, None if n is None else (_points(n),), (_one(input, dim, "fft"),), norm, out=out)


def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of fft: x_j = 1/n sum_k y_k exp(2 pi i j k / n).

    Real or complex input; the result is complex.

    >>> import chainrule as cr
    >>> cr.fft.ifft(cr.tensor([4.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return ifftn(input, None if n is None else (_points(n),), (_one(input, dim, "ifft"),), norm, out=out)


def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """The n // 2 + 1 frequencies that are not negative of the Fourier transform of real values.

    Real input of any shape; complex result with n // 2 + 1 values along `dim`.

    >>> import chainrule as cr
    >>> cr.fft.rfft(cr.tensor([1.0, 0.0, 0.0, 0.0]))
    tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    return rfftn(input, None if n is None else (_points(n),), (_one(input, dim, "rfft"),), norm, out=out)


def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of rfft: n real values (default 2 (m - 1)) from m = n // 2 + 1 frequencies.

    Imaginary parts that real values cannot have (at frequency 0, and n / 2) are ignored.

    >>> import chainrule as cr
    >>> cr.fft.irfft(cr.fft.rfft(cr.tensor([1., 2., 4.])), n=3)
    tensor([1., 2., 4.])
    """
    return irfftn(input, None if n is None else (_points(n),), (_one(input, dim, "irfft"),), norm, out=out)


def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """Fourier transform, n real values, of a Hermitian signal given by its first half, n // 2 + 1 values.

    The result is real: float32 for complex64, float64 for complex128.

    >>> import chainrule as cr
    >>> cr.fft.hfft(cr.tensor([1.0, 2.0, 3.0]))
    tensor([ 8., -2.,  0., -2.])
    """
    return hfftn(input, None if n is None else (_points(n),), (_one(input, dim, "hfft"),), norm, out=out)


def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of hfft: the first half, n // 2 + 1 values, of a Hermitian signal from its n real frequencies.

    Real input; the result is complex: n // 2 + 1 values along `dim`.

    >>> import chainrule as cr
    >>> cr.fft.ihfft(cr.tensor([14.0, -4.0, 2.0, -4.0]))
    tensor([2.-0.j, 3.-0.j, 6.-0.j])
    """
    return ihfftn(input, None if n is None else (_points(n),), (_one(input, dim, "ihfft"),), norm, out=out)


# ---- several dimensions ---------------------------------------------------------------------------------------------


def fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Fourier transform over several dimensions (default: all, or the last len(s)), cut or padded to sizes `s`.

    Real or complex input; the result is complex.

    >>> import chainrule as cr
    >>> cr.fft.fftn(cr.eye(2))
    tensor([[2.+0.j, 0.+0.j],
            [0.+0.j, 2.+0.j]])
    """
    axes, sizes = _several(input, s, dim)
    return finish_out(out, _c2c(_fitted(_complex(input), sizes), axes, False, _norm(norm)))


def ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of fftn.

    Real or complex input; the result is complex.

    >>> import chainrule as cr
    >>> cr.fft.ifftn(cr.ones(2, 2))
    tensor([[1.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    axes, sizes = _several(input, s, dim)
    return finish_out(out, _c2c(_fitted(_complex(input), sizes), axes, True, _norm(norm)))


def _some(name: str, axes: tuple[int, ...]) -> tuple[int, ...]:
    if not axes:
        raise ShapeError(f"{name} must transform at least one axis, got dim=()")
    return axes


def rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Fourier transform of real values over several dimensions; the last of them is halved as by rfft.

    Real input, complex result.

    >>> import chainrule as cr
    >>> cr.fft.rfftn(cr.ones(3, 2, 4)).shape
    torch.Size([3, 2, 3])
    """
    x = _real("rfft", input)
    axes, sizes = _several(x, s, dim)
    x = _fitted(x, sizes)
    *rest, last = _some("rfftn", axes)
    half = r2c_p(x, axis=last, norm=_norm(norm))
    return finish_out(out, _c2c(half, tuple(rest), False, _norm(norm)))


def _to_real(name: str, input: Any, s: Any, dim: Any, norm: str, inverse: bool) -> Any:
    x = _complex(input)
    axes, sizes = _several(x, s, dim)
    *rest, last = _some(name, axes)
    n = _points(sizes.get(last, 2 * (raw_shape(x)[last] - 1)))
    x = _fitted(x, {**sizes, last: n // 2 + 1})
    x = _c2c(x, tuple(rest), inverse, norm)
    return c2r_p(x if inverse else conj(x), axis=last, n=n, norm=norm if inverse else OTHER[norm])


def irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of rfftn; the last size is 2 (m - 1) unless `s` says otherwise.

    Complex input, real result.

    >>> import chainrule as cr
    >>> cr.fft.irfftn(cr.ones(2, 3), s=(2, 5)).shape
    torch.Size([2, 5])
    """
    return finish_out(out, _to_real("irfftn", input, s, dim, _norm(norm), True))


def hfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Fourier transform of a signal that is Hermitian over several dimensions; the last is given by its first half.

    Complex input, real result.

    >>> import chainrule as cr
    >>> cr.fft.hfftn(cr.ones(2, 3)).shape
    torch.Size([2, 4])
    """
    return finish_out(out, _to_real("hfftn", input, s, dim, _norm(norm), False))


def ihfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Any = None) -> Any:
    """Inverse of hfftn.

    Real input, complex result.

    >>> import chainrule as cr
    >>> cr.fft.ihfftn(cr.ones(2, 4)).shape
    torch.Size([2, 3])
    """
    x = _real("ihfft", input)
    axes, sizes = _several(x, s, dim)
    x = _fitted(x, sizes)
    *rest, last = _some("ihfftn", axes)
    half = conj(r2c_p(x, axis=last, norm=OTHER[_norm(norm)]))
    return finish_out(out, _c2c(half, tuple(rest), True, _norm(norm)))


def _two(function: Any, name: str) -> Any:
    def op(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Any = None) -> Any:
        return function(input, s, dim, norm, out=out)

    op.__name__ = op.__qualname__ = name
    op.__doc__ = f"""{function.__name__} over two dimensions, by default the last two.

    Shapes, dtypes, `s` and `norm` as for {function.__name__}.

    >>> import chainrule as cr
    >>> cr.fft.{name}(cr.ones(2, 2)).shape
    torch.Size([2, 2])
    """
    return op


fft2, ifft2 = _two(fftn, "fft2"), _two(ifftn, "ifft2")
rfft2, irfft2 = _two(rfftn, "rfft2"), _two(irfftn, "irfft2")
hfft2, ihfft2 = _two(hfftn, "hfft2"), _two(ihfftn, "ihfft2")

# ---- frequencies ----------------------------------------------------------------------------------------------------


def _frequencies(values: np.ndarray, d: float, n: int, dtype: Any, requires_grad: bool, out: Any) -> Any:
    made = wrap((values / (n * d)).astype(default.float if dtype is None else numpy_dtype(dtype)))
    if out is not None:
        return finish_out(out, made)
    return made.requires_grad_() if requires_grad else made


def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None
) -> Any:
    """Frequencies of fft's result for n samples `d` apart: (0, 1, ..., -2, -1) / (n d).

    >>> import chainrule as cr
    >>> cr.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    values = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies(values, d, n, dtype, requires_grad, out)


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, out: Any = None
) -> Any:
    """Frequencies of rfft's result for n samples `d` apart: (0, 1, ..., n // 2) / (n d).

    A 1-D tensor of n // 2 + 1 elements in the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.fft.rfftfreq(5)
    tensor([0.0000, 0.2000, 0.4000])
    """
    return _frequencies(np.arange(n // 2 + 1), d, n, dtype, requires_grad, out)


def _centred(input: Any, dim: Any, back: bool) -> Any:
    shape = raw_shape(input)
    axes = canonical_dims(dim, len(shape))
    return roll_p(input, shifts=tuple((shape[a] + back) // 2 for a in axes), axes=axes)


def fftshift(input: Any, dim: Any = None) -> Any:
    """Move frequency 0 to the middle of the dimensions `dim` (default: all).

    >>> import chainrule as cr
    >>> cr.fft.fftshift(cr.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _centred(input, dim, False)


def ifftshift(input: Any, dim: Any = None) -> Any:
    """Undo fftshift.

    The result has the input's shape and dtype.

    >>> import chainrule as cr
    >>> cr.fft.ifftshift(cr.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _centred(input, dim, True)
