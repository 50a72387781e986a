"""Distributions with differentiable densities and draws. (PyTorch's torch.distributions.)

>>> import chainrule as cr
>>> from chainrule.distributions import Normal, kl_divergence
>>> loc = cr.tensor(0.5, requires_grad=True)
>>> kl_divergence(Normal(loc, 1.0), Normal(0.0, 1.0)).backward()
>>> loc.grad
tensor(0.5000)
"""

import sys as _sys

from . import (
    classes,
    combined,
    constraint_registry,
    constraints,
    continuous,
    discrete,
    distribution,
    gamma,
    low_rank,
    matrices,
    multivariate,
    normal,
    transforms,
    utils,
)
from . import kl_pairs as _kl_pairs  # noqa: F401 (registers its rules)
from . import relaxed as _relaxed
from .classes import Categorical, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough
from .combined import (
    Gumbel,
    Independent,
    LogNormal,
    MixtureSameFamily,
    Pareto,
    TransformedDistribution,
    Weibull,
)
from .constraint_registry import biject_to, transform_to
from .continuous import ContinuousBernoulli, GeneralizedPareto, Kumaraswamy, VonMises
from .discrete import (
    Bernoulli,
    Binomial,
    Geometric,
    NegativeBinomial,
    Poisson,
)
from .distribution import Distribution, ExponentialFamily
from .gamma import Beta, Chi2, Dirichlet, FisherSnedecor, Gamma, InverseGamma
from .kl import kl_divergence, register_kl
from .low_rank import LowRankMultivariateNormal
from .matrices import LKJCholesky, Wishart
from .multivariate import MultivariateNormal
from .normal import Cauchy, Exponential, HalfCauchy, HalfNormal, Laplace, Normal, StudentT, Uniform
from .relaxed import LogisticNormal, RelaxedBernoulli, RelaxedOneHotCategorical
from .transforms import *  # noqa: F403

# The paths where PyTorch keeps them, as in `from torch.distributions.categorical import Categorical`.
_PLACES = {
    "bernoulli": discrete, "beta": gamma, "binomial": discrete, "categorical": classes, "cauchy": normal, "chi2": gamma,
    "continuous_bernoulli": continuous, "fishersnedecor": gamma, "generalized_pareto": continuous,
    "kumaraswamy": continuous, "lkj_cholesky": matrices, "logistic_normal": _relaxed,
    "lowrank_multivariate_normal": low_rank, "von_mises": continuous, "wishart": matrices,
    "dirichlet": gamma, "exp_family": distribution, "exponential": normal, "geometric": discrete, "gumbel": combined,
    "half_cauchy": normal, "half_normal": normal, "independent": combined, "inverse_gamma": gamma, "laplace": normal,
    "log_normal": combined, "mixture_same_family": combined, "multinomial": classes,
    "multivariate_normal": multivariate,
    "negative_binomial": discrete, "one_hot_categorical": classes, "pareto": combined, "poisson": discrete,
    "relaxed_bernoulli": _relaxed, "relaxed_categorical": _relaxed, "studentT": normal,
    "transformed_distribution": combined, "uniform": normal, "weibull": combined,
}  # fmt: skip
for _name, _module in _PLACES.items():
    _sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ContinuousBernoulli",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "GeneralizedPareto",
    "Geometric",
    "Gumbel",
    "HalfCauchy",
    "HalfNormal",
    "Independent",
    "InverseGamma",
    "Kumaraswamy",
    "LKJCholesky",
    "Laplace",
    "LogNormal",
    "LogisticNormal",
    "LowRankMultivariateNormal",
    "MixtureSameFamily",
    "Multinomial",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Pareto",
    "Poisson",
    "RelaxedBernoulli",
    "RelaxedOneHotCategorical",
    "StudentT",
    "TransformedDistribution",
    "Uniform",
    "VonMises",
    "Weibull",
    "Wishart",
    "biject_to",
    "constraint_registry",
    "constraints",
    "kl_divergence",
    "register_kl",
    "transform_to",
    "transforms",
    "utils",
    *transforms.__all__,
]
