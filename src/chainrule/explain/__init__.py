"""Explanations of a derivative: the trace tables, the paths, a picture of the graph, and the memory it holds."""

from .graph import graph
from .memory import memory
from .paths import paths
from .trace import trace

__all__ = ["graph", "memory", "paths", "trace"]
