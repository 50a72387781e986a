"""A layered layout of boxes of different sizes: ranks, way points of long edges, few crossings, edges that bend little.

After K. Sugiyama, S. Tagawa and M. Toda (1981), Methods for visual understanding of hierarchical system structures; the
places within a rank by pooling adjacent violators, as in isotonic regression. Coordinates are (along, across): the
graph flows along; across is the other direction.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

SPACE = 16.0  # between boxes of one rank
LANE = 10.0  # between edges that pass a rank
GAP = 34.0  # between ranks
POINTS = 30_000  # way points of long edges at most; beyond, long edges run straight


@dataclass(eq=False)
class Piece:
    """Something to be placed. `place`: "" anywhere, "first" before all others, "last" after them.

    Found by `layered`: `rank`, `start` (along) and `centre` (across).
    """

    length: float
    breadth: float
    place: str = ""
    rank: int = 0
    start: float = 0.0
    centre: float = 0.0


@dataclass(eq=False)
class Link:
    """An edge between pieces number `a` and `b`, at these distances from their centres; `route`: its points, found."""

    a: int
    b: int
    at_a: float = 0.0
    at_b: float = 0.0
    route: list[tuple[float, float]] = field(default_factory=list)


def layered(pieces: list[Piece], links: list[Link], sweeps: int = 12) -> tuple[float, float]:
    """Place the pieces and route the links; returns (length, breadth) of the whole.

    The links make no cycles. A route goes straight through each
    rank that it passes, in a lane of its own, and bends only between ranks.

    >>> pieces = [Piece(10, 10), Piece(10, 10), Piece(10, 10)]
    >>> links = [Link(0, 1), Link(1, 2), Link(0, 2)]
    >>> layered(pieces, links)[0] > 98, [p.rank for p in pieces]
    (True, [0, 1, 2])
    """
    _rank(pieces, links)
    work = _Rows(pieces, links)
    work.order(sweeps)
    work.settle(sweeps)
    return work.finish()


def _rank(pieces: list[Piece], links: list[Link]) -> None:
    """The longest path to each piece; inputs, and what hangs on few of them, stand just before their first use."""
    low = 1 if any(p.place == "first" for p in pieces) else 0
    for p in pieces:
        p.rank = 0 if p.place == "first" else low
    ways: list[list[int]] = [[] for _ in pieces]
    waiting = [0] * len(pieces)
    for link in links:
        ways[link.a].append(link.b)
        waiting[link.b] += 1
    ready = [i for i, count in enumerate(waiting) if not count]
    for i in ready:  # grows while it is gone through
        for j in ways[i]:
            pieces[j].rank = max(pieces[j].rank, pieces[i].rank + 1)
            waiting[j] -= 1
            if not waiting[j]:
                ready.append(j)
    sources: list[list[int]] = [[] for _ in pieces]
    for link in links:
        sources[link.b].append(link.a)
    for i in reversed(ready):  # later, where that makes no more edges longer than shorter
        held = sum(len(ways[j]) > 1 or bool(sources[j]) or bool(pieces[j].place) for j in sources[i])
        if held <= len(ways[i]) and pieces[i].place != "first":
            uses = [pieces[j].rank for j in ways[i] if pieces[j].place != "last"]
            pieces[i].rank = max(pieces[i].rank, min(uses, default=0) - 1)
    last = max((p.rank for p in pieces if p.place != "last"), default=0) + 1
    for p in pieces:
        if p.place == "last":
            p.rank = last


class _Rows:
    """Pieces and way points, rank by rank. A way point is shared by all long edges from one place of one piece."""

    def __init__(self, pieces: list[Piece], links: list[Link]) -> None:
        self.pieces, self.links = pieces, links
        n = len(pieces)
        self.rank = [p.rank for p in pieces]
        self.size = [p.breadth for p in pieces]
        self.at = [0.0] * n  # centres
        self.before: list[list[tuple[int, float, float]]] = [[] for _ in range(n)]  # (other, its offset, own offset)
        self.after: list[list[tuple[int, float, float]]] = [[] for _ in range(n)]
        self.ways: list[list[int]] = []  # way points of each link
        long = sum(max(0, pieces[e.b].rank - pieces[e.a].rank - 1) for e in links)
        lanes: dict[tuple[int, float, int], int] = {}
        for link in links:
            way: list[int] = []
            last, offset = link.a, link.at_a
            for r in range(self.rank[link.a] + 1, self.rank[link.b]) if long <= POINTS else ():
                key = (link.a, link.at_a, r)
                point = lanes.get(key)
                if point is None:
                    point = lanes[key] = len(self.rank)
                    self.rank.append(r)
                    self.size.append(0.0)
                    self.at.append(0.0)
                    self.before.append([])
                    self.after.append([])
                    self.join(last, point, offset, 0.0)
                way.append(point)
                last, offset = point, 0.0
            if long <= POINTS or self.rank[link.b] - self.rank[last] == 1:
                self.join(last, link.b, offset, link.at_b)
            self.ways.append(way)
        self.rows: list[list[int]] = [[] for _ in range(max(self.rank, default=-1) + 1)]
        for i, r in enumerate(self.rank):
            self.rows[r].append(i)

    def join(self, a: int, b: int, at_a: float, at_b: float) -> None:
        self.after[a].append((b, at_b, at_a))
        self.before[b].append((a, at_a, at_b))

    # ---- order within ranks ------------------------------------------------------------------------------------------

    def order(self, sweeps: int) -> None:
        """Barycentre sweeps to and fro, then exchanges of neighbours; the order with the fewest crossings is kept."""
        self.spread()
        best, kept = self.crossings(), [list(r) for r in self.rows]
        for sweep in range(sweeps):
            if not best:
                break
            near = self.before if sweep % 2 == 0 else self.after
            for row in self.rows if sweep % 2 == 0 else reversed(self.rows):
                want = {i: self.mean(near[i]) for i in row}
                row.sort(key=lambda i: self.at[i] if want[i] is None else want[i])
                self.spread_row(row)
            found = self.crossings()
            if found < best:
                best, kept = found, [list(r) for r in self.rows]
        self.rows = kept
        self.spread()
        if best and len(self.rank) <= 2000:
            for _ in range(4):
                if not self.exchange():
                    break

    def exchange(self) -> bool:
        """Exchange neighbours where that removes crossings; was there any?"""
        place = {i: k for row in self.rows for k, i in enumerate(row)}
        changed = False
        for row in self.rows:
            for k in range(len(row) - 1):
                i, j = row[k], row[k + 1]
                now = then = 0
                for near in (self.before, self.after):
                    first = [place[o] + f * 1e-6 for o, f, _ in near[i]]
                    second = [place[o] + f * 1e-6 for o, f, _ in near[j]]
                    now += sum(a > b for a in first for b in second)
                    then += sum(b > a for a in first for b in second)
                if then < now:
                    row[k], row[k + 1] = j, i
                    place[i], place[j] = k + 1, k
                    changed = True
        self.spread()
        return changed

    def spread(self) -> None:
        for row in self.rows:
            self.spread_row(row)

    def spread_row(self, row: list[int]) -> None:
        """Centres of a row that is packed closely, around 0."""
        x = 0.0
        for k, i in enumerate(row):
            x += self.apart(row[k - 1], i) if k else 0.0
            self.at[i] = x
        for i in row:
            self.at[i] -= x / 2

    def apart(self, i: int, j: int) -> float:
        """Least distance of the centres of two neighbours."""
        space = LANE if i >= len(self.pieces) and j >= len(self.pieces) else SPACE
        return (self.size[i] + self.size[j]) / 2 + space

    def mean(self, near: list[tuple[int, float, float]]) -> float | None:
        return sum(self.at[o] + f - own for o, f, own in near) / len(near) if near else None

    def crossings(self) -> int:
        """Pairs of edges between neighbouring ranks that cross, by counting inversions."""
        total = 0
        for row in self.rows:
            ends = sorted((self.at[i] + own, self.at[o] + f) for i in row for o, f, own in self.after[i])
            seen: list[float] = []
            for _, end in ends:
                total += len(seen) - bisect_left(seen, end + 1e-9)
                insort(seen, end)
        return total

    # ---- places within ranks -----------------------------------------------------------------------------------------

    def settle(self, sweeps: int) -> None:
        """Move everything to where its neighbours would have it, in its order and without overlap."""
        for sweep in range(sweeps):
            last = sweep >= sweeps - 2
            for row in self.rows if sweep % 2 == 0 else reversed(self.rows):
                self.settle_row(row, [self.wish(i, sweep % 2 == 0, last) for i in row])

    def wish(self, i: int, down: bool, both: bool) -> tuple[float, float]:
        """(centre wanted, weight): long edges want to be straight most of all."""
        near = self.before[i] + self.after[i] if both else self.before[i] if down else self.after[i]
        if not near:
            return self.at[i], 0.1
        n, total, weight = len(self.pieces), 0.0, 0.0
        for o, f, own in near:
            w = 8.0 if i >= n and o >= n else 2.0 if i >= n or o >= n else 1.0
            total += w * (self.at[o] + f - own)
            weight += w
        return total / weight, weight

    def settle_row(self, row: list[int], wishes: list[tuple[float, float]]) -> None:
        """Weighted least squares under the order: neighbours that would overlap are pooled."""
        offsets, x = [], 0.0
        for k, i in enumerate(row):
            x += self.apart(row[k - 1], i) if k else 0.0
            offsets.append(x)
        pools: list[list[float]] = []  # [weighted sum of wishes less offsets, weight, count]
        for offset, (want, weight) in zip(offsets, wishes, strict=True):
            pools.append([weight * (want - offset), weight, 1.0])
            while len(pools) > 1 and pools[-2][0] * pools[-1][1] > pools[-1][0] * pools[-2][1]:
                total, weight_, count = pools.pop()
                pools[-1][0] += total
                pools[-1][1] += weight_
                pools[-1][2] += count
        k = 0
        for total, weight, count in pools:
            for _ in range(int(count)):
                self.at[row[k]] = total / weight + offsets[k]
                k += 1

    # ---- the result --------------------------------------------------------------------------------------------------

    def finish(self) -> tuple[float, float]:
        """Write places and routes into pieces and links; (length, breadth) of all."""
        low = min((c - s / 2 for c, s in zip(self.at, self.size, strict=True)), default=0.0)
        self.at = [c - low for c in self.at]
        starts, ends, x = [], [], 0.0
        for r, row in enumerate(self.rows):
            starts.append(x)
            ends.append(x + max((self.pieces[i].length for i in row if i < len(self.pieces)), default=0.0))
            x = ends[-1] + (self.gap(r) if r + 1 < len(self.rows) else 0.0)
        for i, p in enumerate(self.pieces):
            p.start, p.centre = starts[p.rank], self.at[i]
        for link, way in zip(self.links, self.ways, strict=True):
            a, b = self.pieces[link.a], self.pieces[link.b]
            y = a.centre + link.at_a
            link.route = [(a.start + a.length, y), (ends[a.rank], y)]
            for point in way:
                link.route += [(starts[self.rank[point]], self.at[point]), (ends[self.rank[point]], self.at[point])]
            link.route.append((b.start, b.centre + link.at_b))
        return x, max((c + s / 2 for c, s in zip(self.at, self.size, strict=True)), default=0.0)

    def gap(self, r: int) -> float:
        """Room for the edges after rank r: more where they climb far."""
        climb = [abs(self.at[o] + f - self.at[i] - own) for i in self.rows[r] for o, f, own in self.after[i]]
        ports = any(self.pieces[i].place for q in (r, r + 1) for i in self.rows[q] if i < len(self.pieces))
        return GAP * (0.6 if ports else 1.0) + min(60.0, max(climb, default=0.0) / 6)
