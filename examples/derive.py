"""Gradients derived on paper: explain.derive runs the engine's own rules on matrices that are letters."""

import chainrule as cr
from chainrule.explain import derive

print("-- the gradient of a^T exp(X b) --")
d = derive(lambda a, X, b: a @ cr.exp(X @ b), wrt="X", shapes={"a": "m", "X": ("m", "n"), "b": "n"})
print(d)
print(d.check)

print("\n-- least squares, and its Hessian --")
data = {"X": ("m", "n"), "w": "n", "y": "m"}


def least_squares(X, w, y):
    return ((X @ w - y) ** 2).sum()


print(derive(least_squares, wrt="w", shapes=data))
print("Hessian:", derive(least_squares, wrt="w", shapes=data, order=2).result)


def logistic_regression(X, w, y):
    p = cr.sigmoid(X @ w)
    return -(y * cr.log(p) + (1 - y) * cr.log(1 - p)).sum()


print("\n-- results alone --")
print("logistic regression:  ", derive(logistic_regression, wrt="w", shapes=data).result)
square = {"X": ("n", "n")}
print("ln|X|:                ", derive(lambda X: cr.logdet(X), shapes=square).result)
print("ln|X|, X symmetric:   ", derive(lambda X: cr.logdet(X), shapes=square, symmetric=["X"]).result)
both = square | {"A": ("n", "n")}
print("tr(X^T A X):          ", derive(lambda A, X: cr.trace(X.T @ A @ X), wrt="X", shapes=both).result)


def cross_entropy(z, y):
    return -(y * cr.log_softmax(z, 0)).sum()


print("softmax cross-entropy:", derive(cross_entropy, wrt="z", shapes={"z": "n", "y": "n"}, probability=["y"]).result)


def network(X, W1, b1, W2, b2, Y):
    H = cr.tanh(X @ W1 + b1)
    return ((H @ W2 + b2 - Y) ** 2).sum()


print("\n-- a two-layer network, all four parameters --")
shapes = {"X": "n p", "W1": "p h", "b1": "h", "W2": "h q", "b2": "q", "Y": "n q"}
for d in derive(network, wrt=["W1", "b1", "W2", "b2"], shapes=shapes):
    print(d.symbol, "=", d.result)


def logistic_map(x, times):
    for _ in range(times):
        x = 4 * x * (1 - x)
    return x


print("\n-- expression swell: x -> 4 x (1 - x), again and again --")
for times in range(1, 7):
    print(times, derive(lambda x: logistic_map(x, times)).swell)  # noqa: B023
