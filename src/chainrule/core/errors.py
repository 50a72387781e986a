"""One exception class per kind of user mistake, each also of the class that PyTorch (and NumPy) raise for it."""

from __future__ import annotations

from .provenance import describe, here


class ChainruleError(Exception):
    """Base of every error that chainrule raises on purpose."""


class LocatedError(ChainruleError):
    """Base of errors whose text ends with the user's source line, unless it names a line already."""

    def __init__(self, text: str = "") -> None:
        code, lasti = here(2)
        place = describe(code, lasti)
        super().__init__(text if place in text or not text else f"{text} (at {place})")


class ShapeError(LocatedError, RuntimeError, ValueError):
    """Operand shapes do not fit the operation."""


class DTypeError(LocatedError, RuntimeError, TypeError):
    """An operand's dtype does not fit the operation."""


class UnsupportedDTypeError(DTypeError, NotImplementedError):
    """The operation does not exist for this dtype, as PyTorch has no kernel for it."""


class ArgumentTypeError(ChainruleError, TypeError):
    """An argument is of the wrong Python type."""


class ArgumentError(ChainruleError, ValueError, RuntimeError):
    """An argument's value is out of the allowed set."""


class DimensionError(ChainruleError, IndexError, ValueError):
    """A dimension (axis) number is out of range or given twice."""


class IndexingError(ChainruleError, IndexError, RuntimeError):
    """An index is out of bounds or of a kind that cannot index."""


class DeviceError(ChainruleError, RuntimeError):
    """A device is unknown, absent, or differs between operands."""


class InplaceError(ChainruleError, RuntimeError):
    """A write in place would make a recorded gradient wrong, or is not allowed here."""


class GraphError(ChainruleError, RuntimeError):
    """The recorded graph cannot answer what was asked of it (freed, not recorded, not reachable)."""


class IntegerInputError(GraphError, DTypeError, ValueError):
    """A derivative was asked with respect to an argument of integer or bool dtype."""


class FunctionError(LocatedError, RuntimeError, TypeError, ValueError):
    """A function given to a transformation takes or returns what the transformation cannot use."""


class NotDifferentiableError(ChainruleError, NotImplementedError):
    """A derivative was asked of an operation or dtype that has none."""


class TracedValueError(ChainruleError, RuntimeError, TypeError):
    """Python asked for the concrete value of something that has none while it is being transformed or staged."""


class LinAlgError(ChainruleError, RuntimeError, ValueError):
    """A matrix has no decomposition or solution of the kind asked for (singular, not positive definite ...).

    A RuntimeError, as in PyTorch.

    >>> import chainrule as cr
    >>> issubclass(cr.linalg.LinAlgError, RuntimeError)
    True
    """
