"""LowRankMultivariateNormal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.value import Tensor, raw_shape
from ..ops.linalg_systems import solve_triangular
from ..ops.matrix import cholesky
from ..ops.random import randn
from ..tensor.creation import eye
from . import constraints
from .distribution import Distribution
from .utils import lazy_property


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of covariance W W^T + diag(d), for an n by r factor W of few columns.

    Densities take the r by r matrix I + W^T diag(d)^-1 W (Woodbury's identity and the determinant lemma).

    >>> d = LowRankMultivariateNormal(cr.zeros(2), cr.tensor([[1.0], [0.0]]), cr.ones(2))
    >>> d.covariance_matrix
    tensor([[2., 0.],
            [0., 1.]])
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ArgumentError("loc must be at least one-dimensional.")
        n = loc.shape[-1]
        if cov_factor.dim() < 2 or cov_factor.shape[-2] != n:
            raise ArgumentError(
                f"cov_factor must be a batch of matrices with shape (..., {n}, r), got {tuple(cov_factor.shape)}"
            )
        if cov_diag.dim() < 1 or cov_diag.shape[-1] != n:
            raise ArgumentError(f"cov_diag must be a batch of vectors of {n} numbers, got {tuple(cov_diag.shape)}")
        try:
            batch = np.broadcast_shapes(raw_shape(loc)[:-1], raw_shape(cov_factor)[:-2], raw_shape(cov_diag)[:-1])
        except ValueError:
            raise ArgumentError(
                f"Incompatible batch shapes: loc {tuple(loc.shape)}, cov_factor {tuple(cov_factor.shape)}, cov_diag "
                f"{tuple(cov_diag.shape)}"
            ) from None
        self.loc, self.cov_diag = loc.expand(*batch, n), cov_diag.expand(*batch, n)
        self.cov_factor = cov_factor.expand(*batch, *cov_factor.shape[-2:])
        super().__init__(batch, (n,), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        for name in ("scale_tril", "covariance_matrix", "precision_matrix", "_inner"):
            new.__dict__.pop(name, None)
        return new

    @lazy_property
    def _inner(self) -> Tensor:
        """The Cholesky factor of I + W^T diag(d)^-1 W."""
        w = self.cov_factor
        return cholesky(eye(w.shape[-1], dtype=w.dtype) + w.mT @ (w / self.cov_diag.unsqueeze(-1)))

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Tensor:
        return cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        w, d = self.cov_factor, self.cov_diag
        part = solve_triangular(self._inner, (w / d.unsqueeze(-1)).mT, upper=False)
        return d.reciprocal().diag_embed() - part.mT @ part

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @lazy_property
    def variance(self) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.cov_factor.square().sum(-1) + self.cov_diag

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        few = randn((*shape[:-1], self.cov_factor.shape[-1]), dtype=self.loc.dtype)
        along = (self.cov_factor @ few.unsqueeze(-1)).squeeze(-1)
        return self.loc + along + self.cov_diag.sqrt() * randn(shape, dtype=self.loc.dtype)

    def _half_log_det(self) -> Tensor:
        return self._inner.diagonal(dim1=-2, dim2=-1).log().sum(-1) + 0.5 * self.cov_diag.log().sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        x = value - self.loc
        scaled = x / self.cov_diag
        right = (self.cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        inner = self._inner.expand(*right.shape[:-1], *self._inner.shape[-2:])
        inside = solve_triangular(inner, right.unsqueeze(-1), upper=False).square().sum((-2, -1))
        distance = (x * scaled).sum(-1) - inside
        return -0.5 * (self.event_shape[0] * math.log(2 * math.pi) + distance) - self._half_log_det()

    def entropy(self) -> Tensor:
        return 0.5 * self.event_shape[0] * (1 + math.log(2 * math.pi)) + self._half_log_det()


__all__ = ["LowRankMultivariateNormal"]
