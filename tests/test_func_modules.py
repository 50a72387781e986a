"""Modules as functions of their parameters: per-sample gradients, curvature products, ensembles."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule import nn


@pytest.fixture
def problem():
    cr.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    x, y = cr.randn(5, 3, dtype=cr.float64), cr.randn(5, 1, dtype=cr.float64)
    return module, nn.functional.mse_loss, x, y


def direction(module):
    return {k: cr.randn(*p.shape, dtype=cr.float64) for k, p in module.named_parameters()}


def test_per_sample_gradients_average_to_the_gradient(problem):
    module, loss, x, y = problem
    found = F.per_sample_grads(module, loss, x, y)
    loss(module(x), y).backward()
    for name, p in module.named_parameters():
        assert tuple(found[name].shape) == (5, *p.shape)
        np.testing.assert_allclose(found[name].numpy().mean(0), p.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_hessian_blocks_agree_with_products(problem):
    module, loss, x, y = problem
    blocks, v = F.module_hessian(module, loss, x, y), direction(module)
    product = F.module_hvp(module, loss, v, x, y)
    for i in product:
        rows = [blocks[i][j].numpy().reshape(product[i].numel(), -1) @ v[j].numpy().reshape(-1) for j in v]
        np.testing.assert_allclose(sum(rows), product[i].numpy().reshape(-1), rtol=1e-8, atol=1e-10)


def test_gauss_newton_is_j_transposed_h_j(problem):
    module, loss, x, y = problem
    v = direction(module)
    params = {k: p.detach() for k, p in module.named_parameters()}
    jac = F.jacrev(lambda p: F.functional_call(module, p, (x,)))(params)
    flat = np.concatenate([jac[k].numpy().reshape(5, -1) for k in v], axis=1)
    direct = flat.T @ (2 / 5 * flat) @ np.concatenate([v[k].numpy().reshape(-1) for k in v])
    found = F.ggn_product(module, loss, v, x, y)
    np.testing.assert_allclose(np.concatenate([found[k].numpy().reshape(-1) for k in v]), direct, rtol=1e-8, atol=1e-10)


def test_empirical_fisher_is_the_mean_of_the_samples_outer_products(problem):
    module, loss, x, y = problem
    v = direction(module)
    grads = F.per_sample_grads(module, loss, x, y)
    rows = np.concatenate([grads[k].numpy().reshape(5, -1) for k in v], axis=1)
    direct = rows.T @ (rows @ np.concatenate([v[k].numpy().reshape(-1) for k in v])) / 5
    found = F.fisher_product(module, loss, v, x, y)
    np.testing.assert_allclose(np.concatenate([found[k].numpy().reshape(-1) for k in v]), direct, rtol=1e-8, atol=1e-10)


def test_ensembles_run_under_vmap():
    models = [nn.Linear(3, 2) for _ in range(4)]
    params, buffers = F.stack_module_state(models)
    x = cr.randn(5, 3)
    out = F.vmap(lambda p, b: F.functional_call(models[0], (p, b), (x,)))(params, buffers)
    for i, m in enumerate(models):
        np.testing.assert_allclose(out[i].detach().numpy(), m(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert params["weight"].requires_grad


def test_functional_call_leaves_the_module_alone_and_names_mistakes():
    m = nn.Linear(3, 2)
    before = m.weight
    F.functional_call(m, {"weight": cr.zeros(2, 3)}, cr.ones(1, 3))
    assert m.weight is before
    with pytest.raises(ValueError, match="no parameter or buffer 'w'"):
        F.functional_call(m, {"w": cr.zeros(2, 3)}, cr.ones(1, 3))
    with pytest.raises(ValueError, match="missing"):
        F.functional_call(m, {"weight": cr.zeros(2, 3)}, cr.ones(1, 3), strict=True)
    with pytest.raises(ValueError, match="multiple dictionaries"):
        F.functional_call(m, ({"weight": cr.zeros(2, 3)}, {"weight": cr.zeros(2, 3)}), cr.ones(1, 3))
    assert m.weight is before
