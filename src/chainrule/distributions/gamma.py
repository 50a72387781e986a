"""Gamma and what is made of it: Chi2, F, Beta, Dirichlet, InverseGamma; differentiable draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dtypes import F64
from ..core.value import Tensor, raw_dtype, raw_shape
from ..ops.gamma_draws import gamma_quantile_p
from ..ops.generators import uniform
from ..ops.joining import stack
from ..ops.special import digamma, igamma, igammac, lgamma
from ..tensor.creation import as_tensor
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .utils import broadcast_all


def log_standard_gamma(concentration: Tensor) -> Tensor:
    """Logarithm of standard_gamma, finite where the draw itself is too small for its dtype."""
    u = uniform(raw_shape(concentration), F64, None)
    c = concentration.to(F64)
    tail = (u.log() + lgamma(c + 1)) / c
    small = tail < math.log(1e-30)  # there the distribution function is x^c / gamma(c + 1), to full precision
    return tail.to(concentration.dtype).where(small, gamma_quantile_p(concentration.masked_fill(small, 1.0), u).log())


def standard_gamma(concentration: Tensor) -> Tensor:
    """One draw from Gamma(concentration, 1) for each element, differentiable (once) in the concentration."""
    return gamma_quantile_p(concentration, uniform(raw_shape(concentration), F64, None))


class Gamma(ExponentialFamily):
    """rate^c x^(c - 1) exp(-rate x) / gamma(c) for x >= 0, with c the concentration.

    >>> Gamma(2.0, cr.tensor([1.0, 4.0])).mean
    tensor([2.0000, 0.5000])
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support: Any = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.square()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        tiny = 1e-300 if self.rate.dtype.itemsize == 8 else 1e-38
        return (standard_gamma(self.concentration.expand(shape)) / self.rate).clamp(min=tiny)

    def log_prob(self, value: Tensor | float) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As Distribution.log_prob; plain numbers too, as in PyTorch."""
        value = as_tensor(value, dtype=self.rate.dtype)
        if self._validate_args:
            self._validate_sample(value)
        c, rate = self.concentration, self.rate
        return c.xlogy(rate) + (c - 1).xlogy(value) - rate * value - lgamma(c)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return igamma(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        c = self.concentration
        return c - self.rate.log() + lgamma(c) + (1 - c) * digamma(c)


class Chi2(Gamma):
    """The sum of the squares of df standard normal numbers: Gamma(df / 2, 1 / 2).

    >>> Chi2(3.0).variance
    tensor(6.)
    """

    arg_constraints = {"df": constraints.positive}  # noqa: RUF012

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (self.df,) = broadcast_all(df)
        super().__init__(0.5 * self.df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return self._same_class(Chi2(self.df.expand(batch_shape), validate_args=False))


class FisherSnedecor(Distribution):
    """The ratio of two means of squares, of df1 and of df2 standard normal numbers: the F distribution.

    >>> FisherSnedecor(1.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        df2 = self.df2.masked_fill(self.df2 <= 2, math.nan)
        return df2 / (df2 - 2)

    @property
    def mode(self) -> Tensor:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return found.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        df1, df2 = self.df1, self.df2.masked_fill(self.df2 <= 4, math.nan)
        return 2 * df2.square() * (df1 + df2 - 2) / (df1 * (df2 - 2).square() * (df2 - 4))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        above = Gamma(self.df1 * 0.5, self.df1, validate_args=False).rsample(sample_shape)
        return above / Gamma(self.df2 * 0.5, self.df2, validate_args=False).rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, b, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        constant = lgamma(a + b) - lgamma(a) - lgamma(b) + a * ratio.log()
        return constant + (a - 1) * value.log() - (a + b) * (ratio * value).log1p()


class InverseGamma(Distribution):
    """1 / X of a Gamma(concentration, rate) X.

    >>> InverseGamma(3.0, 4.0).mean
    tensor(2.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.concentration.size(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        found = self.rate / (self.concentration - 1)
        return found.masked_fill(self.concentration <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        found = self.rate.square() / ((c - 1).square() * (c - 2))
        return found.masked_fill(c <= 2, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return Gamma(self.concentration, self.rate, validate_args=False).rsample(sample_shape).reciprocal()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        c, rate = self.concentration, self.rate
        return c * rate.log() - (c + 1) * value.log() - rate / value - lgamma(c)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return igammac(self.concentration, self.rate / value)

    def entropy(self) -> Tensor:
        c = self.concentration
        return c + self.rate.log() + lgamma(c) - (1 + c) * digamma(c)


class Dirichlet(ExponentialFamily):
    """prod_i x_i^(c_i - 1) / B(c) on the simplex, with c the concentration along the last dimension.

    >>> Dirichlet(cr.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None) -> None:
        from ..core.errors import ArgumentError

        if concentration.dim() < 1:
            raise ArgumentError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        c = (self.concentration - 1).clamp(min=0.0)
        mode = c / c.sum(-1, True)
        flat = (self.concentration < 1).all(-1)
        largest = (mode == mode.amax(-1, True)).to(mode.dtype)
        return mode.where(~flat.unsqueeze(-1), largest)

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        total = c.sum(-1, True)
        return c * (total - c) / (total.square() * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        logs = log_standard_gamma(self.concentration.expand(self._extended_shape(sample_shape)))
        found, limits = logs.softmax(-1), np.finfo(raw_dtype(logs))
        return found.clamp(min=float(limits.tiny), max=1 - float(limits.epsneg))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        c = self.concentration
        return (c - 1).xlogy(value).sum(-1) + lgamma(c.sum(-1)) - lgamma(c).sum(-1)

    def entropy(self) -> Tensor:
        c = self.concentration
        k, total = c.size(-1), c.sum(-1)
        return lgamma(c).sum(-1) - lgamma(total) - (k - total) * digamma(total) - ((c - 1) * digamma(c)).sum(-1)


class Beta(ExponentialFamily):
    """x^(c1 - 1) (1 - x)^(c0 - 1) / B(c1, c0) on [0, 1].

    >>> Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.size(), validate_args=validate_args)

    def _dirichlet(self) -> Dirichlet:
        return Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet().mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.square() * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._dirichlet().rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet().log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet().entropy()


__all__ = ["Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "InverseGamma", "standard_gamma"]
