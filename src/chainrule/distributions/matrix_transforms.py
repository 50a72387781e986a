"""Transforms whose values are matrices with a property, and the one that a distribution's cdf makes."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ArgumentError
from ..core.value import Tensor
from ..ops.activations import softplus
from ..ops.joining import cat
from ..ops.matrix import cholesky
from ..tensor.creation import eye
from . import constraints
from .event_transforms import LowerCholeskyTransform
from .scalar_transforms import Transform
from .utils import tril_matrix_to_vec, vec_to_tril_matrix


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers to the Cholesky factor of an n by n correlation matrix: rows of length 1.

    The numbers' tanh are canonical partial correlations; each row is a stick of length 1 broken by them
    (Lewandowski, Kurowicka and Joe 2009).

    >>> import chainrule as cr
    >>> cr.distributions.CorrCholeskyTransform()(cr.tensor([0.0]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    bijective = True
    domain, codomain = constraints.real_vector, constraints.corr_cholesky

    def _call(self, x: Tensor) -> Tensor:
        eps = 1.2e-7 if x.dtype.itemsize == 4 else 2.3e-16
        r = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), -1)
        left = (1 - r.square()).sqrt().cumprod(-1)
        before = cat([left.new_ones(*left.shape[:-1], 1), left[..., :-1]], -1)
        return (r + eye(r.shape[-1], dtype=r.dtype)) * before

    def _inverse(self, y: Tensor) -> Tensor:
        left = 1 - y.square().cumsum(-1)
        before = cat([left.new_ones(*left.shape[:-1], 1), left[..., :-1]], -1)
        return (tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(before, -1).sqrt()).atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = tril_matrix_to_vec(1 - y.square().cumsum(-1), -2)
        return 0.5 * left.log().sum(-1) - 2 * (x + softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        if len(shape) < 1:
            raise ArgumentError("Too few dimensions on input: CorrCholeskyTransform takes vectors")
        n = round((0.25 + 2 * shape[-1]) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != shape[-1]:
            raise ArgumentError(f"Input is not a flattened lower-diagonal number: {shape[-1]} is not n (n - 1) / 2")
        return (*shape[:-1], n, n)

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2:
            raise ArgumentError("Too few dimensions on input: the values of CorrCholeskyTransform are matrices")
        if shape[-2] != shape[-1]:
            raise ArgumentError(f"Input is not square: {tuple(shape)}")
        return (*shape[:-2], shape[-1] * (shape[-1] - 1) // 2)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CorrCholeskyTransform)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class PositiveDefiniteTransform(Transform):
    """A square matrix to L L^T, with the lower triangular L of LowerCholeskyTransform.

    >>> import chainrule as cr
    >>> cr.distributions.PositiveDefiniteTransform()(cr.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(cholesky(y))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PositiveDefiniteTransform)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class CumulativeDistributionTransform(Transform):
    """y = F(x) with the cumulative distribution function F of a distribution of numbers.

    >>> import chainrule as cr
    >>> cr.distributions.CumulativeDistributionTransform(cr.distributions.Normal(0.0, 1.0))(cr.tensor([0.0]))
    tensor([0.5000])
    """

    bijective = True
    codomain = constraints.unit_interval

    def __init__(self, distribution: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.distribution.support

    @property
    def sign(self) -> Any:
        return 1

    def _call(self, x: Tensor) -> Tensor:
        return self.distribution.cdf(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return self.distribution.log_prob(x)


__all__ = ["CorrCholeskyTransform", "CumulativeDistributionTransform", "PositiveDefiniteTransform"]
