"""Staging: a function as a list of equations, recorded beneath the tape, with a text form, a parser and a verifier."""

from .ir import Equation, Graph, GraphFormatError, parse, verify
from .stage import Staged, stage

__all__ = ["Equation", "Graph", "GraphFormatError", "Staged", "parse", "stage", "verify"]
