"""Samples of recurrent layers as one record."""

import numpy as np

from .table import Bad, Sample, arrays, case


def lstm(rng):
    def inputs(steps, batch, size, lead=(), shared=True):
        rows = 4 * size
        weight = (rows, size) if shared else (*lead, rows, size)
        return tuple(arrays(rng, (steps, *lead, batch, rows), (*lead, batch, size), (*lead, batch, size), weight))

    strided = inputs(4, 2, 2)
    return [
        Sample(inputs(1, 2, 3)),
        Sample((strided[0][::-1], *strided[1:3], strided[3][:, ::-1])),
        Sample(inputs(2, 2, 1, lead=(3,))),
        Sample(inputs(2, 1, 2, lead=(2,), shared=False)),
        Sample(tuple(a.astype(np.float32) for a in inputs(3, 2, 2))),
    ]


case(
    "ops.recurrence.lstm",
    lstm,
    Bad((np.ones((2, 3, 8)), np.ones((3, 3)), np.ones((3, 3)), np.ones((12, 3))), RuntimeError, ""),
    torch=None,
)
