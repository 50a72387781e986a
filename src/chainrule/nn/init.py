"""Initial values of parameters; every function writes into its tensor in place and returns it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ShapeError
from ..core.value import raw_dtype, raw_shape, wrap
from ..tensor.modes import no_grad


def _write(tensor: Any, values: Any) -> Any:
    with no_grad():
        return tensor.copy_(wrap(np.asarray(values).astype(raw_dtype(tensor))))


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Uniform values in [a, b).

    A tensor of any shape and a floating dtype.

    >>> import chainrule as cr
    >>> w = cr.nn.init.uniform_(cr.empty(100), 2.0, 3.0)
    >>> bool(((w >= 2) & (w < 3)).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Normal values.

    A tensor of any shape and a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.init.normal_(cr.empty(2), mean=1.0, std=0.0)
    tensor([1., 1.])
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Any:
    """Normal values conditioned to lie in [a, b], by the inverse of the distribution function.

    A tensor of any shape and a floating dtype.

    >>> import chainrule as cr
    >>> w = cr.nn.init.trunc_normal_(cr.empty(100), a=-0.5, b=0.5)
    >>> bool((w.abs() <= 0.5).all())
    True
    """
    from scipy.special import ndtr, ndtri

    low, high = ndtr((a - mean) / std), ndtr((b - mean) / std)
    with no_grad():
        tensor.uniform_(0.0, 1.0, generator=generator)
    u = low + (high - low) * np.asarray(tensor.detach()._data, np.float64)
    return _write(tensor, np.clip(mean + std * ndtri(u), a, b))


def constant_(tensor: Any, val: float) -> Any:
    """One value everywhere.

    A tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.nn.init.constant_(cr.empty(2), 3.0)
    tensor([3., 3.])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Any) -> Any:
    """Ones.

    A tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.nn.init.ones_(cr.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Any) -> Any:
    """Zeros.

    A tensor of any shape and dtype.

    >>> import chainrule as cr
    >>> cr.nn.init.zeros_(cr.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Any) -> Any:
    """The identity matrix.

    A matrix of any shape.

    >>> import chainrule as cr
    >>> cr.nn.init.eye_(cr.empty(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    shape = raw_shape(tensor)
    if len(shape) != 2:
        raise ShapeError("Only tensors with 2 dimensions are supported")
    return _write(tensor, np.eye(*shape))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """A convolution kernel that passes its input channels through.

    A tensor of 3, 4 or 5 dimensions and a floating dtype.

    >>> import chainrule as cr
    >>> cr.nn.init.dirac_(cr.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    shape = raw_shape(tensor)
    if len(shape) not in (3, 4, 5):
        raise ShapeError("Only tensors with 3, 4, or 5 dimensions are supported")
    if shape[0] % groups:
        raise ArgumentError("dim 0 must be divisible by groups")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    centre = tuple(n // 2 for n in shape[2:])
    for g in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(g * per_group + d, d, *centre)] = 1
    return _write(tensor, values)


def fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """Numbers of inputs and outputs that one entry connects."""
    shape = raw_shape(tensor)
    if len(shape) < 2:
        raise ShapeError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


_calculate_fan_in_and_fan_out = fan_in_and_fan_out


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity wants its inputs' spread enlarged.

    `param` is the negative slope of "leaky_relu"; unknown names raise ValueError.

    >>> import chainrule as cr
    >>> cr.nn.init.calculate_gain("relu")
    1.4142135623730951
    """
    linear = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
    if nonlinearity in (*linear, "sigmoid"):
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ArgumentError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity == "selu":
        return 3.0 / 4
    raise ArgumentError(f"Unsupported nonlinearity {nonlinearity}")


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform in +-gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    A tensor of 2 or more dimensions and a floating dtype.

    >>> import chainrule as cr
    >>> w = cr.nn.init.xavier_uniform_(cr.empty(3, 3))
    >>> bool((w.abs() <= 1).all())
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal with deviation gain sqrt(2 / (fan_in + fan_out)).

    A tensor of 2 or more dimensions and a floating dtype. Glorot and Bengio 2010.

    >>> import chainrule as cr
    >>> cr.nn.init.xavier_normal_(cr.empty(3, 4)).shape
    torch.Size([3, 4])
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fan_in_and_fan_out(tensor))), generator)


def _fan(tensor: Any, mode: str) -> int:
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return fan_in_and_fan_out(tensor)[mode == "fan_out"]


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Uniform in +-gain sqrt(3 / fan) (He et al. 2015).

    A tensor of 2 or more dimensions and a floating dtype.

    >>> import chainrule as cr
    >>> w = cr.nn.init.kaiming_uniform_(cr.empty(3, 6))
    >>> bool((w.abs() <= 1).all())
    True
    """
    if 0 in raw_shape(tensor):
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Normal with deviation gain / sqrt(fan) (He et al. 2015).

    A tensor of 2 or more dimensions and a floating dtype; fan_in is the size of dimension 1 and those after it.

    >>> import chainrule as cr
    >>> cr.nn.init.kaiming_normal_(cr.empty(3, 4)).shape
    torch.Size([3, 4])
    """
    if 0 in raw_shape(tensor):
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """A matrix with orthonormal rows or columns, times gain (Saxe et al. 2014).

    A tensor of 2 or more dimensions, seen as a matrix of its first dimension by the rest; floating dtypes.

    >>> import chainrule as cr
    >>> w = cr.nn.init.orthogonal_(cr.empty(2, 3))
    >>> cr.allclose(w @ w.T, cr.eye(2), atol=1e-5)
    True
    """
    shape = raw_shape(tensor)
    if len(shape) < 2:
        raise ShapeError("Only tensors with 2 or more dimensions are supported")
    rows, columns = shape[0], math.prod(shape[1:])
    normal_(tensor, generator=generator)
    flat = np.asarray(tensor.detach()._data, np.float64).reshape(rows, columns)
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q = q * np.sign(np.diag(r))
    return _write(tensor, gain * (q.T if rows < columns else q).reshape(shape))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Normal values with a share `sparsity` of each column set to zero.

    A matrix of a floating dtype.

    >>> import chainrule as cr
    >>> w = cr.nn.init.sparse_(cr.empty(10, 3), sparsity=0.5)
    >>> (w == 0).sum(0)
    tensor([5, 5, 5])
    """
    shape = raw_shape(tensor)
    if len(shape) != 2:
        raise ShapeError("Only tensors with 2 dimensions are supported")
    zeros = math.ceil(sparsity * shape[0])
    uniform_(tensor, generator=generator)
    order = np.argsort(tensor.detach()._data, axis=0)[:zeros]
    normal_(tensor, 0.0, std, generator)
    values = np.array(tensor.detach()._data)
    np.put_along_axis(values, order, 0, axis=0)
    return _write(tensor, values)


def _older(name: str) -> Callable:
    """The function without the underscore, which PyTorch deprecated."""
    newer = globals()[f"{name}_"]

    @wraps(newer)
    def op(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{name}` is now deprecated in favor of `nn.init.{name}_`.", FutureWarning, stacklevel=2)
        return newer(*args, **kwargs)

    return op


constant, dirac, eye, kaiming_normal, kaiming_uniform, normal = map(
    _older, ("constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal")
)
orthogonal, sparse, uniform, xavier_normal, xavier_uniform = map(
    _older, ("orthogonal", "sparse", "uniform", "xavier_normal", "xavier_uniform")
)

__all__ = [n for n in dir() if n.endswith("_") and not n.startswith("_")] + ["calculate_gain"]
