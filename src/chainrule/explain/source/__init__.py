"""A function, such as a gradient, as stand-alone NumPy source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from . import numpy_text
from .program import _identifier, program


class Source(str):
    """Program text (a str); `function()` compiles it and gives the function."""

    name: str

    def function(self) -> Callable:
        """The Python function that the text defines; it takes and returns NumPy arrays."""
        scope: dict[str, Any] = {}
        exec(compile(self, f"<source of {self.name}>", "exec"), scope)
        return scope[self.name]

    def save(self, path: Any) -> None:
        """Write the text to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self)


def source(f: Callable, *args: Any, language: str = "numpy", name: str | None = None) -> Source:
    """`f` as stand-alone source text for arguments of the shapes and dtypes of `args`.

    The function is staged (run once on symbols, beneath the tape), so a gradient of any order is straight-line code:
    equal subexpressions are computed once, unused ones not at all.

    Args:
        f: takes and returns tensors, in any nesting of tuples, lists and dicts; the text's function takes and returns
            their arrays, in the order of the leaves. Tensors that `f` reads without being passed come after.
        args: example arguments.
        language: "numpy".
        name: name of the function in the text; by default that of `f`.

    Raises:
        ArgumentError: another language.
        TracedValueError: `f` branches on a value.
        NotDifferentiableError: an operation has no text; the message names it and the user's line.

    >>> import chainrule as cr
    >>> gradient = cr.func.grad(lambda x: (x * x).sum())
    >>> code = source(gradient, cr.tensor([1.0, 2.0]), name="gradient")
    >>> print(code.function()(cr.tensor([1.0, 2.0]).numpy()))
    [2. 4.]
    """
    if not callable(f):
        raise ArgumentTypeError(f"explain.source() takes a function, not {type(f).__name__}")
    if language != "numpy":
        raise ArgumentError(f"explain.source(): language must be 'numpy', not {language!r}")
    wanted = name or getattr(f, "__name__", "") or "function"
    found = program(f, args, _identifier("function" if wanted == "<lambda>" else wanted))
    text = Source(numpy_text.write(found))
    text.name = found.name
    return text
