"""New tensors have PyTorch's shapes, dtypes and values; what cannot be a tensor says so."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr

# ---- dtype inference ------------------------------------------------------------------------------------------------

INFERRED = [
    (1.5, "float32"), (2, "int64"), (True, "bool"), (1j, "complex64"), ([], "float32"), ([[], []], "float32"),
    ([1, 2.5], "float32"), ([True, 2], "int64"), ([1, 2j], "complex64"), (np.float64(1), "float64"),
    ([np.float64(1)], "float64"), ([np.float32(1), 2.0], "float32"), ([np.int32(1), 2], "int64"), (range(3), "int64"),
    (np.ones(2, np.float16), "float16"), ([np.ones(2), np.ones(2)], "float64"), ((1, (2)), "int64"),
    (np.array(3, np.uint8), "uint8"), (np.ones((2, 3), order="F")[::-1], "float64"), (np.float32(2), "float32"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "dtype"), INFERRED)
def test_dtype_is_inferred(data, dtype):
    t = cr.tensor(data)
    assert t.dtype == getattr(cr, dtype)
    assert t.tolist() == np.asarray(data).tolist()


@pytest.mark.oracle
@pytest.mark.parametrize("data", [d for d, _ in INFERRED])
def test_inference_is_torchs(data):
    torch = pytest.importorskip("torch")
    if isinstance(data, np.ndarray):
        data = np.ascontiguousarray(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = torch.tensor(data)
    ours = cr.tensor(data)
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)


def test_tensors_in_lists_count_as_numbers():
    assert cr.tensor([cr.tensor(1.0), 2]).tolist() == [1.0, 2.0]
    assert cr.tensor([cr.tensor(1), 2.5]).dtype == cr.float32
    with pytest.warns(UserWarning, match="requires_grad=True"):
        cr.tensor([cr.tensor(1.0, requires_grad=True)])


ERRORS = [
    (lambda: cr.tensor([[1, 2], [1, 2, 3]]), ValueError, r"expected sequence of length 2 at dim 1 \(got 3\)"),
    (lambda: cr.tensor([[[1, 2], [3, 4]], [[1, 2], [3]]]), ValueError, r"of length 2 at dim 2 \(got 1\)"),
    (lambda: cr.tensor([[1, 2], 3]), TypeError, "not a sequence"),
    (lambda: cr.tensor([3, [1, 2]]), TypeError, "list"),
    (lambda: cr.tensor([cr.ones(2), cr.ones(2)]), ValueError, "only one element tensors"),
    (lambda: cr.tensor("a"), TypeError, "invalid data type 'str'"),
    (lambda: cr.tensor(["a"]), ValueError, "too many dimensions 'str'"),
    (lambda: cr.tensor(None), RuntimeError, "Could not infer dtype of NoneType"),
    (lambda: cr.tensor({1: 2}), RuntimeError, "Could not infer dtype of dict"),
    (lambda: cr.tensor(np.array(["a"])), TypeError, "can't convert np.ndarray of type numpy.str_"),
    (lambda: cr.tensor(np.array("2020", "datetime64[D]")), TypeError, "numpy.datetime64"),
    (lambda: cr.tensor(np.longdouble(1)), TypeError, "numpy.longdouble"),
    (lambda: cr.tensor(np.array([1, None])), TypeError, "numpy.object_"),
    (lambda: cr.tensor(np.ma.array([1.0])), TypeError, "masked"),
    (lambda: cr.tensor(np.ones(2, ">f4")), ValueError, "byte order"),
    (lambda: cr.tensor(2**63), ValueError, "Overflow"),
    (lambda: cr.tensor([2**70]), ValueError, "Overflow"),
    (lambda: cr.tensor(300, dtype=cr.uint8), RuntimeError, "without overflow"),
    (lambda: cr.tensor([np.nan], dtype=cr.int64), RuntimeError, "without overflow"),
    (lambda: cr.tensor(1j, dtype=cr.float32), TypeError, "not complex"),
    (lambda: cr.tensor([1, 2], requires_grad=True), RuntimeError, "Only Tensors of floating point"),
    (lambda: cr.tensor(1.0, device="cuda"), RuntimeError, "CUDA"),
    (lambda: cr.zeros(2, device="foo"), RuntimeError, "Expected one of cpu"),
    (lambda: cr.from_numpy([1]), TypeError, "expected np.ndarray"),
    (lambda: cr.from_dlpack([1]), TypeError, "__dlpack__"),
    (lambda: cr.zeros(2, -1), RuntimeError, "non-negative"),
    (lambda: cr.zeros(2.0), TypeError, "must be tuple of ints, not float"),
    (lambda: cr.zeros(), TypeError, "size"),
    (lambda: cr.zeros(2, size=(3,)), TypeError, "multiple values"),
    (lambda: cr.zeros(2, colour=1), TypeError, "unexpected keyword"),
    (lambda: cr.zeros(2, dtype="colour"), TypeError, "dtype"),
    (lambda: cr.zeros_like(5), TypeError, "must be Tensor"),
    (lambda: cr.arange(0, 5, 0), RuntimeError, "step must be nonzero"),
    (lambda: cr.arange(5, 0), RuntimeError, "inconsistent with step sign"),
    (lambda: cr.arange(float("inf")), RuntimeError, "unsupported range"),
    (lambda: cr.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
    (lambda: cr.eye(-1), RuntimeError, "n must be greater or equal to 0"),
    (lambda: cr.asarray([1], copy=False), ValueError, "alias"),
    (lambda: cr.zeros(2).cuda(), RuntimeError, "CUDA"),
    (lambda: cr.zeros(2).to("cuda"), RuntimeError, "not available"),
    (lambda: cr.zeros(2).to(5), RuntimeError, "accelerator"),
    (lambda: cr.zeros(2).type("torch.FooTensor"), ValueError, "invalid type"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


# ---- copies and sharing ---------------------------------------------------------------------------------------------


def test_tensor_copies_and_the_others_share():
    a = np.zeros(2)
    copied, shared, wrapped, arr = cr.tensor(a), cr.as_tensor(a), cr.from_numpy(a), cr.asarray(a)
    a[0] = 5
    assert copied.tolist() == [0, 0]
    assert shared.tolist() == wrapped.tolist() == arr.tolist() == [5, 0]
    assert cr.asarray(a, copy=True).data_ptr() != a.__array_interface__["data"][0]


def test_tensor_of_a_tensor_warns_and_copies():
    x = cr.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="To copy construct from a tensor"):
        y = cr.tensor(x)
    assert not y.requires_grad and y.data_ptr() != x.data_ptr()


def test_as_tensor_keeps_the_graph_and_asarray_leaves_it():
    x = cr.ones(2, requires_grad=True)
    assert cr.as_tensor(x) is x
    assert cr.as_tensor(x, dtype=cr.float64).requires_grad
    assert not cr.asarray(x).requires_grad


# ---- filled and ranges ----------------------------------------------------------------------------------------------

CALLS = [
    "zeros(2, 3)", "zeros((2, 3))", "zeros(())", "ones(2, dtype=m.int32)", "zeros([2], requires_grad=True)",
    "full((2,), 7)", "full((2,), True)", "full((2,), 1j)", "full((2,), 1.5, dtype=m.float64)", "full((), 2)",
    "zeros_like(m.ones(2, 2))", "ones_like(m.zeros(2, dtype=m.int64))", "full_like(m.zeros(2), 3)",
    "arange(5)", "arange(2, 5)", "arange(0, 1, 0.25)", "arange(5, 0, -2)", "arange(3, dtype=m.float64)", "arange(5.0)",
    "arange(1, 2.05, 0.1)", "linspace(0, 10, 5)", "linspace(0, 10, 5, dtype=m.int64)", "linspace(0, 1, 1)",
    "linspace(3, -3, 7, dtype=m.float64)", "linspace(0, 1, 0)", "logspace(0, 2, 3)", "logspace(0, 3, 4, base=2)",
    "eye(2)", "eye(2, 3)", "eye(3, 2, dtype=m.int64)", "scalar_tensor(2)", "ones(2).new_zeros(3)",
    "ones(2, dtype=m.float64).new_ones((2, 2))", "ones(2).new_full((2,), 3)", "ones(2).new_tensor([1])",
    "zeros(2, dtype=m.int64).new_tensor([1.7])", "zeros(2).to(m.float64)", "zeros(2).to('cpu', m.int32)",
    "ones(2).long()", "ones(2).double()", "ones(2).half()", "ones(2).to(m.zeros(1, dtype=m.int16))",
    "ones(2).type(m.int32)",
    "ones(2).type_as(m.zeros(1, dtype=m.float64))", "ones(2).bool()", "ones(2).char()", "ones(2).cfloat()",
    "tensor([1.7, -1.7]).int()", "tensor(-1, dtype=m.uint8)", "tensor(1.5, dtype=m.bool)", "tensor(3.7, dtype=m.int32)",
]  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("call", CALLS)
def test_creation_is_torchs(call):
    torch = pytest.importorskip("torch")
    ours, theirs = eval(f"m.{call}", {"m": cr}), eval(f"m.{call}", {"m": torch})
    assert str(ours.dtype) == str(theirs.dtype) and tuple(ours.shape) == tuple(theirs.shape)
    assert ours.requires_grad == theirs.requires_grad
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-6)


def test_empty_strided_lays_out_memory():
    t = cr.empty_strided((2, 3), (1, 2))
    assert t.stride() == (1, 2) and tuple(t.shape) == (2, 3)


def test_type_names():
    assert cr.zeros(1).type() == "torch.FloatTensor"
    assert cr.zeros(1).type("torch.DoubleTensor").dtype == cr.float64
    assert cr.zeros(1, dtype=cr.complex64).type() == "torch.ComplexFloatTensor"


def test_to_copies_only_if_asked():
    x = cr.ones(2)
    assert x.to(cr.float32) is x and x.cpu() is x and x.float() is x
    assert x.to(cr.float32, copy=True) is not x


def test_conversion_is_differentiable():
    x = cr.ones(2, requires_grad=True)
    (x.double() * 3).sum().backward()
    assert x.grad.dtype == cr.float32 and x.grad.tolist() == [3, 3]


def test_complex_to_real_warns():
    with pytest.warns(UserWarning, match="imaginary"):
        cr.tensor([1 + 2j]).float()


def test_linspace_and_full_are_differentiable_in_tensors():
    a, b = cr.tensor(1.0, requires_grad=True), cr.tensor(3.0, requires_grad=True)
    (cr.linspace(a, b, 3) * cr.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert (float(a.grad), float(b.grad)) == (2.0, 4.0)
    c = cr.tensor(2.0, requires_grad=True)
    cr.full((3,), c).sum().backward()
    assert float(c.grad) == 3


def test_questions():
    assert cr.is_tensor(cr.ones(1)) and not cr.is_tensor(np.ones(1))
    assert cr.is_floating_point(cr.ones(1)) and cr.is_complex(cr.tensor(1j)) and cr.numel(cr.ones(2, 3)) == 6


def test_staged_zeros_are_one_number():
    from chainrule.graph.stage import stage

    graph = str(stage(lambda x: x + cr.zeros(1000), cr.ones(1000)))
    assert len(graph) < 600
