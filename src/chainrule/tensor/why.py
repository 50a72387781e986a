"""Why is this gradient None, or NaN? Answers that name the operation and the user's source line."""

from __future__ import annotations

from .answer import Answer
from .recorded import graph_nodes
from .why_nan import why_nan
from .why_none import where, why_none

__all__ = ["Answer", "graph_nodes", "where", "why_nan", "why_none"]
