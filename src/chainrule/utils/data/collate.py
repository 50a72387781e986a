"""From samples to a batch: default_collate and default_convert."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.value import Tensor, raw_shape, wrap

__all__ = ["default_collate", "default_convert"]


def default_convert(data: Any) -> Any:
    """NumPy arrays in a sample as tensors; containers are kept, tuples become lists.

    Shapes and dtypes stay.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.utils.data.default_convert({"x": np.zeros(2)})
    {'x': tensor([0., 0.], dtype=torch.float64)}
    """
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return wrap(np.asarray(data)) if data.dtype.kind in "biufc" else data
    if isinstance(data, Mapping):
        return _mapping_like(data, {k: default_convert(v) for k, v in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(v) for v in data))
    if isinstance(data, Sequence):
        return _sequence_like(data, [default_convert(v) for v in data])
    return data


def default_collate(batch: Sequence) -> Any:
    """One batch from a list of samples: arrays are stacked, numbers become tensors, containers are kept.

    Arrays and tensors of one shape get a first dimension; numbers become int64, or float64 as in PyTorch.

    >>> import chainrule as cr
    >>> cr.utils.data.default_collate([(1, 2.0), (3, 4.0)])
    [tensor([1, 3]), tensor([2., 4.], dtype=torch.float64)]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        from ...ops.joining import stack

        if any(raw_shape(x) != raw_shape(first) for x in batch):
            shapes = sorted({raw_shape(x) for x in batch})
            raise ArgumentError(
                f"stack expects each tensor to be equal size, but the samples have shapes {shapes}. Pad them, or give "
                f"DataLoader a collate_fn of your own."
            )
        return stack(list(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, (np.ndarray, np.generic)):
        if first.dtype.kind not in "biufc":
            raise ArgumentTypeError(f"default_collate: batch must contain numbers; found an array of {first.dtype}")
        return wrap(np.stack([np.asarray(x) for x in batch]))
    if isinstance(first, bool):
        return wrap(np.array(batch))
    if isinstance(first, float):
        return wrap(np.array(batch, np.float64))
    if isinstance(first, int):
        return wrap(np.array(batch, np.int64))
    if isinstance(first, Mapping):
        return _mapping_like(first, {k: default_collate([x[k] for x in batch]) for k in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(group) for group in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(x) != len(first) for x in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _sequence_like(first, [default_collate(group) for group in zip(*batch, strict=True)])
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}"
    )


def _kept(make: Callable, otherwise: Any) -> Any:
    """A container of the sample's own class; some cannot be made from their contents."""
    try:
        return make()
    except TypeError:
        return otherwise


def _mapping_like(given: Mapping, found: dict) -> Any:
    if type(given) is dict:
        return found

    def make() -> Any:
        if isinstance(given, MutableMapping):  # its own attributes too, such as default_factory
            new = copy.copy(given)
            new.update(found)
            return new
        return type(given)(found)  # type: ignore[call-arg]

    return _kept(make, found)


def _sequence_like(given: Sequence, found: list) -> Any:
    if type(given) in (list, tuple):
        return found

    def make() -> Any:
        if isinstance(given, MutableSequence):
            new = copy.copy(given)
            for i, x in enumerate(found):
                new[i] = x
            return new
        return found if isinstance(given, (tuple, range)) else type(given)(found)  # type: ignore[call-arg]

    return _kept(make, found)
