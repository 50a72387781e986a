"""gradcheck and gradgradcheck: analytical derivatives against central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import ArgumentError, GraphError
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from .autograd import grad
from .modes import no_grad

ndarray = np.ndarray


class GradcheckError(GraphError):
    """An analytical derivative differs from the numerical one."""


def _as_tuple(x: Any) -> tuple:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _differentiable(outputs: tuple) -> list[Tensor]:
    return [o for o in outputs if isinstance(o, Tensor) and is_inexact(raw_dtype(o)) and o.requires_grad]


def _numerical(func: Callable, inputs: tuple, k: int, eps: float) -> list[ndarray]:
    """For input `k`: per output, the matrix d out / d input (rows: input entries), by central differences.

    For a complex input the entry is the conjugate-Wirtinger combination that PyTorch's convention gives to a real or
    complex output.
    """
    x = inputs[k]._data
    was = x.copy()
    columns: list[list[ndarray]] = []

    def evaluate() -> list[ndarray]:
        with no_grad():
            outs = _as_tuple(func(*inputs))
        return [np.array(o._data).reshape(-1) for o in outs if isinstance(o, Tensor) and is_inexact(raw_dtype(o))]

    try:
        for index in np.ndindex(x.shape):
            rows = []
            for step in (eps, 1j * eps) if x.dtype.kind == "c" else (eps,):
                x[index] = was[index] + step
                up = evaluate()
                x[index] = was[index] - step
                down = evaluate()
                x[index] = was[index]
                rows.append([(u - d) / (2 * eps) for u, d in zip(up, down, strict=True)])
            columns.append(rows if len(rows) == 2 else rows[0])
    finally:
        x[...] = was
    if x.dtype.kind != "c":
        return [np.stack([c[j] for c in columns]) for j in range(len(columns[0]))] if columns else []
    return [
        np.stack([np.stack([c[0][j], c[1][j]]) for c in columns]) for j in range(len(columns[0][0]))
    ]  # (entries, 2, outputs): derivatives along the real and the imaginary direction


def _analytical(output: Tensor, x: Tensor, seed: ndarray) -> ndarray:
    found = grad(output, x, wrap(seed), retain_graph=True, allow_unused=True)[0]
    return np.zeros(raw_shape(x), raw_dtype(x)) if found is None else np.array(found._data)


def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare derivatives of `func` by reverse (and forward) mode with central differences of step `eps`.

    Args:
        func: function of tensors that returns a tensor or a tuple of tensors.
        inputs: tensor or tuple; those with requires_grad=True are checked, and should be float64.
        atol, rtol: allowed |analytical - numerical| <= atol + rtol |numerical|, entry by entry.

    Returns True, or raises GradcheckError (returns False with raise_exception=False) naming output and argument.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.3, 0.7], dtype=cr.float64, requires_grad=True)
    >>> gradcheck(lambda x: x * x, (x,))
    True
    """
    try:
        given = _as_tuple(inputs)
        checked = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
        if not checked:
            raise ArgumentError(
                "gradcheck expects at least one input tensor to require gradient, but none of the them have "
                "requires_grad=True."
            )
        if check_backward_ad:
            _check_reverse(func, given, checked, eps, atol, rtol, nondet_tol, check_grad_dtypes)
        if check_forward_ad:
            _check_forward(func, given, checked, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check_reverse(
    func: Callable, given: tuple, checked: list[int], eps: float, atol: float, rtol: float, nondet: float, dtypes: bool
) -> None:
    outputs = _differentiable(_as_tuple(func(*given)))
    if not outputs:
        return
    everything = [o for o in _as_tuple(func(*given)) if isinstance(o, Tensor) and is_inexact(raw_dtype(o))]
    positions = [j for j, o in enumerate(everything) if o.requires_grad]
    for k in checked:
        numerical = _numerical(func, given, k, eps)
        if not numerical:
            continue
        x = given[k]
        for out, j in zip(outputs, positions, strict=True):
            expected = numerical[j]
            for column in range(max(out.numel(), 0)):
                seed = np.zeros(out.numel(), raw_dtype(out))
                for unit in (1.0, 1j) if seed.dtype.kind == "c" else (1.0,):
                    seed[column] = unit
                    shaped = seed.reshape(raw_shape(out))
                    a = _analytical(out, x, shaped)
                    if nondet >= 0 and np.any(np.abs(a - _analytical(out, x, shaped)) > nondet):
                        raise GradcheckError("Backward is not reentrant: two runs with the same grad_output differ")
                    if dtypes and a.dtype != raw_dtype(x):
                        raise GradcheckError(
                            f"gradient of argument {k} has dtype {a.dtype}, the argument {raw_dtype(x)}"
                        )
                    _compare(a.reshape(-1), _expected(expected, column, unit), atol, rtol, j, k, "reverse mode")


def _expected(numerical: ndarray, column: int, unit: complex) -> ndarray:
    """Gradient of Re(conj(unit) out[column]) from directional derivatives."""
    if numerical.ndim == 2:
        return np.real(np.conj(unit) * numerical[:, column])
    real = np.real(np.conj(unit) * numerical[:, 0, column])
    imag = np.real(np.conj(unit) * numerical[:, 1, column])
    return real + 1j * imag


def _compare(a: ndarray, n: ndarray, atol: float, rtol: float, j: int, k: int, mode: str) -> None:
    if not np.allclose(a, n, rtol=rtol, atol=atol, equal_nan=True):
        worst = int(np.argmax(np.abs(a - n)))
        raise GradcheckError(
            f"Jacobian mismatch for output {j} with respect to input {k} ({mode}): at entry {worst} the numerical "
            f"derivative is {n[worst]:.6g}, the analytical one {a[worst]:.6g}.\nnumerical: {n}\nanalytical: {a}\nIf "
            f"argument {k} belongs to a function with a rule of its own, look at what its backward returns for it."
        )


def _check_forward(func: Callable, given: tuple, checked: list[int], eps: float, atol: float, rtol: float) -> None:
    from ..transforms.func import jvp

    rng = np.random.default_rng(0)
    primals = [given[k].detach() for k in checked]
    tangents = [np.asarray(rng.standard_normal(raw_shape(p))).astype(raw_dtype(p)) for p in primals]

    def restricted(*xs: Any) -> Any:
        full = list(given)
        for k, x in zip(checked, xs, strict=True):
            full[k] = x
        return _as_tuple(func(*full))

    _, out_tangents = jvp(restricted, tuple(primals), tuple(wrap(t) for t in tangents))

    def shifted(sign: float) -> tuple:
        moved = [wrap(p._data + sign * eps * t) for p, t in zip(primals, tangents, strict=True)]
        with no_grad():
            return restricted(*moved)

    for j, (tangent, up, down) in enumerate(zip(_as_tuple(out_tangents), shifted(1.0), shifted(-1.0), strict=True)):
        n = ((up._data - down._data) / (2 * eps)).reshape(-1)
        _compare(np.asarray(tangent._data).reshape(-1), n, atol, rtol, j, -1, "forward mode")


def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """gradcheck of the gradient: second derivatives against central differences of first ones."""
    given = _as_tuple(inputs)
    outputs = _differentiable(_as_tuple(func(*given)))
    if grad_outputs is None:
        rng = np.random.default_rng(1)
        seeds = tuple(
            wrap(np.asarray(rng.standard_normal(raw_shape(o))).astype(raw_dtype(o))).requires_grad_() for o in outputs
        )
    else:
        seeds = _as_tuple(grad_outputs)
    n = len(given)

    def first(*args: Any) -> tuple:
        from .modes import enable_grad

        with enable_grad():
            xs = tuple(
                (x if x.requires_grad else x.detach().requires_grad_()) if is_checked else x
                for x, is_checked in zip(args[:n], wants, strict=True)
            )
            outs = _differentiable(_as_tuple(func(*xs)))
            targets = [x for x, is_checked in zip(xs, wants, strict=True) if is_checked]
            found = grad(outs, targets, list(args[n:]), create_graph=True, allow_unused=True)
        return tuple(f for f in found if f is not None)

    wants = [isinstance(x, Tensor) and x.requires_grad for x in given]
    return gradcheck(
        first,
        (*given, *seeds),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes,
    )
