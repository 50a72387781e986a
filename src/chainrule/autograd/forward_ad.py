"""PyTorch's torch.autograd.forward_ad: dual tensors by hand."""

from ..tensor import forward_ad as _forward_ad
from ..tensor.forward_ad import (
    UnpackedDualTensor,
    dual_level,
    enter_dual_level,
    exit_dual_level,
    make_dual,
    unpack_dual,
)

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


def __getattr__(name: str) -> object:
    if name == "_current_level":
        return len(_forward_ad._levels) - 1
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
