"""One pass over a DataLoader: in this process, or with worker processes."""

from __future__ import annotations

import os
import pickle
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from queue import Empty
from time import monotonic
from typing import Any

from ...core.errors import ArgumentError
from . import workers


class Pass:
    """Base of iterators: `__next__` counts, and warns of a stream that is longer than its len()."""

    def __init__(self, loader: Any) -> None:
        self.loader, self._yielded = loader, 0
        self.base = loader._seed()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __len__(self) -> int:
        if self.loader.streaming:
            raise TypeError("a pass over a stream has no length: ask len(dataloader)")
        return len(self.loader)

    def __next__(self) -> Any:
        found = self._next()
        self._yielded += 1
        loader = self.loader
        if loader._stream_length is not None and self._yielded > loader._stream_length:
            more = ""
            if loader.num_workers:
                more = (
                    " For multiprocessing data-loading, this could be because every worker passes over the whole "
                    "dataset: have each take its share, by get_worker_info()."
                )
            warnings.warn(
                f"Length of IterableDataset {loader.dataset} was reported to be {loader._stream_length} (when "
                f"accessing len(dataloader)), but {self._yielded} samples have been fetched.{more}",
                stacklevel=2,
            )
        return found

    def _next(self) -> Any:
        raise NotImplementedError  # abstract

    def close(self) -> None:
        """End the pass, and its workers, before the last batch."""

    def _places(self) -> Iterator[Any]:
        """Lists of indices, one for each batch; single indices if there is no batching."""
        if self.loader.batch_sampler is None:
            yield from self.loader.sampler or ()
        else:
            for indices in self.loader.batch_sampler:
                yield list(indices)


class Sequential(Pass):
    """Batch after batch in this process; after an error, the next call goes on with the next batch."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        if loader.streaming:
            self._stream = workers.batches(loader.dataset, loader.batch_size, loader.drop_last, loader.collate_fn)
        else:
            self._left = self._places()

    def _next(self) -> Any:
        if self.loader.streaming:
            return next(self._stream)
        loader = self.loader
        return workers.fetch(loader.dataset, next(self._left), loader.collate_fn, loader._auto_collation)


class Team:
    """The worker processes of a loader, each with a queue of what it is asked and one of what it gives."""

    def __init__(self, loader: Any, base: int, target: Callable, room: int = 0) -> None:
        made = context(loader)
        payload = contents(loader, made)
        self.asked = [made.Queue() for _ in range(loader.num_workers)]
        self.given = [made.Queue(room) for _ in range(loader.num_workers)]
        self.timeout = loader.timeout
        self.processes = [
            made.Process(target=target, args=(payload, base, i, asked, given), daemon=True)
            for i, (asked, given) in enumerate(zip(self.asked, self.given, strict=True))
        ]
        for process in self.processes:
            process.start()

    def answer(self, worker: int) -> tuple[str, Any]:
        """The next (kind, value) of a worker; raises what the worker raised."""
        process, queue = self.processes[worker], self.given[worker]
        until = monotonic() + self.timeout if self.timeout else None
        while True:
            try:
                kind, value = pickle.loads(queue.get(timeout=0.5))
            except Empty:
                if not process.is_alive() and queue.empty():
                    raise RuntimeError(
                        f"DataLoader worker {worker} exited unexpectedly with code {process.exitcode}; run it with "
                        f"num_workers=0 to see why"
                    ) from None
                if until is not None and monotonic() > until:
                    raise RuntimeError(f"DataLoader timed out after {self.timeout} seconds") from None
                continue
            if kind == "error":
                raise value
            return kind, value

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        for queue in (*self.asked, *self.given):
            queue.cancel_join_thread()
            queue.close()
        self.processes = []

    def __del__(self) -> None:
        if getattr(self, "processes", None):
            self.close()


class Parallel(Pass):
    """Batches number w, w + n, w + 2n ... from worker w of n, a few ahead of where they are asked for."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        team, loader._team = loader._team, None  # given back at the end, if workers are persistent
        self._team = Team(loader, self.base, workers.serve) if team is None else team
        self._left, self._waiting = enumerate(self._places()), deque()
        for _ in range(loader.num_workers * (loader.prefetch_factor or 2)):
            self._ask()

    def _ask(self) -> None:
        for number, indices in self._left:
            worker = number % self.loader.num_workers
            self._team.asked[worker].put((indices, self.base + number))
            self._waiting.append(worker)
            return

    def _next(self) -> Any:
        if not self._waiting:
            if self._team is not None and self.loader.persistent_workers:
                self.loader._team = self._team
            elif self._team is not None:
                self._team.close()
            self._team = None
            raise StopIteration
        worker = self._waiting.popleft()
        self._ask()
        return self._team.answer(worker)[1]

    def close(self) -> None:
        """End the pass, and its workers, before the last batch."""
        if self._team is not None:
            self._team.close()
            self._team = None
        self._left, self._waiting = enumerate(()), deque()


class ParallelStream(Pass):
    """Each worker passes over its own copy of the stream (see get_worker_info); their batches come in turn."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._team = Team(loader, self.base, workers.pass_over_stream, loader.prefetch_factor or 2)
        self._alive = deque(range(loader.num_workers))

    def _next(self) -> Any:
        while self._alive:
            worker = self._alive.popleft()
            kind, value = self._team.answer(worker)
            if kind == "batch":
                self._alive.append(worker)
                return value
        self._team.close()
        raise StopIteration

    def close(self) -> None:
        """End the pass, and its workers, before the last batch."""
        self._alive.clear()
        self._team.close()


def context(loader: Any) -> Any:
    """How processes are started."""
    import multiprocessing

    given = loader.multiprocessing_context
    if given is not None and not isinstance(given, str):
        return given
    return multiprocessing.get_context(given or ("fork" if os.name == "posix" else "spawn"))


def contents(loader: Any, made: Any) -> Any:
    """What workers are given; a forked process inherits it, lambdas and local classes included."""
    content = {
        "dataset": loader.dataset,
        "collate": loader.collate_fn,
        "batching": loader._auto_collation,
        "init": loader.worker_init_fn,
        "num_workers": loader.num_workers,
        "batch_size": loader.batch_size,
        "drop_last": loader.drop_last,
    }
    if made.get_start_method() == "fork":
        return content
    try:
        return pickle.dumps(content)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ArgumentError(
            f"DataLoader with num_workers={loader.num_workers} sends the dataset and collate_fn to other processes, "
            f"and pickle refuses one of them: {error}. Define them at module level, or write num_workers=0."
        ) from error
