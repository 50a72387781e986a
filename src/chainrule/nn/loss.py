"""Losses as modules: settings in the constructor, (input, target) in the call."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ..core.errors import ShapeError
from ..core.value import raw_shape
from ..ops.losses import spelled
from . import functional as F  # noqa: N812
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module
from .reshaping import PairwiseDistance


class _Loss(Module):
    """A loss with a reduction: none, mean or sum (size_average and reduce are PyTorch's old spellings)."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = spelled(reduction, size_average, reduce)


class L1Loss(_Loss):
    """|x - y|.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.L1Loss()(cr.tensor([1.0, 4.0]), cr.zeros(2))
    tensor(2.5000)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(x - y)^2.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.MSELoss()(cr.tensor([1.0, 3.0]), cr.zeros(2))
    tensor(5.)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, reduction=self.reduction)


class _Weighted(_Loss):
    def __init__(
        self, weight: Any = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class NLLLoss(_Weighted):
    """-x[target], for log-probabilities x.

    Input (N, C, ...) or (C), floating; target (N, ...) or 0-d, int64.

    >>> import chainrule as cr
    >>> cr.nn.NLLLoss()(cr.tensor([[-0.1, -2.4], [-1.2, -0.4]]), cr.tensor([0, 1]))
    tensor(0.2500)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


NLLLoss2d = NLLLoss


class CrossEntropyLoss(_Weighted):
    """-log softmax(x)[target]; target holds classes, or probabilities.

    Input (N, C, ...) or (C), floating; target (N, ...) of int64, or probabilities in the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.CrossEntropyLoss()(cr.tensor([[0.0, 0.0]]), cr.tensor([1]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Any, target: Any) -> Any:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class PoissonNLLLoss(_Loss):
    """exp(x) - target x, for counts.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.PoissonNLLLoss()(cr.tensor([0.0, 0.0]), cr.tensor([0.0, 3.0]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, log_input: Any, target: Any) -> Any:
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """(log var + (x - target)^2 / var) / 2.

    Input, target and var of one shape (var may have 1 last), floating.

    >>> import chainrule as cr
    >>> cr.nn.GaussianNLLLoss()(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([2.0]))
    tensor(1.3466)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Any, target: Any, var: Any) -> Any:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class KLDivLoss(_Loss):
    """target (log target - x), for log-probabilities x.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> q, p = cr.tensor([[0.25, 0.75]]).log(), cr.tensor([[0.5, 0.5]])
    >>> cr.nn.KLDivLoss(reduction="batchmean")(q, p)
    tensor(0.1438)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Any, target: Any) -> Any:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class BCELoss(_Weighted):
    """-(y log x + (1 - y) log(1 - x)), for probabilities x.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.BCELoss()(cr.tensor([0.5, 0.9]), cr.tensor([1.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Weighted):
    """Binary cross-entropy of sigmoid(x).

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.BCEWithLogitsLoss()(cr.tensor([0.0, 2.0]), cr.tensor([1.0, 1.0]))
    tensor(0.4100)
    """

    def __init__(
        self,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Any = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """x where y = 1, max(0, margin - x) where y = -1.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.HingeEmbeddingLoss()(cr.tensor([0.5, 0.5]), cr.tensor([1.0, -1.0]))
    tensor(0.5000)
    """

    def __init__(
        self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Any, target: Any) -> Any:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Sum over pairs of a target and another class of max(0, 1 - (x[target] - x[other])), by the number of classes.

    Input (N, C) or (C), floating; target in the same shape, int64, each row ending at its first -1.

    >>> import chainrule as cr
    >>> cr.nn.MultiLabelMarginLoss()(cr.tensor([[0.1, 0.2, 0.9]]), cr.tensor([[2, -1, -1]]))
    tensor(0.1667)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """(x - y)^2 / (2 beta) below beta, |x - y| - beta / 2 above.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.SmoothL1Loss()(cr.tensor([0.5, 3.0]), cr.zeros(2))
    tensor(1.3125)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x - y)^2 / 2 below delta, delta (|x - y| - delta / 2) above.

    Input and target of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.HuberLoss()(cr.tensor([0.5, 3.0]), cr.zeros(2))
    tensor(1.3125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-y x)).

    Input and target (1 or -1) of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.SoftMarginLoss()(cr.tensor([0.0, 2.0]), cr.tensor([1.0, 1.0]))
    tensor(0.4100)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_Weighted):
    """Mean over classes of the binary cross-entropy of sigmoid(x).

    Input and target (N, C), floating.

    >>> import chainrule as cr
    >>> cr.nn.MultiLabelSoftMarginLoss()(cr.tensor([[0.0, 2.0]]), cr.tensor([[1.0, 0.0]]))
    tensor(1.4100)
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where y = 1, max(0, cos(x1, x2) - margin) where y = -1.

    Inputs (N, D) or (D), y (N) or 0-d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.CosineEmbeddingLoss()(cr.tensor([[1.0, 0.0]]), cr.tensor([[0.0, 2.0]]), cr.tensor([1.0]))
    tensor(1.)
    """

    def __init__(
        self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(CosineEmbeddingLoss):
    """max(0, -y (x1 - x2) + margin).

    Three tensors of one shape, floating; 0-d unless reduction="none".

    >>> import chainrule as cr
    >>> cr.nn.MarginRankingLoss()(cr.tensor([1.0]), cr.tensor([3.0]), cr.tensor([1.0]))
    tensor(2.)
    """

    def forward(self, input1: Any, input2: Any, target: Any) -> Any:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_Weighted):
    """Mean over other classes of max(0, margin - x[y] + x[other])^p.

    Input (N, C), floating; target (N), int64.

    >>> import chainrule as cr
    >>> cr.nn.MultiMarginLoss()(cr.tensor([[0.1, 0.2, 0.9]]), cr.tensor([2]))
    tensor(0.1667)
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Any = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        self.p, self.margin = p, margin

    def forward(self, input: Any, target: Any) -> Any:
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference.

    Three tensors (N, D) or (D), floating.

    >>> import chainrule as cr
    >>> a, p, n = cr.zeros(1, 2), cr.tensor([[3.0, 4.0]]), cr.tensor([[0.0, 2.0]])
    >>> cr.nn.TripletMarginLoss()(a, p, n)
    tensor(4.0000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """Triplet loss with a distance function of one's own.

    Three tensors of shapes that the distance takes, floating.

    >>> import chainrule as cr
    >>> a, p, n = cr.zeros(1, 2), cr.tensor([[3.0, 4.0]]), cr.tensor([[0.0, 2.0]])
    >>> taxi = lambda x, y: (x - y).abs().sum(-1)
    >>> cr.nn.TripletMarginWithDistanceLoss(distance_function=taxi)(a, p, n)
    tensor(6.)
    """

    def __init__(
        self, *, distance_function: Any = None, margin: float = 1.0, swap: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction=reduction)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """-log of the summed probability of all alignments of the target (Graves et al. 2006).

    Log-probabilities (T, N, C), targets (N, S), lengths (N).

    >>> import chainrule as cr
    >>> log_probs = cr.zeros(4, 1, 3).log_softmax(2)
    >>> cr.nn.CTCLoss(reduction="sum")(log_probs, cr.tensor([[1, 2]]), cr.tensor([4]), cr.tensor([2]))
    tensor(1.6864)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-softmax over clusters of classes: frequent ones in the head, rare ones in projected tails (Grave 2017).

    Input (N, in_features) or (in_features), target (N) or 0-d of int64; returns (output, loss). Grave et al. 2017.

    >>> import chainrule as cr
    >>> loss = cr.nn.AdaptiveLogSoftmaxWithLoss(4, 6, cutoffs=[2])
    >>> loss(cr.ones(3, 4), cr.tensor([0, 1, 5])).output.shape
    torch.Size([3])
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Any,
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        if cutoffs != sorted(set(map(int, cutoffs))) or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1:
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                "value is between 1 and n_classes-1"
            )
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*cutoffs, n_classes]
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, dtype=dtype)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // (div_value ** (i + 1)))
            size = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, dtype=dtype), Linear(width, size, bias=False, dtype=dtype)
                )
            )

    def reset_parameters(self) -> None:
        """Fresh values in all linear layers."""
        for layer in (self.head, *(part for pair in self.tail for part in pair)):
            layer.reset_parameters()

    def log_prob(self, input: Any) -> Any:
        """Log-probabilities (N, n_classes) of all classes."""
        from ..ops.joining import cat

        head = F.log_softmax(self.head(input), dim=-1)
        n = self.shortlist_size
        parts = [head[..., :n]]
        for i, tail in enumerate(self.tail):
            parts.append(F.log_softmax(tail(input), dim=-1) + head[..., n + i : n + i + 1])
        return cat(parts, -1)

    def forward(self, input: Any, target: Any) -> Any:
        """(log-probability of each target, mean negative log-likelihood)."""
        if raw_shape(target) != raw_shape(input)[:-1]:
            raise ShapeError("Input and target should have the same size in the batch dimension.")
        output = self.log_prob(input).gather(-1, target.unsqueeze(-1)).squeeze(-1)
        return _AdaptiveResult(output, (-output).mean())

    def predict(self, input: Any) -> Any:
        """The most probable class of each row."""
        return self.log_prob(input).argmax(-1)


_AdaptiveResult = namedtuple("ASMoutput", ["output", "loss"])
