"""Dropout modules: active in training mode only."""

from __future__ import annotations

from typing import Any

from . import functional as F  # noqa: N812
from .module import Module


class _DropoutNd(Module):
    function: str

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Any) -> Any:
        return getattr(F, self.function)(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Zeros each element with probability p, and scales the rest by 1 / (1 - p).

    Input of any shape and a floating dtype; the output has both. In evaluation mode it is the identity. Srivastava et
    al. 2014.

    >>> import chainrule as cr
    >>> cr.nn.Dropout(0.5).eval()(cr.tensor([1.0, 2.0]))
    tensor([1., 2.])
    >>> sorted(set(cr.nn.Dropout(0.5)(cr.ones(100)).tolist()))
    [0.0, 2.0]
    """

    function = "dropout"


class Dropout1d(_DropoutNd):
    """Zeros whole channels of (N, C, L).

    Floating dtypes; the output has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.Dropout1d()(cr.ones(1, 2, 3)).shape
    torch.Size([1, 2, 3])
    """

    function = "dropout1d"


class Dropout2d(_DropoutNd):
    """Zeros whole channels of (N, C, H, W).

    Floating dtypes; the output has the input's shape. Tompson et al. 2015.

    >>> import chainrule as cr
    >>> cr.nn.Dropout2d()(cr.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 3, 3])
    """

    function = "dropout2d"


class Dropout3d(_DropoutNd):
    """Zeros whole channels of (N, C, D, H, W).

    Floating dtypes; the output has the input's shape.

    >>> import chainrule as cr
    >>> cr.nn.Dropout3d()(cr.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    function = "dropout3d"


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of SELU networks.

    Input of any shape and a floating dtype; the output has both. Klambauer et al. 2017.

    >>> import chainrule as cr
    >>> cr.nn.AlphaDropout(0.5).eval()(cr.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    function = "alpha_dropout"


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels.

    Input (N, C, ...) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.FeatureAlphaDropout().eval()(cr.ones(1, 2, 3)).shape
    torch.Size([1, 2, 3])
    """

    function = "feature_alpha_dropout"
