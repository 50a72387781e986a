"""What a tensor is, without computing: shape, dtype, device, grad, its place in the graph, conversion to Python."""

from __future__ import annotations

import opcode
import warnings
from math import prod
from sys import _getframe
from types import FrameType
from typing import Any

import numpy as np

from ..core.dtypes import dtype, from_numpy_dtype, is_inexact
from ..core.errors import DTypeError, GraphError, TracedValueError
from ..core.exits import left
from ..core.provenance import describe, here
from ..core.state import state
from ..core.tape import Accumulate, Select, shown
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape


class Size(tuple):
    """A shape: a tuple of ints that prints as torch.Size([2, 3]).

    Slices and sums of shapes are shapes.

    >>> import chainrule as cr
    >>> shape = cr.zeros(2, 3).shape
    >>> shape, shape.numel(), shape[1:]
    (torch.Size([2, 3]), 6, torch.Size([3]))
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        return prod(self)

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__


class device:  # noqa: N801 (PyTorch's name)
    """Where a tensor lives; 'cpu' here.

    >>> import chainrule as cr
    >>> cr.device("cpu"), cr.zeros(2).device.type
    (device(type='cpu'), 'cpu')
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        if isinstance(type, device):
            type, index = type.type, type.index
        name, _, number = str(type).partition(":")
        if name not in ("cpu", "cuda", "meta"):
            from ..core.errors import DeviceError

            raise DeviceError(f"Expected one of cpu, cuda device type at start of device string: {type}")
        self.type = name
        self.index = int(number) if number else index

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __enter__(self) -> device:
        """In a `with` block, the device of new tensors; refused where it is none that exists here."""
        from .data import check_device

        check_device(self)
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))


CPU = device("cpu")


def concrete(x: Tensor, what: str) -> np.ndarray:
    """The ndarray under a tensor, or an error that says why there is none inside a transformation."""
    raw = x
    while isinstance(raw, Tensor):
        if isinstance(raw, Tracer) and not getattr(raw._trace, "transparent", False):
            code, lasti = here(2)
            around = getattr(raw._trace, "name", "a transformation")
            raise TracedValueError(
                f"{what} at {describe(code, lasti)} needs a concrete value, but this tensor of shape {raw_shape(x)} "
                f"is one of many inside {around}. Write where(condition, a, b), func.cond, func.while_loop or "
                f"func.scan instead of Python's if and while, and keep values as tensors inside the function."
            )
        raw = raw._data
    if not isinstance(raw, (np.ndarray, np.generic)):
        raw = raw.concrete(what)
    return raw


STORE = opcode.opmap["STORE_SUBSCR"]


def _warn_of_assignment(frame: FrameType) -> None:
    """Warn if the line that asked for a float is `array[i] = tensor`, which NumPy fulfils with the bare number."""
    if frame.f_code.co_code[frame.f_lasti] == STORE:
        warnings.warn(
            "array[i] = tensor puts the bare number into a NumPy array, and its gradient ends there. Write "
            "tensor.item() if that is meant; else make the array a tensor (chainrule.zeros(n); out[i] = tensor), or "
            "collect the values and chainrule.stack them.",
            UserWarning,
            stacklevel=3,
        )


def refuse_to_lose(x: Any, what: str) -> None:
    """Refuse to hand out bare numbers while a derivative of `x`, at any level, would be lost with them."""
    while isinstance(x, Tensor):
        if x._node is not None and state.grad_enabled:
            raise GraphError(f"Can't call {what} on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if getattr(x, "_tangent", None) is not None:
            raise GraphError(
                f"Can't call {what} on Tensor that carries a tangent (forward mode): the array would lose it. "
                f"Use tensor.detach().numpy() instead."
            )
        x = x._data


Tensor.shape = property(lambda self: Size(self._data.shape), doc="Sizes of the dimensions.")  # type: ignore[attr-defined]
Tensor.ndim = property(lambda self: len(self._data.shape), doc="Number of dimensions.")  # type: ignore[attr-defined]


def _real(number: Any, name: str) -> Any:
    """The number without its imaginary part, if that is zero."""
    if not isinstance(number, complex):
        return number
    if number.imag:
        raise DTypeError(f"value cannot be converted to type {name} without overflow: {number}; take x.real first")
    return number.real


class TensorAttributes:
    """Collected here and copied onto Tensor; see the bottom of the file."""

    @property
    def dtype(self: Any) -> dtype:
        """Element type."""
        return from_numpy_dtype(raw_dtype(self))

    @property
    def device(self: Any) -> device:
        """Where the tensor lives."""
        return CPU

    @property
    def requires_grad(self: Any) -> bool:
        """Do gradients flow to this tensor?"""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self: Any, value: bool) -> None:
        self.requires_grad_(value)

    @property
    def is_leaf(self: Any) -> bool:
        """Was it made by the user, not by a recorded operation?"""
        return self._node is None or type(self._node) is Accumulate

    @property
    def grad_fn(self: Any) -> Any:
        """The recorded operation that made this tensor, or None for a leaf."""
        node = self._node
        if node is None or type(node) is Accumulate:
            return None
        return shown(node.node if type(node) is Select else node)

    @property
    def grad(self: Any) -> Any:
        """The gradient that backward() accumulated here, or None."""
        node = self._node
        if type(node) is Accumulate:
            return node.grad
        if node is not None:
            meta = node.meta
            if meta is not None and meta.retain is not None:
                return meta.retain[0]
            if not _getframe(1).f_globals.get("__name__", "").startswith("chainrule."):
                warnings.warn(
                    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                    "won't be populated during autograd.backward(). Write y.retain_grad() before backward() if you "
                    "want it to be.",
                    UserWarning,
                    stacklevel=2,
                )
            return None
        return self._grad

    @grad.setter
    def grad(self: Any, value: Any) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if raw_shape(value) != raw_shape(self):
                raise GraphError(
                    f"assigned grad has data of a different size: the tensor has shape {raw_shape(self)}, the grad "
                    f"{raw_shape(value)}"
                )
        node = self._node
        if type(node) is Accumulate:
            if state.stage is not None:
                state.stage.touch_leaf(node)
            node.grad = value
        elif node is None:
            self._grad = value
        else:
            node.needs_meta().retain = [value]

    @grad.deleter
    def grad(self: Any) -> None:
        self.grad = None

    def retain_grad(self: Any) -> None:
        """Keep `.grad` on this non-leaf tensor too."""
        node = self._node
        if node is None:
            raise GraphError("can't retain_grad on Tensor that has requires_grad=False")
        if type(node) is not Accumulate and node.needs_meta().retain is None:
            node.meta.retain = [None]

    @property
    def retains_grad(self: Any) -> bool:
        """Does this non-leaf tensor keep its `.grad`?"""
        node = self._node
        return (
            node is not None and type(node) is not Accumulate and node.meta is not None and node.meta.retain is not None
        )

    def dim(self: Any) -> int:
        """Number of dimensions."""
        return len(self._data.shape)

    ndimension = dim

    def size(self: Any, dim: int | None = None) -> Any:
        """Shape, or the size of one dimension."""
        shape = self.shape
        if dim is None:
            return shape
        from ..ops.shape import canonical_dim

        return shape[canonical_dim(dim, len(shape))]

    def numel(self: Any) -> int:
        """Number of elements."""
        return prod(self._data.shape)

    nelement = numel

    def __len__(self: Any) -> int:
        shape = self._data.shape
        if not shape:
            raise TypeError("len() of a 0-d tensor")
        return shape[0]

    @property
    def itemsize(self: Any) -> int:
        """Bytes of one element."""
        return raw_dtype(self).itemsize

    def element_size(self: Any) -> int:
        """Bytes of one element."""
        return raw_dtype(self).itemsize

    @property
    def nbytes(self: Any) -> int:
        """Bytes of all elements."""
        return self.numel() * raw_dtype(self).itemsize

    def stride(self: Any, dim: int | None = None) -> Any:
        """Steps in memory, in elements, from one index to the next in each dimension."""
        data = concrete(self, "stride()")
        strides = tuple(s // data.itemsize for s in data.strides)
        return strides if dim is None else strides[dim]

    @property
    def strides(self: Any) -> tuple[int, ...]:
        """NumPy's name for the steps in memory, in bytes: matplotlib's plot_surface reads it."""
        return concrete(self, "strides").strides

    def storage_offset(self: Any) -> int:
        """Position of the first element in its memory, in elements."""
        data = concrete(self, "storage_offset()")
        owner = data
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        return (data.__array_interface__["data"][0] - owner.__array_interface__["data"][0]) // data.itemsize

    def data_ptr(self: Any) -> int:
        """Address of the first element."""
        return concrete(self, "data_ptr()").__array_interface__["data"][0]

    def is_contiguous(self: Any, memory_format: Any = None) -> bool:
        """Do the elements lie in row-major order without gaps, or, given channels_last, in that order?"""
        if memory_format is not None:
            from .layouts import is_in_format

            return is_in_format(self, memory_format)
        raw = self._data
        return raw.flags.c_contiguous if isinstance(raw, np.ndarray) else True

    def is_floating_point(self: Any) -> bool:
        """Is the dtype a floating one?"""
        return self.dtype.is_floating_point

    def is_complex(self: Any) -> bool:
        """Is the dtype a complex one?"""
        return self.dtype.is_complex

    def item(self: Any) -> Any:
        """The only element, as a Python number."""
        data = concrete(self, "item()")
        if self._node is not None:
            left("item", (self._node,))
        if data.size != 1:
            raise GraphError(
                f"a Tensor with {data.size} elements cannot be converted to Scalar; shape {tuple(data.shape)}. Index "
                f"one element first, or use tolist()"
            )
        return data.item()

    def tolist(self: Any) -> Any:
        """Nested lists of Python numbers."""
        if self._node is not None:
            left("tolist", (self._node,))
        return concrete(self, "tolist()").tolist()

    def numpy(self: Any, *, force: bool = False) -> np.ndarray:
        """The array, sharing memory. Refused, unless force=True, while the tensor requires grad or has a tangent."""
        if not force:
            refuse_to_lose(self, "numpy()")
        if self._node is not None:
            left("numpy", (self._node,))
        return np.asarray(concrete(self, "numpy()"))

    def astype(self: Any, dtype: Any, *, copy: bool = True) -> Tensor:
        """The values in another dtype, NumPy's spelling of `to(dtype)`; recorded. `copy=False` may share memory.

        >>> import chainrule as cr
        >>> cr.tensor([1.5, 2.0]).astype(int)
        tensor([1, 2])
        """
        return self.to(dtype, copy=copy)

    def copy(self: Any) -> Tensor:
        """A copy with memory of its own, NumPy's spelling of `clone()`; recorded.

        >>> import chainrule as cr
        >>> cr.tensor([1.5, 2.0]).copy()
        tensor([1.5000, 2.0000])
        """
        return self.clone()

    def __bool__(self: Any) -> bool:
        data = concrete(self, "bool()")
        if data.size > 1:
            raise GraphError(
                f"Boolean value of Tensor with more than one value is ambiguous: shape {tuple(data.shape)}. Write "
                f"x.any() or x.all()"
            )
        if data.size == 0:
            raise GraphError("Boolean value of Tensor with no values is ambiguous")
        return bool(data.item())

    def __float__(self: Any) -> float:
        if self._node is not None and state.grad_enabled:
            _warn_of_assignment(_getframe(1))
        return float(_real(self.item(), "float"))

    def __int__(self: Any) -> int:
        return int(_real(self.item(), "int"))

    def __complex__(self: Any) -> complex:
        return complex(self.item())

    def __index__(self: Any) -> int:
        data = concrete(self, "index")
        if data.dtype.kind not in "iub" or data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(data.item())

    def __iter__(self: Any) -> Any:
        if not self._data.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(self._data.shape[0])])

    def __contains__(self: Any, element: Any) -> bool:
        return bool((self == element).any())

    @property
    def data(self: Any) -> Tensor:
        """The same memory outside of the graph."""
        return self.detach()

    @data.setter
    def data(self: Any, value: Any) -> None:
        if not isinstance(value, (Tensor, np.ndarray)):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if self._node is not None and not is_inexact(raw_dtype(value)):
            raise GraphError(
                "data set to a tensor that requires gradients must be floating point or complex dtype, not "
                f"{raw_dtype(value)}"
            )
        if state.stage is not None:
            state.stage.touch(self)
        self.__dict__.pop("_alias", None)  # other memory from here on
        count = self._version
        self._data = value._data if isinstance(value, Tensor) else np.asarray(value)
        self._rebinds += count - self._version  # the count of writes goes on

    def label(self: Any, text: str) -> Tensor:
        """Name this tensor for pictures and traces; returns the tensor itself."""
        self._label = text
        node = self._node
        if node is not None:
            node.needs_meta().notes["label"] = text  # outlives the tensor
        return self


for _name, _value in list(vars(TensorAttributes).items()):
    if _name not in ("__module__", "__doc__", "__dict__", "__weakref__", "__qualname__"):
        setattr(Tensor, _name, _value)
