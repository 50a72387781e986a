"""Distributions of matrices: LKJCholesky of correlations, Wishart of positive definite ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_shape
from ..ops.joining import cat
from ..ops.linalg_systems import solve_triangular
from ..ops.matrix import cholesky, cholesky_inverse
from ..ops.random import randn
from ..ops.special import digamma, lgamma, mvlgamma
from ..tensor.creation import arange
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .gamma import Beta, Chi2
from .multivariate import _factor_of_inverse
from .utils import broadcast_all, lazy_property


class LKJCholesky(Distribution):
    """The Cholesky factor of an n by n correlation matrix R with density proportional to det(R)^(concentration - 1).

    Draws by the onion method (Lewandowski, Kurowicka and Joe 2009, section 3.2).

    >>> LKJCholesky(2, 1.0).log_prob(cr.eye(2))
    tensor(-0.6931)
    """

    arg_constraints = {"concentration": constraints.positive}  # noqa: RUF012
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ArgumentError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.size(), (dim, dim), validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from ..tensor.modes import no_grad

        with no_grad():
            c, n = self.concentration, self.dim
            place = 0.5 * cat([c.new_zeros(1), arange(n - 1, dtype=c.dtype)])
            share = Beta(place + 0.5, (c + 0.5 * (n - 2)).unsqueeze(-1) - place, validate_args=False)
            length = share.sample(sample_shape).unsqueeze(-1).sqrt()
            direction = randn(self._extended_shape(sample_shape), dtype=c.dtype).tril(-1)
            norm = direction.square().sum(-1, True).sqrt()
            below = length * direction / norm.masked_fill(norm == 0, 1.0)
            tiny = float(np.finfo(below._data.dtype).tiny)
            return below + (1 - below.square().sum(-1)).clamp(min=tiny).sqrt().diag_embed()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        c, n = self.concentration, self.dim
        order = 2 * (c - 1).unsqueeze(-1) + (n - arange(2, n + 1, dtype=c.dtype))
        found = (order * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        alpha = c + 0.5 * (n - 1)
        return found - (0.5 * (n - 1) * math.log(math.pi) + mvlgamma(alpha - 0.5, n - 1) - lgamma(alpha) * (n - 1))


class Wishart(ExponentialFamily):
    """The sum of df outer products x x^T of normal vectors of covariance V; df may be any number above n - 1.

    V is given as covariance_matrix, as its inverse precision_matrix, or by its Cholesky factor scale_tril. Draws by
    Bartlett's decomposition.

    >>> Wishart(cr.tensor(3.0), cr.eye(2)).mean
    tensor([[3., 0.],
            [0., 3.]])
    """

    arg_constraints = {  # noqa: RUF012
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.greater_than(0),
    }
    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        names = ("covariance_matrix", "precision_matrix", "scale_tril")
        choices = zip(names, (covariance_matrix, precision_matrix, scale_tril), strict=True)
        given = [pair for pair in choices if pair[1] is not None]
        if len(given) != 1:
            raise ArgumentError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        name, matrix = given[0]
        if matrix is None or matrix.dim() < 2:
            raise ArgumentError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        (df,) = broadcast_all(df)
        event = matrix.shape[-2:]
        batch = np.broadcast_shapes(raw_shape(matrix)[:-2], raw_shape(df))
        self.df = df.to(matrix.dtype).expand(batch)
        self.__dict__[name] = matrix.expand(*batch, *event)
        if not bool((self.df > event[-1] - 1).all()):
            raise ArgumentError(f"Value of df={df} expected to be greater than ndim - 1 = {event[-1] - 1}.")
        super().__init__(batch, event, validate_args=validate_args)
        if name == "scale_tril":
            self._factor = matrix
        else:
            self._factor = cholesky(matrix) if name == "covariance_matrix" else _factor_of_inverse(matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.df = self.df.expand(batch_shape)
        return new

    @lazy_property
    def scale_tril(self) -> Tensor:
        return self._factor.expand(*self.batch_shape, *self.event_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return (self._factor @ self._factor.mT).expand(*self.batch_shape, *self.event_shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        return cholesky_inverse(self._factor).expand(*self.batch_shape, *self.event_shape)

    def _wide(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape, 1, 1)

    @property
    def mean(self) -> Tensor:
        return self._wide(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.event_shape[0] - 1
        return self._wide(factor.masked_fill(factor <= 0, math.nan)) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._wide(self.df) * (v.square() + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        n = self.event_shape[0]
        freedom = self.df.unsqueeze(-1) - arange(n, dtype=self.df.dtype)
        diagonal = Chi2(freedom, validate_args=False).rsample(sample_shape).sqrt()
        below = randn(self._extended_shape(sample_shape), dtype=self.df.dtype).tril(-1)
        factor = self._factor @ (below + diagonal.diag_embed())
        return factor @ factor.mT

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, df = self.event_shape[0], self.df
        factor = cholesky(value)
        log_det = 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        batch = np.broadcast_shapes(raw_shape(self._factor)[:-2], raw_shape(factor)[:-2])
        scale, factor = self._factor.expand(*batch, n, n), factor.expand(*batch, n, n)
        trace = solve_triangular(scale, factor, upper=False).square().sum((-2, -1))
        constant = df * (0.5 * n * math.log(2.0) + self._half_log_det()) + mvlgamma(df / 2, n)
        return 0.5 * (df - n - 1) * log_det - 0.5 * trace - constant

    def _half_log_det(self) -> Tensor:
        return self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        n, df = self.event_shape[0], self.df
        slope = digamma(df.unsqueeze(-1) / 2 - arange(n, dtype=df.dtype) / 2).sum(-1)
        first = (n + 1) * (0.5 * n * math.log(2.0) + self._half_log_det())
        return first + mvlgamma(df / 2, n) - 0.5 * (df - n - 1) * slope + 0.5 * df * n


__all__ = ["LKJCholesky", "Wishart"]
