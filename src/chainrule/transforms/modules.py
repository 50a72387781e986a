"""Modules as functions of their parameters: functional_call, stack_module_state, per-sample gradients, curvature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..core.errors import ArgumentError, ArgumentTypeError
from ..core.pytree import tree_map
from ..core.value import Tensor, raw_shape, wrap

__all__ = [
    "fisher_product",
    "functional_call",
    "ggn_product",
    "module_hessian",
    "module_hvp",
    "per_sample_grads",
    "stack_module_state",
]


def _owner(module: Any, name: str) -> tuple[Any, str]:
    *path, last = name.split(".")
    for step in path:
        module = getattr(module, step)
    return module, last


def _tables(owner: Any, name: str) -> dict:
    """The dictionary that holds a parameter or buffer."""
    for table in ("_parameters", "_buffers"):
        found = owner.__dict__.get(table)
        if found is not None and name in found:
            return found
    return owner.__dict__


@contextmanager
def _swapped(module: Any, values: dict, tie_weights: bool) -> Iterator[None]:
    """The module with tensors replaced, for one with statement; tied ones follow each other."""
    names = dict(values)
    if tie_weights:
        every = [*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False)]
        groups: dict[int, list[str]] = {}
        for name, t in every:
            groups.setdefault(id(t), []).append(name)
        for group in groups.values():
            given = [n for n in group if n in values]
            if len({id(values[n]) for n in given}) > 1:
                raise ArgumentError(
                    f"functional_call got multiple values for keys {sorted(given)}, which are tied. Consider using "
                    f"tie_weights=False"
                )
            for n in group if given else ():
                names[n] = values[given[0]]
    places = []
    try:
        for name, value in names.items():
            owner, last = _owner(module, name)
            table = _tables(owner, last)
            places.append((table, last, table[last]))
            table[last] = value
        yield
        for table, last, _ in places:  # buffers that the module rebound are given back to the caller
            for name, value in values.items():
                same = name.rsplit(".", 1)[-1] == last and table is _tables(*_owner(module, name))
                if same and table[last] is not value:
                    values[name] = table[last]
    finally:
        for table, last, old in reversed(places):
            table[last] = old


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """module(*args, **kwargs) with its parameters and buffers replaced by those given, by name.

    Args:
        parameter_and_buffer_dicts: a dict of tensors, or several; names as in `module.named_parameters()`. What is not
            named stays the module's own.
        args: a tuple of arguments, or a single one.
        tie_weights: parameters shared in the module stay shared.
        strict: all names must be given.

    Raises:
        ArgumentError: an unknown name (or with strict, a missing one), or a name given twice.

    The new values have the shapes of those they replace.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> values = {"weight": cr.tensor([[2.0]]), "bias": cr.tensor([1.0])}
    >>> cr.func.functional_call(model, values, (cr.tensor([3.0]),))
    tensor([7.])
    """
    if not hasattr(module, "named_parameters"):
        raise ArgumentTypeError(f"functional_call: expects a module, but got {type(module).__name__}")
    given: dict = {}
    dicts = parameter_and_buffer_dicts
    if isinstance(dicts, dict):
        dicts = (dicts,)
    if not isinstance(dicts, Sequence) or not all(isinstance(d, dict) for d in dicts):
        raise ArgumentError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts).__name__}"
        )
    for d in dicts:
        twice = [k for k in d if k in given]
        if twice:
            raise ArgumentError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
        given.update(d)
    known = {
        n for n, _ in (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    }
    unknown = [k for k in given if k not in known]
    if unknown:
        kind = type(module).__name__
        raise ArgumentError(
            f"functional_call: {kind} has no parameter or buffer {unknown[0]!r}; it has {sorted(known)}"
        )
    if strict and known - set(given):
        raise ArgumentError(f"functional_call: strict=True, but these names are missing: {sorted(known - set(given))}")
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _swapped(module, given, tie_weights):
        return module(*arguments, **(kwargs or {}))


def stack_module_state(models: Any) -> tuple[dict, dict]:
    """(parameters, buffers) of several modules of one structure, stacked along a new dimension 0, for vmap.

    Parameters are new leaves that require grad where the modules' do.

    N modules: each value has shape (N, *its shape).

    >>> import chainrule as cr
    >>> params, buffers = cr.func.stack_module_state([cr.nn.Linear(2, 1) for _ in range(3)])
    >>> params["weight"].shape
    torch.Size([3, 1, 2])
    """
    from ..ops.joining import stack

    given = list(models)
    if not given:
        raise ArgumentError("stack_module_state: Expected at least one model, got 0.")
    if not all(type(m) is type(given[0]) for m in given):
        raise ArgumentError("stack_module_state: Expected all models to be of the same class.")
    if any(m.training != given[0].training for m in given):
        raise ArgumentError("stack_module_state: Expected all models to have the same training/eval mode.")

    def stacked(tables: list[dict], leaf: bool) -> dict:
        out = {}
        for name, first in tables[0].items():
            shapes = {raw_shape(t[name]) for t in tables}
            if len(shapes) > 1:
                raise ArgumentError(f"stack_module_state: {name} differs in shape between models: {sorted(shapes)}")
            t = stack([x[name].detach() for x in tables], 0)
            out[name] = t.requires_grad_() if leaf and first.requires_grad else t
        return out

    params = stacked([dict(m.named_parameters()) for m in given], True)
    return params, stacked([dict(m.named_buffers()) for m in given], False)


def _parameters(module: Any) -> dict[str, Tensor]:
    return {name: wrap(p._data) if type(p) is Tensor else p for name, p in module.named_parameters()}


def _loss_of(module: Any, loss: Callable, batch: tuple) -> Callable:
    """params -> loss(module(*inputs), target), for batch = (*inputs, target)."""
    *inputs, target = batch

    def function(params: dict) -> Any:
        return loss(functional_call(module, params, tuple(inputs)), target)

    return function


def per_sample_grads(module: Any, loss: Callable, *batch: Any, randomness: str = "different") -> dict[str, Tensor]:
    """Gradients of loss(module(*inputs), target) for each sample by itself, by parameter name.

    `batch` is (*inputs, target), each with the samples along dimension 0; every gradient has that dimension in front.

    Each gradient has shape (N, *parameter shape) for N samples.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(2, 1)
    >>> grads = cr.func.per_sample_grads(model, cr.nn.MSELoss(), cr.ones(4, 2), cr.zeros(4, 1))
    >>> grads["weight"].shape
    torch.Size([4, 1, 2])
    """
    from .func import grad
    from .vectorise import vmap

    each = vmap(grad(_one_sample(module, loss)), (None, *[0] * len(batch)), randomness=randomness)
    return each(_parameters(module), *batch)


def _one_sample(module: Any, loss: Callable) -> Callable:
    """(params, *sample) -> loss of the sample, as a batch of one."""

    def one(params: dict, *sample: Any) -> Any:
        kept = tuple(tree_map(lambda x: x.unsqueeze(0), s) for s in sample)
        return _loss_of(module, loss, kept)(params)

    return one


def module_hvp(module: Any, loss: Callable, vector: dict, *batch: Any) -> dict[str, Tensor]:
    """Product of the Hessian of loss(module(*inputs), target) by the parameters with `vector` (by parameter name).

    `vector` and the product have the parameters' shapes.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> v = {name: cr.ones_like(p) for name, p in model.named_parameters()}
    >>> cr.func.module_hvp(model, cr.nn.MSELoss(), v, cr.ones(4, 1), cr.zeros(4, 1))["bias"]
    tensor([4.])
    """
    from .jacobian import hvp

    return hvp(_loss_of(module, loss, batch), (_parameters(module),), (vector,))[0]


def ggn_product(module: Any, loss: Callable, vector: dict, *batch: Any) -> dict[str, Tensor]:
    """Product of the generalised Gauss-Newton matrix J^T H J with `vector`.

    J is the Jacobian of the module's output by its parameters, H the Hessian of the loss by that output. For the
    negative log-likelihood of an exponential family (cross entropy, mean squared error) this is the Fisher matrix.

    `vector` and the product have the parameters' shapes, by name. Schraudolph 2002.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> v = {name: cr.ones_like(p) for name, p in model.named_parameters()}
    >>> product = cr.func.ggn_product(model, cr.nn.MSELoss(), v, cr.ones(4, 1), cr.zeros(4, 1))
    >>> product["bias"]
    tensor([4.])
    """
    from .func import jvp, vjp
    from .jacobian import hvp

    *inputs, target = batch
    params = _parameters(module)

    def network(p: dict) -> Any:
        return functional_call(module, p, tuple(inputs))

    out, pullback = vjp(network, params)
    moved = jvp(network, (params,), (vector,))[1]
    curved = hvp(lambda o: loss(o, target), (out,), (moved,))[0]
    return pullback(curved)[0]


def fisher_product(
    module: Any, loss: Callable, vector: dict, *batch: Any, randomness: str = "different"
) -> dict[str, Tensor]:
    """Product of the empirical Fisher matrix, the mean of g g^T over the samples' gradients g, with `vector`.

    `batch` is (*inputs, target) as for `per_sample_grads`; the loss is that of each sample by itself. `vector` and the
    product have the parameters' shapes, by name; the gradients of single samples are not kept. For the true Fisher
    matrix of cross entropy or mean squared error take `ggn_product`. Kunstner, Balles, Hennig 2019.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> v = {name: cr.ones_like(p) for name, p in model.named_parameters()}
    >>> product = cr.func.fisher_product(model, cr.nn.MSELoss(), v, cr.ones(4, 1), cr.zeros(4, 1))
    >>> product["bias"].shape
    torch.Size([1])
    """
    from .func import jvp, vjp
    from .vectorise import vmap

    params = _parameters(module)
    each = vmap(_one_sample(module, loss), (None, *[0] * len(batch)), randomness=randomness)

    def losses(p: dict) -> Any:
        return each(p, *batch)

    along = jvp(losses, (params,), (vector,))[1]
    return vjp(losses, params)[1](along / raw_shape(along)[0])[0]


def module_hessian(module: Any, loss: Callable, *batch: Any) -> dict[str, dict[str, Tensor]]:
    """The Hessian of loss(module(*inputs), target) by the parameters as a tree of blocks: result[name][other name].

    A block for parameters of shapes s and t has shape s + t.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1)
    >>> blocks = cr.func.module_hessian(model, cr.nn.MSELoss(), cr.ones(4, 1), cr.zeros(4, 1))
    >>> blocks["bias"]["bias"]
    tensor([[2.]])
    """
    from .jacobian import hessian

    return hessian(_loss_of(module, loss, batch))(_parameters(module))
