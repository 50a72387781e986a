"""Pruning: elements or channels of a module's tensors held at zero by a mask.

A pruned tensor `name` becomes the parameter `name_orig` and the buffer `name_mask`; before each call of the module
their product is stored under the old name. Further prunings act on what is left. `remove` makes the zeros permanent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...core.errors import ArgumentError, ArgumentTypeError
from ...core.value import Tensor
from ...tensor.modes import no_grad
from ..module import Module
from ..parameter import Parameter


def _count(amount: Any, size: int) -> int:
    """How many of `size` are to be pruned: an int, or a share in [0, 1]."""
    if isinstance(amount, bool) or not isinstance(amount, (int, float)):
        raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (isinstance(amount, float) and amount > 1.0):
        raise ArgumentError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
    if isinstance(amount, int):
        if amount > size:
            raise ArgumentError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
        return amount
    return round(amount * size)


class BasePruningMethod:
    """A way to choose what to prune; subclasses define PRUNING_TYPE and compute_mask(t, default_mask).

    PRUNING_TYPE is "unstructured" (single elements), "structured" (whole slices, along `dim`) or "global".

    >>> import chainrule as cr
    >>> from chainrule.nn.utils import prune
    >>> class EveryOther(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[::2] = 0
    ...         return mask
    >>> _ = EveryOther.apply(cr.nn.Linear(2, 2), "bias")
    """

    PRUNING_TYPE = "unstructured"
    _tensor_name = ""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of 0 and 1, in t's shape, that is to be applied on top of `default_mask`."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute_mask(t, default_mask)")

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    def apply_mask(self, module: Module) -> Tensor:
        """name_mask * name_orig of the module."""
        name = self._tensor_name
        if not name:
            raise ArgumentError(f"Module {module} has to be pruned")
        mask, original = getattr(module, f"{name}_mask"), getattr(module, f"{name}_orig")
        return mask.to(original.dtype) * original

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` with the chosen elements set to zero."""
        scores = t if importance_scores is None else importance_scores
        return t * self.compute_mask(scores, t.new_ones(t.shape) if default_mask is None else default_mask)

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune `module.name` with cls(*args, **kwargs), on top of earlier prunings; returns the method."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        key, before = _pruning_of(module, name)
        tensor = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != tensor.shape:
            raise ArgumentError(
                f"importance_scores should have the same shape as parameter {name} of {module}: "
                f"{tuple(importance_scores.shape)} is not {tuple(tensor.shape)}"
            )
        scores = (tensor if importance_scores is None else importance_scores).detach()
        if before is None:
            original, mask = tensor, tensor.detach().new_ones(tensor.shape)
        else:
            original, mask = getattr(module, f"{name}_orig"), getattr(module, f"{name}_mask")
            method = PruningContainer._joined(before, method)
        with no_grad():
            mask = method.compute_mask(scores, mask).to(original.dtype)
        if before is None:
            if isinstance(original, Parameter):
                del module._parameters[name]
                module.register_parameter(f"{name}_orig", original)
            else:
                module.register_buffer(f"{name}_orig", original)
        else:
            module._forward_pre_hooks.pop(key)
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def remove(self, module: Module) -> None:
        """Store the pruned values in the parameter itself, and forget the mask."""
        name = self._tensor_name
        values = self.apply_mask(module).detach()
        original = module._parameters.pop(f"{name}_orig", None)
        del module._buffers[f"{name}_mask"]
        if name in module.__dict__:
            delattr(module, name)
        if original is None:
            del module._buffers[f"{name}_orig"]
            module.register_buffer(name, values)
        else:
            original.data = values
            module.register_parameter(name, original)


def _pruning_of(module: Module, name: str) -> tuple[Any, BasePruningMethod | None]:
    """The hook, with its key, that prunes this tensor of the module."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None, None


class PruningContainer(BasePruningMethod):
    """Several prunings of one tensor, one after the other; each sees what the earlier ones left.

    >>> import chainrule as cr
    >>> from chainrule.nn.utils import prune
    >>> net = prune.random_unstructured(prune.l1_unstructured(cr.nn.Linear(3, 2), "weight", 2), "weight", 1)
    >>> int(net.weight_mask.sum())
    3
    """

    PRUNING_TYPE = "container"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods = tuple(methods)
        if methods:
            self._tensor_name = methods[0]._tensor_name

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same tensor at the end; None adds nothing."""
        if method is None:
            return
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if self._tensor_name and method._tensor_name != self._tensor_name:
            raise ArgumentError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to this "
                f"PruningContainer, not on '{method._tensor_name}'"
            )
        self._pruning_methods = (*self._pruning_methods, method)

    @classmethod
    def _joined(cls, before: BasePruningMethod, last: BasePruningMethod) -> PruningContainer:
        earlier = before._pruning_methods if isinstance(before, PruningContainer) else (before,)
        return cls(*earlier, last)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __getitem__(self, i: int) -> BasePruningMethod:
        return self._pruning_methods[i]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The newest method's mask for the elements (or slices) that are left, joined with what was there."""
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            left = mask == 1
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            alive = mask.sum([d for d in range(t.ndim) if d != dim]) != 0
            left = (slice(None),) * dim + (alive,)  # type: ignore[assignment]
        elif method.PRUNING_TYPE == "global":
            left = (slice(None),)  # type: ignore[assignment]
        else:
            raise ArgumentError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        mask = mask.clone()
        mask[left] = method.compute_mask(t[left], mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing, and brings mask and original into being.

    >>> import chainrule as cr
    >>> module = cr.nn.Linear(2, 1)
    >>> method = cr.nn.utils.prune.Identity.apply(module, "weight")
    >>> module.weight_mask
    tensor([[1., 1.]])
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class CustomFromMask(BasePruningMethod):
    """Prunes where the given mask is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(default_mask.dtype)


class RandomUnstructured(BasePruningMethod):
    """Prunes elements by chance: `amount` of them, an int or a share.

    >>> import chainrule as cr
    >>> module = cr.nn.Linear(4, 1)
    >>> method = cr.nn.utils.prune.RandomUnstructured.apply(module, "weight", amount=2)
    >>> int(module.weight_mask.sum())
    2
    """

    def __init__(self, amount: Any) -> None:
        _count(amount, 2**63)
        self.amount = amount

    def scores(self, t: Tensor) -> Tensor:
        """The smallest are pruned."""
        return t.detach().new_empty(t.shape).uniform_()

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        mask, count = default_mask.clone(), _count(self.amount, t.numel())
        if count:
            mask.view(-1)[self.scores(t).reshape(-1).topk(count, largest=False).indices] = 0
        return mask


class L1Unstructured(RandomUnstructured):
    """Prunes the elements of least absolute value: `amount` of them, an int or a share.

    >>> import chainrule as cr
    >>> module = cr.nn.Linear(4, 1)
    >>> method = cr.nn.utils.prune.L1Unstructured.apply(module, "weight", amount=2)
    >>> int(module.weight_mask.sum())
    2
    """

    def scores(self, t: Tensor) -> Tensor:
        return t.detach().abs()


class RandomStructured(BasePruningMethod):
    """Prunes whole slices along `dim` by chance: `amount` of them, an int or a share.

    >>> import chainrule as cr
    >>> module = cr.nn.Linear(4, 2)
    >>> method = cr.nn.utils.prune.RandomStructured.apply(module, "weight", amount=1, dim=0)
    >>> int(module.weight_mask.sum())
    4
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        _count(amount, 2**63)
        self.amount, self.dim = amount, dim

    def scores(self, t: Tensor) -> Tensor:
        """One number a slice; the smallest are pruned."""
        return t.detach().new_empty(t.shape[self.dim]).uniform_()

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ArgumentError(
                f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{tuple(t.shape)} with {t.ndim} dims"
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise IndexError(f"Invalid index {self.dim} for tensor of size {tuple(t.shape)}")
        mask, count = default_mask.clone(), _count(self.amount, t.shape[self.dim])
        if count:
            mask.movedim(self.dim, 0)[self.scores(t).topk(count, largest=False).indices] = 0
        return mask


class LnStructured(RandomStructured):
    """Prunes the slices along `dim` of least norm of order n: `amount` of them, an int or a share.

    >>> import chainrule as cr
    >>> module = cr.nn.Linear(4, 2)
    >>> method = cr.nn.utils.prune.LnStructured.apply(module, "weight", amount=1, n=2, dim=0)
    >>> int(module.weight_mask.sum())
    4
    """

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def scores(self, t: Tensor) -> Tensor:
        others = [d for d in range(t.ndim) if d != self.dim % t.ndim]
        return t.detach().norm(p=self.n, dim=others)


def identity(module: Module, name: str) -> Module:
    """Prune nothing: only the mask of ones and the original come into being. Returns the module.

    >>> import chainrule as cr
    >>> list(identity(cr.nn.Linear(2, 1, bias=False), "weight").state_dict())
    ['weight_orig', 'weight_mask']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Any) -> Module:
    """Prune `amount` elements (an int, or a share in [0, 1]) of module.name by chance. Returns the module.

    >>> import chainrule as cr
    >>> int((random_unstructured(cr.nn.Linear(3, 2), "weight", 2).weight_mask == 0).sum())
    2
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: Module, name: str, amount: Any, importance_scores: Tensor | None = None) -> Module:
    """Prune the `amount` elements of least absolute value (or score) of module.name. Returns the module.

    >>> import chainrule as cr
    >>> net = cr.nn.Linear(3, 1)
    >>> _ = net.weight.data.copy_(cr.tensor([[0.1, -2.0, 3.0]]))
    >>> l1_unstructured(net, "weight", 1).weight_mask
    tensor([[0., 1., 1.]])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Any, dim: int) -> Module:
    """Prune `amount` slices along `dim` of module.name by chance. Returns the module.

    >>> import chainrule as cr
    >>> random_structured(cr.nn.Linear(3, 2), "weight", 1, dim=0).weight_mask.sum(1).sort().values
    tensor([0., 3.])
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the `amount` slices along `dim` of least norm of order n of module.name. Returns the module.

    >>> import chainrule as cr
    >>> net = cr.nn.Linear(2, 2)
    >>> _ = net.weight.data.copy_(cr.tensor([[3.0, 4.0], [1.0, 1.0]]))
    >>> ln_structured(net, "weight", 1, n=2, dim=0).weight_mask
    tensor([[1., 1.],
            [0., 0.]])
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune module.name where `mask`, of the same shape, is 0. Returns the module.

    >>> import chainrule as cr
    >>> bool(custom_from_mask(cr.nn.Linear(2, 1), "bias", cr.tensor([0])).bias == 0)
    True
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable, pruning_method: Callable, importance_scores: dict | None = None, **kwargs: Any
) -> None:
    """Prune tensors together: `parameters` is a list of (module, name), the method chooses among all their elements.

    >>> import chainrule as cr
    >>> net = cr.nn.Sequential(cr.nn.Linear(3, 2), cr.nn.Linear(2, 1))
    >>> global_unstructured([(net[0], "weight"), (net[1], "weight")], L1Unstructured, amount=3)
    >>> int(net[0].weight_mask.sum() + net[1].weight_mask.sum())
    5
    """
    from ...ops.joining import cat

    pairs = list(parameters)
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found {pruning_method} of type '
            f"{method.PRUNING_TYPE}"
        )
    given = importance_scores or {}
    tensors = [getattr(module, name).detach() for module, name in pairs]
    scores = [given.get(pair, t) for pair, t in zip(pairs, tensors, strict=True)]
    masks = [
        getattr(module, f"{name}_mask", t.new_ones(t.shape)) for (module, name), t in zip(pairs, tensors, strict=True)
    ]
    container = PruningContainer(method)
    final = container.compute_mask(cat([s.reshape(-1) for s in scores]), cat([m.reshape(-1) for m in masks]))
    start = 0
    for (module, name), t in zip(pairs, tensors, strict=True):
        custom_from_mask(module, name, final[start : start + t.numel()].reshape(t.shape))
        start += t.numel()


def remove(module: Module, name: str) -> Module:
    """Make the pruning of module.name permanent: the parameter holds the zeros, the mask goes. Returns the module.

    >>> import chainrule as cr
    >>> list(remove(l1_unstructured(cr.nn.Linear(2, 1), "weight", 1), "weight").state_dict())
    ['bias', 'weight']
    """
    key, method = _pruning_of(module, name)
    if method is None:
        raise ArgumentError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Is a tensor of the module, or of one inside it, pruned?

    >>> import chainrule as cr
    >>> net = cr.nn.Sequential(cr.nn.Linear(2, 1))
    >>> is_pruned(net), is_pruned(identity(net[0], "weight")), is_pruned(net)
    (False, True, True)
    """
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())
