"""Families of operations that are imported when one of their names is first used, so that `import chainrule` is quick.

For each module: its public names in the namespace `chainrule`, and the methods and properties that it gives Tensor. The
modules say so themselves (`__all__`, METHODS, INPLACE, ATTRIBUTES), and tests/test_later.py holds this table to it.
"""

LATER: dict[str, tuple[str, str]] = {
    "ops.activations": (
        "relu prelu celu selu rrelu relu_",
        "relu prelu relu_",
    ),
    "ops.adaptive_pooling": (
        "adaptive_avg_pool1d adaptive_max_pool1d",
        "",
    ),
    "ops.calculus": (
        "diff trapezoid cumulative_trapezoid gradient",
        "diff",
    ),
    "ops.clipped_activations": (
        "hardshrink threshold",
        "hardshrink",
    ),
    "ops.convolution": (
        "conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
        "",
    ),
    "ops.copies": (
        "as_strided_copy detach_copy diagonal_copy expand_copy narrow_copy permute_copy select_copy split_copy "
        "split_with_sizes_copy squeeze_copy t_copy transpose_copy unbind_copy unfold_copy unsqueeze_copy "
        "view_copy view_as_complex_copy view_as_real_copy alias_copy as_strided_scatter unsafe_chunk unsafe_split "
        "unsafe_split_with_sizes",
        "as_strided_scatter narrow_copy unsafe_chunk unsafe_split unsafe_split_with_sizes",
    ),
    "ops.ctc": (
        "ctc_loss",
        "",
    ),
    "ops.diagonal": (
        "diag diag_embed diagflat diagonal diagonal_scatter trace tril tril_indices triu triu_indices",
        "diag diag_embed diagflat diagonal diagonal_scatter trace tril triu fill_diagonal tril_ triu_ fill_diagonal_",
    ),
    "ops.distance": (
        "cosine_similarity pairwise_distance pdist",
        "",
    ),
    "ops.embedding": (
        "embedding embedding_bag",
        "",
    ),
    "ops.histograms": (
        "histc histogram bincount",
        "histc histogram bincount",
    ),
    "ops.index_reduce": (
        "index_reduce norm_except_dim renorm",
        "index_reduce renorm index_reduce_ renorm_",
    ),
    "ops.low_rank": (
        "frexp frobenius_norm geqrf nuclear_norm ormqr pca_lowrank svd_lowrank vander",
        "frexp geqrf ormqr",
    ),
    "ops.matrix": (
        "det logdet slogdet inverse pinverse matrix_power matrix_exp cholesky cholesky_solve cholesky_inverse qr "
        "orgqr lu lu_solve lu_unpack svd triangular_solve",
        "det logdet slogdet inverse pinverse matrix_power matrix_exp cholesky cholesky_solve cholesky_inverse qr "
        "orgqr lu lu_solve svd triangular_solve",
    ),
    "ops.normalization": (
        "batch_norm layer_norm group_norm instance_norm rms_norm",
        "",
    ),
    "ops.patches": (
        "pixel_shuffle pixel_unshuffle channel_shuffle",
        "",
    ),
    "ops.pooling": (
        "max_pool1d max_pool2d max_pool3d avg_pool1d",
        "",
    ),
    "ops.products": (
        "inner tensordot chain_matmul cdist cross",
        "inner cross",
    ),
    "ops.quantiles": (
        "median nanmedian mode quantile nanquantile",
        "median nanmedian mode quantile nanquantile",
    ),
    "ops.rearrange": (
        "block_diag cartesian_prod combinations kron meshgrid repeat_interleave tile",
        "repeat repeat_interleave tile kron",
    ),
    "ops.scans": (
        "cumsum cumprod cummax cummin logcumsumexp logsumexp prod",
        "cumsum cumprod cummax cummin logcumsumexp logsumexp prod cumsum_ cumprod_",
    ),
    "ops.softmax": (
        "softmax log_softmax",
        "softmax log_softmax",
    ),
    "ops.sorting": (
        "sort argsort msort topk kthvalue searchsorted bucketize isin unique unique_consecutive",
        "sort argsort msort topk kthvalue unique unique_consecutive",
    ),
    "ops.special": (
        "digamma dist erf erfc erfinv i0 igamma igammac lgamma mvlgamma polygamma erf_ erfc_ i0_",
        "digamma dist erf erfc erfinv i0 igamma igammac lgamma mvlgamma mvlgamma_ digamma_ erf_ erfc_ erfinv_ i0_ "
        "igamma_ igammac_ lgamma_",
    ),
    "ops.statistics": (
        "std var std_mean var_mean norm cov corrcoef",
        "std var norm cov corrcoef",
    ),
    "ops.windows": (
        "stft istft hann_window hamming_window blackman_window bartlett_window kaiser_window",
        "stft istft",
    ),
    "tensor.older": (
        "alpha_dropout alpha_dropout_ celu_ constant_pad_nd dropout dropout_ empty_permuted feature_alpha_dropout "
        "feature_alpha_dropout_ feature_dropout feature_dropout_ fill grid_sampler histogramdd newaxis range "
        "rrelu_ selu_ threshold_ trapz",
        "",
    ),
}
