"""Datasets, samplers and loaders: contents, orders, and the same batches for any number of workers."""

from __future__ import annotations

import itertools
import os
from collections import namedtuple

import numpy as np
import pytest
from helpers import raw

import chainrule as cr
from chainrule.utils import data as D  # noqa: N812

Point = namedtuple("Point", ["x", "y"])


class Squares(D.Dataset):
    """n, n squared."""

    def __init__(self, n: int = 10) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int):
        return i, float(i * i)


class Noisy(Squares):
    """Draws at random for every sample."""

    def __getitem__(self, i: int):
        return cr.rand(2) + i, np.random.rand()


class Told(Squares):
    """Tells which worker loads it."""

    def __getitem__(self, i: int):
        info = D.get_worker_info()
        return -1 if info is None else info.id


class Broken(Squares):
    def __getitem__(self, i: int):
        raise ValueError(f"sample {i} cannot be read")


class Stream(D.IterableDataset):
    def __init__(self, n: int = 7) -> None:
        self.n = n

    def __iter__(self):
        info = D.get_worker_info()
        if info is None:
            return iter(range(self.n))
        return iter(range(info.id, self.n, info.num_workers))


def listed(batch):
    """Batches as nested lists."""
    if isinstance(batch, cr.Tensor):
        return batch.tolist()
    if isinstance(batch, dict):
        return {k: listed(v) for k, v in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [listed(x) for x in batch]
    return batch


def first(batch):
    return batch[0]


COLLATED = {
    "numbers": [1, 2, 3],
    "floats": [1.0, 2.0],
    "flags": [True, False],
    "text": ["a", "b"],
    "pairs": [(1, 2.0), (3, 4.0)],
    "lists": [[1, 2], [3, 4]],
    "dicts": [{"a": 1, "b": [1.5]}, {"a": 2, "b": [2.5]}],
    "named": [Point(1, 2), Point(3, 4)],
    "arrays": [np.ones((2, 2), np.float32), np.zeros((2, 2), np.float32)],
    "array scalars": [np.float32(1), np.float32(2)],
    "nested": [(1, {"x": np.arange(2), "y": ("s", 1.0)}), (2, {"x": np.arange(2), "y": ("t", 2.0)})],
}


@pytest.mark.oracle
@pytest.mark.parametrize("key", COLLATED)
def test_collate_agrees(key):
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_collate, default_convert

    def same(a, b):
        if isinstance(b, torch.Tensor):
            assert raw(a).dtype == raw(b).dtype
            assert np.array_equal(raw(a), raw(b))
        elif isinstance(b, dict):
            assert list(a) == list(b)
            for k in b:
                same(a[k], b[k])
        elif isinstance(b, (list, tuple)):
            assert type(a) is type(b)
            for x, y in zip(a, b, strict=True):
                same(x, y)
        else:
            assert a == b

    same(D.default_collate(COLLATED[key]), default_collate(COLLATED[key]))
    same(D.default_convert(COLLATED[key]), default_convert(COLLATED[key]))


def test_collate_of_tensors_keeps_gradients_and_explains_errors():
    x = [cr.ones(2, requires_grad=True), cr.zeros(2)]
    D.default_collate(x).sum().backward()
    assert x[0].grad.tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        D.default_collate([cr.ones(2), cr.ones(3)])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        D.default_collate([[1, 2], [1]])
    with pytest.raises(TypeError, match="batch must contain tensors, numpy arrays, numbers, dicts or lists"):
        D.default_collate([object()])


OPTIONS = {
    "batches": {"batch_size": 3},
    "shuffled": {"batch_size": 3, "shuffle": True},
    "dropped": {"batch_size": 4, "drop_last": True},
    "no batching": {"batch_size": None},
    "replacement": {"sampler": lambda: D.RandomSampler(range(10), replacement=True, num_samples=7)},
    "subset": {"batch_size": 2, "sampler": lambda: D.SubsetRandomSampler([1, 5, 7])},
    "weighted": {"sampler": lambda: D.WeightedRandomSampler([0.1, 0.9, 0, 0.5], 6), "batch_size": 4},
    "batch sampler": {"batch_sampler": lambda: D.BatchSampler(D.RandomSampler(range(10)), 4, False)},
}


def loaded(dataset, key: str, workers: int, **more):
    options = {k: v() if callable(v) else v for k, v in OPTIONS[key].items()}
    cr.manual_seed(5)
    np.random.seed(5)
    loader = D.DataLoader(dataset, num_workers=workers, **options, **more)
    batches = [listed(b) for b in loader]
    assert len(batches) == len(loader)
    return batches


@pytest.mark.parametrize("key", OPTIONS)
def test_order_is_the_same_for_any_number_of_workers(key):
    want = loaded(Squares(), key, 0)
    assert loaded(Squares(), key, 0) == want  # and from run to run
    assert loaded(Squares(), key, 2) == want


def test_random_draws_are_the_same_for_any_number_of_workers():
    assert loaded(Noisy(), "shuffled", 1) == loaded(Noisy(), "shuffled", 3)


def test_shuffling_visits_all_and_changes_every_epoch():
    cr.manual_seed(0)
    loader = D.DataLoader(Squares(), shuffle=True, batch_size=4)
    epochs = [[i for b in loader for i in b[0].tolist()] for _ in range(3)]
    assert all(sorted(e) == list(range(10)) for e in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    a, b = cr.Generator().manual_seed(3), cr.Generator().manual_seed(3)
    orders = [[i.tolist() for i, _ in D.DataLoader(Squares(), shuffle=True, generator=g)] for g in (a, b)]
    assert orders[0] == orders[1]


def test_workers_know_who_they_are():
    found = [b.item() for b in D.DataLoader(Told(8), num_workers=2)]
    assert found == [0, 1] * 4
    assert [b.item() for b in D.DataLoader(Told(2))] == [-1, -1]
    assert D.get_worker_info() is None


def remember(worker: int) -> None:
    Told.started = [*getattr(Told, "started", []), worker]


class Remembering(Told):
    def __getitem__(self, i: int):
        return len(self.started), self.started.count(D.get_worker_info().id)


def test_worker_init_fn_runs_once_per_worker():
    found = [listed(b) for b in D.DataLoader(Remembering(12), num_workers=2, worker_init_fn=remember)]
    assert all(once == [1] for _, once in found)


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_in_a_dataset_reach_the_caller(workers):
    with pytest.raises(ValueError, match="sample 0 cannot be read"):
        list(D.DataLoader(Broken(), num_workers=workers))


def test_unpicklable_datasets_are_explained():
    dataset = Squares()
    dataset.f = lambda: 1
    with pytest.raises(ValueError, match="Define them at module level, or write num_workers=0"):
        list(D.DataLoader(dataset, num_workers=1, multiprocessing_context="spawn"))


@pytest.mark.parametrize("workers", [0, 2])
def test_streams(workers):
    batches = [b.tolist() for b in D.DataLoader(Stream(), batch_size=3, num_workers=workers)]
    assert sorted(itertools.chain(*batches)) == list(range(7))
    assert all(len(b) <= 3 for b in batches)
    whole = [b.tolist() for b in D.DataLoader(Stream(), batch_size=3, drop_last=True)]
    assert whole == [[0, 1, 2], [3, 4, 5]]
    assert list(D.DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]


def test_datasets():
    x, y = cr.arange(6).reshape(3, 2), cr.arange(3)
    pairs = D.TensorDataset(x, y)
    assert len(pairs) == 3
    assert [t.tolist() for t in pairs[1]] == [[2, 3], 1]
    assert [listed(b) for b in D.DataLoader(pairs, batch_size=2)] == [[[[0, 1], [2, 3]], [0, 1]], [[[4, 5]], [2]]]
    both = Squares(3) + Squares(2)
    assert len(both) == 5
    assert [both[i][0] for i in (0, 2, 3, 4, -1, -5)] == [0, 2, 0, 1, 1, 0]
    assert list(Stream(2) + Stream(1)) == [0, 1, 0]
    sub = D.Subset(Squares(), [7, 2])
    assert [sub[i] for i in range(len(sub))] == [(7, 49.0), (2, 4.0)]
    assert D.StackDataset(Squares(3), y)[2] == ((2, 4.0), y[2])
    assert D.StackDataset(a=Squares(3), b=Squares(3))[1] == {"a": (1, 1.0), "b": (1, 1.0)}
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        D.TensorDataset(x, cr.arange(4))
    with pytest.raises(ValueError, match="absolute value of index should not exceed dataset length"):
        both[-6]


@pytest.mark.oracle
@pytest.mark.parametrize("lengths", [[6, 4], [0.5, 0.3, 0.2], [0.34, 0.33, 0.33], [10, 0]])
def test_random_split_sizes_agree(lengths):
    torch = pytest.importorskip("torch")
    ours = D.random_split(range(10), lengths, generator=cr.Generator().manual_seed(1))
    theirs = torch.utils.data.random_split(range(10), lengths)
    assert [len(s) for s in ours] == [len(s) for s in theirs]
    assert sorted(i for s in ours for i in s.indices) == list(range(10))
    again = D.random_split(range(10), lengths, generator=cr.Generator().manual_seed(1))
    assert [s.indices for s in ours] == [s.indices for s in again]


def test_split_errors():
    with pytest.raises(ValueError, match="Sum of input lengths does not equal the length of the input dataset!"):
        D.random_split(range(10), [3, 3])


def test_samplers():
    assert list(D.SequentialSampler(range(3))) == [0, 1, 2]
    assert list(D.BatchSampler(D.SequentialSampler(range(5)), 2, True)) == [[0, 1], [2, 3]]
    assert len(D.BatchSampler(range(5), 2, False)) == 3
    assert sorted(D.RandomSampler(range(4))) == [0, 1, 2, 3]
    assert len(list(D.RandomSampler(range(4), num_samples=9))) == 9
    drawn = list(D.WeightedRandomSampler([0, 1, 3], 4000))
    assert set(drawn) == {1, 2}
    assert abs(drawn.count(2) / 4000 - 0.75) < 0.04
    assert sorted(D.WeightedRandomSampler([1, 1, 1], 3, replacement=False)) == [0, 1, 2]


@pytest.mark.oracle
def test_loader_errors_are_torchs():
    torch = pytest.importorskip("torch")
    cases = [
        lambda d: d.DataLoader(range(3), num_workers=-1),
        lambda d: d.DataLoader(range(3), timeout=-1),
        lambda d: d.DataLoader(range(3), prefetch_factor=2),
        lambda d: d.DataLoader(range(3), persistent_workers=True),
        lambda d: d.DataLoader(range(3), sampler=range(3), shuffle=True),
        lambda d: d.DataLoader(range(3), batch_sampler=[[0]], shuffle=True),
        lambda d: d.DataLoader(range(3), batch_size=None, drop_last=True),
        lambda d: d.DataLoader(range(3), batch_size=0),
        lambda d: d.RandomSampler(range(3), num_samples=-1),
        lambda d: d.RandomSampler(range(3), replacement=1),
        lambda d: d.WeightedRandomSampler([1], 0),
        lambda d: d.BatchSampler(range(3), 2, 1),
        lambda d: d.ConcatDataset([]),
    ]
    for i, act in enumerate(cases):
        with pytest.raises(Exception) as theirs:
            act(torch.utils.data)
        with pytest.raises(type(theirs.value)) as ours:
            act(D)
        assert str(ours.value)[:20] == str(theirs.value)[:20], i


def test_custom_collate():
    loader = D.DataLoader(Squares(4), batch_size=2, collate_fn=first)
    assert list(loader) == [(0, 0.0), (2, 4.0)]


class Counting(D.IterableDataset):
    """Numbers below n, shared among the workers as PyTorch's documentation does it."""

    def __init__(self, n, fails_at=None):
        self.n, self.fails_at = n, fails_at

    def __iter__(self):
        info = D.get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        for i in range(first, self.n, step):
            if i == self.fails_at:
                raise KeyError(f"sample {i} is broken")
            yield i


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_workers_share_a_stream(workers):
    batches = [b.tolist() for b in D.DataLoader(Counting(10), batch_size=2, num_workers=workers)]
    assert sorted(itertools.chain(*batches)) == list(range(10))
    if workers == 2:
        assert batches == [[0, 2], [1, 3], [4, 6], [5, 7], [8], [9]]  # in turn, each worker its own batches
    assert sorted(D.DataLoader(Counting(5), batch_size=None, num_workers=workers)) == list(range(5))


def test_an_error_in_a_stream_reaches_the_loop():
    with pytest.raises(KeyError, match="sample 3 is broken"):
        list(D.DataLoader(Counting(10, fails_at=3), batch_size=2, num_workers=2))


def test_a_stream_can_be_left_early():
    loader = D.DataLoader(Counting(10**9), batch_size=2, num_workers=2)
    assert next(iter(loader)).tolist() == [0, 2]


def test_drawing_with_replacement_without_end_takes_no_memory():
    sampler = D.RandomSampler(range(10), replacement=True, num_samples=10**10)
    assert len(list(itertools.islice(sampler, 3000))) == 3000 and len(sampler) == 10**10


@pytest.mark.skipif(os.name != "posix", reason="workers are forked where the system can")
@pytest.mark.parametrize("iterable", [False, True])
def test_forked_workers_inherit_lambdas_and_local_classes(iterable):
    class Local(D.IterableDataset if iterable else D.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return i

        def __iter__(self):
            return iter(range(4))

    loader = D.DataLoader(Local(), batch_size=2, num_workers=1, collate_fn=lambda b: [x * 10 for x in b])
    assert list(loader) == [[0, 10], [20, 30]]


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [0, 1, 7, 8])
def test_shares_of_several_processes_cover_the_dataset(n, drop_last):
    samplers = [D.DistributedSampler(range(n), 3, rank, seed=5, drop_last=drop_last) for rank in range(3)]
    shares = [list(s) for s in samplers]
    assert [len(s) for s in shares] == [len(s) for s in samplers]
    assert len({len(s) for s in shares}) == 1
    taken = sorted(i for s in shares for i in s)
    assert len(set(taken)) == (n // 3 * 3 if drop_last else n)
    if n == 8:
        for s in samplers:
            s.set_epoch(1)
        assert [list(s) for s in samplers] != shares


@pytest.mark.oracle
@pytest.mark.parametrize("n", [0, 1, 2, 7, 9])
@pytest.mark.parametrize("drop_last", [False, True])
def test_shares_in_order_are_torchs(n, drop_last):
    torch = pytest.importorskip("torch")
    if n == 0 and not drop_last:
        return
    for rank in range(4):
        ours, theirs = (
            list(m.DistributedSampler(range(n), 4, rank, shuffle=False, drop_last=drop_last))
            for m in (D, torch.utils.data)
        )
        assert ours == theirs


def test_share_of_a_process_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="Invalid rank 2"):
        D.DistributedSampler(range(4), 2, 2)
