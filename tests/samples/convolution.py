"""Samples of convolutions."""

import numpy as np

from .table import Bad, Sample, arrays, case

F = "nn.functional."
SIZES = {1: (7,), 2: (6, 5), 3: (4, 3, 4)}


def forward(n):
    def samples(rng):
        size, ones = SIZES[n], (1,) * n
        (broad,) = arrays(rng, (1, 3, *(9,) * n))
        x, w, b = arrays(rng, (2, 4, *size), (6, 4, *(3,) * (n - 1), 2), (6,))
        (wg,) = arrays(rng, (6, 2, *(2,) * n))
        (single,) = arrays(rng, (4, *size))
        made = [
            Sample((x, w)),
            Sample((x, w, b), {"padding": 1}),
            Sample((x, w, b), {"stride": 2, "padding": tuple(range(1, n + 1))}),
            Sample((x, wg, b), {"groups": 2, "dilation": 2 if n < 3 else 1}),
            Sample((x, w, None), {"padding": "same"}),
            Sample((x, w, b), {"padding": "valid"}),
            Sample((single, w, b)),
            Sample((x, *arrays(rng, (5, 4, *ones)))),
            Sample((x, *arrays(rng, (4, 1, *(2,) * n), (4,))), {"groups": 4, "padding": 1}),
            Sample((x[:0], w, b), vmap=False),
        ]
        made.append(Sample((x, *arrays(rng, (1, 4, *(3,) * (n - 1), 2))), {"padding": 1}))  # whole rows as positions
        if n < 3:
            made.append(Sample((broad, *arrays(rng, (2, 3, *(3,) * n), (2,))), {"padding": 1}))
        if n == 1:
            made.append(Sample((x.transpose(2, 1, 0)[:, :, ::-1], *arrays(rng, (3, 4, 1)))))
            made.append(Sample((x.astype(np.float32), w.astype(np.float32), b.astype(np.float32)), {"stride": 2}))
        return made

    return samples


def transposed(n):
    def samples(rng):
        size = tuple(m - 1 for m in SIZES[n])
        x, w, b = arrays(rng, (2, 4, *size), (4, 6, *(3,) * (n - 1), 2), (6,))
        wg, bg = arrays(rng, (4, 3, *(2,) * n), (6,))
        (single,) = arrays(rng, (4, *size))
        return [
            Sample((x, w)),
            Sample((x, w, b), {"padding": 1, "stride": 2}),
            Sample((x, w, b), {"stride": 2, "output_padding": 1, "padding": 1}),
            Sample((x, wg, bg), {"groups": 2, "dilation": 2}),
            Sample((x, wg, bg), {"groups": 2, "dilation": 2, "output_padding": 1}),
            Sample((single, w, b)),
        ]

    return samples


for n in (1, 2, 3):
    ones = (1,) * n
    bads = (
        Bad(
            (np.ones((1, 4, *(5,) * n)), np.ones((2, 3, *(3,) * n))),
            RuntimeError,
            "Given groups=1, weight of size",
        ),
        Bad(
            (np.ones((1, 3, *(2,) * n)), np.ones((2, 3, *(3,) * n))),
            RuntimeError,
            "Kernel size can't be greater than actual input size",
        ),
        Bad((np.ones((1,) * (n + 4)), np.ones((2, 3, *(3,) * n))), RuntimeError, "input to conv"),
        Bad(
            (np.ones((1, 3, *(5,) * n)), np.ones((2, 3, *(3,) * n)), np.ones(3)),
            RuntimeError,
            "expected bias to be 1-dimensional with 2 elements",
        ),
        Bad(
            (np.ones((1, 3, *(5,) * n)), np.ones((2, 3, *(3,) * n)).astype(np.float32)),
            RuntimeError,
            "should be the same",
        ),
        Bad(
            (np.ones((1, 3, *(5,) * n)), np.ones((2, 3, *(3,) * n))),
            RuntimeError,
            "strided convolutions",
            {"stride": 2, "padding": "same"},
        ),
    )
    case(f"{F}conv{n}d", forward(n), *bads)
    case(f"conv{n}d", lambda rng, n=n: forward(n)(rng)[:2])
    case(
        f"{F}conv_transpose{n}d",
        transposed(n),
        Bad(
            (np.ones((1, 4, *(5,) * n)), np.ones((3, 2, *(3,) * n))),
            RuntimeError,
            "to have 3 channels, but got 4 channels instead",
        ),
        Bad(
            (np.ones((1, 3, *(5,) * n)), np.ones((3, 2, *(3,) * n))),
            RuntimeError,
            "output padding must be smaller than either stride or dilation",
            {"output_padding": 1},
        ),
    )
