"""Helpers around modules: clipping, vectors of parameters, parametrizations, packed sequences, fusion."""

import sys as _sys
from importlib import import_module as _import_module
from typing import Any as _Any

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
clip_grad = convert_parameters = gradients
for _name in ("clip_grad", "convert_parameters"):
    _sys.modules[f"{__name__}.{_name}"] = gradients


def __getattr__(name: str) -> _Any:
    if name == "stateless":  # which needs the transformations
        return _import_module(f"{__name__}.stateless")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
