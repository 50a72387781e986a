"""Implicit derivatives, differential equations, minimisation, sparse Jacobians, modules as functions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from test_func import X, close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.transforms.sparse import colour_columns

M = np.array([[4.0, 1.0, 0.0], [-1.0, 3.0, 0.5], [0.2, 0.0, 2.0]])


def sqrt_by_root(a):
    return F.root(lambda x, a: x * x - a, t(1.0), a)


def sqrt_by_closure(a):
    return F.root(lambda x: x * x - a, t(1.0))


def sqrt_by_iteration(a):
    return F.fixed_point(lambda x, a: (x + a / x) * 0.5, t(1.0), a)


@pytest.mark.parametrize("g", [sqrt_by_root, sqrt_by_closure, sqrt_by_iteration])
def test_solutions_differentiate_in_both_modes_and_twice(g):
    close(g(t(4.0)), 2)
    close(F.grad(g)(t(4.0)), 0.25)
    close(F.jacfwd(g)(t(4.0)), 0.25)
    for second in (F.hessian, lambda g: F.grad(F.grad(g)), lambda g: F.jacfwd(F.jacfwd(g))):
        close(second(g)(t(4.0)), -1 / 32)
    close(F.grad(F.grad(F.grad(g)))(t(4.0)), 3 / 8 * 4**-2.5)
    close(F.vmap(F.grad(g))(t([4.0, 9.0])), [1 / 4, 1 / 6])
    close(F.grad(lambda v: F.vmap(g)(v).sum())(t([4.0, 9.0])), [1 / 4, 1 / 6])
    x = t(4.0, requires_grad=True)
    (d,) = cr.autograd.grad(g(x), x, create_graph=True)
    d.backward()
    close(x.grad, -1 / 32)


def test_root_of_a_system_over_trees():
    def equations(x, p):
        return {"u": x["u"] * x["v"] - p[0], "v": x["u"] + x["v"] * p[1] - 3.0}

    start = {"u": t(1.0), "v": t(2.0)}
    solve = lambda p: F.root(equations, start, p)["u"]  # noqa: E731
    jac = F.jacrev(solve)(t([1.5, 1.0]))
    step = 1e-6
    for i in range(2):
        e = np.eye(2)[i] * step
        want = (solve(t(np.array([1.5, 1.0]) + e)).item() - solve(t(np.array([1.5, 1.0]) - e)).item()) / (2 * step)
        np.testing.assert_allclose(jac.numpy()[i], want, rtol=1e-5)


def test_no_convergence_and_singular_jacobians_are_errors():
    with pytest.raises(RuntimeError, match="no convergence"):
        F.root(lambda x: x * x + 1.0, t(1.0))
    with pytest.raises(RuntimeError, match="no convergence"):
        F.fixed_point(lambda x: x * 2.0 + 1.0, t(1.0), max_iter=50)
    with pytest.raises(RuntimeError, match="singular"):
        F.grad(lambda a: F.fixed_point(lambda x: x + a * 0.0, t(1.0)))(t(1.0))


def test_linear_solve_agrees_with_the_inverse():
    def solve(m, b):
        return F.custom_linear_solve(lambda x: (m * x).sum(dim=1), b)

    inverse = np.linalg.inv(M)
    close(solve(t(M), t(X)), inverse @ X)
    close(F.jacrev(solve, 1)(t(M), t(X)), inverse)
    close(F.jacfwd(solve, 1)(t(M), t(X)), inverse)
    want = -np.einsum("ij,k->ijk", inverse, inverse @ X)
    close(F.jacrev(solve)(t(M), t(X)), want)
    close(F.jacfwd(solve)(t(M), t(X)), want)
    first = F.jacfwd(F.jacrev(solve))(t(M), t(X)).numpy()
    close(F.jacrev(F.jacrev(solve))(t(M), t(X)), first)
    close(F.vmap(solve, (None, 0))(t(M), t(np.eye(3))), inverse.T)
    calls = []

    def by_user(matvec, b):
        calls.append(1)
        return t(np.linalg.solve(np.diag([2.0, 3.0, 4.0]), b.numpy()))

    d = lambda b: F.custom_linear_solve(lambda x: t([2.0, 3.0, 4.0]) * x, b, by_user, symmetric=True).sum()  # noqa: E731
    close(F.grad(d)(t(X)), [1 / 2, 1 / 3, 1 / 4])
    assert len(calls) == 2


@pytest.mark.parametrize("adjoint", [False, True])
def test_odeint_against_the_analytic_solution(adjoint):
    times = [0.0, 0.5, 1.0]
    g = lambda k: F.odeint(lambda t, y: -(k * y), t([1.0, 2.0]), times, adjoint=adjoint)  # noqa: E731
    close(g(t(2.0)), np.exp(-2 * np.array(times))[:, None] * [1, 2], rtol=1e-6)
    last = lambda k: g(k)[2].sum()  # noqa: E731
    close(F.grad(last)(t(2.0)), -3 * np.exp(-2), rtol=1e-5)
    close(F.jacfwd(last)(t(2.0)), -3 * np.exp(-2), rtol=1e-5)
    close(F.grad(F.grad(last))(t(2.0)), 3 * np.exp(-2), rtol=1e-5)
    close(F.vmap(F.grad(last))(t([2.0, 1.0])), -3 * np.exp([-2, -1]), rtol=1e-5)
    by_time = F.grad(lambda s: F.odeint(lambda t, y: y * t, t(1.0), s, adjoint=adjoint)[1])(t([0.0, 1.0]))
    close(by_time, [0, np.exp(0.5)], rtol=1e-5, atol=1e-6)


def test_odeint_against_scipy():
    def field(_, y, a):
        return a * (y[1:2], y[0:1])[0] if False else cr.cat([y[1:2], (1.0 - y[0:1] * y[0:1]) * y[1:2] * a - y[0:1]])

    ours = F.odeint(field, t([2.0, 0.0]), [0.0, 1.0, 3.0], t(1.5))
    theirs = solve_ivp(
        lambda s, y: [y[1], 1.5 * (1 - y[0] ** 2) * y[1] - y[0]],
        (0, 3),
        [2, 0],
        t_eval=[0, 1, 3],
        rtol=1e-9,
        atol=1e-11,
    )
    close(ours, theirs.y.T, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="strictly increasing"):
        F.odeint(lambda s, y: y, t(1.0), [0.0, 1.0, 0.5])


METHODS = ["BFGS", "L-BFGS-B", "Newton-CG", "trust-exact", "trust-ncg", "trust-constr", "SLSQP", "Nelder-Mead"]


@pytest.mark.parametrize("method", METHODS)
def test_minimize_over_trees(method):
    def g(p, c):
        a = p["a"] - c
        return (a * a).sum() + (p["b"][0] + 1.0) * (p["b"][0] + 1.0)

    found = F.minimize(g, {"a": t([0.0, 1.0]), "b": (t(0.0),)}, (3.0,), method=method)
    assert found.success
    close(found.x["a"], [3, 3], atol=1e-3)
    close(found.x["b"][0], -1, atol=1e-3)


def test_minimize_with_bounds():
    found = F.minimize(lambda x: ((x - 3.0) * (x - 3.0)).sum(), t([0.0, 0.0]), bounds=(None, 2.0), method="L-BFGS-B")
    close(found.x, [2, 2])
    with pytest.raises(ValueError, match="pairs"):
        F.minimize(lambda x: x.sum(), t([0.0]), bounds=3.0)


def band(x):
    return (x[4:] * x[3:-1] + x[2:-2].sin() * x[1:-3] * x[:-4]).exp()


def test_sparse_jacobians():
    x = t(np.linspace(0, 1, 30))
    dense = F.jacrev(band)(x).numpy()
    for mode in ("auto", "forward", "reverse"):
        found = F.sparse_jacobian(band, mode=mode)(x)
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-10)
        assert found.nnz == 26 * 5
    close(F.sparse_hessian(lambda x: band(x).sum())(x).toarray(), F.hessian(lambda x: band(x).sum())(x))


def test_a_large_band_takes_few_directional_derivatives():
    x = t(np.linspace(0, 1, 10_000))
    pattern = F.jacobian_sparsity(band, x)
    assert pattern.nnz == 9996 * 5
    assert colour_columns(pattern).max() + 1 <= 12
    assert F.sparse_jacobian(band, pattern=pattern)(x).shape == (9996, 10_000)


def test_patterns_of_reductions_and_unknown_operations_are_safe():
    x = t(np.arange(6.0))
    assert F.jacobian_sparsity(lambda x: x.reshape(2, 3).sum(dim=1), x).toarray().tolist() == [
        [True] * 3 + [False] * 3,
        [False] * 3 + [True] * 3,
    ]
    assert F.jacobian_sparsity(lambda x: x[1:] * 0 + x.exp().sum(), x).nnz == 30
    assert F.jacobian_sparsity(lambda x: t([1.0, 2.0]), x).nnz == 0
    with pytest.raises(TypeError, match="must return one tensor"):
        F.jacobian_sparsity(lambda x: (x, x), x)


def test_compare_runs_every_way_to_differentiate():
    from chainrule import methods

    # y = ln x1 + x1 x2 - sin x2 at (2, 5): 5.5 and 1.716
    table = methods.compare(
        lambda a, b: a.log() + a * b - b.sin(), at=(2.0, 5.0), manual=lambda a, b: (1 / a + b, a - np.cos(b))
    )
    want = [[5.5, 2 - np.cos(5.0)]]
    for row in table.rows:
        if row.value is not None:
            close(row.value, want, rtol=1e-6)
    assert table["reverse mode"].error < 1e-15 and table["forward mode"].error < 1e-15
    assert 1e-12 < table["forward"].error < 1e-6 and table["central"].error < 1e-9
    assert "reverse mode" in str(table)
    errors = table.step_errors([1e-1, 1e-5, 1e-13])
    assert errors["central"][1] < errors["central"][0] and errors["central"][1] < errors["central"][2]
    vector = methods.compare(lambda x: x * x.sum(), at=np.array([1.0, 2.0]))
    close(vector["reverse mode"].value, [[4, 1], [2, 5]])
    close(vector["central"].value, [[4, 1], [2, 5]], rtol=1e-6)
