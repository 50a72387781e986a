"""Samples of embeddings, padding, resampling, attention, distances and dropout."""

import numpy as np

from .table import Bad, Sample, arrays, case

F = "nn.functional."


def tables(rng):
    (w,) = arrays(rng, (5, 3))
    i, j = rng.integers(0, 5, (2, 4)), rng.integers(0, 5, 6)
    return [
        Sample((i, w)),
        Sample((j, w, 2), grad=False),
        Sample((j, w, -1), {"scale_grad_by_freq": True}, grad=False),
        Sample((np.array(3), w)),
        Sample((i[:0], w), vmap=False),
        Sample((i.astype(np.int32), w.astype(np.float32))),
    ]


case(
    F + "embedding",
    tables,
    Bad((np.array([0, 5]), np.ones((5, 2))), IndexError, "index out of range"),
    Bad((np.array([0.0]), np.ones((5, 2))), RuntimeError, "indices"),
)


def bags(rng):
    (w,) = arrays(rng, (5, 3))
    i, j = rng.integers(0, 5, (2, 4)), np.array([1, 4, 2, 2, 0, 3])
    offsets = np.array([0, 2, 5])
    (psw,) = arrays(rng, (2, 4))
    made = [Sample((i, w), {"mode": m}, vmap=m != "max") for m in ("mean", "sum")]
    made += [Sample((j, w, offsets), {"mode": m}, vmap=False) for m in ("mean", "sum", "max")]
    made += [
        Sample((i, w), {"mode": "sum", "per_sample_weights": psw}, vmap=False),
        Sample((j, w, np.array([0, 2, 5, 6])), {"mode": "sum", "include_last_offset": True}, vmap=False),
        Sample((j, w, np.array([0, 2, 2])), {"mode": "mean", "padding_idx": 2}, grad=False, vmap=False),
    ]
    return made


case(
    F + "embedding_bag",
    bags,
    Bad((np.array([0, 1]), np.ones((5, 2))), ValueError, "offsets has to be a 1D Tensor"),
)


def pads(rng):
    a, b, c = arrays(rng, (3, 4), (2, 3, 5), (1, 2, 4, 3))
    d = arrays(rng, (1, 1, 3, 4, 3))[0]
    made = [
        Sample((a, (1, 2))),
        Sample((a, (1, 0, 2, 1)), {"value": 1.5}),
        Sample((a, (-1, 2, -1, 0))),
        Sample((np.arange(4), (1, 1))),
        Sample((a > 0, (1, 1)), {"value": True}),
    ]
    for mode in ("reflect", "replicate", "circular"):
        made += [Sample((b, (2, 1)), {"mode": mode}), Sample((c, (1, 2, 2, 1)), {"mode": mode})]
        made += [Sample((d, (1, 1, 2, 0, 1, 1)), {"mode": mode}), Sample((a, (1, 2)), {"mode": mode})]
    return made


case(
    F + "pad",
    pads,
    Bad((np.ones((2, 3)), (1,)), RuntimeError, "Padding length must be divisible by 2"),
    Bad(
        (np.ones((2, 2, 3)), (3, 0)),
        RuntimeError,
        "Padding size should be less than the corresponding input dimension",
        {"mode": "reflect"},
    ),
)


def scaled(rng):
    a, b, c = arrays(rng, (2, 2, 5), (1, 2, 4, 5), (1, 1, 3, 2, 4))
    made = []
    for mode in ("nearest", "nearest-exact", "area"):
        made += [Sample((x, s), {"mode": mode}) for x, s in ((a, 7), (a, 3), (b, (6, 3)), (c, (2, 4, 5)))]
        made.append(Sample((b,), {"scale_factor": 1.7, "mode": mode}))
    for mode, x, s in (("linear", a, 8), ("bilinear", b, (7, 3)), ("bicubic", b, (7, 3)), ("trilinear", c, (2, 5, 3))):
        for align in (False, True):
            made += [
                Sample((x, s), {"mode": mode, "align_corners": align}),
                Sample((x,), {"scale_factor": 1.7, "mode": mode, "align_corners": align}),
            ]
        made.append(Sample((x,), {"scale_factor": 0.6, "mode": mode, "recompute_scale_factor": True}))
    made.append(Sample((b, (3, 2)), {"mode": "bilinear", "antialias": True}))
    made.append(Sample((b, (3, 2)), {"mode": "bicubic", "antialias": True}))
    return made


case(
    F + "interpolate",
    scaled,
    Bad((np.ones((1, 1, 4)),), ValueError, "either size or scale_factor should be defined"),
    Bad((np.ones((1, 1, 4)), 3), RuntimeError, "modes", {"mode": "bilinear"}),
    Bad((np.ones((1, 1, 4)), 3), ValueError, "align_corners option can only be set", {"align_corners": True}),
)


def places(rng):
    x, y = arrays(rng, (2, 3, 4, 5), (1, 2, 3, 4, 3))
    g = rng.uniform(-1.3, 1.3, (2, 3, 2, 2))
    h = rng.uniform(-1.3, 1.3, (1, 2, 3, 2, 3))
    made = []
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                kwargs = {"mode": mode, "padding_mode": padding, "align_corners": align}
                made.append(Sample((x, g), kwargs, vmap=align, second=mode != "nearest"))
                if mode != "bicubic":
                    made.append(Sample((y, h), kwargs, vmap=False, second=False))
    return made


case(
    F + "grid_sample",
    places,
    Bad(
        (np.ones((1, 1, 2, 2)), np.ones((2, 2, 2, 2))), RuntimeError, "expected grid and input to have same batch size"
    ),
)
case(
    F + "affine_grid",
    lambda rng: [
        Sample((arrays(rng, (2, 2, 3))[0], (2, 1, 3, 4)), {"align_corners": False}),
        Sample((arrays(rng, (2, 2, 3))[0], (2, 1, 3, 4)), {"align_corners": True}),
        Sample((arrays(rng, (1, 3, 4))[0], (1, 1, 2, 3, 4)), {"align_corners": False}),
    ],
    Bad((np.ones((2, 3, 3)), (2, 1, 3, 4)), RuntimeError, "Expected a batch of 2D affine matrices"),
)


def columns(rng):
    x, y = arrays(rng, (2, 3, 5, 4), (2, 5, 4))
    return [Sample((x, 2)), Sample((x, (2, 3)), {"stride": 2, "padding": 1, "dilation": (2, 1)}), Sample((y, 2))]


case(F + "unfold", columns, Bad((np.ones((1, 1, 2, 2)), 3), RuntimeError, "its components must be at least one"))
case(
    F + "fold",
    lambda rng: [
        Sample((arrays(rng, (2, 12, 12))[0], (5, 4), 2)),
        Sample((arrays(rng, (2, 12, 4))[0], (4, 4), 2), {"stride": 2}),
        Sample((arrays(rng, (8, 12))[0], (5, 4), 2)),
        Sample((arrays(rng, (1, 4, 9))[0], (4, 4), 2), {"stride": 2, "padding": 1}),
    ],
    Bad((np.ones((1, 5, 4)), (3, 3), 2), RuntimeError, "divisible by the product of kernel_size"),
)
case(
    F + "pixel_shuffle",
    lambda rng: [Sample((arrays(rng, (2, 8, 2, 3))[0], 2)), Sample((arrays(rng, (9, 1, 2))[0], 3))],
    Bad((np.ones((1, 3, 2, 2)), 2), RuntimeError, "divisible by the square of upscale_factor"),
)
case(
    F + "pixel_unshuffle",
    lambda rng: [Sample((arrays(rng, (2, 2, 4, 6))[0], 2)), Sample((arrays(rng, (1, 3, 6))[0], 3))],
    Bad((np.ones((1, 3, 3, 2)), 2), RuntimeError, "to be divisible by downscale_factor"),
)
case(
    F + "channel_shuffle",
    lambda rng: [Sample((arrays(rng, (2, 6, 2, 3))[0], 3), vmap=False)],
    Bad((np.ones((1, 5, 2, 2)), 2), RuntimeError, "Number of channels must be divisible by groups"),
    torch="channel_shuffle",
)


def attention(rng):
    q, k, v = arrays(rng, (2, 3, 4), (2, 5, 4), (2, 5, 6))
    h, m, n = arrays(rng, (2, 4, 3, 2), (2, 2, 5, 2), (2, 2, 5, 2))
    mask = rng.uniform(size=(3, 5)) < 0.7
    mask[:, 0] = True
    return [
        Sample((q, k, v)),
        Sample((q, k, v, mask)),
        Sample((q, k, v, arrays(rng, (2, 3, 5))[0])),
        Sample((q, k, v), {"scale": 0.3}),
        Sample((q, k, v), {"is_causal": True}),
        Sample((h, m, n), {"enable_gqa": True}),
        Sample((q, k, v, np.zeros((3, 5), bool)), grad=False),
    ]


case(
    F + "scaled_dot_product_attention",
    attention,
    Bad((np.ones(3), np.ones(3), np.ones(3)), RuntimeError, "at least 2 dimensional"),
)


def heads(rng):
    e = 4
    q, k, v = arrays(rng, (3, 2, e), (5, 2, e), (5, 2, e))
    w, b, o, c = arrays(rng, (3 * e, e), (3 * e,), (e, e), (e,))
    bk, bv = arrays(rng, (1, 1, e), (1, 1, e))
    padding = np.zeros((2, 5), bool)
    padding[0, 3:] = True
    later = np.triu(np.ones((3, 5), bool), 2)
    plain = (e, 2, w, b, None, None, False, 0.0, o, c)
    return [
        Sample((q, k, v, *plain)),
        Sample((q, k, v, *plain), {"need_weights": False}),
        Sample((q, k, v, *plain), {"key_padding_mask": padding, "attn_mask": later, "average_attn_weights": False}),
        Sample((q, k, v, e, 2, w, b, bk, bv, True, 0.0, o, c)),
        Sample((q[:, 0], k[:, 0], v[:, 0], *plain)),
        Sample(
            (q, k, v, e, 2, None, b, None, None, False, 0.0, o, c),
            dict(
                zip(
                    ("q_proj_weight", "k_proj_weight", "v_proj_weight"),
                    arrays(rng, (e, e), (e, e), (e, e)),
                    strict=True,
                ),
                use_separate_proj_weight=True,
            ),
        ),
    ]


case(F + "multi_head_attention_forward", heads)
case(
    F + "cosine_similarity",
    lambda rng: [
        Sample((*arrays(rng, (3, 4), (3, 4)),)),
        Sample((*arrays(rng, (3, 4), (4,)),), {"dim": -1}),
        Sample((*arrays(rng, (5,), (5,)),), {"dim": 0}),
        Sample((np.zeros((1, 3)), np.ones((1, 3))), grad=False),
    ],
)
case(
    F + "pairwise_distance",
    lambda rng: [
        Sample((*arrays(rng, (3, 4), (3, 4)),)),
        Sample((*arrays(rng, (3, 4), (4,)),), {"p": 1.0, "keepdim": True}),
        Sample((*arrays(rng, (3, 4), (3, 4)),), {"p": 3.0}),
        Sample((*arrays(rng, (3, 4), (3, 4)),), {"p": float("inf")}),
    ],
)
case(
    F + "pdist",
    lambda rng: [Sample((arrays(rng, (4, 3))[0],), {"p": p}, grad=p > 0) for p in (2.0, 1.0, 3.0, float("inf"), 0.0)],
    Bad((np.ones(3),), RuntimeError, "pdist only supports 2D tensors"),
)


def dropped(shape):
    return lambda rng: [
        Sample((arrays(rng, shape)[0],), {"p": 0.4, "training": False}),
        Sample((arrays(rng, shape)[0],), {"p": 0.0, "training": True}),
        Sample((arrays(rng, shape)[0],), {"p": 0.4, "training": True}, torch=False, vmap=False),
    ]


PROBABILITY = Bad(
    (np.ones((2, 3, 4)),), ValueError, "dropout probability has to be between 0 and 1, but got 1.5", {"p": 1.5}
)
case(F + "dropout", dropped((3, 4)), PROBABILITY)
case(F + "dropout1d", dropped((2, 3, 4)), PROBABILITY)
case(F + "dropout2d", dropped((2, 3, 4, 2)), PROBABILITY)
case(F + "dropout3d", dropped((2, 3, 2, 2, 2)), Bad((np.ones((1, 2, 2, 2, 2)), 1.5), RuntimeError, "probability"))
case(F + "alpha_dropout", dropped((3, 4)), PROBABILITY)
case(F + "feature_alpha_dropout", dropped((2, 3, 4)), PROBABILITY)
