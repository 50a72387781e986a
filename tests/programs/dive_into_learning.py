"""In the manner of Dive into Deep Learning: lazy layers, convolutions by loops, batch norm and RNN from scratch."""

import collections
import inspect
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

rng = np.random.default_rng(0)


def randn(*shape):
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def add_to_class(Class):
    def wrapper(obj):
        setattr(Class, obj.__name__, obj)

    return wrapper


class HyperParameters:
    def save_hyperparameters(self, ignore=()):
        frame = inspect.currentframe().f_back
        _, _, _, local_vars = inspect.getargvalues(frame)
        self.hparams = {k: v for k, v in local_vars.items() if k not in {*ignore, "self"} and not k.startswith("_")}
        for k, v in self.hparams.items():
            setattr(self, k, v)


class Module(nn.Module, HyperParameters):
    def __init__(self, plot_train_per_epoch=2):
        super().__init__()
        self.save_hyperparameters()

    def forward(self, X):
        assert hasattr(self, "net"), "Neural network is not defined"
        return self.net(X)

    def training_step(self, batch):
        return self.loss(self(*batch[:-1]), batch[-1])


@add_to_class(Module)
def apply_init(self, inputs, init=None):
    self.forward(*inputs)
    if init is not None:
        self.net.apply(init)


class LinearRegression(Module):
    def __init__(self, lr):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.LazyLinear(1)

    def loss(self, y_hat, y):
        return nn.MSELoss()(y_hat, y)

    def get_w_b(self):
        return (self.net.weight.data, self.net.bias.data)


w_true, b_true = torch.tensor([2.0, -3.4]), 4.2
X = randn(40, 2)
y = torch.matmul(X, w_true.reshape((-1, 1))) + b_true + randn(40, 1) * 0.01
model = LinearRegression(lr=0.1)
print(model.net)
model.apply_init([X], lambda m: (nn.init.zeros_(m.weight), nn.init.zeros_(m.bias)))
print(model.net, model.hparams)
opt = torch.optim.SGD(model.parameters(), model.lr)
for _ in range(10):
    for i in range(0, 40, 10):
        loss = model.training_step((X[i : i + 10], y[i : i + 10]))
        opt.zero_grad()
        with torch.no_grad():
            pass
        loss.backward()
        opt.step()
w, b = model.get_w_b()
print(f"error in estimating w: {w_true - w.reshape(w_true.shape)}", f"error in estimating b: {b_true - b}")


def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i : i + h, j : j + w] * K).sum()
    return Y


def corr2d_multi_in_out(X, K):
    return torch.stack([sum(corr2d(x, k) for x, k in zip(X, kk)) for kk in K], 0)


def pool2d(X, pool_size, mode="max"):
    p_h, p_w = pool_size
    Y = torch.zeros((X.shape[0] - p_h + 1, X.shape[1] - p_w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            window = X[i : i + p_h, j : j + p_w]
            Y[i, j] = window.max() if mode == "max" else window.mean()
    return Y


X = torch.arange(16, dtype=torch.float32).reshape((4, 4))
K = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
print(corr2d(X, K), pool2d(X, (2, 2)), pool2d(X, (2, 2), "avg"))
Xm, Km = torch.stack((X, X + 1), 0), torch.stack((torch.stack((K, K + 1)),) * 3, 0)
print(torch.equal(corr2d_multi_in_out(Xm, Km), F.conv2d(Xm[None], Km)[0]))
Kp = K.clone().requires_grad_()
corr2d(X, Kp).pow(2).sum().backward()
print(Kp.grad)
img = torch.ones((6, 8))
img[:, 2:6] = 0
edge = corr2d(img, torch.tensor([[1.0, -1.0]]))
conv2d = nn.LazyConv2d(1, kernel_size=(1, 2), bias=False)
img, edge = img.reshape((1, 1, 6, 8)), edge.reshape((1, 1, 6, 7))
conv2d(img)
conv2d.weight.data.copy_(torch.tensor([[[[0.3, 0.1]]]]))
for i in range(10):
    Y_hat = conv2d(img)
    loss = (Y_hat - edge) ** 2
    conv2d.zero_grad()
    loss.sum().backward()
    conv2d.weight.data[:] -= 3e-2 * conv2d.weight.grad
    if (i + 1) % 5 == 0:
        print(f"epoch {i + 1}, loss {loss.sum().item():.3f}")
print(conv2d.weight.data.reshape((1, 2)))


def batch_norm(X, gamma, beta, moving_mean, moving_var, eps, momentum):
    if not torch.is_grad_enabled():
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        assert len(X.shape) in (2, 4)
        if len(X.shape) == 2:
            mean = X.mean(dim=0)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=(0, 2, 3), keepdim=True)
            var = ((X - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = (1.0 - momentum) * moving_mean + momentum * mean
        moving_var = (1.0 - momentum) * moving_var + momentum * var
    Y = gamma * X_hat + beta
    return Y, moving_mean.data, moving_var.data


class BatchNorm(nn.Module):
    def __init__(self, num_features, num_dims):
        super().__init__()
        shape = (1, num_features) if num_dims == 2 else (1, num_features, 1, 1)
        self.gamma, self.beta = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.zeros(shape))
        self.moving_mean, self.moving_var = torch.zeros(shape), torch.ones(shape)

    def forward(self, X):
        if self.moving_mean.device != X.device:
            self.moving_mean = self.moving_mean.to(X.device)
        Y, self.moving_mean, self.moving_var = batch_norm(
            X, self.gamma, self.beta, self.moving_mean, self.moving_var, eps=1e-5, momentum=0.1
        )
        return Y


net = nn.Sequential(
    nn.LazyConv2d(3, kernel_size=3), BatchNorm(3, 4), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.LazyLinear(2)
)
img = randn(4, 1, 6, 6)
net(img)
for p in net.parameters():
    p.data[:] = randn(*p.shape)
net[1].moving_mean.zero_()
net[1].moving_var = torch.ones_like(net[1].moving_var)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    loss = F.cross_entropy(net(img), torch.tensor([0, 1, 1, 0]), reduction="none")
    opt.zero_grad()
    loss.mean().backward()
    opt.step()
    print(loss.detach(), net[1].moving_mean.reshape(-1))
for layer in net:
    print(layer.__class__.__name__, "output shape:\t", (img := layer(img)).shape)


def sequence_mask(X, valid_len, value=0):
    maxlen = X.size(1)
    mask = torch.arange((maxlen), dtype=torch.float32, device=X.device)[None, :] < valid_len[:, None]
    X[~mask] = value
    return X


def masked_softmax(X, valid_lens):
    if valid_lens is None:
        return nn.functional.softmax(X, dim=-1)
    shape = X.shape
    valid_lens = torch.repeat_interleave(valid_lens, shape[1]) if valid_lens.dim() == 1 else valid_lens.reshape(-1)
    X = sequence_mask(X.reshape(-1, shape[-1]), valid_lens, value=-1e6)
    return nn.functional.softmax(X.reshape(shape), dim=-1)


scores = randn(2, 2, 4)
print(
    masked_softmax(scores.clone(), torch.tensor([2, 3])), masked_softmax(scores.clone(), torch.tensor([[1, 3], [2, 4]]))
)
queries, keys, values = randn(2, 1, 2), randn(2, 5, 2), torch.arange(20.0).reshape(1, 5, 4).repeat(2, 1, 1)
attended = torch.bmm(masked_softmax(queries @ keys.transpose(1, 2) / math.sqrt(2), torch.tensor([2, 5])), values)
print(attended)

tokens = list("the time machine by h g wells")
vocab = {c: i for i, (c, _) in enumerate(sorted(collections.Counter(tokens).items(), key=lambda x: (-x[1], x[0])))}
corpus = torch.tensor([vocab[t] for t in tokens])
num_hiddens, n = 8, len(vocab)
W_xh, W_hh, b_h = randn(n, num_hiddens) * 0.1, randn(num_hiddens, num_hiddens) * 0.1, torch.zeros(num_hiddens)
W_hq, b_q = randn(num_hiddens, n) * 0.1, torch.zeros(n)
params = [W_xh, W_hh, b_h, W_hq, b_q]
for param in params:
    param.requires_grad_(True)


def grad_clipping(params, theta):
    norm = torch.sqrt(sum(torch.sum(p.grad**2) for p in params))
    if norm > theta:
        for p in params:
            p.grad[:] *= theta / norm
    return norm


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad / batch_size
            p.grad.zero_()


for epoch in range(5):
    H, outputs = torch.zeros((1, num_hiddens)), []
    for X in F.one_hot(corpus[:-1], n).float().unsqueeze(1):
        H = torch.tanh(torch.mm(X, W_xh) + torch.mm(H, W_hh) + b_h)
        outputs.append(torch.mm(H, W_hq) + b_q)
    loss = F.cross_entropy(torch.cat(outputs, 0), corpus[1:])
    loss.backward()
    norm = grad_clipping(params, 1.0)
    sgd(params, 5.0, 1)
    print(f"perplexity {math.exp(loss.item()):.4f} norm {norm:.4f}")
X = torch.arange(12).reshape(3, 4)
print(X[-1], X[1:3], X.sum(axis=0, keepdims=True), X.numel(), torch.cat((X, X), dim=1).shape, X == X.T.T, (X > 5).sum())
before = id(X)
X += 1
print(
    id(X) == before,
    X.cumsum(axis=0)[-1],
    X / X.sum(axis=1, keepdim=True),
    X.float().mean(axis=[0, 1]),
    torch.dot(X[0], X[1]),
)
a = torch.arange(3).reshape((3, 1))
print(
    a + torch.arange(2).reshape((1, 2)),
    torch.norm(torch.tensor([3.0, -4.0])),
    torch.abs(-a).sum(),
    type(X.numpy()).__name__,
)


def f(a):
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    return b if b.sum() > 0 else 100 * b


a = torch.tensor(0.37, requires_grad=True)
d = f(a)
d.backward()
print(a.grad == d / a)
x = torch.arange(4.0, requires_grad=True)
u = (x * x).detach()
(u * x).sum().backward()
print(x.grad == u)
