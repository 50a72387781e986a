"""Where values left the graph, for why_none: by detach(), no_grad(), an integer result, item(), tensor() ...

Each is logged as how, creation numbers (of the node whose result it was, with some before it, and of the leaving
itself), and the user's line. The log refers to no tensor and no node, and holds the newest LENGTH.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from types import CodeType
from typing import Any, NamedTuple

from .provenance import here
from .state import next_seq
from .tape import Select

LENGTH = 4096
BACK = 6  # nodes whose numbers are logged: that whose result left, and some that it was made from


class Exit(NamedTuple):
    """`how`: "detach", "no_grad", or the operation or method; `nodes`: creation numbers of what was left."""

    how: str
    nodes: tuple[int, ...]
    seq: int
    code: CodeType | None
    lasti: int


_log: deque[tuple] = deque(maxlen=LENGTH)  # of the fields of Exits


def exits() -> list[Exit]:
    """The logged places, the newest last."""
    return [Exit(*fields) for fields in list(_log)]


def left(how: str, nodes: Iterable[Any], depth: int = 3) -> tuple[CodeType, int]:
    """Log that the results of these nodes leave the graph now, unless all are None; returns the user's position.

    The user's line is `depth` frames up, or the next above that is not ours.
    """
    place = here(depth)
    back = []
    for n in nodes:
        if n is not None:
            back.append(n.node if type(n) is Select else n)
    if back:
        for n in back:  # grows while it is gone through
            if len(back) >= BACK:
                break
            for e in n.edges[:BACK]:
                if e is not None:
                    back.append(e.node if type(e) is Select else e)
        _log.append((how, tuple([n.seq for n in back]), next_seq(), place[0], place[1]))
    return place
