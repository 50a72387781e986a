"""Pytrees: nested containers of values, flattened to a list of leaves and a description of the containers.

Containers are tuple, list, dict (in insertion order), OrderedDict, defaultdict, deque, named tuples, None (a container
without leaves), and every class registered with `register_pytree_node` or `register_dataclass`. All else is a leaf.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .errors import ArgumentError, ArgumentTypeError, ChainruleError


class TreeError(ChainruleError, RuntimeError, ValueError, TypeError):
    """Two pytrees that should have the same structure differ."""


class _Kind(NamedTuple):
    flatten: Callable[[Any], tuple[Iterable, Any]]  # node -> (children, context)
    unflatten: Callable[[Any, Iterable], Any]  # (context, children) -> node
    keys: Callable[[Any, int], list[str]]  # (context, number of children) -> path steps


def _indices(context: Any, n: int) -> list[str]:
    return [f"[{i}]" for i in range(n)]


def _dict_keys(context: Any, n: int) -> list[str]:
    return [f"[{k!r}]" for k in context]


_NAMED = _Kind(
    lambda t: (t, type(t)), lambda cls, children: cls(*children), lambda cls, n: [f".{f}" for f in cls._fields]
)
_KINDS: dict[type, _Kind] = {
    tuple: _Kind(lambda t: (t, None), lambda c, children: tuple(children), _indices),
    list: _Kind(lambda t: (t, None), lambda c, children: list(children), _indices),
    dict: _Kind(lambda t: (t.values(), tuple(t)), lambda keys, ch: dict(zip(keys, ch, strict=True)), _dict_keys),
    OrderedDict: _Kind(
        lambda t: (t.values(), tuple(t)), lambda keys, ch: OrderedDict(zip(keys, ch, strict=True)), _dict_keys
    ),
    defaultdict: _Kind(
        lambda t: (t.values(), (t.default_factory, tuple(t))),
        lambda c, ch: defaultdict(c[0], zip(c[1], ch, strict=True)),
        lambda c, n: _dict_keys(c[1], n),
    ),
    deque: _Kind(lambda t: (t, t.maxlen), lambda maxlen, children: deque(children, maxlen), _indices),
    type(None): _Kind(lambda t: ((), None), lambda c, children: None, _indices),
}
_DICTS = (dict, OrderedDict, defaultdict)


def register_pytree_node(
    cls: type,
    flatten: Callable[[Any], tuple[Iterable, Any]],
    unflatten: Callable[[Iterable, Any], Any],
    *,
    names: Callable[[Any, int], list[str]] | None = None,
) -> None:
    """Make instances of `cls` containers.

    `flatten(node)` gives (children, context) and `unflatten(children, context)` the node again. (JAX's order is taken
    for an `unflatten` whose parameters have JAX's names: the first begins with "aux", or the second is "children".)

    `context` is anything that can be compared with ==; `names(context, n)` gives the steps of paths in error messages.

    >>> class Pair:
    ...     def __init__(self, a, b): self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda children, context: Pair(*children))
    >>> tree_leaves(Pair(1, [2, 3]))
    [1, 2, 3]
    """
    if cls in _KINDS:
        raise ArgumentError(f"register_pytree_node: {cls.__name__} is registered already")
    swapped = _context_first(unflatten)

    def build(context: Any, children: Iterable) -> Any:
        try:
            return unflatten(context, children) if swapped else unflatten(children, context)
        except TypeError as error:
            error.add_note(
                f"{cls.__name__} was registered with an `unflatten` that is called as unflatten(children, context); "
                f"in JAX's order name the parameters (aux_data, children)"
            )
            raise

    _KINDS[cls] = _Kind(flatten, build, names or _indices)


def _context_first(unflatten: Callable) -> bool:
    """Do the parameters' names say that they are in JAX's order, (aux_data, children)?"""
    try:
        names = list(inspect.signature(unflatten).parameters)
    except (TypeError, ValueError):
        return False
    return len(names) == 2 and (names[0].startswith("aux") or names[1] == "children")


def register_pytree_node_class(cls: type) -> type:
    """Make instances of a class with `tree_flatten(self)` and `tree_unflatten(cls, aux_data, children)` containers.

    `tree_flatten` gives (children, aux_data). A decorator; returns `cls`.

    >>> @register_pytree_node_class
    ... class Line:
    ...     def __init__(self, slope, name): self.slope, self.name = slope, name
    ...     def tree_flatten(self): return (self.slope,), self.name
    ...     @classmethod
    ...     def tree_unflatten(cls, aux_data, children): return cls(*children, aux_data)
    >>> tree_map(lambda v: 2 * v, Line(3.0, "steep")).slope
    6.0
    """
    build: Callable = cls.tree_unflatten  # type: ignore[attr-defined]
    register_pytree_node(cls, lambda node: node.tree_flatten(), lambda children, context: build(context, children))
    return cls


def register_dataclass(
    cls: type,
    static: Iterable[str] = (),
    *,
    data_fields: Iterable[str] | None = None,
    meta_fields: Iterable[str] = (),
) -> type:
    """Make a dataclass a container of its fields, except those named in `static`, which stay as they are.

    Usable as a decorator; returns `cls`. Fields with `metadata={"static": True}` are static too. JAX's `meta_fields` is
    another name of `static`; with `data_fields` these two name all fields.

    Raises:
        ArgumentTypeError: `cls` is no dataclass.
        ArgumentError: it has no such field, or a field is in neither `data_fields` nor `meta_fields`.

    >>> @register_dataclass
    ... @dataclasses.dataclass
    ... class Point:
    ...     x: float
    ...     y: float
    >>> tree_map(lambda v: 2 * v, Point(1.0, 2.0)).y
    4.0
    """
    if not dataclasses.is_dataclass(cls):
        raise ArgumentTypeError(f"register_dataclass takes a dataclass, not {cls!r}; decorate it with @dataclass first")
    marked = [f.name for f in dataclasses.fields(cls) if f.metadata.get("static")]
    fixed = tuple(dict.fromkeys([*static, *meta_fields, *marked]))
    fields = [f.name for f in dataclasses.fields(cls)]
    unknown = [n for n in (*fixed, *(data_fields or ())) if n not in fields]
    if data_fields is not None and not unknown:
        told = {*data_fields, *fixed}
        unsaid = [n for n in fields if n not in told]
        if unsaid:
            raise ArgumentError(
                f"register_dataclass: {cls.__name__} has the field {unsaid[0]!r} too; name it in data_fields or "
                f"meta_fields"
            )
    if unknown:
        raise ArgumentError(f"register_dataclass: {cls.__name__} has no field {unknown[0]!r}; its fields are {fields}")
    moving = tuple(n for n in fields if n not in fixed)

    def flatten(node: Any) -> tuple[list, Any]:
        return [getattr(node, n) for n in moving], tuple(getattr(node, n) for n in fixed)

    def unflatten(children: Iterable, context: Any) -> Any:
        node = object.__new__(cls)
        for name, value in (*zip(moving, children, strict=True), *zip(fixed, context, strict=True)):
            object.__setattr__(node, name, value)
        return node

    register_pytree_node(cls, flatten, unflatten, names=lambda context, n: [f".{m}" for m in moving])
    return cls


def _kind_of(node: Any) -> _Kind | None:
    cls = type(node)
    kind = _KINDS.get(cls)
    if kind is None and isinstance(node, tuple) and hasattr(cls, "_fields"):
        return _NAMED
    return kind


class TreeSpec:
    """The containers of a pytree: what `tree_unflatten` needs to put leaves back."""

    __slots__ = ("children", "context", "num_leaves", "type")

    def __init__(self, type: type | None, context: Any, children: tuple[TreeSpec, ...], num_leaves: int) -> None:
        self.type, self.context, self.children, self.num_leaves = type, context, children, num_leaves

    @property
    def is_leaf(self) -> bool:
        """Does it describe a single leaf?"""
        return self.type is None

    def unflatten(self, leaves: Iterable) -> Any:
        """The tree with these leaves."""
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise TreeError(f"this tree has {self.num_leaves} leaves, but {len(given)} were given: {self}")
        return self._build(iter(given))

    def _build(self, it: Any) -> Any:
        if self.type is None:
            return next(it)
        children = [c._build(it) for c in self.children]
        return _kind(self.type).unflatten(self.context, children)

    def flatten_up_to(self, tree: Any, what: str = "tree") -> list:
        """Subtrees of `tree` at this tree's leaves, in this tree's order; an error names the path that differs."""
        out: list[Any] = []
        self._collect(tree, what, out)
        return out

    def _collect(self, tree: Any, path: str, out: list) -> None:
        if self.type is None:
            out.append(tree)
            return
        kind = _kind(self.type)
        same = type(tree) is self.type or (self.type in _DICTS and isinstance(tree, dict))
        if not same:
            raise TreeError(f"{path} should be a {self.type.__name__}, but is {_told(tree)}")
        if self.type in _DICTS:
            keys = self.context[1] if self.type is defaultdict else self.context
            if set(keys) != set(tree):
                missing = [k for k in keys if k not in tree]
                extra = [k for k in tree if k not in keys]
                raise TreeError(f"{path} should have the keys {list(keys)}; missing: {missing}, too many: {extra}")
            children: list = [tree[k] for k in keys]
        else:
            found, context = kind.flatten(tree)
            children = list(found)
            if len(children) != len(self.children):
                raise TreeError(
                    f"{path} should be a {self.type.__name__} of {len(self.children)} elements, but has {len(children)}"
                )
            if context != self.context:
                raise TreeError(f"{path}: {self.type.__name__} with {context!r} does not match {self.context!r}")
        steps = kind.keys(self.context, len(children))
        for spec, child, step in zip(self.children, children, steps, strict=True):
            spec._collect(child, path + step, out)

    def paths(self, prefix: str = "") -> list[str]:
        """The path of each leaf, such as "['w'][0]"."""
        if self.type is None:
            return [prefix]
        steps = _kind(self.type).keys(self.context, len(self.children))
        return [p for c, step in zip(self.children, steps, strict=True) for p in c.paths(prefix + step)]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TreeSpec)
            and self.type is other.type
            and self.num_leaves == other.num_leaves
            and self.context == other.context
            and self.children == other.children
        )

    def __hash__(self) -> int:
        try:
            return hash((self.type, self.context, self.children))
        except TypeError:
            return hash((self.type, self.num_leaves))

    def __repr__(self) -> str:
        return f"TreeSpec({self._text()})"

    def _text(self) -> str:
        if self.type is None:
            return "*"
        if self.type is type(None):
            return "None"
        inside = [c._text() for c in self.children]
        if self.type is tuple:
            return f"({', '.join(inside)}{',' if len(inside) == 1 else ''})"
        if self.type is list:
            return f"[{', '.join(inside)}]"
        steps = _kind(self.type).keys(self.context, len(inside))
        body = ", ".join(f"{s.strip('[].')}: {t}" for s, t in zip(steps, inside, strict=True))
        return f"{{{body}}}" if self.type is dict else f"{self.type.__name__}({body})"


LEAF = TreeSpec(None, None, (), 1)


def _kind(cls: type) -> _Kind:
    return _KINDS.get(cls, _NAMED)


def _told(tree: Any) -> str:
    shape = getattr(tree, "shape", None)
    if shape is not None:
        return f"a leaf of shape {tuple(shape)}"
    kind = _kind_of(tree)
    if kind is None:
        return f"a leaf of type {type(tree).__name__}"
    if tree is None:
        return "None"
    return f"a {type(tree).__name__} of {len(list(kind.flatten(tree)[0]))} elements"


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """(leaves, structure) of a pytree; `is_leaf(node)` true makes a container count as a leaf.

    >>> leaves, spec = tree_flatten({"w": [1, 2], "b": (3, None)})
    >>> leaves, spec
    ([1, 2, 3], TreeSpec({'w': [*, *], 'b': (*, None)}))
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree: Any, leaves: list, is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    kind = _kind_of(tree)
    if kind is None or (is_leaf is not None and is_leaf(tree)):
        leaves.append(tree)
        return LEAF
    start = len(leaves)
    children, context = kind.flatten(tree)
    specs = tuple([_flatten(c, leaves, is_leaf) for c in children])
    return TreeSpec(type(tree), context, specs, len(leaves) - start)


def tree_unflatten(leaves: Any, spec: Any) -> Any:
    """The tree of structure `spec` with these leaves (the two arguments may come in either order).

    >>> leaves, spec = tree_flatten([1, (2, 3)])
    >>> tree_unflatten([v * 10 for v in leaves], spec)
    [10, (20, 30)]
    """
    if isinstance(leaves, TreeSpec):
        leaves, spec = spec, leaves
    return spec.unflatten(leaves)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list:
    """The leaves of a pytree, in order.

    A leaf is anything that is no dict, list, tuple or None.

    >>> import chainrule as cr
    >>> cr.func.tree_leaves({"a": 1, "b": (2, 3)})
    [1, 2, 3]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The structure of a pytree, without its leaves.

    >>> import chainrule as cr
    >>> cr.func.tree_structure([1, 2]) == cr.func.tree_structure(["x", "y"])
    True
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_map(function: Callable, tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`function` applied to each leaf and the matching subtrees of `rest`, in the first tree's structure.

    >>> tree_map(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"y": (20, 30), "x": 10})
    {'x': 11, 'y': (22, 33)}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(r, f"tree {i}") for i, r in enumerate(rest, 2)]
    return spec.unflatten([function(*xs) for xs in zip(leaves, *others, strict=True)])


def tree_flatten_with_path(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list, TreeSpec]:
    """([(path, leaf), ...], structure), with paths such as "['layers'][0].weight".

    >>> tree_flatten_with_path({"a": (1, 2)})[0]
    [("['a'][0]", 1), ("['a'][1]", 2)]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return list(zip(spec.paths(), leaves, strict=True)), spec


def tree_map_with_path(function: Callable, tree: Any, *rest: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """`function(path, leaf, *others)` applied to each leaf, in the first tree's structure.

    >>> tree_map_with_path(lambda path, v: f"{path} is {v}", [1, {"b": 2}])
    ['[0] is 1', {'b': "[1]['b'] is 2"}]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [spec.flatten_up_to(r, f"tree {i}") for i, r in enumerate(rest, 2)]
    return spec.unflatten([function(*xs) for xs in zip(spec.paths(), leaves, *others, strict=True)])


def tree_reduce(function: Callable, tree: Any, *initial: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The leaves combined two by two from the left, after `initial` where it is given.

    >>> tree_reduce(lambda a, b: a + b, {"x": 1, "y": (2, 3)})
    6
    """
    return functools.reduce(function, tree_leaves(tree, is_leaf), *initial)


def tree_transpose(outer_treedef: TreeSpec, inner_treedef: TreeSpec, pytree_to_transpose: Any) -> Any:
    """A tree of the outer structure whose leaves have the inner structure, turned inside out.

    >>> pairs = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    >>> tree_transpose(tree_structure([0, 0]), tree_structure(pairs[0]), pairs)
    {'a': [1, 3], 'b': [2, 4]}
    """
    parts = zip(outer_treedef.flatten_up_to(pytree_to_transpose), outer_treedef.paths(), strict=True)
    rows = [inner_treedef.flatten_up_to(part, f"tree{path}") for part, path in parts]
    return inner_treedef.unflatten([outer_treedef.unflatten(column) for column in zip(*rows, strict=True)])


def broadcast_prefix(prefix: Any, tree: Any, what: str = "prefix") -> list:
    """One value per leaf of `tree`, from a tree of values whose leaves may each stand for a whole subtree.

    None counts as a value here, as in `in_dims=(0, None)`.
    """
    out: list[Any] = []
    _spread(prefix, tree, what, out)
    return out


def _spread(prefix: Any, tree: Any, path: str, out: list) -> None:
    kind = None if prefix is None else _kind_of(prefix)
    if kind is None:
        out.extend([prefix] * tree_structure(tree).num_leaves)
        return
    other = _kind_of(tree)
    matching = type(prefix) is type(tree) or {type(prefix), type(tree)} <= {tuple, list}
    if other is None or not matching:
        raise TreeError(f"{path} is a {type(prefix).__name__}, but what it describes is {_told(tree)}")
    if isinstance(prefix, dict):
        if set(prefix) != set(tree):
            raise TreeError(f"{path} has the keys {list(prefix)}, but what it describes has {list(tree)}")
        for key, child in tree.items():
            _spread(prefix[key], child, f"{path}[{key!r}]", out)
        return
    parts, children = list(kind.flatten(prefix)[0]), list(other.flatten(tree)[0])
    if len(parts) != len(children):
        raise TreeError(f"{path} has {len(parts)} elements, but what it describes has {len(children)}")
    steps = kind.keys(kind.flatten(prefix)[1], len(parts))
    for part, child, step in zip(parts, children, steps, strict=True):
        _spread(part, child, path + step, out)
