"""Gradients of real losses of complex functions, first and second order, in PyTorch's convention."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

CALLS = """
t.abs(x); t.acos(x); t.acosh(x); t.asin(x); t.asinh(x); t.atan(x); t.atanh(x); t.cos(x); t.cosh(x); t.exp(x)
t.exp2(x); t.expm1(x); t.log(x); t.log10(x); t.log1p(x); t.log2(x); t.neg(x); t.positive(x); t.reciprocal(x)
t.rsqrt(x); t.sgn(x); t.sigmoid(x); t.sin(x); t.sinc(x); t.sinh(x); t.sqrt(x); t.square(x); t.tan(x); t.tanh(x)
t.conj(x); t.real(x); t.imag(x); t.angle(x); t.conj_physical(x); t.resolve_conj(x); t.view_as_real(x); t.add(x, y)
t.sub(x, y); t.mul(x, y); t.div(x, y); t.pow(x, y); t.pow(x, 2); t.pow(x, 2.5); t.pow(x, 3); t.pow(x, -1)
t.pow(x, 0.5); t.pow(2.0, x); t.pow(x, 1j); t.float_power(x, y); t.lerp(x, y, 0.3); t.lerp(x, y, y)
t.addcmul(x, x, y); t.addcdiv(x, x, y); t.where(m, x, y); t.rsub(x, y); t.true_divide(x, y); t.logaddexp(x, y)
t.sum(x); t.mean(x); t.prod(x); t.prod(x, 1); t.std(x); t.var(x, 1); t.var(x, 1, correction=0); t.std_mean(x, 1)[1]
t.norm(x); t.norm(x, 1); t.norm(x, 3); t.norm(x, float('inf')); t.norm(x, 2, 1); t.cumsum(x, 1); t.cumprod(x, 1)
t.logcumsumexp(x, 1); t.logsumexp(x, 1); t.diff(x); t.trapezoid(x); t.cumulative_trapezoid(x); t.gradient(x)[0]
t.cov(x); t.corrcoef(x); t.dist(x, y); t.reshape(x, (9, )); t.flip(x, (0, )); t.roll(x, 1); t.rot90(x)
t.tile(x, (2, 1)); t.cat([x, y]); t.stack([x, y]); t.split(x, 1)[1]; t.diag(x); t.diagonal(x); t.diag_embed(x)
t.tril(x); t.triu(x); t.trace(x); t.kron(x, y); t.block_diag(x, y); t.index_select(x, 0, i); t.gather(x, 0, ij)
t.scatter(x, 0, ij, y); t.scatter_add(x, 0, ij, y); t.index_add(x, 0, i, y); t.index_copy(x, 0, i, y)
t.masked_select(x, m); t.masked_fill(x, m, 0); t.take(x, i); t.take_along_dim(x, ij, 1); t.repeat_interleave(x, 2)
t.diagonal_scatter(x, y[0]); t.index_put(x, (i, ), y); t.matmul(x, y); t.mm(x, y); t.mv(x, y[0]); t.dot(x[0], y[0])
t.vdot(x[0], y[0]); t.inner(x, y); t.outer(x[0], y[0]); t.einsum('ij, kj->ik', x, y); t.tensordot(x, y, 1)
t.addmm(x, x, y); t.addmv(x[0], x, y[0]); t.addr(x, x[0], y[0]); t.bmm(x[None], y[None])
t.baddbmm(x[None], x[None], y[None]); t.chain_matmul(x, y, x); t.cross(x, y, dim=1); t.nn.functional.linear(x, y)
t.nn.functional.linear(x, y, y[0]); t.nn.functional.conv1d(x[None], y[:, :, None])
t.nn.functional.conv2d(x[None, None], y[None, None, :2, :2])
t.nn.functional.conv_transpose1d(x[None], y[:, :, None]); t.nn.functional.pad(x, (1, 1))
t.nn.functional.pad(x[None], (1, 1), 'reflect'); t.nn.functional.pad(x[None], (1, 1), 'replicate')
t.nn.functional.pad(x[None], (1, 1), 'circular'); t.nn.functional.tanhshrink(x); t.nn.functional.softsign(x)
t.nn.functional.l1_loss(x, y); t.nn.functional.normalize(x); t.nn.functional.unfold(x[None, None], 2)
t.nn.functional.fold(x.reshape(1, 9, 1)[:, :4], (2, 2), (2, 2)); t.linalg.inv(x); t.linalg.det(x)
t.linalg.slogdet(x)[1]; t.linalg.slogdet(x)[0]; t.logdet(x); t.linalg.solve(x, y)
t.linalg.solve_triangular(x.tril(), y, upper=False); t.linalg.cholesky(x@x.mH+5*e); t.linalg.qr(x).R
t.linalg.svdvals(x); t.linalg.eigvalsh(x+x.mH); t.linalg.eigvals(x); t.linalg.eigh(x+x.mH)[0]; t.linalg.pinv(x)
t.linalg.matrix_power(x, 3); t.linalg.matrix_power(x, -2); t.linalg.matrix_exp(x); t.linalg.matrix_norm(x)
t.linalg.matrix_norm(x, 'nuc'); t.linalg.matrix_norm(x, 2); t.linalg.matrix_norm(x, 1); t.linalg.vector_norm(x)
t.linalg.vector_norm(x, 3); t.linalg.multi_dot([x, y, x]); t.linalg.lu(x)[2]; t.linalg.lu_factor(x)[0]
t.linalg.lu_solve(*t.linalg.lu_factor(x), y); t.linalg.tensorsolve(x, y[0]); t.linalg.tensorinv(x, 1)
t.linalg.cond(x); t.linalg.lstsq(x, y)[0]; t.linalg.vecdot(x, y); t.linalg.cross(x, y)
t.linalg.householder_product(x, y[0]); t.cholesky_solve(y, t.linalg.cholesky(x@x.mH+5*e))
t.cholesky_inverse(t.linalg.cholesky(x@x.mH+5*e)); t.linalg.diagonal(x); t.renorm(x, 2, 0, 1.0); t.nuclear_norm(x)
t.fft.fft(x); t.fft.ifft(x); t.fft.fftn(x); t.fft.ifftn(x); t.fft.fft2(x, norm='ortho'); t.fft.irfft(x)
t.fft.irfftn(x); t.fft.hfft(x); t.fft.hfftn(x); t.fft.fftshift(x); t.fft.rfft(x.real); t.fft.fft(x, n=2)
t.fft.fft(x, n=5); t.fft.irfft(x, n=5); t.fft.irfft2(x); t.complex(x.real, y.imag); t.polar(x.abs(), y.imag)
t.view_as_complex(t.view_as_real(x)*2); x*2j; x/(1+1j); 2j/x; x**2; (1+2j)**x; x.abs()**2; x.conj()*x
(x*y.conj()).real; x.mH@y; x.T.conj(); x.to(t.complex64).to(t.complex128); x.real*x.imag; x[0]*x[:, 1]; x.imag.sin()
t.sgn(x*y); x.abs().log(); x.angle()*x.abs(); x.clone(); x.detach()*x; t.abs(x)*x; t.square(t.abs(x))
x.real.clamp(0, 1); x.sum(0, keepdim=True)*x; x-x.mean(); t.exp(1j*x.real); x.mT; x.adjoint(); x.H; t.unbind(x)[0]
t.chunk(x, 3)[1]; t.hstack([x, y])
"""
EACH = [call.strip() for line in CALLS.strip().split("\n") for call in line.split("; ")]
RNG = np.random.default_rng(0)
X, Y = (RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3)) for _ in range(2))


def weighted(t, part):
    return (part * t.arange(1.0, part.numel() + 1, dtype=t.float64).reshape(part.shape)).sum()


def loss_of(t, out, leaves, loss):
    if loss == "abs":
        return out.abs().sum()
    if loss == "real":
        return weighted(t, out.real if out.dtype.is_complex else out)
    if loss == "imag":
        return weighted(t, out.imag if out.dtype.is_complex else out)
    grads = t.autograd.grad((out.abs() ** 2).sum(), leaves, create_graph=True, allow_unused=True)
    return sum((g.abs() ** 2).sum() for g in grads if g is not None)


def gradients(t, call, loss):
    x, y = t.tensor(X, requires_grad=True), t.tensor(Y, requires_grad=True)
    names = {
        **{"t": t, "x": x, "y": y, "e": t.eye(3, dtype=t.complex128), "i": t.tensor([0, 2, 1])},
        **{"m": t.tensor(np.arange(9).reshape(3, 3) % 2 == 0), "ij": t.tensor([[0, 2, 1], [1, 1, 0], [2, 0, 2]])},
    }
    out = eval(call, names)
    loss_of(t, out, (x, y), loss).backward()
    return [np.zeros((3, 3)) if v.grad is None else v.grad.resolve_conj().numpy() for v in (x, y)]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::UserWarning")  # torch's, of what it deprecates
@pytest.mark.parametrize("loss", ["abs", "real", "imag", "second"])
@pytest.mark.parametrize("call", EACH)
def test_a_complex_gradient_is_torchs(call, loss):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    expected = gradients(torch, call, loss)
    for ours, theirs in zip(gradients(cr, call, loss), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


WITHOUT = {  # torch has no complex gradients of these
    "silu": cr.nn.functional.silu,
    "nansum": cr.nansum,
    "vander": lambda x: cr.vander(x[0]),
    "cosine_similarity": lambda x: cr.nn.functional.cosine_similarity(x, x * x),
    "select_scatter": lambda x: cr.select_scatter(x, x[0], 0, 1),
    "bilinear": lambda x: cr.nn.functional.bilinear(x, x, x[None]),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_complex_gradient_that_torch_lacks_is_that_of_differences(name):
    assert cr.autograd.gradcheck(WITHOUT[name], (cr.tensor(X, requires_grad=True),))
