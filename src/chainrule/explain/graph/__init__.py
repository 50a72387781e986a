"""Pictures of the recorded graph: read off the tape, folded to a size that can be read, laid out in layers."""

from __future__ import annotations

import sys
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.value import Tensor, Tracer
from ...tensor.names import Names, real
from ...tensor.recorded import graph_nodes
from .draw import drawn
from .picture import Box, Frame, Picture

__all__ = ["Box", "Frame", "Picture", "graph"]


def graph(
    t: Tensor,
    *,
    depth: int | None = None,
    expand: Any = (),
    limit: int = 80,
    gradients: bool | None = None,
    direction: str = "auto",
    theme: str = "auto",
) -> Picture:
    """The recorded graph of `t` as a picture: each operation with its name, value, shape, gradient and source line.

    Jupyter shows it; `.save("graph.svg")` writes a file (also .html, .dot, .mmd, .txt); `print` prints it as text.
    Names are the user's variables, parameters' paths, or those given by `t.label("L")`. Values that the tape did not
    keep are computed again where that is possible. After `backward()`, gradients are shown: `.grad` of the leaves, and
    for the values in between the derivative of `t` as far as what it needs is still known.

    Args:
        t: a tensor; its graph is everything it was computed from.
        depth: how many levels of module calls are open: 0 makes every call of a module one box, 1 opens the outermost
            ones. By default as many as there is room for.
        expand: names of modules to open besides, such as "layers.0".
        limit: boxes at most. In a larger graph modules are closed, rounds of loops folded to the first and the last
            one, and at last the oldest operations left out; how many is said in the picture.
        gradients: True for gradients before any backward() too (`t` must be one number), False for none.
        direction: "right", "down" or "auto".
        theme: "light", "dark", or "auto" for what the reader's system has.

    Raises ArgumentTypeError for what is not a tensor or is one inside of a transformation, ArgumentError for a limit
    below 3 or a negative depth.

    >>> import chainrule as cr
    >>> from chainrule import explain
    >>> a = cr.tensor(2.0, requires_grad=True)
    >>> b = a * 3
    >>> picture = explain.graph(b, gradients=True)
    >>> [(box.name, box.op, box.value, box.grad) for box in picture.boxes]
    [('a', 'leaf', '2.000', '3.000'), ('b', 'mul(\u00b7, 3)', '6.000', '1.000')]
    """
    if not isinstance(t, Tensor):
        raise ArgumentTypeError(f"explain.graph(t) takes a tensor, not {type(t).__name__}; call the function first")
    if isinstance(t, Tracer) or not hasattr(t._data, "__array__"):
        raise ArgumentTypeError(
            "explain.graph(t): this tensor is inside of a transformation (grad, vmap, jit ...) and has no values to "
            "show; draw the graph of a result outside of it"
        )
    if limit < 3:
        raise ArgumentError(f"explain.graph: limit must be at least 3, not {limit}")
    if depth is not None and depth < 0:
        raise ArgumentError(f"explain.graph: depth must be 0 or more, not {depth}")
    names = Names(sys._getframe(1))
    wanted = (expand,) if isinstance(expand, str) else tuple(expand)
    nodes = [] if t._node is None else graph_nodes(real(t._node))
    return drawn(t, nodes, names, limit, depth, wanted, gradients, direction, theme)
