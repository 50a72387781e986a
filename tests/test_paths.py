"""explain.paths: the paths of the chain rule, their products, their sum, and the largest of very many."""

from __future__ import annotations

from itertools import islice
from time import perf_counter

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain
from chainrule.core.errors import ArgumentError, ArgumentTypeError, GraphError, InplaceError


def leaf(x):
    return cr.tensor(x, dtype=cr.float64, requires_grad=True)


def test_article_s0_ten_plus_twelve_is_twenty_two():
    a = leaf(2.0)
    b = a * 3
    c = a + 2
    d = b + 4
    e = c * d
    found = explain.paths(e, a)
    assert str(found) == (
        "e → d → b → a: 4.000 · 1.000 · 3.000 = 12.000\n"
        "e → c → a: 10.000 · 1.000 = 10.000\n"
        "sum of all 2: 22.000"
    )  # fmt: skip
    assert [float(p.contribution) for p in found] == [12, 10] and float(found.gradient) == 22
    assert found.found[0].ops == ("mul", "add", "mul") and found.found[0].names == ("e", "d", "b", "a")


def test_labels_name_values_and_operations_name_the_rest():
    x = leaf(3.0).label("temperature")
    y = (x * x).sin()
    y.label("wave")
    assert str(explain.paths(y, x)) == (
        "wave → mul → temperature: (-0.911) · 3.000 = -2.733\n"
        "wave → mul → temperature: (-0.911) · 3.000 = -2.733\n"
        "sum of all 2: -5.467"
    )


def test_arrays_are_shown_by_norm():
    W = leaf([[1.0, 2.0], [0.0, -1.0]])
    z = cr.tensor([1.0, 3.0], dtype=cr.float64)
    h = W @ z
    out = (W @ h).sum()
    found = explain.paths(out, W)
    assert str(found) == (
        "out → matmul → W: norm 10.77, shape (2, 2)\n"
        "out → matmul → h → W: norm 4.472, shape (2, 2)\n"
        "sum of all 2: norm 11.31, shape (2, 2)"
    )
    out.backward()
    np.testing.assert_allclose(found.gradient, W.grad.numpy())
    np.testing.assert_allclose(sum(p.contribution for p in found), W.grad.numpy())


def test_results_of_one_operation_are_followed_each():
    x = leaf([3.0, 1.0, 2.0])
    values, order = cr.sort(x)
    first, second, third = x.unbind()
    y = (values[0] * second + values[2] * third).exp() + order[0]
    found = explain.paths(y, x)
    y.backward()
    assert found.total == len(found) == 4
    np.testing.assert_allclose(sum(p.contribution for p in found), x.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(found.gradient, x.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (3,)])
def test_a_diamond_of_sixty_layers_is_answered_at_once(shape):
    x = cr.full(shape, 1.5, dtype=cr.float64, requires_grad=True)
    y = x
    for i in range(60):
        y = 0.6 * y + (0.4 + 0.001 * i) * y
    total = y.sum()
    start = perf_counter()
    found = explain.paths(total, x, limit=3)
    assert perf_counter() - start < 10
    assert found.total == 2**60
    assert "1,152,921,504,606,846,973 more paths" in str(found)
    total.backward()
    np.testing.assert_allclose(found.gradient, x.grad.numpy(), rtol=1e-12)
    best = 0.6**60 * np.ones(shape)  # the larger branch at every layer
    np.testing.assert_allclose(found.found[0].contribution, best, rtol=1e-12)
    assert found.exact == (shape == ())


def random_graph(rng, shape):
    x = cr.tensor(rng.uniform(0.5, 1.5, shape), requires_grad=True)
    pool = [x]
    for _ in range(9):
        a, b = (pool[int(rng.integers(len(pool)))] for _ in range(2))
        kind = int(rng.integers(4))
        pool.append([a * b * 0.7, a + b, cr.tanh(a) - b, cr.sin(a * 2)][kind])
    return x, pool[-1] + pool[-2] * pool[0]


def every_path(e, a):
    """All contributions by following each path on its own, with gradients of one operation at a time."""
    from chainrule.core.tape import Select
    from chainrule.explain.paths import _saved
    from chainrule.explain.trace import pull
    from chainrule.ops.broadcasting import unbroadcast

    stack = [(e._node, np.ones_like(e._data))]
    while stack:
        n, g = stack.pop()
        if n is a._node:
            yield g
            continue
        assert type(n) is not Select
        if not hasattr(n, "edges"):
            continue
        args, ans = _saved(n)
        for i, edge in enumerate(n.edges):
            if edge is not None:
                c = pull(n.prim, tuple(k == i for k in range(len(args))), g, ans, args, n.params or {})[i]
                stack.append((edge, unbroadcast(c, n.shapes[i]) if n.shapes is not None else c))


@pytest.mark.parametrize("shape", [(), (4,)])
@pytest.mark.parametrize("seed", range(15))
def test_the_largest_of_many_are_the_largest_of_all(seed, shape):
    x, y = random_graph(np.random.default_rng(seed), shape)
    everything = list(islice(every_path(y, x), 20_000))
    found = explain.paths(y, x, limit=5)
    assert found.total == len(everything)
    sizes = sorted((float(np.linalg.norm(c)) for c in everything), reverse=True)[:5]
    np.testing.assert_allclose([p.norm for p in found], sizes, rtol=1e-9)
    np.testing.assert_allclose(found.gradient, sum(everything) if everything else 0, rtol=1e-9, atol=1e-12)


def test_the_tape_is_left_as_it_was():
    x = leaf(2.0)
    y = x * x + x
    explain.paths(y, x)
    explain.paths(y, x)
    y.backward()
    assert x.grad == 5


def test_what_has_no_paths_says_so():
    x, z = leaf(2.0), leaf(1.0)
    y = x * x
    assert str(explain.paths(y, z)) == "no path: the gradient is zero"
    assert str(explain.paths(y, y)) == "y: 1.000\nthe gradient: 1.000"


def test_errors_say_what_to_write_instead():
    x = leaf(2.0)
    y = x * x
    with pytest.raises(ArgumentTypeError, match="requires_grad=True"):
        explain.paths(y, cr.tensor(1.0))
    with pytest.raises(ArgumentTypeError, match="e is not a recorded tensor"):
        explain.paths(3.0, x)
    with pytest.raises(ArgumentError, match="at least 1"):
        explain.paths(y, x, limit=0)
    y.backward()
    with pytest.raises(GraphError, match="retain_graph=True"):
        explain.paths(y, x)
    v = leaf([1.0, 2.0])
    w = v * 1
    u = (w * w).sum()
    with cr.no_grad():
        w += 1
    with pytest.raises(InplaceError):
        explain.paths(u, v)
