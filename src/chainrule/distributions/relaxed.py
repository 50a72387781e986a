"""LogisticNormal; differentiable stand-ins for Bernoulli and Categorical draws (Maddison and others; Jang and others,
2017)."""

from __future__ import annotations

import math
from typing import Any

from ..core.value import Tensor
from ..ops.random import rand
from ..ops.scans import logsumexp
from ..tensor.creation import scalar_tensor
from . import constraints
from .classes import Categorical
from .combined import TransformedDistribution
from .discrete import Bernoulli
from .distribution import Distribution
from .event_transforms import StickBreakingTransform
from .normal import Normal
from .utils import clamp_probs


class RelaxedBernoulli(Distribution):
    """sigmoid((logits + log U - log(1 - U)) / temperature) of a uniform U.

    >>> RelaxedBernoulli(0.5, probs=cr.tensor([0.5])).log_prob(cr.tensor([0.5]))
    tensor([-0.6931])
    """

    arg_constraints = Bernoulli.arg_constraints
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._base = Bernoulli(probs, logits, validate_args)
        super().__init__(self._base.batch_shape, validate_args=False)
        self._validate_args = self._base._validate_args

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._copy()
        new._base, new._batch_shape = self._base.expand(batch_shape), type(self._batch_shape)(batch_shape)
        return new

    @property
    def probs(self) -> Tensor:
        """Probabilities of 1."""
        return self._base.probs

    @property
    def logits(self) -> Tensor:
        """log(probs / (1 - probs))."""
        return self._base.logits

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        return ((self.logits + u.log() - (-u).log1p()) / self.temperature).sigmoid()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        x = value.log() - (-value).log1p()
        t = scalar_tensor(self.temperature, dtype=x.dtype) if isinstance(self.temperature, float) else self.temperature
        difference = self.logits - x * t
        slope = value.log() + (-value).log1p()
        return t.log() + difference - 2 * difference.exp().log1p() - slope


class RelaxedOneHotCategorical(Distribution):
    """softmax((logits + G) / temperature) of Gumbel numbers G, along the last dimension.

    >>> RelaxedOneHotCategorical(1.0, probs=cr.tensor([0.5, 0.5])).log_prob(cr.tensor([0.5, 0.5]))
    tensor(0.)
    """

    arg_constraints = Categorical.arg_constraints
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._base = Categorical(probs, logits, validate_args)
        super().__init__(self._base.batch_shape, self._base.param_shape[-1:], validate_args=False)
        self._validate_args = self._base._validate_args

    expand = RelaxedBernoulli.expand

    @property
    def probs(self) -> Tensor:
        """Probabilities along the last dimension."""
        return self._base.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of `probs`."""
        return self._base.logits

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return (scores - logsumexp(scores, -1, True)).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, x = self.event_shape[0], value.log()
        t = self.temperature
        log_t = t.log() if isinstance(t, Tensor) else math.log(t)
        score = self.logits - x * t
        score = (score - logsumexp(score, -1, True)).sum(-1)
        return score + math.lgamma(n) + log_t * (n - 1) - x.sum(-1)


class LogisticNormal(TransformedDistribution):
    """StickBreakingTransform of n independent normal numbers: n + 1 of them on the simplex.

    >>> LogisticNormal(cr.zeros(2), cr.ones(2)).sample().shape
    torch.Size([3])
    """

    arg_constraints = Normal.arg_constraints
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Tensor:
        """Means of the normal numbers."""
        return self.base_dist.base_dist.loc  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def scale(self) -> Tensor:
        """Standard deviations of the normal numbers."""
        return self.base_dist.base_dist.scale  # pyright: ignore[reportAttributeAccessIssue]


__all__ = ["LogisticNormal", "RelaxedBernoulli", "RelaxedOneHotCategorical"]
