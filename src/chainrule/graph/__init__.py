"""Staging: a function as a list of equations, recorded beneath the tape, with a text form, a parser and a verifier."""

from .ir import Equation, Graph, GraphFormatError, verify
from .stage import Staged, stage
from .text import parse

__all__ = ["Equation", "Graph", "GraphFormatError", "Staged", "parse", "stage", "verify"]
