"""torch.nn.functional's names: activations, losses, convolution, pooling, normalisation, attention and the rest."""

from __future__ import annotations

from typing import Any

from ..ops.activations import (
    celu,
    elu,
    gelu,
    glu,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    rrelu,
    selu,
    silu,
    softplus,
    softsign,
)
from ..ops.activations import relu as _relu
from ..ops.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from ..ops.attention import (
    multi_head_attention_forward,
    scaled_dot_product_attention,
)
from ..ops.classification_losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
)
from ..ops.clipped_activations import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    relu6,
    softshrink,
    tanhshrink,
    threshold,
)
from ..ops.contraction import (
    bilinear,
    linear,
)
from ..ops.convolution import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from ..ops.ctc import (
    ctc_loss,
)
from ..ops.distance import (
    cosine_similarity,
    pairwise_distance,
    pdist,
)
from ..ops.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from ..ops.embedding import (
    embedding,
    embedding_bag,
)
from ..ops.exponential import (
    sigmoid,
)
from ..ops.fractional_pooling import fractional_max_pool2d, fractional_max_pool3d
from ..ops.hyperbolic import (
    tanh,
)
from ..ops.losses import (
    cosine_embedding_loss,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from ..ops.masks import one_hot
from ..ops.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from ..ops.padding import (
    pad,
)
from ..ops.patches import (
    channel_shuffle,
    fold,
    pixel_shuffle,
    pixel_unshuffle,
    unfold,
)
from ..ops.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from ..ops.resampling import (
    affine_grid,
    grid_sample,
    interpolate,
)
from ..ops.softmax import gumbel_softmax, log_softmax, softmax, softmin
from ..ops.unpooling import (
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_unpool1d,
    max_unpool2d,
    max_unpool3d,
)


def relu(input: Any, inplace: bool = False) -> Any:
    """max(x, 0), element by element; with `inplace` written into the input.

    >>> import chainrule as cr
    >>> relu(cr.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else _relu(input)


relu.prim = _relu.prim  # type: ignore[attr-defined]


def _writing(name: str, function: Any) -> Any:
    def write(input: Any, *args: Any, **kwargs: Any) -> Any:
        return function(input, *args, **kwargs, inplace=True)

    write.__name__ = write.__qualname__ = name + "_"
    write.__doc__ = f"""In-place form of `{name}`: written into the input, of a floating dtype and any shape.

    >>> import chainrule as cr
    >>> cr.nn.functional.{name}_(cr.tensor([0.5]){", 0.25, 2.0" if name == "threshold" else ""})
    tensor([0.5{"254" if name == "selu" else "000"}])
    """
    return write


relu_ = _writing("relu", relu)
hardtanh_ = _writing("hardtanh", hardtanh)
elu_ = _writing("elu", elu)
selu_ = _writing("selu", selu)
celu_ = _writing("celu", celu)
leaky_relu_ = _writing("leaky_relu", leaky_relu)
rrelu_ = _writing("rrelu", rrelu)
threshold_ = _writing("threshold", threshold)


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The older name of `interpolate`.

    Input (N, C, ...), as for `interpolate`.

    >>> import chainrule as cr
    >>> cr.nn.functional.upsample(cr.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The older name of `interpolate` with mode="nearest", for inputs (N, C, ...).

    >>> import chainrule as cr
    >>> cr.nn.functional.upsample_nearest(cr.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """The older name of `interpolate` with mode="bilinear" and aligned corners, for images (N, C, H, W).

    >>> import chainrule as cr
    >>> cr.nn.functional.upsample_bilinear(cr.tensor([[[[1.0, 3.0]]]]), size=(1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _indexed(function: Any) -> Any:
    """A pooling that returns (values, indices), under PyTorch's second name for it."""

    def with_indices(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{**kwargs, "return_indices": True})

    with_indices.__name__ = with_indices.__qualname__ = f"{function.__name__}_with_indices"
    with_indices.__doc__ = f"{function.__name__} with return_indices=True: (values, int64 indices)."
    return with_indices


for _pool in (
    *(max_pool1d, max_pool2d, max_pool3d, adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d),
    *(fractional_max_pool2d, fractional_max_pool3d),
):
    globals()[f"{_pool.__name__}_with_indices"] = _indexed(_pool)

__all__ = [
    "upsample_bilinear",
    "upsample_nearest",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
]
