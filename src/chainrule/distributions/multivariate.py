"""MultivariateNormal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_shape
from ..ops.linalg_systems import solve_triangular
from ..ops.matrix import cholesky, cholesky_inverse
from ..ops.random import randn
from ..tensor.creation import eye
from . import constraints
from .distribution import Distribution
from .utils import lazy_property


class MultivariateNormal(Distribution):
    """exp(-(x - loc)^T S^-1 (x - loc) / 2) / sqrt((2 pi)^n det S), with S given as covariance_matrix, as its inverse
    precision_matrix, or by its Cholesky factor scale_tril.

    >>> MultivariateNormal(cr.zeros(2), cr.eye(2)).log_prob(cr.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if loc.dim() < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        given = {
            name: x
            for name, x in (
                ("covariance_matrix", covariance_matrix),
                ("precision_matrix", precision_matrix),
                ("scale_tril", scale_tril),
            )
            if x is not None
        }
        if len(given) != 1:
            raise ArgumentError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ArgumentError(f"{name} must be at least two-dimensional, with optional leading batch dimensions")
        batch = np.broadcast_shapes(raw_shape(matrix)[:-2], raw_shape(loc)[:-1])
        self.loc = loc.expand(*batch, loc.shape[-1])
        self.__dict__[name] = matrix.expand(*batch, *matrix.shape[-2:])
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        if scale_tril is not None:
            self._factor = scale_tril
        elif covariance_matrix is not None:
            self._factor = cholesky(covariance_matrix)
        else:
            self._factor = _factor_of_inverse(matrix)

    @lazy_property
    def scale_tril(self) -> Tensor:
        return self._factor.expand(*self.batch_shape, *self.event_shape, *self.event_shape)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return (self._factor @ self._factor.mT).expand(*self.batch_shape, *self.event_shape, *self.event_shape)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        return cholesky_inverse(self._factor).expand(*self.batch_shape, *self.event_shape, *self.event_shape)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._factor.square().sum(-1).expand(*self.batch_shape, *self.event_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        eps = randn(self._extended_shape(sample_shape), dtype=self.loc.dtype)
        return self.loc + (self._factor @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = mahalanobis(self._factor, value - self.loc)
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return self._factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def entropy(self) -> Tensor:
        found = 0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()
        return found.expand(self.batch_shape) if self.batch_shape else found


def mahalanobis(factor: Tensor, x: Tensor) -> Tensor:
    """x^T (L L^T)^-1 x over the last dimension of x, for a lower triangular L."""
    batch = np.broadcast_shapes(raw_shape(factor)[:-2], raw_shape(x)[:-1])
    n = x.shape[-1]
    wide = factor.expand(*batch, n, n)
    return solve_triangular(wide, x.expand(*batch, n).unsqueeze(-1), upper=False).square().sum((-2, -1))


def _factor_of_inverse(precision: Tensor) -> Tensor:
    """The Cholesky factor of P^-1: that of P with rows and columns reversed, inverted and reversed back."""
    flipped = cholesky(precision.flip(-2, -1)).flip(-2, -1).mT
    return solve_triangular(flipped, eye(precision.shape[-1], dtype=precision.dtype), upper=False)


__all__ = ["MultivariateNormal", "mahalanobis"]
