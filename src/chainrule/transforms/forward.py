"""Forward mode at one level: each Dual carries a value and its tangent; zero tangents are None, never arrays."""

from __future__ import annotations

from typing import Any

from ..core.dtypes import is_inexact
from ..core.eager import bind
from ..core.errors import NotDifferentiableError
from ..core.primitive import Primitive
from ..core.provenance import describe, here
from ..core.state import state
from ..core.value import Tensor, Tracer, new_object, raw_dtype, raw_shape
from .level import Level, below, escaped, public, size_of, zeros_like_raw
from .tape import Tape


class Dual(Tracer):
    """A value with a tangent: `_data` and `_tangent` are one level down; `_tangent` is None for zero."""

    __slots__ = ()

    shape = property(lambda self: size_of(self._data.shape))  # type: ignore[assignment]


class JVPTrace(Level):
    """Forward mode at one level: values and tangents are computed one level down."""

    name = "jvp"
    frees = True

    def dual(self, primal: Any, tangent: Any) -> Dual:
        """A value of this trace from a lower value and its tangent (None for zero)."""
        t = new_object(Dual)
        t._trace = self
        t._data = primal
        t._node = None
        t._tangent = tangent
        return t

    def split(self, out: Any) -> tuple[Any, Any]:
        """(lower value, tangent or None) of an output."""
        out = self.traced(out)
        if type(out) is Dual and out._trace is self:
            return out._data, out._tangent
        return below(out), None

    def process(self, prim: Primitive, args: tuple, params: dict) -> Any:
        """Apply a primitive to the primals, and its JVP rule to the tangents."""
        primals, tangents, live = [], [], False
        for a in args:
            if isinstance(a, Tensor):
                if type(a) is Dual and a._trace is self:
                    t = a._tangent
                    primals.append(a._data)
                    tangents.append(t)
                    if t is not None:
                        live = True
                    continue
                if type(a) is Tensor and a._node is None and state.stage is None:
                    a = a._data
            primals.append(a)
            tangents.append(None)
        if not self.alive:
            if self.forgiving:
                found = bind(prim, tuple(primals), params)
                return tuple(public(v) for v in found) if prim.n_out != 1 else public(found)
            raise escaped(self.name, prim)
        enabled = state.grad_enabled
        if self.outer or not enabled:
            ans = bind(prim, tuple(primals), params)
        else:
            ans = self.lower(prim, tuple(primals), params)
        live = live and (enabled or self.forgiving)  # tangents of dual levels pass through no_grad, as in PyTorch
        if prim.n_out == 1:
            tangent = None
            if live and not prim.cut and is_inexact(raw_dtype(ans)):
                if self.outer or not enabled:
                    tangent = push(prim, tangents, ans, primals, params)
                else:
                    tangent = self._quietly(prim, tangents, ans, primals, params)
            t = new_object(Dual)
            t._trace = self
            t._data = ans
            t._node = None
            t._tangent = tangent
            return t
        found: Any = None
        if live and any([is_inexact(raw_dtype(a)) for a in ans]):
            found = (push if self.outer or not enabled else self._quietly)(prim, tangents, ans, primals, params)
        if found is None:
            found = (None,) * len(ans)
        return tuple([self.dual(a, t if is_inexact(raw_dtype(a)) else None) for a, t in zip(ans, found, strict=True)])

    def _quietly(self, *arguments: Any) -> Any:
        state.set_grad(False)
        try:
            return push(*arguments)
        finally:
            state.set_grad(True)


def push(prim: Primitive, tangents: list, ans: Any, primals: list, params: dict) -> Any:
    """Tangent of the answer, by the primitive's JVP rule, or from its VJP rules where it has none."""
    rule = prim.jvp
    if rule is not None:
        return rule(prim, tangents, ans, *primals, **params)
    if prim.joint is None and not any(prim.vjp):
        code, lasti = here(3)
        raise NotDifferentiableError(
            f"the derivative for '{prim.name}' is not implemented, because it does not exist or is zero almost "
            f"everywhere; used at {describe(code, lasti)}. Write x.detach() where the value should be a constant."
        )
    return transposed_vjp(prim, tangents, ans, primals, params)


def transposed_vjp(prim: Primitive, tangents: list, ans: Any, primals: list, params: dict) -> Any:
    """J t as the transpose of g -> J^T g, which the VJP rules compute and which is linear in g."""
    from ..core.eager import conjugate_twin
    from ..ops.broadcasting import unbroadcast

    multiple = isinstance(ans, tuple)
    outs = ans if multiple else (ans,)
    if prim.holomorphic and raw_dtype(outs[0]).kind == "c":
        prim = conjugate_twin(prim)
    tape = Tape([zeros_like_raw(a) for a in outs])
    g = list(tape.inputs) if multiple else tape.inputs[0]
    needs = tuple(t is not None for t in tangents)

    def pulled() -> list:
        if prim.joint is not None:
            return list(prim.joint(g, ans, tuple(primals), needs, **params))
        return [
            rule(g, ans, *primals, **params) if need and rule is not None else None
            for rule, need in zip(prim.vjp, needs, strict=True)
        ]

    roots = []
    for c, t, x in zip(tape.record(pulled), tangents, primals, strict=False):
        if t is None or c is None:
            continue
        if raw_shape(c) != raw_shape(x):
            tape.trace.alive = True
            c = unbroadcast(c, raw_shape(x))
            tape.trace.alive = False
        node = tape.split(c)[1]
        if node is not None:
            roots.append((node, t))
    found = tape.pull(roots, retain=False)
    return tuple(found) if multiple else found[0]
