"""chainrule: automatic differentiation with PyTorch's habits, NumPy's arrays and JAX's transformations.

>>> import chainrule as cr
>>> x = cr.tensor([1.0, 2.0], requires_grad=True)
>>> (x ** 2).sum().backward()
>>> x.grad
tensor([2., 4.])

The public names are those of the families of operations below (each module's `__all__`), of tensor/ and core/, and the
namespaces at the end. Namespaces, and families that few programs need, are imported when first used.
"""

# ruff: noqa: F403, I001 (families are star-imported by their __all__, and order matters where names hide Python's)
import warnings as _warnings
from importlib import import_module as _import_module
from math import e, inf, nan, pi
from typing import TYPE_CHECKING as _TYPE_CHECKING, Any as _Any

from . import autograd
from .core.dtypes import (
    bfloat16,
    can_cast,
    complex64,
    complex128,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    set_default_dtype,
    uint8,
    uint16,
    uint32,
    uint64,
)
from .core.value import Tensor
from .ops.arithmetic import *
from .ops.bitwise import *
from .ops.comparison import *
from .ops.complex import *
from .ops.contraction import *
from .ops.exponential import *
from .ops.extrema import *
from .ops.hyperbolic import *
from .ops.indexing import *
from .ops.joining import *
from .ops.masks import *
from .ops.random import *
from .ops.reductions import *
from .ops.rounding import *
from .ops.scatter import *
from .ops.shape import *
from .ops.trigonometric import *
from .ops.views import *
from .ops.arithmetic import add_op as _add, div_op as _div, neg_op as _neg, sub_op as _sub
from .tensor.attributes import Size, device
from .tensor.creation import *
from .tensor.devices import (
    GradScaler,
    are_deterministic_algorithms_enabled,
    autocast,
    compile,
    get_num_threads,
    is_autocast_enabled,
    set_default_device,
    set_num_threads,
    use_deterministic_algorithms,
)
from .tensor.layouts import *
from .tensor.legacy import *
from .tensor.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .tensor.printing import get_printoptions, printoptions, set_printoptions
from .tensor.random import fork_rng
from .tensor.settings import *
from .tensor.sizes import *
from .tensor.storage import as_strided_, resize_as_

if _TYPE_CHECKING:  # families that are imported when one of their names is first used: ops/later.py
    from .ops.activations import *
    from .ops.adaptive_pooling import *
    from .ops.calculus import *
    from .ops.clipped_activations import *
    from .ops.convolution import *
    from .ops.copies import *
    from .ops.ctc import *
    from .ops.diagonal import *
    from .ops.distance import *
    from .ops.embedding import *
    from .ops.histograms import *
    from .ops.index_reduce import *
    from .ops.low_rank import *
    from .ops.matrix import *
    from .ops.normalization import *
    from .ops.patches import *
    from .ops.pooling import *
    from .ops.products import *
    from .ops.quantiles import *
    from .ops.rearrange import *
    from .ops.scans import *
    from .ops.softmax import *
    from .ops.sorting import *
    from .ops.special import *
    from .ops.statistics import *
    from .ops.windows import *
    from .tensor.older import *

from .core.memory import keep_freed_memory as _keep_freed_memory
from . import doors as _doors
from .tensor import autograd as _autograd
from .tensor import conversion as _conversion
from .tensor import creation as _creation
from .tensor import hooks as _hooks
from .tensor import inplace as _inplace
from .tensor import layouts as _layouts
from .tensor import methods as _methods
from .tensor import operators as _operators
from .tensor import outs as _outs
from .tensor import printing as _printing
from .tensor import random as _random
from .tensor import sizes as _sizes
from .tensor import storage as _storage

_methods.attach_families()
_methods.attach_later()
_operators.attach_operators(globals(), {"add": _add, "sub": _sub, "div": _div, "neg": _neg})
for _part in (
    *(_inplace, _hooks, _autograd, _creation, _conversion, _random, _printing, _doors, _layouts, _sizes, _storage),
):
    _part.install()
_methods.attach_functions(globals())
_outs.attach(globals())

__version__ = "0.1.0"

_keep_freed_memory()

# Infinities and NaN are results, as in PyTorch; NumPy's warnings about them inside our own code would only point there.
_warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"chainrule\.")

# PyTorch's second names; last, because some hide Python's own in this namespace.
double, half, cfloat, cdouble, long, short = float64, float16, complex64, complex128, int64, int16
from .core.dtypes import bool_ as bool, float32 as float, int32 as int  # noqa: E402

_NAMESPACES = (
    *("_C", "accelerator", "amp", "array_api", "articles", "backends", "cuda", "distributed", "distributions"),
    *("estimators", "explain", "fft", "func", "graph", "linalg", "methods", "mps", "multiprocessing"),
    *("nn", "optim", "random", "serialization", "signal"),
    *("special", "testing", "train", "utils", "version", "xpu"),
)
# names from modules that few programs need
_LAZY = {
    **{"save": ".utils.serialization", "load": ".utils.serialization", "vmap": ".func"},
    **{"why_nan": ".tensor.why", "why_none": ".tensor.why", "where_made": ".tensor.why_none"},
}
_RENAMED = {"where_made": "where"}


def __getattr__(name: str) -> _Any:
    family = _methods.family_of(name)
    if family is not None:
        _methods.load(family)
        return globals()[name]
    if name == "__all__":  # of `from chainrule import *`: all but the namespaces
        return [n for n in __dir__() if not n.startswith("_") and n not in _NAMESPACES]
    if name in _NAMESPACES:
        return _import_module(f".{name}", __name__)
    if name in _LAZY:
        return getattr(_import_module(_LAZY[name], __name__), _RENAMED.get(name, name))
    from .core.absent import instead

    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{instead(name)}")


def __dir__() -> list:
    from .ops.later import LATER

    later = [name for names, _ in LATER.values() for name in names.split()]
    return sorted({*globals(), *later, *_NAMESPACES, *_LAZY})
