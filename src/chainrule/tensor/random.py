"""Random values written in place, and forks of the generator's state. (PyTorch's torch.random.)"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import pi
from typing import Any

import numpy as np

from ..core.dtypes import from_numpy_dtype, is_inexact
from ..core.errors import ArgumentError, DTypeError
from ..core.value import Tensor, raw_dtype, raw_shape
from ..ops import random as draws
from ..ops.random import (
    get_rng_state,
    set_rng_state,
)
from ..ops.shape import cast
from .inplace import check_leaf, store

__all__ = [*draws.__all__, "fork_rng"]


@contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, **_: Any) -> Iterator[None]:
    """Within: draw as one likes; after: the default generator is as it was before.

    >>> import chainrule as cr
    >>> _ = cr.manual_seed(0)
    >>> with cr.fork_rng():
    ...     a = cr.rand(1)
    >>> bool(cr.rand(1) == a)
    True
    """
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            set_rng_state(before)


def _wide(self: Tensor) -> np.dtype:
    """The dtype to draw in: the tensor's own, if it is precise enough."""
    own = raw_dtype(self)
    return own if is_inexact(own) and own.itemsize >= 4 else np.dtype("f8")


def _written(self: Tensor, name: str, values: Any) -> Tensor:
    return store(self, cast(values, raw_dtype(self)), name)


def _floating(self: Tensor, name: str) -> None:
    check_leaf(self, name)
    if not is_inexact(raw_dtype(self)):
        raise DTypeError(
            f"{name}: a continuous probability distribution; dtype must be a floating point but you specified "
            f"{from_numpy_dtype(raw_dtype(self))}. It is not implemented for integers; write x.float()"
        )


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with normal numbers."""
    _floating(self, "normal_")
    if std < 0:
        raise ArgumentError(f"normal expects std >= 0.0, but found std {std}")
    z = draws.gaussian(raw_shape(self), _wide(self), generator)
    z = z if std == 1 else z * std
    return _written(self, "normal_", z if mean == 0 else z + mean)


def uniform_(self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Any = None, **named: Any) -> Tensor:
    """Fill with uniform numbers in [from, to)."""
    _floating(self, "uniform_")
    low = named.pop("from", from_)
    if low > to:
        raise ArgumentError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={to}")
    u = draws.uniform(raw_shape(self), _wide(self), generator)
    return _written(self, "uniform_", u * (to - low) + low)


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 with probability p (a number or a tensor that broadcasts), else 0."""
    check_leaf(self, "bernoulli_")
    if not isinstance(p, Tensor) and not 0 <= p <= 1:
        raise ArgumentError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    return _written(self, "bernoulli_", draws.bernoulli(self, p, generator=generator))


def _exponential(self: Tensor, generator: Any) -> Any:
    """Draws with density exp(-x), never 0."""
    from ..ops.exponential import log1p

    dtype = _wide(self)
    return (-log1p(-draws.uniform(raw_shape(self), dtype, generator))).clamp(min=float(np.finfo(dtype).tiny))


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with numbers of density lambd exp(-lambd x)."""
    _floating(self, "exponential_")
    if not lambd > 0:
        raise ArgumentError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    return _written(self, "exponential_", _exponential(self, generator) / lambd)


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Any = None) -> Tensor:
    """Fill with exponentials of normal numbers."""
    from ..ops.exponential import exp

    _floating(self, "log_normal_")
    if not std > 0:
        raise ArgumentError(f"log_normal_ expects std > 0.0, but found std={std}")
    return _written(self, "log_normal_", exp(draws.gaussian(raw_shape(self), _wide(self), generator) * std + mean))


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Any = None) -> Tensor:
    """Fill with numbers of density sigma / (pi (sigma^2 + (x - median)^2))."""
    from ..ops.trigonometric import tan

    _floating(self, "cauchy_")
    if not sigma > 0:
        raise ArgumentError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    u = draws.uniform(raw_shape(self), _wide(self), generator)
    return _written(self, "cauchy_", tan((u - 0.5) * pi) * sigma + median)


def geometric_(self: Tensor, p: float, *, generator: Any = None) -> Tensor:
    """Fill with the number of trials up to the first success: P(k) = (1 - p)^(k - 1) p, k = 1, 2 ..."""
    from ..ops.exponential import log1p
    from ..ops.rounding import ceil

    check_leaf(self, "geometric_")
    if not 0 < p < 1:
        raise ArgumentError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    u = draws.uniform(raw_shape(self), np.dtype("f8"), generator)
    return _written(self, "geometric_", ceil(log1p(-u) / float(np.log1p(-p))).clamp(min=1.0))


def random_(
    self: Tensor, from_: int | None = None, to: int | None = None, *, generator: Any = None, **named: Any
) -> Any:
    """Fill with integers of [0, to), of [from, to), or of all that the dtype holds exactly."""
    check_leaf(self, "random_")
    dtype = raw_dtype(self)
    low = named.pop("from", from_)
    if to is None:
        low, to = 0, low
    if to is None:
        if dtype.kind in "iu":
            to = int(np.iinfo(dtype).max) + 1
        elif dtype.kind == "b":
            to = 2
        else:
            to = 2 ** {2: 8 if dtype.kind == "V" else 11, 4: 24, 8: 53}[dtype.itemsize] + 1
    low = 0 if low is None else low
    draws.check_range(low, to, dtype)
    made = draws.drawn(draws.integers_p, raw_shape(self), dtype, generator, low=int(low), high=int(to))
    return _written(self, "random_", made)


def install() -> None:
    """Attach the methods to Tensor."""
    for function in (
        normal_, uniform_, bernoulli_, exponential_, log_normal_, cauchy_, geometric_, random_
    ):  # fmt: skip
        setattr(Tensor, function.__name__, function)
    Tensor.bernoulli = draws.bernoulli  # type: ignore[attr-defined]
    Tensor.multinomial = draws.multinomial  # type: ignore[attr-defined]


for _name in draws.__all__:
    globals()[_name] = getattr(draws, _name)
