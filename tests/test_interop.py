"""Tensors go out to other libraries and come back: arrays, DLPack, the array API, pickle and copies."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import numpy as np
import pytest

import chainrule as cr

# ---- NumPy arrays ---------------------------------------------------------------------------------------------------


def test_asarray_shares_memory():
    t = cr.zeros(3)
    a = np.asarray(t)
    a[0] = 7
    assert t.tolist() == [7, 0, 0] and np.shares_memory(a, t.numpy())
    assert np.array(t, copy=True).base is None
    assert np.asarray(t, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="Unable to avoid copy"):
        np.array(t, dtype=np.int64, copy=False)


def test_an_array_of_a_recorded_tensor_is_refused():
    for make in (np.asarray, np.array, np.asanyarray, cr.Tensor.numpy):
        with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad"):
            make(cr.ones(2, requires_grad=True))


def test_an_array_inside_a_transformation_is_refused():
    with pytest.raises(RuntimeError, match="requires grad"):
        cr.func.grad(lambda x: x.sum() * np.asarray(x).sum())(cr.ones(2))
    with pytest.raises(RuntimeError, match="concrete value"):
        cr.func.vmap(lambda x: x * np.asarray(x))(cr.ones(2))


@pytest.mark.parametrize("door", [np.asarray, lambda x: x.numpy(), lambda x: np.r_[x, x], np.from_dlpack])
def test_an_array_of_a_dual_number_is_refused(door):
    """The tangent would be lost, and the derivative be silently zero."""
    x = cr.tensor([1.0, 2.0])
    with pytest.raises((RuntimeError, BufferError), match="carries a tangent"):
        cr.func.jvp(lambda x: cr.tensor(door(x)).sum(), (x,), (x,))
    with cr.autograd.forward_ad.dual_level(), pytest.raises((RuntimeError, BufferError), match="carries a tangent"):
        door(cr.autograd.forward_ad.make_dual(x, x))
    assert cr.func.jvp(lambda x: (x * x.detach().numpy()).sum(), (x,), (x,))[1] == 5


def test_numpys_spellings_of_to_and_clone():
    x = cr.tensor([1.5, 2.0], requires_grad=True)
    assert x.astype(np.int64).tolist() == [1, 2]
    y = x.astype(float) * x.copy()
    assert y.dtype == cr.float64
    (g,) = cr.autograd.grad(y.sum(), x)
    assert g.tolist() == [3.0, 4.0]


def test_saving_and_loading(tmp_path):
    np.save(tmp_path / "t.npy", cr.arange(3))
    assert np.load(tmp_path / "t.npy").tolist() == [0, 1, 2]


# ---- DLPack ---------------------------------------------------------------------------------------------------------


def test_numpy_takes_tensors_through_dlpack():
    t = cr.arange(6).reshape(2, 3)
    a = np.from_dlpack(t)
    assert a.tolist() == t.tolist() and np.shares_memory(a, t.numpy())
    assert t.__dlpack_device__() == (1, 0)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "complex64", "bool"])
def test_torch_and_chainrule_share_memory_both_ways(dtype):
    torch = pytest.importorskip("torch")
    ours = cr.ones(2, 3, dtype=getattr(cr, dtype))
    theirs = torch.from_dlpack(ours)
    theirs[0, 1] = 0
    assert ours[0, 1].item() == 0 and theirs.data_ptr() == ours.data_ptr()
    theirs = torch.ones(4, 2, dtype=getattr(torch, dtype)).T
    ours = cr.from_dlpack(theirs)
    theirs[1, 2] = 0
    assert ours[1, 2].item() == 0 and ours.data_ptr() == theirs.data_ptr() and ours.stride() == theirs.stride()


@pytest.mark.oracle
def test_jax_arrays_come_in():
    jnp = pytest.importorskip("jax.numpy")
    assert cr.from_dlpack(jnp.arange(3.0)).tolist() == [0, 1, 2]


def test_dlpack_of_a_recorded_tensor_is_refused():
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        np.from_dlpack(cr.ones(1, requires_grad=True))


# ---- the array API --------------------------------------------------------------------------------------------------

STANDARD = """
 e inf nan newaxis pi bool complex64 complex128 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64
arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros
zeros_like astype can_cast finfo iinfo isdtype result_type abs acos acosh add asin asinh atan atan2 atanh bitwise_and
bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide
equal exp expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal log log1p
log2 log10 logaddexp logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter
not_equal positive pow real reciprocal remainder round sign signbit sin sinh square sqrt subtract tan tanh trunc take
take_along_axis __array_namespace_info__ matmul matrix_transpose tensordot vecdot broadcast_arrays broadcast_to concat
expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack argmax argmin count_nonzero
nonzero searchsorted where unique_all unique_counts unique_inverse unique_values argsort sort cumulative_prod
cumulative_sum max mean min prod std sum var all any diff linalg.cholesky linalg.cross linalg.det linalg.diagonal
linalg.eigh linalg.eigvalsh linalg.inv linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_rank
linalg.matrix_transpose linalg.outer linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals
linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm fft.fft fft.ifft fft.fftn fft.ifftn fft.rfft fft.irfft
fft.rfftn fft.irfftn fft.hfft fft.ihfft fft.fftfreq fft.rfftfreq fft.fftshift fft.ifftshift
""".split()  # noqa: SIM905

xp = cr.ones(1).__array_namespace__()


@pytest.mark.parametrize("name", STANDARD)
def test_namespace_has_every_name_of_the_standard(name):
    found = xp
    for part in name.split("."):
        found = getattr(found, part)
    if inspect.isfunction(found):
        assert found.__doc__, "says in one line what it computes"


def test_namespace_versions():
    assert cr.ones(1).__array_namespace__(api_version="2024.12") is xp
    assert xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match="1999"):
        cr.ones(1).__array_namespace__(api_version="1999.01")


def test_namespace_info():
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] == xp.float32
    assert set(info.dtypes(kind="unsigned integer")) == {"uint8", "uint16", "uint32", "uint64"}
    assert str(info.default_device()) == "cpu" and info.capabilities()["boolean indexing"]


def test_generic_code_is_differentiable():
    def softmax(x):  # written to the standard, for any library
        ns = x.__array_namespace__()
        shifted = ns.exp(x - ns.max(x, axis=-1, keepdims=True))
        return shifted / ns.sum(shifted, axis=-1, keepdims=True)

    x = cr.tensor([1.0, 2.0, 3.0], dtype=cr.float64, requires_grad=True)
    softmax(x)[0].backward()
    p = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    np.testing.assert_allclose(x.grad.numpy(), p[0] * (np.array([1, 0, 0]) - p))


def test_rules_that_differ_from_pytorchs():
    small = xp.asarray([1, 2], dtype=xp.uint8)
    assert xp.sum(small).dtype == xp.uint64 and xp.cumulative_sum(small).dtype == xp.uint64
    assert xp.result_type(xp.float32, xp.asarray(1.0, dtype=xp.float64)) == xp.float64
    assert xp.arange(3, 0).shape == (0,)
    assert xp.can_cast(xp.int8, xp.int16) and not xp.can_cast(xp.int64, xp.int32)
    assert xp.isdtype(xp.float32, ("integral", "real floating")) and not xp.isdtype(xp.int8, "unsigned integer")
    with pytest.raises(TypeError, match="complex"):
        xp.astype(xp.asarray(1j), xp.float32)


def test_unique_all_treats_each_nan_as_one():
    found = xp.unique_all(cr.tensor([2.0, 1.0, float("nan"), 1.0, float("nan")]))
    assert found.values.tolist()[:2] == [1, 2] and found.values.shape == (4,)
    assert found.counts.tolist() == [2, 1, 1, 1] and found.indices.tolist()[:2] == [1, 0]
    x = cr.tensor([3.0, 1.0, 3.0], requires_grad=True)
    xp.unique_values(x).sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_pinv_with_a_tolerance_for_each_matrix():
    x = cr.tensor([[[1.0, 0.0], [0.0, 0.01]], [[1.0, 0.0], [0.0, 0.01]]])
    found = xp.linalg.pinv(x, rtol=cr.tensor([0.1, 0.001]))
    np.testing.assert_allclose(found.numpy(), [[[1, 0], [0, 0]], [[1, 0], [0, 100]]], rtol=1e-5, atol=1e-6)


# ---- pickle and copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "make", [lambda: cr.ones(2, 3), lambda: cr.tensor(1.5, requires_grad=True), lambda: cr.eye(3)[1:]]
)
def test_pickle_keeps_values_and_requires_grad(make, protocol):
    t = make()
    u = pickle.loads(pickle.dumps(t, protocol))
    assert u.tolist() == t.tolist() and u.dtype == t.dtype and u.requires_grad == t.requires_grad and u.is_leaf


def test_pickle_keeps_parameters_and_attributes():
    p = cr.nn.Parameter(cr.ones(2))
    p.note = "mine"
    q = pickle.loads(pickle.dumps(p))
    assert isinstance(q, cr.nn.Parameter) and q.note == "mine" and q.requires_grad


def test_pickle_leaves_the_graph_behind():
    x = cr.ones(2, requires_grad=True)
    y = pickle.loads(pickle.dumps(x * 2))
    assert y.grad_fn is None and y.tolist() == [2, 2]


def test_deepcopy_of_a_leaf():
    x = cr.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    y = copy.deepcopy(x)
    assert y.requires_grad and y.is_leaf and y.grad.tolist() == [3, 3]
    assert y.data_ptr() != x.data_ptr() and y.grad.data_ptr() != x.grad.data_ptr()
    a, b = copy.deepcopy([x, x])
    assert a is b


def test_deepcopy_of_a_result_is_refused():
    x = cr.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_shallow_copy_shares_memory():
    x = cr.ones(2, requires_grad=True)
    y = copy.copy(x)
    assert y.data_ptr() == x.data_ptr() and y.requires_grad and y is not x
    z = copy.copy(x * 2)
    z.sum().backward()
    assert x.grad.tolist() == [2, 2]


def test_values_inside_a_transformation_do_not_pickle():
    with pytest.raises(RuntimeError, match="inside a transformation"):
        cr.func.grad(lambda x: pickle.dumps(x) and x.sum())(cr.ones(2))


def test_dtypes_sizes_and_devices_pickle():
    buffer = io.BytesIO()
    pickle.dump((cr.float32, cr.ones(2, 3).shape, cr.ones(1).device), buffer)
    buffer.seek(0)
    dtype, size, device = pickle.load(buffer)
    assert dtype is cr.float32 and size == (2, 3) and str(device) == "cpu"


def test_share_memory_says_that_nothing_is_shared():
    x = cr.ones(2)
    with pytest.warns(UserWarning, match="gets a copy"):
        assert x.share_memory_() is x
