"""PyTorch's place of the collate functions: `from torch.utils.data._utils.collate import default_collate`."""

import sys as _sys

from .. import collate
from .. import workers as worker

_sys.modules[f"{__name__}.collate"] = collate
_sys.modules[f"{__name__}.worker"] = worker

__all__ = ["collate", "worker"]
