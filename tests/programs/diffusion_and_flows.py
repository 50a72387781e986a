"""A denoising diffusion model, RealNVP, a neural ODE by RK4, a mixture density network, InfoNCE, Gumbel softmax."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import MultivariateNormal, Normal
from torch.distributions.transformed_distribution import TransformedDistribution
from torch.distributions.transforms import AffineTransform, ExpTransform

rng = np.random.default_rng(0)


def tensor(*shape):
    return torch.from_numpy(rng.normal(size=shape).astype(np.float32))


def refill(model, scale=0.3):
    for p in model.parameters():
        p.data.copy_(tensor(*p.shape) * scale)
    return model


class SinusoidalPositionEmbeddings(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, time):
        half_dim = self.dim // 2
        embeddings = math.log(10000) / (half_dim - 1)
        embeddings = torch.exp(torch.arange(half_dim, device=time.device) * -embeddings)
        embeddings = time[:, None] * embeddings[None, :]
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPositionEmbeddings(8), nn.Linear(8, 8), nn.SiLU())
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1)
        self.norm = nn.GroupNorm(2, 8)

    def forward(self, x, t):
        h = self.conv1(x) + self.time_mlp(t)[(...,) + (None,) * 2]
        return self.conv2(F.silu(self.norm(h)))


timesteps = 20
betas = torch.linspace(0.0001, 0.02, timesteps)
alphas = 1.0 - betas
alphas_cumprod = torch.cumprod(alphas, axis=0)
alphas_cumprod_prev = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
posterior_variance = betas * (1.0 - alphas_cumprod_prev) / (1.0 - alphas_cumprod)


def extract(a, t, x_shape):
    out = a.gather(-1, t.cpu())
    return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1))).to(t.device)


net = refill(Denoiser())
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
images = tensor(6, 1, 8, 8)
for step in range(5):
    t = torch.from_numpy(rng.integers(0, timesteps, 6)).long()
    noise = tensor(6, 1, 8, 8)
    x_noisy = extract(alphas_cumprod.sqrt(), t, images.shape) * images
    x_noisy = x_noisy + extract((1 - alphas_cumprod).sqrt(), t, images.shape) * noise
    loss = F.smooth_l1_loss(noise, net(x_noisy, t))
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("diffusion", step, loss.item())


@torch.no_grad()
def p_sample_loop(shape):
    img = tensor(*shape)
    for i in reversed(range(0, timesteps)):
        t = torch.full((shape[0],), i, dtype=torch.long)
        mean = extract(alphas.rsqrt(), t, shape) * (
            img - extract(betas, t, shape) * net(img, t) / extract((1 - alphas_cumprod).sqrt(), t, shape)
        )
        img = mean if i == 0 else mean + torch.sqrt(extract(posterior_variance, t, shape)) * tensor(*shape)
    return img.clamp_(-1, 1)


print(p_sample_loop((2, 1, 4, 4))[0, 0])


class RealNVP(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
        self.register_buffer("mask", mask)
        self.t = nn.ModuleList(
            [nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(), nn.Linear(8, 2)) for _ in range(len(mask))]
        )
        self.s = nn.ModuleList(
            [nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(), nn.Linear(8, 2), nn.Tanh()) for _ in range(len(mask))]
        )

    def g(self, z):
        x = z
        for i in range(len(self.t)):
            x_ = x * self.mask[i]
            s, t = self.s[i](x_) * (1 - self.mask[i]), self.t[i](x_) * (1 - self.mask[i])
            x = x_ + (1 - self.mask[i]) * (x * torch.exp(s) + t)
        return x

    def f(self, x):
        log_det_J, z = x.new_zeros(x.shape[0]), x
        for i in reversed(range(len(self.t))):
            z_ = self.mask[i] * z
            s, t = self.s[i](z_) * (1 - self.mask[i]), self.t[i](z_) * (1 - self.mask[i])
            z = (1 - self.mask[i]) * (z - t) * torch.exp(-s) + z_
            log_det_J -= s.sum(dim=1)
        return z, log_det_J

    def log_prob(self, x):
        z, logp = self.f(x)
        return self.prior.log_prob(z) + logp


flow = refill(RealNVP(torch.from_numpy(np.array([[0, 1], [1, 0]] * 2).astype(np.float32))))
optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], lr=1e-2)
points = tensor(20, 2) * torch.tensor([1.0, 0.3]) + torch.tensor([0.5, -1])
for t in range(4):
    loss = -flow.log_prob(points).mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
    print(f"iter {t}:", f"loss = {loss.item():.4f}")
z, _ = flow.f(points)
print(torch.allclose(flow.g(z), points, atol=1e-4))
jac = torch.autograd.functional.jacobian(lambda p: flow.f(p[None])[0][0], points[0])
print(torch.linalg.slogdet(jac).logabsdet.item() - flow.f(points[:1])[1].item() < 1e-5)
log_normal = TransformedDistribution(Normal(torch.zeros(3), torch.ones(3)), [AffineTransform(0.5, 0.2), ExpTransform()])
print(
    log_normal.log_prob(torch.tensor([1.0, 2.0, 3.0])),
    log_normal.cdf(torch.tensor([1.0, 2.0, 3.0])),
    log_normal.support,
)

ode = refill(nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)))


def rk4(f, y, t0, t1, n):
    h, path = (t1 - t0) / n, [y]
    for _ in range(n):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return torch.stack(path)


angles = torch.linspace(0, 2, 9)
truth = torch.stack([angles.cos(), angles.sin()], 1)
opt = torch.optim.RMSprop(ode.parameters(), lr=1e-2)
for it in range(4):
    opt.zero_grad()
    loss = torch.mean(torch.abs(rk4(ode, truth[0], 0.0, 2.0, 8) - truth))
    loss.backward()
    opt.step()
    print("ode", loss.item())


class MDN(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.hidden, self.pi, self.mu, self.sigma = nn.Linear(1, 6), nn.Linear(6, k), nn.Linear(6, k), nn.Linear(6, k)

    def forward(self, x):
        h = torch.tanh(self.hidden(x))
        return F.log_softmax(self.pi(h), -1), self.mu(h), F.softplus(self.sigma(h)) + 1e-3


mdn, x = refill(MDN()), torch.linspace(-1, 1, 15)[:, None]
y = x + 0.3 * torch.sin(6 * x)
opt = torch.optim.Adam(mdn.parameters(), lr=0.02)
for _ in range(4):
    log_pi, mu, sigma = mdn(x)
    loss = -torch.logsumexp(log_pi + Normal(mu, sigma).log_prob(y), dim=-1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    print("mdn", loss.item(), F.gaussian_nll_loss(mu[:, 0], y[:, 0], sigma[:, 0] ** 2).item())

a, b = F.normalize(tensor(5, 4), dim=1).requires_grad_(), F.normalize(tensor(5, 4), dim=1)
logits = a @ b.T / 0.1
info_nce = (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5))) / 2
info_nce.backward()
print(info_nce, a.grad.norm(dim=1))
soft = F.gumbel_softmax(tensor(4, 3), tau=0.5, hard=True)
print(soft.sum(-1), soft.shape)
