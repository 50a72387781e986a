"""Einstein summation, and the one tensor contraction that all products of more than two dimensions come down to."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core.dtypes import is_inexact, result_dtype
from ..core.elementwise import cast_to
from ..core.errors import ArgumentError, ArgumentTypeError, ShapeError
from ..core.tape import Spec
from ..core.value import raw_dtype, raw_shape
from .kits import add_terms, opaque
from .shape import permute_p, reshape_p

Labels = tuple[int, ...]

# ---- the contraction -------------------------------------------------------------------------------------------------


def conj(x: Any) -> Any:
    """Complex conjugate; real values as they are."""
    return x.conj() if raw_dtype(x).kind == "c" else x


def _distinct(labels: Any) -> Labels:
    return tuple(dict.fromkeys(labels))


def _reduced(xp: Any, x: Any, labels: Labels, keep: set) -> tuple[Any, Labels]:
    """`x` with repeated labels on their diagonal, and labels outside of `keep` summed away."""
    unique = _distinct(labels)
    if len(unique) < len(labels):
        short = {label: i for i, label in enumerate(unique)}
        x = xp.einsum(x, [short[label] for label in labels], list(range(len(unique))))
    axes = tuple(i for i, label in enumerate(unique) if label not in keep)
    if axes:
        x = xp.add.reduce(x, axis=axes, dtype=x.dtype)
    return x, tuple(label for label in unique if label in keep)


def _pair(xp: Any, x: Any, y: Any, xl: Labels, yl: Labels, keep: set) -> tuple[Any, Labels]:
    """Product of two arrays summed over their common labels outside of `keep`: one (batched) matrix product."""
    x, xl = _reduced(xp, x, xl, keep | set(yl))
    y, yl = _reduced(xp, y, yl, keep | set(xl))
    both = [label for label in xl if label in yl]
    batch, inner = [a for a in both if a in keep], [a for a in both if a not in keep]
    left, right = [a for a in xl if a not in both], [a for a in yl if a not in both]
    sizes = dict(zip(xl, x.shape)) | dict(zip(yl, y.shape))
    x = x.transpose([xl.index(a) for a in (*batch, *left, *inner)])
    y = y.transpose([yl.index(a) for a in (*batch, *inner, *right)])
    lead, n, k, m = (prod(sizes[a] for a in some) for some in (batch, left, inner, right))
    heads = tuple(sizes[a] for a in batch)
    if inner:
        made = xp.matmul(x.reshape((lead, n, k)) if batch else x.reshape((n, k)),
                         y.reshape((lead, k, m)) if batch else y.reshape((k, m)))  # fmt: skip
    else:
        made = x.reshape((*heads, n, 1)) * y.reshape((*heads, 1, m))
    labels = (*batch, *left, *right)
    return made.reshape(tuple(sizes[a] for a in labels)), labels


@lru_cache(maxsize=512)
def _order(ins: tuple[Labels, ...], out: Labels, sizes: tuple[int, ...]) -> tuple:
    """Which operands to contract, one pair after the other (np.einsum_path's choice)."""
    if len(ins) <= 2:
        return (tuple(range(len(ins))),)
    labels = _distinct(a for some in ins for a in some)
    if len(labels) > 50 or 0 in sizes:
        return ((0, 1),) * (len(ins) - 1)
    short = {label: i for i, label in enumerate(labels)}
    given: list[Any] = []
    for some in ins:
        unique = _distinct(some)
        given += [np.broadcast_to(np.float64(0), [sizes[a] for a in unique]), [short[a] for a in unique]]
    given.append([short[a] for a in _distinct(out) if a in short])
    path = np.einsum_path(*given, optimize="optimal" if len(ins) < 6 else "greedy")[0][1:]
    pairs: list[tuple[int, ...]] = []
    for step in path:  # a step may name more than two operands: contract them from the right
        chosen = sorted(step)
        while len(chosen) > 2:
            pairs.append((chosen[-2], chosen[-1]))
            chosen = chosen[:-2]
            count = len(ins) - len(pairs)
            chosen.append(count - 1)
        pairs.append(tuple(chosen))
    return tuple(pairs)


@lru_cache(maxsize=1024)
def _one_product(ins: tuple[Labels, ...], out: Labels, sizes: tuple[int, ...]) -> tuple | None:
    """How to contract two operands by one matrix product: is there a sum, axes and shape of each and of the result.

    None where a label is repeated, summed within one operand, or new in the result.
    """
    if len(ins) != 2 or any([len(set(labels)) < len(labels) for labels in (*ins, out)]):
        return None
    xl, yl = ins
    if set(out) - {*xl, *yl} or set(xl) - {*yl, *out} or set(yl) - {*xl, *out}:
        return None
    batch, inner = [a for a in xl if a in yl and a in out], [a for a in xl if a in yl and a not in out]
    left, right = [a for a in xl if a not in yl], [a for a in yl if a not in xl]
    lead, n, k, m = (prod(sizes[a] for a in some) for some in (batch, left, inner, right))
    head = (lead,) if batch else ()
    made = (*batch, *left, *right)
    return (
        bool(inner),
        tuple(xl.index(a) for a in (*batch, *left, *inner)),
        (*head, n, k),
        tuple(yl.index(a) for a in (*batch, *inner, *right)),
        (*head, k, m),
        tuple(sizes[a] for a in made),
        tuple(made.index(a) for a in out),
    )


def _contract_impl(xp: Any, *operands: Any, spec: tuple) -> Any:
    ins, out, sizes = spec
    dtype = operands[0].dtype
    plan = _one_product(ins, out, sizes) if dtype.itemsize > 2 else None
    if plan is not None:
        x, y = operands
        summed, x_axes, x_shape, y_axes, y_shape, shape, axes = plan
        x, y = x.transpose(x_axes).reshape(x_shape), y.transpose(y_axes).reshape(y_shape)
        made = xp.matmul(x, y) if summed else xp.multiply(x, y)
        return made.reshape(shape).transpose(axes)
    half = dtype.itemsize == 2 and is_inexact(dtype)
    work = [(x.astype(xp.float32) if half else x, labels) for x, labels in zip(operands, ins, strict=True)]
    wanted = set(out)
    if len(work) == 1:
        x, labels = _reduced(xp, *work[0], wanted)
        x = xp.array(x)
    else:
        for a, b in _order(ins, out, sizes):
            (x, xl), (y, yl) = work[a], work[b]
            work = [w for i, w in enumerate(work) if i not in (a, b)]
            others = wanted.union(*(labels for _, labels in work)) if work else wanted
            work.append(_pair(xp, x, y, xl, yl, others))
        x, labels = work[0]
    unique = _distinct(out)
    x = x.transpose([labels.index(a) for a in unique if a in labels])
    x = x.reshape([sizes[a] if a in labels else 1 for a in unique])
    if len(unique) < len(out):
        made = xp.zeros([sizes[a] for a in out], x.dtype)
        short = {label: i for i, label in enumerate(unique)}
        xp.einsum(made, [short[a] for a in out], list(range(len(unique))))[...] = x
        x = made
    elif len(labels) < len(unique):
        x = xp.array(xp.broadcast_to(x, [sizes[a] for a in unique]))
    return x.astype(dtype) if half else x


def _contract_joint(g: Any, ans: Any, args: tuple, needs: tuple, *, spec: tuple) -> list:
    """The contraction is linear in every operand; its transpose contracts the cotangent with the other operands."""
    ins, out, sizes = spec
    found = []
    for i, need in enumerate(needs):
        others = [conj(a) for j, a in enumerate(args) if j != i]
        labels = (out, *(a for j, a in enumerate(ins) if j != i))
        found.append(contract_p(g, *others, spec=(labels, ins[i], sizes)) if need else None)
    return found


def _contract_jvp(prim: Any, tangents: Any, ans: Any, *args: Any, spec: tuple) -> Any:
    terms = [prim(*args[:i], t, *args[i + 1 :], spec=spec) for i, t in enumerate(tangents) if t is not None]
    return add_terms(terms)


def _contract_batch(prim: Any, args: Any, is_batched: Any, *, spec: tuple) -> Any:
    ins, out, sizes = spec
    size = next(raw_shape(a)[0] for a, b in zip(args, is_batched, strict=True) if b)
    new = len(sizes)
    labels = tuple((new, *a) if b else a for a, b in zip(ins, is_batched, strict=True))
    return prim(*args, spec=(labels, (new, *out), (*sizes, size)))


contract_p = opaque(
    "contract",
    _contract_impl,
    aval=lambda *operands, spec: Spec(tuple(spec[2][a] for a in spec[1]), operands[0].dtype),
    joint=_contract_joint,
    keeps=("all",),
    jvp=_contract_jvp,
    batch=_contract_batch,
    notation="einsum",
    doc="Sum of products over labelled dimensions, spec = (labels of each operand, labels of the result, sizes).",
    backward_name="EinsumBackward0",
)
# A label that the result repeats stands for a diagonal (zero elsewhere), one that no operand has for repetition. So the
# transpose of a contraction is a contraction.


def contract(spec: str, *operands: Any) -> Any:
    """Contraction of operands of one dtype with letters as labels; `...` stands for equal leading dimensions.

    Unlike in einsum the result may repeat a letter: "...i->...ii" makes diagonal matrices.
    """
    ins, out = spec.split("->")
    shapes = tuple(raw_shape(x) for x in operands)
    return contract_p(*operands, spec=_read(tuple(ins.split(",")), out, shapes))


@lru_cache(maxsize=1024)
def _read(ins: tuple[str, ...], out: str, shapes: tuple) -> tuple:
    lead = max((len(s) - len(t) + 3 for t, s in zip(ins, shapes, strict=True) if "..." in t), default=0)
    known: dict[Any, int] = {}
    sizes: list[int] = []

    def labels(text: str, shape: tuple | None) -> Labels:
        names: list[Any] = list(text.replace("...", ""))
        if "..." in text:
            count = lead if shape is None else len(shape) - len(names)
            names = [*range(lead - count, lead), *names]
        for i, name in enumerate(names):
            if name not in known:
                known[name] = len(sizes)
                sizes.append(1 if shape is None else shape[i])
        return tuple(known[name] for name in names)

    found = tuple(labels(t, s) for t, s in zip(ins, shapes, strict=True))
    return found, labels(out, None), tuple(sizes)


# ---- the public function ---------------------------------------------------------------------------------------------


def _named(text: str, where: str) -> list:
    """Subscripts of one operand; Ellipsis for `...`."""
    names: list[Any] = []
    i = 0
    while i < len(text):
        c = text[i]
        if c == " ":
            i += 1
        elif text.startswith("...", i):
            if Ellipsis in names:
                raise ArgumentError(f"einsum(): found two ellipses in {where} '{text}'; write `...` at most once")
            names.append(Ellipsis)
            i += 3
        elif c.isascii() and c.isalpha():
            names.append(c)
            i += 1
        elif c == ".":
            raise ArgumentError(f"einsum(): found '.' in {where} '{text}' that is not part of any ellipsis `...`")
        else:
            raise ArgumentError(
                f"einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in "
                f"[a-zA-Z]: {where} '{text}' has {c!r}"
            )
    return names


@lru_cache(maxsize=1024)
def _parse(equation: str) -> tuple[tuple, tuple | None]:
    ins, arrow, out = equation.partition("->")
    given = tuple(tuple(_named(t, f"operand {i}")) for i, t in enumerate(ins.split(",")))
    return given, tuple(_named(out, "the output")) if arrow else None


def _sublists(given: tuple) -> tuple[list, tuple, tuple | None]:
    """(operands, subscripts, output subscripts) of einsum(x, [0, 1], y, [1, 2], [0, 2])."""

    def names(sub: Any) -> tuple:
        for a in sub:
            if a is not Ellipsis and not (isinstance(a, (int, np.integer)) and 0 <= a < 52):
                raise ArgumentError(f"einsum(): expected subscripts to be integers in the range [0, 52), but got {a!r}")
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        return tuple(a if a is Ellipsis else letters[a] for a in sub)

    out = names(given[-1]) if len(given) % 2 else None
    pairs = given[: len(given) // 2 * 2]
    return list(pairs[::2]), tuple(names(sub) for sub in pairs[1::2]), out


def _show(names: Any) -> str:
    return "".join("..." if a is Ellipsis else a for a in names)


@lru_cache(maxsize=1024)
def _plan(ins: tuple, out: tuple | None, shapes: tuple) -> tuple:
    """(spec, shape to give each operand first or None) from subscripts and shapes, after PyTorch's checks."""
    if len(ins) != len(shapes):
        what = "fewer" if len(shapes) < len(ins) else "more"
        raise ArgumentError(
            f"einsum(): {what} operands were provided than specified in the equation: {len(shapes)} operands for "
            f"{len(ins)} subscripts"
        )
    lead = 0
    for i, (names, shape) in enumerate(zip(ins, shapes, strict=True)):
        written = sum(a is not Ellipsis for a in names)
        if Ellipsis in names and written <= len(shape):
            lead = max(lead, len(shape) - written)
        elif written != len(shape):
            more = "is more than" if Ellipsis in names else "does not match"
            raise ShapeError(
                f"einsum(): the number of subscripts in the equation ({written}) {more} the number of dimensions "
                f"({len(shape)}) for operand {i}{'' if Ellipsis in names else ' and no ellipsis was given'}: "
                f"'{_show(names)}' for shape {shape}"
            )
    full = []
    for names, shape in zip(ins, shapes, strict=True):
        count = len(shape) - len(names) + 1
        full.append([b for a in names for b in (range(lead - count, lead) if a is Ellipsis else [a])])
    sizes: dict[Any, int] = {}
    for i, (names, shape) in enumerate(zip(full, shapes, strict=True)):
        own: dict[Any, int] = {}
        for a, n in zip(names, shape, strict=True):
            if own.setdefault(a, n) != n:
                raise ShapeError(
                    f"einsum(): subscript {a} is repeated for operand {i} but the sizes don't match, {n} != {own[a]}"
                )
            if sizes.get(a, 1) == 1:
                sizes[a] = n
            elif n not in (1, sizes[a]):
                raise ShapeError(
                    f"einsum(): operands do not broadcast with remapped shapes: subscript {a} has size {n} for operand "
                    f"{i} which does not broadcast with previously seen size {sizes[a]}"
                )
    if out is None:
        every = [a for names in ins for a in names if a is not Ellipsis]
        result = [*range(lead), *sorted(a for a in set(every) if every.count(a) == 1)]
    else:
        result = [b for a in out for b in (range(lead) if a is Ellipsis else [a])]
        for a in result:
            if a not in sizes:
                raise ArgumentError(
                    f"einsum(): output subscript {a} does not appear in the equation for any input operand"
                )
            if result.count(a) > 1:
                raise ArgumentError(f"einsum(): output subscript {a} appears more than once in the output")
    number = {a: i for i, a in enumerate(sizes)}
    labels, smaller = [], []
    for names, shape in zip(full, shapes, strict=True):
        drop = [n == 1 and sizes[a] != 1 for a, n in zip(names, shape, strict=True)]  # broadcast along this dimension
        labels.append(tuple(number[a] for a, d in zip(names, drop, strict=True) if not d))
        smaller.append(tuple(n for n, d in zip(shape, drop, strict=True) if not d) if any(drop) else None)
    return (tuple(labels), tuple(number[a] for a in result), tuple(sizes.values())), tuple(smaller)


def einsum(*args: Any) -> Any:
    """Sum of the products of the operands' elements over the subscripts that the output does not name.

    `einsum("bij,bjk->bik", x, y)`: a letter per dimension; without `->` the output has the letters that occur once, in
    alphabetical order; a letter repeated in one operand takes its diagonal; `...` stands for dimensions that broadcast.
    Also `einsum(x, [0, 1], y, [1, 2], [0, 2])`. The order of products is chosen to need few operations, and each is a
    matrix product. dtypes are promoted to a common one.

    Raises:
        RuntimeError: subscripts that do not fit the operands' shapes, or an invalid equation.

    >>> import chainrule as cr
    >>> x = cr.tensor([[1., 2.], [3., 4.]])
    >>> cr.einsum("ij,kj->ik", x, x)
    tensor([[ 5., 11.],
            [11., 25.]])
    >>> cr.einsum("ii", x)
    tensor(5.)
    """
    if not args:
        raise ArgumentError("einsum(): must provide at least one operand; write einsum('ij->ji', x)")
    if isinstance(args[0], str):
        operands = list(args[1:])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = list(operands[0])
        ins, out = _parse(args[0])
    else:
        if len(args) < 2:
            raise ArgumentTypeError("einsum(): the equation comes first; write einsum('ij->ji', x)")
        operands, ins, out = _sublists(args)
    if not operands:
        raise ArgumentError("einsum(): must provide at least one operand; write einsum('ij->ji', x)")
    shapes = tuple(raw_shape(x) for x in operands)
    spec, smaller = _plan(ins, out, shapes)
    if len(operands) == 1:
        labels, result = spec[0][0], spec[1]
        if sorted(labels) == sorted(result) and len(set(labels)) == len(labels):
            return permute_p(operands[0], dims=tuple(labels.index(a) for a in result))
    dtype = result_dtype(operands)
    operands = [cast_to(x, dtype) for x in operands]
    operands = [x if s is None else reshape_p(x, shape=s) for x, s in zip(operands, smaller, strict=True)]
    return contract_p(*operands, spec=spec)
