"""Padding, resampling and rearranging layers, and distances."""

from __future__ import annotations

from typing import Any

from . import functional as F  # noqa: N812
from .conv import spread
from .module import Module


class _PadNd(Module):
    n: int
    mode: str
    value: float = 0.0

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = spread(padding, 2 * self.n)

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self.mode, self.value if self.mode == "constant" else None)

    def extra_repr(self) -> str:
        return str(self.padding)


class _ConstantPadNd(_PadNd):
    mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


def _pads(word: str, mode: str, what: str) -> list[type]:
    base = _ConstantPadNd if word == "Constant" else _PadNd
    doc = f"Pads the last dimensions with {what}; widths from the last dimension on, (left, right, top, bottom ...)."
    doc += f"""

    Input (N, C, ...) or (C, ...) of {"floating or complex" if mode in ("reflect", "replicate") else "any"} dtype.

    >>> import chainrule as cr
    >>> cr.nn.{word}Pad%dd(1{", 9.0" if word == "Constant" else ""})(cr.ones(1, 1, %s)).shape
    torch.Size([1, 1, %s])
    """
    fields = {"mode": mode, "__module__": __name__}
    made = []
    for n in (1, 2, 3):
        text = doc % (n, ", ".join("3" * n), ", ".join("5" * n))
        made.append(type(f"{word}Pad{n}d", (base,), {"n": n, "__doc__": text, **fields}))
    return made


ConstantPad1d, ConstantPad2d, ConstantPad3d = _pads("Constant", "constant", "a constant")
ZeroPad1d, ZeroPad2d, ZeroPad3d = _pads("Zero", "constant", "zeros")
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = _pads("Reflection", "reflect", "reflected values")
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = _pads("Replication", "replicate", "the border values")
CircularPad1d, CircularPad2d, CircularPad3d = _pads("Circular", "circular", "values from the other side")


class Upsample(Module):
    """Resampling to a size, or by a factor.

    Input (N, C, ...) of a floating dtype, or uint8; modes as for functional.interpolate.

    >>> import chainrule as cr
    >>> cr.nn.Upsample(scale_factor=2)(cr.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor = (
            tuple(map(float, scale_factor))
            if isinstance(scale_factor, tuple)
            else (float(scale_factor) if scale_factor else None)
        )
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        scaled = self.scale_factor is not None
        return (f"scale_factor={self.scale_factor}" if scaled else f"size={self.size}") + f", mode='{self.mode}'"


class UpsamplingNearest2d(Upsample):
    """Upsample by repeating the nearest pixel.

    Input (N, C, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.UpsamplingNearest2d(scale_factor=2)(cr.tensor([[[[1.0]]]]))
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample by bilinear interpolation with aligned corners.

    Input (N, C, H, W) of a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.UpsamplingBilinear2d(size=(1, 3))(cr.tensor([[[[1.0, 3.0]]]]))
    tensor([[[[1., 2., 3.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """(N, C r^2, H, W) to (N, C, H r, W r).

    Any dtype.

    >>> import chainrule as cr
    >>> cr.nn.PixelShuffle(2)(cr.arange(4).reshape(1, 4, 1, 1))
    tensor([[[[0, 1],
              [2, 3]]]])
    """

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Any) -> Any:
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """(N, C, H r, W r) to (N, C r^2, H, W).

    Any dtype.

    >>> import chainrule as cr
    >>> cr.nn.PixelUnshuffle(2)(cr.arange(4).reshape(1, 1, 2, 2)).flatten()
    tensor([0, 1, 2, 3])
    """

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Any) -> Any:
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Interleaves groups of channels.

    Input (N, C, ...) of any dtype; the output has its shape.

    >>> import chainrule as cr
    >>> cr.nn.ChannelShuffle(2)(cr.arange(4).reshape(1, 4, 1, 1)).flatten()
    tensor([0, 2, 1, 3])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Any) -> Any:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"


class Fold(Module):
    """Sums columns of sliding blocks back into an image.

    (N, C kH kW, windows) to (N, C, H, W); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.Fold((3, 3), (2, 2))(cr.ones(1, 4, 4)).shape
    torch.Size([1, 1, 3, 3])
    """

    def __init__(
        self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Sliding blocks of an image as columns.

    (N, C, H, W) to (N, C kH kW, windows); floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.Unfold((2, 2))(cr.ones(1, 3, 4, 4)).shape
    torch.Size([1, 12, 9])
    """

    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Any) -> Any:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class CosineSimilarity(Module):
    """x1 . x2 / (|x1| |x2|) along dim.

    Two floating tensors whose shapes broadcast; `dim` goes.

    >>> import chainrule as cr
    >>> cr.nn.CosineSimilarity()(cr.tensor([[1.0, 0.0]]), cr.tensor([[3.0, 4.0]]))
    tensor([0.6000])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """p-norm of x1 - x2 along the last dimension.

    (N, D) and (N, D), or (D) and (D), to (N) or 0-d; floating dtypes.

    >>> import chainrule as cr
    >>> cr.nn.PairwiseDistance(eps=0.0)(cr.tensor([[3.0, 4.0]]), cr.zeros(1, 2))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
