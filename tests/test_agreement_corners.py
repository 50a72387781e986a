"""Corners in which results once differed from PyTorch's: each expression is run by both libraries."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

torch = pytest.importorskip("torch", reason="torch is not installed")
pytestmark = pytest.mark.oracle

EXPRESSIONS = [
    "T.nn.functional.max_unpool1d(T.tensor([[[1., 2, 3, 4]]]), T.tensor([[[0, 0, 2, 2]]]), 2)",
    "T.nn.functional.pad(T.arange(16.).reshape(1, 1, 4, 4), (-1, 1, -2, 1), 'circular')",
    "T.nn.functional.pad(T.arange(4.)[None, None], (1, -2), 'circular')",
    "T.nn.functional.avg_pool2d(T.arange(16.).reshape(1, 4, 4), (2, 2), (), (0,))",
    "T.nn.functional.normalize(T.tensor(3.), dim=0)",
    "T.nn.functional.cosine_similarity(T.tensor(3.), T.tensor(-2.), dim=0)",
    "T.nn.functional.normalize(T.tensor([[1 + 2j, 3j]]))",
    "T.nn.functional.pairwise_distance(T.tensor([[1 + 2j, 3j]]), T.tensor([[1j, 3]]))",
    "T.nn.functional.silu(T.tensor([1 + 2j, -3j]))",
    "T.nn.functional.softsign(T.tensor([1 + 2j, -3j]))",
    "T.diff(T.tensor([1., 2, 4]), n=0, prepend=T.tensor([0.]))",
    "T.flip(T.arange(4).reshape(2, 2), dims=(0, 1))",
    "T.histogram(T.tensor([3., 3.]), 2)[0]",
    "T.histogram(T.tensor([3., 3.]), 2)[1]",
    "T.arange(0, -8.000001, -4., dtype=T.int64)",
    "T.linspace(4.3, -3, 10, dtype=T.int64)",
    "T.logspace(0, 1.2, 2, dtype=T.int64)",
    "T.addmv(T.ones(2, dtype=T.int64), T.ones(2, 2, dtype=T.int64), T.ones(2, dtype=T.int64), beta=.2, alpha=1.6)",
    "T.linalg.matrix_rank(T.diag_embed(T.tensor([[1., .1, .01], [1., .5, 0.]])), atol=T.tensor([.05, .6]))",
    "T.linalg.matrix_rank(T.diag_embed(T.tensor([[1., .1, .01], [1., .5, 0.]])), rtol=T.tensor([.05, .6]))",
    "T.linalg.matrix_rank(T.zeros(0, 5, 5), rtol=T.zeros(0))",
    "T.tensor([True, False]).scatter_reduce(0, T.tensor([0, 1]), T.tensor([False, True]), 'amin')",
    "T.tensor([True, False]).scatter_reduce(0, T.tensor([0, 1]), T.tensor([False, True]), 'prod')",
    "T.istft(T.stft(T.arange(16.), 4, window=T.tensor([1 + 1j, 2, 1j, 3]), return_complex=True), 4, "
    "window=T.tensor([1 + 1j, 2, 1j, 3]), return_complex=True)",
    "T.nn.functional.lp_pool1d(T.tensor([[-1., -2, 3, 4, 0, 0]]), 1.5, 2)",
    "T.nn.functional.lp_pool1d(T.tensor([[-1., -2, 3, 4, 0, 0]]), 1, 2)",
    "T.nn.functional.gaussian_nll_loss(T.ones(4, 3), T.zeros(4, 3), T.full((1, 3), 2.))",
    "T.nn.functional.gaussian_nll_loss(T.ones(4, 3, 2), T.zeros(4, 3, 2), T.full((4, 1, 2), 2.))",
    "T.nn.functional.fractional_max_pool3d(T.zeros(0, 1, 4, 5, 4), (2, 2, 1), output_size=2)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_values_are_torchs(text):
    ours, theirs = eval(text, {"T": cr}), eval(text, {"T": torch})
    assert (str(ours.dtype), tuple(ours.shape)) == (str(theirs.dtype), tuple(theirs.shape))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["softsign", "normalize", "tanhshrink"])
def test_gradients_of_complex_numbers_are_torchs(name):
    numbers = np.array([[1 + 2j, -0.5j, 0.25 - 1j]])
    found = []
    for library in (cr, torch):
        x = library.tensor(numbers, requires_grad=True)
        getattr(library.nn.functional, name)(x).abs().sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.parametrize(
    "name", ["elu", "gelu", "softplus", "mish", "logsigmoid", "hardtanh", "softmax", "log_softmax"]
)
def test_activations_refuse_complex_numbers(name):
    with pytest.raises((RuntimeError, TypeError), match="not implemented for complex64"):
        getattr(cr.nn.functional, name)(cr.tensor([1 + 2j, 3j]))


REFUSED = [  # what PyTorch refuses, with the class it raises
    ("T.diagonal(T.zeros(2, 3), dim1=1, dim2=1)", RuntimeError),
    ("T.isclose(T.zeros(2), T.zeros(2), rtol=-0.5)", RuntimeError),
    ("T.mean(T.zeros(2), dtype=T.int64)", RuntimeError),
    ("T.cov(T.zeros(2), fweights=T.tensor([1, -1]))", RuntimeError),
    ("T.zeros(()).roll(0, 0)", IndexError),
    ("T.zeros(()).unbind()", IndexError),
    ("T.zeros(2, 2).gather(1, T.tensor([[5]]))", RuntimeError),
    ("T.zeros(2, 2).scatter_add(1, T.tensor([[5]]), T.ones(1, 1))", RuntimeError),
]


@pytest.mark.parametrize(("text", "error"), REFUSED)
def test_refusals_are_of_torchs_class(text, error):
    for library in (cr, torch):
        with pytest.raises(error):
            eval(text, {"T": library})


def test_nothing_gathered_is_still_recorded():
    x = cr.arange(5.0).requires_grad_()
    x.gather(0, cr.zeros(0, dtype=cr.int64)).sum().backward()
    assert x.grad.tolist() == [0.0] * 5


def test_a_complex_window_needs_a_complex_result():
    with pytest.raises(ValueError, match="return_complex=True"):
        cr.istft(cr.zeros(3, 4, dtype=cr.complex64), 4, window=cr.tensor([1j, 1, 1, 1]))
