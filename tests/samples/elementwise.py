"""Samples of elementwise operations: domains that keep from kinks for derivatives, special values for values only."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case, layouts

INTS = np.array([[1, -2, 3], [4, 5, -6]])
FLAGS = np.array([True, False, True])
ORDERED = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, 0.5])
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 1e-3, 1e3])
NOT_TENSOR = Bad(("text",), TypeError, "must be Tensor, not str")
NO_FIT = Bad((np.ones((2, 3)), np.ones((4, 3))), RuntimeError, r"\(2, 3\) and \(4, 3\) do not broadcast")


def cplx(rng, *shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def away(x, distance=0.05):
    """Values moved away from 0 (and so from kinks there)."""
    return x + np.where(x >= 0, distance, -distance)


# ---- one argument ----------------------------------------------------------------------------------------------------

# name: (low, high, complex too, integers too, special values too)
ONE = {
    "abs": (-2, 2, True, True, True),
    "acos": (-0.9, 0.9, True, False, True),
    "acosh": (1.1, 3, True, False, True),
    "asin": (-0.9, 0.9, True, False, True),
    "asinh": (-2, 2, True, True, True),
    "atan": (-2, 2, True, True, True),
    "atanh": (-0.9, 0.9, True, False, True),
    "ceil": (-2, 2, False, True, True),
    "cos": (-2, 2, True, True, False),
    "cosh": (-2, 2, True, True, True),
    "deg2rad": (-200, 200, False, True, True),
    "digamma": (0.3, 3, False, False, False),
    "erf": (-2, 2, False, True, True),
    "erfc": (-2, 2, False, True, True),
    "erfinv": (-0.9, 0.9, False, False, False),
    "exp": (-2, 2, True, True, True),
    "exp2": (-2, 2, True, True, True),
    "expm1": (-2, 2, True, True, True),
    "floor": (-2, 2, False, True, True),
    "frac": (-2, 2, False, False, False),
    "i0": (-2, 2, False, True, False),
    "lgamma": (0.3, 3, False, False, False),
    "log": (0.2, 3, True, False, True),
    "log10": (0.2, 3, True, False, True),
    "log1p": (-0.7, 3, True, True, True),
    "log2": (0.2, 3, True, False, True),
    "logit": (0.1, 0.9, False, False, False),
    "neg": (-2, 2, True, True, True),
    "positive": (-2, 2, True, True, True),
    "rad2deg": (-3, 3, False, True, True),
    "reciprocal": (0.3, 2, True, False, True),
    "round": (-2, 2, False, True, True),
    "rsqrt": (0.3, 2, True, False, True),
    "sgn": (-2, 2, True, True, ORDERED),
    "sigmoid": (-3, 3, True, True, True),
    "sign": (-2, 2, False, True, ORDERED),
    "sin": (-2, 2, True, True, False),
    "sinc": (-2, 2, True, True, False),
    "sinh": (-2, 2, True, True, True),
    "sqrt": (0.3, 2, True, True, True),
    "square": (-2, 2, True, True, True),
    "tan": (-1, 1, True, True, False),
    "tanh": (-2, 2, True, True, True),
    "trunc": (-2, 2, False, True, True),
    "nan_to_num": (-2, 2, False, True, True),
    "special.entr": (0.2, 3, False, False, True),
    "special.erfcx": (-1, 2, False, False, False),
    "special.i0e": (-2, 2, False, False, False),
    "special.i1": (-2, 2, False, False, False),
    "special.i1e": (-2, 2, False, False, False),
    "special.log_ndtr": (-2, 2, False, False, False),
    "special.ndtr": (-2, 2, False, False, False),
    "special.ndtri": (0.1, 0.9, False, False, False),
}


def one(low, high, with_complex, with_ints, with_special):
    def samples(rng):
        found = [Sample((away(a) if low < 0 else a,)) for a in layouts(rng, low, high)]
        found.append(Sample((layouts(rng, low, high, np.float32)[2],), grad=False))
        if with_complex:
            found.append(Sample((cplx(rng, 2, 3),)))
        if with_ints:
            found += [Sample((INTS if low < 0 else np.abs(INTS),), grad=False)]
        if with_special is not False:
            found.append(Sample((with_special if isinstance(with_special, np.ndarray) else SPECIAL,), grad=False))
        return found

    return samples


for _name, _row in ONE.items():
    case(_name, one(*_row), NOT_TENSOR, rtol=1e-5 if _name in ("special.log_ndtr", "special.erfcx") else 1e-6)


def by_scipy(name, order=None):
    """The function of scipy.special of that order; Ai without one."""

    def function(x):
        import scipy.special

        return scipy.special.airy(x)[0] if order is None else getattr(scipy.special, name)(order, x)

    return function


# torch has values of these, but no derivatives
for _name, _low, _high, _reference in (
    ("bessel_j0", -3, 5, by_scipy("jv", 0)),
    ("bessel_j1", -3, 5, by_scipy("jv", 1)),
    ("bessel_y0", 0.4, 5, by_scipy("yn", 0)),
    ("bessel_y1", 0.4, 5, by_scipy("yn", 1)),
    ("modified_bessel_k0", 0.4, 4, by_scipy("kn", 0)),
    ("modified_bessel_k1", 0.4, 4, by_scipy("kn", 1)),
    ("scaled_modified_bessel_k0", 0.4, 4, by_scipy("kve", 0)),
    ("scaled_modified_bessel_k1", 0.4, 4, by_scipy("kve", 1)),
    ("spherical_bessel_j0", -3, 5, lambda x: np.sinc(np.asarray(x) / np.pi)),
    ("airy_ai", -3, 3, by_scipy("airy")),
):
    case(f"special.{_name}", one(_low, _high, False, False, False), NOT_TENSOR, torch=None, reference=_reference)

case(
    "special.polygamma", lambda rng: [Sample((n, arrays(rng, (3,), low=0.4)[0])) for n in (0, 1, 2)], torch="polygamma"
)


def tests_of_values(rng):
    return [Sample((SPECIAL,), grad=False), Sample((INTS,), grad=False), Sample((np.zeros((0, 2)),), grad=False)]


for _name in ("isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal", "logical_not", "signbit"):
    case(_name, tests_of_values)
case("bitwise_not", lambda rng: [Sample((INTS,), grad=False), Sample((FLAGS,), grad=False)])
case("conj", lambda rng: [Sample((cplx(rng, 2, 3),)), Sample((cplx(rng),)), *[Sample((a,)) for a in layouts(rng)[:3]]])
case("real", lambda rng: [Sample((cplx(rng, 2, 3),)), Sample((cplx(rng),))])
case(
    "imag",
    lambda rng: [Sample((cplx(rng, 2, 3),)), Sample((cplx(rng),))],
    Bad((np.ones(2),), RuntimeError, "non-complex"),
)
case("angle", lambda rng: [Sample((cplx(rng, 2, 3),)), Sample((away(arrays(rng, (4,))[0]),))])


# ---- two arguments ---------------------------------------------------------------------------------------------------


def pairs(rng, low=-2.0, high=2.0, low2=None, high2=None):
    """Equal shapes, broadcasting both ways, 0-d, empty, transposed and reversed, a Python number."""
    low2, high2 = (low if low2 is None else low2), (high if high2 is None else high2)
    for a, b in (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((0, 3), (3,)), ((), ())):
        x, y = rng.uniform(low, high, a), rng.uniform(low2, high2, b)
        yield np.asarray(x), np.asarray(y)
    base, other = rng.uniform(low, high, (4, 3)), rng.uniform(low2, high2, (3, 4))
    yield base, other.T
    yield base[::-1, ::-1], other.T[::2][[0, 1, 0, 1]]


def two(*bounds, numbers=(), cplx_too=False, ints=False, apart=False, mixed=True):
    def samples(rng):
        found = []
        for x, y in pairs(rng, *bounds):
            if apart:
                y = np.where(np.abs(x - y) < 0.1, y + 0.3, y)
            found.append(Sample((x, y)))
        x = rng.uniform(*bounds[:2], (2, 3)) if bounds else rng.uniform(-2, 2, (2, 3))
        found += [Sample((x, n)) for n in numbers]
        if mixed:
            found.append(Sample((x.astype(np.float32), x), grad=False))
        if cplx_too:
            found += [Sample((cplx(rng, 2, 3), cplx(rng, 3))), Sample((x, cplx(rng, 2, 3)))]
        if ints:
            found += [Sample((INTS, np.array([2, 3, -4])), grad=False), Sample((INTS, x), grad=False)]
        return found

    return samples


def with_alpha(samples):
    return lambda rng: [*samples(rng), Sample((*arrays(rng, (2, 3), (3,)),), {"alpha": 2.5})]


case(
    "add",
    with_alpha(two(numbers=(2, 0.5), cplx_too=True, ints=True)),
    NO_FIT,
    Bad(("text", np.ones(2)), TypeError, "must be Tensor, not str"),
)
case(
    "sub",
    with_alpha(two(numbers=(2, 0.5), cplx_too=True, ints=True)),
    NO_FIT,
    Bad((FLAGS, FLAGS), RuntimeError, "two bool tensors is not supported"),
)
case("rsub", two(numbers=(2, 0.5)))
case("mul", two(numbers=(2, 0.5, 0), cplx_too=True, ints=True), NO_FIT)


def quotients(rng):
    found = two(-2, 2, 0.4, 2, numbers=(2, 0.5), cplx_too=True, ints=True)(rng)
    x, y = arrays(rng, (2, 3), (3,), low=0.5)
    return [*found, *(Sample((x, y), {"rounding_mode": m}) for m in ("floor", "trunc"))]


INT_BY_ZERO = Bad((INTS, 0), RuntimeError, "ZeroDivisionError")
case("div", quotients, NO_FIT, Bad((np.ones(2), np.ones(2)), RuntimeError, "rounding_mode", {"rounding_mode": "up"}))


def no_grad_pairs(samples):
    def found(rng):
        return [Sample(s.args, s.kwargs, grad=False) for s in samples(rng)]

    return found


case("floor_divide", no_grad_pairs(two(-3, 3, 0.5, 2, numbers=(2,), ints=True)), INT_BY_ZERO)
case(
    "remainder",
    lambda rng: (
        [Sample((np.array([[2.3, -1.7, 0.4]]), np.array([1.0, 0.7, -0.6])))]
        + no_grad_pairs(two(-3, 3, 0.5, 2, numbers=(2,), ints=True))(rng)
    ),
)
case(
    "fmod",
    lambda rng: (
        [Sample((np.array([[2.3, -1.7, 0.4]]), np.array([1.0, 0.7, -0.6])))]
        + no_grad_pairs(two(-3, 3, 0.5, 2, numbers=(2,), ints=True))(rng)
    ),
)


def powers(rng):
    x = rng.uniform(0.4, 2, (2, 3))
    signed = away(rng.uniform(-2, 2, (2, 3)), 0.2)
    found = [Sample(p) for p in pairs(rng, 0.4, 2, -2, 2)]
    found += [Sample((signed, n)) for n in (2, 3, 1, 0, -1, -2, 4)] + [Sample((x, n)) for n in (0.5, 1.5, -0.5, 2.0)]
    found += [
        Sample((2.0, x)),
        Sample((INTS, 2), grad=False),
        Sample((INTS, 3), grad=False),
        Sample((INTS, np.array([2, -1, -3])), grad=False),
        Sample((FLAGS, 2), grad=False),
        Sample((INTS, 0.5 + 1.5), grad=False),
    ]
    found += [
        Sample((cplx(rng, 3), 2)),
        Sample((-2, cplx(rng, 3))),
        Sample((cplx(rng, 3), 1.5 - 1j)),
        Sample((np.array([0.0, 1.0, -2.0]), 2)),
        Sample((np.array([0.0, 2.0]), 0)),
    ]
    found += [Sample((np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 0.0])), second=False, grad=False)]
    return found


case("pow", powers, Bad((INTS, -1), RuntimeError, "negative integer powers"))
case("float_power", lambda rng: [Sample((arrays(rng, (2, 3), low=0.4)[0], 1.5)), Sample((INTS, 2), grad=False)])
case("atan2", two(0.3, 2, 0.3, 2))
case("hypot", two(0.3, 2, 0.3, 2))
case("copysign", lambda rng: [Sample((away(x), away(y))) for x, y in pairs(rng)])
case(
    "ldexp",
    lambda rng: [
        Sample((arrays(rng, (2, 3))[0], np.array([1, 2, 3]))),
        Sample(
            (arrays(rng, (2, 3))[0], np.array([1, -2, 3])), torch=False
        ),  # its gradient rounds 2^-2 to the integer 0
        Sample((arrays(rng, (2, 1))[0], np.array([2000, -2000, 0])), grad=False),
        Sample((INTS, np.array([1, 2, 3])), grad=False),
        Sample(tuple(arrays(rng, (2, 3), (3,)))),
    ],
)
case("logaddexp", two(numbers=(), cplx_too=True))
case("logaddexp2", two(numbers=()))
case("xlogy", two(0.3, 2, 0.3, 2, numbers=(2,)))
case("special.xlog1py", two(0.3, 2, 0.3, 2))
case("special.zeta", lambda rng: [Sample((np.array([2.0, 3.0]), np.array([1.0, 2.5])), grad=(1,))])


def by_second(samples):
    """Differentiated by the second argument alone, because the first has no derivative in closed form."""
    return lambda rng: [Sample(s.args, s.kwargs, grad=(1,) if s.grad else False) for s in samples(rng)]


case("igamma", by_second(two(0.3, 2, 0.3, 2)))
case("igammac", by_second(two(0.3, 2, 0.3, 2)))
case("nextafter", two(mixed=False))
case("heaviside", no_grad_pairs(two(mixed=False)))
case(
    "lerp",
    lambda rng: (
        [Sample((*arrays(rng, (2, 3), (3,)), w)) for w in (0.3, 0.8)]
        + [Sample(tuple(arrays(rng, (2, 3), (3,), (2, 3))))]
    ),
)
case("addcmul", lambda rng: [Sample(tuple(arrays(rng, (2, 3), (3,), (2, 1))), {"value": v}) for v in (1, 0.5)])
case(
    "addcdiv",
    lambda rng: [Sample((*arrays(rng, (2, 3), (3,)), *arrays(rng, (2, 1), low=0.5)), {"value": v}) for v in (1, 0.5)],
)
case("dist", lambda rng: [Sample((*arrays(rng, (2, 3), (3,)), p)) for p in (2, 1, 3, 0.5, np.inf)])

for _name in ("maximum", "minimum", "fmax", "fmin"):
    _ties = Sample((np.array([1.0, 2.0, np.nan, 1.0]), np.array([1.0, 3.0, 1.0, np.nan])), grad=False)
    case(
        _name,
        lambda rng, ties=_ties: [*two(apart=True, ints=True)(rng), ties],
        Bad((cplx(np.random.default_rng(0), 2), np.ones(2)), RuntimeError, "complex"),
    )

NO_ORDER = Bad((cplx(np.random.default_rng(0), 2), np.ones(2)), RuntimeError, "complex")
for _name in ("eq", "ne"):
    case(_name, no_grad_pairs(two(numbers=(0, 0.5), ints=True, cplx_too=True)), NO_FIT)
for _name in ("lt", "le", "gt", "ge"):
    case(_name, no_grad_pairs(two(numbers=(0, 0.5), ints=True)), NO_FIT, NO_ORDER)
for _name in ("logical_and", "logical_or", "logical_xor"):
    case(_name, lambda rng: [Sample((FLAGS, ~FLAGS), grad=False), Sample((INTS, np.array([0, 1, 2])), grad=False)])
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"):
    case(
        _name,
        lambda rng: [Sample((INTS, np.array([2, 3, 4])), grad=False)],
        Bad((np.ones(2), np.ones(2)), RuntimeError, "not implemented for"),
    )
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    case(_name, lambda rng: [Sample((np.abs(INTS), np.array([1, 2, 3])), grad=False)])


# ---- choices and bounds ----------------------------------------------------------------------------------------------


def choices(rng):
    x, y = arrays(rng, (2, 3), (3,))
    mask = rng.uniform(size=(2, 1)) > 0.5
    found = [
        Sample((mask, x, y)),
        Sample((x > 0, x, 0.0)),
        Sample((x > 0, 1.0, y)),
        Sample((FLAGS, INTS, 0), grad=False),
    ]
    return [*found, Sample((FLAGS, cplx(rng, 3), cplx(rng, 3))), Sample((np.asarray(True), x, y))]


case("where", choices, Bad((np.ones(2), np.ones(2), np.ones(2)), RuntimeError, "boolean tensor"))


def bounded(rng):
    (x,) = arrays(rng, (3, 4))
    low, high = np.full(4, -1.03), np.full((3, 1), 0.97)
    found = [Sample((x, -1.03, 0.97)), Sample((x, -1.03)), Sample((x, None, 0.97)), Sample((x, low, high))]
    found += [Sample((INTS, 0, 3), grad=False), Sample((SPECIAL, -1.0, 1.0), grad=False), Sample((x, low))]
    return [*found, Sample((x,), {"max": high}), *(Sample((a, -1.03, 0.97)) for a in layouts(rng)[:4])]


case("clamp", bounded, Bad((np.ones(2),), RuntimeError, "At least one of 'min' or 'max'"))


def close(rng):
    (x,) = arrays(rng, (2, 3))
    return [Sample((x, x + 1e-9), grad=False), Sample((SPECIAL, SPECIAL), {"equal_nan": True}, grad=False)]


case("isclose", close)
case(
    "complex",
    lambda rng: [Sample(tuple(arrays(rng, (2, 3), (2, 3))))],
    Bad((np.ones(2), np.ones(2, "f4")), RuntimeError, "Expected object"),
)
case("polar", lambda rng: [Sample((*arrays(rng, (2, 3), low=0.5), *arrays(rng, (2, 3))))])
case("Tensor.detach", lambda rng: [Sample((arrays(rng, (2, 3))[0],), grad=False)])
