"""Writes in place: PyTorch's results, or a clear refusal; never a silently wrong gradient."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr


def leaf(values):
    return cr.tensor(values, dtype=cr.float64, requires_grad=True)


def test_recorded_update_is_functional():
    w = leaf([1.0, 2.0])
    x = w * 3
    y = x * x
    x += 1
    (y.sum() + x.sum()).backward()
    assert w.grad.tolist() == [18.0 + 3.0, 36.0 + 3.0]


def test_setitem_is_differentiable():
    w = leaf([1.0, 2.0])
    x = cr.zeros(3, dtype=cr.float64)
    x[0] = w[1] * 2
    x[1:] = w * 10
    (x * cr.tensor([1.0, 2.0, 3.0], dtype=cr.float64)).sum().backward()
    assert w.grad.tolist() == [20.0, 32.0]


def test_overwritten_values_get_no_gradient():
    w = leaf([1.0, 2.0, 3.0])
    x = w * 1
    x[1] = 0.0
    x.sum().backward()
    assert w.grad.tolist() == [1.0, 0.0, 1.0]


def test_augmented_assignment_of_an_item():
    w = leaf([1.0, 2.0])
    x = w * 1
    x[0] += w[1]
    (x * x).sum().backward()
    assert x.tolist() == [3.0, 2.0]
    assert w.grad.tolist() == [6.0, 6.0 + 4.0]


def test_write_through_a_view_reaches_base_and_siblings():
    w = leaf([1.0, 2.0, 3.0, 4.0])
    x = w * 1
    first, tail, grid = x[0], x[2:], x.view(2, 2)
    tail.mul_(10)
    assert x.tolist() == [1.0, 2.0, 30.0, 40.0]
    assert grid.tolist() == [[1.0, 2.0], [30.0, 40.0]] and first.item() == 1.0
    grid.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0, 10.0, 10.0]


def test_write_to_the_base_reaches_views():
    w = leaf([1.0, 2.0])
    x = w * 1
    row = x[None]
    x.mul_(5)
    assert row.tolist() == [[5.0, 10.0]]
    row.sum().backward()
    assert w.grad.tolist() == [5.0, 5.0]


def test_a_view_taken_before_a_recorded_write_to_a_plain_buffer_is_recorded_too():
    w = leaf([1.0, 2.0])
    buffer = cr.zeros(3, dtype=cr.float64)
    view = buffer[1:]
    buffer[1] = w[0] * 7
    assert view.requires_grad and view.tolist() == [7.0, 0.0]
    view.sum().backward()
    assert w.grad.tolist() == [7.0, 0.0]


def test_a_detached_alias_sees_the_new_values_and_stays_detached():
    w = leaf([1.0, 2.0])
    x = w * 1
    d = x.detach()
    x.add_(1)
    assert d.tolist() == [2.0, 3.0] and not d.requires_grad


def test_writes_under_no_grad_really_mutate():
    a = np.zeros(3)
    t = cr.from_numpy(a)
    with cr.no_grad():
        t += 1
        t[0] = 5
    assert a.tolist() == [5.0, 1.0, 1.0]


def test_unrecorded_writes_really_mutate():
    a = np.zeros(3)
    t = cr.from_numpy(a)
    t.add_(2)
    t[1:] = 7
    assert a.tolist() == [2.0, 7.0, 7.0]


def test_optimiser_style_update():
    w = leaf([1.0])
    (w * w).sum().backward()
    before = w._data
    with cr.no_grad():
        w -= 0.1 * w.grad
    assert w._data is before and w.item() == pytest.approx(0.8) and w.is_leaf and w.requires_grad


def test_leaf_that_requires_grad_cannot_be_written_while_recording():
    w = leaf([1.0, 2.0])
    for write in (lambda: w.add_(1), lambda: w.__setitem__(0, 3.0), lambda: w[0].add_(1), lambda: w.zero_()):
        with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
            write()
    assert w.tolist() == [1.0, 2.0]


def test_saved_values_that_changed_are_refused_naming_both_lines():
    w = leaf([1.0, 2.0])
    x = cr.tensor([3.0, 4.0], dtype=cr.float64)
    y = w * x
    x.add_(1)
    with pytest.raises(RuntimeError, match=r"inplace operation.*mul.*`y = w \* x`.*add_.*`x.add_\(1\)`"):
        y.sum().backward()


def test_saved_results_that_changed_are_refused():
    w = leaf([1.0, 2.0])
    y = cr.exp(w)
    with cr.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="exp.*mul_"):
        y.sum().backward()


def test_writes_to_memory_nobody_saved_are_fine():
    w = leaf([1.0, 2.0])
    x = cr.tensor([3.0, 4.0], dtype=cr.float64)
    y = w + x
    x.add_(1)
    y.sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_a_write_cannot_enlarge_or_change_dtype():
    x = cr.zeros(3)
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        x.add_(cr.ones(2, 3))
    i = cr.tensor([1, 2])
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type Long"):
        i.add_(0.5)
    assert x.tolist() == [0.0, 0.0, 0.0] and i.tolist() == [1, 2]


def test_expanded_memory_cannot_be_written():
    x = cr.zeros(1).expand(3)
    with pytest.raises(RuntimeError, match="single memory"):
        x.add_(1)


def test_failed_write_leaves_everything_as_it_was():
    x = cr.zeros(3)
    with pytest.raises(RuntimeError):
        x[:2] = cr.ones(3)
    with pytest.raises(IndexError):
        x[5] = 1.0
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_in_place_inside_transformations():
    def f(x):
        out = cr.zeros(3, dtype=cr.float64)
        for i in range(3):
            out[i] = x[i] ** 2
        return out.sum()

    g = cr.func.grad(f)(cr.tensor([1.0, 2.0, 3.0], dtype=cr.float64))
    assert g.tolist() == [2.0, 4.0, 6.0]


def test_shape_changing_forms():
    x = cr.arange(6).reshape(2, 3)
    assert x.t_().shape == (3, 2)
    assert x.unsqueeze_(0).shape == (1, 3, 2)
    assert x.squeeze_(0).shape == (3, 2)


def test_copy_fill_zero():
    x = cr.zeros(2, 2)
    assert x.copy_(cr.tensor([1.0, 2.0])).tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert x.fill_(3).tolist() == [[3.0, 3.0], [3.0, 3.0]] and x.zero_().sum().item() == 0


def test_copy_is_differentiable_in_its_source():
    w = leaf([1.0, 2.0])
    x = cr.zeros(2, dtype=cr.float64)
    x.copy_(w * 3)
    x.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]
