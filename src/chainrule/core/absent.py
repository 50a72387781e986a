"""PyTorch's names that are not here, and what to write instead."""

from __future__ import annotations

REMOVED = "PyTorch removed it: write {}"
LINALG = {
    "eig": "linalg.eig(A)", "lstsq": "linalg.lstsq(A, B)", "matrix_rank": "linalg.matrix_rank(A)",
    "solve": "linalg.solve(A, B)", "symeig": "linalg.eigh(A)",
}  # fmt: skip
SPARSE = "tensors are dense here; write zeros(...).index_put_(...), or keep a scipy.sparse matrix beside them"
QUANTIZED = "there are no quantized tensors; compute in float32"
COMPILED = "write compile(f), which runs f eagerly, or graph.stage(f, *args) for its equations"
ABSENT = {
    **{name: REMOVED.format(instead) for name, instead in LINALG.items()},
    "jit": COMPILED,
    "fx": "write graph.stage(f, *args), whose equations can be read and changed",
    "export": "write graph.stage(f, *args)",
    "compiler": COMPILED,
    "hub": "there are no models to download; build the module and load_state_dict() a file that you have",
    "onnx": "there is no export; save the state_dict with save()",
    "profiler": "write explain.profile(f)",
    "sparse": SPARSE,
    "nested": "keep a list of tensors, or nn.utils.rnn.pad_sequence(...)",
    "masked": "write x.masked_fill(mask, value), or where(mask, x, 0)",
    "quantization": QUANTIZED,
    "ao": QUANTIZED,
    "multiprocessing": "write Python's multiprocessing; NumPy arrays can be sent",
    "library": "write autograd.Function for an operation of your own",
    "complex32": "write complex64",
    "chalf": "write complex64",
    "quasirandom": "write scipy.stats.qmc.Sobol",
    "futures": "write concurrent.futures",
    "segment_reduce": "write zeros(n).scatter_reduce(0, index, values, reduce)",
    "lobpcg": "write linalg.eigh(A)",
    "lstm": "write nn.LSTM(...)",
    "gru": "write nn.GRU(...)",
    "rnn_tanh": "write nn.RNN(...)",
    "rnn_relu": "write nn.RNN(..., nonlinearity='relu')",
    "lstm_cell": "write nn.LSTMCell(...)",
    "gru_cell": "write nn.GRUCell(...)",
    "rnn_tanh_cell": "write nn.RNNCell(...)",
    "rnn_relu_cell": "write nn.RNNCell(..., nonlinearity='relu')",
}
FUNCTIONAL = (
    "binary_cross_entropy_with_logits", "cosine_embedding_loss", "hinge_embedding_loss", "kl_div",
    "margin_ranking_loss", "poisson_nll_loss", "triplet_margin_loss",
)  # fmt: skip


def instead(name: str) -> str:
    """What to write instead of one of PyTorch's names, as the end of an error's text; empty if there is nothing."""
    if name in FUNCTIONAL:
        return f": write nn.functional.{name}(...)"
    if name in ABSENT:
        return f": {ABSENT[name]}"
    if name.startswith(("sparse_", "to_sparse", "crow_", "ccol_", "row_indices", "col_indices")):
        return f": {SPARSE}"
    if name.startswith(("quantize", "quantized_", "fake_quantize", "fbgemm_", "qint", "quint", "q_", "deq")):
        return f": {QUANTIZED}"
    if name.startswith(("cudnn_", "miopen_", "mkldnn_", "float8_", "float4_")):
        return ": there is one device, the CPU; write the function without that prefix, or another dtype"
    return ""
