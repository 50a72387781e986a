"""PyTorch's names: what is missing is missing on purpose, and what came late behaves as PyTorch's does."""

from __future__ import annotations

import importlib
import inspect
import re

import numpy as np
import pytest

import chainrule as cr

# ---- what is left out, by the reason ---------------------------------------------------------------------------------

OTHER_DEVICES = r"cudnn_|miopen_|mkldnn_|cuda|ipu|xla|maia|mtia|vulkan|.*autocast_|has_|is_vulkan|profiler_"
SPARSE = r".*sparse|dense_dim|jagged|nested|coalesce|h?sp?mm|smm$|sspaddmm|saddmm|dsmm|(c?row|c?col)_ind|indices|values"
QUANTIZED = r"q_|.*quant|qint|quint|qscheme|per_(tensor|channel)_|int_repr|fbgemm|dequantize|fused_moving_avg"
COMPILER = (
    r"[A-Z]|sym_|import_ir|parse_|unify_|merge_type|fork$|wait$|compiled_|init_num|script|cond$|while_loop$|is_alias"
)
DTYPES = r"float[48]_|u?int[1-7]$|bit|chalf|complex32|uint[1-7]$"
INTERNAL = (
    r"native_|batch_norm_|_backward|affine_grid_generator|conv_tbc|convolution$|prepare_multi|thread_safe_generator|"
    r"grid_sampler_[23]d|embedding_renorm_|choose_|slice_|hash_tensor|get_device_module|get_file_path|from_file|"
    r"classproperty|legacy_contiguous_format|max_pool1d_with_indices|rnn_|lstm|gru|quantized_|unsafe_|set_default_|"
    r"lobpcg|segment_reduce|set_anomaly|is_anomaly|resize_as_sparse_|vitals|set_vital|read_vitals|PRIVATE|"
    r"(eig|lstsq|matrix_rank|solve|symeig)$|storage_type|module_load|const_data_ptr|reinforce|volatile|record_stream|"
    r"(kl_div|binary_cross_entropy_with_logits|(cosine|hinge)_embedding_loss|margin_ranking_loss|poisson_nll_loss|"
    r"triplet_margin_loss)$|is_quantized|resize$|resize_as$|index$|to_mkldnn|to_padded|xpu|grad_dtype|as_subclass|"
    r"polygamma_|split_with_sizes_copy|handle_torch_function|has_torch_function|boolean_dispatch|assert_int_or_pair|"
    r".*_notes|grouped_mm|scaled_|linear_cross_entropy|.*_with_indices|common_args|multi_dim_common|factory_|"
    r"ldl_solve|convert_conv|factory_kwargs|typing|annotations"
)
LEFT_OUT = re.compile("|".join((OTHER_DEVICES, SPARSE, QUANTIZED, COMPILER, DTYPES, INTERNAL)))
NAMESPACES = ("", "Tensor", "nn.functional", "nn", "nn.init", "nn.utils", "linalg", "fft", "special", "random")


def reached(root: object, path: str) -> object:
    for part in path.split("."):
        root = getattr(root, part) if part else root
    return root


@pytest.mark.oracle
@pytest.mark.parametrize("namespace", NAMESPACES, ids=lambda n: n or "torch")
def test_names_that_are_missing_are_left_out_for_a_reason(namespace):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    theirs, ours = reached(torch, namespace), reached(cr, namespace)
    missing = [
        name
        for name in dir(theirs)
        if not name.startswith("_") and not hasattr(ours, name) and not inspect.ismodule(getattr(theirs, name, None))
    ]
    mine = [name for name in missing if not LEFT_OUT.match(name) and not name.startswith("warn")]
    if namespace not in ("", "Tensor"):  # what their module imports for its own use
        mine = [n for n in mine if getattr(getattr(theirs, n), "__module__", "").startswith("torch")]
    assert mine == []


@pytest.mark.parametrize(
    "name", ["jit", "sparse_coo_tensor", "quantize_per_tensor", "solve", "hub", "kl_div", "float8_e5m2"]
)
def test_a_name_that_is_left_out_says_what_to_write_instead(name):
    with pytest.raises(AttributeError, match=rf"no attribute '{name}': .*[a-z]"):
        getattr(cr, name)
    assert not hasattr(cr, name)


# ---- the same call in both -------------------------------------------------------------------------------------------

SAME = """
t.broadcast_shapes((2, 1), (3,), 1)
t.is_same_size(x, x.T), t.is_same_size(x, x + 1)
t.nonzero_static(t.tensor([1, 0, 2]), size=3), t.nonzero_static(t.tensor([[1, 0], [2, 1]]), size=2, fill_value=7)
x.sum_to_size(1, 3), x.sum_to_size((2, 1)), x.sum_to_size(1), x.sum_to_size(2, 3)
t.unravel_index(t.tensor([4, 1]), (2, 3)), t.unravel_index(t.tensor(5), (2, 3))
t.typename(x), t.typename(1), t.typename(x.long())
t.index_reduce(x, 0, t.tensor([0, 0]), x, "prod"), t.index_reduce(x, 0, t.tensor([1, 0]), x, "mean", include_self=False)
t.index_reduce(x, 1, t.tensor([2, 2]), x[:, :2], "amax"), x.clone().index_reduce_(0, t.tensor([1]), x[:1], "amin")
t.renorm(x, 2, 0, 3.0), t.renorm(x, 1, 1, 2.0), t.renorm(x, float("inf"), 0, 2.0), x.clone().renorm_(2, 1, 1.0)
t.norm_except_dim(x, 2, 0), t.norm_except_dim(x, 1, 1), t.norm_except_dim(x, 2, -1)
t.vander(t.tensor([1, 2, 3])), t.vander(t.tensor([1.0, 2.0]), N=3, increasing=True), t.vander(t.tensor([1.0]), N=0)
tuple(t.frexp(t.tensor([8.0, 0.3, 0.0, -3.0]))), tuple(t.tensor([1e300, 1.0, 3e-7], dtype=t.float64).frexp())
t.range(1, 4), t.range(1, 4, 0.5), t.range(5, 1, -2)
t.nuclear_norm(x), t.nuclear_norm(t.ones(2, 2, 3), (0, 1), True), t.frobenius_norm(x, (0, 1)), t.frobenius_norm(x, 1)
tuple(t.geqrf(t.tensor([[3.0, 1.0], [4.0, 5.0], [0.0, 2.0]])))
t.ormqr(*t.geqrf(x.T), t.eye(3)), t.ormqr(*t.geqrf(x.T), t.eye(3), False, True), t.ormqr(*t.geqrf(x), t.eye(2))
t.svd_lowrank(t.diag(t.tensor([4.0, 3.0, 0.0])), q=2)[1], t.pca_lowrank(x, q=1)[1]
t.view_copy(x, (3, 2)), t.permute_copy(x, (1, 0)), t.select_copy(x, 0, 1), t.unbind_copy(x), t.expand_copy(x[0], (2, 3))
t.as_strided_scatter(t.zeros(3), t.ones(2), (2,), (2,)), t.narrow_copy(x, 1, 0, 2), t.alias_copy(x), t.squeeze_copy(x)
t.unsafe_chunk(x, 2), x.unsafe_split(1), x.unsafe_split_with_sizes([1, 1])
t.fill(x, 2), t.constant_pad_nd(x, (1, 0), 3.0), t.trapz(x)
t.trapz(x, dx=2.0, dim=0), t.empty_permuted((2, 3), (1, 0)).shape
t.dropout(x, 0.5, train=False), t.feature_dropout(x, 0.5, False), t.alpha_dropout(x, p=0.5, train=False)
t.celu_(x - 2), t.selu_(x - 2), t.threshold_(x.clone(), 2.0, 9.0), t.conj_physical_(x.clone())
tuple(t.histogramdd(x, bins=[2, 2, 2])[1]), t.histogramdd(x, bins=2)[0]
t.frombuffer(bytearray(b"abcdefgh"), dtype=t.int32), t.frombuffer(bytearray(b"abcd"), dtype=t.uint8, count=2, offset=1)
t.grid_sampler(t.ones(1, 1, 2, 2), t.zeros(1, 1, 1, 2), 0, 0, True)
x.clone().map_(t.tensor([2.0]), lambda a, b: a * b), x.clone().apply_(lambda a: a + 1)
x.clone().map2_(x, x, lambda a, b, c: a + b * c), x.int().apply_(lambda a: a * 2.7)
x.clone().resize_(3, 2), x.clone().resize_(4), x.clone().resize_as_(t.zeros(3, 1)), t.zeros(2).set_(t.ones(3))
x.clone().as_strided_((2, 2), (1, 2)), x.is_set_to(x), x.is_set_to(x.clone()), x.dim_order(), x.T.dim_order()
str(x.layout), str(t.channels_last), t.strided == x.layout
x.is_sparse, x.is_quantized, x.name, x.is_pinned(), x.is_shared()
image.stride(), image.is_contiguous(memory_format=t.channels_last), image.is_contiguous(), image.sum()
t.ones(1, 3, 2, 2).contiguous(memory_format=t.channels_last).stride()
t.ones(1, 3, 2, 2).is_contiguous(memory_format=t.channels_last)
x.storage().tolist(), len(x.untyped_storage()), x[1].storage().tolist()
x.untyped_storage().nbytes(), x[1:].storage_offset()
x[1:].untyped_storage().data_ptr() == x.untyped_storage().data_ptr(), x.storage()[2], x.untyped_storage()[3]
t.get_float32_matmul_precision(), t.get_deterministic_debug_mode(), t.is_warn_always_enabled(), t.get_device(x)
t.is_storage(x), t.is_storage(x.untyped_storage()), t.is_inference(x)
t.is_nonzero(t.tensor([0.0])), str(t.get_default_device())
[(1 - leaf).grad_fn.name(), (2**leaf).grad_fn.name()]
[len((1 - leaf).grad_fn.next_functions), len((2**leaf).grad_fn.next_functions)]
t.nn.functional.upsample_nearest(x[None], scale_factor=2), t.nn.functional.upsample_bilinear(x[None, None], size=(3, 3))
t.add(x.char(), x > 1, alpha=2), t.add(x > 1, x > 2, alpha=2)
t.add(x.half(), x.int(), alpha=1.5), t.add(x.int(), 1.5, alpha=2)
int(t.tensor(2 + 0j)), float(t.tensor([1.5 + 0j])), (x > 1) ** True, t.nn.functional.mse_loss(x > 1, x)
"""


def plain(value):
    """Lists, numbers and strings that can be compared across libraries."""
    if hasattr(value, "detach"):
        return [str(value.dtype), np.asarray(value.detach().cpu().double() if value.dtype.is_floating_point else value)]
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return value


def same(a, b):
    if isinstance(a, np.ndarray):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-5)
    elif isinstance(a, list):
        assert len(a) == len(b)
        for v, w in zip(a, b, strict=True):
            same(v, w)
    else:
        assert a == b


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("line", SAME.strip().split("\n"), ids=lambda line: line[:40])
def test_a_call_gives_what_it_gives_in_torch(line):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    results = []
    for t in (torch, cr):
        x = t.arange(6.0).reshape(2, 3)
        leaf = t.tensor([1.0, 2.0], requires_grad=True)
        image = t.arange(12.0).reshape(1, 3, 2, 2).to(memory_format=t.channels_last)
        results.append(plain(eval(line, {"t": t, "x": x, "leaf": leaf, "image": image})))
    same(*results)


SPECIAL = [name for name in cr.special.__all__ if re.search("bessel|airy|polynomial", name)]


@pytest.mark.oracle
@pytest.mark.parametrize("name", SPECIAL)
def test_a_special_function_has_torchs_values_and_a_derivative_too(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    data = np.array([[0.3, 1.0, 2.5], [0.7, 4.0, 0.9]])
    orders = [(0,), (1,), (5,), (-1,), ("tensor",)] if "polynomial" in name else [()]
    for extra in orders:
        results = []
        for t in (torch, cr):
            rest = [t.tensor([0.0, 3.0, 6.0]).double() if n == "tensor" else n for n in extra]
            results.append(np.asarray(getattr(t.special, name)(t.tensor(data), *rest)))
        np.testing.assert_allclose(results[1], results[0], rtol=1e-6, atol=1e-10)
    x = cr.tensor(data, requires_grad=True)
    rest = [4] if "polynomial" in name else []
    assert cr.autograd.gradcheck(lambda x: getattr(cr.special, name)(x, *rest), (x,))
    assert cr.autograd.gradgradcheck(lambda x: getattr(cr.special, name)(x, *rest), (x,))
    whole = getattr(cr.special, name)(cr.tensor([1, 2]), *rest)
    assert whole.dtype == cr.float32
    with pytest.raises((RuntimeError, TypeError)):
        getattr(cr.special, name)(cr.tensor([1j]) if "spherical" not in name else "text", *rest)


WRONG = """
x.sum_to_size(4, 3)
t.broadcast_shapes((2,), (3,))
t.renorm(x, 2, 0, -1.0)
t.renorm(x[0], 2, 0, 1.0)
t.index_reduce(x, 0, t.tensor([0, 0]), x, "sum")
t.frexp(t.tensor([1]))
t.frombuffer(bytearray(b"abcde"), dtype=t.int32)
t.frombuffer(bytearray(b"abcde"), dtype=t.int32, count=2)
t.range(1, 4, 0)
t.range(1, 4, -1)
t.empty_permuted((2, 3), (0, 0))
t.nonzero_static(x, size=-1)
t.vander(x)
leaf.resize_(3)
leaf.apply_(abs)
t.ones(2, 2).to(memory_format=t.channels_last)
t.add(x.int(), x.int(), alpha=1.5)
t.sub(x, 1, alpha=2j)
t.add(x, 1, alpha=True)
float(t.tensor(1 + 2j))
x.byte() ** -1
t.nn.functional.hardtanh(x > 1)
t.nn.functional.mse_loss(x.int(), x.int())
t.unravel_index(x, (2, 3))
t.trapz(t.tensor(1.0))
t.cumulative_trapezoid(t.tensor(1.0))
"""


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("line", WRONG.strip().split("\n"))
def test_a_wrong_call_is_refused_in_both(line):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for t in (torch, cr):
        names = {"t": t, "x": t.arange(6.0).reshape(2, 3), "leaf": t.tensor([1.0, 2.0], requires_grad=True)}
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
            eval(line, names)


GRADIENTS = """
t.renorm(x, 2, 0, 3.0)
t.index_reduce(x, 0, t.tensor([0, 0]), x * 2, "prod")
t.index_reduce(x, 1, t.tensor([2, 0]), x[:, :2] * 3, "mean")
x.frexp()[0]
t.nuclear_norm(x)
t.norm_except_dim(x, 2, 0)
t.permute_copy(x, (1, 0)) * x.T
x.sum_to_size(1, 3)
t.trapz(x, x * x)
x.to(memory_format=t.contiguous_format) * 2
"""


@pytest.mark.oracle
@pytest.mark.parametrize("line", GRADIENTS.strip().split("\n"))
def test_a_gradient_is_torchs(line):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = []
    for t in (torch, cr):
        x = t.tensor([[1.0, 2.5, 2.0], [0.3, 5.0, 4.0]], dtype=t.float64, requires_grad=True)
        out = eval(line, {"t": t, "x": x})
        (out * t.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10)


def test_the_gradient_of_as_strided_scatter_leaves_out_what_was_overwritten():
    x = cr.arange(6.0, requires_grad=True)  # torch 2.13 gives (3, 6, 3, 0, 0, 0) here
    out = cr.as_strided_scatter(x, x[:2] * 2, (2,), (2,))
    (out * cr.arange(1.0, 7.0)).sum().backward()
    assert x.grad.tolist() == [2.0, 8.0, 0.0, 4.0, 5.0, 6.0]


def test_vander_differentiates():
    x = cr.tensor([2.0, 3.0], dtype=cr.float64, requires_grad=True)
    assert cr.autograd.gradcheck(lambda v: cr.vander(v, 4), (x,))


# ---- testing ---------------------------------------------------------------------------------------------------------

CLOSE = """
t.tensor([1.0, 2.0]), t.tensor([1.0, 2.5])
t.tensor([[1.0, 2.0], [0.0, 3.0]]), t.tensor([[1.0, 2.5], [0.0, 0.0]])
t.tensor([1.0]), t.tensor([1.0 + 1e-6])
t.tensor([1, 2]), t.tensor([1, 3])
1.0, 2.0
1, 2
1, 1.0
t.tensor([1]), t.tensor([1.0])
t.zeros(2), t.zeros(3)
[1.0, 2.0], [1.0, 2.0, 3.0]
[1.0, t.tensor(2.0)], [1.0, t.tensor(3.0)]
{"a": t.tensor(1.0)}, {"b": t.tensor(1.0)}
{"a": t.tensor(1.0)}, {"a": t.tensor(1.0)}
t.tensor(float("nan")), t.tensor(float("nan"))
t.tensor(float("inf")), t.tensor(float("inf"))
t.tensor(1.0), 1.0
None, None
None, t.tensor(1.0)
"a", "a"
t.tensor([True]), t.tensor([False])
t.tensor([1j]), t.tensor([1.0])
t.tensor([1e-6], dtype=t.float16), t.tensor([9e-6], dtype=t.float16)
1.0, float("nan")
"""


@pytest.mark.oracle
@pytest.mark.parametrize("pair", CLOSE.strip().split("\n"))
def test_assert_close_agrees_with_torch_and_says_where(pair):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    said = []
    for t in (torch, cr):
        try:
            t.testing.assert_close(*eval(pair, {"t": t}))
            said.append((None, ""))
        except (AssertionError, TypeError, ValueError) as error:
            kind = next(k for k in (AssertionError, TypeError, ValueError) if isinstance(error, k))
            said.append((kind, re.sub(r"\d+\.\d{6,}|\d\.\d+e-?\d+", "#", str(error)).split("\n\n")[0]))
    assert said[0][0] is said[1][0]
    if said[0][0] is AssertionError:
        assert said[0][1] == said[1][1]


def test_assert_close_takes_tolerances_messages_and_nan():
    a, b = cr.tensor([1.0, 2.0]), cr.tensor([1.1, 2.1])
    cr.testing.assert_close(a, b, rtol=0, atol=0.2)
    cr.testing.assert_close(a, b.double(), rtol=0, atol=0.2, check_dtype=False)
    nan = cr.tensor(float("nan"))
    cr.testing.assert_close(nan, nan, equal_nan=True)
    with pytest.raises(AssertionError, match=r"^of mine$"):
        cr.testing.assert_close(a, b, msg="of mine")
    with pytest.raises(AssertionError, match=r"mine: Tensor-likes are not close"):
        cr.testing.assert_close(a, b, msg=lambda text: f"mine: {text}")
    with pytest.raises(ValueError, match="must be either specified"):
        cr.testing.assert_close(a, b, rtol=0.1)


@pytest.mark.parametrize("name", ["float32", "float64", "int64", "uint8", "bool", "complex64", "bfloat16"])
def test_make_tensor_stays_in_its_range(name):
    dtype = getattr(cr, name)
    x = cr.testing.make_tensor(50, 2, dtype=dtype, exclude_zero=True)
    assert x.dtype == dtype and x.shape == (50, 2) and bool((x != 0).all())
    y = cr.testing.make_tensor((4, 3), dtype=cr.float64, low=2, high=3, requires_grad=True, noncontiguous=True)
    assert bool(((y >= 2) & (y < 3)).all()) and y.requires_grad and not y.is_contiguous()


# ---- memory and settings ---------------------------------------------------------------------------------------------


def test_views_share_a_storage_and_writes_through_it_are_seen_by_backward():
    x = cr.arange(4.0)
    assert x[1:].storage().tolist() == [0.0, 1.0, 2.0, 3.0]
    w = cr.ones(4, requires_grad=True)
    y = (w * x).sum()
    x.storage()[0] = 5.0
    with pytest.raises(RuntimeError, match="in-?place"):
        y.backward()


def test_frombuffer_shares_memory():
    raw = bytearray(b"\x00" * 8)
    t = cr.frombuffer(raw, dtype=cr.float32)
    t[0] = 1.0
    assert raw[:4] == np.float32(1.0).tobytes()


def test_a_failing_function_leaves_the_tensor_as_it_was():
    x = cr.tensor([1.0, 0.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        x.apply_(lambda a: 1 / a)
    assert x.tolist() == [1.0, 0.0, 2.0]


def test_older_names_of_initialisers_warn_as_torchs_do():
    with pytest.warns(FutureWarning, match="xavier_normal_"):
        cr.nn.init.xavier_normal(cr.empty(2, 2))
    with pytest.warns(FutureWarning, match="clip_grad_norm_"):
        cr.nn.utils.clip_grad_norm([cr.zeros(1, requires_grad=True)], 1.0)


def test_settings_are_kept():
    before = cr.get_float32_matmul_precision()
    cr.set_float32_matmul_precision("high")
    assert cr.get_float32_matmul_precision() == "high"
    cr.set_float32_matmul_precision(before)
    assert importlib.import_module("chainrule.testing").assert_close is cr.testing.assert_close


def test_a_layout_is_one_object_even_after_pickling():
    import copy
    import pickle

    assert pickle.loads(pickle.dumps(cr.channels_last)) is cr.channels_last
    assert copy.deepcopy(cr.strided) is cr.zeros(1).layout


def test_shapes_stay_shapes_under_sums_and_products():
    shape = cr.zeros(2, 3).shape
    for made in (shape + (1,), (1,) + shape, shape * 2, 2 * shape, shape[1:]):
        assert type(made) is type(shape)
    assert repr((1,) + shape) == "torch.Size([1, 2, 3])"


def test_limits_of_dtypes_compare_and_refuse_what_they_are_not_for():
    assert cr.finfo(cr.float32) == cr.finfo(cr.float32) != cr.finfo(cr.float64)
    assert cr.iinfo(cr.int8) == cr.iinfo(cr.int8) and hash(cr.iinfo(cr.int8)) == hash(cr.iinfo(cr.int8))
    assert cr.finfo(cr.float32).resolution == 1e-06
    for wrong in (lambda: cr.finfo(cr.int32), lambda: cr.iinfo(cr.float32), lambda: cr.result_type(cr.ones(1), "a")):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError, match="must be Tensor, not float"):
        cr.is_floating_point(1.0)
    with pytest.raises(ValueError, match="manual_seed expected a long"):
        cr.manual_seed("a")
