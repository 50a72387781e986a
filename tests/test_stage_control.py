"""Staged control flow: one equation with sub-graphs, equal to eager in value and every derivative, as text and run."""

from __future__ import annotations

import numpy as np
import pytest
from test_func import t

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.core.pytree import tree_leaves
from chainrule.graph import GraphFormatError, parse, stage, verify

RNG = np.random.default_rng(0)
X = RNG.normal(size=3)
W = t(RNG.normal(size=(2, 2)) / 3)
ROWS = RNG.normal(size=(4, 2))


def agrees(f, *args, at=None):
    """Staged for `args` and run there and at `at`, `f` gives what it gives eagerly; its text reads back."""
    staged = stage(f, *args)
    text = str(staged)
    again = parse(text)
    verify(again)
    assert str(again) == text
    for xs in [args, *(at or [])]:
        for a, b in zip(tree_leaves(f(*xs)), tree_leaves(staged(*xs)), strict=True):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-13)
    return staged


def names(staged):
    return [e.prim.name for e in staged.graph.equations]


def branch(x):
    return F.cond(x.sum() > 0, lambda x: x.sin() * W.sum(), lambda x: x * x * x, x).sum()


def squares(x):
    return F.while_loop(lambda v: v < 100, lambda v: v * v + 0.1 * x, x)


def rnn(h, xs, reverse=False):
    h, ys = F.scan(lambda h, x: ((W @ h).tanh() + x, {"h": h.sum(), "hx": x * h}), h, xs, reverse=reverse)
    return (h**2).sum() + ys["h"].prod() + (3 * ys["hx"]).sum()


def mixed(xs):
    def step(c, v):
        return F.cond(v > 0, lambda: F.while_loop(lambda u: u < 10, lambda u: u * 2 + v, c * c + 1.5), lambda: c * v), c

    return F.scan(step, xs.sum(), xs)[0]


def orders(f):
    return [f, F.grad(f), F.jacfwd(f), F.hessian(f), F.jacrev(F.grad(f)), F.jacfwd(F.jacfwd(f))]


@pytest.mark.parametrize("k", range(6))
def test_every_order_and_mode_of_each_form(k):
    x = t(X)
    assert names(agrees(orders(branch)[k], x, at=[(-x,)])).count("cond")
    agrees(orders(squares)[k], t(3.0), at=[(t(1.5),), (t(200.0),)])
    agrees(orders(lambda xs: rnn(t([0.1, 0.2]), xs))[k], t(ROWS))
    agrees(orders(lambda xs: rnn(t([0.1, 0.2]), xs, reverse=True))[k], t(ROWS))
    agrees(orders(mixed)[k], x, at=[(-x,)])


def test_equations_of_a_body_know_the_line_of_the_body():
    def step(c, v):
        w = v.sin()
        return c + w, w

    (scan,) = stage(lambda x: F.scan(step, t(0.0), x)[0], t(X)).graph.equations
    sin, add = scan.graphs["body"].equations
    assert "w = v.sin()" in sin.where() and "return c + w, w" in add.where()
    assert "F.scan(step" in scan.where()


def test_loops_are_one_equation_however_long():
    f = lambda x: F.scan(lambda c, v: (c * v, c), t(1.0), x)[0]  # noqa: E731
    staged = stage(f, t(np.ones(1000)))
    assert names(staged) == ["scan"]
    assert names(stage(F.grad(f), t(np.ones(1000)))).count("scan") == 2
    assert names(stage(lambda x: F.fori_loop(0, 50, lambda i, v: v + i, x), t(X))) == ["scan"]
    assert names(stage(F.grad(squares), t(3.0))).count("while") == 1
    assert names(stage(lambda x: F.map(lambda v: v * 2, x), t(X))) == ["scan"]


def test_a_gradient_through_a_loop_of_unknown_length_reads_as_two_passes():
    text = str(stage(F.grad(lambda x: F.while_loop(lambda v: v < 100, lambda v: v * v, x)), t(3.0)))
    assert "states=(1, 1)" in text or "states=(1, 2)" in text
    assert "    test graph(" in text and "    pass0 graph(" in text and "    pass1 graph(" in text


@pytest.mark.parametrize(
    "f",
    [
        F.vmap(squares),
        F.vmap(F.grad(squares)),
        lambda x: F.grad(lambda x: F.vmap(squares)(x).sum())(x),
        F.vmap(F.grad(F.grad(squares))),
        F.vmap(lambda x: F.cond(x > 0, lambda x: x.log(), lambda x: x * x, x)),
        F.vmap(F.grad(lambda x: F.cond(x > 0, lambda x: x.log(), lambda x: x * x, x))),
        lambda x: F.hessian(lambda x: F.vmap(squares)(x).sum())(x),
        lambda x: F.vmap(lambda n: F.fori_loop(0, n, lambda i, v: v * 1.5 + i, t(1.0)))(x.long() % 5),
    ],
)
def test_batched_predicates(f):
    agrees(f, t([3.0, 200.0, 2.0]), at=[(t([50.0, 1.5, 1.2]),)])


def test_batched_scans_and_what_is_not_batched_stays_so():
    h, xs = t([0.1, 0.2]), t(RNG.normal(size=(3, 4, 2)))
    agrees(F.vmap(rnn, (None, 0)), h, xs)
    agrees(F.vmap(F.grad(rnn, (0, 1)), (None, 0)), h, xs)
    agrees(F.vmap(F.grad(rnn), (None, 2)), h, t(RNG.normal(size=(4, 2, 5))))
    counted = lambda x: F.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1].sin() * s[1]), (0, x))[1]  # noqa: E731
    staged = agrees(F.vmap(counted), xs)
    assert "test graph(x0: int64[]," in str(staged)  # the counter is one for all examples
    agrees(F.vmap(F.jacrev(counted)), xs[0])


def test_training_steps_with_loops_replay_as_eager():
    def build():
        w = W.clone().requires_grad_()

        def step(xs):
            w.grad = None
            h, ys = F.scan(lambda h, x: ((w @ h).tanh() + x, h), t([0.0, 0.0]), xs)
            loss = (ys**2).sum() + F.while_loop(lambda v: v.sum() < 50, lambda v: v * v + w.sum() ** 2 + 2, h**2).sum()
            loss.backward()
            with cr.no_grad():
                w.sub_(0.001 * w.grad)
            return loss

        return w, step

    (w1, eager), (w2, step) = build(), build()
    staged = stage(step, t(ROWS))
    for k in range(4):
        a, b = eager(t(ROWS + k)), staged(t(ROWS + k))
        np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12)
    np.testing.assert_allclose(w1.detach().numpy(), w2.detach().numpy(), rtol=1e-12)
    assert staged.reads == [w2] and staged.writes == [w2]


def test_create_graph_through_staged_loops():
    def f(x):
        x = x.detach().requires_grad_()
        total = squares(x[0]) + rnn(x[:2], t(ROWS)) + branch(x)
        (g,) = cr.autograd.grad(total, x, create_graph=True)
        return g, cr.autograd.grad((g * g).sum(), x)[0]

    agrees(f, t([3.0, 0.5, -1.0]), at=[(t([1.5, -0.5, -3.0]),)])


def test_custom_rules_hold_inside():
    @F.custom_vjp
    def f(x):
        return x * x

    f.defvjp(lambda x: (x * x, x), lambda x, g: (7 * x * g,))

    @F.custom_jvp
    def g(x):
        return x * x

    g.defjvp(lambda primals, tangents: (primals[0] * primals[0], 7 * primals[0] * tangents[0]))
    for rule in (f, g):
        agrees(F.grad(lambda x, r=rule: F.scan(lambda c, v: (c + r(v), c), t(0.0), x)[0]), t(X))
        agrees(F.grad(lambda x, r=rule: F.while_loop(lambda v: v < 50, lambda v: r(v) + 1, x)), t(1.5))
        agrees(F.grad(lambda x, r=rule: F.cond(x > 0, r, lambda x: x, x)), t(1.5), at=[(t(-1.5),)])


def cube_root(a):
    return F.root(lambda x, a: x**3 - a, t(1.0), a)


def heron(a):
    return F.fixed_point(lambda x, a: (x + a / x) / 2, t(1.0), a)


@pytest.mark.parametrize("f", [cube_root, heron])
def test_implicit_functions_are_staged_with_their_derivatives(f):
    for g in orders(f):
        agrees(g, t(8.0), at=[(t(2.0),)])
    agrees(F.vmap(F.grad(f)), t([8.0, 27.0]))
    tree = lambda a: F.root(  # noqa: E731
        lambda d, a: {"u": d["u"] ** 2 - a + d["v"], "v": 2 * d["v"] - d["u"].sum()},
        {"u": t([1.0, 1.0]), "v": t(0.0)},
        a,
    )["u"].sum()
    agrees(F.hessian(tree), t([2.0, 3.0]))
    agrees(F.jacrev(lambda a: F.custom_linear_solve(lambda v: a * v, t(X))), t([1.0, 2.0, 3.0]))


def test_a_staged_search_that_fails_gives_nan():
    assert np.isnan(stage(lambda a: F.root(lambda x, a: x * x + a, t(1.0), a), t(2.0))(t(2.0)).item())
    assert np.isnan(stage(lambda a: F.fixed_point(lambda x, a: 2 * x + a, t(1.0), a), t(2.0))(t(2.0)).item())


def test_only_the_chosen_branch_runs():
    f = lambda x: F.cond(x.sum() > 100, lambda: cr.linalg.cholesky(-cr.eye(2, dtype=x.dtype)).sum(), lambda: x.sum())  # noqa: E731
    agrees(f, t(X))


def test_random_draws_are_made_anew_in_each_step_and_have_no_staged_derivative():
    f = lambda x: F.scan(lambda c, v: (c + v * cr.rand((), dtype=cr.float64), c), t(0.0), x)[0]  # noqa: E731
    staged = stage(f, t(X))
    cr.manual_seed(0)
    want = f(t(X))
    cr.manual_seed(0)
    np.testing.assert_allclose(staged(t(X)).item(), want.item())
    with pytest.raises(RuntimeError, match="draws random numbers has no derivative"):
        stage(F.grad(f), t(X))


def test_numbers_in_the_carry_take_the_dtype_of_the_body():
    agrees(lambda x: F.scan(lambda c, v: (c + v, c), 0.0, x), t(X))
    agrees(
        lambda x: F.while_loop(lambda s: s[1].sum() < 30, lambda s: (s[0] + x.sum(), s[1] * 2), (0.0, x)), t(np.abs(X))
    )
    staged = stage(lambda x: F.cond(x.sum() > 0, lambda: 1.0, lambda: x.sum()), t(X))
    assert staged(t(np.ones(3))).item() == 1.0 and staged(t(np.ones(3))).dtype is cr.float64


def test_writes_to_what_a_body_makes_are_fine():
    def f(x):
        def step(c, v):
            z = cr.zeros(2, dtype=cr.float64)
            z[0] = v
            z[1] = c
            return z.prod(), z

        return F.scan(step, x.sum(), x)[1]

    agrees(f, t(X))
    agrees(F.jacrev(f), t(X))


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: F.cond(x.sum() > 0, lambda: x, lambda: x.sum()), ValueError, "the result is float64.3. from"),
        (lambda x: F.cond(x.sum() > 0, lambda: (x, x), lambda: x), ValueError, "must return the same structure"),
        (lambda x: F.cond(x > 0, lambda: x, lambda: x), ValueError, "must be a scalar"),
        (lambda x: F.while_loop(lambda v: v.sum() < 3, lambda v: v.sum(), x), RuntimeError, "carried value has"),
        (lambda x: F.while_loop(lambda v: v.sum() < 3, lambda v: v.float(), x), TypeError, "convert the first value"),
        (lambda x: F.while_loop(lambda v: v[0].sum() < 3, lambda v: v[0], (x,)), ValueError, "structure"),
        (lambda x: F.scan(lambda c, v: c, x.sum(), x), TypeError, "a pair"),
    ],
)
def test_bodies_that_do_not_fit_are_refused_at_staging(f, error, message):
    with pytest.raises(error, match=message):
        stage(f, t(X))


def test_writing_to_an_outside_tensor_from_a_body_is_refused_and_undone():
    total = t([0.0])
    with pytest.raises(RuntimeError, match="must be in its carry"):
        stage(lambda x: F.scan(lambda c, v: (c, total.add_(v)), x.sum(), x), t(X))
    assert type(total) is cr.Tensor and total.tolist() == [0.0]
    total.add_(1)
    assert total.tolist() == [1.0]


COND = str(stage(branch, t(X)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (COND.replace("bool[] = gt(v0, 0)", "float64[] = mul(v0, 2)"), "must be bool"),
        (COND.replace("orelse graph(x0: float64[2,2]", "orelse graph(x0: float64[2,3]"), "takes .*is given"),
        (COND.rsplit("}", 1)[0], "the last '}' is missing"),
        (COND + "\nv9: float64[] = neg(x0)", "text after"),
        (
            "graph(x0: float64[]) {\n  then graph(x0: float64[]) {\n return x0\n}\n  return x0\n}",
            "follows its equation",
        ),
    ],
)
def test_malformed_sub_graphs_are_refused(text, message):
    with pytest.raises(GraphFormatError, match=message):
        verify(parse(text))
