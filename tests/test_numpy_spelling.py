"""Methods and arguments in NumPy's spelling, where PyTorch leaves it free: transposes, axis=, repeat(axis=), ddof=."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

A = np.random.default_rng(0).standard_normal((2, 3, 4))

METHODS = {
    "transpose()": lambda x: x.transpose(),
    "transpose(numbers)": lambda x: x.transpose(2, 0, 1),
    "transpose(tuple)": lambda x: x.transpose((1, 2, 0)),
    "transpose(list)": lambda x: x.transpose([0, 2, 1]),
    "repeat": lambda x: x.repeat(2, axis=1),
    "repeat counts": lambda x: x.repeat([1, 0, 2], axis=1),
    "squeeze": lambda x: x[:1].squeeze(axis=0),
    "std": lambda x: x.std(axis=1, ddof=0),
    "var": lambda x: x.var(axis=(0, 2), ddof=1, keepdims=True),
}


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_numpys(name):
    f = METHODS[name]
    x = cr.tensor(A, requires_grad=True)
    np.testing.assert_allclose(f(x * 1).detach().numpy(), f(A))
    assert cr.autograd.gradcheck(lambda x: f(x * 1), x)


X = cr.arange(12.0).reshape(3, 4)
I = cr.tensor([[2, 0, 1, 1]])  # noqa: E741

ALIASES = {
    "unsqueeze": (lambda **k: X.unsqueeze(**k), {}),
    "unbind": (lambda **k: cr.stack(X.unbind(**k)), {}),
    "chunk": (lambda **k: X.chunk(2, **k)[0], {}),
    "tensor_split": (lambda **k: cr.tensor_split(X, 2, **k)[0], {}),
    "select": (lambda **k: X.select(index=1, **k), {}),
    "narrow": (lambda **k: X.narrow(start=1, length=2, **k), {}),
    "gather": (lambda **k: X.gather(index=I, **k), {}),
    "take_along_dim": (lambda **k: cr.take_along_dim(X, I, **k), {}),
    "scatter": (lambda **k: X.scatter(index=I, src=-X, **k), {}),
    "index_select": (lambda **k: X.index_select(index=I[0], **k), {}),
    "index_add": (lambda **k: X.index_add(index=I[0, :1], source=X[:1], **k), {}),
    "unflatten": (lambda **k: X.unflatten(sizes=(1, 3), **k), {}),
    "diff": (lambda **k: cr.diff(X, **k), {}),
    "repeat_interleave": (lambda **k: cr.repeat_interleave(X, 2, **k), {}),
    "linalg.norm": (lambda **k: cr.linalg.norm(X, **k), {"keepdim": "keepdims"}),
    "linalg.vector_norm": (lambda **k: cr.linalg.vector_norm(X, **k), {"keepdim": "keepdims"}),
}


@pytest.mark.parametrize("name", ALIASES)
def test_dim_is_also_called_axis(name):
    f, more = ALIASES[name]
    found = f(axis=0, **dict.fromkeys(more.values(), True))
    assert cr.equal(found, f(dim=0, **dict.fromkeys(more, True)))


def test_squeeze_by_axis_is_recorded():
    x = cr.ones(1, 2, requires_grad=True)
    x.squeeze(axis=0).sum().backward()
    assert x.grad.tolist() == [[1, 1]]


def test_lists_as_operands_are_refused_clearly():
    for use in (lambda: X @ [1, 2, 3, 4], lambda: X > [0, 0, 0, 0], lambda: X.put([0], [1.0])):
        with pytest.raises(TypeError, match="not list; write chainrule.tensor"):
            use()
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'dim1'"):
        X.transpose(0)


def test_both_names_of_one_argument_are_refused():
    with pytest.raises(TypeError, match="squeeze\\(\\) got both dim=0 and axis=1, two names of one argument"):
        cr.ones(1, 1).squeeze(dim=0, axis=1)
