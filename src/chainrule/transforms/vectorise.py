"""vmap: a function of one example becomes a function of many."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, DimensionError, FunctionError
from ..core.provenance import describe, here
from ..core.pytree import broadcast_prefix, tree_flatten
from ..core.value import Tensor, raw_shape
from .arguments import NUMBERS, as_tensors, check_callable, flatten, lower_value, name_of
from .batch import RANDOMNESS, Batched, BatchTrace, from_front, to_front
from .jacobian import _chunks
from .level import below, public

NOT_GIVEN: Any = object()


def vmap(
    func: Callable,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
    in_axes: Any = NOT_GIVEN,
    out_axes: Any = NOT_GIVEN,
) -> Callable:
    """Vectorise a function over one dimension of its arguments.

    Args:
        in_dims: for each positional argument (or prefix of its pytree) the dimension to map over; None: not mapped.
            Keyword arguments are not mapped.
        out_dims: where the mapped dimension goes in the results; None for a result that does not depend on it.
        randomness: what random operations do: "error", "same" (one draw for all examples) or "different".
        chunk_size: examples computed at a time (default: all).
        in_axes, out_axes: JAX's names of in_dims and out_dims.

    Raises:
        ArgumentError: sizes of the mapped dimensions differ, a dimension is out of range, or nothing is mapped.
        TracedValueError: Python's control flow was asked to branch on a batched value.

    >>> import chainrule as cr
    >>> dot = cr.func.vmap(lambda x, y: (x * y).sum(), in_dims=(0, None))
    >>> dot(cr.tensor([[1., 2.], [3., 4.]]), cr.tensor([1., 1.]))
    tensor([3., 7.])
    """
    in_dims, out_dims = _either("in", in_dims, in_axes), _either("out", out_dims, out_axes)
    if randomness not in RANDOMNESS:
        raise ArgumentError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ArgumentError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def vectorised(*args: Any, **kwargs: Any) -> Any:
        check_callable(func, "vmap")
        args = as_tensors(args)
        kwargs = {k: as_tensors(v) for k, v in kwargs.items()}
        leaves, spec = tree_flatten(args)
        dims = _in_dims(in_dims, args, leaves, spec, func)
        size = _common_size(leaves, dims, spec, func)
        if chunk_size is None or chunk_size >= size:
            return _mapped(func, leaves, dims, spec, kwargs, size, out_dims, randomness)
        pieces = []
        for start, stop in _chunks(size, chunk_size):
            some = [x if d is None else _slice(x, d, start, stop) for x, d in zip(leaves, dims, strict=True)]
            pieces.append(_mapped(func, some, dims, spec, kwargs, stop - start, out_dims, randomness))
        return _concatenated(pieces, out_dims)

    return vectorised


def _either(side: str, dims: Any, axes: Any) -> Any:
    """What was given under PyTorch's name or under JAX's, whose default is 0 in both."""
    if axes is NOT_GIVEN:
        return dims
    if dims not in (0, axes):
        raise ArgumentError(f"vmap: {side}_dims={dims!r} and {side}_axes={axes!r} name one argument; give one of them")
    return axes


def _wrong(text: str) -> ArgumentError:
    """The error for arguments of vmap that do not fit, with the user's line."""
    code, lasti = here(2)
    return ArgumentError(f"{text} (at {describe(code, lasti)})")


def _in_dims(in_dims: Any, args: tuple, leaves: list, spec: Any, func: Callable) -> list:
    """The mapped dimension of each leaf, non-negative, or None."""
    what = f"vmap({name_of(func)}, in_dims={in_dims!r}, ...)(<inputs>)"
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    if isinstance(in_dims, tuple) and len(in_dims) != len(args):
        raise _wrong(
            f"{what}: in_dims is not compatible with the structure of inputs: it has {len(in_dims)} elements, but "
            f"{len(args)} arguments were given. Write one entry per argument, None for those not to be mapped."
        )
    flat = [in_dims] * len(leaves)
    if isinstance(in_dims, tuple):
        flat = broadcast_prefix(in_dims, args, f"{what}: in_dims")
    if not leaves:
        raise _wrong(
            f"{what}: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            f"function with no inputs. The latter is unsupported."
        )
    out: list[int | None] = []
    for x, d, path in zip(leaves, flat, spec.paths("argument "), strict=True):
        if d is None:
            out.append(None)
            continue
        if not isinstance(d, (int, np.integer)) or isinstance(d, bool):
            raise _wrong(f"{what}: Got in_dim={d!r} for {path} but in_dim must be either an integer dimension or None.")
        if not isinstance(x, Tensor):
            raise _wrong(
                f"{what}: Got in_dim={d} for {path} but the input is of type {type(x).__name__}. We cannot vmap over "
                f"non-Tensor arguments, please use None as the respective in_dim"
            )
        ndim = len(raw_shape(x))
        if ndim == 0:
            raise _wrong(
                f"{what}: Got in_dim={d} for {path}, but that input is a Tensor of dimensionality 0, which has no "
                f"examples to map over. Write in_dims=None for an argument that all examples share."
            )
        if not -ndim <= d < ndim:
            raise _wrong(
                f"{what}: Got in_dim={d} for {path}, but that input is a Tensor of dimensionality {ndim} so expected "
                f"in_dim to satisfy -{ndim} <= in_dim < {ndim}."
            )
        out.append(int(d) % ndim)
    if all(d is None for d in out):
        raise _wrong(f"{what}: at least one input must be mapped (an in_dim that is not None)")
    return out


def _common_size(leaves: list, dims: list, spec: Any, func: Callable) -> int:
    paths = spec.paths("argument ")
    found = [(raw_shape(x)[d], x, d, p) for x, d, p in zip(leaves, dims, paths, strict=True) if d is not None]
    sizes = [n for n, *_ in found]
    if len(set(sizes)) > 1:
        told = "; ".join(f"{p} of shape {raw_shape(x)} has size {n} in dimension {d}" for n, x, d, p in found)
        raise _wrong(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{list(dict.fromkeys(sizes))} for the mapped dimension of {name_of(func)}: {told}. Give in_dims=None for "
            f"arguments that all examples share."
        )
    return sizes[0]


def _mapped(
    func: Callable, leaves: list, dims: list, spec: Any, kwargs: dict, size: int, out_dims: Any, randomness: str
) -> Any:
    trace = BatchTrace(size, randomness)
    inputs = [x if d is None else trace.batched(to_front(below(x), d)) for x, d in zip(leaves, dims, strict=True)]
    with trace:
        out = func(*spec.unflatten(inputs), **kwargs)
    outs, out_spec = flatten(out)
    places = [out_dims] * len(outs)
    if not isinstance(out_dims, int):
        places = broadcast_prefix(_like(out_dims, out), out, f"vmap({name_of(func)}, ...): out_dims")
    results = []
    for x, place in zip(outs, places, strict=True):
        if not isinstance(x, (Tensor, np.ndarray, np.generic, *NUMBERS)):
            raise FunctionError(
                f"vmap({name_of(func)}, ...): `{name_of(func)}` must only return Tensors (in any pytree), got type "
                f"{type(x).__name__}."
            )
        x = x if isinstance(x, Tensor) else lower_value(x)
        if place is None:
            if type(x) is Batched and x._trace is trace:
                raise _wrong(
                    f"vmap({name_of(func)}, ...): `{name_of(func)}` can not return a BatchedTensor when out_dim is "
                    f"None: the result differs between examples. Write out_dims=0."
                )
            results.append(public(x))
            continue
        value = trace.whole(x)
        ndim = len(raw_shape(value))
        if not isinstance(place, (int, np.integer)) or not -ndim <= place < ndim:
            raise DimensionError(
                f"vmap({name_of(func)}, out_dims={out_dims!r}): out_dim {place!r} does not fit a result of shape "
                f"{raw_shape(value)[1:]} per example; write a number from -{ndim} to {ndim - 1}, where the mapped "
                f"dimension is to go"
            )
        results.append(public(from_front(value, int(place) % ndim)))
    return out_spec.unflatten(results)


def _like(out_dims: Any, out: Any) -> Any:
    """A one-element tuple of out_dims may describe a single result."""
    if isinstance(out_dims, (tuple, list)) and len(out_dims) == 1 and isinstance(out, Tensor):
        return out_dims[0]
    return out_dims


def _slice(x: Any, dim: int, start: int, stop: int) -> Any:
    return x[(*[slice(None)] * dim, slice(start, stop))]


def _concatenated(pieces: list, out_dims: Any) -> Any:
    """Results of chunks put together along their mapped dimension."""
    from ..ops.joining import cat

    flat = [flatten(p) for p in pieces]
    spec = flat[0][1]
    places = [out_dims] * spec.num_leaves
    if not isinstance(out_dims, int):
        places = broadcast_prefix(_like(out_dims, pieces[0]), pieces[0], "out_dims")
    joined = [
        column[0] if d is None else cat(list(column), d)
        for d, column in zip(places, zip(*[leaves for leaves, _ in flat], strict=True), strict=True)
    ]
    return spec.unflatten(joined)
