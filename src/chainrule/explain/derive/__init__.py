"""Derivations: a gradient as matrix calculus, found by the engine's rules and checked against its numbers."""

from . import read_entries, read_products, read_sums
from .derivation import Derivation, Derivations, Swell
from .differential import Step
from .expr import Expr
from .run import derive

READINGS = (read_entries, read_products, read_sums)  # imported for what they register

__all__ = ["Derivation", "Derivations", "Expr", "Step", "Swell", "derive"]
