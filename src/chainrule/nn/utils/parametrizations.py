"""Weight, spectral and orthogonal parametrizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.value import Tensor, raw_shape
from ...tensor.modes import no_grad
from ..module import Module
from .parametrize import register_parametrization


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
    >>> layer = cr.nn.utils.parametrizations.weight_norm(cr.nn.Linear(3, 2))
    >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
    {'bias': (2,), 'parametrizations.weight.original0': (2, 1), 'parametrizations.weight.original1': (2, 3)}
    """
    register_parametrization(module, name, WeightNorm(dim), unsafe=True)

    def rename(state: Any, prefix: str, *rest: Any) -> None:
        """Load what nn.utils.weight_norm saved."""
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state for key in old):
            for i, key in enumerate(old):
                state[f"{prefix}parametrizations.{name}.original{i}"] = state.pop(key)

    module._register_load_state_dict_pre_hook(rename)
    return module


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
                self._v.copy_(F.normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps))

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
    >>> layer = cr.nn.utils.parametrizations.spectral_norm(cr.nn.Linear(3, 2))
    >>> layer(cr.ones(1, 3)).shape
    torch.Size([1, 2])
    """
    transposed = type(module).__name__.startswith("ConvTranspose")
    dim = (1 if transposed else 0) if dim is None else dim
    return register_parametrization(module, name, SpectralNorm(getattr(module, name), n_power_iterations, dim, eps))


_MAPS = ("matrix_exp", "cayley", "householder")


def _q_factor(matrix: Any) -> Any:
    """The orthogonal factor Q of QR, with the signs that make diag(R) positive."""
    from ...ops.linalg_factor import qr

    q, r = qr(matrix)
    return q * r.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(matrix: Any) -> bool:
    n, k = raw_shape(matrix)[-2:]
    eps = 10 * n * np.finfo(matrix._data.dtype).eps
    return bool(np.allclose((matrix.mH @ matrix)._data, np.eye(k), atol=eps))


class Orthogonal(Module):
    """A free matrix X as a matrix Q with orthonormal columns (rows, where it is wide): Q^H Q = I.

    With A = tril(X) - tril(X)^H: Q = exp(A) ("matrix_exp"), Q = (I - A/2)^-1 (I + A/2) ("cayley"), or Q is the product
    of the Householder reflections below X's diagonal, with the signs on it ("householder"). With use_trivialization,
    `base` Q instead of Q (Lezcano-Casado 2019), so that any orthogonal matrix can be assigned.
    """

    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ArgumentError("The householder parametrization does not support complex tensors.")
        self.shape, self.orthogonal_map = raw_shape(weight), orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        from ...ops.joining import cat
        from ...ops.linalg_basic import matrix_exp
        from ...ops.linalg_factor import householder_product
        from ...ops.linalg_systems import solve
        from ...tensor.creation import eye

        rows, k = raw_shape(X)[-2:]
        wide = rows < k
        tall = X.mT if wide else X
        n, k = raw_shape(tall)[-2:]
        if self.orthogonal_map == "householder":
            lower = tall.tril(-1)
            tau = 2.0 / (1.0 + (lower * lower).sum(-2))
            q = householder_product(lower, tau) * tall.detach().diagonal(dim1=-2, dim2=-1).trunc().unsqueeze(-2)
        else:
            lower = tall.tril()
            if n != k:
                lower = cat([lower, lower.new_zeros((*raw_shape(lower)[:-1], n - k))], -1)
            a = lower - lower.mH
            if self.orthogonal_map == "matrix_exp":
                q = matrix_exp(a)
            else:
                one = eye(n, dtype=a.dtype)
                q = solve(one - a * 0.5, one + a * 0.5)
            q = q[..., :k]
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, Q: Any) -> Any:
        """X for a matrix that is to be assigned; with use_trivialization, Q moves into `base` and X starts anew."""
        from ...ops.joining import cat
        from ...ops.low_rank import geqrf

        if raw_shape(Q) != self.shape:
            raise ArgumentError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {raw_shape(Q)}."
            )
        wide = self.shape[-2] < self.shape[-1]
        tall = (Q.mT if wide else Q).detach()
        n, k = raw_shape(tall)[-2:]
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            a, tau = geqrf(tall)
            diagonal = a.diagonal(dim1=-2, dim2=-1)
            diagonal.copy_(diagonal.sign() * (1 - 2 * (tau == 0).to(a.dtype)))  # tau = 0: no reflection
            return a.mT if wide else a
        if n != k:
            noise = tall.new_empty((*raw_shape(tall)[:-1], n - k)).normal_()
            self.base = _q_factor(cat([tall, noise], -1))
        else:
            self.base = tall.clone() if _is_orthogonal(tall) else _q_factor(tall)
        start = Q.detach().clone().zero_()
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)  # no reflections, and for the other maps A = 0
        return start


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix, or a batch of them, orthogonal; it starts from the orthogonal factor of its present value.

    `orthogonal_map` is "matrix_exp" (the default for square and complex matrices), "cayley", or "householder" (the
    default for others). With use_trivialization=False the first two start from the value that X as it is gives.
    Shape and dtype stay. Raises ValueError for tensors of fewer than two dimensions and for other maps.
    Lezcano-Casado and Martinez-Rubio 2019.

    >>> import chainrule as cr
    >>> w = cr.nn.utils.parametrizations.orthogonal(cr.nn.Linear(3, 2)).weight
    >>> bool(cr.allclose(w @ w.T, cr.eye(2), atol=1e-6))
    True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:  # type: ignore[attr-defined]
        raise ArgumentError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")  # type: ignore[attr-defined]
    rows, columns = raw_shape(weight)[-2:]
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if rows == columns or weight.is_complex() else "householder"  # type: ignore[attr-defined]
    if orthogonal_map not in _MAPS:
        raise ArgumentError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    return register_parametrization(module, name, Orthogonal(weight, orthogonal_map, use_trivialization), unsafe=True)
