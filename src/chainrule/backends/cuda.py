"""torch.backends.cuda: switches that programs set, without effect on the CPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..tensor.devices import is_available, nothing

is_built = is_available


class _Matmul:
    """How matrix products on a CUDA device would be rounded."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True


matmul = _Matmul()
enable_flash_sdp = enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = nothing
flash_sdp_enabled = mem_efficient_sdp_enabled = cudnn_sdp_enabled = is_available


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Iterator[dict]:
    """Which kernels attention may use on a GPU (older spelling of nn.attention.sdpa_kernel); here is one.

    >>> import chainrule as cr
    >>> q = cr.ones(1, 2, 3)
    >>> with cr.backends.cuda.sdp_kernel(enable_math=False):
    ...     cr.nn.functional.scaled_dot_product_attention(q, q, q).shape
    torch.Size([1, 2, 3])
    """
    yield {}


__all__ = ["is_built", "matmul", "sdp_kernel"]
