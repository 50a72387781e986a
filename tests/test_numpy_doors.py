"""NumPy's functions work on tensors: values are NumPy's, gradients are right, unknown functions say so."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import chainrule as cr

rng = np.random.default_rng(0)
V = rng.uniform(0.2, 0.9, 5)
W = rng.uniform(0.2, 0.9, 5)
M = rng.uniform(0.2, 0.9, (3, 4))
N = rng.uniform(0.2, 0.9, (4, 3))
A = rng.standard_normal((3, 3)) + 3 * np.eye(3)
S = A @ A.T
C = rng.standard_normal((2, 3, 4))
I = np.array([2, 0, 1])  # noqa: E741
MASK = np.array([[True, False, True, True]] * 3)
BAD = np.where(MASK, M, np.nan)

UFUNCS_1 = (  # noqa: SIM905
    "negative positive absolute fabs rint sign conjugate exp exp2 log log2 log10 expm1 log1p sqrt square cbrt "
    "reciprocal sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh degrees radians deg2rad rad2deg floor "
    "ceil trunc isfinite isinf isnan signbit logical_not"
).split()
UFUNCS_2 = (  # noqa: SIM905
    "add subtract multiply divide true_divide floor_divide power float_power remainder mod fmod arctan2 hypot maximum "
    "minimum fmax fmin copysign logaddexp logaddexp2 greater greater_equal less less_equal equal not_equal heaviside "
    "logical_and logical_or logical_xor nextafter"
).split()
SPECIAL = "erf erfc erfinv expit gammaln digamma psi ndtr ndtri log_ndtr entr erfcx i0 i0e i1 i1e logit".split()  # noqa: SIM905

CALLS = {
    # reductions and scans
    "sum": (lambda x: np.sum(x), M),
    "sum axis": (lambda x: np.sum(x, axis=(0, 2), keepdims=True), C),
    "sum method of where": (lambda x: np.sum(x, axis=1, initial=2.0, where=MASK), M),
    "prod": (lambda x: np.prod(x, axis=(0, 1)), M),
    "max": (lambda x: np.max(x, axis=1), M),
    "max initial": (lambda x: np.max(x, axis=1, initial=0.5), M),
    "amin": (lambda x: np.amin(x, axis=0, keepdims=True), M),
    "all": (lambda x: np.all(x > 0.5, axis=0), M),
    "any": (lambda x: np.any(x > 0.5), M),
    "mean": (lambda x: np.mean(x, axis=0), M),
    "mean where": (lambda x: np.mean(x, axis=1, where=MASK), M),
    "std": (lambda x: np.std(x, axis=1), M),
    "var ddof": (lambda x: np.var(x, ddof=1), M),
    "average": (lambda x, w: np.average(x, axis=1, weights=w), M, N[:, 0]),
    "ptp": (lambda x: np.ptp(x, axis=0), M),
    "argmax": (lambda x: np.argmax(x, axis=1), M),
    "argmin keepdims": (lambda x: np.argmin(x, keepdims=True), M),
    "cumsum": (lambda x: np.cumsum(x), M),
    "cumprod axis": (lambda x: np.cumprod(x, axis=1), M),
    "nansum": (lambda x: np.nansum(x, axis=0), BAD),
    "nanprod": (lambda x: np.nanprod(x, axis=0), BAD),
    "nanmean": (lambda x: np.nanmean(x, axis=1), BAD),
    "nanmax": (lambda x: np.nanmax(x, axis=1), BAD),
    "nanmin": (lambda x: np.nanmin(x), BAD),
    "nanvar": (lambda x: np.nanvar(x, axis=1, ddof=1), BAD),
    "nanstd": (lambda x: np.nanstd(x), BAD),
    "median": (lambda x: np.median(x, axis=1), M),
    "median all": (lambda x: np.median(x), M),
    "quantile": (lambda x: np.quantile(x, [0.1, 0.6], axis=1), M),
    "percentile keepdims": (lambda x: np.percentile(x, 30, axis=0, keepdims=True), M),
    "quantile axes": (lambda x: np.quantile(x, 0.3, axis=(0, 2)), C),
    "cov": (lambda x: np.cov(x), M),
    "corrcoef": (lambda x: np.corrcoef(x, rowvar=False), M),
    "diff": (lambda x: np.diff(x, n=2, axis=1, prepend=0.0), M),
    "ediff1d": (lambda x: np.ediff1d(x, to_end=1.0), V),
    "gradient": (lambda x: np.gradient(x), V),
    "gradient 2d": (lambda x: np.gradient(x, 0.5), M),
    "trapezoid": (lambda y, x: np.trapezoid(y, x), V, np.cumsum(W)),
    # shapes
    "reshape": (lambda x: np.reshape(x, (2, -1)), M),
    "ravel": (lambda x: np.ravel(x), M),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), C),
    "transpose all": (lambda x: np.transpose(x), C),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 2), C),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), C),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 0), C),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), M),
    "squeeze": (lambda x: np.squeeze(x[:1]), M),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 5)), V),
    "broadcast_arrays": (lambda x, y: np.broadcast_arrays(x, y), V, M[:, :1]),
    "concatenate": (lambda x, y: np.concatenate([x, y], axis=1), M, N.T),
    "concatenate flat": (lambda x, y: np.concatenate((x, y), axis=None), M, N),
    "stack": (lambda x, y: np.stack([x, y], axis=-1), V, W),
    "vstack": (lambda x, y: np.vstack([x, y]), V, W),
    "hstack": (lambda x, y: np.hstack([x, y]), V, W),
    "dstack": (lambda x, y: np.dstack([x, y]), V, W),
    "column_stack": (lambda x, y: np.column_stack([x, y]), V, W),
    "block": (lambda x: np.block([[x, np.zeros((3, 3))], [np.ones((3, 3)), x]]), A),
    "append": (lambda x, y: np.append(x, y), V, M),
    "split": (lambda x: np.split(x, 2, axis=1), M),
    "array_split": (lambda x: np.array_split(x, 3), V),
    "hsplit": (lambda x: np.hsplit(x, [1, 2]), M),
    "tile": (lambda x: np.tile(x, (2, 3)), V),
    "repeat": (lambda x: np.repeat(x, 2, axis=0), M),
    "repeat counts": (lambda x: np.repeat(x, [1, 0, 2], axis=0), M),
    "roll": (lambda x: np.roll(x, (1, 2), axis=(0, 1)), M),
    "flip": (lambda x: np.flip(x), M),
    "rot90": (lambda x: np.rot90(x, 3), M),
    "atleast_2d": (lambda x: np.atleast_2d(x), V),
    "atleast_3d": (lambda x: np.atleast_3d(x), V),
    "diag": (lambda x: np.diag(x, 1), V),
    "diagonal": (lambda x: np.diagonal(x, 1, 1, 2), C),
    "tril": (lambda x: np.tril(x, -1), M),
    "triu": (lambda x: np.triu(x), M),
    "vander": (lambda x: np.vander(x, 3), V),
    "meshgrid": (lambda x, y: np.meshgrid(x, y), V, W[:2]),
    "pad": (lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=((1, 2), (3, 4))), M),
    "pad reflect": (lambda x: np.pad(x, 2, mode="reflect"), M),
    "pad wrap": (lambda x: np.pad(x, (1, 3), mode="wrap"), V),
    "resize": (lambda x: np.resize(x, (2, 4)), V),
    "delete": (lambda x: np.delete(x, [1, 2], axis=1), M),
    "insert": (lambda x: np.insert(x, 2, 7.0), V),
    "insert rows": (lambda x: np.insert(x, 1, 7.0, axis=0), M),
    "sliding_window_view": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), V),
    "real": (lambda x: np.real(x), M),
    # choosing, sorting, searching
    "where": (lambda x, y: np.where(MASK, x, y), M, N.T),
    "where number": (lambda x: np.where(x > 0.5, x, 0.0), M),
    "clip": (lambda x: np.clip(x, 0.3, 0.7), M),
    "select": (lambda x: np.select([x > 0.7, x > 0.4], [x * 2, x * 3], 1.0), M),
    "piecewise": (lambda x: np.piecewise(x, [x < 0.5, x >= 0.5], [lambda v: v * 2, lambda v: v**2]), V),
    "choose": (lambda x, y: np.choose(np.array([0, 1, 1, 0, 1]), [x, y]), V, W),
    "take": (lambda x: np.take(x, I, axis=0), M),
    "take flat": (lambda x: np.take(x, [[0, 5], [7, 1]]), M),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.argsort(M, axis=1), axis=1), M),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0), M),
    "extract": (lambda x: np.extract(MASK, x), M),
    "interp": (lambda x, y: np.interp(x, [0.1, 0.4, 0.95], y), V, W[:3]),
    "sort": (lambda x: np.sort(x, axis=0), M),
    "sort flat": (lambda x: np.sort(x, axis=None), M),
    "argsort": (lambda x: np.argsort(x), M),
    "searchsorted": (lambda x: np.searchsorted([0.3, 0.5, 0.7], x), V),
    "digitize": (lambda x: np.digitize(x, [0.3, 0.5, 0.7]), V),
    "nonzero": (lambda x: np.nonzero(x > 0.5), M),
    "flatnonzero": (lambda x: np.flatnonzero(x > 0.5), M),
    "argwhere": (lambda x: np.argwhere(x > 0.5), M),
    "count_nonzero": (lambda x: np.count_nonzero(x > 0.5, axis=0), M),
    "unique": (lambda x: np.unique(np.round(x, 1)), M),
    "isin": (lambda x: np.isin(x, V[:2]), V),
    "histogram": (lambda x: np.histogram(x, 4), M),
    "isclose": (lambda x: np.isclose(x, x + 1e-9), M),
    "round": (lambda x: np.round(x, 1), M),
    "nan_to_num": (lambda x: np.nan_to_num(x), BAD),
    "sinc": (lambda x: np.sinc(x), V),
    "polyval": (lambda p, x: np.polyval(p, x), V, W),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda r: r[:2] * r[0], 1, x), M),
    "linspace": (lambda x: np.linspace(x, 2.0, 4), V),
    "copy": (lambda x: np.copy(x), M),
    "shape": (lambda x: np.shape(x), M),
    # products and linear algebra
    "dot": (lambda x, y: np.dot(x, y), M, N),
    "dot nd": (lambda x, y: np.dot(x, y), C, C.transpose(0, 2, 1)),
    "dot vector": (lambda x, y: np.dot(x, y), C, M[0]),
    "vdot": (lambda x, y: np.vdot(x, y), M, N.T),
    "inner": (lambda x, y: np.inner(x, y), C, M),
    "outer": (lambda x, y: np.outer(x, y), M, V),
    "tensordot": (lambda x, y: np.tensordot(x, y, axes=([1, 2], [0, 1])), C, M),
    "tensordot 1": (lambda x, y: np.tensordot(x, y, 1), C, N),
    "einsum": (lambda x, y: np.einsum("ij,jk->ki", x, y), M, N),
    "einsum lists": (lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]), M, N),
    "kron": (lambda x, y: np.kron(x, y), A, M),
    "cross": (lambda x, y: np.cross(x, y), A, S),
    "trace": (lambda x: np.trace(x, 1), A),
    "matmul": (lambda x, y: np.matmul(x, y), C, N),
    "vecdot": (lambda x, y: np.vecdot(x, y), M, N.T),
    "convolve": (lambda x, y: np.convolve(x, y), V, W[:3]),
    "convolve same": (lambda x, y: np.convolve(x, y, "same"), V, W[:3]),
    "convolve valid": (lambda x, y: np.convolve(x, y, "valid"), V, W[:3]),
    "correlate": (lambda x, y: np.correlate(x, y, "full"), V, W[:3]),
    "inv": (lambda x: np.linalg.inv(x), A),
    "det": (lambda x: np.linalg.det(x), A),
    "slogdet": (lambda x: np.linalg.slogdet(x), A),
    "solve vector": (lambda x, y: np.linalg.solve(x, y), A, V[:3]),
    "solve matrix": (lambda x, y: np.linalg.solve(x, y), A, M),
    "cholesky": (lambda x: np.linalg.cholesky((x + x.T) / 2), S),
    "svd values": (lambda x: np.linalg.svd(x, compute_uv=False), M),
    "eigvalsh": (lambda x: np.linalg.eigvalsh((x + x.T) / 2), S),
    "pinv": (lambda x: np.linalg.pinv(x), M),
    "matrix_power": (lambda x: np.linalg.matrix_power(x, 3), A),
    "matrix_rank": (lambda x: np.linalg.matrix_rank(x), M),
    "norm": (lambda x: np.linalg.norm(x), M),
    "norm axis": (lambda x: np.linalg.norm(x, ord=1, axis=1), M),
    "norm nuclear": (lambda x: np.linalg.norm(x, "nuc"), M),
    "cond": (lambda x: np.linalg.cond(x), A),
    "lstsq": (lambda x, y: np.linalg.lstsq(x, y, rcond=None)[0], N, W[:4]),
    "multi_dot": (lambda x, y: np.linalg.multi_dot([x, y, x]), M, N),
    "fft": (lambda x: np.abs(np.fft.fft(x)), V),
    "rfft irfft": (lambda x: np.fft.irfft(np.fft.rfft(x, axis=0), n=3, axis=0), M),
    "fft2": (lambda x: np.real(np.fft.fft2(x, norm="ortho")), M),
    "fftshift": (lambda x: np.fft.fftshift(x), V),
}
for _f in UFUNCS_1:
    CALLS[_f] = (getattr(np, _f), M)
for _f in UFUNCS_2:
    CALLS[_f] = (getattr(np, _f), M, N.T)
for _f in SPECIAL:
    CALLS[f"special.{_f}"] = (getattr(scipy.special, _f), M)
for _f in ("gamma", "exp10", "log_expit"):
    CALLS[f"special.{_f}"] = (getattr(scipy.special, _f), M - 1.3)
for _f in ("beta", "betaln", "rel_entr", "kl_div", "huber", "pseudo_huber"):
    CALLS[f"special.{_f}"] = (getattr(scipy.special, _f), M + 2.0, N.T + 2.0)
FLAT = {"histogram", "floor_divide", "heaviside"}  # no derivative: asking for one is an error
CALLS["arccosh"] = (np.arccosh, M + 1.5)


def flat(result):
    if isinstance(result, (tuple, list)):
        return [x for r in result for x in flat(r)]
    return [result]


def values(x):
    return np.asarray(x.detach().numpy() if isinstance(x, cr.Tensor) else x)


@pytest.mark.parametrize("name", CALLS)
def test_value_is_numpys_and_derivative_is_right(name):
    function, *arrays = CALLS[name]
    expected = flat(function(*arrays))
    tensors = [cr.tensor(a, requires_grad=True) for a in arrays]
    found = flat(function(*tensors))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert values(a).shape == np.shape(b)
        assert values(a).dtype.kind == np.asarray(b).dtype.kind or np.asarray(b).dtype.kind in "iu"
        np.testing.assert_allclose(values(a), b, rtol=1e-7, atol=1e-10)
    smooth = [i for i, y in enumerate(found) if isinstance(y, cr.Tensor) and y.requires_grad]
    if not smooth:
        return
    weights = [np.random.default_rng(i).standard_normal(np.shape(expected[i])) for i in smooth]
    directions = [np.random.default_rng(9 + i).standard_normal(a.shape) for i, a in enumerate(arrays)]
    loss = sum((found[i] * cr.tensor(w)).sum() for i, w in zip(smooth, weights, strict=True))
    if name in FLAT:
        with pytest.raises(RuntimeError, match="derivative for"):
            loss.backward()
        return
    grads = cr.autograd.grad(loss, tensors, allow_unused=True, materialize_grads=True)
    slope = sum(np.nansum(values(g) * d) for g, d in zip(grads, directions, strict=True))

    def at(t):
        outs = flat(function(*[a + t * d for a, d in zip(arrays, directions, strict=True)]))
        return sum(np.sum(outs[i] * w) for i, w in zip(smooth, weights, strict=True))

    h = 1e-6
    np.testing.assert_allclose(slope, (at(h) - at(-h)) / (2 * h), rtol=2e-4, atol=2e-6)


# ---- operators and ufunc methods ------------------------------------------------------------------------------------


def test_array_and_tensor_mix_in_operators():
    a, t = np.arange(3.0), cr.tensor([1.0, 2.0, 3.0], dtype=cr.float64, requires_grad=True)
    for y in (a * t, t * a, a + t, a - t, a / t, a @ t, a**t, a < t, np.float64(2) * t, t - np.float32(1), 2 * t):
        assert isinstance(y, cr.Tensor)
    (a @ t).backward()
    assert t.grad.tolist() == [0, 1, 2]


def test_ufunc_methods():
    t = cr.tensor(M, requires_grad=True)
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum):
        np.testing.assert_allclose(values(ufunc.reduce(t)), ufunc.reduce(M))
        np.testing.assert_allclose(values(ufunc.reduce(t, axis=None)), ufunc.reduce(M, axis=None))
        np.testing.assert_allclose(values(ufunc.accumulate(t, axis=1)), ufunc.accumulate(M, axis=1))
    np.testing.assert_allclose(values(np.add.reduce(t, axis=1, initial=3, where=MASK)), M.sum(1, initial=3, where=MASK))
    np.testing.assert_allclose(values(np.subtract.outer(V, t)), np.subtract.outer(V, M))
    np.testing.assert_allclose(values(np.add(t, 1, dtype=np.float32)), np.add(M, 1, dtype=np.float32))
    q, r = np.divmod(t, 0.3)
    np.testing.assert_allclose(values(q * 0.3 + r), M)


def test_add_at_accumulates():
    t = cr.zeros(3)
    np.add.at(t, [0, 0, 2], 1.0)
    assert t.tolist() == [2, 0, 1]


def test_out_writes_into_tensors_and_arrays():
    x = cr.tensor([1.0, 2.0])
    out = cr.zeros(2)
    assert np.exp(x, out=out) is out and out.tolist() == x.exp().tolist()
    array = np.zeros(2)
    assert np.multiply(x, 3, out=array) is array and array.tolist() == [3, 6]
    array += x
    assert array.tolist() == [4, 8]
    masked = cr.zeros(2)
    np.add(x, 1, out=masked, where=np.array([True, False]))
    assert masked.tolist() == [2, 0]
    np.sum(cr.ones(2, 2), axis=0, out=masked)
    assert masked.tolist() == [2, 2]


def test_out_into_a_tensor_is_differentiable():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    out = cr.zeros(2)
    np.square(x, out=out)
    out.sum().backward()
    assert x.grad.tolist() == [2, 4]


def test_out_refuses_an_array_for_a_recorded_result():
    a, t = np.zeros(2), cr.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match="a = a \\+ t"):
        a += t
    assert a.tolist() == [0, 0]


def test_writes_through_numpy_functions():
    t = cr.zeros(3, 3)
    np.copyto(t, np.ones(3))
    np.fill_diagonal(t, 5.0)
    np.put(t, [1, 2], [7.0])
    assert t.tolist() == [[5, 7, 7], [1, 5, 1], [1, 1, 5]]


UNKNOWN = [
    (lambda t: np.packbits(t), "numpy.*packbits"),
    (lambda t: np.spacing(t), "numpy.spacing"),
    (lambda t: np.multiply.at(t, [0], 2.0), "numpy.multiply.at"),
    (lambda t: np.pad(t, 1, mode="mean"), "mode='mean'"),
    (lambda t: np.reshape(t, (2, 1), order="F"), "order"),
    (lambda t: np.polyfit(t, t, 1, cov=True), "cov=True"),
    (lambda t: scipy.special.jv(1.0, t), "jv"),
]


@pytest.mark.parametrize(("call", "match"), UNKNOWN)
def test_unknown_functions_name_the_nearest_op(call, match):
    with pytest.raises(TypeError, match=match) as caught:
        call(cr.tensor([0.3, 0.4], requires_grad=True))
    assert "the nearest is chainrule." in str(caught.value)


def test_a_numpy_program_is_differentiable_unchanged():
    def loss(w, x, y):  # written for arrays
        h = np.tanh(np.dot(x, w))
        return np.mean((np.sum(h, axis=1) - y) ** 2) + 0.1 * np.linalg.norm(w)

    x, y = np.random.default_rng(1).standard_normal((6, 4)), np.arange(6.0)
    w = cr.tensor(N, requires_grad=True)
    loss(w, x, y).backward()
    h = 1e-6
    bumped = N.copy()
    bumped[1, 2] += h
    lowered = N.copy()
    lowered[1, 2] -= h
    assert abs(float(w.grad[1, 2]) - (loss(bumped, x, y) - loss(lowered, x, y)) / (2 * h)) < 1e-6


def test_numpy_functions_inside_transformations():
    f = lambda x: np.sum(np.sin(x) * np.array([1.0, 2.0]))  # noqa: E731
    x = cr.tensor([0.5, 1.0], dtype=cr.float64)
    np.testing.assert_allclose(values(cr.func.grad(f)(x)), np.cos([0.5, 1.0]) * [1, 2])
    assert tuple(cr.func.vmap(f)(cr.stack([x, x])).shape) == (2,)
    assert tuple(cr.func.hessian(f)(x).shape) == (2, 2)


def test_other_libraries_get_their_say():
    class Other:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return "other"

    assert np.add(cr.ones(1), Other()) == "other"


def test_assigning_a_recorded_value_to_an_array_warns_that_its_gradient_ends():
    x, out = cr.tensor(2.0, requires_grad=True), np.zeros(2)
    with pytest.warns(UserWarning, match=r"gradient ends there. Write tensor.item\(\) if that is meant") as found:
        out[0] = x * 3
    assert found[0].filename == __file__
    assert out[0] == 6.0
    with pytest.warns(UserWarning, match="gradient ends there"):
        cr.func.grad(lambda v: stored(out, v) * v)(x.detach())


def stored(out, v):
    out[1] = v
    return v


def test_a_float_that_is_asked_for_and_a_constant_assign_quietly():
    x, out = cr.tensor(2.0, requires_grad=True), np.zeros(3)
    out[0], out[1], out[2] = float(x), x.item(), x.detach()
    values = [0.0]
    values[0] = float(x * 2)
    assert [*out, *values] == [2.0, 2.0, 2.0, 4.0]
