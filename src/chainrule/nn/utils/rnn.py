"""Sequences of different lengths: padded, and packed without the padding."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np

from ...core.errors import ArgumentError
from ...core.value import Tensor, raw_shape, wrap

_Packed = namedtuple("_Packed", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])


class PackedSequence(_Packed):
    """Time steps of several sequences one after another, longest sequence first; `batch_sizes[t]` alive at time t.

    data (steps of all sequences, features), batch_sizes 1-D int64.

    >>> import chainrule as cr
    >>> packed = cr.nn.utils.rnn.pack_sequence([cr.tensor([1, 2]), cr.tensor([3])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 3, 2]), tensor([2, 1]))
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> PackedSequence:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with converted data; the sequence itself where nothing changes."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else type(self)(data, *self[1:])

    def cpu(self) -> PackedSequence:
        """to("cpu")."""
        return self.to("cpu")

    def cuda(self, device: Any = "cuda") -> PackedSequence:
        """to("cuda")."""
        return self.to(device)

    @property
    def is_cuda(self) -> bool:
        """Does the data live on a GPU?"""
        return self.data.is_cuda

    def pin_memory(self) -> PackedSequence:
        """The sequence itself: main memory is all there is."""
        return self

    def is_pinned(self) -> bool:
        """Is the data in pinned memory?"""
        return self.data.is_pinned()


def _cast(name: str) -> Any:
    def cast(self: PackedSequence) -> PackedSequence:
        return self.to(getattr(self.data, name)().dtype)

    cast.__name__ = name
    cast.__doc__ = f"The same with data of another dtype, as Tensor.{name}()."
    return cast


for _name in ("double", "float", "half", "bfloat16", "long", "int", "short", "char", "byte", "bool"):
    setattr(PackedSequence, _name, _cast(_name))


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes another (None stays None).

    1-D, int64.

    >>> import chainrule as cr
    >>> cr.nn.utils.rnn.invert_permutation(cr.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    return wrap(np.argsort(np.asarray(permutation._data), kind="stable"))


def _lengths(lengths: Any) -> np.ndarray:
    return np.asarray(lengths._data if isinstance(lengths, Tensor) else lengths, dtype=np.int64)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack (time, batch, ...) with lengths; with enforce_sorted=False sequences may come in any order.

    Input (T, N, ...), or (N, T, ...) with batch_first=True; lengths (N).

    >>> import chainrule as cr
    >>> x = cr.tensor([[1, 2], [3, 0]])
    >>> cr.nn.utils.rnn.pack_padded_sequence(x, [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    from ...ops.joining import cat

    if 0 in raw_shape(input):
        raise ArgumentError("Cannot pack empty tensors.")
    sizes = _lengths(lengths)
    order = None
    if enforce_sorted:
        if np.any(np.diff(sizes) > 0):
            raise ArgumentError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                "`enforce_sorted=False` to pack_padded_sequence to sidestep this requirement"
            )
    else:
        positions = np.argsort(-sizes, kind="stable")
        sizes = sizes[positions]
        order = wrap(positions)
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    if np.any(sizes <= 0):
        raise ArgumentError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if len(sizes) != raw_shape(input)[1]:
        raise ArgumentError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} "
            f"(batch_size={raw_shape(input)[1]})"
        )
    if sizes[0] > raw_shape(input)[0]:
        raise ArgumentError(f"Expected sequence length to be at most {raw_shape(input)[0]}, got {sizes[0]}")
    alive = np.array([(sizes > t).sum() for t in range(int(sizes[0]))], np.int64)
    data = cat([input[t, : int(n)] for t, n in enumerate(alive)], 0)
    return PackedSequence(data, wrap(alive), order, None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Any, Any]:
    """(padded tensor, lengths) of a packed sequence.

    Padded (T, N, ...), or (N, T, ...) with batch_first=True, and lengths (N).

    >>> import chainrule as cr
    >>> packed = cr.nn.utils.rnn.pack_sequence([cr.tensor([1, 2]), cr.tensor([3])])
    >>> cr.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    from ...ops.joining import cat, stack
    from ..factory import full

    alive = _lengths(sequence.batch_sizes)
    batch, steps = int(alive[0]), len(alive)
    longest = steps
    if total_length is not None:
        if total_length < steps:
            raise ArgumentError(
                f"Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
        longest = total_length
    data, rows, start = sequence.data, [], 0
    rest = raw_shape(data)[1:]
    for n in alive:
        row = data[start : start + int(n)]
        if n < batch:
            row = cat([row, full(padding_value, batch - int(n), *rest, dtype=data.dtype)], 0)
        rows.append(row)
        start += int(n)
    rows += [full(padding_value, batch, *rest, dtype=data.dtype)] * (longest - steps)
    padded = stack(rows)
    lengths = wrap(np.array([(alive > i).sum() for i in range(batch)], np.int64))
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        lengths = lengths.index_select(0, sequence.unsorted_indices)  # type: ignore[attr-defined]
    return (padded.transpose(0, 1) if batch_first else padded), lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Any:
    """Stack tensors (length, ...) of different lengths, padded to the longest.

    Tensors (length, ...) of one dtype; (T, N, ...), or (N, T, ...) with batch_first=True.

    >>> import chainrule as cr
    >>> cr.nn.utils.rnn.pad_sequence([cr.tensor([1, 2]), cr.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    from ...ops.joining import cat, stack
    from ..factory import full

    try:
        values = list(sequences)
    except TypeError:
        raise ArgumentError(
            f"Expected iterable for input sequences, but got arg of type: {type(sequences).__name__}"
        ) from None
    if not values:
        raise ArgumentError("pad_sequence: expected a non-empty list of Tensors")
    longest = max(raw_shape(s)[0] for s in values)
    padded = []
    for s in values:
        n, *rest = raw_shape(s)
        if n < longest:
            fill = full(padding_value, longest - n, *rest, dtype=s.dtype)
            s = cat([s, fill] if padding_side == "right" else [fill, s], 0)
        padded.append(s)
    return stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list:
    """Tensors of their own lengths from a padded one.

    Padded (T, N, ...), lengths (N); tensors (length, ...).

    >>> import chainrule as cr
    >>> cr.nn.utils.rnn.unpad_sequence(cr.tensor([[1, 2], [3, 0]]), cr.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    x = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [x[i, : int(n)] for i, n in enumerate(_lengths(lengths))]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack tensors (length, ...) of different lengths.

    Tensors (length, ...) of one dtype.

    >>> import chainrule as cr
    >>> cr.nn.utils.rnn.pack_sequence([cr.tensor([1, 2]), cr.tensor([3])]).data
    tensor([1, 3, 2])
    """
    values = list(sequences)
    return pack_padded_sequence(pad_sequence(values), [raw_shape(s)[0] for s in values], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list:
    """The tensors that pack_sequence was given.

    Tensors (length, ...).

    >>> import chainrule as cr
    >>> packed = cr.nn.utils.rnn.pack_sequence([cr.tensor([1, 2]), cr.tensor([3])])
    >>> cr.nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
