"""Regressions that an audit of the engine found."""

from __future__ import annotations

import pytest

import chainrule as cr


def test_recorded_copy_does_not_share_memory_with_its_source():
    target, source = cr.zeros(2), cr.ones(2, requires_grad=True)
    target.copy_(source)
    with cr.no_grad():
        target.mul_(5)
    assert source.tolist() == [1.0, 1.0] and target.tolist() == [5.0, 5.0]


def test_recorded_write_through_a_detached_tensor_is_refused_not_lost():
    p, q = cr.ones(3, 3), cr.ones(3, requires_grad=True)
    for n in (p.detach(), p.detach().diagonal()):
        with pytest.raises(RuntimeError, match="detached"):
            n.add_(q)
    assert p.tolist() == [[1.0] * 3] * 3 and not p.requires_grad
    p.detach().add_(1)
    assert p.tolist() == [[2.0] * 3] * 3


def test_copy_into_a_recorded_tensor_does_not_share_memory_with_its_source():
    target, source = cr.ones(2, requires_grad=True) * 2, cr.ones(2)
    target.copy_(source)
    with cr.no_grad():
        target.mul_(5)
    assert source.tolist() == [1.0, 1.0] and target.tolist() == [5.0, 5.0]
