"""Helpers around modules: clipping, vectors of parameters, parametrizations, packed sequences, fusion."""

import sys as _sys
from types import ModuleType as _ModuleType

from ...transforms.modules import functional_call as _functional_call
from . import fusion, gradients, parametrizations, parametrize, prune, rnn
from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
from .gradients import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    skip_init,
    vector_to_parameters,
)
from .norm_hooks import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "fusion",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]

# PyTorch's paths: torch.nn.utils.clip_grad, torch.nn.utils.convert_parameters
# and torch.nn.utils.stateless.functional_call, which is torch.func's
clip_grad = convert_parameters = gradients
for _name in ("clip_grad", "convert_parameters"):
    _sys.modules[f"{__name__}.{_name}"] = gradients
stateless = _sys.modules[f"{__name__}.stateless"] = _ModuleType(f"{__name__}.stateless", "Another path to torch.func.")
stateless.functional_call = _functional_call  # type: ignore[attr-defined]
