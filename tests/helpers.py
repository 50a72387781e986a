"""What the laws share: the cases, calling them in chainrule and in torch, comparing, and random directions."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import samples
from samples.table import CASES, OpCase, Sample

import chainrule as cr
from chainrule.core.errors import TracedValueError
from chainrule.core.primitive import PRIMITIVES
from chainrule.core.tape import Spec
from chainrule.core.value import Tensor, raw_dtype, raw_shape, wrap

IMPORT_ERRORS: dict[str, BaseException] = {}
FAMILIES: list[str] = []

for _info in pkgutil.iter_modules(samples.__path__):
    FAMILIES.append(_info.name)
    try:
        importlib.import_module(f"samples.{_info.name}")
    except Exception as error:  # reported by its own test, so that other families still run
        IMPORT_ERRORS[_info.name] = error

PUBLIC_NAMES = [
    line
    for line in (Path(__file__).parent / "data" / "public_names.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

ALL_CASES = sorted(CASES.values(), key=lambda c: c.name)


def rng_of(*words: Any) -> np.random.Generator:
    """A generator that depends on the words alone."""
    return np.random.default_rng(zlib.crc32(repr(words).encode()))


@cache
def samples_named(name: str) -> tuple[Sample, ...]:
    """The samples of an operation, the same in every law."""
    return tuple(CASES[name].samples(rng_of(name)))


# ---- arguments ------------------------------------------------------------------------------------------------------


def arrays_in(tree: Any) -> list[np.ndarray]:
    """The arrays (and NumPy's floating scalars) among nested arguments, in order."""
    if isinstance(tree, (np.ndarray, np.inexact)):
        return [np.asarray(tree)]
    if isinstance(tree, (list, tuple)):
        return [a for x in tree for a in arrays_in(x)]
    if isinstance(tree, dict):
        return [a for x in tree.values() for a in arrays_in(x)]
    return []


def fill(tree: Any, leaves: Iterator, other: Callable = lambda x: x) -> Any:
    """The nested arguments with their arrays replaced, in order, and `other` applied to all else."""
    if isinstance(tree, (np.ndarray, np.inexact)):
        return next(leaves)
    if isinstance(tree, (list, tuple)):
        items = [fill(x, leaves, other) for x in tree]
        if isinstance(tree, list):
            return items
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    if isinstance(tree, dict):
        return {k: fill(v, leaves, other) for k, v in tree.items()}
    return other(tree)


def leaves_of(sample: Sample) -> list[np.ndarray]:
    """All arrays among a sample's arguments."""
    return arrays_in(sample.args) + arrays_in(sample.kwargs)


def is_float(a: Any) -> bool:
    """Can gradients flow to this array?"""
    return a.dtype.kind in "fc" or a.dtype.name == "bfloat16"


def wanted(sample: Sample, leaves: list) -> list[int]:
    """Numbers of the arrays to differentiate by: all floating ones, or those that `grad` lists."""
    floating = [i for i, a in enumerate(leaves) if is_float(a)]
    if isinstance(sample.grad, (tuple, list)):
        return [i for i in sample.grad if i in floating]
    return floating if sample.grad else []


def cast_all(leaves: list, wide: bool) -> list:
    """Floating and complex arrays in double (or single) precision, layouts kept."""
    real, cplx = (np.float64, np.complex128) if wide else (np.float32, np.complex64)
    return [
        a if not is_float(a) else a.astype(cplx if a.dtype.kind == "c" else real, order="K", copy=False) for a in leaves
    ]


def text_of(number: int, sample: Sample) -> str:
    """A sample in a line, for messages."""

    def show(x: Any) -> str:
        if isinstance(x, np.ndarray):
            return f"{x.dtype}{list(x.shape)}"
        if isinstance(x, (list, tuple)):
            return "[" + ", ".join(map(show, x)) + "]"
        return repr(x)

    parts = [show(a) for a in sample.args] + [f"{k}={show(v)}" for k, v in sample.kwargs.items()]
    return f"sample {number}: ({', '.join(parts)})"


@contextmanager
def naming(case: OpCase, number: int, sample: Sample) -> Iterator[None]:
    """Say which sample failed."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"{case.name} {text_of(number, sample)}")
        raise


def each(case: OpCase) -> Iterator[tuple[int, Sample]]:
    yield from enumerate(samples_named(case.name))


# ---- calling --------------------------------------------------------------------------------------------------------


def find(root: Any, dotted: str) -> Any:
    """The object below `root` of a dotted name."""
    for part in dotted.split("."):
        try:
            root = getattr(root, part)
        except AttributeError:
            if not isinstance(root, ModuleType):
                raise
            try:
                root = importlib.import_module(f"{root.__name__}.{part}")
            except ModuleNotFoundError:
                raise AttributeError(f"{dotted} does not exist: {root.__name__} has no {part}") from None
    return root


def find_or_none(root: Any, dotted: str) -> Any:
    try:
        return find(root, dotted)
    except (ImportError, AttributeError):
        return None


def flat_results(out: Any) -> list:
    """The tensors and numbers of a (nested) result."""
    if isinstance(out, dict):
        return [x for v in out.values() for x in flat_results(v)]
    if isinstance(out, (list, tuple)) and type(out).__name__ != "Size":
        return [x for v in out for x in flat_results(v)]
    return [out]


def apply(
    case: OpCase, sample: Sample, leaves: list, root: Any = cr, name: str | None = None, other: Any = None
) -> Any:
    """Call the operation of `case` on the sample's arguments with its arrays replaced by `leaves`."""
    name = case.name if name is None else name
    convert = other or (lambda x: x)
    supply = iter(leaves)
    args = fill(sample.args, supply, convert)
    kwargs = fill(sample.kwargs, supply, convert)
    method = case.method or name.startswith("Tensor.")
    if name.endswith("_") and hasattr(args[0], "clone"):
        args = (args[0].clone(), *args[1:])  # leaves may not be written to
    seed = getattr(root, "manual_seed", None)
    if seed is not None:
        seed(0)
    if method:
        return getattr(args[0], name.rsplit(".", 1)[-1])(*args[1:], **kwargs)
    return find(root, name)(*args, **kwargs)


def tensors(leaves: list, by: list[int] | tuple = ()) -> list[Tensor]:
    """Tensors that share the arrays' memory and layout; those numbered in `by` require grad."""
    made = [wrap(a) for a in leaves]
    for i in by:
        made[i].requires_grad_()
    return made


def outputs(case: OpCase, sample: Sample, leaves: list) -> list[Tensor]:
    """The tensors that chainrule's operation returns."""
    return [y for y in flat_results(apply(case, sample, leaves)) if isinstance(y, Tensor)]


def raw(x: Any) -> np.ndarray:
    """The array under a tensor of chainrule or torch, or of a number."""
    while isinstance(x, Tensor):
        x = x._data
    if hasattr(x, "resolve_conj"):
        x = x.detach().resolve_conj().resolve_neg()
        if str(x.dtype) == "torch.bfloat16":
            x = x.float()
        x = x.numpy(force=True)  # torch's symbolic zeros too
    return np.asarray(x)


def raw_spec(x: Any) -> Spec:
    """Shape and dtype of any value, traced ones too."""
    return Spec(raw_shape(x), raw_dtype(x))


def cotangents(key: Any, outs: list) -> list[np.ndarray]:
    """A random cotangent for each floating result."""
    rng, made = rng_of("ct", key), []
    for y in outs:
        a = raw(y)
        ct = rng.uniform(0.5, 1.5, a.shape) * rng.choice([-1.0, 1.0], a.shape)
        if a.dtype.kind == "c":
            ct = ct + 1j * rng.uniform(-1, 1, a.shape)
        made.append(np.asarray(ct).astype(a.dtype))
    return made


def recorded(outs: list) -> list[int]:
    """Numbers of the results through which a gradient flows."""
    return [i for i, y in enumerate(outs) if y.requires_grad]


def gradients(outs: list, inputs: list, cts: list, create_graph: bool = False) -> list:
    """Gradients of sum(ct * out) by chainrule; None where no path leads."""
    use = recorded(outs)
    if not use or not inputs:
        return [None] * len(inputs)
    return list(
        cr.autograd.grad(
            [outs[i] for i in use],
            inputs,
            [wrap(np.array(cts[i])) for i in use],
            allow_unused=True,
            create_graph=create_graph,
        )
    )


def directions(key: Any, leaves: list, by: list[int]) -> dict[int, np.ndarray]:
    """A random direction for each array in `by`; a Hermitian matrix gets a Hermitian one, to stay in its set."""
    rng, made = rng_of("direction", key), {}
    for i in by:
        a = leaves[i]
        v = rng.uniform(0.3, 1.0, a.shape) * rng.choice([-1.0, 1.0], a.shape)
        if a.dtype.kind == "c":
            v = v + 1j * rng.uniform(-1, 1, a.shape)
        v = np.asarray(v, a.dtype)
        if is_hermitian(a):
            v = (v + np.swapaxes(v, -1, -2).conj()) / 2
        made[i] = v
    return made


def is_hermitian(a: np.ndarray) -> bool:
    return (
        a.ndim >= 2
        and a.shape[-1] == a.shape[-2] > 1
        and a.size > 0
        and bool(np.allclose(a, np.swapaxes(a, -1, -2).conj()))
    )


def inner(a: Any, b: Any) -> float:
    """Real inner product of two arrays: the sum of Re(conj(a) b)."""
    return float(np.sum(np.real(np.conj(a) * b)))


def finite(arrays: list) -> bool:
    return all(np.isfinite(a).all() for a in arrays if a.dtype.kind in "fc")


# ---- comparing ------------------------------------------------------------------------------------------------------


def assert_close(got: Any, want: Any, rtol: float, what: str = "", dtype: bool = True) -> None:
    """Equal shape, dtype and values: relative to each element or to the largest one."""
    a, b = raw(got), raw(want)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, expected {b.shape}"
    if dtype:
        assert a.dtype == b.dtype, f"{what}: dtype {a.dtype}, expected {b.dtype}"
    if b.dtype.kind not in "fc" and b.dtype.name != "bfloat16":
        assert np.array_equal(a, b), f"{what}: {a!r}, expected {b!r}"
        return
    size = np.abs(b[np.isfinite(b)])
    scale = max(1.0, float(size.max())) if size.size else 1.0
    np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale, equal_nan=True, err_msg=what)


# ---- torch ----------------------------------------------------------------------------------------------------------


def torch_leaf(torch: Any, a: np.ndarray) -> Any:
    if a.dtype.name == "bfloat16":
        return torch.tensor(a.astype(np.float32)).bfloat16()
    return torch.from_numpy(np.array(a, order="C", copy=True))


def torch_other(torch: Any) -> Callable:
    """Translates dtypes and the like among the arguments to torch's."""

    def convert(x: Any) -> Any:
        if isinstance(x, cr.dtype):
            return getattr(torch, x.name)
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return getattr(torch, np.dtype(x).name)
        if isinstance(x, cr.device):
            return torch.device(str(x))
        return x

    return convert


def torch_outputs(torch: Any, case: OpCase, sample: Sample, leaves: list) -> list:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = apply(case, sample, leaves, torch, case.torch_name, torch_other(torch))
    return flat_results(found)


# ---- recording which primitives run ---------------------------------------------------------------------------------


@contextmanager
def recording(note: Callable[[Any, tuple, dict, Any], None]) -> Iterator[None]:
    """Tell `note(prim, args, params, answer)` of each run of an implementation; the fast path is switched off."""
    before = {}

    def watched(prim: Any, impl: Callable) -> Callable:
        def run(xp: Any, *args: Any, **params: Any) -> Any:
            ans = impl(xp, *args, **params)
            note(prim, args, params, ans)
            return ans

        return run

    for prim in list(PRIMITIVES.values()):
        before[prim] = prim.impl
        object.__setattr__(prim, "impl", watched(prim, prim.impl))
    try:
        with cr.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x):
            yield
    finally:
        for prim, impl in before.items():
            object.__setattr__(prim, "impl", impl)


def check_aval(prim: Any, args: tuple, params: dict, ans: Any) -> None:
    """The abstract rule foresees shape and dtype of the answer."""
    specs = [Spec(np.shape(a), a.dtype) if isinstance(a, (np.ndarray, np.generic)) else a for a in args]
    try:
        found = prim.aval(*specs, **params)
    except TracedValueError:  # the shape of its result depends on values
        return
    answers = ans if isinstance(ans, tuple) else (ans,)
    foreseen = found if isinstance(found, (tuple, list)) else (found,)
    assert len(answers) == len(foreseen), f"{prim.name}: {len(answers)} results, aval says {len(foreseen)}"
    for a, s in zip(answers, foreseen, strict=True):
        a = np.asarray(a)
        assert (a.shape, a.dtype) == (tuple(s.shape), s.dtype), (
            f"{prim.name}: result {a.shape} {a.dtype}, aval says {tuple(s.shape)} {s.dtype}"
        )
