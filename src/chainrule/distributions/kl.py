"""kl_divergence(p, q) = E_p log p - log q, by closed forms registered for pairs of classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.value import Tensor
from ..ops.classification_losses import binary_cross_entropy_with_logits
from ..ops.special import digamma, lgamma
from . import classes as k
from . import combined as c
from . import discrete as d
from . import gamma as g
from . import normal as n
from .distribution import Distribution
from .low_rank import LowRankMultivariateNormal
from .multivariate import MultivariateNormal, mahalanobis
from .scalar_transforms import sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_RULES: dict[tuple[type, type], Callable] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable], Callable]:
    """Decorator: the function computes kl_divergence(p, q) for these classes and their subclasses.

    >>> import chainrule as cr
    >>> class Point(cr.distributions.Normal):
    ...     pass
    ...
    >>> register = cr.distributions.register_kl(Point, Point)
    >>> divergence = register(lambda p, q: cr.tensor(7.0))
    >>> cr.distributions.kl_divergence(Point(0.0, 1.0), Point(0.0, 1.0))
    tensor(7.)
    """

    def decorate(function: Callable) -> Callable:
        _RULES[type_p, type_q] = function
        return function

    return decorate


def _rule(type_p: type, type_q: type) -> Callable | None:
    """The rule of the nearest base classes."""
    for p in type_p.__mro__:
        for q in type_q.__mro__:
            if (p, q) in _RULES:
                return _RULES[p, q]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """The Kullback-Leibler divergence E_p[log p(x) - log q(x)], of shape batch_shape.

    Raises:
        NotImplementedError: no rule is registered for the two classes.

    >>> from chainrule.distributions import Normal
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    rule = _rule(type(p), type(q))
    if rule is None:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}; estimate it as "
            "(p.log_prob(x) - q.log_prob(x)).mean() over x = p.rsample((1000,))"
        )
    return rule(p, q)


@register_kl(n.Normal, n.Normal)
def _normal_normal(p: Any, q: Any) -> Tensor:
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(n.Laplace, n.Laplace)
def _laplace_laplace(p: Any, q: Any) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


@register_kl(n.Cauchy, n.Cauchy)
def _cauchy_cauchy(p: Any, q: Any) -> Tensor:
    return ((p.scale + q.scale).square() + (p.loc - q.loc).square()).log() - (4 * p.scale * q.scale).log()


@register_kl(n.HalfNormal, n.HalfNormal)
def _half_normal(p: Any, q: Any) -> Tensor:
    if n.HalfCauchy in (type(p), type(q)):
        raise NotImplementedError("No KL(p || q) is implemented with a HalfCauchy")
    return _normal_normal(p._whole(), q._whole())


@register_kl(n.Uniform, n.Uniform)
def _uniform_uniform(p: Any, q: Any) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(n.Uniform, n.Normal)
def _uniform_normal(p: Any, q: Any) -> Tensor:
    width = p.high - p.low
    inside = (width / q.scale).square() / 12 + (((p.high + p.low) / 2 - q.loc) / q.scale).square()
    return 0.5 * math.log(2 * math.pi) + q.scale.log() - width.log() + 0.5 * inside


@register_kl(n.Normal, n.Laplace)
def _normal_laplace(p: Any, q: Any) -> Tensor:
    apart = p.loc - q.loc
    spread = math.sqrt(2 / math.pi) * p.scale * (-0.5 * (apart / p.scale).square()).exp()
    mean_distance = spread + apart * (math.sqrt(0.5) * apart / p.scale).erf()
    return -p.scale.log() + (2 * q.scale).log() + mean_distance / q.scale - 0.5 * (1 + math.log(2 * math.pi))


@register_kl(n.Exponential, n.Exponential)
def _exponential_exponential(p: Any, q: Any) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(g.Gamma, g.Gamma)
def _gamma_gamma(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a) + (a - b) * digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(n.Exponential, g.Gamma)
def _exponential_gamma(p: Any, q: Any) -> Tensor:
    ratio, b = q.rate / p.rate, q.concentration
    return -b * ratio.log() + ratio + lgamma(b) + b * 0.57721566490153286060 - (1 + 0.57721566490153286060)


@register_kl(g.Gamma, n.Exponential)
def _gamma_exponential(p: Any, q: Any) -> Tensor:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(g.Beta, g.Beta)
def _beta_beta(p: Any, q: Any) -> Tensor:
    return _dirichlet_dirichlet(p._dirichlet(), q._dirichlet())


@register_kl(g.Dirichlet, g.Dirichlet)
def _dirichlet_dirichlet(p: Any, q: Any) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    apart = ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)
    return lgamma(total) - lgamma(b.sum(-1)) - (lgamma(a) - lgamma(b)).sum(-1) + apart


@register_kl(d.Bernoulli, d.Bernoulli)
def _bernoulli_bernoulli(p: Any, q: Any) -> Tensor:
    from .utils import broadcast_all

    p_logits, q_logits, probs, q_probs = broadcast_all(p.logits, q.logits, p.probs, q.probs)
    cross = binary_cross_entropy_with_logits(q_logits, probs, reduction="none")
    found = cross - binary_cross_entropy_with_logits(p_logits, probs, reduction="none")
    impossible = ((q_probs == 0) & (probs > 0)) | ((q_probs == 1) & (probs < 1))
    return found.masked_fill(impossible, math.inf)


@register_kl(d.Binomial, d.Binomial)
def _binomial_binomial(p: Any, q: Any) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return kl.masked_fill((p.total_count > q.total_count).expand(kl.shape), math.inf)


@register_kl(d.Geometric, d.Geometric)
def _geometric_geometric(p: Any, q: Any) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(d.Poisson, d.Poisson)
def _poisson_poisson(p: Any, q: Any) -> Tensor:
    return p.rate.xlogy(p.rate) - p.rate.xlogy(q.rate) - (p.rate - q.rate)


@register_kl(k.Categorical, k.Categorical)
def _categorical_categorical(p: Any, q: Any) -> Tensor:
    t = p.probs * (p.logits - q.logits)
    t = t.masked_fill((q.probs == 0).expand(t.shape), math.inf)
    return t.masked_fill((p.probs == 0).expand(t.shape), 0.0).sum(-1)


@register_kl(k.OneHotCategorical, k.OneHotCategorical)
def _one_hot_one_hot(p: Any, q: Any) -> Tensor:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, MultivariateNormal)
def _normals(p: Any, q: Any) -> Tensor:
    from ..ops.linalg_systems import solve_triangular

    if p.event_shape != q.event_shape:
        from ..core.errors import ArgumentError

        raise ArgumentError(
            "KL-divergence between two Multivariate Normals with different event shapes cannot be computed: "
            f"{p.event_shape} and {q.event_shape}"
        )
    trace = solve_triangular(q.scale_tril, p.scale_tril, upper=False).square().sum((-2, -1))
    distance = mahalanobis(q.scale_tril, q.loc - p.loc)
    return q._half_log_det() - p._half_log_det() + 0.5 * (trace + distance - p.event_shape[0])


@register_kl(c.Independent, c.Independent)
def _independent_independent(p: Any, q: Any) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents with different reinterpreted_batch_ndims is not implemented")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(c.TransformedDistribution, c.TransformedDistribution)
def _transformed_transformed(p: Any, q: Any) -> Tensor:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of transformed distributions needs equal transforms")
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(c.Gumbel, c.Gumbel)
def _gumbel_gumbel(p: Any, q: Any) -> Tensor:
    euler, ratio = 0.57721566490153286060, p.scale / q.scale
    shift = (q.loc - p.loc) / q.scale
    return -ratio.log() - shift + ratio * euler + (shift + lgamma(1 + ratio)).exp() - (1 + euler)


@register_kl(c.Pareto, c.Pareto)
def _pareto_pareto(p: Any, q: Any) -> Tensor:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return found.masked_fill((p.scale < q.scale).expand(found.shape), math.inf)
