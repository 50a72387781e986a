"""Derivatives: reverse mode over the tape, forward mode, batching, and the functional transformations."""
