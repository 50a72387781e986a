"""A function, such as a gradient, as stand-alone source text: NumPy or C."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ArgumentTypeError
from ...graph.ir import Variable
from . import c_call, c_text, numpy_text
from .program import identifier, program

_WRITERS = {"numpy": numpy_text.write, "c": c_text.write}


class Source(str):
    """Program text (a str); `function()` gives the function that it defines."""

    name: str
    language: str
    _takes: list[c_call.Typed]
    _gives: list[c_call.Typed]

    def function(self) -> Callable:
        """The function that the text defines, from NumPy arrays to NumPy arrays (a tuple, if there are several).

        C is compiled with the system's compiler (cc, gcc or clang).
        """
        if self.language == "c":
            return c_call.compiled(self, self.name, self._takes, self._gives)
        scope: dict[str, Any] = {}
        exec(compile(self, f"<source of {self.name}>", "exec"), scope)
        return scope[self.name]

    def save(self, path: Any) -> None:
        """Write the text to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self)


def source(f: Callable, *args: Any, language: str = "numpy", name: str | None = None) -> Source:
    """`f` as stand-alone source text for arguments of the shapes and dtypes of `args`.

    The function is staged (run on symbols, beneath the tape), so a gradient of any order is straight-line code: what is
    known is computed when the text is written, equal subexpressions once, unused ones not at all. Comments name the
    user's line of each statement, and of which value it is the adjoint.

    NumPy text imports nothing but NumPy (and SciPy, for special functions) and gives the engine's numbers, to the last
    bit except for sums by np.einsum. C text is one C99 function of plain loops of fixed shapes, which needs only libm;
    it covers elementwise arithmetic, indexing, reductions, products, softmax, scans, sorting, norms, losses, solving,
    determinants, convolution and pooling of real arrays. Its sums may differ from NumPy's in the last bits.

    Args:
        f: takes and returns tensors, in any nesting of tuples, lists and dicts; the text's function takes and returns
            their arrays, in the order of the leaves. Tensors that `f` reads without being passed come after. It is
            called twice.
        args: example arguments.
        language: "numpy" or "c".
        name: name of the function in the text; by default that of `f`.

    Returns:
        Source: a str with `function()`, which runs the text, and `save(path)`.

    Raises:
        ArgumentError: another language.
        TracedValueError: `f` branches on a value, or a shape depends on one.
        NotDifferentiableError: an operation has no text (random draws; in C also others); the message names it and the
            user's line.

    >>> import chainrule as cr
    >>> gradient = cr.func.grad(lambda x: (x * x).sum())
    >>> code = source(gradient, cr.tensor([1.0, 2.0]), name="gradient")
    >>> print(code.function()(cr.tensor([1.0, 2.0]).numpy()))
    [2. 4.]
    >>> code = source(gradient, cr.tensor([1.0, 2.0]), name="gradient", language="c")
    >>> print(next(line for line in code.splitlines() if line.startswith("void")))
    void gradient(const float x[2], float d_x[2])
    """
    if not callable(f):
        raise ArgumentTypeError(f"explain.source() takes a function, not {type(f).__name__}")
    if language not in _WRITERS:
        raise ArgumentError(f"explain.source(): language must be 'numpy' or 'c', not {language!r}")
    wanted = name or getattr(f, "__name__", "") or type(f).__name__.lower()
    wanted = identifier("function" if wanted == "<lambda>" else wanted)
    found = program(f, args, wanted + "_" if language == "c" and wanted in c_text.RESERVED else wanted)
    text = Source(_WRITERS[language](found))
    text.name, text.language = found.name, language
    text._takes = [(v.shape, v.dtype) for v in found.graph.inputs]
    outputs = [o if isinstance(o, Variable) else np.asarray(o) for o in found.graph.outputs]
    text._gives = [(tuple(o.shape), o.dtype) for o in outputs]
    return text
