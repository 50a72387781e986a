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


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Take `prefix` off the names of a state_dict that begin with it, in place and in their order.

    >>> import chainrule as cr
    >>> state = {"module.weight": 1, "bias": 2}
    >>> consume_prefix_in_state_dict_if_present(state, "module.")
    >>> state
    {'weight': 1, 'bias': 2}
    """
    metadata = getattr(state_dict, "_metadata", None)
    for entries in (state_dict, {} if metadata is None else metadata):
        for key in list(entries):
            entries[key.removeprefix(prefix)] = entries.pop(key)
    if metadata is not None and prefix.rstrip(".") in metadata:  # the outermost module's own
        metadata[""] = metadata.pop(prefix.rstrip("."))


_utils = ModuleType(f"{__name__}.utils", "An int, or one for each dimension.")
for _n, _name in enumerate(("_single", "_pair", "_triple", "_quadruple"), start=1):
    setattr(_utils, _name, _ntuple(_n, _name))

_utils.consume_prefix_in_state_dict_if_present = consume_prefix_in_state_dict_if_present  # type: ignore[attr-defined]

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

utils = _utils  # after the names of nn, one of which it is
