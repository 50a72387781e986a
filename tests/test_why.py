"""why_none and why_nan name the reason, the operation and the line."""

from __future__ import annotations

import chainrule as cr


def leaf(values):
    return cr.tensor(values, requires_grad=True)


def test_every_recorded_value_knows_its_line():
    x = leaf([1.0])
    y = x * 2
    filename, line, text = cr.where_made(y)
    assert filename.endswith("test_why.py") and text == "y = x * 2" and line > 0


def test_library_frames_are_skipped():
    x = leaf([[1.0, 2.0]])
    y = cr.nn.functional.mse_loss(x, cr.zeros(1, 2))
    assert cr.where_made(y)[2] == "y = cr.nn.functional.mse_loss(x, cr.zeros(1, 2))"


def test_not_a_leaf():
    y = leaf([1.0]) * 2
    y.sum().backward()
    answer = cr.why_none(y)
    assert answer.reason == "not a leaf" and "y = leaf([1.0]) * 2" in answer.text and "retain_grad" in answer.text


def test_integer_dtype():
    assert cr.why_none(cr.tensor([1, 2])).reason == "integer dtype"


def test_does_not_require_grad():
    assert cr.why_none(cr.ones(2)).reason == "does not require grad"


def test_detached():
    d = leaf([1.0]).detach()
    answer = cr.why_none(d)
    assert answer.reason == "detached" and "d = leaf([1.0]).detach()" in answer.text


def test_cut_by_no_grad():
    x = leaf([1.0])
    with cr.no_grad():
        y = x * 2
    answer = cr.why_none(y)
    assert answer.reason == "cut by no_grad" and "y = x * 2" in answer.text
    assert cr.why_none(x).reason == "cut by no_grad"


def test_backward_not_called_and_never_used():
    x, z = leaf([1.0]), leaf([2.0])
    loss = (x * 2).sum()
    answer = cr.why_none(x)
    assert answer.reason == "backward not called" and "loss = (x * 2).sum()" in answer.text
    assert cr.why_none(z).reason == "never used"
    assert cr.why_none(z, loss).reason == "never used"


def test_has_a_gradient():
    x = leaf([1.0])
    x.sum().backward()
    assert cr.why_none(x).reason == "has a gradient"


def test_why_nan_forward():
    x = leaf([1.0, -1.0])
    y = x * 2
    z = y.log()
    answer = cr.why_nan((z * 3).sum())
    assert answer.reason == "forward" and answer.op == "log" and answer.source == "z = y.log()"
    assert "-2" in answer.text


def test_why_nan_backward():
    class Bad(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g / 0.0

    x = leaf([1.0])
    loss = Bad.apply(x * 2).sum()
    answer = cr.why_nan(loss)
    assert answer.reason == "backward" and answer.op == "Bad"
    loss.backward()


def test_why_nan_of_data_and_of_finite_values():
    x = leaf([float("nan")])
    assert cr.why_nan(x * 2).reason == "given"
    assert cr.why_nan((leaf([1.0]) * 2).sum()).reason == "finite"
