"""autograd: backward, grad, and the switches of recording. (PyTorch's torch.autograd.)"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, ArgumentTypeError, GraphError
from ..core.state import state
from ..core.tape import Accumulate, Node, Select
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from ..core.writes import note_write
from ..transforms.reverse import run_posthooks, run_prehooks
from .attributes import Size
from .edges import GradientEdge, place_of, run_sweep, spec_of

ndarray = np.ndarray
ONES = {np.dtype(t): np.ones((), t) for t in ("f4", "f8")}  # a copy takes a tenth of the time of np.ones


def _seeds(outputs: Sequence[Tensor], gradients: Any, what: str, create: bool) -> list[tuple[Any, Any]]:
    """Pairs (node, cotangent) for the sweep, after PyTorch's checks."""
    if gradients is None and len(outputs) == 1 and not create and type(outputs[0]) is Tensor:  # the usual loss
        node, data = outputs[0]._node, outputs[0]._data
        one = ONES.get(data.dtype)
        if node is not None and data.shape == () and one is not None and type(data) is ndarray:
            return [(node, one.copy())]
    if gradients is None:
        gradients = [None] * len(outputs)
    elif isinstance(gradients, Tensor) or not isinstance(gradients, Sequence):
        gradients = [gradients]
    if len(gradients) != len(outputs):
        raise GraphError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    roots = []
    for i, (out, given) in enumerate(zip(outputs, gradients, strict=True)):
        if type(out) is GradientEdge:
            roots.append((place_of(out), _edge_seed(out, given, what, create)))
            continue
        if not isinstance(out, Tensor):
            raise ArgumentTypeError(f"{what}() takes tensors, not {type(out).__name__}")
        if out._node is None:
            raise GraphError(
                f"element {i} of tensors does not require grad and does not have a grad_fn"
                f"{_why_not(out)}. Write requires_grad=True on the tensors to differentiate by, before computing this."
            )
        shape, dtype = raw_shape(out), raw_dtype(out)
        if given is None:
            if any(n != 1 for n in shape):
                raise GraphError(
                    f"grad can be implicitly created only for scalar outputs: this one has shape {shape}. Write "
                    f"{what}(gradient) with a tensor of that shape, or reduce first, for example y.sum()."
                )
            if dtype.kind == "c":
                raise GraphError("grad can be implicitly created only for real scalar outputs but got a complex one")
            seed: Any = np.ones(shape, dtype)
        else:
            _check_seed(given, shape, dtype, i)
            seed = given if isinstance(given, Tensor) else wrap(np.asarray(given))
            if raw_dtype(seed) != dtype:
                from ..ops.shape import cast_p

                seed = cast_p(seed, dtype=dtype)
            if not create and type(seed) is Tensor and type(out) is Tensor:
                seed = seed._data
        if create and not isinstance(seed, Tensor):
            seed = wrap(seed)
        roots.append((out._node, seed))
    return roots


def _check_seed(given: Any, shape: tuple, dtype: np.dtype, i: int) -> None:
    """Refuse a cotangent that is not of its output's shape, or complex where that is real (or the other way round)."""
    if raw_shape(given) != shape:
        raise GraphError(
            f"Mismatch in shape: grad_output[{i}] has a shape of {Size(raw_shape(given))} and output[{i}] has a shape "
            f"of {Size(shape)}."
        )
    if raw_dtype(given).kind == "c" and dtype.kind != "c":
        raise GraphError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: "
            f"grad_output[{i}] has a dtype of {raw_dtype(given)} and output[{i}] has a dtype of {dtype}."
        )


def _edge_seed(edge: GradientEdge, given: Any, what: str, create: bool) -> Any:
    """The cotangent to start with at a place on the tape."""
    spec = spec_of(edge)
    if given is None:
        if spec is None or prod(spec.shape) != 1:
            raise GraphError(f"grad can be implicitly created only for scalar outputs: write {what}(edge, gradient)")
        given = np.ones(spec.shape, spec.dtype)
    elif spec is not None:
        _check_seed(given, spec.shape, spec.dtype, 0)
    seed = given if isinstance(given, Tensor) else wrap(np.asarray(given))
    return seed if create or type(seed) is not Tensor else seed._data


def _why_not(out: Tensor) -> str:
    if out._why_cut is not None:
        from ..core.provenance import describe

        reason, code, lasti = out._why_cut
        return f" (recording was cut by {reason} at {describe(code, lasti)})"
    return ""


def _is_dual(x: Any) -> bool:
    """Is `x` a tensor of forward_ad.make_dual, or made of one?"""
    return isinstance(x, Tracer) and getattr(x._trace, "forgiving", False)


def _primal(x: Any) -> Any:
    """What a dual tensor stands for; backward() goes through its graph, without tangents, as in PyTorch."""
    while _is_dual(x):
        x = x._data if isinstance(x._data, Tensor) else wrap(x._data)
    return x


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Sum of gradients of `tensors` with respect to the leaves, accumulated into their `.grad`.

    The tensors are 0-d, or `grad_tensors` has a cotangent of the shape of each.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> cr.autograd.backward([(x * x).sum(), x.sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if type(tensors) is Tensor:
        outputs: tuple = (tensors,)
    else:
        outputs = (tensors,) if isinstance(tensors, (Tensor, GradientEdge)) else tuple(tensors)
        if any(_is_dual(x) for x in outputs):
            outputs = tuple(_primal(x) for x in outputs)
    roots = _seeds(outputs, grad_tensors if grad_tensors is not None else grad_variables, "backward", create_graph)
    wanted = None
    if inputs is not None:
        given = (inputs,) if isinstance(inputs, (Tensor, GradientEdge)) else tuple(inputs)
        if not given:
            raise GraphError("`inputs` argument to `backward()` cannot be empty.")
        wanted = {}
        for x in given:
            place = place_of(x)
            if place is None:
                raise GraphError("One of the differentiated Tensors does not require grad")
            wanted[id(place)] = place
    captured, leaves, owned = run_sweep(
        roots,
        retain=create_graph if retain_graph is None else retain_graph,
        create=create_graph,
        wanted=wanted,
    )
    for leaf, ct in leaves.items():
        if wanted is None or id(leaf) in wanted:
            accumulate(leaf, ct, create_graph, leaf.seq in owned)
    if wanted is not None:
        for key, ct in captured.items():
            node = wanted[key]
            if type(node) is not Accumulate:
                retained = node.needs_meta()
                if retained.retain is None:
                    retained.retain = [ct if isinstance(ct, Tensor) else wrap(ct)]


def accumulate(leaf: Accumulate, ct: Any, create: bool, owned: bool) -> None:
    """Add a cotangent to a leaf's `.grad` (in place where nothing is recorded), with the node's hooks around it."""
    meta = leaf.meta
    if meta is not None and (meta.prehooks or meta.hooks):
        ct, owned = run_prehooks(meta, ct, create), False
    old = leaf.grad
    stage = state.stage
    if stage is not None:
        stage.touch_leaf(leaf)
        old = leaf.grad
    if isinstance(ct, Tensor):
        leaf.grad = ct if old is None else old + ct
    elif old is None:
        if not owned and (type(ct) is ndarray or isinstance(ct, np.generic)):
            ct = np.array(ct)
        leaf.grad = wrap(ct)
    elif type(old._data) is ndarray and type(ct) is not Tensor and old._node is None and stage is None:
        if old._data.flags.writeable:
            note_write(old._data, "backward")
            old._data[...] += ct
        else:
            leaf.grad = wrap(old._data + ct)
    else:
        leaf.grad = old + wrap(ct)
    if leaf.post_hooks:
        _run_post_hooks(leaf, create)
    if meta is not None and meta.hooks:
        run_posthooks(meta, [], ct, create)


def _run_post_hooks(leaf: Accumulate, create: bool) -> None:
    owner = leaf.owner()
    if owner is None or leaf.post_hooks is None:
        return
    before = state.grad_enabled
    state.set_grad(create)
    try:
        for hook in list(leaf.post_hooks.values()):
            if hook(owner) is not None:
                raise GraphError("Tensor post accumulate grad hooks should return None.")
    finally:
        state.set_grad(before)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """Sum of gradients of `outputs` with respect to each of `inputs`; `.grad` is left alone.

    The outputs are 0-d, or `grad_outputs` has a cotangent of the shape of each; a tuple in the shapes of `inputs`.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], requires_grad=True)
    >>> cr.autograd.grad((x * x).sum(), x)
    (tensor([2., 4.]),)
    """
    outs = (outputs,) if isinstance(outputs, (Tensor, GradientEdge)) else tuple(outputs)
    if type(outputs) is not Tensor and any(_is_dual(x) for x in outs):
        raise GraphError(
            "grad(): an output is a dual tensor of forward_ad, and the gradient would lose its tangent. Write "
            "func.jvp(func.grad(f), (x,), (t,)) for both, or grad(unpack_dual(y).primal, x) for the gradient alone."
        )
    given = (inputs,) if isinstance(inputs, (Tensor, GradientEdge)) else tuple(inputs)
    if not given:
        raise ArgumentError("grad requires non-empty inputs.")
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if materialize_grads:
        if allow_unused is False:
            raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True")
        allow_unused = True
    if is_grads_batched:
        from ..transforms.func import vmap

        seeds = grad_outputs if isinstance(grad_outputs, (tuple, list)) else (grad_outputs,)
        for i, (ct, out) in enumerate(zip(seeds, outs, strict=False)):
            if ct is not None and raw_shape(ct)[1:] != raw_shape(out):
                raise GraphError(
                    "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                    f"dimension. The others have to be the output's: grad_output[{i}] has a shape of "
                    f"{Size(raw_shape(ct))} and output[{i}] has a shape of {Size(raw_shape(out))}."
                )
        options = {"allow_unused": allow_unused, "materialize_grads": materialize_grads}
        return vmap(lambda *cts: grad(outs, given, cts, True, create_graph, **options))(*seeds)
    roots = _seeds(outs, grad_outputs, "grad", create_graph)
    wanted = {}
    for x in given:
        if not isinstance(x, (Tensor, GradientEdge)):
            raise ArgumentTypeError(f"grad(): inputs must be tensors, not {type(x).__name__}")
        place = place_of(x)
        if place is None:
            raise GraphError(
                "One of the differentiated Tensors does not require grad. Write x.requires_grad_() before the "
                "computation that made the outputs."
            )
        wanted[id(place)] = place
    lift = _lifter(outs)
    captured, _, _ = run_sweep(
        roots,
        retain=create_graph if retain_graph is None else retain_graph,
        create=create_graph,
        wanted=wanted,
        lift=lift,
    )
    found: list[Any] = []
    seen: set[int] = set()
    for x in given:
        ct = captured.get(id(place_of(x)))
        if ct is None:
            if not allow_unused:
                raise GraphError(
                    "One of the differentiated Tensors appears to not have been used in the graph. Set "
                    "allow_unused=True if this is the desired behavior."
                )
            if materialize_grads and isinstance(x, GradientEdge):
                raise GraphError(
                    "materialize_grads cannot be used when the given input is a GradientEdge: pass the tensor itself"
                )
            zero = wrap(np.zeros(raw_shape(x), raw_dtype(x))) if materialize_grads else None
            found.append(requires_grad_(zero) if zero is not None and create_graph else zero)
            continue
        if not isinstance(ct, Tensor):
            if type(ct) is ndarray and id(ct) in seen:
                ct = ct.copy()
            seen.add(id(ct))
            ct = wrap(ct if not isinstance(ct, np.generic) else np.asarray(ct))
        found.append(ct)
    return tuple(found)


def _lifter(outs: tuple) -> Any:
    """How saved values become values again under create_graph: tensors, or tracers of the outputs' own trace."""
    first = outs[0] if outs else None
    if isinstance(first, Tracer) and hasattr(first._trace, "lift"):
        return first._trace.lift
    return wrap


def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Let gradients flow to this leaf (or stop); returns the tensor itself."""
    if requires_grad == (self._node is not None):
        return self
    if requires_grad:
        if not is_inexact(raw_dtype(self)):
            raise GraphError(
                "only Tensors of floating point and complex dtype can require gradients; this one holds "
                f"{raw_dtype(self)}. Write x.float().requires_grad_()"
            )
        if self._inference and not state.inference:
            raise GraphError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed. Write "
                "x.clone().requires_grad_()."
            )
        self._node = leaf = Accumulate(self)
        leaf.grad = self._grad
    else:
        if type(self._node) is not Accumulate:
            raise GraphError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in "
                "a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        self._grad = self._node.grad
        self._node = None
    return self


def backward_method(
    self: Tensor, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
) -> None:
    """Gradients of this tensor with respect to the graph's leaves, accumulated into their `.grad`.

    Args:
        gradient: cotangent of the tensor's own shape; may be left out for one with a single element (then 1).
        retain_graph: keep what the graph saved, so that it can be differentiated again (default: create_graph).
        create_graph: record the gradient computation itself, for higher derivatives.
        inputs: accumulate into these leaves only.

    >>> import chainrule as cr
    >>> x = cr.tensor(3.0, requires_grad=True)
    >>> (x * x).backward()
    >>> x.grad
    tensor(6.)
    """
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def install() -> None:
    """Attach backward and requires_grad_ to Tensor."""
    Tensor.backward = backward_method  # type: ignore[attr-defined]
    Tensor.requires_grad_ = requires_grad_  # type: ignore[attr-defined]


__all__ = ["Node", "Select", "accumulate", "backward", "grad", "requires_grad_"]
