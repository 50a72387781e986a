"""Views as copies (view_copy, permute_copy ...), and the split functions under the names that promise no views."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from ..core.value import raw_shape, wrap
from .diagonal import diagonal
from .indexing import set_item
from .joining import chunk, split, split_with_sizes, unbind
from .reductions import finish_out
from .shape import clone, expand, permute, reshape_p, squeeze, t, transpose, unsqueeze, view
from .views import as_strided, detach, narrow, select, unfold, view_as_complex, view_as_real

VIEWS = (
    *(as_strided, detach, diagonal, expand, narrow, permute, select, split, split_with_sizes, squeeze, t, transpose),
    *(unbind, unfold, unsqueeze, view, view_as_complex, view_as_real),
)
EXAMPLES = {  # the arguments of a call and what it gives
    "as_strided": ("cr.arange(4), (2,), (2,)", "tensor([0, 2])"),
    "detach": ("cr.tensor([1, 2])", "tensor([1, 2])"),
    "diagonal": ("cr.eye(2)", "tensor([1., 1.])"),
    "expand": ("cr.tensor([1]), (2,)", "tensor([1, 1])"),
    "narrow": ("cr.arange(4), 0, 1, 2", "tensor([1, 2])"),
    "permute": ("cr.tensor([[1, 2]]), (1, 0)", "tensor([[1],\n            [2]])"),
    "select": ("cr.tensor([[1, 2]]), 1, 0", "tensor([1])"),
    "split": ("cr.arange(3), 2", "(tensor([0, 1]), tensor([2]))"),
    "split_with_sizes": ("cr.arange(3), (1, 2)", "(tensor([0]), tensor([1, 2]))"),
    "squeeze": ("cr.tensor([[1, 2]])", "tensor([1, 2])"),
    "t": ("cr.tensor([[1, 2]])", "tensor([[1],\n            [2]])"),
    "transpose": ("cr.tensor([[1, 2]]), 0, 1", "tensor([[1],\n            [2]])"),
    "unbind": ("cr.arange(2)", "(tensor(0), tensor(1))"),
    "unfold": ("cr.arange(3), 0, 2, 1", "tensor([[0, 1],\n            [1, 2]])"),
    "unsqueeze": ("cr.tensor([1, 2]), 0", "tensor([[1, 2]])"),
    "view": ("cr.arange(4), (2, 2)", "tensor([[0, 1],\n            [2, 3]])"),
    "view_as_complex": ("cr.tensor([[1.0, 2.0]])", "tensor([1.+2.j])"),
    "view_as_real": ("cr.tensor([1 + 2j])", "tensor([[1., 2.]])"),
}


def _copied(view_of: Callable) -> Callable:
    name = view_of.__name__

    @wraps(view_of)
    def op(input: Any, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        made = view_of(input, *args, **kwargs)
        if isinstance(made, (tuple, list)):
            return tuple(clone(piece) for piece in made)
        return finish_out(out, clone(made))

    arguments, shown = EXAMPLES[name]
    op.__name__ = op.__qualname__ = f"{name}_copy"
    op.__doc__ = f"""`{name}` with new memory for the result, in the same shape and dtype; gradients flow through.

    >>> import chainrule as cr
    >>> cr.{name}_copy({arguments})
    {shown}
    """
    del op.__dict__["__wrapped__"]
    return op


as_strided_copy, detach_copy, diagonal_copy, expand_copy, narrow_copy, permute_copy = map(_copied, VIEWS[:6])
select_copy, split_copy, split_with_sizes_copy, squeeze_copy, t_copy, transpose_copy = map(_copied, VIEWS[6:12])
unbind_copy, unfold_copy, unsqueeze_copy, view_copy, view_as_complex_copy, view_as_real_copy = map(_copied, VIEWS[12:])
unsafe_chunk, unsafe_split, unsafe_split_with_sizes = chunk, split, split_with_sizes


def alias_copy(input: Any) -> Any:
    """A copy of a tensor of any shape and dtype, in new memory.

    >>> import chainrule as cr
    >>> cr.alias_copy(cr.tensor([1, 2]))
    tensor([1, 2])
    """
    return clone(input)


def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    """A copy of `input` with `src` written where as_strided(input, size, stride, storage_offset) would look.

    The result has the shape and dtype of `input`; `src` has the shape `size`.

    >>> import chainrule as cr
    >>> cr.as_strided_scatter(cr.zeros(3), cr.ones(2), (2,), (2,))
    tensor([1., 0., 1.])
    """
    shape, count = raw_shape(input), prod(raw_shape(input))
    places = as_strided(wrap(np.arange(count).reshape(shape)), size, stride, storage_offset)._data
    return reshape_p(set_item(reshape_p(input, shape=(count,)), places, src), shape=shape)


__all__ = [
    *(f"{view.__name__}_copy" for view in VIEWS), "alias_copy", "as_strided_scatter", "unsafe_chunk", "unsafe_split",
    "unsafe_split_with_sizes",
]  # fmt: skip
METHODS = ("as_strided_scatter", "narrow_copy", "unsafe_chunk", "unsafe_split", "unsafe_split_with_sizes")
