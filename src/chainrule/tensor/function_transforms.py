"""autograd.Function under grad, vjp, jvp and vmap: one level at a time, each seeing the user's own rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.dtypes import is_inexact
from ..core.errors import GraphError, NotDifferentiableError
from ..core.state import state
from ..core.value import Tensor, raw_dtype, raw_shape, wrap
from ..transforms.batch import Batched, BatchTrace, to_front
from ..transforms.calls import VJPCall, attach, edge_of, public_leaf, top_trace, value_at
from ..transforms.forward import JVPTrace
from ..transforms.level import below, public, zeros_like_raw
from ..transforms.tape import Tape, TapeTrace
from .function import Function, FunctionCtx, rule_of, run, separate_context, with_defaults


class VmapInfo(NamedTuple):
    """What Function.vmap is told about the vmap that it runs under."""

    batch_size: int
    randomness: str


def apply_traced(cls: type[Function], args: tuple, kwargs: dict) -> Any:
    """`cls.apply` on arguments of which some are tracers."""
    if separate_context(cls):
        args, kwargs = with_defaults(cls, args, kwargs)
    top = top_trace(args)
    if isinstance(top, TapeTrace):
        return _taped(cls, top, args, kwargs)
    if isinstance(top, JVPTrace):
        return _pushed(cls, top, args, kwargs)
    if isinstance(top, BatchTrace):
        return _vectorised(cls, top, args, kwargs)
    return top.note(lambda *xs: cls.apply(*xs, **kwargs), args)


def _lower(cls: type[Function], top: Any, args: tuple, kwargs: dict, ctx: FunctionCtx) -> tuple[tuple, bool]:
    """Lower values of the outputs, and whether there is a single one."""
    values = [public_leaf(value_at(a, top)) for a in args]
    if separate_context(cls):
        out = cls.apply(*values, **kwargs)
    elif isinstance(top, JVPTrace) and top_trace(values) is None and state.stage is None:
        out = run(cls, tuple(values), kwargs, ctx)  # dual tensors over a recorded graph: one context for both
    else:
        if top_trace(values) is not None or any(edge_of(v, None) is not None for v in values):
            raise GraphError(
                f"In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...) nested "
                f"in one another, it must override the setup_context staticmethod: give {cls.__name__} a "
                f"forward(*args) without ctx, and a setup_context(ctx, inputs, output)."
            )
        before = state.grad_enabled
        state.set_grad(False)
        try:
            out = cls.forward(ctx, *values, **kwargs)
        finally:
            state.set_grad(before)
        ctx._values = values  # type: ignore[attr-defined]
    single = not isinstance(out, (tuple, list))
    return ((out,) if single else tuple(out)), single


def _taped(cls: type[Function], trace: TapeTrace, args: tuple, kwargs: dict) -> Any:
    ctx = FunctionCtx()
    ctx.needs_input_grad = tuple(edge_of(a, trace) is not None for a in args)
    raw_outs, single = _lower(cls, trace, args, kwargs, ctx)
    recorded = state.grad_enabled and any(ctx.needs_input_grad)
    slots = [i for i, o in enumerate(raw_outs) if isinstance(o, Tensor)]
    lower = [below(raw_outs[i]) for i in slots]
    if separate_context(cls):
        shown = list(raw_outs)
        lifted = [trace.lift(v, None) for v in lower]
        for i, o in zip(slots, lifted, strict=True):
            shown[i] = o
        cls.setup_context(ctx, args, shown[0] if single else tuple(shown))
        saved = list(ctx._to_save)
        outputs = {id(o): k for k, o in enumerate(lifted)}
    else:  # forward saw lower values: recognise inputs and outputs among what it saved
        inputs = {id(v): a for v, a in zip(ctx._values, args, strict=True)}  # type: ignore[attr-defined]
        saved = [inputs.get(id(s), s) for s in ctx._to_save]
        outputs = {id(raw_outs[i]): k for k, i in enumerate(slots)}
        shown = list(raw_outs)
    cut = {k for k, i in enumerate(slots) if any(shown[i] is t or raw_outs[i] is t for t in ctx._non_differentiable)}
    from_outputs = {k: outputs[id(s)] for k, s in enumerate(saved) if s is not None and id(s) in outputs}
    ctx._to_save = ()
    if not recorded:
        results = [trace.lift(v, None) for v in lower]
    else:
        plain = [None if k in from_outputs else s for k, s in enumerate(saved)]
        places = [k for k, s in enumerate(plain) if isinstance(s, Tensor)]

        def pull(cts: list, values: tuple, needs: tuple, ans: tuple) -> list:
            full: list = list(plain)
            for k, v in zip(places, values, strict=True):
                full[k] = public(v)
            for k, j in from_outputs.items():
                full[k] = public(ans[j])
            each: list = [None] * len(raw_outs)
            values_of: list = [None] * len(raw_outs)
            for i, c, v in zip(slots, cts, lower, strict=True):
                each[i], values_of[i] = c, v
            return _backward(cls, ctx, full, each, values_of, len(args))

        results = attach(cls.__name__, trace, args, [plain[k] for k in places], lower, pull, set(from_outputs.values()))
        for k in cut:
            results[k] = trace.lift(lower[k], None)
    outs = list(raw_outs)
    for i, r in zip(slots, results, strict=True):
        outs[i] = r
    return outs[0] if single else tuple(outs)


def _backward(cls: type[Function], ctx: FunctionCtx, saved: list, cts: list, outs: list, n: int) -> list:
    """The user's backward on lower values."""
    grads = []
    for c, o in zip(cts, outs, strict=True):
        if c is None:
            zero = ctx._materialize and o is not None
            grads.append(wrap(np.zeros(raw_shape(o), raw_dtype(o))) if zero else None)
        else:
            grads.append(public(c))
    ctx._saved = tuple(saved)
    try:
        found = rule_of(cls)(ctx, *grads)
    finally:
        ctx._saved = None
    found = found if isinstance(found, tuple) else (found,)
    if len(found) < n or any(f is not None for f in found[n:]):
        raise GraphError(
            f"function {cls.__name__}Backward returned an incorrect number of gradients (expected {n}, got "
            f"{len(found)})"
        )
    return [None if c is None else below(public(c)) for c in found[:n]]


def _pushed(cls: type[Function], trace: JVPTrace, args: tuple, kwargs: dict) -> Any:
    ctx = FunctionCtx()
    ctx.needs_input_grad = tuple(isinstance(a, Tensor) for a in args)
    pairs = [trace.split(a) if isinstance(a, Tensor) else (a, None) for a in args]
    raw_outs, single = _lower(cls, trace, args, kwargs, ctx)
    lower = [below(o) if isinstance(o, Tensor) else o for o in raw_outs]
    values = tuple(public_leaf(p) for p, _ in pairs)
    tangents = [None if t is None else public(t) for _, t in pairs]
    moved: Any = [None] * len(lower)
    if state.grad_enabled and any(t is not None for t in tangents):
        if separate_context(cls):
            cls.setup_context(ctx, values, raw_outs[0] if single else raw_outs)
        if cls.jvp is not Function.jvp:
            ctx._saved = ctx._to_save_forward or ctx._to_save
            given = [
                wrap(zeros_like_raw(v))
                if t is None and isinstance(v, Tensor) and ctx._materialize and is_inexact(raw_dtype(v))
                else t
                for t, v in zip(tangents, values, strict=True)
            ]
            try:
                moved = cls.jvp(ctx, *given)
            finally:
                ctx._saved = None
            moved = list(moved) if isinstance(moved, (tuple, list)) else [moved]
            if len(moved) != len(raw_outs):
                raise GraphError(
                    f"{cls.__name__}.jvp returned {len(moved)} tangents for {len(raw_outs)} outputs: return one for "
                    f"each output of forward, None where there is none"
                )
            for i, (t, o) in enumerate(zip(moved, raw_outs, strict=True)):
                if t is not None and any(o is cut for cut in ctx._non_differentiable):
                    raise GraphError(
                        f"{cls.__name__}.jvp returned a tangent at position {i}, whose output was marked as non "
                        f"differentiable. You should return None at that position instead."
                    )
        elif cls.backward is not Function.backward or cls.vjp is not Function.vjp:
            moved = _transposed(cls, ctx, lower, tangents)
        else:
            raise NotDifferentiableError(
                f"You must implement the jvp function for custom autograd.Function {cls.__name__} to use it with "
                f"forward mode AD."
            )
    outs = []
    for o, v, t in zip(raw_outs, lower, moved, strict=True):
        if not isinstance(o, Tensor):
            outs.append(o)
        else:
            outs.append(trace.dual(v, below(t) if t is not None and is_inexact(raw_dtype(v)) else None))
    return outs[0] if single else tuple(outs)


def _transposed(cls: type[Function], ctx: FunctionCtx, lower: list, tangents: list) -> list:
    """Tangents of the outputs as the transpose of backward, which is linear in its cotangents."""
    saved = list(ctx._to_save)
    tape = Tape([zeros_like_raw(o) for o in lower])
    pulled = tape.record(_backward, cls, ctx, saved, list(tape.inputs), lower, len(tangents))
    roots = []
    for c, t in zip(pulled, tangents, strict=True):
        node = None if c is None or t is None else tape.split(c)[1]
        if node is not None:
            roots.append((node, below(t)))
    return tape.pull(roots, retain=False)


def _vectorised(cls: type[Function], trace: BatchTrace, args: tuple, kwargs: dict) -> Any:
    flags = [type(a) is Batched and a._trace is trace for a in args]
    values = [public_leaf(value_at(a, trace)) for a in args]
    if cls.vmap is not Function.vmap:
        if cls.generate_vmap_rule:
            raise GraphError(
                f"You tried to vmap over {cls.__name__}, but it has both generate_vmap_rule=True and an overridden "
                f"vmap staticmethod. Please set generate_vmap_rule=False or delete the overridden vmap staticmethod."
            )
        dims = tuple(0 if b else None for b in flags)
        returned = cls.vmap(VmapInfo(trace.size, trace.randomness), dims, *values, **kwargs)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise GraphError(
                f"Expected the vmap staticmethod of {cls.__name__} to have two returns: (output, out_dims)"
            )
        out, out_dims = returned
        single = not isinstance(out, (tuple, list))
        outs = (out,) if single else tuple(out)
        several = isinstance(out_dims, (tuple, list))
        if several and (single or len(out_dims) != len(outs)):
            raise GraphError(
                f"The vmap staticmethod of {cls.__name__} returned an incompatible (output, out_dims): out_dims is "
                f"{out_dims}, but there {'is a single output' if single else f'are {len(outs)} outputs'}"
            )
        places = out_dims if several else (out_dims,) * len(outs)
        found = [
            o if d is None or not isinstance(o, Tensor) else trace.batched(to_front(below(o), d % len(raw_shape(o))))
            for o, d in zip(outs, places, strict=True)
        ]
        return found[0] if single else tuple(found)
    if not cls.generate_vmap_rule:
        raise GraphError(
            f"You tried to vmap over {cls.__name__}, but it does not have vmap support. Please override and implement "
            f"the vmap staticmethod or set generate_vmap_rule=True."
        )
    if not separate_context(cls):
        raise GraphError(f"{cls.__name__}: generate_vmap_rule needs the style with setup_context(ctx, inputs, output).")
    single = True

    def run(leaves: list) -> list:
        nonlocal single
        out = cls.forward(*leaves, **kwargs)
        single = not isinstance(out, (tuple, list))
        return [out] if single else list(out)

    def forward(leaves: list) -> tuple[list, list]:
        nonlocal single, context
        context = FunctionCtx()
        context.needs_input_grad = tuple(isinstance(x, Tensor) for x in leaves)
        out = cls.forward(*leaves, **kwargs)
        single = not isinstance(out, (tuple, list))
        cls.setup_context(context, tuple(leaves), out)
        saved, context._to_save = list(context._to_save), ()
        return ([out] if single else list(out)), saved

    def backward(saved: list, cts: list, needs: tuple) -> list:
        found = _backward(cls, context, saved, cts, cts, len(needs))
        return [None if c is None else public(c) for c in found]

    context = FunctionCtx()
    call = VJPCall(cls.__name__, run, forward, backward).vectorised(trace, flags)
    outs = [trace.batched(below(o)) for o in call.apply(values)]
    return outs[0] if single else tuple(outs)
