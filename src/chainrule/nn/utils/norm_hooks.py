"""weight_norm and spectral_norm by forward pre-hooks, with PyTorch's names in state_dict: weight_g, weight_v, weight_u.

Before each call of the module, the tensor is computed anew and stored as a plain attribute under its old name. The
functions of the same names in `parametrizations` compute it whenever it is read.
"""

from __future__ import annotations

from typing import Any

from ...core.errors import ArgumentError, GraphError
from ...core.value import raw_shape
from ...tensor.modes import no_grad
from ..module import Module
from ..parameter import Parameter, Uninitialized
from .parametrizations import norm_except


class WeightNorm:
    """The hook of weight_norm: sets `module.name` to g v / |v|, from the parameters name_g and name_v.

    >>> import chainrule as cr
    >>> layer = weight_norm(cr.nn.Linear(3, 2))
    >>> isinstance(list(layer._forward_pre_hooks.values())[0], WeightNorm)
    True
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def compute_weight(self, module: Module) -> Any:
        """g v / |v|."""
        v = getattr(module, f"{self.name}_v")
        return v * (getattr(module, f"{self.name}_g") / norm_except(v, self.dim))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module: Module) -> None:
        """Make the tensor a parameter again."""
        with no_grad():
            weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[f"{self.name}_g"], module._parameters[f"{self.name}_v"]
        setattr(module, self.name, Parameter(weight))


class SpectralNorm:
    """The hook of spectral_norm: sets `module.name` to name_orig / sigma, sigma = u^T W v from the buffers u and v.

    >>> import chainrule as cr
    >>> layer = spectral_norm(cr.nn.Linear(3, 2))
    >>> isinstance(list(layer._forward_pre_hooks.values())[0], SpectralNorm)
    True
    """

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def matrix(self, weight: Any) -> Any:
        """The tensor as a matrix whose rows are its slices along `dim`."""
        moved = weight.movedim(self.dim, 0)
        return moved.reshape(raw_shape(moved)[0], -1)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Any:
        """name_orig / sigma, after power iterations that change u and v in place."""
        from .. import functional as F  # noqa: N812

        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = self.matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.mT.mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # the next call's iterations leave the saved ones alone
        return weight / u.dot(matrix.mv(v))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def remove(self, module: Module) -> None:
        """Make the tensor a parameter again."""
        with no_grad():
            weight = self.compute_weight(module, False)
        for end in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + end)
        module.register_parameter(self.name, Parameter(weight.detach()))


def _hooked(module: Module, name: str, kind: type) -> tuple[Any, Any]:
    """(key, hook) of the hook of this kind on this tensor, or (None, None)."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return key, hook
    return None, None


def _plain(module: Module, name: str, kind: type, function: str) -> Any:
    """The parameter that is to be normalised; errors where it cannot be."""
    if _hooked(module, name, kind)[1] is not None:
        raise GraphError(f"Cannot register two {function} hooks on the same parameter {name}")
    weight = getattr(module, name)
    if isinstance(weight, Uninitialized):
        raise ArgumentError(
            f"The module passed to {function} can't have uninitialized parameters. Make sure to run a dummy forward "
            f"before applying {function}"
        )
    return weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Split a weight into magnitude g and direction v, trained separately: weight = g v / |v|.

    g has size 1 but in `dim` (None: one magnitude for all), v the weight's shape. Salimans and Kingma 2016.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.weight_norm(cr.nn.Linear(3, 2))
    >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
    {'bias': (2,), 'weight_g': (2, 1), 'weight_v': (2, 3)}
    """
    weight = _plain(module, name, WeightNorm, "weight_norm")
    hook = WeightNorm(name, dim)
    del module._parameters[name]
    module.register_parameter(f"{name}_g", Parameter(norm_except(weight.detach(), dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    hook(module, ())
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with its present value, shape and dtype.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.weight_norm(cr.nn.Linear(2, 2))
    >>> sorted(dict(cr.nn.utils.remove_weight_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return _removed(module, name, WeightNorm, "weight_norm")


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, estimated by power iteration.

    The weight's shape and dtype stay; `dim` gives the rows of its matrix form (default 0; 1 for transposed
    convolutions). Miyato et al. 2018.

    >>> import chainrule as cr
    >>> list(cr.nn.utils.spectral_norm(cr.nn.Linear(3, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    from .. import functional as F  # noqa: N812

    if n_power_iterations <= 0:
        raise ArgumentError(
            f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
        )
    weight = _plain(module, name, SpectralNorm, "spectral_norm")
    if dim is None:
        dim = 1 if any(c.__name__.startswith("ConvTranspose") for c in type(module).__mro__) else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    rows, columns = raw_shape(hook.matrix(weight.detach()))
    u, v = (F.normalize(weight.detach().new_empty(n).normal_(0, 1), dim=0, eps=eps) for n in (rows, columns))
    del module._parameters[name]
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.detach())
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make the weight a plain parameter again, with its present value, shape and dtype.

    >>> import chainrule as cr
    >>> layer = cr.nn.utils.spectral_norm(cr.nn.Linear(2, 2))
    >>> sorted(dict(cr.nn.utils.remove_spectral_norm(layer).named_parameters()))
    ['bias', 'weight']
    """
    return _removed(module, name, SpectralNorm, "spectral_norm")


def _removed(module: Module, name: str, kind: type, function: str) -> Module:
    key, hook = _hooked(module, name, kind)
    if hook is None:
        raise ArgumentError(f"{function} of '{name}' not found in {module}")
    hook.remove(module)
    del module._forward_pre_hooks[key]
    return module
