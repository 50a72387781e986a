"""Datasets, transforms, collate functions, samplers, workers, splits: the data tutorial and what people add to it."""

import math
import random
from collections import defaultdict

import numpy as np
import pandas as pd
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    get_worker_info,
    random_split,
)

rng = np.random.default_rng(0)


class LandmarksDataset(Dataset):
    def __init__(self, frame, transform=None):
        self.frame, self.transform = frame, transform

    def __len__(self):
        return len(self.frame)

    def __getitem__(self, idx):
        if torch.is_tensor(idx):
            idx = idx.tolist()
        image = np.full((6, 5, 3), idx, dtype=np.uint8)
        landmarks = np.array(self.frame.iloc[idx, 1:], dtype=float).reshape(-1, 2)
        sample = {"image": image, "landmarks": landmarks, "name": self.frame.iloc[idx, 0]}
        return self.transform(sample) if self.transform else sample


class Crop:
    def __init__(self, size):
        self.size = size

    def __call__(self, sample):
        h, w = self.size
        return {**sample, "image": sample["image"][:h, :w], "landmarks": sample["landmarks"] - [1, 2]}


class ToTensor:
    def __call__(self, sample):
        image = sample["image"].transpose((2, 0, 1))
        return {
            **sample,
            "image": torch.from_numpy(image).float().div(255),
            "landmarks": torch.from_numpy(sample["landmarks"]),
        }


class Compose:
    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, x):
        for t in self.transforms:
            x = t(x)
        return x


frame = pd.DataFrame({"file": [f"{i}.jpg" for i in range(7)], "x0": np.arange(7), "y0": 1, "x1": 2.5, "y1": 3})
dataset = LandmarksDataset(frame, Compose([Crop((4, 4)), ToTensor()]))
print(len(dataset), dataset[3]["image"].size(), dataset[3]["landmarks"])
for i_batch, batch in enumerate(DataLoader(dataset, batch_size=4, shuffle=False, num_workers=0)):
    print(i_batch, batch["image"].size(), batch["landmarks"].dtype, batch["name"], batch["landmarks"][:, 0, 0])


class Text(Dataset):
    def __init__(self):
        self.items = [torch.arange(1, n + 1) for n in (3, 5, 2, 4, 1)]

    def __getitem__(self, i):
        return self.items[i], i % 2

    def __len__(self):
        return len(self.items)


def collate(batch):
    batch.sort(key=lambda b: len(b[0]), reverse=True)
    sequences, labels = zip(*batch)
    lengths = torch.tensor([len(s) for s in sequences])
    return pad_sequence(sequences, batch_first=True, padding_value=0), lengths, torch.tensor(labels)


for padded, lengths, labels in DataLoader(Text(), batch_size=3, collate_fn=collate):
    packed = pack_padded_sequence(padded.float().unsqueeze(-1), lengths, batch_first=True)
    back, back_lengths = pad_packed_sequence(packed, batch_first=True)
    print(padded, lengths, labels, packed.batch_sizes, torch.equal(back.squeeze(-1), padded.float()), back_lengths)


class Counting(IterableDataset):
    def __init__(self, start, end):
        self.start, self.end = start, end

    def __iter__(self):
        info = get_worker_info()
        if info is None:
            return iter(range(self.start, self.end))
        per = int(math.ceil((self.end - self.start) / info.num_workers))
        first = self.start + info.id * per
        return iter(range(first, min(first + per, self.end)))


print(list(DataLoader(Counting(3, 8), batch_size=2)), list(DataLoader(ChainDataset([Counting(0, 2), Counting(5, 7)]))))

ds = TensorDataset(torch.arange(10), torch.arange(10).float() / 10)
print(ds[2], ds[[1, 3]], len(ds), DataLoader(ds, batch_size=3, drop_last=True).__len__())
both = ConcatDataset([Subset(ds, [0, 2, 4]), Subset(ds, range(5, 8))])
print([int(a) for a, _ in both], both[-1], both.cumulative_sizes)
train, valid = random_split(ds, [0.7, 0.3], generator=torch.Generator().manual_seed(42))
print(len(train), len(valid), sorted(train.indices + valid.indices) == list(range(10)))
g = torch.Generator()
g.manual_seed(0)
first = [b[0].tolist() for b in DataLoader(ds, batch_size=4, shuffle=True, generator=g)]
g.manual_seed(0)
again = [b[0].tolist() for b in DataLoader(ds, batch_size=4, shuffle=True, generator=g)]
print(first == again, sorted(sum(first, [])))
print(sorted(SubsetRandomSampler([3, 1, 7])), len(RandomSampler(ds, replacement=True, num_samples=25)))
print(list(BatchSampler(SequentialSampler(range(7)), 3, drop_last=False)))
counts = np.bincount(list(WeightedRandomSampler([0.0, 1.0, 0.0, 3.0], 400, replacement=True)), minlength=4)
print(counts[0], counts[2], counts.sum(), counts[3] > counts[1])


class BucketSampler(Sampler):
    def __init__(self, lengths, batch_size):
        self.buckets = defaultdict(list)
        for i, n in enumerate(lengths):
            self.buckets[n // 3].append(i)
        self.batch_size = batch_size

    def __iter__(self):
        for _, ids in sorted(self.buckets.items()):
            for k in range(0, len(ids), self.batch_size):
                yield ids[k : k + self.batch_size]

    def __len__(self):
        return sum(math.ceil(len(b) / self.batch_size) for b in self.buckets.values())


sampler = BucketSampler([len(t) for t, _ in Text()], 2)
print([x[1] for x in DataLoader(Text(), batch_sampler=sampler, collate_fn=lambda b: list(zip(*b)))], len(sampler))
print(default_collate([{"a": 1, "b": (2.5, "s")}, {"a": 3, "b": (4.5, "t")}]))
print(
    default_collate([np.float32(1.5), np.float32(2)]), default_collate([[1, 2], [3, 4]]), default_collate([True, False])
)
loader = DataLoader(ds, batch_size=None, sampler=[4, 2])
print(list(loader), next(iter(DataLoader(ds, batch_size=2)))[1])


def seed_worker(worker_id):
    worker_seed = torch.initial_seed() % 2**32
    np.random.seed(worker_seed)
    random.seed(worker_seed)


parallel = DataLoader(
    ds, batch_size=4, num_workers=2, worker_init_fn=seed_worker, pin_memory=False, persistent_workers=True
)
for _ in range(2):
    print([b[0].tolist() for b in parallel])
mean, std, n = 0.0, 0.0, 0
for (batch,) in DataLoader(TensorDataset(torch.from_numpy(rng.normal(2, 3, (64, 2, 5)))), batch_size=16):
    batch = batch.view(batch.size(0), batch.size(1), -1)
    mean += batch.mean(2).sum(0)
    std += batch.std(2).sum(0)
    n += batch.size(0)
print(mean / n, std / n)
