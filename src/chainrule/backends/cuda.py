"""torch.backends.cuda: switches that programs set, without effect on the CPU."""

from __future__ import annotations

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

__all__ = ["is_built", "matmul"]
