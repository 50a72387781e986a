"""PyTorch's torch.autograd: backward, grad, switches of recording, Function, checks, and the graph's public face."""

from types import SimpleNamespace as _Namespace

from .core.tape import NodeBase as _Node
from .tensor.autograd import backward, grad
from .tensor.function import Function, FunctionCtx, InplaceFunction
from .tensor.function import once_differentiable as _once_differentiable
from .tensor.gradcheck import GradcheckError, gradcheck, gradgradcheck
from .tensor.hooks import (
    detect_anomaly,
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
    set_detect_anomaly,
)
from .tensor.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)

function = _Namespace(
    Function=Function,
    FunctionCtx=FunctionCtx,
    InplaceFunction=InplaceFunction,
    once_differentiable=_once_differentiable,
)
graph = _Namespace(
    Node=_Node,
    saved_tensors_hooks=saved_tensors_hooks,
    save_on_cpu=save_on_cpu,
    disable_saved_tensors_hooks=disable_saved_tensors_hooks,
)
grad_mode = _Namespace(
    no_grad=no_grad, enable_grad=enable_grad, set_grad_enabled=set_grad_enabled, inference_mode=inference_mode
)
anomaly_mode = _Namespace(detect_anomaly=detect_anomaly, set_detect_anomaly=set_detect_anomaly)

__all__ = [
    "Function",
    "GradcheckError",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> object:
    if name in ("functional", "forward_ad"):
        from importlib import import_module

        return import_module(f".tensor.{name}", __package__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
