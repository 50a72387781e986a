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


# ---- across a detach() ----------------------------------------------------------------------------------------------


def test_a_recorded_write_into_a_detached_tensor_is_recorded_there_only():
    x = leaf([5.0, 6.0, 7.0])
    t = leaf([1.0, 2.0, 3.0]) * 1
    d, other = t.detach(), t[1:].detach()
    d.mul_(x)
    assert t.tolist() == d.tolist() == [5.0, 12.0, 21.0] and other.tolist() == [12.0, 21.0]
    assert d.requires_grad and not other.requires_grad
    d.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


def test_a_recorded_write_into_a_view_of_a_detached_tensor_outlives_it():
    x = leaf([5.0, 6.0])
    t = cr.zeros(4, dtype=cr.float64)
    v = t.detach()[1:]
    v[0:2] = x
    w = v[1:]
    w.mul_(x[0])
    assert t.tolist() == [0.0, 5.0, 30.0, 0.0] and not t.requires_grad
    v.sum().backward()
    assert x.grad.tolist() == [1.0 + 6.0, 5.0]


def test_a_detached_leaf_stays_a_leaf_when_its_source_is_written():
    y = leaf([1.0, 2.0]) * 1
    d = y.detach().requires_grad_()
    y.add_(1)
    assert d.is_leaf and d.requires_grad and d.tolist() == [2.0, 3.0]


def test_memory_is_still_shared_after_a_recorded_write():
    t = cr.zeros(2, dtype=cr.float64)
    d = t.detach()
    d[0] = leaf([3.0])[0]
    with cr.no_grad():
        t[1] = 4.0
    assert d.tolist() == [3.0, 4.0]


def test_a_detached_tensor_does_not_keep_the_graph_alive():
    import weakref

    y = leaf([1.0]) * 2
    alive = weakref.ref(y)
    d = y.detach()
    del y
    assert alive() is None and d.tolist() == [2.0] and not d._is_view()


# ---- views that may not be written to -------------------------------------------------------------------------------


def test_views_made_under_no_grad_are_not_written_with_grad_mode_enabled():
    x = leaf([1.0, 2.0, 3.0])
    for base in (x * 2, cr.zeros(3, dtype=cr.float64)):
        with cr.no_grad():
            view = base[1:]
            view.mul_(1)
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
            view.mul_(x[1:])
        with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
            view[:1].mul_(x[:1])


def test_outputs_of_functions_that_return_several_views_are_not_written():
    x = leaf([1.0, 2.0, 3.0])
    for make in (cr.unbind, lambda t: t.chunk(2), lambda t: t.split([1, 2])):
        part = make(x * 2)[0]
        with pytest.raises(RuntimeError, match="function that returns multiple views"):
            part.mul_(2)
        plain = make(cr.zeros(3))[0]
        assert plain.add_(1).max() == 1.0


# ---- inference mode -------------------------------------------------------------------------------------------------


def test_inference_tensors():
    x, n = leaf([1.0, 2.0, 3.0]), cr.ones(3, dtype=cr.float64)
    with cr.inference_mode():
        i, s, view, tail = cr.ones(3, dtype=cr.float64), x * 2, n[1:], x[1:]
        with cr.enable_grad():
            assert not (x * 2).requires_grad
        assert cr.is_inference_mode_enabled() and not cr.is_grad_enabled() and n.clone().is_inference()
        n.add_(1)
        with cr.inference_mode(False):
            assert (x * 2).requires_grad and not cr.ones(2).is_inference()
    assert not cr.is_inference_mode_enabled()
    assert [t.is_inference() for t in (i, s, view, tail, i[1:], i.detach(), i.clone(), i * 2)] == [
        *(True, True, False, False, True, True, False, False)
    ]
    assert (x + i).requires_grad and cr.stack([x, i]).requires_grad
    assert view.add_(1).tolist() == [3.0, 3.0] and not x.is_inference()


def test_inference_tensors_are_not_saved_for_backward():
    x = leaf([1.0, 2.0, 3.0])
    with cr.inference_mode():
        i = cr.ones(3, dtype=cr.float64)
    for use in (lambda: x * i, lambda: i * x, lambda: x[None] @ i, lambda: cr.where(x > 0, x, i) * i):
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
            use()
    (x * i.clone()).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_inference_tensors_are_not_written_outside():
    with cr.inference_mode():
        i = cr.ones(3)
        i.add_(1)
    for write in (lambda: i.add_(1), lambda: i.__setitem__(0, 1), lambda: i[1:].zero_(), lambda: i.fill_(2)):
        with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
            write()
        with cr.no_grad(), pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
            write()
    assert i.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
        i.requires_grad_()


def test_a_recorded_tensor_overwritten_by_a_constant_stays_recorded():
    for write in (lambda t: t.zero_(), lambda t: t.fill_(3.0), lambda t: t.copy_(cr.ones(2, dtype=cr.float64))):
        w = leaf([1.0, 2.0])
        x = w * 2
        write(x)
        assert x.requires_grad
        x.sum().backward()
        assert w.grad.tolist() == [0.0, 0.0]


def test_a_write_to_overlapping_windows_is_refused():
    windows = cr.arange(5.0).unfold(0, 2, 1)
    with pytest.raises(RuntimeError, match="more than one element"):
        windows.exp_()
    assert windows.tolist()[0] == [0.0, 1.0]


def test_a_detached_tensor_follows_a_source_that_changed_its_shape():
    a = leaf([[1.0, 2.0], [3.0, 4.0]]) * 1
    d = a.detach()
    a.t_()
    a[0] *= 10
    assert a.tolist() == [[10.0, 30.0], [2.0, 4.0]] and d.tolist() == [[10.0, 2.0], [30.0, 4.0]]


def test_a_recorded_write_keeps_the_layout_and_so_what_is_a_view():
    a = (leaf([[1.0, 2.0], [3.0, 4.0]]) * 1).t_()
    a[a > 1] = 0.5
    assert not a.is_contiguous()
    flat = a.flatten()
    a.sigmoid_()
    assert flat.tolist() == [1.0, 0.5, 0.5, 0.5]


def test_a_write_beside_what_was_saved_is_let_through():
    # A solver's table of stages: each is read with the earlier ones and written, unrecorded, to a column of its own.
    w = cr.ones(2, requires_grad=True)
    table = cr.zeros(2, 3)
    table.data[:, 0] = 5.0
    y = (table[:, :1] * w[:, None]).sum()
    table.data[:, 1] = 7.0
    for _ in range(200):  # far more writes than are remembered one by one
        table[0, 2] += 1.0
    table.data[:, 1] = 8.0
    fresh = (table[:, :1] * w[:, None]).sum()
    table.data[:, 2] = 8.0
    fresh.backward()
    assert w.grad.tolist() == [5.0, 5.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()  # whether the forgotten writes met what it saved is not known
    z = (table[:, :2] * w[:, None]).sum()
    table.data[1, 1:] = 9.0
    with pytest.raises(RuntimeError, match=r"setitem wrote into the same memory at .*table.data\[1, 1:\]"):
        z.backward()
