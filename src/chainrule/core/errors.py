"""One exception class per kind of user mistake, each also of the class that PyTorch (and NumPy) raise for it."""

from __future__ import annotations


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose."""


class ShapeError(ChainruleError, RuntimeError, ValueError):
    """Operand shapes do not fit the operation."""


class DTypeError(ChainruleError, RuntimeError, TypeError):
    """An operand's dtype does not fit the operation."""


class ArgumentTypeError(ChainruleError, TypeError):
    """An argument is of the wrong Python type."""


class ArgumentError(ChainruleError, ValueError, RuntimeError):
    """An argument's value is out of the allowed set."""


class DimensionError(ChainruleError, IndexError, ValueError):
    """A dimension (axis) number is out of range or given twice."""


class IndexingError(ChainruleError, IndexError):
    """An index is out of bounds or of a kind that cannot index."""


class DeviceError(ChainruleError, RuntimeError):
    """A device is unknown, absent, or differs between operands."""


class InplaceError(ChainruleError, RuntimeError):
    """A write in place would make a recorded gradient wrong, or is not allowed here."""


class GraphError(ChainruleError, RuntimeError):
    """The recorded graph cannot answer what was asked of it (freed, not recorded, not reachable)."""


class NotDifferentiableError(ChainruleError, RuntimeError):
    """A derivative was asked of an operation or dtype that has none."""


class TracedValueError(ChainruleError, RuntimeError, TypeError):
    """Python asked for the concrete value of something that has none while it is being transformed or staged."""


class LinAlgError(ChainruleError, RuntimeError, ValueError):
    """A matrix has no decomposition or solution of the kind asked for (singular, not positive definite ...)."""
