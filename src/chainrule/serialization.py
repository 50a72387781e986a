"""torch.serialization: the same functions as chainrule.utils.serialization."""

from .utils.serialization import SerializationError, load, save

__all__ = ["SerializationError", "load", "save"]
