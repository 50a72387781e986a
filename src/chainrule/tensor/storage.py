"""The memory under a tensor: storages, resize_, set_, as_strided_, elementwise Python functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from ..core.errors import ArgumentTypeError, GraphError, InplaceError, ShapeError
from ..core.state import state
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from ..core.writes import note_write, owner_of
from ..ops.views import as_strided
from .attributes import concrete
from .inplace import write

ndarray = np.ndarray


class UntypedStorage:
    """The bytes of the memory that a tensor, and all views of it, lie in.

    >>> import chainrule as cr
    >>> x = cr.ones(3)
    >>> x.untyped_storage().nbytes(), x[1:].untyped_storage().data_ptr() == x.data_ptr()
    (12, True)
    """

    def __init__(self, data: ndarray) -> None:
        self._array, self._owner = _lined(data), owner_of(data)

    def _flat(self) -> ndarray:
        return self._array.view(np.uint8)

    def data_ptr(self) -> int:
        """Address of the first byte."""
        return self._array.__array_interface__["data"][0]

    def nbytes(self) -> int:
        """Size in bytes."""
        return self._array.nbytes

    def size(self) -> int:
        """Number of elements."""
        return len(self)

    def __len__(self) -> int:
        return self._flat().size

    def __getitem__(self, key: Any) -> Any:
        found = self._flat()[key]
        return found.tolist() if isinstance(found, ndarray) else found.item()

    def __iter__(self) -> Iterator:
        return iter(self.tolist())

    def tolist(self) -> list:
        """The elements as Python numbers."""
        return self._flat().tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and type(self) is type(other) and self.tolist() == other.tolist()

    __hash__ = None  # type: ignore[assignment]

    def is_shared(self) -> bool:
        """False: no other process sees it."""
        return False

    def _kind(self) -> str:
        return "torch.storage.UntypedStorage(device=cpu)"

    def __repr__(self) -> str:
        lines = "\n".join(f" {v}" for v in self.tolist())
        return f"{lines}\n[{self._kind()} of size {len(self)}]"


class TypedStorage(UntypedStorage):
    """The elements of the memory that a tensor, and all views of it, lie in.

    >>> import chainrule as cr
    >>> cr.tensor([[1.0, 2.0], [3.0, 4.0]])[1].storage().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """

    def _flat(self) -> ndarray:
        return self._array

    @property
    def dtype(self) -> Any:
        """The dtype of the elements."""
        return wrap(self._array).dtype  # type: ignore[attr-defined]

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._array.itemsize

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return UntypedStorage(self._array)

    def __setitem__(self, key: Any, value: Any) -> None:
        note_write(self._owner, "a write to its storage")
        self._array[key] = value

    def _kind(self) -> str:
        return f"torch.storage.TypedStorage(dtype={self.dtype}, device=cpu)"


def _lined(data: ndarray) -> ndarray:
    """All of the memory that `data` is a view of, as one line of elements."""
    owner = owner_of(data)
    whole = owner if isinstance(owner, ndarray) and owner.dtype == data.dtype else data
    line = np.lib.stride_tricks.as_strided(whole, (whole.size,), (whole.itemsize,))
    return line if whole.flags.forc else np.ascontiguousarray(whole).reshape(-1)


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The bytes of the tensor's memory."""
    return UntypedStorage(concrete(self, "untyped_storage()"))


def storage(self: Tensor) -> TypedStorage:
    """The elements of the tensor's memory."""
    return TypedStorage(concrete(self, "storage()"))


def _plain(self: Tensor, name: str) -> ndarray:
    if isinstance(self, Tracer) or not isinstance(self._data, ndarray):
        raise GraphError(f"{name} needs a tensor that is not being transformed or staged")
    if self._node is not None and not (name == "set_()" and self.is_leaf and not state.grad_enabled):  # type: ignore[attr-defined]
        raise InplaceError(f"cannot resize variables that require grad: write {name} on x.detach(), or x.reshape(...)")
    return self._data


def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another shape: its elements in order, the first of them if there are too many, 0s after them.

    Raises:
        RuntimeError: the tensor requires grad.
    """
    shape = tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else tuple(sizes)
    if any(n < 0 for n in shape):
        raise ShapeError(f"resize_: sizes must be non-negative, got {list(shape)}")
    data = _plain(self, "resize_()")
    if shape == data.shape:
        return self
    line, n = _lined(data) if self._base is None else data.reshape(-1), prod(shape)
    if n > line.size:
        longer = np.zeros(n, data.dtype)
        longer[: line.size] = line
        line = longer
    self._data = line[:n].reshape(shape)
    note_write(self._data, "resize_ or set_")
    return self


def resize_as_(self: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """resize_ to the shape of another tensor; the dtype stays.

    >>> import chainrule as cr
    >>> cr.resize_as_(cr.arange(4), cr.ones(2))
    tensor([0, 1])
    """
    return resize_(self, raw_shape(the_template))


def set_(self: Tensor, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Let the tensor share the memory of `source`, a tensor or storage; seen with `size` and `stride` if given."""
    _plain(self, "set_()")
    if source is None:
        data = np.empty(0, raw_dtype(self))
    elif isinstance(source, UntypedStorage):
        data = source._flat().view(raw_dtype(self))
    elif isinstance(source, Tensor):
        data = concrete(source, "set_()")
    else:
        raise ArgumentTypeError(f"set_() takes a tensor or a storage, not {type(source).__name__}")
    if data.dtype != raw_dtype(self):
        raise ArgumentTypeError(f"Could not set tensor of type {self.dtype} to a tensor of {data.dtype}")  # type: ignore[attr-defined]
    if size is not None:
        steps = _row_major(size) if stride is None else stride
        data = as_strided(wrap(_lined(data)), size, steps, storage_offset)._data
    self._data = data
    note_write(self._data, "resize_ or set_")
    return self


def _row_major(size: Any) -> tuple[int, ...]:
    return tuple(prod(size[i + 1 :]) for i in range(len(size)))


def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Do both tensors show the same elements of the same memory in the same way?"""
    a, b = concrete(self, "is_set_to()"), concrete(tensor, "is_set_to()")
    return a.__array_interface__["data"][0] == b.__array_interface__["data"][0] and (
        (a.shape, a.strides, a.dtype) == (b.shape, b.strides, b.dtype)
    )


def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """Give the tensor the sizes, strides and offset that as_strided would; the dtype stays.

    >>> import chainrule as cr
    >>> cr.as_strided_(cr.arange(4), (2,), (2,))
    tensor([0, 2])
    """
    _plain(self, "as_strided_()")
    self._data = as_strided(self, size, stride, storage_offset)._data
    return self


def apply_(self: Tensor, callable: Callable) -> Tensor:
    """Replace every element x by callable(x), a Python number; slow, and refused while the tensor requires grad."""
    if self.requires_grad:  # type: ignore[attr-defined]
        raise InplaceError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    return _each(self, callable, (), "apply_")


def map_(self: Tensor, tensor: Tensor, callable: Callable) -> Tensor:
    """Replace every element x by callable(x, y), y from `tensor`, which broadcasts."""
    return _each(self, callable, (tensor,), "map_")


def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable) -> Tensor:
    """Replace every element by callable(element, x, y) with those of `x` and `y`, which broadcast."""
    return _each(self, callable, (x, y), "map2_")


def _each(self: Tensor, function: Callable, others: tuple, name: str) -> Tensor:
    for t in (self, *others):
        if t.requires_grad:  # type: ignore[attr-defined]
            raise InplaceError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
            )
    data = concrete(self, f"{name}()")
    columns = [np.broadcast_to(concrete(t, f"{name}()"), data.shape).reshape(-1).tolist() for t in others]
    values = [function(*row) for row in zip(data.reshape(-1).tolist(), *columns, strict=True)]
    write(self, np.array(values, object).reshape(data.shape).astype(data.dtype), name)
    return self


def _itself(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """The tensor itself: its memory already is what this asks for."""
    return self


def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself, with a warning: other processes get copies, and do not see what one writes."""
    warnings.warn(
        "share_memory_(): memory is not shared between processes here. A process that is given this tensor gets a "
        "copy; send results back through a queue or a pipe.",
        UserWarning,
        stacklevel=2,
    )
    return self


def _no(self: Tensor, *args: Any) -> bool:
    """False: tensors lie in the plain memory of this process."""
    return False


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the one with the largest stride to the one with the smallest."""
    steps = [abs(s) for s in concrete(self, "dim_order()").strides]
    return tuple(sorted(range(len(steps)), key=lambda i: -steps[i]))


def install() -> None:
    """Attach the methods to Tensor."""
    for function in (
        *(untyped_storage, storage, resize_, resize_as_, set_, is_set_to, as_strided_, apply_, map_, map2_, dim_order),
        share_memory_,
    ):
        setattr(Tensor, function.__name__, function)
    for name in ("pin_memory", "to_dense"):
        setattr(Tensor, name, _itself)
    for name in ("is_pinned", "is_shared", "is_coalesced"):
        setattr(Tensor, name, _no)
    for name in (
        *("is_sparse", "is_sparse_csr", "is_quantized", "is_mkldnn", "is_meta", "is_nested", "is_mtia", "is_xla"),
        *("is_ipu", "is_maia", "is_vulkan", "is_xpu", "is_mps"),
    ):
        if not hasattr(Tensor, name):
            setattr(Tensor, name, property(_no, doc="False: tensors are dense and live on the CPU."))
    Tensor.name = property(lambda self: None, doc="None; write x.label('name') to name a tensor.")  # type: ignore[attr-defined]


__all__ = ["TypedStorage", "UntypedStorage", "as_strided_", "install", "resize_as_"]
