"""Writes to outer tensors from inside a transformation: they hold afterwards what was written, or are refused."""

import pytest

import chainrule as cr
from chainrule import func, nn
from chainrule.core.errors import TracedValueError

TRANSFORMS = {
    "grad": lambda f, x: func.grad(f)(x),
    "value_and_grad": lambda f, x: func.value_and_grad(f)(x)[1],
    "vjp": lambda f, x: func.vjp(f, x)[1](cr.ones(()))[0],
    "jvp": lambda f, x: func.jvp(f, (x,), (cr.ones(2),)),
    "jacrev": lambda f, x: func.jacrev(f)(x),
    "linearize": lambda f, x: func.linearize(f, x)[1](cr.ones(2)),
    "grad of grad": lambda f, x: func.grad(lambda y: func.grad(f)(y).sum())(x),
    "jvp of grad": lambda f, x: func.jvp(func.grad(f), (x,), (cr.ones(2),)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_captured_buffer_holds_what_was_written(name):
    seen = cr.zeros(2)
    view = seen[:1]

    def f(x):
        seen.add_(x)
        return (x**3).sum()

    TRANSFORMS[name](f, cr.tensor([1.0, 2.0]))
    assert type(seen) is cr.Tensor
    assert seen.tolist() == [1.0, 2.0]
    assert (seen + 1).tolist() == [2.0, 3.0]
    assert view.tolist() == [1.0]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_buffer_that_is_returned_keeps_its_derivative(name):
    buffer = cr.zeros(2)

    def through(x):
        buffer.zero_()
        buffer.add_(x)
        buffer.mul_(x)
        return buffer.sum()

    x = cr.tensor([1.0, 2.0])
    have, want = TRANSFORMS[name](through, x), TRANSFORMS[name](lambda x: (x * x).sum(), x)
    cr.testing.assert_close(have, want)


def test_the_buffer_itself_may_be_the_result():
    buffer = cr.zeros(())

    def f(x):
        buffer.copy_(x * x)
        return buffer

    assert func.grad(f)(cr.tensor(3.0)).item() == 6.0
    assert buffer.item() == 9.0
    out, tangent = func.jvp(f, (cr.tensor(2.0),), (cr.tensor(1.0),))
    assert (out.item(), tangent.item(), buffer.item()) == (4.0, 4.0, 4.0)


def test_an_outer_level_keeps_its_derivative_through_the_buffer():
    def outer(w):
        seen = cr.zeros(())
        func.grad(lambda x: (seen.copy_(x * w), x * x)[1])(cr.tensor(3.0))
        return seen * 2

    assert func.grad(outer)(cr.tensor(5.0)).item() == 6.0
    w = cr.tensor(5.0, requires_grad=True)
    outer(w).backward()
    assert w.grad.item() == 6.0


def test_an_error_in_the_function_leaves_the_buffer_usable():
    seen = cr.zeros(2)

    def f(x):
        seen.add_(x)
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        func.grad(f)(cr.ones(2))
    assert (seen * 2).tolist() == [2.0, 2.0]


def test_batch_norm_in_training_updates_its_statistics_inside_grad():
    nets = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)) for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = cr.randn(8, 3)

    def loss(p):
        return func.functional_call(nets[0], p, (x,)).pow(2).mean()

    got = func.grad(loss)({name: p.detach() for name, p in nets[0].named_parameters()})
    nets[1](x).pow(2).mean().backward()
    for name, p in nets[1].named_parameters():
        cr.testing.assert_close(got[name], p.grad)
    for (name, have), want in zip(nets[0].named_buffers(), nets[1].buffers(), strict=True):
        assert type(have) is type(want), name
        assert have.tolist() == want.tolist()
    assert nets[0](x).shape == (8, 1)


def test_batch_norm_in_training_under_vmap_is_refused_before_it_writes():
    net = nn.BatchNorm1d(3)
    before = net.running_mean.clone()
    with pytest.raises(TracedValueError, match=r"were not batched.*track_running_stats=False"):
        func.vmap(net)(cr.randn(5, 8, 3))
    assert net.running_mean.tolist() == before.tolist()
    assert net(cr.randn(8, 3)).shape == (8, 3)
    assert func.vmap(nn.BatchNorm1d(3, track_running_stats=False))(cr.randn(5, 8, 3)).shape == (5, 8, 3)
