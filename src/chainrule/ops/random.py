"""Random tensors: rand, randn, randint ... and distributions.

All are ordinary functions of the draws that generators.py makes, so they stage and vectorise like any op.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core.dtypes import F64, INT64, default, from_numpy_dtype, is_inexact, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, UnsupportedDTypeError
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from ..core.writes import write_out
from .generators import (
    Generator,
    check_cpu,
    default_generator,
    drawn,
    gaussian,
    get_rng_state,
    initial_seed,
    integers_p,
    manual_seed,
    permutation_p,
    seed,
    set_rng_state,
    uniform,
)
from .kits import opaque, pad_rank
from .shape import broadcast_to_p, cast_p

__all__ = [
    "Generator", "default_generator", "manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state",
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like",
    "normal", "bernoulli", "binomial", "multinomial", "poisson",
]  # fmt: skip
METHODS = ("multinomial",)

ndarray = np.ndarray

# ---- functions ------------------------------------------------------------------------------------------------------


def _shape(name: str, size: tuple, named: Any = None) -> tuple[int, ...]:
    if named is not None:
        size = (*size, named)
    if len(size) == 1 and isinstance(size[0], (tuple, list)):
        size = tuple(size[0])
    try:
        found = tuple(operator.index(n) for n in size)
    except TypeError as error:
        raise ArgumentTypeError(f"{name}(): argument 'size' must be tuple of ints, got {size}") from error
    if any(n < 0 for n in found):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(found)}: {list(found)}")
    return found


def _inexact(name: str, dtype: Any) -> np.dtype:
    found = default.float if dtype is None else numpy_dtype(dtype)
    if not is_inexact(found):
        raise UnsupportedDTypeError(
            f'"{name}" not implemented for {from_numpy_dtype(found)}: it draws floating or complex numbers'
        )
    return found


def _given(made: Tensor, out: Any, requires_grad: bool) -> Tensor:
    if out is not None:
        return write_out(out, made, quiet=True)
    return made.requires_grad_() if requires_grad else made


def rand(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Uniform numbers in [0, 1), of shape `size`.

    >>> import chainrule as cr
    >>> cr.rand(2, 3).shape
    torch.Size([2, 3])
    """
    check_cpu(device)
    return _given(uniform(_shape("rand", sizes, size), _inexact("rand", dtype), generator), out, requires_grad)


def randn(
    *sizes: Any,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers with mean 0 and variance 1, of shape `size`.

    In the default float, or `dtype`; complex numbers have total variance 1.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(0)
    >>> cr.randn(2, 3).shape
    torch.Size([2, 3])
    """
    check_cpu(device)
    return _given(gaussian(_shape("randn", sizes, size), _inexact("randn", dtype), generator), out, requires_grad)


def check_range(low: int, high: int, dtype: np.dtype) -> None:
    """The bounds of an integer draw make sense and fit the dtype."""
    if low >= high:
        raise ArgumentError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        for name, value in (("from", low), ("to - 1", high - 1)):
            if not info.min <= value <= info.max:
                raise ArgumentError(f"{name} is out of bounds for {from_numpy_dtype(dtype)}: {value}")


def randint(
    *args: Any,
    low: int | None = None,
    high: int | None = None,
    size: Any = None,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Integers in [low, high), of shape `size`: randint(high, size) or randint(low, high, size).

    int64, unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.randint(3, 4, (2,))
    tensor([3, 3])
    """
    check_cpu(device)
    left = list(args)
    if size is None:
        if not left or not isinstance(left[-1], (tuple, list)):
            raise ArgumentTypeError("randint(): argument 'size' must be tuple of ints; write randint(low, high, (n,))")
        size = left.pop()
    if len(left) == 2:
        low, high = left
    elif len(left) == 1:
        low, high = (left[0], high) if high is not None else (low, left[0])
    if len(left) > 2 or high is None:
        raise ArgumentTypeError("randint() takes randint(high, size) or randint(low, high, size)")
    a, b = 0 if low is None else operator.index(low), operator.index(high)
    kind = INT64 if dtype is None else numpy_dtype(dtype)
    check_range(a, b, kind)
    made = drawn(integers_p, _shape("randint", (size,)), kind, generator, low=a, high=b)
    return _given(made, out, requires_grad)


def randperm(
    n: int,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """0 ... n - 1 in random order.

    A 1-D tensor of n elements, int64 unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.randperm(4).sort().values
    tensor([0, 1, 2, 3])
    """
    check_cpu(device)
    shape = _shape("randperm", (operator.index(n),))
    return _given(
        drawn(permutation_p, shape, INT64 if dtype is None else numpy_dtype(dtype), generator), out, requires_grad
    )


def _like(input: Any, dtype: Any) -> tuple[tuple, Any]:
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return raw_shape(input), raw_dtype(input) if dtype is None else dtype


def rand_like(input: Tensor, *, dtype: Any = None, **options: Any) -> Tensor:
    """`rand` with the shape and dtype of `input`.

    >>> import chainrule as cr
    >>> cr.rand_like(cr.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    shape, kind = _like(input, dtype)
    options.pop("memory_format", None)
    return rand(shape, dtype=kind, **options)


def randn_like(input: Tensor, *, dtype: Any = None, **options: Any) -> Tensor:
    """`randn` with the shape and dtype of `input`.

    >>> import chainrule as cr
    >>> cr.randn_like(cr.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    shape, kind = _like(input, dtype)
    options.pop("memory_format", None)
    return randn(shape, dtype=kind, **options)


def randint_like(
    input: Tensor, low: int | None = None, high: int | None = None, *, dtype: Any = None, **options: Any
) -> Tensor:
    """Integers in [0, high) or [low, high), with the shape and dtype of `input`.

    >>> import chainrule as cr
    >>> cr.randint_like(cr.ones(2), 3, 4)
    tensor([3., 3.])
    """
    shape, kind = _like(input, dtype)
    options.pop("memory_format", None)
    if high is None:
        low, high = None, low
    return randint(low=low, high=high, size=shape, dtype=kind, **options)


# ---- distributions --------------------------------------------------------------------------------------------------


def known(x: Any) -> ndarray | None:
    """The numbers of a value, for checks, or None while they are not known."""
    while isinstance(x, Tensor):
        x = x._data
    return x if isinstance(x, ndarray) else None


def _constant(x: Any) -> Any:
    return x.detach() if isinstance(x, Tensor) else x


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Any = None, out: Any = None, **options: Any
) -> Tensor:
    """Independent normal numbers with the given means and standard deviations (tensors, or numbers and `size`).

    No gradient reaches `mean` and `std`; for one, write mean + std * randn_like(mean).

    Shapes broadcast; the dtype is that of the means.

    >>> import chainrule as cr
    >>> cr.normal(cr.tensor([0.0, 5.0]), 0.0)
    tensor([0., 5.])
    """
    both = [x for x in (mean, std) if isinstance(x, Tensor)]
    if not both and size is None:
        raise ArgumentTypeError("normal() of two numbers needs the argument 'size'; write normal(mean, std, (n,))")
    values = known(std) if isinstance(std, Tensor) else std
    if values is not None and np.any(np.asarray(values) < 0):
        raise ArgumentError(f"normal expects {'all elements of std' if isinstance(std, Tensor) else 'std'} >= 0.0")
    requires_grad = options.pop("requires_grad", False)
    if both:
        shape = np.broadcast_shapes(*_compatible([raw_shape(x) for x in both]))
        dtype = raw_dtype(both[0])
    else:
        shape, dtype = _shape("normal", (size,)), None
    kind = _inexact("normal", options.pop("dtype", None) or dtype)
    check_cpu(options.pop("device", None))
    made = gaussian(shape, kind, generator) * _constant(std) + _constant(mean)
    return _given(made, out, requires_grad)


def _compatible(shapes: list) -> list:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapeError(
            f"The size of tensor a {shapes[0]} must match the size of tensor b {shapes[1]}: they do not broadcast"
        ) from error
    return shapes


def bernoulli(input: Tensor, p: Any = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """1 with probability `input` (or `p`) in each element, else 0, in the dtype of `input`; a constant to gradients.

    Any shape; probabilities outside [0, 1] raise RuntimeError.

    >>> import chainrule as cr
    >>> cr.bernoulli(cr.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    chance = input if p is None else p
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"bernoulli(): argument 'input' must be Tensor, not {type(input).__name__}")
    if isinstance(chance, Tensor) and not is_inexact(raw_dtype(chance)):
        raise UnsupportedDTypeError(f"bernoulli() not implemented for probabilities of {chance.dtype}; write x.float()")
    values = known(chance) if isinstance(chance, Tensor) else np.asarray(chance)
    if values is not None and not np.all((values >= 0) & (values <= 1)):
        raise ArgumentError("bernoulli expects p to be in [0, 1]: Expected p_in >= 0 && p_in <= 1 to be true")
    precise = raw_dtype(chance) if isinstance(chance, Tensor) and raw_dtype(chance).itemsize >= 4 else F64
    ones = uniform(raw_shape(input), precise, generator) < _constant(chance)
    return _given(cast_p(ones, dtype=raw_dtype(input)), out, False)


def _poisson_impl(xp: Any, rate: Any, u: Any) -> Any:
    from scipy.special import pdtr, pdtrik

    r = np.asarray(rate, np.float64)
    r, u = np.broadcast_arrays(r, u)
    k = np.ceil(np.where(r > 0, pdtrik(u, r), 0.0))
    k = np.where((k > 0) & (pdtr(np.maximum(k - 1, 0), r) >= u), k - 1, k)
    return np.maximum(k, 0.0).astype(np.asarray(rate).dtype)


def _aligned(prim: Any, args: tuple, is_batched: Any) -> Any:
    """The operation over batched operands, lined up behind the batch dimension."""
    ndim = max(len(raw_shape(x)) - b for x, b in zip(args, is_batched, strict=True))
    return prim(*[pad_rank(a, ndim) if b else a for a, b in zip(args, is_batched, strict=True)])


poisson_quantile_p = opaque(
    "poisson_quantile",
    _poisson_impl,
    aval=lambda rate, u: Spec(np.broadcast_shapes(rate.shape, u.shape), rate.dtype),
    vjp=(None, None),
    batch=_aligned,
    doc="Smallest k with P(Poisson(rate) <= k) >= u.",
    backward_name="PoissonBackward0",
)


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers with the rates `input`, in its dtype; a constant to gradients.

    Any shape, floating dtypes; negative rates raise RuntimeError.

    >>> import chainrule as cr
    >>> cr.poisson(cr.tensor([0.0, 0.0]))
    tensor([0., 0.])
    """
    if not is_inexact(raw_dtype(input)):
        raise UnsupportedDTypeError(f"poisson() not implemented for {input.dtype}; write x.float()")
    values = known(input)
    if values is not None and np.any(values < 0):
        raise ArgumentError("invalid Poisson rate, expected rate to be non-negative")
    return poisson_quantile_p(_constant(input), uniform(raw_shape(input), F64, generator))


def _binomial_impl(xp: Any, count: Any, prob: Any, u: Any) -> Any:
    from scipy.stats import binom

    n, p, draw = np.broadcast_arrays(np.asarray(count, np.float64), np.asarray(prob, np.float64), u)
    return np.maximum(binom.ppf(draw, n, p), 0.0).astype(np.asarray(count).dtype)


binomial_quantile_p = opaque(
    "binomial_quantile",
    _binomial_impl,
    aval=lambda count, prob, u: Spec(np.broadcast_shapes(count.shape, prob.shape, u.shape), count.dtype),
    vjp=(None, None, None),
    batch=_aligned,
    doc="Smallest k with P(Binomial(count, prob) <= k) >= u.",
    backward_name="BinomialBackward0",
)


def binomial(count: Tensor, prob: Tensor, generator: Any = None) -> Tensor:
    """Successes in `count` trials of probability `prob`, broadcast, in their floating dtype; a constant to gradients.

    >>> import chainrule as cr
    >>> cr.binomial(cr.tensor([3.0, 5.0]), cr.tensor([0.0, 1.0]))
    tensor([0., 5.])
    """
    if not is_inexact(raw_dtype(count)) or raw_dtype(count) != raw_dtype(prob):
        raise DTypeError(f"Binomial: count and prob need one floating dtype, got {count.dtype} and {prob.dtype}")
    for values, top, name in ((known(count), np.inf, "count"), (known(prob), 1.0, "prob")):
        if values is not None and not np.all((values >= 0) & (values <= top)):
            raise ArgumentError(f"binomial: {name} must not be negative or NaN{', nor exceed 1' if top == 1.0 else ''}")
    shape = np.broadcast_shapes(raw_shape(count), raw_shape(prob))
    return binomial_quantile_p(_constant(count), _constant(prob), uniform(shape, F64, generator))


def _choose_impl(xp: Any, p: Any, u: Any, *, replacement: bool, num_samples: int) -> Any:
    lead = np.broadcast_shapes(p.shape[:-1], u.shape[:-1])
    rows = np.broadcast_to(p, (*lead, p.shape[-1])).reshape(-1, p.shape[-1]).astype(np.float64)
    draws = np.broadcast_to(u, (*lead, u.shape[-1])).reshape(-1, u.shape[-1])
    found = np.empty((len(rows), num_samples), np.int64)
    for i, (row, draw) in enumerate(zip(rows, draws, strict=True)):
        if replacement:
            total = np.cumsum(row)
            last = np.max(np.flatnonzero(row), initial=0)
            found[i] = np.minimum(np.searchsorted(total, draw * total[-1], side="right"), last)
        else:  # the first of independent clocks that ring at rates p
            found[i] = np.argsort(-np.log1p(-draw) / row, kind="stable")[:num_samples]
    return found.reshape(*lead, num_samples)


def _choose_batch(prim: Primitive, args: tuple, is_batched: Any, **params: Any) -> Any:
    ndim = max(len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    whole = [
        pad_rank(a, ndim) if b else broadcast_to_p(a, shape=(size, *raw_shape(a)))
        for a, b in zip(args, is_batched, strict=True)
    ]
    return prim(*whole, **params)


choose_p = opaque(
    "choose",
    _choose_impl,
    aval=lambda p, u, *, replacement, num_samples: Spec((*p.shape[:-1], num_samples), INT64),
    vjp=(None, None),
    batch=_choose_batch,
    doc="Indices drawn with weights p along the last dimension, from uniform numbers u.",
)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Tensor:
    """`num_samples` indices drawn with the weights `input`, for each row: int64 of shape (n,) or (rows, n).

    Raises:
        DTypeError: the weights are not floating.
        ArgumentError: negative or non-finite weights, all zero, or more draws than categories without replacement.

    Weights (C) or (N, C), floating, not negative.

    >>> import chainrule as cr
    >>> cr.multinomial(cr.tensor([0.0, 3.0, 0.0]), 1)
    tensor([1])
    """
    shape = raw_shape(input)
    if raw_dtype(input).kind != "f" and raw_dtype(input).name != "bfloat16":
        raise DTypeError(f"multinomial only supports floating-point dtypes for input, got: {input.dtype}")
    if len(shape) not in (1, 2):
        raise ShapeError(f"prob_dist must be 1 or 2 dim, got shape {shape}")
    if num_samples <= 0:
        raise ArgumentError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > shape[-1]:
        raise ArgumentError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    values = known(input)
    if values is not None:
        if not np.isfinite(values).all() or (values < 0).any():
            raise ArgumentError("probability tensor contains either `inf`, `nan` or element < 0")
        if not (values.sum(-1) > 0).all():
            raise ArgumentError("invalid multinomial distribution (sum of probabilities <= 0)")
    draws = (*shape[:-1], num_samples if replacement else shape[-1])
    u = uniform(draws, F64, generator)
    return _given(choose_p(_constant(input), u, replacement=replacement, num_samples=num_samples), out, False)
