"""Recurrent networks over sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from .. import cat, nn
from ..core.errors import ArgumentError
from .network import Network
from .rows import Rows, is_list_of_sequences, pad
from .settings import NARROWER_FOR_SEQUENCES
from .targets import Classification, Regression

FLOATS = (np.float64, np.float32)


class _LastState(nn.Module):
    """A recurrent layer, and a linear function of the state it ends in; every sequence starts from the state 0."""

    def __init__(self, recurrent: nn.Module, n_outputs: int, dtype: Any) -> None:
        super().__init__()
        self.recurrent = recurrent
        directions = 2 if recurrent.bidirectional else 1
        self.head = nn.Linear(recurrent.hidden_size * directions, n_outputs, dtype=dtype)

    def forward(self, x: Any, lengths: list[int] | None = None) -> Any:
        if lengths is not None:
            x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.recurrent(x)
        h = state[0] if isinstance(state, tuple) else state
        return self.head(cat([h[-2], h[-1]], 1) if self.recurrent.bidirectional else h[-1])


class _RNN(Network):
    """h_t = act(W x_t + b + U h_{t-1} + c) over the steps, then V h_last + d; or an LSTM's or GRU's step."""

    _narrower = NARROWER_FOR_SEQUENCES

    def __init__(
        self,
        emb_len: Any = None,
        seq_len: Any = None,
        out_len: Any = None,
        *,
        hidden_size: int = 32,
        activation: str = "relu",
        activate: Any = None,
        cell: str = "rnn",
        num_layers: int = 1,
        bidirectional: bool = False,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.01,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: int = 15000,
    ) -> None:
        self._keep(locals())

    def _check_X(self, X: Any, first: bool) -> Rows:
        several = is_list_of_sequences(X)
        deep = several or getattr(X, "ndim", 2) == 3
        if not first and deep != self._deep:
            raise ArgumentError(
                f"X: the estimator was fitted with {'sequences (n, steps, features)' if self._deep else 'a table'}, "
                f"and this is {'sequences' if deep else 'not'}. Reshape your data to what it was in fit."
            )
        if not deep:
            X = validate_data(self, X, accept_sparse="csr", dtype=FLOATS, reset=first)
            rows = Rows(X, self._step_of(X.shape[1]))
        else:
            rows = pad(X, FLOATS) if several else Rows(check_array(X, dtype=FLOATS, allow_nd=True, input_name="X"))
            self._check_sequences(rows, first)
        self._deep = deep
        return rows

    def _step_of(self, columns: int) -> int:
        """Columns of a table that make one time step."""
        emb = self.emb_len
        if emb is None:
            emb = 1 if self.seq_len is None else columns // self.seq_len
        wanted = emb * (columns // max(emb, 1) if self.seq_len is None else self.seq_len)
        if wanted != columns or not columns:
            raise ArgumentError(
                f"X has {columns} columns, which are not seq_len={self.seq_len} steps of emb_len={self.emb_len} "
                f"columns each; make their product {columns}, or leave one or both None"
            )
        return emb

    def _check_sequences(self, rows: Rows, first: bool) -> None:
        _, steps, emb = rows.values.shape
        lengths = {steps} if rows.lengths is None else set(rows.lengths.tolist())
        if self.seq_len is not None and lengths != {self.seq_len}:
            raise ArgumentError(f"X has sequences of {sorted(lengths)} steps, but seq_len={self.seq_len}")
        if not steps:
            raise ArgumentError("X has sequences of 0 steps; at least one is needed")
        if self.emb_len is not None and emb != self.emb_len:
            raise ArgumentError(f"X has {emb} features per step, but emb_len={self.emb_len}")
        if first:
            self.n_features_in_ = emb
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
        elif emb != self.n_features_in_:
            raise ArgumentError(
                f"X has {emb} features per step, but {type(self).__name__} is expecting {self.n_features_in_} as in fit"
            )

    def _build(self, rows: Rows, n_outputs: int, dtype: Any) -> nn.Module:
        if self.out_len is not None and n_outputs != self.out_len:
            raise ArgumentError(f"y means {n_outputs} outputs, but out_len={self.out_len}")
        settings: dict[str, Any] = dict(num_layers=self.num_layers, bidirectional=bool(self.bidirectional))
        if self.cell == "rnn":
            settings["nonlinearity"] = self.activation if self.activate is None else self.activate
        layer = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[self.cell]
        features = rows.values.shape[2] if rows.step is None else rows.step
        recurrent = layer(features, self.hidden_size, batch_first=True, dtype=dtype, **settings)
        return _LastState(recurrent, n_outputs, dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


class RNNRegressor(Regression, _RNN):
    """A recurrent network that predicts numbers from sequences: half the mean squared error, minimised by gradients.

    X is (n, steps, features), or a list of (steps_i, features) arrays of any lengths, or a table whose columns are the
    steps, `emb_len` columns (one, if None) each. y is (n,) or (n, outputs). `emb_len`, `seq_len` and `out_len`, where
    given, are checked: features per step, steps, outputs. `cell` is rnn (with `activation`, or by its other name
    `activate`, relu or tanh), lstm or gru. The other arguments and the attributes are MLPRegressor's, and
    n_features_in_ counts features per step where X is sequences, columns where it is a table.

    >>> import numpy as np
    >>> x = np.random.RandomState(0).normal(size=(20, 6, 3))
    >>> y = (x[:, 0, 0] + x[:, 1, 0]) / 2
    >>> model = RNNRegressor(emb_len=3, seq_len=6, out_len=1, solver="lbfgs", random_state=0)
    >>> model.fit(x, y).predict(x).shape
    (20,)
    """


class RNNClassifier(Classification, _RNN):
    """A recurrent network that predicts classes from sequences: log loss of a softmax, minimised by gradients.

    X and the arguments are RNNRegressor's, y and `classes_` are MLPClassifier's.

    >>> import numpy as np
    >>> x = [np.ones((length, 1)) for length in (2, 3, 4, 5, 6, 7)]
    >>> model = RNNClassifier(cell="gru", solver="lbfgs", random_state=0)
    >>> model.fit(x, ["short"] * 3 + ["long"] * 3).predict(x)
    array(['short', 'short', 'short', 'long', 'long', 'long'], dtype='<U5')
    """
