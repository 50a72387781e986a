"""A layered layout: a layer for each depth, crossings reduced by medians, places evened out.

After Sugiyama, Tagawa and Toda (1981), Methods for visual understanding of hierarchical system structures.
"""

from __future__ import annotations

WAYPOINTS = 20_000  # bends of long edges that are laid out at most; beyond, long edges run straight


def layered(edges: list[list[int]], sweeps: int = 8) -> tuple[list[int], list[float], dict[tuple[int, int], list]]:
    """(layer, place in the layer, bends) of the boxes, where `edges[i]` are the boxes that box i is made from.

    Boxes come in an order in which each stands after what it is made from. Bends are [(layer, place), ...] of edges
    (from, to) over more than one layer.

    >>> layered([[], [], [0, 1], [2, 0]])[0]
    [0, 0, 1, 2]
    """
    n = len(edges)
    layer = [0] * n
    for i, sources in enumerate(edges):
        layer[i] = max((layer[s] + 1 for s in sources), default=0)
    first_use = [n] * n
    for i, sources in enumerate(edges):
        for s in sources:
            first_use[s] = min(first_use[s], layer[i])
    for i, sources in enumerate(edges):  # a leaf stands beside what uses it first
        if not sources and first_use[i] < n:
            layer[i] = first_use[i] - 1
    pairs = sorted({(s, i) for i, sources in enumerate(edges) for s in sources})
    long = sum(layer[b] - layer[a] - 1 for a, b in pairs)
    rows: list[list[int]] = [[] for _ in range(max(layer, default=0) + 1)]
    for i in range(n):
        rows[layer[i]].append(i)
    before: list[list[int]] = [[] for _ in range(n)]
    after: list[list[int]] = [[] for _ in range(n)]
    chains: dict[tuple[int, int], list[int]] = {}
    levels = list(layer)
    for a, b in pairs:
        last = a
        if long <= WAYPOINTS:
            for level in range(layer[a] + 1, layer[b]):
                point = len(levels)
                levels.append(level)
                before.append([last])
                after.append([])
                after[last].append(point)
                rows[level].append(point)
                chains.setdefault((a, b), []).append(point)
                last = point
        if levels[b] - levels[last] == 1 or long > WAYPOINTS:
            before[b].append(last)
            after[last].append(b)
    place = [0.0] * len(levels)
    for row in rows:
        for k, i in enumerate(row):
            place[i] = float(k)
    for sweep in range(sweeps):
        down = sweep % 2 == 0
        near = before if down else after
        for row in rows if down else reversed(rows):
            want = {i: _mean(near[i], place) for i in row}
            row.sort(key=lambda i: place[i] if want[i] is None else want[i])
            for k, i in enumerate(row):
                place[i] = float(k)
    for sweep in range(sweeps):
        near = (before, after)[sweep % 2]
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row, [_mean(near[i], place) for i in row], place)
    low = min(place, default=0.0)
    place = [round(p - low, 3) for p in place]
    bends = {pair: [(levels[p], place[p]) for p in chain] for pair, chain in chains.items()}
    return layer, place[:n], bends


def _mean(near: list[int], place: list[float]) -> float | None:
    return sum(place[j] for j in near) / len(near) if near else None


def _settle(row: list[int], want: list[float | None], place: list[float]) -> None:
    """Move the boxes of a row to where they want to be, in their order and one apart: least squares, by pooling."""
    blocks: list[list[float]] = []  # [sum of wishes less offsets, count]
    for k, i in enumerate(row):
        wish = want[k]
        blocks.append([(place[i] if wish is None else wish) - k, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    k = 0
    for total, count in blocks:
        for _ in range(int(count)):
            place[row[k]] = total / count + k
            k += 1
