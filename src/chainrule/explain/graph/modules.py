"""Which module call made which operations: a tree of calls over the nodes of a graph, from nn's log of calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...nn.calls import logged


@dataclass(eq=False)
class Group:
    """One module call (the root: the whole graph) with its `items` in order: nodes, Groups and, once folded, Runs."""

    module: Any = None
    name: str = ""
    kind: str = ""
    items: list = field(default_factory=list)
    depth: int = -1
    start: int = 0
    end: int = 0

    @property
    def title(self) -> str:
        """'fc1: Linear'."""
        return f"{self.name}: {self.kind}" if self.name else self.kind


def grouped(nodes: list[Any], names: dict[int, str]) -> Group:
    """The nodes, oldest first, as a tree of module calls; `names` has the user's names of modules by identity."""
    root = Group(end=1 << 62)
    if not nodes:
        return root
    calls = sorted(logged(nodes[0].seq, nodes[-1].seq), key=lambda c: (c[0], -c[1]))
    stack, following = [root], 0
    for node in nodes:
        while following < len(calls) and calls[following][0] < node.seq:
            start, end, module = calls[following]
            following += 1
            while stack[-1].end < start:
                stack.pop()
            if end > node.seq and end <= stack[-1].end:
                group = Group(module, depth=len(stack) - 1, start=start, end=end)
                group.kind = type(module).__name__
                group.name = _name(module, stack, names)
                stack[-1].items.append(group)
                stack.append(group)
        while stack[-1].end < node.seq:
            stack.pop()
        stack[-1].items.append(node)
    return root


def _name(module: Any, stack: list[Group], names: dict[int, str]) -> str:
    """Path from the caller that holds the module, or the user's variable."""
    for outer in reversed(stack[1:]):
        for name, inner in outer.module.named_modules():
            if inner is module:
                return name or "again"
    return names.get(id(module), "")
