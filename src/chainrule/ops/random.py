"""Random numbers: generators, the primitives that draw, and the functions that make tensors of them.

Three primitives draw (uniform, gaussian, integers) and one permutes; they take no arrays, and the generator is a
parameter. All other distributions are ordinary functions of their draws, so they stage and vectorise like any op.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from itertools import pairwise
from os import urandom
from typing import Any

import numpy as np

from ..core.drawing import drawn as per_example
from ..core.dtypes import F64, INT64, default, from_numpy_dtype, is_inexact, numpy_dtype
from ..core.eager import write_out
from ..core.errors import ArgumentError, ArgumentTypeError, DeviceError, DTypeError, ShapeError
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .kits import opaque, pad_rank
from .shape import broadcast_to_p, cast_p

__all__ = [
    "Generator", "default_generator", "manual_seed", "seed", "initial_seed", "get_rng_state", "set_rng_state",
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like",
    "normal", "bernoulli", "multinomial", "poisson",
]  # fmt: skip
METHODS = ("multinomial",)

ndarray = np.ndarray
DEFAULT_SEED = 67280421310721  # PyTorch's, for generators that were never seeded
_WORD = 2**64
_STATE_BYTES = 56


class Generator:
    """A source of random numbers (PCG64), safe to use from several threads.

    >>> import chainrule as cr
    >>> g = cr.Generator().manual_seed(0)
    >>> h = cr.Generator().manual_seed(0)
    >>> bool((cr.rand(3, generator=g) == cr.rand(3, generator=h)).all())
    True
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_cpu(device)
        self._lock = threading.RLock()
        self.manual_seed(DEFAULT_SEED)

    def __repr__(self) -> str:
        return f"<chainrule.Generator, seed {self._seed}>"

    @property
    def device(self) -> Any:
        """Where the numbers are made: the CPU."""
        return wrap(np.zeros(0)).device

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to `seed`; returns the generator."""
        try:
            found = int(seed)
        except (TypeError, ValueError) as error:
            raise ArgumentTypeError(f"manual_seed expected a long, but got {type(seed).__name__}") from error
        if not -(2**63) <= found < _WORD:
            raise ArgumentError(f"Overflow when unpacking long long: a seed has at most 64 bits, got {found}")
        with self._lock:
            self._seed = found % _WORD
            self._numpy = np.random.Generator(np.random.PCG64(self._seed))
        return self

    def seed(self) -> int:
        """Seed from the operating system's randomness; returns the seed."""
        self.manual_seed(int.from_bytes(urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed last set."""
        return self._seed

    def draw(self, function: Callable) -> Any:
        """function(NumPy generator), while no other thread draws."""
        with self._lock:
            return function(self._numpy)

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor, for set_state."""
        with self._lock:
            found: Any = self._numpy.bit_generator.state
            words = (found["state"]["state"], 16), (found["state"]["inc"], 16), (found["has_uint32"], 8)
            words += (found["uinteger"], 8), (self._seed, 8)
        return wrap(np.frombuffer(b"".join(int(w).to_bytes(n, "little") for w, n in words), np.uint8).copy())

    def set_state(self, new_state: Any) -> None:
        """Continue from a state that get_state gave."""
        data = new_state._data if isinstance(new_state, Tensor) else new_state
        if not isinstance(data, ndarray) or data.dtype != np.uint8:
            raise ArgumentTypeError("RNG state must be a torch.ByteTensor, as get_rng_state() gives it")
        if data.size != _STATE_BYTES:
            raise ArgumentError(f"Expected a generator state of size {_STATE_BYTES} but found one of size {data.size}")
        raw = data.tobytes()
        cuts = (0, 16, 32, 40, 48, 56)
        state, inc, has, left, seed = (int.from_bytes(raw[a:b], "little") for a, b in pairwise(cuts))
        with self._lock:
            self._seed = seed
            self._numpy.bit_generator.state = {
                "bit_generator": "PCG64",
                "state": {"state": state, "inc": inc},
                "has_uint32": has,
                "uinteger": left,
            }

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        made = Generator()
        made.set_state(self.get_state())
        return made

    def __reduce__(self) -> tuple:
        return _restored, (self.get_state()._data.tobytes(),)

    def __deepcopy__(self, memo: dict) -> Generator:
        return self.clone_state()


def _restored(state: bytes) -> Generator:
    made = Generator()
    made.set_state(np.frombuffer(state, np.uint8))
    return made


def check_cpu(device: Any) -> None:
    """Accept only the CPU."""
    if device is not None and str(device) not in ("cpu", "cpu:0"):
        raise DeviceError(f"device {str(device)!r} is not available: tensors live on the CPU; write device='cpu'")


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Start the default generator's sequence that belongs to `seed`; returns that generator."""
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """State of the default generator as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default generator into a state that get_rng_state gave."""
    default_generator.set_state(new_state)


# ---- records that draw ----------------------------------------------------------------------------------------------


def _uniform_impl(xp: Any, *, shape: tuple, dtype: np.dtype, generator: Generator) -> ndarray:
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        re, im = (_uniform_impl(xp, shape=shape, dtype=part, generator=generator) for _ in range(2))
        return (re + 1j * im).astype(dtype)
    if dtype.itemsize >= 4:
        return np.asarray(generator.draw(lambda g: g.random(shape, dtype=dtype)))
    steps = 2**11 if dtype.kind == "f" else 2**8  # so that rounding to half precision never gives 1
    return (np.floor(np.asarray(generator.draw(lambda g: g.random(shape))) * steps) / steps).astype(dtype)


def _gaussian_impl(xp: Any, *, shape: tuple, dtype: np.dtype, generator: Generator) -> ndarray:
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        re, im = (_gaussian_impl(xp, shape=shape, dtype=part, generator=generator) for _ in range(2))
        return ((re + 1j * im) * 0.5**0.5).astype(dtype)
    if dtype.itemsize >= 4:
        return np.asarray(generator.draw(lambda g: g.standard_normal(shape, dtype=dtype)))
    return np.asarray(generator.draw(lambda g: g.standard_normal(shape))).astype(dtype)


def _integers_impl(xp: Any, *, low: int, high: int, shape: tuple, dtype: np.dtype, generator: Generator) -> ndarray:
    kind = np.uint64 if high > 2**63 else np.int64
    return np.asarray(generator.draw(lambda g: g.integers(low, high, shape, dtype=kind))).astype(dtype)


def _permutation_impl(xp: Any, *, shape: tuple, dtype: np.dtype, generator: Generator) -> ndarray:
    ordered = np.broadcast_to(np.arange(shape[-1], dtype=dtype), shape)
    return np.asarray(generator.draw(lambda g: g.permuted(ordered, axis=-1)))


def _drawing(name: str, impl: Callable, doc: str) -> Primitive:
    return opaque(
        name,
        impl,
        aval=lambda *, shape, dtype, **params: Spec(shape, dtype),
        batch=lambda prim, args, is_batched, **params: prim(**params),  # never batched: there is no array argument
        effect="random",
        notation=f"{name}()",
        doc=doc,
    )


uniform_p = _drawing("uniform", _uniform_impl, "Independent draws, uniform in [0, 1).")
gaussian_p = _drawing("gaussian", _gaussian_impl, "Independent draws, normal with mean 0 and variance 1.")
integers_p = _drawing("random_integers", _integers_impl, "Independent draws, uniform among low ... high - 1.")
permutation_p = _drawing("permutation", _permutation_impl, "Random orders of 0 ... n - 1 along the last dimension.")


def drawn(prim: Primitive, shape: tuple, dtype: np.dtype, generator: Any, **params: Any) -> Tensor:
    """A tensor drawn by a primitive; inside vmap, by its `randomness`."""
    if generator is None:
        generator = default_generator
    elif not isinstance(generator, Generator):
        raise ArgumentTypeError(f"generator must be a chainrule.Generator or None, not {type(generator).__name__}")

    def draw(full: tuple) -> Tensor:
        return wrap(prim(shape=full, dtype=dtype, generator=generator, **params))

    return per_example(prim.name, draw, shape)


def uniform(shape: tuple, dtype: np.dtype = F64, generator: Any = None) -> Tensor:
    """Uniform draws in [0, 1)."""
    return drawn(uniform_p, shape, dtype, generator)


def gaussian(shape: tuple, dtype: np.dtype = F64, generator: Any = None) -> Tensor:
    """Standard normal draws."""
    return drawn(gaussian_p, shape, dtype, generator)


# ---- functions ------------------------------------------------------------------------------------------------------


def _shape(name: str, size: tuple) -> tuple[int, ...]:
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
        raise DTypeError(
            f'"{name}" not implemented for {from_numpy_dtype(found)}: it draws floating or complex numbers'
        )
    return found


def _given(made: Tensor, out: Any, requires_grad: bool) -> Tensor:
    if out is not None:
        return write_out(out, made)
    return made.requires_grad_() if requires_grad else made


def rand(
    *size: Any,
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
    return _given(uniform(_shape("rand", size), _inexact("rand", dtype), generator), out, requires_grad)


def randn(
    *size: Any,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers with mean 0 and variance 1, of shape `size`."""
    check_cpu(device)
    return _given(gaussian(_shape("randn", size), _inexact("randn", dtype), generator), out, requires_grad)


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
    """Integers in [low, high), of shape `size`: randint(high, size) or randint(low, high, size)."""
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
    """0 ... n - 1 in random order."""
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
    """`rand` with the shape and dtype of `input`."""
    shape, kind = _like(input, dtype)
    options.pop("memory_format", None)
    return rand(shape, dtype=kind, **options)


def randn_like(input: Tensor, *, dtype: Any = None, **options: Any) -> Tensor:
    """`randn` with the shape and dtype of `input`."""
    shape, kind = _like(input, dtype)
    options.pop("memory_format", None)
    return randn(shape, dtype=kind, **options)


def randint_like(
    input: Tensor, low: int | None = None, high: int | None = None, *, dtype: Any = None, **options: Any
) -> Tensor:
    """Integers in [0, high) or [low, high), with the shape and dtype of `input`."""
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
    """1 with probability `input` (or `p`) in each element, else 0, in the dtype of `input`; a constant to gradients."""
    chance = input if p is None else p
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"bernoulli(): argument 'input' must be Tensor, not {type(input).__name__}")
    if isinstance(chance, Tensor) and not is_inexact(raw_dtype(chance)):
        raise DTypeError(f"bernoulli() not implemented for probabilities of {chance.dtype}; write x.float()")
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


poisson_quantile_p = opaque(
    "poisson_quantile",
    _poisson_impl,
    aval=lambda rate, u: Spec(np.broadcast_shapes(rate.shape, u.shape), rate.dtype),
    vjp=(None, None),
    batch=lambda prim, args, is_batched: prim(
        *[
            pad_rank(a, max(len(raw_shape(x)) - c for x, c in zip(args, is_batched, strict=True))) if b else a
            for a, b in zip(args, is_batched, strict=True)
        ]
    ),
    doc="Smallest k with P(Poisson(rate) <= k) >= u.",
    backward_name="PoissonBackward0",
)


def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers with the rates `input`, in its dtype; a constant to gradients."""
    if not is_inexact(raw_dtype(input)):
        raise DTypeError(f"poisson() not implemented for {input.dtype}; write x.float()")
    values = known(input)
    if values is not None and np.any(values < 0):
        raise ArgumentError("invalid Poisson rate, expected rate to be non-negative")
    return poisson_quantile_p(_constant(input), uniform(raw_shape(input), F64, generator))


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
