"""Normalisation layers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.value import raw_shape, wrap
from . import functional as F  # noqa: N812
from . import init
from .factory import full
from .lazy import LazyModule
from .module import Module
from .parameter import Parameter


class _Norm(Module):
    """Running statistics and affine parameters of batch and instance norm."""

    _version = 2  # 1: without num_batches_tracked

    dims: tuple[int, ...]  # numbers of dimensions that an input may have

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, value, wanted in (("weight", 1.0, affine), ("bias", 0.0, affine and bias)):
            self.register_parameter(name, Parameter(full(value, num_features, dtype=dtype)) if wanted else None)
        track = track_running_stats
        self.register_buffer("running_mean", full(0.0, num_features, dtype=dtype) if track else None)
        self.register_buffer("running_var", full(1.0, num_features, dtype=dtype) if track else None)
        self.register_buffer("num_batches_tracked", wrap(np.array(0, np.int64)) if track else None)

    def reset_running_stats(self) -> None:
        """Forget the statistics seen so far."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, statistics forgotten."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: dict, strict: bool, *lists: Any
    ) -> None:
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats and key not in state_dict:
            state_dict[key] = self.num_batches_tracked
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, *lists)

    def _check(self, input: Any) -> None:
        n = len(raw_shape(input))
        if n not in self.dims:
            wanted = " or ".join(f"{d}D" for d in self.dims)
            raise ShapeError(f"expected {wanted} input (got {n}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def forward(self, input: Any) -> Any:
        self._check(input)
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if keep else None,
            self.running_var if keep else None,
            self.weight,
            self.bias,
            by_batch,
            factor,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """(x - mean) / sqrt(var + eps) weight + bias, per channel of (N, C) or (N, C, L) (Ioffe and Szegedy 2015).

    The output has the input's shape; parameters and running statistics have shape (C) and `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.BatchNorm1d(1)(cr.tensor([[1.0], [3.0]])).tolist()
    [[-0.9999949932098389], [0.9999949932098389]]
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch norm of (N, C, H, W).

    The output has the input's shape; parameters and running statistics have shape (C) and `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.BatchNorm2d(3)(cr.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch norm of (N, C, D, H, W).

    The output has the input's shape; parameters and running statistics have shape (C) and `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.BatchNorm3d(3)(cr.ones(2, 3, 2, 2, 2)).shape
    torch.Size([2, 3, 2, 2, 2])
    """

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch norm of (N, C, ...); there is one process here, so that there is nothing to synchronise.

    Shapes as for BatchNorm1d, 2d and 3d.

    >>> import chainrule as cr
    >>> cr.nn.SyncBatchNorm(3)(cr.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    dims = (2, 3, 4, 5)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with a SyncBatchNorm, of the same tensors, in the place of every batch norm inside."""
        for name, child in list(module.named_children()):
            setattr(module, name, cls.convert_sync_batchnorm(child, process_group))
        if not isinstance(module, _BatchNorm) or isinstance(module, cls):
            return module
        made = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
        for kind in ("_parameters", "_buffers"):
            getattr(made, kind).update(getattr(module, kind))
        return made.train(module.training)


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Any) -> Any:
        self._check(input)
        single = len(raw_shape(input)) == self.dims[0]
        channels = raw_shape(input)[0 if single else 1]
        if channels != self.num_features:
            if self.affine:
                raise ShapeError(
                    f"expected input's size at dim={0 if single else 1} to match num_features ({self.num_features}), "
                    f"but got: {channels}."
                )
            warnings.warn(
                f"input's size at dim={0 if single else 1} does not match num_features. You can silence this warning "
                "by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        x = input.unsqueeze(0) if single else input
        out = F.instance_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )
        return out.squeeze(0) if single else out


class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, L).

    Floating dtypes; the output has the input's shape. Ulyanov et al. 2016.

    >>> import chainrule as cr
    >>> cr.nn.InstanceNorm1d(2)(cr.ones(1, 2, 3)).shape
    torch.Size([1, 2, 3])
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, H, W).

    Floating dtypes; the output has the input's shape. Ulyanov et al. 2016.

    >>> import chainrule as cr
    >>> cr.nn.InstanceNorm2d(2)(cr.ones(1, 2, 3, 3)).shape
    torch.Size([1, 2, 3, 3])
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each sample of (N, C, D, H, W).

    Floating dtypes; the output has the input's shape. Ulyanov et al. 2016.

    >>> import chainrule as cr
    >>> cr.nn.InstanceNorm3d(2)(cr.ones(1, 2, 3, 3, 3)).shape
    torch.Size([1, 2, 3, 3, 3])
    """

    dims = (4, 5)


def _lazy(full_class: type[_Norm]) -> type:
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        if axis != 1:  # the lazy instance norms have other defaults than the plain ones
            names = ("eps", "momentum", "affine", "track_running_stats")
            given = dict(zip(names, args, strict=False)) | kwargs
            args, kwargs = (), {"affine": True, "track_running_stats": True} | given
        self._hold(*args, **kwargs)

    name, sizes = full_class.__name__, ", ".join("3" * (full_class.dims[-1] - 2))
    doc = f"""{name} that learns num_features from its first input, of the shapes and dtypes of {name}.

    >>> import chainrule as cr
    >>> cr.nn.Lazy{name}()(cr.ones(1, 2, {sizes})).shape
    torch.Size([1, 2, {sizes}])
    """
    axis = 1 if issubclass(full_class, _BatchNorm) else 1 - full_class.dims[-1]
    fields = {"__init__": __init__, "full_class": full_class, "_lazy_axis": axis, "__doc__": doc}
    return type(f"Lazy{full_class.__name__}", (LazyModule, full_class), {**fields, "__module__": __name__})


LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = map(_lazy, (BatchNorm1d, BatchNorm2d, BatchNorm3d))
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = map(
    _lazy, (InstanceNorm1d, InstanceNorm2d, InstanceNorm3d)
)


def _as_shape(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, (int, np.integer)) else tuple(value)


class LayerNorm(Module):
    """(x - mean) / sqrt(var + eps) weight + bias over the last dimensions (Ba et al. 2016).

    Input (..., *normalized_shape) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.LayerNorm(2)(cr.tensor([[1.0, 3.0]])).tolist()
    [[-0.9999949932098389, 0.9999949932098389]]
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _as_shape(normalized_shape), eps, elementwise_affine
        shape = self.normalized_shape
        self.register_parameter("weight", Parameter(full(1.0, *shape, dtype=dtype)) if elementwise_affine else None)
        self.register_parameter(
            "bias", Parameter(full(0.0, *shape, dtype=dtype)) if elementwise_affine and bias else None
        )

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """x / sqrt(mean(x^2) + eps) weight over the last dimensions (Zhang and Sennrich 2019).

    Input (..., *normalized_shape) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.RMSNorm(2)(cr.tensor([3.0, 4.0])).tolist()
    [0.8485281467437744, 1.1313709020614624]
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _as_shape(normalized_shape), eps, elementwise_affine
        shape = self.normalized_shape
        self.register_parameter("weight", Parameter(full(1.0, *shape, dtype=dtype)) if elementwise_affine else None)

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalises groups of channels of each sample (Wu and He 2018).

    Input (N, C, ...) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.GroupNorm(2, 4)(cr.ones(1, 4, 3)).shape
    torch.Size([1, 4, 3])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name, value, wanted in (("weight", 1.0, affine), ("bias", 0.0, affine and bias)):
            self.register_parameter(name, Parameter(full(value, num_channels, dtype=dtype)) if wanted else None)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divides by a power of the sum of squares over neighbouring channels (Krizhevsky et al. 2012).

    Input (N, C, H, W) of a floating dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.CrossMapLRN2d(2, alpha=2.0, beta=1.0)(cr.ones(1, 2, 1, 1)).flatten()
    tensor([0.5000, 0.3333])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Any) -> Any:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


CrossMapLRN2d = LocalResponseNorm
