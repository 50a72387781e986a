"""From makemore: bigrams, an MLP with batch norm by hand, its backward by hand checked against autograd, WaveNet."""

import random

import numpy as np
import torch
import torch.nn.functional as F

words = "emma olivia ava isabella sophia charlotte mia amelia harper evelyn abigail emily ella avery sofia".split()
chars = sorted(list(set("".join(words))))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
itos = {i: s for s, i in stoi.items()}
vocab_size = len(itos)
N = torch.zeros((vocab_size, vocab_size), dtype=torch.int32)
for w in words:
    chs = ["."] + list(w) + ["."]
    for ch1, ch2 in zip(chs, chs[1:]):
        N[stoi[ch1], stoi[ch2]] += 1
P = (N + 1).float()
P /= P.sum(1, keepdims=True)
print(N.sum(), N[0, :6], P[0].sum(), P.shape, N.dtype)
log_likelihood, n = 0.0, 0
for w in words:
    for ch1, ch2 in zip("." + w, w + "."):
        logprob = torch.log(P[stoi[ch1], stoi[ch2]])
        log_likelihood += logprob
        n += 1
print(f"{log_likelihood=}", f"{-log_likelihood / n}")
g = torch.Generator().manual_seed(2147483647)
ix = torch.multinomial(P[0], num_samples=1, replacement=True, generator=g).item()
print(0 <= ix < vocab_size)

rng = np.random.default_rng(0)


def randn(*shape):
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


xs, ys = [], []
for w in words:
    for ch1, ch2 in zip("." + w, w + "."):
        xs.append(stoi[ch1])
        ys.append(stoi[ch2])
xs, ys = torch.tensor(xs), torch.tensor(ys)
W = randn(vocab_size, vocab_size).requires_grad_()
for _k in range(4):
    xenc = F.one_hot(xs, num_classes=vocab_size).float()
    logits = xenc @ W
    counts = logits.exp()
    probs = counts / counts.sum(1, keepdims=True)
    loss = -probs[torch.arange(len(xs)), ys].log().mean() + 0.01 * (W**2).mean()
    print(loss.item())
    W.grad = None
    loss.backward()
    W.data += -10 * W.grad

block_size, n_embd, n_hidden = 3, 4, 16
X, Y = [], []
for w in words:
    context = [0] * block_size
    for ch in w + ".":
        X.append(context)
        Y.append(stoi[ch])
        context = context[1:] + [stoi[ch]]
X, Y = torch.tensor(X), torch.tensor(Y)
print(X.shape, X.dtype, Y[:5], "".join(itos[i.item()] for i in X[5]))
C = randn(vocab_size, n_embd)
W1, b1 = randn(n_embd * block_size, n_hidden) * (5 / 3) / (n_embd * block_size) ** 0.5, randn(n_hidden) * 0.1
W2, b2 = randn(n_hidden, vocab_size) * 0.1, randn(vocab_size) * 0.1
bngain, bnbias = randn(1, n_hidden) * 0.1 + 1.0, randn(1, n_hidden) * 0.1
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
for p in parameters:
    p.requires_grad = True
print(sum(p.nelement() for p in parameters))
n = 16
Xb, Yb = X[:n], Y[:n]
emb = C[Xb]
embcat = emb.view(emb.shape[0], -1)
hprebn = embcat @ W1 + b1
bnmeani = 1 / n * hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff**2
bnvar = 1 / (n - 1) * (bndiff2).sum(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5) ** -0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
h = torch.tanh(hpreact)
logits = h @ W2 + b2
logit_maxes = logits.max(1, keepdim=True).values
norm_logits = logits - logit_maxes
counts = norm_logits.exp()
counts_sum = counts.sum(1, keepdims=True)
counts_sum_inv = counts_sum**-1
probs = counts * counts_sum_inv
logprobs = probs.log()
loss = -logprobs[range(n), Yb].mean()
for t in [
    logprobs,
    probs,
    counts,
    counts_sum,
    norm_logits,
    logits,
    h,
    hpreact,
    bnraw,
    bnvar_inv,
    bnvar,
    bndiff2,
    bndiff,
    hprebn,
    embcat,
    emb,
]:
    t.retain_grad()
loss.backward()
print(loss)


def cmp(s, dt, t):
    ex = torch.all(dt == t.grad).item()
    app = torch.allclose(dt, t.grad, atol=1e-7)
    maxdiff = (dt - t.grad).abs().max().item()
    shown = str(ex) if s == "logprobs" else "-"
    print(f"{s:15s} | exact: {shown:5s} | approximate: {app!s:5s} | small: {maxdiff < 1e-6}")


dlogprobs = torch.zeros_like(logprobs)
dlogprobs[range(n), Yb] = -1.0 / n
cmp("logprobs", dlogprobs, logprobs)
dprobs = (1.0 / probs) * dlogprobs
dlogits = F.softmax(logits, 1)
dlogits[range(n), Yb] -= 1
dlogits /= n
cmp("logits", dlogits, logits)
dh = dlogits @ W2.T
dhpreact = (1.0 - h**2) * dh
cmp("hpreact", dhpreact, hpreact)
cmp("W2", h.T @ dlogits, W2)
cmp("bngain", (bnraw * dhpreact).sum(0, keepdim=True), bngain)
dhprebn = bngain * bnvar_inv / n * (n * dhpreact - dhpreact.sum(0) - n / (n - 1) * bnraw * (dhpreact * bnraw).sum(0))
cmp("hprebn", dhprebn, hprebn)
cmp("W1", embcat.T @ dhprebn, W1)
demb = (dhprebn @ W1.T).view(emb.shape)
dC = torch.zeros_like(C)
for k in range(Xb.shape[0]):
    for j in range(Xb.shape[1]):
        dC[Xb[k, j]] += demb[k, j]
cmp("C", dC, C)


class Linear:
    def __init__(self, fan_in, fan_out, bias=True):
        self.weight = randn(fan_in, fan_out) / fan_in**0.5
        self.bias = torch.zeros(fan_out) if bias else None

    def __call__(self, x):
        self.out = x @ self.weight
        if self.bias is not None:
            self.out += self.bias
        return self.out

    def parameters(self):
        return [self.weight] + ([] if self.bias is None else [self.bias])


class BatchNorm1d:
    def __init__(self, dim, eps=1e-5, momentum=0.1):
        self.eps, self.momentum, self.training = eps, momentum, True
        self.gamma, self.beta = torch.ones(dim), torch.zeros(dim)
        self.running_mean, self.running_var = torch.zeros(dim), torch.ones(dim)

    def __call__(self, x):
        if self.training:
            dim = 0 if x.ndim == 2 else (0, 1)
            xmean, xvar = x.mean(dim, keepdim=True), x.var(dim, keepdim=True)
        else:
            xmean, xvar = self.running_mean, self.running_var
        xhat = (x - xmean) / torch.sqrt(xvar + self.eps)
        self.out = self.gamma * xhat + self.beta
        if self.training:
            with torch.no_grad():
                self.running_mean = (1 - self.momentum) * self.running_mean + self.momentum * xmean
                self.running_var = (1 - self.momentum) * self.running_var + self.momentum * xvar
        return self.out

    def parameters(self):
        return [self.gamma, self.beta]


class Tanh:
    def __call__(self, x):
        self.out = torch.tanh(x)
        return self.out

    def parameters(self):
        return []


class Embedding(Tanh):
    def __init__(self, num, dim):
        self.weight = randn(num, dim)

    def __call__(self, IX):
        return self.weight[IX]

    def parameters(self):
        return [self.weight]


class FlattenConsecutive(Tanh):
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        B, T, C = x.shape
        x = x.view(B, T // self.n, C * self.n)
        return x.squeeze(1) if x.shape[1] == 1 else x


layers = [Embedding(vocab_size, 4), FlattenConsecutive(2), Linear(8, 12, bias=False), BatchNorm1d(12), Tanh()]
layers += [FlattenConsecutive(2), Linear(24, 12, bias=False), BatchNorm1d(12), Tanh(), Linear(12, vocab_size)]
with torch.no_grad():
    layers[-1].weight *= 0.1
parameters = [p for layer in layers for p in layer.parameters()]
for p in parameters:
    p.requires_grad = True
X4 = torch.cat([torch.zeros(len(X), 1, dtype=torch.int64), X], 1)
ud = []
random.seed(3)
for i in range(6):
    ix = torch.tensor([random.randrange(len(X4)) for _ in range(24)])
    x = X4[ix]
    for layer in layers:
        x = layer(x)
    loss = F.cross_entropy(x, Y[ix])
    for p in parameters:
        p.grad = None
    loss.backward()
    lr = 0.1 if i < 4 else 0.01
    for p in parameters:
        p.data += -lr * p.grad
    with torch.no_grad():
        ud.append([((lr * p.grad).std() / p.data.std()).log10().item() for p in parameters if p.ndim == 2])
    print(f"{i:7d}/{6:7d}: {loss.item():.4f}", [round(u, 3) for u in ud[-1]])
for layer in layers:
    if isinstance(layer, BatchNorm1d):
        layer.training = False
x = X4[:4]
for layer in layers:
    x = layer(x)
print(F.softmax(x, -1).max(1))
t = layers[4].out
print(f"{t.mean().item():+.3f} {t.std().item():.3f} saturated: {(t.abs() > 0.97).float().mean() * 100:.2f}%")
