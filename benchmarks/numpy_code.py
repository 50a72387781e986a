"""Gradients of NumPy code, chainrule beside HIPS autograd: python benchmarks/numpy_code.py [--rounds 15]

The same functions, written with NumPy's names. Rounds alternate in one process; the smallest time of each counts. Needs
`pip install autograd`.
"""

from __future__ import annotations

import argparse
import timeit
from functools import partial
from typing import Any

import numpy as np

rng = np.random.default_rng(0)
X, y = rng.standard_normal((100, 5)), (rng.random(100) > 0.5) * 1.0
W = rng.standard_normal((5, 20)), rng.standard_normal(20), rng.standard_normal((20, 1))


def rosenbrock(np: Any) -> tuple:
    """Rosenbrock's function of 10 variables."""
    return lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), rng.standard_normal(10)


def logistic_regression(np: Any) -> tuple:
    """The likelihood of 100 labels under 5 weights."""

    def loss(w: Any) -> Any:
        p = 1 / (1 + np.exp(-np.dot(X, w)))
        return -np.sum(y * np.log(p) + (1 - y) * np.log(1 - p))

    return loss, rng.standard_normal(5)


def network(np: Any) -> tuple:
    """A hidden layer of 20 units, by one scale of its weights."""
    return lambda s: np.mean((np.dot(np.tanh(np.dot(X, W[0] * s[0]) + W[1]), W[2])[:, 0] - y) ** 2), rng.random(1)


def linear_algebra(np: Any) -> tuple:
    """log det M + v M^-1 v for a matrix M made from v."""

    def f(v: Any) -> Any:
        M = np.outer(v, v) + 6 * np.eye(6)
        return np.linalg.slogdet(M)[1] + np.dot(v, np.linalg.solve(M, v))

    return f, rng.standard_normal(6)


def main() -> None:
    """Print a row per program: microseconds a gradient, and the ratio."""
    import autograd
    import autograd.numpy as autograd_numpy

    import chainrule as cr

    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=15)
    rounds = options.parse_args().rounds
    print("| program | autograd, us | chainrule, us | ratio |\n|---|---|---|---|")
    for program in (rosenbrock, logistic_regression, network, linear_algebra):
        theirs, at = program(autograd_numpy)
        ours = program(np)[0]
        x, slope = cr.tensor(at, dtype=cr.float64), autograd.grad(theirs)

        def mine(f: Any = ours, at: Any = at) -> Any:
            x = cr.tensor(at, dtype=cr.float64, requires_grad=True)
            f(x).backward()
            return x.grad

        np.testing.assert_allclose(np.asarray(mine()), slope(at), rtol=1e-9)
        np.testing.assert_allclose(np.asarray(cr.func.grad(ours)(x)), slope(at), rtol=1e-9)
        times: tuple[list, list] = [], []
        for _ in range(rounds):
            times[0].append(timeit.timeit(partial(slope, at), number=100))
            times[1].append(timeit.timeit(mine, number=100))
        a, b = (min(t) * 1e4 for t in times)
        print(f"| {program.__name__} | {a:.0f} | {b:.0f} | {b / a:.2f} |")


if __name__ == "__main__":
    main()
