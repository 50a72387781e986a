"""chainrule.func as JAX's and functorch's users know it: what they rely on, and what each misuse is told."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from test_func import close, t

import chainrule as cr
from chainrule import func as F  # noqa: N812
from chainrule.autograd import forward_ad as fw

X = np.array([1.0, 2.0, 3.0])
ROWS = np.arange(6.0).reshape(3, 2)


# ---- what they rely on ----------------------------------------------------------------------------------------------


def test_random_numbers_in_a_custom_rule_are_drawn_once_per_example():
    @F.custom_vjp
    def noisy(x):
        return x + cr.rand(2)

    noisy.defvjp(lambda x: (noisy(x), None), lambda _, g: (g,))
    out = F.vmap(noisy, randomness="different")(cr.zeros(3, 2))
    assert out.shape == (3, 2) and len(set(out.flatten().tolist())) == 6


def test_solve_may_close_over_the_matrix():
    a, b = t([[4.0, 1.0], [1.0, 3.0]]), t([1.0, 2.0])

    def mine(a, b):
        return F.custom_linear_solve(
            lambda v: a @ v, b, lambda _, b: cr.linalg.solve(a, b), lambda _, b: cr.linalg.solve(a.mT, b)
        )

    for mode in (F.jacrev, F.jacfwd, lambda f, argnums: F.hessian(lambda a, b: (f(a, b) ** 2).sum(), argnums)):
        for mine_block, block in zip(mode(mine, (0, 1))(a, b), mode(cr.linalg.solve, (0, 1))(a, b), strict=True):
            for x, y in zip(F.tree_leaves(mine_block), F.tree_leaves(block), strict=True):
                close(x, y)


def test_columns_of_a_jacobian_may_share_a_custom_rule_and_aux():
    @F.custom_jvp
    def f(x):
        return x * x

    f.defjvp(lambda primals, tangents: (primals[0] * primals[0], 2 * primals[0] * tangents[0]))
    j, aux = F.jacfwd(F.jacfwd(lambda x: (f(x), {"x": x, "n": 3}), has_aux=True), has_aux=False)(t(X))
    assert j.shape == (3, 3, 3) and aux["n"].shape == (3,)
    j, aux = F.jacfwd(lambda x: (f(x), {"x": F.vmap(f)(x), "n": 3}), has_aux=True)(t(X))
    close(aux["x"], X * X)
    close(j, np.diag(2 * X))
    assert aux["n"] == 3


LINEAR = [
    lambda x: t(ROWS) @ x[:2],
    lambda x: 3 * x - x / 2,
    lambda x: x.cumsum(0).flip(0),
    lambda x: cr.stack([x, x.sum() * x.new_ones(3)]),
    lambda x: cr.where(cr.tensor([True, False, True]), x, 0.0),
    lambda x: cr.fft.rfft(x).real,
    lambda x: cr.linalg.solve(t(np.diag(X)), x),
    lambda x: F.vmap(lambda v: 2 * v)(x),
    lambda x: cr.nn.functional.pad(x, (1, 1)).index_select(0, cr.tensor([1, 1, 3])),
]


@pytest.mark.parametrize("f", LINEAR)
def test_linear_transpose_of_linear_functions(f):
    y, v = f(t(X)), F.linear_transpose(f, t(X))
    ct = t(np.random.default_rng(0).normal(size=tuple(y.shape)))
    close((v(ct)[0] * t(X)).sum(), (y * ct).sum())


@pytest.mark.parametrize(
    "f", [lambda x: x.sin(), lambda x: x * x, lambda x: x.abs(), lambda x: x @ x, lambda x: 1 / x, lambda x: x.norm()]
)
def test_linear_transpose_refuses_the_others(f):
    with pytest.raises(RuntimeError, match=r"linear_transpose: <lambda> is not linear .* test_transform_habits.py"):
        F.linear_transpose(f, t(X))


def test_a_runaway_fixed_point_is_no_solution():
    with pytest.raises(RuntimeError, match="no convergence"):
        F.fixed_point(lambda x: 2 * x + 1, t(1.0))


def test_numbers_as_predicates():
    close(F.cond(0.0, lambda x: x, lambda x: -x, t(1.0)), -1.0)
    close(F.cond(1, lambda x: x, lambda x: -x, t(1.0)), 1.0)


def test_a_closure_sees_values_as_they_were():
    def f(a):
        buffer = cr.zeros(2, dtype=cr.float64)
        buffer[0] = a
        matvec = lambda v: v * (buffer + 1)  # noqa: E731
        x = F.custom_linear_solve(matvec, t([2.0, 3.0]))
        buffer[1] = a
        return x.sum() + buffer.sum()

    close(F.grad(f)(t(1.0)), -2 / 4 + 2)


def test_nested_vmap_draws_for_each_pair():
    draw = F.vmap(F.vmap(lambda x: cr.rand(()), randomness="different"), randomness="different")
    assert len(set(draw(cr.ones(2, 3)).flatten().tolist())) == 6


def test_an_exception_inside_leaves_every_level():
    w = cr.tensor(1.0, requires_grad=True)

    def boom(x):
        raise KeyError("boom")

    for transform in (F.grad, F.vmap, F.jacfwd, F.jacrev, F.hessian, functools.partial(F.vjp, boom)):
        with pytest.raises(KeyError):
            (transform(boom) if transform.__class__ is not functools.partial else transform)(t(X))
    (w * 2).backward()
    assert w.grad.item() == 2.0 and cr.is_grad_enabled()


# ---- what each misuse is told ---------------------------------------------------------------------------------------

KEPT = []


def keep(x):
    KEPT[:] = [x]
    return x.sum()


def kept(transform):
    transform()
    return KEPT[0] * 2


def twice_dual():
    with fw.dual_level():
        fw.make_dual(fw.make_dual(S, S), S)


S, X3, I3 = t(2.0), t(X), cr.tensor([1, 2, 3])
LAYER = cr.nn.Linear(3, 1)
HERE = r"test_transform_habits\.py"

MISUSE = {
    "grad of a vector": (lambda: F.grad(lambda x: x * 2)(X3), ValueError, f"scalar.*{HERE}.*vjp or jacrev"),
    "grad of a pair": (lambda: F.grad(lambda x: (x, 1))(S), RuntimeError, "got type tuple. Write has_aux=True"),
    "grad of nothing": (lambda: F.grad(lambda x: None)(S), RuntimeError, "got type NoneType"),
    "grad by integers": (
        lambda: F.grad(lambda x: x.sum())(I3),
        TypeError,
        f"argument 0 has dtype int64.*float.*{HERE}",
    ),
    "grad by a number": (lambda: F.grad(lambda x: x * x)(3), RuntimeError, "Write 3.0"),
    "jvp by integers": (lambda: F.jvp(lambda x: x, (I3,), (I3,)), ValueError, r"primals\[0\] has dtype int64"),
    "grad by a name in a tree": (lambda: F.grad(lambda d: S)({"n": "a"}), TypeError, r"argument 0\['n'\].*type str"),
    "no such argument": (lambda: F.grad(lambda x: x, 1)(S), ValueError, "only 1 positional inputs"),
    "no such name": (lambda: F.grad(lambda x: x, "z")(S), ValueError, r"named 'z'; its parameters are \['x'\]"),
    "argnums of a strange type": (lambda: F.grad(lambda x: x, 0.5)(S), TypeError, "int, str or tuple"),
    "an argument twice": (lambda: F.grad(lambda x: x, (0, "x"))(S), ValueError, "unique"),
    "a loss instead of a function": (lambda: F.grad(S * S)(S), TypeError, "function f itself"),
    "vmap of a number": (lambda: F.vmap(3)(X3), TypeError, "vmap: expects a function, but got int"),
    "jacrev of a tensor": (lambda: F.jacrev(S)(S), TypeError, "jacrev: expects a function"),
    "has_aux without aux": (lambda: F.grad(lambda x: x, has_aux=True)(S), RuntimeError, r"tuple \(output, aux\)"),
    "has_aux with three": (lambda: F.vjp(lambda x: (x, x, x), S, has_aux=True), TypeError, "not a tuple of 3"),
    "text as a result": (lambda: F.vjp(lambda x: "a", S), ValueError, "must only return Tensors.*got type str"),
    "cotangent of another shape": (lambda: F.vjp(lambda x: x, X3)[1](S), ValueError, r"has shape \(\), but must have"),
    "cotangent of another structure": (
        lambda: F.vjp(lambda x: (x, x), S)[1](S),
        RuntimeError,
        "vjp.*should be a tuple",
    ),
    "cotangent of other keys": (lambda: F.vjp(lambda x: {"a": x}, S)[1]({"b": S}), ValueError, r"missing: \['a'\]"),
    "jvp without tuples": (lambda: F.jvp(lambda x: x, S, S), RuntimeError, r"write jvp\(f, \(x,\), \(t,\)\)"),
    "jvp without primals": (lambda: F.jvp(lambda: S, (), ()), RuntimeError, "at least one Tensor"),
    "tangents in another number": (lambda: F.jvp(lambda x, y: x, (S, S), (S,)), RuntimeError, "tuple of 2 elements"),
    "tangent of another shape": (lambda: F.jvp(lambda x: x, (X3,), (S,)), ValueError, r"tangents\[0\] has shape \(\)"),
    "integer tangent": (lambda: F.jvp(lambda x: x, (X3,), (I3,)), ValueError, r"tangents\[0\] to be floating point"),
    "complex tangent": (lambda: F.jvp(lambda x: x, (S,), (cr.tensor(1j),)), TypeError, "is complex.*write its .real"),
    "strict jvp": (lambda: F.jvp(lambda x: S, (S,), (S,), strict=True), RuntimeError, "must depend on the primals"),
    "chunk_size of zero": (lambda: F.jacrev(lambda x: x, chunk_size=0), ValueError, "greater than 0"),
    "tangents of linearize": (lambda: F.linearize(lambda x: x, X3)[1](X3, X3), RuntimeError, "tuple of 1 elements"),
    "sizes that differ": (
        lambda: F.vmap(lambda x, y: x)(X3, S.expand(2)),
        ValueError,
        rf"sizes \[3, 2\].*in_dims=None.*{HERE}",
    ),
    "mapping over a scalar": (lambda: F.vmap(lambda x: x)(S), ValueError, "dimensionality 0.*Write in_dims=None"),
    "in_dims out of range": (lambda: F.vmap(lambda x: x, 2)(X3), ValueError, r"satisfy -1 <= in_dim < 1"),
    "in_dims in another number": (lambda: F.vmap(lambda x, y: x, (0,))(X3, X3), ValueError, "2 arguments were given"),
    "in_dims of a strange type": (lambda: F.vmap(lambda x: x, "0")(X3), ValueError, "in_dim='0'.*integer dimension"),
    "in_dims of other keys": (
        lambda: F.vmap(lambda d: S, ({"b": 0},))({"a": X3}),
        ValueError,
        r"in_dims\[0\] has the keys",
    ),
    "nothing mapped": (lambda: F.vmap(lambda x: x, None)(X3), ValueError, "at least one input must be mapped"),
    "mapping over a number": (
        lambda: F.vmap(lambda x, y: x)(X3, 2),
        ValueError,
        "non-Tensor arguments, please use None",
    ),
    "no inputs": (lambda: F.vmap(lambda: S)(), ValueError, "no inputs"),
    "out_dims out of range": (lambda: F.vmap(lambda x: x, 0, 3)(X3), IndexError, "write a number from -1 to 0"),
    "out_dims in another number": (lambda: F.vmap(lambda x: (x, x), 0, (0,))(X3), ValueError, "vmap.*out_dims has 1"),
    "out_dims None": (lambda: F.vmap(lambda x: x, 0, None)(X3), ValueError, "differs between examples"),
    "text from vmap": (lambda: F.vmap(lambda x: "a")(X3), ValueError, "must only return Tensors"),
    "Python's if": (lambda: F.vmap(lambda x: x if x > 0 else -x)(X3), TypeError, f"bool.*{HERE}.*where.*func.cond"),
    "item": (lambda: F.vmap(lambda x: x.item())(X3), TypeError, f"item.* at {HERE}.*inside vmap.*where"),
    "range": (lambda: F.vmap(lambda n: sum(range(n)))(I3), TypeError, f"index at {HERE}.*func.while_loop"),
    "a slice": (lambda: F.vmap(lambda n: X3[:n])(I3), TypeError, f"index at {HERE}"),
    "a mask": (lambda: F.vmap(lambda x: x[x > 0])(t(ROWS)), TypeError, f"mask at {HERE}.*where"),
    "unique": (lambda: F.vmap(cr.unique)(t(ROWS)), TypeError, f"unique.* at {HERE}.*shape of the result depends"),
    "bincount": (lambda: F.vmap(cr.bincount)(I3[None]), TypeError, f"bincount at {HERE}.*one_hot"),
    "undecided randomness": (
        lambda: F.vmap(lambda x: x + cr.rand(()))(X3),
        RuntimeError,
        f"{HERE}.*'same' or 'different'",
    ),
    "a value kept from grad": (
        lambda: kept(lambda: F.grad(keep)(X3)),
        RuntimeError,
        f"mul at {HERE}.*escaped.*has_aux",
    ),
    "a value kept from vmap": (lambda: kept(lambda: F.vmap(keep)(t(ROWS))), RuntimeError, "escaped from vmap"),
    "a value kept from jvp": (lambda: kept(lambda: F.jvp(keep, (X3,), (X3,))), RuntimeError, "escaped from jvp"),
    "a vector as predicate": (lambda: F.cond(X3 > 0, lambda: S, lambda: S), ValueError, "scalar.*where"),
    "text as predicate": (lambda: F.cond("a", lambda: S, lambda: S), TypeError, "must be a bool"),
    "a branch that is a value": (lambda: F.cond(True, S, S), TypeError, "true_fn must be a function, got Tensor"),
    "operands without a tuple": (lambda: F.cond(True, abs, abs, operands=S), TypeError, r"write operands=\(x,\)"),
    "branches of other shapes": (
        lambda: F.vmap(lambda x: F.cond(x > 2, lambda: X3, lambda: X3[:2]))(X3),
        ValueError,
        r"\(3,\) from <lambda>, but \(2,\) from <lambda>",
    ),
    "a carry of another dtype": (
        lambda: F.while_loop(lambda v: v < 9, lambda v: v.float() * 2, S),
        TypeError,
        "convert the first value",
    ),
    "a loop that returns nothing": (lambda: F.while_loop(lambda v: v < 9, lambda v: None, S), TypeError, "is NoneType"),
    "bounds that are no integers": (
        lambda: F.fori_loop(0.5, 3, lambda i, v: v, S),
        TypeError,
        "bounds must be integers",
    ),
    "scan without a pair": (lambda: F.scan(lambda c, x: c, S, X3), TypeError, r"pair \(carry, y\)"),
    "scan over a scalar": (lambda: F.scan(lambda c, x: (c, x), S, S), ValueError, "needs a dimension 0"),
    "map over a scalar": (lambda: F.map(abs, S), ValueError, "map: every tensor"),
    "text from map": (lambda: F.map(lambda x: "a", X3), TypeError, "map: .*tensors or numbers, got str"),
    "scan without length": (lambda: F.scan(lambda c, x: (c, x), S), ValueError, "number of steps"),
    "rows that differ": (
        lambda: F.scan(lambda c, x: (c + 1, cr.ones(int(c.item()))), S, X3),
        ValueError,
        "same structure and shapes",
    ),
    "structures that differ": (
        lambda: F.scan(lambda c, x: (c + 1, (x,) if c < 3 else [x]), S, X3),
        ValueError,
        "same structure and shapes",
    ),
    "a scanned function that reduces": (
        lambda: F.associative_scan(lambda a, b: (a + b).sum(), X3),
        ValueError,
        "has shape .*treat dimension 0 as a batch",
    ),
    "a matvec that is not linear": (
        lambda: F.custom_linear_solve(lambda v: v * v, X3),
        RuntimeError,
        "not linear.*root",
    ),
    "a solve of another shape": (
        lambda: F.custom_linear_solve(lambda v: 2 * v, X3, lambda _, b: b[:1]),
        ValueError,
        "solve must return x shaped like b",
    ),
    "a residual of another shape": (lambda: F.root(lambda x: x[:1], X3), ValueError, "shape of the unknown"),
    "an integer unknown": (lambda: F.root(lambda x: x - 1, cr.tensor(3)), TypeError, "x0 has dtype int64"),
    "a step of another shape": (lambda: F.fixed_point(lambda x: x[:1], X3), ValueError, "shape of the unknown"),
    "a slope of another shape": (
        lambda: F.odeint(lambda t, y: y[:1], X3, [0.0, 1.0]),
        ValueError,
        r"slope of a value of shape \(3,\), but has shape \(1,\)",
    ),
    "one time only": (lambda: F.odeint(lambda t, y: y, X3, 1.0), TypeError, "sequence of times"),
    "minimise a vector": (lambda: F.minimize(lambda x: x, X3), ValueError, r"must return a scalar tensor.*\(3,\)"),
    "a dual of a dual": (twice_dual, RuntimeError, "already has a forward gradient at the same level 0"),
    "comparing no function": (lambda: cr.methods.compare(3, at=1.0), TypeError, "expects a function, but got int"),
    "comparing at a word": (lambda: cr.methods.compare(abs, at="a"), TypeError, "at must be a number, .* got 'a'"),
    "no module": (lambda: F.functional_call(S, {}, ()), TypeError, "expects a module"),
    "no such parameter": (
        lambda: F.functional_call(LAYER, {"wieght": S}, ()),
        ValueError,
        "has no parameter.*'wieght'",
    ),
}


@pytest.mark.parametrize("name", MISUSE)
def test_misuse(name):
    call, error, message = MISUSE[name]
    with pytest.raises(error, match=f"(?s){message}"):
        call()


def test_wrong_custom_rules_are_told_at_their_first_use():
    @F.custom_vjp
    def f(x, y):
        return x * y

    cases = [
        (
            lambda x, y: (x * y, None),
            lambda _, g: (g,),
            "must return a tuple of 2 cotangents, one for each of argument 0",
        ),
        (
            lambda x, y: (x * y, None),
            lambda _, g: (cr.stack([g, g]), g),
            r"shape \(2,\) for argument 0 .*which has shape \(\)",
        ),
        (lambda x, y: (x * y, None), lambda _, g: ({"a": g}, g), "returned a dict as the cotangent of argument 0"),
        (lambda x, y: x * y, lambda _, g: (g, g), "must return a pair"),
    ]
    for forward, backward, message in cases:
        f.defvjp(forward, backward)
        with pytest.raises((RuntimeError, TypeError), match=message):
            F.grad(f)(t(1.0), t(2.0))
