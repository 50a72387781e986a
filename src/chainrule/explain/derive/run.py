"""explain.derive: from a function, by way of its graph, to the derivation of its gradient."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ArgumentTypeError, NotDifferentiableError, TracedValueError
from ...core.value import Tensor, raw_dtype, raw_shape, wrap
from ...graph.ir import Graph
from ...graph.stage import Staged, stage
from ...transforms.func import grad as grad_of
from . import expr as e
from .check import Argument, compare
from .derivation import Derivation, Derivations, Swell
from .differential import TRICKS, Step, bring_out, differentiate, factored, jacobian_of
from .evaluate import size_of
from .expr import Expr
from .inputs import marking, names_of_arrays, names_outside
from .read import Reader, Sizes, matrix_shape

PRIMES = (1009, 1013, 1019, 1031, 1039, 1049, 1061, 1069, 1087, 1093, 1097, 1103, 1109, 1117, 1123, 1129, 1151, 1163)
LONGEST = 400  # equations; a longer program is not derived on paper


# ---- from a function to its graph ------------------------------------------------------------------------------------


def _shape(given: Any) -> tuple[int | str, ...]:
    if isinstance(given, (int, np.integer)):
        return (int(given),)
    parts = given.replace(",", " ").split() if isinstance(given, str) else list(given)
    made = tuple(int(p) if isinstance(p, (int, np.integer)) or str(p).isdigit() else str(p) for p in parts)
    if len(made) > 2:
        raise ArgumentError(f"explain.derive(): shape {given!r} has more than two dimensions; matrices have two")
    return made


def _parameters(f: Callable, count: int) -> list[str]:
    try:
        given = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return [f"x{i + 1}" for i in range(count)]
    names = [p.name for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    optional = [p.name for p in given if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty]
    if any(p.kind is p.VAR_POSITIONAL for p in given):
        names += [f"x{i + 1}" for i in range(len(names), count)]
    return names + optional[: max(count - len(names), 0)]


def _annotated(f: Callable) -> dict[str, str]:
    """Shapes that stand as annotations: def f(X: "m n", w: "n")."""
    try:
        given = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return {}
    known = {*getattr(f, "__globals__", {}), *dir(builtins)}
    found = {p.name: p.annotation.strip("'\"") for p in given if isinstance(p.annotation, str)}
    words = {name: text.replace(",", " ").split() for name, text in found.items()}
    return {
        name: found[name]
        for name, parts in words.items()
        if all(re.fullmatch(r"[a-z]\w*|\d+", part) and part not in known for part in parts)
    }


def _arguments(f: Callable, examples: tuple, at: dict, shapes: dict, kinds: dict[str, str]) -> list[Argument]:
    names = _parameters(f, len(examples))
    if len(examples) > len(names):
        raise ArgumentTypeError(f"explain.derive(): f takes {len(names)} arguments, got {len(examples)} examples")
    for name in (*at, *shapes, *kinds):
        if name not in names:
            raise ArgumentError(f"explain.derive(): f has no argument {name!r}; its arguments are: {', '.join(names)}")
    made = []
    for i, name in enumerate(names):
        if name in at and i < len(examples):
            raise ArgumentTypeError(f"explain.derive(): two examples of {name}, one in its place and one in at=")
        example = examples[i] if i < len(examples) else at.get(name)
        if example is not None and not isinstance(example, (Tensor, np.ndarray, np.generic, int, float)):
            raise ArgumentTypeError(f"explain.derive(): the example of {name} must be an array or a number, not "
                                    f"{type(example).__name__}")  # fmt: skip
        shape = raw_shape(example) if example is not None else _shape(shapes.get(name, ()))
        if isinstance(example, (int, float)):
            example = np.asarray(float(example))
        made.append(Argument(name, tuple(shape), kinds.get(name, ""), example))
    return made


def _staged(f: Callable, arguments: list[Argument], sizes: Sizes) -> Staged:
    number = {name: n for n, name in sizes.names.items()}
    given = []
    for a in arguments:
        dtype = np.dtype(np.float64) if a.example is None else raw_dtype(a.example)
        dtype = np.dtype(np.float64) if dtype.kind == "f" else dtype
        given.append(np.broadcast_to(np.zeros((), dtype), [size_of(n, number) for n in a.shape]))  # type: ignore[misc]
    try:
        return stage(marking(f), *given, unroll=True)
    except TracedValueError as error:
        raise NotDifferentiableError(f"explain.derive(): f asks for the value of an argument. {error}") from None


def _count(x: Expr) -> int:
    """Operations in the expression as written out, each occurrence counted."""

    @cache
    def of(x: Expr) -> int:
        if x.op == "d" or not x.args:
            return 0
        own = len(x.args) - 1 + (x.data[0] not in (1, -1)) if x.op == "mul" else len(x.args) - 1
        return max(own, 1) + sum(of(a) for a in x.args)

    return of(x)


def derive(
    f: Callable,
    *examples: Any,
    wrt: Any = None,
    shapes: dict[str, Any] | None = None,
    at: dict[str, Any] | None = None,
    symmetric: Sequence[str] = (),
    probability: Sequence[str] = (),
    positive: Sequence[str] = (),
    layout: str = "gradient",
    order: int = 1,
) -> Any:
    """The derivative of f as a formula of matrix calculus, df = tr((df/dX)^T dX), with every step and its rule.

    f is staged, the engine's own forward rules are run on expressions instead of numbers, trace identities bring out
    dX, and the result is simplified. The value, every step and the result are compared with the engine's numbers before
    anything is shown. Vectors (n,) are columns; functions of arrays work element by element, softmax along rows. x[1:]
    is I[1:] x, with rows of the identity. In the text, long expressions that occur again get a name ("where H = ..."),
    and conditions that only guard a program against extreme numbers are taken to hold ("assuming ...").

    Args:
        f: a function of numbers, vectors and matrices; a number, a vector or a matrix results.
        examples: arrays to derive for, in the order of f's arguments; their sizes are then numbers.
        wrt: name or place of the argument to derive by, or several of them; by default all of f's arguments. Tensors
            that f reads without being passed them, such as a module's parameters, go by the name f knows them by.
        shapes: of arguments without example, with names for sizes: {"X": ("m", "n"), "b": "n"}. They may also stand as
            annotations: def f(X: "m n", b: "n"). Others are numbers.
        at: examples by name; an integer array (labels, for cross_entropy) is known by its example alone.
        symmetric, probability, positive: names of arguments that are symmetric matrices; whose rows (or which) sum to
            one; whose entries are positive numbers.
        layout: "gradient", df = tr((df/dX)^T dX), or "jacobian", its transpose. For a vector-valued f the Jacobian J,
            df = J dx, is given in either layout; for a matrix-valued one the differential itself.
        order: 2 derives the gradient of f once more: the Hessian.

    Returns:
        A `Derivation` with value, steps, result, text, latex, gradient(...), check and swell; `Derivations` of several.

    Raises:
        NotDifferentiableError: an operation has no form in matrix calculus (it is named, with its line).
        GraphError: the formula differs from the engine's numbers, or f is finite at no sample.
        ArgumentError: a name, layout or order that does not exist.

    Source: J. R. Magnus and H. Neudecker, Matrix Differential Calculus, Wiley 1999.

    >>> import chainrule as cr
    >>> shapes = {"a": "m", "X": ("m", "n"), "b": "n"}
    >>> d = derive(lambda a, X, b: a @ cr.exp(X @ b), wrt="X", shapes=shapes)
    >>> d.result
    (a \u2299 exp(X b)) b\u1d40
    >>> def loss(X: "m n", w: "n", y: "m"):
    ...     return cr.nn.functional.softplus(-y * (X @ w)).sum()
    >>> print(derive(loss, wrt="w").text.splitlines()[-3])
    \u2202f/\u2202w = -X\u1d40 ((\U0001d7cf - \u03c3(y \u2299 (X w))) \u2299 y)
    >>> print(derive(lambda x: x * cr.sin(x)).result)
    sin(x) + x cos(x)
    """
    if layout not in ("gradient", "jacobian"):
        raise ArgumentError(f"explain.derive(): layout must be 'gradient' or 'jacobian', not {layout!r}")
    if order not in (1, 2):
        raise ArgumentError(f"explain.derive(): order must be 1 or 2, not {order!r}")
    kinds = dict.fromkeys(symmetric, "symmetric") | dict.fromkeys(probability, "probability")
    kinds |= dict.fromkeys(positive, "positive")
    arguments = _arguments(f, examples, at or {}, {**_annotated(f), **(shapes or {})}, kinds)
    names = [a.name for a in arguments]
    chosen = names if wrt is None else [wrt] if isinstance(wrt, (str, int)) else list(wrt)
    chosen = [names[w] if isinstance(w, int) and -len(names) <= w < len(names) else w for w in chosen]
    made = []
    for name in chosen:
        function = f
        if order == 2:
            if name not in names:
                raise ArgumentError(f"explain.derive(): f has no argument {name!r} to derive by twice")
            function = grad_of(f, argnums=names.index(name))
        made.append(_derive(function, arguments, name, layout))
    return made[0] if len(made) == 1 and (wrt is None or isinstance(wrt, (str, int))) else Derivations(made)


def _derive(f: Callable, arguments: list[Argument], wrt: str, layout: str) -> Derivation:
    named = list(dict.fromkeys(n.partition("-")[0] for a in arguments for n in a.shape if isinstance(n, str)))
    if len(named) > len(PRIMES):
        raise ArgumentError(f"explain.derive(): at most {len(PRIMES)} names for sizes, got {len(named)}")
    sizes = Sizes(dict(zip(PRIMES, named, strict=False)))
    staged = _staged(f, arguments, sizes)
    graph = staged.graph
    if len(graph.equations) > LONGEST:
        raise NotDifferentiableError(
            f"explain.derive(): f has {len(graph.equations)} operations, more than the {LONGEST} that fit on paper; "
            f"explain.trace(f, *args) shows its derivative in numbers"
        )
    if len(graph.outputs) != 1:
        raise NotDifferentiableError("explain.derive(): f must return one tensor and write to none")
    everything, reader, place = _read_inputs(f, staged, graph, arguments, sizes)
    if wrt not in place:
        raise ArgumentError(f"explain.derive(): no input {wrt!r}; there are: {', '.join(place)}")
    for equation in graph.equations:
        reader.read(equation)
    value = reader.operand(graph.outputs[0])
    key = place[wrt]
    steps, pushed = differentiate(graph, reader, key)
    last = steps[-1].expression
    result, kind, gradient = last, "differential", None
    if value.shape == e.SCALAR:
        kind = "gradient"
        if e.is_zero(last):
            result = e.zero(reader.known[key].shape)
        else:
            result, more = bring_out(last, key)
            result = factored(result)
            x = reader.known[key]
            if x.shape != e.SCALAR:
                steps = _finish([*steps, *more], result, x, key)
            else:
                flat = e.expanded(result) if result.size < 60 else result
                result = flat if flat.size < result.size else result
                final = e.mul(result, e.differential(x, key))
                if final.size < 500 and repr(final) != repr(last):
                    steps.append(Step(final, TRICKS["gather"]))
        gradient = result
        if layout == "jacobian":
            result, kind = e.transpose(result), "jacobian"
    elif value.shape[1] == 1 and reader.known[key].shape[1] == 1 and not e.is_zero(last):
        kind = "jacobian"
        result = factored(jacobian_of(last, key))
    differentials = [s.expression for s in steps]
    if kind == "jacobian" and gradient is None:
        differentials.append(e.mul(result, e.differential(reader.known[key], key)))
    check = compare(f, everything, wrt, key, value, pushed, differentials, gradient)
    program = len(graph.equations)
    if value.shape == e.SCALAR and not e.is_zero(result) and wrt in [a.name for a in arguments]:
        index = [a.name for a in arguments].index(wrt)
        program = len(_staged(grad_of(f, argnums=index), arguments, sizes).graph.equations)
    swell = Swell(_count(result), program)
    return Derivation(
        wrt, value, tuple(steps), result, kind, check, swell, tuple(everything), _strongest(reader.guards)
    )


def _strongest(guards: list[Expr]) -> tuple[Expr, ...]:
    """Of several conditions on one quantity the one that says most: |x| > 1e-08 rather than |x|^2 > 0."""
    found: dict[Any, Expr] = {}
    for guard in guards:
        x, limit = guard.args
        size = abs(e.split(limit)[0]) if not e.is_zero(limit) else 0
        key = (x.args[0] if x.op == "pow" else x, guard.data[0])
        before = found.get(key)
        if before is None or size > (0 if e.is_zero(before.args[1]) else abs(e.split(before.args[1])[0])):
            found[key] = guard
    return tuple(found.values())


def _finish(steps: list[Step], gradient: Expr, x: Expr, key: str) -> list[Step]:
    """The last line, tr(G^T dX) (g^T dx for a column), unless the last step has dX at its end already."""
    last = steps[-1].expression
    core = last
    while core.op in ("mul", "tr"):
        core = core.args[-1]
    if core.op == "d" or gradient.op in ("eye", "zero"):
        return steps
    atom, turned = e.differential(x, key), e.transpose(gradient)
    factors, data = ((*turned.args, atom), turned.data) if turned.op == "mul" else ((turned, atom), (1, 0))
    inside = e.Expr("mul", factors, (x.shape[1], x.shape[1]), data)
    final = inside if x.shape[1] == 1 else e.Expr("tr", (inside,), e.SCALAR)
    return [*steps, Step(final, TRICKS["linear" if last.op == "add" else "cyclic"])]


def _read_inputs(
    f: Callable, staged: Staged, graph: Graph, arguments: list[Argument], sizes: Sizes
) -> tuple[list[Argument], Reader, dict[str, str]]:
    """All inputs of the graph, a reader that knows their expressions, and the variable of each name."""
    reader, everything, place = Reader(sizes), list(arguments), {}
    outside = names_outside(f)
    for variable, (source, which) in zip(graph.inputs, staged.sources, strict=True):
        if source == "arg":
            a = arguments[which]
        else:
            name = outside.get(id(which), f"C{len(everything) - len(arguments) + 1}")
            a = Argument(name, tuple(variable.shape), "", which, True)
            everything.append(a)
        place[a.name] = variable.name
        try:
            reader.known[variable.name] = e.sym(a.name, matrix_shape(variable.shape, sizes), a.kind)
        except ValueError as error:
            raise NotDifferentiableError(f"explain.derive(): {a.name}: {error}") from None
    names = names_of_arrays(f)
    for k, (variable, array) in enumerate(graph.constants.items()):
        name = next((n for n, x in names if x.shape == array.shape and (x == array).all()), f"K{k + 1}")
        try:
            reader.known[variable.name] = reader.constant(array, name)
        except ValueError:
            continue
        if reader.known[variable.name].op == "sym" and name not in {a.name for a in everything}:
            everything.append(Argument(name, tuple(array.shape), "", wrap(array), True))
    return everything, reader, place
