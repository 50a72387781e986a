"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentTypeError
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


__all__ = ["Buffer", "Parameter"]
