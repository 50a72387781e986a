"""Samples of activation functions."""

import numpy as np

from .table import Bad, Sample, arrays, case, layouts

F = "nn.functional."


def away(rng, kinks, low=-4.0, high=4.0, shape=(4, 5)):
    """Values at least 0.05 from the kinks."""
    x = rng.uniform(low, high, shape)
    for k in kinks:
        x = np.where(np.abs(x - k) < 0.05, k + 0.1, x)
    return x


def elementwise(kinks=(), *variants, infinite=True, special=(-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)):
    """Layouts, the arguments of `variants`, and the kinks themselves (without differences, but with PyTorch)."""

    def samples(rng):
        made = [Sample((np.where(np.abs(a) < 0.05, 0.1, a),)) for a in layouts(rng, -0.45, 0.45)]
        made += [Sample((away(rng, kinks),), kwargs) for kwargs in ({}, *variants)]
        made.append(Sample((away(rng, kinks).astype(np.float32),)))
        large = [np.nan, 30.0, -30.0, 200.0, -200.0]
        made.append(Sample((np.array([np.inf, -np.inf, *large] if infinite else large),), grad=False))
        made.append(Sample((np.array(special),), grad=False))
        return made

    return samples


BAD_TYPE = Bad(([1.0, 2.0],), TypeError, "must be Tensor")
case(F + "relu", elementwise((0,)), BAD_TYPE)
case("relu", elementwise((0,)))
case(F + "relu6", elementwise((0, 6)), BAD_TYPE)
case(F + "leaky_relu", elementwise((0,), {"negative_slope": 0.3}))
case(F + "elu", elementwise((0,), {"alpha": 0.7}))
case(F + "selu", elementwise((0,)))
case(F + "celu", elementwise((0,), {"alpha": 1.6}), Bad((np.ones(2),), RuntimeError, "alpha", {"alpha": 0.0}))
case(
    F + "gelu",
    elementwise((), {"approximate": "tanh"}, infinite=False),  # PyTorch gives NaN at infinity
    Bad((np.ones(2),), RuntimeError, "approximate argument must be either none or tanh", {"approximate": "x"}),
)
case(F + "silu", elementwise())
case(F + "mish", elementwise())
case(F + "softplus", elementwise((), {"beta": 2.0, "threshold": 5.0}))
case(F + "softsign", elementwise())
case(
    F + "softshrink",
    elementwise((0.5, -0.5, 0.3, -0.3), {"lambd": 0.3}),
    Bad((np.ones(2),), RuntimeError, "lambda must be greater or equal to 0", {"lambd": -1.0}),
)
case(F + "hardshrink", elementwise((0.5, -0.5, 0.3, -0.3), {"lambd": 0.3}))
case(F + "tanhshrink", elementwise())
case(
    F + "hardtanh",
    elementwise((1, -1, -0.6, 2), {"min_val": -0.6, "max_val": 2.0}),
    Bad((np.ones(2), 2.0, 1.0), ValueError, "min_val cannot be greater than max_val"),
)
case(F + "hardsigmoid", elementwise((3, -3)))
case(F + "hardswish", elementwise((3, -3)))
case(F + "logsigmoid", elementwise())
case(F + "threshold", lambda rng: [Sample((away(rng, (0.2,)), 0.2, -1.5)), Sample((np.arange(4), 1, 9))])


case(
    F + "prelu",
    lambda rng: [
        Sample((away(rng, (0,)), rng.uniform(0.1, 0.5, 1))),
        Sample((away(rng, (0,)), rng.uniform(0.1, 0.5, 5))),
        Sample((away(rng, (0,), shape=(2, 3, 4)), rng.uniform(0.1, 0.5, 3))),
        Sample((np.array(-1.5), np.array([0.2]))),
    ],
    Bad((np.ones((2, 3)), np.ones(2)), RuntimeError, "Mismatch of parameter numbers and input channel size"),
)
case(
    F + "rrelu",
    lambda rng: [Sample((away(rng, (0,)),)), Sample((away(rng, (0,)), 0.1, 0.2))],
    Bad((np.ones(2), 0.3, 0.1), RuntimeError, "Lower bound should be less than or equal to the upper bound"),
)
case(
    F + "glu",
    lambda rng: [
        Sample((a,), k)
        for (a,), k in zip([arrays(rng, (4, 6)), arrays(rng, (4, 6)), arrays(rng, (2,))], ({}, {"dim": 0}, {}))
    ],
    Bad((np.ones((2, 3)),), RuntimeError, "Halving dimension must be even, but dimension 1 is size 3"),
)


def soft(rng):
    a, b, c = arrays(rng, (4, 5), (2, 3, 4), ())
    return [
        Sample((a,), {"dim": 1}),
        Sample((a,), {"dim": 0}),
        Sample((a.T[:, ::-1],), {"dim": -1}),
        Sample((b,), {"dim": 1}),
        Sample((c,), {"dim": 0}),
        Sample((a.astype(np.float32),), {"dim": 1}),
        Sample((a * 300,), {"dim": 1}, second=False),
        Sample((np.array([[1.0, -np.inf, 2.0]]),), {"dim": 1}, grad=False),
        Sample((np.zeros((0, 3)),), {"dim": 1}, vmap=False),
    ]


OUT_OF_RANGE = Bad((np.ones(3),), IndexError, "Dimension out of range", {"dim": 2})
case(F + "softmax", soft, OUT_OF_RANGE)
case("softmax", soft, OUT_OF_RANGE)
case(F + "softmin", soft)
case(F + "log_softmax", soft, OUT_OF_RANGE)
case("log_softmax", soft)
case(
    F + "gumbel_softmax",
    lambda rng: [
        Sample((arrays(rng, (3, 4))[0],), torch=False, vmap=False),
        Sample((arrays(rng, (3, 4))[0],), {"hard": True}, torch=False, vmap=False, grad=False),
    ],
)
