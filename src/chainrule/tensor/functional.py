"""Jacobians, Hessians and products with them, on tensors. (PyTorch's torch.autograd.functional.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, ArgumentTypeError, GraphError, ShapeError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..transforms import func as F  # noqa: N812
from ..transforms.arguments import fit
from .attributes import Size
from .modes import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _inputs(inputs: Any, what: str) -> tuple[tuple, bool]:
    single = isinstance(inputs, Tensor)
    given = (inputs,) if single else tuple(inputs)
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(
                f"The inputs given to {what} must be either a Tensor or a tuple of Tensors but the value at index {i} "
                f"has type {type(x)}."
            )
    return given, single


def _outputs(out: Any, what: str) -> tuple[tuple, bool]:
    single = isinstance(out, Tensor)
    found = (out,) if single else tuple(out) if isinstance(out, (tuple, list)) else out
    if not isinstance(found, tuple) or not all(isinstance(o, Tensor) for o in found):
        raise ArgumentTypeError(
            f"The outputs of the user-provided function given to {what} must be either a Tensor or a tuple of Tensors"
        )
    return found, single


def _detached(x: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_detached(y) for y in x)
    return wrap(x._data) if type(x) is Tensor and x._node is not None else x


def _kept(result: Any, create_graph: bool) -> Any:
    return result if create_graph else _detached(result)


def _checked(func: Callable, given: tuple, what: str, strict: bool, second: bool = False) -> None:
    """With strict: every output must depend on every input, as functions."""
    if not strict:
        return
    from ..transforms.arguments import flatten
    from ..transforms.level import below, ones_like_raw
    from ..transforms.tape import Tape

    function = F.grad(lambda *xs: func(*xs), tuple(range(len(given)))) if second else func
    values = [below(wrap(x._data) if type(x) is Tensor else x) for x in given]
    tape = Tape(values)
    outs = flatten(tape.record(function, *tape.inputs))[0]
    for j, o in enumerate(outs):
        value, node = tape.split(o)
        found = [None] * len(values) if node is None else tape.pull([(node, ones_like_raw(value))], retain=True)
        for i, c in enumerate(found):
            if node is None and not second:
                raise GraphError(
                    f"{what}: Output {j} of the user-provided function does not require gradients. The outputs must be "
                    f"computed in a differentiable manner from the input when running in strict mode."
                )
            if c is None:
                if second:
                    which = f"The jacobian of the user-provided function with respect to input {j}"
                elif what == "jacobian":
                    which = f"Output {j} of the user-provided function"
                else:
                    which = "The output of the user-provided function"
                raise GraphError(f"{what}: {which} is independent of input {i}. This is not allowed in strict mode.")


def _vectors(v: Any, like: tuple, what: str, single: bool, name: str) -> tuple:
    """The user's v, one tensor per tensor of `like`; without one, `like` must be a single number."""
    if v is None:
        if len(like) == 1 and int(np.prod(raw_shape(like[0]))) == 1:
            return (wrap(np.ones(raw_shape(like[0]), raw_dtype(like[0]))),)
        raise GraphError(
            f"The vector v can only be None if the {what} a single Tensor with a single element. Pass a tensor (or a "
            f"tuple of them) of its shape."
        )
    given = (v,) if isinstance(v, Tensor) else tuple(v)
    for i, x in enumerate(given):
        if not isinstance(x, Tensor):
            raise ArgumentTypeError(
                f"The v given to {name} must be either a Tensor or a tuple of Tensors but the value at index {i} has "
                f"type {type(x)}."
            )
    if len(given) != len(like):
        if single:
            raise GraphError(f"The given v should contain a single Tensor. It has {len(given)}.")
        raise GraphError(f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}.")
    for i, (x, y) in enumerate(zip(given, like, strict=True)):
        if raw_shape(x) != raw_shape(y):
            raise ShapeError(
                f"Entry {i} in v has invalid size: should be {Size(raw_shape(y))} but got {Size(raw_shape(x))}."
            )
    return tuple(x if isinstance(x, Tensor) else fit(x, y, "v", "v") for x, y in zip(given, like, strict=True))


def _prepared(given: tuple, create_graph: bool) -> tuple:
    return given if create_graph else tuple(wrap(x._data) if type(x) is Tensor else x for x in given)


def _scalar(func: Callable, what: str) -> Callable:
    def scalar(*xs: Any) -> Any:
        outs, single = _outputs(func(*xs), what)
        if not single:
            raise GraphError(f"The function given to {what} should return a single Tensor, not {len(outs)}")
        out = outs[0]
        if int(np.prod(raw_shape(out))) != 1:
            raise ShapeError(f"The Tensor returned by the function given to {what} should contain a single element")
        return out.reshape(()) if raw_shape(out) else out

    return scalar


@enable_grad
def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Jacobian of `func` at `inputs`: for one output and one input a tensor (*output, *input), else tuples of these.

    Args:
        func: takes tensors, returns a tensor or tuple of tensors.
        create_graph: the result can itself be differentiated by the inputs.
        strict: raise if an output does not depend on an input.
        vectorize: accepted; the computation is always vectorised.
        strategy: "reverse-mode" or "forward-mode".

    >>> import chainrule as cr
    >>> cr.autograd.functional.jacobian(lambda x: x * x, cr.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise ArgumentError(f'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: got {strategy!r}')
    given, single = _inputs(inputs, "jacobian")
    _checked(func, given, "jacobian", strict)
    transform = F.jacrev if strategy == "reverse-mode" else F.jacfwd
    was_single = True

    def checked(*xs: Any) -> tuple:
        nonlocal was_single
        outs, was_single = _outputs(func(*xs), "jacobian")
        return outs

    found = transform(checked, tuple(range(len(given))))(*_prepared(given, create_graph))
    rows = tuple(row[0] if single else tuple(row) for row in found)
    return _kept(rows[0] if was_single else rows, create_graph)


@enable_grad
def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Second derivatives of a scalar `func` at `inputs`: a tensor (*input, *input), or a tuple of tuples of blocks.

    >>> import chainrule as cr
    >>> cr.autograd.functional.hessian(lambda x: (x * x * x).sum(), cr.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise ArgumentError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    given, single = _inputs(inputs, "hessian")
    scalar = _scalar(func, "hessian")
    _checked(scalar, given, "hessian", strict)
    _checked(scalar, given, "hessian", strict, second=True)
    every = tuple(range(len(given)))
    outer = F.jacfwd if outer_jacobian_strategy == "forward-mode" else F.jacrev
    found = outer(F.jacrev(scalar, every), every)(*_prepared(given, create_graph))
    return _kept(found[0][0] if single else tuple(tuple(row) for row in found), create_graph)


@enable_grad
def vjp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), v^T J) in the structure of the inputs; `v` has the outputs' structure (None: a scalar's 1).

    Inputs and outputs are tensors, or tuples of them, of any shapes.

    >>> import chainrule as cr
    >>> cr.autograd.functional.vjp(lambda x: x * x, cr.tensor([1.0, 2.0]), cr.tensor([1.0, 1.0]))[1]
    tensor([2., 4.])
    """
    given, single = _inputs(inputs, "vjp")
    _checked(func, given, "vjp", strict)
    was_single = True

    def checked(*xs: Any) -> tuple:
        nonlocal was_single
        outs, was_single = _outputs(func(*xs), "vjp")
        return outs

    outs, pullback = F.vjp(checked, *_prepared(given, create_graph))
    found = pullback(_vectors(v, outs, "user-provided function returns", was_single, "vjp"))
    return _kept(outs[0] if was_single else outs, create_graph), _kept(found[0] if single else found, create_graph)


@enable_grad
def jvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), J v) in the structure of the outputs; `v` has the inputs' structure (None: a scalar's 1).

    Inputs and outputs are tensors, or tuples of them, of any shapes.

    >>> import chainrule as cr
    >>> cr.autograd.functional.jvp(lambda x: x * x, cr.tensor([1.0, 2.0]), cr.tensor([1.0, 1.0]))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    given, single = _inputs(inputs, "jvp")
    _checked(func, given, "jvp", strict)
    was_single = True

    def checked(*xs: Any) -> tuple:
        nonlocal was_single
        outs, was_single = _outputs(func(*xs), "jvp")
        return outs

    prepared = _prepared(given, create_graph)
    outs, found = F.jvp(
        checked, prepared, _vectors(v, prepared, "input to the user-provided function is", single, "jvp")
    )
    return _kept(outs[0] if was_single else outs, create_graph), _kept(found[0] if was_single else found, create_graph)


def _second(func: Callable, inputs: Any, v: Any, create_graph: bool, strict: bool, what: str, forward: bool) -> tuple:
    given, single = _inputs(inputs, what)
    scalar = _scalar(func, what)
    _checked(scalar, given, what, strict)
    _checked(scalar, given, what, strict, second=True)
    prepared = _prepared(given, create_graph)
    direction = _vectors(v, prepared, "input to the user-provided function is", single, what)
    gradient = F.grad_and_value(scalar, tuple(range(len(given))))
    if forward:
        (_, value), (found, _) = F.jvp(gradient, prepared, direction)
    else:
        (_, value), pullback = F.vjp(gradient, *prepared)
        found = pullback((direction, wrap(np.zeros(raw_shape(value), raw_dtype(value)))))
    return _kept(value, create_graph), _kept(found[0] if single else tuple(found), create_graph)


@enable_grad
def hvp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), H v) for a scalar function, forward over reverse.

    >>> import chainrule as cr
    >>> x = cr.tensor([1.0, 2.0])
    >>> cr.autograd.functional.hvp(lambda x: (x * x * x).sum(), x, cr.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    return _second(func, inputs, v, create_graph, strict, "hvp", True)


@enable_grad
def vhp(func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple:
    """(func(inputs), v^T H) for a scalar function, reverse over reverse.

    Inputs are tensors, or a tuple of them; `v` has their shapes.

    >>> import chainrule as cr
    >>> cr.autograd.functional.vhp(lambda x: (x ** 3).sum(), cr.tensor([1.0, 2.0]), cr.tensor([1.0, 1.0]))[1]
    tensor([ 6., 12.])
    """
    return _second(func, inputs, v, create_graph, strict, "vhp", False)
