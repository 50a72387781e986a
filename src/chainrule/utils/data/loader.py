"""DataLoader: batches from a dataset, in a seeded order that does not depend on the number of workers."""

from __future__ import annotations

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.value import Tensor, raw_shape, wrap
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler


def default_convert(data: Any) -> Any:
    """NumPy arrays in a sample as tensors; containers are kept.

    Shapes and dtypes stay.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.utils.data.default_convert({"x": np.zeros(2)})
    {'x': tensor([0., 0.], dtype=torch.float64)}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return wrap(np.asarray(data)) if data.dtype.kind in "biufc" else data
    if isinstance(data, Mapping):
        return {k: default_convert(v) for k, v in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(v) for v in data))
    if isinstance(data, (list, tuple)):
        return [default_convert(v) for v in data]
    return data


def default_collate(batch: Sequence) -> Any:
    """One batch from a list of samples: arrays are stacked, numbers become tensors, containers are kept.

    Arrays and tensors of one shape get a first dimension; numbers become int64, or float64 as in PyTorch.

    >>> import chainrule as cr
    >>> cr.utils.data.default_collate([(1, 2.0), (3, 4.0)])
    [tensor([1, 3]), tensor([2., 4.], dtype=torch.float64)]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        from ...ops.joining import stack

        if any(raw_shape(x) != raw_shape(first) for x in batch):
            shapes = sorted({raw_shape(x) for x in batch})
            raise ArgumentError(
                f"stack expects each tensor to be equal size, but the samples have shapes {shapes}. Pad them, or give "
                f"DataLoader a collate_fn of your own."
            )
        return stack(list(batch))
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind not in "biufc":
            raise ArgumentError(f"default_collate: batch must contain numbers, found an array of dtype {first.dtype}")
        return wrap(np.stack([np.asarray(x) for x in batch]))
    if isinstance(first, bool):
        return wrap(np.array(batch))
    if isinstance(first, float):
        return wrap(np.array(batch, np.float64))
    if isinstance(first, int):
        return wrap(np.array(batch, np.int64))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return {k: default_collate([x[k] for x in batch]) for k in first}
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(group) for group in zip(*batch, strict=True)))
    if isinstance(first, (list, tuple)):
        if any(len(x) != len(first) for x in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return [default_collate(group) for group in zip(*batch, strict=True)]
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}"
    )


class WorkerInfo:
    """In a worker: its number, how many there are, its seed and its dataset."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset


_worker: WorkerInfo | None = None
_worker_state: dict[str, Any] = {}


def get_worker_info() -> WorkerInfo | None:
    """The present worker's information; None in the main process.

    >>> import chainrule as cr
    >>> cr.utils.data.get_worker_info() is None
    True
    """
    return _worker


def _unpacked(payload: Any) -> dict[str, Any]:
    """What a worker works with: inherited by a forked process, pickled for any other."""
    return pickle.loads(payload) if isinstance(payload, bytes) else payload


def _start_worker(payload: Any) -> None:
    _worker_state.update(_unpacked(payload))


def _fetch(dataset: Any, indices: Any, collate: Callable) -> Any:
    """The batch of a list of indices, or the sample of a single one."""
    if not isinstance(indices, list):
        return collate(dataset[indices])
    many = getattr(dataset, "__getitems__", None)
    return collate(many(indices) if many is not None else [dataset[i] for i in indices])


def _load(indices: Any, seed: int, worker: int) -> Any:
    """One batch in a worker; random draws depend on the batch's seed only, so any number of workers gives the same."""
    global _worker
    from ...ops.random import manual_seed

    _worker = WorkerInfo(worker, _worker_state["num_workers"], seed, _worker_state["dataset"])
    started = _worker_state.setdefault("started", set())
    if _worker_state["init"] is not None and worker not in started:
        _worker_state["init"](worker)
    started.add(worker)
    manual_seed(seed)
    np.random.seed(seed % 2**32)
    return _fetch(_worker_state["dataset"], indices, _worker_state["collate"])


def _batches(stream: Any, batch_size: int | None, drop_last: bool, collate: Callable) -> Iterator[Any]:
    """Batches of a stream of samples, or its samples one by one if there is no batching."""
    if batch_size is None:
        yield from (collate(x) for x in stream)
        return
    batch: list = []
    for x in stream:
        batch.append(x)
        if len(batch) == batch_size:
            yield collate(batch)
            batch = []
    if batch and not drop_last:
        yield collate(batch)


def _stream_in_worker(payload: Any, seed: int, worker: int, queue: Any) -> None:
    """A worker's own pass over a stream: its batches go into the queue as (kind, value), the last is ("end", None)."""
    global _worker
    from ...ops.random import manual_seed

    content = _unpacked(payload)
    _worker = WorkerInfo(worker, content["num_workers"], seed + worker, content["dataset"])
    manual_seed(seed + worker)
    np.random.seed((seed + worker) % 2**32)
    try:
        if content["init"] is not None:
            content["init"](worker)
        for batch in _batches(content["dataset"], content["batch_size"], content["drop_last"], content["collate"]):
            queue.put(("batch", batch))
        queue.put(("end", None))
    except Exception as error:
        queue.put(("error", error))


class DataLoader:
    """Iterates over a dataset in batches.

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

    def __len__(self) -> int:
        if self.streaming:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self.batch_sampler is not None else self.sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        if self.streaming:
            return self._stream_parallel() if self.num_workers else self._stream()
        return self._parallel() if self.num_workers else self._sequential()

    def _seed(self) -> int:
        """The seed of workers; drawn without workers too, so that the order of samples does not depend on them."""
        from ...ops.random import randint

        return int(randint(0, 2**62, (), generator=self.generator).item())

    def _places(self) -> Iterator[Any]:
        """Lists of indices, one per batch; single indices if there is no batching."""
        if self.batch_sampler is None:
            yield from self.sampler or ()
        else:
            for indices in self.batch_sampler:
                yield list(indices)

    def _stream(self) -> Iterator[Any]:
        return _batches(self.dataset, self.batch_size, self.drop_last, self.collate_fn)

    def _stream_parallel(self) -> Iterator[Any]:
        """Each worker passes over its own copy of the stream (see get_worker_info); their batches come in turn."""
        base, context = self._seed(), self._context()
        payload = self._payload(context)
        queues = [context.Queue(self.prefetch_factor or 2) for _ in range(self.num_workers)]
        processes = [
            context.Process(target=_stream_in_worker, args=(payload, base, i, q), daemon=True)
            for i, q in enumerate(queues)
        ]
        for process in processes:
            process.start()
        try:
            alive = deque(range(self.num_workers))
            while alive:
                worker = alive.popleft()
                kind, value = self._next_of(worker, queues[worker], processes[worker])
                if kind == "error":
                    raise value
                if kind == "batch":
                    alive.append(worker)
                    yield value
        finally:
            for process in processes:
                process.terminate()
                process.join()

    def _next_of(self, worker: int, queue: Any, process: Any) -> Any:
        from queue import Empty
        from time import monotonic

        until = monotonic() + self.timeout if self.timeout else None
        while True:
            try:
                return queue.get(timeout=0.5)
            except Empty:
                if not process.is_alive() and queue.empty():
                    raise RuntimeError(
                        f"DataLoader worker {worker} exited unexpectedly with code {process.exitcode}; run it with "
                        f"num_workers=0 to see why"
                    ) from None
                if until is not None and monotonic() > until:
                    raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds") from None

    def _sequential(self) -> Iterator[Any]:
        self._seed()
        for indices in self._places():
            yield _fetch(self.dataset, indices, self.collate_fn)

    def _payload(self, context: Any) -> Any:
        """What workers are given; a forked process inherits it, lambdas and local classes included."""
        content = {
            "dataset": self.dataset,
            "collate": self.collate_fn,
            "init": self.worker_init_fn,
            "num_workers": self.num_workers,
            "batch_size": self.batch_size,
            "drop_last": self.drop_last,
        }
        if context.get_start_method() == "fork":
            return content
        try:
            return pickle.dumps(content)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ArgumentError(
                f"DataLoader with num_workers={self.num_workers} sends the dataset and collate_fn to other processes, "
                f"and pickle refuses one of them: {error}. Define them at module level, or write num_workers=0."
            ) from error

    def _context(self) -> Any:
        import multiprocessing

        return multiprocessing.get_context(self.multiprocessing_context or ("fork" if os.name == "posix" else "spawn"))

    def _parallel(self) -> Iterator[Any]:
        base, context = self._seed(), self._context()
        payload = self._payload(context)
        workers = self.num_workers
        with ProcessPoolExecutor(workers, context, _start_worker, (payload,)) as pool:
            waiting: deque = deque()
            for number, indices in enumerate(self._places()):
                waiting.append(pool.submit(_load, indices, base + number, number % workers))
                if len(waiting) >= workers * (self.prefetch_factor or 2):
                    yield waiting.popleft().result(self.timeout or None)
            while waiting:
                yield waiting.popleft().result(self.timeout or None)
