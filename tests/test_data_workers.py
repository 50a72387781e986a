"""Loaders with worker processes, and what they do at their edges."""

import collections
import random

import numpy as np
import pytest

import chainrule as cr
from chainrule.utils import data as D  # noqa: N812


class Noise(D.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return cr.rand(()).item(), random.random(), np.random.rand()


def seeded(worker):
    cr.manual_seed(7 + worker)
    random.seed(7 + worker)
    np.random.seed(7 + worker)


def test_every_generator_of_random_numbers_is_seeded_in_workers():
    def run(workers):
        cr.manual_seed(3)
        return [[x.tolist() for x in batch] for batch in D.DataLoader(Noise(), batch_size=2, num_workers=workers)]

    assert run(2) == run(2) == run(3)


def test_seeds_set_by_the_workers_own_function_last():
    loader = D.DataLoader(Noise(), batch_size=2, num_workers=2, worker_init_fn=seeded)
    found = [[x.tolist() for x in batch] for batch in loader]
    expected = {}
    for worker in range(2):
        seeded(worker)
        for number in range(worker, 3, 2):
            samples = [Noise()[0] for _ in range(2)]
            expected[number] = [list(column) for column in zip(*samples, strict=True)]
    for number, batch in enumerate(found):
        np.testing.assert_allclose(batch, expected[number], rtol=1e-6)


class Brittle(D.Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, i):
        if i in (2, 3):
            raise NotImplementedError(f"no sample {i}")
        return i


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loop_can_go_on_after_a_batch_that_fails(workers):
    batches, seen, failed = iter(D.DataLoader(Brittle(), batch_size=2, num_workers=workers)), [], 0
    while True:
        try:
            seen.append(next(batches).tolist())
        except NotImplementedError as error:
            assert "no sample 2" in str(error)
            failed += 1
        except StopIteration:
            break
    assert seen == [[0, 1], [4, 5], [6]] and failed == 1


def test_an_error_of_a_worker_tells_where():
    with pytest.raises(NotImplementedError) as caught:
        list(D.DataLoader(Brittle(), batch_size=2, num_workers=1))
    assert "in DataLoader worker 0" in caught.value.__notes__[0] and "__getitem__" in caught.value.__notes__[0]


class Unsendable(D.Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, i):
        return lambda: i


def test_a_sample_that_cannot_be_sent_is_an_error():
    loader = D.DataLoader(Unsendable(), num_workers=1, collate_fn=lambda batch: batch)
    with pytest.raises(Exception, match="pickle"):
        _ = [x for x in loader]


class Counted(D.Dataset):
    def __init__(self):
        self.calls = 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        self.calls += 1
        return self.calls


def test_persistent_workers_keep_what_they_know():
    loader = D.DataLoader(Counted(), batch_size=None, num_workers=2, persistent_workers=True)
    assert [list(loader) for _ in range(2)] == [[1, 1, 2, 2], [3, 3, 4, 4]]
    fresh = D.DataLoader(Counted(), batch_size=None, num_workers=2)
    assert [list(fresh) for _ in range(2)] == [[1, 1, 2, 2]] * 2
    next(iter(loader))  # left early: the next pass is whole all the same
    assert len(list(loader)) == 4


class Long(D.IterableDataset):
    def __iter__(self):
        return iter(range(10))

    def __len__(self):
        return 4


@pytest.mark.parametrize("workers", [0, 1])
def test_a_stream_longer_than_it_says(workers):
    loader = D.DataLoader(Long(), num_workers=workers)
    assert [x.item() for x in loader] == list(range(10))  # nobody asked for its length
    assert len(loader) == 4
    with pytest.warns(UserWarning, match="samples have been fetched"):
        _ = [x for x in loader]


def test_what_a_loader_was_made_of_stays():
    loader = D.DataLoader([1, 2])
    for name in ("batch_size", "sampler", "batch_sampler", "drop_last", "dataset"):
        with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
            setattr(loader, name, None)
    loader.num_workers = 0
    assert D.DataLoader[int] and len(iter(loader)) == 2


def test_containers_of_their_own_class_stay_so():
    class Row(collections.UserList):
        pass

    ordered = collections.OrderedDict(b=np.zeros(2), a=1)
    assert type(D.default_convert(ordered)) is collections.OrderedDict
    assert type(D.default_collate([ordered, ordered])) is collections.OrderedDict
    assert type(D.default_collate([Row([1, 2]), Row([3, 4])])) is Row
    assert D.default_convert(range(2)) == [0, 1]
    found = D.default_collate([collections.defaultdict(int, a=1)])
    assert found["missing"] == 0
    with pytest.raises(TypeError, match="batch must contain numbers"):
        D.default_collate([np.array(["a"]), np.array(["b"])])


def test_the_path_of_collate():
    from chainrule.utils.data._utils.collate import default_collate

    assert default_collate is D.default_collate


class Many(D.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return i

    def __getitems__(self, indices):
        return [10 * i for i in indices if i != 3]


def test_stacked_datasets_take_many_samples_at_once():
    assert D.StackDataset(Many(), "abcd").__getitems__([0, 2]) == [(0, "a"), (20, "c")]
    assert D.StackDataset(x=Many(), y="abcd").__getitems__([1]) == [{"x": 10, "y": "b"}]
    with pytest.raises(ValueError, match="size mismatch. Expected 2, got 1"):
        D.StackDataset(Many()).__getitems__([0, 3])
    with pytest.raises(ValueError, match="At least one dataset"):
        D.StackDataset()
    with pytest.raises(ValueError, match="Supported either"):
        D.StackDataset([1], x=[2])


def test_chains_are_of_streams():
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(D.ChainDataset([Long(), Many()]))


class Rows(D.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, indices):
        assert isinstance(indices, list)
        return cr.tensor(indices)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sampler_of_lists_without_batching_asks_for_whole_lists(workers):
    sampler = D.BatchSampler(D.SequentialSampler(Rows()), 2, False)
    loader = D.DataLoader(Rows(), batch_size=None, sampler=sampler, num_workers=workers)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4]]


def test_words_of_numpy_stay_words():
    assert D.default_collate(list(np.array(["a", "b"]))) == ["a", "b"]


@pytest.mark.parametrize("data", [list(range(8)), Long()])
def test_a_pass_ended_early_ends_its_workers(data):
    batches = iter(D.DataLoader(data, num_workers=2))
    assert next(batches).tolist() == [0]
    processes = list(batches._team.processes)
    batches.close()
    assert not any(process.is_alive() for process in processes)
    assert list(batches) == []
