"""Samples of every operation, as data; the laws in tests/ run over them."""
