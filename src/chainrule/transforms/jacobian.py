"""Jacobians and Hessians: many pullbacks or pushforwards at once, vectorised over a basis."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentError
from ..core.pytree import tree_map
from ..core.value import Tensor, raw_dtype, raw_shape
from .arguments import Chosen, check_callable, check_holomorphic, conjugated, flatten, out_leaf, with_aux
from .batch import Batched, BatchTrace, from_front
from .forward import JVPTrace
from .level import ones_like_raw, public
from .tape import Tape, own_arrays


def _reshaped(x: Any, shape: tuple) -> Any:
    if raw_shape(x) == shape:
        return x
    from ..ops.shape import reshape_p

    return reshape_p(x, shape=shape)


def _basis(shape: tuple, dtype: Any, start: int, stop: int) -> np.ndarray:
    """Rows start..stop of the identity, each in the given shape."""
    n = prod(shape)
    return np.eye(stop - start, n, start, dtype).reshape(stop - start, *shape)


def check_chunk_size(what: str, size: int | None) -> None:
    """Refuse a chunk_size below 1."""
    if size is not None and size <= 0:
        raise ArgumentError(f"{what}: `chunk_size` should be greater than 0, or None, got {size}")


def _chunks(n: int, size: int | None) -> list[tuple[int, int]]:
    if size is None or size >= n:
        return [(0, n)]
    return [(i, min(i + size, n)) for i in range(0, n, size)]


def _joined(parts: list) -> Any:
    """Chunks of a lower value along dimension 0, put together."""
    if len(parts) == 1:
        return parts[0]
    if not any(isinstance(p, Tensor) for p in parts):
        return np.concatenate(parts)
    from ..ops.joining import cat

    return cat([public(p) for p in parts], 0)


def jacrev(
    func: Callable,
    argnums: Any = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    holomorphic: bool = False,
) -> Callable:
    """The function that computes the Jacobian by reverse mode: one pullback per output element, all vectorised.

    For an output of shape S and an argument of shape T the result has shape (*S, *T); pytrees of outputs hold pytrees
    of arguments. `chunk_size` bounds how many pullbacks run at once. Arguments as in `grad`; with holomorphic=True the
    entries are complex derivatives, without it a row is what the gradient of that result is.

    >>> import chainrule as cr
    >>> cr.func.jacrev(lambda x: x * x)(cr.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    what = "jacrev(f)(*args)"
    check_chunk_size("jacrev", chunk_size)

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        check_callable(func, "jacrev")
        chosen = Chosen(func, argnums, args, kwargs, what)
        values, spec = chosen.flat(what)
        tape = Tape(values)
        out, aux = with_aux(tape.record(chosen.call, spec.unflatten(tape.inputs)), has_aux, what, func)
        outs, out_spec = flatten(out)
        rows = []
        for leaf in outs:
            value, node = tape.split(out_leaf(leaf, what, func))
            rows.append(chosen.shaped(own_arrays(_pulled(tape, value, node, values, chunk_size)), spec))
        found = out_spec.unflatten(rows)
        if holomorphic:
            check_holomorphic(what, values, [tape.split(x)[0] for x in outs])
            found = conjugated(found)
        if has_aux:
            return found, tree_map(lambda x: public(tape.split(x)[0]) if isinstance(x, Tensor) else x, aux)
        return found

    return jacobian


def _pulled(tape: Tape, value: Any, node: Any, inputs: list, chunk_size: int | None) -> list:
    """Jacobian blocks of one output: for each input an array of shape (*output, *input)."""
    shape, dtype = raw_shape(value), raw_dtype(value)
    n = prod(shape)
    zero = [np.zeros((*shape, *raw_shape(x)), raw_dtype(x)) for x in inputs]
    if node is None or n == 0:
        return zero
    if n == 1:
        cts = tape.pull([(node, ones_like_raw(value))], retain=True)
        return [z if c is None else _reshaped(c, z.shape) for c, z in zip(cts, zero, strict=True)]
    parts: list[list] = [[] for _ in inputs]
    for start, stop in _chunks(n, chunk_size):
        trace = BatchTrace(stop - start)
        cts = tape.pull([(node, trace.batched(_basis(shape, dtype, start, stop)))], retain=True)
        for part, c in zip(parts, cts, strict=True):
            part.append(None if c is None else trace.whole(c))
        trace.alive = False
    return [z if p[0] is None else _reshaped(_joined(p), z.shape) for p, z in zip(parts, zero, strict=True)]


def jacfwd(
    func: Callable,
    argnums: Any = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
    holomorphic: bool = False,
) -> Callable:
    """The function that computes the Jacobian by forward mode: one pushforward per input element, all vectorised.

    The value itself is computed only once, not once per column. Shapes and arguments as in `jacrev`.

    >>> import chainrule as cr
    >>> cr.func.jacfwd(lambda x: x * x)(cr.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    what = "jacfwd(f)(*args)"
    check_chunk_size("jacfwd", chunk_size)

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        check_callable(func, "jacfwd")
        chosen = Chosen(func, argnums, args, kwargs, what)
        values, spec = chosen.flat(what)
        columns: list[list] = []  # per input leaf, the blocks of every output leaf
        out_spec, outs, aux = None, [], None
        for i, x in enumerate(values):
            shape, dtype = raw_shape(x), raw_dtype(x)
            n = prod(shape)
            parts: list[list] = []
            for start, stop in _chunks(max(n, 1), chunk_size):
                batch = BatchTrace(stop - start, randomness)
                trace = JVPTrace()
                basis = None if n == 0 else batch.batched(_basis(shape, dtype, start, stop))
                duals = [trace.dual(v, basis if j == i else None) for j, v in enumerate(values)]
                with batch, trace:
                    out = chosen.call(spec.unflatten(duals))
                out, aux = with_aux(out, has_aux, what, func)
                leaves, out_spec = flatten(out)
                pairs = [trace.split(out_leaf(leaf, what, func)) for leaf in leaves]
                outs = [v for v, _ in pairs]
                parts.append([None if t is None else from_front(batch.whole(t), len(raw_shape(t))) for _, t in pairs])
                batch.alive = False
                if has_aux:
                    aux = tree_map(
                        lambda x, trace=trace, batch=batch: (
                            _example(trace.split(x)[0], batch) if isinstance(x, Tensor) else x
                        ),
                        aux,
                    )
            blocks = []
            for k, v in enumerate(outs):
                want = (*raw_shape(v), *shape)
                if n == 0 or parts[0][k] is None:
                    blocks.append(np.zeros(want, raw_dtype(v)))
                    continue
                blocks.append(_reshaped(_last_joined([p[k] for p in parts]), want))
            columns.append(blocks)
        if holomorphic:
            check_holomorphic(what, values, outs)
        rows = [chosen.shaped(own_arrays([c[k] for c in columns]), spec) for k in range(len(outs))]
        found = out_spec.unflatten(rows)  # type: ignore[union-attr]
        return (found, aux) if has_aux else found

    return jacobian


def _example(x: Any, batch: BatchTrace) -> Any:
    """A value that is the same for every column, as a tensor."""
    return public(x._data[0] if type(x) is Batched and x._trace is batch else x)


def _last_joined(parts: list) -> Any:
    if len(parts) == 1:
        return parts[0]
    if not any(isinstance(p, Tensor) for p in parts):
        return np.concatenate(parts, -1)
    from ..ops.joining import cat

    return cat([public(p) for p in parts], -1)


def hessian(func: Callable, argnums: Any = 0, *, chunk_size: int | None = None, holomorphic: bool = False) -> Callable:
    """The function that computes the matrix of second derivatives, forward over reverse.

    For a scalar function of an argument of shape T the result has shape (*T, *T).

    >>> import chainrule as cr
    >>> cr.func.hessian(lambda x: (x * x * x).sum())(cr.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    inner = jacrev(func, argnums, holomorphic=holomorphic)
    return jacfwd(inner, argnums, chunk_size=chunk_size, holomorphic=holomorphic)


def hvp(func: Callable, primals: Any, tangents: Any, *, has_aux: bool = False) -> Any:
    """Product of a scalar function's Hessian at `primals` with `tangents`, without forming the Hessian.

    `primals` and `tangents` are tuples of the function's arguments (a single tensor stands for one argument); the
    result has the structure of `primals`. With has_aux: (product, aux).

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0])
    >>> cr.func.hvp(lambda x: (x * x * x).sum(), (x,), (cr.tensor([1.0, 0.0]),))
    (tensor([6., 0.]),)
    """
    from .func import grad, jvp

    single = not isinstance(primals, (tuple, list))
    given = (primals,) if single else tuple(primals)
    directions = (tangents,) if single else tuple(tangents)
    gradient = grad(func, tuple(range(len(given))), has_aux)
    if has_aux:
        _, product, aux = jvp(gradient, given, directions, has_aux=True)
        return (product[0] if single else product), aux
    product = jvp(gradient, given, directions)[1]
    return product[0] if single else product
