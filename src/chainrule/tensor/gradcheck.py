"""gradcheck and gradgradcheck: analytical derivatives against central differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import ArgumentError, GraphError, InplaceError
from ..core.value import Tensor, Tracer, raw_dtype, raw_shape, wrap
from .autograd import grad
from .jacobians import as_tuple, directional, expected, forward, inexact, numerical, reverse, seeds

ndarray = np.ndarray


class GradcheckError(GraphError):
    """An analytical derivative differs from the numerical one.

    >>> import chainrule as cr
    >>> issubclass(cr.autograd.GradcheckError, RuntimeError)
    True
    """


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

    A result that does not depend on the inputs as far as the tape knows has to be constant in fact, too.

    Args:
        func: function of tensors that returns a tensor or a tuple of tensors.
        inputs: tensor or tuple; those with requires_grad=True are checked, and should be float64.
        atol, rtol: allowed |analytical - numerical| <= atol + rtol |numerical|, entry by entry.
        nondet_tol: allowed difference of two runs of backward.
        check_batched_grad, check_batched_forward_grad: under vmap too, against one after the other.
        check_undefined_grad: zero cotangents have to give zero.
        fast_mode: one random direction instead of all entries (in full again where that fails).

    Returns True, or raises GradcheckError (returns False with raise_exception=False) naming output and argument.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.3, 0.7], dtype=cr.float64, requires_grad=True)
    >>> gradcheck(lambda x: x * x, (x,))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    for batched, name, needed, by in (
        (check_batched_grad, "check_batched_grad", check_backward_ad, "check_backward_ad"),
        (check_batched_forward_grad, "check_batched_forward_grad", check_forward_ad, "check_forward_ad"),
    ):
        if batched and not needed:
            raise AssertionError(f"Setting {name}=True requires {by} to be True")
    given = as_tuple(inputs)
    checked = _checked(given)
    check = _Check(func, given, checked, eps, atol, rtol)
    try:
        if check_backward_ad and check.depends():
            check.reverse(nondet_tol, check_grad_dtypes, fast_mode)
            if check_undefined_grad:
                check.linear()
            if check_batched_grad:
                check.batched()
        if check_forward_ad:
            check.forward(check_batched_forward_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _checked(given: tuple) -> list[int]:
    """Positions of the inputs to check, after the checks on themselves."""
    checked = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]  # type: ignore[attr-defined]
    if not checked:
        raise ArgumentError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for k in checked:
        data = given[k]._data
        if data.dtype not in (np.dtype("f8"), np.dtype("c16")):
            warnings.warn(
                f"Input #{k} requires gradient and is not a double precision floating point or complex. This check "
                f"will likely fail: write x.double().",
                UserWarning,
                stacklevel=3,
            )
        if data.size and any(n > 1 and step == 0 for n, step in zip(data.shape, data.strides, strict=True)):
            raise InplaceError(
                f"The {k}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                f"non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous "
                f"on the input before passing it to gradcheck."
            )
    return checked


class _Check:
    """One function at one point: its results, and their derivatives by differences as far as asked for."""

    def __init__(self, func: Callable, given: tuple, checked: list[int], eps: float, atol: float, rtol: float) -> None:
        self.func, self.given, self.checked = func, given, checked
        self.eps, self.atol, self.rtol = eps, atol, rtol
        self.outputs = inexact(as_tuple(func(*given)))
        self.tracked = [j for j, o in enumerate(self.outputs) if o.requires_grad]  # type: ignore[attr-defined]
        self._numerical: dict[int, list[ndarray]] = {}

    def numerical(self, k: int) -> list[ndarray]:
        if k not in self._numerical:
            self._numerical[k] = numerical(self.func, self.given, k, self.eps, self.outputs)
        return self._numerical[k]

    def depends(self) -> bool:
        """Is there a result to check? If the tape leads to none, then all of them have to be constant."""
        if self.tracked:
            return True
        for k in self.checked:
            for j, derivative in enumerate(self.numerical(k)):
                if np.any(np.abs(derivative) > self.atol):
                    raise GradcheckError(
                        f"Numerical gradient for function expected to be zero, because no result requires grad; but "
                        f"output {j} changes with input {k} at a rate of up to {np.abs(derivative).max():.6g}. Look "
                        f"for a detach(), a no_grad or a conversion to numbers in the function."
                    )
        return False

    def reverse(self, nondet: float, dtypes: bool, fast: bool) -> None:
        for k in self.checked:
            if fast and self.given[k]._data.dtype.kind == "f" and self._agrees_fast(k, nondet):
                continue
            x = self.given[k]
            for j in self.tracked:
                out = self.outputs[j]
                for entry, unit, seed in seeds(out):
                    a = reverse(out, x, seed)
                    self._same_again(a, out, x, seed, nondet)
                    if dtypes and a.dtype != raw_dtype(x):
                        raise GradcheckError(
                            f"gradient of argument {k} has dtype {a.dtype}, the argument {raw_dtype(x)}"
                        )
                    part = "" if raw_dtype(out).kind != "c" else "real" if unit == 1.0 else "imaginary"
                    where = f"While considering the {part} part of complex outputs only, " if part else ""
                    if a.size:
                        self.compare(a.reshape(-1), expected(self.numerical(k)[j], entry, unit), j, k, where, "")

    def _same_again(self, a: ndarray, out: Tensor, x: Tensor, seed: ndarray, nondet: float) -> None:
        if nondet >= 0 and np.any(np.abs(a - reverse(out, x, seed)) > nondet):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times "
                f"gives different values. The tolerance for nondeterminism was {nondet}."
            )

    def _agrees_fast(self, k: int, nondet: float) -> bool:
        """Do v . J u agree for one random u and, for each result, one random v?"""
        rng = np.random.default_rng(k)
        x = self.given[k]
        u = rng.uniform(0.1, 1.0, raw_shape(x))
        slopes = directional(self.func, self.given, k, self.eps, self.outputs, u)
        for j in self.tracked:
            out = self.outputs[j]
            v = rng.uniform(0.1, 1.0, raw_shape(out)).astype(raw_dtype(out))
            if v.dtype.kind == "c":
                return False
            a = reverse(out, x, v)
            self._same_again(a, out, x, v, nondet)
            analytical, slope = np.sum(a * u), np.sum(v.reshape(-1) * slopes[j])
            if abs(analytical - slope) > self.atol * np.sum(u) * np.sum(v) + self.rtol * abs(slope):
                return False
        return True

    def compare(self, a: ndarray, n: ndarray, j: int, k: int, where: str, how: str) -> None:
        if not np.allclose(a, n, rtol=self.rtol, atol=self.atol, equal_nan=True):
            worst = int(np.argmax(np.abs(a - n)))
            raise GradcheckError(
                f"{where}Jacobian {how}mismatch for output {j} with respect to input {k}: at entry {worst} the "
                f"numerical derivative is {n[worst]:.6g}, the analytical one {a[worst]:.6g}.\nnumerical: {n}\n"
                f"analytical: {a}\nIf argument {k} belongs to a function with a rule of its own, look at what that "
                f"rule returns for it."
            )

    def linear(self) -> None:
        """Zero cotangents of all results at once, as of parts of a graph that are not used, have to give zero."""
        outs = [self.outputs[j] for j in self.tracked]
        xs = [self.given[k] for k in self.checked]
        zeros = [wrap(np.zeros(raw_shape(o), raw_dtype(o))) for o in outs]
        for k, c in zip(self.checked, grad(outs, xs, zeros, retain_graph=True, allow_unused=True), strict=True):
            if c is not None and np.any(c._data != 0):
                raise GradcheckError(
                    f"backward not multiplied by grad_output: zero cotangents give input {k} one that is not zero"
                )

    def batched(self) -> None:
        """Two random cotangents under vmap against one after the other."""
        from ..transforms.func import vmap

        rng = np.random.default_rng(2)
        xs = [self.given[k] for k in self.checked]
        for j in self.tracked:
            out = self.outputs[j]
            pair = rng.standard_normal((2, *raw_shape(out))).astype(raw_dtype(out))

            def pull(ct: Any, out: Tensor = out) -> tuple:
                found = grad(out, xs, ct, retain_graph=True, allow_unused=True)
                return tuple(f for f in found if f is not None)

            self._batched(vmap(pull), pull, wrap(pair), f"output {j}", "gradient")

    def _batched(self, together: Callable, single: Callable, pair: Tensor, what: str, kind: str) -> None:
        try:
            found = together(pair)
        except RuntimeError as error:
            raise GradcheckError(
                f"gradcheck or gradgradcheck failed while testing batched {kind} computation (of {what}, under vmap): "
                f"{error}"
            ) from error
        for i in range(2):
            for a, b in zip(found, single(pair[i]), strict=True):  # type: ignore[index]
                if not np.allclose(a[i]._data, b._data, rtol=self.rtol, atol=self.atol, equal_nan=True):
                    raise GradcheckError(
                        f"gradcheck or gradgradcheck failed while testing batched {kind} computation: of {what} under "
                        f"vmap it is {a[i]._data}, alone {b._data}"
                    )

    def forward(self, batched: bool) -> None:
        for k in self.checked:
            x = self.given[k]
            units = (1.0, 1j) if raw_dtype(x).kind == "c" else (1.0,)
            for entry in range(x.numel()):  # type: ignore[attr-defined]
                for direction, unit in enumerate(units):
                    tangent = np.zeros(raw_shape(x), raw_dtype(x))
                    tangent.reshape(-1)[entry] = unit
                    for j, t in enumerate(forward(self.func, self.given, self.checked, k, tangent)):
                        n = self.numerical(k)[j][entry, direction]
                        self.compare(t, n, j, k, "", "computed with forward mode ")
            if batched:
                self._forward_batched(k)

    def _forward_batched(self, k: int) -> None:
        from ..transforms.func import jvp, vmap

        rng = np.random.default_rng(3)
        x = self.given[k].detach()
        pair = rng.standard_normal((2, *raw_shape(x))).astype(raw_dtype(x))

        def at(v: Any) -> tuple:
            full = [g.detach() if i in self.checked else g for i, g in enumerate(self.given)]
            full[k] = v
            return tuple(inexact(as_tuple(self.func(*full))))

        def push(t: Any) -> tuple:
            return as_tuple(jvp(at, (x,), (t,))[1])

        self._batched(vmap(push), push, wrap(pair), f"input {k}", "forward gradient")


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
    """gradcheck of the gradient: second derivatives against central differences of first ones.

    Args:
        func, inputs, and all that is not named here: as gradcheck's.
        grad_outputs: cotangents to differentiate the gradient with (default: random ones that require grad).
        gen_non_contig_grad_outputs: let the random ones not be contiguous in memory.
        check_rev_over_rev, check_fwd_over_rev: by which mode to differentiate the gradient.

    >>> import chainrule as cr
    >>> x = cr.tensor([0.3, 0.7], dtype=cr.float64, requires_grad=True)
    >>> gradgradcheck(lambda x: x**3, (x,))
    True
    """
    given = as_tuple(inputs)
    results = inexact(as_tuple(func(*given)))
    tracked = [j for j, o in enumerate(results) if o.requires_grad]  # type: ignore[attr-defined]
    outputs = [results[j] for j in tracked]
    if grad_outputs is None:
        rng = np.random.default_rng(1)
        cotangents = []
        for o in outputs:
            shape = raw_shape(o)
            if gen_non_contig_grad_outputs and shape:
                data = rng.standard_normal((*shape[:-1], 2 * shape[-1])).astype(raw_dtype(o))[..., ::2]
            else:
                data = np.asarray(rng.standard_normal(shape)).astype(raw_dtype(o))
            cotangents.append(wrap(data).requires_grad_())  # type: ignore[attr-defined]
    else:
        cotangents = list(as_tuple(grad_outputs))
    n = len(given)
    wants = [k for k, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]  # type: ignore[attr-defined]
    used: list[bool] = []

    def first(*args: Any) -> tuple:
        if any(isinstance(x, Tracer) for x in args):
            return forward_over(args)
        xs = [x if k not in wants or x.requires_grad else x.detach().requires_grad_() for k, x in enumerate(args[:n])]
        outs = inexact(as_tuple(func(*xs)))
        found = grad([outs[j] for j in tracked], [xs[k] for k in wants], args[n:], create_graph=True, allow_unused=True)
        used[:] = [f is not None for f in found]
        return tuple(f for f in found if f is not None)

    def forward_over(args: tuple) -> tuple:
        """The same gradients, by a transformation that may run inside forward mode."""
        from ..transforms.func import vjp

        def at(*xs: Any) -> tuple:
            full = list(args[:n])
            for k, x in zip(wants, xs, strict=True):
                full[k] = x
            outs = inexact(as_tuple(func(*full)))
            return tuple(outs[j] for j in tracked)

        found = vjp(at, *(args[k] for k in wants))[1](tuple(args[n:]))
        return tuple(f for f, is_used in zip(found, used, strict=True) if is_used)

    return gradcheck(
        first,
        (*given, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
    )
