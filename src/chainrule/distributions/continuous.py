"""Numbers with bounds or on the circle: ContinuousBernoulli, Kumaraswamy, GeneralizedPareto, VonMises."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtypes import F64
from ..core.value import Tensor
from ..ops.classification_losses import binary_cross_entropy_with_logits
from ..ops.random import rand
from ..ops.special import digamma, i0e, i1e, lgamma
from ..tensor.modes import no_grad
from . import constraints
from .combined import TransformedDistribution
from .discrete import _Odds
from .distribution import Distribution, ExponentialFamily
from .normal import Uniform
from .scalar_transforms import AffineTransform, PowerTransform
from .utils import broadcast_all, clamp_probs, lazy_property

_EULER = 0.57721566490153286060


class ContinuousBernoulli(_Odds, ExponentialFamily):
    """C(p) p^x (1 - p)^(1 - x) for x in [0, 1] (Loaiza-Ganem and Cunningham 2019).

    Near p = 1/2, between `lims`, the normalising constant and the moments come from their Taylor series.

    >>> ContinuousBernoulli(cr.tensor([0.5, 0.25])).mean
    tensor([0.5000, 0.4102])
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple = (0.499, 0.501), validate_args: bool | None = None
    ) -> None:
        self._set_odds(probs, logits)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)
        if "probs" in self.__dict__:
            self.__dict__["probs"] = clamp_probs(self.__dict__["probs"])

    @lazy_property
    def probs(self) -> Tensor:
        return clamp_probs(self.logits.sigmoid())

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the closed forms hold, a probability safe for them, and p - 1/2."""
        far = (self.probs <= self._lims[0]) | (self.probs > self._lims[1])
        return far, self.probs.where(far, self.probs.new_full((), self._lims[0])), self.probs - 0.5

    def _log_constant(self) -> Tensor:
        far, p, x = self._split()
        closed = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        return closed.where(far, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x.square()) * x.square())

    @property
    def mean(self) -> Tensor:
        far, p, x = self._split()
        closed = p / (2.0 * p - 1.0) + 1.0 / ((-p).log1p() - p.log())
        return closed.where(far, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.square()) * x)

    @property
    def variance(self) -> Tensor:
        far, p, x = self._split()
        closed = p * (p - 1.0) / (1.0 - 2.0 * p).square() + 1.0 / ((-p).log1p() - p.log()).square()
        return closed.where(far, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x.square()) * x.square())

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return self._log_constant() - binary_cross_entropy_with_logits(logits, value, reduction="none")

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        far, p, _ = self._split()
        closed = (p.pow(value) * (1.0 - p).pow(1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        found = closed.where(far, value)
        return found.masked_fill(value <= 0.0, 0.0).masked_fill(value >= 1.0, 1.0)

    def icdf(self, value: Tensor) -> Tensor:
        far, p, _ = self._split()
        closed = ((-p + value * (2.0 * p - 1.0)).log1p() - (-p).log1p()) / (p.log() - (-p).log1p())
        return closed.where(far, value)

    def entropy(self) -> Tensor:
        low, high = (-self.probs).log1p(), self.probs.log()
        return self.mean * (low - high) - self._log_constant() - low


class Kumaraswamy(TransformedDistribution):
    """(1 - U^(1 / c0))^(1 / c1) of a uniform U: density c1 c0 x^(c1 - 1) (1 - x^c1)^(c0 - 1) on [0, 1].

    >>> Kumaraswamy(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(self.concentration0 * 0, self.concentration0 * 0 + 1, validate_args=validate_args)
        parts = [PowerTransform(1 / self.concentration0), AffineTransform(1.0, -1.0)]
        super().__init__(base, [*parts, PowerTransform(1 / self.concentration1)], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        a, b = self.concentration1.expand(batch_shape), self.concentration0.expand(batch_shape)
        return self._same_class(Kumaraswamy(a, b, validate_args=False))

    def _moment(self, n: int) -> Tensor:
        b, shifted = self.concentration0, 1 + n / self.concentration1
        return (b.log() + lgamma(shifted) + lgamma(b) - lgamma(shifted + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        found = ((a - 1) / (a * b - 1)).pow(1 / a)
        return found.masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1).square()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return (1 - 1 / b) + (1 - 1 / a) * (digamma(b + 1) + _EULER) - a.log() - b.log()


class GeneralizedPareto(Distribution):
    """(1 + c z)^(-1 - 1 / c) / scale for z = (x - loc) / scale >= 0: the tails of other distributions (Pickands 1975).

    The concentration c may have any sign; for c = 0 the distribution is exponential, for c < 0 it ends at
    loc - scale / c.

    >>> GeneralizedPareto(0.0, 2.0, 0.5).mean
    tensor(4.)
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        c = self.concentration
        end = self.loc - self.scale / c.masked_fill(c == 0, 1.0)
        return constraints.interval(self.loc, end.masked_fill(c >= 0, math.inf))

    def _split(self) -> tuple[Tensor, Tensor]:
        """Where c is not 0, and a c safe to divide by."""
        curved = self.concentration.abs() > 1e-12
        return curved, self.concentration.masked_fill(~curved, 1.0)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def _log_survival(self, value: Tensor) -> Tensor:
        """log P(X > value), and so on."""
        z = (value - self.loc) / self.scale
        curved, c = self._split()
        return (-(c * z).log1p() / c).where(curved, -z)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return (1 + self.concentration) * self._log_survival(value) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -self._log_survival(value).expm1()

    def icdf(self, value: Tensor) -> Tensor:
        curved, c = self._split()
        left = (-value).log1p()
        return self.loc + self.scale * ((-c * left).expm1() / c).where(curved, -left)

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        return (self.loc + self.scale / (1 - c)).masked_fill(c >= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        return (self.scale.square() / ((1 - c).square() * (1 - 2 * c))).masked_fill(c >= 0.5, math.inf)

    def entropy(self) -> Tensor:
        return 1 + self.scale.log() + self.concentration


class VonMises(Distribution):
    """exp(k cos(x - loc)) / (2 pi I0(k)) on the circle, with k the concentration; draws lie in [-pi, pi].

    Draws are by rejection from a wrapped Cauchy distribution (Best and Fisher 1979).

    >>> VonMises(0.0, cr.tensor([1.0])).log_prob(cr.tensor([0.0]))
    tensor([-1.0738])
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The direction that draws cluster around."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance 1 - I1(k) / I0(k)."""
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k = self.concentration
        return k * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(k).log()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            k = self.concentration.to(F64)
            tau = 1 + (1 + 4 * k.square()).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            r = ((1 + rho.square()) / (2 * rho)).where(k > 1e-4, 1 / k + k)
            found = k.new_zeros(shape)
            done = found > 0
            while not bool(done.all()):
                u = rand((3, *shape), dtype=F64)
                z = (math.pi * u[0]).cos()
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                kept = (c * (2 - c) > u[1]) | ((c / u[1]).log() + 1 - c >= 0)
                found = ((u[2] - 0.5).sign() * f.clamp(-1, 1).acos()).where(kept & ~done, found)
                done = done | kept
            turned = (found + math.pi + self.loc.to(F64)) % (2 * math.pi) - math.pi
            return turned.to(self.loc.dtype)


__all__ = ["ContinuousBernoulli", "GeneralizedPareto", "Kumaraswamy", "VonMises"]
