"""The data of the tape: recorded operations (Node, Link1, Link2, Pair), Select (one of several results), and Accumulate
(a leaf)."""

from __future__ import annotations

import weakref
from types import CodeType
from typing import Any

from .state import next_seq


class Spec:
    """Stands for a saved argument of which a rule reads only shape and dtype."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)


class NodeMeta:
    """What few nodes have: hooks, retained gradients, outputs, names. Made when first needed."""

    __slots__ = ("hooks", "notes", "packed", "prehooks", "retain", "tensor_hooks")

    def __init__(self) -> None:
        self.tensor_hooks: dict[int, Any] = {}  # on the cotangent of the node's (single) output
        self.prehooks: dict[int, Any] = {}  # node.register_prehook
        self.hooks: dict[int, Any] = {}  # node.register_hook
        self.notes: dict[Any, Any] = {}  # node.metadata
        self.packed = False  # saved values went through a user's saved_tensors_hooks
        self.retain: list[Any] | None = None  # [grad] once retain_grad() was called


FREED = Spec((), None)  # stands for a saved result that a sweep has dropped


class NodeBase:
    """What the forms of a recorded operation share; PyTorch's torch.autograd.graph.Node.

    >>> import chainrule as cr
    >>> x = cr.tensor(2.0, requires_grad=True)
    >>> isinstance((x * x).grad_fn, cr.autograd.graph.Node)
    True
    """

    __slots__ = ()

    prim: Any
    args: Any
    ans: Any
    params: Any
    edges: Any
    shapes: Any
    seq: int
    code: CodeType
    lasti: int
    meta: NodeMeta | None

    def __repr__(self) -> str:
        return f"<{self.name()} object at {id(self):#x}>"

    def name(self) -> str:
        """PyTorch's class name for this operation, such as 'AddBackward0'."""
        name = self.prim.backward_name
        return name if isinstance(name, str) else name(self)

    def needs_meta(self) -> NodeMeta:
        """The node's hooks and notes, made if there were none."""
        if self.meta is None:
            self.meta = NodeMeta()
        return self.meta


class Node(NodeBase):
    """One recorded operation.

    `args` are the saved arguments (None or Spec where no rule reads the value; None for the whole once freed), `ans`
    the saved result if a rule reads it, `edges` where each argument's cotangent goes (another node, Select, Accumulate
    or None), `shapes` the argument shapes if broadcasting has to be undone, `seq` the creation number, `code` and
    `lasti` the user's source position.
    """

    __slots__ = ("ans", "args", "code", "edges", "lasti", "meta", "params", "prim", "seq", "shapes")

    def free(self) -> None:
        """Drop what was saved; of several results the shapes stay known."""
        self.args = None
        if type(self.ans) is not tuple:
            self.ans = None
        elif any([type(a) is not Spec for a in self.ans]):
            self.ans = tuple([Spec(tuple(a.shape), a.dtype) for a in self.ans])


class Light(Node):
    """A Node whose rules read no values: nothing is freed, and backward may pass through it again."""

    __slots__ = ()

    def free(self) -> None:
        """There is nothing to drop."""


class Link1(NodeBase):
    """A recorded operation with one argument and one result.

    Most nodes of most programs are Link1, Link2 or Pair; the sweep follows a chain of them without any bookkeeping. The
    argument and result that the rule does not read are None; `ans` is FREED once a sweep used them up.
    """

    __slots__ = ("ans", "code", "edge", "lasti", "meta", "params", "prim", "seq", "x")
    shapes = None
    index = 0

    @property
    def args(self) -> tuple | None:  # type: ignore[override]
        """As Node.args."""
        return None if self.ans is FREED else (self.x,)

    @property
    def edges(self) -> tuple:  # type: ignore[override]
        """As Node.edges."""
        return (self.edge,)

    def free(self) -> None:
        """Drop what was saved; of an argument whose shape alone is read, that stays known."""
        if type(self.x) is not Spec:
            self.x = None
        self.ans = FREED


class Link2(NodeBase):
    """A recorded operation with two arguments, nothing to un-broadcast, and a gradient for number `index` only."""

    __slots__ = ("ans", "code", "edge", "index", "lasti", "meta", "prim", "seq", "x", "y")
    params = None
    shapes = None

    @property
    def args(self) -> tuple | None:  # type: ignore[override]
        """As Node.args."""
        return None if self.ans is FREED else (self.x, self.y)

    @property
    def edges(self) -> tuple:  # type: ignore[override]
        """As Node.edges."""
        return (None, self.edge) if self.index else (self.edge, None)

    def free(self) -> None:
        """Drop what was saved."""
        self.x = self.y = None
        self.ans = FREED


class Pair(NodeBase):
    """A recorded operation with two arguments, of which at least one needs a gradient; `shapes` as in Node."""

    __slots__ = ("ans", "code", "first", "lasti", "meta", "prim", "second", "seq", "shapes", "x", "y")
    params = None

    @property
    def args(self) -> tuple | None:  # type: ignore[override]
        """As Node.args."""
        return None if self.ans is FREED else (self.x, self.y)

    @property
    def edges(self) -> tuple:  # type: ignore[override]
        """As Node.edges."""
        return (self.first, self.second)

    def free(self) -> None:
        """Drop what was saved."""
        self.x = self.y = None
        self.ans = FREED


class Select:
    """One result of an operation with several; forwards its cotangent into slot `index` of `node`."""

    __slots__ = ("index", "meta", "node", "seq")

    def __init__(self, node: Node, index: int) -> None:
        self.node, self.index, self.seq, self.meta = node, index, next_seq(), None

    __repr__ = NodeBase.__repr__
    needs_meta = NodeBase.needs_meta

    def name(self) -> str:
        return self.node.name()


class Accumulate:
    """A leaf that requires grad: the cotangents that arrive here are summed into `grad`."""

    __slots__ = ("__weakref__", "grad", "meta", "owner", "post_hooks", "seq")

    def __init__(self, owner: Any) -> None:
        self.owner = weakref.ref(owner)
        self.grad: Any = None
        self.seq = next_seq()
        self.meta: NodeMeta | None = None
        self.post_hooks: dict[int, Any] | None = None

    needs_meta = NodeBase.needs_meta
    edges = ()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"

    def name(self) -> str:
        return "AccumulateGrad"


Accumulate.__name__ = Accumulate.__qualname__ = "AccumulateGrad"  # programs print type(node).__name__
_named: dict[tuple[type, str], type] = {}
SHOWN: dict[str, Any] = {}  # what only the classes of `shown` have: a __getattr__ on all nodes would slow the sweep


def shown(node: Any) -> Any:
    """The node as a user is handed it: of a class with PyTorch's name, for `type(t.grad_fn).__name__`.

    Only nodes that are asked for change their class; the sweep takes its general path through them.
    """
    kind = type(node)
    if kind in (Node, Light, Link1, Link2, Pair):
        name = node.name()
        found = _named.get((kind, name))
        if found is None:
            found = _named[kind, name] = type(name, (kind,), {"__slots__": (), "__module__": kind.__module__, **SHOWN})
        node.__class__ = found
    return node
