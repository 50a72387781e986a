"""Kits make records: say what cannot be derived, and the rest of a primitive's rules follow from its kind.

elementwise   impl and partial derivatives; JVP, VJP, vmap, aval and broadcasting follow
linear        impl, aval, transpose, batch; the JVP is the op itself
bilinear      impl, aval, two transposes, batch
opaque        everything by hand
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..core.dtypes import BOOL, result_dtype
from ..core.elementwise import binary, elementwise_call, unary
from ..core.errors import ArgumentTypeError, ShapeError, UnsupportedDTypeError
from ..core.primitive import Primitive, renamed
from ..core.state import next_seq
from ..core.tape import NodeBase, Spec
from ..core.value import Tensor, raw_dtype, raw_shape
from .examples import EXAMPLES

__all__ = [
    "add_terms",
    "bilinear",
    "documented",
    "elementwise",
    "function_of",
    "linear",
    "only_for",
    "opaque",
    "pad_rank",
    "spec_of",
]


def spec_of(x: Any) -> Spec:
    """Shape and dtype of any value."""
    return Spec(raw_shape(x), raw_dtype(x))


def add_terms(terms: list) -> Any:
    """Sum of a non-empty list of cotangents or tangents."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's broadcasting of shapes, with our error."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise ShapeError(f"shapes {', '.join(map(str, shapes))} do not broadcast together") from error


def pad_rank(x: Any, ndim: int) -> Any:
    """Batched `x` (batch dimension 0) with 1s inserted after the batch dimension until `ndim` dimensions follow it."""
    from .shape import reshape_p

    lead, *rest = raw_shape(x)
    return x if len(rest) >= ndim else reshape_p(x, shape=(lead, *(1,) * (ndim - len(rest)), *rest))


def _real(d: np.dtype) -> np.dtype:
    return np.dtype(f"f{d.itemsize // 2}") if d.kind == "c" else d


def elementwise(
    name: str,
    impl: Callable,
    *partials: Callable | None,
    notation: str = "",
    doc: str = "",
    out: str = "same",
    backward_name: str = "",
    holomorphic: bool = True,
    lower: Callable | None = None,
    fast: Callable | None = None,
) -> Primitive:
    """A primitive that works element by element and broadcasts.

    `partials[i](g, ans, *args)` is g times d ans / d args[i]: with a cotangent the VJP, with a tangent the JVP.
    `out`: "same" | "bool" | "real" (dtype of the answer). `holomorphic=False` for real functions of complex numbers,
    whose VJP is then used as written. `fast` is the NumPy ufunc of `impl`, called directly on the hot path.
    """

    def aval(*specs: Any) -> Spec:
        shape = broadcast_shapes(*(raw_shape(s) for s in specs))
        if out == "bool":
            return Spec(shape, BOOL)
        dtypes = [raw_dtype(s) for s in specs if hasattr(s, "dtype")]
        dtype = np.result_type(*dtypes) if dtypes else np.result_type(*specs)
        return Spec(shape, _real(dtype) if out == "real" else dtype)

    def jvp(prim: Primitive, tangents: Any, ans: Any, *args: Any) -> Any:
        from .shape import broadcast_to_p

        shape, terms = raw_shape(ans), []
        for partial, tangent in zip(partials, tangents, strict=True):
            if tangent is not None and partial is not None:
                term = partial(tangent, ans, *args)
                terms.append(term if raw_shape(term) == shape else broadcast_to_p(term, shape=shape))
        return add_terms(terms) if terms else None

    def batch(prim: Primitive, args: tuple, is_batched: Any) -> Any:
        ndim = max(len(raw_shape(a)) - b for a, b in zip(args, is_batched, strict=True))
        return prim(*(pad_rank(a, ndim) if b else a for a, b in zip(args, is_batched, strict=True)))

    return Primitive(
        name,
        impl,
        aval,
        partials,
        jvp if any(partials) else None,
        batch,
        lower=lower or (lambda builder, *operands: builder.elementwise(name, *operands)),
        kind="elementwise",
        notation=notation or f"{name}({', '.join(['{}'] * max(len(partials), 1))})",
        doc=doc,
        backward_name=backward_name,
        holomorphic=holomorphic,
        undoes_broadcast=True,
        fast=fast,
        out_dtype=out,
    )


def function_of(prim: Primitive, promotes: str = "", doc: str = "") -> Callable:
    """The public function of an elementwise primitive, with promotion, the eager hot path and `out=`.

    `promotes`: "float" (integers become the default float), "numeric" (dtypes are promoted to a common one), "none".
    """
    n = len(prim.vjp)
    if n == 1:
        op = unary(prim, promotes or "float")
    elif n == 2:
        op = binary(prim, promotes or "numeric")
    else:

        def op(*args: Any) -> Any:
            return elementwise_call(prim, args, promotes or "numeric")

    op.prim = prim  # type: ignore[attr-defined]  # the in-place form looks here for the ufunc
    op.__name__ = op.__qualname__ = prim.name
    op.__module__ = "chainrule"
    return documented(op, doc or prim.doc, n, promotes or ("float" if n == 1 else "numeric"))


RESULTS = {
    "float": "integers and bool count as the default float",
    "float arrays": "integers and bool count as the default float",
    "numeric": "the result has the operands' promoted dtype",
    "none": "the result has the operand's own dtype",
}


def documented(op: Callable, doc: str, n_args: int, promotes: str, result: str = "") -> Callable:
    """Give `op` its docstring: the mathematics by hand, then what all elementwise functions share, and an example."""
    if ">>>" in doc:
        head, _, rest = doc.partition("\n\n")
        example = rest.strip("\n ").replace("\n    ", "\n")
    else:
        head, example = doc, ""
        if op.__name__ in EXAMPLES:
            call, shown = EXAMPLES[op.__name__]
            example = f">>> import chainrule as cr\n>>> {call}\n{shown}"
    shape = "Tensors or numbers of any shapes that broadcast" if n_args > 1 else "A tensor of any shape"
    common = f"{shape}; {result or RESULTS[promotes]}.\n`out`: where to write the result. Raises TypeError"
    common += " for other types"
    common += ",\nRuntimeError for shapes that do not broadcast" if n_args > 1 else ""
    text = f"{head.strip()}\n\n{common} and for dtypes without such an operation.\n\n{example}"
    op.__doc__ = text.replace("\n", "\n    ").rstrip() + "\n    "
    return op


TYPE_NAMES = {"bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int", "int64": "Long"}
TYPE_NAMES |= {"float16": "Half", "bfloat16": "BFloat16", "float32": "Float", "float64": "Double"}
TYPE_NAMES |= {"complex64": "ComplexFloat", "complex128": "ComplexDouble"}


def only_for(prim: Primitive, kinds: str, kernel: str = "", text: str = "", hint: str = "") -> Primitive:
    """Let `prim` refuse tensors whose common dtype is not of one of `kinds` (NumPy's letters), in PyTorch's words."""

    def check(args: tuple) -> None:
        if any(isinstance(x, Tensor) for x in args):
            found = result_dtype(args)
            kind = "f" if found.kind == "V" else found.kind
            if kind not in kinds:
                said = text or f'"{kernel or prim.name}" not implemented for {TYPE_NAMES.get(found.name, found.name)!r}'
                raise UnsupportedDTypeError(f"{said}{hint}")

    prim._cache["operands"] = check
    return prim


def linear(
    name: str,
    impl: Callable,
    aval: Callable,
    transpose: Callable,
    batch: Callable | None,
    **fields: Any,
) -> Primitive:
    """A primitive linear in its one argument. `transpose(g, ans, x, **params)` may read x's shape and dtype only."""

    def jvp(prim: Primitive, tangents: Any, ans: Any, x: Any, **params: Any) -> Any:
        return prim(tangents[0], **params)

    return Primitive(name, impl, aval, (transpose,), jvp, batch, kind="linear", **fields)


def bilinear(
    name: str,
    impl: Callable,
    aval: Callable,
    transpose_lhs: Callable,
    transpose_rhs: Callable,
    batch: Callable | None,
    **fields: Any,
) -> Primitive:
    """A primitive linear in each of two arguments; complex cotangents are conjugated by the engine."""

    def jvp(prim: Primitive, tangents: Any, ans: Any, x: Any, y: Any, **params: Any) -> Any:
        terms = []
        if tangents[0] is not None:
            terms.append(prim(tangents[0], y, **params))
        if tangents[1] is not None:
            terms.append(prim(x, tangents[1], **params))
        return add_terms(terms)

    return Primitive(
        name,
        impl,
        aval,
        (transpose_lhs, transpose_rhs),
        jvp,
        batch,
        kind="bilinear",
        holomorphic=True,
        **fields,
    )


def opaque(name: str, impl: Callable, aval: Callable, **fields: Any) -> Primitive:
    """A primitive whose rules are all given by hand: pass vjp (a tuple) or joint, jvp, batch ..."""
    fields.setdefault("vjp", ())
    fields.setdefault("jvp", None)
    fields.setdefault("batch", None)
    return Primitive(name, impl, aval, kind="opaque", **fields)


def shown_as(backward_name: str | Callable) -> Callable:
    """A composite's last node bears PyTorch's name for the whole: `mse_loss(...).grad_fn` is an MseLossBackward0.

    The name may depend on the call: then it is a function of the arguments.
    """

    def decorate(function: Callable) -> Callable:
        @wraps(function)
        def op(*args: Any, **kwargs: Any) -> Any:
            before = next_seq()
            out = function(*args, **kwargs)
            if type(out) is Tensor:
                node = out._node
                if node is not None and isinstance(node, NodeBase) and node.seq > before:
                    name = backward_name if isinstance(backward_name, str) else backward_name(*args, **kwargs)
                    node.prim = renamed(node.prim, name)
            return out

        return op

    return decorate


def numpy_names(function: Callable) -> Callable:
    """A function of `dim` and `keepdim` that takes them under NumPy's names too: `axis` and `keepdims`."""

    @wraps(function)
    def op(*args: Any, **kwargs: Any) -> Any:
        for theirs, ours in (("axis", "dim"), ("keepdims", "keepdim")) if kwargs else ():
            if theirs in kwargs:
                if ours in kwargs:
                    raise ArgumentTypeError(
                        f"{function.__name__}() got both {ours}={kwargs[ours]!r} and {theirs}={kwargs[theirs]!r}, two "
                        f"names of one argument; give one of them"
                    )
                kwargs[ours] = kwargs.pop(theirs)
        return function(*args, **kwargs)

    return op
