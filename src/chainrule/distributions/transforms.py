"""Transforms by name. (PyTorch's torch.distributions.transforms.)"""

from . import event_transforms, matrix_transforms, scalar_transforms
from .event_transforms import *  # noqa: F403
from .matrix_transforms import *  # noqa: F403
from .scalar_transforms import *  # noqa: F403
from .scalar_transforms import _InverseTransform

__all__ = [*scalar_transforms.__all__, *event_transforms.__all__, *matrix_transforms.__all__]
_ = _InverseTransform  # its repr names it, and programs ask isinstance of it
