"""The argument out=: written where it lies, resized with a warning, refused where dtypes or gradients do not fit."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr

CALLS = """
abs(x); ceil(x); exp(x); log1p(x); neg(x); rsqrt(x); sgn(x); sigmoid(x); sign(x); sin(x); square(x); tanh(x)
trunc(x); erf(x); lgamma(x); digamma(x); logical_not(x); isposinf(x); reciprocal(x); round(x, decimals=1)
logit(x / 10); nan_to_num(x); frac(x); conj_physical(x); signbit(x); angle(x); i0(x); sinc(x); special.entr(x)
special.i1(x); special.ndtr(x); polygamma(1, x); mvlgamma(x + 3, 2); add(x, y); sub(x, y); mul(x, y); div(x, y)
div(x, y, rounding_mode="floor"); floor_divide(x, y); remainder(x, y); fmod(x, y); pow(x, y); float_power(x, y)
atan2(x, y); hypot(x, y); copysign(x, y); ldexp(x, y); logaddexp(x, y); maximum(x, y); fmin(x, y); heaviside(x, y)
nextafter(x, y); xlogy(x, y); eq(x, y); lt(x, y); ge(x, y); logical_and(x, y); igamma(x, y); lerp(x, y, 0.5)
addcmul(x, y, y); addcdiv(x, y, y); clamp(x, 1, 2); clamp_min(x, 1); clamp_max(x, 2); where(x > 1, x, y)
complex(x, y); polar(x, y); bitwise_and(x.int(), y.int()); gcd(x.int(), y.int()); dot(x[0], y[0]); inner(x, y)
outer(x[0], y[0]); vdot(x[0], y[0]); kron(x, y); cross(x, y, dim=1); matmul(x, x.T); mm(x, x.T); mv(x, x[0])
bmm(x[None], x.T[None]); addmm(t.ones(2, 2), x, x.T); addmv(t.ones(2), x, x[0]); addr(x, x[:, 0], x[0])
baddbmm(t.ones(1, 2, 2), x[None], x.T[None]); tensordot(x, x.T, 1); sum(x, 1); mean(x, 1); prod(x, 1); amax(x, 1)
argmax(x, 1); argmin(x, 1); all(x, 1); any(x, 1); std(x, 1); var(x, 1); logsumexp(x, 1); norm(x, 2, 1); nansum(x, 1)
nanmean(x, 1); quantile(x, 0.5, 1); max(x, 1); min(x, 1); median(x, 1); nanmedian(x, 1); mode(x, 1)
kthvalue(x, 1, 1); topk(x, 2); sort(x, 1); msort(x); cummax(x, 1); cummin(x, 1); aminmax(x, dim=1); frexp(x)
cumsum(x, 1); cumprod(x, 1); logcumsumexp(x, 1); diff(x); cat([x, y]); stack([x, y]); hstack([x, y]); vstack([x, y])
dstack([x, y]); column_stack([x, y]); index_select(x, 0, i[:1]); gather(x, 0, i[None]); take(x, i); nonzero(x)
take_along_dim(x, t.tensor([[0], [1]]), 1); masked_select(x, x > 1); scatter(x, 0, i[None], y)
scatter_add(x, 0, i[None], y); scatter_reduce(x, 0, i[None], y, "sum"); index_add(x, 0, i[:1], y[:1])
index_copy(x, 0, i[:1], y[:1]); renorm(x, 2, 0, 1.0); index_reduce(x, 0, i[:1], y[:1], "mean"); isin(x, y)
searchsorted(x[0], y); bucketize(x, x[0]); tril(x); triu(x); diag(x); softmax(x, 1); log_softmax(x, 1)
linalg.cholesky(m); linalg.inv(m); linalg.det(m); linalg.slogdet(m); linalg.solve(m, x); linalg.qr(x)
linalg.svdvals(x); linalg.eigvalsh(m); linalg.pinv(x); linalg.matrix_power(m, 2); linalg.matrix_norm(x)
linalg.vector_norm(x); linalg.lu(x); linalg.lu_factor(m); linalg.multi_dot([x, x.T]); linalg.cond(m); inverse(m)
cholesky_solve(x, linalg_L); cholesky_inverse(linalg_L); geqrf(x); fft.fft(x); fft.rfft(x); fft.irfft(x)
fft.fftn(x); zeros(2, 3); ones(2, 3); full((2, 3), 7.0); arange(0.0, 3.0); linspace(0, 1, 3); logspace(0, 1, 3)
eye(2); view_copy(x, (3, 2)); normal(x, x * 0); histc(x, 3)
"""
EACH = [call.strip() for line in CALLS.strip().split("\n") for call in line.split("; ")]
# without derivatives in torch, or written there in pieces, it takes an `out` although an operand requires grad
GRAD_PASSES = (
    *("special.ndtr", "conj_physical", "diag", "floor_divide", "heaviside", "inner", "tensordot", "quantile", "cond"),
    *("linalg.matrix_norm", "linalg.cond", "softmax", "log_softmax", "histc", "view_copy", "normal", "geqrf"),
)


def called(t, call, **extra):
    """The call with further arguments, in torch or chainrule."""
    x = t.tensor([[1.0, 2.0, 3.0], [2.0, 1.0, 5.0]], requires_grad=extra.pop("grad", False))
    y, i, m = x.detach() + 1, t.tensor([0, 1, 0]), x.detach() @ x.detach().T
    names = {"t": t, "x": x, "y": y, "i": i, "m": m, "linalg_L": t.linalg.cholesky(m), **extra}
    with_out = f"{call[:-1]}, out=out)" if "out" in extra else call
    return eval(f"t.{with_out}", names)


def shaped_like(t, made, change):
    """Tensors to write into: (shape, dtype name) of each result, changed."""
    if isinstance(made, tuple):
        return tuple(shaped_like(t, one, change) for one in made)
    return change(t, tuple(made.shape), str(made.dtype).split(".")[-1])


def flat(made):
    return [a for one in made for a in flat(one)] if isinstance(made, (tuple, list)) else [made]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


def right(t, shape, name):
    return t.empty(shape, dtype=getattr(t, name))


def strided(t, shape, name):
    return t.empty((*shape, 2), dtype=getattr(t, name))[..., 0]


def empty(t, shape, name):
    return t.empty(0, dtype=getattr(t, name))


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of functions that it deprecates
@pytest.mark.parametrize("change", [right, strided, empty], ids=lambda f: f.__name__)
@pytest.mark.parametrize("call", EACH)
def test_out_takes_what_the_function_returns(torch, call, change):
    expected = called(torch, call)
    out = shaped_like(cr, expected, change)
    addresses = [o.data_ptr() for o in flat(out)]
    returned = called(cr, call, out=out)
    for theirs, ours, back, address in zip(flat(expected), flat(out), flat(returned), addresses, strict=True):
        assert back is ours and str(theirs.dtype) == str(ours.dtype)
        assert change is empty or ours.data_ptr() == address
        np.testing.assert_allclose(ours.numpy(), theirs.resolve_conj().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("call", [c for c in EACH if not c.startswith(("zeros", "ones", "full", "arange", "linspace"))])
def test_an_out_of_another_shape_is_resized_with_a_warning(call):
    if call.startswith(("logspace", "eye", "normal")):
        return  # these resize without a word, as in torch
    expected = called(cr, call)
    out = shaped_like(cr, expected, lambda t, shape, name: t.empty(7, dtype=getattr(t, name)))
    with pytest.warns(UserWarning, match="An output with one or more elements was resized since it had shape \\[7\\]"):
        called(cr, call, out=out)
    for ours, theirs in zip(flat(out), flat(expected), strict=True):
        assert ours.shape == theirs.shape


@pytest.mark.parametrize(
    "call", ["add(x, y)", "exp(x)", "sum(x, 1)", "mm(x, x.T)", "where(x > 1, x, y)", "cat([x, y])"]
)
def test_an_out_whose_dtype_cannot_hold_the_result_is_refused_and_left_alone(call):
    out = shaped_like(cr, called(cr, call), lambda t, shape, name: t.full(shape, 7, dtype=t.int32))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type int32"):
        called(cr, call, out=out)
    assert bool((out == 7).all())


@pytest.mark.oracle
@pytest.mark.parametrize("call", EACH)
def test_an_out_does_not_go_together_with_gradients(torch, call):
    made = called(cr, call)
    differentiable = all(o.dtype.is_floating_point or o.dtype.is_complex for o in flat(made)) and "x" in call
    if not differentiable or call.startswith(GRAD_PASSES) or "> 1)" in call:
        return
    out = shaped_like(cr, made, right)
    with_grad = called(cr, call, grad=True)
    if not flat(with_grad)[0].requires_grad:
        return
    for t in (cr, torch):
        if t is torch and call.startswith(("linalg.", "inverse", "cholesky")):
            continue
        with pytest.raises(RuntimeError, match="out=.* arguments don't support automatic differentiation"):
            called(t, call, grad=True, out=out if t is cr else shaped_like(t, made, right))


def test_an_out_that_requires_grad_is_refused():
    out = cr.zeros(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        cr.add(cr.ones(2), cr.ones(2), out=out)
    with cr.no_grad():  # nothing is recorded, so it may
        cr.add(cr.ones(2), cr.ones(2), out=out)
    assert out.tolist() == [2.0, 2.0]


def test_an_out_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="argument 'out' must be Tensor, not list"):
        cr.add(cr.ones(2), cr.ones(2), out=[0.0, 0.0])


def test_an_out_may_be_an_operand():
    x = cr.tensor([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cr.add(x, x, out=x)
        cr.matmul(cr.eye(2), x, out=x)
    assert x.tolist() == [2.0, 4.0]
