"""New tensors: filled with a number, ranges, and in the likeness of another tensor. (Those from data: data.py.)"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.dtypes import INT64, default, numpy_dtype
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from . import layouts, legacy
from .data import (
    as_tensor,
    asarray,
    check_device,
    converted,
    dtype_of_number,
    finish,
    from_dlpack,
    from_numpy,
    number,
    tensor,
)

__all__ = [
    "tensor", "as_tensor", "asarray", "from_numpy", "from_dlpack", "zeros", "ones", "full", "empty", "zeros_like",
    "ones_like", "full_like", "empty_like", "arange", "linspace", "logspace", "eye", "scalar_tensor", "empty_strided",
    "is_tensor", "is_floating_point", "is_complex", "numel",
]  # fmt: skip

ndarray = np.ndarray


# ---- shared checks --------------------------------------------------------------------------------------------------


def size_of(name: str, size: tuple, given: Any = None) -> tuple[int, ...]:
    """The shape meant by f(2, 3), f((2, 3)) or f(size=(2, 3)), checked."""
    if given is not None:
        if size:
            raise ArgumentTypeError(f"{name}() got multiple values for argument 'size'")
        size = (given,)
    elif not size:
        raise ArgumentTypeError(f'{name}() missing 1 required positional arguments: "size"')
    if len(size) == 1 and not isinstance(size[0], (int, np.integer)):
        only = size[0]
        if isinstance(only, (tuple, list)):
            size = tuple(only)
        elif isinstance(only, (Tensor, ndarray)) and len(raw_shape(only)) == 1:
            size = tuple(only.tolist())
    shape = []
    for i, n in enumerate(size):
        try:
            shape.append(operator.index(n))
        except TypeError as error:
            raise ArgumentTypeError(
                f"{name}(): argument 'size' (position {i + 1}) must be tuple of ints, not {type(n).__name__}"
            ) from error
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name}: Dimension size must be non-negative, got {shape}")
    return tuple(shape)


def float_dtype(dtype: Any) -> np.dtype:
    """`dtype`, or the default float."""
    return default.float if dtype is None else numpy_dtype(dtype)


def filled(shape: tuple[int, ...], value: Any, dtype: np.dtype) -> ndarray:
    """An array of one value; while staging, a broadcast number, so that the graph holds the number only."""
    if state.stage is not None:
        return np.broadcast_to(np.asarray(value, dtype), shape)
    return np.full(shape, value, dtype)


def written(out: Any, made: Tensor) -> Tensor:
    """The `out=` argument."""
    if out is None:
        return made
    from ..core.writes import write_out

    kind = raw_dtype(out) if isinstance(out, Tensor) else raw_dtype(made)
    return write_out(out, made if raw_dtype(made) == kind else made.to(kind), quiet=True)  # type: ignore[attr-defined]


# ---- filled with a number -------------------------------------------------------------------------------------------


def _filled_factory(name: str, value: int, doc: str) -> Callable:
    def factory(
        *size: Any,
        out: Any = None,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        pin_memory: bool = False,
        **named: Any,
    ) -> Tensor:
        given = named.pop("size", named.pop("shape", None))
        if named:
            raise ArgumentTypeError(f"{name}() got an unexpected keyword argument '{next(iter(named))}'")
        check_device(device)
        shape = size_of(name, size, given)
        if name == "empty" and state.stage is None:
            data = np.empty(shape, float_dtype(dtype))
        else:
            data = filled(shape, value, float_dtype(dtype))
        return written(out, finish(data, requires_grad))

    factory.__name__ = factory.__qualname__ = name
    shown = f"cr.{name}(2)" if name != "empty" else "cr.empty(2).shape"
    result = f"tensor([{value}., {value}.])" if name != "empty" else "torch.Size([2])"
    factory.__doc__ = f"{doc}\n\n    >>> import chainrule as cr\n    >>> {shown}\n    {result}\n    "
    return factory


def _like_factory(name: str, value: int, doc: str) -> Callable:
    def factory(
        input: Any,
        *,
        dtype: Any = None,
        layout: Any = None,
        device: Any = None,
        requires_grad: bool = False,
        memory_format: Any = None,
    ) -> Tensor:
        check_device(device)
        shape, kind = likeness(name, input, dtype)
        if name == "empty_like" and state.stage is None:
            return finish(np.empty(shape, kind), requires_grad)
        return finish(filled(shape, value, kind), requires_grad)

    factory.__name__ = factory.__qualname__ = name
    shown = f"cr.{name}(cr.tensor([5, 6]))" + (".shape" if name == "empty_like" else "")
    result = "torch.Size([2])" if name == "empty_like" else f"tensor([{value}, {value}])"
    factory.__doc__ = f"{doc}\n\n    >>> import chainrule as cr\n    >>> {shown}\n    {result}\n    "
    return factory


def likeness(name: str, input: Any, dtype: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of a `*_like` function's result."""
    if not isinstance(input, (Tensor, ndarray)):
        raise ArgumentTypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return raw_shape(input), raw_dtype(input) if dtype is None else numpy_dtype(dtype)


zeros = _filled_factory("zeros", 0, "Zeros of shape `size` (ints, or one tuple) in the default float, or `dtype`.")
ones = _filled_factory("ones", 1, "Ones of shape `size` (ints, or one tuple) in the default float, or `dtype`.")
empty = _filled_factory("empty", 0, "A tensor of shape `size` whose values are whatever the memory held.")
zeros_like = _like_factory("zeros_like", 0, "Zeros with the shape and dtype of `input`.")
ones_like = _like_factory("ones_like", 1, "Ones with the shape and dtype of `input`.")
empty_like = _like_factory("empty_like", 0, "Uninitialised values with the shape and dtype of `input`.")


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` holding `fill_value` everywhere; the dtype is the number's own unless given.

    >>> import chainrule as cr
    >>> cr.full((2,), 7)
    tensor([7, 7])
    """
    check_device(device)
    shape = size_of("full", (size,))
    if isinstance(fill_value, Tensor):
        from ..ops.shape import broadcast_to_p, cast

        if raw_shape(fill_value) != ():
            raise ShapeError(f"full(): the fill value must be a number or 0-d, got shape {raw_shape(fill_value)}")
        value = fill_value if dtype is None else cast(fill_value, dtype)
        return written(out, finish(broadcast_to_p(value, shape=shape).clone(), requires_grad))
    kind = dtype_of_number(number(fill_value, "full()")) if dtype is None else numpy_dtype(dtype)
    value = converted(np.asarray(number(fill_value, "full()")), kind)
    return written(out, finish(filled(shape, value, kind), requires_grad))


def full_like(
    input: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """`fill_value` everywhere, with the shape and dtype of `input`.

    Or in another `dtype`.

    >>> import chainrule as cr
    >>> cr.full_like(cr.zeros(2), 7.0)
    tensor([7., 7.])
    """
    shape, kind = likeness("full_like", input, dtype)
    return full(shape, fill_value, dtype=kind, device=device, requires_grad=requires_grad)


def scalar_tensor(
    s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A 0-d tensor of one number, in the default float unless `dtype` is given.

    >>> import chainrule as cr
    >>> cr.scalar_tensor(2)
    tensor(2.)
    """
    check_device(device)
    value = number(s, "scalar_tensor()")
    kind = numpy_dtype(dtype) if dtype is not None else default.complex if isinstance(value, complex) else default.float
    return finish(converted(np.asarray(value), kind).reshape(()), requires_grad)


def empty_strided(
    size: Sequence[int], stride: Sequence[int], *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uninitialised memory seen with the given sizes and strides (in elements).

    In the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    check_device(device)
    shape, steps = size_of("empty_strided", (size,)), tuple(operator.index(s) for s in stride)
    if len(shape) != len(steps):
        raise ShapeError(f"mismatch in length of strides and shape: got strides {steps} for shape {shape}")
    if any(s < 0 for s in steps):
        raise ShapeError(f"empty_strided: strides must be non-negative, got {steps}")
    kind = float_dtype(dtype)
    count = 0 if 0 in shape else 1 + sum((n - 1) * s for n, s in zip(shape, steps, strict=True))
    base = np.zeros(count, kind)
    data = np.lib.stride_tricks.as_strided(base, shape, tuple(s * kind.itemsize for s in steps))
    return finish(data, requires_grad)


# ---- ranges ---------------------------------------------------------------------------------------------------------


def arange(
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """start + i step for i = 0, 1 ... as long as it is before `end`; int64 if all three are ints.

    >>> import chainrule as cr
    >>> cr.arange(3), cr.arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    check_device(device)
    if end is None:
        start, end = 0, start
    start, end, step = (number(x, "arange()") for x in (start, end, step))
    for x in (start, end, step):
        if not isinstance(x, (bool, int, float)):
            raise ArgumentTypeError(f"arange() takes real numbers, not {type(x).__name__}")
    if step == 0:
        raise ArgumentError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ArgumentError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise ArgumentError(f"upper bound and lower bound inconsistent with step sign: arange({start}, {end}, {step})")
    whole = all(isinstance(x, int) for x in (start, end, step))
    kind = numpy_dtype(dtype) if dtype is not None else INT64 if whole else default.float
    if not whole and kind.kind in "iu" and int(step):  # as PyTorch does: the bounds are made whole first
        start, end, step, whole = int(start), int(end), int(step), True
    if whole:
        data = np.arange(start, end, step, dtype=np.int64).astype(kind)
    else:
        n = math.ceil((end - start) / step)
        data = (start + step * np.arange(n, dtype=np.float64)).astype(kind)
    return written(out, finish(data, requires_grad))


def _between(start: Any, end: Any, count: int, kind: np.dtype) -> np.ndarray:
    """`count` numbers from start to end; towards whole numbers from whole bounds, counted from the nearer end."""
    if kind.kind not in "iu" or count < 2:
        return np.linspace(start, end, count)
    start, end = int(start), int(end)
    step, i = (end - start) / (count - 1), np.arange(count)
    return np.where(i < count // 2, start + step * i, end - step * (count - 1 - i))


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` evenly spaced values from `start` to `end`, both included; differentiable in 0-d tensors as bounds.

    A 1-D tensor in the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    check_device(device)
    count = operator.index(steps)
    if count < 0:
        raise ArgumentError(f"number of steps must be non-negative, got {count}")
    if isinstance(start, Tensor) or isinstance(end, Tensor):
        from ..core.dtypes import result_dtype

        has_complex = result_dtype((start, end)).kind == "c"
        kind = numpy_dtype(dtype) if dtype is not None else default.complex if has_complex else default.float
        weights = np.linspace(0.0, 1.0, count).astype(np.float64 if kind.itemsize > 4 else np.float32)
        made = (start * wrap(1 - weights) + end * wrap(weights)).to(kind)
        return written(out, finish(made, requires_grad))
    start, end = number(start, "linspace()"), number(end, "linspace()")
    has_complex = isinstance(start, complex) or isinstance(end, complex)
    kind = numpy_dtype(dtype) if dtype is not None else default.complex if has_complex else default.float
    data = _between(start, end, count, kind)
    return written(out, finish(data.astype(kind), requires_grad))


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """base ** x for `steps` evenly spaced x from `start` to `end`.

    A 1-D tensor in the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    check_device(device)
    count = operator.index(steps)
    if count < 0:
        raise ArgumentError(f"number of steps must be non-negative, got {count}")
    kind = float_dtype(dtype)
    exponents = _between(number(start, "logspace()"), number(end, "logspace()"), count, kind)
    return written(out, finish(np.power(float(base), exponents).astype(kind), requires_grad))


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The n by m matrix with ones on its diagonal.

    In the default float, or `dtype`.

    >>> import chainrule as cr
    >>> cr.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_device(device)
    rows, columns = operator.index(n), operator.index(n if m is None else m)
    for name, value in (("n", rows), ("m", columns)):
        if value < 0:
            raise ArgumentError(f"{name} must be greater or equal to 0, got {value}")
    return written(out, finish(np.eye(rows, columns, dtype=float_dtype(dtype)), requires_grad))


# ---- questions ------------------------------------------------------------------------------------------------------


def is_tensor(obj: Any) -> bool:
    """Is `obj` a Tensor?

    >>> import chainrule as cr
    >>> cr.is_tensor(cr.zeros(2)), cr.is_tensor([0.0])
    (True, False)
    """
    return isinstance(obj, Tensor)


def _asked(name: str, input: Any) -> Any:
    if not isinstance(input, Tensor):
        raise ArgumentTypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input


def is_floating_point(input: Tensor) -> bool:
    """Is the tensor's dtype a floating one?

    >>> import chainrule as cr
    >>> cr.is_floating_point(cr.tensor([1.0])), cr.is_floating_point(cr.tensor([1]))
    (True, False)
    """
    return _asked("is_floating_point", input).is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Is the tensor's dtype a complex one?

    >>> import chainrule as cr
    >>> cr.is_complex(cr.tensor([1j]))
    True
    """
    return _asked("is_complex", input).is_complex()


def numel(input: Tensor) -> int:
    """Number of elements.

    Of a tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.numel(cr.zeros(2, 3))
    6
    """
    return input.numel()


# ---- methods --------------------------------------------------------------------------------------------------------


def _new_filled(name: str, make: Callable) -> Callable:
    def method(
        self: Tensor, *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, **named: Any
    ) -> Tensor:
        kind = raw_dtype(self) if dtype is None else dtype
        return make(*size, dtype=kind, device=device, requires_grad=requires_grad, **named)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{make.__name__}` with this tensor's dtype."
    return method


def new_full(self: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    """`full` with this tensor's dtype."""
    return full(size, fill_value, dtype=raw_dtype(self) if dtype is None else dtype, **options)


def new_tensor(self: Tensor, data: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    """`tensor` with this tensor's dtype."""
    return tensor(data, dtype=raw_dtype(self) if dtype is None else dtype, **options)


def new_empty_strided(self: Tensor, size: Any, stride: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    """`empty_strided` with this tensor's dtype."""
    return empty_strided(size, stride, dtype=raw_dtype(self) if dtype is None else dtype, **options)


def install() -> None:
    """Attach the new_* methods to Tensor, and let it be called."""
    for name, make in (("new_zeros", zeros), ("new_ones", ones), ("new_empty", empty)):
        setattr(Tensor, name, _new_filled(name, make))
    for function in (new_full, new_tensor, new_empty_strided):
        setattr(Tensor, function.__name__, function)
    legacy.install()
    layouts.install()
