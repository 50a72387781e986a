"""Samples of losses."""

import numpy as np

from .table import Bad, Sample, arrays, case

F = "nn.functional."
REDUCTIONS = ({}, {"reduction": "sum"}, {"reduction": "none"})


def each(*tuples, **kwargs):
    """The arguments under every reduction."""
    return [Sample(args, {**kwargs, **r}) for args in tuples for r in REDUCTIONS]


def regression(rng):
    a, b, c, d = arrays(rng, (3, 4), (3, 4), (), ())
    b = np.where(np.abs(np.abs(a - b) - 1) < 0.05, a, b)
    b = np.where(np.abs(a - b) < 0.05, a - 0.3, b)
    return [
        *each((a, b)),
        Sample((a.T[::-1], b.T[::-1])),
        Sample((c, d + 3)),
        Sample((a.astype(np.float32), b.astype(np.float32))),
    ]


MISMATCH = Bad((np.ones((2, 3)), np.ones((4, 3))), RuntimeError, "must match")
NO_REDUCTION = Bad((np.ones(2), np.ones(2)), ValueError, "is not a valid value for reduction", {"reduction": "max"})
case(F + "mse_loss", regression, MISMATCH, NO_REDUCTION)
case(F + "l1_loss", regression, MISMATCH, NO_REDUCTION)
case(
    F + "smooth_l1_loss",
    lambda rng: [*regression(rng), *(Sample(s.args, {"beta": 0.0}) for s in regression(rng)[:1])],
    Bad((np.ones(2), np.ones(2)), RuntimeError, "does not support negative values for beta", {"beta": -1.0}),
)
case(
    F + "huber_loss",
    lambda rng: [*regression(rng), *(Sample((s.args[0], s.args[1]), {"delta": 0.37}) for s in regression(rng)[:1])],
    Bad((np.ones(2), np.ones(2)), RuntimeError, "does not support non-positive values for delta", {"delta": 0.0}),
)


def poisson(rng):
    a, b = arrays(rng, (3, 4))[0], rng.uniform(0.2, 6, (3, 4))
    b = np.where(np.abs(b - 1) < 0.05, 1.3, b)
    return [
        *each((a, b)),
        Sample((np.abs(a) + 0.1, b), {"log_input": False}),
        Sample((a, np.array(b)), {"full": True}),
    ]


case(F + "poisson_nll_loss", poisson)


def gaussian(rng):
    a, b = arrays(rng, (3, 4), (3, 4))
    v = rng.uniform(0.2, 2, (3, 4))
    return [*each((a, b, v)), Sample((a, b, v[:, 0])), Sample((a, b, v[:, :1]), {"full": True})]


case(
    F + "gaussian_nll_loss",
    gaussian,
    Bad((np.ones(2), np.ones(2), -np.ones(2)), ValueError, "var has negative entry"),
    Bad((np.ones(2), np.ones(2), np.ones(3)), ValueError, "var is of incorrect size"),
)


def signs(rng, *shape):
    return np.where(rng.uniform(size=shape) < 0.5, -1.0, 1.0)


def only_first(samples, *which):
    return [Sample(s.args, s.kwargs, grad=which, torch=s.torch) for s in samples]


case(
    F + "hinge_embedding_loss",
    lambda rng: only_first(each((rng.uniform(0.1, 0.8, (3, 4)), signs(rng, 3, 4))), 0),
)
case(F + "soft_margin_loss", lambda rng: only_first(each((arrays(rng, (3, 4))[0] * 3, signs(rng, 3, 4))), 0))


def ranking(rng):
    a, b = arrays(rng, (6,), (6,))
    b = np.where(np.abs(np.abs(a - b) - 0.2) < 0.05, b + 0.5, b)
    b = np.where(np.abs(a - b) < 0.05, b + 0.5, b)
    return only_first([*each((a, b, signs(rng, 6))), *each((a, b, signs(rng, 6)), margin=0.2)], 0, 1)


case(
    F + "margin_ranking_loss",
    ranking,
    Bad((np.ones(2), np.ones((2, 1)), np.ones(2)), RuntimeError, "All input tensors should have same dimension"),
)


def cosine(rng):
    a, b = arrays(rng, (5, 3), (5, 3))
    return only_first(
        [
            *each((a, b, signs(rng, 5))),
            Sample((a[0], b[0], np.array(1.0))),
            Sample((a, b, -np.ones(5)), {"margin": -0.9}),
        ],
        0,
        1,
    )


case(
    F + "cosine_embedding_loss",
    cosine,
    Bad((np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 2))), RuntimeError, "0D or 1D target tensor expected"),
)


def triplets(rng):
    a, b, c = arrays(rng, (4, 3), (4, 3), (4, 3))
    return [
        *each((a, b, c), margin=6.0),
        Sample((a, b, c), {"margin": 9.0, "p": 1.0}),
        Sample((a, b, c), {"margin": 6.0, "swap": True}),
        Sample((a[0], b[0], c[0]), {"margin": 6.0}),
    ]


case(
    F + "triplet_margin_loss",
    triplets,
    Bad(
        (np.ones((2, 3)), np.ones(3), np.ones((2, 3))),
        RuntimeError,
        "are expected to have the same number of dimensions",
    ),
)


# ---- classes


def classes(rng, logs=False):
    x, y, w = arrays(rng, (5, 4), (2, 3, 4, 2), (3,))
    if logs:
        x, y = (a - np.log(np.exp(a).sum(1, keepdims=True)) for a in (x, y))
    t, u = rng.integers(0, 4, 5), rng.integers(0, 3, (2, 4, 2))
    v = rng.uniform(0.5, 2, 4)
    ignoring = np.where(np.arange(5) == 2, -100, t)
    return [
        *each((x, t)),
        *[Sample((x, t, v), k, grad=(0,)) for k in REDUCTIONS],
        Sample((y, u)),
        Sample((y, u, np.abs(w) + 0.1), {"reduction": "none"}, grad=(0,)),
        Sample((x, ignoring)),
        Sample((x, t), {"ignore_index": int(t[0])}),
        Sample((x, ignoring), {"reduction": "none"}),
        Sample((x[0], np.array(t[0]))),
        Sample((x.astype(np.float32), t)),
    ]


def cross(rng):
    x, y = arrays(rng, (5, 4), (2, 3, 4))
    t, v = rng.integers(0, 4, 5), rng.uniform(0.5, 2, 4)
    p = rng.uniform(0.1, 1, (5, 4))
    q = rng.uniform(0.1, 1, (2, 3, 4))
    ignoring = np.where(np.arange(5) == 2, -100, t)
    smooth = {"label_smoothing": 0.2}
    return [
        *classes(rng),
        *each((x, t), **smooth),
        *[Sample((x, ignoring, v), {**k, **smooth}, grad=(0,)) for k in REDUCTIONS],
        *each((x, p)),
        Sample((x, p, v), smooth, grad=(0, 1)),
        Sample((y, q), {"reduction": "none"}),
        Sample((x[0], p[0])),
        Sample((x * 500, t), second=False),
    ]


MISFIT = Bad(
    (np.ones((3, 5)), np.zeros(4, int)), ValueError, "Expected input batch_size (3) to match target batch_size (4)."
)
OUT = Bad((np.ones((3, 5)), np.array([0, 5, 1])), IndexError, "Target 5 is out of bounds.")
FLOAT = Bad((np.ones((3, 5)), np.ones(3)), RuntimeError, "expected scalar type Long")
WEIGHTS = Bad(
    (np.ones((3, 5)), np.zeros(3, int), np.ones(4)),
    RuntimeError,
    "weight tensor should be defined either for all 5 classes",
)
case(F + "cross_entropy", cross, MISFIT, OUT, FLOAT, WEIGHTS)
case(F + "nll_loss", lambda rng: classes(rng, True), MISFIT, OUT, FLOAT, WEIGHTS)


def binary(rng):
    p, t, w = rng.uniform(0.05, 0.95, (3, 4)), rng.uniform(0, 1, (3, 4)), rng.uniform(0.5, 2, 4)
    return [
        *each((p, t)),
        Sample((p, t, w), grad=(0, 1)),
        Sample((np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])), grad=False),
    ]


SIZES = Bad((np.ones((2, 3)), np.ones((2, 2))), ValueError, "size")
case(
    F + "binary_cross_entropy",
    binary,
    SIZES,
    Bad((2 * np.ones(2), np.ones(2)), RuntimeError, "all elements of input should be between 0 and 1"),
)


def logits(rng):
    x, t, w = arrays(rng, (3, 4))[0] * 3, rng.uniform(0, 1, (3, 4)), rng.uniform(0.5, 2, 4)
    return [
        *each((x, t)),
        Sample((x, t, w), grad=(0, 1)),
        Sample((x, t), {"pos_weight": w}, grad=(0, 1)),
        Sample((x * 200, t), second=False),
    ]


case(
    F + "binary_cross_entropy_with_logits",
    logits,
    Bad((np.ones((2, 3)), np.ones((2, 2))), ValueError, "must be the same as input size"),
)


def divergence(rng):
    p, t = rng.uniform(-3, -0.1, (3, 4)), rng.uniform(0.1, 1, (3, 4))
    return [
        *each((p, t)),
        Sample((p, t), {"reduction": "batchmean"}),
        Sample((p, np.log(t)), {"log_target": True}),
        Sample((p, np.where(t < 0.5, 0.0, t)), grad=(0,)),
    ]


case(F + "kl_div", divergence)


def margins(rng):
    x = rng.uniform(-0.4, 0.4, (3, 4))
    t = np.array([1, 0, 3])
    return [
        *each((x, t)),
        Sample((x, t), {"p": 2}),
        Sample((x, t, 1, 2.0, rng.uniform(0.5, 1, 4)), grad=(0,)),
        Sample((x[0], np.array(t[0]))),
    ]


case(
    F + "multi_margin_loss",
    margins,
    Bad((np.ones((2, 3)), np.zeros(3, int)), RuntimeError, "inconsistent target size"),
    Bad((np.ones((2, 3)), np.array([0, 3])), IndexError, "target out of range"),
)


def several(rng):
    x = rng.uniform(-0.4, 0.4, (3, 4))
    t = np.array([[3, 0, -1, 1], [1, -1, 2, 3], [0, 1, 2, 3]])
    return [*each((x, t)), Sample((x[0], t[0]))]


case(
    F + "multilabel_margin_loss",
    several,
    Bad((np.ones((2, 3)), np.zeros(3, int)), RuntimeError, "inconsistent target size"),
)
case(
    F + "multilabel_soft_margin_loss",
    lambda rng: [
        *each((arrays(rng, (3, 4))[0], rng.uniform(0, 1, (3, 4)))),
        Sample((*arrays(rng, (3, 4)), rng.uniform(0, 1, (3, 4)), rng.uniform(0.5, 1, 4)), grad=(0, 1)),
    ],
)


def alignments(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """The definition: sum over all paths of labels that collapse to the targets."""
    from itertools import product

    losses = []
    for row, (steps, used) in enumerate(zip(input_lengths, target_lengths, strict=True)):
        total = 0.0
        for path in product(range(log_probs.shape[2]), repeat=int(steps)):
            merged = [c for i, c in enumerate(path) if (i == 0 or path[i - 1] != c) and c != blank]
            if merged == list(targets[row, :used]):
                total += np.exp(sum(log_probs[t, row, c] for t, c in enumerate(path)))
        losses.append(-np.log(total))
    losses = np.array(losses)
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else (losses / np.maximum(target_lengths, 1)).mean()


def ctc(rng):
    x = arrays(rng, (4, 3, 3))[0]
    x = x - np.log(np.exp(x).sum(2, keepdims=True))
    t = np.array([[1, 2], [1, 1], [2, 0]])
    rest = (t, (4, 4, 3), (2, 2, 1))
    return [Sample((x, *rest), r, torch=False, vmap=False) for r in REDUCTIONS]


case(
    F + "ctc_loss",
    ctc,
    Bad(
        (np.zeros((3, 1, 2)), np.array([[1]]), (4,), (1,)),
        RuntimeError,
        "Expected input_lengths to have value at most 3",
    ),
    reference=alignments,
)
