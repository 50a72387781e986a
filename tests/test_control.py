"""Control flow: values, both modes, second order, vmap with predicates that differ, checkpointed loops."""

from __future__ import annotations

import numpy as np
import pytest
from test_func import X, close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.utils.checkpoint import checkpoint, checkpoint_sequential


def square_until(limit=100.0, **kwargs):
    return lambda x: F.while_loop(lambda v: v < limit, lambda v: v * v, x, **kwargs)


@pytest.mark.parametrize("ck", [False, True, 2, 5])
def test_reverse_through_a_while_loop_of_unknown_length(ck):
    g = square_until(checkpoint=ck)
    assert g(t(3.0)).item() == 3.0**8
    close(F.grad(g)(t(3.0)), 8 * 3.0**7)
    close(F.grad(F.grad(g))(t(3.0)), 56 * 3.0**6)
    close(F.jacfwd(F.grad(g))(t(3.0)), 56 * 3.0**6)
    x = t(3.0, requires_grad=True)
    g(x).backward()
    close(x.grad, 8 * 3.0**7)


def test_batched_while_loop_stops_each_example_by_itself():
    x = [3.0, 200.0, 2.0]
    want = [8 * 3.0**7, 1, 8 * 2.0**7]
    g = square_until()
    close(F.vmap(g)(t(x)), [3.0**8, 200, 2.0**8])
    close(F.vmap(F.grad(g))(t(x)), want)
    close(F.grad(lambda v: F.vmap(g)(v).sum())(t(x)), want)
    close(F.vmap(F.vmap(F.grad(g)))(t([x, x])), [want, want])


def test_finished_examples_cannot_spoil_derivatives():
    # The finished example sits at 0, where the body's derivative is infinite.
    g = lambda x: F.while_loop(lambda v: v > 0.5, lambda v: v - 1.0 / v, x)  # noqa: E731
    out = F.grad(lambda v: F.vmap(g)(v).sum())(t([0.0, 2.0]))
    assert np.isfinite(out.numpy()).all()


def test_cond_runs_one_branch_and_differentiates_it():
    seen = []
    g = lambda x: F.cond(x > 0, lambda x: (seen.append("yes"), x * x)[1], lambda x: -x, x)  # noqa: E731
    close(F.grad(g)(t(-2.0)), -1)
    assert not seen
    close(F.grad(g)(t(2.0)), 4)
    assert F.cond(True, lambda a, b: a + b, lambda a, b: a, operands=(t(1.0), t(2.0))).item() == 3.0


def test_batched_cond_keeps_the_other_branch_out():
    g = lambda x: F.cond(x > 0, lambda x: x.log(), lambda x: x * x, x)  # noqa: E731
    close(F.vmap(g)(t([np.e, -3.0, 0.0])), [1, 9, 0])
    close(F.vmap(F.grad(g))(t([2.0, -3.0, 0.0])), [0.5, -6, 0])
    close(F.grad(lambda v: F.vmap(g)(v).sum())(t([2.0, -3.0, 0.0])), [0.5, -6, 0])
    close(F.vmap(F.jacfwd(g))(t([2.0, -3.0, 0.0])), [0.5, -6, 0])


@pytest.mark.parametrize("ck", [False, True, 2])
def test_scan(ck):
    step = lambda c, x: (c * x, {"sum": c + x})  # noqa: E731
    carry, ys = F.scan(step, t(1.0), t([1.0, 2.0, 3.0]), checkpoint=ck)
    assert carry.item() == 6.0
    close(ys["sum"], [2, 3, 5])
    last = lambda x: F.scan(step, t(1.0), x, checkpoint=ck)[0]  # noqa: E731
    close(F.grad(last)(t([1.0, 2.0, 3.0])), [6, 3, 2])
    close(F.hessian(last)(t([1.0, 2.0, 3.0])), [[0, 3, 2], [3, 0, 1], [2, 1, 0]])
    close(F.vmap(last)(t([[1.0, 2.0], [3.0, 4.0]])), [2, 12])


def test_scan_reverse_length_and_empty():
    _, ys = F.scan(lambda c, x: (c + x, c), t(0.0), t([1.0, 2.0, 3.0]), reverse=True)
    close(ys, [5, 3, 0])
    carry, ys = F.scan(lambda c, x: (c * 2.0, c), t(1.0), None, length=3)
    assert carry.item() == 8.0
    carry, ys = F.scan(lambda c, x: (c, x * 2.0), t(1.0), t(np.zeros((0, 2))))
    assert tuple(ys.shape) == (0, 2)


def test_fori_loop_and_map():
    close(F.fori_loop(0, 3, lambda i, x: x * x + i, t(1.0)), ((1.0**2 + 0) ** 2 + 1) ** 2 + 2)
    close(F.grad(lambda x: F.fori_loop(0, 3, lambda i, x: x * x, x, checkpoint=2))(t(2.0)), 8 * 2.0**7)
    close(F.vmap(lambda n: F.fori_loop(0, n, lambda i, x: x * 2.0, t(1.0)))(cr.tensor([1, 2, 3])), [2, 4, 8])
    close(F.map(lambda x: x * x, t(X)), X * X)
    close(F.map(lambda x: x * x, t(X), batch_size=2), X * X)
    close(F.grad(lambda x: F.map(lambda v: v * v * v, x).sum())(t(X)), 3 * X * X)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8])
def test_associative_scan(n):
    x = np.random.default_rng(n).uniform(0.5, 1.5, size=(2, n))
    prod = lambda a, b: a * b  # noqa: E731
    close(F.associative_scan(prod, t(x), axis=1), np.cumprod(x, 1))
    close(F.associative_scan(prod, t(x), reverse=True, axis=1), np.cumprod(x[:, ::-1], 1)[:, ::-1])
    # linear recurrences: (a, b) after (c, d) is x -> c (a x + b) + d
    pair = {"a": t(x[0]), "b": t(x[1])}
    out = F.associative_scan(lambda p, q: {"a": p["a"] * q["a"], "b": q["a"] * p["b"] + q["b"]}, pair)
    h, want = 0.0, []
    for a, b in x.T:
        h = a * h + b
        want.append(h)
    close(out["b"], want)
    close(F.grad(lambda v: F.associative_scan(prod, v)[-1])(t(x[0])), np.prod(x[0]) / x[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.cond(t(X), lambda: 1, lambda: 2), RuntimeError, r"must be a scalar, but has shape \(3,\)"),
        (lambda: F.while_loop(lambda v: v["a"] < 3, lambda v: {"b": v["a"]}, {"a": t(1.0)}), ValueError, "missing: "),
        (
            lambda: F.while_loop(lambda v: v.sum() < 3, lambda v: v[:1], t([0.0, 1.0])),
            RuntimeError,
            "carried value has",
        ),
        (lambda: F.scan(lambda c, x: c, t(1.0), t(X)), TypeError, "pair"),
        (lambda: F.scan(lambda c, x: (c, x), t(1.0), (t(X), t([1.0]))), ValueError, "one number of steps"),
        (lambda: F.associative_scan(lambda a, b: a, (t(X), t([1.0]))), ValueError, "same size"),
        (
            lambda: F.vmap(lambda x: F.cond(x > 0, lambda: (x, x), lambda: x))(t([1.0, -1.0])),
            ValueError,
            "different structures",
        ),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- checkpoint -----------------------------------------------------------------------------------------------------


def body(x):
    return (x.sin() * x.exp() * x).sum()


def test_checkpoint_policies_see_the_operations():
    asked = []

    def keep_tanh(saved):
        asked.append((saved.op, saved.saved_by))
        return saved.op == "tanh"

    x, w = (cr.randn(3, 3, requires_grad=True) for _ in range(2))
    checkpoint(lambda x, w: (cr.tanh(x @ w) * x).sin().sum(), x, w, policy=keep_tanh).backward()
    assert asked == [
        *[("leaf", "mm")] * 2,
        *[("tanh", "tanh"), ("tanh", "mul"), ("leaf", "mul"), ("mul", "sin")],
    ]


@pytest.mark.parametrize(
    "options",
    [{}, {"policy": "everything"}, {"policy": "small"}, {"budget": 30}, {"policy": lambda s: s.index % 2 == 0}],
)
def test_checkpointing_changes_nothing(options):
    g = lambda x: checkpoint(body, x, **options)  # noqa: E731
    close(F.grad(g)(t(X)), F.grad(body)(t(X)))
    close(F.hessian(g)(t(X)), F.hessian(body)(t(X)))
    close(F.jacrev(F.jacrev(g))(t(X)), F.hessian(body)(t(X)))
    close(F.vmap(F.grad(g))(t(np.stack([X, 2 * X]))), F.vmap(F.grad(body))(t(np.stack([X, 2 * X]))))
    x = t(X, requires_grad=True)
    (d,) = cr.autograd.grad(g(x), x, create_graph=True)
    d.sum().backward()
    close(x.grad, F.hessian(body)(t(X)).numpy().sum(1))


def test_checkpoint_reaches_closures_and_counts_calls():
    calls = []
    w = t(X, requires_grad=True)

    def g(x):
        calls.append(1)
        return (w * x).sin().sum()

    checkpoint(g, t(X)).backward()
    close(w.grad, X * np.cos(X * X))
    assert len(calls) == 2
    calls.clear()
    checkpoint(g, t(X), policy="everything").backward()
    assert len(calls) == 1


def test_checkpoint_refuses_functions_that_change():
    shapes = [(3,), (2,)]

    def g(x):
        n = shapes.pop(0)[0]
        return x[:n].exp().sum()

    out = checkpoint(g, t(X, requires_grad=True))
    with pytest.raises(RuntimeError, match="different metadata"):
        out.backward()


def test_checkpoint_sequential_and_decorator():
    layers = [lambda x: x.sin(), lambda x: x * 3.0, lambda x: x.exp(), lambda x: x.sum()]
    plain = F.grad(lambda x: layers[3](layers[2](layers[1](layers[0](x)))))(t(X))
    for n in (1, 2, 3, 4):
        close(F.grad(lambda x, n=n: checkpoint_sequential(layers, n, x))(t(X)), plain)

    @checkpoint(budget="1KB")
    def g(x):
        return body(x)

    close(F.grad(g)(t(X)), F.grad(body)(t(X)))
    with pytest.raises(ValueError, match="budget must be bytes"):
        checkpoint(body, t(X), budget="much")
    with pytest.raises(ValueError, match="policy must be one of"):
        checkpoint(body, t(X), policy="some")
