"""How the process gives memory back: freed arrays stay with the allocator, so the next step finds their pages warm.

A training step allocates and frees the same large arrays again and again. The C library on Linux (glibc) returns a
large array's pages to the system when it is freed, and taking them back costs a page fault per 4 KB, 40% of the time of
an LSTM's training step. `keep_freed_memory` asks it to keep arrays below 32 MB in the heap, and up to 256 MB of freed
heap. It changes nothing where the user has set the allocator's own variables (MALLOC_TRIM_THRESHOLD_,
MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES), where another C library runs, or with CHAINRULE_MALLOC=system.
"""

from __future__ import annotations

import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
OWN_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Ask glibc's allocator to keep freed memory for reuse; False where that is not to be done or not possible."""
    if (
        sys.platform != "linux"
        or os.environ.get("CHAINRULE_MALLOC") == "system"
        or any(name in os.environ for name in OWN_SETTINGS)
    ):
        return False
    try:
        import ctypes

        mallopt = ctypes.CDLL(None).mallopt
    except (ImportError, OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, 32 << 20) and mallopt(M_TRIM_THRESHOLD, 256 << 20))
