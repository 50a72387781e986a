"""The modules under the paths where PyTorch keeps them: torch.nn.modules.conv and its neighbours.

>>> from chainrule.nn.modules.conv import Conv2d
>>> from chainrule.nn.modules.utils import _pair
>>> Conv2d(1, 2, _pair(3)).kernel_size
(3, 3)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import repeat
from types import ModuleType
from typing import Any

from . import (
    activation,
    containers,
    conv,
    dropout,
    embedding,
    lazy,
    linear,
    loss,
    module,
    normalization,
    pooling,
    reshaping,
    rnn,
    transformer,
)


def _ntuple(n: int, name: str) -> Callable[[Any], tuple]:
    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    parse.__doc__ = f"An int as {n} of them, a sequence as a tuple."
    return parse


_utils = ModuleType(f"{__name__}.utils", "An int, or one for each dimension.")
for _n, _name in enumerate(("_single", "_pair", "_triple", "_quadruple"), start=1):
    setattr(_utils, _name, _ntuple(_n, _name))

_PLACES = {
    "activation": activation, "batchnorm": normalization, "container": containers, "conv": conv, "dropout": dropout,
    "flatten": linear, "fold": reshaping, "instancenorm": normalization, "lazy": lazy, "linear": linear, "loss": loss,
    "module": module, "normalization": normalization, "padding": reshaping, "pixelshuffle": reshaping,
    "pooling": pooling, "rnn": rnn, "sparse": embedding, "transformer": transformer, "upsampling": reshaping,
    "utils": _utils,
}  # fmt: skip
for _name, _module in _PLACES.items():
    sys.modules[f"{__name__}.{_name}"] = globals()[_name] = _module

from . import *  # noqa: E402, F403
