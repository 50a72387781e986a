"""Forward mode: jvp, jacfwd's single level, and dual tensors by hand (autograd.forward_ad)."""

from __future__ import annotations

import numpy as np
import pytest
from test_func import X, close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812

fw = cr.autograd.forward_ad


def test_jvp_computes_value_and_tangent_together():
    calls = []

    def g(x):
        calls.append(1)
        return x.sin() * x

    out, moved = F.jvp(g, (t(X),), (t([1.0, 2.0, 3.0]),))
    close(out, np.sin(X) * X)
    close(moved, (np.cos(X) * X + np.sin(X)) * [1, 2, 3])
    assert len(calls) == 1


def test_zero_tangents_are_never_computed():
    _, (a, b) = F.jvp(lambda x, y: (x * 2, y.exp()), (t(X), t(X)), (t(X), None))
    close(a, 2 * X)
    close(b, np.zeros(3))


def test_trees_and_aux():
    out, moved, aux = F.jvp(
        lambda p: ({"s": p["x"] * p["y"]}, p["x"]),
        ({"x": t(2.0), "y": t(3.0)},),
        ({"y": t(1.0), "x": t(10.0)},),
        has_aux=True,
    )
    assert out["s"].item() == 6.0 and moved["s"].item() == 32.0 and aux.item() == 2.0


def test_integer_results_have_zero_tangents():
    out, moved = F.jvp(lambda x: x > 0, (t(X),), (t(X),))
    assert out.numpy().tolist() == [True, False, True] and not moved.numpy().any()


def test_higher_orders():
    d = lambda g: lambda x: F.jvp(g, (x,), (t(1.0),))[1]  # noqa: E731
    quartic = lambda x: x * x * x * x  # noqa: E731
    assert d(d(d(d(quartic))))(t(2.0)).item() == 24.0
    assert F.grad(d(d(quartic)))(t(2.0)).item() == 48.0
    assert d(F.grad(d(quartic)))(t(2.0)).item() == 48.0


def test_dual_tensors_by_hand():
    with fw.dual_level():
        x = fw.make_dual(t(X), t([1.0, 1.0, 1.0]))
        y = (x * x).sin()
        primal, tangent = fw.unpack_dual(y)
        close(primal, np.sin(X * X))
        close(tangent, 2 * X * np.cos(X * X))
        assert fw.unpack_dual(t(X)).tangent is None
    assert fw.unpack_dual(y).tangent is None
    close(y * 1.0, np.sin(X * X))


def test_dual_levels_nest():
    with fw.dual_level():
        x = fw.make_dual(t(3.0), t(1.0))
        with fw.dual_level():
            y = fw.make_dual(x, t(1.0))
            inner = fw.unpack_dual(y * y * y).tangent
        assert fw.unpack_dual(inner).tangent.item() == 18.0


def test_dual_over_reverse():
    with fw.dual_level():
        x = t(X, requires_grad=True)
        d = fw.make_dual(x, t([1.0, 1.0, 1.0]))
        fw.unpack_dual((d * d * d).sum()).tangent.backward()
        close(x.grad, 6 * X)


def test_errors_of_dual_tensors():
    with pytest.raises(RuntimeError, match="no level exists"):
        fw.make_dual(t(X), t(X))
    with fw.dual_level():
        with pytest.raises(RuntimeError, match="different size"):
            fw.make_dual(t(X), t([1.0]))
        with pytest.raises(ValueError, match="floating point"):
            fw.make_dual(cr.tensor([1]), t([1.0]))
    with pytest.raises(RuntimeError, match="none was entered"):
        fw.exit_dual_level()


def test_unpack_dual_gives_back_the_tangent_that_was_given():
    tangent = t([1.0, 2.0, 3.0])
    with fw.dual_level():
        d = fw.make_dual(t(X), tangent)
        assert fw.unpack_dual(d).tangent is tangent
        d *= 2
        close(fw.unpack_dual(d).tangent, [2.0, 4.0, 6.0])


def test_function_with_its_context_in_forward_pushes_tangents_of_recorded_values():
    class Exp(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.result = cr.exp(x)
            ctx.save_for_backward(ctx.result)
            return ctx.result

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, tangent):
            return tangent * ctx.result

    x = t(X, requires_grad=True)
    with fw.dual_level():
        primal, tangent = fw.unpack_dual(Exp.apply(fw.make_dual(x, t([1.0, 2.0, 3.0])) * 2))
    close(tangent, 2 * np.array([1.0, 2.0, 3.0]) * np.exp(2 * np.asarray(X)))
    (by_primal,) = cr.autograd.grad(primal.sum(), x, retain_graph=True)
    close(by_primal, 2 * np.exp(2 * np.asarray(X)))
    (by_tangent,) = cr.autograd.grad(tangent.sum(), x)
    close(by_tangent, 4 * np.array([1.0, 2.0, 3.0]) * np.exp(2 * np.asarray(X)))


def test_backward_of_a_dual_tensor_is_that_of_its_primal():
    x = t(X, requires_grad=True)
    with fw.dual_level():
        y = (fw.make_dual(x, t([1.0, 0.0, 2.0])) ** 3).sum()
        y.backward()
        close(x.grad, 3 * np.asarray(X) ** 2)
        with pytest.raises(RuntimeError, match=r"would lose its tangent. Write func.jvp\(func.grad"):
            cr.autograd.grad(y, x)
