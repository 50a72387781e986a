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
