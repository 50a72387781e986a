"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from typing import Any

from ..core.errors import ArgumentError
from . import functional as F  # noqa: N812
from . import init
from .factory import empty
from .lazy import LazyModule
from .module import Module
from .parameter import Parameter, forget_shape


def spread(value: Any, n: int) -> tuple:
    """`n` numbers from one, or from a sequence of n."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


class _ConvNd(Module):
    """What all convolutions share."""

    n: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        output_padding: Any = 0,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ArgumentError("groups must be a positive integer")
        if in_channels % groups:
            raise ArgumentError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ArgumentError("out_channels must be divisible by groups")
        modes = ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in modes:
            raise ArgumentError(f"padding_mode must be one of {set(modes)}, but got padding_mode='{padding_mode}'")
        n = self.n
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size, self.stride, self.dilation = spread(kernel_size, n), spread(stride, n), spread(dilation, n)
        self.output_padding = spread(output_padding, n)
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ArgumentError(f"Invalid padding string '{padding}', should be one of {{'valid', 'same'}}")
            if padding == "same" and any(s != 1 for s in self.stride):
                raise ArgumentError("padding='same' is not supported for strided convolutions")
            self.padding: Any = padding
        else:
            self.padding = spread(padding, n)
        pair = (in_channels, out_channels // groups) if self.transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty(*pair, *self.kernel_size, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform values in +-1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in = init.fan_in_and_fan_out(self.weight)[0]
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, input: Any) -> Any:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.n - 1]
        if self.padding_mode == "zeros":
            return convolve(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        if isinstance(self.padding, str):
            total = [
                d * (k - 1) if self.padding == "same" else 0
                for d, k in zip(self.dilation, self.kernel_size, strict=True)
            ]
            sides = [(t // 2, t - t // 2) for t in total]
        else:
            sides = [(p, p) for p in self.padding]
        flat = tuple(x for pair in reversed(sides) for x in pair)
        padded = F.pad(input, flat, mode=self.padding_mode)
        return convolve(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if isinstance(self.padding, str) or any(self.padding):
            text += f", padding={self.padding}"
        if any(d != 1 for d in self.dilation):
            text += f", dilation={self.dilation}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_ConvNd):
    """Cross-correlation of (N, C, L) inputs with kernels of shape (out, in / groups, k).

    Output (N, out, L'), L' = (L + 2 padding - dilation (k - 1) - 1) // stride + 1; parameters in `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.Conv1d(2, 4, 3)(cr.ones(1, 2, 5)).shape
    torch.Size([1, 4, 3])
    """

    n = 1


class Conv2d(_ConvNd):
    """Cross-correlation of (N, C, H, W) inputs with kernels of shape (out, in / groups, kh, kw).

    Output (N, out, H', W'), each size (n + 2 padding - dilation (k - 1) - 1) // stride + 1; parameters in `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.Conv2d(3, 8, 3, padding=1)(cr.ones(1, 3, 5, 5)).shape
    torch.Size([1, 8, 5, 5])
    """

    n = 2


class Conv3d(_ConvNd):
    """Cross-correlation of (N, C, D, H, W) inputs with kernels of shape (out, in / groups, kd, kh, kw).

    Output (N, out, D', H', W'), sizes as for Conv2d; parameters in `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.Conv3d(1, 2, 2)(cr.ones(1, 1, 3, 3, 3)).shape
    torch.Size([1, 2, 2, 2, 2])
    """

    n = 3


class _ConvTransposeNd(_ConvNd):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            dtype=dtype,
            output_padding=output_padding,
        )

    def forward(self, input: Any, output_size: Any = None) -> Any:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.n - 1]
        return convolve(input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation)

    def _extra(self, input: Any, output_size: Any) -> tuple:
        wanted = tuple(output_size)[-self.n :]
        found = []
        for i, want in enumerate(wanted):
            least = (input.shape[i - self.n] - 1) * self.stride[i] - 2 * self.padding[i]
            least += self.dilation[i] * (self.kernel_size[i] - 1) + 1
            if not least <= want < least + self.stride[i]:
                raise ArgumentError(
                    f"requested an output size of {wanted}, but valid sizes range from {least} to "
                    f"{least + self.stride[i] - 1} in dimension {i}"
                )
            found.append(want - least)
        return tuple(found)


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of Conv1d as a linear map: upsampling with learned kernels.

    (N, C, L) to (N, out, L'), L' = (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1.

    >>> import chainrule as cr
    >>> cr.nn.ConvTranspose1d(2, 4, 2, stride=2)(cr.ones(1, 2, 3)).shape
    torch.Size([1, 4, 6])
    """

    n = 1


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of Conv2d as a linear map: upsampling with learned kernels.

    (N, C, H, W) to (N, out, H', W'), sizes as for ConvTranspose1d; parameters in `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.ConvTranspose2d(2, 1, 2, stride=2)(cr.ones(1, 2, 3, 3)).shape
    torch.Size([1, 1, 6, 6])
    """

    n = 2


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of Conv3d as a linear map: upsampling with learned kernels.

    (N, C, D, H, W) to (N, out, D', H', W'), sizes as for ConvTranspose1d; parameters in `dtype`.

    >>> import chainrule as cr
    >>> cr.nn.ConvTranspose3d(1, 1, 2, stride=2)(cr.ones(1, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 4, 4, 4])
    """

    n = 3


def _lazy(full: type[_ConvNd]) -> type:
    def __init__(self: Any, out_channels: int, kernel_size: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        self._hold(out_channels, kernel_size, *args, **kwargs)
        if self.bias is not None:  # its values depend on the number of inputs
            forget_shape(self.bias)

    sizes = ", ".join("3" * full.n)
    doc = f"""{full.__name__} that learns in_channels from its first input, of the shapes and dtypes of {full.__name__}.

    >>> import chainrule as cr
    >>> cr.nn.Lazy{full.__name__}(4, 1)(cr.ones(1, 2, {sizes})).shape
    torch.Size([1, 4, {sizes}])
    """
    fields = {"__init__": __init__, "full_class": full, "_lazy_axis": -full.n - 1, "__doc__": doc}
    return type(f"Lazy{full.__name__}", (LazyModule, full), {**fields, "__module__": __name__})


LazyConv1d, LazyConv2d, LazyConv3d = map(_lazy, (Conv1d, Conv2d, Conv3d))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = map(
    _lazy, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)
)
