"""Samples of normalisation."""

import numpy as np

from .table import Bad, Sample, arrays, case

F = "nn.functional."


def batch(rng):
    x, y, w, b = arrays(rng, (4, 3), (2, 3, 4, 2), (3,), (3,))
    mean, var = rng.uniform(-1, 1, 3), rng.uniform(0.5, 2, 3)
    return [
        Sample((x, mean, var), grad=(0,)),
        Sample((y, mean, var, w, b), grad=(0, 3, 4)),
        Sample((x, None, None, w, b), {"training": True}),
        Sample((y, None, None, w, None), {"training": True, "eps": 1e-3}),
        Sample((y.astype(np.float32), None, None), {"training": True}),
    ]


case(
    F + "batch_norm",
    batch,
    Bad(
        (np.ones((1, 3)), None, None),
        ValueError,
        "Expected more than 1 value per channel when training",
        {"training": True},
    ),
    Bad((np.ones((2, 3)), np.ones(4), np.ones(4)), RuntimeError, "running_mean should contain 3 elements not 4"),
)


def layer(rng):
    x, w, b, v = arrays(rng, (2, 3, 4), (4,), (4,), (3, 4))
    return [
        Sample((x, (4,))),
        Sample((x, [4], w, b)),
        Sample((x, (3, 4), v, v * 2), {"eps": 1e-2}),
        Sample((x[:, ::-1].astype(np.float32), (4,), w.astype(np.float32))),
    ]


WRONG = Bad(
    (np.ones((2, 3)), (4,)),
    RuntimeError,
    "Given normalized_shape=[4], expected input with shape [*, 4], but got input of size[2, 3]",
)
case(F + "layer_norm", layer, WRONG)
case(
    F + "rms_norm",
    lambda rng: [Sample(s.args[:3], s.kwargs) for s in layer(rng)],
    Bad((np.ones((2, 3)), (4,)), RuntimeError, "Given normalized_shape=[4]"),
)


def group(rng):
    x, y, w, b = arrays(rng, (2, 6, 4), (3, 6), (6,), (6,))
    return [Sample((x, 2, w, b)), Sample((x, 6)), Sample((y, 3, w)), Sample((x, 1, None, b), {"eps": 1e-3})]


case(
    F + "group_norm",
    group,
    Bad((np.ones((2, 5)), 2), RuntimeError, "Expected number of channels in input to be divisible by num_groups"),
)


def instance(rng):
    x, y, w, b = arrays(rng, (2, 3, 5), (2, 3, 4, 3), (3,), (3,))
    mean, var = rng.uniform(-1, 1, 3), rng.uniform(0.5, 2, 3)
    return [
        Sample((x,)),
        Sample((y, None, None, w, b)),
        Sample((y, mean, var, w, b, False), grad=(0, 3, 4)),
    ]


case(
    F + "instance_norm",
    instance,
    Bad((np.ones((2, 3, 1)),), ValueError, "Expected more than 1 spatial element when training"),
)
case(
    F + "local_response_norm",
    lambda rng: [
        Sample((arrays(rng, (2, 5, 4))[0], 2)),
        Sample((arrays(rng, (2, 5, 2, 3))[0], 3), {"alpha": 0.5, "beta": 0.6, "k": 2.0}),
        Sample((arrays(rng, (1, 3, 2, 2, 2))[0], 5)),
    ],
    Bad((np.ones((2, 3)), 2), ValueError, "Expected 3D or higher dimensionality input"),
)
case(
    F + "normalize",
    lambda rng: [
        Sample((arrays(rng, (3, 4))[0],)),
        Sample((arrays(rng, (3, 4))[0],), {"p": 1.0, "dim": 0}),
        Sample((arrays(rng, (2, 3, 4))[0],), {"p": 3.0, "dim": -1}),
        Sample((arrays(rng, (3, 4))[0],), {"p": float("inf")}),
        Sample((np.zeros((2, 3)),), grad=False),
    ],
)
