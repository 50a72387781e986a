"""Gaussian mixture: log-likelihood with a Wishart prior on the inverse covariance factors."""

import math

import numpy as np

import chainrule as cr
from chainrule.func import grad


def _t(x):
    return cr.tensor(np.asarray(x, float).reshape(len(x), -1) if x and isinstance(x[0], list) else np.asarray(x, float))


def logsumexp(x, dim):
    top = x.detach().amax(dim=dim, keepdim=True)
    return ((x - top).exp().sum(dim=dim, keepdim=True).log() + top).squeeze(dim)


def log_gamma_distrib(a, p):
    return 0.25 * p * (p - 1) * math.log(math.pi) + sum(math.lgamma(a - 0.5 * j) for j in range(p))


def objective(p, x, gamma, m):
    """`p`: weights alpha (k), means mu (k, d), log-diagonals q (k, d), entries l below the diagonal, by columns."""
    (n, d), k = x.shape, p["alpha"].shape[0]
    columns, rows = np.triu_indices(d, 1)  # by columns, from the diagonal down
    factor = cr.zeros((k, d, d), dtype=cr.float64)
    diagonal = np.arange(d)
    factor[:, diagonal, diagonal] = p["q"].exp()
    if len(rows):
        factor[:, rows, columns] = p["l"]
    centred = x[:, None, :] - p["mu"][None, :, :]
    scaled = (factor[None] * centred[:, :, None, :]).sum(dim=3)
    terms = p["alpha"] + p["q"].sum(dim=1) - 0.5 * (scaled * scaled).sum(dim=2)
    fit = logsumexp(terms, 1).sum() - n * logsumexp(p["alpha"], 0) - 0.5 * n * d * math.log(2 * math.pi)
    degrees = d + m + 1
    constant = degrees * d * (math.log(gamma) - 0.5 * math.log(2)) - log_gamma_distrib(0.5 * degrees, d)
    squares = ((2 * p["q"]).exp()).sum() + (p["l"] * p["l"]).sum()
    return fit - 0.5 * gamma * gamma * squares + m * p["q"].sum() + k * constant


def _arguments(d):
    return {name: _t(d[name]) for name in ("alpha", "mu", "q", "l")}, _t(d["x"]), d["gamma"], d["m"]


def jacobian(d):
    found = grad(objective)(*_arguments(d))
    return {name: found[name].tolist() for name in found}


FUNCTIONS = {"gmm.objective": lambda d: objective(*_arguments(d)).item(), "gmm.jacobian": jacobian}
