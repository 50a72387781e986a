"""Samples of pooling."""

import numpy as np

from .table import Bad, Sample, case

F = "nn.functional."
SIZES = {1: (9,), 2: (6, 7), 3: (4, 5, 4)}


def distinct(rng, *shape):
    """Numbers that all differ by 0.01 or more, so that maxima are not at kinks."""
    return (rng.permutation(int(np.prod(shape))).reshape(shape) - np.prod(shape) / 2) * 0.01


def maxima(n):
    def samples(rng):
        size = SIZES[n]
        x = distinct(rng, 2, 3, *size)
        return [
            Sample((x, 2)),
            Sample((x, 3), {"stride": 2, "padding": 1}),
            Sample((x, 2), {"stride": 1, "dilation": 2}),
            Sample((x, 2), {"stride": 2, "ceil_mode": True}),
            Sample((x, 3), {"stride": 2, "padding": 1, "ceil_mode": True, "return_indices": True}),
            Sample((x, (2,) * n), {"return_indices": True}),
            Sample((x[0], 2)),
            Sample((x[..., ::-1], 2)),
            Sample((x.astype(np.float32), 2)),
            Sample((np.ones_like(x), 2), {"return_indices": True}, grad=False),
        ]

    return samples


def means(n):
    def samples(rng):
        x = rng.uniform(-2, 2, (2, 3, *SIZES[n]))
        made = [
            Sample((x, 2)),
            Sample((x, 3), {"stride": 2, "padding": 1}),
            Sample((x, 3), {"stride": 2, "padding": 1, "count_include_pad": False}),
            Sample((x, 3), {"stride": 2, "padding": 1, "ceil_mode": True}),
            Sample((x, 3), {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
            Sample((x[0], 2), {"stride": 1}),
        ]
        if n > 1:
            made.append(Sample((x, 2), {"divisor_override": 3}))
        return made

    return samples


def norms(n):
    def samples(rng):
        x = rng.uniform(0.2, 2, (2, 3, *SIZES[n]))
        return [Sample((x, 2.0, 2)), Sample((x, 3.0, 2), {"stride": 1}), Sample((x, 1.0, 3), {"ceil_mode": True})]

    return samples


def adaptive(n, maximum):
    def samples(rng):
        x = distinct(rng, 2, 3, *SIZES[n])
        made = [Sample((x, 1)), Sample((x, 2)), Sample((x, 3)), Sample((x, 10)), Sample((x[0], 2))]
        if n > 1:
            made.append(Sample((x, (None, *(2,) * (n - 1)))))
        if maximum:
            made.append(Sample((x, 3), {"return_indices": True}))
        return made

    return samples


def unpooled(n):
    def samples(rng):
        x = distinct(rng, 2, 3, *SIZES[n])
        cut = tuple(m // 2 for m in SIZES[n])
        index = np.zeros((2, 3, *cut), np.int64)
        for place in np.ndindex(*cut):
            where = 0
            for p, m in zip(place, (2 * c for c in cut), strict=True):
                where = where * m + 2 * p
            index[(slice(None), slice(None), *place)] = where
        values = x[(slice(None), slice(None), *(slice(0, 2 * c, 2) for c in cut))]
        return [
            Sample((values, index, 2), vmap=False),
            Sample((values[0], index[0], 2), vmap=False),
            Sample((values, index, 2), {"output_size": [2 * c + 1 for c in cut]}, vmap=False),
        ]

    return samples


for n in (1, 2, 3):
    x = np.ones((1, 1, *(4,) * n))
    wrong = Bad((np.ones((4,) * (n + 4)), 2), RuntimeError, "input")
    case(
        f"{F}max_pool{n}d",
        maxima(n),
        wrong,
        Bad((x, 2), RuntimeError, "pad should be at most half of effective kernel size", {"padding": 2}),
        Bad((x, 5), RuntimeError, "output size is too small"),
    )
    case(f"{F}avg_pool{n}d", means(n), wrong)
    case(f"{F}lp_pool{n}d", norms(n))
    case(f"{F}adaptive_avg_pool{n}d", adaptive(n, False), wrong)
    case(f"{F}adaptive_max_pool{n}d", adaptive(n, True), wrong)
    case(
        f"{F}max_unpool{n}d",
        unpooled(n),
        Bad((x, np.zeros((1, 1, *(3,) * n), int), 2), RuntimeError, "Expected shape of indices to be same"),
    )


def fractional(n):
    def samples(rng):
        x, drawn = distinct(rng, 2, 3, *(7, 6, 5)[:n]), rng.uniform(0, 1, (2, 3, n))
        found = [Sample((x, 2, 3), {"_random_samples": drawn}, grad=(0,), vmap=False)]
        found.append(Sample((x, (3, 2, 2)[:n], None, (0.5,) * n), {"_random_samples": drawn}, grad=(0,), vmap=False))
        found.append(Sample((x, 2, 3, None, True), {"_random_samples": drawn}, grad=(0,), vmap=False))
        return [*found, Sample((x[0], 2, 1), {"_random_samples": drawn[:1]}, grad=(0,), vmap=False)]

    return samples


for n in (2, 3):
    case(
        F + f"fractional_max_pool{n}d",
        fractional(n),
        Bad((np.ones((1, 1, *(4, 4, 4)[:n])), 3, 3), ValueError, "too large for the input"),
        Bad((np.ones((1, 1, *(4, 4, 4)[:n])), 2), ValueError, "either an output_size or an output_ratio"),
    )
