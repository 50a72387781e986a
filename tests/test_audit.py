"""Regressions that an audit of the engine found."""

from __future__ import annotations

import doctest
import inspect
import re

import pytest

import chainrule as cr


def test_recorded_copy_does_not_share_memory_with_its_source():
    target, source = cr.zeros(2), cr.ones(2, requires_grad=True)
    target.copy_(source)
    with cr.no_grad():
        target.mul_(5)
    assert source.tolist() == [1.0, 1.0] and target.tolist() == [5.0, 5.0]


def test_recorded_write_through_a_detached_tensor_is_recorded_in_it():
    p, q = cr.ones(3, 3), cr.ones(3, requires_grad=True)
    n = p.detach().diagonal()
    n.add_(q)
    assert p.tolist() == [[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 2.0]] and not p.requires_grad
    n.sum().backward()
    assert q.grad.tolist() == [1.0, 1.0, 1.0]
    p.detach().add_(1)
    assert p.tolist() == [[3.0, 2.0, 2.0], [2.0, 3.0, 2.0], [2.0, 2.0, 3.0]]


def test_copy_into_a_recorded_tensor_does_not_share_memory_with_its_source():
    target, source = cr.ones(2, requires_grad=True) * 2, cr.ones(2)
    target.copy_(source)
    with cr.no_grad():
        target.mul_(5)
    assert source.tolist() == [1.0, 1.0] and target.tolist() == [5.0, 5.0]


# ---- dtypes that an operation refuses, as PyTorch does ---------------------------------------------------------------

REFUSED = [  # expression, class, PyTorch's words
    ("f & f", NotImplementedError, "\"bitwise_and_cpu\" not implemented for 'Float'"),
    ("i | f", NotImplementedError, "\"bitwise_or_cpu\" not implemented for 'Float'"),
    ("b << b", NotImplementedError, "\"lshift_cpu\" not implemented for 'Bool'"),
    ("f - b", RuntimeError, "with a bool tensor is not supported"),
    ("1 - b", RuntimeError, "with a bool tensor is not supported"),
    ("f - True", RuntimeError, "with a bool tensor is not supported"),
    ("b - b", RuntimeError, "with two bool tensors is not supported"),
    ("f.sub_(b)", RuntimeError, "with a bool tensor is not supported"),
    ("b ** b", NotImplementedError, "\"pow\" not implemented for 'Bool'"),
    ("t.relu(b)", RuntimeError, "not implemented for 'Bool'"),
    ("t.relu(c)", NotImplementedError, "not implemented for 'ComplexFloat'"),
    ("t.floor(b)", NotImplementedError, "\"floor_vml_cpu\" not implemented for 'Bool'"),
    ("t.clamp(c, 0, 1)", NotImplementedError, "clamp is not supported for complex types"),
    ("t.lt(c, c)", NotImplementedError, "not implemented"),
    ("b % b", NotImplementedError, "not implemented"),
    ("t.binomial(f, -f)", RuntimeError, "must not be negative"),
]


@pytest.mark.parametrize(("text", "error", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_dtypes_that_torch_refuses_are_refused_in_its_words(text, error, words):
    names = {"t": cr, "b": cr.tensor([True, False]), "i": cr.tensor([1, 2]), "f": cr.tensor([1.0, 2.0])}
    with pytest.raises(error, match=re.escape(words)):
        eval(text, {**names, "c": cr.tensor([1j, 2.0])})


def test_bytes_viewed_as_another_dtype():
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    for name, other in (("float32", "int32"), ("float32", "float64"), ("float32", "uint8"), ("int64", "float32")):
        results = []
        for module in (cr, torch):
            base = module.arange(1, 5).to(getattr(module, name))
            got = base.view(getattr(module, other)).tolist()
            results.append(got)
        assert results[0] == results[1]
    with pytest.raises(RuntimeError, match="size"):
        cr.ones(3).view(cr.float64)


def test_functions_that_write_into_their_argument():
    x = cr.tensor([-1.0, 2.0])
    assert cr.relu_(x) is x and x.tolist() == [0.0, 2.0]
    assert cr.exp_(cr.zero_(x)).tolist() == [1.0, 1.0]


# ---- docstrings of the functions that kits make ----------------------------------------------------------------------

MADE = sorted((n, f) for n, f in vars(cr).items() if callable(f) and hasattr(f, "prim") and not n.startswith("_"))


@pytest.mark.parametrize(("name", "function"), MADE, ids=[n for n, _ in MADE])
def test_docstring_states_operands_and_has_an_example_that_passes(name, function):
    doc = function.__doc__
    assert ">>>" in doc, f"{name} has no example"
    test = doctest.DocTestParser().get_doctest(inspect.cleandoc(doc), {"cr": cr}, name, None, 0)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
