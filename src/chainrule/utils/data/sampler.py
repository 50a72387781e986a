"""Samplers: the order in which a loader takes a dataset's samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ...core.value import Tensor

T_co = TypeVar("T_co", covariant=True)


def permutation(n: int, generator: Any = None) -> list[int]:
    """0 .. n-1 in random order, drawn from `generator` or the global one."""
    from ...ops.random import randperm

    return randperm(n, generator=generator).tolist()


def _fresh_generator() -> Any:
    """A generator seeded by one draw from the global one, so that a run is repeatable."""
    from ...ops.random import Generator, randint

    made = Generator()
    made.manual_seed(int(randint(0, 2**62, ()).item()))
    return made


class Sampler(Generic[T_co]):
    """Base of samplers: override __iter__.

    >>> import chainrule as cr
    >>> class Backwards(cr.utils.data.Sampler):
    ...     def __init__(self, data):
    ...         self.n = len(data)
    ...     def __iter__(self):
    ...         return iter(range(self.n - 1, -1, -1))
    ...
    >>> list(Backwards("abc"))
    [2, 1, 0]
    """

    def __init__(self, data_source: Any = None) -> None:
        pass

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError  # abstract


class SequentialSampler(Sampler[int]):
    """0, 1, 2 ...

    >>> import chainrule as cr
    >>> list(cr.utils.data.SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Random order, or draws with replacement.

    >>> import chainrule as cr
    >>> sorted(cr.utils.data.RandomSampler(range(3)))
    [0, 1, 2]
    """

    def __init__(
        self, data_source: Any, replacement: bool = False, num_samples: int | None = None, generator: Any = None
    ) -> None:
        self.data_source, self.replacement, self._num_samples, self.generator = (
            data_source,
            replacement,
            num_samples,
            generator,
        )
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        if not isinstance(self.num_samples, int) or self.num_samples < 0:
            raise ValueError(
                f"num_samples should be a non-negative integer value, but got num_samples={self.num_samples}"
            )

    @property
    def num_samples(self) -> int:
        """How many samples one pass takes."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        from ...ops.random import randint

        n = len(self.data_source)
        generator = _fresh_generator() if self.generator is None else self.generator
        if self.replacement:
            for start in range(0, self.num_samples, 1024):  # a billion draws take no more memory than a thousand
                count = min(1024, self.num_samples - start)
                yield from randint(0, n, (count,), generator=generator).tolist()
            return
        left = self.num_samples
        while left > 0 and n:
            order = permutation(n, generator)[:left]
            left -= len(order)
            yield from order

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given indices in random order.

    >>> import chainrule as cr
    >>> sorted(cr.utils.data.SubsetRandomSampler([5, 3]))
    [3, 5]
    """

    def __init__(self, indices: Sequence[int], generator: Any = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        for i in permutation(len(self.indices), self.generator):
            yield self.indices[i]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given weights.

    >>> import chainrule as cr
    >>> list(cr.utils.data.WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(self, weights: Any, num_samples: int, replacement: bool = True, generator: Any = None) -> None:
        if not isinstance(num_samples, int) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        self.weights = np.asarray(weights._data if isinstance(weights, Tensor) else weights, np.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        from ...core.value import wrap
        from ...ops.random import multinomial

        drawn = multinomial(wrap(self.weights), self.num_samples, self.replacement, generator=self.generator)
        yield from drawn.tolist()

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list]):
    """Lists of batch_size indices from another sampler.

    >>> import chainrule as cr
    >>> list(cr.utils.data.BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list]:
        batch: list = []
        for i in self.sampler:
            batch.append(i)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
