"""Repeated runs: what a loop or a stack of equal modules recorded is folded to its first and last round and a count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .modules import Group

ROUNDS = 4  # rounds of a run from which on it is folded
PERIODS = 48  # lengths of a round that are tried at most
LONGEST = 2000  # items of one round at most


@dataclass(eq=False)
class Run:
    """`rounds` equal rounds in a row: the items of the `first` and `last` one, and those `between`."""

    first: list
    between: list
    last: list
    rounds: int


def flat(items: list) -> Iterator[Any]:
    """All nodes of groups and runs, in order."""
    stack = [iter(items)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, Group):
                stack.append(iter(item.items))
            elif isinstance(item, Run):
                stack.append(iter([*item.first, *item.between, *item.last]))
            else:
                yield item
                continue
            break
        else:
            stack.pop()


def folded(group: Group) -> Group:
    """A copy of the group in which runs are folded, at every depth."""
    inner = [folded(i) if isinstance(i, Group) else i for i in group.items]
    made = Group(group.module, group.name, group.kind, inner, group.depth, group.start, group.end)
    while True:
        items = _fold(made.items)
        if len(items) == len(made.items):
            return made
        made.items = items


def _signature(item: Any) -> Any:
    """Equal for items that did the same thing on the same line."""
    if isinstance(item, Group):
        return (item.kind, *(_signature(i) for i in item.items))
    if isinstance(item, Run):
        return ("run", *(_signature(i) for i in item.first))
    return (item.prim.name, item.code, item.lasti)


def _fold(items: list) -> list:
    numbers: dict[Any, int] = {}
    s = np.array([numbers.setdefault(_signature(i), len(numbers)) for i in items], dtype=np.int64)
    n = len(s)
    following = np.full(n, n)
    last: dict[int, int] = {}
    for i in range(n - 1, -1, -1):
        following[i] = last.get(int(s[i]), n)
        last[int(s[i])] = i
    same: dict[int, np.ndarray] = {}
    out, i = [], 0
    while i < n:
        found = 0
        j, tries = i, 0
        while tries < 8 and (j := int(following[j])) < n and j - i <= LONGEST:
            tries += 1
            p = j - i
            if p not in same and len(same) < PERIODS:
                same[p] = _equal_for(s, p)
            if p in same and same[p][i] >= (ROUNDS - 1) * p:
                found = p
                break
        if not found:
            out.append(items[i])
            i += 1
            continue
        rounds = int(same[found][i]) // found + 1
        end = i + rounds * found
        out.append(Run(items[i : i + found], items[i + found : end - found], items[end - found : end], rounds))
        i = end
    return out


def _equal_for(s: np.ndarray, p: int) -> np.ndarray:
    """For each i, how long s[i:] and s[i + p:] agree."""
    n = len(s)
    differs = np.full(n, n - p)
    places = np.arange(n - p)
    differs[: n - p] = np.where(s[:-p] != s[p:], places, n - p)
    return np.minimum.accumulate(differs[::-1])[::-1] - np.arange(n)
