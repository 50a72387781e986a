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
    """Zeros each element with probability p, and scales the rest by 1 / (1 - p)."""

    function = "dropout"


class Dropout1d(_DropoutNd):
    """Zeros whole channels of (N, C, L)."""

    function = "dropout1d"


class Dropout2d(_DropoutNd):
    """Zeros whole channels of (N, C, H, W)."""

    function = "dropout2d"


class Dropout3d(_DropoutNd):
    """Zeros whole channels of (N, C, D, H, W)."""

    function = "dropout3d"


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of SELU networks."""

    function = "alpha_dropout"


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels."""

    function = "feature_alpha_dropout"
