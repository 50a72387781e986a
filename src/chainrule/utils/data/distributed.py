"""DistributedSampler: the share of a dataset that one of several processes takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ...core.errors import ArgumentError
from .sampler import Sampler, permutation


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, starting at `rank`; all shares have one length.

    Shares are filled up with indices from the start, or cut short with drop_last. The order is drawn from `seed` and
    the epoch, so that all processes agree on it: call set_epoch before each epoch.

    Raises:
        ArgumentError: a rank that is not below num_replicas.

    >>> import chainrule as cr
    >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.num_replicas = 1 if num_replicas is None else num_replicas
        self.rank = 0 if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError(
                f"Invalid rank {self.rank}, rank should be in the interval [0, {self.num_replicas - 1}]"
            )
        self.dataset, self.shuffle, self.seed, self.drop_last, self.epoch = dataset, shuffle, seed, drop_last, 0
        n = len(dataset)
        self.num_samples = n // self.num_replicas if drop_last else math.ceil(n / self.num_replicas)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = list(range(n))
        if self.shuffle:
            from ...ops.random import Generator

            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = permutation(n, generator)
        if n:
            order = (order * math.ceil(self.total_size / n))[: self.total_size]
        return iter(order[self.rank :: self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Draw another order for this epoch."""
        self.epoch = epoch


__all__ = ["DistributedSampler"]
