"""The error of files: what cannot be written, and what must not be believed when read."""

from __future__ import annotations

from ...core.errors import ChainruleError


class SerializationError(ChainruleError, RuntimeError, ValueError):
    """An object cannot be saved as plain data, or a file is damaged, hostile or of another kind.

    >>> import chainrule as cr
    >>> issubclass(cr.train.SerializationError, Exception)
    True
    """
