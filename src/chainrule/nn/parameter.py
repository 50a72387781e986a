"""Parameter and Buffer, tensors that a Module registers when they are assigned to it, and those of unknown shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import default, is_inexact, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.tape import Accumulate
from ..core.value import Tensor, raw_dtype, wrap


class _ParameterMeta(type):
    """isinstance(t, Parameter) asks a flag: parameters are plain Tensors, so that every op takes its fast path."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if cls is Parameter:
            return isinstance(instance, Tensor) and instance._is_param
        if cls is Buffer:
            return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)
        return type.__instancecheck__(cls, instance)


class Parameter(metaclass=_ParameterMeta):
    """A tensor that is to be trained: made from `data`, sharing its memory, a leaf that requires grad by default.

    >>> import chainrule as cr
    >>> isinstance(cr.nn.Parameter(cr.ones(2)), cr.nn.Parameter)
    True
    """

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = wrap(np.empty(0, np.float32))
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(
                f"Parameter() takes a Tensor, not {type(data).__name__}; write Parameter(tensor(...))"
            )
        made = wrap(data._data)
        made._is_param = True
        if requires_grad:
            if not is_inexact(raw_dtype(data)):
                raise ArgumentTypeError(
                    "Only Tensors of floating point and complex dtype can require gradients; write "
                    "Parameter(data, requires_grad=False)"
                )
            made._node = Accumulate(made)
        return made


class Buffer(metaclass=_ParameterMeta):
    """A tensor that belongs to a module's state but is not trained.

    A tensor of any shape and dtype; assigning one to a module's attribute registers it.

    >>> import chainrule as cr
    >>> m = cr.nn.Module()
    >>> m.count = cr.nn.Buffer(cr.zeros(2))
    >>> list(m.state_dict())
    ['count']
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        made = data.detach() if isinstance(data, Tensor) else wrap(np.empty(0, np.float32))
        made._is_buffer = True
        made._persistent = persistent
        return made


_WHAT = (
    "This happens with lazy modules, whose tensors get their shapes from the first input. Call the module with a batch "
    "first (any values of the right shape will do)."
)


class Uninitialized(Tensor):
    """A tensor whose shape is not known yet; it becomes an ordinary one, the same object, with `materialize`."""

    __slots__ = ()
    _is_lazy = True

    @property
    def shape(self) -> Any:
        raise ArgumentError(f"Can't access the shape of an uninitialized parameter or buffer. {_WHAT}")

    @property
    def data(self) -> Any:
        """A plain tensor without elements, so that filling it (as some models do at once) changes nothing."""
        return wrap(self._data)

    @data.setter
    def data(self, values: Any) -> None:
        Tensor.data.fset(self, values)  # type: ignore[attr-defined]

    def numel(self) -> int:
        """Not known yet: a ValueError."""
        raise ArgumentError(f"Attempted to use an uninitialized parameter in numel. {_WHAT}")

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Give the tensor memory: its shape, and a dtype if it is not to stay what it is. The values are zeros."""
        kept = self._data.dtype if dtype is None else numpy_dtype(dtype)
        become(self, wrap(np.zeros(shape, kept)))

    def detach(self) -> Any:
        """The tensor itself: there are no values to share."""
        return self

    def __deepcopy__(self, memo: dict) -> Any:
        made = _unknown(wrap(self._data.copy()), self.requires_grad, vars(self))
        memo[id(self)] = made
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _unknown, (wrap(self._data), self.requires_grad, dict(vars(self)))

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "<UninitializedParameter>" if self._is_param else "<UninitializedBuffer>"

    __str__ = __repr__


def _unknown(t: Any, requires_grad: bool, fields: dict) -> Any:
    """`t` as a tensor whose shape is not known, with these attributes."""
    t.__class__ = Uninitialized
    vars(t).update(fields)
    if requires_grad and t._node is None:
        t._node = Accumulate(t)
    return t


def become(t: Any, values: Any) -> None:
    """Make `t`, whose shape was unknown, an ordinary tensor of these values and their dtype."""
    t.__class__ = Tensor
    t.data = values


class _LazyMeta(_ParameterMeta):
    """isinstance(t, UninitializedParameter) asks the tensor, as isinstance(t, Parameter) does."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Uninitialized) and instance._is_param == issubclass(cls, Parameter)


class UninitializedParameter(Parameter, metaclass=_LazyMeta):
    """A parameter whose shape is not known yet.

    `materialize(shape, dtype=None)` gives it memory, of the dtype it has; the object stays the same, so that optimisers
    keep it. Asking for its shape before is a RuntimeError.

    >>> import chainrule as cr
    >>> weight = cr.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape, isinstance(weight, cr.nn.UninitializedParameter), isinstance(weight, cr.nn.Parameter)
    (torch.Size([2, 3]), False, True)
    """

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return _unknown(Parameter(_nothing(dtype), requires_grad), requires_grad, {})


class UninitializedBuffer(Buffer, metaclass=_LazyMeta):
    """A buffer whose shape is not known yet.

    `materialize(shape, dtype=None)` gives it memory, of the dtype it has.

    >>> import chainrule as cr
    >>> isinstance(cr.nn.LazyBatchNorm1d().running_mean, cr.nn.UninitializedBuffer)
    True
    """

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        return _unknown(Buffer(_nothing(dtype), persistent=persistent), requires_grad, {})


def _nothing(dtype: Any) -> Any:
    return wrap(np.empty(0, default.float if dtype is None else numpy_dtype(dtype)))


def forget_shape(t: Any) -> None:
    """Make a module's tensor one whose shape is not known yet."""
    _unknown(t, t.requires_grad, {})
    t._data = t._data[..., :0].reshape(-1)


def is_lazy(t: Any) -> bool:
    """Is it a tensor whose shape is not known yet?"""
    return isinstance(t, Uninitialized)


__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter"]
