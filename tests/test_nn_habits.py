"""Habits of PyTorch programs around modules: hooks, state_dict, lazy modules, containers, parametrizations."""

from __future__ import annotations

import copy
import gc
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.nn.modules import module as hooks_of_all
from chainrule.nn.utils import parametrizations, parametrize, prune


def small() -> nn.Module:
    return nn.Sequential(OrderedDict(body=nn.Linear(2, 3), norm=nn.BatchNorm1d(3)))


# ---- state_dict ------------------------------------------------------------------------------------------------------


def test_state_dict_knows_the_versions_of_its_modules():
    state = small().state_dict()
    assert {path: entry["version"] for path, entry in state._metadata.items()} == {"": 1, "body": 1, "norm": 2}


@pytest.mark.oracle
def test_the_versions_are_saved_too(tmp_path):
    torch = pytest.importorskip("torch")
    state = small().state_dict()
    cr.save({"model": state, "again": state}, tmp_path / "net.pt")
    for lib in (cr, torch):
        found = lib.load(tmp_path / "net.pt")
        assert found["model"]._metadata == state._metadata
        assert list(found["again"]) == list(state)
    net = torch.nn.Sequential(OrderedDict(body=torch.nn.Linear(2, 3), norm=torch.nn.BatchNorm1d(3)))
    net.load_state_dict(found["model"])


def test_batch_norm_loads_what_was_saved_before_it_counted_batches():
    net = nn.BatchNorm1d(3)
    net(cr.rand(4, 3))
    old = {name: value for name, value in net.state_dict().items() if name != "num_batches_tracked"}
    fresh = nn.BatchNorm1d(3)
    assert fresh.load_state_dict(old).missing_keys == []
    assert cr.equal(fresh.running_mean, net.running_mean)
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        state = net.state_dict()  # of the present version, so that nothing may lack
        del state["num_batches_tracked"]
        fresh.load_state_dict(state)


def test_a_module_may_save_and_load_its_own_entries():
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(cr.ones(1))
            self.inner = nn.Linear(1, 1)

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            destination[prefix + "twice"] = 2 * self.w.detach()

        def _load_from_state_dict(self, state, prefix, metadata, strict, missing, unexpected, errors):
            self.w.data.copy_(state[prefix + "twice"] / 2)

    net = nn.Sequential(Doubled())
    with cr.no_grad():
        net[0].w[0] = 7.0
    state = net.state_dict()
    assert list(state) == ["0.twice", "0.inner.weight", "0.inner.bias"]
    other = nn.Sequential(Doubled())
    other.load_state_dict(state)
    assert other[0].w.item() == 7.0
    assert cr.equal(other[0].inner.weight, net[0].inner.weight)


def test_an_old_name_is_translated_before_the_base_class_loads():
    class Renamed(nn.Linear):
        def _load_from_state_dict(self, state, prefix, *rest):
            if prefix + "kernel" in state:
                state[prefix + "weight"] = state.pop(prefix + "kernel")
            super()._load_from_state_dict(state, prefix, *rest)

    net, given = nn.Sequential(Renamed(2, 2)), cr.ones(2, 2)
    net.load_state_dict({"0.kernel": given, "0.bias": cr.zeros(2)})
    assert cr.equal(net[0].weight, given)


def test_private_hooks_before_loading_take_no_module():
    seen = []
    net = small()
    net.body._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append((prefix, sorted(state))))
    net.body._register_load_state_dict_pre_hook(lambda module, *rest: seen.append(module), with_module=True)
    net.load_state_dict(net.state_dict())
    assert seen[0] == ("body.", ["body.bias", "body.weight"])
    assert seen[1] is net.body


def test_hooks_after_loading_may_forgive_missing_keys_or_object():
    net = nn.Linear(2, 2)
    handle = net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.clear())
    net.load_state_dict({"weight": cr.ones(2, 2)})
    assert net.weight.sum().item() == 4
    handle.remove()
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.append("more"))
    with pytest.raises(RuntimeError, match='Missing key.*"more"'):
        net.load_state_dict(net.state_dict())


def test_hooks_after_state_dict():
    net = small()
    net._register_state_dict_hook(lambda module, state, prefix, metadata: OrderedDict(only=metadata["version"]))
    assert dict(net.state_dict()) == {"only": 1}
    public = nn.Linear(1, 1)
    public.register_state_dict_post_hook(lambda module, state, prefix, metadata: {})
    with pytest.raises(RuntimeError, match="must return None"):
        public.state_dict()


def test_nothing_is_loaded_where_something_does_not_fit():
    net = small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"Unexpected key.*elsewhere(.|\n)*size mismatch for norm.weight") as failed:
        net.load_state_dict({**{n: v + 1 for n, v in before.items()}, "norm.weight": cr.ones(5), "elsewhere": 1})
    assert "Error(s) in loading state_dict for Sequential" in str(failed.value)
    assert all(cr.equal(before[name], value) for name, value in net.state_dict().items())


def test_loading_leaves_no_reference_cycles():
    net = nn.LSTM(2, 2)
    state = copy.deepcopy(net.state_dict())
    net.load_state_dict(state)
    gc.collect()
    net.load_state_dict(state)
    assert gc.collect() == 0


def test_the_prefix_of_a_wrapped_model_is_taken_off():
    from chainrule.nn.modules.utils import consume_prefix_in_state_dict_if_present

    net = small()
    state = nn.DataParallel(net).state_dict()
    assert all(name.startswith("module.") for name in state)
    consume_prefix_in_state_dict_if_present(state, "module.")
    assert list(state) == list(net.state_dict())
    net.load_state_dict(state)


# ---- hooks -----------------------------------------------------------------------------------------------------------


def test_hooks_of_all_modules_run_before_those_of_one():
    order = []
    net = nn.Sigmoid()
    net.register_forward_hook(lambda *a: order.append("own"))
    net.register_full_backward_hook(lambda *a: order.append("own backward"))
    with (
        hooks_of_all.register_module_forward_pre_hook(lambda *a: order.append("pre")),
        hooks_of_all.register_module_forward_hook(lambda *a: order.append("all")),
        hooks_of_all.register_module_full_backward_hook(lambda *a: order.append("all backward")),
    ):
        net(cr.ones(2, requires_grad=True)).sum().backward()
    assert order == ["pre", "all", "own", "all backward", "own backward"]
    net(cr.ones(2))
    assert order[-1] == "own"


def test_hooks_of_registration_see_and_replace():
    seen = []
    with (
        hooks_of_all.register_module_parameter_registration_hook(lambda m, name, p: seen.append(name)),
        hooks_of_all.register_module_buffer_registration_hook(lambda m, name, b: b + 1),
    ):
        net = nn.BatchNorm1d(2)
    assert seen == ["weight", "bias"]
    assert net.running_mean.tolist() == [1, 1]


def test_a_hook_that_is_always_called_sees_the_error_pass_by_once():
    called = []

    class Fails(nn.Module):
        def forward(self, x):
            raise ArithmeticError("in forward")

    net = Fails()
    net.register_forward_hook(lambda m, args, out: called.append(out), always_call=True)
    net.register_forward_hook(lambda m, args, out: called.append("never"))
    with pytest.raises(ArithmeticError, match="in forward"):
        net(cr.ones(1))
    assert called == [None]


def test_removing_a_hook_forgets_its_flags():
    net = nn.Identity()
    handle = net.register_forward_hook(lambda m, a, k, out: out + 1, with_kwargs=True, always_call=True)
    assert net(cr.zeros(1)).item() == 1
    handle.remove()
    assert not net._forward_hooks_with_kwargs
    assert not net._forward_hooks_always_called
    assert net(cr.zeros(1)).item() == 0


@pytest.mark.parametrize("found", [(), (cr.ones(2), cr.ones(2))])
def test_backward_hooks_must_return_one_gradient_for_each(found):
    x = cr.ones(2, requires_grad=True)
    net = nn.Sigmoid()
    with net.register_full_backward_hook(lambda *a: found), pytest.raises(RuntimeError, match="but expected 1"):
        net(x).sum().backward()
    with net.register_full_backward_pre_hook(lambda *a: found), pytest.raises(RuntimeError, match="but expected 1"):
        net(x).sum().backward()


def test_backward_hooks_say_when_they_cannot_be_called():
    class ToDict(nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    net = ToDict()
    net.register_full_backward_hook(lambda *a: None)
    with pytest.warns(UserWarning, match="should be a Tensor or a tuple of Tensors"):
        net(cr.ones(1, requires_grad=True))


def test_arguments_go_on_to_mixins_that_come_after_module():
    class Named:
        def __init__(self, name):
            self.name = name

    class Net(nn.Module, Named):
        call_super_init = True

        def __init__(self, name):
            super().__init__(name)

    assert Net("n").name == "n"


# ---- lazy modules ----------------------------------------------------------------------------------------------------


class Scale(nn.modules.lazy.LazyModuleMixin, nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.parameter.UninitializedParameter()

    def initialize_parameters(self, x):
        self.weight.materialize(x.shape[-1:])
        nn.init.constant_(self.weight, 2.0)

    def forward(self, x):
        return x * self.weight


def test_a_lazy_module_of_ones_own_learns_its_shapes_before_its_hooks_run():
    net = Scale()
    assert net.has_uninitialized_params()
    assert repr(net.weight) == "<UninitializedParameter>"
    optimizer = cr.optim.SGD(net.parameters(), lr=1.0)
    shapes = []
    net.register_forward_pre_hook(lambda module, args: shapes.append(tuple(module.weight.shape)))
    net(cr.ones(4, 3)).sum().backward()
    optimizer.step()
    assert shapes == [(3,)]
    assert net.weight.tolist() == [-2, -2, -2]
    assert not isinstance(net.weight, nn.UninitializedParameter)
    assert isinstance(net.weight, nn.Parameter)


def test_a_lazy_parameter_has_no_shape_and_does_not_load_into_one_that_has():
    lazy, full = nn.LazyLinear(3), nn.Linear(2, 3)
    assert isinstance(lazy.weight, nn.UninitializedParameter)
    for error in (ValueError, RuntimeError):
        with pytest.raises(error, match="uninitialized"):
            lazy.weight.shape  # noqa: B018
    with pytest.raises(RuntimeError, match="shape of an uninitialized"):
        full.load_state_dict(lazy.state_dict())
    again = pickle.loads(pickle.dumps(copy.deepcopy(lazy)))
    assert isinstance(again.weight, nn.UninitializedParameter)
    again.load_state_dict(full.state_dict())
    assert again.weight.shape == (3, 2)
    x = cr.rand(5, 2)
    assert cr.equal(again(x), full(x))
    assert type(again) is nn.Linear


# ---- containers, layers ----------------------------------------------------------------------------------------------


def test_sequentials_are_repeated_and_joined():
    a, b = nn.Linear(1, 1), nn.ReLU()
    net = nn.Sequential(a, b)
    assert [type(m) for m in net * 2] == [type(m) for m in 2 * net] == [nn.Linear, nn.ReLU] * 2
    net *= 2
    net += nn.Sequential(nn.Tanh())
    assert [m is a for m in net] == [True, False, True, False, False]
    for bad, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error):
            net * bad


def test_parameter_dicts_are_dicts():
    p = nn.ParameterDict({"a": cr.zeros(1), "b": cr.ones(1)})
    q = p.copy()
    assert list(reversed(p)) == ["b", "a"]
    assert q["a"] is p["a"]
    assert q.setdefault("c", cr.ones(2)) is q["c"]
    assert list(p | q) == ["a", "b", "c"]
    assert q.popitem()[0] == "c"
    p |= {"d": cr.ones(1)}
    p.clear()
    assert len(p) == len(list(p.parameters())) == 0


@pytest.mark.parametrize("cell", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
@pytest.mark.parametrize("shape", [(1, 4), (3, 1)])
def test_cells_do_not_broadcast_their_states(cell, shape):
    net, state = cell(2, 4), cr.zeros(shape)
    with pytest.raises(RuntimeError, match="hidden"):
        net(cr.ones(3, 2), (state, state) if cell is nn.LSTMCell else state)


def test_recurrent_layers_name_what_they_cannot_do():
    with pytest.raises(RuntimeError, match="sequence length to be larger than 0"):
        nn.RNN(2, 2)(cr.ones(0, 1, 2))
    with pytest.raises(ValueError, match="only supported for LSTM"):
        nn.GRU(4, 4, proj_size=2)


def test_batch_norms_become_synchronised_ones():
    net = small().eval()
    made = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert isinstance(made.norm, nn.SyncBatchNorm)
    assert not made.norm.training
    assert list(made.state_dict()) == list(small().state_dict())


def test_instance_norm_checks_its_channels():
    with pytest.raises(ValueError, match="num_features"):
        nn.InstanceNorm1d(4, affine=True)(cr.ones(2, 3, 5))
    with pytest.warns(UserWarning, match="num_features"):
        nn.InstanceNorm1d(4)(cr.rand(2, 3, 5))


def test_packed_sequences_change_their_dtype_like_tensors():
    packed = nn.utils.rnn.pack_sequence([cr.tensor([1, 2]), cr.tensor([3])])
    assert packed.cpu() is packed
    assert packed.double().data.dtype == cr.float64
    assert isinstance(packed.float(), nn.utils.rnn.PackedSequence)
    with pytest.raises(RuntimeError, match="Expected iterable"):
        nn.utils.rnn.pad_sequence(5)


# ---- weights that are computed ---------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.parametrize("text", ["Linear(3, 2)", "Conv1d(3, 4, 2)", "ConvTranspose1d(3, 4, 2)"])
@pytest.mark.filterwarnings("ignore")
def test_norms_by_hooks_agree_and_keep_pytorchs_names(text):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 5) if "Conv" in text else (2, 3)).astype(np.float32)
    for function in ("weight_norm", "spectral_norm"):
        plain = eval("torch.nn." + text, {"torch": torch})
        theirs = getattr(torch.nn.utils, function)(plain)
        ours = getattr(nn.utils, function)(eval("nn." + text, {"nn": nn}))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        ours.load_state_dict({name: cr.tensor(v.numpy()) for name, v in theirs.state_dict().items()})
        y, z = ours(cr.tensor(x)), theirs(torch.tensor(x))
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), rtol=2e-5, atol=1e-6)
        y.square().sum().backward()
        z.square().sum().backward()
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=2e-4, atol=2e-5, err_msg=name)
        value = ours.weight.detach().clone()
        getattr(nn.utils, "remove_" + function)(ours)
        np.testing.assert_allclose(ours.weight.detach().numpy(), value.numpy(), rtol=1e-5, atol=1e-6)
        assert isinstance(ours.weight, nn.Parameter)
        with pytest.raises(ValueError, match="not found"):
            getattr(nn.utils, "remove_" + function)(ours)


def test_the_parametrization_loads_what_the_hook_saved():
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    x = cr.rand(4, 3)
    assert cr.allclose(new(x), old(x))


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
@pytest.mark.parametrize("name", ["matrix_exp", "cayley", "householder", None])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal_maps_agree(shape, name, trivial):
    torch = pytest.importorskip("torch")
    models = []
    weight = np.random.default_rng(1).standard_normal(shape)
    for lib in (cr, torch):
        m = lib.nn.Linear(shape[1], shape[0], dtype=lib.float64)
        with lib.no_grad():
            m.weight.copy_(lib.tensor(weight))
        lib.nn.utils.parametrizations.orthogonal(m, orthogonal_map=name, use_trivialization=trivial)
        models.append(m)
    ours, theirs = models
    assert set(ours.state_dict()) == set(theirs.state_dict())
    ours.load_state_dict({key: cr.tensor(v.numpy()) for key, v in theirs.state_dict().items()})
    w, v = ours.weight, theirs.weight
    small_side = min(shape)
    gram = w @ w.mT if shape[0] < shape[1] else w.mT @ w
    assert cr.allclose(gram, cr.eye(small_side, dtype=cr.float64), atol=1e-10)
    np.testing.assert_allclose(w.detach().numpy(), v.detach().numpy(), atol=1e-10)
    factor = np.random.default_rng(2).standard_normal(shape)
    (w * cr.tensor(factor)).sum().backward()
    (v * torch.tensor(factor)).sum().backward()
    p, q = ours.parametrizations.weight.original.grad, theirs.parametrizations.weight.original.grad
    np.testing.assert_allclose(p.numpy(), q.numpy(), atol=1e-9)


def test_orthogonal_says_what_it_takes():
    with pytest.raises(ValueError, match="has to be one of"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="unknown")
    with pytest.raises(ValueError, match="matrix or batch of matrices"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    fixed = parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(NotImplementedError):
        fixed.weight = cr.eye(2)


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT


def test_a_parametrized_tensor_is_the_same_object_after_all():
    net = nn.Linear(3, 3)
    weight, values = net.weight, net.weight.detach().clone()
    parametrize.register_parametrization(net, "weight", Symmetric())
    assert net.parametrizations.weight.original is weight
    parametrize.remove_parametrizations(net, "weight", leave_parametrized=False)
    assert net.weight is weight
    assert cr.equal(weight, values)
    net.register_buffer("table", cr.rand(2, 2))
    parametrize.register_parametrization(net, "table", Symmetric())
    parametrize.remove_parametrizations(net, "table")
    assert "table" in dict(net.named_buffers())
    assert cr.equal(net.table, net.table.mT)


@pytest.mark.parametrize(
    ("forward", "match"),
    [
        (lambda self, x: x.double(), "may not change the dtype"),
        (lambda self, x: x[0], "may not change the shape"),
        (lambda self, x: (x, x), "must return a tensor"),
    ],
)
def test_parametrizations_that_do_not_fit_change_nothing(forward, match):
    bad = type("Bad", (nn.Module,), {"forward": forward, "right_inverse": lambda self, x: x * 5})()
    net = nn.Linear(2, 2)
    before = net.weight.detach().clone()
    with pytest.raises(ValueError, match=match):
        parametrize.register_parametrization(net, "weight", bad)
    assert not parametrize.is_parametrized(net)
    assert cr.equal(net.weight, before)
    parametrize.register_parametrization(net, "weight", Symmetric())
    with pytest.raises(ValueError, match=match):
        parametrize.register_parametrization(net, "weight", bad)
    assert len(net.parametrizations.weight) == 1


def test_what_has_no_inverse_cannot_be_assigned_to():
    net = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    with pytest.raises(RuntimeError, match="right_inverse"):
        net.weight = cr.eye(2)


def test_parametrizations_move_to_another_module():
    net, other = parametrizations.weight_norm(nn.Linear(2, 3)), nn.Linear(2, 3)
    parametrize.register_parametrization(net, "bias", Twice())
    parametrize.transfer_parametrizations_and_params(net, other)
    assert cr.equal(other.weight, net.weight)
    assert cr.equal(other.bias, net.bias)
    only = parametrize.transfer_parametrizations_and_params(net, nn.Linear(2, 3), "bias")
    assert parametrize.is_parametrized(only, "bias")
    assert not parametrize.is_parametrized(only, "weight")


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x


def test_pruning_methods_are_collected():
    container, method = prune.PruningContainer(), prune.L1Unstructured(1)
    method._tensor_name = "weight"
    container._tensor_name = "weight"
    container.add_pruning_method(method)
    assert len(container) == 1
    with pytest.raises(TypeError):
        container.add_pruning_method(3)
    other = prune.L1Unstructured(1)
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="bias"):
        container.add_pruning_method(other)


def test_a_leaf_takes_other_memory_without_recording():
    x, y = cr.zeros(2, requires_grad=True), cr.ones(3)
    with pytest.raises(RuntimeError):
        x.set_(y)
    with cr.no_grad():
        x.set_(y)
    x.sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


# ---- small things ----------------------------------------------------------------------------------------------------


def test_padding_by_nothing_copies_in_every_mode():
    x = cr.zeros(1, 2, 3, 3)
    for mode in ("constant", "reflect", "replicate", "circular"):
        nn.functional.pad(x, (0, 0, 0, 0), mode=mode).fill_(1)
    assert not x.any()


def test_empty_batches_leave_running_statistics_alone():
    net = nn.BatchNorm1d(3)
    net(cr.zeros(0, 3)).sum().backward()
    assert net.running_var.tolist() == [1, 1, 1]


def test_one_value_for_each_group_is_refused():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.GroupNorm(3, 3)(cr.ones(1, 3, 1))


def test_parameters_of_a_plain_dict_are_sorted_as_in_pytorch():
    a, b = cr.zeros(1), cr.ones(1)
    assert list(nn.ParameterDict({"b": b, "a": a})) == ["a", "b"]
    assert list(nn.ParameterDict(OrderedDict(b=b, a=a))) == ["b", "a"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: nn.init.calculate_gain("leaky_relu", True), ValueError),
        (lambda: nn.Unflatten(1, (2, 5.0)), TypeError),
        (lambda: nn.Unflatten(1, 6), TypeError),
        (lambda: nn.Linear(1, 1).to("cpu", True), TypeError),
        (lambda: nn.Linear(1, 1).to("cpu", copy=True), TypeError),
        (lambda: nn.functional.interpolate(cr.ones(1, 1, 4), size=2.5), TypeError),
        (lambda: nn.functional.cosine_embedding_loss(cr.ones(2, 2), cr.ones(2), cr.ones(2)), RuntimeError),
        (lambda: nn.utils.rnn.pack_padded_sequence(cr.ones(0, 0), []), RuntimeError),
        (lambda: nn.utils.spectral_norm(nn.Linear(1, 1), n_power_iterations=0), ValueError),
        (lambda: nn.utils.weight_norm(nn.utils.weight_norm(nn.Linear(1, 1))), RuntimeError),
    ],
)
def test_bad_arguments_are_named(call, error):
    with pytest.raises(error):
        call()


def test_layers_begin_again():
    for layer in (nn.PReLU(), nn.RMSNorm(3), nn.GroupNorm(1, 3), nn.EmbeddingBag(4, 3, padding_idx=1)):
        before = {name: tuple(p.shape) for name, p in layer.named_parameters()}
        for p in layer.parameters():
            p.data.fill_(9.0)
        layer.reset_parameters()
        assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == before
        assert all((p < 9.0).all() for p in layer.parameters())
    assert layer.weight[1].tolist() == [0, 0, 0]


def test_pooling_with_indices_has_a_name_of_its_own():
    values, where = nn.functional.max_pool1d_with_indices(cr.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    assert (values.tolist(), where.tolist()) == ([[[3, 2]]], [[[1, 2]]])


def test_older_paths_are_there():
    from chainrule.nn.utils.stateless import functional_call

    net = nn.Linear(1, 1, bias=False)
    assert functional_call(net, {"weight": cr.tensor([[3.0]])}, (cr.ones(1, 1),)).item() == 3.0
    assert nn.modules.utils._pair(3) == (3, 3)
    with cr.backends.cudnn.flags(enabled=False):
        net(cr.ones(1, 1)).sum().backward()
    assert net.weight.grad is not None


def test_second_derivatives_of_empty_batches_pass_gradcheck():
    net = nn.Conv1d(2, 3, 2).double()
    x = cr.zeros(0, 2, 4, dtype=cr.float64, requires_grad=True)
    assert cr.autograd.gradgradcheck(net, (x,))


def test_fused_layers_keep_what_is_trained():
    conv, norm = nn.Conv1d(1, 1, 1).eval(), nn.BatchNorm1d(1).eval()
    conv.bias.requires_grad_(False)
    fused = nn.utils.fuse_conv_bn_eval(conv, norm)
    assert fused.weight.requires_grad
    assert not fused.bias.requires_grad


@pytest.mark.parametrize("use", [lambda w: w + 1, lambda w: w * w, lambda w: -w, lambda w: w.exp(), lambda w: w.sum()])
def test_computing_with_a_lazy_parameter_is_refused(use):
    layer = nn.LazyLinear(3)
    with pytest.raises(ValueError, match=r"uninitialized parameter.*[Cc]all the module with a batch first"):
        use(layer.weight)
    assert layer(cr.ones(2, 5)).shape == (2, 3)


def test_old_spellings_warn_at_the_users_line():
    x = cr.ones(3)
    for call in (lambda: nn.functional.mse_loss(x, x, size_average=False), lambda: nn.L1Loss(reduce=False)(x, x)):
        with pytest.warns(UserWarning, match="please use reduction") as found:
            call()
        assert found[0].filename == __file__
