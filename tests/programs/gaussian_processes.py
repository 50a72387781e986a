"""Linear algebra with gradients: GP regression, a Kalman filter, PCA, ridge, EM by hand, power iteration, FFT."""

import math

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(0)
torch.set_default_dtype(torch.float64)


class ExactGP(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_lengthscale = nn.Parameter(torch.zeros(()))
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.log_noise = nn.Parameter(torch.tensor(-1.0))

    def kernel(self, a, b):
        return self.log_scale.exp() * torch.exp(-0.5 * torch.cdist(a, b).pow(2) / self.log_lengthscale.exp() ** 2)

    def neg_mll(self, X, y):
        K = self.kernel(X, X) + self.log_noise.exp() * torch.eye(len(X))
        L = torch.linalg.cholesky(K)
        alpha = torch.cholesky_solve(y.unsqueeze(-1), L)
        return 0.5 * y @ alpha.squeeze() + L.diagonal().log().sum() + 0.5 * len(X) * math.log(2 * math.pi)

    def predict(self, X, y, Xs):
        K = self.kernel(X, X) + self.log_noise.exp() * torch.eye(len(X))
        Ks = self.kernel(X, Xs)
        v = torch.linalg.solve(K, Ks)
        return v.T @ y, (self.kernel(Xs, Xs) - Ks.T @ v).diagonal()


X = torch.linspace(0, 3, 12).unsqueeze(1)
y = torch.sin(2 * X).squeeze() + 0.1 * torch.from_numpy(rng.normal(size=12))
gp = ExactGP()
opt = torch.optim.Adam(gp.parameters(), lr=0.1)
for i in range(8):
    opt.zero_grad()
    loss = gp.neg_mll(X, y)
    loss.backward()
    opt.step()
    print(i, loss.item(), {n: round(p.item(), 5) for n, p in gp.named_parameters()})
with torch.no_grad():
    mean, var = gp.predict(X, y, torch.tensor([[0.5], [1.5], [4.0]]))
print(mean, var)
mvn = torch.distributions.MultivariateNormal(torch.zeros(12), gp.kernel(X, X) + gp.log_noise.exp() * torch.eye(12))
print(torch.allclose(-mvn.log_prob(y), gp.neg_mll(X, y)), mvn.entropy())

A = torch.tensor([[1.0, 0.1], [0.0, 1.0]])
Hm = torch.tensor([[1.0, 0.0]])
q = torch.tensor(0.1, requires_grad=True)
r = torch.tensor(0.5, requires_grad=True)
m, P, nll = torch.zeros(2), torch.eye(2), torch.zeros(())
for obs in torch.from_numpy(np.cumsum(rng.normal(0.3, 0.2, 6))):
    m, P = A @ m, A @ P @ A.T + q.exp() * torch.eye(2)
    S = Hm @ P @ Hm.T + r.exp()
    K = torch.linalg.solve(S, Hm @ P, left=True).T
    innovation = obs - Hm @ m
    nll = nll + 0.5 * (torch.logdet(S) + innovation @ torch.inverse(S) @ innovation)
    m, P = m + K @ innovation, (torch.eye(2) - K @ Hm) @ P
nll.backward()
print("kalman", nll, q.grad, r.grad, m.detach())

data = torch.from_numpy(rng.normal(size=(20, 4)) @ np.diag([3.0, 1.0, 0.5, 0.1]))
centred = data - data.mean(0, keepdim=True)
U, S, Vh = torch.linalg.svd(centred, full_matrices=False)
cov = torch.cov(centred.T)
w = torch.linalg.eigvalsh(cov)
print(S**2 / 19, w.flip(0), torch.allclose((U * S) @ Vh, centred), torch.linalg.matrix_rank(centred))
low = (U[:, :2] * S[:2]) @ Vh[:2]
print((low - centred).norm() ** 2, (S[2:] ** 2).sum(), torch.linalg.cond(cov), torch.corrcoef(centred.T)[0])
v = torch.ones(4)
for _ in range(60):
    v = cov @ v
    v = v / v.norm()
print((v @ cov @ v) / (v @ v), torch.linalg.matrix_norm(cov, 2))
M = cov.clone().requires_grad_()
(torch.linalg.eigh(M)[0] * torch.arange(4.0)).sum().backward()
print(M.grad.diagonal(), torch.trace(M.grad))

target = data @ torch.tensor([1.0, -1.0, 2.0, 0.5]) + 0.1 * torch.from_numpy(rng.normal(size=20))
lam = torch.tensor(0.3, requires_grad=True)
beta = torch.linalg.solve(data.T @ data + lam * torch.eye(4), data.T @ target)
(data @ beta - target).pow(2).mean().backward()
print("ridge", beta.detach(), lam.grad, torch.linalg.lstsq(data, target.unsqueeze(1)).solution.squeeze())
Q, R = torch.linalg.qr(data)
print(
    torch.linalg.solve_triangular(R, (Q.T @ target).unsqueeze(1), upper=True).squeeze(),
    torch.det(R @ torch.linalg.pinv(R)),
)

points = torch.cat([torch.from_numpy(rng.normal(-2, 0.5, 15)), torch.from_numpy(rng.normal(1, 1, 15))])
mu, sigma, pi = torch.tensor([-1.0, 0.5]), torch.ones(2), torch.ones(2) / 2
for _ in range(5):
    log_p = torch.distributions.Normal(mu, sigma).log_prob(points[:, None]) + pi.log()
    resp = (log_p - torch.logsumexp(log_p, 1, keepdim=True)).exp()
    n = resp.sum(0)
    mu = (resp * points[:, None]).sum(0) / n
    sigma = ((resp * (points[:, None] - mu) ** 2).sum(0) / n).sqrt()
    pi = n / n.sum()
    print("em", torch.logsumexp(log_p, 1).sum(), mu, sigma, pi)
centroids = points[[0, -1]].clone()
for _ in range(3):
    assign = (points[:, None] - centroids).abs().argmin(1)
    centroids = torch.stack([points[assign == k].mean() for k in range(2)])
print(centroids, torch.bincount(assign), torch.histc(points, bins=4, min=-4, max=4))

t = torch.arange(32) / 32
wave = (2 * math.pi * 3 * t).sin() + 0.5 * (2 * math.pi * 7 * t).cos()
spectrum = torch.fft.rfft(wave)
print(
    spectrum.abs().topk(2).indices, torch.allclose(torch.fft.irfft(spectrum, n=32), wave), spectrum[3], spectrum.dtype
)
filt = torch.ones(17, requires_grad=True)
(torch.fft.irfft(spectrum * filt, n=32)[:4]).pow(2).sum().backward()
print(filt.grad[[0, 3, 7]])
kernel = torch.tensor([0.25, 0.5, 0.25])
by_fft = torch.fft.ifft(torch.fft.fft(wave, 34) * torch.fft.fft(kernel, 34)).real
print(
    torch.allclose(by_fft, torch.nn.functional.conv1d(wave.view(1, 1, -1), kernel.view(1, 1, -1), padding=2).flatten())
)
z = torch.tensor([1 + 2j, -0.5j], requires_grad=True)
(z * z.conj()).real.sum().backward()
print(z.grad, torch.view_as_real(z.detach()), torch.polar(torch.tensor(2.0), torch.tensor(0.5)), z.detach().angle())
print(torch.linalg.matrix_exp(torch.tensor([[0.0, -1.0], [1.0, 0.0]]) * math.pi / 2).round(decimals=4) + 0.0)
print(
    torch.block_diag(torch.ones(1, 2), torch.eye(2)),
    torch.kron(torch.eye(2), torch.ones(1, 2)),
    torch.vander(torch.arange(3.0)),
)
torch.set_default_dtype(torch.float32)
