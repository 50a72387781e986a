"""Transforms by name. (PyTorch's torch.distributions.transforms.)"""

from . import event_transforms, scalar_transforms
from .event_transforms import *  # noqa: F403
from .scalar_transforms import *  # noqa: F403

__all__ = [*scalar_transforms.__all__, *event_transforms.__all__]
