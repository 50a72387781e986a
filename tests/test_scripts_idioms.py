"""What other people's training scripts take for granted: module paths, device boilerplate, pruning, windows."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.utils import prune

PATHS = [
    "nn.modules.conv.Conv2d",
    "nn.modules.batchnorm._BatchNorm",
    "nn.modules.utils._pair",
    "nn.modules.loss._Loss",
    "nn.utils.clip_grad.clip_grad_norm_",
    "nn.parallel.DataParallel",
    "nn.attention.SDPBackend",
    "optim.adamw.AdamW",
    "optim.optimizer.Optimizer",
    "utils.data.dataloader.DataLoader",
    "utils.data.sampler.RandomSampler",
    "utils.dlpack.from_dlpack",
    "backends.cuda.matmul.allow_tf32",
    "backends.cuda.sdp_kernel",
    "backends.cudnn.benchmark",
    "_C._LinAlgError",
    "signal.windows.hann",
    "version.cuda",
    "accelerator.is_available",
    "xpu.is_available",
    "mps.empty_cache",
    "distributed.is_available",
]


@pytest.mark.parametrize("path", PATHS)
def test_pytorchs_paths_lead_somewhere(path):
    *modules, name = path.split(".")
    found, left = cr, [*modules, name]
    for k in range(len(modules), 0, -1):
        try:
            found, left = importlib.import_module("chainrule." + ".".join(modules[:k])), [*modules[k:], name]
            break
        except ImportError:
            continue
    for part in left:
        found = getattr(found, part)


def test_choosing_a_device_falls_back_to_the_cpu():
    assert not cr.accelerator.is_available() and cr.accelerator.current_accelerator() is None
    assert not cr.cuda.is_available() and not cr.backends.mps.is_available() and not cr.xpu.is_available()
    with pytest.raises(RuntimeError, match="device"):
        cr.accelerator.synchronize()
    with pytest.raises(RuntimeError, match="one process"):
        cr.distributed.init_process_group("gloo")


def test_dropout2d_of_rows_warns_and_drops_elements():
    with pytest.warns(UserWarning, match="2D input"):
        y = cr.nn.functional.dropout2d(cr.ones(50, 40), 0.5)
    assert 0.3 < (y == 0).float().mean() < 0.7
    with pytest.raises(RuntimeError, match="received a 4D input"):
        cr.nn.functional.dropout1d(cr.ones(2, 2, 2, 2))


def test_a_pruned_weight_gets_no_gradient_where_it_is_masked():
    net = prune.l1_unstructured(cr.nn.Linear(3, 1, bias=False), "weight", 1)
    net(cr.ones(2, 3)).sum().backward()
    assert ((net.weight_orig.grad == 0) == (net.weight_mask == 0)).all()
    with cr.no_grad():
        net.weight_orig.add_(1.0)
    assert (net(cr.ones(1, 3)) == (net.weight_orig * net.weight_mask).sum()).all()
    prune.remove(net, "weight")
    assert not prune.is_pruned(net) and list(net.state_dict()) == ["weight"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: prune.l1_unstructured(m, "weight", 100), ValueError),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError),
        (lambda m: prune.l1_unstructured(m, "weight", "many"), TypeError),
        (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ValueError),
        (lambda m: prune.remove(m, "weight"), ValueError),
        (lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=2), TypeError),
    ],
)
def test_bad_prunings_change_nothing(call, error):
    module = cr.nn.Linear(3, 2)
    before = list(module.state_dict())
    with pytest.raises(error):
        call(module)
    assert list(module.state_dict()) == before


@pytest.mark.oracle
def test_pruning_is_torchs():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(4, 6)).astype("f4"), rng.normal(size=4).astype("f4")

    def pruned(library):
        net = library.nn.Linear(6, 4)
        net.load_state_dict({"weight": library.tensor(weight), "bias": library.tensor(bias)})
        library.nn.utils.prune.l1_unstructured(net, "weight", 0.3)
        library.nn.utils.prune.ln_structured(net, "weight", 1, n=float("inf"), dim=1)
        library.nn.utils.prune.l1_unstructured(net, "weight", 3)
        return list(net.state_dict()), net.weight_mask.numpy(), net.weight.detach().numpy()

    importlib.import_module("torch.nn.utils.prune")
    ours, theirs = pruned(cr), pruned(torch)
    assert ours[0] == theirs[0]
    np.testing.assert_array_equal(ours[1], theirs[1])
    np.testing.assert_array_equal(ours[2], theirs[2])


@pytest.mark.oracle
@pytest.mark.parametrize("name", importlib.import_module("chainrule.signal.windows").__all__)
def test_windows_are_torchs(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    more = {"a": [0.4, 0.3, 0.2, 0.1]} if name == "general_cosine" else {}
    for size in (0, 1, 2, 5, 8):
        for sym in (True, False):
            ours = getattr(cr.signal.windows, name)(size, sym=sym, dtype=cr.float64, **more)
            theirs = getattr(torch.signal.windows, name)(size, sym=sym, dtype=torch.float64, **more)
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-12)


def test_an_optimiser_around_another_that_leaves_out_the_bases_init():
    class Slow(cr.optim.Optimizer):  # lookahead: every second step goes half the way back
        def __init__(self, fast):
            self.fast, self.param_groups, self.steps = fast, fast.param_groups, 0
            self.state, self.defaults = fast.state, fast.defaults
            self.kept = [p.detach().clone() for group in self.param_groups for p in group["params"]]

        def step(self, closure=None):
            loss = self.fast.step(closure)
            self.steps += 1
            if self.steps % 2 == 0:
                for p, kept in zip(self.param_groups[0]["params"], self.kept, strict=True):
                    kept.copy_(p.data.lerp_(kept, 0.5))
            return loss

    p = cr.nn.Parameter(cr.tensor([4.0]))
    optimizer = Slow(cr.optim.SGD([p], lr=0.25))
    seen = []
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(o.steps))
    for _ in range(2):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
    assert p.item() == 2.5 and seen == [1, 2]
    assert optimizer.state_dict()["param_groups"][0]["lr"] == 0.25


def test_assert_allclose_as_older_tests_write_it():
    cr.testing.assert_allclose(cr.tensor([1.0, 2.0]), np.array([1.00005, 2.0]))
    cr.testing.assert_allclose(1.0, cr.tensor(1.0, dtype=cr.float64))
    with pytest.raises(AssertionError, match="not close"):
        cr.testing.assert_allclose(cr.tensor([1.0]), [1.1])
    with pytest.raises(AssertionError, match="off"):
        cr.testing.assert_allclose(cr.tensor([1.0]), [1.1], rtol=0.0, atol=0.01, msg="off")


def test_the_factor_may_stand_before_the_tensors_as_in_older_optimisers():
    p, grad, square = cr.tensor([1.0, 2.0]), cr.tensor([2.0, 4.0]), cr.zeros(2)
    square.mul_(0.5).addcmul_(0.5, grad, grad)
    assert square.tolist() == [2.0, 8.0]
    p.addcdiv_(-0.5, grad, square)
    assert p.tolist() == [0.5, 1.75]
    assert p.add_(-0.25, grad).tolist() == [0.0, 0.75] and p.sub(2, grad).tolist() == [-4.0, -7.25]
    assert cr.add(p, 2, grad).tolist() == [4.0, 8.75] and cr.addcmul(p, 1, grad, grad).tolist() == [4.0, 16.75]
    w = cr.tensor([3.0], requires_grad=True)
    cr.ones(1).add(2.0, w).addcmul(0.5, w, w).backward()
    assert w.grad.item() == 5.0
    for wrong in (lambda: p.add(1, 2), lambda: p.add(grad, grad), lambda: p.addcmul(1, grad, grad, grad)):
        with pytest.raises(TypeError, match="positional arguments"):
            wrong()


def test_timers_of_the_tutorials():
    from chainrule.utils.benchmark import Timer

    x = cr.ones(3)
    once = Timer(stmt="y = x.sum()", globals={"x": x}).timeit(20)
    assert once.number_per_run == 20 and len(once.times) == 1 and once.mean == once.times[0] > 0
    lines = repr(once).splitlines()
    assert lines[1] == "y = x.sum()" and lines[-1] == "  1 measurement, 20 runs , 1 thread"
    many = Timer("f(z)", "z = torch.ones(2)", globals={"f": cr.sin}, label="sine").blocked_autorange(min_run_time=0.01)
    assert len(many.times) > 1 and many.iqr >= 0 and "sine" in repr(many) and "Median: " in repr(many)
    with pytest.raises(NotImplementedError, match="c\\+\\+"):
        Timer("1;", language="c++")


def test_spawn_checks_what_it_is_given_before_it_starts_anything():
    with pytest.raises(TypeError, match="spawn\\(\\) takes a function, not int"):
        cr.multiprocessing.spawn(3)
    with pytest.raises(ValueError, match="nprocs counts processes and cannot be -1"):
        cr.multiprocessing.spawn(print, nprocs=-1)
    with pytest.raises(AttributeError, match=r"'chainrule.multiprocessing' has no attribute 'nothing'"):
        cr.multiprocessing.nothing  # noqa: B018
    assert cr.multiprocessing.spawn(abs, nprocs=1, start_method="fork") is None
    with pytest.raises(cr.multiprocessing.ProcessRaisedException, match="process 0 of 1 ended with exit code 1"):
        cr.multiprocessing.spawn(len, nprocs=1, start_method="fork")
