"""grad, vjp, jvp, linearize and their kin: functions in, functions out. (PyTorch's torch.func, JAX's power.)"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy_dtype
from ..core.errors import ArgumentError, FunctionError, GraphError, ShapeError
from ..core.primitive import VALUE
from ..core.provenance import describe
from ..core.pytree import tree_flatten, tree_map
from ..core.tape import NodeBase, Select
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .arguments import (
    ONE,
    Chosen,
    as_tensors,
    check_callable,
    check_holomorphic,
    conjugated,
    differentiable,
    fit,
    flatten,
    name_of,
    out_leaf,
    with_aux,
)
from .forward import JVPTrace
from .jacobian import hessian, hvp, jacfwd, jacrev
from .level import public, zeros_like_raw
from .tape import Tape, one, own_arrays
from .vectorise import vmap

__all__ = [
    "grad",
    "grad_and_value",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "linear_transpose",
    "linearize",
    "value_and_grad",
    "vjp",
    "vmap",
]


def _aux_values(aux: Any, split: Callable) -> Any:
    """Auxiliary results, freed from the trace that just ended."""
    return tree_map(lambda x: public(split(x)[0]) if isinstance(x, Tensor) else x, aux)


def _gradient(
    func: Callable, argnums: Any, has_aux: bool, args: tuple, kwargs: dict, what: str, holomorphic: bool = False
) -> tuple:
    """(gradients in the structure of the chosen arguments, value, aux)."""
    if not callable(func):
        check_callable(func, what.partition("(")[0])
    chosen = Chosen(func, argnums, args, kwargs, what)
    values, spec = chosen.flat(what)
    tape = Tape(values)
    given = tape.inputs if spec is ONE else spec.unflatten(tape.inputs)
    out, aux = with_aux(tape.record(chosen.call, given), has_aux, what, func)
    if not isinstance(out, Tensor):
        raise FunctionError(
            f"{what}: Expected {name_of(func)}(*args) to return tensor, got type {type(out).__name__}. "
            + ("Write has_aux=True if it returns (loss, aux)." if isinstance(out, tuple) else "Return a scalar tensor.")
        )
    value, node = tape.split(out)
    shape = raw_shape(value)
    if shape != ():
        at = node.node if type(node) is Select else node
        made = f" made at {describe(at.code, at.lasti)}" if isinstance(at, NodeBase) else ""
        raise ShapeError(
            f"{what}: Expected {name_of(func)}(*args) to return a scalar Tensor, got tensor with {len(shape)} dims "
            f"(shape {shape}){made}. Maybe you wanted to use the vjp or jacrev APIs instead, or to return its .sum()?"
        )
    if holomorphic:
        check_holomorphic(what, values, [value])
    elif raw_dtype(value).kind == "c":
        raise GraphError(
            f"{what}: grad can be implicitly created only for real scalar outputs but got "
            f"{from_numpy_dtype(raw_dtype(value))} from {name_of(func)}. Write the .real part of what it returns, "
            f"vjp with a complex cotangent, or holomorphic=True for the complex derivative."
        )
    cts: list = [None] * len(values)
    if node is not None:
        cts = tape.pull([(node, one(raw_dtype(value)))], retain=False)
    cts = [zeros_like_raw(x) if c is None else c for c, x in zip(cts, values, strict=True)]
    found = chosen.shaped(own_arrays(cts), spec)
    if holomorphic:
        found = conjugated(found)
    return found, public(value), _aux_values(aux, tape.split) if has_aux else None


def grad(func: Callable, argnums: Any = 0, has_aux: bool = False, *, holomorphic: bool = False) -> Callable:
    """The function that computes the gradient of a scalar function.

    Args:
        func: takes any pytrees of tensors (NumPy arrays and numbers are converted), returns a scalar tensor, or
            (scalar, aux) with has_aux.
        argnums: number or name of the argument to differentiate by, or a tuple of these; the result is then a tuple.
        has_aux: the result is (gradient, aux).
        holomorphic: give the complex derivative df/dz of a function from complex numbers to a complex number. (Without
            it the result of a complex argument is the gradient of a real function: dL/da + i dL/db.)

    Raises:
        ShapeError: the result is not a scalar.
        GraphError: an argument to differentiate by has an integer dtype.

    >>> import chainrule as cr
    >>> cr.func.grad(lambda x: x * x * x)(cr.tensor(2.0))
    tensor(12.)
    """

    @functools.wraps(func)
    def grad_of(*args: Any, **kwargs: Any) -> Any:
        found, _, aux = _gradient(func, argnums, has_aux, args, kwargs, "grad(f)(*args)", holomorphic)
        return (found, aux) if has_aux else found

    return grad_of


def grad_and_value(func: Callable, argnums: Any = 0, has_aux: bool = False, *, holomorphic: bool = False) -> Callable:
    """Like `grad`, returning (gradient, value), or (gradient, (value, aux)) with has_aux.

    >>> import chainrule as cr
    >>> cr.func.grad_and_value(lambda x: x * x)(cr.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def grad_and_value_of(*args: Any, **kwargs: Any) -> Any:
        what = "grad_and_value(f)(*args)"
        found, value, aux = _gradient(func, argnums, has_aux, args, kwargs, what, holomorphic)
        return (found, (value, aux)) if has_aux else (found, value)

    return grad_and_value_of


def value_and_grad(func: Callable, argnums: Any = 0, has_aux: bool = False, *, holomorphic: bool = False) -> Callable:
    """Like `grad`, returning (value, gradient), or ((value, aux), gradient) with has_aux.

    >>> import chainrule as cr
    >>> cr.func.value_and_grad(lambda x: x * x)(cr.tensor(3.0))
    (tensor(9.), tensor(6.))
    """

    @functools.wraps(func)
    def value_and_grad_of(*args: Any, **kwargs: Any) -> Any:
        what = "value_and_grad(f)(*args)"
        found, value, aux = _gradient(func, argnums, has_aux, args, kwargs, what, holomorphic)
        return ((value, aux), found) if has_aux else (value, found)

    return value_and_grad_of


class _Recorded:
    """A function run once on a tape: outputs, and the pullback."""

    __slots__ = ("aux", "in_spec", "nodes", "out_spec", "outs", "tape", "values", "what")

    def __init__(self, func: Callable, primals: tuple, has_aux: bool, what: str) -> None:
        check_callable(func, what.partition("(")[0])
        primals = as_tensors(primals)
        leaves, self.in_spec = tree_flatten(primals)
        names = [f"argument {i}{p}" for i, c in enumerate(self.in_spec.children) for p in c.paths()]
        self.values = [differentiable(x, what, p) for x, p in zip(leaves, names, strict=True)]
        self.what = what
        self.tape = tape = Tape(self.values)
        out, aux = with_aux(tape.record(func, *self.in_spec.unflatten(tape.inputs)), has_aux, what, func)
        self.aux = _aux_values(aux, tape.split) if has_aux else None
        flat, self.out_spec = flatten(out)
        pairs = [tape.split(out_leaf(x, what, func)) for x in flat]
        self.outs = [p[0] for p in pairs]
        self.nodes = [p[1] for p in pairs]

    @property
    def result(self) -> Any:
        return self.out_spec.unflatten([public(v) for v in self.outs])

    def cotangents(self, given: Any) -> list:
        """The user's cotangents as lower values; None where no gradient can flow."""
        flat = self.out_spec.flatten_up_to(given, f"{self.what}: the cotangent")
        return [
            None if node is None or c is None else fit(c, v, self.what, p)
            for c, v, node, p in zip(flat, self.outs, self.nodes, self.out_spec.paths("the cotangent"), strict=True)
        ]

    def pull(self, cts: list) -> list:
        roots = [(node, c) for node, c in zip(self.nodes, cts, strict=True) if node is not None and c is not None]
        found = self.tape.pull(roots, retain=True) if roots else [None] * len(self.values)
        return [zeros_like_raw(x) if c is None else c for c, x in zip(found, self.values, strict=True)]


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """(func(*primals), pullback), where pullback(ct) is the tuple of J^T ct for each primal.

    The pullback may be called any number of times, also inside other transformations. With has_aux, `func` returns
    (output, aux) and the result is (output, pullback, aux).

    >>> import chainrule as cr
    >>> out, pullback = cr.func.vjp(lambda x, y: x * y, cr.tensor(2.0), cr.tensor(5.0))
    >>> pullback(cr.tensor(1.0))
    (tensor(5.), tensor(2.))
    """
    run = _Recorded(func, primals, has_aux, "vjp(f, *primals)")

    def pullback(*cotangents: Any) -> tuple:
        """J^T times cotangents (one argument shaped like the output, or one per element of a tuple output)."""
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        cts = run.cotangents(as_tensors(given))
        return run.in_spec.unflatten(own_arrays(run.pull(cts), cts))

    return (run.result, pullback, run.aux) if has_aux else (run.result, pullback)


def jvp(func: Callable, primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> tuple:
    """(func(*primals), J tangents), both computed in one forward pass.

    `primals` and `tangents` are tuples of the same structure (a tangent may be None for zero). With `strict`, an
    output that does not depend on the primals raises. With has_aux the result is (output, tangent, aux).

    >>> import chainrule as cr
    >>> cr.func.jvp(lambda x: x * x, (cr.tensor(3.0),), (cr.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    what = "jvp(f, primals, tangents)"
    if not isinstance(primals, (tuple, list)):
        kind = type(primals).__name__
        raise GraphError(f"{what}: Expected primals to be a tuple, got {kind}; write jvp(f, (x,), (t,))")
    check_callable(func, "jvp")
    leaves, spec = tree_flatten(tuple(as_tensors(primals)))
    if not leaves:
        raise ArgumentError(f"{what}: Expected primals to contain at least one Tensor; write jvp(f, (x,), (t,))")
    flat = spec.flatten_up_to(tuple(as_tensors(tangents)), f"{what}: tangents")
    names = spec.paths("primals")
    values, directions = [], []
    for x, t, name in zip(leaves, flat, names, strict=True):
        if t is None:
            values.append(out_leaf(x, what, func))
            directions.append(None)
        else:
            values.append(differentiable(x, what, name))
            directions.append(fit(t, values[-1], what, name.replace("primals", "tangents", 1)))
    trace = JVPTrace()
    duals = [trace.dual(v, t) for v, t in zip(values, directions, strict=True)]
    with trace:
        out = func(*spec.unflatten(duals))
    out, aux = with_aux(out, has_aux, what, func)
    outs, out_spec = flatten(out)
    pairs = [trace.split(out_leaf(x, what, func)) for x in outs]
    if strict and any(t is None for _, t in pairs):
        name = name_of(func)
        raise GraphError(f"{what}: with strict=True, every output must depend on the primals, but {name}'s do not")
    primal_out = out_spec.unflatten([public(v) for v, _ in pairs])
    tangent_out = out_spec.unflatten(own_arrays([zeros_like_raw(v) if t is None else t for v, t in pairs], directions))
    if has_aux:
        return primal_out, tangent_out, _aux_values(aux, trace.split)
    return primal_out, tangent_out


def linearize(func: Callable, *primals: Any) -> tuple:
    """(func(*primals), pushforward), where pushforward(*tangents) is J tangents without running `func` again.

    The pullback is recorded once, as a function of the cotangent, in which it is linear; each pushforward is a sweep
    through that recording.

    >>> import chainrule as cr
    >>> out, pushforward = cr.func.linearize(lambda x: x * x, cr.tensor(3.0))
    >>> pushforward(cr.tensor(2.0))
    tensor(12.)
    """
    run = _Recorded(func, primals, False, "linearize(f, *primals)")
    live = [i for i, node in enumerate(run.nodes) if node is not None]
    again = Tape([zeros_like_raw(run.outs[i]) for i in live])
    cts: list = [None] * len(run.outs)
    for i, ct in zip(live, again.inputs, strict=True):
        cts[i] = ct
    pulled = [again.split(c)[1] for c in again.record(run.pull, cts)] if live else []

    def pushforward(*tangents: Any) -> Any:
        """J times tangents."""
        flat = run.in_spec.flatten_up_to(tuple(as_tensors(tangents)), f"{run.what}: tangents")
        names = run.in_spec.paths("tangents")
        given = [None if t is None else fit(t, v, run.what, n) for t, v, n in zip(flat, run.values, names, strict=True)]
        roots = [(node, t) for node, t in zip(pulled, given, strict=False) if node is not None and t is not None]
        found: list = [None] * len(run.outs)
        if roots:
            for i, t in zip(live, again.pull(roots, retain=True), strict=True):
                found[i] = t
        outs = [zeros_like_raw(v) if t is None else t for t, v in zip(found, run.outs, strict=True)]
        return run.out_spec.unflatten(own_arrays(outs, given))

    return run.result, pushforward


def linear_transpose(func: Callable, *primals: Any) -> Callable:
    """The transpose of a linear function: a function from cotangents of its result to a tuple of cotangents.

    `primals` only give the shapes and dtypes of the arguments.

    Raises:
        GraphError: an operation on the way is not linear in the arguments.

    >>> import chainrule as cr
    >>> cr.func.linear_transpose(lambda x: 3 * x, cr.tensor(0.0))(cr.tensor(2.0))
    (tensor(6.),)
    """
    zeros = tree_map(lambda x: wrap(zeros_like_raw(x)) if hasattr(x, "shape") else np.zeros(()), as_tensors(primals))
    run = linear_run(func, tuple(zeros), "linear_transpose", "Use vjp for the transpose of its derivative.")

    def transposed(*cotangents: Any) -> tuple:
        """The transpose applied to one cotangent per result."""
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        cts = run.cotangents(as_tensors(given))
        return run.in_spec.unflatten(own_arrays(run.pull(cts), cts))

    return transposed


def linear_run(func: Callable, primals: tuple, what: str, hint: str, name: str = "") -> _Recorded:
    """`func` recorded at `primals`, or the error that says which operation in it is not linear."""
    run = _Recorded(func, primals, False, what)
    found = _not_linear(run.nodes)
    if found is not None:
        raise GraphError(
            f"{what}: {name or name_of(func)} is not linear in its arguments: {found.prim.name} at "
            f"{describe(found.code, found.lasti)} is applied to them. {hint}"
        )
    return run


def _not_linear(nodes: Sequence) -> Any:
    """A recorded operation whose derivative depends on the inputs of the tape, if there is one."""
    stack, seen = [n for n in nodes if n is not None], set()
    while stack:
        node = stack.pop()
        node = node.node if isinstance(node, Select) else node
        if id(node) in seen or not isinstance(node, NodeBase):
            continue
        seen.add(id(node))
        prim, edges = node.prim, node.edges
        if prim.joint is None and prim.kind != "linear" and not prim.view:
            kinds, keeps_ans = prim.reads(len(edges), tuple([e is not None for e in edges]))
            if keeps_ans or any(k == VALUE and e is not None for k, e in zip(kinds, edges, strict=True)):
                return node
        stack.extend([e for e in edges if e is not None])
    return None
