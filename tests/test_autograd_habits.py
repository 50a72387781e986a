"""PyTorch's habits in autograd beyond the first derivative: Function, hooks, views, places on the tape, gradcheck."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Function, forward_ad, gradcheck, gradgradcheck, graph
from chainrule.core.tape import NodeBase
from chainrule.utils import checkpoint as checkpoints


def leaf(*values):
    return cr.tensor(values if len(values) != 1 else values[0], dtype=cr.float64, requires_grad=True)


def made(forward, backward=None, **more):
    """A Function class from two functions."""
    body = {"forward": staticmethod(forward), **{k: staticmethod(v) for k, v in more.items()}}
    if backward is not None:
        body["backward"] = staticmethod(backward)
    return type("Made", (Function,), body)


# ---- Function --------------------------------------------------------------------------------------------------------


def test_a_gradient_of_the_wrong_shape_is_refused():
    F = made(lambda ctx, x: x * 2, lambda ctx, g: cr.ones(10, dtype=cr.float64))
    x = cr.ones(5, 5, dtype=cr.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"index 0 - got \[10\] but expected shape compatible with \[5, 5\]"):
        F.apply(x).sum().backward()
    assert x.grad is None


def test_a_gradient_that_was_broadcast_is_summed_and_cast():
    F = made(lambda ctx, x: x * 2, lambda ctx, g: cr.full((4, 3), 2.0, dtype=cr.float64))
    x = cr.ones(3, requires_grad=True)
    F.apply(x).sum().backward()
    assert x.grad.tolist() == [8.0, 8.0, 8.0] and x.grad.dtype == cr.float32
    into_real = made(lambda ctx, x: x * 2, lambda ctx, g: g * 2 + 1j)
    y = leaf(3.0)
    into_real.apply(y).backward()
    assert y.grad.item() == 2.0 and y.grad.dtype == cr.float64


def test_outputs_that_are_no_tensors_get_none():
    seen = []

    def backward(ctx, *grads):
        seen.append(grads)
        return grads[1] * 2 + grads[2] * 3

    F = made(lambda ctx, x: ("name", x * 2, x * 3, None), backward)
    x = leaf(1.0)
    name, y, _, nothing = F.apply(x)
    y.backward()
    assert (name, nothing) == ("name", None)
    assert seen[0][0] is None and seen[0][3] is None and seen[0][2].item() == 0.0
    assert x.grad.item() == 2.0
    pullback = cr.func.vjp(lambda x: F.apply(x)[1], cr.tensor(1.0, dtype=cr.float64))[1]
    assert pullback(cr.tensor(1.0, dtype=cr.float64))[0].item() == 2.0


def test_an_input_returned_as_it_is_becomes_a_view_that_is_not_written_to():
    F = made(lambda ctx, x: x, lambda ctx, g: g * 5)
    x = leaf(1.0, 2.0)
    base = x * 1
    y = F.apply(base)
    assert y is not base and y._is_view()
    with pytest.raises(
        RuntimeError, match="Output 0 of MadeBackward is a view and is being modified inplace. This view"
    ):
        y.add_(1)
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_a_view_from_a_function_knows_that_its_base_changed():
    F = made(lambda ctx, x: x[:2], lambda ctx, g: cr.cat([7 * g, cr.zeros(1, dtype=cr.float64)]))
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    view = F.apply(base)
    base.mul_(2)
    assert view.tolist() == [2.0, 4.0]
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified inplace"):
        view.sum().backward()
    base.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_the_same_output_twice_is_one_tensor():
    def forward(ctx, x):
        y = x * 2
        return y, y

    F = made(forward, lambda ctx, a, b: 2 * a + 2 * b)
    x = leaf(0.5, 2.0)
    a, b = F.apply(x)
    assert a is b
    assert gradcheck(lambda x: sum(F.apply(x)), x)


def test_writing_into_an_argument_that_is_a_view_reaches_its_base():
    def forward(ctx, x, y):
        ctx.mark_dirty(x)
        return x.add_(y)

    F = made(forward, lambda ctx, g: (g, g))

    def on_views(a, b):
        x = a.clone()
        F.apply(x[:2], b)
        F.apply(x[1:], 2 * b)
        return x * x

    a, b = leaf(1.0, 2.0, 3.0), leaf(0.5, 0.25)
    assert gradcheck(on_views, (a, b)) and gradgradcheck(on_views, (a, b))
    x = cr.zeros(2, dtype=cr.float64)
    assert F.apply(x, b) is x and type(x.grad_fn) is F._backward_cls


def test_marks_of_dirty_inputs_are_checked():
    forgotten = made(lambda ctx, x: ctx.mark_dirty(x) or x.add_(1).clone(), lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward method were not returned"):
        forgotten.apply(leaf(1.0) * 1)

    def another(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="Only input Tensors should be given to ctx.mark_dirty"):
        made(another, lambda ctx, g: g).apply(leaf(1.0) * 1)

    def two(ctx, x):
        ctx.mark_dirty(x)
        return x.add_(1), x * 2

    with pytest.raises(RuntimeError, match="cannot return more than one Tensor"):
        made(two, lambda ctx, a, b: a + b).apply((leaf(1.0, 2.0) * 1)[:1])


def test_saved_tensors_outside_of_backward():
    kept = []

    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.scale = 3.0
        kept.append(ctx)
        return x * 3

    F = made(forward, lambda ctx, g: g * ctx.scale)
    x = leaf(2.0)
    y = F.apply(x)
    assert y.grad_fn.saved_tensors[0].item() == 2.0 and y.grad_fn.scale == 3.0
    y.backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = y.grad_fn.saved_tensors
    del y
    with pytest.raises(RuntimeError, match="graph that this ctx belongs to is gone"):
        _ = kept[0].saved_tensors


def test_ways_not_to_call_a_function():
    F = made(lambda ctx, x: x, lambda ctx, g: g)
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        made_one = F()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"):
        made_one(leaf(1.0))
    with pytest.raises(NotImplementedError, match="must implement the forward"):
        type("Empty", (Function,), {}).apply(leaf(1.0))
    both = made(lambda ctx, x: x * 1, lambda ctx, g: g, vjp=lambda ctx, g: g)
    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        both.apply(leaf(1.0)).backward()


def test_vjp_is_another_name_for_backward():
    F = made(lambda ctx, x: x * 2, vjp=lambda ctx, g: g * 2)
    assert gradcheck(F.apply, leaf(1.0, 3.0))
    assert cr.func.grad(F.apply)(cr.tensor(1.0)).item() == 2.0


def test_setup_context_sees_default_arguments():
    class Power(Function):
        @staticmethod
        def forward(x, n=3):
            return x**n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, ctx.n = inputs
            ctx.save_for_backward(x)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.n * ctx.saved_tensors[0] ** (ctx.n - 1), None

    x = leaf(2.0)
    Power.apply(x).backward()
    assert x.grad.item() == 12.0
    assert cr.func.grad(Power.apply)(cr.tensor(2.0)).item() == 12.0


def test_hooks_on_a_function_see_the_gradients_of_tensors_only():
    seen = []

    def forward(ctx, x, factor, y):
        ctx.save_for_backward(x, y)
        return x * factor * y

    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * 3 * y, None, g * 3 * x

    x, y = leaf(2.0), leaf(5.0)
    out = made(forward, backward).apply(x, 3.0, y)
    assert [n.name() for n, _ in out.grad_fn.next_functions] == ["AccumulateGrad", "AccumulateGrad"]
    out.grad_fn.register_hook(lambda inner, outer: seen.append([t.item() for t in (*inner, *outer)]))
    out.backward()
    assert seen == [[15.0, 6.0, 1.0]]


def test_saved_tensors_hooks_hold_what_a_function_and_an_operation_with_several_results_save():
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(x, y)
        return y

    F = made(forward, lambda ctx, g: g * ctx.saved_tensors[1] + 0 * ctx.saved_tensors[0])
    packed = []
    x = leaf([[2.0, 1.0], [0.5, 3.0]])
    with graph.saved_tensors_hooks(lambda t: packed.append(t.shape) or t.numpy().copy(), cr.from_numpy):
        y = F.apply(x)
        q, r = cr.linalg.qr(x)
    assert len(packed) >= 4
    (y.sum() + q.sum() + r.sum()).backward()
    again = leaf(x.tolist())
    q, r = cr.linalg.qr(again)
    (again.exp().sum() + q.sum() + r.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), again.grad.numpy())


def test_a_pack_hook_must_not_write():
    with graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t), pytest.raises(RuntimeError, match="in place"):
        leaf(1.0).exp()


def test_the_vmap_rule_of_a_function_is_checked():
    def with_rule(rule, **more):
        F = made(lambda x: x * 1, lambda ctx, g: g, setup_context=lambda ctx, i, o: None, vmap=rule)
        for name, value in more.items():
            setattr(F, name, value)
        return cr.vmap(F.apply)

    x = cr.ones(2, 3)
    with pytest.raises(RuntimeError, match="to have two returns"):
        with_rule(lambda info, dims, x: x)(x)
    with pytest.raises(RuntimeError, match="returned an incompatible"):
        with_rule(lambda info, dims, x: (x, (0, 0)))(x)
    with pytest.raises(RuntimeError, match="generate_vmap_rule=True and"):
        with_rule(lambda info, dims, x: (x, 0), generate_vmap_rule=True)(x)


def test_tangents_from_a_rule_are_checked():
    def forward(x):
        return x * 2, x * 0

    def setup(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])

    F = made(forward, setup_context=setup, jvp=lambda ctx, t: (2 * t, 0 * t))
    with pytest.raises(RuntimeError, match="You should return None at that position instead"):
        cr.func.jvp(lambda x: F.apply(x)[0], (cr.tensor(1.0),), (cr.tensor(1.0),))


def test_leaves_never_share_the_memory_of_their_gradients():
    def twice(ctx, g):
        h = g * 1
        return h, h

    F = made(lambda ctx, a, b: a + b, twice)
    held = cr.full((2,), 7.0, dtype=cr.float64)
    G = made(lambda ctx, x: x * 7, lambda ctx, g: held)
    a, b, c = leaf(1.0, 1.0), leaf(1.0, 1.0), leaf(1.0, 1.0)
    for _ in range(2):
        F.apply(a, b).sum().backward()
        G.apply(c).sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [2.0, 2.0]
    assert held.tolist() == [7.0, 7.0] and c.grad.tolist() == [14.0, 14.0]

    @cr.func.custom_vjp
    def add(a, b):
        return a + b

    add.defvjp(lambda a, b: (a + b, None), lambda saved, g: (held, held))
    for _ in range(2):
        add(a, b).sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [16.0, 16.0] and held.tolist() == [7.0, 7.0]


def test_saved_leaves_are_the_leaves_themselves():
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    def backward(ctx, g):
        first, second = ctx.saved_tensors
        assert first is x and second.requires_grad and second.output_nr == 1
        return g * second, g * first

    x = leaf(3.0)
    made(forward, backward).apply(x, leaf(1.0, 2.0).unbind()[1]).backward()
    assert x.grad.item() == 2.0 and (x * x).grad_fn._saved_self is x


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_a_hook_after_accumulation_may_update_the_leaf():
    x = leaf(1.0, 2.0)

    def step(t):
        assert not cr.is_grad_enabled()
        t.sub_(0.1 * t.grad)

    x.register_post_accumulate_grad_hook(step)
    (3 * x).sum().backward()
    np.testing.assert_allclose(x.detach().numpy(), [0.7, 1.7])
    bad = leaf(1.0)
    bad.register_post_accumulate_grad_hook(lambda t: t.grad)
    with pytest.raises(RuntimeError, match="hooks should return None"):
        (2 * bad).backward()


def test_order_of_the_hooks_around_a_leaf():
    x = leaf(1.0, 1.0)
    node = x.view_as(x).grad_fn.next_functions[0][0]

    def replace(inner, outer):
        x.grad = outer[0] * 10

    def shift(t):
        t.grad.add_(0.5)

    x.register_hook(lambda g: g - 2)
    node.register_prehook(lambda gs: (gs[0] / 5,))
    x.register_post_accumulate_grad_hook(shift)
    node.register_hook(replace)
    x.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]  # ((1 - 2) / 5 + 0.5) times 10


def test_gradients_that_hooks_kept_or_gave_are_not_written_to():
    x, y, kept, fixed = leaf(1.0, 1.0), leaf(1.0, 1.0), [], cr.full((2,), 7.0, dtype=cr.float64)
    x.register_hook(kept.append)
    y.register_hook(lambda g: fixed)
    z = x * 2
    z.grad_fn.register_hook(lambda inner, outer: kept.append(inner[0]))
    for _ in range(2):
        (z + 2 * y).sum().backward(retain_graph=True)
    assert [k.tolist() for k in kept] == [[2.0, 2.0]] * 4 and x.grad.tolist() == [4.0, 4.0]
    assert fixed.tolist() == [7.0, 7.0] and y.grad.tolist() == [14.0, 14.0]


def test_grad_runs_hooks_on_tensors_but_not_those_of_the_node_where_it_stops():
    x = leaf(1.0)
    y = x * 2
    z = y * 2
    log = []
    y.register_hook(lambda g: log.append("tensor"))
    y.grad_fn.register_prehook(lambda gs: log.append("before"))
    y.grad_fn.register_hook(lambda inner, outer: log.append("after"))
    cr.autograd.grad(z, y, retain_graph=True)
    assert log == ["tensor"]
    cr.autograd.grad(z, (x, y), retain_graph=True)
    assert log == ["tensor", "tensor", "before", "after"]


def test_hooks_before_a_node_of_several_results_see_all_cotangents():
    F = made(lambda ctx, x, y: (x * 2, y * 3), lambda ctx, a, b: (2 * a, 3 * b))
    x, y = leaf(1.0), leaf(1.0)
    a, b = F.apply(x, y)
    a.grad_fn.register_prehook(lambda gs: (gs[0] * 10, gs[1] * 100))
    (a + b).backward()
    assert (x.grad.item(), y.grad.item()) == (20.0, 300.0)


def test_retain_grad_follows_a_write():
    x = leaf(1.0, 2.0).clone()
    x.retain_grad()
    x.mul_(2)
    x[0] = 5.0
    (x * x).sum().backward()
    assert x.retains_grad and x.grad.tolist() == [10.0, 8.0]


def test_hooks_that_wait_for_several_tensors():
    a, b, c = leaf(1.0), leaf(2.0), leaf(3.0)
    every, first = [], []
    handle = graph.register_multi_grad_hook((a, b, c), lambda gs: every.append([g and g.item() for g in gs]))
    graph.register_multi_grad_hook((a, b), lambda g: first.append(g.item()), mode="any")
    (a * b).backward()
    (a * b * c).backward()
    assert every == [[2.0, 1.0, None], [6.0, 3.0, 2.0]] and len(first) == 2
    handle.remove()
    (a * b).backward()
    assert len(every) == 2
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook((a,), print, mode="some")


def test_backward_hooks_of_a_module_run_once_per_pass_through_it():
    loss, calls = cr.nn.MSELoss(), []
    loss.register_full_backward_hook(lambda *args: calls.append(1))
    x = cr.ones(2, requires_grad=True)
    (first,) = cr.autograd.grad(loss(x, cr.zeros(2)), x, create_graph=True)
    cr.autograd.grad(first.sum(), x)
    assert calls == [1]


# ---- places on the tape ----------------------------------------------------------------------------------------------


def test_gradients_at_an_edge():
    x = leaf(1.0, 2.0)
    y = x.exp()
    edge = graph.get_gradient_edge(y)
    y *= 2
    old, new = cr.autograd.grad(y.sum(), (edge, y), retain_graph=True)
    assert old.tolist() == [2.0, 2.0] and new.tolist() == [1.0, 1.0]
    (through,) = cr.autograd.grad(edge, x, old, retain_graph=True)
    np.testing.assert_allclose(through.numpy(), 2 * np.exp([1.0, 2.0]))
    by_hand = graph.GradientEdge(y.grad_fn, y.output_nr)
    assert cr.autograd.grad(y.sum(), by_hand, retain_graph=True)[0].tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        cr.autograd.grad(edge, x)
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        cr.autograd.grad(edge, x, cr.ones(3))
    with pytest.raises(RuntimeError, match="materialize_grads cannot be used"):
        cr.autograd.grad(x.sum(), edge, materialize_grads=True)


def test_number_of_a_result():
    x = leaf(1.0, 2.0)
    first, second = x.unbind()
    assert (x.output_nr, first.output_nr, second.output_nr) == (0, 0, 1)


def test_a_node_that_saved_nothing_may_be_passed_again():
    x, y = leaf(1.0, 2.0), leaf(3.0)
    parts = x.unbind()
    parts[0].backward()
    parts[1].backward()
    assert x.grad.tolist() == [1.0, 1.0]
    joined = cr.cat([x, y.reshape(1)])
    joined[0].backward()
    joined[2].backward()
    assert x.grad.tolist() == [2.0, 1.0] and y.grad.item() == 1.0
    squared = x * x
    squared[0].backward()
    with pytest.raises(RuntimeError, match="Specify retain_graph=True"):
        squared[1].backward()


def test_what_a_node_saved():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    product, result = x * y, x.exp()
    assert product.grad_fn._saved_other.tolist() == [3.0, 4.0]
    assert result.grad_fn._saved_result.tolist() == result.tolist()
    assert isinstance(product.grad_fn, NodeBase)
    product.sum().backward()
    with pytest.raises(RuntimeError, match="freed"):
        _ = product.grad_fn._saved_self
    with pytest.raises(AttributeError):
        _ = product.grad_fn.no_such_thing


def test_nodes_can_be_called():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    one = cr.ones(2, dtype=cr.float64)
    assert [g.tolist() for g in (x * y).grad_fn(one)] == [[3.0, 4.0], [1.0, 2.0]]
    power = (x**2).grad_fn
    assert power(one).tolist() == [2.0, 4.0]
    F = made(lambda ctx, x, k, y: x * k, lambda ctx, g: (g * 2, None, g * 0))
    assert [g.tolist() for g in F.apply(x, 2.0, y).grad_fn(one)] == [[2.0, 2.0], [0.0, 0.0]]
    assert x.exp().grad_fn(one).requires_grad
    with pytest.raises(TypeError, match="expected 1 arguments, got 2 instead"):
        power(one, one)


def test_cotangents_have_to_fit():
    x = leaf(1.0, 2.0)
    y = x * 2
    with pytest.raises(
        RuntimeError, match=r"grad_output\[0\] has a shape of torch.Size\(\[3\]\) and output\[0\] has a"
    ):
        cr.autograd.grad(y, x, cr.ones(3))
    with pytest.raises(RuntimeError, match="required to have the same dtype"):
        cr.autograd.grad(y, x, cr.ones(2, dtype=cr.complex128))
    with pytest.raises(RuntimeError, match="we interpret the first dimension"):
        cr.autograd.grad(y, x, cr.ones(4, 3), is_grads_batched=True)
    with pytest.raises(ValueError, match="grad requires non-empty inputs"):
        cr.autograd.grad(y.sum(), [])


def test_materialized_zeros_can_be_differentiated_again():
    x, a = leaf(0.5), leaf(1.0)
    first = cr.autograd.grad(x * a, x, create_graph=True)
    second = cr.autograd.grad(first, x, create_graph=True, materialize_grads=True)
    third = cr.autograd.grad(second, x, materialize_grads=True)
    assert second[0].item() == third[0].item() == 0.0


# ---- writes ----------------------------------------------------------------------------------------------------------


def test_versions_count_writes_of_every_kind():
    x = cr.zeros(2, 3)
    view = x[0]
    counts = [x._version]
    x.add_(1).mul_(2)
    counts.append(x._version)
    view[0] = 5
    counts.append(x._version)
    x += cr.ones(3, requires_grad=True)
    counts.append(x._version)
    assert counts == sorted(set(counts)) and view._version == x._version
    graph.increment_version(x)
    assert x._version == counts[-1] + 1
    other = cr.zeros(2).add_(1)
    before = other._version
    other.data = cr.ones(3)
    assert other._version == before
    assert other.add_(1)._version == before + 1
    with pytest.raises(RuntimeError, match="must be floating point or complex dtype"):
        cr.ones(2, requires_grad=True).data = cr.ones(2, dtype=cr.int64)
    with pytest.warns(UserWarning, match="that is not a leaf Tensor is being accessed"):
        assert (cr.ones(2, requires_grad=True) * 2).grad is None


def test_a_view_made_before_its_base_required_grad_is_not_written_to():
    x = cr.zeros(3)
    view = x[1:]
    x.requires_grad_()
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        view.add_(1)
    with cr.no_grad():
        view.add_(1)
    assert x.tolist() == [0.0, 1.0, 1.0]


def test_one_element_of_an_expanded_tensor_can_be_written_to():
    x = cr.zeros(2)
    wide = x.expand(3, 2)
    wide[1, 0] = 5.0
    assert x.tolist() == [5.0, 0.0] and wide[2].tolist() == [5.0, 0.0]
    wide[2] = cr.tensor([1.0, 2.0])
    assert x.tolist() == [1.0, 2.0]
    for key in (slice(0, 2), slice(None), cr.tensor([0, 1])):
        with pytest.raises(RuntimeError, match="single memory location"):
            wide[key] = 9.0
    assert x.tolist() == [1.0, 2.0]


def test_copying_between_overlapping_views():
    x = cr.arange(5.0)
    x[:-1].copy_(x[1:])
    assert x.tolist() == [1.0, 2.0, 3.0, 4.0, 4.0]
    x[:2].copy_(x[2:4])
    assert x.tolist() == [3.0, 4.0, 3.0, 4.0, 4.0]


def test_repeated_values_are_copies():
    x = cr.ones(1)
    for y in (x.repeat(2, 2), cr.tile(x, (2, 2))):
        y.add_(1)
        assert y.tolist() == [[2.0, 2.0], [2.0, 2.0]] and x.item() == 1.0


def test_a_leaf_reshaped_in_place_stays_a_leaf():
    x = cr.ones(2, 3, requires_grad=True)
    with cr.no_grad():
        x.t_()
    (x * 2).sum().backward()
    assert x.is_leaf and x.grad.shape == (3, 2)
    y = x * 2
    with cr.no_grad(), pytest.raises(RuntimeError, match="out of the graph"):
        y.t_()
    y.t_().sum().backward()
    assert x.grad.tolist() == [[4.0, 4.0]] * 3


def test_a_recorded_tensor_overwritten_with_constants_stays_recorded():
    writes = [lambda t: t.bernoulli_(), lambda t: t.gt_(0.5), lambda t: t.zero_(), lambda t: t.copy_(cr.ones(2))]
    for write in writes:
        x = leaf(1.0, 2.0)
        y = x * 1
        write(y)
        (3 * y).sum().backward()
        assert y.requires_grad and x.grad.tolist() == [0.0, 0.0]


def test_copies_allow_mutation():
    x = leaf(3.0)
    with graph.allow_mutation_on_saved_tensors():
        y = x * x
        with cr.no_grad():
            x.fill_(100.0)
        y.backward()
        with pytest.raises(RuntimeError, match="cannot be nested"), graph.allow_mutation_on_saved_tensors():
            pass
    assert x.grad.item() == 6.0


def test_saved_tensors_hooks_can_be_forbidden():
    hooks = graph.saved_tensors_hooks(lambda t: t, lambda t: t)
    with graph.disable_saved_tensors_hooks("not in here"), pytest.raises(RuntimeError, match="not in here"), hooks:
        pass
    with hooks, pytest.raises(RuntimeError, match="not now"), graph.disable_saved_tensors_hooks("not now"):
        pass


def test_as_strided_of_a_view_steps_through_the_base():
    x = leaf(*range(12))
    base = (x * 1).reshape(3, 4)
    assert base.t().as_strided((2, 2), (1, 4)).tolist() == [[0.0, 4.0], [1.0, 5.0]]
    assert base[:, ::2].as_strided((2, 2), (2, 1)).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    late = base[1:].as_strided((2,), (1,), 3)
    assert late.tolist() == [3.0, 4.0] and base[1:].as_strided((2,), (1,)).tolist() == [4.0, 5.0]
    late.sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_bytes_index_as_a_mask():
    mask = cr.tensor([1, 0, 1], dtype=cr.uint8)
    x = cr.arange(6.0).reshape(3, 2)
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
        assert x[mask].tolist() == [[0.0, 1.0], [4.0, 5.0]]
    with pytest.warns(UserWarning, match="uint8"):
        x[mask] = 9.0
    assert x.tolist() == [[9.0, 9.0], [2.0, 3.0], [9.0, 9.0]]


def test_a_write_through_a_detached_tensor_never_loses_derivatives():
    def f(x):
        y = x * 1
        y.detach().add_(1)
        return (y * y).sum()

    x = cr.tensor([2.0, 3.0])
    assert cr.func.grad(f)(x).tolist() == [6.0, 8.0]
    assert cr.vmap(cr.func.grad(f))(cr.stack([x, x])).tolist() == [[6.0, 8.0]] * 2
    for transform in (lambda: cr.func.jvp(f, (x,), (x,)), lambda: cr.func.hessian(f)(x), lambda: cr.func.jacfwd(f)(x)):
        with pytest.raises(RuntimeError, match="through a detached one"):
            transform()


# ---- modes -----------------------------------------------------------------------------------------------------------


def test_a_decorated_generator_gets_exceptions_and_its_end_in_its_own_mode():
    log = []

    @cr.no_grad()
    def numbers():
        for i in range(3):
            try:
                yield i
            except ValueError:
                log.append(("error", cr.is_grad_enabled()))
            except GeneratorExit:
                log.append(("end", cr.is_grad_enabled()))
                raise

    steps = numbers()
    assert next(steps) == 0 and steps.throw(ValueError("x")) == 1 and cr.is_grad_enabled()
    steps.close()
    assert log == [("error", False), ("end", False)]


def test_decorating_a_class_switches_its_constructor_and_warns():
    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):

        @cr.no_grad()
        class Recorder:
            def __init__(self):
                self.within = cr.is_grad_enabled()

            def method(self):
                return cr.is_grad_enabled()

    assert (Recorder().within, Recorder().method()) == (False, True)


def test_numpy_is_allowed_where_nothing_is_recorded():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="detach"):
        x.numpy()
    with cr.no_grad():
        assert x.numpy().tolist() == [1.0, 2.0]


def test_functional_records_inside_no_grad():
    x = leaf(1.0, 2.0)
    with cr.no_grad():
        found = cr.autograd.functional.jacobian(lambda x: x**3, x, create_graph=True)
    (second,) = cr.autograd.grad(found.sum(), x)
    assert second.tolist() == [6.0, 12.0]
    with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not require gradients"):
        cr.autograd.functional.jacobian(lambda x: x.detach(), x, strict=True)


def test_powers_of_zero():
    exponent = leaf(-1.0, 0.0, 1.0)
    (0**exponent).sum().backward()
    assert exponent.grad.tolist() == [-np.inf, 0.0, 0.0]


def test_missing_derivatives_are_not_implemented_errors():
    with pytest.raises(NotImplementedError, match="the derivative for .* is not implemented"):
        cr.igamma(leaf(1.0), leaf(2.0)).backward()


# ---- forward mode ----------------------------------------------------------------------------------------------------


def test_tangents_have_to_fit():
    with forward_ad.dual_level():
        assert forward_ad._current_level == 0
        with pytest.raises(RuntimeError, match="Trying to set a forward gradient that has a different size"):
            forward_ad.make_dual(cr.ones(2), cr.ones(3))
        with pytest.raises(ValueError, match="Expected tangent to be floating point or complex"):
            forward_ad.make_dual(cr.ones(2), cr.ones(2, dtype=cr.int64))
        dual = forward_ad.make_dual(cr.ones(2), cr.ones(2))
        with pytest.raises(RuntimeError, match="has a forward gradient at the same level"):
            forward_ad.make_dual(cr.ones(2), dual)
    assert forward_ad._current_level == -1


def test_tangents_pass_no_grad_but_not_detach():
    x = cr.tensor(3.0, requires_grad=True)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, cr.tensor(1.0))
        with cr.no_grad():
            value, tangent = forward_ad.unpack_dual(dual * 2)
        assert tangent.item() == 2.0 and not value.requires_grad
        assert forward_ad.unpack_dual(dual.detach()).tangent is None
        copy = dual.clone()
        value, tangent = forward_ad.unpack_dual(copy.detach_() * 2)
        assert tangent is None and not value.requires_grad
        with pytest.raises(RuntimeError, match="out= function"):
            cr.add(dual, 1.0, out=cr.zeros(()))


# ---- checkpoint ------------------------------------------------------------------------------------------------------


def test_checkpoint_runs_in_the_contexts_it_is_given_and_to_the_end_if_asked():
    log = []

    class Log:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            log.append(self.name)

        def __exit__(self, *exc):
            log.append(f"end of {self.name}")

    def function(x):
        y = x.exp()
        log.append("after exp")
        return y

    x = leaf(1.0)
    for early in (True, False):
        with checkpoints.set_checkpoint_early_stop(early):
            y = checkpoints.checkpoint(
                function, x, use_reentrant=False, context_fn=lambda: (Log("first"), Log("again"))
            )
        assert log == ["first", "after exp", "end of first"]
        y.backward()
        assert log[3:] == (["again", "end of again"] if early else ["again", "after exp", "end of again"])
        log.clear()
    np.testing.assert_allclose(x.grad.item(), 2 * np.e)


# ---- gradcheck -------------------------------------------------------------------------------------------------------


def test_gradcheck_sees_a_function_that_detaches():
    x = leaf(1.0, 2.0)
    with pytest.raises(cr.autograd.GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, x)
    assert gradcheck(lambda x: x.detach() * 2, x, raise_exception=False) is False
    assert gradcheck(lambda x: (x.detach() * 0, cr.ones(2)), x)
    assert gradcheck(lambda x: (), x)


def test_gradcheck_sees_a_constant_gradient_and_a_wrong_one():
    def shifted(x):
        y = x.clone()
        y.register_hook(lambda g: g + 1e-2)
        return y

    x = leaf(1.0, 2.0)
    for fast in (False, True):
        with pytest.raises(cr.autograd.GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
            gradcheck(shifted, x, fast_mode=fast)
        with pytest.raises(cr.autograd.GradcheckError, match="backward not multiplied by grad_output"):
            gradcheck(shifted, x, atol=0.1, fast_mode=fast)
        assert gradcheck(lambda x, y: (x * y).sin(), (x, leaf(3.0, 4.0)), fast_mode=fast)
    z = cr.tensor([1 + 1j], requires_grad=True, dtype=cr.complex128)
    with pytest.raises(
        cr.autograd.GradcheckError, match="While considering the imaginary part of complex outputs only"
    ):
        gradcheck(lambda z: made(lambda ctx, z: z * z, lambda ctx, g: g).apply(z), z)
    assert gradcheck(lambda z: (z * z, z.real, z.abs()), z)


def test_gradcheck_of_forward_mode_and_of_batches():
    def forward(x):
        return x * 2

    right = made(forward, lambda ctx, g: 2 * g, setup_context=lambda ctx, i, o: None, jvp=lambda ctx, t: 2 * t)
    wrong = made(forward, lambda ctx, g: 2 * g, setup_context=lambda ctx, i, o: None, jvp=lambda ctx, t: 3 * t)
    x = leaf(1.0, 2.0)
    with pytest.raises(cr.autograd.GradcheckError, match="Jacobian computed with forward mode mismatch for output 0"):
        gradcheck(wrong.apply, x, check_forward_ad=True)
    assert gradcheck(right.apply, x, check_forward_ad=True)
    assert gradcheck(cr.sin, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True)
    assert gradgradcheck(cr.sin, x, check_fwd_over_rev=True, gen_non_contig_grad_outputs=True, fast_mode=True)


def test_gradcheck_refuses_what_it_cannot_check():
    x = leaf(1.0, 2.0)
    with pytest.raises(AssertionError, match="at least one of"):
        gradcheck(cr.sin, x, check_backward_ad=False)
    with pytest.raises(AssertionError, match="check_batched_grad=True requires"):
        gradcheck(cr.sin, x, check_backward_ad=False, check_forward_ad=True, check_batched_grad=True)
    with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
        gradcheck(cr.sin, leaf(1.0).reshape(1).expand(3))
    with pytest.raises(AssertionError, match="same shape when inputs are perturbed"):
        gradcheck(lambda x: cr.cat([x, x]) if (x >= 1).all() else x, cr.ones(1, dtype=cr.float64, requires_grad=True))
    with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
        assert gradcheck(lambda x: x * 1, cr.ones(1, requires_grad=True), atol=0.1)


def test_gradcheck_finds_a_backward_that_differs_from_run_to_run():
    rng = np.random.default_rng(0)
    noisy = made(lambda ctx, x: x * 1, lambda ctx, g: g * (1 + 1e-6 * float(rng.standard_normal())))
    with pytest.raises(cr.autograd.GradcheckError, match="Backward is not reentrant"):
        gradcheck(noisy.apply, leaf(1.0, 2.0))
    assert gradcheck(noisy.apply, leaf(1.0, 2.0), nondet_tol=1e-4)


def test_modules_have_pytorchs_paths():
    from chainrule.autograd.function import once_differentiable
    from chainrule.autograd.gradcheck import GradcheckError

    assert callable(once_differentiable) and issubclass(GradcheckError, RuntimeError)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(cr.autograd.Variable(cr.ones(2), requires_grad=True), cr.autograd.Variable)
