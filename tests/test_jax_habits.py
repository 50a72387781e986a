"""Programs written for JAX: its argument names, holomorphic derivatives, updates of elements, and trees."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, value_and_grad, vmap

Z = cr.tensor(1.0 + 2.0j, dtype=cr.complex128)


def close(x, expected):
    np.testing.assert_allclose(x.detach().numpy(), expected, rtol=1e-6, atol=1e-12)


def test_vmap_takes_jaxs_names():
    a, b = cr.arange(6.0).reshape(2, 3), cr.arange(6.0).reshape(3, 2)
    f = lambda x, y: x * y  # noqa: E731
    close(vmap(f, in_axes=(0, 1), out_axes=1)(a, b), (a * b.T).T.numpy())
    close(vmap(f, in_axes=(None, 0))(a[0, :2], b), (a[0, :2] * b).numpy())
    with pytest.raises(ValueError, match="nothing|map over|at least one"):
        vmap(f, in_axes=None)(a, a)


def test_holomorphic_derivatives():
    cube = lambda z: z * z * z  # noqa: E731
    z = complex(Z)
    close(grad(cube, holomorphic=True)(Z), 3 * z**2)
    close(grad(grad(cube, holomorphic=True), holomorphic=True)(Z), 6 * z)
    close(value_and_grad(cube, holomorphic=True)(Z)[1], 3 * z**2)
    close(grad_and_value(cube, holomorphic=True)(Z)[0], 3 * z**2)
    close(hessian(cube, holomorphic=True)(Z), 6 * z)
    many = cr.tensor([1 + 2j, 0.5j], dtype=cr.complex128)
    for jacobian in (jacfwd, jacrev):
        close(jacobian(cube, holomorphic=True)(many), np.diag(3 * many.numpy() ** 2))
    close(vmap(grad(cube, holomorphic=True))(many), 3 * many.numpy() ** 2)
    close(grad(lambda p: p["a"] * p["b"], holomorphic=True)({"a": Z, "b": Z * 1j})["a"], 1j * z)


def test_holomorphic_wants_complex_numbers():
    x = cr.tensor(2.0)
    for transform in (grad, value_and_grad, jacrev, jacfwd):
        with pytest.raises(TypeError, match="needs complex arguments"):
            transform(lambda x: x * x, holomorphic=True)(x)
        with pytest.raises(TypeError, match="needs complex results"):
            transform(lambda z: cr.abs(z), holomorphic=True)(Z)
    with pytest.raises(RuntimeError, match="holomorphic=True"):
        grad(lambda z: z * z)(Z)


UPDATES = {
    "set": lambda x, v: x.at[1, :2].set(v[0]),
    "set slice": lambda x, v: x.at[:, 1:].set(v),
    "add repeated": lambda x, v: x.at[np.array([0, 0, 2])].add(v[0, 0]),
    "subtract": lambda x, v: x.at[..., 0].subtract(v[0, 1]),
    "multiply": lambda x, v: x.at[np.array([1, 1]), 2].multiply(v[0, 1]),
    "divide": lambda x, v: x.at[x[:, 0] > 0].divide(v[0, 0]),
    "power": lambda x, v: x.at[0, 1].power(2.0),
    "min": lambda x, v: x.at[2].min(v[0, 0]),
    "max": lambda x, v: x.at[0].max(v[0, 0]),
    "apply": lambda x, v: x.at[1, 2].apply(lambda y: y * y),
    "get": lambda x, v: x.at[1:, 0].get(),
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates_are_jaxs(name):
    jax = pytest.importorskip("jax")
    f = UPDATES[name]
    x, v = np.random.default_rng(0).standard_normal((2, 3, 3)).astype("float32")
    v = v[:, 1:]
    a, b = cr.tensor(x), cr.tensor(v)
    close(f(a, b), f(jax.numpy.asarray(x), jax.numpy.asarray(v)))
    close(a, x)
    doubles = [t.double().requires_grad_() for t in (a, b)]
    assert cr.autograd.gradcheck(f, doubles)


def test_updates_inside_transformations():
    x, v = cr.zeros(3), cr.arange(4.0)
    close(vmap(lambda v: x.at[1].set(v))(v)[:, 1], [0, 1, 2, 3])
    close(vmap(lambda i: x.at[i].add(1.0))(cr.tensor([0, 2])), [[1, 0, 0], [0, 0, 1]])
    close(jvp(lambda v: x.at[1].set(v), (v[3],), (cr.tensor(1.0),))[1], [0, 1, 0])
    with pytest.raises(IndexError):
        x.at[5].set(1.0)


# ---- trees ----------------------------------------------------------------------------------------------------------


class Named:
    """A container with a name: its children are its values."""

    def __init__(self, values, name):
        self.values, self.name = values, name


@pytest.mark.parametrize(
    "unflatten",
    [
        lambda aux, children: Named(list(children), aux[0]),
        lambda context, children: Named(list(children), context[0]),
        lambda children, context: Named(list(children), context[0]),
        lambda leaves, what: Named(list(leaves), what[0]),
    ],
)
def test_containers_are_registered_in_either_order(unflatten):
    kind = type("Kind", (Named,), {})
    cr.func.register_pytree_node(kind, lambda n: (n.values, (n.name,)), unflatten)
    found = cr.func.tree_map(lambda v: v + 1, kind([1, 2], "a"))
    assert (found.values, found.name) == ([2, 3], "a")


def test_a_wrong_order_of_unflatten_says_so():
    kind = type("Kind", (), {})
    cr.func.register_pytree_node(kind, lambda n: ((1, 2), None), lambda a, b: [*b])
    with pytest.raises(TypeError) as caught:
        cr.func.tree_map(lambda v: v, kind())
    assert "(children, context)" in caught.value.__notes__[0]


def test_dataclasses_take_jaxs_arguments():
    import dataclasses
    import functools

    @functools.partial(cr.func.register_dataclass, data_fields=["a", "b"], meta_fields=["c"])
    @dataclasses.dataclass
    class First:
        a: float
        b: float
        c: str

    @cr.func.register_dataclass
    @dataclasses.dataclass
    class Second:
        a: float
        c: str = dataclasses.field(default="x", metadata={"static": True})

    assert cr.func.tree_leaves(First(1.0, 2.0, "c")) == [1.0, 2.0]
    assert cr.func.tree_leaves(Second(1.0)) == [1.0]
    assert grad(lambda p: p.a * p.b)(First(cr.tensor(2.0), cr.tensor(3.0), "c")).a == 3.0
    with pytest.raises(ValueError, match="'b' too"):
        cr.func.register_dataclass(dataclasses.make_dataclass("Third", ["a", "b"]), data_fields=["a"])


def test_trees_with_paths_and_turned_inside_out():
    tree = {"w": [1, 2], "b": (3, None)}
    pairs, spec = cr.func.tree_flatten_with_path(tree)
    assert pairs == [("['w'][0]", 1), ("['w'][1]", 2), ("['b'][0]", 3)]
    assert spec == cr.func.tree_structure(tree)
    assert cr.func.tree_map_with_path(lambda p, v, u: (p, v + u), [1], [2]) == [("[0]", 3)]
    assert cr.func.tree_reduce(max, tree, 10) == 10
    steps = [{"obs": 1, "t": (2, 3)}, {"obs": 4, "t": (5, 6)}]
    outer, inner = cr.func.tree_structure([0, 0]), cr.func.tree_structure(steps[0])
    assert cr.func.tree_transpose(outer, inner, steps) == {"obs": [1, 4], "t": ([2, 5], [3, 6])}
    with pytest.raises(ValueError, match="should be a dict"):
        cr.func.tree_transpose(outer, inner, [steps[0], 7])


def test_two_names_of_one_argument_of_vmap_are_refused():
    with pytest.raises(ValueError, match="in_dims=1 and in_axes=0 name one argument; give one of them"):
        cr.func.vmap(lambda x: x, in_dims=1, in_axes=0)
    with pytest.raises(ValueError, match="out_dims=1 and out_axes=2"):
        cr.func.vmap(lambda x: x, out_dims=1, out_axes=2)
