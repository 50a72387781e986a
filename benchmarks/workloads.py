"""Workloads in PyTorch's style: each builder takes the module (torch or chainrule) and returns one step to time."""

from __future__ import annotations

import numpy as np


def array(rng, *shape, scale=1.0):
    return (rng.normal(size=shape) * scale).astype("float32")


def chain(T):
    """20 times multiply, add, tanh on one element, forward and backward."""
    rng = np.random.default_rng(0)
    a, b = T.tensor(array(rng, 1)), T.tensor(array(rng, 1))
    x = T.tensor(array(rng, 1), requires_grad=True)

    def step():
        x.grad = None
        y = x
        for _ in range(20):
            y = T.tanh(y * b + a)
        y = y.sum()
        y.backward()
        return y

    return step


def linreg(T):
    """A line through 100 points: one step of gradient descent."""
    rng = np.random.default_rng(0)
    x = T.tensor(array(rng, 100, 1))
    y = 3 * x + 2
    w, b = (T.tensor([1.0], requires_grad=True) for _ in range(2))

    def step():
        w.grad = b.grad = None
        loss = T.nn.functional.mse_loss(w * x + b, y)
        loss.backward()
        with T.no_grad():
            w.sub_(0.01 * w.grad)
            b.sub_(0.01 * b.grad)
        return loss

    return step


def small_network(T):
    """A 2-5-1 network on 100 samples, written with matrix products."""
    rng = np.random.default_rng(0)
    shapes = ((2, 5), (5,), (5, 1), (1,))
    params = [T.tensor(array(rng, *s), requires_grad=True) for s in shapes]
    x, y = T.tensor(array(rng, 100, 2)), T.tensor(array(rng, 100, 1))

    def step():
        w1, b1, w2, b2 = params
        loss = ((T.relu(x @ w1 + b1) @ w2 + b2 - y) ** 2).mean()
        loss.backward()
        with T.no_grad():
            for p in params:
                p.sub_(1e-3 * p.grad)
        for p in params:
            p.grad = None
        return loss

    return step


def recurrence(T):
    """Six steps of a three-unit recurrent network, by hand."""
    rng = np.random.default_rng(0)
    u, w, v = (T.tensor(array(rng, *s), requires_grad=True) for s in ((3, 3), (3, 3), (3, 1)))
    x, y, first = T.tensor(array(rng, 6, 1, 3)), T.tensor(array(rng, 6, 1, 1)), T.tensor(array(rng, 1, 3))

    def step():
        h, loss = first, 0.0
        for t in range(6):
            h = T.relu(x[t] @ u + h @ w)
            d = h @ v - y[t]
            loss = loss + (d * d).sum()
        loss.backward()
        with T.no_grad():
            for p in (u, w, v):
                p.sub_(1e-4 * p.grad)
        for p in (u, w, v):
            p.grad = None
        return loss

    return step


def trained(T, net, optimizer, loss, x, y):
    """A step of a module's training."""

    def step():
        optimizer.zero_grad()
        found = loss(net(x), y)
        found.backward()
        optimizer.step()
        return found

    return step


def digits_network(T):
    """784-512-512-10 on 128 samples, SGD with momentum."""
    rng, nn = np.random.default_rng(0), T.nn
    net = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    x, y = T.tensor(array(rng, 128, 784)), T.tensor(rng.integers(0, 10, 128))
    return trained(T, net, T.optim.SGD(net.parameters(), lr=1e-2, momentum=0.9), nn.CrossEntropyLoss(), x, y)


def convolutions(T):
    """Two convolutions with pooling on 64 images of 28x28, Adam."""
    rng, nn = np.random.default_rng(0), T.nn
    features = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    features += [nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*features, nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))
    x, y = T.tensor(array(rng, 64, 1, 28, 28)), T.tensor(rng.integers(0, 10, 64))
    return trained(T, net, T.optim.Adam(net.parameters()), nn.CrossEntropyLoss(), x, y)


def lstm(T):
    """An LSTM of 128 units over 32 steps, Adam."""
    rng, nn = np.random.default_rng(0), T.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = nn.LSTM(64, 128, batch_first=True), nn.Linear(128, 1)

        def forward(self, x):
            return self.head(self.lstm(x)[0][:, -1])

    net = Net()
    x, y = T.tensor(array(rng, 32, 32, 64)), T.tensor(array(rng, 32, 1))
    return trained(T, net, T.optim.Adam(net.parameters()), nn.MSELoss(), x, y)


def elementwise(T):
    """tanh, exp and products on a million elements."""
    rng = np.random.default_rng(0)
    x, w, b = (T.tensor(array(rng, 1_000_000), requires_grad=i > 0) for i in range(3))

    def step():
        w.grad = b.grad = None
        y = T.tanh(x * w + b)
        loss = (y * y * T.exp(-w * w)).sum()
        loss.backward()
        return loss

    return step


def hessian(T):
    """The Hessian of Rosenbrock's function of 64 variables."""
    x = T.tensor(np.linspace(-1, 1, 64).astype("float32"))
    h = T.func.hessian(lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())
    return lambda: h(x).sum()


def nested(T):
    """A gradient through 50 steps of a particle, each of which takes the gradient of its potential."""
    start, wall = (T.tensor(v, dtype=T.float64) for v in ([0.0, 8.0], [[10.0, 0.0], [10.0, 10.0]]))

    def landing(w):
        def potential(x):
            return (x - wall * w).square().sum(1, keepdim=True).rsqrt().sum()

        x, v, force = start, w * start, T.func.grad(potential)
        for _ in range(50):
            x, v = x + v * 0.1, v - force(x) * 0.1
        return (x * x).sum()

    slope, w = T.func.grad(landing), T.tensor(0.5, dtype=T.float64)
    return lambda: slope(w)


WORKLOADS = {
    f.__name__: f
    for f in (
        chain,
        linreg,
        small_network,
        recurrence,
        digits_network,
        convolutions,
        lstm,
        elementwise,
        hessian,
        nested,
    )
}
