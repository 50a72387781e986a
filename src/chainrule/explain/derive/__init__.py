"""Derivations: a gradient as matrix calculus, found by the engine's rules and checked against its numbers."""

from .derivation import Derivation, Derivations, Swell, derive
from .differential import Step
from .expr import Expr

__all__ = ["Derivation", "Derivations", "Expr", "Step", "Swell", "derive"]
