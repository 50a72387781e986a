"""Pooling modules."""

from __future__ import annotations

from typing import Any

from ..core.errors import ArgumentError
from . import functional as F  # noqa: N812
from .conv import spread
from .module import Module


def _three(name: str) -> tuple:
    return tuple(getattr(F, f"{name}{n}d") for n in (1, 2, 3))


class _MaxPoolNd(Module):
    n: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        return _three("max_pool")[self.n - 1](
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """Largest value of each window.

    (N, C, L) to (N, C, L'), L' = (L + 2 padding - dilation (k - 1) - 1) // stride + 1; real dtypes.

    >>> import chainrule as cr
    >>> cr.nn.MaxPool1d(2)(cr.tensor([[1.0, 3.0, 7.0, 5.0]]))
    tensor([[3., 7.]])
    """

    n = 1


class MaxPool2d(_MaxPoolNd):
    """Largest value of each window.

    (N, C, H, W) to (N, C, H', W'), sizes as for MaxPool1d; real dtypes.

    >>> import chainrule as cr
    >>> cr.nn.MaxPool2d(2)(cr.ones(1, 3, 4, 4)).shape
    torch.Size([1, 3, 2, 2])
    """

    n = 2


class MaxPool3d(_MaxPoolNd):
    """Largest value of each window.

    (N, C, D, H, W) to (N, C, D', H', W'), sizes as for MaxPool1d; real dtypes.

    >>> import chainrule as cr
    >>> cr.nn.MaxPool3d(2)(cr.ones(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    n = 3


class _MaxUnpoolNd(Module):
    n: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.kernel_size, self.stride, self.padding = (spread(v, self.n) for v in (kernel_size, stride, padding))

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        return _three("max_unpool")[self.n - 1](
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts pooled values back where they came from, zeros elsewhere.

    Values and int64 indices (N, C, L) as MaxPool1d with return_indices=True gave them.

    >>> import chainrule as cr
    >>> values, indices = cr.nn.MaxPool1d(2, return_indices=True)(cr.tensor([[1.0, 3.0, 7.0, 5.0]]))
    >>> cr.nn.MaxUnpool1d(2)(values, indices)
    tensor([[0., 3., 7., 0.]])
    """

    n = 1


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts pooled values back where they came from, zeros elsewhere.

    Values and int64 indices (N, C, H, W) as MaxPool2d with return_indices=True gave them.

    >>> import chainrule as cr
    >>> values, indices = cr.nn.MaxPool2d(2, return_indices=True)(cr.ones(1, 1, 4, 4))
    >>> cr.nn.MaxUnpool2d(2)(values, indices).shape
    torch.Size([1, 1, 4, 4])
    """

    n = 2


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts pooled values back where they came from, zeros elsewhere.

    Values and int64 indices (N, C, D, H, W) as MaxPool3d with return_indices=True gave them.

    >>> import chainrule as cr
    >>> values, indices = cr.nn.MaxPool3d(2, return_indices=True)(cr.ones(1, 1, 4, 4, 4))
    >>> cr.nn.MaxUnpool3d(2)(values, indices).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    n = 3


class AvgPool1d(Module):
    """Mean of each window.

    (N, C, L) to (N, C, L'), L' = (L + 2 padding - k) // stride + 1; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool1d(2)(cr.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        stride = kernel_size if stride is None else stride
        if type(self) is AvgPool1d:
            kernel_size, stride, padding = (spread(v, 1) for v in (kernel_size, stride, padding))
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(AvgPool1d):
    """Mean of each window.

    (N, C, H, W) to (N, C, H', W'), sizes as for AvgPool1d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool2d(2)(cr.ones(1, 3, 4, 4)).shape
    torch.Size([1, 3, 2, 2])
    """

    n = 2

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        return _three("avg_pool")[self.n - 1](
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(AvgPool2d):
    """Mean of each window.

    (N, C, D, H, W) to (N, C, D', H', W'), sizes as for AvgPool1d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AvgPool3d(2)(cr.ones(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    n = 3


class _LPPoolNd(Module):
    n: int

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Any) -> Any:
        return _three("lp_pool")[self.n - 1](
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """p-norm of each window.

    (N, C, L) to (N, C, L'), sizes as for AvgPool1d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.LPPool1d(2, 2)(cr.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """

    n = 1


class LPPool2d(_LPPoolNd):
    """p-norm of each window.

    (N, C, H, W) to (N, C, H', W'), sizes as for AvgPool1d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.LPPool2d(2, 2)(cr.ones(1, 2, 2))
    tensor([[[2.]]])
    """

    n = 2


class LPPool3d(_LPPoolNd):
    """p-norm of each window.

    (N, C, D, H, W) to (N, C, D', H', W'), sizes as for AvgPool1d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.LPPool3d(2, 2)(cr.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 1, 1, 1])
    """

    n = 3


class _AdaptiveNd(Module):
    n: int
    kind: str

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Any) -> Any:
        pool = _three(f"adaptive_{self.kind}_pool")[self.n - 1]
        if self.kind == "max":
            return pool(input, self.output_size, self.return_indices)
        return pool(input, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveNd):
    """Largest values of windows that give the output size asked for.

    (N, C, L) to (N, C, output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool1d(2)(cr.tensor([[1.0, 5.0, 2.0, 3.0]]))
    tensor([[5., 3.]])
    """

    n, kind = 1, "max"


class AdaptiveMaxPool2d(_AdaptiveNd):
    """Largest values of windows that give the output size asked for.

    (N, C, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool2d(1)(cr.ones(2, 3, 5, 5)).shape
    torch.Size([2, 3, 1, 1])
    """

    n, kind = 2, "max"


class AdaptiveMaxPool3d(_AdaptiveNd):
    """Largest values of windows that give the output size asked for.

    (N, C, D, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveMaxPool3d(2)(cr.ones(1, 2, 4, 4, 4)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    n, kind = 3, "max"


class AdaptiveAvgPool1d(_AdaptiveNd):
    """Means of windows that give the output size asked for.

    (N, C, L) to (N, C, output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool1d(2)(cr.tensor([[1.0, 3.0, 5.0, 7.0]]))
    tensor([[2., 6.]])
    """

    n, kind = 1, "avg"


class AdaptiveAvgPool2d(_AdaptiveNd):
    """Means of windows that give the output size asked for.

    (N, C, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool2d((1, 1))(cr.ones(2, 3, 5, 5)).shape
    torch.Size([2, 3, 1, 1])
    """

    n, kind = 2, "avg"


class AdaptiveAvgPool3d(_AdaptiveNd):
    """Means of windows that give the output size asked for.

    (N, C, D, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.AdaptiveAvgPool3d(2)(cr.ones(1, 2, 4, 4, 4)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    n, kind = 3, "avg"


class _FractionalNd(Module):
    n = 2

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if output_size is None and output_ratio is None:
            raise ArgumentError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ArgumentError("only one of output_size and output_ratio may be specified")
        self.kernel_size, self.output_size, self.output_ratio = kernel_size, output_size, output_ratio
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def forward(self, input: Any) -> Any:
        pool = getattr(F, f"fractional_max_pool{self.n}d")
        return pool(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


class FractionalMaxPool2d(_FractionalNd):
    """Largest values of windows at pseudo-random places of images (Graham 2014).

    (N, C, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.FractionalMaxPool2d(2, output_size=3)(cr.ones(1, 1, 5, 5)).shape
    torch.Size([1, 1, 3, 3])
    """

    n = 2


class FractionalMaxPool3d(_FractionalNd):
    """Largest values of windows at pseudo-random places of volumes (Graham 2014).

    (N, C, D, H, W) to (N, C, *output_size); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.FractionalMaxPool3d(2, output_size=3)(cr.ones(1, 1, 5, 5, 5)).shape
    torch.Size([1, 1, 3, 3, 3])
    """

    n = 3
