"""Names of PyTorch's compiled core that programs written for it use although they are private there.

>>> import chainrule as cr
>>> try:
...     cr.linalg.inv(cr.zeros(2, 2))
... except cr._C._LinAlgError:
...     print("singular")
singular
"""

from __future__ import annotations

from .core.errors import LinAlgError as _LinAlgError
from .random import Generator

__all__ = ["Generator", "_LinAlgError"]
