"""Habits of tutorials and training scripts, each with the answer that PyTorch's documentation gives."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.nn import functional as F  # noqa: N812

P = cr.tensor([[0.2, 0.7], [0.4, 0.9]])
Q = cr.tensor([[0.3, 0.6], [0.8, 0.1]])
SIGNS = cr.tensor([[1.0, -1.0], [-1.0, 1.0]])
CLASSES = cr.tensor([1, 0])
LOSSES = {
    F.mse_loss: (P, Q),
    F.l1_loss: (P, Q),
    F.smooth_l1_loss: (P, Q),
    F.poisson_nll_loss: (P, Q),
    F.soft_margin_loss: (P, SIGNS),
    F.hinge_embedding_loss: (P, SIGNS),
    F.margin_ranking_loss: (P[0], Q[0], SIGNS[0]),
    F.cosine_embedding_loss: (P, Q, SIGNS[0]),
    F.triplet_margin_loss: (P, Q, SIGNS),
    F.nll_loss: (P, CLASSES),
    F.cross_entropy: (P, CLASSES),
    F.binary_cross_entropy: (P, Q),
    F.binary_cross_entropy_with_logits: (P, Q),
    F.multi_margin_loss: (P, CLASSES),
    F.multilabel_margin_loss: (P, cr.tensor([[0, -1], [1, -1]])),
    F.multilabel_soft_margin_loss: (P, Q),
}


@pytest.mark.parametrize("old", [{"size_average": False}, {"reduce": False}, {"reduce": True, "size_average": True}])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_functional_losses_obey_the_old_spellings_of_reduction(loss, old):
    new = "none" if old.get("reduce") is False else "mean" if old.get("size_average") else "sum"
    with pytest.warns(UserWarning, match=f"use reduction='{new}'"):
        value = loss(*LOSSES[loss], **old)
    assert cr.equal(value, loss(*LOSSES[loss], reduction=new))


def test_loss_modules_warn_of_the_old_spellings():
    with pytest.warns(UserWarning, match="use reduction='sum'"):
        assert cr.nn.MSELoss(size_average=False).reduction == "sum"


@pytest.mark.parametrize("x", [cr.ones(4, 2, 3), cr.ones(4, 3)], ids=["batch", "single"])
def test_lstm_states_may_come_as_a_list(x):
    lstm = cr.nn.LSTM(3, 5)
    out, states = lstm(x)
    again, _ = lstm(x, [s.detach() for s in states])
    assert cr.equal(again, lstm(x, states)[0]) and not cr.equal(again, out)
    packed = cr.nn.utils.rnn.pack_sequence([cr.ones(3, 3), cr.ones(2, 3)])
    zeros = [cr.zeros(1, 2, 5), cr.zeros(1, 2, 5)]
    assert cr.equal(lstm(packed, zeros)[0].data, lstm(packed)[0].data)
    h, c = cr.nn.LSTMCell(3, 5)(cr.ones(2, 3), [cr.zeros(2, 5), cr.zeros(2, 5)])
    assert h.shape == c.shape == (2, 5)


def test_matplotlib_draws_tensors(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    x, y = cr.arange(3), cr.tensor([0.5, 2.0, 1.0])
    image = cr.eye(3)
    figure = pyplot.figure()
    flat, solid = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
    bars = flat.bar(x + 0.1, y, 0.2, label="named", color="red")
    assert [bar.get_height() for bar in bars] == y.tolist()
    counts, *edges, _ = flat.hist2d(y, y, bins=2)
    assert counts.sum() == 3 and [len(e) for e in edges] == [3, 3]
    flat.hist(y), flat.imshow(image), flat.scatter(x, y, c=y), flat.fill_between(x, y, y + 1)
    flat.plot(x, y), flat.stem(x, y), flat.contour(image), flat.pcolormesh(image), flat.boxplot(y)
    flat.errorbar(x, y, yerr=y), flat.text(x[0], y[0], "a")
    across, down = cr.meshgrid(x.float(), y, indexing="ij")
    solid.plot_surface(across, down, image)
    solid.plot_wireframe(across, down, image)
    solid.scatter(x, y, y)
    figure.savefig(tmp_path / "drawn.png")
    pyplot.close(figure)


@pytest.mark.parametrize("make", [cr.rand, cr.randn, cr.zeros, cr.ones, cr.empty])
def test_makers_take_their_size_by_name(make):
    assert make(size=(2, 3)).shape == (2, 3) and make(size=()).shape == () and make(size=[4]).shape == (4,)
    with pytest.raises(TypeError):
        make(2, size=(2,))


X = cr.arange(6.0).reshape(2, 3)
BY_NAME = {
    "reshape": (lambda: X.reshape(shape=(3, 2)), lambda: X.reshape(3, 2)),
    "view": (lambda: X.view(size=[6]), lambda: X.view(6)),
    "view as": (lambda: X.view(dtype=cr.int32), lambda: X.view(cr.int32)),
    "permute": (lambda: cr.permute(X, dims=(1, 0)), lambda: X.permute(1, 0)),
    "repeat": (lambda: X.repeat(repeats=(2, 1)), lambda: X.repeat(2, 1)),
    "tile": (lambda: cr.tile(X, dims=(2,)), lambda: X.tile(2)),
    "swapaxes": (lambda: X.swapaxes(axis0=0, axis1=1), lambda: X.transpose(dim0=0, dim1=1)),
}


@pytest.mark.parametrize("named", BY_NAME)
def test_sizes_and_dimensions_may_be_named(named):
    by_name, by_place = BY_NAME[named]
    assert cr.equal(by_name(), by_place())


def test_split_takes_its_size_by_the_methods_name():
    assert [p.shape for p in X.split(split_size=2, dim=1)] == [p.shape for p in X.split(2, 1)]


def test_a_lazy_weight_may_be_filled_before_it_has_a_shape():
    layer = cr.nn.LazyLinear(2)
    layer.weight.data.normal_(0, 0.01)
    layer.bias.data.fill_(0)
    assert isinstance(layer.weight, cr.nn.UninitializedParameter) and layer.weight.data.shape == (0,)
    assert layer(cr.ones(4, 3)).shape == (4, 2) and layer.weight.shape == (2, 3)


def test_an_rnns_weights_are_listed_flat_by_name():
    gru = cr.nn.GRU(2, 3, num_layers=2, bidirectional=True)
    names = gru._flat_weights_names
    assert names[:5] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_ih_l0_reverse"]
    assert [id(w) for w in gru._flat_weights] == [id(gru._parameters[name]) for name in names] and len(names) == 16


def test_a_schedule_names_the_module_it_is_imported_from():
    schedule = cr.optim.lr_scheduler.MultiStepLR(cr.optim.SGD([cr.ones(1, requires_grad=True)], lr=1.0), [1])
    assert schedule.__module__ == cr.optim.lr_scheduler.__name__


def test_histogram_has_a_hundred_bins_unless_told():
    hist, edges = cr.histogram(cr.linspace(0, 1, 1000), density=True)
    assert hist.shape == (100,) and edges.shape == (101,)
