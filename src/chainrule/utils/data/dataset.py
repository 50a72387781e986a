"""Datasets: things with a length and items, or things to iterate over."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, TypeVar

import numpy as np

from ...core.errors import ArgumentError
from ...core.value import raw_shape

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """A map from keys, usually 0 to len - 1, to samples: override __getitem__ (and __len__).

    >>> import chainrule as cr
    >>> class Squares(cr.utils.data.Dataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, i):
    ...         return i * i
    ...
    >>> [Squares()[i] for i in range(3)]
    [0, 1, 4]
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __add__(self, other: Any) -> Any:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co], Iterable[T_co]):
    """A stream of samples: override __iter__.

    >>> import chainrule as cr
    >>> class Count(cr.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(3))
    ...
    >>> [batch.tolist() for batch in cr.utils.data.DataLoader(Count(), batch_size=2)]
    [[0, 1], [2]]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError("Subclasses of IterableDataset should implement __iter__.")

    def __add__(self, other: Any) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple]):
    """Samples are rows of tensors of one length.

    Tensors (n, ...) of any dtype.

    >>> import chainrule as cr
    >>> cr.utils.data.TensorDataset(cr.tensor([1, 2]), cr.tensor([3, 4]))[1]
    (tensor(2), tensor(4))
    """

    def __init__(self, *tensors: Any) -> None:
        if any(raw_shape(t)[0] != raw_shape(tensors[0])[0] for t in tensors):
            raise AssertionError(f"Size mismatch between tensors: first sizes are {[raw_shape(t)[0] for t in tensors]}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return raw_shape(self.tensors[0])[0]


class StackDataset(Dataset):
    """Samples are tuples, or dicts, of samples of several datasets of one length.

    >>> import chainrule as cr
    >>> data = cr.utils.data.StackDataset(x=[1, 2], y=[3, 4])
    >>> data[1]
    {'x': 2, 'y': 4}
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError("Supported either as arguments or as keywords, not both: the datasets of a StackDataset")
        if not args and not kwargs:
            raise ValueError("At least one dataset should be passed to StackDataset")
        self.datasets: Any = args or kwargs
        values = list(self.datasets if args else self.datasets.values())
        if any(len(d) != len(values[0]) for d in values):
            raise ValueError("Size mismatch between datasets")
        self._length = len(values[0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {k: d[index] for k, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __getitems__(self, indices: list) -> list:
        """The samples of several indices, from the datasets' own __getitems__ where they have one."""
        named = isinstance(self.datasets, dict)
        columns = [_several(d, indices) for d in (self.datasets.values() if named else self.datasets)]
        rows = zip(*columns, strict=True)
        return [dict(zip(self.datasets, row, strict=True)) for row in rows] if named else list(rows)

    def __len__(self) -> int:
        return self._length


def _several(dataset: Any, indices: list) -> Any:
    many = getattr(dataset, "__getitems__", None)
    if many is None:
        return [dataset[i] for i in indices]
    found = many(indices)
    if len(found) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(found)}")
    return found


class ConcatDataset(Dataset[T_co]):
    """Datasets one after another.

    >>> import chainrule as cr
    >>> data = cr.utils.data.ConcatDataset([[1, 2], [3]])
    >>> len(data), data[2]
    (3, 3)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        if any(isinstance(d, IterableDataset) for d in self.datasets):
            raise AssertionError("ConcatDataset does not support IterableDataset")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        if index < 0:
            if -index > len(self):
                raise ValueError("absolute value of index should not exceed dataset length")
            index += len(self)
        k = bisect.bisect_right(self.cumulative_sizes, index)
        return self.datasets[k][index - (self.cumulative_sizes[k - 1] if k else 0)]


class ChainDataset(IterableDataset):
    """Iterable datasets one after another.

    >>> import chainrule as cr
    >>> class Count(cr.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         return iter(range(2))
    ...
    >>> list(cr.utils.data.ChainDataset([Count(), Count()]))
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Any]:
        for d in self.datasets:
            if not isinstance(d, IterableDataset):
                raise AssertionError(f"ChainDataset only supports IterableDataset, not {type(d).__name__}")
            yield from d

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)  # type: ignore[arg-type]


class Subset(Dataset[T_co]):
    """Some samples of a dataset, by their indices.

    >>> import chainrule as cr
    >>> cr.utils.data.Subset([10, 11, 12], [2, 0])[0]
    12
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset]:
    """Random disjoint subsets of given lengths, or of given shares that sum to 1.

    >>> import chainrule as cr
    >>> a, b = cr.utils.data.random_split(range(10), [0.8, 0.2])
    >>> len(a), len(b)
    (8, 2)
    """
    from .sampler import permutation

    n = len(dataset)
    if abs(sum(lengths) - 1) < 1e-9 and sum(lengths) <= 1 + 1e-9:
        if any(share < 0 or share > 1 for share in lengths):
            raise ValueError("Fraction at index must be between 0 and 1")
        sizes = [int(np.floor(n * share)) for share in lengths]
        for i in range(n - sum(sizes)):
            sizes[i % len(sizes)] += 1
    else:
        sizes = [int(length) for length in lengths]
    if sum(sizes) != n:
        raise ArgumentError(
            f"Sum of input lengths does not equal the length of the input dataset! {sum(sizes)} and {n}"
        )
    order = permutation(n, generator)
    ends = list(accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
