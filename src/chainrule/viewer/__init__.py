"""The page in the browser: a function's graph, walked forward and backward one operation at a time."""

from .page import Page, page, show

__all__ = ["Page", "page", "show"]
