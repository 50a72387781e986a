"""What a DataLoader's worker processes run, and what they know of themselves."""

from __future__ import annotations

import pickle
import random
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class WorkerInfo:
    """In a worker: its number, how many there are, its seed and its dataset."""

    def __init__(self, id: int, num_workers: int, seed: int, dataset: Any) -> None:
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset

    def __repr__(self) -> str:
        shown = ", ".join(f"{k}={v}" for k, v in self.__dict__.items())
        return f"{type(self).__name__}({shown})"


_worker_info: WorkerInfo | None = None
_content: dict[str, Any] = {}


def get_worker_info() -> WorkerInfo | None:
    """The present worker's information; None in the main process.

    >>> import chainrule as cr
    >>> cr.utils.data.get_worker_info() is None
    True
    """
    return _worker_info


def _seed_all(seed: int) -> None:
    from ...ops.random import manual_seed

    manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


def start(payload: Any, base: int, worker: int) -> None:
    """The first thing in a worker: what it works with (inherited by a forked process, pickled for any other)."""
    global _worker_info
    _content.update(pickle.loads(payload) if isinstance(payload, bytes) else payload)
    _worker_info = WorkerInfo(worker, _content["num_workers"], base + worker, _content["dataset"])
    _seed_all(base + worker)


def fetch(dataset: Any, indices: Any, collate: Callable, batching: bool) -> Any:
    """The batch of a list of indices; without batching, what the dataset gives for a sampler's index, list or not."""
    if not batching:
        return collate(dataset[indices])
    many = getattr(dataset, "__getitems__", None)
    return collate(many(indices) if many is not None else [dataset[i] for i in indices])


def load(indices: Any, seed: int) -> Any:
    """One batch in a worker.

    Random draws depend on the batch's seed only, so that any number of workers gives the same; but where there is a
    worker_init_fn, it may have set a state of its own, and the worker goes on from there.
    """
    if _content["init"] is None:
        _seed_all(seed)
    return fetch(_content["dataset"], indices, _content["collate"], _content["batching"])


def packed(kind: str, make: Callable) -> bytes:
    """(kind, make()) as bytes, or ("error", what make() raised) with the worker's traceback as a note."""
    try:
        return pickle.dumps((kind, make()))
    except Exception as error:
        where = f"in DataLoader worker {_worker_info.id if _worker_info else 0}:\n{traceback.format_exc()}"
        error.add_note(where)
        try:
            return pickle.dumps(("error", error))
        except Exception:  # an error that pickle refuses
            return pickle.dumps(("error", RuntimeError(f"{type(error).__name__} {where}")))


def serve(payload: Any, base: int, worker: int, asked: Any, given: Any) -> None:
    """A worker's life: a batch for each (indices, seed) asked for."""
    start(payload, base, worker)
    begun = packed("begun", _initialise)
    while True:
        indices, seed = asked.get()
        failed = pickle.loads(begun)[0] == "error"
        given.put(begun if failed else packed("batch", lambda i=indices, s=seed: load(i, s)))


def _initialise() -> None:
    if _content["init"] is not None and _worker_info is not None:
        _content["init"](_worker_info.id)


def batches(stream: Any, batch_size: int | None, drop_last: bool, collate: Callable) -> Iterator[Any]:
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


def pass_over_stream(payload: Any, base: int, worker: int, asked: Any, given: Any) -> None:
    """A worker's own pass over a stream: its batches as ("batch", value); the last is ("end", None)."""
    start(payload, base, worker)
    begun = packed("begun", _initialise)
    if pickle.loads(begun)[0] == "error":
        given.put(begun)
        return

    content = _content
    stream = batches(content["dataset"], content["batch_size"], content["drop_last"], content["collate"])
    try:
        for batch in stream:
            given.put(packed("batch", lambda x=batch: x))
    except Exception as error:
        given.put(packed("error", lambda x=error: _raised(x)))
    else:
        given.put(packed("end", lambda: None))


def _raised(error: Exception) -> None:
    raise error
