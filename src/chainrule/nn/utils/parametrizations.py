"""Weight, spectral and orthogonal parametrizations."""

from __future__ import annotations

from typing import Any

from ...core.value import raw_shape
from ...tensor.modes import no_grad
from ..module import Module
from .parametrize import register_parametrization, remove_parametrizations


def norm_except(v: Any, dim: int | None) -> Any:
    """The 2-norm of `v` over all dimensions but `dim` (None: over all), shaped to broadcast."""
    from ...ops.exponential import sqrt

    n = len(raw_shape(v))
    axes = tuple(range(n)) if dim is None or dim == -1 else tuple(i for i in range(n) if i != dim % n)
    squares = (v * v).sum(axes, keepdim=True)
    return sqrt(squares.sum() if dim is None or dim == -1 else squares)


class WeightNorm(Module):
    """g v / |v| (Salimans and Kingma 2016)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, g: Any, v: Any) -> Any:
        return v * (g / norm_except(v, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """(magnitude, direction) of a weight."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into magnitude and direction, trained separately.

    The magnitude has size 1 but in `dim`; the direction has the weight's shape. Salimans and Kingma 2016.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.weight_norm(cr.nn.Linear(3, 2))
    >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
    {'bias': (2,), 'parametrizations.weight.original0': (2, 1), 'parametrizations.weight.original1': (2, 3)}
    """
    return register_parametrization(module, name, WeightNorm(dim), unsafe=True)


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with its present value.

    Its shape and dtype stay.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.weight_norm(cr.nn.Linear(2, 2))
    >>> sorted(dict(cr.nn.utils.remove_weight_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return remove_parametrizations(module, name)


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with its present value.

    Its shape and dtype stay.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.spectral_norm(cr.nn.Linear(2, 2))
    >>> sorted(dict(cr.nn.utils.remove_spectral_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return remove_parametrizations(module, name)


class SpectralNorm(Module):
    """W / sigma(W), with the largest singular value estimated by power iteration (Miyato et al. 2018)."""

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        from .. import functional as F  # noqa: N812

        self.dim, self.n_power_iterations, self.eps = dim, n_power_iterations, eps
        if len(raw_shape(weight)) > 1:
            matrix = self._matrix(weight.detach())
            rows, columns = raw_shape(matrix)
            self.register_buffer("_u", F.normalize(matrix.new_empty(rows).normal_(0, 1), dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(matrix.new_empty(columns).normal_(0, 1), dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        moved = weight if self.dim == 0 else weight.movedim(self.dim, 0)
        return moved.reshape(raw_shape(moved)[0], -1)

    def _iterate(self, matrix: Any, times: int) -> None:
        from .. import functional as F  # noqa: N812

        with no_grad():
            for _ in range(times):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.mT.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        from .. import functional as F  # noqa: N812

        if len(raw_shape(weight)) == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        return weight / (self._u.clone() @ (matrix @ self._v.clone()))

    def right_inverse(self, value: Any) -> Any:
        """The weight itself."""
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value.

    The weight's shape and dtype stay. Miyato et al. 2018.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.spectral_norm(cr.nn.Linear(3, 2))
    >>> layer(cr.ones(1, 3)).shape
    torch.Size([1, 2])
    """
    transposed = type(module).__name__.startswith("ConvTranspose")
    dim = (1 if transposed else 0) if dim is None else dim
    return register_parametrization(module, name, SpectralNorm(getattr(module, name), n_power_iterations, dim, eps))


class Orthogonal(Module):
    """The matrix exponential of a skew-symmetric matrix: always orthogonal."""

    def __init__(self, base: Any) -> None:
        super().__init__()
        self.register_buffer("base", base)

    def forward(self, weight: Any) -> Any:
        from ...ops.linalg_basic import matrix_exp

        rows, columns = raw_shape(weight)[-2:]
        n = max(rows, columns)
        tall = weight if rows >= columns else weight.mT
        lower = tall.tril(-1)
        if n != raw_shape(lower)[-1]:
            from ...ops.joining import cat

            lower = cat([lower, lower.new_zeros((*raw_shape(lower)[:-1], n - raw_shape(lower)[-1]))], -1)
        q = matrix_exp(lower - lower.mT)
        q = self.base @ q[..., : min(rows, columns)]
        return q if rows >= columns else q.mT

    def right_inverse(self, value: Any) -> Any:
        """Start from the zero skew matrix, that is from `base`."""
        return value.detach() * 0


def orthogonal(module: Module, name: str = "weight", orthogonal_map: str | None = None, **settings: Any) -> Module:
    """Keep a matrix orthogonal, starting from the orthogonal factor of its present value."""
    import numpy as np

    from ...core.value import wrap

    weight = getattr(module, name).detach()
    rows, columns = raw_shape(weight)[-2:]
    data = np.asarray(weight._data)
    q, r = np.linalg.qr(data if rows >= columns else np.swapaxes(data, -1, -2), mode="complete")
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    full = np.concatenate([signs, np.ones(max(rows, columns) - signs.shape[-1], q.dtype)]) if q.ndim == 2 else 1.0
    return register_parametrization(module, name, Orthogonal(wrap(q * full)), unsafe=True)
