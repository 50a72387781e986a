"""Staging beneath the tape: whole training steps as one graph, bit for bit the eager run."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import GraphFormatError, parse, stage, verify


def same(a, b):
    a, b = a.detach().numpy(), b.detach().numpy()
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def make_model(seed=0):
    rng = np.random.default_rng(seed)
    params = [rng.normal(size=s).astype("float32") for s in ((4, 8), (8,), (8, 2), (2,))]
    params = [cr.tensor(p, requires_grad=True) for p in params]
    buffers = [cr.zeros_like(p) for p in params]

    def step(x, y):
        h = cr.tanh(x @ params[0] + params[1])
        loss = ((h @ params[2] + params[3] - y) ** 2).mean()
        for p in params:
            p.grad = None
        loss.backward()
        with cr.no_grad():
            for p, m in zip(params, buffers, strict=True):
                m.mul_(0.9).add_(p.grad)
                p.sub_(0.05 * m)
        return loss

    return params, buffers, step


def batches(n, seed=1):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        yield tuple(cr.tensor(rng.normal(size=s).astype("float32")) for s in ((16, 4), (16, 2)))


def test_a_training_step_replays_bit_for_bit():
    p1, m1, eager = make_model()
    p2, m2, step = make_model()
    first = next(iter(batches(1)))
    staged = stage(step, *first)
    for x, y in batches(10):
        same(eager(x, y), staged(x, y))
        for a, b in zip([*p1, *m1], [*p2, *m2], strict=True):
            same(a, b)
        for a, b in zip(p1, p2, strict=True):
            same(a.grad, b.grad)
    assert {id(t) for t in staged.reads} == {id(t) for t in [*p2, *m2]}
    assert {id(t) for t in staged.writes} == {id(t) for t in [*p2, *m2]}


def test_staging_changes_nothing():
    params, buffers, step = make_model()
    before = [t.detach().clone() for t in [*params, *buffers]]
    stage(step, *next(iter(batches(1))))
    for a, b in zip(before, [*params, *buffers], strict=True):
        same(a, b)
    assert all(p.grad is None for p in params)


def test_optimizer_step_is_staged_with_its_state():
    def build():
        cr.manual_seed(0)
        model = cr.nn.Sequential(cr.nn.Linear(4, 8), cr.nn.ReLU(), cr.nn.Linear(8, 2))
        opt = cr.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x, y):
            opt.zero_grad()
            loss = cr.nn.functional.mse_loss(model(x), y)
            loss.backward()
            opt.step()
            return loss

        return model, step

    (m1, eager), (m2, step) = build(), build()
    data = list(batches(6))
    eager(*data[0])
    step(*data[0])
    staged = stage(step, *data[1])
    for x, y in data[1:]:
        same(eager(x, y), staged(x, y))
    for a, b in zip(m1.parameters(), m2.parameters(), strict=True):
        same(a, b)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "Adamax", "RMSprop", "Adagrad"])
def test_counters_of_staged_optimizers_are_as_exact_as_numbers(name):
    def build():
        w = cr.tensor(np.linspace(-1, 1, 6).reshape(3, 2), requires_grad=True)
        opt = getattr(cr.optim, name)([w])

        def step(x):
            opt.zero_grad()
            ((x @ w).tanh() ** 2).mean().backward()
            opt.step()

        return w, step

    (w1, eager), (w2, step) = build(), build()
    x = cr.tensor(np.random.default_rng(0).normal(size=(5, 3)))
    eager(x)
    step(x)
    staged = stage(step, x)
    for k in range(5):
        eager(x + k)
        staged(x + k)
    np.testing.assert_allclose(w1.detach().numpy(), w2.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_state_made_inside_is_refused():
    kept = []
    with pytest.raises(RuntimeError, match="outlive"):
        stage(lambda x: kept.append(x * 2), cr.ones(3))
    kept.clear()


def test_gradient_of_a_gradient_is_staged():
    def f(x):
        x = x.detach().requires_grad_()
        (g,) = cr.autograd.grad((cr.tanh(x) * x).sum(), x, create_graph=True)
        return cr.autograd.grad((g * g).sum(), x)[0]

    x = cr.tensor([0.3, -1.0, 2.0], dtype=cr.float64)
    staged = stage(f, x)
    z = cr.tensor([1.5, 0.2, -0.7], dtype=cr.float64)
    same(f(z), staged(z))


def test_functional_gradient_of_a_gradient_is_staged():
    f = cr.func.grad(lambda x: cr.func.grad(lambda y: (cr.sin(y) * y).sum())(x).sum())
    x = cr.tensor([0.3, -1.0, 2.0], dtype=cr.float64)
    same(f(x), stage(f, x)(x))


def test_text_parses_back_and_verifies():
    _, _, step = make_model()
    graph = stage(step, *next(iter(batches(1)))).graph
    again = parse(str(graph))
    verify(again)
    assert str(again) == str(graph)
    arrays = [np.random.default_rng(0).normal(size=v.shape).astype(v.dtype) for v in graph.inputs]
    for a, b in zip(graph.run(*arrays), again.run(*arrays), strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("graph(x0: float32[3]) {\n  v0: float32[3] = nosuch(x0)\n  return v0\n}", "unknown primitive"),
        ("graph(x0: float32[3]) {\n  v0: float32[3] = neg(x9)\n  return v0\n}", "before it is assigned"),
        ("graph(x0: float32[3]) {\n  v0: float32[4] = neg(x0)\n  return v0\n}", "the rule of neg says"),
        ("graph(x0: float32[3]) {\n  x0: float32[3] = neg(x0)\n  return x0\n}", "assigned twice"),
        ("nonsense", "begins with"),
    ],
)
def test_malformed_graphs_are_refused(text, message):
    with pytest.raises(GraphFormatError, match=message):
        verify(parse(text))


def test_branching_on_a_staged_value_names_the_line():
    def f(x):
        if x.sum() > 0:
            return x
        return -x

    with pytest.raises(TypeError, match=r"test_stage.py.*x.sum\(\) > 0.*where"):
        stage(f, cr.ones(3))
    assert cr.ones(1).item() == 1.0


def test_staging_is_left_after_an_exception():
    p = cr.ones(2, requires_grad=True)

    def f(x):
        p.grad = None
        (p * x).sum().backward()
        raise KeyError("x")

    with pytest.raises(KeyError):
        stage(f, cr.ones(2))
    assert p.tolist() == [1.0, 1.0] and p.grad is None
    (p * 2).sum().backward()
    assert p.grad.tolist() == [2.0, 2.0]


def test_random_draws_stay_in_the_graph():
    staged = stage(lambda x: x + cr.rand(3), cr.zeros(3))
    x = cr.zeros(3)
    assert staged(x).tolist() != staged(x).tolist()


def test_writes_through_views_and_items_are_staged():
    def f(x):
        y = x * 1
        y[0] = 5.0
        y[1:].mul_(2)
        return y

    x = cr.tensor([1.0, 2.0, 3.0])
    assert stage(f, x)(x).tolist() == [5.0, 4.0, 6.0]


def test_other_shapes_are_refused():
    staged = stage(lambda x: x * 2, cr.ones(3))
    with pytest.raises(ValueError, match="stage the function again"):
        staged(cr.ones(4))
