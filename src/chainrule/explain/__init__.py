"""Explanations of a derivative: the trace tables, the paths, a picture of the graph, and the memory it holds."""

from ..viewer import show
from .derive import derive
from .graph import graph
from .memory import memory
from .paths import paths
from .profile import profile
from .source import source
from .trace import trace

__all__ = ["derive", "graph", "memory", "paths", "profile", "source", "trace", "show"]
