"""Batch norm folded into the layer before it, for evaluation."""

from __future__ import annotations

import copy
from typing import Any

from ..module import Module
from ..parameter import Parameter


def fuse_conv_bn_weights(
    conv_w: Any, conv_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any, transpose: bool = False
) -> tuple[Any, Any]:
    """Weight and bias of a convolution followed by batch norm in evaluation mode.

    Weight (out, in, ...) and the statistics (out).

    >>> import chainrule as cr
    >>> w, b = cr.nn.utils.fuse_conv_bn_weights(cr.ones(1, 1, 1), None, cr.zeros(1), 4 * cr.ones(1), 0.0, None, None)
    >>> w.item(), b.item()
    (0.5, -0.0)
    """
    scale = (bn_rv + bn_eps).rsqrt()
    if bn_w is not None:
        scale = scale * bn_w.detach()
    bias = -bn_rm if conv_b is None else conv_b.detach() - bn_rm
    shape = [1, -1, *[1] * (conv_w.dim() - 2)] if transpose else [-1, 1, *[1] * (conv_w.dim() - 2)]
    weight = conv_w.detach() * scale.reshape(shape)
    bias = bias * scale if bn_b is None else bias * scale + bn_b.detach()
    trained = conv_w.requires_grad if conv_b is None else conv_b.requires_grad
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, trained)


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Module:
    """One convolution that does what `conv` then `bn` do in evaluation mode.

    The new layer has the shapes and dtype of `conv`; both must be in evaluation mode.

    >>> import chainrule as cr
    >>> conv, bn = cr.nn.Conv1d(2, 3, 1).eval(), cr.nn.BatchNorm1d(3).eval()
    >>> x = cr.ones(1, 2, 4)
    >>> cr.allclose(cr.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
    True
    """
    if conv.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Any, Any]:
    """Weight and bias of a linear layer followed by batch norm in evaluation mode.

    Weight (out, in) and the statistics (out).

    >>> import chainrule as cr
    >>> one = cr.ones(1)
    >>> w, b = cr.nn.utils.fuse_linear_bn_weights(cr.ones(1, 1), one, 0 * one, 4 * one, 0.0, one, one)
    >>> w.item(), b.item()
    (0.5, 1.5)
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Module:
    """One linear layer that does what `linear` then `bn` do in evaluation mode.

    The new layer has the shapes and dtype of `linear`; both must be in evaluation mode.

    >>> import chainrule as cr
    >>> linear, bn = cr.nn.Linear(2, 3).eval(), cr.nn.BatchNorm1d(3).eval()
    >>> x = cr.ones(4, 2)
    >>> cr.allclose(cr.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
    True
    """
    return fuse_conv_bn_eval(linear, bn)
