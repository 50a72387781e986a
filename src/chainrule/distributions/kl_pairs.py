"""kl_divergence of two different families: -H(p) - E_p log q, from p's entropy and the moments that log q asks for."""

from __future__ import annotations

import math
from typing import Any

from ..core.value import Tensor
from ..ops.special import digamma, lgamma
from .combined import Gumbel, Pareto
from .continuous import ContinuousBernoulli
from .discrete import Bernoulli, Binomial, Poisson
from .distribution import Distribution
from .gamma import Beta, Gamma
from .kl import register_kl
from .normal import Exponential, Laplace, Normal, Uniform
from .utils import broadcast_all

# p has values that q cannot have, whatever the parameters
_INFINITE = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
    Poisson: (Bernoulli, Binomial),
}


def _infinite(p: Distribution, q: Distribution) -> Tensor:
    shape = (p.mean if type(p) is not Gumbel else p.loc).size()  # pyright: ignore[reportAttributeAccessIssue]
    return p.mean.new_full(shape, math.inf)


for _p, _others in _INFINITE.items():
    for _q in _others:
        register_kl(_p, _q)(_infinite)


def _for_all(q: type, *families: type) -> Any:
    """register_kl for several families p."""

    def decorate(function: Any) -> Any:
        for p in families:
            register_kl(p, q)(function)
        return function

    return decorate


def _mean_log(p: Any) -> Tensor:
    """E log x."""
    if isinstance(p, Beta):
        return digamma(p.concentration1) - digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Pareto):
        return p.scale.log() + p.alpha.reciprocal()
    return (p.high.xlogy(p.high) - p.low.xlogy(p.low)) / (p.high - p.low) - 1


def _below(p: Any, bound: Any, found: Tensor) -> Tensor:
    """`found`, or infinity for a Uniform with values below `bound`."""
    return found.masked_fill(p.low < bound, math.inf) if isinstance(p, Uniform) else found


def _outside_unit(p: Any, found: Tensor) -> Tensor:
    return found.masked_fill((p.low < 0) | (p.high > 1), math.inf) if isinstance(p, Uniform) else found


@_for_all(Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto)
def _to_normal(p: Any, q: Any) -> Tensor:
    square = p.variance + (p.mean - q.loc).square()
    square = square.masked_fill(p.variance == math.inf, math.inf)
    return q.scale.log() + 0.5 * math.log(2 * math.pi) + 0.5 * square / q.scale.square() - p.entropy()


@_for_all(Exponential, Beta, ContinuousBernoulli, Pareto, Uniform)
def _to_exponential(p: Any, q: Any) -> Tensor:
    return _below(p, 0, q.rate * p.mean - q.rate.log() - p.entropy())


@_for_all(Gamma, Beta, Pareto, Uniform)
def _to_gamma(p: Any, q: Any) -> Tensor:
    c = q.concentration
    cross = lgamma(c) - c * q.rate.log() + q.rate * p.mean - (c - 1) * _mean_log(p)
    return _below(p, 0, cross - p.entropy())


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
@_for_all(ContinuousBernoulli, Beta, Uniform)
def _to_continuous_bernoulli(p: Any, q: Any) -> Tensor:
    log_density = p.mean * q.logits + (-q.probs).log1p() + q._log_constant()
    return _outside_unit(p, -log_density - p.entropy())


@_for_all(Uniform, Beta, ContinuousBernoulli)
def _to_uniform(p: Any, q: Any) -> Tensor:
    found = (q.high - q.low).log() - p.entropy()
    return found.masked_fill((q.low > 0) | (q.high < 1), math.inf)


@register_kl(Uniform, Beta)
def _uniform_to_beta(p: Any, q: Any) -> Tensor:
    a, b, width = q.concentration1, q.concentration0, p.high - p.low
    low, high = 1 - p.high, 1 - p.low  # of 1 - x
    log_rest = (high.xlogy(high) - low.xlogy(low)) / width - 1
    constant = lgamma(a) + lgamma(b) - lgamma(a + b)
    return _outside_unit(p, constant - (a - 1) * _mean_log(p) - (b - 1) * log_rest - p.entropy())


@register_kl(Uniform, Pareto)
def _uniform_to_pareto(p: Any, q: Any) -> Tensor:
    cross = (q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log()
    return _below(p, q.scale, cross - p.entropy())


@register_kl(Pareto, Exponential)
def _pareto_to_exponential(p: Any, q: Any) -> Tensor:
    found = _to_exponential(p, q)
    return found.masked_fill(p.alpha <= 1, math.inf)


@register_kl(Pareto, Gamma)
def _pareto_to_gamma(p: Any, q: Any) -> Tensor:
    found = _to_gamma(p, q)
    return found.masked_fill(p.alpha <= 1, math.inf)


@_for_all(Gumbel, Exponential, Gamma, Normal, Uniform)
def _to_gumbel(p: Any, q: Any) -> Tensor:
    """E log q asks for E exp(-x / scale), p's moment generating function."""
    beta = q.scale
    if isinstance(p, Normal):
        log_moment = 0.5 * (p.scale / beta).square() - p.loc / beta
    elif isinstance(p, Uniform):
        log_moment = (beta / (p.high - p.low) * ((-p.low / beta).exp() - (-p.high / beta).exp())).log()
    else:
        shape = 1.0 if isinstance(p, Exponential) else p.concentration
        log_moment = -shape * (1 / (p.rate * beta)).log1p()
    cross = beta.log() + (p.mean - q.loc) / beta + (log_moment + q.loc / beta).exp()
    return cross - p.entropy()


@register_kl(Bernoulli, Poisson)
def _bernoulli_to_poisson(p: Any, q: Any) -> Tensor:
    probs, rate = broadcast_all(p.probs, q.rate)
    return rate - probs.xlogy(rate) - p.entropy()
