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
        steps.setdefault(r.symbol.replace("\u0304", ""), []).append(round(float(r.value), 3))
    assert steps["v\u2080"] == [-0.284, 1.716] and steps["v\u208b\u2081"] == [5, 5.5]
    assert "1.716" in t.text() and "1.716" in t.markdown() and "1.716" in t.latex() and "1.716" in t._repr_html_()


def test_trace_of_a_constant_is_an_error():
    with pytest.raises(TypeError):
        explain.trace(lambda x: 3, 1.0)
