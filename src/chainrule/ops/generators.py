"""Generators of random numbers, and the primitives that draw from them.

Three primitives draw (uniform, gaussian, integers) and one permutes; they take no arrays, and the generator is a
parameter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from os import urandom
from typing import Any

import numpy as np

from ..core.drawing import drawn as per_example
from ..core.dtypes import F64
from ..core.errors import ArgumentError, ArgumentTypeError, DeviceError
from ..core.primitive import Primitive
from ..core.tape import Spec
from ..core.value import Tensor, wrap
from .kits import opaque

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
        except ValueError as error:
            raise ArgumentError(f"manual_seed expected a long, but got {seed!r}") from error
        except TypeError as error:
            raise ArgumentTypeError(f"manual_seed expected a long, but got {type(seed).__name__}") from error
        if not -(2**63) <= found < _WORD:
            raise ArgumentError(f"Overflow when unpacking long long: a seed has at most 64 bits, got {found}")
        with self._lock:
            self._seed = found % _WORD
            self._made: Any = None
        return self

    @property
    def _numpy(self) -> Any:
        """NumPy's generator, made at the first draw: importing numpy.random takes a tenth of importing NumPy."""
        if self._made is None:
            self._made = np.random.Generator(np.random.PCG64(self._seed))
        return self._made

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
    """Start the default generator's sequence that belongs to `seed`; returns that generator.

    `seed` is any int of 64 bits.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(0)
    >>> a = cr.rand(2)
    >>> _ = cr.manual_seed(0)
    >>> bool((cr.rand(2) == a).all())
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system's randomness; returns the seed.

    An int of 64 bits.

    >>> import chainrule as cr
    >>> cr.seed() == cr.initial_seed()
    True
    """
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed.

    An int.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(7)
    >>> cr.initial_seed()
    7
    """
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """State of the default generator as a uint8 tensor.

    >>> import chainrule as cr
    >>> state = cr.get_rng_state()
    >>> state.dtype
    torch.uint8
    """
    return default_generator.get_state()


def set_rng_state(new_state: Any) -> None:
    """Put the default generator into a state that get_rng_state gave.

    `new_state` is that uint8 tensor.

    >>> import chainrule as cr
    >>> state = cr.get_rng_state()
    >>> a = cr.rand(2)
    >>> cr.set_rng_state(state)
    >>> bool((cr.rand(2) == a).all())
    True
    """
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
