"""Samples of x[key] and x[key] = v."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, arrays, case, layouts

I1 = np.array([0, 2, 2])
I2 = np.array([[1], [-1]])
ALL, BACK = slice(None), slice(None, None, -1)
PLAIN = (
    0,
    -1,
    np.int64(1),
    slice(1, 3),
    slice(None, None, 2),
    slice(5, 2),
    None,
    Ellipsis,
    (),
    (1, 2),
    (1, 2, 3),
    (..., -1),
    (ALL, None, 1),
    (None, ..., None),
    (slice(0, 1), ..., slice(1, None)),
    ([0, 2, 1],),
    [0, -1],
    [True, False, True],
)
NUMPYS = (  # PyTorch refuses negative steps, and puts the dimensions of some mixed keys elsewhere
    BACK,
    (BACK, ALL, slice(None, 0, -2)),
    (0, ALL, [1, 2]),
    ([0, 1], None, 1),
    (1, ..., [0, 3]),
    True,
    False,
    (True, 1),
    (ALL, True),
    (..., [True, False, True, True]),
)


def getitems(rng):
    (x,) = arrays(rng, (3, 4, 4))
    found = [Sample((x, k)) for k in PLAIN]
    found += [Sample((x, k), torch=False) for k in NUMPYS]
    arrayed = [
        I1,
        (ALL, I1),
        (I1, I2),
        (I1, ALL, I2),
        (ALL, I1, I2),
        (..., I1),
        (None, I1, None),
        (I2, 1),
        np.array([], np.int64),
        np.array(1),
        (ALL, np.array(2), 1),
        (slice(1, None), I1 % 2, slice(None, 2)),
        (I1.astype(np.int32), I1.astype(np.int32)),
        (I1, I1, I1),
    ]
    found += [Sample((x, k)) for k in arrayed]
    found += [Sample((x, k), torch=False) for k in ((0, ALL, I1), (I1, None, I1), (1, I1, ALL))]
    masks = [
        x > 0,
        x[..., 0] > 0,
        x[:, 0, 0] > 9,
        (ALL, x[0] > 0),
        (..., x[0, 0] > 0),
        (np.array([True, False, True]), 1),
    ]
    masks += [(x[:, 0, 0] > -9, ALL, I1)]
    found += [Sample((x, k), vmap=False) for k in masks]
    found += [Sample((a, I2)) for a in (x.astype(np.float32), x[::-1, ::2], x + 1j * x, np.arange(6).reshape(3, 2))]
    found += [Sample((a, ...)) for a in layouts(rng)]
    return [*found, Sample((x[:0], slice(None, 2))), Sample((x[:0], np.array([], np.int64)))]


X = np.ones((3, 4))
BAD = (
    Bad((X, 3), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    Bad((X, (0, -5)), IndexError, "index -5 is out of bounds for dimension 1 with size 4"),
    Bad((X, (0, 0, 0)), IndexError, "too many indices for tensor of dimension 2"),
    Bad((np.ones(()), 0), IndexError, "invalid index of a 0-dim tensor"),
    Bad((X, np.array([0, 3])), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    Bad((X, (np.array([0, 1]), np.array([0, 1, 2]))), IndexError, "shape mismatch: indexing tensors"),
    Bad((X, np.array([0.5, 1.0])), IndexError, "must be long, int, byte or bool tensors"),
    Bad((X, float("nan")), IndexError, "only integers, slices"),
    Bad((X, 1.0), IndexError, "only integers, slices"),
    Bad((X, "a"), IndexError, "only integers, slices"),
    Bad((X, (..., ...)), IndexError, "single ellipsis"),
    Bad((X, np.array([True, False])), IndexError, "The shape of the mask \\[2\\]"),
    Bad((X, slice(0.5, 1.0)), IndexError, "slice indices must be integers"),
)


def reference(x, key):
    return x[tuple(key) if isinstance(key, tuple) else key]


case("__getitem__", getitems, *BAD, method=True, reference=reference)


def setitems(rng):
    """(x, key, value): what `x` becomes after x[key] = value."""
    x, v, row, one = arrays(rng, (3, 4, 4), (2, 4, 4), (4,), ())
    j = np.array([0, 2])
    found = [
        Sample((x, slice(1, 3), v)),
        Sample((x, 0, row)),
        Sample((x, 0, 2.5)),
        Sample((x, (..., 1), one)),
        Sample((x, (1, 2, 3), one)),
        Sample((x, ..., row)),
        Sample((x, (), one)),
        Sample((x, BACK, row)),
        Sample((x, (None, 1), v[:1])),
        Sample((x, slice(0, 2), v[None])),
        Sample((x, j, v)),
        Sample((x, (j, ALL, j), row)),
        Sample((x, (j, ALL, j), v[:, :, 0])),
        Sample((x, (ALL, j, j), v[0, :3, :2])),
        Sample((x, (ALL, j), v[:, 0][:, None][:1])),
        Sample((x, np.array([1, 1]), v)),  # the last value stays
        Sample((x, (j[:, None], j), row)),
        Sample((x, np.array(1), row)),
        Sample((x, [0, -1], row)),
        Sample((x, True, row)),
        Sample((x, slice(5, 2), row)),
        Sample((x.astype(np.float32), 0, row), grad=False),
        Sample((np.arange(6).reshape(2, 3), 0, 7.0)),
        Sample((x + 1j * x, 0, row)),
    ]
    masks = [(x > 0, 1.5), (x > 0, one), (x[..., 0] > 0, row), (x[:, 0, 0] > -9, x[::-1].copy()), ((0, x[0] > 0), one)]
    found += [Sample((x, k, w), vmap=k is masks[0][0]) for k, w in masks]
    return found


def set_reference(x, key, value):
    out = x.copy()
    out[key] = value
    return out


case(
    "ops.indexing.set_item",
    setitems,
    Bad((X, 3, 1.0), IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
    Bad((X, slice(0, 2), np.ones(3)), RuntimeError, "shape mismatch: value tensor of shape \\[3\\]"),
    Bad((X, 0, 1j), RuntimeError, "complex"),
    torch=None,
    reference=set_reference,
)
