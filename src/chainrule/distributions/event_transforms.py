"""Transforms of whole vectors and matrices, and of the parts of a tensor."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError
from ..core.value import Tensor
from ..ops.activations import softplus
from ..ops.joining import cat, stack
from ..tensor.attributes import Size
from . import constraints
from .scalar_transforms import Transform, sum_rightmost


class SoftmaxTransform(Transform):
    """y = softmax(x); the inverse takes log y. Not a bijection.

    >>> import chainrule as cr
    >>> cr.distributions.SoftmaxTransform()(cr.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoftmaxTransform)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class StickBreakingTransform(Transform):
    """n numbers to n + 1 on the simplex: each takes its sigmoid's share of what is left of a stick.

    >>> import chainrule as cr
    >>> cr.distributions.StickBreakingTransform()(cr.tensor([0.0]))
    tensor([0.5000, 0.5000])
    """

    bijective = True
    domain, codomain = constraints.real_vector, constraints.simplex

    def _offset(self, x: Tensor, n: int) -> Tensor:
        return (x.new_ones(x.shape[-1]) * (n + 1)) - x.new_ones(x.shape[-1]).cumsum(-1)

    def _call(self, x: Tensor) -> Tensor:
        z = (x - self._offset(x, x.shape[-1]).log()).sigmoid()
        one = x.new_ones(*x.shape[:-1], 1)
        left = (1 - z).cumprod(-1)
        return cat([z, one], -1) * cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        head = y[..., :-1]
        left = (1 - head.cumsum(-1)).clamp(min=1.2e-38)
        return head.log() - left.log() + self._offset(head, head.shape[-1]).log()

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        x = x - self._offset(x, x.shape[-1]).log()
        return (-x + (-softplus(-x)) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return (*shape[:-1], shape[-1] + 1)

    def inverse_shape(self, shape: Any) -> Any:
        return (*shape[:-1], shape[-1] - 1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StickBreakingTransform)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class LowerCholeskyTransform(Transform):
    """A square matrix to a lower triangular one with positive diagonal: exp on the diagonal, zero above.

    >>> import chainrule as cr
    >>> cr.distributions.LowerCholeskyTransform()(cr.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LowerCholeskyTransform)

    __hash__ = None  # pyright: ignore[reportAssignmentType]


class IndependentTransform(Transform):
    """`base_transform` with the last batch dimensions taken as part of the event.

    >>> import chainrule as cr
    >>> t = cr.distributions.IndependentTransform(cr.distributions.ExpTransform(), 1)
    >>> t.log_abs_det_jacobian(cr.ones(3), cr.ones(3).exp())
    tensor(3.)
    """

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.base_transform, self.reinterpreted_batch_ndims = base_transform, reinterpreted_batch_ndims
        self.bijective = base_transform.bijective
        self.domain = constraints.independent(base_transform.domain, reinterpreted_batch_ndims)
        self.codomain = constraints.independent(base_transform.codomain, reinterpreted_batch_ndims)

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Any:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Any:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class ReshapeTransform(Transform):
    """Events of one shape as events of another.

    >>> import chainrule as cr
    >>> cr.distributions.ReshapeTransform((4,), (2, 2))(cr.arange(4)).shape
    torch.Size([2, 2])
    """

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ArgumentError("in_shape, out_shape have different numbers of elements")
        self.domain = constraints.independent(constraints.real, len(self.in_shape))
        self.codomain = constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[: x.dim() - len(self.in_shape)], *self.out_shape)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(*y.shape[: y.dim() - len(self.out_shape)], *self.in_shape)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.dim() - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Any:
        return (*shape[: len(shape) - len(self.in_shape)], *self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return (*shape[: len(shape) - len(self.out_shape)], *self.in_shape)


class _Parts(Transform):
    """Several transforms, each for its slice along `dim`."""

    def __init__(self, tseq: Any, dim: int = 0, lengths: Any = None, cache_size: int = 0) -> None:
        super().__init__(cache_size)
        self.transforms, self.dim = list(tseq), dim
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        self.bijective = all(t.bijective for t in self.transforms)

    def _apart(self, x: Tensor) -> list:
        raise NotImplementedError

    def _together(self, parts: list) -> Tensor:
        raise NotImplementedError

    def _call(self, x: Tensor) -> Tensor:
        return self._together([t(part) for t, part in zip(self.transforms, self._apart(x), strict=True)])

    def _inverse(self, y: Tensor) -> Tensor:
        return self._together([t.inv(part) for t, part in zip(self.transforms, self._apart(y), strict=True)])

    def _determinants(self, x: Tensor, y: Tensor) -> list:
        """Of the parts, each summed over as many dimensions as the whole's events have."""
        parts = zip(self.transforms, self._apart(x), self._apart(y), strict=True)
        extra = [self.event_dim - t.event_dim for t in self.transforms]
        found = [t.log_abs_det_jacobian(a, b) for t, a, b in parts]
        return [sum_rightmost(x, n) for x, n in zip(found, extra, strict=True)]


class CatTransform(_Parts):
    """Transforms side by side, of slices of the given lengths along `dim`.

    >>> import chainrule as cr
    >>> t = cr.distributions.CatTransform([cr.distributions.ExpTransform(), cr.distributions.AbsTransform()])
    >>> t(cr.tensor([0.0, -2.0]))
    tensor([1., 2.])
    """

    @property
    def domain(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @property
    def codomain(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _apart(self, x: Tensor) -> list:
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        return [x.narrow(self.dim, s, n) for s, n in zip(starts, self.lengths, strict=True)]

    def _together(self, parts: list) -> Tensor:
        return cat(parts, self.dim)

    @property
    def length(self) -> int:
        """How many entries along `dim` the parts take together."""
        return sum(self.lengths)

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        found = self._determinants(x, y)
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        return cat(found, dim) if dim < 0 else sum(found[1:], found[0])  # a dimension of the event: one number for all


class StackTransform(_Parts):
    """Transforms side by side, one for each index of `dim`.

    >>> import chainrule as cr
    >>> t = cr.distributions.StackTransform([cr.distributions.ExpTransform(), cr.distributions.AbsTransform()])
    >>> t(cr.tensor([0.0, -2.0]))
    tensor([1., 2.])
    """

    def __init__(self, tseq: Any, dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(tseq, dim, None, cache_size)

    @property
    def domain(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @property
    def codomain(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _apart(self, x: Tensor) -> list:
        return [x.select(self.dim, i) for i in range(len(self.transforms))]

    def _together(self, parts: list) -> Tensor:
        return stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return stack(self._determinants(x, y), self.dim)


__all__ = [
    "SoftmaxTransform",
    "StickBreakingTransform",
    "LowerCholeskyTransform",
    "IndependentTransform",
    "ReshapeTransform",
    "CatTransform",
    "StackTransform",
]
