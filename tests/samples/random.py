"""Samples of random operations, at parameters where what they draw is certain; tests/test_random.py has the rest."""

from __future__ import annotations

import numpy as np

from .table import Bad, Sample, case

ONES = np.ones((2, 3))
HOT = np.eye(4)[[2, 0, 3]]


def still(*args, **kwargs) -> Sample:
    """A sample without gradients."""
    return Sample(args, kwargs, grad=False, vmap=False)


case(
    "bernoulli",
    lambda rng: [still(HOT), still(np.array(1.0)), still(np.zeros((0, 2))), still(HOT.T[::-1]), still(ONES, 0.0)],
    Bad((ONES * 2,), RuntimeError, "p_in"),
    Bad((np.ones(2, np.int64),), RuntimeError, "not implemented"),
)
case(
    "multinomial",
    lambda rng: [still(HOT, 1), still(HOT * 3, 4, True), still(HOT[0], 2, True), still(HOT.astype(np.float32), 1)],
    Bad((HOT, 5), RuntimeError, "without replacement"),
    Bad((-HOT, 1), RuntimeError, "element < 0"),
)
case(
    "poisson",
    lambda rng: [still(np.zeros((2, 3))), still(np.zeros(())), still(np.zeros(4, np.float32)), still(np.zeros((0, 2)))],
    Bad((-ONES,), RuntimeError, "invalid Poisson rate"),
)
case(
    "binomial",
    lambda rng: [
        still(ONES * 3, np.zeros((2, 3))),
        still(np.array(5.0), np.array(1.0)),
        still(ONES, np.ones(3)),
        still(np.zeros((0, 2)), np.zeros((0, 2))),
        still(ONES.astype(np.float32), np.ones((2, 3), np.float32)),
    ],
    Bad((-ONES, ONES), RuntimeError, "must not be negative"),
    Bad((ONES, ONES * 2), RuntimeError, "exceed 1"),
    Bad((np.ones(2, np.int64), np.ones(2)), RuntimeError, "one floating dtype"),
)
case(
    "normal",
    lambda rng: [still(ONES, 0.0), still(2.0, np.zeros(3)), still(ONES, np.zeros((2, 3))), still(1.5, 0.0, (2, 2))],
    Bad((ONES, -1.0), RuntimeError, "std >= 0.0"),
)
case("rand", lambda rng: [still(0), still(2, 0, 3)], Bad((-1,), RuntimeError, "negative"))
case("randn", lambda rng: [still(0), still((2, 0))], Bad((-1,), RuntimeError, "negative"))
case(
    "randint",
    lambda rng: [still(1, (2, 3)), still(4, 5, (3,)), still(-2, -1, (2,), dtype=None)],
    Bad((5, 5, (2,)), RuntimeError, "to be less than"),
)
case("randperm", lambda rng: [still(0), still(1)], Bad((-1,), RuntimeError, "negative"))
case("rand_like", lambda rng: [still(np.zeros((0, 2)))], Bad((np.zeros(2, np.int64),), RuntimeError, "not implemented"))
case(
    "randn_like", lambda rng: [still(np.zeros((0, 2)))], Bad((np.zeros(2, np.int64),), RuntimeError, "not implemented")
)
case(
    "randint_like", lambda rng: [still(ONES, 1), still(ONES, 4, 5)], Bad((ONES, 5, 5), RuntimeError, "to be less than")
)
