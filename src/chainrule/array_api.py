"""The Python array API standard 2024.12 over tensors: standard names and signatures, all differentiable.

`x.__array_namespace__()` gives this module, so that libraries written to the standard take tensors. The default float
is float32, as everywhere here. Three deviations, where tensors keep PyTorch's habits: `x.size` is a method (write
`x.numel()` or `math.prod(x.shape)`); an operator between a tensor of no dimensions and another of the same kind keeps
the other's dtype (the functions of this module promote); and infinities in `//` give nan, as they do in NumPy.

>>> import chainrule as cr
>>> xp = cr.ones(2, 3).__array_namespace__()
>>> xp.permute_dims(xp.concat([xp.zeros((1, 3)), cr.ones(2, 3)]), (1, 0)).shape
torch.Size([3, 3])
"""

from math import e, inf, nan, pi

from .core.dtypes import bool_ as bool
from .core.dtypes import (
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .doors import standard_fft as fft
from .doors import standard_linalg as linalg
from .doors.standard import __array_namespace_info__, astype, can_cast, finfo, iinfo, isdtype, result_type
from .doors.standard_creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tril,
    triu,
    zeros,
    zeros_like,
)
from .doors.standard_math import *  # noqa: F403
from .doors.standard_math import __all__ as _math_names
from .doors.standard_searching import (
    argmax,
    argmin,
    argsort,
    count_nonzero,
    nonzero,
    searchsorted,
    sort,
    take,
    take_along_axis,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
    where,
)
from .doors.standard_shapes import (
    broadcast_arrays,
    broadcast_to,
    concat,
    expand_dims,
    flip,
    moveaxis,
    permute_dims,
    repeat,
    reshape,
    roll,
    squeeze,
    stack,
    tile,
    unstack,
)

newaxis = None
__array_api_version__ = "2024.12"
SUPPORTED_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")

__all__ = [
    *_math_names, "e", "inf", "nan", "newaxis", "pi", "bool", "complex64", "complex128", "float32", "float64", "int8",
    "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "fft", "linalg", "__array_namespace_info__",
    "arange", "argmax", "argmin", "argsort", "asarray", "astype", "broadcast_arrays", "broadcast_to", "can_cast",
    "concat", "count_nonzero", "empty", "empty_like", "expand_dims", "eye", "finfo", "flip", "from_dlpack", "full",
    "full_like", "iinfo", "isdtype", "linspace", "meshgrid", "moveaxis", "nonzero", "ones", "ones_like",
    "permute_dims", "repeat", "reshape", "result_type", "roll", "searchsorted", "sort", "squeeze", "stack", "take",
    "take_along_axis", "tile", "tril", "triu", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    "unstack", "where", "zeros", "zeros_like",
]  # fmt: skip
