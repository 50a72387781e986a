"""Primitive: the one record that holds all the system knows about an operation."""

from __future__ import annotations

import dis
from collections.abc import Callable
from types import FunctionType
from typing import Any

PRIMITIVES: dict[str, Primitive] = {}
_bind: Any = None  # how a primitive is applied; eager, which stands on this module, sets it

VALUE, SPEC, UNREAD = 2, 1, 0  # what a rule needs of an argument: its value, only shape and dtype, nothing
_SPEC_ATTRIBUTES = {"shape", "dtype", "ndim"}


class Primitive:
    """Everything the system knows about one operation; a constant once made.

    Arrays are positional, metadata are keywords (hashable). Rules are ordinary array code over operators and ops, so
    that they evaluate, record, push tangents, vectorise, stage and spell themselves.
    """

    name: str
    impl: Callable  # (xp, *arrays, **params) -> array, or tuple of arrays if n_out > 1; never mutates its arguments
    aval: Callable  # (*specs, **params) -> Spec, or tuple of Specs
    vjp: tuple[Callable | None, ...]  # vjp[i](ct, ans, *args, **params) -> cotangent of args[i]; None: no derivative
    jvp: Callable | None  # (prim, tangents, ans, *args, **params) -> tangent of ans; a tangent may be None (zero)
    batch: Callable | None  # (prim, args, is_batched, **params) -> ans; the batch dimension is 0, in and out
    lower: Callable | None  # (builder, *operands, **params) -> operand
    joint: Callable | None  # instead of vjp: (cts, ans, args, needs, **params) -> cotangents (None: zero)
    keeps: tuple[Any, ...]  # with joint: what it reads, argument numbers and "ans"; "all" arguments if variadic
    n_out: int  # number of results; 0: as many as the answer's tuple has
    kind: str  # elementwise | linear | bilinear | opaque
    notation: str | Callable  # text of an application, such as "{} + {}"
    doc: str
    backward_name: str | Callable  # PyTorch's name of its node, such as "AddBackward0", or params -> that
    holomorphic: bool  # complex cotangents need conj(rule(conj(ct)))
    view: bool  # the result shares memory with its first argument
    cut: bool  # the result is a constant to every derivative (stop_gradient)
    effect: str  # "random": draws from a generator; such calls are never merged or dropped
    undoes_broadcast: bool  # rules may return cotangents of the broadcast shape
    fast: Callable | None  # the elementwise NumPy ufunc, for the eager hot path
    out_dtype: str  # elementwise: same | bool | real
    _cache: dict

    # By hand, for a dataclass would take a millisecond of every import.
    __slots__ = (
        "_cache", "aval", "backward_name", "batch", "cut", "doc", "effect", "fast", "holomorphic", "impl", "joint",
        "jvp", "keeps", "kind", "lower", "n_out", "name", "notation", "out_dtype", "undoes_broadcast", "view", "vjp",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        impl: Callable,
        aval: Callable,
        vjp: tuple[Callable | None, ...],
        jvp: Callable | None,
        batch: Callable | None,
        lower: Callable | None = None,
        joint: Callable | None = None,
        keeps: tuple[Any, ...] = (),
        n_out: int = 1,
        kind: str = "opaque",
        notation: str | Callable = "",
        doc: str = "",
        backward_name: str | Callable = "",
        holomorphic: bool = False,
        view: bool = False,
        cut: bool = False,
        effect: str = "",
        undoes_broadcast: bool = False,
        fast: Callable | None = None,
        out_dtype: str = "same",
    ) -> None:
        if name in PRIMITIVES:
            raise ValueError(f"primitive {name!r} is registered twice")
        if not backward_name:
            pretty = "".join(word.capitalize() for word in name.split("_"))
            backward_name = f"{pretty}Backward0"
        given = locals()
        for field in Primitive.__slots__:
            object.__setattr__(self, field, given[field] if field != "_cache" else {})
        PRIMITIVES[name] = self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot assign to {name!r}: a primitive is a constant once made")

    def __call__(self, *args: Any, **params: Any) -> Any:
        return _bind(self, args, params)

    def __repr__(self) -> str:
        return f"Primitive({self.name})"

    def reads(self, n_args: int, needs: tuple[bool, ...]) -> tuple[tuple[int, ...], bool]:
        """What the rules for the arguments in `needs` read: VALUE, SPEC or UNREAD per argument, and whether `ans`."""
        key = (n_args, needs)
        try:
            return self._cache[key]
        except KeyError:
            pass
        if self.joint is not None:
            every = "all" in self.keeps
            found = tuple(VALUE if every or i in self.keeps else SPEC for i in range(n_args))
            result = found, "ans" in self.keeps
        else:
            kinds, ans = [UNREAD] * n_args, False
            for rule, need in zip(self.vjp, needs, strict=False):
                if need and rule is not None:
                    reads_ans, args = rule_reads(rule, n_args)
                    ans = ans or reads_ans
                    kinds = [max(k, a) for k, a in zip(kinds, args, strict=True)]
            result = tuple(kinds), ans
        self._cache[key] = result
        return result


def rule_reads(rule: Callable, n_args: int) -> tuple[bool, list[int]]:
    """Read off a rule's bytecode what it uses: (reads ans, per argument VALUE | SPEC | UNREAD).

    A rule that is not a plain function, takes ``*args``, or hands a parameter to an inner function reads all of it.
    """
    inner = getattr(rule, "reads_like", rule)  # wrappers say whose reads are theirs
    if not isinstance(inner, FunctionType):
        return True, [VALUE] * n_args
    code = inner.__code__
    names = code.co_varnames[: code.co_argcount]
    if code.co_flags & 0x04 or len(names) < 2 + n_args:  # *args
        return True, [VALUE] * n_args
    positions = {name: i for i, name in enumerate(names)}
    kinds = [UNREAD] * len(names)
    for cell in code.co_cellvars:
        if cell in positions:
            kinds[positions[cell]] = VALUE
    instructions = [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")]
    for this, after in zip(instructions, instructions[1:], strict=False):
        if "LOAD_FAST" not in this.opname:
            continue
        loaded = this.argval if isinstance(this.argval, tuple) else (this.argval,)
        for k, name in enumerate(loaded):
            if name in positions:
                last = k == len(loaded) - 1
                spec_only = last and after.opname == "LOAD_ATTR" and after.argval in _SPEC_ATTRIBUTES
                i = positions[name]
                kinds[i] = max(kinds[i], SPEC if spec_only else VALUE)
    return kinds[1] != UNREAD, kinds[2 : 2 + n_args]


def renamed(prim: Primitive, backward_name: str) -> Primitive:
    """The same record with another name for its nodes; made once and kept."""
    twin = prim._cache.get(backward_name)
    if twin is None:
        twin = object.__new__(Primitive)
        for name in Primitive.__slots__:
            object.__setattr__(twin, name, getattr(prim, name))
        object.__setattr__(twin, "backward_name", backward_name)
        prim._cache[backward_name] = twin
    return twin
