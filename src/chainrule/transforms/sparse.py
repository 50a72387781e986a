"""Sparse Jacobians and Hessians: pattern by index sets, colouring, compressed evaluation. Results are scipy.sparse.

The pattern comes from one more interpreter: every value carries, for each of its elements, the set of input elements
that it may depend on. Columns (or rows) that share no row (column) get one colour, and one directional derivative
serves all columns of a colour.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.primitive import Primitive
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape
from .arguments import as_tensors, differentiable, name_of
from .batch import BatchTrace
from .forward import JVPTrace
from .func import grad
from .level import Level, below, escaped, public, size_of
from .tape import Tape

__all__ = ["colour_columns", "jacobian_sparsity", "sparse_hessian", "sparse_jacobian"]

PROBED = 2048  # largest operand whose linear map is found by pushing the identity through it


class Indexed(Tracer):
    """A value whose elements know which inputs they depend on: `_deps`, a boolean matrix (elements, inputs) or None."""

    __slots__ = ()

    shape = property(lambda self: size_of(self._data.shape))  # type: ignore[assignment]


class IndexTrace(Level):
    """Propagates index sets through primitives."""

    name = "sparsity detection"

    def indexed(self, value: Any, deps: Any) -> Indexed:
        """A value with its index sets."""
        t = new_object(Indexed)
        t._trace = self
        t._data = value
        t._node = None
        t._deps = deps
        return t

    def note(self, function: Callable, args: Any) -> Any:
        """A function with a derivative of its own: everything may depend on everything."""
        ans = function(*[public(a._data) if isinstance(a, Indexed) and a._trace is self else a for a in args])
        deps = [a._deps for a in args if isinstance(a, Indexed) and a._trace is self and a._deps is not None]
        outs = ans if isinstance(ans, (tuple, list)) else (ans,)
        found = tuple(self.indexed(below(o), _dense(deps, o)) for o in outs)
        return found if isinstance(ans, (tuple, list)) else found[0]

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive and find which inputs each element of the result may depend on."""
        if not self.alive:
            raise escaped(self.name, prim)
        mine = [isinstance(a, Indexed) and a._trace is self for a in args]
        values = [a._data if m else below(a) for a, m in zip(args, mine, strict=True)]
        deps = [a._deps if m else None for a, m in zip(args, mine, strict=True)]
        ans = self.lower(prim, tuple(values), params)
        outs = ans if prim.n_out != 1 else (ans,)
        if all(d is None for d in deps):
            found = [None] * len(outs)
        else:
            found = [_pattern(prim, values, deps, params, o, k) for k, o in enumerate(outs)]
        results = tuple([self.indexed(o, d) for o, d in zip(outs, found, strict=True)])
        return results if prim.n_out != 1 else results[0]


def _raw(x: Any) -> Any:
    while isinstance(x, Tensor):
        x = x._data
    return np.asarray(x)


def _pattern(prim: Primitive, values: list, deps: list, params: dict, out: Any, k: int) -> Any:
    """Index sets of one result."""
    if not is_inexact(raw_dtype(out)):
        return None
    raws = [_raw(v) for v in values]
    total = None
    for i, d in enumerate(deps):
        if d is None:
            continue
        if prim.kind == "elementwise":
            rows = np.broadcast_to(np.arange(raws[i].size).reshape(raws[i].shape), raw_shape(out)).reshape(-1)
            part = d[rows]
        else:
            part = _moved(prim, raws, i, params, out, k, d)
        if part is None:
            return _dense([d for d in deps if d is not None], out)
        total = part if total is None else total + part
    return total


def _moved(prim: Primitive, raws: list, i: int, params: dict, out: Any, k: int, d: Any) -> Any:
    """Index sets that come from operand `i` through an operation that moves, adds or mixes elements; None: unknown."""
    import scipy.sparse as sp

    x, shape = raws[i], raw_shape(out)
    n = x.size
    if prim.effect:
        return None

    def run(v: np.ndarray) -> np.ndarray:
        ans = prim.impl(np, *[v.reshape(x.shape) if j == i else r for j, r in enumerate(raws)], **params)
        return np.asarray(ans[k] if prim.n_out != 1 else ans).reshape(-1)

    try:  # does it only pick elements? Then it picks the same ones of any array.
        rng = np.random.default_rng(0)
        sample = rng.uniform(1, 2, n)
        zero, ids, picked = run(np.zeros(n)), run(np.arange(1.0, n + 1)), run(sample)
        constant = (ids == zero) & (picked == zero)
        source = np.where(constant, 1, ids)
        if source.size and np.all((source >= 1) & (source <= n) & (source == np.floor(source))):
            at = source.astype(np.int64) - 1
            if np.array_equal(picked[~constant], sample[at[~constant]]):
                keep = sp.diags_array((~constant).astype(float))
                return (keep @ d[at]).astype(bool).tocsr() if constant.any() else d[at]
    except (TypeError, ValueError, IndexError, np.linalg.LinAlgError):
        pass
    axes = _axes(params, x.ndim)
    if axes is not None:
        kept = tuple(1 if a in axes else s for a, s in enumerate(x.shape))
        short = tuple(s for a, s in enumerate(x.shape) if a not in axes)
        if shape in (kept, short, x.shape):
            groups = np.broadcast_to(np.arange(prod(kept)).reshape(kept), x.shape).reshape(-1)
            member = sp.csr_array((np.ones(n, bool), (groups, np.arange(n))), (prod(kept), n))
            merged = (member @ d).astype(bool).tocsr()
            return merged[groups] if shape == x.shape and shape != kept else merged
    if prim.kind in ("linear", "bilinear") and n <= PROBED and prim.batch is not None:
        basis = np.eye(n).reshape(n, *x.shape)
        operands = [basis if j == i else _generic(r, j) for j, r in enumerate(raws)]
        ans = prim.batch(prim, operands, [j == i for j in range(len(raws))], **params)
        columns = np.asarray(ans[k] if prim.n_out != 1 else ans).reshape(n, -1)
        return (sp.csr_array(columns.T != 0) @ d).astype(bool).tocsr()
    return None


def _generic(r: np.ndarray, j: int) -> np.ndarray:
    """A constant operand keeps its zeros; nothing else about its values matters."""
    return r if r.dtype.kind in "iub" else (r != 0) * np.random.default_rng(j).uniform(1, 2, r.shape)


def _axes(params: dict, ndim: int) -> tuple[int, ...] | None:
    for name in ("axes", "axis", "dim", "dims"):
        found = params.get(name)
        if isinstance(found, int):
            found = (found,)
        if isinstance(found, tuple) and all(isinstance(a, int) for a in found):
            return tuple(a % ndim for a in found) if ndim else None
    return None


def _dense(deps: list, out: Any) -> Any:
    """Every element depends on everything that any operand depends on."""
    import scipy.sparse as sp

    if not deps or not is_inexact(raw_dtype(out)):
        return None
    merged = sum(d.sum(axis=0) for d in deps)
    row = sp.csr_array(np.asarray(merged).reshape(1, -1) != 0)
    return sp.csr_array(row[np.zeros(prod(raw_shape(out)), np.int64)])


def jacobian_sparsity(func: Callable, x: Any) -> Any:
    """Boolean scipy.sparse matrix (output elements, input elements): True where the Jacobian may be non-zero.

    It holds for the branches that Python's control flow takes at `x`, and for all values on them.

    >>> import chainrule as cr
    >>> cr.func.jacobian_sparsity(lambda x: x[1:] * x[:-1], cr.ones(3)).toarray().astype(int).tolist()
    [[1, 1, 0], [0, 1, 1]]
    """
    import scipy.sparse as sp

    value = differentiable(as_tensors(x), "jacobian_sparsity", "x")
    n = prod(raw_shape(value))
    trace = IndexTrace()
    with trace:
        out = func(trace.indexed(value, sp.eye_array(n, dtype=bool, format="csr")))
    if not isinstance(out, Tensor):
        raise ArgumentTypeError(f"jacobian_sparsity: {name_of(func)} must return one tensor, not {type(out).__name__}")
    deps = out._deps if isinstance(out, Indexed) and out._trace is trace else None
    shape = (prod(raw_shape(out)), n)
    return sp.csr_array(shape, dtype=bool) if deps is None else sp.csr_array(deps, dtype=bool)


def colour_columns(pattern: Any) -> np.ndarray:
    """A colour for each column such that columns of one colour share no row (greedy, in the order of the columns)."""
    columns = pattern.tocsc()
    used: list[set[int]] = [set() for _ in range(pattern.shape[0])]
    colours = np.zeros(pattern.shape[1], np.int64)
    for j in range(pattern.shape[1]):
        rows = columns.indices[columns.indptr[j] : columns.indptr[j + 1]]
        taken = set().union(*[used[r] for r in rows])
        c = 0
        while c in taken:
            c += 1
        colours[j] = c
        for r in rows:
            used[r].add(c)
    return colours


def sparse_jacobian(func: Callable, *, pattern: Any = None, mode: str = "auto") -> Callable:
    """The function that computes the Jacobian of `func` (one tensor to one tensor) as a scipy.sparse matrix.

    Args:
        pattern: where it may be non-zero; found at each call if not given.
        mode: "forward", "reverse", or "auto": the one with fewer directional derivatives.

    The result is a csr_array (output elements, input elements).

    >>> import chainrule as cr
    >>> cr.func.sparse_jacobian(lambda x: x * x)(cr.tensor([1.0, 2.0])).toarray().tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(f"sparse_jacobian: mode must be 'auto', 'forward' or 'reverse', got {mode!r}")

    @functools.wraps(func)
    def jacobian(x: Any) -> Any:
        import scipy.sparse as sp

        found = jacobian_sparsity(func, x) if pattern is None else sp.csr_array(pattern, dtype=bool)
        value = differentiable(as_tensors(x), "sparse_jacobian", "x")
        columns = None if mode == "reverse" else colour_columns(found)
        rows = None if mode == "forward" else colour_columns(found.T)
        forward = rows is None or (columns is not None and columns.max(initial=-1) <= rows.max(initial=-1))
        entries = found.tocoo()
        i, j = entries.coords
        if not len(i):
            return sp.csr_array(found.shape, dtype=raw_dtype(value))
        if forward:
            data = _compressed_forward(func, value, columns)[columns[j], i]  # type: ignore[index]
        else:
            data = _compressed_reverse(func, value, rows)[rows[i], j]  # type: ignore[index,arg-type]
        return sp.csr_array((data, (i, j)), found.shape)

    return jacobian


def _seeds(colours: np.ndarray, dtype: Any) -> np.ndarray:
    return (colours == np.arange(colours.max() + 1)[:, None]).astype(dtype)


def _compressed_forward(func: Callable, value: Any, colours: np.ndarray) -> np.ndarray:
    """Directional derivatives (colours, output elements), all in one pass."""
    seeds = _seeds(colours, raw_dtype(value))
    batch = BatchTrace(len(seeds))
    trace = JVPTrace()
    with batch, trace:
        out = func(trace.dual(value, batch.batched(seeds.reshape(len(seeds), *raw_shape(value)))))
    return _raw(batch.whole(trace.split(out)[1])).reshape(len(seeds), -1)


def _compressed_reverse(func: Callable, value: Any, colours: np.ndarray) -> np.ndarray:
    """Pullbacks (colours, input elements), all in one sweep."""
    tape = Tape([value])
    out, node = tape.split(tape.record(func, tape.inputs[0]))
    seeds = _seeds(colours, raw_dtype(out))
    batch = BatchTrace(len(seeds))
    ct = tape.pull([(node, batch.batched(seeds.reshape(len(seeds), *raw_shape(out))))], retain=False)[0]
    return _raw(batch.whole(ct)).reshape(len(seeds), -1)


def sparse_hessian(func: Callable, *, pattern: Any = None) -> Callable:
    """The function that computes the Hessian of a scalar function of one tensor as a scipy.sparse matrix.

    >>> import chainrule as cr
    >>> cr.func.sparse_hessian(lambda x: (x * x * x).sum())(cr.tensor([1.0, 2.0])).toarray().tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return sparse_jacobian(grad(func), pattern=pattern, mode="forward")
