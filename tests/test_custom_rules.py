"""custom_vjp, custom_jvp and autograd.Function under every transformation, and the errors of wrong rules."""

from __future__ import annotations

import numpy as np
import pytest
from test_func import X, close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812


def ten_sin_vjp():
    @F.custom_vjp
    def g(x, y):
        return x.sin() * y

    g.defvjp(
        lambda x, y: (x.sin() * y, (x, y)),
        lambda r, ct: (ct * r[0].cos() * r[1] * 10.0, ct * r[0].sin() * 10.0),
    )
    return g


def ten_sin_jvp():
    @F.custom_jvp
    def g(x, y):
        return x.sin() * y

    @g.defjvp
    def rule(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return g(x, y), (x.cos() * y * dx + x.sin() * dy) * 10.0

    return g


class TenSin(cr.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x, y):
        return x.sin() * y

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, ct):
        x, y = ctx.saved_tensors
        return ct * x.cos() * y * 10.0, ct * x.sin() * 10.0


RULES = {"custom_vjp": ten_sin_vjp(), "custom_jvp": ten_sin_jvp(), "Function": TenSin.apply}


@pytest.fixture(params=RULES)
def rule(request):
    return RULES[request.param]


# The rules say ten times the true derivative, so that it shows which one was used.


def test_first_order(rule):
    close(F.grad(rule)(t(1.0), t(2.0)), 20 * np.cos(1))
    close(F.grad(rule, 1)(t(1.0), t(2.0)), 10 * np.sin(1))
    close(F.jacfwd(rule)(t(1.0), t(2.0)), 20 * np.cos(1))
    close(F.jvp(rule, (t(1.0), t(2.0)), (t(1.0), t(1.0)))[1], 20 * np.cos(1) + 10 * np.sin(1))
    x = t(1.0, requires_grad=True)
    rule(x, t(2.0)).backward()
    close(x.grad, 20 * np.cos(1))


def test_second_order(rule):
    want = -20 * np.sin(1)
    close(F.grad(F.grad(rule))(t(1.0), t(2.0)), want)
    close(F.jacfwd(F.grad(rule))(t(1.0), t(2.0)), want)
    close(F.grad(F.jacfwd(rule))(t(1.0), t(2.0)), want)
    x = t(1.0, requires_grad=True)
    (g,) = cr.autograd.grad(rule(x, t(2.0)), x, create_graph=True)
    g.backward()
    close(x.grad, want)

    def inner(x):
        (g,) = cr.autograd.grad(rule(x, t(2.0)), x, create_graph=True)
        return g

    close(F.grad(inner)(t(1.0)), want)


def test_vmap(rule):
    close(F.vmap(rule, (0, None))(t(X), t(2.0)), np.sin(X) * 2)
    close(F.vmap(F.grad(rule), (0, None))(t(X), t(2.0)), 20 * np.cos(X))
    close(F.grad(lambda x: F.vmap(rule, (0, None))(x, t(2.0)).sum())(t(X)), 20 * np.cos(X))
    close(F.grad(lambda y: F.vmap(rule, (0, None))(t(X), y).sum())(t(2.0)), 10 * np.sin(X).sum())
    close(F.vmap(F.hessian(rule), (0, None))(t(X), t(2.0)), -20 * np.sin(X))
    close(F.vmap(F.jacfwd(rule), (0, None))(t(X), t(2.0)), 20 * np.cos(X))
    close(F.vmap(F.vmap(F.grad(rule), (0, None)), (None, 0))(t(X), t([1.0, 2.0])), np.outer([10, 20], np.cos(X)))


def test_value_keeps_its_rule_in_outer_derivatives(rule):
    # The value computed by the inner value_and_grad is differentiated by the custom rule, too.
    close(F.grad(lambda x: F.value_and_grad(rule)(x, t(2.0))[0])(t(1.0)), 20 * np.cos(1))


def test_trees_nondiff_arguments_and_none():
    @F.custom_vjp
    def g(p, x):
        return {"out": p["a"] * x}

    g.defvjp(lambda p, x: (g(p, x), p), lambda p, ct: ({"a": ct["out"] * 5.0}, None))
    found = F.grad(lambda p, x: g(p, x)["out"].sum(), (0, 1))({"a": t(X)}, t(X))
    close(found[0]["a"], [5, 5, 5])
    close(found[1], [0, 0, 0])

    from functools import partial

    @partial(F.custom_vjp, nondiff_argnums=(0,))
    def apply(function, x):
        return function(x)

    apply.defvjp(lambda function, x: (function(x), x), lambda function, x, ct: (ct * function(x),))
    close(F.grad(lambda x: apply(lambda v: v.exp(), x).sum())(t(X)), np.exp(X))

    @F.custom_jvp(nondiff_argnums=1)
    def power(x, n):
        return x**n

    @power.defjvp
    def rule(n, primals, tangents):
        return power(primals[0], n), tangents[0] * 7.0

    assert F.grad(power)(t(2.0), 3).item() == 7.0


def test_defjvps_adds_terms():
    @F.custom_jvp
    def g(x, y):
        return x * y

    g.defjvps(lambda dx, ans, x, y: dx * 3.0, None)
    a, b = F.grad(g, (0, 1))(t(2.0), t(5.0))
    assert (a.item(), b.item()) == (3.0, 0.0)


def test_function_with_ctx_in_forward():
    class Exp(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.saved_tensors[0]

    close(F.grad(lambda x: Exp.apply(x).sum())(t(X)), np.exp(X))
    with pytest.raises(RuntimeError, match="setup_context"):
        F.grad(F.grad(Exp.apply))(t(1.0))
    with pytest.raises(RuntimeError, match="vmap staticmethod"):
        F.vmap(Exp.apply)(t(X))

    def inner(x):
        (g,) = cr.autograd.grad(Exp.apply(x), x, create_graph=True)
        return g * 1.0

    close(F.grad(inner)(t(1.0)), np.e)


def test_function_with_its_own_jvp_and_vmap():
    class Scale(cr.autograd.Function):
        @staticmethod
        def forward(x, k):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, ct):
            return ct * ctx.k, None

        @staticmethod
        def jvp(ctx, dx, dk):
            return dx * (ctx.k * 100.0)

        @staticmethod
        def vmap(info, in_dims, x, k):
            assert info.batch_size == 3 and in_dims == (0, None)
            return Scale.apply(x, k), 0

    close(F.jvp(lambda x: Scale.apply(x, 2.0), (t(X),), (t(X),))[1], X * 200)
    close(F.vmap(lambda x: Scale.apply(x, 2.0))(t(X)), X * 2)
    close(F.vmap(F.grad(lambda x: Scale.apply(x, 2.0)))(t(X)), [2, 2, 2])


def test_gradients_of_outer_variables_are_not_lost_silently():
    q = t(2.0, requires_grad=True)

    @F.custom_vjp
    def g(x):
        return x * q

    g.defvjp(lambda x: (x * q, None), lambda r, ct: (ct,))
    with pytest.raises(RuntimeError, match="outer variable"):
        g(t(1.0, requires_grad=True))

    def outer(q):
        @F.custom_jvp
        def h(x):
            return x * q

        h.defjvp(lambda p, d: (h(p[0]), d[0]))
        return h(q)

    with pytest.raises(RuntimeError, match="outer variable"):
        F.grad(outer)(t(1.0))


def test_wrong_rules_are_refused_with_the_argument_named():
    @F.custom_vjp
    def g(x, weight):
        return (x * weight).sum()

    with pytest.raises(RuntimeError, match="No VJP defined"):
        F.grad(g)(t(X), t(X))
    g.defvjp(lambda x, w: (g(x, w), (x, w)), lambda r, ct: (ct * r[1],))
    with pytest.raises(RuntimeError, match=r"tuple of 2 cotangents.*it returned 1"):
        F.grad(g)(t(X), t(X))
    g.defvjp(lambda x, w: (g(x, w), (x, w)), lambda r, ct: (ct * r[1], ct))
    with pytest.raises(
        ValueError, match=r"cotangent of shape \(\) for argument 1 \('weight'\), which has shape \(3,\)"
    ):
        F.grad(g)(t(X), t(X))

    @F.custom_jvp
    def h(x):
        return x * 2.0

    with pytest.raises(RuntimeError, match="No JVP defined"):
        F.grad(h)(t(1.0))
    h.defjvp(lambda p, d: (h(p[0]), d[0].sum()))
    with pytest.raises(ValueError, match=r"tangent of shape \(\)"):
        F.jacfwd(h)(t(X))


def test_gradcheck_catches_a_wrong_custom_rule():
    x = t([0.3, 0.7], requires_grad=True)
    with pytest.raises(cr.autograd.GradcheckError, match="input 0"):
        cr.autograd.gradcheck(lambda x: TenSin.apply(x, t(1.0)), (x,))
