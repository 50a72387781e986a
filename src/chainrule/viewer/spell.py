"""Rules as trees: an engine's rule, run on values that write down what is done to them.

A tree is "g" (the cotangent of the result), "ans" (the result), an argument's number as "x0", a plain number, an array
{"shape", "data"}, or [operation, parameters, operands]. Of an operation with several results, "g0" and "ans0" belong to
the first. The page shows a tree as a formula and evaluates it after an edit, so what it shows, what it computes and
what the engine does are one rule. A large tree is kept as {"steps": [...], "gives": ...}, where "#3" stands for the
fourth step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import dtype
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import Tensor, Trace, Tracer, wrap
from ..ops.broadcasting import unbroadcast
from .record import Item, plain

Tree = Any  # str | float | dict | list
LONGEST = 40  # operations of a rule that is kept, and shown, as one formula
LARGEST = 4096  # entries of a constant array inside a rule


class _Word(Tracer):
    __slots__ = ()
    tree: Tree


class _Spelling(Trace):
    def word(self, tree: Tree, value: Any) -> _Word:
        out = object.__new__(_Word)
        out._data, out._node, out._trace, out.tree = wrap(np.asarray(value)), None, self, tree
        return out

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        answer = prim.impl(np, *[plain(a) for a in args], **params)
        tree = [prim.name, params_of(params), [self.spelled(a) for a in args]]
        if prim.n_out == 1:
            return self.word(tree, answer)
        return tuple(self.word(["result", {"index": i}, [tree]], a) for i, a in enumerate(answer))

    def spelled(self, x: Any) -> Tree:
        if self.owns(x):
            return x.tree
        raw = plain(x)
        if isinstance(raw, np.ndarray) and raw.ndim:
            if raw.size and (raw == raw.flat[0]).all():
                return ["broadcast_to", {"shape": list(raw.shape)}, [number(raw.flat[0])]]
            if raw.size > LARGEST:
                raise _UnspelledError("a large constant array")
            return {"shape": list(raw.shape), "data": [number(v) for v in raw.ravel()]}
        return number(raw)


class _UnspelledError(Exception):
    """This rule has no tree."""


def number(x: Any) -> Any:
    """A number for JSON: not-finite ones as text that the page reads back."""
    x = x.item() if isinstance(x, (np.ndarray, np.generic)) else x
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, int):
        return x if abs(x) < 2**53 else float(x)
    if isinstance(x, float):
        return x if np.isfinite(x) else {"number": "nan" if x != x else "inf" if x > 0 else "-inf"}
    raise _UnspelledError(f"a value of type {type(x).__name__}")


def params_of(params: dict) -> dict:
    """Parameters of an operation for JSON; what has no plain form becomes {"text": ...}, which nothing can compute."""
    return {k: _plain_param(v) for k, v in params.items()}


def _plain_param(v: Any) -> Any:
    if v is None or isinstance(v, (str, bool)):
        return v
    if isinstance(v, (int, float, np.integer, np.floating)):
        return number(v)
    if isinstance(v, (tuple, list)):
        return [_plain_param(e) for e in v]
    if isinstance(v, np.dtype) or (isinstance(v, type) and issubclass(v, np.generic)):
        return np.dtype(v).name
    if isinstance(v, dtype):
        return v.name
    return {"text": f"{type(v).__name__}"}


def value_of(a: Any) -> Any:
    """An operand for a rule: the array, the number, or a Spec where the value is not known."""
    if not isinstance(a, Item):
        return a
    return a.spec if a.value is None else a.value


def pulled(item: Item, g: Any) -> list[Any]:
    """The engine's own cotangents for the arguments of an operation, in the arguments' shapes; None: no gradient."""
    prim, params = item.prim, item.params
    assert prim is not None
    args = [value_of(a) for a in item.args]
    needs = tuple(isinstance(a, Item) and a.wants for a in item.args)
    if prim.joint is not None:
        found = list(prim.joint(g, item.value, tuple(args), needs, **params))
    else:
        found = []
        for i, need in enumerate(needs):
            rule = prim.vjp[i] if need and i < len(prim.vjp) else None
            if need and rule is None:
                raise _no_rule(prim, i)
            found.append(None if rule is None else rule(g, item.value, *args, **params))
    shaped = []
    for a, c, need in zip(item.args, found, needs, strict=False):
        known = a.value if isinstance(a, Item) and a.value is not None else getattr(a, "spec", None)
        if not need or c is None:
            shaped.append(None)
        else:
            c = np.asarray(plain(c))
            shaped.append(c if known is None else np.asarray(unbroadcast(c, tuple(known.shape))))
    return shaped


def _no_rule(prim: Primitive, i: int) -> Exception:
    from ..core.errors import NotDifferentiableError

    return NotDifferentiableError(
        f"the derivative for '{prim.name}' with respect to argument {i} is not implemented, because it does not exist "
        f"or is zero almost everywhere; write x.detach() where the value should be a constant"
    )


def trees(item: Item, g: Any) -> list[Tree | None]:
    """For each argument the tree of its rule; None where no gradient flows or the rule cannot be written down."""
    prim = item.prim
    assert prim is not None
    needs = tuple(isinstance(a, Item) and a.wants for a in item.args)
    spelling = _Spelling()

    def word(tree: Tree, value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)([word(f"{tree}{i}", v) for i, v in enumerate(value)])
        return value if value is None or isinstance(value, Spec) else spelling.word(tree, value)

    given = [word(f"x{i}", value_of(a)) if isinstance(a, Item) else a for i, a in enumerate(item.args)]
    ans, cotangent = word("ans", item.value), word("g", g)
    found: list[Tree | None] = [None] * len(needs)
    try:
        if prim.joint is not None:
            results = list(prim.joint(cotangent, ans, tuple(given), needs, **item.params))
        else:
            results = [
                prim.vjp[i](cotangent, ans, *given, **item.params) if need else None  # type: ignore[misc]
                for i, need in enumerate(needs)
            ]
        for i, (need, c) in enumerate(zip(needs, results, strict=True)):
            if need and c is not None and isinstance(c, (Tensor, np.ndarray, np.generic, int, float)):
                found[i] = _shortened(_summed(spelling.spelled(c), plain(c), item.args[i].shape))
    except Exception:  # a rule may do what only arrays can; then it is named, not spelled
        return [None] * len(needs)
    return found


def _summed(tree: Tree, value: Any, shape: tuple[int, ...]) -> Tree:
    """The tree, summed over what the argument, of this shape, was broadcast along."""
    given = np.shape(value)
    if given == shape or len(given) < len(shape):
        return tree
    lead = len(given) - len(shape)
    axes = [i for i, n in enumerate(given) if i < lead or (shape[i - lead] == 1 and n != 1)]
    if not axes:
        return tree
    return ["reshape", {"shape": list(shape)}, [["sum", {"axes": axes, "keepdims": False}, [tree]]]]


def _shortened(tree: Tree) -> Tree:
    """The tree itself, or its steps, each once, if it is longer than a formula can be."""
    size: dict[int, int] = {}  # operations below a part, by its identity, counted as often as they are written
    place: dict[int, int] = {}
    steps: list[list] = []
    stack = [(tree, False)]
    while stack:
        part, below = stack.pop()
        if not isinstance(part, list) or id(part) in size:
            continue
        name, params, operands = part
        if not below:
            stack += [(part, True), *((o, False) for o in reversed(operands))]
            continue
        size[id(part)] = 1 + sum(size.get(id(o), 0) for o in operands)
        place[id(part)] = len(steps)
        steps.append([name, params, [f"#{place[id(o)]}" if isinstance(o, list) else o for o in operands]])
    if size.get(id(tree), 0) <= LONGEST:
        return tree
    return {"steps": steps, "gives": f"#{place[id(tree)]}"}
