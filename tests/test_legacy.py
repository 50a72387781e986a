"""Tensors made and named as before PyTorch had dtypes, and the modules of torch.autograd by their own names."""

from __future__ import annotations

import copy
import importlib

import numpy as np
import pytest

import chainrule as cr

MADE = {
    "sizes": lambda t: [t.Tensor(2, 3).shape, t.FloatTensor(4).shape, t.LongTensor().shape, t.ones(2).new(3, 1).shape],
    "a size": lambda t: [t.FloatTensor(t.zeros(2, 3).shape).shape],
    "values": lambda t: [t.Tensor([1, 2]), t.LongTensor([[1], [2]]), t.BoolTensor([0, 1]), t.DoubleTensor((1.5,))],
    "whole numbers": lambda t: [t.ByteTensor([1]), t.CharTensor([1]), t.ShortTensor([1]), t.IntTensor([1.5])],
    "arrays": lambda t: [t.Tensor(np.arange(3)), t.FloatTensor(np.arange(3.0)), t.HalfTensor(np.ones(2))],
    "a tensor": lambda t: [t.FloatTensor(t.ones(2)), t.Tensor(t.tensor([1]))],
    "like another": lambda t: [t.tensor([1]).new([4, 5]), t.ones(1).new([4, 5])],
    "type": lambda t: [t.ones(2).type(t.LongTensor), isinstance(t.ones(2), t.FloatTensor), t.FloatTensor],
    "not its type": lambda t: [isinstance(t.ones(2).double(), t.FloatTensor), isinstance(1.0, t.FloatTensor)],
}


@pytest.mark.oracle
@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_legacy_constructors_make_what_torch_makes(made):
    torch = pytest.importorskip("torch")
    assert repr(made(cr)) == repr(made(torch))


def test_legacy_constructor_shares_an_array_of_its_dtype():
    a = np.zeros(2, np.float32)
    t = cr.FloatTensor(a)
    a[0] = 7
    assert t[0] == 7


@pytest.mark.parametrize("bad", [(2.5,), ("a",), (2, [3]), ([1], [2]), (2, True)], ids=str)
def test_legacy_constructors_refuse_what_is_no_size_and_no_sequence(bad):
    with pytest.raises(TypeError, match="FloatTensor"):
        cr.FloatTensor(*bad)


def test_legacy_constructor_refuses_a_tensor_of_another_dtype():
    with pytest.raises(TypeError, match=r"got torch.float64\); write x.to\(torch.float32\)"):
        cr.FloatTensor(cr.ones(2, dtype=cr.float64))


def test_default_tensor_type_sets_the_default_dtype():
    try:
        cr.set_default_tensor_type("torch.DoubleTensor")
        assert cr.ones(1).dtype == cr.float64
        cr.set_default_tensor_type(cr.FloatTensor)
        assert cr.ones(1).dtype == cr.float32
    finally:
        cr.set_default_dtype(cr.float32)
    with pytest.raises(TypeError, match="invalid type"):
        cr.set_default_tensor_type("torch.LongTensor")


def test_variable_is_another_name_of_tensor():
    x = cr.autograd.Variable(cr.ones(2), requires_grad=True)
    (x * 3).sum().backward()
    assert isinstance(x, cr.autograd.Variable)
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize("name", ["functional", "forward_ad", "function", "graph", "grad_mode", "anomaly_mode"])
def test_modules_of_autograd_can_be_imported_by_name(name):
    module = importlib.import_module(f"chainrule.autograd.{name}")
    assert getattr(cr.autograd, name) is module


def test_layouts_and_memory_formats_print_as_torchs():
    x = cr.ones(1, 2, 3, 4).to(memory_format=cr.channels_last)
    assert repr((x.layout, cr.channels_last, cr.contiguous_format)) == (
        "(torch.strided, torch.channels_last, torch.contiguous_format)"
    )
    assert isinstance(cr.preserve_format, cr.memory_format)
    assert isinstance(x.layout, cr.layout)
    assert copy.deepcopy(cr.strided) is cr.strided
    assert x[cr.newaxis].shape == (1, 1, 2, 3, 4)


def test_devices_are_contexts_that_refuse_what_does_not_exist():
    with cr.device("cpu"):
        assert cr.ones(1).device.type == "cpu"
    with pytest.raises(RuntimeError, match="write device='cpu'|Write device='cpu'"), cr.device("cuda"):
        pass
