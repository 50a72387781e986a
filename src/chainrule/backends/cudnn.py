"""torch.backends.cudnn: flags that programs set; they change nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..tensor.devices import is_available

enabled = benchmark = deterministic = allow_tf32 = False


@contextmanager
def flags(
    enabled: bool = False, benchmark: bool = False, benchmark_limit: int = 10, deterministic: bool = False,
    allow_tf32: bool = True, fp32_precision: str = "none",
) -> Iterator[None]:  # fmt: skip
    """Flags for the block, which computes as it does without them."""
    yield


__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "flags", "is_available"]
