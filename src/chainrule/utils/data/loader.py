"""DataLoader: batches from a dataset, in a seeded order that does not depend on the number of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from .collate import default_collate, default_convert
from .dataset import IterableDataset
from .iterators import Parallel, ParallelStream, Sequential
from .sampler import BatchSampler, RandomSampler, SequentialSampler
from .workers import WorkerInfo, get_worker_info

__all__ = ["DataLoader", "WorkerInfo", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)
_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches.

    Random draws in samples depend on the seed and the batch only, whatever num_workers is; a `worker_init_fn` that
    sets seeds of its own has the last word.

    >>> import chainrule as cr
    >>> data = cr.utils.data.TensorDataset(cr.arange(5))
    >>> [batch[0].tolist() for batch in DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing: num_workers > 0")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.streaming = isinstance(dataset, IterableDataset)
        if self.streaming and (shuffle or sampler is not None or batch_sampler is not None):
            raise ValueError("DataLoader with IterableDataset: expected unspecified shuffle, sampler and batch_sampler")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        self.dataset, self.batch_size, self.drop_last, self.num_workers = dataset, batch_size, drop_last, num_workers
        self.generator, self.timeout, self.worker_init_fn = generator, timeout, worker_init_fn
        self.prefetch_factor = 2 if prefetch_factor is None and num_workers else prefetch_factor
        self.pin_memory, self.persistent_workers, self.multiprocessing_context = (
            pin_memory,
            persistent_workers,
            multiprocessing_context,
        )
        if self.streaming:
            self.sampler = None
        elif sampler is None:
            self.sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        else:
            self.sampler = sampler
        if batch_size is not None and batch_sampler is None and not self.streaming:
            batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler
        batching = batch_sampler is not None or (self.streaming and batch_size is not None)
        self.collate_fn = collate_fn if collate_fn is not None else default_collate if batching else default_convert
        self._team: Any = None  # persistent workers, between two passes
        self._stream_length: int | None = None  # of a stream that was asked for its len()
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and self.__dict__.get("_made"):
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        if self.streaming:
            n = len(self.dataset)
            if self.batch_size is not None:
                n = n // self.batch_size if self.drop_last else -(-n // self.batch_size)
            self._stream_length = n
            return n
        return len(self._index_sampler)

    def __iter__(self) -> Iterator[Any]:
        if not self.num_workers:
            return Sequential(self)
        return ParallelStream(self) if self.streaming else Parallel(self)

    @property
    def _auto_collation(self) -> bool:
        """Does the loader make batches?"""
        return self.batch_sampler is not None or (self.streaming and self.batch_size is not None)

    @property
    def _index_sampler(self) -> Any:
        """What a pass takes its indices from."""
        return self.batch_sampler if self.batch_sampler is not None else self.sampler

    def _seed(self) -> int:
        """The seed of workers; drawn without workers too, so that the order of samples does not depend on them."""
        from ...ops.random import randint

        return int(randint(0, 2**62, (), generator=self.generator).item())
