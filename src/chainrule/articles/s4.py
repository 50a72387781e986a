"""Four ways to differentiate, and Op, Node, Executor: eager and lazy, on one engine.

>>> x1, x2 = placeholder("x1"), placeholder("x2")
>>> y = ln(x1) + x1 * x2 - sin(x2)          # lazy: nothing is computed
>>> run = Executor(y)
>>> round(run({x1: 2.0, x2: 5.0}), 3)
11.652
>>> [round(g, 3) for g in run.gradients(x1, x2)]
[5.5, 1.716]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import chainrule as cr
from chainrule import Tensor


def numerical(f: Callable, *at: float, step: float = 1e-6) -> list[float]:
    """Derivatives of f(x1, x2, ...) by central differences: two calls per argument, with rounding errors."""
    found = []
    for i in range(len(at)):
        up, down = list(at), list(at)
        up[i] += step
        down[i] -= step
        found.append((float(f(*up)) - float(f(*down))) / (2 * step))
    return found


def forward(f: Callable, *at: float) -> list[float]:
    """Derivatives by forward mode: one pass per argument, exact."""
    from chainrule.func import jvp

    points = tuple(_number(x) for x in at)
    found = []
    for i in range(len(at)):
        ways = tuple(_number(float(i == k)) for k in range(len(at)))
        found.append(jvp(f, points, ways)[1].item())
    return found


def reverse(f: Callable, *at: float) -> list[float]:
    """Derivatives by reverse mode: one pass for all arguments, exact."""
    points = [_number(x).requires_grad_() for x in at]
    return [g.item() for g in cr.autograd.grad(f(*points), points, materialize_grads=True)]


def _number(x: float) -> Tensor:
    return cr.tensor(float(x), dtype=cr.float64)


class Op:
    """A stateless operation: `compute` its value, and its `gradient` by each input. Called on nodes: a Node."""

    __slots__ = ("arity", "function", "name")

    def __init__(self, name: str, function: Callable, arity: int) -> None:
        self.name, self.function, self.arity = name, function, arity

    def compute(self, *inputs: Any) -> Any:
        """The value for given inputs (tensors or numbers)."""
        return self.function(*(x if isinstance(x, Tensor) else _number(x) for x in inputs))

    def gradient(self, output_grad: float, *inputs: float) -> list[float]:
        """`output_grad` times the derivative by each input: the engine's rule of this very operation."""
        points = [_number(x).requires_grad_() for x in inputs]
        found = cr.autograd.grad(self.compute(*points), points, _number(output_grad), materialize_grads=True)
        return [g.item() for g in found]

    def __call__(self, *inputs: Any) -> Node:
        if len(inputs) != self.arity:
            raise TypeError(f"{self.name} takes {self.arity} inputs, got {len(inputs)}")
        return Node(self, tuple(x if isinstance(x, Node) else _constant(x) for x in inputs))

    def __repr__(self) -> str:
        return self.name


class Node:
    """An operation applied to nodes. Eager if all inputs have values: then it is evaluated as it is made. Else lazy."""

    __slots__ = ("__weakref__", "grad", "inputs", "name", "op", "tensor")

    def __init__(
        self, op: Op | None, inputs: tuple[Node, ...] = (), tensor: Tensor | None = None, name: str = ""
    ) -> None:
        self.op, self.inputs, self.name = op, inputs, name
        self.grad: float | None = None
        self.tensor = tensor
        if op is not None and all(x.tensor is not None for x in inputs):
            self.tensor = op.compute(*(x.tensor for x in inputs))

    @property
    def value(self) -> float | None:
        """The number, or None while a lazy node has not been run."""
        return None if self.tensor is None else self.tensor.item()

    def __add__(self, other: Any) -> Node:
        return add(self, other)

    def __radd__(self, other: Any) -> Node:
        return add(other, self)

    def __sub__(self, other: Any) -> Node:
        return sub(self, other)

    def __rsub__(self, other: Any) -> Node:
        return sub(other, self)

    def __mul__(self, other: Any) -> Node:
        return mul(self, other)

    def __rmul__(self, other: Any) -> Node:
        return mul(other, self)

    def __repr__(self) -> str:
        made = self.name or (self.op.name if self.op else "input")
        return f"Node({made}, value={self.value})"


identity = Op("Identity", cr.clone, 1)
add = Op("Add", cr.add, 2)
sub = Op("Sub", cr.sub, 2)
mul = Op("Mul", cr.mul, 2)
ln = Op("Ln", cr.log, 1)
sin = Op("Sin", cr.sin, 1)


def variable(value: float, name: str = "") -> Node:
    """An input with a value: what is made of such nodes is evaluated at once (eager)."""
    return Node(None, tensor=_number(value).requires_grad_(), name=name)


def placeholder(name: str = "") -> Node:
    """An input without a value: what is made of it waits for an Executor (lazy)."""
    return Node(None, name=name)


def _constant(x: float) -> Node:
    return Node(None, tensor=_number(x), name=repr(x))


class Executor:
    """Runs the graph that ends in `root`: sorted once, without what `root` does not need, as often as asked."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.order: list[Node] = []  # inputs before what is made of them, each node once
        seen: set[int] = set()
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                self.order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((x, False) for x in reversed(node.inputs) if id(x) not in seen)

    def __call__(self, values: Mapping[Node, float] | None = None) -> float:
        """The value of the root for these values of its inputs; every node then holds its own."""
        values = values or {}
        for node in self.order:
            if node in values:
                node.tensor = _number(values[node]).requires_grad_()
            elif node.op is not None:
                node.tensor = node.op.compute(*(x.tensor for x in node.inputs))
            elif node.tensor is None:
                raise ValueError(f"no value for the input {node.name or repr(node)}; write executor({{node: value}})")
            node.grad = None
        return self.root.value  # type: ignore[return-value]

    run = __call__

    def gradients(self, *nodes: Node) -> list[float]:
        """Derivatives of the root by `nodes` (by all its inputs, if none are named); every node's `grad` is set.

        Computed anew at each call: nothing adds up.
        """
        if self.root.tensor is None:
            raise ValueError("the graph has no values yet; call the executor with the inputs' values first")
        chosen = list(nodes) or [n for n in self.order if n.op is None and n.tensor.requires_grad]
        live = [n for n in self.order if n.tensor is not None and n.tensor.requires_grad]
        for node in self.order:
            node.grad = 0.0
        if live:
            found = cr.autograd.grad(
                self.root.tensor, [n.tensor for n in live], retain_graph=True, materialize_grads=True
            )
            for node, g in zip(live, found, strict=True):
                node.grad = g.item()
        return [0.0 if n.grad is None else n.grad for n in chosen]
