"""chainrule: automatic differentiation with PyTorch's habits, NumPy's arrays and JAX's transformations."""

from importlib import import_module as _import_module

from .core.dtypes import *  # noqa: F403
from .core.value import Tensor
from .tensor import attributes as _attributes
from .tensor import methods as _methods
from .tensor import operators as _operators
from .tensor.attributes import Size, device

for _name in (
    "safe arithmetic exponential trigonometric hyperbolic rounding comparison bitwise complex special "
    "reductions extrema scans sorting statistics quantiles histograms calculus "
    "shape views rearrange patches joining indexing scatter masks diagonal "
    "contraction matrix fourier windows "
    "activations softmax losses classification_losses ctc convolution pooling adaptive_pooling normalization embedding "
    "padding resampling attention distance dropout random"
).split():
    try:
        _module = _import_module(f".ops.{_name}", __name__)
    except ModuleNotFoundError:
        continue
    except Exception as _error:  # temporary, while several modules are being written at once
        import sys as _sys
        print("BROKEN", _name, repr(_error)[:200], file=_sys.stderr)
        continue
    for _public in getattr(_module, "__all__", ()):
        globals()[_public] = getattr(_module, _public)
    _methods.attach(_module)
try:
    from .tensor.creation import *  # noqa: F403
except ModuleNotFoundError:
    pass
from .ops import arithmetic as _arithmetic
_hot = {"add": _arithmetic.add_op, "sub": _arithmetic.sub_op, "div": _arithmetic.div_op, "neg": _arithmetic.neg_op}
_operators.attach_operators(globals(), _hot)
from . import autograd
from .tensor import autograd as _autograd, hooks as _hooks, inplace as _inplace
from .tensor.modes import *  # noqa: F403
from .tensor.modes import no_grad, enable_grad, set_grad_enabled, inference_mode, is_grad_enabled, is_inference_mode_enabled
from .tensor.why import where as where_made, why_nan, why_none
_inplace.install(); _hooks.install(); _autograd.install()
for _name in "tensor.creation tensor.conversion tensor.random tensor.printing doors".split():
    try:
        _module = _import_module(f".{_name}", __name__)
    except ModuleNotFoundError:
        continue
    for _public in getattr(_module, "__all__", ()):
        globals()[_public] = getattr(_module, _public)
    try:
        _module.install()
    except NameError as _error:  # temporary, while several modules are being written at once
        print("BROKEN install", _error)
from .core.dtypes import bool_ as bool, float32 as float, float64 as double, float16 as half, int64 as long
from .core.dtypes import int32 as int, int16 as short, complex64 as cfloat, complex128 as cdouble


def __getattr__(name):
    if name in ("nn", "optim", "utils", "func", "linalg", "fft", "special", "graph", "train", "estimators", "explain"):
        module = _import_module(f".{name}", __name__)
        globals()[name] = module
        return module
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
