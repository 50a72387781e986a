"""grad, vjp, Jacobians, Hessians: agreement with torch.func and with each other, nesting, levels, errors."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.core.state import state

try:
    import torch
except ImportError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason="torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")

X = np.array([0.5, -1.25, 2.0])


def t(x, **kwargs):
    return cr.tensor(np.asarray(x, float), **kwargs)


def close(a, b, **kwargs):
    a = a.detach().numpy() if isinstance(a, cr.Tensor) else np.asarray(a)
    b = b.detach().numpy() if hasattr(b, "detach") else np.asarray(b)
    np.testing.assert_allclose(a, b, **{"rtol": 1e-8, "atol": 1e-10, **kwargs})


def f(x):
    return (x.sin() * x.exp()).sum()


def rosenbrock(x):
    a = x[1:] - x[:-1] * x[:-1]
    b = 1.0 - x[:-1]
    return (a * a * 100.0 + b * b).sum()


HESSIAN = np.diag(2 * np.exp(X) * np.cos(X))


def test_grad_takes_tensors_arrays_and_numbers():
    want = np.exp(X) * (np.sin(X) + np.cos(X))
    close(F.grad(f)(t(X)), want)
    close(F.grad(f)(X), want)
    assert F.grad(lambda x: x * x)(3.0).item() == 6.0
    assert F.grad(f)(X.astype(np.float32)).dtype == cr.float32


def test_argnums_names_and_trees():
    def loss(w, x, *, b):
        return (w["a"] * x).sum() + (w["c"][0] * b).sum()

    w = {"a": t(X), "c": (t([1.0, 2.0, 3.0]),)}
    x, b = t([1.0, 1.0, 2.0]), t([3.0, 4.0, 5.0])
    gw = F.grad(loss)(w, x, b=b)
    close(gw["a"], [1, 1, 2])
    close(gw["c"][0], [3, 4, 5])
    gx, gb = F.grad(loss, ("x", "b"))(w, x, b=b)
    close(gx, X)
    close(gb, [1, 2, 3])
    (gx,) = F.grad(loss, (-1,))(w, x, b=b)
    close(gx, X)


def test_value_and_aux():
    g, v = F.grad_and_value(f)(t(X))
    v2, g2 = F.value_and_grad(f)(t(X))
    close(v, v2)
    close(g, g2)
    g, (v, aux) = F.grad_and_value(lambda x: (f(x), {"y": x * 2, "n": 3}), has_aux=True)(t(X))
    close(aux["y"], 2 * X)
    assert aux["n"] == 3 and not aux["y"].requires_grad
    (v, aux), g = F.value_and_grad(lambda x: (f(x), x), has_aux=True)(t(X))
    close(aux, X)
    close(F.grad(lambda x: (f(x), x), has_aux=True)(t(X))[0], g)


def test_unused_arguments_have_zero_gradients():
    _, gb = F.grad(lambda a, b: (a * a).sum(), (0, 1))(t(X), t([1.0]))
    close(gb, [0.0])
    close(F.grad(lambda x: t(3.0))(t(X)), np.zeros(3))


HESSIANS = {
    "hessian": F.hessian,
    "forward over reverse": lambda f: F.jacfwd(F.jacrev(f)),
    "reverse over reverse": lambda f: F.jacrev(F.jacrev(f)),
    "reverse over forward": lambda f: F.jacrev(F.jacfwd(f)),
    "forward over forward": lambda f: F.jacfwd(F.jacfwd(f)),
    "chunks": lambda f: F.jacfwd(F.jacrev(f, chunk_size=2), chunk_size=2),
    "grad, then jacrev": lambda f: F.jacrev(F.grad(f), chunk_size=1),
}


@pytest.mark.parametrize("name", HESSIANS)
def test_all_orders_of_modes_give_one_hessian(name):
    close(HESSIANS[name](f)(t(X)), HESSIAN)


@needs_torch
@pytest.mark.parametrize("name", HESSIANS)
def test_hessians_agree_with_torch(name):
    x = np.linspace(-1, 1, 7)

    def g(x):
        a = x[1:] - x[:-1] * x[:-1]
        return (a * a * 100.0 + (x[:-1] - 1.0) * (x[:-1] - 1.0)).sum()

    close(HESSIANS[name](g)(t(x)), torch.func.hessian(g)(torch.tensor(x)))


@needs_torch
def test_jacobians_of_trees_agree_with_torch():
    def g(x, y):
        return {"a": x.sin() * y.sum(), "b": (x[:2, None] * y, (x * x).sum())}

    a, b = np.array([0.1, 0.2, 0.3]), np.array([1.0, -2.0])
    for ours, theirs in ((F.jacrev, torch.func.jacrev), (F.jacfwd, torch.func.jacfwd)):
        have = ours(g, (0, 1))(t(a), t(b))
        want = theirs(g, (0, 1))(torch.tensor(a), torch.tensor(b))
        for k in (0, 1):
            close(have["a"][k], want["a"][k])
            close(have["b"][0][k], want["b"][0][k])
            close(have["b"][1][k], want["b"][1][k])


def test_vjp_can_be_pulled_many_times_and_mapped():
    _, pull = F.vjp(lambda x: {"a": x.sin(), "b": (x * x).sum()}, t(X))
    for _ in range(2):
        close(pull({"b": t(2.0), "a": t([1.0, 1.0, 1.0])})[0], np.cos(X) + 4 * X)
    close(F.vmap(lambda c: pull({"a": c, "b": t(0.0)})[0])(t(np.eye(3))), np.diag(np.cos(X)))
    _, pull, aux = F.vjp(lambda x, y: (x * y, y), t(2.0), t(5.0), has_aux=True)
    assert [g.item() for g in pull(t(1.0))] == [5.0, 2.0] and aux.item() == 5.0


def test_pulled_back_cotangents_are_arrays_of_their_own():
    ct = t([1.0, 2.0, 3.0])
    a, b = F.vjp(lambda x, y: x + y, t(X), t(X))[1](ct)
    a.add_(1.0)
    close(b, [1, 2, 3])
    close(ct, [1, 2, 3])
    g = F.grad(lambda x: x.sum())(t(X))
    g.mul_(2.0)
    close(g, [2, 2, 2])


def test_linearize_and_transpose():
    _, push = F.linearize(lambda x: (x.sin(), x.sum()), t(X))
    a, b = push(t(X))
    close(a, X * np.cos(X))
    close(b, X.sum())
    close(F.vmap(lambda v: push(v)[0])(t(np.eye(3))), np.diag(np.cos(X)))
    m = np.arange(6.0).reshape(2, 3)
    (back,) = F.linear_transpose(lambda x: (t(m) * x).sum(dim=1), t(X))(t([1.0, 10.0]))
    close(back, m.T @ [1, 10])


def test_hvp_is_hessian_times_vector():
    v = t([1.0, -1.0, 2.0])
    close(F.hvp(f, (t(X),), (v,))[0], HESSIAN @ [1, -1, 2])
    close(F.hvp(f, t(X), v), HESSIAN @ [1, -1, 2])
    _, aux = F.hvp(lambda x: (f(x), x), (t(X),), (v,), has_aux=True)
    close(aux, X)


# ---- nesting and confusion ------------------------------------------------------------------------------------------


def test_no_perturbation_confusion():
    one = t(1.0)
    d = lambda g: lambda x: F.jvp(g, (x,), (one,))[1]  # noqa: E731
    for outer in (F.grad, d):
        for inner in (F.grad, d):
            # d/dx [x * d/dy (x + y)] = 1, and d/dx [x * d/dy (x y)] = 2 x
            assert outer(lambda x, inner=inner: x * inner(lambda y: x + y)(one))(t(2.0)).item() == 1.0
            assert outer(lambda x, inner=inner: x * inner(lambda y: x * y)(t(3.0)))(t(2.0)).item() == 4.0


def test_siskind_and_pearlmutter_higher_order_functions():
    # d/dx of the curried function x -> (y -> x y), evaluated twice: tangents of different calls stay apart.
    def s(u):
        def g(x):
            return x * u

        return g

    d = lambda u: F.jvp(lambda v: s(v)(t(3.0)), (u,), (t(1.0),))[1]  # noqa: E731
    assert d(t(5.0)).item() == 3.0
    assert F.grad(lambda x: F.grad(lambda y: F.grad(lambda z: x * y * z)(t(1.0)))(t(1.0)) * x)(t(4.0)).item() == 8.0


def test_closures_over_eager_tensors_are_recorded():
    w = t(X, requires_grad=True)
    F.grad(lambda x: (w * x).sin().sum())(t(X)).sum().backward()
    close(w.grad, np.cos(X * X) - X * X * np.sin(X * X))
    w = t(X, requires_grad=True)
    F.hessian(lambda x: (w * x * x * x).sum())(t(X)).sum().backward()
    close(w.grad, 6 * X)
    w = t(X, requires_grad=True)
    F.grad(f)(w).sum().backward()
    close(w.grad, np.diag(HESSIAN))
    w = t(X, requires_grad=True)
    F.jvp(lambda x: (w * x).sum(), (t(X),), (t([1.0, 2.0, 3.0]),))[1].backward()
    close(w.grad, [1, 2, 3])
    w = t(X, requires_grad=True)
    F.vmap(lambda a: (w * a).sum())(t(np.eye(3))).sum().backward()
    close(w.grad, [1, 1, 1])


def test_autograd_grad_inside_a_transformation():
    def inner(x):
        y = (x * x * x).sum()
        (g,) = cr.autograd.grad(y, x, create_graph=True)
        return (g * g).sum()

    close(F.grad(inner)(t(X)), 36 * X**3)
    close(F.jacfwd(F.grad(inner))(t(X)), np.diag(108 * X**2))
    close(F.vmap(F.grad(inner))(t(np.stack([X, 2 * X]))), 36 * np.stack([X, 2 * X]) ** 3)


def test_no_grad_inside_is_respected_and_outside_ignored():
    with cr.no_grad():
        close(F.grad(f)(t(X)), np.exp(X) * (np.sin(X) + np.cos(X)))
        w = t(X, requires_grad=True)
        assert not F.grad(lambda x: (w * x).sum())(t(X)).requires_grad

    def cut(x):
        with cr.no_grad():
            c = (x * x).sum()
        return (x * x * x).sum() - c

    close(F.grad(cut)(t(X)), 3 * X * X)
    close(F.jvp(cut, (t(X),), (t([1.0, 1.0, 1.0]),))[1], (3 * X * X).sum())


@pytest.mark.parametrize("transform", [F.grad, F.vmap, F.jacfwd, F.jacrev, F.hessian])
def test_levels_are_restored_when_the_function_raises(transform):
    def bad(x):
        raise KeyError("on purpose")

    for enabled in (True, False):
        with cr.set_grad_enabled(enabled), pytest.raises(KeyError):
            transform(bad)(t(X))
        assert state.grad_enabled
    close(F.grad(f)(t(X)), np.exp(X) * (np.sin(X) + np.cos(X)))


def test_escaped_values_are_named():
    kept = []
    F.grad(lambda x: (kept.append(x), (x * x).sum())[1])(t(X))
    with pytest.raises(cr.core.errors.TracedValueError, match="escaped from grad"):
        kept[0] * 2
    kept.clear()
    F.vmap(lambda x: kept.append(x) or x)(t(X))
    with pytest.raises(cr.core.errors.TracedValueError, match="escaped from vmap"):
        kept[0] + 1


def test_python_branches_on_concrete_values_work_under_grad():
    g = F.grad(lambda x: x * x if x.item() > 0 else -x)
    assert g(t(3.0)).item() == 6.0 and g(t(-3.0)).item() == -1.0


def test_in_place_writes_inside_a_function():
    def g(x):
        y = x * 1.0
        y.mul_(x)
        z = y * 0.0
        z[1] = y[0] * 3.0
        return z.sum()

    close(F.grad(g)(t(X)), [6 * X[0], 0, 0])


def test_memory_is_freed_without_the_collector():
    gc.disable()
    try:
        x = t(np.ones(1000))
        seen = []

        def g(x):
            y = x * x
            seen.append(weakref.ref(y))
            return y.sum()

        F.grad(g)(x)
        assert seen[0]() is None
    finally:
        gc.enable()


# ---- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.grad(lambda x: x * 2)(t(X)), RuntimeError, r"return a scalar Tensor.*test_func.py"),
        (lambda: F.grad(f)(cr.tensor([1, 2])), RuntimeError, "floating point.*argument 0.*int64.*x.float"),
        (lambda: F.grad(f, 3)(t(X)), ValueError, "argnum=3, but only 1 positional"),
        (lambda: F.grad(f, (0, 0))(t(X)), ValueError, "unique"),
        (lambda: F.grad(lambda x: 1.0)(t(X)), RuntimeError, "got type float"),
        (lambda: F.grad(lambda x: (x.sum(), x))(t(X)), RuntimeError, "has_aux=True"),
        (lambda: F.grad(f, "z")(t(X)), ValueError, "argument named 'z'"),
        (lambda: F.grad(f)("text"), TypeError, "of type str"),
        (lambda: F.grad(lambda x: x.sum(), has_aux=True)(t(X)), TypeError, "must return a tuple"),
        (lambda: F.jvp(f, (t(X),), (t([1.0]),)), RuntimeError, "different size"),
        (lambda: F.jvp(f, t(X), t(X)), RuntimeError, "primals to be a tuple"),
        (lambda: F.vjp(f, t(X))[1](t([1.0, 2.0])), RuntimeError, r"shape \(2,\), but must have \(\)"),
        (lambda: F.jacrev(lambda x: "no")(t(X)), TypeError, "must only return Tensors"),
        (lambda: F.jvp(lambda x: t(1.0), (t(X),), (t(X),), strict=True), RuntimeError, "strict"),
    ],
)
def test_errors_say_what_and_what_to_write(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- properties ------------------------------------------------------------------------------------------------------

vectors = st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3).map(lambda v: np.array(v, float))


def program(x):
    return (x * x.sin() + (x[1:] * x[:-1]).exp().sum()) * x.sum()


@settings(max_examples=25, deadline=None)
@given(vectors, vectors, vectors)
def test_forward_and_reverse_are_adjoint(x, v, w):
    _, moved = F.jvp(program, (t(x),), (t(v),))
    (back,) = F.vjp(program, t(x))[1](t(w))
    np.testing.assert_allclose((moved * t(w)).sum().item(), (back * t(v)).sum().item(), rtol=1e-7, atol=1e-7)


@settings(max_examples=25, deadline=None)
@given(vectors, vectors, vectors, st.floats(-3, 3))
def test_pushforwards_are_linear(x, v, w, a):
    push = F.linearize(program, t(x))[1]
    close(push(t(a * v + w)), push(t(v)).numpy() * a + push(t(w)).numpy(), rtol=1e-6, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(vectors)
def test_mixed_second_derivatives_are_symmetric(x):
    h = F.hessian(lambda x: program(x).sum())(t(x)).numpy()
    np.testing.assert_allclose(h, h.T, rtol=1e-7, atol=1e-7)


@settings(max_examples=20, deadline=None)
@given(vectors)
def test_chain_rule(x):
    g, h = (lambda x: x.sin() * x), (lambda x: (x * x[:1]).exp())
    whole = F.jacfwd(lambda x: h(g(x)))(t(x)).numpy()
    parts = F.jacrev(h)(g(t(x))).numpy() @ F.jacrev(g)(t(x)).numpy()
    np.testing.assert_allclose(whole, parts, rtol=1e-7, atol=1e-7)


# ---- autograd.functional --------------------------------------------------------------------------------------------


@needs_torch
def test_autograd_functional_agrees_with_torch():
    ours, theirs = cr.autograd.functional, torch.autograd.functional

    def g(x, y):
        return (x * y.sum()).sin(), (x.exp() * y[0]).sum()

    a, b = X, np.array([0.3, -0.4])
    pair, tpair = (t(a), t(b)), (torch.tensor(a), torch.tensor(b))
    for strategy in ("reverse-mode", "forward-mode"):
        have = ours.jacobian(g, pair, vectorize=True, strategy=strategy)
        want = theirs.jacobian(g, tpair)
        for i in (0, 1):
            for j in (0, 1):
                close(have[i][j], want[i][j])
    s = lambda x, y: g(x, y)[1] + (x[0] * y).sum()  # noqa: E731
    have, want = ours.hessian(s, pair), theirs.hessian(s, tpair)
    for i in (0, 1):
        for j in (0, 1):
            close(have[i][j], want[i][j])
    v, tv = (t(a * 2), t(b + 1)), (torch.tensor(a * 2), torch.tensor(b + 1))
    for name in ("hvp", "vhp"):
        (have, hv), (want, wv) = getattr(ours, name)(s, pair, v), getattr(theirs, name)(s, tpair, tv)
        close(have, want)
        close(hv[0], wv[0])
        close(hv[1], wv[1])
    (_, hj), (_, wj) = ours.jvp(g, pair, v), theirs.jvp(g, tpair, tv)
    close(hj[0], wj[0])
    close(hj[1], wj[1])
    c, tc = (t(a), t(2.0)), (torch.tensor(a), torch.tensor(2.0, dtype=torch.float64))
    (_, hj), (_, wj) = ours.vjp(g, pair, c), theirs.vjp(g, tpair, tc)
    close(hj[0], wj[0])
    close(hj[1], wj[1])


def test_autograd_functional_create_graph_and_strict():
    fn = cr.autograd.functional
    x = t(X, requires_grad=True)
    assert not fn.jacobian(lambda x: x * x, x).requires_grad
    fn.jacobian(lambda x: x * x * x, x, create_graph=True).sum().backward()
    close(x.grad, 6 * X)
    with pytest.raises(RuntimeError, match="independent of input 1"):
        fn.jacobian(lambda x, y: x * 2, (t(X), t(X)), strict=True)
    with pytest.raises(RuntimeError, match="v can only be None"):
        fn.vjp(lambda x: x * 2, t(X))
    with pytest.raises(RuntimeError, match="invalid size"):
        fn.hvp(f, t(X), t([1.0]))


def test_gradient_of_a_complex_result_is_refused():
    with pytest.raises(RuntimeError, match="only for real scalar outputs but got torch.complex64"):
        F.grad(lambda x: x * (1 + 2j))(cr.tensor(2.0))
