"""why_none and why_nan name the reason, the operation and the line, as a user would meet them."""

from __future__ import annotations

import gc
import inspect
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def leaf(values):
    return cr.tensor(values, requires_grad=True)


def ones():
    return leaf([1.0, 1.0])


def marked_line(f):
    """Number of the line of `f` that has the mark, or 0."""
    lines, first = inspect.getsourcelines(f)
    return next((first + i for i, line in enumerate(lines) if "# here" in line), 0)


def check(f, reason, answer):
    assert answer.reason == reason, answer
    expected = marked_line(f)
    if expected:
        assert answer.line == expected and answer.filename == __file__, answer
        assert f"test_why.py:{expected}" in answer.text
    assert answer.text.endswith((".", ")")), answer.text
    ET.fromstring(answer.svg())  # the picture is well formed


def test_every_recorded_value_knows_its_line():
    x = leaf([1.0])
    y = x * 2
    filename, line, text = cr.where_made(y)
    assert filename.endswith("test_why.py") and text == "y = x * 2" and line > 0


def test_library_frames_are_skipped():
    x = leaf([[1.0, 2.0]])
    y = cr.nn.functional.mse_loss(x, cr.zeros(1, 2))
    assert cr.where_made(y)[2] == "y = cr.nn.functional.mse_loss(x, cr.zeros(1, 2))"


# ---- why_none: (reason, function that gives (tensor, loss or None)) -------------------------------------------------


def not_a_leaf():
    w = ones()
    y = w * 2  # here
    loss = y.sum()
    loss.backward()
    return y, loss


def scaled_after_it_was_made():
    w = cr.randn(3, requires_grad=True) * 0.1  # here
    w.sum().backward()
    return w, None


def moved_to_another_dtype():
    w = ones().to(cr.float64)  # here
    w.sum().backward()
    return w, None


def rebound_by_an_update():
    w = ones()
    (w * 2).sum().backward()
    w = w - 0.1 * w.grad  # here
    return w, None


def detached():
    return ones().detach(), None  # here


def detached_on_the_way():
    w, v = ones(), ones()
    h = w * 2
    d = h.detach()  # here
    loss = (d * v).sum()
    loss.backward()
    keep(h)
    return w, loss


def its_data_was_used():
    w, v = ones(), ones()
    loss = (w.data * v).sum()  # here
    loss.backward()
    return w, loss


def only_used_under_no_grad():
    w, v = ones(), ones()
    with cr.no_grad():
        h = w * 2  # here
    loss = (h * v).sum()
    loss.backward()
    return w, loss


def used_under_no_grad_later_on():
    w, v = ones(), ones()
    g = w * 3
    with cr.no_grad():
        h = g * 2  # here
    loss = (h * v).sum()
    loss.backward()
    keep(g)
    return w, loss


def made_under_no_grad():
    w = ones()
    with cr.no_grad():
        y = w * 2  # here
    return y, None


def in_a_no_grad_function():
    w = ones()

    @cr.no_grad()
    def f(x):
        return x * 2  # here

    return f(w), None


def recording_switched_off():
    w = ones()
    cr.set_grad_enabled(False)
    y = w * 2  # here
    cr.set_grad_enabled(True)
    return y, None


def through_numpy():
    w, v = ones(), ones()
    array = np.sqrt(w.detach().numpy())  # here
    loss = (cr.from_numpy(array) * v).sum()
    loss.backward()
    return w, loss


def a_list_rebuilt_as_a_tensor():
    w, v = ones(), ones()
    h = [w[0] * 2, w[1]]
    with pytest.warns(UserWarning, match="scalar"):
        d = cr.tensor([h[0], h[1]])  # here
    loss = (d * v).sum()
    loss.backward()
    keep(h)
    return w, loss


def a_tensor_of_a_tensor():
    w, v = ones(), ones()
    with pytest.warns(UserWarning, match="copy"):
        d = cr.tensor(w)  # here
    loss = (d * v).sum()
    loss.backward()
    return w, loss


def through_item():
    w, v = ones(), ones()
    h = (w * 2).sum()
    scale = h.item()  # here
    loss = (v * scale).sum()
    loss.backward()
    return w, loss


def through_float():
    w, v = leaf(2.0), ones()
    scale = float(w)  # here
    loss = (v * scale).sum()
    loss.backward()
    return w, loss


def through_tolist():
    w, v = ones(), ones()
    loss = (v * cr.tensor(w.tolist())).sum()  # here
    loss.backward()
    return w, loss


def through_argmax():
    w, v = ones(), ones()
    i = w.argmax()  # here
    loss = v[i]
    loss.backward()
    return w, loss


def far_from_where_it_was_used():
    w, v = ones(), ones()
    h = w
    for _ in range(20):
        h = h * 1.1
    h = h.detach()  # here
    loss = (h * v).sum()
    loss.backward()
    return w, loss


def through_a_comparison():
    w, v = ones(), ones()
    mask = w > 0.5  # here
    loss = (mask * v).sum()
    loss.backward()
    return w, loss


def through_long():
    w, v = ones(), ones()
    loss = (w.long() * v).sum()  # here
    loss.backward()
    return w, loss


def rounding_has_a_gradient_of_zero():
    w = ones()
    loss = w.round().sum()
    loss.backward()
    return w, loss


def does_not_require_grad():
    w = cr.ones(2)
    loss = (w * ones()).sum()
    loss.backward()
    return w, loss


def a_frozen_parameter():
    model = nn.Linear(2, 2)
    model.weight.requires_grad_(False)
    loss = model(ones()).sum()
    loss.backward()
    return model.weight, loss


def never_used():
    w, v = ones(), ones()
    loss = v.sum()
    loss.backward()
    return w, loss


def its_result_is_not_used():
    w, v = ones(), ones()
    extra = w * 3  # here
    loss = v.sum()
    loss.backward()
    keep(extra)
    return w, loss


def another_tensor_of_that_name():
    w = ones()
    loss = w.sum()
    w = ones()
    loss.backward()
    return w, loss


def backward_not_called():
    w = ones()
    y = w * 2  # here
    return w, y.sum()


def backward_not_called_and_no_loss_given():
    w = ones()
    y = w * 2  # here
    keep(y)
    return w, None


def cleared_by_zero_grad():
    w = nn.Parameter(cr.ones(2))
    optimizer = cr.optim.SGD([w], lr=0.1)
    loss = (w * 2).sum()  # here
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return w, loss


def cleared_and_no_loss_given():
    w = ones()
    y = w * 2  # here
    y.sum().backward()
    w.grad = None
    keep(y)
    return w, None


def autograd_grad_does_not_fill_it():
    w = ones()
    y = w * 2  # here
    loss = y.sum()
    cr.autograd.grad(loss, w)
    return w, loss


def a_custom_function_returns_none():
    class Silent(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return None

    w = ones()
    y = Silent.apply(w)  # here
    loss = y.sum()
    loss.backward()
    return w, loss


def the_loss_is_detached():
    w = ones()
    loss = (w * 2).sum().detach()  # here
    return w, loss


def the_loss_is_rebuilt():
    w = ones()
    return w, cr.tensor((w * 2).sum().item())


def an_integer_tensor():
    return cr.tensor([1, 2]), None


def it_has_one():
    w = ones()
    w.sum().backward()
    return w, None


kept: list = []
keep = kept.append

NONE = [
    (not_a_leaf, "not a leaf"),
    (scaled_after_it_was_made, "not a leaf"),
    (moved_to_another_dtype, "not a leaf"),
    (rebound_by_an_update, "not a leaf"),
    (detached, "detached"),
    (detached_on_the_way, "detached"),
    (its_data_was_used, "detached"),
    (only_used_under_no_grad, "cut by no_grad"),
    (used_under_no_grad_later_on, "cut by no_grad"),
    (made_under_no_grad, "cut by no_grad"),
    (in_a_no_grad_function, "cut by no_grad"),
    (recording_switched_off, "cut by no_grad"),
    (through_numpy, "detached"),
    (a_list_rebuilt_as_a_tensor, "copied"),
    (a_tensor_of_a_tensor, "detached"),
    (through_item, "became a number"),
    (through_float, "became a number"),
    (through_tolist, "became a number"),
    (through_argmax, "integer result"),
    (far_from_where_it_was_used, "perhaps cut"),
    (through_a_comparison, "integer result"),
    (through_long, "integer result"),
    (rounding_has_a_gradient_of_zero, "has a gradient"),
    (does_not_require_grad, "does not require grad"),
    (a_frozen_parameter, "does not require grad"),
    (never_used, "never used"),
    (its_result_is_not_used, "result not used"),
    (another_tensor_of_that_name, "never used"),
    (backward_not_called, "backward not called"),
    (backward_not_called_and_no_loss_given, "backward not called"),
    (cleared_by_zero_grad, "cleared"),
    (cleared_and_no_loss_given, "cleared"),
    (autograd_grad_does_not_fill_it, "cleared"),
    (a_custom_function_returns_none, "a rule gave none"),
    (the_loss_is_detached, "loss not recorded"),
    (the_loss_is_rebuilt, "loss not recorded"),
    (an_integer_tensor, "integer dtype"),
    (it_has_one, "has a gradient"),
]


@pytest.mark.parametrize(("make", "reason"), NONE, ids=lambda x: getattr(x, "__name__", ""))
def test_why_none(make, reason):
    t, loss = make()
    check(make, reason, cr.why_none(t, loss))
    kept.clear()


def test_made_from_what_was_detached_before():
    w = ones()
    u = w.detach() * 2
    answer = cr.why_none(u)
    assert answer.reason == "does not require grad" and "u = w.detach() * 2" in answer.text
    assert "frozen" in cr.why_none(nn.Parameter(cr.ones(1), requires_grad=False)).text


def test_why_none_of_what_is_no_tensor():
    with pytest.raises(TypeError, match="takes a Tensor, not int"):
        cr.why_none(3)
    with pytest.raises(TypeError, match="takes a Tensor, not float"):
        cr.why_none(ones(), 3.0)


def test_an_update_by_the_optimizer_is_not_taken_for_the_cut():
    model = nn.Linear(2, 1)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        loss = model(cr.ones(1, 2)).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert cr.why_none(model.weight, loss).reason == "cleared"
    assert cr.why_none(ones(), loss).reason == "never used"


def test_where_other_values_leave_in_each_round_of_training_is_not_the_place():
    model, unused = nn.Linear(2, 2), ones()
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        out = model(cr.ones(1, 2))
        loss = out.sum()
        loss.backward()
        optimizer.step()
        assert out.argmax().item() < 2 and loss.item() < 1e6
    assert cr.why_none(unused, loss).reason == "never used"


def test_the_log_of_exits_keeps_nothing_alive():
    w = ones()
    h = w * 2
    node = h._node
    h.detach()
    h.sum().item()
    assert len(gc.get_referrers(node)) <= 2  # h and this frame, no log


# ---- why_nan: (reason, operation, function that gives a tensor) ------------------------------------------------------


def log_of_zero():
    x = leaf([1.0, 0.0])
    y = x.log()  # here
    return y.sum()


def log_of_a_negative_number():
    x = leaf([1.0, -1.0])
    y = x * 2
    z = y.log()  # here
    return (z * 3).sum()


def zero_by_zero():
    x = leaf([0.0, 1.0])
    y = x / x  # here
    keep(x)
    return y.sum()


def one_by_zero():
    x = leaf([0.0, 1.0])
    y = 1.0 / x  # here
    keep(x)
    return y.sum()


def overflow_of_exp():
    x = leaf([100.0, 1.0])
    y = x.exp()  # here
    keep(x)
    return (y / y.sum()).sum()


def overflow_of_pow():
    x = leaf([1e30])
    y = x**3  # here
    return (y - y).sum()


def root_of_a_negative_number():
    x = leaf([-1.0, 4.0])
    keep(x)
    return x.sqrt().sum()  # here


def a_fraction_power_of_a_negative_number():
    x = leaf([-2.0])
    y = x**0.5  # here
    keep(x)
    return y.sum()


def acos_outside_its_domain():
    x = leaf([1.5])
    y = cr.acos(x)  # here
    return y.sum()


def softmax_of_a_row_that_is_masked_throughout():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    mask = cr.tensor([[True, False], [True, True]])
    scores = x.masked_fill(mask, float("-inf"))
    weights = cr.softmax(scores, 1)  # here
    keep(x)
    return weights.sum()


def in_the_inputs():
    data = cr.tensor([1.0, float("nan")])
    w = ones()
    y = w * data  # here
    keep(w)
    return y.sum()


def in_a_leaf():
    x = leaf([float("nan")])
    y = x * 2  # here
    keep(x)
    return y


def in_a_parameter_after_a_step():
    model = nn.Linear(1, 1, bias=False)
    model.weight.grad = cr.tensor([[float("inf")]])
    cr.optim.SGD(model.parameters(), lr=1.0).step()
    out = model(cr.ones(1, 1))  # here
    keep(model)
    return out.sum()


def the_parameter_itself_after_a_step():
    w = nn.Parameter(cr.ones(2))
    w.grad = cr.tensor([float("nan"), 0.0])
    cr.optim.SGD([w], lr=1.0).step()  # here
    return w


def root_at_zero_backward():
    x = leaf([0.0, 4.0])
    y = x.sqrt()  # here
    return y.sum()


def norm_at_zero_times_zero_backward():
    x = leaf([0.0, 0.0])
    y = (x * x).sum().sqrt()  # here
    return y


def power_backward():
    x = leaf([0.0])
    y = x**0.5  # here
    return y.sum()


def infinity_times_zero_backward():
    x = leaf([0.0])
    y = x.abs() ** 0.25
    return (y * x).sum()


def a_wrong_custom_rule():
    class Bad(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g / 0.0

    x = leaf([1.0])
    y = Bad.apply(x * 2)  # here
    return y.sum()


def log_inside_where_backward():
    x = leaf([0.0, 2.0])
    safe = cr.where(x > 0, x, 1.0).log()
    return cr.where(x > 0, safe, 0.0).sum()


def a_branch_not_taken_contributes_nothing():
    x = leaf([0.0, 2.0])
    return cr.where(x > 0, x.log(), 0.0).sum()


def a_mask_of_infinities_is_no_fault():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    scores = x.masked_fill(cr.tensor([[True, False], [False, False]]), float("-inf"))
    return (cr.softmax(scores, 1) * cr.tensor([[1.0, 2.0], [3.0, 4.0]])).sum()


def an_infinity_that_goes_away_is_no_fault():
    x = leaf([0.0])
    return (1.0 / (1.0 / cr.where(x == 0, 1.0, x))).sum()


def all_is_finite():
    return (ones() * 2).sum()


def after_backward():
    x = leaf([1.0, 0.0])
    y = x.log()  # here
    loss = y.sum()
    loss.backward()
    keep(x)
    return loss


def after_backward_with_its_input_gone():
    y = leaf([1.0, 0.0]).log()
    z = y * 2
    loss = z.sum()  # here
    loss.backward()
    return loss


def finite_after_backward():
    x = ones()
    y = x * x  # here
    loss = y.sum()
    loss.backward()
    return loss


def a_leaf_with_such_a_gradient():
    x = leaf([0.0])
    y = x.sqrt()  # here
    y.sum().backward(retain_graph=True)
    keep(y)
    return x


NAN = [
    (log_of_zero, "forward", "log"),
    (log_of_a_negative_number, "forward", "log"),
    (zero_by_zero, "forward", "div"),
    (one_by_zero, "forward", None),
    (overflow_of_exp, "forward", "exp"),
    (overflow_of_pow, "forward", None),
    (root_of_a_negative_number, "forward", "sqrt"),
    (a_fraction_power_of_a_negative_number, "forward", None),
    (acos_outside_its_domain, "forward", "acos"),
    (softmax_of_a_row_that_is_masked_throughout, "lost", "softmax"),
    (in_the_inputs, "given", "mul"),
    (in_a_leaf, "given", "mul"),
    (in_a_parameter_after_a_step, "given", "linear"),
    (the_parameter_itself_after_a_step, "given", None),
    (root_at_zero_backward, "backward", "sqrt"),
    (norm_at_zero_times_zero_backward, "backward", "sqrt"),
    (power_backward, "backward", None),
    (infinity_times_zero_backward, "finite", None),
    (a_wrong_custom_rule, "backward", "Bad"),
    (log_inside_where_backward, "finite", None),
    (a_branch_not_taken_contributes_nothing, "finite", None),
    (a_mask_of_infinities_is_no_fault, "finite", None),
    (an_infinity_that_goes_away_is_no_fault, "finite", None),
    (all_is_finite, "finite", None),
    (after_backward, "forward", "log"),
    (after_backward_with_its_input_gone, "lost", "sum"),
    (finite_after_backward, "freed", "mul"),
    (a_leaf_with_such_a_gradient, "backward", "sqrt"),
]


@pytest.mark.parametrize(("make", "reason", "op"), NAN, ids=lambda x: getattr(x, "__name__", ""))
def test_why_nan(make, reason, op):
    t = make()
    answer = cr.why_nan(t)
    check(make, reason, answer)
    assert op is None or answer.op == op
    kept.clear()


def test_why_nan_changes_nothing():
    x = leaf([0.0, 4.0])
    y = x.sqrt()
    y.retain_grad()
    loss = y.sum()
    cr.why_nan(loss)
    assert x.grad is None and y.grad is None
    loss.backward()
    assert y.grad.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="takes a Tensor, not int"):
        cr.why_nan(3)


# ---- pictures of the place -------------------------------------------------------------------------------------------


def test_the_picture_marks_the_place_and_names_its_line():
    x = leaf([1.0, 0.0])
    y = x * 2
    z = y.log()
    answer = cr.why_nan(z.sum())
    picture = answer.picture()
    assert [(b.name or b.op, b.value, b.mark) for b in picture.boxes] == [
        ("x", "[1.000, 0.000]", False),
        ("y", "[2.000, 0.000]", False),
        ("z", "[0.693, -inf]", True),
        ("sum", "-inf", False),
    ]
    assert "made Inf here" in picture.boxes[2].extra and picture.notes[0] == answer.text
    assert "z = y.log()" in answer.svg() and answer._repr_html_() == answer.svg()


def test_the_picture_of_a_long_graph_shows_the_neighbourhood():
    x = leaf(3.0)
    for _ in range(50):
        x = x * 1.01
    y = (x - x).sqrt()
    z = y * 2
    for _ in range(50):
        z = z * 1.01
    picture = cr.why_nan(z).picture()
    assert len(picture.boxes) < 12 and [b.op for b in picture.boxes if b.mark] == ["sqrt"]
    assert [b.op for b in picture.boxes if b.kind == "more"] == ["... 49 more operations", "... 49 more operations"]


def test_the_picture_of_a_cut_shows_where_no_gradient_flows():
    w, v = ones(), ones()
    h = w * 2
    d = h.detach()
    loss = (d * v).sum()
    picture = cr.why_none(w, loss).picture()
    assert [b.name or b.op for b in picture.boxes] == ["w", "detach() (or .data)", "loss"]
    assert picture.cut == ((1, 2),) and "d = h.detach()" in picture.boxes[1].line


def test_answers_are_saved_as_pictures(tmp_path):
    answer = cr.why_none(ones() * 2)
    assert answer.save(tmp_path / "why.svg").read_text().startswith("<svg")
    assert answer.text.split(":")[0] in answer.save(tmp_path / "why.txt").read_text()


def test_hostile_names_in_the_picture():
    x = leaf([0.0]).label("</text><script>")
    root = ET.fromstring(cr.why_nan(x.log().sum()).svg())
    assert not any("script" in e.tag for e in root.iter())


class Touchy:
    """Objects in the process that do not like to be asked for their class."""

    @property
    def __class__(self):
        raise RuntimeError("touched")


def test_strangers_objects_are_left_alone():
    touchy = Touchy()
    w = ones()
    loss = (w * 2).detach().sum()
    assert cr.why_none(w, loss).reason == "loss not recorded" and type(touchy) is Touchy
