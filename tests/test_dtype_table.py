"""Result dtypes and values over all pairs of dtypes, Python numbers and 0-d tensors, as PyTorch has them."""

from __future__ import annotations

import re
from functools import reduce
from itertools import product

import numpy as np
import pytest

import chainrule as cr

DTYPES = (
    *("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16"),
    *("float32", "float64", "complex64", "complex128"),
)
NUMBERS = (True, 2, -1, 1.5, 2j)
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.7e-2, "float32": 1e-5, "complex64": 1e-5}

ONE = """
abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad rad2deg digamma erf erfc erfinv exp exp2 expm1 floor frac i0
isfinite isinf isnan isneginf isposinf isreal lgamma log log10 log1p log2 logical_not logit nan_to_num neg positive
reciprocal relu round rsqrt sgn sigmoid sign signbit sin sinc sinh sqrt square tan tanh trunc bitwise_not conj real imag
angle special.erfcx special.entr special.i0e special.i1 special.i1e special.log_ndtr special.ndtr special.ndtri frexp
sum mean prod max min amax amin aminmax argmax argmin all any std var std_mean var_mean median nanmedian nansum nanmean
count_nonzero norm sort argsort unique diag tril triu nonzero trapezoid diff cov linalg.vector_norm fft.fft fft.rfft
nn.functional.relu6 nn.functional.leaky_relu nn.functional.elu nn.functional.gelu nn.functional.silu nn.functional.mish
nn.functional.softplus nn.functional.softsign nn.functional.hardtanh nn.functional.hardswish nn.functional.logsigmoid
"""
ONE_MORE = {
    "cumsum": lambda t, x: t.cumsum(x, 0),
    "cumprod": lambda t, x: t.cumprod(x, 0),
    "logcumsumexp": lambda t, x: t.logcumsumexp(x, 0),
    "softmax": lambda t, x: t.softmax(x, 0),
    "logsumexp": lambda t, x: t.logsumexp(x, 0),
    "clamp to ints": lambda t, x: t.clamp(x, 1, 2),
    "clamp to floats": lambda t, x: t.clamp(x, 1.5, 2.5),
    "sum to float64": lambda t, x: t.sum(x, dtype=t.float64),
    "mean to float32": lambda t, x: t.mean(x, dtype=t.float32),
    "item": lambda t, x: x[1].item(),
    "int": lambda t, x: int(x[1]),
    "float": lambda t, x: float(x[1]),
    "einsum": lambda t, x: t.einsum("i,i->", x, x),
    "masked_fill": lambda t, x: x.masked_fill(t.tensor([True, False, True]), 1),
    "bincount weights": lambda t, x: t.bincount(t.tensor([0, 1, 1]), x),
    "full_like": lambda t, x: t.full_like(x, 2),
}
TWO = """
add sub mul div floor_divide remainder fmod pow float_power atan2 hypot copysign ldexp logaddexp maximum minimum fmax
fmin heaviside xlogy eq ne lt le gt ge isclose logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
bitwise_left_shift bitwise_right_shift gcd lcm dist rsub dot outer matmul vdot kron result_type special.xlog1py
"""
TWO_MORE = {
    "floor": lambda t, x, y: t.div(x, y, rounding_mode="floor"),
    "trunc": lambda t, x, y: t.div(x, y, rounding_mode="trunc"),
    "add 2 times": lambda t, x, y: t.add(x, y, alpha=2),
    "add 1.5 times": lambda t, x, y: t.add(x, y, alpha=1.5),
    "sub 2 times": lambda t, x, y: t.sub(x, y, alpha=2),
    "where": lambda t, x, y: t.where(t.tensor([True, False, True]), x, y),
    "lerp": lambda t, x, y: t.lerp(x, y, 0.5),
    "addcmul": lambda t, x, y: t.addcmul(x, x, y),
    "addcdiv": lambda t, x, y: t.addcdiv(x, x, y),
    "cat": lambda t, x, y: t.cat([x, y]),
    "+": lambda t, x, y: x + y,
    "-": lambda t, x, y: x - y,
    "*": lambda t, x, y: x * y,
    "/": lambda t, x, y: x / y,
    "//": lambda t, x, y: x // y,
    "%": lambda t, x, y: x % y,
    "**": lambda t, x, y: x**y,
    "<": lambda t, x, y: x < y,
    "add_": lambda t, x, y: x.clone().add_(y),
    "mul_": lambda t, x, y: x.clone().mul_(y),
    "div_": lambda t, x, y: x.clone().div_(y),
    "copy_": lambda t, x, y: x.clone().copy_(y),
    "mse_loss": lambda t, x, y: t.nn.functional.mse_loss(x, y),
    "smooth_l1_loss": lambda t, x, y: t.nn.functional.smooth_l1_loss(x, y),
    "cosine_similarity": lambda t, x, y: t.nn.functional.cosine_similarity(x, y, dim=0),
    "linspace": lambda t, x, y: t.linspace(x[0], y[1], 3) if hasattr(y, "shape") else 0,
    "index_add": lambda t, x, y: x.index_add(0, t.tensor([0, 1, 2]), y),
    "scatter": lambda t, x, y: x.scatter(0, t.tensor([0, 1, 2]), y) if hasattr(y, "shape") else 0,
}
COMPLEX_HALF = re.compile("complex32|ComplexHalf")  # there is no complex32: complex with float16 gives complex64
OTHERWISE = {  # where we differ knowingly
    ("bincount weights", "complex"): "torch drops the imaginary parts of weights without a word",
    ("dist", "float16.*complex|complex.*float16"): "torch goes through complex32",
    ("/", "2j, bfloat16"): "torch rounds twice",
}


def function(t, name, more):
    if name in more:
        return lambda *args: more[name](t, *args)
    return reduce(getattr, name.split("."), t)


def made(t, name, values, zero_d=False):
    values = [bool(v - 1) for v in values] if name == "bool" else values
    return t.tensor(values[1] if zero_d else values, dtype=getattr(t, name))


def attempt(f, *args):
    """(dtype names and values) of a call, or the error."""
    try:
        return plain(f(*args))
    except Exception as error:
        return error


def plain(value):
    if hasattr(value, "detach"):
        name = str(value.dtype).split(".")[-1]
        value = value.detach().resolve_conj()
        return name, np.asarray(value.double() if name in ("float16", "bfloat16") else value)
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    return str(value) if type(value).__name__ == "dtype" else value


def differs(theirs, ours):
    """Why `ours` is not what `theirs` is; empty if it is."""
    if isinstance(theirs, Exception):
        return ""  # we may know more dtypes than torch has kernels for
    if isinstance(ours, Exception):
        return f"refused: {str(ours)[:80]}"
    if isinstance(theirs, list):
        return "; ".join(filter(None, (differs(a, b) for a, b in zip(theirs, ours, strict=True))))
    if isinstance(theirs, tuple):
        if theirs[0] != ours[0]:
            return f"dtype {ours[0]}, in torch {theirs[0]}"
        a, b = theirs[1], ours[1]
        tolerance = TOLERANCE.get(theirs[0], 1e-8)
        inexact = a.dtype.kind in "fc"
        close = np.allclose(a, b, tolerance, tolerance, equal_nan=True) if inexact else np.array_equal(a, b)
        return "" if a.shape == b.shape and close else f"value {b.tolist()}, in torch {a.tolist()}"
    equal = theirs == ours or (isinstance(theirs, float) and abs(theirs - ours) < 1e-2)
    return "" if equal else f"{ours}, in torch {theirs}"


def compare(torch, name, more, cases):
    wrong = []
    for label, arguments in cases:
        theirs = attempt(function(torch, name, more), *arguments(torch))
        ours = attempt(function(cr, name, more), *arguments(cr))
        said = differs(theirs, ours)
        known = any(name == n and re.search(where, label) for n, where in OTHERWISE)
        if said and not known and not COMPLEX_HALF.search(f"{said} {theirs}"):
            wrong.append(f"{label}: {said}")
    assert wrong == []


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="torch is not installed")


quiet = pytest.mark.filterwarnings("ignore")  # torch warns of complex numbers cast to real ones, and of its betas


@pytest.mark.oracle
@quiet
@pytest.mark.parametrize("name", [*ONE.split(), *ONE_MORE])
def test_one_operand_of_every_dtype(torch, name):
    cases = [(d, lambda t, d=d: (made(t, d, [1, 2, 3]),)) for d in DTYPES]
    compare(torch, name, ONE_MORE, cases)


@pytest.mark.oracle
@quiet
@pytest.mark.parametrize("name", [*TWO.split(), *TWO_MORE])
def test_two_operands_of_every_pair_of_dtypes(torch, name):
    cases = []
    for a, b in product(DTYPES, DTYPES):
        for za, zb in ((False, False), (False, True), (True, False)):
            label = f"{a}{' 0-d' * za}, {b}{' 0-d' * zb}"
            cases.append(
                (label, lambda t, a=a, b=b, za=za, zb=zb: (made(t, a, [1, 2, 3], za), made(t, b, [3, 1, 2], zb)))
            )
    for a, n in product(DTYPES, NUMBERS):
        cases.append((f"{a}, {n}", lambda t, a=a, n=n: (made(t, a, [1, 2, 3]), n)))
        cases.append((f"{n}, {a}", lambda t, a=a, n=n: (n, made(t, a, [1, 2, 3]))))
        cases.append((f"{a} 0-d, {n}", lambda t, a=a, n=n: (made(t, a, [1, 2, 3], True), n)))
    compare(torch, name, TWO_MORE, cases)


# ---- what torch refuses, and so do we --------------------------------------------------------------------------------

REFUSED = """
-(x > 1)
(x > 1) - (x > 1)
1 - (x > 1)
x.int() & 1.5
x.int().add_(1.5)
x.int().div_(2)
(x > 1).add_(1)
x.add_(1j)
x.byte() ** -1
x.int().mean()
x.bool().mean()
x.int().std()
t.max(x + 1j)
t.sort(x + 1j)
(x + 1j) < x
(x + 1j) // x
(x + 1j) % x
t.floor(x + 1j)
t.relu(x > 1)
t.bitwise_not(x)
t.gcd(x, x)
t.heaviside(x + 1j, x)
t.atan2(x + 1j, x)
t.maximum(x + 1j, x)
x[x]
x.gather(0, x)
x.index_select(0, x)
t.nn.functional.one_hot(x, 5)
t.nn.functional.embedding(x, x[:, None])
t.nn.functional.cross_entropy(x[None], x[:1].int() + 0.5)
t.linalg.inv(t.eye(2).int())
t.linalg.inv(t.eye(2).half())
t.polygamma(-1, x)
t.bincount(x)
x.int().requires_grad_()
t.zeros(2, dtype=t.int64, requires_grad=True)
t.nn.functional.mse_loss(x.int(), x.int())
t.nn.functional.hardtanh(x.byte())
t.softmax((x + 1j), 0)
t.quantile(x.int(), 0.5)
"""


@pytest.mark.oracle
@quiet
@pytest.mark.parametrize("line", REFUSED.strip().split("\n"))
def test_a_dtype_that_does_not_fit_is_refused_with_an_error_of_torchs_class(torch, line):
    classes = (IndexError, NotImplementedError, TypeError, ValueError, RuntimeError)
    found = []
    for t in (torch, cr):
        with pytest.raises(classes) as caught:
            eval(line, {"t": t, "x": t.tensor([1.0, 2.0, 3.0])})
        found.append(caught.value)
    assert isinstance(found[1], next(c for c in classes if isinstance(found[0], c)))
