"""torch.utils.tensorboard: its SummaryWriter is tensorboardX's, to which tensors are handed as arrays."""

from __future__ import annotations

from typing import Any

from ..core.value import Tensor
from .packages import need

_Writer = need("tensorboardX", "SummaryWriter", "learn").SummaryWriter


def _plain(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.detach().numpy()
    return {k: _plain(v) for k, v in x.items()} if type(x) is dict else x


class SummaryWriter(_Writer):
    """tensorboardX's writer of event files; every value may be a tensor of the shape and dtype that it documents.

    Raises MissingPackageError, an ImportError, on import where tensorboardX is not installed.

    >>> import chainrule as cr, tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", cr.tensor(0.5, requires_grad=True), 1)
    """

    def add_scalar(self, tag: str, scalar_value: Any, *args: Any, **kwargs: Any) -> None:
        """One number of a curve."""
        super().add_scalar(tag, _plain(scalar_value), *args, **kwargs)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict, *args: Any, **kwargs: Any) -> None:
        """Several numbers under one heading."""
        super().add_scalars(main_tag, _plain(tag_scalar_dict), *args, **kwargs)

    def add_histogram(self, tag: str, values: Any, *args: Any, **kwargs: Any) -> None:
        """The distribution of an array's values."""
        super().add_histogram(tag, _plain(values), *args, **kwargs)

    def add_image(self, tag: str, img_tensor: Any, *args: Any, **kwargs: Any) -> None:
        """A picture (3, H, W)."""
        super().add_image(tag, _plain(img_tensor), *args, **kwargs)

    def add_images(self, tag: str, img_tensor: Any, *args: Any, **kwargs: Any) -> None:
        """Pictures (N, 3, H, W)."""
        super().add_images(tag, _plain(img_tensor), *args, **kwargs)


__all__ = ["SummaryWriter"]
