"""explain: the tables, paths and pictures of the articles."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import explain


def f(x1, x2):
    return cr.log(x1) + x1 * x2 - cr.sin(x2)


def test_trace_gives_the_tables_of_article_s4():
    t = explain.trace(f, 2.0, 5.0)
    forward = [float(r.value) for r in t.table("forward")]
    np.testing.assert_allclose(forward, [2, 5, 0.693, 10, -0.959, 10.693, 11.652], atol=6e-4)
    np.testing.assert_allclose([float(r.value) for r in t.table("tangent x1")][2:], [0.5, 5, 0, 5.5, 5.5])
    steps = {}
    for r in t.table("adjoint"):
        steps.setdefault(r.symbol[:-1], []).append(round(float(r.value), 3))
    assert steps["v\u2080"] == [-0.284, 1.716] and steps["v\u208b\u2081"] == [5, 5.5]
    assert "1.716" in t.text() and "1.716" in t.markdown() and "1.716" in t.latex() and "1.716" in t._repr_html_()


def test_paths_sum_to_the_gradient():
    a = cr.tensor(2.0, requires_grad=True)
    b = a * 3
    e = (a + 2) * (b + 4)
    found = explain.paths(e, a)
    assert sorted(float(c) for _, c in found.found) == [10, 12] and found.total == 2


def test_graph_shows_names_values_and_grads_and_escapes_labels():
    a = cr.tensor(2.0, requires_grad=True)
    a._label = "<script>"
    e = a * 3
    e.backward(retain_graph=True)
    p = explain.graph(e)
    assert p.text() == "[0] <script> leaf 2.000 grad 3.000\n[1] e mul 6.000 <- [0]"
    assert "<script>" not in p.svg() and "<script>" not in p.mermaid() and "n0 -> n1" in p.dot()


def test_large_graph_is_counted():
    x = cr.tensor(1.0, requires_grad=True)
    for _ in range(5000):
        x = x + 1
    p = explain.graph(x)
    assert len(p.boxes) == 200 and p.hidden == 4801 and "hidden" in p.svg()


def test_memory_ledger():
    x = cr.ones(1000, requires_grad=True)
    assert explain.memory((x * x).sum()).total == 4000


def test_trace_of_a_constant_is_an_error():
    with pytest.raises(TypeError):
        explain.trace(lambda x: 3, 1.0)


def test_trace_rows_are_spelled_by_the_rules():
    import chainrule as cr

    found = cr.explain.trace(lambda a, b: cr.log(a) + a * b - cr.sin(b), 2.0, 5.0)
    tangents = [r.formula for r in found.table("tangent x1")][2:]
    assert tangents == ["v₋₁' / v₋₁", "v₋₁' v₀ + v₀' v₋₁", "v₀' cos(v₀)", "v₁' + v₂'", "v₄' - v₃'"]
    bar = "\u0304"
    adjoints = [r.formula for r in found.table("adjoint")][5:]
    assert adjoints == [
        f"v₃{bar} cos(v₀)",
        f"v₂{bar} v₀",
        f"v₀{bar} + v₂{bar} v₋₁",
        f"v₋₁{bar} + v₁{bar} / v₋₁",
    ]
